"""Classical segmentation: Otsu's threshold and a watershed on the distance map."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.morphology import remove_small_objects
from skimage.segmentation import watershed

FloatImage = NDArray[np.float32]

_FIRST_GUESS_PX = 8.0
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
    The image is smoothed over a twelfth of a diameter, freed from the background (a minimum over
    five diameters, smoothed) and split at Otsu's threshold [1]_; touching particles are cut along
    the watersheds of the distance to the edge.

    References
    ----------
    .. [1] N. Otsu, IEEE Trans. Syst. Man Cybern. 1979, 9, 62, DOI 10.1109/TSMC.1979.4310076.
    """
    if diameter_px is None:
        diameter_px = estimate_diameter_px(image)
    mask = _find_foreground(image, diameter_px)
    return _split(mask, diameter_px)


def estimate_diameter_px(image: FloatImage) -> float:
    """Median equivalent diameter of particles found at a first guess, weighted by their area."""
    areas = np.bincount(_split(_find_foreground(image, _FIRST_GUESS_PX), _FIRST_GUESS_PX).ravel())
    areas = np.sort(areas[1:])
    if not len(areas):
        return _FIRST_GUESS_PX
    half = np.searchsorted(np.cumsum(areas), areas.sum() / 2)
    return float(2 * np.sqrt(areas[half] / np.pi))


def _find_foreground(image: FloatImage, diameter_px: float) -> NDArray[np.bool_]:
    smooth = ndimage.gaussian_filter(image, max(diameter_px / 12, 0.5))
    window = 2 * int(2.5 * diameter_px) + 1
    background = ndimage.minimum_filter(smooth, window)
    smooth -= ndimage.gaussian_filter(background, window / 4)
    if smooth.max() <= smooth.min():
        return np.zeros(image.shape, np.bool_)
    mask = smooth > threshold_otsu(smooth)
    inside, outside = smooth[mask], smooth[~mask]
    if inside.mean() - outside.mean() < _LEAST_CONTRAST * outside.std():
        return np.zeros(image.shape, np.bool_)
    smallest = max(int((diameter_px / 4) ** 2), 1)
    return np.asarray(
        ndimage.binary_fill_holes(remove_small_objects(mask, max_size=smallest)), np.bool_
    )


def _split(mask: NDArray[np.bool_], diameter_px: float) -> NDArray[np.int32]:
    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    depth = ndimage.gaussian_filter(
        ndimage.distance_transform_edt(np.pad(mask, 1, mode="edge"))[1:-1, 1:-1], diameter_px / 16
    )
    pieces, _ = ndimage.label(mask)
    seeds = peak_local_max(
        depth, min_distance=max(round(0.35 * diameter_px), 1), labels=pieces, exclude_border=False
    )
    markers = np.zeros(mask.shape, np.int32)
    markers[tuple(seeds.T)] = np.arange(1, len(seeds) + 1)
    return np.asarray(watershed(-depth, markers, mask=mask), np.int32)
