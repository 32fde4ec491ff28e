"""Sum spectrum with the windows of a line, and the lines that are known."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

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
from spectro.figures.labels import Name, write_names

_LINE_BAND, _BACKGROUND_BAND = SKY, GREY
_ELEMENT_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, BLACK)


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
    write_names(ax, [Name(line.energy_keV, line.label, colours[line.element]) for line in inside])
