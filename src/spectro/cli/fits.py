"""`spectro fit`: a file by a model or a table of settings, or all that a project asks for."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import spectro
from spectro.cli.console import FAILED, OK, complain

if TYPE_CHECKING:
    from spectro.jobs import FitReport
    from spectro.jobs.running import FitProgress
    from spectro.model import FitResult

_PROJECT = "project.toml"
_OF_MODELS = (
    "vary",
    "set",
    "window",
    "baseline",
    "frequency",
    "slice",
    "starts",
    "seed",
    "profile",
)
_LIBRARIES = ("OMP", "MKL", "OPENBLAS")


def add_fit(commands: Any) -> None:
    """Add the command to the others."""
    text = (
        "fit a CW EPR spectrum by a model, any file by a table of settings, or all that a project "
        "asks for"
    )
    parser = commands.add_parser("fit", help=text, description=text)
    parser.add_argument("file", type=Path, metavar="FILE", help="or the folder of a project")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--model", metavar="NAME", help="mn2+, gd3+, cu2+, radical")
    how.add_argument(
        "--settings", type=Path, metavar="TOML", help="settings as in a project file, of any fit"
    )
    _add_model_options(parser.add_argument_group("with --model"))
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write fit.json and the figure here"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=_run_fit)


def _add_model_options(group: Any) -> None:
    group.add_argument("--vary", metavar="NAMES", help="with commas, as g,a_MHz,d_MHz,gaussian_mT")
    group.add_argument(
        "--set",
        action="append",
        metavar="NAME=VALUE",
        help="where a parameter starts, or stays if it is not varied",
    )
    group.add_argument("--window", nargs=2, type=float, metavar=("LOW_mT", "HIGH_mT"))
    group.add_argument("--baseline", type=int, metavar="DEGREE", help="default 1; -1 for none")
    group.add_argument("--frequency", type=float, metavar="GHZ", help="where the file has none")
    group.add_argument("--slice", type=int, metavar="N", help="of a series, counted from 0")
    group.add_argument("--starts", type=int, metavar="N", help="default 3")
    group.add_argument("--seed", type=int, help="of the starts; default 0")
    group.add_argument("--profile", metavar="NAMES", help="intervals of these by profile")


def _run_fit(args: argparse.Namespace) -> int:
    is_project = (args.file / _PROJECT).is_file() or args.file.name == _PROJECT
    given = [f"--{name}" for name in _OF_MODELS if getattr(args, name) is not None]
    if args.model is None and given:
        raise spectro.InputError(
            f"Expected --model with {given[0]}, got none; settings stand in a table elsewhere."
        )
    if args.model is not None:
        return _show(args, _fit_model(args), "cw")
    _keep_to_one_thread()
    if args.settings is not None:
        return _fit_by_settings(args)
    if not is_project:
        raise spectro.InputError(
            f"Expected --model or --settings for a file, or a folder with {_PROJECT}, got "
            f"{args.file} alone."
        )
    if args.out is not None:
        raise spectro.InputError("Expected no --out for a project, whose results stay in it.")
    return _fit_project(args)


def _keep_to_one_thread() -> None:
    """As in a batch: the last digits of sums depend on the number of threads."""
    for name in _LIBRARIES:
        os.environ[f"{name}_NUM_THREADS"] = "1"


def _fit_model(args: argparse.Namespace) -> "FitResult":
    from spectro.epr import CwFit, fit_cw  # noqa: PLC0415 - numba is not loaded for the other ones
    from spectro.epr.models import find_model  # noqa: PLC0415
    from spectro.epr.parameters import Component  # noqa: PLC0415
    from spectro.fitting import Search  # noqa: PLC0415

    model = find_model(args.model)
    spectrum = spectro.load(args.file)
    if args.slice is not None:
        spectrum = spectrum.take(args.slice)
    start = _read_values(args.set or ())
    system, line = Component("", model.system, model.line).replace(start)
    vary = model.vary if args.vary is None else tuple(one.strip() for one in args.vary.split(","))
    return fit_cw(
        spectrum,
        system,
        line,
        vary=vary,
        options=CwFit(
            1 if args.baseline is None else args.baseline,
            window_mT=tuple(args.window) if args.window else None,
            experiment={} if args.frequency is None else {"frequency_GHz": args.frequency},
        ),
        search=Search(
            3 if args.starts is None else args.starts,
            args.seed or 0,
            profile=tuple(args.profile.split(",")) if args.profile else (),
        ),
    )


def _read_values(settings: Sequence[str]) -> dict[str, float]:
    values = {}
    for one in settings:
        name, sign, text = one.partition("=")
        try:
            values[name.strip()] = float(text)
        except ValueError:
            sign = ""
        if not sign:
            raise spectro.InputError(f"Expected NAME=VALUE after --set, got {one!r}.")
    return values


def _fit_by_settings(args: argparse.Namespace) -> int:
    from spectro.jobs import read_job  # noqa: PLC0415 - pydantic

    job = read_job(args.file, args.settings)
    return _show(args, job.run(), job.kind)


def _show(args: argparse.Namespace, fit: "FitResult", kind: str) -> int:
    """Print a fit, and write it where that is asked for."""
    if args.json:
        print(json.dumps(fit.to_dict(), indent=2, ensure_ascii=False))
    else:
        title = fit.curves[0].data.title
        print("\n".join((f"{title}: {fit.model}", *(f"  {s}" for s in fit.statements))))
        for warning in fit.warnings:
            print(f"Warning: {warning}", file=sys.stderr)
    if args.out is not None:
        _save(fit, kind, args.out, args.file.stem)
    return OK if fit.is_converged else FAILED


def _save(fit: "FitResult", kind: str, folder: Path, stem: str) -> None:
    from spectro.figures import draw_kind, journal_style, make_figure, save_figure  # noqa: PLC0415

    with journal_style():
        figure = make_figure(3.33, 3.2)
        numbers = draw_kind(figure, fit, kind)
    files = save_figure(figure, folder / f"{stem}-fit", numbers)
    files.append(fit.save(folder / f"{stem}-fit.json"))
    print(f"Written to {folder}: {', '.join(file.name for file in files)}", file=sys.stderr)


def _fit_project(args: argparse.Namespace) -> int:
    from spectro.jobs import open_jobs, run_jobs  # noqa: PLC0415 - pydantic

    project = open_jobs(args.file)
    with _bar() as advance:

        def tell(one: "FitProgress") -> None:
            advance(one)
            if one.summary and not args.json:
                print(f"{one.name}: {one.summary}", flush=True)

        report = run_jobs(project, tell)
    if args.json:
        print(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        _print_report(report)
    return FAILED if report.failures else OK


def _print_report(report: "FitReport") -> None:
    n_all = len(report.done) + report.n_current + len(report.failures)
    if n_all == 0:
        print("No measurement of the project has settings with a fit.")
        return
    print(
        f"{len(report.done)} fit(s) done in {report.seconds:.1f} s, {report.n_current} were up to "
        f"date, {len(report.failures)} failed."
    )
    for name, reason in report.failures.items():
        complain(f"{name}: {reason}")


@contextmanager
def _bar() -> "Iterator[Callable[[FitProgress], None]]":
    """Bar on standard error, on a terminal only."""
    from tqdm import tqdm  # noqa: PLC0415

    with tqdm(desc="fit", unit="fit", disable=None, leave=False) as bar:

        def advance(one: "FitProgress") -> None:
            bar.total = one.n_total
            bar.clear()
            bar.update(one.n_ended - bar.n)

        yield advance
