"""From the lines of an element to windows, and from windows to net counts with their variance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.model import InputError
from napari_nanodope.recipe import LineWindows

_MN_KA_KEV = 5.8987
_SIGMA_PER_FWHM = 1 / np.sqrt(8 * np.log(2))
_DISTANCES = np.arange(1.25, 8.1, 0.25)  # of a background window's near edge, in FWHM
_MARGIN = 0.15


@dataclass(frozen=True, slots=True)
class XrayLine:
    """A characteristic line.

    Attributes
    ----------
    element, name : str
        As in "Cd" and "La"; the first letter of the name is the family.
    energy_keV : float
        Energy of the line.
    weight : float
        Intensity relative to the strongest line of its family.
    """

    element: str
    name: str
    energy_keV: float
    weight: float

    @property
    def label(self) -> str:
        """What the line is called, as in "Cd La"."""
        return f"{self.element} {self.name}"


@dataclass(frozen=True, slots=True)
class EnergyAxis:
    """Energy of the channels of a spectrum: ``offset_keV + channel * step_keV``.

    Raises
    ------
    InputError
        If the energies do not ascend.
    """

    offset_keV: float
    step_keV: float
    n_channels: int

    def __post_init__(self) -> None:
        if not (np.isfinite(self.offset_keV) and 0 < self.step_keV < 1e3 and self.n_channels > 0):
            raise InputError(
                f"Expected an ascending energy axis, got {self.n_channels} channels from "
                f"{self.offset_keV:g} keV in steps of {self.step_keV:g} keV; calibrate it."
            )

    @property
    def end_keV(self) -> float:
        """Energy of the last channel."""
        return self.offset_keV + (self.n_channels - 1) * self.step_keV

    def to_keV(self) -> NDArray[np.float64]:
        """Energy (E,) of every channel, in keV."""
        return self.offset_keV + np.arange(self.n_channels, dtype=np.float64) * self.step_keV

    def to_range(self, low_keV: float, high_keV: float) -> tuple[int, int]:
        """First channel and end of those that lie from `low_keV` to `high_keV`."""
        ends = (np.array([low_keV, high_keV]) - self.offset_keV) / self.step_keV
        first, last = np.ceil(ends[0] - 1e-6), np.floor(ends[1] + 1e-6)
        return int(max(first, 0)), int(min(last + 1, self.n_channels))


def compute_fwhm_keV(energy_keV: float, fwhm_mn_ka_eV: float = 130.0) -> float:
    """Width at half maximum of an X-ray line in an energy-dispersive detector, in keV.

    Notes
    -----
    FWHM^2 = FWHM(Mn Ka)^2 + 2.5 eV (E - E(Mn Ka)): electronic noise plus the Fano statistics of
    silicon [1]_.

    References
    ----------
    .. [1] C. E. Fiori, D. E. Newbury, Scanning Electron Microscopy 1978, 1, 401.

    Examples
    --------
    >>> round(compute_fwhm_keV(5.8987), 3), round(compute_fwhm_keV(9.44), 3)
    (0.13, 0.16)
    """
    variance_eV2 = fwhm_mn_ka_eV**2 + 2500.0 * (energy_keV - _MN_KA_KEV)
    return float(np.sqrt(max(variance_eV2, 30.0**2))) / 1000


def compute_noise_end_keV(fwhm_mn_ka_eV: float = 130.0) -> float:
    """Energy in keV below which the detector's noise peak at 0 keV lies: twice its width."""
    return 2 * compute_fwhm_keV(0.0, fwhm_mn_ka_eV)


@dataclass(frozen=True, slots=True)
class Spectrometer:
    """What a detector resolves, and how it is calibrated.

    Attributes
    ----------
    axis : EnergyAxis
        Energy of the channels.
    fwhm_mn_ka_eV : float
        Resolution at Mn Ka.
    shift_keV : float
        By how much lines lie above their tabulated energies.
    """

    axis: EnergyAxis
    fwhm_mn_ka_eV: float = 130.0
    shift_keV: float = 0.0

    def measure_share(
        self, lines: Sequence[XrayLine], windows: Sequence[tuple[float, float]]
    ) -> NDArray[np.float64]:
        """Share (L, W) of the counts of each line that falls into each window, from 0 to 1."""
        energy = np.array([line.energy_keV for line in lines])
        fwhm = np.array([compute_fwhm_keV(e, self.fwhm_mn_ka_eV) for e in energy])
        sigma = (fwhm * _SIGMA_PER_FWHM)[:, None]
        ends = np.array(windows).reshape(-1, 2) - self.shift_keV
        low, high = ((ends[None, :, i] - energy[:, None]) / sigma for i in (0, 1))
        return (_erf(high / np.sqrt(2)) - _erf(low / np.sqrt(2))) / 2

    def covers(self, window: tuple[float, float], *, noise: bool = False) -> bool:
        """Whether the spectrum holds a window, above the noise peak at 0 keV unless `noise`."""
        floor = -np.inf if noise else compute_noise_end_keV(self.fwhm_mn_ka_eV)
        low = max(self.axis.offset_keV - self.axis.step_keV, floor)
        return low <= window[0] and window[1] <= self.axis.end_keV + self.axis.step_keV


LineCounts = Sequence[tuple[XrayLine, float]]
"""Lines in a spectrum and the counts of each."""


def place_windows(
    line: XrayLine, counts: LineCounts, tolerance: float, spectrometer: Spectrometer
) -> LineWindows:
    """Window of a line, and beside it the windows of background that lines leave free.

    Parameters
    ----------
    line : XrayLine
        What is to be mapped.
    counts : sequence of (XrayLine, float)
        Lines of the spectrum, this one too, and their counts.
    tolerance : float
        Counts of lines in a window of background that begin to matter.
    spectrometer : Spectrometer
        Energies that the spectrum covers, and its resolution.

    Returns
    -------
    LineWindows
        One FWHM to each side of the line, which holds 98 % of it; on each side a background window
        one FWHM or half of it wide, whose near edge lies 1.25 to 8 FWHM off. A side that the
        spectrum does not cover, or where the noise peak at 0 keV is, has none.

    Raises
    ------
    InputError
        If the spectrum does not cover the line, or no window of background beside it.

    Notes
    -----
    Far windows are biased because the background is curved and has steps at absorption edges;
    near ones because of lines; narrow ones are noisy. The window is taken for which
    n / tolerance + d^2 / 10 + w is least, with n the counts of lines in it, d its distance in
    FWHM, and w = 1/4 for a window of half the width.
    """
    fwhm = compute_fwhm_keV(line.energy_keV, spectrometer.fwhm_mn_ka_eV)
    centre = line.energy_keV + spectrometer.shift_keV
    margin = _MARGIN * fwhm  # calibration and resolution are not known exactly
    numbers = np.array([n for _, n in counts])

    def find_side(sign: int) -> tuple[float, float] | None:
        kinds = product(_DISTANCES, (1.0, 0.5))
        places = [
            (near, width, _side(centre, sign * near * fwhm, sign * (near + width) * fwhm))
            for near, width in kinds
        ]
        covered = [place for place in places if spectrometer.covers(place[2])]
        near, width = (np.array([place[i] for place in covered]) for i in (0, 1))
        wide = [(ends[0] - margin, ends[1] + margin) for *_, ends in covered]
        held = numbers @ spectrometer.measure_share([other for other, _ in counts], wide)
        cost = held / width / tolerance + (near + width / 2) ** 2 / 10 + (1 - width) / 2
        return covered[int(np.argmin(cost))][2] if covered else None

    sides = find_side(-1), find_side(1)
    window = _side(centre, -fwhm, fwhm)
    if not spectrometer.covers(window, noise=True) or sides == (None, None):
        axis = spectrometer.axis
        raise InputError(
            f"Expected a spectrum that covers {line.label} at {line.energy_keV:.2f} keV and its "
            f"background, got {axis.offset_keV:.2f} to {axis.end_keV:.2f} keV; choose another line "
            f"with lines={{...}}."
        )
    return LineWindows(line=line.name, window_keV=window, below_keV=sides[0], above_keV=sides[1])


def find_overlaps(
    windows: LineWindows, others: LineCounts, tolerance: float, spectrometer: Spectrometer
) -> list[tuple[XrayLine, float]]:
    """Lines that leave more than `tolerance` counts in the window of a line; strongest first.

    Parameters
    ----------
    windows : LineWindows
        Only the window of the line itself is looked at.
    others : sequence of (XrayLine, float)
        Lines of other elements, and their counts.
    tolerance : float
        Counts that do not matter.
    spectrometer : Spectrometer
        Calibration and resolution.
    """
    shares = spectrometer.measure_share([other for other, _ in others], [windows.window_keV])[:, 0]
    found = [(other, n * float(share)) for (other, n), share in zip(others, shares, strict=True)]
    return sorted((pair for pair in found if pair[1] > tolerance), key=lambda pair: -pair[1])


@dataclass(frozen=True, slots=True)
class NetCounts:
    """How net counts follow from sums over channels: line less scaled background.

    Attributes
    ----------
    ranges : tuple of (int, int)
        Channels of the line and of one or two windows of background.
    factors : tuple of float
        By what each sum is multiplied; 1 for the line, negative for background.
    """

    ranges: tuple[tuple[int, int], ...]
    factors: tuple[float, ...]

    def compute_net(self, sums: NDArray[np.generic]) -> NDArray[np.float32]:
        """Net counts (Y, X) from sums (Y, X, K); negative values are kept."""
        return np.asarray(sums @ np.array(self.factors), dtype=np.float32)

    def compute_variance(self, sums: NDArray[np.generic]) -> NDArray[np.float32]:
        """Poisson variance (Y, X) of the net counts."""
        return np.asarray(sums @ np.square(self.factors), dtype=np.float32)


def plan_net_counts(windows: LineWindows, axis: EnergyAxis) -> NetCounts:
    """Channels of the windows of a line, and how their sums make net counts.

    Raises
    ------
    InputError
        If a window holds no channel of the spectrum that no other window holds.

    Notes
    -----
    The background under the line is interpolated linearly between the means of the two windows at
    their centres; with one window it is that window's mean. With n channels in the line, n_b in
    the window below and n_a above, and t the relative place of the line between their centres,
    net = S - n ((1 - t) S_b / n_b + t S_a / n_a), whose variance is that of independent Poisson
    counts. Where two windows touch in the centre of a channel, it counts in the upper one only.
    """
    sides = [side for side in (windows.below_keV, windows.above_keV) if side is not None]
    ranges = _list_channels(windows, axis)
    for (first, end), window in zip(ranges, (windows.window_keV, *sides), strict=True):
        if first >= end:
            raise InputError(
                f"Expected windows of {windows.line} within the spectrum, got {window[0]:.2f} to "
                f"{window[1]:.2f} keV where it has no channel of its own ({axis.offset_keV:.2f} to "
                f"{axis.end_keV:.2f} keV in steps of {axis.step_keV:.3f}); choose another line or "
                f"wider windows."
            )
    lengths = [end - first for first, end in ranges]
    centres = [(first + end - 1) / 2 for first, end in ranges]
    shares = [1.0] * len(sides)
    if len(sides) == 2:
        t = (centres[0] - centres[1]) / (centres[2] - centres[1])
        shares = [1 - t, t]
    scaled = [-lengths[0] * share / n for share, n in zip(shares, lengths[1:], strict=True)]
    return NetCounts(ranges=tuple(ranges), factors=(1.0, *scaled))


def _list_channels(windows: LineWindows, axis: EnergyAxis) -> list[tuple[int, int]]:
    """Channels of the line, then of its background; each ends where the next begins."""
    found = [axis.to_range(*window) for window in windows.in_order()]
    starts = [first for first, _ in found[1:]]
    apart = [
        (first, min(end, start))
        for (first, end), start in zip(found, [*starts, axis.n_channels], strict=True)
    ]
    line = apart.pop(int(windows.below_keV is not None))
    return [line, *apart]


def cut_windows(windows: LineWindows, axis: EnergyAxis) -> LineWindows:
    """Windows of a person, those of background cut where the spectrum ends.

    Raises
    ------
    InputError
        If the spectrum ends within the window of the line.
    """
    low, high = axis.offset_keV, axis.end_keV
    start, end = windows.window_keV
    if start < low - axis.step_keV or end > high + axis.step_keV:
        raise InputError(
            f"Expected a window of {windows.line} within the spectrum ({low:.2f} to {high:.2f} "
            f"keV), got {start:.2f} to {end:.2f} keV; choose a narrower one."
        )
    sides = {"below_keV": windows.below_keV, "above_keV": windows.above_keV}
    cut = {
        name: (max(side[0], low), min(side[1], high))
        for name, side in sides.items()
        if side is not None and side[0] <= high and side[1] >= low
    }
    return windows.model_copy(update=cut)


def choose_line(
    element: str,
    lines: Sequence[XrayLine],
    name: str | None,
    axis: EnergyAxis,
    hardest_keV: float = 15.0,
) -> XrayLine:
    """Line to map: the one named, else the hardest alpha line that the detector sees well.

    Parameters
    ----------
    element : str
        The element.
    lines : sequence of XrayLine
        Its lines.
    name : str, optional
        As in "Ka", "Lb1"; a family such as "K" means its alpha line.
    axis : EnergyAxis
        Energies that the spectrum covers.
    hardest_keV : float, optional
        Above it lines are weak, and silicon detectors let them pass.

    Raises
    ------
    InputError
        If the element has no such line, or none in the spectrum.
    """
    if name is not None:
        wanted = name + "a" if name in ("K", "L", "M") else name
        for line in lines:
            if line.name == wanted:
                return line
        known = ", ".join(line.name for line in lines) or "none"
        raise InputError(f"Expected a line of {element} ({known}), got {name!r}; choose one.")
    end = min(hardest_keV, 0.95 * axis.end_keV)
    usable = [
        line for line in lines if line.name in ("Ka", "La", "Ma") and 0.2 < line.energy_keV < end
    ]
    if not usable:
        raise InputError(
            f"Expected a line of {element} between 0.2 and {end:.1f} keV, got none; choose another "
            f"element."
        )
    return max(usable, key=lambda line: line.energy_keV)


def _erf(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Error function; SciPy's would double the memory that reading needs."""
    return np.array([math.erf(one) for one in x.ravel()]).reshape(x.shape)


def _side(centre: float, near: float, far: float) -> tuple[float, float]:
    low, high = sorted((centre + near, centre + far))
    return round(float(low), 6), round(float(high), 6)
