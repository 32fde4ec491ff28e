"""Shapes: what is seen from above is what lies inside, with the volume of the sphere."""

from typing import get_args

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_nanodope.shapes import Shape, find_reach, measure_depth, project

SHAPES = [
    *[(shape, 1.0) for shape in get_args(Shape)],
    *[(shape, k) for shape in ("ellipsoid", "rod", "plate") for k in (1.5, 3.0)],
]
AXIS = np.linspace(-3.2, 3.2, 129)
STEP = AXIS[1] - AXIS[0]


def turn(seed: int) -> np.ndarray:
    return Rotation.random(rng=np.random.default_rng(seed)).as_matrix()


@pytest.mark.parametrize(("shape", "k"), SHAPES)
def test_the_thickness_is_the_length_of_what_lies_inside(shape, k):
    rotation = turn(1)
    y, x = np.meshgrid(AXIS[::4], AXIS[::4], indexing="ij")
    low, high = project(shape, y, x, rotation, k)
    points = np.stack(np.meshgrid(AXIS, AXIS[::4], AXIS[::4], indexing="ij"), axis=-1)
    inside = measure_depth(shape, points @ rotation, k) >= 0
    assert np.abs(inside.sum(axis=0) * STEP - (high - low)).max() <= STEP * (1 + 1e-9)
    z = points[..., 0]
    assert (z[inside] >= np.broadcast_to(low, z.shape)[inside] - 1e-9).all()
    assert (z[inside] <= np.broadcast_to(high, z.shape)[inside] + 1e-9).all()


@pytest.mark.parametrize(("shape", "k"), SHAPES)
def test_the_volume_is_that_of_the_sphere_of_radius_1(shape, k):
    y, x = np.meshgrid(AXIS, AXIS, indexing="ij")
    low, high = project(shape, y, x, turn(2), k)
    assert (high - low).sum() * STEP**2 == pytest.approx(4 * np.pi / 3, rel=5e-3)


@pytest.mark.parametrize(("shape", "k"), SHAPES)
def test_nothing_lies_beyond_the_circumscribed_sphere_and_something_near_it(shape, k):
    rng = np.random.default_rng(3)
    directions = rng.standard_normal((20000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    reach = find_reach(shape, k)
    assert (measure_depth(shape, directions * reach * 1.001, k) < 0).all()
    assert (measure_depth(shape, directions * reach * 0.93, k) > 0).any()


@pytest.mark.parametrize("shape", ["rod", "cube", "plate"])
def test_shapes_seen_along_an_axis(shape):
    fine = np.linspace(-2.0, 2.0, 801)
    y, x = np.meshgrid(fine, fine, indexing="ij")
    low, high = project(shape, y, x, np.eye(3), 2.0)
    assert np.isfinite(low).all()
    assert np.isfinite(high).all()
    np.testing.assert_allclose(high, -low, atol=1e-12)  # they are symmetric
    assert (high - low).sum() * 0.005**2 == pytest.approx(4 * np.pi / 3, rel=1e-2)
