"""Label images: compact numbering, and the morphology of every particle in one pass."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numba
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class CompactLabels:
    """A label image whose particles are numbered from 1 without gaps.

    Attributes
    ----------
    image : (Y, X) int32 array
        0 for background, ``k + 1`` for the particle ``ids[k]``.
    ids : (N,) int32 array
        The labels as they were given, ascending.
    """

    image: NDArray[np.int32]
    ids: NDArray[np.int32]

    @property
    def n(self) -> int:
        """Number of particles."""
        return len(self.ids)


def compact_labels(labels: NDArray[np.int32]) -> CompactLabels:
    """Particles of a label image, numbered from 1 without gaps.

    Parameters
    ----------
    labels : (Y, X) int32 array
        Zero for background; positive labels, with gaps or not. It is not copied where it has none.
    """
    highest = int(labels.max(initial=0))
    if highest > 4 * labels.size + 1024:
        ids = np.unique(labels[labels > 0]).astype(np.int32)
        image = np.searchsorted(ids, labels).astype(np.int32) + np.int32(1)
        image[labels == 0] = 0
        return CompactLabels(image, ids)
    ids = np.flatnonzero(_find_labels(labels, highest)).astype(np.int32)
    if len(ids) == highest:
        return CompactLabels(labels, ids)
    lookup = np.zeros(highest + 1, np.int32)
    lookup[ids] = np.arange(1, len(ids) + 1, dtype=np.int32)
    return CompactLabels(lookup[labels], ids)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part of an image lies in it.

    Attributes
    ----------
    first_px : (int, int)
        Row and column of the part's first pixel.
    shape_px : (int, int)
        Rows and columns of the whole.
    """

    first_px: tuple[int, int]
    shape_px: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Morphology:
    """Shape of every particle; all arrays have one row per particle.

    Attributes
    ----------
    n_pixels : (N,) int64 array
        Area in pixels.
    bounds_px : (N, 4) int32 array
        First row, first column, last row, last column.
    centroid_nm : (N, 2) float64 array
        Mean of the pixel centres (y, x) in nm; the centre of the first pixel is (0, 0).
    eccentricity : (N,) float64 array
        sqrt(1 - l2 / l1) with l1 >= l2 the eigenvalues of the second central moments, each pixel
        counted as an extended rectangle (dy^2 / 12 and dx^2 / 12 on the diagonal).
    solidity : (N,) float64 array
        Area over the area of the convex hull of the pixels' corners, so that a rectangle has 1.
    contact_fraction : (N,) float64 array
        Share of the outline, in nm along the sides of pixels, that borders other particles.
    touches_border : (N,) bool array
        Whether a pixel lies in the first or last row or column.
    """

    n_pixels: NDArray[np.int64]
    bounds_px: NDArray[np.int32]
    centroid_nm: NDArray[np.float64]
    eccentricity: NDArray[np.float64]
    solidity: NDArray[np.float64]
    contact_fraction: NDArray[np.float64]
    touches_border: NDArray[np.bool_]

    def of(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> Self:
        """Rows that are chosen, by a mask (N,) or by their numbers."""
        return type(self)(*(getattr(self, name)[chosen] for name in self.__slots__))

    @classmethod
    def join(cls, parts: "Sequence[Morphology]") -> Self:
        """Rows of several, one after another."""
        columns = ([getattr(part, name) for part in parts] for name in cls.__slots__)
        return cls(*map(np.concatenate, columns))


def measure_morphology(
    labels: CompactLabels, pixel_size_nm: tuple[float, float], place: Place | None = None
) -> Morphology:
    """Area, bounds, centroid, eccentricity, solidity and contacts of every particle.

    Parameters
    ----------
    labels : CompactLabels
        The particles. A label in several pieces is one particle.
    pixel_size_nm : (float, float)
        Height and width of a pixel (dy, dx) in nm.
    place : Place, optional
        Where the image lies in a larger one, of which positions and the border are then.

    Notes
    -----
    One pass over the runs of equal labels in each row; sums are exact integers, taken from a
    corner near the particle so that nothing is lost far from the origin.
    """
    first, bounds, sums = _sum_moments(labels.image, labels.n)
    n = sums[:, 0].astype(float)
    mean_y, mean_x = sums[:, 1] / n, sums[:, 2] / n
    dy, dx = pixel_size_nm
    var_y = (sums[:, 3] / n - mean_y**2 + 1 / 12) * dy**2
    var_x = (sums[:, 4] / n - mean_x**2 + 1 / 12) * dx**2
    cov = (sums[:, 5] / n - mean_y * mean_x) * dy * dx
    spread = np.hypot(var_y - var_x, 2 * cov)
    ratio = (var_y + var_x - spread) / (var_y + var_x + spread)
    hull = _hull_areas(*_row_extents(labels.image, bounds))
    n_rows, n_columns = labels.image.shape
    if place is not None:
        n_rows, n_columns = place.shape_px
        first = first + place.first_px
        bounds = bounds + np.tile(np.array(place.first_px, np.int32), 2)
    return Morphology(
        n_pixels=sums[:, 0],
        bounds_px=bounds,
        centroid_nm=(first + np.stack([mean_y, mean_x], axis=1)) * np.array([dy, dx]),
        eccentricity=np.sqrt(np.clip(1 - ratio, 0, 1)),
        solidity=n / hull,
        contact_fraction=_share_contact(labels, dy, dx),
        touches_border=(bounds[:, 0] == 0)
        | (bounds[:, 1] == 0)
        | (bounds[:, 2] == n_rows - 1)
        | (bounds[:, 3] == n_columns - 1),
    )


def _share_contact(labels: CompactLabels, dy: float, dx: float) -> NDArray[np.float64]:
    level, upright = _count_sides(labels.image, labels.n)
    outline, contact = (level * dx + upright * dy).T
    return np.asarray(contact / outline)


@numba.njit(cache=True, nogil=True)
def _count_sides(
    labels: NDArray[np.int32], n_particles: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Level and upright sides of pixels in each outline, and those among them to another."""
    n_rows, n_columns = labels.shape
    level = np.zeros((n_particles + 1, 2), np.int64)
    upright = np.zeros((n_particles + 1, 2), np.int64)
    for y in range(n_rows + 1):
        for x in range(n_columns):
            above = labels[y - 1, x] if y > 0 else 0
            below = labels[y, x] if y < n_rows else 0
            if above != below:
                touches = above > 0 and below > 0
                level[above, 0] += 1
                level[below, 0] += 1
                level[above, 1] += touches
                level[below, 1] += touches
    for y in range(n_rows):
        before = 0
        for x in range(n_columns + 1):
            after = labels[y, x] if x < n_columns else 0
            if before != after:
                touches = before > 0 and after > 0
                upright[before, 0] += 1
                upright[after, 0] += 1
                upright[before, 1] += touches
                upright[after, 1] += touches
            before = after
    return level[1:], upright[1:]


@numba.njit(cache=True, nogil=True)
def _find_labels(labels: NDArray[np.int32], highest: int) -> NDArray[np.bool_]:
    found = np.zeros(highest + 1, np.bool_)
    last = np.int32(0)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            if label != last:
                found[label] = True
                last = label
    found[0] = False
    return found


@numba.njit(cache=True, nogil=True)
def _sum_moments(
    labels: NDArray[np.int32], n_particles: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64]]:
    """First pixel, bounds, and sums of 1, y, x, y^2, x^2 and xy from that pixel."""
    n_rows, n_columns = labels.shape
    first = np.full((n_particles, 2), -1, np.int64)
    bounds = np.empty((n_particles, 4), np.int32)
    sums = np.zeros((n_particles, 6), np.int64)
    for row in range(n_rows):
        start = 0
        while start < n_columns:
            label = labels[row, start]
            stop = start + 1
            while stop < n_columns and labels[row, stop] == label:
                stop += 1
            if label > 0:
                k = label - 1
                if first[k, 0] < 0:
                    first[k, 0] = row
                    first[k, 1] = start
                    bounds[k, 0] = row
                    bounds[k, 1] = start
                    bounds[k, 3] = stop - 1
                bounds[k, 1] = min(bounds[k, 1], start)
                bounds[k, 2] = row
                bounds[k, 3] = max(bounds[k, 3], stop - 1)
                y = row - first[k, 0]
                a = start - first[k, 1]
                n = stop - start
                sum_x = n * a + n * (n - 1) // 2
                sum_xx = n * a * a + a * n * (n - 1) + (n - 1) * n * (2 * n - 1) // 6
                sums[k, 0] += n
                sums[k, 1] += n * y
                sums[k, 2] += sum_x
                sums[k, 3] += n * y * y
                sums[k, 4] += sum_xx
                sums[k, 5] += y * sum_x
            start = stop
    return first, bounds, sums


_ABSENT = -(2**31)  # of a row in which a particle has no pixel


@numba.njit(cache=True, nogil=True)
def _row_extents(
    labels: NDArray[np.int32], bounds: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """How far each particle reaches to the left (negated) and right in each row of its bounds."""
    n_particles = len(bounds)
    offsets = np.zeros(n_particles + 1, np.int64)
    for k in range(n_particles):
        offsets[k + 1] = offsets[k] + bounds[k, 2] - bounds[k, 0] + 1
    leftward = np.full(offsets[-1], _ABSENT, np.int64)
    rightward = np.full(offsets[-1], _ABSENT, np.int64)
    n_rows, n_columns = labels.shape
    for row in range(n_rows):
        start = 0
        while start < n_columns:
            label = labels[row, start]
            stop = start + 1
            while stop < n_columns and labels[row, stop] == label:
                stop += 1
            if label > 0:
                i = offsets[label - 1] + row - bounds[label - 1, 0]
                leftward[i] = max(leftward[i], -start)
                rightward[i] = max(rightward[i], stop)
            start = stop
    return offsets, leftward, rightward


@numba.njit(cache=True, nogil=True)
def _hull_areas(
    offsets: NDArray[np.int64], leftward: NDArray[np.int64], rightward: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Area in pixels of the convex hull of each particle's pixel corners."""
    areas = np.empty(len(offsets) - 1)
    for k in range(len(areas)):
        areas[k] = _area_under_hull(leftward[offsets[k] : offsets[k + 1]]) + _area_under_hull(
            rightward[offsets[k] : offsets[k + 1]]
        )
    return areas


@numba.njit(cache=True, nogil=True)
def _area_under_hull(reach: NDArray[np.int64]) -> float:
    """Integral over rows of the least concave function above the corners of rows of this reach."""
    n_rows = len(reach)
    stack_y = np.empty(n_rows + 1, np.int64)
    stack_x = np.empty(n_rows + 1, np.int64)
    top = 0
    for y in range(n_rows + 1):
        above = reach[y - 1] if y > 0 else _ABSENT
        below = reach[y] if y < n_rows else _ABSENT
        x = max(above, below)
        if x == _ABSENT:
            continue
        while top >= 2 and (stack_x[top - 1] - stack_x[top - 2]) * (y - stack_y[top - 1]) <= (
            x - stack_x[top - 1]
        ) * (stack_y[top - 1] - stack_y[top - 2]):
            top -= 1
        stack_y[top] = y
        stack_x[top] = x
        top += 1
    area = 0.0
    for i in range(1, top):
        area += 0.5 * (stack_x[i] + stack_x[i - 1]) * (stack_y[i] - stack_y[i - 1])
    return area
