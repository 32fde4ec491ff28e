"""What is measured of every particle; after an edit, only of those that it touched."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.core.distance import (
    compute_erode_ceil_depth_px,
    deepest,
    measure_depth_nm,
)
from napari_nanodope.core.labels import (
    CompactLabels,
    Morphology,
    Place,
    compact_labels,
    measure_morphology,
)
from napari_nanodope.core.profiles import DepthBins, RadialSums, sum_radially
from napari_nanodope.model import read_only

Labels = NDArray[np.int32]
Window = tuple[slice, slice]

_MOST_PIXELS, _MOST_PARTICLES = 0.02, 64  # above which everything is measured anew


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Maps in which particles are measured, and how.

    Attributes
    ----------
    host, dopant : (Y, X) float32 array
        Net counts.
    pixel_size_nm : (float, float)
        Height and width of a pixel (dy, dx) in nm.
    threshold : float
        A pixel strictly above it holds a dopant.
    distance : {"euclidean", "erode-ceil"}
        What a depth is; see `napari_nanodope.core.distance`.
    """

    host: NDArray[np.float32]
    dopant: NDArray[np.float32]
    pixel_size_nm: tuple[float, float]
    threshold: float
    distance: Literal["euclidean", "erode-ceil"]

    def is_same(self, other: "Scene") -> bool:
        """Whether these are the very maps of another one, measured in the same way."""
        return (
            self.host is other.host
            and self.dopant is other.dopant
            and (self.pixel_size_nm, self.threshold, self.distance)
            == (other.pixel_size_nm, other.threshold, other.distance)
        )

    def cut(self, window: Window) -> "Scene":
        """What is seen through a window."""
        host, dopant = (
            read_only(np.ascontiguousarray(one[window])) for one in (self.host, self.dopant)
        )
        return Scene(host, dopant, self.pixel_size_nm, self.threshold, self.distance)


@dataclass(frozen=True, slots=True, eq=False)
class Measurements:
    """What was measured of every particle of an image; one row per particle unless told otherwise.

    Attributes
    ----------
    scene : Scene
        Where.
    labels : (Y, X) int32 array
        The image.
    ids : (N,) int32 array
        Its labels, ascending.
    shapes : Morphology
        Area, centroid, contacts.
    inradius_nm : (N,) float64 array
        Greatest depth.
    sums : RadialSums
        One row per particle and depth.
    """

    scene: Scene
    labels: Labels
    ids: Labels
    shapes: Morphology
    inradius_nm: NDArray[np.float64]
    sums: RadialSums


def measure(
    labels: Labels,
    scene: Scene,
    *,
    place: Place | None = None,
    step: Callable[[str], None] = lambda what: None,
) -> Measurements:
    """Measure every particle.

    Parameters
    ----------
    labels : (Y, X) int32 array
        One positive number per particle, 0 for background.
    scene : Scene
        On the same pixels.
    place : Place, optional
        Where they lie in a larger image, for a part of one.
    step : callable, optional
        Told what comes next; an error that it raises stops the work.
    """
    step("morphology")
    compact = compact_labels(labels)
    shapes = measure_morphology(compact, scene.pixel_size_nm, place)
    step("distance from the edge")
    bins, inradius_nm = _measure_depth(compact, scene)
    step("counting")
    sums = sum_radially(compact, bins, scene.host, scene.dopant, scene.threshold)
    return Measurements(scene, labels, compact.ids, shapes, inradius_nm.astype(float), sums)


def _measure_depth(labels: CompactLabels, scene: Scene) -> tuple[DepthBins, NDArray[np.float32]]:
    """Depth bins, and the exact greatest depth (N,) of every particle in nm."""
    width = min(scene.pixel_size_nm)
    depth_nm, inradius_nm = measure_depth_nm(labels, scene.pixel_size_nm)
    if scene.distance == "euclidean":
        return DepthBins(depth_nm, inradius_nm, width=width), inradius_nm
    del depth_nm
    # Half a pixel puts a pixel in the middle of its bin, which is where its centre is.
    depth_px = compute_erode_ceil_depth_px(labels.image) + np.float32(0.5)
    return DepthBins(depth_px, deepest(labels, depth_px), nm=width), inradius_nm


def measure_again(known: Measurements, labels: Labels, scene: Scene) -> Measurements | None:
    """Measure the particles that differ from those measured before, and take over the others.

    Parameters
    ----------
    known : Measurements
        Those from before.
    labels, scene
        As for `measure`, which gives the same numbers to the last bit.

    Returns
    -------
    Measurements or None
        None where the scene is another one, or so many pixels changed that `measure` is as quick.
    """
    if not scene.is_same(known.scene):
        return None
    touched = find_touched(known.labels, labels, (known.ids, known.shapes.bounds_px))
    if touched is None:
        return None
    pieces = [(known, ~np.isin(known.ids, touched.labels))]
    for label, window in touched.windows.items():
        part = np.ascontiguousarray(labels[window])
        measured = measure(part, scene.cut(window), place=touched.place(window))
        pieces.append((measured, measured.ids == label))
    ids = np.concatenate([one.ids[chosen] for one, chosen in pieces])
    order = np.argsort(ids)
    inradius_nm = np.concatenate([one.inradius_nm[chosen] for one, chosen in pieces])
    return Measurements(
        scene=scene,
        labels=labels,
        ids=ids[order],
        shapes=Morphology.join([one.shapes.of(chosen) for one, chosen in pieces]).of(order),
        inradius_nm=inradius_nm[order],
        sums=_join_sums(pieces, ids[order]),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """Morphology of the particles of an image.

    Attributes
    ----------
    labels : (Y, X) int32 array
        The image.
    pixel_size_nm : (float, float)
        Height and width of a pixel (dy, dx) in nm.
    ids : (N,) int32 array
        Its labels, ascending.
    morphology : Morphology
        One row per particle.
    """

    labels: Labels
    pixel_size_nm: tuple[float, float]
    ids: Labels
    morphology: Morphology


def measure_shapes(
    labels: Labels, pixel_size_nm: tuple[float, float], known: Shapes | None = None
) -> Shapes:
    """Morphology of every particle, measured again where it differs from what is known.

    Parameters
    ----------
    labels : (Y, X) int32 array
        Copied, since editors change theirs.
    pixel_size_nm : (float, float)
        Height and width of a pixel (dy, dx) in nm.
    known : Shapes, optional
        From before an edit; the result is the same without.
    """
    touched = None
    if known is not None and known.pixel_size_nm == pixel_size_nm:
        bounds = known.morphology.bounds_px
        touched = find_touched(known.labels, labels, (known.ids, bounds))
    if known is None or touched is None:
        compact = compact_labels(labels)
        morphology = measure_morphology(compact, pixel_size_nm)
        return Shapes(labels.copy(), pixel_size_nm, compact.ids, morphology)
    if len(touched.pixels) == 0:
        return known
    stays = ~np.isin(known.ids, touched.labels)
    pieces = [(known.ids[stays], known.morphology.of(stays))]
    for label, window in touched.windows.items():
        part = compact_labels(np.ascontiguousarray(labels[window]))
        morphology = measure_morphology(part, pixel_size_nm, touched.place(window))
        pieces.append((part.ids[part.ids == label], morphology.of(part.ids == label)))
    ids = np.concatenate([one for one, _ in pieces])
    order = np.argsort(ids)
    joined = Morphology.join([one for _, one in pieces]).of(order)
    return Shapes(labels.copy(), pixel_size_nm, ids[order], joined)


def _join_sums(pieces: list[tuple[Measurements, NDArray[np.bool_]]], ids: Labels) -> RadialSums:
    """Rows of the chosen particles of each piece, by the index of their label among `ids`."""
    parts = [one.sums.of(chosen) for one, chosen in pieces]
    owner = np.concatenate(
        [one.ids[part.particle] for (one, _), part in zip(pieces, parts, strict=True)]
    )
    order = np.argsort(owner, kind="stable")
    rows = {
        name: np.concatenate([getattr(part, name) for part in parts])[order]
        for name in RadialSums.__slots__
    }
    return RadialSums(**rows | {"particle": np.searchsorted(ids, owner[order])})


@dataclass(frozen=True, slots=True, eq=False)
class Touched:
    """Particles that an edit touched: pixels of theirs, or pixels beside them, have changed.

    Attributes
    ----------
    shape : (int, int)
        Of the image (Y, X).
    pixels : (M,) int64 array
        Flat indices of those that changed.
    labels : (N,) int32 array
        Those of before and of now, ascending.
    windows : dict
        Rows and columns by label of those that are there now, with a pixel more on each side.
    """

    shape: tuple[int, int]
    pixels: NDArray[np.int64]
    labels: Labels
    windows: dict[int, Window]

    def place(self, window: Window) -> Place:
        """Where a window lies."""
        return Place((window[0].start, window[1].start), self.shape)


def find_touched(
    before: Labels, after: Labels, known: tuple[Labels, NDArray[np.int32]]
) -> Touched | None:
    """Particles that differ between two label images (Y, X), or lie beside pixels that do.

    Parameters
    ----------
    before, after : (Y, X) int32 array
        The images.
    known : (ids, bounds)
        Labels (N,) of `before` and their bounds (N, 4) as in `Morphology`.

    Returns
    -------
    Touched or None
        None where the images are too different for that to help.
    """
    if before.shape != after.shape:
        return None
    pixels = np.flatnonzero(before != after)
    if len(pixels) > _MOST_PIXELS * after.size:
        return None
    n_rows, n_columns = after.shape
    rows, columns = np.divmod(pixels, n_columns)
    old, new = before.reshape(-1)[pixels], after.reshape(-1)[pixels]
    seen = [old, new]
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        beside = np.clip(rows + dy, 0, n_rows - 1), np.clip(columns + dx, 0, n_columns - 1)
        seen.append(after[beside])
    touched = np.unique(np.concatenate(seen))
    touched = touched[touched > 0]
    if len(touched) > _MOST_PARTICLES:
        return None
    windows = {}
    for label in touched.tolist():
        gained = new == label
        corners = [*known[1][known[0] == label].reshape(-1, 2, 2)]
        if gained.any():
            ends = rows[gained], columns[gained]
            corners.append(np.array([[one.min() for one in ends], [one.max() for one in ends]]))
        window = _frame(np.array(corners), after.shape)
        if (after[window] == label).any():
            windows[label] = window
    return Touched((n_rows, n_columns), pixels, touched, windows)


def _frame(corners: NDArray[np.integer[Any]], shape: tuple[int, ...]) -> Window:
    """Rows and columns that hold boxes (N, first and last, 2), and a pixel more on each side."""
    first, last = corners[:, 0].min(axis=0), corners[:, 1].max(axis=0)
    rows, columns = (
        slice(max(int(a) - 1, 0), min(int(b) + 2, n))
        for a, b, n in zip(first, last, shape, strict=True)
    )
    return rows, columns
