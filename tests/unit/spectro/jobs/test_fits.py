"""Fits as a project asks for them find what the spectra were made of, and are written whole."""

import csv
import io
import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest

from spectro.jobs import FitJob, find_orphans, list_fits, open_jobs, reproduce_fit, run_jobs
from spectro.jobs.job import hash_file
from spectro.jobs.run import summarise
from spectro.model import InputError

NAMES = [
    "24h/epr-cw-24h",
    "24h/epr-saturation-sweep",
    "24h/nmr-buildup-2",
    "24h/nmr-buildup-table",
    "24h/nmr-deconvolution-1",
    "24h/nmr-respdor-respdor",
    "48h/epr-saturation-power",
    "48h/nmr-enhancement-3",
]


@pytest.fixture(scope="module")
def done(untouched, tmp_path_factory):
    """A copy of the project in which everything has been fitted."""
    folder = shutil.copytree(untouched, tmp_path_factory.mktemp("done") / "mine")
    report = run_jobs(open_jobs(folder))
    assert report.failures == {}
    assert (list(report.done), report.n_current) == (NAMES, 0)
    return folder


@pytest.fixture(scope="module")
def results(done):
    return {job.name: job.load() for job in open_jobs(done).jobs}


@pytest.fixture
def mine(done, tmp_path):
    """A copy of that, to be changed."""
    return shutil.copytree(done, tmp_path / "mine")


def find(folder, name) -> FitJob:
    return next(job for job in open_jobs(folder).jobs if job.name == name)


def rewrite(folder, old, new):
    path = folder / "project.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def read_all(folder, *, with_provenance=False):
    """Bytes of results by their names."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted((folder / "results/fits").glob("*/*"))
        if with_provenance or not path.name.endswith(".provenance.json")
    }


# What is found


@pytest.mark.parametrize(
    ("name", "value", "key", "widest"),
    [
        ("24h/epr-cw-24h", "g", "g", 1e-3),
        ("24h/epr-cw-24h", "a_MHz", "a_MHz", 1.0),
        ("24h/epr-saturation-sweep", "P_half_mW", "P_half_mW", 0.5),
        ("48h/epr-saturation-power", "P_half_mW", "P_half_mW", 0.5),
        ("24h/nmr-buildup-2", "time_s", "time_s", 1.0),
        ("24h/nmr-buildup-table", "time_s", "time_s", 1.5),
        ("24h/nmr-buildup-table", "beta", "beta", 0.1),
        ("24h/nmr-respdor-respdor", "coupling_Hz", "coupling_Hz", 30.0),
        ("48h/nmr-enhancement-3", "enhancement", "enhancement", 5.0),
    ],
)
def test_what_the_spectra_were_made_of_is_found(results, truth, name, value, key, widest):
    low, high = results[name].intervals[value]
    assert low < getattr(truth, key) < high
    assert high - low < widest


def test_a_fid_is_processed_and_its_lines_are_found(results, truth):
    found = results["24h/nmr-deconvolution-1"]
    for site, percent in truth.percent.items():
        assert found.values[f"{site}.percent"] == pytest.approx(percent, abs=1.0)
    assert found.values["core.shift_ppm"] == pytest.approx(20.0, abs=0.1)
    assert found.curves[0].data.metadata["quantity"] == "intensity"


def test_the_conversion_gives_a_relaxation_time(results, truth):
    known = results["24h/epr-saturation-sweep"]
    rate_per_mT = 2 * math.pi * 28.0249514 * known.settings["g"] / 2.0023193
    expected_us = 1 / (rate_per_mT * 0.1 * math.sqrt(known.values["P_half_mW"] * 1e-3))
    assert known.values["T_us"] == pytest.approx(expected_us, rel=1e-4)
    assert "T_us" not in results["48h/epr-saturation-power"].values


def test_an_enhancement_is_a_fit_like_all_others(results):
    found = results["48h/nmr-enhancement-3"]
    values, curve = found.values, found.curves[0]
    assert values["enhancement"] == pytest.approx(values["signal_on"] / values["signal_off"])
    assert values["time_saved"] == pytest.approx(values["enhancement"] ** 2)
    inside = (curve.data.x >= 14) & (curve.data.x <= 26)
    assert curve.data.y[inside].sum() == pytest.approx(curve.best_fit.y[inside].sum())
    assert found.settings["noise_ppm"] == pytest.approx([-100.0, 8.0], abs=0.1)
    assert found.settings["recycle_s"] == [5.0, 5.0]


def test_scans_that_only_one_file_tells_are_told(folder):
    path = folder / "nmr/4/acqus"
    path.write_text(path.read_text().replace("##$NS= 64\n", ""))
    with pytest.raises(InputError, match=r"number of scans \(n_scans\) of both spectra"):
        find(folder, "48h/nmr-enhancement-3").run()


def test_a_recipe_is_used(folder):
    recipe = '[[step]]\ndo = "zero_fill"\n[[step]]\ndo = "fourier_transform"\n'
    phase = '[[step]]\ndo = "phase"\nzero_deg = {}\n'
    found = []
    for degrees in ("40.0", "220.0"):
        (folder / "nmr/recipe.toml").write_text(recipe + phase.format(degrees))
        rewrite(
            folder, 'fit = "deconvolution"', 'fit = "deconvolution"\nrecipe = "nmr/recipe.toml"'
        )
        found.append(find(folder, "24h/nmr-deconvolution-1").run().values["core.integral"])
        rewrite(folder, '\nrecipe = "nmr/recipe.toml"', "")
    assert sorted(one > 0 for one in found) == [False, True]


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("t_ms,m,sigma", "got t_ms, m, sigma; name them so"),
        ("t_s,m,error", "got t_s, m, error"),
        ("t (h),m,sigma", r"got t \(h\), m, sigma"),
        ("some numbers", "got a header without as many names"),
    ],
)
def test_other_columns_are_told(folder, head, reason):
    path = folder / "nmr/table.csv"
    path.write_text(path.read_text().replace("t_s,m,sigma", head))
    with pytest.raises(InputError, match=reason):
        find(folder, "24h/nmr-buildup-table").run()


def test_times_may_be_in_another_unit(folder, results):
    path = folder / "nmr/table.csv"
    _, *rows = [line.split(",") for line in path.read_text().splitlines()]
    text = "\n".join(f"{1e3 * float(t)!r},{m},{sigma}" for t, m, sigma in rows)
    path.write_text(f"t (ms),m,sigma\n{text}\n")
    found = find(folder, "24h/nmr-buildup-table").run()
    assert found.values["time_s"] == pytest.approx(
        results["24h/nmr-buildup-table"].values["time_s"]
    )


def test_a_series_without_delays_or_region_is_told(folder):
    (folder / "nmr/2/vdlist").unlink()
    with pytest.raises(InputError, match=r"delays in s for 2, got none .*give delay_s"):
        find(folder, "24h/nmr-buildup-2").run()
    rewrite(folder, "window_ppm = [26, 14], noise_ppm = [-95, 5]", "delay_s = [1, 2, 3]")
    with pytest.raises(InputError, match="got no window_ppm"):
        find(folder, "24h/nmr-buildup-2").run()


def test_the_main_numbers_are_on_one_line(results):
    lines = {name: summarise(results[name], name.split("-")[1]) for name in NAMES}
    assert lines["24h/epr-cw-24h"].startswith("g = 2.00")
    assert "amplitude" not in lines["24h/epr-cw-24h"]
    assert [part.split(" = ")[0] for part in lines["24h/nmr-deconvolution-1"].split(", ")] == [
        "core.percent",
        "surface.percent",
    ]
    alone = results["24h/nmr-deconvolution-1"]
    few = {k: v for k, v in alone.uncertainties.items() if k.startswith("core")}
    told = summarise(replace(alone, uncertainties=few, is_converged=False), "deconvolution")
    assert told.startswith("core.shift_ppm = ")
    assert "it did not converge" in told
    assert all("\n" not in one for one in lines.values())


# What is written


def test_files_are_whole_and_follow_the_plan(done):
    names = {path.name for path in (done / "results/fits/sample_id=48h").iterdir()}
    assert names == {
        f"{stem}{suffix}"
        for stem in ("epr-saturation-power", "nmr-enhancement-3")
        for suffix in (".json", ".csv", ".provenance.json")
    }
    assert [path.stem for path in list_fits(done, "48h")] == [
        "epr-saturation-power",
        "nmr-enhancement-3",
    ]
    assert len(list_fits(done)) == len(NAMES)


def test_numbers_tell_what_they_are_of(done):
    told = json.loads((done / "results/fits/sample_id=24h/epr-cw-24h.json").read_text())
    about = {key: told[key] for key in ("sample_id", "fit_id", "technique", "kind", "files")}
    assert about == {
        "sample_id": "24h",
        "fit_id": "epr-cw-24h",
        "technique": "epr",
        "kind": "cw",
        "files": ["epr/24h.csv"],
    }
    assert [one["path"] for one in told["sources"]] == ["epr/24h.csv"]
    assert told["values"]["g"]["low"] < 2.0045 < told["values"]["g"]["high"]
    together = json.loads(
        (done / "results/fits/sample_id=48h/epr-saturation-power.json").read_text()
    )
    assert len(together["files"]) == 12


def test_curves_are_those_of_the_fit(done, results):
    path = done / "results/fits/sample_id=24h/nmr-deconvolution-1.csv"
    rows = list(csv.DictReader(io.StringIO(path.read_text())))
    assert list(rows[0]) == [
        "curve",
        "113Cd_chemical_shift_ppm",
        *("data", "best_fit", "residual"),
        *("component_core", "component_surface"),
    ]
    table = {name: np.array([float(row[name]) for row in rows]) for name in list(rows[0])[1:]}
    np.testing.assert_array_equal(table["residual"], table["data"] - table["best_fit"])
    np.testing.assert_allclose(
        table["component_core"] + table["component_surface"], table["best_fit"], rtol=1e-9
    )
    assert rows[0]["curve"] == results["24h/nmr-deconvolution-1"].curves[0].data.title


def test_what_is_read_back_is_what_was_fitted(done, results):
    job = find(done, "24h/epr-cw-24h")
    fresh, read = job.run(), results[job.name]
    assert read.values == fresh.values
    assert read.uncertainties == fresh.uncertainties
    assert read.units == fresh.units
    assert (read.statements, read.warnings) == (fresh.statements, fresh.warnings)
    np.testing.assert_array_equal(read.covariance, fresh.covariance)
    mine, theirs = read.curves[0], fresh.curves[0]
    np.testing.assert_array_equal(mine.data.y, theirs.data.y)
    np.testing.assert_array_equal(mine.residual, theirs.residual)
    assert mine.data.axes[0].label == theirs.data.axes[0].label
    assert list(mine.components) == list(theirs.components)


def test_open_ends_of_intervals_come_back(tmp_path, done):
    job = find(done, "24h/epr-cw-24h")
    result = job.load()
    open_ = replace(
        result.uncertainties["g"], low=-math.inf, high=math.inf, standard_error=math.nan
    )
    other = replace(job, folder=tmp_path, files=())
    fit = replace(result, uncertainties=result.uncertainties | {"g": open_})
    other.save(fit, {})
    read = other.load().uncertainties["g"]
    assert (read.low, read.high) == (-math.inf, math.inf)
    assert math.isnan(read.standard_error)


def test_results_do_not_depend_on_when_or_where_they_were_made(untouched, done, tmp_path):
    elsewhere = shutil.copytree(untouched, tmp_path / "another place" / "theirs")
    run_jobs(open_jobs(elsewhere))
    assert read_all(elsewhere) == read_all(done)
    text = b"".join(read_all(done).values()).decode()
    assert str(done) not in text
    assert done.name not in text


def test_provenance_tells_everything(done):
    path = done / "results/fits/sample_id=48h/nmr-enhancement-3.provenance.json"
    told = json.loads(path.read_text())
    inputs = {one["path"] for one in told["inputs"]}
    assert {"nmr/3/fid", "nmr/3/acqus", "nmr/4/fid", "nmr/4/acqus"} <= inputs
    assert all(len(one["sha256"]) == 64 for one in told["inputs"])
    assert set(told["parts"]) == {"input", "settings", "version"}
    assert told["settings"]["off"] == "nmr/4"
    assert told["seconds"] > 0
    assert {"numpy", "scipy", "python"} <= told["packages"].keys()
    assert str(done) not in path.read_text()
    cw = json.loads((done / "results/fits/sample_id=24h/epr-cw-24h.provenance.json").read_text())
    assert cw["seed"] == 0


def test_a_fit_done_again_is_the_same_until_something_changed(mine):
    assert reproduce_fit(find(mine, "24h/nmr-buildup-table")) == ((), ())
    rewrite(mine, 'model = "stretched"', 'model = "mono"')
    job = find(mine, "24h/nmr-buildup-table")
    assert reproduce_fit(job) == (
        (),
        ("The settings are others now; those of the results were used.",),
    )
    table = mine / "nmr/table.csv"
    table.write_text(table.read_text() + "900,3.0,0.01\n")
    told = json.loads(job.provenance_path.read_text())
    told["packages"]["numpy"] = "1.0"
    job.provenance_path.write_text(json.dumps(told))
    differences, changes = reproduce_fit(job)
    assert differences[0].startswith("time_s is ")
    assert differences[-1] == "The curves differ."
    assert changes[0] == "The input has other bytes."
    assert changes[-1].endswith(", was 1.0.")
    job.provenance_path.unlink()
    with pytest.raises(InputError, match="got none or a damaged one; fit again"):
        reproduce_fit(job)


def test_damaged_results_are_told(mine):
    job = find(mine, "24h/epr-cw-24h")
    job.curves_path.write_text("curve,x\n")
    with pytest.raises(InputError, match="got something else; remove it"):
        job.load()
    job.forget()
    with pytest.raises(InputError, match="Expected a fit at .*No such file"):
        job.load()


# Run again


def find_changed(folder):
    states = {job.name: job.find_state() for job in open_jobs(folder).jobs}
    return {name: one.reason for name, one in states.items() if one.is_due}


def test_a_second_run_does_nothing(mine):
    before = read_all(mine, with_provenance=True)
    report = run_jobs(open_jobs(mine))
    assert (dict(report.done), report.n_current) == ({}, len(NAMES))
    assert read_all(mine, with_provenance=True) == before


def test_only_what_changed_is_fitted_again(mine):
    rewrite(mine, 'model = "mn2+", starts = 1', 'model = "mn2+", starts = 2')
    off = mine / "nmr/4/acqus"
    off.write_text(off.read_text().replace("NS= 64", "NS= 32"))
    (mine / "results/fits/sample_id=24h/nmr-respdor-respdor.csv").unlink()
    (mine / "epr/sweep.YGF").write_bytes((mine / "epr/sweep.YGF").read_bytes()[::-1])
    assert find_changed(mine) == {
        "24h/epr-cw-24h": "changed: settings",
        "24h/epr-saturation-sweep": "changed: input",
        "24h/nmr-respdor-respdor": "changed: results",
        "48h/nmr-enhancement-3": "changed: input",
    }
    before = find(mine, "48h/nmr-enhancement-3").load().values["enhancement"]
    rewrite(mine, "epr/sweep.*", "epr/sweep.DSC")
    run_jobs(open_jobs(mine))
    assert find_changed(mine) in ({}, {"24h/epr-saturation-sweep": "never fitted"})
    after = find(mine, "48h/nmr-enhancement-3").load().values["enhancement"]
    assert after == pytest.approx(before / 2)


def test_a_fit_that_fails_leaves_no_numbers_and_the_rest_is_done(mine):
    (mine / "nmr/respdor.csv").write_text("tau_s,ds_s0\n0.001,50\n0.002,60\n0.003,70\n")
    table = mine / "nmr/table.csv"
    table.write_text(table.read_text() + "900,3.0,0.01\n")
    report = run_jobs(open_jobs(mine))
    assert list(report.done) == ["24h/nmr-buildup-table"]
    assert "divide per cent by 100" in report.failures["24h/nmr-respdor-respdor"]
    stems = [path.name for path in (mine / "results/fits/sample_id=24h").glob("nmr-respdor*")]
    assert stems == []


def test_an_input_that_cannot_be_read_keeps_its_results(mine, monkeypatch):
    def refuse(path):
        if path.name == "table.csv":
            raise PermissionError(13, "Permission denied", str(path))
        return hash_file(path)

    monkeypatch.setattr("spectro.jobs.job.hash_file", refuse)
    report = run_jobs(open_jobs(mine))
    assert list(report.failures) == ["24h/nmr-buildup-table"]
    assert report.failures["24h/nmr-buildup-table"].endswith("to be read, got: Permission denied.")
    assert find(mine, "24h/nmr-buildup-table").path.is_file()


def test_results_of_fits_that_are_gone_are_found_and_those_of_others_left(mine):
    (mine / "results/fits/sample_id=24h/by-hand.json").write_text("{}")
    rewrite(mine, 'files = "nmr/respdor.csv"', 'files = "nmr/table.csv"')
    gone = find_orphans(mine, open_jobs(mine).jobs)
    assert [path.name for path in gone] == [
        "nmr-respdor-respdor.csv",
        "nmr-respdor-respdor.json",
        "nmr-respdor-respdor.provenance.json",
    ]


def test_two_runs_at_once_are_refused(mine):
    from filelock import FileLock

    with (
        FileLock(mine / "results/.batch.lock"),
        pytest.raises(InputError, match="no batch at work"),
    ):
        run_jobs(open_jobs(mine))
    assert run_jobs(open_jobs(mine)).n_current == len(NAMES)
