"""
Manganese in CdS, from spectrum to table
========================================

A CW spectrum of Mn(II) is simulated, fitted with three models of its zero-field splitting, and
tabulated; then its saturation, the nuclei around it, and where it polarises 113Cd.
"""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from spectro import epr, figures
from spectro.fitting import Search

# %%
# A spectrum with noise. With a file of one's own: ``spectrum = spectro.load("24h.DSC")``.
random = np.random.default_rng(1)
truth = epr.SpinSystem(2.5, 2.0035, [epr.Nucleus("55Mn", -192.0)], d_strain_MHz=120.0)
experiment = epr.CwExperiment(9.45, (308.0, 367.0), 400, modulation_mT=0.2)
simulated = epr.simulate_cw(truth, experiment, epr.LineShape(1.0))
y = simulated.y / np.ptp(simulated.y)
noise = 0.01 * random.normal(size=len(y))
spectrum = simulated.do("add_noise", y + noise, metadata={"title": "Mn"})

# %%
# Three models: no zero-field splitting, one D for all, and a distribution of D about zero. Only the
# last one leaves nothing but noise, which was 0.01. The first is searched from three starts, with
# an interval by profile.
start = epr.SpinSystem(2.5, 2.003, [epr.Nucleus("55Mn", -195.0)])
numbers = ("g", "a_MHz", "gaussian_mT")
quick = epr.CwFit(tolerance=5e-3)
models = {
    "no D": (start, numbers, Search(3, profile=("gaussian_mT",))),
    "one D": (replace(start, d_MHz=100.0), (*numbers, "d_MHz"), Search()),
    "spread D": (replace(start, d_strain_MHz=150.0), (*numbers, "d_strain_MHz"), Search()),
}
fits = {
    name: epr.fit_cw(spectrum, system, vary=vary, options=quick, search=search)
    for name, (system, vary, search) in models.items()
}
for name, fit in fits.items():
    print(f"{name}: residuals of {fit.noise:.4f}", *fit.statements, *fit.warnings, sep="\n  ")
with figures.journal_style():
    for name in ("no D", "spread D"):
        figure = plt.figure(figsize=(figures.SINGLE_COLUMN_IN, 3.2), layout="constrained")
        figures.draw_fit(figure, fits[name])

# %%
# The table: a row per number, with its unit and interval. ``table.to_latex()`` or
# ``table.to_csv()`` take it into a paper.
best = fits["spread D"]
table = pd.DataFrame(best.to_dict()["values"]).T[["value", "unit", "low", "high"]]
print(table.drop([name for name in table.index if name.startswith("baseline_")]))

# %%
# Heights of the line at fifteen powers, 1 % of noise, B1 = 0.1 mT at 1 W. All transitions of a
# spread of D are excited at once, so the nutation is that of a spin 1/2.
power_mW = np.geomspace(0.02, 200.0, 15)
height = np.sqrt(power_mW) / (1 + power_mW / 12.0) ** 0.8 * (1 + 0.01 * random.normal(size=15))
saturation = epr.fit_saturation(power_mW, height, conversion_mT_per_sqrt_W=0.1)
print("\n".join((*saturation.statements, *saturation.warnings)))
with figures.journal_style():
    figure, ax = plt.subplots(figsize=(figures.SINGLE_COLUMN_IN, 2.4), layout="constrained")
    figures.draw_saturation(ax, saturation)

# %%
# Nuclei near the spin modulate its echo: 111Cd, 113Cd and, of ligands, 1H. The lines are found in
# the transform, and named.
pulses = epr.EseemExperiment(1220.0, 120.0, n_points=1024, decay_us=4.0)
nuclei = [epr.Nucleus("113Cd", (0.5, 2.5)), epr.Nucleus("111Cd", (0.48, 2.39))]
nuclei += 6 * [epr.Nucleus("1H", (-0.5, 1.0))]
echo = epr.simulate_three_pulse_eseem(nuclei, pulses)
noisy = echo.do("add_noise", echo.y + 5e-5 * random.normal(size=echo.y.shape))
lines = epr.process_eseem(noisy)
assigned = epr.assign_lines(epr.find_peaks(lines), field_mT=1220.0, nuclei=("113Cd", "111Cd", "1H"))
print("\n".join(assigned.statements))
with figures.journal_style():
    figure, ax = plt.subplots(figsize=(figures.SINGLE_COLUMN_IN, 2.4), layout="constrained")
    named = [(one.frequency_MHz, one.candidates[0].name) for one in assigned.lines if one.isotope]
    figures.draw_eseem(ax, lines, named)

# %%
# ENDOR lines of 55Mn itself, from the coupling that was fitted: those of mS = -1/2 and +1/2.
fitted = epr.SpinSystem(2.5, best.values["g"], [epr.Nucleus("55Mn", best.values["a_MHz"])])
for line in epr.endor_lines(fitted, 1220.0):
    if abs(line.ms) == 0.5:
        print(f"{line.name}: {line.frequency_MHz:.2f} MHz")

# %%
# Where in the field of a 263 GHz spectrometer the solid effect enhances 113Cd.
profile = epr.solid_effect_profile(truth, nucleus="113Cd", line=epr.LineShape(1.0))
print("\n".join(profile.statements))
with figures.journal_style():
    figure = plt.figure(figsize=(figures.SINGLE_COLUMN_IN, 3.2), layout="constrained")
    figures.draw_solid_effect(figure, profile)
plt.show()
