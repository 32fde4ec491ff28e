"""NMR of a simulated sample: 113Cd with and without microwaves, build-up, and RESPDOR."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.simulated import relations
from napari_nanodope.simulated.samples import TrueSample
from spectro.isotopes import isotope
from spectro.nmr import dipolar_coupling_Hz, respdor_curve
from spectro.phantoms import Acquisition, Line, record_fid, save_topspin

SITES = {"core": (67.0, 12.0), "middle": (41.0, 16.0), "surface": (6.0, 30.0)}
"""Shift and width (full, at half maximum) in ppm of the sites of 113Cd, Gaussian."""

OBSERVED, SATURATED = "13C", "113Cd"
DISTANCE_nm, FRACTION = 0.28, 0.23
"""Of a ligand's carboxylate carbon to the next 113Cd, and how many carbons have one."""

RECIPE = "nmr/process.toml"
"""File of the processing recipe, in the project."""

PHASE_deg = 35.0
_FIELD_T = 9.4
_ON, _OFF, _ROW = (64, 3.0), (256, 3.0), (16, 1.0)  # scans, recycle delay in build-up times
_NOISE = 0.8  # of one scan, where all nuclei at equilibrium without microwaves give 1
_DELAYS = np.geomspace(0.05, 5.0, 14)  # in build-up times
_WINDOW_ppm, _BLANK_ppm = (-25.0, 85.0), (150.0, 1450.0)
_TAU_s = np.linspace(1e-3, 16e-3, 16)
_NOISE_RESPDOR = 0.003
_STARTS = {"core": (65.0, 15.0), "middle": (43.0, 15.0), "surface": (10.0, 25.0)}

RECIPE_TEXT = f"""\
# The receiver's phase; neither apodisation nor zeros, so that the noise of every point is its own.

[[step]]
do = "remove_digital_filter"

[[step]]
do = "fourier_transform"

[[step]]
do = "phase"
zero_deg = {PHASE_deg}
"""


def write_nmr(
    sample: TrueSample, diameter_nm: float, folder: Path, seed: int
) -> list[dict[str, Any]]:
    """Write the measurements below ``nmr``; return how the project file lists them.

    Parameters
    ----------
    sample : TrueSample
        What is measured.
    diameter_nm : float
        Of its particles, on which the parts of the layers depend.
    folder : Path
        Of the project.
    seed : int
        Of the noise.
    """
    rng = np.random.default_rng([seed, round(60 * sample.incubation_h), 200])
    place = folder / "nmr" / sample.id
    gain = relations.enhancement(sample.dopant_mM)
    one_scan = record_fid(lines_of(diameter_nm), acquisition_of(sample, 1))
    for number, (factor, (n_scans, wait)) in enumerate(((gain, _ON), (1.0, _OFF)), 1):
        acquired = acquisition_of(sample, n_scans, wait)
        part = _recovered(wait, sample)
        fid = factor * part * n_scans * one_scan
        noisy = fid + _draw_noise(rng, fid.shape, n_scans)
        state = "on" if number == 1 else "off"
        title = f"{sample.id} 113Cd MAS, microwaves {state}"
        save_topspin(noisy, place / str(number), acquired, title=title)
    _write_series(sample, one_scan, place / "3", rng)
    _write_respdor(place / "respdor.csv", rng)
    return _list_measurements(sample)


def acquisition_of(sample: TrueSample, n_scans: int, wait: float = 1.0) -> Acquisition:
    """How a signal is recorded, with a recycle delay in units of the build-up time."""
    return Acquisition(
        SATURATED,
        abs(isotope(SATURATED).gamma_MHz_per_T) * _FIELD_T,
        carrier_ppm=30.0,
        width_Hz=266_000.0,
        n_points=2048,
        n_scans=n_scans,
        recycle_s=round(wait * relations.buildup_time_s(sample.dopant_mM), 3),
        mas_Hz=14_000.0,
        temperature_K=100.0,
        phase_deg=PHASE_deg,
    )


def lines_of(diameter_nm: float) -> list[Line]:
    """Lines of the layers, the parts of the volume as amplitudes; sidebands are left out."""
    parts = relations.layer_fractions(diameter_nm)
    return [Line(*SITES[name], part) for name, part in parts.items()]


def _recovered(delay: float | NDArray[np.float64], sample: TrueSample) -> Any:
    """Part of the equilibrium after a delay in build-up times."""
    return -np.expm1(-(delay ** relations.buildup_beta(sample.dopant_mM)))


def _draw_noise(
    rng: np.random.Generator, shape: tuple[int, ...], n_scans: int
) -> NDArray[np.complex128]:
    scale = _NOISE * np.sqrt(n_scans)
    return np.asarray(scale * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)))


def _write_series(
    sample: TrueSample, one_scan: NDArray[np.complex128], folder: Path, rng: np.random.Generator
) -> None:
    """Build-up with microwaves after saturation, a row for each delay."""
    n_scans, wait = _ROW
    acquired = acquisition_of(sample, n_scans, wait)
    delays_s = _DELAYS * relations.buildup_time_s(sample.dopant_mM)
    growth = relations.enhancement(sample.dopant_mM) * _recovered(_DELAYS, sample) * n_scans
    rows = growth[:, None] * one_scan
    rows = rows + _draw_noise(rng, rows.shape, n_scans)
    title = f"{sample.id} 113Cd build-up"
    save_topspin(rows, folder, acquired, title=title, delays_s=list(map(float, delays_s)))


def _write_respdor(path: Path, rng: np.random.Generator) -> None:
    coupling = dipolar_coupling_Hz(OBSERVED, SATURATED, DISTANCE_nm)
    exact = respdor_curve(_TAU_s, coupling, SATURATED, FRACTION)
    noisy = exact + _NOISE_RESPDOR * rng.standard_normal(len(_TAU_s))
    rows = [
        f"{t!r},{y!r},{_NOISE_RESPDOR!r}"
        for t, y in zip(_TAU_s.tolist(), noisy.tolist(), strict=True)
    ]
    path.write_bytes("\n".join(["tau_s,ds_s0,sigma", *rows, ""]).encode())


def _list_measurements(sample: TrueSample) -> list[dict[str, Any]]:
    told = {"sample": sample.id, "technique": "nmr"}
    place = f"nmr/{sample.id}"
    window, noise = list(_WINDOW_ppm), list(_BLANK_ppm)
    sites = [
        {"name": name, "shift_ppm": shift, "width_ppm": width}
        for name, (shift, width) in _STARTS.items()
    ]
    return [
        told
        | {
            "files": f"{place}/1",
            "settings": {"fit": "deconvolution", "recipe": RECIPE, "sites": sites},
        },
        told
        | {
            "files": f"{place}/1",
            "settings": {
                "fit": "enhancement",
                "off": f"{place}/2",
                "recipe": RECIPE,
                "window_ppm": window,
                "noise_ppm": noise,
            },
        },
        told
        | {
            "files": f"{place}/3",
            "settings": {
                "fit": "buildup",
                "model": "stretched",
                "recipe": RECIPE,
                "window_ppm": window,
                "noise_ppm": noise,
            },
        },
        told
        | {
            "files": f"{place}/respdor.csv",
            "settings": {"fit": "respdor", "observed": OBSERVED, "saturated": SATURATED},
        },
    ]
