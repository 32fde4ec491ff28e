"""Phases, baselines, noise and shifts that were put in are found again."""

import sys
from pathlib import Path

import numpy as np
import pytest

from spectro import Axis, InputError, Spectrum, processing
from spectro.isotopes import isotope

sys.path.insert(0, str(Path(__file__).parent))

from fids import ZERO_MHZ, make_fid

LINES = [(1.0, 2500.0, 60.0), (0.6, 300.0, 90.0), (1.4, -2900.0, 40.0)]


def make_spectrum(noise=0.0, seed=0):
    spectrum = processing.fourier_transform(processing.zero_fill(make_fid(LINES, 4096)))
    rng = np.random.default_rng(seed)
    y = spectrum.y + noise * (rng.normal(size=len(spectrum.x)) + 1j * rng.normal(size=8192))
    return Spectrum(y, spectrum.axes, spectrum.metadata)


@pytest.mark.parametrize(("criterion", "most_deg"), [("baseline", 3.0), ("entropy", 8.0)])
@pytest.mark.parametrize(("zero", "first"), [(0.0, 0.0), (-150.0, 64.0), (20.0, -130.0)])
@pytest.mark.parametrize("noise", [0.0, 0.5, 4.0])
def test_a_phase_is_found_again(criterion, most_deg, zero, first, noise):
    """The lines are 40 to 70 high; what counts is the phase where they are."""
    turned = processing.phase(make_spectrum(noise=noise), -zero, -first)
    found = processing.find_phase(turned, criterion)
    for _, nu_Hz, _ in LINES:
        wrong = found.zero_deg - zero - (found.first_deg - first) * nu_Hz / 1e4
        assert abs((wrong + 180) % 360 - 180) < most_deg


@pytest.mark.parametrize("criterion", processing.CRITERIA)
def test_a_phase_of_zeroth_order_is_found_alone(criterion):
    turned = processing.phase(make_spectrum(noise=0.5), -73.0)
    found = processing.find_phase(turned, criterion, is_first_order=False)
    assert found.zero_deg == pytest.approx(73.0, abs=2.5)
    assert found.first_deg == 0.0


def test_phases_turn_about_their_pivot_and_come_off_again():
    spectrum = make_spectrum()
    pivot = float(spectrum.x[1000])
    turned = processing.phase(spectrum, 0.0, 90.0, pivot=pivot)
    assert turned.y[1000] == pytest.approx(spectrum.y[1000])
    back = processing.phase(turned, 0.0, -90.0, pivot=pivot)
    np.testing.assert_allclose(back.y, spectrum.y, atol=1e-9)
    ends = np.angle(processing.phase(spectrum, 10.0, 90.0).y / spectrum.y, deg=True)
    assert ends[0] == pytest.approx(-10 + 45)
    assert ends[4096] == pytest.approx(-10)
    with pytest.raises(InputError, match="Expected a pivot between"):
        processing.phase(spectrum, pivot=1e6)


def test_a_phase_needs_both_parts_and_a_criterion():
    spectrum = make_spectrum()
    with pytest.raises(InputError, match="Expected a complex spectrum"):
        processing.phase(Spectrum(spectrum.y.real, spectrum.axes))
    with pytest.raises(InputError, match="a criterion out of baseline, entropy"):
        processing.find_phase(spectrum, "luck")
    with pytest.raises(InputError, match="Expected 16 points with a signal"):
        processing.find_phase(spectrum, region=(1e6, 2e6))


def bend(x):
    u = np.linspace(-1, 1, len(x))
    return 40.0 + 25.0 * u - 30.0 * u**2 + 8.0 * u**3


def test_a_polynomial_through_empty_regions_is_taken_off():
    x = np.linspace(100.0, -100.0, 2000)
    line = 300.0 * np.exp(-((x / 3.0) ** 2))
    spectrum = Spectrum(line + bend(x) + 2j, (Axis(x, "shift", "ppm"),))
    flat = processing.subtract_baseline(spectrum, regions=[(-100, -20), (20, 100)])
    np.testing.assert_allclose(flat.y.real, line, atol=1e-9)
    np.testing.assert_array_equal(flat.y.imag, spectrum.y.imag)
    with pytest.raises(InputError, match="Expected more points in the regions"):
        processing.subtract_baseline(spectrum, regions=[(500, 600)])


@pytest.mark.parametrize(
    ("method", "settings"),
    [("polynomial", {}), ("asls", {"smoothness": 1e6}), ("arpls", {})],
)
def test_baselines_are_found_below_lines(method, settings):
    x = np.linspace(100.0, -100.0, 1000)
    line = 300.0 * np.exp(-((x / 3.0) ** 2)) + 200.0 * np.exp(-(((x - 40) / 2.0) ** 2))
    noise = np.random.default_rng(3).normal(size=1000)
    two = np.stack([line + bend(x) + noise, line - bend(x) + noise])
    axes = (Axis([0.0, 1.0]), Axis(x, "shift", "ppm"))
    flat = processing.subtract_baseline(Spectrum(two, axes), method, **settings)
    assert np.abs(flat.y - line).mean() < 3.0 < np.abs(two - line).mean() / 5
    assert flat.history[-1].settings["method"] == method


def test_an_offset_is_taken_off_as_it_rises_through_the_filter():
    fid = make_fid([(100.0, 900.0, 200.0)], 4096)
    plain = Spectrum(fid.y + 7 - 3j, fid.axes)
    np.testing.assert_allclose(
        processing.subtract_baseline(plain, "offset").y, fid.y, rtol=0, atol=1e-6
    )
    n, finer, delay = 4096, 16, 44.75
    step = np.arange(4 * n * finer) >= round(delay * finer)  # the second half turns the end round
    step[2 * n * finer :] = False
    fine = np.fft.fft(step)
    kept = np.concatenate([fine[: 2 * n], fine[-2 * n :]]) / finer  # what an ideal low pass lets by
    rise = np.fft.ifft(kept).real[:n]
    delayed = Spectrum(
        (7 - 3j) * rise,
        (Axis(np.arange(n) / 1e4, "time", "s"),),
        {"group_delay_points": delay - 0.5 / finer},
    )
    flat = processing.subtract_baseline(delayed, "offset")
    assert np.abs(flat.y).max() < 0.03
    assert np.abs(np.fft.fft(flat.y)).max() < 2e-3 * np.abs(np.fft.fft(delayed.y)).max()
    with pytest.raises(InputError, match="Expected a method out of"):
        processing.subtract_baseline(fid, "spline")


def test_noise_is_estimated_without_the_lines():
    spectrum = make_spectrum(noise=2.0, seed=4)
    assert processing.estimate_noise(spectrum) == pytest.approx(2.0, rel=0.05)
    quiet = (float(spectrum.x[0]), float(spectrum.x[1200]))
    assert processing.estimate_noise(spectrum, quiet) == pytest.approx(2.0, rel=0.07)
    with pytest.raises(InputError, match="Expected 8 or more points"):
        processing.estimate_noise(spectrum, (900.0, 901.0))


def test_a_line_that_is_known_sets_the_scale_exactly():
    spectrum = make_spectrum()
    done = processing.reference(spectrum, "Me2Cd", at_ppm=15.0, is_ppm=-620.0)
    zero_MHz = done.metadata["reference_frequency_MHz"]
    np.testing.assert_allclose(zero_MHz * (1 + done.x * 1e-6), ZERO_MHZ * (1 + spectrum.x * 1e-6))
    assert np.interp(15.0, spectrum.x[::-1], done.x[::-1]) == pytest.approx(-620.0, abs=1e-6)
    assert done.metadata["scale"] == "Me2Cd"
    assert done.metadata["carrier_ppm"] == pytest.approx(done.x[4096])


def test_iupac_ratios_set_the_scale_from_the_protons():
    """At 400 MHz the 113Cd of Me2Cd has 88.7727 MHz."""
    done = processing.reference(make_spectrum(), "IUPAC", proton_MHz=400.0)
    assert done.metadata["reference_frequency_MHz"] == pytest.approx(4 * 22.193175)
    assert isotope("113Cd").frequency_ratio == pytest.approx(-0.22193175)
    seen_MHz = ZERO_MHZ * (1 + 20e-6)
    expected = (seen_MHz / 88.7727 - 1) * 1e6
    assert done.x[4096] == pytest.approx(expected, abs=1e-6)
    other = processing.reference(make_spectrum(), "CdCl2", proton_MHz=400.0)
    chloride_MHz = 88.7727 * (1 - 435e-6)
    assert other.metadata["reference_frequency_MHz"] == pytest.approx(chloride_MHz, rel=1e-12)


def test_named_scales_differ_by_their_compounds():
    """Cd(NO3)2.4H2O has -741 ppm on the scale of Me2Cd, so Me2Cd has 741 ppm on its scale."""
    spectrum = make_spectrum()
    named = Spectrum(spectrum.y, spectrum.axes, {**spectrum.metadata, "scale": "Cd(NO3)2.4H2O"})
    moved = processing.reference(named, "Me2Cd")
    np.testing.assert_allclose(moved.x, named.x - 741.0)
    there = processing.reference(moved, "CdCl2")
    np.testing.assert_allclose(there.x, named.x - 741.0 + 435.0)
    back = processing.reference(there, "Cd(NO3)2.4H2O")
    np.testing.assert_allclose(back.x, named.x)
    with pytest.raises(InputError, match="Expected a scale out of Me2Cd, CdCl2"):
        processing.reference(moved, "water")
    with pytest.raises(InputError, match="got a mixture"):
        processing.reference(moved, "Me2Cd", at_ppm=1.0)


def test_hertz_and_ppm_are_one_axis():
    spectrum = make_spectrum()
    hertz = processing.to_hertz(spectrum)
    np.testing.assert_allclose(hertz.x, spectrum.x * ZERO_MHZ)
    np.testing.assert_allclose(processing.to_ppm(hertz).x, spectrum.x, rtol=1e-12)
    bare = processing.fourier_transform(make_fid(LINES, known=False))
    assert bare.axes[0].unit == "Hz"
    shifts = processing.to_ppm(bare, reference_frequency_MHz=ZERO_MHZ, zero_ppm=20.0)
    np.testing.assert_allclose(shifts.x, processing.fourier_transform(make_fid(LINES)).x)
    with pytest.raises(InputError, match="Expected the frequency at 0 ppm"):
        processing.to_ppm(bare)


def test_a_part_is_cut_out_as_it_is_and_can_be_cut_again():
    whole = make_spectrum(0.01)
    part = processing.cut(whole, (10.0, 40.0))
    inside = (whole.x >= 10) & (whole.x <= 40)
    np.testing.assert_array_equal(part.y, whole.y[inside])
    np.testing.assert_array_equal(part.x, whole.x[inside])
    assert processing.cut(whole, (40.0, 10.0)).y.tobytes() == part.y.tobytes()
    assert part.metadata["carrier_ppm"] is None
    again = processing.replay(whole, part.history[len(whole.history) :])
    assert again.y.tobytes() == part.y.tobytes()
    series = Spectrum(np.stack([whole.y, 2 * whole.y]), (Axis([0.0, 1.0]), *whole.axes))
    np.testing.assert_array_equal(processing.cut(series, (10.0, 40.0)).y[1], 2 * part.y)
    with pytest.raises(InputError, match="at least 4 points between 900 and 901 ppm, got 0"):
        processing.cut(whole, (900.0, 901.0))
    with pytest.raises(InputError, match="over ppm or Hz to cut it"):
        processing.cut(make_fid(LINES), (0.0, 1.0))


def test_a_scale_that_was_added_is_taken_back_by_the_protons() -> None:
    axis = Axis(np.array([100.0, 50.0, 0.0, -50.0, -100.0]), "113Cd chemical shift", "ppm")
    about = {"nucleus": "113Cd", "reference_frequency_MHz": 88.7194}
    start = Spectrum(np.ones(5), (axis,), about)
    first = processing.reference(start, "Me2Cd", proton_MHz=399.76)
    moved = processing.reference(first, "CdCl2")
    again = processing.reference(moved, "Me2Cd", proton_MHz=399.76)
    assert moved.x == pytest.approx(first.x + 435.0)
    assert again.x == pytest.approx(first.x, abs=1e-8)
    assert processing.to_ppm(processing.to_hertz(moved)).x == pytest.approx(moved.x)
    assert np.diff(processing.to_hertz(moved).x) == pytest.approx(
        np.diff(processing.to_hertz(first).x)
    )
    with pytest.raises(InputError, match="above -1e6"):
        processing.reference(start, "Me2Cd", at_ppm=-1e6, is_ppm=0.0)
