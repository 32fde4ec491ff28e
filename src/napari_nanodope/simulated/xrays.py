"""X-rays of a simulated field, one by one, as a detector sees them."""

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.core.xray import EnergyAxis
from napari_nanodope.io.streams import XrayEvents
from napari_nanodope.io.xray_lines import load_lines
from napari_nanodope.model import FieldOfView

ENERGY = EnergyAxis(-0.2, 0.01, 1024)

_FAMILIES = {"Cd": "L", "Mn": "K", "S": "K"}
_SILICON_keV, _ESCAPE_keV, _ESCAPE_PART = 1.839, 1.740, 0.02
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
    Energies and weights of lines are those of eXSpy's table. Lines are Gaussian, as wide as the
    statistics of charges make them [1]_: FWHM^2 = (130 eV)^2 + 2.5 eV (E - 5895 eV). Fluorescence
    of the detector's silicon escapes after 2 % of X-rays at its edge, and in inverse proportion to
    the energy above it, and takes 1.74 keV along [2]_.

    References
    ----------
    .. [1] C. E. Fiori, D. E. Newbury, Scanning Electron Microsc. 1978, I, 401.
    .. [2] S. J. B. Reed, N. G. Ware, J. Phys. E 1972, 5, 582.
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
    lines = [one for one in load_lines(element) if one.name.startswith(_FAMILIES[element])]
    weight = np.array([one.weight for one in lines])
    true = rng.choice([one.energy_keV for one in lines], size=n, p=weight / weight.sum())
    width = np.sqrt(0.130**2 + 2.5e-3 * (true - 5.895))
    share = np.where(true > _SILICON_keV, _ESCAPE_PART * _SILICON_keV / true, 0.0)
    kept = true - _ESCAPE_keV * (rng.random(n) < share)
    return np.asarray(kept + width / np.sqrt(8 * np.log(2)) * rng.standard_normal(n))
