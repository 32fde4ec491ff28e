"""Isotropic lines of a phantom with three sites, by two rates of spinning."""

import numpy as np
import pytest

from spectro.model import Axis, InputError, Spectrum
from spectro.nmr import Peaks, find_field_T, find_isotropic, pick_peaks, simulate_sidebands

FREQUENCY_MHz = 88.72
SITES = ((67.0, 120.0, 0.2, 1.0), (250.0, 416.0, 0.4, 2.0), (-105.0, 240.0, -0.6, 1.0))


def make_spectrum(mas_Hz, noise=0.0, width_ppm=3.0, seed=0):
    """Three sites (shift, span, skew, amount), Gaussian lines, falling axis."""
    x = np.linspace(900.0, -700.0, 6401)
    y = np.random.default_rng(seed).normal(0, noise, len(x))
    field_T = find_field_T("113Cd", FREQUENCY_MHz)
    for shift, span, skew, amount in SITES:
        sticks = simulate_sidebands(shift, span, skew, "113Cd", field_T, mas_Hz)
        for at, height in zip(sticks.x, sticks.y, strict=True):
            y += amount * height * np.exp(-0.5 * ((x - at) / width_ppm) ** 2)
    return Spectrum(y, (Axis(x, "chemical shift", "ppm"),), {"mas_Hz": mas_Hz})


@pytest.mark.parametrize("rates_Hz", [(8000.0, 6300.0), (10000.0, 8000.0), (7000.0, 5500.0)])
@pytest.mark.parametrize("seed", range(3))
def test_three_sites_are_found_and_nothing_else(rates_Hz, seed):
    peaks = [pick_peaks(make_spectrum(rate, 0.003, seed=seed)) for rate in rates_Hz]
    assert min(len(one.shift_ppm) for one in peaks) >= 10
    lines = find_isotropic(*peaks, FREQUENCY_MHz)
    certain = [one.shift_ppm for one in lines if not one.doubt]
    assert certain == pytest.approx([250.0, 67.0, -105.0], abs=0.5)


def test_lines_that_multiples_of_both_rates_keep_in_place_are_doubted():
    peaks = [pick_peaks(make_spectrum(rate, 0.0005)) for rate in (6000.0, 4000.0)]
    lines = find_isotropic(*peaks, FREQUENCY_MHz)
    certain = [one for one in lines if not one.doubt]
    assert [one.shift_ppm for one in certain] == pytest.approx([250.0, 67.0, -105.0], abs=0.5)
    doubtful = [one for one in lines if one.doubt]
    step_ppm = 12000.0 / FREQUENCY_MHz
    assert any(abs(one.shift_ppm - 250.0 - step_ppm) < 0.5 for one in doubtful)
    for one in doubtful:
        assert "measure at a third rate" in one.doubt


def test_peaks_are_at_their_vertices():
    x = np.linspace(100.0, -100.0, 401)
    y = 5 * np.exp(-0.5 * ((x - 33.21) / 4) ** 2) + 2 * np.exp(-0.5 * ((x + 20.13) / 4) ** 2)
    for one in (x, x[::-1]):
        values = y if one is x else y[::-1]
        peaks = pick_peaks(Spectrum(values, (Axis(one),)), 5000.0)
        np.testing.assert_allclose(np.sort(peaks.shift_ppm), [-20.13, 33.21], atol=1e-3)
        np.testing.assert_allclose(np.sort(peaks.height), [2.0, 5.0], rtol=1e-3)
        assert peaks.mas_Hz == 5000.0


def test_noise_alone_has_hardly_a_peak():
    x = np.linspace(0.0, 100.0, 5001)
    counts = []
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(0, 1, len(x))
        counts.append(len(pick_peaks(Spectrum(noise, (Axis(x),)), 5000.0).height))
    assert max(counts) <= 5
    real = Spectrum(np.exp(-((x - 50) ** 2)) * (1 + 2j), (Axis(x),))
    np.testing.assert_allclose(pick_peaks(real, 5000.0).shift_ppm, [50.0], atol=1e-6)


def test_a_single_site_counts_its_sidebands():
    first = Peaks([-80.0, 0.0, 80.0, 160.0], [1.0, 4.0, 2.0, 1.0], 8000.0)
    second = Peaks([-60.0, 0.0, 60.0], [1.0, 4.0, 1.0], 6000.0)
    (line,) = find_isotropic(first, second, 100.0)
    assert (line.shift_ppm, line.height, line.n_sidebands, line.doubt) == (0.0, 4.0, (3, 2), "")


def test_nothing_in_common_is_nothing_found():
    none = Peaks([], [], 8000.0)
    assert find_isotropic(none, Peaks([1.0], [1.0], 6000.0), 100.0) == ()
    assert find_isotropic(Peaks([5.0], [1.0], 8000.0), Peaks([9.0], [1.0], 6000.0), 100.0) == ()


def test_what_cannot_be_told_apart_is_refused():
    one = Peaks([0.0], [1.0], 8000.0)
    with pytest.raises(InputError, match="change the rate by more"):
        find_isotropic(one, Peaks([0.0], [1.0], 8100.0), 100.0)
    with pytest.raises(InputError, match="as many heights"):
        Peaks([0.0, 1.0], [1.0], 8000.0)
    with pytest.raises(InputError, match="rate of spinning above 0"):
        Peaks([0.0], [1.0], 0.0)
    with pytest.raises(InputError, match="rate of spinning"):
        pick_peaks(Spectrum(np.zeros(9), (Axis(np.arange(9.0)),)))
    with pytest.raises(InputError, match="one dimension, got 2"):
        pick_peaks(Spectrum(np.zeros((2, 2)), (Axis([0.0, 1.0]), Axis([0.0, 1.0]))), 1.0)


def test_other_units_nan_and_frequencies_that_are_none_are_told():
    over_Hz = Spectrum(np.ones(9), (Axis(np.arange(9.0), "frequency", "Hz"),))
    with pytest.raises(InputError, match="axes in ppm"):
        pick_peaks(over_Hz, 1000.0)
    holed = Spectrum(np.full(9, np.nan), (Axis(np.arange(9.0), "shift", "ppm"),))
    with pytest.raises(InputError, match="finite data"):
        pick_peaks(holed, 1000.0)
    peaks = [Peaks([0.0], [1.0], rate) for rate in (1000.0, 3000.0)]
    for frequency_MHz in (0.0, np.nan):
        with pytest.raises(InputError, match="frequency above 0"):
            find_isotropic(*peaks, frequency_MHz)
