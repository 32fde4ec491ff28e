"""Intervals of lines that overlap so much that their covariance does not tell them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spectro.fitting import Minimum, Problem
from spectro.fitting.profiles import (
    Rise,
    add_knowledge,
    hold_amplitude,
    hold_share,
    is_right,
    know_from_others,
    refine_interval,
)
from spectro.fitting.projection import Projection
from spectro.fitting.uncertainty import Confidence
from spectro.model import Uncertainty
from spectro.nmr.line_model import LineModel
from spectro.nmr.sites import INTEGRAL

Array = NDArray[np.float64]
Known = dict[str, Uncertainty]

_WHOLE = 100.0


@dataclass(frozen=True)
class Refinement:
    """Profiles of the numbers of lines, spectrum by spectrum.

    What a spectrum shares with others is known from these too; it enters as their information at
    the minimum, so that each profile takes fits of one spectrum only.

    Attributes
    ----------
    model : LineModel
        Of all spectra.
    problem : Problem
        That was fitted.
    found : Minimum
        Where it is best.
    level : float
        Of the intervals.
    """

    model: LineModel
    problem: Problem
    found: Minimum
    level: float

    def is_needed(self) -> bool:
        """Whether the interval of the parameter that is known worst is wrong by covariance."""
        return not self._is_right(self.problem)

    def refine_numbers(self) -> Minimum:
        """Minimum with intervals of parameters and integrals by profile where it takes that.

        What several spectra share is left as it is: all of them tell it.
        """
        known = dict(self.found.uncertainties)
        for k, problem in self._doubtful.items():
            for place, site in enumerate(self.model.curves):
                name = self.model.name(site, INTEGRAL, k)
                known[name] = self._refine_integral(problem, place, known[name])
            for name in self._list_seen(problem, k, known):
                known[name] = self._refine_parameter(problem, name)
        return replace(self.found, uncertainties=known)

    def _list_seen(self, problem: Problem, k: int, known: Mapping[str, Uncertainty]) -> list[str]:
        """Own parameters of a spectrum, but those of lines that may not be there at all."""
        hidden = {
            self.model.name(one.name, quantity, k)
            for one in self.model.sites
            for quantity in one.quantities
            if known[self.model.name(self.model.roots[one.name][INTEGRAL][0], INTEGRAL, k)].low <= 0
            and not one.is_signed
        }
        return [one.name for one in problem.free if one.name not in {*self._shared, *hidden}]

    def refine_percentages(self, known: Mapping[str, Uncertainty]) -> Known:
        """Percentages of all sites, by profile where `known`, by covariance, is not right."""
        if len(self.model.curves) < 2 or any(one.is_signed for one in self.model.sites):
            return {}
        refined: Known = {}
        factors = {one.name: self.model.roots[one.name][INTEGRAL] for one in self.model.sites}
        weights = np.zeros(len(self.problem.amplitudes[0]))
        for root, factor, _ in factors.values():
            weights[self.model.curves[root]] += factor
        for k, problem in self._doubtful.items():
            label = self.model.labels[k]
            for root, place in self.model.curves.items():
                scale = weights[place] / _WHOLE
                part = _multiply(known[f"{label}{root}.percent"], scale)
                part = self._refine_share(problem, weights, place, part)
                for site, (of, factor, _) in factors.items():
                    if of == root:
                        refined[f"{label}{site}.percent"] = _multiply(part, factor / scale)
        return refined

    @cached_property
    def _projection(self) -> Projection:
        return Projection(self.problem)

    @cached_property
    def _best(self) -> Array:
        return np.array([self.found.values[one.name] for one in self._projection.free])

    @cached_property
    def _allowed(self) -> float:
        """Rise of the sum of squares that ends an interval."""
        n = self.found.n_free
        cost = self._projection.state(self._best).cost
        return cost / n * Confidence(self.level, n).factor ** 2

    @cached_property
    def _shared(self) -> tuple[str, ...]:
        """Parameters that more than one spectrum has."""
        if len(self.model.spectra) == 1:
            return ()
        own = tuple(self.model.labels)
        return tuple(one.name for one in self.problem.free if not one.name.startswith(own))

    @cached_property
    def _problems(self) -> tuple[Problem, ...]:
        """One of each spectrum, with what the others tell of what they share with it."""
        if len(self.model.spectra) == 1:
            return (self.problem,)
        known = {one.name: one for one in self.problem.parameters}
        found = []
        for k in range(len(self.model.spectra)):
            model = replace(
                self.model,
                spectra=self.model.spectra[k : k + 1],
                labels=self.model.labels[k : k + 1],
            )
            alone = model.build()
            alone = replace(
                alone,
                parameters=tuple(known[one.name] for one in alone.parameters),
                sigmas=self.problem.sigmas and self.problem.sigmas[k : k + 1],
            )
            root = know_from_others(self._projection, self._best, k, self._shared)
            found.append(add_knowledge(alone, self._shared, self.found.values, root))
        return tuple(found)

    @cached_property
    def _doubtful(self) -> dict[int, Problem]:
        """Those among them, by their number, that intervals by covariance do not hold for."""
        if len(self._problems) == 1:
            return {0: self.problem}
        return {k: one for k, one in enumerate(self._problems) if not self._is_right(one)}

    def _is_right(self, problem: Problem) -> bool:
        """Whether the interval of the worst known parameter of a problem is right."""
        known = self.found.uncertainties
        errors = {
            one.name: known[one.name].standard_error / step
            for one, step in zip(problem.free, Projection(problem).steps, strict=True)
            if known[one.name].method == "covariance" and known[one.name].standard_error > 0
        }
        if not errors or not self._allowed > 0:
            return True
        name = max(errors, key=lambda one: errors[one])
        rise, bounds = self._hold_parameter(problem, name, self._find_slopes(name))
        return is_right(rise, known[name], bounds)

    def _find_slopes(self, name: str) -> dict[str, float]:
        """By how much each fitted number follows one of them, by the covariance."""
        row = self.found.covariance[self.found.names.index(name)]
        slopes = row / row[self.found.names.index(name)]
        return dict(zip(self.found.names, np.nan_to_num(slopes).tolist(), strict=True))

    def _refine_parameter(self, problem: Problem, name: str) -> Uncertainty:
        rise, bounds = self._hold_parameter(problem, name)
        return self._refine(rise, self.found.uncertainties[name], bounds)

    def _hold_parameter(
        self, problem: Problem, name: str, slopes: Mapping[str, float] | None = None
    ) -> tuple[Rise, tuple[float, float]]:
        one = next(each for each in problem.parameters if each.name == name)
        value = self.found.values[name]
        rise = self._make_rise(problem, lambda at: Projection(problem, {name: at}), value, slopes)
        return rise, (one.low, one.high)

    def _refine_integral(self, problem: Problem, place: int, known: Uncertainty) -> Uncertainty:
        one = problem.amplitudes[0][place]
        rise = self._make_rise(
            problem,
            lambda at: Projection(hold_amplitude(problem, 0, place, at)),
            self.found.values[one.name],
        )
        return self._refine(rise, known, (one.low, one.high))

    def _refine_share(
        self, problem: Problem, weights: Array, place: int, known: Uncertainty
    ) -> Uncertainty:
        parts = weights * [self.found.values[one.name] for one in problem.amplitudes[0]]
        rise = self._make_rise(
            problem,
            lambda at: Projection(hold_share(problem, 0, weights, place, at)),
            float(parts[place] / parts.sum()) if parts.sum() > 0 else 0.0,
        )
        return self._refine(rise, known, (0.0, 1.0))

    def _refine(self, rise: Rise, known: Uncertainty, bounds: tuple[float, float]) -> Uncertainty:
        return refine_interval(rise, known, bounds) if known.method == "covariance" else known

    def _make_rise(
        self,
        problem: Problem,
        hold: Callable[[float], Projection],
        value: float,
        slopes: Mapping[str, float] | None = None,
    ) -> Rise:
        """Of a problem whose sum of squares at the minimum is its own."""
        cost = self._costs.get(id(problem))
        if cost is None:
            projection = Projection(problem)
            best = np.array([self.found.values[one.name] for one in projection.free])
            cost = self._costs[id(problem)] = projection.state(best).cost
        return Rise(hold, value, self.found.values, cost, self._allowed, slopes)

    @cached_property
    def _costs(self) -> dict[int, float]:
        """Sums of squares at the minimum that are known, by the problem."""
        return {id(self.problem): self._projection.state(self._best).cost}


def _multiply(known: Uncertainty, factor: float) -> Uncertainty:
    return replace(
        known,
        standard_error=factor * known.standard_error,
        low=factor * known.low,
        high=factor * known.high,
    )
