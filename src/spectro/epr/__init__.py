"""Electron paramagnetic resonance of spins in nanocrystals."""

from spectro.epr.assignment import AssignedLine, Assignment, Candidate
from spectro.epr.candidates import Coupling
from spectro.epr.cw import CwExperiment, LineShape, simulate_cw
from spectro.epr.cw_fit import CwFit, fit_cw
from spectro.epr.endor import EndorLine, endor_lines
from spectro.epr.eseem import Background, process_eseem
from spectro.epr.hyperfine import assign_lines
from spectro.epr.integrals import DoubleIntegral, double_integral
from spectro.epr.modulation import EseemExperiment, best_tau_ns, simulate_three_pulse_eseem
from spectro.epr.peaks import Peaks, find_peaks
from spectro.epr.power_sweep import SaturationCurve, saturation_curve
from spectro.epr.quantify import SpinCount, count_spins
from spectro.epr.saturation import Transition, fit_saturation
from spectro.epr.solid_effect import (
    Extremum,
    SolidEffect,
    solid_effect_frequency_profile,
    solid_effect_profile,
)
from spectro.epr.spin_system import Nucleus, SpinSystem

__all__ = [
    "AssignedLine",
    "Assignment",
    "Background",
    "Candidate",
    "Coupling",
    "CwExperiment",
    "CwFit",
    "DoubleIntegral",
    "EndorLine",
    "EseemExperiment",
    "Extremum",
    "LineShape",
    "Nucleus",
    "Peaks",
    "SaturationCurve",
    "SolidEffect",
    "SpinCount",
    "SpinSystem",
    "Transition",
    "assign_lines",
    "best_tau_ns",
    "count_spins",
    "double_integral",
    "endor_lines",
    "find_peaks",
    "fit_cw",
    "fit_saturation",
    "process_eseem",
    "saturation_curve",
    "simulate_cw",
    "simulate_three_pulse_eseem",
    "solid_effect_frequency_profile",
    "solid_effect_profile",
]
