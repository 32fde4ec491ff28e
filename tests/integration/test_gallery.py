"""All figures of a project and its joint table, as a person gets them from the command line."""

import io
import json
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import napari_nanodope as nd
from napari_nanodope.cli import main
from napari_nanodope.field_task import measure_field
from napari_nanodope.gallery import plan_gallery
from napari_nanodope.io.arrays import save_field
from napari_nanodope.io.digests import Digests

PROJECT = """\
[[sample]]
id = "1h"
incubation_h = 1
icp_ms_mM = 5.0

[[sample]]
id = "24h"
incubation_h = 24
icp_ms_mM = 19.0

[[measurement]]
sample = "24h"
technique = "eds"
files = "eds/*.npz"

[[measurement]]
sample = "24h"
technique = "nmr"
files = "nmr/24h.csv"
[measurement.settings]
fit = "deconvolution"
sites = [
  { name = "core", shift_ppm = 65, width_ppm = 10 },
  { name = "surface", shift_ppm = 8, width_ppm = 20 },
]

[[measurement]]
sample = "24h"
technique = "nmr"
files = "nmr/buildup_24h.csv"
settings = { fit = "buildup" }
"""
SUFFIXES = {".pdf", ".svg", ".png", ".csv"}
DRAWN = {
    *(f"samples/24h/{name}" for name in ("sizes", "dopants", "radial")),
    "samples/24h/fit-nmr-buildup-buildup_24h",
    "samples/24h/fit-nmr-deconvolution-24h",
    "joint/concentration-incubation",
    "joint/layers",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    (folder / "project.toml").write_text(PROJECT)
    nd.Recipe().replace(segment={"method": "watershed"}).save(folder / "recipe.toml")
    (folder / "eds").mkdir()
    for seed in (1, 2):
        params = nd.PhantomParams(shape_px=(100, 100), doping=1 / 300)
        save_field(nd.simulate_field(params, seed=seed)[0], folder / f"eds/scan{seed}.npz")
    write_spectra(folder / "nmr")
    project = nd.Project.open(folder)
    for one in project.fields:
        measure_field(one, one.find_state(Digests(folder / "none.json", folder)).parts)
    for job in project.fit_jobs:
        job.save(job.run(), job.find_state().parts)
    return folder


def write_spectra(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(5)
    t_s = np.geomspace(0.5, 300, 12)
    m = 100 * (1 - np.exp(-t_s / 10)) + rng.normal(0, 1, 12)
    table = pd.DataFrame({"t_s": t_s, "m": m, "sigma": 1.0})
    table.to_csv(folder / "buildup_24h.csv", index=False)
    x = np.linspace(400, -400, 600)
    lines = [height * np.exp(-(((x - at) / 9) ** 2)) for at, height in ((67, 3.0), (6, 1.0))]
    y = sum(lines) + rng.normal(0, 0.02, len(x))
    pd.DataFrame({"shift (ppm)": x, "intensity": y}).to_csv(folder / "24h.csv", index=False)


@pytest.fixture(scope="module")
def told(folder: Path) -> dict[str, Any]:
    """What the command prints, after a run of the time before drew a figure more."""
    old = folder / "figures/joint"
    old.mkdir(parents=True)
    listed = [("joint/icp-ms-eds", "drawn", ""), ("joint/mine", "left out", "")]
    columns = ["figure", "status", "reason"]
    pd.DataFrame(listed, columns=columns).to_csv(folder / "figures/contents.csv", index=False)
    for name in ("icp-ms-eds.pdf", "mine.pdf"):
        (old / name).touch()
    with redirect_stdout(io.StringIO()) as printed:
        assert main(["figures", str(folder), "--json"]) == 0
    found: dict[str, Any] = json.loads(printed.getvalue())
    return found


def test_every_figure_that_the_data_allow_is_drawn(folder: Path, told: dict[str, Any]) -> None:
    figures = folder / "figures"
    files = {Path(one).relative_to(figures).as_posix() for one in told["files"]}
    assert files == {f"{name}{suffix}" for name in DRAWN for suffix in SUFFIXES} | {"contents.csv"}
    assert all((figures / one).stat().st_size > 0 for one in files)


def test_what_is_left_out_is_told_with_its_reason(folder: Path, told: dict[str, Any]) -> None:
    contents = pd.read_csv(folder / "figures/contents.csv", keep_default_na=False)
    left_out = contents[contents["status"] == "left out"]
    assert set(contents.loc[contents["status"] == "drawn", "figure"]) == DRAWN
    assert set(left_out["figure"]) == set(told["left_out"])
    reason = told["left_out"]["joint/icp-ms-eds"]
    assert "icp_ms_mM (2) and dopant_mM (1)" in reason


def test_figures_that_can_no_longer_be_drawn_are_removed(
    folder: Path, told: dict[str, Any]
) -> None:
    joint = folder / "figures/joint"
    assert told["removed"] == [str(joint / "icp-ms-eds.pdf")]
    assert not (joint / "icp-ms-eds.pdf").exists()
    assert (joint / "mine.pdf").exists()


def test_no_half_written_file_is_left(folder: Path, told: dict[str, Any]) -> None:
    assert [one for one in (folder / "figures").rglob("*") if "partial" in one.name] == []
    assert told["files"]


def test_numbers_beside_figures_are_those_of_the_tables(folder: Path, told: dict[str, Any]) -> None:
    assert told["files"]
    table, figures = nd.join(nd.Project.open(folder)), folder / "figures"
    beside = pd.read_csv(figures / "joint/concentration-incubation.csv").set_index("y_quantity")
    found = table[table["quantity"] == "dopant_mM"]
    columns = ["y", "y_low", "y_high"]
    np.testing.assert_allclose(beside.loc[["dopant_mM"], columns], found[["value", "low", "high"]])
    assert beside.loc["icp_ms_mM", "x"].tolist() == [1.0, 24.0]
    sizes = pd.read_csv(figures / "samples/24h/sizes.csv")
    n_included = table.loc[table["quantity"] == "n_included", "value"].item()
    assert sizes["included"].sum() == n_included
    layers = pd.read_csv(figures / "joint/layers.csv").set_index("layer")
    depth = table.loc[table["quantity"] == "depth_core_nm", "value"].item()
    assert layers.loc["core", "outer_nm"] == pytest.approx(depth)
    errors = pd.read_csv(figures / "samples/24h/fit-nmr-buildup-buildup_24h.csv")["error"]
    assert (errors == 1.0).all()


def test_the_joint_table_is_exported(folder: Path, tmp_path: Path) -> None:
    assert main(["export", str(folder), "--out", str(tmp_path), "--format", "parquet"]) == 0
    joint, wide = (
        pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("joint", "joint_wide")
    )
    pd.testing.assert_frame_equal(joint, nd.join(nd.Project.open(folder)))
    assert wide["sample_id"].tolist() == ["1h", "24h"]
    found = joint.set_index(["sample_id", "quantity"])["value"]
    assert wide.loc[1, "dopant_mM"] == found.loc["24h", "dopant_mM"]


def test_a_field_that_is_rejected_leaves_the_figures(folder: Path) -> None:
    project = nd.Project.open(folder)
    tables = [one.table(name) for one in project.fields for name in ("particles", "radial")]
    hidden = [path.rename(path.with_suffix(".hidden")) for path in tables]
    try:
        plans = {one.name: one for one in plan_gallery(project)}
    finally:
        for path, table in zip(hidden, tables, strict=True):
            path.rename(table)
    assert plans["samples/24h/sizes"].draw is None
    assert "no field has results" in plans["samples/24h/sizes"].reason
    assert "diameter by microscopy" in plans["joint/layers"].reason
