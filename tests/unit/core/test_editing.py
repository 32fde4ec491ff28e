"""Changes of labels: what they do is known by hand, and undoing gives the first image back."""

import numpy as np
import pytest

from napari_nanodope.core import editing
from napari_nanodope.core.editing import (
    Change,
    compare,
    delete,
    merge,
    split_by_line,
    split_by_seeds,
)
from napari_nanodope.model import InputError


def draw_discs() -> np.ndarray:
    """Two discs that overlap, as one particle (3), and a square (8) apart."""
    y, x = np.mgrid[:40, :60]
    labels = np.zeros((40, 60), np.int32)
    labels[(np.hypot(y - 20, x - 15) < 9) | (np.hypot(y - 20, x - 29) < 9)] = 3
    labels[10:20, 45:55] = 8
    return labels


def apply(labels: np.ndarray, change: Change) -> np.ndarray:
    after = labels.copy()
    change.apply(after)
    undone = after.copy()
    change.reversed().apply(undone)
    np.testing.assert_array_equal(undone, labels)
    return after


def test_merged_particles_keep_the_lowest_number():
    labels = draw_discs()
    change = merge(labels, [8, 3])
    after = apply(labels, change)
    np.testing.assert_array_equal(after, np.where(labels > 0, 3, 0))
    assert change.touched.tolist() == [3, 8]


def test_deleted_particles_become_background():
    labels = draw_discs()
    after = apply(labels, delete(labels, [3]))
    np.testing.assert_array_equal(after, np.where(labels == 8, 8, 0))


def test_seeds_split_at_the_waist():
    labels = draw_discs()
    after = apply(labels, split_by_seeds(labels, 3, [[20.2, 14.8], [19.0, 30.0]]))
    assert set(np.unique(after)) == {0, 3, 8, 9}
    np.testing.assert_array_equal(after > 0, labels > 0)
    columns = np.nonzero(after == 9)[1]
    assert columns.min() in (22, 23)
    assert np.nonzero(after == 3)[1].max() in (21, 22)


def test_three_seeds_make_three_parts_in_their_order():
    labels = np.ones((7, 30), np.int32)
    after = apply(labels, split_by_seeds(labels, 1, [[3, 25], [3, 15], [3, 4]]))
    assert [after[3, x] for x in (25, 15, 4)] == [1, 2, 3]
    assert set(np.unique(after)) == {1, 2, 3}


def test_a_line_cuts_where_it_is_drawn():
    labels = draw_discs()
    after = apply(labels, split_by_line(labels, 8, [[5.0, 48.0], [30.0, 48.0]]))
    new = np.nonzero(after == 9)[1]
    assert set(np.unique(after)) == {0, 3, 8, 9}
    assert (after == 8).sum() > (after == 9).sum()
    assert new.max() in (47, 48)
    np.testing.assert_array_equal(after > 0, labels > 0)


@pytest.mark.parametrize("angle", np.linspace(0, np.pi, 7))
def test_lines_at_any_angle_separate(angle):
    y, x = np.mgrid[:41, :41] - 20
    labels = (np.hypot(y, x) < 15).astype(np.int32) * 5
    towards = 30 * np.array([np.sin(angle), np.cos(angle)])
    after = apply(labels, split_by_line(labels, 5, [20 - towards, 20 + towards]))
    sizes = np.bincount(after.ravel())[5:]
    assert len(sizes) == 2
    assert sizes.min() > 0.4 * sizes.sum()


def test_pieces_that_a_line_misses_stay_particles_of_their_own():
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 2:12] = labels[5:15, 25:35] = 4  # one particle in two pieces
    after = apply(labels, split_by_line(labels, 4, [[0, 28], [19, 28]]))
    assert len(np.unique(after)) == 4
    np.testing.assert_array_equal(after > 0, labels > 0)


@pytest.mark.parametrize("line", [[[0, 0], [39, 0]], [[20, 15], [20, 20]], [[15, 15], [15, 15]]])
def test_lines_that_leave_a_particle_whole_are_refused(line):
    with pytest.raises(InputError, match="Expected a line across particle 3"):
        split_by_line(draw_discs(), 3, line)


@pytest.mark.parametrize("seeds", [[[20, 15]], [[20, 15], [20, 15]], [[20, 15], [0, 0]], []])
def test_seeds_must_be_different_pixels_of_the_particle(seeds):
    with pytest.raises(InputError, match="as seeds"):
        split_by_seeds(draw_discs(), 3, seeds)


@pytest.mark.parametrize("operate", [merge, delete])
@pytest.mark.parametrize("chosen", [[], [0], [3, 99]])
def test_particles_must_be_there(operate, chosen):
    with pytest.raises(InputError, match="Expected particles of this image"):
        operate(draw_discs(), chosen)
    with pytest.raises(InputError, match="at least two particles"):
        merge(draw_discs(), [3, 3])


def test_changes_refuse_an_image_that_they_were_not_made_for():
    labels = draw_discs()
    change = delete(labels, [8])
    other = labels.copy()
    other[15, 50] = 3
    kept = other.copy()
    for image in (other, labels[:10]):
        with pytest.raises(InputError, match="Expected the labels that this change was made for"):
            change.apply(image)
    np.testing.assert_array_equal(other, kept)


def test_what_was_painted_is_a_change_too():
    rng = np.random.default_rng(0)
    before, after = rng.integers(0, 5, (2, 30, 30)).astype(np.int32)
    np.testing.assert_array_equal(apply(before, compare(before, after)), after)
    assert len(compare(before, before).pixels) == 0


def test_new_numbers_follow_the_highest():
    labels = np.ones((5, 30), np.int32)
    labels[0, 0] = 400
    change = editing.split_by_seeds(labels, 1, [[2, 5], [2, 20]])
    assert change.after.max() == 401


def test_a_double_click_is_one_seed():
    labels = np.zeros((12, 30), np.int32)
    labels[3:9, 2:28] = 5
    once = editing.split_by_seeds(labels, 5, [(5, 5), (5, 25)])
    twice = editing.split_by_seeds(labels, 5, [(5, 5), (5, 5), (5, 25), (5, 25)])
    np.testing.assert_array_equal(once.pixels, twice.pixels)
    np.testing.assert_array_equal(once.after, twice.after)


def test_new_numbers_lie_between_the_others_where_the_highest_is_taken():
    labels = np.zeros((20, 40), np.int32)
    labels[2:18, 2:38] = np.iinfo(np.int32).max
    labels[0, :3] = 1, 2, 4
    change = split_by_line(labels, np.iinfo(np.int32).max, [[0, 20], [19, 20]])
    after = labels.copy()
    change.apply(after)
    assert set(np.unique(after)) == {0, 1, 2, 3, 4, np.iinfo(np.int32).max}


def test_straight_lines_across_a_disc_make_two_parts():
    y, x = np.ogrid[:40, :40]
    disc = ((y - 20) ** 2 + (x - 20) ** 2 <= 64).astype(np.int32)
    rng = np.random.default_rng(4)
    for _ in range(200):
        angle, offset = rng.uniform(0, np.pi), rng.uniform(-4, 4)
        along, across = (
            np.array([np.sin(angle), np.cos(angle)]),
            np.array([np.cos(angle), -np.sin(angle)]),
        )
        middle = np.array([20, 20]) + offset * across
        after = disc.copy()
        split_by_line(disc, 1, [middle - 18 * along, middle + 18 * along]).apply(after)
        assert sorted(np.unique(after)) == [0, 1, 2]
        assert np.bincount(after.ravel())[1:].min() > 20


def test_what_hangs_by_a_corner_or_lies_on_the_line_is_no_part():
    labels = np.zeros((20, 40), np.int32)
    labels[5:15, 5:35] = 3
    labels[4, 35] = 3  # a corner of the body
    labels[2, 20] = 3  # apart, on the line
    after = labels.copy()
    split_by_line(labels, 3, [[0, 20], [19, 20]]).apply(after)
    sizes = np.bincount(after.ravel())[1:]
    assert sorted(sizes[sizes > 1]) == pytest.approx([150, 151], abs=12)
    assert after[4, 35] == after[5, 34]


def test_several_lines_cut_at_once():
    labels = np.zeros((20, 60), np.int32)
    labels[5:15, 5:55] = 1
    lines = [[[0, 20], [19, 20]], [[0, 40], [19, 40]]]
    after = labels.copy()
    split_by_line(labels, 1, *lines).apply(after)
    assert set(np.unique(after)) == {0, 1, 2, 3}


@pytest.mark.parametrize("point", [np.nan, np.inf, 1e30])
def test_points_that_are_nowhere_are_told(point):
    labels = np.ones((10, 10), np.int32)
    with pytest.raises(InputError, match="Expected points in pixels"):
        split_by_line(labels, 1, [[point, 1], [2, 3]])
    with pytest.raises(InputError, match="Expected points in pixels"):
        split_by_seeds(labels, 1, [[point, 1], [2, 3]])
