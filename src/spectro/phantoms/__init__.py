"""Simulated recordings in the formats of spectrometers, of which the truth is known."""

from spectro.phantoms.bes3t import save_bes3t
from spectro.phantoms.fids import Line, record_fid
from spectro.phantoms.sweeps import simulate_power_sweep
from spectro.phantoms.topspin import Acquisition, save_topspin

__all__ = [
    "Acquisition",
    "Line",
    "record_fid",
    "save_bes3t",
    "save_topspin",
    "simulate_power_sweep",
]
