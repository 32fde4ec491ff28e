"""A reader that crashes, hangs or asks for everything takes nothing down with it."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_nanodope.io import guarded
from napari_nanodope.io.guarded import GuardedReadingError, load_guarded

RPL = "key\tvalue\nwidth\t4\nheight\t3\ndepth\t5\noffset\t0\ndata-length\t2\ndata-type\tunsigned\n"


@pytest.fixture
def ripple(tmp_path: Path) -> Path:
    path = tmp_path / "scan.rpl"
    path.write_text(RPL + "byte-order\tlittle-endian\nrecord-by\tvector\n", encoding="latin-1")
    np.arange(60, dtype="<u2").tofile(tmp_path / "scan.raw")
    return path


def test_what_is_read_apart_is_what_is_there(ripple: Path) -> None:
    (signal,) = load_guarded(ripple, "ripple")
    np.testing.assert_array_equal(signal["data"], np.arange(60).reshape(3, 4, 5))
    assert [axis["size"] for axis in signal["axes"]] == [3, 4, 5]


def test_large_arrays_outlive_the_folder_they_came_in(tmp_path: Path) -> None:
    path = tmp_path / "large.rpl"
    text = RPL.replace("width\t4", "width\t400").replace("height\t3", "height\t600")
    path.write_text(text + "byte-order\tlittle-endian\nrecord-by\tvector\n", encoding="latin-1")
    np.arange(1_200_000, dtype="<u2").tofile(tmp_path / "large.raw")
    (signal,) = load_guarded(path, "ripple")
    assert int(signal["data"].astype(np.int64).sum()) == int(
        np.arange(1_200_000, dtype="<u2").astype(np.int64).sum()
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("import os; os.kill(os.getpid(), 11)", "the reader crashed on it"),
        ("raise ValueError('wrong magic')", "ValueError: wrong magic"),
        ("return f(path)", "it is nested without end"),
        ("import numpy; numpy.ones(10**12)", "it asks for more than"),
        ("while True: pass", "it is not read within 1 s"),
    ],
)
def test_whatever_a_reader_does_is_told(
    body: str, reason: str, ripple: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "fake" / "rsciio"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "odd.py").write_text(
        f"def file_reader(path):\n    f = file_reader\n    {body}\n", encoding="utf-8"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "fake"))
    monkeypatch.setattr(guarded, "_SECONDS", 1.0 if "while" in body else 30.0)
    with pytest.raises(GuardedReadingError, match=reason):
        load_guarded(ripple, "odd")


def test_nothing_is_left_behind(
    ripple: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    load_guarded(ripple, "ripple")
    with pytest.raises(GuardedReadingError):
        load_guarded(ripple, "no_such_reader")
    assert list(place.iterdir()) == []


def test_the_script_stands_on_its_own(tmp_path: Path) -> None:
    order = {"path": "x", "plugin": "nowhere", "given": {}, "limits": {"bytes": 1e9}}
    done = subprocess.run(
        [sys.executable, "-I", guarded.__file__],
        input=json.dumps(order | {"folder": str(tmp_path)}),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert "nowhere" in (tmp_path / "error.txt").read_text(encoding="utf-8")
