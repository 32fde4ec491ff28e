"""Figures of spectra and fits: each function draws artists and returns the numbers drawn.

Examples
--------
>>> from spectro import figures
>>> with figures.journal_style():  # doctest: +SKIP
...     figure = figures.make_figure(figures.SINGLE_COLUMN_IN, 2.6)
...     numbers = figures.draw_fit(figure, fit)
...     figures.save_figure(figure, "figures/24h", numbers)
"""

from spectro.figures.buildup import draw_buildup
from spectro.figures.correlation import draw_correlation
from spectro.figures.export import save_figure
from spectro.figures.fits import draw_fit
from spectro.figures.kinds import draw_kind
from spectro.figures.layers import draw_layers
from spectro.figures.respdor import draw_respdor
from spectro.figures.saturation import draw_saturation
from spectro.figures.series import draw_series
from spectro.figures.solid_effect import draw_solid_effect
from spectro.figures.spectra import draw_eseem, draw_spectrum
from spectro.figures.style import (
    DOUBLE_COLUMN_IN,
    SINGLE_COLUMN_IN,
    journal_style,
    letter_panels,
    make_figure,
)

__all__ = [
    "DOUBLE_COLUMN_IN",
    "SINGLE_COLUMN_IN",
    "draw_buildup",
    "draw_correlation",
    "draw_eseem",
    "draw_fit",
    "draw_kind",
    "draw_layers",
    "draw_respdor",
    "draw_saturation",
    "draw_series",
    "draw_solid_effect",
    "draw_spectrum",
    "journal_style",
    "letter_panels",
    "make_figure",
    "save_figure",
]
