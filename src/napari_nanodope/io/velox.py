"""Spectrum images of Velox: streams of X-ray events, counted as they are read."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_nanodope.core.channels import NEXT_PIXEL, ChannelSums, EventSums, as_ranges
from napari_nanodope.core.xray import EnergyAxis
from napari_nanodope.io.cubes import combine_all
from napari_nanodope.io.files import UnreadableFileError
from napari_nanodope.io.units import to_nm
from napari_nanodope.model import InputError

_STREAMS, _IMAGES = "Data/SpectrumStream", "Data/Image"
_PIECE = 1 << 22  # events read at a time
_MAX_PIXELS, _MAX_EMPTY, _MAX_CHANNELS = 1 << 28, 1 << 20, 1 << 16


@dataclass(frozen=True, slots=True)
class VeloxCube:
    """Events of the chosen detectors and frames of a Velox file.

    Attributes
    ----------
    path : Path
        The file, opened only while it is read.
    detectors : tuple of str
        Data sets of events, one for each detector; they are added up.
    shape : (int, int, int)
        Rows, columns and channels.
    frames : (int, int)
        First frame that counts, and the end.
    """

    path: Path
    detectors: tuple[str, ...]
    shape: tuple[int, int, int]
    frames: tuple[int, int]

    def sum_channels(
        self, ranges: Iterable[tuple[int, int]], weights: NDArray[np.float64] | None = None
    ) -> ChannelSums:
        """Counts of every pixel in ranges of channels, or weighted sums, and the sum spectrum."""
        return combine_all(self._count(as_ranges(ranges, self.shape[2])), weights)

    def sum_spectrum(self, mask: NDArray[np.bool_]) -> NDArray[np.generic]:
        """Spectrum (E,) summed over the pixels where `mask` (Y, X) is true."""
        return self._count(as_ranges([], self.shape[2]), mask).spectrum

    def sample_spectrum(self) -> NDArray[np.generic]:
        """Spectrum (E,) of all pixels; events are few enough to look at them all."""
        return self.sum_channels([]).spectrum

    def _count(
        self, ranges: NDArray[np.int64], mask: NDArray[np.bool_] | None = None
    ) -> ChannelSums:
        sums = EventSums(self.shape, ranges, self.frames, mask)
        with h5py.File(self.path) as file:
            for name in self.detectors:
                events = file[name]
                sums.restart()
                for start in range(0, events.shape[0], _PIECE):
                    sums.add(events[start : start + _PIECE, 0])
        if sums.n_lost:
            raise UnreadableFileError(
                f"Expected channels below {self.shape[2]} in {self.path}, got {sums.n_lost} events "
                f"beyond; the file is damaged, copy it again."
            )
        return sums.result()


@dataclass(frozen=True, slots=True)
class VeloxScan:
    """What a Velox file says of its spectrum image.

    Attributes
    ----------
    cube : VeloxCube
        Its counts.
    energy : EnergyAxis
        Energy of the channels.
    pixel_size_nm : (float, float), optional
        Height and width of a pixel.
    n_frames : int
        Frames that the file holds.
    """

    cube: VeloxCube
    energy: EnergyAxis
    pixel_size_nm: tuple[float, float] | None
    n_frames: int


def has_streams(path: Path) -> bool:
    """Whether a file is an HDF5 file with event streams of Velox."""
    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path) as file:
        return bool(len(file.get(_STREAMS, ())))


def open_scan(
    path: Path,
    detectors: Literal["sum"] | tuple[int, ...] = "sum",
    frames: Literal["sum"] | tuple[int, int] = "sum",
) -> VeloxScan:
    """Spectrum image of a Velox file; nothing but its description is read.

    Parameters
    ----------
    path : Path
        A file for which `has_streams` is true.
    detectors : "sum" or tuple of int, optional
        Detectors to add up, counted from 0.
    frames : "sum" or (int, int), optional
        First frame and end, counted from 0.

    Raises
    ------
    InputError
        If there is no such detector or frame.

    Notes
    -----
    A stream lists the channel of each X-ray in the order of the scan, with 65535 between pixels;
    the number of those markers over the number of pixels is the number of frames.
    """
    with h5py.File(path) as file:
        names = sorted(file[_STREAMS])
        chosen = _choose(names, detectors, path)
        group = file[_STREAMS][chosen[0]]
        settings = json.loads(group["AcquisitionSettings"][0])
        about = _load_json(group["Metadata"][:, 0])
        rows, columns = _scan_shape(file, settings, group)
        shape = rows, columns, int(settings["bincount"])
        if not (0 < rows * columns <= _MAX_PIXELS and 0 < shape[2] <= _MAX_CHANNELS):
            raise UnreadableFileError(
                f"Expected a scan and its spectra in {path}, got {rows} x {columns} pixels of "
                f"{shape[2]} channels; the file is damaged, copy it again."
            )
        if rows * columns > _MAX_EMPTY + 16 * group["Data"].shape[0]:
            raise UnreadableFileError(
                f"Expected X-rays for {rows} x {columns} pixels in {path}, got "
                f"{group['Data'].shape[0]} events; the file is damaged, copy it again."
            )
        n_frames = _stated_frames(file) or -(-_count_markers(group["Data"]) // (rows * columns))
    first, end = (0, n_frames) if frames == "sum" else frames
    if not 0 <= first < end <= n_frames:
        raise InputError(
            f"Expected frames from 0 to {n_frames} in {path}, got {first} to {end}; choose others."
        )
    cube = VeloxCube(path, tuple(f"{_STREAMS}/{name}/Data" for name in chosen), shape, (first, end))
    return VeloxScan(cube, _read_energy(about, shape[2]), _read_pixel_size(about), n_frames)


def _choose(names: list[str], detectors: Literal["sum"] | tuple[int, ...], path: Path) -> list[str]:
    if detectors == "sum":
        return names
    if not detectors or max(detectors) >= len(names):
        raise InputError(
            f"Expected detectors from 0 to {len(names) - 1} in {path}, got "
            f"{', '.join(map(str, detectors)) or 'none'}; choose others."
        )
    return [names[i] for i in detectors]


def _load_json(column: NDArray[np.uint8]) -> dict[str, Any]:
    value = json.loads(column.tobytes().rstrip(b"\0").decode("utf-8"))
    return value if isinstance(value, dict) else {}


def _scan_shape(file: h5py.File, settings: Mapping[str, Any], stream: h5py.Group) -> list[int]:
    """Rows and columns: those of an image with as many pixels as the stream has per frame.

    The raster that the settings state may be that of the whole field, of which a part was scanned.
    """
    shapes = {image["Data"].shape[:2] for image in file.get(_IMAGES, {}).values()}
    scan = settings.get("RasterScanDefinition", {})
    raster = {(int(scan.get("Height", 0)), int(scan.get("Width", 0)))}
    if shapes and shapes != raster:
        n_pixels = _count_pixels(stream, _stated_frames(file))
        images, rasters = (
            {shape for shape in some if abs(shape[0] * shape[1] - n_pixels) <= 1}
            for some in (shapes, raster)
        )
        shapes, raster = images or rasters, set()
    shapes = shapes or raster
    if len(shapes) != 1:
        raise UnreadableFileError(
            f"Expected an image on the pixels of the spectrum image in {file.filename}, got none "
            f"that fits; save the file with Velox again."
        )
    return [int(n) for n in shapes.pop()]


def _count_pixels(stream: h5py.Group, n_frames: int | None) -> float:
    """Pixels of one frame: markers up to where the second begins, or of all over their number."""
    table = stream.get("FrameLocationTable")
    if table is not None and table.shape[0] > 1:
        return _count_markers(stream["Data"], int(table[1, 0]))
    return _count_markers(stream["Data"]) / (n_frames or 1)


def _stated_frames(file: h5py.File) -> int | None:
    for group in file.get("Data/SpectrumImage", {}).values():
        settings = group.get("SpectrumImageSettings")
        end = json.loads(settings[0]).get("endFramePosition") if settings is not None else None
        if end is not None:
            return max(int(end), 1)
    return None


def _count_markers(events: h5py.Dataset, end: int | None = None) -> int:
    end = min(end or events.shape[0], events.shape[0])
    return sum(
        int(np.count_nonzero(events[start : min(start + _PIECE, end), 0] == NEXT_PIXEL))
        for start in range(0, end, _PIECE)
    )


def _read_energy(about: Mapping[str, Any], n_channels: int) -> EnergyAxis:
    name = about["BinaryResult"]["Detector"]
    for detector in about["Detectors"].values():
        if name in detector.get("DetectorName", "") and "Dispersion" in detector:
            step_keV = float(detector["Dispersion"]) / 1000
            return EnergyAxis(float(detector["OffsetEnergy"]) / 1000, step_keV, n_channels)
    raise UnreadableFileError(
        f"Expected the energy calibration of detector {name}, got none; save the file with Velox "
        f"again."
    )


def _read_pixel_size(about: Mapping[str, Any]) -> tuple[float, float] | None:
    result = about["BinaryResult"]
    size, unit = result.get("PixelSize", {}), to_nm(str(result.get("PixelUnitX", "")))
    if unit is None or not {"height", "width"} <= set(size):
        return None
    return abs(float(size["height"])) * unit, abs(float(size["width"])) * unit
