"""The spectrum, the elements beside it, and the windows of the one that is selected."""

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from napari_nanodope._napari.widgets.element_table import ElementTable
from napari_nanodope._napari.widgets.spectrum_canvas import SpectrumCanvas
from napari_nanodope._napari.widgets.window_boxes import WindowBoxes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_nanodope.core.xray import XrayLine
    from napari_nanodope.io.spectrum import SumSpectrum
    from napari_nanodope.recipe import LineWindows

_NONE = "Chosen particles (none)"


class SpectrumView(QWidget):
    """Canvas, table and numbers that show the same windows."""

    windows_moved = Signal(object)
    added = Signal(str)

    def __init__(self, list_lines: "Callable[[str], Sequence[XrayLine]]") -> None:
        super().__init__()
        self._spectrum: SumSpectrum | None = None
        self.canvas = SpectrumCanvas()
        self.table = ElementTable(list_lines)
        self.boxes = WindowBoxes()
        self.is_log = QCheckBox("Logarithmic")
        self.is_log.setChecked(True)
        self.is_near = QCheckBox("Zoom to the line")
        self.is_near.setToolTip("The wheel zooms, dragging moves, a double click shows everything")
        self.of_chosen = QCheckBox(_NONE)
        self.of_chosen.setToolTip("Draw the spectrum of the chosen particles as well")
        self.is_scaled = QCheckBox("Scaled")
        self.is_scaled.setToolTip("Scale the chosen particles to the pixels of the whole field")
        self.symbol = QLineEdit()
        self.symbol.setPlaceholderText("Another element, as in Zn")
        self.add = QPushButton("Add")
        self._arrange()
        self.is_log.toggled.connect(self._on_log)
        self.is_near.toggled.connect(self._zoom)
        self.canvas.windows_moved.connect(self._on_moved)
        self.boxes.edited.connect(self._on_edited)
        self.add.clicked.connect(self._on_add)
        self.symbol.returnPressed.connect(self._on_add)

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.canvas)
        for row in (
            (self.is_log, self.is_near),
            (self.of_chosen, self.is_scaled),
            (self.table,),
            (self.symbol, self.add),
            (self.boxes,),
        ):
            line = QHBoxLayout()
            for widget in row:
                line.addWidget(widget)
            layout.addLayout(line)

    def show_spectrum(
        self,
        spectrum: "SumSpectrum",
        windows: "LineWindows | None",
        lines: "Sequence[XrayLine]",
        part: "SumSpectrum | None",
        zoom: bool,
    ) -> None:
        """Draw, and where that is asked for and wanted, zoom to the windows."""
        self._spectrum = spectrum
        if part is not None and self.is_scaled.isChecked():
            part = part.scale_to(spectrum.n_pixels)
        self.boxes.set_windows(windows, spectrum.energy)
        self.canvas.show_spectrum(spectrum, windows, lines, part)
        if zoom and self.is_near.isChecked():
            self.canvas.zoom_to_windows()

    def tell_chosen(self, n: int) -> None:
        """Say how many particles are chosen."""
        self.of_chosen.setText(f"Chosen particles ({n})" if n else _NONE)

    def _on_log(self, is_log: bool) -> None:
        self.canvas.is_logarithmic = is_log
        self.canvas.redraw()

    def _zoom(self, is_near: bool) -> None:
        if is_near:
            self.canvas.zoom_to_windows()
        else:
            self.canvas.zoom_out()

    def _on_moved(self, windows: "LineWindows") -> None:
        if self._spectrum is not None:
            self.boxes.set_windows(windows, self._spectrum.energy)
        self.windows_moved.emit(windows)

    def _on_edited(self, windows: "LineWindows") -> None:
        self.canvas.windows = windows
        self.canvas.redraw()
        self.windows_moved.emit(windows)

    def _on_add(self) -> None:
        self.added.emit(self.symbol.text().strip())
        self.symbol.clear()
