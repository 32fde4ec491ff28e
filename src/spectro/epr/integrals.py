"""Double integrals of first-derivative spectra, and how well baseline and noise let them be known.

References
----------
.. [1] G. R. Eaton, S. S. Eaton, D. P. Barr, R. T. Weber, Quantitative EPR, Springer 2010,
   DOI 10.1007/978-3-211-92948-3.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from spectro.epr.lines import find_lines, require_derivative
from spectro.epr.noise import (
    LEAST_BASELINE,
    effective_points,
    estimate_autocovariance,
    sum_error,
)
from spectro.model import Axis, InputError, Spectrum, Uncertainty

Array = NDArray[np.float64]

_MARGIN = 0.1  # of the field to either side, taken as baseline unless a window is given
_MOST_DEGREE = 5
_OPEN, _SURE = 0.02, 4.0  # of the highest absorption, and in standard errors
_LOST = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class DoubleIntegral:
    """Area under the absorption.

    Attributes
    ----------
    value : float
        In the unit of the intensity times mT^2.
    uncertainty : Uncertainty
        From the noise of the baseline, the baseline's own uncertainty included; NaN and endless
        where there is no baseline to take it from. A wrong degree of the baseline is not in it.
    spectrum : Spectrum
        First derivative, as it was measured.
    absorption : Spectrum
        Its integral less the baseline, over the window; 0 at either end.
    window_mT : (float, float)
        Over which it was integrated.
    baseline_degree : int or None
        Of the polynomial through what lies outside of the window; None for no baseline.
    wing_loss : float
        Part of the area that is missing if the lines are Lorentzian; NaN where no line was found.
    warnings : tuple of str
        What is doubtful, in sentences.
    """

    value: float
    uncertainty: Uncertainty
    spectrum: Spectrum
    absorption: Spectrum
    window_mT: tuple[float, float]
    baseline_degree: int | None
    wing_loss: float
    warnings: tuple[str, ...] = ()


def double_integral(
    spectrum: Spectrum,
    *,
    window_mT: tuple[float, float] | None = None,
    baseline_degree: int | None = 1,
    level: float = 0.95,
) -> DoubleIntegral:
    """Double integral of a first derivative, with its interval from the noise.

    Parameters
    ----------
    spectrum : Spectrum
        First derivative over an ascending field in mT.
    window_mT : (float, float), optional
        Range that holds the lines; what lies outside is baseline. By default the inner four fifths,
        and all of the field where there is no baseline.
    baseline_degree : int, optional
        Of the polynomial that is fitted outside of the window, 0 to 5, or None for no baseline.
    level : float, optional
        Probability that the interval holds the area if the baseline is such a polynomial.

    Raises
    ------
    InputError
        If the spectrum is no first derivative, or too little of it is baseline.

    Notes
    -----
    Over a window around c, the area under an absorption A that is 0 at both ends is, by parts, that
    of (c - B) A'(B). So the sum is linear in the intensities, and its variance follows from the
    autocovariance of the noise, of which neighbouring points share a part. What is integrated is A
    less the straight line between its ends: of a Lorentzian line of half width gamma in the middle
    of a window of half width r, 2/pi [atan(r/gamma) - r gamma / (r^2 + gamma^2)] is left, or about
    1 - 4 gamma / (pi r).
    """
    require_derivative(spectrum)
    if spectrum.y.ndim != 1:
        raise InputError(f"Expected one spectrum, got {spectrum.title} with more axes; take a row.")
    if not 0 < level < 1:
        raise InputError(f"Expected a level between 0 and 1, got {level}.")
    x, y = spectrum.x, np.asarray(spectrum.y, float)
    window = _choose_window(x, window_mT, baseline_degree)
    inside = (x >= window[0]) & (x <= window[1])
    if inside.sum() < LEAST_BASELINE:
        raise InputError(
            f"Expected {LEAST_BASELINE} points or more between {window[0]:g} and {window[1]:g} mT, "
            f"got {int(inside.sum())}; choose a window within {x[0]:g} to {x[-1]:g} mT."
        )
    fitted = _fit_baseline(x, y, inside, baseline_degree)
    weights = np.zeros(len(x))
    weights[inside] = _trapezoid(x[inside]) * ((x[inside][0] + x[inside][-1]) / 2 - x[inside])
    value = float(weights @ (y - fitted.values))
    uncertainty = _find_uncertainty(value, fitted.take_out(weights), fitted, level)
    slope = np.zeros(len(x))
    slope[inside] = _trapezoid(x[inside])
    absorption, rise = _integrate(x[inside], (y - fitted.values)[inside])
    open_by = (rise, sum_error(fitted.take_out(slope), fitted.noise))
    loss = _estimate_wing_loss(x[inside], y[inside], absorption)
    about = {**spectrum.metadata, "harmonic": 0, "quantity": "absorption"}
    return DoubleIntegral(
        value,
        uncertainty,
        spectrum,
        Spectrum(absorption, (Axis(x[inside], "magnetic field", "mT"),), about),
        window,
        baseline_degree,
        loss,
        tuple(_doubt(absorption, open_by, loss)),
    )


def _choose_window(
    x: Array, window_mT: tuple[float, float] | None, degree: int | None
) -> tuple[float, float]:
    if degree is not None and not 0 <= degree <= _MOST_DEGREE:
        raise InputError(f"Expected a degree from 0 to {_MOST_DEGREE} or None, got {degree}.")
    if window_mT is None:
        margin = _MARGIN * (x[-1] - x[0]) if degree is not None else 0.0
        return float(x[0] + margin), float(x[-1] - margin)
    low, high = window_mT
    if not low < high:
        raise InputError(f"Expected a window that ascends, got {low:g} to {high:g} mT.")
    return float(low), float(high)


@dataclass(frozen=True, slots=True, eq=False)
class _Baseline:
    """Polynomial outside of the window, and the noise around it."""

    values: Array  # (N,)
    operator: Array  # (N, N_outside), from the intensities outside to the values
    outside: NDArray[np.bool_]
    noise: Array  # autocovariance
    n_free: float

    def take_out(self, weights: Array) -> Array:
        """Weights of a sum over intensities, instead of those over intensities less baseline."""
        found = weights.copy()
        found[self.outside] -= weights @ self.operator
        return found


def _fit_baseline(x: Array, y: Array, inside: NDArray[np.bool_], degree: int | None) -> _Baseline:
    outside = ~inside
    n_outside, n_taken = int(outside.sum()), 0 if degree is None else degree + 1
    if degree is not None and n_outside < LEAST_BASELINE + n_taken:
        raise InputError(
            f"Expected {LEAST_BASELINE + n_taken} points or more outside of the window as a "
            f"baseline, got {n_outside}; choose a narrower window, or no baseline."
        )
    scaled = 2 * (x - x[0]) / (x[-1] - x[0]) - 1
    powers = np.polynomial.legendre.legvander(scaled, max(n_taken - 1, 0))[:, :n_taken]
    operator = (
        powers @ np.linalg.pinv(powers[outside]) if n_taken else np.zeros((len(x), n_outside))
    )
    values = operator @ y[outside]
    rest = y - values
    first, last = np.flatnonzero(inside)[[0, -1]]
    noise = estimate_autocovariance([rest[:first], rest[last + 1 :]], n_taken)
    n_free = max(effective_points(noise, n_outside) - n_taken, 1.0)
    return _Baseline(values, operator, outside, noise, n_free)


def _trapezoid(x: Array) -> Array:
    """Weights (N,) that integrate over an uneven axis."""
    steps = np.diff(x)
    return np.asarray(np.concatenate([steps, [0.0]]) + np.concatenate([[0.0], steps])) / 2


def _find_uncertainty(
    value: float, weights: Array, baseline: _Baseline, level: float
) -> Uncertainty:
    error = sum_error(weights, baseline.noise)
    if math.isnan(error):
        return Uncertainty(error, -math.inf, math.inf, level)
    reach = error * float(student.ppf((1 + level) / 2, baseline.n_free))
    return Uncertainty(error, value - reach, value + reach, level)


def _integrate(x: Array, y: Array) -> tuple[Array, float]:
    """Absorption (N,), less the line between its ends, and how far these differed."""
    total = np.concatenate([[0.0], np.cumsum((y[1:] + y[:-1]) / 2 * np.diff(x))])
    rise = float(total[-1])
    return np.asarray(total - rise * (x - x[0]) / (x[-1] - x[0])), rise


def _estimate_wing_loss(x: Array, y: Array, absorption: Array) -> float:
    """Part of the area of Lorentzian lines that lies outside of a window, or under its ends."""
    lines = find_lines(x, y)
    total = float(_trapezoid(x) @ absorption)
    if not lines or total == 0:
        return math.nan
    gamma = math.sqrt(3) / 2 * min(line.width_mT for line in lines)
    centre = float(_trapezoid(x) @ (x * absorption)) / total
    reach = min(centre - x[0], x[-1] - centre)
    if reach <= 0:
        return 1.0
    left = math.atan(reach / gamma) - reach * gamma / (reach**2 + gamma**2)
    return float(1 - 2 / math.pi * left)


def _doubt(absorption: Array, open_by: tuple[float, float], loss: float) -> list[str]:
    rise, error = open_by
    highest = float(np.abs(absorption).max())
    found = []
    if abs(rise) > _OPEN * highest and not abs(rise) <= _SURE * error:
        found.append(
            f"The absorption ends {100 * rise / highest:.0f} % of its height away from where it "
            f"began: the baseline is not told well, or a line is cut; try another baseline_degree "
            f"or window_mT."
        )
    if loss > _LOST:
        found.append(
            f"About {100 * loss:.0f} % of the area lies in wings that are cut, if the lines are "
            f"Lorentzian; sweep further, or cut the standard at as many widths."
        )
    return found
