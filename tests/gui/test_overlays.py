"""Outlines and hatching are drawn where they should be; no viewer is needed."""

import numpy as np
import pytest
from scipy import ndimage

from napari_nanodope._napari.overlays import draw_outlines, hatch


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
