"""Pictures as the network sees them, whatever their units."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_TAIL_PERCENT = 0.2
_STRETCH = 4.0  # of the distance from the median to that tail: what lies beyond is cut
_LIMIT = 10.0
_BLUR_PX = 0.7


def standardise(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Picture of mean 0 and standard deviation 1, a copy.

    Hot pixels are cut first, far above the brightest 0.2 % of all, so that neither they nor sparse
    counts decide on the contrast. A constant picture becomes 0; what is not finite becomes the
    median. A blur of 0.7 px takes off noise from pixel to pixel, which training would not know:
    Cellpose turns its pictures by any angle then, and interpolation blurs them.
    """
    values = np.array(image, dtype=np.float32)
    finite = np.isfinite(values)
    if not finite.all():
        values[~finite] = np.median(values[finite]) if finite.any() else 0
    low, middle, high = np.percentile(values, [_TAIL_PERCENT, 50, 100 - _TAIL_PERCENT])
    if high > low:
        floor = low - _STRETCH * (high - low)
        np.clip(values, floor, high + _STRETCH * (high - low), out=values)
    values = np.asarray(ndimage.gaussian_filter(values, _BLUR_PX, mode="nearest"))
    spread = float(values.std(dtype=np.float64))
    if spread <= 1e-6 * max(abs(float(middle)), 1e-30):
        return np.zeros_like(values)
    values -= np.float32(values.mean(dtype=np.float64))
    values /= np.float32(spread)
    return np.clip(values, -_LIMIT, _LIMIT, out=values)
