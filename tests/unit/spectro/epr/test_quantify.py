"""Double integrals of lines whose area is known, and numbers of spins from them."""

import math

import numpy as np
import pytest
from scipy.signal import lfilter

from spectro import epr
from spectro.model import Axis, InputError, Source, Spectrum

X_mT = np.linspace(300.0, 380.0, 1601)


def spectrum(y, x=X_mT, **about):
    return Spectrum(y, (Axis(x, "magnetic field", "mT"),), {"harmonic": 1, **about})


def gauss(x, centre=338.0, sigma=1.2):
    """Derivative of a Gaussian of area 1."""
    u = (x - centre) / sigma
    return -u * np.exp(-(u**2) / 2) / (sigma**2 * math.sqrt(2 * math.pi))


def lorentz(x, centre=340.0, gamma=1.0):
    """Derivative of a Lorentzian of area 1."""
    return -2 * gamma * (x - centre) / math.pi / ((x - centre) ** 2 + gamma**2) ** 2


@pytest.mark.parametrize("centre", [325.0, 338.0, 351.0])
def test_area_of_a_gaussian(centre):
    found = epr.double_integral(spectrum(3 * gauss(X_mT, centre)))
    assert found.value == pytest.approx(3, rel=1e-9)
    area = np.trapezoid(found.absorption.y, found.absorption.x)
    assert area == pytest.approx(3, rel=1e-3)
    assert found.absorption.x[found.absorption.y.argmax()] == pytest.approx(centre, abs=0.05)


@pytest.mark.parametrize("reach", [5.0, 20.0, 39.0])
def test_truncated_wings_of_a_lorentzian(reach):
    """What is left is the area above the straight line between the ends, as by hand."""
    window = (340.0 - reach, 340.0 + reach)
    found = epr.double_integral(spectrum(lorentz(X_mT)), window_mT=window, baseline_degree=None)
    left = 2 / math.pi * (math.atan(reach) - reach / (1 + reach**2))
    assert found.value == pytest.approx(left, rel=1e-4)
    assert found.wing_loss == pytest.approx(1 - left, rel=0.07)  # by the width between points
    assert any("wings" in one for one in found.warnings) == (reach < 12)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_a_polynomial_baseline_leaves_no_trace(degree):
    u = (X_mT - 340) / 40
    drift = sum((k + 1) * u**k for k in range(degree + 1))
    found = epr.double_integral(spectrum(gauss(X_mT) + drift), baseline_degree=degree)
    assert found.value == pytest.approx(1, rel=1e-9)
    assert found.warnings == ()


def test_a_hump_in_the_baseline_is_told():
    hump = 0.01 * np.exp(-(((X_mT - 345) / 5) ** 2))
    y = gauss(X_mT) + hump + 1e-3 * np.random.default_rng(0).normal(size=1601)
    found = epr.double_integral(spectrum(y), window_mT=(320, 365))
    assert any("baseline is not told well" in one for one in found.warnings)


def test_a_baseline_of_too_low_a_degree_widens_the_interval():
    y = gauss(X_mT) + 1e-3 * np.random.default_rng(0).normal(size=1601) + 0.002 * (X_mT - 340)
    straight, flat = (
        epr.double_integral(spectrum(y), window_mT=(320, 365), baseline_degree=degree)
        for degree in (1, 0)
    )
    assert straight.uncertainty.low < 1 < straight.uncertainty.high
    assert flat.uncertainty.low < 1 < flat.uncertainty.high
    assert flat.uncertainty.standard_error > 10 * straight.uncertainty.standard_error


def test_uneven_axes_and_scales():
    rng = np.random.default_rng(2)
    x = np.sort(rng.uniform(300, 380, 4000))
    found = epr.double_integral(spectrum(gauss(x), x))
    assert found.value == pytest.approx(1, rel=2e-3)
    scaled = epr.double_integral(spectrum(-5 * gauss(X_mT)))
    assert scaled.value == pytest.approx(-5)


@pytest.mark.parametrize("degree", [0, 2])
@pytest.mark.parametrize("memory", [0.0, 0.9], ids=["white", "filtered"])
def test_intervals_hold_the_area_as_often_as_they_say(memory, degree):
    held, found = 0, []
    for seed in range(200):
        white = np.random.default_rng(seed).normal(size=2101)
        noise = lfilter([math.sqrt(1 - memory**2)], [1, -memory], white)[500:]
        one = epr.double_integral(
            spectrum(gauss(X_mT) + 0.01 * noise), window_mT=(325, 352), baseline_degree=degree
        )
        held += one.uncertainty.low <= 1 <= one.uncertainty.high
        found.append((one.value, one.uncertainty.standard_error))
    value, error = np.array(found).T
    assert 0.90 <= held / 200 <= 0.99
    assert error.mean() == pytest.approx(value.std(), rel=0.25)


def test_the_interval_is_that_of_the_weights():
    """White noise of a known size, no baseline to fit: the variance by hand."""
    sigma, step = 0.02, X_mT[1] - X_mT[0]
    rng = np.random.default_rng(7)
    found = epr.double_integral(
        spectrum(gauss(X_mT) + sigma * rng.normal(size=1601)),
        window_mT=(330, 350),
        baseline_degree=None,
    )
    expected = sigma * step * math.sqrt(np.square(np.arange(-10, 10 + step / 2, step)).sum())
    assert found.uncertainty.standard_error == pytest.approx(expected, rel=0.1)


def test_no_baseline_no_interval():
    found = epr.double_integral(spectrum(gauss(X_mT)), baseline_degree=None)
    assert math.isnan(found.uncertainty.standard_error)
    assert (found.uncertainty.low, found.uncertainty.high) == (-math.inf, math.inf)


@pytest.mark.parametrize("modulation", [0.5, 3.0])
def test_modulation_broadens_but_keeps_the_area_per_amplitude(modulation):
    system = epr.SpinSystem(0.5, 2.0)
    centre = 1e3 * 9.5 / (2.0 * 13.99624493)
    experiment = epr.CwExperiment(9.5, (centre - 30, centre + 30), 3001, modulation_mT=modulation)
    found = epr.double_integral(epr.simulate_cw(system, experiment, epr.LineShape(1.0)))
    assert found.value == pytest.approx(1, rel=2e-3)


def test_area_goes_with_the_spin():
    """S(S+1), from the transition probabilities of a simulation."""
    centre = 1e3 * 9.5 / (2.0 * 13.99624493)
    experiment = epr.CwExperiment(9.5, (centre - 30, centre + 30), 3001)
    areas = [
        epr.double_integral(epr.simulate_cw(epr.SpinSystem(s, 2.0), experiment)).value
        for s in (0.5, 2.5)
    ]
    assert areas[1] / areas[0] == pytest.approx(8.75 / 0.75, rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"window_mT": (301, 379.8)}, "outside of the window"),
        ({"window_mT": (340, 340.1)}, "points or more between"),
        ({"window_mT": (350, 340)}, "window that ascends"),
        ({"baseline_degree": 9}, "degree from 0 to 5"),
        ({"level": 1.0}, "level between"),
    ],
)
def test_settings_that_leave_nothing_are_refused(arguments, words):
    if "window_mT" in arguments and arguments["window_mT"][0] == 301:
        arguments = {"window_mT": (300.1, 379.9)}
    with pytest.raises(InputError, match=words):
        epr.double_integral(spectrum(gauss(X_mT)), **arguments)


def test_other_spectra_are_refused():
    for y, about, words in (
        (gauss(X_mT), {"harmonic": 2}, "first derivative"),
        (gauss(X_mT) * 1j, {}, "real and finite"),
    ):
        with pytest.raises(InputError, match=words):
            epr.double_integral(spectrum(y, **about))
    with pytest.raises(InputError, match="ascending field in mT"):
        epr.double_integral(spectrum(gauss(X_mT)[::-1], X_mT[::-1]))


CONDITIONS = {
    "receiver_gain_dB": 60.0,
    "n_scans": 4,
    "conversion_time_s": 0.04,
    "power_mW": 0.25,
    "modulation_amplitude_mT": 0.2,
    "q_factor": 3000.0,
    "temperature_K": 100.0,
    "frequency_GHz": 9.5,
}
OTHERS = {
    "receiver_gain_dB": 40.0,
    "n_scans": 10,
    "conversion_time_s": 0.08,
    "power_mW": 1.0,
    "modulation_amplitude_mT": 0.1,
    "q_factor": 2500.0,
    "temperature_K": 295.0,
    "frequency_GHz": 9.45,
}


def sensitivity(known, s=0.5, g=2.0):
    """Signal per spin, as its factors are defined."""
    return (
        10 ** (known["receiver_gain_dB"] / 20)
        * known["n_scans"]
        * known["conversion_time_s"]
        * math.sqrt(known["power_mW"])
        * known["modulation_amplitude_mT"]
        * known["q_factor"]
        / known["temperature_K"]
        * s
        * (s + 1)
        * g
    )


def test_a_phantom_returns_its_spins():
    ours = spectrum(5e15 * sensitivity(CONDITIONS, 2.5, 2.007) * gauss(X_mT), **CONDITIONS)
    theirs = spectrum(2e16 * sensitivity(OTHERS, 0.5, 2.0037) * gauss(X_mT, 342), **OTHERS)
    found = epr.count_spins(
        ours,
        theirs,
        standard_spins=2e16,
        sample_conditions={"spin": 2.5, "g": 2.007, "volume_uL": 50.0, "mass_mg": 4.0},
        standard_conditions={"spin": 0.5, "g": 2.0037},
    )
    assert found.n_spins == pytest.approx(5e15)
    assert found.concentration_mM == pytest.approx(5e15 / 6.02214076e23 / 50e-6 * 1e3)
    assert found.spins_per_mg == pytest.approx(1.25e15)
    assert found.factors["receiver_gain_dB"] == pytest.approx(10)
    assert found.factors["power_mW"] == pytest.approx(0.5)
    assert found.warnings == ()


def test_a_sample_is_its_own_standard():
    one = spectrum(gauss(X_mT), **CONDITIONS)
    found = epr.count_spins(one, one, standard_spins=1e15)
    assert found.n_spins == pytest.approx(1e15)
    assert dict(found.factors) == {}
    assert "electron spin, g value" in found.warnings[0]


def test_the_central_transition_is_a_part():
    one = spectrum(gauss(X_mT), **CONDITIONS)
    found = epr.count_spins(
        one, one, standard_spins=9e15, sample_conditions={"observed_fraction": 9 / 35}
    )
    assert found.n_spins == pytest.approx(35e15)


@pytest.mark.parametrize("name", [*CONDITIONS, "spin", "g"])
def test_what_is_known_of_one_only_is_refused(name):
    known = {**CONDITIONS, "spin": 0.5, "g": 2.0}
    without = {key: value for key, value in known.items() if key != name}
    with pytest.raises(InputError, match=rf"{name}.*got .*none"):
        epr.count_spins(
            spectrum(gauss(X_mT), **known),
            spectrum(gauss(X_mT), **without),
            standard_spins=1e15,
        )


def test_noise_and_the_standards_error_reach_the_interval():
    rng, area = np.random.default_rng(1), []
    standard = spectrum(gauss(X_mT))
    held = 0
    for _ in range(200):
        sample = spectrum(gauss(X_mT) + 0.002 * rng.normal(size=1601))
        stated = 1e15 * (1 + 0.03 * rng.normal())
        found = epr.count_spins(sample, standard, standard_spins=stated, standard_error=3e13)
        held += found.uncertainty.low <= 1e15 <= found.uncertainty.high
        area.append(found.n_spins)
    assert 0.90 <= held / 200 <= 0.99
    assert found.uncertainty.standard_error == pytest.approx(np.std(area), rel=0.2)


def test_intensities_that_xepr_normalised_are_left_alone():
    about = {**CONDITIONS, "is_normalised": True}
    other = {**about, "receiver_gain_dB": 20.0, "n_scans": 1, "conversion_time_s": 1.0}
    found = epr.count_spins(
        spectrum(gauss(X_mT), **about), spectrum(gauss(X_mT), **other), standard_spins=1e15
    )
    assert found.n_spins == pytest.approx(1e15)
    with pytest.raises(InputError, match="normalised, or raw ones"):
        epr.count_spins(
            spectrum(gauss(X_mT), **about), spectrum(gauss(X_mT), **OTHERS), standard_spins=1e15
        )


def test_scans_of_files_that_do_not_say_what_they_do_are_refused():
    axis = (Axis(X_mT, "magnetic field", "mT"),)
    pair = [
        Spectrum(gauss(X_mT), axis, {"n_scans": n}, source=Source("a.xml", "", "Magnettech XML"))
        for n in (1, 10)
    ]
    with pytest.raises(InputError, match="added up or averaged"):
        epr.count_spins(*pair, standard_spins=1e15)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"standard_spins": 0.0}, "number of spins above 0"),
        ({"sample_conditions": {"frequency_GHz": 34.0}}, "one band"),
        ({"sample_conditions": {"gain": 34.0}}, "conditions out of"),
        ({"sample_conditions": {"temperature_K": -3.0}}, "temperature_K above 0"),
        ({"standard": spectrum(-gauss(X_mT), **CONDITIONS)}, "standard above 0"),
    ],
)
def test_what_cannot_be_counted_is_refused(more, words):
    one = spectrum(gauss(X_mT), **CONDITIONS)
    arguments = {"sample": one, "standard": one, "standard_spins": 1e15} | more
    sample, standard = arguments.pop("sample"), arguments.pop("standard")
    with pytest.raises(InputError, match=words):
        epr.count_spins(sample, standard, **arguments)


def test_a_sample_below_zero_is_told():
    one = spectrum(gauss(X_mT), **CONDITIONS)
    found = epr.count_spins(spectrum(-gauss(X_mT), **CONDITIONS), one, standard_spins=1e15)
    assert any("below 0" in text for text in found.warnings)
