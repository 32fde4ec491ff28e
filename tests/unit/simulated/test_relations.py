"""What the simulated samples follow from, against numbers that are known otherwise."""

import math

import numpy as np
import pytest

from napari_nanodope.simulated import SERIES, relations
from spectro.nmr import layer_model


def test_dipolar_rate_is_that_of_a_sum_over_random_places():
    """exp(-k t) is what random spins, up or down at random, leave of the phase of one."""
    rng = np.random.default_rng(2)
    per_nm3, radius_nm, time_us = 0.01, 30.0, 0.02
    n = round(per_nm3 * 4 / 3 * math.pi * radius_nm**3)
    pair = 2 * math.pi * 52.04  # rad/us at 1 nm, for two free electrons
    signal = 0.0
    for _ in range(2000):
        r3 = radius_nm**3 * rng.random(n)
        shift = pair * (1 - 3 * rng.uniform(-1, 1, n) ** 2) / r3
        signal += np.prod(np.cos(shift * time_us / 2)) / 2000
    found = -math.log(signal) / time_us
    mM = per_nm3 * 1e27 / 6.02214076e23
    assert relations.dipolar_rate_per_us(mM) == pytest.approx(found, rel=0.05)
    assert relations.dipolar_rate_per_us(1.0) == pytest.approx(0.50, abs=0.005)


def test_relaxation_lies_between_the_times_that_were_published():
    """3 to 0.02 us, from undoped to 100 mM."""
    assert relations.relaxation_time_us(0.0) == pytest.approx(3.0)
    assert relations.relaxation_time_us(100.0) == pytest.approx(0.02, rel=0.02)


def test_lorentzian_width_is_that_of_its_time():
    """0.1 us: 1 / (2 pi 0.1 us) = 1.59 MHz half width, 28.02 MHz/mT."""
    half_mT = 1 / (2 * math.pi * 0.1) / 28.0249514
    assert relations.lorentzian_mT(0.1) == pytest.approx(2 / math.sqrt(3) * half_mT, rel=1e-6)


def test_enhancement_is_greatest_at_33_mM():
    c = np.linspace(0.0, 100.0, 1001)
    gain = [relations.enhancement(one) for one in c]
    assert c[int(np.argmax(gain))] == pytest.approx(33.0)
    assert (gain[0], max(gain)) == (1.0, pytest.approx(12.0))


def test_buildup_is_faster_and_more_even_with_more_dopants():
    times = [relations.buildup_time_s(one) for one in (0.0, 33.0)]
    assert times == [pytest.approx(400.0), pytest.approx(20.0)]
    betas = [relations.buildup_beta(one) for one in (0.0, 5.0, 50.0, 1e4)]
    assert betas == sorted(betas)
    assert (betas[0], betas[-1]) == (pytest.approx(0.6), pytest.approx(0.95))


@pytest.mark.parametrize("diameter_nm", [6.6, 8.6])
def test_layers_come_back_from_their_parts(diameter_nm):
    parts = relations.layer_fractions(diameter_nm)
    assert sum(parts.values()) == pytest.approx(1.0)
    model = layer_model(diameter_nm, parts)
    assert model.depth_nm == pytest.approx(relations.DEPTHS_nm)


def test_series_rises_from_an_undoped_reference():
    doped = [one.dopant_mM for one in SERIES]
    assert doped == sorted(doped)
    assert doped[0] == 0.0
    assert {one.location for one in SERIES if one.is_doped} == {"core", "mixed", "surface"}
    sizes = [relations.mean_diameter_nm(one.incubation_h) for one in SERIES]
    assert sizes == sorted(sizes)
