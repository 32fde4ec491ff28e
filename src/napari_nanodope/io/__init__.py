"""Reading fields of view: one module per kind of input, chosen by suffix and content."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_nanodope.io.arrays import read_labels as read_labels
from napari_nanodope.io.files import UnreadableFileError as UnreadableFileError
from napari_nanodope.io.options import ReadOptions as ReadOptions
from napari_nanodope.io.options import (
    as_detectors,
    as_elements,
    as_frames,
    as_lines,
)
from napari_nanodope.model import FieldOfView, InputError, as_pixel_size_nm
from napari_nanodope.recipe import LineWindows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from napari_nanodope.io.choice import Request
    from napari_nanodope.io.signals import Content, Signal
    from napari_nanodope.io.spectrum import SumSpectrum


@dataclass(frozen=True, slots=True)
class Reader:
    """A kind of input.

    Attributes
    ----------
    name : str
        What it is called in messages.
    suffixes : tuple of str
        File suffixes in lower case, with the dot.
    home : str
        ``module:function`` that opens a path with `ReadOptions`, imported when first used.
    """

    name: str
    suffixes: tuple[str, ...]
    home: str

    def open(self, path: Path, options: ReadOptions) -> "Content":
        """Open a file; see `list_signals` for the errors."""
        module, function = self.home.split(":")
        open_file: Callable[[Path, ReadOptions], Content]
        open_file = getattr(import_module(f"napari_nanodope.io.{module}"), function)
        return replace(open_file(path, options), reader=self.name)


_READERS = (
    Reader("NumPy archive", (".npz",), "arrays:open_npz"),
    Reader("image", (".npy", ".png"), "arrays:open_image"),
    Reader("TIFF", (".tif", ".tiff"), "tiff:open_tiff"),
    Reader("HyperSpy", (".hspy", ".zspy"), "vendor:open_vendor"),
    Reader("Velox or NCEM", (".emd",), "vendor:open_vendor"),
    Reader("Bruker", (".bcf",), "vendor:open_vendor"),
    Reader("Gatan", (".dm3", ".dm4"), "vendor:open_vendor"),
    Reader("JEOL", (".asw", ".pts", ".map", ".img"), "vendor:open_vendor"),
    Reader("TIA", (".emi", ".ser"), "vendor:open_vendor"),
    Reader("EDAX", (".spd",), "vendor:open_vendor"),
    Reader("Lispix", (".rpl",), "vendor:open_vendor"),
)
_FOLDERS = (".zspy",)
_BEGINNINGS = {  # offset and bytes by which a file is known, where its format has any
    ".npz": (0, b"PK"),
    ".npy": (0, b"\x93NUMPY"),
    ".png": (0, b"\x89PNG"),
    ".hspy": (0, b"\x89HDF"),
    ".emd": (0, b"\x89HDF"),
    ".bcf": (0, b"AAMVHFSS"),
    ".dm3": (0, b"\x00\x00\x00\x03"),
    ".dm4": (0, b"\x00\x00\x00\x04"),
    ".pts": (4, b"PTTDFILE"),
    ".map": (4, b"JED-"),
    ".img": (4, b"JED-"),
    ".ser": (0, b"II\x97\x01"),
    ".emi": (0, b"JK"),
}


def list_readers() -> tuple[Reader, ...]:
    """Every kind of input that `read_field` knows."""
    return _READERS


def read_field(  # noqa: PLR0913 - what a person may have to tell, by name
    path: str | Path | Iterable[str | Path],
    elements: Iterable[str] | None = None,
    lines: Mapping[str, str | LineWindows] | None = None,
    survey: str | Path | None = None,
    *,
    detectors: Literal["sum"] | int | Iterable[int] = "sum",
    frames: Literal["sum"] | tuple[int, int] = "sum",
    pixel_size_nm: float | tuple[float, float] | None = None,
    sample_id: str = "",
) -> FieldOfView:
    """Calibrated field of view from microscope files.

    Parameters
    ----------
    path : path or iterable of paths
        A spectrum image, an image, a stack of maps or a NumPy archive; or a folder or list of
        single-element maps, elements taken from their names.
    elements : iterable of str, optional
        Elements to map; by default all that the file names, else those that its spectrum shows.
    lines : mapping, optional
        X-ray line by element for spectrum images, as in ``{"Cd": "La"}``, or its `LineWindows`.
    survey : path, optional
        File of a survey image that lies apart.
    detectors : "sum", int or iterable of int, optional
        Which detectors to add up, counted from 0.
    frames : "sum" or (int, int), optional
        First frame to add up and end, counted from 0; the end is left out.
    pixel_size_nm : float or (float, float), optional
        Use this calibration instead of the file's.
    sample_id : str, optional
        Sample that the field belongs to.

    Returns
    -------
    FieldOfView
        Survey and net maps in counts, pixel size in nm, the digest of the bytes read, and
        warnings of what is doubtful.

    Raises
    ------
    UnreadableFileError
        If a file is missing, damaged, or of a kind that no reader knows.
    InputError
        If an element is unknown or absent, names are ambiguous, or there is no calibration.

    Notes
    -----
    Counts are summed over windows of energy in one pass; the background beside a line is
    subtracted and negative net values are kept (`napari_nanodope.core.xray`). A survey on other
    pixels is resampled onto those of the maps where both show the same area to 1 %.
    """
    options = _options(elements, lines, survey, detectors, frames, pixel_size_nm, sample_id)
    return _read(*_open_all(path, options), options)


def read_spectrum(
    path: str | Path | Iterable[str | Path],
    mask: "ArrayLike | None" = None,
    *,
    detectors: Literal["sum"] | int | Iterable[int] = "sum",
    frames: Literal["sum"] | tuple[int, int] = "sum",
) -> "SumSpectrum":
    """Sum spectrum of a file's spectrum image, over all its pixels or those of a mask.

    Parameters
    ----------
    path : path or iterable of paths
        As for `read_field`.
    mask : (Y, X) bool array, optional
        Pixels to sum over, as in ``labels > 0``; all of them by default.
    detectors, frames : optional
        As for `read_field`.

    Returns
    -------
    SumSpectrum
        Energies in keV and counts per channel, in one pass; with a mask, parts of the file without
        any of its pixels are passed over.

    Raises
    ------
    UnreadableFileError
        If a file is missing, damaged, or of a kind that no reader knows.
    InputError
        If there is no spectrum image or no energy in it, or the mask does not fit it.
    """
    from napari_nanodope.io.spectrum import sum_spectrum  # noqa: PLC0415 - not for the registry

    options = _options(None, None, None, detectors, frames, None, "")
    return sum_spectrum(*_open_all(path, options), mask)


def list_signals(path: str | Path | Iterable[str | Path]) -> "tuple[Signal, ...]":
    """Every signal in a file: its shape, type and calibration, and as what it is used.

    Parameters
    ----------
    path : path or iterable of paths
        As for `read_field`.

    Returns
    -------
    tuple of Signal
        In the order of the file; ``use`` is empty where `read_field` passes over a signal, and
        ``reason`` says why.

    Raises
    ------
    UnreadableFileError
        If a file is missing, damaged, or of a kind that no reader knows.
    """
    contents, request = _open_all(path, ReadOptions())
    return _mark(contents, request)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file holds, and what `read_field` makes of it.

    Attributes
    ----------
    signals : tuple of Signal
        As `list_signals` gives them.
    field : FieldOfView, optional
        The field, where there is one.
    problem : str
        Why there is none; empty where there is.
    """

    signals: "tuple[Signal, ...]"
    field: FieldOfView | None
    problem: str


def inspect_file(
    path: str | Path | Iterable[str | Path],
    *,
    survey: str | Path | None = None,
    pixel_size_nm: float | tuple[float, float] | None = None,
    sample_id: str = "",
) -> Inspection:
    """Signals of a file and the field that they make; see `read_field` for the parameters.

    Raises
    ------
    UnreadableFileError
        If a file is missing, damaged, or of a kind that no reader knows.
    """
    options = _options(None, None, survey, "sum", "sum", pixel_size_nm, sample_id)
    contents, request = _open_all(path, options)
    signals = _mark(contents, request)
    try:
        return Inspection(signals, _read(contents, request, options), "")
    except InputError as error:
        return Inspection(signals, None, str(error))


def _read(contents: "list[Content]", request: "Request", options: ReadOptions) -> FieldOfView:
    from napari_nanodope.io.choice import choose_signals  # noqa: PLC0415 - not for the registry
    from napari_nanodope.io.fields import assemble_field, check_field  # noqa: PLC0415

    choice = choose_signals(contents, request)
    apart = None if options.survey is None else _open_survey(options.survey)
    field = check_field(assemble_field(contents, choice, apart, options))
    return _remember(field, options)


def _mark(contents: "list[Content]", request: "Request") -> "tuple[Signal, ...]":
    """Signals, each with its use and why, also where no field can be made of them."""
    from napari_nanodope.io.choice import choose_signals  # noqa: PLC0415 - not for the registry

    try:
        return choose_signals(contents, request).signals
    except InputError as error:
        reason = str(error)
        return tuple(
            replace(signal, reason=signal.problem or reason)
            for content in contents
            for signal in content.signals
        )


def _options(elements: Any, lines: Any, survey: str | Path | None, *others: Any) -> ReadOptions:
    detectors, frames, pixel_size_nm, sample_id = others
    wanted, told = as_elements(elements), as_lines(lines)
    if unasked := [symbol for symbol in told if wanted and symbol not in wanted]:
        raise InputError(
            f"Expected lines of the elements asked for ({', '.join(wanted)}), got a line of "
            f"{', '.join(unasked)}; add it to elements, or leave it out."
        )
    return ReadOptions(
        elements=wanted,
        lines=told,
        survey=None if survey is None else _as_path(survey),
        pixel_size_nm=None if pixel_size_nm is None else as_pixel_size_nm(pixel_size_nm),
        sample_id=sample_id,
        detectors=as_detectors(detectors),
        frames=as_frames(frames),
    )


def _open_all(
    path: str | Path | Iterable[str | Path], options: ReadOptions
) -> "tuple[list[Content], Request]":
    """Open every file; in a folder, pass over those that are no images."""
    from napari_nanodope.io.choice import Request  # noqa: PLC0415 - not for the registry
    from napari_nanodope.io.names import read_role  # noqa: PLC0415

    paths = _resolve(path)
    is_folder = isinstance(path, str | Path) and paths != (Path(path),)
    contents, passed = [], []
    for one in paths:
        try:
            contents.append(_find_reader(one).open(one, options))
        except UnreadableFileError as error:
            element, problem = read_role(one.stem)
            if (
                not is_folder
                or len(paths) == 1
                or (element and element in (options.elements or element))
            ):
                raise
            lost = "" if element or problem else ", and with it the survey"
            passed.append(f"{one.name} is passed over{lost}: {error}")
    _check_parts(contents, options)
    named = {s: one if isinstance(one, str) else one.line for s, one in options.lines.items()}
    request = Request(
        elements=options.elements,
        lines=tuple(named.items()),
        has_survey=options.survey is not None,
        is_folder=is_folder,
        passed=tuple(passed),
    )
    return contents, request


def _check_parts(contents: "list[Content]", options: ReadOptions) -> None:
    """Raise where detectors or frames are chosen of files that keep none apart."""
    signals = [signal for content in contents for signal in content.signals]
    cubes = [signal for signal in signals if signal.kind == "spectrum image"]
    if not contents or cubes:  # of which the reader has seen to it
        return
    path = contents[0].files[0]
    if options.detectors != "sum":
        raise InputError(
            f"Expected a spectrum image in {path}, of which to choose detectors, got none; leave "
            f"detectors='sum'."
        )
    is_stack = any(signal.kind == "image" and len(signal.shape) > 2 for signal in signals)
    if options.frames != "sum" and not is_stack:
        raise InputError(
            f"Expected a file that keeps frames apart, got {path}; leave frames='sum'."
        )


def _open_survey(path: Path) -> "Signal":
    """The one image of a file, or the one among several that is called a survey."""
    from napari_nanodope.io.names import is_survey_name  # noqa: PLC0415

    content = _find_reader(path).open(path, ReadOptions())
    images = [s for s in content.signals if s.kind == "image" and s.load_image is not None]
    if len(images) > 1:
        images = [signal for signal in images if is_survey_name(signal.name)]
    if len(images) != 1:
        raise UnreadableFileError(
            f"Expected one survey image in {path}, got {len(images) or 'none'}; save it alone."
        )
    return images[0]


def _remember(field: FieldOfView, options: ReadOptions) -> FieldOfView:
    """Add to the source what a person told."""
    told: dict[str, Any] = {
        "pixel_size_nm": options.pixel_size_nm,
        "survey": str(options.survey) if options.survey else None,
        "detectors": None if options.detectors == "sum" else options.detectors,
        "frames": None if options.frames == "sum" else options.frames,
        "lines": {
            symbol: one if isinstance(one, str) else one.model_dump(mode="json")
            for symbol, one in options.lines.items()
        },
    }
    given = {name: value for name, value in told.items() if value}
    if field.source is None or not given:
        return field
    settings = {**field.source.settings, "given": given}
    return replace(field, source=replace(field.source, settings=settings))


def _resolve(path: str | Path | Iterable[str | Path]) -> tuple[Path, ...]:
    """Files to read: those given, or the images of a folder."""
    if not isinstance(path, str | Path | Iterable):
        path = (path,)
    given = (_as_path(path),) if isinstance(path, str | Path) else tuple(map(_as_path, path))
    if not given:
        raise UnreadableFileError("Expected a file to read, got an empty list; name one.")
    folder = given[0]
    if len(given) > 1 or not folder.is_dir() or folder.suffix.lower() in _FOLDERS:
        return given
    files = [f for f in sorted(folder.iterdir()) if not f.name.startswith(".") and f.is_file()]
    for suffixes in ((".tif", ".tiff"), (".map", ".img"), (".dm3", ".dm4"), (".npy", ".png")):
        maps = [file for file in files if file.suffix.lower() in suffixes]
        if maps:
            return tuple(maps)
    raise UnreadableFileError(
        f"Expected one map per element, TIFF say, in the folder {folder}, got none; name a file "
        f"instead."
    )


def _as_path(path: Any) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise InputError(f"Expected the path of a file or folder, got {path!r}; name one.")
    if not Path(path).exists():
        raise UnreadableFileError(
            f"Expected a file or folder to read, got {path}, which does not exist; check the path."
        )
    return Path(path)


def is_known(path: Path) -> bool:
    """Whether a file is, by its suffix and first bytes, of a kind that `read_field` reads."""
    try:
        _find_reader(path)
    except UnreadableFileError:
        return False
    return True


def _find_reader(path: Path) -> Reader:
    suffix = path.suffix.lower()
    for reader in _READERS:
        if suffix in reader.suffixes:
            _check_beginning(path, reader.name)
            return reader
    known = ", ".join(suffix for reader in _READERS for suffix in reader.suffixes)
    raise UnreadableFileError(
        f"Expected files of a known kind ({known}), got {path}; export as TIFF or NumPy archive."
    )


def _check_beginning(path: Path, name: str) -> None:
    """Raise where a file cannot be what its suffix says."""
    suffix = path.suffix.lower()
    if path.is_dir() != (suffix in _FOLDERS):
        is_file = "a file" if suffix in _FOLDERS else "a folder"
        raise UnreadableFileError(
            f"Expected a {name} {'folder' if suffix in _FOLDERS else 'file'} at {path}, got "
            f"{is_file}; check the path."
        )
    offset, magic = _BEGINNINGS.get(suffix, (0, b""))
    if not magic:
        return
    try:
        with path.open("rb") as file:
            start = file.read(offset + len(magic))[offset:]
    except OSError as error:
        raise UnreadableFileError(
            f"Expected a file that can be read at {path}, got: {error.strerror}; check its rights."
        ) from None
    if start != magic:
        raise UnreadableFileError(
            f"Expected a {name} file at {path}, got one that begins differently "
            f"({start!r} instead of {magic!r}); check where it comes from."
        )
