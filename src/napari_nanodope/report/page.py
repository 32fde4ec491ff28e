"""A report as one HTML page that needs nothing beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from napari_nanodope.io.files import check_folder_is_writable, replacing
from napari_nanodope.joint import join
from napari_nanodope.model import InputError
from napari_nanodope.project import Project
from napari_nanodope.report.citations import PACKAGES, Bibliography, Reference
from napari_nanodope.report.content import Picture, Section, Table
from napari_nanodope.report.contents import Contents, Remark, find_span, gather
from napari_nanodope.report.microscopy import describe_microscopy
from napari_nanodope.report.pictures import Gallery
from napari_nanodope.report.samples import describe_samples
from napari_nanodope.report.tables import (
    tabulate_fields,
    tabulate_inputs,
    tabulate_numbers,
    tabulate_results,
    tabulate_versions,
    tell_machines,
)
from napari_nanodope.report.wording import tell_count, tell_list, tell_where

REPORT_FILE = "report.html"
_SUFFIXES = (".html", ".htm")
_ABOUT_RESULTS = (
    "Values with the ends of their 95 % intervals in brackets. Every value leads to its source. "
    "Numbers of several fits of one quantity stand below each other."
)


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the template shows, in the order of the page."""

    title: str
    about: str
    failures: tuple[Remark, ...]
    warnings: tuple[Remark, ...]
    results: tuple[Table, ...]
    joint: tuple[Picture, ...]
    samples: tuple[Section, ...]
    fields: Table | None
    about_fields: str
    methods: tuple[str, ...]
    references: tuple[Reference, ...]
    made: str
    sources: tuple[Table, ...]
    about_results: str = _ABOUT_RESULTS

    @property
    def contents(self) -> list[tuple[str, str]]:
        """Anchors and titles of the sections that are there."""
        told = {
            ("attention", "What needs attention"): True,
            ("results", "Results by sample"): self.results,
            ("joint", "Methods side by side"): self.joint,
            ("samples", "Samples"): True,
            **{(one.anchor, f"Sample {one.title}"): True for one in self.samples},
            ("fields", "Fields"): self.fields,
            ("methods", "Methods"): self.methods,
            ("references", "References"): self.references,
            ("sources", "Where the numbers come from"): self.sources,
        }
        return [place for place, is_there in told.items() if is_there]
