"""Names of lines above a panel, moved apart until all can be read; isotopes as they are printed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory
from numpy.typing import NDArray

from spectro.figures.style import BLACK

_LABEL_PT, _LINE_SPACING = 6.0, 1.35
_FOOT, _RISE = 1.01, 0.05  # of the leaders above the panel, in its heights
_ISOTOPE = re.compile(r"(?<![A-Za-z0-9])(\d{1,3})([A-Z][a-z]?)(?![a-z0-9])")


@dataclass(frozen=True, slots=True)
class Name:
    """What a place on the horizontal axis is called.

    Attributes
    ----------
    place : float
        On the axis, in its unit.
    text : str
        As it is to be written.
    colour : str
        Of the text and of its leader.
    """

    place: float
    text: str
    colour: str = BLACK


def write_names(ax: Axes, names: Sequence[Name]) -> None:
    """Write names above a panel, upright, with leaders to their places.

    Parameters
    ----------
    ax : Axes
        With the limits that it will keep.
    names : sequence of Name
        The important ones first: of those that find no room, the last ones go without.
    """
    low, high = sorted(ax.get_xlim())
    inside = [one for one in names if low <= one.place <= high]
    box, dpi = ax.get_window_extent(), ax.figure.dpi
    width = _LABEL_PT * _LINE_SPACING * dpi / 72 / max(box.width, 1.0) * (high - low)
    n_room = max(int((high - low) / width), 0)
    named = sorted(inside[:n_room], key=lambda one: one.place)
    places = spread_labels([one.place for one in named], width, (low, high))
    over = blended_transform_factory(ax.transData, ax.transAxes)
    for one, place in zip(named, places, strict=True):
        ax.plot(
            [one.place, place],
            [_FOOT, _FOOT + _RISE],
            color=one.colour,
            lw=0.5,
            transform=over,
            clip_on=False,
        )
        ax.text(
            place,
            _FOOT + _RISE * 1.3,
            one.text,
            color=one.colour,
            fontsize=_LABEL_PT,
            rotation=90,
            ha="center",
            va="bottom",
            transform=over,
        )


def spread_labels(
    places: Sequence[float], width: float, limits: tuple[float, float]
) -> NDArray[np.float64]:
    """Places (N,) at least a width apart, as near as can be to those wanted.

    Parameters
    ----------
    places : sequence of float
        Ascending.
    width : float
        Least distance.
    limits : (float, float)
        Between which all lie, where there is room for them.

    Notes
    -----
    With x_i = t_i + i width, the distances are kept where t does not fall: the sum of squared
    moves is least for the isotonic regression of the places less i width.

    Examples
    --------
    >>> spread_labels([1.0, 1.0, 5.0], 1.0, (0.0, 9.0)).tolist()
    [0.5, 1.5, 5.0]
    """
    from scipy.optimize import isotonic_regression  # noqa: PLC0415 - slow to import

    if not len(places):
        return np.zeros(0)
    steps = width * np.arange(len(places))
    moved = isotonic_regression(np.asarray(places, dtype=np.float64) - steps).x
    return np.asarray(np.clip(moved, limits[0], max(limits[1] - steps[-1], limits[0])) + steps)


def raise_mass_numbers(text: str) -> str:
    """Text whose isotopes have their mass number raised.

    Examples
    --------
    >>> raise_mass_numbers("2 nu(113Cd)")
    '2 nu($^{113}$Cd)'
    """
    return _ISOTOPE.sub(r"$^{\1}$\2", text)
