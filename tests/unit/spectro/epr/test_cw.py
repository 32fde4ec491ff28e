"""Simulated spectra against exact diagonalisation the long way, closed forms and invariances."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.signal import hilbert

import spectro
from spectro import epr
from spectro.isotopes import isotope

sys.path.insert(0, str(Path(__file__).parent))
import brute_force

MN = ("55Mn", 2.5, -189.0)
X_BAND = epr.CwExperiment(9.46, (300.0, 380.0), 512)


def manganese(d=0.0, e=0.0, **more):
    return epr.SpinSystem(2.5, 2.007, [epr.Nucleus("55Mn", -189.0)], d_MHz=d, e_MHz=e, **more)


def error(spectrum, reference):
    return np.abs(spectrum.y - reference).max() / np.abs(reference).max()


def centred(frequency_GHz, half_mT, g=2.007, n=512):
    centre = 1e3 * frequency_GHz / (brute_force.MU_B_MHz_PER_mT * g)
    return epr.CwExperiment(frequency_GHz, (centre - half_mT, centre + half_mT), n)


@pytest.mark.parametrize(
    ("d", "n_polar"), [(0.0, 2), (50.0, 80), (200.0, 200)], ids=["isotropic", "50 MHz", "200 MHz"]
)
def test_manganese_at_x_band(d, n_polar):
    spectrum = epr.simulate_cw(manganese(d), X_BAND, epr.LineShape(1.0))
    parts = brute_force.build(2.5, 2.007, d, 0.0, (2.5, -189.0, isotope("55Mn").frequency_ratio))
    reference = brute_force.simulate(parts, 9.46, spectrum.x, 1.0, n_polar=n_polar)
    assert error(spectrum, reference) < 5e-4
    assert spectrum.metadata["error"] < 5e-4


@pytest.mark.parametrize("frequency", [9.46, 34.0, 263.0])
@pytest.mark.parametrize("ratio", [0.0, 0.2])
@pytest.mark.parametrize("d", [50.0, 200.0, 600.0])
def test_zero_field_splitting_at_all_frequencies(frequency, d, ratio):
    """Without a nucleus, so that the long way is short; and lines wide enough for it."""
    experiment = centred(frequency, 60, n=300)
    width = 2.0 + d / 100
    spectrum = epr.simulate_cw(
        epr.SpinSystem(2.5, 2.007, d_MHz=d, e_MHz=ratio * d), experiment, epr.LineShape(width)
    )
    parts = brute_force.build(2.5, 2.007, d, ratio * d)
    reference = brute_force.simulate(
        parts, frequency, spectrum.x, width, n_polar=240, n_azimuths=48 if ratio else 1, n_fields=7
    )
    assert error(spectrum, reference) < 5e-4


def test_a_sweep_at_half_field_keeps_what_is_weak_beside_the_allowed_lines():
    experiment = epr.CwExperiment(9.46, (120.0, 220.0), 400)
    system = epr.SpinSystem(1.5, 2.007, [epr.Nucleus("55Mn", -189.0)], d_MHz=150.0)
    spectrum = epr.simulate_cw(system, experiment, epr.LineShape(1.0))
    nucleus = (2.5, -189.0, isotope("55Mn").frequency_ratio)
    parts = brute_force.build(1.5, 2.007, 150.0, 0.0, nucleus)
    reference = brute_force.simulate(parts, 9.46, spectrum.x, 1.0, n_polar=50, n_fields=20)
    assert error(spectrum, reference) < max(spectrum.metadata["error"], 5e-4)


@pytest.mark.parametrize("field_mT", [(20.0, 600.0), (120.0, 220.0), (300.0, 380.0)])
def test_levels_that_cross_are_no_missing_lines_and_the_error_tells(field_mT):
    system = epr.SpinSystem(2.5, 2.0, d_MHz=3000.0)
    experiment = epr.CwExperiment(9.5, field_mT, 400)
    spectrum = epr.simulate_cw(system, experiment, epr.LineShape(5.0))
    parts = brute_force.build(2.5, 2.0, 3000.0)
    reference = brute_force.simulate(parts, 9.5, spectrum.x, 5.0, n_polar=400, n_fields=100)
    assert error(spectrum, reference) < 3 * spectrum.metadata["error"]  # which is above 5 %


@pytest.mark.parametrize("start_mT", [0.0, 50.0])
def test_a_sweep_from_zero_field_shows_the_same_lines(start_mT):
    system, line = manganese(200.0), epr.LineShape(2.0)
    wide = epr.simulate_cw(system, epr.CwExperiment(9.5, (start_mT, 600.0), 6001), line)
    narrow = epr.simulate_cw(system, epr.CwExperiment(9.5, (290.0, 400.0), 111), line)
    found = CubicSpline(wide.x, wide.y)(narrow.x)
    assert error(replace(narrow, y=found), narrow.y) < 1e-3


def test_anisotropic_g_and_hyperfine_coupling():
    g, a = (2.00, 2.03, 2.10), (60.0, 30.0, 150.0)
    system = epr.SpinSystem(0.5, g, [epr.Nucleus("1H", a)])
    spectrum = epr.simulate_cw(system, epr.CwExperiment(9.5, (310, 350), 400), epr.LineShape(1.0))
    parts = brute_force.build(0.5, g, 0.0, 0.0, (0.5, a, 1.0))
    reference = brute_force.simulate(
        parts, 9.5, spectrum.x, 1.0, n_polar=200, n_azimuths=80, n_fields=3
    )
    assert error(spectrum, reference) < 5e-4
    assert 0 < spectrum.metadata["error"] < 5e-4


def test_turning_the_molecule_changes_nothing():
    turn = (20.0, 35.0, 50.0)
    system = epr.SpinSystem(
        1.0, (2.0, 2.0, 2.01), [epr.Nucleus("1H", (40.0, 60.0, 80.0))], d_MHz=150.0, e_MHz=20.0
    )
    turned = replace(
        system,
        nuclei=[replace(system.nuclei[0], frame_deg=turn)],
        g_frame_deg=turn,
        d_frame_deg=turn,
        _isotopes=(),
    )
    experiment = centred(9.46, 20, n=300)
    line = epr.LineShape(1.0)
    reference = epr.simulate_cw(system, experiment, line).y
    assert error(epr.simulate_cw(turned, experiment, line), reference) < 1e-3


@pytest.mark.parametrize("g", [1.5, 2.0, 6.0])
def test_the_area_of_a_swept_field_goes_with_g(g):
    # R. Aasa, T. Vanngard, J. Magn. Reson. 1975, 19, 308.
    experiment = replace(centred(9.46, 40, g=g), harmonic=0)
    absorption = epr.simulate_cw(epr.SpinSystem(0.5, g), experiment, epr.LineShape(1.0)).y
    step = np.diff(experiment.field_axis_mT)[0]
    assert absorption.sum() * step == pytest.approx(g / 2, rel=1e-4)


@pytest.mark.parametrize("spin", [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5])
def test_the_double_integral_counts_spins(spin):
    """It goes with S (S + 1), and a spin 1/2 with g = 2 is 1."""
    experiment = epr.CwExperiment(9.5, (280, 400), 2048, harmonic=1)
    spectrum = epr.simulate_cw(epr.SpinSystem(spin, 2.0), experiment, epr.LineShape(1.0))
    step = spectrum.x[1] - spectrum.x[0]
    absorption = np.cumsum(spectrum.y) * step
    assert absorption.sum() * step == pytest.approx(spin * (spin + 1) / 0.75, rel=1e-4)


def lone_line(**more):
    return epr.SpinSystem(0.5, 2.0, **more), epr.CwExperiment(9.5, (320, 360), 2001)


def test_widths_are_peak_to_peak():
    system, experiment = lone_line()
    for line in (epr.LineShape(1.5, 0.0), epr.LineShape(0.0, 1.5)):
        spectrum = epr.simulate_cw(system, experiment, line)
        width = spectrum.x[spectrum.y.argmin()] - spectrum.x[spectrum.y.argmax()]
        assert width == pytest.approx(1.5, abs=0.021)


def test_line_shapes_are_the_closed_forms():
    system, experiment = lone_line()
    centre = 9500.0 / (brute_force.MU_B_MHz_PER_mT * 2.0)
    x = experiment.field_axis_mT - centre
    sigma, gamma = 0.75, 1.5 * np.sqrt(3) / 2
    gauss = -x / sigma**3 / np.sqrt(2 * np.pi) * np.exp(-0.5 * (x / sigma) ** 2)
    lorentz = -2 * gamma * x / np.pi / (x**2 + gamma**2) ** 2
    assert error(epr.simulate_cw(system, experiment, epr.LineShape(1.5)), gauss) < 3e-4
    assert error(epr.simulate_cw(system, experiment, epr.LineShape(0.0, 1.5)), lorentz) < 3e-4


def test_the_width_of_a_voigt_profile():
    system, experiment = lone_line()
    line = epr.LineShape(1.0, 0.7)
    spectrum = epr.simulate_cw(system, replace(experiment, harmonic=0), line)
    above = spectrum.x[spectrum.y > spectrum.y.max() / 2]
    assert above[-1] - above[0] == pytest.approx(line.fwhm_mT, abs=0.05)


@pytest.mark.parametrize("harmonic", [1, 2])
def test_modulation_is_what_a_lock_in_amplifier_sees(harmonic):
    system, experiment = lone_line()
    line, amplitude = epr.LineShape(1.0), 1.6
    seen = epr.simulate_cw(
        system, replace(experiment, harmonic=harmonic, modulation_mT=amplitude), line
    )
    absorption = epr.simulate_cw(system, replace(experiment, harmonic=0), line)
    phases = (np.arange(64) + 0.5) / 64 * 2 * np.pi
    shifted = [
        np.interp(seen.x + amplitude / 2 * np.cos(phase), absorption.x, absorption.y)
        for phase in phases
    ]
    first = 2 / 64 * np.cos(harmonic * phases) @ np.array(shifted)
    scale = {1: amplitude / 2, 2: amplitude**2 / 16}[harmonic]
    assert error(seen, first / scale) < 1e-3


def test_a_small_modulation_gives_the_derivative():
    system, experiment = lone_line()
    line = epr.LineShape(1.0)
    small = epr.simulate_cw(system, replace(experiment, modulation_mT=0.01), line)
    assert error(small, epr.simulate_cw(system, experiment, line).y) < 1e-4


def test_dispersion_is_the_hilbert_transform_of_absorption():
    system, experiment = lone_line()
    line = epr.LineShape(1.0)
    absorption = epr.simulate_cw(system, experiment, line).y
    dispersion = epr.simulate_cw(system, replace(experiment, phase_deg=90.0), line)
    assert error(dispersion, -np.imag(hilbert(absorption))) < 0.01


@pytest.mark.parametrize("d", [0.0, 150.0])
def test_strain_of_d_is_a_sum_over_d(d):
    line, fwhm = epr.LineShape(2.0), 120.0
    experiment = centred(9.46, 60, n=400)
    system = epr.SpinSystem(2.5, 2.007, d_MHz=d, d_strain_MHz=fwhm)
    spectrum = epr.simulate_cw(system, experiment, line)
    sigma = fwhm / np.sqrt(8 * np.log(2))
    offsets = np.linspace(-4, 4, 81)
    weights = np.exp(-0.5 * offsets**2)
    parts = [
        replace(system, d_MHz=d + sigma * offset, d_strain_MHz=0.0, weight=weight / weights.sum())
        for offset, weight in zip(offsets, weights, strict=True)
    ]
    assert error(spectrum, epr.simulate_cw(parts, experiment, line).y) < 5e-3


def test_strain_of_the_coupling_is_a_sum_over_couplings():
    fwhm = 20.0
    sigma = fwhm / np.sqrt(8 * np.log(2))
    offsets = np.linspace(-4, 4, 41)
    weights = np.exp(-0.5 * offsets**2)
    parts = [
        epr.SpinSystem(
            2.5, 2.007, [epr.Nucleus("55Mn", -189.0 + sigma * offset)], weight=w / weights.sum()
        )
        for offset, w in zip(offsets, weights, strict=True)
    ]
    line = epr.LineShape(1.0)
    spectrum = epr.simulate_cw(manganese(a_strain_MHz=fwhm), X_BAND, line)
    assert error(spectrum, epr.simulate_cw(parts, X_BAND, line).y) < 5e-3


def test_a_natural_mixture_is_the_sum_of_its_isotopes():
    """Cd: 12.80 % 111Cd, 12.22 % 113Cd, the rest without a spin."""
    experiment, line = centred(9.5, 10, g=2.0, n=400), epr.LineShape(0.3)
    mixed = epr.simulate_cw(epr.SpinSystem(0.5, 2.0, [epr.Nucleus("Cd", 60.0)]), experiment, line)
    ratio = isotope("113Cd").frequency_ratio / isotope("111Cd").frequency_ratio
    pure = [
        epr.SpinSystem(0.5, 2.0, [epr.Nucleus("111Cd", 60.0)], weight=0.1280),
        epr.SpinSystem(0.5, 2.0, [epr.Nucleus("113Cd", 60.0 * ratio)], weight=0.1222),
        epr.SpinSystem(0.5, 2.0, weight=1 - 0.1280 - 0.1222),
    ]
    assert error(mixed, epr.simulate_cw(pure, experiment, line).y) < 1e-12


def test_more_points_give_the_same_spectrum():
    """Nothing is shifted by half a step."""
    fine = epr.simulate_cw(manganese(100.0), replace(X_BAND, n_points=2045), epr.LineShape(1.0))
    coarse = epr.simulate_cw(manganese(100.0), X_BAND, epr.LineShape(1.0))
    np.testing.assert_allclose(fine.x[::4], coarse.x)
    assert error(coarse, fine.y[::4]) < 2e-4


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: epr.SpinSystem(4.0), "Expected an electron spin of 1/2, 1, ... 7/2"),
        (lambda: epr.SpinSystem(0.7), "Expected an electron spin of 1/2, 1, ... 7/2"),
        (lambda: epr.SpinSystem(0.5, 0.0), "Expected g values other than 0"),
        (lambda: epr.SpinSystem(0.5, (1, 2, 3, 4)), "three finite numbers as g"),
        (lambda: epr.SpinSystem(1.0, d_MHz=np.nan), "Expected finite D and E"),
        (lambda: epr.SpinSystem(1.0, d_strain_MHz=-1.0), "Expected finite D and E"),
        (lambda: epr.SpinSystem(nuclei=[epr.Nucleus("12C")]), "Expected an isotope with a spin"),
        (lambda: epr.SpinSystem(2.5, nuclei=[epr.Nucleus("55Mn")] * 3), "Expected at most 512"),
        (lambda: epr.LineShape(0.0, 0.0), "Expected widths of at least 0 mT"),
        (lambda: epr.CwExperiment(0.0, (300, 380)), "Expected a frequency above 0"),
        (lambda: epr.CwExperiment(9.5, (380, 300)), "Expected a field that ascends"),
        (lambda: epr.CwExperiment(9.5, (300, 380), 1), "Expected 2 to"),
    ],
)
def test_what_cannot_be_is_told(make, told):
    with pytest.raises(spectro.InputError, match=told):
        make()


def test_a_sweep_without_a_line_is_told():
    with pytest.raises(spectro.InputError, match="expected about 337 mT"):
        epr.simulate_cw(manganese(), epr.CwExperiment(9.46, (500, 580)))
