"""The solid effect: absorption of the electrons above, enhancement of a nucleus below."""

from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from spectro.figures.labels import raise_mass_numbers
from spectro.figures.style import BLACK, BLUE, GREY, VERMILION

if TYPE_CHECKING:
    from spectro.epr.solid_effect import Extremum, SolidEffect

_HEIGHTS = (1.0, 1.6)
_ROOM = 1.65  # height of the lower panel by that of the profile, for what is written in it
_EDGE = 0.2  # of the width, in which what is written goes to one side of its place


def draw_solid_effect(figure: Figure | SubFigure, profile: "SolidEffect") -> pd.DataFrame:
    """Draw the absorption, and below it the enhancement with the places of its extrema.

    Parameters
    ----------
    figure : Figure or SubFigure
        Where to draw.
    profile : SolidEffect
        Over the field or the microwave frequency.

    Returns
    -------
    DataFrame
        The axis, under its name and unit, ``absorption`` and ``enhancement``, both in units of the
        maximum of the absorption.
    """
    axis = profile.profile.axes[0]
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=_HEIGHTS)
    upper.plot(axis.values, profile.absorption.y, color=BLACK, lw=0.8)
    lower.axhline(0, color=GREY, lw=0.5, zorder=1)
    lower.plot(axis.values, profile.profile.y, color=BLACK, lw=0.8)
    over_field = axis.unit == "mT"
    centre = profile.centre_mT if over_field else profile.centre_GHz
    for ax in (upper, lower):
        ax.axvline(centre, color=GREY, lw=0.5, ls=":", zorder=0)
    lower.set_xlim(float(axis.values[0]), float(axis.values[-1]))
    most = max(profile.positive.height, -profile.negative.height)
    lower.set_ylim(-_ROOM * most, _ROOM * most)
    upper.set_ylim(0, 1.08)
    for one, colour in ((profile.positive, VERMILION), (profile.negative, BLUE)):
        _mark(upper, lower, one, colour, over_field)
    lower.ticklabel_format(axis="x", useOffset=False)
    upper.tick_params(labelbottom=False)
    nucleus = raise_mass_numbers(profile.nucleus)
    upper.set(ylabel="EPR absorption", yticks=[])
    lower.set(xlabel=axis.label, ylabel=f"{nucleus} enhancement (arb. units)", yticks=[0])
    fixed = f"{profile.centre_GHz:.6g} GHz" if over_field else f"{profile.centre_mT:.6g} mT"
    upper.set_title(f"{fixed}, $d$ = {profile.shift_mT:.3f} mT", loc="right")
    return pd.DataFrame(
        {
            axis.column: axis.values,
            "absorption": profile.absorption.y,
            "enhancement": profile.profile.y,
        }
    )


def _mark(upper: Axes, lower: Axes, one: "Extremum", colour: str, over_field: bool) -> None:
    """Line through both panels, and at the extremum its place and offset."""
    place = one.field_mT if over_field else one.frequency_GHz
    told = (
        f"{one.field_mT:.2f} mT\n({one.offset_mT:+.2f} mT)"
        if over_field
        else f"{one.frequency_GHz:.4f} GHz\n({one.offset_MHz:+.1f} MHz)"
    )
    left, right = lower.get_xlim()
    share = (place - left) / (right - left)
    upper.axvline(place, color=colour, lw=0.6, ls="--", zorder=1)
    far_end = lower.get_ylim()[0 if one.height > 0 else 1]
    lower.plot([place, place], [far_end, one.height], color=colour, lw=0.6, ls="--", zorder=1)
    lower.plot([place], [one.height], "o", color=colour, zorder=3)
    lower.annotate(
        told.replace("-", "\N{MINUS SIGN}"),
        (place, one.height),
        xytext=(0, 4 if one.height > 0 else -4),
        textcoords="offset points",
        ha="left" if share < _EDGE else "right" if share > 1 - _EDGE else "center",
        va="bottom" if one.height > 0 else "top",
        fontsize=6,
        color=colour,
    )
