"""A project and its fields: open one after the other, and approve or reject each."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from qtpy.compat import isalive
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QWidget,
)

from napari_nanodope._napari import review
from napari_nanodope._napari.review import DUE, TO_REVIEW, Opened, Queue, review_of
from napari_nanodope._napari.widgets.field_table import FieldTable
from napari_nanodope._napari.widgets.panel import Panel
from napari_nanodope.acquisitions import FieldState, ProjectField
from napari_nanodope.model import InputError

if TYPE_CHECKING:
    import napari

    from napari_nanodope._napari.workers import Job

REASONS = ("drifted", "out of focus", "contaminated", "too few particles", "wrong place")
_EVERY_SAMPLE, _EVERY_STATUS = "every sample", "every status"
_STATUSES = (TO_REVIEW, DUE, "new", "automatic", "curated", "rejected")
_OTHER_RECIPE = (
    "Settings in the panels differ from those of the project, by which a batch measures this "
    "field; open it again to have those back."
)
_N_TOLD = 3  # of what is missing


class ProjectPanel(Panel):
    """The review queue of a project; every button shows its key."""

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__(viewer)
        self.review = review_of(viewer)
        self._chosen = ""
        self._opening: Job | None = None
        self.folder = QLineEdit()
        self.folder.setPlaceholderText("Folder of a project")
        self.folder.returnPressed.connect(self._open_typed)
        self.sample, self.status = QComboBox(), QComboBox()
        self.sample.addItem(_EVERY_SAMPLE, "")
        self.status.addItem(_EVERY_STATUS, "")
        for text in _STATUSES:
            self.status.addItem(text, text)
        self.sample.currentIndexChanged.connect(self._fill_table)
        self.status.currentIndexChanged.connect(self._fill_table)
        self.progress = QProgressBar()
        self.counts, self.about, self.note = QLabel(), QLabel(), QLabel(_OTHER_RECIPE)
        for label in (self.counts, self.about, self.note):
            label.setWordWrap(True)
        self.about.setStyleSheet("font-weight: bold")
        self.table = FieldTable()
        self.table.chosen.connect(self._choose)
        self.table.asked.connect(self._open_name)
        self.reason = QComboBox()
        self.reason.setEditable(True)
        self.reason.addItems(REASONS)
        self._arrange()
        self._bind_keys()
        self.follow(self.review.changed, self._show_queue)
        self.follow(self.review.turned, self._show_turned)
        self.follow(self.session.recipe_changed, self._show_note)
        self.follow(self.session.noticed, self.tell)
        self._show_queue()
        self._show_note()

    def _arrange(self) -> None:
        browse, again = QPushButton("Browse..."), QPushButton("Look again")
        browse.clicked.connect(self._browse)
        again.clicked.connect(self._open_typed)
        again.setToolTip("Read the project anew, as after a batch")
        top = _make_row(self.folder, browse, again)
        self._filters = _make_row(self.sample, self.status)
        self._work = QWidget()
        grid = QGridLayout(self._work)
        grid.setContentsMargins(0, 0, 0, 0)
        actions: list[tuple[str, str, Callable[[], Any]]] = [
            ("Previous", "PageUp", partial(self.go, -1)),
            ("Next", "PageDown", partial(self.go, 1)),
            ("Approve", "A", self._approve),
            ("Take back", "", partial(self._judge, "")),
            ("Reject", "", self._reject),
        ]
        self.actions_by_key: dict[str, Callable[[], Any]] = {}
        for number, (text, key, act) in enumerate(actions):
            button = QPushButton(f"{text}  [{key}]" if key else text)
            button.setObjectName(text)
            button.clicked.connect(partial(self._press, act))
            grid.addWidget(button, number // 2, number % 2)
            if key:
                self.actions_by_key[key] = act
        grid.addWidget(self.reason, 2, 1)
        shown = (self.progress, self.counts, self._filters, self.table, self.about, self._work)
        self.fill(top, *shown, self.note)
        self._layout.setStretchFactor(self.table, 1)
        self._layout.addStretch(0)

    def _bind_keys(self) -> None:
        for key, act in self.actions_by_key.items():
            self.session.viewer.bind_key(key, partial(self._press, act), overwrite=True)

    def _press(self, act: Callable[[], Any], *_: Any) -> None:
        if isalive(self):  # type: ignore[no-untyped-call]  # keys outlive the panel
            self.tell("")
            self.attempt(act)

    # The project

    def open(self, folder: str | Path) -> None:
        """Open a project, and the first of its fields that nobody has reviewed.

        Parameters
        ----------
        folder : path
            Of the project, or its file.
        """
        self.folder.setText(str(folder))
        path = Path(folder).expanduser()
        before = self.job
        self.run(lambda *_: Queue.open(path), self._take_queue)
        self._opening = self.job if before is None else self._opening

    def _open_typed(self) -> None:
        text = self.folder.text().strip()
        if text:
            self.open(text)
        else:
            self.tell_error("Expected the folder of a project, got none; type one, or browse.")

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder of a project", self.folder.text())
        if chosen:
            self.open(chosen)

    def _take_queue(self, queue: Queue) -> None:
        self._opening = None
        self.folder.setText(str(queue.project.folder))
        known = self.review.queue
        is_other = known is None or known.project.folder != queue.project.folder
        if is_other or self._chosen not in queue.states:
            self._chosen = ""
        blocked = self.sample.blockSignals(True)
        before = self.sample.currentData()
        self.sample.clear()
        self.sample.addItem(_EVERY_SAMPLE, "")
        for sample in queue.project.samples:
            self.sample.addItem(sample.id, sample.id)
        self.sample.setCurrentIndex(max(self.sample.findData(before), 0))
        self.sample.blockSignals(blocked)
        self.review.set_queue(queue)
        self.tell("")
        first = next(iter(queue.choose(TO_REVIEW)), None)
        if self.review.current is None and first is not None and not self._chosen:
            self.open_field(first)

    # Its fields

    def open_field(self, one: ProjectField) -> None:
        """Read a field and show it with its labels; what was painted before is kept first."""
        queue = self._find_queue()
        if self.job is not None and self.job is self._opening:
            raise InputError(
                "Expected the project to be read first, got a field asked for; wait, or cancel."
            )
        self.session.sync()
        others = list(self.review.unsure.values())
        if self.job is not None:
            self.job.cancel()  # of a field that was passed by
        self._choose(one.name)

        def work(report: Callable[[float, str], None], _: Callable[[], bool]) -> Opened:
            report(0.1, f"reading {one.name}")
            return review.open_field(queue.project, one, others)

        self.run(work, self._show_field)

    def _show_field(self, opened: Opened) -> None:
        self.review.show(opened)
        labels = self.session.labels
        told = [self.session.notice, *opened.field.warnings]
        if labels is None and not self.session.notice:
            told.insert(0, "There are no labels yet; segment the field, or run the batch.")
        self.tell("\n".join(one for one in told if one))

    def _open_name(self, name: str) -> None:
        self.attempt(lambda: self.open_field(self._find_queue().project.field(name)))

    def go(self, step: int) -> None:
        """Open the next field of those that are listed, or the one before.

        Parameters
        ----------
        step : int
            1 or -1.

        Raises
        ------
        InputError
            If there is none.
        """
        fields = self._find_queue().project.fields[::step]
        names = [one.name for one in fields]
        rest = fields[names.index(self._chosen) + 1 :] if self._chosen in names else fields
        listed = {one.name for one in self._list_fields()}
        one = next((one for one in rest if one.name in listed), None)
        if one is None:
            where = "after" if step > 0 else "before"
            raise InputError(f"Expected a field {where} this one in the list, got none.")
        self.open_field(one)

    def _approve(self) -> None:
        one, current = self._find_chosen(), self.review.current
        if current is None or one.name != current.name:
            raise InputError(
                f"Expected a field that is shown, got {one.name}, which is not; open it to approve."
            )
        if self.session.labels is not None and not self.session.is_kept:
            raise InputError(self.session.notice or f"Edits of {one.name} are not kept.")
        self.review.check_shown(one)
        self._judge("curated")

    def _reject(self) -> None:
        self._judge("rejected", self.reason.currentText())

    def _judge(self, status: Literal["", "curated", "rejected"], reason: str = "") -> None:
        one, project = self._find_chosen(), self._find_queue().project
        if self.job is not None:
            self.tell("Still at work; cancel it first.")
            return
        self.review.judge(one, status, reason)
        done = {"curated": "approved", "rejected": "rejected"}.get(status, "no longer reviewed")
        self.run(
            lambda *_: review.look_at_some(project, [one]),
            lambda states: self._take_states(states, f"{one.name} is {done}."),
        )

    def _take_states(self, states: dict[str, FieldState], text: str) -> None:
        self.review.take(states)
        self.tell(text)

    def _find_queue(self) -> Queue:
        if self.review.queue is None:
            raise InputError("Expected a project, got none; type its folder, or browse.")
        return self.review.queue

    def _find_chosen(self) -> ProjectField:
        """Field of the row that is selected."""
        queue = self._find_queue()
        if not self._chosen:
            raise InputError("Expected a field to be selected, got none; click on one in the list.")
        return queue.project.field(self._chosen)

    # What is shown of them

    def _list_fields(self) -> list[ProjectField]:
        queue = self.review.queue
        status, sample_id = self.status.currentData(), self.sample.currentData()
        return [] if queue is None else queue.choose(status or "", sample_id or "")

    def _choose(self, name: str) -> None:
        if name != self._chosen:
            self._chosen = name
            self._fill_table()
            self._show_about()

    def _show_turned(self) -> None:
        if self.review.current is not None:
            self._chosen = self.review.current.name
        self._show_queue()
        self._show_note()

    def _show_queue(self) -> None:
        queue = self.review.queue
        for one in (self.progress, self.counts, self._filters, self.table, self._work):
            one.setVisible(queue is not None)
        if queue is not None:
            n = len(queue.states)
            self.progress.setRange(0, max(n, 1))
            self.progress.setValue(queue.n_reviewed)
            self.progress.setFormat(f"{queue.n_reviewed} of {n} reviewed")
            counts = Counter[str](state.status for state in queue.states.values())
            told = [f"{counts[kind]} {kind}" for kind in _STATUSES if counts[kind]]
            n_due = sum(state.is_due for state in queue.states.values())
            told += [f"{n_due} to measure"] if n_due else []
            counted = f"{', '.join(told)}." if told else "The project has no fields."
            self.counts.setText("\n".join([counted, *_tell_missing(queue)]))
        self._fill_table()
        self._show_about()

    def _fill_table(self) -> None:
        queue, current = self.review.queue, self.review.current
        if queue is not None:
            rows = [(one, queue.states[one.name]) for one in self._list_fields()]
            self.table.show_fields(rows, current.name if current else "", self._chosen)

    def _show_about(self) -> None:
        queue, current = self.review.queue, self.review.current
        state = queue.states.get(self._chosen) if queue is not None else None
        if state is None:
            self.about.setText("")
            return
        is_shown = current is not None and current.name == self._chosen
        due = f"to measure ({state.reason})" if state.is_due else ""
        told = [state.status, state.reason if state.status == "rejected" else due]
        where = "" if is_shown else " (not shown)"
        text = f"{self._chosen}{where}: {', '.join(one for one in told if one)}."
        self.about.setText(f"{text} {state.problem}" if state.problem else text)

    def _show_note(self) -> None:
        self.note.setVisible(self.review.has_other_recipe)


def _tell_missing(queue: Queue) -> list[str]:
    missing = [f"project.toml, {one}" for one in queue.project.missing]
    more = [f"and {len(missing) - _N_TOLD} more."] if len(missing) > _N_TOLD else []
    return missing[:_N_TOLD] + more


def _make_row(*widgets: QWidget) -> QWidget:
    box = QWidget()
    row = QHBoxLayout(box)
    row.setContentsMargins(0, 0, 0, 0)
    for number, widget in enumerate(widgets):
        row.addWidget(widget, 0 if number else 1)
    return box
