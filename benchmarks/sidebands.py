"""Intensities of spinning sidebands against mrsimulator, at equal error; needs mrsimulator."""

import argparse
import math
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from spectro import nmr

LARMOR_MHz = 88.72
SPANS_PPM = (50.0, 200.0, 416.0, 600.0)
RATES_Hz = (600.0, 2000.0, 8000.0, 24000.0)
SKEWS = (-0.8, 0.3, 1.0)
DENSITIES = (20, 30, 45, 70, 100, 150)  # 70 is mrsimulator's default
LOOSEST = 1e-4  # error that ours never exceeds


def make_theirs(span_ppm: float, skew: float, rate_Hz: float, n: int, density: int) -> object:
    """Simulation of one site by mrsimulator, one bin per sideband, at the least number of these."""
    from mrsimulator import Simulator, Site, SpinSystem
    from mrsimulator.method import SpectralDimension
    from mrsimulator.method.lib import BlochDecaySpectrum
    from mrsimulator.spin_system.isotope import Isotope

    tensor = nmr.ShiftTensor(0.0, span_ppm, skew)
    shielding = {"zeta": -tensor.zeta_ppm, "eta": tensor.eta}
    site = Site(isotope="113Cd", isotropic_chemical_shift=0.0, shielding_symmetric=shielding)
    method = BlochDecaySpectrum(
        channels=["113Cd"],
        magnetic_flux_density=LARMOR_MHz / abs(Isotope(symbol="113Cd").gyromagnetic_ratio),
        rotor_frequency=rate_Hz,
        spectral_dimensions=[SpectralDimension(count=2 * n, spectral_width=2 * n * rate_Hz)],
    )
    simulator = Simulator(spin_systems=[SpinSystem(sites=[site])], methods=[method])
    simulator.config.number_of_sidebands = 2 * n
    simulator.config.integration_density = density
    return simulator


def read_theirs(simulator: object) -> NDArray[np.float64]:
    """Intensities of the orders -n to n - 1."""
    y = simulator.methods[0].simulation.y[0].components[0].real
    return y / y.sum()


def median_times(runs: Sequence[Callable[[], object]], n: int) -> list[float]:
    """Median wall times of `n` runs of each in turn, after one that is not counted, in seconds."""
    times: list[list[float]] = [[] for _ in runs]
    for k in range(n + 1):
        for run, taken in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            if k:
                taken.append(time.perf_counter() - start)
    return [statistics.median(one) for one in times]


def compare(
    span_ppm: float, skew: float, rate_Hz: float, density: int, repeat: int
) -> tuple[float, float]:
    """Print one comparison; mrsimulator's error, and how many times faster ours is at that."""
    ratio = span_ppm * LARMOR_MHz / rate_Hz
    order, exact = nmr.compute_sidebands(ratio, skew, 1e-10)
    n = int(order[-1])
    simulator = make_theirs(span_ppm, skew, rate_Hz, n, density)
    simulator.run()
    error = float(np.abs(read_theirs(simulator) - exact[:-1]).max())
    tolerance = min(max(error, 1e-10), LOOSEST)
    theirs, ours = median_times(
        [
            lambda: simulator.run(pack_as_csdm=False),
            lambda: nmr.compute_sidebands(ratio, skew, tolerance),
        ],
        repeat,
    )
    print(
        f"{span_ppm:5.0f} {skew:5.1f} {rate_Hz:7.0f} {n:7d} {density:8d} {error:9.1e} "
        f"{theirs * 1e3:9.2f} {ours * 1e3:9.3f} {theirs / ours:8.1f}"
    )
    return error, theirs / ours


def main() -> None:
    """Print every comparison, and the smallest and the mean ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="runs that the median is taken of")
    args = parser.parse_args()
    try:
        import mrsimulator  # noqa: F401
    except ImportError:
        print("mrsimulator is not installed; pip install mrsimulator")
        return
    print(" span  skew  mas_Hz  orders  density     error mrsim/ms   ours/ms    ratio")
    found = [
        compare(span, skew, rate, density, args.repeat)
        for span in SPANS_PPM
        for rate in RATES_Hz
        for skew in SKEWS
        for density in DENSITIES
    ]
    for text, group in (
        (f"error of mrsimulator up to {LOOSEST:g}", [r for e, r in found if e <= LOOSEST]),
        (f"larger, ours at {LOOSEST:g}", [r for e, r in found if e > LOOSEST]),
    ):
        if group:
            middle = math.exp(statistics.mean(map(math.log, group)))
            print(f"{text}: smallest {min(group):.1f} x, geometric mean {middle:.1f} x")


if __name__ == "__main__":
    main()
