"""What a project holds, gathered for its report; nothing is computed or drawn here."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_nanodope.acquisitions import PROVENANCE, SUMMARY, TABLES, FieldState, ProjectField
from napari_nanodope.joint.fits import list_fits_of
from napari_nanodope.pooled import SampleResult, pool_sample
from napari_nanodope.project import Project, load_fit_numbers
from napari_nanodope.results import load_json

if TYPE_CHECKING:
    from spectro.jobs import FitState

_PROVENANCE_OF_FIT = ".provenance.json"
_NUMBER = re.compile(r"\d+(\.\d+)?(e[+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class FieldEntry:
    """One field: what is there of it.

    Attributes
    ----------
    field : ProjectField
        Its files and its place.
    state : FieldState
        Whether its results hold.
    summary, provenance : mapping
        Empty where there are no results.
    problem : str
        Why it could not be measured; empty where it could.
    """

    field: ProjectField
    state: FieldState
    summary: Mapping[str, Any]
    provenance: Mapping[str, Any]
    problem: str

    @property
    def is_measured(self) -> bool:
        """Whether there are results."""
        return bool(self.summary)


@dataclass(frozen=True, slots=True)
class FitEntry:
    """One fit, as it was written.

    Attributes
    ----------
    sample_id, fit_id : str
        What names it.
    told : mapping
        Numbers, statements, warnings and settings.
    provenance : mapping
        Inputs, versions, settings of the project file; empty where there is none.
    path : Path
        File of its numbers.
    project : Path
        Folder of the project.
    """

    sample_id: str
    fit_id: str
    told: Mapping[str, Any]
    provenance: Mapping[str, Any]
    path: Path
    project: Path

    @property
    def name(self) -> str:
        """Sample and fit, as in ``24h/epr-cw-24h``."""
        return f"{self.sample_id}/{self.fit_id}"

    @property
    def technique(self) -> str:
        """``epr`` or ``nmr``."""
        return str(self.told.get("technique", "")) or self.fit_id.partition("-")[0]

    @property
    def kind(self) -> str:
        """What was fitted, as ``cw`` or ``buildup``."""
        return str(self.told.get("kind", ""))

    @property
    def inputs(self) -> tuple[tuple[str, str], ...]:
        """Path from the folder of the project and SHA-256 of every file that was read."""
        told = self.provenance.get("inputs") or self.told.get("sources", ())
        return tuple((str(one["path"]), str(one["sha256"])) for one in told)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that a reader must know, and of what.

    Attributes
    ----------
    text : str
        One sentence.
    where : tuple of str
        Names of the samples, fields, fits or lines of the project file.
    alike : tuple of str
        Those of which the same is said with other numbers.
    """

    text: str
    where: tuple[str, ...]
    alike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a report tells.

    Attributes
    ----------
    project : Project
        Of which it is.
    fields : tuple of FieldEntry
        Every field, in the order of the project.
    fits : tuple of FitEntry
        Every fit, by sample in the order of the project.
    pooled : mapping of str to tuple of SampleResult
        What the fields of each sample say together, by dopant.
    failures, warnings : tuple of Remark
        What could not be done, and what is doubtful; the same sentence once.
    """

    project: Project
    fields: tuple[FieldEntry, ...]
    fits: tuple[FitEntry, ...]
    pooled: Mapping[str, tuple[SampleResult, ...]]
    failures: tuple[Remark, ...]
    warnings: tuple[Remark, ...]

    @property
    def title(self) -> str:
        """Name of the project, or of its folder."""
        return self.project.book.name or self.project.folder.name

    @property
    def measured(self) -> tuple[FieldEntry, ...]:
        """Fields that have results."""
        return tuple(one for one in self.fields if one.is_measured)

    @property
    def provenances(self) -> list[Mapping[str, Any]]:
        """What is told of how each field was measured and each fit done."""
        fields = [one.provenance for one in self.measured]
        return fields + [one.provenance for one in self.fits if one.provenance]

    def anchor(self, kind: str, name: str) -> str:
        """Place in the page of a sample, a field or a fit.

        Numbers, since names may hold what an anchor must not, and two might become one.
        """
        names = {
            "sample": [one.id for one in self.project.samples],
            "field": [one.field.name for one in self.fields],
            "fit": [one.name for one in self.fits],
        }[kind]
        return f"{kind}{names.index(name) + 1}"

    def find_anchor(self, name: str) -> str:
        """Place in the page of what a remark is about; empty where there is none."""
        if name in {one.name for one in self.fits}:
            return self.anchor("fit", name)
        sample_id = name.partition("/")[0]
        known = {one.id for one in self.project.samples}
        return self.anchor("sample", sample_id) if sample_id in known else ""

    def fields_of(self, sample_id: str) -> tuple[FieldEntry, ...]:
        """Fields of a sample."""
        return tuple(one for one in self.fields if one.field.sample_id == sample_id)

    def fits_of(self, sample_id: str) -> tuple[FitEntry, ...]:
        """Fits of a sample."""
        return tuple(one for one in self.fits if one.sample_id == sample_id)


def gather(project: Project) -> Contents:
    """Read what is written about every field and fit of a project.

    Raises
    ------
    UnreadableFileError
        If results are damaged.
    """
    failures = {k: _shorten(v, project) for k, v in project.read_failures().items()}
    states = project.find_states()
    fields = tuple(_enter(project, one, states[one.name], failures) for one in project.fields)
    fit_states = project.find_fit_states()
    fits = tuple(_find_fits(project))
    pooled = {one.id: tuple(pool_sample(project, one.id)) for one in project.samples}
    return Contents(
        project,
        fields,
        fits,
        pooled,
        _join(_list_failures(project, fields, fit_states, failures)),
        _join(
            [
                *_list_warnings_of_fields(fields),
                *_list_warnings_of_samples(pooled),
                *_list_warnings_of_fits(fits, fit_states, failures),
            ]
        ),
    )


def _shorten(text: str, project: Project) -> str:
    """Sentence with paths from the folder of the project on, as elsewhere on the page."""
    return text.replace(f"{project.folder}{os.sep}", "")


def _enter(
    project: Project, one: ProjectField, state: FieldState, failures: Mapping[str, str]
) -> FieldEntry:
    problem = _shorten(state.problem, project)
    problem = problem or (failures.get(one.name, "") if state.is_due else "")
    is_measured = state.status != "rejected" and all(one.table(name).is_file() for name in TABLES)
    if not is_measured or not (one.folder / PROVENANCE).is_file():
        return FieldEntry(one, state, {}, {}, problem)
    summary, provenance = load_json(one.folder / SUMMARY), load_json(one.folder / PROVENANCE)
    return FieldEntry(one, state, summary, provenance, problem)


def _find_fits(project: Project) -> Iterator[FitEntry]:
    for sample in project.samples:
        for path in list_fits_of(project, sample.id):
            about = path.with_name(f"{path.stem}{_PROVENANCE_OF_FIT}")
            provenance = load_json(about) if about.is_file() else {}
            yield FitEntry(
                sample.id, path.stem, load_fit_numbers(path), provenance, path, project.folder
            )


def _list_failures(
    project: Project,
    fields: tuple[FieldEntry, ...],
    fit_states: "Mapping[str, FitState]",
    failures: Mapping[str, str],
) -> Iterator[tuple[str, str]]:
    for one in project.missing:
        yield one.message, f"project.toml, line {one.line}"
    for entry in fields:
        if entry.problem:
            yield entry.problem, entry.field.name
    for name, state in fit_states.items():
        problem = _shorten(state.problem, project)
        problem = problem or (failures.get(name, "") if state.is_due else "")
        if problem:
            yield problem, name


def _list_warnings_of_fields(fields: tuple[FieldEntry, ...]) -> Iterator[tuple[str, str]]:
    for entry in fields:
        name, state = entry.field.name, entry.state
        if state.is_due and not entry.problem:
            yield _tell_due(state.reason, is_there=entry.is_measured), name
        for text in entry.summary.get("warnings", ()):
            yield str(text), name


def _tell_due(reason: str, *, is_there: bool) -> str:
    if is_there:
        return f"The results are not of what is there now ({reason}); run 'nanodope batch'."
    return "There are no results yet, so it is in no number here; run 'nanodope batch'."


def _list_warnings_of_fits(
    fits: tuple[FitEntry, ...],
    fit_states: "Mapping[str, FitState]",
    failures: Mapping[str, str],
) -> Iterator[tuple[str, str]]:
    there = {one.name for one in fits}
    for name, state in fit_states.items():
        if state.is_due and not state.problem and name not in failures:
            yield _tell_due(state.reason, is_there=name in there), name
    for fit in fits:
        if not fit.told.get("is_converged", True):
            yield "The fit did not end at a minimum; its numbers are not to be relied on.", fit.name
        for text in fit.told.get("warnings", ()):
            yield str(text), fit.name


def _list_warnings_of_samples(
    pooled: Mapping[str, tuple[SampleResult, ...]],
) -> Iterator[tuple[str, str]]:
    for sample_id, results in pooled.items():
        for result in results:
            for text in result.summary["warnings"]:
                yield str(text), sample_id


def _join(told: Iterable[tuple[str, str]]) -> tuple[Remark, ...]:
    """Each sentence once, those that differ in numbers only with the first of them."""
    found: dict[str, list[tuple[str, str]]] = {}
    for text, where in told:
        found.setdefault(_NUMBER.sub("#", text), []).append((text, where))
    remarks = []
    for several in found.values():
        first = several[0][0]
        same = dict.fromkeys(name for text, name in several if text == first)
        alike = dict.fromkeys(name for text, name in several if text != first)
        remarks.append(Remark(first, tuple(same), tuple(alike)))
    return tuple(remarks)


def tell_file(entry: FieldEntry) -> str:
    """Paths of a field's files from the folder of the project, with commas."""
    folder = entry.field.project
    return ", ".join(path.relative_to(folder).as_posix() for path in entry.field.files)


def find_span(contents: Contents, name: str) -> tuple[str, str] | None:
    """First and last text under a name in all provenances; None where none tells."""
    told = [str(one[name]) for one in contents.provenances if one.get(name)]
    return (min(told), max(told)) if told else None
