"""Fits of spectra beside fields of microscopy: one batch, one report, one status."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import napari_nanodope as nd
from napari_nanodope.batch import BatchProgress, run_batch
from napari_nanodope.io.arrays import save_field
from napari_nanodope.project import ProjectError
from spectro import nmr
from spectro.jobs import open_jobs, run_jobs

PROJECT = """\
[[sample]]
id = "24h"

[[sample]]
id = "48h"

[[measurement]]
sample = "24h"
technique = "eds"
files = "eds/*.npz"

[[measurement]]
sample = "24h"
technique = "nmr"
files = "nmr/24h.csv"
settings.fit = "deconvolution"

[[measurement.settings.sites]]
name = "core"
shift_ppm = 78.0
width_ppm = 10.0

[[measurement.settings.sites]]
name = "surface"
shift_ppm = 42.0
width_ppm = 10.0

[[measurement]]
sample = "48h"
technique = "nmr"
files = "nmr/buildup_*.csv"
settings = { fit = "buildup", model = "stretched" }

[[measurement]]
sample = "48h"
technique = "nmr"
files = "nmr/24h.csv"
"""
FITS = ("24h/nmr-deconvolution-24h", "48h/nmr-buildup-buildup_1", "48h/nmr-buildup-buildup_2")

Run = Callable[..., tuple[int, str, str]]


def write(path: Path, head: str, *columns: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [",".join(f"{one:.9g}" for one in row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join([head, *rows]) + "\n")


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "mine"
    (folder / "eds").mkdir(parents=True)
    (folder / "project.toml").write_text(PROJECT)
    nd.Recipe().replace(segment={"method": "watershed"}).save(folder / "recipe.toml")
    field, _ = nd.simulate_field(nd.PhantomParams(shape_px=(60, 60)), seed=1)
    save_field(field, folder / "eds/scan1.npz")
    rng, x = np.random.default_rng(3), np.linspace(200.0, -100.0, 600)
    lines = {80.0: 7.0, 40.0: 3.0}
    y = sum(a * np.exp(-4 * np.log(2) * ((x - at) / 12) ** 2) for at, a in lines.items())
    y = np.asarray(y) + 0.05 * rng.normal(size=len(x))
    write(folder / "nmr/24h.csv", "113Cd chemical shift (ppm),Intensity", x, y)
    t = np.geomspace(0.2, 100.0, 12)
    for number, time_s in enumerate((8.0, 16.0), 1):
        m = 1 - np.exp(-((t / time_s) ** 0.8)) + 0.005 * rng.normal(size=len(t))
        write(folder / f"nmr/buildup_{number}.csv", "t_s,m", t, m)
    return folder


@pytest.fixture(scope="module")
def measured(untouched: Path, scheduler: str) -> Path:
    folder = Path(shutil.copytree(untouched, untouched.with_name("measured")))
    report = run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert (report.done, report.fits, report.failures) == (("24h/scan1",), FITS, {})
    return folder


@pytest.fixture
def folder(measured: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(measured, tmp_path / "mine"))


def read_fits(folder: Path) -> dict[str, bytes]:
    """Bytes of numbers and curves by their names."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted((folder / "results/fits").glob("sample_id=*/*"))
        if not path.name.endswith(".provenance.json")
    }


def test_fits_do_not_depend_on_who_does_them(
    measured: Path, untouched: Path, tmp_path: Path
) -> None:
    expected = read_fits(measured)
    assert len(expected) == 2 * len(FITS)
    alone = Path(shutil.copytree(untouched, tmp_path / "alone"))
    assert tuple(run_jobs(open_jobs(alone)).done) == FITS
    assert read_fits(alone) == expected
    processes = Path(shutil.copytree(untouched, tmp_path / "processes"))
    told: list[BatchProgress] = []
    report = run_batch(nd.Project.open(processes), workers=1, progress=told.append)
    assert (report.fits, report.n_current_fits, report.failures) == (FITS, 0, {})
    assert read_fits(processes) == expected
    assert told[-1].n_done == told[-1].n_total == 4
    assert {one.field for one in told} == {"", "24h/scan1", *FITS}


def test_numbers_are_read_beside_the_samples(measured: Path) -> None:
    table = nd.Project.open(measured).fits()
    assert set(table["fit_id"]) == {name.split("/")[1] for name in FITS}
    percent = table[table["name"] == "core.percent"].iloc[0]
    assert percent["low"] < 70.0 < percent["high"]
    times = table[table["name"] == "time_s"].set_index("fit_id")["value"]
    assert times.to_list() == pytest.approx([8.0, 16.0], rel=0.05)


def test_a_second_run_does_nothing_and_a_change_one_thing(folder: Path, scheduler: str) -> None:
    report = run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert (report.done, report.fits) == ((), ())
    assert (report.n_current, report.n_current_fits) == (1, len(FITS))
    path = folder / "project.toml"
    path.write_text(path.read_text().replace('model = "stretched"', 'model = "mono"'))
    assert nd.Project.open(folder).fit_statuses()["reason"].tolist() == [
        "",
        "changed: settings",
        "changed: settings",
    ]
    report = run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert (report.done, report.fits) == ((), FITS[1:])
    assert nd.Project.open(folder).fit_statuses()["is_current"].all()


def test_what_fails_is_told_and_the_rest_is_done(folder: Path, scheduler: str, run: Run) -> None:
    write(folder / "nmr/buildup_1.csv", "t_ms,m", np.arange(5.0), np.arange(5.0))
    t = np.geomspace(0.2, 100.0, 12)
    write(folder / "nmr/buildup_2.csv", "t_s,m", t, 1 - np.exp(-t / 4.0))
    code, out, err = run("batch", folder, "--scheduler", scheduler)
    assert code == 1
    assert "1 fit(s) done, 1 were up to date." in out.splitlines()
    assert "nanodope: 48h/nmr-buildup-buildup_1: Expected columns t_s, m" in err
    names = {path.stem for path in (folder / "results/fits/sample_id=48h").glob("*.csv")}
    assert names == {"nmr-buildup-buildup_2"}
    code, out, _ = run("status", folder)
    assert out.splitlines()[:3] == [
        f"{folder}: 2 sample(s), 1 field(s), 3 fit(s)",
        "  24h: 1 automatic; fit(s): 1 current",
        "  48h: fit(s): 1 new, 1 current; 1 to do",
    ]
    assert out.splitlines()[3].startswith("  48h/nmr-buildup-buildup_1: Expected columns t_s, m")
    told = json.loads(run("status", folder, "--json")[1])
    assert [one["status"] for one in told["fits"]] == ["current", "new", "current"]
    (folder / "nmr/buildup_1.csv").unlink()
    report = run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert report.failures == {}


def test_numbers_that_are_damaged_are_fitted_again(folder: Path, scheduler: str) -> None:
    before = read_fits(folder)
    one, other = nd.Project.open(folder).fit_jobs[:2]
    one.path.write_text('{"values": {"g": 2}}')
    other.provenance_path.write_text('{"parts": 3}')
    assert run_batch(nd.Project.open(folder), scheduler=scheduler).fits == (one.name, other.name)
    assert read_fits(folder) == before


def test_files_of_a_fit_that_was_cut_off_are_swept(folder: Path, scheduler: str) -> None:
    place = folder / "results/fits/sample_id=48h"
    (place / ".nmr-buildup-buildup_1.json.123.partial").touch()
    (place / "nmr-buildup-buildup_1.provenance.json").unlink()  # which comes last
    (folder / "results/.batch.json").write_text("{}")
    report = run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert report.was_cut_off
    assert report.fits == FITS[1:2]
    assert [path.name for path in place.glob(".*")] == []


def test_fits_that_are_gone_are_told_and_removed_when_asked(folder: Path, run: Run) -> None:
    (folder / "nmr/buildup_2.csv").unlink()
    code, out, _ = run("batch", folder)
    assert code == 0
    assert "3 table(s) of fields or fits that the project no longer has" in out
    code, out, _ = run("batch", folder, "--prune")
    assert "3 table(s) of fields or fits that are gone were removed" in out
    assert nd.Project.open(folder).find_orphans() == []
    assert len(read_fits(folder)) == 4


def test_mistakes_of_fields_and_fits_are_told_together(folder: Path) -> None:
    path = folder / "project.toml"
    text = path.read_text().replace('model = "stretched"', 'modl = "stretched"')
    text = text.replace('"eds/*.npz"\n', '"eds/*.npz"\nsettings = { pixel_size = 1 }\n')
    path.write_text(text)
    lines = text.splitlines()
    expected = [n for n, line in enumerate(lines, 1) if "eds/*.npz" in line or "modl" in line]
    with pytest.raises(ProjectError) as told:
        nd.Project.open(folder)
    assert [one.line for one in told.value.problems] == expected
    assert "did you mean pixel_size_nm?" in str(told.value)
    assert "settings.modl is no setting of 'buildup' (did you mean model?)" in str(told.value)


def test_a_fit_is_done_again_and_compared(folder: Path, run: Run) -> None:
    name = "48h/nmr-buildup-buildup_1"
    told = run("reproduce", name, "--project", folder)
    assert told[:2] == (0, f"{name} fitted again equals what was written.\n")
    shutil.copy(folder / "nmr/buildup_2.csv", folder / "nmr/buildup_1.csv")
    code, out, _ = run("reproduce", name, "--project", folder, "--json")
    assert code == 1
    assert not json.loads(out)["is_equal"]
    shutil.rmtree(folder / "results/fits")
    code, _, err = run("reproduce", name, "--project", folder)
    assert (code, err.startswith("nanodope: Expected a fit at ")) == (2, True)


def test_curves_are_read_for_figures_as_they_were_fitted(measured: Path) -> None:
    job = nd.Project.open(measured).fit_jobs[1]
    fit = job.load()
    axis = fit.curves[0].data.axes[0]
    np.testing.assert_allclose(nmr.buildup_curve(axis.values, fit), fit.best_fit.y)


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Commands may change it for the process that they are, which here is that of all tests."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
