"""The solid effect against rate equations of two spins, closed forms and symmetries."""

import numpy as np
import pytest

import spectro
from spectro import epr
from spectro.epr.spin_system import BOHR_MHz_PER_mT, spin_matrices
from spectro.isotopes import isotope

MN = epr.SpinSystem(2.5, 2.007, [epr.Nucleus("55Mn", -189.0)])
LONE = epr.SpinSystem(0.5, 2.0)
NARROW = epr.LineShape(0.2)
KELVIN_GHz = 20.836619  # Boltzmann constant over the Planck constant


def pump(nucleus, field_mT, frequency_GHz, g=2.0):
    """<Iz> at 100 K of a nucleus I = 1/2 under microwaves and in equilibrium, long way round.

    Populations of four levels, of one electron coupled to the nucleus by 2 Sz Ix MHz, under
    relaxation of the electron (1 ms) and, slowly, of the nucleus, and microwaves 4 MHz wide.
    """
    sx, _, sz = (np.kron(one.real, np.eye(2)) for one in spin_matrices(0.5))
    ix, _, iz = (np.kron(np.eye(2), one.real) for one in spin_matrices(0.5))
    larmor = isotope(nucleus).gamma_MHz_per_T * 1e-3 * field_mT
    levels, states = np.linalg.eigh(
        g * BOHR_MHz_PER_mT * field_mT * sz - larmor * iz + 2.0 * sz @ ix
    )
    by_electron, by_nucleus = ((states.T @ one @ states) ** 2 for one in (sx, ix))
    quanta = levels[:, None] - levels
    detuning = (np.abs(quanta) - 1e3 * frequency_GHz) / 4.0
    up = np.exp(-quanta / (2 * KELVIN_GHz * 1e3 * 100.0))  # into i from j, by detailed balance
    rates = (4e3 * by_electron + 0.04 * by_nucleus) * up
    rates += 1e5 * by_electron * np.exp(-0.5 * detuning**2) * (np.abs(quanta) > 1e5)
    rates -= np.diag(rates.sum(axis=0))
    populations = np.linalg.svd(rates)[2][-1]
    populations /= populations.sum()
    thermal = np.exp(-levels / (KELVIN_GHz * 1e3 * 100.0))
    observed = np.diag(states.T @ iz @ states)
    return observed @ populations, observed @ thermal / thermal.sum()


@pytest.mark.parametrize("nucleus", ["1H", "13C", "113Cd", "29Si"])
def test_positive_is_on_the_side_that_rate_equations_say(nucleus):
    """Whatever the sign of gamma, which is negative for 113Cd and 29Si."""
    found = epr.solid_effect_profile(LONE, nucleus=nucleus, frequency_GHz=263.0, line=NARROW)
    centre = 263e3 / (2.0 * BOHR_MHz_PER_mT)
    fields = centre + found.shift_mT * np.linspace(-1.5, 1.5, 601)
    pumped, thermal = np.array([pump(nucleus, field, 263.0) for field in fields]).T
    enhancement = pumped / thermal
    step = fields[1] - fields[0]
    assert enhancement.max() > 100
    assert enhancement.min() < -100
    assert found.positive.field_mT == pytest.approx(fields[enhancement.argmax()], abs=step)
    assert found.negative.field_mT == pytest.approx(fields[enhancement.argmin()], abs=step)
    polarisation = found.polarisation
    most = polarisation.x[polarisation.y.argmax()]
    assert most == pytest.approx(fields[pumped.argmax()], abs=step)
    gamma = isotope(nucleus).gamma_MHz_per_T
    word = "double" if gamma > 0 else "zero"
    assert f"by the {word}-quantum transition" in found.statements[-1]


def test_a_lone_narrow_line_is_best_at_the_shift():
    """d = h nu_n / (g mu_B), with nu_n at the centre."""
    found = epr.solid_effect_profile(LONE, nucleus="13C", line=NARROW)
    centre = 263e3 / (2.0 * BOHR_MHz_PER_mT)
    d = isotope("13C").larmor_MHz(1e-3 * centre) / (2.0 * BOHR_MHz_PER_mT)
    assert found.centre_mT == pytest.approx(centre, rel=1e-12)
    assert found.shift_mT == pytest.approx(d, rel=1e-12)
    assert found.positive.offset_mT == pytest.approx(d, abs=1e-4)
    assert found.negative.offset_mT == pytest.approx(-d, abs=1e-4)
    assert found.positive.height == pytest.approx(1.0, abs=1e-5)
    assert found.positive.field_mT - found.positive.offset_mT == pytest.approx(centre, rel=1e-12)


@pytest.mark.parametrize("width", [0.5, 3.0, 10.0])
def test_a_lone_line_gives_an_odd_profile(width):
    centre = 263e3 / (2.0 * BOHR_MHz_PER_mT)
    line, window = epr.LineShape(width), (centre - 8.0, centre + 8.0)
    y = epr.solid_effect_profile(LONE, line=line, field_mT=window).profile.y
    np.testing.assert_allclose(y, -y[::-1], atol=1e-6)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("system", [LONE, MN], ids=["lone", "manganese"])
def test_the_profile_adds_up_to_nothing(system, exact):
    found = epr.solid_effect_profile(system, exact=exact)
    step = np.diff(found.profile.x)[0]
    assert abs(found.profile.y.sum() * step) < 1e-6 * np.abs(found.profile.y).sum() * step


def test_wide_lines_give_the_derivative():
    """-2 d g', but for at most d^3 / 3 times the largest third derivative, 1.381 / sigma^3."""
    line = epr.LineShape(60.0)
    found = epr.solid_effect_profile(LONE, line=line)
    x, d = found.absorption.x - found.centre_mT, found.shift_mT
    derivative = -x / line.sigma_mT**2 * np.exp(-0.5 * (x / line.sigma_mT) ** 2)
    bound = 1.381 / 3 * (d / line.sigma_mT) ** 3
    assert bound < 6e-4
    np.testing.assert_allclose(found.profile.y, -2 * d * derivative, atol=bound)


def test_the_sign_of_the_nucleus_turns_its_polarisation_and_not_its_enhancement():
    for name, sign in (("1H", 1), ("113Cd", -1)):
        found = epr.solid_effect_profile(LONE, nucleus=name, line=NARROW)
        np.testing.assert_array_equal(found.polarisation.y, sign * found.profile.y)
        assert found.positive.offset_mT > 0 > found.negative.offset_mT
        assert found.polarisation.history[-1].name == "to_polarisation"


def test_cadmium_by_manganese_at_263_GHz():
    """Lobes of the inner lines cancel, as A = 6.728 mT is close to 2 d, so the outer ones are best.

    First order puts the outer lines at 2.5 x 6.728 mT from the centre.
    """
    found = epr.solid_effect_profile(MN, nucleus="113Cd", frequency_GHz=263.0)
    coupling = 189.0 / (2.007 * BOHR_MHz_PER_mT)
    assert coupling == pytest.approx(6.728, abs=5e-4)
    assert found.larmor_MHz == pytest.approx(88.47, abs=0.01)
    for one, sign in ((found.positive, 1), (found.negative, -1)):
        assert one.offset_mT == pytest.approx(sign * (2.5 * coupling + found.shift_mT), abs=0.02)
        assert one.offset_mT == pytest.approx(sign * 20.0, abs=0.05)
        assert one.height == pytest.approx(sign, abs=0.01)
    offsets = found.profile.x - found.centre_mT
    inner = np.abs(offsets) < 2.5 * coupling - 1.0
    assert np.abs(found.profile.y[inner]).max() < 0.5
    assert found.mean_mT == pytest.approx(-0.014, abs=1e-3)


def test_at_the_field_of_the_paper():
    """88.72 MHz and 3.158 mT are those at 9.389 T."""
    found = epr.solid_effect_frequency_profile(MN, nucleus="113Cd", field_mT=9389.0)
    assert found.larmor_MHz == pytest.approx(88.72, abs=0.01)
    assert found.shift_mT == pytest.approx(3.158, abs=1e-3)


def test_narrow_lines_have_rivals_that_are_told():
    narrow = epr.solid_effect_profile(MN, line=epr.LineShape(0.25))
    assert any("nearly as high" in one for one in narrow.statements)
    wide = epr.solid_effect_profile(MN, line=epr.LineShape(1.0))
    assert not any("nearly as high" in one for one in wide.statements)


@pytest.mark.parametrize("nucleus", ["113Cd", "1H"])
def test_lines_off_the_centre_with_the_exact_larmor_frequency(nucleus):
    """A line in resonance at B_r: g mu_B (B - B_r) / h = +- nu_n(B), solved for B."""
    g = 2.01
    centre = 263e3 / (2.0 * BOHR_MHz_PER_mT)
    resonance = 263e3 / (g * BOHR_MHz_PER_mT)
    pair = [epr.SpinSystem(0.5, 2.0, weight=1e-6), epr.SpinSystem(0.5, g, weight=1.0)]
    mean_g = (1e-6 * 2.0 + g) / (1 + 1e-6)
    found = epr.solid_effect_profile(pair, nucleus=nucleus, line=NARROW, exact=True)
    k = 1e-3 * abs(isotope(nucleus).gamma_MHz_per_T) / (mean_g * BOHR_MHz_PER_mT)
    assert found.positive.field_mT == pytest.approx(resonance / (1 - k), abs=1e-4)
    assert found.negative.field_mT == pytest.approx(resonance / (1 + k), abs=1e-4)
    assert abs(resonance - centre) > 40


def test_exact_and_first_order_differ_by_the_square_of_the_shift():
    constant, exact = (
        epr.solid_effect_profile(LONE, nucleus="1H", line=NARROW, exact=one)
        for one in (False, True)
    )
    higher = exact.shift_mT**2 / exact.centre_mT
    assert higher > 0.02
    for name in ("positive", "negative"):
        moved = getattr(exact, name).offset_mT - getattr(constant, name).offset_mT
        assert moved == pytest.approx(higher, rel=0.01)


def test_a_sweep_of_frequency_is_the_mirror_image():
    over_field = epr.solid_effect_profile(MN)
    over_frequency = epr.solid_effect_frequency_profile(MN, field_mT=over_field.centre_mT)
    assert over_frequency.centre_GHz == pytest.approx(263.0, rel=1e-12)
    np.testing.assert_array_equal(over_frequency.profile.y, over_field.profile.y[::-1])
    assert (np.diff(over_frequency.profile.x) > 0).all()
    slope = 2.007 * BOHR_MHz_PER_mT
    for name in ("positive", "negative"):
        one, other = getattr(over_frequency, name), getattr(over_field, name)
        assert one.offset_MHz == pytest.approx(-slope * other.offset_mT)
        assert one.frequency_GHz == pytest.approx(263.0 + 1e-3 * one.offset_MHz)
        assert one.field_mT == over_field.centre_mT
        assert other.frequency_GHz == 263.0
        assert one.height == other.height
        place = np.interp(one.frequency_GHz, over_frequency.profile.x, over_frequency.profile.y)
        assert place == pytest.approx(one.height, abs=1e-3)


def test_lines_in_a_sweep_of_frequency_are_where_levels_say():
    """At 9.4 T, from the levels of all 36 states: the strongest transitions of each m_I."""
    electron, nuclear = spin_matrices(2.5), spin_matrices(2.5)
    s = [np.kron(one, np.eye(6)) for one in electron]
    i = [np.kron(np.eye(6), one) for one in nuclear]
    larmor = 1e-3 * isotope("55Mn").gamma_MHz_per_T
    hamiltonian = 9400.0 * (2.007 * BOHR_MHz_PER_mT * s[2] - larmor * i[2])
    hamiltonian = hamiltonian - 189.0 * sum(a @ b for a, b in zip(s, i, strict=True))
    levels, states = np.linalg.eigh(hamiltonian)
    strengths = np.abs(states.conj().T @ s[0] @ states) ** 2
    quanta = 1e-3 * (levels[:, None] - levels)
    chosen = (quanta > 200) & (quanta < 300)
    mean = np.average(quanta[chosen], weights=strengths[chosen])
    found = epr.solid_effect_frequency_profile(MN, field_mT=9400.0)
    seen = np.average(found.absorption.x, weights=found.absorption.y)
    assert seen == pytest.approx(mean, abs=2e-6 * 263)


def test_ranges_are_kept():
    found = epr.solid_effect_profile(MN, field_mT=(9340.0, 9390.0))
    assert (found.profile.x[0], found.profile.x[-1]) == (9340.0, 9390.0)
    whole = epr.solid_effect_profile(MN)
    assert found.positive.field_mT == pytest.approx(whole.positive.field_mT, abs=2e-3)
    over = epr.solid_effect_frequency_profile(MN, field_mT=9362.6, frequency_GHz=(262.0, 264.0))
    assert (over.profile.x[0], over.profile.x[-1]) == pytest.approx((262.0, 264.0), rel=1e-12)
    cut = epr.solid_effect_profile(MN, field_mT=(9350.0, 9382.0))
    assert any("sweep further" in one for one in cut.statements)


def test_strains_widen_the_range():
    strained = epr.SpinSystem(2.5, 2.007, MN.nuclei, d_MHz=100.0, d_strain_MHz=100.0)
    found = epr.solid_effect_profile(strained)
    for y in (found.absorption.y, found.profile.y):
        assert np.abs(y[[0, -1]]).max() < 1e-3


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: epr.solid_effect_profile(MN, nucleus="112Cd"), "isotope with a spin"),
        (lambda: epr.solid_effect_profile(MN, frequency_GHz=0.0), "a microwave frequency above"),
        (lambda: epr.solid_effect_frequency_profile(MN, field_mT=-1.0), "a field above 0 mT"),
        (lambda: epr.solid_effect_profile([]), "a spin system with a weight"),
        (lambda: epr.solid_effect_profile(MN, field_mT=(9000.0, 9010.0)), "Expected a line"),
        (lambda: epr.solid_effect_profile(MN, field_mT=(9400.0, 9300.0)), "that ascends"),
    ],
)
def test_what_cannot_be_is_told(call, told):
    with pytest.raises(spectro.InputError, match=told):
        call()


@pytest.mark.parametrize("g", [(2.0, 2.01), (2.05, 2.2)])
def test_the_range_holds_the_whole_span_of_g(g):
    system = epr.SpinSystem(0.5, g)
    found = epr.solid_effect_profile(system, nucleus="113Cd")
    x = found.profile.x
    wide = epr.solid_effect_profile(system, nucleus="113Cd", field_mT=(x[0] - 30, x[-1] + 30))
    for one, other in ((found.positive, wide.positive), (found.negative, wide.negative)):
        assert one.offset_mT == pytest.approx(other.offset_mT, abs=0.05)
    assert found.mean_mT == pytest.approx(wide.mean_mT, abs=0.05)
