"""Lines of a spectrum: where they are, how well that is known, and how far above the noise."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks as find_maxima

from spectro.model import InputError, Spectrum, read_only

Array = NDArray[np.float64]

_TOP = 0.75  # of the height above the median, down to which a parabola is fitted
_MAD_OF_GAUSS = 0.67449  # median absolute deviation of a normal distribution, per sigma
_MAD_OF_RAYLEIGH = 0.44845  # likewise of the modulus of complex noise, per sigma of its real part
_CLIP = 4.0  # sigmas
_FEWEST = 8


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """Lines of a spectrum.

    Attributes
    ----------
    frequency_MHz : (P,) array
        Ascending.
    error_MHz : (P,) array
        Standard errors, of the noise alone.
    height : (P,) array
        Of the spectrum there.
    noise : float
        Standard deviation; of a magnitude, that of its real part.
    threshold : float
        Height above which lines are looked for.
    """

    frequency_MHz: Array
    error_MHz: Array
    height: Array
    noise: float
    threshold: float

    def __post_init__(self) -> None:
        """Make arrays read-only."""
        for name in ("frequency_MHz", "error_MHz", "height"):
            object.__setattr__(self, name, read_only(np.asarray(getattr(self, name), float)))

    def __len__(self) -> int:
        return len(self.frequency_MHz)


def find_peaks(
    spectrum: Spectrum,
    *,
    n_sigma: float = 4.0,
    range_MHz: tuple[float, float] | None = None,
) -> Peaks:
    """Lines of a spectrum that stand out of its noise.

    Parameters
    ----------
    spectrum : Spectrum
        Over frequency in MHz; of a complex one the magnitude is taken.
    n_sigma : float, optional
        A line is this many standard deviations of the noise above the median, and above the saddle
        to a higher one.
    range_MHz : (float, float), optional
        Where to look; by default everywhere. What is left of a background near 0 is best left out.

    Raises
    ------
    InputError
        If there is more than one axis, or it is not in MHz, or fewer than 8 points are left.

    Notes
    -----
    The noise is the median absolute deviation from the median over the one that noise of unit
    variance has: Gaussian, or Rayleigh's for a magnitude. So lines must fill less than half of the
    range. Positions are vertices of parabolas through the upper quarter of each line. Their errors
    take into account that zero filling ties neighbouring points together, by
    ``metadata["resolution_MHz"]``; without it, points are independent. Side lobes of strong lines
    count as lines where no window has removed them.
    """
    x, y = _select(spectrum, range_MHz)
    is_magnitude = spectrum.metadata.get("part") == "magnitude" or np.iscomplexobj(spectrum.y)
    middle, noise = _estimate_noise(y, _MAD_OF_RAYLEIGH if is_magnitude else _MAD_OF_GAUSS)
    threshold = middle + n_sigma * noise
    at, _ = find_maxima(y, height=threshold, prominence=max(n_sigma * noise, np.finfo(float).tiny))
    resolution = float(spectrum.metadata.get("resolution_MHz", 0.0))
    found = [_fit_top(x, y - middle, int(one), noise, resolution) for one in at]
    position, error, height = np.array(found).reshape(-1, 3).T
    return Peaks(position, error, height + middle, noise, threshold)


def _select(spectrum: Spectrum, range_MHz: tuple[float, float] | None) -> tuple[Array, Array]:
    if len(spectrum.axes) != 1 or spectrum.axes[0].unit != "MHz":
        units = ", ".join(axis.unit or "none" for axis in spectrum.axes)
        raise InputError(
            f"Expected one axis in MHz, got {units}; take a slice, or transform with process_eseem."
        )
    y = np.abs(spectrum.y) if np.iscomplexobj(spectrum.y) else np.asarray(spectrum.y, float)
    low, high = range_MHz or (-np.inf, np.inf)
    kept = (spectrum.x >= low) & (spectrum.x <= high) & np.isfinite(y)
    if kept.sum() < _FEWEST:
        raise InputError(
            f"Expected at least {_FEWEST} points between {low:g} and {high:g} MHz, got "
            f"{int(kept.sum())}; look in a wider range."
        )
    order = np.argsort(spectrum.x[kept])
    return spectrum.x[kept][order], y[kept][order]


def _estimate_noise(y: Array, mad_per_sigma: float) -> tuple[float, float]:
    """Median and standard deviation of what is no line."""
    rest = y
    while True:
        middle = float(np.median(rest))
        noise = float(np.median(np.abs(rest - middle))) / mad_per_sigma
        kept = rest[rest <= middle + _CLIP * noise]
        if len(kept) == len(rest):
            return middle, noise
        rest = kept


def _fit_top(
    x: Array, y: Array, at: int, noise: float, resolution_MHz: float
) -> tuple[float, float, float]:
    """Position of the line with its maximum here, its standard error, and its height."""
    is_low = y < _TOP * y[at]
    left = at - int(np.argmax(is_low[at::-1])) if is_low[: at + 1].any() else 0
    right = at + int(np.argmax(is_low[at:])) if is_low[at:].any() else len(x) - 1
    reach = max(min(at - left, right - at) - 1, 1)
    rows = slice(max(at - reach, 0), at + reach + 1)
    scale = float(x[rows][-1] - x[rows][0]) / 2
    t = (x[rows] - x[at]) / scale
    solve = np.linalg.pinv(np.vander(t, 3))
    a, b, c = (float(one) for one in solve @ y[rows])
    if not a < 0:
        return float(x[at]), scale, float(y[at])
    vertex = float(np.clip(-b / (2 * a), t[0], t[-1]))
    apart = np.abs(t[:, None] - t) * scale
    tied = np.sinc(apart / resolution_MHz) if resolution_MHz > 0 else np.eye(len(t))
    slope = np.array([2 * vertex, 1.0, 0.0]) @ solve  # of the parabola at its vertex, by the data
    error = noise * math.sqrt(max(float(slope @ tied @ slope), 0.0)) / abs(2 * a)
    height = c + b * vertex + a * vertex**2
    return float(x[at] + scale * vertex), scale * min(error, 1.0), height
