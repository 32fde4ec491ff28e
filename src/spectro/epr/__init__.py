"""Electron paramagnetic resonance of spins in nanocrystals."""

from spectro.epr.cw import CwExperiment, LineShape, simulate_cw
from spectro.epr.spin_system import Nucleus, SpinSystem

__all__ = ["CwExperiment", "LineShape", "Nucleus", "SpinSystem", "simulate_cw"]
