"""`spectro fit` on a project, and on a file with settings of any kind of fit."""

import json
import os
import shutil

import pytest

from spectro.cli import main


@pytest.fixture(autouse=True)
def _environment():
    """Commands may change it for the process that they are, which here is that of all tests."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def run(capsys):
    def call(*words):
        try:
            code = main(["fit", *map(str, words)])
        except SystemExit as stop:  # of the parser
            code = stop.code
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


def keep(folder, *ends):
    """Leave only the measurements of some files in a project."""
    path = folder / "project.toml"
    head, *tables = path.read_text().split("[[measurement]]\n")
    kept = [one for one in tables if any(f'{end}"' in one for end in ends)]
    assert len(kept) == len(ends)
    path.write_text("[[measurement]]\n".join([head, *kept]))


def test_a_project_is_fitted(folder, run):
    keep(folder, "nmr/table.csv", "nmr/respdor.csv")
    code, out, err = run(folder)
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0].startswith("24h/nmr-buildup-table: time_s = ")
    assert lines[1].startswith("24h/nmr-respdor-respdor: distance_nm = ")
    assert lines[2].startswith("2 fit(s) done in ")
    assert lines[2].endswith(" s, 0 were up to date, 0 failed.")
    code, out, _ = run(folder / "project.toml")
    assert (code, out.splitlines()[0].split(" s, ")[1]) == (0, "2 were up to date, 0 failed.")


def test_failures_are_told_with_reasons(folder, run):
    keep(folder, "nmr/table.csv", "nmr/respdor.csv")
    (folder / "nmr/table.csv").write_text("t_ms,m\n1,2\n3,4\n")
    code, out, err = run(folder)
    assert code == 1
    assert "1 fit(s) done" in out
    assert "1 failed." in out
    assert err.startswith("spectro: 24h/nmr-buildup-table: Expected columns t_s, m")
    assert len(err.splitlines()) == 1
    (folder / "nmr/table.csv").unlink()
    code, out, err = run(folder, "--json")
    assert code == 1
    told = json.loads(out)
    assert told["n_current"] == 1
    ((name, reason),) = told["failures"].items()
    assert name.startswith("project.toml, line ")
    assert "no file matches 'nmr/table.csv'" in reason


def test_mistakes_in_a_project_have_a_line_each(folder, run):
    path = folder / "project.toml"
    path.write_text(path.read_text().replace("starts", "start_s"))
    code, out, err = run(folder)
    assert (code, out) == (2, "")
    head, line = err.splitlines()
    assert head.startswith("spectro: Expected a project file without mistakes, got 1 in ")
    assert line.endswith("settings.start_s is no setting of 'cw' (did you mean starts?).")


def test_a_project_without_fits_says_so(tmp_path, run):
    (tmp_path / "project.toml").write_text('[[sample]]\nid = "24h"\n')
    assert run(tmp_path)[:2] == (0, "No measurement of the project has settings with a fit.\n")


def test_settings_of_a_file_give_numbers_and_a_figure(folder, run, tmp_path):
    settings, out = folder / "fit.toml", tmp_path / "out"
    settings.write_text(
        'fit = "deconvolution"\n'
        '[[sites]]\nname = "core"\nshift_ppm = 22\nwidth_ppm = 6\nshape = "lorentzian"\n'
        '[[sites]]\nname = "surface"\nshift_ppm = -18\nwidth_ppm = 6\nshape = "lorentzian"\n'
    )
    code, told, err = run(folder / "nmr/1", "--settings", settings, "--out", out)
    assert code == 0
    assert "  core.percent = " in told
    assert "Written to" in err
    names = {f"1-fit.{suffix}" for suffix in ("json", "pdf", "svg", "png", "csv")}
    assert {path.name for path in out.iterdir()} == names


@pytest.mark.parametrize(
    ("file", "settings", "column"),
    [
        ("nmr/table.csv", 'fit = "buildup"', "magnetisation"),
        ("nmr/respdor.csv", 'fit = "respdor"\nobserved = "13C"\nsaturated = "113Cd"', "dephasing"),
        ("epr/sweep.DSC", 'fit = "saturation"', "root_power_sqrt_mW"),
    ],
)
def test_each_kind_has_its_figure(folder, run, tmp_path, file, settings, column):
    (folder / "fit.toml").write_text(settings)
    code, _, _ = run(folder / file, "--settings", folder / "fit.toml", "--out", tmp_path)
    assert code == 0
    (numbers,) = tmp_path.glob("*-fit.csv")
    assert column in numbers.read_text().splitlines()[0]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("{}/nmr/table.csv",), "Expected --model or --settings for a file"),
        (("{}/nmr",), "or a folder with project.toml"),
        (("{}", "--out", "x"), "no --out for a project"),
        (("{}", "--starts", "2"), "Expected --model with --starts, got none"),
        (("{}/nmr/table.csv", "--model", "mn2+", "--settings", "x"), "not allowed with"),
        (("{}/nmr/table.csv", "--settings", "{}/none.toml"), "none.toml, got: No such file"),
    ],
)
def test_what_does_not_go_together_is_told_in_one_line(untouched, run, words, reason):
    code, out, err = run(*(word.format(untouched) for word in words))
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert reason in err


def test_nothing_is_written_beside_a_file(folder, run):
    shutil.copy(folder / "project.toml", folder / "kept.toml")
    before = sorted(folder.rglob("*"))
    (folder / "fit.toml").write_text('fit = "buildup"')
    run(folder / "nmr/table.csv", "--settings", folder / "fit.toml")
    assert sorted(folder.rglob("*")) == sorted([*before, folder / "fit.toml"])
