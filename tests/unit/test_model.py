"""What a field of view and its labels accept, and what they say of what they do not."""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from napari_nanodope.model import (
    FieldOfView,
    InputError,
    Source,
    as_labels,
    as_pixel_size_nm,
    is_element,
    read_only,
)

SURVEY = np.arange(20, dtype=np.float32).reshape(4, 5)
HUGE = np.iinfo(np.int32).max


def make_field(**changes) -> FieldOfView:
    given = {"survey": SURVEY, "maps": {"Cd": SURVEY + 1, "Mn": SURVEY - 9}, "pixel_size_nm": 0.7}
    return FieldOfView(**(given | changes))


def test_a_field_holds_what_it_was_given():
    field = make_field(pixel_size_nm=(0.5, 0.7), sample_id="24h", field_id="a3")
    np.testing.assert_array_equal(field.survey, SURVEY)
    np.testing.assert_array_equal(field.map_of("Mn"), SURVEY - 9)
    assert field.shape == (4, 5)
    assert field.elements == ("Cd", "Mn")
    assert field.pixel_size_nm == (0.5, 0.7)
    assert (field.sample_id, field.field_id, field.source) == ("24h", "a3", None)
    assert field.survey_kind == "image"


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint64", "float16", "float64"])
def test_every_real_dtype_becomes_float32(dtype):
    values = (SURVEY % 2).astype(dtype)
    field = make_field(survey=values, maps={"Cd": values})
    assert field.survey.dtype == field.map_of("Cd").dtype == np.float32
    np.testing.assert_array_equal(field.map_of("Cd"), SURVEY % 2)


def test_nested_lists_are_images_too():
    field = make_field(survey=[[1, 2], [3, 4]], maps={"Cd": [[0, 1], [2, 3]]})
    assert field.shape == (2, 2)


def test_arrays_of_a_field_are_read_only():
    field = make_field()
    for array in (field.survey, field.map_of("Cd")):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1
    with pytest.raises(TypeError):
        field.maps["Cd"] = SURVEY


def test_the_arrays_given_stay_writeable_and_untouched():
    survey, cadmium = SURVEY.copy(), SURVEY + 1
    make_field(survey=survey, maps={"Cd": cadmium})
    assert survey.flags.writeable
    assert cadmium.flags.writeable
    np.testing.assert_array_equal(survey, SURVEY)
    np.testing.assert_array_equal(cadmium, SURVEY + 1)


def test_a_field_does_not_follow_the_mapping_it_was_made_from():
    maps = {"Cd": SURVEY}
    field = make_field(maps=maps)
    maps["Mn"] = SURVEY
    assert field.elements == ("Cd",)


def test_a_field_is_frozen_and_can_be_copied_with_changes():
    field = make_field()
    with pytest.raises(FrozenInstanceError):
        field.sample_id = "other"
    other = replace(field, sample_id="other")
    assert other.sample_id == "other"
    np.testing.assert_array_equal(other.map_of("Cd"), field.map_of("Cd"))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda f: pickle.loads(pickle.dumps(f))])
def test_copies_for_other_processes_are_equal_and_read_only(duplicate):
    field = make_field(source=Source("a.tif", "0" * 64, "TIFF maps", {"files": ["a.tif"]}))
    other = duplicate(field)
    assert other == field
    np.testing.assert_array_equal(other.map_of("Mn"), field.map_of("Mn"))
    with pytest.raises(ValueError, match="read-only"):
        other.survey[0, 0] = 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"variances": {"Fe": SURVEY}}, r"variances of mapped elements \(.*\), got Fe"),
        ({"variances": {"Mn": SURVEY[:3]}}, "Mn map on the survey's 4 x 5 pixels, got 3 x 5"),
        ({"maps": {"Cd": SURVEY[:3]}}, "Cd map on the survey's 4 x 5 pixels, got 3 x 5"),
        ({"maps": {"Mn": SURVEY.T}}, "Mn map on the survey's 4 x 5 pixels, got 5 x 4"),
        ({"maps": {"Xx": SURVEY}}, "element symbol such as 'Cd' or 'Mn', got 'Xx'"),
        ({"maps": {"cd": SURVEY}}, "element symbol such as 'Cd' or 'Mn', got 'cd'"),
        ({"maps": {"Cd K": SURVEY}}, "element symbol .*, got 'Cd K'"),
        ({"survey": np.zeros((4, 5, 3), np.uint8)}, r"survey as a 2-D .* uint8 of shape \(4, 5, 3"),
        ({"survey": np.zeros((2, 4, 5))}, r"survey as a 2-D .* got float64 of shape \(2, 4, 5\)"),
        ({"survey": np.zeros(5)}, r"survey as a 2-D .* of shape \(5,\)"),
        ({"survey": 1.0}, r"survey as a 2-D .* of shape \(\)"),
        ({"survey": SURVEY.astype(complex)}, "survey as a 2-D array of real .* got complex128"),
        ({"survey": SURVEY.astype(object)}, "survey as a 2-D array of real .* got object"),
        ({"survey": SURVEY.astype(str)}, "survey as a 2-D array of real .* got <U"),
        ({"maps": {"Cd": SURVEY * 1j}}, "Cd map as a 2-D array of real .* got complex"),
    ],
)
def test_what_is_no_field_is_refused_by_name(changes, message):
    with pytest.raises(InputError, match=f"Expected .*{message}.*; "):
        make_field(**changes)


def test_an_image_without_pixels_is_refused():
    with pytest.raises(InputError, match="Expected a survey with pixels, got an empty 0 x 5"):
        make_field(survey=np.zeros((0, 5)))
    with pytest.raises(InputError, match="Expected a Cd map with pixels, got an empty 4 x 0"):
        make_field(maps={"Cd": np.zeros((4, 0))})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["survey", "Mn map"])
def test_pixels_that_are_not_finite_are_counted_in_the_message(bad, where):
    values = SURVEY.copy()
    values[1, 2] = values[3, 3] = bad
    changes = {"survey": values} if where == "survey" else {"maps": {"Cd": SURVEY, "Mn": values}}
    with pytest.raises(InputError, match=f"finite numbers in the {where}, got 2 NaN or infinite"):
        make_field(**changes)


def test_numbers_beyond_float32_are_refused():
    with pytest.raises(InputError, match="finite numbers in the survey"):
        make_field(survey=SURVEY.astype(np.float64) + 1e300)


def test_a_survey_is_an_image_or_counts():
    assert make_field(survey_kind="counts").survey_kind == "counts"
    with pytest.raises(InputError):
        make_field(survey_kind="photograph")


@pytest.mark.parametrize(
    "size",
    [0, -0.7, np.nan, np.inf, None, (0.7, 0), (0.7, -0.7), (np.nan, 1), (1, 2, 3), (), [[1, 2]]],
)
def test_a_pixel_without_a_size_is_refused(size):
    with pytest.raises(InputError, match="one or two positive numbers in nm"):
        make_field(pixel_size_nm=size)


@pytest.mark.parametrize("size", ["wide", "0.7 nm", 1j, ((1, 2), (3,))])
def test_a_pixel_size_that_is_no_number_is_refused(size):
    with pytest.raises(InputError, match="one or two positive numbers in nm"):
        as_pixel_size_nm(size)


@pytest.mark.parametrize(
    ("given", "expected"), [(0.7, (0.7, 0.7)), ([2], (2.0, 2.0)), (np.array([1, 3]), (1.0, 3.0))]
)
def test_one_pixel_size_means_square_pixels(given, expected):
    size = as_pixel_size_nm(given)
    assert size == expected
    assert all(type(side) is float for side in size)


def test_an_element_that_is_not_mapped_is_refused_with_those_that_are():
    with pytest.raises(InputError, match=r"mapped in this field \(Cd, Mn\), got 'Fe'"):
        make_field().map_of("Fe")


def test_elements_are_spelled_as_in_the_periodic_table():
    assert all(map(is_element, ["H", "Cd", "Og"]))
    assert not any(map(is_element, ["", "cd", "CD", "Xx", "Mn ", "D"]))


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "int8", "uint16", "int32", "int64", "uint64", "float32"]
)
def test_labels_of_every_whole_dtype_become_int32(dtype):
    given = np.array([[0, 1, 1], [0, 0, 1]]).astype(dtype)
    labels = as_labels(given, (2, 3))
    assert labels.dtype == np.int32
    assert labels.flags.c_contiguous
    np.testing.assert_array_equal(labels, [[0, 1, 1], [0, 0, 1]])


def test_labels_reach_to_the_end_of_their_dtype_and_of_int32():
    np.testing.assert_array_equal(as_labels(np.uint16([[65535]]), (1, 1)), [[65535]])
    np.testing.assert_array_equal(as_labels(np.int64([[HUGE]]), (1, 1)), [[HUGE]])
    np.testing.assert_array_equal(as_labels(np.float64([[HUGE]]), (1, 1)), [[HUGE]])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.array([[0, -1]]), "labels from 0 to 2147483647, got -1 to 0"),
        (np.array([[0, HUGE + 1]]), "labels from 0 to 2147483647, got 0 to 2147483648"),
        (np.array([[0, 2**64 - 1]], np.uint64), "labels from 0 to 2147483647"),
        (np.array([[0, np.inf]]), "labels from 0 to 2147483647"),
        (np.array([[0, 1.5]]), "whole numbers as labels, got fractions or NaN"),
        (np.array([[0, np.nan]]), "whole numbers as labels, got fractions or NaN"),
        (np.array([[0, 1j]]), "whole numbers as labels, got complex128"),
        (np.array([["a", "b"]]), "whole numbers as labels, got <U1"),
        (np.array([[0], [1]]), "the field's 1 x 2 pixels, got 2 x 1"),
        (np.array([0, 1]), "the field's 1 x 2 pixels, got 2"),
        (np.zeros((1, 2, 3), int), "the field's 1 x 2 pixels, got 1 x 2 x 3"),
        (np.int32(3), "the field's 1 x 2 pixels, got a single number"),
    ],
)
def test_what_are_no_labels_is_refused(labels, message):
    with pytest.raises(InputError, match=f"Expected .*{message}"):
        as_labels(labels, (1, 2))


def test_validating_labels_does_not_change_them():
    given = np.array([[0, 7]], np.int64)
    as_labels(given, (1, 2))
    np.testing.assert_array_equal(given, [[0, 7]])
    assert given.flags.writeable


def test_a_read_only_view_shares_memory_and_leaves_the_array_writeable():
    array = np.zeros(3)
    view = read_only(array)
    array[0] = 5
    assert view[0] == 5
    with pytest.raises(ValueError, match="read-only"):
        view[1] = 1
