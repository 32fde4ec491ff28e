"""The look of every figure, shared with spectra, and how size classes are told."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import pandas as pd

from napari_nanodope.recipe import Recipe
from spectro.figures.style import (
    BLACK,
    BLUE,
    DOUBLE_COLUMN_IN,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SINGLE_COLUMN_IN,
    SKY,
    VERMILION,
    add_legend,
    arrange_panels,
    count_rows,
    draw_nothing,
    journal_style,
    letter_panels,
    make_figure,
)

__all__ = [
    "BLACK",
    "BLUE",
    "CORE",
    "DATA",
    "DOUBLE_COLUMN_IN",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "SINGLE_COLUMN_IN",
    "SKY",
    "SURFACE",
    "VERMILION",
    "Measured",
    "add_legend",
    "arrange_panels",
    "choose_classes",
    "class_of_particles",
    "count_rows",
    "describe_class",
    "describe_classes",
    "draw_nothing",
    "journal_style",
    "letter_panels",
    "make_figure",
]

CORE, SURFACE, DATA = BLUE, VERMILION, BLACK


class Measured(Protocol):
    """Tables that are drawn: a `FieldResult`, or several fields of a sample, a `SampleResult`."""

    @property
    def recipe(self) -> Recipe:
        """Every setting."""

    @property
    def particles(self) -> pd.DataFrame:
        """One row per particle."""

    @property
    def profiles(self) -> pd.DataFrame:
        """Included particles summed by size class and depth."""

    @property
    def summary(self) -> Mapping[str, Any]:
        """Numbers with their intervals."""

    @property
    def included(self) -> pd.DataFrame:
        """Particles that enter the statistics."""

    @property
    def included_radial(self) -> pd.DataFrame:
        """One row per depth of those."""


def choose_classes(result: Measured, n_classes: int) -> list[int]:
    """Size classes with the most dopant pixels among the included particles, ascending."""
    totals = result.profiles.groupby("size_class")["dopant_pixels"].sum()
    busiest: pd.Series = totals.sort_values(ascending=False, kind="stable").head(n_classes)
    return sorted(int(k) for k in busiest.index)


def class_of_particles(result: Measured) -> pd.DataFrame:
    """Included particles with their ``size_class``."""
    n_bins = result.included_radial.groupby("label")["depth_px"].size()
    included = result.included
    return included.assign(size_class=included["label"].map(n_bins).astype(np.int64))


def describe_classes(result: Measured) -> dict[int, str]:
    """Every size class of the included particles, ascending, and what is in it."""
    groups = class_of_particles(result).groupby("size_class", sort=True)
    table = groups["equivalent_diameter_nm"].agg(["size", "mean"])
    return {
        k: f"{mean:.1f} nm, {n} particle{'s' if n != 1 else ''}"
        for k, n, mean in zip(table.index.tolist(), table["size"], table["mean"], strict=True)
    }


def describe_class(particles: pd.DataFrame) -> str:
    """Number and mean diameter of some particles, as a panel says it."""
    n, diameter = len(particles), particles["equivalent_diameter_nm"].mean()
    return f"{n} NC{'s' if n != 1 else ''}, $\\varnothing$ {diameter:.1f} nm"
