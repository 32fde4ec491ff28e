"""Figures of spectra draw what they are given, with units, and nothing over anything else."""

import math
from contextlib import nullcontext
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation

import spectro
from spectro import epr, figures
from spectro.figures.labels import raise_mass_numbers
from spectro.model import Axis, Curve, FitResult, Spectrum, Uncertainty

FIELD = Axis(np.linspace(300.0, 380.0, 401), "magnetic field", "mT")
SHIFT = Axis(np.linspace(140.0, -20.0, 301), "113Cd shift", "ppm")


@pytest.fixture
def ax():
    return figures.make_figure(figures.SINGLE_COLUMN_IN, 2.4).subplots()


def peak(axis, centre, width, height=1.0):
    return height * np.exp(-0.5 * ((axis.values - centre) / width) ** 2)


def fit_of(axis, n=1, noise=0.02, names=("core", "surface")):
    """A fit made by hand, of two lines each."""
    random = np.random.default_rng(1)
    middle, reach = np.mean(axis.values), np.ptp(axis.values) / 8
    curves = []
    for number in range(n):
        parts = {
            name: peak(axis, middle + 2 * k * reach, reach / 2, 1 + k + number)
            for k, name in enumerate(names)
        }
        best = sum(parts.values())
        data = best + noise * random.normal(size=len(axis))
        about = {"title": f"sample {number}"}
        curves.append(Curve(Spectrum(data, (axis,), about), Spectrum(best, (axis,)), parts))
    return FitResult(
        "two lines",
        {"core_shift_ppm": 66.95, "b": -1.6, "fixed": 3.0},
        {"core_shift_ppm": "ppm", "b": "", "fixed": ""},
        {
            "core_shift_ppm": Uncertainty(0.05, 66.85, 67.05),
            "b": Uncertainty(math.nan, -math.inf, 0.0),
        },
        np.eye(2),
        tuple(curves),
        noise,
    )


def saturation(p_half=12.0, noise=0.01, n=15):
    power = np.geomspace(0.02, 200.0, n)
    best = np.sqrt(power) / (1 + power / p_half) ** 0.8
    data = best * (1 + noise * np.random.default_rng(2).normal(size=n))
    axis = Axis(power, "microwave power", "mW")
    curve = Curve(Spectrum(data, (axis,), {"title": "24h"}), Spectrum(best, (axis,)))
    return FitResult(
        "saturation",
        {"p_half_mW": p_half},
        {"p_half_mW": "mW"},
        {"p_half_mW": Uncertainty(0.5, p_half - 1, p_half + 1)},
        np.eye(1),
        (curve,),
        noise,
    )


def list_boxes(figure):
    """What is written in a figure, and where, after layout."""
    FigureCanvasAgg(figure).draw()
    texts = [text for legend in figure.legends for text in legend.texts]
    for ax in figure.axes:
        texts += [ax.title, ax._left_title, ax._right_title, *ax.texts]
        texts += ax.get_legend().texts if ax.get_legend() else []
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            texts += [axis.label, *(tick.label1 for tick in ticks)]
    seen = [text for text in texts if text.get_visible() and text.get_text()]
    return [(text.get_text(), text.get_window_extent()) for text in seen]


def check_texts(figure):
    """No text lies over another, and none is cut off by the edge of the picture."""
    boxes, page = list_boxes(figure), figure.bbox
    assert len(boxes) > 3
    for (one, a), (other, b) in combinations(boxes, 2):
        assert not a.overlaps(b), f"{one!r} lies over {other!r}"
    for text, box in boxes:
        inside = page.x0 <= box.x0 < box.x1 <= page.x1 and page.y0 <= box.y0 < box.y1 <= page.y1
        assert inside, f"{text!r} is cut off"


def test_a_spectrum_ascends_and_is_labelled(ax):
    falling = Axis(FIELD.values[::-1], FIELD.name, FIELD.unit)
    table = figures.draw_spectrum(ax, Spectrum(peak(falling, 340, 5), (falling,)))
    assert ax.get_xlim() == (300.0, 380.0)
    assert ax.get_xlabel() == "Magnetic field (mT)"
    assert ax.get_ylabel() == "Intensity (arb. units)"
    np.testing.assert_array_equal(table["magnetic_field_mT"], falling.values)
    np.testing.assert_array_equal(table["intensity"], ax.lines[0].get_ydata())


@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_shifts_descend_to_the_right(ax, order):
    axis = Axis(SHIFT.values[order], SHIFT.name, SHIFT.unit)
    figures.draw_spectrum(ax, Spectrum(peak(axis, 60, 5), (axis,)))
    assert ax.get_xlim() == (140.0, -20.0)
    assert ax.get_xlabel() == "$^{113}$Cd shift (ppm)"


def test_several_spectra_share_a_panel(ax):
    for low, high in ((300.0, 340.0), (320.0, 380.0)):
        axis = Axis(np.linspace(low, high, 50), "magnetic field", "mT")
        figures.draw_spectrum(ax, Spectrum(peak(axis, 330, 5), (axis,)), label=f"{low:g}")
    assert ax.get_xlim() == (300.0, 380.0)
    assert ax.get_legend_handles_labels()[1] == ["300", "320"]


def test_both_parts_of_a_complex_spectrum_are_drawn(ax):
    y = peak(SHIFT, 60, 5) * np.exp(0.7j)
    spectrum = Spectrum(y, (SHIFT,), {"quantity": "signal"})
    table = figures.draw_spectrum(ax, spectrum)
    np.testing.assert_array_equal(table["intensity"], y.real)
    np.testing.assert_array_equal(table["imaginary"], y.imag)
    drawn = [line.get_ydata() for line in ax.lines]
    assert any(np.array_equal(one, y.imag) for one in drawn)
    assert ax.get_ylabel() == "Signal (arb. units)"


def test_two_dimensions_are_refused(ax):
    plane = Spectrum(np.zeros((2, 401)), (Axis(np.arange(2.0), "delay", "s"), FIELD))
    with pytest.raises(spectro.InputError, match="one dimension, got 2"):
        figures.draw_spectrum(ax, plane)


@pytest.mark.parametrize(("name", "unit", "column"), [("a b", "mT", "a_b_mT"), ("", "", "x")])
def test_columns_carry_units(name, unit, column):
    assert Axis(np.arange(2.0), name, unit).column == column


@pytest.mark.parametrize("axis", [FIELD, SHIFT], ids=["field", "shift"])
def test_a_fit_is_drawn_with_all_that_it_holds(axis):
    figure, fit = figures.make_figure(figures.SINGLE_COLUMN_IN, 3.0), fit_of(axis)
    with figures.journal_style():
        table = figures.draw_fit(figure, fit)
    _, upper, lower = figure.axes
    drawn = {line.get_label(): line.get_ydata() for line in (*upper.lines, *lower.lines)}
    curve = fit.curves[0]
    expected = {"data": curve.data.y, "fit": curve.best_fit.y, "residual": curve.residual}
    for name, y in (expected | dict(curve.components)).items():
        np.testing.assert_array_equal(drawn[name], y)
    assert upper.get_xlim() == lower.get_xlim()
    assert (upper.get_xlim()[0] > upper.get_xlim()[1]) == (axis is SHIFT)
    parts = table[["component_core", "component_surface"]].sum(axis=1)
    np.testing.assert_allclose(parts, table["best_fit"])
    np.testing.assert_allclose(table["data"] - table["best_fit"], table["residual"])
    assert set(table["curve"]) == {"sample 0"}


@pytest.mark.parametrize("noise", [0.001, 0.05, 1.0])
@pytest.mark.parametrize("n", [1, 4])
def test_residuals_have_the_scale_of_the_data(noise, n):
    figure = figures.make_figure(figures.DOUBLE_COLUMN_IN, 5.0)
    with figures.journal_style():
        figures.draw_fit(figure, fit_of(FIELD, n, noise))
    figure.draw_without_rendering()
    assert len(figure.axes) == 1 + 2 * n
    for upper, lower in zip(figure.axes[1::2], figure.axes[2::2], strict=True):
        scales = [np.ptp(ax.get_ylim()) / ax.get_position().height for ax in (upper, lower)]
        assert scales[0] == pytest.approx(scales[1], rel=1e-3)
        residual = lower.lines[-1].get_ydata()
        assert np.abs(residual).max() < lower.get_ylim()[1]


def test_numbers_stand_above_with_their_intervals():
    figure = figures.make_figure(figures.SINGLE_COLUMN_IN, 3.0)
    figures.draw_fit(figure, fit_of(SHIFT))
    told = figure.axes[0].get_title(loc="left")
    assert "core shift = 66.950 ppm (66.850 to 67.050)" in told
    minus, infinity = "\N{MINUS SIGN}", "\N{INFINITY}"
    assert f"b = {minus}1.6 ({minus}{infinity} to 0)" in told
    assert "fixed" not in told
    assert told.endswith("(95 % intervals)")


def test_many_numbers_are_cut_short():
    fit = fit_of(SHIFT)
    names = [f"n{k}" for k in range(15)]
    many = FitResult(
        fit.model,
        dict.fromkeys(names, 1.0),
        dict.fromkeys(names, ""),
        dict.fromkeys(names, Uncertainty(0.1, 0.8, 1.2)),
        np.eye(15),
        fit.curves,
        fit.noise,
    )
    figure = figures.make_figure(figures.DOUBLE_COLUMN_IN, 3.0)
    figures.draw_fit(figure, many)
    told = figure.axes[0].get_title(loc="left")
    assert "and 3 more" in told
    assert "n12" not in told


def epr_like_fit():
    """One component over a baseline, long names, wide intervals, an intensity with a unit."""
    made = fit_of(FIELD, names=("spectrum",))
    curve = made.curves[0]
    parts = {"spectrum": curve.components["spectrum"], "baseline": np.full(len(FIELD), 0.1)}
    about = {"title": "24h", "quantity": "MWAbsorption (1st harm.)"}
    values = {
        "g": (2.0041684, "", 1.3e-6),
        "a_MHz": (25.120, "MHz", 0.05),
        "a2_MHz": (-23.970, "MHz", 0.05),
        "gaussian_mT": (0.5707, "mT", 0.003),
        "lorentzian_mT": (0.16, "mT", 0.004),
        "amplitude": (1075.8, "intensity mT^2", 3.7),
        "baseline_0": (3.43, "", 0.1),
        "baseline_1": (2.81, "", 0.2),
    }
    return FitResult(
        "CW EPR",
        {name: value for name, (value, _, _) in values.items()},
        {name: unit for name, (_, unit, _) in values.items()},
        {name: Uncertainty(e, v - 2 * e, v + 2 * e) for name, (v, _, e) in values.items()},
        np.eye(8),
        (
            Curve(
                Spectrum(curve.data.y + 0.1, (FIELD,), about),
                Spectrum(curve.best_fit.y + 0.1, (FIELD,), about),
                parts,
            ),
        ),
        0.02,
    )


@pytest.mark.parametrize("size_in", [(3.33, 3.2), (3.33, 2.4), (2.6, 3.2), (7.0, 3.0)])
@pytest.mark.parametrize("is_styled", [True, False])
def test_numbers_and_long_labels_of_a_fit_find_room(size_in, is_styled):
    with figures.journal_style() if is_styled else nullcontext():
        figure = figures.make_figure(*size_in)
        figures.draw_fit(figure, epr_like_fit())
        check_texts(figure)


def test_of_one_component_only_the_baseline_is_drawn_apart():
    figure = figures.make_figure(3.33, 3.2)
    table = figures.draw_fit(figure, epr_like_fit())
    upper = figure.axes[1]
    assert [line.get_label() for line in upper.lines] == ["data", "fit", "baseline"]
    np.testing.assert_allclose(table["component_spectrum"] + 0.1, table["best_fit"])
    told = figure.axes[0].get_title(loc="left")
    assert "intensity mT$^{2}$" in told
    assert "baseline" not in told
    assert "gaussian" in told


def test_a_fit_goes_into_two_panels():
    upper, lower = Figure().subplots(2, 1)
    figures.draw_fit((upper, lower), fit_of(FIELD, n=2))
    assert [line.get_label() for line in lower.lines][-1] == "residual"
    assert "fit" in [text.get_text() for text in upper.get_legend().texts]


@pytest.mark.parametrize(
    ("width_in", "n"),
    [(figures.SINGLE_COLUMN_IN, 1), (figures.DOUBLE_COLUMN_IN, 1), (figures.DOUBLE_COLUMN_IN, 4)],
)
def test_texts_of_a_fit_are_clear_of_each_other(width_in, n):
    names = ("core", "intermediate", "surface", "an impurity")
    with figures.journal_style():
        figure = figures.make_figure(width_in, 4.2)
        figures.draw_fit(figure, fit_of(SHIFT, n, names=names))
        check_texts(figure)
    panels = [ax.get_window_extent() for ax in figure.axes[1:]]
    header = figure.axes[0]._left_title.get_window_extent()
    for box in (header, figure.legends[0].get_window_extent()):
        assert not any(box.overlaps(panel) for panel in panels)


def test_saturation_is_over_the_root_of_the_power(ax):
    fit = saturation()
    table = figures.draw_saturation(ax, fit)
    np.testing.assert_allclose(table["root_power_sqrt_mW"] ** 2, table["power_mW"])
    points = ax.lines[0]
    np.testing.assert_array_equal(points.get_xdata(), table["root_power_sqrt_mW"])
    np.testing.assert_array_equal(points.get_ydata(), fit.curves[0].data.y)
    assert "mW$^{1/2}$" in ax.get_xlabel()
    assert ax.get_xlim()[0] == 0


def test_the_line_of_the_fit_is_the_model_between_the_powers(ax):
    figures.draw_saturation(ax, saturation())
    x, y = ax.lines[1].get_data()
    np.testing.assert_allclose(y, x / (1 + x**2 / 12.0) ** 0.8, rtol=3e-3)


@pytest.mark.parametrize("p_half", [0.05, 12.0, 180.0, 350.0])
def test_p_half_is_marked_with_its_interval(p_half):
    with figures.journal_style():
        ax = figures.make_figure(figures.SINGLE_COLUMN_IN, 2.4).subplots()
        figures.draw_saturation(ax, saturation(p_half))
        told = [text.get_text() for text in ax.texts if isinstance(text, Annotation)]
        assert [line.get_xdata()[0] for line in ax.lines if line.get_ls() == "--"] == [
            pytest.approx(math.sqrt(p_half))
        ]
        low, high = math.sqrt(max(p_half - 1, 0)), math.sqrt(p_half + 1)
        band = ax.patches[0].get_extents().transformed(ax.transData.inverted())
        assert (band.x0, band.x1) == pytest.approx((low, high), abs=1e-6)
        assert len(told) == 1
        assert f"{p_half:.2f} mW" in told[0]
        check_texts(ax.figure)


def test_p_half_beyond_the_powers_is_told_and_not_drawn(ax):
    figures.draw_saturation(ax, saturation(4000.0))
    assert not [line for line in ax.lines if line.get_ls() == "--"]
    assert "4000.00 mW" in ax.get_title(loc="right")


def test_saturation_wants_powers(ax):
    with pytest.raises(spectro.InputError, match="microwave power above 0 in mW"):
        figures.draw_saturation(ax, fit_of(FIELD))


LINES = [(3.32, "113Cd"), (3.17, "111Cd"), (14.9, "1H"), (6.64, "2 nu(113Cd)"), (30.0, "55Mn")]


def eseem(complex_=False):
    axis = Axis(np.linspace(-20, 20, 801), "frequency", "MHz")
    y = sum(peak(axis, sign * f, 0.15) for f, _ in LINES for sign in (-1, 1))
    return Spectrum(y * np.exp(0.4j) if complex_ else y, (axis,))


@pytest.mark.parametrize("complex_", [False, True])
def test_eseem_lines_are_named_where_they_are(ax, complex_):
    table = figures.draw_eseem(ax, eseem(complex_), LINES)
    assert table["frequency_MHz"].min() == 0.0
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), table["magnitude"])
    assert (table["magnitude"] >= 0).all()
    named = table[table["assignment"] != ""]
    assert dict(zip(named["assignment"], named["frequency_MHz"], strict=True)) == pytest.approx(
        {name: f for f, name in LINES[:-1]}, abs=0.026
    )
    assert ax.get_xlabel() == "Frequency (MHz)"
    dotted = [line.get_xdata()[0] for line in ax.lines if line.get_ls() == ":"]
    assert dotted == [f for f, _ in LINES[:-1]]
    texts = sorted(ax.texts, key=lambda text: text.get_position()[0])
    names = [raise_mass_numbers(name) for _, name in sorted(LINES)[:-1]]
    assert [text.get_text() for text in texts] == names


@pytest.mark.parametrize("width_in", [figures.SINGLE_COLUMN_IN, figures.DOUBLE_COLUMN_IN])
def test_names_of_eseem_lines_do_not_overlap(width_in):
    crowd = [(3.0 + 0.02 * k, f"{100 + k}Cd") for k in range(8)]
    with figures.journal_style():
        figure = figures.make_figure(width_in, 2.4)
        figures.draw_eseem(figure.subplots(), eseem(), [*LINES, *crowd])
        check_texts(figure)
    names = figure.axes[0].texts
    assert len(names) == 12
    extents = [text.get_window_extent() for text in names]
    assert not any(a.overlaps(b) for a, b in combinations(extents, 2))
    assert all(box.y0 > figure.axes[0].get_window_extent().y1 for box in extents)


def test_two_names_at_one_point_are_both_told(ax):
    table = figures.draw_eseem(ax, eseem(), [(3.30, "113Cd"), (3.31, "sum")])
    assert "113Cd; sum" in set(table["assignment"])


def test_eseem_wants_frequencies(ax):
    with pytest.raises(spectro.InputError, match="over frequency in MHz"):
        figures.draw_eseem(ax, Spectrum(FIELD.values, (FIELD,)))


@pytest.mark.parametrize(
    ("text", "raised"),
    [
        ("113Cd", "$^{113}$Cd"),
        ("1H, 55Mn", "$^{1}$H, $^{55}$Mn"),
        ("24 h at 300 K", "24 h at 300 K"),
        ("113Cd shift (ppm)", "$^{113}$Cd shift (ppm)"),
        ("100Kelvin", "100Kelvin"),
    ],
)
def test_mass_numbers_are_raised(text, raised):
    assert raise_mass_numbers(text) == raised


MN = epr.SpinSystem(2.5, 2.007, [epr.Nucleus("55Mn", -189.0)])


@pytest.mark.parametrize("over_field", [True, False])
@pytest.mark.parametrize(
    ("system", "nucleus"), [(MN, "113Cd"), (epr.SpinSystem(), "1H")], ids=["Cd", "H"]
)
def test_the_solid_effect_is_drawn_with_its_extrema(over_field, system, nucleus):
    function = epr.solid_effect_profile if over_field else epr.solid_effect_frequency_profile
    found = function(system, nucleus=nucleus)
    with figures.journal_style():
        figure = figures.make_figure(figures.SINGLE_COLUMN_IN, 3.0)
        table = figures.draw_solid_effect(figure, found)
        check_texts(figure)
    upper, lower = figure.axes
    column = "magnetic_field_mT" if over_field else "microwave_frequency_GHz"
    np.testing.assert_array_equal(table[column], found.profile.x)
    assert any(np.array_equal(line.get_ydata(), found.absorption.y) for line in upper.lines)
    assert any(np.array_equal(line.get_ydata(), found.profile.y) for line in lower.lines)
    assert lower.get_xlabel() == (
        "Magnetic field (mT)" if over_field else "Microwave frequency (GHz)"
    )
    told = [text.get_text() for text in lower.texts]
    dots = [line.get_data() for line in lower.lines if line.get_marker() == "o"]
    for text, (x, y), one in zip(told, dots, (found.positive, found.negative), strict=True):
        place = one.field_mT if over_field else one.frequency_GHz
        assert (x[0], y[0]) == (place, one.height)
        assert f"{one.field_mT:.2f} mT" in text or f"{one.frequency_GHz:.4f} GHz" in text


def test_a_figure_is_written_in_every_format_with_its_numbers(ax, tmp_path):
    spectrum = Spectrum(peak(FIELD, 340, 5), (FIELD,))
    numbers = figures.draw_spectrum(ax, spectrum)
    files = figures.save_figure(ax.figure, tmp_path / "new" / "24h.cw", numbers)
    assert [file.name for file in files] == [f"24h.cw.{s}" for s in ("pdf", "svg", "png", "csv")]
    assert sorted(tmp_path.joinpath("new").iterdir()) == sorted(files)
    assert files[0].read_bytes().startswith(b"%PDF")
    assert b"/Type3" not in files[0].read_bytes()
    assert "Magnetic field (mT)</text>" in files[1].read_text()
    assert files[2].read_bytes().startswith(b"\x89PNG")
    pd.testing.assert_frame_equal(pd.read_csv(files[3]), numbers)


def test_the_same_drawing_gives_the_same_bytes_and_keeps_its_layout(tmp_path):
    written = []
    for name in ("a", "b"):
        figure = figures.make_figure(figures.SINGLE_COLUMN_IN, 2.0)
        numbers = figures.draw_saturation(figure.subplots(), saturation())
        engine = figure.get_layout_engine()
        written.append(figures.save_figure(figure, tmp_path / name, numbers))
        assert figure.get_layout_engine() is engine
    for one, other in zip(*written, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_what_fails_leaves_nothing_and_what_was_there(ax, tmp_path, monkeypatch):
    numbers = figures.draw_spectrum(ax, Spectrum(peak(FIELD, 340, 5), (FIELD,)))
    files = figures.save_figure(ax.figure, tmp_path / "a", numbers)
    before = {file: file.read_bytes() for file in files}
    monkeypatch.setattr(pd.DataFrame, "to_csv", lambda *_, **__: 1 / 0)
    ax.set_title("changed")
    with pytest.raises(ZeroDivisionError):
        figures.save_figure(ax.figure, tmp_path / "a", numbers)
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_where_nothing_can_be_written_is_told(ax, tmp_path):
    numbers = figures.draw_spectrum(ax, Spectrum(peak(FIELD, 340, 5), (FIELD,)))
    (tmp_path / "a.svg").mkdir()
    with pytest.raises(spectro.InputError, match="got a folder"):
        figures.save_figure(ax.figure, tmp_path / "a", numbers)
    (tmp_path / "file").write_text("")
    with pytest.raises(spectro.InputError, match="choose another folder"):
        figures.save_figure(ax.figure, tmp_path / "file" / "a", numbers)


def test_settings_of_matplotlib_are_left_alone(ax, tmp_path):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    numbers = figures.draw_spectrum(ax, Spectrum(peak(FIELD, 340, 5), (FIELD,)))
    figures.save_figure(ax.figure, tmp_path / "a", numbers)
    assert dict(mpl.rcParams) == before
