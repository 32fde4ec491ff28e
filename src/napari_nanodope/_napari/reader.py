"""Opening fields and results in napari with everything that `read_field` reads."""

from pathlib import Path
from typing import TYPE_CHECKING

from napari_nanodope._napari.layers import field_to_layers, result_to_layers
from napari_nanodope.io import is_known, read_field
from napari_nanodope.io.names import NEITHER, read_role
from napari_nanodope.io.tiff import list_names
from napari_nanodope.results import FieldResult

if TYPE_CHECKING:
    from npe2.types import LayerData, PathOrPaths, ReaderFunction

_TIFF = {".tif", ".tiff"}
_OTHERS_READ = {".npy", ".png"}  # images and labels of any kind, which napari reads itself


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
    """Layer data of a field, or of a finished result; what is doubtful is shown as a notification.

    Raises
    ------
    InputError
        If the file is damaged, or has no calibration or no elements.
    """
    paths = _as_paths(path)
    if len(paths) == 1 and _is_result(paths[0]):
        return [*result_to_layers(FieldResult.load(paths[0]))]
    from napari.utils.notifications import show_warning  # noqa: PLC0415 - napari may be absent

    field = read_field(paths)
    for warning in field.warnings:
        show_warning(warning)
    return [*field_to_layers(field)]


def _as_paths(path: "PathOrPaths") -> tuple[Path, ...]:
    return (Path(path),) if isinstance(path, str | Path) else tuple(map(Path, path))


def _is_result(path: Path) -> bool:
    return (path / "provenance.json").is_file()


def _is_readable(paths: tuple[Path, ...]) -> bool:
    suffixes = {path.suffix.lower() for path in paths}
    if suffixes and suffixes <= _TIFF:
        return any(_names_element(name) for path in paths for name in list_names(path))
    if len(paths) == 1 and paths[0].is_dir() and not is_known(paths[0]):
        files = (file for file in paths[0].iterdir() if file.suffix.lower() in _TIFF)
        return _is_result(paths[0]) or any(_names_element(file.stem) for file in files)
    return bool(paths) and not suffixes & _OTHERS_READ and all(is_known(path) for path in paths)


def _names_element(name: str) -> bool:
    """Whether a name tells an element, or two, which reading asks about."""
    element, problem = read_role(name)
    return bool(element) or problem not in ("", NEITHER)
