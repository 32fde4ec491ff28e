"""Least squares for spectra: amplitudes solved for, the rest searched for, uncertainties told."""

from spectro.fitting.projection import Problem, Slope
from spectro.fitting.search import Minimum, Search, minimise, propagate, to_result

__all__ = ["Minimum", "Problem", "Search", "Slope", "minimise", "propagate", "to_result"]
