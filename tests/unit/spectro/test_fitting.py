"""Fits of known answers: closed forms, certified problems, coverage, and what is doubtful."""

import math
from dataclasses import replace

import numpy as np
import pytest

from spectro import InputError
from spectro.fitting import Problem, Search, Slope, minimise, propagate, to_result
from spectro.fitting.projection import Projection, descend
from spectro.fitting.uncertainty import (
    Confidence,
    estimate_covariance,
    find_intervals,
    list_doubts,
)
from spectro.model import Parameter

# NIST StRD, Misra1a (D. Misra, 1978): y = b1 (1 - exp(-b2 x))
MISRA_X = [77.6, 114.9, 141.1, 190.8, 239.9, 289.0, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1]
MISRA_X += [689.1, 760.0]
MISRA_Y = [10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.40]
MISRA_Y += [75.47, 81.78]


def make_misra(start):
    x, y = np.array(MISRA_X), np.array(MISRA_Y)
    return Problem(
        (y,),
        lambda values: [(1 - np.exp(-values["b2"] * x))[None]],
        (Parameter("b2", start, 1e-6, 1e-1, step=1e-8),),
        ((Parameter("b1", 1.0),),),
    )


@pytest.mark.parametrize("start", [1e-4, 5e-4, 2e-3])
def test_misra1a_is_fitted_as_certified(start):
    found = minimise(make_misra(start))
    assert found.values["b1"] == pytest.approx(2.3894212918e2, rel=1e-6)
    assert found.values["b2"] == pytest.approx(5.5015643181e-4, rel=1e-6)
    assert found.uncertainties["b1"].standard_error == pytest.approx(2.7070075241, rel=1e-4)
    assert found.uncertainties["b2"].standard_error == pytest.approx(7.2668688436e-6, rel=1e-4)
    assert found.noise == pytest.approx(1.0187876330e-1, rel=1e-7)
    assert found.n_free == 12


# NIST StRD, Lanczos3 (C. Lanczos, 1956): three decays, rounded, that are hardly told apart
LANCZOS = {"k1": 9.5498101505e-01, "k2": 2.9515951832, "k3": 4.9863565084}
LANCZOS |= {"b1": 8.6816414977e-02, "b3": 8.4400777463e-01, "b5": 1.5825685901}


@pytest.mark.parametrize("with_slopes", [False, True])
def test_lanczos3_is_fitted_as_certified(with_slopes):
    x = np.arange(24) * 0.05
    made = 0.0951 * np.exp(-x) + 0.8607 * np.exp(-3 * x) + 1.5576 * np.exp(-5 * x)
    y = np.round(made, 4)

    def slopes(values):
        for curve, name in enumerate(("k1", "k2", "k3")):
            yield Slope(name, 0, curve, -x * np.exp(-values[name] * x))

    starts = zip(("k1", "k2", "k3"), (0.7, 2.0, 6.3), strict=True)
    problem = Problem(
        (y,),
        lambda values: [np.exp(-np.outer([values[name] for name in ("k1", "k2", "k3")], x))],
        tuple(Parameter(name, k, 0.1, 20.0) for name, k in starts),
        (tuple(Parameter(name, 1.0) for name in ("b1", "b3", "b5")),),
        None,
        slopes if with_slopes else None,
    )
    found = minimise(problem)
    for name, certified in LANCZOS.items():
        assert found.values[name] == pytest.approx(certified, rel=1e-5)
    assert found.noise == pytest.approx(2.9923229172e-05, rel=1e-6)


def make_decays(y, t, sigmas=None, *, with_slopes=True):
    """Two exponential decays to be told from each other, over times t."""

    def shapes(values):
        return [np.array([np.exp(-t * values["a"]), np.exp(-t * values["b"])])]

    def slopes(values):
        yield Slope("a", 0, 0, -t * np.exp(-t * values["a"]))
        yield Slope("b", 0, 1, -t * np.exp(-t * values["b"]))

    return Problem(
        (y,),
        shapes,
        (Parameter("a", 0.7, 0.01, 20.0), Parameter("b", 5.0, 0.01, 20.0)),
        ((Parameter("A", 1.0, 0.0), Parameter("B", 1.0, 0.0)),),
        sigmas,
        slopes if with_slopes else None,
    )


def test_derivatives_that_a_model_knows_lead_to_the_same_minimum():
    t = np.linspace(0, 3, 80)
    y = 2 * np.exp(-t) + 3 * np.exp(-4 * t) + np.random.default_rng(0).normal(0, 0.02, 80)
    sigmas = (np.linspace(0.5, 2.0, 80),)
    one, other = (minimise(make_decays(y, t, sigmas, with_slopes=known)) for known in (True, False))
    for name in ("a", "b", "A", "B"):
        assert one.values[name] == pytest.approx(other.values[name], rel=1e-5)
        errors = [found.uncertainties[name].standard_error for found in (one, other)]
        assert errors[0] == pytest.approx(errors[1], rel=1e-4)


def test_exact_data_give_the_numbers_they_were_made_of():
    t = np.linspace(0, 3, 60)
    found = minimise(make_decays(2 * np.exp(-t) + 3 * np.exp(-4 * t), t))
    expected = {"a": 1.0, "b": 4.0, "A": 2.0, "B": 3.0}
    assert found.values == pytest.approx(expected, rel=1e-6)
    assert found.noise < 1e-8


def make_line(y, x, low=-math.inf, high=math.inf):
    """Straight line whose slope is a parameter of the shape: exp(s) would do as well."""
    return Problem(
        (y,),
        lambda values: [np.array([np.ones_like(x), values["slope"] * x])],
        (Parameter("slope", min(max(0.5, low), high), low, high, step=1e-3),),
        ((Parameter("offset", 0.0), Parameter("one", 1.0, 1.0, 1.0)),),
    )


def test_a_straight_line_has_the_errors_of_its_closed_form():
    x, rng = np.linspace(-1, 1, 21), np.random.default_rng(1)
    y = 3 + 2 * x + rng.normal(0, 0.3, 21)
    slope, offset = np.polyfit(x, y, 1)
    left = y - slope * x - offset
    noise = math.sqrt(left @ left / 19)
    for search in (Search(), Search(profile=("slope",)), Search(n_bootstrap=600)):
        found = minimise(make_line(y, x), search)
        known = found.uncertainties["slope"]
        assert found.values["slope"] == pytest.approx(slope)
        assert found.noise == pytest.approx(noise)
        is_drawn = search.n_bootstrap > 0
        error = noise / math.sqrt(x @ x)
        assert known.standard_error == pytest.approx(error, rel=0.12 if is_drawn else 1e-6)
        half = (1.96 if is_drawn else 2.0930240544) * error
        assert known.high - slope == pytest.approx(half, rel=0.15 if is_drawn else 1e-3)
        assert slope - known.low == pytest.approx(half, rel=0.15 if is_drawn else 1e-3)


@pytest.mark.parametrize("search", [Search(), Search(n_bootstrap=100)])
def test_errors_of_functions_are_those_of_the_closed_form(search):
    x, rng = np.linspace(0, 1, 30), np.random.default_rng(2)
    y = 3 + 2 * x + rng.normal(0, 0.1, 30)
    found = minimise(make_line(y, x), search)
    places = [found.names.index(name) for name in ("slope", "offset")]
    covariance = found.covariance[np.ix_(places, places)]
    value, known = propagate(found, lambda one: one["slope"] + one["offset"])
    assert value == found.values["slope"] + found.values["offset"]
    expected = math.sqrt(covariance.sum())
    assert known.standard_error == pytest.approx(expected, rel=0.25 if search.n_bootstrap else 1e-6)
    _, nothing = propagate(found, lambda one: 5.0)
    assert nothing.standard_error == 0.0


def test_intervals_hold_the_truth_as_often_as_they_say():
    x, inside = np.linspace(0, 2, 12), []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        y = 3 * np.exp(-1.5 * x) + rng.normal(0, 0.1, len(x))
        problem = Problem(
            (y,),
            lambda values: [np.exp(-values["k"] * x)[None]],
            (Parameter("k", 1.0, 0.1, 10.0),),
            ((Parameter("m", 1.0, 0.0),),),
        )
        found = minimise(problem, Search(profile=("k",) if seed % 10 == 0 else ()))
        inside += [
            known.low <= truth <= known.high
            for known, truth in (
                (found.uncertainties["k"], 1.5),
                (found.uncertainties["m"], 3.0),
                (propagate(found, lambda one: one["m"] / one["k"])[1], 2.0),
            )
        ]
    assert 0.93 <= np.mean(inside) <= 0.97


@pytest.mark.parametrize("high", [1.0, 50.0])
def test_profiles_end_at_the_bounds(high):
    x, rng = np.linspace(0, 1, 20), np.random.default_rng(3)
    y = rng.normal(0, 1.0, 20)  # nothing is there, so any rate of decay will do
    problem = Problem(
        (y,),
        lambda values: [np.exp(-values["k"] * x)[None]],
        (Parameter("k", 0.5, 0.01, high, step=1e-4),),
        ((Parameter("m", 1.0),),),
    )
    known = minimise(problem, Search(profile=("k",))).uncertainties["k"]
    assert 0.01 <= known.low <= known.high <= high


def test_a_profile_ends_at_the_bound_that_the_best_value_is_at():
    x, rng = np.linspace(0, 1, 20), np.random.default_rng(4)
    found = minimise(
        make_line(1 + 2 * x + rng.normal(0, 0.1, 20), x, 0.0, 1.0), Search(profile=("slope",))
    )
    known = found.uncertainties["slope"]
    assert found.values["slope"] == pytest.approx(1.0)
    assert known.high == 1.0
    assert 0.0 <= known.low <= 1.0


def test_functions_of_what_is_unknown_have_no_error():
    x, rng = np.linspace(0, 1, 20), np.random.default_rng(4)
    found = minimise(make_line(1 + 2 * x + rng.normal(0, 0.1, 20), x, 0.0, 1.0))
    value, known = propagate(found, lambda one: 2 * one["slope"])
    assert value == pytest.approx(2.0)
    assert math.isnan(known.standard_error)
    assert (known.low, known.high) == (-math.inf, math.inf)
    _, offset = propagate(found, lambda one: 2 * one["offset"])
    assert offset.standard_error == pytest.approx(2 * found.uncertainties["offset"].standard_error)
    y = rng.normal(0, 1.0, 20)
    problem = Problem(
        (y - (y @ np.exp(-x) > 0) * 2 * y,),  # an amplitude below 0, which may not be
        lambda values: [np.exp(-values["k"] * x)[None]],
        (Parameter("k", 1.0, 0.1, 10.0),),
        ((Parameter("m", 1.0, 0.0),),),
    )
    none = minimise(problem)
    assert none.values["m"] == 0.0
    assert math.isnan(propagate(none, lambda one: one["k"])[1].standard_error)
    assert any("k is undetermined" in one for one in none.warnings)


def test_an_amplitude_at_0_has_the_error_that_it_had_without_the_bound():
    x, rng = np.linspace(0, 1, 50), np.random.default_rng(5)
    shapes = np.array([np.ones(50), x])
    y = 1 - 0.1 * x + rng.normal(0, 0.1, 50)

    def fit(low):
        amplitudes = (Parameter("a", 1.0, 0.0), Parameter("b", 1.0, low))
        return minimise(Problem((y,), lambda values: [shapes], (), (amplitudes,)))

    bound, free = fit(0.0), fit(-math.inf)
    assert bound.values["b"] == 0.0 > free.values["b"]
    ratio = bound.noise / free.noise
    for name in ("a", "b"):
        known, other = (found.uncertainties[name].standard_error for found in (bound, free))
        assert known == pytest.approx(ratio * other)
    assert bound.uncertainties["b"].low == 0.0


def test_starts_that_end_elsewhere_are_counted_by_all_spectra():
    x = np.linspace(0, 1, 400)
    axes, rng = (x[::100], x), np.random.default_rng(6)
    problem = Problem(
        tuple(1 + 2 * one + rng.normal(0, 0.1, len(one)) for one in axes),
        lambda values: [np.exp(values["k"] * one)[None] for one in axes],
        (Parameter("k", 1.0, 0.0, 9.0),),
        ((Parameter("a", 1.0),), (Parameter("b", 1.0),)),
    )
    projection = Projection(problem)
    best = descend(projection, np.array([1.0]))
    ends = [best, *(replace(best, cost=best.cost * grown) for grown in (1.00001, 1.01, 1.01, 1.01))]
    names, covariance, n_free = estimate_covariance(projection, best.x)
    values = {"k": float(best.x[0]), "a": 1.0, "b": 1.0}
    known = find_intervals(problem, values, names, covariance, Confidence(0.95, n_free))
    doubts = list_doubts(projection, ends, known, covariance)
    assert "Only 2 of 5 starts ended at this minimum; there are others." in doubts


def test_results_say_each_number_with_its_interval():
    found = minimise(make_misra(5e-4))
    result = to_result(found, "Misra1a", [], derived={"rate": (1.0, None, "1/s")})
    assert result.statements[1].startswith("b1 = 238.9 (233.0 to 244.8, 95 %, covariance)")
    assert result.units["rate"] == "1/s"
    assert result.correlation[0, 1] == pytest.approx(-0.9988, abs=2e-3)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"n_starts": 0}, "at least one start"),
        ({"level": 1.0}, "level between 0 and 1"),
        ({"n_bootstrap": 3}, "at least 20 fits"),
        ({"profile": ("b1",)}, "no amplitudes"),
    ],
)
def test_searches_that_cannot_be_are_told(change, text):
    with pytest.raises(InputError, match=text):
        minimise(make_misra(5e-4), Search(**change))
