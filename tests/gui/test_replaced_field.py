"""A field that is read anew takes the place of the old one; what a person made of it stays."""

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel

import napari_nanodope as nd
from napari_nanodope._napari.session import Session, session_of


@pytest.fixture(scope="module")
def phantom():
    field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(64, 80)), seed=5)
    return replace(field, field_id="a", source=nd.Source("a.hspy", "0" * 64, "made")), truth


@pytest.fixture
def session(phantom) -> Session:
    viewer = ViewerModel()
    session = session_of(viewer)
    session.kept_viewer = viewer  # for the test; a session does not keep its viewer alive
    session.show_field(phantom[0])
    session.set_labels(phantom[1].labels)
    session.set_result(nd.analyze(session.field, session.recipe, labels=session.labels))
    return session


def read_anew(field, **changed):
    maps = {"Mn": 2 * field.maps["Mn"], "Cd": field.maps["Cd"] + 1, "Zn": field.maps["Mn"] - 1}
    source = replace(field.source, settings={"lines": {"Mn": "Kb"}})
    return replace(field, maps=maps, source=source, variances={}, **changed)


def test_layers_are_those_of_the_new_field_below_the_labels(session, phantom):
    session.viewer.add_points(np.zeros((1, 2)), name="mine")
    session.viewer.layers["Cd"].visible = False
    field = read_anew(phantom[0])
    session.replace_field(field)
    names = [layer.name for layer in session.viewer.layers]
    assert names == ["survey", "Mn", "Cd", "Zn", "particles", "mine"]
    for element in ("Mn", "Cd", "Zn"):
        np.testing.assert_array_equal(session.viewer.layers[element].data, field.map_of(element))
    assert not session.viewer.layers["Cd"].visible
    assert session.field is field


def test_labels_stay_with_their_history_and_the_result_is_stale(session, phantom):
    session.delete([1])
    edited = session.labels.copy()
    layer = session.layer
    session.replace_field(read_anew(phantom[0]))
    assert session.is_stale
    assert session.layer is layer
    np.testing.assert_array_equal(session.labels, edited)
    session.undo()
    np.testing.assert_array_equal(session.labels, phantom[1].labels)


def test_what_was_painted_just_before_stays(session, phantom):
    session.layer.paint((30, 30), 77)
    session.replace_field(read_anew(phantom[0]))
    assert session.labels[30, 30] == 77


@pytest.mark.parametrize("active", ["particles", "survey", None])
def test_the_new_field_is_found_again(active, session, phantom):
    layers = session.viewer.layers
    layers.selection.active = None if active is None else layers[active]
    field = read_anew(phantom[0], pixel_size_nm=(0.5, 0.5))
    session.replace_field(field)
    assert session.find_field() is field
    assert {tuple(layer.scale) for layer in layers} == {(0.5, 0.5)}


def test_labels_of_another_shape_come_back_with_their_field(session, phantom):
    old, expected = phantom[0], session.labels.copy()
    cut = {name: image[:50] for name, image in old.maps.items()}
    layer = session.layer
    session.replace_field(replace(old, survey=old.survey[:50], maps=cut, variances={}))
    assert session.labels is None
    assert layer not in session.viewer.layers
    assert session.find_field().shape == (50, 80)
    session.show_field(old)
    np.testing.assert_array_equal(session.labels, expected)


def test_layers_of_other_fields_stay(session, phantom):
    first, other = session.field, replace(phantom[0], field_id="b")
    session.show_field(other)
    there = set(session.viewer.layers)
    session.replace_field(read_anew(other))
    assert session.field.field_id == "b"
    there -= {session.layer}  # labels come back with every field of these pixels
    kept = [layer for layer in session.viewer.layers if layer in there]
    assert {layer.metadata["field_id"] for layer in kept} == {"a"}
    assert len(kept) == 1 + len(first.maps)


def test_those_who_watch_are_told(session, phantom):
    told = []
    session.field_changed.connect(lambda: told.append("field"))
    session.labels_changed.connect(lambda: told.append("labels"))
    session.result_changed.connect(lambda: told.append("result"))
    session.replace_field(read_anew(phantom[0]))
    assert {"field", "labels", "result"} <= set(told)
