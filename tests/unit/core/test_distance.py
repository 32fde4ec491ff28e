"""Depth below the edge: by hand, by brute force, and against SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage

from napari_nanodope import InputError
from napari_nanodope.core.distance import (
    compute_depth_nm,
    compute_erode_ceil_depth_px,
    deepest,
)
from napari_nanodope.core.labels import compact_labels

Labels = NDArray[np.int32]


def has_edge(image: Labels) -> bool:
    return not (image.flat[0] > 0 and (image == image.flat[0]).all())


label_images = arrays(
    np.int32,
    st.tuples(st.integers(1, 12), st.integers(1, 13)),
    elements=st.sampled_from([0, 1, 1, 1, 1, 1, 4]),
).filter(has_edge)
pixel_sizes = st.sampled_from([(1.0, 1.0), (0.7, 0.7), (1.0, 0.4), (0.31, 2.2)])
repeatable = settings(max_examples=80, derandomize=True, deadline=None)


def crowd(seed: int, shape: tuple[int, int] = (70, 90), *, filled: bool = False) -> Labels:
    """Particles that touch, on some background or on none."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    centres = rng.uniform(0, shape, (14, 2))
    distance = np.hypot(y[..., None] - centres[:, 0], x[..., None] - centres[:, 1])
    nearest = distance.argmin(axis=2).astype(np.int32) * 3 + 2
    return nearest if filled else np.where(distance.min(axis=2) < 13, nearest, 0)


def search_depth(labels: Labels, pixel_size_nm: tuple[float, float]) -> NDArray[np.float64]:
    """Depth by comparing every particle pixel with every pixel outside it."""
    depth = np.zeros(labels.shape)
    for y, x in np.argwhere(labels > 0):
        outside = np.argwhere(labels != labels[y, x])
        steps = (outside - (y, x)) * pixel_size_nm
        depth[y, x] = np.hypot(*steps.T).min() - min(pixel_size_nm) / 2
    return depth


def test_a_lone_pixel_is_half_a_pixel_deep():
    image = np.zeros((5, 5), np.int32)
    image[2, 2] = 3
    for size in (1.0, 0.7):
        depth = compute_depth_nm(image, (size, size))
        assert depth[2, 2] == pytest.approx(size / 2)
        assert np.count_nonzero(depth) == 1
    assert depth.dtype == np.float32


@pytest.mark.parametrize(("height", "width"), [(1, 6), (3, 3), (4, 9), (7, 5)])
@pytest.mark.parametrize("pixel_size_nm", [(1.0, 1.0), (0.7, 0.7), (0.5, 2.0), (3.0, 1.0)])
def test_the_depths_of_a_rectangle_by_hand(height, width, pixel_size_nm):
    image = np.zeros((height + 2, width + 2), np.int32)
    image[1:-1, 1:-1] = 5
    i, j = np.mgrid[1 : height + 1, 1 : width + 1]
    rows, columns = np.minimum(i, height + 1 - i), np.minimum(j, width + 1 - j)
    dy, dx = pixel_size_nm
    expected = np.minimum(rows * dy, columns * dx) - min(dy, dx) / 2
    found = compute_depth_nm(image, pixel_size_nm)[1:-1, 1:-1]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_inradius_of_a_disc_by_hand():
    y, x = np.mgrid[:61, :61]
    image = (np.hypot(y - 30, x - 30) <= 20.5).astype(np.int32)
    depth = compute_depth_nm(image, (0.7, 0.7))
    # 14^2 + 15^2 = 421 is the first sum of two squares beyond 20.5^2: the nearest pixel outside.
    inradius_nm = deepest(compact_labels(image), depth)[0]
    assert inradius_nm == pytest.approx((np.sqrt(421) - 0.5) * 0.7, rel=1e-6)
    assert depth.argmax() == 30 * 61 + 30
    step = np.diff(depth[30, 30:51]) / 0.7  # about a pixel less for each pixel from the centre
    assert (step > -1.001).all()
    assert (step < -0.85).all()


def test_touching_particles_do_not_share_depth():
    image = np.zeros((7, 12), np.int32)
    image[1:6, 1:6], image[1:6, 6:11] = 1, 2
    together = compute_depth_nm(image, (1.0, 1.0))
    for label in (1, 2):
        alone = compute_depth_nm(np.where(image == label, image, 0), (1.0, 1.0))
        np.testing.assert_array_equal(together[image == label], alone[image == label])


def test_a_particle_in_the_hole_of_another_cuts_both():
    image = np.ones((9, 9), np.int32)
    image[0] = 0
    image[4, 4] = 2
    depth = compute_depth_nm(image, (1.0, 1.0))
    assert depth[4, 4] == depth[4, 5] == 0.5
    assert depth[5, 5] == pytest.approx(np.sqrt(2) - 0.5)


def test_the_border_of_the_picture_is_no_edge():
    image = np.zeros((5, 8), np.int32)
    image[:, :6] = 1
    np.testing.assert_allclose(
        compute_depth_nm(image, (1.0, 1.0))[2, :6], np.arange(6, 0, -1) - 0.5
    )
    image[:, 6:] = 2  # now nothing but the common side is an edge
    np.testing.assert_allclose(
        compute_depth_nm(image, (1.0, 1.0))[0], [5.5, 4.5, 3.5, 2.5, 1.5, 0.5, 0.5, 1.5]
    )


@pytest.mark.parametrize("compute", [compute_erode_ceil_depth_px, compute_depth_nm])
def test_one_label_on_every_pixel_is_refused(compute):
    size = () if compute is compute_erode_ceil_depth_px else ((1.0, 1.0),)
    with pytest.raises(InputError, match=r"Expected .* got one label on every pixel; segment"):
        compute(np.full((4, 4), 2, np.int32), *size)
    assert not compute(np.zeros((4, 4), np.int32), *size).any()


@given(label_images, pixel_sizes)
@repeatable
def test_depth_is_the_distance_to_the_nearest_pixel_outside_less_half_a_pixel(image, pixel_size_nm):
    found = compute_depth_nm(image, pixel_size_nm)
    np.testing.assert_allclose(found, search_depth(image, pixel_size_nm), rtol=2e-6)


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("pixel_size_nm", [(1.0, 1.0), (0.7, 0.7), (1.3, 0.4)])
def test_depth_agrees_with_scipy_particle_by_particle(pixel_size_nm, filled):
    image = crowd(1, filled=filled)
    expected = np.zeros(image.shape)
    for label in np.unique(image[image > 0]):
        inside = image == label
        distance = ndimage.distance_transform_edt(inside, sampling=pixel_size_nm)
        expected[inside] = distance[inside] - min(pixel_size_nm) / 2
    np.testing.assert_allclose(compute_depth_nm(image, pixel_size_nm), expected, rtol=2e-6)


@pytest.mark.parametrize("filled", [False, True])
def test_eroded_depth_agrees_with_scipy(filled):
    image = crowd(2, filled=filled)
    same = ndimage.minimum_filter(image, 3, mode="nearest") == ndimage.maximum_filter(
        image, 3, mode="nearest"
    )
    survives = same & (image > 0)
    expected = np.ceil(ndimage.distance_transform_edt(survives))
    np.testing.assert_array_equal(compute_erode_ceil_depth_px(image), expected)


@given(label_images, pixel_sizes)
@repeatable
def test_the_greatest_depth_of_each_particle_is_found(image, pixel_size_nm):
    depth = compute_depth_nm(image, pixel_size_nm)
    ids = np.unique(image[image > 0])
    expected = [depth[image == label].max() for label in ids]
    assert deepest(compact_labels(image), depth).tolist() == expected


@pytest.mark.parametrize("n_threads", [1, 3, 8])
def test_the_number_of_threads_changes_nothing(n_threads):
    image = crowd(3, (200, 180))
    np.testing.assert_array_equal(
        compute_depth_nm(image, (0.7, 0.4), n_threads=n_threads),
        compute_depth_nm(image, (0.7, 0.4)),
    )
    np.testing.assert_array_equal(
        compute_erode_ceil_depth_px(image, n_threads=n_threads), compute_erode_ceil_depth_px(image)
    )


@pytest.mark.parametrize("turn", [np.flipud, np.fliplr, np.rot90, np.transpose])
def test_depth_turns_with_the_picture(turn):
    image = crowd(4)
    turned = np.ascontiguousarray(turn(image))
    swapped = turn in (np.rot90, np.transpose)
    sizes = (0.7, 0.4), ((0.4, 0.7) if swapped else (0.7, 0.4))
    np.testing.assert_allclose(
        compute_depth_nm(turned, sizes[1]), turn(compute_depth_nm(image, sizes[0])), rtol=1e-6
    )
    np.testing.assert_array_equal(
        compute_erode_ceil_depth_px(turned), turn(compute_erode_ceil_depth_px(image))
    )


def test_names_of_labels_do_not_matter_to_depth():
    image = crowd(5)
    renamed = np.where(image > 0, 2**31 - 1 - image, 0).astype(np.int32)
    np.testing.assert_array_equal(
        compute_depth_nm(renamed, (0.7, 0.7)), compute_depth_nm(image, (0.7, 0.7))
    )
    np.testing.assert_array_equal(
        compute_erode_ceil_depth_px(renamed), compute_erode_ceil_depth_px(image)
    )


def test_a_shift_within_the_background_moves_the_depths_along():
    image = np.pad(crowd(6), 20)
    shifted = np.roll(image, (7, -11), axis=(0, 1))
    np.testing.assert_array_equal(
        compute_depth_nm(shifted, (1.0, 1.0)),
        np.roll(compute_depth_nm(image, (1.0, 1.0)), (7, -11), axis=(0, 1)),
    )


def test_depth_scales_with_the_pixels():
    image = crowd(7)
    small, large = (compute_depth_nm(image, (k * 0.7, k * 0.3)) for k in (1, 10))
    np.testing.assert_allclose(large, 10 * small, rtol=1e-5)


def test_labels_are_left_as_they_are():
    image = crowd(8)
    before = image.copy()
    compute_depth_nm(image, (0.7, 0.7))
    compute_erode_ceil_depth_px(image)
    np.testing.assert_array_equal(image, before)
