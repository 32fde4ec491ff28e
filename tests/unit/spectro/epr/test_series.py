"""Series of levels against exact levels, and sums over directions against integrals."""

from dataclasses import replace

import numpy as np
import pytest

from spectro import epr
from spectro.epr.directions import Symmetry, make_quadrature, place_knots
from spectro.epr.series import Nodes, _rotate_away, expand_levels
from spectro.epr.spin_system import build_operators
from spectro.epr.sticks import add_intervals, add_points

MN = [epr.Nucleus("55Mn", -189.0)]
SYSTEM = epr.SpinSystem(2.5, 2.007, MN, d_MHz=200.0, e_MHz=40.0)
OBLIQUE = np.array([[0.48, 0.6, 0.64], [0.6, 0.0, 0.8]])


def diagonalise(operators, unit, field_mT):
    """Levels, and strengths of all pairs, of microwaves across the field."""
    along = np.tensordot(unit, operators.zeeman, 1)
    levels, vectors = np.linalg.eigh(operators.zero_field + field_mT * along)
    moments = vectors.conj().T @ operators.spin @ vectors
    along = np.tensordot(unit, moments, 1)
    total = (np.abs(moments) ** 2).sum(axis=0) - np.abs(along) ** 2
    return levels, (total / 2)[np.triu_indices(len(levels), 1)]


@pytest.mark.parametrize("unit", OBLIQUE, ids=["in space", "in the xz plane"])
def test_a_series_is_the_exact_levels_nearby(unit):
    operators = build_operators(SYSTEM)
    series = expand_levels(operators, unit[None], Nodes(337.0, 20.0, (0.0,), 1.5))
    for distance, error_MHz, loss in ((0.0, 1e-8, 1e-9), (0.25, 1e-6, 1e-5), (0.5, 1e-4, 1e-4)):
        levels, strengths = diagonalise(operators.to_complex(), unit, 337.0 + 20.0 * distance)
        powers = distance ** np.arange(6)
        assert np.abs(powers @ series.energies[0, 0] - levels).max() < error_MHz
        found = powers[:3] @ series.strengths[0, 0]
        assert np.abs(found - strengths).max() < loss * strengths.max()


def test_derivatives_are_differences_of_levels():
    change = 1e-3
    operators = build_operators(SYSTEM).to_complex()
    other = build_operators(replace(SYSTEM, d_MHz=200.0 + change)).to_complex()
    by_d = (other.zero_field - operators.zero_field) / change
    series = expand_levels(operators, OBLIQUE[:1], Nodes(337.0, 20.0, (0.0,), 1.5), (by_d,))
    levels, _ = diagonalise(operators, OBLIQUE[0], 342.0)
    moved, _ = diagonalise(other, OBLIQUE[0], 342.0)
    found = series.derivatives[0, 0, 0, 0] + 0.25 * series.derivatives[0, 0, 0, 1]
    np.testing.assert_allclose(found, (moved - levels) / change, atol=2e-3)


@pytest.mark.parametrize("is_complex", [False, True])
def test_rotations_diagonalise(is_complex):
    generator = np.random.default_rng(1)
    matrix = generator.normal(size=(2, 3, 12, 12)) + 0j
    if is_complex:
        matrix = matrix + 1j * generator.normal(size=matrix.shape)
    matrix = matrix + np.conj(np.swapaxes(matrix, -1, -2))
    matrix = matrix if is_complex else matrix.real.copy()
    levels, vectors = _rotate_away(matrix.copy())
    np.testing.assert_allclose(np.sort(levels), np.linalg.eigvalsh(matrix), atol=1e-12)
    np.testing.assert_allclose(matrix @ vectors, vectors * levels[..., None, :], atol=1e-12)


def test_rotations_keep_states_of_different_projection_apart():
    """Levels that cross do not mix, and each keeps its place on both sides."""
    operators = build_operators(epr.SpinSystem(1.0, 2.0))
    pole = np.array([[0.0, 0.0, 1.0]])
    series = expand_levels(operators, pole, Nodes(0.0, 10.0, (-1.0, 1.0), 1.5))
    slopes = series.energies[0, :, 1]
    np.testing.assert_allclose(slopes[0], slopes[1], atol=1e-9)
    assert len(np.unique(slopes[0].round(6))) == 3


@pytest.mark.parametrize("symmetry", [Symmetry.AXIAL, Symmetry.RHOMBIC, Symmetry.NONE])
def test_a_quadrature_is_the_mean_over_all_directions(symmetry):
    knots = place_knots(symmetry, 8)
    grid = make_quadrature(symmetry, knots, 16, 16)
    assert grid.weights.sum() == pytest.approx(1.0, abs=1e-14)
    x, y, z = knots.unit.T
    for value, mean in ((z**4, 1 / 5), (z**8, 1 / 9)):
        assert grid.weights @ (value @ grid.to_directions) == pytest.approx(mean, abs=1e-12)
    if symmetry is not Symmetry.AXIAL:
        assert grid.weights @ ((x**2 * y**2) @ grid.to_directions) == pytest.approx(1 / 15)


def test_points_keep_their_sum_and_their_mean():
    sticks, at = np.zeros((1, 43)), np.array([[3.0, 17.25, 30.9]])
    amplitudes, weights = np.array([[1.0, 2.0, 0.5]]), np.array([0.2, 0.3, 0.5])
    add_points(sticks, at, amplitudes, weights, at, np.zeros(1))
    strengths = amplitudes[0] * weights
    assert sticks.sum() == pytest.approx(strengths.sum())
    assert sticks[0] @ (np.arange(43) - 1) == pytest.approx(strengths @ at[0])


def test_intervals_are_even():
    sticks = np.zeros((1, 43))
    add_intervals(sticks, np.array([[30.0, 10.0]]), np.ones((1, 2)), np.zeros((1, 2)), np.zeros(1))
    np.testing.assert_allclose(sticks[0, 14:29], 1 / 20, atol=2e-3)
    assert sticks.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("tolerance", [1e-2, 2e-3, 5e-4, 1e-4])
@pytest.mark.parametrize(
    ("d", "e", "frequency"),
    [(200.0, 0.0, 9.46), (200.0, 40.0, 9.46), (600.0, 0.0, 9.46), (600.0, 120.0, 34.0)],
)
def test_the_error_is_what_is_said(d, e, frequency, tolerance):
    centre = 35.6 * frequency
    experiment = epr.CwExperiment(frequency, (centre - 60.0, centre + 60.0), 512)
    system, line = replace(SYSTEM, d_MHz=d, e_MHz=e), epr.LineShape(1.0)
    found = epr.simulate_cw(system, experiment, line, tolerance=tolerance)
    exact = epr.simulate_cw(system, experiment, line, tolerance=2e-5)
    error = np.abs(found.y - exact.y).max() / np.abs(exact.y).max()
    assert error <= found.metadata["error"] + exact.metadata["error"]
    assert found.metadata["error"] <= tolerance


def test_several_fields_give_what_one_does():
    """A sweep whose middle is far from the lines wants more of them."""
    system, line = epr.SpinSystem(2.5, 2.007, MN, d_MHz=50.0), epr.LineShape(1.0)
    near = epr.simulate_cw(system, epr.CwExperiment(9.46, (300.0, 380.0), 801), line)
    far = epr.simulate_cw(system, epr.CwExperiment(9.46, (330.0, 530.0), 2001), line)
    same = np.abs(near.y[300:] - far.y[:501]).max()
    assert same < 1e-4 * np.abs(near.y).max()
