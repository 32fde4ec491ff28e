"""Radial tables and their averages: literal loops, exact integers, curves with known answers."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import ArrayLike, NDArray

from napari_nanodope.core.distance import compute_depth_nm, deepest
from napari_nanodope.core.labels import compact_labels
from napari_nanodope.core.profiles import (
    CURVES,
    DepthBins,
    RadialSums,
    average_by_size_class,
    average_reduced,
    count_depth_bins,
    decompose_by_least_squares,
    sum_radially,
)

repeatable = settings(max_examples=80, derandomize=True, deadline=None)
label_images = arrays(
    np.int32,
    st.tuples(st.integers(1, 12), st.integers(2, 12)),
    elements=st.sampled_from([0, 1, 1, 1, 1, 1, 1, 6]),
).map(lambda image: image * (np.arange(image.size).reshape(image.shape) > 0))


def sum_over(
    labels: ArrayLike,
    depth: ArrayLike,
    host: ArrayLike,
    dopant: ArrayLike,
    *,
    threshold: float = 0.5,
    **bins: float,
) -> RadialSums:
    compact = compact_labels(np.asarray(labels, np.int32))
    depth = np.asarray(depth, np.float32)
    host, dopant = np.asarray(host, np.float32), np.asarray(dopant, np.float32)
    depths = DepthBins(depth=depth, deepest=deepest(compact, depth), **bins)
    return sum_radially(compact, depths, host, dopant, threshold)


def tabulate(sums: RadialSums, ids: ArrayLike) -> pd.DataFrame:
    """As the columns of a result's radial table."""
    columns: dict[str, Any] = {name: getattr(sums, name) for name in ("depth_px", *CURVES)}
    columns |= {"label": np.asarray(ids)[sums.particle], "depth_nm": sums.depth_px + 0.5}
    return pd.DataFrame(columns)


def random_radial(seed: int, n_particles: int = 30) -> pd.DataFrame:
    """Radial table of particles of 1 to 6 depth bins, whose labels have gaps, rows shuffled."""
    rng = np.random.default_rng(seed)
    rows = []
    for label in rng.choice(np.arange(1, 400), n_particles, replace=False):
        n_bins = rng.integers(1, 7)
        rows += [
            (
                label,
                k,
                0.7 * (k + 0.5),
                rng.integers(1, 50),
                rng.normal(100, 60),
                *rng.poisson(3, 2),
            )
            for k in range(n_bins)
        ]
    table = pd.DataFrame(rows, columns=["label", "depth_px", "depth_nm", *CURVES])
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


def test_a_small_picture_by_hand():
    labels = [[0, 4, 4, 4], [9, 4, 4, 4], [0, 4, 4, 4]]
    depth = [[0, 0.5, 1.2, 0.5], [0.5, 0.5, 2.5, 0.5], [0, 0.5, 1.9, 0.5]]
    host = [[99, 1, 2, 3], [-7, 4, 5, 6], [99, 7, 8, 9]]
    dopant = [[9, 0, 1, 0], [2, 0.5, 3, -1], [9, 0.6, 0, 2]]
    sums = sum_over(labels, depth, host, dopant, nm=0.7)
    assert sums.particle.tolist() == [0, 0, 0, 1]
    assert sums.depth_px.tolist() == [0, 1, 2, 0]
    assert sums.n_pixels.tolist() == [6, 2, 1, 1]
    assert sums.host_counts.tolist() == [30, 10, 5, -7]
    assert sums.dopant_pixels.tolist() == [2, 1, 1, 1]
    np.testing.assert_allclose(sums.dopant_counts, [2.6, 1, 3, 2], rtol=1e-6)
    np.testing.assert_allclose(sums.mean_depth_nm, [0.35, 1.085, 1.75, 0.35], rtol=1e-6)


def test_empty_depths_between_others_are_left_out():
    sums = sum_over([[1, 1, 1, 0]], [[0.5, 3.5, 7.2, 0]], np.ones((1, 4)), np.zeros((1, 4)))
    assert sums.depth_px.tolist() == [0, 3, 7]


def test_a_picture_without_particles_has_an_empty_table():
    nothing = np.zeros((3, 4))
    sums = sum_over(nothing, nothing, nothing, nothing)
    assert {len(getattr(sums, name)) for name in sums.__slots__} == {0}


@pytest.mark.parametrize("width", [0.1, 0.2, 1 / 3, 0.7, 1.3, 25.4])
def test_a_depth_on_the_edge_of_a_bin_belongs_to_the_deeper_one(width):
    depth = (np.arange(200) * width).astype(np.float32)[None]
    sums = sum_over(np.ones((1, 200)), depth, depth, depth, width=width)
    assert sums.depth_px.tolist() == list(range(200))


@given(
    label_images, st.integers(0, 2**32 - 1), st.sampled_from([-1.5, 0.0, 0.25, 0.5, 2.0]), st.data()
)
@repeatable
def test_the_sums_are_those_of_a_literal_loop(labels, seed, threshold, data):
    rng = np.random.default_rng(seed)
    depth = rng.integers(0, 40, labels.shape) / 8  # exact in binary
    host, dopant = (rng.integers(-40, 90, labels.shape) / 16 for _ in range(2))
    width = data.draw(st.sampled_from([0.5, 1.0, 2.0]))
    expected: dict[tuple[int, int], list[float]] = {}
    for label, d, h, m in zip(labels.flat, depth.flat, host.flat, dopant.flat, strict=True):
        if label > 0:
            row = expected.setdefault((int(label), int(d // width)), [0, 0, 0, 0, 0])
            row[0] += 1
            row[1] += d
            row[2] += h
            if m > threshold:
                row[3] += 1
                row[4] += m
    sums = sum_over(labels, depth, host, dopant, threshold=threshold, width=width, nm=0.5)
    ids = np.unique(labels[labels > 0])
    found = {
        (int(ids[particle]), int(k)): [n, n * mean / 0.5, h, n_d, d]
        for particle, k, n, mean, h, n_d, d in zip(
            *(getattr(sums, name) for name in sums.__slots__), strict=True
        )
    }
    assert list(found) == sorted(expected)
    for key, row in found.items():
        assert row == pytest.approx(expected[key], rel=1e-12, abs=1e-12)


@given(label_images, st.sampled_from([0.1, 1 / 3, 0.7, 1.0, 13.37]))
@repeatable
def test_bins_of_euclidean_depth_are_exact_whatever_the_unit(labels, pixel_nm):
    # floor(sqrt(d2) - 1/2) >= k where (2 k + 1)^2 <= 4 d2, all of it whole numbers.
    expected: dict[tuple[int, int], int] = {}
    for y, x in np.argwhere(labels > 0):
        d2 = ((np.argwhere(labels != labels[y, x]) - (y, x)) ** 2).sum(axis=1).min()
        k = max(k for k in range(20) if (2 * k + 1) ** 2 <= 4 * d2)
        key = int(labels[y, x]), k
        expected[key] = expected.get(key, 0) + 1
    depth = compute_depth_nm(labels, (pixel_nm, pixel_nm))
    sums = sum_over(labels, depth, labels, labels, width=pixel_nm)
    ids = np.unique(labels[labels > 0])[sums.particle]
    found = dict(zip(zip(ids, sums.depth_px, strict=True), sums.n_pixels, strict=True))
    assert found == expected


def test_whole_counts_add_up_exactly_beyond_single_precision():
    labels = np.ones((1000, 300))
    labels[0, 0] = 0
    host = np.full(labels.shape, 65_535)
    sums = sum_over(labels, np.zeros(labels.shape), host, host)
    assert sums.host_counts[0] == sums.dopant_counts[0] == 65_535 * 299_999


def test_a_higher_threshold_never_counts_more():
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(6), 40).reshape(12, 20)
    depth, dopant = rng.uniform(0, 4, (2, 12, 20))
    tables = [
        sum_over(labels, depth, dopant, dopant, threshold=t) for t in np.linspace(-0.5, 4.5, 40)
    ]
    counted = np.array([sums.dopant_pixels for sums in tables])
    assert (np.diff(counted, axis=0) <= 0).all()
    assert (np.diff([sums.dopant_counts for sums in tables], axis=0) <= 0).all()
    np.testing.assert_array_equal(counted[0], tables[0].n_pixels)
    assert not counted[-1].any()
    for sums in tables:
        np.testing.assert_array_equal(sums.host_counts, tables[0].host_counts)


def test_negative_net_counts_lower_the_host_and_are_no_dopants():
    labels = np.array([[1, 1, 1, 0]])
    net = np.array([[-2.0, 5.0, -4.0, -50.0]])
    sums = sum_over(labels, np.zeros((1, 4)), net, net)
    assert (sums.host_counts[0], sums.dopant_pixels[0], sums.dopant_counts[0]) == (-1, 1, 5)


def test_rows_of_chosen_particles_and_sums_per_particle():
    labels = np.array([[1, 1, 2, 3, 3, 0]])
    depth, counts = [[0, 1, 0, 0, 1, 0]], [[1, 2, 4, 8, 16, 32]]
    sums = sum_over(labels, depth, counts, counts)
    assert sums.per_particle("host_counts", 5).tolist() == [3, 4, 24, 0, 0]
    assert sums.per_particle("n_pixels", 3).tolist() == [2, 1, 2]
    chosen = sums.of(np.array([True, False, True]))
    assert chosen.particle.tolist() == [0, 0, 2, 2]
    assert chosen.host_counts.tolist() == [1, 2, 8, 16]


def test_the_size_class_is_the_number_of_depth_bins():
    radial = pd.DataFrame({"label": [8, 3, 8, 8, 3, 90], "depth_px": [0, 0, 1, 4, 1, 0]})
    assert count_depth_bins(radial).to_dict() == {3: 2, 8: 3, 90: 1}


@pytest.mark.parametrize("seed", range(4))
def test_averages_by_size_class_are_those_of_a_plain_loop(seed):
    radial = random_radial(seed)
    rows = []
    for size_class in range(1, 7):
        members = [g for _, g in radial.groupby("label") if len(g) == size_class]
        for k in range(size_class if members else 0):
            picked = [g[g["depth_px"] == k].iloc[0] for g in members]
            row = [size_class, k, 0.7 * (k + 0.5), len(picked)]
            for curve in CURVES:
                values = [float(p[curve]) for p in picked]
                mean = sum(values) / len(values)
                square = sum((v - mean) ** 2 for v in values)
                n = len(values)
                row += [mean, np.sqrt(square / (n - 1) / n) if n > 1 else np.nan]
            rows.append(row)
    found = average_by_size_class(radial)
    names = [f"{curve}_{what}" for curve in CURVES for what in ("mean", "sem")]
    assert list(found) == ["size_class", "depth_px", "depth_nm", "n_particles", *names]
    np.testing.assert_allclose(found.to_numpy(float), np.array(rows, float), rtol=1e-9, atol=1e-12)


def test_a_class_of_one_particle_has_no_standard_error():
    radial = random_radial(0, n_particles=1)
    averages = average_by_size_class(radial)
    assert averages["n_pixels_sem"].isna().all()
    assert averages["n_pixels_mean"].notna().all()


def curves_of(lengths: list[int], value: Any) -> pd.DataFrame:
    """Radial table of one particle per length, every curve `value(particle, k, length)`."""
    rows = [
        (i + 1, k, k + 0.5, *[value(i, k, length)] * 4)
        for i, length in enumerate(lengths)
        for k in range(length)
    ]
    return pd.DataFrame(rows, columns=["label", "depth_px", "depth_nm", *CURVES])


def test_constant_curves_stay_constant_at_reduced_depth():
    averages = average_reduced(
        curves_of([2, 3, 5, 9, 4], lambda i, *_: [3.0, 5.0, 7.0, 9.0, 1.0][i])
    )
    np.testing.assert_allclose(averages["host_counts_mean"], 5.0, rtol=1e-12)
    np.testing.assert_allclose(averages["host_counts_sem"], np.sqrt(10 / 5), rtol=1e-9)
    assert averages["n_particles"].eq(5).all()


@pytest.mark.parametrize("n_points", [2, 11, 21])
def test_linear_curves_stay_linear_at_reduced_depth(n_points):
    averages = average_reduced(
        curves_of([2, 3, 5, 9], lambda i, k, n: 4.0 - 3.0 * k / (n - 1)), n_points=n_points
    )
    grid = np.linspace(0, 1, n_points)
    np.testing.assert_allclose(averages["reduced_depth"], grid)
    for curve in CURVES:
        np.testing.assert_allclose(averages[f"{curve}_mean"], 4.0 - 3.0 * grid, rtol=1e-12)
        np.testing.assert_allclose(averages[f"{curve}_sem"], 0, atol=1e-7)


@pytest.mark.parametrize("seed", range(3))
def test_reduced_averages_are_those_of_a_plain_loop(seed):
    radial = random_radial(seed)
    curves = {curve: [] for curve in CURVES}
    for _, rows in radial.groupby("label"):
        if len(rows) > 1:
            ordered = rows.sort_values("depth_px")
            at = np.linspace(0, 1, 21) * (len(rows) - 1)
            for curve in CURVES:
                curves[curve].append(np.interp(at, ordered["depth_px"], ordered[curve]))
    found = average_reduced(radial)
    for curve, values in curves.items():
        assert found["n_particles"].eq(len(values)).all()
        np.testing.assert_allclose(found[f"{curve}_mean"], np.mean(values, axis=0), rtol=1e-9)
        sem = np.std(values, axis=0, ddof=1) / np.sqrt(len(values))
        np.testing.assert_allclose(found[f"{curve}_sem"], sem, rtol=1e-6)


def test_particles_of_a_single_bin_have_no_reduced_profile():
    lengths = [1, 1, 4, 4]
    averages = average_reduced(curves_of(lengths, lambda i, k, n: 100.0 if n == 1 else 2.0))
    assert averages["n_particles"].eq(2).all()
    np.testing.assert_allclose(averages["n_pixels_mean"], 2.0)
    nothing = average_reduced(curves_of([1, 1], lambda *_: 1.0))
    assert nothing["n_particles"].eq(0).all()
    assert nothing["n_pixels_mean"].isna().all()


def averages_of(
    size_class: int,
    dopant: NDArray[np.float64],
    pixels: NDArray[np.float64],
    host: NDArray[np.float64],
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "size_class": size_class,
            "dopant_pixels_mean": dopant,
            "n_pixels_mean": pixels,
            "host_counts_mean": host,
        }
    )


def known_curves(seed: int, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    return rng.uniform(5, 80, n), rng.uniform(100, 3000, n)


@pytest.mark.parametrize("coefficients", [(0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.3, 2.0, 0.7)])
@pytest.mark.parametrize("n", [3, 4, 9])
def test_known_coefficients_are_recovered_exactly(coefficients, n):
    pixels, host = known_curves(n, n)
    constant, surface, bulk = coefficients
    dopant = constant + surface * pixels / pixels.max() + bulk * host / host.max()
    found = decompose_by_least_squares(averages_of(n, dopant, pixels, host)).iloc[0]
    expected = np.array(coefficients) / dopant.max()
    np.testing.assert_allclose(
        found[["constant", "surface", "bulk"]].tolist(), expected, atol=1e-10
    )
    assert found["r_squared"] == pytest.approx(1, abs=1e-10)
    assert (found["size_class"], found["n_depths"]) == (n, n)


@pytest.mark.parametrize("seed", range(4))
def test_noisy_curves_give_the_solution_of_the_normal_equations(seed):
    pixels, host = known_curves(seed, 8)
    dopant = np.random.default_rng(seed + 50).uniform(1, 5, 8)
    y, a, b = dopant / dopant.max(), pixels / pixels.max(), host / host.max()
    # Cramer's rule on the deviations from the means, as in a textbook's two-variable regression.
    saa, sbb, sab = a.var(), b.var(), np.mean(a * b) - a.mean() * b.mean()
    say, sby = np.mean(a * y) - a.mean() * y.mean(), np.mean(b * y) - b.mean() * y.mean()
    determinant = saa * sbb - sab**2
    surface = (say * sbb - sby * sab) / determinant
    bulk = (sby * saa - say * sab) / determinant
    constant = y.mean() - surface * a.mean() - bulk * b.mean()
    r_squared = (surface * say + bulk * sby) / y.var()
    found = decompose_by_least_squares(averages_of(8, dopant, pixels, host)).iloc[0]
    values = found[["constant", "surface", "bulk", "r_squared"]].tolist()
    np.testing.assert_allclose(values, [constant, surface, bulk, r_squared], rtol=1e-8)


def test_every_size_class_is_decomposed_on_its_own():
    tables = [averages_of(k, *(np.random.default_rng(k).uniform(1, 9, (3, k)))) for k in (4, 6)]
    together = decompose_by_least_squares(pd.concat(tables))
    apart = pd.concat([decompose_by_least_squares(t) for t in tables], ignore_index=True)
    pd.testing.assert_frame_equal(together, apart)


def test_the_reduced_particle_is_class_0():
    radial = random_radial(3)
    found = decompose_by_least_squares(average_reduced(radial))
    assert found[["size_class", "n_depths"]].to_numpy().tolist() == [[0, 21]]
    assert found.notna().all(axis=None)


@pytest.mark.parametrize("why", ["two depths", "no dopants", "no host"])
def test_curves_that_determine_nothing_give_nan(why):
    n = 2 if why == "two depths" else 5
    pixels, host = known_curves(1, n)
    dopant = pixels * (why != "no dopants")
    host = host * (why != "no host")
    found = decompose_by_least_squares(averages_of(n, dopant, pixels, host)).iloc[0]
    assert found[["constant", "surface", "bulk", "r_squared"]].isna().all()
    assert found["n_depths"] == n


def test_averages_of_measured_sums_add_up_to_the_sums():
    rng = np.random.default_rng(9)
    labels = np.zeros((40, 60), np.int32)
    for label, row, column, size in [(3, 2, 2, 8), (5, 2, 20, 8), (9, 20, 3, 13), (17, 18, 30, 5)]:
        labels[row : row + size, column : column + size] = label
    host, dopant = rng.poisson(20, labels.shape), rng.poisson(0.3, labels.shape)
    sums = sum_over(labels, compute_depth_nm(labels, (1.0, 1.0)), host, dopant)
    averages = average_by_size_class(tabulate(sums, np.unique(labels[labels > 0])))
    assert averages.groupby("size_class")["n_particles"].first().to_dict() == {3: 1, 4: 2, 7: 1}
    for curve, expected in (
        ("n_pixels", (labels > 0).sum()),
        ("host_counts", host[labels > 0].sum()),
        ("dopant_pixels", (dopant[labels > 0] > 0.5).sum()),
    ):
        total = (averages[f"{curve}_mean"] * averages["n_particles"]).sum()
        assert total == pytest.approx(expected)
