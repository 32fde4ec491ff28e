"""Deconvolution of phantoms whose integrals, positions and widths are known."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import t as student

from spectro import Axis, InputError, Spectrum, nmr
from spectro.fitting import Search, compare
from spectro.fitting.projection import Projection
from spectro.lineshapes import compute_line, gaussian
from spectro.nmr.line_model import LineModel
from spectro.processing import phase

CESIUM_MHz = 78.72
NAMES = ("bulk", "core", "middle", "surface")
SHIFTS_ppm = (163.0, 116.0, 109.0, 95.0)
# Positions, and 0.3 to 2.4 kHz as the range of widths, are those of the CsPbBr3 paper's Table 2;
# which line has which width and part of the whole in which sample is invented: lines are wider and
# there is more surface in small nanocrystals, and the smallest have no core.
WIDTHS_kHz = np.array([[0.3, 0.5, 0.7, 1.8], [0.35, 0.6, 0.9, 2.4]])
PERCENT = {
    "NC6.4": (4.0, 0.0, 42.0, 54.0),
    "NC7.0": (3.0, 12.0, 40.0, 45.0),
    "NC7.7": (6.0, 16.0, 38.0, 40.0),
    "NC8.5": (2.0, 24.0, 39.0, 35.0),
    "NC9.2": (5.0, 28.0, 37.0, 30.0),
    "NC10.1": (8.0, 33.0, 34.0, 25.0),
    "NC11.0": (3.0, 40.0, 35.0, 22.0),
}


def make_spectrum(x, lines, snr, rng, title="", unit="ppm"):
    """Lines (integral, position, width, *shape) with noise by the highest point."""
    y = sum(a * compute_line(x, at, w, *rest) for a, at, w, *rest in lines)
    noisy = y + rng.normal(0, np.abs(y).max() / snr, len(x))
    return Spectrum(noisy, (Axis(x, "chemical shift", unit),), {"title": title})


def make_table_2(seed, percent=PERCENT):
    x, rng = np.linspace(300.0, 0.0, 2048), np.random.default_rng(seed)
    widths_ppm = {
        name: (WIDTHS_kHz[0] * (1 - t) + WIDTHS_kHz[1] * t) / CESIUM_MHz * 1e3
        for name, t in zip(PERCENT, np.linspace(1, 0, len(PERCENT)), strict=True)
    }
    spectra = [
        make_spectrum(x, list(zip(p, SHIFTS_ppm, widths_ppm[name], strict=True)), 100, rng, name)
        for name, p in percent.items()
    ]
    return spectra, widths_ppm


def start_table_2():
    widths = WIDTHS_kHz.mean(axis=0) / CESIUM_MHz * 1e3
    return [nmr.Site(*one) for one in zip(NAMES, (162.0, 117.0, 108.0, 97.0), widths, strict=True)]


def test_table_2_of_the_cesium_paper_comes_back_with_its_errors():
    is_inside, percent_errors, width_errors = [], [], []
    for seed in range(20):
        spectra, widths = make_table_2(seed)
        fit = nmr.deconvolve(spectra, start_table_2(), search=Search(is_refined=seed == 0))
        assert fit.is_converged
        for site, shift in zip(NAMES, SHIFTS_ppm, strict=True):
            low, high = fit.intervals[f"{site}.shift_ppm"]
            is_inside.append(low <= shift <= high)
        for name, percents in PERCENT.items():
            for k, (site, percent) in enumerate(zip(NAMES, percents, strict=True)):
                key = f"{name}/{site}"
                low, high = fit.intervals[f"{key}.percent"]
                is_inside.append(low <= percent <= high)
                percent_errors.append(fit.values[f"{key}.percent"] - percent)
                if percent:
                    low, high = fit.intervals[f"{key}.width_ppm"]
                    is_inside.append(low <= widths[name][k] <= high)
                    width_errors.append(fit.values[f"{key}.width_ppm"] / widths[name][k] - 1)
            total = sum(fit.values[f"{name}/{site}.percent"] for site in NAMES)
            assert total == pytest.approx(100.0, abs=1e-9)
    assert np.abs(percent_errors).max() < 2.0
    assert np.abs(width_errors).max() < 0.10
    assert 0.90 <= np.mean(is_inside) <= 0.99


def test_table_2_gives_layers_and_no_core_where_there_is_none():
    """Depths are those that the percentages of the phantoms mean."""
    for seed in range(20):
        spectra, _ = make_table_2(seed)
        fit = nmr.deconvolve(spectra, start_table_2(), search=Search(is_refined=False))
        for name, percents in PERCENT.items():
            diameter_nm = float(name[2:])
            keys = {site: f"{name}/{site}.integral" for site in NAMES}
            found = nmr.layer_model(
                diameter_nm,
                {site: fit.values[key] for site, key in keys.items()},
                fraction_errors={
                    site: fit.uncertainties[key].standard_error for site, key in keys.items()
                },
            )
            truth = nmr.layer_model(diameter_nm, dict(zip(NAMES, percents, strict=True)))
            assert found.depth_nm["middle"] == pytest.approx(truth.depth_nm["middle"], abs=0.05)
            if percents[1]:
                assert found.depth_nm["core"] == pytest.approx(truth.depth_nm["core"], abs=0.1)
                assert found["core"].is_significant
            else:
                assert found["core"].fraction < 0.05
                told = "There is no core in NC6.4", "There may be no core in NC6.4"
                assert sum(one.startswith(told) for one in fit.warnings) == 1
        assert not any(
            one.startswith("There may be no") and "NC6.4" not in one for one in fit.warnings
        )


def divide(radius_nm, depths_nm, bulk=4.0):
    """Percentages of bulk, core, middle and surface, where core and middle begin at depths."""
    core, middle = ((max(radius_nm - one, 0.0) / radius_nm) ** 3 for one in depths_nm)
    return (bulk, *((100 - bulk) * np.array([core, middle - core, 1 - middle])))


def test_layers_as_deep_as_the_cesium_paper_found_them_come_back():
    """From about 23 and 8 A on, of all samples but the smallest, which has no core.

    The integrals of the paper's Table 2 are not at hand; these are those that its depths mean.
    """
    radii_nm = {name: float(name[2:]) / 2 for name in PERCENT}
    percent = {name: divide(radius, (2.3, 0.8)) for name, radius in radii_nm.items()}
    percent["NC6.4"] = divide(radii_nm["NC6.4"], (math.inf, 0.8))
    for seed in range(10):
        spectra, _ = make_table_2(seed, percent)
        fit = nmr.deconvolve(spectra, start_table_2(), search=Search(is_refined=False))
        for name, radius_nm in radii_nm.items():
            found = nmr.layer_model(
                2 * radius_nm, {one: fit.values[f"{name}/{one}.integral"] for one in NAMES}
            )
            assert 0.64 <= found.depth_nm["middle"] <= 0.92
            if name != "NC6.4":
                assert 2.1 <= found.depth_nm["core"] <= 2.4
        told = [one for one in fit.warnings if one.startswith("There")]
        assert len(told) == 1
        assert told[0].startswith(("There is no core in NC6.4", "There may be no core in NC6.4"))


def test_cadmium_sites_of_the_doped_sulfide_come_back():
    x = np.linspace(150.0, -80.0, 1024)
    parts = {"zinc blende": 1.4, "wurtzite": 1.0, "surface": 0.5}
    for seed in range(10):
        rng = np.random.default_rng(seed)
        lines = [(a, at, 13.0) for a, at in zip(parts.values(), (67.0, 41.0, 6.0), strict=True)]
        spectrum = make_spectrum(x, lines, 30, rng)
        sites = [nmr.Site(n, s, 10.0) for n, s in zip(parts, (65.0, 43.0, 5.0), strict=True)]
        fit = nmr.deconvolve(spectrum, sites)
        ratio = fit.values["zinc blende.integral"] / fit.values["wurtzite.integral"]
        assert ratio == pytest.approx(1.4, abs=0.1)
        assert fit.values["zinc blende.shift_ppm"] == pytest.approx(67.0, abs=0.5)


EXAMPLES = {
    "31P": ("ppm", (60.0, -60.0), [(2.0, 0.0, 6.0, 0.6, "voigt"), (1.0, -22.0, 9.0, 0.3, "voigt")]),
    "13C": ("ppm", (200.0, 0.0), [(2.0, 31.0, 2.0, 1.0, "lorentzian"), (1.0, 181.0, 3.0)]),
    "C 1s": (
        "eV",
        (292.0, 280.0),
        [(3.0, 284.8, 1.2, 0.3, "pseudo-voigt"), (1.0, 286.3, 1.3, 0.3, "pseudo-voigt")],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_other_nuclei_and_photoelectrons_go_through_the_same_function(name):
    unit, ends, lines = EXAMPLES[name]
    rng = np.random.default_rng(5)
    spectrum = make_spectrum(np.linspace(*ends, 1500), lines, 100, rng, name, unit)
    sites = [
        nmr.Site.at(f"{k}", at + 0.1 * w, 1.1 * w, shape=rest[1] if rest else "gaussian")
        for k, (_, at, w, *rest) in enumerate(lines)
    ]
    fit = nmr.deconvolve(spectrum, sites)
    names = ("shift_ppm", "width_ppm") if unit == "ppm" else ("position_eV", "width_eV")
    total = sum(one[0] for one in lines)
    for k, (a, at, w, *_) in enumerate(lines):
        for quantity, truth in zip(names, (at, w), strict=True):
            assert fit.values[f"{k}.{quantity}"] == pytest.approx(truth, abs=0.05 * w)
            assert fit.units[f"{k}.{quantity}"] == unit
        assert fit.values[f"{k}.percent"] == pytest.approx(100 * a / total, abs=1.0)
        assert fit.values[f"{k}.integral"] == pytest.approx(a, rel=0.03)


def test_ties_fix_the_doublet_of_a_photoelectron():
    x, rng = np.linspace(420.0, 398.0, 900), np.random.default_rng(2)
    spectrum = make_spectrum(x, [(3.0, 405.2, 1.1), (2.0, 411.94, 1.1)], 80, rng, "Cd 3d", "eV")
    tied = {
        "shift_ppm": nmr.Tie("5_2", offset=6.74),
        "width_ppm": nmr.Tie("5_2"),
        "integral": nmr.Tie("5_2", factor=2 / 3),
    }
    sites = [nmr.Site.at("5_2", 405.0, 1.0), nmr.Site.at("3_2", 412.0, 1.0, tied=tied)]
    fit = nmr.deconvolve(spectrum, sites)
    assert fit.values["3_2.position_eV"] - fit.values["5_2.position_eV"] == pytest.approx(6.74)
    assert fit.values["3_2.percent"] == pytest.approx(40.0)
    assert fit.values["5_2.integral"] == pytest.approx(3.0, rel=0.02)
    assert len(fit.covariance) == 3
    known = fit.uncertainties
    errors = [known[f"{one}.integral"].standard_error for one in ("5_2", "3_2")]
    assert errors[1] == pytest.approx(errors[0] * 2 / 3)
    np.testing.assert_allclose(sum(fit.curves[0].components.values()), fit.best_fit.y, atol=1e-12)


def test_fixed_numbers_stay_and_bounds_hold():
    x, rng = np.linspace(100.0, 0.0, 600), np.random.default_rng(4)
    spectrum = make_spectrum(x, [(1.0, 60.0, 8.0), (1.0, 40.0, 8.0)], 50, rng)
    sites = [
        nmr.Site("a", 61.0, 8.0, fixed=("shift_ppm",)),
        nmr.Site("b", 41.0, 6.0, bounds={"width_ppm": (3.0, 7.0)}),
    ]
    fit = nmr.deconvolve(spectrum, sites)
    assert fit.values["a.shift_ppm"] == 61.0
    assert "a.shift_ppm" not in fit.uncertainties
    assert fit.values["b.width_ppm"] == pytest.approx(7.0, abs=1e-3)
    assert any("b.width_ppm ended at its bound" in one for one in fit.warnings)


def test_phase_and_baseline_are_fitted_along():
    x, rng = np.linspace(120.0, -20.0, 800), np.random.default_rng(8)
    y = 3 * compute_line(x, 70.0, 6.0, 1.0, "lorentzian", is_complex=True)
    y = y + compute_line(x, 40.0, 9.0, is_complex=True)
    straight = Spectrum(y, (Axis(x, "chemical shift", "ppm"),))
    noise = (rng.normal(0, 0.002, (2, len(x)))).T @ [1, 1j]
    turned = phase(straight, -35.0, 20.0)
    measured = turned.do("add", turned.y + noise + 0.02 + 0.01 * (x - 50) / 70)
    sites = [nmr.Site("a", 69.0, 5.0, "lorentzian"), nmr.Site("b", 42.0, 8.0)]
    fit = nmr.deconvolve(measured, sites, baseline_degree=1, phase="first")
    assert fit.values["phase0_deg"] == pytest.approx(35.0, abs=0.5)
    assert fit.values["phase1_deg"] == pytest.approx(-20.0, abs=2.0)
    assert fit.values["a.integral"] == pytest.approx(3.0, rel=0.02)
    assert fit.values["b.percent"] == pytest.approx(25.0, abs=0.5)
    undone = phase(turned, fit.values["phase0_deg"], fit.values["phase1_deg"])
    assert np.abs(undone.y - straight.y).max() < 0.02 * np.abs(straight.y).max()
    assert fit.noise == pytest.approx(0.002, rel=0.06)
    assert not any("fitted without a baseline" in one for one in fit.warnings)
    flat = nmr.deconvolve(measured, sites, baseline_degree=0, phase="zero")
    assert any("fitted without a baseline of degree 1" in one for one in flat.warnings)


@pytest.mark.parametrize("zero_deg", [-179.0, -120.0, 90.0, 150.0, 180.0])
def test_any_phase_is_found_from_none(zero_deg):
    x, rng = np.linspace(120.0, -20.0, 500), np.random.default_rng(9)
    y = [compute_line(x, at, 8.0, is_complex=True) for at in (70.0, 40.0)]
    axes = (Axis(x, "chemical shift", "ppm"),)
    noise = rng.normal(0, 0.001, (2, 2, len(x)))
    straight = [Spectrum(one + n[0] + 1j * n[1], axes) for one, n in zip(y, noise, strict=True)]
    turned = [phase(straight[0], zero_deg), phase(straight[1], 10.0)]
    sites = [nmr.Site("a", 68.0, 7.0), nmr.Site("b", 42.0, 7.0)]
    fit = nmr.deconvolve(turned, sites, phase="zero")
    off = fit.values["spectrum 1/phase0_deg"] + zero_deg
    assert (off + 180) % 360 - 180 == pytest.approx(0.0, abs=1.0)
    assert fit.values["spectrum 1/a.percent"] == pytest.approx(100.0, abs=1.0)
    assert fit.values["spectrum 2/a.percent"] == pytest.approx(0.0, abs=1.0)


def test_nothing_at_all_has_no_percentages():
    x = np.linspace(100.0, 0.0, 100)
    spectrum = Spectrum(-gaussian(x, 50.0, 9.0), (Axis(x, "chemical shift", "ppm"),))
    fit = nmr.deconvolve(spectrum, [nmr.Site("a", 50.0, 9.0)])
    assert fit.values["a.integral"] == 0.0
    assert np.isnan(fit.values["a.percent"])
    assert fit.intervals["a.percent"] == (0.0, 100.0)


def test_sites_that_are_in_the_data_are_told_by_the_criterion():
    x, rng = np.linspace(120.0, -20.0, 700), np.random.default_rng(3)
    lines = [(1.4, 67.0, 12.0), (1.0, 41.0, 12.0), (0.4, 10.0, 20.0)]
    spectrum = make_spectrum(x, lines, 60, rng)
    starts = [("a", 66.0), ("b", 42.0), ("c", 8.0), ("d", 55.0)]
    fits = {
        f"{n} sites": nmr.deconvolve(spectrum, [nmr.Site(*one, 12.0) for one in starts[:n]])
        for n in (2, 3, 4)
    }
    found = compare(fits)
    assert found.best == "3 sites"
    assert sum(found.probability.values()) == pytest.approx(1.0)
    assert found.n_numbers == {"2 sites": 6, "3 sites": 9, "4 sites": 12}
    assert "preferred" in found.statements[0]


def test_analytic_derivatives_are_those_of_finite_differences():
    x, rng = np.linspace(100.0, 0.0, 200), np.random.default_rng(6)
    y = rng.normal(size=(2, 200)) + 1j * rng.normal(size=(2, 200))
    axes = (Axis(x, "chemical shift", "ppm"),)
    tied = {"shift_ppm": nmr.Tie("a", 0.5, 3.0), "integral": nmr.Tie("a", 2.0)}
    sites = (
        nmr.Site("a", 60.0, 9.0, "voigt", is_signed=True),
        nmr.Site("b", 20.0, 9.0, "pseudo-voigt", is_signed=True),
        nmr.Site("c", 30.0, 5.0, tied=tied),
    )
    spectra = tuple(Spectrum(one, axes) for one in y)
    model = LineModel(spectra, ("p/", "q/"), sites, ("shift_ppm", "a.width_ppm"), 2, 2)
    problem = model.build()
    start = np.array([one.value for one in problem.free]) + 0.01
    ours = Projection(problem).derivative(start)
    problem = replace(
        problem,
        slopes=None,
        parameters=tuple(replace(one, step=1e-5) for one in problem.parameters),
    )
    theirs = Projection(problem).derivative(start)
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5 * np.abs(other).max())


def test_a_series_of_spectra_tells_which_number_is_whose():
    x = np.linspace(100.0, 0.0, 400)
    spectra = [
        make_spectrum(x, [(a, 60.0, 8.0), (1.0, 30.0, 9.0)], 200, np.random.default_rng(k), name)
        for k, (a, name) in enumerate([(1.0, "first"), (3.0, "second"), (2.0, "second")])
    ]
    sites = [nmr.Site("a", 59.0, 7.0), nmr.Site("b", 31.0, 7.0)]
    fit = nmr.deconvolve(spectra, sites, shared=("shift_ppm", "b.width_ppm"))
    assert {"a.shift_ppm", "b.width_ppm", "first/a.width_ppm"} <= {*fit.values}
    assert fit.values["second 1/a.percent"] == pytest.approx(75.0, abs=1.0)
    assert fit.values["second 2/a.percent"] == pytest.approx(66.7, abs=1.0)
    assert fit.correlation.shape == fit.covariance.shape == (12, 12)
    assert fit.values["first/durbin_watson"] == pytest.approx(2.0, abs=0.3)
    json.dumps(fit.to_dict())


def test_what_is_tied_is_shared_where_its_root_is():
    x = np.linspace(100.0, 0.0, 400)
    spectra = [
        make_spectrum(x, [(1.0, 60.0, w), (1.0, 30.0, 2 * w)], 200, np.random.default_rng(0), name)
        for w, name in ((8.0, "first"), (5.0, "second"))
    ]
    tied = {"width_ppm": nmr.Tie("a", 2.0), "shift_ppm": nmr.Tie("a", offset=-30.0)}
    sites = [nmr.Site("a", 59.0, 7.0), nmr.Site("b", 31.0, 7.0, tied=tied)]
    fit = nmr.deconvolve(spectra, sites, shared=("shift_ppm",))
    assert fit.values["first/b.width_ppm"] == pytest.approx(16.0, rel=0.03)
    assert fit.values["second/b.width_ppm"] == pytest.approx(10.0, rel=0.03)
    assert fit.values["b.shift_ppm"] == pytest.approx(fit.values["a.shift_ppm"] - 30.0)


def test_scale_order_and_direction_change_nothing():
    x, rng = np.linspace(100.0, 0.0, 300), np.random.default_rng(7)
    spectrum = make_spectrum(x, [(1.0, 60.0, 9.0), (2.0, 45.0, 9.0)], 60, rng)
    sites = [nmr.Site("a", 61.0, 8.0), nmr.Site("b", 44.0, 8.0)]
    one = nmr.deconvolve(spectrum, sites)
    scaled = Spectrum(1e6 * spectrum.y[::-1], (Axis(x[::-1], "chemical shift", "ppm"),))
    other = nmr.deconvolve(scaled, sites[::-1])
    for name, value in one.values.items():
        factor = 1e6 if name.endswith(("integral", "noise")) else 1.0
        assert other.values[name] == pytest.approx(factor * value, rel=1e-4)
        if name in one.uncertainties:
            error = other.uncertainties[name].standard_error / factor
            assert error == pytest.approx(one.uncertainties[name].standard_error, rel=1e-3)


def test_intervals_by_bootstrap_are_about_those_by_covariance():
    x, rng = np.linspace(100.0, 0.0, 300), np.random.default_rng(12)
    spectrum = make_spectrum(x, [(1.0, 60.0, 9.0), (1.0, 48.0, 9.0)], 40, rng)
    sites = [nmr.Site("a", 60.0, 9.0), nmr.Site("b", 48.0, 9.0)]
    plain = nmr.deconvolve(spectrum, sites)
    drawn = nmr.deconvolve(spectrum, sites, search=Search(n_bootstrap=200, seed=1))
    again = nmr.deconvolve(spectrum, sites, search=Search(n_bootstrap=200, seed=1))
    for name in ("a.shift_ppm", "a.integral", "a.percent"):
        one, other = drawn.uncertainties[name], plain.uncertainties[name]
        assert one.method == "bootstrap"
        assert one.standard_error == pytest.approx(other.standard_error, rel=0.25)
        assert one == again.uncertainties[name]


def test_what_has_no_intensity_has_an_upper_end():
    x, rng = np.linspace(100.0, 0.0, 400), np.random.default_rng(1)
    spectrum = make_spectrum(x, [(1.0, 60.0, 8.0), (-0.03, 20.0, 8.0)], 100, rng)
    fixed = ("shift_ppm", "width_ppm")
    fit = nmr.deconvolve(
        spectrum, [nmr.Site("a", 60.0, 8.0), nmr.Site("b", 20.0, 8.0, fixed=fixed)]
    )
    assert fit.values["b.percent"] == fit.values["b.integral"] == 0.0
    low, high = fit.intervals["b.percent"]
    assert low == 0.0
    assert 0 < high < 2.0
    assert any("There is no b" in one for one in fit.warnings)
    free = nmr.deconvolve(
        spectrum,
        [nmr.Site("a", 60.0, 8.0), nmr.Site("b", 20.0, 8.0, fixed=fixed, is_signed=True)],
    )
    assert free.values["b.integral"] == pytest.approx(-0.03, abs=0.005)


def test_what_cannot_be_deconvolved_is_told():
    x = np.linspace(100.0, 0.0, 64)
    axis = Axis(x, "chemical shift", "ppm")
    spectrum = Spectrum(gaussian(x, 50.0, 9.0), (axis,))
    site = nmr.Site("a", 50.0, 9.0)
    cases = [
        ((Spectrum(np.ones((64, 64)), (axis, axis)), [site]), {}, "one dimension"),
        (([], [site]), {}, "at least one spectrum"),
        ((spectrum, []), {}, "sites with a name each"),
        ((spectrum, [site, site]), {}, "sites with a name each"),
        ((spectrum, [site]), {"shared": ("height",)}, "to be shared"),
        ((spectrum, [site]), {"phase": "zero"}, "complex spectrum"),
        ((spectrum, [site]), {"phase": "second"}, "'zero' or 'first'"),
        ((spectrum, [site]), {"baseline_degree": 99}, "degree from 0"),
        ((spectrum, [nmr.Site("a", 150.0, 9.0)]), {}, "a.shift_ppm between 0 and 100"),
    ]
    for arguments, settings, text in cases:
        with pytest.raises(InputError, match=text):
            nmr.deconvolve(*arguments, **settings)
    circle = [
        nmr.Site("a", 50.0, 9.0, tied={"width_ppm": nmr.Tie("b")}),
        nmr.Site("b", 40.0, 9.0, tied={"width_ppm": nmr.Tie("a")}),
    ]
    with pytest.raises(InputError, match="circle"):
        nmr.deconvolve(spectrum, circle)
    with pytest.raises(InputError, match="that b is tied to"):
        nmr.deconvolve(spectrum, [nmr.Site("b", 50.0, 9.0, tied={"width_ppm": nmr.Tie("z")})])
    for settings in ({"shape": "box"}, {"mixing": 2.0}, {"fixed": ("integral",)}):
        with pytest.raises(InputError):
            nmr.Site("a", 50.0, 9.0, **settings)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"tied": {"width_ppm": nmr.Tie("a")}, "fixed": ("width_ppm",)}, "fix or bound it at a"),
        ({"tied": {"width_ppm": nmr.Tie("a")}, "bounds": {"width_ppm": (1, 9)}}, "got two"),
        ({"tied": {"width_ppm": "a"}}, "Expected a Tie"),
        ({"tied": "a"}, "a mapping as tied"),
        ({"bounds": {"width_ppm": 5}}, "two bounds of width_ppm"),
        ({"bounds": {"width_ppm": (9, 1)}}, "the lower one first"),
        ({"bounds": {"mixing": (0.0, 1.5)}, "shape": "voigt"}, "from 0 to 1"),
        ({"name": "baseline"}, "other than 'baseline'"),
    ],
)
def test_sites_that_contradict_themselves_are_told(settings, told):
    with pytest.raises(InputError, match=told):
        nmr.Site(**{"name": "b", "shift_ppm": 50.0, "width_ppm": 5.0} | settings)


def test_shares_of_tied_quantities_and_broken_degrees_are_told():
    x = np.linspace(100.0, 0.0, 60)
    data = make_spectrum(x, [(1.0, 50.0, 10.0)], 50, np.random.default_rng(0))
    tied = nmr.Site("b", 30.0, 10.0, tied={"width_ppm": nmr.Tie("a")})
    with pytest.raises(InputError, match=r"share a\.width_ppm"):
        nmr.deconvolve([data, data], [nmr.Site("a", 50.0, 10.0), tied], shared=["b.width_ppm"])
    with pytest.raises(InputError, match="whole degree"):
        nmr.deconvolve(data, [nmr.Site("a", 50.0, 10.0)], baseline_degree=1.5)


def test_titles_that_collide_keep_their_numbers_apart():
    x, rng = np.linspace(100.0, 0.0, 60), np.random.default_rng(0)
    titles = ("a", "a", "a 2")
    data = [make_spectrum(x, [(k + 1.0, 50.0, 10.0)], 50, rng, t) for k, t in enumerate(titles)]
    fit = nmr.deconvolve(data, [nmr.Site("core", 50.0, 10.0)])
    found = [fit.values[f"{label}/core.integral"] for label in ("a 1", "a 3", "a 2")]
    assert found == pytest.approx([1.0, 2.0, 3.0], rel=0.1)


def test_signed_integrals_without_a_sum_have_no_percentages():
    x = np.linspace(100.0, 0.0, 200)
    lines = [(1.0, 70.0, 5.0), (-1.0, 30.0, 5.0)]
    data = make_spectrum(x, lines, 50, np.random.default_rng(3))
    sites = [nmr.Site(n, at, 5.0, is_signed=True) for n, at in (("up", 70.0), ("down", 30.0))]
    fit = nmr.deconvolve(data, sites)
    assert np.isnan([fit.values["up.percent"], fit.values["down.percent"]]).all()
    assert any("no percentages" in one for one in fit.warnings)


def test_fits_of_numpy_settings_are_written(tmp_path):
    x = np.linspace(100.0, 0.0, 60)
    data = make_spectrum(x, [(1.0, 50.0, 10.0)], 50, np.random.default_rng(0))
    bounds = {"width_ppm": (np.float32(1.0), np.inf)}
    site = nmr.Site("a", np.float32(50.0), np.int64(10), bounds=bounds, is_signed=np.bool_(0))
    path = nmr.deconvolve(data, [site]).save(tmp_path / "fit.json")
    told = json.loads(path.read_text(), parse_constant=pytest.fail)["settings"]["sites"][0]
    assert told["bounds"]["width_ppm"] == [1.0, None]
    assert (told["shift_ppm"], told["is_signed"]) == (50.0, False)


HIDDEN = [(5.0, 100.0, 20.0), (3.0, 90.0, 15.0), (0.3, 120.0, 10.0)]


def fit_hidden(seed, lines, **settings):
    x = np.linspace(160.0, 40.0, 300)
    y = sum(a * compute_line(x, at, w) for a, at, w in lines)
    y = y + np.random.default_rng(seed).normal(0, 0.007, len(x))
    data = Spectrum(y, (Axis(x, "chemical shift", "ppm"),))
    sites = [nmr.Site(str(k), at, w) for k, (_, at, w) in enumerate(lines)]
    return nmr.deconvolve(data, sites, search=Search(**settings))


def list_truths(lines):
    total = sum(a for a, _, _ in lines)
    for k, (a, at, w) in enumerate(lines):
        yield from (
            (f"{k}.percent", 100 * a / total),
            (f"{k}.integral", a),
            (f"{k}.shift_ppm", at),
            (f"{k}.width_ppm", w),
        )


def test_intervals_of_lines_that_hide_each_other_hold_the_truth():
    """By covariance they hold it in about three of four spectra."""
    inside = {True: [], False: []}
    for seed in range(20):
        for is_refined, found in inside.items():
            fit = fit_hidden(seed, HIDDEN, is_refined=is_refined)
            for name, truth in list_truths(HIDDEN[:2]):
                low, high = fit.intervals[name]
                found.append(low <= truth <= high)
    assert np.mean(inside[False]) < 0.85
    assert 0.90 <= np.mean(inside[True]) <= 0.99


def test_intervals_of_lines_apart_stay_those_of_the_covariance():
    fit = fit_hidden(0, [(5.0, 120.0, 12.0), (3.0, 80.0, 12.0)])
    assert {one.method for one in fit.uncertainties.values()} == {"covariance"}


def test_a_profile_of_a_share_is_that_of_a_fit_with_it_held():
    lines = HIDDEN[:2]
    fit = fit_hidden(3, lines)
    known = fit.uncertainties["0.percent"]
    assert known.method == "profile"
    assert fit.uncertainties["1.percent"].low == pytest.approx(100 - known.high, abs=0.5)
    costs = []
    for percent in (fit.values["0.percent"], known.low, known.high):
        tie = {"integral": nmr.Tie("0", (100 - percent) / percent)}
        data = fit.curves[0].data
        sites = [
            nmr.Site(str(k), fit.values[f"{k}.shift_ppm"], fit.values[f"{k}.width_ppm"], tied=t)
            for k, t in enumerate(({}, tie))
        ]
        held = nmr.deconvolve(data, sites, search=Search(is_refined=False))
        costs.append(float(np.square(held.curves[0].residual).sum()))
    n_free = 300 - 6
    limit = (student.ppf(0.975, n_free)) ** 2 / n_free
    for cost in costs[1:]:
        assert cost / costs[0] - 1 == pytest.approx(limit, rel=0.1)


def test_profiles_of_one_of_several_spectra_are_those_of_all():
    x = np.linspace(160.0, 40.0, 300)
    spectra = []
    for k, a in enumerate((5.0, 2.0)):
        y = a * compute_line(x, 100.0, 20.0) + 3 * compute_line(x, 90.0, 15.0)
        y = y + np.random.default_rng(k).normal(0, 0.01, len(x))
        spectra.append(Spectrum(y, (Axis(x, "chemical shift", "ppm"),), {"title": f"{k}"}))
    sites = [nmr.Site("a", 100.0, 20.0), nmr.Site("b", 90.0, 15.0)]
    fit = nmr.deconvolve(spectra, sites)
    followed = nmr.deconvolve(spectra, sites, search=Search(profile=("0/a.width_ppm",)))
    ours, all_of_them = (one.uncertainties["0/a.width_ppm"] for one in (fit, followed))
    assert ours.method == all_of_them.method == "profile"
    width = all_of_them.high - all_of_them.low
    assert ours.low == pytest.approx(all_of_them.low, abs=0.05 * width)
    assert ours.high == pytest.approx(all_of_them.high, abs=0.05 * width)
