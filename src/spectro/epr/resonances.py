"""Fields at which levels are in resonance, for a set of directions, from exact diagonalisation.

Levels are diagonalised at one field or a few; each is a polynomial that has the exact Taylor series
there (Hermite), and so is each intensity.
"""

from dataclasses import dataclass
from functools import lru_cache

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.special import comb

from spectro.epr.series import Matrices, Nodes, Series, expand_levels
from spectro.epr.spin_system import Operators

Array = NDArray[np.float64]

_N_NEWTON = 8
_CLOSE = 1e-9  # last step in half ranges of field, after which another one changes nothing
_SLOPE = 0.05  # of the steepest pair: flatter ones cross the microwave frequency nowhere near
_WEAKEST = 1e-6  # of the strongest line


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
    low, high = _choose_pairs(series, frequency_MHz, nodes)
    return _solve(series, low, high, frequency_MHz, nodes)


def _choose_pairs(
    series: Series, frequency_MHz: float, nodes: Nodes
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of levels whose resonance is not far from the range of field, and strong enough."""
    middle = len(nodes.at) // 2
    low, high = _pair_levels(series.energies[0, middle, 0])
    frequency, slope = (
        one[:, high] - one[:, low] for one in np.moveaxis(series.energies[:, middle, :2], 1, 0)
    )
    steep = np.abs(slope) > _SLOPE * np.abs(slope).max()
    with np.errstate(divide="ignore", invalid="ignore"):
        guess = nodes.at[middle] + (frequency_MHz - frequency) / np.where(steep, slope, np.nan)
        near = (np.abs(guess) < nodes.reach).any(axis=0)
    moment = np.abs(series.moments[0][:, middle]) ** 2
    strong = (moment[:, low, high] + moment[:, high, low]).max(axis=0)
    near &= strong > _WEAKEST * strong.max(initial=0.0)
    return low[near], high[near]


def _pair_levels(energies: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Every pair of levels (N,), the lower one first."""
    low, high = _list_pairs(len(energies))
    is_turned = energies[low] > energies[high]
    return np.where(is_turned, high, low), np.where(is_turned, low, high)


@lru_cache(maxsize=16)
def _list_pairs(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(n, 1)


def _solve(
    series: Series,
    low: NDArray[np.intp],
    high: NDArray[np.intp],
    frequency_MHz: float,
    nodes: Nodes,
) -> Resonances:
    at = nodes.at
    known = series.energies[..., high] - series.energies[..., low]
    known[:, :, 0] -= frequency_MHz
    root, value, slope = _find_roots(_interpolate(at, known), nodes.reach + 1)
    before = _evaluate(_interpolate(at, known[:, :, :-1]), root)
    strengths = _square(series.moments, low, high)
    strength = _evaluate(_interpolate(at, strengths), root)
    lost = np.abs(strength - _evaluate(_interpolate(at, strengths[:, :, :-1]), root))
    found = np.abs(value) < 1e-6 * frequency_MHz
    slope = np.where(found, slope / nodes.half_mT, np.nan)
    differences = series.derivatives[..., high] - series.derivatives[..., low]
    by = np.zeros((len(differences), *root.shape))
    for number, one in enumerate(differences):
        by[number] = -_evaluate(_interpolate(at, one), root) / slope
    fields = nodes.centre_mT + nodes.half_mT * root
    return Resonances(
        np.where(found, fields, np.nan),
        np.maximum(strength, 0.0) / np.abs(slope),
        by,
        np.abs(before / slope),
        lost * _find_ratio(fields, nodes) / np.abs(slope),
    )


def _find_ratio(fields_mT: Array, nodes: Nodes) -> Array:
    """Ratio of neighbouring terms of a series: changes of the field from a node by the field."""
    distance = np.min([np.abs(fields_mT - one) for one in nodes.fields_mT], axis=0)
    return np.minimum(distance / np.abs(fields_mT), 1.0)


def _square(
    moments: tuple[Matrices, ...], low: NDArray[np.intp], high: NDArray[np.intp]
) -> Array:
    """Strengths (K, F, 3, L) of both axes across the field."""
    total = 0.0
    for one, other in ((low, high), (high, low)):
        zeroth, first, second = (moment[..., one, other] for moment in moments)
        bra = np.conj(zeroth)
        total += np.stack(
            [
                (bra * zeroth).real,
                2 * (bra * first).real,
                (np.conj(first) * first).real + 2 * (bra * second).real,
            ],
            axis=2,
        )
    return total / 4


def _interpolate(at: tuple[float, ...], known: Array) -> Array:
    """Coefficients (K, C, L), lowest first, of polynomials with some Taylor series (K, F, P, L)."""
    flat = np.ascontiguousarray(known).reshape(len(known), -1, known.shape[-1])
    if at == (0.0,):
        return flat
    return np.asarray(_hermite(at, known.shape[2]) @ flat)


@lru_cache(maxsize=64)
def _hermite(at: tuple[float, ...], n_terms: int) -> Array:
    """From Taylor series at some points to coefficients of the polynomial, lowest first."""
    powers = np.arange(len(at) * n_terms)
    rows = [
        comb(powers, order) * point ** np.maximum(powers - order, 0)
        for point in at
        for order in range(n_terms)
    ]
    return np.asarray(np.linalg.inv(np.array(rows)))


@numba.njit(cache=True, nogil=True)
def _find_roots(coefficients: Array, reach: float) -> tuple[Array, Array, Array]:
    """Roots (K, L) of polynomials by Newton's method from 0, and their values and slopes there."""
    n_directions, n_terms, n_lines = coefficients.shape
    roots = np.zeros((n_directions, n_lines))
    values, slopes = np.zeros_like(roots), np.zeros_like(roots)
    for k in range(n_directions):
        for line in range(n_lines):
            at, step = 0.0, 1.0
            for trial in range(_N_NEWTON + 1):
                value, slope = 0.0, 0.0
                for n in range(n_terms - 1, -1, -1):
                    slope = slope * at + value
                    value = value * at + coefficients[k, n, line]
                if trial == _N_NEWTON or abs(step) < _CLOSE:
                    break
                step = value / slope if slope != 0.0 else np.inf
                at = min(max(at - step, -reach), reach)
            roots[k, line], values[k, line], slopes[k, line] = at, value, slope
    return roots, values, slopes


def _evaluate(coefficients: Array, at: Array) -> Array:
    """Values (K, L) of polynomials (K, C, L) at points (K, L)."""
    value = coefficients[:, -1]
    for n in range(coefficients.shape[1] - 2, -1, -1):
        value = value * at + coefficients[:, n]
    return value
