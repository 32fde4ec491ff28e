"""A place in a figure stands for the particles that are drawn there."""

import numpy as np
import pytest
from matplotlib.figure import Figure

import napari_nanodope as nd
from napari_nanodope.core.profiles import count_depth_bins
from napari_nanodope.figures import picking
from napari_nanodope.figures.picking import Place
from napari_nanodope.figures.style import (
    SINGLE_COLUMN_IN,
    arrange_panels,
    choose_classes,
    count_rows,
    describe_classes,
)


@pytest.fixture(scope="module")
def result() -> nd.FieldResult:
    field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(160, 150)), seed=4)
    exclusions = {int(label): "out of focus" for label in np.unique(truth.labels)[1:12]}
    return nd.analyze(field, labels=truth.labels, exclusions=exclusions)


@pytest.fixture(scope="module")
def nothing() -> nd.FieldResult:
    field, _ = nd.simulate_field(nd.PhantomParams(shape_px=(40, 40), n_particles=0), seed=1)
    return nd.analyze(field, labels=np.zeros((40, 40), np.int32))


def test_every_bar_of_dopants_stands_for_as_many_particles_as_it_is_high(result):
    ax = Figure().subplots()
    nd.figures.draw_dopants(ax, result)
    found = []
    for bar in ax.patches:
        x = bar.get_x() + bar.get_width() / 2
        picked = picking.pick_dopants(result, Place(0, x, 0.0))
        if bar.get_height():
            assert len(picked.labels) == bar.get_height()
            found += picked.labels
    assert sorted(found) == sorted(result.included["label"])


def test_the_bar_of_none_stands_for_the_undoped_particles(result):
    size_class = 3
    members = picking.labels_in_class(result, size_class)
    particles = result.included[result.included["label"].isin(members)]
    undoped = particles[particles["dopant_pixels"] == 0]
    assert 1 < len(undoped) < len(particles)
    picked = picking.pick_dopants(result, Place(0, 0.4, 1.0), size_class=size_class)
    assert set(picked.labels) == set(undoped["label"])
    mean_nm = undoped["equivalent_diameter_nm"].mean()
    assert picked.text == (
        f"{len(undoped)} particles with 0 Mn pixels, {mean_nm:.1f} nm in diameter on average"
    )


def test_panels_of_classes_stand_for_their_particles(result):
    figure = Figure()
    table = nd.figures.draw_dopants_by_class(figure, result)
    classes = choose_classes(result, 6)
    of_label = count_depth_bins(result.included_radial)
    for ax, size_class in zip(figure.axes, classes, strict=True):
        picked = picking.pick_class(result, size_class)
        assert set(picked.labels) == set(of_label.index[of_label == size_class])
        assert ax.get_title().startswith(f"{len(picked.labels)} NC")
        assert picking.pick_dopants(result, Place(0), size_class=size_class) == picked
        empty = Place(0, 1e4, 1.0)
        assert picking.pick_dopants(result, empty, size_class=size_class) == picked
    rows = table[(table["size_class"] == classes[0]) & (table["n_particles"] > 0)]
    dopants, n = int(rows["dopants"].iloc[0]), int(rows["n_particles"].iloc[0])
    labels = picking.labels_with_dopants(result, dopants, dopants, size_class=classes[0])
    assert len(labels) == n


def test_every_bar_of_diameters_stands_for_its_particles(result):
    table = nd.figures.draw_sizes(Figure().subplots(), result)
    assert table["left_out"].sum() >= 11
    chosen = {"included": [], "left_out": []}
    for row in table.itertuples():
        x = (row.low_nm + row.high_nm) / 2
        if row.included:
            chosen["included"] += picking.pick_diameters(result, Place(0, x, 0.0)).labels
        if row.left_out:
            y = row.included + 0.5
            chosen["left_out"] += picking.pick_diameters(result, Place(0, x, y)).labels
    included = result.particles["included"]
    labels = result.particles["label"]
    assert sorted(chosen["included"]) == sorted(labels[included])
    assert sorted(chosen["left_out"]) == sorted(labels[~included])


def test_the_greatest_diameter_is_in_the_last_bar(result):
    diameters = result.included["equivalent_diameter_nm"]
    largest = diameters.max()
    labels = picking.labels_of_diameter(result, largest - 1e-9, largest)
    assert labels == result.included["label"][diameters == largest].tolist()


def test_the_reduced_particle_stands_for_those_that_it_is_made_of(result):
    ax = Figure().subplots()
    table = nd.figures.draw_reduced(ax, result)
    assert len(picking.pick_reduced(result).labels) == table["n_particles"].iloc[0]


def test_undoped_particles_are_those_without_a_pixel(result):
    undoped = result.included[result.included["dopant_pixels"] == 0]
    picked = picking.pick_undoped(result)
    assert picked.labels == tuple(undoped["label"])
    assert picked.text.startswith(f"{len(undoped)} particles without Mn, ")


def test_nothing_is_picked_where_nothing_is_drawn(nothing):
    assert picking.pick_dopants(nothing, Place(0, 0.0, 0.0)) is None
    assert picking.pick_diameters(nothing, Place(0, 0.0, 0.0)) is None
    assert picking.pick_undoped(nothing) is None
    assert picking.labels_with_profile(nothing) == []
    assert describe_classes(nothing) == {}


def test_size_classes_are_told_with_their_diameter(result):
    told = describe_classes(result)
    assert list(told) == sorted(told)
    n = sum(int(text.split(", ")[1].split()[0]) for text in told.values())
    assert n == len(result.included)


@pytest.mark.parametrize("n_panels", range(1, 8))
def test_narrow_figures_have_two_panels_side_by_side(n_panels):
    figure = Figure(figsize=(SINGLE_COLUMN_IN, 4))
    panels = arrange_panels(figure, n_panels)
    grid = panels[0].get_gridspec()
    assert grid.ncols == min(n_panels, 2)
    assert grid.nrows == count_rows(n_panels, SINGLE_COLUMN_IN) == -(-n_panels // grid.ncols)


@pytest.mark.parametrize(
    "draw", [nd.figures.draw_radial_by_class, nd.figures.draw_dopants_by_class]
)
def test_the_legend_of_a_narrow_figure_covers_no_data(result, draw):
    figure = Figure(figsize=(SINGLE_COLUMN_IN, 5), layout="constrained")
    draw(figure, result)
    figure.draw_without_rendering()
    legend = figure.legends[0].get_window_extent()
    classes = figure.axes[:-1] if draw is nd.figures.draw_radial_by_class else figure.axes
    assert all(ax.get_legend() is None for ax in classes)
    assert not any(legend.overlaps(ax.get_window_extent()) for ax in figure.axes)
