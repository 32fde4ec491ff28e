"""Nuclear frequencies of echoes that spectrometers recorded: protons are where their field says."""

from pathlib import Path

import numpy as np
import pytest

import spectro
from spectro import epr
from spectro.isotopes import isotope


@pytest.fixture(scope="module")
def folder(real_data: Path) -> Path:
    return real_data / "spectra" / "epr"


def test_a_complex_echo_over_one_time(folder: Path) -> None:
    echo = spectro.load(folder / "00012107.dsc")
    found = epr.process_eseem(echo)
    peaks = epr.find_peaks(found, range_MHz=(12.0, 20.0))
    assert len(peaks) == 1
    lines = epr.assign_lines(peaks, field_mT=echo.metadata["field_mT"], nuclei=("1H",))
    assert lines.lines[0].candidates[0].name == "1H Larmor"
    assert abs(lines.lines[0].candidates[0].distance_MHz) < 0.2


@pytest.mark.parametrize("background", ["exponential", "polynomial"])
def test_a_hyscore_plane_has_protons_on_its_diagonal(folder: Path, background: str) -> None:
    plane = spectro.load(folder / "hys_2640G_100ns.DSC")
    found = epr.process_eseem(plane, background=background, zero_fill=2)
    assert found.y.shape == (800, 401)
    assert [axis.unit for axis in found.axes] == ["MHz", "MHz"]
    first, second = (axis.values for axis in found.axes)
    rows, columns = (first > 9.0) & (first < 14.0), (second > 9.0) & (second < 14.0)
    corner = found.y[np.ix_(rows, columns)]
    row, column = np.unravel_index(corner.argmax(), corner.shape)
    larmor = isotope("1H").larmor_MHz(1e-3 * plane.metadata["field_mT"])
    assert first[rows][row] == pytest.approx(larmor, abs=0.1)
    assert second[columns][column] == pytest.approx(larmor, abs=0.1)
    assert corner.max() > 10 * np.median(found.y)


def test_a_hyscore_plane_is_symmetric_about_its_diagonals(folder: Path) -> None:
    """Both times are worth the same: correlations (-a, b) and (-b, a) are of like height."""
    plane = spectro.load(folder / "hys_2640G_100ns.DSC")
    found = epr.process_eseem(plane, background="polynomial", zero_fill=2)
    first, second = (axis.values for axis in found.axes)

    def height(a: float, b: float) -> float:
        return float(found.y[np.abs(first - a).argmin(), np.abs(second - b).argmin()])

    for a, b in ((1.25, 3.83), (2.11, 4.69)):
        assert height(-a, b) == pytest.approx(height(-b, a), rel=0.1)
        assert min(height(-a, b), height(-b, a)) > 10 * np.median(found.y)
