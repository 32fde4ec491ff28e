"""The published macro, reproduced to the last count against a literal implementation of it."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from macro_literal import COLUMNS, Row, measure_depth, tabulate, to_csv
from numpy.typing import NDArray

import napari_nanodope as nd
from napari_nanodope.io.macro import read_macro_csv, write_macro_csv

HERE = Path(__file__).parent


def read_rows(path: Path) -> tuple[list[str], list[list[float]]]:
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    return header, [[float(cell) for cell in row] for row in rows]


def analyze(
    labels: NDArray[np.integer], host: NDArray[np.generic], dopant: NDArray[np.generic], **count
) -> nd.FieldResult:
    field = nd.FieldOfView(survey=host, maps={"Cd": host, "Mn": dopant}, pixel_size_nm=0.7)
    recipe = nd.Recipe().replace(profile={"distance": "erode-ceil"}, count=count)
    return nd.analyze(field, recipe, labels=labels)


def rows_of(result: nd.FieldResult) -> list[Row]:
    """Rows of the radial table: those of the macro that hold pixels."""
    names = "label depth_px n_pixels host_counts dopant_pixels dopant_counts".split()
    return [tuple(row) for row in result.radial[names].itertuples(index=False)]


def with_pixels(table: list[Row]) -> list[Row]:
    return [row for row in table if row[2] > 0]


@pytest.fixture(scope="module")
def picture() -> dict[str, NDArray[np.uint16]]:
    with np.load(HERE / "paritcal_input.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def result(picture: dict[str, NDArray[np.uint16]]) -> nd.FieldResult:
    return analyze(**picture)


def test_the_golden_file_is_what_the_literal_macro_writes(picture):
    table = tabulate(*(picture[name].tolist() for name in ("labels", "host", "dopant")))
    assert (HERE / "paritcal.csv").read_text(encoding="utf-8") == to_csv(table)


def test_the_golden_file_covers_what_can_go_wrong(picture):
    header, rows = read_rows(HERE / "paritcal.csv")
    assert header == list(COLUMNS)
    labels = picture["labels"]
    assert [row[0] for row in rows[::9]] == [k for k in np.unique(labels) if k]
    assert {row[1] for row in rows} == set(range(9))
    pixels = np.array(rows)[:, 2].reshape(-1, 9)
    assert (pixels.sum(axis=1) == 1).sum() == 2
    assert (np.count_nonzero(pixels, axis=1) == 1).sum() >= 3
    assert picture["dopant"][labels > 0].max() >= 3
    assert picture["host"][labels == 0].any()


def test_the_written_table_is_the_golden_file_to_the_last_count(result, tmp_path):
    write_macro_csv(result.radial, tmp_path / "paritcal.csv")
    assert read_rows(tmp_path / "paritcal.csv") == read_rows(HERE / "paritcal.csv")


def test_reading_the_golden_file_gives_our_radial_table(result):
    theirs = read_macro_csv(HERE / "paritcal.csv", pixel_size_nm=0.7)
    ours = result.radial[list(theirs)]
    assert ours.to_numpy(float).tolist() == theirs.to_numpy(float).tolist()


def test_the_particle_table_adds_up_to_the_golden_file(result):
    table = np.array(read_rows(HERE / "paritcal.csv")[1]).reshape(-1, 9, 6)
    particles = result.particles
    np.testing.assert_array_equal(particles["label"], table[:, 0, 0])
    np.testing.assert_allclose(particles["area_nm2"], table[:, :, 2].sum(1) * 0.49, rtol=1e-12)
    for i, name in ((3, "host_counts"), (4, "dopant_pixels"), (5, "dopant_counts")):
        np.testing.assert_array_equal(particles[name], table[:, :, i].sum(axis=1))


@st.composite
def label_images(draw: st.DrawFn) -> NDArray[np.int32]:
    """Boxes laid over each other: they touch, enclose, cut and split, and 0 makes holes."""
    shape = draw(st.tuples(st.integers(1, 16), st.integers(1, 18)))
    image = np.zeros(shape, np.int32)
    ids = st.sampled_from([0, 1, 2, 7, 41, 1000, 2**31 - 1])
    for _ in range(draw(st.integers(0, 7))):
        top, left = draw(st.integers(0, shape[0] - 1)), draw(st.integers(0, shape[1] - 1))
        height, width = draw(st.integers(1, 14)), draw(st.integers(1, 14))
        image[top : top + height, left : left + width] = draw(ids)
    if draw(st.booleans()):
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        holes = rng.random(shape) < 0.05
        image[holes] = rng.choice([0, 5], holes.sum())
    if image.flat[0] > 0 and (image == image.flat[0]).all():
        image.flat[-1] = 0  # one label on every pixel is refused by design
    return image


def draw_maps(shape: tuple[int, ...], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    return rng.integers(-3, 60, shape), rng.integers(-2, 5, shape)


def enclosed() -> NDArray[np.int32]:
    """A particle in the hole of a particle in the hole of a particle."""
    image = np.zeros((19, 19), np.int32)
    for inset, label in ((0, 6), (4, 3), (8, 90)):
        image[inset : 19 - inset, inset : 19 - inset] = label
    return image


@example(labels=enclosed(), seed=0, threshold=0.5)
@example(labels=np.zeros((1, 1), np.int32), seed=0, threshold=0.5)
@example(labels=np.array([[4, 0]], np.int32), seed=1, threshold=0.0)
@given(
    labels=label_images(),
    seed=st.integers(0, 2**32 - 1),
    threshold=st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 4.0]),
)
@settings(max_examples=150, derandomize=True, deadline=None)
def test_any_picture_of_whole_counts_is_tabulated_as_the_macro_does(labels, seed, threshold):
    host, dopant = draw_maps(labels.shape, seed)
    ours = rows_of(analyze(labels, host, dopant, threshold=threshold))
    assert ours == with_pixels(tabulate(labels.tolist(), host.tolist(), dopant.tolist(), threshold))


@given(label_images().filter(np.any), st.integers(0, 2**32 - 1))
@settings(max_examples=25, derandomize=True, deadline=None)
def test_any_written_file_is_the_macros_with_its_zeros(tmp_path_factory, labels, seed):
    host, dopant = draw_maps(labels.shape, seed)
    path = tmp_path_factory.mktemp("macro") / "paritcal.csv"
    write_macro_csv(analyze(labels, host, dopant).radial, path)
    expected = tabulate(labels.tolist(), host.tolist(), dopant.tolist())
    assert read_rows(path) == (list(COLUMNS), [list(map(float, row)) for row in expected])


@pytest.mark.parametrize("seed", range(4))
def test_a_crowd_of_touching_particles_is_tabulated_as_the_macro_does(seed):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:42, :46]
    centres = rng.uniform(0, 44, (9, 2))
    distance = np.hypot(y[..., None] - centres[:, 0], x[..., None] - centres[:, 1])
    ids = rng.choice(np.arange(1, 200), 9, replace=False)
    labels = np.where(distance.min(axis=2) < 11, ids[distance.argmin(axis=2)], 0)
    assert max(map(max, measure_depth(labels.tolist()))) >= 5
    host, dopant = draw_maps(labels.shape, seed)
    expected = tabulate(labels.tolist(), host.tolist(), dopant.tolist())
    assert rows_of(analyze(labels, host, dopant)) == with_pixels(expected)


@pytest.mark.parametrize("threshold", [0.5, 1.0, 2.25])
def test_a_value_on_the_threshold_holds_no_dopant(threshold):
    labels = np.zeros((7, 9), np.int32)
    labels[1:6, 1:8] = 4
    dopant = np.full(labels.shape, threshold, np.float32)
    assert analyze(labels, labels, dopant, threshold=threshold).radial["dopant_pixels"].sum() == 0
    above = np.nextafter(dopant, np.float32(np.inf))
    result = analyze(labels, labels, above, threshold=threshold)
    assert result.radial["dopant_pixels"].tolist() == result.radial["n_pixels"].tolist()


def test_one_label_on_every_pixel_is_refused_with_what_to_do():
    everywhere = np.full((5, 6), 3)
    with pytest.raises(nd.InputError, match=r"Expected .* got one label on every pixel; segment"):
        analyze(everywhere, everywhere, everywhere)
