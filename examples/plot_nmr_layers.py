"""
Layers of CsPbBr3 nanocrystals, from FID to thickness
=====================================================

FIDs of 133Cs are simulated for nanocrystals of seven sizes, processed by one recipe, and taken
apart into core, middle and surface at shared shifts. The parts and the diameters give the depths
of the layers. Then how fast each layer recovers, and a distance by RESPDOR.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from spectro import Axis, Spectrum, figures, nmr
from spectro.processing import cut, format_recipe, replay, suggest_recipe

# %%
# Shifts and the range of widths are those that are reported for such nanocrystals at 78.72 MHz.
# Which layer has which part of the signal follows from a surface 0.8 nm thick and a core that
# begins 2.3 nm deep; the smallest has next to none. Besides, there is a little bulk material.
LARMOR_MHz, CARRIER_ppm, WIDTH_Hz = 78.72, 130.0, 40e3
SHIFTS_ppm = {"bulk": 163.0, "core": 116.0, "middle": 109.0, "surface": 95.0}
WIDTHS_kHz = {"bulk": 0.3, "core": 0.5, "middle": 0.8, "surface": 2.0}
DIAMETERS_nm = (5.2, 6.4, 7.0, 7.7, 8.5, 9.2, 11.0)


def find_shares(diameter_nm, core_nm=2.3, middle_nm=0.8):
    """Parts of a sphere between depths, and bulk besides."""
    inside = [max(1 - 2 * depth / diameter_nm, 0.0) ** 3 for depth in (core_nm, middle_nm)]
    shares = (0.05, inside[0], inside[1] - inside[0], 1 - inside[1])
    return dict(zip(SHIFTS_ppm, shares, strict=True))


def simulate_fid(shares, random, title=""):
    """Gaussian lines over time, out of phase by 40 degrees, with noise."""
    times_s = np.arange(1024) / WIDTH_Hz
    y = np.zeros(len(times_s), complex)
    for name, share in shares.items():
        turn = 2j * np.pi * (SHIFTS_ppm[name] - CARRIER_ppm) * LARMOR_MHz * times_s
        decay = (np.pi * WIDTHS_kHz[name] * 1e3 * times_s) ** 2 / (4 * np.log(2))
        y += share * np.exp(turn - decay + 1j * np.deg2rad(40.0))
    y += 0.004 * (random.normal(size=len(y)) + 1j * random.normal(size=len(y)))
    about = {"nucleus": "133Cs", "reference_frequency_MHz": LARMOR_MHz, "carrier_ppm": CARRIER_ppm}
    return Spectrum(y, (Axis(times_s, "time", "s"),), {**about, "title": title})


random = np.random.default_rng(0)
fids = [simulate_fid(find_shares(d), random, f"{d:g} nm") for d in DIAMETERS_nm]

# %%
# One recipe for all: what is suggested for the largest, without apodisation, which would give the
# lines another shape, and without a baseline, which takes part in the fit.
steps = [
    one for one in suggest_recipe(fids[-1]) if one.name not in ("apodise", "subtract_baseline")
]
print(format_recipe(steps))
spectra = [cut(replay(fid, steps), (250.0, 0.0)) for fid in fids]

# %%
# All seven at once: shifts are shared, widths and integrals are not.
sites = [nmr.Site(name, SHIFTS_ppm[name] + 1, 12.0 * WIDTHS_kHz[name]) for name in SHIFTS_ppm]
fit = nmr.deconvolve(spectra, sites, baseline_degree=0)
print(*fit.statements[:4], *fit.warnings, sep="\n")
percent = pd.DataFrame(
    {
        one.title: {name: fit.values[f"{one.title}/{name}.percent"] for name in SHIFTS_ppm}
        for one in spectra
    }
)
print(percent.T.round(1))
with figures.journal_style():
    figure, ax = plt.subplots(figsize=(figures.SINGLE_COLUMN_IN, 4.0), layout="constrained")
    figures.draw_series(ax, fit, is_normalised=True)

# %%
# Layers: integrals and diameters, with their errors. Bulk is no part of a nanocrystal.
models = {}
for diameter_nm, one in zip(DIAMETERS_nm, spectra, strict=True):
    names = {name: f"{one.title}/{name}.integral" for name in SHIFTS_ppm}
    models[one.title] = nmr.layer_model(
        diameter_nm,
        {name: fit.values[key] for name, key in names.items()},
        fraction_errors={n: fit.uncertainties[k].standard_error for n, k in names.items()},
        diameter_error_nm=0.2,
    )
    print(one.title, *models[one.title].statements)
with figures.journal_style():
    figure, ax = plt.subplots(figsize=(figures.DOUBLE_COLUMN_IN, 2.4), layout="constrained")
    depths = figures.draw_layers(ax, models)
print(depths[depths["layer"] == "core"][["sample", "outer_nm", "outer_low_nm", "outer_high_nm"]])

# %%
# Saturation recovery: eleven delays, and a time constant for each layer. All rows have the phase
# of the last one.
delays_s = np.geomspace(0.5, 400.0, 11)
times_s = {"bulk": 150.0, "core": 90.0, "middle": 40.0, "surface": 12.0}
shares = find_shares(9.2)
rows = []
for delay_s in delays_s:
    now = {name: part * (1 - np.exp(-delay_s / times_s[name])) for name, part in shares.items()}
    rows.append(simulate_fid(now, random))
recovery = nmr.fit_series(
    [cut(replay(one, steps), (250.0, 0.0)) for one in rows], sites, delay_s=delays_s
)
print("\n".join(recovery.statements))
with figures.journal_style():
    figure, ax = plt.subplots(figsize=(figures.SINGLE_COLUMN_IN, 2.8), layout="constrained")
    figures.draw_buildup(ax, recovery.curves, error=recovery.errors)

# %%
# RESPDOR of 13C by 27Al: 503 Hz, a quarter of the carbons.
tau_s = np.linspace(0.4e-3, 6e-3, 12)
dephasing = nmr.respdor_curve(tau_s, 503.0, "27Al", 0.24) + 0.008 * random.normal(size=12)
respdor = nmr.fit_respdor(tau_s, dephasing, "13C", "27Al", sigma=0.008)
print("\n".join(respdor.statements))
with figures.journal_style():
    figure, ax = plt.subplots(figsize=(figures.SINGLE_COLUMN_IN, 2.8), layout="constrained")
    figures.draw_respdor(ax, respdor, error=0.008)

# %%
# A correlation of two sites of 113Cd: contours from five times the noise on, and slices.
axis = Axis(np.linspace(120.0, -40.0, 200), "113Cd chemical shift", "ppm")
first, second = np.meshgrid(axis.values, axis.values, indexing="ij")
y = 0.01 * random.normal(size=first.shape)
for at, other, height in ((67, 67, 1.0), (41, 41, 0.7), (67, 41, 0.2), (41, 67, 0.2)):
    y += height * np.exp(-(((first - at) / 6) ** 2) - ((second - other) / 6) ** 2)
plane = Spectrum(y, (axis, axis))
for peak in nmr.find_cross_peaks(plane, off_ppm=12.0):
    print(f"{peak.first_ppm:.0f} and {peak.second_ppm:.0f} ppm: {peak.signal_to_noise:.0f} x noise")
with figures.journal_style():
    figure = plt.figure(figsize=(figures.SINGLE_COLUMN_IN, 3.33), layout="constrained")
    figures.draw_correlation(figure, plane, slices_ppm=(67.0, 41.0))
plt.show()
