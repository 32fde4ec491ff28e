"""Figures of a result: each function draws matplotlib artists and returns the numbers drawn.

Names are loaded when they are first used.
"""

from typing import TYPE_CHECKING

from lazy_loader import attach

if TYPE_CHECKING:
    from napari_nanodope.figures.dopants import draw_dopants as draw_dopants
    from napari_nanodope.figures.dopants import draw_dopants_by_class as draw_dopants_by_class
    from napari_nanodope.figures.export import save_figures as save_figures
    from napari_nanodope.figures.joint import draw_buildup_times as draw_buildup_times
    from napari_nanodope.figures.joint import draw_concentrations as draw_concentrations
    from napari_nanodope.figures.joint import draw_enhancement as draw_enhancement
    from napari_nanodope.figures.joint import draw_incorporation as draw_incorporation
    from napari_nanodope.figures.joint import draw_relaxation as draw_relaxation
    from napari_nanodope.figures.joint import draw_surface_fraction as draw_surface_fraction
    from napari_nanodope.figures.maps import draw_maps as draw_maps
    from napari_nanodope.figures.radial import draw_radial as draw_radial
    from napari_nanodope.figures.radial import draw_radial_by_class as draw_radial_by_class
    from napari_nanodope.figures.radial import draw_reduced as draw_reduced
    from napari_nanodope.figures.sizes import draw_sizes as draw_sizes
    from napari_nanodope.figures.spectrum import draw_spectrum as draw_spectrum
    from napari_nanodope.figures.style import journal_style as journal_style

__getattr__, __dir__, __all__ = attach(
    __name__,
    submod_attrs={
        "dopants": ["draw_dopants", "draw_dopants_by_class"],
        "export": ["save_figures"],
        "joint": [
            "draw_buildup_times",
            "draw_concentrations",
            "draw_enhancement",
            "draw_incorporation",
            "draw_relaxation",
            "draw_surface_fraction",
        ],
        "maps": ["draw_maps"],
        "radial": ["draw_radial", "draw_radial_by_class", "draw_reduced"],
        "sizes": ["draw_sizes"],
        "spectrum": ["draw_spectrum"],
        "style": ["journal_style"],
    },
)
