"""Microwave saturation: from the heights of a line at several powers to its relaxation time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectro.epr.spin_system import BOHR_MHz_PER_mT
from spectro.fitting import Minimum, Problem, Search, minimise, to_result
from spectro.model import Axis, Curve, FitResult, InputError, Parameter, Spectrum, Uncertainty

Array = NDArray[np.float64]

MODELS = {"inhomogeneous": 1.0, "absorption": 2.0, "derivative": 3.0}
"""Exponents b of the models in which it is known; "empirical" fits it."""

_EXPONENT = Parameter("b", 2.0, 1.0, 3.0, step=1e-4)
_EMPIRICAL = "empirical"
_LEAST_S = -0.5  # noise may make an unsaturated curve rise faster than it can
_NO_S = 1e-4  # at the highest power, below which there is no saturation to speak of
_BEYOND = 1e4  # below the lowest power, by which P_half is not looked for
_NEARLY = 0.999  # of the largest s, from which it counts as that
_LINEAR = 0.9  # of the height without saturation
_FEW_LINEAR = 3
_SCATTER = 3.0  # residuals over the errors that were given


@dataclass(frozen=True, slots=True)
class Transition:
    """What turns a microwave field into a nutation frequency.

    Attributes
    ----------
    nutation : float
        Nutation frequency over that of a spin 1/2 in the same field: sqrt(S(S+1) - m(m-1)) for the
        transition from m - 1 to m alone, as 3 for the central one of S = 5/2; 1 for a spin 1/2, and
        for transitions of any spin that are excited all at once.
    g : float
        Of the line.

    Raises
    ------
    InputError
        If either is not above 0.

    Examples
    --------
    >>> Transition.of_spin(2.5).nutation
    3.0
    """

    nutation: float = 1.0
    g: float = 2.0023193

    def __post_init__(self) -> None:
        """Refuse what does not nutate."""
        if not (0 < self.nutation < math.inf and 0 < self.g < math.inf):
            raise InputError(
                f"Expected a nutation factor and a g value above 0, got {self.nutation} and "
                f"{self.g}."
            )

    @classmethod
    def of_spin(cls, s: float, m: float = 0.5, g: float = 2.0023193) -> Self:
        """Transition from m - 1 to m of a spin; by default the central one."""
        square = s * (s + 1) - m * (m - 1)
        if not (float(2 * s).is_integer() and float(s - m).is_integer() and square > 0):
            raise InputError(f"Expected m of a transition of S = {s}, got {m}; m - 1 counts too.")
        return cls(math.sqrt(square), g)

    @property
    def rate_per_mT(self) -> float:
        """Nutation frequency in rad/us per mT of microwave field."""
        return 2 * math.pi * BOHR_MHz_PER_mT * self.g * self.nutation


def fit_saturation(
    power_mW: ArrayLike,
    amplitude: ArrayLike,
    *,
    error: ArrayLike | None = None,
    model: str | float = "empirical",
    conversion_mT_per_sqrt_W: float | None = None,
    transition: Transition | None = None,
) -> FitResult:
    """Power of half saturation of a line, and its relaxation time where B1 is known.

    Parameters
    ----------
    power_mW : (N,) array
        Microwave powers, above 0, in any order.
    amplitude : (N,) array
        Height of the line at each, in any unit; see `saturation_curve`.
    error : (N,) array, optional
        Standard errors of the amplitudes, of which only the ratios count; by default all alike.
    model : {"empirical", "inhomogeneous", "absorption", "derivative"} or float, optional
        "derivative" (b = 3) and "absorption" (b = 2) are peak to peak of the first derivative, and
        the maximum of the absorption, of a homogeneous line; "inhomogeneous" is b = 1, either of
        them; "empirical" fits b between 1 and 3; a number is b itself.
    conversion_mT_per_sqrt_W : float, optional
        B1 = conversion sqrt(P), the amplitude of the rotating component; without it there is no T.
    transition : Transition, optional
        Its nutation and g; by default those of a free electron.

    Returns
    -------
    FitResult
        Values ``s_max`` (saturation s at the highest power), ``b``, ``K_per_sqrt_mW`` (slope of the
        amplitude where it is proportional to sqrt(P)), ``P_half_mW`` (where s = 1) and ``T_us``.
        An interval of ``P_half_mW`` ends at infinity where the data do not show saturation.

    Raises
    ------
    InputError
        If powers, amplitudes or errors do not fit together, or the model is none.

    Notes
    -----
    The amplitude is K sqrt(P) / (1 + s)^(b/2) with s = P / P_half = gamma^2 B1^2 T1 T2 [1]_ [2]_.
    So T = 1 / (gamma B1(P_half)) is sqrt(T1 T2), and T1 = T2 = T if these are alike. At P_half the
    amplitude is 2^(-b/2) of what it were without saturation; it is greatest at P_half / (b - 1).
    For b between 1 and 3, s = P / P_half is a convention.

    Search and intervals are for s at the highest power, in which an unsaturated curve is a straight
    line: it is not forced to be positive, as noise does not know of that.

    References
    ----------
    .. [1] N. Bloembergen, E. M. Purcell, R. V. Pound, Phys. Rev. 1948, 73, 679,
       DOI 10.1103/PhysRev.73.679.
    .. [2] T. G. Castner, Phys. Rev. 1959, 115, 1506, DOI 10.1103/PhysRev.115.1506.
    """
    power, height, sigma = _check(power_mW, amplitude, error)
    _check_conversion(conversion_mT_per_sqrt_W)
    transition = transition or Transition()
    problem = _build_problem(power, height, sigma, _read_model(model))
    names = ("s_max", "b") if model == "empirical" else ("s_max",)
    minimum = minimise(problem, Search(profile=names))
    derived = {"P_half_mW": (*_find_half_power(minimum, power), "mW")}
    if conversion_mT_per_sqrt_W is not None:
        time = _find_time(derived["P_half_mW"][:2], conversion_mT_per_sqrt_W, transition)
        derived["T_us"] = (*time, "us")
    result = to_result(
        minimum,
        f"microwave saturation, {model if isinstance(model, str) else f'b = {model:g}'}",
        [_to_curve(power, height, minimum.curves[0].sum(axis=0))],
        derived=derived,
        settings={
            "power_mW": power.tolist(),
            "amplitude": height.tolist(),
            "error": None if sigma is None else sigma.tolist(),
            "model": model,
            "conversion_mT_per_sqrt_W": conversion_mT_per_sqrt_W,
            "nutation": transition.nutation,
            "g": transition.g,
        },
    )
    return replace(
        result,
        statements=(*result.statements, *_explain(result)),
        warnings=(*result.warnings, *_doubt(power, result)),
    )


def _check(
    power_mW: ArrayLike, amplitude: ArrayLike, error: ArrayLike | None
) -> tuple[Array, Array, Array | None]:
    power, height = np.asarray(power_mW, float), np.asarray(amplitude, float)
    sigma = None if error is None else np.asarray(error, float)
    if power.ndim != 1 or power.shape != height.shape:
        raise InputError(
            f"Expected as many amplitudes as powers, got shapes {height.shape} and {power.shape}; "
            f"fit one line at a time."
        )
    if not ((power > 0) & np.isfinite(power)).all():
        raise InputError("Expected powers above 0 mW, got others; give mW, not dB.")
    if not np.isfinite(height).all() or height.mean() <= 0:
        raise InputError(
            "Expected finite amplitudes above 0, got others; take them from peak to peak."
        )
    if sigma is not None and not (
        sigma.shape == power.shape and (sigma > 0).all() and np.isfinite(sigma).all()
    ):
        raise InputError(
            "Expected a standard error above 0 for each amplitude, got others; leave them out."
        )
    if len(np.unique(power)) < 3:
        raise InputError(f"Expected three powers or more, got {len(np.unique(power))}.")
    order = np.argsort(power, kind="stable")
    return power[order], height[order], None if sigma is None else sigma[order]


def _check_conversion(conversion: float | None) -> None:
    if conversion is not None and not 0 < conversion < math.inf:
        raise InputError(
            f"Expected a conversion factor above 0 mT per root of a watt, got {conversion}."
        )


def _read_model(model: str | float) -> Parameter:
    """The exponent, fixed or free."""
    if model == _EMPIRICAL:
        return _EXPONENT
    b = MODELS.get(model) if isinstance(model, str) else float(model)
    if b is None or not _EXPONENT.low <= b <= _EXPONENT.high:
        raise InputError(
            f"Expected {_EMPIRICAL}, {', '.join(MODELS)} or a number from 1 to 3 as a model, got "
            f"{model!r}."
        )
    return replace(_EXPONENT, value=b, low=b, high=b)


def _build_problem(power: Array, height: Array, sigma: Array | None, b: Parameter) -> Problem:
    highest, root = power[-1], np.sqrt(power)
    weights = np.ones(len(power)) if sigma is None else 1 / sigma
    top = _BEYOND * highest / power[0]

    def shape(values: Mapping[str, float]) -> Array:
        return np.asarray(
            root * (1 + values["s_max"] * power / highest) ** (-values["b"] / 2), float
        )

    def miss(start: dict[str, float]) -> float:
        one = weights * shape(start)
        return -(float(one @ (weights * height)) ** 2) / float(one @ one)

    exponents = np.unique(np.linspace(b.low, b.high, 5)).tolist()
    grid = [{"s_max": s, "b": k} for s in np.geomspace(0.01, top, 60) for k in exponents]
    best = min(grid, key=miss)
    s = Parameter("s_max", float(best["s_max"]), _LEAST_S, top)
    slope = Parameter("K_per_sqrt_mW", 1.0, unit="1/sqrt(mW)")
    return Problem(
        (height,),
        lambda values: (shape(values)[None],),
        (s, replace(b, value=best["b"])),
        ((slope,),),
        None if sigma is None else (sigma,),
    )


def _find_half_power(minimum: Minimum, power_mW: Array) -> tuple[float, Uncertainty]:
    """P_half and its interval from those of s at the highest power, its inverse.

    Where s is not told from the most that is looked for, P_half may as well be 0.
    """
    highest_mW = float(power_mW[-1])
    most = _BEYOND * highest_mW / float(power_mW[0])
    s, known = minimum.values["s_max"], minimum.uncertainties["s_max"]

    def invert(one: float) -> float:
        return highest_mW / one if one > _NO_S else math.inf

    half, ceiling = invert(s), known.high if known.high < _NEARLY * most else math.inf
    error = half * known.standard_error / s if math.isfinite(half) else math.nan
    return half, replace(known, standard_error=error, low=invert(ceiling), high=invert(known.low))


def _find_time(
    half_power: tuple[float, Uncertainty], conversion: float, transition: Transition
) -> tuple[float, Uncertainty]:
    """T and its interval, which is that of P_half turned round."""

    def invert(half_mW: float) -> float:
        root = math.sqrt(half_mW * 1e-3)
        return 1 / (transition.rate_per_mT * conversion * root) if root > 0 else math.inf

    half, known = half_power
    error = invert(half) * known.standard_error / (2 * half) if math.isfinite(half) else math.nan
    return invert(half), replace(
        known, standard_error=error, low=invert(known.high), high=invert(known.low)
    )


def _to_curve(power: Array, height: Array, fitted: Array) -> Curve:
    axes = (Axis(power, "microwave power", "mW"),)
    about = {"technique": "EPR", "title": "microwave saturation"}
    return Curve(Spectrum(height, axes, about), Spectrum(fitted, axes, about))


def _explain(result: FitResult) -> list[str]:
    """What P_half and T mean."""
    b, half, known = result.values["b"], result.values["P_half_mW"], result.settings
    if not math.isfinite(half):
        return ["No saturation was found, so P_half and T have a bound on one side only."]
    peak = f"; it is greatest at {half / (b - 1):.3g} mW" if b > 1 else ""
    found = [
        f"At P_half the amplitude is {2 ** (-b / 2):.3f} of what it were without saturation (b = "
        f"{b:.3g}); it is half of that at {half * (2 ** (2 / b) - 1):.3g} mW{peak}."
    ]
    conversion = known["conversion_mT_per_sqrt_W"]
    if conversion is None:
        return [
            *found,
            "There is no T without a conversion factor from power to B1 of the resonator with the "
            "sample in it (conversion_mT_per_sqrt_W).",
        ]
    return [
        *found,
        f"T = sqrt(T1 T2), with an effective nutation of {known['nutation']:g} times that of a "
        f"spin 1/2 included, g = {known['g']:g} and B1 = {conversion:g} mT at 1 W taken as exact; "
        f"T goes with the inverse of their product.",
    ]


def _doubt(power: Array, result: FitResult) -> list[str]:
    """What the range of powers leaves open."""
    found, known = [], result.uncertainties["P_half_mW"]
    half, b, highest = result.values["P_half_mW"], result.values["b"], power[-1]
    if result.uncertainties["s_max"].high < 0:
        found.append(
            "The amplitude grows faster than the root of the power; check the powers, the gain and "
            "the tuning at each."
        )
    if result.settings["error"] is not None and result.noise > _SCATTER:
        found.append(
            f"The amplitudes are off by {result.noise:.1f} times their errors: these leave out "
            f"powers and tuning, or the model does not hold."
        )
    if known.low == 0 and math.isfinite(known.high):
        found.append(
            f"All powers saturate: take {known.high:.3g} mW as the upper bound of P_half, and "
            f"measure at lower powers."
        )
    if half > highest:
        bound = f"take {known.low:.3g} mW as its lower bound" if known.low > 0 else "it is unknown"
        found.append(
            f"The highest power, {highest:.3g} mW, stays below P_half: {bound}, and measure at "
            f"higher powers."
        )
    n_linear = int(((1 + power / half) ** (-b / 2) > _LINEAR).sum())
    if n_linear < _FEW_LINEAR:
        limit = half * (_LINEAR ** (-2 / b) - 1)
        found.append(
            f"Only {n_linear} of the powers lie where the amplitude goes with the root of the "
            f"power, below {limit:.3g} mW; measure at lower powers."
        )
    return found
