"""Outlines and hatching are drawn where they should be; no viewer is needed."""

import numpy as np
import pytest
from napari.components import ViewerModel
from scipy import ndimage

import napari_nanodope as nd
from napari_nanodope._napari.overlays import Overlay, draw_outlines, hatch
from napari_nanodope._napari.session import session_of


@pytest.mark.parametrize("chosen", [[], [1], [2, 3], [1, 4], [99]])
def test_outlines_are_the_pixels_beside_others(chosen):
    labels = np.kron([[1, 2, 0], [1, 3, 3], [4, 0, 0]], np.ones((4, 5), int)).astype(np.int32)
    expected = np.zeros(labels.shape, bool)
    for label in chosen:
        inside = labels == label
        expected |= inside & ~ndimage.binary_erosion(inside, np.ones((3, 3)))
    np.testing.assert_array_equal(draw_outlines(labels, chosen), expected)


def test_hatching_covers_half_of_what_is_hatched_and_nothing_else():
    mask = np.zeros((40, 60), bool)
    mask[4:24, 8:48] = True
    hatched = hatch(mask)
    assert not hatched[~mask].any()
    assert hatched[mask].mean() == 0.5


def test_an_overlay_lies_on_the_pixels_of_the_field_that_it_is_shown_for():
    viewer = ViewerModel()
    session = session_of(viewer)
    overlay = Overlay(session, "chosen", "white")
    mask = np.ones((64, 80), bool)
    for size, name in ((0.5, "fine"), (2.0, "coarse")):
        field, _ = nd.simulate_field(nd.PhantomParams(shape_px=mask.shape), seed=1)
        session.show_field(nd.FieldOfView(field.survey, field.maps, (size, size), field_id=name))
        overlay.show(mask)
        np.testing.assert_allclose(overlay.layer.scale, (size, size))
        assert viewer.layers.selection.active is not overlay.layer
    overlay.hide()
    assert "chosen" not in viewer.layers
