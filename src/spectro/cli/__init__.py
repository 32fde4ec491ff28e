"""The `spectro` command: what a spectrometer's file holds, and what fits it.

Exit codes: 0 all done; 1 some of several files failed, or the command was stopped; 2 the input or
the command line cannot be used.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import spectro
from spectro.cli.console import BAD_INPUT, FAILED, OK, Parser, complain, complain_of
from spectro.cli.fits import add_fit

if TYPE_CHECKING:
    from spectro.model import Spectrum


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = _build_parser().parse_args(argv)
    run = cast("Callable[[argparse.Namespace], int]", args.run)
    try:
        code = run(args)
        sys.stdout.flush()
        return code
    except spectro.InputError as error:
        return complain_of(error)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return complain(f"{error.filename or 'File'}: {error.strerror or error}; check the path.")
    except KeyboardInterrupt:
        complain("Stopped.")
        return FAILED


def _build_parser() -> Parser:
    parser = Parser(prog="spectro", description=(spectro.__doc__ or "").split("\n")[0])
    parser.add_argument("--version", action="version", version=spectro.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    _add_info(commands)
    add_fit(commands)
    _add_process(commands)
    return parser


def _add_info(commands: Any) -> None:
    text = "list what files hold: axes, what is known of the experiment, parameters"
    parser = commands.add_parser("info", help=text, description=text)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--all", action="store_true", help="every parameter of the file too")
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=_run_info)


def _run_info(args: argparse.Namespace) -> int:
    failures: list[str] = []
    found: dict[str, list[dict[str, Any]]] = {}
    for file in args.files:
        try:
            found[str(file)] = [_describe(one, args.all) for one in spectro.load_all(file)]
        except spectro.InputError as error:
            failures.append(str(error))
    if args.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        for name, spectra in found.items():
            print("\n".join(_format(name, spectra)))
    for failure in failures:
        complain(failure)
    return OK if not failures else FAILED if found else BAD_INPUT


def _describe(spectrum: "Spectrum", with_parameters: bool) -> dict[str, Any]:
    about = {
        "reader": spectrum.source.reader,
        "sha256": spectrum.source.sha256,
        "shape": list(spectrum.y.shape),
        "is_complex": spectrum.y.dtype.kind == "c",
        "axes": [
            {
                "name": axis.name,
                "unit": axis.unit,
                "n_points": len(axis),
                "first": float(axis.values[0]),
                "last": float(axis.values[-1]),
            }
            for axis in spectrum.axes
        ],
        "metadata": dict(spectrum.metadata),
    }
    return about | ({"parameters": dict(spectrum.parameters)} if with_parameters else {})


def _format(name: str, spectra: list[dict[str, Any]]) -> list[str]:
    """Lines about a file; what all its spectra share is told once."""
    lines = [f"{name}: {spectra[0]['reader']}"]
    for one in spectra:
        shape = " x ".join(map(str, one["shape"]))
        quantity = one["metadata"].get("quantity", "intensity")
        lines.append(f"  {quantity}: {shape} {'complex' if one['is_complex'] else 'real'}")
        for axis in one["axes"]:
            unit = f" {axis['unit']}" if axis["unit"] else ""
            lines.append(
                f"    {axis['name'] or 'axis'}: {axis['first']:.6g} to {axis['last']:.6g}{unit}, "
                f"{axis['n_points']} points"
            )
    shared = {k: v for k, v in spectra[0]["metadata"].items() if k != "quantity"}
    lines += [f"  {key}: {_to_text(value)}" for key, value in shared.items()]
    lines += [f"  | {key} = {value}" for key, value in spectra[0].get("parameters", {}).items()]
    return lines


def _to_text(value: Any) -> str:
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def _add_process(commands: Any) -> None:
    text = "process NMR data by a recipe, or suggest one"
    parser = commands.add_parser("process", help=text, description=text)
    parser.add_argument("file", type=Path, metavar="FILE")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--recipe", type=Path, metavar="TOML", help="steps to do, in this order")
    what.add_argument("--suggest", action="store_true", help="print a recipe that fits the file")
    parser.add_argument("--out", type=Path, metavar="CSV", help="where to write the result")
    parser.set_defaults(run=_run_process)


def _run_process(args: argparse.Namespace) -> int:
    from spectro.io.text import save  # noqa: PLC0415
    from spectro.processing import (  # noqa: PLC0415 - scipy is not loaded for the other ones
        format_recipe,
        load_recipe,
        replay,
        suggest_recipe,
    )

    if args.suggest == (args.out is not None):
        raise spectro.InputError(
            "Expected --recipe with --out, or --suggest without; "
            "try 'spectro process FILE --suggest > recipe.toml' first."
        )
    if args.suggest:
        spectrum = spectro.load(args.file)
        print(format_recipe(suggest_recipe(spectrum), f"For {spectrum.title}."), end="")
        return OK
    steps = load_recipe(args.recipe)
    done = replay(spectro.load(args.file), steps)
    save(done, args.out)
    print(f"{args.out}: {' x '.join(map(str, done.y.shape))} over {done.axes[-1].label}")
    return OK
