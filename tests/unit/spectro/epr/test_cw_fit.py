"""Fits of simulated spectra return what they were simulated with, and say what they cannot tell."""

import json
from dataclasses import replace

import numpy as np
import pytest

import spectro
from spectro import epr
from spectro.fitting import Search

MN = [epr.Nucleus("55Mn", -189.0)]
X_BAND = epr.CwExperiment(9.46, (300.0, 380.0), 1024)
EVERYTHING = ("g", "a_MHz", "d_MHz", "d_strain_MHz", "gaussian_mT", "lorentzian_mT")


def noisy(system, line, *, noise=0.02, seed=0, experiment=X_BAND):
    clean = epr.simulate_cw(system, experiment, line)
    generator = np.random.default_rng(seed)
    slope = 0.002 * (clean.x - 340.0) + 0.05
    y = clean.y / np.abs(clean.y).max() + slope + noise * generator.normal(size=len(clean.x))
    return clean.do("add_noise", 1e3 * y)


def is_inside(fit, name, true):
    low, high = fit.intervals[name]
    return low <= true <= high


def test_manganese_in_cadmium_sulphide_at_its_nominal_rate():
    # g = 2.007 and A = 189 MHz, as in Abutbul et al., ACS Nano 2025, 19, 17640
    true = epr.SpinSystem(2.5, 2.007, MN)
    start = epr.SpinSystem(2.5, 2.005, [epr.Nucleus("55Mn", -193.0)])
    inside = np.zeros(3)
    for seed in range(200):
        fit = epr.fit_cw(
            noisy(true, epr.LineShape(1.0), seed=seed, noise=0.05), start, epr.LineShape(1.3)
        )
        inside += [
            is_inside(fit, "g", 2.007),
            is_inside(fit, "a_MHz", -189.0),
            is_inside(fit, "gaussian_mT", 1.0),
        ]
    assert (inside >= 180).all()
    assert (inside <= 198).all()


def test_random_starts_end_at_the_same_minimum():
    true = epr.SpinSystem(2.5, 2.007, MN, d_MHz=200.0, d_strain_MHz=60.0)
    spectrum = noisy(true, epr.LineShape(0.8, 0.4), noise=0.01)
    start = replace(true, g=2.0065, d_MHz=170.0, d_strain_MHz=40.0)
    fit = epr.fit_cw(
        spectrum, start, epr.LineShape(1.0, 0.3), vary=EVERYTHING, search=Search(n_starts=3, seed=4)
    )
    assert fit.is_converged
    assert not [one for one in fit.warnings if "starts" in one]
    for name, value in {
        "g": 2.007,
        "a_MHz": -189.0,
        "d_MHz": 200.0,
        "d_strain_MHz": 60.0,
        "gaussian_mT": 0.8,
        "lorentzian_mT": 0.4,
    }.items():
        error = fit.uncertainties[name].standard_error
        assert abs(fit.values[name] - value) < 4 * error
        assert error < 0.05 * abs(value)


def test_offset_phase_and_modulation_come_back():
    true = epr.SpinSystem(0.5, 2.0036)
    experiment = epr.CwExperiment(9.46, (330.0, 346.0), 800, modulation_mT=0.8, phase_deg=12.0)
    clean = epr.simulate_cw(true, experiment, epr.LineShape(0.4, 0.0))
    generator = np.random.default_rng(2)
    y = clean.y / np.abs(clean.y).max() + 0.005 * generator.normal(size=800)
    moved = spectro.Spectrum(y, (replace(clean.axes[0], values=clean.x - 0.15),), clean.metadata)
    fit = epr.fit_cw(
        moved,
        true,
        epr.LineShape(0.5),
        vary=("gaussian_mT", "field_offset_mT", "phase_deg", "modulation_mT"),
    )
    assert is_inside(fit, "field_offset_mT", 0.15)
    assert is_inside(fit, "phase_deg", 12.0)
    assert abs(fit.values["modulation_mT"] - 0.8) < 0.02
    assert abs(fit.values["gaussian_mT"] - 0.4) < 0.02


def test_components_share_what_is_to_be_shared_and_add_up():
    wide = epr.SpinSystem(0.5, 2.0, weight=2.0)
    systems = {"mn": epr.SpinSystem(2.5, 2.007, MN), "trap": epr.SpinSystem(0.5, 2.02)}
    mixture = [systems["mn"], replace(systems["trap"], weight=1.5), replace(wide, weight=0.0)]
    clean = epr.simulate_cw(mixture[:2], X_BAND, epr.LineShape(1.2))
    generator = np.random.default_rng(3)
    y = clean.y + 0.003 * np.abs(clean.y).max() * generator.normal(size=len(clean.y))
    fit = epr.fit_cw(
        clean.do("add_noise", y),
        {"mn": replace(systems["mn"], g=2.0065), "trap": replace(systems["trap"], g=2.019)},
        epr.LineShape(1.0),
        vary=("g", "mn.a_MHz", "gaussian_mT"),
        options=epr.CwFit(shared=("gaussian_mT",)),
    )
    assert set(fit.uncertainties) >= {"mn.g", "trap.g", "mn.a_MHz", "gaussian_mT"}
    assert "trap.a_MHz" not in fit.values
    assert is_inside(fit, "gaussian_mT", 1.2)
    assert is_inside(fit, "mn.percent", 40.0)
    assert fit.values["mn.percent"] + fit.values["trap.percent"] == pytest.approx(100.0)
    curve = fit.curves[0]
    assert sum(curve.components.values()) == pytest.approx(curve.best_fit.y)
    assert set(curve.components) == {"mn", "trap", "baseline"}


def test_anisotropic_values_have_names_of_their_own():
    true = epr.SpinSystem(0.5, (2.05, 2.25), [epr.Nucleus("63Cu", (60.0, 480.0))])
    experiment = epr.CwExperiment(9.46, (260.0, 350.0), 700)
    spectrum = noisy(true, epr.LineShape(2.0), noise=0.01, experiment=experiment)
    start = replace(true, g=(2.052, 2.245), nuclei=[epr.Nucleus("63Cu", (50.0, 470.0))])
    fit = epr.fit_cw(spectrum, start, epr.LineShape(2.2))
    assert is_inside(fit, "g_parallel", 2.25)
    assert is_inside(fit, "a_parallel_MHz", 480.0)
    assert is_inside(fit, "g_perpendicular", 2.05)


def test_what_the_data_do_not_tell_is_said():
    spectrum = noisy(epr.SpinSystem(2.5, 2.007, MN), epr.LineShape(1.0))
    fit = epr.fit_cw(spectrum, epr.SpinSystem(2.5, 2.006, MN), epr.LineShape(1.1))
    assert any("The sign of a_MHz does not show" in one for one in fit.warnings)
    radical = epr.SpinSystem(0.5, 2.0)
    fit = epr.fit_cw(noisy(radical, epr.LineShape(1.0)), radical, vary=("gaussian_mT", "d_MHz"))
    assert any("d_MHz is undetermined" in one for one in fit.warnings)
    assert not np.isfinite(fit.uncertainties["d_MHz"].standard_error)


def test_a_window_an_uneven_and_a_descending_axis_change_nothing():
    system = epr.SpinSystem(2.5, 2.007, MN)
    spectrum = noisy(system, epr.LineShape(1.0), noise=0.005)
    fit = epr.fit_cw(spectrum, system, epr.LineShape(1.1))
    down = replace(
        spectrum, y=spectrum.y[::-1], axes=(replace(spectrum.axes[0], values=spectrum.x[::-1]),)
    )
    assert epr.fit_cw(down, system, epr.LineShape(1.1)).values == pytest.approx(fit.values)
    uneven = np.linspace(0, 1, 1500) ** 1.1 * 80 + 300
    clean = epr.simulate_cw(system, replace(X_BAND, n_points=8192), epr.LineShape(1.0))
    bent = spectro.Spectrum(
        np.interp(uneven, clean.x, clean.y),
        (replace(spectrum.axes[0], values=uneven),),
        spectrum.metadata,
    )
    found = epr.fit_cw(bent, system, epr.LineShape(1.1))
    assert found.values["g"] == pytest.approx(2.007, abs=1e-5)
    assert found.values["gaussian_mT"] == pytest.approx(1.0, abs=2e-3)
    part = epr.fit_cw(
        spectrum, system, epr.LineShape(1.1), options=epr.CwFit(window_mT=(315.0, 345.0))
    )
    assert is_inside(part, "gaussian_mT", 1.0)
    assert part.best_fit.x[0] >= 315.0


def test_a_profile_agrees_with_the_covariance_where_the_model_is_nearly_linear():
    system = epr.SpinSystem(2.5, 2.007, MN)
    fit = epr.fit_cw(
        noisy(system, epr.LineShape(1.0)),
        system,
        epr.LineShape(1.1),
        search=Search(profile=("g",)),
    )
    known = fit.uncertainties["g"]
    assert known.method == "profile"
    reach = 1.96 * known.standard_error
    assert known.high - known.low == pytest.approx(2 * reach, rel=0.02)


def test_the_result_can_be_written_and_read(tmp_path):
    system = epr.SpinSystem(2.5, 2.007, MN)
    fit = epr.fit_cw(noisy(system, epr.LineShape(1.0)), system)
    path = fit.save(tmp_path / "deep" / "fit.json")
    read = json.loads(path.read_text(encoding="utf-8"))
    assert read["values"]["g"]["value"] == fit.values["g"]
    assert read["settings"]["vary"] == ["g", "a_MHz", "gaussian_mT"]
    assert [one.name for one in path.parent.iterdir()] == ["fit.json"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"vary": ("g", "b_MHz")}, "names of parameters to vary, got 'b_MHz'"),
        ({"vary": ("core.g",)}, "names of components before a point"),
        ({"options": epr.CwFit(bounds={"d_MHz": (0.0, 1.0)})}, "bounds of parameters that are"),
        ({"options": epr.CwFit(bounds={"g": (1.0, 1.5)})}, "Expected g between 1 and 1.5"),
        ({"options": epr.CwFit(window_mT=(10.0, 20.0))}, "points at different fields, got 0"),
        (
            {"options": epr.CwFit(experiment={"power": 1.0})},
            "settings of the experiment, got power",
        ),
        ({"search": Search(profile=("b",))}, "for a profile"),
    ],
)
def test_mistakes_are_told(change, sentence):
    system = epr.SpinSystem(2.5, 2.007, MN)
    spectrum = noisy(system, epr.LineShape(1.0))
    with pytest.raises(spectro.InputError, match=sentence):
        epr.fit_cw(spectrum, system, **change)


def test_a_spectrum_without_a_frequency_or_a_line_is_told():
    system = epr.SpinSystem(2.5, 2.007, MN)
    spectrum = noisy(system, epr.LineShape(1.0))
    nameless = replace(spectrum, metadata={})
    with pytest.raises(spectro.InputError, match="microwave frequency"):
        epr.fit_cw(nameless, system)
    with pytest.raises(spectro.InputError, match="got none; it is expected about"):
        epr.fit_cw(spectrum, system, options=epr.CwFit(experiment={"frequency_GHz": 34.0}))


@pytest.mark.parametrize("factor", [1e-9, 1e-30, 1e12])
def test_the_unit_of_the_intensity_does_not_matter(factor):
    start = epr.SpinSystem(2.5, 2.003, [epr.Nucleus("55Mn", -195.0)])
    spectrum = noisy(epr.SpinSystem(2.5, 2.007, MN), epr.LineShape(1.0))
    fit = epr.fit_cw(spectrum, start)
    scaled = epr.fit_cw(spectrum.do("scale", factor * spectrum.y), start)
    for name in ("g", "a_MHz", "gaussian_mT"):
        assert scaled.values[name] == pytest.approx(fit.values[name], rel=1e-9)
        assert scaled.intervals[name] == pytest.approx(fit.intervals[name], rel=1e-6)
    assert scaled.values["amplitude"] == pytest.approx(factor * fit.values["amplitude"])


def test_a_spectrum_of_the_other_sign_is_not_taken_for_found():
    spectrum = noisy(epr.SpinSystem(2.5, 2.007, MN), epr.LineShape(1.0))
    fit = epr.fit_cw(spectrum.do("turn", -spectrum.y), epr.SpinSystem(2.5, 2.007, MN))
    assert not fit.is_converged
    assert any("No part of the spectrum was found" in one for one in fit.warnings)


def test_a_strain_is_found_from_a_start_with_hardly_any():
    true = epr.SpinSystem(2.5, 2.007, MN, d_strain_MHz=100.0)
    experiment = replace(X_BAND, n_points=300)
    fit = epr.fit_cw(
        noisy(true, epr.LineShape(1.5), noise=0.01, experiment=experiment),
        epr.SpinSystem(2.5, 2.007, MN, d_strain_MHz=5.0),
        epr.LineShape(1.6),
        vary=("gaussian_mT", "d_strain_MHz"),
        options=epr.CwFit(tolerance=5e-3),
    )
    assert fit.values["d_strain_MHz"] == pytest.approx(100.0, rel=0.1)


def test_only_relative_signs_may_show():
    true = epr.SpinSystem(2.5, 2.0, [epr.Nucleus("55Mn", -240.0)], d_MHz=400.0)
    experiment = epr.CwExperiment(9.45, (280.0, 395.0), 1024)
    spectrum = noisy(true, epr.LineShape(1.2), noise=0.01, experiment=experiment)
    fit = epr.fit_cw(spectrum, true, epr.LineShape(1.2), vary=("g", "a_MHz", "d_MHz"))
    assert any("Only the relative signs of a_MHz and d_MHz" in one for one in fit.warnings)


def test_all_principal_values_are_shared():
    systems = [epr.SpinSystem(0.5, (2.05, 2.2)), epr.SpinSystem(0.5, (2.05, 2.2))]
    experiment = epr.CwExperiment(9.46, (290.0, 350.0), 400)
    spectrum = noisy(systems[0], epr.LineShape(1.5), noise=0.01, experiment=experiment)
    fit = epr.fit_cw(
        spectrum,
        systems,
        [epr.LineShape(1.5), epr.LineShape(4.0)],
        vary=("g",),
        options=epr.CwFit(shared=("g",)),
    )
    assert {"g_perpendicular", "g_parallel"} <= set(fit.uncertainties)
    assert 0 <= fit.intervals["2.percent"][0] <= fit.intervals["2.percent"][1] <= 100
    with pytest.raises(spectro.InputError, match="varied to be shared, got gaussian_mT"):
        epr.fit_cw(spectrum, systems, vary=("g",), options=epr.CwFit(shared=("gaussian_mT",)))


@pytest.mark.parametrize("name", ["baseline", "a.b", ""])
def test_names_that_would_be_mixed_up_are_refused(name):
    system = epr.SpinSystem(0.5, 2.0)
    spectrum = noisy(system, epr.LineShape(1.0))
    with pytest.raises(spectro.InputError, match="names that hold no point"):
        epr.fit_cw(spectrum, {name: system, "other": system})


def test_a_profile_ends_where_the_fit_gets_significantly_worse():
    true = epr.SpinSystem(2.5, 2.007, MN)
    spectrum = noisy(true, epr.LineShape(1.0), noise=0.3)
    options = epr.CwFit(bounds={"d_strain_MHz": (0.0, 1000.0)}, tolerance=5e-3)
    fit = epr.fit_cw(
        spectrum,
        replace(true, d_strain_MHz=5.0),
        vary=("g", "d_strain_MHz"),
        options=options,
        search=Search(profile=("d_strain_MHz",)),
    )
    low, high = fit.intervals["d_strain_MHz"]
    assert low == 0.0
    fixed = epr.fit_cw(
        spectrum,
        replace(true, d_strain_MHz=high),
        vary=("g",),
        options=replace(options, bounds={}),
    )
    n = len(spectrum.x) - 5  # fitted are g, the strain, the amplitude and two of the baseline
    worse = n * ((n + 1) * fixed.noise**2 / (n * fit.noise**2) - 1)
    assert worse == pytest.approx(3.85, rel=0.05)
