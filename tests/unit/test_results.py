"""A result is written whole or not at all, and reads back as it was."""

import json
import pickle
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


def test_a_result_without_particles_is_loaded_as_it_was(tmp_path: Path) -> None:
    field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(40, 50), n_particles=0), seed=1)
    result = nd.analyze(field, labels=truth.labels)
    again = nd.FieldResult.load(result.save(tmp_path / "out"))
    for name in ("particles", "radial", "profiles"):  # a categorical of no rows has no categories
        read, made = (getattr(r, name).drop(columns="sample_id") for r in (again, result))
        assert len(read) == 0
        assert list(read.columns) == list(made.columns)
    assert again.summary == result.summary


@pytest.mark.parametrize("shape", [(1, 30), (30, 1)])
def test_a_field_of_one_line_is_loaded_as_it_was(shape: tuple[int, int], tmp_path: Path) -> None:
    labels = np.zeros(shape, np.int32)
    labels.flat[5:15] = 1
    image = labels.astype(np.float32)
    result = nd.analyze(nd.FieldOfView(image, {"Cd": image, "Mn": image}, 0.7), labels=labels)
    again = nd.FieldResult.load(result.save(tmp_path / "out"))
    np.testing.assert_array_equal(again.labels, labels, strict=True)
    np.testing.assert_array_equal(again.field.survey, image, strict=True)


def test_a_field_from_arrays_is_the_same_field_when_loaded(tmp_path: Path) -> None:
    field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(60, 60)), seed=1)
    bare = nd.FieldOfView(field.survey, field.maps, 0.7, "24h", "a3")
    result = nd.analyze(bare, labels=truth.labels)
    again = nd.FieldResult.load(result.save(tmp_path / "out"))
    assert again.field == bare
    assert again.provenance == result.provenance


def test_a_loaded_result_is_the_result(result: nd.FieldResult, tmp_path: Path) -> None:
    assert nd.FieldResult.load(result.save(tmp_path / "out")) == result


def test_results_travel_between_processes(result: nd.FieldResult) -> None:
    again = pickle.loads(pickle.dumps(result))
    assert again == result
    pd.testing.assert_frame_equal(again.radial, result.radial)
    np.testing.assert_array_equal(again.labels, result.labels)


def test_the_tables_are_plain_parquet(result: nd.FieldResult, tmp_path: Path) -> None:
    table = pq.read_table(result.save(tmp_path / "out") / "particles.parquet")
    assert table.column_names == list(result.particles.columns)
    assert table["dopants"].to_pylist() == result.particles["dopants"].to_list()
    assert set(table["dopant_element"].to_pylist()) == {"Mn"}


def test_a_failing_rename_leaves_no_half_result(
    result: nd.FieldResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = result.save(tmp_path / "out")
    real = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if Path(target).name == "radial.parquet" and Path(target).parent == folder:
            raise OSError("disk full")
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        with pytest.raises(OSError, match="disk full"):
            result.save(folder)
    with pytest.raises(UnreadableFileError, match="finished result"):
        nd.FieldResult.load(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    result.save(folder)
    assert nd.FieldResult.load(folder).summary == result.summary
