"""Powder spectra of Mn(II) against diagonalisation in every direction; see make_epr.py."""

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from spectro import epr

HERE = Path(__file__).parent
N_PARAMETERS = 7


def read_references() -> dict[tuple[float, ...], tuple[float, NDArray[np.float64]]]:
    """Estimated error, and spectrum, by frequency, D, E, width, and ends of the field."""
    with (HERE / "epr.csv").open(newline="", encoding="utf-8") as file:
        rows = [list(map(float, row)) for row in list(csv.reader(file))[1:]]
    return {
        tuple(row[: N_PARAMETERS - 1]): (row[N_PARAMETERS - 1], np.array(row[N_PARAMETERS:]))
        for row in rows
    }


REFERENCES = read_references()


def test_the_references_span_what_is_wanted():
    frequencies, splittings, _, widths, *_ = map(set, zip(*REFERENCES, strict=True))
    assert frequencies == {9.46, 34.0, 263.0}
    assert splittings == {0.0, 50.0, 200.0, 600.0}
    assert widths == {1.0}
    assert len(REFERENCES) == 3 * (1 + 3 * 2)
    for error, y in REFERENCES.values():
        assert error < 1e-4
        assert abs(y.sum()) < 1e-3 * np.abs(y).sum()  # a derivative, whole


@pytest.mark.parametrize(
    "key", REFERENCES, ids=lambda key: f"{key[0]:g} GHz, D {key[1]:g}, E {key[2]:g} MHz"
)
def test_every_spectrum_is_that_of_the_long_way(key):
    frequency_GHz, d_MHz, e_MHz, gaussian_mT, *field_mT = key
    _, reference = REFERENCES[key]
    system = epr.SpinSystem(2.5, 2.007, [epr.Nucleus("55Mn", -189.0)], d_MHz=d_MHz, e_MHz=e_MHz)
    experiment = epr.CwExperiment(frequency_GHz, tuple(field_mT), len(reference))
    spectrum = epr.simulate_cw(system, experiment, epr.LineShape(gaussian_mT))
    assert np.abs(spectrum.y - reference).max() <= 5e-4 * np.abs(reference).max()
    assert spectrum.metadata["error"] <= 5e-4
