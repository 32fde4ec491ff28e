"""Sections of a report on the samples: what each technique tells of it, with figures."""

import json
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from napari_nanodope.field_task import restore
from napari_nanodope.model import InputError
from napari_nanodope.report.content import Cell, Entry, Part, Picture, Row, Section, Table
from napari_nanodope.report.contents import Contents, FieldEntry, FitEntry
from napari_nanodope.report.pictures import N_MAPS, Gallery
from napari_nanodope.report.wording import tell_count, tell_interval, tell_list, tell_range

if TYPE_CHECKING:
    from napari_nanodope.pooled import SampleResult
    from spectro.samples import Sample

_TOLD = ("fit", "sites")  # in the title, and in the table of numbers
_TECHNIQUES = {"epr": "EPR", "nmr": "NMR"}
KINDS = {
    "cw": "Continuous-wave spectrum",
    "saturation": "Microwave saturation",
    "deconvolution": "Lines of the spectrum",
    "buildup": "Build-up",
    "respdor": "RESPDOR",
    "enhancement": "Enhancement",
}


def describe_samples(contents: Contents, gallery: Gallery) -> tuple[Section, ...]:
    """A section for every sample, in the order of the project."""
    sections = []
    for sample in contents.project.samples:
        parts = [*_describe_fields(contents, sample.id, gallery)]
        parts += [_describe_fit(contents, one, gallery) for one in contents.fits_of(sample.id)]
        if not parts:
            parts = [Part("Nothing measured yet")]
        anchor = contents.anchor("sample", sample.id)
        sections.append(Section(sample.id, anchor, _tell_sample(sample), tuple(parts)))
    return tuple(sections)


def _tell_sample(sample: "Sample") -> str:
    """What the project file tells of a sample, in one line."""
    field = {"dopant": sample.dopant, "material": sample.material} | sample.recipe.get("field", {})
    lattice = f" in {field['material']}" if field["material"] else ""
    told = {
        "dopant": f"{field['dopant']}{lattice}" if field["dopant"] else None,
        "incubation": None if sample.incubation_h is None else f"{sample.incubation_h:g} h",
        "feed": None if sample.feed is None else f"{sample.feed:g} per host atom",
        "ICP-MS": None if sample.icp_ms_mM is None else f"{sample.icp_ms_mM:g} mM",
        **{name: str(value) for name, value in sample.metadata.items()},
    }
    return "; ".join(f"{name}: {value}" for name, value in told.items() if value is not None)


# Microscopy


def _describe_fields(contents: Contents, sample_id: str, gallery: Gallery) -> Iterator[Part]:
    entries = contents.fields_of(sample_id)
    measured = [one for one in entries if one.is_measured]
    if not entries:
        return
    for number, result in enumerate(contents.pooled[sample_id]):
        mine = [one for one in measured if one.summary["dopant_element"] == result.dopant]
        anchor = f"{contents.anchor('sample', sample_id)}-eds{number + 1}"
        yield _describe_pooled(result, mine, gallery, anchor)
    if not measured:
        n = tell_count(len(entries), "field")
        yield Part("Microscopy", notes=(f"{n}, none of which has results.",))


def _describe_pooled(
    result: "SampleResult", entries: list[FieldEntry], gallery: Gallery, anchor: str
) -> Part:
    together = ", taken together" if len(result.fields) > 1 else ""
    notes = [f"{tell_count(len(result.fields), 'field')}{together}."]
    parts = result.split_by_pixel_size()
    if len(parts) > 1:
        sizes = tell_list([tell_range([one.fields[0].pixel_size_nm[0]], "nm") for one in parts])
        n = len(parts[0].fields)
        notes.append(
            f"Pixels are of {sizes}; profile and histogram are of the "
            f"{tell_count(n, 'field')} of the first size."
        )
    figures = gallery.show_sample(parts[0], result.sample_id)
    for entry in _choose_fields(entries):
        picture, note = _show_field(entry, gallery)
        figures += [picture] if picture else []
        notes += [note] if note else []
    statements = tuple(result.summary["statements"])
    title = f"Microscopy: {result.dopant} in {result.summary['host_element']}"
    warnings = [f"{one.field.name}: {text}" for one in entries for text in one.summary["warnings"]]
    return Part(
        title,
        anchor,
        statements,
        (*result.summary["warnings"], *warnings),
        tuple(notes),
        figures=tuple(figures),
    )


def _choose_fields(entries: list[FieldEntry]) -> list[FieldEntry]:
    """Fields to show: those with the most particles, in the order of the project."""
    ranked = sorted(entries, key=lambda one: -one.summary["n_included"])[:N_MAPS]
    return [one for one in entries if one in ranked]


def _show_field(entry: FieldEntry, gallery: Gallery) -> tuple[Picture | None, str]:
    """Maps of a field, or why there are none."""
    name = entry.field.name
    try:
        result = restore(entry.field)
    except (InputError, OSError) as error:
        return None, f"There is no picture of field {name}: {error}"
    same = all(
        result.provenance[what]["sha256"] == entry.provenance[what]["sha256"]
        for what in ("input", "labels")
    )
    note = "" if same else f"Input or outlines of field {name} were changed since it was measured."
    return gallery.show_maps(result, name), note


# Fits


def _describe_fit(contents: Contents, fit: FitEntry, gallery: Gallery) -> Part:
    from spectro import InputError as FitError  # noqa: PLC0415 - nothing else needs it
    from spectro.jobs.files import load_fit  # noqa: PLC0415

    technique = _TECHNIQUES.get(fit.technique, fit.technique)
    kind = KINDS.get(fit.kind, fit.kind)
    title = f"{technique}. {kind}: {fit.fit_id}"
    notes = list(_tell_origin(fit))
    figures = []
    try:
        result = load_fit(fit.path)
        figures.append(gallery.show_fit(result, fit.kind, f"{kind} of {fit.sample_id}, fitted"))
    except FitError as error:
        notes.append(f"There is no figure of this fit: {error}")
    return Part(
        title,
        contents.anchor("fit", fit.name),
        tuple(_choose_statements(fit)),
        tuple(map(str, fit.told.get("warnings", ()))),
        tuple(notes),
        (_tabulate_fit(fit),),
        tuple(figures),
    )


def _choose_statements(fit: FitEntry) -> Iterator[str]:
    """Statements besides those that only say a number, which the table has."""
    numbers = tuple(f"{name} = " for name in fit.told.get("values", {}))
    for one in fit.told.get("statements", ()):
        if not str(one).startswith(numbers):
            yield str(one)


def read_interval(row: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Value of a fit and the ends of its interval, of which one that is not told is infinite."""
    if "level" not in row:
        return row["value"], None, None
    low, high = (row[name] for name in ("low", "high"))
    return row["value"], -math.inf if low is None else low, math.inf if high is None else high


def _tell_origin(fit: FitEntry) -> Iterator[str]:
    """Model, files and settings of a fit."""
    files = fit.provenance.get("files") or dict.fromkeys(path for path, _ in fit.inputs)
    yield f"Model: {fit.told.get('model', '')}. Data: {', '.join(map(str, files))}."
    asked = fit.provenance.get("settings", {})
    told = [f"{name} = {_show(value)}" for name, value in asked.items() if name not in _TOLD]
    if told:
        yield f"Settings: {', '.join(told)}."


def _show(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _tabulate_fit(fit: FitEntry) -> Table:
    """Numbers of a fit, with how their intervals were found."""
    rows = []
    for name, row in fit.told.get("values", {}).items():
        value, interval = tell_interval(*read_interval(row))
        level = f"{100 * row['level']:g} %, {row['method']}" if interval else "–"
        cells = (
            Cell.of(name),
            Cell((Entry(value, interval),)),
            Cell.of(row.get("unit", "")),
            Cell.of(level),
        )
        rows.append(Row(cells))
    head = ("Name", "Value", "Unit", "Interval")
    return Table(f"Numbers of {fit.fit_id}", head, tuple(rows), is_tall=True)
