"""Samples and what was measured of them: the one file that both packages read."""

from spectro.samples.book import BookError as BookError
from spectro.samples.book import Measurement as Measurement
from spectro.samples.book import Problem as Problem
from spectro.samples.book import Sample as Sample
from spectro.samples.book import SampleBook as SampleBook
from spectro.samples.sheet import read_sheet as read_sheet

__all__ = ["BookError", "Measurement", "Problem", "Sample", "SampleBook", "read_sheet"]
