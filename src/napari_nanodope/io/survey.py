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
        If a survey that a person named shows another area, or one to be resampled is not finite.

    Notes
    -----
    Areas are compared by the target's own pixel size too, where a person overruled it, because
    both files may then share the wrong one.
    """
    assert survey.load_image is not None
    shape, size = target.image_shape, survey.pixel_size_nm
    is_alike = survey.image_shape == shape
    seen_nm = None if size is None else np.multiply(survey.image_shape, size)
    wanted_nm = [np.multiply(shape, s) for s in (pixel_size_nm, target.pixel_size_nm) if s]
    if seen_nm is None:
        is_same = is_alike
    else:
        is_same = any(np.allclose(seen_nm, one, rtol=_SAME_EXTENT) for one in wanted_nm)
    if not is_same:
        reason = _tell_areas(survey, seen_nm, shape, wanted_nm[0])
        if is_given:
            raise InputError(f"{reason}; crop it to the maps' area, or leave it out.")
        return None, [f"{reason}; the survey is left out."]
    image = survey.load_image()
    told = warn_of_saturation(image, np.dtype(survey.dtype))
    if is_alike:
        return image, told
    if not np.isfinite(image).all():
        raise InputError(
            f"Expected finite numbers in the survey {survey.name!r}, got "
            f"{np.sum(~np.isfinite(image))} NaN or infinite; crop them away or replace them, with "
            f"np.nan_to_num say."
        )
    told.append(
        f"The survey of {_shape(survey.image_shape)} pixels was resampled onto the maps' "
        f"{_shape(shape)}."
    )
    return resample_by_area(image, shape), told


def _tell_areas(
    survey: Signal,
    seen_nm: NDArray[Any] | None,
    shape: tuple[int, int],
    wanted_nm: NDArray[Any],
) -> str:
    seen, wanted = " without calibration", ""
    if seen_nm is not None:
        seen, wanted = (f", {e[0]:.6g} x {e[1]:.6g} nm" for e in (seen_nm, wanted_nm))
    return (
        f"Expected a survey of the maps' area ({_shape(shape)} pixels{wanted}), got "
        f"{survey.name!r} ({_shape(survey.image_shape)} pixels{seen})"
    )


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


def warn_of_saturation(survey: NDArray[Any], stored: np.dtype[Any]) -> list[str]:
    """Tell how much of an image of integers lies at the top of the range it was stored in.

    The mean over frames lies there only where every frame does.
    """
    if stored.kind != "u" or survey.size == 0 or stored.itemsize > 2:
        return []
    top = np.iinfo(stored).max
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


def _shape(shape: tuple[int, int]) -> str:
    return f"{shape[0]} x {shape[1]}"
