"""Fields per second of a batch by workers, its overhead per field, memory, and a second run.

Fields are simulated, of 256 x 256 pixels, and segmented by watershed at a diameter that is told, so
that the analysis itself is short and overhead shows. Overhead is what a worker does beyond reading
and `analyze`, and the time between fields; each is a difference of times taken side by side, since
machines change their speed.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import napari_nanodope as nd
from napari_nanodope.batch import BatchProgress, run_batch
from napari_nanodope.field_task import measure_field
from napari_nanodope.io.arrays import save_field
from napari_nanodope.results import load_json

N_SCENES = 10  # simulated; the others are copies under other names
N_ROUNDS, N_PART, N_FIRST = 5, 100, 10


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
    segment = {"method": "watershed", "diameter_nm": 2 * nd.PhantomParams().radius_nm}
    nd.Recipe().replace(segment=segment).save(folder / "recipe.toml")


def time_alone(project: nd.Project) -> tuple[float, float]:
    """Mean seconds of reading and analysing a field, and of doing all that a worker does to it.

    Fields take turns in one process, since a machine changes its speed.
    """
    recipe, states = nd.Recipe.load(project.folder / "recipe.toml"), project.find_states()
    alone, whole = [], []
    for one in project.fields[:N_PART]:
        start = time.perf_counter()
        nd.analyze(nd.read_field(one.files[0], ["Cd", "Mn"]), recipe)
        between = time.perf_counter()
        measure_field(one, dict(states[one.name].parts))
        alone.append(between - start)
        whole.append(time.perf_counter() - between)
    first = N_SCENES  # compiled code is loaded with the first
    return statistics.mean(alone[first:]), statistics.mean(whole[first:])


def measure_memory() -> float:
    """Resident memory of this process in MB, in which the scheduler is."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def time_whole_batch(folder: Path, workers: int) -> dict[str, float]:
    """Seconds of a batch from nothing, and memory on the way."""
    project = nd.Project.open(folder)
    memory = {}

    def watch(done: BatchProgress) -> None:
        if done.n_done in (done.n_total // 10, done.n_total):
            memory[done.n_done] = measure_memory()

    start = time.perf_counter()
    report = run_batch(project, workers=workers, progress=watch)
    seconds = time.perf_counter() - start
    assert len(report.done) == len(project.fields), report.failures
    first_mb, last_mb = memory.values()
    return {"seconds": seconds, "mb_tenth": first_mb, "mb_end": last_mb}


def time_part(project: nd.Project, workers: int) -> tuple[float, float]:
    """Seconds per field of measuring some fields again, and those in which a worker was at it.

    By the times at which results were finished, from when all workers are well under way.
    """
    last = [one.folder / "provenance.json" for one in project.fields[:N_PART]]
    for path in last:
        path.unlink()
    report = run_batch(project, workers=workers)
    assert len(report.done) == N_PART, report.failures
    told = sorted((path.stat().st_mtime_ns * 1e-9, load_json(path)["seconds"]) for path in last)
    ends, at_work = zip(*told[N_FIRST:], strict=True)
    return (ends[-1] - ends[0]) / (len(ends) - 1), statistics.mean(at_work)


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
        whole = time_whole_batch(folder, 2)
        project = nd.Project.open(folder)
        rounds = [
            (*time_alone(project), *time_part(project, 1), time_part(project, 2)[0])
            for _ in range(N_ROUNDS)
        ]
        again_s = time_command(folder)
        n_bytes = sum(p.stat().st_size for p in (folder / "results").rglob("*") if p.is_file())
    print(f"{args.fields} fields of {args.size_px} x {args.size_px} pixels by two workers:")
    print(
        f"{whole['seconds']:.1f} s with start; {whole['mb_tenth']:.0f} MB after a tenth, "
        f"{whole['mb_end']:.0f} MB at the end; results {n_bytes / 1e6:.1f} MB"
    )
    print(f"second run, the whole command: {again_s:.2f} s")
    print(f"{N_ROUNDS} rounds of {N_PART} fields, milliseconds per field:")
    names = ("analysis", "and written", "a worker", "of these at work", "two workers")
    for name, seconds in zip(names, zip(*rounds, strict=True), strict=True):
        print(f"{name:18}" + "".join(f"{1e3 * one:8.1f}" for one in seconds))
    writing = statistics.median(whole - alone for alone, whole, *_ in rounds)
    waiting = statistics.median(one - at_work for _, _, one, at_work, _ in rounds)
    speedup = statistics.median(one / two for _, _, one, _, two in rounds)
    print(f"two workers over one: {speedup:.2f} times")
    print(
        f"overhead: {1e3 * (writing + waiting):.1f} ms per field, {1e3 * writing:.1f} in writing "
        f"and {1e3 * waiting:.1f} between fields"
    )


if __name__ == "__main__":
    main()
