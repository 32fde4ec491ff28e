"""Fields of a project in a table: what is known of each, and which is shown."""

from collections.abc import Sequence

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
)

from napari_nanodope.acquisitions import FieldState, ProjectField

_COLUMNS = ("Field", "Status", "Note")
_N_ROWS = 9  # in sight
_COLOURS = {"curated": "#5fbf77", "rejected": "#d98c4a"}
_PROBLEM = "#ff6f61"


class FieldTable(QTableWidget):
    """One row per field; a double click or Enter asks for it to be opened."""

    chosen = Signal(str)
    """A row was selected by a person."""
    asked = Signal(str)
    """A field is to be opened."""

    def __init__(self) -> None:
        super().__init__(0, len(_COLUMNS))
        self._names: list[str] = []
        self._rows: list[tuple[str, FieldState, bool]] = []
        self.setHorizontalHeaderLabels(list(_COLUMNS))
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setWordWrap(False)
        across, down = self.horizontalHeader(), self.verticalHeader()
        assert across is not None and down is not None
        across.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        across.setHighlightSections(False)
        down.hide()
        self.setMinimumHeight((_N_ROWS + 1) * down.defaultSectionSize())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.itemSelectionChanged.connect(self._on_selected)
        self.cellActivated.connect(self._on_activated)

    @property
    def names(self) -> list[str]:
        """Names of the fields from top to bottom."""
        return list(self._names)

    def show_fields(
        self, fields: Sequence[tuple[ProjectField, FieldState]], shown: str, chosen: str
    ) -> None:
        """Fill the table.

        Parameters
        ----------
        fields : sequence of (ProjectField, FieldState)
            From top to bottom.
        shown, chosen : str
            Names of the field in the viewer and of that whose row is selected, where they are here.
        """
        blocked = self.blockSignals(True)
        self.clearSelection()
        self._names = [one.name for one, _ in fields]
        self.setRowCount(len(fields))
        before = self._rows
        self._rows = [(one.name, state, one.name == shown) for one, state in fields]
        for row, told in enumerate(self._rows):
            if row >= len(before) or before[row] != told:
                self._fill(row, *told)
        for column in (0, 1):  # once, for a header that does it at every item takes seconds
            self.resizeColumnToContents(column)
        if chosen in self._names:
            self.selectRow(self._names.index(chosen))
        self.blockSignals(blocked)

    def _fill(self, row: int, name: str, state: FieldState, is_shown: bool) -> None:
        due = f"to measure ({state.reason})" if state.is_due else state.reason
        for column, text in enumerate((name, state.status, state.problem or due)):
            item = QTableWidgetItem(text)
            font = item.font()
            font.setBold(is_shown)
            item.setFont(font)
            item.setToolTip(state.problem or text)
            colour = _PROBLEM if column and state.problem else _COLOURS.get(state.status)
            if column and colour:
                item.setForeground(QBrush(QColor(colour)))
            self.setItem(row, column, item)

    def _on_selected(self) -> None:
        if 0 <= self.currentRow() < len(self._names):
            self.chosen.emit(self._names[self.currentRow()])

    def _on_activated(self, row: int, _: int) -> None:
        self.asked.emit(self._names[row])
