"""Digests of files, remembered by size and time of change, so that nothing is read twice."""

import hashlib
import json
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from napari_nanodope.io.files import hash_files, replacing

_SETTLED_S = 2.0
"""A file that was written within this time may change once more and keep its time of change."""


class Digests:
    """SHA-256 of files, kept in a JSON file between runs.

    A file whose size and time of change are those of last time is taken to be the same.

    Parameters
    ----------
    path : Path
        File that remembers; without it, or where it is damaged, every file is read anew.
    root : Path
        Folder from which files are named in it.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self._path, self._root = path, root
        self._kept: dict[str, list[int | str]] = {}
        with suppress(OSError, ValueError):
            kept = json.loads(path.read_text(encoding="utf-8"))
            self._kept = kept if isinstance(kept, dict) else {}
        self._used: dict[str, list[int | str]] = {}
        self._now = time.time()

    def of(self, file: Path) -> str:
        """Digest of a file in hexadecimal.

        Raises
        ------
        OSError
            If it cannot be read.
        """
        state = file.stat()
        name = file.relative_to(self._root).as_posix()
        entry = self._kept.get(name)
        if (
            not isinstance(entry, list)
            or len(entry) != 3
            or entry[:2] != [state.st_size, state.st_mtime_ns]
        ):
            entry = [state.st_size, state.st_mtime_ns, hash_files([file])]
            self._kept[name] = entry
        if self._now - state.st_mtime > _SETTLED_S:
            self._used[name] = entry
        return str(entry[2])

    def of_all(self, files: Iterable[Path]) -> str:
        """Digest of several files, in the order given; that of a file alone is its own."""
        digests = [self.of(file) for file in files]
        if len(digests) == 1:
            return digests[0]
        return hashlib.sha256("".join(digests).encode()).hexdigest()

    def save(self) -> None:
        """Remember the files that were asked for; a disk that is full costs time only."""
        with suppress(OSError), replacing(self._path) as partial:
            partial.write_text(json.dumps(self._used), encoding="utf-8")
