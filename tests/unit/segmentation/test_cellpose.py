"""Particles by the bundled network: found at any size, the same twice, and none in noise."""

import hashlib
import subprocess
import sys
from importlib.resources import files
from types import SimpleNamespace

import numpy as np
import pytest

import napari_nanodope as nd
from napari_nanodope.segmentation import cellpose, outline
from napari_nanodope.segmentation.cellpose import segment_by_cellpose, segment_by_network
from napari_nanodope.segmentation.evaluation import compare_labels
from napari_nanodope.segmentation.models import Found
from napari_nanodope.segmentation.scenes import render_scene


@pytest.mark.parametrize("diameter", [7.0, 15.0, 30.0, 60.0, 120.0])
def test_particles_of_any_size_are_found_without_being_told(diameter):
    side = int(max(200, 5 * diameter))
    scene = render_scene(
        "HAADF", seed=(11, int(diameter)), diameter_px=diameter, shape_px=(side, side)
    )
    found = segment_by_cellpose(scene.image)
    assert compare_labels(scene.labels, found.labels)["AP50"] > 0.8
    assert 0.6 < found.diameter_px / diameter < 1.8


def test_the_diameter_can_be_overruled():
    scene = render_scene("HAADF", seed=12, diameter_px=20.0)
    found = segment_by_cellpose(scene.image, 80.0)
    assert found.diameter_px == 80.0
    assert found.settings["magnification"] == 1 / 4


@pytest.mark.parametrize(
    "kind", ["constant", "poisson", "sparse", "gaussian", "carbon", "gradient"]
)
def test_blank_pictures_hold_no_particle(kind):
    rng = np.random.default_rng(5)
    shape = 256, 256
    ramp = np.add.outer(np.arange(256.0), np.arange(256.0))
    images = {
        "constant": np.ones(shape),
        "poisson": rng.poisson(4, shape),
        "sparse": rng.poisson(0.05, shape),
        "gaussian": rng.normal(100, 10, shape),
        "carbon": render_scene("blank", seed=3).image,
        "gradient": ramp + rng.normal(0, 2, shape),
    }
    assert segment_by_cellpose(images[kind].astype(np.float32)).labels.max() == 0


def test_pictures_are_left_as_they_were_and_the_answer_is_the_same_twice():
    field, _ = nd.simulate_field(nd.PhantomParams(shape_px=(120, 100), shot_noise=True), seed=2)
    before = field.survey.copy()
    once, twice = nd.segment(field), nd.segment(field)
    np.testing.assert_array_equal(once, twice)
    np.testing.assert_array_equal(field.survey, before)
    assert once.dtype == np.int32
    assert set(np.unique(once)) == set(range(once.max() + 1))


ON_THREADS = """
import sys
import torch
from napari_nanodope.pipeline import hash_arrays
from napari_nanodope.segmentation import cellpose
from napari_nanodope.segmentation.scenes import render_scene
torch.set_num_threads(int(sys.argv[1]))
image = render_scene("low dose", seed=9, diameter_px=15.0, shape_px=(300, 420)).image
if sys.argv[2] == "windows":
    cellpose._CORE_PX = 110
found = cellpose.segment_by_cellpose(image)
assert torch.get_num_threads() == int(sys.argv[1])
scores = found.scores[["probability", "flow_error"]].to_numpy()
print(found.labels.max(), hash_arrays(found.labels, scores))
"""


@pytest.mark.parametrize("cut", ["whole", "windows"])
def test_the_number_of_threads_changes_nothing(cut):
    answers = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", ON_THREADS, n, cut],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for n in ("1", "2", "3")
    }
    assert len(answers) == 1
    assert int(answers.pop().split()[0]) > 10


def test_large_pictures_are_cut_without_a_seam(monkeypatch):
    scene = render_scene("HAADF", seed=13, diameter_px=18.0, shape_px=(300, 420))
    whole = segment_by_cellpose(scene.image, 18.0)
    monkeypatch.setattr(cellpose, "_CORE_PX", 110)
    pieces = segment_by_cellpose(scene.image, 18.0)
    scores = compare_labels(whole.labels, pieces.labels)
    assert scores["n_found"] == pytest.approx(scores["n_true"], abs=2)
    assert scores["AP75"] > 0.97
    assert len(pieces.scores) == pieces.labels.max()


def test_scores_come_with_the_particles_and_doubtful_ones_can_be_told():
    field, _ = nd.simulate_field(nd.PhantomParams(shape_px=(200, 200), shot_noise=True), seed=3)
    found = outline(field)
    assert found.scores["label"].tolist() == list(range(1, found.labels.max() + 1))
    assert found.scores["probability"].between(0.4, 1).all()
    assert found.scores["flow_error"].between(0, 0.4).all()
    assert found.settings["method"] == "cellpose"
    assert found.settings["model"] == "nanocrystal"
    assert found.settings["diameter_is_estimated"]
    result = nd.analyze(field)
    np.testing.assert_array_equal(result.particles["probability"], found.scores["probability"])
    assert result.provenance["labels"]["model_sha256"] == found.settings["model_sha256"]


def test_the_expected_diameter_is_in_nanometres():
    scene = render_scene("HAADF", seed=14, diameter_px=20.0)
    for pixel_nm in (0.1, 5.0):
        field = nd.FieldOfView(scene.image, {"Cd": scene.image}, pixel_nm)
        stage = nd.Recipe().replace(segment={"diameter_nm": 20 * pixel_nm}).segment
        found = outline(field, stage)
        assert found.settings["magnification"] == 1
        assert found.diameter_nm == pytest.approx(20 * pixel_nm)


def test_the_area_is_that_of_the_silhouette():
    field, truth = nd.simulate_field(
        nd.PhantomParams(gap_nm=4.0, radius_nm=6.0, radius_sd_nm=1.0, shot_noise=True), seed=4
    )
    scores = compare_labels(truth.labels, nd.segment(field))
    assert scores["AP50"] > 0.95
    assert scores["area_ratio"] == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize("radius_sd_nm", [0.0, 0.2, 0.5])
def test_close_packed_spheres_are_separated(radius_sd_nm):
    params = nd.PhantomParams(gap_nm=0.0, radius_sd_nm=radius_sd_nm)
    field, truth = nd.simulate_field(params, seed=1)
    assert nd.segment(field).max() == pytest.approx(len(truth.particles), rel=0.05)


@pytest.mark.parametrize("n_particles", [3, 15])
def test_a_few_particles_are_found_among_noise(n_particles):
    params = nd.PhantomParams(
        radius_nm=4.2,
        radius_sd_nm=0.2,
        n_particles=n_particles,
        arrangement="random",
        gap_nm=2.0,
        shot_noise=True,
    )
    field, truth = nd.simulate_field(params, seed=0)
    assert len(truth.particles) == n_particles
    assert nd.segment(field).max() == pytest.approx(n_particles, abs=1)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2, 1.0, 20.0])
@pytest.mark.parametrize("diameter", [None, 12.0])
def test_counts_without_particles_hold_no_particle(rate, diameter):
    noise = np.random.default_rng(3).poisson(rate, (200, 200)).astype(np.float32)
    assert segment_by_cellpose(noise, diameter).labels.max() == 0


def test_a_film_without_particles_holds_no_particle():
    for seed in range(4):
        params = nd.PhantomParams(n_particles=0, shot_noise=seed % 2 == 0)
        field, _ = nd.simulate_field(params, seed=seed)
        assert nd.segment(field).max() == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2), (3, 40)])
def test_pictures_of_few_pixels_are_segmented(shape):
    found = segment_by_cellpose(np.zeros(shape, np.float32))
    assert found.labels.shape == shape
    assert not found.labels.any()
    assert len(found.scores) == 0


def test_the_bundled_model_and_its_card_belong_together():
    folder = files("napari_nanodope.segmentation") / "weights"
    weights = (folder / "nanocrystal.safetensors").read_bytes()
    card = (folder / "nanocrystal.md").read_text(encoding="utf-8")
    assert hashlib.sha256(weights).hexdigest() in card
    assert len(weights) < 6_000_000


def test_what_nobody_would_believe_is_left_out():
    """One particle of low probability, or one that is lost in a large picture."""

    class One:
        sha256, device, n_at_once = "0", SimpleNamespace(type="cpu"), 1

        def __init__(self, probability):
            self.probability = np.array([probability])

        def evaluate(self, image):
            found = np.zeros(image.shape, np.int32)
            found[2:14, 2:14] = min(image.shape) in (64, 640, 700)  # of the finest magnification
            logits = np.where(found > 0, 1.0, -1.0).astype(np.float32)
            return Found(found, logits, self.probability, np.array([0.1]))

    small, large = (np.zeros((side, side), np.float32) for side in (64, 700))
    assert segment_by_network(One(0.95), small).labels.max() == 1
    for picture, probability in ((small, 0.6), (large, 0.9)):
        found = segment_by_network(One(probability), picture)
        assert found.labels.max() == 0
        assert len(found.scores) == 0
    assert segment_by_network(One(0.9), large, 22.0).labels.max() == 1
    assert segment_by_network(One(0.6), small, 22.0).labels.max() == 0
