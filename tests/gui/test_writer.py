"""Layers saved through the manifest's writers, as napari's dialog does."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from napari.components import ViewerModel

import napari_nanodope as nd
from napari_nanodope._napari.writer import write_labels, write_particles
from napari_nanodope.io.tables import DEFINITIONS, load_table

PLUGIN = "napari-nanodope"


@pytest.fixture(scope="module")
def result():
    field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(64, 80), shot_noise=True), seed=5)
    field = nd.FieldOfView(field.survey, field.maps, (0.5, 0.8), sample_id="24h", field_id="scan 3")
    return nd.analyze(field, labels=truth.labels, exclusions={4: "out of focus"})


@pytest.fixture
def viewer(npe2pm, result):
    viewer = ViewerModel()
    nd.add_to_viewer(viewer, result)
    viewer.layers.selection = {viewer.layers["particles"]}
    with npe2pm.tmp_plugin(package=PLUGIN):
        yield viewer


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def save(viewer, path):
    return viewer.layers.save(str(path), selected=True, plugin=PLUGIN)


@pytest.mark.parametrize("name", ["labels.tif", "labels.TIFF", "labels.npz"])
def test_labels_are_saved_as_they_are_shown(viewer, result, out, name):
    path = out / name
    assert save(viewer, path) == [str(path)]
    np.testing.assert_array_equal(nd.read_labels(path), result.labels)
    assert list(out.iterdir()) == [path]


def test_the_calibration_goes_along(viewer, out):
    save(viewer, out / "labels.tif")
    with tifffile.TiffFile(out / "labels.tif") as file:
        tags = file.pages.first.tags
        per_x, per_y = (tags[f"{axis}Resolution"].value for axis in "XY")
        assert tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER
    assert 1e7 * per_y[1] / per_y[0] == pytest.approx(0.5)
    assert 1e7 * per_x[1] / per_x[0] == pytest.approx(0.8)
    save(viewer, out / "labels.npz")
    np.testing.assert_array_equal(np.load(out / "labels.npz")["pixel_size_nm"], (0.5, 0.8))


def test_a_name_without_suffix_gets_one(viewer, out):
    assert save(viewer, out / "labels") == [str(out / "labels.tif")]
    layer = viewer.layers["particles"].as_layer_data_tuple()
    written = write_particles(str(out / "deep" / "table"), *layer[:2])
    assert written == [str(out / "deep" / "table.parquet")]


def expected(result):
    names = ["sample_id", "field_id", "host_element", "dopant_element"]
    return result.particles.astype(dict.fromkeys(names, "str"))


def test_the_table_of_the_last_measurement_is_saved(viewer, result, out):
    path = out / "particles.parquet"
    assert save(viewer, path) == [str(path)]
    pd.testing.assert_frame_equal(load_table(path), expected(result), check_exact=True)
    assert set(load_table(path)) <= set(DEFINITIONS)


def test_tables_are_saved_as_text(viewer, result, out):
    path = out / "particles.csv"
    assert save(viewer, path) == [str(path)]
    text = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert list(text) == list(expected(result))
    for name, values in expected(result).items():
        if values.dtype.kind == "f":
            read = text[name].replace("", "nan").astype(float)
            np.testing.assert_array_equal(read, values)
        else:
            assert text[name].tolist() == values.astype(str).tolist()


def test_layers_that_no_writer_can_save_are_told(viewer, result, out):
    data, options, _ = viewer.layers["particles"].as_layer_data_tuple()
    path = str(out / "labels.tif")
    with pytest.raises(nd.InputError, match=r"Expected layer .* calibrated in nm, got the units"):
        write_labels(path, data, options | {"units": ("pixel", "pixel")})
    with pytest.raises(nd.InputError, match="Expected a labels layer of two dimensions"):
        write_labels(path, np.zeros((2, 3, 4), int), options)
    with pytest.raises(nd.InputError, match=r"Expected a table of particles in 'particles', got"):
        write_particles(str(out / "a.csv"), data, options | {"features": pd.DataFrame()})
    with pytest.raises(nd.InputError, match=r"that ends in .tif or .tiff or .npz, got .*a.jpg"):
        write_labels(str(out / "a.jpg"), data, options)
    (out / "file").touch()
    with pytest.raises(nd.InputError, match="Expected a folder to write to, got the file"):
        write_labels(str(out / "file" / "labels.tif"), data, options)
    assert [file.name for file in out.iterdir()] == ["file"]


def test_a_failing_writer_leaves_the_earlier_file(viewer, out, monkeypatch):
    path = out / "labels.tif"
    save(viewer, path)
    before = path.read_bytes()

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(tifffile, "imwrite", fail)
    with pytest.raises(OSError, match="disk full"):
        save(viewer, path)
    assert path.read_bytes() == before
    assert list(out.iterdir()) == [path]
