"""A result is written whole or not at all, and reads back as it was."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import napari_nanodope as nd
from napari_nanodope import results
from napari_nanodope.io.files import UnreadableFileError
from napari_nanodope.io.tables import DEFINITIONS
from napari_nanodope.results import find_results


@pytest.fixture(scope="module")
def result() -> nd.FieldResult:
    field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(90, 80)), seed=3)
    recipe = nd.Recipe().replace(expect={"icp_ms_mM": 20.0}, maps={"lines": {"Mn": "Ka"}})
    return nd.analyze(field, recipe, labels=truth.labels)


def test_what_was_saved_is_loaded(result: nd.FieldResult, tmp_path: Path) -> None:
    again = nd.FieldResult.load(result.save(tmp_path / "deep" / "out"))
    for name in ("particles", "radial", "profiles"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(result, name))
    np.testing.assert_array_equal(again.labels, result.labels)
    np.testing.assert_array_equal(again.field.survey, result.field.survey)
    for element, values in result.field.maps.items():
        np.testing.assert_array_equal(again.field.map_of(element), values)
    assert again.summary == result.summary
    assert again.provenance == json.loads(json.dumps(result.provenance))
    assert again.recipe == result.recipe
    assert (again.field.field_id, again.field.sample_id) == (
        result.field.field_id,
        result.field.sample_id,
    )


def test_saving_twice_gives_the_same_bytes(result: nd.FieldResult, tmp_path: Path) -> None:
    once, twice = result.save(tmp_path / "a"), result.save(tmp_path / "b")
    for file in once.iterdir():
        assert file.read_bytes() == (twice / file.name).read_bytes(), file.name


def test_tables_carry_definitions_and_the_recipe(result: nd.FieldResult, tmp_path: Path) -> None:
    folder = result.save(tmp_path / "out")
    for name in ("particles", "radial", "profiles"):
        schema = pq.read_schema(folder / f"{name}.parquet")
        about = json.loads(schema.metadata[b"nanodope"])
        assert about["recipe_sha256"] == result.recipe.sha256
        for column in schema:
            description = column.metadata[b"description"].decode()
            assert description == DEFINITIONS[column.name]
            assert description


def test_a_failing_writer_leaves_nothing(
    result: nd.FieldResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(results, "save_labels", fail)
    with pytest.raises(OSError, match="disk full"):
        result.save(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_failing_writer_leaves_the_earlier_result(
    result: nd.FieldResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = result.save(tmp_path / "out")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    def fail(*_: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(results, "save_table", fail)
        with pytest.raises(OSError, match="disk full"):
            result.save(folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_other_files_in_the_folder_are_kept(result: nd.FieldResult, tmp_path: Path) -> None:
    folder = result.save(tmp_path / "out")
    (folder / "notes.txt").write_text("mine")
    result.save(folder)
    assert (folder / "notes.txt").read_text() == "mine"


def test_a_file_in_the_way_is_told(result: nd.FieldResult, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(nd.InputError, match="Expected a folder to write to"):
        result.save(tmp_path / "file" / "out")


def test_a_folder_without_a_finished_result_is_refused(
    result: nd.FieldResult, tmp_path: Path
) -> None:
    folder = result.save(tmp_path / "out")
    assert find_results(tmp_path) == [folder]
    (folder / "provenance.json").unlink()
    with pytest.raises(UnreadableFileError, match="finished result"):
        nd.FieldResult.load(folder)
    with pytest.raises(nd.InputError, match="results in or below"):
        find_results(tmp_path)


@pytest.mark.parametrize(
    "name", ["provenance.json", "particles.parquet", "field.npz", "labels.tif", "summary.json"]
)
def test_a_damaged_file_is_named(result: nd.FieldResult, tmp_path: Path, name: str) -> None:
    folder = result.save(tmp_path / "out")
    (folder / name).write_bytes((folder / name).read_bytes()[:10])
    with pytest.raises(nd.InputError, match=name.replace(".", r"\.")):
        nd.FieldResult.load(folder)
