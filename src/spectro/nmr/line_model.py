"""Spectra as sums of lines: which number each line takes, and what a fit of them is."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectro.fitting import Problem, Slope
from spectro.fitting.projection import Projection
from spectro.lineshapes import compute_line, differentiate_line
from spectro.model import InputError, Parameter, Spectrum
from spectro.nmr.inputs import estimate_scatter
from spectro.nmr.patterns import PatternLine
from spectro.nmr.sites import INTEGRAL, QUANTITIES, Site, follow_ties

Array = NDArray[np.float64]
Settings = tuple[float, ...]

_STEP = 1e-3  # of a width, over which a line is as good as linear
_PHASES = ("phase0_deg", "phase1_deg")
_DEGREE = math.pi / 180
_COARSE_DEG = np.arange(-180.0, 180.0, 20.0)
_LEAST_NOISE = 1e-9  # of the highest point
_MOST_PHASE_DEG = 270.0  # so a phase of 180 is no bound


@dataclass(frozen=True)
class LineModel:
    """Lines of one or several spectra, with a name for every number.

    Attributes
    ----------
    spectra : tuple of Spectrum
        One dimension each, over one unit.
    labels : tuple of str
        What names begin with, of numbers that are a spectrum's own.
    sites : tuple of Site
        The same for all spectra.
    shared : tuple of str
        Quantities, or those of one site as in "core.width_ppm", that all spectra have in common.
    baseline_degree : int or None
        Of a polynomial; None for none.
    n_phases : int
        Orders of phase that are fitted, 0 to 2; spectra are complex then.
    """

    spectra: tuple[Spectrum, ...]
    labels: tuple[str, ...]
    sites: tuple[Site, ...]
    shared: tuple[str, ...] = ()
    baseline_degree: int | None = None
    n_phases: int = 0

    @cached_property
    def unit(self) -> str:
        """Of the axis."""
        return self.spectra[0].axes[0].unit

    @cached_property
    def roots(self) -> dict[str, dict[str, tuple[str, float, float]]]:
        """For each site and quantity: site that it goes back to, factor and offset."""
        return {
            one.name: {q: follow_ties(self.sites, one.name, q) for q in (*one.quantities, INTEGRAL)}
            for one in self.sites
        }

    @cached_property
    def curves(self) -> dict[str, int]:
        """Place of the curve of each site whose integral is its own."""
        own = [one.name for one in self.sites if INTEGRAL not in one.tied]
        return {name: k for k, name in enumerate(own)}

    @cached_property
    def _same_axis(self) -> tuple[int, ...]:
        """For each spectrum, the first one with its axis."""
        axes = [one.x for one in self.spectra]
        return tuple(
            next(k for k, other in enumerate(axes) if np.array_equal(one, other)) for one in axes
        )

    @cached_property
    def _baselines(self) -> tuple[Array, ...]:
        """Legendre polynomials (K, N) of each spectrum; of a complex one for both parts."""
        if self.baseline_degree is None:
            return tuple(np.zeros((0, len(self.to_data(one.y)))) for one in self.spectra)
        found = []
        for one in self.spectra:
            middle, reach = (one.x.max() + one.x.min()) / 2, np.ptp(one.x) / 2
            powers = np.polynomial.legendre.legvander(
                (one.x - middle) / reach, self.baseline_degree
            )
            parts = np.eye(2) if self.n_phases else np.eye(1)
            found.append(np.asarray(np.kron(parts, powers.T), float))
        return tuple(found)

    @cached_property
    def _places(self) -> tuple[Array, ...]:
        """Distance of each point from the middle, to the right, in parts of the spectrum."""
        found = []
        for one in self.spectra:
            n = len(one.x)
            parts = (np.arange(n) - n // 2) / n
            found.append(parts if one.x[0] > one.x[-1] else -parts)
        return tuple(found)

    def to_data(self, y: NDArray[Any]) -> Array:
        """What is fitted of a spectrum: the real part, or both with a phase, (N,) or (2N,)."""
        return np.concatenate([y.real, y.imag]) if self.n_phases else np.real(y)

    def name(self, site: str, quantity: str, k: int) -> str:
        """Name of a quantity of a site in a spectrum."""
        is_common, name = self._names[site, quantity]
        return name if is_common else self.labels[k] + name

    @cached_property
    def _names(self) -> dict[tuple[str, str], tuple[bool, str]]:
        """For each site and quantity, whether all spectra share it, and its name.

        What is tied is shared where that is which it is tied to.
        """
        fixed = {one.name: one.fixed for one in self.sites}
        found = {}
        for site, roots in self.roots.items():
            for quantity, (root, _, _) in roots.items():
                both = {quantity, f"{root}.{quantity}"}
                is_common = quantity in fixed[root] or bool(both & {*self.shared})
                found[site, quantity] = is_common, f"{site}.{self._label(quantity)}"
        return found

    def _label(self, quantity: str) -> str:
        if self.unit == "ppm" or quantity not in QUANTITIES[:2]:
            return quantity
        word = "position" if quantity == QUANTITIES[0] else "width"
        return f"{word}_{self.unit}" if self.unit else word

    def settle(self, values: Mapping[str, float], site: Site, k: int) -> Settings:
        """Position, width, mixing and what its pattern depends on, of a site in a spectrum."""
        found = {"mixing": 0.0}
        for quantity in site.quantities:
            root, factor, offset = self.roots[site.name][quantity]
            found[quantity] = factor * values[self.name(root, quantity, k)] + offset
        if found["width_ppm"] <= 0 or not 0 <= found["mixing"] <= 1:
            raise InputError(
                f"Expected a width above 0 and a mixing from 0 to 1 for {site.name}, got "
                f"{found['width_ppm']:g} and {found['mixing']:g} by what they are tied to; set "
                f"bounds."
            )
        more = site.pattern.quantities if site.pattern else ()
        return tuple(found[quantity] for quantity in (*QUANTITIES, *more))

    def compute_sites(self, values: Mapping[str, float], k: int) -> dict[str, NDArray[Any]]:
        """Each line of a spectrum at an integral of 1 of what it is tied to, (N,)."""
        turn = self._turn(values, k)
        return {
            one.name: turn * self._line(one, self.settle(values, one, k), k)
            * self.roots[one.name][INTEGRAL][1]
            for one in self.sites
        }  # fmt: skip

    def _line(self, site: Site, settings: Settings, k: int) -> NDArray[Any]:
        x, is_complex = self.spectra[k].x, self.n_phases > 0
        if site.pattern is not None:
            return PatternLine(x, site.pattern, site.shape, is_complex).compute(settings)
        at, width, mixing = settings
        return compute_line(x, at, width, mixing, site.shape, is_complex)

    def _differentiate(self, site: Site, settings: Settings, k: int) -> dict[str, NDArray[Any]]:
        """Derivatives of a line by its quantities."""
        x, is_complex = self.spectra[k].x, self.n_phases > 0
        if site.pattern is None:
            at, width, mixing = settings
            slopes: Sequence[Any] = differentiate_line(x, at, width, mixing, site.shape, is_complex)
        else:
            line = PatternLine(x, site.pattern, site.shape, is_complex)
            slopes = line.differentiate(settings)
        more = site.pattern.quantities if site.pattern else ()
        return dict(zip((*QUANTITIES, *more), slopes, strict=True))

    def _turn(self, values: Mapping[str, float], k: int) -> Any:
        """Factor (N,) that turns the phase of a spectrum from absorption to as it is."""
        if not self.n_phases:
            return 1.0
        zero, *first = (values[self.labels[k] + name] for name in _PHASES[: self.n_phases])
        angle = zero + (first[0] * self._places[k] if first else 0.0)
        return np.exp(1j * _DEGREE * angle)

    def compute_shapes(self, values: Mapping[str, float]) -> list[Array]:
        """Curves (K, N) of each spectrum, for `Problem`."""
        known: dict[tuple[Any, ...], NDArray[Any]] = {}
        found = []
        for k, baseline in enumerate(self._baselines):
            curves = np.zeros((len(self.curves) + len(baseline), baseline.shape[1]))
            curves[len(self.curves) :] = baseline
            turn = self._turn(values, k)
            for one in self.sites:
                settings = self.settle(values, one, k)
                key = (self._same_axis[k], one.shape, one.pattern, settings)
                if key not in known:
                    known[key] = self._line(one, settings, k)
                root, factor, _ = self.roots[one.name][INTEGRAL]
                curves[self.curves[root]] += self.to_data(factor * turn * known[key])
            found.append(curves)
        return found

    def compute_slopes(self, values: Mapping[str, float]) -> Iterator[Slope]:
        """How the curves change, for `Problem`."""
        known: dict[tuple[Any, ...], dict[str, NDArray[Any]]] = {}
        for k in range(len(self.spectra)):
            turn = self._turn(values, k)
            for one in self.sites:
                settings = self.settle(values, one, k)
                key = (self._same_axis[k], one.shape, one.pattern, settings)
                if key not in known:
                    known[key] = self._differentiate(one, settings, k)
                root, factor, _ = self.roots[one.name][INTEGRAL]
                curve = self.curves[root]
                for quantity in one.quantities:
                    slope = known[key][quantity]
                    base, by_tie, _ = self.roots[one.name][quantity]
                    change = self.to_data(factor * by_tie * turn * slope)
                    yield Slope(self.name(base, quantity, k), k, curve, change)
                if self.n_phases:
                    line = 1j * _DEGREE * factor * turn * self._line(one, settings, k)
                    for name, place in zip(
                        _PHASES[: self.n_phases], (1.0, self._places[k]), strict=False
                    ):
                        yield Slope(self.labels[k] + name, k, curve, self.to_data(place * line))

    def build(self) -> Problem:
        """What is to be fitted; several spectra are weighed by their noise."""
        data = tuple(self.to_data(one.y) for one in self.spectra)
        parameters: dict[str, Parameter] = {}
        for k in range(len(self.spectra)):
            for site in self.sites:
                for quantity in site.quantities:
                    if quantity not in site.tied:
                        one = self._make_parameter(site, quantity, k)
                        parameters[one.name] = one
            for name in _PHASES[: self.n_phases]:
                most = _MOST_PHASE_DEG
                one = Parameter(self.labels[k] + name, 0.0, -most, most, "deg", 0.1, 45.0)
                parameters[one.name] = one
        amplitudes = tuple(self._make_amplitudes(k) for k in range(len(self.spectra)))
        return Problem(
            data,
            self.compute_shapes,
            tuple(parameters.values()),
            amplitudes,
            find_weights(data),
            self.compute_slopes,
        )

    def start_phases(self, problem: Problem) -> Problem:
        """Problem that starts from the best of many phases of order zero, spectrum by spectrum.

        Half of a turn away no integral is above 0, and nothing tells where to go.
        """
        if not self.n_phases:
            return problem
        projection = Projection(problem)
        names = [one.name for one in projection.free]
        places = [names.index(label + _PHASES[0]) for label in self.labels]
        x = np.array([one.value for one in projection.free])
        costs = []
        for angle in _COARSE_DEG:
            x[places] = angle
            costs.append([float(one @ one) for one in projection.state(x).residuals])
        best = _COARSE_DEG[np.argmin(costs, axis=0)]
        starts = {names[at]: float(angle) for at, angle in zip(places, best, strict=True)}
        parameters = tuple(
            replace(one, value=starts.get(one.name, one.value)) for one in problem.parameters
        )
        return replace(problem, parameters=parameters)

    def _make_amplitudes(self, k: int) -> tuple[Parameter, ...]:
        signed = {one.name: one.is_signed for one in self.sites}
        lines = [
            Parameter(self.name(name, INTEGRAL, k), 1.0, -math.inf if signed[name] else 0.0)
            for name in self.curves
        ]
        n = len(self._baselines[k])
        baseline = [Parameter(f"{self.labels[k]}baseline_{d}", 0.0) for d in range(n)]
        return (*lines, *baseline)

    def _make_parameter(self, site: Site, quantity: str, k: int) -> Parameter:
        value = site.start(quantity)
        name, unit = self.name(site.name, quantity, k), "" if quantity == "mixing" else self.unit
        if site.pattern is not None and quantity not in QUANTITIES:
            unit = site.pattern.units[quantity]
        if quantity in site.fixed:
            return Parameter(name, value, value, value, unit)
        if site.pattern is not None and quantity not in QUANTITIES:
            low, high = site.bounds.get(quantity, site.limits[quantity])
            return Parameter(name, value, low, high, unit, site.pattern.steps[quantity])
        x = np.concatenate([one.x for one in self.spectra])
        point = min(float(np.abs(np.diff(one.x)).min()) for one in self.spectra)
        ends = {
            "shift_ppm": (float(x.min()), float(x.max())),
            "width_ppm": (point / 2, float(np.ptp(x))),
            "mixing": (0.0, 1.0),
        }
        low, high = site.bounds.get(quantity, ends[quantity])
        if quantity == "mixing":
            return Parameter(name, value, low, high, unit, _STEP)
        spread = site.width_ppm * (1.0 if quantity == "shift_ppm" else 0.5)
        return Parameter(name, value, low, high, unit, _STEP * site.width_ppm, spread)


def find_weights(data: Sequence[Array]) -> tuple[Array, ...] | None:
    """Noise of each of several spectra, as their neighbouring points tell it; None for one."""
    if len(data) == 1:
        return None
    scale = max(float(np.abs(one).max()) for one in data) or 1.0
    noise = [max(estimate_scatter(one), _LEAST_NOISE * scale) for one in data]
    return tuple(np.full(len(one), s) for one, s in zip(data, noise, strict=True))
