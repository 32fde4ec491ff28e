"""Least squares in which amplitudes are solved for, and what the data tell of every number.

A model is a sum of curves: their shapes depend on some parameters, their amplitudes enter linearly.
For each set of shapes the best amplitudes follow at once (variable projection [1]_), so only the
parameters of the shapes are searched for.

References
----------
.. [1] G. H. Golub, V. Pereyra, SIAM J. Numer. Anal. 1973, 10, 413, DOI 10.1137/0710036; the
   derivative is that of L. Kaufman, BIT 1975, 15, 49, DOI 10.1007/BF01932995.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares, lsq_linear

from spectro.model import Parameter

Array = NDArray[np.float64]
Shapes = Callable[[Mapping[str, float]], Sequence[Array]]


@dataclass(frozen=True, slots=True, eq=False)
class Slope:
    """How one curve changes with one parameter of the shapes.

    Attributes
    ----------
    parameter : str
        Name.
    spectrum, curve : int
        Places of the spectrum, and of the curve among its curves.
    values : (N,) array
        Derivative of the curve by the parameter.
    """

    parameter: str
    spectrum: int
    curve: int
    values: Array


Slopes = Callable[[Mapping[str, float]], Iterable[Slope]]

AT_BOUND = 1e-6
"""Part of a step, within which a parameter is at its bound."""

MOST_EVALUATIONS = 100
"""Of a model, derivatives not counted, before a search is given up."""

_RELATIVE_STEP = 1e-6
_TOLERANCE = 1e-8
_SINGULAR = 1e-9  # of the largest singular value


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """What is to be fitted.

    Attributes
    ----------
    data : tuple of (N,) arrays
        One per spectrum; finite.
    shapes : callable
        From values of the parameters, by name, to the curves (K, N) of each spectrum.
    parameters : tuple of Parameter
        Of the shapes.
    amplitudes : tuple of tuple of Parameter
        Of the curves of each spectrum, in their order; the value is only used where it is fixed, of
        the bounds only a lower one of 0.
    sigmas : tuple of (N,) arrays, optional
        Standard deviations of the data; without, they are all alike and taken from the residuals.
    slopes : callable, optional
        From values of the parameters to the derivatives of the curves, those that are 0 left out;
        several of one curve by one parameter add up. Without, they are found by moving every
        parameter and computing all shapes anew, which for many curves is most of the work.
    least_variance : float
        Of residuals over `sigmas`, that intervals take where they are smaller by chance: 1 where
        the sigmas are known, as errors of measurement; 0 where they only weigh.
    """

    data: tuple[Array, ...]
    shapes: Shapes
    parameters: tuple[Parameter, ...]
    amplitudes: tuple[tuple[Parameter, ...], ...]
    sigmas: tuple[Array, ...] | None = None
    slopes: Slopes | None = None
    least_variance: float = 0.0

    @property
    def free(self) -> tuple[Parameter, ...]:
        """Parameters of the shapes that are not fixed."""
        return tuple(one for one in self.parameters if one.low < one.high)

    @property
    def n_points(self) -> int:
        """Points of all spectra."""
        return sum(map(len, self.data))


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """The best amplitudes for some parameters of the shapes."""

    shapes: tuple[Array, ...]  # weighted, (K, N) each
    amplitudes: tuple[Array, ...]
    residuals: tuple[Array, ...]  # weighted
    is_free: tuple[NDArray[np.bool_], ...]

    @property
    def residual(self) -> Array:
        """Of all spectra, (N,)."""
        return np.concatenate(self.residuals)

    @property
    def cost(self) -> float:
        """Sum of squares."""
        return float(sum(one @ one for one in self.residuals))


class Projection:
    """Residuals as a function of the parameters of the shapes alone, and their derivatives.

    Parameters
    ----------
    problem : Problem
        Data and model.
    fixed : mapping of str to float, optional
        Values of parameters that are not to be searched for.
    """

    def __init__(self, problem: Problem, fixed: Mapping[str, float] | None = None) -> None:
        self.problem = problem
        self.fixed = {one.name: one.value for one in problem.parameters} | dict(fixed or {})
        self.free = [one for one in problem.free if one.name not in (fixed or {})]
        self.steps = np.array([choose_step(one) for one in self.free])
        ones = [np.ones(len(one)) for one in problem.data]
        self.weights = [1 / one for one in problem.sigmas] if problem.sigmas else ones
        self._last: tuple[bytes, State] | None = None
        self._last_reduced: tuple[bytes, Array, Array] | None = None

    def values(self, x: Array) -> dict[str, float]:
        """All parameters of the shapes by name, from those that are searched for."""
        return self.fixed | {one.name: float(v) for one, v in zip(self.free, x, strict=True)}

    def state(self, x: Array) -> State:
        """Best amplitudes and what is left."""
        key = np.asarray(x, float).tobytes()
        if self._last is None or self._last[0] != key:
            self._last = key, self._solve(self._weighted(x))
        return self._last[1]

    def residual(self, x: Array) -> Array:
        """What is left, weighted, (N,)."""
        return self.state(x).residual

    def derivative(self, x: Array) -> list[Array]:
        """By each parameter, the change (P, N) of each spectrum at the amplitudes as they are."""
        if self.problem.slopes is not None:
            return self._add_slopes(x, self.problem.slopes)
        state = self.state(x)
        changes = [np.empty((len(x), len(one))) for one in self.problem.data]
        for j, (one, step) in enumerate(zip(self.free, self.steps, strict=True)):
            moved = np.array(x, float)
            moved[j] += step if x[j] + step <= one.high else -step
            for k, shapes in enumerate(self._weighted(moved)):
                change = (shapes - state.shapes[k]).T @ state.amplitudes[k]
                changes[k][j] = change / (moved[j] - x[j])
        return changes

    def jacobian(self, x: Array) -> Array:
        """Derivative (N, P) of the residuals, amplitudes following."""
        state, parts = self.state(x), []
        for change, shapes, free in zip(
            self.derivative(x), state.shapes, state.is_free, strict=True
        ):
            parts.append(remove_curves(change, shapes[free]))
        return np.concatenate(parts)

    def reduce(self, x: Array) -> tuple[Array, Array]:
        """Residuals (P + 1,) and their derivative (P + 1, P), turned into few rows.

        They are turned until only as many rows as there are parameters have a slope; the others
        become one, as long as all of them. Sums of squares, and the gradient, stay as they are, and
        the algebra of a step no longer grows with the points.
        """
        key = np.asarray(x, float).tobytes()
        if self._last_reduced is None or self._last_reduced[0] != key:
            self._last_reduced = key, *self._reduce(x)
        return self._last_reduced[1:]

    def _reduce(self, x: Array) -> tuple[Array, Array]:
        state = self.state(x)
        left: list[Array] = []
        rows: list[Array] = []
        lengths = []
        for change, shapes, free, residual in zip(
            self.derivative(x), state.shapes, state.is_free, state.residuals, strict=True
        ):
            used = change.any(axis=1)
            turned, steep, length = _turn(remove_curves(change[used], shapes[free]), residual)
            row = np.zeros((len(steep), len(x)))
            row[:, used] = steep
            rows.append(row)
            left.append(turned)
            lengths.append(length)
        turned, steep, length = _turn(np.concatenate(rows), np.concatenate(left))
        n = len(x)
        found, slopes = np.zeros(n + 1), np.zeros((n + 1, n))
        found[: len(turned)], slopes[: len(steep)] = turned, steep
        found[n] = math.hypot(length, *lengths)
        return found, slopes

    def _add_slopes(self, x: Array, slopes: Slopes) -> list[Array]:
        """The derivative by what the model knows of its own."""
        amplitudes = self.state(x).amplitudes
        rows = {one.name: j for j, one in enumerate(self.free)}
        changes = [np.zeros((len(x), len(one))) for one in self.problem.data]
        for one in slopes(self.values(x)):
            if one.parameter in rows:
                change = changes[one.spectrum][rows[one.parameter]]
                weight = self.weights[one.spectrum]
                change += (amplitudes[one.spectrum][one.curve] * one.values) * weight
        return changes

    def _weighted(self, x: Array) -> tuple[Array, ...]:
        shapes = self.problem.shapes(self.values(x))
        return tuple(one * w for one, w in zip(shapes, self.weights, strict=True))

    def _solve(self, shapes: tuple[Array, ...]) -> State:
        found = [
            _find_amplitudes(one, data * w, terms)
            for one, data, w, terms in zip(
                shapes, self.problem.data, self.weights, self.problem.amplitudes, strict=True
            )
        ]
        amplitudes, is_free = zip(*found, strict=True)
        residuals = tuple(
            data * w - a @ one
            for one, data, w, a in zip(
                shapes, self.problem.data, self.weights, amplitudes, strict=True
            )
        )
        return State(shapes, amplitudes, residuals, is_free)


def _turn(slopes: Array, residual: Array) -> tuple[Array, Array, float]:
    """Residuals and derivative along the columns of the latter, and the length of the rest."""
    turn, steep = np.linalg.qr(slopes)
    turned = turn.T @ residual
    return turned, steep, float(np.linalg.norm(residual - turn @ turned))


def remove_curves(change: Array, shapes: Array) -> Array:
    """Derivative (N, P) of residuals from changes (P, N), less what amplitudes make up for."""
    q, _ = np.linalg.qr(shapes.T)
    return np.asarray(q @ (q.T @ change.T) - change.T)


def choose_step(parameter: Parameter) -> float:
    """Change of a parameter over which its derivative is taken."""
    if parameter.step > 0:
        return parameter.step
    width = parameter.high - parameter.low
    scale = max(abs(parameter.value), min(width, 1.0) if math.isfinite(width) else 0.0)
    return _RELATIVE_STEP * (scale or 1.0)


def _find_amplitudes(
    shapes: Array, data: Array, terms: Sequence[Parameter]
) -> tuple[Array, NDArray[np.bool_]]:
    """Best amplitudes (K,), and which of them are at no bound."""
    is_free = np.array([one.low < one.high for one in terms], bool)
    found = np.array([one.value for one in terms], float)
    rest = data - found[~is_free] @ shapes[~is_free]
    low = np.array([0.0 if one.low >= 0 else -np.inf for one in terms])[is_free]
    q, r = np.linalg.qr(shapes[is_free].T)
    target = q.T @ rest
    solution = np.linalg.lstsq(r, target, rcond=_SINGULAR)[0] if len(low) else target
    if (solution < low).any():
        solution = lsq_linear(r, target, (low, np.inf), method="bvls").x
        is_free[np.flatnonzero(is_free)[solution <= low]] = False
        found[[one.low < one.high for one in terms]] = solution
    else:
        found[is_free] = solution
    return found, is_free


@dataclass(frozen=True, slots=True, eq=False)
class End:
    """Where a search ended: parameters, sum of squares, and whether it ended by itself."""

    x: Array
    cost: float
    is_converged: bool


def descend(projection: Projection, start: Array) -> End:
    """Search for the minimum from a start (P,)."""
    if len(start) == 0:
        return End(start, projection.state(start).cost, True)
    low, high = (np.array([getattr(one, k) for one in projection.free]) for k in ("low", "high"))
    scale = np.array(
        [
            max(one.spread, abs(step))
            for one, step in zip(projection.free, projection.steps, strict=True)
        ]
    )
    margin = np.minimum(projection.steps * AT_BOUND, (high - low) * AT_BOUND)
    start = np.clip(start, low + margin, high - margin)
    is_cheap = projection.problem.slopes is not None  # then a trial may take its derivative too
    residual = (lambda x: projection.reduce(x)[0]) if is_cheap else projection.residual
    jacobian = (lambda x: projection.reduce(x)[1]) if is_cheap else projection.jacobian
    size = math.sqrt(projection.state(start).cost) or 1.0  # so that no unit of the data matters
    found = least_squares(  # from 0, where the first step is of one unit
        lambda u: residual(start + scale * u) / size,
        np.zeros(len(start)),
        lambda u: jacobian(start + scale * u) * (scale / size),
        bounds=((low - start) / scale, (high - start) / scale),
        ftol=_TOLERANCE,
        xtol=_TOLERANCE,
        gtol=1e-15,
        max_nfev=MOST_EVALUATIONS,
    )
    cost = 2 * float(found.cost) * size**2
    return End(start + scale * found.x, cost, bool(found.status > 0))


def find_cost(problem: Problem, values: Mapping[str, float], *, is_refitted: bool = False) -> float:
    """Sum of squares at some values of the parameters, or at the minimum next to them.

    Parameters
    ----------
    problem : Problem
        Data and model.
    values : mapping of str to float
        Of all parameters of the shapes; amplitudes follow.
    is_refitted : bool, optional
        Whether to search from there.
    """
    projection = Projection(problem)
    x = np.array([values[one.name] for one in projection.free])
    return descend(projection, x).cost if is_refitted else projection.state(x).cost
