"""The `nanodope` command: simulate, read, analyse, draw, train and keep projects from a shell.

Exit codes: 0 all done; 1 some of several files failed, or the command was stopped; 2 the input or
the command line cannot be used, and nothing was written.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import napari_nanodope
from napari_nanodope.cli import projects
from napari_nanodope.cli.console import (
    BAD_INPUT,
    FAILED,
    OK,
    Parser,
    add,
    add_method,
    complain,
    complain_of,
    load_recipe,
    print_json,
    progress,
)
from napari_nanodope.cli.reports import add_report
from napari_nanodope.cli.review import add_review
from napari_nanodope.cli.training import add_evaluate, add_train

if TYPE_CHECKING:
    from napari_nanodope.model import FieldOfView
    from napari_nanodope.recipe import Recipe
    from napari_nanodope.results import FieldResult


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    try:
        return _run(_build_parser().parse_args(argv))
    except KeyboardInterrupt:
        complain("Stopped; finished fields are kept.")
        return FAILED


def _run(args: argparse.Namespace) -> int:
    from napari_nanodope.model import InputError  # noqa: PLC0415 - not for --help

    run = cast("Callable[[argparse.Namespace], int]", args.run)
    try:
        code = run(args)
        sys.stdout.flush()
        return code
    except InputError as error:
        return complain_of(error)
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return complain(f"{error.filename or 'File'}: {error.strerror or error}; check the path.")


def _build_parser() -> Parser:
    parser = Parser(prog="nanodope", description=napari_nanodope.__doc__.split("\n")[0])
    parser.add_argument("--version", action="version", version=napari_nanodope.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for add_one in (
        _add_demo,
        _add_simulate,
        _add_info,
        _add_recipe,
        _add_analyze,
        _add_figures,
        add_train,
        add_evaluate,
        *projects.COMMANDS,
        add_report,
        add_review,
    ):
        add_one(commands)
    return parser


def _add_demo(commands: Any) -> None:
    parser = add(commands, "demo", _run_demo, "simulate, analyse, compare with the truth, draw")
    parser.add_argument("dir", nargs="?", type=Path, default=Path("nanodope-demo"), metavar="DIR")


def _run_demo(args: argparse.Namespace) -> int:
    from napari_nanodope.demo import format_comparison, run_demo  # noqa: PLC0415

    with progress("demo") as step:
        table = run_demo(args.dir, progress=step)
    if args.json:
        print_json({"folder": str(args.dir), "phantoms": table.to_dict("records")})
        return OK
    print(format_comparison(table))
    print(f"\nFigures and tables are in {args.dir}, one folder per phantom.")
    return OK


def _add_simulate(commands: Any) -> None:
    text = "simulate a field, or a project of all instruments, of which the truth is known"
    parser = add(commands, "simulate", _run_simulate, text)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--out", type=Path, metavar="DIR", help="folder to make for one field")
    text = "folder to make for a project of eight samples; only --seed goes with it"
    place.add_argument("--project", type=Path, metavar="DIR", help=text)
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers (default 1)")
    parser.add_argument("--location", choices=["core", "surface", "mixed"], default="core")
    parser.add_argument("--doping", type=float, default=1e-3, help="dopants per host site")
    parser.add_argument("--surface-fraction", type=float, default=0.5, help="if mixed")
    parser.add_argument("--particle-shape", default="sphere", help="sphere, ellipsoid, rod, ...")
    parser.add_argument("--shape-px", type=int, nargs=2, default=(400, 400), metavar=("Y", "X"))
    parser.add_argument("--pixel-size-nm", type=float, default=0.7)
    parser.add_argument("--arrangement", choices=["rows", "random"], default="rows")
    parser.add_argument("--gap-nm", type=float, default=0.7, help="negative lets them overlap")
    parser.add_argument("--shot-noise", action="store_true", help="Poisson counts")
    parser.add_argument("--background-counts", type=float, default=0.0, help="per pixel")
    parser.add_argument("--probe-sigma-nm", type=float, default=0.0)


def _run_simulate(args: argparse.Namespace) -> int:
    return _simulate_field(args) if args.project is None else _simulate_project(args)


def _simulate_project(args: argparse.Namespace) -> int:
    from napari_nanodope.simulated import format_truths, simulate_project  # noqa: PLC0415

    with progress("simulate") as step:
        table = simulate_project(args.project, args.seed, progress=step)
    if args.json:
        print_json({"folder": str(args.project), "truth": table.to_dict("records")})
        return OK
    print(format_truths(table))
    print(f"\nThe truth is in {args.project / 'truth.csv'}; 'nanodope batch' measures the project.")
    return OK


def _simulate_field(args: argparse.Namespace) -> int:
    from napari_nanodope.demo import save_phantom  # noqa: PLC0415
    from napari_nanodope.phantom import PhantomParams, simulate_field  # noqa: PLC0415

    params = PhantomParams(
        **{name: value for name, value in vars(args).items() if name in PhantomParams.__slots__}
        | {"shape_px": tuple(args.shape_px)}
    )
    field, truth = simulate_field(params, seed=args.seed)
    files = save_phantom(field, truth, args.out)
    found = {"particles": len(truth.particles), "dopants": len(truth.dopants)}
    if args.json:
        print_json(found | {"files": [str(file) for file in files]})
    else:
        print(f"{found['particles']} particles with {found['dopants']} dopants in {args.out}:")
        print("\n".join(f"  {file.name}" for file in files))
    return OK


def _add_info(commands: Any) -> None:
    text = "say what a file holds, what of it is used, and which elements its spectra show"
    parser = add(commands, "info", _run_info, text)
    parser.add_argument("file", type=Path, metavar="FILE", help="file, or maps' folder")
    _add_reading(parser)


def _run_info(args: argparse.Namespace) -> int:
    from napari_nanodope.info import describe, format_description  # noqa: PLC0415
    from napari_nanodope.io import inspect_file  # noqa: PLC0415

    found = inspect_file(
        args.file,
        survey=args.survey,
        pixel_size_nm=args.pixel_size_nm,
        sample_id=args.sample_id,
    )
    description = describe(found)
    if args.json:
        print_json(description)
    else:
        print(format_description(description))
    return OK


def _add_recipe(commands: Any) -> None:
    parser = add(commands, "recipe", _run_recipe, "print a recipe with every setting, to edit")
    parser.add_argument("--recipe", type=Path, metavar="FILE", help="start from this recipe")


def _run_recipe(args: argparse.Namespace) -> int:
    recipe = load_recipe(args)
    if args.json:
        print_json(recipe.model_dump(mode="json"))
    else:
        print(recipe.to_toml(), end="")
    return OK


def _add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--survey", type=Path, metavar="FILE", help="survey image that lies apart")
    parser.add_argument("--pixel-size-nm", type=float, help="instead of the file's calibration")
    parser.add_argument("--sample-id", default="", help="sample that the field belongs to")


def _add_analyze(commands: Any) -> None:
    parser = add(commands, "analyze", _run_analyze, "count dopants per nanocrystal, and where")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="file, or maps' folder")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for results")
    parser.add_argument("--host", help="element of the host lattice (recipe, else Cd)")
    parser.add_argument("--dopant", help="element to count (recipe, else Mn)")
    parser.add_argument("--material", help="host lattice, for concentrations in at.%%")
    parser.add_argument("--threshold", help="counts, or auto")
    parser.add_argument("--icp-ms-mM", type=float, help="concentration to compare with")
    parser.add_argument("--labels", type=Path, nargs="+", metavar="F", help="one per FILE")
    parser.add_argument("--diameter-nm", help="expected of a nanocrystal, or auto")
    add_method(parser)
    parser.add_argument("--recipe", type=Path, metavar="F", help="settings; options overrule it")
    parser.add_argument("--macro-csv", action="store_true", help="write paritcal.csv as well")
    parser.add_argument("--no-figures", action="store_true", help="write tables only")
    _add_reading(parser)


def _run_analyze(args: argparse.Namespace) -> int:
    from napari_nanodope.io.files import check_folder_is_writable  # noqa: PLC0415
    from napari_nanodope.model import InputError  # noqa: PLC0415

    recipe = load_recipe(args)
    check_folder_is_writable(args.out)
    if args.labels is not None and len(args.labels) != len(args.files):
        raise InputError(
            f"Expected one label image per file, got {len(args.labels)} for {len(args.files)} "
            f"files; list them in the same order."
        )
    reports: list[dict[str, Any]] = []
    written: set[Path] = set()
    failures = 0
    for number, file in enumerate(args.files):
        try:
            labels = args.labels[number] if args.labels else None
            result = _analyze_one(file, labels, recipe, args, written)
        except (InputError, OSError) as error:
            if len(args.files) == 1:
                raise
            failures += 1
            complain(f"{file}: {error}")
            continue
        reports.append({"file": str(file), "folder": str(_folder(args, result)), **result.summary})
        if not args.json:
            _print_summary(file, _folder(args, result), result)
    if args.json:
        print_json({"fields": reports, "n_failed": failures})
    return (BAD_INPUT if not reports else FAILED) if failures else OK


def _analyze_one(
    file: Path,
    labels: Path | None,
    recipe: "Recipe",
    args: argparse.Namespace,
    written: set[Path],
) -> "FieldResult":
    from napari_nanodope.io.arrays import read_labels  # noqa: PLC0415
    from napari_nanodope.io.files import check_folder_is_writable  # noqa: PLC0415
    from napari_nanodope.io.macro import write_macro_csv  # noqa: PLC0415
    from napari_nanodope.model import InputError  # noqa: PLC0415
    from napari_nanodope.pipeline import analyze  # noqa: PLC0415

    with progress(file.name) as step:
        step(0.0, "reading")
        field = _read(file, args, elements=(recipe.field.host, recipe.field.dopant), recipe=recipe)
        given = None if labels is None else read_labels(labels)
        result = analyze(
            field,
            recipe,
            labels=given,
            progress=lambda done, what: step(0.2 + 0.5 * done, what),
        )
        if not len(result.particles):
            raise InputError(
                f"Expected particles in {file}, found none; check the picture, set "
                f"segment.diameter_nm in a recipe, or give --labels."
            )
        folder = _folder(args, result)
        if folder in written:
            raise InputError(
                f"Expected files of different names, got a second one for {folder}; rename it, or "
                f"analyse it into another --out."
            )
        if not args.no_figures:
            check_folder_is_writable(folder / "figures")
        step(0.7, "saving")
        result.save(folder)
        written.add(folder)
        if args.macro_csv:
            write_macro_csv(result.radial, folder / "paritcal.csv")
        if not args.no_figures:
            from napari_nanodope.figures import save_figures  # noqa: PLC0415

            step(0.8, "figures")
            save_figures(result, folder / "figures")
        step(1.0, "done")
    return result


def _folder(args: argparse.Namespace, result: "FieldResult") -> Path:
    from napari_nanodope.results import to_folder_name  # noqa: PLC0415

    return Path(args.out) / to_folder_name(result.field)


def _print_summary(file: Path, folder: Path, result: "FieldResult") -> None:
    print(f"{file} -> {folder}")
    print(f"  {_tell_segmentation(result)}")
    for statement in result.summary["statements"]:
        print(f"  {statement}")
    for warning in result.summary["warnings"]:
        print(f"  Warning: {warning}")


def _tell_segmentation(result: "FieldResult") -> str:
    about = result.provenance["labels"]
    if about["origin"] == "given":
        return "Labels were given."
    network = f", {about['model']} on {about['device']}" if "model" in about else ""
    how = "estimated; --diameter-nm overrules it" if about["diameter_is_estimated"] else "given"
    return (
        f"Segmented: {about['method']}{network}, {about['image']}, for a diameter of "
        f"{about['diameter_nm']:g} nm ({how})."
    )


def _add_figures(commands: Any) -> None:
    text = "draw every figure of a project, or of saved results again"
    parser = add(commands, "figures", _run_figures, text)
    help_ = "a project, a result, or a folder of results"
    parser.add_argument("dir", type=Path, metavar="DIR", help=help_)


def _run_figures(args: argparse.Namespace) -> int:
    from napari_nanodope.figures import save_figures  # noqa: PLC0415
    from napari_nanodope.project import PROJECT_FILE  # noqa: PLC0415
    from napari_nanodope.results import FieldResult, find_results  # noqa: PLC0415

    if args.dir.name == PROJECT_FILE or (args.dir / PROJECT_FILE).is_file():
        return projects.run_gallery(args)
    folders = find_results(args.dir)
    files: list[Path] = []
    with progress("figures") as step:
        for number, folder in enumerate(folders):
            step(number / len(folders), folder.name)
            files += save_figures(FieldResult.load(folder), folder / "figures")
        step(1.0, "done")
    if args.json:
        print_json({"files": [str(file) for file in files]})
    else:
        print(f"{len(files)} files in {len(folders)} folder(s) below {args.dir}.")
    return OK


def _read(
    file: Path,
    args: argparse.Namespace,
    *,
    elements: tuple[str, ...],
    recipe: "Recipe",
) -> "FieldOfView":
    from napari_nanodope.io import read_field  # noqa: PLC0415

    return read_field(
        file,
        elements,
        recipe.maps.lines,
        survey=args.survey,
        detectors=recipe.maps.detectors,
        frames=recipe.maps.frames,
        pixel_size_nm=args.pixel_size_nm,
        sample_id=args.sample_id,
    )
