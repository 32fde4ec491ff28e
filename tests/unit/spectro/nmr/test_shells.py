"""Depths of layers that are known by geometry."""

import numpy as np
import pytest

from spectro.model import InputError
from spectro.nmr import layer_model


def slice_sphere(diameter_nm, *depths_nm):
    """Volumes between depths below the surface of a sphere, from the centre outwards."""
    radii = [diameter_nm / 2 - depth for depth in (*sorted(depths_nm, reverse=True), 0.0)]
    return np.diff([0.0, *(max(one, 0.0) ** 3 for one in radii)])


@pytest.mark.parametrize("diameter_nm", [6.4, 9.0, 12.5])
@pytest.mark.parametrize(("core_nm", "middle_nm"), [(2.3, 0.8), (2.1, 0.64), (2.4, 0.92)])
def test_depths_come_back_from_volumes(diameter_nm, core_nm, middle_nm):
    model = layer_model(diameter_nm, tuple(slice_sphere(diameter_nm, core_nm, middle_nm)))
    assert model.depth_nm == pytest.approx({"core": core_nm, "middle": middle_nm})
    assert model["core"].inner_nm == diameter_nm / 2
    assert model["surface"].outer_nm == 0.0
    assert sum(one.thickness_nm for one in model.layers) == pytest.approx(diameter_nm / 2)
    assert sum(one.fraction for one in model.layers) == pytest.approx(1.0)


def test_the_same_depths_are_found_by_counting_points_in_a_ball():
    points = np.random.default_rng(0).uniform(-4.5, 4.5, (400_000, 3))
    depth = 4.5 - np.linalg.norm(points, axis=1)
    depth = depth[depth > 0]
    counts = [(depth > 2.3).sum(), ((depth > 0.8) & (depth <= 2.3)).sum(), (depth <= 0.8).sum()]
    model = layer_model(9.0, counts, fraction_errors=np.sqrt(counts))
    for name, truth in (("core", 2.3), ("middle", 0.8)):
        assert model.depth_nm[name] == pytest.approx(truth, abs=0.02)
        known = model[name].outer
        assert abs(model.depth_nm[name] - truth) < 4 * known.standard_error


def test_a_nanocrystal_without_a_core_is_told_so():
    model = layer_model(6.4, (0.0, 0.42, 0.58))
    assert model.depth_nm == pytest.approx({"middle": 3.2 * (1 - 0.42 ** (1 / 3))})
    assert model.statements[0].startswith("There is no core")
    assert model["core"].thickness_nm == 0.0
    assert model["middle"].inner_nm == 3.2
    assert model["core"].outer.standard_error == 0.0
    with_error = layer_model(6.4, (0.0, 0.42, 0.58), fraction_errors=(0.02, 0.02, 0.02))
    low = with_error["core"].outer.low
    assert 1.5 < low < 3.2
    assert "not excluded" in with_error.statements[0]


def test_a_share_within_its_error_is_not_significant():
    model = layer_model(9.0, (0.03, 0.4, 0.57), fraction_errors=(0.03, 0.03, 0.03))
    assert not model["core"].is_significant
    assert model["middle"].is_significant
    assert any("not above 0 by more than its error" in one for one in model.statements)


def test_bulk_is_no_part_of_the_nanocrystal():
    with_bulk = layer_model(9.0, {"bulk": 30.0, "core": 10.0, "middle": 40.0, "surface": 50.0})
    without = layer_model(9.0, (10.0, 40.0, 50.0))
    assert with_bulk.depth_nm == without.depth_nm
    kept = layer_model(9.0, {"bulk": 30.0, "surface": 50.0}, exclude=())
    assert kept["bulk"].fraction == pytest.approx(30 / 80)


def test_the_unit_of_the_fractions_does_not_matter():
    one = layer_model(9.0, (1.0, 4.0, 5.0), fraction_errors=(0.1, 0.2, 0.3))
    other = layer_model(9.0, (10.0, 40.0, 50.0), fraction_errors=(1.0, 2.0, 3.0))
    for a, b in zip(one.layers, other.layers, strict=True):
        assert a.outer_nm == pytest.approx(b.outer_nm)
        assert a.outer.standard_error == pytest.approx(b.outer.standard_error)


def test_errors_are_those_of_many_repetitions():
    amount, error = np.array([20.0, 35.0, 45.0]), np.array([1.0, 1.5, 2.0])
    model = layer_model(9.0, amount, fraction_errors=error, diameter_error_nm=0.3)
    rng = np.random.default_rng(3)
    depths = []
    for _ in range(2000):
        drawn = layer_model(rng.normal(9.0, 0.3), rng.normal(amount, error))
        depths.append(list(drawn.depth_nm.values()))
    for name, scatter in zip(("core", "middle"), np.std(depths, axis=0), strict=True):
        assert model[name].outer.standard_error == pytest.approx(scatter, rel=0.06)


def test_the_truth_is_in_the_intervals_as_often_as_they_say():
    amount, error = np.array([20.0, 35.0, 45.0]), np.array([2.0, 2.0, 2.0])
    truth = layer_model(9.0, amount).depth_nm
    rng, hits, n = np.random.default_rng(4), dict.fromkeys(truth, 0), 1000
    for _ in range(n):
        drawn = layer_model(
            rng.normal(9.0, 0.3),
            rng.normal(amount, error),
            fraction_errors=error,
            diameter_error_nm=0.3,
        )
        for name, depth_nm in truth.items():
            hits[name] += drawn[name].outer.low <= depth_nm <= drawn[name].outer.high
    for name, count in hits.items():
        assert 0.92 <= count / n <= 0.98, name


def test_one_and_two_layers():
    assert layer_model(8.0, (1.0,)).depth_nm == {}
    assert layer_model(8.0, (1.0, 7.0)).depth_nm == pytest.approx({"core": 2.0})


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ((0.1, -0.2, 1.1), "fractions of at least 0"),
        ((0.0, 0.0, 0.0), "fractions of at least 0 and one above"),
        ((0.1, 0.2, 0.3, 0.4), "give a mapping of names"),
        ({"bulk": 1.0}, "one above"),
    ],
)
def test_what_is_no_set_of_layers_is_refused(fractions, message):
    with pytest.raises(InputError, match=message):
        layer_model(9.0, fractions)


def test_other_numbers_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="diameter above 0 nm"):
        layer_model(0.0, (1.0, 1.0))
    with pytest.raises(InputError, match="an error for each of 3 parts, got 2"):
        layer_model(9.0, (1, 1, 1), fraction_errors=(1, 1))
    with pytest.raises(InputError, match="standard errors of at least 0"):
        layer_model(9.0, (1, 1), fraction_errors={"core": -1.0})
    with pytest.raises(InputError, match="layer of core, surface, got 'middle'"):
        layer_model(9.0, (1, 1))["middle"]


def test_names_that_are_no_layer_are_told():
    parts = {"core": 1.0, "Bulk": 5.0, "surface": 7.0}
    assert layer_model(10.0, parts)["core"].fraction == pytest.approx(1 / 8)
    with pytest.raises(InputError, match="in fraction_errors, got shell"):
        layer_model(10.0, parts, fraction_errors={"shell": 0.1})
    with pytest.raises(InputError, match="in exclude, got shell"):
        layer_model(10.0, parts, exclude=("shell",))
