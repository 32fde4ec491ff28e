"""Four net maps from a spectrum image on disk: seconds and peak memory, beside HyperSpy and eXSpy.

Each reader runs in a process of its own; imports and compilation are not timed. HyperSpy sums the
same number of windows, with `get_lines_intensity` and windows of background, from the whole cube in
memory ("eager") or through Dask ("lazy").
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

ELEMENTS = ("Mn", "Cd", "S", "Cu")
LINES = {"Mn": (5.8987, 1.5), "Cd": (3.1338, 20.0), "S": (2.3075, 25.0), "Cu": (8.0478, 10.0)}
N_CHANNELS, STEP_KEV, BACKGROUND = 2048, 0.01, 40.0  # counts per pixel
LAYOUTS = {
    "HyperSpy's own (15 x 15, gzip, shuffle)": {"tile": (15, 15), "compression": "gzip"},
    "line by line, as scanned (gzip)": {"tile": (1, 0), "compression": "gzip", "shuffle": False},
    "uncompressed (15 x 15)": {"tile": (15, 15), "compression": None, "shuffle": False},
}


def draw_spectrum() -> np.ndarray:
    """Expected counts per channel of one pixel: falling background and four lines."""
    energy = np.arange(N_CHANNELS) * STEP_KEV
    spectrum = np.exp(-energy / 6) * (energy > 0.15)
    spectrum *= BACKGROUND / spectrum.sum()
    for line, counts in LINES.values():
        sigma = np.sqrt(0.13**2 + 0.0025 * (line - 5.8987)) / 2.3548
        spectrum += (
            counts * STEP_KEV * np.exp(-0.5 * ((energy - line) / sigma) ** 2) / sigma / 2.5066
        )
    return spectrum


def write_cube(path: Path, n_px: int, layout: dict) -> None:
    """HyperSpy file of uint16 Poisson counts, written a few lines at a time."""
    rng = np.random.default_rng(1)
    spectrum = draw_spectrum()
    tile = layout["tile"][0], layout["tile"][1] or n_px
    with h5py.File(path, "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.3"})
        group = file.create_group("Experiments/made")
        data = group.create_dataset(
            "data",
            (n_px, n_px, N_CHANNELS),
            "u2",
            chunks=(*tile, N_CHANNELS),
            compression=layout["compression"],
            shuffle=layout.get("shuffle", True),
        )
        block = rng.poisson(spectrum, (tile[0], 128, N_CHANNELS)).astype(np.uint16)
        for y in range(0, n_px, tile[0]):
            for x in range(0, n_px, 128):
                rows, columns = min(tile[0], n_px - y), min(128, n_px - x)
                if n_px <= 512:
                    block = rng.poisson(spectrum, block.shape).astype(np.uint16)
                data[y : y + rows, x : x + columns] = np.roll(block, x + y, 1)[:rows, :columns]
        axes = (("y", 0.5, "nm"), ("x", 0.5, "nm"), ("Energy", STEP_KEV, "keV"))
        for index, (name, scale, unit) in enumerate(axes):
            about = {"name": name, "scale": scale, "offset": 0.0, "units": unit}
            about |= {"size": data.shape[index], "navigate": index < 2}
            group.create_group(f"axis-{index}").attrs.update(about)
        metadata = group.create_group("metadata")
        metadata.create_group("General").attrs["title"] = "made"
        metadata.create_group("Signal").attrs["signal_type"] = "EDS_TEM"
        group.create_group("original_metadata")


def read_ours(path: str) -> dict[str, float]:
    """Net counts by element."""
    import napari_nanodope as nd

    field = nd.read_field(path, ELEMENTS, {"Cd": "La", "Mn": "Ka"})
    return {symbol: float(counts.sum()) for symbol, counts in field.maps.items()}


def read_hyperspy(path: str, *, lazy: bool) -> dict[str, float]:
    """Net counts by element."""
    import hyperspy.api as hs

    signal = hs.load(path, lazy=lazy)
    signal.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 200.0)
    name = "Acquisition_instrument.TEM.Detector.EDS.energy_resolution_MnKa"
    signal.metadata.set_item(name, 130.0)
    lines = ["Mn_Ka", "Cd_La", "S_Ka", "Cu_Ka"]
    signal.set_elements(list(ELEMENTS))
    signal.set_lines(lines)
    windows = signal.estimate_background_windows(xray_lines=lines)
    maps = signal.get_lines_intensity(lines, background_windows=windows)
    if lazy:
        for one in maps:
            one.compute()
    return {
        line[:2].strip("_"): float(one.data.sum()) for line, one in zip(lines, maps, strict=True)
    }


READERS: dict[str, Callable[[str], dict[str, float]]] = {
    "ours": read_ours,
    "HyperSpy, eager": lambda path: read_hyperspy(path, lazy=False),
    "HyperSpy, lazy": lambda path: read_hyperspy(path, lazy=True),
}


def work(reader: str, path: str, warm: str) -> None:
    """Read once to import and compile, then again with the clock running; print as JSON."""
    warnings.simplefilter("ignore")
    READERS[reader](warm)
    start = time.perf_counter()
    counts = READERS[reader](path)
    seconds = time.perf_counter() - start
    peak_MB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_MB": peak_MB, "counts": counts}))


def measure(reader: str, path: Path, warm: Path, n_runs: int) -> dict:
    """Median seconds and greatest memory of several processes."""
    runs = []
    for _ in range(n_runs):
        command = [sys.executable, __file__, "--work", reader, str(path), str(warm)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return {
        "seconds": statistics.median(run["seconds"] for run in runs),
        "peak_MB": max(run["peak_MB"] for run in runs),
        "counts": runs[0]["counts"],
    }


def compare(folder: Path, n_px: int, n_runs: int) -> None:
    """Print a table for every layout."""
    warm = folder / "warm.hspy"
    write_cube(warm, 16, LAYOUTS["uncompressed (15 x 15)"])
    for name, layout in LAYOUTS.items():
        path = folder / "cube.hspy"
        write_cube(path, n_px, layout)
        print(
            f"\n{n_px} x {n_px} x {N_CHANNELS}, {name}: {path.stat().st_size / 1e6:.0f} MB on disk"
        )
        found = {reader: measure(reader, path, warm, n_runs) for reader in READERS}
        for reader, one in found.items():
            ratio = one["seconds"] / found["ours"]["seconds"]
            counts = ", ".join(f"{s} {n:.4g}" for s, n in one["counts"].items())
            print(
                f"  {reader:16} {one['seconds']:6.2f} s ({ratio:4.1f} x), "
                f"{one['peak_MB']:5.0f} MB at most; net counts {counts}"
            )
        path.unlink()


def main() -> None:
    """Compare on 512 x 512 pixels; with --large, read 2048 x 2048 pixels alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", nargs=3, metavar=("READER", "FILE", "WARM"))
    parser.add_argument("--px", type=int, default=512)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="16 GiB of counts, minutes to write")
    args = parser.parse_args()
    if args.work:
        work(*args.work)
        return
    with tempfile.TemporaryDirectory(prefix="nanodope-reading-") as name:
        folder = Path(name)
        if not args.large:
            compare(folder, args.px, args.runs)
            return
        warm, path = folder / "warm.hspy", folder / "cube.hspy"
        write_cube(warm, 16, LAYOUTS["uncompressed (15 x 15)"])
        write_cube(path, 2048, LAYOUTS["HyperSpy's own (15 x 15, gzip, shuffle)"])
        one = measure("ours", path, warm, 1)
        print(
            f"2048 x 2048 x {N_CHANNELS}: {one['seconds']:.1f} s, {one['peak_MB']:.0f} MB at most"
        )


if __name__ == "__main__":
    main()
