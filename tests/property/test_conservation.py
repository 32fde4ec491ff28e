"""Nothing is lost or counted twice between the maps, the radial table and the particle table."""

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import napari_nanodope as nd

Labels = NDArray[np.int32]
Map = NDArray[np.float32]

COUNTS = ("host_counts", "dopant_pixels", "dopant_counts")
thorough = settings(max_examples=40, derandomize=True, deadline=None)

distances = st.sampled_from(["euclidean", "erode-ceil"])
pixel_sizes = st.sampled_from([(1.0, 1.0), (0.7, 0.7), (0.35, 1.1), (2.0, 0.3), (0.01, 0.013)])
thresholds = st.sampled_from([0.0, 0.5, 1.0, 2.5])
seeds = st.integers(0, 2**32 - 1)


@st.composite
def label_images(draw: st.DrawFn) -> Labels:
    """Speckle, boxes or a filled picture of touching particles; never one label everywhere."""
    shape = draw(st.tuples(st.integers(1, 20), st.integers(1, 22)))
    rng = np.random.default_rng(draw(seeds))
    ids = rng.choice(np.arange(1, 2**20), 6, replace=False)
    kind = draw(st.sampled_from(["speckle", "boxes", "filled"]))
    image = np.zeros(shape, np.int32)
    if kind == "speckle":
        image = rng.choice(np.append(ids, [0, 0, 0]), shape).astype(np.int32)
    elif kind == "boxes":
        for label in rng.choice(np.append(ids, 0), draw(st.integers(0, 9))):
            y, x = (int(rng.integers(n)) for n in shape)
            image[y : y + rng.integers(1, 12), x : x + rng.integers(1, 12)] = label
    else:
        points = rng.uniform(0, shape, (6, 2))
        y, x = np.mgrid[: shape[0], : shape[1]]
        near = np.hypot(y[..., None] - points[:, 0], x[..., None] - points[:, 1]).argmin(axis=2)
        image = ids[near].astype(np.int32)
    if image.flat[0] > 0 and (image == image.flat[0]).all():
        image.flat[-1] = 0
    return image


def draw_maps(labels: Labels, seed: int, *, whole: bool = True) -> tuple[Map, Map]:
    """Host and dopant with negative net counts; whole, so that their sums are exact, or not."""
    rng = np.random.default_rng(seed)
    host, dopant = rng.integers(-5, 300, labels.shape), rng.integers(-2, 6, labels.shape)
    if whole:
        return host.astype(np.float32), dopant.astype(np.float32)
    return tuple((m + rng.normal(0, 0.3, m.shape)).astype(np.float32) for m in (host, dopant))


def analyze(
    labels: Labels, host: Map, dopant: Map, size: tuple[float, float], **stages: dict[str, Any]
) -> nd.FieldResult:
    field = nd.FieldOfView(host, {"Cd": host, "Mn": dopant}, size)
    return nd.analyze(field, nd.Recipe().replace(**stages), labels=labels)


def settings_of(distance: str, threshold: float) -> dict[str, Any]:
    return {"profile": {"distance": distance}, "count": {"threshold": threshold}}


def bytes_of(table: pd.DataFrame) -> dict[str, bytes]:
    """Every column to the last bit."""
    return {
        name: column.to_numpy().tobytes()
        if column.dtype.kind in "biuf"
        else "\n".join(map(str, column)).encode()
        for name, column in table.items()
    }


@given(label_images(), seeds, distances, pixel_sizes, thresholds)
@thorough
def test_the_radial_table_adds_up_to_the_particle_table_and_to_the_maps(
    labels, seed, distance, size, threshold
):
    host, dopant = draw_maps(labels, seed)
    result = analyze(labels, host, dopant, size, **settings_of(distance, threshold))
    particles = result.particles.set_index("label")
    sums = result.radial.groupby("label")[["n_pixels", *COUNTS]].sum()
    assert sums.index.tolist() == particles.index.tolist() == np.unique(labels[labels > 0]).tolist()
    area_px = particles["area_nm2"] / (size[0] * size[1])
    np.testing.assert_allclose(area_px, sums["n_pixels"], rtol=1e-12)
    for name in COUNTS:
        assert sums[name].tolist() == particles[name].tolist()
    for label, row in sums.iterrows():
        inside = labels == label
        above = inside & (dopant > threshold)
        expected = inside.sum(), host[inside].sum(dtype=float), above.sum(), dopant[above].sum()
        assert tuple(row) == expected


@given(label_images(), seeds, distances, pixel_sizes)
@thorough
def test_net_counts_add_up_to_rounding(labels, seed, distance, size):
    host, dopant = draw_maps(labels, seed, whole=False)
    result = analyze(labels, host, dopant, size, **settings_of(distance, 0.5))
    sums = result.radial.groupby("label")[list(COUNTS)].sum()
    for name in COUNTS:
        np.testing.assert_allclose(sums[name], result.particles[name], rtol=1e-9, atol=1e-9)
    inside = labels > 0
    total = result.radial[list(COUNTS)].sum()
    above = inside & (dopant > 0.5)
    np.testing.assert_allclose(
        total,
        [host[inside].sum(dtype=float), above.sum(), dopant[above].sum(dtype=float)],
        atol=1e-6,
    )


@given(label_images(), distances, pixel_sizes)
@thorough
def test_every_pixel_with_a_label_is_in_exactly_one_bin(labels, distance, size):
    # Pixels are told apart by powers of two in the dopant map, 50 at a time: a bin's sum says which
    # pixels it holds, and a pixel in two bins or in none would show.
    order = np.flatnonzero(labels)
    radial = analyze(labels, labels, labels, size, **settings_of(distance, 0.5)).radial
    for start in range(0, len(order), 50):
        dopant = np.zeros(labels.size, np.float32)
        marked = order[start : start + 50]
        dopant[marked] = 2.0 ** np.arange(len(marked))
        dopant = dopant.reshape(labels.shape)
        marks = analyze(labels, dopant, dopant, size, **settings_of(distance, 0.5)).radial
        held = marks["dopant_counts"].to_numpy().astype(np.int64)
        for i, pixel in enumerate(marked):
            (bins,) = np.nonzero(held >> i & 1)
            assert marks["label"].iloc[bins].tolist() == [labels.flat[pixel]]
    assert not radial.duplicated(["label", "depth_px"]).any()
    assert (radial["n_pixels"] > 0).all()
    assert radial["n_pixels"].sum() == np.count_nonzero(labels)
    ordered = radial.sort_values(["label", "depth_px"])
    assert ordered.index.tolist() == list(range(len(radial)))


@given(label_images(), seeds, distances, pixel_sizes)
@thorough
def test_host_counts_outside_the_particles_change_nothing(labels, seed, distance, size):
    host, dopant = draw_maps(labels, seed, whole=False)
    other = np.where(labels > 0, host, 10 * host[::-1, ::-1] + 77).astype(np.float32)
    before, after = (
        analyze(labels, each, dopant, size, **settings_of(distance, 0.5)) for each in (host, other)
    )
    for name in ("particles", "radial", "profiles"):
        assert bytes_of(getattr(after, name)) == bytes_of(getattr(before, name))
    assert after.summary == before.summary


@given(label_images(), seeds, distances, pixel_sizes)
@thorough
def test_dopants_in_the_margin_of_the_particles_change_nothing(labels, seed, distance, size):
    # Neither inside a particle nor clear of them: between the two, within two pixels.
    host, dopant = draw_maps(labels, seed)
    padded = np.pad(labels, 2) > 0
    near = np.zeros(labels.shape, bool)
    for dy in range(5):
        for dx in range(5):
            near |= padded[dy : dy + labels.shape[0], dx : dx + labels.shape[1]]
    other = np.where(near & (labels == 0), 50, dopant).astype(np.float32)
    before, after = (
        analyze(labels, host, each, size, **settings_of(distance, 0.5)) for each in (dopant, other)
    )
    for name in ("particles", "radial", "profiles"):
        assert bytes_of(getattr(after, name)) == bytes_of(getattr(before, name))
    assert after.summary == before.summary


@given(label_images(), seeds, distances, pixel_sizes)
@thorough
def test_running_twice_gives_identical_bytes(labels, seed, distance, size):
    host, dopant = draw_maps(labels, seed, whole=False)
    inputs = [array.copy() for array in (labels, host, dopant)]
    once, twice = (
        analyze(labels, host, dopant, size, **settings_of(distance, 0.5)) for _ in range(2)
    )
    for name in ("particles", "radial", "profiles"):
        assert bytes_of(getattr(once, name)) == bytes_of(getattr(twice, name))
    assert once.labels.tobytes() == twice.labels.tobytes()
    assert repr(once.summary) == repr(twice.summary)
    assert once.provenance == twice.provenance
    for array, before in zip((labels, host, dopant), inputs, strict=True):
        np.testing.assert_array_equal(array, before)


@given(label_images(), seeds, distances)
@settings(thorough, max_examples=20)
def test_a_particle_is_measured_alike_alone_and_among_others(labels, seed, distance):
    host, dopant = draw_maps(labels, seed)
    together = analyze(labels, host, dopant, (0.7, 0.7), **settings_of(distance, 0.5))
    for label, rows in together.radial.groupby("label"):
        alone = np.where(labels == label, labels, 0)
        found = analyze(alone, host, dopant, (0.7, 0.7), **settings_of(distance, 0.5)).radial
        assert bytes_of(found) == bytes_of(rows)


def volumes(labels: Labels, host: Map, dopant: Map, kind: str) -> pd.DataFrame:
    return analyze(labels, host, dopant, (0.7, 0.7), particles={"volume": kind}).particles


@given(label_images(), seeds)
@thorough
def test_host_counts_share_out_the_volume_of_the_spheres(labels, seed):
    host = np.random.default_rng(seed).integers(-30, 40, labels.shape).astype(np.float32)
    by_area, by_host = (volumes(labels, host, host, kind) for kind in ("area", "host"))
    assume(by_area["host_counts"].sum() > 0)
    shares = by_area["host_counts"].clip(lower=0)
    expected = shares / shares.sum() * by_area["volume_nm3"].sum()
    np.testing.assert_allclose(by_host["volume_nm3"], expected, rtol=1e-9)


def test_a_particle_without_host_counts_has_no_volume_and_no_concentration():
    labels = np.array([[1, 1, 0, 2, 2, 0, 3]], np.int32)
    host, dopant = np.float32([[5, 5, 0, 0, 0, 0, 9]]), np.float32([[1, 0, 0, 1, 1, 0, 0]])
    found = volumes(labels, host, dopant, "host")
    assert found["volume_nm3"].gt(0).tolist() == [True, False, True]
    assert np.isfinite(found["dopant_mM"]).tolist() == [True, False, True]
