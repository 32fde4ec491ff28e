"""Figures of NMR draw what was fitted, in scale and with units, and nothing over anything else."""

import math
from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import Circle, Wedge

import spectro
from spectro import Axis, Spectrum, figures, nmr

SHIFT = Axis(np.linspace(300.0, 0.0, 512), "133Cs chemical shift", "ppm")
SHARES = {"NC6.4": (0.0, 0.4, 0.6), "NC9.2": (0.3, 0.4, 0.3), "NC11.0": (0.5, 0.3, 0.2)}
LINES = {"core": (116.0, 8.0), "middle": (109.0, 12.0), "surface": (95.0, 25.0)}


@pytest.fixture
def ax():
    return figures.make_figure(figures.SINGLE_COLUMN_IN, 3.0).subplots()


def check_texts(figure):
    """No text lies over another, and none is cut off by the edge of the picture."""
    FigureCanvasAgg(figure).draw()
    texts = [text for legend in figure.legends for text in legend.texts]
    texts += [figure._suptitle] if figure._suptitle else []
    for ax in figure.axes:
        texts += [ax.title, ax._left_title, ax._right_title, *ax.texts]
        texts += ax.get_legend().texts if ax.get_legend() else []
        for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
            low, high = sorted(axis.get_view_interval())
            ticks = [tick for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
            texts += [axis.label, *(tick.label1 for tick in ticks)]
    boxes = [
        (text.get_text(), text.get_window_extent())
        for text in texts
        if text.get_visible() and text.get_text()
    ]
    assert len(boxes) > 3
    for (one, a), (other, b) in combinations(boxes, 2):
        assert not a.overlaps(b), f"{one!r} lies over {other!r}"
    page = figure.bbox
    for text, box in boxes:
        inside = page.x0 <= box.x0 < box.x1 <= page.x1 and page.y0 <= box.y0 < box.y1 <= page.y1
        assert inside, f"{text!r} is cut off"


@pytest.fixture(scope="module")
def deconvolved():
    random = np.random.default_rng(4)
    spectra = []
    for scale, (title, shares) in enumerate(SHARES.items(), 1):
        y = sum(
            scale * a * np.exp(-4 * math.log(2) * ((SHIFT.values - at) / w) ** 2) / w
            for a, (at, w) in zip(shares, LINES.values(), strict=True)
        )
        noisy = y + 1e-3 * random.normal(size=len(SHIFT))
        spectra.append(Spectrum(noisy, (SHIFT,), {"title": title}))
    return nmr.deconvolve(spectra, [nmr.Site(n, at, w) for n, (at, w) in LINES.items()])


@pytest.mark.parametrize("is_normalised", [True, False])
def test_a_series_is_drawn_at_its_offsets(deconvolved, is_normalised):
    with figures.journal_style():
        figure = figures.make_figure(figures.SINGLE_COLUMN_IN, 3.4)
        ax = figure.subplots()
        table = figures.draw_series(ax, deconvolved, is_normalised=is_normalised)
        check_texts(figure)
    assert ax.get_xlim() == (300.0, 0.0)
    assert ax.get_xlabel() == "$^{133}$Cs chemical shift (ppm)"
    assert [text.get_text() for text in ax.texts] == list(SHARES)
    assert [text.get_text() for text in ax.get_legend().texts] == list(LINES)
    offsets = table.groupby("curve", sort=False)["offset"].first().to_numpy()
    assert (np.diff(offsets) > 0).all()
    scales = table.groupby("curve", sort=False)["scale"].nunique()
    assert (scales == 1).all()
    assert (table["scale"].nunique() == 1) != is_normalised
    for k, curve in enumerate(deconvolved.curves):
        one = table[table["curve"] == curve.data.title]
        np.testing.assert_array_equal(one["data"], curve.data.y)
        np.testing.assert_array_equal(one["component_core"], curve.components["core"])
        drawn = ax.lines[2 * k].get_ydata()
        np.testing.assert_allclose(drawn, one["offset"] + one["scale"] * one["data"])
        if is_normalised:
            assert np.ptp(drawn) == pytest.approx(1.0, abs=0.1)


def test_spectra_without_a_fit_make_a_series_too(ax):
    spectra = [Spectrum(np.eye(512)[k] + 0j, (SHIFT,)) for k in (100, 200)]
    table = figures.draw_series(ax, spectra, names=("1 s", "2 s"))
    assert list(table["curve"].unique()) == ["1 s", "2 s"]
    assert "best_fit" not in table
    assert len(ax.lines) == 2


def test_what_is_no_series_is_told(ax):
    one = Spectrum(np.zeros(512), (SHIFT,))
    other = Spectrum(np.zeros(3), (Axis(np.arange(3.0), "time", "s"),))
    for spectra, names in (([], None), ([one, other], None), ([one], ("a", "b"))):
        with pytest.raises(spectro.InputError, match="over one unit"):
            figures.draw_series(ax, spectra, names=names)


def build_up(time_s, beta, delays_s, seed=0, sigma=0.01):
    m = 1 - np.exp(-((delays_s / time_s) ** beta))
    noisy = m + sigma * np.random.default_rng(seed).normal(size=len(m))
    return nmr.fit_buildup(delays_s, noisy, "mono" if beta == 1 else "stretched", sigma)


@pytest.mark.parametrize("delays_s", [np.geomspace(0.1, 200, 12), np.linspace(0, 30, 10)])
def test_a_build_up_is_drawn_with_its_points_and_curve(delays_s):
    fits = {"core": build_up(20.0, 0.7, delays_s), "surface": build_up(5.0, 1.0, delays_s, 1)}
    errors = {name: np.full(len(delays_s), 0.01) for name in fits}
    with figures.journal_style():
        figure = figures.make_figure(figures.SINGLE_COLUMN_IN, 2.8)
        ax = figure.subplots()
        table = figures.draw_buildup(ax, fits, error=errors)
        check_texts(figure)
    assert ax.get_xscale() == ("log" if delays_s[0] > 0 else "linear")
    assert ax.get_xlabel() == "Delay (s)"
    for name, fit in fits.items():
        one = table[table["curve"] == name]
        np.testing.assert_array_equal(one["magnetisation"], fit.curves[0].data.y)
        np.testing.assert_allclose(one["best_fit"], fit.curves[0].best_fit.y)
        assert (one["error"] == 0.01).all()
    told = ax.get_title(loc="left").splitlines()
    assert [line.split(" = ")[0] for line in told] == [
        "core: $T$",
        "core: mean",
        r"core: $\beta$",
        "surface: $T$",
    ]
    labelled = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    x, y = labelled["surface"].get_data()
    values = fits["surface"].values
    np.testing.assert_allclose(y, values["m_inf"] * (1 - np.exp(-x / values["time_s"])))


def test_both_parts_of_a_double_build_up_are_in_its_curve(ax):
    t = np.geomspace(0.1, 300, 20)
    m = 0.6 * (1 - np.exp(-t / 2)) + 0.4 * (1 - np.exp(-t / 60))
    fit = nmr.fit_buildup(t, m, "bi", 0.01)
    np.testing.assert_allclose(nmr.buildup_curve(t, fit), fit.curves[0].best_fit.y)
    np.testing.assert_allclose(nmr.buildup_curve(t, fit), m, atol=1e-3)
    assert figures.draw_buildup(ax, fit)["error"].isna().all()


def test_errors_of_a_build_up_have_to_fit(ax):
    fit = build_up(5.0, 1.0, np.geomspace(1, 20, 6))
    for error in (np.ones(3), -np.ones(6)):
        with pytest.raises(spectro.InputError, match="6 standard errors"):
            figures.draw_buildup(ax, fit, error=error)
    with pytest.raises(spectro.InputError, match="at least one"):
        figures.draw_buildup(ax, {})


def respdor_fit(fraction=None):
    tau_s = np.linspace(0.4e-3, 6e-3, 12)
    dephasing = nmr.respdor_curve(tau_s, 503.0, "27Al", 0.24)
    noisy = dephasing + 0.005 * np.random.default_rng(2).normal(size=12)
    return nmr.fit_respdor(tau_s, noisy, sigma=0.005, fraction=fraction)


@pytest.mark.parametrize("fraction", [None, 0.24])
def test_respdor_is_drawn_with_other_distances(fraction):
    fit = respdor_fit(fraction)
    with figures.journal_style():
        figure = figures.make_figure(figures.SINGLE_COLUMN_IN, 2.8)
        ax = figure.subplots()
        table = figures.draw_respdor(ax, fit, error=0.005, distances_nm=(0.2, 0.3))
        check_texts(figure)
    tau_s = table["recoupling_time_s"].to_numpy()
    for distance in (0.2, 0.3):
        coupling_Hz = nmr.dipolar_coupling_Hz("13C", "27Al", distance)
        expected = nmr.respdor_curve(tau_s, coupling_Hz, "27Al", fit.values["fraction"])
        np.testing.assert_allclose(table[f"at_{distance}_nm"], expected)
    labelled = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    x_ms, y = labelled[f"{fit.values['distance_nm']:.3f} nm, fit"].get_data()
    np.testing.assert_allclose(np.interp(tau_s * 1e3, x_ms, y), fit.curves[0].best_fit.y, rtol=5e-3)
    assert ax.get_xlabel() == "Recoupling time (ms)"
    assert "$^{13}$C{$^{27}$Al}" in ax.get_ylabel()
    assert [t.split(" = ")[0] for t in ax.get_title(loc="left").splitlines()] == [
        "$r$",
        "$D$",
        "$f$",
    ]


def test_respdor_wants_its_own_fit(ax):
    with pytest.raises(spectro.InputError, match="use fit_respdor"):
        figures.draw_respdor(ax, build_up(5.0, 1.0, np.geomspace(1, 20, 6)))
    with pytest.raises(spectro.InputError, match="use fit_buildup"):
        figures.draw_buildup(ax, respdor_fit())
    with pytest.raises(spectro.InputError, match="12 standard errors"):
        figures.draw_respdor(ax, respdor_fit(), error=np.ones(3))


def models():
    return {
        name: nmr.layer_model(float(name[2:]), shares, fraction_errors=(0.02, 0.02, 0.02))
        for name, shares in SHARES.items()
    }


@pytest.mark.parametrize(
    ("drawn", "size_in"), [(models(), (7.0, 2.6)), (models()["NC9.2"], (3.33, 3.0))]
)
def test_layers_are_in_scale(drawn, size_in):
    with figures.journal_style():
        figure = figures.make_figure(*size_in)
        ax = figure.subplots()
        table = figures.draw_layers(ax, drawn)
        check_texts(figure)
    assert ax.get_aspect() == 1.0
    several = drawn if isinstance(drawn, dict) else {"": drawn}
    spheres = [p for p in ax.patches if isinstance(p, Circle) and not p.get_fill()]
    for name, model in several.items():
        depths = [one.outer_nm for one in model.layers if one.fraction > 0]
        radii = {model.diameter_nm / 2 - depth for depth in depths}
        drawn_radii = {one.radius for one in spheres if one.center[1] == model.diameter_nm / 2}
        assert sorted(radii) == pytest.approx(sorted(drawn_radii))
        rows = table[table["sample"] == name]
        assert rows["percent"].sum() == pytest.approx(100.0)
        assert rows["thickness_nm"].sum() == pytest.approx(model.diameter_nm / 2)
    assert all(one.center[1] - one.radius >= -1e-9 for one in spheres)
    bands = [p for p in ax.patches if isinstance(p, Wedge)]
    widths = [
        one.outer.high - one.outer.low for model in several.values() for one in model.layers[:-1]
    ]
    assert [one.width for one in bands] == pytest.approx(widths)


def test_a_layer_within_its_error_has_a_dashed_boundary(ax):
    model = nmr.layer_model(9.0, (0.02, 0.4, 0.58), fraction_errors=(0.03, 0.03, 0.03))
    table = figures.draw_layers(ax, model)
    lines = [p for p in ax.patches if isinstance(p, Circle) and not p.get_fill()]
    assert [one.get_linestyle() == "-" or one.get_linestyle() == "solid" for one in lines] == list(
        table["is_significant"]
    )
    with pytest.raises(spectro.InputError, match="at least one"):
        figures.draw_layers(ax, {})


X = np.linspace(120.0, -40.0, 120)
PEAKS = ((67, 67, 1.0), (41, 41, 0.7), (67, 41, 0.2), (41, 67, 0.2), (100, -20, -0.3))


def correlation():
    axis = Axis(X, "113Cd chemical shift", "ppm")
    y = sum(h * np.exp(-(((X[:, None] - i) / 6) ** 2) - ((X - j) / 6) ** 2) for i, j, h in PEAKS)
    noisy = y + 0.01 * np.random.default_rng(5).normal(size=y.shape)
    return Spectrum(noisy, (axis, axis))


@pytest.mark.parametrize("slices_ppm", [(), (67.0, 41.0)])
def test_a_correlation_is_drawn_above_its_noise(slices_ppm):
    spectrum = correlation()
    with figures.journal_style():
        figure = figures.make_figure(figures.SINGLE_COLUMN_IN, 3.4)
        table = figures.draw_correlation(figure, spectrum, slices_ppm=slices_ppm)
        check_texts(figure)
    main, top, side = figure.axes
    assert main.get_xlim() == main.get_ylim() == (120.0, -40.0)
    positive, negative = main.collections
    noise = table["intensity"].iloc[0] / table["over_noise"].iloc[0]
    assert noise == pytest.approx(0.01, rel=0.1)
    assert positive.levels[0] == pytest.approx(5 * noise)
    np.testing.assert_allclose(np.sort(-negative.levels), positive.levels)
    np.testing.assert_array_equal(table["intensity"], spectrum.y.ravel())
    if slices_ppm:
        assert len(top.lines) == len(side.lines) == 2
        np.testing.assert_array_equal(top.lines[0].get_ydata(), nmr.take_slice(spectrum, 67.0).y)
    else:
        np.testing.assert_array_equal(top.lines[0].get_ydata(), spectrum.y.max(axis=0))
        np.testing.assert_array_equal(side.lines[0].get_xdata(), spectrum.y.max(axis=1))


def test_contours_are_where_the_peaks_are():
    figure = figures.make_figure(3.33, 3.33)
    table = figures.draw_correlation(figure, correlation(), lowest_over_noise=15.0)
    above = table[table["over_noise"] > 15]
    columns = ["second_113Cd_chemical_shift_ppm", "first_113Cd_chemical_shift_ppm"]
    places = np.concatenate([p.vertices for p in figure.axes[0].collections[0].get_paths()])
    for k, column in enumerate(columns):
        assert places[:, k].min() == pytest.approx(above[column].min(), abs=1.5)
        assert places[:, k].max() == pytest.approx(above[column].max(), abs=1.5)


def test_noise_alone_has_no_contours():
    axis = Axis(X, "shift", "ppm")
    quiet = Spectrum(np.random.default_rng(6).normal(size=(120, 120)), (axis, axis))
    figure = figures.make_figure(3.33, 3.33)
    with pytest.raises(spectro.InputError, match="Expected a peak above 7 times the noise"):
        figures.draw_correlation(figure, quiet, lowest_over_noise=7.0)
    with pytest.raises(spectro.InputError, match="two dimensions"):
        figures.draw_correlation(figure, Spectrum(X, (axis,)))
