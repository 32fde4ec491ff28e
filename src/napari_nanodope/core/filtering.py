"""Maps that were smoothed before they came here, on which counting goes wrong."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_WIDTHS = (2, 3, 4, 5, 7)
_SMALLEST, _FEW_ROWS = 16, 8
_BLOCK, _FEWEST_BLOCKS, _QUIET = 8, 16, 0.5


def detect_box_mean(counts: NDArray[np.floating]) -> int:
    """Width in pixels of the box whose mean a map of counts is; 1 where it is none.

    Parameters
    ----------
    counts : (Y, X) array
        Counts of one element.

    Notes
    -----
    The mean of whole counts over w x w pixels is a multiple of 1 / w^2. A map of at least 16 x 16
    pixels whose values, away from the border, are all such multiples but not all whole numbers,
    and whose neighbours differ less than half as much as Poisson counts do, is taken for a mean
    over the smallest such box; counts divided by a number of frames differ as much. Net counts
    with a background subtracted, or maps smoothed with a Gaussian, are multiples of nothing.

    Examples
    --------
    >>> from scipy.ndimage import uniform_filter
    >>> raw = np.random.default_rng(1).poisson(0.3, (40, 40)).astype(float)
    >>> detect_box_mean(raw), detect_box_mean(uniform_filter(raw, 3))
    (1, 3)
    """
    if min(counts.shape) < _SMALLEST:  # too few pixels to tell
        return 1
    margin = _WIDTHS[-1] // 2
    inner = counts[margin:-margin, margin:-margin]
    some = inner[:: max(len(inner) // _FEW_ROWS, 1)]
    parts = (inner[start : start + _BLOCK] for start in range(0, len(inner), _BLOCK))
    if not any(_are_multiples(some, width) for width in _WIDTHS) or all(
        np.array_equal(part, np.rint(part)) for part in parts
    ):
        return 1  # which is soon seen of most maps
    values = np.unique(np.abs(inner))
    for width in (1, *_WIDTHS):
        if _tolerate(values[-1] * float(width**2)) > 0.1:  # whole steps cannot be told apart
            return 1
        if _are_multiples(values, width):
            return width if width == 1 or _is_smooth(inner, width) else 1
    return 1


def _are_multiples(values: NDArray[np.floating], width: int) -> bool:
    """Whether all are multiples of 1 / width^2."""
    steps = np.abs(values.astype(np.float64)) * width**2
    return bool(np.all(np.abs(steps - np.round(steps)) < _tolerate(steps)))


def _tolerate(steps: ArrayLike) -> NDArray[np.float64]:
    """How far from whole numbers steps may lie that are kept as float32."""
    return 1e-3 + 2e-6 * np.asarray(steps, float)


def _is_smooth(image: NDArray[np.floating], width: int) -> bool:
    """Whether neighbours differ less than independent counts of the same size would.

    Mixed differences over four neighbours cancel smooth structure. Their variance is the sum of
    the four means where counts are independent, whatever was counted over how many frames, and
    1 / width^2 of it for means over a box. In the quieter blocks no edges add to it.
    """
    steps = np.round(np.asarray(image, dtype=np.float64) * width**2)
    steps /= max(int(np.gcd.reduce(np.abs(steps).astype(np.int64), axis=None)), 1)
    across = np.diff(np.diff(steps, axis=0), axis=1) ** 2
    size = np.abs(steps)
    expected = size[1:, 1:] + size[1:, :-1] + size[:-1, 1:] + size[:-1, :-1]
    seen, wanted = _sum_blocks(across), _sum_blocks(expected)
    if np.count_nonzero(wanted) < _FEWEST_BLOCKS:
        return bool(across.sum() < _QUIET * expected.sum())
    counted = wanted > 0
    return bool(np.quantile(seen[counted] / wanted[counted], 0.25) < _QUIET)


def _sum_blocks(image: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = (n // _BLOCK for n in image.shape)
    cut = image[: rows * _BLOCK, : columns * _BLOCK]
    return np.asarray(cut.reshape(rows, _BLOCK, columns, _BLOCK).sum(axis=(1, 3)))


def warn_of_smoothing(element: str, width: int) -> str:
    """What a mean over `width` x `width` pixels does to counting, and what to do."""
    n = width**2
    return (
        f"The {element} map was smoothed before it was saved: its values are multiples of 1/{n}, "
        f"the mean over {width} x {width} pixels. One count then shows in {n} pixels, so pixels "
        f"above a threshold are not dopants one by one and Poisson intervals do not hold; export "
        f"the counts without a filter."
    )
