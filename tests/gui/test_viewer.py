"""The plugin as napari sees it: through its manifest, in a real viewer and in a headless one."""

import subprocess
import sys

import numpy as np
import pytest

from napari_nanodope._napari.layers import (
    field_to_layers,
    labels_from_layer,
    layers_to_field,
    result_to_layers,
)
from napari_nanodope.io.tiff import write_tiff
from napari_nanodope.model import InputError
from napari_nanodope.phantom import PhantomParams, simulate_field
from napari_nanodope.pipeline import analyze

PLUGIN = "napari-nanodope"


@pytest.fixture(scope="module")
def result():
    field, truth = simulate_field(PhantomParams(shape_px=(64, 80), shot_noise=True), seed=5)
    return analyze(field, labels=truth.labels)


@pytest.fixture
def headless(npe2pm):
    """Viewer without a window, which does not look for plugins by itself."""
    from napari.components import ViewerModel

    with npe2pm.tmp_plugin(package=PLUGIN):
        yield ViewerModel()


def assert_calibrated(layers, pixel_size_nm):
    for layer in layers:
        np.testing.assert_allclose(layer.scale, pixel_size_nm)
        assert [str(unit) for unit in layer.units] == ["nanometer", "nanometer"]
        assert layer.axis_labels == ("y", "x")


def field_of(layers):
    return layers_to_field([layer.as_layer_data_tuple() for layer in layers])


def add_result(viewer, result):
    from napari.layers import Layer

    for layer_data in result_to_layers(result):
        viewer.add_layer(Layer.create(*layer_data))


@pytest.mark.gui
def test_sample_opens_from_the_manifest(make_napari_viewer):
    viewer = make_napari_viewer()
    viewer.open_sample(PLUGIN, "core")
    assert [layer.name for layer in viewer.layers] == ["survey", "Cd", "Mn", "true particles"]
    assert_calibrated(viewer.layers, (0.7, 0.7))
    assert field_of(viewer.layers).field_id == "core-seed1"


@pytest.mark.gui
def test_saved_phantom_opens_as_its_layers(make_napari_viewer, result, tmp_path):
    viewer = make_napari_viewer()
    write_tiff(result.field, tmp_path / "scan.tif")
    viewer.open(tmp_path / "scan.tif", plugin=PLUGIN)
    expected = field_to_layers(result.field)
    assert len(viewer.layers) == len(expected)
    assert_calibrated(viewer.layers, result.field.pixel_size_nm)
    for layer, (data, options, _) in zip(viewer.layers, expected, strict=True):
        assert layer.name == options["name"]
        assert layer.contrast_limits == pytest.approx(options["contrast_limits"])
        np.testing.assert_array_equal(layer.data, data)


@pytest.mark.gui
def test_result_is_drawn_and_can_be_painted_on(make_napari_viewer, result):
    viewer = make_napari_viewer()
    add_result(viewer, result)
    before = result.labels.copy()
    painted = viewer.layers["particles"]
    painted.data_setitem(np.nonzero(before == 1), 0)
    np.testing.assert_array_equal(result.labels, before)
    np.testing.assert_array_equal(
        labels_from_layer(painted.as_layer_data_tuple()), np.where(before == 1, 0, before)
    )


@pytest.mark.parametrize("sample", ["core", "surface", "mixed"])
def test_headless_viewer_shows_every_sample(headless, sample):
    headless.open_sample(PLUGIN, sample)
    assert [layer.name for layer in headless.layers] == ["survey", "Cd", "Mn", "true particles"]
    assert_calibrated(headless.layers, (0.7, 0.7))
    assert field_of(headless.layers).sample_id == f"phantom-{sample}"


def test_hovering_a_particle_tells_its_row(headless, result):
    add_result(headless, result)
    row = result.particles.iloc[3]
    position = row["centroid_y_nm"], row["centroid_x_nm"]
    told = headless.layers["particles"].get_status(position, world=True)["value"]
    assert told.startswith(f"{row['label']}; ")
    assert f"dopant_pixels: {row['dopant_pixels']}," in told
    assert "included: True" in told
    outside = headless.layers["particles"].get_status((0, 0), world=True)["value"]
    assert outside == "0"


def test_what_is_wrong_with_a_file_reaches_the_user(headless, tmp_path):
    np.savez(tmp_path / "scan.npz", Cd=np.ones((3, 3)))
    with pytest.raises(InputError, match="Expected a calibration in nm in"):
        headless.open(tmp_path / "scan.npz", plugin=PLUGIN)


SEGMENT = """
import os
import napari
import numpy as np
from qtpy.QtWidgets import QApplication
from napari_nanodope.segmentation.models import load_network

viewer = napari.Viewer()
viewer.add_image(np.eye(50))
QApplication.processEvents()
viewer.screenshot()
print(load_network("nanocrystal").is_small, flush=True)
os._exit(0)
"""


@pytest.mark.gui
def test_the_network_loads_beside_an_open_window():
    """Where OpenGL is Mesa's, as on servers, Triton would end the process."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SEGMENT], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True"], done.stderr
    assert done.returncode == 0


OPEN = """
import sys, napari
viewer = napari.Viewer(show=False)
viewer.open_sample("napari-nanodope", "mixed")
viewer.window.add_plugin_dock_widget("napari-nanodope", "Nanodope")
print("there:", sorted({"matplotlib", "torch", "distributed"} & set(sys.modules)))
viewer.close()
"""


def test_the_dock_opens_without_what_it_does_not_show_yet():
    done = subprocess.run([sys.executable, "-c", OPEN], capture_output=True, text=True, check=True)
    assert "there: []" in done.stdout
