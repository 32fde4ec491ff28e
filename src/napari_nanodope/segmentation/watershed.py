"""Classical segmentation: Otsu's threshold and a watershed on the distance map."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_multiotsu, threshold_otsu
from skimage.segmentation import watershed

from napari_nanodope.core.labels import compact_labels, measure_morphology

FloatImage = NDArray[np.float32]

EDGE = 0.25
"""Outline of a particle: where the signal falls below this share of its own peak."""

_GUESSES_PX = tuple(5 * 1.5**i for i in range(8))  # to 85 px
_LEAST_CONTRAST = (
    4.0  # standard deviations of the background; two halves of pure noise differ by 2.7
)


def segment_by_watershed(image: FloatImage, diameter_px: float | None = None) -> NDArray[np.int32]:
    """Labels of bright particles.

    Parameters
    ----------
    image : (Y, X) float32 array
        Bright particles on a darker, slowly varying background.
    diameter_px : float, optional
        Expected diameter; by default estimated by a first pass.

    Returns
    -------
    (Y, X) int32 array
        0 for background, particles from 1; all 0 where nothing stands out.

    Notes
    -----
    The image is smoothed over a twelfth of a diameter and freed from the background (a minimum
    over five diameters, smoothed). Nothing is found unless the two classes of Otsu's threshold
    [1]_ stand apart. Seeds are the deepest points of what exceeds the noise and a quarter of the
    brightest signal within a diameter; each grows over the signal down to a quarter of its own
    peak, which for a sphere is at 0.97 of its radius.

    References
    ----------
    .. [1] N. Otsu, IEEE Trans. Syst. Man Cybern. 1979, 9, 62, DOI 10.1109/TSMC.1979.4310076.
    """
    if diameter_px is None:
        diameter_px = estimate_diameter_px(image)
    return _segment(image, diameter_px)


def estimate_diameter_px(image: FloatImage) -> float:
    """Diameter at which most of the area falls into convex particles of about that diameter.

    Parameters
    ----------
    image : (Y, X) float32 array
        As for `segment_by_watershed`; of a large one the central 512 x 512 pixels count.

    Returns
    -------
    float
        Area-weighted median equivalent diameter in pixels of those particles.
    """
    middle = tuple(slice(max(n // 2 - 256, 0), n // 2 + 256) for n in image.shape)
    best_area, best_diameter = 0.0, _GUESSES_PX[0]
    for guess in _GUESSES_PX:
        shapes = measure_morphology(compact_labels(_segment(image[middle], guess)), (1.0, 1.0))
        diameters = 2 * np.sqrt(shapes.n_pixels / np.pi)
        fits = (shapes.solidity > 0.85) & (np.abs(np.log(diameters / guess)) < np.log(1.5))
        areas, diameters = shapes.n_pixels[fits], diameters[fits]
        if areas.sum() > best_area:
            order = np.argsort(diameters)
            half = np.searchsorted(np.cumsum(areas[order]), areas.sum() / 2)
            best_area, best_diameter = float(areas.sum()), float(diameters[order[half]])
    return best_diameter


def _segment(image: FloatImage, diameter_px: float) -> NDArray[np.int32]:
    signal = _flatten(image, diameter_px)
    noise = _find_noise_level(signal)
    if noise is None:
        return np.zeros(image.shape, np.int32)
    brightest = ndimage.maximum_filter(signal, 2 * round(diameter_px / 2) + 1)
    bodies = signal > np.maximum(EDGE * brightest, noise)
    depth = ndimage.distance_transform_edt(np.pad(bodies, 1, mode="edge"))[1:-1, 1:-1]
    depth = ndimage.gaussian_filter(depth, diameter_px / 16)
    seeds = peak_local_max(
        depth,
        min_distance=max(round(0.35 * diameter_px), 1),
        labels=ndimage.label(bodies)[0],
        exclude_border=False,
    )
    markers = np.zeros(image.shape, np.int32)
    markers[tuple(seeds.T)] = np.arange(1, len(seeds) + 1)
    return _trim(watershed(-signal, markers, mask=signal > noise), signal, diameter_px)


def _flatten(image: FloatImage, diameter_px: float) -> FloatImage:
    """Smoothed image less its background."""
    smooth = ndimage.gaussian_filter(image, max(diameter_px / 12, 0.5))
    window = 2 * int(2.5 * diameter_px) + 1
    background = ndimage.gaussian_filter(ndimage.minimum_filter(smooth, window), window / 4)
    return np.asarray(smooth - background, np.float32)


def _find_noise_level(signal: FloatImage) -> float | None:
    """Level that the background hardly exceeds; None where nothing stands out of it."""
    if signal.max() <= signal.min():
        return None
    split = threshold_otsu(signal)
    outside = signal[signal <= split]
    contrast = float(signal[signal > split].mean() - outside.mean())
    if contrast < _LEAST_CONTRAST * outside.std():
        return None
    return float(threshold_multiotsu(signal, classes=3)[0])


def _trim(grown: NDArray[np.int32], signal: FloatImage, diameter_px: float) -> NDArray[np.int32]:
    """Cut each label at its own edge level, fill it, and drop specks."""
    labels = np.arange(1, grown.max(initial=0) + 1)
    peaks = np.concatenate([[np.inf], np.atleast_1d(ndimage.maximum(signal, grown, labels))])
    kept = np.where(signal > EDGE * peaks[grown], grown, 0)
    areas = np.bincount(kept.ravel(), minlength=len(labels) + 1)
    areas[0] = 0
    large = areas >= max((diameter_px / 4) ** 2, 1)
    renumber = np.zeros(len(areas), np.int32)
    renumber[large] = np.arange(1, np.count_nonzero(large) + 1)
    return renumber[kept]
