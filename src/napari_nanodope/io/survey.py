"""Survey images: bringing one onto the pixels of the maps, or saying why not."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.io.signals import Signal
from napari_nanodope.model import InputError

_SAME_EXTENT = 0.01


def fit_survey(
    survey: Signal, target: Signal, pixel_size_nm: tuple[float, float], *, is_given: bool
) -> tuple[NDArray[Any] | None, list[str]]:
    """Survey on the pixels of the maps, and warnings; None where it shows another area.

    Parameters
    ----------
    survey : Signal
        The image.
    target : Signal
        Spectrum image or map that the survey must fit.
    pixel_size_nm : (float, float)
        Pixel size of the target.
    is_given : bool
        Whether a person named it: then an error is raised instead of leaving it out.

    Raises
    ------
    InputError
        If a survey that a person named shows another area.
    """
    assert survey.load_image is not None
    shape, size = target.image_shape, survey.pixel_size_nm
    if survey.image_shape == shape:
        image = survey.load_image()
        if size is None or np.allclose(size, pixel_size_nm, rtol=_SAME_EXTENT):
            return image, []
        return image, [
            f"The survey has the maps' pixels, but another calibration: {_sizes(size)} and "
            f"{_sizes(pixel_size_nm)}; that of the maps is used."
        ]
    if size is not None:
        seen_nm = np.multiply(survey.image_shape, size)
        wanted_nm = np.multiply(shape, pixel_size_nm)
        if np.allclose(seen_nm, wanted_nm, rtol=_SAME_EXTENT):
            told = (
                f"The survey of {_shape(survey.image_shape)} pixels was resampled onto the maps' "
                f"{_shape(shape)}."
            )
            return resample_by_area(survey.load_image(), shape), [told]
        seen, wanted = (f", {e[0]:.6g} x {e[1]:.6g} nm" for e in (seen_nm, wanted_nm))
    else:
        seen, wanted = " without calibration", ""
    reason = (
        f"Expected a survey of the maps' area ({_shape(shape)} pixels{wanted}), got "
        f"{survey.name!r} ({_shape(survey.image_shape)} pixels{seen})"
    )
    if is_given:
        raise InputError(f"{reason}; crop it to the maps' area, or leave it out.")
    return None, [f"{reason}; the survey is left out."]


def resample_by_area(image: NDArray[Any], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Image on other pixels (Y, X) of the same area: the mean over each pixel's area.

    Notes
    -----
    Every pixel is taken as constant over its area, so the mean over the image is kept.

    Examples
    --------
    >>> resample_by_area(np.array([[1.0, 3.0], [5.0, 7.0]]), (1, 2))
    array([[3., 5.]], dtype=float32)
    """
    rows, columns = (_overlaps(n, m) for n, m in zip(image.shape, shape, strict=True))
    return np.asarray(rows @ image.astype(np.float64) @ columns.T, dtype=np.float32)


def warn_of_saturation(survey: NDArray[Any]) -> list[str]:
    """Tell how much of an image of integers lies at the top of its range."""
    if survey.dtype.kind != "u" or survey.size == 0 or survey.dtype.itemsize > 2:
        return []
    top = np.iinfo(survey.dtype).max
    share = float(np.mean(survey == top))
    if share < 1e-3:
        return []
    return [
        f"{100 * share:.1f} % of the survey's pixels are saturated at {top}; what lies there "
        f"has no contrast, so check its outlines or segment the host map."
    ]


def _overlaps(n: int, m: int) -> NDArray[np.float64]:
    """Share (m, n) of each old pixel in every new one."""
    edges = np.linspace(0, n, m + 1)
    old = np.arange(n)
    shared = np.minimum(edges[1:, None], old + 1) - np.maximum(edges[:-1, None], old)
    return np.asarray(np.clip(shared, 0, None) * (m / n))


def _sizes(size: tuple[float, float]) -> str:
    return f"{size[0]:.6g} x {size[1]:.6g} nm"


def _shape(shape: tuple[int, int]) -> str:
    return f"{shape[0]} x {shape[1]}"
