"""Heights of lines from simulated power sweeps: unbiased, with honest errors, comparable."""

import math

import numpy as np
import pytest

from spectro import epr
from spectro.model import Axis, InputError, Spectrum

X_mT = np.linspace(330.0, 350.0, 801)
POWER_mW = np.geomspace(0.01, 100.0, 13)
HALF_mW = 8.0


def lorentz(x, centre, gamma, s):
    """Derivative of a saturated homogeneous line, as high as 1 from peak to peak without s."""
    u = (x - centre) / gamma
    return -2 * u / (1 + s + u**2) ** 2 / (27**0.5 / 4)


def gauss(x, centre, sigma):
    u = (x - centre) / sigma
    return -u * np.exp((1 - u**2) / 2) / 2


def sweep(noise=0.0, seed=0, *, kind="homogeneous", power=POWER_mW):
    rng, rows = np.random.default_rng(seed), []
    for p in power:
        if kind == "homogeneous":
            y = lorentz(X_mT, 335.0, 0.4, p / HALF_mW) + 0.8 * lorentz(X_mT, 344.0, 0.6, p / 4)
        else:
            y = gauss(X_mT, 340.0, 0.8) * (1 + p / HALF_mW) ** -0.5
        rows.append(np.sqrt(p) * y + noise * rng.normal(size=len(X_mT)))
    return np.array(rows)


def plane(y, power=POWER_mW, unit="mW"):
    axes = (Axis(power, "microwave power", unit), Axis(X_mT, "magnetic field", "mT"))
    return Spectrum(y, axes, {"harmonic": 1})


def separate(y, power=POWER_mW, **more):
    axis = Axis(X_mT, "magnetic field", "mT")
    return [
        Spectrum(row, (axis,), {"power_mW": p, "harmonic": 1, **more})
        for row, p in zip(y, power, strict=True)
    ]


def test_each_line_saturates_at_its_own_power():
    curve = epr.saturation_curve(plane(sweep(1e-3)))
    assert curve.amplitude.shape == curve.error.shape == (2, 13)
    for row, half, height in zip(curve.amplitude, (HALF_mW, 4.0), (1.0, 0.8), strict=True):
        expected = height * np.sqrt(POWER_mW) * (1 + POWER_mW / half) ** -1.5
        inside = POWER_mW < 12 * half  # else the line is broader than its window
        np.testing.assert_allclose(row[inside], expected[inside], rtol=0.02, atol=2e-3)
        fit = epr.fit_saturation(curve.power_mW[inside], row[inside], model="derivative")
        assert fit.values["P_half_mW"] == pytest.approx(half, rel=0.02)


def test_windows_hold_their_lines():
    curve = epr.saturation_curve(plane(sweep()))
    for (low, high), centre in zip(curve.window_mT, (335.0, 344.0), strict=True):
        assert low < centre - 0.3 < centre + 0.3 < high
    assert curve.window_mT[0, 1] < curve.window_mT[1, 0]
    inverted = epr.saturation_curve(plane(-sweep()))
    np.testing.assert_allclose(inverted.window_mT, curve.window_mT, atol=0.1)
    np.testing.assert_allclose(inverted.amplitude, curve.amplitude, rtol=1e-3)


def test_a_plane_and_its_rows_in_any_order_give_one_curve():
    y, order = sweep(0.01), np.random.default_rng(1).permutation(13)
    whole = epr.saturation_curve(plane(y))
    rows = separate(y)
    parts = epr.saturation_curve([rows[k] for k in order])
    np.testing.assert_allclose(parts.power_mW, POWER_mW)
    np.testing.assert_allclose(parts.amplitude, whole.amplitude, rtol=1e-12)


@pytest.mark.parametrize("method", ["peak_to_peak", "fit"])
def test_errors_are_those_of_many_measurements(method):
    window, found = [(337.0, 343.0)], []
    for seed in range(150):
        y = sweep(0.03, seed, kind="inhomogeneous")
        found.append(epr.saturation_curve(plane(y), windows_mT=window, method=method))
    amplitude = np.array([one.amplitude[0] for one in found])
    error = np.array([one.error[0] for one in found]).mean(axis=0)
    strong = POWER_mW > 0.2  # where noise does not make the extremes
    np.testing.assert_allclose(error[strong], amplitude.std(axis=0)[strong], rtol=0.25)
    expected = np.sqrt(POWER_mW) * (1 + POWER_mW / HALF_mW) ** -0.5
    bias = amplitude.mean(axis=0) - expected
    assert np.abs(bias[strong] / expected[strong]).max() < 0.03


def test_a_fit_is_less_noisy_and_less_biased_than_extremes():
    expected = np.sqrt(POWER_mW[0])
    errors = {}
    for method in ("peak_to_peak", "fit"):
        heights = [
            epr.saturation_curve(
                plane(sweep(0.1, seed, kind="inhomogeneous")),
                windows_mT=[(337.0, 343.0)],
                method=method,
            ).amplitude[0, 0]
            for seed in range(40)
        ]
        errors[method] = (np.mean(heights) - expected, np.std(heights))
    assert abs(errors["fit"][0]) < 0.2 * abs(errors["peak_to_peak"][0])
    assert abs(errors["fit"][0]) < 3 * errors["fit"][1] / math.sqrt(40)


def test_a_given_reference_sets_the_unit():
    y = sweep(kind="inhomogeneous")
    reference = Spectrum(7 * gauss(X_mT, 340.0, 0.8), (Axis(X_mT, "magnetic field", "mT"),))
    curve = epr.saturation_curve(
        plane(y), method="fit", windows_mT=[(336.0, 344.0)], reference=reference
    )
    expected = np.sqrt(POWER_mW) * (1 + POWER_mW / HALF_mW) ** -0.5
    np.testing.assert_allclose(curve.amplitude[0], expected, rtol=2e-3)
    assert not curve.warnings


def test_a_line_that_broadens_is_told_when_it_is_fitted():
    curve = epr.saturation_curve(plane(sweep(1e-3)), method="fit")
    assert any("changes its shape" in one for one in curve.warnings)


def test_gain_scans_and_conversion_time_are_divided_out():
    y = sweep(kind="inhomogeneous")
    plain = epr.saturation_curve(separate(y, receiver_gain_dB=40.0, n_scans=2))
    rows = separate(y, receiver_gain_dB=40.0, n_scans=2, conversion_time_s=0.02)
    changed = [
        rows[0],
        *(
            Spectrum(
                one.y * 10 * 2 * 4,
                one.axes,
                {**one.metadata, "receiver_gain_dB": 60.0, "n_scans": 4, "conversion_time_s": 0.08},
            )
            for one in rows[1:]
        ),
    ]
    np.testing.assert_allclose(epr.saturation_curve(changed).amplitude, plain.amplitude, rtol=1e-12)
    normalised = [
        Spectrum(one.y, one.axes, {**one.metadata, "is_normalised": True, "n_scans": k})
        for k, one in enumerate(separate(y), 1)
    ]
    np.testing.assert_allclose(
        epr.saturation_curve(normalised).amplitude, plain.amplitude, rtol=1e-12
    )


def test_a_drift_of_the_frequency_does_not_move_the_line_out_of_its_shape():
    y = []
    for k, p in enumerate(POWER_mW):
        frequency = 9.5 * (1 + 1e-3 * k / 12)
        centre = 340.0 * frequency / 9.5
        axis = Axis(X_mT, "magnetic field", "mT")
        about = {"power_mW": p, "frequency_GHz": frequency}
        y.append(Spectrum(np.sqrt(p) * gauss(X_mT, centre, 0.8), (axis,), about))
    curve = epr.saturation_curve(y, method="fit")
    np.testing.assert_allclose(curve.amplitude[0] / np.sqrt(POWER_mW), 1.0, rtol=2e-3)


def test_conditions_that_differ_are_told():
    rows = separate(sweep(), q_factor=2000.0)
    rows[3] = Spectrum(rows[3].y, rows[3].axes, {**rows[3].metadata, "q_factor": 2500.0})
    assert any("Q factors" in one for one in epr.saturation_curve(rows).warnings)


def broken(name):
    y = sweep()
    rows = separate(y)
    gains = [{**one.metadata, "receiver_gain_dB": 40.0} for one in rows[1:]]
    mixed = [rows[0], *(Spectrum(o.y, o.axes, g) for o, g in zip(rows[1:], gains, strict=True))]
    return {
        "gain": (mixed, {}),
        "power": ([Spectrum(one.y, one.axes) for one in rows], {}),
        "decibel": (plane(y, unit="dB"), {}),
        "single": (rows[0], {}),
        "one": (rows[:1], {}),
        "complex": (plane(y * 1j), {}),
        "harmonic": (separate(y, harmonic=2), {}),
        "window": (plane(y), {"windows_mT": [(360.0, 365.0)]}),
        "flat": (plane(np.zeros_like(y)), {}),
        "method": (plane(y), {"method": "area"}),
        "reference": (
            plane(y),
            {
                "method": "fit",
                "reference": rows[0].do(
                    "cut", y[0][:9], axes=[Axis(X_mT[:9], "magnetic field", "mT")]
                ),
            },
        ),
    }[name]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gain", "receiver gain"),
        ("power", "power_mW"),
        ("decibel", "powers in mW"),
        ("single", "plane of powers and field"),
        ("one", "two spectra"),
        ("complex", "real and finite"),
        ("harmonic", "first derivative"),
        ("window", "wider windows_mT"),
        ("flat", "a line in the spectra"),
        ("method", "peak_to_peak or fit"),
        ("reference", "a reference from"),
    ],
)
def test_what_cannot_be_compared_is_refused(name, words):
    spectra, more = broken(name)
    with pytest.raises(InputError, match=words):
        epr.saturation_curve(spectra, **more)


def test_powers_can_be_given():
    curve = epr.saturation_curve(plane(sweep(), unit="dB"), power_mW=POWER_mW)
    np.testing.assert_allclose(curve.power_mW, POWER_mW)


def test_from_spectra_to_t():
    """The whole way, from noise in the spectra to the interval of T."""
    transition = epr.Transition.of_spin(2.5, g=2.007)
    conversion, held = 0.2, 0
    t_us = 1 / (transition.rate_per_mT * conversion * math.sqrt(HALF_mW * 1e-3))
    clean = [np.sqrt(p) * lorentz(X_mT, 340.0, 0.4, p / HALF_mW) for p in POWER_mW]
    for seed in range(100):
        noise = 0.01 * np.random.default_rng(seed).normal(size=(13, 801))
        curve = epr.saturation_curve(plane(clean + noise), windows_mT=[(337.0, 343.0)])
        fit = epr.fit_saturation(
            curve.power_mW,
            curve.amplitude[0],
            error=curve.error[0],
            model="derivative",
            conversion_mT_per_sqrt_W=conversion,
            transition=transition,
        )
        low, high = fit.intervals["T_us"]
        assert high < 1.1 * low
        held += low <= t_us <= high
    assert 90 <= held <= 99
