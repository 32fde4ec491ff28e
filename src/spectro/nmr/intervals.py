"""Intervals that end where a number cannot go on."""

from dataclasses import replace

from spectro.model import Uncertainty


def clip_interval(known: Uncertainty, low: float, high: float) -> Uncertainty:
    """Uncertainty whose interval ends at the bounds at the latest."""
    return replace(known, low=min(max(known.low, low), high), high=max(min(known.high, high), low))
