"""Dopants per particle: histograms and expectations by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_nanodope.core.occupancy import expect_dopants, histogram_dopants


def test_a_histogram_by_hand():
    table = histogram_dopants(np.array([0, 2, 2, 1, 4]), np.array([3, 3, 3, 5, 5]))
    assert list(table) == ["size_class", "dopants", "n_particles"]
    assert table.to_numpy().tolist() == [
        [3, 0, 1],
        [3, 1, 0],
        [3, 2, 2],
        [5, 0, 0],
        [5, 1, 1],
        [5, 2, 0],
        [5, 3, 0],
        [5, 4, 1],
    ]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), max_size=40))
@settings(max_examples=50, derandomize=True, deadline=None)
def test_a_histogram_keeps_every_particle_and_every_dopant(particles):
    dopants, size_class = np.array(particles, np.int64).reshape(-1, 2).T
    table = histogram_dopants(dopants, size_class)
    assert table["n_particles"].sum() == len(particles)
    assert (table["dopants"] * table["n_particles"]).sum() == dopants.sum()
    for row in table.itertuples():
        assert row.n_particles == particles.count((row.dopants, row.size_class))
    for k, rows in table.groupby("size_class"):
        assert rows["dopants"].tolist() == list(range(dopants[size_class == k].max() + 1))


def test_what_to_expect_at_33_mM_by_hand():
    # A sphere of radius 5.6 nm holds 735.6 nm3 and 14.6 dopants at 33 mM.
    volume = 4 / 3 * np.pi * 5.6**3
    table = expect_dopants(
        np.array([volume, 100.0, 300.0]), np.array([8, 4, 4]), {"33 mM": 33.0, "ICP-MS": 0.0}
    )
    assert list(table) == ["size_class", "n_particles", "mean_volume_nm3", "33 mM", "ICP-MS"]
    assert table["size_class"].tolist() == [4, 8]
    assert table["n_particles"].tolist() == [2, 1]
    np.testing.assert_allclose(table["mean_volume_nm3"], [200, 735.6], rtol=1e-4)
    # 33 mmol/L x 6.02214e23 /mol x 1e-24 L/nm3 = 0.0198731 dopants per nm3.
    np.testing.assert_allclose(table["33 mM"], [200 * 0.0198731, 14.62], rtol=1e-3)
    assert (table["ICP-MS"] == 0).all()


def test_expected_dopants_add_up_to_those_of_the_whole_volume():
    rng = np.random.default_rng(0)
    volume, size_class = rng.uniform(20, 900, 200), rng.integers(1, 7, 200)
    table = expect_dopants(volume, size_class, {"any": 50.0})
    total = (table["any"] * table["n_particles"]).sum()
    assert total == pytest.approx(volume.sum() * 50e-3 * 0.602214076)


def test_without_particles_there_is_nothing_to_expect():
    nothing = np.zeros(0)
    table = expect_dopants(nothing, nothing.astype(int), {"any": 50.0})
    assert len(table) == 0
    assert list(table) == ["size_class", "n_particles", "mean_volume_nm3", "any"]
    assert len(histogram_dopants(nothing.astype(int), nothing.astype(int))) == 0
