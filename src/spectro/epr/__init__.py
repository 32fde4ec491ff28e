"""Electron paramagnetic resonance of spins in nanocrystals."""

from spectro.epr.cw import CwExperiment, LineShape, simulate_cw
from spectro.epr.integrals import DoubleIntegral, double_integral
from spectro.epr.power_sweep import SaturationCurve, saturation_curve
from spectro.epr.quantify import SpinCount, count_spins
from spectro.epr.saturation import Transition, fit_saturation
from spectro.epr.spin_system import Nucleus, SpinSystem

__all__ = [
    "CwExperiment",
    "DoubleIntegral",
    "LineShape",
    "Nucleus",
    "SaturationCurve",
    "SpinCount",
    "SpinSystem",
    "Transition",
    "count_spins",
    "double_integral",
    "fit_saturation",
    "saturation_curve",
    "simulate_cw",
]
