"""Training: it learns, goes on where it stopped, and never overwrites."""

import json

import numpy as np
import pytest
import torch

from napari_nanodope.model import InputError
from napari_nanodope.segmentation import training
from napari_nanodope.segmentation.scenes import render_scene
from napari_nanodope.segmentation.training import (
    Curated,
    Schedule,
    compute_flows,
    fine_tune,
    split,
    train_from_scratch,
)

SHORT = Schedule(rounds=2, n_scenes=8, n_new=1, n_steps=80, n_batch=1, side_px=64)


def curate(seed: int, **given) -> Curated:
    scene = render_scene("HAADF", seed=seed, diameter_px=14.0, **given)
    return Curated(scene.image, scene.labels)


def test_flows_point_to_the_middle_of_each_particle():
    y, x = np.mgrid[:40, :40] - 20
    labels = (np.hypot(y, x) < 12).astype(np.int32) * 7
    _, inside, flow_y, flow_x = compute_flows(labels)
    np.testing.assert_array_equal(inside > 0, labels > 0)
    far = (np.hypot(y, x) > 3) & (labels > 0)
    towards = -(flow_y * y + flow_x * x) / np.maximum(np.hypot(y, x), 1)
    assert (towards[far] > 0.9).all()
    assert not compute_flows(np.zeros((8, 8), np.int32)).any()


def test_training_goes_on_where_it_stopped(tmp_path):
    told: list[str] = []
    random = np.random.get_state()[1].copy()  # noqa: NPY002
    weights, card = train_from_scratch(tmp_path, SHORT, report=told.append, n_per_kind=1)
    assert [line.split(":")[0] for line in told] == ["round 1 of 2", "round 2 of 2"]
    assert set(tmp_path.iterdir()) == {weights, card, tmp_path / "training.json"}
    assert "2 rounds and seed 0" in card.read_text()
    assert "| lumpy support | 1 |" in card.read_text()
    np.testing.assert_array_equal(np.random.get_state()[1], random)  # noqa: NPY002
    state = json.loads((tmp_path / "training.json").read_text())
    assert state["losses"][1] < state["losses"][0]
    before = weights.read_bytes()
    again = train_from_scratch(tmp_path, SHORT, report=told.append, n_per_kind=1)
    assert again == (weights, card)
    assert len(told) == 2
    assert weights.read_bytes() == before
    with pytest.raises(InputError, match="got one in .* that was begun with"):
        train_from_scratch(tmp_path, Schedule(rounds=3))


def test_fine_tuning_shows_scores_and_keeps_the_old_model(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_FINE_EPOCHS", 12)
    one = curate(1, shape_px=(200, 360))
    before = training.load_network("nanocrystal", is_trainable=True)
    old = {k: v.clone() for k, v in before.model.net.state_dict().items()}
    tuned = fine_tune([one], tmp_path / "mine")
    assert tuned.path == tmp_path / "mine.safetensors"
    assert tuned.path.is_file()
    assert set(tuned.before) == set(tuned.after) == {"AP50", "AP75", "AP90", "area_ratio"}
    assert min(tuned.n_trained, tuned.n_held_out) >= 10
    assert "particles held out: AP50/75/90" in str(tuned)
    assert len(tuned.losses) == 12
    assert np.mean(tuned.losses[-4:]) < np.mean(tuned.losses[:4])
    for name, tensor in before.model.net.state_dict().items():
        torch.testing.assert_close(tensor, old[name])
    assert training.load_network(str(tuned.path)).sha256 != before.sha256
    with pytest.raises(InputError, match="Expected a new name for the model"):
        fine_tune([one], tmp_path / "mine")


def test_every_fourth_picture_is_held_out():
    curated = [curate(i) for i in range(6)]
    trained, held_out = split(curated)
    assert held_out[0] is curated[1]
    assert held_out[1] is curated[5]
    assert len(held_out) == 2
    assert len(trained) == 4


def test_a_single_picture_is_cut_across_its_longer_side():
    one = curate(2, shape_px=(100, 240))
    (first,), (second,) = split([one])
    assert first.image.shape == second.image.shape == (100, 120)
    np.testing.assert_array_equal(np.hstack([first.labels, second.labels]), one.labels)


def test_too_few_particles_are_refused(tmp_path):
    empty = Curated(np.zeros((64, 64), np.float32), np.zeros((64, 64), np.int32))
    with pytest.raises(InputError, match="Expected at least 10 particles to train on"):
        fine_tune([empty], tmp_path / "mine")
    assert not list(tmp_path.iterdir())
