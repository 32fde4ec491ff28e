"""Panels of a project in a real viewer: the queue, its keys, and the spectra of a sample."""

import json
import shutil
import sys
import time
from pathlib import Path

import napari
import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QPushButton

import napari_nanodope as nd
from napari_nanodope._napari.session import session_of
from napari_nanodope._napari.widgets.dock import Dock
from napari_nanodope._napari.widgets.field_table import FieldTable
from napari_nanodope._napari.widgets.project import ProjectPanel
from napari_nanodope._napari.widgets.spectra import SpectraPanel
from napari_nanodope.acquisitions import FieldState, ProjectField, read_review
from napari_nanodope.cli import main
from napari_nanodope.curation import LABELS_FILE, Curation
from napari_nanodope.field_task import measure_field
from napari_nanodope.io.arrays import save_labels
from spectro.jobs import find_jobs
from spectro.samples import SampleBook

pytestmark = pytest.mark.gui

NAMES = ["24h/scan0", "24h/scan1", "24h/scan2", "48h/scan3"]


def finish(panel, qtbot):
    qtbot.waitUntil(lambda: panel.job is None, timeout=60_000)


def press(panel, name, qtbot):
    panel.findChild(QPushButton, name).click()
    finish(panel, qtbot)


def press_key(viewer, key):
    """Do what a key of the viewer is bound to."""
    next(act for name, act in viewer.keymap.items() if str(name) == key)(viewer)


@pytest.fixture
def viewer():
    """Viewer without a window, which the panels do not need."""
    viewer = ViewerModel()
    yield viewer
    session_of(viewer).release()


@pytest.fixture
def panel(viewer, project_folder, qtbot):
    """Project panel with the first field that nobody has reviewed."""
    panel = ProjectPanel(viewer)
    qtbot.addWidget(panel)
    panel.open(project_folder)
    qtbot.waitUntil(lambda: panel.review.current is not None and panel.job is None, timeout=60_000)
    return panel


def test_a_person_goes_through_the_queue_by_key(panel, qtbot):
    viewer, session = panel.session.viewer, panel.session
    assert panel.table.names == NAMES
    assert panel.counts.text() == "1 new, 3 automatic, 1 to measure."
    assert (panel.progress.value(), panel.progress.maximum()) == (0, 4)
    assert panel.about.text() == "24h/scan0: automatic."
    session.delete([3])
    assert panel.about.text() == "24h/scan0: curated, to measure (changed: edits)."
    assert panel.progress.text() == "1 of 4 reviewed"
    press_key(viewer, "PageDown")
    finish(panel, qtbot)
    assert panel.review.current.name == NAMES[1]
    assert {layer.metadata.get("field_id") for layer in viewer.layers} - {None} == {"scan1"}
    press_key(viewer, "A")
    finish(panel, qtbot)
    assert panel.message == "24h/scan1 is approved."
    assert panel.progress.text() == "2 of 4 reviewed"
    panel.status.setCurrentText("to review")
    assert panel.table.names == NAMES[2:]
    press_key(viewer, "PageUp")
    assert panel.message == "Expected a field before this one in the list, got none."
    assert panel.review.current.name == NAMES[1]
    press_key(viewer, "PageDown")
    press_key(viewer, "PageDown")  # which passes one by
    finish(panel, qtbot)
    assert panel.review.current.name == NAMES[3]
    assert "There are no labels yet" in panel.message
    press_key(viewer, "A")
    assert "Expected labels of 48h/scan3 to approve" in panel.message
    panel.status.setCurrentText("every status")
    press_key(viewer, "PageUp")
    finish(panel, qtbot)
    assert panel.review.current.name == NAMES[2]
    folder = panel.review.queue.project.field(NAMES[0]).folder
    assert 3 not in Curation.read(folder).labels
    assert read_review(panel.review.queue.project.field(NAMES[1]).folder)["status"] == "curated"


def test_fields_are_rejected_with_a_reason_and_taken_back(panel, qtbot):
    one = panel.review.current
    panel.reason.setCurrentText(" ")
    press(panel, "Reject", qtbot)
    assert "Expected a reason" in panel.message
    panel.reason.setCurrentText("drifted")
    press(panel, "Reject", qtbot)
    assert panel.about.text() == "24h/scan0: rejected, drifted."
    assert read_review(one.folder) == {"status": "rejected", "reason": "drifted"}
    assert not one.table("particles").exists()
    press(panel, "Take back", qtbot)
    assert panel.about.text() == "24h/scan0: new, to measure (never measured)."
    panel.table.selectRow(2)
    assert panel.about.text().startswith("24h/scan2 (not shown): automatic")
    press(panel, "Approve", qtbot)
    assert "Expected a field that is shown, got 24h/scan2" in panel.message
    panel.table.cellActivated.emit(2, 0)
    finish(panel, qtbot)
    press(panel, "Approve", qtbot)
    assert panel.message == "24h/scan2 is approved."


def test_labels_that_nobody_sees_are_not_approved(panel, project_folder, qtbot):
    session, one = panel.session, panel.review.current
    session.viewer.layers.remove(session.layer)
    press(panel, "Approve", qtbot)
    assert "Expected to see the labels" in panel.message
    panel._open_name(one.name)
    finish(panel, qtbot)
    save_labels(session.labels[::-1], one.folder / LABELS_FILE, (1, 1))  # by another program
    press(panel, "Approve", qtbot)
    assert "to approve them, got others" in panel.message
    last = panel.review.queue.project.field(NAMES[3])
    panel._open_name(last.name)
    finish(panel, qtbot)
    measure_field(last, last.find_state(panel.review.queue.project.open_digests()).parts)
    press(panel, "Approve", qtbot)  # what a batch found meanwhile
    assert "to approve them, got none" in panel.message
    assert [read_review(each.folder)["status"] for each in (one, last)] == ["", ""]
    viewer = ViewerModel()  # which a panel does not keep
    second = ProjectPanel(viewer)
    qtbot.addWidget(second)
    panel._open_name(last.name)
    finish(panel, qtbot)
    second.open(project_folder)
    qtbot.waitUntil(lambda: second.review.current is not None, timeout=60_000)
    second._open_name(last.name)
    finish(second, qtbot)
    press(second, "Approve", qtbot)
    assert "to approve them, got none" in second.message
    second.session.release()
    press(panel, "Approve", qtbot)
    assert panel.message == f"{last.name} is approved."


def test_many_fields_are_listed_at_once(qtbot):
    table = FieldTable()
    qtbot.addWidget(table)
    table.show()
    fields = [
        ProjectField(Path("mine"), "24h", f"scan{n}", (), {}, nd.Recipe()) for n in range(1000)
    ]
    rows = [(one, FieldState("new", False, "never measured")) for one in fields]
    start = time.perf_counter()
    table.show_fields(rows, "24h/scan3", "24h/scan5")
    assert time.perf_counter() - start < 2  # of a minute, when each row had the columns measured
    assert table.columnWidth(0) >= table.sizeHintForColumn(0) > 0
    rows[7] = (fields[7], FieldState("rejected", True, "drifted"))
    table.show_fields(rows[5:], "24h/scan7", "24h/scan5")
    assert [table.item(2, column).text() for column in range(3)] == [
        "24h/scan7",
        "rejected",
        "drifted",
    ]
    bold = [row for row in range(table.rowCount()) if table.item(row, 0).font().bold()]
    assert (bold, table.rowCount(), table.currentRow()) == ([2], 995, 0)


def test_measurements_without_files_stay_told(panel, project_folder, qtbot):
    path = project_folder / "project.toml"
    path.write_text(path.read_text().replace("eds/48h/*", "eds/72h/*"))
    viewer = ViewerModel()  # which a panel does not keep
    second = ProjectPanel(viewer)
    qtbot.addWidget(second)
    second.open(project_folder)
    qtbot.waitUntil(lambda: second.review.current is not None, timeout=60_000)
    finish(second, qtbot)
    counted, missing = second.counts.text().split("\n")
    assert counted == "3 automatic."
    assert missing.startswith("project.toml, line ")
    assert "eds/72h/*.npz" in missing
    second.session.release()


def test_another_project_begins_with_its_own_field(panel, project_folder, tmp_path, qtbot):
    panel.session.delete([3])
    other = shutil.copytree(project_folder, tmp_path / "other")
    nd.Project.open(other).field(NAMES[0]).review("rejected", "drifted")
    panel.open(other)
    press_key(panel.session.viewer, "PageDown")
    assert "Expected the project to be read first" in panel.message
    qtbot.waitUntil(lambda: panel.review.queue.project.folder == other, timeout=60_000)
    qtbot.waitUntil(lambda: panel.review.current is not None and panel.job is None, timeout=60_000)
    assert panel.review.current.folder == other / "results/fields" / NAMES[1]
    assert 3 not in Curation.read(project_folder / "results/fields" / NAMES[0]).labels


def test_what_is_missing_or_damaged_is_one_sentence(panel, project_folder, qtbot):
    (project_folder / "eds/24h/scan1.npz").write_bytes(b"no archive")
    (project_folder / "eds/24h/scan2.npz").unlink()
    for name in NAMES[1:3]:
        press(panel, "Next", qtbot)
        assert panel.message.startswith(f"{name} is not opened: Expected")
        assert "\n" not in panel.message
        assert panel.review.current.name == NAMES[0]
        press(panel, "Approve", qtbot)
        assert "which is not; open it to approve" in panel.message
    folder = panel.review.queue.project.field(NAMES[3]).folder
    folder.mkdir(parents=True)
    (folder / LABELS_FILE).write_bytes(b"no image")
    press(panel, "Next", qtbot)
    assert "not kept when napari is closed: Expected" in panel.message
    panel.session.set_labels(np.ones(panel.session.field.shape, np.int32))
    press(panel, "Approve", qtbot)
    assert "not kept" in panel.message
    assert read_review(folder)["status"] == ""
    panel.open(project_folder / "nowhere")
    finish(panel, qtbot)
    assert panel.message.startswith("Expected a project file at")
    (project_folder / "project.toml").write_text("[[sample]]\nid = 5\n")
    panel.open(project_folder)
    finish(panel, qtbot)
    assert panel.message.startswith("Expected a project without mistakes")


@pytest.fixture
def fitted(project_folder):
    """Project whose fit was run."""
    book = SampleBook.load(project_folder / "project.toml")
    (job,), _ = find_jobs(book, project_folder)
    job.save(job.run(), job.find_state().parts, 0.1)
    return project_folder


def test_spectra_of_the_sample_stand_beside_its_field(viewer, fitted, qtbot):
    project, spectra = ProjectPanel(viewer), SpectraPanel(viewer)
    for panel in (project, spectra):
        qtbot.addWidget(panel)
    spectra.show()
    qtbot.waitExposed(spectra)
    assert _words(spectra) == ["Open a project first: the Project tab."]
    project.open(fitted)
    qtbot.waitUntil(lambda: project.review.current is not None, timeout=60_000)
    qtbot.waitUntil(lambda: spectra.loaded is not None and spectra.job is None, timeout=60_000)
    assert spectra.sample.currentText() == "24h"
    assert _list(spectra) == ["NMR fit, buildup: 24h", "NMR: nmr/24h.csv"]
    fit = spectra.loaded.fit
    rows = {spectra.table.item(r, 0).text(): r for r in range(spectra.table.rowCount())}
    time = [spectra.table.item(rows["time"], column).text() for column in (1, 2, 3)]
    assert float(time[0]) == pytest.approx(fit.values["time_s"], rel=0.01)
    assert [float(word) for word in time[1].split(" to ")] == pytest.approx(
        fit.intervals["time_s"], rel=0.01
    )
    assert time[2] == "s"
    (ax,) = spectra.canvas.figure.axes
    assert ax.get_xlabel() == "Delay (s)"
    project.table.asked.emit(NAMES[3])
    qtbot.waitUntil(lambda: spectra.sample.currentText() == "48h")
    qtbot.waitUntil(lambda: spectra.loaded is not None and spectra.job is None, timeout=60_000)
    assert _list(spectra) == ["UV-vis: uv/48h.csv"]
    (ax,) = spectra.canvas.figure.axes
    assert ax.get_xlabel() == "Wavelength (nm)"
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), spectra.loaded.spectra[0].y)
    (fitted / "uv/48h.csv").write_text("nothing")
    spectra.list.setCurrentRow(-1)
    spectra.list.setCurrentRow(0)
    finish(spectra, qtbot)
    assert spectra.message.startswith("Expected")
    assert _words(spectra) == ["This cannot be read."]
    (fitted / "nmr/24h.csv").write_text("t_s,m\n0.5,1\n1,2\n2,3\n4,4\n8,5\n")
    spectra.sample.setCurrentText("24h")
    qtbot.waitUntil(lambda: spectra.loaded is not None and spectra.job is None, timeout=60_000)
    assert spectra.about.text().startswith("To fit again (changed: input)")


def test_numbers_of_one_fit_do_not_stand_under_the_name_of_another(panel, fitted, qtbot):
    spectra = SpectraPanel(panel.session.viewer)
    qtbot.addWidget(spectra)
    spectra.show()
    qtbot.waitUntil(lambda: spectra.loaded is not None and spectra.job is None, timeout=60_000)
    spectra.list.setCurrentRow(1)
    assert spectra.job is not None
    spectra.cancel()
    assert (spectra.loaded, spectra.table.rowCount(), spectra.about.text()) == (None, 0, "")
    assert _words(spectra) == ["Cancelled; click on one in the list to read it."]
    spectra.list.itemClicked.emit(spectra.list.item(1))
    finish(spectra, qtbot)
    assert spectra.loaded.entry.text == "NMR: nmr/24h.csv"
    spectra.sample.setCurrentText("48h")
    assert (_list(spectra), _words(spectra)) == ([], ["Reading..."])
    spectra.cancel()
    assert (_list(spectra), spectra.loaded, spectra.about.text()) == ([], None, "")
    spectra.refresh()
    qtbot.waitUntil(lambda: spectra.loaded is not None and spectra.job is None, timeout=60_000)
    assert _list(spectra) == ["UV-vis: uv/48h.csv"]


def _words(panel):
    return [text.get_text() for ax in panel.canvas.figure.axes for text in ax.texts]


def _list(panel):
    return [panel.list.item(row).text() for row in range(panel.list.count())]


def test_the_command_opens_the_queue(make_napari_viewer, project_folder, monkeypatch, capsys):
    viewer = make_napari_viewer()
    seen = []

    def review_it():
        dock = next(iter(viewer.window.dock_widgets.values()))
        panel = dock.panels["Project"]
        panel.job.wait()
        panel.job.abandon()
        seen.append((type(dock), panel.folder.text(), dock.tabText(dock.currentIndex())))
        nd.Project.open(project_folder).field(NAMES[0]).review("curated")

    monkeypatch.setattr(napari, "Viewer", lambda **_: viewer)
    monkeypatch.setattr(napari, "run", review_it)
    assert main(["review", str(project_folder)]) == 0
    assert seen == [(Dock, str(project_folder), "Project")]
    assert capsys.readouterr().out == "1 of 4 field(s) reviewed; 2 to measure.\n"
    assert main(["review", str(project_folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"n_fields": 4, "n_reviewed": 1, "n_due": 2}
    assert session_of(viewer).field is None


def test_the_command_says_what_it_lacks(project_folder, monkeypatch, capsys):
    assert main(["review", str(project_folder / "nowhere")]) == 2
    assert "Expected a project file at" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "napari", None)
    assert main(["review", str(project_folder)]) == 2
    told = capsys.readouterr().err
    assert "install napari-nanodope[gui]" in told
    assert told.count("\n") == 1
