"""Panels in a real viewer: what is clicked is what the batch does."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks
from napari.utils.notifications import notification_manager
from qtpy.QtWidgets import QPushButton

import napari_nanodope as nd
from napari_nanodope._napari.session import session_of
from napari_nanodope._napari.workers import Job

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
    np.testing.assert_array_equal(
        session.viewer.layers["chosen"].data > 0, np.asarray(session.labels) == 9
    )


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
