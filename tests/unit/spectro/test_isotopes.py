"""Isotopes against frequencies that spectrometers have."""

import pytest

import spectro
from spectro.isotopes import isotope, isotopes_of


@pytest.mark.parametrize(
    ("name", "spin", "expected_MHz"),
    [("1H", 0.5, 400.0), ("13C", 0.5, 100.58), ("27Al", 2.5, 104.23), ("113Cd", 0.5, 88.77)],
)
def test_frequencies_at_the_field_of_a_400_mhz_spectrometer(name, spin, expected_MHz):
    """Of the frequency ratios that IUPAC recommends, to 0.01 MHz."""
    field_T = 400.0 / isotope("1H").larmor_MHz(1.0)
    assert isotope(name).larmor_MHz(field_T) == pytest.approx(expected_MHz, abs=0.01)
    assert isotope(name).spin == spin


def test_signs_and_names():
    assert isotope("113Cd").gamma_MHz_per_T < 0 < isotope("55Mn").gamma_MHz_per_T
    assert isotope("Cd-113") is isotope("113cd") is isotope("113Cd")
    assert isotope("113Cd").element == "Cd"
    assert [one.name for one in isotopes_of("cd")] == ["111Cd", "113Cd"]
    assert isotopes_of("He") == ()


@pytest.mark.parametrize("name", ["112Cd", "Cd", "", "x", "1 H 2"])
def test_what_has_no_spin_is_told(name):
    with pytest.raises(spectro.InputError, match="Expected an isotope with a spin"):
        isotope(name)
