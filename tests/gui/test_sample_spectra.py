"""Spectra and fits of a sample, listed, read and drawn; without Qt."""

import shutil

import numpy as np
import pytest
from matplotlib.figure import Figure

import napari_nanodope as nd
from napari_nanodope._napari.sample_spectra import (
    Entry,
    Loaded,
    describe,
    draw_loaded,
    list_entries,
    list_numbers,
    load_entry,
)
from spectro.jobs import find_jobs
from spectro.model import Axis, Curve, FitResult, Spectrum, Uncertainty

FIELD = Axis(np.linspace(330.0, 350.0, 41), "magnetic field", "mT")


def run_fits(folder):
    project = nd.Project.open(folder)
    for job in find_jobs(project.book, folder)[0]:
        job.save(job.run(), job.find_state().parts, 0.1)
    return project


def test_what_a_sample_has_is_listed(project_folder):
    project = nd.Project.open(project_folder)
    texts = [one.text for one in list_entries(project, "24h")]
    assert texts == ["NMR: nmr/24h.csv", "NMR fit, buildup: 24h (not run yet)"]
    with pytest.raises(nd.InputError, match="Expected a fit at"):
        load_entry(list_entries(project, "24h")[1])
    run_fits(project_folder)
    (fit, measurement) = list_entries(project, "24h")
    assert (fit.text, fit.kind) == ("NMR fit, buildup: 24h", "buildup")
    assert measurement == Entry(project_folder / "nmr/24h.csv", "NMR: nmr/24h.csv")
    stem = fit.path.with_name("nmr-buildup-gone")
    for suffix in (".json", ".csv"):
        shutil.copy(fit.path.with_suffix(suffix), stem.with_suffix(suffix))
    texts = [one.text for one in list_entries(project, "24h")]
    assert texts[1] == "NMR fit, buildup: gone (no longer asked for)"
    assert [one.text for one in list_entries(project, "48h")] == ["UV-vis: uv/48h.csv"]


def test_partners_are_one_measurement(project_folder):
    (project_folder / "epr").mkdir()
    for name in ("a.DSC", "a.DTA", "b.csv"):
        (project_folder / "epr" / name).write_text("")
    with (project_folder / "project.toml").open("a") as file:
        file.write('\n[[measurement]]\nsample = "48h"\ntechnique = "epr"\nfiles = "epr/*"\n')
    project = nd.Project.open(project_folder)
    texts = [one.text for one in list_entries(project, "48h")]
    assert texts == ["UV-vis: uv/48h.csv", "EPR: epr/a.DSC", "EPR: epr/b.csv"]


def test_a_fit_whose_input_changed_says_so(project_folder):
    project = run_fits(project_folder)
    (entry, _) = list_entries(project, "24h")
    loaded = load_entry(entry)
    assert loaded.doubt == ""
    assert describe(loaded)[0].startswith("Fit of ")
    (project_folder / "nmr/24h.csv").write_text("t_s,m\n1,1\n2,2\n4,3\n8,3\n")
    loaded = load_entry(entry)
    assert describe(loaded)[0] == "To fit again (changed: input): run 'nanodope batch'."


def fit_of(*curves, **values):
    known = Uncertainty(0.0004, 2.0063, 2.0079)
    return FitResult(
        "CW EPR",
        {"g": 2.0071, "a_MHz": -189.0, "amplitude": 1.5, **values},
        {"g": "", "a_MHz": "MHz", "amplitude": "intensity mT^2"},
        {"g": known, "amplitude": Uncertainty(0.1, 1.3, 1.7, 0.9)},
        np.diag([1.6e-7, 0.01]),
        curves,
        0.1,
        statements=("g = 2.0071 (2.0063 to 2.0079)", "It is isotropic."),
        warnings=("The sign does not show.",),
    )


def test_numbers_have_units_and_intervals():
    rows = list_numbers(fit_of())
    assert [(one.quantity, one.interval, one.unit) for one in rows] == [
        ("g", "2.00630 to 2.00790", ""),
        ("a", "fixed", "MHz"),
        ("amplitude", "1.30 to 1.70 (90 %)", "intensity mT²"),
    ]
    assert [one.value for one in rows] == ["2.00710", "-189", "1.50"]


def test_fits_are_drawn_with_parts_and_residuals(tmp_path):
    data = Spectrum(np.sin(FIELD.values), (FIELD,))
    best = data.do("fit", 0.9 * data.y)
    curve = Curve(data, best, {"one": 0.5 * data.y, "two": 0.4 * data.y})
    loaded = Loaded(Entry(tmp_path, "fit", "cw"), fit=fit_of(curve))
    figure = Figure(figsize=(4, 3), layout="constrained")
    draw_loaded(figure, loaded)
    drawn = {line.get_label(): line for ax in figure.axes for line in ax.lines}
    assert {"data", "fit", "one", "two", "residual"} <= drawn.keys()
    np.testing.assert_allclose(drawn["residual"].get_ydata(), 0.1 * data.y, atol=1e-12)
    assert figure.axes[-1].get_xlabel() == "Magnetic field (mT)"
    assert not any(ax.get_title("left") for ax in figure.axes)  # the numbers are in the table
    assert describe(loaded) == [
        "Fit of CW EPR.",
        "It is isotropic.",
        "Warning: The sign does not show.",
    ]


def test_rows_of_a_series_are_drawn_above_each_other(tmp_path):
    powers = Axis(np.geomspace(0.1, 100, 20), "microwave power", "mW")
    series = Spectrum(np.outer(np.ones(20), np.sin(FIELD.values)), (powers, FIELD))
    figure = Figure()
    draw_loaded(figure, Loaded(Entry(tmp_path, "EPR"), (series,)))
    told = [text.get_text() for text in figure.axes[0].texts]
    assert len(told) == 8
    assert (told[0], told[-1]) == ("0.1 mW", "100 mW")
    cube = Spectrum(np.zeros((2, 2, 41)), (Axis([0.0, 1.0]), Axis([0.0, 1.0]), FIELD))
    with pytest.raises(nd.InputError, match="got 3 axes"):
        draw_loaded(Figure(), Loaded(Entry(tmp_path, "EPR"), (cube,)))


def test_columns_of_a_file_are_drawn_one_by_one(tmp_path):
    path = tmp_path / "two.csv"
    path.write_text("field (mT),first,second\n1,2,5\n2,3,6\n3,4,8\n")
    loaded = load_entry(Entry(path, "EPR"))
    assert loaded.parts == ["1. first", "2. second"]
    figure = Figure()
    draw_loaded(figure, loaded, 1)
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [5, 6, 8])
    assert describe(loaded)[0].endswith("3 points, magnetic field 1 to 3 mT; text.")
    path.write_text("nothing")
    with pytest.raises(nd.InputError, match="Expected"):
        load_entry(Entry(path, "EPR"))
