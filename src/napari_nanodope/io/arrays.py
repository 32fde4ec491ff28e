"""Fields as NumPy archives, and label images."""

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.io.files import UnreadableFileError, hash_files, replacing
from napari_nanodope.io.survey import read_survey
from napari_nanodope.model import FieldOfView, InputError, Source, is_element

if TYPE_CHECKING:
    from napari_nanodope.io import ReadOptions

_TEXTS = ("sample_id", "field_id", "survey_kind")


def read_npz(paths: tuple[Path, ...], options: "ReadOptions") -> FieldOfView:
    """Field from an archive with ``survey``, ``pixel_size_nm`` and one array per element symbol.

    Raises
    ------
    UnreadableFileError
        If it is no such archive.
    """
    if len(paths) != 1:
        raise UnreadableFileError(
            f"Expected one NumPy archive per field, got {len(paths)}; read them one by one."
        )
    path = paths[0]
    content = _load_archive(path)
    symbols = [name for name in content if is_element(name)]
    wanted = options.elements or tuple(symbols)
    missing = [symbol for symbol in wanted if symbol not in content]
    if missing or not symbols:
        raise InputError(
            f"Expected maps of {', '.join(missing) or 'elements'} in {path}, got "
            f"{', '.join(content) or 'nothing'}; name each array by its element symbol."
        )
    pixel_size = options.pixel_size_nm
    if pixel_size is None and "pixel_size_nm" not in content:
        raise InputError(
            f"Expected pixel_size_nm in {path}, got none; add it, or give pixel_size_nm=0.7, say."
        )
    texts = {name: str(content[name]) for name in _TEXTS if name in content}
    if options.survey is not None:
        content["survey"] = read_survey(options.survey)
        texts["survey_kind"] = "image"
    if "survey" not in content:
        first = content[symbols[0]]
        same = [content[s] for s in symbols if content[s].shape == first.shape]
        content["survey"] = np.sum(same, axis=0)
        texts["survey_kind"] = "counts"
    if options.sample_id:
        texts["sample_id"] = options.sample_id
    files = [path, *([options.survey] if options.survey else [])]
    source = Source(str(path), hash_files(files), "NumPy archive", {"elements": list(wanted)})
    return FieldOfView(
        survey=content["survey"],
        maps={symbol: content[symbol] for symbol in wanted},
        pixel_size_nm=pixel_size or tuple(content["pixel_size_nm"].ravel()),
        source=source,
        **({"field_id": path.stem} | texts),  # type: ignore[arg-type]
    )


def load_field(path: Path, *, source: Source | None) -> FieldOfView:
    """Field as `save_field` wrote it, from the `source` that it first came from."""
    content = _load_archive(path)
    try:
        return FieldOfView(
            survey=content.pop("survey"),
            pixel_size_nm=tuple(content.pop("pixel_size_nm")),
            source=source,
            **{name: str(content.pop(name)) for name in _TEXTS},  # type: ignore[arg-type]
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
        ".png": _read_label_png,
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


def save_labels(labels: NDArray[np.int32], path: Path, pixel_size_nm: tuple[float, float]) -> None:
    """Write labels as a calibrated, compressed TIFF, whole or not at all."""
    import tifffile  # noqa: PLC0415

    per_cm = 1e7 / pixel_size_nm[1], 1e7 / pixel_size_nm[0]
    with replacing(path) as partial:
        tifffile.imwrite(
            partial,
            labels,
            compression="zlib",
            resolution=per_cm if max(per_cm) < 2**32 else None,  # TIFF holds no more
            resolutionunit="CENTIMETER",
            metadata=None,
        )


def _load_archive(path: Path) -> dict[str, NDArray[Any]]:
    try:
        if not zipfile.is_zipfile(path):
            raise ValueError("no zip archive")
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # damaged archives fail in every way there is
        raise UnreadableFileError(
            f"Expected a NumPy archive of plain arrays at {path}, got: {error}; write it with "
            f"np.savez."
        ) from None


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
            array = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # damaged files fail in every way there is
        raise UnreadableFileError(
            f"Expected a plain NumPy array at {path}, got: {error}; write it with np.save."
        ) from None
    return array


def _read_label_tiff(path: Path) -> NDArray[Any]:
    from napari_nanodope.io.tiff import read_pages  # noqa: PLC0415

    pages = read_pages(path)
    if len(pages.images) != 1:
        raise UnreadableFileError(
            f"Expected one label image in {path}, got {len(pages.images)} pages; save the labels "
            f"alone."
        )
    return pages.images[0]


def _read_label_png(path: Path) -> NDArray[Any]:
    from PIL import Image  # noqa: PLC0415

    try:
        with Image.open(path) as image:
            return np.asarray(image)
    except (OSError, ValueError, SyntaxError) as error:
        raise UnreadableFileError(
            f"Expected a PNG label image at {path}, got: {error}; save the labels as TIFF."
        ) from None
