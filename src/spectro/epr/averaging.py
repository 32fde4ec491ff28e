"""Powder averages: lines of a few directions, interpolated and added up over all of them."""

import math
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft

from spectro.epr.directions import (
    N_COARSE_POLAR,
    Knots,
    Symmetry,
    extrapolate,
    make_quadrature,
)
from spectro.epr.resonances import Resonances, sum_errors
from spectro.epr.sticks import add_intervals, add_points
from spectro.epr.sweep import Sweep

Array = NDArray[np.float64]

_FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
_STEEPEST = 3.9  # slope of a Gaussian's derivative by its height, times its full width
_ALTERNATING = 2.0  # how much less is left of shifts, whose sign changes with direction; measured
_GATHERED = 3.0  # how much more than on the average is lost where it is most; measured
_SLOWEST = 0.8  # ratio of harmonics to those of the degree before that is reckoned with
_UNSEEN = 0.05  # of the tolerance, for what too few directions leave
_POLAR, _ARCS = (16, 2048), (8, 512)  # fewest and most polar angles and azimuths
_STRONG = 1e-2  # of the strongest line, for one that the rough grid is chosen by
_ROUGH_POLAR = 8.0  # directions for each width that a line that is not smooth moves by
_ROUGH_ARCS = {Symmetry.AXIAL: 0.0, Symmetry.RHOMBIC: 3.0, Symmetry.NONE: 8.0}
_ROUGH_BLIND = (257, 32)  # directions on an arc and arcs, where nothing tells how many it takes
_N_WIDTHS = 12  # classes of broadening by strain
_LARGER = 1.2  # than at the knots, for a broadening between them


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Lines as they are seen on a coarse grid.

    Attributes
    ----------
    fields_mT : (P, T, L) array
        On P arcs of T directions each, evenly spaced in the cosine.
    peaks : (L,) array
        Largest amplitudes.
    along_mT, across_mT : (L,) array
        Steepest slopes of the fields by the polar angle, over a quarter of a turn, and by the
        azimuth, over all arcs.
    error : float
        Estimated error of the spectrum, relative to its maximum, by harmonics that are left out
        and by directions in between.
    """

    fields_mT: Array
    peaks: Array
    along_mT: Array
    across_mT: Array
    error: float


def view_lines(lines: Resonances, knots: Knots, symmetry: Symmetry, sweep: Sweep) -> View:
    """Lines on a coarse grid, and what harmonics of higher degree than those taken would change.

    Notes
    -----
    Coefficients fall off geometrically with the degree, but those of every other degree may be
    small. So what is left out is about the part of the last two degrees times q / (1 - q), q^2 the
    ratio of that to the two before. Of the fields the mean counts, in widths; amplitudes are added
    up as the spectrum is, in bins as wide as the line shape, as what two lines lose and gain from
    each other cancels. Both are as good as independent.
    """
    n = lines.fields_mT.shape[1]
    if n == 0 or symmetry is Symmetry.ISOTROPIC:
        return View(lines.fields_mT[None], lines.amplitudes[0], np.zeros(n), np.zeros(n), 0.0)
    values = np.concatenate([lines.fields_mT, lines.amplitudes], axis=1)
    seen, sizes = extrapolate(values, knots, symmetry)
    rests = []
    for size in (sizes[:, :n].sum(axis=1).tolist(), sizes[:, n:].sum(axis=1).tolist()):
        ratio = min(math.sqrt(sum(size[:2]) / max(sum(size[2:]), 1e-300)), _SLOWEST)
        rests.append(ratio / (1 - ratio))
    seen = seen.reshape(3, -1, N_COARSE_POLAR, 2 * n)
    n_bins = max(math.ceil((sweep.end_mT - sweep.start_mT) / sweep.width_mT), 1)
    moved, changed = _sum_missing(seen, sweep.start_mT, sweep.width_mT, n_bins)
    by_fields = _STEEPEST * moved * rests[0] / sweep.width_mT / _ALTERNATING
    error = math.hypot(by_fields, changed * rests[1]) + _UNSEEN * sweep.tolerance
    return View(seen[0, :, :, :n], *_find_slopes(seen[0]), error)


@numba.njit(cache=True, nogil=True)
def _sum_missing(seen: Array, start_mT: float, width_mT: float, n_bins: int) -> tuple[float, float]:
    """Mean change of the fields by amplitude, and largest change of the amplitudes in bins.

    The latter is relative to the largest sum of a bin. Of (3, P, T, 2 L) values the first half are
    fields, the second half amplitudes, and what is missing follows the values.
    """
    n = seen.shape[3] // 2
    sums, moved, weight = np.zeros((3, n_bins)), 0.0, 0.0
    for arc in range(seen.shape[1]):
        for i in range(seen.shape[2]):
            for line in range(n):
                size = abs(seen[0, arc, i, n + line])
                weight += size
                moved += size * (abs(seen[1, arc, i, line]) + abs(seen[2, arc, i, line]))
                at = (seen[0, arc, i, line] - start_mT) / width_mT
                if 0.0 <= at < n_bins:
                    for part in range(3):
                        sums[part, int(at)] += seen[part, arc, i, n + line]
    most, last, before = 0.0, 0.0, 0.0
    for place in range(n_bins):
        most = max(most, sums[0, place])
        last, before = max(last, abs(sums[1, place])), max(before, abs(sums[2, place]))
    return (moved / weight, (last + before) / most) if most > 0.0 else (0.0, 0.0)


@numba.njit(cache=True, nogil=True)
def _find_slopes(seen: Array) -> tuple[Array, Array, Array]:
    """Peaks (L,), and slopes along and across arcs, of values (P, T, 2 L) as above."""
    n_arcs, n_polar, n = seen.shape[0], seen.shape[1], seen.shape[2] // 2
    peaks, along, across = np.zeros(n), np.zeros(n), np.zeros(n)
    for arc in range(n_arcs):
        for i in range(n_polar):
            middle = (i + 0.5) / (n_polar - 1)
            to_angle = (n_polar - 1) * math.pi / 2 * math.sqrt(max(1.0 - middle * middle, 0.0))
            for line in range(n):
                one = seen[arc, i, line]
                peaks[line] = max(peaks[line], seen[arc, i, n + line])
                if i + 1 < n_polar:
                    along[line] = max(along[line], to_angle * abs(seen[arc, i + 1, line] - one))
                if arc + 1 < n_arcs:
                    across[line] = max(across[line], n_arcs * abs(seen[arc + 1, i, line] - one))
    return peaks, along, across


def weigh_errors(lines: Resonances, sweep: Sweep) -> float:
    """Error of the spectrum by what lines are off by between fields that were diagonalised at."""
    moved, lost = sum_errors(lines.amplitudes, lines.errors_mT, lines.losses)
    return _STEEPEST * moved / sweep.width_mT + _GATHERED * lost


def add_smooth(
    lines: Resonances,
    knots: Knots,
    symmetry: Symmetry,
    view: View,
    sweep: Sweep,
    sigmas_MHz: Array,
) -> tuple[Array, Array]:
    """Sticks (C, M) of lines by their broadening, and the variances of that (C,).

    Each line is interpolated to as many directions as it needs.
    """
    most = float(_find_variances(lines.slopes, sigmas_MHz).max()) if lines.slopes.size else 0.0
    classes = _choose_classes(_LARGER * most, sweep.width_mT)
    sticks = np.zeros((len(classes), sweep.n_points + 3))
    n_polar, n_azimuths = _choose_directions(view, symmetry, sweep)
    order = np.argsort(n_polar, kind="stable")
    ends = np.flatnonzero(np.diff(n_polar[order])) + 1
    fields = ((lines.fields_mT - sweep.start_mT) / sweep.step_mT).T[order]
    amplitudes, slopes = lines.amplitudes.T[order], lines.slopes.transpose(0, 2, 1)[:, order]
    for first, last in zip([0, *ends], [*ends, len(order)], strict=True):
        same = order[first:last]
        if len(same) == 0:
            continue
        grid = make_quadrature(symmetry, knots, int(n_polar[same[0]]), int(n_azimuths[same].max()))
        at, amplitude = (one[first:last] @ grid.to_directions for one in (fields, amplitudes))
        variances = at[:0]
        if len(classes) > 1:
            variances = _find_variances(slopes[:, first:last] @ grid.to_directions, sigmas_MHz)
        add_points(sticks, at, amplitude, grid.weights, variances, classes)
    return sticks[:, 1:-2], classes


def _find_variances(slopes: Array, sigmas_MHz: Array) -> Array:
    """Variances (...) of the broadening by strains, from slopes (J, ...)."""
    return np.asarray(np.tensordot(sigmas_MHz**2, slopes**2, 1))


def _choose_directions(
    view: View, symmetry: Symmetry, sweep: Sweep
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Polar angles and azimuths for each line, so that its points are near enough to each other.

    They are the nearer, the stronger the line is; see `Sweep.find_spacing_mT`.
    """
    n_lines = len(view.peaks)
    if symmetry is Symmetry.ISOTROPIC or n_lines == 0:
        return np.ones(n_lines, np.int64), np.ones(n_lines, np.int64)
    share = view.peaks / max(float(view.peaks.max()), 1e-300)
    exponent = np.log(np.maximum(share / (_UNSEEN * sweep.tolerance), math.e))
    spacing = sweep.find_spacing_mT(exponent)
    return _round_up(view.along_mT / spacing, _POLAR), _round_up(view.across_mT / spacing, _ARCS)


def choose_rough_grid(view: View, symmetry: Symmetry, sweep: Sweep) -> tuple[int, int]:
    """Directions on an arc and arcs, so that no strong line jumps by much of its width."""
    if len(view.peaks) == 0:
        return _ROUGH_BLIND
    strong = view.peaks > _STRONG * view.peaks.max()
    fields = view.fields_mT[:, :, strong] / sweep.width_mT
    n_polar = _ROUGH_POLAR * np.ptp(fields, axis=1).max()
    n_azimuths = _ROUGH_ARCS[symmetry] * np.ptp(fields, axis=0).max()
    return int(_round_up(n_polar, _POLAR)) + 1, int(_round_up(n_azimuths, _ARCS))


def _round_up(numbers: Array | np.float64, bounds: tuple[int, int]) -> NDArray[np.int64]:
    """Next powers of two, so that grids are met again, between bounds that are such."""
    return np.asarray(2 ** np.ceil(np.log2(np.clip(numbers, *bounds))), np.int64)


def add_rough(
    arcs: list[Resonances], sweep: Sweep, sigmas_MHz: Array
) -> tuple[Array, Array, float]:
    """Sticks (C, M), variances (C,) as of `add_smooth`, and the error of the spectrum.

    Parameters
    ----------
    arcs : list of Resonances
        Of directions on each part of an arc, evenly spaced in the cosine; an odd number of them.
    sweep : Sweep
        Range and accuracy.
    sigmas_MHz : (J,) array
        Of what is distributed.

    Notes
    -----
    The error is half of the change that leaving every other direction out makes in the first
    derivative of the spectrum: where levels cross, it falls no faster than with the number of
    directions.
    """
    found = [_sort_by_line(one, sweep, sigmas_MHz) for one in arcs]
    most = max(float(one[2].max(initial=0.0)) for one in found)
    classes = _choose_classes(most, sweep.width_mT)
    fine, coarse = (np.zeros((len(classes), sweep.n_points + 3)) for _ in range(2))
    n_steps = sum(at.shape[1] - 1 for at, _, _ in found)
    for at, amplitudes, variances in found:
        add_intervals(fine, at, amplitudes / n_steps, variances, classes)
        half = [np.ascontiguousarray(one[:, ::2]) for one in (at, amplitudes, variances)]
        add_intervals(coarse, half[0], half[1] * (2 / n_steps), half[2], classes)
    one, other = (broaden(two.sum(axis=0)[1:-2], sweep) for two in (fine, coarse))
    error = float(np.abs(one - other).max() / max(float(np.abs(one).max()), 1e-300) / 2)
    return fine[:, 1:-2], classes, error


def broaden(sticks: Array, sweep: Sweep) -> Array:
    """First derivative of a spectrum with the narrowest line shape, in any unit."""
    length = next_fast_len(2 * len(sticks), real=True)
    k = 2 * np.pi * np.fft.rfftfreq(length, sweep.step_mT)
    shape = 1j * k * np.exp(-0.5 * (sweep.sigma_mT * k) ** 2 - sweep.gamma_mT * k)
    return np.asarray(irfft(rfft(sticks, length) * shape, length)[: len(sticks)])


def _sort_by_line(arc: Resonances, sweep: Sweep, sigmas_MHz: Array) -> tuple[Array, Array, Array]:
    """Fields in bins, amplitudes, and variances (L, T); 0 where a line is not there."""
    at = (arc.fields_mT.T - sweep.start_mT) / sweep.step_mT
    there = np.isfinite(at)
    variances = _find_variances(arc.slopes, sigmas_MHz).T if len(sigmas_MHz) else 0.0 * at
    return (
        np.where(there, at, 0.0),
        np.where(there, arc.amplitudes.T, 0.0),
        np.where(there, variances, 0.0),
    )


def _choose_classes(most: float, width_mT: float) -> Array:
    """Variances up to the largest one, evenly spaced in the logarithm of the whole."""
    base = (width_mT / _FWHM_PER_SIGMA) ** 2
    if most < 1e-6 * base:
        return np.zeros(1)
    return np.asarray(base * np.geomspace(1.0, 1.0 + most / base, _N_WIDTHS) - base)
