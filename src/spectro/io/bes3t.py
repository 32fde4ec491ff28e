"""Bruker BES3T, as Xepr writes it: a descriptor (``.DSC``) and its data (``.DTA``).

References
----------
.. [1] Bruker BioSpin, "BES3T format specification", version 1.2 (2005).
"""

import math
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectro.io.files import (
    UnreadableFileError,
    find_partner,
    read_bytes,
    read_text,
    tell_source,
)
from spectro.io.units import convert, known, to_float
from spectro.model import Axis, Spectrum

_TYPES = {"C": "i1", "S": "i2", "I": "i4", "F": "f4", "D": "f8"}
_ORDERS = {"BIG": ">", "LIT": "<"}
_MOST_POINTS = 1 << 28
_FASTEST_LAST = ("Z", "Y", "X")
_EXPERIMENTS = {"CW": "CW", "PLS": "pulse", "PLSE": "pulse"}


def read(path: Path) -> list[Spectrum]:
    """Spectra of a pair of files, one for each quantity that was recorded.

    Parameters
    ----------
    path : Path
        Either file.

    Raises
    ------
    UnreadableFileError
        If the partner is missing, the descriptor lacks what is needed, or the data are cut short.
    """
    descriptor = path if path.suffix.lower() == ".dsc" else find_partner(path, ".dsc")
    data = find_partner(descriptor, ".dta")
    parameters = parse_descriptor(read_text(descriptor))
    if "XPTS" not in parameters:
        raise UnreadableFileError(
            f"Expected a descriptor with XPTS, the number of points, in {descriptor}, got none; "
            f"export the spectrum again."
        )
    axes = tuple(
        _read_axis(letter, parameters, descriptor)
        for letter in _FASTEST_LAST
        if parameters.get(f"{letter}TYP", "NODATA" if letter != "X" else "IDX") != "NODATA"
    )
    source = tell_source("Bruker BES3T", descriptor, data)
    return [
        Spectrum(y, axes, _tell(parameters) | known({"quantity": name}), parameters, source)
        for name, y in _read_data(parameters, tuple(map(len, axes)), data)
    ]


def parse_descriptor(text: str) -> dict[str, str]:
    """Parameters of a descriptor; those of a device are named after it, as in "mwBridge.Power"."""
    text = re.sub(r"\\\r?\n", "", text)  # long values go on in the next line
    found: dict[str, str] = {}
    device = ""
    for line in text.splitlines():
        if line.startswith(("*", "#")) or not line.strip():
            device = "" if line.startswith("#") else device
            continue
        words = line.split(None, 1)
        value = words[1].strip() if len(words) > 1 else ""
        if words[0] == ".DVC":
            device = value.split(",")[0].strip() + "."
            continue
        found[device + words[0]] = value.strip("'") if value.startswith("'") else value
    return found


def _read_axis(letter: str, parameters: dict[str, str], descriptor: Path) -> Axis:
    n_points = to_float(parameters.get(f"{letter}PTS"))
    if n_points is None or not 1 <= n_points <= _MOST_POINTS:
        raise UnreadableFileError(
            f"Expected a number of points as {letter}PTS in {descriptor}, got "
            f"{parameters.get(f'{letter}PTS')!r}; repair the descriptor."
        )
    kind, n = parameters.get(f"{letter}TYP", "IDX"), int(n_points)
    if kind == "IGD":
        values = _read_uneven(letter, parameters, descriptor, n)
    else:
        low, width = (to_float(parameters.get(f"{letter}{end}")) for end in ("MIN", "WID"))
        if low is None or width is None or not math.isfinite(low + width):
            raise UnreadableFileError(
                f"Expected {letter}MIN and {letter}WID, the range of an axis, in {descriptor}, "
                f"got {low} and {width}; repair the descriptor."
            )
        values = low + np.linspace(0.0, width, n)
    values, unit = convert(values, parameters.get(f"{letter}UNI", ""))
    return Axis(values, _name_axis(parameters.get(f"{letter}NAM", ""), unit), unit)


def _read_uneven(
    letter: str, parameters: dict[str, str], descriptor: Path, n: int
) -> NDArray[np.float64]:
    """Axis that a file of its own lists point by point."""
    path = find_partner(descriptor, f".{letter}GF")
    values = np.frombuffer(
        _check_length(read_bytes(path), 8 * n, path), f"{_find_order(parameters)}f8"
    )
    return values.astype(np.float64)


def _name_axis(name: str, unit: str) -> str:
    return "magnetic field" if unit == "mT" and name.lower() == "field" else name.lower()


def _find_order(parameters: dict[str, str]) -> str:
    return _ORDERS.get(parameters.get("BSEQ", "BIG"), ">")


def _read_data(
    parameters: dict[str, str], shape: tuple[int, ...], data: Path
) -> list[tuple[str, NDArray[np.float64] | NDArray[np.complex128]]]:
    """Name and intensity of each quantity; their values alternate point by point."""
    kinds = _split(parameters.get("IKKF", "REAL"))
    n_quantities = len(kinds)
    formats = _fill(_split(parameters.get("IRFMT", "D")), n_quantities)
    imaginary = _fill(_split(parameters.get("IIFMT", formats[0])), n_quantities)
    names = _fill(_split(parameters.get("IRNAM", "")), n_quantities)
    order, fields = _find_order(parameters), []
    for number, kind in enumerate(kinds):
        letters = [formats[number], imaginary[number]] if kind == "CPLX" else [formats[number]]
        for part, letter in enumerate(letters):
            if letter not in _TYPES:
                raise UnreadableFileError(
                    f"Expected numbers of a type out of {', '.join(_TYPES)} in {data}, got "
                    f"{letter!r}; export the spectrum again."
                )
            fields.append((f"{number}.{part}", order + _TYPES[letter]))
    record = np.dtype(fields)
    n_bytes = record.itemsize * math.prod(shape)
    table = np.frombuffer(_check_length(read_bytes(data), n_bytes, data), record).reshape(shape)
    found: list[tuple[str, NDArray[np.float64] | NDArray[np.complex128]]] = []
    for number, kind in enumerate(kinds):
        y = table[f"{number}.0"].astype(np.float64)
        found.append((names[number], y + 1j * table[f"{number}.1"] if kind == "CPLX" else y))
    return found


def _check_length(content: bytes, n_bytes: int, path: Path) -> bytes:
    if len(content) != n_bytes:
        raise UnreadableFileError(
            f"Expected {n_bytes} bytes in {path}, as its descriptor says, got {len(content)}; "
            f"copy both files again."
        )
    return content


def _split(text: str) -> list[str]:
    return [part.strip().strip("'") for part in text.split(",")]


def _fill(values: list[str], n: int) -> list[str]:
    """As many values as wanted; the last one stands for those that are missing."""
    return (values + values[-1:] * n)[:n]


def _tell(parameters: dict[str, str]) -> dict[str, object]:
    """What the standard parameters say, which are in Hz, W, T, s and K."""

    def number(name: str, times: float = 1, over: float = 1) -> float | None:
        value = to_float(parameters.get(name))
        return None if value is None else value * times / over

    modulated = parameters.get("EXPT", "CW") == "CW"
    frequency_Hz = number("MWFQ")
    return known(
        {
            "title": parameters.get("TITL"),
            "technique": "EPR",
            "experiment": _EXPERIMENTS.get(parameters.get("EXPT", ""), parameters.get("EXPT")),
            "operator": parameters.get("OPER"),
            "date": " ".join(parameters.get(name, "") for name in ("DATE", "TIME")).strip(),
            "frequency_GHz": frequency_Hz / 1e9 if frequency_Hz else None,
            "field_mT": None if modulated else number("B0VL", 1e3),
            "power_mW": number("MWPW", 1e3),
            "modulation_amplitude_mT": number("B0MA", 1e3) if modulated else None,
            "modulation_frequency_kHz": number("B0MF", 1, 1e3) if modulated else None,
            "harmonic": int(number("RCHM") or 1) if modulated else None,
            "receiver_gain_dB": number("RCAG"),
            "receiver_phase_deg": number("RCPH"),
            "conversion_time_s": number("SPTP"),
            "time_constant_s": number("RCTC"),
            "temperature_K": number("STMP"),
            "n_scans": int(number("AVGS") or 0) or None,
            "is_normalised": _is_normalised(parameters) or None,
        }
    )


def _is_normalised(parameters: dict[str, str]) -> bool:
    """Whether Xepr divided the intensity by gain, scans and conversion time."""
    return any(
        name.split(".")[-1] == "SctNorm" and value.lower() == "true"
        for name, value in parameters.items()
    )
