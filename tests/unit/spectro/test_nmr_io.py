"""NMR files, made here: what was written is what is read, damage is told, nothing is fetched."""

import base64
import json
import math
import warnings

import numpy as np
import pytest

import spectro
from spectro.io.asdf import PackedNumbersError, unpack
from spectro.io.bruker import find_group_delay

RNG = np.random.default_rng(11)
WIDTH_HZ, ZERO_MHZ, CARRIER_MHZ = 20_000.0, 100.0, 100.005


def write_parameters(path, values):
    lines = ["##TITLE= Parameter file, TOPSPIN Version 3.6", "##JCAMPDX= 5.0", "$$ a comment"]
    lines += [f"##${name}= {value}" for name, value in values.items() if value is not None]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*lines, "##END=\n"]))


def write_topspin(folder, y, *, name="fid", letter="i4", order="<", **changes):
    """An experiment with a FID (N,) or a series (rows, N); `changes` are lines of acqus."""
    rows = np.atleast_2d(y)
    n_words = 2 * rows.shape[1]
    acquired = {
        "AQ_mod": 3,
        "BYTORDA": 1 if order == ">" else 0,
        "DTYPA": 2 if letter == "f8" else 0,
        "TD": n_words,
        "NC": 0,
        "SW_h": WIDTH_HZ,
        "SFO1": CARRIER_MHZ,
        "BF1": 100.0001,
        "NUC1": "<13C>",
        "GRPDLY": 67.98,
        "D": "(0..63)\n0 2.5 0",
        "NS": 128,
        "RG": 203,
        "MASR": 12500,
        "TE": 298.15,
        "PULPROG": "<cp>",
    } | changes
    write_parameters(folder / "acqus", acquired)
    write_parameters(folder / "pdata/1/procs", {"SF": ZERO_MHZ, "PHC0": 30.0, "PHC1": -8.0})
    (folder / "pdata/1/title").write_text("a sample\nof two lines\n")
    words = np.stack([rows.real, rows.imag], axis=-1).reshape(len(rows), -1).astype(order + letter)
    if name == "ser":
        per_block = 1024 // words.itemsize
        words = np.pad(words, [(0, 0), (0, -words.shape[1] % per_block)])
    (folder / name).write_bytes(words.tobytes())
    return folder


def make_integers(*shape):
    return (RNG.integers(-1000, 1000, shape) + 1j * RNG.integers(-1000, 1000, shape)).astype(
        complex
    )


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("letter", ["i4", "f8"])
def test_topspin_fids_of_every_kind(tmp_path, order, letter):
    y = make_integers(300) + (0.25 if letter == "f8" else 0)
    folder = write_topspin(tmp_path / "7", y, letter=letter, order=order, NC=-2)
    for path in (folder, folder / "fid"):
        spectrum = spectro.load(path)
        np.testing.assert_array_equal(spectrum.y, y / 4)
        np.testing.assert_allclose(spectrum.x, np.arange(300) / WIDTH_HZ)
    known = spectrum.metadata
    assert (known["nucleus"], known["n_scans"], known["receiver_gain"]) == ("13C", 128, 203.0)
    assert (known["mas_Hz"], known["recycle_delay_s"]) == (12500.0, 2.5)
    assert (known["temperature_K"], known["pulse_program"]) == (298.15, "cp")
    assert (known["title"], known["scale"]) == ("a sample of two lines", "TopSpin SF")
    assert known["carrier_ppm"] == pytest.approx(50.0)
    assert known["field_T"] == pytest.approx(100.005 / 0.2514502 / 42.57618)
    assert known["group_delay_points"] == 67.98
    assert known["topspin_phase_deg"] == pytest.approx((30 - 4 + 180 * 67.98 + 180) % 360 - 180)


def test_topspin_one_channel_is_real(tmp_path):
    folder = write_topspin(tmp_path / "1", make_integers(64), AQ_mod=0)
    spectrum = spectro.load(folder)
    assert spectrum.y.dtype == np.float64
    np.testing.assert_allclose(spectrum.x[1], 0.5 / WIDTH_HZ)


@pytest.mark.parametrize(
    ("name", "text", "values", "unit"),
    [
        ("vdlist", "1m\n20m\n0.5\n3s\n10u\n", [1e-3, 20e-3, 0.5, 3.0, 10e-6], "s"),
        ("vclist", "1 2 4\n8 16\n", [1, 2, 4, 8, 16], ""),
        ("vplist", "5u\n10u\n15u\n20u\n25u", [5e-6, 10e-6, 15e-6, 20e-6, 25e-6], "s"),
    ],
)
def test_topspin_series_have_the_axis_of_their_list(tmp_path, name, text, values, unit):
    y = make_integers(5, 100)  # 800 bytes a row, so there is padding
    folder = write_topspin(tmp_path / "2", y, name="ser")
    write_parameters(folder / "acqu2s", {"TD": 5, "FnMODE": 1, "SW_h": 1000.0})
    (folder / name).write_text(text)
    spectrum = spectro.load(folder)
    np.testing.assert_array_equal(spectrum.y, y)
    np.testing.assert_allclose(spectrum.axes[0].values, values)
    assert spectrum.axes[0].unit == unit
    (folder / name).write_text("soon\nlater\n")
    assert spectro.load(folder).axes[0].name == "indirect time"


def test_topspin_quadrature_goes_before_a_list_that_was_left(tmp_path):
    folder = write_topspin(tmp_path / "2", make_integers(4, 100), name="ser")
    write_parameters(folder / "acqu2s", {"TD": 4, "FnMODE": 4, "SW_h": 1000.0})
    (folder / "vdlist").write_text("1\n2\n3\n4\n")
    spectrum = spectro.load(folder)
    assert spectrum.metadata["quadrature"] == "States"
    np.testing.assert_allclose(spectrum.axes[0].values, [0, 0, 1e-3, 1e-3])


@pytest.mark.parametrize(
    ("text", "is_used", "told"),
    [
        ("1\nsoon\n3\n4", False, "got 'soon'"),
        ("1\n-2\n3\n4", False, "got '-2'"),
        ("1\n2", False, "Expected 4 entries in vdlist, got 2"),
        ("1\n2\n3\n4\n5", True, "got 5; the first are used"),
    ],
)
def test_topspin_lists_that_do_not_fit_are_told(tmp_path, text, is_used, told):
    folder = write_topspin(tmp_path / "2", make_integers(4, 100), name="ser")
    write_parameters(folder / "acqu2s", {"TD": 4})
    (folder / "vdlist").write_text(text)
    spectrum = spectro.load(folder)
    assert told in spectrum.metadata["warning"]
    assert (spectrum.axes[0].name == "delay") == is_used


@pytest.mark.parametrize(
    ("where", "path"),
    [("pdata/1", "1r"), ("pdata/1", "."), ("pdata", "1"), ("pdata", "1/1r"), (".", "pdata/1/1r")],
)
def test_topspin_folders_are_found_from_inside(tmp_path, monkeypatch, where, path):
    folder = write_topspin(tmp_path / "7", make_integers(64))
    changes = {"SI": 4, "SW_p": 8.0, "SF": ZERO_MHZ, "OFFSET": 3.0, "XDIM": 0, "NC_proc": 0}
    write_parameters(folder / "pdata/1/procs", changes)
    (folder / "pdata/1/1r").write_bytes(np.arange(4, dtype="<i4").tobytes())
    monkeypatch.chdir(folder / where)
    (spectrum,) = spectro.load_all(path)
    assert spectrum.metadata["nucleus"] == "13C"
    assert spectrum.metadata["quantity"] == "pdata/1"


def test_topspin_second_dimensions_have_times(tmp_path):
    folder = write_topspin(tmp_path / "3", make_integers(6, 128), name="ser")
    second = {"TD": 6, "FnMODE": 4, "SW_h": 500.0, "NUC1": "<1H>", "SFO1": 400.0002, "BF1": 400.0}
    write_parameters(folder / "acqu2s", second)
    spectrum = spectro.load(folder / "ser")
    np.testing.assert_allclose(spectrum.axes[0].values, np.array([0, 0, 1, 1, 2, 2]) / 500)
    assert spectrum.metadata["quadrature"] == "States"
    assert spectrum.metadata["indirect_nucleus"] == "1H"
    assert spectrum.metadata["indirect_carrier_ppm"] == pytest.approx(0.5)
    assert spectrum.metadata["indirect_reference_frequency_MHz"] == 400.0


def write_plane(folder, y, name, tile=None):
    heights = tile or y.shape
    rows, columns = (n // size for n, size in zip(y.shape, heights, strict=True))
    tiled = y.reshape(rows, heights[0], columns, heights[1]).swapaxes(1, 2)
    (folder / name).write_bytes(np.ascontiguousarray(tiled).astype("<i4").tobytes())


def test_topspin_planes_lie_in_tiles(tmp_path):
    folder = write_topspin(tmp_path / "4", make_integers(4, 64), name="ser")
    y = RNG.integers(-9, 9, (8, 32)) * 4
    edge = {"SF": ZERO_MHZ, "SW_p": 2000.0, "NC_proc": -2, "BYTORDP": 0}
    data = folder / "pdata/2"
    write_parameters(data / "procs", edge | {"SI": 32, "XDIM": 16, "OFFSET": 60.0})
    write_parameters(data / "proc2s", edge | {"SI": 8, "XDIM": 4, "OFFSET": 10.0, "AXNUC": "<1H>"})
    write_plane(data, y, "2rr", (4, 16))
    write_plane(data, y + 4, "2ir", (4, 16))
    for path in (data, data / "2rr"):
        spectrum = spectro.load(path)
        np.testing.assert_array_equal(spectrum.y, y / 4 - 1j * (y / 4 + 1))
    first, second = spectrum.axes
    np.testing.assert_allclose(first.values, 10.0 - 20.0 / 8 * np.arange(8))
    np.testing.assert_allclose(second.values, 60.0 - 20.0 / 32 * np.arange(32))
    assert (first.name, second.name) == ("1H chemical shift", "13C chemical shift")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"TD": None}, "Expected a number as TD in .*acqus, got None"),
        ({"TD": 0}, "Expected a number of points as TD"),
        ({"TD": 1e18}, "Expected a number of points as TD"),
        ({"TD": 602}, "Expected 2408 bytes in .*fid, as its parameters say, got 2400"),
        ({"SW_h": "nan"}, "Expected a number as SW_h"),
        ({"SW_h": -1}, "Expected a spectral width as SW_h"),
        ({"AQ_mod": 2}, "Expected pairs of numbers"),
        ({"GRPDLY": -1, "DIGMOD": 1, "DSPFVS": 99, "DECIM": 7}, "Expected a known digital filter"),
    ],
)
def test_topspin_parameters_that_cannot_be(tmp_path, changes, told):
    folder = write_topspin(tmp_path / "1", make_integers(300), **changes)
    with pytest.raises(spectro.InputError, match=told):
        spectro.load(folder)


def test_topspin_folders_without_data_and_others_are_told(tmp_path):
    folder = write_topspin(tmp_path / "1", make_integers(300))
    (folder / "fid").unlink()
    with pytest.raises(spectro.InputError, match="got parameters alone"):
        spectro.load(folder)
    with pytest.raises(spectro.InputError, match="got a folder without acqus or procs"):
        spectro.load(tmp_path)


def test_topspin_arrays_that_are_cut_do_not_hang(tmp_path):
    folder = write_topspin(tmp_path / "1", make_integers(300))
    text = (folder / "acqus").read_text()
    (folder / "acqus").write_text(text[: text.index("2.5")])
    assert "recycle_delay_s" not in spectro.load(folder).metadata


def test_delays_of_filters_come_from_grpdly_or_the_table():
    old = {"GRPDLY": "-1", "DIGMOD": "1", "DSPFVS": "12", "DECIM": "8"}
    assert find_group_delay(old) == 53.25
    assert find_group_delay(old | {"GRPDLY": "0"}) == 0
    assert find_group_delay(old | {"GRPDLY": "75.9866"}) == 75.9866
    assert find_group_delay(old | {"DIGMOD": "0"}) == 0
    assert find_group_delay({}) == 0


def test_a_reference_of_another_nucleus_is_not_taken(tmp_path):
    folder = write_topspin(tmp_path / "1", make_integers(64))
    write_parameters(folder / "pdata/1/procs", {"SF": 60.0})
    known = spectro.load(folder).metadata
    assert (known["scale"], known["reference_frequency_MHz"]) == ("TopSpin BF1", 100.0001)


PACKED = [  # one set of numbers in every form
    (["0 1 22 -333 -333 -333 -331 0"], [1, 22, -333, -333, -333, -331, 0]),
    (["0+1+22-333-333-333-331+0"], [1, 22, -333, -333, -333, -331, 0]),
    (["0A B2 c33c33c33c31 @"], [1, 22, -333, -333, -333, -331, 0]),
    (["0AB2c33Uc31@"], [1, 22, -333, -333, -333, -331, 0]),
    (["0AK1l55%TKL31"], [1, 22, -333, -333, -333, -331, 0]),
    (["0AK1l55", "3c33%T", "5c33KL31", "6@"], [1, 22, -333, -333, -333, -331, 0]),
    (["5 1.5E+2,-2e1 .5"], [150.0, -20.0, 0.5]),
    (["1.0E+02 1.0E+00 2.0E+00"], [1.0, 2.0]),
    (["0AJT"], [1, 2, 3]),
]


@pytest.mark.parametrize(("lines", "expected"), PACKED)
def test_packed_numbers(lines, expected):
    np.testing.assert_allclose(unpack(lines, 100), expected)


@pytest.mark.parametrize("lines", [["0S999999999"], ["0AS999999999999"], ["0J"], ["A"], ["0A!"]])
def test_packed_numbers_that_cannot_be(lines):
    with pytest.raises(PackedNumbersError):
        unpack(lines, 1000)
    with pytest.raises(PackedNumbersError, match="line 2 starts with 4 and not 3"):
        unpack(["0AJJ", "2DJ"], 100)


def pack(values):
    """Differences, with a check at the start of each line."""

    def digits(number, positive, negative):
        text = str(abs(int(number)))
        return (negative[int(text[0]) - 1] if number < 0 else positive[int(text[0])]) + text[1:]

    lines = []
    for start in range(0, len(values), 7):
        row = values[max(start - 1, 0) : start + 7]
        squeezed = digits(row[0], "@ABCDEFGHI", "abcdefghi")
        steps = [digits(step, "%JKLMNOPQR", "jklmnopqr") for step in np.diff(row)]
        lines.append(f"{start}{squeezed}{''.join(steps)}")
    return lines


def test_differences_agree_with_an_independent_reader():
    from nmrglue.fileio.jcampdx import _parse_pseudo

    values = RNG.integers(-5000, 5000, 150)
    lines = pack(values)
    np.testing.assert_array_equal(unpack(lines, 1000), values)
    np.testing.assert_array_equal(_parse_pseudo(lines), values)


def write_jcamp(path, y, **changes):
    header = {
        "TITLE": "a spectrum",
        "JCAMP-DX": "5.00 $$ nmr",
        "DATA TYPE": "NMR SPECTRUM",
        ".OBSERVE FREQUENCY": "100.0",
        ".OBSERVE NUCLEUS": "^13C",
        ".AVERAGES": 64,
        "XUNITS": "HZ",
        "YFACTOR": 0.5,
        "FIRSTX": 5000.0,
        "LASTX": 5000.0 - 10 * (len(y) - 1),
        "NPOINTS": len(y),
    } | changes
    lines = [f"##{name}= {value}" for name, value in header.items() if value is not None]
    text = "\r\n".join([*lines, "##XYDATA= (X++(Y..Y))", *pack(y), "##END="])
    path.write_text(text + "\n", newline="")
    return path


def test_jcamp_spectra_have_shifts(tmp_path):
    y = RNG.integers(-99, 99, 40)
    spectrum = spectro.load(write_jcamp(tmp_path / "a.jdx", y))
    np.testing.assert_array_equal(spectrum.y, y * 0.5)
    np.testing.assert_allclose(spectrum.x, 50.0 - 0.1 * np.arange(40))
    known = spectrum.metadata
    assert (known["nucleus"], known["n_scans"], known["title"]) == ("13C", 64, "a spectrum")
    pointed = {".SHIFT REFERENCE": "INTERNAL, TMS, 11, 0.0"}
    moved = spectro.load(write_jcamp(tmp_path / "b.dx", y, **pointed))
    np.testing.assert_allclose(moved.x, 1.0 - 0.1 * np.arange(40), atol=1e-12)
    assert moved.metadata["scale"] == "internal TMS"
    ppm = spectro.load(write_jcamp(tmp_path / "c.dx", y, XUNITS="PPM", FIRSTX=8, LASTX=-2))
    np.testing.assert_allclose(ppm.x, np.linspace(8, -2, 40))


def test_jcamp_of_another_kind_keeps_its_unit(tmp_path):
    other = {"DATA TYPE": "INFRARED SPECTRUM", "XUNITS": "1/CM", ".OBSERVE NUCLEUS": None}
    spectrum = spectro.load(write_jcamp(tmp_path / "a.dx", np.arange(1, 9), **other))
    assert spectrum.metadata["technique"] == "Infrared Spectrum"
    assert spectrum.axes[0].unit == "1/cm"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"NPOINTS": 41}, "Expected 41 numbers in .*, as its header says, got 40"),
        ({"NPOINTS": 39}, "Expected 39 whole numbers .*got damaged ones|Expected 39 numbers"),
        ({"NPOINTS": "1e12"}, "Expected a number of points in the header"),
        ({"NPOINTS": None}, "Expected a number of points in the header"),
        ({"FIRSTX": None}, "Expected a number as FIRSTX"),
        ({"FIRSTX": "inf"}, "Expected a number as FIRSTX"),
        ({"DATA CLASS": "NTUPLES"}, "Expected the symbols X, R and I"),
        ({"YFACTOR": "much"}, "Expected a number as YFACTOR"),
    ],
)
def test_jcamp_headers_that_cannot_be(tmp_path, changes, told):
    path = write_jcamp(tmp_path / "a.dx", RNG.integers(-99, 99, 40), **changes)
    with pytest.raises(spectro.InputError, match=told):
        spectro.load(path)


def test_jcamp_without_a_table_is_told(tmp_path):
    (tmp_path / "a.dx").write_text("##TITLE= a\n##PEAK TABLE= (XY..XY)\n1,2\n##END=\n")
    with pytest.raises(spectro.InputError, match="Expected JCAMP-DX with a table"):
        spectro.load(tmp_path / "a.dx")


def write_simpson(path, y, *, header=(), kind="FID"):
    rows = np.atleast_2d(y)
    lines = ["SIMP", f"NP={rows.shape[1]}", "SW=20000", *header, f"TYPE={kind}", "DATA"]
    lines += [f"{one.real!r} {one.imag!r}" for one in rows.ravel().tolist()]
    path.write_text("\n".join([*lines, "END"]) + "\n")
    return path


def test_simpson_fids_spectra_and_planes(tmp_path):
    y = RNG.normal(size=12) + 1j * RNG.normal(size=12)
    fid = spectro.load(write_simpson(tmp_path / "a.fid", y))
    np.testing.assert_array_equal(fid.y, y)
    np.testing.assert_allclose(fid.x, np.arange(12) / 20000)
    spectrum = spectro.load(write_simpson(tmp_path / "a.spe", y, kind="SPE", header=["REF=500"]))
    np.testing.assert_allclose(spectrum.x, 500 - 10000 + np.arange(12) * 20000 / 12)
    assert spectrum.axes[0].unit == "Hz"
    plane = spectro.load(
        write_simpson(tmp_path / "b.fid", y.reshape(3, 4), header=["NI=3", "SW1=1000"])
    )
    np.testing.assert_array_equal(plane.y, y.reshape(3, 4))
    np.testing.assert_allclose(plane.axes[0].values, np.arange(3) / 1000)
    several = spectro.load(write_simpson(tmp_path / "c.fid", y.reshape(2, 6), header=["NELEM=2"]))
    assert several.axes[0].name == "element"


def test_simpson_agrees_with_an_independent_reader(tmp_path):
    from nmrglue.fileio import simpson

    y = RNG.normal(size=(3, 4)) + 1j * RNG.normal(size=(3, 4))
    path = write_simpson(tmp_path / "a.fid", y, header=["NI=3", "SW1=1000"])
    np.testing.assert_allclose(spectro.load(path).y, simpson.read(str(path))[1], rtol=1e-6)


def test_simpson_columns_have_their_axis(tmp_path):
    table = np.column_stack([np.linspace(-10, 10, 5), np.arange(5.0), np.ones(5)])
    np.savetxt(tmp_path / "a.xreim", table)
    spectrum = spectro.load(tmp_path / "a.xreim")
    np.testing.assert_allclose(spectrum.x, table[:, 0])
    np.testing.assert_allclose(spectrum.y, np.arange(5) + 1j)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("NP=12", "NP=11", "Expected 11 points, as its header says"),
        ("NP=12", "NP=1e99", "Expected a number of points as NP"),
        ("SW=20000", "SW=0", "Expected a spectral width as SW"),
        ("END", "", "Expected numbers between DATA and END"),
        ("DATA\n", "DATA\nnan 1\n", "Expected finite numbers"),
        ("DATA\n", "DATA\n1 2 3\n", "Expected lines of 2 numbers"),
        ("TYPE", "FORMAT=BINARY\nTYPE", "got SIMPSON's packed form"),
    ],
)
def test_simpson_files_that_cannot_be(tmp_path, old, new, told):
    path = write_simpson(tmp_path / "a.fid", np.arange(12) + 0j)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(spectro.InputError, match=told):
        spectro.load(path)


Y64 = np.arange(12.0).reshape(3, 4)


def write_csdm(path, *, variable=None, dimensions=None, **changes):
    dimensions = dimensions or [
        {
            "type": "linear",
            "count": 4,
            "increment": "100 Hz",
            "coordinates_offset": "-200 Hz",
            "origin_offset": "100 MHz",
            "label": "13C shift",
        },
        {"type": "monotonic", "coordinates": ["1 ms", "10 ms", "1 s"], "label": "delay"},
    ]
    variable = {
        "type": "internal",
        "name": "signal",
        "encoding": "base64",
        "numeric_type": "float64",
        "quantity_type": "scalar",
        "components": [base64.b64encode(Y64.tobytes()).decode()],
    } | (variable or {})
    variable = {name: value for name, value in variable.items() if value is not None}
    content = {"version": "1.0", "dimensions": dimensions, "dependent_variables": [variable]}
    path.write_text(json.dumps({"csdm": content | changes}))
    return path


def test_csdm_axes_come_fastest_last(tmp_path):
    spectrum = spectro.load(write_csdm(tmp_path / "a.csdf"))
    np.testing.assert_array_equal(spectrum.y, Y64)
    delay, shift = spectrum.axes
    np.testing.assert_allclose(delay.values, [1e-3, 10e-3, 1.0])
    np.testing.assert_allclose(shift.values, [-2.0, -1.0, 0.0, 1.0])
    assert (delay.unit, shift.unit, shift.name) == ("s", "ppm", "13C shift")
    assert spectrum.metadata["spectrometer_frequency_MHz"] == pytest.approx(100.0)
    assert spectrum.metadata["quantity"] == "signal"


def test_csdm_numbers_of_every_encoding(tmp_path):
    pairs = np.column_stack([Y64.ravel(), -Y64.ravel()]).ravel()
    for variable, expected in (
        ({"encoding": "none", "components": [Y64.ravel().tolist()]}, Y64),
        (
            {"encoding": "none", "numeric_type": "complex128", "components": [pairs.tolist()]},
            Y64 - 1j * Y64,
        ),
        (
            {
                "numeric_type": "int16",
                "components": [base64.b64encode(Y64.astype("<i2").tobytes()).decode()],
            },
            Y64,
        ),
    ):
        spectrum = spectro.load(write_csdm(tmp_path / "a.csdf", variable=variable))
        np.testing.assert_array_equal(spectrum.y, expected)


def external(url, **more):
    return {"type": "external", "components_url": url, "components": None, "encoding": None} | more


@pytest.mark.parametrize("url", ["data/y 1.dat", "file:./data/y%201.dat"])
def test_csdm_data_may_be_beside_the_file(tmp_path, url):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/y 1.dat").write_bytes(np.stack([Y64, -Y64]).tobytes())
    variable = external(url, quantity_type="vector_2", component_labels=["x", "y"])
    first, second = spectro.load_all(write_csdm(tmp_path / "a.csdfe", variable=variable))
    np.testing.assert_array_equal(first.y, Y64)
    np.testing.assert_array_equal(second.y, -Y64)
    assert second.metadata["quantity"] == "signal y"
    assert first.source.sha256 != spectro.load(write_csdm(tmp_path / "b.csdf")).source.sha256


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://example.org/y.dat", "which is not fetched"),
        ("ftp://example.org/y.dat", "which is not fetched"),
        ("file://host/y.dat", "which is not fetched"),
        ("file:///etc/passwd", "which is elsewhere"),
        ("../secret.dat", "which is elsewhere"),
        ("%2e%2e/secret.dat", "which is elsewhere"),
        ("link.dat", "which is elsewhere"),
        ("none.dat", "Expected a file to read"),
        ("", "Expected"),
        (7, "Expected the name of a file"),
    ],
)
def test_csdm_data_elsewhere_are_not_read(tmp_path, monkeypatch, url, told):
    def refuse(*_args, **_more):
        raise AssertionError("something was fetched")

    monkeypatch.setattr("socket.socket.connect", refuse)
    folder = tmp_path / "inside"
    folder.mkdir()
    (tmp_path / "secret.dat").write_bytes(Y64.tobytes())
    (folder / "link.dat").symlink_to(tmp_path / "secret.dat")
    path = write_csdm(folder / "a.csdfe", variable=external(url))
    with pytest.raises(spectro.InputError, match=told):
        spectro.load(path)


@pytest.mark.parametrize(
    "text", ["1 s", "-2.5e-3 cm^-1", "7", ".5 (m/s)", "3 kg*m^2", "20 \u00b0C"]
)
def test_csdm_quantities_are_numbers_with_units(tmp_path, text):
    dimensions = [{"type": "linear", "count": 12, "increment": text}]
    step = np.diff(spectro.load(write_csdm(tmp_path / "a.csdf", dimensions=dimensions)).x)
    assert (step != 0).all()


@pytest.mark.parametrize(
    "text", ["9**9**9 s", "1E9**9**9", "1 (9**9**9) s", "1 (e**9**9) s", "(1+1) s", "1/3 s", "s"]
)
@pytest.mark.parametrize("name", ["increment", "coordinates_offset", "origin_offset", "period"])
def test_csdm_quantities_are_not_evaluated(tmp_path, name, text):
    """csdmpy hands the number to numexpr, in which 9**9**9 takes the machine's whole memory."""
    plain = {"type": "linear", "count": 12, "increment": "1 s"}
    for one in (plain | {name: text}, plain | {"reciprocal": {name: text}}):
        with pytest.raises(spectro.InputError, match="Expected a number and a unit"):
            spectro.load(write_csdm(tmp_path / "a.csdf", dimensions=[one]))
    listed = [{"type": "monotonic", "coordinates": ["1 s", text]}]
    with pytest.raises(spectro.InputError, match="Expected a number and a unit"):
        spectro.load(write_csdm(tmp_path / "a.csdf", dimensions=listed))
    with pytest.raises(spectro.InputError, match="Expected a number and a unit"):
        spectro.load(write_csdm(tmp_path / "a.csdf", variable={"unit": "*9**9**9"}))


HUGE = [{"type": "linear", "count": 1 << 25, "increment": "1 s"}] * 3


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"variable": {"components": ["AAAA!AAA"]}}, "Expected base64 as components"),
        ({"variable": {"components": ["AAAA"]}}, "Expected a valid dataset"),
        ({"variable": {"numeric_type": "object"}}, "Expected a valid dataset"),
        ({"dimensions": HUGE}, "points at most"),
        ({"dimensions": [{"type": "linear", "count": 10**30, "increment": "1 s"}]}, "as count"),
        ({"dimensions": [{"type": "linear", "count": True, "increment": "1 s"}]}, "whole number"),
        ({"dimensions": [{"type": "linear", "count": 12, "increment": "1 spam"}]}, "valid dataset"),
        ({"dependent_variables": []}, "dependent variables, got none|dependent variables in"),
        ({"dependent_variables": [3]}, "Expected a list of mappings"),
        ({"version": 3}, "Expected a valid dataset"),
    ],
)
def test_csdm_files_that_cannot_be(tmp_path, changes, told):
    path = write_csdm(tmp_path / "a.csdf", **changes)
    with pytest.raises(spectro.InputError, match=told) as raised:
        spectro.load(path)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"csdm": 1}', "[" * 100_000])
def test_csdm_that_is_none_is_told(tmp_path, text):
    (tmp_path / "a.csdf").write_text(text)
    with pytest.raises(spectro.InputError, match="Expected"):
        spectro.load(tmp_path / "a.csdf")


def test_damaged_files_are_read_or_told_and_nothing_else(tmp_path):
    """Bytes lost, changed, doubled: a spectrum of finite axes, or one sentence."""
    write_topspin(tmp_path / "1", make_integers(32))
    write_jcamp(tmp_path / "a.dx", RNG.integers(-99, 99, 40))
    write_simpson(tmp_path / "a.fid", np.arange(12) + 1j)
    write_csdm(tmp_path / "a.csdf")
    files = [tmp_path / "1/acqus", tmp_path / "1/fid"]
    files += [tmp_path / name for name in ("a.dx", "a.fid", "a.csdf")]
    rng = np.random.default_rng(12)
    for path in files:
        whole = path.read_bytes()
        for _ in range(60):
            start, n = rng.integers(0, len(whole)), int(rng.integers(1, 20))
            kind = rng.integers(0, 3)
            middle = (b"", rng.bytes(n), whole[start : start + n] * 3)[kind]
            path.write_bytes(whole[:start] + middle + whole[start + n :])
            target = path.parent if path.name == "acqus" else path
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    spectra = spectro.load_all(target)
            except spectro.InputError as error:
                assert "\n" not in str(error)
            else:
                assert all(math.isfinite(one.x.sum()) for one in spectra)
        path.write_bytes(whole)
