"""Spectra of spinning sidebands: every sideband a line, all of them one shape of area 1."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectro.lineshapes import compute_line
from spectro.model import InputError
from spectro.nmr.sideband_fit import Spinning
from spectro.nmr.sidebands import compute_sidebands
from spectro.nmr.tensor import ShiftTensor

_LEAST = 1e-9  # intensity below which a sideband is left out


def sideband_manifold(
    shift_axis_ppm: ArrayLike,
    tensor: ShiftTensor,
    spinning: Spinning,
    width_ppm: float,
    *,
    mixing: float = 0.0,
    shape: str = "gaussian",
) -> NDArray[np.float64]:
    """Isotropic line and spinning sidebands of a site (N,), of area 1 over an endless axis.

    Parameters
    ----------
    shift_axis_ppm : (N,) array
        Axis.
    tensor : ShiftTensor
        Of the site.
    spinning : Spinning
        Rate and frequency.
    width_ppm : float
        Full width at half maximum of every line.
    mixing, shape : optional
        See `spectro.lineshapes.compute_line`.

    Raises
    ------
    InputError
        If the axis is not finite, or a number is out of range.

    Notes
    -----
    Intensities are those of `compute_sidebands`: with sum_N I_N = 1 and sum_N N I_N = 0 the area is
    1 and the centre of gravity is the isotropic shift.
    """
    x = np.asarray(shift_axis_ppm, float)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise InputError(f"Expected a row of finite shifts, got shape {x.shape}.")
    order, intensity = compute_sidebands(tensor.span_ppm / spinning.step_ppm, tensor.skew)
    total = np.zeros(len(x))
    for n, part in zip(order.tolist(), intensity.tolist(), strict=True):
        if part > _LEAST:
            at = tensor.shift_ppm + n * spinning.step_ppm
            total += part * compute_line(x, at, width_ppm, mixing, shape)
    return total
