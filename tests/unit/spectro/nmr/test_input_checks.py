"""What no formula holds for is told in a sentence."""

import numpy as np
import pytest

from spectro import Axis, InputError, Spectrum, nmr, processing
from spectro.nmr.quadrupolar import quadrupolar_shift_ppm
from spectro.nmr.relaxation import mean_time_s


@pytest.mark.parametrize(
    "arguments",
    [("27Al", 0.0, 5.0, 0.0), ("1H", 400.0, 5.0, 0.0), ("2H", 60.0, 0.2, 0.0)],
)
def test_nuclei_without_a_central_transition(arguments):
    with pytest.raises(InputError, match="Expected a"):
        quadrupolar_shift_ppm(*arguments)


def test_times_and_exponents_that_are_none():
    with pytest.raises(InputError, match="exponent above 0"):
        mean_time_s(1.0, 0.0)
    with pytest.raises(InputError, match="Expected numbers"):
        nmr.fit_buildup(["soon", "later"], [1.0, 2.0])


@pytest.mark.parametrize(("y", "order"), [([1, 2, np.nan, 4, 5], 1), (np.ones(5), -1), ([1.0], 0)])
def test_baselines_of_what_has_none(y, order):
    spectrum = Spectrum(np.array(y), (Axis(np.arange(float(len(y))), "shift", "ppm"),))
    with pytest.raises(InputError, match="Expected"):
        processing.subtract_baseline(spectrum, order=order)


def test_sidebands_that_are_too_few_or_complex():
    spinning = nmr.Spinning(5000.0, 100.0)
    with pytest.raises(InputError, match="at least 4 orders"):
        nmr.fit_sidebands([0, 1, 2], [3.0, 2.0, 1.0], spinning)
    with pytest.raises(InputError, match="real intensities"):
        nmr.fit_sidebands([-1, 0, 1, 2], np.full(4, 1j), spinning)


def test_slices_are_taken_again():
    axes = (Axis(np.arange(2.0), "delay", "s"), Axis(np.arange(5.0), "shift", "ppm"))
    series = Spectrum(np.arange(10.0).reshape(2, 5), axes)
    for taken in (series.take(1), nmr.split_rows(series)[1]):
        again = processing.replay(series, taken.history)
        np.testing.assert_array_equal(again.y, taken.y)
