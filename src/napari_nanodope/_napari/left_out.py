"""Particles that the statistics leave out, looked at again only where labels have changed."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.core.editing import Change, compare
from napari_nanodope.pipeline import find_left_out
from napari_nanodope.recipe import Recipe

Labels = NDArray[np.int32]

_MARGIN_PX = 16
_MOST = 0.02  # of all pixels, above which everything is looked at


class LeftOut:
    """What `find_left_out` says of labels that are edited a little at a time."""

    def __init__(self) -> None:
        self._settings: tuple[Any, ...] = ()
        self._labels: Labels = np.zeros((0, 0), np.int32)
        self._reasons: dict[int, str] = {}

    def find(
        self,
        labels: Labels,
        pixel_size_nm: tuple[float, float],
        recipe: Recipe,
        exclusions: Mapping[int, str],
    ) -> dict[int, str]:
        """Reasons by label; see `napari_nanodope.pipeline.find_left_out`."""
        settings = labels.shape, pixel_size_nm, recipe.particles
        change = compare(self._labels, labels) if settings == self._settings else None
        if change is None or len(change.pixels) > _MOST * labels.size:
            self._reasons = find_left_out(labels, pixel_size_nm, recipe)
        elif len(change.pixels):
            self._look_again(labels, change, pixel_size_nm, recipe)
        if change is None or len(change.pixels):
            self._labels = labels.copy()
        self._settings = settings
        return dict(sorted(self._reasons.items())) | dict(exclusions)

    def _look_again(
        self, labels: Labels, change: Change, pixel_size_nm: tuple[float, float], recipe: Recipe
    ) -> None:
        """Look at the particles that changed, and at those beside the pixels that did."""
        rows, columns = np.divmod(change.pixels, labels.shape[1])
        beside = [
            labels[_limit(rows + dy, labels.shape[0]), _limit(columns + dx, labels.shape[1])]
            for dy, dx in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))
        ]
        touched = np.unique(np.concatenate([change.before, *beside]))
        touched = touched[touched > 0]
        ends = [(int(one.min()), int(one.max()) + 1) for one in (rows, columns)]
        window = _find_window(labels, touched, ends)
        seen = find_left_out(np.ascontiguousarray(labels[window]), pixel_size_nm, recipe)
        for label in touched.tolist():
            self._reasons.pop(label, None)
            if label in seen:
                self._reasons[label] = seen[label]


def _limit(at: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    return np.clip(at, 0, n - 1)


def _find_window(
    labels: Labels, wanted: NDArray[np.int32], ends: list[tuple[int, int]]
) -> tuple[slice, slice]:
    """Window around the ends that holds particles whole, with other pixels around them."""
    margin = _MARGIN_PX
    while True:
        rows, columns = (
            slice(max(low - margin, 0), min(high + margin, n))
            for (low, high), n in zip(ends, labels.shape, strict=True)
        )
        part = labels[rows, columns]
        sides = [
            (part[0], rows.start > 0),
            (part[-1], rows.stop < labels.shape[0]),
            (part[:, 0], columns.start > 0),
            (part[:, -1], columns.stop < labels.shape[1]),
        ]
        if not any(is_inside and np.isin(side, wanted).any() for side, is_inside in sides):
            return rows, columns
        margin *= 2
