"""A figure in a panel: white as on paper, as wide as the dock, with places to click on."""

from collections.abc import Callable
from typing import Any

from matplotlib.backend_bases import MouseButton, MouseEvent
from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QSizePolicy

from napari_nanodope.figures.picking import Place
from napari_nanodope.figures.style import count_rows, draw_nothing, journal_style

_DPI = 110  # at which the small type of journals is read as easily as the viewer's
_ONE_PANEL_IN, _ROW_IN, _LEGEND_IN = 2.3, 1.7, 0.25


class Canvas(FigureCanvasQTAgg):
    """A figure in the package's style; its height follows from the rows of panels it holds."""

    clicked = Signal(object, bool)
    """Place that was clicked on, and whether with shift."""
    resized = Signal()

    def __init__(self) -> None:
        figure = Figure(dpi=_DPI, layout="constrained", facecolor="white")
        super().__init__(figure)  # type: ignore[no-untyped-call]
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.mpl_connect("button_press_event", self._on_press)

    def count_rows(self, n_panels: int) -> int:
        """Rows in which so many panels are arranged at the width that there is."""
        return count_rows(n_panels, self.figure.get_figwidth())

    def show_figure(
        self, draw: Callable[[Figure], Any], n_panels: int = 1, *, height_in: float | None = None
    ) -> None:
        """Replace what is shown.

        Parameters
        ----------
        draw : callable
            Given the empty figure.
        n_panels : int, optional
            Panels that it will draw.
        height_in : float, optional
            Height; by default that of so many panels.
        """
        if height_in is None:
            rows = self.count_rows(n_panels)
            height_in = _ONE_PANEL_IN if n_panels == 1 else rows * _ROW_IN + _LEGEND_IN
        self.setFixedHeight(round(height_in * _DPI))
        self.figure.clear()
        with journal_style():
            draw(self.figure)
        self.draw_idle()  # type: ignore[no-untyped-call]

    def say(self, sentence: str) -> None:
        """Show a sentence in place of a figure."""
        self.show_figure(lambda figure: draw_nothing(figure.subplots(), sentence))

    def draw(self) -> None:
        """Render the figure; matplotlib looks up some of the style only now."""
        with journal_style():
            super().draw()  # type: ignore[no-untyped-call]

    def resizeEvent(self, event: Any) -> None:
        """Lay the figure out anew."""
        super().resizeEvent(event)  # type: ignore[no-untyped-call]
        self.resized.emit()

    def wheelEvent(self, event: Any) -> None:
        """Leave the wheel to the panel, which scrolls."""
        event.ignore()

    def _on_press(self, event: Any) -> None:
        """Tell which panel was clicked on, its title and the labels of its axes included."""
        if not isinstance(event, MouseEvent) or event.button != MouseButton.LEFT:
            return
        is_adding = "shift" in event.modifiers
        for panel, ax in enumerate(self.figure.axes):
            if event.inaxes is ax:
                self.clicked.emit(Place(panel, event.xdata, event.ydata), is_adding)
                return
        for panel, ax in enumerate(self.figure.axes):
            box = ax.get_tightbbox()
            if box is not None and box.contains(event.x, event.y):
                self.clicked.emit(Place(panel), is_adding)
                return
