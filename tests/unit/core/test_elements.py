"""Elements that were put into a spectrum are found, and others are not."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from napari_nanodope.core.elements import propose_elements
from napari_nanodope.core.xray import EnergyAxis, compute_fwhm_keV
from napari_nanodope.io.xray_lines import load_all_lines, load_lines

AXIS = EnergyAxis(-0.2, 0.01, 2048)
ENERGY = AXIS.to_keV()
LINES = load_all_lines()


def draw(
    contents: dict[str, float], background: float, *, fwhm: float = 130.0, shift: float = 0.0
) -> NDArray[np.float64]:
    """Expected counts: continuum that falls and is absorbed below 1 keV, and lines by weight."""
    continuum = np.exp(-ENERGY / 5) * np.clip(1 - np.exp(-ENERGY / 0.4), 0, None) * (ENERGY > 0)
    spectrum = background * continuum / continuum.sum()
    for symbol, counts in contents.items():
        for line in load_lines(symbol):
            if 0.1 < line.energy_keV < 20:
                sigma = compute_fwhm_keV(line.energy_keV, fwhm) / 2.3548
                shape = norm.pdf(ENERGY, line.energy_keV + shift, sigma) * AXIS.step_keV
                spectrum = spectrum + counts * line.weight * shape
    return spectrum


SAMPLE = {"Cd": 4000.0, "S": 3500.0, "Mn": 300.0, "Cu": 2500.0, "C": 3000.0, "Si": 600.0}


@pytest.mark.parametrize("times", [1, 10, 100])
@pytest.mark.parametrize("seed", range(3))
def test_elements_of_a_doped_sample_are_found_and_no_others(times, seed):
    expected = draw({s: times * n for s, n in SAMPLE.items()}, times * 20_000)
    spectrum = np.random.default_rng(seed).poisson(expected)
    found = propose_elements(spectrum, AXIS, LINES).elements
    assert set(SAMPLE) <= set(found)
    assert len(set(found) - set(SAMPLE)) <= 1


def test_counts_come_out_and_order_the_list():
    spectrum = np.random.default_rng(1).poisson(draw({s: 20 * n for s, n in SAMPLE.items()}, 4e5))
    proposals = propose_elements(spectrum, AXIS, LINES).proposals
    counts = [one.counts for one in proposals]
    assert counts == sorted(counts, reverse=True)
    for one in proposals:
        if one.line.energy_keV > 1:
            assert one.counts == pytest.approx(20 * SAMPLE[one.line.element], rel=0.1)
            assert one.significance > 5


@pytest.mark.parametrize("background", [0, 1e3, 1e5, 1e7])
def test_a_continuum_alone_shows_no_element(background):
    n_found = 0
    for seed in range(10):
        spectrum = np.random.default_rng(seed).poisson(draw({}, background))
        n_found += len(propose_elements(spectrum, AXIS, LINES).proposals)
    assert n_found <= 1


def test_the_noise_peak_is_no_element():
    noise = 1e6 * norm.pdf(ENERGY, 0, 0.02) * AXIS.step_keV
    spectrum = np.random.default_rng(0).poisson(draw({"Cd": 5000.0}, 1e4) + noise)
    assert propose_elements(spectrum, AXIS, LINES).elements == ("Cd",)


@pytest.mark.parametrize("shift", [-0.04, -0.02, 0.0, 0.03, 0.05])
@pytest.mark.parametrize("fwhm", [126.0, 138.0])
def test_a_wrong_calibration_is_measured(shift, fwhm):
    expected = draw({s: 20 * n for s, n in SAMPLE.items()}, 4e5, fwhm=fwhm, shift=shift)
    reading = propose_elements(np.random.default_rng(3).poisson(expected), AXIS, LINES)
    assert reading.shift_keV == pytest.approx(shift, abs=0.011)
    assert set(SAMPLE) <= set(reading.elements)
    again = propose_elements(expected, AXIS, LINES, calibrated=reading)
    assert again.shift_keV == reading.shift_keV


def test_what_microscopes_add_is_named():
    spectrum = np.random.default_rng(4).poisson(draw({s: 20 * n for s, n in SAMPLE.items()}, 4e5))
    told = {
        one.line.element: one.artefact for one in propose_elements(spectrum, AXIS, LINES).proposals
    }
    assert "grid" in told["Cu"]
    assert "film" in told["C"]
    assert "detector" in told["Si"]
    assert told["Cd"] == told["Mn"] == ""


def test_peaks_of_the_detector_are_named():
    expected = draw({"Fe": 1e6}, 1e5)
    sigma = compute_fwhm_keV(4.664) / 2.3548
    expected += 8e3 * norm.pdf(ENERGY, 6.4039 - 1.7397, sigma) * AXIS.step_keV
    expected += 3e3 * norm.pdf(ENERGY, 2 * 6.4039, compute_fwhm_keV(12.8) / 2.3548) * AXIS.step_keV
    reading = propose_elements(np.random.default_rng(5).poisson(expected), AXIS, LINES)
    ghosts = {one.artefact for one in reading.proposals if " peak of " in one.artefact}
    assert "escape peak of Fe Ka" in ghosts
    assert reading.elements[0] == "Fe"
    assert len(reading.elements) <= 2


def test_lines_that_cannot_be_told_apart_are_listed():
    spectrum = np.random.default_rng(6).poisson(draw({"S": 1e5, "Cd": 1e5}, 1e5))
    (sulphur,) = [
        one for one in propose_elements(spectrum, AXIS, LINES).proposals if one.line.element == "S"
    ]
    assert "Mo La" in sulphur.alternatives


def test_low_beams_excite_only_soft_lines():
    spectrum = np.random.default_rng(7).poisson(draw({"Al": 1e4}, 2e4))
    assert propose_elements(spectrum, AXIS, LINES, beam_keV=10).elements == ("Al",)


@pytest.mark.parametrize("spectrum", [np.zeros(2048), np.full(2048, np.nan)])
def test_an_empty_spectrum_shows_nothing(spectrum):
    reading = propose_elements(spectrum, AXIS, LINES)
    assert reading.proposals == ()
    assert reading.shift_keV == 0


@pytest.mark.parametrize(
    "axis", [EnergyAxis(0.0, 1e-4, 2048), EnergyAxis(50.0, 0.01, 2048), EnergyAxis(0.0, 5.0, 2048)]
)
def test_spectra_elsewhere_show_nothing_and_do_no_harm(axis):
    spectrum = np.zeros(2048)
    spectrum[700:703] = 1e5
    reading = propose_elements(spectrum, axis, LINES)
    assert len(reading.proposals) <= 1
