"""FIDs and their spectra: known integrals, phases and places."""

import sys
from pathlib import Path

import numpy as np
import pytest

from spectro import Axis, InputError, Spectrum, processing

sys.path.insert(0, str(Path(__file__).parent))

from fids import WIDTH_HZ, ZERO_MHZ, make_fid, to_shift_ppm


def test_an_exponential_becomes_the_periodic_lorentzian():
    """The sum over all points is a geometric series; half of the first point is taken off."""
    n, nu, w = 4096, 1234.5, 40.0
    spectrum = processing.fourier_transform(make_fid([(3.0, nu, w)], n))
    offsets_Hz = (spectrum.x - 20.0) * ZERO_MHZ
    q = np.exp((2j * np.pi * (nu - offsets_Hz) - np.pi * w) / WIDTH_HZ)
    np.testing.assert_allclose(spectrum.y, 3.0 * ((1 - q**n) / (1 - q) - 0.5), rtol=1e-6)
    assert spectrum.axes[0].unit == "ppm"
    assert spectrum.axes[0].name == "113Cd chemical shift"


def test_the_line_is_a_lorentzian_at_its_shift_with_its_width_and_area():
    nu, w = -1500.0, 20.0
    spectrum = processing.fourier_transform(processing.zero_fill(make_fid([(2.0, nu, w)], 8192)))
    real, offsets_Hz = spectrum.y.real, (spectrum.x - 20.0) * ZERO_MHZ
    assert spectrum.x[real.argmax()] == pytest.approx(to_shift_ppm(nu), abs=0.5 / ZERO_MHZ)
    expected = 2.0 * WIDTH_HZ * (w / 4 / np.pi) / ((offsets_Hz - nu) ** 2 + (w / 2) ** 2)
    np.testing.assert_allclose(real, expected, atol=1e-4 * expected.max(), rtol=1e-3)
    assert real.mean() == pytest.approx(2.0 / 2, rel=1e-12)  # the first point, of which half counts


def test_the_first_point_counts_half_unless_told():
    fid = make_fid([(1.0, 300.0, 30.0)])
    half = processing.fourier_transform(fid)
    whole = processing.fourier_transform(fid, first_point=1.0)
    np.testing.assert_allclose(whole.y - half.y, 0.5, atol=1e-10)
    assert abs(np.median(half.y.real)) < 0.05 < abs(np.median(whole.y.real))


def test_parseval():
    rng = np.random.default_rng(1)
    y = rng.normal(size=(3, 1001)) + 1j * rng.normal(size=(3, 1001))
    axes = (Axis(np.arange(3.0)), Axis(np.arange(1001) / WIDTH_HZ, "time", "s"))
    spectrum = processing.fourier_transform(Spectrum(y, axes), first_point=1.0)
    assert (np.abs(spectrum.y) ** 2).sum() == pytest.approx(1001 * (np.abs(y) ** 2).sum())
    assert spectrum.axes[1].unit == "Hz"


@pytest.mark.parametrize("n", [16, 17])
def test_the_sum_is_the_sum_for_even_and_odd_numbers_of_points(n):
    rng = np.random.default_rng(2)
    times_s = (np.arange(n) - 3.3) / WIDTH_HZ
    fid = Spectrum(rng.normal(size=n) + 1j, (Axis(times_s, "time", "s"),))
    spectrum = processing.fourier_transform(fid)
    by_hand = [(fid.y * np.exp(-2j * np.pi * nu * times_s)).sum() for nu in spectrum.x]
    np.testing.assert_allclose(spectrum.y, by_hand, rtol=1e-9, atol=1e-9)
    assert (np.diff(spectrum.x) < 0).all()


@pytest.mark.parametrize("delay", [0.0, 44.75, 67.98])
def test_a_delayed_fid_has_the_phase_of_one_that_is_not(delay):
    """Points before zero hold nothing; the transform is that of the line, not of its delay."""
    lines = [(1.0, 1000.0, 60.0), (0.5, -2200.0, 90.0)]
    prompt = make_fid(lines, 4096, start=np.ceil(delay) - delay)
    y = np.concatenate([np.zeros(int(np.ceil(delay))), prompt.y])
    fid = Spectrum(
        y,
        (Axis(np.arange(len(y)) / WIDTH_HZ, "time", "s"),),
        {**prompt.metadata, "group_delay_points": delay},
    )
    spectrum = processing.fourier_transform(processing.zero_fill(fid, 8192), first_point=1.0)
    expected = processing.fourier_transform(processing.zero_fill(prompt, 8192), first_point=1.0)
    np.testing.assert_allclose(spectrum.y, expected.y, atol=1e-9 * np.abs(expected.y).max())
    assert spectrum.metadata["group_delay_points"] == 0
    names = [step.name for step in spectrum.history]
    assert names[-1] == "fourier_transform"
    assert ("remove_digital_filter" in names) == (delay > 0)


def test_the_filter_comes_off_a_fid_and_a_spectrum_alike():
    fid = make_fid([(1.0, 700.0, 50.0)], group_delay_points=60.375)
    before = processing.fourier_transform(processing.remove_digital_filter(fid))
    raw = Spectrum(fid.y, fid.axes, {**fid.metadata, "group_delay_points": 0.0})
    after = processing.remove_digital_filter(
        processing.fourier_transform(raw, first_point=1.0), 60.375
    )
    np.testing.assert_allclose(after.y, before.y, atol=1e-8)
    with pytest.raises(InputError, match="Expected the delay of the digital filter"):
        processing.remove_digital_filter(make_fid([(1.0, 0.0, 1.0)]))


@pytest.mark.parametrize(
    ("window", "shape"),
    [
        ("exponential", lambda d, w: (w / 2) ** 2 / (d**2 + (w / 2) ** 2)),
        ("gaussian", lambda d, w: np.exp(-4 * np.log(2) * (d / w) ** 2)),
    ],
)
def test_a_window_of_a_width_gives_a_line_of_that_width(window, shape):
    fid = make_fid([(1.0, 0.0, 0.0)], 8192, known=False)
    wide = processing.apodise(fid, window, width_Hz=50.0)
    spectrum = processing.fourier_transform(wide)
    line = spectrum.y.real / spectrum.y.real.max()
    np.testing.assert_allclose(line, shape(spectrum.x, 50.0), atol=5e-5)


def test_cosines_fall_to_zero_and_echoes_decay_to_both_sides():
    fid = make_fid([(1.0, 0.0, 0.0)], 65)
    cosine = processing.apodise(fid, "cosine").y.real
    assert (cosine[0], cosine[-1]) == pytest.approx((1.0, 0.0))
    np.testing.assert_allclose(processing.apodise(fid, "cosine squared").y.real, cosine**2)
    echo = processing.apodise(fid, width_Hz=100.0, centre_s=32 / WIDTH_HZ).y.real
    np.testing.assert_allclose(echo, echo[::-1])
    assert echo.argmax() == 32


def test_zeros_interpolate_and_change_no_point():
    fid = make_fid([(1.0, 812.0, 25.0)], 1000)
    filled = processing.zero_fill(fid)
    assert len(filled.x) == 2048
    dense = processing.fourier_transform(processing.zero_fill(fid, 4000))
    np.testing.assert_allclose(dense.y[::4], processing.fourier_transform(fid).y, atol=1e-9)


@pytest.mark.parametrize(
    ("do", "told"),
    [
        (lambda s: processing.apodise(s, "bell"), "Expected a window out of exponential"),
        (lambda s: processing.apodise(s, width_Hz=-1.0), "of a width of 0 Hz or more"),
        (lambda s: processing.zero_fill(s, 10), "Expected 64 to .* points in all, got 10"),
        (processing.phase, "Expected a spectrum over ppm or Hz"),
        (
            lambda s: processing.fourier_transform(processing.fourier_transform(s)),
            "Expected a signal over time",
        ),
    ],
)
def test_what_cannot_be_is_told(do, told):
    with pytest.raises(InputError, match=told):
        do(make_fid([(1.0, 0.0, 1.0)], 64))


def test_uneven_times_are_refused():
    fid = Spectrum(np.ones(4, complex), (Axis([0.0, 1.0, 2.0, 4.0], "time", "s"),))
    with pytest.raises(InputError, match="Expected an evenly spaced axis"):
        processing.fourier_transform(fid)
