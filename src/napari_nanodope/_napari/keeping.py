"""Where the edits of a field are kept, so that they are found again when it is opened again."""

import os
from datetime import datetime
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

from napari_nanodope.curation import LABELS_FILE, LOG_FILE, Curation
from napari_nanodope.model import FieldOfView, InputError, as_labels
from napari_nanodope.pipeline import hash_arrays

_VARIABLE = "NANODOPE_EDITS"


def choose_edits_folder(field: FieldOfView) -> Path:
    """Folder for the edits of a field, known by the pixels of its survey and not by its path.

    It lies in the folder that the environment variable ``NANODOPE_EDITS`` names, or else among the
    user's data of applications.
    """
    root = os.environ.get(_VARIABLE)
    folder = Path(root) if root else platformdirs.user_data_path("napari-nanodope") / "edits"
    return folder / hash_arrays(field.survey)[:20]


def begin_edits(
    labels: NDArray[np.int32], field: FieldOfView, folder: Path | None
) -> tuple[Curation, str]:
    """New history, kept in a folder unless that cannot be had; and a notice if it cannot."""
    if folder is None:
        return Curation(labels), ""
    try:
        return Curation(labels, folder, pixel_size_nm=field.pixel_size_nm), ""
    except InputError as error:
        return Curation(labels), _tell_lost(error)


def restore_edits(field: FieldOfView, folder: Path | None) -> tuple[Curation | None, str]:
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
