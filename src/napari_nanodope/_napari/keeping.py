"""Where the edits of a field are kept, so that they are found again when it is opened again."""

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from napari_nanodope._napari.layers import key_of
from napari_nanodope.curation import LABELS_FILE, LOG_FILE, Curation
from napari_nanodope.field_task import load_outlines, save_outlines
from napari_nanodope.model import FieldOfView, InputError, as_labels
from napari_nanodope.pipeline import hash_arrays
from napari_nanodope.segmentation import Outlines

_VARIABLE = "NANODOPE_EDITS"


def choose_edits_folder(field: FieldOfView) -> Path:
    """Folder for the edits of a field, known by the pixels of its survey and not by its path.

    It lies in the folder that the environment variable ``NANODOPE_EDITS`` names, or else among the
    user's data of applications.
    """
    root = os.path.expanduser(os.environ.get(_VARIABLE, ""))
    folder = Path(root) if root else platformdirs.user_data_path("napari-nanodope") / "edits"
    return folder / hash_arrays(field.survey)[:20]


class Keeping:
    """Histories of the fields of a session, and the folders that hold them.

    Those that no folder could take, or that were not written whole, wait here for their field.

    Attributes
    ----------
    first : Outlines or None
        Segmentation that the labels of the field worked on began with.
    """

    def __init__(self) -> None:
        self.first: Outlines | None = None
        self._place: Path | None = None
        self._folder: Path | None = None
        self._homes: dict[str, Path] = {}
        self._folders: dict[Path, Path] = {}
        self._unkept: dict[Path, tuple[Curation, Outlines | None]] = {}

    def settle(self, field: FieldOfView, home: Path) -> None:
        """Let the edits of a field be at home in a folder, as those of a project are in its."""
        self._homes[key_of(field)] = home

    def enter(self, field: FieldOfView) -> None:
        """Turn to a field."""
        home = self._homes.get(key_of(field)) if self._homes else None
        self._place = home or choose_edits_folder(field)
        self._folder = self._folders.get(self._place, self._place)
        self.first = None

    def leave(self, curation: Curation | None) -> None:
        """Give the folder of a history back."""
        if curation is None or self._place is None:
            return
        was_kept = curation.is_kept
        if not (curation.close() and was_kept):
            self._unkept[self._place] = curation, self.first

    def begin(
        self, labels: NDArray[np.int32], field: FieldOfView, outlines: Outlines | None = None
    ) -> tuple[Curation, str]:
        """New history, kept in the folder unless that cannot be had; and a notice if it cannot."""
        self.first = outlines
        if self._folder is None:
            return Curation(labels), ""
        try:
            curation = Curation(labels, self._folder, pixel_size_nm=field.pixel_size_nm)
        except InputError as error:
            return Curation(labels), _tell_lost(error)
        self._keep_first()
        return curation, ""

    def restore(self, field: FieldOfView) -> tuple[Curation | None, str]:
        """History of the field, None where there is none; and a notice of either."""
        if self._place in self._unkept:
            self._folder = None
            waiting, self.first = self._unkept.pop(self._place)
            return waiting, "Edits of this field are not kept when napari is closed."
        curation, notice = _open(self._folder, field)
        if curation is None and notice:
            self._folder = None
        elif curation is not None and self._folder is not None:
            with suppress(InputError):  # scores alone; who measures is told
                self.first = load_outlines(self._folder)
                self._keep_first()
        return curation, notice

    def move(self, curation: Curation | None, folder: Path) -> Curation | None:
        """Use another folder for the field: a history moves there unless that holds one already.

        Returns
        -------
        Curation or None
            The history where it goes on, or None where it is that of the folder.

        Raises
        ------
        InputError
            If the folder cannot be written to.
        """
        is_taken = (folder / LABELS_FILE).exists()
        if is_taken:
            self.leave(curation)
        elif curation is not None:
            curation.move_to(folder)
        self._folder = folder
        if curation is not None and not is_taken:
            self._keep_first()
        if self._place is not None:
            self._folders[self._place] = folder
            self._unkept.pop(self._place, None)
        return None if is_taken else curation

    def _keep_first(self) -> None:
        """Write down what the labels began with, so that a batch has the same scores."""
        if self._folder is not None:
            with suppress(OSError):
                save_outlines(self.first, self._folder)


def _open(folder: Path | None, field: FieldOfView) -> tuple[Curation | None, str]:
    """History that a folder holds, None where there is none; and a notice of either."""
    if folder is None or not (folder / LABELS_FILE).exists():
        return None, ""
    try:
        curation = Curation.open(folder, pixel_size_nm=field.pixel_size_nm)
        if curation.labels.shape != field.shape:
            curation.close()
            as_labels(curation.labels, field.shape)
    except InputError as error:
        return None, _tell_lost(error)
    log = folder / LOG_FILE
    last = log if log.exists() else folder / LABELS_FILE
    when = datetime.fromtimestamp(last.stat().st_mtime)
    n = curation.n_operations
    edits = f" with {n} edit{'s' if n != 1 else ''}" if n else ""
    return curation, (
        f"Labels of {when:%d %B %Y, %H:%M}{edits} are back; segment again to begin anew, which "
        f"can be undone."
    )


def _tell_lost(error: InputError) -> str:
    return f"Edits are not kept when napari is closed: {error}"
