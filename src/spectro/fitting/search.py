"""The search for the best fit, from one start or several."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectro.fitting.bootstrap import (
    draw_replicates,
    find_percentiles,
    name_values,
    summarise,
)
from spectro.fitting.projection import Problem, Projection, descend
from spectro.fitting.uncertainty import (
    Confidence,
    estimate_covariance,
    find_intervals,
    follow_profile,
    list_doubts,
)
from spectro.model import Curve, FitResult, InputError, Parameter, Uncertainty

Array = NDArray[np.float64]

_LARGEST = 1e100
_N_DRAWS = 8  # of which the best one is a start
_FEWEST_REPLICATES = 20
_STEP = 1e-6  # part of a number whose error is unknown


@dataclass(frozen=True, slots=True)
class Search:
    """How to look for the minimum and how sure to be.

    Attributes
    ----------
    n_starts : int
        The first start is the parameters' own; each further one is the best of eight that are drawn
        around it.
    seed : int
        Of those.
    level : float
        Probability that an interval holds the true value.
    n_bootstrap : int
        Fits to shuffled residuals that all intervals are taken from, but those of profiles; 0 to
        take them from the covariance. A few hundred tell an interval of 95 %.
    profile : tuple of str
        Parameters whose intervals are followed to where the fit gets significantly worse, rather
        than taken from the covariance.
    is_refined : bool
        Whether `spectro.nmr.deconvolve` follows further ones by itself where lines overlap so much
        that their covariance does not tell them, which may take a second or two.
    """

    n_starts: int = 1
    seed: int = 0
    level: float = 0.95
    n_bootstrap: int = 0
    profile: tuple[str, ...] = ()
    is_refined: bool = True

    def __post_init__(self) -> None:
        """Refuse what is no number of starts, no seed and no probability."""
        if self.n_starts < 1 or self.seed < 0 or not 0 < self.level < 1:
            raise InputError(
                f"Expected at least one start, a seed of at least 0 and a level between 0 and 1, "
                f"got {self.n_starts}, {self.seed} and {self.level}."
            )
        if self.n_bootstrap != 0 and self.n_bootstrap < _FEWEST_REPLICATES:
            raise InputError(
                f"Expected no bootstrap or one of at least {_FEWEST_REPLICATES} fits, got "
                f"{self.n_bootstrap}."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Minimum:
    """Where the fit is best.

    Attributes
    ----------
    values : mapping of str to float
        Of all parameters of the shapes and all amplitudes.
    names : tuple of str
        Of those that were fitted, in the order of the covariance.
    covariance : (P, P) array
        NaN for what is not determined.
    curves : tuple of (K, N) arrays
        Each term of each spectrum, in units of the data.
    noise : float
        Standard deviation of the residuals.
    n_free : int
        Degrees of freedom.
    uncertainties : mapping of str to Uncertainty
        Of each that was fitted.
    units : mapping of str to str
        Of all values.
    warnings : tuple of str
        What is doubtful.
    is_converged : bool
        Whether the search ended by itself.
    variance : float
        Of the noise, as intervals take it.
    replicates : tuple of mapping
        Values from each fit of the bootstrap, if there was one.
    """

    values: dict[str, float]
    names: tuple[str, ...]
    covariance: Array
    curves: tuple[Array, ...]
    noise: float
    n_free: int
    uncertainties: dict[str, Uncertainty]
    units: dict[str, str]
    warnings: tuple[str, ...]
    is_converged: bool
    variance: float
    replicates: tuple[dict[str, float], ...] = ()


def minimise(problem: Problem, search: Search | None = None) -> Minimum:
    """Least-squares fit of a problem.

    Parameters
    ----------
    problem : Problem
        Data and model.
    search : Search, optional
        Starts, and how uncertainties are found; by default one start, 95 %, by covariance.

    Raises
    ------
    InputError
        If there are fewer points than numbers to fit, data that are not finite, or names that
        occur twice.

    Notes
    -----
    Standard errors are those of linear least squares at the minimum, with the variance of the
    residuals, or the least that the problem states; intervals take Student's t. A profile's
    interval ends where the sum of squares has grown by t^2 times that variance, all other
    parameters following. Those of a bootstrap are the percentiles of fits to the best fit with its
    residuals shuffled.
    """
    search = search or Search()
    _check(problem, search)
    projection = Projection(problem)
    ends = [descend(projection, x) for x in _draw_starts(projection, search)]
    best = min(ends, key=lambda end: end.cost)
    state = projection.state(best.x)
    values = name_values(projection, best.x, state)
    units = {one.name: one.unit for one in _list_terms(problem)}
    names, covariance, n_free = estimate_covariance(projection, best.x)
    confidence = Confidence(search.level, n_free)
    known = find_intervals(problem, values, names, covariance, confidence)
    replicates = draw_replicates(projection, best.x, search.n_bootstrap, search.seed)
    if replicates:
        known = find_percentiles(replicates, names, search.level)
    for name in search.profile:
        known[name] = follow_profile(projection, best, name, known[name], confidence)
    curves = tuple(
        a[:, None] * s / w
        for a, s, w in zip(state.amplitudes, state.shapes, projection.weights, strict=True)
    )
    noise = math.sqrt(best.cost / n_free)
    return Minimum(
        values,
        names,
        covariance,
        curves,
        noise,
        n_free,
        known,
        units,
        tuple(list_doubts(projection, ends, known, covariance)),
        best.is_converged,
        max(best.cost / n_free, problem.least_variance),
        replicates,
    )


def _list_terms(problem: Problem) -> list[Parameter]:
    return [*problem.parameters, *(one for terms in problem.amplitudes for one in terms)]


def _check(problem: Problem, search: Search) -> None:
    names = [one.name for one in _list_terms(problem)]
    twice = {name for name, n in Counter(names).items() if n > 1}
    if twice:
        raise InputError(f"Expected every parameter once, got {', '.join(sorted(twice))} again.")
    largest = max(float(np.abs(one).max(initial=0.0)) for one in problem.data)
    if largest > _LARGEST or 0 < largest < 1 / _LARGEST:
        raise InputError(
            f"Expected data whose squares can be added up, got values of up to {largest:.3g}; give "
            f"them in another unit."
        )
    if not all(np.isfinite(one).all() for one in problem.data):
        raise InputError("Expected finite data, got NaN or infinity; cut them out.")
    n = sum(one.low < one.high for one in _list_terms(problem))
    if problem.n_points <= n:
        raise InputError(
            f"Expected more points than the {n} numbers that are to be fitted, got "
            f"{problem.n_points}; fix some of them."
        )
    unknown = set(search.profile) - {one.name for one in problem.free}
    if unknown:
        raise InputError(
            f"Expected parameters that are fitted and no amplitudes, got "
            f"{', '.join(sorted(unknown))} for a profile; there are "
            f"{', '.join(one.name for one in problem.free) or 'none'}."
        )


def _draw_starts(projection: Projection, search: Search) -> list[Array]:
    """The parameters' own values, and then the best of some random ones, again and again."""
    free = projection.free
    first = np.array([one.value for one in free])
    low, high = np.array([(one.low, one.high) for one in free]).reshape(-1, 2).T
    spread = np.array([one.spread for one in free])
    from_ = np.where(spread > 0, np.maximum(first - spread, low), low)
    to = np.where(spread > 0, np.minimum(first + spread, high), high)
    endless = ~np.isfinite(to - from_)
    from_, to = (np.where(endless, first, one) for one in (from_, to))
    generator = np.random.default_rng(search.seed)
    draws = generator.uniform(from_, to, (search.n_starts - 1, _N_DRAWS, len(free)))
    return [first, *(min(some, key=lambda x: projection.state(x).cost) for some in draws)]


def propagate(
    minimum: Minimum,
    function: Callable[[Mapping[str, float]], float],
    level: float = 0.95,
) -> tuple[float, Uncertainty]:
    """Value of a function of fitted numbers, and its uncertainty to first order.

    Parameters
    ----------
    minimum : Minimum
        What was fitted.
    function : callable
        From values by name to a number.
    level : float, optional
        Of the interval.

    Returns
    -------
    value : float
        Of the function.
    known : Uncertainty
        With no end, and NaN for a standard error, where the function depends on a number that is
        not determined or at its bound.
    """
    if minimum.replicates:
        drawn = [function(one) for one in minimum.replicates]
        return function(minimum.values), summarise(drawn, level)
    value = function(minimum.values)
    errors = np.sqrt(np.diag(minimum.covariance))
    is_known = np.isfinite(errors)
    slopes = np.zeros(len(errors))
    for j, (name, error) in enumerate(zip(minimum.names, errors.tolist(), strict=True)):
        here = minimum.values[name]
        step = 1e-3 * error if error > 0 else _STEP * (abs(here) or 1.0)
        up, down = (function(minimum.values | {name: here + s * step}) for s in (1, -1))
        slopes[j] = (up - down) / (2 * step)
        if not is_known[j] and (up != value or down != value):
            return value, Uncertainty(math.nan, -math.inf, math.inf, level)
    used = is_known & (slopes != 0)
    inner = minimum.covariance[np.ix_(used, used)]
    error = math.sqrt(max(float(slopes[used] @ inner @ slopes[used]), 0.0)) if used.any() else 0.0
    reach = error * Confidence(level, minimum.n_free).factor
    return value, Uncertainty(error, value - reach, value + reach, level)


def to_result(
    minimum: Minimum,
    model: str,
    curves: Sequence[Curve],
    *,
    derived: Mapping[str, tuple[float, Uncertainty | None, str]] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> FitResult:
    """Result of a fit, with a sentence for each number that was fitted or derived.

    Parameters
    ----------
    minimum : Minimum
        What was fitted.
    model : str
        What that was, in words.
    curves : sequence of Curve
        Data and best fit of each spectrum.
    derived : mapping of str to (float, Uncertainty or None, str), optional
        What follows from the fitted numbers: value, uncertainty and unit; see `propagate`.
    settings : mapping, optional
        Everything that it takes to do the fit again.
    """
    derived = dict(derived or {})
    values = minimum.values | {name: value for name, (value, _, _) in derived.items()}
    units = minimum.units | {name: unit for name, (_, _, unit) in derived.items()}
    known = minimum.uncertainties | {name: one for name, (_, one, _) in derived.items() if one}
    return FitResult(
        model,
        values,
        units,
        known,
        minimum.covariance,
        tuple(curves),
        minimum.noise,
        tuple(say_number(name, values[name], units[name], one) for name, one in known.items()),
        minimum.warnings,
        minimum.is_converged,
        dict(settings or {}),
    )


def say_number(name: str, value: float, unit: str, known: Uncertainty) -> str:
    """Sentence about a number: its value, its interval and where that is from."""
    low, high, text = round_together(value, known)
    unit = f" {unit}" if unit else ""
    return f"{name} = {text}{unit} ({low} to {high}, {100 * known.level:g} %, {known.method})"


def round_together(value: float, known: Uncertainty) -> tuple[str, str, str]:
    """Ends of the interval and the value, to two digits of the standard error."""
    width = known.standard_error
    if not (math.isfinite(width) and width > 0):
        return f"{known.low:.4g}", f"{known.high:.4g}", f"{value:.6g}"
    n = min(max(1 - math.floor(math.log10(width)), 0), 12)
    if abs(value) >= 1e6 or (0 < abs(value) < 1e-4):
        digits = max(math.ceil(math.log10(abs(value) / width)) + 2, 2)
        return f"{known.low:.{digits}g}", f"{known.high:.{digits}g}", f"{value:.{digits}g}"
    return f"{known.low:.{n}f}", f"{known.high:.{n}f}", f"{value:.{n}f}"
