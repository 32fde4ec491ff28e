"""Dopants per nanocrystal, and where they sit: from STEM-EDS maps to statistics and figures.

Public names are loaded when they are first used, so importing the package is quick and has no
side effect.

Examples
--------
>>> import napari_nanodope as nd
>>> field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(120, 120)), seed=1)
>>> result = nd.analyze(field, nd.Recipe(), labels=truth.labels)
>>> result.summary["location"]
'core'
"""

from typing import TYPE_CHECKING

from lazy_loader import attach

if TYPE_CHECKING:
    from napari_nanodope import figures as figures
    from napari_nanodope._napari.scripting import add_to_viewer as add_to_viewer
    from napari_nanodope._napari.scripting import review_project as review_project
    from napari_nanodope.batch import run_batch as run_batch
    from napari_nanodope.gallery import save_gallery as save_gallery
    from napari_nanodope.io import list_readers as list_readers
    from napari_nanodope.io import list_signals as list_signals
    from napari_nanodope.io import read_field as read_field
    from napari_nanodope.io import read_labels as read_labels
    from napari_nanodope.io import read_spectrum as read_spectrum
    from napari_nanodope.joint import join as join
    from napari_nanodope.joint import widen as widen
    from napari_nanodope.materials import Material as Material
    from napari_nanodope.model import FieldOfView as FieldOfView
    from napari_nanodope.model import InputError as InputError
    from napari_nanodope.model import Source as Source
    from napari_nanodope.phantom import PhantomParams as PhantomParams
    from napari_nanodope.phantom import PhantomTruth as PhantomTruth
    from napari_nanodope.phantom import simulate_field as simulate_field
    from napari_nanodope.pipeline import analyze as analyze
    from napari_nanodope.pooled import SampleResult as SampleResult
    from napari_nanodope.pooled import pool_sample as pool_sample
    from napari_nanodope.project import Project as Project
    from napari_nanodope.recipe import LineWindows as LineWindows
    from napari_nanodope.recipe import Recipe as Recipe
    from napari_nanodope.report import write_report as write_report
    from napari_nanodope.results import FieldResult as FieldResult
    from napari_nanodope.segmentation import segment as segment

__version__ = "0.1.0"

__getattr__, __dir__, _names = attach(
    __name__,
    submodules={"figures"},
    submod_attrs={
        "_napari.scripting": ["add_to_viewer", "review_project"],
        "batch": ["run_batch"],
        "gallery": ["save_gallery"],
        "io": ["list_readers", "list_signals", "read_field", "read_labels", "read_spectrum"],
        "joint": ["join", "widen"],
        "materials": ["Material"],
        "model": ["FieldOfView", "InputError", "Source"],
        "phantom": ["PhantomParams", "PhantomTruth", "simulate_field"],
        "pipeline": ["analyze"],
        "pooled": ["SampleResult", "pool_sample"],
        "project": ["Project"],
        "recipe": ["LineWindows", "Recipe"],
        "report": ["write_report"],
        "results": ["FieldResult"],
        "segmentation": ["segment"],
    },
)
__all__ = ["__version__", *_names]  # noqa: PLE0604 - the names above, each once
