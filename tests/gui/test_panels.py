"""Panels in a real viewer: what is clicked is what the batch does."""

import threading
import time

import numpy as np
import pandas as pd
import pytest
from napari.utils.notifications import notification_manager

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
