"""Simulated recordings: what was written is what is read, and what is in them is what was put."""

import numpy as np
import pytest

import spectro
from spectro.epr import fit_saturation
from spectro.lineshapes import gaussian, lorentzian
from spectro.model import Axis, Spectrum
from spectro.phantoms import (
    Acquisition,
    Line,
    record_fid,
    save_bes3t,
    save_topspin,
    simulate_power_sweep,
)
from spectro.processing import fourier_transform, phase

FIELD = Axis(np.linspace(300.0, 380.0, 257), "magnetic field", "mT")
KNOWN = {
    "title": "a sample",
    "operator": "somebody",
    "frequency_GHz": 9.4567,
    "power_mW": 2.002,
    "modulation_amplitude_mT": 0.1,
    "modulation_frequency_kHz": 100.0,
    "harmonic": 1,
    "receiver_gain_dB": 60.0,
    "conversion_time_s": 0.04,
    "time_constant_s": 0.01,
    "temperature_K": 77.5,
    "n_scans": 16,
}
CD = Acquisition(
    "113Cd",
    88.7,
    carrier_ppm=30.0,
    width_Hz=88_700.0,
    n_points=1000,
    n_scans=64,
    gain=101.0,
    recycle_s=12.5,
    mas_Hz=14_000.0,
    temperature_K=100.0,
    phase_deg=35.0,
)


def draw(*shape):
    rng = np.random.default_rng(5)
    return rng.standard_normal(shape)


@pytest.mark.parametrize("suffix", [".DSC", ".DTA", ".dsc"])
def test_bes3t_is_read_back(tmp_path, suffix):
    y = draw(257)
    files = save_bes3t(Spectrum(y, (FIELD,), KNOWN), tmp_path / "deep" / "scan.dsc")
    assert [path.name for path in files] == ["scan.DTA", "scan.DSC"]
    found = spectro.load(tmp_path / "deep" / f"scan{suffix.upper()}")
    np.testing.assert_array_equal(found.y, y)
    np.testing.assert_allclose(found.x, FIELD.values, rtol=1e-14)
    assert (found.axes[0].name, found.axes[0].unit) == ("magnetic field", "mT")
    assert {name: found.metadata[name] for name in KNOWN} == pytest.approx(KNOWN)


def test_bes3t_complex(tmp_path):
    y = draw(257) + 1j * draw(2, 257)[1]
    save_bes3t(Spectrum(y, (FIELD,), KNOWN), tmp_path / "scan.DSC")
    np.testing.assert_array_equal(spectro.load(tmp_path / "scan.DSC").y, y)


def test_bes3t_series_has_its_uneven_axis(tmp_path):
    power = Axis(np.geomspace(0.01, 200.0, 7), "microwave power", "mW")
    y = draw(7, 257)
    save_bes3t(Spectrum(y, (power, FIELD), KNOWN), tmp_path / "power.DSC")
    assert {path.suffix for path in tmp_path.iterdir()} == {".DSC", ".DTA", ".YGF"}
    found = spectro.load(tmp_path / "power.DSC")
    np.testing.assert_array_equal(found.y, y)
    np.testing.assert_array_equal(found.axes[0].values, power.values)
    assert (found.axes[0].name, found.axes[0].unit) == ("microwave power", "mW")


def test_bes3t_refuses_what_it_cannot_hold(tmp_path):
    uneven = Axis(np.array([1.0, 2.0, 4.0]), "magnetic field", "mT")
    with pytest.raises(spectro.InputError, match="evenly spaced"):
        save_bes3t(Spectrum(draw(3), (uneven,)), tmp_path / "a.DSC")
    with pytest.raises(spectro.InputError, match="one axis or two, got 3"):
        save_bes3t(Spectrum(draw(3, 3, 257), (uneven, uneven, FIELD)), tmp_path / "a.DSC")
    (tmp_path / "file").write_text("")
    with pytest.raises(spectro.InputError, match="Expected a place to write"):
        save_bes3t(Spectrum(draw(257), (FIELD,)), tmp_path / "file" / "a.DSC")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_topspin_fid_is_read_back(tmp_path):
    y = draw(1000) + 1j * draw(2, 1000)[1]
    files = save_topspin(y, tmp_path / "1", CD, title="a sample")
    assert files[-1].name == "acqus"
    found = spectro.load(tmp_path / "1")
    np.testing.assert_array_equal(found.y, y)
    np.testing.assert_allclose(found.x, np.arange(1000) / 88_700.0)
    expected = {
        "title": "a sample",
        "nucleus": "113Cd",
        "n_scans": 64,
        "receiver_gain": 101.0,
        "recycle_delay_s": 12.5,
        "mas_Hz": 14_000.0,
        "temperature_K": 100.0,
        "group_delay_points": 67.98,
        "reference_frequency_MHz": 88.7,
        "carrier_ppm": 30.0,
    }
    assert {name: found.metadata[name] for name in expected} == pytest.approx(expected)


def test_topspin_series_is_read_back_with_its_delays(tmp_path):
    y = draw(3, 1000) + 1j * draw(6, 1000)[3:]  # rows of 16,000 bytes, so that they are padded
    delays = [0.5, 1.25, 1e-3]
    save_topspin(y, tmp_path / "2", CD, delays_s=delays)
    found = spectro.load(tmp_path / "2")
    assert (tmp_path / "2" / "ser").stat().st_size == 3 * 16 * 1024
    np.testing.assert_array_equal(found.y, y)
    np.testing.assert_array_equal(found.axes[0].values, delays)
    assert (found.axes[0].name, found.axes[0].unit) == ("delay", "s")
    assert "warning" not in found.metadata


def test_topspin_refuses_what_does_not_fit(tmp_path):
    with pytest.raises(spectro.InputError, match="1000 points"):
        save_topspin(np.zeros(10, complex), tmp_path / "1", CD)
    with pytest.raises(spectro.InputError, match="each of 2 rows, got 1"):
        save_topspin(np.zeros((2, 1000), complex), tmp_path / "1", CD, delays_s=[1.0])
    with pytest.raises(spectro.InputError, match="group delay within 10 points"):
        Acquisition("1H", 400.0, n_points=10)
    with pytest.raises(spectro.InputError, match="above 0"):
        Acquisition("1H", 400.0, width_Hz=0.0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("delay", [0.0, 67.98, 71.5])
def test_fid_gives_the_lines_that_were_put_in(tmp_path, delay):
    """The digital filter comes off exactly: lines as they are known, without a baseline."""
    acquisition = Acquisition(
        **{name: getattr(CD, name) for name in CD.__slots__} | {"group_delay_points": delay}
    )
    lines = [Line(67.0, 20.0, 0.5), Line(0.0, 40.0, 0.3, "lorentzian")]
    save_topspin(record_fid(lines, acquisition), tmp_path / "1", acquisition)
    found = phase(fourier_transform(spectro.load(tmp_path / "1")), zero_deg=35.0)
    width_ppm = 1000.0
    expected = 0.5 * gaussian(found.x, 67.0, 20.0) + 0.3 * lorentzian(found.x, 0.0, 40.0)
    expected *= width_ppm / 2  # the mean of a spectrum is half of what is there at time zero
    inside = np.abs(found.x - 30.0) < (0.45 if delay else 0.15) * width_ppm
    error = np.abs(found.y.real - expected)[inside].max() / expected.max()
    assert error < (1e-3 if delay else 0.05)  # what is not filtered folds in


def test_filter_rings_only_about_its_delay():
    y = np.abs(record_fid([Line(100.0, 10.0)], CD))
    assert y[:30].max() < 5e-3 * y.max()
    assert 66 < y.argmax() < 76


def test_line_refuses_what_does_not_decay():
    with pytest.raises(spectro.InputError, match="width above 0"):
        Line(0.0, 0.0)
    with pytest.raises(spectro.InputError, match="'voigt'"):
        Line(0.0, 1.0, shape="voigt")


def test_power_sweep_has_the_time_that_was_put_in():
    clean = Spectrum(np.gradient(np.exp(-((FIELD.values - 340) ** 2))), (FIELD,), {"power_mW": 1.0})
    power = np.geomspace(0.02, 200.0, 15)
    sweep = simulate_power_sweep(clean, power, time_us=0.4, conversion_mT_per_sqrt_W=0.1)
    assert "power_mW" not in sweep.metadata
    heights = np.ptp(sweep.y, axis=1)
    fit = fit_saturation(power, heights, model="inhomogeneous", conversion_mT_per_sqrt_W=0.1)
    assert fit.values["T_us"] == pytest.approx(0.4, rel=1e-6)
    half = fit.values["P_half_mW"]
    there = simulate_power_sweep(clean, [half], time_us=0.4, conversion_mT_per_sqrt_W=0.1)
    assert np.ptp(there.y) == pytest.approx(np.sqrt(half / 2) * np.ptp(clean.y))


def test_power_sweep_refuses_what_does_not_saturate():
    clean = Spectrum(draw(257), (FIELD,))
    with pytest.raises(spectro.InputError, match="powers above 0"):
        simulate_power_sweep(clean, [0.0, 1.0], time_us=1.0, conversion_mT_per_sqrt_W=1.0)
    with pytest.raises(spectro.InputError, match="time and a conversion above 0"):
        simulate_power_sweep(clean, [1.0], time_us=0.0, conversion_mT_per_sqrt_W=1.0)
