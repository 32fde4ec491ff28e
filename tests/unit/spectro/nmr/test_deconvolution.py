"""Deconvolution of phantoms whose integrals, positions and widths are known."""

import json

import numpy as np
import pytest

from spectro import Axis, InputError, Spectrum, nmr
from spectro.fitting import Search
from spectro.lineshapes import compute_line, gaussian
from spectro.processing import phase

CESIUM_MHz = 78.72
NAMES = ("bulk", "core", "middle", "surface")
SHIFTS_ppm = (163.0, 116.0, 109.0, 95.0)
# Positions, and 0.3 to 2.4 kHz as the range of widths, are those of the CsPbBr3 paper's Table 2; which
# line has which width and part of the whole in which sample is invented: lines are wider and there is
# more surface in small nanocrystals, the smallest have no core.
WIDTHS_kHz = np.array([[0.3, 0.5, 0.7, 1.8], [0.35, 0.6, 0.9, 2.4]])
PERCENT = {
    "NC6.4": (4.0, 0.0, 42.0, 54.0),
    "NC7.0": (3.0, 12.0, 40.0, 45.0),
    "NC7.7": (6.0, 16.0, 38.0, 40.0),
    "NC8.5": (2.0, 24.0, 39.0, 35.0),
    "NC9.2": (5.0, 28.0, 37.0, 30.0),
    "NC10.1": (8.0, 33.0, 34.0, 25.0),
    "NC11.0": (3.0, 40.0, 35.0, 22.0),
}


def make_spectrum(x, lines, snr, rng, title="", unit="ppm"):
    """Lines (integral, position, width, *shape) with noise by the highest point."""
    y = sum(a * compute_line(x, at, w, *rest) for a, at, w, *rest in lines)
    noisy = y + rng.normal(0, np.abs(y).max() / snr, len(x))
    return Spectrum(noisy, (Axis(x, "chemical shift", unit),), {"title": title})


def make_table_2(seed):
    x, rng = np.linspace(300.0, 0.0, 2048), np.random.default_rng(seed)
    widths_ppm = {
        name: (WIDTHS_kHz[0] * (1 - t) + WIDTHS_kHz[1] * t) / CESIUM_MHz * 1e3
        for name, t in zip(PERCENT, np.linspace(1, 0, len(PERCENT)), strict=True)
    }
    spectra = [
        make_spectrum(x, list(zip(p, SHIFTS_ppm, widths_ppm[name], strict=True)), 100, rng, name)
        for name, p in PERCENT.items()
    ]
    return spectra, widths_ppm


def start_table_2():
    widths = WIDTHS_kHz.mean(axis=0) / CESIUM_MHz * 1e3
    return [nmr.Site(*one) for one in zip(NAMES, (162.0, 117.0, 108.0, 97.0), widths, strict=True)]


def test_table_2_of_the_cesium_paper_comes_back_with_its_errors():
    is_inside, percent_errors, width_errors = [], [], []
    for seed in range(20):
        spectra, widths = make_table_2(seed)
        fit = nmr.deconvolve(spectra, start_table_2())
        assert fit.is_converged
        for site, shift in zip(NAMES, SHIFTS_ppm, strict=True):
            low, high = fit.intervals[f"{site}.shift_ppm"]
            is_inside.append(low <= shift <= high)
        for name, percents in PERCENT.items():
            for k, (site, percent) in enumerate(zip(NAMES, percents, strict=True)):
                key = f"{name}/{site}"
                low, high = fit.intervals[f"{key}.percent"]
                is_inside.append(low <= percent <= high)
                percent_errors.append(fit.values[f"{key}.percent"] - percent)
                if percent:
                    low, high = fit.intervals[f"{key}.width_ppm"]
                    is_inside.append(low <= widths[name][k] <= high)
                    width_errors.append(fit.values[f"{key}.width_ppm"] / widths[name][k] - 1)
            total = sum(fit.values[f"{name}/{site}.percent"] for site in NAMES)
            assert total == pytest.approx(100.0, abs=1e-9)
    assert np.abs(percent_errors).max() < 2.0
    assert np.abs(width_errors).max() < 0.10
    assert 0.90 <= np.mean(is_inside) <= 0.99
