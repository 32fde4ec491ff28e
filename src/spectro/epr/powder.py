"""Powder patterns: how much of a sample is in resonance at each field, before line shapes."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spectro.epr.averaging import (
    add_rough,
    add_smooth,
    broaden,
    choose_rough_grid,
    view_lines,
    weigh_errors,
)
from spectro.epr.directions import Symmetry, make_arcs, place_knots
from spectro.epr.resonances import Resonances, find_inside, find_resonances, find_span
from spectro.epr.series import Nodes
from spectro.epr.spin_system import (
    BOHR_MHz_PER_mT,
    Operators,
    SpinSystem,
    build_operators,
    principal_values,
)
from spectro.epr.strains import list_strains
from spectro.epr.sweep import Sweep

Array = NDArray[np.float64]

_FIRST_DEGREE = 8
_LAST_DEGREE = {Symmetry.ISOTROPIC: 0, Symmetry.AXIAL: 40, Symmetry.RHOMBIC: 28, Symmetry.NONE: 16}
_PER_TWO_DEGREES = 4.0  # by how much errors are hoped to fall
_HALF = 0.5
_FAR_BELOW = 0.7  # of the middle of the allowed lines, at which a sweep is taken apart
_REACH = 1.5  # half ranges of field from the middle, beyond which a line does not matter
_N_WIDENED, _BEYOND = 3, 0.1  # times that fields are taken wider, and how far lines may lie beyond
_STRONG = 1e-2  # of the strongest line, for one that is to be followed beyond the sweep
_WEAKEST, _WEAKEST_ASIDE = 1e-6, 1e-10  # line that counts, of the strongest; and far from that
_N_AT_ONCE = 128  # steps of an arc, which take little memory
_N_NODES = (1, 2, 4)  # fields to diagonalise at, the next where those before are too few
_BY_FIELD = 0.2  # of the tolerance, for what fields between the nodes are off by


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


def compute_pattern(system: SpinSystem, sweep: Sweep) -> Pattern:
    """Powder pattern of a system of pure isotopes; see `_compute_part`.

    A sweep from far below the allowed lines is computed in two parts, as the polynomials of levels
    do not reach from fields where they are mixed to those lines.
    """
    first, last = expect_reach(system, sweep.frequency_GHz)
    middle = (first + last) / 2
    n_below = math.ceil((_FAR_BELOW * middle - sweep.start_mT) / sweep.step_mT)
    is_mixed = system.dimension > 2 and first > _FAR_BELOW * middle
    if not (is_mixed and n_below > 1 and sweep.end_mT >= middle):
        return _compute_part(system, sweep)
    start_mT = sweep.start_mT + n_below * sweep.step_mT
    below = _compute_part(system, replace(sweep, n_points=n_below))
    above = replace(sweep, start_mT=start_mT, n_points=sweep.n_points - n_below)
    return _join(below, _compute_part(system, above), sweep)


def _join(below: Pattern, above: Pattern, sweep: Sweep) -> Pattern:
    """Pattern of two that follow each other in field."""
    n_below, n_classes = below.sticks.shape[1], len(below.sticks)
    sticks = np.zeros((n_classes + len(above.sticks), sweep.n_points))
    sticks[:n_classes, :n_below] = below.sticks
    sticks[n_classes:, n_below:] = above.sticks
    parts = sticks[:n_classes].sum(axis=0), sticks[n_classes:].sum(axis=0)
    sizes = [float(np.abs(broaden(one, sweep)).max()) for one in parts]
    most = max(*sizes, 1e-300)
    error = max(one.error * size / most for one, size in zip((below, above), sizes, strict=True))
    return replace(
        above,
        start_mT=sweep.start_mT,
        sticks=sticks,
        variances_mT2=np.concatenate([below.variances_mT2, above.variances_mT2]),
        error=error,
        n_directions=below.n_directions + above.n_directions,
    )


def _compute_part(system: SpinSystem, sweep: Sweep) -> Pattern:
    """Powder pattern in a range that polynomials of levels reach over.

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
    if symmetry is Symmetry.NONE:
        system = system.align(1e3 * sweep.frequency_GHz)
        symmetry = find_symmetry(system)
    strains = list_strains(system)
    matrices, sigmas = tuple(one for one, _ in strains), np.array([sigma for _, sigma in strains])
    reach = expect_reach(system, sweep.frequency_GHz)
    task = _Task(build_operators(system), sweep, reach, matrices)
    degree, n_nodes = 0 if symmetry is Symmetry.ISOTROPIC else _FIRST_DEGREE, _N_NODES[0]
    while True:
        knots = place_knots(symmetry, degree)
        lines, n_nodes, by_field = _find_well(task, knots.unit, n_nodes)
        is_everywhere = np.all(np.isfinite(lines.fields_mT), axis=0)
        lost = _weigh_lost(lines, is_everywhere, sweep)
        lines = lines.choose(is_everywhere)
        view = view_lines(lines, knots, symmetry, sweep)
        allowed = sweep.tolerance - min(by_field, _HALF * sweep.tolerance)
        if lost > sweep.tolerance or view.error <= allowed or degree == _LAST_DEGREE[symmetry]:
            break
        degree = min(_raise_degree(degree, view.error / allowed), _LAST_DEGREE[symmetry])
    if view.error <= allowed and lost <= sweep.tolerance:
        n_directions, error = len(knots.unit), view.error
        sticks, variances = add_smooth(lines, knots, symmetry, view, sweep, sigmas)
    else:
        arcs = make_arcs(symmetry, *choose_rough_grid(view, symmetry, sweep))
        n_directions = arcs.shape[0] * arcs.shape[1]
        starts = range(0, arcs.shape[1] - 1, _N_AT_ONCE)
        parts = (arc[start : start + _N_AT_ONCE + 1] for arc in arcs for start in starts)
        found = [_find_lines(task, unit, n_nodes) for unit in parts]
        sticks, variances, error = add_rough(found, sweep, sigmas)
    return Pattern(sweep.start_mT, sweep.step_mT, sticks, variances, error + by_field, n_directions)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """A system's operators, what is swept, where lines are expected, and what strains change."""

    operators: Operators
    sweep: Sweep
    reach_mT: tuple[float, float]
    strained: tuple[NDArray[np.complex128], ...]


def _weigh_lost(lines: Resonances, is_everywhere: NDArray[np.bool_], sweep: Sweep) -> float:
    """Share of what is in the sweep that lines have which are not there in all directions."""
    is_inside = (lines.fields_mT >= sweep.start_mT) & (lines.fields_mT <= sweep.end_mT)
    inside = np.where(is_inside, lines.amplitudes, 0.0).sum(axis=0)
    return float(inside[~is_everywhere].sum() / max(float(inside.sum()), 1e-300))


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


def _find_well(task: _Task, unit: Array, n_nodes: int) -> tuple[Resonances, int, float]:
    """Lines in some directions, from as many nodes of field as they need.

    And how many these are, and the error of the spectrum that they leave.
    """
    for n in _N_NODES[_N_NODES.index(n_nodes) :]:
        lines = _find_lines(task, unit, n)
        error = weigh_errors(lines, task.sweep)
        if error <= _BY_FIELD * task.sweep.tolerance:
            break
    return lines, n, error


def _find_lines(task: _Task, unit: Array, n_nodes: int) -> Resonances:
    """Lines in some directions, diagonalised at fields that reach as far as those lines do."""
    sweep = task.sweep
    low, high = min(task.reach_mT[0], sweep.start_mT), max(task.reach_mT[1], sweep.end_mT)
    for _ in range(_N_WIDENED):
        nodes = _place_nodes(low, high, task, n_nodes)
        frequency_MHz = 1e3 * sweep.frequency_GHz
        lines = find_resonances(task.operators, unit, frequency_MHz, nodes, task.strained)
        lines = lines.choose(find_inside(lines.fields_mT, sweep.start_mT, sweep.end_mT))
        first, last = find_span(lines.fields_mT, lines.amplitudes, _STRONG)
        reach = _BEYOND * (high - low)
        if first >= low - reach and last <= high + reach:
            break
        low, high = max(min(first, low), 0.05 * low), max(last, high)
    return lines


def _place_nodes(low_mT: float, high_mT: float, task: _Task, n: int) -> Nodes:
    """Fields to diagonalise at: Chebyshev's points; a single one in the middle of the lines."""
    centre, half = (low_mT + high_mT) / 2, (high_mT - low_mT) / 2
    first, last = task.reach_mT
    is_aside = not task.sweep.start_mT <= (first + last) / 2 <= task.sweep.end_mT
    weakest = _WEAKEST_ASIDE if is_aside else _WEAKEST
    if n > 1:
        at = -np.cos(np.pi * (np.arange(n) + 0.5) / n)
        return Nodes(centre, half, tuple(at.tolist()), _REACH, weakest)
    if task.sweep.start_mT <= first and last <= task.sweep.end_mT:
        centre, half = (first + last) / 2, max((last - first) / 2, 1e-3 * centre)
    farthest = max(high_mT - centre, centre - low_mT)
    return Nodes(centre, half, (0.0,), _REACH * farthest / half, weakest)


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
