"""Fields at which levels are in resonance, for a set of directions, from exact diagonalisation.

Levels are diagonalised at a few fields; between those each level is a polynomial that has the exact
energies and slopes there (Hermite), and each intensity one through the exact ones.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from spectro.epr.spin_system import Operators, contract

Array = NDArray[np.float64]

_N_NEWTON = 8
_CLOSE = 1e-9  # last step in half ranges of field, after which another one changes nothing
_SLOPE = 0.05  # of the steepest pair: flatter ones cross the microwave frequency nowhere near
_WEAKEST = 1e-6  # of the strongest line
_REACH = 1.5  # half ranges of field from the middle, beyond which a line does not matter


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
    """

    fields_mT: Array
    amplitudes: Array
    slopes: Array


def find_resonances(
    operators: Operators,
    unit: Array,
    frequency_MHz: float,
    fields_mT: Array,
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
    fields_mT : (F,) array
        Where levels are diagonalised, ascending; F at least 2.
    strained : tuple of (N, N) arrays
        Derivatives of the Hamiltonian by parameters whose effect on the fields is wanted.

    Returns
    -------
    Resonances
        Pairs of levels by their order in energy; each has at most one resonance.
    """
    levels = _diagonalise(operators, unit, fields_mT, strained)
    middle = len(fields_mT) // 2
    low, high = _pair_levels(levels.energies[0, middle])
    frequency = levels.energies[:, middle, high] - levels.energies[:, middle, low]
    slope = levels.slopes[:, middle, high] - levels.slopes[:, middle, low]
    half = (fields_mT[-1] - fields_mT[0]) / 2
    offset = fields_mT[middle] - (fields_mT[-1] + fields_mT[0]) / 2
    steep = np.abs(slope) > _SLOPE * np.abs(slope).max()
    with np.errstate(divide="ignore", invalid="ignore"):
        guess = offset + (frequency_MHz - frequency) / np.where(steep, slope, np.nan)
    near = (np.abs(guess) < _REACH * half).any(axis=0)
    strong = levels.strengths[:, middle, low, high].max(axis=0)
    near &= strong > _WEAKEST * strong.max(initial=0.0)
    low, high = low[near], high[near]
    return _solve(levels, low, high, frequency_MHz, fields_mT)


def _pair_levels(energies: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Every pair of levels (N,), the lower one first."""
    low, high = _list_pairs(len(energies))
    is_turned = energies[low] > energies[high]
    return np.where(is_turned, high, low), np.where(is_turned, low, high)


@lru_cache(maxsize=16)
def _list_pairs(n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    return np.triu_indices(n, 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Levels:
    """Levels (K, F, N), their slopes, strengths (K, F, N, N), and derivatives (J, K, F, N)."""

    energies: Array
    slopes: Array
    strengths: Array
    derivatives: Array


def _diagonalise(
    operators: Operators,
    unit: Array,
    fields_mT: Array,
    strained: tuple[NDArray[np.complex128], ...],
) -> _Levels:
    flat = bool(np.abs(unit[:, 1]).max(initial=0.0) < 1e-12)
    zeeman: NDArray[Any] = contract(unit, operators.zeeman)
    one, other = _perpendicular(unit)
    raising: NDArray[Any] = contract(one, operators.spin) + 1j * contract(other, operators.spin)
    zero_field: NDArray[Any] = operators.zero_field
    if flat and np.abs(zero_field.imag).max() < 1e-9:  # the field lies in the xz plane
        zeeman, zero_field, raising = zeeman.real, zero_field.real, raising.real
    hamiltonian = zero_field + fields_mT[None, :, None, None] * zeeman[:, None]
    energies, vectors = _find_levels(hamiltonian, operators)
    bras = np.conj(np.swapaxes(vectors, -1, -2))
    slopes = _expect(zeeman[:, None], vectors)
    raised = np.abs(bras @ (raising[:, None] @ vectors)) ** 2
    strengths = (raised + np.swapaxes(raised, -1, -2)) / 4  # of both axes across the field
    derivatives = np.array(
        [_expect(one.real if not np.iscomplexobj(zeeman) else one, vectors) for one in strained]
    ).reshape(len(strained), *energies.shape)
    return _Levels(energies, slopes, np.asarray(strengths), derivatives)


def _find_levels(hamiltonian: NDArray[Any], operators: Operators) -> tuple[Array, NDArray[Any]]:
    """Levels (K, F, N) and their vectors, quickly where the total projection is conserved.

    Levels ascend, but where it is conserved in all directions: there they stand in its order, so
    that those that cross stay apart.
    """
    mixed = np.abs(hamiltonian[:, 0] * operators.is_mixed).max(axis=(-2, -1)) > 0
    if not mixed.any():
        return _diagonalise_blocks(hamiltonian, operators.blocks)
    energies, vectors = np.zeros(hamiltonian.shape[:-1]), np.zeros_like(hamiltonian)
    energies[mixed], vectors[mixed] = np.linalg.eigh(hamiltonian[mixed])
    if not mixed.all():
        levels, columns = _diagonalise_blocks(hamiltonian[~mixed], operators.blocks)
        order = np.argsort(levels, axis=-1)
        energies[~mixed] = np.take_along_axis(levels, order, -1)
        vectors[~mixed] = np.take_along_axis(columns, order[..., None, :], -1)
    return energies, vectors


def _diagonalise_blocks(
    hamiltonian: NDArray[Any], blocks: tuple[NDArray[np.intp], ...]
) -> tuple[Array, NDArray[Any]]:
    energies, vectors = np.zeros(hamiltonian.shape[:-1]), np.zeros_like(hamiltonian)
    for same in blocks:
        rows, columns = same[:, :, None], same[:, None, :]
        energies[..., same], vectors[..., rows, columns] = np.linalg.eigh(
            hamiltonian[..., rows, columns]
        )
    return energies, vectors


def _expect(operator: NDArray[Any], vectors: NDArray[Any]) -> Array:
    """Expectation values (..., N) of an operator in each vector."""
    return np.asarray((np.conj(vectors) * (operator @ vectors)).sum(axis=-2).real)


def _perpendicular(unit: Array) -> Array:
    """Two unit vectors (2, K, 3) across each direction; the second one has no z component."""
    rho = np.hypot(unit[:, 0], unit[:, 1])
    safe = np.where(rho > 0, rho, 1.0)
    cos, sin = np.where(rho > 0, unit[:, 0] / safe, 1.0), np.where(rho > 0, unit[:, 1] / safe, 0.0)
    zero = np.zeros_like(rho)
    return np.stack(
        [
            np.stack([unit[:, 2] * cos, unit[:, 2] * sin, -rho], axis=1),
            np.stack([-sin, cos, zero], axis=1),
        ]
    )


def _solve(
    levels: _Levels,
    low: NDArray[np.intp],
    high: NDArray[np.intp],
    frequency_MHz: float,
    fields_mT: Array,
) -> Resonances:
    centre, half = (fields_mT[-1] + fields_mT[0]) / 2, (fields_mT[-1] - fields_mT[0]) / 2
    at = (fields_mT - centre) / half
    values = levels.energies[..., high] - levels.energies[..., low] - frequency_MHz
    slopes = (levels.slopes[..., high] - levels.slopes[..., low]) * half
    known = np.concatenate([values, slopes], axis=1)
    coefficients = np.asarray(_hermite(tuple(at)) @ known)  # (K, C, L), lowest first
    root, value, slope = _find_roots(coefficients, _REACH + 1)
    weights = _lagrange(at, root)
    strength = np.einsum("fkl,kfl->kl", weights, levels.strengths[..., low, high])
    found = np.abs(value) < 1e-6 * frequency_MHz
    slope = np.where(found, slope / half, np.nan)
    differences = levels.derivatives[..., high] - levels.derivatives[..., low]
    by = -np.einsum("fkl,jkfl->jkl", weights, differences) / slope
    return Resonances(
        np.where(found, centre + half * root, np.nan),
        np.maximum(strength, 0.0) / np.abs(slope),
        by,
    )


@lru_cache(maxsize=16)
def _hermite(at: tuple[float, ...]) -> Array:
    """From values and slopes at some points to coefficients of the polynomial, lowest first."""
    points, n = np.array(at), 2 * len(at)
    powers = np.arange(n)
    rows = points[:, None] ** powers
    slopes = powers * points[:, None] ** np.maximum(powers - 1, 0)
    return np.asarray(np.linalg.inv(np.concatenate([rows, slopes])))


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


def _lagrange(points: Array, at: Array) -> Array:
    """Weights (F, ...) of values at F points in the polynomial through them."""
    weights = np.ones((len(points), *at.shape))
    for i, one in enumerate(points):
        for j, other in enumerate(points):
            if i != j:
                weights[i] *= (at - other) / (one - other)
    return weights
