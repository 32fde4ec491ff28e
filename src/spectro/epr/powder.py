"""Powder patterns: how much of a sample is in resonance at each field, before line shapes."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectro.epr.directions import Grid, Knots, Symmetry, make_grid, place_knots
from spectro.epr.resonances import Resonances, find_resonances
from spectro.epr.spin_system import BOHR_MHz_PER_mT, Operators, SpinSystem, build_operators
from spectro.epr.sticks import deposit

Array = NDArray[np.float64]

_FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
_FIRST_DEGREE, _DEGREE_STEP = 8, 4
_LAST_DEGREE = {Symmetry.AXIAL: 40, Symmetry.RHOMBIC: 24, Symmetry.NONE: 16}
_PER_WIDTH = {  # directions on an arc, and arcs, for each width that a line moves by
    Symmetry.AXIAL: (10.0, 0.0),
    Symmetry.RHOMBIC: (8.0, 3.0),
    Symmetry.NONE: (8.0, 8.0),
}
_MULTIPLE, _LEAST_POLAR, _LEAST_ARCS, _MOST_DIRECTIONS, _MOST_ARCS = 8, 64, 8, 2048, 512
_HALF = 0.5
_N_WIDENED, _BEYOND = 3, 0.1  # times that fields are taken wider, and how far lines may lie beyond
_N_POLAR_COARSE, _N_AZIMUTHS_COARSE = 33, 8  # to estimate the error on
_STRONG = 1e-2  # of the strongest line, for one that is to be followed beyond the sweep
_STEEPEST = 3.9  # slope of a Gaussian's derivative by its height, times its full width
_SMEARED = 6  # how much less is left of errors of both signs once there is a line shape; measured
_SLOWEST = 0.8  # ratio of harmonics of neighbouring degrees that is reckoned with
_N_WIDTHS = 12  # classes of broadening by strain
_NODES = {2: 0.02, 3: 0.06, 4: 0.15, 6: 0.3}  # and up to which relative half range of field
_MOST_NODES = 8
_SPLIT_SHIFT = 0.03  # of the width: shift of second order that strains of D may have unsplit


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
    system = system.align(1e3 * sweep.frequency_GHz)
    symmetry = find_symmetry(system)
    operators = build_operators(system)
    strains = _list_strains(system, operators)
    reach = expect_reach(system, sweep.frequency_GHz)
    matrices, sigmas = [one for one, _ in strains], [sigma for _, sigma in strains]
    for degree in _choose_degrees(symmetry):
        knots = place_knots(symmetry, degree)
        lines = _keep_whole(_find_lines(operators, knots.unit, sweep, reach, matrices))
        error = _estimate_error(lines, knots, symmetry, sweep)
        if error <= sweep.tolerance:
            break
    grid = make_grid(symmetry, degree, *_choose_grid(lines, knots, symmetry, sweep))
    n_directions, spread = len(knots.unit), _interpolate(lines, knots, grid)
    if error > sweep.tolerance:
        spread, n_directions = _find_everywhere(operators, grid, sweep, reach, matrices)
        error = _compare_halves(spread, grid, sweep)
    sticks, variances = _add_up(spread, grid, sigmas, sweep)
    return Pattern(sweep.start_mT, sweep.step_mT, sticks, variances, error, n_directions)


def _choose_degrees(symmetry: Symmetry) -> range:
    if symmetry is Symmetry.ISOTROPIC:
        return range(1)
    last = _LAST_DEGREE[symmetry]
    return range(_FIRST_DEGREE, last + 1, _DEGREE_STEP)


def _list_strains(
    system: SpinSystem, operators: Operators
) -> list[tuple[NDArray[np.complex128], float]]:
    """Derivatives of the Hamiltonian by what is distributed, and standard deviations in MHz."""
    candidates = [(operators.by_a, system.a_strain_MHz if system.nuclei else 0.0)]
    if system.s > _HALF:
        candidates += [
            (operators.by_d, system.d_strain_MHz),
            (operators.by_e, system.e_strain_MHz),
        ]
    return [(matrix, strain / _FWHM_PER_SIGMA) for matrix, strain in candidates if strain > 0]


def expect_reach(system: SpinSystem, frequency_GHz: float) -> tuple[float, float]:
    """Fields in mT between which lines of first order lie, but for half of them at the most."""
    centre = 1e3 * frequency_GHz / (BOHR_MHz_PER_mT * abs(system.g_isotropic))
    split_MHz = (2 * system.s - 1) * (abs(system.d_MHz) + 3 * abs(system.e_MHz))
    for nucleus, kind in zip(system.nuclei, system.isotopes, strict=True):
        split_MHz += kind.spin * float(np.abs(np.linalg.eigvalsh(nucleus.tensor_MHz)).max())
    half = min(split_MHz / (BOHR_MHz_PER_mT * abs(system.g_isotropic)), 0.5 * centre)
    return centre - half, centre + half


def _find_lines(
    operators: Operators,
    unit: Array,
    sweep: Sweep,
    reach_mT: tuple[float, float],
    strained: list[NDArray[np.complex128]],
) -> Resonances:
    """Lines in some directions, diagonalised at fields that reach as far as those lines do."""
    low, high = min(reach_mT[0], sweep.start_mT), max(reach_mT[1], sweep.end_mT)
    for _ in range(_N_WIDENED):
        lines = find_resonances(
            operators,
            unit,
            1e3 * sweep.frequency_GHz,
            _choose_fields(low, high),
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


def split_strain(system: SpinSystem, frequency_GHz: float, width_mT: float) -> list[SpinSystem]:
    """Systems whose narrower strains of D make up a wide one.

    A wide distribution of D shifts lines in second order, D^2 over the microwave frequency, which
    the derivatives of the fields do not tell. So it is a sum of narrower ones, spaced by their own
    standard deviation.
    """
    sigma = system.d_strain_MHz / _FWHM_PER_SIGMA
    order = 4 * system.s * (system.s + 1) / (1e3 * frequency_GHz)  # of the shift by D^2
    narrow = math.sqrt(_SPLIT_SHIFT * width_mT * 28.0 / order) if order > 0 else math.inf
    if system.s <= _HALF or sigma <= narrow:
        return [system]
    spread = math.sqrt(sigma**2 - narrow**2)
    n = math.ceil(3.5 * spread / narrow)
    offsets = narrow * np.arange(-n, n + 1)
    weights = np.exp(-0.5 * (offsets / spread) ** 2)
    return [
        replace(
            system,
            d_MHz=system.d_MHz + float(offset),
            d_strain_MHz=narrow * _FWHM_PER_SIGMA,
            weight=system.weight * float(weight / weights.sum()),
        )
        for offset, weight in zip(offsets, weights, strict=True)
    ]


def _choose_fields(low_mT: float, high_mT: float) -> Array:
    """Fields to diagonalise at: Chebyshev's points, the more the wider the range is."""
    centre, half = (low_mT + high_mT) / 2, (high_mT - low_mT) / 2
    relative = half / centre
    n = next((n for n, most in _NODES.items() if relative < most), _MOST_NODES)
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

    Coefficients fall off geometrically with the degree, so what is left out is about the last
    degree's part times q / (1 - q), q the ratio of the last two. Of the fields the mean counts, in
    widths; amplitudes are added up as the spectrum is, in bins as wide as the line shape, as what
    two lines lose and gain from each other cancels.
    """
    if lines.fields_mT.shape[1] == 0 or symmetry is Symmetry.ISOTROPIC:
        return 0.0
    grid = make_grid(symmetry, int(knots.degrees[-1]), _N_POLAR_COARSE, _N_AZIMUTHS_COARSE)
    fields, missing = _extrapolate(lines.fields_mT, knots, grid)
    amplitudes, lost = _extrapolate(lines.amplitudes, knots, grid)
    n_bins = max(math.ceil((sweep.end_mT - sweep.start_mT) / sweep.width_mT), 1)
    at = np.clip((fields - sweep.start_mT) / sweep.width_mT, -1, n_bins).astype(np.int64)
    bins = np.where(at >= 0, at, n_bins).ravel()
    total, wrong = (
        np.bincount(bins, one.ravel(), n_bins + 1)[:n_bins] for one in (amplitudes, lost)
    )
    if total.max() <= 0:
        return 0.0
    moved = np.average(np.abs(missing), weights=np.abs(amplitudes)) / sweep.width_mT
    return float(_STEEPEST * moved + np.abs(wrong).max() / total.max() / _SMEARED)


def _extrapolate(values: Array, knots: Knots, grid: Grid) -> tuple[Array, Array]:
    """Values (K, L) on a grid (G, L), and about what is left out of them there."""
    coefficients = knots.to_coefficients @ values
    degrees = np.unique(knots.degrees)
    last, before = (np.abs(coefficients[knots.degrees == n]).sum() for n in degrees[:-3:-1])
    ratio = min(float(last / max(before, 1e-300)), _SLOWEST)
    is_last = knots.degrees == degrees[-1]
    part = grid.harmonics[is_last].T @ coefficients[is_last]
    return grid.harmonics.T @ coefficients, part * ratio / (1 - ratio)


def _choose_grid(
    lines: Resonances, knots: Knots, symmetry: Symmetry, sweep: Sweep
) -> tuple[int, int]:
    """Directions on an arc and arcs, so that no line jumps by much of its width between them."""
    if symmetry is Symmetry.ISOTROPIC or lines.fields_mT.shape[1] == 0:
        return 1, 1
    coarse = make_grid(symmetry, int(knots.degrees[-1]), _N_POLAR_COARSE, _N_AZIMUTHS_COARSE)
    strong = lines.amplitudes.max(axis=0) > _STRONG * lines.amplitudes.max()
    fields = coarse.harmonics.T @ (knots.to_coefficients @ lines.fields_mT[:, strong])
    fields = fields.reshape(coarse.n_azimuths, coarse.n_polar, -1) / sweep.width_mT
    along, across = _PER_WIDTH[symmetry]
    n_polar, n_azimuths = (
        math.ceil(per_width * float(np.ptp(fields, axis=axis).max()) / _MULTIPLE) * _MULTIPLE
        for per_width, axis in ((along, 1), (across, 0))
    )
    return (
        min(max(n_polar, _LEAST_POLAR), _MOST_DIRECTIONS) + 1,
        min(max(n_azimuths, _LEAST_ARCS), _MOST_ARCS),
    )


def _interpolate(lines: Resonances, knots: Knots, grid: Grid) -> Resonances:
    """Lines on the grid, (L, P, T) each, from those at the knots."""
    to_grid = np.ascontiguousarray((knots.to_coefficients.T @ grid.harmonics).T)
    shape = grid.n_azimuths, grid.n_polar
    fields = _spread(to_grid, lines.fields_mT, shape)
    slopes = np.zeros((len(lines.slopes), *fields.shape))
    for number, one in enumerate(lines.slopes):
        slopes[number] = _spread(to_grid, one, shape)
    return Resonances(fields, _spread(to_grid, lines.amplitudes, shape), slopes)


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

    In bins as wide as the line shape; a third of the change, as the error goes with the square of
    the distance between directions.
    """
    half = Resonances(
        np.ascontiguousarray(lines.fields_mT[..., ::2]),
        np.ascontiguousarray(lines.amplitudes[..., ::2]),
        lines.slopes,
    )
    fine, _ = _add_up(lines, grid, [], sweep)
    coarse, _ = _add_up(half, replace(grid, n_polar=(grid.n_polar + 1) // 2), [], sweep)
    edges = np.arange(0, sweep.n_points, max(round(sweep.width_mT / sweep.step_mT), 1))
    one, other = (np.add.reduceat(sticks[0], edges) for sticks in (fine, coarse))
    return float(np.abs(one - other).max() / max(one.max(), 1e-300) / 3)


def _add_up(
    lines: Resonances, grid: Grid, sigmas_MHz: list[float], sweep: Sweep
) -> tuple[Array, Array]:
    """Sticks (C, M) of lines in all directions, by their broadening, and the variances of those."""
    variances, classes = np.zeros((0, 0, 0)), np.zeros(1)
    if sigmas_MHz:
        weights = np.array(sigmas_MHz)[:, None, None, None]
        variances = ((lines.slopes * weights) ** 2).sum(axis=0)
        classes = _choose_classes(variances, sweep.width_mT)
    sticks = np.zeros((len(classes), sweep.n_points + 1))
    deposit(
        sticks,
        (lines.fields_mT - sweep.start_mT) / sweep.step_mT,
        lines.amplitudes / (grid.n_azimuths * max(grid.n_polar - 1, 1)),
        variances,
        classes,
    )
    return sticks[:, :-1], classes


def _spread(to_grid: Array, values: Array, shape: tuple[int, int]) -> Array:
    """Values (L, P, T) on the grid from those at the knots (K, L)."""
    return np.ascontiguousarray(values.T @ to_grid.T).reshape(-1, *shape)


def _choose_classes(variances: Array, width_mT: float) -> Array:
    """Variances of the classes of broadening, evenly spaced in the logarithm of the whole."""
    base = (width_mT / _FWHM_PER_SIGMA) ** 2
    most = float(variances.max(initial=0.0))
    if most < 1e-6 * base:
        return np.zeros(1)
    return np.asarray(base * np.geomspace(1.0, 1.0 + most / base, _N_WIDTHS) - base)
