"""Figures draw what the tables say, in a form that journals take."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import napari_nanodope as nd
from napari_nanodope.figures.maps import _find_edges


@pytest.fixture(scope="module")
def result() -> nd.FieldResult:
    field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(160, 150)), seed=4)
    recipe = nd.Recipe().replace(expect={"icp_ms_mM": 30.0})
    return nd.analyze(field, recipe, labels=truth.labels)


@pytest.fixture(scope="module")
def nothing() -> nd.FieldResult:
    field, _ = nd.simulate_field(nd.PhantomParams(shape_px=(40, 40), n_particles=0), seed=1)
    return nd.analyze(field, labels=np.zeros((40, 40), np.int32))


@pytest.fixture
def ax() -> Axes:
    axes: Axes = Figure().subplots()
    return axes


def test_radial_shares_are_those_of_the_included_pixels(ax: Axes, result: nd.FieldResult) -> None:
    table = nd.figures.draw_radial(ax, result)
    k = table["size_class"].iloc[0]
    radial = result.radial[result.radial["label"].isin(result.included["label"])]
    chosen = radial[radial.groupby("label")["depth_px"].transform("size") == k]
    by_depth = chosen.groupby("depth_nm")[["n_pixels", "dopant_pixels"]].sum()
    share = by_depth["dopant_pixels"] / by_depth["n_pixels"]
    np.testing.assert_allclose(table["share"], share)
    drawn = np.asarray(ax.containers[0].lines[0].get_ydata(), float)
    np.testing.assert_allclose(drawn, share)


def test_radial_standard_error_is_that_of_a_ratio(ax: Axes, result: nd.FieldResult) -> None:
    table = nd.figures.draw_radial(ax, result)
    k = table["size_class"].iloc[0]
    radial = result.included_radial
    chosen = radial[radial.groupby("label")["depth_px"].transform("size") == k]
    for _, row in table.iterrows():
        rows = chosen[np.isclose(chosen["depth_nm"], row["depth_nm"])]
        y, n = rows["dopant_pixels"].to_numpy(), rows["n_pixels"].to_numpy()
        expected = np.std(y - y.sum() / n.sum() * n, ddof=1) / np.sqrt(len(y)) / n.mean()
        assert row["share_sem"] == pytest.approx(expected)


def test_references_are_fitted_in_height_only(ax: Axes, result: nd.FieldResult) -> None:
    table = nd.figures.draw_radial(ax, result)
    found = (table["share"] * table["n_pixels"]).sum()
    for name in ("share_if_core", "share_if_surface"):
        assert (table[name] * table["n_pixels"]).sum() == pytest.approx(found, rel=0.1)


def test_histogram_counts_every_included_particle(ax: Axes, result: nd.FieldResult) -> None:
    table = nd.figures.draw_dopants(ax, result)
    assert table["n_particles"].sum() == len(result.included)
    assert sum(bar.get_height() for bar in ax.patches) == len(result.included)
    mean_volume = result.included["volume_nm3"].mean()
    expected = 30e-3 * 6.02214076e23 * mean_volume * 1e-24
    assert table["expected_ICP-MS"].iloc[0] == pytest.approx(expected)


def test_sizes_count_every_particle(ax: Axes, result: nd.FieldResult) -> None:
    table = nd.figures.draw_sizes(ax, result)
    assert table["included"].sum() == len(result.included)
    assert table["left_out"].sum() == len(result.particles) - len(result.included)


def test_scale_bar_is_as_long_as_it_says(result: nd.FieldResult) -> None:
    figure = Figure()
    nd.figures.draw_maps(figure, result)
    bar = figure.axes[0].artists[0]
    label = bar.txt_label.get_text()
    length_px = bar.size_bar.get_children()[0].get_width()
    assert length_px * result.field.pixel_size_nm[1] == pytest.approx(float(label.split()[0]))


def test_outlines_run_along_pixel_edges() -> None:
    lines = _find_edges(np.array([[0, 0, 0], [0, 1, 2], [0, 0, 0]], np.int32))
    # 1 has four sides, 2 three more of its own besides the one they share
    assert len(lines) == 7
    assert [[0.5, 0.5], [1.5, 0.5]] in lines.tolist()
    assert [[1.5, 0.5], [1.5, 1.5]] in lines.tolist()


def test_every_figure_says_so_when_there_is_nothing(
    nothing: nd.FieldResult, tmp_path: Path
) -> None:
    files = nd.figures.save_figures(nothing, tmp_path)
    assert len(files) == 16
    assert all(file.stat().st_size > 0 for file in files)


def test_text_stays_text_and_numbers_stand_beside(result: nd.FieldResult, tmp_path: Path) -> None:
    nd.figures.save_figures(result, tmp_path)
    svg = (tmp_path / "sizes.svg").read_text()
    assert "equivalent diameter (nm)</text>" in svg
    assert b"/Type3" not in (tmp_path / "sizes.pdf").read_bytes()
    radial = pd.read_csv(tmp_path / "radial.csv")
    assert {"size_class", "depth_nm", "share", "share_sem"} <= set(radial.columns)


def test_drawing_leaves_the_settings_of_matplotlib_alone(
    result: nd.FieldResult, tmp_path: Path
) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    nd.figures.save_figures(result, tmp_path)
    assert dict(mpl.rcParams) == before
