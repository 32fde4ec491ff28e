"""Span and skew come back from noisy sidebands, or it is said that they do not."""

import numpy as np
import pytest

from spectro.model import InputError
from spectro.nmr import ShiftTensor, Spinning, compute_sidebands, fit_sidebands, sideband_fit

SPINNING = Spinning(mas_Hz=8000.0, frequency_MHz=88.72)


def simulate(span_ppm, skew, noise=0.0, seed=0, highest=6, spinning=SPINNING):
    order, y = compute_sidebands(span_ppm / spinning.step_ppm, skew)
    kept = np.abs(order) <= highest
    errors = np.random.default_rng(seed).normal(0, noise, kept.sum())
    return order[kept], 100 * y[kept] + errors


@pytest.mark.parametrize(
    ("span_ppm", "skew", "mas_Hz"),
    [(416.0, 0.3, 8000.0), (150.0, -0.7, 2000.0), (600.0, 0.0, 3000.0), (250.0, 0.95, 4000.0)],
)
def test_clean_sidebands_give_back_the_tensor(span_ppm, skew, mas_Hz):
    spinning = Spinning(mas_Hz, 88.72)
    order, y = simulate(span_ppm, skew, highest=30, spinning=spinning)
    fit = fit_sidebands(order, y, spinning, sigma=0.1)
    tensor = ShiftTensor(0.0, span_ppm, skew)
    assert fit.is_converged
    assert fit.values["span_ppm"] == pytest.approx(span_ppm, rel=1e-4)
    assert fit.values["skew"] == pytest.approx(skew, abs=1e-3)
    assert fit.values["total"] == pytest.approx(100.0, rel=1e-4)
    assert abs(fit.values["zeta_ppm"]) == pytest.approx(abs(tensor.zeta_ppm), rel=1e-3)
    assert fit.values["eta"] == pytest.approx(tensor.eta, abs=1e-3)


def test_sidebands_may_be_missing_and_in_any_order():
    order, y = simulate(416.0, 0.3)
    kept = np.random.default_rng(5).permutation(len(order))[:8]
    fit = fit_sidebands(order[kept], y[kept], SPINNING, sigma=0.1)
    assert fit.values["span_ppm"] == pytest.approx(416.0, rel=1e-4)
    assert fit.values["total"] == pytest.approx(100.0, rel=1e-4)


def test_the_truth_is_in_the_intervals_as_often_as_they_say():
    tensor = ShiftTensor(0.0, 416.0, 0.3)
    truth = {
        "span_ppm": 416.0,
        "skew": 0.3,
        "total": 100.0,
        "zeta_ppm": tensor.zeta_ppm,
        "eta": tensor.eta,
    }
    hits, n = dict.fromkeys(truth, 0), 60
    for seed in range(n):
        fit = fit_sidebands(*simulate(416.0, 0.3, 0.5, seed), SPINNING)
        for name, value in truth.items():
            low, high = fit.intervals[name]
            hits[name] += low <= value <= high
    for name, count in hits.items():
        assert 0.90 <= count / n <= 0.99, name


def test_a_skew_that_nothing_tells_is_not_given():
    hits, untold = 0, 0
    for seed in range(12):
        fit = fit_sidebands(*simulate(80.0, 0.3, 0.5, seed), SPINNING)
        low, high = fit.intervals["span_ppm"]
        hits += low <= 80.0 <= high
        if fit.intervals["skew"] != (-1.0, 1.0):  # noise may rule out an end, one time in twenty
            assert fit.intervals["skew"][0] <= 0.3 <= fit.intervals["skew"][1]
            continue
        untold += 1
        assert np.isnan([fit.values["skew"], fit.values["eta"], fit.values["zeta_ppm"]]).all()
        assert fit.intervals["eta"] == (0.0, 1.0)
        assert any("The skew is undetermined" in one for one in fit.warnings)
        assert not any(one.startswith(("skew", "eta")) for one in fit.statements)
    assert untold >= 11
    assert hits >= 11


def test_an_isotropic_line_alone_has_no_skew():
    order = np.arange(-5, 6)
    for noise in (0.0, 0.5):
        y = 100.0 * (order == 0) + np.random.default_rng(0).normal(0, noise, 11)
        fit = fit_sidebands(order, y, SPINNING)
        assert np.isnan(fit.values["skew"])
        assert fit.intervals["skew"] == (-1.0, 1.0)
        assert fit.intervals["span_ppm"][0] < 0.1 * SPINNING.step_ppm
        assert fit.values["total"] == pytest.approx(100.0, rel=0.01)


def test_the_sign_of_zeta_is_open_where_that_of_the_skew_is():
    fit = fit_sidebands(*simulate(416.0, 0.0, 1.0, 2), SPINNING)
    low, high = fit.intervals["zeta_ppm"]
    assert fit.intervals["skew"][0] < 0 < fit.intervals["skew"][1]
    assert low < -208 < 208 < high
    assert fit.intervals["eta"][1] == 1.0


def test_an_axial_tensor_ends_at_the_bound_or_next_to_it():
    for seed in range(6):
        fit = fit_sidebands(*simulate(416.0, 1.0, 0.5, seed), SPINNING)
        assert fit.intervals["skew"][1] == 1.0
        assert fit.intervals["eta"][0] == 0.0


def test_the_curve_is_over_the_shifts_of_the_sidebands():
    order, y = simulate(416.0, 0.3)
    fit = fit_sidebands(order, y, SPINNING, sigma=0.1, shift_ppm=250.0)
    np.testing.assert_allclose(fit.curves[0].data.x, 250.0 + order * SPINNING.step_ppm)
    np.testing.assert_allclose(fit.best_fit.y, y, atol=1e-3)


@pytest.mark.parametrize(
    ("order", "intensity", "message"),
    [
        ([0, 1], [1.0, 1.0], "at least 4 orders"),
        ([0, 1, 1], [1.0, 1.0, 1.0], "whole orders, each once"),
        ([0, 1, 0.5], [1.0, 1.0, 1.0], "whole orders, each once"),
        ([0, 1, 2], [1.0, 1.0], r"got shapes \(3,\) and \(2,\)"),
        ([0, 1, 2, 3], [-1.0, 0.0, 0.0, 0.0], "phase the spectrum"),
        ([-1, 0, 1], [1.0, 2.0, 1.0], "at least 4 orders"),
    ],
)
def test_what_cannot_be_fitted_is_refused(order, intensity, message):
    with pytest.raises(InputError, match=message):
        fit_sidebands(order, intensity, SPINNING)
    with pytest.raises(InputError, match="rate of spinning and a frequency above 0"):
        Spinning(0.0, 88.72)


def test_very_many_sidebands_are_fitted_in_few_steps(monkeypatch):
    """At 90 times the rate of spinning each set of sidebands takes long, so they are counted."""
    spinning, taken, inside = Spinning(1000.0, 100.0), [], []
    compute = sideband_fit.compute_sidebands

    def count(*arguments):
        taken.append(arguments)
        return compute(*arguments)

    monkeypatch.setattr(sideband_fit, "compute_sidebands", count)
    order, intensity = compute(90.0, 0.3)
    for seed in range(6):
        noise = np.random.default_rng(seed).normal(0, intensity.max() / 50, len(order))
        fit = fit_sidebands(order, intensity + noise, spinning)
        for name, truth in (("span_ppm", 900.0), ("skew", 0.3)):
            low, high = fit.intervals[name]
            inside.append(low <= truth <= high)
        assert fit.values["span_ppm"] == pytest.approx(900.0, rel=0.01)
    assert len(taken) < 6 * 100
    assert sum(inside) >= 10
