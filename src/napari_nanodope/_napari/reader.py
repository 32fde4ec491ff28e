"""Opening fields and results in napari with everything that `read_field` reads."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import tifffile

from napari_nanodope._napari.layers import field_to_layers, result_to_layers
from napari_nanodope.io import list_readers, read_field
from napari_nanodope.io.tiff import element_in_name
from napari_nanodope.model import InputError
from napari_nanodope.results import FieldResult

if TYPE_CHECKING:
    from npe2.types import LayerData, PathOrPaths, ReaderFunction

_TIFF = {".tif", ".tiff"}


def get_reader(path: "PathOrPaths") -> "ReaderFunction | None":
    """Reader of these paths, or None where napari's own readers serve better.

    Parameters
    ----------
    path : path or list of paths
        A file of a known kind, the maps of one field, a folder of maps, or the folder of a
        finished result. TIFF images are accepted if an element is named in one of them.
    """
    return read_layers if _is_readable(_as_paths(path)) else None


def read_layers(path: "PathOrPaths") -> "list[LayerData]":
    """Layer data of a field, or of a finished result.

    Raises
    ------
    InputError
        If the file is damaged, or has no calibration or no elements.
    """
    paths = _as_paths(path)
    if len(paths) == 1 and _is_result(paths[0]):
        return [*result_to_layers(FieldResult.load(paths[0]))]
    return [*field_to_layers(read_field(paths))]


def _as_paths(path: "PathOrPaths") -> tuple[Path, ...]:
    return (Path(path),) if isinstance(path, str | Path) else tuple(map(Path, path))


def _is_result(path: Path) -> bool:
    return (path / "provenance.json").is_file()


def _is_readable(paths: tuple[Path, ...]) -> bool:
    suffixes = {path.suffix.lower() for path in paths}
    if suffixes and suffixes <= _TIFF:
        return any(_names_element(name) for path in paths for name in _list_names(path))
    if any(suffixes and suffixes <= set(reader.suffixes) for reader in list_readers()):
        return True
    if len(paths) != 1 or not paths[0].is_dir():
        return False
    files = (file for file in paths[0].iterdir() if file.suffix.lower() in _TIFF)
    return _is_result(paths[0]) or any(_names_element(file.stem) for file in files)


def _list_names(path: Path) -> Iterator[str]:
    """Name of a single image, or what a stack calls its pages; no pixel is read."""
    try:
        with tifffile.TiffFile(path) as tiff:
            labels = (tiff.imagej_metadata or {}).get("Labels")
            if len(tiff.pages) > 1 or labels:
                # The first page of OME-TIFF describes the file in XML, which is full of words.
                pages = () if tiff.is_ome else tiff.pages
                yield from labels or (str(getattr(page, "description", "")) for page in pages)
                return
    except (OSError, ValueError, tifffile.TiffFileError):
        pass
    yield path.stem


def _names_element(name: str) -> bool:
    try:
        return element_in_name(name) is not None
    except InputError:  # two elements; reading says how to rename
        return True
