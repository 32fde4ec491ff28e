"""What every group of commands shares: its parser, what it prints and the recipe it is given."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from napari_nanodope.recipe import Recipe

OK, FAILED, BAD_INPUT = 0, 1, 2
Step = Callable[[float, str], None]


class Parser(argparse.ArgumentParser):
    """Parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """End with one line that says what is wrong with the command line."""
        self.exit(BAD_INPUT, f"{self.prog}: {message}; try '{self.prog} --help'.\n")


def complain(message: str) -> int:
    """Print a message on standard error, on one line; return the exit code of bad input."""
    print(f"nanodope: {' '.join(message.split())}", file=sys.stderr)
    return BAD_INPUT


def complain_of(error: Exception) -> int:
    """Print an error; where it is a list of problems, a line for each."""
    if not hasattr(error, "problems"):
        return complain(str(error))
    print(f"nanodope: {error}", file=sys.stderr)
    return BAD_INPUT


def add(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    """Add a command to the others; every one can print JSON."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.set_defaults(run=run)
    return parser


def add_method(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose how to segment."""
    parser.add_argument("--method", choices=["cellpose", "watershed"], help="of segmentation")
    parser.add_argument("--model", help="network: nanocrystal, cpsam_v2, cpdino or a file")


def load_recipe(args: argparse.Namespace) -> "Recipe":
    """Recipe from the file, overruled by the options."""
    from napari_nanodope.materials import MATERIALS  # noqa: PLC0415
    from napari_nanodope.recipe import Recipe  # noqa: PLC0415

    given = vars(args)
    recipe = Recipe.load(args.recipe) if args.recipe else Recipe()
    changes = {name: given[name] for name in ("host", "dopant", "material") if given.get(name)}
    material = MATERIALS.get(recipe.field.material)
    host = changes.get("host")
    if host and "material" not in changes and material and host not in material.sites_per_cell:
        changes["material"] = ""  # the lattice is of another host, and none is guessed
    stages: dict[str, dict[str, Any]] = {"field": changes}
    if given.get("threshold") is not None:
        stages["count"] = {"threshold": _number_or_word(args.threshold)}
    segment = {name: given[name] for name in ("method", "model") if given.get(name)}
    if given.get("diameter_nm") is not None:
        segment["diameter_nm"] = _number_or_word(args.diameter_nm)
    stages["segment"] = segment
    if given.get("icp_ms_mM") is not None:
        stages["expect"] = {"icp_ms_mM": args.icp_ms_mM}
    return recipe.replace(**stages)


def _number_or_word(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def print_json(value: Any) -> None:
    """Print a value for machines."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


@contextmanager
def progress(name: str) -> Iterator[Step]:
    """Bar on standard error for what takes longer than a second, on a terminal only."""
    from tqdm import tqdm  # noqa: PLC0415

    shape = "{desc} {percentage:3.0f}%|{bar:30}| {elapsed}"
    with tqdm(total=1.0, desc=name, disable=None, delay=1, leave=False, bar_format=shape) as bar:

        def step(done: float, what: str) -> None:
            bar.set_description(f"{name}: {what}", refresh=False)
            bar.update(done - bar.n)

        yield step
