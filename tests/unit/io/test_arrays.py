"""Fields and labels as NumPy archives and images."""

import json
import pickle
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from napari_nanodope.io import UnreadableFileError, read_field, read_labels
from napari_nanodope.io.arrays import load_field, save_field, save_labels
from napari_nanodope.model import FieldOfView, InputError, Source, as_labels

RNG = np.random.default_rng(0)
IMAGE = RNG.normal(0, 3, (30, 41)).astype(np.float32)
LABELS = RNG.integers(0, 300, (30, 41)).astype(np.int32)
finite = st.floats(-(2.0**99), 2.0**99, width=32)


def damage(raw: bytes) -> list[bytes]:
    """Copies of a file cut short, and with single bits wrong."""
    rng = np.random.default_rng(1)
    cuts = [raw[:n] for n in np.linspace(0, len(raw) - 1, 25).astype(int)]
    flips = []
    for place in rng.integers(len(raw), size=150):
        copy = bytearray(raw)
        copy[place] ^= 1 << rng.integers(8)
        flips.append(bytes(copy))
    return cuts + flips


@settings(max_examples=30)
@given(
    survey=hnp.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=finite),
    size=st.tuples(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3)),
    name=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=10),
)
def test_a_saved_field_is_read_as_it_was(tmp_path_factory, survey, size, name):
    field = FieldOfView(survey, {"Cd": survey / 2, "Se": -survey}, size, name, name, None, "counts")
    path = tmp_path_factory.mktemp("npz") / "field.npz"
    save_field(field, path)
    for again in (load_field(path, source=None), read_field(path)):
        assert again.survey.tobytes() == field.survey.tobytes()
        assert again.map_of("Se").tobytes() == field.map_of("Se").tobytes()
        assert again.elements == field.elements
        assert again.pixel_size_nm == field.pixel_size_nm
        assert (again.sample_id, again.field_id, again.survey_kind) == (name, name, "counts")


def test_a_loaded_field_keeps_the_source_it_is_given(tmp_path):
    source = Source("scan.emd", "0" * 64, "spectrum image")
    save_field(FieldOfView(IMAGE, {"Cd": IMAGE}, 0.7), tmp_path / "field.npz")
    assert load_field(tmp_path / "field.npz", source=source).source == source


def test_saving_leaves_one_file_and_replaces_the_last(tmp_path):
    for factor in (1, 2):
        save_field(FieldOfView(IMAGE * factor, {"Cd": IMAGE}, 0.7), tmp_path / "field.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["field.npz"]
    np.testing.assert_array_equal(read_field(tmp_path / "field.npz").survey, IMAGE * 2)


def test_an_archive_by_hand_needs_only_maps_and_a_pixel_size(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, Cd=IMAGE, Mn=np.ones((30, 41), int), pixel_size_nm=0.7, notes=np.array("hello"))
    field = read_field(path)
    assert field.elements == ("Cd", "Mn")
    assert field.pixel_size_nm == (0.7, 0.7)
    assert (field.field_id, field.survey_kind) == ("mine", "counts")
    np.testing.assert_allclose(field.survey, IMAGE + 1)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"Cd": IMAGE}, r"calibration in nm in .*pixel_size_nm"),
        ({"cadmium": IMAGE, "pixel_size_nm": 0.7}, "'cadmium' .* not named by an element symbol"),
        ({"Cd": IMAGE, "survey": IMAGE[:9], "pixel_size_nm": 1}, r"area \(30 x 41 .*\(9 x 41"),
        ({"Cd": IMAGE[0], "survey": IMAGE, "pixel_size_nm": 1}, r"'Cd' .* of shape \(41,\)"),
        ({"Cd": IMAGE * np.nan, "survey": IMAGE, "pixel_size_nm": 1}, "finite numbers in the Cd"),
        ({"Cd": IMAGE, "pixel_size_nm": -1}, "positive numbers in nm"),
        ({"Cd": IMAGE, "pixel_size_nm": np.array([])}, "positive numbers in nm"),
        ({"Cd": IMAGE, "pixel_size_nm": "0.7 nm"}, "positive numbers in nm"),
        ({"Cd": IMAGE, "Mn": IMAGE[:9], "pixel_size_nm": 1}, "pixels"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value),
)
def test_an_archive_that_is_no_field_is_refused(arrays, message, tmp_path):
    np.savez(tmp_path / "field.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read_field(tmp_path / "field.npz")


def test_pickled_objects_are_never_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    objects = np.empty((1, 1), object)
    objects[0, 0] = Trap()
    np.savez(tmp_path / "field.npz", Cd=objects, pixel_size_nm=0.7)
    np.save(tmp_path / "labels.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "labels.npz", labels=objects)
    (tmp_path / "plain.npy").write_bytes(pickle.dumps(Trap()))
    (tmp_path / "plain.npz").write_bytes(pickle.dumps(Trap()))
    for read, name in (
        (read_field, "field.npz"),
        (read_field, "plain.npz"),
        (read_labels, "labels.npy"),
        (read_labels, "labels.npz"),
        (read_labels, "plain.npy"),
        (read_labels, "plain.npz"),
    ):
        with pytest.raises(
            UnreadableFileError, match=f"{name}, got.*(pickle|zip file|magic|begins)"
        ):
            read(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


def test_a_damaged_archive_is_unreadable_or_reads(tmp_path):
    save_field(FieldOfView(IMAGE, {"Cd": IMAGE}, 0.7), tmp_path / "whole.npz")
    path = tmp_path / "field.npz"
    n_refused = 0
    for raw in damage((tmp_path / "whole.npz").read_bytes()):
        path.write_bytes(raw)
        try:
            read_field(path)
        except InputError:
            n_refused += 1
    assert n_refused > 100


@pytest.mark.parametrize("read", [read_field, read_labels])
def test_an_array_in_the_place_of_an_archive_is_refused(read, tmp_path):
    np.save(tmp_path / "one.npy", LABELS)
    path = (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    with pytest.raises(UnreadableFileError, match=r"NumPy archive .*at .*one\.npz"):
        read(path)


def write_labels(path: Path, labels: np.ndarray) -> None:
    if path.suffix.lower() == ".png":
        Image.fromarray(labels).save(path)
    elif path.suffix == ".npy":
        np.save(path, labels)
    elif path.suffix == ".npz":
        np.savez(path, labels=labels, more=labels[:2])
    else:
        tifffile.imwrite(path, labels)


@pytest.mark.parametrize(
    ("suffix", "dtype"),
    [
        *product([".tif", ".tiff", ".TIF", ".npy", ".npz"], ["uint8", "uint16", "int32"]),
        *product([".png", ".PNG"], ["bool", "uint8", "uint16"]),
    ],
)
def test_labels_are_read_from_every_kind_of_file(suffix, dtype, tmp_path):
    labels = (LABELS % 200).astype(dtype)
    path = tmp_path / f"labels{suffix}"
    write_labels(path, labels)
    again = read_labels(path)
    np.testing.assert_array_equal(again, labels)
    np.testing.assert_array_equal(as_labels(again, (30, 41)), labels)
    np.testing.assert_array_equal(read_labels(str(path)), labels)


def test_sixteen_bits_of_a_png_are_kept(tmp_path):
    labels = np.array([[0, 256], [65535, 1]], np.uint16)
    write_labels(tmp_path / "labels.png", labels)
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.png"), labels)


@pytest.mark.parametrize("shape", [(30, 41), (3, 50), (50, 3), (4, 4), (1, 20), (20, 1), (1, 1)])
def test_saved_labels_are_read_as_they_were(shape, tmp_path):
    labels = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape) * 1000
    save_labels(labels, tmp_path / "labels.tif", (0.5, 0.7))
    again = read_labels(tmp_path / "labels.tif")
    assert again.dtype == np.int32
    np.testing.assert_array_equal(again, labels, strict=True)


def test_saved_labels_carry_their_calibration(tmp_path):
    save_labels(LABELS, tmp_path / "labels.tif", (0.5, 0.7))
    with tifffile.TiffFile(tmp_path / "labels.tif") as tiff:
        tags = tiff.pages.first.tags
        assert tags["ResolutionUnit"].value == 3
        per_cm = [n / d for n, d in (tags["XResolution"].value, tags["YResolution"].value)]
    assert per_cm == pytest.approx([1e7 / 0.7, 1e7 / 0.5], rel=1e-6)
    assert [file.name for file in tmp_path.iterdir()] == ["labels.tif"]


def test_the_only_array_of_an_archive_needs_no_name(tmp_path):
    np.savez(tmp_path / "a.npz", anything=LABELS)
    np.testing.assert_array_equal(read_labels(tmp_path / "a.npz"), LABELS)
    np.savez(tmp_path / "b.npz", one=LABELS, two=LABELS)
    with pytest.raises(UnreadableFileError, match=r"array named labels in .*got one, two"):
        read_labels(tmp_path / "b.npz")


def test_a_stack_or_a_picture_in_colour_are_no_labels(tmp_path):
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((5, 30, 41), np.uint16))
    with pytest.raises(UnreadableFileError, match=r"one label image in .*got 5 pages"):
        read_labels(tmp_path / "stack.tif")
    colours = np.zeros((30, 41, 3), np.uint8)
    tifffile.imwrite(tmp_path / "rgb.tif", colours, photometric="rgb")
    with pytest.raises(UnreadableFileError, match="colours"):
        read_labels(tmp_path / "rgb.tif")
    Image.fromarray(colours).save(tmp_path / "rgb.png")
    with pytest.raises(InputError, match="30 x 41"):
        as_labels(read_labels(tmp_path / "rgb.png"), (30, 41))


@pytest.mark.parametrize("name", ["labels.jpg", "labels", "labels.tif.bak"])
def test_labels_of_another_kind_are_told_the_kinds_that_are_known(name, tmp_path):
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(UnreadableFileError, match=r"label image \(\.tif, .*\.npz\)"):
        read_labels(tmp_path / name)


def test_missing_labels_are_told_by_their_path(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"no\.tif, which does not exist"):
        read_labels(tmp_path / "no.tif")


def test_an_archive_in_the_place_of_an_array_is_refused(tmp_path):
    np.savez(tmp_path / "one.npz", labels=LABELS)
    path = (tmp_path / "one.npz").rename(tmp_path / "one.npy")
    with pytest.raises(UnreadableFileError, match=r"plain NumPy array at .*one\.npy"):
        read_labels(path)


@pytest.mark.parametrize("suffix", [".png", ".npy", ".npz"])
def test_damaged_labels_are_unreadable_or_read(suffix, tmp_path):
    write_labels(tmp_path / f"whole{suffix}", LABELS.astype(np.uint16))
    path = tmp_path / f"labels{suffix}"
    n_refused = 0
    for raw in damage((tmp_path / f"whole{suffix}").read_bytes()):
        path.write_bytes(raw)
        try:
            read_labels(path)
        except UnreadableFileError:
            n_refused += 1
    assert n_refused >= 25


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5, 0.95])
def test_saved_labels_cut_short_are_unreadable(share, tmp_path):
    save_labels(LABELS, tmp_path / "labels.tif", (0.7, 0.7))
    raw = (tmp_path / "labels.tif").read_bytes()
    (tmp_path / "labels.tif").write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(UnreadableFileError, match=r"labels\.tif"):
        read_labels(tmp_path / "labels.tif")


def test_the_settings_of_an_archive_are_ready_for_json(tmp_path):
    save_field(FieldOfView(IMAGE, {"Cd": IMAGE}, 0.7), tmp_path / "field.npz")
    told = read_field(tmp_path / "field.npz").source.settings
    assert json.loads(json.dumps(dict(told))) == told


@pytest.mark.parametrize(("step", "is_grey"), [(1, True), (17, True), (-1, False)])
def test_numbers_before_a_colour_table_of_a_png_are_no_counts(step, is_grey, tmp_path):
    path, indices = tmp_path / "Cd.png", (LABELS % 16).astype(np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putpalette([step * i % 256 for i in range(16) for _ in range(3)])
    image.save(path)
    np.testing.assert_array_equal(read_labels(path), indices)
    if is_grey:
        field = read_field(path, pixel_size_nm=1)
        np.testing.assert_array_equal(field.map_of("Cd"), indices)
    else:
        with pytest.raises(UnreadableFileError, match="got a colour table"):
            read_field(path, pixel_size_nm=1)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_planes_of_an_array_are_no_transparency(n, tmp_path):
    np.save(tmp_path / "Cd.npy", np.stack([IMAGE] * n, axis=-1))
    with pytest.raises(InputError, match=rf"float32 of shape \(30, 41, {n}\)"):
        read_field(tmp_path / "Cd.npy", pixel_size_nm=1)
