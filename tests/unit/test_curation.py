"""Edits of labels: one history, undone and redone exactly, and nothing lost to a crash."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_nanodope.core import editing
from napari_nanodope.curation import LABELS_FILE, LOG_FILE, Curation
from napari_nanodope.io.arrays import read_labels_with_note, save_labels
from napari_nanodope.io.files import UnreadableFileError
from napari_nanodope.model import InputError
from napari_nanodope.segmentation import Outlines


def draw_grid(n: int = 4) -> np.ndarray:
    """Square particles in a square, numbered row by row."""
    labels = np.zeros((12 * n, 12 * n), np.int32)
    for k in range(n * n):
        y, x = 12 * (k // n), 12 * (k % n)
        labels[y + 2 : y + 10, x + 2 : x + 10] = k + 1
    return labels


def test_edits_change_labels_and_can_be_undone():
    work = Curation(draw_grid())
    assert not work.can_undo
    assert work.undo() is work.redo() is None
    work.do("merge", editing.merge(work.labels, [1, 2]))
    work.do("delete", editing.delete(work.labels, [5]))
    assert set(np.unique(work.labels)) == {0, 1, 3, 4, *range(6, 17)}
    undone = work.undo()
    assert undone.name == "delete"
    assert set(np.unique(undone.change.after)) == {5}
    work.undo()
    np.testing.assert_array_equal(work.labels, draw_grid())
    work.redo()
    assert 2 not in work.labels
    work.do("delete", editing.delete(work.labels, [16]))
    assert not work.can_redo


def test_exclusions_belong_to_the_same_history():
    work = Curation(draw_grid())
    work.exclude([3, 4], "out of focus")
    work.exclude([4], "double")
    assert work.excluded == {3: "out of focus", 4: "double"}
    assert work.exclude([4], "double") is None
    work.include([3, 7])
    assert work.excluded == {4: "double"}
    work.undo()
    work.undo()
    assert work.excluded == {3: "out of focus", 4: "out of focus"}
    with pytest.raises(InputError, match="Expected a reason"):
        work.exclude([1], "  ")
    with pytest.raises(InputError, match="got 99, which is not there"):
        work.exclude([1, 99], "bad")


def test_the_exclusion_of_a_particle_goes_and_returns_with_it():
    work = Curation(draw_grid())
    work.exclude([5], "double")
    work.do("delete", editing.delete(work.labels, [5]))
    assert work.excluded == {}
    work.undo()
    assert work.excluded == {5: "double"}


def test_labels_are_not_changed_from_outside():
    given = draw_grid()
    work = Curation(given)
    given[:] = 0
    assert work.labels.max() == 16
    with pytest.raises(ValueError, match="read-only"):
        work.labels[0, 0] = 1
    with pytest.raises(InputError, match="Expected the labels that this change was made for"):
        work.do("delete", editing.delete(np.roll(draw_grid(), 3, axis=1), [1]))
    np.testing.assert_array_equal(work.labels, draw_grid())
    assert not work.can_undo


def after_a_crash(folder: Path) -> Path:
    """The folder as a crash would leave it: nobody has it open."""
    shutil.rmtree(folder.with_name("crashed"), ignore_errors=True)
    return Path(shutil.copytree(folder, folder.with_name("crashed")))


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["merge", "delete", "split", "paint", "exclude", "include", "undo", "redo", "save"]
        ),
        st.integers(0, 2**16),
    ),
    max_size=25,
)


def operate(work: Curation, name: str, number: int) -> None:
    """One random operation, as far as the labels allow it."""
    rng = np.random.default_rng(number)
    ids = np.unique(work.labels)[1:]
    if name in ("undo", "redo", "save"):
        getattr(work, name)()
    elif name == "paint":
        after = work.labels.copy()
        y, x = rng.integers(0, after.shape[0], 2)
        after[y : y + 7, x : x + 5] = rng.integers(0, 20)
        work.do("paint", editing.compare(work.labels, after))
    elif len(ids) < 2:
        return
    elif name == "merge":
        work.do("merge", editing.merge(work.labels, rng.choice(ids, 2, replace=False)))
    elif name == "delete":
        work.do("delete", editing.delete(work.labels, [rng.choice(ids)]))
    elif name == "split":
        chosen = int(rng.choice(ids))
        points = np.argwhere(work.labels == chosen)
        if len(points) > 1:
            seeds = rng.choice(points, 2, replace=False)
            work.do("split", editing.split_by_seeds(work.labels, chosen, seeds))
    elif name == "exclude":
        work.exclude(rng.choice(ids, 2), f"reason {number % 3}")
    else:
        work.include(rng.choice(ids, 2))


@given(operations=OPERATIONS)
@settings(max_examples=60, deadline=None)
def test_history_agrees_with_a_list_of_copies(operations, tmp_path_factory):
    folder = tmp_path_factory.mktemp("edits") / "work"
    work = Curation(draw_grid(), folder)
    states, at = [(work.labels.copy(), work.excluded)], 0
    for name, number in operations:
        before = work.n_operations
        operate(work, name, number)
        if name == "undo":
            at = max(at - 1, 0)
        elif name == "redo":
            at = min(at + 1, len(states) - 1)
        elif work.n_operations > before:
            states, at = [*states[: at + 1], (work.labels.copy(), work.excluded)], at + 1
        labels, excluded = states[at]
        np.testing.assert_array_equal(work.labels, labels)
        assert work.excluded == excluded
        assert (work.can_undo, work.can_redo) == (at > 0, at < len(states) - 1)
    again = Curation.open(after_a_crash(folder))
    np.testing.assert_array_equal(again.labels, work.labels)
    assert again.excluded == work.excluded
    while again.can_undo:
        again.undo()
    np.testing.assert_array_equal(again.labels, draw_grid())


def test_a_line_cut_short_by_a_crash_is_left_out_and_written_over(tmp_path):
    work = Curation(draw_grid(), tmp_path)
    work.do("delete", editing.delete(work.labels, [1]))
    tmp_path = after_a_crash(tmp_path)
    log = tmp_path / LOG_FILE
    whole = log.read_bytes()
    log.write_bytes(whole + b'{"time":"2026-01-01","op":"del')
    again = Curation.open(tmp_path)
    np.testing.assert_array_equal(again.labels, work.labels)
    again.do("delete", editing.delete(again.labels, [2]))
    assert log.read_bytes().startswith(whole)
    assert [json.loads(line)["op"] for line in log.read_text().splitlines()] == ["delete"] * 2


@pytest.mark.parametrize(
    "line", ["no json", "[1]", '{"op": "merge", "runs": [[1]]}', '{"op":"x","runs":[[0,0,1,2]]}']
)
def test_damage_before_the_last_line_is_told(tmp_path, line):
    work = Curation(draw_grid(), tmp_path)
    work.do("delete", editing.delete(work.labels, [1]))
    work.close()
    log = tmp_path / LOG_FILE
    damaged = line.encode() + b"\n" + log.read_bytes()
    log.write_bytes(damaged)
    with pytest.raises(UnreadableFileError, match="Expected an edit in line 1"):
        Curation.open(tmp_path)
    assert log.read_bytes() == damaged


def test_lines_that_do_not_fit_the_labels_are_told(tmp_path):
    work = Curation(draw_grid(), tmp_path)
    work.do("delete", editing.delete(work.labels, [1]))
    tmp_path = after_a_crash(tmp_path)
    log = tmp_path / LOG_FILE
    edits = log.read_text()
    log.write_text('{"op":"undo"}\n')
    with pytest.raises(UnreadableFileError, match=r"line 1 of .* to fit the labels"):
        Curation.open(tmp_path)
    log.write_text(edits)
    labels = (tmp_path / LABELS_FILE).read_bytes()
    log.write_text(log.read_text().replace(",1,0]", ",7,0]"))
    with pytest.raises(UnreadableFileError, match=r"line 1 of .* to fit the labels"):
        Curation.open(tmp_path)
    assert (tmp_path / LABELS_FILE).read_bytes() == labels


def test_labels_of_another_program_do_not_go_with_the_log(tmp_path):
    work = Curation(draw_grid(), tmp_path)
    work.do("delete", editing.delete(work.labels, [1]))
    work.close()
    tifffile.imwrite(tmp_path / LABELS_FILE, draw_grid())
    with pytest.raises(UnreadableFileError, match="that go with edits.jsonl"):
        Curation.open(tmp_path)


def test_a_folder_is_open_once(tmp_path):
    first = Curation(draw_grid(), tmp_path)
    with pytest.raises(InputError, match="that no other window has open"):
        Curation.open(tmp_path)
    first.do("delete", editing.delete(first.labels, [1]))
    first.close()
    second = Curation.open(tmp_path)
    np.testing.assert_array_equal(second.labels, first.labels)
    second.close()
    with pytest.raises(InputError, match="Expected a folder without labels and edits"):
        Curation(draw_grid(), tmp_path)


def test_a_folder_that_cannot_be_opened_is_left_to_others(tmp_path):
    Curation(draw_grid(), tmp_path).close()
    labels = (tmp_path / LABELS_FILE).read_bytes()
    (tmp_path / LABELS_FILE).write_bytes(b"torn")
    with pytest.raises(UnreadableFileError):
        Curation.open(tmp_path)
    (tmp_path / LABELS_FILE).write_bytes(labels)
    np.testing.assert_array_equal(Curation.open(tmp_path).labels, draw_grid())


def test_lines_that_another_program_wrote_are_not_written_over(tmp_path):
    work = Curation(draw_grid(), tmp_path)
    work.do("delete", editing.delete(work.labels, [1]))
    before = work.labels.copy()
    with (tmp_path / LOG_FILE).open("a") as log:
        log.write('{"op":"undo"}\n')
    with pytest.raises(InputError, match="as this window left it"):
        work.do("delete", editing.delete(work.labels, [2]))
    np.testing.assert_array_equal(work.labels, before)


def test_labels_are_saved_now_and_then_and_at_the_end(tmp_path):
    work = Curation(draw_grid(), tmp_path)
    for _ in range(30):
        work.do("delete", editing.delete(work.labels, [1]))
        work.undo()
    saved = read_labels_with_note(tmp_path / LABELS_FILE)[1]["edits"]
    assert 10 < saved <= 60
    work.redo()
    work.close()
    labels, note = read_labels_with_note(tmp_path / LABELS_FILE)
    assert note["edits"] == 61
    assert 1 not in labels


KILLED = """
import os, signal, sys
from tests.unit.test_curation import draw_grid, operate
from napari_nanodope.curation import Curation
import numpy as np
work = Curation(draw_grid(), sys.argv[1])
rng = np.random.default_rng(int(sys.argv[2]))
names = ["merge", "delete", "split", "paint", "exclude", "include", "undo", "redo", "save"]
for _ in range(int(sys.argv[3])):
    operate(work, str(rng.choice(names)), int(rng.integers(2**16)))
    state = np.append(work.labels.ravel(), sorted(work.excluded)).astype(np.int32)
    sys.stdout.buffer.write(np.int32(len(state)).tobytes() + state.tobytes())
    sys.stdout.buffer.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_returned_is_lost_to_a_kill(tmp_path, seed):
    root = Path(__file__).parents[2]
    arguments = [sys.executable, "-c", KILLED, str(tmp_path), str(seed), str(10 + 20 * seed)]
    ended = subprocess.run(arguments, cwd=root, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    told = np.frombuffer(ended.stdout, np.int32)
    at = 0
    while at < len(told):
        state = told[at + 1 : at + 1 + told[at]]
        at += 1 + told[at]
    again = Curation.open(tmp_path)
    np.testing.assert_array_equal(again.labels.ravel(), state[: again.labels.size])
    assert sorted(again.excluded) == state[again.labels.size :].tolist()


def test_labels_of_others_are_marked_before_the_log_begins(tmp_path):
    labels = draw_grid(2)
    save_labels(labels, tmp_path / LABELS_FILE, (1.0, 1.0), note={"made_by": "nanodope batch"})
    curation = Curation.open(tmp_path)
    assert read_labels_with_note(tmp_path / LABELS_FILE)[1] == {"made_by": "nanodope batch"}
    curation.do("delete", editing.delete(labels, [2]))
    there = Curation.read(tmp_path)  # while it is open, or after a crash
    np.testing.assert_array_equal(there.labels, curation.labels)
    curation.close()


def test_where_labels_come_from_is_in_the_log(tmp_path):
    labels = draw_grid(2)
    scores = pd.DataFrame(
        {"label": [1, 2, 3, 4], "probability": [0.9, 0.1, np.nan, 1 / 3], "flow_error": 0.2}
    )
    outlines = Outlines(labels, scores, 5.25, {"method": "cellpose", "diameter_is_estimated": True})
    curation = Curation(np.zeros_like(labels), tmp_path)
    curation.do("segment", editing.compare(curation.labels, labels), origin=outlines)
    curation.do("delete", editing.delete(labels, [2]))
    found = Curation.read(tmp_path).find_outlines(None)
    np.testing.assert_array_equal(found.labels, curation.labels)
    pd.testing.assert_frame_equal(found.scores, scores[scores["label"] != 2], check_exact=True)
    assert found.settings == {**outlines.settings, "n_edits": 1}
    curation.do("replace", editing.compare(curation.labels, labels), origin="given")
    assert Curation.read(tmp_path).find_outlines(outlines) is None
    curation.undo()
    assert Curation.read(tmp_path).find_outlines(None).settings == found.settings
    curation.close()
