"""How many dopants a nanocrystal holds, beside what other methods say; and how large it is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from qtpy.QtWidgets import QPushButton

from napari_nanodope._napari.widgets.figure_panel import NO_RESULT, FigurePanel, Picture
from napari_nanodope.core.summary import state_occupancy
from napari_nanodope.figures.dopants import draw_dopants, draw_dopants_by_class
from napari_nanodope.figures.picking import (
    Picked,
    Place,
    pick_diameters,
    pick_dopants,
    pick_undoped,
)
from napari_nanodope.figures.sizes import draw_sizes
from napari_nanodope.figures.style import add_legend, choose_classes
from napari_nanodope.results import FieldResult

if TYPE_CHECKING:
    import napari

_N_CLASSES = 6


class OccupancyPanel(FigurePanel):
    """Histograms of the last result; a click on a bar chooses its particles."""

    stale_note = (
        "Outlines or settings have changed: this is what was measured before, with the lines of "
        "the concentrations given now. Measure again in the Count tab."
    )

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        self.undoped = QPushButton("Choose undoped particles")
        self.undoped.setToolTip("Included particles without any pixel above the threshold")
        super().__init__(viewer, "expect")
        self.undoped.clicked.connect(self.choose_undoped)

    def make_pictures(self) -> Mapping[str, Picture]:
        """Dopants of all, dopants by size class, or diameters."""
        return {
            "dopants per particle": Picture(_draw_all, pick_dopants),
            "dopants by size class": Picture(
                lambda figure, result: draw_dopants_by_class(figure, result, n_classes=_N_CLASSES),
                _pick_by_class,
                lambda result: max(len(choose_classes(result, _N_CLASSES)), 1),
            ),
            "diameters": Picture(
                lambda figure, result: draw_sizes(figure.subplots(), result), pick_diameters
            ),
        }

    def extras(self) -> list[Any]:
        """The particles that one asks for most, whose bar may hold others too."""
        return [self.undoped]

    def shown_result(self) -> FieldResult | None:
        """The last result with the concentrations given now, which are no more than lines in it."""
        result = self.session.result
        if result is None:
            return None
        recipe = result.recipe.model_copy(update={"expect": self.session.recipe.expect})
        return replace(result, recipe=recipe)

    def describe(self, result: FieldResult) -> list[str]:
        """Mean number of dopants and undoped fraction, with their intervals."""
        return [*result.summary["statements"][:1], *state_occupancy(result.summary)]

    def settings(self) -> tuple[Any, ...]:
        """The concentrations to draw."""
        return (self.session.recipe.expect,)

    def choose_undoped(self) -> None:
        """Choose the included particles without a dopant pixel."""
        result = self.session.result
        picked = None if result is None else pick_undoped(result)
        if picked is not None:
            self.attempt(lambda: self.choose(picked))
        else:
            self.tell(NO_RESULT if result is None else "No included particle is undoped.")


def _draw_all(figure: Figure, result: FieldResult) -> None:
    ax = figure.subplots()
    draw_dopants(ax, result)
    add_legend(figure, ax)


def _pick_by_class(result: FieldResult, place: Place) -> Picked | None:
    classes = choose_classes(result, _N_CLASSES)
    if place.panel >= len(classes):
        return pick_dopants(result, place)
    return pick_dopants(result, place, size_class=classes[place.panel])
