"""Pictures of simulated nanocrystals with their outlines, to train segmentation and to test it.

The outline of a particle is its silhouette: a pixel is inside if the particle covers its centre.
Where particles lie over each other, the pixel belongs to the thicker one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.model import InputError
from napari_nanodope.segmentation.looks import (
    annotate,
    render_bright_field,
    render_eds,
    render_haadf,
    render_secondary,
)
from napari_nanodope.segmentation.placing import Draw, Particles, place

DIAMETERS_PX = (6.0, 100.0)
"""Mean diameters of particles to train on, equally likely on a logarithmic scale."""

KINDS = (
    "HAADF",
    "low dose",
    "lumpy support",
    "touching",
    "overlapping",
    "EDS map",
    "bright field",
    "secondary electrons",
    "blank",
)
"""Kinds of scenes."""

_BLANK_LOOKS = ("HAADF", "lumpy support", "EDS map", "bright field", "secondary electrons")


@dataclass(frozen=True, slots=True)
class Scene:
    """A simulated picture.

    Attributes
    ----------
    kind : str
        One of `KINDS`.
    image : (Y, X) float32 array
        The picture, in arbitrary units or counts.
    labels : (Y, X) int32 array
        Silhouettes, from 1; 0 is background.
    settings : dict
        What was drawn at random for the scene; ``diameter_px`` is that of the sphere of the mean
        volume.
    """

    kind: str
    image: NDArray[np.float32]
    labels: NDArray[np.int32]
    settings: dict[str, float | str]


def render_scene(
    kind: str,
    *,
    seed: int | Sequence[int],
    shape_px: tuple[int, int] = (256, 256),
    diameter_px: float | None = None,
    outside: bool = False,
) -> Scene:
    """Simulated picture of one kind.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    seed : int or sequence of int
        Every random number follows from it.
    shape_px : (int, int), optional
        Rows and columns.
    diameter_px : float, optional
        Mean diameter; by default drawn from `DIAMETERS_PX`, but no more than 0.4 of the picture.
    outside : bool, optional
        Draw sizes, doses, blur, roughness and the like from beyond the hard end of the ranges that
        are trained on.

    Raises
    ------
    InputError
        If the kind is not known.
    """
    if kind not in KINDS:
        raise InputError(f"Expected a kind of {', '.join(KINDS)}, got {kind!r}.")
    draw = Draw(np.random.default_rng(seed), outside)
    if diameter_px is None:
        low, high = DIAMETERS_PX
        ends = [min(high, 0.4 * min(shape_px)), low]
        diameter_px = draw.log("diameter_px", *draw.rng.permutation(ends))
    draw.settings["diameter_px"] = float(diameter_px)
    particles = Particles(shape_px)
    look = kind
    if kind == "blank":
        look = str(draw.choose("look", _BLANK_LOOKS))
    else:
        place(particles, kind, diameter_px, draw)
    render = {
        "EDS map": render_eds,
        "bright field": render_bright_field,
        "secondary electrons": render_secondary,
    }.get(look, render_haadf)
    image = render(particles, look, diameter_px, draw)
    if look != "EDS map" and draw.chance(0.15):
        annotate(image, particles, draw)
    return Scene(kind, image.astype(np.float32), particles.visible(), draw.settings)
