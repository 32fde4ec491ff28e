"""JCAMP-DX: spectra and FIDs of one dimension, of any vendor.

References
----------
.. [1] A. N. Davies, P. Lampen, Appl. Spectrosc. 1993, 47, 1093, DOI 10.1366/0003702934067874.
.. [2] R. S. McDonald, P. A. Wilks, Appl. Spectrosc. 1988, 42, 151, DOI 10.1366/0003702884428734.
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectro.io.asdf import PackedNumbersError, unpack
from spectro.io.bruker import find_field_T, find_group_delay, join_parts, name_shift, tell
from spectro.io.files import UnreadableFileError, read_text, tell_source
from spectro.io.records import parse_records, unwrap
from spectro.io.units import convert, known, to_float
from spectro.model import Axis, Spectrum

_MOST_POINTS = 1 << 24
_TABLES = ("XYDATA", "DATATABLE")
_ORDINATES = ("R", "I", "Y")
_VENDOR = re.compile(r"^\$")


def read(path: Path) -> list[Spectrum]:
    """Spectra of a file, one per block that holds data.

    Raises
    ------
    UnreadableFileError
        If no block holds a table (X++(Y..Y)) of one dimension, a header cannot be, or numbers are
        damaged or missing.
    """
    blocks = _split_blocks(parse_records(read_text(path)))
    spectra = [_read_block(one, path) for one in blocks if any(name in one for name in _TABLES)]
    if not spectra:
        raise UnreadableFileError(
            f"Expected JCAMP-DX with a table (X++(Y..Y)) in {path}, got none; export the spectrum "
            f"in that form."
        )
    return spectra


def _split_blocks(records: list[tuple[str, str]]) -> list[dict[str, list[str]]]:
    """Records of each block by their labels; a block starts with its title."""
    blocks: list[dict[str, list[str]]] = []
    for label, value in records:
        if label == "TITLE" or not blocks:
            blocks.append({})
        blocks[-1].setdefault(label, []).append(value)
    return blocks


def _read_block(block: Mapping[str, list[str]], path: Path) -> Spectrum:
    header = {label: values[0] for label, values in block.items() if label not in _TABLES}
    kind = header.get("DATATYPE", "").upper()
    is_ntuples = "NTUPLES" in header.get("DATACLASS", "").upper() or "NTUPLES" in header
    if is_ntuples:
        y, ends, unit = _read_ntuples(block, header, path)
    else:
        y, ends, unit = _read_table(block, header, path)
    about = _tell(header, kind)
    parameters = {name.lstrip("$"): value for name, value in header.items()}
    is_bruker = "$SW_h" in header
    if is_bruker and "SPECTRUM" in kind and np.iscomplexobj(y):
        y = join_parts(y.real, y.imag)
    x = np.linspace(*ends, len(y))
    axis = _make_axis(x, unit, header, about)
    if is_bruker and "FID" in kind:
        about |= {"group_delay_points": find_group_delay(parameters)}
    source = tell_source("JCAMP-DX", path)
    return Spectrum(y, (axis,), known(about), parameters, source)


def _read_table(
    block: Mapping[str, list[str]], header: Mapping[str, str], path: Path
) -> tuple[NDArray[Any], tuple[float, float], str]:
    """Intensities, both ends of the axis and its unit, of a table of one ordinate."""
    n = _count(header.get("NPOINTS"), path)
    ends = (_number(header, "FIRSTX", 0, path), _number(header, "LASTX", 0, path))
    step = _number(header, "DELTAX", 0, path, default=0.0)
    n_steps = abs((ends[1] - ends[0]) / step) if step else n - 1
    n_also = round(n_steps) + 1 if n_steps < _MOST_POINTS else n
    numbers = _unpack(_pick_table(block, "Y", path), (n, n_also), path)
    factor = _number(header, "YFACTOR", 0, path, default=1.0)
    return numbers * factor, ends, header.get("XUNITS", "")


def _read_ntuples(
    block: Mapping[str, list[str]], header: Mapping[str, str], path: Path
) -> tuple[NDArray[Any], tuple[float, float], str]:
    """The same of tables with a real and an imaginary ordinate."""
    symbols = [one.upper() for one in _split(header.get("SYMBOL", ""))]
    if "X" not in symbols or not set(_ORDINATES) & set(symbols) or len(symbols) > 4:
        raise UnreadableFileError(
            f"Expected the symbols X, R and I of one dimension in {path}, got "
            f"{', '.join(symbols) or 'none'}; export one dimension, or read the original."
        )
    parts = {}
    for symbol in (one for one in _ORDINATES if one in symbols):
        column = symbols.index(symbol)
        sizes = _split(header.get("VARDIM", ""))
        n = _count(sizes[column] if column < len(sizes) else None, path)
        numbers = _unpack(_pick_table(block, symbol, path), (n,), path)
        parts[symbol] = numbers * _number(header, "FACTOR", column, path, default=1.0)
    real = parts.get("R", parts.get("Y", np.zeros(0)))
    y = real + 1j * parts["I"] if "I" in parts and len(parts["I"]) == len(real) else real
    if len(real) == 0 or len(parts.get("I", real)) != len(real):
        raise UnreadableFileError(
            f"Expected as many imaginary as real numbers in {path}, got "
            f"{len(parts.get('I', real))} and {len(real)}; export the spectrum again."
        )
    x = symbols.index("X")
    ends = (_number(header, "FIRST", x, path), _number(header, "LAST", x, path))
    units = _split(header.get("UNITS", ""))
    return y, ends, units[x] if x < len(units) else ""


def _pick_table(block: Mapping[str, list[str]], symbol: str, path: Path) -> list[str]:
    """Lines of the one table of an ordinate."""
    form = f"(X++({symbol}..{symbol}))"
    found = []
    for label in _TABLES:
        for table in block.get(label, []):
            first, _, rest = table.partition("\n")
            if form in first.replace(" ", "").upper():
                found.append([line for line in rest.splitlines() if line.strip()])
    if len(found) != 1:
        raise UnreadableFileError(
            f"Expected one table {form} in {path}, got {len(found)}; export one dimension in that "
            f"form."
        )
    return found[0]


def _unpack(lines: list[str], sizes: tuple[int, ...], path: Path) -> NDArray[np.float64]:
    """Numbers of a table, of which the header says in one way or another how many there are.

    Varian's NPOINTS counts one too many; its range and step are right.
    """
    n = sizes[0]
    try:
        numbers = unpack(lines, max(sizes))
    except PackedNumbersError as error:
        raise UnreadableFileError(
            f"Expected {n} whole numbers in {path}, got damaged ones ({error}); export the "
            f"spectrum again."
        ) from None
    if len(numbers) not in sizes or not np.isfinite(numbers).all():
        raise UnreadableFileError(
            f"Expected {n} numbers in {path}, as its header says, got {len(numbers)}; export the "
            f"spectrum again."
        )
    return numbers


def _split(text: str) -> list[str]:
    return [one.strip() for one in text.split(",")] if text.strip() else []


def _count(text: str | None, path: Path) -> int:
    value = to_float(text)
    if value is None or not 1 <= value <= _MOST_POINTS or value != int(value):
        raise UnreadableFileError(
            f"Expected a number of points in the header of {path}, got {text!r}; export the "
            f"spectrum again."
        )
    return int(value)


def _number(
    header: Mapping[str, str], name: str, column: int, path: Path, *, default: float | None = None
) -> float:
    words = _split(header.get(name, ""))
    value = to_float(words[column]) if column < len(words) else default
    if value is None or not math.isfinite(value):
        raise UnreadableFileError(
            f"Expected a number as {name} in the header of {path}, got {header.get(name)!r}; "
            f"export the spectrum again."
        )
    return value


def _make_axis(
    x: NDArray[np.float64], unit: str, header: Mapping[str, str], about: Mapping[str, Any]
) -> Axis:
    """Axis in ppm where the header says how, in s for a FID, else in the unit of the file."""
    zero_MHz, nucleus = about.get("reference_frequency_MHz"), str(about.get("nucleus", ""))
    if unit.upper() == "PPM":
        return Axis(x, name_shift(nucleus), "ppm")
    if unit.upper() in ("HZ", "HERTZ") and zero_MHz:
        point, shift_ppm = _find_reference(header)
        if point is not None:
            x = (x - x[min(max(point - 1, 0), len(x) - 1)]) / zero_MHz + shift_ppm
        else:
            x = x / zero_MHz
        return Axis(x, name_shift(nucleus), "ppm")
    if unit.upper().startswith("SEC"):
        return Axis(x, "time", "s")
    values, name = convert(x, unit.lower())
    return Axis(values, header.get("XLABEL", "").lower(), name)


def _find_reference(header: Mapping[str, str]) -> tuple[int | None, float]:
    """Point, counted from 1, and its shift, of ".SHIFT REFERENCE= INTERNAL, CDCl3, 1, 15.5"."""
    words = _split(header.get(".SHIFTREFERENCE", "").strip("()"))
    point, shift = (to_float(one) for one in words[2:4]) if len(words) > 3 else (None, None)
    return (None, 0.0) if point is None or shift is None else (int(point), shift)


def _tell(header: Mapping[str, str], kind: str) -> dict[str, Any]:
    def number(name: str) -> float | None:
        return to_float(header.get(name))

    vendor = {name[1:]: value for name, value in header.items() if _VENDOR.match(name)}
    about = tell(vendor, vendor) if "SW_h" in vendor else {}
    nucleus = header.get(".OBSERVENUCLEUS", "").replace("^", "").strip()
    carrier_MHz = number(".OBSERVEFREQUENCY")
    solvent = _split(header.get(".SHIFTREFERENCE", ""))
    stated = {
        "title": header.get("TITLE"),
        "technique": "NMR" if "NMR" in kind else unwrap(kind.title()),
        "origin": header.get("ORIGIN"),
        "operator": header.get("OWNER"),
        "date": header.get("LONGDATE") or header.get("DATE"),
        "quantity": "fid" if "FID" in kind else "spectrum",
        "nucleus": nucleus,
        "spectrometer_frequency_MHz": carrier_MHz,
        "field_T": find_field_T(nucleus, carrier_MHz),
        "n_scans": int(number(".AVERAGES") or 0) or None,
        "pulse_program": header.get(".PULSESEQUENCE"),
        "solvent": header.get(".SOLVENTNAME"),
        "scale": f"{solvent[0].lower()} {solvent[1]}" if len(solvent) > 1 else None,
    }
    if carrier_MHz and "reference_frequency_MHz" not in about:
        about["reference_frequency_MHz"] = carrier_MHz
    return about | known(stated)
