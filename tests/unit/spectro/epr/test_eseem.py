"""Modulation against a density matrix, processing against known cosines, peaks against noise."""

import numpy as np
import pytest
from scipy.linalg import expm

from spectro import epr
from spectro.isotopes import isotope
from spectro.model import Axis, InputError, Spectrum

STEP_ns = 8.0


def propagate(nuclei, field_mT, tau_ns, times_ns, n_offsets=64):
    """Stimulated echo of a density matrix (secular Hamiltonian, ideal pulses, field along z).

    Offsets of the electron are averaged over, so that only the echo is left; times are multiples of
    the step that makes that exact.
    """
    half = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]]) / 2
    size = 2 ** len(nuclei)
    electron = [np.kron(one, np.eye(size)) for one in half]
    coupled = np.zeros((2 * size, 2 * size), complex)
    for place, (name, tensor) in enumerate(nuclei):
        before, after = 2 ** (place + 1), 2 ** (len(nuclei) - place - 1)
        spin = [np.kron(np.kron(np.eye(before), one), np.eye(after)) for one in half]
        coupled -= isotope(name).gamma_MHz_per_T * 1e-3 * field_mT * spin[2]
        coupled += electron[2] @ sum(a * one for a, one in zip(tensor[2], spin, strict=True))
    pulse = expm(-0.5j * np.pi * electron[0])
    echo = np.zeros(len(times_ns))
    for offset in np.arange(n_offsets) / (n_offsets * STEP_ns * 1e-3):
        energies, vectors = np.linalg.eigh(coupled + offset * electron[2])

        def wait(rho, ns, energies=energies, vectors=vectors):
            turn = (vectors * np.exp(-2e-3j * np.pi * energies * ns)) @ vectors.conj().T
            return turn @ rho @ turn.conj().T

        rho = pulse @ wait(pulse @ electron[2] @ pulse.conj().T, tau_ns) @ pulse.conj().T
        for k, ns in enumerate(times_ns):
            last = wait(pulse @ wait(rho, ns) @ pulse.conj().T, tau_ns)
            echo[k] += np.trace(last @ electron[1]).real / n_offsets
    return echo / echo_without_nuclei(size)


def echo_without_nuclei(size):
    """Half of the magnetisation is stored by two pulses, and half of that comes back."""
    return size / 2 / 2


TENSORS = {
    "113Cd": np.array([[1.0, 0.2, 0.5], [0.2, -0.5, 0.8], [0.5, 0.8, 2.5]]),
    "1H": np.array([[-2.0, 0.0, 3.0], [0.0, -2.0, 1.0], [3.0, 1.0, 4.0]]),
}


def as_nucleus(name, tensor):
    """The same tensor by principal values and Euler angles (z, y', z'')."""
    values, axes = np.linalg.eigh(tensor)
    axes[:, 0] *= np.sign(np.linalg.det(axes))
    polar = np.arccos(axes[2, 2])
    angles = np.arctan2(axes[1, 2], axes[0, 2]), polar, np.arctan2(axes[2, 1], -axes[2, 0])
    return epr.Nucleus(name, tuple(values), tuple(np.degrees(angles)))


@pytest.mark.parametrize("names", [("113Cd",), ("1H",), ("113Cd", "1H")])
def test_the_echo_is_that_of_a_density_matrix(names):
    field, tau = 350.0, 19 * STEP_ns
    experiment = epr.EseemExperiment(field, tau, STEP_ns, 60, 7 * STEP_ns)
    nuclei = [as_nucleus(name, TENSORS[name]) for name in names]
    for nucleus, name in zip(nuclei, names, strict=True):
        np.testing.assert_allclose(nucleus.tensor_MHz, TENSORS[name], atol=1e-12)
    found = epr.simulate_three_pulse_eseem(nuclei, experiment, direction=(0, 0, 1))
    times = 1e3 * experiment.time_us
    kept = ~np.isin(times, [tau, 2 * tau])  # where two-pulse echoes come at the same time
    expected = propagate([(name, TENSORS[name]) for name in names], field, tau, times[kept], 128)
    np.testing.assert_allclose(np.abs(expected), found.y[kept], atol=1e-9)
    assert np.ptp(found.y) > 0.01


def test_isotopes_average_by_their_abundance():
    """A natural mixture is the sum over its isotopes and those without a spin."""
    experiment = epr.EseemExperiment(350.0, 152.0, n_points=100)

    def echo(*nuclei):
        return epr.simulate_three_pulse_eseem(nuclei, experiment, n_polar=16).y

    a = np.array([-1.0, 2.0])
    ratio = isotope("113Cd").frequency_ratio / isotope("111Cd").frequency_ratio
    pure = {"111Cd": echo(epr.Nucleus("111Cd", tuple(a)))}
    pure["113Cd"] = echo(epr.Nucleus("113Cd", tuple(a * ratio)))
    natural = echo(epr.Nucleus("Cd", tuple(a)))
    rest = 1 - sum(isotope(name).abundance for name in pure)
    expected = rest + sum(isotope(name).abundance * y for name, y in pure.items())
    np.testing.assert_allclose(natural, expected, rtol=1e-12)
    np.testing.assert_allclose(echo(epr.Nucleus("113Cd", 2.0)), 1.0, rtol=1e-12)


def test_tau_decides_what_is_seen():
    """Both lines of a weak coupling are strong at 1 / (2 nu) and gone at 1 / nu."""
    assert epr.best_tau_ns(3.3) == pytest.approx(151.5, abs=0.05)
    larmor = isotope("113Cd").larmor_MHz(0.35)
    best = epr.best_tau_ns(larmor)
    nucleus = [epr.Nucleus("113Cd", (-0.01, 0.02))]

    def swing(tau):
        experiment = epr.EseemExperiment(350.0, tau)
        return np.ptp(epr.simulate_three_pulse_eseem(nucleus, experiment, direction=(1, 0, 1)).y)

    assert swing(2 * best) < 1e-3 * swing(best)
    assert swing(best) > max(swing(0.9 * best), swing(1.1 * best))


def trace(frequency=3.3, n=512, *, start_us=0.0, step_us=0.008, unit="us"):
    time = start_us + step_us * np.arange(n)
    factor = {"s": 1e-6, "ms": 1e-3, "us": 1.0, "ns": 1e3}[unit]
    return time, Spectrum(
        np.cos(2 * np.pi * frequency * time), (Axis(time * factor, "time", unit),)
    )


@pytest.mark.parametrize("zero_fill", [1, 4])
@pytest.mark.parametrize("window", ["none", "hamming", "hann", "kaiser", ("kaiser", 3.0)])
@pytest.mark.parametrize("part", ["magnitude", "real", "complex"])
def test_a_unit_cosine_has_the_height_one(window, zero_fill, part):
    frequency = 60 / (512 * 0.008)
    _, spectrum = trace(frequency, start_us=0.04)
    found = epr.process_eseem(
        spectrum, background="none", window=window, zero_fill=zero_fill, part=part
    )
    at = 60 * zero_fill
    assert found.x[at] == pytest.approx(frequency)
    assert found.y[at] == pytest.approx(1.0, abs=0.01)
    assert np.iscomplexobj(found.y) == (part == "complex")
    assert np.abs(found.y).argmax() == at


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_units_of_time_change_nothing(unit):
    expected = epr.process_eseem(trace()[1])
    found = epr.process_eseem(trace(unit=unit)[1])
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-9)
    np.testing.assert_allclose(found.y, expected.y, atol=1e-9)
    assert found.axes[0].unit == "MHz"


@pytest.mark.parametrize(
    ("background", "model"),
    [
        ("exponential", lambda t: 3 * np.exp(-t / 1.5) + 0.5),
        ("stretched", lambda t: 3 * np.exp(-((t / 1.5) ** 0.7)) + 0.5),
        (epr.Background("polynomial", 2), lambda t: 3 - t + 0.2 * t**2),
    ],
    ids=["exponential", "stretched", "polynomial"],
)
def test_a_background_leaves_the_modulation(background, model):
    time, spectrum = trace()
    depth = 0.05
    decay = model(time)
    alone = epr.process_eseem(spectrum, background="none")
    echo = spectrum.do("add", decay + depth * spectrum.y)
    found = epr.process_eseem(echo, background=background)
    rest = np.abs(found.y - depth * alone.y)
    assert rest.max() < 0.05 * depth
    bare = epr.process_eseem(spectrum.do("swap", decay), background=background)
    assert np.abs(bare.y).max() < 1e-6 * decay.max()


def test_what_is_divided_by_a_background_is_the_depth_of_modulation():
    time, spectrum = trace()
    decay = 7e5 * (np.exp(-time / 3.0) + 1.0)
    echo = spectrum.do("add", decay * (1 + 0.02 * spectrum.y))
    way = epr.Background("exponential", is_divided=True)
    found = epr.process_eseem(echo, background=way, window="none")
    assert found.y.max() == pytest.approx(0.02, rel=0.03)


def test_a_complex_echo_is_turned_to_its_real_part():
    _, spectrum = trace()
    echo = 2 + 0.1 * spectrum.y
    turned = spectrum.do("turn", echo * np.exp(2.5j))
    found = epr.process_eseem(turned)
    expected = epr.process_eseem(spectrum.do("add", echo))
    np.testing.assert_allclose(found.y, expected.y, atol=1e-9)
    assert found.history[1].name == "set_phase"
    assert found.history[1].settings["phase_deg"] % 360 == pytest.approx(np.degrees(2.5), abs=1e-6)


def test_every_step_is_in_the_history():
    found = epr.process_eseem(trace(start_us=0.04)[1], window="hann", zero_fill=3)
    names = [step.name for step in found.history]
    assert names == ["remove_background", "apodise", "fill_zeros", "transform"]
    last = found.history[-1].settings
    assert last["dead_time"] == "not reconstructed"
    assert last["start_us"] == [pytest.approx(0.04)]
    assert found.history[1].settings == {"window": "hann"}
    assert found.history[2].settings["zero_fill"] == 3


def test_two_times_give_two_frequencies():
    """A product of cosines is in both quadrants; a cosine of a sum in one, twice as high."""
    step, n = 0.016, 128
    time = step * np.arange(n)
    a, b = 12 / (n * step), 20 / (n * step)
    axes = (Axis(time, "time", "us"), Axis(time, "time", "us"))
    product = np.cos(2 * np.pi * a * time)[:, None] * np.cos(2 * np.pi * b * time)
    mixed = np.cos(2 * np.pi * (a * time[:, None] + b * time))
    for y, left, right in ((product, 1.0, 1.0), (mixed, 0.0, 2.0)):
        found = epr.process_eseem(Spectrum(y, axes), background="none", window="none", zero_fill=2)
        first, second = (axis.values for axis in found.axes)
        column = np.abs(second - b).argmin()
        for sign, height in ((-1, left), (1, right)):
            row = np.abs(first - sign * a).argmin()
            assert found.y[row, column] == pytest.approx(height, abs=0.02)
    decay = np.exp(-time / 0.7)[:, None] + np.exp(-time / 0.9)
    flat = epr.process_eseem(Spectrum(decay + 1, axes))
    assert flat.y.max() < 1e-6


def noisy(seed, frequency, depth=0.02, noise=0.02, n=512):
    time, spectrum = trace(frequency, n)
    decay = np.exp(-time / 3.0)
    draw = np.random.default_rng(seed).normal(size=n)
    return spectrum.do("noise", decay * (1 + depth * spectrum.y) + noise * depth * draw)


@pytest.mark.parametrize("window", ["none", "hamming"])
def test_errors_of_positions_are_those_of_the_noise(window):
    pulls, heights = [], []
    for seed in range(200):
        echo = noisy(seed, 7.77, noise=0.5)
        found = epr.find_peaks(
            epr.process_eseem(echo, window=window), range_MHz=(4.0, 60.0), n_sigma=6
        )
        strongest = found.height.argmax()
        pulls.append((found.frequency_MHz[strongest] - 7.77) / found.error_MHz[strongest])
        heights.append(found.height[strongest])
    assert abs(np.mean(pulls)) < 0.25
    assert 0.75 < np.std(pulls) < 1.3


def test_lines_with_independent_noise():
    """As of a sweep of frequency: Gaussian lines, each point with its own noise."""
    x = np.linspace(2.0, 20.0, 901)
    truth = np.array([7.15, 15.35])
    shape = np.exp(-0.5 * ((x[:, None] - truth) / 0.25) ** 2).sum(axis=1)
    pulls = []
    for seed in range(150):
        y = 5.0 + shape + 0.03 * np.random.default_rng(seed).normal(size=len(x))
        found = epr.find_peaks(Spectrum(y, (Axis(x, "frequency", "MHz"),)), n_sigma=6)
        assert found.noise == pytest.approx(0.03, rel=0.3)
        near = np.abs(found.frequency_MHz[:, None] - truth).argmin(axis=0)
        pulls += list((found.frequency_MHz[near] - truth) / found.error_MHz[near])
    assert abs(np.mean(pulls)) < 0.25
    assert 0.75 < np.std(pulls) < 1.3


def test_noise_has_no_lines():
    count = 0
    for seed in range(60):
        time, spectrum = trace()
        y = np.exp(-time / 3) + 0.01 * np.random.default_rng(seed).normal(size=len(time))
        count += len(epr.find_peaks(epr.process_eseem(spectrum.do("swap", y)), range_MHz=(1, 62)))
    assert count <= 1


def test_the_order_of_the_axis_changes_nothing():
    x = np.linspace(1.0, 10.0, 200)
    y = np.exp(-((x - 4.0) ** 2)) + 1e-3 * np.random.default_rng(3).normal(size=200)
    up = epr.find_peaks(Spectrum(y, (Axis(x, "frequency", "MHz"),)), n_sigma=10)
    down = epr.find_peaks(Spectrum(y[::-1], (Axis(x[::-1], "frequency", "MHz"),)), n_sigma=10)
    np.testing.assert_allclose(up.frequency_MHz, down.frequency_MHz)
    assert len(up) == 1


TIME = np.arange(64) * 0.008


@pytest.mark.parametrize(
    ("axis", "y", "settings", "message"),
    [
        (Axis(TIME, "field", "mT"), TIME, {}, "Expected times in s, ms"),
        (Axis(TIME**2, "time", "us"), TIME, {}, "even steps"),
        (Axis(TIME, "time", "us"), np.full(64, np.nan), {}, "finite echo"),
        (Axis(TIME, "time", "us"), TIME, {"background": "linear"}, "exponential, stretched"),
        (Axis(TIME, "time", "us"), TIME, {"window": "sine"}, "hamming, hann, kaiser"),
        (Axis(TIME, "time", "us"), TIME, {"zero_fill": 0}, "zero filling"),
        (Axis(TIME, "time", "us"), TIME, {"part": "power"}, "magnitude, real"),
        (
            Axis(TIME, "time", "us"),
            np.cos(20 * TIME),
            {"background": epr.Background("polynomial", 1, is_divided=True)},
            "subtract it",
        ),
    ],
)
def test_what_cannot_be_transformed_is_refused(axis, y, settings, message):
    with pytest.raises(InputError, match=message):
        epr.process_eseem(Spectrum(y, (axis,)), **settings)


def test_what_cannot_be_simulated_or_searched_is_refused():
    with pytest.raises(InputError, match="spin 1/2, got 55Mn"):
        epr.simulate_three_pulse_eseem([epr.Nucleus("55Mn", 1.0)], epr.EseemExperiment(350, 152))
    with pytest.raises(InputError, match="above 0"):
        epr.EseemExperiment(350.0, 0.0)
    with pytest.raises(InputError, match="frequency above 0"):
        epr.best_tau_ns(0.0)
    with pytest.raises(InputError, match="one axis in MHz"):
        epr.find_peaks(trace()[1])
    with pytest.raises(InputError, match="at least 8 points"):
        epr.find_peaks(epr.process_eseem(trace()[1]), range_MHz=(70.0, 80.0))
