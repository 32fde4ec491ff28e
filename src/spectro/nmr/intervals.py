"""Intervals that end where a number cannot go on."""

from collections.abc import Sequence
from dataclasses import replace

from spectro.fitting import Minimum
from spectro.model import Parameter, Uncertainty


def clip_interval(known: Uncertainty, low: float, high: float) -> Uncertainty:
    """Uncertainty whose interval ends at the bounds at the latest."""
    return replace(known, low=min(max(known.low, low), high), high=max(min(known.high, high), low))


def keep_between(found: Minimum, parameters: Sequence[Parameter]) -> Minimum:
    """Minimum with the intervals of all parameters between their bounds.

    A profile that is flat for long is not followed to its end, and then has none.
    """
    known = dict(found.uncertainties)
    for one in parameters:
        if one.name in known:
            known[one.name] = clip_interval(known[one.name], one.low, one.high)
    return replace(found, uncertainties=known)
