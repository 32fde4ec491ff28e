"""The fits that a project file asks for, and every mistake in what it says of them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from spectro.jobs.job import PARTNERS, FitJob
from spectro.jobs.settings import KINDS, FitSettings, read_settings
from spectro.model import InputError
from spectro.samples import BookError, Measurement, Problem, SampleBook
from spectro.samples.book import find_nearest_path, tell_nearest
from spectro.samples.places import Place, parse_toml

PROJECT_FILE = "project.toml"
_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f=%]')
_RAW = ("fid", "ser")
_TOPSPIN = (*_RAW, "1r", "2rr")


def find_jobs(
    book: SampleBook, folder: str | Path
) -> tuple[tuple[FitJob, ...], tuple[Problem, ...]]:
    """Fits that a book asks for, and what is wrong in their settings.

    Parameters
    ----------
    book : SampleBook
        As `SampleBook.read` gives it.
    folder : path
        Of the project.

    Returns
    -------
    jobs : tuple of FitJob
        In the order of the samples, sorted by name; without those whose settings have mistakes.
    problems : tuple of Problem
        Each mistake with its line. Files that match nothing are told by the book already.
    """
    folder = Path(folder).absolute()
    order = {sample.id: n for n, sample in enumerate(book.samples)}
    problems: list[Problem] = []
    found: dict[tuple[str, str], FitJob] = {}
    for measurement, place in _place_measurements(book):
        options, mistakes = _read(measurement.technique, measurement.settings, folder)
        for where, text, is_missing in mistakes:
            line = book.lines.line_of((*place, "settings", *where)) if place else 0
            problems.append(Problem(line, f"measurement: settings.{text}.", is_missing))
        if options is None or mistakes or measurement.sample not in order:
            continue
        for one in _list_jobs(folder, measurement, options):
            key = (one.sample_id.casefold(), one.fit_id.casefold())
            twin = found.setdefault(key, one)
            if twin is not one:
                line = book.lines.line_of((*place, "files")) if place else 0
                problems.append(Problem(line, _tell_twins(folder, twin, one)))
    jobs = sorted(found.values(), key=lambda one: (order[one.sample_id], one.fit_id))
    return tuple(jobs), tuple(sorted(problems))


def _place_measurements(book: SampleBook) -> Iterator[tuple[Measurement, Place]]:
    """Each measurement with its place in the file, which those with mistakes have not."""
    entries = book.lines.tables.get("measurement", [])
    waiting = list(enumerate(entries if isinstance(entries, list) else []))
    for measurement in book.measurements:
        place: Place = ()
        while waiting:
            number, entry = waiting.pop(0)
            if _is_same(measurement, entry):
                place = ("measurement", number)
                break
        yield measurement, place


def _is_same(measurement: Measurement, entry: Any) -> bool:
    if not isinstance(entry, dict):
        return False
    files = entry.get("files")
    patterns = (files,) if isinstance(files, str) else tuple(files or ())
    told = (entry.get("sample"), entry.get("technique"), patterns, entry.get("settings", {}))
    return told == (
        measurement.sample,
        measurement.technique,
        measurement.files,
        measurement.settings,
    )


def _read(
    technique: str, settings: Mapping[str, Any], folder: Path
) -> tuple[FitSettings | None, list[tuple[Place, str, bool]]]:
    """Settings of a fit, and what is wrong in them; the last tells files that are missing."""
    if technique not in KINDS:
        is_asked = "fit" in settings and technique != "eds"  # whose settings are checked elsewhere
        fitted = " and ".join(repr(one) for one in KINDS)
        text = f"fit: {technique!r} is not fitted, only {fitted} are"
        return None, [(("fit",), text, False)] if is_asked else []
    options, told = read_settings(technique, settings)
    mistakes = [(place, text, False) for place, text in told]
    mistakes += _check_paths(settings, folder)
    if options is not None and not mistakes:
        from spectro.jobs.checks import check_settings  # noqa: PLC0415 - scipy and numba

        mistakes = [(place, text, False) for place, text in check_settings(options, folder)]
    return options, mistakes


def _check_paths(settings: Mapping[str, Any], folder: Path) -> Iterator[tuple[Place, str, bool]]:
    for key in ("recipe", "off"):
        told = settings.get(key)
        if not isinstance(told, str):
            continue  # there is none, or it is told already
        parts = PurePosixPath(told)
        if not told.strip() or parts.is_absolute() or ".." in parts.parts:
            text = f"{key}: expected a path below the folder of the project, got {told!r}"
            yield (key,), text, False
        elif not (folder / told).exists():
            nearest = find_nearest_path(folder, told)
            yield (key,), f"{key}: there is no {told!r}{nearest}", True


def _list_jobs(folder: Path, measurement: Measurement, options: FitSettings) -> Iterator[FitJob]:
    files = _leave_out_partners(measurement.find_files(folder))
    if not files:
        return
    groups: list[tuple[str, tuple[Path, ...]]] = [
        (_name_file(folder, measurement.files, path), (path,)) for path in files
    ]
    if getattr(options, "together", False):
        names = [name for name, _ in groups]
        groups = [(_find_beginning(names) or files[0].parent.name, tuple(files))]
    for stem, some in groups:
        words = [measurement.technique, options.fit, stem, options.name]
        yield FitJob(
            measurement.sample,
            _UNSAFE.sub("_", "-".join(word for word in words if word)).strip(". "),
            measurement.technique,
            options.fit,
            folder,
            some,
            dict(measurement.settings),
        )


def _leave_out_partners(files: list[Path]) -> list[Path]:
    """Files without those that are read with another one of them."""
    known = {(path.parent, path.stem, path.suffix.lower()) for path in files}
    firsts = {suffix: suffixes[0] for suffixes in PARTNERS for suffix in suffixes[1:]}
    return [
        path
        for path in files
        if (path.parent, path.stem, firsts.get(path.suffix.lower())) not in known
    ]


def _name_file(folder: Path, patterns: Iterable[str], path: Path) -> str:
    """Path below the part of the pattern that is fixed, without suffix; of TopSpin its folders."""
    inside = path.relative_to(folder)
    rest = inside.parts[-1:]
    for pattern in patterns:
        parts = Path(pattern).parts
        n_fixed = next((n for n, part in enumerate(parts) if any(c in part for c in "*?[")), None)
        n_fixed = len(parts) - 1 if n_fixed is None else n_fixed
        if inside.parts[:n_fixed] == parts[:n_fixed]:
            rest = inside.parts[n_fixed:]
            break
    if path.name in _TOPSPIN or path.parent.name == "pdata":
        n_least = 1 if path.name in _RAW else 2
        outer = [one for one in inside.parts if one not in ("pdata", *_TOPSPIN)]
        inner = [one for one in rest if one not in ("pdata", *_TOPSPIN)]
        return "_".join(outer[-max(len(inner), n_least) :])
    is_folder = path.is_dir()
    return "_".join([*rest[:-1], rest[-1] if is_folder else Path(rest[-1]).stem])


def _find_beginning(names: list[str]) -> str:
    """What all begin with."""
    n = 0
    while all(len(name) > n and name[n] == names[0][n] for name in names):
        n += 1
    return names[0][:n].rstrip(" _-.")


def _tell_twins(folder: Path, one: FitJob, other: FitJob) -> str:
    names = [path.relative_to(folder).as_posix() for path in (*one.files, *other.files)]
    told = " and ".join(dict.fromkeys(names))
    return (
        f'measurement: {told} would give two fits called {one.name}; add name = "..." to the '
        f"settings of one."
    )


@dataclass(frozen=True, slots=True)
class Jobs:
    """Fits of a project folder.

    Attributes
    ----------
    folder : Path
        Of the project.
    jobs : tuple of FitJob
        In the order of the samples, sorted by name.
    missing : tuple of Problem
        Measurements whose files are not there.
    """

    folder: Path
    jobs: tuple[FitJob, ...]
    missing: tuple[Problem, ...] = ()


def open_jobs(path: str | Path) -> Jobs:
    """Fits that the project file of a folder asks for.

    Raises
    ------
    InputError
        If there is no project, or it has mistakes; every one is told. Files that are missing are
        mistakes only beside others.
    """
    folder = Path(path).absolute()
    folder = folder.parent if folder.name == PROJECT_FILE else folder
    book, told = SampleBook.read(folder / PROJECT_FILE)
    jobs, wrong = find_jobs(book, folder)
    problems = sorted((*told, *wrong))
    if not all(one.is_missing_file for one in problems):
        raise BookError(folder / PROJECT_FILE, problems)
    return Jobs(folder, jobs, tuple(problems))


class SettingsError(InputError):
    """Settings of a fit have mistakes; `problems` are all of them."""

    def __init__(self, path: Path, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        head = f"Expected settings without mistakes, got {len(self.problems)} in {path}:"
        super().__init__("\n".join([head, *(f"  {one}" for one in self.problems)]))


def read_job(file: str | Path, settings: str | Path) -> FitJob:
    """Fit of a file that belongs to no project.

    Parameters
    ----------
    file : path
        What to fit.
    settings : path
        TOML file with the keys that ``settings`` have in a project file; paths in it are from its
        folder.

    Raises
    ------
    InputError
        If the settings cannot be read, or have mistakes; every one is told.
    """
    file, path = Path(file).absolute(), Path(settings).absolute()
    try:
        toml = parse_toml(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise InputError(f"Expected settings at {path}, got: {reason}; check the path.") from None
    problems = [Problem(line, f"not TOML: {message}.") for line, message in toml.mistakes]
    table = toml.tables
    place: Place = ()
    if isinstance(table.get("settings"), dict):
        table, place = table["settings"], ("settings",)
    kind = str(table.get("fit"))
    technique = next((one for one, kinds in KINDS.items() if kind in kinds), None)
    if technique is None and not problems:
        known = [one for kinds in KINDS.values() for one in kinds]
        line = toml.line_of((*place, "fit"))
        told = f"fit {table['fit']!r} is none" if "fit" in table else "fit is missing"
        raise SettingsError(path, [Problem(line, f"{told}{tell_nearest(kind, known)}.")])
    mistakes = _read(technique, table, path.parent)[1] if technique else []
    for where, text, _ in mistakes:
        problems.append(Problem(toml.line_of((*place, *where)), f"{text}."))
    if problems or technique is None:
        raise SettingsError(path, sorted(problems))
    fit_id = f"{technique}-{kind}-{file.stem}"
    return FitJob("", fit_id, technique, kind, path.parent, (file,), dict(table))
