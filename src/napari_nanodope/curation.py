"""What a person did to the labels of a field: one history, written down as it happens.

A folder under curation holds ``labels.tif`` and ``edits.jsonl``. The log has one line per
operation, undo and redo included, and is on the disk before the operation returns. The labels are
written now and then, with the number of lines that they already contain, so opening the folder
after a crash applies the lines that are missing. A lock keeps two windows from one folder; it goes
with the process that held it.
"""

import errno
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from napari_nanodope.core.editing import NOTHING, Change
from napari_nanodope.io.arrays import read_labels_with_note, save_labels
from napari_nanodope.io.files import UnreadableFileError
from napari_nanodope.model import InputError, as_labels, read_only
from napari_nanodope.segmentation import Outlines

Labels = NDArray[np.int32]

LABELS_FILE, LOG_FILE, LOCK_FILE = "labels.tif", "edits.jsonl", "edits.lock"
_SAVE_EVERY = 50  # operations, so that little is to be done again
_NOTE = "edits"
_LARGEST = np.iinfo(np.int32).max


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """One operation on labels.

    Attributes
    ----------
    name : str
        "merge", "split", "delete", "paint", "exclude", "include" and the like.
    change : Change
        Pixels that got other labels.
    reasons : mapping
        For particles excluded or included by hand, the reason before and after; empty for none.
    origin : Outlines or "given", optional
        What all labels come from since then, where they were replaced.
    """

    name: str
    change: Change = NOTHING
    reasons: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    origin: Outlines | str | None = None

    def reversed(self) -> "Edit":
        """What undoes it."""
        reasons = {label: (after, before) for label, (before, after) in self.reasons.items()}
        return Edit(self.name, self.change.reversed(), reasons)

    def to_json(self) -> dict[str, Any]:
        """The operation as it stands in the log."""
        entry: dict[str, Any] = {"op": self.name}
        if len(self.change.pixels):
            entry["runs"] = _to_runs(self.change)
        if self.reasons:
            entry["reasons"] = {str(label): list(pair) for label, pair in self.reasons.items()}
        if isinstance(self.origin, Outlines):
            entry["origin"] = self.origin.to_dict()
        elif self.origin is not None:
            entry["origin"] = self.origin
        return entry

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> Self:
        """The operation of a line in the log."""
        reasons = {int(k): (str(a), str(b)) for k, (a, b) in entry.get("reasons", {}).items()}
        told = entry.get("origin")
        origin = Outlines.from_dict(told) if isinstance(told, Mapping) else told
        return cls(str(entry["op"]), _from_runs(entry.get("runs", [])), reasons, origin)


class Curation:
    """Labels under a person's hands, with undo, redo and a log that survives a crash.

    Parameters
    ----------
    labels : (Y, X) int32 array
        What the work begins with; copied.
    folder : path, optional
        Where labels and log are kept; without one nothing is written.
    pixel_size_nm : (float, float), optional
        Calibration of the file of labels.

    Raises
    ------
    InputError
        If the folder already holds a log (`open` it), is open elsewhere, or cannot be written to.
    """

    def __init__(
        self,
        labels: Labels,
        folder: str | Path | None = None,
        *,
        pixel_size_nm: tuple[float, float] = (1.0, 1.0),
    ) -> None:
        self._labels = np.array(labels, np.int32)
        self._excluded: dict[int, str] = {}
        self._done: list[Edit] = []
        self._undone: list[Edit] = []
        self._folder = Path(folder) if folder is not None else None
        self._pixel_size_nm = pixel_size_nm
        self._n_lines = self._n_saved = 0
        self._is_noted = True  # in the labels, how many lines they contain
        self._size = 0
        self._lock: FileLock | None = None
        if self._folder is None:
            return
        if (self._folder / LOG_FILE).exists() or (self._folder / LABELS_FILE).exists():
            raise InputError(
                f"Expected a folder without labels and edits, got {self._folder}; open it to go "
                f"on with them."
            )
        self._lock = _lock(self._folder)
        self.save()

    @classmethod
    def open(cls, folder: str | Path, *, pixel_size_nm: tuple[float, float] = (1.0, 1.0)) -> Self:
        """Go on where a folder was left, even if that was in the middle of something.

        Raises
        ------
        UnreadableFileError
            If the labels are not those of the log, or the log is damaged before its last line.
        InputError
            If it is open elsewhere.
        """
        folder = Path(folder)
        lock = _lock(folder)
        try:
            self = cls.read(folder, pixel_size_nm=pixel_size_nm)
        except BaseException:
            lock.release()
            raise
        self._folder, self._lock = folder, lock
        return self

    @classmethod
    def read(cls, folder: str | Path, *, pixel_size_nm: tuple[float, float] = (1.0, 1.0)) -> Self:
        """Labels and edits of a folder as they are now, kept nowhere: to look at, also while open.

        Raises
        ------
        UnreadableFileError
            As `open`.
        """
        folder = Path(folder)
        image, note = read_labels_with_note(folder / LABELS_FILE)
        entries, size = _read_log(folder / LOG_FILE)
        n_saved = note.get(_NOTE, 0 if not entries else None)
        if not isinstance(n_saved, int) or n_saved > len(entries):
            raise UnreadableFileError(
                f"Expected labels in {folder / LABELS_FILE} that go with {LOG_FILE}, got others; "
                f"put the labels back, or move {LOG_FILE} away to begin anew."
            )
        self = cls(as_labels(image, image.shape), pixel_size_nm=pixel_size_nm)
        for number, entry in enumerate(entries):
            try:
                self._follow(entry, apply=number >= n_saved)
            except (InputError, IndexError):
                raise UnreadableFileError(
                    f"Expected line {number + 1} of {folder / LOG_FILE} to fit the labels before "
                    f"it, got another; put back the {LABELS_FILE} that belongs to it."
                ) from None
        self._n_lines, self._n_saved, self._size = len(entries), n_saved, size
        self._is_noted = _NOTE in note
        return self

    @property
    def labels(self) -> Labels:
        """The labels as they are now, read-only."""
        return read_only(self._labels.view())

    @property
    def excluded(self) -> dict[int, str]:
        """Reason by label of the particles that a person left out."""
        return dict(self._excluded)

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is something to redo."""
        return bool(self._undone)

    @property
    def is_kept(self) -> bool:
        """Whether a folder holds the edits."""
        return self._folder is not None

    @property
    def n_operations(self) -> int:
        """Operations since the beginning, undo and redo included."""
        return self._n_lines

    def find_outlines(self, first: Outlines | None) -> Outlines | None:
        """Labels with the scores of the particles that nobody has touched; None without scores.

        `first` is the segmentation that the history began with.
        """
        replaced = [n for n, edit in enumerate(self._done) if edit.origin is not None]
        outlines = self._done[replaced[-1]].origin if replaced else first
        if not isinstance(outlines, Outlines):
            return None
        edits = self._done[replaced[-1] + 1 :] if replaced else self._done
        touched = {label for edit in edits for label in edit.change.touched.tolist()}
        n_before = int(outlines.settings.get("n_edits", 0))
        return outlines.edit(self.labels, touched, n_before + len(edits))

    def do(self, name: str, change: Change, *, origin: Outlines | str | None = None) -> Edit | None:
        """Change labels; None where no pixel changes.

        Particles that lose all their pixels are no longer excluded. With an `origin`, labels have
        nothing to do with those before, so none is. Undoing brings that back too.

        Raises
        ------
        InputError
            If the change was made for other labels, or the log cannot be written.
        """
        if len(change.pixels) == 0 and origin is None:
            return None
        change.check(self._labels)
        lost = [label for label in self._excluded if origin or self._loses_all(label, change)]
        reasons = {label: (self._excluded[label], "") for label in lost}
        return self._record(Edit(name, change, reasons, origin))

    def _loses_all(self, label: int, change: Change) -> bool:
        n_lost = int(np.count_nonzero(change.before == label))
        return n_lost > 0 and n_lost == int(np.count_nonzero(self._labels == label))

    def exclude(self, chosen: Sequence[int], reason: str) -> Edit | None:
        """Leave particles out of the statistics; None where they are left out for it already.

        Raises
        ------
        InputError
            If the reason is empty or a particle is not there.
        """
        if not reason.strip():
            raise InputError("Expected a reason to exclude particles, got none; type one.")
        told = reason.strip().encode("utf-8", "replace").decode()
        return self._set_reasons("exclude", chosen, told)

    def include(self, chosen: Sequence[int]) -> Edit | None:
        """Take particles back that were excluded by hand; None where none of them was."""
        return self._set_reasons("include", chosen, "")

    def undo(self) -> Edit | None:
        """Take the last operation back; what changed, or None where there is nothing to undo."""
        return self._step("undo")

    def redo(self) -> Edit | None:
        """Do again what was undone last; what changed, or None."""
        return self._step("redo")

    def save(self) -> None:
        """Write the labels, so that less is to be done again when the folder is opened."""
        if self._folder is None:
            return
        path, note = self._folder / LABELS_FILE, {_NOTE: self._n_lines}
        with _telling(path):
            save_labels(self._labels, path, self._pixel_size_nm, note=note)
        self._n_saved, self._is_noted = self._n_lines, True

    def close(self) -> bool:
        """Write the labels and let others open the folder; nothing is written from then on.

        Returns
        -------
        bool
            Whether everything is on the disk, or nothing had to be.
        """
        self._save_at_times(1)
        is_written = self._folder is None or self._is_written(self._folder)
        if self._lock is not None:
            self._lock.release()
        self._folder = self._lock = None
        return is_written

    def _is_written(self, folder: Path) -> bool:
        log, labels = folder / LOG_FILE, folder / LABELS_FILE
        try:
            return labels.is_file() and (log.stat().st_size if log.exists() else 0) >= self._size
        except OSError:
            return False

    def move_to(self, folder: str | Path) -> None:
        """Write all of it into another folder, which holds none yet, and go on there.

        Raises
        ------
        InputError
            If that folder holds labels or edits, is open elsewhere, or cannot be written to.
        """
        new = type(self)(self._labels, folder, pixel_size_nm=self._pixel_size_nm)
        undone = list(reversed(self._undone))
        try:
            for edit in (*self._done, *undone):
                new._write(edit.to_json())
            for _ in undone:
                new._write({"op": "undo"})
            new.save()
        except InputError:
            new.close()
            raise
        self.close()
        self._folder, self._lock, self._size = new._folder, new._lock, new._size
        self._n_lines, self._n_saved = new._n_lines, new._n_saved

    def _set_reasons(self, name: str, chosen: Sequence[int], reason: str) -> Edit | None:
        ids = sorted({int(label) for label in chosen} - {0})
        missing = [label for label in ids if not (self._labels == label).any()]
        if missing:
            raise InputError(
                f"Expected particles of this field, got {missing[0]}, which is not there; choose "
                f"them again."
            )
        before = {label: self._excluded.get(label, "") for label in ids}
        reasons = {label: (old, reason) for label, old in before.items() if old != reason}
        return self._record(Edit(name, reasons=reasons)) if reasons else None

    def _record(self, edit: Edit) -> Edit:
        self._write(edit.to_json())
        self._done.append(edit)
        self._undone.clear()
        self._apply(edit)
        self._save_at_times()
        return edit

    def _step(self, name: Literal["undo", "redo"]) -> Edit | None:
        if not (self._done if name == "undo" else self._undone):
            return None
        self._write({"op": name})
        edit = self._move(name, apply=True)
        self._save_at_times()
        return edit

    def _save_at_times(self, every: int = _SAVE_EVERY) -> None:
        """Write the labels where many operations are not in them; the log has those anyway."""
        if self._n_lines - self._n_saved >= every:
            with suppress(InputError):
                self.save()

    def _move(self, name: str, *, apply: bool) -> Edit:
        source, target = self._done, self._undone
        if name == "redo":
            source, target = target, source
        edit = source.pop()
        target.append(edit)
        edit = edit.reversed() if name == "undo" else edit
        self._apply(edit, pixels=apply)
        return edit

    def _follow(self, entry: Mapping[str, Any], *, apply: bool) -> None:
        """Do what a line of the log says; its pixels only where the labels lack them."""
        if entry["op"] in ("undo", "redo"):
            self._move(entry["op"], apply=apply)
            return
        edit = Edit.from_json(entry)
        self._done.append(edit)
        self._undone.clear()
        self._apply(edit, pixels=apply)

    def _apply(self, edit: Edit, *, pixels: bool = True) -> None:
        if pixels:
            edit.change.apply(self._labels)
        for label, (_, reason) in edit.reasons.items():
            if reason:
                self._excluded[label] = reason
            else:
                self._excluded.pop(label, None)

    def _write(self, entry: dict[str, Any]) -> None:
        """Append a line, on the disk before this returns."""
        if self._folder is None:
            self._n_lines += 1
            return
        if not self._is_noted:  # labels of a batch, which would not go with a log
            self.save()
        path = self._folder / LOG_FILE
        with _telling(path):
            size = path.stat().st_size if path.exists() else 0
            if size < self._size or _has_line(path, self._size):
                raise InputError(
                    f"Expected {path} as this window left it, got another; it is open elsewhere, "
                    f"or was changed. Close this field and open it again."
                )
            told = {"time": datetime.now(UTC).isoformat(timespec="seconds"), **entry}
            line = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
            with path.open("r+b" if size else "wb", buffering=0) as file:
                file.seek(self._size)  # a line that was cut short by a crash is written over
                file.truncate()
                try:
                    if file.write(line) < len(line):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(self._size)
                    raise
        self._size += len(line)
        self._n_lines += 1


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is written into a sentence."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"Expected {path} to be written, got: {error.strerror or error}; make room or give "
            f"access, and do it again."
        ) from None


def _lock(folder: Path) -> FileLock:
    """Take a folder for this process, which is made where it does not exist."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK_FILE, thread_local=False)
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"Expected edits in {folder} that no other window has open, got some that one has; "
            f"close this field there first."
        ) from None
    except OSError as error:
        raise InputError(
            f"Expected a folder for edits that can be written to, got {folder}: {error.strerror}."
        ) from None
    return lock


def _has_line(path: Path, start: int) -> bool:
    """Whether there is a whole line after `start`."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        file.seek(start)
        return b"\n" in file.read()


def _read_log(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Lines of a log, and how many bytes they take; a last line without an end is left out."""
    if not path.exists():
        return [], 0
    data = path.read_bytes()
    size = data.rfind(b"\n") + 1
    entries = []
    for number, line in enumerate(data[:size].splitlines()):
        try:
            entry = json.loads(line)
            Edit.from_json(entry)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise UnreadableFileError(
                f"Expected an edit in line {number + 1} of {path}, got something else; repair or "
                f"remove that line and those after it."
            ) from None
        entries.append(entry)
    return entries, size


def _to_runs(change: Change) -> list[list[int]]:
    """First pixel, length, label before and after of each run of neighbouring pixels."""
    pixels, before, after = change.pixels, change.before, change.after
    new = (np.diff(pixels) != 1) | (np.diff(before) != 0) | (np.diff(after) != 0)
    first = np.concatenate([[0], np.flatnonzero(new) + 1])
    lengths = np.diff([*first, len(pixels)])
    runs = np.stack([pixels[first], lengths, before[first], after[first]], axis=1)
    return [[int(n) for n in run] for run in runs]


def _from_runs(runs: Sequence[Sequence[int]]) -> Change:
    table = np.array(runs, np.int64).reshape(-1, 4)
    first, lengths = table[:, 0], table[:, 1]
    labels = table[:, 2:]
    if (lengths < 1).any() or (labels < 0).any() or (labels > _LARGEST).any():
        raise ValueError("a run without pixels, or labels that cannot be")
    starts = np.repeat(first - np.cumsum(lengths) + lengths, lengths)
    pixels = starts + np.arange(int(lengths.sum()))
    before, after = (np.repeat(table[:, i], lengths).astype(np.int32) for i in (2, 3))
    return Change(pixels, before, after)
