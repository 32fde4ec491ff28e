"""Panels in a real viewer: what is clicked is what the batch does."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QDoubleSpinBox,
    QMainWindow,
    QPushButton,
    QWidget,
)
from scipy import ndimage

import napari_nanodope as nd
from napari_nanodope._napari.layers import field_to_layers
from napari_nanodope._napari.session import session_of
from napari_nanodope._napari.widgets.form import StageForm
from napari_nanodope._napari.widgets.segment import SegmentPanel
from napari_nanodope._napari.workers import Job
from napari_nanodope.core.measuring import measure_shapes
from napari_nanodope.pipeline import find_left_out
from napari_nanodope.segmentation import Outlines, outline, training

pytestmark = pytest.mark.gui

PLUGIN = "napari-nanodope"


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, "mixed")
    return viewer


def open_dock(viewer):
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Nanodope")
    return dock


def finish(panel, qtbot):
    qtbot.waitUntil(lambda: panel.job is None, timeout=120_000)


def test_default_values_give_the_tables_of_the_batch(viewer, qtbot):
    dock, session = open_dock(viewer), session_of(viewer)
    segment, count = dock.panels["Segment"], dock.panels["Count"]
    segment.button.click()
    finish(segment, qtbot)
    assert "particles by" in segment.message
    count.button.click()
    finish(count, qtbot)
    assert not session.is_stale
    batch = nd.analyze(session.field)
    for name in ("particles", "radial", "profiles"):
        pd.testing.assert_frame_equal(
            getattr(session.result, name), getattr(batch, name), check_exact=True
        )
    assert session.result.summary == batch.summary
    assert session.result.provenance == batch.provenance
    assert session.result.summary["statements"][0] in count.message


def test_the_threshold_is_watched_as_it_moves(viewer, qtbot):
    dock, session = open_dock(viewer), session_of(viewer)
    viewer.layers.selection.active = viewer.layers["true particles"]
    dock.panels["Segment"].take.click()
    count = dock.panels["Count"]
    counts = session.field.map_of("Mn")
    for threshold in (0.5, 1.5):
        stage = count.form.stage().model_copy(update={"threshold": threshold})
        count.form.set_stage(stage)
        count.form.changed.emit()
        inside = np.count_nonzero((counts > threshold) & (session.labels > 0))
        assert count.live.text().startswith(f"{inside} Mn pixels in particles")
        assert viewer.layers["dopant pixels"].contrast_limits[0] == threshold


def test_edits_ask_for_a_new_measurement(viewer, qtbot):
    dock, session = open_dock(viewer), session_of(viewer)
    viewer.layers.selection.active = viewer.layers["true particles"]
    dock.panels["Segment"].take.click()
    count = dock.panels["Count"]
    count.button.click()
    finish(count, qtbot)
    assert count.button.text() == "Measure"
    session.layer.paint((30, 30), 5)
    assert count.button.text() == "Measure again"


def test_numbers_follow_every_change_where_that_is_wanted(viewer, qtbot):
    dock, session = open_dock(viewer), session_of(viewer)
    viewer.layers.selection.active = viewer.layers["true particles"]
    dock.panels["Segment"].take.click()
    count = dock.panels["Count"]
    count.button.click()
    finish(count, qtbot)
    count.always.setChecked(True)
    session.delete([4])
    session.layer.paint((30, 30), 5)
    qtbot.waitUntil(lambda: count.job is None and not session.is_stale, timeout=30_000)
    assert 4 not in set(session.result.particles["label"])
    batch = nd.analyze(session.field, labels=session.labels)
    pd.testing.assert_frame_equal(session.result.particles, batch.particles, check_exact=True)


@pytest.fixture
def curated(viewer):
    """Dock and session with the true particles taken over."""
    dock, session = open_dock(viewer), session_of(viewer)
    viewer.layers.selection.active = viewer.layers["true particles"]
    dock.panels["Segment"].take.click()
    dock.setCurrentIndex(list(dock.panels).index("Curate"))
    return dock.panels["Curate"], session


def press(panel, name):
    panel.findChild(QPushButton, name).click()


def click(session, label, *modifiers):
    """Click in the middle of a particle in the picture, as napari hands it on."""
    layer = session.layer
    at = np.argwhere(session.labels == label).mean(axis=0)
    event = SimpleNamespace(
        type="mouse_press",
        pos=np.array([100.0, 100.0]),
        position=tuple(layer.data_to_world(at)),
        modifiers=set(modifiers),
        is_dragging=False,
        handled=False,
    )
    mouse_press_callbacks(layer, event)
    event.type = "mouse_release"
    mouse_release_callbacks(layer, event)


def test_particles_are_chosen_by_clicks_and_merged(curated):
    panel, session = curated
    click(session, 3)
    assert session.chosen == (3,)
    assert session.layer.selected_label == 3
    click(session, 5, "Shift")
    click(session, 7, "Shift")
    click(session, 5, "Shift")
    assert session.chosen == (3, 7)
    before = session.labels.copy()
    press(panel, "Merge")
    np.testing.assert_array_equal(session.labels, np.where(before == 7, 3, before))
    assert session.chosen == (3,)
    press(panel, "Undo")
    np.testing.assert_array_equal(session.labels, before)
    press(panel, "Redo")
    press(panel, "Delete")
    assert 3 not in session.labels
    assert session.chosen == ()
    assert panel.about.text() == "No particle is chosen."


def test_the_table_chooses_and_shows_what_is_chosen(curated):
    _, session = curated
    session.layer.selected_label = 9  # as a row of napari's table does
    assert session.chosen == (9,)
    inside = np.asarray(session.labels) == 9
    edge = inside & ~ndimage.binary_erosion(inside, np.ones((3, 3)))
    np.testing.assert_array_equal(session.viewer.layers["chosen"].data > 0, edge)


def test_a_particle_is_split_by_points(curated):
    panel, session = curated
    sizes = np.bincount(session.labels.ravel())[1:]
    label = int(sizes.argmax()) + 1
    click(session, label)
    press(panel, "Split by points")
    marks = session.viewer.layers.selection.active
    points = np.argwhere(session.labels == label)
    marks.data = points[[0, -1]]
    press(panel, "Split by points")
    assert (session.labels == label).sum() < sizes.max()
    assert session.labels.max() == len(sizes) + 1
    assert marks not in session.viewer.layers
    assert session.viewer.layers.selection.active is session.layer


def test_a_particle_is_split_by_a_line(curated):
    panel, session = curated
    sizes = np.bincount(session.labels.ravel())[1:]
    label = int(sizes.argmax()) + 1
    click(session, label)
    press(panel, "Split by a line")
    y, x = np.argwhere(session.labels == label).mean(axis=0)
    session.viewer.layers.selection.active.add_lines([[y - 40, x], [y + 40, x]])
    press(panel, "Split by a line")
    parts = (session.labels == label).sum(), (session.labels == len(sizes) + 1).sum()
    assert min(parts) > 0.3 * sizes.max()


def test_marks_that_do_not_split_stay_to_be_mended(curated):
    panel, session = curated
    sizes = np.bincount(session.labels.ravel())[1:]
    label = int(sizes.argmax()) + 1
    click(session, label)
    press(panel, "Split by points")
    marks = session.viewer.layers.selection.active
    marks.name = "renamed"
    points = np.argwhere(session.labels == label)
    marks.data = points[[0]]
    press(panel, "Split by points")
    assert panel.message.startswith("Expected two or more different pixels")
    assert marks in session.viewer.layers
    marks.data = points[[0, -1]]
    press(panel, "Split by points")
    assert session.labels.max() == len(sizes) + 1
    assert marks not in session.viewer.layers


def test_a_split_can_be_given_up(curated):
    panel, session = curated
    before = session.labels.copy()
    click(session, 3)
    for name in ("Split by points", "Split by a line"):
        press(panel, name)
        press(panel, name)
        assert panel.message == "Nothing was marked, so nothing is split."
        assert session.viewer.layers.selection.active is session.layer
    np.testing.assert_array_equal(session.labels, before)


def test_the_particle_to_split_may_be_chosen_after_marking(curated):
    panel, session = curated
    sizes = np.bincount(session.labels.ravel())[1:]
    label = int(sizes.argmax()) + 1
    click(session, label)
    press(panel, "Split by points")
    marks = session.viewer.layers.selection.active
    marks.data = np.argwhere(session.labels == label)[[0, -1]]
    session.choose([])
    press(panel, "Split by points")
    assert panel.message.startswith("Expected a particle to split")
    click(session, label)
    press(panel, "Split by points")
    assert session.labels.max() == len(sizes) + 1


def test_particles_are_left_out_with_a_reason(curated):
    panel, session = curated
    click(session, 4)
    panel.reason.setCurrentText("astigmatic")
    press(panel, "Exclude")
    assert session.excluded == {4: "astigmatic"}
    result = nd.analyze(session.field, labels=session.labels, exclusions=session.excluded)
    assert result.particles.set_index("label").loc[4, "exclusion_reason"] == "astigmatic"
    press(panel, "Include")
    assert session.excluded == {}


def test_keys_do_what_the_buttons_do(curated):
    _, session = curated
    before = session.labels.copy()
    click(session, 4)
    keys = {str(key): act for key, act in session.layer.keymap.items()}
    keys["Delete"](session.layer)
    assert 4 not in session.labels
    keys["Ctrl+Z"](session.layer)
    np.testing.assert_array_equal(session.labels, before)
    click(session, 4)
    of_viewer = {str(key): act for key, act in session.viewer.keymap.items()}
    of_viewer["Delete"](session.viewer)
    assert session.labels.max() > 0
    assert 4 not in session.labels


@pytest.mark.parametrize("name", ["Merge", "Delete", "Split by points", "Split by a line"])
def test_nothing_chosen_is_told(curated, name):
    panel, session = curated
    before = session.labels.copy()
    press(panel, name)
    assert panel.message.startswith("Expected")
    np.testing.assert_array_equal(session.labels, before)


def test_what_is_missing_is_told_in_the_panel(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    dock = open_dock(viewer)
    n_before = len(notification_manager.records)
    dock.panels["Segment"].button.click()
    dock.panels["Count"].button.click()
    sentence = "Expected the layers of one field, got none; open one."
    told = [str(record.message) for record in notification_manager.records[n_before:]]
    assert told == [sentence, sentence]
    assert dock.panels["Segment"].message == dock.panels["Count"].message == sentence


def test_a_cancelled_job_ends_at_once_and_tells_nothing(qtbot):
    release, arrived = threading.Event(), []
    job = Job(lambda report, cancelled: release.wait(30))
    job.done.connect(arrived.append)
    job.start()
    start = time.monotonic()
    with qtbot.waitSignal(job.ended, timeout=1000):
        job.cancel()
    assert time.monotonic() - start < 1
    release.set()
    assert job.wait(10)
    qtbot.wait(50)
    assert arrived == []


def test_errors_arrive_as_sentences(qtbot):
    def fail(report, cancelled):
        raise nd.InputError("Expected this, got that; try another.")

    job = Job(fail)
    with qtbot.waitSignal(job.failed) as told:
        job.start()
    assert told.args == ["Expected this, got that; try another."]
    assert job.wait(10)


def test_progress_arrives_in_order(qtbot):
    shares = []
    job = Job(lambda report, cancelled: [report(i / 4, "step") for i in range(4)])
    job.progressed.connect(lambda share, what: shares.append(share))
    with qtbot.waitSignal(job.done):
        job.start()
    assert shares == [0, 0.25, 0.5, 0.75]
    assert job.wait(10)


def test_filters_hatch_what_they_leave_out_and_say_why(curated):
    panel, session = curated
    panel.findChild(QDoubleSpinBox, "min_diameter_nm").setValue(9)
    panel.findChild(QCheckBox, "exclude_border").setChecked(False)
    session.exclude([7], "blurred")
    shapes = measure_shapes(session.labels, session.field.pixel_size_nm)
    reasons = find_left_out(shapes, session.recipe, session.excluded)
    assert session.recipe.particles.min_diameter_nm == 9
    assert 0 < len(reasons) < session.labels.max()
    hatched = session.viewer.layers["left out"].data > 0
    covered = np.isin(session.labels, list(reasons))
    assert not hatched[~covered].any()
    assert 0.3 < hatched.sum() / covered.sum() < 0.7
    assert f"{len(reasons) - 1} smaller than min_diameter_nm; 1 blurred" in panel.left_out.text()
    press(panel, "Undo")
    assert "blurred" not in panel.left_out.text()


def test_the_most_doubtful_particles_come_first(curated):
    panel, session = curated
    press(panel, "Next doubtful")
    assert panel.message.startswith("Expected particles with scores, got none")
    labels = session.labels.copy()
    n = labels.max()
    rng = np.random.default_rng(1)
    scores = pd.DataFrame(
        {"label": np.arange(1, n + 1), "probability": rng.uniform(0.5, 1, n), "flow_error": 0.1}
    )
    session.set_outlines(Outlines(labels, scores, 8.0, {"method": "cellpose"}))
    order = scores.sort_values("probability")["label"].tolist()
    for label in order[:3]:
        press(panel, "Next doubtful")
        assert session.chosen == (label,)
    press(panel, "Delete")
    press(panel, "Next doubtful")
    assert session.chosen == (order[0],)


def test_a_field_that_is_opened_after_the_dock_is_found_with_its_edits(
    make_napari_viewer, qtbot, tmp_path
):
    field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(64, 80)), seed=5)
    first = ViewerModel()
    session = session_of(first)
    session.show_field(field)
    session.set_labels(truth.labels)
    session.delete([1])
    expected = session.labels.copy()
    session.keep_in(tmp_path / "elsewhere")
    viewer = make_napari_viewer()
    dock = open_dock(viewer)
    for data in field_to_layers(field):
        viewer.add_layer(Layer.create(*data))
    again = session_of(viewer)
    qtbot.waitUntil(lambda: again.labels is not None)
    np.testing.assert_array_equal(again.labels, expected)
    assert "with 1 edit are back" in dock.panels["Segment"].message


def test_fields_that_cannot_be_measured_are_told_and_lose_nothing(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    dock, session = open_dock(viewer), session_of(viewer)
    segment, count = dock.panels["Segment"], dock.panels["Count"]
    rng = np.random.default_rng(0)
    survey = rng.poisson(5.0, (40, 50))
    session.show_field(nd.FieldOfView(survey, {"Cd": survey}, (1, 1), sample_id="one element"))
    session.set_labels(np.pad(np.ones((20, 20), int), ((10, 10), (10, 20))))
    count.button.click()
    finish(count, qtbot)
    assert count.message.startswith("Expected an element mapped in this field (Cd), got 'Mn'")
    viewer.add_labels(np.ones((7, 9), int), name="other")
    segment.take.click()
    assert "the field's 40 x 50 pixels, got 7 x 9" in segment.message
    assert session.labels.sum() == 400
    maps = {"Cd": survey, "Mn": rng.poisson(0.1, (40, 50))}
    session.show_field(nd.FieldOfView(survey, maps, (1, 1), sample_id="no particles"))
    session.set_labels(np.zeros((40, 50), int))
    count.button.click()
    finish(count, qtbot)
    assert "No particles" in count.message
    assert session.result.summary["n_particles"] == 0


def test_what_cannot_be_a_field_is_told(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    dock = open_dock(viewer)
    viewer.add_image(np.ones((20, 20)), name="photo")
    dock.panels["Segment"].button.click()
    assert dock.panels["Segment"].message == (
        "Expected the layers of one field, got none; open one."
    )


def test_a_model_is_trained_on_the_outlines_and_used(curated, qtbot, tmp_path, monkeypatch):
    session = curated[1]
    segment = SegmentPanel(session.viewer)
    qtbot.addWidget(segment)
    given = []

    def pretend(examples, path, *, model, is_wanted):
        given.append((examples, model, is_wanted()))
        scores = [{"AP50": a, "AP75": a, "AP90": a} for a in (0.5, 0.8)]
        return training.FineTuned(None, *scores, 20, 21, 3.0, (), path)

    monkeypatch.setattr(training, "fine_tune", pretend)
    segment.train(tmp_path / "mine.safetensors")
    finish(segment, qtbot)
    ((one,), model, is_wanted) = given[0]
    np.testing.assert_array_equal(one.labels, session.labels)
    np.testing.assert_array_equal(one.image, session.field.survey)
    assert (model, is_wanted) == ("nanocrystal", True)
    assert session.recipe.segment.method == "cellpose"
    assert session.recipe.segment.model == str(tmp_path / "mine.safetensors")
    assert "better on 21 particles held out" in segment.message


def test_outlines_of_a_field_do_not_land_on_another(curated):
    _, session = curated
    segment = SegmentPanel(session.viewer)
    field, expected = session.field, session.labels.copy()
    found = outline(field, session.recipe.segment)
    with pytest.raises(nd.InputError, match="Expected the field that was segmented"):
        segment._show(found, nd.FieldOfView(field.survey, field.maps, 1.0))
    np.testing.assert_array_equal(session.labels, expected)
    segment.deleteLater()


def test_forms_keep_the_digits_that_they_do_not_show(qtbot):
    recipe = nd.Recipe().replace(count={"threshold": 0.12345, "counts_per_dopant": 0.0004})
    form = StageForm("count")
    qtbot.addWidget(form)
    form.set_stage(recipe.count)
    assert form.stage() == recipe.count
    form.findChild(QWidget, "threshold").findChild(QDoubleSpinBox).setValue(0.5)
    assert form.stage().threshold == 0.5


@pytest.mark.parametrize(
    ("stage", "name", "without"),
    [("particles", "max_diameter_nm", None), ("segment", "diameter_nm", "auto")],
)
def test_a_limit_is_taken_once_it_is_typed(qtbot, stage, name, without):
    form = StageForm(stage)
    qtbot.addWidget(form)
    row = form.findChild(QWidget, name)
    box, spin = row.findChild(QCheckBox), row.findChild(QDoubleSpinBox)
    assert getattr(form.stage(), name) == without
    box.setChecked(False)
    assert getattr(form.stage(), name) == without
    assert spin.text() == "type a number"
    spin.setValue(12.5)
    assert getattr(form.stage(), name) == 12.5
    box.setChecked(True)
    assert getattr(form.stage(), name) == without


def test_a_dock_that_is_opened_again_does_everything_once(curated):
    session = curated[1]
    session.choose([3])
    session.viewer.window.remove_dock_widget("all")
    dock = open_dock(session.viewer)
    dock.setCurrentIndex(list(dock.panels).index("Curate"))
    click(session, 2)
    click(session, 4, "Shift")
    assert session.chosen == (2, 4)
    names = [layer.name for layer in session.viewer.layers]
    assert names.count("chosen") == 1
    assert "chosen [1]" not in names


def test_numbers_go_with_their_field_and_are_marked_when_stale(viewer, qtbot):
    dock, session = open_dock(viewer), session_of(viewer)
    viewer.layers.selection.active = viewer.layers["true particles"]
    dock.panels["Segment"].take.click()
    count = dock.panels["Count"]
    count.measure()
    finish(count, qtbot)
    sentences = count.message
    session.delete([1])
    assert count.message == f"From before the last change:\n{sentences}"
    other, _ = nd.simulate_field(nd.PhantomParams(shape_px=(60, 70)), seed=3)
    session.show_field(other)
    assert count.message == ""


def test_a_changed_calibration_is_measured_with(viewer, qtbot):
    dock, session = open_dock(viewer), session_of(viewer)
    viewer.layers.selection.active = viewer.layers["true particles"]
    dock.panels["Segment"].take.click()
    count = dock.panels["Count"]
    count.measure()
    finish(count, qtbot)
    for layer in viewer.layers:
        layer.scale = (0.5, 0.5)
    assert session.is_stale
    count.measure()
    finish(count, qtbot)
    assert session.result.field.pixel_size_nm == (0.5, 0.5)


def test_labels_are_taken_over_with_several_fields_open(viewer):
    dock, session = open_dock(viewer), session_of(viewer)
    session.find_field()
    other, truth = nd.simulate_field(nd.PhantomParams(shape_px=(60, 70)), seed=3)
    session.show_field(other)
    viewer.layers.selection.active = viewer.add_labels(truth.labels, name="mine")
    dock.panels["Segment"].take.click()
    np.testing.assert_array_equal(session.labels, truth.labels)
    assert session.field is other


def test_marks_to_split_by_go_with_their_field(curated):
    panel, session = curated
    click(session, 3)
    press(panel, "Split by points")
    assert "seeds to split by" in session.viewer.layers
    other, _ = nd.simulate_field(nd.PhantomParams(shape_px=(60, 70)), seed=3)
    session.show_field(other)
    assert "seeds to split by" not in session.viewer.layers


def test_undo_while_marking_takes_back_a_mark(curated):
    panel, session = curated
    press(panel, "Undo")
    click(session, 2)
    press(panel, "Delete")
    click(session, 3)
    press(panel, "Split by points")
    marks = session.viewer.layers.selection.active
    marks.data = np.argwhere(session.labels == 3)[[0, -1]]
    {str(key): act for key, act in marks.keymap.items()}["Ctrl+Z"](marks)
    assert len(marks.data) == 1
    assert 2 not in session.labels


def test_removing_all_layers_leaves_none_and_lets_the_edits_go(viewer):
    dock, session = open_dock(viewer), session_of(viewer)
    viewer.layers.selection.active = viewer.layers["true particles"]
    dock.panels["Segment"].take.click()
    dock.panels["Count"].form.changed.emit()
    assert "dopant pixels" in viewer.layers
    viewer.layers.select_all()
    viewer.layers.remove_selected()
    assert len(viewer.layers) == 0
    assert session.field is None


def test_a_closed_window_lets_the_edits_go(qtbot):
    field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(60, 70)), seed=3)
    viewer, window = ViewerModel(), QMainWindow()
    session = session_of(viewer)
    session.show_field(field)
    session.set_labels(truth.labels)
    session.delete([3])
    expected = session.labels.copy()
    window.setCentralWidget(SegmentPanel(viewer))
    window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    window.show()
    window.close()
    QApplication.sendPostedEvents(None, 52)  # DeferredDelete
    other = ViewerModel()
    session_of(other).show_field(field)
    np.testing.assert_array_equal(session_of(other).labels, expected)
