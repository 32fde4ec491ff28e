"""The figure of a fit by its kind, as a project file calls it."""

from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from spectro.figures.buildup import draw_buildup
from spectro.figures.fits import draw_fit
from spectro.figures.respdor import draw_respdor
from spectro.figures.saturation import draw_saturation
from spectro.model import FitResult

_DRAW: Mapping[str, Callable[[Axes, FitResult], pd.DataFrame]] = {
    "buildup": draw_buildup,
    "respdor": draw_respdor,
    "saturation": draw_saturation,
}


def draw_kind(place: Figure | SubFigure, fit: FitResult, kind: str) -> pd.DataFrame:
    """Draw a fit as is usual for its kind.

    Parameters
    ----------
    place : Figure or SubFigure
        Where to draw.
    fit : FitResult
        What to draw.
    kind : str
        "saturation", "buildup" and "respdor" have figures of their own; any other one is drawn by
        `draw_fit`.

    Returns
    -------
    DataFrame
        The numbers, as the function that draws returns them.
    """
    draw = _DRAW.get(kind)
    return draw_fit(place, fit) if draw is None else draw(place.add_subplot(), fit)
