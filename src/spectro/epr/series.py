"""Levels near some fields as power series: exact diagonalisation, and perturbation around it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectro.epr.spin_system import Operators, contract

Array = NDArray[np.float64]
Matrices = NDArray[Any]

N_ENERGIES, N_MOMENTS, N_DERIVATIVES = 6, 3, 2
"""Terms of the series."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """Fields at which levels are diagonalised.

    Attributes
    ----------
    centre_mT, half_mT : float
        Middle and half of the range of field in which lines are expected.
    at : tuple of float
        Fields, in half ranges from the middle, ascending.
    reach : float
        Likewise, beyond which a line does not matter.
    """

    centre_mT: float
    half_mT: float
    at: tuple[float, ...]
    reach: float

    @property
    def fields_mT(self) -> Array:
        """Fields, (F,)."""
        return self.centre_mT + self.half_mT * np.array(self.at)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Coefficients of powers of the distance from each of F fields, in K directions.

    Distances are in units of the half range of field.

    Attributes
    ----------
    energies : (K, F, 6, N) array
        Of levels, in MHz.
    moments : 3 arrays (K, F, N, N)
        Of transitions from one level (column) to another.
    derivatives : (J, K, F, 2, N) array
        Of levels by each of J parameters.
    """

    energies: Array
    moments: tuple[Matrices, ...]
    derivatives: Array


def expand_levels(
    operators: Operators,
    unit: Array,
    nodes: Nodes,
    strained: tuple[NDArray[np.complex128], ...] = (),
) -> Series:
    """Series of all levels in some directions (K, 3) around the nodes.

    Notes
    -----
    Rayleigh and Schroedinger's perturbation theory with the Zeeman operator: states to second
    order give energies to fifth [1]_, which are good while the field changes by less than the
    splittings. Two levels that are nearer to each other than they change from the last node to the
    end of the range are taken to be as far apart as that, so that crossings leave everything
    finite.

    References
    ----------
    .. [1] J. O. Hirschfelder, W. Byers Brown, S. T. Epstein, Adv. Quantum Chem. 1964, 1, 255,
       DOI 10.1016/S0065-3276(08)60381-0.
    """
    zero_field, zeeman, raising = _rotate(operators, unit)
    hamiltonian = zero_field + nodes.fields_mT[None, :, None, None] * zeeman[:, None]
    levels, vectors = _find_levels(hamiltonian, operators)
    bras = np.conj(np.swapaxes(vectors, -1, -2))
    v = nodes.half_mT * (bras @ (zeeman[:, None] @ vectors))
    first, second, energies = _perturb(levels, v, 1 - nodes.at[-1])
    moment = bras @ (raising[:, None] @ vectors)
    turned = moment @ first
    norm = 0.5 * _dot(first, first)
    moments = (
        moment,
        turned - first @ moment,
        moment @ second
        + np.conj(np.swapaxes(second, -1, -2)) @ moment
        - first @ turned
        - (norm[..., None, :] + norm[..., :, None]) * moment,
    )
    derivatives = np.zeros((len(strained), *energies.shape[:2], N_DERIVATIVES, energies.shape[-1]))
    for number, one in enumerate(strained):
        product = bras @ ((one if np.iscomplexobj(vectors) else one.real) @ vectors)
        derivatives[number, :, :, 0] = np.diagonal(product, axis1=-2, axis2=-1).real
        derivatives[number, :, :, 1] = 2 * _dot(product, first)
    return Series(energies, moments, derivatives)


def _rotate(operators: Operators, unit: Array) -> tuple[Matrices, Matrices, Matrices]:
    """Zero-field part (N, N), Zeeman operators and spin across the field (K, N, N).

    They are real where the field lies in the xz plane and nothing else is imaginary.
    """
    flat = bool(np.abs(unit[:, 1]).max(initial=0.0) < 1e-12)
    zeeman: Matrices = contract(unit, operators.zeeman)
    one, other = _perpendicular(unit)
    raising: Matrices = contract(one, operators.spin) + 1j * contract(other, operators.spin)
    zero_field: Matrices = operators.zero_field
    if flat and np.abs(zero_field.imag).max() < 1e-9:
        return zero_field.real, zeeman.real, raising.real
    return zero_field, zeeman, raising


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


def _find_levels(hamiltonian: Matrices, operators: Operators) -> tuple[Array, Matrices]:
    """Levels and their vectors.

    Levels ascend, but where the total projection is conserved in all directions: there they stand
    in its order, so that those that cross stay apart. Where it is conserved, a multiple of it that
    is larger than all splittings keeps states of different projection from mixing.
    """
    mixed = np.abs(hamiltonian[:, 0] * operators.is_mixed).max(axis=(-2, -1)) > 0
    if mixed.all():
        return np.linalg.eigh(hamiltonian)
    shift = 2 * np.abs(hamiltonian[~mixed]).sum(axis=-1).max() * operators.projection
    hamiltonian[~mixed] += np.diag(shift)
    levels, vectors = np.linalg.eigh(hamiltonian)
    levels[~mixed] -= np.sort(shift)
    if mixed.any():
        order = np.argsort(levels, axis=-1)
        levels = np.take_along_axis(levels, order, -1)
        vectors = np.take_along_axis(vectors, order[..., None, :], -1)
    return levels, vectors


def _perturb(
    levels: Array, v: Matrices, margin: float
) -> tuple[Matrices, Matrices, Array]:
    """States (..., N, N) to first and second order, and energies (..., 6, N) to fifth."""
    e1 = np.diagonal(v, axis1=-2, axis2=-1).real
    gap = levels[..., None, :] - levels[..., :, None]
    change = np.maximum(np.abs(v), np.abs(e1[..., None, :] - e1[..., :, None]))
    inverse = np.sign(gap) / np.maximum(np.maximum(np.abs(gap), margin * change), 1e-300)
    first = v * inverse
    along = v @ first
    second = (along - first * e1[..., None, :]) * inverse
    along_second = v @ second
    e2 = np.diagonal(along, axis1=-2, axis2=-1).real
    norm, overlap = _dot(first, first), _dot(first, second)
    e3 = _dot(first, along) - e1 * norm
    e4 = _dot(first, along_second) - e1 * overlap - e2 * norm
    e5 = _dot(second, along_second) - e1 * _dot(second, second) - 2 * e2 * overlap - e3 * norm
    return first, second, np.stack([levels, e1, e2, e3, e4, e5], axis=-2)


def _dot(one: Matrices, other: Matrices) -> Array:
    """Real parts of the products (..., N) of the columns of two matrices."""
    return np.asarray((np.conj(one) * other).sum(axis=-2).real)
