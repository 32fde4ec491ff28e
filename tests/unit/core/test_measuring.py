"""What is measured after edits is what is measured of the labels as they are then."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_nanodope as nd
from napari_nanodope.core import measuring
from napari_nanodope.core.counting import find_cover
from napari_nanodope.core.measuring import measure_shapes
from napari_nanodope.pipeline import find_left_out

PIXEL_nm = (0.7, 0.5)
RECIPE = nd.Recipe().replace(
    particles={"min_solidity": 0.9, "max_contact_fraction": 0.1, "min_diameter_nm": 2.0},
    count={"threshold": 0.5},
)


@pytest.fixture(scope="module")
def crowd():
    """Field with oblong pixels and particles that touch, and its labels."""
    params = nd.PhantomParams(shape_px=(160, 200), gap_nm=0.0, shot_noise=True)
    field, truth = nd.simulate_field(params, seed=3)
    return dataclasses.replace(field, pixel_size_nm=PIXEL_nm), truth.labels


EDIT = st.tuples(
    st.sampled_from(["merge", "delete", "rub", "paint", "bridge", "far", "renumber"]),
    st.integers(0, 159),
    st.integers(0, 199),
    st.integers(1, 14),
)


def change(labels, edit):
    """One edit at a place, of the size that a person makes."""
    kind, y, x, size = edit
    here = labels[max(y - 6, 0) : y + 7, max(x - 6, 0) : x + 7]
    found = np.unique(here[here > 0])
    part = labels[y : y + size, x : x + size]
    if kind == "paint":
        part[:] = labels.max() + 1
    elif kind == "rub":
        part[:] = 0
    elif kind == "bridge" and len(found):
        part[part == 0] = found[0]
    elif kind == "merge" and len(found) > 1:
        labels[labels == found[1]] = found[0]
    elif kind == "far" and len(found):  # a label in pieces
        labels[labels == found[0]] = labels.max()
    elif kind == "renumber" and len(found):
        labels[labels == found[0]] = labels.max() + 7
    elif kind == "delete" and len(found):
        labels[labels == found[0]] = 0


EDITS = st.lists(EDIT, min_size=1, max_size=12)


def assert_same_result(one, other):
    for name in ("particles", "radial", "profiles"):
        a, b = getattr(one, name), getattr(other, name)
        pd.testing.assert_frame_equal(a, b, check_exact=True)
    assert one.summary == other.summary
    assert one.provenance == other.provenance
    np.testing.assert_array_equal(one.labels, other.labels)


@pytest.mark.parametrize("distance", ["euclidean", "erode-ceil"])
@settings(max_examples=30, deadline=None)
@given(edits=EDITS)
def test_measuring_what_was_touched_is_measuring_all(crowd, distance, edits):
    field, labels = crowd[0], crowd[1].copy()
    recipe = RECIPE.replace(profile={"distance": distance})
    result = nd.analyze(field, recipe, labels=labels)
    for n, edit in enumerate(edits):
        change(labels, edit)
        if n % 3 == 0:  # sometimes several edits are measured together
            result = nd.analyze(field, recipe, labels=labels, previous=result)
            assert_same_result(result, nd.analyze(field, recipe, labels=labels))


@settings(max_examples=60, deadline=None)
@given(edits=EDITS)
def test_shapes_and_cover_are_those_of_all(crowd, edits):
    labels = crowd[1].copy()
    shapes, cover = measure_shapes(labels, PIXEL_nm), find_cover(labels)
    for edit in edits:
        change(labels, edit)
        shapes, whole = measure_shapes(labels, PIXEL_nm, shapes), measure_shapes(labels, PIXEL_nm)
        np.testing.assert_array_equal(shapes.ids, whole.ids)
        for name in type(whole.morphology).__slots__:
            got, wanted = getattr(shapes.morphology, name), getattr(whole.morphology, name)
            np.testing.assert_array_equal(got, wanted, err_msg=name)
            assert got.dtype == wanted.dtype
        assert find_left_out(shapes, RECIPE) == find_left_out(whole, RECIPE)
        cover, whole_cover = find_cover(labels, cover), find_cover(labels)
        np.testing.assert_array_equal(cover.particles, whole_cover.particles)
        np.testing.assert_array_equal(cover.free, whole_cover.free)


def watch_measuring(monkeypatch):
    """Number of pixels each time that particles are measured."""
    seen = []
    compact = measuring.compact_labels
    monkeypatch.setattr(
        measuring, "compact_labels", lambda part: (seen.append(part.size), compact(part))[1]
    )
    return seen


def test_only_what_was_touched_is_measured(crowd, monkeypatch):
    field, labels = crowd[0], crowd[1].copy()
    result = nd.analyze(field, RECIPE, labels=labels)
    seen = watch_measuring(monkeypatch)
    nd.analyze(field, RECIPE, labels=labels, previous=result)
    assert not seen
    labels[labels == labels[80, labels[80] > 0][2]] = 0
    nd.analyze(field, RECIPE, labels=labels, previous=result)
    assert seen
    assert sum(seen) < labels.size / 4


def test_all_is_measured_where_anything_else_differs(crowd, monkeypatch):
    field, labels = crowd
    result = nd.analyze(field, RECIPE, labels=labels)
    seen = watch_measuring(monkeypatch)
    others = [
        (field, RECIPE.replace(count={"threshold": 1.5})),
        (field, RECIPE.replace(profile={"distance": "erode-ceil"})),
        (dataclasses.replace(field, pixel_size_nm=(1.0, 1.0)), RECIPE),
        (dataclasses.replace(field, maps={k: v + 0 for k, v in field.maps.items()}), RECIPE),
    ]
    for one, recipe in others:
        again = nd.analyze(one, recipe, labels=labels, previous=result)
        assert_same_result(again, nd.analyze(one, recipe, labels=labels))
    nd.analyze(field, RECIPE, labels=np.roll(labels, 9), previous=result)
    assert seen == [labels.size] * (2 * len(others) + 1)
    measure_shapes(labels, (1.0, 1.0), measure_shapes(labels, PIXEL_nm))
    assert seen[9:] == [labels.size] * 2


def test_a_result_that_was_loaded_is_measured_anew(crowd, tmp_path, monkeypatch):
    field, labels = crowd
    nd.analyze(field, RECIPE, labels=labels).save(tmp_path / "result")
    loaded = nd.FieldResult.load(tmp_path / "result")
    seen = watch_measuring(monkeypatch)
    again = nd.analyze(loaded.field, RECIPE, labels=labels, previous=loaded)
    assert seen == [labels.size]
    assert again.measured is not None
