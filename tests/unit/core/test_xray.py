"""Windows and net counts from spectra whose lines and background are known."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from napari_nanodope import InputError
from napari_nanodope.core.xray import (
    EnergyAxis,
    Spectrometer,
    XrayLine,
    choose_line,
    compute_fwhm_keV,
    cut_windows,
    find_overlaps,
    place_windows,
    plan_net_counts,
)
from napari_nanodope.io.xray_lines import load_lines
from napari_nanodope.recipe import LineWindows

AXIS = EnergyAxis(0.0, 0.005, 2000)
ENERGY = np.arange(2000) * 0.005
MN_KA = XrayLine("Mn", "Ka", 5.8987, 1.0)
SEEN = Spectrometer(AXIS)


def gaussian(counts: float = 1.0, *, at: float = MN_KA.energy_keV) -> NDArray[np.float64]:
    """Counts per channel of a line of this total at the detector's resolution."""
    sigma = compute_fwhm_keV(at) / (2 * np.sqrt(2 * np.log(2)))
    return counts * norm.pdf(ENERGY, at, sigma) * 0.005


def measure(spectra: NDArray[np.generic], windows: LineWindows) -> NDArray[np.float64]:
    """Net counts of spectra (..., E), by the sums that the plan asks for."""
    plan = plan_net_counts(windows, AXIS)
    sums = np.stack([spectra[..., a:b].sum(axis=-1, dtype=float) for a, b in plan.ranges], axis=-1)
    return plan.compute_net(sums).astype(float)


def alone() -> LineWindows:
    return place_windows(MN_KA, [(MN_KA, 1e4)], 50.0, SEEN)


@pytest.mark.parametrize(
    ("energy_keV", "fwhm_eV"),
    [
        (5.8987, 130.0),
        (8.0478, 149.24),  # Cu Ka: sqrt(16900 + 2.5 x 2149.1)
        (3.1338, 99.9),  # Cd La
        (1.0, 68.2),
    ],
)
def test_the_width_of_a_line_by_hand(energy_keV, fwhm_eV):
    assert 1000 * compute_fwhm_keV(energy_keV) == pytest.approx(fwhm_eV, abs=0.05)


def test_a_better_detector_narrows_every_line_and_none_vanishes():
    energies = np.linspace(0.05, 20, 200)
    widths = [compute_fwhm_keV(energy) for energy in energies]
    assert (np.diff(widths) >= 0).all()
    for energy in energies:
        assert 0.03 <= compute_fwhm_keV(energy, 125.0) <= compute_fwhm_keV(energy, 140.0)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1.0, 1.02, (100, 103)),  # ends count
        (1.001, 1.019, (101, 102)),
        (-5.0, 0.0, (0, 1)),
        (19.985, 99.0, (1999, 2000)),
        (3.003, 3.004, (301, 301)),  # between two channels: none
    ],
)
def test_channels_of_a_range_by_hand(low, high, expected):
    assert EnergyAxis(0.0, 0.01, 2000).to_range(low, high) == expected


@pytest.mark.parametrize("step", [0.0, -0.01, np.nan, np.inf])
def test_energies_must_ascend(step):
    with pytest.raises(InputError, match="ascending energy axis"):
        EnergyAxis(0.0, step, 100)


def test_net_counts_are_the_sums_over_the_windows_written_out():
    windows = LineWindows(
        line="Ka", window_keV=(5.8, 6.0), below_keV=(5.2, 5.25), above_keV=(6.5, 6.7)
    )
    spectrum = np.random.default_rng(0).poisson(9.0, 2000)
    line = [n for e, n in zip(ENERGY, spectrum, strict=True) if 5.7999 <= e <= 6.0001]
    below = [n for e, n in zip(ENERGY, spectrum, strict=True) if 5.1999 <= e <= 5.2501]
    above = [n for e, n in zip(ENERGY, spectrum, strict=True) if 6.4999 <= e <= 6.7001]
    t = (5.9 - 5.225) / (6.6 - 5.225)
    level = (1 - t) * sum(below) / len(below) + t * sum(above) / len(above)
    assert (len(line), len(below), len(above)) == (41, 11, 41)
    expected = sum(line) - len(line) * level
    assert measure(spectrum, windows) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("sides", ["both", "below", "above", "none"])
@pytest.mark.parametrize("slope", [0.0, 0.02, -0.01])
def test_a_straight_background_leaves_nothing(sides, slope):
    windows = LineWindows(
        line="Ka",
        window_keV=(5.8, 6.0),
        below_keV=(5.0, 5.3) if sides in ("both", "below") else None,
        above_keV=(6.1, 6.2) if sides in ("both", "above") else None,
    )
    background = 50.0 + slope * np.arange(2000)
    net = measure(background, windows)
    if sides == "both" or (slope == 0 and sides != "none"):
        assert net == pytest.approx(0, abs=1e-2)
    else:
        assert abs(net) > 1


@pytest.mark.parametrize("sides", ["both", "below"])
def test_the_variance_is_that_of_poisson_counts(sides):
    windows = LineWindows(
        line="Ka",
        window_keV=(5.8, 6.0),
        below_keV=(5.2, 5.25),
        above_keV=(6.5, 6.7) if sides == "both" else None,
    )
    plan = plan_net_counts(windows, AXIS)
    rng = np.random.default_rng(1)
    sums = np.stack(
        [rng.poisson(mean, 40_000) for mean in (300, 60, 200)[: len(plan.ranges)]], axis=-1
    )
    net, variance = plan.compute_net(sums), plan.compute_variance(sums)
    assert float(variance.mean()) == pytest.approx(float(net.var()), rel=0.03)


def test_negative_net_counts_are_kept_and_average_out():
    spectra = np.random.default_rng(1).poisson(0.05, (40_000, 2000)).astype(np.uint8)
    net = measure(spectra, alone())
    assert (net < 0).any()
    assert net.mean() == pytest.approx(0, abs=4 * net.std() / 200)


def test_a_gaussian_line_gives_its_part_within_one_fwhm_on_either_side():
    # erf(2 sqrt(ln 2)) = 0.9815 of it.
    assert measure(gaussian(1e4) + 7.0, alone()) == pytest.approx(9815, rel=0.01)


def test_windows_lie_near_where_nothing_disturbs():
    windows, fwhm = alone(), compute_fwhm_keV(MN_KA.energy_keV)
    assert np.mean(windows.window_keV) == pytest.approx(MN_KA.energy_keV, abs=1e-5)
    assert windows.below_keV is not None
    assert windows.above_keV is not None
    for near in (MN_KA.energy_keV - windows.below_keV[1], windows.above_keV[0] - MN_KA.energy_keV):
        assert 1.2 * fwhm < near < 2.6 * fwhm


@pytest.mark.parametrize("energy", np.arange(6.2, 7.0, 0.1))
@pytest.mark.parametrize("counts", [1e3, 1e6])
def test_windows_keep_clear_of_a_neighbour(energy, counts):
    other = XrayLine("Xx", "Ka", float(energy), 1.0)
    windows = place_windows(MN_KA, [(MN_KA, 1e4), (other, counts)], 50.0, SEEN)
    net = measure(gaussian(1e4) + gaussian(counts, at=energy) + 3.0, windows)
    into_line = counts * SEEN.measure_share([other], [windows.window_keV])[0, 0]
    assert net == pytest.approx(9815 + into_line, abs=150)


def test_a_line_beside_the_noise_peak_has_one_window_of_background():
    carbon = XrayLine("C", "Ka", 0.2774, 1.0)
    windows = place_windows(carbon, [(carbon, 1e4)], 50.0, SEEN)
    assert windows.below_keV is None or windows.below_keV[0] > 0.09
    assert windows.above_keV is not None
    with pytest.raises(InputError, match=r"covers C Ka at 0.28 keV .*, got 0.50 to 10.50"):
        place_windows(carbon, [], 50.0, Spectrometer(EnergyAxis(0.5, 0.005, 2000)))


def test_windows_move_with_the_calibration():
    moved = Spectrometer(AXIS, shift_keV=0.04)
    plain, shifted = alone(), place_windows(MN_KA, [(MN_KA, 1e4)], 50.0, moved)
    difference = np.subtract(shifted.window_keV, plain.window_keV)
    np.testing.assert_allclose(difference, 0.04, atol=1e-6)


@pytest.mark.parametrize("energy", [9.99, 12.0, -1.0])
def test_a_line_beyond_the_spectrum_is_refused(energy):
    with pytest.raises(InputError, match=r"Expected a spectrum that covers .*got 0.00 to"):
        place_windows(XrayLine("Xx", "Ka", energy, 1.0), [], 50.0, SEEN)


@pytest.mark.parametrize(
    ("mapped", "line", "disturbing", "names"),
    [
        ("Mn", "Ka", "Cr", {"Cr Kb"}),
        ("Cd", "La", "K", {"K Ka"}),
        ("S", "Ka", "Pb", {"Pb Ma"}),
        ("S", "Ka", "Mo", {"Mo La"}),
    ],
)
def test_known_overlaps_are_found_by_name(mapped, line, disturbing, names):
    chosen = next(one for one in load_lines(mapped) if one.name == line)
    windows = place_windows(chosen, [(chosen, 1e4)], 50.0, SEEN)
    others = [(one, 1e5 * one.weight) for one in load_lines(disturbing)]
    found = dict(find_overlaps(windows, others, 200.0, SEEN))
    assert names <= {one.label for one in found}
    for one, counts in found.items():
        sigma = compute_fwhm_keV(one.energy_keV) / 2.3548
        low, high = norm.cdf(np.array(windows.window_keV), one.energy_keV, sigma)
        assert counts == pytest.approx(1e5 * one.weight * (high - low), rel=1e-3)


def test_the_line_is_the_hardest_that_detectors_see():
    wide, narrow = EnergyAxis(0.0, 0.01, 4000), EnergyAxis(0.0, 0.01, 500)
    for element, axis, name in (
        ("Mn", wide, "Ka"),
        ("Cd", wide, "La"),
        ("Pt", wide, "La"),
        ("Pt", narrow, "Ma"),
    ):
        assert choose_line(element, load_lines(element), None, axis).name == name
    assert choose_line("Cd", load_lines("Cd"), "K", wide).energy_keV == pytest.approx(
        23.17, abs=0.01
    )
    with pytest.raises(InputError, match="line of Mn"):
        choose_line("Mn", load_lines("Mn"), "Ma", wide)
    with pytest.raises(InputError, match="line of H between"):
        choose_line("H", load_lines("H"), None, wide)


def test_windows_without_channels_are_refused():
    coarse = EnergyAxis(0.0, 0.5, 40)
    windows = LineWindows(line="Ka", window_keV=(5.9, 5.95), above_keV=(6.0, 7.0))
    with pytest.raises(InputError, match="where it has no channel"):
        plan_net_counts(windows, coarse)


def test_touching_windows_share_no_channel():
    windows = LineWindows(
        line="Ka", window_keV=(3.0, 3.5), below_keV=(2.5, 3.0), above_keV=(3.5, 4.0)
    )
    plan = plan_net_counts(windows, EnergyAxis(0.0, 0.01, 1000))
    assert plan.ranges == ((300, 350), (250, 300), (350, 401))


def test_windows_are_cut_where_the_spectrum_ends():
    axis = EnergyAxis(0.16, 0.02, 200)  # to 4.14 keV
    windows = LineWindows(line="Ka", window_keV=(3.0, 4.15), below_keV=(-1, 1), above_keV=None)
    cut = cut_windows(windows, axis)
    assert (cut.below_keV, cut.window_keV, cut.above_keV) == ((0.16, 1), (3.0, 4.15), None)
    for window in ((3.0, 4.2), (0.1, 1.0)):
        with pytest.raises(InputError, match=r"window of Ka within the spectrum \(0\.16 to 4\.14"):
            cut_windows(LineWindows(line="Ka", window_keV=window), axis)


def test_background_twice_in_one_channel_is_refused():
    coarse = EnergyAxis(0.0, 0.5, 40)
    sides = {"below_keV": (3.0, 3.0), "above_keV": (3.0, 3.2)}
    windows = LineWindows(line="Ka", window_keV=(3.0, 3.0), **sides)
    with pytest.raises(InputError, match="where it has no channel of its own"):
        plan_net_counts(windows, coarse)
