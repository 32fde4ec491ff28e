"""Changes of label images that can be undone: merge, split, delete, paint."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_nanodope.model import InputError

Labels = NDArray[np.int32]

_SLIVER = 0.1  # of a particle, which is part of it if all of it lies along the cut
_FAR = 1e7  # pixels from the origin, where no image reaches
_FEW = 4  # labels that are sooner looked for one by one
_FOUR, _EIGHT = (ndimage.generate_binary_structure(2, n) for n in (1, 2))


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Pixels of a label image that get other labels.

    Attributes
    ----------
    pixels : (N,) int64 array
        Flat indices, ascending.
    before, after : (N,) int32 array
        Labels; they differ at every pixel.
    """

    pixels: NDArray[np.int64]
    before: Labels
    after: Labels

    def __post_init__(self) -> None:
        """Refuse arrays of different lengths."""
        if not len(self.pixels) == len(self.before) == len(self.after):
            raise InputError(
                f"Expected as many labels as pixels ({len(self.pixels)}), got {len(self.before)} "
                f"and {len(self.after)}."
            )

    @property
    def touched(self) -> Labels:
        """Particles that lose or gain pixels, ascending."""
        concerned = np.unique(np.concatenate([self.before, self.after]))
        return concerned[concerned > 0]

    def reversed(self) -> "Change":
        """What undoes it."""
        return Change(self.pixels, self.after, self.before)

    def check(self, labels: Labels) -> None:
        """Raise unless an image (Y, X) is the one that the change was made for.

        Raises
        ------
        InputError
            If a pixel is missing, or has another label.
        """
        if len(self.pixels) == 0:
            return
        flat = labels.reshape(-1)
        fits = self.pixels[0] >= 0 and self.pixels[-1] < flat.size
        if not (fits and np.array_equal(flat[self.pixels], self.before)):
            raise InputError(
                "Expected the labels that this change was made for, got others; open the field "
                "again."
            )

    def apply(self, labels: Labels) -> None:
        """Put the new labels into an image, in place; see `check` for what it raises."""
        self.check(labels)
        labels.reshape(-1)[self.pixels] = self.after


NOTHING = Change(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))
"""The change that changes no pixel."""


def compare(before: Labels, after: Labels) -> Change:
    """Change that leads from one label image (Y, X) to another."""
    pixels = np.flatnonzero(before != after)
    return Change(pixels, before.reshape(-1)[pixels], after.reshape(-1)[pixels])


def merge(labels: Labels, chosen: Sequence[int]) -> Change:
    """Change that makes one particle of several; it keeps the lowest number.

    Raises
    ------
    InputError
        If fewer than two particles of the image are chosen.
    """
    ids, pixels = _find(labels, chosen)
    if len(ids) < 2:
        raise InputError(
            f"Expected at least two particles to merge, got {len(ids)}; choose more with shift."
        )
    return _relabel(labels, pixels[labels.reshape(-1)[pixels] != ids[0]], ids[0])


def delete(labels: Labels, chosen: Sequence[int]) -> Change:
    """Change that turns particles into background.

    Raises
    ------
    InputError
        If none of them is in the image.
    """
    _, pixels = _find(labels, chosen)
    return _relabel(labels, pixels, 0)


def split_by_seeds(labels: Labels, label: int, seeds_yx: ArrayLike) -> Change:
    """Change that splits a particle by flooding its depth below the edge from seeds.

    Parameters
    ----------
    labels : (Y, X) int32 array
        The image.
    label : int
        Particle to split.
    seeds_yx : (N, 2) array
        Points in pixels, each in a different pixel of the particle. The first one's part keeps the
        number, the others get new ones.

    Raises
    ------
    InputError
        If there are fewer than two seeds, or one of them is outside the particle.
    """
    _find(labels, [label])
    window = _bound(labels, label)
    inside = labels[window] == label
    corner = np.array([part.start for part in window])
    points = _check_points(seeds_yx)
    at = np.rint(points).astype(int) - corner
    at = at[np.sort(np.unique(at, axis=0, return_index=True)[1])]  # a double click is one
    within = ((at >= 0) & (at < inside.shape)).all(axis=1)
    if len(at) < 2 or not within.all() or not inside[tuple(at.T)].all():
        raise InputError(
            f"Expected two or more different pixels of particle {label} as seeds, got "
            f"{len(at)} of which {int(within.sum())} are near it; click inside it once per part."
        )
    markers = np.zeros(inside.shape, np.int32)
    markers[tuple(at.T)] = np.arange(1, len(at) + 1)
    parts = _flood(inside, markers)
    return _number_parts(labels, label, window, parts)


def split_by_line(labels: Labels, label: int, *lines_yx: ArrayLike) -> Change:
    """Change that cuts a particle along drawn lines; pixels below them go to the nearest part.

    Parameters
    ----------
    labels : (Y, X) int32 array
        The image.
    label : int
        Particle to split.
    *lines_yx : (N, 2) array
        Corners of each line in pixels, N at least 2. The largest part keeps the number. Pieces of
        the particle that were apart before and that no line divides become particles too; slivers
        along a line do not.

    Raises
    ------
    InputError
        If the lines do not separate parts of the particle.
    """
    _find(labels, [label])
    window = _bound(labels, label)
    inside = np.pad(labels[window] == label, 1)
    corner = np.array([part.start - 1 for part in window])
    cut = np.zeros(inside.shape, bool)
    for line in lines_yx:
        cut |= _rasterise(_check_points(line) - corner, inside.shape) & inside
    bodies, n_bodies = ndimage.label(inside, _EIGHT)
    parts, n_parts = np.zeros(inside.shape, np.int32), 0
    for body in range(1, n_bodies + 1):
        divided = _divide(bodies == body, cut)
        parts = np.where(divided > 0, divided + n_parts, parts)
        n_parts += int(divided.max())
    if n_parts <= n_bodies:
        raise InputError(
            f"Expected a line across particle {label}, got one that leaves it whole; draw from "
            f"outside it to outside it."
        )
    order = np.argsort(-np.bincount(parts.ravel(), minlength=n_parts + 1)[1:], kind="stable")
    rank = np.zeros(n_parts + 1, np.int32)
    rank[1 + order] = np.arange(1, n_parts + 1)
    return _number_parts(labels, label, window, rank[parts][1:-1, 1:-1])


def _divide(body: NDArray[np.bool_], cut: NDArray[np.bool_]) -> Labels:
    """Parts (from 1) of a connected body on the sides of a cut; one where it does not divide it.

    A piece that lies along the cut all over is a sliver that the raster left, unless there are no
    others; a piece that hangs by a corner of another belongs to that one.
    """
    pieces, n = ndimage.label(body & ~cut, _FOUR)
    beside = ndimage.binary_dilation(cut & body, _EIGHT)
    sizes = np.bincount(pieces.ravel(), minlength=n + 1)[1:]
    along = np.bincount(pieces[beside], minlength=n + 1)[1:]
    touching = [int(i) for i in np.argsort(-sizes, kind="stable") if along[i] > 0]
    real = [i + 1 for i in touching if along[i] < sizes[i]]
    if len(real) < 2:
        real = [i + 1 for i in touching[:2] if sizes[i] >= _SLIVER * sizes.sum()]
    if len(real) < 2:
        return body.astype(np.int32)
    seeds = np.zeros(body.shape, np.int32)
    for number, piece in enumerate(real, 1):
        seeds[pieces == piece] = number
    nearest = ndimage.distance_transform_edt(
        seeds == 0, return_distances=False, return_indices=True
    )
    return np.asarray(np.where(body, seeds[tuple(nearest)], 0), np.int32)


def find_present(labels: Labels, chosen: Sequence[int]) -> list[int]:
    """Those of the chosen numbers that particles of an image (Y, X) have, in their order."""
    wanted = [int(label) for label in chosen if 0 < label <= np.iinfo(np.int32).max]
    if len(wanted) < _FEW:
        return [label for label in wanted if (labels == label).any()]
    there = np.isin(np.array(wanted, np.int32), labels)
    return [label for label, is_there in zip(wanted, there, strict=True) if is_there]


def mark(labels: Labels, chosen: Sequence[int]) -> NDArray[np.bool_]:
    """Pixels (Y, X) of some particles, in a fraction of the time of `numpy.isin`."""
    if len(chosen) >= _FEW:
        wanted = [label for label in chosen if 0 < label <= np.iinfo(np.int32).max]
        return _mark(labels, np.unique(np.array(wanted, np.int32)))
    marked = np.zeros(labels.shape, bool)
    for label in chosen:
        marked |= labels == label
    return marked


@numba.njit(cache=True, nogil=True)
def _mark(labels: Labels, wanted: Labels) -> NDArray[np.bool_]:
    marked = np.zeros(labels.shape, np.bool_)
    for y in range(labels.shape[0]):
        last, is_wanted = np.int32(0), False
        for x in range(labels.shape[1]):
            label = labels[y, x]
            if label != last:
                last = label
                k = np.searchsorted(wanted, label)
                is_wanted = k < len(wanted) and wanted[k] == label
            marked[y, x] = is_wanted
    return marked


def _check_points(points_yx: ArrayLike) -> NDArray[np.float64]:
    points = np.asarray(points_yx, float).reshape(-1, 2)
    if not np.isfinite(points).all() or np.abs(points).max(initial=0.0) > _FAR:
        raise InputError("Expected points in pixels, got some that are nowhere; mark them again.")
    return points


def _find(labels: Labels, chosen: Sequence[int]) -> tuple[list[int], NDArray[np.int64]]:
    """Labels of particles, ascending, and the flat indices of their pixels."""
    ids = sorted({int(label) for label in chosen} - {0})
    pixels = np.flatnonzero(mark(labels, ids))
    missing = sorted(set(ids) - set(np.unique(labels.reshape(-1)[pixels]).tolist()))
    if missing or not ids:
        what = f"particle {missing[0]}, which is not there" if missing else "none"
        raise InputError(f"Expected particles of this image, got {what}; choose them again.")
    return ids, pixels


def _relabel(labels: Labels, pixels: NDArray[np.int64], label: int) -> Change:
    after = np.full(len(pixels), label, np.int32)
    return Change(pixels, labels.reshape(-1)[pixels], after)


def _bound(labels: Labels, label: int) -> tuple[slice, slice]:
    """Rows and columns that hold a particle."""
    inside = labels == label
    rows, columns = (np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _flood(inside: NDArray[np.bool_], markers: Labels) -> Labels:
    """Parts (from 1) of a body, each grown from a marker, deepest pixels first."""
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]
    parts = np.pad(markers, 1, constant_values=-1)
    parts[1:-1, 1:-1][~inside] = -1
    step = parts.shape[1]
    around = (-step, -1, 1, step, -step - 1, -step + 1, step - 1, step + 1)
    flat, height = parts.reshape(-1), -np.pad(depth, 1).reshape(-1)
    front = [(float(height[at]), n, int(at)) for n, at in enumerate(np.flatnonzero(flat > 0))]
    heapq.heapify(front)
    n_seen = len(front)
    while front:
        level, _, at = heapq.heappop(front)
        for neighbour in (at + offset for offset in around):
            if flat[neighbour] == 0:
                flat[neighbour] = flat[at]
                n_seen += 1  # of equal heights the first seen goes first
                heapq.heappush(front, (max(level, height[neighbour]), n_seen, neighbour))
    return np.maximum(parts[1:-1, 1:-1], 0)


def _rasterise(line_yx: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Pixels of a polyline, each a neighbour of the last, corners included."""
    drawn = np.zeros(shape, bool)
    for start, stop in pairwise(line_yx):
        steps = int(np.ceil(np.abs(stop - start).max())) + 1
        points = np.rint(np.linspace(start, stop, 2 * steps)).astype(int)
        points = points[((points >= 0) & (points < shape)).all(axis=1)]
        drawn[tuple(points.T)] = True
    return drawn


def _number_parts(labels: Labels, label: int, window: tuple[slice, slice], parts: Labels) -> Change:
    """Change in which part 1 of a particle keeps its number, and part k gets the k-1st new one."""
    numbers = np.concatenate([[0, label], _new_numbers(labels, int(parts.max()) - 1)])
    after = labels[window].copy()
    after[parts > 0] = numbers[parts[parts > 0]]
    rows, columns = np.nonzero(after != labels[window])
    width = labels.shape[1]
    pixels = (rows + window[0].start) * width + columns + window[1].start
    return Change(pixels, labels[window][rows, columns], after[rows, columns])


def _new_numbers(labels: Labels, n: int) -> Labels:
    """Numbers that no particle has, above all of them, or where that is no number between them."""
    highest = int(labels.max(initial=0))
    if highest + n <= np.iinfo(np.int32).max:
        return np.arange(highest + 1, highest + n + 1, dtype=np.int32)
    used = np.unique(labels)
    return np.setdiff1d(np.arange(1, len(used) + n + 1, dtype=np.int32), used)[:n]
