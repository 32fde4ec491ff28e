"""Write sidebands.csv: intensities of spinning sidebands by mrsimulator, at a converged density.

Run as ``python tests/golden/make_sidebands.py`` where mrsimulator is installed (1.0.0 wrote the
file); nothing of spectro is used. mrsimulator's 113Cd ratio of frequency to field is 0.40 % above
the one that follows from IUPAC's Xi, so the field is chosen for the Larmor frequency.
"""

import csv
from pathlib import Path

import numpy as np
from mrsimulator import Simulator, Site, SpinSystem
from mrsimulator.method import SpectralDimension
from mrsimulator.method.lib import BlochDecaySpectrum
from mrsimulator.spin_system.isotope import Isotope
from numpy.typing import NDArray

HERE = Path(__file__).parent
LARMOR_MHz = 88.72
SPANS_PPM = (50.0, 150.0, 300.0, 416.0, 600.0)
RATES_Hz = (600.0, 2000.0, 8000.0, 24000.0)
SKEWS = (-0.8, 0.3, 1.0)
DENSITY = 400
BINS = 8  # per sideband, as mrsimulator shares a line out between bins


def make_simulator(
    span_ppm: float, skew: float, rate_Hz: float, n_orders: int, density: int
) -> Simulator:
    """Simulator of one site whose spectrum is n_orders sidebands wide to either side."""
    principal = np.array([(3 - skew) / 6, skew / 3, -(3 + skew) / 6]) * span_ppm
    yy, xx, zz = principal[np.argsort(np.abs(principal), kind="stable")]
    field_T = LARMOR_MHz / abs(Isotope(symbol="113Cd").gyromagnetic_ratio)
    shielding = {"zeta": -zz, "eta": min(abs((yy - xx) / zz), 1.0)}
    site = Site(isotope="113Cd", isotropic_chemical_shift=0.0, shielding_symmetric=shielding)
    method = BlochDecaySpectrum(
        channels=["113Cd"],
        magnetic_flux_density=field_T,
        rotor_frequency=rate_Hz,
        spectral_dimensions=[
            SpectralDimension(count=2 * n_orders * BINS, spectral_width=2 * n_orders * rate_Hz)
        ],
    )
    simulator = Simulator(spin_systems=[SpinSystem(sites=[site])], methods=[method])
    simulator.config.number_of_sidebands = 2 * n_orders
    simulator.config.integration_density = density
    return simulator


def choose_orders(span_ppm: float, skew: float, rate_Hz: float) -> int:
    """Half the number of sidebands that intensity is in, with a wide margin."""
    reach = (3 + abs(skew)) / 6 * span_ppm * LARMOR_MHz / rate_Hz
    return int(np.ceil(1.2 * reach)) + 12


def read_intensities(simulator: Simulator, n_orders: int) -> NDArray[np.float64]:
    """Intensities of the orders -n to n - 1, adding up to 1, after a run."""
    y = simulator.methods[0].simulation.y[0].components[0].real
    summed = np.roll(y, BINS // 2).reshape(2 * n_orders, BINS).sum(axis=1)
    return summed / summed.sum()


def main() -> None:
    """Write the file beside this script."""
    with (HERE / "sidebands.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["span_ppm", "skew", "mas_Hz", "frequency_MHz", "order", "intensity"])
        for span in SPANS_PPM:
            for rate in RATES_Hz:
                for skew in SKEWS:
                    n = choose_orders(span, skew, rate)
                    simulator = make_simulator(span, skew, rate, n, DENSITY)
                    simulator.run()
                    for order, one in zip(
                        range(-n, n), read_intensities(simulator, n), strict=True
                    ):
                        if one > 5e-7:
                            table.writerow([span, skew, rate, LARMOR_MHz, order, f"{one:.6f}"])


if __name__ == "__main__":
    main()
