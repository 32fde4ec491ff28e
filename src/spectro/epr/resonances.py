"""Fields at which levels are in resonance, for a set of directions, from exact diagonalisation.

Levels are diagonalised at one field or a few; each is a polynomial that has the exact Taylor series
there (Hermite), and so is each intensity.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple, Self

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.special import comb

from spectro.epr.series import Nodes, Series, expand_levels
from spectro.epr.spin_system import Operators

Array = NDArray[np.float64]

_N_NEWTON = 8
_CLOSE = 1e-9  # last step in half ranges of field, after which another one changes nothing
_SLOPE = 0.05  # of the steepest pair: flatter ones cross the microwave frequency nowhere near
_MISSED = 1e-6  # of the frequency, by which a pair without a resonance misses it


@dataclass(frozen=True, slots=True, eq=False)
class Resonances:
    """Lines in a set of directions.

    Attributes
    ----------
    fields_mT : (K, L) array
        Field of each line; NaN where a pair of levels has none.
    amplitudes : (K, L) array
        Transition probability over the slope of its frequency, in 1 / (MHz / mT).
    slopes : (J, K, L) array
        Derivatives of the field by each of J parameters, in mT per MHz.
    errors_mT : (K, L) array
        By how much the last terms of the series move each line, which is more than what is left
        out does.
    losses : (K, L) array
        About what is left out of the amplitudes.
    """

    fields_mT: Array
    amplitudes: Array
    slopes: Array
    errors_mT: Array
    losses: Array

    def choose(self, chosen: NDArray[np.bool_]) -> Self:
        """Some of the lines."""
        if chosen.all():
            return self
        return replace(
            self,
            fields_mT=self.fields_mT[:, chosen],
            amplitudes=self.amplitudes[:, chosen],
            slopes=self.slopes[:, :, chosen],
            errors_mT=self.errors_mT[:, chosen],
            losses=self.losses[:, chosen],
        )


class _Roots(NamedTuple):
    """Lines (K, L) in half ranges of field from the middle, NaN where there is none.

    With slopes per half range, strengths, derivatives (J, K, L), and what errors are estimated by.
    """

    at: Array
    slopes: Array
    strengths: Array
    derivatives: Array
    errors_MHz: Array
    losses: Array


def find_resonances(
    operators: Operators,
    unit: Array,
    frequency_MHz: float,
    nodes: Nodes,
    strained: tuple[NDArray[np.complex128], ...] = (),
) -> Resonances:
    """Lines of a system in some directions of the field.

    Parameters
    ----------
    operators : Operators
        Matrices of the system.
    unit : (K, 3) array
        Directions of the field.
    frequency_MHz : float
        Microwave frequency.
    nodes : Nodes
        Where levels are diagonalised.
    strained : tuple of (N, N) arrays
        Derivatives of the Hamiltonian by parameters whose effect on the fields is wanted.

    Returns
    -------
    Resonances
        Pairs of levels by their order in energy; each has at most one resonance.
    """
    series = expand_levels(operators, unit, nodes, strained)
    at = np.array(nodes.at)
    pairs = _choose_pairs(series, at, frequency_MHz, (nodes.reach, nodes.weakest))
    six, five, three, two = (_hermite(nodes.at, n) for n in (6, 5, 3, 2))
    found = _solve(series, pairs, (six, five, three, two), (frequency_MHz, nodes.reach + 1))
    return _to_fields(found, nodes)


def _to_fields(found: _Roots, nodes: Nodes) -> Resonances:
    """Lines from roots in half ranges from the middle."""
    fields = nodes.centre_mT + nodes.half_mT * found.at
    distance = np.abs(found.at[..., None] - nodes.at).min(axis=-1)
    ratio = np.minimum(nodes.half_mT * distance / np.abs(fields), 1.0)
    slope = found.slopes / nodes.half_mT
    steepness = np.abs(slope)
    return Resonances(
        fields,
        np.maximum(found.strengths, 0.0) / steepness,
        -found.derivatives / slope,
        found.errors_MHz / steepness,
        found.losses * ratio / steepness,
    )


@numba.njit(cache=True, nogil=True)
def find_inside(fields_mT: Array, start_mT: float, end_mT: float) -> NDArray[np.bool_]:
    """Which lines (K, L) are in a range in one direction, or pass it from one to another."""
    n_directions, n_lines = fields_mT.shape
    found = np.zeros(n_lines, np.bool_)
    for line in range(n_lines):
        below, above = False, False
        for k in range(n_directions):
            one = fields_mT[k, line]
            below |= one <= end_mT
            above |= one >= start_mT
        found[line] = below and above
    return found


@numba.njit(cache=True, nogil=True)
def find_span(fields_mT: Array, amplitudes: Array, share: float) -> tuple[float, float]:
    """Lowest and highest field (K, L) of lines that are stronger than a share of the strongest."""
    strongest, low, high = 0.0, np.inf, -np.inf
    for k in range(amplitudes.shape[0]):
        for line in range(amplitudes.shape[1]):
            if np.isfinite(amplitudes[k, line]):
                strongest = max(strongest, amplitudes[k, line])
    for line in range(fields_mT.shape[1]):
        peak = 0.0
        for k in range(len(fields_mT)):
            if np.isfinite(amplitudes[k, line]):
                peak = max(peak, amplitudes[k, line])
        if peak > share * strongest:
            for k in range(len(fields_mT)):
                if np.isfinite(fields_mT[k, line]):
                    low, high = min(low, fields_mT[k, line]), max(high, fields_mT[k, line])
    return low, high


@numba.njit(cache=True, nogil=True)
def sum_errors(amplitudes: Array, errors_mT: Array, losses: Array) -> tuple[float, float]:
    """Mean error of the field by amplitude, and losses relative to all amplitudes."""
    total, moved, lost = 0.0, 0.0, 0.0
    for k in range(amplitudes.shape[0]):
        for line in range(amplitudes.shape[1]):
            one = amplitudes[k, line]
            if np.isfinite(one):
                total += one
                moved += one * errors_mT[k, line]
                lost += losses[k, line]
    return (moved / total, lost / total) if total > 0.0 else (0.0, 0.0)


@numba.njit(cache=True, nogil=True)
def _choose_pairs(
    series: Series, at: Array, frequency_MHz: float, limits: tuple[float, float]
) -> NDArray[np.int64]:
    """Pairs of levels whose resonance is not far from the range of field, and strong enough.

    Rows (L, 3) of the lower level, the higher one, and the number of the pair. Limits are the reach
    and the weakest of the nodes.
    """
    reach, weakest = limits
    middle = len(at) // 2
    energies, strengths = series.energies[:, middle], series.strengths[:, middle, 0]
    n_directions, size = len(energies), energies.shape[2]
    steepest, strongest = 0.0, 0.0
    for k in range(n_directions):
        lowest, highest = np.inf, -np.inf
        for i in range(size):
            lowest, highest = min(lowest, energies[k, 1, i]), max(highest, energies[k, 1, i])
        steepest = max(steepest, highest - lowest)
        for pair in range(strengths.shape[1]):
            strongest = max(strongest, strengths[k, pair])
    found, n_found, pair = np.empty((strengths.shape[1], 3), np.int64), 0, -1
    for i in range(size):
        for j in range(i + 1, size):
            pair += 1
            low, high = (i, j) if energies[0, 0, i] <= energies[0, 0, j] else (j, i)
            near, strong = False, False
            for k in range(n_directions):
                slope = energies[k, 1, high] - energies[k, 1, low]
                missing = frequency_MHz - energies[k, 0, high] + energies[k, 0, low]
                if abs(slope) > _SLOPE * steepest:
                    near |= abs(at[middle] + missing / slope) < reach
                strong |= strengths[k, pair] > weakest * strongest
            if near and strong:
                found[n_found] = low, high, pair
                n_found += 1
    return found[:n_found]


@lru_cache(maxsize=64)
def _hermite(at: tuple[float, ...], n_terms: int) -> Array:
    """From Taylor series at some points to coefficients of the polynomial, lowest first."""
    powers = np.arange(len(at) * n_terms)
    rows = [
        comb(powers, order) * point ** np.maximum(powers - order, 0)
        for point in at
        for order in range(n_terms)
    ]
    return np.linalg.inv(np.array(rows, float))


@numba.njit(cache=True, nogil=True)
def _solve(
    series: Series,
    pairs: NDArray[np.int64],
    rows: tuple[Array, Array, Array, Array],
    goal: tuple[float, float],
) -> _Roots:
    """Where pairs are in resonance with a frequency, and within a range about 0.

    Rows are those from Taylor series of 6, 5, 3 and 2 terms to polynomials.
    """
    n_directions, n_strained = len(series.energies), len(series.derivatives)
    shape = n_directions, len(pairs)
    at, slopes, strengths = np.empty(shape), np.empty(shape), np.empty(shape)
    errors, losses = np.empty(shape), np.empty(shape)
    derivatives = np.empty((n_strained, *shape))
    terms = np.empty(len(rows[0]))
    for k in range(n_directions):
        levels, squares = series.energies[k], series.strengths[k]
        for line in range(len(pairs)):
            low, high, pair = pairs[line]
            _combine(rows[0], levels, (low, high), goal[0], terms)
            root, value, slope = _find_root(terms, goal[1])
            if abs(value) > _MISSED * goal[0]:
                root = np.nan
            at[k, line], slopes[k, line] = root, slope
            n = _combine(rows[1], levels, (low, high), goal[0], terms)
            errors[k, line] = abs(_evaluate(terms, n, root))
            n = _combine(rows[2], squares, (-1, pair), 0.0, terms)
            strength = _evaluate(terms, n, root)
            n = _combine(rows[3], squares, (-1, pair), 0.0, terms)
            strengths[k, line] = strength
            losses[k, line] = abs(strength - _evaluate(terms, n, root))
            for number in range(n_strained):
                n = _combine(rows[3], series.derivatives[number, k], (low, high), 0.0, terms)
                derivatives[number, k, line] = _evaluate(terms, n, root)
    return _Roots(at, slopes, strengths, derivatives, errors, losses)


@numba.njit(cache=True, nogil=True)
def _combine(
    rows: Array, series: Array, places: tuple[int, int], offset: float, terms: Array
) -> int:
    """Write the terms of the polynomial with the first terms of some series; how many they are.

    Parameters
    ----------
    rows : (C, C) array
        From Taylor series to the polynomial.
    series : (F, P, N) array
        Taylor series at F fields, of which C / F terms are taken.
    places : (int, int)
        In those: what is taken off, unless it is negative, and what it is taken off.
    offset : float
        Taken off too.
    terms : (C or more,) array
        Coefficients, lowest first.
    """
    n_fields, n = len(series), len(rows)
    n_terms = n // n_fields
    if n_fields > 1:
        terms[:n] = 0.0
    for f in range(n_fields):
        for m in range(n_terms):
            one = series[f, m, places[1]]
            if places[0] >= 0:
                one -= series[f, m, places[0]]
            if m == 0:
                one -= offset
            if n_fields == 1:
                terms[m] = one
                continue
            for c in range(n):
                terms[c] += rows[c, f * n_terms + m] * one
    return n


@numba.njit(cache=True, nogil=True)
def _find_root(coefficients: Array, reach: float) -> tuple[float, float, float]:
    """Root by Newton's method from 0; value and slope there."""
    at, step = 0.0, 1.0
    for trial in range(_N_NEWTON + 1):
        value, slope = 0.0, 0.0
        for n in range(len(coefficients) - 1, -1, -1):
            slope = slope * at + value
            value = value * at + coefficients[n]
        if trial == _N_NEWTON or abs(step) < _CLOSE:
            break
        step = value / slope if slope != 0.0 else np.inf
        at = min(max(at - step, -reach), reach)
    return at, value, slope


@numba.njit(cache=True, nogil=True)
def _evaluate(coefficients: Array, n_terms: int, at: float) -> float:
    value = 0.0
    for n in range(n_terms - 1, -1, -1):
        value = value * at + coefficients[n]
    return value
