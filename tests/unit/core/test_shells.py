"""Core or surface: spheres by integration, likelihoods written out, phantoms with known answers."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from scipy import integrate, optimize, stats

import napari_nanodope as nd
from napari_nanodope.core.counting import FalsePositives
from napari_nanodope.core.distance import compute_depth_nm, deepest
from napari_nanodope.core.labels import compact_labels
from napari_nanodope.core.profiles import DepthBins, RadialSums, sum_radially
from napari_nanodope.core.shells import (
    PooledCounts,
    compare_locations,
    compute_thickness_nm,
    pool_counts,
)

Array = NDArray[np.float64]
NO_BACKGROUND = FalsePositives(0, 10**6)


def chord(depth: ArrayLike, radius: float) -> Array:
    d = np.clip(depth, 0, 2 * radius)
    return np.asarray(2 * np.sqrt(d * (2 * radius - d)))


@pytest.mark.parametrize("radius", [3.0, 5.6, 20.0])
def test_thickness_integrates_to_the_volume_of_the_sphere(radius):
    width = radius / 10

    def annulus(rho: float) -> float:
        depth, size = np.array([radius - rho]), np.array([radius])
        return float(2 * np.pi * rho * compute_thickness_nm(depth, size, width)[0])

    volume, _ = integrate.quad(annulus, 0, radius + width / 2, points=[radius - width / 2])
    # Averaging over a width w moves matter outwards: by pi R w^2 / 6 to lowest order.
    expected = 4 / 3 * np.pi * radius**3 + np.pi * radius * width**2 / 6
    assert volume == pytest.approx(expected, rel=1e-5)
    assert volume == pytest.approx(4 / 3 * np.pi * radius**3, rel=2e-3)


@pytest.mark.parametrize("radius", [3.0, 8.0])
@pytest.mark.parametrize("width", [0.1, 0.7, 2.0])
def test_thickness_is_the_mean_chord_over_the_width(radius, width):
    depths = np.linspace(-width, radius, 23)
    found = compute_thickness_nm(depths, np.full(23, radius), width)
    for depth, thickness in zip(depths, found, strict=True):
        area, _ = integrate.quad(
            lambda d: float(chord(d, radius)), depth - width / 2, depth + width / 2, points=[0]
        )
        assert thickness == pytest.approx(area / width, rel=1e-6, abs=1e-6)


def test_thickness_at_the_centre_is_close_to_the_diameter_and_0_outside():
    radius, depth = np.full(3, 6.0), np.array([6.0, -0.35, -3.0])
    thickness = compute_thickness_nm(depth, radius, 0.7)
    assert thickness[0] == pytest.approx(12, rel=1e-3)
    assert thickness[0] < 12
    np.testing.assert_allclose(thickness[1:], 0, atol=1e-9)


def test_thickness_scales_with_all_lengths():
    depth = np.linspace(0, 5, 9)
    small = compute_thickness_nm(depth, np.full(9, 5.0), 0.5)
    large = compute_thickness_nm(10 * depth, np.full(9, 50.0), 5.0)
    np.testing.assert_allclose(large, 10 * small, rtol=1e-9, atol=1e-9)


def sums_of(
    particles: list[list[int]], host: Callable[[int, int], float] = lambda i, k: 30.0
) -> RadialSums:
    """Particles given by their pixels in each depth bin; host counts per pixel as told."""
    index = [(i, k, n) for i, pixels in enumerate(particles) for k, n in enumerate(pixels)]
    particle, depth, n_pixels = (np.array(column) for column in zip(*index, strict=True))
    counts = np.array([n * host(i, k) for i, k, n in index], float)
    dopants = (n_pixels + depth) // 3
    return RadialSums(
        particle, depth, n_pixels, 0.7 * (depth + 0.5), counts, dopants, dopants.astype(float)
    )


PARTICLES = [[24, 18, 12, 6], [25, 17, 12, 5], [12, 4], [11, 5], [8], [30, 24, 18, 12, 6, 1]]


def sums_per_class(pooled: PooledCounts, values: Array) -> list[float]:
    return [float(values[pooled.size_class == k].sum()) for k in np.unique(pooled.size_class)]


@pytest.mark.parametrize("kind", ["bright", "uneven", "partly negative", "no host"])
@pytest.mark.parametrize("pixel_size_nm", [(0.7, 0.7), (1.4, 0.7)])
def test_templates_add_up_to_1_per_class(kind, pixel_size_nm):
    host = {
        "bright": lambda i, k: 30.0,
        "uneven": lambda i, k: 7.0 * (k + 1) + i,
        "partly negative": lambda i, k: -5.0 if k == 0 else 20.0,
        "no host": lambda i, k: 0.0,
    }[kind]
    pooled = pool_counts(sums_of(PARTICLES, host), pixel_size_nm, 0.7)
    for template in (pooled.core, pooled.surface):
        assert (template > 0).all()
        np.testing.assert_allclose(sums_per_class(pooled, template), 1, rtol=1e-6)


def test_pixels_and_dopants_are_pooled_by_class_and_depth():
    sums = sums_of(PARTICLES)
    pooled = pool_counts(sums, (0.7, 0.7), 0.7)
    assert pooled.size_class.tolist() == [1, 2, 2, 4, 4, 4, 4, 6, 6, 6, 6, 6, 6]
    assert pooled.depth_px.tolist() == [0, 0, 1, 0, 1, 2, 3, 0, 1, 2, 3, 4, 5]
    assert pooled.n_pixels.tolist() == [8, 23, 9, 49, 35, 24, 11, 30, 24, 18, 12, 6, 1]
    dopants = [2, 4 + 3, 1 + 2, 8 + 8, 6 + 6, 4 + 4, 3 + 2, 10, 8, 6, 5, 3, 2]
    assert pooled.dopant_pixels.tolist() == dopants


def test_the_core_template_is_the_share_of_the_host():
    pooled = pool_counts(sums_of([[20, 10], [30, 12]], lambda i, k: 4.0 + 5 * k + i), (1, 1), 0.7)
    host = np.array([20 * 4 + 30 * 5, 10 * 9 + 12 * 10])
    np.testing.assert_allclose(pooled.core, host / host.sum(), rtol=1e-12)


def test_without_host_counts_the_core_template_is_the_share_of_the_chords():
    particles = [[24, 18, 12, 6], [26, 17, 12, 5]]
    pooled = pool_counts(sums_of(particles, lambda i, k: 0.0), (0.7, 0.7), 0.7)
    volume = np.zeros(4)
    for pixels in particles:
        radius = np.sqrt(sum(pixels) * 0.49 / np.pi)
        depth = 0.7 * (np.arange(4) + 0.5)
        volume += pixels * compute_thickness_nm(depth, np.full(4, radius), 0.7)
    np.testing.assert_allclose(pooled.core, volume / volume.sum(), rtol=1e-6)
    assert pooled.surface[0] / pooled.n_pixels[0] > pooled.surface[-1] / pooled.n_pixels[-1]


def test_a_shell_thicker_than_the_particle_is_the_whole_particle():
    pooled = pool_counts(sums_of(PARTICLES, lambda i, k: 10.0 + 3 * k), (0.7, 0.7), 1000.0)
    np.testing.assert_allclose(pooled.surface, pooled.core, rtol=1e-9)


def test_host_counts_in_other_units_leave_the_templates():
    dim, bright = (
        pool_counts(sums_of(PARTICLES, lambda i, k, s=scale: s * (9.0 + k)), (0.7, 0.7), 0.7)
        for scale in (1e-3, 1e4)
    )
    np.testing.assert_allclose(dim.core, bright.core, rtol=1e-9)
    np.testing.assert_allclose(dim.surface, bright.surface, rtol=1e-9)


def test_numbers_of_particles_do_not_matter_to_the_templates():
    few = pool_counts(sums_of(PARTICLES, lambda i, k: 10.0 + k), (0.7, 0.7), 0.7)
    many = pool_counts(sums_of(PARTICLES * 50, lambda i, k: 10.0 + k), (0.7, 0.7), 0.7)
    np.testing.assert_allclose(many.core, few.core, rtol=1e-9)
    np.testing.assert_allclose(many.surface, few.surface, rtol=1e-9)
    np.testing.assert_array_equal(many.n_pixels, 50 * few.n_pixels)


@pytest.mark.parametrize("radius_px", [8, 14, 25])
@pytest.mark.parametrize("has_host", [True, False])
def test_templates_of_a_sphere_are_its_projections(radius_px, has_host):
    """Sphere and shell projected on 10 x 10 points in each pixel."""
    size, fine = 2 * radius_px + 9, 10
    centre = radius_px + 4.3
    points = (np.arange(size * fine) + 0.5) / fine - 0.5 - centre
    rho2 = points[:, None] ** 2 + points**2

    def average(values: Array) -> Array:
        return np.asarray(values.reshape(size, fine, size, fine).mean(axis=(1, 3)))

    whole = average(2 * np.sqrt(np.clip(radius_px**2 - rho2, 0, None)))
    inner = average(2 * np.sqrt(np.clip((radius_px - 1) ** 2 - rho2, 0, None)))
    labels = compact_labels((average(rho2 <= radius_px**2) >= 0.5).astype(np.int32))
    depth = compute_depth_nm(labels.image, (1.0, 1.0))
    bins = DepthBins(depth=depth, deepest=deepest(labels, depth))
    maps = [image.astype(np.float32) for image in (whole, whole - inner, has_host * whole)]
    truth = sum_radially(labels, bins, maps[0], maps[1], 0.0)
    pooled = pool_counts(sum_radially(labels, bins, maps[2], maps[1], 0.0), (1.0, 1.0), 1.0)
    for template, expected in (
        (pooled.core, truth.host_counts),
        (pooled.surface, truth.dopant_counts),
    ):
        # Total variation: the share of the dopants that the template misplaces.
        assert np.abs(template - expected / expected.sum()).sum() / 2 < (0.06 if has_host else 0.08)


def simulate_pooled(
    seed: int, fraction: float, rate: float, n_per_pixel: float = 0.05
) -> PooledCounts:
    """Pooled counts of three size classes drawn from the model itself."""
    rng = np.random.default_rng(seed)
    columns: list[list[float]] = []
    for n_bins, n_particles in ((3, 60), (5, 90), (8, 20)):
        k = np.arange(n_bins)
        n_pixels = n_particles * (6.0 * (n_bins - k) - 3)
        core = n_pixels * np.sqrt((k + 0.5) * (2 * n_bins - k - 0.5))
        surface = n_pixels / np.sqrt(k + 0.5)
        core, surface = core / core.sum(), surface / surface.sum()
        dopants = n_per_pixel * n_pixels.sum() * rng.uniform(0.5, 2)
        mean = rate + dopants * ((1 - fraction) * core + fraction * surface) / n_pixels
        seen = rng.binomial(n_pixels.astype(int), -np.expm1(-mean))
        columns += zip([n_bins] * n_bins, k, n_pixels, seen, core, surface, strict=True)
    size_class, depth, *rest = (np.array(column) for column in zip(*columns, strict=True))
    return PooledCounts(size_class, depth, *(column.astype(float) for column in rest))


def log_likelihood(pooled: PooledCounts, f: float, p0: float) -> tuple[float, Array]:
    """ln L at its greatest over the dopants of every class, and the dopant pixels expected there.

    A pixel is an event with probability 1 - (1 - p0) exp(-N share): the binomial distribution with
    a complementary log-log link, less the binomial coefficients.
    """
    total, expected = 0.0, np.zeros(len(pooled.n_pixels))
    for k in np.unique(pooled.size_class):
        rows = pooled.size_class == k
        n, y = pooled.n_pixels[rows], pooled.dopant_pixels[rows]
        share = ((1 - f) * pooled.core[rows] + f * pooled.surface[rows]) / n

        def negative(log_dopants: float, n=n, y=y, share=share) -> float:
            p = 1 - (1 - p0) * np.exp(-np.exp(log_dopants) * share)
            coefficients = stats.binom.logpmf(y, n, y / n)
            saturated = np.where(y > 0, y * np.log(np.maximum(y, 1) / n), 0) + np.where(
                y < n, (n - y) * np.log(np.maximum(n - y, 1) / n), 0
            )
            return -float((stats.binom.logpmf(y, n, p) - coefficients + saturated).sum())

        start = np.log(max(y.sum() - p0 * n.sum(), 1.0))
        best = optimize.minimize_scalar(
            negative, bounds=(start - 25, start + 7), method="bounded", options={"xatol": 1e-10}
        )
        total -= best.fun
        expected[rows] = n * (1 - (1 - p0) * np.exp(-np.exp(best.x) * share))
    return total, expected


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("n_events", [0, 130])
def test_the_likelihood_ratio_is_that_of_the_likelihood_written_out(seed, fraction, n_events):
    p0 = n_events / 10_000
    pooled = simulate_pooled(seed, fraction, -np.log1p(-p0))
    found = compare_locations(pooled, FalsePositives(n_events, 10_000))
    core, expected_core = log_likelihood(pooled, 0.0, p0)
    surface, expected_surface = log_likelihood(pooled, 1.0, p0)
    assert found.log_likelihood_ratio == pytest.approx(core - surface, rel=1e-6, abs=1e-5)
    np.testing.assert_allclose(found.expected["core"], expected_core, rtol=1e-5)
    np.testing.assert_allclose(found.expected["surface"], expected_surface, rtol=1e-5)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.6, 1.0])
def test_the_surface_fraction_and_its_interval_are_those_of_the_profile_likelihood(fraction):
    p0 = 0.008
    pooled = simulate_pooled(11, fraction, -np.log1p(-p0))
    found = compare_locations(pooled, FalsePositives(80, 10_000))
    best = optimize.minimize_scalar(
        lambda f: -log_likelihood(pooled, f, p0)[0], bounds=(0, 1), method="bounded"
    )
    top = max(-best.fun, *(log_likelihood(pooled, f, p0)[0] for f in (0.0, 1.0)))

    def below(f: float) -> float:
        return log_likelihood(pooled, f, p0)[0] - top + stats.chi2.ppf(0.95, 1) / 2

    low = optimize.brentq(below, 0, best.x) if below(0.0) < 0 else 0.0
    high = optimize.brentq(below, best.x, 1) if below(1.0) < 0 else 1.0
    assert found.surface_fraction == pytest.approx(best.x, abs=0.0026)
    assert found.surface_fraction_low == pytest.approx(low, abs=1e-3)
    assert found.surface_fraction_high == pytest.approx(high, abs=1e-3)
    assert low <= fraction <= high


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.8])
def test_the_interval_covers_the_true_fraction_in_95_of_100(fraction):
    rng = np.random.default_rng(int(10 * fraction))
    hits, n_sims = 0, 300
    for _ in range(n_sims):
        pooled = simulate_pooled(int(rng.integers(2**32)), fraction, 0.01)
        found = compare_locations(pooled, FalsePositives(9950, 10**6))
        hits += found.surface_fraction_low <= fraction <= found.surface_fraction_high
    assert hits / n_sims >= 0.95 - 3.5 * np.sqrt(0.95 * 0.05 / n_sims)


@pytest.mark.parametrize("n_per_pixel", [0.5, 2.0])
def test_pixels_that_hold_several_dopants_do_not_bias_the_fraction(n_per_pixel):
    found = [
        compare_locations(simulate_pooled(seed, 0.4, 0.0, n_per_pixel), NO_BACKGROUND)
        for seed in range(20)
    ]
    assert np.mean([test.surface_fraction for test in found]) == pytest.approx(0.4, abs=0.02)


def full_particles(n_particles: int, n_missing: int) -> PooledCounts:
    """Particles with a thin rim whose pixels are all events, but for a few in the rim."""
    n_pixels = n_particles * np.array([28.0, 20.0, 12.0, 5.0])
    core, surface = n_pixels * [0.12, 0.5, 0.9, 1.0], n_pixels * [1.0, 0.6, 0.4, 0.35]
    events = n_pixels - [n_missing, 0, 0, 0]
    k = np.arange(4)
    return PooledCounts(
        np.full(4, 4), k, n_pixels, events, core / core.sum(), surface / surface.sum()
    )


@pytest.mark.parametrize("n_particles", [1, 100, 1000])
def test_pixels_that_are_all_events_tell_nothing(n_particles):
    found = compare_locations(full_particles(n_particles, 0), FalsePositives(10, 10_000))
    assert found.location == "undetermined"
    assert found.log_likelihood_ratio == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("n_particles", [1, 100, 1000])
def test_nearly_full_particles_are_judged_by_the_likelihood_written_out(n_particles):
    pooled = full_particles(n_particles, 2)
    ratio = log_likelihood(pooled, 0.0, 0.001)[0] - log_likelihood(pooled, 1.0, 0.001)[0]
    found = compare_locations(pooled, FalsePositives(10, 10_000))
    assert found.log_likelihood_ratio == pytest.approx(ratio, rel=1e-3, abs=1e-3)


def test_nothing_to_compare_is_undetermined():
    empty = simulate_pooled(0, 0.0, 0.0, n_per_pixel=0.0)
    nothing = PooledCounts(*(getattr(empty, name)[:0] for name in empty.__slots__))
    for pooled in (empty, nothing):
        found = compare_locations(pooled, FalsePositives(5, 100))
        assert (found.location, found.log_likelihood_ratio) == ("undetermined", 0.0)
        fraction = (found.surface_fraction, found.surface_fraction_low, found.surface_fraction_high)
        assert np.isnan(fraction).all()
        assert len(found.expected) == len(pooled.n_pixels)


def test_equal_templates_are_undetermined():
    pooled = simulate_pooled(1, 0.0, 0.0)
    same = PooledCounts(
        pooled.size_class,
        pooled.depth_px,
        pooled.n_pixels,
        pooled.dopant_pixels,
        pooled.core,
        pooled.core,
    )
    found = compare_locations(same, NO_BACKGROUND)
    assert found.location == "undetermined"
    assert (found.surface_fraction_low, found.surface_fraction_high) == (0, 1)


def test_events_that_are_all_background_are_undetermined():
    rng = np.random.default_rng(8)
    drawn = simulate_pooled(8, 0.0, 0.0)
    events = rng.binomial(drawn.n_pixels.astype(int), 0.02).astype(float)
    pooled = PooledCounts(
        drawn.size_class, drawn.depth_px, drawn.n_pixels, events, drawn.core, drawn.surface
    )
    assert compare_locations(pooled, FalsePositives(20_000, 10**6)).location == "undetermined"


def test_the_table_of_expected_counts_tells_what_was_counted():
    pooled = simulate_pooled(2, 0.5, 0.0)
    table = compare_locations(pooled, NO_BACKGROUND).expected
    for name in ("size_class", "depth_px", "n_pixels", "dopant_pixels"):
        np.testing.assert_array_equal(table[name], getattr(pooled, name))
    # At the likeliest number of dopants about as many events are expected as were seen.
    assert table["core"].sum() == pytest.approx(pooled.dopant_pixels.sum(), rel=0.01)
    assert table["surface"].sum() == pytest.approx(pooled.dopant_pixels.sum(), rel=0.01)


NOISE = {
    "published": {},
    "noisy": {"shot_noise": True, "background_counts": 0.02, "probe_sigma_nm": 0.4},
    "fine pixels": {"pixel_size_nm": 0.35, "radius_nm": 3.5, "shell_nm": 0.7, "radius_sd_nm": 0.8},
}


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("location", ["core", "surface", "mixed"])
def test_phantoms_give_the_right_answer(location, seed, noise):
    params = nd.PhantomParams(
        location=location, shape_px=(220, 220), doping=1 / 400, **NOISE[noise]
    )
    field, truth = nd.simulate_field(params, seed=seed)
    recipe = nd.Recipe().replace(profile={"shell_nm": params.shell_nm or "auto"})
    summary = nd.analyze(field, recipe, labels=truth.labels).summary
    assert summary["location"] == location
    ratio = summary["location_log_likelihood_ratio"]
    if location != "mixed":  # of which either extreme may be the likelier one
        assert abs(ratio) > np.log(20)
        assert (ratio > 0) == (location == "core")


def test_the_host_map_times_a_constant_leaves_the_location():
    field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(150, 150)), seed=4)
    results = [
        nd.analyze(
            nd.FieldOfView(
                field.survey, {"Cd": field.map_of("Cd") * k, "Mn": field.map_of("Mn")}, 0.7
            ),
            labels=truth.labels,
        ).summary
        for k in (1, 1 / 64, 1024)
    ]
    for scaled in results[1:]:
        for name in ("location", "surface_fraction"):
            assert scaled[name] == results[0][name]
        for name in ("location_log_likelihood_ratio", "surface_fraction_high"):
            assert scaled[name] == pytest.approx(results[0][name], rel=1e-6)
