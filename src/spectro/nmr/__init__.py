"""Nuclear magnetic resonance of nanocrystals and what sits on them."""

from spectro.fitting import compare
from spectro.nmr.correlation import (
    CrossPeak,
    PassFit,
    find_cross_peaks,
    fit_pass,
)
from spectro.nmr.deconvolution import deconvolve
from spectro.nmr.enhancement import Enhancement, Signal, compute_enhancement, measure_signal
from spectro.nmr.isotropic import IsotropicLine, Peaks, find_isotropic, pick_peaks
from spectro.nmr.layers import Layer, LayerModel, layer_model
from spectro.nmr.manifolds import sideband_manifold
from spectro.nmr.patterns import Anisotropy, Quadrupole
from spectro.nmr.quadrupolar import (
    QuadrupolarLine,
    quadrupolar_shift_ppm,
    simulate_czjzek,
    simulate_quadrupolar,
)
from spectro.nmr.quantification import Amount, quantify
from spectro.nmr.relaxation import buildup_curve, fit_buildup, mean_time_s
from spectro.nmr.respdor import (
    dipolar_coupling_Hz,
    dipolar_distance_nm,
    fit_respdor,
    respdor_curve,
)
from spectro.nmr.series import SeriesFit, fit_series, split_rows
from spectro.nmr.shift_table import KNOWN_SHIFTS, Suggestion, suggest_assignments, suggest_sites
from spectro.nmr.sideband_fit import Spinning, fit_sidebands
from spectro.nmr.sidebands import compute_sidebands, find_field_T, simulate_sidebands
from spectro.nmr.sites import Site, Tie
from spectro.nmr.tensor import ShiftTensor
from spectro.processing.planes import take_diagonal, take_slice

__all__ = [
    "KNOWN_SHIFTS",
    "Amount",
    "Anisotropy",
    "CrossPeak",
    "Enhancement",
    "IsotropicLine",
    "Layer",
    "LayerModel",
    "PassFit",
    "Peaks",
    "QuadrupolarLine",
    "Quadrupole",
    "SeriesFit",
    "ShiftTensor",
    "Signal",
    "Site",
    "Spinning",
    "Suggestion",
    "Tie",
    "buildup_curve",
    "compare",
    "compute_enhancement",
    "compute_sidebands",
    "deconvolve",
    "dipolar_coupling_Hz",
    "dipolar_distance_nm",
    "find_cross_peaks",
    "find_field_T",
    "find_isotropic",
    "fit_buildup",
    "fit_pass",
    "fit_respdor",
    "fit_series",
    "fit_sidebands",
    "layer_model",
    "mean_time_s",
    "measure_signal",
    "pick_peaks",
    "quadrupolar_shift_ppm",
    "quantify",
    "respdor_curve",
    "sideband_manifold",
    "simulate_czjzek",
    "simulate_quadrupolar",
    "simulate_sidebands",
    "split_rows",
    "suggest_assignments",
    "suggest_sites",
    "take_diagonal",
    "take_slice",
]
