"""Sites that are manifolds or powder patterns, in spectra of which the numbers are known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from spectro import Axis, InputError, Spectrum, nmr
from spectro.fitting import Search
from spectro.fitting.projection import Projection
from spectro.lineshapes import gaussian
from spectro.nmr.line_model import LineModel

SPINNING = nmr.Spinning(8000.0, 88.72)
TENSORS = {
    "surface": nmr.ShiftTensor(250.0, 416.0, 0.3),
    "core": nmr.ShiftTensor(67.0, 120.0, -0.5),
}
PARTS = {"surface": 1.0, "core": 2.0}
WIDTH_PPM = 15.0


def make_manifolds(seed, snr=60):
    x = np.linspace(900.0, -500.0, 900)
    y = sum(
        part * nmr.sideband_manifold(x, TENSORS[name], SPINNING, WIDTH_PPM)
        for name, part in PARTS.items()
    )
    y = y + np.random.default_rng(seed).normal(0, y.max() / snr, len(x))
    return Spectrum(y, (Axis(x, "113Cd chemical shift", "ppm"),))


def list_sites():
    return [
        nmr.Site("surface", 248.0, 12.0, pattern=nmr.Anisotropy(SPINNING, 350.0, 0.0)),
        nmr.Site("core", 68.0, 12.0, pattern=nmr.Anisotropy(SPINNING, 160.0, 0.0)),
    ]


def test_sites_with_sidebands_that_overlap_come_back_with_their_errors():
    inside = []
    for seed in range(8):
        fit = nmr.deconvolve(make_manifolds(seed), list_sites(), search=Search(is_refined=False))
        for name, tensor in TENSORS.items():
            truths = {
                "shift_ppm": tensor.shift_ppm,
                "width_ppm": WIDTH_PPM,
                "span_ppm": tensor.span_ppm,
                "skew": tensor.skew,
                "integral": PARTS[name],
                "percent": 100 * PARTS[name] / 3,
            }
            for quantity, truth in truths.items():
                low, high = fit.intervals[f"{name}.{quantity}"]
                inside.append(low <= truth <= high)
        assert fit.values["surface.span_ppm"] == pytest.approx(416.0, rel=0.1)
        for name in TENSORS:
            percent = 100 * PARTS[name] / 3
            assert fit.values[f"{name}.percent"] == pytest.approx(percent, abs=2.0)
    assert 0.90 <= np.mean(inside) <= 0.99
    assert fit.units["core.span_ppm"] == "ppm"
    json.dumps(fit.to_dict())


def test_derivatives_of_patterns_are_those_of_finite_differences():
    model = LineModel((make_manifolds(0),), ("",), tuple(list_sites()))
    problem = model.build()
    start = np.array([one.value for one in problem.free])
    ours = Projection(problem).derivative(start)[0]
    steps = [replace(one, step=one.step / 10) for one in problem.parameters]
    theirs = Projection(replace(problem, slopes=None, parameters=tuple(steps))).derivative(start)[0]
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=0.02 * np.abs(other).max())


def test_tensors_are_shared_as_other_quantities_are():
    x = np.linspace(700.0, -300.0, 700)
    spectra = []
    for k in range(3):
        y = (k + 1) * nmr.sideband_manifold(x, TENSORS["surface"], SPINNING, WIDTH_PPM)
        y = y + np.random.default_rng(k).normal(0, y.max() / 50, len(x))
        spectra.append(Spectrum(y, (Axis(x, "shift", "ppm"),), {"title": f"n{k}"}))
    site = nmr.Site("a", 248.0, 12.0, pattern=nmr.Anisotropy(SPINNING, 350.0))
    fit = nmr.deconvolve(spectra, [site], shared=("shift_ppm", "span_ppm"))
    assert fit.values["a.span_ppm"] == pytest.approx(416.0, rel=0.03)
    assert fit.values["n1/a.skew"] == pytest.approx(0.3, abs=0.1)
    assert fit.values["n2/a.integral"] == pytest.approx(3.0, rel=0.05)
    series = nmr.fit_series(spectra, [site], delay_s=[1.0, 2.0, 4.0])
    assert series.deconvolution.values["a.span_ppm"] == pytest.approx(416.0, rel=0.03)
    assert "1/a.skew" not in series.deconvolution.values


def test_the_central_transition_of_a_quadrupolar_nucleus_comes_back():
    """Simulated by mrsimulator at a finer resolution than it is fitted with."""
    x = np.linspace(80.0, -120.0, 500)
    line = nmr.QuadrupolarLine("27Al", 104.2, 20.0, 3.0)
    fine = replace(line, width_ppm=3.0)
    y = 3 * nmr.simulate_quadrupolar(x, fine, 5.0, 0.4) + gaussian(x, 9.0, 6.0)
    y = y + np.random.default_rng(1).normal(0, y.max() / 100, len(x))
    spectrum = Spectrum(y, (Axis(x, "27Al chemical shift", "ppm"),))
    sites = [
        nmr.Site("four", 22.0, 4.0, pattern=nmr.Quadrupole("27Al", 104.2, 4.6, 0.3)),
        nmr.Site("six", 8.0, 5.0),
    ]
    fit = nmr.deconvolve(spectrum, sites, search=Search(is_refined=False))
    for name, truth, within in (
        ("four.cq_MHz", 5.0, 0.05),
        ("four.eta", 0.4, 0.05),
        ("four.shift_ppm", 20.0, 0.3),
        ("four.percent", 75.0, 1.0),
        ("six.shift_ppm", 9.0, 0.3),
    ):
        assert fit.values[name] == pytest.approx(truth, abs=within)
    assert fit.units["four.cq_MHz"] == "MHz"


def test_patterns_that_cannot_be_are_told():
    pattern = nmr.Anisotropy(SPINNING, 100.0)
    with pytest.raises(InputError, match="skew between -1 and 1"):
        nmr.Anisotropy(SPINNING, 100.0, 2.0)
    with pytest.raises(InputError, match="coupling above 0"):
        nmr.Quadrupole("27Al", 104.2, -1.0)
    with pytest.raises(InputError, match="spin 3/2"):
        nmr.Quadrupole("13C", 100.0, 1.0)
    with pytest.raises(InputError, match="two bounds of skew from -1 to 1"):
        nmr.Site("a", 0.0, 5.0, pattern=pattern, bounds={"skew": (-2.0, 1.0)})
    with pytest.raises(InputError, match="span_ppm, skew for a, got cq_MHz"):
        nmr.Site("a", 0.0, 5.0, pattern=pattern, fixed=("cq_MHz",))
    x = np.linspace(10.0, 0.0, 50)
    spectrum = Spectrum(gaussian(x, 5.0, 2.0), (Axis(x, "energy", "eV"),))
    with pytest.raises(InputError, match="axis in ppm"):
        nmr.deconvolve(spectrum, [nmr.Site("a", 5.0, 2.0, pattern=pattern)])
