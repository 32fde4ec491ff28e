"""Dopants against depth, beside what dopants in the core or at the surface would give."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_nanodope.core.profiles import average_reduced, count_depth_bins
from napari_nanodope.figures.style import (
    CORE,
    DATA,
    GREY,
    SURFACE,
    Measured,
    add_legend,
    arrange_panels,
    choose_classes,
    class_of_particles,
    describe_class,
    draw_nothing,
)


def draw_radial(ax: Axes, result: Measured, *, size_class: int | None = None) -> pd.DataFrame:
    """Draw the share of pixels that hold a dopant against depth, for one size class.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    result : FieldResult or SampleResult
        What to draw.
    size_class : int, optional
        Number of depth bins; by default the class with the most dopant pixels.

    Returns
    -------
    DataFrame
        ``size_class, depth_nm, n_particles, n_pixels, dopant_pixels, share, share_sem,
        share_if_core, share_if_surface``: sums over the particles, dopant pixels over pixels with
        the standard error over particles, and the same expected if the dopants fill the core or
        sit at the surface, false positives included.

    Notes
    -----
    A share takes out the uneven number of pixels in a depth bin. Its standard error is that of a
    ratio of means: the spread of y - R n over particles, over sqrt(N) times the mean of n.
    """
    classes = [size_class] if size_class is not None else choose_classes(result, 1)
    table = _tabulate(result, classes)
    if table.empty:
        draw_nothing(ax, "no included particle holds a dopant")
        return table
    depth = table["depth_nm"]
    ax.plot(depth, table["share_if_core"], color=CORE, label="core")
    ax.plot(depth, table["share_if_surface"], color=SURFACE, linestyle="--", label="surface")
    found = ax.errorbar(
        depth,
        table["share"],
        table["share_sem"].fillna(0),
        fmt="o",
        color=DATA,
        label="found",
        elinewidth=0.6,
        zorder=3,
    )
    found.lines[0].set_clip_on(False)  # a share of zero is seen whole
    dopant = result.summary["dopant_element"]
    ax.set(
        xlabel="depth below the edge (nm)", ylabel=f"share of pixels with {dopant}", xlim=(0, None)
    )
    ax.set_ylim(bottom=0)
    particles = class_of_particles(result)
    ax.set_title(describe_class(particles[particles["size_class"] == classes[0]]))
    return table


def draw_radial_by_class(figure: Figure, result: Measured, *, n_classes: int = 5) -> pd.DataFrame:
    """Draw `draw_radial` for the busiest size classes, and the reduced particle in the last panel.

    Returns
    -------
    DataFrame
        The rows of every panel but the last, one class after the other.
    """
    classes = choose_classes(result, n_classes)
    panels = arrange_panels(figure, len(classes) + 1)
    tables = [draw_radial(ax, result, size_class=k) for ax, k in zip(panels, classes, strict=False)]
    if classes:
        add_legend(figure, panels[0])
    draw_reduced(panels[-1], result)
    return pd.concat(tables, ignore_index=True) if tables else _tabulate(result, [])


def draw_reduced(ax: Axes, result: Measured) -> pd.DataFrame:
    """Draw the curves of the reduced particle, each divided by its maximum.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    result : FieldResult or SampleResult
        What to draw.

    Returns
    -------
    DataFrame
        ``reduced_depth, n_particles``, then mean and standard error of each curve, not divided.
    """
    table = average_reduced(result.included_radial)
    n = int(table["n_particles"].iloc[0])
    if n == 0:
        draw_nothing(ax, "no included particle is deep enough")
        return table
    curves = {
        "dopant_pixels": (result.summary["dopant_element"], DATA, "-"),
        "host_counts": (f"{result.summary['host_element']} (bulk)", CORE, "-"),
        "n_pixels": ("pixels (surface)", GREY, ":"),
    }
    for name, (label, colour, line) in curves.items():
        mean, sem = table[f"{name}_mean"], table[f"{name}_sem"].fillna(0)
        peak = mean.max()
        if not np.isfinite(peak) or peak <= 0:
            continue
        x = table["reduced_depth"]
        ax.plot(x, mean / peak, color=colour, linestyle=line, label=label)
        ax.fill_between(
            x, (mean - sem) / peak, (mean + sem) / peak, color=colour, alpha=0.2, linewidth=0
        )
    ax.set(xlabel="depth (0 edge, 1 deepest)", ylabel="relative to maximum", xlim=(0, 1))
    ax.set_ylim(0, 1.6)  # room for the legend
    ax.set_title(f"reduced, {n} NC{'s' if n != 1 else ''}")
    if ax.lines:
        ax.legend(loc="upper right", borderaxespad=0, borderpad=0.2, labelspacing=0.2)
    return table


def _tabulate(result: Measured, classes: list[int]) -> pd.DataFrame:
    keys = ["size_class", "depth_px"]
    radial = result.included_radial
    rows = radial.assign(size_class=radial["label"].map(count_depth_bins(radial)))
    rows = rows[rows["size_class"].isin(classes)]
    table = rows.groupby(keys, sort=True).agg(
        depth_nm=("depth_nm", "first"),
        n_particles=("label", "size"),
        n_pixels=("n_pixels", "sum"),
        dopant_pixels=("dopant_pixels", "sum"),
    )
    table["share"] = table["dopant_pixels"] / table["n_pixels"]
    rows = rows.join(table["share"], on=keys)
    rows["residual"] = rows["dopant_pixels"] - rows["share"] * rows["n_pixels"]
    spread = rows.groupby(keys, sort=True)["residual"].std()
    table["share_sem"] = spread * np.sqrt(table["n_particles"]) / table["n_pixels"]
    expected = result.profiles.set_index(keys)
    for name in ("core", "surface"):
        table[f"share_if_{name}"] = expected[name] / expected["n_pixels"]
    return table.reset_index().drop(columns="depth_px")
