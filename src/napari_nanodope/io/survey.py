"""A survey image that lies apart from the maps."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.io.files import UnreadableFileError


def read_survey(path: Path) -> NDArray[Any]:
    """Image (Y, X) from a TIFF, NumPy or microscope file that holds one.

    Raises
    ------
    UnreadableFileError
        If it cannot be read, or holds no image or several.
    """
    # The readers are imported here because each of them looks for a survey, too.
    suffix = path.suffix.lower()
    if suffix in (".tif", ".tiff"):
        from napari_nanodope.io.tiff import read_pages  # noqa: PLC0415

        images = read_pages(path).images
    elif suffix in (".npy", ".npz", ".png"):
        from napari_nanodope.io.arrays import read_labels  # noqa: PLC0415

        images = [read_labels(path)]
    else:
        from napari_nanodope.io.spectrum_image import load_signals  # noqa: PLC0415

        images = [np.asarray(s["data"]) for s in load_signals(path) if s["data"].ndim == 2]
    if len(images) != 1 or images[0].ndim != 2:
        raise UnreadableFileError(
            f"Expected one survey image in {path}, got {len(images) if images else 'none'}; save "
            f"it alone."
        )
    return images[0]
