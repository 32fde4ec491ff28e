"""Isotropic lines among spinning sidebands, by spectra at two rates of spinning."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks

from spectro.model import InputError, Spectrum
from spectro.nmr.inputs import estimate_scatter, require_shifts

Array = NDArray[np.float64]

_NOISE_FACTOR = 5.0
_HALF = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """Lines of a spectrum at one rate of spinning.

    Attributes
    ----------
    shift_ppm, height : (N,) array
        Of each line; the heights in any unit.
    mas_Hz : float
        Rate of spinning.

    Raises
    ------
    InputError
        If they do not fit each other.
    """

    shift_ppm: Array
    height: Array
    mas_Hz: float

    def __post_init__(self) -> None:
        """Check the shapes."""
        shift, height = np.asarray(self.shift_ppm, float), np.asarray(self.height, float)
        if shift.ndim != 1 or shift.shape != height.shape or not np.isfinite(shift).all():
            raise InputError(
                f"Expected a row of shifts and as many heights, got shapes {shift.shape} and "
                f"{height.shape}."
            )
        if not 0 < self.mas_Hz < math.inf:
            raise InputError(f"Expected a rate of spinning above 0 Hz, got {self.mas_Hz}.")
        object.__setattr__(self, "shift_ppm", shift)
        object.__setattr__(self, "height", height)


@dataclass(frozen=True, slots=True)
class IsotropicLine:
    """A line that stays where it is when the rate of spinning changes.

    Attributes
    ----------
    shift_ppm : float
        Mean of the two spectra.
    height : float
        In the first spectrum.
    n_sidebands : tuple of int
        Lines at whole multiples of the rate of spinning from it, in each spectrum.
    doubt : str
        Why it may be no isotropic line; "" for none.
    """

    shift_ppm: float
    height: float
    n_sidebands: tuple[int, int]
    doubt: str = ""


def pick_peaks(
    spectrum: Spectrum, mas_Hz: float | None = None, *, least_height: float | None = None
) -> Peaks:
    """Maxima of a spectrum, each at the vertex of the parabola through its three points.

    Parameters
    ----------
    spectrum : Spectrum
        One dimension over ppm, evenly spaced and phased; of a complex one the real part.
    mas_Hz : float, optional
        Rate of spinning; by default that of the metadata.
    least_height : float, optional
        By how much a maximum rises above the saddle to the next higher one; by default 5 times the
        noise, as the differences of neighbours tell it.

    Raises
    ------
    InputError
        If the spectrum has more than one dimension, or no rate of spinning is known.
    """
    if spectrum.y.ndim != 1:
        raise InputError(f"Expected one dimension, got {spectrum.y.ndim}; take a slice.")
    require_shifts(spectrum)
    rate = spectrum.require("mas_Hz", "rate of spinning") if mas_Hz is None else mas_Hz
    y, x = np.real(spectrum.y), spectrum.x
    if least_height is None:
        least_height = max(_NOISE_FACTOR * estimate_scatter(y), 1e-9 * float(np.ptp(y)))
    at, _ = find_peaks(y, height=least_height, prominence=least_height)
    before, here, after = y[at - 1], y[at], y[at + 1]
    offset = _HALF * (before - after) / (before - 2 * here + after)
    shift = x[at] + offset * (x[at + 1] - x[at - 1]) / 2
    return Peaks(shift, here - 0.25 * (before - after) * offset, rate)


def find_isotropic(
    first: Peaks, second: Peaks, frequency_MHz: float, tolerance_ppm: float = 1.0
) -> tuple[IsotropicLine, ...]:
    """Lines at the same shift at both rates of spinning, those without a doubt first.

    Parameters
    ----------
    first, second : Peaks
        At two rates.
    frequency_MHz : float
        Larmor frequency.
    tolerance_ppm : float, optional
        How far a line may move and be the same; about half its width.

    Returns
    -------
    tuple of IsotropicLine
        In each part from the largest shift on.

    Raises
    ------
    InputError
        If the rates are too close to each other to tell any line from its sidebands.

    Notes
    -----
    Sidebands are n nu_MAS from their isotropic line and move with the rate. Two things may keep one
    in its place: n times one rate is m times the other, or a sideband of one site at the first rate
    is where a sideband of another is at the second. Both leave a line that other isotropic lines
    explain, at both rates; it carries a doubt, which a third rate clears. Lines are taken in the
    order of how much intensity lies on them and their sidebands, less where the centre of gravity
    of these is elsewhere (that of a whole manifold is on its isotropic line), and only explained
    by those taken before without a doubt.

    Examples
    --------
    >>> first = Peaks([0.0, 80.0, 160.0], [1.0, 5.0, 1.0], mas_Hz=8000.0)
    >>> second = Peaks([20.0, 80.0, 140.0], [2.0, 4.0, 2.0], mas_Hz=6000.0)
    >>> [round(one.shift_ppm, 1) for one in find_isotropic(first, second, frequency_MHz=100.0)]
    [80.0]
    """
    if not (0 < frequency_MHz < math.inf and 0 <= tolerance_ppm < math.inf):
        raise InputError(
            f"Expected a frequency above 0 MHz and a finite tolerance, got {frequency_MHz} MHz and "
            f"{tolerance_ppm} ppm."
        )
    steps = first.mas_Hz / frequency_MHz, second.mas_Hz / frequency_MHz
    if abs(steps[0] - steps[1]) <= 2 * tolerance_ppm:
        raise InputError(
            f"Expected rates of spinning that differ by more than twice the tolerance of "
            f"{tolerance_ppm:g} ppm, got {first.mas_Hz:g} and {second.mas_Hz:g} Hz; change the "
            f"rate by more."
        )
    search = _Search((first, second), steps, tolerance_ppm)
    certain: list[IsotropicLine] = []
    doubtful: list[IsotropicLine] = []
    for one in sorted(search.match(), key=lambda line: -search.weigh(line)):
        doubt = search.explain(one.shift_ppm, [other.shift_ppm for other in certain])
        found = IsotropicLine(one.shift_ppm, one.height, one.n_sidebands, doubt)
        (doubtful if doubt else certain).append(found)
    return tuple(
        line
        for group in (certain, doubtful)
        for line in sorted(group, key=lambda one: -one.shift_ppm)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """Two spectra, their spacing of sidebands in ppm, and the tolerance."""

    peaks: tuple[Peaks, Peaks]
    steps: tuple[float, float]
    tolerance_ppm: float

    def match(self) -> list[IsotropicLine]:
        """Pairs of lines, each the nearest to the other."""
        a, b = (one.shift_ppm for one in self.peaks)
        if not (len(a) and len(b)):
            return []
        distance = np.abs(a[:, None] - b)
        found = []
        for i, j in enumerate(np.argmin(distance, axis=1)):
            if distance[i, j] <= self.tolerance_ppm and np.argmin(distance[:, j]) == i:
                shift = float(a[i] + b[j]) / 2
                counts = [int(self.belong(k, shift).sum()) - 1 for k in range(2)]
                height = float(self.peaks[0].height[i])
                found.append(IsotropicLine(shift, height, (counts[0], counts[1])))
        return found

    def belong(self, k: int, shift_ppm: float) -> NDArray[np.bool_]:
        """Which lines of a spectrum are at whole multiples of its rate from a shift."""
        offset = (self.peaks[k].shift_ppm - shift_ppm) / self.steps[k]
        away = np.abs(offset - np.round(offset)) * self.steps[k]
        return np.asarray(away <= self.tolerance_ppm)

    def weigh(self, line: IsotropicLine) -> float:
        """Intensity on a line and its sidebands, less where their centre is not on the line."""
        weights = []
        for k, one in enumerate(self.peaks):
            height = np.maximum(one.height, 0.0)
            family = np.where(self.belong(k, line.shift_ppm), height, 0.0)
            centre = float(family @ one.shift_ppm / max(family.sum(), 1e-300))
            away = (centre - line.shift_ppm) / self.steps[k]
            weights.append(float(family.sum() / max(height.sum(), 1e-300)) / (1 + away**2))
        return min(weights)

    def explain(self, shift_ppm: float, known: Sequence[float]) -> str:
        """How a line may be a sideband of known ones at both rates; "" where it is not."""
        causes = []
        for step in self.steps:
            orders = [(round((shift_ppm - one) / step), one) for one in known]
            causes.append(
                [
                    f"{n:+d} of {one:.1f} ppm"
                    for n, one in orders
                    if n and abs(shift_ppm - one - n * step) <= self.tolerance_ppm
                ]
            )
        if not (causes[0] and causes[1]):
            return ""
        return (
            f"It is where sidebands are at both rates: {causes[0][0]} at the first and "
            f"{causes[1][0]} at the second; measure at a third rate."
        )
