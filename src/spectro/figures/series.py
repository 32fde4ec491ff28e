"""Several spectra above each other, with what was fitted to them."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from spectro.figures.labels import raise_mass_numbers
from spectro.figures.spectra import (
    LINE_COLOURS,
    get_only_axis,
    join_limits,
    label_intensity,
)
from spectro.figures.style import BLACK, VERMILION
from spectro.model import Axis, FitResult, InputError, Spectrum

_STEP, _TOP = 0.85, 1.1  # between two spectra, and of the last, by the highest of all
_NAME_PT = 6.0
_BASELINE = "baseline"


def draw_series(
    ax: Axes,
    series: FitResult | Sequence[Spectrum],
    *,
    names: Sequence[str] | None = None,
    is_normalised: bool = False,
) -> pd.DataFrame:
    """Draw spectra above each other, the first one lowest; of a fit its lines, filled, too.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    series : FitResult or sequence of Spectrum
        Over one unit, of one dimension each. Of complex ones the real part is drawn.
    names : sequence of str, optional
        Of the spectra, written above the right end of each; by default their titles.
    is_normalised : bool, optional
        Whether each spectrum is brought to the same height; otherwise all have one scale.

    Returns
    -------
    DataFrame
        ``curve``, the axis under its name and unit, ``data``, and of a fit ``best_fit`` and
        ``component_<name>``: all as they are, and in ``offset`` and ``scale`` how they are drawn,
        at offset + scale times the number.

    Raises
    ------
    InputError
        If there is no spectrum, one has several axes, they differ in the unit, or there are not as
        many names.
    """
    tables, spectra = _collect(series)
    names = [one.title for one in spectra] if names is None else list(names)
    units = {get_only_axis(one).unit for one in spectra}
    if len(names) != len(spectra) or len(units) != 1:
        raise InputError(
            f"Expected spectra over one unit and a name for each, got {len(spectra)} over "
            f"{', '.join(sorted(units)) or 'nothing'} and {len(names)} names."
        )
    heights = [_find_height(one["data"].to_numpy()) for one in tables]
    highest = max(heights)
    for k, (table, spectrum) in enumerate(zip(tables, spectra, strict=True)):
        table["curve"] = names[k]
        table["scale"] = 1 / (heights[k] if is_normalised else highest)
        table["offset"] = _STEP * k
        _draw_one(ax, table, spectrum.axes[0], is_first=k == 0)
    _write_names(ax, names, spectra[0].axes[0].unit)
    ax.set_ylim(-0.1, _STEP * (len(spectra) - 1) + _TOP)
    ax.set_xlabel(raise_mass_numbers(spectra[0].axes[0].label))
    label_intensity(ax, spectra[0])
    if isinstance(series, FitResult):
        ax.legend(loc="upper left")
    return pd.concat(tables, ignore_index=True)


def _collect(series: FitResult | Sequence[Spectrum]) -> tuple[list[pd.DataFrame], list[Spectrum]]:
    """A table of numbers for each spectrum, and the spectra."""
    if not isinstance(series, FitResult):
        return [_start_table(one) for one in series], list(series)
    tables = []
    for curve in series.curves:
        table = _start_table(curve.data)
        table["best_fit"] = np.real(curve.best_fit.y)
        for name, part in curve.components.items():
            table[f"component_{name}"] = np.real(part)
        tables.append(table)
    return tables, [curve.data for curve in series.curves]


def _start_table(spectrum: Spectrum) -> pd.DataFrame:
    axis = get_only_axis(spectrum)
    numbers = {axis.column: axis.values, "data": np.real(spectrum.y)}
    return pd.DataFrame({"curve": spectrum.title, **numbers})


def _find_height(y: NDArray[np.float64]) -> float:
    finite = np.abs(y[np.isfinite(y)])
    return float(finite.max(initial=0.0)) or 1.0


def _draw_one(ax: Axes, table: pd.DataFrame, axis: Axis, *, is_first: bool) -> None:
    offset, scale = float(table["offset"].iloc[0]), float(table["scale"].iloc[0])
    x, limits = axis.values, join_limits(ax, axis)

    def place(column: str) -> NDArray[np.float64]:
        return np.asarray(offset + scale * table[column].to_numpy())

    parts = [one for one in map(str, table.columns) if one.startswith("component_")]
    lines = [one for one in parts if one != f"component_{_BASELINE}"]
    for part, colour in zip(lines, cycle(LINE_COLOURS), strict=False):
        label = part.removeprefix("component_") if is_first else None
        ax.fill_between(x, offset, place(part), color=colour, alpha=0.45, lw=0, label=label)
    ax.plot(x, place("data"), color=BLACK, lw=0.6, zorder=2)
    if "best_fit" in table:
        ax.plot(x, place("best_fit"), color=VERMILION, lw=0.6, zorder=2.5)
    ax.set_xlim(*limits)


def _write_names(ax: Axes, names: Sequence[str], unit: str) -> None:
    """Names above the right ends of the spectra, where shifts are lowest."""
    for k, name in enumerate(names):
        ax.annotate(
            raise_mass_numbers(name),
            (1.0, _STEP * k),
            xytext=(0, 3),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=_NAME_PT,
        )
