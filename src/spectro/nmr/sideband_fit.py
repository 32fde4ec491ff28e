"""Chemical shift anisotropy from the intensities of spinning sidebands."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectro.fitting import Minimum, Problem, Search, minimise, propagate, to_result
from spectro.model import Axis, Curve, FitResult, InputError, Parameter, Spectrum, Uncertainty
from spectro.nmr.inputs import cost_of_shape, require_sigmas
from spectro.nmr.sidebands import LARGEST_RATIO, compute_sidebands
from spectro.nmr.tensor import ShiftTensor

Array = NDArray[np.float64]

_TOLERANCE = 1e-9
_SPANS = np.geomspace(0.5, 3.0, 9)  # of the one by the second moment, that are tried first
_SKEWS = np.linspace(-0.9, 0.9, 7)
_SPAN_STEP, _SKEW_STEP = 1e-3, 1e-2
_LEAST_ORDERS = 4
_MANY, _SLOW = 40, 60.0  # orders and span by rate above which the fit is as good as linear
_NEAR = np.array([0.92, 1.0, 1.08])  # spans that are tried then
_SMALLEST = 0.05  # span by rate of spinning, below which nothing is seen


@dataclass(frozen=True, slots=True)
class Spinning:
    """How a manifold of sidebands was measured.

    Attributes
    ----------
    mas_Hz : float
        Rate of spinning at the magic angle.
    frequency_MHz : float
        Larmor frequency: that of the spectrometer, not one computed from a nominal field.
    """

    mas_Hz: float
    frequency_MHz: float

    def __post_init__(self) -> None:
        """Refuse a sample at rest."""
        if not (0 < self.mas_Hz < math.inf and 0 < self.frequency_MHz < math.inf):
            raise InputError(
                f"Expected a rate of spinning and a frequency above 0, got {self.mas_Hz} Hz and "
                f"{self.frequency_MHz} MHz."
            )

    @property
    def step_ppm(self) -> float:
        """From one sideband to the next."""
        return self.mas_Hz / self.frequency_MHz


def fit_sidebands(
    order: ArrayLike,
    intensity: ArrayLike,
    spinning: Spinning,
    *,
    sigma: ArrayLike | None = None,
    shift_ppm: float = 0.0,
) -> FitResult:
    """Span and skew of a site from the integrals of its spinning sidebands.

    Parameters
    ----------
    order : (K,) int array
        Of the sidebands, 0 for the isotropic line, positive at higher shifts; any selection of at
        least 4, so those that overlap with other sites may be left out.
    intensity : (K,) array
        Integrals in any unit.
    spinning : Spinning
        Rate and frequency.
    sigma : (K,) array or float, optional
        Standard deviations of the integrals, which intervals take where residuals
        are smaller; without, it is taken from the residuals.
    shift_ppm : float, optional
        Isotropic shift, for the axis.

    Returns
    -------
    FitResult
        ``span_ppm``, ``skew``, ``total`` (the intensity of all sidebands, measured or not),
        and in the convention of Haeberlen ``zeta_ppm`` and ``eta``; see `ShiftTensor`. A skew that
        the data do not tell is NaN, with the whole range for an interval, and so are those two.

    Raises
    ------
    InputError
        If orders and intensities do not fit each other.

    Notes
    -----
    Intensities of `compute_sidebands`, scaled. Intervals of span and skew are followed to where
    the fit gets significantly worse; above a span of 60 times the rate of spinning, where that
    would take a minute, they are those of the covariance if there are more than 40 orders, which
    make the fit as good as linear. A skew is taken for undetermined where no skew from -1 to 1,
    or both ends, would make it so.
    """
    orders, data = _check(order, intensity)
    sigmas = require_sigmas(sigma, len(data))
    highest = LARGEST_RATIO * spinning.step_ppm
    weight = np.ones(len(data)) if sigmas is None else 1 / sigmas[0]
    span, skew = _find_start(orders, data, weight, spinning)

    def compute(values: Mapping[str, float]) -> list[Array]:
        return [_take(orders, values["span_ppm"] / spinning.step_ppm, values["skew"])[None]]

    low = _SMALLEST * spinning.step_ppm
    problem = Problem(
        (data,),
        compute,
        (
            Parameter("span_ppm", span, low, highest, "ppm", step=_SPAN_STEP * span),
            Parameter("skew", skew, -1.0, 1.0, step=_SKEW_STEP),
        ),
        ((Parameter("total", 1.0, 0.0),),),
        sigmas,
        least_variance=float(sigmas is not None),
    )
    is_slow = _is_slow(len(data), span / spinning.step_ppm)
    found = minimise(problem, Search(profile=() if is_slow else ("span_ppm", "skew")))
    axis = Axis(np.asarray(shift_ppm + orders * spinning.step_ppm, float), "chemical shift", "ppm")
    best = Spectrum(found.curves[0].sum(axis=0), (axis,))
    result = to_result(
        found,
        "chemical shift anisotropy from spinning sidebands",
        [Curve(Spectrum(data, (axis,)), best)],
        derived=_derive(found),
        settings={
            "order": orders.tolist(),
            "mas_Hz": spinning.mas_Hz,
            "frequency_MHz": spinning.frequency_MHz,
        },
    )
    return _withdraw_skew(result, low)


def _check(order: ArrayLike, intensity: ArrayLike) -> tuple[NDArray[np.int64], Array]:
    if np.iscomplexobj(intensity):
        raise InputError("Expected real intensities, got complex ones; phase the spectrum.")
    orders, data = np.asarray(order), np.asarray(intensity, float)
    if orders.ndim == 1 and (
        (orders != np.round(orders)).any() or len(np.unique(orders)) < len(orders)
    ):
        raise InputError(f"Expected whole orders, each once, got {orders.tolist()}.")
    if orders.ndim != 1 or orders.shape != data.shape or len(orders) < _LEAST_ORDERS:
        raise InputError(
            f"Expected at least {_LEAST_ORDERS} orders and as many intensities, got shapes "
            f"{orders.shape} and {data.shape}."
        )
    if not (np.isfinite(data).all() and data.sum() > 0):
        raise InputError("Expected finite intensities with a sum above 0; phase the spectrum.")
    return orders.astype(np.int64), data


def _take(orders: NDArray[np.int64], ratio: float, skew: float) -> Array:
    """Intensities of some orders; 0 for those that are beyond."""
    known, intensity = compute_sidebands(min(ratio, LARGEST_RATIO), skew, _TOLERANCE)
    highest = known[-1]
    inside = np.abs(orders) <= highest
    return np.where(inside, intensity[np.where(inside, orders, 0) + highest], 0.0)


def _is_slow(n_orders: int, ratio: float) -> bool:
    return n_orders > _MANY and ratio > _SLOW


def _find_start(
    orders: NDArray[np.int64], data: Array, weight: Array, spinning: Spinning
) -> tuple[float, float]:
    """Best of many spans about that of the second moment, and of many skews.

    Notes
    -----
    The second moment of the intensities over N is (span / rate)^2 (3 + skew^2) / 45.
    """
    positive = np.maximum(data, 0.0)
    moment = float((orders**2 * positive).sum() / positive.sum())
    guess = max(math.sqrt(45 * moment / 3.3), 2 * _SMALLEST)
    spans = _NEAR if _is_slow(len(data), guess) else _SPANS
    best = (math.inf, 0.0, 0.0)
    for part in spans.tolist():
        for skew in _SKEWS.tolist():
            by_skew = math.sqrt(3.3 / (3 + skew**2)) if spans is _NEAR else 1.0
            ratio = min(guess * part * by_skew, LARGEST_RATIO)
            cost = cost_of_shape(_take(orders, ratio, skew) * weight, data * weight)
            best = min(best, (cost, ratio * spinning.step_ppm, skew))
    return best[1:]


def _derive(found: Minimum) -> dict[str, tuple[float, Uncertainty | None, str]]:
    """Numbers of Haeberlen; the sign of zeta is open where that of the skew is."""
    span, skew = found.uncertainties["span_ppm"], found.uncertainties["skew"]
    tensor = ShiftTensor(0.0, found.values["span_ppm"], found.values["skew"])
    furthest = max(abs(skew.low), abs(skew.high))
    nearest = 0.0 if skew.low <= 0 <= skew.high else min(abs(skew.low), abs(skew.high))
    etas = [ShiftTensor(0.0, 1.0, one).eta for one in (furthest, nearest)]
    slope = 12 / (3 + abs(tensor.skew)) ** 2
    eta = Uncertainty(slope * skew.standard_error, etas[0], etas[1], skew.level, skew.method)
    _, size = propagate(found, lambda one: one["span_ppm"] * (3 + abs(one["skew"])) / 6)
    if not math.isfinite(size.standard_error) or not math.isfinite(skew.standard_error):
        ends = span.low * (3 + nearest) / 6, span.high * (3 + furthest) / 6
        size = replace(size, low=ends[0], high=ends[1], method=span.method)
    sides = [(-size.high, -size.low)] * (skew.high >= 0) + [(size.low, size.high)] * (skew.low < 0)
    zeta = replace(size, low=min(one[0] for one in sides), high=max(one[1] for one in sides))
    return {"zeta_ppm": (tensor.zeta_ppm, zeta, "ppm"), "eta": (tensor.eta, eta, "")}


def _withdraw_skew(result: FitResult, least_ppm: float) -> FitResult:
    """Result without a skew, where that may be anything or there is no span to speak of."""
    skew = result.uncertainties["skew"]
    is_seen = result.values["span_ppm"] > least_ppm * (1 + 1e-3)
    if is_seen and (skew.low > -1 or skew.high < 1):
        return result
    names = ("skew", "eta", "zeta_ppm")
    ends = ((-1.0, 1.0), (0.0, 1.0), result.intervals["zeta_ppm"])
    untold = {
        name: replace(result.uncertainties[name], standard_error=math.nan, low=low, high=high)
        for name, (low, high) in zip(names, ends, strict=True)
    }
    text = (
        "The skew is undetermined: the sidebands fit with any from -1 to 1, so no asymmetry is "
        "given; spin more slowly to tell it."
    )
    return replace(
        result,
        values={**result.values, **dict.fromkeys(names, math.nan)},
        uncertainties={**result.uncertainties, **untold},
        statements=tuple(one for one in result.statements if one.split(" = ")[0] not in names),
        warnings=(*(one for one in result.warnings if not one.startswith("skew")), text),
    )
