"""Edges of the windows of a line: which one is near, and how far it may move."""

from dataclasses import dataclass
from typing import Literal

from napari_nanodope.core.xray import EnergyAxis
from napari_nanodope.recipe import LineWindows

Side = Literal["below_keV", "window_keV", "above_keV"]
SIDES: tuple[Side, ...] = ("below_keV", "window_keV", "above_keV")
_LEAST_CHANNELS = 2  # in a window, so that it always holds one of its own
_DIGITS = 4  # of energies in keV: a tenth of an eV


@dataclass(frozen=True, slots=True)
class Edge:
    """One end of a window: 0 for the lower, 1 for the upper."""

    side: Side
    end: int
    energy_keV: float


def list_edges(windows: LineWindows) -> list[Edge]:
    """Edges by ascending energy."""
    there = [(side, getattr(windows, side)) for side in SIDES]
    return [Edge(side, end, w[end]) for side, w in there if w is not None for end in (0, 1)]


def find_edge(windows: LineWindows, at_keV: float, reach_keV: float) -> Edge | None:
    """Nearest edge within reach; where two windows touch, that of the window pointed at."""
    near = [edge for edge in list_edges(windows) if abs(edge.energy_keV - at_keV) <= reach_keV]

    def rank(edge: Edge) -> tuple[float, bool]:
        is_inside = (at_keV > edge.energy_keV) == (edge.end == 0)
        return abs(edge.energy_keV - at_keV), not is_inside

    return min(near, key=rank, default=None)


def move_edge(windows: LineWindows, edge: Edge, to_keV: float, axis: EnergyAxis) -> LineWindows:
    """Windows with one edge moved, as far as its neighbours and the spectrum let it.

    Parameters
    ----------
    windows : LineWindows
        As they are.
    edge : Edge
        Which one to move.
    to_keV : float
        Where to.
    axis : EnergyAxis
        Energies of the spectrum; a window keeps at least two channels.
    """
    edges = list_edges(windows)
    index = next(i for i, one in enumerate(edges) if (one.side, one.end) == (edge.side, edge.end))
    width = _LEAST_CHANNELS * axis.step_keV
    low = edges[index - 1].energy_keV if index else axis.offset_keV
    high = edges[index + 1].energy_keV if index + 1 < len(edges) else axis.end_keV
    low, high = (low, high - width) if edge.end == 0 else (low + width, high)
    if low > high:  # the windows are as narrow as they may be
        return windows
    place = min(max(round(to_keV, _DIGITS), low), high)
    ends = list(getattr(windows, edge.side))
    ends[edge.end] = place
    return _replace(windows, edge.side, (ends[0], ends[1]))


def toggle_side(windows: LineWindows, side: Side, axis: EnergyAxis) -> LineWindows:
    """Windows without the background of one side, or with it, beside the line and as wide.

    They come back as they are where the spectrum leaves no room for it.
    """
    if getattr(windows, side) is not None:
        return _replace(windows, side, None)
    start, end = windows.window_keV
    width = end - start
    if side == "below_keV":
        ends = max(start - 1.5 * width, axis.offset_keV), start - width / 2
    else:
        ends = end + width / 2, min(end + 1.5 * width, axis.end_keV)
    if ends[1] - ends[0] < _LEAST_CHANNELS * axis.step_keV:
        return windows
    return _replace(windows, side, (round(ends[0], _DIGITS), round(ends[1], _DIGITS)))


def _replace(windows: LineWindows, side: Side, window: tuple[float, float] | None) -> LineWindows:
    return LineWindows.model_validate(windows.model_dump() | {side: window})
