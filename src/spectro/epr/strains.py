"""Distributions of D, E and hyperfine couplings, which broaden lines."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectro.epr.spin_system import SpinSystem, differentiate

_FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
_HALF = 0.5
_SPACING = 1.5  # of the parts of a wide distribution, in standard deviations
_LEAST_RATIO = 1.5  # of a wide distribution's width to its parts', below which ripples are larger
_SPLIT_SHIFT = 0.03  # of the width: shift of second order that strains of D may have unsplit


def list_strains(system: SpinSystem) -> list[tuple[NDArray[np.complex128], float]]:
    """Derivatives of the Hamiltonian by what is distributed, and standard deviations in MHz."""
    strains = {"a": system.a_strain_MHz if system.nuclei else 0.0}
    if system.s > _HALF:
        strains |= {"d": system.d_strain_MHz, "e": system.e_strain_MHz}
    return [
        (differentiate(system, name), strain / _FWHM_PER_SIGMA)
        for name, strain in strains.items()
        if strain > 0
    ]


def split_strain(system: SpinSystem, frequency_GHz: float, width_mT: float) -> list[SpinSystem]:
    """Systems whose narrower strains of D make up a wide one.

    A wide distribution of D shifts lines in second order, D^2 over the microwave frequency, which
    the derivatives of the fields do not tell. So it is a sum of narrower ones, spaced by little
    more than their own standard deviation, which leaves ripples of 2e-4. They stand at multiples of
    their spacing, whatever D is, so that distributions nearly alike have them in common.
    """
    sigma = system.d_strain_MHz / _FWHM_PER_SIGMA
    order = 4 * system.s * (system.s + 1) / (1e3 * frequency_GHz)  # of the shift by D^2
    narrow = math.sqrt(_SPLIT_SHIFT * width_mT * 28.0 / order) if order > 0 else math.inf
    if system.s <= _HALF or sigma <= narrow:
        return [system]
    while sigma < _LEAST_RATIO * narrow:
        narrow /= math.sqrt(2)
    spread, spacing = math.sqrt(sigma**2 - narrow**2), _SPACING * narrow
    first, last = (round((system.d_MHz + sign * 3.5 * spread) / spacing) for sign in (-1, 1))
    centres = spacing * np.arange(first, last + 1)
    weights = np.exp(-0.5 * ((centres - system.d_MHz) / spread) ** 2)
    return [
        replace(
            system,
            d_MHz=float(centre),
            d_strain_MHz=narrow * _FWHM_PER_SIGMA,
            weight=system.weight * float(weight / weights.sum()),
        )
        for centre, weight in zip(centres, weights, strict=True)
    ]
