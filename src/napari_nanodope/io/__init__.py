"""Reading fields of view: one module per kind of input, chosen by suffix and content."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from napari_nanodope.io.arrays import read_labels as read_labels
from napari_nanodope.io.files import UnreadableFileError as UnreadableFileError
from napari_nanodope.model import FieldOfView, InputError, as_pixel_size_nm, is_element


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a person tells a reader.

    Attributes
    ----------
    elements : tuple of str
        Elements to map; every one that the file holds where empty.
    lines : mapping of str to str
        X-ray line family by element, for spectrum images.
    survey : str, optional
        File of the survey image, where it lies apart.
    pixel_size_nm : (float, float), optional
        Calibration to use instead of the file's.
    sample_id : str
        Sample that the field belongs to.
    """

    elements: tuple[str, ...] = ()
    lines: Mapping[str, str] | None = None
    survey: Path | None = None
    pixel_size_nm: tuple[float, float] | None = None
    sample_id: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """A kind of input.

    Attributes
    ----------
    name : str
        What it is called in provenance and messages.
    suffixes : tuple of str
        File suffixes in lower case, with the dot.
    home : str
        ``module:function`` that reads paths with `ReadOptions`, imported when first used.
    """

    name: str
    suffixes: tuple[str, ...]
    home: str

    def read(self, paths: tuple[Path, ...], options: ReadOptions) -> FieldOfView:
        """Read a field of view; see `read_field` for the errors."""
        module, function = self.home.split(":")
        read: Callable[[tuple[Path, ...], ReadOptions], FieldOfView]
        read = getattr(import_module(f"napari_nanodope.io.{module}"), function)
        return read(paths, options)


_READERS = (
    Reader("NumPy archive", (".npz",), "arrays:read_npz"),
    Reader("TIFF maps", (".tif", ".tiff"), "tiff:read_tiff"),
    Reader(
        "spectrum image",
        (".hspy", ".emd", ".bcf", ".dm3", ".dm4", ".asw", ".pts", ".emi", ".rpl"),
        "spectrum_image:read_spectrum_image",
    ),
)


def list_readers() -> tuple[Reader, ...]:
    """Every kind of input that `read_field` knows."""
    return _READERS


def read_field(
    path: str | Path | Iterable[str | Path],
    elements: Iterable[str] | None = None,
    lines: Mapping[str, str] | None = None,
    *,
    survey: str | Path | None = None,
    pixel_size_nm: float | tuple[float, float] | None = None,
    sample_id: str = "",
) -> FieldOfView:
    """Calibrated field of view from microscope files.

    Parameters
    ----------
    path : path or iterable of paths
        A spectrum image, a multi-page TIFF or a NumPy archive; or a folder or list of single-map
        TIFF files, elements taken from their names.
    elements : iterable of str, optional
        Elements to map; by default all that the file names.
    lines : mapping, optional
        X-ray line family by element for spectrum images, as in ``{"Cd": "La"}``.
    survey : path, optional
        A single image to use as survey.
    pixel_size_nm : float or (float, float), optional
        Use this calibration instead of the file's.
    sample_id : str, optional
        Sample that the field belongs to.

    Returns
    -------
    FieldOfView
        Survey and net maps in counts, pixel size in nm, and the digest of the bytes read.

    Raises
    ------
    UnreadableFileError
        If a file is missing, damaged, or of a kind that no reader knows.
    InputError
        If an element is unknown or absent, or there is no calibration.
    """
    paths = _resolve(path)
    reader = _choose(paths)
    wanted = tuple(elements or ())
    for symbol in (*wanted, *(lines or {})):
        if not is_element(symbol):
            raise InputError(
                f"Expected element symbols such as 'Cd' or 'Mn', got {symbol!r}; check it."
            )
    options = ReadOptions(
        elements=wanted,
        lines=lines,
        survey=_resolve(survey)[0] if survey is not None else None,
        pixel_size_nm=None if pixel_size_nm is None else as_pixel_size_nm(pixel_size_nm),
        sample_id=sample_id,
    )
    field = reader.read(paths, options)
    told = {
        "pixel_size_nm": options.pixel_size_nm,
        "survey": str(options.survey) if options.survey else None,
        "lines": dict(lines) if lines else None,
    }
    given = {name: value for name, value in told.items() if value is not None}
    if field.source is None or not given:
        return field
    settings = {**field.source.settings, "given": given}
    return replace(field, source=replace(field.source, settings=settings))


def _resolve(path: str | Path | Iterable[str | Path]) -> tuple[Path, ...]:
    """Files to read: those given, or the maps of a folder."""
    given = (Path(path),) if isinstance(path, str | Path) else tuple(map(Path, path))
    if not given:
        raise UnreadableFileError("Expected a file to read, got an empty list; name one.")
    for one in given:
        if not one.exists():
            raise UnreadableFileError(
                f"Expected a file or folder to read, got {one}, which does not exist; check the "
                f"path."
            )
    if len(given) > 1 or not given[0].is_dir():
        return given
    maps = sorted(f for f in given[0].iterdir() if f.suffix.lower() in (".tif", ".tiff"))
    if not maps:
        raise UnreadableFileError(
            f"Expected TIFF maps in the folder {given[0]}, got none; name a file instead."
        )
    return tuple(maps)


def _choose(paths: tuple[Path, ...]) -> Reader:
    suffixes = {path.suffix.lower() for path in paths}
    for reader in _READERS:
        if suffixes <= set(reader.suffixes):
            return reader
    known = ", ".join(suffix for reader in _READERS for suffix in reader.suffixes)
    raise UnreadableFileError(
        f"Expected files of one kind ({known}), got {', '.join(map(str, paths))}; export as TIFF "
        f"or NumPy archive."
    )
