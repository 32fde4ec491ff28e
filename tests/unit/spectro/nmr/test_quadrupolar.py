"""Quadrupolar lines: moments that are known in closed form; what is asked of mrsimulator."""

import math
import sys

import numpy as np
import pytest

from spectro import InputError
from spectro.nmr import quadrupolar as q

X_ppm = np.linspace(300.0, -400.0, 4001)


def test_the_distribution_has_its_second_moment():
    cq, eta = np.meshgrid(np.linspace(0, 24, 601)[1:], (np.arange(200) + 0.5) / 200, indexing="ij")
    weight = q.weigh_czjzek(cq, eta, 2.0)
    assert weight.sum() == pytest.approx(1.0)
    assert (weight * cq**2 * (1 + eta**2 / 3)).sum() == pytest.approx(5 * 2.0**2, rel=1e-4)


def test_the_shift_by_the_quadrupole_is_that_of_the_textbook():
    # sodium, I = 3/2: -(1/40) (P / nu)^2
    found = q.quadrupolar_shift_ppm("23Na", 100.0, 2.0, 0.6)
    assert found == pytest.approx(-(0.02**2) * (1 + 0.12) / 40 * 1e6)
    # aluminium, I = 5/2: -(6 / 1000) (P / nu)^2
    found = q.quadrupolar_shift_ppm("27Al", 100.0, 2.0, 0.0)
    assert found == pytest.approx(-(0.02**2) * 6e3)


@pytest.mark.parametrize("mas_Hz", [0.0, math.inf])
@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("nucleus", ["27Al", "17O"])
def test_a_central_transition_has_its_centre_of_gravity(nucleus, eta, mas_Hz):
    line = q.QuadrupolarLine(nucleus, 100.0, 20.0, 3.0, mas_Hz)
    y = q.simulate_quadrupolar(X_ppm, line, 4.0, eta)
    expected = 20.0 + q.quadrupolar_shift_ppm(nucleus, 100.0, 4.0, eta)
    assert -np.trapezoid(y, X_ppm) == pytest.approx(1.0, abs=1e-6)
    assert -np.trapezoid(y * X_ppm, X_ppm) == pytest.approx(expected, abs=0.1)


def test_a_disordered_powder_has_its_centre_of_gravity_and_a_tail_to_low_shifts():
    line = q.QuadrupolarLine("27Al", 104.2, 10.0, 2.0)
    y = q.simulate_czjzek(X_ppm, line, 2.0)
    mean = q.quadrupolar_shift_ppm("27Al", 104.2, math.sqrt(5) * 2.0, 0.0) + 10.0
    centre = -np.trapezoid(y * X_ppm, X_ppm)
    assert centre == pytest.approx(mean, abs=0.1)
    assert -np.trapezoid(y * (X_ppm - centre) ** 3, X_ppm) < 0


def test_a_missing_mrsimulator_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "mrsimulator", None)
    with pytest.raises(InputError, match="pip install mrsimulator"):
        q.simulate_quadrupolar(X_ppm, q.QuadrupolarLine("27Al", 104.2), 3.0)


def test_what_has_no_quadrupolar_line_is_told():
    for nucleus in ("113Cd", "2H"):
        with pytest.raises(InputError, match="spin 3/2"):
            q.QuadrupolarLine(nucleus, 100.0)
    with pytest.raises(InputError, match="width above 0"):
        q.QuadrupolarLine("27Al", 100.0, width_ppm=0.0)
    line = q.QuadrupolarLine("27Al", 100.0)
    with pytest.raises(InputError, match="asymmetry from 0 to 1"):
        q.simulate_quadrupolar(X_ppm, line, 3.0, 1.5)
    with pytest.raises(InputError, match="distribution above 0"):
        q.simulate_czjzek(X_ppm, line, 0.0)
