"""Spectra of two dimensions: cross peaks; anisotropies from PASS."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from spectro.model import FitResult, InputError, Spectrum
from spectro.nmr.inputs import estimate_scatter, require_shifts
from spectro.nmr.series import SeriesFit, fit_rows, split_rows
from spectro.nmr.sideband_fit import Spinning, fit_sidebands
from spectro.nmr.sites import Site
from spectro.processing.planes import interpolate, require_pair, require_two

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
    require_pair(spectrum)
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
        mirror = float(interpolate(spectrum, np.array([at[1]]), np.array([at[0]]))[0])
        height = float(y[i, j])
        found.append(CrossPeak(*at, height, mirror, height / noise if noise > 0 else np.inf))
    return tuple(sorted(found, key=lambda one: -one.height)[:_MOST_PEAKS])


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
    require_two(spectrum)
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
