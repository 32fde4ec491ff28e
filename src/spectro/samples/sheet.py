"""Samples from the sheet that a lab keeps: CSV or Excel, a row per sample."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from spectro.model import InputError
from spectro.samples.book import TECHNIQUES, BookError, Measurement, Problem, Sample, SampleBook

_FIELDS = tuple(name for name in Sample.model_fields if name not in ("recipe", "metadata"))
_NUMBERS = ("feed", "incubation_h", "icp_ms_mM")
_TEXTS = ("id", "host", "dopant", "material", *TECHNIQUES)
_KNOWN = (*_FIELDS, *TECHNIQUES)
_NEAR = 0.75
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eE][+-]?\d+)?")

Row = tuple[int, dict[str, Any]]


def read_sheet(path: str | Path) -> SampleBook:
    """Samples of a CSV or Excel file.

    Parameters
    ----------
    path : path
        ``.csv``, ``.tsv`` or ``.xlsx``; the first row names the columns: those of `Sample`, in any
        spelling of letters, spaces and brackets ("ICP-MS (mM)"); a technique ("eds", "epr") for
        paths of its files, several with ";" between; any other column becomes metadata.

    Returns
    -------
    SampleBook
        Samples and measurements; empty cells are left out.

    Raises
    ------
    BookError
        If there are mistakes; every one is told, with its row.
    InputError
        If the file cannot be read, or Excel's is given without openpyxl.
    """
    path = Path(path)
    rows = _read_excel(path) if path.suffix.lower() == ".xlsx" else _read_csv(path)
    names, problems = _name_columns(rows[0] if rows else [])
    samples: list[Sample] = []
    measurements: list[Measurement] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows[1:], 2):
        cells = {n: v for n, v in zip(names, row, strict=False) if n and v not in (None, "")}
        if not cells:
            continue
        try:
            sample, told = _read_row(cells)
        except (ValidationError, ValueError) as error:
            problems += [Problem(number, text) for text in _list_mistakes(error)]
            continue
        if first := seen.get(sample.id.casefold()):
            problems.append(Problem(number, f"the ID {sample.id!r} is that of line {first}."))
        seen.setdefault(sample.id.casefold(), number)
        samples.append(sample)
        measurements += told
    if problems:
        raise BookError(path, sorted(problems))
    if not samples:
        raise InputError(f"Expected a row per sample in {path}, got none; name columns in row 1.")
    return SampleBook(tuple(samples), tuple(measurements))


def to_toml(book: SampleBook) -> str:
    """TOML text of a book, as `SampleBook.load` reads it."""
    lines = ["[project]", *_to_lines({"name": book.name})] if book.name else []
    for name, entries in (("sample", book.samples), ("measurement", book.measurements)):
        for one in entries:
            told = one.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
            lines += ["", f"[[{name}]]", *_to_lines(told)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _to_lines(table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """A line per key; tables within tables by dots, so that all stay below their head."""
    for key, value in table.items():
        line = tomli_w.dumps({key: value if not isinstance(value, Mapping) else 0}).rstrip("\n")
        if isinstance(value, Mapping):
            yield from _to_lines(value, f"{prefix}{line.removesuffix(' = 0')}.")
        else:
            yield prefix + line


def _read_csv(path: Path) -> list[list[Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(
            f"Expected a sheet of samples at {path}, got: {reason}; save it as CSV (UTF-8)."
        ) from None
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    rows: list[list[Any]] = list(csv.reader(text.splitlines(), delimiter=delimiter))
    if delimiter == ",":
        return rows
    return [[_to_point(cell) for cell in row] for row in rows]


def _to_point(cell: str) -> str:
    """Number with a decimal point, where it has a comma."""
    return cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell.strip()) else cell


def _read_excel(path: Path) -> list[list[Any]]:
    try:
        from openpyxl import load_workbook  # noqa: PLC0415 - optional
    except ImportError:
        raise InputError(
            f"Expected openpyxl to read {path}, got none; install 'napari-nanodope[excel]', or "
            f"save the sheet as CSV."
        ) from None
    try:
        book = load_workbook(path, read_only=True, data_only=True)
        rows = [list(row) for row in book.active.iter_rows(values_only=True)]
        book.close()
    except Exception as error:  # damaged workbooks fail in every way there is
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(
            f"Expected an Excel sheet of samples at {path}, got: {reason}; save it as CSV."
        ) from None
    return rows


def _name_columns(head: Iterable[Any]) -> tuple[list[str], list[Problem]]:
    """Keys of the columns, and those that are nearly known, which are mistakes."""
    known = {_simplify(name): name for name in _KNOWN}
    names, problems = [], []
    for cell in head:
        title = str(cell or "").strip()
        name = known.get(_simplify(title), title)
        close = get_close_matches(_simplify(title), known, n=1, cutoff=_NEAR)
        if name and name not in _KNOWN and close:
            told = f"column {title!r} is not known (did you mean {known[close[0]]}?)."
            problems.append(Problem(1, told))
        if name and name in names:
            problems.append(Problem(1, f"column {title!r} is there twice."))
        names.append(name)
    if "id" not in names:
        problems.append(Problem(1, "expected a column 'id', got none."))
    return names, problems


def _simplify(title: str) -> str:
    return re.sub(r"[^a-z0-9]", "", title.lower())


def _read_row(cells: Mapping[str, Any]) -> tuple[Sample, list[Measurement]]:
    cells = {name: _to_text(v) if name in _TEXTS else v for name, v in cells.items()}
    values = {name: _to_number(name, cells[name]) for name in _NUMBERS if name in cells}
    texts = {name: cells[name] for name in ("host", "dopant", "material") if name in cells}
    metadata = {name: _to_plain(v) for name, v in cells.items() if name not in _KNOWN}
    if "id" not in cells:
        raise ValueError("id is missing")
    told: dict[str, Any] = {"id": cells["id"], "metadata": metadata}
    sample = Sample.model_validate(told | texts | values)
    measurements = [
        Measurement.model_validate(
            {
                "sample": sample.id,
                "technique": name,
                "files": [one.strip() for one in str(cells[name]).split(";")],
            }
        )
        for name in TECHNIQUES
        if name in cells
    ]
    return sample, measurements


def _to_text(value: Any) -> str:
    """Text of a cell; Excel has numbers where a person typed an ID such as 24."""
    is_whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if is_whole else value).strip()


def _to_number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected a number, got {value!r}") from None


def _to_plain(value: Any) -> Any:
    """A value that TOML can hold."""
    return value if isinstance(value, bool | int | float) else str(value).strip()


def _list_mistakes(error: ValueError) -> list[str]:
    if not isinstance(error, ValidationError):
        return [f"{error}."]
    told = []
    for one in error.errors(include_url=False):
        message = one["msg"].removeprefix("Value error, ")
        got = "" if one["type"] == "value_error" else f", got {one['input']!r}"
        told.append(f"{one['loc'][0]}: {message[:1].lower()}{message[1:]}{got}.")
    return told
