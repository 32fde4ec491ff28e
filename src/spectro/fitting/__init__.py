"""Least squares for spectra: amplitudes solved for, the rest searched for, uncertainties told."""

from spectro.fitting.comparison import Comparison, compare
from spectro.fitting.projection import Problem, Slope, find_cost
from spectro.fitting.search import Minimum, Search, minimise, propagate, say_number, to_result

__all__ = [
    "Comparison",
    "Minimum",
    "Problem",
    "Search",
    "Slope",
    "compare",
    "find_cost",
    "minimise",
    "propagate",
    "say_number",
    "to_result",
]
