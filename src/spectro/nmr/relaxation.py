"""Build-up and recovery of magnetisation."""

import math
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls

from spectro.fitting import Minimum, Problem, Search, minimise, propagate, to_result
from spectro.model import Axis, Curve, FitResult, InputError, Parameter, Spectrum, Uncertainty
from spectro.nmr.inputs import require_series, require_sigmas
from spectro.nmr.intervals import clip_interval

Array = NDArray[np.float64]
Model = Literal["mono", "stretched", "bi"]

_RANGE = (1e-2, 1e2)  # of times: of the shortest delay, and of the longest
_BETA = (0.2, 1.0)
_BETA_START = 0.8
_N_TIMES = 40  # that are tried before the search
_STEP = 1e-3
_LONG_ENOUGH = 2.0  # longest delay in units of the time constant
_REFUSED_INITIAL = 1.0


def fit_buildup(
    t_s: ArrayLike,
    m: ArrayLike,
    model: Model = "mono",
    sigma: ArrayLike | None = None,
    initial: float | None = 0.0,
) -> FitResult:
    """Time constants of magnetisation that builds up or recovers.

    Parameters
    ----------
    t_s : (N,) array
        Delays.
    m : (N,) array
        Magnetisation: integrals or amplitudes in any unit; real.
    model : {"mono", "stretched", "bi"}, optional
        One time constant, a stretched exponential, or two time constants.
    sigma : (N,) array or float, optional
        Standard deviations of the magnetisation, which intervals take where residuals
        are smaller; without, it is taken from the residuals.
    initial : float, optional
        Magnetisation at the start by that at the end: 0 after saturation and for build-up, -1
        after inversion; None to fit it, where pulses are not perfect.

    Returns
    -------
    FitResult
        ``time_s`` and ``m_inf``; with "stretched" also ``beta`` and the mean ``mean_time_s``; with
        "bi" ``time_short_s``, ``time_long_s``, ``m_short``, ``m_long``, their sum ``m_inf`` and
        ``long_fraction``; ``initial`` where it is fitted.

    Raises
    ------
    InputError
        If the arrays do not fit each other, or the model is not known.

    Notes
    -----
    M(t) = M_inf [1 - (1 - m0) exp(-(t / T)^beta)] with beta = 1 but for "stretched", and the sum of
    two of these, with the same m0, for "bi". The mean time is T Gamma(1 / beta) / beta. Intervals
    of time constants and of beta are followed to where the fit gets significantly worse.
    """
    t, data = require_series(t_s, m, "magnetisation")
    if model not in get_args(Model):
        raise InputError(f"Expected a model of {', '.join(get_args(Model))}, got {model!r}.")
    if initial is not None and not -_REFUSED_INITIAL <= initial < _REFUSED_INITIAL:
        raise InputError(
            f"Expected an initial magnetisation from -1 (inverted) to below 1, got {initial}."
        )
    parameters = _choose_parameters(t, data, model, initial)
    names = ("m_short", "m_long") if model == "bi" else ("m_inf",)
    amplitudes = tuple(Parameter(name, 1.0, 0.0) for name in names)

    def compute(values: Mapping[str, float]) -> list[Array]:
        return [_compute_shapes(t, values, model)]

    sigmas = require_sigmas(sigma, len(t))
    least = float(sigmas is not None)  # errors that are given are not smaller by chance
    problem = Problem((data,), compute, parameters, (amplitudes,), sigmas, least_variance=least)
    profile = tuple(one.name for one in problem.free if one.name != "initial")
    found = minimise(problem, Search(profile=profile))
    if model == "bi" and found.values["time_short_s"] > found.values["time_long_s"]:
        found = minimise(_swap_times(problem, found), Search(profile=profile))
    axis = Axis(t, "delay", "s")
    parts = dict(zip(names, found.curves[0], strict=True)) if model == "bi" else {}
    best = Spectrum(found.curves[0].sum(axis=0), (axis,))
    result = to_result(
        found,
        f"{model} build-up",
        [Curve(Spectrum(data, (axis,)), best, parts)],
        derived=_derive(found, model),
        settings={"model": model, "initial": initial},
    )
    return _add_doubts(result, t)


def buildup_curve(t_s: ArrayLike, fit: FitResult) -> Array:
    """Magnetisation (N,) that a fit expects at any delays.

    Parameters
    ----------
    t_s : (N,) array
        Delays, of at least 0.
    fit : FitResult
        As `fit_buildup` gives it.

    Raises
    ------
    InputError
        If it is the fit of something else.
    """
    model: Any = fit.settings.get("model")
    if model not in get_args(Model):
        raise InputError(f"Expected a fit of a build-up, got one of {fit.model}; use fit_buildup.")
    names = ("m_short", "m_long") if model == "bi" else ("m_inf",)
    amplitudes = np.array([fit.values[name] for name in names])
    return np.asarray(amplitudes @ _compute_shapes(np.asarray(t_s, float), fit.values, model))


def _compute_shapes(t: Array, values: Mapping[str, float], model: Model) -> Array:
    """Recovery (K, N) of each component to 1."""
    missing = 1 - values["initial"]
    if model == "bi":
        times = (values["time_short_s"], values["time_long_s"])
        return np.array([1 - missing * np.exp(-t / one) for one in times])
    beta = values.get("beta", 1.0)
    return np.asarray(1 - missing * np.exp(-((t / values["time_s"]) ** beta)))[None]


def _choose_parameters(
    t: Array, data: Array, model: Model, initial: float | None
) -> tuple[Parameter, ...]:
    """Parameters with their bounds, started from the best of many times."""
    low, high = _RANGE[0] * t[t > 0].min(), _RANGE[1] * t.max()
    times = np.geomspace(t[t > 0].min() / 2, 2 * t.max(), _N_TIMES)
    guess = initial
    if guess is None:
        late = data[np.argmax(t)]
        guess = float(np.clip(data[np.argmin(t)] / late, -1.0, 0.5)) if late > 0 else 0.0
    shapes = 1 - (1 - guess) * np.exp(-t / times[:, None])
    n = 2 if model == "bi" else 1
    best = min(
        combinations(range(len(times)), n), key=lambda rows: nnls(shapes[list(rows)].T, data)[1]
    )
    names = ("time_short_s", "time_long_s") if model == "bi" else ("time_s",)
    found = [
        Parameter(name, times[k], low, high, "s", step=_STEP * times[k])
        for name, k in zip(names, best, strict=True)
    ]
    if model == "stretched":
        found.append(Parameter("beta", _BETA_START, *_BETA, step=_STEP))
    bounds = (-1.0, 1.0 - _STEP) if initial is None else (initial, initial)
    found.append(Parameter("initial", guess, *bounds, step=_STEP))
    return tuple(found)


def _swap_times(problem: Problem, found: Minimum) -> Problem:
    """Problem that starts from what was found, the times in ascending order."""
    short, long, *rest = problem.parameters
    times = found.values["time_long_s"], found.values["time_short_s"]
    return replace(
        problem,
        parameters=(replace(short, value=times[0]), replace(long, value=times[1]), *rest),
    )


def _derive(found: Minimum, model: Model) -> dict[str, tuple[float, Uncertainty | None, str]]:
    """What follows from the fitted numbers; with an open interval where one of them is open."""
    known = found.uncertainties
    if model == "stretched":
        mean, error = propagate(found, lambda one: mean_time_s(one["time_s"], one["beta"]))
        if not math.isfinite(error.standard_error):  # one of the two is at its bound
            time, beta = known["time_s"], known["beta"]
            ends = mean_time_s(time.low, beta.high), mean_time_s(time.high, beta.low)
            error = replace(error, low=ends[0], high=ends[1], method=time.method)
        return {"mean_time_s": (mean, clip_interval(error, 0.0, math.inf), "s")}
    if model == "bi":
        total, m_error = propagate(found, lambda one: one["m_short"] + one["m_long"])
        part, p_error = propagate(found, lambda one: _part(one["m_long"], one["m_short"]))
        if not all(found.values[name] > 0 for name in ("m_short", "m_long")):
            p_error = Uncertainty(math.nan, 0.0, 1.0)
        return {
            "m_inf": (total, clip_interval(m_error, 0.0, math.inf), ""),
            "long_fraction": (part, clip_interval(p_error, 0.0, 1.0), ""),
        }
    return {}


def _part(of: float, rest: float) -> float:
    return of / (of + rest) if of + rest else math.nan


def mean_time_s(time_s: float, beta: float) -> float:
    """Mean time constant of a stretched exponential, the area under exp(-(t / T)^beta).

    Examples
    --------
    >>> round(mean_time_s(2.0, 0.5), 9)
    4.0

    Raises
    ------
    InputError
        If the time or the exponent is not above 0.
    """
    if not (time_s > 0 and beta > 0):
        raise InputError(f"Expected a time and an exponent above 0, got {time_s} s and {beta}.")
    return time_s / beta * math.gamma(1 / beta)


def _add_doubts(result: FitResult, t: Array) -> FitResult:
    slowest = max(result.values.get(name, 0.0) for name in ("time_s", "time_long_s"))
    if result.values["m_inf"] <= 0:
        doubt = "There is no magnetisation above 0; phase the spectra, or measure for longer."
    elif t.max() < _LONG_ENOUGH * slowest:
        doubt = (
            f"The longest delay of {t.max():g} s is less than twice the time constant of "
            f"{slowest:.3g} s: where it ends is extrapolated; measure for longer."
        )
    else:
        return result
    return replace(result, warnings=(*result.warnings, doubt))
