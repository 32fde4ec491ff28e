"""Panels of figures in a real viewer: what is clicked on is what was drawn."""

import gc
import weakref
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backend_bases import MouseEvent
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication, QLabel, QTabWidget, QVBoxLayout, QWidget

import napari_nanodope as nd
from napari_nanodope._napari.session import session_of
from napari_nanodope._napari.widgets.occupancy import OccupancyPanel
from napari_nanodope._napari.widgets.profiles import ProfilesPanel
from napari_nanodope.core.profiles import count_depth_bins
from napari_nanodope.figures.style import choose_classes

pytestmark = pytest.mark.gui


@pytest.fixture
def session(make_napari_viewer):
    """Session of a viewer with a sample and its true particles."""
    viewer = make_napari_viewer()
    viewer.open_sample("napari-nanodope", "mixed")
    session = session_of(viewer)
    session.find_field()
    session.set_labels(viewer.layers["true particles"].data)
    return session


@pytest.fixture(scope="module")
def measured():
    """Result of the same sample, measured once."""
    params = nd.PhantomParams(
        location="mixed", shot_noise=True, background_counts=0.01, probe_sigma_nm=0.35
    )
    field, truth = nd.simulate_field(params, seed=1)
    return nd.analyze(field, labels=truth.labels)


def open_panel(make, session, qtbot):
    panel = make(session.viewer)
    qtbot.addWidget(panel)
    panel.resize(430, 900)
    panel.show()
    qtbot.waitExposed(panel)
    panel.canvas.draw()
    return panel


def show(session, measured, **changes):
    session.set_result(replace(measured, field=session.field, **changes))


def click(canvas, x, y, *modifiers):
    """Press the left button at a place in pixels of the figure."""
    event = MouseEvent("button_press_event", canvas, x, y, 1, modifiers=modifiers)
    canvas.callbacks.process("button_press_event", event)


def click_inside(canvas, panel, x, y, *modifiers):
    """Press the left button at a place in the units of a panel."""
    click(canvas, *canvas.figure.axes[panel].transData.transform((x, y)), *modifiers)


def words(canvas):
    """Every text in the figure."""
    return [text.get_text() for ax in canvas.figure.axes for text in ax.texts]


def test_a_click_on_a_size_class_chooses_its_particles(session, measured, qtbot):
    panel = open_panel(ProfilesPanel, session, qtbot)
    assert words(panel.canvas) == ["Measure first: the Count tab."]
    click(panel.canvas, 50, 50)
    assert session.chosen == ()
    show(session, measured)
    panel.canvas.draw()
    bins = count_depth_bins(measured.included_radial)
    first, second = choose_classes(measured, 5)[:2]
    click_inside(panel.canvas, 0, 1, 0.02)
    assert set(session.chosen) == set(bins.index[bins == first])
    diameters = measured.particles.set_index("label")["equivalent_diameter_nm"]
    mean_nm = diameters[list(session.chosen)].mean()
    assert panel.message == (
        f"Chosen: {(bins == first).sum()} particles, {mean_nm:.1f} nm in diameter on average."
    )
    title = panel.canvas.figure.axes[1].title.get_window_extent()
    click(panel.canvas, (title.x0 + title.x1) / 2, (title.y0 + title.y1) / 2, "shift")
    assert set(session.chosen) == set(bins.index[bins.isin([first, second])])
    assert f"{len(session.chosen)} are chosen in all." in panel.message
    for sentence in ("Mn both fills the core", "A fraction 0.41"):
        assert sentence in panel.about.text()


def test_one_size_class_is_drawn_and_chosen(session, measured, qtbot):
    panel = open_panel(ProfilesPanel, session, qtbot)
    show(session, measured)
    panel.choice.setCurrentText("one size class")
    assert panel.size_class.currentData() == choose_classes(measured, 1)[0]
    panel.size_class.setCurrentIndex(panel.size_class.findData(5))
    panel.canvas.draw()
    n = (count_depth_bins(measured.included_radial) == 5).sum()
    (ax,) = panel.canvas.figure.axes
    assert ax.get_title().startswith(f"{n} NCs")
    click_inside(panel.canvas, 0, 1, 0.02)
    assert len(session.chosen) == n


def test_settings_of_a_panel_are_those_of_the_recipe(session, measured, qtbot):
    panel = open_panel(ProfilesPanel, session, qtbot)
    show(session, measured)
    assert panel.note.isHidden()
    stage = panel.form.stage().model_copy(update={"distance": "erode-ceil"})
    panel.form.set_stage(stage)
    panel.form.changed.emit()
    assert session.recipe.profile == stage
    assert "Measure again" in panel.note.text()
    assert panel.note.isVisible()
    session.set_recipe(nd.Recipe())
    assert panel.form.stage() == nd.Recipe().profile
    assert panel.note.isHidden()


def test_a_click_on_a_bar_chooses_its_particles(session, measured, qtbot):
    panel = open_panel(OccupancyPanel, session, qtbot)
    show(session, measured)
    panel.canvas.draw()
    particles = measured.included
    click_inside(panel.canvas, 0, 0.5, 1)  # two numbers of dopants share a bar
    assert set(session.chosen) == set(particles["label"][particles["dopant_pixels"] <= 1])
    panel.undoped.click()
    undoped = particles["label"][particles["dopant_pixels"] == 0]
    assert set(session.chosen) == set(undoped)
    assert panel.message.startswith(f"Chosen: {len(undoped)} particles without Mn")
    panel.choice.setCurrentText("diameters")
    panel.canvas.draw()
    click_inside(panel.canvas, 0, particles["equivalent_diameter_nm"].max() - 0.01, 1)
    chosen = particles[particles["label"].isin(session.chosen)]
    assert chosen["equivalent_diameter_nm"].min() > 14
    for sentence in ("A particle holds 6.541", "holds no detected Mn"):
        assert sentence in panel.about.text()


def test_particles_that_are_gone_are_told(session, measured, qtbot):
    panel = open_panel(OccupancyPanel, session, qtbot)
    show(session, measured)
    undoped = measured.included["label"][measured.included["dopant_pixels"] == 0]
    session.delete([int(undoped.iloc[0])])
    assert panel.note.isVisible()
    panel.undoped.click()
    assert set(session.chosen) == set(undoped.iloc[1:])
    assert "1 of them are no longer there." in panel.message


def test_expected_concentrations_are_drawn_at_once(session, measured, qtbot):
    panel = open_panel(OccupancyPanel, session, qtbot)
    show(session, measured)
    stage = panel.form.stage().model_copy(update={"icp_ms_mM": 20.0, "reference_mM": 0.0})
    panel.form.set_stage(stage)
    panel.form.changed.emit()
    names = [text.get_text() for text in panel.canvas.figure.legends[0].get_texts()]
    assert names == ["ICP-MS, 20 mM", "mean"]
    assert session.result.recipe.expect.icp_ms_mM is None
    assert "lines of the concentrations" in panel.note.text()


def test_a_hidden_panel_draws_only_when_it_is_shown(session, measured, qtbot):
    panel = open_panel(OccupancyPanel, session, qtbot)
    panel.hide()
    show(session, measured)
    assert words(panel.canvas) == ["Measure first: the Count tab."]
    panel.show()
    assert panel.canvas.figure.axes[0].get_title().startswith("522 NCs")


@pytest.mark.parametrize("make", [ProfilesPanel, OccupancyPanel])
def test_the_figure_fills_its_canvas_and_covers_nothing(session, measured, qtbot, make):
    tabs = QTabWidget()
    qtbot.addWidget(tabs)
    tabs.addTab(QWidget(), "before")
    show(session, measured)
    panel = make(session.viewer)
    tabs.addTab(panel, "figures")
    tabs.resize(430, 1000)
    tabs.show()
    tabs.setCurrentIndex(1)
    canvas = panel.canvas
    for number in range(panel.choice.count()):
        panel.choice.setCurrentIndex(number)
        panel.tell("A sentence of several words that is longer than the first of them.")
        qtbot.wait(20)
        assert canvas.get_width_height() == (canvas.width(), canvas.height())
        assert canvas.height() == canvas.maximumHeight()
        others = panel.findChildren(QLabel, options=Qt.FindChildOption.FindDirectChildrenOnly)
        assert not any(canvas.geometry().intersects(o.geometry()) for o in others if o.isVisible())


def test_panels_stand_side_by_side_as_the_width_allows(session, measured, qtbot):
    panel = open_panel(ProfilesPanel, session, qtbot)
    show(session, measured)

    def n_columns():
        return panel.canvas.figure.axes[0].get_gridspec().ncols

    assert n_columns() == 2
    tall = panel.canvas.height()
    panel.resize(700, 900)
    qtbot.waitUntil(lambda: n_columns() == 3)
    assert panel.canvas.height() < tall


@pytest.mark.parametrize("make", [ProfilesPanel, OccupancyPanel])
@pytest.mark.parametrize("what", ["no particles", "none included", "no dopants"])
def test_what_cannot_be_drawn_is_told(session, qtbot, make, what):
    labels = np.array(session.labels)
    field, recipe = session.field, nd.Recipe()
    if what == "no particles":
        labels[:] = 0
    elif what == "none included":
        recipe = recipe.replace(particles={"min_diameter_nm": 500.0})
    else:
        field = replace(field, maps={**field.maps, "Mn": np.zeros(field.shape, np.float32)})
        session.replace_field(field)
    panel = open_panel(make, session, qtbot)
    session.set_result(nd.analyze(field, recipe, labels=labels))
    for number in range(panel.choice.count()):
        panel.choice.setCurrentIndex(number)
        panel.canvas.draw()
        click(panel.canvas, *np.array(panel.canvas.figure.axes[0].bbox.get_points()).mean(axis=0))
    assert "particles are included" in panel.about.text()


def test_a_panel_that_qt_deletes_hears_nothing(session, measured):
    box = QWidget()
    panel = ProfilesPanel(session.viewer)
    QVBoxLayout(box).addWidget(panel)
    n_before = len(session.result_changed)
    box.deleteLater()
    QApplication.sendPostedEvents(box, QEvent.Type.DeferredDelete)
    assert len(session.result_changed) == n_before - 1
    show(session, measured)
    assert isinstance(panel, ProfilesPanel)  # its Python half is still there


def test_a_closed_panel_is_freed_and_hears_nothing(session, measured, qtbot):
    window = session.viewer.window
    panel = ProfilesPanel(session.viewer)
    alive = weakref.ref(panel)
    dock = window.add_dock_widget(panel, name="Profiles")
    show(session, measured)
    window.remove_dock_widget(dock)
    session.set_result(session.result)
    del panel, dock
    qtbot.wait(10)
    gc.collect()
    assert alive() is None
    session.set_result(session.result)
