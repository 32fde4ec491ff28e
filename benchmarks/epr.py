"""Powder EPR of Mn(II) against pyeasyspin and easyspyn, which are to be installed beside.

Run with OMP_NUM_THREADS=1. Both are ports of EasySpin to Python. Errors are those from the
references of tests/golden/epr.csv, which hold whole spectra, so that they are known between their
points too. Intensities are scaled to fit; what the ports project onto the axis sits half a step too
low, so they are shifted by that much.
"""

import argparse
import csv
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from spectro import Spectrum, epr
from spectro.model import FitResult

Array = NDArray[np.float64]

REFERENCES = Path(__file__).parents[1] / "tests" / "golden" / "epr.csv"
FREQUENCY_GHz, G, A_MHz, GAUSSIAN_mT = 9.46, 2.007, -189.0, 1.0
ROUND_s = 0.1
FITTED = ("g", "a_MHz", "d_MHz", "d_strain_MHz", "gaussian_mT", "lorentzian_mT")
SAME = 1e-6  # of the noise
CASES_MHz = ((0.0, 0.0), (200.0, 0.0), (200.0, 40.0))  # D and E


@dataclass(frozen=True, slots=True)
class Settings:
    """Sweep, and the ports' grid: knots, and points between two of them; None for their default."""

    field_mT: tuple[float, float]
    n_points: int
    grid: tuple[int, int] | None = None


USUAL = Settings((300.0, 380.0), 2048)
FINE = Settings((280.0, 400.0), 8192, (91, 4))
FINE_RHOMBIC = Settings((280.0, 400.0), 8192, (31, 4))

Simulate = Callable[[float, float, Settings], tuple[Array, Array]]


def simulate_ours(d_MHz: float, e_MHz: float, settings: Settings) -> tuple[Array, Array]:
    """Fields and intensities."""
    system = epr.SpinSystem(2.5, G, [epr.Nucleus("55Mn", A_MHz)], d_MHz=d_MHz, e_MHz=e_MHz)
    experiment = epr.CwExperiment(FREQUENCY_GHz, settings.field_mT, settings.n_points)
    spectrum = epr.simulate_cw(system, experiment, epr.LineShape(GAUSSIAN_mT))
    return spectrum.x, spectrum.y


def describe(
    d_MHz: float, e_MHz: float, settings: Settings
) -> tuple[dict[str, object], dict[str, object], dict[str, object]]:
    """Spin system, experiment and options in EasySpin's words."""
    system = {"S": 2.5, "g": G, "Nucs": "55Mn", "A": A_MHz, "lwpp": GAUSSIAN_mT}
    if d_MHz:
        system["D"] = [d_MHz, e_MHz]
    experiment = {
        "mwFreq": FREQUENCY_GHz,
        "Range": list(settings.field_mT),
        "nPoints": settings.n_points,
    }
    return system, experiment, {"GridSize": list(settings.grid)} if settings.grid else {}


def simulate_pyeasyspin(d_MHz: float, e_MHz: float, settings: Settings) -> tuple[Array, Array]:
    """Fields and intensities."""
    import pyeasyspin

    pyeasyspin.config.Workers = 1  # the time of other processes would not be counted
    x, y = pyeasyspin.pepper(*map(pyeasyspin.Struct, describe(d_MHz, e_MHz, settings)))
    return np.ravel(x), np.ravel(y)


def simulate_easyspyn(d_MHz: float, e_MHz: float, settings: Settings) -> tuple[Array, Array]:
    """Fields and intensities."""
    import epreasy

    spectrum = epreasy.pepper(*describe(d_MHz, e_MHz, settings))
    return spectrum.x, spectrum.spec


def list_packages() -> dict[str, Simulate]:
    """Ours, and those that are installed."""
    found: dict[str, Simulate] = {"spectro": simulate_ours}
    for name, simulate in (("pyeasyspin", simulate_pyeasyspin), ("easyspyn", simulate_easyspyn)):
        try:
            print(f"{name} {version(name)}")
        except ModuleNotFoundError:
            print(f"{name} is not installed; pip install {name}")
        else:
            found[name] = simulate
    return found


def read_reference(d_MHz: float, e_MHz: float, x_mT: Array) -> Array:
    """Reference at any fields, by sinc interpolation: its points are two to a line's width."""
    with REFERENCES.open(newline="", encoding="utf-8") as file:
        rows = [list(map(float, row)) for row in list(csv.reader(file))[1:]]
    wanted = [FREQUENCY_GHz, d_MHz, e_MHz, GAUSSIAN_mT]
    low, high, _, *y = next(row[4:] for row in rows if row[:4] == wanted)
    points, step = np.linspace(low, high, len(y), retstep=True)
    return np.asarray(np.sinc((x_mT[:, None] - points) / step) @ np.array(y))


def compare(found: tuple[Array, Array], reference: Array, n_steps: float) -> float:
    """Largest difference over the peak, in the usual range, after a shift and a scale."""
    x, y = found
    y = CubicSpline(x + n_steps * (x[1] - x[0]), y)(x)
    inside = (x >= USUAL.field_mT[0]) & (x <= USUAL.field_mT[1])
    y, reference = y[inside], reference[inside]
    return float(np.abs(y * (y @ reference) / (y @ y) - reference).max() / np.abs(reference).max())


def measure_ms(packages: dict[str, Simulate], d_MHz: float, e_MHz: float, n: int) -> list[float]:
    """Least processor time of `n` rounds, in which each warms up and then runs for a while."""
    times: list[list[float]] = [[] for _ in packages]
    for _ in range(n):
        for simulate, taken in zip(packages.values(), times, strict=True):
            simulate(d_MHz, e_MHz, USUAL)
            end = time.process_time() + ROUND_s
            while not taken or time.process_time() < end:
                start = time.process_time()
                simulate(d_MHz, e_MHz, USUAL)
                taken.append(time.process_time() - start)
    return [1e3 * min(one) for one in times]


def report(packages: dict[str, Simulate], d_MHz: float, e_MHz: float, n_rounds: int) -> None:
    """Print a line for each package."""
    times = measure_ms(packages, d_MHz, e_MHz, n_rounds)
    fine = FINE_RHOMBIC if e_MHz else FINE
    ours = simulate_ours(d_MHz, e_MHz, fine)[1]
    for (name, simulate), taken in zip(packages.items(), times, strict=True):
        shift = 0.5 if simulate is not simulate_ours and d_MHz else 0.0  # one line is not projected
        usual, finer = (simulate(d_MHz, e_MHz, one) for one in (USUAL, fine))
        errors = [
            compare(one, read_reference(d_MHz, e_MHz, one[0]), shift) for one in (usual, finer)
        ]
        if simulate is not simulate_ours:
            errors.append(compare(finer, ours, shift))
        print(
            f"{d_MHz:5.0f} {e_MHz:5.0f} {name:12s} {taken:9.2f} {taken / times[0]:8.1f} "
            + " ".join(f"{one:9.1e}" for one in errors)
        )


def report_fits(n_starts: int = 10) -> None:
    """Print how long fits of 4,096 points take, and how many random starts end at one minimum."""
    system, spectrum = make_spectrum()
    near = replace(system, g=2.0065, d_MHz=170.0, d_strain_MHz=40.0)
    fits = [time_fit(spectrum, near, epr.LineShape(1.0, 0.3))]
    draw = np.random.default_rng(7).uniform
    for _ in range(n_starts):
        start = epr.SpinSystem(
            2.5,
            G + draw(-0.003, 0.003),
            [epr.Nucleus("55Mn", A_MHz + draw(-12.0, 12.0))],
            d_MHz=draw(60.0, 350.0),
            d_strain_MHz=draw(10.0, 120.0),
        )
        fits.append(time_fit(spectrum, start, epr.LineShape(draw(0.3, 1.6), draw(0.1, 1.0))))
    least = min(one.noise for _, one in fits)
    n_same = sum(one.noise < (1 + SAME) * least for _, one in fits[1:])
    seconds = [taken for taken, _ in fits]
    print(f"fit of {', '.join(FITTED)} and a baseline to {len(spectrum.x)} points:")
    print(
        f"{seconds[0]:.2f} s from near; {n_same} of {n_starts} random starts end at the same "
        f"minimum, in {min(seconds[1:]):.1f} to {max(seconds[1:]):.1f} s"
    )


def make_spectrum() -> tuple[epr.SpinSystem, Spectrum]:
    """Noisy spectrum on a sloping baseline, and what it is made of."""
    system = epr.SpinSystem(2.5, G, [epr.Nucleus("55Mn", A_MHz)], d_MHz=200.0, d_strain_MHz=60.0)
    line = epr.LineShape(0.8, 0.4)
    clean = epr.simulate_cw(system, epr.CwExperiment(FREQUENCY_GHz, (300.0, 380.0), 4096), line)
    noise = 0.02 * np.random.default_rng(0).normal(size=len(clean.x))
    slope = 0.002 * (clean.x - 340.0) + 0.05
    return system, clean.do("add_noise", clean.y / np.abs(clean.y).max() + slope + noise)


def time_fit(
    spectrum: Spectrum, start: epr.SpinSystem, line: epr.LineShape
) -> tuple[float, FitResult]:
    """Seconds of a fit, and its result."""
    begin = time.perf_counter()
    fit = epr.fit_cw(spectrum, start, line, vary=FITTED)
    return time.perf_counter() - begin, fit


def main() -> None:
    """Print times at the usual settings, errors at these and at finer ones, and times of fits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=7, help="rounds that the least is taken of")
    args = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    packages = list_packages()
    print("D/MHz E/MHz package             ms    ratio     error  if finer from ours")
    for d_MHz, e_MHz in CASES_MHz:
        report(packages, d_MHz, e_MHz, args.repeat)
    report_fits()


if __name__ == "__main__":
    main()
