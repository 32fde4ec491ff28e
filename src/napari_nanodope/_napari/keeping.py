"""Where the edits of a field are kept, so that they are found again when it is opened again."""

import os
from pathlib import Path

import platformdirs

from napari_nanodope.model import FieldOfView
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
