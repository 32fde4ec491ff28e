"""Tables of a report: what all techniques say of every sample, fields, inputs and versions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from napari_nanodope.report.content import Cell, Entry, Row, Table
from napari_nanodope.report.contents import Contents, FieldEntry, tell_file
from napari_nanodope.report.wording import tell_interval, tell_list

_MOST_COLUMNS, _MOST_FIELDS = 7, 400
_TECHNIQUES = {
    "sample": "Synthesis",
    "icp-ms": "ICP-MS",
    "eds": "Microscopy (STEM-EDS)",
    "epr": "EPR",
    "nmr": "NMR",
}
_NAMES = {
    "n_fields": "Fields",
    "n_particles": "Particles",
    "diameter_nm": "Diameter",
    "dopants_per_particle": "Dopants per particle",
    "dopant_mM": "Concentration",
    "icp_ms_mM": "Concentration",
    "undoped_fraction": "Undoped fraction",
    "surface_fraction": "Surface fraction",
    "location": "Place of the dopant",
    "incubation_h": "Incubation",
    "feed": "Feed",
    "distance_nm": "Distance",
    "enhancement": "Enhancement",
}


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
    known = [one for one in _TECHNIQUES if one in set(joint["technique"])]
    for technique in [*known, *sorted(set(joint["technique"]) - set(_TECHNIQUES))]:
        rows = joint[joint["technique"] == technique]
        kinds = list(dict.fromkeys(zip(rows["quantity"], rows["unit"].fillna(""), strict=True)))
        for start in range(0, len(kinds), _MOST_COLUMNS):
            chosen = kinds[start : start + _MOST_COLUMNS]
            caption = _TECHNIQUES.get(technique, technique)
            more = f", continued ({start // _MOST_COLUMNS})" if start else ""
            tables.append(_widen(contents, rows, chosen, caption + more))
    return tables


def _widen(
    contents: Contents, rows: pd.DataFrame, kinds: Sequence[tuple[str, str]], caption: str
) -> Table:
    found = {
        key: list(some.index) for key, some in rows.groupby(["sample_id", "quantity"], sort=False)
    }
    lines = []
    for sample in contents.project.samples:
        cells = [Cell.of(sample.id, contents.anchor("sample", sample.id))]
        for quantity, _ in kinds:
            places = found.get((sample.id, quantity), [])
            cells.append(Cell(tuple(_enter(rows.loc[n], n) for n in places) or (Entry("–"),)))
        if any(cell.entries != (Entry("–"),) for cell in cells[1:]):
            lines.append(Row(tuple(cells)))
    head = ("Sample", *(name_quantity(quantity, unit) for quantity, unit in kinds))
    return Table(caption, head, tuple(lines))


def name_quantity(quantity: str, unit: str) -> str:
    """Quantity in words with its unit.

    Examples
    --------
    >>> name_quantity("dopant_mM", "mM"), name_quantity("a_MHz", "MHz"), name_quantity("beta", "")
    ('Concentration (mM)', 'a (MHz)', 'beta')
    """
    plain = quantity.removesuffix(f"_{unit}") if unit else quantity
    name = _NAMES.get(quantity, plain.replace("_", " "))
    return f"{name} ({unit})" if unit else name


def _enter(row: pd.Series, number: Any) -> Entry:
    value, interval = show_value(row)
    return Entry(value, interval, f"number{number + 1}")


def show_value(row: Mapping[str, Any]) -> tuple[str, str]:
    """Value and interval of a row of the joint table."""
    if isinstance(row["value"], str):
        return row["value"], ""
    return tell_interval(row["value"], row["low"], row["high"])


def tabulate_numbers(contents: Contents, joint: pd.DataFrame) -> Table:
    """Every number with its source, which names the fields or files, and where they are told."""
    rows = []
    for number, row in zip(joint.index, joint.to_dict("records"), strict=True):
        value, interval = show_value(row)
        unit = row["unit"] or ""
        level = row["level"]
        has_level = isinstance(level, float) and level == level and bool(interval)
        cells = (
            Cell.of(row["sample_id"], contents.anchor("sample", row["sample_id"])),
            Cell.of(name_quantity(row["quantity"], "")),
            Cell((Entry(value, interval),)),
            Cell.of(unit),
            Cell.of(f"{100 * level:g} %" if has_level else "–"),
            Cell((Entry(row["source"], href=_find_place(contents, row)),), is_long=True),
        )
        rows.append(Row(cells, f"number{number + 1}"))
    head = ("Sample", "Quantity", "Value", "Unit", "Level", "Source")
    return Table("Numbers and their sources", head, tuple(rows))


def _find_place(contents: Contents, row: Mapping[str, Any]) -> str:
    """Place in the page that tells more of a number."""
    source = str(row["source"])
    for fit in contents.fits_of(row["sample_id"]):
        if fit.fit_id in source:
            return contents.anchor("fit", fit.name)
    sample = contents.anchor("sample", row["sample_id"])
    has_fields = row["technique"] == "eds" and contents.pooled.get(row["sample_id"])
    return f"{sample}-eds1" if has_fields else sample


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
    rows = []
    for entry in contents.measured:
        digest = entry.provenance["input"]["sha256"]
        reader = entry.provenance["input"]["reader"]
        rows.append((entry.field.name, tell_file(entry), reader, digest))
    for fit in contents.fits:
        rows += [(fit.name, path, fit.technique, digest) for path, digest in fit.inputs]
    if not rows:
        return None
    told = tuple(
        Row((Cell.of(name), Cell.of_long(path), Cell.of(how), Cell.of_long(digest)))
        for name, path, how, digest in rows
    )
    return Table("Input files", ("Of", "File", "Read as", "SHA-256"), told)


def tabulate_versions(contents: Contents) -> Table | None:
    """Versions of all packages that took part; None where nothing was made."""
    found: dict[str, list[str]] = {}
    for told in [
        *(one.provenance for one in contents.measured),
        *(one.provenance for one in contents.fits if one.provenance),
    ]:
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
    told = [one.provenance for one in (*contents.measured, *contents.fits)]
    systems = sorted({str(one["machine"]["system"]) for one in told if one.get("machine")})
    return f"Made on {tell_list(systems)}." if systems else ""

