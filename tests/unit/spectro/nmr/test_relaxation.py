"""Time constants come back from noisy build-up and recovery."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import curve_fit

from spectro.model import InputError
from spectro.nmr import fit_buildup, mean_time_s

T_s = np.geomspace(0.2, 60.0, 14)
LONG_s = np.geomspace(0.1, 300.0, 24)


def cover(t, clean, noise, truth, n, **kwargs):
    """How often the truth is in the intervals, by name."""
    hits = dict.fromkeys(truth, 0)
    for seed in range(n):
        fit = fit_buildup(t, clean + np.random.default_rng(seed).normal(0, noise, len(t)), **kwargs)
        for name, value in truth.items():
            low, high = fit.intervals[name]
            hits[name] += low <= value <= high
    return {name: count / n for name, count in hits.items()}


def test_coverage_of_saturation_recovery():
    clean = 100 * (1 - np.exp(-T_s / 8))
    for name, rate in cover(T_s, clean, 2.0, {"time_s": 8.0, "m_inf": 100.0}, 200).items():
        assert 0.90 <= rate <= 0.99, name


def test_coverage_of_imperfect_inversion_recovery():
    clean = 100 * (1 - 1.9 * np.exp(-T_s / 8))
    truth = {"time_s": 8.0, "m_inf": 100.0, "initial": -0.9}
    for name, rate in cover(T_s, clean, 2.0, truth, 100, initial=None).items():
        assert 0.90 <= rate <= 0.99, name


def test_coverage_of_a_stretched_build_up():
    clean = 100 * (1 - np.exp(-((T_s / 8) ** 0.7)))
    truth = {"time_s": 8.0, "m_inf": 100.0, "beta": 0.7, "mean_time_s": mean_time_s(8.0, 0.7)}
    for name, rate in cover(T_s, clean, 1.0, truth, 60, model="stretched").items():
        assert 0.90 <= rate <= 0.99, name


def test_coverage_of_two_components():
    clean = 100 - 40 * np.exp(-LONG_s) - 60 * np.exp(-LONG_s / 30)
    truth = {
        "time_short_s": 1.0,
        "time_long_s": 30.0,
        "m_short": 40.0,
        "m_long": 60.0,
        "m_inf": 100.0,
        "long_fraction": 0.6,
    }
    for name, rate in cover(LONG_s, clean, 1.0, truth, 40, model="bi").items():
        assert 0.90 <= rate <= 1.0, name


@pytest.mark.parametrize("initial", [0.0, -1.0, 0.3])
def test_clean_recoveries_give_back_what_they_were_made_with(initial):
    m = 5e6 * (1 - (1 - initial) * np.exp(-T_s / 3))
    fit = fit_buildup(T_s, m, initial=initial, sigma=1e4)
    assert fit.values["time_s"] == pytest.approx(3.0, rel=1e-6)
    assert fit.values["m_inf"] == pytest.approx(5e6, rel=1e-6)
    free = fit_buildup(T_s, m, initial=None, sigma=1e4)
    assert free.values["initial"] == pytest.approx(initial, abs=1e-5)


def test_errors_that_are_given_are_not_made_smaller_by_residuals_that_happen_to_be():
    """By scipy's covariance with absolute errors; without noise there is nothing else to go by."""
    m = 100 * (1 - np.exp(-T_s / 3))
    fit = fit_buildup(T_s, m, sigma=2.0)
    _, covariance = curve_fit(
        lambda t, a, tau: a * (1 - np.exp(-t / tau)),
        T_s,
        m,
        (100, 3),
        np.full(len(T_s), 2.0),
        absolute_sigma=True,
    )
    for name, expected in zip(("m_inf", "time_s"), np.sqrt(np.diag(covariance)), strict=True):
        assert fit.uncertainties[name].standard_error == pytest.approx(expected, rel=1e-3)
    noisy = m + np.random.default_rng(0).normal(0, 20.0, len(T_s))
    by_residuals, by_both = fit_buildup(T_s, noisy), fit_buildup(T_s, noisy, sigma=2.0)
    for name in ("m_inf", "time_s"):
        assert by_both.uncertainties[name].standard_error == pytest.approx(
            by_residuals.uncertainties[name].standard_error, rel=1e-4
        )


def test_a_time_at_its_bound_is_told_and_its_interval_is_open_to_shorter_ones():
    """A build-up that stops long before its plateau cannot tell how long it takes."""
    t, n_told = np.geomspace(1.0, 60.0, 8), 0
    for seed in range(12):
        noise = np.random.default_rng(seed).normal(0, 0.01, len(t))
        fit = fit_buildup(t, 1 - np.exp(-t / 400) + noise, sigma=0.01)
        low, high = fit.intervals["time_s"]
        assert low < 400 < high
        is_told = any(one.startswith("time_s ended at its bound") for one in fit.warnings)
        assert is_told == (fit.values["time_s"] > 5999)
        n_told += is_told
    assert 0 < n_told < 12


def test_a_change_of_units_changes_nothing_but_units():
    m = 1 - np.exp(-T_s / 3) + np.random.default_rng(0).normal(0, 0.02, len(T_s))
    one, other = fit_buildup(T_s, m), fit_buildup(1e3 * T_s, 1e6 * m)
    assert other.values["time_s"] == pytest.approx(1e3 * one.values["time_s"], rel=1e-5)
    assert other.values["m_inf"] == pytest.approx(1e6 * one.values["m_inf"], rel=1e-5)


def test_the_mean_time_is_the_area_of_what_is_missing():
    area, _ = quad(lambda t: math.exp(-((t / 2.5) ** 0.6)), 0, math.inf)
    assert mean_time_s(2.5, 0.6) == pytest.approx(area, rel=1e-6)
    assert mean_time_s(2.5, 1.0) == 2.5


def test_two_components_are_in_order_and_add_up():
    for seed in range(10):
        m = 1 - np.exp(-LONG_s / 5) + np.random.default_rng(seed).normal(0, 0.02, len(LONG_s))
        fit = fit_buildup(LONG_s, m, model="bi")
        assert fit.values["time_short_s"] <= fit.values["time_long_s"]
        assert fit.values["m_inf"] == pytest.approx(fit.values["m_short"] + fit.values["m_long"])
        parts = fit.curves[0].components
        np.testing.assert_allclose(parts["m_short"] + parts["m_long"], fit.best_fit.y, atol=1e-12)


def test_a_build_up_that_was_not_followed_to_its_end_is_doubted():
    m = 1 - np.exp(-T_s / 80)
    fit = fit_buildup(T_s, m + np.random.default_rng(0).normal(0, 0.005, len(T_s)))
    assert any("less than twice the time constant" in one for one in fit.warnings)


def test_one_component_in_two_is_doubted():
    m = 1 - np.exp(-LONG_s / 5) + np.random.default_rng(4).normal(0, 0.02, len(LONG_s))
    assert fit_buildup(LONG_s, m, model="bi").warnings
    assert not fit_buildup(LONG_s, m).warnings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"m": T_s + 1j}, "real magnetisation, got complex numbers; phase them first"),
        ({"m": T_s[1:]}, r"got shapes \(14,\) and \(13,\)"),
        ({"model": "tri"}, "mono, stretched, bi, got 'tri'"),
        ({"initial": 1.0}, "to below 1, got 1.0"),
        ({"sigma": [1.0, 2.0]}, "one standard deviation above 0 or 14"),
        ({"t_s": np.zeros(14)}, "at least 0 s"),
        ({"m": np.full(14, np.nan)}, "finite magnetisation, got NaN"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        fit_buildup(**({"t_s": T_s, "m": 1 - np.exp(-T_s)} | change))


def test_nothing_but_noise_is_said_to_be_nothing():
    noise = -np.abs(np.random.default_rng(0).normal(0, 1, len(T_s)))
    for model in ("mono", "stretched", "bi"):
        fit = fit_buildup(T_s, noise, model=model)
        assert fit.values["m_inf"] == 0.0
        assert any("no magnetisation above 0; phase" in one for one in fit.warnings)
        assert any("undetermined" in one for one in fit.warnings)


def test_intervals_stay_where_a_number_can_be():
    m = 5 + np.random.default_rng(0).normal(0, 0.1, len(T_s))
    for model in ("mono", "stretched", "bi"):
        fit = fit_buildup(T_s, m, model=model)
        for name, (low, high) in fit.intervals.items():
            assert 0 <= low <= high, name
        if model == "bi":
            assert fit.intervals["long_fraction"] == (0.0, 1.0)
