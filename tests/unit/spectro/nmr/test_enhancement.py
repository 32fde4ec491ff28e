"""Enhancements with known answers, and intervals that hold what they say."""

import math

import numpy as np
import pytest

from spectro.model import Axis, InputError, Spectrum
from spectro.nmr import Signal, compute_enhancement, measure_signal, quantify


def test_scans_and_gain_are_divided_out():
    plain = compute_enhancement(Signal(320.0, 2.0), Signal(10.0, 0.5))
    other = compute_enhancement(
        Signal(320.0 * 16 * 2, 2.0 * 32, n_scans=16, gain=2.0),
        Signal(10.0 * 64 * 8, 0.5 * 512, n_scans=64, gain=8.0),
    )
    assert plain.epsilon == pytest.approx(32.0)
    assert other.epsilon == pytest.approx(plain.epsilon)
    assert other.uncertainty.low == pytest.approx(plain.uncertainty.low)
    assert plain.time_saved == pytest.approx(1024.0)
    assert plain.time_saved_interval[0] == pytest.approx(plain.uncertainty.low**2)


def test_different_recycle_delays_are_brought_to_equilibrium():
    on = Signal(50 * (1 - math.exp(-2 / 4)), 0.1, recycle_s=2.0, buildup_s=4.0)
    off = Signal(1 - math.exp(-30 / 20), 0.01, recycle_s=30.0, buildup_s=20.0)
    assert compute_enhancement(on, off).epsilon == pytest.approx(50.0)
    with pytest.raises(InputError, match="delays of 2 and 30 s; give buildup_s"):
        compute_enhancement(Signal(1.0, 0.1, recycle_s=2.0), off)
    with pytest.raises(InputError, match="give buildup_s"):
        compute_enhancement(on, Signal(1.0, 0.1))


def test_unknown_recycle_delays_are_said_to_be():
    found = compute_enhancement(Signal(1.0, 0.1), Signal(1.0, 0.1))
    assert found.warnings == ("The recycle delays are not known; they are taken to be the same.",)
    known = compute_enhancement(Signal(9.0, 0.1, recycle_s=1.0), Signal(1.0, 0.1, recycle_s=1.0))
    assert not known.warnings


@pytest.mark.parametrize(("off", "error"), [(10.0, 0.3), (10.0, 2.0), (-8.0, 1.0)])
def test_the_truth_is_in_the_interval_as_often_as_it_says(off, error):
    rng, hits, n = np.random.default_rng(7), 0, 1000
    for _ in range(n):
        found = compute_enhancement(
            Signal(rng.normal(300.0, 3.0), 3.0), Signal(rng.normal(off, error), error)
        )
        hits += found.uncertainty.low <= 300.0 / off <= found.uncertainty.high
    assert 0.93 <= hits / n <= 0.97


def test_a_signal_in_the_noise_gives_a_lower_end_only():
    rng, hits, n = np.random.default_rng(8), 0, 500
    for _ in range(n):
        b = abs(rng.normal(1.0, 1.0)) + 1e-9
        found = compute_enhancement(Signal(300.0, 3.0), Signal(b, 1.0))
        if b < 1.9599:
            assert found.uncertainty.high == math.inf
            assert any("no upper end" in one for one in found.warnings)
        low = found.uncertainty.low
        assert abs(300.0 - low * b) <= 1.96 * math.hypot(3.0, low) * (1 + 1e-4)
        hits += low <= 300.0 <= found.uncertainty.high
    assert hits / n >= 0.93


def test_the_error_is_that_of_a_ratio():
    found = compute_enhancement(Signal(100.0, 1.0), Signal(50.0, 1.0))
    assert found.uncertainty.standard_error == pytest.approx(2 * math.hypot(0.01, 0.02))
    assert "epsilon at the same recycle delay = 2 " in found.statements[0]
    gone = compute_enhancement(Signal(0.0, 1.0), Signal(50.0, 0.5))
    assert gone.epsilon == 0.0
    assert gone.time_saved_interval[0] == 0.0


@pytest.mark.parametrize("smoothing", [0, 6])
def test_the_error_of_an_integral_is_how_it_scatters(smoothing):
    x = np.linspace(300.0, -300.0, 3001)  # as NMR has it, falling
    line = 40.0 * np.exp(-(((x - 100) / 4) ** 2))
    truth = 40.0 * 4 * math.sqrt(math.pi)
    found = []
    for seed in range(120):
        noise = np.random.default_rng(seed).normal(0, 1, len(x))
        if smoothing:
            noise = np.convolve(noise, np.ones(smoothing) / smoothing, mode="same")
        spectrum = Spectrum(line + noise, (Axis(x, "chemical shift", "ppm"),))
        found.append(measure_signal(spectrum, (88.0, 112.0), (50.0, -290.0)))
    values, errors = np.array(found).T
    assert values.mean() == pytest.approx(truth, abs=4 * values.std() / math.sqrt(120))
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(values.std(), rel=0.15)


def test_intervals_hold_although_noise_is_known_from_few_windows():
    """Eleven windows of noise: with the normal factor alone, 92 % held."""
    rng = np.random.default_rng(8)
    x = np.arange(132.0)
    line = np.where(x < 11, 3.0, 0.0)
    held = 0
    for _ in range(3000):
        pairs = []
        for size in (4.0, 1.0):
            spectrum = Spectrum(
                size * line + rng.normal(0, 0.3, len(x)), (Axis(x, "shift", "ppm"),)
            )
            pairs.append(measure_signal(spectrum, (0.0, 10.0), (11.0, 131.0)))
        known = compute_enhancement(*(Signal(*one) for one in pairs)).uncertainty
        held += known.low <= 4.0 <= known.high
    assert held / 3000 == pytest.approx(0.95, abs=0.012)  # three standard deviations


def test_what_cannot_be_measured_is_refused():
    flat = Spectrum(np.zeros(100), (Axis(np.arange(100.0)),))
    with pytest.raises(InputError, match="8 times as many of noise, got 21 and 50"):
        measure_signal(flat, (0, 20), (50, 99))
    square = Spectrum(np.zeros((2, 2)), (Axis([0.0, 1.0]), Axis([0.0, 1.0])))
    with pytest.raises(InputError, match="one dimension, got 2"):
        measure_signal(square, (0, 1), (0, 1))
    with pytest.raises(InputError, match="without microwaves, got 0"):
        compute_enhancement(Signal(1.0, 0.1), Signal(0.0, 0.1))
    with pytest.raises(InputError, match="at least one scan"):
        Signal(1.0, 0.1, n_scans=0)
    with pytest.raises(InputError, match="recycle delay and a build-up time above 0"):
        Signal(1.0, 0.1, recycle_s=0.0)
    with pytest.raises(InputError, match="error of at least 0"):
        Signal(1.0, -0.1)


@pytest.mark.parametrize("buildups_s", [(4.0, 20.0), (math.nan, math.nan)])
def test_a_little_of_a_recycle_delay_changes_little(buildups_s):
    def find(recycle_s):
        on = Signal(100.0, 1.0, recycle_s=recycle_s, buildup_s=buildups_s[0])
        return compute_enhancement(on, Signal(5.0, 0.1, recycle_s=5.0, buildup_s=buildups_s[1]))

    same, other = find(5.0), find(5.0001)
    assert other.epsilon == pytest.approx(same.epsilon, rel=1e-4)
    assert other.time_saved == pytest.approx(same.time_saved, rel=1e-4)
    assert same.time_saved == pytest.approx(400.0)


def test_time_is_saved_by_what_is_measured_per_root_of_time():
    on = Signal(50.0, 0.1, recycle_s=2.0, buildup_s=4.0)
    off = Signal(100.0, 0.1, recycle_s=2.0, buildup_s=4.0)
    found = compute_enhancement(on, off)
    assert "epsilon of the equilibrium = 0.5 " in found.statements[0]
    assert "takes 0.25 times as long" in found.statements[0]
    slow = compute_enhancement(on, Signal(100.0, 0.1, recycle_s=8.0, buildup_s=16.0))
    assert slow.time_saved == pytest.approx(1.0)
    assert slow.time_saved_interval[0] < 1.0 < slow.time_saved_interval[1]


def test_uneven_axes_scans_that_are_none_and_negative_amounts_are_told():
    uneven = Spectrum(np.zeros(100), (Axis(np.arange(100.0) ** 1.5),))
    with pytest.raises(InputError, match="evenly spaced"):
        measure_signal(uneven, (0, 5), (50, 999))
    with pytest.raises(InputError, match="at least one scan"):
        Signal(1.0, 0.1, n_scans=math.nan)
    found = quantify(Signal(-9.0, 0.1), Signal(10.0, 0.1), standard_umol=1.0)
    assert any("negative" in one for one in found.warnings)
