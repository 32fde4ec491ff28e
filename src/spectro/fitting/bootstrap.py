"""Fits of data that might as well have been measured.

References
----------
.. [1] B. Efron, R. J. Tibshirani, An Introduction to the Bootstrap, Chapman & Hall 1993,
   DOI 10.1007/978-1-4899-4541-9.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectro.fitting.projection import Projection, State, descend
from spectro.model import Uncertainty

Array = NDArray[np.float64]


def draw_replicates(
    projection: Projection, best: Array, n: int, seed: int
) -> tuple[dict[str, float], ...]:
    """Values of all parameters and amplitudes, fitted to the best fit with its residuals shuffled.

    Parameters
    ----------
    projection : Projection
        Of the data.
    best : (P,) array
        Parameters at the minimum.
    n : int
        How many.
    seed : int
        Of the draws.

    Notes
    -----
    Residuals are drawn with replacement within their spectrum [1]_, centred, and raised by the root
    of points over degrees of freedom. That takes them for independent, as all intervals here do.
    """
    state, generator = projection.state(best), np.random.default_rng(seed)
    n_points = projection.problem.n_points
    n_fitted = len(best) + sum(int(one.sum()) for one in state.is_free)
    grown = math.sqrt(n_points / max(n_points - n_fitted, 1))
    found = []
    for _ in range(n):
        data = []
        for k, (left, w) in enumerate(zip(state.residuals, projection.weights, strict=True)):
            noise = generator.choice(left - left.mean(), len(left)) * grown
            data.append((state.amplitudes[k] @ state.shapes[k] + noise) / w)
        drawn = Projection(replace(projection.problem, data=tuple(data)))
        end = descend(drawn, best)
        found.append(name_values(drawn, end.x, drawn.state(end.x)))
    return tuple(found)


def name_values(projection: Projection, x: Array, state: State) -> dict[str, float]:
    """Parameters and amplitudes by name."""
    values = projection.values(x)
    for terms, amplitudes in zip(projection.problem.amplitudes, state.amplitudes, strict=True):
        values |= {one.name: float(a) for one, a in zip(terms, amplitudes, strict=True)}
    return values


def summarise(drawn: ArrayLike, level: float) -> Uncertainty:
    """Standard deviation and percentiles of a number over the replicates; NaN ones tell nothing."""
    numbers = np.asarray(drawn, float)
    numbers = numbers[np.isfinite(numbers)]
    if len(numbers) < 2:
        return Uncertainty(math.nan, -math.inf, math.inf, level, "bootstrap")
    low, high = np.quantile(numbers, [(1 - level) / 2, (1 + level) / 2]).tolist()
    return Uncertainty(float(np.std(numbers, ddof=1)), low, high, level, "bootstrap")


def find_percentiles(
    replicates: Sequence[dict[str, float]], names: Sequence[str], level: float
) -> dict[str, Uncertainty]:
    """Uncertainty of each number that was fitted."""
    return {name: summarise([one[name] for one in replicates], level) for name in names}
