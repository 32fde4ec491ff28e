"""Radial tables: what each particle holds at each depth, and their averages over particles."""

from dataclasses import dataclass

import numba
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_nanodope.core.labels import CompactLabels

_ROUNDING = 1e-4  # of a bin: above float32's error, far below any distance between pixels
CURVES = ("n_pixels", "host_counts", "dopant_pixels", "dopant_counts")


@dataclass(frozen=True, slots=True)
class RadialSums:
    """What every particle holds at every depth: one row per particle and non-empty depth bin.

    Attributes
    ----------
    particle : (R,) int64 array
        Index of the particle, ascending.
    depth_px : (R,) int64 array
        Depth bin, ascending within a particle; its width is one pixel.
    n_pixels, dopant_pixels : (R,) int64 array
        Pixels, and pixels whose dopant value lies strictly above the threshold.
    mean_depth_nm : (R,) float64 array
        Mean over the pixels of the bin of the exact distance from the edge.
    host_counts, dopant_counts : (R,) float64 array
        Sum of the host map over all pixels, and of the dopant map over the dopant pixels.
    """

    particle: NDArray[np.int64]
    depth_px: NDArray[np.int64]
    n_pixels: NDArray[np.int64]
    mean_depth_nm: NDArray[np.float64]
    host_counts: NDArray[np.float64]
    dopant_pixels: NDArray[np.int64]
    dopant_counts: NDArray[np.float64]

    def of(self, chosen: NDArray[np.bool_]) -> "RadialSums":
        """Rows of the particles where `chosen` (N,) is True."""
        rows = chosen[self.particle]
        return RadialSums(*(getattr(self, name)[rows] for name in self.__slots__))

    def per_particle(self, name: str, n_particles: int) -> NDArray[np.float64]:
        """Sum (N,) over the depths of a column named as in `CURVES`."""
        values: NDArray[np.float64] = getattr(self, name).astype(float)
        return np.asarray(np.bincount(self.particle, values, minlength=n_particles), float)


@dataclass(frozen=True, slots=True)
class DepthBins:
    """How a depth image becomes whole depth bins.

    Attributes
    ----------
    depth : (Y, X) float32 array
        Depth of each pixel, in any unit.
    deepest : (N,) float32 array
        Greatest depth of every particle.
    width : float
        Width of a bin in that unit; the bin of a pixel is floor(depth / width).
    nm : float
        Length of that unit in nm.

    Notes
    -----
    A depth that lies on a bin's edge up to rounding belongs to the deeper bin, whatever the unit.
    """

    depth: NDArray[np.float32]
    deepest: NDArray[np.float32]
    width: float = 1.0
    nm: float = 1.0


def sum_radially(
    labels: CompactLabels,
    bins: DepthBins,
    host: NDArray[np.float32],
    dopant: NDArray[np.float32],
    threshold: float,
) -> RadialSums:
    """Pixels, host counts and dopants of every particle at every depth, in one pass.

    Parameters
    ----------
    labels : CompactLabels
        The particles.
    bins : DepthBins
        Depth of each pixel and the width of a bin.
    host, dopant : (Y, X) float32 array
        Net counts.
    threshold : float
        A pixel holds a dopant if its dopant value is strictly above; compared in float32, as the
        map is kept.

    Notes
    -----
    Sums are taken in float64 in the order of the pixels, so they are exact for whole counts and
    the same on every run.
    """
    n_bins = (bins.deepest.astype(np.float64) * (1 / bins.width) + _ROUNDING).astype(np.int64) + 1
    offsets = np.concatenate([[0], np.cumsum(n_bins)])
    pixels, sums = _accumulate(labels.image, bins, offsets, (host, dopant, threshold))
    particle = np.repeat(np.arange(labels.n), n_bins)
    kept = pixels[:, 0] > 0
    return RadialSums(
        particle=particle[kept],
        depth_px=(np.arange(offsets[-1]) - offsets[particle])[kept],
        n_pixels=pixels[kept, 0],
        mean_depth_nm=sums[kept, 0] / pixels[kept, 0] * bins.nm,
        host_counts=sums[kept, 1],
        dopant_pixels=pixels[kept, 1],
        dopant_counts=sums[kept, 2],
    )


def _accumulate(
    labels: NDArray[np.int32],
    bins: DepthBins,
    offsets: NDArray[np.int64],
    maps: tuple[NDArray[np.float32], NDArray[np.float32], float],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    pixels = np.zeros((offsets[-1], 2), np.int64)
    sums = np.zeros((offsets[-1], 3))
    images = labels, bins.depth, maps[0], maps[1]
    _sum_rows(images, bins.width, np.float32(maps[2]), offsets, (pixels, sums))
    return pixels, sums


@numba.njit(cache=True, nogil=True)
def _sum_rows(
    images: tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]],
    width: float,
    threshold: np.float32,
    offsets: NDArray[np.int64],
    totals: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> None:
    labels, depth, host, dopant = images
    pixels, sums = totals
    per_width = 1 / width
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            if label == 0:
                continue
            d = depth[y, x]
            i = offsets[label - 1] + int(d * per_width + _ROUNDING)
            i = min(i, offsets[label] - 1)  # never beyond, should a depth exceed the deepest
            pixels[i, 0] += 1
            sums[i, 0] += d
            sums[i, 1] += host[y, x]
            if dopant[y, x] > threshold:
                pixels[i, 1] += 1
                sums[i, 2] += dopant[y, x]


def count_depth_bins(radial: pd.DataFrame) -> pd.Series:
    """Size class of each particle: its number of non-empty depth bins, indexed by label."""
    return radial.groupby("label", sort=True)["depth_px"].size().rename("size_class")


def average_by_size_class(radial: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard error over the particles of a size class, at each depth.

    Parameters
    ----------
    radial : DataFrame
        With the columns ``label, depth_px, depth_nm`` and those of `CURVES`.

    Returns
    -------
    DataFrame
        One row per size class and depth: ``size_class, depth_px, depth_nm, n_particles``, then for
        each curve ``<curve>_mean`` and ``<curve>_sem``, the sample standard deviation over
        sqrt(n_particles); NaN for a single particle.
    """
    table = radial.assign(size_class=radial["label"].map(count_depth_bins(radial)))
    groups = table.groupby(["size_class", "depth_px"], sort=True)
    averages = groups.agg(depth_nm=("depth_nm", "first"), n_particles=("label", "size"))
    for curve in CURVES:
        averages[f"{curve}_mean"] = groups[curve].mean()
        averages[f"{curve}_sem"] = groups[curve].sem()
    return averages.reset_index()


def average_reduced(radial: pd.DataFrame, *, n_points: int = 21) -> pd.DataFrame:
    """Mean and standard error over all particles at a reduced depth from 0 (edge) to 1 (deepest).

    Parameters
    ----------
    radial : DataFrame
        As for `average_by_size_class`.
    n_points : int, optional
        Points of the reduced depth.

    Returns
    -------
    DataFrame
        ``reduced_depth, n_particles``, then ``<curve>_mean`` and ``<curve>_sem`` per curve.

    Notes
    -----
    Every particle's curve of K bins is read at (K - 1) x reduced_depth, linearly between bins.
    Particles of a single bin have no profile and are left out.
    """
    grid = np.linspace(0, 1, n_points)
    ordered = radial.sort_values(["label", "depth_px"], kind="stable")
    n_bins = ordered.groupby("label", sort=True)["depth_px"].transform("size").to_numpy()
    total = np.zeros((len(CURVES), n_points))
    squares = np.zeros_like(total)
    n_particles = 0
    for k in np.unique(n_bins[n_bins > 1]):
        read = _interpolation(int(k), grid)
        rows = ordered.loc[n_bins == k, list(CURVES)].to_numpy(float)
        curves = np.einsum("pkc,kg->pcg", rows.reshape(-1, int(k), len(CURVES)), read)
        total += curves.sum(axis=0)
        squares += (curves**2).sum(axis=0)
        n_particles += len(curves)
    table = {"reduced_depth": grid, "n_particles": np.full(n_points, n_particles)}
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / n_particles
        variance = np.clip(squares - n_particles * mean**2, 0, None) / (n_particles - 1)
        for i, curve in enumerate(CURVES):
            table[f"{curve}_mean"] = mean[i]
            table[f"{curve}_sem"] = np.sqrt(variance[i] / n_particles)
    return pd.DataFrame(table)


def _interpolation(n_bins: int, grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matrix (n_bins, len(grid)) that reads a curve of `n_bins` values at reduced depths."""
    return np.stack(
        [np.interp(grid * (n_bins - 1), np.arange(n_bins), row) for row in np.eye(n_bins)]
    )


def decompose_by_least_squares(averages: pd.DataFrame) -> pd.DataFrame:
    """Published surface and bulk shares of the dopant curve, per size class or reduced particle.

    Parameters
    ----------
    averages : DataFrame
        From `average_by_size_class` or `average_reduced`.

    Returns
    -------
    DataFrame
        One row per size class (``size_class`` is 0 for the reduced particle): ``n_depths,
        constant, surface, bulk, r_squared``; NaN where fewer than three depths determine them.

    Notes
    -----
    Ordinary least squares of the dopant-pixel curve on 1, the pixel curve ("surface") and the host
    curve ("bulk"), each divided by its maximum [1]_. It has no weights and no uncertainty; the
    likelihood ratio of `napari_nanodope.core.shells` answers the same question with both.

    References
    ----------
    .. [1] Abutbul et al., ACS Nano 2025, 19, 17640, DOI 10.1021/acsnano.5c01257.
    """
    if "size_class" not in averages:
        averages = averages.assign(size_class=0)
    rows = [
        {"size_class": size_class} | _fit_published(group)
        for size_class, group in averages.groupby("size_class", sort=True)
    ]
    columns = ["size_class", "n_depths", "constant", "surface", "bulk", "r_squared"]
    return pd.DataFrame(rows, columns=columns)


def _fit_published(curves: pd.DataFrame) -> dict[str, float]:
    columns = ["dopant_pixels_mean", "n_pixels_mean", "host_counts_mean"]
    values = curves[columns].to_numpy(float)
    peaks = values.max(axis=0, initial=0)
    n_depths = len(values)
    if n_depths < 3 or not np.all(np.isfinite(peaks) & (peaks > 0)):
        return {"n_depths": n_depths} | dict.fromkeys(
            ("constant", "surface", "bulk", "r_squared"), np.nan
        )
    y, surface, bulk = (values / peaks).T
    design = np.stack([np.ones(n_depths), surface, bulk], axis=1)
    coefficients, *_ = np.linalg.lstsq(design, y, rcond=None)
    residual = float(np.sum((y - design @ coefficients) ** 2))
    spread = float(np.sum((y - y.mean()) ** 2))
    return {
        "n_depths": n_depths,
        "constant": float(coefficients[0]),
        "surface": float(coefficients[1]),
        "bulk": float(coefficients[2]),
        "r_squared": 1 - residual / spread if spread > 0 else np.nan,
    }
