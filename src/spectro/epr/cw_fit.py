"""Fits of continuous-wave spectra: g, hyperfine coupling, zero-field splitting, strains, widths."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from spectro.epr.cw import (
    CwExperiment,
    LineShape,
    Raster,
    Transform,
    apply_line,
    no_line,
    plan_raster,
    transform_system,
)
from spectro.epr.parameters import (
    Component,
    choose_varied,
    describe,
    describe_instrument,
)
from spectro.epr.spin_system import SpinSystem
from spectro.fitting import Minimum, Problem, Search, find_cost, minimise, propagate, to_result
from spectro.model import Curve, FitResult, InputError, Parameter, Spectrum, Uncertainty

Array = NDArray[np.float64]
Systems = SpinSystem | Sequence[SpinSystem] | Mapping[str, SpinSystem]
Lines = LineShape | Sequence[LineShape] | Mapping[str, LineShape]

_MOST_KNOWN = 128  # patterns that are kept
_EVEN = 1e-3  # of a step, by which points of an even axis may be off
_FEWEST = 16
_HALF = 0.5
_NOTHING = 1e-9  # of the height of a spin 1/2 alone, below which there is no line
_UNTOLD = 4.0  # times the noise's variance, by which a fit must get worse for a sign to be told
_HOPELESS = 20.0  # likewise and times the root of the points, before anything is fitted again


@dataclass(frozen=True, slots=True)
class CwFit:
    """What else there is to say about a fit of a continuous-wave spectrum.

    Attributes
    ----------
    baseline_degree : int
        Of a polynomial below the spectrum; -1 for none.
    shared : sequence of str
        Parameters that all components have in common.
    bounds : mapping of str to (float, float)
        Of parameters by name, in place of wide ones.
    window_mT : (float, float), optional
        Part of the field that is fitted; all of it by default.
    experiment : mapping of str
        Settings that the file does not tell or tells wrongly, as `CwExperiment` calls them:
        ``frequency_GHz``, ``harmonic``, ``modulation_mT``, ``phase_deg``.
    tolerance : float
        Error of simulated spectra, relative to their maximum.
    """

    baseline_degree: int = 1
    shared: Sequence[str] = ()
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    window_mT: tuple[float, float] | None = None
    experiment: Mapping[str, float] = field(default_factory=dict)
    tolerance: float = 5e-4

    def __post_init__(self) -> None:
        """Refuse what is no degree."""
        if self.baseline_degree < -1 or self.baseline_degree != int(self.baseline_degree):
            raise InputError(
                f"Expected a whole degree of the baseline of 0 or more, or -1 for none, got "
                f"{self.baseline_degree}."
            )


def fit_cw(
    spectrum: Spectrum,
    system: Systems,
    line: Lines | None = None,
    *,
    vary: Sequence[str] = ("g", "a_MHz", "gaussian_mT"),
    options: CwFit | None = None,
    search: Search | None = None,
) -> FitResult:
    """Fit of a continuous-wave spectrum by simulated powder spectra.

    Parameters
    ----------
    spectrum : Spectrum
        Over magnetic field in mT; the microwave frequency is taken from its metadata, as are
        harmonic and modulation. Of a complex one the real part is fitted.
    system : SpinSystem, or sequence or mapping of them
        One component or several; those of a mapping have its keys as names, others 1, 2, ...
    line : LineShape, or sequence or mapping of them, optional
        Widths at the start, one for all components or one each; by default 1 mT, Gaussian.
    vary : sequence of str
        What to fit: "g", "a_MHz" (of the first nucleus; "a2_MHz" of the second), "d_MHz", "e_MHz",
        "d_strain_MHz", "e_strain_MHz", "a_strain_MHz", "gaussian_mT", "lorentzian_mT", and of the
        instrument "field_offset_mT", "phase_deg", "modulation_mT". Of a tensor it means all
        principal values, as does "g_x" one. "core.g" is that of the component "core" alone.
    options : CwFit, optional
        Baseline, shared parameters, bounds, window, settings of the experiment.
    search : Search, optional
        Number of starts, seed, level and method of the intervals.

    Returns
    -------
    FitResult
        With an ``amplitude`` of each component, never negative, in units of the intensity times mT
        squared (for a first derivative) for a spin 1/2 with g = 2, and with several components the
        ``percent`` of spins in each.

    Raises
    ------
    InputError
        If there is no frequency, no line in the range of field at the start, or a parameter that is
        not known.

    Notes
    -----
    Amplitudes and the baseline are solved for at each step (variable projection); the field of the
    sample is taken to be higher by ``field_offset_mT`` than the axis says.
    """
    options, search = options or CwFit(), search or Search()
    data = _cut(spectrum, options.window_mT)
    model = _Model(data, _list_components(system, line), tuple(vary), options)
    problem = Problem(
        (np.asarray(data.y.real, float),),
        model.compute_shapes,
        model.parameters,
        (model.amplitudes,),
    )
    model.require_lines()
    minimum = minimise(problem, search)
    names = [one.name for one in model.components] + ["baseline"] * (options.baseline_degree >= 0)
    curves = _name_curves(minimum.curves[0], names)
    best = data.do("fit_cw", sum(curves.values()), settings={"vary": list(vary)})
    result = to_result(
        minimum,
        f"CW EPR, {len(model.components)} component(s)",
        [Curve(data.do("real", data.y.real) if np.iscomplexobj(data.y) else data, best, curves)],
        derived=_derive_shares(minimum, model, search.level),
        settings=_list_settings(model, vary, options, search),
    )
    is_found = any(minimum.values[one.name] for one in model.amplitudes if one.low == 0)
    return replace(
        result,
        warnings=(*result.warnings, *_doubt(problem, minimum, result)),
        is_converged=result.is_converged and is_found,
    )


def _list_components(system: Systems, line: Lines | None) -> list[Component]:
    if isinstance(system, SpinSystem):
        named = {"": system}
    elif isinstance(system, Mapping):
        named = dict(system)
    else:
        named = {str(number): one for number, one in enumerate(system, 1)}
    line = line or LineShape()
    lines: dict[str, LineShape]
    if isinstance(line, LineShape):
        lines = dict.fromkeys(named, line)
    elif isinstance(line, Mapping):
        lines = dict(line)
    else:
        lines = dict(zip(named, line, strict=False)) if len(line) == len(named) else {}
    strange = [name for name in named if "." in name or name == "baseline"]
    if not named or set(lines) != set(named) or strange or ("" in named and len(named) > 1):
        raise InputError(
            f"Expected at least one spin system, names that hold no point and are not 'baseline', "
            f"and a line shape for each, got systems {', '.join(named) or 'none'} and lines for "
            f"{', '.join(lines) or 'others'}."
        )
    return [Component(name, one, lines[name]) for name, one in named.items()]


def _cut(spectrum: Spectrum, window_mT: tuple[float, float] | None) -> Spectrum:
    """Spectrum in a window, with the field ascending."""
    if len(spectrum.axes) != 1 or spectrum.axes[0].unit != "mT":
        axes = [f"{one.name or 'an axis'} in {one.unit or 'no unit'}" for one in spectrum.axes]
        remedy = "take one slice of a series" if len(axes) > 1 else "choose a CW spectrum"
        if len(axes) == 1 and not spectrum.axes[0].unit:
            remedy = "name the column with its unit, as in 'Field (mT),Intensity'"
        raise InputError(
            f"Expected a spectrum over magnetic field in mT, got {' and '.join(axes)}; {remedy}."
        )
    low, high = window_mT or (-math.inf, math.inf)
    order = np.argsort(spectrum.x, kind="stable")
    keep = order[(spectrum.x[order] >= low) & (spectrum.x[order] <= high)]
    keep = keep[np.isfinite(spectrum.y[keep])]
    n_again = int((np.diff(spectrum.x[keep]) <= 0).sum())
    if n_again:
        raise InputError(
            f"Expected every field once, got {n_again} of {len(keep)} again; take one sweep, or "
            f"average them."
        )
    if len(keep) < _FEWEST:
        raise InputError(
            f"Expected at least {_FEWEST} points at different fields, got {len(keep)} between "
            f"{low:g} and {high:g} mT; the spectrum reaches from {spectrum.x.min():g} to "
            f"{spectrum.x.max():g} mT."
        )
    if len(keep) == len(spectrum.x) and (np.diff(order) == 1).all():
        return spectrum
    axis = replace(spectrum.axes[0], values=spectrum.x[keep])
    return spectrum.do("cut", spectrum.y[keep], axes=[axis], settings={"window_mT": window_mT})


class _Model:
    """Shapes of the components and the baseline as functions of named parameters."""

    def __init__(
        self,
        data: Spectrum,
        components: list[Component],
        vary: tuple[str, ...],
        options: CwFit,
    ) -> None:
        self.components, self.options, self.x = components, options, data.x
        self.experiment = _set_up(data, options)
        self.is_even = self.experiment.n_points == len(data.x)
        self.shared = self._list_shared(vary)
        self._known: dict[tuple[SpinSystem, Raster], tuple[Transform, float]] = {}
        self.parameters = self._describe(vary)
        self.amplitudes = self._list_amplitudes(float(np.ptp(data.y.real)))
        span = 2 * (data.x - data.x.mean()) / np.ptp(data.x)
        degree = options.baseline_degree
        self._baseline = legendre.legvander(span, degree).T if degree >= 0 else np.zeros((0, 1))

    def compute_shapes(self, values: Mapping[str, float]) -> list[Array]:
        """Components and terms of the baseline (K, N)."""
        experiment = replace(
            self.experiment,
            phase_deg=values.get("phase_deg", self.experiment.phase_deg),
            modulation_mT=values.get("modulation_mT", self.experiment.modulation_mT),
        )
        offset = values.get("field_offset_mT", 0.0)
        rows = [self._simulate(one, values, experiment, offset) for one in self.components]
        return [
            np.concatenate(
                [
                    np.array(rows),
                    np.broadcast_to(self._baseline, (len(self._baseline), len(self.x))),
                ]
            )
        ]

    def require_lines(self) -> None:
        """Refuse a range of field in which a component has no line at the start."""
        values = {one.name: one.value for one in self.parameters}
        rows = self.compute_shapes(values)[0]
        for one, row in zip(self.components, rows, strict=False):
            least = _NOTHING / one.line.fwhm_mT ** (self.experiment.harmonic + 1)
            if np.abs(row).max() < least:
                raise no_line(one.system, self.experiment)

    def find(self, component: Component, values: Mapping[str, float]) -> dict[str, float]:
        """A component's own numbers among all values."""
        prefix = f"{component.name}." if component.name else ""
        own = {n: values[n] for n in component.values() if n in values}
        return own | {
            n: values[f"{prefix}{n}"] for n in component.values() if f"{prefix}{n}" in values
        }

    def _simulate(
        self,
        component: Component,
        values: Mapping[str, float],
        experiment: CwExperiment,
        offset_mT: float,
    ) -> Array:
        system, line = component.replace(self.find(component, values))
        raster = plan_raster(self.experiment, _round_down(line), self.options.tolerance)
        transformed, _ = transform_system(replace(system, weight=1.0), raster, self._known)
        while len(self._known) > _MOST_KNOWN:
            self._known.pop(next(iter(self._known)))
        y = apply_line(transformed, raster, experiment, line, offset_mT)
        if not self.is_even:
            return np.asarray(CubicSpline(experiment.field_axis_mT, y)(self.x))
        return y

    def _describe(self, vary: tuple[str, ...]) -> tuple[Parameter, ...]:
        bounds = self.options.bounds
        found: dict[str, Parameter] = {}
        owners = {one.name for one in self.components}
        strange = [v for v in vary if "." in v and v.rpartition(".")[0] not in owners]
        if strange:
            raise InputError(
                f"Expected names of components before a point, got {', '.join(strange)}; there are "
                f"{', '.join(owners)}."
            )
        for component in self.components:
            for name in choose_varied(component, vary):
                one = describe(component, name, self.experiment, bounds)
                if name in self.shared:
                    one = replace(one, name=name)
                found.setdefault(one.name, one)
        width = min(one.line.fwhm_mT for one in self.components)
        for name in choose_varied(self.components[0], vary, instrument=True):
            found[name] = describe_instrument(name, self.experiment, width, bounds)
        unknown = set(bounds) - {n for one in found for n in (one, one.rpartition(".")[2])}
        if unknown:
            raise InputError(
                f"Expected bounds of parameters that are varied, got {', '.join(sorted(unknown))}; "
                f"varied are {', '.join(found) or 'none'}."
            )
        return tuple(found.values())

    def _list_shared(self, vary: tuple[str, ...]) -> set[str]:
        """Full names of what components are to have in common."""
        found: dict[str, set[str]] = {one: set() for one in self.options.shared}
        for component in self.components:
            varied = set(choose_varied(component, vary))
            for one, names in found.items():
                names.update(varied & set(choose_varied(component, (one,))))
        lost = [one for one, names in found.items() if not names]
        if lost:
            raise InputError(
                f"Expected parameters that are varied to be shared, got {', '.join(lost)}; varied "
                f"are {', '.join(vary)}."
            )
        return set().union(*found.values())

    def _list_amplitudes(self, height: float) -> tuple[Parameter, ...]:
        unit = f"intensity mT^{self.experiment.harmonic + 1}"
        names = [f"{one.name}.amplitude" if one.name else "amplitude" for one in self.components]
        terms = [Parameter(name, height, low=0.0, unit=unit) for name in names]
        n_terms = self.options.baseline_degree + 1
        return (*terms, *(Parameter(f"baseline_{n}", 0.0) for n in range(n_terms)))


def _set_up(data: Spectrum, options: CwFit) -> CwExperiment:
    """Experiment on an even axis of the spectrum's range."""
    known = {name: value for name, value in options.experiment.items() if value is not None}
    x = data.x
    strange = set(known) - {"frequency_GHz", "harmonic", "modulation_mT", "phase_deg"}
    if strange:
        raise InputError(f"Expected settings of the experiment, got {', '.join(sorted(strange))}.")
    frequency = known.get("frequency_GHz")
    if frequency is None:
        frequency = data.require("frequency_GHz", "microwave frequency")
    modulation = known.get("modulation_mT", data.metadata.get("modulation_amplitude_mT") or 0.0)
    harmonic = known.get("harmonic", data.metadata.get("harmonic"))
    is_even = np.ptp(np.diff(x)) <= _EVEN * (x[-1] - x[0]) / (len(x) - 1)
    return CwExperiment(
        float(frequency),
        (float(x[0]), float(x[-1])),
        len(x) if is_even else 2 * len(x),
        1 if harmonic is None else int(harmonic),
        float(modulation),
        float(known.get("phase_deg", 0.0)),
    )


def _round_down(line: LineShape) -> LineShape:
    """Widths in steps of the root of two, so that patterns serve all that are nearly as wide."""

    def shorten(width: float) -> float:
        return 2.0 ** (math.floor(2 * math.log2(width)) / 2) if width > 0 else 0.0

    widths = shorten(line.gaussian_mT), shorten(line.lorentzian_mT)
    return LineShape(*(0.0 if one < max(widths) / 64 else one for one in widths))


def _name_curves(curves: Array, names: Sequence[str]) -> dict[str, Array]:
    """Component by component, and the baseline as one."""
    n = len([name for name in names if name != "baseline"])
    found = {name or "spectrum": curves[k] for k, name in enumerate(names[:n])}
    if "baseline" in names:
        found["baseline"] = curves[n:].sum(axis=0)
    return found


def _derive_shares(
    minimum: Minimum, model: _Model, level: float
) -> dict[str, tuple[float, Uncertainty | None, str]]:
    """Percent of all spins that are in each component of several."""
    names = [one.name for one in model.components]
    if len(names) < 2 or sum(minimum.values[f"{n}.amplitude"] for n in names) <= 0:
        return {}
    found: dict[str, tuple[float, Uncertainty | None, str]] = {}
    for name in names:

        def share(values: Mapping[str, float], name: str = name) -> float:
            counts = {n: values[f"{n}.amplitude"] for n in names}
            return 100 * counts[name] / sum(counts.values())

        value, known = propagate(minimum, share, level)
        low, high = max(known.low, 0.0), min(known.high, 100.0)
        found[f"{name}.percent"] = (value, replace(known, low=low, high=high), "%")
    return found


def _doubt(problem: Problem, minimum: Minimum, result: FitResult) -> list[str]:
    """Sentences about components that may as well not be there, and about signs."""
    amplitudes = {n: v for n, v in minimum.values.items() if n.rpartition(".")[2] == "amplitude"}
    if not any(amplitudes.values()):
        return [
            "No part of the spectrum was found: the start is too far off, or the phase is turned "
            "by half a turn; give g nearer to it, or phase_deg=180."
        ]
    known = result.uncertainties
    unseen = [
        f"The interval of {name} reaches 0: the spectrum does not show that this line is there."
        for name in amplitudes
        if name in known and known[name].low <= 0
    ]
    return unseen + _find_untold_signs(problem, minimum)


def _find_untold_signs(problem: Problem, minimum: Minimum) -> list[str]:
    """Sentences about couplings whose other sign fits as well, alone or with all others."""
    signed = [
        one.name
        for one in problem.free
        if one.name.rpartition(".")[2][0] in "ade"
        and "strain" not in one.name
        and one.name.endswith("_MHz")
        and minimum.values[one.name] != 0
    ]
    alone = [name for name in signed if _fits_turned(problem, minimum, [name])]
    found = [
        f"The sign of {name} does not show in this spectrum: {-minimum.values[name]:.6g} MHz fits "
        f"as well."
        for name in alone
    ]
    if len(signed) > 1 and not alone and _fits_turned(problem, minimum, signed):
        found.append(
            f"Only the relative signs of {' and '.join(signed)} show in this spectrum: all of them "
            f"turned fit as well."
        )
    return found


def _fits_turned(problem: Problem, minimum: Minimum, names: Sequence[str]) -> bool:
    """Whether the spectrum is fitted as well with some signs turned."""
    turned = {name: -minimum.values[name] for name in names}
    bounds = {one.name: (one.low, one.high) for one in problem.parameters}
    if any(not bounds[name][0] <= value <= bounds[name][1] for name, value in turned.items()):
        return False
    noise, least = minimum.noise**2, minimum.noise**2 * minimum.n_free
    start = minimum.values | turned
    rise = find_cost(problem, start) - least
    if rise < _UNTOLD * noise:
        return True
    if rise > _HOPELESS * noise * math.sqrt(problem.n_points):
        return False
    return find_cost(problem, start, is_refitted=True) < least + _UNTOLD * noise


def _list_settings(
    model: _Model, vary: Sequence[str], options: CwFit, search: Search
) -> dict[str, Any]:
    components = {}
    plain = replace(options, bounds=dict(options.bounds), shared=list(options.shared))
    for one in model.components:
        about = {k: v for k, v in asdict(one.system).items() if not k.startswith("_")}
        components[one.name or "spectrum"] = {"system": about, "line": asdict(one.line)}
    return {
        "function": "spectro.epr.fit_cw",
        "components": components,
        "vary": list(vary),
        "experiment": asdict(model.experiment),
        "options": asdict(plain),
        "search": asdict(search),
    }
