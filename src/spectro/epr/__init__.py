"""Electron paramagnetic resonance of spins in nanocrystals."""

from spectro.epr.cw import CwExperiment, LineShape, simulate_cw
from spectro.epr.solid_effect import (
    Extremum,
    SolidEffect,
    solid_effect_frequency_profile,
    solid_effect_profile,
)
from spectro.epr.spin_system import Nucleus, SpinSystem

__all__ = [
    "CwExperiment",
    "Extremum",
    "LineShape",
    "Nucleus",
    "SolidEffect",
    "SpinSystem",
    "simulate_cw",
    "solid_effect_frequency_profile",
    "solid_effect_profile",
]
