"""Windows of a line as numbers: from and to, and which sides have background."""

from functools import partial

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QCheckBox, QDoubleSpinBox, QGridLayout, QLabel, QWidget

from napari_nanodope._napari.window_edges import SIDES, Edge, Side, move_edge, toggle_side
from napari_nanodope.core.xray import EnergyAxis
from napari_nanodope.recipe import LineWindows

_NAMES: dict[Side, str] = {
    "below_keV": "Background below",
    "window_keV": "Line (keV)",
    "above_keV": "Background above",
}
_MEANING = "From here to there the net counts of the line are taken, less the background beside it."


class WindowBoxes(QWidget):
    """Two numbers per window; each moves as far as its neighbours let it."""

    edited = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._windows: LineWindows | None = None
        self._axis: EnergyAxis | None = None
        self.boxes: dict[tuple[Side, int], QDoubleSpinBox] = {}
        self.ticks: dict[Side, QCheckBox] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        for row, side in enumerate(SIDES):
            if side == "window_keV":
                grid.addWidget(QLabel(_NAMES[side]), row, 0)
            else:
                tick = self.ticks[side] = QCheckBox(_NAMES[side])
                tick.clicked.connect(partial(self._toggle, side))
                grid.addWidget(tick, row, 0)
            for end in (0, 1):
                box = self.boxes[side, end] = QDoubleSpinBox()
                box.setDecimals(3)
                box.setRange(-1e3, 1e3)
                box.setKeyboardTracking(False)
                box.setToolTip(_MEANING)
                box.valueChanged.connect(partial(self._move, side, end))
                grid.addWidget(box, row, 1 + end)
        self.set_windows(None, None)

    def set_windows(self, windows: LineWindows | None, axis: EnergyAxis | None) -> None:
        """Show windows on a spectrum; that is no edit."""
        self._windows, self._axis = windows, axis
        self.setEnabled(windows is not None and axis is not None)
        for side in SIDES:
            ends = getattr(windows, side, None)
            if side in self.ticks:
                self.ticks[side].setChecked(ends is not None)
            for end in (0, 1):
                box = self.boxes[side, end]
                blocked = box.blockSignals(True)
                box.setEnabled(ends is not None)
                box.setSpecialValueText(" " if ends is None else "")
                box.setValue(box.minimum() if ends is None else ends[end])
                if axis is not None:
                    box.setSingleStep(axis.step_keV)
                box.blockSignals(blocked)

    def _move(self, side: Side, end: int, value: float) -> None:
        if self._windows is not None and self._axis is not None:
            self._take(move_edge(self._windows, Edge(side, end, value), value, self._axis))

    def _toggle(self, side: Side, *_: object) -> None:
        if self._windows is not None and self._axis is not None:
            self._take(toggle_side(self._windows, side, self._axis))

    def _take(self, windows: LineWindows) -> None:
        is_new = windows != self._windows
        self.set_windows(windows, self._axis)
        if is_new:
            self.edited.emit(windows)
