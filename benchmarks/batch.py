"""Fields per second of a batch by workers, its overhead per field, memory, and a second run.

Fields are simulated, of 256 x 256 pixels, and segmented by watershed, so that the analysis itself
is short and overhead shows. The analysis alone is timed in one process: reading, `analyze` and
nothing written. Ratios are printed; start-up of the workers is told apart.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import napari_nanodope as nd
from napari_nanodope.batch import BatchProgress, run_batch
from napari_nanodope.io.arrays import save_field

N_SCENES = 10  # simulated; the others are copies under other names


def make_project(folder: Path, n_fields: int, size_px: int) -> None:
    """Project of one sample with fields of simulated particles."""
    scans = folder / "eds"
    scans.mkdir(parents=True)
    for number in range(n_fields):
        if number < N_SCENES:
            params = nd.PhantomParams(shape_px=(size_px, size_px), shot_noise=True)
            field, _ = nd.simulate_field(params, seed=number)
            save_field(field, scans / f"scan{number:04d}.npz")
        else:
            source = scans / f"scan{number % N_SCENES:04d}.npz"
            shutil.copy(source, scans / f"scan{number:04d}.npz")
    for file in scans.iterdir():
        os.utime(file, (1.7e9, 1.7e9))
    (folder / "project.toml").write_text(
        '[[sample]]\nid = "24h"\n\n[[measurement]]\nsample = "24h"\ntechnique = "eds"\n'
        'files = "eds/*.npz"\n'
    )
    nd.Recipe().replace(segment={"method": "watershed"}).save(folder / "recipe.toml")


def time_analysis(folder: Path) -> float:
    """Median seconds of reading and analysing one field, with nothing written."""
    recipe = nd.Recipe.load(folder / "recipe.toml")
    seconds = []
    for file in [*sorted((folder / "eds").iterdir())[:N_SCENES]] * 3:
        start = time.perf_counter()
        nd.analyze(nd.read_field(file, ["Cd", "Mn"]), recipe)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[N_SCENES:])


def measure_memory() -> float:
    """Resident memory of this process in MB, in which the scheduler is."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def time_batch(folder: Path, workers: int) -> dict[str, float]:
    """Seconds of a batch from nothing, with and without start-up, and memory on the way."""
    shutil.rmtree(folder / "results", ignore_errors=True)
    project = nd.Project.open(folder)
    memory = {}

    def watch(done: BatchProgress) -> None:
        if done.n_done in (done.n_total // 10, done.n_total):
            memory[done.n_done] = (measure_memory(), done.seconds)

    start = time.perf_counter()
    report = run_batch(project, workers=workers, progress=watch)
    whole = time.perf_counter() - start
    assert len(report.done) == len(project.fields), report.failures
    (first_mb, first_s), (last_mb, last_s) = memory.values()
    n = len(project.fields)
    return {
        "whole_s": whole,
        "per_field_s": (last_s - first_s) / (n - n // 10),
        "mb_tenth": first_mb,
        "mb_end": last_mb,
    }


def time_command(folder: Path) -> float:
    """Seconds of `nanodope batch` where nothing is to be done."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "napari_nanodope.cli", "batch", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fields", type=int, default=1000)
    parser.add_argument("--size-px", type=int, default=256)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        make_project(folder, args.fields, args.size_px)
        alone_s = time_analysis(folder)
        runs: dict[int, dict[str, Any]] = {n: time_batch(folder, n) for n in (1, 2)}
        again_s = time_command(folder)
        n_bytes = sum(p.stat().st_size for p in (folder / "results").rglob("*") if p.is_file())
    print(f"{args.fields} fields of {args.size_px} x {args.size_px} pixels")
    print(f"analysis alone: {1000 * alone_s:.1f} ms per field")
    for workers, run in runs.items():
        print(
            f"{workers} worker(s): {1000 * run['per_field_s']:.1f} ms per field, all in "
            f"{run['whole_s']:.1f} s; {run['mb_tenth']:.0f} MB after a tenth, "
            f"{run['mb_end']:.0f} MB at the end"
        )
    print(f"two workers over one: {runs[1]['per_field_s'] / runs[2]['per_field_s']:.2f} times")
    print(f"overhead: {1000 * (runs[1]['per_field_s'] - alone_s):.1f} ms per field")
    print(f"second run, the whole command: {again_s:.2f} s; results {n_bytes / 1e6:.1f} MB")
    print(json.dumps({"alone_s": alone_s, "runs": runs, "again_s": again_s}))


if __name__ == "__main__":
    main()
