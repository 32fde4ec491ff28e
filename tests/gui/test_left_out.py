"""What is left out after edits is what is left out of the labels as they are then."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_nanodope as nd
from napari_nanodope._napari import left_out
from napari_nanodope._napari.left_out import LeftOut
from napari_nanodope.pipeline import find_left_out

PIXEL_nm = (0.7, 0.5)
RECIPE = nd.Recipe().replace(
    particles={"min_solidity": 0.9, "max_contact_fraction": 0.1, "min_diameter_nm": 2.0}
)


@pytest.fixture(scope="module")
def field_labels():
    params = nd.PhantomParams(shape_px=(160, 200), gap_nm=0.0)
    return nd.simulate_field(params, seed=3)[1].labels


EDIT = st.tuples(
    st.sampled_from(["merge", "delete", "rub", "paint", "bridge"]),
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
    elif kind == "delete" and len(found):
        labels[labels == found[0]] = 0


@settings(max_examples=60, deadline=None)
@given(edits=st.lists(EDIT, min_size=1, max_size=12))
def test_looking_where_labels_changed_is_looking_everywhere(field_labels, edits):
    labels, known = field_labels.copy(), LeftOut()
    assert known.find(labels, PIXEL_nm, RECIPE, {}) == find_left_out(labels, PIXEL_nm, RECIPE)
    for edit in edits:
        change(labels, edit)
        assert known.find(labels, PIXEL_nm, RECIPE, {}) == find_left_out(labels, PIXEL_nm, RECIPE)


def test_only_what_changed_is_looked_at(field_labels, monkeypatch):
    labels, known, seen = field_labels.copy(), LeftOut(), []

    def look(part, *rest):
        seen.append(part.size)
        return find_left_out(part, *rest)

    monkeypatch.setattr(left_out, "find_left_out", look)
    known.find(labels, PIXEL_nm, RECIPE, {})
    known.find(labels, PIXEL_nm, RECIPE, {})
    assert seen == [labels.size]
    inner = labels[80, labels[80] > 0][2]
    labels[labels == inner] = 0
    told = known.find(labels, PIXEL_nm, RECIPE, {5: "drifted"})
    assert told[5] == "drifted"
    assert len(seen) == 2
    assert seen[1] < labels.size / 4
    known.find(labels, PIXEL_nm, nd.Recipe(), {})
    known.find(labels, (1.0, 1.0), nd.Recipe(), {})
    assert seen[2:] == [labels.size] * 2
