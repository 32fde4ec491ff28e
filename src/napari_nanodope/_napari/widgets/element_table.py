"""Elements with a tick each for being mapped, and the line by which."""

from collections.abc import Callable, Sequence
from functools import partial

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
)

from napari_nanodope._napari.mapping import LineChoice
from napari_nanodope.core.xray import XrayLine

_BY_HAND = "by hand"
_N_ROWS = 6  # in sight


class ElementTable(QTableWidget):
    """One row per element; what is changed is told, and changes nothing by itself."""

    ticked = Signal(str, bool)
    line_chosen = Signal(str, str)
    selected = Signal(str)

    def __init__(self, list_lines: Callable[[str], Sequence[XrayLine]]) -> None:
        super().__init__(0, 3)
        self._list_lines = list_lines
        self._ticks: dict[str, QTableWidgetItem] = {}
        self._combos: dict[str, QComboBox] = {}
        self.setHorizontalHeaderLabels(["Map", "Line", "Spectrum shows"])
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setWordWrap(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        across, down = self.horizontalHeader(), self.verticalHeader()
        assert across is not None and down is not None
        for column in (0, 1):
            across.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        across.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        down.hide()
        self.setFixedHeight((_N_ROWS + 1) * down.defaultSectionSize())
        self.itemChanged.connect(self._on_item)
        self.itemSelectionChanged.connect(self._on_selected)

    @property
    def symbol(self) -> str:
        """Element of the row that is selected, or nothing."""
        row = self.currentRow()
        return next((s for s, item in self._ticks.items() if item.row() == row), "")

    def set_choices(self, choices: Sequence[LineChoice]) -> None:
        """Show elements; the one selected stays so where it is still there."""
        before = self.symbol
        blocked = self.blockSignals(True)
        self._ticks, self._combos = {}, {}
        self.setRowCount(len(choices))
        for row, choice in enumerate(choices):
            self._fill(row, choice)
        if choices:
            self.selectRow(self._ticks[before].row() if before in self._ticks else 0)
        self.blockSignals(blocked)

    def set_choice(self, choice: LineChoice) -> None:
        """Show the line of an element that is in the table."""
        self._fill_combo(choice)

    def select(self, symbol: str) -> None:
        """Select the row of an element."""
        self.selectRow(self._ticks[symbol].row())

    def tick(self, symbol: str, is_mapped: bool) -> None:
        """Tick an element, as a click does."""
        self._ticks[symbol].setCheckState(_to_state(is_mapped))

    def combo(self, symbol: str) -> QComboBox:
        """Lines of an element to choose from."""
        return self._combos[symbol]

    def _fill(self, row: int, choice: LineChoice) -> None:
        item = QTableWidgetItem(choice.symbol)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(_to_state(choice.is_mapped))
        note = QTableWidgetItem(choice.note)
        note.setToolTip(choice.note)
        self.setItem(row, 0, item)
        self._ticks[choice.symbol] = item
        self.setItem(row, 2, note)
        combo = self._combos[choice.symbol] = QComboBox()
        self._fill_combo(choice)
        combo.activated.connect(partial(self._on_line, choice.symbol))
        self.setCellWidget(row, 1, combo)

    def _fill_combo(self, choice: LineChoice) -> None:
        combo = self._combos[choice.symbol]
        combo.clear()
        combo.addItem(f"automatic ({choice.used})" if choice.used else "automatic", "")
        for line in self._list_lines(choice.symbol):
            combo.addItem(f"{line.name}  {line.energy_keV:.2f} keV", line.name)
        if choice.windows is not None:
            combo.addItem(f"{choice.windows.line}, by hand", _BY_HAND)
        chosen = _BY_HAND if choice.windows is not None else choice.line
        combo.setCurrentIndex(max(combo.findData(chosen), 0))

    def _on_item(self, item: QTableWidgetItem) -> None:
        if item.column() == 0:
            self.ticked.emit(item.text(), item.checkState() == Qt.CheckState.Checked)

    def _on_line(self, symbol: str, *_: object) -> None:
        chosen = str(self._combos[symbol].currentData())
        if chosen != _BY_HAND:
            self.line_chosen.emit(symbol, chosen)

    def _on_selected(self) -> None:
        if self.symbol:
            self.selected.emit(self.symbol)


def _to_state(is_mapped: bool) -> Qt.CheckState:
    return Qt.CheckState.Checked if is_mapped else Qt.CheckState.Unchecked
