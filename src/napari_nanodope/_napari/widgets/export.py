"""Write what was measured into a folder, and copy what measures it again."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QLineEdit, QPushButton, QWidget

from napari_nanodope._napari.preferences import preferred_folder
from napari_nanodope._napari.widgets.panel import Panel
from napari_nanodope.curation import LOG_FILE
from napari_nanodope.io.files import UnreadableFileError
from napari_nanodope.model import InputError
from napari_nanodope.pipeline import AnalysisCancelledError
from napari_nanodope.results import FieldResult, load_json, to_folder_name
from napari_nanodope.script import write_script

if TYPE_CHECKING:
    import napari

    from napari_nanodope._napari.workers import Report

_HINT = (
    "The result and its figures go into a folder of their own in the folder above, named after the "
    "field, just as 'nanodope analyze' writes them."
)
_COPY_HINT = "Lines of Python, recipe included, that read the field and measure it again exactly"


class ExportPanel(Panel):
    """A folder, and buttons for what to write there; and the result as a text."""

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__(viewer)
        self._saved: tuple[FieldResult, Path] | None = None
        self.folder = QLineEdit(preferred_folder())
        self.folder.setPlaceholderText("Folder to save to")
        self.browse = QPushButton("Browse...")
        self.browse.clicked.connect(self._choose_folder)
        hint = QLabel(_HINT)
        hint.setWordWrap(True)
        self.save_result = _make_button("Save result", self._save_result, self)
        self.save_figures = _make_button("Save figures", self._save_figures, self)
        self.copy = _make_button("Copy as recipe", self._copy, self)
        self.copy.setToolTip(_COPY_HINT)
        self.fill(self._make_row(), hint, self.save_result, self.save_figures, self.copy)

    def _make_row(self) -> QWidget:
        box = QWidget()
        row = QHBoxLayout(box)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.folder, 1)
        row.addWidget(self.browse)
        return box

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder to save to", self.folder.text())
        if chosen:
            self.folder.setText(chosen)

    def _save_result(self) -> None:
        result = self._find_result()
        folder = self._find_folder(result)
        if (folder / LOG_FILE).exists():
            raise InputError(
                f"Expected a folder whose labels nobody edits, got {folder} with its {LOG_FILE}; "
                f"choose another."
            )
        _check_is_same(result, folder)
        self.run(
            lambda report, cancelled: _write(
                folder, lambda: result.save(folder, progress=_follow(report, cancelled))
            ),
            lambda _: self._tell_saved(result, folder),
        )

    def _tell_saved(self, result: FieldResult, folder: Path) -> None:
        self._saved = result, folder
        self.tell(f"The result is in {folder}.")

    def _save_figures(self) -> None:
        result = self._find_result()
        folder = self._find_folder(result) / "figures"

        def draw(report: "Report", cancelled: Callable[[], bool]) -> list[Path]:
            from napari_nanodope.figures import save_figures  # noqa: PLC0415 - slow to import

            step = _follow(report, cancelled)
            files: list[Path] = _write(folder, lambda: save_figures(result, folder, progress=step))
            return files

        self.run(draw, lambda files: self.tell(f"{len(files)} files are in {folder}."))

    def _copy(self) -> None:
        result = self._find_result()
        folder = self._saved[1] if self._saved and self._saved[0] is result else None
        text = write_script(result, folder)
        clipboard = QGuiApplication.clipboard()
        if clipboard is None:
            raise InputError("Expected a clipboard to copy to, got none; use write_script.")
        clipboard.setText(text)
        self.tell("Copied; paste it into a file and run it with Python.")

    def _find_result(self) -> FieldResult:
        """The result, which must be of what is shown now."""
        if self.session.field is None:
            self.session.look_for_field()
        result = self.session.result
        if result is None:
            raise InputError("Expected a result, got none; measure first, in the Count panel.")
        if self.session.is_stale:
            raise InputError(
                "Expected a result of what is shown, got one from before the last change; measure "
                "again, in the Count panel."
            )
        return result

    def _find_folder(self, result: FieldResult) -> Path:
        text = self.folder.text().strip()
        if not text:
            raise InputError("Expected a folder to save to, got none; type one, or browse.")
        try:
            folder = Path(text).expanduser().absolute() / to_folder_name(result.field)
            folder.exists()
        except (OSError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error).rstrip(".")
            raise InputError(
                f"Expected a folder to save to, got {text!r}: {reason}; choose another."
            ) from None
        return folder


def _check_is_same(result: FieldResult, folder: Path) -> None:
    """Raise where a folder holds the result of another field, of the same name."""
    try:
        there = load_json(folder / "provenance.json")["input"]
    except (UnreadableFileError, KeyError):
        return
    if there.get("sha256") != result.provenance["input"]["sha256"]:
        raise InputError(
            f"Expected a new folder or one with a result of this field, got {folder} with that of "
            f"{there.get('path') or 'another'}; choose another folder."
        )


def _make_button(text: str, act: Callable[[], Any], panel: Panel) -> QPushButton:
    button = QPushButton(text)
    button.clicked.connect(lambda: panel.attempt(act))
    return button


def _follow(report: "Report", cancelled: Callable[[], bool]) -> "Report":
    """Progress of a writer, which stops and leaves nothing when it is cancelled."""

    def step(share: float, what: str) -> None:
        if cancelled():
            raise AnalysisCancelledError(f"Stopped before {what}.")
        report(share, what)

    return step


def _write(folder: Path, write: Callable[[], Any]) -> Any:
    """What `write` returns; a full or broken disk is told in a sentence."""
    try:
        return write()
    except OSError as error:
        raise InputError(
            f"Expected to write to {folder}, got: {error.strerror or error}; choose another folder."
        ) from None
