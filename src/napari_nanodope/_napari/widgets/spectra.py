"""Spectra of a sample, and the fits of them, beside its microscopy."""

from functools import partial
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QLabel,
    QListWidget,
    QTableWidget,
    QTableWidgetItem,
)

from napari_nanodope._napari.review import review_of
from napari_nanodope._napari.sample_spectra import (
    Entry,
    Loaded,
    describe,
    draw_loaded,
    list_entries,
    list_numbers,
    load_entry,
)
from napari_nanodope._napari.widgets.canvas import Canvas
from napari_nanodope._napari.widgets.panel import Panel
from napari_nanodope.figures.style import draw_nothing
from napari_nanodope.model import InputError

if TYPE_CHECKING:
    import napari
    from matplotlib.figure import Figure

    from napari_nanodope.project import Project

_NO_PROJECT = "Open a project first: the Project tab."
_NO_SPECTRA = "No spectra of this sample are in the project."
_UNREADABLE, _UNDRAWABLE = "This cannot be read.", "This cannot be drawn."
_READING, _CANCELLED = "Reading...", "Cancelled; click on one in the list to read it."
_COLUMNS = ("Quantity", "Value", "Interval of 95 %", "Unit")
_N_ENTRIES, _N_NUMBERS = 5, 8  # in sight
_HEIGHT_IN = 3.0


class SpectraPanel(Panel):
    """Measurements and fits of a sample, which is that of the field unless another is chosen."""

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__(viewer)
        self.review = review_of(viewer)
        self.loaded: Loaded | None = None
        self._reason = ""
        self._listed: tuple[Project, str] | None = None
        self._entries: list[Entry] = []
        self.sample, self.part = QComboBox(), QComboBox()
        self.sample.currentIndexChanged.connect(self.refresh)
        self.part.currentIndexChanged.connect(self._draw)
        self.list = QListWidget()
        self.list.setFixedHeight(_N_ENTRIES * self.list.fontMetrics().lineSpacing() + 12)
        self.list.currentRowChanged.connect(self._load)
        self.list.itemClicked.connect(self._load_again)
        self.canvas = Canvas()
        later = Qt.ConnectionType.QueuedConnection  # a height set in a resize event would be lost
        self.canvas.resized.connect(self._draw, later)
        self.table = _make_table()
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.fill(self.sample, self.list, self.part, self.canvas, self.table, self.about)
        self._layout.addStretch(1)
        self.follow(self.review.changed, self._show_samples)
        self.follow(self.review.turned, self._follow_field)
        self.follow(self.session.field_changed, self._follow_field)
        self._show_samples()

    def showEvent(self, event: Any) -> None:
        """Catch up with what happened while the panel was hidden."""
        super().showEvent(event)
        self.refresh()

    # The sample

    def _show_samples(self) -> None:
        queue = self.review.queue
        ids = [] if queue is None else [one.id for one in queue.project.samples]
        if ids != [self.sample.itemText(n) for n in range(self.sample.count())]:
            blocked = self.sample.blockSignals(True)
            self.sample.clear()
            self.sample.addItems(ids)
            self.sample.blockSignals(blocked)
            self._follow_field()
        self.refresh()

    def _follow_field(self) -> None:
        """Turn to the sample of the field that is worked on, if the project has it."""
        field = self.session.field
        place = -1 if field is None else self.sample.findText(field.sample_id)
        if place >= 0:
            self.sample.setCurrentIndex(place)

    # What there is of it

    def refresh(self, *_: Any) -> None:
        """List and show what there is, if anyone can see it."""
        if not self.isVisible():
            return
        queue, sample_id = self.review.queue, self.sample.currentText()
        wanted = None if queue is None or not sample_id else (queue.project, sample_id)
        if wanted is None:
            self._listed, self.loaded = None, None
            self._show_entries([])
        elif self._listed is None or wanted[0] is not self._listed[0] or wanted != self._listed:
            self._listed, self.loaded = wanted, None
            self._show_entries([])  # those of the sample before are not taken for its own
            self.run(lambda *_: list_entries(*wanted), self._show_entries)
            self._draw()

    def cancel(self) -> None:
        """Give up what is read; what was shown before is no longer what is chosen."""
        was_at_work = self.job is not None
        super().cancel()
        if was_at_work:
            self._listed = self._listed if self._entries else None  # to be listed when seen again
            self._show(None, _CANCELLED if self._entries else "Cancelled.")

    def _stop(self) -> None:
        if self.job is not None:
            self.job.cancel()  # of what nobody waits for any more

    def _show_entries(self, entries: list[Entry]) -> None:
        self._entries = entries
        blocked = self.list.blockSignals(True)
        self.list.clear()
        self.list.addItems([one.text for one in entries])
        self.list.setCurrentRow(0 if entries else -1)
        self.list.blockSignals(blocked)
        self._load(self.list.currentRow())

    def _load(self, row: int) -> None:
        self.tell("")
        self._stop()
        if not 0 <= row < len(self._entries):
            self._show(None)
            return
        entry = self._entries[row]
        self.run(lambda *_: load_entry(entry), self._show)
        job = self.job
        if job is not None:
            job.failed.connect(partial(self._show, None, _UNREADABLE))

    def _load_again(self, *_: Any) -> None:
        """Read what is chosen already, where that was cancelled or went wrong."""
        if self.loaded is None and self.job is None:
            self._load(self.list.currentRow())

    def _show(self, loaded: Loaded | None, reason: str = "", *_: Any) -> None:
        self.loaded, self._reason = loaded, reason
        blocked = self.part.blockSignals(True)
        self.part.clear()
        self.part.addItems([] if loaded is None else loaded.parts)
        self.part.blockSignals(blocked)
        self.part.setVisible(self.part.count() > 1)
        fit = None if loaded is None else loaded.fit
        self.about.setText("" if loaded is None else "\n".join(describe(loaded)))
        rows = [] if fit is None else list_numbers(fit)
        self.table.setVisible(bool(rows))
        self.table.setRowCount(len(rows))
        for row, one in enumerate(rows):
            for column, text in enumerate((one.quantity, one.value, one.interval, one.unit)):
                item = QTableWidgetItem(text)
                item.setToolTip(one.name)
                self.table.setItem(row, column, item)
        self._draw()

    def _draw(self, *_: Any) -> None:
        if not self.isVisible():
            return
        loaded = self.loaded
        if loaded is None:
            nothing = _NO_SPECTRA if self.job is None else _READING
            nothing = _NO_PROJECT if self._listed is None else nothing
            self.canvas.say(self._reason or nothing)
            return
        part = max(self.part.currentIndex(), 0)
        self.canvas.show_figure(
            lambda figure: self._draw_into(figure, loaded, part), height_in=_HEIGHT_IN
        )

    def _draw_into(self, figure: "Figure", loaded: Loaded, part: int) -> None:
        try:
            draw_loaded(figure, loaded, part)
        except InputError as error:
            figure.clear()
            draw_nothing(figure.subplots(), _UNDRAWABLE)
            self.tell_error(str(error))


def _make_table() -> QTableWidget:
    table = QTableWidget(0, len(_COLUMNS))
    table.setHorizontalHeaderLabels(list(_COLUMNS))
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setWordWrap(False)
    across, down = table.horizontalHeader(), table.verticalHeader()
    assert across is not None and down is not None
    for column in range(len(_COLUMNS)):
        across.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
    across.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
    down.hide()
    table.setFixedHeight((_N_NUMBERS + 1) * down.defaultSectionSize())
    return table
