"""Shapes of particles: by hand, against SciPy and scikit-image, and under symmetry."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from skimage.measure import regionprops_table

from napari_nanodope.core.labels import Morphology, compact_labels, measure_morphology

Labels = NDArray[np.int32]

label_images = arrays(
    np.int32,
    st.tuples(st.integers(1, 11), st.integers(1, 12)),
    elements=st.sampled_from([0, 0, 0, 1, 1, 3, 8]),
)
pixel_sizes = st.sampled_from([(1.0, 1.0), (0.7, 0.7), (1.0, 0.4), (0.31, 2.2)])
repeatable = settings(max_examples=80, derandomize=True, deadline=None)


def measure(labels: Labels, pixel_size_nm: tuple[float, float] = (1.0, 1.0)) -> Morphology:
    return measure_morphology(compact_labels(labels), pixel_size_nm)


def rectangle(height: int, width: int, *, at: tuple[int, int] = (2, 3), label: int = 1) -> Labels:
    image = np.zeros((at[0] + height + 2, at[1] + width + 2), np.int32)
    image[at[0] : at[0] + height, at[1] : at[1] + width] = label
    return image


def disc(radius: float, size: int, centre: tuple[float, float]) -> Labels:
    y, x = np.mgrid[:size, :size]
    return (np.hypot(y - centre[0], x - centre[1]) <= radius).astype(np.int32)


def blobs(seed: int, shape: tuple[int, int] = (60, 70), n: int = 12) -> Labels:
    """Overlapping, cut and holed blobs with labels that have gaps."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.zeros(shape, np.int32)
    for label in rng.choice(np.arange(1, 500), n, replace=False):
        row, column = rng.uniform(0, shape)
        stretch, slant = rng.uniform(0.5, 2), rng.uniform(-0.7, 0.7)
        u, v = y - row, (x - column) * stretch + slant * (y - row)
        image[np.hypot(u, v) < rng.uniform(1, 12)] = label
    image[rng.random(shape) < 0.01] = 0
    return image


def test_compact_numbers_are_consecutive_and_remember_the_labels():
    image = np.array([[0, 9, 9], [4, 0, 700]], np.int32)
    compact = compact_labels(image)
    assert compact.ids.tolist() == [4, 9, 700]
    assert compact.image.tolist() == [[0, 2, 2], [1, 0, 3]]
    assert compact.n == 3


def test_labels_without_gaps_are_not_copied():
    image = np.array([[0, 1], [3, 2]], np.int32)
    assert compact_labels(image).image is image


@given(
    arrays(
        np.int32,
        st.tuples(st.integers(1, 6), st.integers(1, 6)),
        elements=st.sampled_from([0, 1, 2, 5, 1039, 1500, 10**6, 2**31 - 1]),
    )
)
@repeatable
def test_compact_labels_are_the_ranks_of_the_labels(image):
    ids, ranks = np.unique(np.append(image.ravel(), 0), return_inverse=True)
    compact = compact_labels(image)
    np.testing.assert_array_equal(compact.ids, ids[1:])
    np.testing.assert_array_equal(compact.image, ranks[:-1].reshape(image.shape))
    assert compact.image.dtype == compact.ids.dtype == np.int32


def test_a_picture_without_particles_has_no_rows():
    shapes = measure(np.zeros((4, 5), np.int32))
    assert {len(getattr(shapes, name)) for name in shapes.__slots__} == {0}
    assert shapes.bounds_px.shape == (0, 4)
    assert shapes.centroid_nm.shape == (0, 2)


def test_one_pixel_by_hand():
    shapes = measure(rectangle(1, 1), (0.7, 0.7))
    assert shapes.n_pixels.tolist() == [1]
    assert shapes.bounds_px.tolist() == [[2, 3, 2, 3]]
    np.testing.assert_allclose(shapes.centroid_nm, [[1.4, 2.1]])
    assert shapes.solidity[0] == pytest.approx(1)
    assert shapes.eccentricity[0] == pytest.approx(0, abs=1e-6)
    assert not shapes.touches_border[0]


@pytest.mark.parametrize(("height", "width"), [(1, 5), (5, 1), (3, 8), (6, 6), (2, 40)])
@pytest.mark.parametrize("pixel_size_nm", [(1.0, 1.0), (0.7, 0.7), (0.5, 2.0)])
def test_a_rectangle_by_hand(height, width, pixel_size_nm):
    shapes = measure(rectangle(height, width), pixel_size_nm)
    tall, wide = height * pixel_size_nm[0], width * pixel_size_nm[1]
    # The second moment of a rectangle of side a along that side is a^2 / 12.
    short, long = sorted([tall, wide])
    assert shapes.n_pixels[0] == height * width
    assert shapes.solidity[0] == pytest.approx(1, rel=1e-12)
    assert shapes.eccentricity[0] == pytest.approx(np.sqrt(1 - (short / long) ** 2), abs=1e-6)
    middle = (2 + (height - 1) / 2) * pixel_size_nm[0], (3 + (width - 1) / 2) * pixel_size_nm[1]
    np.testing.assert_allclose(shapes.centroid_nm[0], middle)
    assert shapes.bounds_px[0].tolist() == [2, 3, 1 + height, 2 + width]


def test_a_disc_by_hand():
    radius, centre = 25.0, (31.3, 33.8)
    shapes = measure(disc(radius, 66, centre), (0.7, 0.7))
    assert shapes.n_pixels[0] * 0.49 == pytest.approx(np.pi * (radius * 0.7) ** 2, rel=0.01)
    np.testing.assert_allclose(shapes.centroid_nm[0], np.array(centre) * 0.7, atol=0.05)
    assert shapes.eccentricity[0] < 0.1
    assert 0.96 < shapes.solidity[0] < 1


def test_a_diagonal_pair_by_hand():
    # Two pixels that share a corner: hull of area 3; spread 1/4 + 1/12 + 1/4 along, 1/12 across.
    shapes = measure(np.eye(2, dtype=np.int32))
    assert shapes.solidity[0] == pytest.approx(2 / 3)
    assert shapes.eccentricity[0] == pytest.approx(np.sqrt(1 - (1 / 12) / (1 / 2 + 1 / 12)))


def test_an_l_by_hand():
    # A 4 x 4 square less its 3 x 3 corner: 7 pixels under a hull of 16 - 9 / 2.
    image = rectangle(4, 4)
    image[2:5, 4:7] = 0
    assert measure(image).solidity[0] == pytest.approx(7 / 11.5)


def test_two_pieces_are_one_particle_under_one_hull():
    image = np.zeros((5, 12), np.int32)
    image[1:4, 1:3] = image[1:4, 8:10] = 6
    shapes = measure(image)
    assert shapes.n_pixels.tolist() == [12]
    assert shapes.solidity[0] == pytest.approx(12 / 27)
    np.testing.assert_allclose(shapes.centroid_nm, [[2, 5]])


def test_a_particle_far_from_the_origin_keeps_its_shape():
    near = measure(rectangle(3, 4, at=(1, 1)))
    far = measure(rectangle(3, 4, at=(4000, 3000)))
    assert far.eccentricity[0] == pytest.approx(near.eccentricity[0], rel=1e-12)
    assert far.solidity[0] == pytest.approx(near.solidity[0], rel=1e-12)
    np.testing.assert_allclose(far.centroid_nm - near.centroid_nm, [[3999, 2999]], rtol=1e-12)


@given(label_images)
@repeatable
def test_touching_the_border_is_a_pixel_in_the_outermost_rows_or_columns(image):
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    expected = np.isin(np.unique(image[image > 0]), edge)
    np.testing.assert_array_equal(measure(image).touches_border, expected)


@given(label_images, pixel_sizes)
@repeatable
def test_solidity_is_area_over_the_hull_of_the_corners(image, pixel_size_nm):
    solidity = measure(image, pixel_size_nm).solidity
    for label, found in zip(np.unique(image[image > 0]), solidity, strict=True):
        pixels = np.argwhere(image == label)
        corners = (pixels[:, None] + [[0, 0], [0, 1], [1, 0], [1, 1]]).reshape(-1, 2)
        assert found == pytest.approx(len(pixels) / ConvexHull(corners).volume, rel=1e-9)


@given(label_images, pixel_sizes)
@repeatable
def test_moments_are_those_of_many_small_pixels(image, pixel_size_nm):
    # Every pixel as 16 x 16 points spread evenly over its area.
    fine = (np.arange(16) - 7.5) / 16
    offsets = np.stack(np.meshgrid(fine, fine, indexing="ij"), axis=-1).reshape(-1, 2)
    shapes = measure(image, pixel_size_nm)
    for k, label in enumerate(np.unique(image[image > 0])):
        points = (np.argwhere(image == label)[:, None] + offsets).reshape(-1, 2) * pixel_size_nm
        low, high = np.linalg.eigvalsh(np.cov(points.T, bias=True))
        np.testing.assert_allclose(shapes.centroid_nm[k], points.mean(axis=0), atol=1e-9)
        assert shapes.eccentricity[k] ** 2 == pytest.approx(1 - low / high, abs=0.005)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("pixel_size_nm", [(1.0, 1.0), (0.9, 0.35)])
def test_area_bounds_centroid_and_eccentricity_agree_with_scikit_image(seed, pixel_size_nm):
    image = blobs(seed)
    names = ("label", "num_pixels", "bbox", "centroid", "inertia_tensor")
    theirs = regionprops_table(image, properties=names, spacing=pixel_size_nm)
    ours = measure(image, pixel_size_nm)
    np.testing.assert_array_equal(compact_labels(image).ids, theirs["label"])
    np.testing.assert_array_equal(ours.n_pixels, theirs["num_pixels"])
    box = np.stack([theirs[f"bbox-{i}"] for i in range(4)], axis=1) - [0, 0, 1, 1]
    np.testing.assert_array_equal(ours.bounds_px, box)
    centroid = np.stack([theirs["centroid-0"], theirs["centroid-1"]], axis=1)
    np.testing.assert_allclose(ours.centroid_nm, centroid, rtol=1e-9)
    # scikit-image takes pixels as points, and its tensor has the variance of x before that of y.
    dy, dx = pixel_size_nm
    tensor = np.array(
        [
            [theirs["inertia_tensor-0-0"] + dx**2 / 12, theirs["inertia_tensor-0-1"]],
            [theirs["inertia_tensor-1-0"], theirs["inertia_tensor-1-1"] + dy**2 / 12],
        ]
    ).transpose(2, 0, 1)
    low, high = np.linalg.eigvalsh(tensor).T
    np.testing.assert_allclose(ours.eccentricity**2, 1 - low / high, atol=1e-9)


def test_contact_is_the_share_of_the_outline_that_borders_others():
    image = np.zeros((6, 9), np.int32)
    image[1:3, 1:5] = 3  # two rows by four columns, above
    image[3:5, 3:5] = 7  # a square below its right half
    image[0, 8] = 9  # alone, in a corner of the picture
    square, oblong = measure(image), measure(image, (2.0, 0.5))
    np.testing.assert_allclose(square.contact_fraction, [2 / 12, 2 / 8, 0])
    np.testing.assert_allclose(oblong.contact_fraction, [1 / 12, 1 / 10, 0])


@pytest.mark.parametrize("turn", [np.flipud, np.fliplr, np.rot90, np.transpose])
def test_shapes_do_not_change_when_the_picture_is_turned_or_mirrored(turn):
    image = blobs(4)
    straight, turned = measure(image), measure(np.ascontiguousarray(turn(image)))
    np.testing.assert_array_equal(turned.n_pixels, straight.n_pixels)
    np.testing.assert_array_equal(turned.touches_border, straight.touches_border)
    np.testing.assert_allclose(turned.solidity, straight.solidity, rtol=1e-9)
    np.testing.assert_allclose(turned.contact_fraction, straight.contact_fraction, rtol=1e-12)
    np.testing.assert_allclose(turned.eccentricity**2, straight.eccentricity**2, atol=1e-9)


def test_shapes_follow_their_label_when_labels_are_exchanged():
    image = blobs(5)
    ids = compact_labels(image).ids
    exchanged = np.random.default_rng(5).permutation(ids)
    lookup = np.zeros(ids.max() + 1, np.int32)
    lookup[ids] = exchanged
    before, after = measure(image), measure(lookup[image])
    order = np.argsort(exchanged)
    for name in before.__slots__:
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name)[order])


def test_a_shift_moves_the_centroid_and_nothing_else():
    image = np.pad(blobs(6), 3)
    shifted = np.roll(image, (2, -3), axis=(0, 1))
    before, after = measure(image, (0.5, 0.7)), measure(shifted, (0.5, 0.7))
    shift = np.tile([2 * 0.5, -3 * 0.7], (len(before.n_pixels), 1))
    np.testing.assert_allclose(after.centroid_nm - before.centroid_nm, shift, atol=1e-9)
    np.testing.assert_array_equal(after.eccentricity, before.eccentricity)
    np.testing.assert_allclose(after.solidity, before.solidity, rtol=1e-12)


def test_larger_pixels_scale_lengths_and_keep_shapes():
    image = blobs(7)
    small, large = measure(image, (0.5, 0.7)), measure(image, (5.0, 7.0))
    np.testing.assert_allclose(large.centroid_nm, 10 * small.centroid_nm)
    np.testing.assert_allclose(large.eccentricity, small.eccentricity, rtol=1e-9)
    np.testing.assert_array_equal(large.solidity, small.solidity)
