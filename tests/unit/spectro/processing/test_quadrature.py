"""Planes of two lines whose two-dimensional absorption is known."""

import numpy as np
import pytest

from spectro import Axis, InputError, Spectrum, processing
from spectro.processing.transform import fourier_transform

WIDTH_HZ = (8e3, 20e3)  # of the second dimension, and of the first
LINES = [(1.0, 2100.0, -4200.0), (0.4, -1300.0, 3500.0)]  # amplitude, offset in each
DECAY_PER_S = (900.0, 1500.0)
ABOUT = {
    "nucleus": "113Cd",
    "reference_frequency_MHz": 88.72,
    "carrier_ppm": 50.0,
    "indirect_nucleus": "77Se",
    "indirect_reference_frequency_MHz": 76.31,
    "indirect_carrier_ppm": -300.0,
}


def decay(n, width_Hz, offset_Hz, rate):
    t = np.arange(n) / width_Hz
    return t, np.exp((2j * np.pi * offset_Hz - rate) * t)


def make_series(kind, phases_deg=(0.0, 0.0), n=(128, 256)):
    y = np.zeros((2 * n[0], n[1]), complex)
    for a, slow_Hz, fast_Hz in LINES:
        t1, slow = decay(n[0], WIDTH_HZ[0], slow_Hz, DECAY_PER_S[0])
        slow = slow * np.exp(1j * np.deg2rad(phases_deg[0]))
        t2, fast = decay(n[1], WIDTH_HZ[1], fast_Hz, DECAY_PER_S[1])
        if kind == "States-TPPI":
            slow = slow * (-1.0) ** np.arange(n[0])
        rows = np.ravel(np.column_stack([slow.real, slow.imag]))
        y += a * np.outer(rows, fast) * np.exp(1j * np.deg2rad(phases_deg[1]))
    axes = (Axis(np.repeat(t1, 2), "indirect time", "s"), Axis(t2, "time", "s"))
    return Spectrum(y, axes, ABOUT | {"quadrature": kind})


def process(series, zero_deg=0.0, **settings):
    plane = processing.phase(fourier_transform(series), zero_deg)
    plane = processing.swap_axes(processing.join_quadrature(plane, **settings))
    return processing.swap_axes(fourier_transform(processing.zero_fill(plane, 256)))


def expect():
    total = 0.0
    for a, slow_Hz, fast_Hz in LINES:
        parts = []
        for n, filled, width_Hz, offset_Hz, rate in (
            (128, 256, WIDTH_HZ[0], slow_Hz, DECAY_PER_S[0]),
            (256, 256, WIDTH_HZ[1], fast_Hz, DECAY_PER_S[1]),
        ):
            t, y = decay(n, width_Hz, offset_Hz, rate)
            fid = processing.zero_fill(Spectrum(y, (Axis(t, "time", "s"),)), filled)
            parts.append(fourier_transform(fid).y.real)
        total = total + a * np.outer(*parts)
    return total


@pytest.mark.parametrize("kind", ["States", "States-TPPI"])
def test_both_dimensions_are_absorption_and_nothing_is_mirrored(kind):
    done = process(make_series(kind, (0.0, 25.0)), 25.0)
    np.testing.assert_allclose(done.y.real, expect(), atol=1e-9 * np.abs(expect()).max())
    for axis, name, zero_MHz, carrier_ppm, column in (
        (0, "77Se", 76.31, -300.0, 1),
        (1, "113Cd", 88.72, 50.0, 2),
    ):
        one = done.axes[axis]
        assert (one.unit, one.name) == ("ppm", f"{name} chemical shift")
        at = np.unravel_index(done.y.real.argmax(), done.y.shape)[axis]
        step_ppm = abs(one.values[1] - one.values[0])
        shift_ppm = carrier_ppm + LINES[0][column] / zero_MHz
        assert one.values[at] == pytest.approx(shift_ppm, abs=step_ppm)
    assert done.metadata["nucleus"] == "113Cd"


def test_a_phase_of_the_second_dimension_comes_out_by_phase():
    turned = process(make_series("States", (40.0, 0.0)))
    straight = processing.swap_axes(processing.phase(processing.swap_axes(turned), 40.0))
    np.testing.assert_allclose(straight.y.real, expect(), atol=1e-9 * np.abs(expect()).max())


def test_the_sign_turns_the_second_dimension_round():
    series = make_series("States")
    ours, other = process(series), process(series, sign=-1)
    peaks = [one.y.real.sum(axis=1).argmax() for one in (ours, other)]
    assert peaks[0] + peaks[1] == pytest.approx(len(ours.y), abs=1)


def test_a_plane_is_replayed():
    series = make_series("States-TPPI")
    done = process(series)
    assert processing.replay(series, done.history).y.tobytes() == done.y.tobytes()


def test_what_has_no_pairs_is_refused():
    plane = fourier_transform(make_series("States"))
    with pytest.raises(InputError, match="echo-antiecho and 1; convert"):
        processing.join_quadrature(plane, "echo-antiecho")
    odd = Spectrum(plane.y[:5], (Axis(np.arange(5.0)), plane.axes[1]))
    with pytest.raises(InputError, match="pairs of rows"):
        processing.join_quadrature(odd, "States")
    with pytest.raises(InputError, match="transform it first"):
        processing.join_quadrature(make_series("States"))
    with pytest.raises(InputError, match="two dimensions"):
        processing.swap_axes(Spectrum(np.ones(4), (Axis(np.arange(4.0)),)))
