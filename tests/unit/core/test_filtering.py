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


Y, X = np.mgrid[:128, :128]
BLOB = np.exp(-((Y - 40) ** 2 + (X - 70) ** 2) / 2 / 14**2)
DISCS = 0.01 + ((Y % 32 - 16) ** 2 + (X % 32 - 16) ** 2 < 100)


@pytest.mark.parametrize("width", [2, 3, 4, 5, 7])
@pytest.mark.parametrize("rate", [0.5, 5.0, 800.0])
@pytest.mark.parametrize("shape", [BLOB, 1 - BLOB, np.ones((18, 18))], ids=["blob", "pit", "few"])
def test_counts_over_frames_are_not_smoothed_whatever_their_structure(width, rate, shape):
    raw = np.random.default_rng(3).poisson(rate * shape)
    assert detect_box_mean((raw / width**2).astype(np.float32)) == 1
    assert detect_box_mean(uniform_filter(raw.astype(float), width).astype(np.float32)) == width


@pytest.mark.parametrize("rate", [0.5, 5.0, 50.0])
def test_edges_are_not_taken_for_noise(rate):
    raw = np.random.default_rng(4).poisson(rate * DISCS)
    assert detect_box_mean((raw / 9).astype(np.float32)) == 1
    assert detect_box_mean(uniform_filter(raw.astype(float), 3)) == 3


def test_the_warning_names_element_box_and_remedy():
    told = warn_of_smoothing("Mn", 3)
    for word in ("Mn", "3 x 3", "1/9", "9 pixels", "without a filter"):
        assert word in told
