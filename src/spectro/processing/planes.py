"""Spectra of two dimensions: their slices and their diagonal."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from spectro.model import Axis, InputError, Spectrum

Array = NDArray[np.float64]


def take_slice(
    spectrum: Spectrum, at_ppm: float, *, axis: int = 0, width_ppm: float = 0.0
) -> Spectrum:
    """Row or column of a spectrum at a shift, or the mean of those about it.

    Parameters
    ----------
    spectrum : Spectrum
        Of two dimensions.
    at_ppm : float
        Place on the axis that is cut, in its unit.
    axis : int, optional
        That is cut: 0 for a row over the second axis, 1 for a column over the first.
    width_ppm : float, optional
        Of the band whose mean is taken; 0 for the nearest point.

    Raises
    ------
    InputError
        If there are not two dimensions, or the place is not on the axis.
    """
    require_two(spectrum)
    if axis not in (0, 1) or width_ppm < 0:
        raise InputError(f"Expected an axis of 0 or 1 and a width, got {axis} and {width_ppm}.")
    x = spectrum.axes[axis].values
    if not x.min() <= at_ppm <= x.max():
        raise InputError(f"Expected a place between {x.min():g} and {x.max():g}, got {at_ppm:g}.")
    near = np.abs(x - at_ppm) <= width_ppm / 2
    near[np.abs(x - at_ppm).argmin()] = True
    y = np.compress(near, spectrum.y, axis=axis).mean(axis=axis)
    settings = {"at_ppm": float(at_ppm), "axis": axis, "width_ppm": float(width_ppm)}
    return spectrum.do("take_slice", y, axes=(spectrum.axes[1 - axis],), settings=settings)


def take_diagonal(spectrum: Spectrum) -> Spectrum:
    """Intensity where both shifts are the same, over the second axis, (N,).

    Points between those of the first axis are interpolated linearly; the second axis is cut to
    where the first one reaches.

    Parameters
    ----------
    spectrum : Spectrum
        Of two dimensions over one unit.

    Raises
    ------
    InputError
        If there are not two dimensions over one unit, or they have no place in common.
    """
    require_pair(spectrum)
    first, second = (one.values for one in spectrum.axes)
    inside = (second >= first.min()) & (second <= first.max())
    if not inside.any():
        raise InputError("Expected two axes with a range in common, got none.")
    x = second[inside]
    y = interpolate(spectrum, x, x)
    axis = Axis(x, spectrum.axes[1].name, spectrum.axes[1].unit)
    return spectrum.do("take_diagonal", y, axes=(axis,))


def interpolate(spectrum: Spectrum, first: Array, second: Array) -> Array:
    """Real part at some places, linearly between points; NaN outside."""
    axes, y = [], np.real(spectrum.y)
    for place, one in enumerate(spectrum.axes):
        rising = one.values[0] < one.values[-1]
        axes.append(one.values if rising else one.values[::-1])
        y = y if rising else np.flip(y, place)
    look_up = RegularGridInterpolator(axes, y, bounds_error=False)
    return np.asarray(look_up(np.column_stack([first, second])), float)


def require_two(spectrum: Spectrum) -> None:
    """Refuse what has not two dimensions.

    Raises
    ------
    InputError
        If it has another number of them.
    """
    if spectrum.y.ndim != 2:
        raise InputError(f"Expected a spectrum of two dimensions, got {spectrum.y.ndim}.")


def require_pair(spectrum: Spectrum) -> None:
    """Refuse what has not two dimensions over one unit.

    Raises
    ------
    InputError
        If it has another number of them, or two units.
    """
    require_two(spectrum)
    units = [one.unit for one in spectrum.axes]
    if units[0] != units[1]:
        raise InputError(
            f"Expected both axes in one unit, got {units[0] or 'none'} and {units[1] or 'none'}; "
            f"bring both to ppm."
        )
