"""Digests are those of the bytes, and are taken again when a file has changed."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from napari_nanodope.io.digests import Digests

LONG_AGO = 1_700_000_000


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def write(path: Path, content: bytes, when: float = LONG_AGO) -> Path:
    path.write_bytes(content)
    os.utime(path, (when, when))
    return path


def test_digests_are_of_the_bytes(tmp_path: Path) -> None:
    file, other = write(tmp_path / "a", b"one"), write(tmp_path / "b", b"two")
    digests = Digests(tmp_path / "kept.json", tmp_path)
    assert digests.of(file) == digests.of_all([file]) == sha256(b"one")
    both = sha256(f"{sha256(b'one')}{sha256(b'two')}".encode())
    assert digests.of_all([file, other]) == both
    with pytest.raises(FileNotFoundError):
        digests.of(tmp_path / "c")


def test_files_that_have_settled_are_remembered(tmp_path: Path) -> None:
    kept, file = tmp_path / "kept.json", write(tmp_path / "a", b"one")
    new = write(tmp_path / "b", b"new", when=os.stat(tmp_path).st_mtime)
    first = Digests(kept, tmp_path)
    assert first.of(new) == sha256(b"new")
    first.of(file)
    first.save()
    assert list(json.loads(kept.read_text())) == ["a"]  # the other may change within its time
    write(file, b"two")  # of the same size and time
    assert Digests(kept, tmp_path).of(file) == sha256(b"one")
    write(file, b"two", when=LONG_AGO + 1)
    assert Digests(kept, tmp_path).of(file) == sha256(b"two")


@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff", b'{"a": 3}'])
def test_a_damaged_memory_costs_time_only(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "kept.json").write_bytes(content)
    file = write(tmp_path / "a", b"one")
    assert Digests(tmp_path / "kept.json", tmp_path).of(file) == sha256(b"one")
