"""Spinning sidebands, against the intensities that mrsimulator gives at a converged density."""

import csv
from collections import defaultdict
from pathlib import Path

import pytest

from spectro import nmr

HERE = Path(__file__).parent


def read_references() -> dict[tuple[float, ...], dict[int, float]]:
    """Intensity by order, by span in ppm, skew, rate in Hz and frequency in MHz."""
    found: dict[tuple[float, ...], dict[int, float]] = defaultdict(dict)
    with (HERE / "sidebands.csv").open(newline="", encoding="utf-8") as file:
        for *key, order, intensity in list(csv.reader(file))[1:]:
            found[tuple(map(float, key))][int(order)] = float(intensity)
    return found


REFERENCES = read_references()


def test_the_references_span_what_is_measured():
    spans, _, rates, _ = map(set, zip(*REFERENCES, strict=True))
    assert (min(spans), max(spans), min(rates), max(rates)) == (50.0, 600.0, 600.0, 24000.0)
    for intensities in REFERENCES.values():
        assert sum(intensities.values()) == pytest.approx(1.0, abs=1e-4)
    assert max(map(len, REFERENCES.values())) > 100
    assert min(map(len, REFERENCES.values())) <= 5


@pytest.mark.parametrize("key", REFERENCES, ids=lambda key: "-".join(f"{one:g}" for one in key[:3]))
def test_every_sideband_is_that_of_mrsimulator(key):
    span_ppm, skew, mas_Hz, frequency_MHz = key
    field_T = nmr.find_field_T("113Cd", frequency_MHz)
    ours = nmr.simulate_sidebands(0.0, span_ppm, skew, "113Cd", field_T, mas_Hz)
    n = ours.metadata["highest_order"]
    theirs = REFERENCES[key]
    assert max(map(abs, theirs)) <= n
    for order in range(-n, n + 1):
        assert ours.y[order + n] == pytest.approx(theirs.get(order, 0.0), abs=1e-5)
