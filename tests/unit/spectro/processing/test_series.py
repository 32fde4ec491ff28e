"""Echo trains, sidebands by order, and histories done again."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from spectro import Axis, InputError, Spectrum, processing
from spectro.model import Step

sys.path.insert(0, str(Path(__file__).parent))

from fids import WIDTH_HZ, make_fid


def make_train(period_s, n_echoes, *, decay_s=np.inf, delay_s=0.0, width_Hz=300.0, nu_Hz=450.0):
    """Gaussian echoes of one line at nu; the first top is half a period after the start."""
    times_s = np.arange(round((n_echoes + 0.5) * period_s * WIDTH_HZ)) / WIDTH_HZ
    y = np.zeros(len(times_s), complex)
    for k in range(n_echoes + 1):
        away_s = times_s - delay_s - (k + 0.5) * period_s
        shape = np.exp(-((np.pi * width_Hz * away_s) ** 2) / (4 * np.log(2)))
        y += np.exp(-k * period_s / decay_s) * shape * np.exp(2j * np.pi * nu_Hz * away_s)
    return Spectrum(y, (Axis(times_s, "time", "s"),), {})


@pytest.mark.parametrize("period_s", [0.0128, 0.01283])  # 128 points, and 128.3
def test_echoes_add_up_to_their_number(period_s):
    train = make_train(period_s, 20)
    one = processing.coadd_echoes(train, period_s=period_s, n_echoes=1)
    many = processing.coadd_echoes(train, period_s=period_s, n_echoes=20)
    np.testing.assert_allclose(many.y, 20 * one.y, atol=1e-3)
    assert np.abs(many.y).argmax() == np.abs(many.x).argmin()
    spectrum = processing.fourier_transform(many)
    top = spectrum.y[np.abs(spectrum.y).argmax()]
    assert spectrum.x[np.abs(spectrum.y).argmax()] == pytest.approx(450.0, abs=80)
    assert abs(top.imag) < 1e-3 * top.real  # whole echoes need no phase


def test_weights_that_decay_give_the_best_signal_to_noise():
    """Signal sum a_k w_k over noise sqrt(sum w_k^2) is largest at w = a."""
    period_s, n, decay_s = 0.0128, 30, 0.1
    train = make_train(period_s, n, decay_s=decay_s)
    a = np.exp(-np.arange(n) * period_s / decay_s)
    for tau, w in ((None, np.ones(n)), (decay_s, a)):
        total = processing.coadd_echoes(train, period_s=period_s, n_echoes=n, decay_s=tau)
        assert np.abs(total.y).max() == pytest.approx((a * w).sum(), rel=1e-6)


def test_the_filter_comes_off_a_train_first():
    period_s = 0.0128
    train = make_train(period_s, 5, delay_s=60 / WIDTH_HZ)
    late = Spectrum(train.y, train.axes, {"group_delay_points": 60.0})
    echo = processing.coadd_echoes(late, period_s=period_s, n_echoes=4)
    assert np.abs(echo.y).argmax() == np.abs(echo.x).argmin()
    assert [step.name for step in echo.history] == ["remove_digital_filter", "coadd_echoes"]


def test_spikelets_stand_at_the_rate_of_the_echoes_under_their_shape():
    period_s, n = 0.0128, 16
    train = make_train(period_s, n)
    comb = processing.to_spikelets(train, period_s=period_s, n_echoes=n)
    envelope = processing.fourier_transform(
        processing.coadd_echoes(train, period_s=period_s, n_echoes=n)
    )
    high = comb.x[np.abs(comb.y) > 0.05 * np.abs(comb.y).max()]
    np.testing.assert_allclose(np.diff(high), -1 / period_s, rtol=1e-9)
    at = np.isin(np.round(comb.x, 6), np.round(envelope.x, 6))
    np.testing.assert_allclose(comb.y[at], envelope.y, atol=1e-3 * np.abs(comb.y).max())
    assert np.abs(comb.y[~at]).max() < 1e-3 * np.abs(comb.y).max()


@pytest.mark.parametrize(
    "arguments",
    [
        {"period_s": 0.0128, "n_echoes": 50},
        {"period_s": 0.0, "n_echoes": 2},
        {"period_s": 0.0128, "n_echoes": 0},
        {"period_s": 0.0128, "n_echoes": 2, "first_s": -1.0},
    ],
)
def test_trains_that_are_too_short_are_told(arguments):
    train = make_train(0.0128, 5)
    for do in (processing.coadd_echoes, processing.to_spikelets):
        with pytest.raises(InputError, match="Expected .* echo"):
            do(train, **arguments)


def make_pass(sites, n_rows=16, n=1024, mas_Hz=1500.0):
    """Rows of sidebands whose phases grow with order and pitch."""
    hertz = (n // 2 - np.arange(n)) * 50_000.0 / n
    y = np.zeros((n_rows, n), complex)
    for nu_Hz, sidebands in sites:
        for order, height in sidebands.items():
            line = height / (1 + ((hertz - nu_Hz - order * mas_Hz) / 120.0) ** 2)
            y += np.exp(2j * np.pi * order * np.arange(n_rows) / n_rows)[:, None] * line
    axes = (Axis(np.arange(float(n_rows)), "row"), Axis(hertz, "frequency", "Hz"))
    return Spectrum(y, axes, {"mas_Hz": mas_Hz})


SITES = [
    (800.0, {-3: 0.1, -2: 0.3, -1: 0.7, 0: 1.0, 1: 0.6, 2: 0.2}),
    (-2300.0, {-1: 0.2, 0: 2.0, 1: 0.4}),
]


def test_sidebands_come_to_their_centreband_by_order():
    sheared = processing.shear_pass(make_pass(SITES))
    np.testing.assert_array_equal(sheared.axes[0].values, np.arange(-8, 8))
    hertz = sheared.axes[1].values
    for nu_Hz, sidebands in SITES:
        at = int(np.abs(hertz - nu_Hz).argmin())
        for order in range(-8, 8):
            height = sheared.y[order + 8, at].real
            assert height == pytest.approx(sidebands.get(order, 0.0), abs=0.03)


def test_the_isotropic_spectrum_has_all_intensity_and_no_sidebands():
    series = make_pass(SITES)
    isotropic = processing.sum_isotropic(processing.shear_pass(series))
    centres = make_pass([(nu, {0: sum(bands.values())}) for nu, bands in SITES]).y[0]
    np.testing.assert_allclose(isotropic.y, centres, atol=0.03)
    assert isotropic.y.sum() == pytest.approx(series.y[0].sum())
    rounded = processing.shear_pass(series, sign=-1)
    assert np.abs(processing.sum_isotropic(rounded).y - centres).max() > 0.5
    with pytest.raises(InputError, match="Expected sidebands by order"):
        processing.sum_isotropic(series)
    with pytest.raises(InputError, match="Expected the spinning rate"):
        processing.shear_pass(Spectrum(series.y, series.axes))


def test_a_history_done_again_gives_the_same_bytes():
    rng = np.random.default_rng(5)
    clean = make_fid([(5.0, 900.0, 40.0), (3.0, -800.0, 80.0)], 2048, group_delay_points=12.6)
    fid = Spectrum(clean.y + rng.normal(size=2048), clean.axes, clean.metadata)
    done = processing.subtract_baseline(fid, "offset")
    done = processing.apodise(done, "gaussian", width_Hz=15.0)
    done = processing.fourier_transform(processing.zero_fill(done))
    done = processing.phase(done, *processing.find_phase(done))
    done = processing.subtract_baseline(done, order=2, regions=[(100, 70), (-20, -30)])
    done = processing.reference(done, "Me2Cd", at_ppm=30.0, is_ppm=65.0)
    done = processing.to_ppm(processing.to_hertz(done))
    again = processing.replay(fid, done.history)
    assert again.y.tobytes() == done.y.tobytes()
    assert again.x.tobytes() == done.x.tobytes()
    assert again.history == done.history
    assert dict(again.metadata) == dict(done.metadata)
    kept = json.loads(json.dumps([[step.name, dict(step.settings)] for step in done.history]))
    from_text = processing.replay(fid, [Step(*one) for one in kept])
    assert from_text.y.tobytes() == done.y.tobytes()


def test_every_step_that_changes_a_spectrum_can_be_done_again():
    names = set(processing.__all__) - {
        "CRITERIA",
        "METHODS",
        "QUADRATURES",
        "SCALES",
        "STEPS",
        "WINDOWS",
        "Phase",
        "estimate_noise",
        "find_phase",
        "format_recipe",
        "load_recipe",
        "parse_recipe",
        "replay",
        "suggest_recipe",
    }
    assert names | {"take", "take_row"} == set(processing.STEPS)
    series = make_pass(SITES)
    done = processing.sum_isotropic(processing.shear_pass(series))
    assert processing.replay(series, done.history).y.tobytes() == done.y.tobytes()
    train = make_train(0.0128, 5)
    for do in (processing.coadd_echoes, processing.to_spikelets):
        done = do(train, period_s=0.0128, n_echoes=4)
        assert processing.replay(train, done.history).y.tobytes() == done.y.tobytes()


def test_steps_that_are_not_known_are_told():
    with pytest.raises(InputError, match="Expected a step out of .*, got 'divide'"):
        processing.replay(make_fid([(1.0, 0.0, 1.0)]), [Step("divide")])
    with pytest.raises(InputError, match="Expected the settings of zero_fill"):
        processing.replay(make_fid([(1.0, 0.0, 1.0)]), [Step("zero_fill", {"to": 3})])
