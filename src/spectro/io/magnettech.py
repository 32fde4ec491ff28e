"""Magnettech ESR5000: one XML file per measurement.

The instrument records field and signal over time, each at times of its own; the field at a point
of the signal is interpolated between those recorded. Every number is a base64 text of its own.
"""

import base64
import binascii
from pathlib import Path
from typing import Any

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring
from numpy.typing import NDArray

from spectro.io.files import UnreadableFileError, read_bytes, tell_source
from spectro.io.units import known, to_float
from spectro.model import Axis, Spectrum

_FIELD = "BField"
_SIGNALS = ("MW_Absorption", "MW_AbsorptionCosinus", "MW_AbsorptionSinus")  # first the result
_CHARACTERS, _BYTES = 12, 9  # of base64 for one number, and what they decode to: 8 and padding
_ZERO_C = 273.15


def read(path: Path) -> list[Spectrum]:
    """Spectra of a file: the signal, then what was recorded in and out of phase.

    Raises
    ------
    UnreadableFileError
        If it is no such file, is damaged, or declares entities, which nothing honest does.
    """
    measurement = _parse(path).find(".//Measurement")
    if measurement is None:
        raise UnreadableFileError(
            f"Expected a measurement of an ESR5000 in {path}, got other XML; check the file."
        )
    curves = {one.get("YType", ""): one for one in measurement.iter("Curve") if one.text}
    if _FIELD not in curves or not set(_SIGNALS) & set(curves):
        raise UnreadableFileError(
            f"Expected the curves {_FIELD} and {_SIGNALS[0]} in {path}, got "
            f"{', '.join(curves) or 'none'}; save the measurement again."
        )
    parameters = _list_parameters(measurement)
    times_s, field_mT = _read_curve(curves[_FIELD], path)
    source, about = tell_source("Magnettech XML", path), _tell(parameters)
    spectra = []
    for name in _SIGNALS:
        if name in curves:
            at_s, y = _read_curve(curves[name], path)
            axis = Axis(np.interp(at_s, times_s, field_mT), "magnetic field", "mT")
            quantity = {"quantity": curves[name].get("Name", name)}
            spectra.append(Spectrum(y, (axis,), about | quantity, parameters, source))
    return spectra


def _parse(path: Path) -> Any:
    try:
        return fromstring(read_bytes(path), forbid_dtd=True)
    except DefusedXmlException as error:
        raise UnreadableFileError(
            f"Expected XML without declarations of its own in {path}, got some "
            f"({type(error).__name__}); do not trust this file."
        ) from None
    except (ParseError, ValueError) as error:
        raise UnreadableFileError(
            f"Expected whole XML in {path}, got damaged one ({error}); copy it again."
        ) from None


def _read_curve(curve: Any, path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times in s and values of a curve."""
    text = "".join(curve.text.split())
    offset, slope = (to_float(curve.get(name)) for name in ("XOffset", "XSlope"))
    try:
        raw = base64.b64decode(text.replace("=", "A"), validate=True)
        table = np.frombuffer(raw, np.uint8).reshape(-1, _BYTES)
    except (binascii.Error, ValueError):
        table = np.zeros((0, _BYTES), np.uint8)
    if len(table) == 0 or len(text) % _CHARACTERS or offset is None or slope is None:
        raise UnreadableFileError(
            f"Expected numbers in the curve {curve.get('Name')!r} of {path}, got damaged ones; "
            f"copy it again."
        )
    values = np.ascontiguousarray(table[:, :8]).view("<f8")[:, 0].astype(np.float64)
    return offset + slope * np.arange(len(values), dtype=np.float64), values


def _list_parameters(measurement: Any) -> dict[str, str]:
    """What the measurement and its recipe say, with units in parentheses."""
    found = {str(name): str(value) for name, value in measurement.attrib.items()}
    for one in measurement.iter("Param"):
        unit = f" ({one.get('Unit')})" if one.get("Unit") else ""
        found[f"{one.get('Name')}{unit}"] = (one.text or "").strip()
    return found


def _tell(parameters: dict[str, str]) -> dict[str, Any]:
    def number(name: str) -> float | None:
        return to_float(parameters.get(name))

    celsius = number("Temperature")
    return known(
        {
            "title": parameters.get("Name"),
            "technique": "EPR",
            "experiment": "CW",
            "date": parameters.get("Timestamp"),
            "frequency_GHz": number("MwFreq"),
            "power_mW": number("MicrowavePower (mW)"),
            "modulation_amplitude_mT": number("Modulation (mT)"),
            "modulation_frequency_kHz": number("ModulationFreq (kHz)"),
            "harmonic": 1,
            "temperature_K": None if celsius is None else celsius + _ZERO_C,
            "q_factor": number("QFactor"),
            "n_scans": int(number("Accumulations") or 0) or None,
        }
    )
