"""Recipes do what direct calls do, and what they cannot do is told with what is nearest."""

from dataclasses import replace

import numpy as np
import pytest

import spectro
from spectro import Axis, Spectrum
from spectro.cli import main
from spectro.io.text import save
from spectro.model import FitResult, InputError, Step
from spectro.processing import (
    apodise,
    cut,
    format_recipe,
    fourier_transform,
    parse_recipe,
    phase,
    reference,
    replay,
    subtract_baseline,
    suggest_recipe,
    zero_fill,
)

WIDTH_HZ, ZERO_MHZ = 10_000.0, 88.7
RECIPE = """
[[step]]
do = "apodise"
window = "gaussian"
width_Hz = 40  # a whole number is a number, too

[[step]]
do = "zero_fill"
n_points = 4096

[[step]]
do = "fourier_transform"

[[step]]
do = "phase"
zero_deg = 12.5
pivot = 20.0

[[step]]
do = "subtract_baseline"
order = 1
regions = [[60, 70], [-30.0, -20.0]]

[[step]]
do = "reference"
scale = "ours"
at_ppm = 20.0
is_ppm = 67.0

[[step]]
do = "cut"
region = [110.0, 20.0]
"""


def make_fid(delay=0, turn_deg=0.0, rows=()):
    """Two lines of 30 Hz, with noise; after a filter's delay in points it starts half way up."""
    times_s = np.arange(1024) / WIDTH_HZ
    true_s = (np.arange(1024) - delay) / WIDTH_HZ
    y = sum(a * np.exp((2j * np.pi * nu - 30 * np.pi) * true_s) for a, nu in ((1, 500), (2, -900)))
    y = (np.heaviside(true_s, 0.5) if delay else 1.0) * y * np.exp(1j * np.deg2rad(turn_deg))
    noise = np.random.default_rng(3).normal(size=(2, 1024)) * 0.01
    about = {"nucleus": "113Cd", "reference_frequency_MHz": ZERO_MHZ, "carrier_ppm": 20.0}
    about |= {"group_delay_points": delay, "title": "phantom"} if delay else {"title": "phantom"}
    y = y + noise[0] + 1j * noise[1]
    axis = Axis(times_s, "time", "s")
    if not rows:
        return Spectrum(y, (axis,), about)
    return Spectrum(np.outer(rows, y), (Axis(np.arange(len(rows)), "delay", "s"), axis), about)


def test_a_recipe_gives_the_bytes_of_direct_calls():
    fid = make_fid()
    by_hand = fourier_transform(zero_fill(apodise(fid, "gaussian", width_Hz=40.0), 4096))
    by_hand = subtract_baseline(
        phase(by_hand, 12.5, pivot=20.0), order=1, regions=[(60, 70), (-30, -20)]
    )
    by_hand = cut(reference(by_hand, "ours", at_ppm=20.0, is_ppm=67.0), (110.0, 20.0))
    replayed = replay(fid, parse_recipe(RECIPE))
    assert replayed.y.tobytes() == by_hand.y.tobytes()
    assert replayed.x.tobytes() == by_hand.x.tobytes()
    assert [one.name for one in replayed.history] == [one.name for one in by_hand.history]


def test_a_history_written_as_a_recipe_does_the_same():
    fid = make_fid()
    done = replay(fid, parse_recipe(RECIPE))
    again = replay(fid, parse_recipe(format_recipe(done.history, "of\nphantom")))
    assert again.y.tobytes() == done.y.tobytes()
    assert again.history == done.history


@pytest.mark.parametrize("value", ['a \\ "b"', "Me2Cd [1]", "é\n"])
def test_texts_come_back_from_a_recipe(value):
    steps = (Step("reference", {"scale": value}),)
    assert parse_recipe(format_recipe(steps)) == steps


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "tables"),
        ("a = ", "Expected TOML"),
        ("step = 3", "tables"),
        ("step = [3]", "tables"),
        ('[[steps]]\ndo = "phase"', "'steps'"),
        ('title = "x"\n[[step]]\ndo = "phase"', "'title'"),
        ("[[step]]\nzero_deg = 1", "step 1"),
        ('[[step]]\ndo = "fase"', "the nearest is 'phase'"),
        ('[[step]]\ndo = "qqqq"', "there are remove_digital_filter"),
        ('[[step]]\ndo = "__import__"', "got '__import__'"),
        ('[[step]]\ndo = "apodise"\nwidth_hz = 3', "the nearest is 'width_Hz'"),
        ('[[step]]\ndo = "apodise"\nspectrum = 3', "got 'spectrum'"),
        ('[[step]]\ndo = "sum_isotropic"\nqqq = 3', "it takes none"),
        ('[[step]]\ndo = "apodise"\nwidth_Hz = "3"', "width_Hz in step 1 of"),
        ('[[step]]\ndo = "apodise"\nwidth_Hz = true', "width_Hz in step 1 of"),
        ('[[step]]\ndo = "apodise"\nwidth_Hz = 2026-01-01', "width_Hz in step 1 of"),
        ('[[step]]\ndo = "zero_fill"\nn_points = 1.5', "n_points in step 1 of"),
        ('[[step]]\ndo = "cut"\nregion = [1.0]', "region in step 1 of"),
        ('[[step]]\ndo = "cut"', "Expected region for cut"),
    ],
)
def test_what_is_no_recipe_is_told_in_one_sentence(text, reason):
    with pytest.raises(InputError) as error:
        parse_recipe(text)
    assert reason in str(error.value)


def test_the_suggestion_for_a_fid_gives_absorption():
    fid = make_fid(delay=30, turn_deg=70.0)
    steps = suggest_recipe(fid)
    assert [one.name for one in steps] == [
        "remove_digital_filter",
        "apodise",
        "zero_fill",
        "fourier_transform",
        "phase",
        "subtract_baseline",
    ]
    assert steps[1].settings["width_Hz"] == pytest.approx(30.0, rel=0.05)
    done = replay(fid, parse_recipe(format_recipe(steps)))
    top = int(np.argmax(done.y.real))
    assert done.x[top] == pytest.approx(20.0 - 900 / ZERO_MHZ, abs=0.1)
    assert done.y.real.min() > -0.03 * done.y.real.max()
    found = steps[4].settings
    for nu_Hz in (500, -900):
        at_line = found["zero_deg"] - found["first_deg"] * nu_Hz / WIDTH_HZ
        assert at_line == pytest.approx(70.0, abs=3.0)


def test_of_a_spectrum_only_the_last_steps_are_suggested():
    turned = phase(fourier_transform(make_fid()), 50.0)
    assert [one.name for one in suggest_recipe(turned)] == ["phase", "subtract_baseline"]
    with pytest.raises(InputError, match="load the FID"):
        suggest_recipe(replace(turned, y=turned.y.real))


def test_a_series_has_the_phase_of_its_strongest_row():
    series = make_fid(turn_deg=40.0, rows=(0.0, 0.3, 1.0))
    found = suggest_recipe(series)
    assert found == suggest_recipe(make_fid(turn_deg=40.0))
    assert replay(series, found).y.shape == (3, 2048)


@pytest.mark.parametrize("rows", [(), (0.5, 1.0)])
def test_numbers_are_written_with_all_their_digits(tmp_path, rows):
    done = fourier_transform(make_fid(rows=rows))
    read = spectro.io.load_all(save(done, tmp_path / "new" / "a.csv"))
    assert read[0].axes[0].label == done.axes[-1].label
    assert read[0].x.tobytes() == done.x.tobytes()
    parts = [part for row in np.atleast_2d(done.y) for part in (row.real, row.imag)]
    assert len(read) == len(parts)
    for one, part in zip(read, parts, strict=True):
        assert one.y.tobytes() == part.tobytes()
    assert read[0].metadata["nucleus"] == "113Cd"
    assert "fourier_transform" in read[0].metadata["step_1"]
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["a.csv"]


def test_where_nothing_can_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="choose another"):
        save(make_fid(), tmp_path / "file" / "a.csv")


def test_where_a_fit_cannot_be_saved_is_told(tmp_path):
    fit = FitResult("none", {}, {}, {}, np.zeros((0, 0)), (), 0.0)
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="choose another"):
        fit.save(tmp_path / "file" / "fit.json")


def process(*arguments):
    try:
        return main(["process", *map(str, arguments)])
    except SystemExit as stop:  # of the parser
        return stop.code


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A FID that is loaded by its name; the readers have tests of their own."""
    monkeypatch.setattr(spectro, "load", lambda _: make_fid(turn_deg=70.0), raising=False)
    return tmp_path / "fid"


def test_a_suggestion_is_a_recipe_for_the_command(file, tmp_path, capsys):
    assert process(file, "--suggest") == 0
    recipe, out = tmp_path / "recipe.toml", tmp_path / "done.csv"
    recipe.write_text(capsys.readouterr().out, encoding="utf-8")
    assert recipe.read_text(encoding="utf-8").startswith("# For phantom.")
    assert process(file, "--recipe", recipe, "--out", out) == 0
    assert str(out) in capsys.readouterr().out
    fid = make_fid(turn_deg=70.0)
    expected = replay(fid, suggest_recipe(fid))
    real, imaginary = spectro.io.load_all(out)
    assert (real.y + 1j * imaginary.y).tobytes() == expected.y.tobytes()


@pytest.mark.parametrize(
    "arguments", [(), ("--suggest", "--out", "a.csv"), ("--recipe", "r.toml"), ("--recipe", "no")]
)
def test_a_command_that_lacks_something_is_told_in_one_line(file, arguments, capsys):
    assert process(file, *arguments) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_recipe_that_is_not_there_is_told(file, tmp_path, capsys):
    assert process(file, "--recipe", tmp_path / "no.toml", "--out", tmp_path / "a.csv") == 2
    assert "check the path" in capsys.readouterr().err
    assert not (tmp_path / "a.csv").exists()
