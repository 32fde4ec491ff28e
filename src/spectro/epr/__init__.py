"""Electron paramagnetic resonance of spins in nanocrystals."""

from spectro.epr.cw import CwExperiment, LineShape, simulate_cw
from spectro.epr.power_sweep import SaturationCurve, saturation_curve
from spectro.epr.saturation import Transition, fit_saturation
from spectro.epr.spin_system import Nucleus, SpinSystem

__all__ = [
    "CwExperiment",
    "LineShape",
    "Nucleus",
    "SaturationCurve",
    "SpinSystem",
    "Transition",
    "fit_saturation",
    "saturation_curve",
    "simulate_cw",
]
