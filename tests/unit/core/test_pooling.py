"""Averages over fields: by hand, against those of one field, coverage by simulation."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from napari_nanodope.core.counting import (
    FalsePositives,
    estimate_dopants,
    estimate_total,
    estimate_undoped_fraction,
    poisson_interval,
)
from napari_nanodope.core.pooling import (
    PooledParticles,
    estimate_concentration_mM,
    estimate_mean_diameter_nm,
    estimate_mean_dopants,
    estimate_undoped,
    find_differing,
    join_backgrounds,
    measure_scatter,
)
from napari_nanodope.core.shells import (
    PooledCounts,
    compare_locations,
    compare_locations_of_fields,
)

Array = NDArray[np.float64]
NO_BACKGROUND = FalsePositives(0, 10**9)
MM_PER_NM3 = 1e27 / 6.02214076e23


def particles_of(
    counts: list[list[int]],
    backgrounds: tuple[FalsePositives, ...] | None = None,
    area_px: int = 100,
    volume_nm3: float = 50.0,
) -> PooledParticles:
    """Fields given by the dopant pixels of their particles."""
    of_field = np.repeat(np.arange(len(counts)), [len(one) for one in counts])
    n = np.array([k for one in counts for k in one], np.int64)
    return PooledParticles(
        of_field,
        n,
        np.full(len(n), area_px, np.int64),
        np.full(len(n), volume_nm3),
        np.linspace(4.0, 5.0, len(n)),
        backgrounds or (NO_BACKGROUND,) * len(counts),
    )


def test_each_field_loses_its_own_false_positives() -> None:
    found = particles_of([[5, 7], [9]], (FalsePositives(10, 1000), FalsePositives(40, 1000)))
    np.testing.assert_allclose(found.dopants, [5 - 1, 7 - 1, 9 - 4])
    assert estimate_mean_dopants(found).value == pytest.approx((4 + 6 + 5) / 3)
    assert estimate_concentration_mM(found).value == pytest.approx(15 / 150 * MM_PER_NM3)


def test_the_total_of_one_field_is_that_of_one_estimate() -> None:
    background = FalsePositives(37, 4000)
    one = estimate_dopants(120, 3000, background)
    total = estimate_total(np.array([120]), np.array([3000]), [background])
    assert (total.value, total.low, total.high) == (one.value, one.low, one.high)


def test_the_total_of_alike_fields_is_that_of_all_their_pixels() -> None:
    # Four backgrounds together are known as well as one of four times the pixels.
    four = estimate_total(np.full(4, 30), np.full(4, 500), [FalsePositives(400, 10**5)] * 4)
    one = estimate_dopants(120, 2000, FalsePositives(1600, 4 * 10**5))
    assert four.value == pytest.approx(one.value)
    assert four.low == pytest.approx(one.low, rel=1e-3)
    assert four.high == pytest.approx(one.high, rel=1e-3)


def test_dispersed_counts_have_the_interval_of_fewer_events_that_count_more() -> None:
    found = estimate_total(np.array([60, 40]), np.full(2, 1), [NO_BACKGROUND] * 2, dispersion=4.0)
    low, high = poisson_interval(25)
    assert found.value == pytest.approx(100)
    assert (found.low, found.high) == pytest.approx((4 * float(low), 4 * float(high)), rel=1e-6)


def test_counts_that_are_all_alike_have_the_interval_of_poisson() -> None:
    found = estimate_mean_dopants(particles_of([[2] * 6, [2] * 4]))
    low, high = poisson_interval(20)
    assert (found.low, found.high) == pytest.approx((float(low) / 10, float(high) / 10))


def test_no_dopants_at_all_are_bounded_from_above() -> None:
    found = estimate_mean_dopants(particles_of([[0] * 5, [0] * 5]))
    assert (found.value, found.low) == (0, 0)
    assert found.high == pytest.approx(-np.log(0.025) / 10)


def test_many_counts_have_the_interval_of_student() -> None:
    rng = np.random.default_rng(4)
    counts = rng.negative_binomial(2, 2 / 402, 600)  # far more scattered than Poisson's
    found = estimate_mean_dopants(particles_of([counts.tolist()]))
    expected = stats.t.interval(0.95, 599, counts.mean(), stats.sem(counts))
    assert (found.low, found.high) == pytest.approx(expected, rel=5e-3)


def test_the_scatter_of_one_field_is_that_of_its_particles() -> None:
    values = np.array([1.0, 4.0, 5.0, 10.0])
    found = measure_scatter(values - values.mean(), np.zeros(4, np.int64))
    assert (found.variance, found.degrees) == (pytest.approx(4 * values.var(ddof=1)), 3)
    assert found.half_width / 4 == pytest.approx(stats.t.ppf(0.975, 3) * stats.sem(values))


def test_fields_that_differ_are_what_was_sampled() -> None:
    # Fields of the same size whose particles agree: the mean is that of three numbers.
    means, of_field = np.array([2.0, 5.0, 11.0]), np.repeat([0, 1, 2], 100)
    values = means[of_field] + np.tile([-0.1, 0.1], 150)
    found = measure_scatter(values - values.mean(), of_field)
    assert found.fields_differ
    assert found.degrees == pytest.approx(2, rel=1e-3)
    expected = stats.t.interval(0.95, 2, means.mean(), stats.sem(means))
    assert found.half_width / 300 == pytest.approx((expected[1] - expected[0]) / 2, rel=1e-3)


def test_a_scatter_between_fields_is_that_of_unequal_fields() -> None:
    """Of fields of very different sizes, whose variance of the mean is known."""
    rng, sizes = np.random.default_rng(7), np.array([90, 10, 30, 60])
    of_field, estimates = np.repeat(np.arange(4), sizes), []
    for _ in range(1500):
        values = rng.normal(0, 2, 4)[of_field] + rng.normal(0, 1, len(of_field))
        scatter = measure_scatter(values - values.mean(), of_field)
        estimates.append(scatter.variance / len(values) ** 2)
    expected = 2**2 * (sizes**2).sum() / sizes.sum() ** 2 + 1 / sizes.sum()
    assert np.mean(estimates) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("n_fields", [1, 3, 8])
@pytest.mark.parametrize(("mean", "dispersion"), [(0.05, 1), (1.0, 1), (10.0, 1), (10.0, 3)])
def test_the_mean_is_covered_in_95_of_100(n_fields, mean, dispersion) -> None:
    rng = np.random.default_rng([n_fields, int(100 * mean), dispersion])
    n_sims, n_particles, rate, n_free = 400, 20, 0.01, 5000
    hits = 0
    for _ in range(n_sims):
        shape = (n_fields, n_particles)
        shape_of_mean = mean / (dispersion - 1) if dispersion > 1 else 1.0
        true = mean * (rng.gamma(shape_of_mean, 1 / shape_of_mean, shape) if dispersion > 1 else 1)
        counts = rng.poisson(true, shape) + rng.poisson(100 * rate, shape)
        free = tuple(FalsePositives(int(k), n_free) for k in rng.poisson(rate * n_free, n_fields))
        found = estimate_mean_dopants(particles_of(counts.tolist(), free))
        hits += found.low <= mean <= found.high
    assert hits / n_sims >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / n_sims)


def test_the_mean_is_covered_where_fields_differ() -> None:
    rng, mean, hits, n_sims = np.random.default_rng(2), 10.0, 0, 400
    for _ in range(n_sims):
        dose = rng.normal(1, 0.3, 8).clip(0)[:, None]
        counts = rng.poisson(mean * dose, (8, 30))
        found = estimate_mean_dopants(particles_of(counts.tolist()))
        hits += found.low <= mean <= found.high
    assert hits / n_sims >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / n_sims)


def test_the_order_of_fields_and_particles_does_not_matter() -> None:
    counts = [[3, 1, 4], [1, 5], [9, 2, 6, 5]]
    backgrounds = tuple(FalsePositives(k, 1000) for k in (3, 5, 8))
    there = particles_of(counts, backgrounds)
    back = particles_of([one[::-1] for one in counts[::-1]], backgrounds[::-1])
    for estimate in (estimate_mean_dopants, estimate_concentration_mM, estimate_undoped):
        one, other = estimate(there), estimate(back)
        assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high))


def test_the_undoped_fraction_of_one_field_is_that_of_one_estimate() -> None:
    background = FalsePositives(20, 10_000)
    counts = [0, 0, 1, 4, 0, 2, 7, 0]
    found = estimate_undoped(particles_of([counts], (background,)))
    expected = estimate_undoped_fraction(np.array(counts), np.full(8, 100), background)
    assert (found.value, found.low, found.high) == expected


def test_the_undoped_fraction_counts_particles_of_all_fields() -> None:
    found = estimate_undoped(particles_of([[0, 1], [0, 0, 3], [2]]))
    assert found.value == pytest.approx(3 / 6)
    centre = (0.5 + 1.959964**2 / 12) / (1 + 1.959964**2 / 6)
    assert (found.low + found.high) / 2 == pytest.approx(centre)


def test_the_diameter_has_the_interval_of_student() -> None:
    found = particles_of([[1] * 5, [1] * 7])
    diameter = found.diameter_nm
    alone = PooledParticles(
        np.zeros(12, np.int64),
        found.dopant_pixels,
        found.area_px,
        found.volume_nm3,
        diameter,
        (NO_BACKGROUND,),
    )
    mean = estimate_mean_diameter_nm(alone)
    expected = stats.t.interval(0.95, 11, diameter.mean(), stats.sem(diameter))
    assert (mean.low, mean.high) == pytest.approx(expected)
    # Here all of the second field are larger than all of the first, which makes it wider.
    assert estimate_mean_diameter_nm(found).high > mean.high
    assert find_differing(found) == ["diameters"]


def test_nothing_is_known_of_no_particles() -> None:
    nothing = particles_of([[]])
    for estimate in (estimate_mean_dopants, estimate_concentration_mM, estimate_mean_diameter_nm):
        assert np.isnan(estimate(nothing).value)
    assert np.isnan(estimate_undoped(nothing).value)
    assert find_differing(nothing) == []


def test_false_positives_are_weighed_by_the_pixels_of_particles() -> None:
    backgrounds = FalsePositives(10, 1000), FalsePositives(60, 2000)
    rate, n_events, n_pixels = join_backgrounds(backgrounds, np.array([300.0, 100.0]))
    assert (rate, n_events, n_pixels) == (pytest.approx(0.75 * 0.01 + 0.25 * 0.03), 70, 3000)


# Location


def counts_of(rng: np.random.Generator, fraction: float, dopants: float = 40.0) -> PooledCounts:
    """One size class of four depths with templates that differ."""
    core, surface = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.55, 0.2, 0.15, 0.1])
    n_pixels = np.full(4, 4000.0)
    expected = dopants * ((1 - fraction) * core + fraction * surface)
    found = rng.poisson(expected).astype(float)
    return PooledCounts(np.full(4, 4), np.arange(4), n_pixels, found, core, surface)


def test_a_field_alone_is_located_as_before() -> None:
    pooled, background = counts_of(np.random.default_rng(1), 0.4), FalsePositives(4, 10_000)
    one, several = compare_locations(pooled, background), [(pooled, background)]
    again = compare_locations_of_fields(several)
    assert (one.surface_fraction, one.surface_fraction_low, one.location) == (
        again.surface_fraction,
        again.surface_fraction_low,
        again.location,
    )


def test_the_same_field_again_tells_twice_as_much() -> None:
    pooled = counts_of(np.random.default_rng(3), 0.4, 4000.0)
    one = compare_locations(pooled, NO_BACKGROUND)
    four = compare_locations_of_fields([(pooled, NO_BACKGROUND)] * 4)
    assert four.surface_fraction == one.surface_fraction
    assert four.log_likelihood_ratio == pytest.approx(4 * one.log_likelihood_ratio)
    width, width_of_four = (k.surface_fraction_high - k.surface_fraction_low for k in (one, four))
    assert width_of_four == pytest.approx(width / 2, rel=0.02)
    np.testing.assert_allclose(four.expected["core"], 4 * one.expected["core"])
    assert four.expected["dopant_pixels"].sum() == 4 * pooled.dopant_pixels.sum()


def test_fields_of_other_doses_do_not_disturb_each_other() -> None:
    """Each field has its own dopants and background; only the fraction is shared."""
    rng = np.random.default_rng(5)
    fields = [
        (counts_of(rng, 0.5, dose), background)
        for dose, background in ((200, FalsePositives(0, 10**6)), (2000, NO_BACKGROUND))
    ]
    found = compare_locations_of_fields(fields)
    assert found.surface_fraction_low < 0.5 < found.surface_fraction_high


def test_fields_without_dopants_tell_nothing() -> None:
    rng = np.random.default_rng(6)
    full, empty = counts_of(rng, 0.8, 300.0), counts_of(rng, 0.8, 0.0)
    alone = compare_locations(full, NO_BACKGROUND)
    both = compare_locations_of_fields([(full, NO_BACKGROUND), (empty, NO_BACKGROUND)])
    assert (both.surface_fraction, both.log_likelihood_ratio) == (
        alone.surface_fraction,
        alone.log_likelihood_ratio,
    )
    nothing = compare_locations_of_fields([(empty, NO_BACKGROUND)] * 2)
    assert nothing.location == "undetermined"
    assert np.isnan(nothing.surface_fraction)
    assert len(nothing.expected) == 4


def test_the_surface_fraction_is_covered_in_95_of_100_of_samples_of_three_fields() -> None:
    rng, hits, n_sims = np.random.default_rng(8), 0, 60
    for _ in range(n_sims):
        fields = [(counts_of(rng, 0.4, dose), NO_BACKGROUND) for dose in (30.0, 60.0, 120.0)]
        found = compare_locations_of_fields(fields)
        hits += found.surface_fraction_low <= 0.4 <= found.surface_fraction_high
    assert hits / n_sims >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / n_sims)


def test_fields_that_disagree_on_the_fraction_widen_its_interval() -> None:
    rng = np.random.default_rng(9)
    same = [(counts_of(rng, 0.5, 3000.0), NO_BACKGROUND) for _ in range(3)]
    other = [(counts_of(rng, f, 3000.0), NO_BACKGROUND) for f in (0.2, 0.5, 0.8)]
    widths = [
        found.surface_fraction_high - found.surface_fraction_low
        for found in map(compare_locations_of_fields, (same, other))
    ]
    assert widths[1] > 3 * widths[0]
