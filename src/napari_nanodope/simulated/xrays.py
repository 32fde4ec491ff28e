"""X-rays of a simulated field, one by one, as a detector sees them."""

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.core.xray import EnergyAxis
from napari_nanodope.io.streams import XrayEvents
from napari_nanodope.model import FieldOfView

ENERGY = EnergyAxis(-0.2, 0.01, 1024)

_LINES = {  # keV, and part of the counts
    "Cd": ((3.134, 0.62), (3.317, 0.26), (3.528, 0.08), (3.717, 0.04)),
    "Mn": ((5.899, 0.88), (6.490, 0.12)),
    "S": ((2.307, 0.94), (2.464, 0.06)),
}
_CONTINUUM_PER_keV = 2e-3  # counts of a pixel
_FIRST_keV, _LAST_keV = 0.3, 10.0


def draw_events(field: FieldOfView, rng: np.random.Generator) -> XrayEvents:
    """X-rays of the L lines of Cd and the K lines of Mn and S, on a flat continuum.

    Parameters
    ----------
    field : FieldOfView
        With whole numbers as counts of Cd and Mn; S gives as many as Cd on average.
    rng : Generator
        Of the energies.

    Notes
    -----
    Energies are those of Bearden [1]_, and lines Gaussian, as wide as the statistics of charges
    make them [2]_: FWHM^2 = (130 eV)^2 + 2.5 eV (E - 5895 eV).

    References
    ----------
    .. [1] J. A. Bearden, Rev. Mod. Phys. 1967, 39, 78, DOI 10.1103/RevModPhys.39.78.
    .. [2] C. E. Fiori, D. E. Newbury, Scanning Electron Microsc. 1978, I, 401.
    """
    cadmium = np.rint(field.maps["Cd"]).astype(np.int64)
    counts = {
        "Cd": cadmium,
        "Mn": np.rint(field.maps["Mn"]).astype(np.int64),
        "S": rng.poisson(cadmium),
    }
    pixels, energies = [], []
    for element, image in counts.items():
        pixel = np.repeat(np.arange(image.size), image.ravel())
        pixels.append(pixel)
        energies.append(_draw_line(element, len(pixel), rng))
    mean = _CONTINUUM_PER_keV * (_LAST_keV - _FIRST_keV) * cadmium.size
    n = int(rng.poisson(mean))
    pixels.append(rng.integers(cadmium.size, size=n))
    energies.append(rng.uniform(_FIRST_keV, _LAST_keV, n))
    channel = np.rint((np.concatenate(energies) - ENERGY.offset_keV) / ENERGY.step_keV)
    return XrayEvents(np.concatenate(pixels), channel.astype(np.int64), ENERGY)


def _draw_line(element: str, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Energies (n,) in keV that a detector tells."""
    energy, part = np.array(_LINES[element]).T
    true = rng.choice(energy, size=n, p=part)
    width = np.sqrt(0.130**2 + 2.5e-3 * (true - 5.895))
    return np.asarray(true + width / np.sqrt(8 * np.log(2)) * rng.standard_normal(n))
