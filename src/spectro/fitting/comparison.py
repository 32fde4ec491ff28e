"""Which of several fits to the same data its points are worth.

References
----------
.. [1] G. Schwarz, Ann. Stat. 1978, 6, 461, DOI 10.1214/aos/1176344136.
.. [2] R. E. Kass, A. E. Raftery, J. Am. Stat. Assoc. 1995, 90, 773,
   DOI 10.1080/01621459.1995.10476572.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spectro.model import FitResult, InputError

_UNTOLD, _STRONG = 2.0, 6.0  # differences of [2]_
_EXACT = 1e-300


@dataclass(frozen=True, slots=True)
class Comparison:
    """Fits of the same data, ranked.

    Attributes
    ----------
    bic : mapping of str to float
        Criterion of each fit, the best first.
    probability : mapping of str to float
        Of each, if one of them is true and none was likelier before.
    best : str
        Name of the best.
    n_numbers : mapping of str to int
        That were fitted.
    statements : tuple of str
        What follows, in sentences.
    """

    bic: Mapping[str, float]
    probability: Mapping[str, float]
    best: str
    n_numbers: Mapping[str, int]
    statements: tuple[str, ...]


def compare(fits: Mapping[str, FitResult]) -> Comparison:
    """Ranking of fits, as those with three and with four components, by the Bayesian criterion.

    Parameters
    ----------
    fits : mapping of str to FitResult
        At least two, of the same data, by name.

    Raises
    ------
    InputError
        If there are fewer, or their data differ.

    Notes
    -----
    BIC = n ln(S / n) + k ln n for n points, k fitted numbers and a sum of squares S [1]_, as
    weighted in the fit. A difference below 2 tells nothing, above 6 it is strong [2]_. Points count
    as independent: zero filling and smoothing make too many components look good.
    """
    if len(fits) < 2:
        raise InputError(f"Expected at least two fits to compare, got {len(fits)}.")
    first = next(iter(fits.values()))
    for name, one in fits.items():
        is_same = len(one.curves) == len(first.curves) and all(
            np.array_equal(a.data.y, b.data.y)
            for a, b in zip(one.curves, first.curves, strict=True)
        )
        if not is_same:
            raise InputError(f"Expected fits of the same data, got others in {name}.")
    found = {name: _compute(one) for name, one in fits.items()}
    order = sorted(found, key=found.__getitem__)
    weights = {name: math.exp(min((found[order[0]] - found[name]) / 2, 0.0)) for name in order}
    total = sum(weights.values())
    return Comparison(
        {name: found[name] for name in order},
        {name: weights[name] / total for name in order},
        order[0],
        {name: len(fits[name].covariance) for name in order},
        (_say(order, found, {name: len(fits[name].covariance) for name in order}),),
    )


def _compute(fit: FitResult) -> float:
    n = sum(one.data.y.size * (2 if np.iscomplexobj(one.data.y) else 1) for one in fit.curves)
    n_known = int(np.isfinite(np.diag(fit.covariance)).sum())
    square = fit.noise**2 * max(n - n_known, 1)
    return n * math.log(max(square / n, _EXACT)) + len(fit.covariance) * math.log(n)


def _say(order: list[str], bic: Mapping[str, float], n_numbers: Mapping[str, int]) -> str:
    best, second = order[:2]
    difference = bic[second] - bic[best]
    if difference < _UNTOLD:
        simple = min((best, second), key=n_numbers.__getitem__)
        return (
            f"{best} and {second} are not told apart (BIC differs by {difference:.1f}); take the "
            f"one with fewer numbers, {simple}, or measure longer."
        )
    strength = "strongly" if difference > _STRONG else "weakly"
    return f"{best} is {strength} preferred to {second} (BIC lower by {difference:.1f})."
