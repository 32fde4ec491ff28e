"""Files of spectrometers, made here: what was written is what is read, and damage is told."""

import base64
import struct

import numpy as np
import pytest

import spectro
from spectro.cli import main
from spectro.io.units import convert

Y = np.array([1.5, -2.0, 3.25, 0.5, 1e-3, -7.0])


def write_bes3t(folder, *, y=Y, order="BIG", letter="D", **changes):
    """A pair of files; `changes` are lines of the descriptor, None leaves one out."""
    parameters = {
        "BSEQ": order,
        "IKKF": "CPLX" if np.iscomplexobj(y) else "REAL",
        "XTYP": "IDX",
        "YTYP": "NODATA",
        "ZTYP": "NODATA",
        "IRFMT": letter,
        "XPTS": y.shape[-1],
        "XMIN": "3000.0",
        "XWID": "500.0",
        "TITL": "'a sample'",
        "IRNAM": "'Intensity'",
        "XNAM": "'Field'",
        "XUNI": "'G'",
        "EXPT": "CW",
        "MWFQ": "9.5e+09",
        "MWPW": "0.002",
        "B0MA": "0.0001",
    } | changes
    lines = [f"{name}\t{value}" for name, value in parameters.items() if value is not None]
    text = "#DESC\t1.2 * DESCRIPTOR INFORMATION ***\n*\n" + "\n".join(lines)
    text += "\n#DSL\t1.0\n.DVC     mwBridge, 1.0\n\nPowerAtten  20 dB\nPrg 1,2,\\\n3,4\n"
    (folder / "a.DSC").write_text(text)
    if np.iscomplexobj(y):
        y = np.stack([y.real, y.imag], axis=-1)
    kinds = {"D": "d", "F": "f", "I": "i", "S": "h", "C": "b"}
    numbers = [float(v) if letter in "DF" else int(v) for v in y.ravel()]
    packed = struct.pack(f"{'>' if order == 'BIG' else '<'}{y.size}{kinds[letter]}", *numbers)
    (folder / "a.DTA").write_bytes(packed)
    return folder / "a.DSC"


@pytest.mark.parametrize("order", ["BIG", "LIT"])
@pytest.mark.parametrize("letter", ["D", "F", "I", "S", "C"])
def test_bes3t_numbers_of_every_type(tmp_path, order, letter):
    y = Y if letter in "DF" else np.round(Y)
    for name in ("a.DSC", "a.DTA"):
        write_bes3t(tmp_path, y=y, order=order, letter=letter)
        spectrum = spectro.load(tmp_path / name)
        np.testing.assert_allclose(spectrum.y, y, rtol=1e-7)
        np.testing.assert_array_equal(spectrum.x, np.linspace(300, 350, 6))
        assert (spectrum.axes[0].name, spectrum.axes[0].unit) == ("magnetic field", "mT")
    known = spectrum.metadata
    assert (known["frequency_GHz"], known["power_mW"]) == (9.5, 2.0)
    assert known["modulation_amplitude_mT"] == pytest.approx(0.1)
    assert (known["title"], known["experiment"]) == ("a sample", "CW")
    assert spectrum.parameters["mwBridge.PowerAtten"] == "20 dB"
    assert spectrum.parameters["mwBridge.Prg"] == "1,2,3,4"


def test_bes3t_complex_planes(tmp_path):
    y = (np.arange(12.0) + 1j * np.arange(12.0)[::-1]).reshape(3, 4)
    axes = {"YTYP": "IDX", "YPTS": 3, "YMIN": "10", "YWID": "4", "YUNI": "'ns'", "YNAM": "'Delay'"}
    spectrum = spectro.load(write_bes3t(tmp_path, y=y, EXPT="PLS", B0VL="0.35", **axes))
    np.testing.assert_array_equal(spectrum.y, y)
    np.testing.assert_allclose(spectrum.axes[0].values, [10e-9, 12e-9, 14e-9])
    assert spectrum.axes[0].name == "delay"
    assert spectrum.metadata["field_mT"] == pytest.approx(350.0)
    assert "harmonic" not in spectrum.metadata


def test_bes3t_several_quantities_alternate(tmp_path):
    y = np.arange(12.0)
    names = {"IKKF": "REAL,REAL", "IRFMT": "D,D", "IRNAM": "'in','out'", "XPTS": 6}
    path = write_bes3t(tmp_path, y=y, **names)
    first, second = spectro.load_all(path)
    np.testing.assert_array_equal(first.y, y[::2])
    np.testing.assert_array_equal(second.y, y[1::2])
    np.testing.assert_array_equal(spectro.load(path, "out").y, y[1::2])
    with pytest.raises(spectro.InputError, match=r"Expected one of 0 \(in\), 1 \(out\) of"):
        spectro.load(path, "both")


def test_bes3t_uneven_axes_are_in_a_file_of_their_own(tmp_path):
    path = write_bes3t(tmp_path, XTYP="IGD")
    with pytest.raises(spectro.InputError, match="Expected a.xgf beside|Expected a.XGF beside"):
        spectro.load(path)
    (tmp_path / "a.XGF").write_bytes(struct.pack(">6d", 1, 2, 4, 8, 16, 32))
    np.testing.assert_allclose(spectro.load(path).x, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"XPTS": None}, "Expected a descriptor with XPTS"),
        ({"XPTS": "many"}, "Expected a number of points as XPTS"),
        ({"XPTS": "7"}, "Expected 56 bytes in .*a.DTA, as its descriptor says, got 48"),
        ({"XPTS": "1e30"}, "Expected a number of points as XPTS"),
        ({"XWID": None}, "Expected XMIN and XWID"),
        ({"XMIN": "nan"}, "Expected XMIN and XWID"),
        ({"IRFMT": "Q"}, "Expected numbers of a type out of C, S, I, F, D"),
    ],
)
def test_bes3t_descriptors_that_cannot_be(tmp_path, changes, told):
    path = write_bes3t(tmp_path, **changes)
    with pytest.raises(spectro.InputError, match=told):
        spectro.load(path)


def test_a_missing_partner_is_told(tmp_path):
    path = write_bes3t(tmp_path)
    (tmp_path / "a.DTA").unlink()
    with pytest.raises(spectro.InputError, match=r"Expected a.DTA beside .*a.DSC"):
        spectro.load(path)
    with pytest.raises(spectro.InputError, match=r"Expected a file at .*a.DTA, got nothing"):
        spectro.load(tmp_path / "a.DTA")
    with pytest.raises(spectro.InputError, match="got a folder"):
        spectro.load(tmp_path)


def write_esp(folder, y, *, is_dos, more=()):
    lines = ["DOS  Format"] if is_dos else []
    lines += ["GST 3400.0", "GSI 100.0", "JUN G", "RES 6", "MF  9.77", "MP  2.0", "RMA 1.0", *more]
    (folder / "b.par").write_text("\r".join(lines) + "\r")
    (folder / "b.spc").write_bytes(np.asarray(y, "<f4" if is_dos else ">i4").tobytes())
    return folder / "b.par"


@pytest.mark.parametrize("is_dos", [True, False])
def test_esp_and_winepr(tmp_path, is_dos):
    y = [1, -2, 300000, 4, 5, -6]
    spectrum = spectro.load(write_esp(tmp_path, y, is_dos=is_dos))
    np.testing.assert_array_equal(spectrum.y, y)
    np.testing.assert_allclose(spectrum.x, np.linspace(340, 350, 6))
    assert spectrum.source.reader == ("Bruker WinEPR" if is_dos else "Bruker ESP")
    assert spectrum.metadata["frequency_GHz"] == 9.77
    assert spectrum.metadata["modulation_amplitude_mT"] == 0.1


def test_esp_complex_points_alternate(tmp_path):
    path = write_esp(tmp_path, range(12), is_dos=True, more=["JSS 16"])
    np.testing.assert_array_equal(
        spectro.load(path).y, np.arange(0, 12, 2) + 1j * np.arange(1, 12, 2)
    )


def test_winepr_power_sweeps_have_powers(tmp_path):
    plane = ["JSS 4096", "SSX 3", "SSY 2", "XXLB 3000", "XXWI 20", "XXUN G"]
    sweep = ["XYLB 20", "XYWI -10", "XYUN dB", "JEY mw-power-sweep", "MPD 20.0"]
    spectrum = spectro.load(write_esp(tmp_path, range(6), is_dos=True, more=plane + sweep))
    np.testing.assert_array_equal(spectrum.y, [[0, 1, 2], [3, 4, 5]])
    np.testing.assert_allclose(spectrum.axes[0].values, [2.0, 20.0])
    assert (spectrum.axes[0].name, spectrum.axes[0].unit) == ("microwave power", "mW")
    np.testing.assert_allclose(spectrum.x, [300, 301, 302])
    assert "power_mW" not in spectrum.metadata


def test_esp_files_that_cannot_be(tmp_path):
    path = write_esp(tmp_path, range(5), is_dos=True)
    with pytest.raises(spectro.InputError, match=r"Expected 24 bytes in .*b.spc, .* got 20"):
        spectro.load(path)
    path.write_text("DOS  Format\rMF 9.7\r")
    with pytest.raises(spectro.InputError, match="Expected the range and the number of points"):
        spectro.load(path)


def encode(values):
    return "".join(base64.b64encode(struct.pack("<d", value)).decode() for value in values)


def write_xml(folder, y=(1.0, -2.0, 3.5), head="", curves=True):
    field = f'<Curve YType="BField" XOffset="0" XSlope="1">{encode([300, 310, 320])}</Curve>'
    signal = f'<Curve Name="signal" YType="MW_Absorption" XOffset="0.5" XSlope="0.5">{encode(y)}'
    text = (
        f'<?xml version="1.0" encoding="utf-8"?>{head}<ESRXmlFile><Data><Measurement Name="c" '
        f'MwFreq="9.4" Temperature="26.85"><Recipe><Parameters>'
        f'<Param Name="MicrowavePower" Unit="mW">4</Param>'
        f'<Param Name="Modulation" Unit="mT">0.2</Param></Parameters></Recipe><DataCurves>'
        f"{field + signal + '</Curve>' if curves else ''}</DataCurves></Measurement></Data>"
        f"</ESRXmlFile>"
    )
    (folder / "c.xml").write_text(text)
    return folder / "c.xml"


def test_magnettech_fields_are_interpolated_in_time(tmp_path):
    spectrum = spectro.load(write_xml(tmp_path))
    np.testing.assert_array_equal(spectrum.y, [1.0, -2.0, 3.5])
    np.testing.assert_allclose(spectrum.x, [305, 310, 315])
    assert spectrum.metadata["frequency_GHz"] == 9.4
    assert spectrum.metadata["temperature_K"] == pytest.approx(300.0)
    assert (spectrum.metadata["power_mW"], spectrum.metadata["quantity"]) == (4.0, "signal")


BOMB = '<!DOCTYPE z [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'


def test_xml_that_is_not_honest_or_whole(tmp_path):
    with pytest.raises(spectro.InputError, match="do not trust this file"):
        spectro.load(write_xml(tmp_path, head=BOMB))
    with pytest.raises(spectro.InputError, match="Expected the curves BField and MW_Absorption"):
        spectro.load(write_xml(tmp_path, curves=False))
    path = write_xml(tmp_path)
    path.write_text(path.read_text().replace("</ESRXmlFile>", ""))
    with pytest.raises(spectro.InputError, match="Expected whole XML"):
        spectro.load(path)
    path = write_xml(tmp_path)
    path.write_text(path.read_text().replace(encode([-2.0]), encode([-2.0])[:7]))
    with pytest.raises(spectro.InputError, match="Expected numbers in the curve 'signal'"):
        spectro.load(path)
    path.write_text("<other/>")
    with pytest.raises(spectro.InputError, match="Expected a measurement of an ESR5000"):
        spectro.load(path)


TEXTS = {
    "csv": "Field (G),Intensity\n3000,1.5\n3010,-2\n3020,3e-3\n",
    "tabs": "# frequency_GHz = 9.46\nField [mT]\tIntensity\n300\t1.5\n301\t-2\n302\t3e-3\n",
    "bare": "300 1.5\n301 -2\n302 3e-3\n",
    "comma": "Field (mT);Intensity\n300,0;1,5\n301,0;-2\n302,0;3e-3\n",
    "xepr": "index\tField [G]\tIntensity []\n1\t3000\t1.5\n2\t3010\t-2\n3\t3020\t3e-3\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_many_kinds(tmp_path, name):
    path = tmp_path / "d.txt"
    path.write_text(TEXTS[name])
    spectrum = spectro.load(path)
    np.testing.assert_allclose(spectrum.x, [300, 301, 302])
    np.testing.assert_allclose(spectrum.y, [1.5, -2, 3e-3])
    assert spectrum.axes[0].unit == ("" if name == "bare" else "mT")
    if name == "tabs":
        assert spectrum.metadata["frequency_GHz"] == 9.46


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("nothing\n", "Expected two or more columns of numbers"),
        ("", "Expected two or more columns of numbers"),
        ("1 2\n3\n", "Expected 2 numbers in line 2"),
        ("1 2\n3 x\n", "Expected 2 numbers in line 2"),
    ],
)
def test_texts_that_hold_no_spectrum(tmp_path, text, told):
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(spectro.InputError, match=told):
        spectro.load(tmp_path / "e.csv")


def test_other_kinds_of_files_are_told(tmp_path):
    (tmp_path / "f.docx").write_text("")
    with pytest.raises(spectro.InputError, match=r"ends in one of .dsc, .dta, .par"):
        spectro.load(tmp_path / "f.docx")


def test_units_are_those_used_throughout():
    for unit, value, expected, name in (
        ("G", 3480.0, 348.0, "mT"),
        ("T", 0.348, 348.0, "mT"),
        ("ns", 8.0, 8e-9, "s"),
        ("GHz", 9.5, 9500.0, "MHz"),
        ("a.u.", 5.0, 5.0, "a.u."),
    ):
        values, unit_after = convert(np.array([value]), unit)
        assert values[0] == pytest.approx(expected, rel=1e-15)
        assert unit_after == name


def test_a_spectrum_is_checked_and_read_only():
    axis = spectro.Axis(np.arange(3.0), "time", "s")
    spectrum = spectro.Spectrum(np.arange(3.0), (axis,))
    with pytest.raises(ValueError, match="read-only"):
        spectrum.y[0] = 1
    with pytest.raises(ValueError, match="read-only"):
        spectrum.x[0] = 1
    with pytest.raises(spectro.InputError, match=r"Expected an intensity of shape \(3,\)"):
        spectro.Spectrum(np.zeros(4), (axis,))
    with pytest.raises(spectro.InputError, match="Expected a row of finite numbers as time"):
        spectro.Axis(np.array([0, np.nan]), "time", "s")
    with pytest.raises(spectro.InputError, match="Expected the microwave frequency"):
        spectrum.require("frequency_GHz", "microwave frequency")
    doubled = spectrum.do("scale", 2 * spectrum.y, settings={"by": 2})
    assert [step.name for step in doubled.history] == ["scale"]
    assert spectrum.history == ()


def test_info_lists_what_a_file_holds(tmp_path, capsys):
    path = write_bes3t(tmp_path)
    assert main(["info", str(path)]) == 0
    text = capsys.readouterr().out
    assert "magnetic field: 300 to 350 mT, 6 points" in text
    assert "frequency_GHz: 9.5" in text
    assert main(["info", "--all", "--json", str(path)]) == 0
    assert '"mwBridge.PowerAtten": "20 dB"' in capsys.readouterr().out
    assert main(["info", str(path), str(tmp_path / "none.DSC")]) == 1
    assert main(["info", str(tmp_path / "none.DSC")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 2
    assert "Traceback" not in error
