"""Fits that a project file asks for: found, checked, run, and written with what they are made of.

Examples
--------
>>> from spectro.jobs import find_jobs
>>> from spectro.samples import SampleBook
>>> book, _ = SampleBook.from_toml('''
... [[sample]]
... id = "24h"
... [[measurement]]
... sample = "24h"
... technique = "nmr"
... files = "nmr/24h.csv"
... settings = { fit = "bildup" }
... ''')
>>> jobs, problems = find_jobs(book, ".")
>>> print(problems[0])
line 8: measurement: settings.fit 'bildup' is none of 'nmr' (did you mean buildup?).
"""

from spectro.jobs.files import load_fit, reproduce_fit
from spectro.jobs.finding import Jobs, find_jobs, open_jobs, read_job
from spectro.jobs.job import FitJob, FitState, find_orphans, has_numbers, list_fits, locate_fit
from spectro.jobs.running import FitProgress, FitReport, read_failures, run_jobs, save_failures
from spectro.jobs.settings import KINDS, FitSettings, read_settings

__all__ = [
    "KINDS",
    "FitJob",
    "FitProgress",
    "FitReport",
    "FitSettings",
    "FitState",
    "Jobs",
    "find_jobs",
    "find_orphans",
    "has_numbers",
    "list_fits",
    "load_fit",
    "locate_fit",
    "open_jobs",
    "read_failures",
    "read_job",
    "read_settings",
    "reproduce_fit",
    "run_jobs",
    "save_failures",
]
