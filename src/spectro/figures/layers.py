"""Nanocrystals in cross-section, with their layers in scale."""

from collections.abc import Mapping
from itertools import cycle

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Patch, Wedge
from matplotlib.ticker import FixedLocator, MaxNLocator

from spectro.figures.spectra import LINE_COLOURS
from spectro.figures.style import BLACK
from spectro.model import InputError, Uncertainty
from spectro.nmr import LayerModel

_GAP = 0.12  # between spheres, by the diameter of the largest
_BAND = {"facecolor": "white", "alpha": 0.6, "lw": 0}
_NAME_PT = 6.0
_N_TICKS, _FEW_TICKS, _MANY = 5, 2, 4  # of depths, and of more spheres than so many


def draw_layers(ax: Axes, models: LayerModel | Mapping[str, LayerModel]) -> pd.DataFrame:
    """Draw spheres cut through the middle, their layers in scale, over the depth.

    All surfaces touch the top, so that depths are read at the left, along the line down from the
    top to the centre. A boundary is a line, dashed where it is not shown to be there, and its
    interval a pale band.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    models : LayerModel or mapping of str to LayerModel
        One sphere, or several by what is written below each.

    Returns
    -------
    DataFrame
        ``sample, diameter_nm, layer, percent, outer_nm, outer_low_nm, outer_high_nm, inner_nm,
        thickness_nm, is_significant``, depths below the surface.

    Raises
    ------
    InputError
        If there is no sphere.
    """
    several = {"": models} if isinstance(models, LayerModel) else dict(models)
    if not several:
        raise InputError("Expected at least one model of layers, got none.")
    names = list(dict.fromkeys(layer.name for one in several.values() for layer in one.layers))
    colours = dict(zip(names, cycle(LINE_COLOURS), strict=False))
    largest = max(one.diameter_nm for one in several.values())
    gap, left = _GAP * largest, 0.0
    for name, model in several.items():
        middle = left + model.diameter_nm / 2
        _draw_sphere(ax, model, middle, colours)
        told = f"{model.diameter_nm:.3g} nm"
        ax.annotate(
            f"{name}\n{told}" if name and name != told else told,
            (middle, model.diameter_nm),
            xytext=(0, -3),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=_NAME_PT,
        )
        left += model.diameter_nm + gap
    n_ticks = _N_TICKS if len(several) <= _MANY else _FEW_TICKS
    _set_axes(ax, (-gap, left), largest, n_ticks)
    handles = [Patch(color=colours[name], label=name, alpha=0.75) for name in names]
    ax.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(names))
    return pd.DataFrame([row for name, one in several.items() for row in _list_rows(name, one)])


def _draw_sphere(ax: Axes, model: LayerModel, middle: float, colours: Mapping[str, str]) -> None:
    """Discs from the outermost layer to the core, then the bands and lines of the boundaries."""
    radius = model.diameter_nm / 2
    centre = (middle, radius)
    for one in reversed(model.layers):
        if one.fraction > 0:
            colour = colours[one.name]
            ax.add_patch(Circle(centre, radius - one.outer_nm, facecolor="white", lw=0))
            ax.add_patch(Circle(centre, radius - one.outer_nm, facecolor=colour, alpha=0.75, lw=0))
    for one in model.layers[:-1]:
        outer, inner = (min(max(r, 0.0), radius) for r in _find_ends(one.outer, radius))
        if outer > inner:
            ax.add_patch(Wedge(centre, outer, 0, 360, width=outer - inner, **_BAND))
        if one.fraction > 0:
            style = "-" if one.is_significant else (0, (3, 2))
            ax.add_patch(
                Circle(centre, radius - one.outer_nm, fill=False, ec=BLACK, lw=0.5, ls=style)
            )
    ax.add_patch(Circle(centre, radius, fill=False, ec=BLACK, lw=0.7, clip_on=False))


def _find_ends(known: Uncertainty, radius: float) -> tuple[float, float]:
    return radius - known.low, radius - known.high


def _set_axes(ax: Axes, limits_nm: tuple[float, float], largest_nm: float, n_ticks: int) -> None:
    """Depths down to the centre of the largest sphere; one scale in both directions."""
    ax.set_aspect("equal")
    ax.set_xlim(*limits_nm)
    ax.set_ylim(1.12 * largest_nm, -0.02 * largest_nm)
    radius = largest_nm / 2
    ticks = MaxNLocator(n_ticks, steps=[1, 2, 5, 10]).tick_values(0.0, radius)
    ax.yaxis.set_major_locator(FixedLocator([t for t in ticks if 0 <= t <= radius]))
    ax.set_xticks([])
    ax.spines["bottom"].set_visible(False)
    ax.spines["left"].set_bounds(0.0, radius)
    ax.set_ylabel("Depth below\nthe surface (nm)", y=0.75)


def _list_rows(name: str, model: LayerModel) -> list[dict[str, object]]:
    return [
        {
            "sample": name,
            "diameter_nm": model.diameter_nm,
            "layer": one.name,
            "percent": 100 * one.fraction,
            "outer_nm": one.outer_nm,
            "outer_low_nm": one.outer.low,
            "outer_high_nm": one.outer.high,
            "inner_nm": one.inner_nm,
            "thickness_nm": one.thickness_nm,
            "is_significant": one.is_significant,
        }
        for one in model.layers
    ]
