"""Fields at which levels are in resonance, for a set of directions, from exact diagonalisation.

Levels are diagonalised at a few fields; between those each level is a polynomial that has the exact
energies and slopes there (Hermite), and each intensity one through the exact ones.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectro.epr.spin_system import Operators

Array = NDArray[np.float64]

_N_NEWTON = 6
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
    low, high = np.triu_indices(levels.energies.shape[-1], 1)
    middle = len(fields_mT) // 2
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
    zeeman: NDArray[Any] = np.tensordot(unit, operators.zeeman, 1)
    across = _perpendicular(unit)
    spin: NDArray[Any] = np.tensordot(across, operators.spin, 1)
    zero_field: NDArray[Any] = operators.zero_field
    if flat and np.abs(zero_field.imag).max() < 1e-9:  # the field lies in the xz plane
        zeeman, zero_field = zeeman.real, zero_field.real
        spin = np.stack([spin[0].real, spin[1].imag])
    energies, vectors = np.linalg.eigh(
        zero_field + fields_mT[None, :, None, None] * zeeman[:, None]
    )
    bras = np.conj(np.swapaxes(vectors, -1, -2))
    slopes = _expect(zeeman[:, None], vectors)
    strengths = sum(np.abs(bras @ (one[:, None] @ vectors)) ** 2 for one in spin) / 2
    derivatives = np.array(
        [_expect(one.real if not np.iscomplexobj(zeeman) else one, vectors) for one in strained]
    ).reshape(len(strained), *energies.shape)
    return _Levels(energies, slopes, np.asarray(strengths), derivatives)


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
    coefficients = np.tensordot(
        _hermite(tuple(at)), np.concatenate([values, slopes], axis=1), (1, 1)
    )
    root = np.zeros(values.shape[::2])
    for _ in range(_N_NEWTON):
        value, slope = _horner(coefficients, root)
        with np.errstate(divide="ignore", invalid="ignore"):
            root = np.clip(root - value / slope, -_REACH - 1, _REACH + 1)
    value, slope = _horner(coefficients, root)
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


def _horner(coefficients: Array, at: Array) -> tuple[Array, Array]:
    """Polynomials and their slopes."""
    value, slope = np.broadcast_to(coefficients[-1], at.shape).copy(), np.zeros(at.shape)
    for one in coefficients[-2::-1]:
        slope = slope * at + value
        value = value * at + one
    return value, slope


def _lagrange(points: Array, at: Array) -> Array:
    """Weights (F, ...) of values at F points in the polynomial through them."""
    weights = np.ones((len(points), *at.shape))
    for i, one in enumerate(points):
        for j, other in enumerate(points):
            if i != j:
                weights[i] *= (at - other) / (one - other)
    return weights
