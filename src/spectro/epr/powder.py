"""Powder patterns: how much of a sample is in resonance at each field, before line shapes."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spectro.epr.directions import Grid, Knots, Symmetry, make_grid, place_knots
from spectro.epr.resonances import Resonances, find_resonances
from spectro.epr.spin_system import (
    BOHR_MHz_PER_mT,
    Operators,
    SpinSystem,
    build_operators,
    principal_values,
)
from spectro.epr.sticks import deposit
from spectro.epr.strains import list_strains

Array = NDArray[np.float64]

_FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
_FIRST_DEGREE = 8
_LAST_DEGREE = {Symmetry.ISOTROPIC: 0, Symmetry.AXIAL: 40, Symmetry.RHOMBIC: 28, Symmetry.NONE: 16}
_PER_TWO_DEGREES = 4.0  # by how much errors are hoped to fall
_PER_WIDTH = {Symmetry.AXIAL: 2.2, Symmetry.RHOMBIC: 1.6, Symmetry.NONE: 2.5}
_LEAST_POLAR = 32  # directions on an arc for a strong line that hardly moves
_PER_CHANGE = 24  # directions on an arc for a change of amplitude by all of the strongest
_ARCS_PER_WIDTH = 0.55  # for lines e times as strong as the weakest that matter
_WEAK = 1e-4  # of the strongest line, for one that does not matter
_POLAR, _ARCS = (16, 2048), (8, 512)  # fewest and most directions on an arc, and arcs
_HALF = 0.5
_PER_ROUGH_WIDTH = {  # the same, and arcs, for lines that are not smooth
    Symmetry.AXIAL: (8.0, 0.0),
    Symmetry.RHOMBIC: (8.0, 3.0),
    Symmetry.NONE: (8.0, 8.0),
}
_N_WIDENED, _BEYOND = 3, 0.1  # times that fields are taken wider, and how far lines may lie beyond
_N_POLAR_COARSE, _N_AZIMUTHS_COARSE = 33, 16  # to estimate the error on
_STRONG = 1e-2  # of the strongest line, for one that is to be followed beyond the sweep
_STEEPEST = 3.9  # slope of a Gaussian's derivative by its height, times its full width
_ALTERNATING = 2.0  # how much less is left of shifts, whose sign changes with direction; measured
_SMEARED = 2.5  # how much less is left of amplitudes once there is a line shape; measured
_SLOWEST = 0.8  # ratio of harmonics to those of the degree before that is reckoned with
_N_WIDTHS = 12  # classes of broadening by strain
# nodes of field, up to which bend and half range by field; see _choose_fields
_NODES_BY_BEND = {2: 0.05, 3: 0.12, 4: 0.17, 5: 0.21, 6: 0.26, 8: 0.3}
_NODES_BY_RANGE = {2: 0.02, 3: 0.13, 4: 0.2, 5: 0.3, 6: 0.4}
_LEAST_NODES, _MOST_NODES = 4, 10  # the former where nuclear states may change quickly


@dataclass(frozen=True, slots=True, eq=False)
class Pattern:
    """Powder pattern on an even axis of field.

    Attributes
    ----------
    start_mT, step_mT : float
        Field of the first point, and from one to the next.
    sticks : (C, M) array
        Absorption in each class of broadening, per point, normalised to 1 for all directions and
        lines of a spin 1/2 with g = 2.
    variances_mT2 : (C,) array
        Variance of the Gaussian that strains broaden each class by.
    error : float
        Estimated error of the spectrum, relative to its maximum.
    n_directions : int
        In which levels were diagonalised.
    """

    start_mT: float
    step_mT: float
    sticks: Array
    variances_mT2: Array
    error: float
    n_directions: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """What a pattern is computed for.

    Attributes
    ----------
    frequency_GHz : float
        Microwave frequency.
    start_mT, step_mT : float
        Field of the first point, and from one to the next.
    n_points : int
        Number of points.
    width_mT : float
        Width (full, half maximum) of the narrowest line shape to come, which sets how well fields
        are to be known.
    tolerance : float
        Error of the spectrum that is aimed at, relative to its maximum.
    """

    frequency_GHz: float
    start_mT: float
    step_mT: float
    n_points: int
    width_mT: float = 1.0
    tolerance: float = 5e-4

    @property
    def end_mT(self) -> float:
        """Field of the last point."""
        return self.start_mT + self.step_mT * (self.n_points - 1)


def compute_pattern(system: SpinSystem, sweep: Sweep) -> Pattern:
    """Powder pattern of a system of pure isotopes.

    Parameters
    ----------
    system : SpinSystem
        With isotopes; see `SpinSystem.split_isotopes`.
    sweep : Sweep
        Range and accuracy.

    Notes
    -----
    Two levels may be in resonance once in the sweep, as they are where the microwave quantum is
    larger than the zero-field splitting. Lines are interpolated by harmonics, of as high a degree
    as the tolerance wants; where none is high enough, every direction is diagonalised.
    """
    symmetry = find_symmetry(system)
    if symmetry is not Symmetry.ISOTROPIC:
        system = system.align(1e3 * sweep.frequency_GHz)
        symmetry = find_symmetry(system)
    operators = build_operators(system)
    strains = list_strains(system)
    reach = expect_reach(system, sweep.frequency_GHz)
    matrices, sigmas = [one for one, _ in strains], [sigma for _, sigma in strains]
    degree = 0 if symmetry is Symmetry.ISOTROPIC else _FIRST_DEGREE
    while True:
        knots = place_knots(symmetry, degree)
        lines = _keep_whole(_find_lines(operators, knots.unit, sweep, reach, matrices))
        error = _estimate_error(lines, knots, symmetry, sweep)
        if error <= sweep.tolerance or degree == _LAST_DEGREE[symmetry]:
            break
        degree = min(_raise_degree(degree, error / sweep.tolerance), _LAST_DEGREE[symmetry])
    is_smooth = error <= sweep.tolerance
    if is_smooth:
        n_directions = len(knots.unit)
        spread = _interpolate(lines, knots, symmetry, sweep)
    else:
        grid = make_grid(symmetry, degree, *_choose_rough_grid(lines, knots, symmetry, sweep))
        everywhere, n_directions = _find_everywhere(operators, grid, sweep, reach, matrices)
        error = _compare_halves(everywhere, grid, sweep)
        spread = [(everywhere, grid)]
    sticks, variances = _add_up(spread, sigmas, sweep, is_smooth=is_smooth)
    return Pattern(sweep.start_mT, sweep.step_mT, sticks, variances, error, n_directions)


def _raise_degree(degree: int, excess: float) -> int:
    """Degree that should do, from how many times the error of this one is too large."""
    return degree + 2 * math.ceil(math.log(excess) / math.log(_PER_TWO_DEGREES))


def expect_reach(system: SpinSystem, frequency_GHz: float) -> tuple[float, float]:
    """Fields in mT between which lines of first order lie, but for half of them at the most."""
    per_g = 1e3 * frequency_GHz / BOHR_MHz_PER_mT
    g = np.abs(principal_values(system.g, "g"))
    split_MHz = (2 * system.s - 1) * (abs(system.d_MHz) + 3 * abs(system.e_MHz))
    for nucleus, kind in zip(system.nuclei, system.isotopes, strict=True):
        split_MHz += kind.spin * float(np.abs(principal_values(nucleus.a_MHz, "a_MHz")).max())
    low, high = (
        per_g / one + sign * min(split_MHz / (BOHR_MHz_PER_mT * one), 0.5 * per_g / one)
        for one, sign in ((float(g.max()), -1), (float(g.min()), 1))
    )
    return low, high


def _find_lines(
    operators: Operators,
    unit: Array,
    sweep: Sweep,
    reach_mT: tuple[float, float],
    strained: list[NDArray[np.complex128]],
) -> Resonances:
    """Lines in some directions, diagonalised at fields that reach as far as those lines do."""
    low, high = min(reach_mT[0], sweep.start_mT), max(reach_mT[1], sweep.end_mT)
    n_least = _LEAST_NODES if len(unit) > 1 else 2
    for _ in range(_N_WIDENED):
        lines = find_resonances(
            operators,
            unit,
            1e3 * sweep.frequency_GHz,
            _choose_fields(low, high, reach_mT, n_least),
            tuple(strained),
        )
        lines = _keep_inside(lines, sweep)
        peaks = np.nan_to_num(lines.amplitudes).max(axis=0, initial=0.0)
        strong = lines.fields_mT[:, peaks > _STRONG * peaks.max(initial=0.0)]
        strong = strong[np.isfinite(strong)]
        first, last = float(strong.min(initial=low)), float(strong.max(initial=high))
        reach = _BEYOND * (high - low)
        if first >= low - reach and last <= high + reach:
            break
        low, high = max(first, 0.05 * low), last
    return lines


def find_symmetry(system: SpinSystem) -> Symmetry:
    """What the spectrum of a system does not change under."""
    if system.is_isotropic:
        return Symmetry.ISOTROPIC
    if system.is_axial:
        return Symmetry.AXIAL
    tensors = [system.g_tensor, *(one.tensor_MHz for one in system.nuclei)]
    tensors += list(system.zero_field_tensors)
    aligned = all(
        np.abs(t - np.diag(np.diag(t))).max() <= 1e-9 * np.abs(t).max() for t in tensors if t.any()
    )
    return Symmetry.RHOMBIC if aligned else Symmetry.NONE


def _choose_fields(
    low_mT: float, high_mT: float, reach_mT: tuple[float, float], n_least: int
) -> Array:
    """Fields to diagonalise at: Chebyshev's points.

    The more, the wider the range is, over which nuclear states change; and the more levels bend in
    it, which goes with the geometric mean of that and of splittings over the microwave frequency.
    """
    centre, half = (low_mT + high_mT) / 2, (high_mT - low_mT) / 2
    mixing = (reach_mT[1] - reach_mT[0]) / (reach_mT[1] + reach_mT[0])
    measures = (math.sqrt(half / centre * mixing), half / centre)
    n = max(
        next((n for n, most in table.items() if measure < most), _MOST_NODES)
        for table, measure in zip((_NODES_BY_BEND, _NODES_BY_RANGE), measures, strict=True)
    )
    n = max(n, n_least)
    return np.asarray(centre - half * np.cos(np.pi * (np.arange(n) + 0.5) / n))


def _keep_inside(lines: Resonances, sweep: Sweep) -> Resonances:
    """Lines that are in the sweep in one direction, or pass it from one to another."""
    fields = lines.fields_mT
    with np.errstate(invalid="ignore"):
        inside = ((fields >= sweep.start_mT) & (fields <= sweep.end_mT)).any(axis=0)
        below, above = (fields < sweep.start_mT).any(axis=0), (fields > sweep.end_mT).any(axis=0)
    return _choose_lines(lines, np.asarray(inside | (below & above)))


def _keep_whole(lines: Resonances) -> Resonances:
    """Lines that are there in all directions; those that are not are weak or far away."""
    return _choose_lines(lines, np.asarray(np.isfinite(lines.fields_mT).all(axis=0)))


def _choose_lines(lines: Resonances, chosen: NDArray[np.bool_]) -> Resonances:
    return Resonances(
        lines.fields_mT[:, chosen], lines.amplitudes[:, chosen], lines.slopes[:, :, chosen]
    )


def _estimate_error(lines: Resonances, knots: Knots, symmetry: Symmetry, sweep: Sweep) -> float:
    """Error of the spectrum by what harmonics of higher degree than those taken would add.

    Coefficients fall off geometrically with the degree, but those of every other degree may be
    small. So what is left out is about the part of the last two degrees times q / (1 - q), q^2 the
    ratio of that to the two before. Of the fields the mean counts, in widths; amplitudes are added
    up as the spectrum is, in bins as wide as the line shape, as what two lines lose and gain from
    each other cancels.
    """
    if lines.fields_mT.shape[1] == 0 or symmetry is Symmetry.ISOTROPIC:
        return 0.0
    grid = make_grid(symmetry, int(knots.degrees[-1]), _N_POLAR_COARSE, _N_AZIMUTHS_COARSE)
    fields, *shifts = _extrapolate(lines.fields_mT, knots, grid)
    amplitudes, *lost = _extrapolate(lines.amplitudes, knots, grid)
    n_bins = max(math.ceil((sweep.end_mT - sweep.start_mT) / sweep.width_mT), 1)
    at = np.clip((fields - sweep.start_mT) / sweep.width_mT, -1, n_bins).astype(np.int64)
    bins = np.where(at >= 0, at, n_bins).ravel()
    total, *wrong = (
        np.bincount(bins, one.ravel(), n_bins + 1)[:n_bins] for one in (amplitudes, *lost)
    )
    if total.max() <= 0:
        return 0.0
    missing = sum(np.abs(one) for one in shifts)
    moved = np.average(missing, weights=np.abs(amplitudes)) / sweep.width_mT
    changed = sum(float(np.abs(one).max()) for one in wrong) / total.max()
    return float(_STEEPEST * moved / _ALTERNATING + changed / _SMEARED)


def _extrapolate(values: Array, knots: Knots, grid: Grid) -> tuple[Array, Array, Array]:
    """Values (K, L) on a grid (G, L), and twice about what is left out of them there.

    That is by the last degree, and by the one before it.
    """
    coefficients = knots.to_coefficients @ values
    degrees = np.unique(knots.degrees)
    size = [np.abs(coefficients[knots.degrees == n]).sum() for n in degrees[:-5:-1]]
    ratio = min(math.sqrt(sum(size[:2]) / max(sum(size[2:]), 1e-300)), _SLOWEST)
    parts = [
        grid.harmonics[knots.degrees == n].T @ coefficients[knots.degrees == n]
        for n in degrees[:-3:-1]
    ]
    last, other = (part * ratio / (1 - ratio) for part in parts)
    return grid.harmonics.T @ coefficients, last, other


def _choose_grids(
    lines: Resonances, knots: Knots, symmetry: Symmetry, sweep: Sweep
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Directions on an arc and arcs for each line, so that it jumps by little between them.

    Errors go with the fourth power of the jumps along an arc. Across arcs they fall off as the
    transform of the line shape, a Gaussian, does, so the distance of arcs goes with the root of the
    logarithm of a line's strength. Numbers are measured: errors are below 5e-4.
    """
    n_lines = lines.fields_mT.shape[1]
    if symmetry is Symmetry.ISOTROPIC or n_lines == 0:
        return np.ones(n_lines, np.int64), np.ones(n_lines, np.int64)
    peaks = np.maximum(lines.amplitudes.max(axis=0), 0.0)
    share = np.maximum(peaks / peaks.max(), _WEAK)
    along, across = _find_slopes(lines.fields_mT / sweep.width_mT, knots, symmetry)
    changes, _ = _find_slopes(lines.amplitudes / peaks.max(), knots, symmetry)
    per_width = _PER_WIDTH[symmetry]
    per_line = np.maximum(per_width * along, _LEAST_POLAR) * share**0.2
    n_polar = np.maximum(per_line, _PER_CHANGE * changes)
    n_azimuths = _ARCS_PER_WIDTH * across * np.sqrt(np.log(share / _WEAK))
    return _round_up(n_polar, _POLAR) + 1, _round_up(n_azimuths, _ARCS)


def _choose_rough_grid(
    lines: Resonances, knots: Knots, symmetry: Symmetry, sweep: Sweep
) -> tuple[int, int]:
    """Directions on an arc and arcs, so that no strong line jumps by much of its width."""
    peaks = lines.amplitudes.max(axis=0)
    fields = lines.fields_mT[:, peaks > _STRONG * peaks.max()] / sweep.width_mT
    spread = _see_roughly(fields, knots, symmetry)
    n_polar, n_azimuths = (
        per_width * np.ptp(spread, axis=axis).max()
        for per_width, axis in zip(_PER_ROUGH_WIDTH[symmetry], (1, 0), strict=True)
    )
    return int(_round_up(n_polar, _POLAR)) + 1, int(_round_up(n_azimuths, _ARCS))


def _see_roughly(values: Array, knots: Knots, symmetry: Symmetry) -> Array:
    """Values (P, T, L) on a coarse grid from those at the knots (K, L)."""
    coarse = make_grid(symmetry, int(knots.degrees[-1]), _N_POLAR_COARSE, _N_AZIMUTHS_COARSE)
    spread = coarse.harmonics.T @ (knots.to_coefficients @ values)
    return np.asarray(spread.reshape(coarse.n_azimuths, coarse.n_polar, -1))


def _find_slopes(values: Array, knots: Knots, symmetry: Symmetry) -> tuple[Array, Array]:
    """Steepest slopes (L,) along an arc and across the arcs, over the whole of each."""
    spread = _see_roughly(values, knots, symmetry)
    along = np.abs(np.diff(spread, axis=1)).max(axis=(0, 1))
    across = np.abs(np.diff(spread, axis=0)).max(axis=(0, 1), initial=0.0)
    return along * (spread.shape[1] - 1), across * spread.shape[0]


def _round_up(numbers: Array | np.float64, bounds: tuple[int, int]) -> NDArray[np.int64]:
    """Next powers of two, so that grids are met again, between bounds that are such."""
    return np.asarray(2 ** np.ceil(np.log2(np.clip(numbers, *bounds))), np.int64)


def _interpolate(
    lines: Resonances, knots: Knots, symmetry: Symmetry, sweep: Sweep
) -> list[tuple[Resonances, Grid]]:
    """Lines from those at the knots, (L, P, T) each, on a grid for those that need it as fine."""
    degree, found = int(knots.degrees[-1]) if len(knots.degrees) > 1 else 0, []
    n_polar, n_azimuths = _choose_grids(lines, knots, symmetry, sweep)
    for n in np.unique(n_polar).tolist():
        same = _choose_lines(lines, n_polar == n)
        grid = make_grid(symmetry, degree, n, int(n_azimuths[n_polar == n].max()))
        to_grid = _weigh_knots(symmetry, degree, n, grid.n_azimuths)
        shape = grid.n_azimuths, grid.n_polar
        fields = _spread(to_grid, same.fields_mT, shape)
        slopes = np.zeros((len(same.slopes), *fields.shape))
        for number, one in enumerate(same.slopes):
            slopes[number] = _spread(to_grid, one, shape)
        found.append(
            (
                Resonances(fields, _spread(to_grid, same.amplitudes, shape), slopes),
                grid,
            )
        )
    return found


@lru_cache(maxsize=32)
def _weigh_knots(symmetry: Symmetry, degree: int, n_polar: int, n_azimuths: int) -> Array:
    """Values on a grid (G, K) from those at the knots."""
    grid = make_grid(symmetry, degree, n_polar, n_azimuths)
    return np.ascontiguousarray(
        (place_knots(symmetry, degree).to_coefficients.T @ grid.harmonics).T
    )


def _find_everywhere(
    operators: Operators,
    grid: Grid,
    sweep: Sweep,
    reach_mT: tuple[float, float],
    strained: list[NDArray[np.complex128]],
) -> tuple[Resonances, int]:
    """Lines on the grid, (L, 1, T) each for every arc, diagonalised in every direction.

    Where levels cross, what is a smooth line is made of several pairs of levels, which no harmonic
    follows.
    """
    arcs = []
    for unit in grid.unit.reshape(grid.n_azimuths, grid.n_polar, 3):
        lines = _find_lines(operators, unit, sweep, reach_mT, strained)
        arcs.append(lines)
    fields, amplitudes = (
        np.concatenate([one.T for one in every])[:, None]
        for every in ([arc.fields_mT for arc in arcs], [arc.amplitudes for arc in arcs])
    )
    slopes = np.concatenate([np.moveaxis(arc.slopes, 1, 2) for arc in arcs], axis=1)[:, :, None]
    there = np.isfinite(fields)
    found = Resonances(
        np.where(there, fields, 0.0),
        np.where(there, amplitudes, 0.0),
        np.where(there, slopes, 0.0),
    )
    return found, len(grid.unit)


def _compare_halves(lines: Resonances, grid: Grid, sweep: Sweep) -> float:
    """Error of the spectrum by what it changes to leave every other direction of an arc out.

    In bins as wide as the line shape; a third of the change, which is more than what is left where
    levels cross.
    """
    half = Resonances(
        np.ascontiguousarray(lines.fields_mT[..., ::2]),
        np.ascontiguousarray(lines.amplitudes[..., ::2]),
        lines.slopes,
    )
    fine, _ = _add_up([(lines, grid)], [], sweep, is_smooth=False)
    coarser = replace(grid, n_polar=(grid.n_polar + 1) // 2)
    coarse, _ = _add_up([(half, coarser)], [], sweep, is_smooth=False)
    edges = np.arange(0, sweep.n_points, max(round(sweep.width_mT / sweep.step_mT), 1))
    one, other = (np.add.reduceat(sticks[0], edges) for sticks in (fine, coarse))
    return float(np.abs(one - other).max() / max(one.max(), 1e-300) / 3)


def _add_up(
    spread: list[tuple[Resonances, Grid]], sigmas_MHz: list[float], sweep: Sweep, *, is_smooth: bool
) -> tuple[Array, Array]:
    """Sticks (C, M) of lines in all directions, by their broadening, and the variances of those."""
    weights = np.array(sigmas_MHz)[:, None, None, None]
    variances = [
        ((lines.slopes * weights) ** 2).sum(axis=0) if sigmas_MHz else np.zeros((0, 0, 0))
        for lines, _ in spread
    ]
    most = max((float(one.max(initial=0.0)) for one in variances), default=0.0)
    classes = _choose_classes(most, sweep.width_mT)
    sticks = np.zeros((len(classes), sweep.n_points + 1))
    for (lines, grid), variance in zip(spread, variances, strict=True):
        deposit(
            sticks,
            (lines.fields_mT - sweep.start_mT) / sweep.step_mT,
            lines.amplitudes / (grid.n_azimuths * max(grid.n_polar - 1, 1)),
            variance,
            classes,
            is_smooth,
        )
    return sticks[:, :-1], classes


def _spread(to_grid: Array, values: Array, shape: tuple[int, int]) -> Array:
    """Values (L, P, T) on the grid from those at the knots (K, L)."""
    return np.ascontiguousarray(values.T @ to_grid.T).reshape(-1, *shape)


def _choose_classes(most: float, width_mT: float) -> Array:
    """Variances up to the largest one, evenly spaced in the logarithm of the whole."""
    base = (width_mT / _FWHM_PER_SIGMA) ** 2
    if most < 1e-6 * base:
        return np.zeros(1)
    return np.asarray(base * np.geomspace(1.0, 1.0 + most / base, _N_WIDTHS) - base)
