"""One field of a project read, measured and written: what a worker of a batch does."""

import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from napari_nanodope.acquisitions import (
    MADE_BY,
    PROVENANCE,
    SUMMARY,
    TABLES,
    ProjectField,
    has_curated_labels,
    has_edits,
    read_review,
)
from napari_nanodope.curation import LABELS_FILE, LOCK_FILE, Curation
from napari_nanodope.io import read_field
from napari_nanodope.io.arrays import read_labels, read_labels_with_note, save_labels
from napari_nanodope.io.digests import Digests
from napari_nanodope.io.files import UnreadableFileError, hash_files
from napari_nanodope.io.tables import load_table, save_table, to_partition
from napari_nanodope.model import FieldOfView, InputError
from napari_nanodope.pipeline import analyze
from napari_nanodope.recipe import Recipe
from napari_nanodope.results import FieldResult, load_json, save_json
from napari_nanodope.segmentation import Outlines

OUTLINES = "outlines.json"
_PACKAGES = ("distributed", "pyarrow", "rosettasciio", "tifffile")


@dataclass(frozen=True, slots=True)
class Given:
    """Labels that a person made, or approved.

    Attributes
    ----------
    labels : (Y, X) array or Outlines
        With scores of the particles that nobody touched, where they were segmented.
    exclusions : dict
        Reason by label of the particles that the person left out.
    n_edits : int
        Operations in the log.
    """

    labels: NDArray[Any] | Outlines
    exclusions: dict[int, str]
    n_edits: int


def measure_field(one: ProjectField, parts: Mapping[str, str]) -> dict[str, Any]:
    """Measure a field and write everything about it; ``provenance.json`` comes last.

    Parameters
    ----------
    one : ProjectField
        What to read, and where results go.
    parts : mapping
        What the run is made of, from `ProjectField.find_state`.

    Returns
    -------
    dict
        ``n_particles`` and ``seconds``.

    Raises
    ------
    InputError
        If the field cannot be read or measured, or is open in a window.
    OSError
        If results cannot be written.
    """
    start = time.perf_counter()
    given = read_given(one)
    result = _measure(one, one.recipe, given)
    about = {"parts": dict(parts), "n_edits": given.n_edits if given else 0}
    with nullcontext() if given else _locked(one.folder):
        if given is None and _is_curated(one):
            return measure_field(one, parts)  # edited or approved while it was measured
        if read_review(one.folder)["status"] == "rejected":
            raise InputError(
                f"Expected {one.name} to be wanted, got it rejected while it was measured; nothing "
                f"of it was written."
            )
        _write(one, result, about, start, is_curated=given is not None)
    return {"n_particles": len(result.particles), "seconds": time.perf_counter() - start}


def read_given(one: ProjectField) -> Given | None:
    """Labels of a person, or None where a run may make its own.

    Raises
    ------
    UnreadableFileError
        If they are there and cannot be read.
    """
    if not _is_curated(one):
        return None
    outlines = load_outlines(one.folder)
    if not has_edits(one.folder):
        labels = read_labels(one.folder / LABELS_FILE)
        return Given(labels if outlines is None else replace(outlines, labels=labels), {}, 0)
    curation = Curation.read(one.folder)
    found = curation.find_outlines(outlines)
    edited = curation.labels if found is None else found
    return Given(edited, curation.excluded, curation.n_operations)


def _is_curated(one: ProjectField) -> bool:
    """Whether a person edited, gave or approved the labels of a field."""
    is_approved = read_review(one.folder)["status"] == "curated"
    return is_approved or has_curated_labels(one.folder, _fresh_digests(one))


@dataclass(frozen=True, slots=True)
class Reproduction:
    """A field measured again, beside what was written.

    Attributes
    ----------
    field : str
        Its name.
    differences : tuple of str
        What is not the same, a sentence each; empty if everything is.
    changes : tuple of str
        What was changed since: input, recipe, version, edits.
    """

    field: str
    differences: tuple[str, ...]
    changes: tuple[str, ...]


def reproduce(one: ProjectField) -> Reproduction:
    """Measure a field again with the recipe of its provenance and compare; nothing is written.

    Raises
    ------
    InputError
        If it has no results, or cannot be measured any more.
    """
    told = _read_provenance(one)
    recipe = Recipe.from_dict(told["recipe"], origin=str(one.folder / PROVENANCE))
    settings, packages = told["settings"], told["packages"]
    digest = told["input"]["sha256"]
    result = _measure(replace(one, settings=settings), recipe, read_given(one))
    found = result.provenance
    changes = [] if found["input"]["sha256"] == digest else ["The input has other bytes."]
    if recipe.sha256 != one.recipe.sha256:
        changes.append("The recipe is another now; that of the results was used.")
    now = {**_list_versions(found), "napari-nanodope": found["version"]}
    before = {**packages, "napari-nanodope": told["version"]}
    changes += [
        f"{name} is {now[name]}, was {before[name]}."
        for name in sorted(now.keys() & before.keys())
        if now[name] != before[name]
    ]
    differences = [text for name in TABLES for text in _compare(one, name, getattr(result, name))]
    if found["labels"]["sha256"] != told["labels"]["sha256"]:
        differences.insert(0, "The labels differ.")
    return Reproduction(one.name, tuple(differences), tuple(changes))


def restore(one: ProjectField) -> FieldResult:
    """Result of a field with its pictures, from its input and the labels that are there.

    Settings are those of its provenance; nothing is outlined anew, and nothing is written. If
    neither input nor labels changed since, the tables are those that were written.

    Raises
    ------
    InputError
        If it has no results, or its input cannot be read any more.
    """
    told = _read_provenance(one)
    recipe = Recipe.from_dict(told["recipe"], origin=str(one.folder / PROVENANCE))
    given = read_given(one)
    if given is None:
        labels, outlines = read_labels(one.folder / LABELS_FILE), load_outlines(one.folder)
        given = Given(labels if outlines is None else replace(outlines, labels=labels), {}, 0)
    return _measure(replace(one, settings=told["settings"]), recipe, given)


_TOLD = ("recipe", "settings", "packages", "version", "input", "labels")


def _read_provenance(one: ProjectField) -> dict[str, Any]:
    """What is written about a result, as far as measuring it again needs it."""
    if not (one.folder / PROVENANCE).is_file():
        raise InputError(f"Expected results of {one.name}, got none; run 'nanodope batch' first.")
    told = load_json(one.folder / PROVENANCE)
    missing = [name for name in _TOLD if name not in told]
    if missing:
        raise UnreadableFileError(
            f"Expected {one.folder / PROVENANCE} to tell {missing[0]!r}, got a file without; run "
            f"the batch again."
        )
    return told


def _measure(one: ProjectField, recipe: Recipe, given: Given | None) -> FieldResult:
    field = read_project_field(one, recipe)
    if given is None:
        return analyze(field, recipe)
    return analyze(field, recipe, labels=given.labels, exclusions=given.exclusions)


def read_project_field(one: ProjectField, recipe: Recipe | None = None) -> FieldOfView:
    """Field of a project as a run reads it, by its own recipe if no other is given.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    recipe = recipe or one.recipe
    field = read_field(
        one.files if len(one.files) > 1 else one.files[0],
        (recipe.field.host, recipe.field.dopant),
        {
            symbol: line
            for symbol, line in recipe.maps.lines.items()
            if symbol in (recipe.field.host, recipe.field.dopant)
        },
        one.survey,
        detectors=recipe.maps.detectors,
        frames=recipe.maps.frames,
        pixel_size_nm=_as_size(one.settings.get("pixel_size_nm")),
        sample_id=one.sample_id,
    )
    return replace(field, field_id=one.field_id)


def _as_size(told: Any) -> float | tuple[float, float] | None:
    return tuple(told) if isinstance(told, list) else told


def _write(
    one: ProjectField,
    result: FieldResult,
    about: dict[str, Any],
    start: float,
    *,
    is_curated: bool,
) -> None:
    folder, labels = one.folder, one.folder / LABELS_FILE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PROVENANCE).unlink(missing_ok=True)  # nothing here goes with it from now on
    if not is_curated:
        save_labels(result.labels, labels, result.field.pixel_size_nm, note=MADE_BY)
        save_outlines(result.outlines, folder)
    save_json(dict(result.summary), folder / SUMMARY)
    metadata = {
        "sample_id": one.sample_id,
        "recipe_sha256": result.recipe.sha256,
        "input_sha256": result.provenance["input"]["sha256"],
        "version": result.provenance["version"],
        "interval": 0.95,
    }
    for name in TABLES:
        one.table(name).parent.mkdir(parents=True, exist_ok=True)
        save_table(to_partition(getattr(result, name)), one.table(name), metadata)
    told = {
        **result.provenance,
        **about,
        "sample_id": one.sample_id,
        "field_id": one.field_id,
        "files": [path.relative_to(one.project).as_posix() for path in one.files],
        "settings": dict(one.settings),
        "recipe": result.recipe.model_dump(mode="json"),
        "packages": _list_versions(result.provenance),
        "pixel_size_nm": list(result.field.pixel_size_nm),
        "shape_px": list(result.field.shape),
        "labels_file": None if is_curated else hash_files([labels]),
        "machine": {"host": platform.node(), "system": platform.platform()},
        "seed": None,  # nothing is drawn at random
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.perf_counter() - start, 3),
    }
    save_json(told, folder / PROVENANCE)


def _list_versions(provenance: Mapping[str, Any]) -> dict[str, str]:
    return {**provenance["packages"], **{name: _find_version(name) for name in _PACKAGES}}


_find_version = lru_cache(version)  # which reads a file each time


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep windows from a field while its labels are replaced, where one has ever been there."""
    if not (folder / LOCK_FILE).exists():
        yield
        return
    try:
        with FileLock(folder / LOCK_FILE, timeout=0):
            yield
    except Timeout:
        raise InputError(
            f"Expected {folder} to be open nowhere, got it open in a window; close the field there "
            f"and run the batch again."
        ) from None


def _fresh_digests(one: ProjectField) -> Digests:
    return Digests(one.folder / "none.json", one.project)


def save_outlines(outlines: Outlines | None, folder: Path) -> None:
    """Write down the segmentation that labels begin with, or that they come from elsewhere."""
    if outlines is None:
        (folder / OUTLINES).unlink(missing_ok=True)
    else:
        save_json(outlines.to_dict(), folder / OUTLINES)


def load_outlines(folder: Path) -> Outlines | None:
    """Segmentation that the labels of a folder began with, these left out; None without one.

    Raises
    ------
    UnreadableFileError
        If it cannot be read.
    """
    if not (folder / OUTLINES).is_file():
        return None
    if not has_edits(folder):
        note = read_labels_with_note(folder / LABELS_FILE)[1]
        if not note.keys() & {*MADE_BY, "edits"}:
            return None  # labels of a person, put in the place of those that were segmented
    try:
        return Outlines.from_dict(load_json(folder / OUTLINES))
    except (KeyError, TypeError, ValueError):
        raise UnreadableFileError(
            f"Expected scores of a segmentation in {folder / OUTLINES}, got something else; remove "
            f"the file to go on without."
        ) from None


def _compare(one: ProjectField, name: str, table: pd.DataFrame) -> Iterator[str]:
    """What differs between a table and the one that was written."""
    before = load_table(one.table(name))
    now = to_partition(table)
    if list(before.columns) != list(now.columns) or len(before) != len(now):
        yield (
            f"The {name} table has {len(now)} rows of {now.shape[1]} columns, had {len(before)} "
            f"of {before.shape[1]}."
        )
        return
    for column in now.columns:
        old, new = before[column].to_numpy(), now[column].to_numpy()
        same = (old == new) | (pd.isna(old) & pd.isna(new))
        if not same.all():
            yield f"{column} of {name} differs in {int((~same).sum())} of {len(now)} rows."


def describe_failure(one: ProjectField, error: BaseException) -> str:
    """Why a field could not be measured, on one line."""
    if isinstance(error, OSError) and error.strerror:
        where = error.filename or one.folder
        return f"Expected {where} to be read or written, got: {error.strerror}."
    text = " ".join(str(error).split()) or "no reason given"
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"
