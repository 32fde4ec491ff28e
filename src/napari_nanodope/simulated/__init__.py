"""A simulated project: samples whose files, of every instrument, follow from one set of truths."""

from napari_nanodope.simulated.project import simulate_project
from napari_nanodope.simulated.samples import SERIES, TrueSample
from napari_nanodope.simulated.truth import format_truths

__all__ = ["SERIES", "TrueSample", "format_truths", "simulate_project"]
