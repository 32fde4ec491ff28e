"""Spectra of two dimensions: their diagonal, slices, cross peaks; anisotropies from PASS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import maximum_filter

from spectro.model import Axis, FitResult, InputError, Spectrum
from spectro.nmr.inputs import estimate_scatter, require_shifts
from spectro.nmr.series import SeriesFit, fit_rows, split_rows
from spectro.nmr.sideband_fit import Spinning, fit_sidebands
from spectro.nmr.sites import Site

Array = NDArray[np.float64]

_NOISE_FACTOR = 5.0
_NEIGHBOURS = 3  # points to a side, less one, within which a peak is the highest
_MOST_PEAKS = 200
_ORDER = "sideband order"


@dataclass(frozen=True, slots=True)
class CrossPeak:
    """A peak off the diagonal.

    Attributes
    ----------
    first_ppm, second_ppm : float
        On the first axis, and on the second.
    height : float
        In the unit of the data.
    mirror_height : float
        At the same place on the other side of the diagonal; NaN where that is off the spectrum.
    signal_to_noise : float
        Of the height.
    """

    first_ppm: float
    second_ppm: float
    height: float
    mirror_height: float
    signal_to_noise: float

    @property
    def is_symmetric(self) -> bool:
        """Whether the mirror image is at least half as high, as that of an exchange should be."""
        return bool(self.mirror_height >= self.height / 2)


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
    _require_two(spectrum)
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
    _require_pair(spectrum)
    first, second = (one.values for one in spectrum.axes)
    inside = (second >= first.min()) & (second <= first.max())
    if not inside.any():
        raise InputError("Expected two axes with a range in common, got none.")
    x = second[inside]
    y = _interpolate(spectrum, x, x)
    axis = Axis(x, spectrum.axes[1].name, spectrum.axes[1].unit)
    return spectrum.do("take_diagonal", y, axes=(axis,))


def find_cross_peaks(
    spectrum: Spectrum, *, off_ppm: float, least_height: float | None = None
) -> tuple[CrossPeak, ...]:
    """Peaks off the diagonal, the highest first.

    Parameters
    ----------
    spectrum : Spectrum
        Of two dimensions over one unit, phased; of a complex one the real part.
    off_ppm : float
        How far from the diagonal a peak has to be; about the width of a line, whose flank is no
        peak.
    least_height : float, optional
        By default 5 times the noise, as differences of neighbours tell it.

    Raises
    ------
    InputError
        If there are not two dimensions over one unit.
    """
    _require_pair(spectrum)
    require_shifts(spectrum)
    if not 0 <= off_ppm < np.inf:
        raise InputError(f"Expected a distance from the diagonal of at least 0, got {off_ppm}.")
    y = np.real(spectrum.y)
    noise = float(np.median([estimate_scatter(row) for row in y]))
    least = _NOISE_FACTOR * noise if least_height is None else least_height
    first, second = (one.values for one in spectrum.axes)
    is_top = (y == maximum_filter(y, 2 * _NEIGHBOURS - 1)) & (y > max(least, 0.0))
    is_top &= np.abs(first[:, None] - second[None, :]) >= off_ppm
    found = []
    for i, j in np.argwhere(is_top):
        at = float(first[i]), float(second[j])
        mirror = float(_interpolate(spectrum, np.array([at[1]]), np.array([at[0]]))[0])
        height = float(y[i, j])
        found.append(CrossPeak(*at, height, mirror, height / noise if noise > 0 else np.inf))
    return tuple(sorted(found, key=lambda one: -one.height)[:_MOST_PEAKS])


def _interpolate(spectrum: Spectrum, first: Array, second: Array) -> Array:
    """Real part at some places, linearly between points; NaN outside."""
    axes, y = [], np.real(spectrum.y)
    for place, one in enumerate(spectrum.axes):
        rising = one.values[0] < one.values[-1]
        axes.append(one.values if rising else one.values[::-1])
        y = y if rising else np.flip(y, place)
    look_up = RegularGridInterpolator(axes, y, bounds_error=False)
    return np.asarray(look_up(np.column_stack([first, second])), float)


def _require_two(spectrum: Spectrum) -> None:
    if spectrum.y.ndim != 2:
        raise InputError(f"Expected a spectrum of two dimensions, got {spectrum.y.ndim}.")


def _require_pair(spectrum: Spectrum) -> None:
    _require_two(spectrum)
    units = [one.unit for one in spectrum.axes]
    if units[0] != units[1]:
        raise InputError(
            f"Expected both axes in one unit, got {units[0] or 'none'} and {units[1] or 'none'}; "
            f"bring both to ppm."
        )


@dataclass(frozen=True, slots=True)
class PassFit:
    """Anisotropy of each site of a PASS spectrum.

    Attributes
    ----------
    manifolds : SeriesFit
        Integrals of each site by order of the sideband.
    orders : (K,) int array
        Of the sidebands.
    tensors : mapping of str to FitResult
        ``span_ppm``, ``skew`` and so on of each site, as `fit_sidebands` gives them.
    """

    manifolds: SeriesFit
    orders: NDArray[np.int64]
    tensors: Mapping[str, FitResult]


def fit_pass(spectrum: Spectrum, sites: Sequence[Site], spinning: Spinning) -> PassFit:
    """Chemical shift anisotropy of each site of a PASS spectrum.

    Parameters
    ----------
    spectrum : Spectrum
        As `spectro.processing.shear_pass` leaves it: sidebands by order, at isotropic shifts.
    sites : sequence of Site
        Isotropic lines.
    spinning : Spinning
        Rate and frequency.

    Raises
    ------
    InputError
        If the first axis holds no orders.

    Notes
    -----
    Lines have the same place, width and shape in all orders; their integrals, with standard errors,
    are a manifold of sidebands for each site, which `fit_sidebands` takes.
    """
    _require_two(spectrum)
    if spectrum.axes[0].name != _ORDER:
        raise InputError(
            f"Expected sidebands by order, got a first axis of "
            f"{spectrum.axes[0].name or 'no name'}; use spectro.processing.shear_pass first."
        )
    orders = np.round(spectrum.axes[0].values).astype(np.int64)
    found = fit_rows(split_rows(spectrum), sites)
    tensors = {
        one.name: fit_sidebands(
            orders,
            found.integrals[one.name],
            spinning,
            sigma=found.errors[one.name],
            shift_ppm=found.deconvolution.values[f"{one.name}.shift_ppm"],
        )
        for one in sites
    }
    return PassFit(found, orders, tensors)
