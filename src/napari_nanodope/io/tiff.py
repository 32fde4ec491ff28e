"""Element maps as TIFF: one file per element and a survey, or one multi-page file."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_nanodope.io.files import UnreadableFileError, check_size, replacing
from napari_nanodope.io.names import read_role
from napari_nanodope.io.ome import read_ome
from napari_nanodope.io.signals import Content, Signal
from napari_nanodope.io.units import to_nm
from napari_nanodope.model import FieldOfView

if TYPE_CHECKING:
    from napari_nanodope.io import ReadOptions

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


def open_tiff(path: Path, options: "ReadOptions") -> Content:
    """Images of a TIFF file; names of pages, or of the file where it has one image, tell elements.

    Raises
    ------
    UnreadableFileError
        If it is no TIFF or holds colours.
    """
    pages = read_pages(path)
    signals = []
    for image, page_name in zip(pages.images, pages.names, strict=True):
        name = page_name if len(pages.images) > 1 else path.stem
        element, problem = read_role(name)
        signals.append(
            Signal(
                name=name,
                kind="image",
                shape=image.shape,
                dtype=str(image.dtype),
                pixel_size_nm=pages.pixel_size_nm,
                element=element,
                problem=problem,
                load_image=partial(np.asarray, image),
            )
        )
    return Content(tuple(signals), (path,), is_named_by_person=True)


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
            told = read_ome(str(tiff.ome_metadata)) if tiff.is_ome else ([], None)
            series = tiff.series[0]
            page = tiff.pages.first
            stack = [
                n
                for n, axis in zip(series.shape, series.axes, strict=True)
                if n > 1 and axis not in "YXS"
            ]
            check_size(series.nbytes, path)
            data = series.asarray()
            imagej = tiff.imagej_metadata or {}
            descriptions = [_name_page(page) for page in tiff.pages]
            size = told[1] or _read_calibration(page, imagej)
    except UnreadableFileError:
        raise
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
    if min(data.shape, default=0) == 0:
        raise UnreadableFileError(
            f"Expected pixels in {path}, got an empty image; export it again."
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
    names = [str(name) for name in imagej.get("Labels") or told[0] or descriptions[: len(images)]]
    names += [""] * (len(images) - len(names))
    return Pages(images=images, names=names[: len(images)], pixel_size_nm=size)


def list_names(path: Path) -> Iterator[str]:
    """Name of a single image, or what a stack calls its pages; no pixel is read."""
    try:
        with _quiet_tifffile(), tifffile.TiffFile(path) as tiff:
            labels = (tiff.imagej_metadata or {}).get("Labels")
            if tiff.is_ome:
                labels, _ = read_ome(str(tiff.ome_metadata))
            if len(tiff.pages) > 1 or labels:
                yield from map(str, labels or map(_name_page, tiff.pages))
                return
    except Exception:  # damaged files fail in every way there is; reading says how
        return
    yield path.stem


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
