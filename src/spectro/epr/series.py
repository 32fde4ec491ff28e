"""Levels near some fields as power series: exact diagonalisation, and perturbation around it."""

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
    """

    centre_mT: float
    half_mT: float
    at: tuple[float, ...]
    reach: float

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


class _Turned(NamedTuple):
    """Directions (K, 3), and matrices (3, N, N) that are weighted by them.

    What the microwaves turn, across the field, has weights of its own.
    """

    zero_field: Matrices
    along: Array
    zeeman: Matrices
    across: Matrices
    spin: Matrices


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
    turned = _turn(operators, unit)
    hamiltonian = _assemble(turned, nodes.fields_mT)
    levels, vectors = _diagonalise(hamiltonian, unit, operators.projection)
    matrices = np.zeros((len(strained), *vectors.shape[-2:]), vectors.dtype)
    for number, one in enumerate(strained):
        matrices[number] = one if np.iscomplexobj(vectors) else one.real
    return _expand(levels, vectors, turned, matrices, (nodes.half_mT, 1 - nodes.at[-1]))


def _turn(operators: Operators, unit: Array) -> _Turned:
    """Matrices are real where the field lies in the xz plane and nothing else is imaginary."""
    across, other = _perpendicular(unit)
    if operators.is_planar and not unit[:, 1].any():
        across[:, 1] = other[:, 1]
        return _Turned(operators.zero_field, unit, operators.zeeman, across, operators.spin)
    full = operators.to_complex()
    return _Turned(full.zero_field, unit, full.zeeman, across + 1j * other, full.spin)


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


@numba.njit(cache=True, nogil=True)
def _assemble(turned: _Turned, fields_mT: Array) -> Matrices:
    """Hamiltonians (K, F, N, N)."""
    size = len(turned.zero_field)
    found = np.empty((len(turned.along), len(fields_mT), size, size), turned.zero_field.dtype)
    for k in range(len(found)):
        for f in range(len(fields_mT)):
            x, y, z = turned.along[k] * fields_mT[f]
            for i in range(size):
                for j in range(size):
                    one = turned.zero_field[i, j] + z * turned.zeeman[2, i, j]
                    one += x * turned.zeeman[0, i, j] + y * turned.zeeman[1, i, j]
                    found[k, f, i, j] = one
    return found


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
def _expand(
    levels: Array,
    vectors: Matrices,
    turned: _Turned,
    strained: Matrices,
    scale: tuple[float, float],
) -> Series:
    """Series from levels (K, F, N) and their vectors.

    The scale is that of the Zeeman operator, and the part of it that levels must be apart by.
    """
    n_directions, n_fields, size = levels.shape
    energies = np.empty((n_directions, n_fields, _N_ENERGIES, size))
    strengths = np.empty((n_directions, n_fields, _N_STRENGTHS, size * (size - 1) // 2))
    derivatives = np.empty((len(strained), n_directions, n_fields, _N_DERIVATIVES, size))
    for k in range(n_directions):
        zeeman = _weigh(turned.along[k] * scale[0], turned.zeeman)
        raising = _weigh(turned.across[k], turned.spin)
        for f in range(n_fields):
            kets = vectors[k, f]
            bras = np.ascontiguousarray(np.conj(kets).T)
            v = np.dot(bras, np.dot(zeeman, kets))
            first, second = _perturb(levels[k, f], v, scale[1], energies[k, f])
            moment = np.dot(bras, np.dot(raising, kets))
            _square(moment, first, second, strengths[k, f])
            for number in range(len(strained)):
                one = np.dot(bras, np.dot(strained[number], kets))
                for i in range(size):
                    derivatives[number, k, f, 0, i] = one[i, i].real
                    derivatives[number, k, f, 1, i] = 2.0 * _dot(one, first, i)
    return Series(energies, strengths, derivatives)


@numba.njit(cache=True, nogil=True)
def _weigh(weights: Matrices, matrices: Matrices) -> Matrices:
    total: Matrices = weights[0] * matrices[0]
    total = total + weights[1] * matrices[1] + weights[2] * matrices[2]
    return total


@numba.njit(cache=True, nogil=True)
def _dot(one: Matrices, other: Matrices, column: int) -> float:
    """Real part of the product of a column of each of two matrices."""
    total = 0.0
    for i in range(len(one)):
        total += (np.conj(one[i, column]) * other[i, column]).real
    return total


@numba.njit(cache=True, nogil=True)
def _perturb(
    levels: Array, v: Matrices, margin: float, energies: Array
) -> tuple[Matrices, Matrices]:
    """States (N, N) to first and second order; energies (6, N) to fifth are written."""
    size = len(levels)
    first, second, inverse = np.zeros_like(v), np.zeros_like(v), np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            gap = levels[j] - levels[i]
            change = max(abs(v[i, j]), abs(v[j, j].real - v[i, i].real))
            apart = max(abs(gap), margin * change)
            if apart > 0.0:
                inverse[i, j] = np.sign(gap) / apart
                first[i, j] = v[i, j] * inverse[i, j]
    along = np.dot(v, first)
    for i in range(size):
        for j in range(size):
            second[i, j] = (along[i, j] - first[i, j] * v[j, j].real) * inverse[i, j]
    farther = np.dot(v, second)
    for j in range(size):
        e1, e2 = v[j, j].real, along[j, j].real
        norm, overlap = _dot(first, first, j), _dot(first, second, j)
        e3 = _dot(first, along, j) - e1 * norm
        energies[0, j], energies[1, j], energies[2, j], energies[3, j] = levels[j], e1, e2, e3
        energies[4, j] = _dot(first, farther, j) - e1 * overlap - e2 * norm
        fifth = _dot(second, farther, j) - e1 * _dot(second, second, j)
        energies[5, j] = fifth - 2.0 * e2 * overlap - e3 * norm
    return first, second


@numba.njit(cache=True, nogil=True)
def _square(moment: Matrices, first: Matrices, second: Matrices, strengths: Array) -> None:
    """Write strengths (3, P) of both axes across the field, from the moment and the states."""
    size = len(moment)
    right, left = np.dot(moment, first), np.dot(first, moment)
    farther = np.dot(moment, second) - np.dot(first, right)
    farther += np.dot(np.ascontiguousarray(np.conj(second).T), moment)
    norms = np.array([0.5 * _dot(first, first, i) for i in range(size)])
    strengths[:] = 0.0
    for i in range(size):
        for j in range(size):
            if i == j:
                continue
            a, b = min(i, j), max(i, j)
            pair = a * (2 * size - a - 1) // 2 + b - a - 1
            zeroth, once = moment[i, j], right[i, j] - left[i, j]
            twice = farther[i, j] - (norms[i] + norms[j]) * zeroth
            bra = np.conj(zeroth)
            strengths[0, pair] += 0.25 * (bra * zeroth).real
            strengths[1, pair] += 0.5 * (bra * once).real
            strengths[2, pair] += 0.25 * (np.conj(once) * once).real + 0.5 * (bra * twice).real
