"""What the panels of figures share: a choice of pictures, a canvas, and clicks that choose."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QLabel

from napari_nanodope._napari.widgets.canvas import Canvas
from napari_nanodope._napari.widgets.form import StageForm
from napari_nanodope._napari.widgets.panel import Panel
from napari_nanodope.figures.picking import Picked, Place
from napari_nanodope.results import FieldResult

if TYPE_CHECKING:
    import napari

NO_RESULT = "Measure first: the Count tab."
_HINT = "Click in the figure to choose its particles in the picture, with shift more of them."


@dataclass(frozen=True, slots=True)
class Picture:
    """One of the figures of a panel.

    Attributes
    ----------
    draw : callable
        Draws a result into an empty figure.
    pick : callable
        Particles of a result at a place in that figure, or None.
    count : callable
        Panels that the figure of a result has.
    """

    draw: Callable[[Figure, FieldResult], Any]
    pick: Callable[[FieldResult, Place], Picked | None]
    count: Callable[[FieldResult], int] = lambda _: 1


class FigurePanel(Panel):
    """Figures of the last result above its numbers; they are drawn only while they can be seen.

    Parameters
    ----------
    viewer : napari.Viewer
        Its session's result is shown.
    stage : str
        Stage of the recipe whose settings the panel has.
    """

    stale_note = (
        "Outlines or settings have changed: this is what was measured before. Measure again in the "
        "Count tab."
    )

    def __init__(self, viewer: "napari.viewer.Viewer", stage: str) -> None:
        super().__init__(viewer)
        self._stage = stage
        self._result: FieldResult | None = None
        self._drawn: tuple[Any, ...] = ()
        self._pictures = self.make_pictures()
        self.form = StageForm(stage)
        self.choice = QComboBox()
        self.choice.addItems(list(self._pictures))
        self.note, self.about, hint = QLabel(), QLabel(), QLabel(_HINT)
        for label in (self.note, self.about, hint):
            label.setWordWrap(True)
        self.note.setStyleSheet("font-weight: bold")
        self.canvas = Canvas()
        self.fill(self.form, self.choice, *self.extras(), self.note, self.canvas, hint, self.about)
        self.form.changed.connect(self._on_changed)
        self.choice.currentTextChanged.connect(self.refresh)
        self.canvas.clicked.connect(self._on_clicked)
        later = Qt.ConnectionType.QueuedConnection  # a height set in a resize event would be lost
        self.canvas.resized.connect(self.refresh, later)
        self.follow(self.session.recipe_changed, self._show_recipe)
        self.follow(self.session.result_changed, self.refresh)
        self._show_recipe()

    # What a panel says of itself

    def make_pictures(self) -> Mapping[str, Picture]:
        """The figures by name, in the order of the choice."""
        raise NotImplementedError

    def extras(self) -> list[Any]:
        """Widgets between the choice and the figure."""
        return []

    def shown_result(self) -> FieldResult | None:
        """The result to draw."""
        return self.session.result

    def describe(self, result: FieldResult) -> list[str]:
        """Sentences beneath the figure."""
        raise NotImplementedError

    def settings(self) -> tuple[Any, ...]:
        """What else the figure depends on; it is drawn again when that changes."""
        return ()

    # Drawing

    def refresh(self, *_: Any) -> None:
        """Draw what has changed, if anyone can see it."""
        if not self.isVisible():
            return
        result = self.session.result
        is_stale = result is not None and self.attempt(lambda: self.session.is_stale)
        self.note.setText(self.stale_note if is_stale else "")
        self.note.setVisible(bool(is_stale))
        if not self._drawn or result is not self._result:
            self._result, self._drawn = result, ()
            self.show_result(result)
        picture = self._pictures[self.choice.currentText()]
        n_panels = 1 if result is None else picture.count(result)
        wanted = (picture, self.canvas.count_rows(n_panels), self.settings())
        if wanted == self._drawn:
            return
        self._drawn = wanted
        shown = self.shown_result()
        if shown is None:
            self.canvas.say(NO_RESULT)
        else:
            self.canvas.show_figure(lambda figure: picture.draw(figure, shown), n_panels)

    def show_result(self, result: FieldResult | None) -> None:
        """Show the numbers of another result; the figure follows."""
        self.tell("")
        self.about.setText("" if result is None else "\n".join(self.describe(result)))

    def showEvent(self, event: Any) -> None:
        """Catch up with what happened while the panel was hidden."""
        super().showEvent(event)
        self.refresh()

    # Choosing

    def _on_clicked(self, place: Place, is_adding: bool) -> None:
        self.attempt(lambda: self._choose(place, is_adding))

    def _choose(self, place: Place, is_adding: bool) -> None:
        """Choose the particles of a place in the figure."""
        if self._result is None:
            return
        picked = self._drawn[0].pick(self._result, place)
        if picked is not None:
            self.choose(picked, is_adding=is_adding)

    def choose(self, picked: Picked, *, is_adding: bool = False) -> None:
        """Choose particles in the picture, and tell how many and of which size."""
        session = self.session
        before = session.chosen if is_adding else ()
        session.choose(tuple(dict.fromkeys([*before, *picked.labels])))
        said = [f"{'Added' if is_adding else 'Chosen'}: {picked.text}."]
        if is_adding:
            said.append(f"{len(session.chosen)} are chosen in all.")
        n_gone = len(set(picked.labels) - set(session.chosen))
        if n_gone:
            said.append(f"{n_gone} of them are no longer there.")
        self.tell(" ".join(said))

    # Settings

    def _on_changed(self) -> None:
        self.attempt(self._take_values)

    def _take_values(self) -> None:
        recipe = self.session.recipe
        self.session.set_recipe(recipe.model_copy(update={self._stage: self.form.stage()}))

    def _show_recipe(self) -> None:
        self.form.set_stage(getattr(self.session.recipe, self._stage))
