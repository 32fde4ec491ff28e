"""Element maps as TIFF: one file per element and a survey, or one multi-page file."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_nanodope.io.files import UnreadableFileError, hash_files, replacing
from napari_nanodope.io.survey import read_survey
from napari_nanodope.io.units import to_nm
from napari_nanodope.model import FieldOfView, InputError, Source, is_element

if TYPE_CHECKING:
    from napari_nanodope.io import ReadOptions

_SURVEY_WORDS = {"HAADF", "ADF", "ABF", "BF", "DF", "STEM", "SURVEY", "IMAGE", "SE", "BSE"}
_LINE_FAMILIES = {"K", "L", "M", "Ka", "La", "Ma", "Kb", "Lb", "Mb"}
_PER_INCH_NM, _PER_CM_NM = 2.54e7, 1e7


@dataclass(frozen=True, slots=True)
class Pages:
    """The images of one TIFF file.

    Attributes
    ----------
    images : list of (Y, X) arrays
        One per page or channel.
    names : list of str
        What the file calls each; empty where it does not.
    pixel_size_nm : (float, float), optional
        Height and width of a pixel, where the file states them.
    """

    images: list[NDArray[Any]]
    names: list[str]
    pixel_size_nm: tuple[float, float] | None


def read_tiff(paths: tuple[Path, ...], options: "ReadOptions") -> FieldOfView:
    """Field from TIFF maps; elements are taken from the names of pages or files.

    Raises
    ------
    UnreadableFileError
        If a file is no TIFF or holds colours.
    InputError
        If names are ambiguous, an element is missing, or there is no calibration.
    """
    images: dict[str, NDArray[Any]] = {}
    sizes: list[tuple[float, float]] = []
    for path in paths:
        pages = read_pages(path)
        for image, name in zip(pages.images, pages.names, strict=True):
            role = _role_of(name if len(pages.images) > 1 else path.stem, path)
            if role in images:
                raise InputError(
                    f"Expected one {role} image, got a second one in {path}; list the files to use."
                )
            images[role] = image
        sizes += [pages.pixel_size_nm] if pages.pixel_size_nm else []
    if options.survey is not None:
        images["survey"] = read_survey(options.survey)
    return _assemble(images, sizes, paths, options)


def write_tiff(field: FieldOfView, path: Path) -> None:
    """Write survey and maps as one calibrated multi-channel TIFF that ImageJ and Fiji open."""
    stack = np.stack([field.survey, *field.maps.values()]).astype(np.float32)
    dy, dx = field.pixel_size_nm
    with replacing(path) as partial:
        tifffile.imwrite(
            partial,
            stack,
            imagej=True,
            resolution=(1 / dx, 1 / dy),
            metadata={"axes": "CYX", "unit": "nm", "Labels": ["survey", *field.maps]},
        )


def read_pages(path: Path) -> Pages:
    """Every image of a TIFF file, with names and calibration where it has them.

    Raises
    ------
    UnreadableFileError
        If it is damaged, empty, in colours, or has more than one stack axis.
    """
    try:
        with _quiet_tifffile(), tifffile.TiffFile(path) as tiff:
            series = tiff.series[0]
            page = tiff.pages.first
            stack = [
                n
                for n, axis in zip(series.shape, series.axes, strict=True)
                if n > 1 and axis not in "YXS"
            ]
            data = series.asarray()
            imagej = tiff.imagej_metadata or {}
            descriptions = [_name_page(page) for page in tiff.pages]
            size = _read_calibration(page, imagej)
    except Exception as error:  # damaged files fail in every way there is
        raise UnreadableFileError(
            f"Expected a TIFF image at {path}, got: {str(error) or 'no image in it'}; export it "
            f"again."
        ) from None
    if page.samplesperpixel > 1:
        raise UnreadableFileError(
            f"Expected grey values in {path}, got colours (RGB); export the map as counts, 32-bit "
            f"grey, without a colour table."
        )
    if len(stack) > 1:
        raise UnreadableFileError(
            f"Expected an image or one stack of images in {path}, got shape {data.shape}; export "
            f"one image per element."
        )
    images = list(data.reshape(-1, page.imagelength, page.imagewidth))
    if len(images) < int(imagej.get("images", 1)):
        raise UnreadableFileError(
            f"Expected {imagej['images']} images in {path}, got {len(images)}: the file is cut "
            f"short; copy it again."
        )
    names = [str(name) for name in imagej.get("Labels") or descriptions[: len(images)]]
    names += [""] * (len(images) - len(names))
    return Pages(images=images, names=names[: len(images)], pixel_size_nm=size)


def element_in_name(name: str) -> str | None:
    """Element that a file or page name tells, as in ``scan3_Cd-net`` or ``Mn K``.

    Raises
    ------
    InputError
        If it tells more than one.
    """
    words = re.findall(r"[A-Za-z]+", name)
    found = []
    for i, word in enumerate(words):
        after_element = i > 0 and is_element(words[i - 1])
        if is_element(word) and not (word in _LINE_FAMILIES and after_element):
            found.append(word)
        elif (match := re.fullmatch(r"([A-Z][a-z]?)([KLM][a-z]?)", word)) and is_element(match[1]):
            found.append(match[1])
    if len(set(found)) > 1:
        raise InputError(
            f"Expected one element in the name {name!r}, got {' and '.join(dict.fromkeys(found))}; "
            f"rename it to <sample>_<element>.tif."
        )
    return found[0] if found else None


def _role_of(name: str, path: Path) -> str:
    element = element_in_name(name)
    if element is None:
        if {word.upper() for word in re.findall(r"[A-Za-z]+", name)} & _SURVEY_WORDS:
            return "survey"
        raise InputError(
            f"Expected an element or HAADF in the name {name!r} of {path}, got neither; rename it "
            f"to <sample>_Cd.tif or <sample>_HAADF.tif."
        )
    return element


def _assemble(
    images: dict[str, NDArray[Any]],
    sizes: list[tuple[float, float]],
    paths: tuple[Path, ...],
    options: "ReadOptions",
) -> FieldOfView:
    symbols = options.elements or tuple(role for role in images if role != "survey")
    missing = [symbol for symbol in symbols if symbol not in images]
    if missing or not symbols:
        raise InputError(
            f"Expected maps of {', '.join(missing) or 'elements'} among the TIFF images, got "
            f"{', '.join(images)}; add the files or choose other elements."
        )
    size = options.pixel_size_nm or (sizes[0] if sizes else None)
    if size is None:
        raise InputError(
            f"Expected a calibration in nm in {paths[0]}, got none; give pixel_size_nm=0.7, say "
            f"(--pixel-size-nm)."
        )
    if options.pixel_size_nm is None and any(not np.allclose(size, s, rtol=1e-3) for s in sizes):
        raise InputError(
            f"Expected one calibration, got {', '.join(map(str, dict.fromkeys(sizes)))} nm; give "
            f"pixel_size_nm to overrule them."
        )
    has_survey = "survey" in images
    if not has_survey:
        first = images[symbols[0]]
        same = [image for image in images.values() if image.shape == first.shape]
        images["survey"] = np.asarray(np.sum(same, axis=0, dtype=np.float32))
    files = [*paths, *([options.survey] if options.survey else [])]
    parent = paths[0].parent.name if len(paths) > 1 else paths[0].stem
    return FieldOfView(
        survey=images["survey"],
        maps={symbol: images[symbol] for symbol in symbols},
        pixel_size_nm=size,
        sample_id=options.sample_id,
        field_id=parent,
        source=Source(
            str(paths[0] if len(paths) == 1 else paths[0].parent),
            hash_files(files),
            "TIFF maps",
            {"files": [file.name for file in files], "elements": list(symbols)},
        ),
        survey_kind="image" if has_survey else "counts",
    )


@contextmanager
def _quiet_tifffile() -> Iterator[None]:
    """Keep tifffile from logging what is told as an error anyway."""
    log = logging.getLogger("tifffile")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)


def _name_page(page: Any) -> str:
    """Description of a page; empty where it is a block of metadata rather than a name."""
    text = str(getattr(page, "description", "")).strip()
    return "" if text.startswith(("<", "{")) or "\n" in text else text


def _read_calibration(page: Any, imagej: dict[str, Any]) -> tuple[float, float] | None:
    try:
        per_x, per_y = (page.tags[name].value for name in ("XResolution", "YResolution"))
        density_x, density_y = per_x[0] / per_x[1], per_y[0] / per_y[1]
    except (KeyError, ZeroDivisionError, TypeError, IndexError):
        return None
    if not (density_x > 0 and density_y > 0):
        return None
    unit = page.tags.get("ResolutionUnit")
    if imagej.get("unit"):
        scale = to_nm(str(imagej["unit"]))
    else:
        scale = {2: _PER_INCH_NM, 3: _PER_CM_NM}.get(int(unit.value) if unit else 1)
    if scale is None or (not imagej.get("unit") and scale / density_x > 1e4):
        return None  # printing resolutions, such as 72 per inch, are no calibration
    return _tidy(scale / density_y), _tidy(scale / density_x)


def _tidy(value: float) -> float:
    """Undo the rounding of TIFF's fractions of 32-bit integers."""
    return float(f"{value:.6g}")
