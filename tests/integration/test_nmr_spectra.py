"""Every real NMR file reads as its own header states, and TopSpin's spectra come out again."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import spectro
from spectro import processing


class Stated(NamedTuple):
    """What a header states."""

    shape: tuple[int, ...]
    x: tuple[float, float, str]
    known: dict[str, Any]


def nmr(nucleus, carrier, **more):
    return {"nucleus": nucleus, "spectrometer_frequency_MHz": carrier} | more


ASPIRIN = nmr(
    "1H",
    300.132250975,
    recycle_delay_s=1.2,
    n_scans=32,
    receiver_gain=57.0,
    mas_Hz=4200.0,
    temperature_K=298.0,
    pulse_program="zg30",
    title="1H BBI",
    reference_frequency_MHz=300.13,
)
NAPHTHOIC = nmr(
    "1H",
    500.13750195,
    recycle_delay_s=3.0,
    n_scans=64,
    receiver_gain=40.3,
    temperature_K=298.0,
    title="1H BBI in Aceton",
)
DOSY = nmr(
    "1H",
    400.0820004,
    recycle_delay_s=3.0,
    n_scans=16,
    receiver_gain=61.54,
    temperature_K=297.9998,
    pulse_program="ledbpgp2s1d",
    group_delay_points=76.0,
)
NITROGEN = nmr("15N", 14.83141327, n_scans=1, temperature_K=683.16)
PROTON_WIDTH_PPM = 4789.27203065133 / 300.13
ACID_WIDTH_PPM = 17482.5174825175 / 500.13
FILES = {
    "jcamp/aspirin/1h.dx": Stated(
        (32768,), (15.47866, 15.47866 - PROTON_WIDTH_PPM * 32767 / 32768, "ppm"), ASPIRIN
    ),
    "jcamp/aspirin/1h.fid.dx": Stated(
        (8192,), (0.0, 1.7102808, "s"), ASPIRIN | {"group_delay_points": 61 + 1 / 48}
    ),
    "jcamp/bruker/dosy-1d-ledbpgp2s1d.fid.dx": Stated((8192,), (0.0, 1.70809653333333, "s"), DOSY),
    "jcamp/jeol/1h.dx": Stated(
        (16384,),
        (6037.9072694778 / 399.784493896, -1953.6127495766 / 399.784493896, "ppm"),
        nmr("1H", 399.784493896, n_scans=16, title="auto"),
    ),
    "jcamp/naphtoicAcid/1h.dx": Stated(
        (131072,), (32.47797, 32.47797 - ACID_WIDTH_PPM * 131071 / 131072, "ppm"), NAPHTHOIC
    ),
    "jcamp/naphtoicAcid/1h.fid.dx": Stated(
        (8192,), (0.0, 0.4685252, "s"), NAPHTHOIC | {"group_delay_points": 53.25}
    ),
    "jcamp/varian/1h.jdx": Stated(
        (16384,), (16.089531599, -0.746542441, "ppm"), nmr("1H", 299.9328561, n_scans=64)
    ),
    "topspin-1d": Stated(
        (8192,),
        (0.0, 8191 / 75187.969924812, "s"),
        NITROGEN
        | {
            "recycle_delay_s": 1.0,
            "receiver_gain": 80.6,
            "pulse_program": "zg",
            "title": "Frequency Adjustment",
            "group_delay_points": 44.75,
            "quantity": "fid",
        },
    ),
    "topspin-1d/pdata/1": Stated(
        (16384,),
        (2534.754, 2534.754 - 75187.969924812 / 14.83141327 * 16383 / 16384, "ppm"),
        NITROGEN | {"recycle_delay_s": 1.0, "quantity": "pdata/1"},
    ),
    "topspin-1d/pdata/999": Stated(
        (16384,), (0.0, 16383 / 75187.969924812, "s"), NITROGEN | {"quantity": "pdata/999"}
    ),
    "topspin-series": Stated(
        (4, 11973),
        (0.0, 11972 / 9980.03992015968, "s"),
        NITROGEN
        | {
            "recycle_delay_s": 15.0,
            "receiver_gain": 4096.0,
            "mas_Hz": 4200.0,
            "pulse_program": "jf_zg_ph",
            "title": "DNP, set 20.0",
            "group_delay_points": 60.375,
            "quantity": "ser",
        },
    ),
}


@pytest.fixture(scope="module")
def folder(real_data: Path) -> Path:
    return real_data / "spectra" / "nmr"


def test_the_table_names_every_file(folder: Path) -> None:
    there = {str(p.relative_to(folder)) for p in folder.rglob("*.*dx")}
    there |= {str(p.parent.relative_to(folder)) for p in folder.rglob("acqus")}
    there |= {str(p.parent.relative_to(folder)) for p in folder.rglob("1r")}
    assert there == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_what_the_header_states_is_what_is_read(folder: Path, name: str) -> None:
    spectrum, stated = spectro.load(folder / name), FILES[name]
    assert spectrum.y.shape == stated.shape
    assert np.isfinite(spectrum.y).all()
    assert np.abs(spectrum.y).max() > 0
    first, last, unit = stated.x
    np.testing.assert_allclose(spectrum.x[[0, -1]], (first, last), rtol=1e-9, atol=1e-12)
    assert spectrum.axes[-1].unit == unit
    for key, value in stated.known.items():
        expected = pytest.approx(value, rel=1e-12) if isinstance(value, float) else value
        assert spectrum.metadata[key] == expected, key


@pytest.mark.parametrize(
    ("name", "real", "imaginary"),
    [  # FIRST, LAST and MAX of the headers
        ("aspirin/1h.dx", (-118793, -78595, 440519097), (-119285, -150583)),
        ("aspirin/1h.fid.dx", (0, 4422, 1007953), (0, -2326)),
        ("naphtoicAcid/1h.dx", (-810218, -269420, 319363610), (390425, -856496)),
        ("naphtoicAcid/1h.fid.dx", (0, -6261, 730761), (0, 20711)),
        ("bruker/dosy-1d-ledbpgp2s1d.fid.dx", (0, -972, 90427), (0, 1254)),
    ],
)
def test_jcamp_numbers_are_those_of_the_header(
    folder: Path, name: str, real: tuple[float, ...], imaginary: tuple[float, ...]
) -> None:
    """The imaginary part of TopSpin's spectra is turned, so that phases mean one thing."""
    y = spectro.load(folder / "jcamp" / name).y
    assert (y[0].real, y[-1].real) == real[:2]
    largest = y.real.max() if "FID" not in name else max(y.real.max(), y.imag.max())
    assert max(largest, y.imag.max() if "fid" in name else 0) == real[2]
    sign = 1 if "fid" in name else -1
    assert (sign * y[0].imag, sign * y[-1].imag) == imaginary


def test_jeol_and_varian_reach_their_extremes(folder: Path) -> None:
    jeol = spectro.load(folder / "jcamp/jeol/1h.dx").y
    step = 0.0000132088  # YFACTOR
    assert (jeol.max(), jeol.min()) == pytest.approx(
        (55.4017524719, -0.1012152433), rel=1e-6, abs=step
    )
    varian = spectro.load(folder / "jcamp/varian/1h.jdx").y
    assert (varian.max(), varian.min()) == pytest.approx((127.420862, -47.142647), rel=3e-5)


def test_the_magnitude_is_topspins(folder: Path) -> None:
    """TopSpin 1.3: efp with BC_mod quad and LB 0.3, SI 16K, then mc; and its scale."""
    fid = spectro.load(folder / "topspin-1d/fid")
    topspin = spectro.load(folder / "topspin-1d/pdata/1/1r")
    flat = processing.subtract_baseline(fid, "offset")
    wide = processing.apodise(flat, width_Hz=0.3)
    ours = processing.fourier_transform(processing.zero_fill(wide, 16384))
    np.testing.assert_allclose(ours.x, topspin.x, atol=1e-3)
    magnitude = np.abs(ours.y)
    assert magnitude.argmax() == topspin.y.argmax()
    cosine = (magnitude @ topspin.y) / np.linalg.norm(magnitude) / np.linalg.norm(topspin.y)
    assert cosine > 0.9999
    assert np.corrcoef(magnitude, topspin.y)[0, 1] > 0.9999
    assert (magnitude @ topspin.y) / (magnitude @ magnitude) == pytest.approx(1.0, abs=1e-4)
    assert np.abs(magnitude - topspin.y).max() < 0.005 * topspin.y.max()


def transform_as_topspin(fid: spectro.Spectrum, width_Hz: float, n: int) -> spectro.Spectrum:
    wide = processing.apodise(fid, width_Hz=width_Hz)
    spectrum = processing.fourier_transform(processing.zero_fill(wide, n))
    known = fid.metadata
    return processing.phase(spectrum, known["topspin_phase_deg"], known["topspin_slope_deg"])


def test_phase_and_scale_are_topspins_to_the_last_digit(folder: Path) -> None:
    """TopSpin transforms in integers: 319 363 610 at the top, rounded to 1."""
    fid = spectro.load(folder / "jcamp/naphtoicAcid/1h.fid.dx")
    topspin = spectro.load(folder / "jcamp/naphtoicAcid/1h.dx")
    ours = transform_as_topspin(fid, 0.5, 131072)
    np.testing.assert_allclose(ours.x, topspin.x, atol=1e-5)
    # 2^NC / 2^NC_proc, and TopSpin's window starts at 53 points where the filter's delay is 53.25
    scale = 2.0 * np.exp(-np.pi * 0.5 * 0.25 / fid.metadata["spectral_width_Hz"])
    np.testing.assert_allclose(ours.y * scale, topspin.y, atol=1e-7 * np.abs(topspin.y).max())


def test_phase_and_scale_are_topspins_but_for_its_baseline(folder: Path) -> None:
    """This spectrum has a baseline taken off in TopSpin, of which the file does not say how."""
    fid = spectro.load(folder / "jcamp/aspirin/1h.fid.dx")
    topspin = spectro.load(folder / "jcamp/aspirin/1h.dx")
    ours = transform_as_topspin(fid, 0.3, 32768)
    lines = np.abs(topspin.y) > 0.05 * np.abs(topspin.y).max()
    ratio = np.vdot(topspin.y[lines], ours.y[lines]) / np.vdot(topspin.y[lines], topspin.y[lines])
    assert abs(ratio) == pytest.approx(1.0, abs=1e-3)
    assert abs(np.angle(ratio)) < 1e-3
    a, b = np.abs(ours.y), np.abs(topspin.y)
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.999999


@pytest.mark.parametrize("criterion", processing.CRITERIA)
def test_the_phase_that_a_person_chose_is_found(folder: Path, criterion: str) -> None:
    fid = spectro.load(folder / "jcamp/aspirin/1h.fid.dx")
    wide = processing.apodise(fid, width_Hz=0.3)
    spectrum = processing.fourier_transform(processing.zero_fill(wide, 32768))
    found = processing.phase(spectrum, *processing.find_phase(spectrum, criterion))
    known = fid.metadata
    chosen = processing.phase(spectrum, known["topspin_phase_deg"], known["topspin_slope_deg"])
    lines = np.abs(chosen.y) > 0.05 * np.abs(chosen.y).max()
    wrong = np.angle(found.y[lines] / chosen.y[lines], deg=True)
    assert np.abs(wrong).max() < 10.0


def test_every_way_to_name_a_topspin_spectrum_leads_to_it(folder: Path) -> None:
    whole = spectro.load_all(folder / "topspin-1d")
    assert [one.metadata["quantity"] for one in whole] == ["fid", "pdata/1", "pdata/999"]
    for path in ("topspin-1d/pdata/1", "topspin-1d/pdata/1/1r"):
        np.testing.assert_array_equal(spectro.load(folder / path).y, whole[1].y)
    np.testing.assert_array_equal(spectro.load(folder / "topspin-1d/fid").y, whole[0].y)
    by_name = spectro.load(folder / "topspin-1d", "pdata/1")
    np.testing.assert_array_equal(by_name.y, whole[1].y)
    series = spectro.load(folder / "topspin-series/ser")
    assert series.axes[0].name == "row"


def test_invalid_csdm_files_give_one_clear_line_each(
    real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a file was fetched")

    monkeypatch.setattr("socket.socket.connect", refuse)
    files = sorted((real_data / "spectra/invalid/csdm").glob("*.csdfe"))
    assert len(files) == 16
    told = set()
    for path in files:
        with pytest.raises(spectro.InputError) as raised:
            spectro.load(path)
        text = str(raised.value)
        assert text.startswith("Expected ")
        assert path.stem in text or "xyinc2" in text
        assert "\n" not in text
        assert text.endswith(".") and ". " not in text.replace("data. ", "")
        told.add(text.replace(str(path), ""))
    assert len(told) >= 15
