"""How well fitted numbers are known, and what is doubtful about a fit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import t as student

from spectro.fitting.projection import AT_BOUND, MOST_EVALUATIONS, End, Problem, Projection, descend
from spectro.model import Parameter, Uncertainty

Array = NDArray[np.float64]

_SAME_MINIMUM = 0.1  # in units of the variance of the noise
_TIED = 0.995  # correlation above which two parameters are not told apart
_SINGULAR = 1e-9  # of the largest singular value
_MOST_DOUBLINGS = 60  # of the step along a profile
_CORRELATED = 1.2  # Durbin-Watson statistic, below which neighbouring residuals go together
_FEW = 30  # points below which that is not looked at


@dataclass(frozen=True, slots=True)
class Confidence:
    """Probability that intervals are to hold the truth, and what it takes.

    Attributes
    ----------
    level : float
        Between 0 and 1.
    n_free : int
        Degrees of freedom of the residuals.
    """

    level: float
    n_free: int

    @property
    def factor(self) -> float:
        """Half width of an interval in standard errors: Student's t."""
        return float(student.ppf((1 + self.level) / 2, self.n_free))


def estimate_covariance(projection: Projection, x: Array) -> tuple[tuple[str, ...], Array, int]:
    """Names, covariance and degrees of freedom of all that is fitted.

    What a parameter of the shapes at its bound does is unknown, so its rows are NaN. An amplitude
    of 0 has a curve all the same: its variance is the one that it had without the bound, and
    makes those of the others no smaller than they are.
    """
    state, changes = projection.state(x), projection.derivative(x)
    n_shape, n_points = len(x), projection.problem.n_points
    names = [one.name for one in projection.free]
    is_fitted = [[one.low < one.high for one in t] for t in projection.problem.amplitudes]
    for terms, fitted in zip(projection.problem.amplitudes, is_fitted, strict=True):
        names += [one.name for one, is_free in zip(terms, fitted, strict=True) if is_free]
    rows, column = [], n_shape
    for change, shapes, fitted in zip(changes, state.shapes, is_fitted, strict=True):
        used, own = np.flatnonzero(change.any(axis=1)), shapes[np.array(fitted, bool)]
        steep = np.linalg.qr(np.concatenate([change[used], own]).T, mode="r")  # J^T J stays
        row = np.zeros((len(steep), len(names)))
        row[:, [*used.tolist(), *range(column, column + len(own))]] = steep
        rows.append(row)
        column += len(own)
    at_bound = [
        _find_bound(v, one, s) is not None
        for v, one, s in zip(x, projection.free, projection.steps, strict=True)
    ]
    is_known = np.array(at_bound + [False] * (len(names) - n_shape)) == 0
    n_free = max(n_points - int(is_known.sum()), 1)
    covariance = np.full((len(names), len(names)), np.nan)
    variance = max(state.cost / n_free, projection.problem.least_variance)
    inverse = _invert(np.concatenate(rows)[:, is_known]) * variance
    covariance[np.ix_(is_known, is_known)] = inverse
    return tuple(names), covariance, n_free


def _find_bound(value: float, parameter: Parameter, step: float) -> float | None:
    """Bound that a value is at, to within rounding."""
    for bound in (parameter.low, parameter.high):
        if math.isfinite(bound) and abs(value - bound) <= AT_BOUND * max(step, abs(bound)):
            return bound
    return None


def _invert(jacobian: Array) -> Array:
    """Inverse of J^T J; NaN in rows and columns that the data do not determine."""
    length = np.linalg.norm(jacobian, axis=0)
    safe = np.where(length > 0, length, 1.0)
    _, values, vectors = np.linalg.svd(jacobian / safe, full_matrices=False)
    is_small = values <= _SINGULAR * values.max(initial=1.0)
    inverse = (vectors.T / np.where(is_small, np.inf, values) ** 2) @ vectors
    lost = (np.abs(vectors[is_small]) > math.sqrt(_SINGULAR)).any(axis=0) | (length <= 0)
    inverse[lost], inverse[:, lost] = np.nan, np.nan
    return np.asarray(inverse / np.outer(safe, safe))


def find_intervals(
    problem: Problem,
    values: Mapping[str, float],
    names: Sequence[str],
    covariance: Array,
    confidence: Confidence,
) -> dict[str, Uncertainty]:
    """Intervals from the covariance, kept between the bounds."""
    terms = [*problem.parameters, *(one for terms in problem.amplitudes for one in terms)]
    bounds = {one.name: (one.low, one.high) for one in terms}
    known, factor = {}, confidence.factor
    for name, error in zip(names, np.sqrt(np.diag(covariance)).tolist(), strict=True):
        low, high = bounds[name]
        reach = factor * error if math.isfinite(error) else math.inf
        known[name] = Uncertainty(
            error, max(values[name] - reach, low), min(values[name] + reach, high), confidence.level
        )
    return known


def follow_profile(
    projection: Projection, best: End, name: str, known: Uncertainty, confidence: Confidence
) -> Uncertainty:
    """Interval of a parameter to where the best fit with it fixed gets significantly worse.

    The step is doubled until the fit gets so, or the bound is met; a profile that stays flat ends
    nowhere where there is none.
    """
    place = [one.name for one in projection.free].index(name)
    parameter, value = projection.free[place], float(best.x[place])
    least_variance = projection.problem.least_variance
    allowed = confidence.factor**2 * max(best.cost / confidence.n_free, least_variance, 1e-300)
    start = np.delete(best.x, place)
    least = float(projection.steps[place])  # what is fitted without noise has next to no error
    step = known.standard_error if known.standard_error > least else least

    def excess(at: float) -> float:
        fixed = Projection(projection.problem, {name: at})
        return (descend(fixed, start).cost - best.cost) / allowed - 1

    def find_end(sign: float, bound: float) -> float:
        near, far = value, value + sign * step
        for _ in range(_MOST_DOUBLINGS):
            far = min(far, bound) if sign > 0 else max(far, bound)
            if excess(far) > 0:
                return float(brentq(excess, near, far, xtol=1e-3 * step, rtol=1e-12))
            if far == bound:
                return bound
            near, far = far, value + 2 * (far - value)
        return bound

    return replace(
        known,
        low=find_end(-1.0, parameter.low),
        high=find_end(1.0, parameter.high),
        method="profile",
    )


def list_doubts(
    projection: Projection,
    ends: Sequence[End],
    known: Mapping[str, Uncertainty],
    covariance: Array,
) -> list[str]:
    """Sentences about what is doubtful in a fit."""
    best = min(ends, key=lambda end: end.cost)
    found = []
    if not best.is_converged:
        found.append(
            f"The fit did not converge in {MOST_EVALUATIONS} steps; give better starting values "
            f"or fix some of the parameters."
        )
    for one, value, step in zip(projection.free, best.x, projection.steps, strict=True):
        error, width = known[one.name].standard_error, one.high - one.low
        bound = _find_bound(value, one, step)
        if bound is not None:
            found.append(f"{one.name} ended at its bound of {bound:.6g}; the rest is fitted to it.")
        elif not math.isfinite(error) or known[one.name].high - known[one.name].low >= width:
            found.append(f"{one.name} is undetermined: the data fit as well without it changing.")
    errors = np.sqrt(np.diag(covariance))
    names = list(known)
    for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
        if abs(covariance[i, j]) > _TIED * errors[i] * errors[j]:
            found.append(
                f"{names[i]} and {names[j]} are hardly told apart (correlation "
                f"{covariance[i, j] / errors[i] / errors[j]:.3f}); fix one of them."
            )
    same = sum(
        end.cost <= best.cost * (1 + _SAME_MINIMUM / projection.problem.n_points) for end in ends
    )
    if len(ends) > 1 and 2 * same <= len(ends):
        found.append(f"Only {same} of {len(ends)} starts ended at this minimum; there are others.")
    return found + _doubt_residuals(projection.state(best.x).residuals)


def _doubt_residuals(residuals: Sequence[Array]) -> list[str]:
    total = sum(float(one @ one) for one in residuals)
    steps = sum(float(np.square(np.diff(one)).sum()) for one in residuals)
    if min(map(len, residuals)) < _FEW or total <= 0 or steps / total > _CORRELATED:
        return []
    return [
        f"Neighbouring residuals are alike (Durbin-Watson statistic {steps / total:.2f}, 2 for "
        f"noise): the model misses something or the data were smoothed; intervals are too "
        f"narrow."
    ]
