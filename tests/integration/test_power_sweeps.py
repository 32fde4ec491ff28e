"""Saturation curves of real power sweeps, and double integrals of real spectra."""

from pathlib import Path

import numpy as np
import pytest

import spectro
from spectro import epr


@pytest.fixture(scope="module")
def folder(real_data: Path) -> Path:
    return real_data / "spectra" / "epr"


@pytest.mark.parametrize("method", ["peak_to_peak", "fit"])
def test_a_plane_of_powers_gives_a_saturation_curve(folder: Path, method: str) -> None:
    """Both lines saturate within the sweep, at half of their unsaturated height near 50 mW.

    Heights over sqrt(P) fall from a plateau to under a quarter, read off the spectra by eye.
    """
    curve = epr.saturation_curve(spectro.load(folder / "EMX_2Dpowersweep.par"), method=method)
    assert curve.amplitude.shape == (2, 13)
    assert (curve.error < 0.1 * curve.amplitude).all()
    for amplitude, error in zip(curve.amplitude, curve.error, strict=True):
        reduced = amplitude / np.sqrt(curve.power_mW)
        assert reduced[:3].std() < 0.05 * reduced[:3].mean()
        assert reduced[-1] < 0.25 * reduced[0]
        fit = epr.fit_saturation(curve.power_mW, amplitude, error=error)
        b, half = fit.values["b"], fit.values["P_half_mW"]
        crossing = np.interp(
            0.5, (reduced / fit.values["K_per_sqrt_mW"])[::-1], curve.power_mW[::-1]
        )
        assert half * (2 ** (2 / b) - 1) == pytest.approx(crossing, rel=0.15)
        assert 40 < crossing < 60
        assert "T_us" not in fit.values


def test_files_of_single_powers_give_a_curve_that_is_not_saturated(folder: Path) -> None:
    """From 10 uW to 10 mW the amplitude goes with the root of the power within 4 %."""
    names = sorted((folder / "magnettech").glob("*_PowerSweep_*.xml"))
    curve = epr.saturation_curve([spectro.load(name) for name in names])
    np.testing.assert_allclose(curve.power_mW, [0.001, 0.01, 0.1, 1.0, 10.0])
    reduced = curve.amplitude[0] / np.sqrt(curve.power_mW)
    np.testing.assert_allclose(reduced[1:] / reduced[1:].mean(), 1, atol=0.05)
    assert (
        reduced[0] < 0.6 * reduced[1]
    )  # at 1 uW it is half as high, and the file does not tell why
    fit = epr.fit_saturation(curve.power_mW[1:], curve.amplitude[0, 1:], model="derivative")
    assert fit.intervals["P_half_mW"][0] > 10
    assert fit.intervals["P_half_mW"][1] == np.inf
    assert any("stays below P_half" in one for one in fit.warnings)


def test_double_integrals_of_single_powers_agree(folder: Path) -> None:
    """Unsaturated: the area per root of the power is one number, from 10 uW to 10 mW."""
    names = sorted((folder / "magnettech").glob("*_PowerSweep_*.xml"))[1:]
    spectra = [spectro.load(name) for name in names]
    counts = [epr.count_spins(one, spectra[-1], standard_spins=1.0) for one in spectra]
    assert [one.n_spins for one in counts] == pytest.approx([1.0] * 4, rel=0.15)


def test_what_xepr_normalised_says_so(folder: Path) -> None:
    assert spectro.load(folder / "e580_cw_xband.DSC").metadata["is_normalised"] is True
    assert "is_normalised" not in spectro.load(folder / "strong1.dsc").metadata
