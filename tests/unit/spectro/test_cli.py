"""`spectro fit`: numbers, files and sentences, and one line for everything that cannot be used."""

import json
import shutil

import numpy as np
import pytest

from spectro import epr
from spectro.cli import main

FREQUENCY_GHz = 9.5
TRUE = {"g": 2.0045, "a_MHz": -192.0, "gaussian_mT": 0.9}
FREQUENCY = ("--frequency", str(FREQUENCY_GHz))
QUICK = ("--starts", "1")


def simulate(field_mT=(305.0, 370.0)):
    """Mn(II) with a little noise and a baseline."""
    system = epr.SpinSystem(2.5, TRUE["g"], [epr.Nucleus("55Mn", TRUE["a_MHz"])])
    experiment = epr.CwExperiment(FREQUENCY_GHz, field_mT, 600)
    spectrum = epr.simulate_cw(system, experiment, epr.LineShape(TRUE["gaussian_mT"]))
    y = spectrum.y / spectrum.y.max()
    return spectrum.x, y + 0.1 + 0.02 * np.random.default_rng(1).normal(size=len(y))


def write(path, x, y, header=("# Field (G)\tIntensity ()",)):
    rows = [f"{field * 10:.4f}\t{value:.6f}" for field, value in zip(x, y, strict=True)]
    path.write_text("\n".join([*header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("epr") / "24h.txt", *simulate())


def run(*arguments):
    try:
        return main(["fit", *map(str, arguments)])
    except SystemExit as stop:  # of the parser
        return stop.code


def test_a_spectrum_is_fitted_from_the_command_line(file, tmp_path, capsys):
    out = tmp_path / "results"
    assert run(file, "--model", "mn2+", *FREQUENCY, "--starts", 2, "--out", out) == 0
    told = capsys.readouterr()
    assert told.out.splitlines()[0] == "24h: CW EPR, 1 component(s)"
    saved = json.loads((out / "24h-fit.json").read_text(encoding="utf-8"))
    for name, true in TRUE.items():
        row = saved["values"][name]
        assert row["low"] < true < row["high"], name
        assert row["high"] - row["low"] < 0.05 * abs(true)
        assert any(line.strip().startswith(f"{name} = ") for line in told.out.splitlines())
    names = {f"24h-fit.{suffix}" for suffix in ("json", "pdf", "svg", "png", "csv")}
    assert {one.name for one in out.iterdir()} == names
    assert saved["sources"][0]["path"] == str(file)


def test_the_frequency_may_stand_in_the_file(file, tmp_path, capsys):
    header = (f"# frequency_GHz = {FREQUENCY_GHz}", "# Field (G)\tIntensity ()")
    stated = write(tmp_path / "24h.txt", *simulate(), header)
    found = []
    for arguments in ((stated,), (file, *FREQUENCY)):
        assert run(*arguments, "--model", "mn2+", *QUICK, "--json") == 0
        found.append(json.loads(capsys.readouterr().out)["values"])
    assert found[0] == found[1]


def test_what_is_varied_and_where_it_stays_can_be_said(file, capsys):
    settings = ("--vary", "g,gaussian_mT", "--set", "a_MHz=-192", "--window", 310, 365)
    assert run(file, "--model", "Mn2+", *FREQUENCY, *settings, *QUICK, "--json") == 0
    values = json.loads(capsys.readouterr().out)["values"]
    assert "standard_error" not in values.get("a_MHz", {})
    assert values["g"]["low"] < TRUE["g"] < values["g"]["high"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--model", "fe3+", *FREQUENCY), "mn2+, gd3+"),
        (("--model", "mn2+", *FREQUENCY, "--vary", "g,gauss"), "'gauss'"),
        (("--model", "mn2+", *FREQUENCY, "--vary", "g,"), "to vary, got ''"),
        (("--model", "mn2+", *FREQUENCY, "--vary", "core.g"), "core"),
        (("--model", "mn2+", *FREQUENCY, "--set", "b_MHz=3"), "b_MHz"),
        (("--model", "mn2+", *FREQUENCY, "--set", "g"), "NAME=VALUE"),
        (("--model", "mn2+", *FREQUENCY, "--set", "g=two"), "NAME=VALUE"),
        (("--model", "mn2+", *FREQUENCY, "--set", "g=nan"), "finite"),
        (("--model", "mn2+", *FREQUENCY, "--set", "gaussian_mT=-1"), "widths"),
        (("--model", "mn2+"), "frequency"),
        (("--model", "mn2+", "--frequency", "0"), "above 0 GHz"),
        (("--model", "mn2+", "--frequency", "34"), "got none; it is expected about 1212 mT"),
        (("--model", "mn2+", *FREQUENCY, "--window", "1", "2"), "between 1 and 2 mT"),
        (("--model", "mn2+", *FREQUENCY, "--window", "365", "310"), "between 365 and 310 mT"),
        (("--model", "mn2+", *FREQUENCY, "--window", "nan", "310"), "points"),
        (("--model", "mn2+", *FREQUENCY, "--slice", "0"), "series"),
        (("--model", "mn2+", *FREQUENCY, "--starts", "0"), "start"),
        (("--model", "mn2+", *FREQUENCY, "--seed", "-1"), "seed"),
        (("--model", "mn2+", *FREQUENCY, "--starts", "many"), "--starts"),
        (("--model", "mn2+", *FREQUENCY, "--profile", "d_MHz"), "d_MHz"),
        (("--model", "mn2+", *FREQUENCY, "--baseline", "1000"), "fitted"),
        (("--model", "mn2+", *FREQUENCY, "--baseline", "-7"), "baseline"),
        ((), "--model"),
    ],
)
def test_bad_input_is_told_in_one_line(file, arguments, reason, capsys):
    assert run(file, *arguments) == 2
    check_complaint(capsys, reason)


def check_complaint(capsys, reason):
    told = capsys.readouterr()
    assert not told.out
    assert len(told.err.splitlines()) == 1
    assert told.err.startswith("spectro")
    assert reason in told.err
    assert "Traceback" not in told.err


def write_bes3t(path, n_slices=1, n_bytes=None):
    """Axes, and intensities of noise, as BES3T has them."""
    n = 64
    lines = [
        "#DESC\t1.2 * DESCRIPTOR INFORMATION",
        "DSRC\tEXP",
        "BSEQ\tBIG",
        "IKKF\tREAL",
        "IRFMT\tD",
        "XTYP\tIDX",
        f"XPTS\t{n}",
        "XMIN\t3050.0",
        "XWID\t650.0",
        "XNAM\t'Field'",
        "XUNI\t'G'",
    ]
    if n_slices > 1:
        lines += ["YTYP\tIDX", f"YPTS\t{n_slices}", "YMIN\t1.0", "YWID\t3.0"]
        lines += ["YNAM\t'Power'", "YUNI\t'mW'"]
    lines += ["#SPL\t1.2 * STANDARD PARAMETER LAYER", "MWFQ\t9.5e+09"]
    path.write_text("\n".join(lines) + "\n", encoding="latin-1")
    y = np.random.default_rng(2).normal(size=n_slices * n).astype(">f8").tobytes()
    path.with_suffix(".DTA").write_bytes(y[:n_bytes])
    return path


def test_a_series_is_fitted_slice_by_slice(tmp_path, capsys):
    path = write_bes3t(tmp_path / "sweep.DSC", n_slices=4)
    assert run(path, "--model", "mn2+", *QUICK) == 2
    check_complaint(capsys, "take one slice")
    assert run(path, "--model", "mn2+", *QUICK, "--slice", "4") == 2
    check_complaint(capsys, "at least 5")
    assert run(path, "--model", "mn2+", *QUICK, "--slice", "1") in (0, 1)
    assert "g = " in capsys.readouterr().out


def test_damaged_and_lonely_files_are_told_in_one_line(tmp_path, capsys):
    short = write_bes3t(tmp_path / "short.DSC", n_bytes=100)
    assert run(short, "--model", "mn2+") == 2
    check_complaint(capsys, "short")
    for suffix, other in ((".DSC", ".DTA"), (".DTA", ".DSC")):
        alone = tmp_path / f"alone{suffix}"
        shutil.copy(write_bes3t(tmp_path / "whole.DSC").with_suffix(suffix), alone)
        assert run(alone, "--model", "mn2+") == 2
        check_complaint(capsys, f"alone{other}")
        alone.unlink()


def test_a_spectrum_without_a_line_is_told_of(tmp_path, capsys):
    x, _ = simulate()
    noise = np.random.default_rng(3).normal(size=len(x))
    fixed = ("--vary", "gaussian_mT")
    assert run(write(tmp_path / "n.txt", x, noise), "--model", "mn2+", *FREQUENCY, *fixed) == 0
    assert "amplitude reaches 0" in capsys.readouterr().err


def test_other_files_are_told_in_one_line(tmp_path, capsys):
    assert run(tmp_path / "none.txt", "--model", "mn2+") == 2
    check_complaint(capsys, "none.txt")
    assert run(tmp_path, "--model", "mn2+", *FREQUENCY) == 2
    check_complaint(capsys, tmp_path.name)
    times = tmp_path / "times.txt"
    times.write_text("Time (ns)\tEcho ()\n" + "".join(f"{n}\t{n}\n" for n in range(40)))
    assert run(times, "--model", "mn2+", *FREQUENCY) == 2
    check_complaint(capsys, "choose a CW spectrum")


def test_a_result_needs_a_place(file, tmp_path, capsys):
    taken = tmp_path / "taken"
    taken.write_text("")
    assert run(file, "--model", "mn2+", *FREQUENCY, *QUICK, "--out", taken) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("spectro: Expected a folder")
