"""Directions of the field, and functions of direction interpolated between a few of them.

Fields of resonance and intensities are smooth, even functions of the direction of the field, so
real spherical harmonics of even degree interpolate them from as few directions as there are
harmonics. Symmetry leaves out those that cannot occur.
"""

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr
from scipy.special import sph_harm_y

Array = NDArray[np.float64]

_CANDIDATES_PER_DEGREE = 3

N_COARSE_POLAR, N_COARSE_AZIMUTHS = 33, 16
"""Directions on an arc and arcs of a grid to look at lines on."""


class Symmetry(Enum):
    """What a spectrum does not change under."""

    ISOTROPIC = "any rotation"
    AXIAL = "rotations about z"
    RHOMBIC = "reflections in the planes of the axes"
    NONE = "inversion only"


@dataclass(frozen=True, slots=True, eq=False)
class Knots:
    """Directions at which something is computed, to be interpolated from.

    Attributes
    ----------
    unit : (K, 3) array
        Unit vectors.
    degrees : (K,) int array
        Degree of each harmonic.
    to_coefficients : (K, K) array
        From values at the knots to coefficients of the harmonics.
    """

    unit: Array
    degrees: NDArray[np.int64]
    to_coefficients: Array


@dataclass(frozen=True, slots=True, eq=False)
class Quadrature:
    """Many directions, to average what is known at some knots.

    Attributes
    ----------
    to_directions : (K, G) array
        To values in all directions from those at the knots.
    weights : (G,) array
        Of the directions; they add up to 1.
    """

    to_directions: Array
    weights: Array


@lru_cache(maxsize=32)
def place_knots(symmetry: Symmetry, degree: int) -> Knots:
    """Directions from which functions up to an even degree are interpolated well.

    Notes
    -----
    Approximate Fekete points [1]_: those of a fine grid that a QR decomposition with pivoting of
    its matrix of harmonics takes first.

    References
    ----------
    .. [1] A. Sommariva, M. Vianello, Comput. Math. Appl. 2009, 57, 1324,
       DOI 10.1016/j.camwa.2008.11.011.
    """
    if symmetry is Symmetry.ISOTROPIC:
        return Knots(
            np.array([[0.0, 0.0, 1.0]]), np.zeros(1, np.int64), np.full((1, 1), np.sqrt(4 * np.pi))
        )
    unit = _candidates(symmetry, degree)
    values, degrees = _harmonics(symmetry, degree, unit)
    _, _, order = qr(values, mode="economic", pivoting=True)
    chosen = np.sort(order[: len(degrees)])
    return Knots(unit[chosen], degrees, np.asarray(np.linalg.inv(values[:, chosen].T), float))


@lru_cache(maxsize=32)
def make_quadrature(symmetry: Symmetry, knots: Knots, n_polar: int, n_azimuths: int) -> Quadrature:
    """Directions evenly spaced in both angles over those that symmetry leaves.

    Notes
    -----
    Polar angles are the points of Fejer's first rule, which is as exact for smooth functions as
    Gauss and Legendre's once they are resolved [1]_; so is the sum over azimuths.

    References
    ----------
    .. [1] L. N. Trefethen, SIAM Rev. 2008, 50, 67, DOI 10.1137/060659831.
    """
    if symmetry is Symmetry.ISOTROPIC:
        return Quadrature(np.ones((1, 1)), np.ones(1))
    polar = (np.arange(n_polar) + 0.5) / n_polar * np.pi / 2
    n = np.arange(1, n_polar + 1)
    weights = (1 - 2 * np.cos(2 * polar[:, None] * n) @ (1 / (4 * n**2 - 1))) / n_polar
    unit = _span(symmetry, np.cos(polar), n_azimuths)
    n_azimuths = len(unit) // n_polar
    values, _ = _harmonics(symmetry, int(knots.degrees[-1]), unit)
    to_directions = knots.to_coefficients.T @ values
    return Quadrature(to_directions, np.tile(weights / n_azimuths, n_azimuths))


def make_arcs(symmetry: Symmetry, n_polar: int, n_azimuths: int) -> Array:
    """Directions (P, T, 3) on arcs, evenly spaced in the cosine from equator to pole."""
    return _span(symmetry, np.linspace(0.0, 1.0, n_polar), n_azimuths).reshape(-1, n_polar, 3)


def _span(symmetry: Symmetry, cosines: Array, n_azimuths: int) -> Array:
    """Unit vectors of some polar angles on each of some arcs over what symmetry leaves."""
    if symmetry is Symmetry.AXIAL:
        n_azimuths = 1
    span = {Symmetry.RHOMBIC: np.pi / 2, Symmetry.NONE: 2 * np.pi}.get(symmetry, 0.0)
    azimuths = (np.arange(n_azimuths) + 0.5) / n_azimuths * span
    cos, phi = np.meshgrid(cosines, azimuths)
    return _to_unit(cos.ravel(), phi.ravel())


def extrapolate(values: Array, knots: Knots, symmetry: Symmetry) -> tuple[Array, Array]:
    """Values on a coarse grid, and the parts of the last harmonics in them.

    Parameters
    ----------
    values : (K, L) array
        At the knots.
    knots : Knots
        Where they are known.
    symmetry : Symmetry
        Of the harmonics.

    Returns
    -------
    (3, G, L) array
        Values on arcs, and the parts of the last degree and of the one before.
    (D, L) array
        Sums of the sizes of the coefficients of the last four degrees, the last one first.
    """
    to_grid, to_sizes = _look_coarsely(symmetry, knots)
    sizes = to_sizes @ np.abs(knots.to_coefficients @ values)
    return (to_grid @ values).reshape(3, -1, values.shape[1]), sizes


@lru_cache(maxsize=32)
def _look_coarsely(symmetry: Symmetry, knots: Knots) -> tuple[Array, Array]:
    last = np.unique(knots.degrees)[:-5:-1]
    arcs = make_arcs(symmetry, N_COARSE_POLAR, N_COARSE_AZIMUTHS)
    values, _ = _harmonics(symmetry, int(knots.degrees[-1]), arcs.reshape(-1, 3))
    chosen = [np.ones(len(knots.degrees), bool), *(knots.degrees == n for n in last[:2])]
    to_grid = [values[one].T @ knots.to_coefficients[one] for one in chosen]
    return np.concatenate(to_grid), (knots.degrees == last[:, None]).astype(float)


def make_powder(symmetry: Symmetry, n_polar: int) -> tuple[Array, Array]:
    """Unit vectors (K, 3) evenly spaced in angle from pole to equator, and their weights (K,).

    Weights add up to 1; each is the solid angle nearest to its direction. Without symmetry there
    are twice as many azimuths as polar angles; reflections are not made use of.
    """
    if symmetry is Symmetry.ISOTROPIC:
        return np.array([[0.0, 0.0, 1.0]]), np.ones(1)
    polar = np.linspace(0.0, np.pi / 2, n_polar)
    ends = np.concatenate([[0.0], (polar[1:] + polar[:-1]) / 2, [np.pi / 2]])
    n_azimuths = 1 if symmetry is Symmetry.AXIAL else 2 * n_polar
    azimuths = np.arange(n_azimuths) / n_azimuths * 2 * np.pi
    theta, phi = np.meshgrid(polar, azimuths)
    weights = np.tile(-np.diff(np.cos(ends)) / n_azimuths, n_azimuths)
    return _to_unit(np.cos(theta).ravel(), phi.ravel()), weights


def _candidates(symmetry: Symmetry, degree: int) -> Array:
    n = _CANDIDATES_PER_DEGREE * (degree + 2)
    cos = np.cos(np.linspace(0.0, np.pi / 2, n))
    if symmetry is Symmetry.AXIAL:
        return _to_unit(cos, np.zeros(n))
    end = np.pi / 2 if symmetry is Symmetry.RHOMBIC else 2 * np.pi * (1 - 1 / (2 * n))
    grid = np.meshgrid(cos, np.linspace(0.0, end, n if symmetry is Symmetry.RHOMBIC else 2 * n))
    return _to_unit(grid[0].ravel(), grid[1].ravel())


def _to_unit(cos: Array, phi: Array) -> Array:
    sin = np.sqrt(np.maximum(1 - cos**2, 0.0))
    return np.stack([sin * np.cos(phi), sin * np.sin(phi), cos], axis=1)


def _harmonics(symmetry: Symmetry, degree: int, unit: Array) -> tuple[Array, NDArray[np.int64]]:
    """Real harmonics (K, N) that symmetry allows, and their degrees."""
    polar, azimuth = np.arccos(np.clip(unit[:, 2], -1, 1)), np.arctan2(unit[:, 1], unit[:, 0])
    values, degrees = [], []
    for n in range(0, degree + 1, 2):
        for m in _orders(symmetry, n):
            complex_ = sph_harm_y(n, abs(m), polar, azimuth)
            values.append(complex_.imag if m < 0 else complex_.real)
            degrees.append(n)
        if symmetry is Symmetry.ISOTROPIC:
            break
    return np.array(values), np.array(degrees)


def _orders(symmetry: Symmetry, degree: int) -> range:
    if symmetry is Symmetry.RHOMBIC:
        return range(0, degree + 1, 2)
    return range(-degree, degree + 1) if symmetry is Symmetry.NONE else range(1)
