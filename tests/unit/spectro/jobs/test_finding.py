"""Every mistake in the settings of fits is told at once, with its line and what was meant."""

import re

import pytest

from spectro.jobs import find_jobs, open_jobs, read_job
from spectro.model import InputError
from spectro.samples import SampleBook

WRONG = """\
[[sample]]
id = "24h"

[[measurement]]
sample = "24h"
technique = "epr"
files = "*.csv"
settings = { fit = "cw", modl = "mn2+", start = { g = "2" }, window_mT = [300] }

[[measurement]]
sample = "24h"
technique = "epr"
files = "*.csv"
settings.fit = "cw"
settings.model = "mn2+"
settings.vary = ["g", "a_mhz"]
settings.start.gg = 2.0
settings.starts = 0

[[measurement]]
sample = "24h"
technique = "epr"
files = "*.csv"

[measurement.settings]
fit = "cw"
model = "mn2+"
vary = ["g", "a_mhz"]
start.gg = 2.0

[[measurement]]
sample = "24h"
technique = "nmr"
files = "*.csv"
settings.fit = "deconvolution"
settings.recipe = "recip.toml"
settings.baseline = 1.5
[[measurement.settings.sites]]
name = "core"
shift = 1.0
width_ppm = 0.0
[[measurement.settings.sites]]
name = "core"
shift_ppm = 1.0
width_ppm = 2.0
tied.width_ppm.sit = "core"

[[measurement]]
sample = "24h"
technique = "nmr"
files = "*.csv"
settings = { fit = "respdor", observed = "13Cd", saturated = "27Al", fraction = 0.5 }

[[measurement]]
sample = "24h"
technique = "nmr"
files = "*.csv"
settings = { fit = "buildup", model = "streched", initial = true }

[[measurement]]
sample = "24h"
technique = "saxs"
files = "*.csv"
settings = { fit = "cw" }

[[measurement]]
sample = "24h"
technique = "nmr"
files = "*.csv"
settings = { fitt = "cw", recipe = "recipe.toml" }

[[measurement]]
sample = "24h"
technique = "nmr"
files = "*.csv"
settings = { fit = "enhancement", off = "../2", window_ppm = [3, 4] }
"""
EXPECTED = [
    "line 8: measurement: settings.modl is no setting of 'cw' (did you mean model?).",
    "line 8: measurement: settings.model is missing.",
    "line 8: measurement: settings.start.g: expected a number, got '2'.",
    "line 8: measurement: settings.window_mT: expected two different numbers, as in [300, 380], "
    "got [300].",
    "line 18: measurement: settings.starts: expected at least 1, got 0.",
    "line 28: measurement: settings.vary: 'a_mhz' is no parameter (did you mean a_MHz?).",
    "line 29: measurement: settings.start: 'gg' is no parameter (did you mean g?).",
    "line 36: measurement: settings.recipe: there is no 'recip.toml' (did you mean recipe.toml?).",
    "line 37: measurement: settings.baseline: expected a whole number, got 1.5.",
    "line 38: measurement: settings.sites.core.shift_ppm is missing.",
    "line 40: measurement: settings.sites.core.shift is no setting of 'deconvolution' (did you "
    "mean shift_ppm?).",
    "line 41: measurement: settings.sites.core.width_ppm: expected more than 0, got 0.0.",
    "line 46: measurement: settings.sites.core.tied.width_ppm.sit is no setting of "
    "'deconvolution' (did you mean site?).",
    "line 46: measurement: settings.sites.core.tied.width_ppm.site is missing.",
    "line 52: measurement: settings.observed: expected an isotope with a spin (111Cd, 113Cd), got "
    "'13Cd'.",
    "line 58: measurement: settings.initial: True is not known (known: fit).",
    "line 58: measurement: settings.model: 'streched' is not known (did you mean stretched?).",
    "line 64: measurement: settings.fit: 'saxs' is not fitted, only 'epr' and 'nmr' are.",
    "line 70: measurement: settings.fitt is no setting of 'nmr' without a fit (did you mean fit?).",
    "line 76: measurement: settings.off: expected a path below the folder of the project, got "
    "'../2'.",
]


def test_every_mistake_is_told_with_its_line(tmp_path):
    (tmp_path / "project.toml").write_text(WRONG)
    (tmp_path / "a.csv").touch()
    (tmp_path / "recipe.toml").touch()
    with pytest.raises(InputError) as told:
        open_jobs(tmp_path)
    head, *lines = str(told.value).splitlines()
    assert head.endswith(f"got {len(EXPECTED)} in {tmp_path / 'project.toml'}:")
    assert sorted(line.strip() for line in lines) == sorted(EXPECTED)
    numbers = [int(line.split(":")[0].split()[1]) for line in lines]
    assert numbers == sorted(numbers)


def open_book(folder, *measurements, sample="24h"):
    tables = [f'[[sample]]\nid = "{sample}"\n']
    for technique, files, settings in measurements:
        tables.append(
            f'[[measurement]]\nsample = "{sample}"\ntechnique = "{technique}"\n'
            f"files = {files!r}\nsettings = {{ {settings} }}\n"
        )
    (folder / "project.toml").write_text("\n".join(tables))
    book, _ = SampleBook.read(folder / "project.toml")
    return find_jobs(book, folder)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


CW = 'fit = "cw", model = "mn2+"'
BUILDUP = 'fit = "buildup", window_ppm = [1, 2]'


@pytest.mark.parametrize(
    ("technique", "files", "settings", "expected"),
    [
        ("epr", "epr/24h.DSC", CW, ["epr-cw-24h"]),
        ("epr", "epr/24h.*", CW, ["epr-cw-24h"]),  # the partner is read with it
        ("epr", "epr/*.csv", CW, ["epr-cw-a", "epr-cw-b.2"]),
        ("epr", "epr/*/a.csv", CW, ["epr-cw-day1_a", "epr-cw-day2_a"]),
        ("epr", "epr/a.csv", f'{CW}, name = "broad"', ["epr-cw-a-broad"]),
        ("epr", "epr/p_*.csv", 'fit = "saturation", together = true', ["epr-saturation-p"]),
        ("nmr", "nmr/24h/10", BUILDUP, ["nmr-buildup-10"]),
        ("nmr", "nmr/24h/10/fid", BUILDUP, ["nmr-buildup-10"]),
        ("nmr", "nmr/24h/10/pdata/1/1r", BUILDUP, ["nmr-buildup-10_1"]),
        ("nmr", "nmr/24h/10/pdata/1", BUILDUP, ["nmr-buildup-10_1"]),
        ("nmr", "nmr/24h/*", BUILDUP, ["nmr-buildup-10", "nmr-buildup-11"]),
        ("nmr", "nmr/*/*/pdata/1/1r", BUILDUP, ["nmr-buildup-24h_10_1"]),
    ],
)
def test_fits_are_named_after_their_files(tmp_path, technique, files, settings, expected):
    touch(
        tmp_path,
        *("epr/24h.DSC", "epr/24h.DTA", "epr/a.csv", "epr/b.2.csv", "epr/.c.csv"),
        *("epr/day1/a.csv", "epr/day2/a.csv", "epr/day/p_1.csv", "epr/p_2.txt"),
        *("nmr/24h/10/acqus", "nmr/24h/10/fid", "nmr/24h/10/pdata/1/1r", "nmr/24h/11/acqus"),
    )
    if "p_*" in files:
        touch(tmp_path, "epr/p_1.csv", "epr/p_2.csv")
    jobs, problems = open_book(tmp_path, (technique, files, settings))
    assert problems == ()
    assert [job.fit_id for job in jobs] == expected
    assert {job.technique for job in jobs} == {technique}


def test_two_fits_of_one_name_are_told(tmp_path):
    touch(tmp_path, "a.csv")
    twice = [("epr", "a.csv", CW), ("epr", "a.csv", f"{CW}, starts = 2")]
    _, problems = open_book(tmp_path, *twice)
    assert [one.line for one in problems] == [13]
    assert 'a.csv would give two fits called 24h/epr-cw-a; add name = "..."' in str(problems[0])
    jobs, problems = open_book(tmp_path, twice[0], (*twice[1][:2], f'{CW}, name = "two"'))
    assert (len(jobs), problems) == (2, ())


def test_what_is_not_there_leaves_the_rest(tmp_path):
    touch(tmp_path, "a.csv", "nmr/2off")
    jobs, problems = open_book(
        tmp_path,
        ("epr", "a.csv", CW),
        ("nmr", "a.csv", 'fit = "enhancement", window_ppm = [1, 2], off = "nmr/3off"'),
    )
    assert [job.name for job in jobs] == ["24h/epr-cw-a"]
    assert [one.is_missing_file for one in problems] == [True]
    assert "settings.off: there is no 'nmr/3off' (did you mean 2off in nmr?)" in str(problems[0])
    assert len(open_jobs(tmp_path).missing) == 1


def test_a_recipe_is_read_before_anything_is_done(tmp_path):
    touch(tmp_path, "a.csv")
    (tmp_path / "recipe.toml").write_text('[[step]]\ndo = "zero_fil"\n')
    _, problems = open_book(tmp_path, ("nmr", "a.csv", f'{BUILDUP}, recipe = "recipe.toml"'))
    assert "'zero_fil'; the nearest is 'zero_fill'" in str(problems[0])


def test_measurements_without_a_fit_are_only_shown(tmp_path):
    touch(tmp_path, "a.csv")
    jobs, problems = open_book(
        tmp_path, ("nmr", "a.csv", 'recipe = "r.toml"'), ("uv-vis", "a.csv", "")
    )
    assert jobs == ()
    assert ["r.toml" in str(one) for one in problems] == [True]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: fit is missing (known: cw, saturation, deconvolution, buildup, respdor, enh"),
        ("fit = 'cww'", "line 1: fit 'cww' is none (did you mean cw?)."),
        ("fit = 'cw'\nmodel = 'mn'\n", "line 2: model: 'mn' is none (did you mean mn2+?)."),
        ("[settings]\nfit = 'cw'\nmodl = 'mn2+'\n", "line 3: modl is no setting of 'cw'"),
        ("fit = 'cw'\nmodel = \n", "line 2: not TOML: invalid value"),
    ],
)
def test_mistakes_in_settings_of_one_file(tmp_path, text, told):
    (tmp_path / "fit.toml").write_text(text)
    with pytest.raises(InputError, match=re.escape(told)):
        read_job(tmp_path / "a.csv", tmp_path / "fit.toml")


def test_settings_that_are_not_there_are_told(tmp_path):
    with pytest.raises(InputError, match="Expected settings at .*none.toml, got: No such file"):
        read_job(tmp_path / "a.csv", tmp_path / "none.toml")
