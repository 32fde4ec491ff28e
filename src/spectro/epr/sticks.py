"""Adding lines up on an axis of field, each smeared out over the directions next to each other."""

import math

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_N_SHARED = 3  # classes that share a variance
_NARROW = 1e-6  # bins, below which a line is at one field


@numba.njit(cache=True, nogil=True)
def deposit(
    sticks: Array,
    at: Array,
    amplitudes: Array,
    variances: Array,
    classes: Array,
    is_smooth: bool,
) -> None:
    """Add lines to sticks, in place.

    Parameters
    ----------
    sticks : (C, M) array
        Absorption in each class of broadening and bin.
    at : (L, P, T) array
        Field of L lines in bins, on P arcs of T directions each. What lies between two directions
        of an arc is spread evenly between their fields; of a single direction it stays there.
    amplitudes : (L, P, T) array
        Likewise.
    variances : (L, P, T) array
        Of the broadening; not looked at where there is one class.
    classes : (C,) array
        Variances of the classes, ascending; 1 or at least 3 of them. A variance between them goes
        to three, by the parabola through those.
    is_smooth : bool
        Whether lines are smooth functions of direction, so that what lies between two directions
        follows from those on both sides of them.

    Notes
    -----
    A point between two bins goes to both, by how near it is, so the sum and the mean are kept.
    """
    share = np.zeros(_N_SHARED)
    for line in range(at.shape[0]):
        for arc in range(at.shape[1]):
            n_steps = max(at.shape[2] - 1, 1)
            for i in range(n_steps):
                j = min(i + 1, at.shape[2] - 1)
                weight = 0.5 * (amplitudes[line, arc, i] + amplitudes[line, arc, j])
                if is_smooth:
                    weight -= _bend(amplitudes[line, arc], i, j) / 12.0
                if weight <= 0.0:
                    continue
                first = 0
                share[0] = 1.0
                if len(classes) >= _N_SHARED:
                    variance = 0.5 * (variances[line, arc, i] + variances[line, arc, j])
                    first = _weigh(variance, classes, share)
                rows = sticks[first : first + min(_N_SHARED, len(classes))]
                middle = 0.5 * (at[line, arc, i] + at[line, arc, j])
                reach = 0.5 * abs(at[line, arc, i] - at[line, arc, j])
                if is_smooth:
                    middle += _shift(at[line, arc], amplitudes[line, arc], i, j)
                _add(rows, share, middle - reach, middle + reach, weight)


@numba.njit(cache=True, nogil=True, inline="always")
def _bend(values: Array, i: int, j: int) -> float:
    """Second difference between two neighbours, from those of the points on both sides."""
    total, n = 0.0, 0
    if i > 0:
        total += values[i - 1] - 2.0 * values[i] + values[j]
        n += 1
    if i < j < len(values) - 1:
        total += values[i] - 2.0 * values[j] + values[j + 1]
        n += 1
    return total / n if n > 0 else 0.0


@numba.njit(cache=True, nogil=True, inline="always")
def _shift(at: Array, amplitudes: Array, i: int, j: int) -> float:
    """From the middle of two directions' fields to the mean field between them, by amplitude.

    To third order in the distance of the directions, by the parabolas through their neighbours.
    """
    p, q = amplitudes[i], amplitudes[j]
    shift = -_bend(at, i, j) / 12.0
    if p + q > 0.0:
        shift += (at[j] - at[i]) * (q - p) / (6.0 * (p + q))
    return shift


@numba.njit(cache=True, nogil=True, inline="always")
def _weigh(variance: float, classes: Array, share: Array) -> int:
    """First of the classes that a variance is shared by; their shares go into `share`."""
    k = np.searchsorted(classes, variance)
    first: int = max(min(int(k) - 1, len(classes) - _N_SHARED), 0)
    a, b, c = classes[first], classes[first + 1], classes[first + 2]
    share[0] = (variance - b) * (variance - c) / ((a - b) * (a - c))
    share[1] = (variance - a) * (variance - c) / ((b - a) * (b - c))
    share[2] = (variance - a) * (variance - b) / ((c - a) * (c - b))
    return first


@numba.njit(cache=True, nogil=True, inline="always")
def _add(rows: Array, share: Array, a: float, b: float, weight: float) -> None:
    """Add an even distribution from a to b, in bins, to some rows by their shares."""
    n_bins = rows.shape[1]
    if not (b >= 0.0 and a < n_bins - 1):
        return
    if b - a < _NARROW:
        j = math.floor(a)
        if 0 <= j < n_bins - 1:
            for c in range(rows.shape[0]):
                rows[c, j] += share[c] * weight * (1.0 - (a - j))
                rows[c, j + 1] += share[c] * weight * (a - j)
        return
    density = weight / (b - a)
    start, stop = max(a, 0.0), min(b, n_bins - 1.0)
    j = math.floor(start)
    while start < stop and j < n_bins - 1:
        end = min(j + 1.0, stop)
        mass, middle = density * (end - start), 0.5 * (start + end) - j
        for c in range(rows.shape[0]):
            rows[c, j] += share[c] * mass * (1.0 - middle)
            rows[c, j + 1] += share[c] * mass * middle
        start = end
        j += 1
