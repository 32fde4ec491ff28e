"""RESPDOR against a powder average of its definition, and back from noisy points."""

import numpy as np
import pytest
from scipy import constants

from spectro.model import InputError
from spectro.nmr import (
    dipolar_coupling_Hz,
    dipolar_distance_nm,
    fit_respdor,
    respdor_curve,
)

TAU_s = np.linspace(0.5e-3, 8e-3, 12)


def average_by_brute_force(tau_s, coupling_Hz, spin):
    """Dephasing by summing over directions, over states before and after, over the rotor's turn.

    The coupling D m (3 cos^2 theta - 1) of a neighbour in the state m is integrated over half a
    turn of the rotor; pulses every half turn make the halves add up. Halfway through, saturation
    makes every state as likely as any, and the second part is refocused against the first.
    """
    n_phase, n_beta = 256, 256
    cosines, weights = np.polynomial.legendre.leggauss(n_beta)
    times, shares = np.polynomial.legendre.leggauss(16)
    turn = np.pi * (times + 1) / 2
    gamma = 2 * np.pi * (np.arange(n_phase) + 0.5) / n_phase
    sine, cosine = np.sqrt(1 - cosines**2)[:, None, None], cosines[:, None, None]
    magic = np.arccos(1 / np.sqrt(3))
    along = np.cos(magic) * cosine + np.sin(magic) * sine * np.cos(gamma[:, None] + turn)
    half_turn = (3 * along**2 - 1) @ shares / 2  # per unit of time and of D m
    states = spin - np.arange(round(2 * spin + 1))
    jumps = (states[:, None] - states).ravel()
    weight = np.broadcast_to(weights[:, None] / 2 / n_phase, half_turn.shape)
    found = []
    for tau in tau_s:
        phase = 2 * np.pi * coupling_Hz * tau / 2 * half_turn
        kept = np.mean([(weight * np.cos(jump * phase)).sum() for jump in jumps])
        found.append(1 - kept)
    return np.array(found)


@pytest.mark.parametrize(
    ("nucleus", "spin"), [("29Si", 0.5), ("2H", 1.0), ("11B", 1.5), ("27Al", 2.5), ("45Sc", 3.5)]
)
def test_the_curve_is_the_powder_average(nucleus, spin):
    tau_s = np.linspace(0, 10e-3, 21)
    brute = average_by_brute_force(tau_s, 503.0, spin)
    np.testing.assert_allclose(respdor_curve(tau_s, 503.0, nucleus), brute, atol=1e-4)


@pytest.mark.parametrize(("nucleus", "spin"), [("29Si", 0.5), ("14N", 1.0), ("27Al", 2.5)])
def test_it_begins_at_nothing_and_ends_at_its_limit(nucleus, spin):
    begin, end = respdor_curve([0.0, 1e6], 503.0, nucleus, fraction=0.24)
    assert begin == pytest.approx(0.0, abs=1e-12)
    assert end == pytest.approx(0.24 * 2 * spin / (2 * spin + 1), rel=1e-5)


def test_it_depends_on_the_product_of_coupling_and_time():
    tau_s = np.array([1e-3, 3e-3])
    np.testing.assert_allclose(respdor_curve(tau_s, 900.0), respdor_curve(3 * tau_s, -300.0))


def test_the_coupling_of_the_paper():
    gammas = 2 * np.pi * np.array([10.70579e6, 11.09401e6])  # Xi of 13C and 27Al by that of 1H
    hand_Hz = 1e-7 * gammas.prod() * constants.hbar / (2 * np.pi * (0.25e-9) ** 3)
    assert dipolar_coupling_Hz("13C", "27Al", distance_nm=0.25) == pytest.approx(hand_Hz, rel=1e-5)
    # Bare moments make it 504.2 Hz and 0.2502 nm; electrons shield them by 0.1 %.
    assert hand_Hz == pytest.approx(504.2, rel=1.5e-3)
    assert dipolar_distance_nm("13C", "27Al", coupling_Hz=503.0) == pytest.approx(0.2502, rel=5e-4)


def test_a_coupling_known_by_hand():
    gamma = 2.6752218708e8  # of the proton, CODATA 2018
    hand_Hz = 1e-7 * gamma**2 * constants.hbar / (2 * np.pi * (0.1e-9) ** 3)
    assert dipolar_coupling_Hz("1H", "1H", distance_nm=0.1) == pytest.approx(hand_Hz, rel=1e-4)


def test_coupling_and_distance_are_inverse():
    for distance_nm in (0.1, 0.25, 0.6):
        coupling_Hz = dipolar_coupling_Hz("113Cd", "77Se", distance_nm)
        assert dipolar_distance_nm("113Cd", "77Se", coupling_Hz) == pytest.approx(distance_nm)


@pytest.mark.parametrize(("longest_s", "sigma"), [(8e-3, 0.01), (1e-3, 0.004)])
def test_the_truth_is_in_the_intervals_as_often_as_they_say(longest_s, sigma):
    """The shorter one stops where the dephasing has come to two thirds of its plateau."""
    truth = {
        "coupling_Hz": 503.0,
        "fraction": 0.24,
        "distance_nm": dipolar_distance_nm("13C", "27Al", 503.0),
    }
    tau_s = np.linspace(longest_s / 16, longest_s, 12)
    clean = respdor_curve(tau_s, 503.0, fraction=0.24)
    hits = dict.fromkeys(truth, 0)
    n = 70
    for seed in range(n):
        noise = np.random.default_rng(seed).normal(0, sigma, 12)
        fit = fit_respdor(tau_s, clean + noise)
        assert fit.is_converged
        for name, value in truth.items():
            low, high = fit.intervals[name]
            hits[name] += low <= value <= high
    for name, count in hits.items():
        assert 0.90 <= count / n <= 0.99, name


def test_a_fit_of_the_curve_itself_finds_what_it_was_made_with():
    fit = fit_respdor(TAU_s, respdor_curve(TAU_s, 503.0, fraction=0.24), sigma=0.01)
    assert fit.values["coupling_Hz"] == pytest.approx(503.0, rel=1e-5)
    assert fit.values["fraction"] == pytest.approx(0.24, rel=1e-5)
    assert fit.values["distance_nm"] == pytest.approx(0.2502, rel=5e-4)
    assert fit.units["distance_nm"] == "nm"
    assert not fit.warnings


def test_a_known_fraction_is_kept():
    data = respdor_curve(TAU_s, 200.0, fraction=0.5)
    data = data + np.random.default_rng(3).normal(0, 0.01, 12)
    known = fit_respdor(TAU_s, data, fraction=0.5)
    free = fit_respdor(TAU_s, data)
    assert known.values["fraction"] == 0.5
    assert "fraction" not in known.uncertainties
    width = [np.ptp(one.intervals["coupling_Hz"]) for one in (known, free)]
    assert width[0] < width[1]


def test_another_nucleus_gives_another_distance_by_the_same_coupling():
    data = respdor_curve(TAU_s, 503.0, fraction=0.24)
    carbon = fit_respdor(TAU_s, data, observed="13C").values["distance_nm"]
    proton = fit_respdor(TAU_s, data, observed="1H").values["distance_nm"]
    assert proton / carbon == pytest.approx((100 / 25.145020) ** (1 / 3))


def test_the_rise_alone_does_not_tell_coupling_and_fraction_apart():
    tau_s = TAU_s / 20
    data = respdor_curve(tau_s, 503.0, fraction=0.24)
    data = data + np.random.default_rng(1).normal(0, 2e-4, 12)
    fit = fit_respdor(tau_s, data)
    assert any("hardly told apart" in one or "undetermined" in one for one in fit.warnings)


def test_a_fraction_above_1_is_doubted():
    fit = fit_respdor(TAU_s, respdor_curve(TAU_s, 503.0, fraction=1.3), sigma=0.01)
    assert any("above 1: there is more than one neighbour" in one for one in fit.warnings)


def test_no_dephasing_is_said_to_be_none():
    noise = np.random.default_rng(0).normal(0, 0.01, 12)
    for data in (noise, -np.abs(noise)):
        fit = fit_respdor(TAU_s, data)
        assert any("No dephasing is seen" in one for one in fit.warnings)
        low, high = fit.intervals["distance_nm"]
        assert 0 <= low < 0.1
        assert high > 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ds_s0": np.linspace(0, 24, 12)}, "divide per cent by 100"),
        ({"ds_s0": np.zeros(5)}, r"got shapes \(12,\) and \(5,\)"),
        ({"ds_s0": np.full(12, 1j)}, "complex numbers"),
        ({"sigma": 0.0}, "standard deviation above 0"),
        ({"fraction": 0.0}, "fraction above 0, got 0.0; leave it out"),
        ({"tau_s": -TAU_s}, "at least 0 s"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change, message):
    values = {"tau_s": TAU_s, "ds_s0": respdor_curve(TAU_s, 503.0)} | change
    with pytest.raises(InputError, match=message):
        fit_respdor(**values)


def test_distances_and_couplings_of_0_are_refused():
    with pytest.raises(InputError, match="distance above 0 nm, got 0"):
        dipolar_coupling_Hz("13C", "27Al", 0.0)
    with pytest.raises(InputError, match="coupling above 0 Hz, got -1"):
        dipolar_distance_nm("13C", "27Al", -1.0)


def test_intervals_do_not_end_where_the_search_does():
    tau_s = np.linspace(0.1, 0.2, 12)
    truth = respdor_curve(tau_s, 503.0, fraction=0.24)
    assert fit_respdor(tau_s, truth).values["coupling_Hz"] == pytest.approx(503.0, rel=1e-3)
    for seed in (2, 3):
        noise = np.random.default_rng(seed).normal(0, 0.01, 12)
        fit = fit_respdor(tau_s, truth + noise, sigma=0.01)
        known, distance = fit.uncertainties["coupling_Hz"], fit.uncertainties["distance_nm"]
        assert known.low <= 503.0 <= known.high == np.inf
        assert distance.low == 0.0


def test_no_dephasing_has_no_distance():
    tau_s = np.linspace(1e-3, 10e-3, 10)
    data = np.random.default_rng(1).normal(0, 0.02, 10)
    fit = fit_respdor(tau_s, data, sigma=0.02)
    assert any("No dephasing" in one for one in fit.warnings)
    assert not any(one.startswith(("distance", "coupling")) for one in fit.statements)
