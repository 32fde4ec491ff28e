"""Bruker ESP and WinEPR: parameters (``.par``) and data (``.spc``).

ESP writes integers, the highest byte first; WinEPR, which says "DOS  Format" on its first line,
writes floating-point numbers, the lowest byte first.
"""

import math
from pathlib import Path

import numpy as np

from spectro.io.files import (
    UnreadableFileError,
    find_partner,
    read_bytes,
    read_text,
    tell_source,
)
from spectro.io.units import convert, known, to_float
from spectro.model import Axis, Spectrum

_DOS = "DOS"
_COMPLEX_BIT, _PLANE_BIT = 1 << 4, 1 << 12  # of JSS
_MOST_POINTS = 1 << 28


def read(path: Path) -> list[Spectrum]:
    """The spectrum of a pair of files.

    Parameters
    ----------
    path : Path
        Either file.

    Raises
    ------
    UnreadableFileError
        If the partner is missing, the axis is not told, or the data are cut short.
    """
    names = path if path.suffix.lower() == ".par" else find_partner(path, ".par")
    data = find_partner(names, ".spc")
    parameters, is_dos = parse_parameters(read_text(names))
    status = int(_number(parameters, "JSS") or 0)
    content = read_bytes(data)
    axes = _read_axes(parameters, names, is_plane=bool(status & _PLANE_BIT))
    n_parts = 2 if status & _COMPLEX_BIT else 1
    shape = tuple(map(len, axes))
    n_bytes = 4 * n_parts * math.prod(shape)
    if len(content) != n_bytes:
        raise UnreadableFileError(
            f"Expected {n_bytes} bytes in {data}, as {names.name} says, got {len(content)}; copy "
            f"both files again."
        )
    y = np.frombuffer(content, "<f4" if is_dos else ">i4").astype(np.float64)
    y = y.reshape(*shape, n_parts)
    intensity = y[..., 0] + 1j * y[..., 1] if n_parts > 1 else y[..., 0]
    source = tell_source("Bruker WinEPR" if is_dos else "Bruker ESP", names, data)
    return [Spectrum(intensity, axes, _tell(parameters), parameters, source)]


def parse_parameters(text: str) -> tuple[dict[str, str], bool]:
    """Parameters by their three letters or so, and whether WinEPR wrote them."""
    found: dict[str, str] = {}
    is_dos = False
    for line in text.replace("\r", "\n").split("\n"):
        words = line.split(None, 1)
        if not words or words[0].startswith("*"):
            continue
        if words[0] == _DOS:
            is_dos = True
            continue
        found[words[0]] = words[1].strip() if len(words) > 1 else ""
    return found, is_dos


def _number(parameters: dict[str, str], *names: str) -> float | None:
    """The first of some parameters that is there."""
    for name in names:
        value = to_float(parameters.get(name))
        if value is not None:
            return value
    return None


def _read_axes(parameters: dict[str, str], names: Path, *, is_plane: bool) -> tuple[Axis, ...]:
    n_x = _number(parameters, *(("SSX",) if is_plane else ()), "RES", "ANZ", "SSX")
    low = _number(parameters, "XXLB", "GST")
    width = _number(parameters, "XXWI", "GSI", "HSW")
    centre = _number(parameters, "HCF")
    if low is None and centre is not None and width is not None:
        low = centre - width / 2
    if low is None or width is None or n_x is None or not 1 <= n_x <= _MOST_POINTS:
        raise UnreadableFileError(
            f"Expected the range and the number of points of the field (GST, GSI, RES) in {names}, "
            f"got {low}, {width} and {n_x}; repair them."
        )
    unit = parameters.get("XXUN") or parameters.get("JUN") or "G"
    field, field_unit = convert(low + np.linspace(0.0, width, int(n_x)), unit)
    axis = Axis(field, "magnetic field" if field_unit == "mT" else "", field_unit)
    return (_read_slow_axis(parameters, names), axis) if is_plane else (axis,)


def _read_slow_axis(parameters: dict[str, str], names: Path) -> Axis:
    """Axis of a plane; attenuations become powers where the power at one of them is told."""
    n, low, width = (_number(parameters, name) for name in ("SSY", "XYLB", "XYWI"))
    if n is None or low is None or width is None or not 1 <= n <= _MOST_POINTS:
        raise UnreadableFileError(
            f"Expected the second axis (SSY, XYLB, XYWI) in {names}, got {n}, {low} and {width}; "
            f"repair them."
        )
    values, unit = convert(low + np.linspace(0.0, width, int(n)), parameters.get("XYUN", ""))
    power_mW, attenuation_dB = (_number(parameters, name) for name in ("MP", "MPD"))
    if "power" in parameters.get("JEY", "") and unit == "dB":
        if power_mW is None or attenuation_dB is None:
            return Axis(values, "microwave attenuation", unit)
        return Axis(power_mW * 10 ** ((attenuation_dB - values) / 10), "microwave power", "mW")
    return Axis(values, parameters.get("JEY", ""), unit)


def _tell(parameters: dict[str, str]) -> dict[str, object]:
    """What the parameters say, which are in G, GHz, mW, ms and K."""
    gain, sweeps_power = _number(parameters, "RRG"), "power" in parameters.get("JEY", "")
    conversion, constant, modulation = (_number(parameters, name) for name in ("RCT", "RTC", "RMA"))
    return known(
        {
            "title": parameters.get("JCO"),
            "technique": "EPR",
            "experiment": "CW",
            "operator": parameters.get("JON"),
            "date": " ".join(parameters.get(name, "") for name in ("JDA", "JTM")).strip(),
            "frequency_GHz": _number(parameters, "MF") or None,
            "power_mW": None if sweeps_power else _number(parameters, "MP"),
            "modulation_amplitude_mT": None if modulation is None else modulation / 10,
            "harmonic": int(_number(parameters, "RHA") or 1),
            "receiver_gain_dB": 20 * math.log10(gain) if gain and gain > 0 else None,
            "conversion_time_s": None if conversion is None else conversion / 1e3,
            "time_constant_s": None if constant is None else constant / 1e3,
            "temperature_K": _number(parameters, "TE"),
            "n_scans": int(_number(parameters, "JSD", "JNS") or 0) or None,
        }
    )
