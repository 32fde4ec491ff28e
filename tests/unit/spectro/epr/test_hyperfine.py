"""Assignment of lines: those of Mn(II) in CdS, pairs of any nucleus, and a whole round trip."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spectro import epr
from spectro.isotopes import isotope
from spectro.model import InputError

X_BAND_mT, Q_BAND_mT = 350.0, 1220.0
HALVES = ("|nu_I - A/2|", "|nu_I + A/2|")
MANGANESE = epr.SpinSystem(2.5, 2.007, [epr.Nucleus("55Mn", -196.0)])


def names_of(line):
    return {one.name for one in line.comparable}


def test_q_band_lines_of_manganese_in_cadmium_sulfide():
    """7.15, 15.35 (113Cd, |A| = 8.2 MHz), 80.8 and 116 MHz (55Mn), and protons."""
    seen = [7.15, 15.35, 51.94, 80.8, 116.0]
    found = epr.assign_lines(seen, field_mT=Q_BAND_mT, system=MANGANESE)
    kinds = [(line.isotope, line.kind) for line in found.lines]
    assert kinds == [
        ("113Cd", HALVES[0]),
        ("113Cd", HALVES[1]),
        ("1H", "Larmor"),
        ("55Mn", "ENDOR, mS = -1/2"),
        ("55Mn", "ENDOR, mS = +1/2"),
    ]
    assert [line.is_ambiguous for line in found.lines] == [True, True, False, False, False]
    for line, half in zip(found.lines, HALVES, strict=False):
        assert names_of(line) == {f"113Cd {half}", f"111Cd {half}"}
    by_isotope = {one.isotope: one for one in found.couplings}
    assert by_isotope["113Cd"].a_MHz == pytest.approx(8.2)
    assert by_isotope["113Cd"].misfit_MHz == pytest.approx(-0.28, abs=0.01)
    assert by_isotope["111Cd"].misfit_MHz == pytest.approx(0.23, abs=0.01)
    said = next(one for one in found.statements if one.startswith("113Cd: the lines"))
    assert "|A| = 8.20 +/- 0.42 MHz" in said
    assert "113Cd and 111Cd, not resolved, would have it at 11.27 MHz" in said
    assert any(
        "7.15 MHz: ambiguous: 113Cd" in one and "or 111Cd" in one for one in found.statements
    )


def test_the_coupling_of_manganese_follows_from_its_lines():
    found = epr.assign_lines([80.8, 116.0], field_mT=Q_BAND_mT, system=MANGANESE)
    coupling = found.couplings[0]
    assert coupling.way == "diagonalisation"
    assert coupling.a_MHz == pytest.approx(-196.8, abs=0.2)
    assert abs(coupling.misfit_MHz) < 0.1
    assert 0.3 < coupling.error_MHz < 0.6  # 0.3 MHz over a slope of about 1/2, twice


@pytest.mark.parametrize("a", [-189.0, -192.5, -197.5, 196.0])
def test_a_coupling_is_found_again(a):
    """From the mean lines of its own manifolds, and with the sign of the system."""
    system = epr.SpinSystem(2.5, 2.007, [epr.Nucleus("55Mn", a)])
    lines = epr.endor_lines(system, Q_BAND_mT)
    seen = [
        np.average(
            [one.frequency_MHz for one in lines if one.ms == ms],
            weights=[one.intensity for one in lines if one.ms == ms],
        )
        for ms in (-0.5, 0.5)
    ]
    start = epr.SpinSystem(2.5, 2.007, [epr.Nucleus("55Mn", 1.005 * a)])
    found = epr.assign_lines(seen, field_mT=Q_BAND_mT, system=start)
    assert [line.kind for line in found.lines] == ["ENDOR, mS = -1/2", "ENDOR, mS = +1/2"]
    assert found.couplings[0].a_MHz == pytest.approx(a, abs=0.01)
    assert abs(found.couplings[0].misfit_MHz) < 0.01


def test_first_order_does_not_give_the_lines_of_manganese():
    """Nor does a coupling that is too small; both are said to be so."""
    for system in (None, epr.SpinSystem(2.5, 2.007, [epr.Nucleus("55Mn", -189.0)])):
        found = epr.assign_lines([80.8, 116.0], field_mT=Q_BAND_mT, system=system)
        assert not any(line.candidates for line in found.lines)
        assert not found.couplings
        assert all("not assigned" in one for one in found.statements)
    assert "55Mn ENDOR, mS = -1/2 at 78.03 MHz, 2.77 MHz away" in found.statements[0]


def test_x_band_lines_of_manganese_in_cadmium_sulfide():
    """Larmor frequencies, and multiples of those that are seen."""
    seen = [3.3, 3.2, 14.9, 9.92, 6.6]
    found = epr.assign_lines(seen, field_mT=X_BAND_mT)
    assert [(line.isotope, line.kind) for line in found.lines] == [
        ("113Cd", "Larmor"),
        ("111Cd", "Larmor"),
        ("1H", "Larmor"),
        ("113Cd", "third harmonic"),
        ("113Cd", "double Larmor"),
    ]
    assert not any(line.is_ambiguous for line in found.lines)
    assert found.lines[0].candidates[0].predicted_MHz == pytest.approx(3.307, abs=5e-4)
    assert not found.couplings


def test_one_line_of_two_isotopes_is_ambiguous():
    """Closer to each other than the tolerance; a smaller one tells them apart."""
    wide, narrow = (
        epr.assign_lines([3.3], field_mT=X_BAND_mT, tolerance_MHz=tolerance)
        for tolerance in (0.3, 0.05)
    )
    assert names_of(wide.lines[0]) == {"113Cd Larmor", "111Cd Larmor"}
    assert wide.statements[0].startswith("3.30 MHz: ambiguous: 113Cd Larmor")
    assert names_of(narrow.lines[0]) == {"113Cd Larmor"}


def test_a_harmonic_is_likelier_where_its_larmor_frequency_is_seen():
    alone, both = (
        epr.assign_lines(seen, field_mT=X_BAND_mT).lines[-1].candidates[0].score
        for seen in ([9.92], [3.31, 9.92])
    )
    assert both == pytest.approx(5 * alone)


def test_enrichment_decides():
    seen, field = [3.23], X_BAND_mT
    for name, other in (("113Cd", "111Cd"), ("111Cd", "113Cd")):
        found = epr.assign_lines(seen, field_mT=field, nuclei={name: 0.95, other: 0.01})
        assert names_of(found.lines[0]) == {f"{name} Larmor"}


def test_couplings_of_other_isotopes_scale_with_their_moments():
    """The line at 7.1 MHz, predicted at 7.4 for 113Cd, is that of 111Cd."""
    given = {"113Cd": 8.2}
    found = epr.assign_lines([7.1], field_mT=Q_BAND_mT, couplings_MHz=given)
    assert found.lines[0].candidates[0].name == f"111Cd {HALVES[0]}"
    assert found.lines[0].candidates[0].predicted_MHz == pytest.approx(7.10, abs=0.01)
    only = epr.assign_lines(
        [7.1, 7.15], field_mT=Q_BAND_mT, couplings_MHz=given, nuclei=("113Cd", "1H")
    )
    assert not only.lines[0].candidates
    assert "113Cd |nu_I - A/2| at 7.43 MHz, 0.33 MHz away" in only.statements[0]
    assert only.lines[1].candidates[0].name == f"113Cd {HALVES[0]}"


def test_outer_manifolds_of_a_high_spin_are_there_but_less_likely():
    host = epr.SpinSystem(2.5, 2.007)
    larmor = isotope("113Cd").larmor_MHz(1e-3 * Q_BAND_mT)
    seen = [larmor + 4.1, larmor + 12.3]
    found = epr.assign_lines(
        seen, field_mT=Q_BAND_mT, couplings_MHz={"113Cd": 8.2}, system=host, nuclei=("113Cd",)
    )
    inner, outer = (line.candidates[0] for line in found.lines)
    assert (inner.kind, outer.kind) == ("|nu_I + A/2|", "|nu_I + 3A/2|")
    assert outer.score == pytest.approx(0.3 * inner.score, rel=0.1)


def test_the_sum_of_a_strong_coupling_is_the_coupling():
    found = epr.assign_lines(
        [30.0], field_mT=X_BAND_mT, couplings_MHz={"113Cd": 30.0}, nuclei=("113Cd", "111Cd")
    )
    assert found.lines[0].candidates[0].name == "113Cd sum"


@given(
    name=st.sampled_from(["113Cd", "1H", "55Mn", "31P"]),
    field_mT=st.floats(300.0, 3500.0),
    ratio=st.floats(0.1, 1.8) | st.floats(2.2, 8.0),
)
def test_pairs_of_any_nucleus_give_their_coupling(name, field_mT, ratio):
    larmor = isotope(name).larmor_MHz(1e-3 * field_mT)
    a = ratio * larmor
    seen = [larmor + a / 2, abs(larmor - a / 2)]
    tolerance = 0.01 * larmor
    multiples = np.outer(seen, 1 / (larmor * np.arange(1, 4)))
    assume(np.abs(multiples - 1).min() > 0.011)  # otherwise a line may be one of those instead
    found = epr.assign_lines(seen, field_mT=field_mT, nuclei={name: 1.0}, tolerance_MHz=tolerance)
    way = "weak pair" if ratio < 2 else "strong pair"
    fits = [one for one in found.couplings if one.way == way]
    assert fits
    assert fits[0].a_MHz == pytest.approx(a, rel=1e-9)
    assert fits[0].misfit_MHz == pytest.approx(0.0, abs=1e-9)
    assert [line.kind for line in found.lines] == [HALVES[1], HALVES[0]]


def test_the_order_of_the_lines_changes_nothing():
    seen = [7.15, 15.35, 51.94, 80.8, 116.0, 200.0]
    one = epr.assign_lines(seen, field_mT=Q_BAND_mT, system=MANGANESE)
    two = epr.assign_lines(seen[::-1], field_mT=Q_BAND_mT, system=MANGANESE)
    assert one.lines == two.lines[::-1]
    assert set(one.couplings[:2]) == set(two.couplings[:2])


def test_a_line_that_is_given_twice_is_one_line():
    once = epr.assign_lines([7.15, 15.35], field_mT=Q_BAND_mT)
    twice = epr.assign_lines([7.15, 15.35, 7.15, 15.35, 15.35], field_mT=Q_BAND_mT)
    assert once.couplings
    assert twice == once


def test_a_peak_that_is_there_twice_has_the_least_of_its_errors():
    low, high = (isotope("113Cd").larmor_MHz(1.22) + shift for shift in (-4.1, 4.1))
    peaks = epr.Peaks(
        np.array([low, high, high]), np.array([0.03, 0.5, 0.04]), np.ones(3), 0.1, 0.5
    )
    found = epr.assign_lines(peaks, field_mT=Q_BAND_mT, nuclei=("113Cd",))
    (coupling,) = found.couplings
    assert coupling.error_MHz == pytest.approx(0.05)


def test_from_an_echo_to_its_nuclei():
    """Simulated at X band: cadmium and protons, decay, offset and noise; then the other way."""
    experiment = epr.EseemExperiment(
        X_BAND_mT, epr.best_tau_ns(3.3), 16.0, 1024, 40.0, decay_us=20.0
    )
    nuclei = [epr.Nucleus("Cd", (-0.04, 0.08))] * 12 + [epr.Nucleus("1H", (-0.3, 0.6))] * 6
    echo = epr.simulate_three_pulse_eseem(nuclei, experiment)
    noise = 1e-4 * np.random.default_rng(1).normal(size=experiment.n_points)
    recorded = echo.do("record", 4e5 * (echo.y + 0.2 + noise))
    peaks = epr.find_peaks(epr.process_eseem(recorded), range_MHz=(1.0, 31.0))
    larmor = [isotope(name).larmor_MHz(0.35) for name in ("111Cd", "113Cd", "1H")]
    np.testing.assert_allclose(peaks.frequency_MHz, larmor, atol=0.05)
    found = epr.assign_lines(peaks, field_mT=echo.metadata["field_mT"])
    assert [(line.isotope, line.kind) for line in found.lines] == [
        ("111Cd", "Larmor"),
        ("113Cd", "Larmor"),
        ("1H", "Larmor"),
    ]
    assert not any(line.is_ambiguous for line in found.lines)


def test_errors_of_peaks_are_those_of_the_coupling():
    larmor = isotope("113Cd").larmor_MHz(1.22)
    peaks = epr.Peaks(
        np.array([larmor - 4.1, larmor + 4.1]), np.array([0.03, 0.04]), np.ones(2), 0.1, 0.5
    )
    found = epr.assign_lines(peaks, field_mT=Q_BAND_mT, nuclei=("113Cd",))
    assert found.couplings[0].error_MHz == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("seen", "settings", "message"),
    [
        ([-1.0], {}, "frequencies above 0"),
        ([[1.0, 2.0]], {}, "frequencies above 0"),
        ([1.0], {"field_mT": 0.0}, "field above 0"),
        ([1.0], {"tolerance_MHz": 0.0}, "tolerance above 0"),
        ([1.0], {"nuclei": ("114Cd",)}, "isotope with a spin"),
        ([1.0], {"nuclei": {"113Cd": 1.2}}, "abundances of 0 to 1"),
    ],
)
def test_what_cannot_be_assigned_is_refused(seen, settings, message):
    with pytest.raises(InputError, match=message):
        epr.assign_lines(seen, **({"field_mT": X_BAND_mT} | settings))


def test_no_lines_are_no_error():
    assert epr.assign_lines([], field_mT=X_BAND_mT).lines == ()
