"""Spectra are drawn as they are, with windows and names in their places."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import napari_nanodope as nd
from napari_nanodope.core.xray import EnergyAxis
from napari_nanodope.io.spectrum import SumSpectrum
from napari_nanodope.io.xray_lines import load_lines
from napari_nanodope.recipe import LineWindows
from spectro.figures.labels import spread_labels

AXIS = EnergyAxis(0.0, 0.02, 600)
WINDOWS = LineWindows(
    line="Ka", window_keV=(5.77, 6.03), below_keV=(5.4, 5.6), above_keV=(6.1, 6.3)
)


@pytest.fixture
def spectrum() -> SumSpectrum:
    counts = np.random.default_rng(0).poisson(40, 600).astype(float)
    counts[:5] = 9000  # the noise peak at 0 keV
    return SumSpectrum(AXIS, counts, n_pixels=100)


@pytest.fixture
def ax():
    return Figure(figsize=(4, 2.5), layout="constrained").subplots()


def test_the_numbers_drawn_are_those_of_the_spectrum(ax, spectrum) -> None:
    part = SumSpectrum(AXIS, spectrum.counts / 2, n_pixels=50)
    table = nd.figures.draw_spectrum(ax, spectrum, windows=WINDOWS, part=part)
    np.testing.assert_array_equal(table["counts"], spectrum.counts)
    np.testing.assert_array_equal(table["part_counts"], spectrum.counts / 2)
    for line, counts in zip(ax.lines, (spectrum.counts, part.counts), strict=True):
        np.testing.assert_array_equal(line.get_xdata(), AXIS.to_keV())
        np.testing.assert_array_equal(line.get_ydata(), counts)
    assert [text.get_text() for text in ax.get_legend().texts] == ["whole", "chosen particles"]
    assert ax.get_xlabel() == "energy (keV)"
    assert ax.get_ylabel() == "counts per 20 eV"


def test_windows_are_shaded_where_they_are_and_in_two_shades(ax, spectrum) -> None:
    table = nd.figures.draw_spectrum(ax, spectrum, windows=WINDOWS)
    spans = {(patch.get_x(), patch.get_x() + patch.get_width()): patch for patch in ax.patches}
    expected = {WINDOWS.window_keV, WINDOWS.below_keV, WINDOWS.above_keV}
    np.testing.assert_allclose(sorted(spans), sorted(expected))
    shades = [to_rgb(patch.get_facecolor()) for _, patch in sorted(spans.items())]
    assert shades[0] == shades[2] != shades[1]
    for name, (low, high) in {"line": WINDOWS.window_keV, "below": WINDOWS.below_keV}.items():
        energy = table.loc[table["window"] == name, "energy_keV"]
        inside = (table["energy_keV"] >= low - 1e-9) & (table["energy_keV"] <= high + 1e-9)
        np.testing.assert_array_equal(energy, table.loc[inside, "energy_keV"])


def test_windows_without_background_have_one_band(ax, spectrum) -> None:
    alone = LineWindows(line="Ka", window_keV=(5.77, 6.03))
    table = nd.figures.draw_spectrum(ax, spectrum, windows=alone)
    assert len(ax.patches) == 1
    assert set(table["window"]) == {"", "line"}


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_the_noise_peak_does_not_set_the_height(scale, ax, spectrum) -> None:
    ax.set_yscale(scale)
    nd.figures.draw_spectrum(ax, spectrum)
    highest = spectrum.counts[5:].max()
    assert highest < ax.get_ylim()[1] < 3 * highest
    assert ax.get_yscale() == scale


def test_limits_that_were_set_are_kept(ax, spectrum) -> None:
    ax.set_xlim(2.0, 4.0)
    nd.figures.draw_spectrum(ax, spectrum, lines=load_lines("Cd") + load_lines("Mn"))
    assert ax.get_xlim() == (2.0, 4.0)
    assert {text.get_text()[:2] for text in ax.texts} == {"Cd"}


def test_names_of_lines_do_not_overlap_and_stay_in_the_picture(ax, spectrum) -> None:
    lines = [line for symbol in ("Mn", "Fe", "Cd", "S", "Cu") for line in load_lines(symbol)]
    with nd.figures.journal_style():
        nd.figures.draw_spectrum(ax, spectrum, lines=lines)
    FigureCanvasAgg(ax.figure).draw()
    boxes = [text.get_window_extent() for text in ax.texts]
    assert len(boxes) >= 20
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
    assert all(box.y1 <= ax.figure.bbox.y1 for box in boxes)
    names = [text.get_text() for text in sorted(ax.texts, key=lambda t: t.get_position()[0])]
    energies = {line.label: line.energy_keV for line in lines}
    assert names == sorted(names, key=energies.__getitem__)


def test_names_without_room_are_left_out_from_the_last(ax, spectrum) -> None:
    lines = load_lines("Cd") + load_lines("Mn")
    nd.figures.draw_spectrum(ax, spectrum, lines=[*lines] * 8)
    assert 0 < len(ax.texts) < 8 * len(lines)
    assert "Cd La" in {text.get_text() for text in ax.texts}


@given(st.lists(st.floats(0, 10), min_size=1, max_size=12), st.floats(0.01, 0.8))
def test_labels_keep_their_order_distance_and_limits(places, width) -> None:
    places = sorted(places)
    moved = spread_labels(places, width, (0.0, 10.0))
    assert (np.diff(moved) >= width - 1e-9).all()
    assert moved.min() >= -1e-9
    assert moved.max() <= 10 + 1e-9
    if len(places) == 1 or np.diff(places).min() >= width:
        np.testing.assert_allclose(moved, places, atol=1e-12)


def test_labels_at_one_place_are_spread_evenly_about_it() -> None:
    np.testing.assert_allclose(spread_labels([5.0] * 3, 0.5, (0, 10)), [4.5, 5.0, 5.5])
