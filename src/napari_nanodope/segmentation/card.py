"""The model card: what a network was trained on, how well it does, and where it does not."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from napari_nanodope.io.files import replacing
from napari_nanodope.segmentation.cellpose import segment_by_cellpose
from napari_nanodope.segmentation.evaluation import evaluate, render_held_out, summarise
from napari_nanodope.segmentation.scenes import DIAMETERS_PX, KINDS

_N_LOSSES = 10  # of the learning curve

_TEXT = """# {name}

Outlines nanocrystals in HAADF and bright-field micrographs, EDS maps and secondary electron
images, by flows and a probability as Cellpose defines them (C. Stringer et al., Nat. Methods 2021,
18, 100, DOI 10.1038/s41592-020-01018-x).

- Network: residual U-Net of {n_parameters:.1f} million parameters, one channel, in half precision.
- Made by: napari-nanodope {version}, `nanodope train` with {rounds} rounds and seed {seed}, in
  {minutes:.0f} minutes on {device}. sha256 of the weights: `{sha256}`.
- Data: {n_scenes} simulated scenes, no measured ones: eight shapes of particles with mean
  diameters from {low:g} to {high:g} px, apart, touching and overlapping; kinds {kinds}.
- Learning curve, loss every {every} rounds: {losses}.
- Edges: a pixel is inside if the particle covers its centre (silhouette); where particles overlap
  it belongs to the thicker one.

## Scores on held-out scenes

{n_held_out} scenes that it was not trained on, one in five of them harder than any it was trained
on. The scale was found, not given. AP is TP / (TP + FP + FN) at an intersection over union of 0.5,
0.75 and 0.9; `area_bias` is the mean relative error of the area of matched particles.

{by_kind}

{by_size}

## Limits

- Particles of less than about 6 px across, and of which less than 40 % shows, are not reliable.
- Areas of faint edges (tetrahedra, low doses) are extrapolated; see the area bias.
- Pictures like none of those kinds (agglomerates, fibres, films) may give particles where there are
  none. Look at the outlines; train it further on your own where they are wrong.
- Letters and scale bars are mostly, not always, passed over: crop them away.
"""


def write_card(weights: Path, about: dict[str, Any], *, n_per_kind: int = 30) -> Path:
    """Score a network on held-out scenes and write its card beside the weights.

    Parameters
    ----------
    weights : Path
        ``.safetensors`` file.
    about : dict
        ``rounds, seed, n_scenes, seconds, device, losses``.
    n_per_kind : int, optional
        Scenes of each kind.

    Returns
    -------
    Path
        The card, Markdown.
    """
    from napari_nanodope.segmentation.models import load_network  # noqa: PLC0415

    network = load_network(str(weights))
    examples = list(render_held_out(n_per_kind))
    table = evaluate(
        lambda image, diameter: segment_by_cellpose(image, diameter, model=weights).labels, examples
    )
    card = weights.with_suffix(".md")
    every = max(len(about["losses"]) // _N_LOSSES, 1)
    text = _TEXT.format(
        name=weights.stem,
        version=version("napari-nanodope"),
        n_parameters=sum(p.numel() for p in network.model.net.parameters()) / 1e6,
        rounds=about["rounds"],
        seed=about["seed"],
        minutes=about["seconds"] / 60,
        device=about["device"],
        sha256=network.sha256,
        n_scenes=about["n_scenes"],
        every=every,
        losses=", ".join(f"{loss:.2f}" for loss in about["losses"][every - 1 :: every]),
        low=DIAMETERS_PX[0],
        high=DIAMETERS_PX[1],
        kinds=", ".join(KINDS),
        n_held_out=len(examples),
        by_kind=_to_markdown(summarise(table)),
        by_size=_to_markdown(summarise(table, by="size")),
    )
    with replacing(card) as partial:
        partial.write_text(text, encoding="utf-8")
    return card


def _to_markdown(table: pd.DataFrame) -> str:
    rows = [[_format(value) for value in row] for row in table.itertuples(index=False)]
    lines = [list(table.columns), ["---"] * len(table.columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _format(value: Any) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.3f}"  # noqa: PLR0124 - NaN
    return str(value)
