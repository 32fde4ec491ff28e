"""Lines of first-derivative spectra: where they are, and how high from peak to peak."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks, savgol_coeffs, savgol_filter

from spectro.epr.noise import sum_error
from spectro.model import InputError, Spectrum

Array = NDArray[np.float64]

_PROMINENCE = 0.2  # of the highest line, below which an extreme is none
_SMOOTHED = 0.5  # of a width, over which a quartic follows an extreme to 0.1 %
_DEGREE = 4


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a first-derivative spectrum.

    Attributes
    ----------
    window_mT : (float, float)
        A width to either side of its extremes, but not beyond the middle to the next line.
    width_mT : float
        Peak to peak.
    """

    window_mT: tuple[float, float]
    width_mT: float


def require_derivative(spectrum: Spectrum) -> None:
    """Refuse what is no real first-derivative spectrum over an ascending field.

    Raises
    ------
    InputError
        If it is something else.
    """
    name = spectrum.title
    if np.iscomplexobj(spectrum.y) or not np.isfinite(spectrum.y).all():
        raise InputError(
            f"Expected real and finite intensities in {name}, got others; take the part in phase "
            f"and cut out what is missing."
        )
    if spectrum.axes[-1].unit != "mT" or not (np.diff(spectrum.x) > 0).all():
        raise InputError(
            f"Expected an ascending field in mT in {name}, got {spectrum.axes[-1].label or 'none'}."
        )
    harmonic = spectrum.metadata.get("harmonic", 1)
    if harmonic != 1:
        raise InputError(
            f"Expected a first derivative in {name}, got harmonic {harmonic}; measure or "
            f"simulate the first."
        )


def find_lines(x_mT: Array, y: Array) -> tuple[Line, ...]:
    """Lines of a spectrum, from low to high field.

    Parameters
    ----------
    x_mT : (N,) array
        Field, ascending.
    y : (N,) array
        First derivative of the absorption, of either sign.

    Returns
    -------
    tuple of Line
        Those at least a fifth as high as the spectrum; empty if there is none.
    """
    least = _PROMINENCE * float(np.ptp(y))
    if least == 0:
        return ()
    high, low = (find_peaks(sign * y, prominence=least)[0] for sign in (1.0, -1.0))
    upright, inverted = _pair(high, low), _pair(low, high)
    pairs = max(upright, inverted, key=lambda found: _steepness(x_mT, y, found))
    return tuple(_window(x_mT, pairs, k) for k in range(len(pairs)))


def _pair(first: NDArray[np.intp], second: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Each of the first with the next of the second, if that is its neighbour."""
    found = []
    for k, start in enumerate(first.tolist()):
        following = second[second > start]
        if len(following) and not (first[k + 1 :] < following[0]).any():
            found.append((start, int(following[0])))
    return found


def _steepness(x: Array, y: Array, pairs: list[tuple[int, int]]) -> float:
    return max((abs(y[i] - y[j]) / (x[j] - x[i]) for i, j in pairs), default=0.0)


def _window(x: Array, pairs: list[tuple[int, int]], k: int) -> Line:
    start, end = pairs[k]
    width = float(x[end] - x[start])
    low, high = x[start] - width, x[end] + width
    if k > 0:
        low = max(low, (x[pairs[k - 1][1]] + x[start]) / 2)
    if k + 1 < len(pairs):
        high = min(high, (x[end] + x[pairs[k + 1][0]]) / 2)
    return Line((float(max(low, x[0])), float(min(high, x[-1]))), width)


def peak_to_peak(y: Array, n_width: int, autocovariance: Array) -> tuple[float, float]:
    """Height of a line from its lower to its upper extreme, and its standard error.

    Parameters
    ----------
    y : (N,) array
        First derivative within the window of the line.
    n_width : int
        Points from peak to peak.
    autocovariance : (K,) array
        Of the noise.

    Notes
    -----
    The extremes are those of quartics over half of the width [1]_: single points would make more of
    the noise a part of the height.

    References
    ----------
    .. [1] A. Savitzky, M. J. E. Golay, Anal. Chem. 1964, 36, 1627, DOI 10.1021/ac60214a047.
    """
    length = min(2 * int(n_width * _SMOOTHED / 2) + 1, len(y) - 1 + len(y) % 2)
    if length < _DEGREE + 3:
        smooth, kernel = y, np.ones(1)
    else:
        smooth, kernel = savgol_filter(y, length, _DEGREE), savgol_coeffs(length, _DEGREE)
    half, weights = len(kernel) // 2, np.zeros(len(y) + len(kernel) - 1)
    for sign, place in ((1, smooth.argmax()), (-1, smooth.argmin())):
        weights[place : place + 2 * half + 1] += sign * kernel
    return float(np.ptp(smooth)), sum_error(weights, autocovariance)
