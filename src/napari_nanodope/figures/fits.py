"""A fit of a project as the figure that its kind is read from."""

from collections.abc import Callable

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spectro.figures import draw_buildup, draw_fit, draw_respdor, draw_saturation
from spectro.model import FitResult

_ON_AXES: dict[str, Callable[[Axes, FitResult], pd.DataFrame]] = {
    "buildup": draw_buildup,
    "respdor": draw_respdor,
    "saturation": draw_saturation,
}


def draw_fit_of_kind(figure: Figure, fit: FitResult, kind: str) -> pd.DataFrame:
    """Draw a fit: curves over delay or power as such, all others with their residuals.

    Parameters
    ----------
    figure : Figure
        Empty.
    fit : FitResult
        With its curves.
    kind : str
        As in the project file: "cw", "buildup".

    Returns
    -------
    DataFrame
        What is drawn.
    """
    if kind in _ON_AXES:
        return _ON_AXES[kind](figure.subplots(), fit)
    return draw_fit(figure, fit)
