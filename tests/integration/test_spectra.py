"""Every real EPR file reads, with the axes and numbers that its own header states."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import spectro


class Stated(NamedTuple):
    """What a header states."""

    shape: tuple[int, ...]
    x: tuple[float, float, str]
    frequency_GHz: float
    power_mW: float | None = None
    modulation_mT: float | None = None
    temperature_K: float | None = None


def magnettech(frequency, power, celsius, n):
    """Bfrom 300 mT, Bto 400 mT, Modulation 0.4 mT; the field is measured, so it is about those."""
    return Stated((n,), (300.0, 400.9, "mT"), frequency, power, 0.4, celsius + 273.15)


POWERS = "magnettech/20220819"
FILES = {
    "00012107.dsc": Stated((512,), (0.0, 4088e-9, "s"), 9.72487),
    "hys_2640G_100ns.DSC": Stated((400, 400), (0.0, 6384e-9, "s"), 9.680501, 0.6331),
    "e580_cw_xband.DSC": Stated((1024,), (328.0, 348.0, "mT"), 9.487074, 0.01988, 0.05, 50.0),
    "strong1.dsc": Stated((1024,), (337.5, 342.5, "mT"), 9.58667, 20.0195, 0.1),
    "EMX_2Dpowersweep.par": Stated((13, 512), (345.25, 352.75, "mT"), 9.785, None, 0.1, 295.2),
    "esp.par": Stated((8192,), (346.3, 351.3, "mT"), 9.770268, 0.6362, None, 300.0),
    "win.par": Stated((8192,), (346.3, 351.3, "mT"), 9.770268, 0.6362, None, 300.0),
    "magnettech/DPPH.xml": Stated(
        (1164,), (332.0, 344.2, "mT"), 9.47872740621957, 4.0, 0.2, 36.2963600158691 + 273.15
    ),
    f"{POWERS}_152548393_PowerSweep_pow_0_0010mW.xml": magnettech(
        9.46975187282969, 0.001, -173.153555297852, 2264
    ),
    f"{POWERS}_152702470_PowerSweep_pow_0_0100mW.xml": magnettech(
        9.46986211169752, 0.01, -173.124319458008, 2265
    ),
    f"{POWERS}_152816569_PowerSweep_pow_0_1000mW.xml": magnettech(
        9.46987213223836, 0.1, -173.173651123047, 2266
    ),
    f"{POWERS}_152930656_PowerSweep_pow_1_0000mW.xml": magnettech(
        9.46985393221711, 1.0, -173.082052612305, 2266
    ),
    f"{POWERS}_153043734_PowerSweep_pow_10_0000mW.xml": magnettech(
        9.46985608536627, 10.0, -173.193334960937, 2266
    ),
}


@pytest.fixture(scope="module")
def folder(real_data: Path) -> Path:
    return real_data / "spectra" / "epr"


def test_the_table_names_every_file(folder: Path) -> None:
    there = {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.suffix.lower() in (".dsc", ".par", ".xml")
    }
    assert there == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_what_the_header_states_is_what_is_read(folder: Path, name: str) -> None:
    spectrum, stated = spectro.load(folder / name), FILES[name]
    assert spectrum.y.shape == stated.shape
    assert np.isfinite(spectrum.y).all()
    first, last, unit = stated.x
    measured = name.startswith("magnettech")
    np.testing.assert_allclose(
        spectrum.x[[0, -1]], (first, last), rtol=1e-12, atol=0.1 if measured else 0
    )
    assert spectrum.axes[-1].unit == unit
    known = spectrum.metadata
    assert known["frequency_GHz"] == pytest.approx(stated.frequency_GHz, rel=1e-12)
    for key, value in (
        ("power_mW", stated.power_mW),
        ("modulation_amplitude_mT", stated.modulation_mT),
        ("temperature_K", stated.temperature_K),
    ):
        if value is None:
            assert key not in known
        else:
            assert known[key] == pytest.approx(value, rel=1e-12)


def test_two_programs_wrote_one_measurement(folder: Path) -> None:
    """ESP's integers are WinEPR's numbers, rounded."""
    esp, win = (spectro.load(folder / name) for name in ("esp.par", "win.par"))
    np.testing.assert_allclose(esp.y, win.y, atol=1.0)
    np.testing.assert_array_equal(esp.x, win.x)


def test_the_power_sweep_has_its_powers(folder: Path) -> None:
    """1.008 mW at 23 dB, in steps of 2 dB down to -1 dB."""
    sweep = spectro.load(folder / "EMX_2Dpowersweep.par")
    expected = 1.008 * 10 ** (np.arange(13) * 0.2)
    np.testing.assert_allclose(sweep.axes[0].values, expected, rtol=1e-12)


def test_dpph_lies_at_its_g(folder: Path) -> None:
    """The centre of the line gives g = 2.0036, to the calibration of the instrument's field."""
    spectrum = spectro.load(folder / "magnettech/DPPH.xml")
    centre_mT = spectrum.x[[spectrum.y.argmax(), spectrum.y.argmin()]].mean()
    g = 71.4477 * spectrum.metadata["frequency_GHz"] / centre_mT
    assert g == pytest.approx(2.0036, abs=0.01)


def test_pulse_and_complex_files_say_so(folder: Path) -> None:
    echo = spectro.load(folder / "00012107.dsc")
    assert np.iscomplexobj(echo.y)
    assert echo.metadata["experiment"] == "pulse"
    assert echo.metadata["field_mT"] == pytest.approx(340.056)
    plane = spectro.load(folder / "hys_2640G_100ns.DSC")
    assert plane.metadata["field_mT"] == pytest.approx(264.0)
    assert [axis.unit for axis in plane.axes] == ["s", "s"]
