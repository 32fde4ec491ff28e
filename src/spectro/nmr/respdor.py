"""Distances from a spin 1/2 to a quadrupolar nucleus that is saturated halfway through an echo."""

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.constants import hbar, mu_0
from scipy.special import jv

from spectro.fitting import Minimum, Problem, Search, minimise, to_result
from spectro.fitting.profiles import Rise, hold_amplitude, refine_interval
from spectro.fitting.projection import Projection
from spectro.fitting.uncertainty import Confidence
from spectro.isotopes import isotope
from spectro.model import Axis, Curve, FitResult, InputError, Parameter, Spectrum, Uncertainty
from spectro.nmr.inputs import cost_of_shape, require_series, require_sigmas

Array = NDArray[np.float64]

_LIMIT = 2 * math.sqrt(2) / math.pi  # of J_1/4 J_-1/4 at 0
_N_STARTS = 240  # couplings that are tried before the search
_FINE, _FAR = 0.15, 200.0  # steps in which more are tried, times the longest delay, and to where
_RANGE = (0.02, 30.0)  # of coupling times: at the longest delay, and at the shortest
_STRONGEST_Hz = 3e4  # of couplings over a bond, of 1H to 19F or 13C
_AT_END = 1e-3  # part of a bound, within which an interval ends at it
_STEP = 1e-3
_UNTOLD = ("coupling_Hz", "distance_nm")  # without a dephasing
_LARGEST = 1.5  # of a difference over a reference, above which it is taken for per cent


def dipolar_coupling_Hz(a: str, b: str, distance_nm: float) -> float:
    """Dipolar coupling constant of two nuclei, not signed, in Hz.

    Parameters
    ----------
    a, b : str
        Isotopes.
    distance_nm : float
        Between them.

    Notes
    -----
    D = mu_0 gamma_a gamma_b hbar / (8 pi^2 r^3). The gyromagnetic ratios are those of shielded
    nuclei (`spectro.isotopes`); bare ones make D larger by some 0.1 % and distances by 0.04 %.

    Examples
    --------
    >>> round(dipolar_coupling_Hz("13C", "27Al", distance_nm=0.25))
    504
    """
    return _coupling_Hz_nm3(a, b) / _require_positive(distance_nm, "distance", "nm") ** 3


def dipolar_distance_nm(a: str, b: str, coupling_Hz: float) -> float:
    """Distance at which two nuclei have a dipolar coupling constant; see `dipolar_coupling_Hz`.

    Examples
    --------
    >>> round(dipolar_distance_nm("13C", "27Al", coupling_Hz=503.0), 3)
    0.25
    """
    return math.cbrt(_coupling_Hz_nm3(a, b) / _require_positive(coupling_Hz, "coupling", "Hz"))


def respdor_curve(
    tau_s: ArrayLike, coupling_Hz: float, saturated: str = "27Al", fraction: float = 1.0
) -> Array:
    """Dephasing dS/S0 (N,) that saturation of a coupled nucleus causes.

    Parameters
    ----------
    tau_s : (N,) array
        Total time of recoupling.
    coupling_Hz : float
        Dipolar coupling constant.
    saturated : str, optional
        Isotope of any spin.
    fraction : float, optional
        Of the observed nuclei, that has such a neighbour and whose neighbour is saturated.

    Notes
    -----
    For isolated pairs, recoupling as in REDOR and a saturation that leaves every level of a spin S
    populated alike [1]_, [2]_: ::

        dS/S0 = f / (2S+1) { 2S - sqrt(2) pi / (4 (2S+1)) sum_{k=1..2S} [4S - 2 (k-1)]
                             J_{1/4}(k sqrt(2) D tau) J_{-1/4}(k sqrt(2) D tau) }

    It ends at f 2S / (2S+1). The powder average of REDOR behind it is that of [3]_.

    References
    ----------
    .. [1] Z. Gan, Chem. Commun. 2006, 4712, DOI 10.1039/b611447d.
    .. [2] L. Chen, X. Lu, Q. Wang, O. Lafon, J. Trebosc, F. Deng, J.-P. Amoureux, J. Magn. Reson.
       2010, 206, 269, DOI 10.1016/j.jmr.2010.07.009.
    .. [3] K. T. Mueller, J. Magn. Reson. A 1995, 113, 81, DOI 10.1006/jmra.1995.1059.
    """
    spin = isotope(saturated).spin
    k = np.arange(1, round(2 * spin) + 1)
    x = math.sqrt(2) * np.abs(coupling_Hz * np.asarray(tau_s, float))[..., None] * k
    safe = np.where(x > 0, x, 1.0)
    product = np.where(x > 0, jv(0.25, safe) * jv(-0.25, safe), _LIMIT)
    n_levels = 2 * spin + 1
    dephased = (4 * spin - 2 * (k - 1)) * product
    lost = math.sqrt(2) * math.pi / (4 * n_levels) * dephased.sum(axis=-1)
    return np.asarray(fraction / n_levels * (2 * spin - lost))


def fit_respdor(
    tau_s: ArrayLike,
    ds_s0: ArrayLike,
    observed: str = "13C",
    saturated: str = "27Al",
    sigma: ArrayLike | None = None,
    fraction: float | None = None,
) -> FitResult:
    """Coupling, distance and fraction of coupled nuclei, from dephasing over time.

    Parameters
    ----------
    tau_s : (N,) array
        Total times of recoupling; at least 3.
    ds_s0 : (N,) array
        Dephasing, (S0 - S) / S0.
    observed, saturated : str, optional
        Isotopes.
    sigma : (N,) array or float, optional
        Standard deviations of the dephasing, which intervals take where residuals
        are smaller; without, it is taken from the residuals.
    fraction : float, optional
        Of coupled nuclei, if it is known; fitted by default.

    Returns
    -------
    FitResult
        ``coupling_Hz``, ``distance_nm`` and ``fraction``.

    Raises
    ------
    InputError
        If the arrays do not fit each other, or the dephasing is in per cent.

    Notes
    -----
    See `respdor_curve` for the model. Intervals of the coupling are followed to where the fit gets
    significantly worse, and hold couplings further away that fit as well; those of the
    distance are the same ones in nm. That of the fraction is followed too where its covariance does
    not tell it, as it is correlated with the coupling where the data stop before the plateau.
    """
    tau, data = require_series(tau_s, ds_s0, "dephasing")
    if data.max() > _LARGEST:
        raise InputError(
            f"Expected a dephasing (S0 - S) / S0 of about 0 to 1, got {data.max():g}; divide per "
            f"cent by 100."
        )
    if fraction is not None and not fraction > 0:
        raise InputError(f"Expected a fraction above 0, got {fraction}; leave it out to fit it.")
    sigmas = require_sigmas(sigma, len(tau))
    low, high = _RANGE[0] / tau.max(), max(_RANGE[1] / tau[tau > 0].min(), _STRONGEST_Hz)

    def compute(values: Mapping[str, float]) -> list[Array]:
        return [respdor_curve(tau, values["coupling_Hz"], saturated)[None]]

    even = np.arange(low, min(_FAR / tau.max(), high), _FINE / tau.max())
    tried = np.union1d(np.geomspace(low, high, _N_STARTS), even)
    shapes = respdor_curve(tried[:, None] * tau, 1.0, saturated)
    costs = _find_costs(shapes, data, sigmas, fraction)
    start = float(tried[np.argmin(costs)])
    coupling = Parameter("coupling_Hz", start, low, high, "Hz", step=_STEP * start)
    limits = (0.0, math.inf) if fraction is None else (fraction, fraction)
    amplitude = Parameter("fraction", 1.0 if fraction is None else fraction, *limits)
    least = float(sigmas is not None)  # errors that are given are not smaller by chance
    problem = Problem((data,), compute, (coupling,), ((amplitude,),), sigmas, least_variance=least)
    found = minimise(problem, Search(profile=("coupling_Hz",)))
    value = found.values["coupling_Hz"]
    ends = _widen(found, tried[costs <= _find_limit(found)])
    ends = _open_ends(ends, low, high)
    known = {**found.uncertainties, "coupling_Hz": ends}
    if fraction is None:
        known["fraction"] = _follow_fraction(problem, found)
    found = replace(found, uncertainties=known)
    distance = dipolar_distance_nm(observed, saturated, value)
    interval = _turn_round(ends, value, distance, observed, saturated)
    axis = Axis(tau, "recoupling time", "s")
    curve = Curve(Spectrum(data, (axis,)), Spectrum(found.curves[0].sum(axis=0), (axis,)))
    result = to_result(
        found,
        f"RESPDOR of {observed} by {saturated}",
        [curve],
        derived={"distance_nm": (distance, interval, "nm")},
        settings={"observed": observed, "saturated": saturated, "fraction": fraction},
    )
    return _add_doubts(result)


def _find_costs(
    shapes: Array,
    data: Array,
    sigmas: tuple[Array] | None,
    fraction: float | None,
) -> Array:
    """Sums of squares of some couplings, each with its best fraction if that is not known."""
    sigma, costs = np.ones(len(data)) if sigmas is None else sigmas[0], []
    for shape in shapes / sigma:
        if fraction is None:
            costs.append(cost_of_shape(shape, data / sigma))
        else:
            costs.append(float(np.square(data / sigma - fraction * shape).sum()))
    return np.array(costs)


def _find_limit(found: Minimum) -> float:
    """Sum of squares up to which a fit is not significantly worse than the best one."""
    level = found.uncertainties["coupling_Hz"].level
    factor = Confidence(level, found.n_free).factor
    return found.noise**2 * found.n_free + found.variance * factor**2


def _follow_fraction(problem: Problem, found: Minimum) -> Uncertainty:
    """Interval of the fraction, which is skew where the data stop before the plateau."""
    known, value = found.uncertainties["fraction"], found.values["fraction"]
    cost = found.noise**2 * found.n_free
    allowed = _find_limit(found) - cost
    if not (allowed > 0 and value > 0):
        return known

    def hold(at: float) -> Projection:
        return Projection(hold_amplitude(problem, 0, 0, at))

    return refine_interval(Rise(hold, value, found.values, cost, allowed), known, (0.0, math.inf))


def _widen(found: Minimum, others_Hz: Array) -> Uncertainty:
    """Interval that also holds couplings apart from the best one that fit as well."""
    known = found.uncertainties["coupling_Hz"]
    ends = [known.low, known.high, *others_Hz.tolist()]
    return replace(known, low=min(ends), high=max(ends))


def _open_ends(coupling: Uncertainty, low: float, high: float) -> Uncertainty:
    """Interval that does not end where only the search does."""
    return replace(
        coupling,
        low=0.0 if coupling.low <= low * (1 + _AT_END) else coupling.low,
        high=math.inf if coupling.high >= high * (1 - _AT_END) else coupling.high,
    )


def _turn_round(
    coupling: Uncertainty, value: float, distance_nm: float, a: str, b: str
) -> Uncertainty:
    """Uncertainty of a distance, from that of its coupling."""
    near, far = (
        dipolar_distance_nm(a, b, one) if 0 < one < math.inf else (math.inf if one == 0 else 0.0)
        for one in (coupling.high, coupling.low)
    )
    error = distance_nm / 3 * coupling.standard_error / value
    return Uncertainty(error, near, far, coupling.level, coupling.method)


def _add_doubts(result: FitResult) -> FitResult:
    known, fraction = result.uncertainties.get("fraction"), result.values["fraction"]
    if fraction <= 0 or (known is not None and known.low <= 0):
        doubt = "No dephasing is seen above the noise, so there is no coupling to speak of."
        told = tuple(one for one in result.statements if one.split(" = ")[0] not in _UNTOLD)
        result = replace(result, statements=told)
    elif known is not None and known.low > 1:
        doubt = (
            f"A fraction of {fraction:.2f} is above 1: there is more than one neighbour, or S and "
            f"S0 are not on the same scale."
        )
    else:
        return result
    return replace(result, warnings=(*result.warnings, doubt))


def _coupling_Hz_nm3(a: str, b: str) -> float:
    product = isotope(a).gamma_rad_per_s_T * isotope(b).gamma_rad_per_s_T
    return float(abs(mu_0 * product * hbar / (8 * math.pi**2)) * 1e27)


def _require_positive(value: float, name: str, unit: str) -> float:
    if not 0 < value < math.inf:
        raise InputError(f"Expected a {name} above 0 {unit}, got {value}.")
    return value
