"""Radial table and whole analysis against loops over particles and over pixels; memory; scaling."""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import regionprops, regionprops_table

import napari_nanodope as nd
from napari_nanodope.core.distance import compute_depth_nm, measure_depth_nm
from napari_nanodope.core.labels import compact_labels
from napari_nanodope.core.profiles import DepthBins, sum_radially

PIXEL_NM = 0.7
THRESHOLD = 0.5
SHAPE_COLUMNS = (
    "label",
    "bbox",
    "centroid",
    "area",
    "equivalent_diameter_area",
    "eccentricity",
    "solidity",
)


def make_field(n_px: int, seed: int = 1) -> tuple[nd.FieldOfView, NDArray[np.int32]]:
    """Discs of 6 to 12 px on a jittered grid, about 1200 per million pixels, with Poisson maps."""
    rng = np.random.default_rng(seed)
    step = 29
    labels = np.zeros((n_px, n_px), np.int32)
    yy, xx = np.mgrid[-13:14, -13:14]
    for label, (i, j) in enumerate(np.ndindex(n_px // step, n_px // step), start=1):
        radius = rng.uniform(6, 12)
        y, x = i * step + 14 + rng.integers(-1, 2), j * step + 14 + rng.integers(-1, 2)
        disc = (yy**2 + xx**2 <= radius**2) & (y + yy < n_px) & (x + xx < n_px)
        labels[(y + yy)[disc], (x + xx)[disc]] = label
    inside = (labels > 0).astype(np.float32)
    maps = {
        "Cd": rng.poisson(20 * inside).astype(np.float32),
        "Mn": rng.poisson(0.05 * inside + 0.005).astype(np.float32),
    }
    return nd.FieldOfView(inside, maps, PIXEL_NM), labels


def radial_ours(field: nd.FieldOfView, labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """Rows of pixels, host counts, dopant pixels and dopant counts, by particle and depth."""
    compact = compact_labels(labels)
    depth, deepest = measure_depth_nm(compact, field.pixel_size_nm)
    bins = DepthBins(depth, deepest, width=PIXEL_NM)
    sums = sum_radially(compact, bins, field.map_of("Cd"), field.map_of("Mn"), THRESHOLD)
    columns = sums.n_pixels, sums.host_counts, sums.dopant_pixels, sums.dopant_counts
    return np.stack(columns, axis=1)


def radial_by_particle(field: nd.FieldOfView, labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """The same rows from a loop over particles, each on its own crop."""
    host, dopant = field.map_of("Cd"), field.map_of("Mn")
    rows = []
    for region in regionprops(labels):
        window, mask = region.slice, region.image
        depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1][mask]
        bins = (depth - 0.5).astype(np.int64)
        values = dopant[window][mask]
        hit = values > THRESHOLD
        n = bins.max() + 1
        rows.append(
            np.stack(
                [
                    np.bincount(bins, minlength=n),
                    np.bincount(bins, host[window][mask], minlength=n),
                    np.bincount(bins[hit], minlength=n),
                    np.bincount(bins[hit], values[hit], minlength=n),
                ],
                axis=1,
            )
        )
    return np.concatenate(rows)


def radial_by_pixel(field: nd.FieldOfView, labels: NDArray[np.int32]) -> dict:
    """The same sums from a loop over pixels, the distance transform given."""
    depth = compute_depth_nm(labels, (1.0, 1.0))
    host, dopant = field.map_of("Cd"), field.map_of("Mn")
    rows: dict[tuple[int, int], list] = {}
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            if label > 0:
                row = rows.setdefault((int(label), int(depth[y, x])), [0, 0.0, 0, 0.0])
                row[0] += 1
                row[1] += host[y, x]
                if dopant[y, x] > THRESHOLD:
                    row[2] += 1
                    row[3] += dopant[y, x]
    return rows


def median_time(run: Callable[[], object], n: int) -> float:
    """Median wall time of `n` runs, in seconds."""
    times = []
    for _ in range(n):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def peak_bytes(run: Callable[[], object]) -> int | None:
    """Peak resident memory of a call above what was resident before; None where unknown."""
    clear, status = Path("/proc/self/clear_refs"), Path("/proc/self/status")
    if not clear.exists():
        return None

    def read(key: str) -> int:
        line = next(row for row in status.read_text().splitlines() if row.startswith(key))
        return int(line.split()[1]) * 1024

    clear.write_text("5")
    before = read("VmRSS")
    kept = run()
    peak = read("VmHWM") - before
    del kept
    return peak


def main() -> None:
    """Print every comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096, help="pixels along a side")
    parser.add_argument("--repeat", type=int, default=5, help="runs of ours; of the loops, 2")
    args = parser.parse_args()
    small, small_labels = make_field(512)
    nd.analyze(small, labels=small_labels)  # compile once

    field, labels = make_field(args.size)
    print(f"{args.size} x {args.size} pixels, {labels.max()} particles")
    assert np.array_equal(radial_ours(field, labels), radial_by_particle(field, labels))
    ours = median_time(lambda: radial_ours(field, labels), args.repeat)
    loop = median_time(lambda: radial_by_particle(field, labels), 2)
    print(
        f"radial table:   ours {ours:6.2f} s  loop over particles {loop:6.2f} s  "
        f"{loop / ours:.1f} x"
    )

    whole = median_time(lambda: nd.analyze(field, labels=labels), args.repeat)
    table = median_time(lambda: regionprops_table(labels, properties=SHAPE_COLUMNS), 1)
    print(
        f"whole analyze:  ours {whole:6.2f} s  regionprops_table + loop {table + loop:6.2f} s  "
        f"{(table + loop) / whole:.1f} x"
    )
    peak = peak_bytes(lambda: nd.analyze(field, labels=labels))
    if peak is not None:
        print(f"peak memory of analyze above the inputs: {peak / labels.size:.1f} bytes per pixel")

    ours = median_time(lambda: radial_ours(small, small_labels), args.repeat)
    literal = median_time(lambda: radial_by_pixel(small, small_labels), 1)
    print(
        f"512 x 512:      ours {ours * 1e3:6.1f} ms loop over pixels {literal * 1e3:6.0f} ms  "
        f"{literal / ours:.0f} x"
    )
    for n_px in (512, 1024, 2048, 4096):
        field, labels = make_field(n_px)
        run = median_time(lambda f=field, given=labels: nd.analyze(f, labels=given), args.repeat)
        print(f"analyze {n_px:5d}: {run:6.3f} s, {run / n_px**2 * 1e9:5.1f} ns per pixel")


if __name__ == "__main__":
    main()
