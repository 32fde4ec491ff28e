"""The joint table: pooled fields by hand and against a field alone, fits, order, units, figures."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import napari_nanodope as nd
from napari_nanodope.acquisitions import PROVENANCE, SUMMARY
from napari_nanodope.figures import joint as joint_figures
from napari_nanodope.io.files import UnreadableFileError
from napari_nanodope.io.tables import save_table, to_partition
from napari_nanodope.joint import COLUMNS, join, widen
from napari_nanodope.joint.rows import Row
from napari_nanodope.results import save_json
from spectro.nmr import layer_model

PROJECT = """\
[defaults]
dopant = "Mn"
feed = 0.01

[[sample]]
id = "24h"
incubation_h = 24
icp_ms_mM = 19.0
metadata = { icp_ms_error_mM = 0.5 }

[[sample]]
id = "0h"
incubation_h = 0.0

[[measurement]]
sample = "24h"
technique = "eds"
files = "eds/24h/*.npz"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "eds/24h").mkdir(parents=True)
    for name in ("a", "b", "c"):
        (tmp_path / f"eds/24h/{name}.npz").touch()  # what is measured is put beside, below
    (tmp_path / "project.toml").write_text(PROJECT)
    return tmp_path


@pytest.fixture(scope="module")
def results() -> list[nd.FieldResult]:
    """Three fields of one sample; labels of all begin at 1."""
    params = nd.PhantomParams(
        shape_px=(110, 110), doping=1 / 250, shot_noise=True, background_counts=0.02
    )
    fields = [nd.simulate_field(params, seed=seed) for seed in range(3)]
    return [nd.analyze(field, nd.Recipe(), labels=truth.labels) for field, truth in fields]


def put(folder: Path, name: str, result: nd.FieldResult, **stages: dict[str, Any]) -> None:
    """Results of a field where a batch would write them."""
    one = nd.Project.open(folder).field(f"24h/{name}")
    for table in ("particles", "radial"):
        one.table(table).parent.mkdir(parents=True, exist_ok=True)
        save_table(to_partition(getattr(result, table)), one.table(table), {})
    one.folder.mkdir(parents=True, exist_ok=True)
    recipe = result.recipe.replace(**stages)
    save_json(dict(result.summary), one.folder / SUMMARY)
    save_json({"recipe": recipe.model_dump(mode="json")}, one.folder / PROVENANCE)


def put_fit(folder: Path, name: str, values: Mapping[str, Any], **about: Any) -> Path:
    """Numbers of a fit, as a person may write them: no provenance."""
    path = folder / f"results/fits/sample_id=24h/{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {"model": "", "sources": [{"path": "nmr/24h.csv"}], "is_converged": True}
    path.write_text(json.dumps(told | {"technique": "nmr", "values": dict(values)} | about))
    return path


def number(value: float, unit: str = "", **ends: float | None) -> dict[str, Any]:
    low, high = ends.get("low", value - 1), ends.get("high", value + 1)
    error = {"standard_error": 0.5, "low": low, "high": high, "level": 0.95, "method": "covariance"}
    return {"value": value, "unit": unit, **error}


def pick(table: pd.DataFrame, quantity: str) -> Any:
    rows = table[(table["sample_id"] == "24h") & (table["quantity"] == quantity)]
    assert len(rows) == 1, rows
    return rows.iloc[0]


# Microscopy


def test_a_field_alone_is_pooled_to_itself(folder: Path, results: list[nd.FieldResult]) -> None:
    put(folder, "a", results[0])
    (pooled,) = nd.pool_sample(nd.Project.open(folder), "24h")
    told, expected = pooled.summary, results[0].summary
    alike = "n_particles n_included dopants_total dopant_mM undoped_fraction surface_fraction"
    for name in (*alike.split(), "dopants_per_particle_mean", "location"):
        assert told[name] == pytest.approx(expected[name]), name
    for name in ("dopants_total", "undoped_fraction", "surface_fraction"):
        for end in ("low", "high"):
            assert told[f"{name}_{end}"] == pytest.approx(expected[f"{name}_{end}"]), name
    assert told["location_log_likelihood_ratio"] == pytest.approx(
        expected["location_log_likelihood_ratio"]
    )
    columns = ["core", "surface", "dopant_pixels"]
    np.testing.assert_allclose(pooled.profiles[columns], results[0].profiles[columns])


@pytest.mark.parametrize(
    "stages",
    [
        {"profile": {"distance": "erode-ceil"}},
        {"profile": {"shell_nm": 1.2}, "count": {"threshold": "auto"}},
        {"particles": {"volume": "host", "min_diameter_nm": 5.0}},
    ],
)
def test_other_recipes_are_pooled_as_they_were_measured(
    folder: Path, stages: dict[str, Any]
) -> None:
    params = nd.PhantomParams(shape_px=(90, 100), doping=1 / 200, background_counts=0.03)
    seen, truth = nd.simulate_field(params, seed=8)
    field = nd.FieldOfView(seen.survey, seen.maps, (0.8, 0.6))  # no longer square
    result = nd.analyze(field, nd.Recipe().replace(**stages), labels=truth.labels)
    put(folder, "a", result)
    (pooled,) = nd.pool_sample(nd.Project.open(folder), "24h")
    for name in ("surface_fraction", "surface_fraction_high", "dopant_mM", "n_included"):
        assert pooled.summary[name] == pytest.approx(result.summary[name], rel=1e-9), name


def test_fields_without_particles_change_nothing(
    folder: Path, results: list[nd.FieldResult]
) -> None:
    empty, _ = nd.simulate_field(nd.PhantomParams(shape_px=(40, 40), n_particles=0), seed=1)
    nothing = nd.analyze(empty, labels=np.zeros((40, 40), np.int32))
    put(folder, "b", nothing)
    (alone,) = nd.pool_sample(nd.Project.open(folder), "24h")
    assert alone.summary["n_included"] == 0
    assert alone.summary["dopant_mM"] is None
    put(folder, "a", results[0])
    (both,) = nd.pool_sample(nd.Project.open(folder), "24h")
    assert both.summary["n_fields"] == 2
    for name in ("dopant_mM", "dopants_total", "surface_fraction", "undoped_fraction"):
        assert both.summary[name] == pytest.approx(results[0].summary[name]), name
    assert len(both.split_by_pixel_size()) == 1


def test_particles_of_different_fields_are_different(
    folder: Path, results: list[nd.FieldResult]
) -> None:
    for name, result in zip("abc", results, strict=True):
        put(folder, name, result)
    (pooled,) = nd.pool_sample(nd.Project.open(folder), "24h")
    parts = [one.included for one in results]
    n = sum(map(len, parts))
    assert pooled.summary["n_included"] == n == pooled.included["label"].nunique()
    dopants = sum(one["dopants"].sum() for one in parts)
    volume = sum(one["volume_nm3"].sum() for one in parts)
    assert pooled.summary["dopants_per_particle_mean"] == pytest.approx(dopants / n)
    assert pooled.summary["dopant_mM"] == pytest.approx(dopants / volume * 1e27 / 6.02214076e23)
    diameters = pd.concat([one["equivalent_diameter_nm"] for one in parts])
    assert pooled.summary["diameter_nm_mean"] == pytest.approx(diameters.mean())
    pixels = sum(one.included_radial["n_pixels"].sum() for one in results)
    assert pooled.included_radial["n_pixels"].sum() == pixels
    assert pooled.profiles["n_pixels"].sum() == pixels
    by_label = pooled.radial.groupby("label")["depth_px"]
    assert (by_label.size() == by_label.nunique()).all()


def test_three_fields_narrow_what_one_tells(folder: Path, results: list[nd.FieldResult]) -> None:
    widths = {}
    for name, result in zip("abc", results, strict=True):
        put(folder, name, result)
        (pooled,) = nd.pool_sample(nd.Project.open(folder), "24h")
        ends = [pooled.summary[f"surface_fraction_{end}"] for end in ("high", "low")]
        widths[name] = ends[0] - ends[1]
    assert widths["c"] < 0.8 * widths["a"]


def test_each_dopant_has_rows_of_its_own(folder: Path, results: list[nd.FieldResult]) -> None:
    put(folder, "a", results[0])
    put(folder, "b", results[1], field={"dopant": "Cu"})
    put(folder, "c", results[2])
    table = join(nd.Project.open(folder))
    rows = table[table["quantity"] == "dopant_mM"].set_index("dopant")
    assert rows.index.tolist() == ["Mn", "Cu"]
    assert rows.loc["Cu", "value"] == pytest.approx(results[1].summary["dopant_mM"])
    assert rows["source"].tolist() == ["24h/a, 24h/c", "24h/b"]
    wide = widen(table).set_index("sample_id")
    assert wide.loc["24h", "dopant_mM_Cu"] == rows.loc["Cu", "value"]
    assert "dopant_mM" not in wide.columns
    assert "dopant_mM_Mn_low" in wide.columns


def test_a_rejected_field_counts_no_more(folder: Path, results: list[nd.FieldResult]) -> None:
    put(folder, "a", results[0])
    put(folder, "b", results[1])
    nd.Project.open(folder).field("24h/b").review("rejected", "drifted")
    table = join(nd.Project.open(folder))
    assert pick(table, "n_fields")["value"] == 1
    assert pick(table, "dopant_mM")["source"] == "24h/a"


def test_fields_of_other_pixels_are_apart_in_depth_only(
    folder: Path, results: list[nd.FieldResult]
) -> None:
    field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(90, 90), pixel_size_nm=1.0), seed=3)
    put(folder, "a", results[0])
    put(folder, "b", nd.analyze(field, labels=truth.labels))
    put(folder, "c", results[2])
    (pooled,) = nd.pool_sample(nd.Project.open(folder), "24h")
    first, second = pooled.split_by_pixel_size()
    assert [one.field_id for one in first.fields] == ["a", "c"]
    assert [one.field_id for one in second.fields] == ["b"]
    assert len(first.particles) + len(second.particles) == len(pooled.particles)
    assert pooled.summary["n_fields"] == 3


def test_a_sample_without_results_has_no_microscopy(folder: Path) -> None:
    project = nd.Project.open(folder)
    assert nd.pool_sample(project, "24h") == []
    assert set(join(project)["technique"]) == {"sample", "icp-ms"}
    with pytest.raises(nd.InputError, match="did you mean 24h"):
        nd.pool_sample(project, "24hr")


def test_damaged_results_are_told_of(folder: Path, results: list[nd.FieldResult]) -> None:
    put(folder, "a", results[0])
    one = nd.Project.open(folder).field("24h/a")
    save_json({}, one.folder / SUMMARY)
    with pytest.raises(UnreadableFileError, match="to tell 'background_pixels'"):
        join(nd.Project.open(folder))


# The table


def test_every_number_has_unit_interval_level_and_source(
    folder: Path, results: list[nd.FieldResult]
) -> None:
    put(folder, "a", results[0])
    put(folder, "b", results[1])
    values = {"time_s": number(20.0, "s"), "beta": number(0.8)}
    put_fit(folder, "nmr-buildup-24h", values, kind="buildup")
    table = join(nd.Project.open(folder))
    assert list(table.columns) == list(COLUMNS)
    assert (table["unit"] != "").all()
    assert (table["source"] != "").all()
    has_interval = table["low"].notna() & table["high"].notna()
    assert (table["level"].notna() == has_interval).all()
    assert (table.loc[has_interval, "low"] <= table.loc[has_interval, "value"]).all()
    assert (table.loc[has_interval, "high"] >= table.loc[has_interval, "value"]).all()
    units = dict(zip(table["quantity"], table["unit"], strict=True))
    assert units["diameter_nm"] == "nm"
    assert units["dopant_mM"] == units["icp_ms_mM"] == "mM"
    assert (units["incubation_h"], units["time_s"], units["beta"]) == ("h", "s", "1")
    estimates = ["diameter_nm", "dopants_per_particle", "dopant_mM", "undoped_fraction"]
    assert table.set_index("quantity").loc[estimates, "level"].eq(0.95).all()


def test_rows_are_in_the_order_of_the_project(folder: Path, results: list[nd.FieldResult]) -> None:
    put(folder, "a", results[0])
    put_fit(folder, "nmr-buildup-24h", {"time_s": number(20.0, "s")})
    put_fit(folder, "epr-cw-24h", {"g": number(2.0)}, technique="epr")
    table = join(nd.Project.open(folder))
    assert list(dict.fromkeys(table["sample_id"])) == ["24h", "0h"]
    mine = table[table["sample_id"] == "24h"]
    assert list(dict.fromkeys(mine["technique"])) == ["sample", "icp-ms", "eds", "epr", "nmr"]


def test_what_the_project_file_tells_is_found_by_its_line(folder: Path) -> None:
    table = join(nd.Project.open(folder))
    lines = PROJECT.splitlines()
    for name in ("incubation_h", "feed", "icp_ms_mM"):
        line = int(str(pick(table, name)["source"]).rpartition(" ")[2])
        assert lines[line - 1].startswith(name)
    icp = pick(table, "icp_ms_mM")
    assert (icp["low"], icp["high"]) == pytest.approx((19 - 0.98, 19 + 0.98), abs=1e-4)
    assert (icp["level"], icp["dopant"]) == (0.95, "Mn")
    assert math.isnan(pick(table, "feed")["low"])


def test_numbers_of_the_apparatus_and_fixed_ones_stay_in_the_fit(folder: Path) -> None:
    values = {
        "g": number(2.007),
        "amplitude": number(3.0),
        "baseline_0": number(0.1),
        "initial": {"value": 0.0, "unit": ""},
        "d_MHz": {"value": 5.0, "unit": "MHz"},
        "beta": number(0.7, high=None),
        "lost": number(1.0) | {"value": None},
    }
    put_fit(folder, "epr-cw-24h", values, technique="epr")
    table = join(nd.Project.open(folder))
    mine = table[table["technique"] == "epr"]
    assert mine["quantity"].tolist() == ["g", "beta"]
    assert mine["source"].tolist() == ["epr-cw-24h: nmr/24h.csv"] * 2
    assert math.isnan(pick(table, "beta")["high"])  # open
    assert pick(table, "beta")["level"] == 0.95


def test_percentages_of_lines_are_fractions(folder: Path) -> None:
    values = {
        "core.percent": number(30.0, "%", low=25.0, high=36.0),
        "core.shift_ppm": number(67.0, "ppm"),
    }
    put_fit(folder, "nmr-deconvolution-24h", values, kind="deconvolution")
    table = join(nd.Project.open(folder))
    found = pick(table, "fraction_core")
    assert (found["value"], found["low"], found["high"]) == pytest.approx((0.3, 0.25, 0.36))
    assert found["unit"] == "1"
    assert pick(table, "core.shift_ppm")["unit"] == "ppm"


def layers_of(names: list[str]) -> dict[str, Any]:
    values = {f"{name}.integral": number(10.0 * k) for k, name in enumerate(names, 1)}
    return {"values": values, "settings": {"sites": [{"name": name} for name in names]}}


@pytest.mark.parametrize("is_reversed", [False, True])
def test_layers_follow_from_lines_and_the_pooled_diameter(
    folder: Path, results: list[nd.FieldResult], is_reversed: bool
) -> None:
    put(folder, "a", results[0])
    put(folder, "b", results[1])
    told = layers_of(["core", "middle", "Surface", "bulk"])
    if is_reversed:
        told["settings"]["sites"] = told["settings"]["sites"][::-1]
    put_fit(folder, "nmr-deconvolution-24h", kind="deconvolution", **told)
    table = join(nd.Project.open(folder))
    diameter = pick(table, "diameter_nm")
    expected = layer_model(
        diameter["value"],
        (10, 20, 30),
        fraction_errors=(0.5, 0.5, 0.5),
        diameter_error_nm=(diameter["high"] - diameter["low"]) / 2 / 1.959964,
    )
    for name in ("core", "middle"):
        found, known = pick(table, f"depth_{name}_nm"), expected[name].outer
        assert found["value"] == pytest.approx(expected[name].outer_nm)
        assert (found["low"], found["high"]) == pytest.approx((known.low, known.high))
        assert "24h/a, 24h/b" in found["source"]
    assert "depth_Surface_nm" not in set(table["quantity"])


def test_lines_that_are_no_layers_have_no_depths(
    folder: Path, results: list[nd.FieldResult]
) -> None:
    put(folder, "a", results[0])
    told = layers_of(["zinc blende", "wurtzite"])
    put_fit(folder, "nmr-deconvolution-24h", kind="deconvolution", **told)
    table = join(nd.Project.open(folder))
    assert not table["quantity"].str.startswith("depth").any()


def test_a_fit_that_the_project_asks_for_no_more_is_left_out(folder: Path) -> None:
    path = put_fit(folder, "nmr-buildup-24h", {"time_s": number(20.0, "s")})
    assert (join(nd.Project.open(folder))["technique"] == "nmr").any()
    path.with_name("nmr-buildup-24h.provenance.json").write_text("{}")
    assert not (join(nd.Project.open(folder))["technique"] == "nmr").any()


@pytest.mark.parametrize(
    "values",
    [
        "[1]",
        '{"g": 2}',
        '{"g": {"value": "2"}}',
        '{"g": {"value": 2, "level": 0.95}}',
        '{"g": {"value": 2, "low": 1, "high": 3, "level": null}}',
    ],
)
def test_a_damaged_fit_is_told_of(folder: Path, values: str) -> None:
    put_fit(folder, "nmr-buildup-24h", {}).write_text(f'{{"values": {values}}}')
    project = nd.Project.open(folder)
    for read in (join, nd.Project.fits):
        with pytest.raises(UnreadableFileError, match="numbers of a fit"):
            read(project)


def test_wide_has_a_row_per_sample_and_a_column_for_each_number(folder: Path) -> None:
    put_fit(folder, "nmr-buildup-a", {"time_s": number(20.0, "s")})
    put_fit(folder, "nmr-buildup-b", {"time_s": number(30.0, "s")})
    wide = widen(join(nd.Project.open(folder)))
    assert wide["sample_id"].tolist() == ["24h", "0h"]
    assert wide["incubation_h"].tolist() == [24.0, 0.0]
    mine = wide.set_index("sample_id").loc["24h"]
    assert (mine["time_s"], mine["time_s_low"], mine["time_s_high"]) == (20.0, 19.0, 21.0)
    assert (mine["time_s_2"], mine["time_s_2_high"]) == (30.0, 31.0)
    assert "feed_low" not in wide.columns
    assert wide.set_index("sample_id").loc["0h", ["time_s", "icp_ms_mM"]].isna().all()


def test_no_column_of_the_wide_table_is_lost_to_another(folder: Path) -> None:
    values = {name: number(k) for k, name in enumerate(("core", "core_low", "core_2"), 1)}
    put_fit(folder, "nmr-a", values)
    put_fit(folder, "nmr-b", {"core": number(4.0)})
    mine = widen(join(nd.Project.open(folder))).set_index("sample_id").loc["24h"]
    told = [mine[name] for name in mine.index if str(name).startswith("core")]
    assert sorted(told) == sorted(k + d for k in (1.0, 2.0, 3.0, 4.0) for d in (-1, 0, 1))


def test_icp_ms_is_of_the_dopant_that_the_sample_is_analysed_for(folder: Path) -> None:
    text = PROJECT.replace("icp_ms_mM = 19", 'recipe.field.dopant = "Cu"\nicp_ms_mM = 19')
    (folder / "project.toml").write_text(text)
    assert pick(join(nd.Project.open(folder)), "icp_ms_mM")["dopant"] == "Cu"


def test_no_particles_tell_no_place(folder: Path, results: list[nd.FieldResult]) -> None:
    one = nd.analyze(results[0].field, labels=np.zeros_like(results[0].labels))
    put(folder, "a", one)
    table = join(nd.Project.open(folder))
    assert not set(table["quantity"]) & {"location", "location_log_likelihood_ratio"}


def test_wide_tells_places_in_words(folder: Path, results: list[nd.FieldResult]) -> None:
    put(folder, "a", results[0])
    wide = widen(join(nd.Project.open(folder)))
    assert wide.loc[0, "location"] == results[0].summary["location"]


# Figures


def rows_of(sample: str, k: int, **changed: float) -> list[Row]:
    values = {
        "incubation_h": 6.0 * k,
        "icp_ms_mM": 10.0 * k,
        "dopant_mM": 8.0 * k,
        "diameter_nm": 7.0 + k,
        "T_us": 3.0 / k,
        "enhancement": 4.0 * k,
        "time_s": 90.0 / k,
        "fraction_surface": 0.5 - 0.1 * k,
    } | changed
    return [
        Row(sample, name, value, 0.9 * value, 1.2 * value, level=0.95, source=f"{sample}/{name}")
        for name, value in values.items()
    ]


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [row for k in (1, 2, 3) for row in rows_of(f"s{k}", k)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.fixture
def ax() -> Axes:
    axes: Axes = Figure().subplots()
    return axes


@pytest.mark.parametrize("name", joint_figures.COMPARISONS)
def test_joint_figures_draw_what_they_return(name: str, ax: Axes, table: pd.DataFrame) -> None:
    _, draw = joint_figures.COMPARISONS[name]
    found = draw(ax, table)
    n_quantities = found["y_quantity"].nunique()
    assert len(found) == 3 * n_quantities
    drawn = sum(len(one.lines[0].get_xdata()) for one in ax.containers)
    assert drawn == len(found)
    assert "(" in ax.get_xlabel()
    assert {one.get_text() for one in ax.texts} == {"s1", "s2", "s3"}
    assert (found["y_level"] == 0.95).all()
    assert found["x_source"].str.contains("/").all()
    x, y = ax.get_xlim(), ax.get_ylim()
    assert (found[["x_low", "x_high"]].min().min() >= x[0]) & (found["x_high"].max() <= x[1])
    assert (found[["y_low", "y_high"]].min().min() >= y[0]) & (found["y_high"].max() <= y[1])


def test_concentrations_are_compared_on_equal_axes(ax: Axes, table: pd.DataFrame) -> None:
    found = joint_figures.draw_concentrations(ax, table)
    assert found["x"].tolist() == [10, 20, 30]
    assert found["y"].tolist() == [8, 16, 24]
    assert ax.get_xlim() == ax.get_ylim()
    line = ax.lines[0]
    np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())


def test_the_shell_is_that_of_the_points(ax: Axes, table: pd.DataFrame) -> None:
    d, t = np.array([8.0, 9.0, 10.0]), 0.5
    is_fraction = table["quantity"] == "fraction_surface"
    table.loc[is_fraction, "value"] = 1 - (1 - 2 * t / d) ** 3
    joint_figures.draw_surface_fraction(ax, table)
    assert "a shell of 0.50 nm" in ax.get_title(loc="right")


def test_concentrations_by_icp_ms_stand_in_for_those_by_eds(ax: Axes, table: pd.DataFrame) -> None:
    found = joint_figures.draw_enhancement(ax, table)
    assert set(found["x_quantity"]) == {"dopant_mM"}
    fewer = table[(table["quantity"] != "dopant_mM") | (table["sample_id"] == "s1")]
    found = joint_figures.draw_enhancement(Figure().subplots(), fewer)
    assert set(found["x_quantity"]) == {"icp_ms_mM"}


def test_an_open_end_runs_to_the_edge_and_an_unknown_one_has_no_bar(
    ax: Axes, table: pd.DataFrame
) -> None:
    table.loc[(table["quantity"] == "T_us") & (table["sample_id"] == "s1"), "high"] = math.nan
    is_x = table["quantity"] == "dopant_mM"
    table.loc[is_x, ["low", "high", "level"]] = math.nan
    found = joint_figures.draw_relaxation(ax, table)
    assert math.isinf(found["y_high"].iloc[0])
    across, up = ax.containers[0].lines[2]
    assert up.get_segments()[0][1, 1] == pytest.approx(ax.get_ylim()[1])
    assert all(np.ptp(one[:, 0]) == 0 for one in across.get_segments())


def test_fits_that_did_not_converge_are_not_drawn(ax: Axes, table: pd.DataFrame) -> None:
    bad = (table["sample_id"] == "s3") & (table["quantity"] == "T_us")
    table.loc[bad, "text"] = "not converged"
    assert joint_figures.draw_relaxation(ax, table)["sample_id"].tolist() == ["s1", "s2"]


def test_dopants_are_compared_each_with_itself(ax: Axes, table: pd.DataFrame) -> None:
    told = table[table["quantity"].isin(["dopant_mM", "icp_ms_mM"])]
    both = pd.concat([told.assign(dopant="Mn"), told.assign(dopant="Cu", value=told["value"] / 2)])
    found = joint_figures.draw_concentrations(ax, both)
    assert len(found) == 6
    assert found.groupby("dopant")["x"].max().to_dict() == {"Cu": 15.0, "Mn": 30.0}
    assert len(ax.containers) == 2


def test_one_sample_alone_is_no_comparison(ax: Axes, table: pd.DataFrame) -> None:
    alone = table[table["sample_id"] == "s1"]
    assert joint_figures.draw_concentrations(ax, alone).empty
    comparison, _ = joint_figures.COMPARISONS["icp-ms-eds"]
    assert "icp_ms_mM (1) and dopant_mM (1)" in comparison.tell_missing(alone)


def test_names_beside_points_do_not_cover_each_other() -> None:
    figure = Figure(figsize=(3.33, 2.6))
    ax = figure.subplots()
    rows = [row for k in range(1, 7) for row in rows_of(f"sample {k}", k, dopant_mM=20 + 0.2 * k)]
    joint_figures.draw_enhancement(ax, pd.DataFrame(rows, columns=list(COLUMNS)))
    figure.draw_without_rendering()
    boxes = [one.get_window_extent() for one in ax.texts]
    assert len(boxes) == 6
    for k, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:k])
