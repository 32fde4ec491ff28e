"""Line shapes against their definitions: areas, widths, convolution, derivatives, causality."""

import numpy as np
import pytest
from scipy.special import voigt_profile

from spectro import InputError
from spectro.lineshapes import (
    SHAPES,
    compute_line,
    differentiate_line,
    gaussian,
    lorentzian,
    pseudo_voigt,
    voigt,
)

X = np.linspace(-40.0, 60.0, 4001)


@pytest.mark.parametrize("mixing", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_line_has_area_1_and_its_width_at_half_height(shape, mixing):
    x = np.concatenate([-np.geomspace(1e6, 1e-4, 20_001), np.geomspace(1e-4, 1e6, 20_001)])
    y = compute_line(x + 7.0, 7.0, 2.5, mixing, shape)
    assert np.trapezoid(y, x) == pytest.approx(1.0, abs=2e-6)
    half, top = compute_line([7.0 + 1.25, 7.0], 7.0, 2.5, mixing, shape)
    assert half / top == pytest.approx(0.5, rel=5e-4 if shape == "voigt" else 1e-12)


def test_simple_shapes_are_their_equations():
    at_centre = 2 * np.sqrt(np.log(2) / np.pi) / 3.0
    assert gaussian(5.0, 5.0, 3.0) == pytest.approx(at_centre)
    sigma = 3.0 / np.sqrt(8 * np.log(2))
    expected = np.exp(-((X - 5) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(gaussian(X, 5.0, 3.0), expected, atol=1e-15)
    expected = 1.5 / np.pi / ((X - 5) ** 2 + 1.5**2)
    np.testing.assert_allclose(lorentzian(X, 5.0, 3.0), expected, atol=1e-15)
    both = 0.3 * lorentzian(X, 5.0, 3.0) + 0.7 * gaussian(X, 5.0, 3.0)
    np.testing.assert_allclose(pseudo_voigt(X, 5.0, 3.0, 0.3), both, atol=1e-15)


@pytest.mark.parametrize("mixing", [1e-6, 0.2, 0.7, 0.98, 1 - 1e-7])
def test_voigt_is_the_convolution(mixing):
    lorentz = 3.0 * mixing
    gauss = np.sqrt(max((3.0 - 0.5346 * lorentz) ** 2 - 0.2166 * lorentz**2, 1e-12))
    expected = voigt_profile(X - 5.0, gauss / np.sqrt(8 * np.log(2)), lorentz / 2)
    np.testing.assert_allclose(voigt(X, 5.0, 3.0, mixing), expected, rtol=1e-8, atol=1e-15)


def test_voigt_ends_in_its_parts():
    np.testing.assert_allclose(voigt(X, 5.0, 3.0, 0.0), gaussian(X, 5.0, 3.0), atol=1e-14)
    np.testing.assert_allclose(voigt(X, 5.0, 3.0, 1.0), lorentzian(X, 5.0, 3.0), atol=1e-10)


@pytest.mark.parametrize("is_complex", [False, True])
@pytest.mark.parametrize("mixing", [0.05, 0.5, 0.9999])
@pytest.mark.parametrize("shape", SHAPES)
def test_derivatives_are_those_of_finite_differences(shape, mixing, is_complex):
    at, step = np.array([5.3, 3.0, mixing]), 2e-5
    slopes = differentiate_line(X, *at, shape, is_complex)
    for k, slope in enumerate(slopes):
        ends = [
            compute_line(X, *(at + sign * step * np.eye(3)[k]), shape, is_complex)
            for sign in (1, -1)
        ]
        np.testing.assert_allclose(slope, (ends[0] - ends[1]) / (2 * step), atol=1e-8)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_complex_line_comes_from_a_signal_that_starts_at_time_zero(shape):
    line = compute_line(X, 5.0, 3.0, 0.4, shape, is_complex=True)
    np.testing.assert_allclose(line.real, compute_line(X, 5.0, 3.0, 0.4, shape), atol=1e-14)
    n = 1 << 16
    x = (np.arange(n) - n // 2) * 0.05
    wide = compute_line(x, 0.0, 3.0, 0.4, shape, is_complex=True)
    signal = np.fft.ifft(np.fft.ifftshift(wide))
    before, after = np.abs(signal[n // 2 + 50 : -50]), np.abs(signal[1:50])
    assert before.max() < 5e-3 * after.max()


def test_a_complex_line_is_that_of_the_fourier_transform():
    from spectro import Axis, Spectrum
    from spectro.processing import fourier_transform

    times_s = np.arange(8192) / 10_000.0
    y = np.exp((2j * np.pi * 700.0 - np.pi * 40.0) * times_s)
    spectrum = fourier_transform(Spectrum(y, (Axis(times_s, "time", "s"),)))
    line = compute_line(spectrum.x, 700.0, 40.0, shape="lorentzian", is_complex=True)
    near = np.abs(spectrum.x - 700) < 500
    error = 2 * spectrum.y[near] / 10_000.0 - line[near]
    assert np.abs(error).max() < 0.01 * np.abs(line).max()


@pytest.mark.parametrize(
    ("settings", "text"),
    [((0.0, 0.0), "width above 0"), ((1.0, 1.5), "mixing from 0 to 1")],
)
def test_what_is_no_line_is_told(settings, text):
    with pytest.raises(InputError, match=text):
        voigt(X, 0.0, *settings)
    with pytest.raises(InputError, match="shape out of"):
        compute_line(X, 0.0, 1.0, shape="square")
