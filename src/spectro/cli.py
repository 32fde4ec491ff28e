"""The `spectro` command: what a spectrometer's file holds.

Exit codes: 0 all done; 1 some of several files failed, or the command was stopped; 2 the input or
the command line cannot be used.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

import spectro

if TYPE_CHECKING:
    from spectro.model import Spectrum

OK, FAILED, BAD_INPUT = 0, 1, 2


class _Parser(argparse.ArgumentParser):
    """Parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {message}; try '{self.prog} --help'.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    args = _build_parser().parse_args(argv)
    run = cast("Callable[[argparse.Namespace], int]", args.run)
    try:
        return run(args)
    except spectro.InputError as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.filename or 'File'}: {error.strerror or error}; check the path.")
    except KeyboardInterrupt:
        _complain("Stopped.")
        return FAILED


def _complain(message: str) -> int:
    print(f"spectro: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def _build_parser() -> _Parser:
    parser = _Parser(prog="spectro", description=(spectro.__doc__ or "").split("\n")[0])
    parser.add_argument("--version", action="version", version=spectro.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    _add_info(commands)
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
        _complain(failure)
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
