"""Numbers of one technique against those of another: a point with both intervals per sample."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from napari_nanodope.figures.labelling import name_points
from napari_nanodope.figures.style import BLACK, BLUE, GREEN, GREY, PURPLE, VERMILION, draw_nothing

Against = Literal["concentration", "incubation"]

_COLOURS = (BLUE, VERMILION, GREEN, PURPLE, BLACK)
_MARKERS = ("o", "s", "^", "D", "v")
_WIDE, _WIDE_TIMES = 30.0, 5.0  # largest by smallest value, from which on an axis is logarithmic
_ROOM, _LOG_ROOM = 0.08, 1.4  # beyond the last point, of a linear axis and of a logarithmic one
_FEW_DECADES = 2.5  # up to which 1, 2 and 5 of each have ticks
_LEAST_SAMPLES = 2
_ENDS = ("", "_low", "_high")
_PAIR = [f"{axis}{end}" for axis in ("x", "y") for end in _ENDS]
_COLUMNS = [
    *("sample_id", "dopant", "x_quantity", *_PAIR[:3], "x_unit", "x_level"),
    *("y_quantity", *_PAIR[3:], "y_unit", "y_level", "x_source", "y_source"),
]

_X_LABELS = {
    "dopant_mM": "{dopant} by EDS (mM)",
    "icp_ms_mM": "{dopant} by ICP-MS (mM)",
    "incubation_h": "Incubation (h)",
    "diameter_nm": "Diameter by EDS (nm)",
}
_AGAINST = {"concentration": ("dopant_mM", "icp_ms_mM"), "incubation": ("incubation_h",)}


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is drawn against what.

    Attributes
    ----------
    x : tuple of str
        Quantities of the joint table; the one that most samples have beside a y, the first of
        equals.
    y : tuple of str
        Quantities that are drawn over it, each with its own sign.
    label : str
        Of the vertical axis, with its unit.
    names : tuple of str
        Of the quantities, for the legend; "" where there is but one.
    wide : float
        Largest by smallest value, from which on the vertical axis is logarithmic.
    """

    x: tuple[str, ...]
    y: tuple[str, ...]
    label: str
    names: tuple[str, ...] = ("",)
    wide: float = _WIDE

    def pair(self, table: pd.DataFrame) -> pd.DataFrame:
        """Points that the joint table holds; none where fewer than two samples have both."""
        found = [self._pair_with(table, x) for x in self.x]
        best = max(found, key=lambda one: one["sample_id"].nunique())
        is_enough = best["sample_id"].nunique() >= _LEAST_SAMPLES
        return best if is_enough else best.iloc[:0]

    def tell_missing(self, table: pd.DataFrame) -> str:
        """Why there are no points, in a sentence."""
        here = _choose_rows(table, (*self.x, *self.y))
        n = {name: here[here["quantity"] == name]["sample_id"].nunique() for name in self.x}
        n_y = here[here["quantity"].isin(self.y)]["sample_id"].nunique()
        x = " or ".join(f"{name} ({k})" for name, k in n.items())
        y = " or ".join(self.y)
        return (
            f"fewer than {_LEAST_SAMPLES} samples have both: {x} and {y} ({n_y}), with the number "
            f"of samples that have each"
        )

    def _pair_with(self, table: pd.DataFrame, x: str) -> pd.DataFrame:
        rows = _choose_rows(table, (x, *self.y))
        over = _rename(rows[rows["quantity"] == x], "x")
        values = _rename(rows[rows["quantity"].isin(self.y)], "y")
        joined = values.merge(over, on="sample_id", suffixes=("_y", "_x"), sort=False)
        both = (joined["dopant_x"] != "") & (joined["dopant_y"] != "")
        joined = joined[~both | (joined["dopant_x"] == joined["dopant_y"])]
        dopant = joined["dopant_x"].where(joined["dopant_x"] != "", joined["dopant_y"])
        return joined.assign(dopant=dopant)[_COLUMNS].reset_index(drop=True)


def _choose_rows(table: pd.DataFrame, quantities: Sequence[str]) -> pd.DataFrame:
    """Rows of some quantities, without fits that did not converge."""
    is_good = table["value"].notna() & (table["text"] != "not converged")
    return table[is_good & table["quantity"].isin(quantities)]


def _rename(rows: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Columns of one axis; an end that is open is infinite, one that is not told is NaN."""
    is_told = rows["level"].notna()
    low = rows["low"].where(rows["low"].notna() | ~is_told, -np.inf)
    high = rows["high"].where(rows["high"].notna() | ~is_told, np.inf)
    renamed = {
        axis: rows["value"],
        f"{axis}_low": low,
        f"{axis}_high": high,
        f"{axis}_quantity": rows["quantity"],
        f"{axis}_unit": rows["unit"],
        f"{axis}_level": rows["level"],
        f"{axis}_source": rows["source"],
    }
    return pd.DataFrame({"sample_id": rows["sample_id"], "dopant": rows["dopant"], **renamed})


_CONCENTRATIONS = Comparison(("icp_ms_mM",), ("dopant_mM",), "{dopant} by EDS (mM)")
_INCORPORATION = Comparison(
    ("incubation_h",), ("dopant_mM", "icp_ms_mM"), "Dopant (mM)", ("EDS", "ICP-MS")
)
_SURFACE = Comparison(("diameter_nm",), ("fraction_surface",), "Surface fraction by NMR")


def relaxation(against: Against = "concentration") -> Comparison:
    """Relaxation time of microwave saturation against concentration or incubation."""
    label = "$(T_1 T_2)^{{1/2}}$ by saturation (µs)"
    return Comparison(_AGAINST[against], ("T_us",), label, wide=_WIDE_TIMES)


def enhancement(against: Against = "concentration") -> Comparison:
    """Enhancement by DNP against concentration or incubation."""
    return Comparison(_AGAINST[against], ("enhancement",), r"DNP enhancement $\epsilon$")


def buildup(against: Against = "concentration") -> Comparison:
    """Build-up times against concentration or incubation."""
    times = ("time_s", "time_short_s", "time_long_s")
    names = ("T", "short", "long")
    return Comparison(_AGAINST[against], times, "Build-up time (s)", names, _WIDE_TIMES)


def draw_concentrations(ax: Axes, table: pd.DataFrame) -> pd.DataFrame:
    """Draw concentrations by EDS against those by ICP-MS, and the line on which they agree.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    table : DataFrame
        The joint table, long.

    Returns
    -------
    DataFrame
        A row per point: ``sample_id, dopant``, then ``x_quantity, x, x_low, x_high, x_unit,
        x_level``, the same of y, ``x_source`` and ``y_source``. An end that is open is infinite,
        and its bar runs to the edge of the panel; one that nobody told is NaN, and has no bar. Fits
        that did not converge are left out.
    """
    pairs = _CONCENTRATIONS.pair(table)
    return _draw(ax, pairs, _CONCENTRATIONS, _draw_identity)


def draw_incorporation(ax: Axes, table: pd.DataFrame) -> pd.DataFrame:
    """Draw concentrations against incubation; as `draw_concentrations`."""
    return _draw(ax, _INCORPORATION.pair(table), _INCORPORATION)


def draw_relaxation(
    ax: Axes, table: pd.DataFrame, against: Against = "concentration"
) -> pd.DataFrame:
    """Draw relaxation times by microwave saturation; as `draw_concentrations`.

    Concentrations are those by EDS, or by ICP-MS where more samples have these.
    """
    return _draw(ax, relaxation(against).pair(table), relaxation(against))


def draw_enhancement(
    ax: Axes, table: pd.DataFrame, against: Against = "concentration"
) -> pd.DataFrame:
    """Draw enhancements by DNP; as `draw_relaxation`."""
    return _draw(ax, enhancement(against).pair(table), enhancement(against))


def draw_buildup_times(
    ax: Axes, table: pd.DataFrame, against: Against = "concentration"
) -> pd.DataFrame:
    """Draw build-up times, both of those of two exponentials; as `draw_relaxation`."""
    return _draw(ax, buildup(against).pair(table), buildup(against))


def draw_surface_fraction(ax: Axes, table: pd.DataFrame) -> pd.DataFrame:
    """Draw the part of the line "surface" of NMR against the diameter; as `draw_concentrations`.

    Notes
    -----
    The curve is the part of a sphere of diameter d in a shell of thickness t,
    1 - (1 - 2 t / d)^3, with the median of the thicknesses that the points have.
    """
    return _draw(ax, _SURFACE.pair(table), _SURFACE, _draw_shell)


COMPARISONS: dict[str, tuple[Comparison, Callable[[Axes, pd.DataFrame], pd.DataFrame]]] = {
    "icp-ms-eds": (_CONCENTRATIONS, draw_concentrations),
    "concentration-incubation": (_INCORPORATION, draw_incorporation),
    "relaxation-concentration": (relaxation(), draw_relaxation),
    "relaxation-incubation": (
        relaxation("incubation"),
        lambda ax, table: draw_relaxation(ax, table, "incubation"),
    ),
    "enhancement-concentration": (enhancement(), draw_enhancement),
    "enhancement-incubation": (
        enhancement("incubation"),
        lambda ax, table: draw_enhancement(ax, table, "incubation"),
    ),
    "buildup-concentration": (buildup(), draw_buildup_times),
    "buildup-incubation": (
        buildup("incubation"),
        lambda ax, table: draw_buildup_times(ax, table, "incubation"),
    ),
    "surface-diameter": (_SURFACE, draw_surface_fraction),
}
"""Every joint figure by its name: what it compares, and the function that draws it."""


def _draw(
    ax: Axes,
    pairs: pd.DataFrame,
    comparison: Comparison,
    draw_guide: Callable[[Axes, pd.DataFrame], str] | None = None,
) -> pd.DataFrame:
    if pairs.empty:
        draw_nothing(ax, "too few samples have both")
        return pairs
    wide = {"x": _WIDE, "y": comparison.wide}
    spans = {axis: _find_span(pairs, axis, wide[axis]) for axis in ("x", "y")}
    if draw_guide is _draw_identity:
        spans = dict.fromkeys("xy", spans["x"].join(spans["y"]))
    for axis, span in spans.items():
        _set_scale(ax, axis, span)
    told = [] if draw_guide is None else [f"dashed: {draw_guide(ax, pairs)}"]
    known = pd.concat([pairs["x_level"], pairs["y_level"]]).dropna().to_numpy(float)
    levels = {f"{100 * one:g} %" for one in known.tolist()}
    told += [f"bars: {' and '.join(sorted(levels))} intervals"] * bool(levels)
    ax.set_title(", ".join(told), loc="right", fontsize=6, color=GREY)
    _draw_groups(ax, pairs, comparison)
    dopants = ", ".join(dict.fromkeys(one for one in pairs["dopant"] if one)) or "Dopant"
    ax.set_xlabel(_X_LABELS[pairs["x_quantity"].iloc[0]].format(dopant=dopants))
    ax.set_ylabel(comparison.label.format(dopant=dopants))
    name_points(ax, pairs[["sample_id", *_PAIR]])
    return pairs


def _draw_groups(ax: Axes, pairs: pd.DataFrame, comparison: Comparison) -> None:
    """Points of each quantity and dopant with a sign of their own, and a legend of several."""
    dopants = list(dict.fromkeys(pairs["dopant"]))
    groups = [
        (name, dopant, rows)
        for quantity, name in zip(comparison.y, comparison.names, strict=True)
        for dopant in dopants
        if len(rows := pairs[(pairs["y_quantity"] == quantity) & (pairs["dopant"] == dopant)])
    ]
    names = {name for name, _, _ in groups}
    for number, (name, dopant, rows) in enumerate(groups):
        style = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
        parts = [dopant] * (len(dopants) > 1) + [name] * (len(names) > 1)
        _draw_points(ax, rows, style, ", ".join(parts))
    if len(groups) > 1:
        place: dict[str, Any] = {
            "loc": "lower left",
            "bbox_to_anchor": (0, 1),
            "borderaxespad": 0.0,
        }
        ax.legend(ncols=3, **place)


def _draw_points(ax: Axes, rows: pd.DataFrame, style: tuple[str, str], name: str) -> None:
    colour, marker = style
    bars: dict[str, Any] = {}
    for axis, limits in (("x", ax.get_xlim()), ("y", ax.get_ylim())):
        value = rows[axis].to_numpy()
        low = np.clip(rows[f"{axis}_low"].to_numpy(), *limits)
        high = np.clip(rows[f"{axis}_high"].to_numpy(), *limits)
        bars[f"{axis}err"] = np.nan_to_num(np.stack([value - low, high - value]).clip(0))
    about: dict[str, Any] = {"fmt": marker, "color": colour, "elinewidth": 0.7, "zorder": 3}
    ax.errorbar(rows["x"], rows["y"], **bars, **about, label=name or None)


@dataclass(frozen=True, slots=True)
class _Span:
    """From where to where values reach: with the ends of intervals, and alone."""

    low: float
    high: float
    least_positive: float
    has_zero: bool
    is_wide: bool

    def join(self, other: "_Span") -> "_Span":
        least = min(self.least_positive, other.least_positive)
        high = max(self.high, other.high)
        return _Span(
            min(self.low, other.low),
            high,
            least,
            self.has_zero or other.has_zero,
            self.is_wide and other.is_wide,
        )


def _find_span(pairs: pd.DataFrame, axis: str, wide: float) -> _Span:
    values = pairs[axis].to_numpy()
    ends = pairs[[axis, f"{axis}_low", f"{axis}_high"]].to_numpy()
    finite, positive = ends[np.isfinite(ends)], values[values > 0]
    least = float(positive.min(initial=np.inf))
    is_wide = bool((values >= 0).all()) and float(values.max()) > wide * least
    return _Span(
        float(finite.min()), float(finite.max()), least, bool((values == 0).any()), is_wide
    )


def _set_scale(ax: Axes, axis: str, span: _Span) -> None:
    """Linear from 0 or from near the points, or logarithmic, around 0 linear where there is one."""
    set_scale, set_limits = getattr(ax, f"set_{axis}scale"), getattr(ax, f"set_{axis}lim")
    if not span.is_wide:
        low = span.low if span.low < 0 or span.low > span.high / 2 else 0.0
        room = _ROOM * (span.high - low or 1.0)
        has_room_below = low != 0 or span.has_zero
        set_limits(low - room * has_room_below, span.high + room)
        return
    if span.has_zero:
        set_scale("symlog", linthresh=span.least_positive, linscale=0.5)
        set_limits(-0.15 * span.least_positive, span.high * _LOG_ROOM)
    else:
        low = max(span.low, span.least_positive / _WIDE) / _LOG_ROOM
        set_scale("log")
        set_limits(low, span.high * _LOG_ROOM)
        is_short = np.log10(span.high / low) < _FEW_DECADES
        getattr(ax, f"{axis}axis").set_major_locator(
            LogLocator(subs=(1, 2, 5) if is_short else (1,))
        )
    getattr(ax, f"{axis}axis").set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    getattr(ax, f"{axis}axis").set_minor_locator(NullLocator())


def _draw_identity(ax: Axes, pairs: pd.DataFrame) -> str:
    ends = ax.get_xlim()
    ax.plot(ends, ends, color=GREY, lw=0.7, ls="--", zorder=1)
    return "1 : 1"


def _draw_shell(ax: Axes, pairs: pd.DataFrame) -> str:
    thickness_nm = float(np.median(pairs["x"] / 2 * (1 - np.cbrt(1 - pairs["y"].clip(0, 1)))))
    low, high = ax.get_xlim()
    diameter = np.linspace(max(low, 2 * thickness_nm, 1e-9), high, 200)
    part = 1 - (1 - 2 * thickness_nm / diameter) ** 3
    ax.plot(diameter, part, color=GREY, lw=0.7, ls="--", zorder=1)
    return f"a shell of {thickness_nm:.2f} nm"
