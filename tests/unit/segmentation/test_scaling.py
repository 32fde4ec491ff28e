"""Shrunk pictures keep their mean, and labels come back where they were."""

import numpy as np
import pytest

from napari_nanodope.segmentation.scaling import LEVELS, bring_back, choose_level, cut, rescale


@pytest.mark.parametrize(
    ("diameter", "level"), [(3, 2), (6, 2), (22, 1), (44, 1 / 2), (90, 1 / 4), (5000, 1 / 16)]
)
def test_the_level_brings_the_diameter_near_the_best(diameter, level):
    assert choose_level(diameter) == level


@pytest.mark.parametrize("level", LEVELS)
def test_rescaling_keeps_the_mean_and_the_original(level):
    image = np.random.default_rng(1).poisson(3, (64, 96)).astype(np.float32)
    before = image.copy()
    other = rescale(image, level)
    assert other.shape == (64 * level, 96 * level)
    assert other.mean() == pytest.approx(image.mean(), rel=0.02 if level > 1 else 1e-6)
    other += 1
    np.testing.assert_array_equal(image, before)


def test_sides_that_are_no_multiples_are_filled_up():
    image = np.arange(35, dtype=np.float32).reshape(5, 7)
    small = rescale(image, 1 / 4)
    assert small.shape == (2, 2)
    assert small[1, 1] == pytest.approx(np.mean([[32, 33, 34, 34]]))


@pytest.mark.parametrize("level", LEVELS)
def test_discs_come_back_with_their_area_and_place(level):
    """Drawn at the level with a logit that falls across the edge, as a network gives it."""
    n = 256
    shape = round(n * level), round(n * level)
    y, x = ((np.arange(s) + 0.5) / level for s in shape)
    labels, logits = np.zeros(shape, np.int32), np.full(shape, -9.0, np.float32)
    for number, centre in enumerate([(80.0, 70.0), (180.0, 150.0)], start=1):
        depth = 48 - np.hypot(y[:, None] - centre[0], x[None, :] - centre[1])
        labels[depth > 0] = number
        logits = np.maximum(logits, depth.astype(np.float32) * level)
    back = bring_back(labels, logits, level, (n, n))
    for number, centre in enumerate([(80.0, 70.0), (180.0, 150.0)], start=1):
        inside = back == number
        assert inside.sum() == pytest.approx(np.pi * 48**2, rel=0.02)
        assert np.argwhere(inside).mean(axis=0) + 0.5 == pytest.approx(centre, abs=0.5)


def test_at_level_1_labels_come_back_unchanged():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 5, (40, 30)).astype(np.int32)
    logits = np.where(labels > 0, 1.0, -1.0).astype(np.float32)
    np.testing.assert_array_equal(bring_back(labels, logits, 1.0, (40, 30)), labels)


@pytest.mark.parametrize("shape", [(10, 10), (100, 37), (250, 301)])
def test_windows_own_every_pixel_once(shape):
    owned = np.zeros(shape, int)
    for window, core in cut(shape, 100, 8):
        owned[core] += 1
        for own, wide, n in zip(core, window, shape, strict=True):
            assert wide.start == max(own.start - 8, 0)
            assert wide.stop == min(own.stop + 8, n)
            assert own.stop - own.start <= 100
    assert (owned == 1).all()
