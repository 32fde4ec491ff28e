"""Units of files in those used throughout: mT, MHz, s, K; once, where a file is read."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FACTORS = {  # multiplied by the first, divided by the second, of which one is 1, so rounded once
    "g": (1, 10, "mT"),
    "gauss": (1, 10, "mT"),
    "mt": (1, 1, "mT"),
    "t": (1000, 1, "mT"),
    "hz": (1, 10**6, "MHz"),
    "khz": (1, 1000, "MHz"),
    "mhz": (1, 1, "MHz"),
    "ghz": (1000, 1, "MHz"),
    "ns": (1, 10**9, "s"),
    "us": (1, 10**6, "s"),
    "\u00b5s": (1, 10**6, "s"),
    "ms": (1, 1000, "s"),
    "s": (1, 1, "s"),
    "uw": (1, 1000, "mW"),
    "mw": (1, 1, "mW"),
    "w": (1000, 1, "mW"),
    "k": (1, 1, "K"),
}


def convert(values: NDArray[Any], unit: str) -> tuple[NDArray[np.float64], str]:
    """Values and their unit; those of other units stay as they are.

    Examples
    --------
    >>> convert(np.array([3500.0]), "G")
    (array([350.]), 'mT')
    """
    times, over, name = _FACTORS.get(unit.strip().lower(), (1, 1, unit.strip()))
    return np.asarray(values, np.float64) * times / over, name


def to_float(text: str | None) -> float | None:
    """First number of a text such as "20.02 mW", or None where it is none or not finite."""
    try:
        value = float((text or "").split()[0])
    except (ValueError, IndexError):
        return None
    return value if math.isfinite(value) else None


def known(values: dict[str, Any]) -> dict[str, Any]:
    """Those that are neither None nor ""."""
    return {name: value for name, value in values.items() if value not in (None, "")}
