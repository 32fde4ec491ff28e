"""Intervals to where a fit gets significantly worse, of any number that can be held.

References
----------
.. [1] D. J. Venzon, S. H. Moolgavkar, Appl. Stat. 1988, 37, 87, DOI 10.2307/2347496.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectro.fitting.projection import Problem, Projection, Slope, descend, remove_curves
from spectro.model import InputError, Parameter, Uncertainty

Array = NDArray[np.float64]

_LEAST_RISE, _MOST_RISE = 0.85, 1.2  # of the parabola's; a profile that flattens ends far out
_MOST_DOUBLINGS, _MOST_SECANTS = 40, 20
_EXACT = 0.03  # of an interval's half
_MOST = 1e6  # that a rise counts for


class Rise:
    """How much worse a fit is with a number held, in parts of what ends an interval.

    Parameters
    ----------
    hold : callable
        From a value of the number to the problem with it held.
    value : float
        Of the number, at the minimum.
    values : mapping of str to float
        Of the parameters there.
    cost : float
        Sum of squares there.
    allowed : float
        By how much it may rise within the interval.
    slopes : mapping of str to float, optional
        By how much parameters change with the number, to first order; for where a search starts.
    """

    def __init__(
        self,
        hold: Callable[[float], Projection],
        value: float,
        values: Mapping[str, float],
        cost: float,
        allowed: float,
        slopes: Mapping[str, float] | None = None,
    ) -> None:
        self.value, self._slopes = value, slopes
        self._hold, self._cost, self._allowed = hold, cost, allowed
        self._known: dict[float, tuple[float, Mapping[str, float]]] = {value: (0.0, values)}

    def __call__(self, at: float) -> float:
        """Rise at a value; endless where no model is possible."""
        if at not in self._known:
            try:
                projection = self._hold(at)
                end = descend(projection, self._guess(projection, at))
            except InputError:  # a quantity that is tied to this one cannot be
                return math.inf
            rise = (end.cost - self._cost) / self._allowed
            self._known[at] = rise, projection.values(end.x)
        return self._known[at][0]

    def _guess(self, projection: Projection, at: float) -> Array:
        """Where the search starts: on the line through the minimum and the nearest known end."""
        best = self._known[self.value][1]
        near = min(self._known, key=lambda one: (abs(one - at), abs(one - self.value)))
        part = (at - self.value) / (near - self.value) if near != self.value else 0.0
        there, start = self._known[near][1], []
        for one in projection.free:
            moved = best[one.name] + part * (there[one.name] - best[one.name])
            if self._slopes is not None:
                moved = best[one.name] + self._slopes.get(one.name, 0.0) * (at - self.value)
            start.append(min(max(moved, one.low), one.high))
        return np.array(start)


def refine_interval(rise: Rise, known: Uncertainty, bounds: tuple[float, float]) -> Uncertainty:
    """Interval by covariance where its ends are right, and else by profile [1]_.

    Parameters
    ----------
    rise : Rise
        With the number held.
    known : Uncertainty
        By covariance.
    bounds : (float, float)
        Of the number.
    """
    if not known.standard_error > 0 or is_right(rise, known, bounds):
        return known
    ends = [(known.low, bounds[0]), (known.high, bounds[1])]
    low, high = (_find_end(rise, end, bound) for end, bound in ends)
    return replace(known, low=low, high=high, method="profile")


def is_right(rise: Rise, known: Uncertainty, bounds: tuple[float, float]) -> bool:
    """Whether the fit is about as much worse at both ends of an interval as it should be."""
    for end, bound in ((known.low, bounds[0]), (known.high, bounds[1])):
        risen = rise(end)
        if risen > _MOST_RISE or (end != bound and risen < _LEAST_RISE):
            return False
    return True


def _find_end(rise: Rise, end: float, bound: float) -> float:
    """Where the rise is 1, or the bound before.

    Its root is nearly a straight line from the minimum on, so secants find it in a few steps.
    """

    def excess(at: float) -> float:
        return math.sqrt(min(max(rise(at), 0.0), _MOST)) - 1

    def limit(at: float) -> float:
        return min(at, bound) if bound > rise.value else max(at, bound)

    inside, below, at = rise.value, -1.0, end
    if at == inside:
        return at
    for _ in range(_MOST_DOUBLINGS):
        above = excess(at)
        if above >= 0:
            return _narrow(excess, (inside, below), (at, above))
        if at == bound:
            return bound
        inside, below = at, above
        longer = max(1.1 / max(1 + above, 0.25), 1.2)
        at = limit(rise.value + (at - rise.value) * longer)
    return bound


def _narrow(
    excess: Callable[[float], float], inside: tuple[float, float], outside: tuple[float, float]
) -> float:
    """Root between two places with their values, by secants that stay between."""
    for _ in range(_MOST_SECANTS):
        if abs(outside[1]) <= _EXACT:
            return outside[0]
        part = min(max(inside[1] / (inside[1] - outside[1]), 0.1), 0.9)
        at = inside[0] + part * (outside[0] - inside[0])
        value = excess(at)
        if abs(value) <= _EXACT:
            return at
        inside, outside = ((at, value), outside) if value < 0 else (inside, (at, value))
    return outside[0]


def hold_amplitude(problem: Problem, spectrum: int, curve: int, at: float) -> Problem:
    """Problem with one amplitude at a value."""
    terms = list(problem.amplitudes[spectrum])
    terms[curve] = replace(terms[curve], value=at, low=at, high=at)
    amplitudes = list(problem.amplitudes)
    amplitudes[spectrum] = tuple(terms)
    return replace(problem, amplitudes=tuple(amplitudes))


def hold_share(
    problem: Problem, spectrum: int, weights: Array, curve: int, share: float
) -> Problem:
    """Problem in which an amplitude, by its weight, is a certain part of the weighted sum of some.

    Parameters
    ----------
    problem : Problem
        Amplitudes of at least 0.
    spectrum, curve : int
        Place of the amplitude.
    weights : (K,) array
        Of the amplitudes of that spectrum; 0 for those that do not count.
    share : float
        0 to 1.

    Notes
    -----
    With w_i a_i = p sum_j b_j and w_j a_j = (1 - p) b_j for the others, the b_j are the amplitudes
    of mixed curves, so the problem stays linear in them.
    """
    terms = problem.amplitudes[spectrum]
    rows = [j for j in range(len(terms)) if j != curve]
    mix = np.zeros((len(rows), len(terms)))
    for row, j in enumerate(rows):
        mix[row, j] = (1 - share) / weights[j] if weights[j] else 1.0
        mix[row, curve] = share / weights[curve] if weights[j] else 0.0
    amplitudes = list(problem.amplitudes)
    amplitudes[spectrum] = tuple(terms[j] for j in rows)

    def compute(values: Mapping[str, float]) -> list[Array]:
        shapes = list(problem.shapes(values))
        shapes[spectrum] = mix @ shapes[spectrum]
        return shapes

    def differentiate(values: Mapping[str, float]) -> Iterator[Slope]:
        for one in problem.slopes(values) if problem.slopes else ():
            if one.spectrum != spectrum:
                yield one
                continue
            for row in np.flatnonzero(mix[:, one.curve]).tolist():
                yield replace(one, curve=row, values=mix[row, one.curve] * one.values)

    return replace(
        problem,
        shapes=compute,
        slopes=differentiate if problem.slopes else None,
        amplitudes=tuple(amplitudes),
    )


def know_from_others(
    projection: Projection, best: Array, spectrum: int, names: Sequence[str]
) -> Array:
    """What all other spectra tell of some parameters, (M, M).

    Parameters
    ----------
    projection : Projection
        Of all spectra.
    best : (P,) array
        Parameters at the minimum.
    spectrum : int
        The one that is left out.
    names : sequence of str
        M parameters that are searched for.

    Returns
    -------
    (M, M) array
        R with R^T R the inverse of their covariance, in units of the weighted residuals, all other
        parameters and amplitudes following.
    """
    order = [one.name for one in projection.free]
    places = np.array([order.index(name) for name in names], int)
    others = np.setdiff1d(np.arange(len(order)), places)
    state, rows = projection.state(best), [np.zeros((len(places), len(places)))]
    changes = projection.derivative(best)
    for k, (change, shapes, free) in enumerate(
        zip(changes, state.shapes, state.is_free, strict=True)
    ):
        if k != spectrum:
            own = others[change[others].any(axis=1)]
            steep = remove_curves(change[np.r_[own, places]], shapes[free])
            rows.append(_find_root(steep)[len(own) :, len(own) :])
    return _find_root(np.concatenate(rows))


def _find_root(steep: Array) -> Array:
    """Triangle R with R^T R = J^T J."""
    return np.linalg.qr(steep)[1]


def add_knowledge(
    problem: Problem, names: Sequence[str], values: Mapping[str, float], root: Array
) -> Problem:
    """Problem with what is known besides of some parameters, as points of one more spectrum.

    Parameters
    ----------
    problem : Problem
        With sigmas.
    names : sequence of str
        M parameters.
    values : mapping of str to float
        Where they are best.
    root : (M, M) array
        As `know_from_others` gives it.
    """
    if not names:
        return problem
    n, best = len(problem.data), np.array([values[name] for name in names])

    def compute(now: Mapping[str, float]) -> list[Array]:
        moved = np.array([now[name] for name in names]) - best
        return [*problem.shapes(now), (root @ moved)[None]]

    def differentiate(now: Mapping[str, float]) -> Iterator[Slope]:
        yield from problem.slopes(now) if problem.slopes else ()
        for name, column in zip(names, root.T, strict=True):
            yield Slope(name, n, 0, column)

    return replace(
        problem,
        data=(*problem.data, np.zeros(len(root))),
        shapes=compute,
        slopes=differentiate if problem.slopes else None,
        amplitudes=(*problem.amplitudes, (Parameter("known besides", 1.0, 1.0, 1.0),)),
        sigmas=(*(problem.sigmas or ()), np.ones(len(root))),
    )
