"""What a person does to the fields of a project is what a batch finds; without a window."""

import json

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

import napari_nanodope as nd
from napari_nanodope._napari.review import Queue, look_at_some, open_field, review_of
from napari_nanodope.curation import LABELS_FILE, LOG_FILE, Curation
from napari_nanodope.field_task import OUTLINES, measure_field, read_given, reproduce
from napari_nanodope.io.arrays import read_labels, save_labels
from napari_nanodope.io.tables import save_table, to_partition
from napari_nanodope.segmentation import Outlines

NAMES = ["24h/scan0", "24h/scan1", "24h/scan2", "48h/scan3"]


@pytest.fixture
def review(project_folder):
    viewer = ViewerModel()
    review = review_of(viewer)
    review.kept_viewer = viewer  # for the test; a session does not keep its viewer alive
    review.set_queue(Queue.open(project_folder))
    yield review
    review.session.release()


def turn_to(review, name):
    project = review.queue.project
    one = project.field(name)
    review.show(open_field(project, one, review.unsure.values()))
    return one


def run_batch(one):
    """Measure a field in this process, as a worker of a batch does where it is due."""
    state = one.find_state(nd.Project.open(one.project).open_digests())
    if state.is_due:
        measure_field(one, state.parts)
    return state.is_due


def measure(session):
    labels = session.outlines or session.labels
    return nd.analyze(session.field, session.recipe, labels=labels, exclusions=session.excluded)


def score(labels, seed=0):
    """Outlines with a score for each particle, as a network gives them."""
    ids = np.unique(labels)[1:].astype(int)
    rng = np.random.default_rng(seed)
    columns = {"probability": rng.random(len(ids)), "flow_error": rng.random(len(ids))}
    scores = pd.DataFrame({"label": ids} | columns)
    return Outlines(labels.copy(), scores, 5.3, {"method": "cellpose", "model": "nanocrystal"})


def check_equal(session, one, tmp_path):
    """The batch measures what the viewer shows: the very same bytes."""
    here = measure(session)
    session.release()
    before = {name: (one.folder / name).read_bytes() for name in (LABELS_FILE, LOG_FILE)}
    assert run_batch(one)
    assert {name: (one.folder / name).read_bytes() for name in before} == before
    for name in ("particles", "radial"):
        there = pd.read_parquet(one.table(name))
        pd.testing.assert_frame_equal(
            there, to_partition(getattr(here, name)), check_exact=True, check_dtype=False
        )
        metadata = {
            "sample_id": one.sample_id,
            "recipe_sha256": one.recipe.sha256,
            "input_sha256": here.provenance["input"]["sha256"],
            "version": here.provenance["version"],
            "interval": 0.95,
        }
        save_table(to_partition(getattr(here, name)), tmp_path / "here.parquet", metadata)
        assert (tmp_path / "here.parquet").read_bytes() == one.table(name).read_bytes()
    assert json.loads((one.folder / "summary.json").read_text()) == json.loads(
        json.dumps(here.summary)
    )
    assert not run_batch(one)


def test_edits_of_a_field_are_measured_by_the_batch(review, tmp_path):
    session, one = review.session, turn_to(review, NAMES[0])
    assert review.current == one
    np.testing.assert_array_equal(session.labels, read_labels(one.folder / LABELS_FILE))
    assert review.queue.states[one.name].status == "automatic"
    session.delete([3])
    session.merge([5, 6])
    session.exclude([8], "out of focus")
    session.layer.paint((20, 30), 9)
    state = review.queue.states[one.name]
    assert (state.status, state.reason, state.is_due) == ("curated", "changed: edits", True)
    check_equal(session, one, tmp_path)


def test_scores_of_a_segmentation_in_the_viewer_reach_the_batch(review, tmp_path):
    session, one = review.session, turn_to(review, NAMES[1])
    session.delete([2])
    session.set_outlines(score(session.labels, seed=1))
    session.delete([4])
    outlines = session.outlines
    assert 4 not in set(outlines.scores["label"])
    found = read_given(one)
    pd.testing.assert_frame_equal(found.labels.scores, outlines.scores, check_exact=True)
    assert found.labels.settings == outlines.settings
    check_equal(session, one, tmp_path)


def test_a_field_without_labels_is_segmented_in_the_viewer(review, tmp_path):
    session, one = review.session, turn_to(review, NAMES[3])
    assert session.labels is None
    assert review.queue.states[one.name].status == "new"
    labels = nd.segment(session.field, session.recipe.segment)
    session.set_outlines(score(labels))
    assert review.queue.states[one.name].status == "curated"
    assert read_given(one).labels.doubtful == session.outlines.doubtful
    session.delete([1])
    check_equal(session, one, tmp_path)
    assert reproduce(one).differences == ()


def test_scores_are_not_taken_for_those_of_other_labels(review):
    session, one = review.session, turn_to(review, NAMES[0])
    field = session.field
    session.release()
    labels = read_labels(one.folder / LABELS_FILE)[::-1]
    save_labels(labels, one.folder / LABELS_FILE, field.pixel_size_nm)
    assert (one.folder / OUTLINES).is_file()
    assert not isinstance(read_given(one).labels, Outlines)
    turn_to(review, NAMES[1])
    turn_to(review, NAMES[0])
    np.testing.assert_array_equal(session.labels, labels)
    assert session.outlines is None
    session.delete([1])
    assert not isinstance(read_given(one).labels, Outlines)


def test_looking_at_a_field_changes_nothing(review):
    before = review.queue.states
    for name in (*NAMES, NAMES[0]):
        turn_to(review, name)
    review.session.release()
    assert Queue.open(review.queue.project.folder).states == before


def test_nothing_is_lost_on_the_way_to_another_field_and_back(review):
    session, one = review.session, turn_to(review, NAMES[0])
    session.delete([3])
    session.layer.data[10:14, 10:14] = 77  # a script, which tells nobody
    session.layer.refresh()
    session.layer.paint((40, 40), 5)
    left = session.layer.data.copy()
    turn_to(review, NAMES[1])
    assert {layer.name for layer in session.viewer.layers} == {"survey", "Cd", "Mn", "particles"}
    session.exclude([6], "doubtful outline")
    assert review.queue.states[one.name].status == "curated"
    turn_to(review, NAMES[0])
    np.testing.assert_array_equal(session.labels, left)
    session.undo()
    session.undo()
    np.testing.assert_array_equal(session.labels, read_given(one).labels.labels)
    turn_to(review, NAMES[1])
    assert session.excluded == {6: "doubtful outline"}


def test_what_a_person_hides_stays_hidden_in_the_next_field(review):
    turn_to(review, NAMES[0])
    layers = review.session.viewer.layers
    layers["Mn"].visible = False
    turn_to(review, NAMES[1])
    assert (layers["Mn"].visible, layers["Cd"].visible) == (False, True)


def test_a_field_of_the_project_is_found_again_from_its_layers(review):
    session, one = review.session, turn_to(review, NAMES[0])
    session.delete([3])
    other, _ = nd.simulate_field(nd.PhantomParams(shape_px=(40, 50)), seed=9)
    session.show_field(other)
    assert review.current is None
    session.set_labels(np.eye(40, 50, dtype=np.int32))  # which are none of the project's
    layers = session.viewer.layers
    layers.selection.active = next(x for x in layers if x.metadata.get("sample_id") == "24h")
    session.find_field()
    assert review.current == one
    assert 3 not in session.labels
    session.delete([4])
    session.release()
    assert {3, 4}.isdisjoint(np.unique(Curation.read(one.folder).labels).tolist())


def test_the_queue_counts_and_chooses(review):
    queue = review.queue
    assert [one.name for one in queue.project.fields] == NAMES
    assert queue.n_reviewed == 0
    review.judge(queue.project.field(NAMES[1]), "rejected", "drifted")
    review.judge(queue.project.field(NAMES[0]), "curated")
    review.take(look_at_some(queue.project, review.unsure.values()))
    assert review.unsure == {}
    queue = review.queue
    assert queue.n_reviewed == 2
    chosen = {
        status: [one.name for one in queue.choose(status)]
        for status in ("", "to review", "to measure", "new", "automatic", "curated", "rejected")
    }
    assert chosen == {
        "": NAMES,
        "to review": NAMES[2:],
        "to measure": [NAMES[0], NAMES[3]],
        "new": NAMES[3:],
        "automatic": [NAMES[2]],
        "curated": [NAMES[0]],
        "rejected": [NAMES[1]],
    }
    assert [one.name for one in queue.choose("to review", "48h")] == NAMES[3:]
    assert not any(queue.project.field(NAMES[1]).table(n).exists() for n in ("particles", "radial"))


def test_states_after_an_edit_are_those_that_are_found(review):
    session = review.session
    for name in (NAMES[0], NAMES[3]):
        turn_to(review, name)
        if session.labels is None:
            session.set_labels(nd.segment(session.field, session.recipe.segment))
        session.delete([2])
        told = review.queue.states[name]
        found = look_at_some(review.queue.project, [review.current])[name]
        assert (told.status, told.reason, told.is_due) == (found.status, found.reason, True)


def test_one_field_that_cannot_be_read_leaves_the_others(project_folder):
    project = nd.Project.open(project_folder)
    first, second, third = (project.field(name) for name in NAMES[:3])
    first.files[0].write_bytes(b"no archive")
    second.files[0].unlink()
    third.review("curated")
    (third.folder / "review.json").write_text('{"status": "perhaps"}')
    with pytest.raises(nd.InputError, match="24h/scan0 is not opened: Expected"):
        open_field(project, first, [])
    with pytest.raises(nd.InputError, match="24h/scan1 is not opened: Expected"):
        open_field(project, second, [])
    states = Queue.open(project_folder).states
    assert list(states) == [NAMES[0], NAMES[2], NAMES[3]]
    assert "Expected 'curated', 'rejected' or ''" in states[NAMES[2]].problem


def test_labels_that_cannot_be_read_are_told_and_left(review):
    session, one = review.session, review.queue.project.field(NAMES[0])
    (one.folder / LABELS_FILE).write_bytes(b"no image")
    turn_to(review, NAMES[0])
    assert session.labels is None
    assert "not kept when napari is closed: Expected" in session.notice
    session.set_labels(np.ones(session.field.shape, np.int32))
    assert not session.is_kept
    turn_to(review, NAMES[1])
    assert (one.folder / LABELS_FILE).read_bytes() == b"no image"


def test_a_field_that_is_open_elsewhere_is_not_edited_twice(review, project_folder):
    turn_to(review, NAMES[0])
    viewer = ViewerModel()
    second = review_of(viewer)
    second.set_queue(Queue.open(project_folder))
    turn_to(second, NAMES[0])
    assert "no other window has open" in second.session.notice
    assert not second.session.is_kept
    second.session.release()


def test_settings_in_panels_that_a_batch_does_not_use_are_noticed(review):
    turn_to(review, NAMES[0])
    assert not review.has_other_recipe
    review.session.set_recipe(review.session.recipe.replace(count={"threshold": 1.5}))
    assert review.has_other_recipe
    turn_to(review, NAMES[1])
    assert not review.has_other_recipe
