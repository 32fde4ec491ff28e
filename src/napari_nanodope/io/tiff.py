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
    sizes_nm : list of (float, float) or None
        Height and width of a pixel of each, where the file states them.
    """

    images: list[NDArray[Any]]
    names: list[str]
    sizes_nm: list[tuple[float, float] | None]


def open_tiff(path: Path, options: "ReadOptions") -> Content:
    """Images of a TIFF file; names of pages, or of the file where it has one image, tell elements.

    Raises
    ------
    UnreadableFileError
        If it is no TIFF or holds colours.
    """
    pages = read_pages(path)
    signals = []
    for image, page_name, size_nm in zip(pages.images, pages.names, pages.sizes_nm, strict=True):
        name = page_name if len(pages.images) > 1 else path.stem
        element, problem = read_role(name)
        signals.append(
            Signal(
                name=name,
                kind="image",
                shape=image.shape,
                dtype=str(image.dtype),
                pixel_size_nm=size_nm,
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


def read_pages(path: Path, *, is_indexed: bool = False) -> Pages:
    """Every image of a TIFF file, with names and calibration where it has them.

    Parameters
    ----------
    path : Path
        The file.
    is_indexed : bool, optional
        Whether to take the numbers before a colour table, as for labels, instead of refusing it.

    Raises
    ------
    UnreadableFileError
        If it is damaged, empty, in colours, or has more than one stack axis.
    """
    pages = Pages([], [], [])
    try:
        with _quiet_tifffile(), tifffile.TiffFile(path) as tiff:
            imagej = tiff.imagej_metadata or {}
            series = _list_series(tiff)
            check_size(sum(one.nbytes for one, *_ in series), path)
            for one, names, size_ome in series:
                _check_series(one, path, is_indexed=is_indexed)
                page = one.keyframe
                images = list(one.asarray().reshape(-1, page.imagelength, page.imagewidth))
                pages.images.extend(images)
                pages.names.extend([*names, *[""] * len(images)][: len(images)])
                size = size_ome or _read_calibration(page, imagej)
                pages.sizes_nm.extend([size] * len(images))
    except UnreadableFileError:
        raise
    except Exception as error:  # damaged files fail in every way there is
        raise UnreadableFileError(
            f"Expected a TIFF image at {path}, got: {str(error) or 'no image in it'}; export it "
            f"again."
        ) from None
    if not pages.images:
        raise UnreadableFileError(f"Expected a TIFF image at {path}, got none; export it again.")
    if len(pages.images) < int(imagej.get("images", 1)):
        raise UnreadableFileError(
            f"Expected {imagej['images']} images in {path}, got {len(pages.images)}: the file is "
            f"cut short; copy it again."
        )
    return pages


def _list_series(
    tiff: tifffile.TiffFile,
) -> list[tuple[tifffile.TiffPageSeries, list[str], tuple[float, float] | None]]:
    """Images or stacks alike, with names of their pages and the size that OME states.

    Smaller copies for quick display are left out.
    """
    series = list(tiff.series)
    told = read_ome(str(tiff.ome_metadata)) if tiff.is_ome else []
    if len(told) == len(series):
        found = [
            (one, about.names, about.pixel_size_nm) for one, about in zip(series, told, strict=True)
        ]
    else:
        labels = [str(name) for name in (tiff.imagej_metadata or {}).get("Labels") or ()]
        found = [(one, labels or list(map(_name_page, one.pages)), None) for one in series]
    return [row for row in found if not row[0].keyframe.is_reduced] or found


def _check_series(series: tifffile.TiffPageSeries, path: Path, *, is_indexed: bool) -> None:
    """Raise unless pages are images of grey values along one axis at most."""
    page = series.keyframe
    colours = "colours (RGB)" if page.samplesperpixel > 1 else ""
    if not is_indexed and page.photometric == tifffile.PHOTOMETRIC.PALETTE:
        colours = "" if _is_grey_ramp(page.colormap) else "a colour table"
    if colours:
        raise UnreadableFileError(
            f"Expected grey values in {path}, got {colours}; export the map as counts, 32-bit "
            f"grey, without a colour table."
        )
    if min(series.shape, default=0) == 0:
        raise UnreadableFileError(
            f"Expected pixels in {path}, got an empty image; export it again."
        )
    lengths = zip(series.shape, series.axes, strict=True)
    if sum(n > 1 and axis not in "YXS" for n, axis in lengths) > 1:
        raise UnreadableFileError(
            f"Expected an image or one stack of images in {path}, got shape {series.shape}; export "
            f"one image per element."
        )


def _is_grey_ramp(colours: NDArray[Any] | None) -> bool:
    """Whether a colour table (3, N) of 16 bits shows every number as its own grey."""
    if colours is None:
        return False
    step = 65535 / (colours.shape[1] - 1)
    return bool(np.all(np.abs(colours - step * np.arange(colours.shape[1])) <= step))


def list_names(path: Path) -> Iterator[str]:
    """Name of a single image, or what a stack calls its pages; no pixel is read."""
    try:
        with _quiet_tifffile(), tifffile.TiffFile(path) as tiff:
            names = [name for _, listed, _ in _list_series(tiff) for name in listed]
            if len(tiff.pages) > 1 or len(names) > 1:
                yield from names
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
