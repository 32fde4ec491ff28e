"""Adding lines up on an axis of field."""

import math

import numba
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_N_SHARED = 3  # classes that share a variance


@numba.njit(cache=True, nogil=True)
def add_points(
    sticks: Array,
    at: Array,
    amplitudes: Array,
    weights: Array,
    variances: Array,
    classes: Array,
) -> None:
    """Add lines to sticks, in place.

    Parameters
    ----------
    sticks : (C, M + 3) array
        Absorption in each class of broadening and bin; the first bin is at -1.
    at, amplitudes : (L, G) array
        Field of L lines in bins, and their strength, in G directions.
    weights : (G,) array
        Of the directions.
    variances : (L, G) array
        Of the broadening; not looked at where there is one class.
    classes : (C,) array
        Variances of the classes, ascending; 1 or at least 3 of them. A variance between them goes
        to three, by the parabola through those.
    """
    share = np.ones(_N_SHARED)
    for line in range(at.shape[0]):
        for i in range(at.shape[1]):
            first = 0
            if len(classes) >= _N_SHARED:
                first = _weigh(variances[line, i], classes, share)
            rows = sticks[first : first + min(_N_SHARED, len(classes))]
            _add(rows, share, at[line, i], weights[i] * amplitudes[line, i])


@numba.njit(cache=True, nogil=True)
def add_intervals(
    sticks: Array, at: Array, amplitudes: Array, variances: Array, classes: Array
) -> None:
    """Add lines to sticks, in place, what lies between two directions evenly between their fields.

    Parameters
    ----------
    sticks, classes
        As of `add_points`.
    at, amplitudes, variances : (L, T) array
        In T directions next to each other.
    """
    share = np.ones(_N_SHARED)
    for line in range(at.shape[0]):
        for i in range(at.shape[1] - 1):
            weight = 0.5 * (amplitudes[line, i] + amplitudes[line, i + 1])
            if weight <= 0.0:
                continue
            first = 0
            if len(classes) >= _N_SHARED:
                variance = 0.5 * (variances[line, i] + variances[line, i + 1])
                first = _weigh(variance, classes, share)
            rows = sticks[first : first + min(_N_SHARED, len(classes))]
            width = at[line, i + 1] - at[line, i]
            n = max(math.ceil(abs(width)), 1)
            for k in range(n):
                _add(rows, share, at[line, i] + width * (k + 0.5) / n, weight / n)


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
def _add(rows: Array, share: Array, at: float, weight: float) -> None:
    """Add a point to four bins of some rows, by the cubic B-spline and the rows' shares."""
    if not 0.0 <= at < rows.shape[1] - 3:
        return
    j = int(at)
    t = at - j
    u = 1.0 - t
    for c in range(rows.shape[0]):
        one = share[c] * weight / 6.0
        rows[c, j] += one * u * u * u
        rows[c, j + 1] += one * (4.0 - 3.0 * t * t * (2.0 - t))
        rows[c, j + 2] += one * (4.0 - 3.0 * u * u * (2.0 - u))
        rows[c, j + 3] += one * t * t * t
