"""Two-dimensional spectra as contours, with their projections or with slices."""

from collections.abc import Sequence
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from spectro.figures.labels import raise_mass_numbers
from spectro.figures.spectra import LINE_COLOURS
from spectro.figures.style import BLACK, BLUE, GREY
from spectro.model import InputError, Spectrum
from spectro.nmr import take_slice
from spectro.nmr.inputs import estimate_scatter

_SIDE = 4.0  # of the contours, by that of a projection
_LEAST_STEP = 1.05  # from one level to the next


def draw_correlation(
    figure: Figure | SubFigure,
    spectrum: Spectrum,
    *,
    slices_ppm: Sequence[float] = (),
    lowest_over_noise: float = 5.0,
    n_levels: int = 10,
) -> pd.DataFrame:
    """Draw contours, above them and to their right the highest points or slices.

    Parameters
    ----------
    figure : Figure or SubFigure
        Where to draw.
    spectrum : Spectrum
        Of two dimensions; the first is drawn upwards. Of a complex one the real part is drawn.
    slices_ppm : sequence of float, optional
        Places on the first axis, in its unit: rows there are drawn above the contours, and columns
        at the same place of the second axis, where it reaches there, to the right. By default the
        projections: the highest point of each column and row.
    lowest_over_noise : float, optional
        Lowest level, in standard deviations of the noise.
    n_levels : int, optional
        From there to the highest point by equal factors; the same below 0, dashed.

    Returns
    -------
    DataFrame
        ``first_<axis>``, ``second_<axis>`` and ``intensity`` of every point, and ``over_noise``.

    Raises
    ------
    InputError
        If there are not two dimensions, or nothing is above the lowest level.

    Notes
    -----
    Noise is that of second differences of neighbours in each row, the median of all rows, as for
    `spectro.nmr.find_cross_peaks`. Where both axes have one unit, the diagonal is drawn.
    """
    if spectrum.y.ndim != 2 or n_levels < 1 or not lowest_over_noise > 0:
        raise InputError(
            f"Expected a spectrum of two dimensions and a level above the noise, got "
            f"{spectrum.y.ndim} dimensions, {n_levels} levels from {lowest_over_noise:g} on."
        )
    y = np.real(spectrum.y)
    noise = float(np.median([estimate_scatter(row) for row in y]))
    levels = _find_levels(y, noise, lowest_over_noise, n_levels)
    grid = figure.add_gridspec(
        2, 2, width_ratios=(_SIDE, 1), height_ratios=(1, _SIDE), hspace=0.03, wspace=0.03
    )
    main = figure.add_subplot(grid[1, 0])
    top = figure.add_subplot(grid[0, 0], sharex=main)
    side = figure.add_subplot(grid[1, 1], sharey=main)
    _draw_contours(main, spectrum, y, levels)
    if slices_ppm:
        _draw_slices(main, top, side, spectrum, slices_ppm)
    else:
        first, second = (one.values for one in spectrum.axes)
        top.plot(second, y.max(axis=0), color=BLACK, lw=0.7)
        side.plot(y.max(axis=1), first, color=BLACK, lw=0.7)
    for ax in (top, side):
        ax.set_axis_off()
    lowest = f"{levels[0] / noise:.3g} times the noise" if noise > 0 else f"{levels[0]:.3g}"
    figure.suptitle(f"lowest level: {lowest}", x=0.99, ha="right", fontsize=6)
    return _tabulate(spectrum, y, noise)


def _find_levels(
    y: NDArray[np.float64], noise: float, lowest: float, n_levels: int
) -> NDArray[np.float64]:
    highest = float(y.max())
    low = lowest * noise if noise > 0 else highest / 20
    if not 0 < low < highest:
        raise InputError(
            f"Expected a peak above {lowest:g} times the noise of {noise:.3g}, got {highest:.3g} "
            f"as the highest point; phase the spectrum, or lower lowest_over_noise."
        )
    factor = max((highest / low) ** (1 / n_levels), _LEAST_STEP)
    return np.asarray(low * factor ** np.arange(n_levels))


def _draw_contours(
    ax: Axes, spectrum: Spectrum, y: NDArray[np.float64], levels: NDArray[np.float64]
) -> None:
    first, second = spectrum.axes
    ax.contour(second.values, first.values, y, levels, colors=BLACK, linewidths=0.5)
    if float(y.min()) < -levels[0]:
        ax.contour(
            second.values,
            first.values,
            y,
            -levels[::-1],
            colors=BLUE,
            linewidths=0.5,
            linestyles="--",
        )
    spans = [(float(one.values.min()), float(one.values.max())) for one in (second, first)]
    if first.unit == second.unit:
        ends = [f(span[k] for span in spans) for k, f in enumerate((max, min))]
        if ends[0] < ends[1]:
            ax.plot(ends, ends, color=GREY, lw=0.4, zorder=1)
    ax.set_xlim(*(spans[0][::-1] if second.unit == "ppm" else spans[0]))
    ax.set_ylim(*(spans[1][::-1] if first.unit == "ppm" else spans[1]))
    ax.set_xlabel(raise_mass_numbers(second.label))
    ax.set_ylabel(raise_mass_numbers(first.label))
    for spine in ("top", "right"):
        ax.spines[spine].set_visible(True)


def _draw_slices(
    main: Axes, top: Axes, side: Axes, spectrum: Spectrum, places: Sequence[float]
) -> None:
    """Rows and columns at some places, in a colour for each, with lines through the contours."""
    first, second = (one.values for one in spectrum.axes)
    for place, colour in zip(places, cycle(LINE_COLOURS), strict=False):
        row = take_slice(spectrum, place)
        label = f"{place:g} {spectrum.axes[0].unit}".strip()
        top.plot(row.x, np.real(row.y), color=colour, lw=0.7, label=label)
        main.axhline(place, color=colour, lw=0.4, ls=":", zorder=1)
        if second.min() <= place <= second.max():
            column = take_slice(spectrum, place, axis=1)
            side.plot(np.real(column.y), first, color=colour, lw=0.7)
            main.axvline(place, color=colour, lw=0.4, ls=":", zorder=1)
    main.legend(*top.get_legend_handles_labels(), loc="best")


def _tabulate(spectrum: Spectrum, y: NDArray[np.float64], noise: float) -> pd.DataFrame:
    first, second = spectrum.axes
    over, across = np.meshgrid(first.values, second.values, indexing="ij")
    return pd.DataFrame(
        {
            f"first_{first.column}": over.ravel(),
            f"second_{second.column}": across.ravel(),
            "intensity": y.ravel(),
            "over_noise": y.ravel() / noise if noise > 0 else np.inf,
        }
    )
