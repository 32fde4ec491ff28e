"""Spectra over their axis, and ESEEM spectra with the nuclei that their lines are of."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from spectro.figures.labels import Name, raise_mass_numbers, write_names
from spectro.figures.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION
from spectro.model import Axis, InputError, Spectrum

LINE_COLOURS = (BLUE, GREEN, PURPLE, ORANGE, SKY, VERMILION)
"""Of components and of nuclei, in this order."""


def draw_spectrum(
    ax: Axes, spectrum: Spectrum, *, colour: str = BLACK, label: str = ""
) -> pd.DataFrame:
    """Draw intensity over an axis; of complex ones the imaginary part, too, thin and grey.

    Parameters
    ----------
    ax : Axes
        Where to draw; several spectra may be drawn into the same.
    spectrum : Spectrum
        With one axis. It ascends to the right, but for shifts in ppm, which descend.
    colour : str, optional
        Of the line.
    label : str, optional
        For a legend.

    Returns
    -------
    DataFrame
        The axis, under its name and unit, and ``intensity``, ``imaginary`` where there is one.

    Raises
    ------
    InputError
        If the spectrum has several axes.
    """
    axis, y = get_only_axis(spectrum), spectrum.y
    table = pd.DataFrame({axis.column: axis.values, "intensity": np.real(y)})
    limits = join_limits(ax, axis)
    if np.iscomplexobj(y):
        table["imaginary"] = np.imag(y)
        ax.plot(axis.values, np.imag(y), color=GREY, lw=0.5, zorder=1.8)
    ax.plot(axis.values, np.real(y), color=colour, lw=0.8, label=label or None)
    ax.set_xlim(*limits)
    ax.set_xlabel(raise_mass_numbers(axis.label))
    label_intensity(ax, spectrum)
    return table


def draw_eseem(
    ax: Axes, spectrum: Spectrum, assignment: Sequence[tuple[float, str]] | None = None
) -> pd.DataFrame:
    """Draw a spectrum over nuclear frequencies, with the names of its lines above.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    spectrum : Spectrum
        Over frequency in MHz; of a complex one the magnitude is drawn. Negative frequencies are
        not.
    assignment : sequence of (float, str), optional
        Frequencies in MHz and what they are, as in "113Cd"; the important ones first, as the last
        go without a name where there is no room.

    Returns
    -------
    DataFrame
        ``frequency_MHz, magnitude, assignment``: the names at the points that are nearest to them.

    Raises
    ------
    InputError
        If the axis is no frequency in MHz.
    """
    axis = get_only_axis(spectrum)
    if axis.unit != "MHz":
        raise InputError(
            f"Expected a spectrum over frequency in MHz, got {axis.label}; transform it first."
        )
    order = np.argsort(axis.values)
    order = order[axis.values[order] >= 0]
    x = axis.values[order]
    y = np.abs(spectrum.y[order]) if np.iscomplexobj(spectrum.y) else spectrum.y[order]
    table = pd.DataFrame({"frequency_MHz": x, "magnitude": y, "assignment": ""})
    ax.plot(x, y, color=BLACK, lw=0.8)
    ax.set_xlim(float(x[0]), float(x[-1]))
    ax.set_xlabel(raise_mass_numbers(axis.label))
    label_intensity(ax, spectrum)
    lines = [one for one in assignment or () if x[0] <= one[0] <= x[-1]]
    for place, text in lines:
        at = int(np.argmin(np.abs(x - place)))
        told = [one for one in (table.loc[at, "assignment"], text) if one]
        table.loc[at, "assignment"] = "; ".join(map(str, told))
    _name_lines(ax, lines)
    return table


def _name_lines(ax: Axes, lines: Sequence[tuple[float, str]]) -> None:
    """Dotted lines with their names above, in one colour for each nucleus."""
    colours = dict(zip(dict.fromkeys(text for _, text in lines), cycle(LINE_COLOURS), strict=False))
    for place, text in lines:
        ax.axvline(place, color=colours[text], lw=0.5, ls=":", zorder=1)
    write_names(ax, [Name(place, raise_mass_numbers(text), colours[text]) for place, text in lines])


def get_only_axis(spectrum: Spectrum) -> Axis:
    """Axis of a spectrum with one.

    Raises
    ------
    InputError
        If it has several.
    """
    if len(spectrum.axes) != 1:
        raise InputError(
            f"Expected a spectrum of one dimension, got {len(spectrum.axes)} in "
            f"{spectrum.title}; draw its rows one by one."
        )
    return spectrum.axes[0]


def join_limits(ax: Axes, axis: Axis) -> tuple[float, float]:
    """Left and right end of a panel: what is in it already, and all of an axis."""
    ends = [float(axis.values.min()), float(axis.values.max())]
    if ax.has_data():
        ends += list(ax.get_xlim())
    low, high = min(ends), max(ends)
    return (high, low) if axis.unit == "ppm" else (low, high)


def label_intensity(ax: Axes, spectrum: Spectrum) -> None:
    """Name what is drawn upwards; its unit is arbitrary, so there is no scale."""
    ax.set_ylabel(name_intensity(spectrum))
    ax.set_yticks([])


def name_intensity(spectrum: Spectrum) -> str:
    """Label of the axis of intensity, as in "Intensity (arb. units)"."""
    quantity = str(spectrum.metadata.get("quantity") or "intensity")
    return f"{quantity[:1].upper()}{quantity[1:]} (arb. units)"
