"""What every panel has: the viewer's session, a line for sentences, and long work with a bar."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error
from psygnal import SignalInstance
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_nanodope._napari.preferences import begin
from napari_nanodope._napari.session import Session, session_of
from napari_nanodope._napari.workers import Job, Work
from napari_nanodope.model import InputError

if TYPE_CHECKING:
    import napari


class Panel(QWidget):
    """A panel of the dock, which also opens alone.

    Parameters
    ----------
    viewer : napari.Viewer
        Its session is what the panel works on.
    """

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__()
        self.session: Session = session_of(viewer)
        self.job: Job | None = None
        self._window: QWidget | None = None
        self._ties: list[_Tie] = []
        self._layout = QVBoxLayout(self)
        self._layout.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._message = QLabel()
        self._message.setWordWrap(True)
        self._message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._cancel = QPushButton("Cancel")
        self._cancel.clicked.connect(self.cancel)
        self._busy = QWidget()  # hidden as one: an empty row would squeeze what lies around it
        row = QHBoxLayout(self._busy)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._bar, 1)
        row.addWidget(self._cancel)
        self._foot = QVBoxLayout()
        self._foot.addWidget(self._busy)
        self._foot.addWidget(self._message)
        self._show_busy(False)
        self.attempt(lambda: begin(self.session))

    def fill(self, *widgets: QWidget) -> None:
        """Put widgets into the panel from top to bottom, above the message."""
        for widget in widgets:
            self._layout.addWidget(widget)
        self._layout.addLayout(self._foot)

    def showEvent(self, event: Any) -> None:
        """Let the edits go when the window that holds the panel is gone."""
        super().showEvent(event)
        window = self.window()
        if window is not None and window is not self and window is not self._window:
            self._window = window
            window.destroyed.connect(self.session.release)

    def follow(self, signal: SignalInstance, slot: Callable[..., Any]) -> None:
        """Call a method of the panel at a signal of the session, until the panel is destroyed."""
        signal.connect(slot)
        tie = _Tie(signal, slot)
        self._ties.append(tie)
        self.destroyed.connect(tie.end)

    @property
    def message(self) -> str:
        """The sentence that is shown."""
        return str(self._message.text())

    def tell(self, text: str) -> None:
        """Show a sentence in the panel."""
        self._message.setText(text)

    def tell_error(self, text: str) -> None:
        """Show what went wrong in the panel and as a notification."""
        self.tell(text)
        show_error(text)

    def attempt(self, act: Callable[[], Any]) -> Any:
        """Do something at once; wrong input becomes a sentence, and None comes back."""
        try:
            return act()
        except InputError as error:
            self.tell_error(str(error))
            return None

    def run(self, work: Work, on_done: Callable[[Any], None]) -> None:
        """Do something long beside the viewer, with progress and a way to cancel it."""
        if self.job is not None:
            self.tell("Still at work; cancel it first.")
            return
        job = self.job = Job(work)
        job.progressed.connect(self._show_progress)
        job.done.connect(lambda value: self.attempt(lambda: on_done(value)))
        job.failed.connect(self.tell_error)
        job.ended.connect(self._on_ended)
        self.destroyed.connect(job.abandon)  # a viewer that is closed does not close its panels
        self._show_progress(0.0, "")
        self._show_busy(True)
        job.start()

    def cancel(self) -> None:
        """Give up what is running; everything stays as it was."""
        if self.job is not None:
            self.job.cancel()
            self.tell("Cancelled; nothing has changed.")

    def closeEvent(self, event: Any) -> None:
        """Leave nothing running behind."""
        self.cancel()
        super().closeEvent(event)

    def _show_progress(self, share: float, what: str) -> None:
        self._bar.setValue(round(1000 * share))
        self._bar.setFormat(what)

    def _on_ended(self) -> None:
        self.job = None
        self._show_busy(False)

    def _show_busy(self, is_busy: bool) -> None:
        self._busy.setVisible(is_busy)


class _Tie:
    # A method, which Qt holds weakly: a closure could be cleared by the garbage collector
    # together with the panel before Qt calls it, which ends the process.

    def __init__(self, signal: SignalInstance, slot: Callable[..., Any]) -> None:
        self._signal = signal
        self._slot = slot

    def end(self) -> None:
        self._signal.disconnect(self._slot, missing_ok=True)
