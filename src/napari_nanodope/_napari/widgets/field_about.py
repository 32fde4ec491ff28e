"""What a field and its file are, in words and a table."""

from typing import TYPE_CHECKING

from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_nanodope.io.signals import Signal
    from napari_nanodope.model import FieldOfView

_COLUMNS = ("Signal", "Kind", "Shape", "Calibration", "Used as")
_N_ROWS = 4  # in sight


class FieldAbout(QWidget):
    """File, calibration, maps and warnings of a field, and the signals of its file."""

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.text, self.warnings = QLabel(), QLabel()
        self.signals = QTableWidget(0, len(_COLUMNS))
        self.signals.setHorizontalHeaderLabels(list(_COLUMNS))
        self.signals.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        across, down = self.signals.horizontalHeader(), self.signals.verticalHeader()
        assert across is not None and down is not None
        across.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        across.setStretchLastSection(True)
        down.hide()
        self._row_px = down.defaultSectionSize()
        as_high_as_needed = QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum
        self.setSizePolicy(*as_high_as_needed)
        for label in (self.text, self.warnings):
            label.setWordWrap(True)
            label.setSizePolicy(*as_high_as_needed)
        for widget in (self.text, self.signals, self.warnings):
            layout.addWidget(widget)
        self.show_field(None)
        self.show_signals(())

    def show_field(self, field: "FieldOfView | None") -> None:
        """Show what is known of a field without its file."""
        self.text.setText("No field is shown yet." if field is None else describe_field(field))
        self.text.setToolTip(field.source.path if field is not None and field.source else "")
        warnings = field.warnings if field is not None else ()
        self.warnings.setText("\n".join(warnings))
        self.warnings.setVisible(bool(warnings))

    def show_signals(self, signals: "Sequence[Signal]") -> None:
        """Show what the file holds; why a signal is used or not is its tool tip."""
        self.signals.setVisible(bool(signals))
        self.signals.setRowCount(len(signals))
        self.signals.setFixedHeight((min(len(signals), _N_ROWS) + 2) * self._row_px)
        for row, signal in enumerate(signals):
            for column, text in enumerate(_describe_signal(signal)):
                item = QTableWidgetItem(text)
                item.setToolTip(f"{text}\n{signal.reason}")
                self.signals.setItem(row, column, item)


def describe_field(field: "FieldOfView") -> str:
    """File, size, survey and maps of a field in a few lines."""
    (rows, columns), (dy, dx) = field.shape, field.pixel_size_nm
    source = field.source
    name = source.path.replace("\\", "/").rsplit("/", 1)[-1] if source else ""
    survey = "image" if field.survey_kind == "image" else "sum of X-ray counts"
    maps = [f"{symbol} {counts.sum(dtype=float):,.0f}" for symbol, counts in field.maps.items()]
    size = f"{dy:g} nm" if dy == dx else f"{dy:g} x {dx:g} nm"
    return "\n".join(
        [
            f"{name or 'No file'} ({source.reader})" if source else "No file",
            f"{rows} x {columns} pixels of {size}; survey: {survey}",
            f"Net counts: {'; '.join(maps)}" if maps else "No element is mapped.",
        ]
    )


def _describe_signal(signal: "Signal") -> tuple[str, ...]:
    size, energy = signal.pixel_size_nm, signal.energy
    parts = [
        f"{size[0]:g} x {size[1]:g} nm" if size else "",
        f"{energy.offset_keV:.2f} to {energy.end_keV:.2f} keV" if energy else "",
    ]
    shape = " x ".join(map(str, signal.shape))
    return signal.name, signal.kind, shape, ", ".join(filter(None, parts)), signal.use or "not used"
