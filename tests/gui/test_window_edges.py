"""Edges of windows are found and moved in order, whatever the mouse does; without a viewer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_nanodope._napari.window_edges import (
    SIDES,
    Edge,
    find_edge,
    list_edges,
    move_edge,
    toggle_side,
)
from napari_nanodope.core.xray import EnergyAxis, plan_net_counts
from napari_nanodope.recipe import LineWindows

AXIS = EnergyAxis(0.0, 0.01, 1001)
WINDOWS = LineWindows(line="Ka", window_keV=(5.8, 6.0), below_keV=(5.5, 5.6), above_keV=(6.0, 6.2))
ALONE = LineWindows(line="Ka", window_keV=(5.8, 6.0))


def test_edges_are_listed_by_energy():
    found = [(edge.side, edge.end, edge.energy_keV) for edge in list_edges(WINDOWS)]
    assert found == [
        ("below_keV", 0, 5.5),
        ("below_keV", 1, 5.6),
        ("window_keV", 0, 5.8),
        ("window_keV", 1, 6.0),
        ("above_keV", 0, 6.0),
        ("above_keV", 1, 6.2),
    ]


@pytest.mark.parametrize(
    ("at_keV", "expected"),
    [
        (5.49, ("below_keV", 0)),
        (5.62, ("below_keV", 1)),
        (5.79, ("window_keV", 0)),
        (5.99, ("window_keV", 1)),
        (6.01, ("above_keV", 0)),
        (5.7, None),
        (7.0, None),
    ],
)
def test_the_edge_near_is_found(at_keV, expected):
    edge = find_edge(WINDOWS, at_keV, 0.03)
    assert (edge and (edge.side, edge.end)) == expected


def test_an_edge_moves_where_it_is_pulled():
    moved = move_edge(WINDOWS, list_edges(WINDOWS)[2], 5.7, AXIS)
    assert moved == WINDOWS.model_copy(update={"window_keV": (5.7, 6.0)})


@pytest.mark.parametrize(
    ("index", "to_keV", "stops_at"),
    [(0, -3, 0.0), (0, 9, 5.58), (1, 9, 5.8), (1, 0, 5.52), (3, 9, 6.0), (5, 99, 10.0)],
)
def test_an_edge_stops_at_its_neighbours_and_where_the_spectrum_ends(index, to_keV, stops_at):
    edge = list_edges(WINDOWS)[index]
    moved = list_edges(move_edge(WINDOWS, edge, to_keV, AXIS))[index]
    assert moved.energy_keV == pytest.approx(stops_at)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(-2, 12)), max_size=12),
    st.lists(st.sampled_from(["below_keV", "above_keV"]), max_size=3),
)
def test_windows_can_always_be_counted(moves, toggles):
    windows = WINDOWS
    for index, to_keV in moves:
        edges = list_edges(windows)
        windows = move_edge(windows, edges[index % len(edges)], to_keV, AXIS)
    for side in toggles:
        windows = toggle_side(windows, side, AXIS)
    ends = [edge.energy_keV for edge in list_edges(windows)]
    assert ends == sorted(ends)
    assert len(plan_net_counts(windows, AXIS).ranges) == len(windows.in_order())


def test_background_is_taken_away_and_given_back():
    for side in ("below_keV", "above_keV"):
        assert getattr(toggle_side(WINDOWS, side, AXIS), side) is None
    both = toggle_side(toggle_side(ALONE, "below_keV", AXIS), "above_keV", AXIS)
    assert both.below_keV == (5.5, 5.7)
    assert both.above_keV == (6.1, 6.3)
    assert all(getattr(both, side) is not None for side in SIDES)


def test_background_needs_room():
    edge = LineWindows(line="Ka", window_keV=(9.8, 10.0))
    assert toggle_side(edge, "above_keV", AXIS) == edge


def test_windows_as_narrow_as_can_be_stay():
    narrow = LineWindows(line="Ka", window_keV=(5.80, 5.81), above_keV=(5.81, 5.9))
    edge = Edge("window_keV", 1, 5.81)
    assert move_edge(narrow, edge, 5.85, AXIS) == narrow
