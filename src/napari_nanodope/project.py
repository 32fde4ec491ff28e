"""A project folder: its samples, its fields and the tables that were made of them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pandas as pd
import tomli_w

from napari_nanodope.acquisitions import (
    RESULTS,
    SUMMARY,
    TABLES,
    FieldState,
    ProjectField,
)
from napari_nanodope.io.digests import Digests
from napari_nanodope.io.files import UnreadableFileError
from napari_nanodope.io.tables import load_partitions
from napari_nanodope.materials import MATERIALS
from napari_nanodope.model import InputError, as_pixel_size_nm
from napari_nanodope.recipe import Recipe
from napari_nanodope.results import load_json, save_json

if TYPE_CHECKING:
    from spectro.jobs import FitJob, FitState
    from spectro.samples import Measurement, Problem, Sample, SampleBook

PROJECT_FILE, RECIPE_FILE, FAILURES_FILE = "project.toml", "recipe.toml", "failures.json"
_STATUS = ("status", "is_current", "reason", "problem")
_SETTINGS = ("pixel_size_nm", "survey", "together")
_UNSAFE = re.compile(r'[\\/:*?"<>|\x00-\x1f=%]')


class ProjectError(InputError):
    """A project has mistakes; `problems` are all of them, a line of the message for each."""

    def __init__(self, path: Path, problems: "Iterable[Problem]") -> None:
        self.problems = tuple(problems)
        n = len(self.problems)
        head = f"Expected a project without mistakes, got {n} in {path}:"
        super().__init__("\n".join([head, *(f"  {one}" for one in self.problems)]))


@dataclass(frozen=True, slots=True)
class Project:
    """Samples, fields and results of a folder.

    Attributes
    ----------
    folder : Path
        Where ``project.toml`` is.
    book : SampleBook
        Samples and measurements.
    recipe : Recipe
        Of ``recipe.toml``, or the one by default.
    fields : tuple of ProjectField
        Every acquisition by electron microscopy, in the order of the samples, sorted by file.
    missing : tuple of Problem
        Measurements whose files are not there.
    fit_jobs : tuple of FitJob
        Every fit of a spectrum that is asked for, in the order of the samples, sorted by name.

    Examples
    --------
    >>> import tempfile
    >>> import napari_nanodope as nd
    >>> from napari_nanodope.project import make_project
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = make_project(folder)
    ...     project = nd.Project.open(folder)
    >>> [sample.id for sample in project.samples], len(project.fields)
    (['24h'], 0)
    """

    folder: Path
    book: "SampleBook"
    recipe: Recipe
    fields: tuple[ProjectField, ...]
    missing: "tuple[Problem, ...]" = field(default=(), repr=False)
    fit_jobs: "tuple[FitJob, ...]" = field(default=(), repr=False)

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Read and check the project file and the recipe of a folder.

        Raises
        ------
        ProjectError
            If there are mistakes in them; every one is told. Files that are missing are mistakes
            only beside others: alone they are in `missing`, for the rest can be worked on.
        InputError
            If there is no project.
        """
        from spectro import InputError as BookInputError  # noqa: PLC0415 - as the next
        from spectro.jobs import find_jobs  # noqa: PLC0415 - as the next
        from spectro.samples import Problem, SampleBook  # noqa: PLC0415 - pydantic models

        folder = Path(path)
        folder = folder.parent if folder.name == PROJECT_FILE else folder
        folder = folder.absolute()
        try:
            book, told = SampleBook.read(folder / PROJECT_FILE)
        except BookInputError as error:
            raise InputError(str(error)) from None
        problems = list(told)
        base = folder / RECIPE_FILE
        try:
            recipe = Recipe.load(base) if base.exists() else Recipe()
        except InputError as error:
            recipe = Recipe()
            problems.append(Problem(0, str(error)))
        recipes, wrong = _adapt_recipes(book, recipe)
        fields, wrong_too = _find_fields(folder, book, recipes)
        fit_jobs, wrong_fits = find_jobs(book, folder)
        problems = sorted((*problems, *wrong, *wrong_too, *wrong_fits))
        if not all(one.is_missing_file for one in problems):
            raise ProjectError(folder / PROJECT_FILE, problems)
        return cls(folder, book, recipe, fields, tuple(problems), fit_jobs)

    @property
    def samples(self) -> "tuple[Sample, ...]":
        """Samples in the order of the project file."""
        return self.book.samples

    @property
    def results(self) -> Path:
        """Folder of everything that is made of the data."""
        return self.folder / RESULTS

    def field(self, name: str) -> ProjectField:
        """Field of a name such as ``24h/scan1``.

        Raises
        ------
        InputError
            If there is none; the nearest is named.
        """
        for one in self.fields:
            if one.name == name:
                return one
        from spectro.samples.book import tell_nearest  # noqa: PLC0415

        nearest = tell_nearest(name, [one.name for one in self.fields])
        raise InputError(f"Expected a field of the project, got {name!r}{nearest[:400]}.")

    def open_digests(self) -> Digests:
        """Digests of the files of the project, as far as they are known."""
        return Digests(self.results / ".digests.json", self.folder)

    def find_states(self) -> dict[str, FieldState]:
        """State of every field by name; digests that had to be taken are remembered."""
        digests = self.open_digests()
        states = {one.name: one.find_state(digests) for one in self.fields}
        if self.results.is_dir():
            digests.save()
        return states

    def statuses(self) -> pd.DataFrame:
        """A row per field: sample_id, field_id, status, is_current, reason, problem."""
        failures = self.read_failures()
        rows = []
        for one, state in zip(self.fields, self.find_states().values(), strict=True):
            problem = state.problem or (failures.get(one.name, "") if state.is_due else "")
            rows.append(
                (one.sample_id, one.field_id, state.status, state.is_current, state.reason, problem)
            )
        columns = ["sample_id", "field_id", *_STATUS]
        return pd.DataFrame(rows, columns=pd.Index(columns))

    def find_fit_states(self) -> "dict[str, FitState]":
        """State of every fit by name; digests that had to be taken are remembered."""
        digests = Digests(self.results / "fits" / ".digests.json", self.folder)
        states = {one.name: one.find_state(digests.of) for one in self.fit_jobs}
        if (self.results / "fits").is_dir():
            digests.save()
        return states

    def fit_statuses(self) -> pd.DataFrame:
        """A row per fit, as `statuses` has them of fields, with technique and kind."""
        failures = self.read_failures()
        rows = []
        for one, state in zip(self.fit_jobs, self.find_fit_states().values(), strict=True):
            problem = state.problem or (failures.get(one.name, "") if state.is_due else "")
            about = one.sample_id, one.fit_id, one.technique, one.kind
            rows.append((*about, state.status, state.is_current, state.reason, problem))
        columns = ["sample_id", "fit_id", "technique", "kind", *_STATUS]
        return pd.DataFrame(rows, columns=pd.Index(columns))

    def read_failures(self) -> dict[str, str]:
        """Reason by field or fit of those that the last batch could not measure or fit."""
        from spectro.jobs import read_failures  # noqa: PLC0415 - pydantic models

        told: dict[str, Any] = {}
        with suppress(UnreadableFileError):  # there is none, or the next batch writes it anew
            told = load_json(self.results / FAILURES_FILE)
        return {str(k): str(v) for k, v in told.items()} | read_failures(self.folder)

    def save_failures(self, failures: Mapping[str, str]) -> None:
        """Write why fields and fits, or measurements of the project file, could not be done."""
        from spectro.jobs import save_failures  # noqa: PLC0415 - as above

        names = {one.name for one in self.fit_jobs}
        fits = {name: reason for name, reason in failures.items() if name in names}
        if self.fit_jobs:
            save_failures(self.folder, fits)
        others = {name: reason for name, reason in failures.items() if name not in names}
        save_json(others, self.results / FAILURES_FILE)

    def particles(self) -> pd.DataFrame:
        """Particles of every field that has results: a row each."""
        return self._gather("particles")

    def radial(self) -> pd.DataFrame:
        """Radial tables of every field that has results."""
        return self._gather("radial")

    def _gather(self, name: str) -> pd.DataFrame:
        there = [one for one in self.fields if one.table(name).is_file()]
        return load_partitions([one.table(name) for one in there], self.results / name)

    def summaries(self) -> pd.DataFrame:
        """A row per field that has results: the numbers of its summary."""
        rows = []
        for one in self.fields:
            if all(one.table(name).is_file() for name in TABLES):
                summary = load_json(one.folder / SUMMARY)
                numbers = {k: v for k, v in summary.items() if not isinstance(v, list | dict)}
                rows.append({"sample_id": one.sample_id, "field_id": one.field_id} | numbers)
        return pd.DataFrame(rows)

    def fits(self) -> pd.DataFrame:
        """A row per number of every fit: sample_id, fit_id, name, value, low, high, unit, model."""
        from spectro.jobs import list_fits  # noqa: PLC0415 - pydantic models

        rows = []
        for sample in self.samples:
            for path in list_fits(self.folder, sample.id):
                rows += [(sample.id, path.stem, *row) for row in _list_numbers(path)]
        columns = ["sample_id", "fit_id", "name", "value", "low", "high", "unit", "model"]
        return pd.DataFrame(rows, columns=pd.Index(columns))

    def find_orphans(self) -> list[Path]:
        """Files of fields and fits that the project no longer has, named anew or taken away."""
        from spectro.jobs import find_orphans  # noqa: PLC0415 - pydantic models

        known = {one.table(name) for one in self.fields for name in TABLES}
        there = (sorted((self.results / name).glob("sample_id=*/*.parquet")) for name in TABLES)
        found = [path for path in chain(*there) if path not in known and path.name[0] != "."]
        return found + find_orphans(self.folder, self.fit_jobs)

    def remove_orphans(self) -> list[Path]:
        """Remove those files; labels and edits stay where they are."""
        orphans = self.find_orphans()
        for path in orphans:
            path.unlink(missing_ok=True)
        return orphans


def make_project(folder: str | Path, book: "SampleBook | None" = None) -> Path:
    """New project folder with a project file to edit and a recipe with every setting.

    Parameters
    ----------
    folder : path
        Made where it does not exist; files in it are kept.
    book : SampleBook, optional
        Samples to begin with, as `spectro.samples.read_sheet` gives them; else an example.

    Returns
    -------
    Path
        The project file.

    Raises
    ------
    InputError
        If there is a project already.
    """
    from spectro.samples.sheet import to_toml  # noqa: PLC0415

    folder = Path(folder)
    path = folder / PROJECT_FILE
    if path.exists():
        raise InputError(f"Expected a folder without a project, got {path}; edit that.")
    title = tomli_w.dumps({"project": {"name": folder.absolute().name}})
    text = f"{title}\n{_EXAMPLE}" if book is None else f"{title}\n{to_toml(book)}"
    for name in ("eds", "epr", "nmr"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    if not (folder / RECIPE_FILE).exists():
        Recipe().save(folder / RECIPE_FILE)
    partial = path.with_name(f".{PROJECT_FILE}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return path


_EXAMPLE = """\
[defaults]                  # of every sample that says nothing else
host = "Cd"
dopant = "Mn"
material = "CdS (zinc blende)"

[[sample]]
id = "24h"                  # joins all that is measured of it
incubation_h = 24
# feed = 0.01               # dopant per host atom in the synthesis
# icp_ms_mM = 19.0          # in mM of crystal
# metadata = { batch = 3 }  # whatever else is worth knowing
# recipe.count.threshold = 1.5

# Take the signs of comment away and say where the files are.
# [[measurement]]
# sample = "24h"
# technique = "eds"         # or "epr", "nmr", "uv-vis", "saxs"
# files = "eds/24h/*.emd"   # each is one field; folders of maps are, too
# settings = { pixel_size_nm = 0.7 }   # where the files do not tell
#
# [[measurement]]
# sample = "24h"
# technique = "epr"
# files = "epr/24h.DSC"
# settings = { fit = "cw", model = "mn2+" }   # without a fit it is only shown
"""


# Recipes and fields


def _adapt_recipes(book: "SampleBook", base: Recipe) -> "tuple[dict[str, Recipe], list[Problem]]":
    """Recipe of every sample, and what is wrong with those that are wrong."""
    from spectro.samples import Problem  # noqa: PLC0415

    recipes, problems = {}, []
    entries = book.lines.tables.get("sample", [])
    entries = entries if isinstance(entries, list) else []
    places = {one.get("id"): n for n, one in enumerate(entries) if isinstance(one, dict)}
    for sample in book.samples:
        tables = _merge(base, sample)
        told = Recipe.find_problems(tables)
        for place, sentence in told:
            line = book.lines.line_of(("sample", places[sample.id], "recipe", *place))
            problems.append(Problem(line, f"sample {sample.id!r}: recipe: {sentence}."))
        recipes[sample.id] = base if told else Recipe.from_dict(tables)
    return recipes, problems


def _merge(base: Recipe, sample: "Sample") -> dict[str, Any]:
    """Tables of the recipe with what is told of a sample."""
    tables = base.model_dump()
    about = {name: getattr(sample, name) for name in ("host", "dopant", "material")}
    told = {name: value for name, value in about.items() if value is not None}
    lattice = MATERIALS.get(base.field.material)
    host = told.get("host", base.field.host)
    if "material" not in told and lattice is not None and host not in lattice.sites_per_cell:
        told["material"] = ""  # the lattice is of another host, and none is guessed
    tables["field"] |= told
    if sample.icp_ms_mM is not None:
        tables["expect"]["icp_ms_mM"] = sample.icp_ms_mM
    for name, values in sample.recipe.items():
        tables[name] = tables.get(name, {}) | values
    return tables


def _find_fields(
    folder: Path, book: "SampleBook", recipes: Mapping[str, Recipe]
) -> "tuple[tuple[ProjectField, ...], list[Problem]]":
    from spectro.samples import Problem  # noqa: PLC0415

    problems: list[Problem] = []
    found: dict[tuple[str, str], ProjectField] = {}
    for measurement in book.measurements:
        if measurement.technique != "eds" or measurement.sample not in recipes:
            continue
        line = _find_line(book, measurement)
        told = [Problem(line, text) for text in _check_settings(measurement.settings)]
        problems += told
        if told:
            continue
        recipe = recipes[measurement.sample]
        for one in _list_fields(folder, measurement, recipe):
            key = (one.sample_id.casefold(), one.field_id.casefold())
            twin = found.setdefault(key, one)
            if conflict := _compare_twins(twin, one):
                problems.append(Problem(line, f"measurement: {conflict}"))
    return _in_order(found.values(), book), problems


def _compare_twins(one: ProjectField, other: ProjectField) -> str:
    """Why two fields of one name cannot both be; empty where they are the same."""
    names = [path.relative_to(one.project).as_posix() for path in (one.files + other.files)]
    if one.files != other.files:
        told = f"{' and '.join(names)} would both be field {other.name}"
        return f"{told}; rename one, or choose one by its path."
    if one.settings != other.settings:
        told = f"{names[-1]} is told of twice in sample {other.sample_id!r}, with other settings"
        return f"{told}; keep one of them."
    return ""


def _in_order(fields: Iterable[ProjectField], book: "SampleBook") -> tuple[ProjectField, ...]:
    order = {sample.id: n for n, sample in enumerate(book.samples)}
    return tuple(sorted(fields, key=lambda one: (order[one.sample_id], one.field_id)))


def _find_line(book: "SampleBook", measurement: "Measurement") -> int:
    entries = book.lines.tables.get("measurement", [])
    for number, entry in enumerate(entries):
        files = entry.get("files") if isinstance(entry, dict) else None
        patterns = (files,) if isinstance(files, str) else tuple(files or ())
        if patterns == measurement.files and entry.get("sample") == measurement.sample:
            return book.lines.line_of(("measurement", number, "files"))
    return 0


def _check_settings(settings: Mapping[str, Any]) -> Iterator[str]:
    from spectro.samples.book import tell_nearest  # noqa: PLC0415

    for key, value in settings.items():
        if key not in _SETTINGS:
            nearest = tell_nearest(key, _SETTINGS)
            yield f"measurement: settings.{key} is no setting of 'eds'{nearest}."
        elif key == "together" and not isinstance(value, bool):
            yield f"measurement: settings.together: expected true or false, got {value!r}."
        elif key == "survey" and not isinstance(value, str):
            yield f"measurement: settings.survey: expected a path in quotes, got {value!r}."
        elif key == "pixel_size_nm":
            try:
                as_pixel_size_nm(value)
            except InputError as error:
                yield f"measurement: settings.pixel_size_nm: {error}"


def _list_fields(
    folder: Path, measurement: "Measurement", recipe: Recipe
) -> Iterator[ProjectField]:
    settings = {k: v for k, v in measurement.settings.items() if k != "together"}
    files = measurement.find_files(folder)
    about = (settings, recipe)
    if measurement.settings.get("together"):
        if files:
            name = _to_name(_find_beginning([path.stem for path in files]) or files[0].parent.name)
            yield ProjectField(folder, measurement.sample, name, tuple(files), *about)
        return
    for path in files:
        name = _name_field(folder, measurement.files, path)
        yield ProjectField(folder, measurement.sample, name, (path,), *about)


def _find_beginning(stems: list[str]) -> str:
    n = 0
    while all(len(stem) > n and stem[n] == stems[0][n] for stem in stems):
        n += 1
    return stems[0][:n].rstrip(" _-.")


def _name_field(folder: Path, patterns: Iterable[str], path: Path) -> str:
    """Name of a field: its path below the part of the pattern that is fixed, without suffix."""
    inside = path.relative_to(folder)
    for pattern in patterns:
        parts = Path(pattern).parts
        n_fixed = next((n for n, part in enumerate(parts) if any(c in part for c in "*?[")), None)
        n_fixed = len(parts) - 1 if n_fixed is None else n_fixed
        if inside.parts[:n_fixed] == parts[:n_fixed]:
            rest = inside.parts[n_fixed:]
            return _to_name("_".join([*rest[:-1], Path(rest[-1]).stem]))
    return _to_name(path.stem)


def _to_name(text: str) -> str:
    return _UNSAFE.sub("_", text).strip(". ") or "field"


def load_fit_numbers(path: Path) -> dict[str, Any]:
    """What `spectro.model.FitResult.to_dict` gave of a fit.

    Raises
    ------
    UnreadableFileError
        If it is no such file.
    """
    from spectro.jobs import has_numbers  # noqa: PLC0415 - pydantic models

    told = load_json(path)
    if not has_numbers(told):
        raise UnreadableFileError(
            f"Expected the numbers of a fit in {path}, got something else; run the batch again."
        )
    return told


def _list_numbers(path: Path) -> Iterator[tuple[Any, ...]]:
    told = load_fit_numbers(path)
    for name, row in told["values"].items():
        numbers = (row.get("value"), row.get("low"), row.get("high"))
        yield name, *numbers, row.get("unit", ""), told.get("model", "")
