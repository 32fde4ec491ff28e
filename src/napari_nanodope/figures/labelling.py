"""Names beside points, where they cover neither points nor each other."""

from itertools import product

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from napari_nanodope.figures.style import BLACK

_NAME_PT, _AROUND_PT = 6.0, 0.8
_GAPS_PT = (3.0, 7.0, 11.0)
_MARKER_PT = 2.0  # half a marker
_BAR_PT = 1.0  # half a bar
_TOUCH = 0.5  # what it costs to touch something, in parts of a name that is covered
_STEP_PX = 2.0  # between points along a line
_FAR = 0.02  # and to be put further away, or elsewhere than to the upper right
_BESIDE = tuple(product((1, -1, 0), (1, -1, 0)))[:-1]  # right, left, middle x up, down, middle

Boxes = NDArray[np.float64]


def name_points(ax: Axes, points: pd.DataFrame) -> None:
    """Write the name of each sample beside one of its points, of those above each other.

    Parameters
    ----------
    ax : Axes
        With its final limits and labels.
    points : DataFrame
        ``sample_id, x, x_low, x_high, y, y_low, y_high``.

    Notes
    -----
    Each name goes to where it covers least: points, bars, names that are written, dashed lines, or
    what is beyond the panel.
    """
    figure = ax.get_figure(root=True)
    if figure is None:
        return
    figure.draw_without_rendering()  # so that panels have their places
    scale = figure.dpi / 72
    box = ax.get_window_extent()
    panel = np.array([box.x0, box.y0, box.x1, box.y1])
    taken, lines = _find_marks(ax, points, scale), _find_lines(ax)
    for (sample_id, _), rows in points.groupby(["sample_id", "x"], sort=False):
        at = ax.transData.transform(rows[["x", "y"]].to_numpy())
        width, height = (scale * one for one in _measure(str(sample_id)))
        tried = [
            (_cover(place, taken, panel) + _cross(place, lines) + _FAR * n, n_point, offset, place)
            for n_point, point in enumerate(at)
            for n, offset in enumerate(product(_GAPS_PT, _BESIDE))
            for place in [_place(point, offset, (width, height), scale)]
        ]
        _, n_point, (gap, (right, up)), place = min(tried, key=lambda one: one[0])
        ax.annotate(
            str(sample_id),
            (float(rows["x"].iloc[n_point]), float(rows["y"].iloc[n_point])),
            xytext=(gap * right, gap * up),
            textcoords="offset points",
            ha=("center", "left", "right")[right],
            va=("center", "bottom", "top")[up],
            fontsize=_NAME_PT,
            color=BLACK,
            zorder=4,
        )
        taken = np.vstack([taken, place])


def _measure(text: str) -> tuple[float, float]:
    """Width and height of a name in points."""
    family = FontProperties(family=mpl.rcParams["font.family"])
    path = TextPath((0, 0), text, size=_NAME_PT, prop=family)
    return float(path.get_extents().width) + _AROUND_PT, _NAME_PT + 2 * _AROUND_PT


def _place(
    point: NDArray[np.float64],
    offset: tuple[float, tuple[int, int]],
    size: tuple[float, float],
    scale: float,
) -> Boxes:
    """Box (4,) of a name beside a point: left, bottom, right, top in pixels."""
    gap, directions = offset
    ends = []
    for at, side, extent in zip(point, directions, size, strict=True):
        near = at + side * gap * scale
        start = near - extent / 2 if side == 0 else near if side > 0 else near - extent
        ends.append((start, start + extent))
    (left, right), (bottom, top) = ends
    return np.array([left, bottom, right, top])


def _cover(box: Boxes, taken: Boxes, panel: Boxes) -> float:
    """How much of a box lies on others or beyond the panel, in parts of its own area."""
    area = _intersect(box, box[None])[0]
    covered, outside = _intersect(box, taken), area - _intersect(box, panel[None])[0]
    return float((covered.sum() + outside) / area + _TOUCH * (covered > 0).sum())


def _cross(box: Boxes, lines: NDArray[np.float64]) -> float:
    """What it costs that lines, as points (N, 2) in pixels, run through a box."""
    inside = (lines >= box[:2]) & (lines <= box[2:])
    return _TOUCH * bool(inside.all(axis=1).any())


def _find_lines(ax: Axes) -> NDArray[np.float64]:
    """Points (N, 2) in pixels, close to each other, along the dashed lines of a panel."""
    found = [np.zeros((0, 2))]
    for line in ax.lines:
        if line.get_linestyle() == "--":
            corners = ax.transData.transform(line.get_xydata())
            length = np.concatenate(
                [[0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))]
            )
            at = np.arange(0, length[-1], _STEP_PX)
            found.append(np.column_stack([np.interp(at, length, one) for one in corners.T]))
    return np.vstack(found)


def _intersect(box: Boxes, others: Boxes) -> NDArray[np.float64]:
    """Areas (N,) that a box has in common with others (N, 4)."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    return np.asarray(np.prod(np.clip(high - low, 0, None), axis=1))


def _find_marks(ax: Axes, points: pd.DataFrame, scale: float) -> Boxes:
    """Boxes (N, 4) of markers and bars in pixels."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    bars = {
        "x": points[["x_low", "y", "x_high", "y"]].to_numpy(),
        "y": points[["x", "y_low", "x", "y_high"]].to_numpy(),
    }
    at = points[["x", "y", "x", "y"]].to_numpy()
    boxes = [_to_pixels(ax, at, _MARKER_PT * scale)]
    for ends in bars.values():
        told = np.where(np.isnan(ends), at, ends)
        inside = np.clip(told, [left, bottom, left, bottom], [right, top, right, top])
        boxes.append(_to_pixels(ax, inside, _BAR_PT * scale))
    return np.vstack(boxes)


def _to_pixels(ax: Axes, corners: Boxes, margin: float) -> Boxes:
    low = ax.transData.transform(corners[:, :2]) - margin
    high = ax.transData.transform(corners[:, 2:]) + margin
    return np.hstack([low, high])
