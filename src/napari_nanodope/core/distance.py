"""Distance of every particle pixel from the edge of its particle."""

from typing import Literal

import edt
import numba
import numpy as np
from numpy.typing import NDArray

from napari_nanodope.core.labels import CompactLabels, compact_labels
from napari_nanodope.model import InputError

DistanceMethod = Literal["euclidean", "erode-ceil"]


def compute_depth_nm(
    labels: NDArray[np.int32], pixel_size_nm: tuple[float, float], *, n_threads: int = 2
) -> NDArray[np.float32]:
    """Depth of each pixel below the edge of its own particle, in nm.

    Parameters
    ----------
    labels : (Y, X) int32 array
        Zero for background. Another label is outside, as the background is; the border of the
        image is no edge.
    pixel_size_nm : (float, float)
        Height and width of a pixel (dy, dx) in nm.
    n_threads : int, optional
        For the distance transform; the result does not depend on it.

    Returns
    -------
    (Y, X) float32 array
        Distance from the centre of the pixel to the nearest centre outside its label, less half
        of the smaller pixel side; 0 in the background.

    Raises
    ------
    InputError
        If one label fills the whole image, which then holds no edge.

    Notes
    -----
    A pixel surrounded by others has a depth of half a pixel. One pass for all labels, whatever
    their number [1]_.

    References
    ----------
    .. [1] W. Silversmith, edt: Euclidean distance transform of multi-labelled images,
       DOI 10.5281/zenodo.5156135; P. Felzenszwalb, D. Huttenlocher, Theory of Computing 2012, 8,
       415, DOI 10.4086/toc.2012.v008a019.
    """
    return measure_depth_nm(compact_labels(labels), pixel_size_nm, n_threads=n_threads)[0]


def measure_depth_nm(
    labels: CompactLabels, pixel_size_nm: tuple[float, float], *, n_threads: int = 2
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Depth (Y, X) of `compute_depth_nm`, and the greatest depth (N,) of every particle."""
    _check_edge_exists(labels.image)
    squared = edt.edtsq(labels.image, anisotropy=pixel_size_nm, parallel=n_threads)
    half_px = np.float32(min(pixel_size_nm) / 2)
    return squared, _take_root_less_half(squared, labels.image, half_px, labels.n)


def compute_erode_ceil_depth_px(
    labels: NDArray[np.int32], *, n_threads: int = 2
) -> NDArray[np.float32]:
    """Depth of each pixel in whole pixels, as the published Fiji macro defines it.

    Parameters
    ----------
    labels : (Y, X) int32 array
        Zero for background.
    n_threads : int, optional
        For the distance transform; the result does not depend on it.

    Returns
    -------
    (Y, X) float32 array
        0 in the background and in the rim: pixels whose 3 x 3 neighbourhood, the image border
        replicated, is not all of their label. Elsewhere the distance to the nearest pixel outside
        what the rim leaves, rounded up.

    Raises
    ------
    InputError
        If one label fills the whole image, which then holds no edge.

    References
    ----------
    .. [1] Abutbul et al., ACS Nano 2025, 19, 17640, DOI 10.1021/acsnano.5c01257, supporting macro.
    """
    _check_edge_exists(labels)
    depth: NDArray[np.float32] = edt.edt(_erode(labels), parallel=n_threads)
    return np.ceil(depth, out=depth)


def deepest(labels: CompactLabels, depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """Greatest depth of every particle (N,), in the unit of `depth`."""
    return _greatest(labels.image, depth, labels.n)


def _check_edge_exists(labels: NDArray[np.int32]) -> None:
    if labels.flat[0] > 0 and (labels == labels.flat[0]).all():
        raise InputError(
            "Expected particles with an edge in the picture, got one label on every pixel; "
            "segment with a background."
        )


@numba.njit(cache=True, nogil=True)
def _take_root_less_half(
    squared: NDArray[np.float32], labels: NDArray[np.int32], half_px: np.float32, n_particles: int
) -> NDArray[np.float32]:
    """Turn squared distances into depths in place; return the greatest of every particle."""
    greatest = np.zeros(n_particles, np.float32)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            if label > 0:
                depth = np.sqrt(squared[y, x]) - half_px
                squared[y, x] = depth
                greatest[label - 1] = max(greatest[label - 1], depth)
    return greatest


@numba.njit(cache=True, nogil=True)
def _erode(labels: NDArray[np.int32]) -> NDArray[np.int32]:
    n_rows, n_columns = labels.shape
    eroded = np.zeros_like(labels)
    for y in range(n_rows):
        up, down = max(y - 1, 0), min(y + 1, n_rows - 1)
        for x in range(n_columns):
            label = labels[y, x]
            if label == 0:
                continue
            left, right = max(x - 1, 0), min(x + 1, n_columns - 1)
            if (
                labels[up, left] == label
                and labels[up, x] == label
                and labels[up, right] == label
                and labels[y, left] == label
                and labels[y, right] == label
                and labels[down, left] == label
                and labels[down, x] == label
                and labels[down, right] == label
            ):
                eroded[y, x] = label
    return eroded


@numba.njit(cache=True, nogil=True)
def _greatest(
    labels: NDArray[np.int32], values: NDArray[np.float32], n_particles: int
) -> NDArray[np.float32]:
    greatest = np.zeros(n_particles, np.float32)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            label = labels[y, x]
            if label > 0 and values[y, x] > greatest[label - 1]:
                greatest[label - 1] = values[y, x]
    return greatest
