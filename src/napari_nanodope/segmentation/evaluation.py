"""How well particles are outlined: average precision, counts and areas against a truth."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_nanodope.segmentation.scenes import DIAMETERS_PX, KINDS, Scene, render_scene

Labels = NDArray[np.int32]
Outliner = Callable[[NDArray[np.float32], float | None], Labels]

THRESHOLDS = (0.5, 0.75, 0.9)
HELD_OUT_SEED = 2_000_000_000
"""Scenes to test on are drawn from here; training starts from small seeds."""

_SIDES_PX = (256, 640)
_OUTSIDE = 4  # of 0 to 4
_SIZES_PX = (0.0, 10.0, 20.0, 40.0, np.inf)
"""Ends of the classes of diameter that pictures are counted in."""


@dataclass(frozen=True, slots=True)
class Example:
    """A picture with its true outlines.

    Attributes
    ----------
    name, kind : str
        What it is called, and what it is counted with.
    image : (Y, X) float32 array
        The picture.
    labels : (Y, X) int32 array
        True particles.
    """

    name: str
    kind: str
    image: NDArray[np.float32]
    labels: Labels


def render_held_out(n_per_kind: int, *, seed: int = HELD_OUT_SEED) -> Iterator[Example]:
    """Simulated pictures that no training has seen, of 256 to 640 pixels a side.

    Pictures are 8 mean diameters wide, as far as that allows. In one of five, diameters come from a
    range that is wider by a tenth at both ends, and other numbers may lie beyond those trained on.
    """
    for number, kind in enumerate(KINDS):
        for i in range(n_per_kind):
            seeds, outside = (seed, number, i), i % 5 == _OUTSIDE
            low, high = np.log(DIAMETERS_PX)
            margin = 0.1 * (high - low) if outside else 0.0
            rng = np.random.default_rng((*seeds, 1))
            diameter = float(np.exp(rng.uniform(low - margin, high + margin)))
            side = round(float(np.clip(8 * diameter, *_SIDES_PX)))
            scene: Scene = render_scene(
                kind, seed=seeds, shape_px=(side, side), diameter_px=diameter, outside=outside
            )
            yield Example(f"{kind} {i}", kind, scene.image, scene.labels)


def compare_labels(true: Labels, found: Labels) -> dict[str, float]:
    """Agreement of two label images.

    Parameters
    ----------
    true, found : (Y, X) int32 arrays
        Particles from 1, without gaps.

    Returns
    -------
    dict
        ``n_true, n_found``; ``AP50, AP75, AP90``, the share TP / (TP + FP + FN) at which particles
        overlap by an intersection over union of that much [1]_ (1 where neither has any);
        ``area_ratio``, the area found over the true area, summed over the pairs that overlap by
        half (NaN without any); ``diameter_px``, the median true equivalent diameter (NaN
        likewise).

    References
    ----------
    .. [1] C. Stringer et al., Nat. Methods 2021, 18, 100, DOI 10.1038/s41592-020-01018-x.
    """
    overlap = _overlap(true, found)
    n_true, n_found = (n - 1 for n in overlap.shape)
    scores: dict[str, float] = {"n_true": n_true, "n_found": n_found}
    i, j, iou = _match(overlap)
    for threshold in THRESHOLDS:
        hits = int(np.count_nonzero(iou >= threshold))
        missed = n_true + n_found - hits
        scores[f"AP{100 * threshold:.0f}"] = hits / missed if missed else 1.0
    pairs = iou >= THRESHOLDS[0]
    areas = (overlap.sum(axis=1)[1 + i[pairs]], overlap.sum(axis=0)[1 + j[pairs]])
    scores["area_ratio"] = float(areas[1].sum() / areas[0].sum()) if pairs.any() else np.nan
    diameters = 2 * np.sqrt(overlap.sum(axis=1)[1:] / np.pi)
    scores["diameter_px"] = float(np.median(diameters)) if n_true else np.nan
    return scores


def evaluate(outliner: Outliner, examples: Iterable[Example]) -> pd.DataFrame:
    """Agreement of a method with the truth, a row per picture; columns as in `compare_labels`.

    Parameters
    ----------
    outliner : callable
        Gives labels of an image and a diameter in pixels, which is None here.
    examples : iterable of Example
        Pictures with their truth.
    """
    rows = []
    for one in examples:
        found = outliner(one.image, None)
        rows.append({"name": one.name, "kind": one.kind, **compare_labels(one.labels, found)})
    return pd.DataFrame(rows)


def summarise(table: pd.DataFrame, *, by: Literal["kind", "size"] = "kind") -> pd.DataFrame:
    """Means of `evaluate` by kind of picture, or by size of the particles, and over all.

    Parameters
    ----------
    table : DataFrame
        From `evaluate`.
    by : {"kind", "size"}, optional
        Sizes are classes of the median true diameter in pixels.

    Returns
    -------
    DataFrame
        ``kind`` or ``size``, ``n_pictures, n_true, n_found, AP50, AP75, AP90``, means over the
        pictures; ``area_bias``, the mean of the area ratios less 1; ``count_error``, relative, of
        the sums. The last row is over all that hold particles.
    """
    particles = table[table["n_true"] > 0]
    if by == "kind":
        groups = [(str(kind), part) for kind, part in table.groupby("kind", sort=False)]
    else:
        ends = pairwise(_SIZES_PX)
        sizes = particles["diameter_px"]
        groups = [
            (f"{low:g} to {high:g} px", particles[(sizes >= low) & (sizes < high)])
            for low, high in ends
        ]
    rows = [_mean(name, part, by) for name, part in groups if len(part)]
    return pd.DataFrame([*rows, _mean("all", particles, by)])


def _mean(name: str, part: pd.DataFrame, by: str) -> dict[str, Any]:
    n_true, n_found = int(part["n_true"].sum()), int(part["n_found"].sum())
    return {
        by: name,
        "n_pictures": len(part),
        "n_true": n_true,
        "n_found": n_found,
        **{score: part[score].mean() for score in ("AP50", "AP75", "AP90")},
        "area_bias": part["area_ratio"].mean() - 1,
        "count_error": n_found / n_true - 1 if n_true else np.nan,
    }


def _overlap(true: Labels, found: Labels) -> NDArray[np.int64]:
    """Pixels (N + 1, M + 1) that each pair of labels shares, 0 included."""
    shape = int(true.max(initial=0)) + 1, int(found.max(initial=0)) + 1
    pairs = true.astype(np.int64) * shape[1] + found
    return np.bincount(pairs.ravel(), minlength=shape[0] * shape[1]).reshape(shape)


def _match(
    overlap: NDArray[np.int64],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Pairs that overlap by more than half of their union: no particle can be in two of them."""
    shared = overlap[1:, 1:]
    areas = overlap.sum(axis=1)[1:, None] + overlap.sum(axis=0)[None, 1:]
    i, j = np.nonzero(2 * shared >= areas - shared)
    iou = shared[i, j] / (areas[i, j] - shared[i, j])
    # Two halves of a particle may share exactly half each; the first is taken.
    _, first = np.unique(i, return_index=True)
    _, again = np.unique(j[first], return_index=True)
    kept = first[again]
    return i[kept], j[kept], iou[kept]
