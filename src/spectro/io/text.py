"""Columns of numbers in a text: with or without a header, whatever separates them."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectro.io.files import UnreadableFileError, read_text, tell_source
from spectro.io.units import convert, to_float
from spectro.model import Axis, InputError, Spectrum, write_whole

_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eEdD][-+]?\d+)?$")
_STATED = re.compile(r"^[#%;!\s]*([A-Za-z]\w*)\s*[:=]\s*(.+?)\s*$")
_COLUMN = re.compile(r"^(.*?)\s*[\[(]([^\])]*)[\])]\s*$")
_MARKS = "#%;!"
_MOST_DIMENSIONS = 2
_INDEX = ("index", "no", "no.", "point")
_AXIS_NAMES = {"mT": "magnetic field", "MHz": "frequency", "s": "time"}


def read(path: Path) -> list[Spectrum]:
    """Spectra of a text file: the first column is the axis, each other one an intensity.

    Lines such as ``frequency_GHz = 9.46`` before the numbers become metadata. Names and units of
    the columns are taken from the last line before the numbers, as in ``Field (G)``.

    Raises
    ------
    UnreadableFileError
        If there are no two columns of numbers, or lines of different lengths.
    """
    lines = [line.strip() for line in read_text(path).splitlines()]
    rows = [(number, _split(line)) for number, line in enumerate(lines, 1) if line]
    numeric = [(number, row) for number, row in rows if row and all(map(_NUMBER.match, row))]
    if not numeric or len(numeric[0][1]) < 2:
        raise UnreadableFileError(
            f"Expected two or more columns of numbers in {path}, got none; name another file."
        )
    first, n_columns = numeric[0][0], len(numeric[0][1])
    _check_rows([one for one in rows if one[0] >= first], n_columns, path)
    table = np.array([[_to_number(word) for word in row] for _, row in numeric])
    header = [line for line in lines[: first - 1] if line]
    names = _name_columns(header, n_columns)
    if names[0][0].lower() in _INDEX and n_columns > 2:
        table, names = table[:, 1:], names[1:]
    parameters = {m[1]: m[2] for m in map(_STATED.match, header) if m is not None}
    about = {"title": path.stem} | {name: _to_value(text) for name, text in parameters.items()}
    axis = _make_axis(table[:, 0], *names[0])
    source = tell_source("text", path)
    return [
        Spectrum(y, (axis,), about | ({"quantity": name} if name else {}), parameters, source)
        for y, (name, _) in zip(table.T[1:], names[1:], strict=True)
    ]


def _make_axis(values: NDArray[np.float64], name: str, unit: str) -> Axis:
    values, unit = convert(values, unit)
    words = [word if word[:1].isdigit() else word.lower() for word in name.split()]  # as 133Cs
    return Axis(values, _AXIS_NAMES.get(unit, " ".join(words)), unit)


def _split(line: str) -> list[str]:
    """Words of a line: between semicolons, tabs or commas followed by anything, or else blanks."""
    line = line.lstrip(_MARKS + " ")
    for mark in (";", "\t"):
        if mark in line:
            return [word.strip() for word in line.strip(mark).split(mark) if word.strip()]
    if "," in line and ("." in line or line.count(",") != len(line.split()) or " " not in line):
        return [word.strip() for word in line.strip(",").split(",")]
    return line.split()


def _to_value(text: str) -> float | str:
    value = to_float(text)
    return text if value is None else value


def _to_number(word: str) -> float:
    return float(word.replace(",", ".").replace("d", "e").replace("D", "e"))


def _check_rows(rows: list[tuple[int, list[str]]], n_columns: int, path: Path) -> None:
    for number, row in rows:
        if len(row) != n_columns or not all(map(_NUMBER.match, row)):
            raise UnreadableFileError(
                f"Expected {n_columns} numbers in line {number} of {path}, got "
                f"{' '.join(row)[:40]!r}; repair or remove that line."
            )


def _name_columns(header: list[str], n_columns: int) -> list[tuple[str, str]]:
    """Name and unit of each column, from the last line of the header where it has as many."""
    line = header[-1].lstrip(_MARKS + " ") if header else ""
    splits = (_split(line), re.split(r"\s{2,}|\t", line), line.split(","))
    words = next((one for one in splits if len(one) == n_columns), None)
    if words is None:
        return [("", "")] * n_columns
    named = []
    for word in words:
        match = _COLUMN.match(word.strip())
        named.append((match[1].strip(), match[2].strip()) if match else (word.strip(), ""))
    return named


def save(spectrum: Spectrum, path: str | Path) -> Path:
    """Write a spectrum as columns with commas between them, whole or not at all.

    Parameters
    ----------
    spectrum : Spectrum
        Of one dimension, or of two: then each row is a column.
    path : path
        Of the file; the folder is made where it does not exist.

    Returns
    -------
    Path
        The file. What is known of the experiment and each step of processing are in lines above
        the numbers, which are written with all their digits: `read` gives the same ones back.

    Raises
    ------
    InputError
        If there are more dimensions, or the file cannot be written.
    """
    if spectrum.y.ndim > _MOST_DIMENSIONS:
        raise InputError(
            f"Expected a spectrum of one or two dimensions, got {spectrum.y.ndim}; take a slice."
        )
    return write_whole(path, "\n".join(_write_lines(spectrum)))


def _write_lines(spectrum: Spectrum) -> list[str]:
    stated = {"sha256": spectrum.source.sha256, "reader": spectrum.source.reader}
    stated |= {
        name: str(value)
        for name, value in spectrum.metadata.items()
        if name.isidentifier() and isinstance(value, str | int | float)
    }
    for k, step in enumerate(spectrum.history, 1):
        told = ", ".join(f"{name}={value!r}" for name, value in step.settings.items())
        stated[f"step_{k}"] = f"{step.name}({told})"
    lines = [f"# {name} = {' '.join(text.split())}" for name, text in stated.items() if text]
    columns, names = [spectrum.x], [_to_header(spectrum.axes[-1].name, spectrum.axes[-1].unit)]
    rows, places = [spectrum.y], [""]
    if spectrum.y.ndim == _MOST_DIMENSIONS:
        rows, unit = list(spectrum.y), spectrum.axes[0].unit
        places = [f" at {place!r} {unit}".rstrip() for place in spectrum.axes[0].values.tolist()]
    for row, place in zip(rows, places, strict=True):
        parts = {"real": row.real, "imaginary": row.imag} if np.iscomplexobj(row) else {"real": row}
        for name, part in parts.items():
            columns.append(part)
            names.append(f"{name if len(parts) > 1 else 'intensity'}{place}")
    table = np.column_stack(columns).tolist()
    return [*lines, ",".join(names), *(",".join(map(repr, row)) for row in table)]


def _to_header(name: str, unit: str) -> str:
    return f"{name or 'axis'} ({unit})" if unit else name or "axis"
