"""One way in for every kind of file: what is chosen, what is told, what is refused."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_nanodope as nd
from napari_nanodope.io import UnreadableFileError, list_readers, read_field
from napari_nanodope.io.arrays import save_field
from napari_nanodope.io.tiff import write_tiff
from napari_nanodope.model import FieldOfView, InputError

RNG = np.random.default_rng(0)
FIELD = FieldOfView(
    survey=RNG.normal(100, 10, (12, 9)),
    maps={"Cd": RNG.poisson(5, (12, 9)), "Mn": RNG.poisson(0.2, (12, 9)) - 0.25},
    pixel_size_nm=(0.5, 0.7),
    sample_id="24h",
    field_id="a3",
)


@pytest.fixture(params=["npz", "tif"])
def saved(request, tmp_path) -> Path:
    path = tmp_path / f"scan.{request.param}"
    (save_field if request.param == "npz" else write_tiff)(FIELD, path)
    return path


def assert_same_pixels(field: FieldOfView, expected: FieldOfView) -> None:
    np.testing.assert_array_equal(field.survey, expected.survey)
    assert field.elements == expected.elements
    for element in expected.elements:
        np.testing.assert_array_equal(field.map_of(element), expected.map_of(element))
    assert field.pixel_size_nm == pytest.approx(expected.pixel_size_nm, rel=1e-5)
    assert field.survey_kind == expected.survey_kind


def test_what_was_written_is_read(saved):
    assert_same_pixels(read_field(saved), FIELD)


@pytest.mark.parametrize("kind", [str, Path, lambda p: [p], lambda p: (one for one in [str(p)])])
def test_a_path_comes_in_any_form(saved, kind):
    assert_same_pixels(read_field(kind(saved)), FIELD)


def test_suffixes_are_read_in_any_case(saved):
    shouted = saved.rename(saved.with_suffix(saved.suffix.upper()))
    assert_same_pixels(read_field(shouted), FIELD)


def test_a_choice_of_elements_is_kept_in_its_order(saved):
    assert read_field(saved, ["Mn", "Cd"]).elements == ("Mn", "Cd")
    assert read_field(saved, elements=iter(["Mn"])).elements == ("Mn",)


def test_elements_that_the_file_lacks_are_told_with_those_it_has(saved):
    with pytest.raises(InputError, match=r"maps of Fe .*Cd, Mn"):
        read_field(saved, ["Cd", "Fe"])


@pytest.mark.parametrize("options", [{"elements": ["Xx"]}, {"lines": {"mn": "Ka"}}])
def test_what_is_no_element_is_refused_before_the_file_is_read(options, tmp_path):
    path = tmp_path / "never-opened.hspy"
    path.touch()
    with pytest.raises(InputError, match=r"element symbols such as 'Cd' or 'Mn', got '(Xx|mn)'"):
        read_field(path, **options)


@pytest.mark.parametrize(("given", "expected"), [(2.5, (2.5, 2.5)), ((1.0, 2.0), (1.0, 2.0))])
def test_a_calibration_given_by_hand_overrules_the_file(saved, given, expected):
    assert read_field(saved, pixel_size_nm=given).pixel_size_nm == expected


def test_a_calibration_without_a_size_is_refused(saved):
    with pytest.raises(InputError, match="pixel size"):
        read_field(saved, pixel_size_nm=0)


def test_the_sample_given_is_kept(saved):
    assert read_field(saved, sample_id="48h").sample_id == "48h"


def test_a_survey_that_lies_apart_is_used(saved, tmp_path):
    apart = RNG.normal(50, 5, (12, 9)).astype(np.float32)
    tifffile.imwrite(tmp_path / "overview.tif", apart)
    field = read_field(saved, survey=tmp_path / "overview.tif")
    np.testing.assert_array_equal(field.survey, apart)
    assert field.survey_kind == "image"
    assert field.source.sha256 != read_field(saved).source.sha256


def test_the_source_names_the_bytes_that_were_read(saved):
    source = read_field(saved).source
    assert source.path == str(saved)
    assert source.sha256 == hashlib.sha256(saved.read_bytes()).hexdigest()
    assert source.reader in {reader.name for reader in list_readers()}


def test_the_source_says_what_the_reader_was_told(saved):
    told = read_field(saved, ["Cd"], pixel_size_nm=3.5).source.settings
    assert told["elements"] == ["Cd"]
    assert "3.5" in str(told)


@pytest.mark.parametrize("name", ["no.tif", "no.npz", "no.hspy", "no-folder"])
def test_a_missing_file_is_told_by_its_path(name, tmp_path):
    with pytest.raises(UnreadableFileError, match=f"{name}, which does not exist"):
        read_field(tmp_path / name)
    with pytest.raises(UnreadableFileError, match=f"{name}, which does not exist"):
        read_field([tmp_path, tmp_path / name])


def test_a_missing_survey_is_told_by_its_path(saved, tmp_path):
    with pytest.raises(UnreadableFileError, match=r"no\.tif, which does not exist"):
        read_field(saved, survey=tmp_path / "no.tif")


@pytest.mark.parametrize("name", ["notes.txt", "map.jpg", "scan", "scan.tif.bak"])
def test_a_kind_that_no_reader_knows_is_told_the_kinds_that_are_known(name, tmp_path):
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(UnreadableFileError, match=r"files of a known kind \(\.npz, .*\.hspy"):
        read_field(tmp_path / name)


def test_files_of_several_kinds_make_one_field(tmp_path):
    np.save(tmp_path / "Cd.npy", FIELD.map_of("Cd"))
    write_tiff(
        FieldOfView(FIELD.survey, {"Mn": FIELD.map_of("Mn")}, (0.5, 0.7)), tmp_path / "a.tif"
    )
    field = read_field([tmp_path / "a.tif", tmp_path / "Cd.npy"])
    assert set(field.elements) == {"Cd", "Mn"}
    assert field.field_id == tmp_path.name


@pytest.mark.parametrize("kinds", [("npz", "npz"), ("npz", "tif")])
def test_files_that_hold_a_field_each_are_not_read_together(kinds, tmp_path):
    paths = [tmp_path / f"{name}.{kind}" for name, kind in zip("ab", kinds, strict=True)]
    for path in paths:
        (save_field if path.suffix == ".npz" else write_tiff)(FIELD, path)
    with pytest.raises(InputError, match="one Cd image, got a second one in .*list the files"):
        read_field(paths)


def test_an_empty_list_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="got an empty list"):
        read_field([])
    with pytest.raises(UnreadableFileError, match="one map per element, TIFF say, in the folder"):
        read_field(tmp_path)


def test_every_reader_has_its_own_suffixes_and_can_be_imported():
    suffixes = [suffix for reader in list_readers() for suffix in reader.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in suffixes)
    assert nd.read_field is read_field
    assert issubclass(UnreadableFileError, nd.InputError)
