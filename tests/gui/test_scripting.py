"""Results from scripts and from folders in viewers, and back; without a window."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel

import napari_nanodope as nd
from napari_nanodope._napari.session import session_of
from napari_nanodope.segmentation import Outlines

PLUGIN = "napari-nanodope"
REASONS = {4: "out of focus", 7: "lies over another"}


@pytest.fixture(scope="module")
def phantom():
    return nd.simulate_field(nd.PhantomParams(shape_px=(64, 80), shot_noise=True), seed=5)


@pytest.fixture(scope="module")
def result(phantom):
    """Of edited outlines, some with scores and some without, and particles left out by hand."""
    field, truth = phantom
    labels = np.where(truth.labels == 2, 0, truth.labels)
    ids = np.arange(3, labels.max() + 1)
    scores = pd.DataFrame({"label": ids, "probability": 1 / ids, "flow_error": 0.1})
    about = {
        "method": "watershed",
        "image": "survey",
        "diameter_nm": 8.0,
        "diameter_is_estimated": True,
        "n_edits": 2,
    }
    recipe = nd.Recipe().replace(count={"threshold": 1.5}, segment={"diameter_nm": 8.0})
    return nd.analyze(
        field, recipe, labels=Outlines(labels, scores, 8.0, about), exclusions=REASONS
    )


@pytest.fixture(scope="module")
def other(phantom):
    """Of given labels of another field, with the default recipe."""
    field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(50, 60)), seed=2)
    return nd.analyze(field, labels=truth.labels)


def measure(session):
    labels = session.outlines or session.labels
    return nd.analyze(session.field, session.recipe, labels=labels, exclusions=session.excluded)


def assert_same(again, result):
    for name in ("particles", "radial", "profiles"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(result, name), check_exact=True)
    assert again.summary == result.summary
    assert again.provenance == result.provenance


@pytest.mark.parametrize("name", ["result", "other"])
def test_what_is_shown_is_measured_again_as_it_was(name, request):
    result, viewer = request.getfixturevalue(name), ViewerModel()
    nd.add_to_viewer(viewer, result)
    session = session_of(viewer)
    assert session.result is result
    assert not session.is_stale
    assert session.recipe == result.recipe
    assert session.excluded == (REASONS if name == "result" else {})
    assert_same(measure(session), result)


def test_layers_are_calibrated_and_hold_the_table(result):
    viewer = ViewerModel()
    nd.add_to_viewer(viewer, result)
    assert [layer.name for layer in viewer.layers] == ["survey", "Cd", "Mn", "particles"]
    for layer in viewer.layers:
        np.testing.assert_allclose(layer.scale, result.field.pixel_size_nm)
        assert [str(unit) for unit in layer.units] == ["nanometer", "nanometer"]
        assert layer.axis_labels == ("y", "x")
    features = viewer.layers["particles"].features.set_index("index")
    np.testing.assert_array_equal(
        features["dopants"][result.particles["label"]], result.particles["dopants"]
    )


def test_edits_go_on_from_there(result):
    viewer = ViewerModel()
    nd.add_to_viewer(viewer, result)
    session = session_of(viewer)
    session.delete([5])
    assert session.is_stale
    assert 5 in result.labels
    again = measure(session).particles.set_index("label")
    assert 5 not in again.index
    before = result.particles.set_index("label").drop(index=5)
    pd.testing.assert_series_equal(again["probability"], before["probability"])
    assert again.loc[4, "exclusion_reason"] == "out of focus"


def test_a_second_result_takes_the_place_of_the_first(result, other):
    viewer = ViewerModel()
    nd.add_to_viewer(viewer, result)
    first = list(viewer.layers)
    nd.add_to_viewer(viewer, other)
    session = session_of(viewer)
    assert list(viewer.layers)[:3] == first[:3]
    assert [layer.name for layer in viewer.layers][3:] == [
        *("survey [1]", "Cd [1]", "Mn [1]", "particles"),
    ]
    assert session.result is other
    assert not session.is_stale
    assert session.excluded == {}
    assert session.recipe == other.recipe
    assert_same(measure(session), other)
    nd.add_to_viewer(viewer, result)
    assert session.result is result
    assert_same(measure(session), result)


def test_later_edits_that_were_kept_come_back_by_undo(result):
    viewer = ViewerModel()
    nd.add_to_viewer(viewer, result)
    session = session_of(viewer)
    session.exclude([9], "doubtful outline")
    session.delete([5])
    edited = session.labels.copy()
    nd.add_to_viewer(viewer, result)
    assert not session.is_stale
    assert session.excluded == REASONS
    assert session.notice.endswith("undo brings back those you left.")
    assert_same(measure(session), result)
    for _ in range(1 + len(REASONS)):
        session.undo()
    np.testing.assert_array_equal(session.labels, edited)
    assert session.excluded == REASONS | {9: "doubtful outline"}


def test_two_viewers_do_not_mix(result, other):
    one, two = ViewerModel(), ViewerModel()
    nd.add_to_viewer(one, result)
    nd.add_to_viewer(two, other)
    session_of(two).delete([1])
    assert session_of(one).result is result
    assert not session_of(one).is_stale
    assert session_of(two).is_stale


def test_what_is_no_viewer_or_no_result_is_told(result):
    with pytest.raises(nd.InputError, match=r"Expected a viewer of napari, got list; make one"):
        nd.add_to_viewer([], result)
    with pytest.raises(nd.InputError, match=r"Expected a result to show, got FieldOfView; make"):
        nd.add_to_viewer(ViewerModel(), result.field)


def test_the_name_is_there_without_napari():
    code = (
        "import sys; sys.modules['napari'] = None; import napari_nanodope as nd\n"
        "try:\n    nd.add_to_viewer(None, None)\nexcept nd.InputError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Expected napari to show a result in, got: ")
    assert done.stdout.strip().endswith("install napari-nanodope[gui].")


# Results opened from their folders


@pytest.fixture
def folder(result, tmp_path):
    return str(result.save(tmp_path / "out"))


@pytest.fixture
def headless(npe2pm):
    with npe2pm.tmp_plugin(package=PLUGIN):
        yield ViewerModel()


@pytest.mark.parametrize("is_session_first", [True, False])
def test_an_opened_folder_is_gone_on_with(headless, folder, result, is_session_first):
    if is_session_first:
        session_of(headless)
    headless.open(folder, plugin=PLUGIN)
    session = session_of(headless)
    session.look_for_field()
    assert len(headless.layers) == 4
    assert session.layer is headless.layers["particles"]
    assert not session.is_stale
    assert session.excluded == REASONS
    assert_same(session.result, result)
    assert_same(measure(session), result)
    assert session.find_field() is session.field


def test_painting_before_the_dock_is_opened_is_an_edit(headless, folder, result):
    headless.open(folder, plugin=PLUGIN)
    headless.layers["particles"].data_setitem(np.nonzero(result.labels == 5), 0)
    session = session_of(headless)
    session.look_for_field()
    assert session.is_stale
    assert 5 not in session.labels
    session.undo()
    np.testing.assert_array_equal(session.labels, result.labels)


def test_a_folder_opened_beside_other_work_waits_until_it_is_chosen(
    headless, folder, result, other
):
    nd.add_to_viewer(headless, other)
    session = session_of(headless)
    headless.open(folder, plugin=PLUGIN)
    assert session.result is other
    headless.layers.selection.active = headless.layers[-1]
    session.find_field()
    assert not session.is_stale
    assert_same(session.result, result)


def test_a_folder_is_gone_on_with_where_other_edits_were_kept(headless, folder, result):
    earlier = ViewerModel()
    session_of(earlier).show_field(result.field)
    session_of(earlier).set_labels(np.roll(result.labels, 3, axis=0))
    session_of(earlier).keep_in(folder + " apart")  # gives the folder of the field back
    headless.open(folder, plugin=PLUGIN)
    session = session_of(headless)
    session.look_for_field()
    assert len(headless.layers) == 4
    np.testing.assert_array_equal(session.layer.data, result.labels)
    assert_same(measure(session), result)
    assert not session.is_stale


def test_the_truth_of_a_sample_is_not_taken_for_labels(headless):
    session = session_of(headless)
    headless.open_sample(PLUGIN, "core")
    session.find_field()
    assert session.labels is None
