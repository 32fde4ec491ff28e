"""Simulated fields against their truth: what goes in comes out, where it was put."""

import json
import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform
from scipy.stats import kstest

from napari_nanodope.materials import material_named
from napari_nanodope.model import InputError
from napari_nanodope.phantom import PhantomParams, simulate_field
from napari_nanodope.shapes import Shape

SHAPES = list(get_args(Shape))
HALF_DIAGONAL = math.sqrt(3) / 2  # of a voxel, from its centre to a corner


def simulate(seed: int = 1, **params):
    return simulate_field(PhantomParams(**params), seed=seed)


def depths_nm(truth):
    """Depth of every dopant below the surface of its sphere, and the radius of that sphere."""
    own = truth.dopants.merge(truth.particles, on="label")
    y_nm, x_nm = own["y_nm"] - own["centre_y_nm"], own["x_nm"] - own["centre_x_nm"]
    r_nm = np.sqrt(own["z_nm"] ** 2 + y_nm**2 + x_nm**2)
    return (own["radius_nm"] - r_nm).to_numpy(), own["radius_nm"].to_numpy()


def total(image) -> float:
    return float(image.sum(dtype=np.float64))


def test_the_default_is_the_published_phantom():
    field, truth = simulate()
    assert field.shape == truth.labels.shape == (400, 400)
    assert field.pixel_size_nm == (0.7, 0.7)
    assert field.elements == ("Cd", "Mn")
    assert set(np.unique(truth.labels)) == {0, *truth.particles["label"]}
    assert truth.particles["label"].tolist() == list(range(1, len(truth.particles) + 1))
    radii_px = truth.particles["radius_nm"] / 0.7
    assert radii_px.between(2 - 1e-9, 11 + 1e-9).all()
    assert radii_px.mean() == pytest.approx(6, abs=0.4)
    assert radii_px.std() == pytest.approx(2.7, abs=0.4)


@pytest.mark.parametrize("location", ["core", "surface", "mixed"])
@pytest.mark.parametrize("arrangement", ["rows", "random"])
def test_every_dopant_is_in_the_map_and_in_the_tables(location, arrangement):
    field, truth = simulate(location=location, arrangement=arrangement, doping=1 / 200)
    n = len(truth.dopants)
    assert n > 1000
    assert total(field.map_of("Mn")) == n == truth.particles["dopants"].sum()
    per_particle = truth.dopants["label"].value_counts().reindex(truth.particles["label"])
    np.testing.assert_array_equal(per_particle.fillna(0), truth.particles["dopants"])
    on_purpose = truth.dopants.groupby("label")["is_surface"].sum()
    expected = truth.particles.set_index("label")["surface_dopants"].reindex(on_purpose.index)
    np.testing.assert_array_equal(on_purpose, expected)


@settings(max_examples=25)
@given(
    location=st.sampled_from(["core", "surface", "mixed"]),
    particle_shape=st.sampled_from(SHAPES),
    arrangement=st.sampled_from(["rows", "random"]),
    gap_nm=st.floats(-2.0, 3.0),
    doping=st.floats(0.0, 0.05),
    pixel_size_nm=st.floats(0.3, 1.5),
    seed=st.integers(0, 2**32),
)
def test_the_dopant_map_shows_the_dopants_where_they_are(seed, **params):
    field, truth = simulate(seed, shape_px=(50, 60), n_particles=12, **params)
    places = truth.dopants[["y_nm", "x_nm"]].to_numpy() / params["pixel_size_nm"]
    expected = np.zeros((50, 60))
    np.add.at(expected, tuple(np.rint(places).astype(int).T), 1)
    np.testing.assert_array_equal(field.map_of("Mn"), expected)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"location": "surface", "doping": 1 / 50},
        {"arrangement": "random"},
        {"gap_nm": -2.0},
        {"particle_shape": "rod"},
        {"material": "CeO2 (fluorite)", "host": "Ce"},
        pytest.param({"doping": 0.5}, id="half of the sites"),
        pytest.param(
            {"location": "surface", "doping": 1 / 50, "pixel_size_nm": 0.2, "n_particles": 5},
            id="less than one site per voxel",
        ),
    ],
)
def test_dopants_replace_host_atoms(params):
    field, truth = simulate(**params)
    sites = truth.particles["host_sites"].sum()
    host = total(field.maps[field.elements[0]])
    assert sites > 1e4
    assert host + len(truth.dopants) == pytest.approx(sites, rel=1e-6)


def test_host_sites_are_those_of_the_lattice_in_the_volume():
    _, truth = simulate(host="In", material="InP (zinc blende)")
    per_nm3 = material_named("InP (zinc blende)").sites_per_nm3("In")
    np.testing.assert_allclose(
        truth.particles["host_sites"], truth.particles["volume_nm3"] * per_nm3
    )


def test_counts_per_atom_scale_the_maps():
    once, _ = simulate()
    more, _ = simulate(host_counts_per_atom=0.25, dopant_counts_per_atom=3.0)
    np.testing.assert_allclose(more.map_of("Cd"), once.map_of("Cd") * 0.25, rtol=1e-6)
    np.testing.assert_allclose(more.map_of("Mn"), once.map_of("Mn") * 3.0, rtol=1e-6)


def test_the_survey_is_thickness():
    field, truth = simulate(film_nm=0.0, survey_counts_per_nm=20.0)
    volume = total(field.survey) / 20.0 * 0.7**2
    assert volume == pytest.approx(truth.particles["volume_nm3"].sum(), rel=1e-6)
    np.testing.assert_array_equal(field.survey > 0, truth.labels > 0)


@pytest.mark.parametrize("location", ["core", "surface"])
def test_dopants_lie_inside_their_particle(location):
    _, truth = simulate(location=location, doping=1 / 50)
    depth, _ = depths_nm(truth)
    assert len(depth) > 5000
    assert depth.min() >= -HALF_DIAGONAL * 0.7


@pytest.mark.parametrize("shell_nm", [None, 0.7, 1.5, 3.0])
def test_surface_dopants_lie_in_the_shell(shell_nm):
    _, truth = simulate(location="surface", doping=1 / 50, shell_nm=shell_nm)
    depth, _ = depths_nm(truth)
    thickness = shell_nm or 0.7
    assert depth.max() <= thickness + HALF_DIAGONAL * 0.7
    assert depth.max() > 0.9 * thickness
    assert truth.dopants["is_surface"].all()


def test_core_dopants_fill_the_volume_and_surface_dopants_do_not():
    params = {"radius_sd_nm": 0.0, "pixel_size_nm": 0.2, "n_particles": 4, "doping": 0.02}
    for location, fills in (("core", True), ("surface", False)):
        _, truth = simulate(location=location, **params)
        depth, radius = depths_nm(truth)
        assert len(depth) > 300
        share = (1 - depth / radius) ** 3  # of the volume within: uniform for a filled sphere
        assert (kstest(np.clip(share, 0, 1), "uniform").pvalue > 0.01) == fills
        height = truth.dopants["z_nm"] / (radius - depth)  # uniform on a sphere, as Archimedes knew
        assert kstest(height, "uniform", (-1, 2)).pvalue > 0.01


@pytest.mark.parametrize("location", ["core", "surface", "mixed"])
@pytest.mark.parametrize("doping", [0.0, 1 / 1000, 1 / 50, 1.0])
def test_doping_sets_the_expected_number(location, doping):
    _, truth = simulate(location=location, doping=doping, shape_px=(200, 200))
    sites = truth.particles["host_sites"].sum()
    spread = math.sqrt(sites * doping * (1 - doping))
    rounding = len(truth.particles)  # a particle holds a whole number of sites
    assert abs(len(truth.dopants) - sites * doping) <= 4 * spread + rounding * doping


@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.5, 1.0])
def test_mixed_puts_its_fraction_in_the_shell(fraction):
    _, truth = simulate(location="mixed", surface_fraction=fraction, doping=1 / 100)
    n = truth.particles["dopants"].sum()
    on_purpose = truth.particles["surface_dopants"].sum()
    assert abs(on_purpose - n * fraction) <= 4 * math.sqrt(n * fraction * (1 - fraction))
    depth, _ = depths_nm(truth)
    in_shell = truth.dopants["is_surface"].to_numpy()
    assert (depth[in_shell] <= (1 + HALF_DIAGONAL) * 0.7).all()


@pytest.mark.parametrize("particle_shape", SHAPES)
@pytest.mark.parametrize("aspect_ratio", [1.0, 2.5])
def test_every_shape_has_the_volume_of_its_sphere(particle_shape, aspect_ratio):
    _, truth = simulate(
        particle_shape=particle_shape,
        aspect_ratio=aspect_ratio,
        radius_nm=7.0,
        radius_sd_nm=0.0,
        n_particles=8,
        shape_px=(300, 300),
        doping=0.0,
    )
    assert len(truth.particles) >= 4
    volume = truth.particles["volume_nm3"] / (4 / 3 * np.pi * 7.0**3)
    np.testing.assert_allclose(volume, 1, atol=0.03)
    assert volume.mean() == pytest.approx(1, abs=0.015)


@pytest.mark.parametrize("particle_shape", SHAPES[1:])
def test_other_shapes_are_turned_at_random(particle_shape):
    _, truth = simulate(particle_shape=particle_shape, radius_sd_nm=0.0, n_particles=20)
    areas = np.bincount(truth.labels.ravel())[1:]
    assert areas.std() / areas.mean() > 0.01


@pytest.mark.parametrize("arrangement", ["rows", "random"])
@pytest.mark.parametrize("gap_nm", [0.0, 0.7, 3.0])
def test_neighbours_keep_their_gap(arrangement, gap_nm):
    _, truth = simulate(arrangement=arrangement, gap_nm=gap_nm)
    centres = truth.particles[["centre_y_nm", "centre_x_nm"]].to_numpy()
    radii = truth.particles["radius_nm"].to_numpy()
    gaps = squareform(pdist(centres)) - radii - radii[:, None]
    gaps = gaps[~np.eye(len(radii), dtype=bool)]
    assert len(radii) > 100
    assert gaps.min() >= gap_nm - 1e-9
    assert gaps.min() < gap_nm + 0.1


def test_a_negative_gap_lets_particles_overlap_and_the_thicker_one_is_labelled():
    _, truth = simulate(gap_nm=-1.5, radius_sd_nm=0.5)
    centres = truth.particles[["centre_y_nm", "centre_x_nm"]].to_numpy()
    radii = truth.particles["radius_nm"].to_numpy()
    between = squareform(pdist(centres)) - radii - radii[:, None]
    np.fill_diagonal(between, np.inf)
    assert -1.6 < between.min() < -0.5
    i, j = np.unravel_index(between.argmin(), between.shape)
    thick, thin = (i, j) if radii[i] > radii[j] else (j, i)
    assert np.count_nonzero(truth.labels == thick + 1) > np.count_nonzero(truth.labels == thin + 1)


def test_rows_stay_inside_the_picture():
    _, truth = simulate()
    whole = 4 / 3 * np.pi * truth.particles["radius_nm"] ** 3
    large = truth.particles["radius_nm"] > 4
    np.testing.assert_allclose(truth.particles["volume_nm3"][large], whole[large], rtol=0.1)


def test_random_particles_are_cut_by_the_border_without_losing_count():
    field, truth = simulate(arrangement="random", doping=1 / 50)
    particles = truth.particles
    edge = np.minimum(
        particles[["centre_y_nm", "centre_x_nm"]].min(axis=1),
        400 * 0.7 - particles[["centre_y_nm", "centre_x_nm"]].max(axis=1),
    )
    cut = edge < particles["radius_nm"] / 2
    assert cut.sum() > 5
    whole = 4 / 3 * np.pi * particles["radius_nm"] ** 3
    assert (particles["volume_nm3"][cut] < 0.9 * whole[cut]).all()
    assert total(field.map_of("Mn")) == particles["dopants"].sum()
    places = truth.dopants[["y_nm", "x_nm"]] / 0.7
    assert places.to_numpy().min() >= -0.5
    assert places.to_numpy().max() <= 399.5


@pytest.mark.parametrize("arrangement", ["rows", "random"])
def test_there_are_at_most_so_many_particles(arrangement):
    _, truth = simulate(arrangement=arrangement, n_particles=7)
    assert len(truth.particles) == 7


def test_a_picture_too_small_for_a_particle_is_empty():
    field, truth = simulate(shape_px=(2, 3))
    assert field.shape == (2, 3)
    assert len(truth.particles) == len(truth.dopants) == 0


def test_a_field_without_particles_has_a_film_and_empty_tables():
    field, truth = simulate(n_particles=0)
    assert not truth.labels.any()
    assert not field.map_of("Cd").any()
    assert not field.map_of("Mn").any()
    assert field.survey.min() > 0
    _, full = simulate(shape_px=(60, 60))
    for empty, table in ((truth.particles, full.particles), (truth.dopants, full.dopants)):
        assert len(empty) == 0
        assert empty.dtypes.to_dict() == table.dtypes.to_dict()


NOISY = {"shot_noise": True, "background_counts": 0.3, "probe_sigma_nm": 0.5}


@pytest.mark.parametrize("params", [{}, NOISY, {"arrangement": "random", "particle_shape": "rod"}])
def test_a_seed_gives_the_same_picture_bit_for_bit(params):
    (field, truth), (again, true_again) = (simulate(7, **params) for _ in range(2))
    for name in ("Cd", "Mn"):
        assert field.map_of(name).tobytes() == again.map_of(name).tobytes()
    assert field.survey.tobytes() == again.survey.tobytes()
    assert truth.labels.tobytes() == true_again.labels.tobytes()
    assert truth.particles.equals(true_again.particles)
    assert truth.dopants.equals(true_again.dopants)
    assert field == again


def test_another_seed_gives_another_picture():
    (field, truth), (other, true_other) = simulate(1), simulate(2)
    assert (truth.labels != true_other.labels).any()
    assert (field.survey != other.survey).any()
    assert field.source.sha256 != other.source.sha256
    assert field.field_id != other.field_id


def test_the_source_is_enough_to_simulate_again():
    field, _ = simulate(3, **NOISY, shape_px=(80, 90))
    told = json.loads(json.dumps(dict(field.source.settings)))
    again, _ = simulate(told.pop("seed"), **told)
    np.testing.assert_array_equal(again.survey, field.survey)
    np.testing.assert_array_equal(again.map_of("Mn"), field.map_of("Mn"))


@pytest.mark.parametrize("level", [0.2, 5.0, 300.0])
def test_noise_is_poisson_and_its_mean_is_subtracted(level):
    field, _ = simulate(n_particles=0, shot_noise=True, background_counts=level)
    for name in ("Cd", "Mn"):
        net = field.map_of(name).astype(float)
        error = math.sqrt(level / net.size)
        assert abs(net.mean()) < 4 * error
        assert net.var() == pytest.approx(level, rel=4 * math.sqrt((2 + 1 / level) / net.size))
        np.testing.assert_allclose(net + level, np.rint(net + level), atol=1e-4)


def test_the_survey_is_poisson_on_a_flat_film():
    field, _ = simulate(n_particles=0, shot_noise=True, film_roughness=0.0)
    mean = field.survey.mean()
    assert mean > 5
    assert field.survey.var() == pytest.approx(mean, rel=0.02)


def test_noise_leaves_the_totals_as_they_are_on_average():
    quiet, _ = simulate(doping=1 / 100)
    noisy, _ = simulate(doping=1 / 100, shot_noise=True, background_counts=0.5)
    for name in ("Cd", "Mn"):
        expected, got = total(quiet.map_of(name)), total(noisy.map_of(name))
        assert abs(got - expected) < 4 * math.sqrt(expected + 0.5 * 400**2)


def test_without_noise_the_background_cancels():
    plain, _ = simulate()
    lifted, _ = simulate(background_counts=2.0)
    np.testing.assert_allclose(lifted.map_of("Mn"), plain.map_of("Mn"), atol=1e-6)


def test_the_probe_blurs_but_loses_no_counts():
    params = {"n_particles": 1, "gap_nm": 8.0, "shape_px": (60, 60), "doping": 1 / 20}
    sharp, _ = simulate(**params, film_nm=0.0)
    blurred, truth = simulate(**params, film_nm=0.0, probe_sigma_nm=1.0)
    assert len(truth.dopants) > 20
    for name in ("Cd", "Mn"):
        assert total(blurred.map_of(name)) == pytest.approx(total(sharp.map_of(name)), rel=1e-5)
        assert blurred.map_of(name).max() < sharp.map_of(name).max()
    assert total(blurred.survey) == pytest.approx(total(sharp.survey), rel=1e-5)
    assert blurred.map_of("Cd").min() >= 0


@pytest.mark.parametrize(
    "params",
    [
        {"location": "middle"},
        {"particle_shape": "dodecahedron"},
        {"arrangement": "spiral"},
        {"doping": -0.1},
        {"doping": 1.1},
        {"doping": math.nan},
        {"surface_fraction": 1.5},
        {"shell_nm": 0.0},
        {"shell_nm": math.nan},
        {"shape_px": (0, 10)},
        {"shape_px": (10,)},
        {"shape_px": (10, 10, 10)},
        {"pixel_size_nm": 0.0},
        {"pixel_size_nm": math.inf},
        {"radius_nm": 8.0},
        {"radius_nm": math.nan},
        {"radius_sd_nm": -1.0},
        {"radius_range_nm": (0.0, 7.0)},
        {"radius_range_nm": (7.0, 1.0)},
        {"aspect_ratio": 0.5},
        {"n_particles": -1},
        {"host": "Xx"},
        {"dopant": "manganese"},
        {"host": "Mn"},
        {"host_counts_per_atom": -1.0},
        {"background_counts": -0.1},
        {"probe_sigma_nm": -1.0},
        {"film_roughness": 2.0},
        {"survey_counts_per_nm": math.inf},
    ],
    ids=str,
)
def test_parameters_out_of_bounds_are_refused(params):
    with pytest.raises(InputError, match=r"Expected .*got"):
        PhantomParams(**params)


@pytest.mark.parametrize(
    "params",
    [
        {"gap_nm": math.nan},
        {"gap_nm": -20.0},  # no particle is so large, so that a row would never end
        {"shape_px": (10.5, 10)},
        {"n_particles": 2.5},
    ],
    ids=str,
)
def test_parameters_that_cannot_be_drawn_are_refused(params):
    with pytest.raises(InputError, match=r"Expected .*got"):
        PhantomParams(**params)


@pytest.mark.parametrize(
    ("params", "message"),
    [({"material": "salt"}, "known material"), ({"host": "Zn"}, "elements of CdS")],
)
def test_a_host_that_is_not_in_its_lattice_is_refused(params, message):
    with pytest.raises(InputError, match=message):
        simulate(**params)


def test_a_shell_thinner_than_a_voxel_is_refused_or_drawn():
    try:
        _, truth = simulate(location="surface", shell_nm=0.01, doping=0.1, shape_px=(80, 80))
    except InputError as error:
        assert "shell_nm" in str(error)
    else:
        assert len(truth.dopants) > 0
