"""The `nanodope` command as a person uses it: in the shell, on files."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import napari_nanodope as nd
from napari_nanodope.io.arrays import save_labels
from napari_nanodope.io.macro import read_macro_csv
from napari_nanodope.io.tiff import write_tiff

Run = Callable[..., tuple[int, str, str]]
SCENE = nd.PhantomParams(location="surface", shape_px=(150, 150))


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    field, truth = nd.simulate_field(SCENE, seed=2)
    write_tiff(field, tmp_path / "scan.tif")
    save_labels(truth.labels, tmp_path / "labels.tif", field.pixel_size_nm)
    return tmp_path / "scan.tif"


def test_analyze_writes_what_the_function_finds(run: Run, scan: Path, tmp_path: Path) -> None:
    labels = scan.with_name("labels.tif")
    code, out, err = run("analyze", scan, "--labels", labels, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "Mn sits at the surface" in out
    saved = nd.FieldResult.load(tmp_path / "out" / "scan")
    field = nd.read_field(scan, ["Cd", "Mn"])
    direct = nd.analyze(field, nd.Recipe(), labels=nd.read_labels(labels))
    pd.testing.assert_frame_equal(saved.particles, direct.particles)
    pd.testing.assert_frame_equal(saved.radial, direct.radial)
    assert saved.summary == direct.summary
    drawn = {path.name for path in (tmp_path / "out" / "scan" / "figures").iterdir()}
    assert drawn == {
        f"{name}.{kind}"
        for name in ("maps", "radial", "dopants", "sizes")
        for kind in ("pdf", "svg", "png", "csv")
    }


def test_json_is_for_machines(run: Run, scan: Path, tmp_path: Path) -> None:
    code, out, _ = run("analyze", scan, "--out", tmp_path / "out", "--no-figures", "--json")
    report = json.loads(out)
    assert code == 0
    assert report["n_failed"] == 0
    assert report["fields"][0]["location"] == "surface"
    assert not (tmp_path / "out" / "scan" / "figures").exists()


def test_options_overrule_the_recipe(run: Run, scan: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[count]\nthreshold = 5.0\n[expect]\nicp_ms_mM = 3.0\n")
    words = ("analyze", scan, "--recipe", recipe, "--threshold", 1.5, "--no-figures", "--macro-csv")
    assert run(*words, "--out", tmp_path / "out")[0] == 0
    used = nd.FieldResult.load(tmp_path / "out" / "scan")
    assert used.recipe.count.threshold == 1.5
    assert used.recipe.expect.icp_ms_mM == 3.0
    table = read_macro_csv(tmp_path / "out" / "scan" / "paritcal.csv", pixel_size_nm=0.7)
    assert table["n_pixels"].sum() == used.radial["n_pixels"].sum()


def test_one_failing_file_of_two_leaves_the_other(run: Run, scan: Path, tmp_path: Path) -> None:
    words = ("analyze", scan, tmp_path / "missing.tif", "--no-figures", "--out", tmp_path / "out")
    code, _, err = run(*words)
    assert code == 1
    assert err.count("\n") == 1
    assert "missing.tif" in err
    assert (tmp_path / "out" / "scan" / "provenance.json").is_file()


def test_two_files_of_one_name_do_not_overwrite_each_other(
    run: Run, scan: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "scan.tif"
    other.parent.mkdir()
    field, _ = nd.simulate_field(SCENE, seed=9)
    write_tiff(field, other)
    code, _, err = run("analyze", scan, other, "--no-figures", "--out", tmp_path / "out")
    assert code == 1
    assert "different names" in err
    kept = nd.FieldResult.load(tmp_path / "out" / "scan").field
    np.testing.assert_array_equal(kept.survey, nd.read_field(scan).survey)


def test_a_field_cannot_name_a_folder_elsewhere(run: Run, scan: Path, tmp_path: Path) -> None:
    field = nd.read_field(scan)
    np.savez(
        tmp_path / "a.npz",
        survey=field.survey,
        **field.maps,
        pixel_size_nm=0.7,
        field_id="../../away",
    )
    code, _, _ = run("analyze", tmp_path / "a.npz", "--no-figures", "--out", tmp_path / "out")
    assert code == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["_.._away"]


def test_figures_redraws_the_same_bytes(run: Run, scan: Path, tmp_path: Path) -> None:
    run("analyze", scan, "--out", tmp_path / "out")
    folder = tmp_path / "out" / "scan" / "figures"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    code, out, _ = run("figures", tmp_path / "out")
    assert code == 0
    assert "16 files" in out
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_simulate_writes_field_and_truth_that_read_back(run: Run, tmp_path: Path) -> None:
    words = ("simulate", "--out", tmp_path / "p", "--location", "core", "--shape-px", 90, 80)
    code, _, _ = run(*words, "--seed", 7)
    field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(90, 80)), seed=7)
    back = nd.read_field(tmp_path / "p" / "field.tif")
    assert code == 0
    np.testing.assert_array_equal(back.map_of("Mn"), field.map_of("Mn"))
    np.testing.assert_array_equal(nd.read_labels(tmp_path / "p" / "labels.tif"), truth.labels)
    assert len(pd.read_csv(tmp_path / "p" / "dopants.csv")) == len(truth.dopants)


def test_info_tells_calibration_and_elements(run: Run, scan: Path) -> None:
    code, out, _ = run("info", scan)
    assert code == 0
    assert "150 x 150 pixels of 0.7 x 0.7 nm" in out
    assert "used as Cd map" in out
    told = json.loads(run("info", scan, "--json")[1])
    assert told["field"]["pixels"] == [150, 150]
    assert {signal["use"] for signal in told["signals"]} == {"survey", "Cd map", "Mn map"}


def test_info_tells_why_there_is_no_field(run: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "bare.npz", Cd=np.ones((4, 5)))
    code, out, _ = run("info", tmp_path / "bare.npz")
    assert code == 0
    assert "No field: Expected a calibration in nm" in out


@pytest.mark.parametrize("shape", [(), (40,), (20, 20, 20), (0, 5)], ids=str)
def test_info_tells_of_arrays_that_are_no_image(
    run: Run, tmp_path: Path, shape: tuple[int, ...]
) -> None:
    np.savez(tmp_path / "a.npz", Cd=np.ones(shape) / 9, pixel_size_nm=0.7)
    _, out, _ = run("info", tmp_path / "a.npz")
    assert "no image of grey values or counts" in out


def test_recipe_prints_what_can_be_read_again(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("recipe")
    assert code == 0
    assert nd.Recipe.from_toml(out) == nd.Recipe()


def _bad(tmp: Path) -> dict[str, tuple[tuple[Any, ...], str]]:
    """Command lines that cannot be used, with a word that the answer must hold."""
    shape, even = (40, 40), np.ones((40, 40))
    np.savez(tmp / "nan.npz", survey=np.full(shape, np.nan), Cd=even, Mn=even, pixel_size_nm=0.7)
    np.savez(tmp / "shapes.npz", survey=even, Cd=even[:30], Mn=even, pixel_size_nm=0.7)
    np.savez(tmp / "empty.npz", survey=even[:0], Cd=even[:0], Mn=even[:0], pixel_size_nm=0.7)
    np.savez(tmp / "flat.npz", survey=even, Cd=even, Mn=even, pixel_size_nm=0.7)
    np.savez(tmp / "bare.npz", survey=even, Cd=even, Mn=even)
    save_labels(np.ones((20, 20), np.int32), tmp / "small.tif", (0.7, 0.7))
    (tmp / "file").write_text("in the way")
    (tmp / "bad.toml").write_text("[count]\ntreshold = 1\n")
    scan = tmp / "scan.tif"
    return {
        "missing file": ((tmp / "none.tif",), "does not exist"),
        "wrong shape": ((tmp / "shapes.npz",), "30 x 40"),
        "labels of another size": ((scan, "--labels", tmp / "small.tif"), "20 x 20"),
        "more labels than files": ((scan, "--labels", scan, scan), "2 for 1"),
        "NaN": ((tmp / "nan.npz",), "NaN"),
        "negative threshold": ((scan, "--threshold", "-1"), "at least 0"),
        "threshold in words": ((scan, "--threshold", "high"), "a number or 'auto'"),
        "unknown element": ((scan, "--dopant", "Xx"), "'Xx'"),
        "element not in the file": ((scan, "--dopant", "Fe"), "maps of Fe"),
        "empty image": ((tmp / "empty.npz",), "empty"),
        "no particles": ((tmp / "flat.npz",), "found none"),
        "no calibration": ((tmp / "bare.npz",), "pixel_size_nm"),
        "negative pixel size": ((scan, "--pixel-size-nm", "-1"), "positive"),
        "unknown setting": ((scan, "--recipe", tmp / "bad.toml"), "did you mean threshold"),
        "unknown kind of file": ((tmp / "file",), "a known kind"),
        "unknown option": ((scan, "--treshold", "1"), "--help"),
    }


def test_bad_input_gets_one_line_and_leaves_nothing(
    run: Run, scan: Path, tmp_path: Path, subtests: pytest.Subtests
) -> None:
    cases = _bad(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    for name, (words, hint) in cases.items():
        with subtests.test(name):
            code, out, err = run("analyze", *words, "--out", tmp_path / "out")
            assert (code, out) == (2, "")
            assert err.count("\n") == 1
            assert hint in err
            assert err.startswith("nanodope")
            assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_cannot_be_written_to_is_told_before_the_work(
    run: Run, scan: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    code, out, err = run("analyze", scan, "--out", tmp_path / "file" / "out")
    assert (code, out) == (2, "")
    assert "Expected a folder to write to" in err


def test_figures_of_nothing_says_where_to_look(run: Run, tmp_path: Path) -> None:
    code, _, err = run("figures", tmp_path)
    assert code == 2
    assert "nanodope analyze" in err


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -m napari_nanodope.cli recipe; echo $? >&2"
    done = subprocess.run(
        ["bash", "-c", f"({command}) | true"], capture_output=True, text=True, check=False
    )
    assert done.stderr.strip() in {"0", "1"}
