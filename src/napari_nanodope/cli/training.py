"""Commands that train the segmentation network and score it."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_nanodope.cli.console import OK, Step, add, add_method, load_recipe, print_json, progress

if TYPE_CHECKING:
    from napari_nanodope.segmentation.training import Curated


def add_train(commands: Any) -> None:
    """Add the command that trains the network."""
    text = "train the segmentation network: on simulated scenes, or further on curated results"
    parser = add(commands, "train", _run_train, text)
    parser.add_argument("out", type=Path, metavar="OUT", help="folder, or with --from a new file")
    parser.add_argument("--rounds", type=int, default=80, help="from scratch (default 80)")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers (default 0)")
    parser.add_argument(
        "--from", dest="results", type=Path, nargs="+", metavar="DIR", help="curated results"
    )
    parser.add_argument("--model", default="nanocrystal", help="with --from: network to begin with")


def _run_train(args: argparse.Namespace) -> int:
    from napari_nanodope.segmentation import training  # noqa: PLC0415
    from napari_nanodope.segmentation.schedule import Schedule  # noqa: PLC0415

    if not args.results:
        schedule = Schedule(rounds=args.rounds, seed=args.seed)
        weights, card = training.train_from_scratch(
            args.out, schedule, report=lambda line: print(line, file=sys.stderr, flush=True)
        )
        if args.json:
            print_json({"weights": str(weights), "card": str(card)})
        else:
            print(f"The weights are {weights}; how well they do is in {card}.")
        return OK
    curated = [_load_curated(folder) for folder in args.results]
    tuned = training.fine_tune(curated, args.out, model=args.model, seed=args.seed)
    if args.json:
        print_json(
            {"weights": str(tuned.path), "before": tuned.before, "after": tuned.after}
            | {"n_trained": tuned.n_trained, "n_held_out": tuned.n_held_out}
            | {"losses": list(tuned.losses)}
        )
    else:
        print(f"{tuned.path}: {tuned}\nUse it with --model {tuned.path}.")
    return OK


def _load_curated(folder: Path) -> "Curated":
    from napari_nanodope.results import FieldResult  # noqa: PLC0415
    from napari_nanodope.segmentation import choose_image  # noqa: PLC0415
    from napari_nanodope.segmentation.training import Curated  # noqa: PLC0415

    result = FieldResult.load(folder)
    recipe = result.recipe
    image, _ = choose_image(result.field, recipe.segment, host=recipe.field.host)
    return Curated(image, result.labels)


def add_evaluate(commands: Any) -> None:
    """Add the command that scores segmentation."""
    text = "score segmentation on simulated scenes, or on curated results"
    parser = add(commands, "evaluate-segmentation", _run_evaluate, text)
    parser.add_argument("--n", type=int, default=10, help="scenes of each kind (default 10)")
    parser.add_argument("--results", type=Path, nargs="+", metavar="DIR", help="curated results")
    parser.add_argument("--recipe", type=Path, metavar="F", help="settings; options overrule it")
    add_method(parser)


def _run_evaluate(args: argparse.Namespace) -> int:
    from napari_nanodope.segmentation import evaluation, outline_image  # noqa: PLC0415
    from napari_nanodope.segmentation.scenes import KINDS  # noqa: PLC0415

    stage = load_recipe(args).segment
    examples: Iterable[evaluation.Example]
    if args.results:
        curated = [(folder, _load_curated(folder)) for folder in args.results]
        examples = [
            evaluation.Example(folder.name, "curated", one.image, one.labels)
            for folder, one in curated
        ]
    else:
        examples = evaluation.render_held_out(args.n)
    with progress("evaluating") as step:
        total = len(args.results or ()) or args.n * len(KINDS)
        counted = _counting(examples, total, step)
        table = evaluation.evaluate(lambda image, d: outline_image(image, d, stage)[0], counted)
    scores = evaluation.summarise(table)
    if args.json:
        print_json({"pictures": table.to_dict("records"), "kinds": scores.to_dict("records")})
    else:
        print(scores.to_string(index=False, float_format="{:.3f}".format, na_rep=""))
    return OK


def _counting(examples: Iterable[Any], total: int, step: Step) -> Iterator[Any]:
    for number, one in enumerate(examples):
        step(number / total, one.name)
        yield one
