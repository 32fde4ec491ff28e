"""Layer data of fields, labels and results, their inverses, and the reader; no display needed."""

import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
import tifffile
from npe2 import PluginManifest

from napari_nanodope._napari.layers import (
    field_to_layers,
    labels_from_layer,
    labels_to_layer,
    layers_to_field,
    result_to_layers,
)
from napari_nanodope._napari.reader import get_reader
from napari_nanodope._napari.sample_data import make_core_doped, make_mixed_doped
from napari_nanodope.io import list_readers
from napari_nanodope.io.tiff import write_tiff
from napari_nanodope.model import FieldOfView, InputError, Source
from napari_nanodope.phantom import PhantomParams, simulate_field
from napari_nanodope.pipeline import analyze

SHARED = ("sample_id", "field_id", "pixel_size_nm", "elements", "source", "survey_kind")


@pytest.fixture(scope="module")
def phantom():
    return simulate_field(PhantomParams(shape_px=(64, 80), shot_noise=True), seed=5)


@pytest.fixture(scope="module")
def result(phantom):
    field, truth = phantom
    labels = np.where(truth.labels == 2, 0, truth.labels)  # a gap in the numbering
    return analyze(field, labels=labels)


@pytest.fixture
def field():
    rng = np.random.default_rng(0)
    return FieldOfView(
        survey=rng.random((5, 7)),
        maps={name: rng.poisson(1.0, (5, 7)) - 0.5 for name in ("Mn", "S", "Cd")},
        pixel_size_nm=(0.4, 0.7),
        sample_id="24h",
        field_id="scan 3",
        source=Source("scan3.emd", "0" * 64, "spectrum image", {"lines": {"Mn": "Ka"}}),
        survey_kind="counts",
    )


def options_of(layers):
    return {options["name"]: options for _, options, _ in layers}


def assert_same_field(one, other):
    for name in SHARED:
        assert getattr(one, name) == getattr(other, name)
    np.testing.assert_array_equal(one.survey, other.survey)
    for element in one.elements:
        np.testing.assert_array_equal(one.maps[element], other.maps[element])


# Fields


def test_field_layers_are_calibrated_images_in_order(field):
    layers = field_to_layers(field)
    assert [(options["name"], kind) for _, options, kind in layers] == [
        ("survey", "image"),
        ("Mn", "image"),
        ("S", "image"),
        ("Cd", "image"),
    ]
    for _, options, _ in layers:
        assert options["scale"] == (0.4, 0.7)
        assert options["units"] == ("nm", "nm")
        assert options["axis_labels"] == ("y", "x")
        assert options["metadata"]["sample_id"] == "24h"
        assert options["metadata"]["field_id"] == "scan 3"


def test_field_comes_back_from_its_layers(field):
    assert_same_field(layers_to_field(field_to_layers(field)), field)


def test_field_comes_back_whatever_the_names_and_other_layers(field):
    layers = [(data, options | {"name": "x"}, kind) for data, options, kind in result_like(field)]
    layers.insert(0, (np.zeros((3, 3)), {"name": "survey", "metadata": {}}, "image"))
    assert_same_field(layers_to_field(layers), field)


def result_like(field):
    return [*field_to_layers(field), labels_to_layer(np.zeros(field.shape, int), field)]


def test_field_comes_back_in_nm_from_other_length_units(field):
    layers = [
        (data, options | {"scale": (0.4e-3, 0.7e-3), "units": ("um", "micrometer")}, kind)
        for data, options, kind in field_to_layers(field)
    ]
    np.testing.assert_allclose(layers_to_field(layers).pixel_size_nm, (0.4, 0.7))


def test_layers_without_length_units_are_refused(field):
    layers = field_to_layers(field)
    layers[1][1]["units"] = ("pixel", "pixel")
    with pytest.raises(InputError, match="'Mn' calibrated in nm, got the units pixel and pixel"):
        layers_to_field(layers)


def test_layers_of_two_fields_are_refused(field):
    with pytest.raises(InputError, match="second survey image"):
        layers_to_field([*field_to_layers(field), *field_to_layers(field)])


def test_layers_that_disagree_on_the_calibration_are_refused(field):
    layers = field_to_layers(field)
    layers[2][1]["scale"] = (0.4, 0.8)
    with pytest.raises(InputError, match="another calibration in 'S'"):
        layers_to_field(layers)


def test_layers_without_survey_are_refused(field):
    with pytest.raises(InputError, match="Expected a survey among the layers, got Mn, S, Cd"):
        layers_to_field(field_to_layers(field)[1:])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.arange(1000.0).reshape(20, 50), (0.0, 0.998 * 999)),
        (np.eye(1, 1000).reshape(20, 50) * 3, (0.0, 3.0)),  # too sparse for percentiles
        (np.zeros((20, 50)), (0.0, 1.0)),
        (np.full((20, 50), -2.0), (0.0, 1.0)),
    ],
)
def test_contrast_limits_ascend_and_start_at_no_counts(values, expected):
    seen = FieldOfView(survey=values, maps={"Cd": values}, pixel_size_nm=(1, 1))
    options = options_of(field_to_layers(seen))
    assert options["Cd"]["contrast_limits"] == pytest.approx(expected, rel=1e-5)
    low, high = options["survey"]["contrast_limits"]
    assert low < high


@pytest.mark.parametrize(
    ("elements", "host", "dopant"),
    [
        (("Cd", "Mn"), "Cd", "Mn"),
        (("Mn", "S", "Cd"), "Cd", "Mn"),
        (("O", "Er", "Y", "Yb"), "Y", "Er"),
        (("Fe", "Pt"), "Fe", "Pt"),
    ],
)
def test_host_and_dopant_have_their_own_colours(elements, host, dopant):
    maps = {element: np.ones((2, 2)) for element in elements}
    guessed = options_of(field_to_layers(FieldOfView(np.ones((2, 2)), maps, (1, 1))))
    colours = {element: guessed[element]["colormap"] for element in elements}
    pure = options_of(
        field_to_layers(FieldOfView(np.ones((2, 2)), maps, (1, 1)), host=host, dopant=dopant)
    )
    assert len(set(colours.values())) == len(elements)
    assert colours[host] == pure[host]["colormap"]
    assert colours[dopant] == pure[dopant]["colormap"]


def test_told_host_and_dopant_overrule_the_guess(field):
    guessed = options_of(field_to_layers(field))
    told = options_of(field_to_layers(field, host="Mn", dopant="Cd"))
    assert told["Mn"]["colormap"] == guessed["Cd"]["colormap"]
    assert told["Cd"]["colormap"] == guessed["Mn"]["colormap"]


# Labels


def test_labels_come_back_and_are_copies(phantom):
    field, truth = phantom
    layer = labels_to_layer(truth.labels, field)
    layer[0][:] += 1
    back = labels_from_layer(layer)
    layer[0][:] = 0
    assert back.dtype == np.int32
    np.testing.assert_array_equal(back, truth.labels + 1)


def test_labels_of_another_shape_are_refused(field):
    with pytest.raises(InputError, match="field's 5 x 7 pixels, got 7 x 5"):
        labels_to_layer(np.zeros((7, 5), int), field)


def test_an_image_is_no_labels_layer(field):
    with pytest.raises(InputError, match="Expected a labels layer of two dimensions, got 'survey'"):
        labels_from_layer(field_to_layers(field)[0])


def test_result_layers_hold_the_particle_table_by_label(result):
    data, options, kind = result_to_layers(result)[-1]
    assert kind == "labels"
    np.testing.assert_array_equal(data, result.labels)
    features = options["features"]
    assert list(features["index"]) == [0, *np.unique(result.labels)[1:]]
    assert features["index"].dtype.kind == "i"
    assert features.drop(columns="index").iloc[0].isna().all()
    rows = features.set_index("index")
    for name in ("equivalent_diameter_nm", "dopants", "dopant_pixels", "included"):
        expected = result.particles.set_index("label")[name]
        assert dict(rows[name].iloc[1:]) == dict(expected)


def test_result_layers_give_back_field_and_labels(result):
    layers = result_to_layers(result)
    assert_same_field(layers_to_field(layers), result.field)
    np.testing.assert_array_equal(labels_from_layer(layers[-1]), result.labels)


# Reader


def test_a_saved_tiff_gives_the_layers_of_its_field(phantom, tmp_path):
    field, _ = phantom
    path = tmp_path / "scan.tif"
    write_tiff(field, path)
    read = get_reader(str(path))
    assert read is not None
    back = layers_to_field(read(str(path)))
    assert back.pixel_size_nm == field.pixel_size_nm
    assert back.elements == field.elements
    np.testing.assert_array_equal(back.survey, field.survey)


@pytest.fixture
def maps_folder(tmp_path):
    folder = tmp_path / "maps"
    folder.mkdir()
    for name in ("a_Cd", "a_Mn", "a_HAADF"):
        image = np.full((4, 6), len(name), np.float32)
        resolution = {"resolution": (1e7 / 0.5, 1e7 / 0.5), "resolutionunit": "CENTIMETER"}
        tifffile.imwrite(folder / f"{name}.tif", image, **resolution)
    return folder


def test_a_folder_and_a_list_of_maps_are_one_field(maps_folder):
    paths = [str(path) for path in sorted(maps_folder.iterdir())]
    for given in (str(maps_folder), paths):
        seen = layers_to_field(get_reader(given)(given))
        assert (seen.elements, seen.pixel_size_nm) == (("Cd", "Mn"), (0.5, 0.5))


def test_a_result_folder_gives_the_result_layers(result, tmp_path):
    folder = str(result.save(tmp_path / "out"))
    layers = get_reader(folder)(folder)
    assert [options["name"] for _, options, _ in layers] == ["survey", "Cd", "Mn", "particles"]
    np.testing.assert_array_equal(labels_from_layer(layers[-1]), result.labels)
    assert len(layers[-1][1]["features"]) == len(result.particles) + 1


def test_files_without_elements_are_left_to_napari(tmp_path, maps_folder):
    plain, stack, ome = (tmp_path / name for name in ("plain.tif", "stack.tif", "C_S.ome.tif"))
    tifffile.imwrite(plain, np.zeros((4, 4), np.float32))
    tifffile.imwrite(stack, np.zeros((3, 5, 6), np.float32), imagej=True)
    tifffile.imwrite(ome, np.zeros((3, 5, 6), np.float32), ome=True)
    broken = tmp_path / "broken.tif"
    broken.write_bytes(b"no tiff")
    empty = tmp_path / "empty"
    empty.mkdir()
    for path in (plain, stack, broken, empty, maps_folder / "a_HAADF.tif"):
        assert get_reader(str(path)) is None
    assert get_reader([str(plain), str(maps_folder)]) is None
    assert get_reader([]) is None


@pytest.mark.parametrize(
    ("suffix", "beginning"),
    [
        (".npz", b"PK"),
        (".hspy", b"\x89HDF"),
        (".EMD", b"\x89HDF"),
        (".bcf", b"AAMVHFSS"),
        (".dm3", b"\0\0\0\3"),
        (".dm4", b"\0\0\0\4"),
        (".pts", b"....PTTDFILE"),
        (".map", b"....JED-2200"),
        (".img", b"....JED-2200"),
        (".ser", b"II\x97\x01"),
        (".emi", b"JK"),
        (".ASW", b""),
        (".rpl", b""),
        (".spd", b""),
    ],
)
def test_files_are_accepted_by_suffix_and_first_bytes(suffix, beginning, tmp_path):
    path = tmp_path / f"scan{suffix}"
    path.write_bytes(beginning + b"and nothing that could be read")
    assert get_reader(str(path)) is not None
    path.write_bytes(b"something else")
    assert (get_reader(str(path)) is None) == bool(beginning)
    assert get_reader(str(tmp_path / f"missing{suffix}")) is None or not beginning


@pytest.mark.parametrize("name", ["scan.png", "labels.npy", "notes.txt", "volume.mrc"])
def test_what_others_read_is_left_to_them(name, tmp_path):
    (tmp_path / name).write_bytes(b"\x89PNG" if name.endswith("png") else b"\x93NUMPY")
    assert get_reader(tmp_path / name) is None


def test_errors_say_what_was_expected(tmp_path):
    path = tmp_path / "scan_Cd.tif"
    tifffile.imwrite(path, np.ones((4, 4), np.float32))
    read = get_reader(str(path))
    with pytest.raises(InputError, match="Expected a calibration in nm"):
        read(str(path))


def test_two_elements_in_a_name_are_explained(tmp_path):
    path = tmp_path / "scan Cd Mn.tif"
    tifffile.imwrite(path, np.ones((4, 4), np.float32))
    with pytest.raises(InputError, match="an element or HAADF in the name .* got Cd and Mn"):
        get_reader(path)(path)


# Manifest and samples


def test_manifest_offers_every_suffix_that_is_read():
    manifest = PluginManifest.from_file(str(files("napari_nanodope") / "napari.yaml"))
    suffixes = [suffix for reader in list_readers() for suffix in reader.suffixes]
    (reader,) = manifest.contributions.readers
    left_to_napari = {".npy", ".png"}
    expected = [f"*{suffix}" for suffix in suffixes if suffix not in left_to_napari]
    assert reader.filename_patterns == expected
    assert reader.accepts_directories


def test_samples_are_the_same_each_time_and_hold_the_truth():
    one, other, mixed = make_core_doped(), make_core_doped(), make_mixed_doped()
    assert_same_field(layers_to_field(one), layers_to_field(other))
    assert layers_to_field(one).sample_id == "phantom-core"
    features = one[-1][1]["features"]
    assert features["surface_dopants"].sum() == 0
    assert features["index"].max() == labels_from_layer(one[-1]).max()
    inside, outside = mixed[-1][1]["features"][["dopants", "surface_dopants"]].sum()
    assert outside / inside == pytest.approx(0.5, abs=0.05)


def test_layer_modules_do_not_load_napari_or_qt():
    modules = ("layers", "reader", "writer", "sample_data", "scripting")
    imports = "; ".join(f"import napari_nanodope._napari.{name}" for name in modules)
    check = "import sys; print({'napari', 'qtpy', 'PyQt6', 'npe2'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", f"{imports}; {check}"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
