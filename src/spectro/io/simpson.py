"""SIMPSON: FIDs and spectra that were simulated, as text, with a header or with their axis.

Its packed form (-binary) is refused: no reference says what its floating-point numbers are.

References
----------
.. [1] M. Bak, J. T. Rasmussen, N. C. Nielsen, J. Magn. Reson. 2000, 147, 296,
   DOI 10.1006/jmre.2000.2179.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectro.io.files import UnreadableFileError, read_text, tell_source
from spectro.io.units import known, to_float
from spectro.model import Axis, Spectrum

_MOST_POINTS = 1 << 24


def read(path: Path) -> list[Spectrum]:
    """The FID or spectrum of a file.

    Raises
    ------
    UnreadableFileError
        If it is no such file, its header cannot be, or numbers are damaged or missing.
    """
    text = read_text(path)
    if not text.lstrip().startswith("SIMP"):
        return [_read_columns(text, path)]
    header, lines = _split_header(text, path)
    n_fast = _count(header, "NP", path)
    n_slow = _count(header, "NI", path) if "NI" in header else 1
    n_all = n_fast * n_slow * (_count(header, "NELEM", path) if "NELEM" in header else 1)
    if n_all > _MOST_POINTS:
        raise _refuse(path, f"{_MOST_POINTS} points at most", f"{n_all}")
    if "FORMAT" in header:
        raise UnreadableFileError(
            f"Expected numbers as text in {path}, got SIMPSON's packed form; save it without "
            f"-binary."
        )
    table = _to_table(lines, 2, path)
    if len(table) != n_all:
        raise _refuse(path, f"{n_all} points, as its header says,", f"{len(table)}")
    y = table[:, 0] + 1j * table[:, 1]
    is_spectrum = header.get("TYPE", "FID").strip().upper() == "SPE"
    fast = _make_axis(header, "", n_fast, path, is_spectrum=is_spectrum)
    if n_all == n_fast:
        axes: tuple[Axis, ...] = (fast,)
    elif "NI" in header and n_all == n_fast * n_slow:
        axes = (_make_axis(header, "1", n_slow, path, is_spectrum=is_spectrum), fast)
    else:
        axes = (Axis(np.arange(n_all // n_fast, dtype=np.float64), "element", ""), fast)
    about = _tell(header, path)
    source = tell_source("SIMPSON", path)
    return [Spectrum(y.reshape(tuple(map(len, axes))), axes, about, header, source)]


def _refuse(path: Path, expected: str, got: str) -> UnreadableFileError:
    return UnreadableFileError(f"Expected {expected} in {path}, got {got}; simulate it again.")


def _split_header(text: str, path: Path) -> tuple[dict[str, str], list[str]]:
    """What the header says, and the lines between "DATA" and "END"."""
    lines = [line.strip() for line in text.splitlines()]
    if "DATA" not in lines or "END" not in lines:
        raise _refuse(path, "numbers between DATA and END", "no such lines")
    start, end = lines.index("DATA"), len(lines) - 1 - lines[::-1].index("END")
    pairs = (line.split("=", 1) for line in lines[:start] if "=" in line)
    return {name.strip(): value.strip() for name, value in pairs}, lines[start + 1 : end]


def _count(header: dict[str, str], name: str, path: Path) -> int:
    value = to_float(header.get(name))
    if value is None or not 1 <= value <= _MOST_POINTS or value != int(value):
        raise _refuse(path, f"a number of points as {name}", repr(header.get(name)))
    return int(value)


def _to_table(lines: list[str], n_columns: int, path: Path) -> NDArray[np.float64]:
    """Numbers of lines with so many each, (lines, columns)."""
    words = [line.split() for line in lines if line]
    if not words or len(words) > _MOST_POINTS or any(len(row) != n_columns for row in words):
        raise _refuse(path, f"lines of {n_columns} numbers", "others")
    try:
        table = np.array(words, np.float64)
    except ValueError:
        raise _refuse(path, f"lines of {n_columns} numbers", "other words") from None
    if not np.isfinite(table).all():
        raise _refuse(path, "finite numbers", "others")
    return table


def _read_columns(text: str, path: Path) -> Spectrum:
    """Spectrum of lines with a frequency in Hz, or a time in ms, and both parts (-xreim)."""
    table = _to_table([line.strip() for line in text.splitlines()], 3, path)
    x, y = table[:, 0], table[:, 1] + 1j * table[:, 2]
    is_time = path.suffix.lower() == ".fid" or (x[0] == 0 and (x >= 0).all())
    axis = Axis(x / 1e3, "time", "s") if is_time else Axis(x, "frequency", "Hz")
    return Spectrum(y, (axis,), _tell({}, path), {}, tell_source("SIMPSON", path))


def _make_axis(
    header: dict[str, str], number: str, n: int, path: Path, *, is_spectrum: bool
) -> Axis:
    """Times from zero on, or frequencies with ``REF`` in the middle."""
    width_Hz = to_float(header.get(f"SW{number}"))
    if width_Hz is None or not math.isfinite(width_Hz) or width_Hz <= 0:
        raise _refuse(path, f"a spectral width as SW{number}", repr(header.get(f"SW{number}")))
    steps = np.arange(n)
    if not is_spectrum:
        return Axis(steps / width_Hz, "indirect time" if number else "time", "s")
    middle_Hz = to_float(header.get(f"REF{number}")) or 0.0
    name = "indirect frequency" if number else "frequency"
    return Axis(middle_Hz + (steps - n // 2) * width_Hz / n, name, "Hz")


def _tell(header: dict[str, str], path: Path) -> dict[str, Any]:
    return known(
        {
            "title": path.stem,
            "technique": "NMR",
            "is_simulated": True,
            "spectral_width_Hz": to_float(header.get("SW")),
        }
    )
