"""The text of a result runs by itself and gives the same tables, to the last bit."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

import napari_nanodope as nd
from napari_nanodope.io.tiff import write_tiff
from napari_nanodope.script import write_script
from napari_nanodope.segmentation import Outlines, outline

PARAMS = nd.PhantomParams(location="mixed", shape_px=(64, 80), shot_noise=True)


@pytest.fixture(scope="module")
def phantom() -> nd.FieldOfView:
    return nd.simulate_field(PARAMS, seed=5)[0]


@pytest.fixture
def scan(phantom: nd.FieldOfView, tmp_path: Path) -> Path:
    write_tiff(phantom, tmp_path / "scan.tif")
    return tmp_path / "scan.tif"


def run(text: str) -> nd.FieldResult:
    names: dict[str, Any] = {}
    exec(text, names)
    result = names["result"]
    assert isinstance(result, nd.FieldResult)
    return result


def assert_same(again: nd.FieldResult, result: nd.FieldResult) -> None:
    for name in ("particles", "radial", "profiles"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(result, name), check_exact=True)
    np.testing.assert_array_equal(again.labels, result.labels)
    assert again.summary == result.summary
    assert again.recipe == result.recipe
    assert again.provenance["labels"] == result.provenance["labels"]
    assert again.provenance["input"]["sha256"] == result.provenance["input"]["sha256"]
    assert again.provenance.get("exclusions") == result.provenance.get("exclusions")


def test_a_file_with_default_settings_needs_nothing_but_the_file(scan: Path) -> None:
    result = nd.analyze(nd.read_field(scan))
    text = write_script(result)
    assert "saved" not in text
    assert text.endswith("result = nd.analyze(field, recipe)\n")
    assert_same(run(text), result)


def test_the_text_runs_by_itself(scan: Path, tmp_path: Path) -> None:
    result = nd.analyze(nd.read_field(scan))
    text = write_script(result) + f"result.save({str(tmp_path / 'again')!r})\n"
    (tmp_path / "elsewhere").mkdir()
    script = tmp_path / "elsewhere" / "script.py"
    script.write_text(text, encoding="utf-8")
    subprocess.run([sys.executable, script.name], cwd=script.parent, check=True, env=os.environ)
    folder = result.save(tmp_path / "out")
    for name in ("particles", "radial", "profiles"):
        file = f"{name}.parquet"
        assert (tmp_path / "again" / file).read_bytes() == (folder / file).read_bytes()


def test_settings_and_what_the_reader_was_told_are_kept(scan: Path) -> None:
    recipe = nd.Recipe().replace(
        count={"threshold": 1.5},
        segment={
            "method": "watershed",
            "diameter_nm": 8.0,
            "model": "C:\\nets\\one.safetensors",
        },
        profile={"distance": "erode-ceil"},
        maps={"lines": {"Mn": {"line": "Ka", "window_keV": (5.8, 6.0)}}},
    )
    field = nd.read_field(
        scan, ["Mn", "Cd"], {"Mn": "Ka"}, pixel_size_nm=(0.5, 0.6), sample_id='a "b" \\ c'
    )
    result = nd.analyze(field, recipe)
    again = run(write_script(result))
    assert_same(again, result)
    assert again.provenance == result.provenance
    assert again.field == field


def test_edited_labels_and_exclusions_are_read_from_the_saved_result(
    scan: Path, tmp_path: Path
) -> None:
    field = nd.read_field(scan)
    found = outline(field)
    labels = np.where(found.labels == 2, 1, found.labels)
    scores = found.scores.assign(probability=np.linspace(0, 1, len(found.scores)))
    kept = scores[~scores["label"].isin([1, 2])]
    edited = Outlines(labels, kept, found.diameter_nm, found.settings | {"n_edits": 1})
    reasons = {4: 'out of "focus"', 3: "lies over another\nor below"}
    result = nd.analyze(field, labels=edited, exclusions=reasons)
    with pytest.raises(nd.InputError, match="Expected labels that the recipe gives by itself"):
        write_script(result)
    with pytest.raises(nd.InputError, match="Expected a saved result in .*, got none"):
        write_script(result, tmp_path)
    text = write_script(result, result.save(tmp_path / "out"))
    assert f'"{scan.as_posix()}"' in text
    again = run(text)
    assert_same(again, result)
    assert again.particles["probability"].notna().sum() == len(kept)


def test_given_labels_are_read_from_the_saved_result(scan: Path, tmp_path: Path) -> None:
    field = nd.read_field(scan)
    result = nd.analyze(field, labels=outline(field).labels[::-1])
    text = write_script(result, result.save(tmp_path / "out"))
    assert "labels=saved.labels" in text
    assert_same(run(text), result)


@pytest.mark.parametrize(
    "changes", [{"diameter_nm": 9.0}, {"image": "host"}, {"method": "watershed"}]
)
def test_outlines_of_other_settings_are_not_made_anew(
    scan: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    field = nd.read_field(scan)
    result = nd.analyze(field, nd.Recipe().replace(segment=changes), labels=outline(field))
    with pytest.raises(nd.InputError, match="Expected labels that the recipe gives by itself"):
        write_script(result)
    text = write_script(result, result.save(tmp_path / "out"))
    assert_same(run(text), result)


def test_a_host_map_is_not_segmented_anew_for_the_host_may_have_changed(
    scan: Path, tmp_path: Path
) -> None:
    field, recipe = nd.read_field(scan), nd.Recipe().replace(segment={"image": "host"})
    result = nd.analyze(field, recipe, labels=outline(field, recipe.segment, host="Mn"))
    text = write_script(result, result.save(tmp_path / "out"))
    assert_same(run(text), result)


def test_a_phantom_is_simulated_again(phantom: nd.FieldOfView) -> None:
    result = nd.analyze(phantom)
    text = write_script(result)
    assert 'nd.PhantomParams(location="mixed", shape_px=(64, 80), shot_noise=True)' in text
    again = run(text)
    assert_same(again, result)
    assert again.provenance == result.provenance


def test_long_lines_are_broken() -> None:
    params = nd.PhantomParams(
        shape_px=(64, 80),
        background_counts=0.01,
        probe_sigma_nm=0.35,
        particle_shape="truncated octahedron",
        radius_range_nm=(2.0, 6.5),
    )
    text = write_script(result := nd.analyze(nd.simulate_field(params, seed=2)[0]))
    assert max(map(len, text.splitlines())) <= 100
    assert_same(run(text), result)


def test_a_recalibrated_phantom_and_arrays_come_from_the_saved_result(
    phantom: nd.FieldOfView, tmp_path: Path
) -> None:
    fields = {
        "recalibrated": replace(phantom, pixel_size_nm=(0.5, 0.5)),
        "arrays": nd.FieldOfView(phantom.survey, phantom.maps, (0.7, 0.7)),
    }
    for name, field in fields.items():
        result = nd.analyze(field)
        with pytest.raises(nd.InputError, match="Expected a field whose file is still there"):
            write_script(result)
        text = write_script(result, result.save(tmp_path / name))
        assert "field = saved.field" in text
        assert_same(run(text), result)


def test_a_loaded_result_gives_the_text_of_the_first(scan: Path, tmp_path: Path) -> None:
    result = nd.analyze(nd.read_field(scan))
    loaded = nd.FieldResult.load(result.save(tmp_path / "out"))
    assert write_script(loaded) == write_script(result)
    scan.unlink()
    assert_same(run(write_script(loaded, tmp_path / "out")), result)


def test_files_of_one_field_are_listed(phantom: nd.FieldOfView, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    for name, image in {"survey": phantom.survey, **phantom.maps}.items():
        np.save(maps / f"a_{name}.npy", image)
    result = nd.analyze(nd.read_field(maps, pixel_size_nm=0.7))
    text = write_script(result)
    assert "a_Cd.npy" in text
    assert_same(run(text), result)


def test_a_folder_whose_survey_was_left_out_is_read_as_a_folder(
    phantom: nd.FieldOfView, tmp_path: Path
) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    for name, image in {"HAADF": phantom.survey[:40, :40], **phantom.maps}.items():
        np.save(maps / f"a_{name}.npy", image)
    field = nd.read_field(maps, pixel_size_nm=0.7)
    assert field.survey_kind == "counts"
    result = nd.analyze(field, labels=outline(field).labels)
    text = write_script(result, result.save(tmp_path / "out"))
    assert f'"{maps.as_posix()}"' in text
    assert_same(run(text), result)


def test_a_survey_that_lies_apart_is_named(phantom: nd.FieldOfView, tmp_path: Path) -> None:
    np.savez(tmp_path / "maps.npz", pixel_size_nm=0.7, **phantom.maps)
    np.save(tmp_path / "look.npy", phantom.survey)
    field = nd.read_field(tmp_path / "maps.npz", survey=tmp_path / "look.npy")
    result = nd.analyze(field)
    text = write_script(result)
    assert "look.npy" in text
    assert_same(run(text), result)


def write_cube(path: Path) -> Path:
    """Spectrum image in HyperSpy's layout: every pixel some Cd La and some Mn Ka."""
    cube = np.random.default_rng(0).poisson(2.0, (24, 30, 1000)).astype(np.uint16)
    cube[6:18, 6:20, 300:327] += 3
    cube[6:18, 6:20, 580:600] += 1
    with h5py.File(path, "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.3"})
        group = file.create_group("Experiments/made")
        group.create_dataset("data", data=cube)
        axes = (("y", 0.5, "nm"), ("x", 0.5, "nm"), ("Energy", 0.01, "keV"))
        for index, (name, scale, unit) in enumerate(axes):
            about = {"name": name, "scale": scale, "offset": 0.0, "units": unit}
            about |= {"size": cube.shape[index], "navigate": index < 2}
            group.create_group(f"axis-{index}").attrs.update(about)
        metadata = group.create_group("metadata")
        metadata.create_group("General").attrs["title"] = "made"
        metadata.create_group("Signal").attrs["signal_type"] = "EDS_TEM"
        group.create_group("original_metadata")
    return path


def test_a_spectrum_image_is_read_with_its_windows_and_the_survey_beside_it(
    tmp_path: Path,
) -> None:
    survey = np.zeros((24, 30))
    survey[6:18, 6:20] = 100
    np.save(tmp_path / "look.npy", survey)
    files = [write_cube(tmp_path / "scan.hspy"), tmp_path / "look.npy"]
    windows = nd.LineWindows(line="La", window_keV=(3.0, 3.26), below_keV=(2.0, 2.26))
    for lines in (None, {"Cd": "La", "Mn": "Ka"}, {"Cd": windows, "Mn": "Ka"}):
        field = nd.read_field(files, ["Cd", "Mn"], lines)
        assert field.survey_kind == "image"
        result = nd.analyze(field, labels=survey > 0)
        again = run(write_script(result, result.save(tmp_path / "out")))
        assert_same(again, result)
        assert again.field.source.settings["lines"] == field.source.settings["lines"]


def test_detectors_and_frames_are_named(phantom: nd.FieldOfView, tmp_path: Path) -> None:
    (tmp_path / "scan.emd").touch()
    given = {"detectors": [0, 2], "frames": [0, 50]}
    source = nd.Source(str(tmp_path / "scan.emd"), "0", "Velox or NCEM", {"given": given})
    text = write_script(nd.analyze(replace(phantom, source=source)))
    assert "detectors=[0, 2]" in text
    assert "frames=(0, 50)" in text
