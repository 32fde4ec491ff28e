"""Series over a delay, two dimensions, PASS, amounts and assignments on phantoms."""

import numpy as np
import pytest

from spectro import Axis, InputError, Spectrum, nmr
from spectro.lineshapes import gaussian
from spectro.nmr.shift_table import KNOWN_SHIFTS
from spectro.processing import replay

DELAYS_s = np.geomspace(0.1, 300, 14)
SITES = [nmr.Site("core", 117.0, 7.0), nmr.Site("surface", 97.0, 20.0)]
TRUTH = {"core": (116.0, 8.0, 3.0, 40.0), "surface": (95.0, 25.0, 2.0, 6.0)}


CLOSE_SITES = [nmr.Site("core", 117.0, 7.0), nmr.Site("surface", 108.0, 12.0)]
CLOSE = {"core": (116.0, 8.0, 3.0, 40.0), "surface": (109.0, 14.0, 2.0, 6.0)}


def make_series(seed, initial=0.0, snr=100, truth=TRUTH):
    x, rng = np.linspace(200.0, 0.0, 500), np.random.default_rng(seed)
    y = np.zeros((len(DELAYS_s), len(x)))
    for shift, width, amount, time_s in truth.values():
        m = amount * (1 - (1 - initial) * np.exp(-DELAYS_s / time_s))
        y += m[:, None] * gaussian(x, shift, width)
    y += rng.normal(0, y.max() / snr, y.shape)
    axes = (Axis(DELAYS_s, "delay", "s"), Axis(x, "133Cs chemical shift", "ppm"))
    return Spectrum(y, axes, {"title": "recovery"})


def test_times_of_each_component_come_back_with_their_errors():
    inside = []
    for seed in range(30):
        found = nmr.fit_series(make_series(seed), SITES)
        for name, (_, width, amount, time_s) in TRUTH.items():
            fit = found.curves[name]
            assert fit.values["time_s"] == pytest.approx(time_s, rel=0.1)
            assert found.deconvolution.values[f"{name}.width_ppm"] == pytest.approx(width, rel=0.02)
            assert fit.values["m_inf"] == pytest.approx(amount, rel=0.03)
            for quantity, truth in (("time_s", time_s), ("m_inf", amount)):
                low, high = fit.intervals[quantity]
                inside.append(low <= truth <= high)
    assert 0.90 <= np.mean(inside) <= 0.99


def test_what_all_spectra_share_is_in_the_intervals_of_lines_that_overlap():
    """With errors of integrals taken for independent it is half of m_inf of the surface."""
    inside = {"time_s": [], "m_inf": []}
    for seed in range(40):
        found = nmr.fit_series(make_series(seed, truth=CLOSE), CLOSE_SITES)
        for name, (_, _, amount, time_s) in CLOSE.items():
            fit = found.curves[name]
            for quantity, truth in (("time_s", time_s), ("m_inf", amount)):
                low, high = fit.intervals[quantity]
                inside[quantity].append(low <= truth <= high)
                assert f"{quantity} = " in " ".join(fit.statements)
    for quantity, held in inside.items():
        assert 0.90 <= np.mean(held) <= 0.99, quantity


def test_inversion_and_lists_of_spectra_go_the_same_way():
    series = make_series(1, initial=-1.0)
    found = nmr.fit_series(nmr.split_rows(series), SITES, delay_s=DELAYS_s, initial=-1.0)
    assert found.integrals["core"][0] < 0 < found.integrals["core"][-1]
    assert found.curves["core"].values["time_s"] == pytest.approx(40.0, rel=0.05)
    assert found.statements[0].startswith("core: time_s = ")
    with pytest.raises(InputError, match="give delay_s"):
        nmr.fit_series(nmr.split_rows(series), SITES)
    with pytest.raises(InputError, match="for each of the 14 spectra, got 2"):
        nmr.fit_series(series, SITES, delay_s=[1.0, 2.0])
    with pytest.raises(InputError, match="two dimensions, got 1"):
        nmr.split_rows(nmr.split_rows(series)[0])


PEAKS = [
    (67.0, 67.0, 5.0),
    (41.0, 41.0, 4.0),
    (67.0, 41.0, 1.0),
    (41.0, 67.0, 1.0),
    (6.0, 41.0, 0.6),
]


def make_plane(n_rows=131):
    rows, columns = np.linspace(100.0, -30.0, n_rows), np.linspace(-40.0, 110.0, 301)
    y = sum(
        a * np.exp(-((rows[:, None] - f) ** 2) / 18 - (columns - s) ** 2 / 18) for f, s, a in PEAKS
    )
    y = y + np.random.default_rng(0).normal(0, 0.02, y.shape)
    axes = (Axis(rows, "113Cd chemical shift", "ppm"), Axis(columns, "113Cd chemical shift", "ppm"))
    return Spectrum(y, axes)


def test_cross_peaks_are_found_and_paired():
    found = nmr.find_cross_peaks(make_plane(), off_ppm=12.0)
    assert len(found) == 3
    for one, (first, second, height) in zip(
        sorted(found, key=lambda peak: (-round(peak.height, 1), -peak.first_ppm)),
        PEAKS[2:],
        strict=True,
    ):
        assert one.first_ppm == pytest.approx(first, abs=1.5)
        assert one.second_ppm == pytest.approx(second, abs=1.5)
        assert one.height == pytest.approx(height, abs=0.08)
        assert one.signal_to_noise == pytest.approx(height / 0.02, rel=0.15)
        assert one.is_symmetric == (height == 1.0)


def test_diagonal_and_slices_are_the_plane_there():
    plane = make_plane(262)
    diagonal = nmr.take_diagonal(plane)
    x = diagonal.x
    assert (x.min() >= -30.0, x.max() <= 100.0) == (True, True)
    expected = sum(a * np.exp(-((x - f) ** 2) / 18 - (x - s) ** 2 / 18) for f, s, a in PEAKS)
    np.testing.assert_allclose(diagonal.y, expected, atol=0.15)
    row = nmr.take_slice(plane, 41.0)
    np.testing.assert_array_equal(row.x, plane.axes[1].values)
    k = np.abs(plane.axes[0].values - 41.0).argmin()
    np.testing.assert_array_equal(row.y, plane.y[k])
    band = nmr.take_slice(plane, 41.0, axis=1, width_ppm=4.0)
    near = np.abs(plane.x - 41.0) <= 2.0
    np.testing.assert_allclose(band.y, plane.y[:, near].mean(axis=1))
    for one in (band, diagonal):
        again = replay(plane, one.history)
        assert again.y.tobytes() == one.y.tobytes()
        assert again.x.tobytes() == one.x.tobytes()
    with pytest.raises(InputError, match="place between"):
        nmr.take_slice(plane, 500.0)
    with pytest.raises(InputError, match="two dimensions"):
        nmr.take_diagonal(row)


def test_anisotropies_come_from_pass():
    spinning = nmr.Spinning(3000.0, 88.72)
    truth = {"core": (60.0, 10.0, 60.0, 0.2), "surface": (0.0, 14.0, 200.0, -0.5)}
    x, rng = np.linspace(150.0, -100.0, 400), np.random.default_rng(0)
    orders = np.arange(-8, 8)
    y = np.zeros((len(orders), len(x)))
    for shift, width, span, skew in truth.values():
        order, intensity = nmr.compute_sidebands(span / spinning.step_ppm, skew)
        parts = [intensity[order == n].sum() for n in orders]
        y += np.outer(parts, gaussian(x, shift, width))
    y += rng.normal(0, y.max() / 300, y.shape)
    axes = (Axis(orders.astype(float), "sideband order", ""), Axis(x, "chemical shift", "ppm"))
    spectrum = Spectrum(y, axes)
    sites = [nmr.Site("core", 58.0, 9.0), nmr.Site("surface", 3.0, 12.0)]
    found = nmr.fit_pass(spectrum, sites, spinning)
    for name, (_, _, span, skew) in truth.items():
        fit = found.tensors[name]
        assert fit.values["span_ppm"] == pytest.approx(span, rel=0.05)
        low, high = fit.intervals["span_ppm"]
        assert low <= span <= high
        if name == "surface":
            assert fit.values["skew"] == pytest.approx(skew, abs=0.1)
    with pytest.raises(InputError, match="shear_pass"):
        nmr.fit_pass(make_plane(), sites, spinning)


def test_a_manifold_has_the_area_and_the_centre_of_its_site():
    x = np.linspace(1500.0, -1000.0, 20001)
    tensor, spinning = nmr.ShiftTensor(250.0, 416.0, 0.3), nmr.Spinning(8000.0, 88.72)
    y = nmr.sideband_manifold(x, tensor, spinning, 12.0)
    area = -np.trapezoid(y, x)
    assert area == pytest.approx(1.0, abs=1e-7)
    assert -np.trapezoid(y * x, x) == pytest.approx(250.0, abs=1e-4)
    stick = nmr.simulate_sidebands(250.0, 416.0, 0.3, field_T=nmr.find_field_T("113Cd", 88.72))
    at = np.abs(x - stick.x[len(stick.x) // 2]).argmin()
    assert y[at] == pytest.approx(stick.y[len(stick.y) // 2] * gaussian(0.0, 0.0, 12.0), rel=1e-5)


def test_amounts_are_the_standards_by_scans_gain_and_relaxation():
    standard = nmr.Signal(10.0, 0.1, n_scans=8, gain=2.0, recycle_s=10.0, buildup_s=5.0)
    sample = nmr.Signal(30.0, 0.6, n_scans=16, gain=4.0, recycle_s=3.0, buildup_s=30.0)
    found = nmr.quantify(sample, standard, standard_umol=20.0, standard_error_umol=0.2)
    seen = (1 - np.exp(-0.1)) / (1 - np.exp(-2.0))
    assert found.amount_umol == pytest.approx(20.0 * 3 / 4 / seen)
    relative = found.uncertainty.standard_error / found.amount_umol
    assert relative == pytest.approx(np.sqrt(0.02**2 + 0.01**2 + 0.01**2))
    assert found.n_nuclei == pytest.approx(found.amount_umol * 6.02214076e17)
    assert found.warnings == ()
    bare = nmr.quantify(nmr.Signal(1.0, 2.0), nmr.Signal(10.0, 0.1), standard_umol=20.0)
    assert bare.uncertainty.low == 0.0
    assert "fully relaxed" in bare.warnings[0]
    assert "not above its noise" in bare.warnings[1]
    with pytest.raises(InputError, match="well above its noise"):
        nmr.quantify(sample, nmr.Signal(1.0, 1.0), standard_umol=20.0)
    with pytest.raises(InputError, match="amount of the standard"):
        nmr.quantify(sample, standard, standard_umol=0.0)


def test_assignments_are_suggested_and_never_asserted():
    for one in KNOWN_SHIFTS:
        found = nmr.suggest_assignments(one.nucleus, one.shift_ppm)
        assert found[0].known is one
        assert all("is compatible with" in other.statement for other in found)
        assert all("may be something else" in other.statement for other in found)
    assert nmr.suggest_assignments("113Cd", 300.0) == ()
    between = nmr.suggest_assignments("133Cs", 112.4)
    assert [round(one.known.shift_ppm) for one in between] == [109, 116]
    assert nmr.suggest_assignments("113Cd", 52.0) == ()
    assert nmr.suggest_assignments("113Cd", 52.0, error_ppm=5.0)
    with pytest.raises(InputError, match="113Cd or 133Cs"):
        nmr.suggest_assignments("29Si", -100.0)
    with pytest.raises(InputError, match="finite shift"):
        nmr.suggest_assignments("113Cd", np.nan)


def test_the_sites_of_a_fit_get_suggestions():
    x, rng = np.linspace(150.0, -80.0, 500), np.random.default_rng(0)
    y = gaussian(x, 66.5, 12.0) + rng.normal(0, 2e-4, len(x))
    spectrum = Spectrum(y, (Axis(x, "chemical shift", "ppm"),))
    fit = nmr.deconvolve(spectrum, [nmr.Site("a", 65.0, 10.0)])
    assert nmr.suggest_sites(fit, "113Cd")["a"][0].known.shift_ppm == 67.0
