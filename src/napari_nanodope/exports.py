"""The tables of a project as files that other programs read: CSV, Parquet or Excel."""

from pathlib import Path
from typing import Literal

import pandas as pd

from napari_nanodope.io.files import check_folder_is_writable, replacing
from napari_nanodope.io.tables import save_table
from napari_nanodope.joint import join, widen
from napari_nanodope.model import InputError
from napari_nanodope.project import Project

Kind = Literal["csv", "parquet", "excel"]
_EXCEL_ROWS = 1_048_575  # beside the head, by Microsoft's specification


def export_tables(project: Project, folder: str | Path, kind: Kind = "csv") -> list[Path]:
    """Write samples, fields, summaries, particles, radial tables, fits and the joint table.

    Parameters
    ----------
    project : Project
        Whose tables.
    folder : path
        Made where it does not exist; files of the same names are replaced.
    kind : {"csv", "parquet", "excel"}
        A file per table, or one workbook with a sheet for each.

    Returns
    -------
    list of Path
        The files; tables without rows are left out. ``joint`` has a row for each number of a
        sample, ``joint_wide`` a row per sample.

    Raises
    ------
    InputError
        If the folder cannot be written to, Excel cannot hold a table, or openpyxl is missing.
    """
    folder = Path(folder)
    check_folder_is_writable(folder)
    tables = {name: table for name, table in _gather(project).items() if len(table)}
    if kind == "excel":
        _check_excel(tables)
    folder.mkdir(parents=True, exist_ok=True)
    if kind == "excel":
        return [_write_workbook(tables, folder / f"{project.folder.name or 'project'}.xlsx")]
    files = []
    for name, table in tables.items():
        path = folder / f"{name}.{kind}"
        if kind == "parquet":
            save_table(table, path, {"project": project.book.name})
        else:
            with replacing(path) as partial:
                table.to_csv(partial, index=False)
        files.append(path)
    return files


def _gather(project: Project) -> dict[str, pd.DataFrame]:
    joint = join(project)
    return {
        "samples": tabulate_samples(project),
        "fields": project.statuses(),
        "summaries": project.summaries(),
        "particles": project.particles(),
        "radial": project.radial(),
        "fits": project.fits(),
        "joint": joint,
        "joint_wide": widen(joint),
    }


def tabulate_samples(project: Project) -> pd.DataFrame:
    """A row per sample: what the project file tells of it; metadata have their columns."""
    rows = []
    for sample in project.samples:
        told = sample.model_dump(exclude={"recipe", "metadata"})
        extra = {f"metadata.{name}": value for name, value in sample.metadata.items()}
        rows.append({"sample_id": told.pop("id"), **told, **_to_cells(extra)})
    table = pd.DataFrame(rows)
    return table.dropna(axis="columns", how="all")


def _to_cells(values: dict[str, object]) -> dict[str, object]:
    return {k: v if isinstance(v, str | int | float) else str(v) for k, v in values.items()}


def _check_excel(tables: dict[str, pd.DataFrame]) -> None:
    try:
        import openpyxl  # noqa: F401, PLC0415 - optional
    except ImportError:
        raise InputError(
            "Expected openpyxl to write Excel files, got none; install 'napari-nanodope[excel]', "
            "or export as CSV."
        ) from None
    for name, table in tables.items():
        if len(table) > _EXCEL_ROWS:
            raise InputError(
                f"Expected at most {_EXCEL_ROWS:,} rows for Excel, got {len(table):,} of {name}; "
                f"export as Parquet or CSV."
            )


def _write_workbook(tables: dict[str, pd.DataFrame], path: Path) -> Path:
    with replacing(path) as partial, pd.ExcelWriter(partial, engine="openpyxl") as writer:
        for name, table in tables.items():
            table.to_excel(writer, sheet_name=name, index=False, freeze_panes=(1, 0))
    return path
