"""One field of a project: its files, where its results are, and whether they still hold."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import napari_nanodope
from napari_nanodope.curation import LABELS_FILE, LOG_FILE
from napari_nanodope.io.arrays import read_labels_with_note
from napari_nanodope.io.digests import Digests
from napari_nanodope.io.files import UnreadableFileError, list_companions
from napari_nanodope.model import InputError
from napari_nanodope.recipe import Recipe
from napari_nanodope.results import load_json, save_json

Status = Literal["new", "automatic", "curated", "rejected"]

RESULTS = "results"
TABLES = ("particles", "radial")
PROVENANCE, SUMMARY, REVIEW = "provenance.json", "summary.json", "review.json"
MADE_BY = {"made_by": "nanodope batch"}
"""Note in a file of labels that nobody has touched."""
_PARQUET = b"PAR1"
_REVIEWS = ("", "curated", "rejected")


@dataclass(frozen=True, slots=True)
class FieldState:
    """What is there of a field, and whether it is what a run would find.

    Attributes
    ----------
    status : {"new", "automatic", "curated", "rejected"}
        "new" has no results; "curated" has labels that a person edited, gave or approved.
    is_current : bool
        Whether input, recipe, version and edits are those of the results.
    reason : str
        Why it is not current, in a few words; of a rejected field, why it was rejected.
    parts : mapping
        Digests of input, recipe, settings and edits, and the version, of which a run is made.
    problem : str
        What is wrong with the input; empty where nothing is.
    """

    status: Status
    is_current: bool
    reason: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def is_due(self) -> bool:
        """Whether a run has to measure it."""
        return not self.is_current and self.status != "rejected"


@dataclass(frozen=True, slots=True)
class ProjectField:
    """One acquisition of a sample.

    Attributes
    ----------
    project : Path
        Folder of the project.
    sample_id, field_id : str
        What names it.
    files : tuple of Path
        One file or folder, or the maps that make one field together.
    settings : mapping
        What the reader is told: ``pixel_size_nm``, ``survey``.
    recipe : Recipe
        With what is particular to the sample.
    """

    project: Path
    sample_id: str
    field_id: str
    files: tuple[Path, ...]
    settings: Mapping[str, Any]
    recipe: Recipe

    @property
    def name(self) -> str:
        """Sample and field, as in ``24h/scan1``."""
        return f"{self.sample_id}/{self.field_id}"

    @property
    def folder(self) -> Path:
        """Folder of labels, edits, summary and provenance."""
        return self.project / RESULTS / "fields" / self.sample_id / self.field_id

    def table(self, name: str) -> Path:
        """File of one of its tables."""
        return locate_table(self.project, name, self.sample_id, self.field_id)

    @property
    def survey(self) -> Path | None:
        """File of a survey that lies apart."""
        told = self.settings.get("survey")
        if told is None:
            return None
        return self.project / str(told).replace("{stem}", self.files[0].stem)

    def list_inputs(self) -> list[Path]:
        """Every file that is read, partners of another suffix included; sorted."""
        found: set[Path] = set()
        for path in (*self.files, *([self.survey] if self.survey else [])):
            if path.is_dir():
                found.update(p for p in path.rglob("*") if p.is_file() and p.name[0] != ".")
            else:
                found.update(list_companions(path))
        return sorted(found)

    def find_state(self, digests: Digests) -> FieldState:
        """What is there of the field; nothing is read that is known already."""
        try:
            review = read_review(self.folder)
        except UnreadableFileError as error:  # perhaps curated, so nothing is written over
            return FieldState("curated", False, "cannot be read", problem=str(error))
        curated = review["status"] == "curated" or has_curated_labels(self.folder, digests)
        told = self._read_provenance()
        status: Status = "curated" if curated else "new" if told is None else "automatic"
        if review["status"] == "rejected":
            return FieldState("rejected", is_current=True, reason=review["reason"])
        try:
            parts = self._find_parts(digests, curated=curated)
        except OSError as error:
            reason = f"Expected {error.filename} to be read, got: {error.strerror}."
            return FieldState(status, is_current=False, reason="cannot be read", problem=reason)
        if told is None:
            return FieldState(status, False, "never measured", parts)
        changed = [
            name for name, value in parts.items() if told.get("parts", {}).get(name) != value
        ]
        if not changed:
            changed = list(self._find_damaged())
        reason = f"changed: {', '.join(changed)}" if changed else ""
        if status == "automatic" and changed:
            status = "new"
        return FieldState(status, not changed, reason, parts)

    def _find_damaged(self) -> Iterator[str]:
        """Results that are not there, or not whole; the last bytes of a table tell."""
        if not all(_is_parquet(self.table(name)) for name in TABLES):
            yield "tables"
        try:
            load_json(self.folder / SUMMARY)
        except UnreadableFileError:
            yield "summary"
        if not (self.folder / LABELS_FILE).is_file():
            yield "labels"

    def _read_provenance(self) -> dict[str, Any] | None:
        try:
            told = load_json(self.folder / PROVENANCE)
        except UnreadableFileError:
            return None
        return told if isinstance(told.get("parts", {}), dict) else None

    def _find_parts(self, digests: Digests, *, curated: bool) -> dict[str, str]:
        edits = digest_edits(self.folder, digests) if curated else ""
        return {
            "input": digests.of_all(self.list_inputs()),
            "recipe": self.recipe.sha256,
            "settings": _digest(json.dumps(dict(self.settings), sort_keys=True)),
            "version": napari_nanodope.__version__,
            "edits": edits,
        }

    def review(self, status: Literal["", "curated", "rejected"], reason: str = "") -> None:
        """Say what a person thinks of the field; "" takes it back.

        A rejected field loses its tables, so that whoever reads them is spared it; labels and
        edits are kept. Labels of a curated field are never replaced by a run.

        Raises
        ------
        InputError
            If the status is another, a field is rejected without a reason, or one without labels
            is approved.
        """
        if status not in _REVIEWS:
            raise InputError(f"Expected 'curated', 'rejected' or '', got {status!r}.")
        if status == "rejected" and not reason.strip():
            raise InputError("Expected a reason to reject a field, got none; type one.")
        if status == "curated" and not (self.folder / LABELS_FILE).is_file():
            raise InputError(f"Expected labels of {self.name} to approve, got none; run the batch.")
        self.folder.mkdir(parents=True, exist_ok=True)
        told = {"status": status, "reason": reason.strip()}
        when = datetime.now(UTC).isoformat(timespec="seconds")
        save_json(told | {"time": when}, self.folder / REVIEW)
        if status == "rejected":
            (self.folder / PROVENANCE).unlink(missing_ok=True)
            for name in TABLES:
                self.table(name).unlink(missing_ok=True)


def locate_table(project: Path, name: str, sample_id: str, field_id: str) -> Path:
    """File of a table of a field, where readers of hive partitions expect it."""
    return project / RESULTS / name / f"sample_id={sample_id}" / f"{field_id}.parquet"


def read_review(folder: Path) -> dict[str, str]:
    """What a person thinks of a field: ``status`` and ``reason``, empty for nothing.

    Raises
    ------
    UnreadableFileError
        If it was said in a way that cannot be read.
    """
    path = folder / REVIEW
    if not path.is_file():
        return {"status": "", "reason": ""}
    try:
        told = load_json(path)
    except UnreadableFileError:
        told = {}
    if told.get("status") not in _REVIEWS:
        got = repr(told["status"]) if "status" in told else "none that can be read"
        raise UnreadableFileError(
            f"Expected 'curated', 'rejected' or '' as status in {path}, got {got}; remove the "
            f"file, and review the field again."
        )
    return {"status": str(told["status"]), "reason": str(told.get("reason", ""))}


def has_edits(folder: Path) -> bool:
    """Whether a person edited the labels of a field: whether the log has a line."""
    path = folder / LOG_FILE
    return path.is_file() and b"\n" in path.read_bytes()


def has_curated_labels(folder: Path, digests: Digests) -> bool:
    """Whether a person edited or gave the labels of a field.

    Labels that a run wrote carry a note, and their digest is in the provenance. All others are a
    person's: those without the note, and those that were changed since.
    """
    path = folder / LABELS_FILE
    if has_edits(folder):
        return True
    if not path.is_file():
        return False
    try:
        told = load_json(folder / PROVENANCE).get("labels_file")
    except UnreadableFileError:
        told = None
    if told == digests.of(path):
        return False
    try:
        return read_labels_with_note(path)[1].get("made_by") != MADE_BY["made_by"]
    except InputError:
        return True  # damaged, and perhaps a person's: never to be written over


def digest_edits(folder: Path, digests: Digests) -> str:
    """Digest of what a person did: of the log, or of the labels where there is none."""
    return digests.of(folder / (LOG_FILE if has_edits(folder) else LABELS_FILE))


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(-len(_PARQUET), os.SEEK_END)
            return file.read() == _PARQUET
    except OSError:
        return False


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
