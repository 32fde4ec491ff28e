"""Noise of spectra whose points are not independent: time constants and filters tie neighbours."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAST_BASELINE = 10
"""Points of baseline without which noise is not estimated."""


def estimate_autocovariance(residuals: Sequence[Array], n_fitted: int) -> Array:
    """Covariance of noise with itself, by the distance between points.

    Parameters
    ----------
    residuals : sequence of (N,) arrays
        Stretches of baseline, each of neighbouring points, less what was fitted to them.
    n_fitted : int
        How many numbers were fitted to all of them.

    Returns
    -------
    (K,) array
        Variance, then the covariance at a distance of one point, two and so on, to the first that
        is not above 0; (0,) where there are too few points.
    """
    n_points = sum(map(len, residuals))
    n_free = n_points - n_fitted
    if n_points < LEAST_BASELINE or n_free < 1:
        return np.zeros(0)
    found = [sum(float(one @ one) for one in residuals) / n_free]
    for lag in range(1, n_points // 4):
        pairs = sum(max(len(one) - lag, 0) for one in residuals)
        total = sum(float(one[lag:] @ one[:-lag]) for one in residuals if len(one) > lag)
        if pairs == 0 or total <= 0:
            break
        found.append(total / n_free)
    return np.array(found)


def effective_points(autocovariance: Array, n_points: int) -> float:
    """Independent points that tell as much of the noise as the points do."""
    if len(autocovariance) == 0 or autocovariance[0] == 0:
        return float(n_points)
    correlation = autocovariance[1:] / autocovariance[0]
    return n_points / (1 + 2 * float(correlation @ correlation))


def sum_error(weights: Array, autocovariance: Array) -> float:
    """Standard error of a weighted sum over the points of a spectrum.

    Parameters
    ----------
    weights : (N,) array
        Of the points.
    autocovariance : (K,) array
        Of the noise; NaN comes back for none.
    """
    if len(autocovariance) == 0:
        return math.nan
    variance = autocovariance[0] * float(weights @ weights)
    for lag, covariance in enumerate(autocovariance[1:].tolist(), 1):
        variance += 2 * covariance * float(weights[lag:] @ weights[:-lag])
    return math.sqrt(max(variance, 0.0))
