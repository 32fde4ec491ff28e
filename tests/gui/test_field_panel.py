"""The Field panel in a real viewer: what is chosen and dragged is what `read_field` is told."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from matplotlib.backend_bases import MouseEvent
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

import napari_nanodope as nd
from napari_nanodope._napari.session import session_of
from napari_nanodope._napari.widgets.field import FieldPanel

pytestmark = pytest.mark.gui

PLUGIN = "napari-nanodope"
SHAPE, N_CHANNELS = (20, 24), 1000
LINES = {"Cd": (3.1338, 900.0), "Mn": (5.8987, 300.0), "Zn": (8.6313, 500.0)}


def make_cube() -> np.ndarray:
    """Background everywhere, and lines of three elements in two particles."""
    energy = np.arange(N_CHANNELS) * 0.01
    inside = np.zeros(SHAPE)
    inside[4:10, 4:10] = 1.0
    inside[12:18, 12:20] = 0.5
    cube = np.full((*SHAPE, N_CHANNELS), 0.5)
    for at_keV, area in LINES.values():
        sigma = np.sqrt(0.130**2 + 2.5e-3 * (at_keV - 5.8987)) / 2.3548
        peak = np.exp(-((energy - at_keV) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
        cube += area * 0.01 * inside[..., None] * peak
    return np.random.default_rng(0).poisson(cube).astype(np.uint16)


CUBE = make_cube()
LABELS = np.zeros(SHAPE, np.int32)
LABELS[4:10, 4:10], LABELS[12:18, 12:20] = 1, 2


def write(path: Path, data: np.ndarray = CUBE) -> Path:
    """File in HyperSpy's layout that names two of the three elements."""
    axes = [("y", 0.7, "nm"), ("x", 0.7, "nm"), ("Energy", 0.01, "keV")]
    with h5py.File(path, "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.3"})
        group = file.create_group("Experiments/made")
        group.create_dataset("data", data=data, chunks=(8, 8, N_CHANNELS), compression="gzip")
        for index, (name, scale, units) in enumerate(axes):
            about = {"name": name, "scale": scale, "offset": 0.0, "units": units}
            about |= {"size": data.shape[index], "navigate": index < 2}
            group.create_group(f"axis-{index}").attrs.update(about)
        metadata = group.create_group("metadata")
        metadata.create_group("General").attrs["title"] = "made"
        metadata.create_group("Signal").attrs["signal_type"] = "EDS_TEM"
        words = np.array(["Cd", "Mn"], dtype=h5py.string_dtype())
        metadata.create_group("Sample").create_dataset("elements", data=words)
        group.create_group("original_metadata")
    return path


@pytest.fixture
def path(tmp_path) -> Path:
    return write(tmp_path / "scan.hspy")


@pytest.fixture
def panel(make_napari_viewer, path, qtbot) -> FieldPanel:
    viewer = make_napari_viewer()
    viewer.open(path, plugin=PLUGIN)
    return open_panel(viewer, qtbot)


def open_panel(viewer, qtbot) -> FieldPanel:
    panel = FieldPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Field")
    panel.take.click()
    finish(panel, qtbot)
    return panel


def finish(panel, qtbot):
    qtbot.waitUntil(lambda: panel.job is None, timeout=120_000)


def drag(canvas, from_keV, to_keV):
    """Press, move and release the left button at energies."""
    canvas.resize(500, 300)
    canvas.draw()
    y = canvas.height() // 2
    places = [from_keV, (from_keV + to_keV) / 2, to_keV]
    points = [QPoint(round(canvas.to_px(e) / canvas.device_pixel_ratio), y) for e in places]
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=points[0])
    for point in points[1:]:
        QTest.mouseMove(canvas, point)
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=points[-1])


def choices(panel):
    return {one.symbol: one for one in panel._choices.values()}


def assert_same_maps(field, expected):
    assert field.elements == expected.elements
    for element in expected.elements:
        np.testing.assert_array_equal(field.map_of(element), expected.map_of(element))
        np.testing.assert_array_equal(field.variances[element], expected.variances[element])
    np.testing.assert_array_equal(field.survey, expected.survey)
    assert field.source == expected.source


def test_the_file_its_signals_and_its_spectrum_are_shown(panel, path):
    assert "scan.hspy" in panel.about.text.text()
    assert "20 x 24 pixels of 0.7 nm" in panel.about.text.text()
    signals = panel.about.signals
    row = [signals.item(0, column).text() for column in range(signals.columnCount())]
    assert row == [
        "made",
        "spectrum image",
        "20 x 24 x 1000",
        "0.7 x 0.7 nm, 0.00 to 9.99 keV",
        "spectrum image",
    ]
    drawn = panel.view.canvas.figure.axes[0].lines[0]
    np.testing.assert_array_equal(drawn.get_ydata(), CUBE.sum(axis=(0, 1)))


def test_elements_are_those_mapped_and_those_that_the_spectrum_shows(panel):
    known = choices(panel)
    assert [one.symbol for one in known.values() if one.is_mapped] == ["Cd", "Mn"]
    assert "Zn" in known
    assert not known["Zn"].is_mapped
    assert "counts" in known["Zn"].note
    combo = panel.view.table.combo("Cd")
    names = [combo.itemText(i).split()[0] for i in range(combo.count())]
    assert combo.itemText(0) == "automatic (La)"
    assert {"La", "Lb1"} <= set(names)
    assert "Ka" not in names  # at 23 keV, beyond the spectrum


def test_what_is_chosen_and_dragged_is_what_is_mapped(panel, path, qtbot):
    session, view = session_of(panel.session.viewer), panel.view
    host, dopant = session.recipe.field.host, session.recipe.field.dopant
    view.table.tick("Zn", True)
    combo = view.table.combo("Mn")
    combo.setCurrentIndex(combo.findData("Kb"))
    combo.activated.emit(combo.currentIndex())
    view.table.select("Cd")
    view.is_near.setChecked(True)
    before = view.canvas.windows
    assert before.line == "La"
    drag(view.canvas, before.window_keV[1], before.window_keV[1] - 0.04)
    dragged = view.canvas.windows
    assert dragged.window_keV[0] == before.window_keV[0]
    assert dragged.window_keV[1] == pytest.approx(before.window_keV[1] - 0.04, abs=0.005)
    assert view.boxes.boxes["window_keV", 1].value() == pytest.approx(
        dragged.window_keV[1], abs=1e-3
    )
    panel.apply_button.click()
    finish(panel, qtbot)
    lines = {"Cd": dragged, "Mn": "Kb"}
    assert dict(session.recipe.maps.lines) == lines
    assert (session.recipe.field.host, session.recipe.field.dopant) == (host, dopant)
    assert_same_maps(session.field, nd.read_field(path, ["Cd", "Mn", "Zn"], lines))
    layers = session.viewer.layers
    assert [layer.name for layer in layers] == ["survey", "Cd", "Mn", "Zn"]
    np.testing.assert_array_equal(layers["Cd"].data, session.field.map_of("Cd"))
    assert choices(panel)["Cd"].windows == dragged
    assert "Cd La at" in panel.message


def test_windows_are_typed(panel, path, qtbot):
    view = panel.view
    view.table.select("Mn")
    view.boxes.boxes["below_keV", 0].setValue(5.1)
    view.boxes.ticks["above_keV"].click()
    assert view.canvas.windows.below_keV[0] == 5.1
    assert view.canvas.windows.above_keV is None
    panel.apply_button.click()
    finish(panel, qtbot)
    told = {"Mn": view.canvas.windows}
    assert_same_maps(panel.session.field, nd.read_field(path, ["Cd", "Mn"], told))


def test_a_line_chosen_takes_windows_set_by_hand_back(panel):
    view = panel.view
    view.table.select("Mn")
    automatic = view.canvas.windows
    view.boxes.boxes["below_keV", 0].setValue(5.1)
    combo = view.table.combo("Mn")
    assert combo.currentText() == "Ka, by hand"
    combo.setCurrentIndex(0)
    combo.activated.emit(0)
    assert choices(panel)["Mn"].told is None
    assert view.canvas.windows == automatic
    assert "by hand" not in combo.itemText(combo.count() - 1)


def test_labels_stay_when_lines_change(panel, qtbot):
    session = panel.session
    session.set_labels(LABELS)
    session.delete([2])
    panel.view.table.tick("Zn", True)
    panel.apply_button.click()
    finish(panel, qtbot)
    assert "Zn" in session.field.elements
    np.testing.assert_array_equal(session.labels, np.where(LABELS == 2, 0, LABELS))
    session.undo()
    np.testing.assert_array_equal(session.labels, LABELS)


def test_the_spectrum_of_the_chosen_particles_is_drawn(panel, qtbot):
    session, view = panel.session, panel.view
    session.set_labels(LABELS)
    view.of_chosen.setChecked(True)
    axes = view.canvas.figure.axes[0]
    expected = CUBE[LABELS == 2].sum(axis=0)

    def drawn():
        return {line.get_label(): line.get_ydata() for line in axes.lines}

    assert "chosen particles" not in drawn()
    session.choose([2])
    finish(panel, qtbot)
    np.testing.assert_array_equal(drawn()["chosen particles"], expected)
    assert view.of_chosen.text() == "Chosen particles (1)"
    view.is_scaled.setChecked(True)
    scale = LABELS.size / (LABELS == 2).sum()
    np.testing.assert_allclose(drawn()["chosen particles"], expected * scale)
    view.is_scaled.setChecked(False)
    session.choose([1, 2])
    session.choose([1])  # while the other is still summed
    qtbot.waitUntil(
        lambda: (
            panel.job is None
            and np.array_equal(drawn()["chosen particles"], CUBE[LABELS == 1].sum(axis=0))
        ),
        timeout=120_000,
    )
    view.of_chosen.setChecked(False)
    assert "chosen particles" not in drawn()


def test_another_element_is_added_by_its_symbol(panel):
    view = panel.view
    view.symbol.setText("Fe")
    view.add.click()
    assert choices(panel)["Fe"].is_mapped
    assert view.table.symbol == "Fe"
    assert view.canvas.windows.line == "Ka"
    for wrong, told in {"Xy": "symbol of an element", "H": "with lines in the spectrum"}.items():
        view.symbol.setText(wrong)
        view.add.click()
        assert told in panel.message
        assert wrong not in choices(panel)


def test_nothing_ticked_is_told_and_changes_nothing(panel, qtbot):
    field = panel.session.field
    for symbol in ("Cd", "Mn"):
        panel.view.table.tick(symbol, False)
    panel.apply_button.click()
    finish(panel, qtbot)
    assert panel.message == "Expected elements to map, got none; tick one in the table."
    assert panel.session.field is field
    assert panel.session.recipe == nd.Recipe()


def test_a_field_without_a_file_has_no_spectrum(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, "mixed")
    panel = open_panel(viewer, qtbot)
    assert panel.message == "This field comes from no file, so there is no spectrum."
    assert "Mn" in panel.about.text.text()
    assert not panel.view.isVisibleTo(panel)
    assert not panel.apply_button.isVisibleTo(panel)


def test_ready_made_maps_have_no_spectrum(make_napari_viewer, qtbot, tmp_path):
    import tifffile

    for name in ("a_Cd", "a_Mn", "a_HAADF"):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.ones((8, 9), np.float32))
    viewer = make_napari_viewer()
    session_of(viewer).show_field(nd.read_field(tmp_path, pixel_size_nm=0.5))
    panel = open_panel(viewer, qtbot)
    assert panel.message == f"There is no spectrum in {tmp_path.name}: its maps are ready-made."
    assert panel.about.signals.rowCount() == 3
    assert not panel.view.isVisibleTo(panel)


def test_a_file_that_has_moved_is_told_once(make_napari_viewer, qtbot, path):
    viewer = make_napari_viewer()
    viewer.open(path, plugin=PLUGIN)
    path.rename(path.with_name("moved.hspy"))
    panel = open_panel(viewer, qtbot)
    assert panel.message.startswith(f"Expected the file of this field at {path}, got none there")
    assert "Cd" in panel.about.text.text()
    assert panel.job is None


def test_another_field_brings_its_own_spectrum(panel, qtbot, tmp_path):
    twice = write(tmp_path / "twice.hspy", 2 * CUBE)
    viewer = panel.session.viewer
    viewer.open(twice, plugin=PLUGIN)
    panel.take.click()
    finish(panel, qtbot)
    assert "twice.hspy" in panel.about.text.text()
    drawn = panel.view.canvas.figure.axes[0].lines[0]
    np.testing.assert_array_equal(drawn.get_ydata(), 2 * CUBE.sum(axis=(0, 1)))


def test_the_overlay_of_the_threshold_follows_the_new_map(panel, qtbot):
    from napari_nanodope._napari.widgets.count import CountPanel

    session = panel.session
    count = CountPanel(session.viewer)
    count._show_threshold()
    panel.view.table.select("Mn")
    panel.view.boxes.boxes["window_keV", 0].setValue(5.85)
    panel.apply_button.click()
    finish(panel, qtbot)
    np.testing.assert_array_equal(
        session.viewer.layers["dopant pixels"].data, session.field.map_of("Mn")
    )
    count.deleteLater()


def test_what_was_given_at_reading_is_kept(make_napari_viewer, qtbot, path):
    viewer = make_napari_viewer()
    session_of(viewer).show_field(nd.read_field(path, ["Cd"], pixel_size_nm=0.4, sample_id="24h"))
    panel = open_panel(viewer, qtbot)
    panel.view.table.tick("Mn", True) if "Mn" in choices(panel) else panel._add("Mn")
    panel.apply_button.click()
    finish(panel, qtbot)
    field = panel.session.field
    assert field.pixel_size_nm == (0.4, 0.4)
    assert field.sample_id == "24h"
    assert set(field.elements) == {"Cd", "Mn"}


def test_the_wheel_zooms_and_dragging_beside_the_windows_moves(panel):
    canvas = panel.view.canvas
    axes = canvas.figure.axes[0]
    panel.view.table.select("Mn")
    panel.view.is_near.setChecked(True)
    windows = canvas.windows
    low, high = axes.get_xlim()
    assert 0 < low < windows.below_keV[0]
    assert windows.above_keV[1] < high < 9.99
    drag(canvas, high - 0.02, high - 0.12)
    np.testing.assert_allclose(axes.get_xlim(), (low + 0.1, high + 0.1), atol=0.02)
    assert canvas.windows == windows
    low, high = axes.get_xlim()
    at = axes.transData.transform(((low + high) / 2, axes.get_ylim()[1] / 2))
    scroll = MouseEvent("scroll_event", canvas, *at, step=1)
    canvas.callbacks.process("scroll_event", scroll)
    np.testing.assert_allclose(np.ptp(axes.get_xlim()), (high - low) / 1.25)
    np.testing.assert_allclose(np.mean(axes.get_xlim()), (low + high) / 2)
    panel.view.is_near.setChecked(False)
    assert axes.get_xlim() == pytest.approx((0, 9.99))
