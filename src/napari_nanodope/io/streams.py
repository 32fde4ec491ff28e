"""Spectrum images as Velox writes them: an image, and a stream of X-ray events."""

import json
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from napari_nanodope.core.channels import NEXT_PIXEL
from napari_nanodope.core.xray import EnergyAxis
from napari_nanodope.io.files import replacing
from napari_nanodope.model import InputError

_SURVEY, _XRAYS = "HAADF", "SuperXG1"
_VERSION = 10
_METADATA_BYTES = 4096
_NAMES = uuid.UUID("6f1f7c52-5f0b-4a5e-9a70-0c9f6a5e2f11")


@dataclass(frozen=True, slots=True, eq=False)
class XrayEvents:
    """X-rays of a scan, one by one.

    Attributes
    ----------
    pixel : (N,) int64 array
        In the order of the scan, row after row, counted from 0.
    channel : (N,) int64 array
        Of the energy axis.
    energy : EnergyAxis
        Energy of the channels.

    Raises
    ------
    InputError
        If there is a channel that the axis has not.
    """

    pixel: NDArray[np.int64]
    channel: NDArray[np.int64]
    energy: EnergyAxis

    def __post_init__(self) -> None:
        """Refuse what no detector counts."""
        n = min(self.energy.n_channels, NEXT_PIXEL)
        if (
            self.pixel.shape != self.channel.shape
            or not ((self.channel >= 0) & (self.channel < n)).all()
        ):
            raise InputError(f"Expected a channel below {n} for each X-ray, got others.")


def write_velox(
    path: Path,
    survey: NDArray[np.uint16],
    events: XrayEvents,
    pixel_size_nm: float,
    beam_keV: float = 200.0,
) -> None:
    """Write a survey and X-rays as one frame of a spectrum image, whole or not at all.

    Parameters
    ----------
    path : Path
        Of an ``.emd`` file.
    survey : (Y, X) uint16 array
        Dark field, of as many pixels as were scanned.
    events : XrayEvents
        Whatever was counted.
    pixel_size_nm : float
        Side of the square pixels.
    beam_keV : float, optional
        Energy of the electrons.

    Raises
    ------
    InputError
        If an X-ray is from outside of the picture.

    Notes
    -----
    The stream lists the channels pixel by pixel, with 65535 after each pixel. Nothing in the file
    depends on when or where it was written.
    """
    about = _describe(survey.shape, events.energy, pixel_size_nm, beam_keV)
    image, stream = (str(uuid.uuid5(_NAMES, name)).replace("-", "") for name in ("image", "xray"))
    words = _to_stream(events, survey.size)
    with replacing(path) as partial, h5py.File(partial, "w") as file:
        _put_text(file, "Version", {"format": "Velox", "version": str(_VERSION)})
        group = file.create_group(f"Data/Image/{image}")
        _put(group, "Data", survey[..., None])
        _put_metadata(
            group, about | {"BinaryResult": about["BinaryResult"] | {"Detector": _SURVEY}}
        )
        group = file.create_group(f"Data/SpectrumStream/{stream}")
        _put(group, "Data", words[:, None])
        result = about["BinaryResult"] | {"Detector": _XRAYS, "DetectorIndex": "1"}
        _put_metadata(group, about | {"BinaryResult": result})
        _put_text(group, "AcquisitionSettings", _describe_stream(survey.shape, events.energy))
        frames = {"endFramePosition": "1", "SpectrumStreamLocations": [stream]}
        _put_text(file, f"Data/SpectrumImage/{stream}/SpectrumImageSettings", frames)
        shown = {"dataPath": f"/Data/Image/{image}", "detector": _SURVEY}
        _put_text(file, f"Operations/StemInputOperation/{image}", shown)
        display = {"dataPath": f"/Data/Image/{image}", "display": {"label": _SURVEY}}
        _put_text(file, f"Presentation/Displays/ImageDisplay/{image}", display)


def _to_stream(events: XrayEvents, n_pixels: int) -> NDArray[np.uint16]:
    """Channels in the order of the pixels, a marker after each pixel."""
    pixel = events.pixel
    if len(pixel) and not 0 <= pixel.min() <= pixel.max() < n_pixels:
        raise InputError(f"Expected X-rays from {n_pixels} pixels, got some from outside.")
    order = np.argsort(pixel, kind="stable")
    words = np.full(len(pixel) + n_pixels, NEXT_PIXEL, np.uint16)
    words[np.arange(len(pixel)) + pixel[order]] = events.channel[order]
    return words


def _describe(
    shape: tuple[int, ...], energy: EnergyAxis, pixel_size_nm: float, beam_keV: float
) -> dict[str, Any]:
    """What the metadata say; numbers are texts there."""
    size_m = repr(pixel_size_nm * 1e-9)
    return {
        "Acquisition": {"AcquisitionStartDatetime": {"DateTime": "0"}},
        "Optics": {"AccelerationVoltage": repr(beam_keV * 1e3)},
        "Scan": {"FrameTime": "1", "DwellTime": repr(1.0 / int(np.prod(shape)))},
        "Detectors": {
            "Detector-0": {"DetectorName": _SURVEY, "DetectorType": "ScanningDetector"},
            "Detector-1": {
                "DetectorName": _XRAYS,
                "DetectorType": "AnalyticalDetector",
                "Dispersion": repr(energy.step_keV * 1e3),
                "OffsetEnergy": repr(energy.offset_keV * 1e3),
            },
        },
        "BinaryResult": {
            "PixelSize": {"width": size_m, "height": size_m},
            "PixelUnitX": "m",
            "PixelUnitY": "m",
            "Offset": {"x": "0", "y": "0"},
            "DetectorIndex": "0",
        },
        "CustomProperties": {},
    }


def _describe_stream(shape: tuple[int, ...], energy: EnergyAxis) -> dict[str, Any]:
    rows, columns = (str(n) for n in shape)
    raster = {"Width": columns, "Height": rows}
    return {
        "StreamEncoding": "uint16",
        "bincount": str(energy.n_channels),
        "RasterScanDefinition": raster,
    }


def _put(group: h5py.Group, name: str, data: NDArray[Any]) -> None:
    group.create_dataset(name, data=data, compression="gzip", compression_opts=4)


def _put_text(group: h5py.Group, name: str, content: dict[str, Any]) -> None:
    text = json.dumps(content)
    group.create_dataset(name, data=[text.encode()], dtype=h5py.string_dtype())


def _put_metadata(group: h5py.Group, content: dict[str, Any]) -> None:
    text = json.dumps(content).encode().ljust(_METADATA_BYTES, b"\0")
    group.create_dataset("Metadata", data=np.frombuffer(text, np.uint8)[:, None])
