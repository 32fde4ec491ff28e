"""Microwave saturation: amplitude against the square root of the power."""

import math
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline

from spectro.figures.fits import tell_number
from spectro.figures.spectra import LINE_COLOURS, get_only_axis
from spectro.figures.style import BLACK, GREY, VERMILION
from spectro.model import Curve, FitResult, InputError

_BESIDE = 1.5  # of the root of the highest power, up to which P_half is still in the picture
_N_SMOOTH, _DEGREE = 200, 3
_EDGE = 0.25  # of the panel's width, in which a name is written to one side of its line


def draw_saturation(ax: Axes, fit: FitResult) -> pd.DataFrame:
    """Draw amplitudes against the square root of the microwave power, the fit, and P_half.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    fit : FitResult
        Its curves are over power in mW. P_half is each of its values that is in mW and has "half"
        in its name.

    Returns
    -------
    DataFrame
        ``curve, power_mW, root_power_sqrt_mW, amplitude, best_fit``.

    Raises
    ------
    InputError
        If a curve is not over powers above 0 in mW.

    Notes
    -----
    Between the powers that were measured, the best fit is drawn as a cubic spline over their
    logarithm.
    """
    tables = [_tabulate(curve) for curve in fit.curves]
    alone = len(tables) == 1
    for one, colour in zip(tables, cycle([BLACK] if alone else LINE_COLOURS), strict=False):
        label = "data" if alone else one["curve"].iloc[0]
        ax.plot(one["root_power_sqrt_mW"], one["amplitude"], "o", color=colour, label=label)
        x, y = _interpolate(one)
        ax.plot(x, y, color=VERMILION if alone else colour, label="fit" if alone else None)
    table = pd.concat(tables, ignore_index=True)
    halves = [n for n in fit.values if "half" in n.lower() and fit.units.get(n) == "mW"]
    _set_limits(ax, table, [fit.values[name] for name in halves])
    for name in halves:
        _mark_half(ax, fit, name)
    ax.set(
        xlabel=r"(Microwave power)$^{1/2}$ (mW$^{1/2}$)",
        ylabel="Amplitude (arb. units)",
    )
    ax.legend()
    return table


def _tabulate(curve: Curve) -> pd.DataFrame:
    axis = get_only_axis(curve.data)
    if axis.unit != "mW" or axis.values.min() <= 0:
        raise InputError(
            f"Expected amplitudes over microwave power above 0 in mW, got {axis.label or 'none'} "
            f"from {axis.values.min():g}; leave out what is not."
        )
    return pd.DataFrame(
        {
            "curve": curve.data.title,
            "power_mW": axis.values,
            "root_power_sqrt_mW": np.sqrt(axis.values),
            "amplitude": np.real(curve.data.y),
            "best_fit": np.real(curve.best_fit.y),
        }
    ).sort_values("power_mW", ignore_index=True)


def _interpolate(table: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Root of the power, and the best fit, closely enough for a smooth line."""
    once = table.drop_duplicates("power_mW")
    power, best = once["power_mW"].to_numpy(), once["best_fit"].to_numpy()
    if len(power) <= _DEGREE:
        return np.sqrt(power), best
    fine = np.geomspace(power[0], power[-1], _N_SMOOTH)
    spline = make_interp_spline(np.log(power), best, _DEGREE)
    return np.sqrt(fine), np.asarray(spline(np.log(fine)))


def _set_limits(ax: Axes, table: pd.DataFrame, halves_mW: list[float]) -> None:
    top = float(table["root_power_sqrt_mW"].max())
    near = [math.sqrt(p) for p in halves_mW if 0 < p <= (_BESIDE * top) ** 2]
    ax.set_xlim(0, 1.05 * max(top, *near, 0.0))
    heights = table[["amplitude", "best_fit"]].to_numpy()
    low, high = min(float(heights.min()), 0.0), max(float(heights.max()), 0.0)
    ax.set_ylim(1.08 * low, 1.08 * high if high > low else 1.0)


def _mark_half(ax: Axes, fit: FitResult, name: str) -> None:
    """Line at P_half with the number above the panel, and its interval as a band."""
    value, known = fit.values[name], fit.uncertainties.get(name)
    right = ax.get_xlim()[1]
    told = f"{value:.4g} mW" if known is None else tell_number(value, "mW", known)
    if not 0 < value <= right**2:
        ax.set_title(f"$P_{{1/2}}$ = {told}, not in the picture", loc="right", fontsize=6)
        return
    place = math.sqrt(value)
    if known is not None and math.isfinite(known.low) and math.isfinite(known.high):
        ends = math.sqrt(max(known.low, 0.0)), min(math.sqrt(max(known.high, 0.0)), right)
        ax.axvspan(*ends, color=GREY, alpha=0.25, lw=0, zorder=0)
    ax.axvline(place, color=GREY, ls="--", lw=0.8, zorder=1)
    share = place / right
    ax.annotate(
        f"$P_{{1/2}}$ = {told}",
        (place, 1.0),
        xytext=(0, 2),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="left" if share < _EDGE else "right" if share > 1 - _EDGE else "center",
        va="bottom",
        fontsize=6,
        annotation_clip=False,
    )
