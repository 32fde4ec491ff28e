"""Commands on a project folder: make it, look at it, measure it, export it, measure again."""

import argparse
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_nanodope.cli.console import FAILED, OK, add, complain, complain_of, print_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pandas as pd

    from napari_nanodope.batch import BatchProgress, BatchReport

_MOST_LINES = 20


def _add_folder(parser: argparse.ArgumentParser) -> None:
    text = "folder of the project (default: this one)"
    parser.add_argument("dir", nargs="?", type=Path, default=Path(), metavar="DIR", help=text)


def _add_init(commands: Any) -> None:
    parser = add(commands, "init", _run_init, "make a project folder, with a file to edit")
    _add_folder(parser)
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="CSV or Excel file of samples")


def _run_init(args: argparse.Namespace) -> int:
    from napari_nanodope.project import make_project  # noqa: PLC0415
    from spectro import InputError as SheetError  # noqa: PLC0415
    from spectro.samples import read_sheet  # noqa: PLC0415

    try:
        book = None if args.sheet is None else read_sheet(args.sheet)
    except SheetError as error:
        return complain_of(error)
    path = make_project(args.dir, book)
    if args.json:
        print_json({"project": str(path), "n_samples": len(book.samples) if book else 1})
    else:
        print(f"Edit {path}, then run 'nanodope status {args.dir}'.")
    return OK


def _add_status(commands: Any) -> None:
    text = "check a project file, and say what is done, changed, curated or failed"
    _add_folder(add(commands, "status", _run_status, text))


def _run_status(args: argparse.Namespace) -> int:
    from napari_nanodope.project import Project  # noqa: PLC0415

    project = Project.open(args.dir)
    table, fits = project.statuses(), project.fit_statuses()
    orphans = project.find_orphans()
    missing = [str(one) for one in project.missing]
    if args.json:
        told = {"fields": table.to_dict("records"), "fits": fits.to_dict("records")}
        print_json(told | {"missing": missing, "orphans": [str(o) for o in orphans]})
        return OK
    counts = f"{len(project.samples)} sample(s), {len(table)} field(s)"
    print(f"{project.folder}: {counts}" + (f", {len(fits)} fit(s)" if len(fits) else ""))
    for sample in project.samples:
        mine = [one[one["sample_id"] == sample.id] for one in (table, fits)]
        words = [*_count(mine[0], "to measure"), *_count(mine[1], "to do", "fit(s): ")]
        if words:
            print(f"  {sample.id}: {'; '.join(words)}")
    lines = [
        f"  {row['sample_id']}/{row[key]}: {row['problem']}"
        for one, key in ((table, "field_id"), (fits, "fit_id"))
        for row in one.to_dict("records")
        if row["problem"]
    ]
    _print_some([f"  project.toml, {one}" for one in missing] + lines)
    _print_orphans(len(orphans))
    return OK


def _count(rows: "pd.DataFrame", what: str, begin: str = "") -> "Iterator[str]":
    """How many are of each status, and how many are due."""
    if len(rows):
        counts = rows["status"].value_counts()
        yield begin + ", ".join(f"{n} {kind}" for kind, n in counts.to_dict().items())
        n_due = int((~rows["is_current"]).sum())
        if n_due:
            yield f"{n_due} {what}"


def _print_some(lines: list[str]) -> None:
    for line in lines[:_MOST_LINES]:
        print(line)
    if len(lines) > _MOST_LINES:
        print(f"  and {len(lines) - _MOST_LINES} more; --json tells all")


def _print_orphans(n_orphans: int) -> None:
    if n_orphans:
        print(
            f"  {n_orphans} table(s) of fields or fits that the project no longer has; "
            f"'nanodope batch --prune' removes them"
        )


def _add_batch(commands: Any) -> None:
    text = "measure every field and do every fit of a project that is new or changed"
    parser = add(commands, "batch", _run_batch, text)
    _add_folder(parser)
    parser.add_argument("--workers", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--scheduler", metavar="TCP", help="of a Dask cluster that runs already")
    parser.add_argument("--memory-limit", default="auto", help="of each worker, as in 4GB")
    parser.add_argument(
        "--prune", action="store_true", help="remove tables of fields and fits that are gone"
    )


def _run_batch(args: argparse.Namespace) -> int:
    from napari_nanodope.batch import BatchStoppedError, run_batch  # noqa: PLC0415
    from napari_nanodope.project import Project  # noqa: PLC0415

    project = Project.open(args.dir)
    try:
        with _bar() as tell:
            report = run_batch(
                project,
                workers=args.workers,
                scheduler=args.scheduler,
                memory_limit=args.memory_limit,
                progress=tell,
            )
    except BatchStoppedError as error:
        complain(str(error))
        return FAILED
    removed = project.remove_orphans() if args.prune else []
    if args.json:
        print_json(_to_json(report) | {"removed": [str(path) for path in removed]})
    else:
        _print_report(report, len(removed), is_pruned=args.prune)
    return FAILED if report.failures else OK


def _to_json(report: "BatchReport") -> dict[str, Any]:
    return {
        "done": list(report.done),
        "n_current": report.n_current,
        "n_rejected": report.n_rejected,
        "failures": dict(report.failures),
        "orphans": [str(path) for path in report.orphans],
        "seconds": round(report.seconds, 3),
        "was_cut_off": report.was_cut_off,
        "fits": list(report.fits),
        "n_current_fits": report.n_current_fits,
    }


def _print_report(report: "BatchReport", n_removed: int, *, is_pruned: bool) -> None:
    if report.was_cut_off:
        print("The batch before was cut off; this one went on where it was.")
    print(
        f"{len(report.done)} field(s) measured in {report.seconds:.1f} s, {report.n_current} were "
        f"up to date, {report.n_rejected} rejected, {len(report.failures)} failed."
    )
    if report.fits or report.n_current_fits:
        print(f"{len(report.fits)} fit(s) done, {report.n_current_fits} were up to date.")
    for name, reason in report.failures.items():
        complain(f"{name}: {reason}")
    if is_pruned:
        print(f"  {n_removed} table(s) of fields or fits that are gone were removed")
    else:
        _print_orphans(len(report.orphans))


@contextmanager
def _bar() -> "Iterator[Callable[[BatchProgress], None]]":
    """Bar on standard error, on a terminal only: counts, rate and time left."""
    from tqdm import tqdm  # noqa: PLC0415

    with tqdm(desc="batch", disable=None, leave=False) as bar:

        def tell(done: "BatchProgress") -> None:
            bar.total = done.n_total
            bar.set_postfix_str(f"{done.n_failed} failed" if done.n_failed else "", refresh=False)
            bar.update(done.n_done + done.n_failed - bar.n)

        yield tell


def _add_export(commands: Any) -> None:
    text = "write the tables of a project as CSV, Parquet or Excel"
    parser = add(commands, "export", _run_export, text)
    _add_folder(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for files")
    parser.add_argument("--format", choices=["csv", "parquet", "excel"], default="csv")


def _run_export(args: argparse.Namespace) -> int:
    from napari_nanodope.exports import export_tables  # noqa: PLC0415
    from napari_nanodope.project import Project  # noqa: PLC0415

    files = export_tables(Project.open(args.dir), args.out, args.format)
    if args.json:
        print_json({"files": [str(file) for file in files]})
    else:
        print("\n".join(map(str, files)))
    return OK


def _add_reproduce(commands: Any) -> None:
    text = "measure a field or fit again as its provenance says, and compare; nothing is written"
    parser = add(commands, "reproduce", _run_reproduce, text)
    parser.add_argument("field", metavar="FIELD", help="or fit, as in 24h/scan1")
    parser.add_argument("--project", type=Path, default=Path(), metavar="DIR")


def _run_reproduce(args: argparse.Namespace) -> int:
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # as in a batch: sums depend on the number of threads
    from napari_nanodope.project import Project  # noqa: PLC0415

    project = Project.open(args.project)
    job = next((one for one in project.fit_jobs if one.name == args.field), None)
    if job is None:
        from napari_nanodope.field_task import reproduce  # noqa: PLC0415

        found = reproduce(project.field(args.field))
        differences, changes, done = found.differences, found.changes, "measured"
    else:
        from spectro import InputError as FitError  # noqa: PLC0415
        from spectro.jobs import reproduce_fit  # noqa: PLC0415

        try:
            differences, changes = reproduce_fit(job)
        except FitError as error:
            return complain_of(error)
        done = "fitted"
    if args.json:
        print_json(
            {"field": args.field, "is_equal": not differences}
            | {"differences": list(differences), "changes": list(changes)}
        )
    else:
        verdict = "differs from" if differences else "equals"
        print(f"{args.field} {done} again {verdict} what was written.")
        for text in (*differences, *changes):
            print(f"  {text}")
    return FAILED if differences else OK


COMMANDS = (_add_init, _add_status, _add_batch, _add_export, _add_reproduce)
