"""Sums over channels against loops that are written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_nanodope import InputError
from napari_nanodope.core.channels import NEXT_PIXEL, EventSums, as_ranges, sum_block

RANGES = np.array([[0, 12], [3, 4], [2, 9], [11, 12], [0, 1]])


@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "u4", "i2", "i8", "f4", ">f8"])
def test_blocks_are_summed_as_by_hand(dtype):
    block = np.random.default_rng(0).integers(0, 200, (7, 12)).astype(dtype)
    sums, spectrum = sum_block(block, RANGES)
    for p in range(7):
        for k, (first, end) in enumerate(RANGES):
            assert sums[p, k] == sum(float(n) for n in block[p, first:end])
    assert spectrum.tolist() == [sum(float(n) for n in block[:, e]) for e in range(12)]


def test_counts_of_few_bits_do_not_overflow():
    sums, spectrum = sum_block(np.full((300, 500), 255, np.uint8), np.array([[0, 500]]))
    assert sums.max() == 255 * 500
    assert spectrum.max() == 255 * 300


def test_a_block_from_the_middle_of_the_spectrum_counts_what_it_has():
    whole = np.random.default_rng(1).integers(0, 9, (4, 12))
    expected, _ = sum_block(whole, RANGES)
    parts = [sum_block(whole[:, a:b], RANGES, a)[0] for a, b in ((0, 5), (5, 6), (6, 12))]
    np.testing.assert_array_equal(sum(parts), expected)


@pytest.mark.parametrize("ranges", [[(3, 3)], [(5, 2)], [(-1, 2)], [(0, 13)], [(12, 13)]])
def test_ranges_that_leave_the_spectrum_are_refused(ranges):
    with pytest.raises(InputError, match="ranges of channels from 0 to 12"):
        as_ranges(ranges, 12)


def count_by_hand(events, shape, frames):
    cube, pixel = np.zeros(shape, int), 0
    n_pixels = shape[0] * shape[1]
    for event in events:
        if event == NEXT_PIXEL:
            pixel += 1
        elif frames[0] <= pixel // n_pixels < frames[1] and event < shape[2]:
            cube[pixel % n_pixels // shape[1], pixel % shape[1], event] += 1
    return cube


@given(
    st.lists(st.sampled_from([NEXT_PIXEL, 0, 1, 5, 11]), max_size=200),
    st.tuples(st.integers(0, 3), st.integers(1, 4)),
    st.integers(0, 200),
)
def test_events_are_counted_as_by_hand_however_they_are_cut(events, frames, cut):
    stream, shape = np.array(events, np.uint16), (2, 3, 12)
    sums = EventSums(shape, RANGES, frames)
    for piece in (stream[:cut], stream[cut:]):
        sums.add(piece)
    cube = count_by_hand(events, shape, frames)
    result = sums.result()
    for k, (first, end) in enumerate(RANGES):
        np.testing.assert_array_equal(result.pixels[..., k], cube[..., first:end].sum(axis=2))
    np.testing.assert_array_equal(result.spectrum, cube.sum(axis=(0, 1)))


def test_detectors_are_added_up_from_the_first_pixel_on():
    stream = np.array([3, NEXT_PIXEL, 4, 4, NEXT_PIXEL], np.uint16)
    sums = EventSums((1, 2, 12), RANGES, (0, 1))
    sums.add(stream)
    sums.restart()
    sums.add(stream)
    np.testing.assert_array_equal(sums.result().pixels[0, :, 0], [2, 4])


def test_events_that_no_spectrum_has_are_told():
    sums = EventSums((1, 1, 12), RANGES, (0, 1))
    sums.add(np.array([12, 40_000, 11], np.uint16))
    assert sums.n_lost == 2
    assert sums.result().spectrum.sum() == 1
