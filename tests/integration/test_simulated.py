"""A simulated project: its files are read as any other's, and its truth is found again."""

import hashlib
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

import napari_nanodope as nd
from napari_nanodope.cli import main
from napari_nanodope.simulated import SERIES, simulate_project
from napari_nanodope.simulated.fields import draw_fields
from spectro.jobs import find_jobs

SEED = 3
CHOSEN = ("0h", "24h")
PERCENT = {f"fraction_{name}": f"{name}.percent" for name in ("core", "middle", "surface")}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "project"
    samples = [one for one in SERIES if one.id in CHOSEN]
    return folder, simulate_project(folder, SEED, samples=samples)


def test_project_is_right_and_complete(made):
    folder, table = made
    project = nd.Project.open(folder)
    assert project.missing == ()
    assert [one.id for one in project.samples] == list(CHOSEN)
    assert len(project.fields) == 4
    jobs, problems = find_jobs(project.book, folder)
    assert problems == ()
    kinds = {one: [job.kind for job in jobs if job.sample_id == one] for one in CHOSEN}
    assert sorted(kinds["0h"]) == ["buildup", "deconvolution", "enhancement", "respdor"]
    assert set(kinds["24h"]) - set(kinds["0h"]) == {"cw", "saturation"}
    written = pd.read_csv(folder / "truth.csv")
    assert list(written.columns[:4]) == ["sample_id", "quantity", "value", "unit"]
    assert len(written) == len(table)
    n_bytes = sum(path.stat().st_size for path in folder.rglob("*"))
    assert n_bytes < 60e6 * len(CHOSEN) / len(SERIES)


def test_every_fit_finds_the_truth(made):
    """As many intervals miss the truth as 95 % intervals may; none misses it by far."""
    folder, table = made
    truth = table.set_index(["sample_id", "quantity"])["value"]
    jobs, _ = find_jobs(nd.Project.open(folder).book, folder)
    missed, n = [], 0
    for job in jobs:
        result = job.run()
        assert result.is_converged, job.name
        for quantity, expected in truth[job.sample_id].items():
            name = PERCENT.get(quantity, quantity)
            known = result.uncertainties.get(name)
            if known is None:
                continue
            true = float(expected) * (100 if name != quantity else 1)
            n += 1
            if not known.low <= true <= known.high:
                missed.append((job.name, name, true, known))
            reach = 2 * (known.high - known.low)
            assert known.low - reach < true < known.high + reach, (job.name, name)
    assert n == 2 * 15 + 6
    assert len(missed) <= binom.ppf(0.999, n, 0.05), missed


def test_fid_without_a_recipe_has_the_same_lines(made):
    """Lines that are Gaussian stay so: what is suggested for the eye is not done before a fit."""
    folder, table = made
    truth = table.set_index(["sample_id", "quantity"])["value"]
    jobs, _ = find_jobs(nd.Project.open(folder).book, folder)
    job = next(one for one in jobs if one.name == "24h/nmr-deconvolution-1")
    settings = {name: one for name, one in job.settings.items() if name != "recipe"}
    result = replace(job, settings=settings).run()
    for name, percent in PERCENT.items():
        known = result.uncertainties[percent]
        true = 100 * float(truth["24h", name])
        assert abs(result.values[percent] - true) < 4 * known.standard_error
        assert known.standard_error < 1.0
    assert result.values["durbin_watson"] == pytest.approx(2.0, abs=0.2)


def test_fields_hold_what_is_true_of_them(made):
    folder, table = made
    truth = table.set_index(["sample_id", "quantity"])["value"]
    project = nd.Project.open(folder)
    sample = next(one for one in SERIES if one.id == "24h")
    drawn = draw_fields(sample, SEED)
    found = []
    for number, one in enumerate(drawn, 1):
        path = folder / "eds" / "24h" / f"field{number}.emd"
        field = nd.read_field(path, elements=("Cd", "Mn"))
        np.testing.assert_array_equal(field.survey, one.field.survey)
        for element, part in (("Cd", 0.5), ("Mn", 0.8)):  # in the window of the line
            sums = [maps[element].sum() for maps in (field.maps, one.field.maps)]
            assert part < sums[0] / sums[1] < part + 0.15
        assert field.pixel_size_nm == pytest.approx(one.field.pixel_size_nm)
        recipe = project.field(f"24h/field{number}").recipe
        found.append(nd.analyze(field, recipe, labels=one.truth.labels))
    included = pd.concat([one.particles[one.particles["included"]] for one in found])
    assert len(included) == truth["24h", "n_particles"]
    diameter = included["equivalent_diameter_nm"].mean()
    assert diameter == pytest.approx(truth["24h", "diameter_nm"], rel=0.005)
    missed = 0
    for one in found:
        s = one.summary
        assert s["location"] == truth["24h", "location"]
        for name in ("dopant_mM", "surface_fraction"):
            missed += not s[f"{name}_low"] <= truth["24h", name] <= s[f"{name}_high"]
        # next to all are counted: 1 in 100 shares a pixel, and false ones come and go by chance
        whole = drawn[found.index(one)].whole["dopants"].sum()
        false = s["false_positives_per_pixel"] * one.particles["area_nm2"].sum() / 0.28**2
        assert abs(s["dopants_total"] - whole) < 0.015 * whole + 3 * np.sqrt(false)
    assert missed <= binom.ppf(0.999, 4, 0.05)


def test_icp_ms_is_the_truth_with_its_error(made):
    _, table = made
    truth = table.set_index(["sample_id", "quantity"])["value"]
    sample = nd.Project.open(made[0]).book.sample("24h")
    error = sample.metadata["icp_ms_error_mM"]
    assert error == pytest.approx(0.03 * truth["24h", "dopant_mM"], rel=0.01)
    assert 0 < abs(sample.icp_ms_mM - truth["24h", "icp_ms_mM"]) < 4 * error


def digest(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_same_seed_same_bytes_whatever_else_is_made(made, tmp_path):
    """The files of a sample are the same alone; another seed draws others."""
    before = digest(made[0])
    alone = [one for one in SERIES if one.id == "24h"]
    (tmp_path / "a").mkdir()  # empty folders may be there
    for name, seed in (("a", SEED), ("b", SEED), ("c", SEED + 1)):
        simulate_project(tmp_path / name, seed, samples=alone)
    a, b, c = (digest(tmp_path / name) for name in "abc")
    assert a == b
    data = [name for name in a if "24h" in name]
    assert {name: a[name] for name in data} == {name: before[name] for name in data}
    drawn = [one for one in data if one.endswith((".emd", ".DTA", "fid", "ser", ".csv"))]
    assert all(a[one] != c[one] for one in drawn)
    assert not list(tmp_path.glob(".*"))


def test_nothing_is_left_of_a_project_that_fails(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr("napari_nanodope.simulated.project.write_nmr", fail)
    with pytest.raises(OSError, match="disk full"):
        simulate_project(tmp_path / "a", samples=SERIES[:1])
    assert not list(tmp_path.iterdir())


def test_command_writes_samples_and_says_the_truth(tmp_path, capsys, monkeypatch):
    some = SERIES[::4]
    few = partial(simulate_project, samples=some)
    monkeypatch.setattr("napari_nanodope.simulated.simulate_project", few)
    assert main(["simulate", "--project", str(tmp_path / "a"), "--seed", "2"]) == 0
    said = capsys.readouterr().out
    written = pd.read_csv(tmp_path / "a" / "truth.csv")
    assert list(dict.fromkeys(written["sample_id"])) == [one.id for one in some]
    assert said.split("\n")[0].split() == [one.id for one in some]
    for row in written.itertuples():
        assert row.quantity in said
    assert main(["status", str(tmp_path / "a")]) == 0
    assert "2 sample(s), 4 field(s)" in capsys.readouterr().out


def test_command_writes_over_nothing(tmp_path, capsys):
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    assert main(["simulate", "--project", str(folder)]) == 2
    assert "Expected an empty folder or none" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["mine.txt"]
    assert main(["simulate", "--project", str(folder / "mine.txt")]) == 2
    assert main(["simulate", "--project", str(tmp_path / "x"), "--seed", "-1"]) == 2
    assert "seed of at least 0" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()
