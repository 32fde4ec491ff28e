"""Nuclear frequencies within the manifolds of the electron spin, against closed forms."""

import itertools
import sys
from pathlib import Path

import numpy as np
import pytest

from spectro import epr
from spectro.isotopes import isotope
from spectro.model import InputError

sys.path.insert(0, str(Path(__file__).parent))
import brute_force

Q_BAND_mT = 1220.0
MN_RATIO = isotope("55Mn").frequency_ratio


def manganese(a, **more):
    return epr.SpinSystem(2.5, 2.007, [epr.Nucleus("55Mn", a)], **more)


def mean_of(lines, ms):
    own = [one for one in lines if one.ms == ms]
    weights = [one.intensity for one in own]
    return np.average([one.frequency_MHz for one in own], weights=weights)


@pytest.mark.parametrize(
    ("a", "below", "above"), [(-196.0, 80.4, 115.6), (-189.0, 77.2, 111.8)], ids=["-196", "-189"]
)
def test_manganese_at_q_band(a, below, above):
    """The two lines are those of mS = -1/2 and +1/2; no other manifold is near them."""
    lines = epr.endor_lines(manganese(a), Q_BAND_mT)
    assert mean_of(lines, -0.5) == pytest.approx(below, abs=0.06)
    assert mean_of(lines, 0.5) == pytest.approx(above, abs=0.06)
    outer = [one.frequency_MHz for one in lines if abs(one.ms) > 1]
    assert len(lines) == 30
    assert min(outer) > 260


def test_the_sign_of_the_coupling_swaps_the_manifolds():
    """To second order, which does not know the sign, the frequencies stay."""
    plus, minus = (epr.endor_lines(manganese(a), Q_BAND_mT) for a in (196.0, -196.0))
    assert mean_of(plus, -0.5) > 100 > mean_of(plus, 0.5)
    assert mean_of(minus, 0.5) > 100 > mean_of(minus, -0.5)


@pytest.mark.parametrize("a", [-196.0, 8.2, 30.0, 400.0])
@pytest.mark.parametrize("name", ["55Mn", "113Cd", "1H"])
def test_a_spin_one_half_is_breit_and_rabis(a, name):
    """Closed form for an isotropic coupling, at X band."""
    kind, g, field_mT = isotope(name), 2.007, 350.0
    electron = g * brute_force.MU_B_MHz_PER_mT * field_mT
    nucleus = kind.gamma_MHz_per_T * 1e-3 * field_mT

    def energy(m, sign):
        straight = (a * m + electron + nucleus) ** 2
        root = np.sqrt(straight + a**2 * ((kind.spin + 0.5) ** 2 - m**2))
        return -a / 4 - nucleus * m + sign * root / 2

    lines = epr.endor_lines(epr.SpinSystem(0.5, g, [epr.Nucleus(name, a)]), field_mT, weakest=0)
    for ms in (-0.5, 0.5):
        mi = np.arange(-kind.spin, kind.spin + 1)
        levels = np.array([energy(ms + m, 2 * ms) for m in mi])
        own = sorted(
            (one.mi, one.frequency_MHz)
            for one in lines
            if one.ms == ms and abs(one.mi[0] - one.mi[1]) == 1
        )
        expected = np.abs(np.diff(levels))
        assert len(own) == len(expected)
        rising = levels[1] > levels[0]
        pairs = list(itertools.pairwise(mi))
        pairs = pairs if rising else [pair[::-1] for pair in pairs]
        assert [one for one, _ in own] == pairs
        np.testing.assert_allclose([one for _, one in own], expected, rtol=1e-7)


@pytest.mark.parametrize("name", ["55Mn", "113Cd"])
def test_the_electron_enhances_the_radio_frequency(name):
    """To first order by nu(mS) / nu_I, so the intensity by its square."""
    kind, a = isotope(name), -40.0
    lines = epr.endor_lines(epr.SpinSystem(0.5, 2.0, [epr.Nucleus(name, a)]), Q_BAND_mT)
    larmor = kind.larmor_MHz(1e-3 * Q_BAND_mT)
    for one in lines:
        low, high = one.mi
        bare = (kind.spin * (kind.spin + 1) - low * high) / 4
        enhanced = bare * (one.frequency_MHz / larmor) ** 2
        assert one.intensity == pytest.approx(enhanced, rel=0.01)


def test_an_axial_coupling_gives_the_range_of_its_closed_form():
    """nu = sqrt((nu_I + mS A)^2 + (mS B)^2) for every angle, where the field is high."""
    field_mT, across, along = 3400.0, -3.0, 6.0
    system = epr.SpinSystem(0.5, 2.0, [epr.Nucleus("1H", (across, along))])
    lines = epr.endor_lines(system, field_mT, n_polar=201)
    angle = np.linspace(0, np.pi / 2, 2001)
    a = along * np.cos(angle) ** 2 + across * np.sin(angle) ** 2
    b = (along - across) * np.sin(angle) * np.cos(angle)
    larmor = isotope("1H").larmor_MHz(1e-3 * field_mT)
    for one in lines:
        expected = np.hypot(larmor - one.ms * a, one.ms * b)
        assert one.low_MHz == pytest.approx(expected.min(), abs=1e-3)
        assert one.high_MHz == pytest.approx(expected.max(), abs=1e-3)
        across_field = (2 * across + along - a) / 2  # what the radio frequency field sees
        weights = (larmor - one.ms * across_field) ** 2 * np.sin(angle)
        mean = np.average(expected, weights=weights)
        assert one.frequency_MHz == pytest.approx(mean, abs=1e-3)


@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 0, 0), (0.6, 0.0, 0.8)])
def test_zero_field_splitting_shifts_lines_as_the_long_way_says(direction):
    """Nearest levels of a matrix that was built elsewhere, in some directions of an axial D."""
    system = manganese((-185.0, -195.0), d_MHz=150.0)
    lines = epr.endor_lines(system, Q_BAND_mT, n_polar=65)
    free, zeeman, _ = brute_force.build(
        2.5, 2.007, 150.0, 0.0, (2.5, (-185.0, -185.0, -195.0), MN_RATIO)
    )
    along = sum(n * one for n, one in zip(direction, zeeman, strict=True))
    levels = np.linalg.eigvalsh(free + Q_BAND_mT * along).reshape(6, 6)  # mS ascends
    for place, own in enumerate(levels):
        ms = place - 2.5
        steps = np.diff(own)
        ranges = sorted(
            (one.low_MHz, one.high_MHz)
            for one in lines
            if one.ms == ms and abs(one.mi[0] - one.mi[1]) == 1
        )
        low, high = min(one[0] for one in ranges), max(one[1] for one in ranges)
        assert low - 0.01 <= steps.min() <= steps.max() <= high + 0.01
    ends = [one for one in lines if one.ms == 0.5]
    assert max(one.high_MHz for one in ends) - min(one.low_MHz for one in ends) < 12


def test_turning_the_molecule_changes_nothing():
    turn = (20.0, 35.0, 50.0)
    coupling = (-3.0, 6.0)
    straight = epr.SpinSystem(0.5, 2.0, [epr.Nucleus("113Cd", coupling)])
    turned = epr.SpinSystem(0.5, 2.0, [epr.Nucleus("113Cd", coupling, turn)])
    for a, b in zip(
        epr.endor_lines(straight, 350.0), epr.endor_lines(turned, 350.0, n_polar=65), strict=True
    ):
        assert (a.isotope, a.ms, a.mi) == (b.isotope, b.ms, b.mi)
        assert a.frequency_MHz == pytest.approx(b.frequency_MHz, abs=2e-3)
        assert a.intensity == pytest.approx(b.intensity, rel=5e-3)
        assert (a.low_MHz, a.high_MHz) == pytest.approx((b.low_MHz, b.high_MHz), abs=2e-2)


def test_one_of_several_nuclei_is_chosen_by_name_or_number():
    nuclei = [epr.Nucleus("55Mn", -189.0), epr.Nucleus("Cd", 8.2)]
    system = epr.SpinSystem(2.5, 2.007, nuclei)
    alone = epr.endor_lines(epr.SpinSystem(2.5, 2.007, [epr.Nucleus("111Cd", 8.2)]), 350.0)
    for choice in (1, "Cd", "111Cd"):
        assert epr.endor_lines(system, 350.0, nucleus=choice) == alone


@pytest.mark.parametrize(
    ("field", "choice", "message"),
    [
        (0.0, 0, "field above 0 mT"),
        (350.0, "1H", r"one of the nuclei of the system \(55Mn\), got 1H"),
        (5.0, 0, "give a higher one"),
    ],
)
def test_what_cannot_be_is_refused(field, choice, message):
    with pytest.raises(InputError, match=message):
        epr.endor_lines(manganese(-189.0, d_MHz=600.0), field, nucleus=choice)
