"""Whether a fit is close enough to linear for intervals by covariance to hold what they say."""

import math
from collections.abc import Mapping

import numpy as np

from spectro.fitting.projection import Problem, Projection, descend
from spectro.fitting.uncertainty import Confidence
from spectro.model import InputError

_LEAST_RISE = 0.85  # of the parabola's, at an end of the interval
_MOST_RISE = 1.2


def measure_rises(
    problem: Problem,
    values: Mapping[str, float],
    errors: Mapping[str, float],
    confidence: Confidence,
) -> tuple[str, tuple[float, ...]]:
    """Rise of the sum of squares at the ends of the worst interval, in parts of the parabola's.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    values : mapping of str to float
        Of its parameters, at the minimum.
    errors : mapping of str to float
        Standard errors by covariance.
    confidence : Confidence
        Of the intervals.

    Returns
    -------
    name : str
        Parameter of the shapes that is known worst, in units of its step; "" if there is none.
    rises : tuple of float
        Below and above, all other parameters following; 1 for a linear problem, NaN where no model
        is possible. None on a side that ends at a bound.

    Notes
    -----
    For a linear problem the profile of the sum of squares S is S0 [1 + (d / s)^2 / n] at a distance
    d, with a standard error s and n degrees of freedom [1]_.

    References
    ----------
    .. [1] D. M. Bates, D. G. Watts, Nonlinear Regression Analysis and Its Applications, Wiley 1988,
       DOI 10.1002/9780470316757.
    """
    projection = Projection(problem)
    known = {
        one.name: errors[one.name] / step
        for one, step in zip(projection.free, projection.steps, strict=True)
        if math.isfinite(errors.get(one.name, math.nan)) and errors[one.name] > 0
    }
    best = np.array([values[one.name] for one in projection.free])
    cost = projection.state(best).cost if known else 0.0
    if cost <= 0:
        return "", ()
    name = max(known, key=lambda one: known[one])
    place = [one.name for one in projection.free].index(name)
    parameter, reach = projection.free[place], confidence.factor * errors[name]
    rises = []
    for end in (best[place] - reach, best[place] + reach):
        if not parameter.low < end < parameter.high:
            continue
        try:
            fixed = Projection(problem, {name: float(end)})
            rise = descend(fixed, np.delete(best, place)).cost / cost - 1
        except InputError:  # a quantity that is tied to this one cannot be
            rise = math.nan
        rises.append(rise * confidence.n_free / confidence.factor**2)
    return name, tuple(rises)


def doubt_intervals(name: str, rises: tuple[float, ...]) -> list[str]:
    """Sentence about intervals by covariance, where `measure_rises` says that they do not hold."""
    if all(_LEAST_RISE <= one <= _MOST_RISE for one in rises):
        return []
    told = " and ".join(f"{one:.2f}" for one in rises)
    return [
        f"The fit is far from linear: at the ends of the interval of {name} the sum of squares "
        f"rises {told} times as much as its covariance says, so intervals may be too narrow, those "
        f"of percentages too; give a Search with n_bootstrap or, for single parameters, profile."
    ]
