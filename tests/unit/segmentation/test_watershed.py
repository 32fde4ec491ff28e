"""Watershed finds what stands out, at its size, and nothing where nothing does."""

import numpy as np
import pytest
from numpy.typing import NDArray

import napari_nanodope as nd
from napari_nanodope.segmentation.watershed import estimate_diameter_px, segment_by_watershed

WATERSHED = nd.Recipe().replace(segment={"method": "watershed"}).segment


def draw_discs(radius: float, spacing: int, n: int = 6) -> NDArray[np.float32]:
    size = spacing * n
    y, x = np.mgrid[:size, :size] % spacing - spacing / 2
    height = np.clip(radius**2 - y**2 - x**2, 0, None)
    return np.sqrt(height).astype(np.float32)


@pytest.mark.parametrize("radius", [3.0, 6.0, 12.0, 25.0])
def test_isolated_particles_are_found_at_their_size(radius: float) -> None:
    image = draw_discs(radius, int(3.5 * radius))
    labels = segment_by_watershed(image)
    areas = np.bincount(labels.ravel())[1:]
    assert len(areas) == 36
    # The outline lies where a sphere has a quarter of its height: at 0.97 of its radius.
    assert np.sqrt(areas / np.pi) == pytest.approx(np.full(36, 0.97 * radius), rel=0.08)


def test_touching_particles_are_separated() -> None:
    params = nd.PhantomParams(gap_nm=0.0, radius_sd_nm=0.3, film_roughness=0.05)
    field, truth = nd.simulate_field(params, seed=1)
    found = nd.segment(field, WATERSHED)
    assert found.max() == pytest.approx(truth.labels.max(), rel=0.05)


@pytest.mark.parametrize("radius", [4.0, 10.0, 20.0])
def test_diameter_is_estimated(radius: float) -> None:
    image = draw_discs(radius, int(3 * radius))
    assert estimate_diameter_px(image) == pytest.approx(2 * radius, rel=0.15)


@pytest.mark.parametrize("kind", ["constant", "poisson", "gaussian", "gradient"])
def test_blank_pictures_hold_no_particle(kind: str) -> None:
    rng = np.random.default_rng(5)
    images = {
        "constant": np.ones((128, 128)),
        "poisson": rng.poisson(4, (128, 128)),
        "gaussian": rng.normal(100, 10, (128, 128)),
        "gradient": np.add.outer(np.arange(128.0), np.arange(128.0)) + rng.normal(0, 2, (128, 128)),
    }
    assert segment_by_watershed(images[kind].astype(np.float32)).max() == 0


def test_the_picture_is_left_as_it_was_and_the_answer_is_the_same_twice() -> None:
    field, _ = nd.simulate_field(nd.PhantomParams(shape_px=(120, 100), shot_noise=True), seed=2)
    before = field.survey.copy()
    once, twice = nd.segment(field, WATERSHED), nd.segment(field, WATERSHED)
    np.testing.assert_array_equal(once, twice)
    np.testing.assert_array_equal(field.survey, before)
    assert once.dtype == np.int32
    assert set(np.unique(once)) == set(range(once.max() + 1))


def test_the_host_map_stands_in_for_a_missing_survey() -> None:
    image = draw_discs(6, 21)
    flat = np.zeros_like(image)
    counts = nd.FieldOfView(flat, {"Mn": flat, "Cd": image}, 0.7, survey_kind="counts")
    survey = nd.FieldOfView(flat, {"Mn": flat, "Cd": image}, 0.7)
    stage = WATERSHED
    assert nd.segment(counts, stage, host="Cd").max() == 36
    assert nd.segment(survey, stage, host="Cd").max() == 0
    on_host = nd.Recipe().replace(segment={"method": "watershed", "image": "host"}).segment
    assert nd.segment(survey, on_host, host="Cd").max() == 36


def test_the_expected_diameter_is_in_nanometres() -> None:
    image = draw_discs(10, 35)
    coarse = nd.Recipe().replace(segment={"method": "watershed", "diameter_nm": 40.0}).segment
    fine = nd.Recipe().replace(segment={"method": "watershed", "diameter_nm": 4.0}).segment
    for stage, pixel_nm in ((coarse, 2.0), (fine, 0.2)):
        field = nd.FieldOfView(image, {"Cd": image}, pixel_nm)
        assert nd.segment(field, stage).max() == 36
