"""Fits: data, best fit and its parts, what is left of the data, and the numbers found."""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import cycle

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from spectro.figures.labels import raise_mass_numbers
from spectro.figures.spectra import (
    LINE_COLOURS,
    get_only_axis,
    join_limits,
    label_intensity,
    name_intensity,
)
from spectro.figures.style import BLACK, GREY, VERMILION, count_rows
from spectro.fitting.search import round_together
from spectro.model import Curve, FitResult, Uncertainty

_FEW = 100  # points that are drawn as such
_TEXT_PT, _LINE_SPACING = 6.0, 1.3  # of the numbers' type
_HANDLE = 4.6  # widths of an entry of a legend besides its text, by the size of that
_LEGEND, _AXIS_IN = 3.0, 0.12  # heights of a legend, by its type, and of ticks and paddings
_SPARE = 0.95  # of a width or height, for what is only estimated
_GAP = "    "  # between numbers
_BASELINE = "baseline"
_POWER = re.compile(r"\^(-?\d+)")
_HEADER = 1e-3  # height of the row that the numbers stand above, by that of a row of panels
_MOST_NUMBERS = 12
_LEAST_RESIDUAL = 0.08  # height of the residuals' panel, by that of the data
_ROOM = 0.06  # above and below curves, by their height


def draw_fit(
    place: Figure | SubFigure | tuple[Axes, Axes], fit: FitResult, *, has_numbers: bool = True
) -> pd.DataFrame:
    """Draw a fit, the residuals below on the same scale, and above the numbers with intervals.

    Parameters
    ----------
    place : Figure, SubFigure or pair of Axes
        Where to draw. Into panels, one for the fit and one for the residuals, only the first
        spectrum is drawn, and no numbers.
    fit : FitResult
        With one or several spectra.
    has_numbers : bool, optional
        Whether they are written, which they need not be where a table is beside the figure.

    Returns
    -------
    DataFrame
        ``curve`` (its title), the axis under its name and unit, ``data, best_fit, residual``, and
        ``component_<name>`` for each part; real parts of complex spectra.

    Raises
    ------
    InputError
        If a spectrum has several axes.
    """
    if isinstance(place, tuple):
        _draw_curve(*place, fit.curves[0])
        place[0].legend()
        return _tabulate(fit.curves[0])
    width_in = place.bbox.width / place.dpi
    n = len(fit.curves)
    n_rows = count_rows(n, width_in)
    n_columns = -(-n // n_rows)
    heights = [_HEADER, *[1.0] * n_rows]
    grid = place.add_gridspec(n_rows + 1, n_columns, height_ratios=heights, hspace=0)
    told = list(_list_numbers(fit)) if has_numbers else []
    header_in = _write_numbers(place.add_subplot(grid[0, :]), told, width_in)
    row_in = (place.bbox.height / place.dpi - header_in) / n_rows
    for number, curve in enumerate(fit.curves):
        cell = grid[1 + number // n_columns, number % n_columns]
        spans = [high - low for low, high in _measure(curve)]
        parts = cell.subgridspec(2, 1, height_ratios=spans, hspace=0)
        upper, lower = place.add_subplot(parts[0]), place.add_subplot(parts[1])
        _draw_curve(upper, lower, curve)
        if n > 1:
            upper.set_title(curve.data.title)
        upper_in = (row_in - _get_axis_in()) * spans[0] / sum(spans)
        upper.set_ylabel("" if number % n_columns else _fit_label(curve, upper_in))
        if number == 0:
            _add_legend(place, [upper, lower], width_in)
    return pd.concat([_tabulate(curve) for curve in fit.curves], ignore_index=True)


def _add_legend(figure: Figure | SubFigure, axes: Sequence[Axes], width_in: float) -> None:
    """Legend above all panels, in as few rows as there is room for."""
    entries = [entry for ax in axes for entry in zip(*ax.get_legend_handles_labels(), strict=True)]
    size_pt = _to_pt(mpl.rcParams["legend.fontsize"])
    handle_in = _HANDLE * size_pt / 72
    widest_in = max(handle_in + _measure_in(name, size_pt) for _, name in entries)
    n_columns = min(max(int(width_in / widest_in), 1), len(entries))
    figure.legend(
        *zip(*entries, strict=True),
        loc="outside upper center",
        ncols=n_columns,
        columnspacing=1.2,
    )


def _draw_curve(upper: Axes, lower: Axes, curve: Curve) -> None:
    axis = get_only_axis(curve.data)
    x, data = axis.values, np.real(curve.data.y)
    few = len(x) <= _FEW
    points = {"ls": "", "marker": "o", "ms": 2.5} if few else {"lw": 0.7}
    limits = join_limits(upper, axis)
    upper.plot(x, data, color=BLACK, label="data", zorder=3 if few else 2, **points)
    upper.plot(x, np.real(curve.best_fit.y), color=VERMILION, lw=0.9, label="fit", zorder=2.5)
    for (name, part), colour in zip(_choose_parts(curve), cycle(LINE_COLOURS), strict=False):
        upper.plot(x, np.real(part), color=colour, lw=0.7, label=name, zorder=1.9)
    lower.axhline(0, color=BLACK, lw=0.4, zorder=1)
    lower.plot(x, np.real(curve.residual), color=GREY, label="residual", **points)
    spans = _measure(curve)
    upper.set_ylim(*spans[0])
    lower.set_ylim(*spans[1])
    upper.set_xlim(*limits)
    lower.set_xlim(*limits)
    label_intensity(upper, curve.data)
    lower.set_yticks([])
    lower.set_xlabel(raise_mass_numbers(axis.label))
    upper.tick_params(labelbottom=False)
    upper.spines["bottom"].set_visible(False)
    upper.tick_params(bottom=False)


def _choose_parts(curve: Curve) -> list[tuple[str, NDArray[np.float64]]]:
    """Parts to draw: a single one is the best fit itself, less its baseline."""
    alone = len(set(curve.components) - {_BASELINE}) == 1
    return [(name, y) for name, y in curve.components.items() if not alone or name == _BASELINE]


def _measure(curve: Curve) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits of the panel of a fit and of that of its residuals, which have one scale."""
    parts = [curve.data.y, curve.best_fit.y]
    parts += [y for _, y in _choose_parts(curve)]
    finite = [np.real(one)[np.isfinite(one)] for one in parts]
    low = min((float(one.min(initial=math.inf)) for one in finite), default=0.0)
    high = max((float(one.max(initial=-math.inf)) for one in finite), default=1.0)
    height = high - low if high > low else 1.0
    residual = np.real(curve.residual)
    most = float(np.abs(residual[np.isfinite(residual)]).max(initial=0.0))
    reach = max((1 + _ROOM) * most, _LEAST_RESIDUAL * height / 2)
    return (low - _ROOM * height, high + _ROOM * height), (-reach, reach)


def _tabulate(curve: Curve) -> pd.DataFrame:
    axis = get_only_axis(curve.data)
    return pd.DataFrame(
        {
            "curve": curve.data.title,
            axis.column: axis.values,
            "data": np.real(curve.data.y),
            "best_fit": np.real(curve.best_fit.y),
            "residual": np.real(curve.residual),
        }
        | {f"component_{name}": np.real(part) for name, part in curve.components.items()}
    )


def _write_numbers(ax: Axes, told: Sequence[str], width_in: float) -> float:
    """Write numbers with intervals as a title, which the layout keeps clear of all else.

    Returns the height in inches of them and of the legend.
    """
    ax.set_axis_off()
    lines = _arrange(told, _SPARE * width_in)
    ax.set_title("\n".join(lines), loc="left", fontsize=_TEXT_PT, linespacing=_LINE_SPACING, pad=0)
    legend_pt = _LEGEND * _to_pt(mpl.rcParams["legend.fontsize"])
    return (len(lines) * _LINE_SPACING * _TEXT_PT + legend_pt) / 72


def _get_axis_in() -> float:
    """Height in inches of the numbers and the label below a panel."""
    sizes = _to_pt(mpl.rcParams["axes.labelsize"]) + _to_pt(mpl.rcParams["xtick.labelsize"])
    return _AXIS_IN + _LINE_SPACING * sizes / 72


def _to_pt(size: float | str) -> float:
    """Size of a type as a number, also where a style says it in words."""
    return float(FontProperties(size=size).get_size_in_points())


def _fit_label(curve: Curve, room_in: float) -> str:
    """What is drawn upwards, in one line or two, as there is room beside the panel."""
    label = name_intensity(curve.data)
    quantity = label.removesuffix(" (arb. units)")
    size_pt = _to_pt(mpl.rcParams["axes.labelsize"])
    for one in (label, f"{quantity}\n(arb. units)", "Intensity\n(arb. units)"):
        widest_in = max(_measure_in(line, size_pt) for line in one.split("\n"))
        if widest_in <= _SPARE * room_in:
            return one
    return "Intensity"


def _measure_in(text: str, size_pt: float) -> float:
    """Width of a line of text in inches, in the current style."""
    return float(TextPath((0, 0), text, size=size_pt).get_extents().width) / 72


def _list_numbers(fit: FitResult) -> Iterator[str]:
    named = [one for one in fit.uncertainties.items() if not one[0].startswith(f"{_BASELINE}_")]
    for name, known in named[:_MOST_NUMBERS]:
        unit = fit.units.get(name, "")
        words = name.removesuffix(f"_{unit}").replace("_", " ")
        yield f"{words} = {tell_number(fit.values[name], unit, known)}"
    if len(named) > _MOST_NUMBERS:
        yield f"and {len(named) - _MOST_NUMBERS} more"
    if named:
        yield f"({100 * named[0][1].level:g} % intervals)"


def tell_number(value: float, unit: str, known: Uncertainty) -> str:
    """Number with its unit and interval, as it is printed.

    Examples
    --------
    >>> tell_number(2.0071, "", Uncertainty(0.0004, 2.0063, 2.0079))
    '2.00710 (2.00630 to 2.00790)'
    """
    low, high, text = round_together(value, known)
    unit = _POWER.sub(r"$^{\1}$", f" {unit}") if unit else ""
    told = f"{text}{unit} ({low} to {high})"
    return told.replace("-", "\N{MINUS SIGN}").replace("inf", "\N{INFINITY}")


def _arrange(entries: Sequence[str], width_in: float) -> list[str]:
    """Lines that hold as many entries as there is room for."""
    lines: list[str] = []
    for entry in entries:
        longer = f"{lines[-1]}{_GAP}{entry}" if lines else entry
        if lines and _measure_in(longer, _TEXT_PT) <= width_in:
            lines[-1] = longer
        else:
            lines.append(entry)
    return lines
