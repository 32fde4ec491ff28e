"""The command that opens napari on the fields of a project."""

import argparse
from pathlib import Path
from typing import Any

import napari_nanodope
from napari_nanodope.cli.console import OK, add, print_json


def add_review(commands: Any) -> None:
    """Add ``nanodope review``."""
    text = "open napari on the fields of a project, to curate, approve or reject them"
    parser = add(commands, "review", _run_review, text)
    note = "folder of the project (default: this one)"
    parser.add_argument("dir", nargs="?", type=Path, default=Path(), metavar="DIR", help=note)


def _run_review(args: argparse.Namespace) -> int:
    napari_nanodope.review_project(args.dir)
    project = napari_nanodope.Project.open(args.dir)  # as the person leaves it
    table = project.statuses()
    n_reviewed = int(table["status"].isin(["curated", "rejected"]).sum())
    n_due = int((~table["is_current"]).sum())
    if args.json:
        print_json({"n_fields": len(table), "n_reviewed": n_reviewed, "n_due": n_due})
    else:
        print(f"{n_reviewed} of {len(table)} field(s) reviewed; {n_due} to measure.")
    return OK
