"""Long work beside the viewer: the only place that starts threads."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal  # type: ignore[attr-defined]

from napari_nanodope.model import InputError
from napari_nanodope.pipeline import AnalysisCancelledError

_LOGGER = logging.getLogger(__name__)

Report = Callable[[float, str], None]
Work = Callable[[Report, Callable[[], bool]], Any]
"""Something long: is given a function to report progress, and one that tells when to stop."""


class Job(QObject):
    """Work in a thread of its own; its signals arrive in the thread that made it.

    Cancelling frees the viewer at once: whatever the work still does, nothing of it arrives.
    """

    progressed = Signal(float, str)
    done = Signal(object)
    failed = Signal(str)
    ended = Signal()
    _returned = Signal(object, object)

    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work
        self._cancelled = threading.Event()
        self._is_running = False
        self._returned.connect(self._on_returned)
        self._thread = threading.Thread(target=self._run, name="nanodope", daemon=True)

    @property
    def is_running(self) -> bool:
        """Whether results may still arrive."""
        return self._is_running

    def start(self) -> None:
        """Begin."""
        self._is_running = True
        self._thread.start()

    def cancel(self) -> None:
        """Stop at the next step; nothing arrives any more but `ended`, now."""
        self._cancelled.set()
        self._end()

    def abandon(self) -> None:
        """Stop at the next step; nothing arrives any more, for who waited is gone."""
        self._cancelled.set()
        self._is_running = False

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for the thread, after `cancel` or in tests; whether it has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            value, error = self._work(self._report, self._cancelled.is_set), None
        except Exception as problem:
            value, error = None, problem
        self._returned.emit(value, error)

    def _report(self, share: float, what: str) -> None:
        if not self._cancelled.is_set():
            self.progressed.emit(share, what)

    def _on_returned(self, value: Any, error: Exception | None) -> None:
        if self._cancelled.is_set():
            return
        if isinstance(error, AnalysisCancelledError):
            pass
        elif error is not None:
            self.failed.emit(tell_error(error))
        else:
            self.done.emit(value)
        self._end()

    def _end(self) -> None:
        if self._is_running:
            self._is_running = False
            self.ended.emit()


def tell_error(error: Exception) -> str:
    """The sentence that the command line would print."""
    if isinstance(error, InputError):
        return str(error)
    _LOGGER.error("Unexpected error in the background", exc_info=error)
    return f"Unexpected {type(error).__name__}: {error}. Please report it."
