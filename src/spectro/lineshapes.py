"""Shapes of spectral lines: of area 1, over any axis, with widths at half height.

Every shape is F(u, m) / w with u = (x - position) / w, w the full width at half maximum in the unit
of x, and m the Lorentzian part, 0 to 1, of those that are between Gaussian and Lorentzian.

References
----------
.. [1] G. K. Wertheim, M. A. Butler, K. W. West, D. N. E. Buchanan, Rev. Sci. Instrum. 1974, 45,
   1369, DOI 10.1063/1.1686503.
.. [2] J. J. Olivero, R. L. Longbothum, J. Quant. Spectrosc. Radiat. Transfer 1977, 17, 233,
   DOI 10.1016/0022-4073(77)90161-3.
"""

import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import wofz

from spectro.model import InputError

Array = NDArray[Any]
Shape = Literal["gaussian", "lorentzian", "pseudo-voigt", "voigt"]

SHAPES: tuple[Shape, ...] = get_args(Shape)
"""Names of all shapes."""

MIXED: frozenset[str] = frozenset({"pseudo-voigt", "voigt"})
"""Those that have a Lorentzian part to choose."""

_STEEP = 2 * math.sqrt(math.log(2))
_ROOT_PI = math.sqrt(math.pi)
_FAR = 50.0  # |z| from which an asymptotic series has the function of Faddeeva to 1e-9
_LEAST_GAUSSIAN = 1e-6  # width of the Gaussian in a Voigt line, by that of the line
_LINEAR, _SQUARE = 0.5346, 0.2166  # of the width of a Voigt line [2]_


def gaussian(x: ArrayLike, position: float, width: float) -> NDArray[np.float64]:
    """Gaussian line (N,): c / (w sqrt(pi)) exp(-(c u)^2), c = 2 sqrt(ln 2).

    Parameters
    ----------
    x : (N,) array
        Axis.
    position, width : float
        Centre and full width at half maximum, in the unit of the axis.
    """
    return compute_line(x, position, width).real


def lorentzian(x: ArrayLike, position: float, width: float) -> NDArray[np.float64]:
    """Lorentzian line (N,): 2 / (pi w (1 + 4 u^2)).

    Parameters
    ----------
    x : (N,) array
        Axis.
    position, width : float
        Centre and full width at half maximum, in the unit of the axis.
    """
    return compute_line(x, position, width, shape="lorentzian").real


def pseudo_voigt(
    x: ArrayLike, position: float, width: float, mixing: float = 0.5
) -> NDArray[np.float64]:
    """Sum of a Lorentzian and a Gaussian line of one width (N,): m L + (1 - m) G [1]_.

    Parameters
    ----------
    x : (N,) array
        Axis.
    position, width : float
        Centre and full width at half maximum, in the unit of the axis.
    mixing : float, optional
        Lorentzian part of the area.
    """
    return compute_line(x, position, width, mixing, "pseudo-voigt").real


def voigt(x: ArrayLike, position: float, width: float, mixing: float = 0.5) -> NDArray[np.float64]:
    """Convolution of a Lorentzian and a Gaussian line (N,).

    Parameters
    ----------
    x : (N,) array
        Axis.
    position, width : float
        Centre and full width at half maximum, in the unit of the axis.
    mixing : float, optional
        Width of the Lorentzian by that of the line.

    Notes
    -----
    Re w(z) / (s sqrt(2 pi)), with z = (x - position + i w_L / 2) / (s sqrt 2) and Faddeeva's
    function w. The Gaussian is as wide as w = 0.5346 w_L + sqrt(0.2166 w_L^2 + w_G^2) makes it
    [2]_, which is within 0.03 % of the width.
    """
    return compute_line(x, position, width, mixing, "voigt").real


class Slopes(NamedTuple):
    """Derivatives of a line by what it depends on, (N,) each."""

    position: Array
    width: Array
    mixing: Array


def compute_line(
    x: ArrayLike,
    position: float,
    width: float,
    mixing: float = 0.0,
    shape: str = "gaussian",
    is_complex: bool = False,
) -> Array:
    """Line of any shape (N,).

    Parameters
    ----------
    x : (N,) array
        Axis.
    position, width : float
        Centre and full width at half maximum, in the unit of the axis.
    mixing : float, optional
        Lorentzian part, for "pseudo-voigt" and "voigt".
    shape : str, optional
        One of `SHAPES`.
    is_complex : bool, optional
        Whether the dispersion is its imaginary part, below 0 at the higher frequency, as the
        Fourier transform of a signal that goes as exp(2 pi i nu t) has it.

    Raises
    ------
    InputError
        If the width is not above 0, or the shape is not known.
    """
    _check(width, mixing, shape)
    u = (np.asarray(x, float) - position) / width
    line = _PROFILES[shape](u, mixing, is_complex)[0] / width
    return np.conj(line) if is_complex else line


def differentiate_line(
    x: ArrayLike,
    position: float,
    width: float,
    mixing: float = 0.0,
    shape: str = "gaussian",
    is_complex: bool = False,
) -> Slopes:
    """Derivatives of a line by its position, width and mixing, (N,) each.

    Parameters
    ----------
    x, position, width, mixing, shape, is_complex
        As for `compute_line`.
    """
    _check(width, mixing, shape)
    u = (np.asarray(x, float) - position) / width
    line, by_u, by_mixing = _PROFILES[shape](u, mixing, is_complex)
    by_position = -by_u / width**2
    slopes = by_position, -(line + u * by_u) / width**2, by_mixing / width
    return Slopes(*(np.conj(one) if is_complex else one for one in slopes))


def _check(width: float, mixing: float, shape: str) -> None:
    if shape not in SHAPES:
        raise InputError(f"Expected a shape out of {', '.join(SHAPES)}, got {shape!r}.")
    if not (0 < width < math.inf and 0 <= mixing <= 1):
        raise InputError(
            f"Expected a width above 0 and a mixing from 0 to 1, got {width:g} and {mixing:g}."
        )


_Profile = tuple[Array, Array, Array]


def _gaussian(u: Array, mixing: float, is_complex: bool) -> _Profile:
    z = _STEEP * u
    w = wofz(z) if is_complex else np.exp(-z * z)
    slope = -2 * z * w + (2j / _ROOT_PI if is_complex else 0.0)
    return _STEEP / _ROOT_PI * w, _STEEP**2 / _ROOT_PI * slope, np.zeros_like(w)


def _lorentzian(u: Array, mixing: float, is_complex: bool) -> _Profile:
    line: Array = 1j / (math.pi * (u + 0.5j))
    slope: Array = -line / (u + 0.5j)
    if not is_complex:
        line, slope = line.real, slope.real
    return line, slope, np.zeros_like(line)


def _pseudo_voigt(u: Array, mixing: float, is_complex: bool) -> _Profile:
    gauss, gauss_slope, _ = _gaussian(u, mixing, is_complex)
    lorentz, lorentz_slope, _ = _lorentzian(u, mixing, is_complex)
    line = mixing * lorentz + (1 - mixing) * gauss
    return line, mixing * lorentz_slope + (1 - mixing) * gauss_slope, lorentz - gauss


def _voigt(u: Array, mixing: float, is_complex: bool) -> _Profile:
    """Line, its slope, and by the mixing through the half width of L and the variance of G."""
    rest = 1 - _LINEAR * mixing
    square = max(rest**2 - _SQUARE * mixing**2, _LEAST_GAUSSIAN**2)
    square_by_mixing = -2 * _LINEAR * rest - 2 * _SQUARE * mixing
    scale = math.sqrt(square) / _STEEP  # root 2 times the standard deviation of the Gaussian
    w, first, second = _faddeeva((u + 0.5j * mixing) / scale)
    line = w / (scale * _ROOT_PI)
    slope, curvature = (one / (scale**k * _ROOT_PI) for k, one in ((2, first), (3, second)))
    by_mixing = 0.5j * slope + curvature * square_by_mixing / (4 * _STEEP**2)
    if not is_complex:
        return line.real, slope.real, by_mixing.real
    return line, slope, by_mixing


def _faddeeva(z: Array) -> _Profile:
    """Faddeeva's function and its first two derivatives, which cancel far out."""
    w = wofz(z)
    first = -2 * z * w + 2j / _ROOT_PI
    second = -2 * (w + z * first)
    far = np.abs(z) > _FAR
    if far.any():
        t, lead = 1 / z[far] ** 2, 1j / _ROOT_PI
        first[far] = -lead * t * (1 + t * (1.5 + 3.75 * t))
        second[far] = 2 * lead * t / z[far] * (1 + t * (3 + 11.25 * t))
    return w, first, second


_PROFILES: MappingProxyType[str, Callable[[Array, float, bool], _Profile]] = MappingProxyType(
    {
        "gaussian": _gaussian,
        "lorentzian": _lorentzian,
        "pseudo-voigt": _pseudo_voigt,
        "voigt": _voigt,
    }
)
