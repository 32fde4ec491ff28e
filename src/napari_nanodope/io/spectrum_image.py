"""Spectrum images through RosettaSciIO, with one line window per element."""

import importlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rsciio
from numpy.typing import NDArray

from napari_nanodope.core.xray import extract_net_map
from napari_nanodope.io.files import UnreadableFileError, hash_files
from napari_nanodope.io.survey import read_survey
from napari_nanodope.io.units import to_keV, to_nm
from napari_nanodope.model import FieldOfView, InputError, Source, is_element

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_nanodope.io import ReadOptions

_HARDEST_KEV = 15.0  # above it, lines are weak and silicon detectors let them pass


@dataclass(frozen=True, slots=True)
class _Axis:
    """Calibration of one axis of a signal, in nm or keV, or None where the unit is neither."""

    scale: float
    offset: float
    in_nm: float | None
    in_keV: float | None


def read_spectrum_image(paths: tuple[Path, ...], options: "ReadOptions") -> FieldOfView:
    """Field from the first spectrum image of a file, with the file's own survey where it has one.

    Raises
    ------
    UnreadableFileError
        If it cannot be read or holds no spectrum image.
    InputError
        If elements are not named, or there is no calibration.
    """
    if len(paths) != 1:
        raise UnreadableFileError(
            f"Expected one spectrum image per field, got {len(paths)}; read them one by one."
        )
    path = paths[0]
    signals = load_signals(path)
    cube_signal = next((s for s in signals if _is_cube(s)), None)
    if cube_signal is None:
        shapes = ", ".join(str(np.shape(s["data"])) for s in signals)
        raise UnreadableFileError(
            f"Expected a spectrum image (Y, X, energy) in {path}, got signals of shape {shapes}; "
            f"export element maps as TIFF instead."
        )
    cube = np.asarray(cube_signal["data"])
    axes = [_read_axis(axis) for axis in _ordered_axes(cube_signal)]
    channels = np.arange(cube.shape[2], dtype=np.float64)
    energy_keV = (axes[2].offset + channels * axes[2].scale) * (axes[2].in_keV or 1.0)
    elements = options.elements or _named_elements(cube_signal)
    if not elements:
        raise InputError(
            f"Expected elements to map, got none and {path} names none; give them, as in "
            f"read_field(path, ['Cd', 'Mn']) or nanodope analyze --host Cd --dopant Mn."
        )
    survey, survey_files = _find_survey(signals, cube, options)
    lines = {
        symbol: choose_line(symbol, (options.lines or {}).get(symbol), float(energy_keV[-1]))
        for symbol in elements
    }
    fwhm = _detector_fwhm_eV(cube_signal)
    return FieldOfView(
        survey=cube.sum(axis=2, dtype=np.float64) if survey is None else survey,
        maps={
            symbol: extract_net_map(cube, energy_keV, energy, fwhm_mn_ka_eV=fwhm)
            for symbol, (_, energy) in lines.items()
        },
        pixel_size_nm=options.pixel_size_nm or _pixel_size_nm(axes, path),
        sample_id=options.sample_id,
        field_id=path.stem,
        source=Source(
            str(path),
            hash_files([path, *survey_files]),
            "spectrum image",
            {
                "lines": {s: f"{family} {energy:.4f} keV" for s, (family, energy) in lines.items()},
                "fwhm_mn_ka_eV": fwhm,
            },
        ),
        survey_kind="counts" if survey is None else "image",
    )


def load_signals(path: Path) -> list[dict[str, Any]]:
    """Every signal of a file as RosettaSciIO's dictionaries.

    Raises
    ------
    UnreadableFileError
        If no reader knows it or it is damaged.
    """
    suffix = path.suffix.lower().lstrip(".")
    plugins = [p for p in rsciio.IO_PLUGINS if suffix in p["file_extensions"]]
    reasons = []
    for plugin in plugins:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # on files that are odd but readable
                reader = importlib.import_module(plugin["api"])
                signals: list[dict[str, Any]] = reader.file_reader(str(path))
            if signals:
                return signals
        except Exception as error:  # readers of damaged files fail in every way there is
            reasons.append(f"{type(error).__name__}: {error}")
    reason = (reasons or ["no reader for its suffix"])[0].splitlines()[0]
    raise UnreadableFileError(
        f"Expected a microscope file at {path}, got one that cannot be read ({reason}); export it "
        f"again, or export element maps as TIFF."
    )


def choose_line(symbol: str, family: str | None, highest_keV: float) -> tuple[str, float]:
    """Line family and its energy in keV: the one given, else the hardest up to 15 keV.

    Parameters
    ----------
    symbol : str
        The element.
    family : str, optional
        "Ka", "La" or "Ma".
    highest_keV : float
        End of the spectrum.

    Raises
    ------
    InputError
        If the element has no such line, or none in the spectrum.
    """
    known = _line_energies(symbol)
    if family is not None:
        if family not in known:
            raise InputError(
                f"Expected a line of {symbol} ({', '.join(known)}), got {family!r}; choose one."
            )
        return family, known[family]
    usable = {f: e for f, e in known.items() if 0.2 < e < min(_HARDEST_KEV, 0.95 * highest_keV)}
    if not usable:
        raise InputError(
            f"Expected a line of {symbol} between 0.2 and {highest_keV:.1f} keV, got none; choose "
            f"another element."
        )
    return max(usable.items(), key=lambda item: item[1])


def _line_energies(symbol: str) -> "Mapping[str, float]":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside a dependency, while it is imported
        from exspy.material import elements  # noqa: PLC0415 - takes seconds

    lines = elements[symbol]["Atomic_properties"]["Xray_lines"]
    return {
        family: float(lines[family]["energy (keV)"])
        for family in ("Ka", "La", "Ma")
        if family in lines
    }


def _is_cube(signal: dict[str, Any]) -> bool:
    data, axes = signal["data"], signal["axes"]
    return (
        data.ndim == 3
        and data.dtype.kind in "uif"
        and len(axes) == 3
        and min(data.shape) > 0
        and sum(_read_axis(axis).in_keV is not None for axis in axes) <= 1
        and not (set(data.dtype.names or ()) & {"R", "G", "B"})
        and _read_axis(_ordered_axes(signal)[2]).in_nm is None
    )


def _ordered_axes(signal: dict[str, Any]) -> list[dict[str, Any]]:
    axes: list[dict[str, Any]] = signal["axes"]
    if all("index_in_array" in axis for axis in axes):
        return sorted(axes, key=lambda axis: int(axis["index_in_array"]))
    return axes


def _read_axis(axis: dict[str, Any]) -> _Axis:
    unit = str(axis.get("units") or "")
    scale, offset = float(axis.get("scale", 1.0)), float(axis.get("offset", 0.0))
    return _Axis(scale=scale, offset=offset, in_nm=to_nm(unit), in_keV=to_keV(unit))


def _pixel_size_nm(axes: list[_Axis], path: Path) -> tuple[float, float]:
    sizes = [abs(axis.scale) * axis.in_nm if axis.in_nm else 0.0 for axis in axes[:2]]
    if min(sizes) <= 0:
        raise InputError(
            f"Expected a pixel size in units of length in {path}, got none; give "
            f"pixel_size_nm=0.7, say (--pixel-size-nm)."
        )
    return float(f"{sizes[0]:.9g}"), float(f"{sizes[1]:.9g}")


def _named_elements(signal: dict[str, Any]) -> tuple[str, ...]:
    named = signal["metadata"].get("Sample", {}).get("elements", ())
    symbols = (s.decode() if isinstance(s, bytes) else str(s) for s in named)
    return tuple(symbol for symbol in symbols if is_element(symbol))


def _detector_fwhm_eV(signal: dict[str, Any]) -> float:
    instrument = signal["metadata"].get("Acquisition_instrument", {})
    for microscope in ("TEM", "SEM"):
        detector = instrument.get(microscope, {}).get("Detector", {}).get("EDS", {})
        value = float(detector.get("energy_resolution_MnKa", 0) or 0)
        if 50 < value < 500:
            return value
    return 130.0


def _find_survey(
    signals: list[dict[str, Any]], cube: NDArray[Any], options: "ReadOptions"
) -> tuple[NDArray[Any] | None, list[Path]]:
    """Survey on the cube's pixels: from a file named by the person, else from the same file."""
    if options.survey is not None:
        image = read_survey(options.survey)
        if image.shape != cube.shape[:2]:
            raise InputError(
                f"Expected a survey of {cube.shape[0]} x {cube.shape[1]} pixels in "
                f"{options.survey}, got {image.shape[0]} x {image.shape[1]}; resample it onto the "
                f"spectrum image."
            )
        return image, [options.survey]
    for signal in signals:
        if signal["data"].shape == cube.shape[:2] and signal["data"].dtype.kind in "uif":
            return np.asarray(signal["data"]), []
    return None, []
