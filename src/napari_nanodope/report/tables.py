"""Tables of a report: what all techniques say of every sample, fields, inputs and versions."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from napari_nanodope.joint.rows import ONE
from napari_nanodope.report.content import Cell, Entry, Row, Table
from napari_nanodope.report.contents import Contents, FieldEntry, tell_file
from napari_nanodope.report.wording import group, tell_interval, tell_list, tell_where

Column = tuple[str, str, str]
"""Quantity, unit and dopant; the last one empty where there is only one."""

_MOST_COLUMNS, _MOST_FIELDS = 7, 400
_GROUPS = {"icp-ms": "sample"}
_TECHNIQUES = {
    "sample": "From the project file",
    "eds": "Microscopy (STEM-EDS)",
    "epr": "EPR",
    "nmr": "NMR",
}
_NAMES = {
    "n_fields": "Fields",
    "n_particles": "Particles found",
    "n_included": "Particles included",
    "location_log_likelihood_ratio": "ln(likelihood of core / surface)",
    "diameter_nm": "Diameter",
    "dopants_per_particle": "Dopants per particle",
    "dopant_mM": "Concentration",
    "icp_ms_mM": "ICP-MS",
    "undoped_fraction": "Undoped fraction",
    "surface_fraction": "Surface fraction",
    "location": "Place of the dopant",
    "incubation_h": "Incubation",
    "feed": "Feed",
    "distance_nm": "Distance",
    "coupling_Hz": "Dipolar coupling",
    "enhancement": "Enhancement",
    "time_saved": "Time saved by it",
    "a_MHz": "a",
    "gaussian_mT": "Gaussian width",
    "lorentzian_mT": "Lorentzian width",
    "P_half_mW": "P½",
    "T_us": "(T1 T2)^½",
    "time_s": "Build-up time",
    "mean_time_s": "Mean build-up time",
    "beta": "β",
}
_UNITS = {"us": "µs"}


@dataclass(frozen=True, slots=True)
class _Number:
    """A row of the joint table."""

    anchor: str
    column: Column
    told: Mapping[str, Any]

    @property
    def technique(self) -> str:
        technique = str(self.told["technique"])
        return _GROUPS.get(technique, technique)

    @property
    def entry(self) -> Entry:
        return Entry(*show_value(self.told), self.anchor)


def _list_numbers(joint: pd.DataFrame) -> list[_Number]:
    rows = [{str(name): cell for name, cell in row.items()} for row in joint.to_dict("records")]
    dopants: dict[str, set[str]] = {}
    for row in rows:
        dopants.setdefault(row["quantity"], set()).update({row["dopant"]} - {""})
    several = {quantity for quantity, some in dopants.items() if len(some) > 1}
    return [
        _Number(
            f"number{number}",
            (row["quantity"], row["unit"], row["dopant"] if row["quantity"] in several else ""),
            row,
        )
        for number, row in enumerate(rows, start=1)
    ]


def tabulate_results(contents: Contents, joint: pd.DataFrame) -> list[Table]:
    """A table for each technique, with a row per sample; values lead to their sources.

    Parameters
    ----------
    contents : Contents
        What the joint table was made of.
    joint : DataFrame
        As `napari_nanodope.joint.join` gives it.
    """
    tables = []
    groups = group(_list_numbers(joint), lambda one: one.technique)
    for technique in sorted(groups, key=_place_technique):
        kinds = list(dict.fromkeys(one.column for one in groups[technique]))
        for start in range(0, len(kinds), _MOST_COLUMNS):
            more = f", continued ({start // _MOST_COLUMNS})" if start else ""
            caption = f"{_TECHNIQUES.get(technique, technique)}{more}"
            chosen = kinds[start : start + _MOST_COLUMNS]
            tables.append(_widen(contents, groups[technique], chosen, caption))
    return tables


def _place_technique(technique: str) -> tuple[int, str]:
    known = list(_TECHNIQUES)
    return known.index(technique) if technique in known else len(known), technique


def _widen(
    contents: Contents, numbers: Sequence[_Number], kinds: Sequence[Column], caption: str
) -> Table:
    found = group(numbers, lambda one: (one.told["sample_id"], one.column))
    lines = []
    for sample in contents.project.samples:
        several = [found.get((sample.id, kind), []) for kind in kinds]
        if any(several):
            cells = [Cell(tuple(one.entry for one in some) or (Entry("–"),)) for some in several]
            head = Cell.of(sample.id, contents.anchor("sample", sample.id))
            lines.append(Row((head, *cells)))
    return Table(caption, ("Sample", *(name_quantity(*kind) for kind in kinds)), tuple(lines))


def name_quantity(quantity: str, unit: str, dopant: str = "", *, with_unit: bool = True) -> str:
    """Quantity in words, with dopant and unit.

    Examples
    --------
    >>> name_quantity("dopant_mM", "mM", "Mn"), name_quantity("a_MHz", "MHz")
    ('Concentration, Mn (mM)', 'a (MHz)')
    >>> name_quantity("beta", "1"), name_quantity("core.shift_ppm", "ppm")
    ('β', 'core shift (ppm)')
    """
    plain = quantity.removesuffix(f"_{unit}") if unit else quantity
    name = _NAMES.get(quantity, plain.replace("_", " ").replace(".", " "))
    told = f"{name}, {dopant}" if dopant else name
    return f"{told} ({show_unit(unit)})" if with_unit and unit not in ("", ONE) else told


def show_unit(unit: str) -> str:
    """Unit as it is printed; nothing for a plain number."""
    return "" if unit == ONE else _UNITS.get(unit, unit)


def show_value(row: Mapping[str, Any]) -> tuple[str, str]:
    """Value and interval of a row of the joint table; an end that is not told is open."""
    if math.isnan(row["value"]):
        return row["text"] or "–", ""
    if math.isnan(row["level"]):
        value, interval = tell_interval(row["value"], None, None)
    else:
        low, high = row["low"], row["high"]
        low, high = -math.inf if math.isnan(low) else low, math.inf if math.isnan(high) else high
        value, interval = tell_interval(row["value"], low, high)
    return value, f"{interval} {row['text']}".strip()


def tabulate_numbers(contents: Contents, joint: pd.DataFrame) -> Table:
    """Every number with its source, which names the fields or files, and where they are told."""
    rows = []
    for one in _list_numbers(joint):
        row = one.told
        level = "–" if math.isnan(row["level"]) else f"{100 * row['level']:g} %"
        cells = (
            Cell.of(row["sample_id"], contents.anchor("sample", row["sample_id"])),
            Cell.of(name_quantity(row["quantity"], row["unit"], row["dopant"], with_unit=False)),
            Cell((Entry(*show_value(row)),)),
            Cell.of(show_unit(row["unit"])),
            Cell.of(level),
            Cell((Entry(row["source"], href=_find_place(contents, row)),), is_long=True),
        )
        rows.append(Row(cells, one.anchor))
    head = ("Sample", "Quantity", "Value", "Unit", "Level", "Source")
    return Table("Numbers and their sources", head, tuple(rows), is_tall=True)


def _find_place(contents: Contents, row: Mapping[str, Any]) -> str:
    """Place in the page that tells more of a number."""
    if row["fit_id"]:
        return contents.anchor("fit", f"{row['sample_id']}/{row['fit_id']}")
    sample = contents.anchor("sample", row["sample_id"])
    if row["technique"] != "eds":
        return sample
    dopants = [one.dopant for one in contents.pooled[row["sample_id"]]]
    return f"{sample}-eds{dopants.index(row['dopant']) + 1}"


# Fields


def tabulate_fields(contents: Contents) -> tuple[Table | None, str]:
    """A row per field, and a sentence where not all are listed; None without any."""
    if not contents.fields:
        return None, ""
    shown = contents.fields
    told = ""
    if len(shown) > _MOST_FIELDS:
        shown = tuple(one for one in shown if one.problem or not one.is_measured)[:_MOST_FIELDS]
        told = (
            f"Of {len(contents.fields)} fields those without results are listed; "
            f"'nanodope status --json' and 'nanodope export' tell all."
        )
    head = ("Field", "Status", "Particles", "Dopants per particle", "Concentration (mM)")
    rows = tuple(
        Row(tuple(_list_field(one)), contents.anchor("field", one.field.name)) for one in shown
    )
    caption = "Fields, with 95 % intervals"
    return Table(caption, (*head, "Place of the dopant", "Remark"), rows), told


def _list_field(entry: FieldEntry) -> Iterator[Cell]:
    yield Cell.of(entry.field.name)
    yield Cell.of(tell_status(entry))
    s = entry.summary
    if not s:
        yield from [Cell.of("–")] * 4
    else:
        yield Cell.of(f"{s['n_included']} of {s['n_particles']}")
        for name in ("dopants_per_particle_mean", "dopant_mM"):
            told = tell_interval(s[name], s[f"{name}_low"], s[f"{name}_high"])
            yield Cell((Entry(*told),))
        yield Cell.of(s["location"])
    yield Cell.of_long(entry.problem or entry.state.reason)


def tell_status(entry: FieldEntry) -> str:
    """Status of a field in a word or two."""
    if entry.problem:
        return "failed"
    if entry.state.status == "rejected":
        return "rejected"
    if entry.state.is_due:
        return "out of date" if entry.is_measured else "not measured"
    return entry.state.status


# Inputs and versions


def tabulate_inputs(contents: Contents) -> Table | None:
    """Files that the numbers were made of, with their digests; None without any."""
    found: dict[tuple[str, str], list[str]] = {}
    for entry in contents.measured:
        digest = str(entry.provenance["input"]["sha256"])
        found.setdefault((tell_file(entry), digest), []).append(entry.field.name)
    for fit in contents.fits:
        for place in fit.inputs:
            found.setdefault(place, []).append(fit.name)
    if not found:
        return None
    rows = tuple(
        Row((Cell.of_long(path), Cell.of_long(digest), Cell.of_long(tell_where(names))))
        for (path, digest), names in found.items()
    )
    return Table("Input files, from the folder of the project", ("File", "SHA-256", "Of"), rows)


def tabulate_versions(contents: Contents) -> Table | None:
    """Versions of all packages that took part; None where nothing was made."""
    found: dict[str, list[str]] = {}
    for told in contents.provenances:
        versions = {"napari-nanodope": told["version"], **told.get("packages", {})}
        versions |= {"python": told["python"]} if "python" in told else {}
        for name, version in versions.items():
            found.setdefault(name, []).append(str(version))
    if not found:
        return None
    rows = tuple(
        Row((Cell.of(name), Cell.of(tell_list(sorted(set(versions))))))
        for name, versions in sorted(found.items())
    )
    return Table("Software", ("Package", "Version"), rows)


def tell_machines(contents: Contents) -> str:
    """Systems that the numbers were made on, in a sentence."""
    told = [one["machine"]["system"] for one in contents.provenances if one.get("machine")]
    systems = sorted(set(map(str, told)))
    return f"Made on {tell_list(systems)}." if systems else ""
