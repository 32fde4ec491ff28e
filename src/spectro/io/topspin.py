"""Bruker TopSpin: folders with FIDs, series of them, and spectra that it made of them.

The imaginary part of a spectrum has the sign of a transform with exp(-2 pi i nu t); TopSpin's is
turned here.
"""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spectro.io.bruker import (
    find_group_delay,
    join_parts,
    make_shift_axis,
    make_time_axis,
    tell,
    tell_reference,
)
from spectro.io.files import UnreadableFileError, read_bytes, read_text, tell_source
from spectro.io.records import parse_records, unwrap
from spectro.io.units import known, to_float
from spectro.model import Axis, Source, Spectrum

RAW, PROCESSED = ("fid", "ser"), ("1r", "2rr")
_IMAGINARY = {"1r": "1i", "2rr": "2ir"}
_DEPTH = 3  # folders from an experiment down to its processed data
_BLOCK_BYTES = 1024  # rows of a ser file start at multiples of it
_MOST_POINTS = 1 << 27
_LARGEST_EXPONENT = 128
_COMPLEX_MODES = (1, 3)  # AQ_mod: qsim, DQD
_LISTS = (  # file, quantity, unit
    ("vdlist", "delay", "s"),
    ("vclist", "count", ""),
    ("vplist", "pulse length", "s"),
    ("vtlist", "temperature", "K"),
)
_FACTORS = {"u": 1e-6, "m": 1e-3, "s": 1.0, "": 1.0}
_MODES = {1: "QF", 2: "QSEQ", 3: "TPPI", 4: "States", 5: "States-TPPI", 6: "echo-antiecho"}
_PAIRED = ("States", "States-TPPI", "echo-antiecho")
_QUADRATURES = ("TPPI", *_PAIRED)


class _Folder(NamedTuple):
    """An experiment, and what of it to read."""

    path: Path
    raw: tuple[str, ...]
    processed: tuple[Path, ...]


def read(path: Path) -> list[Spectrum]:
    """Spectra of an experiment: what was recorded, then what TopSpin made of it.

    Parameters
    ----------
    path : Path
        Folder of an experiment, its ``fid`` or ``ser``, a folder in its ``pdata``, or a ``1r`` or
        ``2rr`` there.

    Raises
    ------
    UnreadableFileError
        If parameters are missing or cannot be, or data are cut short.
    """
    folder = _find(path)
    spectra = [_read_raw(folder, name) for name in folder.raw]
    spectra += [_read_processed(folder.path, one) for one in folder.processed]
    if not spectra:
        raise UnreadableFileError(
            f"Expected fid, ser, 1r or 2rr in {path}, got parameters alone; copy the data too."
        )
    return spectra


def _find(path: Path) -> _Folder:
    path = _spell_out(path)
    if path.is_file():
        is_raw = path.name in RAW
        return _Folder(
            path.parent if is_raw else path.parents[2],
            (path.name,) if is_raw else (),
            () if is_raw else (path,),
        )
    if not (path / "acqus").is_file():
        return _Folder(path.parents[1] if len(path.parents) > 1 else path, (), _list_data(path))
    folders = sorted(
        (one for one in path.glob("pdata/*") if one.name.isdigit()), key=lambda one: int(one.name)
    )
    raw = tuple(name for name in RAW if (path / name).is_file())
    return _Folder(path, raw, tuple(data for one in folders for data in _list_data(one)))


def _spell_out(path: Path) -> Path:
    """Path in which the folders above it can be read off, as written where they can already."""
    is_short = len(path.parents) <= _DEPTH and not (path / "acqus").is_file()
    is_short &= path.name not in RAW
    if is_short or not path.name or ".." in path.parts:
        return Path(os.path.abspath(path))
    return path


def _list_data(folder: Path) -> tuple[Path, ...]:
    return tuple(folder / name for name in PROCESSED if (folder / name).is_file())


def _read_parameters(path: Path) -> dict[str, str]:
    """Parameters of a file by their names; none where there is no file."""
    if not path.is_file():
        return {}
    return {
        label[1:]: value for label, value in parse_records(read_text(path)) if label.startswith("$")
    }


def _require(parameters: Mapping[str, str], name: str, path: Path) -> float:
    value = to_float(parameters.get(name))
    if value is None or not math.isfinite(value):
        raise UnreadableFileError(
            f"Expected a number as {name} in {path}, got {parameters.get(name)!r}; copy it again."
        )
    return value


def _count(parameters: Mapping[str, str], name: str, path: Path) -> int:
    value = _require(parameters, name, path)
    if not 1 <= value <= _MOST_POINTS or value != int(value):
        raise UnreadableFileError(
            f"Expected a number of points as {name} in {path}, got {value:g}; copy it again."
        )
    return int(value)


def _width_Hz(parameters: Mapping[str, str], name: str, path: Path) -> float:
    value = _require(parameters, name, path)
    if value <= 0:
        raise UnreadableFileError(
            f"Expected a spectral width as {name} in {path}, got {value:g} Hz; copy it again."
        )
    return value


def _read_raw(folder: _Folder, name: str) -> Spectrum:
    path = folder.path
    acquired = _read_parameters(path / "acqus")
    processing = _read_parameters(_first_procs(path))
    n_words = _count(acquired, "TD", path / "acqus")
    second = _read_parameters(path / "acqu2s") if name == "ser" else {}
    n_rows = _count(second, "TD", path / "acqu2s") if name == "ser" else 1
    table = _read_words(path / name, acquired, n_rows, n_words)
    y = _join_words(table, acquired, path)
    width_Hz = _width_Hz(acquired, "SW_h", path / "acqus")
    fast = make_time_axis(y.shape[-1], width_Hz if np.iscomplexobj(y) else 2 * width_Hz)
    about = tell(acquired, processing) | {
        "title": _read_title(_first_procs(path).parent, path),
        "quantity": name,
        "group_delay_points": find_group_delay(acquired),
    }
    axes: tuple[Axis, ...] = (fast,)
    if name == "ser":
        slow, more = _read_slow_axis(path, second, n_rows)
        stated = _read_parameters(_first_procs(path).with_name("proc2s"))
        if "quadrature" in more:
            known_of = tell_reference(second, stated)
            more |= {f"indirect_{name}": value for name, value in known_of.items()}
        axes, about = (slow, fast), about | more
    used = [path / "acqus"] + ([path / "acqu2s"] if second else [])
    source = tell_source("Bruker TopSpin", path / name, *used)
    return Spectrum(y if name == "ser" else y[0], axes, known(about), acquired, source)


def _first_procs(path: Path) -> Path:
    """Processing parameters with the lowest number, which say where 0 ppm is."""
    found = [one for one in path.glob("pdata/*/procs") if one.parent.name.isdigit()]
    return min(found, key=lambda one: int(one.parent.name), default=path / "pdata" / "1" / "procs")


def _read_title(*folders: Path) -> str:
    for folder in folders:
        if (folder / "title").is_file():
            return " ".join(read_text(folder / "title").split())
    return folders[-1].name


def _read_words(
    path: Path, parameters: Mapping[str, str], n_rows: int, n_words: int
) -> NDArray[np.float64]:
    """Numbers of a FID or a series, (rows, words), as they were before they were packed."""
    kind = "f8" if int(to_float(parameters.get("DTYPA")) or 0) == 2 else "i4"
    order = ">" if int(to_float(parameters.get("BYTORDA")) or 0) == 1 else "<"
    word = np.dtype(order + kind)
    content, n_bytes = read_bytes(path), n_words * word.itemsize
    padded = -(-n_bytes // _BLOCK_BYTES) * _BLOCK_BYTES
    row = padded if path.name == "ser" or len(content) == padded else n_bytes
    if len(content) != n_rows * row:
        raise UnreadableFileError(
            f"Expected {n_rows * row} bytes in {path}, as its parameters say, got {len(content)}; "
            f"copy the experiment again, or set TD to what was recorded."
        )
    table = np.frombuffer(content, word).reshape(n_rows, -1)[:, :n_words]
    return table.astype(np.float64) * _find_scale(parameters, "NC", path)


def _join_words(
    table: NDArray[np.float64], parameters: Mapping[str, str], path: Path
) -> NDArray[Any]:
    """Complex points of numbers that alternate; real ones where one channel was recorded."""
    mode = int(to_float(parameters.get("AQ_mod")) or 0)
    if mode == 0:
        return table
    if mode not in _COMPLEX_MODES or table.shape[1] % 2:
        raise UnreadableFileError(
            f"Expected pairs of numbers (AQ_mod qf, qsim or DQD) in {path}, got mode {mode} with "
            f"{table.shape[1]}; convert the data with TopSpin."
        )
    return table[:, ::2] + 1j * table[:, 1::2]


def _read_slow_axis(
    path: Path, second: Mapping[str, str], n_rows: int
) -> tuple[Axis, dict[str, Any]]:
    """Axis of the rows: times of a second dimension, what a list states, or numbers.

    A list may be left over from another experiment, so it does not go before a way of quadrature
    that only a second dimension has.
    """
    mode = _MODES.get(int(to_float(second.get("FnMODE")) or 0))
    width_Hz = to_float(second.get("SW_h"))
    is_timed = mode is not None and width_Hz is not None and width_Hz > 0
    doubts: list[str] = []
    for name, quantity, unit in _LISTS if not (is_timed and mode in _QUADRATURES) else ():
        if not (path / name).is_file():
            continue
        values, doubt = _read_list(path / name, n_rows)
        doubts += [doubt] if doubt else []
        if values:
            about = {"n_dimensions": 1} | _tell_doubts(doubts)
            return Axis(np.array(values), quantity, unit), about
    if mode and width_Hz and is_timed:
        times_s = (np.arange(n_rows) // (2 if mode in _PAIRED else 1)) / width_Hz
        nucleus = unwrap(str(second.get("NUC1", "")))
        about = {"n_dimensions": 2, "quadrature": mode, "indirect_nucleus": nucleus}
        return Axis(times_s, "indirect time", "s"), about | _tell_doubts(doubts)
    rows = Axis(np.arange(n_rows, dtype=np.float64), "row", "")
    return rows, {"n_dimensions": 1} | _tell_doubts(doubts)


def _tell_doubts(doubts: Sequence[str]) -> dict[str, str]:
    return {"warning": " ".join(doubts)} if doubts else {}


def _read_list(path: Path, n_rows: int) -> tuple[list[float], str]:
    """Values of a list, with "u", "m" or "s" after those in s; none if it is no good, and why."""
    values = []
    for entry in read_text(path).split():
        number, unit = entry.rstrip("ums"), entry[len(entry.rstrip("ums")) :]
        value = to_float(number)
        if value is None or unit not in _FACTORS or not 0 <= value < math.inf:
            return [], (
                f"Expected numbers of at least 0 in {path.name}, got {entry!r}; the list is not "
                f"used."
            )
        values.append(value * _FACTORS[unit])
    if len(values) < n_rows:
        return [], (
            f"Expected {n_rows} entries in {path.name}, got {len(values)}; the list is not used."
        )
    if len(values) > n_rows:
        return values[:n_rows], (
            f"Expected {n_rows} entries in {path.name}, got {len(values)}; the first are used."
        )
    return values, ""


def _read_processed(experiment: Path, data: Path) -> Spectrum:
    folder, is_plane = data.parent, data.name == "2rr"
    acquired = _read_parameters(experiment / "acqus")
    names = ["proc2s", "procs"] if is_plane else ["procs"]
    processing = [_read_parameters(folder / name) for name in names]
    shape = tuple(
        _count(one, "SI", folder / name) for one, name in zip(processing, names, strict=True)
    )
    tiles = [int(to_float(one.get("XDIM")) or 0) for one in processing]
    y: NDArray[Any] = _read_plane(data, processing[-1], shape, tiles)
    about = tell(acquired, processing[-1]) | {
        "title": _read_title(folder),
        "quantity": f"pdata/{folder.name}",
    }
    is_time = all(to_float(processing[-1].get(name)) == 0 for name in ("TDeff", "FTSIZE"))
    imaginary = folder / _IMAGINARY[data.name]
    if imaginary.is_file():
        other = _read_plane(imaginary, processing[-1], shape, tiles)
        y = y + 1j * other if is_time else join_parts(y, other)
    second = _read_parameters(experiment / "acqu2s") if is_plane else {}
    nuclei = [unwrap(one.get("NUC1", "")) for one in (second, acquired)][-len(names) :]
    axes = tuple(
        _make_axis(one, shape[n], folder / names[n], nuclei[n], is_time=is_time)
        for n, one in enumerate(processing)
    )
    parameters = {**acquired, **processing[-1]}
    if is_plane:
        slow = tell_reference(second, processing[0])
        about |= {f"indirect_{name}": value for name, value in slow.items()}
    return Spectrum(y, axes, known(about), parameters, _tell_source(data, folder, names))


def _tell_source(data: Path, folder: Path, names: list[str]) -> Source:
    return tell_source("Bruker TopSpin", data, *(folder / name for name in names))


def _make_axis(
    parameters: Mapping[str, str], n: int, path: Path, nucleus: str, *, is_time: bool
) -> Axis:
    """Shifts from the left edge (``OFFSET``) in steps of ``SW_p`` / (``SF`` ``SI``)."""
    width_Hz = _width_Hz(parameters, "SW_p", path)
    if is_time:
        return make_time_axis(n, width_Hz)
    zero_MHz, left_ppm = (_require(parameters, name, path) for name in ("SF", "OFFSET"))
    if zero_MHz <= 0:
        raise UnreadableFileError(
            f"Expected the frequency at 0 ppm as SF in {path}, got {zero_MHz:g}; copy it again."
        )
    stated = unwrap(parameters.get("AXNUC", ""))
    nucleus = stated if stated not in ("", "off") else nucleus
    return make_shift_axis(n, left_ppm, width_Hz / zero_MHz / n, nucleus)


def _read_plane(
    path: Path, parameters: Mapping[str, str], shape: tuple[int, ...], tiles: list[int]
) -> NDArray[np.float64]:
    """Numbers of a spectrum; those of a plane lie in tiles of XDIM points."""
    order = ">" if int(to_float(parameters.get("BYTORDP")) or 0) == 1 else "<"
    kind = "f8" if int(to_float(parameters.get("DTYPP")) or 0) == 2 else "i4"
    word, content = np.dtype(order + kind), read_bytes(path)
    n_points = math.prod(shape)
    if len(content) != n_points * word.itemsize:
        raise UnreadableFileError(
            f"Expected {n_points * word.itemsize} bytes in {path}, as its parameters say, got "
            f"{len(content)}; copy the experiment again."
        )
    y = np.frombuffer(content, word).astype(np.float64)
    if len(shape) == 2:
        rows, columns = shape
        height, width = (
            size if size > 0 and n % size == 0 else n for size, n in zip(tiles, shape, strict=True)
        )
        y = y.reshape(rows // height, columns // width, height, width).swapaxes(1, 2)
    return y.reshape(shape) * _find_scale(parameters, "NC_proc", path)


def _find_scale(parameters: Mapping[str, str], name: str, path: Path) -> float:
    """Power of 2 by which integers were divided to fit in."""
    exponent = to_float(parameters.get(name)) or 0.0
    if abs(exponent) > _LARGEST_EXPONENT:
        raise UnreadableFileError(
            f"Expected an exponent of 2 as {name} beside {path}, got {exponent:g}; copy it again."
        )
    return float(2.0**exponent)
