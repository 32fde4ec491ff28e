"""Levels near some fields as power series: exact diagonalisation, and perturbation around it."""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from spectro.epr.spin_system import Operators

Array = NDArray[np.float64]
Matrices = NDArray[Any]

_N_ENERGIES, _N_STRENGTHS, _N_DERIVATIVES = 6, 3, 2  # terms of the series
_N_SWEEPS, _NOTHING = 30, 1e-15  # of Jacobi's method; and of the largest element, for one that is 0


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
    weakest : float
        Of the strongest transition, below which a line does not matter.
    """

    centre_mT: float
    half_mT: float
    at: tuple[float, ...]
    reach: float
    weakest: float = 1e-6

    @property
    def fields_mT(self) -> Array:
        """Fields, (F,)."""
        return self.centre_mT + self.half_mT * np.array(self.at)


class Series(NamedTuple):
    """Coefficients of powers of the distance from each of F fields, in K directions.

    Distances are in units of the half range of field.

    Attributes
    ----------
    energies : (K, F, 6, N) array
        Of levels, in MHz.
    strengths : (K, F, 3, P) array
        Of the transitions between each pair of levels, as `numpy.triu_indices` counts them.
    derivatives : (J, K, F, 2, N) array
        Of levels by each of J parameters.
    """

    energies: Array
    strengths: Array
    derivatives: Array


def expand_levels(
    operators: Operators,
    unit: Array,
    nodes: Nodes,
    strained: tuple[NDArray[np.complex128], ...] = (),
) -> Series:
    """Series of all levels in some directions (K, 3) around the nodes.

    Levels ascend, but where the total projection is kept in all directions: there those of each
    projection ascend, so that levels that cross stay apart.

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
    zero_field, zeeman, raising = _turn(operators, unit)
    hamiltonian = zero_field + nodes.fields_mT[:, None, None] * zeeman
    levels, kets = _diagonalise(hamiltonian, unit, operators.projection)
    bras = np.conj(np.swapaxes(kets, -1, -2))
    v = nodes.half_mT * (bras @ (zeeman @ kets))
    first, inverse = _mix(levels, v, 1 - nodes.at[-1])
    along = v @ first
    second = (along - first * np.diagonal(v, axis1=-2, axis2=-1)[..., None, :].real) * inverse
    energies, norms = _sum_energies(levels, v, (first, second), (along, v @ second))
    moment = bras @ (raising @ kets)
    right = moment @ first
    twice = moment @ second - first @ right + np.conj(np.swapaxes(second, -1, -2)) @ moment
    strengths = _square(moment, right - first @ moment, twice, norms)
    derivatives = np.empty((len(strained), *levels.shape[:2], _N_DERIVATIVES, levels.shape[2]))
    for number, one in enumerate(strained):
        product = bras @ ((one if np.iscomplexobj(kets) else one.real) @ kets)
        derivatives[number, :, :, 0] = np.diagonal(product, axis1=-2, axis2=-1).real
        derivatives[number, :, :, 1] = 2 * (np.conj(product) * first).sum(axis=-2).real
    return Series(energies, strengths, derivatives)


def _turn(operators: Operators, unit: Array) -> tuple[Matrices, Matrices, Matrices]:
    """Zero-field part (N, N), Zeeman operators and spin across the field (K, 1, N, N).

    They are real where the field lies in the xz plane and nothing else is imaginary.
    """
    one, other = _perpendicular(unit)
    across: Matrices
    if operators.is_planar and not unit[:, 1].any():
        one[:, 1] = other[:, 1]
        across = one
    else:
        operators, across = operators.to_complex(), one + 1j * other
    size = len(operators.zero_field)
    zeeman, raising = (
        (weights @ matrices.reshape(3, -1)).reshape(-1, 1, size, size)
        for weights, matrices in ((unit, operators.zeeman), (across, operators.spin))
    )
    return operators.zero_field, zeeman, raising


def _perpendicular(unit: Array) -> tuple[Array, Array]:
    """Two unit vectors (K, 3) across each direction; the second one has no z component."""
    rho = np.hypot(unit[:, 0], unit[:, 1])
    is_pole = rho == 0
    rho[is_pole] = 1.0
    cos, sin = unit[:, 0] / rho, unit[:, 1] / rho
    cos[is_pole], rho[is_pole] = 1.0, 0.0
    one, other = np.zeros_like(unit), np.zeros_like(unit)
    one[:, 0], one[:, 1], one[:, 2] = unit[:, 2] * cos, unit[:, 2] * sin, -rho
    other[:, 0], other[:, 1] = -sin, cos
    return one, other


def _diagonalise(
    hamiltonian: Matrices, unit: Array, projection: Array | None
) -> tuple[Array, Matrices]:
    """Levels (K, F, N) and their vectors, in the order of `expand_levels`.

    Where the total projection is kept most elements are 0, which Jacobi's method makes use of; so
    it keeps states of different projection apart, even where they have the same energy.
    """
    is_sparse = ~unit[:, :2].any(axis=1)
    if projection is None or not is_sparse.any():
        return np.linalg.eigh(hamiltonian)
    levels, vectors = np.empty(hamiltonian.shape[:-1]), np.empty_like(hamiltonian)
    found, columns = _rotate_away(hamiltonian[is_sparse])
    if is_sparse.all():
        order = np.argsort(found + 4 * np.abs(found).max() * projection, axis=-1)
    else:
        order = np.argsort(found, axis=-1)
        levels[~is_sparse], vectors[~is_sparse] = np.linalg.eigh(hamiltonian[~is_sparse])
    levels[is_sparse] = np.take_along_axis(found, order, -1)
    vectors[is_sparse] = np.take_along_axis(columns, order[..., None, :], -1)
    return levels, vectors


@numba.njit(cache=True, nogil=True)
def _rotate_away(matrices: Matrices) -> tuple[Array, Matrices]:
    """Levels (K, F, N) and vectors of Hermitian matrices, which are written over.

    Notes
    -----
    Jacobi's cyclic rotations, of pairs that are not 0 already.

    References
    ----------
    .. [1] G. H. Golub, C. F. Van Loan, Matrix Computations, 4th ed., Baltimore 2013, ch. 8.5.
    """
    n_directions, n_fields, size, _ = matrices.shape
    levels = np.empty((n_directions, n_fields, size))
    vectors = np.zeros_like(matrices)
    for k in range(n_directions):
        for f in range(n_fields):
            a, rows = matrices[k, f], np.zeros_like(matrices[k, f])
            least = 0.0
            for i in range(size):
                rows[i, i] = 1.0
                least = max(least, _NOTHING * abs(a[i, i]))
            for _ in range(_N_SWEEPS):
                is_done = True
                for i in range(size):
                    for j in range(i + 1, size):
                        if abs(a[i, j]) > least:
                            _turn_pair(a, rows, i, j)
                            is_done = False
                if is_done:
                    break
            for i in range(size):
                levels[k, f, i] = a[i, i].real
                for j in range(size):
                    vectors[k, f, j, i] = np.conj(rows[i, j])
    return levels, vectors


@numba.njit(cache=True, nogil=True)
def _turn_pair(a: Matrices, rows: Matrices, i: int, j: int) -> None:
    """Turn two rows and columns of a matrix so that their element is 0; and two other rows."""
    size = abs(a[i, j])
    phase = a[i, j] / size
    ratio = (a[j, j].real - a[i, i].real) / (2.0 * size)
    tangent = 1.0 / (abs(ratio) + np.sqrt(ratio * ratio + 1.0))
    if ratio < 0.0:
        tangent = -tangent
    cos = 1.0 / np.sqrt(tangent * tangent + 1.0)
    sin = tangent * cos
    for m in range(len(a)):
        one, other = a[i, m], a[j, m] * phase
        a[i, m], a[j, m] = cos * one - sin * other, (sin * one + cos * other) * np.conj(phase)
        one, other = rows[i, m], rows[j, m] * phase
        rows[i, m], rows[j, m] = cos * one - sin * other, (sin * one + cos * other) * np.conj(phase)
    for m in range(len(a)):
        one, other = a[m, i], a[m, j] * np.conj(phase)
        a[m, i], a[m, j] = cos * one - sin * other, (sin * one + cos * other) * phase
    a[i, j], a[j, i] = 0.0, 0.0


@numba.njit(cache=True, nogil=True)
def _mix(levels: Array, v: Matrices, margin: float) -> tuple[Matrices, Array]:
    """States (K, F, N, N) to first order, and inverse splittings (K, F, N, N)."""
    first, inverse = np.zeros(v.shape, v.dtype), np.zeros(v.shape)
    for k in range(v.shape[0]):
        for f in range(v.shape[1]):
            for i in range(v.shape[2]):
                for j in range(v.shape[3]):
                    gap = levels[k, f, j] - levels[k, f, i]
                    slope = abs(v[k, f, j, j].real - v[k, f, i, i].real)
                    apart = max(abs(gap), margin * max(abs(v[k, f, i, j]), slope))
                    if gap != 0.0:
                        inverse[k, f, i, j] = math.copysign(1.0 / apart, gap)
                        first[k, f, i, j] = v[k, f, i, j] * inverse[k, f, i, j]
    return first, inverse


@numba.njit(cache=True, nogil=True)
def _sum_energies(
    levels: Array,
    v: Matrices,
    states: tuple[Matrices, Matrices],
    turned: tuple[Matrices, Matrices],
) -> tuple[Array, Array]:
    """Energies (K, F, 6, N) to fifth order, and norms (K, F, N) of the states of first order.

    States are those of first and second order; turned ones are what v makes of them.
    """
    n_directions, n_fields, size = levels.shape
    found = np.empty((n_directions, n_fields, _N_ENERGIES, size))
    norms = np.empty(levels.shape)
    for k in range(n_directions):
        for f in range(n_fields):
            first, second = states[0][k, f], states[1][k, f]
            along, farther = turned[0][k, f], turned[1][k, f]
            for j in range(size):
                e1, e2 = v[k, f, j, j].real, along[j, j].real
                norm, overlap = _dot(first, first, j), _dot(first, second, j)
                e3 = _dot(first, along, j) - e1 * norm
                e4 = _dot(first, farther, j) - e1 * overlap - e2 * norm
                e5 = _dot(second, farther, j) - e1 * _dot(second, second, j)
                e5 -= 2.0 * e2 * overlap + e3 * norm
                found[k, f, 0, j], found[k, f, 1, j], found[k, f, 2, j] = levels[k, f, j], e1, e2
                found[k, f, 3, j], found[k, f, 4, j], found[k, f, 5, j] = e3, e4, e5
                norms[k, f, j] = norm
    return found, norms


@numba.njit(cache=True, nogil=True)
def _dot(one: Matrices, other: Matrices, column: int) -> float:
    """Real part of the product of a column of each of two matrices."""
    total = 0.0
    for i in range(len(one)):
        total += one[i, column].real * other[i, column].real
        total += one[i, column].imag * other[i, column].imag
    return total


@numba.njit(cache=True, nogil=True)
def _square(moment: Matrices, once: Matrices, twice: Matrices, norms: Array) -> Array:
    """Strengths (K, F, 3, P) of both axes across the field, from the terms of the moment.

    What states of first order lack in norm is still to be taken off the last one.
    """
    n_directions, n_fields, size = norms.shape
    found = np.zeros((n_directions, n_fields, _N_STRENGTHS, size * (size - 1) // 2))
    for k in range(n_directions):
        for f in range(n_fields):
            for i in range(size):
                for j in range(size):
                    if i == j:
                        continue
                    a, b = min(i, j), max(i, j)
                    pair = a * (2 * size - a - 1) // 2 + b - a - 1
                    bra, second = moment[k, f, i, j].conjugate(), once[k, f, i, j]
                    square = (bra * moment[k, f, i, j]).real
                    last = (bra * twice[k, f, i, j]).real
                    last -= 0.5 * (norms[k, f, i] + norms[k, f, j]) * square
                    found[k, f, 0, pair] += 0.25 * square
                    found[k, f, 1, pair] += 0.5 * (bra * second).real
                    found[k, f, 2, pair] += 0.25 * (second.conjugate() * second).real + 0.5 * last
    return found
