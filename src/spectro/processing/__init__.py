"""Processing of NMR data: functions from one spectrum to the next, each a step of its history."""

from spectro.processing.baseline import METHODS, estimate_noise, subtract_baseline
from spectro.processing.cutting import cut
from spectro.processing.echoes import coadd_echoes, to_spikelets
from spectro.processing.history import STEPS, replay
from spectro.processing.phasing import CRITERIA, Phase, find_phase, phase
from spectro.processing.planes import take_diagonal, take_slice
from spectro.processing.quadrature import QUADRATURES, join_quadrature, swap_axes
from spectro.processing.recipe import (
    format_recipe,
    load_recipe,
    parse_recipe,
    suggest_recipe,
)
from spectro.processing.referencing import SCALES, reference, to_hertz, to_ppm
from spectro.processing.sidebands import shear_pass, sum_isotropic
from spectro.processing.transform import (
    WINDOWS,
    apodise,
    fourier_transform,
    remove_digital_filter,
    zero_fill,
)

__all__ = [
    "CRITERIA",
    "METHODS",
    "QUADRATURES",
    "SCALES",
    "STEPS",
    "WINDOWS",
    "Phase",
    "apodise",
    "coadd_echoes",
    "cut",
    "estimate_noise",
    "find_phase",
    "format_recipe",
    "fourier_transform",
    "join_quadrature",
    "load_recipe",
    "parse_recipe",
    "phase",
    "reference",
    "remove_digital_filter",
    "replay",
    "shear_pass",
    "subtract_baseline",
    "suggest_recipe",
    "sum_isotropic",
    "swap_axes",
    "take_diagonal",
    "take_slice",
    "to_hertz",
    "to_ppm",
    "to_spikelets",
    "zero_fill",
]
