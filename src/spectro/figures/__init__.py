"""Figures of spectra and fits: each function draws artists and returns the numbers drawn.

Names are loaded when they are first used.

Examples
--------
>>> from spectro import figures
>>> with figures.journal_style():  # doctest: +SKIP
...     figure = figures.make_figure(figures.SINGLE_COLUMN_IN, 2.6)
...     numbers = figures.draw_fit(figure, fit)
...     figures.save_figure(figure, "figures/24h", numbers)
"""

from typing import TYPE_CHECKING

from lazy_loader import attach

if TYPE_CHECKING:
    from spectro.figures.buildup import draw_buildup as draw_buildup
    from spectro.figures.correlation import draw_correlation as draw_correlation
    from spectro.figures.export import save_figure as save_figure
    from spectro.figures.fits import draw_fit as draw_fit
    from spectro.figures.kinds import draw_kind as draw_kind
    from spectro.figures.layers import draw_layers as draw_layers
    from spectro.figures.respdor import draw_respdor as draw_respdor
    from spectro.figures.saturation import draw_saturation as draw_saturation
    from spectro.figures.series import draw_series as draw_series
    from spectro.figures.solid_effect import draw_solid_effect as draw_solid_effect
    from spectro.figures.spectra import draw_eseem as draw_eseem
    from spectro.figures.spectra import draw_spectrum as draw_spectrum
    from spectro.figures.style import DOUBLE_COLUMN_IN as DOUBLE_COLUMN_IN
    from spectro.figures.style import SINGLE_COLUMN_IN as SINGLE_COLUMN_IN
    from spectro.figures.style import journal_style as journal_style
    from spectro.figures.style import letter_panels as letter_panels
    from spectro.figures.style import make_figure as make_figure

__getattr__, __dir__, __all__ = attach(
    __name__,
    submod_attrs={
        "buildup": ["draw_buildup"],
        "correlation": ["draw_correlation"],
        "export": ["save_figure"],
        "fits": ["draw_fit"],
        "kinds": ["draw_kind"],
        "layers": ["draw_layers"],
        "respdor": ["draw_respdor"],
        "saturation": ["draw_saturation"],
        "series": ["draw_series"],
        "solid_effect": ["draw_solid_effect"],
        "spectra": ["draw_eseem", "draw_spectrum"],
        "style": [
            "DOUBLE_COLUMN_IN",
            "SINGLE_COLUMN_IN",
            "journal_style",
            "letter_panels",
            "make_figure",
        ],
    },
)
