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
class Grid:
    """Fine grid to integrate over: lines of constant azimuth, from equator to pole (or to pole).

    Attributes
    ----------
    unit : (P * T, 3) array
        Unit vectors.
    harmonics : (K, P * T) array
        Values of the harmonics of some knots.
    n_azimuths, n_polar : int
        P lines of T points each, equally spaced in the cosine of the polar angle.
    """

    unit: Array
    harmonics: Array
    n_azimuths: int
    n_polar: int


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
def make_grid(symmetry: Symmetry, degree: int, n_polar: int, n_azimuths: int) -> Grid:
    """Fine grid over the directions that symmetry leaves, with the harmonics on it."""
    cosines = np.linspace(0.0, 1.0, n_polar)
    if symmetry in (Symmetry.ISOTROPIC, Symmetry.AXIAL):
        n_azimuths = 1
    span = {Symmetry.RHOMBIC: np.pi / 2, Symmetry.NONE: 2 * np.pi}.get(symmetry, 0.0)
    azimuths = (np.arange(n_azimuths) + 0.5) / n_azimuths * span
    cos, phi = np.meshgrid(cosines, azimuths)
    unit = _to_unit(cos.ravel(), phi.ravel())
    values, _ = _harmonics(symmetry, degree, unit)
    return Grid(unit, values, n_azimuths, n_polar)


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
