"""Dopants per particle from thresholded pixels, corrected for false positives."""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincc, gammainccinv, gammaincinv

from napari_nanodope.model import InputError

MARGIN_PX = 2
_RARE = 1e-200


@dataclass(frozen=True, slots=True)
class FalsePositives:
    """How often a pixel without a particle is counted as a dopant.

    Attributes
    ----------
    n_events : int
        Pixels above the threshold among those outside every particle.
    n_pixels : int
        Pixels outside every particle, at least two pixels away from any.
    counts : float
        Sum of the dopant counts in those events.
    """

    n_events: int
    n_pixels: int
    counts: float = 0.0

    @property
    def per_pixel(self) -> float:
        """Fraction of particle-free pixels counted as dopants; 0 where there are no such pixels."""
        return self.n_events / self.n_pixels if self.n_pixels else 0.0

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Exact Poisson interval of `per_pixel`; (0, 0) where there are no such pixels."""
        if not self.n_pixels:
            return 0.0, 0.0
        low, high = poisson_interval(self.n_events, level=level)
        return float(low) / self.n_pixels, float(high) / self.n_pixels


@dataclass(frozen=True, slots=True)
class Estimate:
    """Values with the bounds of their intervals, all of one shape."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def find_particle_free(
    labels: NDArray[np.int32], *, margin_px: int = MARGIN_PX
) -> NDArray[np.bool_]:
    """Pixels (Y, X) with no particle among the `margin_px` pixels to each side and diagonally."""
    return _find_free(labels, margin_px)


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """What particles cover of an image.

    Attributes
    ----------
    particles : (Y, X) bool array
        Pixels of particles.
    free : (Y, X) bool array
        Those far from particles; see `find_particle_free`.
    """

    particles: NDArray[np.bool_]
    free: NDArray[np.bool_]


def find_cover(labels: NDArray[np.int32], known: Cover | None = None) -> Cover:
    """What particles cover, looked at again only where that differs from what is `known`."""
    particles = labels > 0
    if known is None or known.particles.shape != labels.shape:
        return Cover(particles, find_particle_free(labels))
    changed = particles != known.particles
    if not changed.any():
        return known
    free = known.free.copy()
    inner, outer = [], []  # where pixels may differ, and what decides on them
    for axis, n in ((1, labels.shape[0]), (0, labels.shape[1])):
        at = np.flatnonzero(changed.any(axis=axis))
        first, last = (int(at[0]) - MARGIN_PX, int(at[-1]) + MARGIN_PX + 1)
        inner.append(slice(max(first, 0), min(last, n)))
        outer.append(slice(max(first - MARGIN_PX, 0), min(last + MARGIN_PX, n)))
    part = find_particle_free(np.ascontiguousarray(labels[tuple(outer)]))
    within = tuple(
        slice(a.start - b.start, a.stop - b.start) for a, b in zip(inner, outer, strict=True)
    )
    free[tuple(inner)] = part[within]
    return Cover(particles, free)


def count_inside(
    dopant: NDArray[np.float32], particles: NDArray[np.bool_], threshold: float
) -> int:
    """Pixels of particles, a mask (Y, X), that lie strictly above a threshold in counts."""
    return int(np.count_nonzero(particles & (dopant > np.float32(threshold))))


def count_false_positives(
    dopant: NDArray[np.float32], particle_free: NDArray[np.bool_], threshold: float
) -> FalsePositives:
    """Rate at which particle-free pixels lie above the threshold.

    Parameters
    ----------
    dopant : (Y, X) float32 array
        Net dopant counts.
    particle_free : (Y, X) bool array
        From `find_particle_free`.
    threshold : float
        In counts; a pixel strictly above is an event.
    """
    n_events, n_pixels, counts = _count_events(dopant, particle_free, np.float32(threshold))
    return FalsePositives(n_events=n_events, n_pixels=n_pixels, counts=counts)


def poisson_interval(
    n: ArrayLike, *, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact central interval of a Poisson mean, given the count `n` (any shape).

    References
    ----------
    .. [1] F. Garwood, Biometrika 1936, 28, 437, DOI 10.1093/biomet/28.3-4.437.

    Examples
    --------
    >>> low, high = poisson_interval(10)
    >>> round(float(low), 3), round(float(high), 3)
    (4.795, 18.39)
    """
    counts = np.asarray(n, dtype=float)
    tail = (1 - level) / 2
    low = np.where(counts > 0, gammaincinv(np.maximum(counts, 1e-300), tail), 0.0)
    return low, gammainccinv(counts + 1, tail)


def estimate_dopants(
    n_events: ArrayLike, area_px: ArrayLike, background: FalsePositives, *, level: float = 0.95
) -> Estimate:
    """Dopants behind `n_events` dopant pixels, less the false positives expected in `area_px`.

    Parameters
    ----------
    n_events, area_px : (...) array
        Dopant pixels counted, and the pixels among which they were counted.
    background : FalsePositives
        Rate from particle-free pixels, with its own uncertainty.
    level : float, optional
        Coverage of the interval.

    Returns
    -------
    Estimate
        The unbiased ``n - p0 A``, which may be negative (it averages out), with low and high
        bounds of the expected number of dopants, never negative.

    Notes
    -----
    With the false positives B = p0 A known, the lower bound is the exact one of n [1]_ less B,
    and the upper bound U solves P(k <= n | B + U) = (1 - level) / 2 x P(k <= n | B), which stays
    positive when n falls below B [2]_. The uncertainty of p0 is added in quadrature to either
    distance from the estimate [3]_. Coverage is at least `level`.

    References
    ----------
    .. [1] F. Garwood, Biometrika 1936, 28, 437, DOI 10.1093/biomet/28.3-4.437.
    .. [2] A. L. Read, J. Phys. G 2002, 28, 2693, DOI 10.1088/0954-3899/28/10/313.
    .. [3] G. Y. Zou, A. Donner, Stat. Med. 2008, 27, 1693, DOI 10.1002/sim.3095.
    """
    n, area = np.asarray(n_events, dtype=float), np.asarray(area_px, dtype=float)
    p0, (p0_low, p0_high) = background.per_pixel, background.interval(level)
    return _subtract(n, p0 * area, ((p0 - p0_low) * area, (p0_high - p0) * area), level)


def estimate_total(
    n_events: NDArray[np.int64],
    area_px: NDArray[np.int64],
    backgrounds: Sequence[FalsePositives],
    *,
    dispersion: float = 1.0,
    level: float = 0.95,
) -> Estimate:
    """Dopants of several fields together, less the false positives of each.

    Parameters
    ----------
    n_events, area_px : (F,) array
        Dopant pixels counted in each field, and the pixels among which they were counted.
    backgrounds : sequence of FalsePositives
        Of each field.
    dispersion : float, optional
        Variance of the sum of the counts, over that of Poisson, which is 1.
    level : float, optional
        Coverage of the interval.

    Notes
    -----
    As `estimate_dopants` of the sums, the errors of the backgrounds in quadrature. With a
    dispersion D, counts are taken for D times a Poisson number of mean 1 / D of theirs
    (quasi-Poisson): the ends are D times those for n / D and B / D.
    """
    n = np.asarray(np.sum(n_events), dtype=float) / dispersion
    rates = [(one.per_pixel, *one.interval(level)) for one in backgrounds]
    p0, p0_low, p0_high = np.asarray(rates, dtype=float).reshape(-1, 3).T
    false = np.asarray((p0 * area_px).sum()) / dispersion
    below = np.asarray(np.linalg.norm((p0 - p0_low) * area_px)) / dispersion
    above = np.asarray(np.linalg.norm((p0_high - p0) * area_px)) / dispersion
    one = _subtract(n, false, (below, above), level)
    return Estimate(*(np.asarray(dispersion * end) for end in (one.value, one.low, one.high)))


def _subtract(
    n: NDArray[np.float64],
    false: NDArray[np.float64],
    reach: tuple[NDArray[np.float64], NDArray[np.float64]],
    level: float,
) -> Estimate:
    """Counts less false positives that may be fewer or more by `reach`."""
    value = n - false
    lower, _ = poisson_interval(n, level=level)
    upper = _find_upper(n, false, (1 - level) / 2)
    return Estimate(
        value=value,
        low=np.maximum(value - np.hypot(n - lower, reach[1]), 0),
        high=value + np.hypot(upper - value, reach[0]),
    )


def _find_upper(
    n: NDArray[np.float64], false: NDArray[np.float64], tail: float
) -> NDArray[np.float64]:
    """U with P(k <= n | false + U) = tail x P(k <= n | false), for known false positives."""
    chance = gammaincc(n + 1, false)
    upper = gammainccinv(n + 1, tail * np.maximum(chance, _RARE)) - false
    # So far below what is expected, P is its last term: exp(-U) (1 + U / false)^n = tail, solved by
    # Newton's method from above, where it descends to the root without overshooting.
    far = chance < _RARE
    if far.any():
        count, mean = np.broadcast_arrays(n, false)
        count, mean = count[far], mean[far]
        u = -np.log(tail) / (1 - count / mean)
        for _ in range(30):
            u = u - (u - count * np.log1p(u / mean) + np.log(tail)) / (1 - count / (mean + u))
        upper = np.array(upper)
        upper[far] = u
    return np.asarray(upper)


def estimate_undoped_fraction(
    n_events: NDArray[np.int64], area_px: NDArray[np.int64], background: FalsePositives
) -> tuple[float, float, float]:
    """Fraction of particles without a detected dopant, with its 95 % interval.

    Parameters
    ----------
    n_events, area_px : (N,) int64 array
        Dopant pixels and area of every particle.
    background : FalsePositives
        Rate from particle-free pixels.

    Returns
    -------
    value, low, high : float
        NaN where there are no particles, or where false positives leave too few of the undoped
        without a count (less than one in ten) to tell.

    Notes
    -----
    A particle without dopants still shows none with probability q = (1 - p0)^A only, so each that
    shows none stands for 1 / q of them. The interval is Wilson's [1]_ for as many particles as
    would give a share of that variance; what the interval of p0 adds is added in quadrature.

    References
    ----------
    .. [1] E. B. Wilson, J. Am. Stat. Assoc. 1927, 22, 209, DOI 10.1080/01621459.1927.10502953.
    """
    of_field = np.zeros(len(n_events), np.int64)
    return estimate_undoped_of_fields(n_events, area_px, of_field, (background,))


def estimate_undoped_of_fields(
    n_events: NDArray[np.int64],
    area_px: NDArray[np.int64],
    of_field: NDArray[np.int64],
    backgrounds: Sequence[FalsePositives],
    *,
    excess: float = 1.0,
) -> tuple[float, float, float]:
    """Fraction of the particles of several fields without a detected dopant, and its interval.

    Parameters
    ----------
    n_events, area_px, of_field : (N,) int64 array
        Dopant pixels and area of every particle, and the number of its field.
    backgrounds : sequence of FalsePositives
        Of each field.
    excess : float, optional
        Variance of the share over that of particles drawn one by one.

    Notes
    -----
    As `estimate_undoped_fraction`, what the intervals of the backgrounds add in quadrature.
    """
    n = len(n_events)
    rate = np.array([one.per_pixel for one in backgrounds], dtype=float)
    q = np.maximum(1 - rate[of_field], 0) ** area_px
    if n == 0 or q.mean() < 0.1:
        return np.nan, np.nan, np.nan
    shows_none = n_events == 0

    def share(field: int, p0: float) -> float:
        rates = rate.copy()
        rates[field] = p0
        seen = np.maximum(1 - rates[of_field], 0.0) ** area_px
        return float(np.mean(shows_none / np.maximum(seen, _RARE)))

    weights = shows_none / np.maximum(q, _RARE)
    value, variance = min(float(np.mean(weights)), 1.0), float(weights.var()) / n * excess
    n_certain = n * q.mean() / excess
    n_effective = value * (1 - value) / variance if variance > 0 and value < 1 else n_certain
    z2 = 1.959964**2
    centre = (value + z2 / (2 * n_effective)) / (1 + z2 / n_effective)
    spread = z2 * (value * (1 - value) / n_effective + z2 / (4 * n_effective**2))
    half = np.sqrt(spread) / (1 + z2 / n_effective)
    ends = [(k, one.interval()) for k, one in enumerate(backgrounds)]
    fewer = [value - min(share(k, low), value) for k, (low, _) in ends]
    more = [max(share(k, high), value) - value for k, (_, high) in ends]
    below = np.linalg.norm([value - (centre - half), *fewer])
    above = np.linalg.norm([centre + half - value, *more])
    return value, max(float(value - below), 0.0), min(float(value + above), 1.0)


def tabulate_thresholds(
    dopant: NDArray[np.float32],
    labels: NDArray[np.int32],
    particle_free: NDArray[np.bool_],
    *,
    n_thresholds: int = 200,
) -> pd.DataFrame:
    """What each threshold would count, inside and outside the particles.

    Parameters
    ----------
    dopant : (Y, X) float32 array
        Net dopant counts.
    labels : (Y, X) int32 array
        Zero for background.
    particle_free : (Y, X) bool array
        From `find_particle_free`.
    n_thresholds : int, optional
        At most so many thresholds, from 0 to the greatest value inside particles, half of them
        even in rank and half in value. They lie midway between values that occur.

    Returns
    -------
    DataFrame
        ``threshold, dopant_pixels, false_positives_per_pixel, dopants, relative_error``: the
        corrected total and its standard error over itself (infinite where nothing is left).

    Raises
    ------
    InputError
        If there are no particles, or nothing in them is above zero.
    """
    inside = np.sort(dopant[labels > 0])
    if not len(inside) or inside[-1] <= 0:
        raise InputError(
            "Expected dopant counts above zero inside particles to choose a threshold, got none; "
            "check the labels and the dopant map, or give a number."
        )
    outside = np.sort(dopant[particle_free])
    found = np.unique(inside[np.searchsorted(inside, 0, side="right") :])
    edges = np.concatenate([[0], found]).astype(float)
    middle = (edges[1:] + edges[:-1]) / 2
    ranks = np.linspace(0, len(middle) - 1, n_thresholds // 2).astype(int)
    values = np.searchsorted(middle, np.linspace(0, middle[-1], n_thresholds - n_thresholds // 2))
    thresholds = middle[np.union1d(ranks, values)]
    n_in = len(inside) - np.searchsorted(inside, thresholds, side="right")
    n_out = len(outside) - np.searchsorted(outside, thresholds, side="right")
    scale = len(inside) / max(len(outside), 1)
    total = n_in - scale * n_out
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(total > 0, np.sqrt(n_in + scale**2 * n_out) / total, np.inf)
    return pd.DataFrame(
        {
            "threshold": thresholds,
            "dopant_pixels": n_in,
            "false_positives_per_pixel": n_out / max(len(outside), 1),
            "dopants": total,
            "relative_error": error,
        }
    )


def choose_threshold(table: pd.DataFrame) -> float:
    """Threshold with the smallest relative error of the corrected total; the lowest of equals."""
    return float(table["threshold"].iloc[int(table["relative_error"].to_numpy().argmin())])


@numba.njit(cache=True, nogil=True)
def _find_free(labels: NDArray[np.int32], margin: int) -> NDArray[np.bool_]:
    n_rows, n_columns = labels.shape
    near = np.zeros((n_rows, n_columns), np.bool_)
    for y in range(n_rows):
        until = -1  # last column that a particle of this row keeps from being free
        for x in range(n_columns):
            if labels[y, x] > 0:
                if until < x:
                    for left in range(max(x - margin, until + 1, 0), x):
                        near[y, left] = True
                until = x + margin
            if x <= until:
                near[y, x] = True
    free = np.ones((n_rows, n_columns), np.bool_)
    for y in range(n_rows):
        for other in range(max(y - margin, 0), min(y + margin + 1, n_rows)):
            for x in range(n_columns):
                free[y, x] &= not near[other, x]
    return free


@numba.njit(cache=True, nogil=True)
def _count_events(
    dopant: NDArray[np.float32], particle_free: NDArray[np.bool_], threshold: np.float32
) -> tuple[int, int, float]:
    n_events = n_pixels = 0
    counts = 0.0
    for y in range(dopant.shape[0]):
        n_of_row = 0
        for x in range(dopant.shape[1]):  # without branches, which is quick
            n_pixels += particle_free[y, x]
            n_of_row += particle_free[y, x] & (dopant[y, x] > threshold)
        n_events += n_of_row
        for x in range(dopant.shape[1] if n_of_row else 0):
            if particle_free[y, x] and dopant[y, x] > threshold:
                counts += dopant[y, x]
    return n_events, n_pixels, counts
