"""Sidebands against brute force, conserved moments and symmetries."""

import numpy as np
import pytest

from spectro.isotopes import isotope
from spectro.model import InputError
from spectro.nmr import compute_sidebands, find_field_T, simulate_sidebands

GRID = [(r, s) for r in (0.0, 0.05, 0.7, 2.6, 6.0, 17.0, 40.0) for s in (-1.0, -0.35, 0.0, 0.6)]


def rotate(angle, axis):
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[i, j], matrix[j, i] = -np.sin(angle), np.sin(angle)
    return matrix


def integrate_by_brute_force(ratio, skew, n_time, n_alpha, n_beta):
    """A spinning tensor turned step by step in the laboratory, its phase summed up, transformed.

    Nothing but the definition: the field sees the zz component of a tensor that turns about an
    axis at the magic angle; the phase is the integral of that component.
    """
    tensor = np.diag([(3 - skew) / 6, skew / 3, -(3 + skew) / 6]) * ratio
    magic = np.arccos(1 / np.sqrt(3))
    turns = np.array(
        [rotate(magic, 1) @ rotate(2 * np.pi * (k + 0.5) / n_time, 2) for k in range(n_time)]
    )[:, 2]  # the field in the frame of the rotor
    cosines, weights = np.polynomial.legendre.leggauss(n_beta)
    total = np.zeros(n_time)
    for cosine, weight in zip(cosines, weights, strict=True):
        for alpha in 2 * np.pi * (np.arange(n_alpha) + 0.25) / n_alpha:
            turn = rotate(np.arccos(cosine), 1) @ rotate(alpha, 2)
            field = turns @ turn
            shift = np.einsum("ti,ij,tj->t", field, tensor, field)
            steps = 2 * np.pi / n_time * shift
            phase = np.cumsum(steps) - steps / 2
            total += weight / 2 / n_alpha * np.abs(np.fft.fft(np.exp(1j * phase)) / n_time) ** 2
    return np.fft.fftshift(total)


@pytest.mark.parametrize(("ratio", "skew"), [(0.5, 0.2), (4.6, 0.3), (4.6, -0.8), (9.0, 1.0)])
def test_sidebands_are_those_of_a_tensor_turned_step_by_step(ratio, skew):
    n_time = 2048
    brute = integrate_by_brute_force(ratio, skew, n_time, 24, 24)
    order, ours = compute_sidebands(ratio, skew)
    np.testing.assert_allclose(ours, brute[order + n_time // 2], atol=2e-6)
    np.testing.assert_allclose(brute.sum(), 1.0, atol=1e-9)


@pytest.mark.parametrize(("ratio", "skew"), GRID)
def test_moments_are_those_of_the_static_pattern(ratio, skew):
    principal = np.array([(3 - skew) / 6, skew / 3, -(3 + skew) / 6]) * ratio
    order, y = compute_sidebands(ratio, skew, 1e-10)
    assert y.min() > -1e-15
    assert y.sum() == pytest.approx(1.0, abs=1e-9)
    assert order @ y == pytest.approx(0.0, abs=1e-7)
    assert order**2 @ y == pytest.approx(2 / 15 * (principal**2).sum(), rel=1e-6, abs=1e-7)
    assert order**3 @ y == pytest.approx(8 / 35 * principal.prod(), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(("ratio", "skew"), GRID)
def test_the_error_is_within_the_tolerance(ratio, skew):
    exact_order, exact = compute_sidebands(ratio * (1 + 1e-15), skew, 1e-11)
    for tolerance in (1e-4, 1e-6, 1e-8, 1e-10):
        order, y = compute_sidebands(ratio, skew, tolerance)
        wide = np.zeros(len(exact))
        wide[order + exact_order[-1]] = y
        assert np.abs(wide - exact).max() <= tolerance


@pytest.mark.parametrize("ratio", [0.7, 6.0, 40.0])
def test_the_opposite_skew_is_the_mirror_image(ratio):
    np.testing.assert_allclose(
        compute_sidebands(ratio, 0.6)[1], compute_sidebands(ratio, -0.6)[1][::-1], atol=1e-12
    )


def test_no_anisotropy_has_no_sidebands():
    order, y = compute_sidebands(0.0, 0.0)
    np.testing.assert_allclose(y, order == 0, atol=1e-15)


def test_intensities_are_as_smooth_as_a_fit_wants_them():
    spans = np.linspace(5.0, 5.5, 101)
    centre = [y[len(y) // 2] for _, y in (compute_sidebands(s, 0.3, 1e-9) for s in spans)]
    assert np.abs(np.diff(centre, 3)).max() < 1e-7


def test_sidebands_are_where_the_rate_of_spinning_puts_them():
    spectrum = simulate_sidebands(250.0, 416.0, 0.3, "113Cd", 9.4, 8000.0)
    larmor_MHz = isotope("113Cd").larmor_MHz(9.4)
    n = spectrum.metadata["highest_order"]
    assert spectrum.x[n] == 250.0
    np.testing.assert_allclose(np.diff(spectrum.x), 8000.0 / larmor_MHz)
    assert spectrum.metadata["frequency_MHz"] == larmor_MHz
    mean_ppm = spectrum.y @ spectrum.x
    assert mean_ppm == pytest.approx(250.0, abs=1e-4)


def test_a_field_is_set_by_the_frequency_of_the_spectrometer():
    field_T = find_field_T("113Cd", 88.72)
    assert isotope("113Cd").larmor_MHz(field_T) == pytest.approx(88.72)
    spectrum = simulate_sidebands(0.0, 100.0, 0.0, "113Cd", field_T, 5000.0)
    assert spectrum.metadata["frequency_MHz"] == pytest.approx(88.72)


def test_nothing_is_folded_back_however_slow_the_spinning():
    for mas_Hz in (24000.0, 8000.0, 1000.0, 300.0):
        spectrum = simulate_sidebands(0.0, 600.0, 0.9, mas_Hz=mas_Hz)
        step_ppm = spectrum.x[1] - spectrum.x[0]
        assert spectrum.x[0] < -390.0 - step_ppm
        assert spectrum.x[-1] > 210.0 + step_ppm
        assert spectrum.y[[0, -1]].max() < 1e-8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mas_Hz": 0.0}, "above 0, got 9.4 T and 0.0 Hz"),
        ({"mas_Hz": 100.0}, "take it for a static pattern"),
        ({"skew": 1.5}, "skew between -1 and 1, got 1.5"),
        ({"span_ppm": -3.0}, "span of at least 0 ppm"),
        ({"nucleus": "Cd"}, "113Cd"),
    ],
)
def test_what_cannot_be_spun_is_refused(change, message):
    values = {"shift_ppm": 0.0, "span_ppm": 600.0, "skew": 0.0} | change
    with pytest.raises(InputError, match=message):
        simulate_sidebands(**values)


def test_tolerances_that_were_not_measured_are_refused():
    with pytest.raises(InputError, match="tolerance of 1e-11 to 1e-4, got 0.1"):
        compute_sidebands(1.0, 0.0, 0.1)
    with pytest.raises(InputError, match="skew between -1 and 1, got -2"):
        compute_sidebands(1.0, -2.0)
    with pytest.raises(InputError, match="frequency above 0 MHz"):
        find_field_T("113Cd", 0.0)
