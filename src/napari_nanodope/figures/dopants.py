"""How many dopants a nanocrystal holds, by size class, beside what is expected."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from napari_nanodope.core.occupancy import expect_dopants, histogram_dopants
from napari_nanodope.figures.style import (
    ORANGE,
    PURPLE,
    SKY,
    Measured,
    add_legend,
    arrange_panels,
    choose_classes,
    class_of_particles,
    describe_class,
    draw_nothing,
)


def draw_dopants(ax: Axes, result: Measured, *, size_class: int | None = None) -> pd.DataFrame:
    """Draw the histogram of dopants per particle, with the numbers that others expect as lines.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    result : FieldResult or SampleResult
        What to draw.
    size_class : int, optional
        Number of depth bins; by default all included particles together.

    Returns
    -------
    DataFrame
        ``size_class, dopants, n_particles``, and the mean number of dopant pixels
        ``expected_<name>`` at the ICP-MS and reference concentrations of the recipe, the false
        positives of a particle of mean area included. ``size_class`` is 0 for all together.
    """
    particles = class_of_particles(result)
    if size_class is not None:
        particles = particles[particles["size_class"] == size_class]
    else:
        particles = particles.assign(size_class=0)
    table = _tabulate(particles, result)
    if table.empty:
        draw_nothing(ax, "no particles are included")
        return table
    _draw_bars(ax, table)
    for name, (colour, line) in _LINES.items():
        if f"expected_{name}" in table:
            value = float(table[f"expected_{name}"].iloc[0])
            ax.axvline(value, color=colour, linestyle=line, label=_name_line(name, result))
    mean = float(particles["dopant_pixels"].mean())
    ax.axvline(mean, color="black", linewidth=0.8, linestyle=":", label="mean")
    dopant = result.summary["dopant_element"]
    ax.set(xlabel=f"{dopant} pixels in an NC", ylabel="NCs", title=describe_class(particles))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    return table


def draw_dopants_by_class(figure: Figure, result: Measured, *, n_classes: int = 6) -> pd.DataFrame:
    """Draw `draw_dopants` for the busiest size classes.

    Returns
    -------
    DataFrame
        The rows of every panel, one class after the other.
    """
    classes: list[int | None] = [*choose_classes(result, n_classes)] or [None]
    panels = arrange_panels(figure, len(classes))
    tables = [
        draw_dopants(ax, result, size_class=k) for ax, k in zip(panels, classes, strict=False)
    ]
    add_legend(figure, panels[0])
    return pd.concat(tables, ignore_index=True)


def count_per_bar(highest: int) -> int:
    """Numbers of dopants that share a bar, where `highest` is the greatest of them."""
    return max(-(-(highest + 1) // 40), 1)


_LINES = {"ICP-MS": (ORANGE, "-"), "reference": (PURPLE, "--")}


def _name_line(name: str, result: Measured) -> str:
    expect = result.recipe.expect
    if name == "ICP-MS":
        return f"ICP-MS, {expect.icp_ms_mM:g} mM"
    return f"{expect.reference_mM:g} mM"


def _tabulate(particles: pd.DataFrame, result: Measured) -> pd.DataFrame:
    classes = particles["size_class"].to_numpy()
    table = histogram_dopants(particles["dopant_pixels"].to_numpy(), classes)
    expect = result.recipe.expect
    concentrations = {"ICP-MS": expect.icp_ms_mM, "reference": expect.reference_mM}
    known = {name: mM for name, mM in concentrations.items() if mM}
    expected = expect_dopants(particles["volume_nm3"].to_numpy(), classes, known)
    radial = result.included_radial
    pixels = particles["label"].map(radial.groupby("label")["n_pixels"].sum())
    area_px = pixels.groupby(particles["size_class"], sort=True).mean().to_numpy()
    for name in known:
        expected[name] += result.summary["false_positives_per_pixel"] * area_px
    renamed = expected.rename(columns={name: f"expected_{name}" for name in known})
    columns = ["size_class", *(f"expected_{name}" for name in known)]
    return table.merge(renamed[columns], on="size_class", how="left")


def _draw_bars(ax: Axes, table: pd.DataFrame) -> None:
    """Bars one dopant wide, or as wide as keeps their number readable."""
    highest = int(table["dopants"].max())
    width = count_per_bar(highest)
    first = np.arange(0, highest + 1, width)
    heights = np.bincount(table["dopants"] // width, table["n_particles"], minlength=len(first))
    ax.bar(
        first + (width - 1) / 2,
        heights,
        width=width,
        color=SKY,
        edgecolor="white",
        linewidth=0.3,
    )
