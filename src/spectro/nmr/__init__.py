"""Nuclear magnetic resonance of nanocrystals and what sits on them."""

from spectro.fitting import compare
from spectro.nmr.deconvolution import deconvolve
from spectro.nmr.enhancement import Enhancement, Signal, compute_enhancement, measure_signal
from spectro.nmr.isotropic import IsotropicLine, Peaks, find_isotropic, pick_peaks
from spectro.nmr.layers import Layer, LayerModel, layer_model
from spectro.nmr.relaxation import fit_buildup, mean_time_s
from spectro.nmr.respdor import (
    dipolar_coupling_Hz,
    dipolar_distance_nm,
    fit_respdor,
    respdor_curve,
)
from spectro.nmr.sideband_fit import Spinning, fit_sidebands
from spectro.nmr.sidebands import compute_sidebands, find_field_T, simulate_sidebands
from spectro.nmr.sites import Site, Tie
from spectro.nmr.tensor import ShiftTensor

__all__ = [
    "Enhancement",
    "IsotropicLine",
    "Layer",
    "LayerModel",
    "Peaks",
    "ShiftTensor",
    "Signal",
    "Site",
    "Spinning",
    "Tie",
    "compare",
    "compute_enhancement",
    "compute_sidebands",
    "deconvolve",
    "dipolar_coupling_Hz",
    "dipolar_distance_nm",
    "find_field_T",
    "find_isotropic",
    "fit_buildup",
    "fit_respdor",
    "fit_sidebands",
    "layer_model",
    "mean_time_s",
    "measure_signal",
    "pick_peaks",
    "respdor_curve",
    "simulate_sidebands",
]
