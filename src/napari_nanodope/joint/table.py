"""The joint table of a project, long and wide."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from napari_nanodope.joint.fits import list_depths, list_fit, list_fits_of
from napari_nanodope.joint.rows import Row, list_microscopy, list_told
from napari_nanodope.pooled import SampleResult, pool_sample
from napari_nanodope.project import Project

if TYPE_CHECKING:
    from spectro.samples import Sample

COLUMNS = Row._fields
_ENDS = ("value", "low", "high")


def join(
    project: Project, pooled: Mapping[str, Sequence[SampleResult]] | None = None
) -> pd.DataFrame:
    """Everything that is known of the samples of a project: a row for each number.

    Parameters
    ----------
    project : Project
        With results of fields and of fits; those that are not there are left out.
    pooled : mapping of str to sequence of SampleResult, optional
        What `pool_sample` gives for each sample, where it is at hand.

    Returns
    -------
    DataFrame
        ``sample_id, quantity, value, low, high, unit, level, technique, source, fit_id, dopant,
        text``, in the order of the samples: what the project file tells, microscopy over all fields
        that are not rejected (for each dopant), fits. Ends of intervals are NaN where they are not
        known or open; units of plain numbers are "1".

    Raises
    ------
    InputError
        If results are damaged.
    """
    rows = [row for sample in project.samples for row in _list_rows(project, sample, pooled)]
    kinds = {name: "float" if Row.__annotations__[name] is float else "str" for name in COLUMNS}
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS)).astype(kinds)


def _list_rows(
    project: Project, sample: "Sample", pooled: Mapping[str, Sequence[SampleResult]] | None
) -> Iterator[Row]:
    yield from list_told(project, sample)
    results = pool_sample(project, sample.id) if pooled is None else pooled.get(sample.id, ())
    microscopy = list(list_microscopy(results))
    yield from microscopy
    diameter = next((row for row in microscopy if row.quantity == "diameter_nm"), None)
    for path in list_fits_of(project, sample.id):
        yield from list_fit(sample.id, path)
        yield from list_depths(sample.id, path, diameter)


def widen(table: pd.DataFrame) -> pd.DataFrame:
    """The joint table with a row per sample, to plot or to fit.

    Parameters
    ----------
    table : DataFrame
        From `join`, or some of its rows.

    Returns
    -------
    DataFrame
        ``sample_id``, then a column for each quantity, whose name ends in its unit, followed by
        ``<quantity>_low`` and ``<quantity>_high`` where there are intervals. Where a quantity is
        told of several dopants, there is a column for each, as in ``dopant_mM_Mn``. Of several
        numbers of one quantity in a sample, the second has ``_2`` after its name, and so on.
    """
    named = _name_columns(table)
    columns: dict[str, dict[str, float | str]] = {}
    for column, rows in named.groupby("column", sort=False):
        if rows["value"].isna().all() and (rows["text"] != "").any():
            columns[str(column)] = dict(zip(rows["sample_id"], rows["text"], strict=True))
            continue
        for end in _ENDS:
            values = dict(zip(rows["sample_id"], rows[end], strict=True))
            if end == "value" or rows[end].notna().any():
                columns[f"{column}_{end}".removesuffix("_value")] = values
    samples = pd.Index(table["sample_id"].unique(), name="sample_id")
    wide = pd.DataFrame({name: pd.Series(cells) for name, cells in columns.items()}, index=samples)
    return wide.reset_index()


def _name_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Rows with the ``column`` that each goes to, sorted by technique and quantity as they come."""
    told = table[table["dopant"] != ""]
    n_dopants = told.groupby("quantity")["dopant"].nunique()
    several = table["quantity"].map(n_dopants).fillna(0) > 1
    names = table["quantity"].where(~several, table["quantity"] + "_" + table["dopant"])
    number = table.assign(name=names).groupby(["sample_id", "name"]).cumcount() + 1
    keys = list(zip(names, number, strict=True))
    columns = _choose_columns(keys)
    named = table.assign(column=[columns[key] for key in keys])
    order = {name: n for n, name in enumerate(dict.fromkeys(names))}
    return named.assign(place=names.map(order), number=number).sort_values(
        ["place", "number"], kind="stable"
    )


def _choose_columns(keys: list[tuple[str, int]]) -> dict[tuple[str, int], str]:
    """Column of each name and its number, none an end of another's interval.

    Of sites "core" and "core_low", say, the second has an underscore more.
    """
    columns: dict[tuple[str, int], str] = {}
    taken: set[str] = set()
    for name, number in dict.fromkeys(keys):
        column = name if number == 1 else f"{name}_{number}"
        while taken & set(_with_ends(column)):
            column += "_"
        taken.update(_with_ends(column))
        columns[name, number] = column
    return columns


def _with_ends(column: str) -> list[str]:
    return [column, f"{column}_low", f"{column}_high"]
