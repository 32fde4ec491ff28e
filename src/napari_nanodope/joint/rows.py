"""One row of the joint table: a number of a sample, and where it comes from."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_nanodope.pooled import SampleResult
from napari_nanodope.project import PROJECT_FILE, Project

if TYPE_CHECKING:
    from spectro.samples import Sample

ONE = "1"
"""Unit of what has none, which no program takes for a missing text."""

_LEVEL, _HALF_95 = 0.95, 1.959964
_ERROR = "icp_ms_error_mM"
_UNITS = {"incubation_h": "h", "feed": ONE, "icp_ms_mM": "mM"}
_TECHNIQUES = {"icp_ms_mM": "icp-ms"}
_COUNTS = ("n_fields", "n_particles", "n_included")
_MICROSCOPY = {  # quantity, and what it is called in a summary
    "diameter_nm": ("diameter_nm_mean", "nm"),
    "dopants_per_particle": ("dopants_per_particle_mean", ONE),
    "dopant_mM": ("dopant_mM", "mM"),
    "undoped_fraction": ("undoped_fraction", ONE),
    "surface_fraction": ("surface_fraction", ONE),
    "location_log_likelihood_ratio": ("location_log_likelihood_ratio", ONE),
}


class Row(NamedTuple):
    """A number of a sample.

    Attributes
    ----------
    sample_id, quantity : str
        Of what, and what.
    value, low, high : float
        With its interval; NaN where it is not known, or open on that side.
    unit : str
        "1" for none.
    level : float
        Of the interval; NaN where there is none.
    technique : str
        "eds", "icp-ms", "epr", "nmr" or "sample".
    source : str
        Where a person finds it.
    fit_id : str
        Fit that it is of; empty for others.
    dopant : str
        Element that was counted; empty where that does not matter.
    text : str
        What is told in words: where the dopant sits; "not converged" for a fit that did not.
    """

    sample_id: str
    quantity: str
    value: float
    low: float = math.nan
    high: float = math.nan
    unit: str = ONE
    level: float = math.nan
    technique: str = "sample"
    source: str = ""
    fit_id: str = ""
    dopant: str = ""
    text: str = ""


def list_told(project: Project, sample: "Sample") -> Iterator[Row]:
    """What the project file tells of a sample.

    A standard error of the concentration by ICP-MS is that of ``metadata.icp_ms_error_mM``.
    """
    number = [one.id for one in project.samples].index(sample.id)
    entry = project.book.lines.tables["sample"][number]
    for name, unit in _UNITS.items():
        value = getattr(sample, name)
        if value is None:
            continue
        place = ("sample", number, name) if name in entry else ("defaults", name)
        yield Row(
            sample.id,
            name,
            float(value),
            **_find_error(sample, name, float(value)),
            unit=unit,
            technique=_TECHNIQUES.get(name, "sample"),
            source=f"{PROJECT_FILE}, line {project.book.lines.line_of(place)}",
            dopant=find_dopant(project, sample) if name in _TECHNIQUES else "",
        )


def _find_error(sample: "Sample", name: str, value: float) -> dict[str, Any]:
    error = sample.metadata.get(_ERROR)
    if name != "icp_ms_mM" or isinstance(error, bool) or not isinstance(error, int | float):
        return {}
    half = _HALF_95 * error
    ends = {"low": max(value - half, 0.0), "high": value + half, "level": _LEVEL}
    return ends if 0 < half < math.inf else {}


def find_dopant(project: Project, sample: "Sample") -> str:
    """Dopant of a sample: what its recipe says, or else it, or the recipe of the project."""
    told = sample.recipe.get("field", {}).get("dopant")
    return str(told or sample.dopant or project.recipe.field.dopant)


def list_microscopy(results: Iterable[SampleResult]) -> Iterator[Row]:
    """Numbers of a sample by microscopy, for each dopant that was looked for."""
    for result in results:
        told = result.summary
        common: dict[str, Any] = {
            "technique": "eds",
            "source": ", ".join(f"{one.sample_id}/{one.field_id}" for one in result.fields),
            "dopant": result.dopant,
        }
        for name in _COUNTS:
            yield Row(result.sample_id, name, float(told[name]), **common)
        for quantity, (name, unit) in _MICROSCOPY.items():
            if told[name] is not None and not _tells_nothing(quantity, told):
                about = find_interval(told, name) | {"unit": unit} | common
                yield Row(result.sample_id, quantity, float(told[name]), **about)
        if told["surface_fraction"] is not None:
            text = str(told["location"])
            yield Row(result.sample_id, "location", math.nan, text=text, **common)


def _tells_nothing(quantity: str, told: Mapping[str, Any]) -> bool:
    """Whether a ratio of likelihoods is that of no particles."""
    return quantity == "location_log_likelihood_ratio" and told["surface_fraction"] is None


def find_interval(told: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Ends of an interval as they stand beside a number in a summary, and its level."""
    low, high = told.get(f"{name}_low"), told.get(f"{name}_high")
    if low is None and high is None:
        return {}
    return {"low": to_number(low), "high": to_number(high), "level": _LEVEL}


def to_number(value: Any) -> float:
    """Number out of JSON, in which None stands for what is not known."""
    return math.nan if value is None else float(value)
