"""Dopants from thresholded pixels: tables by hand, coverage by simulation, literal counting."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import stats

from napari_nanodope import InputError
from napari_nanodope.core.counting import (
    FalsePositives,
    choose_threshold,
    count_false_positives,
    estimate_dopants,
    estimate_undoped_fraction,
    find_particle_free,
    poisson_interval,
    tabulate_thresholds,
)

repeatable = settings(max_examples=100, derandomize=True, deadline=None)
label_images = arrays(
    np.int32,
    st.tuples(st.integers(1, 10), st.integers(1, 12)),
    elements=st.sampled_from([0] * 12 + [1, 9]),
)


def search_free(labels: NDArray[np.int32], margin: int) -> NDArray[np.bool_]:
    """Pixels whose square of 2 margin + 1 pixels holds no label, by looking at each."""
    free = np.ones(labels.shape, bool)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            for row in range(max(y - margin, 0), min(y + margin + 1, labels.shape[0])):
                for column in range(max(x - margin, 0), min(x + margin + 1, labels.shape[1])):
                    free[y, x] &= labels[row, column] == 0
    return free


@given(label_images)
@repeatable
def test_particle_free_pixels_have_a_5_by_5_neighbourhood_without_labels(labels):
    np.testing.assert_array_equal(find_particle_free(labels), search_free(labels, 2))


@given(label_images, st.integers(0, 4))
@repeatable
def test_the_margin_is_the_half_width_of_the_neighbourhood(labels, margin):
    found = find_particle_free(labels, margin_px=margin)
    np.testing.assert_array_equal(found, search_free(labels, margin))


def test_a_lone_pixel_takes_5_by_5_from_the_free_ones():
    labels = np.zeros((9, 9), np.int32)
    labels[4, 4] = 7
    free = find_particle_free(labels)
    assert free.sum() == 81 - 25
    assert not free[2:7, 2:7].any()


def test_false_positives_are_the_free_pixels_strictly_above_the_threshold():
    dopant = np.array([[0.5, 0.6, 3.0], [-1.0, 0.5, 9.0]], np.float32)
    free = np.array([[True, True, True], [True, True, False]])
    found = count_false_positives(dopant, free, 0.5)
    assert (found.n_events, found.n_pixels, found.per_pixel) == (2, 5, 0.4)


@given(label_images, st.integers(0, 2**32 - 1), st.sampled_from([-1.0, 0.0, 0.5, 1.0]))
@repeatable
def test_the_background_rate_is_that_of_a_literal_double_loop(labels, seed, threshold):
    dopant = np.random.default_rng(seed).integers(-2, 4, labels.shape).astype(np.float32)
    events = pixels = 0
    free = search_free(labels, 2)
    for y in range(labels.shape[0]):
        for x in range(labels.shape[1]):
            if free[y, x]:
                pixels += 1
                events += bool(dopant[y, x] > threshold)
    found = count_false_positives(dopant, find_particle_free(labels), threshold)
    assert (found.n_events, found.n_pixels) == (events, pixels)


def test_without_free_pixels_the_background_is_taken_as_none():
    nothing = FalsePositives(0, 0)
    assert nothing.per_pixel == 0
    assert nothing.interval() == (0, 0)


def test_the_interval_of_the_background_rate_is_that_of_its_count():
    low, high = FalsePositives(10, 1000).interval()
    assert (low, high) == pytest.approx((0.004795, 0.01839), rel=1e-3)


# Garwood's limits of a Poisson mean at 95 %, as every table has them.
@pytest.mark.parametrize(
    ("n", "low", "high"),
    [
        (0, 0.0, 3.689),
        (1, 0.0253, 5.572),
        (2, 0.242, 7.225),
        (5, 1.623, 11.668),
        (10, 4.795, 18.390),
        (50, 37.111, 65.919),
        (100, 81.364, 121.627),
    ],
)
def test_the_poisson_interval_is_the_tabulated_one(n, low, high):
    found = poisson_interval(n)
    assert float(found[0]) == pytest.approx(low, abs=6e-4)
    assert float(found[1]) == pytest.approx(high, abs=6e-4)


@pytest.mark.parametrize("level", [0.5, 0.6827, 0.9, 0.99])
def test_either_bound_of_the_poisson_interval_leaves_half_the_rest(level):
    n = np.arange(1, 60)
    low, high = poisson_interval(n, level=level)
    np.testing.assert_allclose(stats.poisson.sf(n - 1, low), (1 - level) / 2, rtol=1e-6)
    np.testing.assert_allclose(stats.poisson.cdf(n, high), (1 - level) / 2, rtol=1e-6)


def test_the_poisson_interval_keeps_the_shape():
    low, high = poisson_interval(np.arange(6).reshape(2, 3))
    assert low.shape == high.shape == (2, 3)


def test_without_background_the_estimate_is_the_count_with_its_poisson_interval():
    n = np.array([0, 1, 10, 100])
    found = estimate_dopants(n, np.full(4, 80), FalsePositives(0, 10**12))
    low, high = poisson_interval(n)
    np.testing.assert_array_equal(found.value, n)
    np.testing.assert_allclose(found.low, low, atol=1e-6)
    np.testing.assert_allclose(found.high, high, rtol=1e-6)


def test_expected_false_positives_are_subtracted_and_may_exceed_the_count():
    found = estimate_dopants(np.array([3, 3]), np.array([100, 500]), FalsePositives(100, 10_000))
    np.testing.assert_allclose(found.value, [2, -2])
    assert found.low.tolist() == [0, 0]
    assert (found.high > 0).all()


def test_the_estimate_is_unbiased():
    rng = np.random.default_rng(0)
    true, rate, area, n_free = 4.0, 0.02, 100, 300
    values = [
        estimate_dopants(
            rng.poisson(true + rate * area),
            area,
            FalsePositives(int(rng.poisson(rate * n_free)), n_free),
        ).value
        for _ in range(2000)
    ]
    assert np.mean(values) == pytest.approx(true, abs=4 * np.std(values) / np.sqrt(len(values)))


@pytest.mark.parametrize("n_free", [5, 30, 200, 2000, 100_000])
@pytest.mark.parametrize("rate", [0.001, 0.02, 0.2])
def test_the_interval_covers_the_truth_in_95_of_100_simulations(rate, n_free):
    rng = np.random.default_rng([int(1000 * rate), n_free])
    true = np.array([0.0, 0.3, 1.0, 3.0, 10.0, 40.0])
    area, n_sims = 80, 1500
    n = rng.poisson(true + rate * area, (n_sims, len(true)))
    covered = np.zeros(len(true))
    for events, background in zip(n, rng.poisson(rate * n_free, n_sims), strict=True):
        found = estimate_dopants(events, area, FalsePositives(int(background), n_free))
        covered += (found.low <= true) & (true <= found.high)
    slack = 3.5 * np.sqrt(0.95 * 0.05 / n_sims)
    assert (covered / n_sims >= 0.95 - slack).all(), covered / n_sims


@pytest.mark.parametrize(
    ("rate", "area", "n_free"),
    [(0.3, 10, 1000), (0.03, 100, 1000), (0.002, 400, 40), (0.1, 50, 15)],
)
def test_the_interval_covers_the_truth_when_every_outcome_is_weighed(rate, area, n_free):
    true = np.array([0.0, 0.5, 2.0, 30.0, 100.0])
    n = np.arange(int(100 + rate * area + 12 * np.sqrt(100 + rate * area)))
    backgrounds = np.arange(int(rate * n_free + 8 * np.sqrt(rate * n_free) + 10))
    covered = np.zeros(len(true))
    for background, weight in zip(
        backgrounds, stats.poisson.pmf(backgrounds, rate * n_free), strict=True
    ):
        found = estimate_dopants(n, area, FalsePositives(int(background), n_free))
        for i, mean in enumerate(true):
            inside = (found.low <= mean) & (mean <= found.high)
            covered[i] += weight * stats.poisson.pmf(n[inside], mean + rate * area).sum()
    assert (covered >= 0.95).all(), covered


@pytest.mark.parametrize("level", [0.6827, 0.9, 0.99])
def test_other_levels_cover_as_often_as_they_say(level):
    rng = np.random.default_rng(int(100 * level))
    true, rate, area, n_free, n_sims = 6.0, 0.05, 80, 400, 2000
    hits = 0
    for _ in range(n_sims):
        background = FalsePositives(int(rng.poisson(rate * n_free)), n_free)
        found = estimate_dopants(rng.poisson(true + rate * area), area, background, level=level)
        hits += bool(found.low <= true <= found.high)
    assert hits / n_sims >= level - 3.5 * np.sqrt(level * (1 - level) / n_sims)


@given(
    n=st.integers(0, 5000),
    area=st.integers(1, 10**6),
    n_free=st.integers(1, 10**6),
    share=st.floats(0, 1),
)
@repeatable
def test_bounds_are_finite_not_negative_and_enclose_what_is_possible(n, area, n_free, share):
    found = estimate_dopants(n, area, FalsePositives(int(share * n_free), n_free))
    assert 0 <= found.low <= found.high < np.inf
    assert found.value <= found.high
    assert found.low <= max(float(found.value), 0)


def test_more_counts_never_lower_a_bound():
    found = estimate_dopants(np.arange(200), 150, FalsePositives(40, 900))
    for bound in (found.value, found.low, found.high):
        assert (np.diff(bound) >= 0).all()


def draw_counts(
    rng: np.random.Generator, n: int, undoped: float, rate: float, area: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Dopant pixels of particles, of which a share holds none, with false ones at `rate`."""
    doped = rng.random(n) >= undoped
    return rng.binomial(area, rate) + doped * (1 + rng.poisson(3, n))


@pytest.mark.parametrize("undoped", [0.0, 0.1, 0.4, 0.8, 1.0])
@pytest.mark.parametrize(("rate", "area"), [(0.0, 100), (0.003, 100), (0.01, 150), (0.1, 20)])
def test_the_undoped_fraction_is_recovered_under_false_positives(undoped, rate, area):
    rng = np.random.default_rng(7)
    n, n_free = 40_000, 10**7
    areas = rng.integers(area // 2, 3 * area // 2, n)
    background = FalsePositives(round(rate * n_free), n_free)
    found = estimate_undoped_fraction(draw_counts(rng, n, undoped, rate, areas), areas, background)
    # Standard deviation of the share that shows none, over the mean chance to show none.
    shown = np.mean((1 - rate) ** areas)
    sd = np.sqrt(undoped * shown * (1 - undoped * shown) / n) / shown
    assert found[0] == pytest.approx(undoped, abs=4 * sd + 1e-3)
    assert found[1] <= found[0] <= found[2]


@pytest.mark.parametrize("n_free", [2000, 10**7])
@pytest.mark.parametrize("undoped", [0.1, 0.5, 0.8])
def test_the_interval_of_the_undoped_fraction_covers_the_truth(undoped, n_free):
    rng = np.random.default_rng([n_free, int(10 * undoped)])
    n, rate, n_sims = 300, 0.01, 600
    areas = np.full(n, 80)
    hits = 0
    for _ in range(n_sims):
        background = FalsePositives(int(rng.binomial(n_free, rate)), n_free)
        counts = draw_counts(rng, n, undoped, rate, areas)
        _, low, high = estimate_undoped_fraction(counts, areas, background)
        hits += low <= undoped <= high
    assert hits / n_sims >= 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / n_sims)


def test_the_undoped_fraction_without_background_is_wilsons():
    # 15 of 148: 0.1013 with Wilson's interval of 0.0624 to 0.1605 (Newcombe, Stat. Med. 1998).
    counts = np.array([0] * 15 + [2] * 133)
    found = estimate_undoped_fraction(counts, np.full(148, 50), FalsePositives(0, 10**9))
    assert found == pytest.approx((0.1014, 0.0624, 0.1605), abs=1e-4)


def test_the_undoped_fraction_is_unknown_without_particles_or_behind_false_positives():
    none = np.zeros(0, np.int64)
    assert np.isnan(estimate_undoped_fraction(none, none, FalsePositives(1, 100))).all()
    drowned = np.array([5, 0, 9]), np.array([300, 300, 300]), FalsePositives(10, 1000)
    assert np.isnan(estimate_undoped_fraction(*drowned)).all()


def count_literally(
    dopant: NDArray[np.float32], labels: NDArray[np.int32], threshold: float
) -> tuple[int, float, float, float]:
    """Dopant pixels, false positives per pixel, corrected total and its relative error."""
    inside = outside = events_in = events_out = 0
    free = search_free(labels, 2)
    for value, label, is_free in zip(dopant.flat, labels.flat, free.flat, strict=True):
        inside += label > 0
        outside += is_free
        events_in += label > 0 and value > threshold
        events_out += is_free and value > threshold
    scale = inside / outside if outside else 0.0
    total = events_in - scale * events_out
    error = np.sqrt(events_in + scale**2 * events_out) / total if total > 0 else np.inf
    return events_in, events_out / outside if outside else 0.0, total, error


@pytest.mark.parametrize("kind", ["whole", "net", "none free"])
@pytest.mark.parametrize("seed", range(3))
def test_the_thresholds_table_is_literal_counting(seed, kind):
    rng = np.random.default_rng(seed)
    labels = np.zeros((24, 26), np.int32)
    labels[3:9, 4:11], labels[14:20, 12:20] = 3, 8
    if kind == "none free":
        labels[::4, ::4] = 5
    dopant = rng.poisson(np.where(labels > 0, 0.7, 0.2)).astype(np.float32)
    if kind != "whole":
        dopant += rng.normal(-0.1, 0.3, dopant.shape).astype(np.float32)
    table = tabulate_thresholds(dopant, labels, find_particle_free(labels))
    names = ["dopant_pixels", "false_positives_per_pixel", "dopants", "relative_error"]
    for row in table.itertuples():
        expected = count_literally(dopant, labels, row.threshold)
        np.testing.assert_allclose([getattr(row, name) for name in names], expected, rtol=1e-12)


def test_thresholds_lie_midway_between_the_values_that_occur():
    labels = np.zeros((1, 12), np.int32)
    labels[0, :5] = 1
    dopant = np.zeros((1, 12), np.float32)
    dopant[0, :5] = [-4, 0, 1, 1, 4]
    dopant[0, 11] = 9
    table = tabulate_thresholds(dopant, labels, find_particle_free(labels))
    assert table["threshold"].tolist() == [0.5, 2.5]
    assert table["dopant_pixels"].tolist() == [3, 1]


def test_at_most_so_many_thresholds_from_the_lowest_to_the_highest():
    rng = np.random.default_rng(3)
    labels = np.zeros((40, 40), np.int32)
    labels[10:30, 10:30] = 1
    dopant = rng.exponential(1, labels.shape).astype(np.float32)
    free = find_particle_free(labels)
    every = tabulate_thresholds(dopant, labels, free, n_thresholds=10**6)["threshold"]
    some = tabulate_thresholds(dopant, labels, free, n_thresholds=17)["threshold"]
    assert len(every) == 400
    assert 10 <= len(some) <= 17
    assert some.isin(every).all()
    assert (some.iloc[0], some.iloc[-1]) == (every.iloc[0], every.iloc[-1])
    assert (np.diff(some) > 0).all()


def test_a_higher_threshold_never_counts_more():
    rng = np.random.default_rng(4)
    labels = (rng.random((50, 60)) < 0.01).astype(np.int32)
    dopant = rng.normal(0.3, 1, labels.shape).astype(np.float32)
    table = tabulate_thresholds(dopant, labels, find_particle_free(labels))
    assert (np.diff(table["dopant_pixels"]) <= 0).all()
    assert (np.diff(table["false_positives_per_pixel"]) <= 0).all()


@pytest.mark.parametrize("fill", ["no labels", "nothing above zero"])
def test_thresholds_without_anything_to_count_are_refused(fill):
    labels = np.zeros((9, 9), np.int32)
    dopant = np.ones((9, 9), np.float32)
    if fill == "nothing above zero":
        labels[4, 4] = 1
        dopant[:] = -dopant
    with pytest.raises(InputError, match=r"Expected dopant counts above zero .*, got none; check"):
        tabulate_thresholds(dopant, labels, find_particle_free(labels))


def test_the_chosen_threshold_has_the_least_error_and_is_the_lowest_of_equals():
    table = pd.DataFrame(
        {"threshold": [0.5, 1.5, 2.5, 3.5], "relative_error": [np.inf, 0.2, 0.1, 0.1]}
    )
    assert choose_threshold(table) == 2.5


@pytest.mark.parametrize("seed", range(4))
def test_the_chosen_threshold_separates_dopants_from_noise(seed):
    rng = np.random.default_rng(seed)
    labels = np.zeros((120, 120), np.int32)
    labels[40:80, 40:80] = 1
    dopant = rng.normal(0, 1, labels.shape)
    dopants = (labels > 0) & (rng.random(labels.shape) < 0.05)
    dopant[dopants] += 12
    free = find_particle_free(labels)
    dopant = dopant.astype(np.float32)
    every = choose_threshold(tabulate_thresholds(dopant, labels, free, n_thresholds=10**4))
    assert 2.5 < every < 8
    n_above = np.count_nonzero(dopant[labels > 0] > every)
    assert n_above == pytest.approx(dopants.sum(), abs=4)
    few = choose_threshold(tabulate_thresholds(dopant, labels, free))
    n_above = np.count_nonzero(dopant[labels > 0] > few)
    assert n_above == pytest.approx(dopants.sum(), abs=4)
