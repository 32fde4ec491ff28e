"""Scores of segmentation by hand, and against Cellpose's own metrics."""

import numpy as np
import pytest
from cellpose.metrics import average_precision

from napari_nanodope.segmentation.evaluation import (
    Example,
    compare_labels,
    evaluate,
    render_held_out,
    summarise,
)
from napari_nanodope.segmentation.scenes import KINDS, render_scene


def squares(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    labels = np.zeros((40, 40), np.int32)
    for number, (y0, x0, y1, x1) in enumerate(boxes, start=1):
        labels[y0:y1, x0:x1] = number
    return labels


def test_the_same_labels_score_1_in_any_order():
    true = squares((0, 0, 10, 10), (20, 20, 30, 30))
    found = squares((20, 20, 30, 30), (0, 0, 10, 10))
    scores = compare_labels(true, found)
    assert scores.pop("diameter_px") == pytest.approx(2 * np.sqrt(100 / np.pi))
    assert scores == {"n_true": 2, "n_found": 2, "AP50": 1, "AP75": 1, "AP90": 1, "area_ratio": 1}


def test_scores_by_hand():
    true = squares((0, 0, 10, 10), (20, 20, 30, 30), (0, 30, 5, 35))
    found = squares((0, 0, 10, 8), (20, 26, 30, 36))  # IoU 0.8 and 4 / 16
    scores = compare_labels(true, found)
    assert (scores["n_true"], scores["n_found"]) == (3, 2)
    assert scores["AP50"] == scores["AP75"] == pytest.approx(1 / 4)
    assert scores["AP90"] == 0
    assert scores["area_ratio"] == pytest.approx(0.8)


def test_blank_pictures():
    blank, one = squares(), squares((0, 0, 5, 5))
    assert compare_labels(blank, blank)["AP50"] == 1
    assert compare_labels(blank, one)["AP50"] == compare_labels(one, blank)["AP50"] == 0
    assert np.isnan(compare_labels(blank, one)["area_ratio"])


def test_two_halves_are_one_particle_found_once():
    scores = compare_labels(squares((0, 0, 10, 10)), squares((0, 0, 10, 5), (0, 5, 10, 10)))
    assert scores["AP50"] == pytest.approx(1 / 2)


@pytest.mark.parametrize("seed", range(6))
def test_scores_are_those_of_cellpose(seed):
    true = render_scene("touching", seed=seed, diameter_px=15.0).labels
    rng = np.random.default_rng(seed)
    found = np.roll(true, tuple(rng.integers(-4, 5, 2)), axis=(0, 1))
    found[np.isin(found, rng.choice(found.max(), 5))] = 0
    _, numbers = np.unique(found, return_inverse=True)
    found = numbers.reshape(found.shape).astype(np.int32)
    expected = average_precision([true], [found], threshold=[0.5, 0.75, 0.9])[0][0]
    scores = compare_labels(true, found)
    assert [scores[name] for name in ("AP50", "AP75", "AP90")] == pytest.approx(expected, abs=1e-6)


def test_a_perfect_method_scores_1_on_every_kind():
    examples = list(render_held_out(1))
    assert [one.kind for one in examples] == list(KINDS)
    truth = {one.image.tobytes(): one.labels for one in examples}
    scores = summarise(evaluate(lambda image, _: truth[image.tobytes()], examples))
    assert scores["kind"].tolist() == [*KINDS, "all"]
    assert (scores[["AP50", "AP75", "AP90"]] == 1).all(axis=None)
    assert scores["area_bias"].dropna().eq(0).all()
    assert scores["count_error"].dropna().eq(0).all()
    assert scores["n_pictures"].iloc[-1] == len(KINDS) - 1  # blank ones hold nothing to find


def test_means_are_over_pictures():
    first, second = squares((0, 0, 10, 10)), squares((0, 0, 10, 10), (20, 20, 30, 30))
    examples = [
        Example(str(i), "kind", np.zeros((40, 40), np.float32), true)
        for i, true in enumerate((first, second))
    ]
    scores = summarise(evaluate(lambda *_: first, examples)).iloc[-1]
    assert scores["AP50"] == pytest.approx((1 + 1 / 2) / 2)
    assert scores["count_error"] == pytest.approx(2 / 3 - 1)


def test_scores_by_size():
    true = squares((0, 0, 6, 6)), squares((0, 0, 30, 30)), squares()
    examples = [
        Example(str(i), "kind", np.full((40, 40), i, np.float32), one) for i, one in enumerate(true)
    ]
    table = evaluate(lambda image, _: true[0] if image[0, 0] == 0 else true[2], examples)
    scores = summarise(table, by="size")
    assert scores["size"].tolist() == ["0 to 10 px", "20 to 40 px", "all"]
    assert scores["AP50"].tolist() == [1, 0, 0.5]
