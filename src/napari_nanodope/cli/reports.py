"""The command that tells all of a project on one page."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_nanodope.cli.console import FAILED, OK, add, complain, print_json, progress
from napari_nanodope.cli.projects import add_folder, add_workers, print_batch, run_shown

if TYPE_CHECKING:
    from napari_nanodope.project import Project


def add_report(commands: Any) -> None:
    """Add the command ``report``."""
    text = "bring a project up to date, and write all that it holds as one HTML page"
    parser = add(commands, "report", _run_report, text)
    add_folder(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="page to write (default: report.html in DIR)"
    )
    parser.add_argument(
        "--no-measure", action="store_true", help="take the results that are there as they are"
    )
    add_workers(parser)


def _run_report(args: argparse.Namespace) -> int:
    from napari_nanodope.batch import BatchStoppedError  # noqa: PLC0415
    from napari_nanodope.project import Project  # noqa: PLC0415
    from napari_nanodope.report import choose_file, write_report  # noqa: PLC0415

    project = Project.open(args.dir)
    path = choose_file(project, args.out)  # before hours of measuring
    if not args.no_measure:
        try:
            report = run_shown(project, args)
        except BatchStoppedError as error:
            complain(str(error))
            return FAILED
        if not args.json:
            print_batch(report)
    with progress("report") as tell:
        write_report(project, path, progress=tell)
    failures = _list_failures(project)
    if args.json:
        print_json({"report": str(path), "failures": failures})
    else:
        print(f"The report is in {path}.")
        if args.no_measure:
            for name, reason in failures.items():
                complain(f"{name}: {reason}")
    return FAILED if failures else OK


def _list_failures(project: "Project") -> dict[str, str]:
    """What the report tells as failed, by field, fit or line of the project file."""
    told = {f"project.toml, line {one.line}": one.message for one in project.missing}
    for table, part in ((project.statuses(), "field_id"), (project.fit_statuses(), "fit_id")):
        for row in table[table["problem"] != ""].to_dict("records"):
            told[f"{row['sample_id']}/{row[part]}"] = str(row["problem"])
    return told
