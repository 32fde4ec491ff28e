"""Shapes of nanocrystals: how deep a point lies below the surface, and what is seen from above.

Lengths are in radii of the sphere of the same volume.
"""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Shape = Literal[
    "sphere",
    "ellipsoid",
    "tetrahedron",
    "octahedron",
    "truncated octahedron",
    "cube",
    "plate",
    "rod",
]
Floats = NDArray[np.float64]


def find_reach(shape: Shape, aspect_ratio: float = 1.0) -> float:
    """Radius of the circumscribed sphere.

    Parameters
    ----------
    shape : str
        One of `Shape`.
    aspect_ratio : float
        Length over width of ellipsoids and rods; width over thickness of plates.
    """
    k = aspect_ratio
    if shape == "sphere":
        return 1.0
    if shape == "ellipsoid":
        return float(k ** (2 / 3))
    if shape == "rod":
        return k / _rod_radius(k)
    return float(_CORNERS[shape](k))


def measure_depth(shape: Shape, points: Floats, aspect_ratio: float = 1.0) -> Floats:
    """Depth (...) below the surface of points (..., 3) given from the centre; negative outside.

    It is exact inside all shapes but the ellipsoid, where it is exact to first order at the
    surface: the quadric's radius less 1, over the length of its gradient.
    """
    if shape == "sphere":
        return np.asarray(1 - np.linalg.norm(points, axis=-1))
    if shape == "ellipsoid":
        half = _half_axes(aspect_ratio)
        radius = np.linalg.norm(points / half, axis=-1)
        steepness = np.linalg.norm(points / half**2, axis=-1) / np.maximum(radius, 1e-9)
        return np.asarray((1 - radius) / np.maximum(steepness, 1e-9))
    if shape == "rod":
        unit = 1 / _rod_radius(aspect_ratio)
        beyond = np.maximum(np.abs(points[..., 0]) - (aspect_ratio - 1) * unit, 0)
        return np.asarray(unit - np.sqrt(beyond**2 + points[..., 1] ** 2 + points[..., 2] ** 2))
    normals, offsets = _PLANES[shape](aspect_ratio)
    depth = np.full(points.shape[:-1], np.inf)
    for normal, offset in zip(normals, offsets, strict=True):
        np.minimum(depth, offset - points @ normal, out=depth)
    return depth


def project(
    shape: Shape, y: Floats, x: Floats, rotation: Floats, aspect_ratio: float = 1.0
) -> tuple[Floats, Floats]:
    """Lowest and highest z inside a turned shape above each point.

    Parameters
    ----------
    shape : str
        One of `Shape`.
    y, x : float64 arrays of the same shape
        From the centre.
    rotation : (3, 3) float64 array
        A point (z, y, x) of the picture is ``point @ rotation`` in the axes of the shape.
    aspect_ratio : float
        As for `find_reach`.

    Returns
    -------
    low, high : float64 arrays
        The thickness is ``high - low``; both are 0 where the shape is not met.
    """
    if shape in ("sphere", "ellipsoid"):
        half = _half_axes(aspect_ratio if shape == "ellipsoid" else 1.0)
        low, high = _meet_quadric(rotation @ np.diag(half**-2.0) @ rotation.T, y, x)
    elif shape == "rod":
        low, high = _meet_rod(rotation[:, 0], y, x, aspect_ratio)
    else:
        normals, offsets = _PLANES[shape](aspect_ratio)
        low, high = _meet_planes(normals @ rotation.T, offsets, y, x)
    met = high > low
    return np.where(met, low, 0.0), np.where(met, high, 0.0)


def _meet_quadric(matrix: Floats, y: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Where z cuts ``p @ matrix @ p = 1`` for p = (z, y, x)."""
    a = matrix[0, 0]
    b = matrix[0, 1] * y + matrix[0, 2] * x
    c = matrix[1, 1] * y * y + 2 * matrix[1, 2] * y * x + matrix[2, 2] * x * x - 1
    root = np.sqrt(np.maximum(b * b - a * c, 0))
    return (-b - root) / a, (-b + root) / a


def _meet_rod(axis: Floats, y: Floats, x: Floats, k: float) -> tuple[Floats, Floats]:
    """Where z cuts a cylinder between two caps; the parts overlap, so that the ends meet."""
    radius = 1 / _rod_radius(k)
    half = (k - 1) * radius
    low, high = np.full(y.shape, np.inf), np.full(y.shape, -np.inf)
    for end in (half, -half):
        cz, cy, cx = end * axis
        root = np.sqrt(np.maximum(radius**2 - (y - cy) ** 2 - (x - cx) ** 2, 0))
        met = root > 0
        low, high = (
            np.where(met, np.minimum(low, cz - root), low),
            np.where(met, np.maximum(high, cz + root), high),
        )
    uz, uy, ux = axis
    a = 1 - uz * uz
    if a > 1e-9:  # not seen along its axis
        along = y * uy + x * ux
        b = -uz * along
        root = np.sqrt(np.maximum(b * b - a * (y * y + x * x - along**2 - radius**2), 0))
        for sign in (-1.0, 1.0):
            z = (-b + sign * root) / a
            met = (root > 0) & (np.abs(z * uz + along) <= half)
            low = np.where(met, np.minimum(low, z), low)
            high = np.where(met, np.maximum(high, z), high)
    return low, high


def _meet_planes(normals: Floats, offsets: Floats, y: Floats, x: Floats) -> tuple[Floats, Floats]:
    low, high = np.full(y.shape, -np.inf), np.full(y.shape, np.inf)
    for (nz, ny, nx), offset in zip(normals, offsets, strict=True):
        left = offset - ny * y - nx * x
        if abs(nz) < 1e-9:  # a face on edge
            high = np.where(left < 0, -np.inf, high)
        elif nz > 0:
            high = np.minimum(high, left / nz)
        else:
            low = np.maximum(low, left / nz)
    return low, high


def _half_axes(k: float) -> Floats:
    return np.array([k ** (2 / 3), k ** (-1 / 3), k ** (-1 / 3)])


def _rod_radius(k: float) -> float:
    """Radius of the sphere of the volume of a rod of radius 1 and length 2 k between its poles."""
    return float((1 + 1.5 * (k - 1)) ** (1 / 3))


# Radius of the sphere of the same volume as
_TETRAHEDRON = (8 * np.sqrt(3) * 3 / (4 * np.pi)) ** (1 / 3)  # of inradius 1, volume 8 sqrt(3)
_TRUNCATED = (32 * 3 / (4 * np.pi)) ** (1 / 3)  # |x|+|y|+|z| <= 3, |x| <= 2, volume 32
_OCTAHEDRON = (4 / 3 * 3 / (4 * np.pi)) ** (1 / 3)  # |x|+|y|+|z| <= 1, volume 4/3
_CUBE = (8 * 3 / (4 * np.pi)) ** (1 / 3)  # |x| <= 1, volume 8

_SIGNS = np.array([[a, b, c] for a in (1, -1) for b in (1, -1) for c in (1, -1)]) / np.sqrt(3)
_AXES = np.concatenate([np.eye(3), -np.eye(3)])


def _plate_radius(k: float) -> float:
    """Radius of the sphere of the volume of a hexagonal prism of inradius 1 and height 2 / k."""
    return float((2 * np.sqrt(3) * 2 / k * 3 / (4 * np.pi)) ** (1 / 3))


def _plate(k: float) -> tuple[Floats, Floats]:
    angles = np.arange(6) * np.pi / 3
    sides = np.stack([np.zeros(6), np.cos(angles), np.sin(angles)], axis=1)
    normals = np.concatenate([sides, [[1.0, 0, 0], [-1.0, 0, 0]]])
    return normals, np.array([1.0] * 6 + [1 / k] * 2) / _plate_radius(k)


_PLANES: dict[str, Callable[[float], tuple[Floats, Floats]]] = {
    "tetrahedron": lambda _: (_SIGNS[_SIGNS.prod(axis=1) > 0], np.full(4, 1 / _TETRAHEDRON)),
    "octahedron": lambda _: (_SIGNS, np.full(8, 1 / np.sqrt(3) / _OCTAHEDRON)),
    "truncated octahedron": lambda _: (
        np.concatenate([_SIGNS, _AXES]),
        np.array([np.sqrt(3)] * 8 + [2.0] * 6) / _TRUNCATED,
    ),
    "cube": lambda _: (_AXES, np.full(6, 1 / _CUBE)),
    "plate": _plate,
}
"""Unit normals (N, 3) and distances (N,) of the faces, for an aspect ratio."""

_CORNERS: dict[str, Callable[[float], float]] = {
    "tetrahedron": lambda _: 3 / _TETRAHEDRON,
    "octahedron": lambda _: 1 / _OCTAHEDRON,
    "truncated octahedron": lambda _: np.sqrt(5) / _TRUNCATED,
    "cube": lambda _: np.sqrt(3) / _CUBE,
    "plate": lambda k: np.hypot(2 / np.sqrt(3), 1 / k) / _plate_radius(k),
}
"""Distance of the farthest corner from the centre, for an aspect ratio."""
