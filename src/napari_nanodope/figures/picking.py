"""Which particles a place in a figure stands for; the order of panels is that of the figures."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from napari_nanodope.figures.dopants import count_per_bar
from napari_nanodope.figures.sizes import find_size_edges
from napari_nanodope.figures.style import class_of_particles
from napari_nanodope.results import FieldResult


@dataclass(frozen=True, slots=True)
class Place:
    """Where someone pointed in a figure.

    Attributes
    ----------
    panel : int
        Number of the panel, from 0, in the order they were drawn.
    x, y : float or None
        In the units of the axes; None beside them, as on the title.
    """

    panel: int
    x: float | None = None
    y: float | None = None


@dataclass(frozen=True, slots=True)
class Picked:
    """Particles that a place in a figure stands for.

    Attributes
    ----------
    labels : tuple of int
        The particles.
    text : str
        How many they are and of which mean diameter, as in "12 particles with 0 Mn pixels, 4.1 nm
        in diameter on average".
    """

    labels: tuple[int, ...]
    text: str


def labels_in_class(result: FieldResult, size_class: int) -> list[int]:
    """Included particles of a size class, which is a number of depth bins."""
    particles = class_of_particles(result)
    return _labels(particles[particles["size_class"] == size_class])


def labels_with_profile(result: FieldResult) -> list[int]:
    """Included particles that enter the reduced particle: those of more than one depth bin."""
    particles = class_of_particles(result)
    return _labels(particles[particles["size_class"] > 1])


def labels_with_dopants(
    result: FieldResult, low: int, high: int, *, size_class: int | None = None
) -> list[int]:
    """Included particles with `low` to `high` dopant pixels, both ends included.

    Parameters
    ----------
    result : FieldResult
        What was drawn.
    low, high : int
        Dopant pixels.
    size_class : int, optional
        Only of this number of depth bins.
    """
    particles = _of_class(result, size_class)
    return _labels(particles[particles["dopant_pixels"].between(low, high)])


def labels_of_diameter(
    result: FieldResult, low_nm: float, high_nm: float, *, included: bool = True
) -> list[int]:
    """Particles of equivalent diameters from `low_nm` to below `high_nm`.

    Parameters
    ----------
    result : FieldResult
        What was drawn.
    low_nm, high_nm : float
        In nm; the greatest diameter of all belongs to the range that ends with it, as in a
        histogram.
    included : bool, optional
        Those that enter the statistics, or else those that were left out.
    """
    particles = result.particles
    diameters = particles["equivalent_diameter_nm"]
    inside = (diameters >= low_nm) & (diameters < high_nm)
    if len(diameters) and high_nm == diameters.max():
        inside |= diameters == high_nm
    return _labels(particles[inside & (particles["included"] == included)])


def pick_class(result: FieldResult, size_class: int) -> Picked:
    """All particles of a panel that shows a size class."""
    return _tell(result, labels_in_class(result, size_class))


def pick_reduced(result: FieldResult) -> Picked:
    """All particles of the panel that shows the reduced particle."""
    return _tell(result, labels_with_profile(result))


def pick_undoped(result: FieldResult) -> Picked | None:
    """Included particles without a dopant pixel; None where there are none."""
    labels = labels_with_dopants(result, 0, 0)
    return _tell(result, labels, f" without {_dopant(result)}") if labels else None


def pick_dopants(
    result: FieldResult, place: Place, *, size_class: int | None = None
) -> Picked | None:
    """Particles of the bar of `draw_dopants` that stands at a place, at any height.

    Where no bar stands, all that the panel shows; None where it shows nothing.
    """
    particles = _of_class(result, size_class)
    if particles.empty:
        return None
    width = count_per_bar(int(particles["dopant_pixels"].max()))
    if place.x is not None:
        low = int(np.floor((place.x + 0.5) / width)) * width
        high = low + width - 1
        labels = labels_with_dopants(result, low, high, size_class=size_class)
        if labels:
            numbers = f"{low}" if low == high else f"{low} to {high}"
            return _tell(result, labels, f" with {numbers} {_dopant(result)} pixels")
    return _tell(result, _labels(particles))


def pick_diameters(result: FieldResult, place: Place) -> Picked | None:
    """Particles of the bar of `draw_sizes` that stands at a place.

    Those left out where their part of the bar is pointed at, else the included ones, at any height;
    where no bar stands, all included ones. None where there are none.
    """
    labels = _labels(result.included)
    if place.x is not None and len(result.particles):
        edges = find_size_edges(result)
        bar = int(np.searchsorted(edges, place.x, side="right")) - 1
        if 0 <= bar < len(edges) - 1:
            low, high = float(edges[bar]), float(edges[bar + 1])
            inside = labels_of_diameter(result, low, high)
            outside = labels_of_diameter(result, low, high, included=False)
            is_above = place.y is not None and len(inside) < place.y <= len(inside) + len(outside)
            if outside and (is_above or not inside):
                return _tell(result, outside, " that were left out")
            labels = inside or labels
    return _tell(result, labels) if labels else None


def _of_class(result: FieldResult, size_class: int | None) -> pd.DataFrame:
    particles = class_of_particles(result)
    return particles if size_class is None else particles[particles["size_class"] == size_class]


def _labels(particles: pd.DataFrame) -> list[int]:
    return [int(label) for label in particles["label"]]


def _dopant(result: FieldResult) -> str:
    return str(result.summary["dopant_element"])


def _tell(result: FieldResult, labels: list[int], which: str = "") -> Picked:
    chosen = result.particles[result.particles["label"].isin(labels)]
    n, mean_nm = len(labels), chosen["equivalent_diameter_nm"].mean()
    about = f"{mean_nm:.1f} nm in diameter" + (" on average" if n > 1 else "")
    return Picked(tuple(labels), f"{n} particle{'s' if n != 1 else ''}{which}, {about}")
