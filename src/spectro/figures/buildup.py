"""Magnetisation that builds up or recovers, with its time constants."""

import math
from collections.abc import Mapping
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from spectro.figures.fits import tell_number
from spectro.figures.spectra import LINE_COLOURS, get_only_axis
from spectro.figures.style import BLACK, GREY
from spectro.model import FitResult, InputError
from spectro.nmr import buildup_curve

_N_SMOOTH = 200
_WIDE = 30.0  # longest delay by the shortest, from which on delays are drawn on a logarithmic axis
_ROOM = 1.5  # beyond the shortest and the longest delay on such an axis
_MARGIN = 0.08
_TIMES = ("time_s", "mean_time_s", "time_short_s", "time_long_s")
_WORDS = {
    "time_s": "$T$",
    "mean_time_s": "mean",
    "time_short_s": "short",
    "time_long_s": "long",
    "beta": r"$\beta$",
}


def draw_buildup(
    ax: Axes,
    fits: FitResult | Mapping[str, FitResult],
    *,
    error: ArrayLike | Mapping[str, ArrayLike] | None = None,
) -> pd.DataFrame:
    """Draw magnetisation over the delay, the fit, and above the time constants with intervals.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    fits : FitResult or mapping of str to FitResult
        As `spectro.nmr.fit_buildup` gives them, or the ``curves`` of a `fit_series` by component.
    error : (N,) array, or mapping of str to those, optional
        Standard errors of the points; of components by their names, as the ``errors`` of a
        `fit_series`.

    Returns
    -------
    DataFrame
        ``curve, delay_s, magnetisation, error, best_fit``; the error is NaN where none is given.

    Raises
    ------
    InputError
        If a fit is not that of a build-up, or errors do not fit the points.

    Notes
    -----
    The delay is on a logarithmic axis where it spans more than a factor of 30, on which a delay of
    0 is left out of the picture.
    """
    several = {"": fits} if isinstance(fits, FitResult) else dict(fits)
    tables = [_tabulate(name, one, error) for name, one in several.items()]
    if not tables:
        raise InputError("Expected at least one fit of a build-up, got none.")
    table = pd.concat(tables, ignore_index=True)
    above = table["delay_s"][table["delay_s"] > 0]
    first_s, last_s = float(above.min()), float(above.max())
    is_wide = last_s > _WIDE * first_s
    ends = (first_s / _ROOM, last_s * _ROOM) if is_wide else (0.0, 1.03 * last_s)
    ax.set_xscale("log" if is_wide else "linear")
    space = np.geomspace if is_wide else np.linspace
    smooth = space(ends[0], ends[1], _N_SMOOTH)
    colours = cycle([BLACK] if len(several) == 1 else LINE_COLOURS)
    told = []
    ax.axhline(0, color=GREY, lw=0.5, zorder=1)
    for (name, fit), one, colour in zip(several.items(), tables, colours, strict=False):
        drawn = one[one["delay_s"] > 0] if is_wide else one
        bars = None if one["error"].isna().all() else drawn["error"]
        ax.errorbar(
            drawn["delay_s"], drawn["magnetisation"], bars, fmt="o", color=colour, lw=0.7, zorder=3
        )
        ax.plot(smooth, buildup_curve(smooth, fit), color=colour, lw=0.8, label=name or "fit")
        told += _tell(name, fit)
    low, high = _find_span(table)
    ax.set(xlim=ends, ylim=(low, high), xlabel="Delay (s)", ylabel="Magnetisation (arb. units)")
    ax.set_title("\n".join(told), loc="left", fontsize=6)
    if len(several) > 1:
        ax.legend()
    return table


def _tabulate(
    name: str, fit: FitResult, error: ArrayLike | Mapping[str, ArrayLike] | None
) -> pd.DataFrame:
    axis = get_only_axis(fit.curves[0].data)
    best = buildup_curve(axis.values, fit)
    given = error.get(name) if isinstance(error, Mapping) else error
    errors = np.full(len(axis), math.nan) if given is None else np.asarray(given, float)
    if errors.shape not in ((), (len(axis),)) or not (given is None or (errors >= 0).all()):
        raise InputError(
            f"Expected {len(axis)} standard errors of at least 0, got shape {errors.shape}."
        )
    return pd.DataFrame(
        {
            "curve": name or fit.model,
            "delay_s": axis.values,
            "magnetisation": np.real(fit.curves[0].data.y),
            "error": np.broadcast_to(errors, (len(axis),)),
            "best_fit": best,
        }
    ).sort_values("delay_s", ignore_index=True)


def _tell(name: str, fit: FitResult) -> list[str]:
    """Lines with the time constants and the exponent, as far as they were fitted."""
    begin, lines = f"{name}: " if name else "", []
    for key in (*_TIMES, "beta"):
        if key in fit.uncertainties:
            unit = fit.units.get(key, "")
            number = tell_number(fit.values[key], unit, fit.uncertainties[key])
            lines.append(f"{begin}{_WORDS[key]} = {number}")
    return lines


def _find_span(table: pd.DataFrame) -> tuple[float, float]:
    errors = table["error"].fillna(0.0).to_numpy()
    ends: list[NDArray[np.float64]] = [
        (table["magnetisation"] - errors).to_numpy(),
        (table["magnetisation"] + errors).to_numpy(),
        table["best_fit"].to_numpy(),
    ]
    low = min(0.0, *(float(one.min()) for one in ends))
    high = max(0.0, *(float(one.max()) for one in ends))
    room = _MARGIN * (high - low or 1.0)
    return low - room * (low < 0), high + room
