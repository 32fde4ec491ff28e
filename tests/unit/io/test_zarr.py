"""HyperSpy's Zarr folders are read, and what could execute anything in them is not."""

import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest

import napari_nanodope as nd
from napari_nanodope.io import UnreadableFileError

WINDOWS = nd.LineWindows(line="La", window_keV=(3.0, 3.3))
CUBE = np.random.default_rng(0).poisson(0.5, (6, 8, 512)).astype(np.uint16)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the writer's dependencies
        from rsciio.zspy import file_writer

        steps = (("y", 0.5, "nm"), ("x", 0.7, "nm"), ("Energy", 0.02, "keV"))
        axes = [
            {"name": name, "scale": scale, "units": unit, "size": n, "navigate": unit == "nm"}
            | {"offset": 0.0, "index_in_array": i, "_type": "UniformDataAxis", "is_binned": False}
            for i, ((name, scale, unit), n) in enumerate(zip(steps, CUBE.shape, strict=True))
        ]
        general = {"General": {"title": "a"}, "Signal": {"signal_type": "EDS_TEM"}}
        signal = {"data": CUBE, "axes": axes, "metadata": general, "original_metadata": {}}
        signal |= {"attributes": {"_lazy": False, "ragged": False}, "package_info": {}}
        signal |= {"tmp_parameters": {}, "models": {}, "learning_results": {}}
        file_writer(str(tmp_path / "scan.zspy"), signal)
    return tmp_path / "scan.zspy"


def test_a_zarr_folder_is_read(saved: Path) -> None:
    field = nd.read_field(saved, ["Cd"])
    assert field.pixel_size_nm == (0.5, 0.7)
    np.testing.assert_array_equal(field.survey, CUBE[..., 5:].sum(axis=2))
    assert field.source is not None
    before = field.source.sha256
    next(saved.rglob("data/0/0/0")).write_bytes(b"")
    with pytest.raises(UnreadableFileError, match=r"scan\.zspy"):
        nd.read_field(saved, ["Cd"])
    assert len(before) == 64


@pytest.mark.parametrize("place", ["compressor", "filters"])
def test_codecs_that_execute_are_refused(place: str, saved: Path) -> None:
    description = saved / "Experiments" / "a" / "data" / ".zarray"
    about = json.loads(description.read_text(encoding="utf-8"))
    about[place] = {"id": "pickle"} if place == "compressor" else [{"id": "pickle"}]
    description.write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="plain codecs .*, got pickle"):
        nd.read_field(saved, ["Cd"])


@pytest.mark.parametrize("text", ["", "{}", '{"shape": 5}', "[1]"])
def test_damaged_descriptions_are_told(text: str, saved: Path) -> None:
    (saved / "Experiments" / "a" / "data" / ".zarray").write_text(text, encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"\.zarray"):
        nd.read_field(saved, ["Cd"])


def test_promises_are_not_believed(saved: Path) -> None:
    description = saved / "Experiments" / "a" / "data" / ".zarray"
    about = json.loads(description.read_text(encoding="utf-8"))
    about["shape"] = [100_000, 100_000, 2048]
    description.write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(UnreadableFileError, match="GB promised by"):
        nd.read_field(saved, ["Cd"])


def test_a_file_is_no_zarr_folder(saved: Path) -> None:
    shutil.rmtree(saved)
    saved.write_bytes(b"x")
    with pytest.raises(UnreadableFileError, match="a HyperSpy folder at .*, got a file"):
        nd.read_field(saved)


def test_chunks_that_were_lost_are_told(saved: Path) -> None:
    whole = nd.read_field(saved, ["Cd"])
    assert not any("chunks" in warning for warning in whole.warnings)
    assert whole.source is not None
    assert (whole.field_id, whole.source.path) == ("scan", str(saved))
    next(saved.rglob("data/0/0/0")).unlink()
    (told,) = (w for w in nd.read_field(saved, lines={"Cd": WINDOWS}).warnings if "chunks" in w)
    assert "1 of 1 chunks are missing" in told
