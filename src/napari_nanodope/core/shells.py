"""Core or surface: the likelihood of the pooled dopant pixels under projected templates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import chdtrc

from napari_nanodope.core.counting import FalsePositives, estimate_total
from napari_nanodope.core.profiles import RadialSums

Location = Literal["core", "surface", "mixed", "undetermined"]

DECISIVE = float(np.log(20))
_MIXED = 0.2, 0.7  # templates are off by so much for facets and for unknown probes; see the docs
_HALF_CHI2_95 = 1.920729  # half the 95 % quantile of chi-squared with one degree of freedom
_SIGNIFICANT = 0.05
_FAINT = 1e-9  # share of the dopants that no template falls below, so that no pixel is impossible
_TINY = 1e-300
_DARKEST = 40.0  # expected events in a pixel beyond which it is an event for certain
_CERTAIN = 700.0  # and beyond which the exponential overflows


@dataclass(frozen=True, slots=True)
class PooledCounts:
    """Dopant pixels and templates of a set of particles, summed by size class and depth.

    Attributes
    ----------
    size_class, depth_px : (K,) int64 array
        The class, in number of depth bins, and the bin; ascending.
    n_pixels, dopant_pixels : (K,) float64 array
        Pixels and dopant pixels of all particles of the class at this depth.
    core, surface : (K,) float64 array
        Share of the dopants of the class expected at this depth if they fill the volume or the
        surface shell; each adds up to 1 over a class.
    """

    size_class: NDArray[np.int64]
    depth_px: NDArray[np.int64]
    n_pixels: NDArray[np.float64]
    dopant_pixels: NDArray[np.float64]
    core: NDArray[np.float64]
    surface: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LocationTest:
    """Whether the dopants fill the core or sit at the surface.

    Attributes
    ----------
    location : {"core", "surface", "mixed", "undetermined"}
        "core" or "surface" when one is 20 times likelier than the other; "mixed" when a mixture is
        20 times likelier than both and its surface fraction lies between 0.2 and 0.7. Always
        "undetermined" where the dopant pixels are no more than false positives.
    log_likelihood_ratio : float
        ln of the likelihood of core over that of surface; 0 where there is nothing to compare.
    surface_fraction, surface_fraction_low, surface_fraction_high : float
        Likeliest share of dopants in the surface shell beyond those that fill the volume, and its
        95 % profile-likelihood interval; NaN where there is nothing to compare.
    expected : DataFrame
        ``size_class, depth_px, n_pixels, dopant_pixels, core, surface``: dopant pixels counted, and
        expected from either template at its likeliest number of dopants.
    """

    location: Location
    log_likelihood_ratio: float
    surface_fraction: float
    surface_fraction_low: float
    surface_fraction_high: float
    expected: pd.DataFrame


def compute_thickness_nm(
    depth_nm: NDArray[np.float64], radius_nm: NDArray[np.float64], width_nm: float
) -> NDArray[np.float64]:
    """Mean thickness of a sphere over a pixel whose centre lies `depth_nm` inside its outline.

    Parameters
    ----------
    depth_nm, radius_nm : (...) float64 array
        Distance of the pixel centre from the outline, and radius of the sphere, in nm.
    width_nm : float
        Extent of the pixel along that distance, over which the chord is averaged.

    Returns
    -------
    (...) float64 array
        Thickness in nm; 0 outside.

    Notes
    -----
    The chord at depth d is 2 sqrt(d (2 R - d)); its integral from the outline is the area of a
    circular segment of height d, R^2 arccos(1 - d / R) - (R - d) sqrt(d (2 R - d)).
    """
    radius = np.maximum(radius_nm, 1e-9)

    def segment(height: NDArray[np.float64]) -> NDArray[np.float64]:
        h = np.clip(height, 0, 2 * radius)
        chord = np.sqrt(np.clip(h * (2 * radius - h), 0, None))
        area: NDArray[np.float64] = radius**2 * np.arccos(1 - h / radius) - (radius - h) * chord
        return area

    return (segment(depth_nm + width_nm / 2) - segment(depth_nm - width_nm / 2)) / width_nm


def pool_counts(
    sums: RadialSums, pixel_size_nm: tuple[float, float], shell_nm: float
) -> PooledCounts:
    """Dopant pixels by size class and depth, with the projected core and surface templates.

    Parameters
    ----------
    sums : RadialSums
        Of the particles that take part; rows of other particles must have been left out.
    pixel_size_nm : (float, float)
        Height and width of a pixel.
    shell_nm : float
        Thickness of the surface shell.

    Notes
    -----
    The mean thickness h of a class at depth d is its host counts per pixel there, scaled so that
    its particles together have the volume of spheres of their areas; where the class has no host
    counts, the chord of such spheres. Core: dopants in proportion to h. Surface: in proportion to
    the thickness of a shell t on the two faces of height h / 2, which is
    min(h, 2 t sqrt(1 + (h'(d) / 2)^2)) to first order in t.
    """
    _, particle, n_depths = np.unique(sums.particle, return_inverse=True, return_counts=True)
    size_class = n_depths[particle]
    stride = int(sums.depth_px.max(initial=0)) + 1
    keys, of_row = np.unique(size_class * stride + sums.depth_px, return_inverse=True)

    def pool(values: NDArray[np.float64] | NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(np.bincount(of_row, values, minlength=len(keys)), float)

    classes, n_pixels = keys // stride, pool(sums.n_pixels)
    depth = pool(sums.mean_depth_nm * sums.n_pixels) / n_pixels
    area = np.bincount(particle, sums.n_pixels) * pixel_size_nm[0] * pixel_size_nm[1]
    radius = np.sqrt(area / np.pi)[particle]
    chord = compute_thickness_nm(sums.mean_depth_nm, radius, min(pixel_size_nm))
    host, model = np.clip(pool(sums.host_counts), 0, None), pool(chord * sums.n_pixels)
    volume = np.where(_sum_by(classes, host) > _TINY, host, model)
    per_row = 4 / 3 * np.pi * radius**3 / size_class  # spread evenly over the rows of a particle
    volume = volume / _sum_by(classes, volume) * _sum_by(classes, pool(per_row))
    thickness = volume / (n_pixels * pixel_size_nm[0] * pixel_size_nm[1])
    shell = _shell_thickness(classes, depth, thickness, shell_nm) * n_pixels
    return PooledCounts(
        size_class=classes,
        depth_px=keys % stride,
        n_pixels=n_pixels,
        dopant_pixels=pool(sums.dopant_pixels),
        core=np.maximum(volume / _sum_by(classes, volume), _FAINT),
        surface=np.maximum(shell / _sum_by(classes, shell), _FAINT),
    )


def _shell_thickness(
    classes: NDArray[np.int64],
    depth: NDArray[np.float64],
    thickness: NDArray[np.float64],
    shell_nm: float,
) -> NDArray[np.float64]:
    """Thickness along the beam of a shell on both faces, given the thickness of the whole."""
    slope = np.empty_like(thickness)
    for k in np.unique(classes):
        rows = classes == k
        profile = np.concatenate([[0.0], thickness[rows]])
        slope[rows] = np.gradient(profile, np.concatenate([[0.0], depth[rows]]))[1:]
    return np.minimum(thickness, 2 * shell_nm * np.hypot(1, slope / 2))


def compare_locations(pooled: PooledCounts, background: FalsePositives) -> LocationTest:
    """Core against surface by the likelihood ratio of the pooled counts.

    Parameters
    ----------
    pooled : PooledCounts
        From `pool_counts`.
    background : FalsePositives
        Rate of events per pixel without a particle.

    Notes
    -----
    A pixel of a class is an event when at least one of Poisson(l) counts falls into it,
    l = b + N [(1 - f) C + f S] per pixel, with b the background, N the dopants of the class (a
    nuisance, at its likeliest value for each f), C and S the templates, and f = 0 against f = 1.
    For rare dopants this is the Poisson likelihood of the number of events; it stays right when
    several dopants share a pixel, where thresholded counting saturates.
    """
    return compare_locations_of_fields([(pooled, background)])


def compare_locations_of_fields(
    fields: Sequence[tuple[PooledCounts, FalsePositives]],
) -> LocationTest:
    """Core against surface by the counts of several fields of one sample.

    Parameters
    ----------
    fields : sequence of (PooledCounts, FalsePositives)
        Pooled counts of each field, and its background.

    Notes
    -----
    Fields are independent, so the logarithms of their likelihoods add up; see `compare_locations`.
    Templates, dopants of each size class and background are those of each field, which may differ
    in pixel size and dose; only the surface fraction is shared. Where fields disagree on it, in
    that twice the logarithm gained by a fraction for each is significant at 5 % by chi-squared with
    as many degrees of freedom as there are fields less one, the logarithms are divided by this
    gain per degree of freedom, for the interval alone, which makes it wider.
    """
    fractions = np.linspace(0, 1, 201)
    curves, tables = [], []
    for pooled, background in fields:
        if pooled.dopant_pixels.sum() == 0:  # which tells nothing
            tables.append(_tabulate(pooled, 0, 0))
            continue
        rate = -np.log1p(-min(background.per_pixel, 1 - 1e-12))
        curve, expected = _profile_likelihood(pooled, fractions, rate)
        curves.append(curve)
        tables.append(_tabulate(pooled, expected[0], expected[-1]))
    if not curves:
        nothing = _sum_tables(tables)
        return LocationTest("undetermined", 0.0, np.nan, np.nan, np.nan, nothing)
    likelihood = np.sum(curves, axis=0)
    best = int(likelihood.argmax())
    fall = _HALF_CHI2_95 * _measure_disagreement(curves)
    inside = np.flatnonzero(likelihood >= likelihood[best] - fall)
    ratio = float(likelihood[0] - likelihood[-1])
    gain = float(likelihood[best] - likelihood[[0, -1]].max())
    total = estimate_total(
        np.array([pooled.dopant_pixels.sum() for pooled, _ in fields]),
        np.array([pooled.n_pixels.sum() for pooled, _ in fields]),
        [background for _, background in fields],
    )
    return LocationTest(
        location=_decide(ratio, gain, fractions[best]) if total.low > 0 else "undetermined",
        log_likelihood_ratio=ratio,
        surface_fraction=float(fractions[best]),
        surface_fraction_low=_crossing(fractions, likelihood, int(inside[0]), (-1, fall)),
        surface_fraction_high=_crossing(fractions, likelihood, int(inside[-1]), (+1, fall)),
        expected=_sum_tables(tables),
    )


def _measure_disagreement(curves: Sequence[NDArray[np.float64]]) -> float:
    """By how much fields differ more in the fraction than chance has it; 1 where they do not."""
    n_more = len(curves) - 1
    if n_more == 0:
        return 1.0
    gained = 2 * float(sum(one.max() for one in curves) - np.sum(curves, axis=0).max())
    return gained / n_more if chdtrc(n_more, gained) < _SIGNIFICANT else 1.0


def _sum_tables(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Rows of the same size class and depth added up."""
    if len(tables) == 1:
        return tables[0]
    keys = ["size_class", "depth_px"]
    return pd.concat(tables, ignore_index=True).groupby(keys, as_index=False, sort=True).sum()


def _decide(ratio: float, gain: float, fraction: float) -> Location:
    if gain > DECISIVE and _MIXED[0] <= fraction <= _MIXED[1]:
        return "mixed"
    if abs(ratio) <= DECISIVE:
        return "undetermined"
    return "core" if ratio > 0 else "surface"


def _profile_likelihood(
    pooled: PooledCounts, fractions: NDArray[np.float64], rate: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log likelihood (F,) and expected dopant pixels (F, K), each class at its likeliest N."""
    f = fractions[:, None]
    per_pixel = ((1 - f) * pooled.core + f * pooled.surface) / pooled.n_pixels
    _, first, of_row = np.unique(pooled.size_class, return_index=True, return_inverse=True)
    low = np.full((len(fractions), len(first)), -30.0)
    faintest = np.minimum.reduceat(per_pixel, first, axis=1)
    high = np.log(_DARKEST / np.maximum(faintest, _TINY))
    y, n = pooled.dopant_pixels, pooled.n_pixels
    for _ in range(
        60
    ):  # bisection of the slope in ln N, which falls with N: the problem is concave
        middle = (low + high) / 2
        events = np.maximum(rate + np.exp(middle)[:, of_row] * per_pixel, _TINY)
        odds = y / np.expm1(np.minimum(events, _CERTAIN))
        slope = np.add.reduceat(per_pixel * (odds - (n - y)), first, axis=1)
        low, high = np.where(slope > 0, middle, low), np.where(slope > 0, high, middle)
    events = np.maximum(rate + np.exp((low + high) / 2)[:, of_row] * per_pixel, _TINY)
    seen = -np.expm1(-events)
    likelihood = np.sum(y * np.log(seen) - (n - y) * events, axis=1)
    return likelihood, n * seen


def _crossing(
    x: NDArray[np.float64], y: NDArray[np.float64], i: int, towards: tuple[int, float]
) -> float:
    """Where `y` has fallen by so much from its maximum, beyond the last point `i` above that."""
    step, fall = towards
    j = i + step
    if not 0 <= j < len(x):
        return float(x[i])
    level = y.max() - fall
    return float(x[i] + (x[j] - x[i]) * (y[i] - level) / (y[i] - y[j]))


def _sum_by(classes: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of `values` over the rows of the same class, at every row."""
    _, of_row = np.unique(classes, return_inverse=True)
    return np.maximum(np.bincount(of_row, values)[of_row], _TINY)


def _tabulate(
    pooled: PooledCounts, core: NDArray[np.float64] | float, surface: NDArray[np.float64] | float
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "size_class": pooled.size_class,
            "depth_px": pooled.depth_px,
            "n_pixels": pooled.n_pixels.astype(np.int64),
            "dopant_pixels": pooled.dopant_pixels.astype(np.int64),
            "core": core,
            "surface": surface,
        }
    )
