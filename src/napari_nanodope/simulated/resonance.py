"""EPR of a simulated sample: a CW spectrum and a power sweep, as Xepr writes them."""

from pathlib import Path
from typing import Any

import numpy as np

from napari_nanodope.simulated import relations
from napari_nanodope.simulated.samples import TrueSample
from spectro.epr import CwExperiment, LineShape, Nucleus, SpinSystem, simulate_cw
from spectro.model import Axis, Spectrum
from spectro.phantoms import save_bes3t, simulate_power_sweep

A_MHz = -189.0
MN = SpinSystem(2.5, 2.007, [Nucleus("55Mn", A_MHz)])
"""Mn(II) in CdS: g and the hyperfine coupling of Abutbul et al., ACS Nano 2025, 19, 17640."""

GAUSSIAN_mT = 0.45
CONVERSION_mT_PER_SQRT_W = 0.2

_EXPERIMENT = CwExperiment(9.46, (305.0, 370.0), 1301, modulation_mT=0.1)
_PER_mM = 0.5  # of intensity, for spins as `simulate_cw` counts them
_NOISE_CW, _NOISE_SWEEP = 1.0, 3.0
_CW_mW = 2e-3
_PATTERN_mT = (310.0, 365.0)
_POWER_mW = 200.0 * 10 ** (-0.3 * np.arange(16)[::-1])
_ABOUT = {
    "operator": "simulated",
    "modulation_frequency_kHz": 100.0,
    "receiver_gain_dB": 60.0,
    "temperature_K": 298.0,
    "conversion_time_s": 0.04,
    "time_constant_s": 0.01,
    "n_scans": 4,
}


def write_epr(sample: TrueSample, folder: Path, seed: int) -> list[dict[str, Any]]:
    """Write both measurements below ``epr``; return how the project file lists them.

    Parameters
    ----------
    sample : TrueSample
        What is measured; of the reference there is only noise, which is not to be fitted.
    folder : Path
        Of the project.
    seed : int
        Of the noise.
    """
    rng = np.random.default_rng([seed, round(60 * sample.incubation_h), 100])
    clean = simulate_epr(sample)
    noisy = clean.y + _NOISE_CW * rng.standard_normal(clean.y.shape)
    known = {**clean.metadata, **_ABOUT, "power_mW": _CW_mW, "title": f"{sample.id} CW"}
    save_bes3t(Spectrum(noisy, clean.axes, known), folder / "epr" / f"{sample.id}.DSC")
    told: dict[str, Any] = {"sample": sample.id, "technique": "epr"}
    measured = told | {"files": f"epr/{sample.id}.DSC"}
    if not sample.is_doped:
        return [measured]
    sweep = simulate_sweep(sample)
    noisy = sweep.y + _NOISE_SWEEP * rng.standard_normal(sweep.y.shape)
    known = {**sweep.metadata, **_ABOUT, "title": f"{sample.id} power sweep"}
    save_bes3t(Spectrum(noisy, sweep.axes, known), folder / "epr" / f"{sample.id}_power.DSC")
    return [
        measured
        | {
            "settings": {
                "fit": "cw",
                "model": "mn2+",
                "vary": ["g", "a_MHz", "gaussian_mT", "lorentzian_mT"],
            }
        },
        told
        | {
            "files": f"epr/{sample.id}_power.DSC",
            "settings": {
                "fit": "saturation",
                "model": "inhomogeneous",
                "method": "fit",
                "window_mT": list(_PATTERN_mT),
                "conversion_mT_per_sqrt_W": CONVERSION_mT_PER_SQRT_W,
            },
        },
    ]


def simulate_epr(sample: TrueSample) -> Spectrum:
    """CW spectrum without noise; nothing of the reference."""
    line = LineShape(GAUSSIAN_mT, relations.lorentzian_mT(sample.relaxation_time_us))
    axis = Axis(_EXPERIMENT.field_axis_mT, "magnetic field", "mT")
    pattern = simulate_cw(MN, _EXPERIMENT, line)
    known = {name: one for name, one in pattern.metadata.items() if name != "error"}
    return Spectrum(_PER_mM * sample.dopant_mM * pattern.y, (axis,), known)


def simulate_sweep(sample: TrueSample) -> Spectrum:
    """Power sweep without noise."""
    clean = simulate_epr(sample)
    return simulate_power_sweep(
        clean,
        list(map(float, _POWER_mW)),
        time_us=sample.relaxation_time_us,
        conversion_mT_per_sqrt_W=CONVERSION_mT_PER_SQRT_W,
    )
