"""Phases of spectra: given by hand, or found by a criterion."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import minimize

from spectro.model import InputError, Spectrum
from spectro.processing.grid import require_complex, require_frequency

CRITERIA = ("baseline", "entropy")
_COARSE_ZERO_DEG = np.arange(-180.0, 180.0, 15.0)
_COARSE_FIRST_DEG = np.arange(-180.0, 181.0, 45.0)
_STARTS = 3
_QUIET, _FAINT = 0.05, 0.005  # of the highest point: below is baseline, above is a line
_ABOVE_NOISE = 4.5  # median absolute deviations, which are 3 standard deviations
_SMOOTHING_POINTS = (0, 1, 2, 4, 8, 16, 32)
_Judge = Callable[[NDArray[np.complex128]], float]


class Phase(NamedTuple):
    """Phase of a spectrum, in the order of the arguments of `phase`.

    Attributes
    ----------
    zero_deg : float
        In the middle of the spectrum.
    first_deg : float
        By how much it rises from the left edge to the right.
    """

    zero_deg: float
    first_deg: float


def phase(
    spectrum: Spectrum, zero_deg: float = 0.0, first_deg: float = 0.0, pivot: float | None = None
) -> Spectrum:
    """Spectrum with its phase turned.

    S exp(-i (zero + first u)), where u is the distance from the pivot, to the right, in parts of
    the spectrum. The signs are those of TopSpin's PHC0 and PHC1, whose pivot is the left edge.

    Parameters
    ----------
    spectrum : Spectrum
        Complex, over frequency.
    zero_deg, first_deg : float, optional
        Phases of zeroth and first order.
    pivot : float, optional
        Where only the zeroth order acts, in the unit of the axis; by default the middle.

    Raises
    ------
    InputError
        If there is no imaginary part, or the pivot is not on the axis.
    """
    require_frequency(spectrum, "phase it")
    require_complex(spectrum, "phase it")
    n = len(spectrum.x)
    middle = n // 2
    if pivot is not None:
        if not spectrum.x.min() <= pivot <= spectrum.x.max():
            raise InputError(
                f"Expected a pivot between {spectrum.x.min():g} and {spectrum.x.max():g} "
                f"{spectrum.axes[-1].unit}, got {pivot:g}."
            )
        middle = int(np.abs(spectrum.x - pivot).argmin())
    parts = _find_parts(spectrum)
    angles = np.deg2rad(zero_deg + first_deg * (parts - parts[middle]))
    settings = {"zero_deg": float(zero_deg), "first_deg": float(first_deg), "pivot": pivot}
    return spectrum.do("phase", spectrum.y * np.exp(-1j * angles), settings=settings)


def _find_parts(spectrum: Spectrum) -> NDArray[np.float64]:
    """Places of the points from left to right, -1/2 to 1/2; left is where the shift is high."""
    n = len(spectrum.x)
    parts = (np.arange(n) - n // 2) / n
    return np.asarray(parts if spectrum.x[0] > spectrum.x[-1] else -parts)


def find_phase(
    spectrum: Spectrum,
    criterion: str = "baseline",
    *,
    is_first_order: bool = True,
    region: tuple[float, float] | None = None,
) -> Phase:
    """Phase at which a spectrum is absorption, to be given to `phase`.

    Parameters
    ----------
    spectrum : Spectrum
        Complex, of one dimension, with lines that are mostly positive once phased.
    criterion : str, optional
        "baseline": the real part is as small as it can be away from the lines. "entropy" [1]_: the
        slope of the real part is as little spread as it can be. With both, little is negative.
    is_first_order : bool, optional
        Whether to look for the first order too, up to 180 degrees.
    region : pair of float, optional
        Part of the axis to judge by.

    Raises
    ------
    InputError
        If the criterion is not one of these, or there is nothing to judge by.

    Notes
    -----
    The spectrum is smoothed until its highest line stands out most; a grid over both orders is
    searched; the simplex method is started from its best points. Of three Lorentzians over half of
    the spectrum, the phase at the lines comes out within 3 degrees ("baseline") and 8 ("entropy")
    for noise up to a tenth of the lines.

    References
    ----------
    .. [1] L. Chen, Z. Weng, L. Goh, M. Garland, J. Magn. Reson. 2002, 158, 164,
       DOI 10.1016/S1090-7807(02)00069-1.
    """
    require_frequency(spectrum, "phase it")
    require_complex(spectrum, "phase it")
    if criterion not in CRITERIA or spectrum.y.ndim != 1:
        raise InputError(
            f"Expected one spectrum and a criterion out of {', '.join(CRITERIA)}, got "
            f"{spectrum.y.ndim} dimensions and {criterion!r}; phase one row, apply it to all."
        )
    keep = np.ones(len(spectrum.x), bool)
    if region is not None:
        keep = (spectrum.x >= min(region)) & (spectrum.x <= max(region))
    y, parts = spectrum.y[keep], _find_parts(spectrum)[keep]
    if len(y) < 16 or not np.abs(y).max() > 0:
        raise InputError(
            f"Expected 16 points with a signal to phase by, got {len(y)}; widen the region."
        )
    y = _smooth(y)
    judge = _judge_entropy(y) if criterion == "entropy" else _judge_baseline(y)
    return _search(y, parts, judge, is_first_order=is_first_order)


def _smooth(y: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Spectrum smoothed by the Gaussian that lets its highest line stand out most.

    A criterion adds up all points, of which most hold nothing but noise. Smoothing with a real and
    even function leaves phases as they are.
    """
    found = []
    for width in _SMOOTHING_POINTS:
        smooth = gaussian_filter1d(y, width) if width else y
        noise = _find_noise(smooth)
        found.append((np.abs(smooth).max() / noise if noise > 0 else np.inf, smooth))
    best = max(found, key=lambda one: float(one[0]))[1]
    return np.asarray(best / np.abs(best).max())


def _find_noise(y: NDArray[np.complex128]) -> float:
    return float(np.mean([np.median(np.abs(part - np.median(part))) for part in (y.real, y.imag)]))


def _judge_entropy(y: NDArray[np.complex128]) -> _Judge:
    """Entropy of the slope of the real part, and a penalty on what is negative, in the lines."""
    magnitude = np.abs(y)
    is_line = magnitude > max(_FAINT, _ABOVE_NOISE * _find_noise(y))
    in_line = is_line[1:] & is_line[:-1]
    everything = float((magnitude**2).sum())

    def judge(turned: NDArray[np.complex128]) -> float:
        slope = np.abs(np.diff(turned.real))[in_line]
        share = slope / (slope.sum() or 1.0)
        entropy = -float((share * np.log(share, where=share > 0, out=np.zeros_like(share))).sum())
        negative = np.minimum(turned.real, 0.0)[is_line]
        return entropy + 1e4 * float((negative**2).sum()) / everything

    return judge


def _judge_baseline(y: NDArray[np.complex128]) -> _Judge:
    """Size of the real part away from the lines, and a penalty on what is negative."""
    magnitude = np.abs(y)
    quiet = magnitude < _QUIET
    if quiet.sum() < 16:
        quiet = magnitude <= np.median(magnitude)
    scale = float(magnitude[quiet].sum()) or 1.0
    everything = float((magnitude**2).sum())

    def judge(turned: NDArray[np.complex128]) -> float:
        negative = np.minimum(turned.real, 0.0)
        away = float(np.abs(turned.real[quiet]).sum()) / scale
        return away + 10.0 * float((negative**2).sum()) / everything

    return judge


def _search(
    y: NDArray[np.complex128],
    parts: NDArray[np.float64],
    judge: _Judge,
    *,
    is_first_order: bool,
) -> Phase:
    def cost(angles_deg: NDArray[np.float64]) -> float:
        first = angles_deg[1] if is_first_order else 0.0
        return judge(y * np.exp(-1j * np.deg2rad(angles_deg[0] + first * parts)))

    firsts = _COARSE_FIRST_DEG if is_first_order else np.zeros(1)
    grid = [np.array([zero, first]) for zero in _COARSE_ZERO_DEG for first in firsts]
    grid.sort(key=cost)
    found = []
    for start in grid[:_STARTS]:
        simplex = start + np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 20.0]])
        use = slice(None) if is_first_order else slice(0, 1)
        found.append(
            minimize(
                cost,
                start[use],
                method="Nelder-Mead",
                options={
                    "initial_simplex": simplex[: len(start[use]) + 1, use],
                    "xatol": 1e-4,
                    "fatol": 1e-12,
                },
            )
        )
    best = min(found, key=lambda one: float(one.fun)).x
    zero = (float(best[0]) + 180.0) % 360.0 - 180.0
    return Phase(zero, float(best[1]) if is_first_order else 0.0)
