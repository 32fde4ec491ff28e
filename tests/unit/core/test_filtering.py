"""Maps that were smoothed are recognised, and others are not taken for such."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, uniform_filter

from napari_nanodope.core.filtering import detect_box_mean, warn_of_smoothing


def counts(rate: float, shape: tuple[int, int] = (64, 80), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).poisson(rate, shape).astype(float)


@pytest.mark.parametrize("width", [2, 3, 4, 5, 7])
@pytest.mark.parametrize("rate", [0.02, 0.5, 20.0])
@pytest.mark.parametrize("mode", ["reflect", "constant"])
def test_means_over_a_box_are_found(width, rate, mode):
    smoothed = uniform_filter(counts(rate), width, mode=mode).astype(np.float32)
    assert detect_box_mean(smoothed) == width


@pytest.mark.parametrize(
    "image",
    [
        counts(0.05),
        counts(30.0),
        np.zeros((40, 40)),
        gaussian_filter(counts(2.0), 1.0),
        counts(5.0) - 0.37 * counts(5.0, seed=1),
        counts(5.0) / 4,  # scaled, not smoothed
        counts(0.3) - 0.5 * counts(0.3, seed=1),
        counts(3.0, (1, 1)),
        counts(3.0, (2, 3)),
        np.full((30, 30), 0.1),
    ],
    ids=[
        "rare counts", "counts", "nothing", "Gaussian", "net", "quarters", "halves", "one pixel",
        "six pixels", "constant",
    ],
)  # fmt: skip
def test_other_maps_are_left_alone(image):
    assert detect_box_mean(image.astype(np.float32)) == 1


def test_structure_does_not_hide_the_box():
    y, x = np.mgrid[:64, :80]
    particles = 8 * (((y % 16 - 8) ** 2 + (x % 16 - 8) ** 2) < 25)
    raw = np.random.default_rng(2).poisson(particles + 0.1)
    assert detect_box_mean(uniform_filter(raw.astype(float), 3)) == 3
    assert detect_box_mean(raw.astype(float)) == 1


def test_the_warning_names_element_box_and_remedy():
    told = warn_of_smoothing("Mn", 3)
    for word in ("Mn", "3 x 3", "1/9", "9 pixels", "without a filter"):
        assert word in told
