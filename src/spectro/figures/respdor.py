"""RESPDOR: dephasing over the recoupling time, and what other distances would give."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from spectro.figures.fits import tell_number
from spectro.figures.labels import raise_mass_numbers
from spectro.figures.spectra import get_only_axis
from spectro.figures.style import BLACK, BLUE, GREEN, GREY, VERMILION
from spectro.model import FitResult, InputError
from spectro.nmr import dipolar_coupling_Hz, respdor_curve

_N_SMOOTH = 300
_TO_MS = 1e3
_BESIDE = (0.85, 1.2)  # distances that are drawn besides, by the fitted one
_DASHES = ((0, (4, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1, 1.5)))
_COLOURS = (BLUE, GREEN, GREY)
_ROOM = 1.08


def draw_respdor(
    ax: Axes,
    fit: FitResult,
    *,
    error: ArrayLike | None = None,
    distances_nm: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Draw dephasing with the fit, and the curves of other distances with the same fraction.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    fit : FitResult
        As `spectro.nmr.fit_respdor` gives it.
    error : (N,) array or float, optional
        Standard errors of the points.
    distances_nm : sequence of float, optional
        Whose curves are drawn besides; by default 0.85 and 1.2 times the fitted one.

    Returns
    -------
    DataFrame
        ``recoupling_time_s, dephasing, error, best_fit`` at the points, with ``at_<r>_nm`` for
        each other distance.

    Raises
    ------
    InputError
        If it is the fit of something else, or the errors do not fit the points.
    """
    pair = [fit.settings.get(name) for name in ("observed", "saturated")]
    if "coupling_Hz" not in fit.values or None in pair:
        raise InputError(f"Expected a fit of RESPDOR, got one of {fit.model}; use fit_respdor.")
    observed, saturated = map(str, pair)
    distance, fraction = fit.values["distance_nm"], fit.values["fraction"]
    others = [k * distance for k in _BESIDE] if distances_nm is None else list(distances_nm)
    table = _tabulate(fit, error)
    tau = table["recoupling_time_s"].to_numpy()
    fine = np.linspace(0.0, _ROOM * tau.max(), _N_SMOOTH)
    bars = None if error is None else table["error"]
    ax.errorbar(
        _TO_MS * tau, table["dephasing"], bars, fmt="o", color=BLACK, lw=0.7, label="data", zorder=3
    )
    for k, one in enumerate((distance, *others)):
        coupling_Hz = dipolar_coupling_Hz(observed, saturated, one)
        curve = respdor_curve(fine, coupling_Hz, saturated, fraction)
        style: dict[str, Any]
        if k == 0:
            style = {"color": VERMILION, "lw": 1.0, "zorder": 2.5}
        else:
            style = {
                "color": _COLOURS[(k - 1) % len(_COLOURS)],
                "ls": _DASHES[(k - 1) % len(_DASHES)],
                "lw": 0.7,
            }
            table[f"at_{one:.4g}_nm"] = respdor_curve(tau, coupling_Hz, saturated, fraction)
        ax.plot(_TO_MS * fine, curve, label=f"{one:.3f} nm{', fit' * (k == 0)}", **style)
    _set_limits(ax, table, float(_TO_MS * fine[-1]))
    _write_numbers(ax, fit, observed, saturated)
    ax.legend(loc="lower right")
    return table


def _tabulate(fit: FitResult, error: ArrayLike | None) -> pd.DataFrame:
    data = fit.curves[0].data
    axis = get_only_axis(data)
    errors = np.asarray(np.nan if error is None else error, float)
    if errors.shape not in ((), (len(axis),)) or not (error is None or (errors >= 0).all()):
        raise InputError(
            f"Expected {len(axis)} standard errors of at least 0, got shape {errors.shape}."
        )
    return pd.DataFrame(
        {
            "recoupling_time_s": axis.values,
            "dephasing": np.real(data.y),
            "error": np.broadcast_to(errors, (len(axis),)),
            "best_fit": np.real(fit.curves[0].best_fit.y),
        }
    ).sort_values("recoupling_time_s", ignore_index=True)


def _set_limits(ax: Axes, table: pd.DataFrame, right_ms: float) -> None:
    errors = table["error"].fillna(0.0)
    tops = [line.get_ydata() for line in ax.lines]
    high = max(float((table["dephasing"] + errors).max()), *(float(np.max(y)) for y in tops))
    low = min(float((table["dephasing"] - errors).min()), 0.0)
    ax.set_xlim(0, right_ms)
    ax.set_ylim(low * _ROOM, high * _ROOM)


def _write_numbers(ax: Axes, fit: FitResult, observed: str, saturated: str) -> None:
    words = {"distance_nm": "$r$", "coupling_Hz": "$D$", "fraction": "$f$"}
    told = []
    for name, word in words.items():
        value, known = fit.values[name], fit.uncertainties.get(name)
        unit = fit.units.get(name, "")
        number = f"{value:.3g} {unit}" if known is None else tell_number(value, unit, known)
        told.append(f"{word} = {number}".rstrip())
    ax.set_title("\n".join(told), loc="left", fontsize=6)
    pair = raise_mass_numbers(f"{observed}{{{saturated}}}")
    ax.set(xlabel="Recoupling time (ms)", ylabel=rf"{pair}  $\Delta S / S_0$")
