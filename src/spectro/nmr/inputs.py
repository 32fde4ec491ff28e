"""What goes into a fit of a few points, checked."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectro.model import InputError, Spectrum

Array = NDArray[np.float64]

_MAD = 1.4826  # standard deviation of a Gaussian by its median absolute deviation


def require_series(times_s: ArrayLike, values: ArrayLike, what: str) -> tuple[Array, Array]:
    """Times (N,), one of them above 0, and a real value (N,) at each.

    Parameters
    ----------
    times_s, values : array
        As they were given.
    what : str
        Of the values, as in "dephasing".

    Raises
    ------
    InputError
        If they are nothing of the kind.
    """
    if np.iscomplexobj(values):
        raise InputError(f"Expected a real {what}, got complex numbers; phase them first.")
    try:
        t, y = np.asarray(times_s, float), np.asarray(values, float)
    except (TypeError, ValueError):
        raise InputError(f"Expected numbers as times and {what}, got something else.") from None
    if t.ndim != 1 or t.shape != y.shape or not (t >= 0).all() or not t.any():
        raise InputError(
            f"Expected a row of times of at least 0 s and as many values of the {what}, got shapes "
            f"{t.shape} and {y.shape}."
        )
    if not (np.isfinite(t).all() and np.isfinite(y).all()):
        raise InputError(f"Expected a finite {what}, got NaN or infinity; cut them out.")
    return t, y


def require_sigmas(sigma: ArrayLike | None, n: int) -> tuple[Array] | None:
    """Standard deviations (N,) of a row of n values, for a `Problem`; None if none are given.

    Raises
    ------
    InputError
        If one is not above 0, or there are not as many.
    """
    if sigma is None:
        return None
    sigmas = np.asarray(sigma, float)
    if sigmas.shape not in ((), (n,)) or not (np.isfinite(sigmas) & (sigmas > 0)).all():
        raise InputError(f"Expected one standard deviation above 0 or {n}, got {sigma}.")
    return (np.broadcast_to(sigmas, (n,)),)


def cost_of_shape(shape: Array, target: Array) -> float:
    """Sum of squares that is left of a target (N,) beside the best multiple, at least 0."""
    scale = max(float(shape @ target), 0.0) / max(float(shape @ shape), 1e-300)
    left = target - scale * shape
    return float(left @ left)


def estimate_scatter(y: Array) -> float:
    """Standard deviation of the noise of a row of points, by the differences of neighbours."""
    steps = np.diff(y, 2)
    return _MAD * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(6)


def require_shifts(spectrum: Spectrum) -> None:
    """Refuse a spectrum that is over another unit than ppm, or not finite.

    Raises
    ------
    InputError
        If an axis is in another unit, or there is NaN or infinity.
    """
    units = {one.unit for one in spectrum.axes} - {"ppm", ""}
    if units:
        raise InputError(
            f"Expected axes in ppm in {spectrum.title}, got {', '.join(sorted(units))}; use to_ppm."
        )
    if not np.isfinite(spectrum.y).all():
        raise InputError(f"Expected finite data in {spectrum.title}, got NaN; cut them out.")
