"""Pictures shrunk to the size at which a network works best, and labels brought back from there."""

import math
from collections.abc import Iterator

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FloatImage = NDArray[np.float32]

LEVELS = (2.0, 1.0, 1 / 2, 1 / 4, 1 / 8, 1 / 16)
"""Magnifications that a picture may be segmented at."""

BEST_DIAMETER_PX = 22.0
"""Diameter at which particles are segmented, as nearly as the levels allow."""


def choose_level(diameter_px: float) -> float:
    """Magnification that brings a diameter nearest to the best one, on a logarithmic scale."""
    return min(LEVELS, key=lambda f: abs(math.log(f * diameter_px / BEST_DIAMETER_PX)))


def rescale(image: FloatImage, level: float) -> FloatImage:
    """Picture magnified by `level`, a copy; shrunk by the mean of whole blocks.

    Where the sides are no multiples of the blocks, the last rows and columns are repeated.
    """
    if level == 1:
        return image.copy()
    if level > 1:
        return np.asarray(
            ndimage.zoom(image, level, order=1, mode="nearest", grid_mode=True), np.float32
        )
    step = round(1 / level)
    padding = [(0, -n % step) for n in image.shape]
    whole = np.pad(image, padding, mode="edge")
    blocks = whole.reshape(whole.shape[0] // step, step, whole.shape[1] // step, step)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64), np.float32)


@numba.njit(cache=True, nogil=True)
def bring_back(
    labels: NDArray[np.int32], logits: FloatImage, level: float, shape: tuple[int, int]
) -> NDArray[np.int32]:
    """Labels (Y, X) of the original pixels from those at a level.

    Parameters
    ----------
    labels : (Y', X') int32 array
        Particles at the level; 0 for background.
    logits : (Y', X') float32 array
        Positive inside particles.
    level : float
        Magnification of `labels`.
    shape : (int, int)
        Rows and columns of the original.

    Notes
    -----
    A pixel lies inside where the logits, interpolated linearly at its centre, are positive; it goes
    to the particle that has the largest part of the four interpolated pixels.
    """
    out = np.zeros(shape, np.int32)
    n_rows, n_columns = labels.shape
    at_labels = np.zeros(4, np.int32)
    weights = np.zeros(4)
    for y in range(shape[0]):
        v = min(max((y + 0.5) * level - 0.5, 0.0), n_rows - 1.0)
        y0 = int(v)
        y1 = min(y0 + 1, n_rows - 1)
        for x in range(shape[1]):
            u = min(max((x + 0.5) * level - 0.5, 0.0), n_columns - 1.0)
            x0 = int(u)
            x1 = min(x0 + 1, n_columns - 1)
            weights[0] = (1 - v + y0) * (1 - u + x0)
            weights[1] = (1 - v + y0) * (u - x0)
            weights[2] = (v - y0) * (1 - u + x0)
            weights[3] = (v - y0) * (u - x0)
            at_labels[0] = labels[y0, x0]
            at_labels[1] = labels[y0, x1]
            at_labels[2] = labels[y1, x0]
            at_labels[3] = labels[y1, x1]
            inside = (
                weights[0] * logits[y0, x0]
                + weights[1] * logits[y0, x1]
                + weights[2] * logits[y1, x0]
                + weights[3] * logits[y1, x1]
            )
            if inside <= 0:
                continue
            best = 0.0
            for i in range(4):
                if at_labels[i] == 0:
                    continue
                share = 0.0
                for j in range(4):
                    if at_labels[j] == at_labels[i]:
                        share += weights[j]
                if share > best:
                    best = share
                    out[y, x] = at_labels[i]
    return out


def cut(shape: tuple[int, int], core: int, margin: int) -> Iterator[tuple[tuple[slice, ...], ...]]:
    """Overlapping windows that cover a picture, and the part of each that no other one owns.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    core : int
        Longest side of what a window owns.
    margin : int
        How far windows reach beyond it.

    Yields
    ------
    window, core : (slice, slice)
        Rows and columns of the picture.
    """
    edges = []
    for n in shape:
        parts = max(1, math.ceil(n / core))
        edges.append([round(i * n / parts) for i in range(parts + 1)])
    for y0, y1 in zip(edges[0][:-1], edges[0][1:], strict=True):
        for x0, x1 in zip(edges[1][:-1], edges[1][1:], strict=True):
            window = (
                slice(max(y0 - margin, 0), min(y1 + margin, shape[0])),
                slice(max(x0 - margin, 0), min(x1 + margin, shape[1])),
            )
            yield window, (slice(y0, y1), slice(x0, x1))
