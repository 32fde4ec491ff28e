"""One look for every figure: journal column widths, small type, colours that all can tell apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SINGLE_COLUMN_IN, DOUBLE_COLUMN_IN = 3.33, 7.0
_THREE_COLUMNS_IN = 5.0

# M. Okabe, K. Ito, Color universal design, 2008; B. Wong, Nat. Methods 2011, 8, 441.
BLACK, ORANGE, SKY, GREEN, BLUE, VERMILION, PURPLE, GREY = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
    "#8A8A8A",
)

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"],
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.titlesize": 7,
    "legend.fontsize": 6,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.0,
    "lines.markersize": 3,
    "errorbar.capsize": 1.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "figure.dpi": 150,
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # TrueType: text stays text in an editor
    "svg.fonttype": "none",
    "svg.hashsalt": "napari-nanodope",
    "mathtext.default": "regular",
}


_STYLING = RLock()


@contextmanager
def journal_style() -> Iterator[None]:
    """Matplotlib settings of this package's figures, for as long as the block lasts.

    They are global, so a thread waits until no other one draws with them.
    """
    style = {key: value for key, value in _STYLE.items() if key in mpl.rcParams}
    with _STYLING, mpl.rc_context(style):
        yield


def make_figure(width_in: float, height_in: float) -> Figure:
    """Empty figure of a size in inches, with a layout that keeps labels apart."""
    return Figure(figsize=(width_in, height_in), layout="constrained")


def letter_panels(axes: list[Axes]) -> None:
    """Write a, b, c, ... above the panels' upper left corners."""
    for letter, ax in zip("abcdefghijklmnopqrstuvwxyz", axes, strict=False):
        ax.set_title(letter, loc="left", fontweight="bold")


def draw_nothing(ax: Axes, reason: str) -> None:
    """Say in an empty panel why it is empty."""
    ax.set_axis_off()
    ax.text(0.5, 0.5, reason, ha="center", va="center", color=GREY, transform=ax.transAxes)


def arrange_panels(figure: Figure, n_panels: int) -> list[Axes]:
    """Panels in rows, lettered."""
    width_in = figure.get_figwidth()
    n_rows, n_columns = count_rows(n_panels, width_in), _count_columns(n_panels, width_in)
    panels = list(figure.subplots(n_rows, n_columns, squeeze=False).flat)
    for ax in panels[n_panels:]:
        ax.remove()
    letter_panels(panels[:n_panels])
    return panels[:n_panels]


def count_rows(n_panels: int, width_in: float = DOUBLE_COLUMN_IN) -> int:
    """Rows that `arrange_panels` makes in a figure of this width."""
    return -(-n_panels // _count_columns(n_panels, width_in))


def _count_columns(n_panels: int, width_in: float) -> int:
    """At most three panels side by side, or two where three would leave no room for numbers."""
    return min(n_panels, 2 if n_panels == 4 or width_in < _THREE_COLUMNS_IN else 3)


def add_legend(figure: Figure, ax: Axes) -> None:
    """Legend of one panel for all, above the panels, where it covers nothing."""
    handles, names = ax.get_legend_handles_labels()
    if handles:
        figure.legend(handles, names, loc="outside upper center", ncols=len(handles))
