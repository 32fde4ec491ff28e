"""Scenes for training: reproducible, of every kind, with outlines where the particles are."""

import numpy as np
import pytest

from napari_nanodope.model import InputError
from napari_nanodope.segmentation.scenes import KINDS, render_scene


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("outside", [False, True])
def test_scenes_follow_from_their_seed(kind, outside):
    once, again = (render_scene(kind, seed=(4, 2), outside=outside) for _ in range(2))
    np.testing.assert_array_equal(once.image, again.image)
    np.testing.assert_array_equal(once.labels, again.labels)
    assert once.settings == again.settings
    other = render_scene(kind, seed=(4, 3), outside=outside)
    assert not np.array_equal(once.image, other.image)


@pytest.mark.parametrize("kind", KINDS)
def test_scenes_are_finite_pictures_with_consecutive_labels(kind):
    for seed in range(4):
        scene = render_scene(kind, seed=(1, seed), shape_px=(96, 128))
        assert scene.image.shape == scene.labels.shape == (96, 128)
        assert scene.image.dtype == np.float32
        assert np.isfinite(scene.image).all()
        assert set(np.unique(scene.labels)) | {0} == set(range(scene.labels.max() + 1))
        assert (scene.labels.max() == 0) == (kind == "blank") or kind != "blank"


@pytest.mark.parametrize("diameter", [8.0, 20.0, 50.0])
def test_particles_have_the_size_that_is_asked_for(diameter):
    areas = []
    for seed in range(12):
        scene = render_scene("HAADF", seed=(2, seed), diameter_px=diameter)
        inner = scene.labels[1:-1, 1:-1]
        cut = np.unique(
            np.concatenate([scene.labels[[0, -1]].ravel(), scene.labels[:, [0, -1]].ravel()])
        )
        counts = np.bincount(inner.ravel())
        areas += [n for label, n in enumerate(counts) if label and label not in cut]
    # Projections of other shapes are larger than that of the sphere of the same volume.
    assert 0.85 * diameter < np.median(2 * np.sqrt(np.array(areas) / np.pi)) < 1.5 * diameter


def test_particles_are_bright_in_the_dark_field_and_dark_in_the_bright_field():
    for kind, sign in (("HAADF", 1), ("EDS map", 1), ("bright field", -1)):
        scenes = [render_scene(kind, seed=(5, i), diameter_px=25.0) for i in range(5)]
        for scene in scenes:
            inside, outside = (scene.image[scene.labels > 0], scene.image[scene.labels == 0])
            assert sign * (inside.mean() - outside.mean()) > 0


def test_harder_scenes_leave_the_ranges():
    usual, harder = (
        [
            render_scene("blank", seed=(6, i), outside=is_outside).settings["diameter_px"]
            for i in range(200)
        ]
        for is_outside in (False, True)
    )
    assert 6 <= min(usual) <= max(usual) <= 100
    assert min(harder) < 6
    assert max(harder) > 100


def test_unknown_kinds_are_refused():
    with pytest.raises(InputError, match="Expected a kind of HAADF"):
        render_scene("X-ray", seed=1)
