"""How everything that is measured follows from the concentration of the dopant.

Forms are those of the theory that is cited with each; constants are of the size that [1]_ reports
for Mn(II) in CdS, and round.

References
----------
.. [1] Abutbul et al., ACS Nano 2025, 19, 17640, DOI 10.1021/acsnano.5c01257.
"""

import math

import numpy as np
from scipy import constants

from spectro.epr import Transition

BEST_mM = 33.0
"""Concentration at which the enhancement is greatest."""

DEPTHS_nm = {"core": 1.1, "middle": 0.4}
"""Depth below the surface at which the layers of the NMR spectrum begin."""

_FINAL_mM, _UPTAKE_h = 45.0, 14.0
_LONGEST_us = 3.0
_LARGEST_GAIN = 11.0
_DIAMAGNETIC_s, _BEST_s = 400.0, 20.0
_BETA_DILUTE, _BETA_DENSE, _BETA_mM = 0.6, 0.95, 20.0


def concentration_mM(incubation_h: float) -> float:
    """Dopant in mM of crystal after an incubation: 45 (1 - exp(-t / 14 h)), by first-order uptake.

    Examples
    --------
    >>> round(concentration_mM(24.0), 1)
    36.9
    """
    return -_FINAL_mM * math.expm1(-incubation_h / _UPTAKE_h)


def mean_diameter_nm(incubation_h: float) -> float:
    """Mean diameter of the nanocrystals, which ripen: 6.6 nm at the start, 8.6 nm in the end."""
    return 8.6 - 2.0 * math.exp(-incubation_h / 24.0)


def dipolar_rate_per_us(dopant_mM: float) -> float:
    """Rate (rad/us) at which spins 1/2 with g = 2 lose their phase to each other.

    Notes
    -----
    The half width of the Lorentzian line of dilute spins that are unlike [1]_,
    (4 pi^2 / (9 sqrt 3)) (mu_0 / 4 pi) g^2 mu_B^2 n / hbar: 0.50 rad/us per mM.

    References
    ----------
    .. [1] P. W. Anderson, Phys. Rev. 1951, 82, 342, DOI 10.1103/PhysRev.82.342.
    """
    per_m3 = dopant_mM * constants.N_A
    moment = 2 * constants.value("Bohr magneton")
    pair = constants.mu_0 / (4 * math.pi) * moment**2 / constants.hbar
    return float(4 * math.pi**2 / (9 * math.sqrt(3)) * pair * per_m3 * 1e-6)


def relaxation_time_us(dopant_mM: float) -> float:
    """T1 = T2 of the dopant's electrons: 3 us when dilute, less by what they do to each other."""
    return 1 / (1 / _LONGEST_us + dipolar_rate_per_us(dopant_mM))


def lorentzian_mT(time_us: float) -> float:
    """Lorentzian width, peak to peak, of a line with T2: 2 / (sqrt(3) gamma T2)."""
    return 2 / (math.sqrt(3) * Transition().rate_per_mT * time_us)


def enhancement(dopant_mM: float) -> float:
    """Signal with microwaves over that without: 1 + 11 x exp(1 - x), x = c / 33 mM.

    Notes
    -----
    More dopants polarise more nuclei, and relax them sooner; the form is a simple one that has
    both, with its maximum where the paper found it.
    """
    x = dopant_mM / BEST_mM
    return 1 + _LARGEST_GAIN * x * math.exp(1 - x)


def buildup_time_s(dopant_mM: float) -> float:
    """Time constant of the build-up: 1/T = 1/400 s + c k, the dopants acting each for itself.

    The constant k makes it 20 s at 33 mM.
    """
    k = (1 / _BEST_s - 1 / _DIAMAGNETIC_s) / BEST_mM
    return 1 / (1 / _DIAMAGNETIC_s + k * dopant_mM)


def buildup_beta(dopant_mM: float) -> float:
    """Exponent of the build-up: from 0.6 for few dopants to 0.95 for many.

    Notes
    -----
    Relaxation by dilute centres without spin diffusion gives 1/2 [1]_, and all nuclei alike give 1;
    between them beta = 0.95 - 0.35 exp(-c / 20 mM).

    References
    ----------
    .. [1] D. Tse, S. R. Hartmann, Phys. Rev. Lett. 1968, 21, 511, DOI 10.1103/PhysRevLett.21.511.
    """
    return _BETA_DENSE - (_BETA_DENSE - _BETA_DILUTE) * math.exp(-dopant_mM / _BETA_mM)


def layer_fractions(diameter_nm: float) -> dict[str, float]:
    """Parts of the volume of a sphere in the core, the middle and the surface layer.

    The layers begin at `DEPTHS_nm`, whatever the size.

    Examples
    --------
    >>> {name: round(part, 2) for name, part in layer_fractions(8.0).items()}
    {'core': 0.38, 'middle': 0.35, 'surface': 0.27}
    """
    radius = diameter_nm / 2
    inside = [(1 - depth / radius) ** 3 for depth in DEPTHS_nm.values()]
    parts = np.diff([0.0, *inside, 1.0])
    return dict(zip((*DEPTHS_nm, "surface"), map(float, parts), strict=True))
