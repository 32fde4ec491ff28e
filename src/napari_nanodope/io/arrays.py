"""Fields as NumPy archives, and label images."""

import json
import math
import warnings
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.io.files import UnreadableFileError, check_size, replacing
from napari_nanodope.io.names import read_role
from napari_nanodope.io.signals import Content, Signal
from napari_nanodope.model import FieldOfView, Source, as_pixel_size_nm, is_element

if TYPE_CHECKING:
    from napari_nanodope.io import ReadOptions

_TEXTS = ("sample_id", "field_id", "survey_kind")
_VARIANCE = "_variance"
_NO_IMAGES = (*_TEXTS, "pixel_size_nm", "warnings", "labels")


def open_npz(path: Path, options: "ReadOptions") -> Content:
    """Images of an archive: one array per element symbol, ``survey`` and ``pixel_size_nm``.

    Raises
    ------
    UnreadableFileError
        If it is no such archive.
    """
    content = _load_archive(path)
    stated = content.get("pixel_size_nm")
    size = as_pixel_size_nm(stated.ravel()) if stated is not None and stated.size < 3 else None
    images = {name: array for name, array in content.items() if name not in _NO_IMAGES}
    signals = [
        Signal(
            name=name,
            kind="image" if array.ndim == 2 else "other",
            shape=array.shape,
            dtype=str(array.dtype),
            pixel_size_nm=size,
            element=name if is_element(name) else "",
            problem=_problem_of(name, array),
            load_image=partial(np.asarray, array),
        )
        for name, array in images.items()
    ]
    texts = {name: str(content[name]) for name in _TEXTS if name in content}
    return Content(tuple(signals), (path,), texts=texts, is_named_by_person=True)


def open_image(path: Path, options: "ReadOptions") -> Content:
    """One image without calibration: a NumPy array, or a PNG of grey values.

    Raises
    ------
    UnreadableFileError
        If it is damaged, or its colours are more than grey.
    """
    if path.suffix.lower() == ".npy":
        array = _load_array(path)
    else:
        array = _read_png(path, is_indexed=False)
        if array.ndim == 3 and _is_grey(array):
            array = array[..., 0]
    element, problem = read_role(path.stem)
    signal = Signal(
        name=path.stem,
        kind="image" if array.ndim == 2 else "other",
        shape=array.shape,
        dtype=str(array.dtype),
        element=element,
        problem=_problem_of("survey", array) or problem,
        load_image=partial(np.asarray, array),
    )
    return Content((signal,), (path,), is_named_by_person=True, needs_no_name=True)


def _problem_of(name: str, array: NDArray[Any]) -> str:
    if array.ndim != 2 or array.dtype.kind not in "buif" or array.size == 0:
        return f"is {array.dtype} of shape {array.shape}, no image of grey values or counts"
    if name != "survey" and not is_element(name):
        return "is not named by an element symbol"
    return ""


def load_field(path: Path, *, source: Source | None) -> FieldOfView:
    """Field as `save_field` wrote it, from the `source` that it first came from."""
    content = _load_archive(path)
    try:
        return FieldOfView(
            survey=content.pop("survey"),
            pixel_size_nm=tuple(content.pop("pixel_size_nm")),
            source=source,
            warnings=tuple(map(str, content.pop("warnings", ()))),
            **{name: str(content.pop(name)) for name in _TEXTS},  # type: ignore[arg-type]
            variances={
                name.removesuffix(_VARIANCE): content.pop(name)
                for name in list(content)
                if name.endswith(_VARIANCE)
            },
            maps=content,
        )
    except KeyError as error:
        raise UnreadableFileError(
            f"Expected {error} in {path}, got an archive without it; run the analysis again."
        ) from None


def save_field(field: FieldOfView, path: Path) -> None:
    """Write a field as a compressed archive, whole or not at all."""
    arrays: dict[str, Any] = {"survey": field.survey, "pixel_size_nm": field.pixel_size_nm}
    arrays |= {name: getattr(field, name) for name in _TEXTS}
    arrays |= {symbol + _VARIANCE: values for symbol, values in field.variances.items()}
    if field.warnings:
        arrays["warnings"] = np.array(field.warnings)
    with replacing(path) as partial, partial.open("wb") as file:
        np.savez_compressed(file, **(arrays | dict(field.maps)))


def read_labels(path: str | Path) -> NDArray[Any]:
    """Label image from TIFF, PNG, ``.npy``, or ``.npz`` (the array ``labels``, or the only one).

    Raises
    ------
    UnreadableFileError
        If it is missing, damaged or of another kind.
    """
    path = Path(path)
    readers = {
        ".tif": _read_label_tiff,
        ".tiff": _read_label_tiff,
        ".png": _read_png,
        ".npy": _load_array,
        ".npz": _read_label_archive,
    }
    read = readers.get(path.suffix.lower())
    if read is None or not path.is_file():
        raise UnreadableFileError(
            f"Expected a label image ({', '.join(readers)}), got {path}"
            f"{'' if path.is_file() else ', which does not exist'}; check the path."
        )
    labels = read(path)
    while labels.ndim > 2 and labels.shape[0] == 1:
        labels = labels[0]
    return labels


def read_labels_with_note(path: Path) -> tuple[NDArray[Any], dict[str, Any]]:
    """Labels that `save_labels` wrote, and the note that went with them; {} for other TIFF files.

    Raises
    ------
    UnreadableFileError
        As `read_labels`.
    """
    import tifffile  # noqa: PLC0415

    labels = read_labels(path)
    with tifffile.TiffFile(path) as file:
        text = file.pages.first.description
    try:
        note = json.loads(text)
    except ValueError:
        note = {}
    return labels, note if isinstance(note, dict) else {}


def save_labels(
    labels: NDArray[np.int32],
    path: Path,
    pixel_size_nm: tuple[float, float],
    *,
    note: Mapping[str, Any] | None = None,
) -> None:
    """Write labels as a calibrated, compressed TIFF, whole or not at all; a note is JSON."""
    import tifffile  # noqa: PLC0415

    per_cm = 1e7 / pixel_size_nm[1], 1e7 / pixel_size_nm[0]
    with replacing(path) as partial:
        tifffile.imwrite(
            partial,
            labels,
            compression="zlib",
            resolution=per_cm if max(per_cm) < 2**32 else None,  # TIFF holds no more
            resolutionunit="CENTIMETER",
            description=json.dumps(note) if note else None,
            metadata=None,
        )


def _load_archive(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            check_size(sum(member.file_size for member in archive.infolist()), path)
            return {
                member.filename.removesuffix(".npy"): _load_member(archive, member)
                for member in archive.infolist()
                if member.filename.endswith(".npy")
            }
    except UnreadableFileError:
        raise
    except Exception as error:  # damaged archives fail in every way there is
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UnreadableFileError(
            f"Expected a NumPy archive of plain arrays at {path}, got: {reason}; write it with "
            f"np.savez."
        ) from None


def _load_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    with archive.open(member) as file:
        _check_header(file, member.file_size, member.filename)
    with archive.open(member) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _check_header(file: IO[bytes], n_bytes: int, name: str) -> None:
    """Raise where an array would need objects unpickled, or promises more than there is."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_2_0
    if version == (1, 0):
        read = np.lib.format.read_array_header_1_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("pickled objects, which are never loaded")
    if min(shape, default=1) < 0 or math.prod(shape) * dtype.itemsize > n_bytes:
        raise ValueError(f"{name} is cut short")


def _read_label_archive(path: Path) -> NDArray[Any]:
    content = _load_archive(path)
    if "labels" not in content and len(content) != 1:
        raise UnreadableFileError(
            f"Expected an array named labels in {path}, got {', '.join(content) or 'nothing'}; "
            f"rename it."
        )
    return content.get("labels", next(iter(content.values())))


def _load_array(path: Path) -> NDArray[Any]:
    try:
        with path.open("rb") as file:
            _check_header(file, path.stat().st_size, path.name)
            file.seek(0)
            array = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # damaged files fail in every way there is
        raise UnreadableFileError(
            f"Expected a plain NumPy array at {path}, got: {error}; write it with np.save."
        ) from None
    return array


def _read_label_tiff(path: Path) -> NDArray[Any]:
    from napari_nanodope.io.tiff import read_pages  # noqa: PLC0415

    pages = read_pages(path, is_indexed=True)
    if len(pages.images) != 1:
        raise UnreadableFileError(
            f"Expected one label image in {path}, got {len(pages.images)} pages; save the labels "
            f"alone."
        )
    return pages.images[0]


def _read_png(path: Path, *, is_indexed: bool = True) -> NDArray[Any]:
    """Values of a PNG, or the numbers before its colour table unless they are to be grey."""
    from PIL import Image  # noqa: PLC0415

    try:
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            array = np.asarray(image)
            colours = np.reshape(image.getpalette() or (), (-1, 3))
    except Exception as error:  # damaged files fail in every way there is
        raise UnreadableFileError(
            f"Expected a PNG image at {path}, got: {error}; save it as TIFF."
        ) from None
    grey = np.arange(len(colours))[:, None] * colours[1:2, :1]
    if not is_indexed and len(colours) and not np.array_equal(colours, np.tile(grey, 3)):
        raise UnreadableFileError(
            f"Expected grey values in {path}, got a colour table; export counts or grey values as "
            f"TIFF."
        )
    return array


def _is_grey(image: NDArray[Any]) -> bool:
    """Whether a colour image, with or without transparency, holds grey values only."""
    colours = image[..., : 1 if image.shape[2] == 2 else 3]
    return bool((colours == colours[..., :1]).all())
