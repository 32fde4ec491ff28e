"""Steps of processing, done again."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import numpy as np

from spectro.model import InputError, Spectrum, Step
from spectro.processing.baseline import subtract_baseline
from spectro.processing.cutting import cut
from spectro.processing.echoes import coadd_echoes, to_spikelets
from spectro.processing.phasing import phase
from spectro.processing.planes import take_diagonal, take_slice
from spectro.processing.quadrature import join_quadrature, swap_axes
from spectro.processing.referencing import reference, to_hertz, to_ppm
from spectro.processing.sidebands import shear_pass, sum_isotropic
from spectro.processing.transform import (
    apodise,
    fourier_transform,
    remove_digital_filter,
    zero_fill,
)


def take(spectrum: Spectrum, number: int) -> Spectrum:
    """One slice of a series; see `Spectrum.take`."""
    return spectrum.take(number)


def take_row(spectrum: Spectrum, axis: int, at: float) -> Spectrum:
    """Row of a spectrum of two dimensions, the nearest to a place on its first axis."""
    if spectrum.y.ndim != 2 or axis != 0:
        raise InputError(f"Expected two dimensions and axis 0, got {spectrum.y.ndim} and {axis}.")
    row = int(np.abs(spectrum.axes[0].values - at).argmin())
    settings = {"axis": axis, "at": at}
    return spectrum.do("take_row", spectrum.y[row], axes=spectrum.axes[1:], settings=settings)


STEPS: Mapping[str, Callable[..., Spectrum]] = MappingProxyType(
    {
        step.__name__: step
        for step in (
            remove_digital_filter,
            apodise,
            zero_fill,
            fourier_transform,
            phase,
            subtract_baseline,
            reference,
            to_hertz,
            to_ppm,
            coadd_echoes,
            to_spikelets,
            shear_pass,
            sum_isotropic,
            cut,
            take,
            take_row,
            take_slice,
            take_diagonal,
            join_quadrature,
            swap_axes,
        )
    }
)
"""What `replay` can do, by the names in a history."""


def replay(spectrum: Spectrum, history: Iterable[Step]) -> Spectrum:
    """Spectrum after the same steps that another one went through.

    Parameters
    ----------
    spectrum : Spectrum
        As it was loaded.
    history : iterable of Step
        As in the `history` of a processed spectrum.

    Raises
    ------
    InputError
        If a step is none of this package's, or does not fit.
    """
    for step in history:
        if step.name not in STEPS:
            raise InputError(
                f"Expected a step out of {', '.join(STEPS)}, got {step.name!r}; do it by hand."
            )
        try:
            spectrum = STEPS[step.name](spectrum, **step.settings)
        except TypeError as error:
            raise InputError(
                f"Expected the settings of {step.name}, got {dict(step.settings)} ({error})."
            ) from None
    return spectrum
