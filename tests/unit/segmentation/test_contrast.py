"""Standardised pictures do not depend on units, on hot pixels or on how sparse counts are."""

import numpy as np
import pytest

from napari_nanodope.segmentation.contrast import standardise
from napari_nanodope.segmentation.scenes import render_scene


def picture() -> np.ndarray:
    return render_scene("HAADF", seed=7, diameter_px=20.0).image


@pytest.mark.parametrize(("gain", "offset"), [(1e-6, 0.0), (3e4, 1e5), (1.0, -50.0)])
def test_units_do_not_matter(gain, offset):
    image = picture()
    expected = standardise(image)
    np.testing.assert_allclose(standardise(gain * image + offset), expected, atol=2e-2)
    assert expected.mean() == pytest.approx(0, abs=1e-3)
    assert expected.std() == pytest.approx(1, abs=0.05)


def test_hot_pixels_do_not_matter():
    image = picture()
    hot = image.copy()
    hot[10, 10] = 1e6
    others = np.ones(image.shape, bool)
    others[6:15, 6:15] = False  # as far as it is blurred
    np.testing.assert_allclose(standardise(hot)[others], standardise(image)[others], atol=0.05)


def test_sparse_counts_keep_their_contrast():
    """The 1st and 99th percentile of such a map are both 0."""
    image = np.zeros((200, 200), np.float32)
    image[50:56, 50:56] = 3.0
    seen = standardise(image)
    assert seen[52, 52] > 8
    assert seen[0, 0] == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("value", [0.0, 7.0, -1e9])
def test_constant_pictures_become_0(value):
    assert not standardise(np.full((20, 20), value, np.float32)).any()


def test_what_is_not_finite_becomes_usual():
    image = picture()
    image[:3] = np.nan
    image[3, 0] = np.inf
    assert np.isfinite(standardise(image)).all()


def test_the_picture_is_left_as_it_was():
    image = picture()
    before = image.copy()
    standardise(image)
    np.testing.assert_array_equal(image, before)
