"""The Export panel in a real viewer, napari's menus and preferences."""

import subprocess
import sys
import threading
from importlib.resources import files

import pandas as pd
import pytest
from napari.settings import get_plugin_settings
from npe2 import PluginManifest
from qtpy.QtGui import QGuiApplication

import napari_nanodope as nd
from napari_nanodope import figures
from napari_nanodope._napari import preferences
from napari_nanodope._napari.session import session_of
from napari_nanodope._napari.widgets.count import CountPanel
from napari_nanodope._napari.widgets.export import ExportPanel
from napari_nanodope.io.tiff import write_tiff
from napari_nanodope.segmentation import outline

pytestmark = pytest.mark.gui

PLUGIN = "napari-nanodope"
MANIFEST = str(files("napari_nanodope") / "napari.yaml")
STALE = (
    "Expected a result of what is shown, got one from before the last change; measure again, in "
    "the Count panel."
)


@pytest.fixture
def scan(tmp_path):
    params = nd.PhantomParams(shape_px=(64, 80), shot_noise=True)
    write_tiff(nd.simulate_field(params, seed=5)[0], tmp_path / "scan.tif")
    return tmp_path / "scan.tif"


@pytest.fixture
def panel(make_napari_viewer, scan, tmp_path):
    """The panel with a file that was segmented and measured as by default."""
    viewer = make_napari_viewer()
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN, "Export results")
    viewer.open(scan, plugin=PLUGIN)
    session = session_of(viewer)
    session.find_field()
    session.set_outlines(outline(session.field))
    session.set_result(measure(session))
    panel.folder.setText(str(tmp_path / "results"))
    return panel


def measure(session):
    labels = session.outlines or session.labels
    return nd.analyze(session.field, session.recipe, labels=labels, exclusions=session.excluded)


def finish(panel, qtbot):
    qtbot.waitUntil(lambda: panel.job is None, timeout=600_000)


def test_what_is_saved_is_what_the_batch_saves(panel, qtbot, scan, tmp_path):
    panel.save_result.click()
    finish(panel, qtbot)
    saved = tmp_path / "results" / "scan"
    assert panel.message == f"The result is in {saved}."
    batch = nd.analyze(nd.read_field(scan)).save(tmp_path / "batch")
    names = sorted(file.name for file in batch.iterdir())
    assert names == sorted(file.name for file in saved.iterdir())
    for name in names:
        assert (saved / name).read_bytes() == (batch / name).read_bytes(), name


def test_figures_are_those_of_the_batch(panel, qtbot, tmp_path):
    panel.save_figures.click()
    finish(panel, qtbot)
    folder = tmp_path / "results" / "scan" / "figures"
    assert panel.message == f"16 files are in {folder}."
    for file in figures.save_figures(panel.session.result, tmp_path / "batch"):
        assert (folder / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.mark.parametrize("name", ["save_result", "save_figures"])
def test_what_is_cancelled_leaves_nothing(panel, qtbot, tmp_path, monkeypatch, name):
    reached, release = threading.Event(), threading.Event()
    job_report = ExportPanel.run

    def run(self, work, on_done):
        def slow(report, cancelled):
            def tell(share, what):
                report(share, what)
                if share > 0:
                    reached.set()
                    release.wait(600)

            return work(tell, cancelled)

        job_report(self, slow, on_done)

    monkeypatch.setattr(ExportPanel, "run", run)
    getattr(panel, name).click()
    job = panel.job
    assert reached.wait(600)
    panel.cancel()
    release.set()
    assert job.wait(600)
    assert panel.message == "Cancelled; nothing has changed."
    assert not (tmp_path / "results" / "scan").exists() or name == "save_figures"
    assert not [file for file in (tmp_path / "results").rglob("*") if file.is_file()]


def test_a_viewer_that_is_closed_hears_nothing_more(panel, qtbot):
    release, arrived = threading.Event(), []
    panel.run(lambda report, cancelled: release.wait(60), arrived.append)
    job = panel.job
    panel.setParent(None)
    panel.deleteLater()
    with qtbot.waitSignal(panel.destroyed):
        pass
    release.set()
    assert job.wait(60)
    qtbot.wait(50)
    assert arrived == []
    assert not job.is_running


def copied(panel):
    QGuiApplication.clipboard().clear()
    panel.copy.click()
    return QGuiApplication.clipboard().text()


def assert_runs(text, result):
    names = {}
    exec(text, names)
    for name in ("particles", "radial", "profiles"):
        pd.testing.assert_frame_equal(
            getattr(names["result"], name), getattr(result, name), check_exact=True
        )


def test_the_copied_text_gives_the_result_again(panel):
    text = copied(panel)
    assert panel.message.startswith("Copied")
    assert_runs(text, panel.session.result)


def test_edited_labels_are_copied_once_they_are_saved(panel, qtbot):
    session = panel.session
    session.delete([3])
    session.exclude([4], "out of focus")
    session.set_recipe(session.recipe.replace(count={"threshold": 1.5}))
    assert copied(panel) == ""
    assert panel.message == STALE
    session.set_result(measure(session))
    assert copied(panel) == ""
    assert panel.message.startswith("Expected labels that the recipe gives by itself, got others;")
    panel.save_result.click()
    finish(panel, qtbot)
    text = copied(panel)
    assert 'exclusions={4: "out of focus"}' in text
    assert_runs(text, session.result)


@pytest.mark.parametrize("name", ["save_result", "save_figures", "copy"])
def test_what_cannot_be_exported_is_told(make_napari_viewer, panel, name, tmp_path):
    empty = ExportPanel(make_napari_viewer())
    getattr(empty, name).click()
    assert empty.message == "Expected a result, got none; measure first, in the Count panel."
    panel.session.delete([1])
    getattr(panel, name).click()
    assert panel.message == STALE
    panel.session.undo()
    panel.session.set_result(measure(panel.session))
    if name != "copy":
        panel.folder.setText(" ")
        getattr(panel, name).click()
        assert panel.message == "Expected a folder to save to, got none; type one, or browse."
        for odd in ("~nobody-of-this-name/x", "x" * 300):
            panel.folder.setText(odd)
            getattr(panel, name).click()
            assert panel.message.startswith(f"Expected a folder to save to, got {odd!r}: ")
        panel.folder.setText(str(tmp_path / "scan.tif"))
        getattr(panel, name).click()
        qt_finish(panel)
        assert panel.message.startswith("Expected a folder to write to, got the file")


def qt_finish(panel):
    job = panel.job
    if job is not None:
        assert job.wait(600)
        QGuiApplication.processEvents()


def test_labels_that_somebody_edits_are_not_written_over(panel, tmp_path):
    folder = tmp_path / "results" / "scan"
    panel.session.keep_in(folder)
    panel.session.delete([1])
    panel.session.set_result(measure(panel.session))
    before = (folder / "labels.tif").read_bytes()
    panel.save_result.click()
    assert panel.message.startswith("Expected a folder whose labels nobody edits, got ")
    assert (folder / "labels.tif").read_bytes() == before


# Manifest


def test_the_manifest_is_valid_and_names_what_is_there():
    done = subprocess.run(
        [sys.executable, "-m", "npe2", "validate", "--imports", MANIFEST],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "valid!" in done.stdout
    PluginManifest.from_file(MANIFEST).validate_imports()


def test_every_panel_is_in_a_menu_for_what_it_does():
    contributions = PluginManifest.from_file(MANIFEST).contributions
    panels = {widget.command for widget in contributions.widgets} - {f"{PLUGIN}.dock"}
    entries = [item.command for items in contributions.menus.values() for item in items]
    assert sorted(entries) == sorted(panels)
    assert {
        "napari/layers/segment",
        "napari/layers/measure",
        "napari/file/io_utilities",
    } <= contributions.menus.keys()


# Preferences


@pytest.fixture
def settings(plugin_settings, npe2pm):
    with npe2pm.tmp_plugin(package=PLUGIN):
        yield get_plugin_settings(PLUGIN)


def test_default_preferences_are_the_default_recipe(settings):
    assert preferences.preferred_recipe() == nd.Recipe()
    assert preferences.preferred_folder() == ""


def test_preferences_are_what_a_new_viewer_begins_with(settings, make_napari_viewer, tmp_path):
    settings.segmentation.method = "cellpose"
    settings.sample.dopant = "Fe"
    settings.saving.folder = str(tmp_path)
    viewer = make_napari_viewer()
    count, export = CountPanel(viewer), ExportPanel(viewer)
    recipe = session_of(viewer).recipe
    assert (recipe.segment.method, recipe.field.dopant) == ("cellpose", "Fe")
    assert count.elements.stage().dopant == "Fe"
    assert export.folder.text() == str(tmp_path)
    session_of(viewer).set_recipe(nd.Recipe())
    CountPanel(viewer)
    assert session_of(viewer).recipe == nd.Recipe()  # as the person left it


def test_preferences_do_not_touch_a_result(settings, make_napari_viewer):
    settings.sample.material = "ZnS (zinc blende)"
    settings.sample.host = "Zn"
    viewer = make_napari_viewer()
    field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(50, 60)), seed=2)
    nd.add_to_viewer(viewer, nd.analyze(field, labels=truth.labels))
    CountPanel(viewer)
    assert session_of(viewer).recipe == nd.Recipe()
    assert not session_of(viewer).is_stale


def test_preferences_are_not_looked_for_before_one_is_set(monkeypatch, tmp_path):
    asked = []

    class Told:
        def model_dump(self):
            asked.append("preferences")
            return {"sample": {"dopant": "Fe"}}

    place = type("Place", (), {"config_path": str(tmp_path / "settings.yaml")})
    monkeypatch.setattr("napari.settings.get_settings", place)
    monkeypatch.setattr("napari.settings.get_plugin_settings", lambda plugin: Told())
    assert preferences.preferred_recipe() == nd.Recipe()
    assert not asked
    (tmp_path / f"{PLUGIN}.yaml").write_text("sample:\n  dopant: Fe\n")
    assert preferences.preferred_recipe().field.dopant == "Fe"
    assert asked


def test_napari_keeps_preferences_where_they_are_looked_for(plugin_settings, npe2pm, tmp_path):
    with npe2pm.tmp_plugin(package=PLUGIN):
        get_plugin_settings(PLUGIN, path_dir=tmp_path).sample.dopant = "Fe"
    assert (tmp_path / f"{PLUGIN}.yaml").exists()


def test_a_wrong_preference_is_told_once_and_the_defaults_hold(settings, make_napari_viewer):
    settings.sample.host = "Xx"
    viewer = make_napari_viewer()
    first, second = CountPanel(viewer), CountPanel(viewer)
    assert first.message.startswith("Preferences of Nanodope: [field]")
    assert second.message == ""
    assert session_of(viewer).recipe == nd.Recipe()


def test_without_the_plugin_in_napari_the_defaults_hold(plugin_settings):
    assert preferences.preferred_recipe() == nd.Recipe()


def test_the_result_of_another_field_is_not_written_over(panel, qtbot, scan, tmp_path):
    panel.save_result.click()
    finish(panel, qtbot)
    first = (tmp_path / "results/scan/provenance.json").read_bytes()
    other = tmp_path / "other" / "scan.tif"
    other.parent.mkdir()
    params = nd.PhantomParams(shape_px=(64, 80), shot_noise=True)
    write_tiff(nd.simulate_field(params, seed=6)[0], other)
    session = panel.session
    session.show_field(nd.read_field(other))
    session.set_outlines(outline(session.field))
    session.set_result(measure(session))
    panel.save_result.click()
    assert str(scan) in panel.message
    assert panel.message.endswith("choose another folder.")
    assert (tmp_path / "results/scan/provenance.json").read_bytes() == first
