"""Batches that lose a worker, their scheduler or themselves to SIGKILL, at random moments.

After every loss the tables that are there are compared with those of an undisturbed run, byte by
byte; what is not done is left to the next batch. Moments are drawn from the seed. Exits with 0 only
where nothing was wrong. Needs Linux, to find processes.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import napari_nanodope as nd
from napari_nanodope.io.arrays import save_field

KINDS = ("worker", "scheduler", "batch")
MARK = "NANODOPE_FUZZ"
PROJECT = '[[sample]]\nid = "24h"\n\n[[measurement]]\nsample = "24h"\ntechnique = "eds"\n'
LONGEST_S = 900.0


def make_project(folder: Path, n_fields: int) -> None:
    """Project of small simulated fields, each of its own."""
    (folder / "eds").mkdir(parents=True)
    for number in range(n_fields):
        params = nd.PhantomParams(shape_px=(128, 128), shot_noise=True)
        save_field(nd.simulate_field(params, seed=number)[0], folder / f"eds/scan{number:03d}.npz")
    for file in (folder / "eds").iterdir():
        os.utime(file, (1.7e9, 1.7e9))
    (folder / "project.toml").write_text(f'{PROJECT}files = "eds/*.npz"\n')
    nd.Recipe().replace(segment={"method": "watershed"}).save(folder / "recipe.toml")


def start(*words: str, quiet: bool = True) -> subprocess.Popen[str]:
    """Process of ours, which can be found by its mark as all that it starts."""
    sink = subprocess.DEVNULL if quiet else subprocess.PIPE
    command = [sys.executable, "-m", *words]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=sink, text=True, env=os.environ | {MARK: "1"}
    )


def find_processes() -> dict[int, str]:
    """Command by number of every process with our mark."""
    found = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                environment = (place / "environ").read_bytes().split(b"\0")
                words = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if f"{MARK}=1".encode() in environment and words:
                found[int(place.name)] = words
    return found


def digest_tables(folder: Path) -> dict[str, str]:
    """Digest by name of every table."""
    files = sorted((folder / "results").glob("*/sample_id=*/*.parquet"))
    return {
        f"{file.parts[-3]}/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }


@contextmanager
def run_cluster(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Scheduler and two workers, started on their own, and the address."""
    file = folder.with_name("scheduler.json")
    file.unlink(missing_ok=True)
    place = ("--scheduler-file", str(file))
    cli = "distributed.cli.dask_"
    scheduler = start(f"{cli}scheduler", *place, "--port", "0", "--no-dashboard")
    workers = [
        start(f"{cli}worker", *place, "--nthreads", "1", "--no-dashboard", "--death-timeout", "20")
        for _ in range(2)
    ]
    while not file.exists() or not file.read_text().endswith("}"):
        time.sleep(0.05)
    try:
        yield scheduler, json.loads(file.read_text())["address"]
    finally:
        for one in (*workers, scheduler):
            one.kill()
            one.wait()


def list_writings(folder: Path) -> set[tuple[str, int]]:
    """Name of every table and when it was written."""
    found = set()
    for file in folder.glob("results/*/sample_id=*/*.parquet"):
        with suppress(FileNotFoundError):
            found.add((str(file), file.stat().st_mtime_ns))
    return found


def lose(kind: str, folder: Path, wait_s: float) -> tuple[int, str]:
    """Start a batch, kill a part of it, and give its exit code and what it said last."""
    if kind == "scheduler":
        with run_cluster(folder) as (scheduler, address):
            batch = start(
                "napari_nanodope.cli", "batch", str(folder), "--scheduler", address, quiet=False
            )
            kill_later(batch, folder, wait_s, scheduler.pid)
            return finish(batch)
    batch = start("napari_nanodope.cli", "batch", str(folder), "--workers", "2", quiet=False)
    kill_later(batch, folder, wait_s, batch.pid if kind == "batch" else None)
    return finish(batch)


def kill_later(
    batch: subprocess.Popen[str], folder: Path, wait_s: float, target: int | None
) -> None:
    """Kill a process, or a worker where none is named, some time after work has begun."""
    start_s = time.time()
    while batch.poll() is None and not any(
        file.stat().st_mtime > start_s
        for file in folder.glob("results/*/sample_id=*/scan*.parquet")
    ):
        time.sleep(0.02)
    time.sleep(wait_s)
    if target is None:
        workers = [pid for pid, words in find_processes().items() if "spawn_main" in words]
        target = workers[int(wait_s * 1e4) % len(workers)] if workers else None
    if target is not None and batch.poll() is None:
        os.kill(target, signal.SIGKILL)


def finish(batch: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and last line of what a batch said."""
    _, told = batch.communicate(timeout=LONGEST_S)
    return batch.returncode, (told.strip().splitlines() or [""])[-1]


def wait_for_the_rest() -> dict[int, str]:
    """Processes that outlive their batch by more than half a minute."""
    end = time.monotonic() + 30
    while (left := find_processes()) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def main() -> int:
    """Kill, compare, and go on."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--fields", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng, faults = random.Random(args.seed), 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        make_project(folder, args.fields)
        finish(start("napari_nanodope.cli", "batch", str(folder), quiet=False))
        wanted = digest_tables(folder)
        assert len(wanted) == 2 * args.fields, len(wanted)
        (folder / "results").rename(Path(place) / "undisturbed")
        for number in range(args.kills):
            kind, wait_s = KINDS[number % len(KINDS)], rng.uniform(0, 1.5)
            code, told = lose(kind, folder, wait_s)
            left = wait_for_the_rest()
            tables = digest_tables(folder)
            wrong = [name for name, digest in tables.items() if wanted[name] != digest]
            is_bad = bool(wrong or left or (kind == "worker" and code != 0))
            faults += is_bad
            print(
                f"{number}: {kind} after {wait_s:.2f} s: exit code {code}, {len(tables)} of "
                f"{len(wanted)} tables, {len(wrong)} differ, {len(left)} process(es) left"
                f"{'  FAULT' if is_bad else ''}\n    {told}",
                flush=True,
            )
            if len(tables) == len(wanted):
                for file in (folder / "results").rglob("*.parquet"):
                    if rng.random() < 0.8:
                        file.unlink()
        code, told = finish(start("napari_nanodope.cli", "batch", str(folder), quiet=False))
        partial = [str(file) for file in folder.rglob("*") if "partial" in file.name]
        is_equal = digest_tables(folder) == wanted
    print(f"last run: exit code {code}; equal to undisturbed: {is_equal}; partial: {partial}")
    return int(faults > 0 or code != 0 or not is_equal or bool(partial))


if __name__ == "__main__":
    sys.exit(main())
