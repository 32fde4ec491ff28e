"""Where the dopants sit: against depth, by size class and for the reduced particle."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from qtpy.QtWidgets import QComboBox

from napari_nanodope._napari.widgets.figure_panel import FigurePanel, Picture
from napari_nanodope.core.summary import state_location
from napari_nanodope.figures.picking import Picked, Place, pick_class, pick_reduced
from napari_nanodope.figures.radial import draw_radial, draw_radial_by_class, draw_reduced
from napari_nanodope.figures.style import add_legend, choose_classes, describe_classes
from napari_nanodope.results import FieldResult

if TYPE_CHECKING:
    import napari

_BY_CLASS, _ONE_CLASS, _REDUCED = "by size class", "one size class", "reduced particle"
_N_CLASSES = 5


class ProfilesPanel(FigurePanel):
    """Radial profiles of the last result; a click on a size class chooses its particles."""

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        self.size_class = QComboBox()
        super().__init__(viewer, "profile")
        self.size_class.currentIndexChanged.connect(self.refresh)
        self.choice.currentTextChanged.connect(self._show_choice)
        self._show_choice()

    def make_pictures(self) -> Mapping[str, Picture]:
        """By size class, one of them, or the reduced particle."""
        return {
            _BY_CLASS: Picture(
                lambda figure, result: draw_radial_by_class(figure, result, n_classes=_N_CLASSES),
                _pick_by_class,
                lambda result: len(choose_classes(result, _N_CLASSES)) + 1,
            ),
            _ONE_CLASS: Picture(self._draw_one, self._pick_one),
            _REDUCED: Picture(
                lambda figure, result: draw_reduced(figure.subplots(), result),
                lambda result, _: pick_reduced(result),
            ),
        }

    def extras(self) -> list[Any]:
        """The choice of one size class."""
        return [self.size_class]

    def describe(self, result: FieldResult) -> list[str]:
        """Where the dopant sits, with the interval."""
        return [*result.summary["statements"][:1], *state_location(result.summary)]

    def settings(self) -> tuple[Any, ...]:
        """The size class, where one is drawn."""
        is_one = self.choice.currentText() == _ONE_CLASS
        return (self.size_class.currentData() if is_one else None,)

    def show_result(self, result: FieldResult | None) -> None:
        """List the size classes of another result; the one that was chosen is kept if it is there.

        At first it is the one with the most dopants.
        """
        super().show_result(result)
        classes = {} if result is None else describe_classes(result)
        wanted = self.size_class.currentData()
        if wanted not in classes and result is not None:
            wanted = next(iter(choose_classes(result, 1)), None)
        blocked = self.size_class.blockSignals(True)
        self.size_class.clear()
        for size_class, text in classes.items():
            self.size_class.addItem(text, size_class)
        self.size_class.setCurrentIndex(self.size_class.findData(wanted))
        self.size_class.blockSignals(blocked)

    def _show_choice(self) -> None:
        self.size_class.setVisible(self.choice.currentText() == _ONE_CLASS)

    def _draw_one(self, figure: Figure, result: FieldResult) -> None:
        ax = figure.subplots()
        draw_radial(ax, result, size_class=self.size_class.currentData())
        add_legend(figure, ax)

    def _pick_one(self, result: FieldResult, place: Place) -> Picked | None:
        size_class = self.size_class.currentData()
        return None if size_class is None else pick_class(result, size_class)


def _pick_by_class(result: FieldResult, place: Place) -> Picked | None:
    classes = choose_classes(result, _N_CLASSES)
    if place.panel < len(classes):
        return pick_class(result, classes[place.panel])
    return pick_reduced(result)
