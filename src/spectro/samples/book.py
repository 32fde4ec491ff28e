"""Samples, measurements and the project file that lists them, checked as a whole."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from spectro.model import InputError
from spectro.samples.places import Place, Toml, parse_toml

Technique = Literal["eds", "epr", "nmr", "uv-vis", "saxs"]
TECHNIQUES: tuple[str, ...] = get_args(Technique)
RESULTS = "results"
"""Folder of a project for all that is made of its data."""

_ID = re.compile(r"[A-Za-z0-9][\w .+-]*(?<![ .])", re.ASCII)
_SYMBOL = re.compile(r"[A-Z][a-z]?")
_TABLES = ("project", "defaults", "sample", "measurement")
_SHARED = ("host", "dopant", "material", "feed", "incubation_h", "icp_ms_mM")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """What is wrong in a project file.

    Attributes
    ----------
    line : int
        Counted from 1; 0 where it is in no line.
    message : str
        One sentence.
    is_missing_file : bool
        Whether the file is right as it is written, and only what it names is not there.
    """

    line: int
    message: str
    is_missing_file: bool = False

    def __str__(self) -> str:
        return f"line {self.line}: {self.message}" if self.line else self.message


class BookError(InputError):
    """A project file has mistakes; `problems` are all of them, a line of the message for each."""

    def __init__(self, path: Path, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        n = len(self.problems)
        head = f"Expected a project file without mistakes, got {n} in {path}:"
        super().__init__("\n".join([head, *(f"  {one}" for one in self.problems)]))


def _check_id(value: str) -> str:
    if not _ID.fullmatch(value):
        raise ValueError(
            f"expected letters, digits, spaces and . _ + - only, as it names folders, got {value!r}"
        )
    return value


def _check_symbol(value: str) -> str:
    if not _SYMBOL.fullmatch(value):
        raise ValueError(f"expected an element symbol such as 'Cd', got {value!r}")
    return value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _check_patterns(value: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in value:
        parts = Path(pattern).parts
        if not pattern.strip() or not parts or Path(pattern).is_absolute() or ".." in parts:
            raise ValueError(f"expected paths below the folder of the project, got {pattern!r}")
        if any("**" in part and part != "**" for part in parts):
            raise ValueError(f"expected ** between slashes only, as in 'a/**/b', got {pattern!r}")
    return value


Identifier = Annotated[str, AfterValidator(_check_id)]
Symbol = Annotated[str, AfterValidator(_check_symbol)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]
Patterns = Annotated[
    tuple[str, ...],
    BeforeValidator(_as_list),
    Field(min_length=1),
    AfterValidator(_check_patterns),
]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Sample(_Entry):
    """One batch of nanocrystals, under the ID that joins all that is measured of it."""

    id: Identifier
    """What joins its measurements; it names folders, too."""
    host: Symbol | None = None
    """Element of the host lattice that the dopant replaces."""
    dopant: Symbol | None = None
    """Element of the dopant."""
    material: str | None = None
    """Host lattice, as in "CdS (zinc blende)"."""
    feed: NotNegative | None = None
    """Dopant per host atom that went into the synthesis."""
    incubation_h: NotNegative | None = None
    """Time that the dopant was given to go in, in hours."""
    icp_ms_mM: NotNegative | None = None
    """Dopant concentration by ICP-MS, in mM of crystal."""
    recipe: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """Settings of the analysis in which this sample differs, by their table."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """Whatever else is worth knowing."""


class Measurement(_Entry):
    """Files that one technique gave of one sample."""

    sample: str
    """ID of the sample."""
    technique: Technique
    """How it was measured."""
    files: Patterns
    """Paths from the folder of the project, with ``*``, ``?`` and ``**`` as in a shell."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """What reading or fitting the files has to be told."""

    def find_files(self, folder: str | Path) -> list[Path]:
        """Files and folders that the patterns match, sorted, each once; none that is hidden.

        What was made of the data is none of it, unless a pattern begins with its folder.
        """
        found: dict[Path, None] = {}
        folder = Path(folder)
        for pattern in self.files:
            is_made = Path(pattern).parts[0] == RESULTS
            for path in sorted(folder.glob(pattern)):
                inside = path.relative_to(folder).parts
                if inside and not path.name.startswith(".") and (is_made or inside[0] != RESULTS):
                    found.setdefault(path)
        return list(found)


@dataclass(frozen=True, slots=True)
class SampleBook:
    """Samples of a project and their measurements.

    Attributes
    ----------
    samples : tuple of Sample
        In the order of the file.
    measurements : tuple of Measurement
        Likewise.
    name : str
        Title of the project.
    path : Path, optional
        File that it was read from.
    lines : Toml
        Where in the file what stands: ``lines.line_of(("sample", 0, "id"))``.
    """

    samples: tuple[Sample, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    name: str = ""
    path: Path | None = None
    lines: Toml = field(default_factory=lambda: Toml({}))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a project file and check it, with the files that it names.

        Raises
        ------
        BookError
            If there are mistakes; every one is told, with its line.
        InputError
            If the file cannot be read.
        """
        book, problems = cls.read(path)
        if problems:
            raise BookError(Path(path), problems)
        return book

    @classmethod
    def read(cls, path: str | Path) -> tuple[Self, tuple[Problem, ...]]:
        """What a project file holds, and everything that is wrong in it, by line.

        Raises
        ------
        InputError
            If the file cannot be read.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise InputError(
                f"Expected a project file at {path}, got: {reason}; make one with 'nanodope init'."
            ) from None
        book, problems = cls.from_toml(text)
        book = cls(book.samples, book.measurements, book.name, path, book.lines)
        return book, tuple(sorted((*problems, *_find_missing(book, path.parent))))

    @classmethod
    def from_toml(cls, text: str) -> tuple[Self, tuple[Problem, ...]]:
        r"""Book of a TOML text as far as it is right, and what is wrong; files are not looked for.

        Examples
        --------
        >>> book, problems = SampleBook.from_toml('[[sample]]\nid = "24h"\nicp_ms = 19.0\n')
        >>> print(problems[0])
        line 3: sample '24h': icp_ms is no key (did you mean icp_ms_mM?).
        """
        toml = parse_toml(text)
        problems = [Problem(line, f"not TOML: {message}.") for line, message in toml.mistakes]
        if not toml.tables:
            if not problems:
                problems = [Problem(1, "expected [[sample]] tables, got an empty file.")]
            return cls(lines=toml), tuple(problems)
        name, told = _read_project(toml)
        problems += told
        samples, told = _read_samples(toml)
        problems += told
        measurements, told = _read_measurements(toml)
        problems += [*told, *_check_references(toml)]
        return cls(samples, measurements, name, None, toml), tuple(sorted(problems))

    def sample(self, sample_id: str) -> Sample:
        """Sample of an ID.

        Raises
        ------
        InputError
            If there is none; the nearest is named.
        """
        for one in self.samples:
            if one.id == sample_id:
                return one
        nearest = tell_nearest(sample_id, [one.id for one in self.samples])
        raise InputError(f"Expected a sample of the project, got {sample_id!r}{nearest}.")

    def measurements_of(
        self, sample_id: str, technique: Technique | None = None
    ) -> tuple[Measurement, ...]:
        """Measurements of a sample, of one technique or of all."""
        return tuple(
            one
            for one in self.measurements
            if one.sample == sample_id and technique in (None, one.technique)
        )


def tell_nearest(word: str, known: Iterable[str]) -> str:
    """The nearest known word in brackets, or all where none is near.

    Examples
    --------
    >>> tell_nearest("24hr", ["24h", "48h"]), tell_nearest("x", ["24h", "48h"])
    (' (did you mean 24h?)', ' (known: 24h, 48h)')
    """
    known = list(known)
    lower = {one.lower(): one for one in reversed(known)}
    close = get_close_matches(str(word).lower(), lower, n=1)
    if close:
        return f" (did you mean {lower[close[0]]}?)"
    return f" (known: {', '.join(known)})" if known else " (there are none)"


# One table after the other


def _read_project(toml: Toml) -> tuple[str, list[Problem]]:
    problems = []
    for key in toml.tables:
        if key not in _TABLES:
            line = toml.line_of((key,)) if (key,) in toml.lines else toml.line_of((key, 0))
            problems.append(Problem(line, f"[{key}] is no table{tell_nearest(key, _TABLES)}."))
    about = toml.tables.get("project", {})
    if not isinstance(about, Mapping):
        return "", [*problems, Problem(toml.line_of(("project",)), "expected a table [project].")]
    for key in about:
        if key != "name":
            line = toml.line_of(("project", key))
            problems.append(
                Problem(line, f"[project] {key} is no key{tell_nearest(key, ['name'])}.")
            )
    name = about.get("name", "")
    if not isinstance(name, str):
        line = toml.line_of(("project", "name"))
        problems.append(Problem(line, f"[project] name: expected text in quotes, got {name!r}."))
    return str(name), problems


def _read_samples(toml: Toml) -> tuple[tuple[Sample, ...], list[Problem]]:
    defaults, problems = _read_defaults(toml)
    samples: list[Sample] = []
    lines: dict[str, int] = {}
    for place, entry in _list_entries(toml, "sample", problems):
        sample_id = entry.get("id")
        name = f"sample {sample_id!r}" if isinstance(sample_id, str) else "sample"
        try:
            sample = Sample.model_validate(defaults | entry)
        except ValidationError as error:
            problems += _tell(error, toml, place, name, Sample)
        else:
            samples.append(sample)
        if isinstance(sample_id, str):
            line, folder = toml.line_of((*place, "id")), sample_id.casefold()
            if folder in lines:
                told = f"{name}: the ID is that of line {lines[folder]}; choose another."
                problems.append(Problem(line, told))
            lines.setdefault(folder, line)
    if "sample" not in toml.tables and not toml.mistakes:
        problems.append(Problem(1, "expected at least one [[sample]], got none."))
    return tuple(samples), problems


def _read_defaults(toml: Toml) -> tuple[dict[str, Any], list[Problem]]:
    """Values for samples that tell none; those that are wrong are told once, and left out."""
    defaults = toml.tables.get("defaults", {})
    if not isinstance(defaults, Mapping):
        return {}, [Problem(toml.line_of(("defaults",)), "expected a table [defaults].")]
    problems: list[Problem] = []
    good: dict[str, Any] = {}
    for key, value in defaults.items():
        line = toml.line_of(("defaults", key))
        if key not in _SHARED:
            told = f"[defaults] {key} is no key{tell_nearest(key, _SHARED)}."
            problems.append(Problem(line, told))
            continue
        try:
            Sample.model_validate({"id": "any", key: value})
        except ValidationError as error:
            problems += _tell(error, toml, ("defaults",), "[defaults]", Sample)
        else:
            good[key] = value
    return good, problems


def _read_measurements(toml: Toml) -> tuple[tuple[Measurement, ...], list[Problem]]:
    problems: list[Problem] = []
    measurements = []
    for place, entry in _list_entries(toml, "measurement", problems):
        words = [entry.get(key) for key in ("technique", "sample")]
        name = " ".join(["measurement", *(repr(w) for w in words if isinstance(w, str))])
        try:
            measurements.append(Measurement.model_validate(entry))
        except ValidationError as error:
            problems += _tell(error, toml, place, name, Measurement)
    return tuple(measurements), problems


def _list_entries(
    toml: Toml, table: str, problems: list[Problem]
) -> Iterator[tuple[Place, dict[str, Any]]]:
    entries = toml.tables.get(table, [])
    if not isinstance(entries, list):
        line = toml.line_of((table,))
        problems.append(Problem(line, f"expected [[{table}]] in double brackets, got [{table}]."))
        return
    for number, entry in enumerate(entries):
        place = (table, number)
        if isinstance(entry, dict):
            yield place, entry
        else:
            told = f"expected a table [[{table}]], got {entry!r}."
            problems.append(Problem(toml.line_of(place), told))


def _check_references(toml: Toml) -> list[Problem]:
    """Measurements of samples that are not there, whatever else is wrong with either."""
    entries = {name: toml.tables.get(name, []) for name in ("sample", "measurement")}
    if not all(isinstance(one, list) for one in entries.values()):
        return []
    known = [one["id"] for one in entries["sample"] if isinstance(one, dict) and "id" in one]
    known = [one for one in known if isinstance(one, str)]
    problems = []
    for number, entry in enumerate(entries["measurement"]):
        sample_id = entry.get("sample") if isinstance(entry, dict) else None
        if isinstance(sample_id, str) and sample_id not in known:
            place = ("measurement", number, "sample")
            told = (
                f"measurement: no sample is called {sample_id!r}{tell_nearest(sample_id, known)}."
            )
            problems.append(Problem(toml.line_of(place), told))
    return problems


_EXPECTED = {
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text in quotes",
    "dict_type": "a table",
    "tuple_type": "a path in quotes, or a list of them",
    "too_short": "at least one path",
    "greater_than_equal": "at least {ge:g}",
}


def _tell(
    error: ValidationError, toml: Toml, place: Place, name: str, kind: type[_Entry]
) -> list[Problem]:
    """Problems of one entry, one sentence each."""
    found = []
    for one in error.errors(include_url=False):
        where = tuple(one["loc"])
        key, what, got = str(where[0]), one["type"], one["input"]
        line = toml.line_of((*place, *where))
        if what == "missing":
            if toml.is_damaged(place):
                continue  # it may stand in the line that could not be read
            message = f"{key} is missing"
        elif what == "extra_forbidden":
            message = f"{key} is no key{tell_nearest(key, kind.model_fields)}"
        elif what == "literal_error":
            message = f"{key} {got!r} is not known{tell_nearest(got, TECHNIQUES)}"
        elif what in _EXPECTED:
            wanted = _EXPECTED[what].format(**one.get("ctx", {}))
            message = f"{'.'.join(map(str, where))}: expected {wanted}, got {got!r}"
        else:
            message = f"{key}: {one['msg'].removeprefix('Value error, ')}"
        found.append(Problem(line, f"{name}: {message}."))
    return found


def _find_missing(book: SampleBook, folder: Path) -> list[Problem]:
    """Patterns that match nothing, with the nearest path that is there."""
    problems = []
    entries = book.lines.tables.get("measurement", [])
    for number, entry in enumerate(entries if isinstance(entries, list) else []):
        patterns = _as_list(entry.get("files")) if isinstance(entry, dict) else None
        for pattern in patterns if isinstance(patterns, list) else []:
            try:
                is_there = not pattern or next(iter(folder.glob(pattern)), None) is not None
            except (ValueError, NotImplementedError, TypeError, OSError):
                continue  # told already, or seen when it is read
            if not is_there:
                line = book.lines.line_of(("measurement", number, "files"))
                told = (
                    f"measurement: no file matches {pattern!r}{find_nearest_path(folder, pattern)}."
                )
                problems.append(Problem(line, told, is_missing_file=True))
    return problems


def find_nearest_path(folder: Path, pattern: str) -> str:
    """What is there beside the first part of a path that is not, in brackets."""
    here = folder
    for part in Path(pattern).parts:
        if next(iter(here.glob(part)), None) is None or any(c in part for c in "*?["):
            try:
                names = sorted(one.name for one in here.iterdir() if not one.name.startswith("."))
            except OSError as error:
                return f" ({here.relative_to(folder)} cannot be read: {error.strerror})"
            close = get_close_matches(part, names, n=1)
            place = "" if here == folder else f" in {here.relative_to(folder).as_posix()}"
            if close:
                return f" (did you mean {close[0]}{place}?)"
            return f" (there is {', '.join(names[:5]) or 'nothing'}{place})"
        here = here / part
    return ""
