"""Net maps from spectra whose line and background are known."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import erf

from napari_nanodope import InputError
from napari_nanodope.core.xray import compute_fwhm_keV, extract_net_map

LINE_KEV = 5.9
ENERGY = np.arange(2000) * 0.005


def gaussian(height: float = 1.0, *, at: float = LINE_KEV) -> NDArray[np.float64]:
    """Counts per channel of a line of this total at the detector's resolution."""
    sigma = compute_fwhm_keV(at) / (2 * np.sqrt(2 * np.log(2)))
    density = np.exp(-((ENERGY - at) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi))
    return height * density * 0.005


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


@pytest.mark.parametrize("level", [0.0, 1.0, 250.0])
def test_a_constant_background_leaves_nothing(level):
    net = extract_net_map(np.full((3, 4, 2000), level), ENERGY, LINE_KEV)
    assert net.shape == (3, 4)
    assert net.dtype == np.float32
    np.testing.assert_allclose(net, 0, atol=1e-4)


def test_a_sloping_background_leaves_nothing_when_windows_are_symmetrical():
    cube = (3.0 + 0.02 * np.arange(2000))[None, None]
    net = extract_net_map(cube, ENERGY, LINE_KEV)
    in_window = 2 * compute_fwhm_keV(LINE_KEV) / 0.005 * (3 + 0.02 * LINE_KEV / 0.005)
    assert abs(net[0, 0]) < 1e-3 * in_window


def test_a_gaussian_line_gives_its_part_within_one_fwhm_on_either_side():
    # erf(FWHM / (sigma sqrt 2)) = erf(2 sqrt(ln 2)) = 0.9815 of it.
    net = extract_net_map(gaussian(1e4)[None, None] + 7.0, ENERGY, LINE_KEV)
    assert net[0, 0] == pytest.approx(1e4 * erf(2 * np.sqrt(np.log(2))), rel=0.01)


def test_a_distant_line_does_not_count():
    far = gaussian(1e5, at=LINE_KEV + 1.0)[None, None]
    assert extract_net_map(far, ENERGY, LINE_KEV)[0, 0] == pytest.approx(0, abs=1e-3)


def test_net_counts_are_the_sums_over_the_windows_written_out():
    rng = np.random.default_rng(0)
    energy = np.arange(1000) * 0.01 - 0.2
    cube = rng.poisson(2.0, (5, 6, 1000)).astype(np.uint8)
    fwhm = compute_fwhm_keV(6.4)
    expected = np.zeros((5, 6))
    for y, x in np.ndindex(5, 6):
        line, below, above = [], [], []
        for e, counts in zip(energy, cube[y, x].tolist(), strict=True):
            if 6.4 - fwhm <= e <= 6.4 + fwhm:
                line.append(counts)
            elif 6.4 - 3 * fwhm <= e <= 6.4 - 2 * fwhm:
                below.append(counts)
            elif 6.4 + 2 * fwhm <= e <= 6.4 + 3 * fwhm:
                above.append(counts)
        mean = (sum(below) / len(below) + sum(above) / len(above)) / 2
        expected[y, x] = sum(line) - mean * len(line)
    np.testing.assert_allclose(extract_net_map(cube, energy, 6.4), expected, rtol=1e-5, atol=1e-5)


def test_negative_net_counts_are_kept_and_average_out():
    cube = np.random.default_rng(1).poisson(0.05, (200, 200, 300)).astype(np.uint16)
    net = extract_net_map(cube, ENERGY[1030:1330], LINE_KEV)
    assert (net < 0).any()
    assert net.mean() == pytest.approx(0, abs=5 * float(net.std()) / 200)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_small_types_do_not_overflow(dtype):
    cube = np.zeros((2, 2, 2000), dtype)
    line = np.abs(ENERGY - LINE_KEV) < 0.06
    cube[:, :, line] = 255
    assert extract_net_map(cube, ENERGY, LINE_KEV)[0, 0] == 255 * line.sum()


def test_counts_add_up_pixel_by_pixel():
    rng = np.random.default_rng(2)
    one, other = rng.poisson(1.0, (2, 4, 4, 2000))
    together = extract_net_map(one + other, ENERGY, LINE_KEV)
    apart = sum(extract_net_map(cube, ENERGY, LINE_KEV) for cube in (one, other))
    np.testing.assert_allclose(together, apart, atol=1e-4)


@pytest.mark.parametrize("line_keV", [0.05, 9.99, 12.0])
def test_a_line_beyond_the_spectrum_is_refused(line_keV):
    with pytest.raises(InputError, match=r"Expected a spectrum that covers .*, got 0.00 to 10.00"):
        extract_net_map(np.ones((2, 2, 2000)), ENERGY, line_keV)


@pytest.mark.parametrize("end", ["low", "high"])
def test_windows_cut_by_the_end_of_the_spectrum_are_refused(end):
    beyond = (ENERGY - LINE_KEV) / compute_fwhm_keV(LINE_KEV)
    kept = beyond < 2.1 if end == "high" else beyond > -2.1
    with pytest.raises(InputError, match="Expected a spectrum that covers"):
        extract_net_map(np.ones((2, 2, kept.sum())), ENERGY[kept], LINE_KEV)
