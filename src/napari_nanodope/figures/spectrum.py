"""Sum spectrum with the windows of a line, and the lines that are known."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from napari_nanodope.core.xray import XrayLine, compute_noise_end_keV, plan_net_counts
from napari_nanodope.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
)
from napari_nanodope.io.spectrum import SumSpectrum
from napari_nanodope.recipe import LineWindows

_LINE_BAND, _BACKGROUND_BAND = SKY, GREY
_ELEMENT_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, BLACK)
_LABEL_PT, _LINE_SPACING = 6.0, 1.35
_FOOT, _RISE = 1.01, 0.05  # of the leaders above the panel, in its heights


def draw_spectrum(
    ax: Axes,
    spectrum: SumSpectrum,
    *,
    windows: LineWindows | None = None,
    lines: Sequence[XrayLine] = (),
    part: SumSpectrum | None = None,
) -> pd.DataFrame:
    """Draw counts over energy, and what is known of them.

    Parameters
    ----------
    ax : Axes
        Where to draw; it keeps its scale of counts, linear or logarithmic, and limits of energy
        that were set.
    spectrum : SumSpectrum
        Of the whole field.
    windows : LineWindows, optional
        Shaded: in colour where the line is counted, in grey where background is.
    lines : sequence of XrayLine, optional
        Lines to mark and name, the important ones first: of those that find no room, the last ones
        go without a name.
    part : SumSpectrum, optional
        Of some particles, on the same channels.

    Returns
    -------
    DataFrame
        ``energy_keV, counts, window``: "line", "below", "above" or nothing; ``part_counts`` where
        there is a part.

    Raises
    ------
    InputError
        If a window holds no channel.
    """
    energy = spectrum.energy_keV
    table = pd.DataFrame({"energy_keV": energy, "counts": spectrum.counts, "window": ""})
    ax.plot(energy, spectrum.counts, color=BLACK, drawstyle="steps-mid", lw=0.7, label="whole")
    if part is not None:
        table["part_counts"] = part.counts
        ax.plot(
            energy,
            part.counts,
            color=VERMILION,
            drawstyle="steps-mid",
            lw=0.7,
            label="chosen particles",
        )
        ax.legend(loc="upper right")
    if windows is not None:
        table["window"] = _shade(ax, windows, spectrum)
    if ax.get_autoscalex_on():
        ax.set_xlim(max(energy[0], 0.0), energy[-1])
    _set_count_limits(ax, spectrum, part)
    _mark_lines(ax, lines)
    ax.set(xlabel="energy (keV)", ylabel=f"counts per {1000 * spectrum.energy.step_keV:g} eV")
    return table


def _shade(ax: Axes, windows: LineWindows, spectrum: SumSpectrum) -> NDArray[np.str_]:
    """Bands of the windows; which channels are in which."""
    names = ["line", "below", "above"]
    bands = [windows.window_keV, windows.below_keV, windows.above_keV]
    there = [(name, band) for name, band in zip(names, bands, strict=True) if band is not None]
    held = np.full(spectrum.energy.n_channels, "", dtype="<U5")
    ranges = plan_net_counts(windows, spectrum.energy).ranges
    for (name, band), (first, end) in zip(there, ranges, strict=True):
        colour = _LINE_BAND if name == "line" else _BACKGROUND_BAND
        ax.axvspan(*band, color=colour, alpha=0.35, linewidth=0, zorder=0)
        held[first:end] = name
    return held


def _set_count_limits(ax: Axes, spectrum: SumSpectrum, part: SumSpectrum | None) -> None:
    """Leave room for the highest peak in sight, but not for the noise peak at 0 keV."""
    low, high = ax.get_xlim()
    energy = spectrum.energy_keV
    noise_end = compute_noise_end_keV(spectrum.fwhm_mn_ka_eV or 130.0)
    seen = (energy >= max(low, noise_end)) & (energy <= high)
    curves = [spectrum.counts] if part is None else [spectrum.counts, part.counts]
    heights = np.concatenate([counts[seen & (counts > 0)] for counts in curves])
    top, least = (heights.max(), heights.min()) if len(heights) else (1.0, 1.0)
    if ax.get_yscale() == "log":
        ax.set_ylim(least / 2, 2 * top)
    else:
        ax.set_ylim(0, 1.08 * top)


def _mark_lines(ax: Axes, lines: Sequence[XrayLine]) -> None:
    """Dotted lines, and above the panel their names, moved apart until all can be read."""
    low, high = ax.get_xlim()
    inside = [line for line in lines if low <= line.energy_keV <= high]
    symbols = dict.fromkeys(line.element for line in lines)
    colours = dict(zip(symbols, cycle(_ELEMENT_COLOURS), strict=False))
    for line in inside:
        ax.axvline(line.energy_keV, color=colours[line.element], lw=0.5, ls=":", zorder=1)
    box, dpi = ax.get_window_extent(), ax.figure.dpi
    width = _LABEL_PT * _LINE_SPACING * dpi / 72 / max(box.width, 1.0) * (high - low)
    n_room = max(int((high - low) / width), 0)
    named = sorted(inside[:n_room], key=lambda line: line.energy_keV)
    places = spread_labels([line.energy_keV for line in named], width, (low, high))
    over = blended_transform_factory(ax.transData, ax.transAxes)
    for line, place in zip(named, places, strict=True):
        colour = colours[line.element]
        ax.plot(
            [line.energy_keV, place],
            [_FOOT, _FOOT + _RISE],
            color=colour,
            lw=0.5,
            transform=over,
            clip_on=False,
        )
        ax.text(
            place,
            _FOOT + _RISE * 1.3,
            line.label,
            color=colour,
            fontsize=_LABEL_PT,
            rotation=90,
            ha="center",
            va="bottom",
            transform=over,
        )


def spread_labels(
    places: Sequence[float], width: float, limits: tuple[float, float]
) -> NDArray[np.float64]:
    """Places (N,) at least a width apart, as near as can be to those wanted.

    Parameters
    ----------
    places : sequence of float
        Ascending.
    width : float
        Least distance.
    limits : (float, float)
        Between which all lie, where there is room for them.

    Notes
    -----
    With x_i = t_i + i width, the distances are kept where t does not fall: the sum of squared
    moves is least for the isotonic regression of the places less i width.

    Examples
    --------
    >>> spread_labels([1.0, 1.0, 5.0], 1.0, (0.0, 9.0)).tolist()
    [0.5, 1.5, 5.0]
    """
    if not len(places):
        return np.zeros(0)
    steps = width * np.arange(len(places))
    moved = isotonic_regression(np.asarray(places, dtype=np.float64) - steps).x
    return np.asarray(np.clip(moved, limits[0], max(limits[1] - steps[-1], limits[0])) + steps)
