"""Saturation curves against the Bloch equations, and T that comes back with honest intervals."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.signal import fftconvolve

from spectro import epr
from spectro.model import InputError

POWER_mW = np.geomspace(2e-4, 200.0, 31)
CENTRAL = epr.Transition.of_spin(2.5, g=2.007)
CONVERSION = 0.4  # mT per root of a watt, as of a dielectric resonator
GAMMA = 1e-3 * 1.76085963023e5 * 2.007 / 2.00231930436  # rad/us/mT; CODATA 2018, of the electron


def half_power_mW(t_us, nutation=3.0):
    """s = (nutation gamma B1 T)^2 = 1, from the electron's gyromagnetic ratio."""
    return 1e3 / (nutation * GAMMA * CONVERSION * t_us) ** 2


def curve(power, half, b, k=1.0):
    return k * np.sqrt(power) * (1 + power / half) ** (-b / 2)


def bloch(b1, offset, t1=1.6, t2=0.625):
    """Steady absorption of the Bloch equations, solved as linear ones; rates in rad/us."""
    matrix = np.zeros((len(offset), 3, 3))
    matrix[:, 0, 0] = matrix[:, 1, 1] = -1 / t2
    matrix[:, 2, 2] = -1 / t1
    matrix[:, 1, 0], matrix[:, 0, 1] = offset, -offset
    matrix[:, 1, 2], matrix[:, 2, 1] = b1, -b1
    rest = np.array([0.0, 0.0, -1 / t1])[:, None]
    return np.abs(np.linalg.solve(matrix, np.broadcast_to(rest, (len(offset), 3, 1)))[:, 1, 0])


OFFSET = np.linspace(-60, 60, 6001)
B1 = np.geomspace(0.02, 8, 9)  # s = B1^2 T1 T2 = B1^2


@pytest.fixture(scope="module")
def lines():
    """Homogeneous absorption lines."""
    return np.array([bloch(b1, OFFSET) for b1 in B1])


@pytest.mark.parametrize("model", ["absorption", "derivative"])
def test_homogeneous_models_are_what_the_bloch_equations_give(lines, model):
    if model == "derivative":
        lines = np.gradient(lines, OFFSET, axis=1)
        height = np.ptp(lines, axis=1)
    else:
        height = lines.max(axis=1)
    result = epr.fit_saturation(B1**2, height, model=model)
    assert result.values["P_half_mW"] == pytest.approx(1.0, rel=1e-3)
    assert result.noise < 1e-3 * height.max()


def test_inhomogeneous_model_is_an_envelope_of_packets():
    offset = np.linspace(-4000, 4000, 16001)
    packets = np.array([bloch(b1, offset) for b1 in B1])
    envelope = np.exp(-0.5 * (offset / 1000) ** 2)
    seen = fftconvolve(packets, envelope[None], "same", axes=1)
    for line in (seen, np.gradient(seen, axis=1)):
        height = np.ptp(line[:, 4000:12001], axis=1)
        result = epr.fit_saturation(B1**2, height, model="inhomogeneous")
        assert result.values["P_half_mW"] == pytest.approx(1.0, rel=0.05)
        assert result.noise < 5e-3 * height.max()


def test_a_fitted_exponent_tells_the_models_apart(lines):
    height = np.ptp(np.gradient(lines, OFFSET, axis=1), axis=1)
    assert epr.fit_saturation(B1**2, height).values["b"] == pytest.approx(3, abs=0.01)
    assert epr.fit_saturation(B1**2, lines.max(axis=1)).values["b"] == pytest.approx(2, abs=0.01)


@pytest.mark.parametrize("b", [1.5, 2.0, 3.0])
def test_what_the_statement_says_of_the_curve_is_so(b):
    half = 5.0
    top = minimize_scalar(lambda p: -curve(p, half, b), bounds=(1e-3, 100), method="bounded").x
    result = epr.fit_saturation(POWER_mW, curve(POWER_mW, half, b), model=b)
    text = result.statements[-2]
    assert f"greatest at {top:.3g} mW" in text
    assert f"{curve(half, half, b) / math.sqrt(half):.3f} of what it were" in text
    numbers = text.split("half of that at ")[1].split(" mW")[0]
    at = half * (2 ** (2 / b) - 1)
    assert curve(at, half, b) / math.sqrt(at) == pytest.approx(0.5)
    assert float(numbers) == pytest.approx(at, rel=5e-3)


@pytest.mark.parametrize("t_us", [3.0, 1.0, 0.3, 0.1, 0.05, 0.02])
@pytest.mark.parametrize(
    ("model", "b"), [("derivative", 3), ("inhomogeneous", 1), ("empirical", 2)]
)
def test_phantoms_return_t(t_us, model, b):
    height = curve(POWER_mW, half_power_mW(t_us), b, 17.0)
    result = epr.fit_saturation(
        POWER_mW,
        height,
        error=height,
        model=model,
        conversion_mT_per_sqrt_W=CONVERSION,
        transition=CENTRAL,
    )
    assert result.values["T_us"] == pytest.approx(t_us, rel=1e-5)
    assert result.values["K_per_sqrt_mW"] == pytest.approx(17.0, rel=1e-5)
    assert result.values["P_half_mW"] == pytest.approx(half_power_mW(t_us), rel=1e-5)
    assert "3 times that of a spin 1/2 included" in result.statements[-1]
    assert result.settings["nutation"] == 3


def noisy_fit(seed, t_us, b, model, noise):
    clean = curve(POWER_mW, half_power_mW(t_us), b)
    sigma = noise * clean
    measured = clean + sigma * np.random.default_rng(seed).normal(size=len(clean))
    return epr.fit_saturation(
        POWER_mW,
        measured,
        error=sigma,
        model=model,
        conversion_mT_per_sqrt_W=CONVERSION,
        transition=CENTRAL,
    )


@pytest.mark.parametrize(
    ("model", "b", "t_us", "n"),
    [
        ("derivative", 3, 3.0, 200),
        ("derivative", 3, 0.3, 200),
        ("derivative", 3, 0.02, 200),
        ("inhomogeneous", 1, 3.0, 200),
        ("inhomogeneous", 1, 0.02, 200),
        ("empirical", 2, 0.3, 80),
        ("empirical", 2, 0.02, 80),
    ],
)
def test_intervals_hold_t_as_often_as_they_say(model, b, t_us, n):
    held = {"T_us": 0, "P_half_mW": 0, "s_max": 0}
    truth = {"T_us": t_us, "P_half_mW": half_power_mW(t_us)}
    truth["s_max"] = POWER_mW[-1] / truth["P_half_mW"]
    for seed in range(n):
        known = noisy_fit(seed, t_us, b, model, 0.05).intervals
        for name, value in truth.items():
            held[name] += known[name][0] <= value <= known[name][1]
    assert len(set(held.values())) == 1  # one interval, in three units
    assert 0.90 <= held["T_us"] / n <= 0.99


def test_the_interval_of_an_unsaturated_line_is_open():
    power = np.geomspace(0.01, 2, 12)
    clean = curve(power, 200.0, 3)
    noise = 0.02 * clean * np.random.default_rng(3).normal(size=12)
    result = epr.fit_saturation(
        power, clean + noise, error=clean, model="derivative", conversion_mT_per_sqrt_W=0.1
    )
    low, high = result.intervals["P_half_mW"]
    assert 2 < low < 200 < high == math.inf
    assert result.intervals["T_us"][0] == 0
    assert any("stays below P_half" in one and "lower bound" in one for one in result.warnings)


def test_the_open_side_covers_too():
    power, held = np.geomspace(0.01, 2, 12), 0
    clean = curve(power, 60.0, 3)
    for seed in range(200):
        noise = 0.05 * clean * np.random.default_rng(seed).normal(size=12)
        fit = epr.fit_saturation(power, clean + noise, error=clean, model="derivative")
        held += fit.intervals["P_half_mW"][0] <= 60 <= fit.intervals["P_half_mW"][1]
    assert 0.90 <= held / 200 <= 0.99


def test_no_conversion_no_time():
    noise = 0.02 * np.random.default_rng(5).normal(size=31)
    height = curve(POWER_mW, 1.0, 3) * (1 + noise)
    result = epr.fit_saturation(POWER_mW, height, error=height, model="derivative")
    assert "T_us" not in result.values
    assert "conversion" in result.statements[-1]
    assert not result.warnings


def test_powers_that_miss_the_linear_part_are_told():
    power = np.geomspace(5, 200, 12)
    result = epr.fit_saturation(power, curve(power, 10.0, 2), model="absorption")
    assert any("goes with the root of the power" in one for one in result.warnings)


def test_an_exponent_at_its_bound_is_told():
    result = epr.fit_saturation(POWER_mW, curve(POWER_mW, 1.0, 3.4))
    assert result.values["b"] == pytest.approx(3)
    assert any(one.startswith("b ended at its bound of 3") for one in result.warnings)
    assert result.intervals["b"][1] <= 3


def test_growth_faster_than_the_root_and_scatter_beyond_errors_are_told():
    power = np.geomspace(0.01, 10, 9)
    result = epr.fit_saturation(power, power**0.55, error=1e-3 * np.sqrt(power), model="derivative")
    assert any("faster than the root" in one for one in result.warnings)
    assert any("times their errors" in one for one in result.warnings)
    assert result.values["P_half_mW"] == math.inf


def test_units_and_order_do_not_matter():
    rng = np.random.default_rng(1)
    height = curve(POWER_mW, 3.0, 2) * (1 + 0.03 * rng.normal(size=31))
    first = epr.fit_saturation(POWER_mW, height, conversion_mT_per_sqrt_W=0.1)
    order = rng.permutation(31)
    second = epr.fit_saturation(POWER_mW[order], 1e6 * height[order], conversion_mT_per_sqrt_W=0.1)
    third = epr.fit_saturation(9 * POWER_mW, height, conversion_mT_per_sqrt_W=0.1)
    for name in ("P_half_mW", "T_us", "b"):
        assert second.values[name] == pytest.approx(first.values[name], rel=1e-5)
        assert second.intervals[name] == pytest.approx(first.intervals[name], rel=1e-3)
    assert third.values["T_us"] == pytest.approx(first.values["T_us"] / 3, rel=1e-5)


def test_nutation_and_conversion_go_together():
    height = curve(POWER_mW, 3.0, 3)

    def time(conversion, nutation):
        return epr.fit_saturation(
            POWER_mW,
            height,
            model="derivative",
            conversion_mT_per_sqrt_W=conversion,
            transition=epr.Transition(nutation),
        ).values["T_us"]

    assert time(0.3, 1.0) == pytest.approx(time(0.1, 3.0))


@pytest.mark.parametrize(("s", "m"), [(0.5, 0.5), (2.5, 0.5), (2.5, -1.5), (1, 1), (3.5, 2.5)])
def test_nutation_is_the_matrix_element_of_the_raising_operator(s, m):
    levels = np.arange(s, -s - 1, -1)
    raising = np.diag(np.sqrt(s * (s + 1) - levels[1:] * (levels[1:] + 1)), 1)
    upper = int(np.flatnonzero(levels == m)[0])
    assert epr.Transition.of_spin(s, m).nutation == pytest.approx(raising[upper, upper + 1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"power_mW": [1, 2, -3, 4]}, "above 0 mW"),
        ({"power_mW": [1, 1, 2, 2]}, "three powers"),
        ({"power_mW": [1, 2, 3]}, "as many amplitudes"),
        ({"amplitude": [1, 2, np.nan, 3]}, "finite amplitudes"),
        ({"amplitude": [-1, -2, -3, -3]}, "finite amplitudes above 0"),
        ({"error": [1, 1, 0, 1]}, "standard error above 0"),
        ({"model": "homogenous"}, "empirical, inhomogeneous, absorption, derivative"),
        ({"model": 3.5}, "from 1 to 3"),
        ({"conversion_mT_per_sqrt_W": 0.0}, "conversion factor above 0"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments, words):
    good = {"power_mW": [1, 2, 3, 4], "amplitude": [1, 1.4, 1.7, 1.9], "model": "derivative"}
    with pytest.raises(InputError, match=words):
        epr.fit_saturation(**(good | arguments))


def test_transitions_that_do_not_exist_are_refused():
    for s, m in ((2.5, -2.5), (2.5, 1.0), (1.3, 0.5)):
        with pytest.raises(InputError, match="m of a transition"):
            epr.Transition.of_spin(s, m)
    with pytest.raises(InputError, match="nutation factor"):
        epr.Transition(0.0)
