"""Central transitions of quadrupolar nuclei in powders, by mrsimulator, installed beside.

To first order a quadrupole leaves the central transition where it is; all here is second order.

References
----------
.. [1] D. Freude, J. Haase, NMR Basic Principles and Progress 1993, 29, 1,
   DOI 10.1007/978-3-642-77862-9_1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectro.isotopes import isotope
from spectro.lineshapes import compute_line
from spectro.model import InputError

Array = NDArray[np.float64]

_ENDLESS_Hz = 1e12  # what mrsimulator takes for infinitely fast
_LEAST_BINS, _MOST_BINS = 1024, 16384
_PER_WIDTH = 8  # bins in the width of a line
_LEAST = 1e-7  # part of the highest bin, below which a bin is left out
_REACH = 5.5  # of a distribution, in sigma
_N_CQ, _N_ETA = 32, 8
_ROOM = 1.2


@dataclass(frozen=True, slots=True)
class QuadrupolarLine:
    """What a line of a quadrupolar nucleus was measured with, and what widens it besides.

    Attributes
    ----------
    nucleus : str
        Isotope, of a spin of 3/2 and up by halves.
    frequency_MHz : float
        Larmor frequency: that of the spectrometer.
    shift_ppm : float
        Isotropic chemical shift, without what the quadrupole adds.
    width_ppm : float
        Full width at half maximum of the Gaussian that the pattern is convolved with.
    mas_Hz : float
        Rate of spinning; 0 at rest, infinite for no sidebands.
    """

    nucleus: str
    frequency_MHz: float
    shift_ppm: float = 0.0
    width_ppm: float = 1.0
    mas_Hz: float = math.inf

    def __post_init__(self) -> None:
        """Refuse what has no such line."""
        spin = isotope(self.nucleus).spin
        if spin < 1.5 or spin % 1 == 0:
            raise InputError(
                f"Expected a nucleus of spin 3/2, 5/2, 7/2 or 9/2, got {self.nucleus} of {spin:g}."
            )
        if not (self.frequency_MHz > 0 and self.width_ppm > 0 and self.mas_Hz >= 0):
            raise InputError(
                f"Expected a frequency and a width above 0 and a rate of at least 0, got "
                f"{self.frequency_MHz} MHz, {self.width_ppm} ppm and {self.mas_Hz} Hz."
            )


def quadrupolar_shift_ppm(nucleus: str, frequency_MHz: float, cq_MHz: float, eta: float) -> float:
    """What a quadrupole adds to the shift of the central transition, to second order.

    -(3/40) (P / nu)^2 [I(I + 1) - 3/4] / [I^2 (2I - 1)^2], with P = Cq sqrt(1 + eta^2 / 3) [1]_.

    Examples
    --------
    >>> round(quadrupolar_shift_ppm("27Al", 104.2, 5.0, 0.0), 2)
    -13.82

    Raises
    ------
    InputError
        If the nucleus has no central transition, or a number is out of range.
    """
    spin = isotope(nucleus).spin
    if spin < 1 or spin != int(spin) + 0.5:
        raise InputError(f"Expected a nucleus with a spin of 3/2, 5/2 and so on, got {nucleus}.")
    if not (0 < frequency_MHz < math.inf and math.isfinite(cq_MHz) and 0 <= eta <= 1):
        raise InputError(
            f"Expected a frequency above 0, a finite coupling and an asymmetry from 0 to 1, got "
            f"{frequency_MHz} MHz, {cq_MHz} MHz and {eta}."
        )
    square = (cq_MHz / frequency_MHz) ** 2 * (1 + eta**2 / 3)
    return -0.075e6 * square * (spin * (spin + 1) - 0.75) / (spin * (2 * spin - 1)) ** 2


def simulate_quadrupolar(
    shift_axis_ppm: ArrayLike, line: QuadrupolarLine, cq_MHz: float, eta: float = 0.0
) -> Array:
    """Line of one site in a powder (N,), of area 1 over an endless axis.

    Parameters
    ----------
    shift_axis_ppm : (N,) array
        Axis.
    line : QuadrupolarLine
        Nucleus and conditions.
    cq_MHz : float
        Quadrupolar coupling constant e^2 q Q / h, above 0.
    eta : float, optional
        Asymmetry of the field gradient, 0 to 1.

    Raises
    ------
    InputError
        If mrsimulator is not installed, or a number is out of range.
    """
    return _simulate(shift_axis_ppm, line, [cq_MHz], [eta], [1.0])


def simulate_czjzek(shift_axis_ppm: ArrayLike, line: QuadrupolarLine, sigma_MHz: float) -> Array:
    """Line of a disordered powder (N,), of area 1 over an endless axis.

    Parameters
    ----------
    shift_axis_ppm : (N,) array
        Axis.
    line : QuadrupolarLine
        Nucleus and conditions.
    sigma_MHz : float
        Width of the distribution; the root mean square of P = Cq sqrt(1 + eta^2 / 3) is sqrt(5)
        times that.

    Raises
    ------
    InputError
        If mrsimulator is not installed, or a number is out of range.

    Notes
    -----
    Patterns are averaged over Cq^4 eta (1 - eta^2 / 9) exp(-P^2 / (2 sigma^2)) [1]_.

    References
    ----------
    .. [1] G. Czjzek et al., Phys. Rev. B 1981, 23, 2513, DOI 10.1103/PhysRevB.23.2513.
    """
    if not 0 < sigma_MHz < math.inf:
        raise InputError(f"Expected a width of the distribution above 0, got {sigma_MHz} MHz.")
    cq = (np.arange(_N_CQ) + 0.5) / _N_CQ * _REACH * sigma_MHz
    eta = (np.arange(_N_ETA) + 0.5) / _N_ETA
    cqs, etas = (one.ravel() for one in np.meshgrid(cq, eta, indexing="ij"))
    return _simulate(shift_axis_ppm, line, cqs, etas, weigh_czjzek(cqs, etas, sigma_MHz))


def weigh_czjzek(cq_MHz: ArrayLike, eta: ArrayLike, sigma_MHz: float) -> Array:
    """Density of the distribution at couplings and asymmetries, adding up to 1 over those given."""
    cq, asymmetry = np.asarray(cq_MHz, float), np.asarray(eta, float)
    square = (cq / sigma_MHz) ** 2 * (1 + asymmetry**2 / 3)
    density = cq**4 * asymmetry * (1 - asymmetry**2 / 9) * np.exp(-square / 2)
    return np.asarray(density / density.sum())


def _simulate(
    shift_axis_ppm: ArrayLike,
    line: QuadrupolarLine,
    cq_MHz: Sequence[float] | Array,
    eta: Sequence[float] | Array,
    weights: Sequence[float] | Array,
) -> Array:
    x = np.asarray(shift_axis_ppm, float)
    cq, asymmetry = np.asarray(cq_MHz, float), np.asarray(eta, float)
    if x.ndim != 1 or not np.isfinite(x).all():
        raise InputError(f"Expected a row of finite shifts, got shape {x.shape}.")
    if not ((cq > 0).all() and (asymmetry >= 0).all() and (asymmetry <= 1).all()):
        raise InputError(
            f"Expected a coupling above 0 and an asymmetry from 0 to 1, got {cq.min():g} MHz and "
            f"{asymmetry.max():g}."
        )
    offsets_ppm, parts = _find_bins(line, cq, asymmetry, np.asarray(weights, float))
    each = compute_line(x[:, None] - offsets_ppm, line.shift_ppm, line.width_ppm)
    return np.asarray(each @ parts, float)


def find_offsets(line: QuadrupolarLine, cq_MHz: float, eta: float) -> tuple[Array, Array]:
    """Powder pattern of one site: offsets from its isotropic shift in ppm, and parts, (K,) each.

    Parameters
    ----------
    line : QuadrupolarLine
        Nucleus and conditions; its width sets the resolution.
    cq_MHz, eta : float
        See `simulate_quadrupolar`.
    """
    return _find_bins(line, np.array([cq_MHz]), np.array([eta]), np.ones(1))


def _find_bins(
    line: QuadrupolarLine, cq: Array, asymmetry: Array, weights: Array
) -> tuple[Array, Array]:
    simulator = _build(_import(), line, cq, asymmetry, weights)
    simulator.run()
    data = simulator.methods[0].simulation
    offsets_ppm = np.asarray(data.x[0].coordinates.to("ppm").value, float)
    pattern = np.asarray(data.y[0].components[0].real, float)
    seen = pattern > _LEAST * pattern.max()
    return offsets_ppm[seen], pattern[seen] / pattern[seen].sum()


def _import() -> ModuleType:
    try:
        import mrsimulator  # noqa: PLC0415  optional
    except ImportError as error:
        raise InputError(
            "Expected mrsimulator for quadrupolar lines, got none; pip install mrsimulator."
        ) from error
    module: ModuleType = mrsimulator
    return module


def _build(module: ModuleType, line: QuadrupolarLine, cq: Array, eta: Array, weights: Array) -> Any:
    """Simulation of all sites at once, over offsets from the isotropic chemical shift."""
    from mrsimulator.method import SpectralDimension  # noqa: PLC0415
    from mrsimulator.method.lib import BlochDecayCTSpectrum  # noqa: PLC0415
    from mrsimulator.spin_system.isotope import Isotope  # noqa: PLC0415

    kept = weights > _LEAST * weights.max()
    systems = [
        module.SpinSystem(
            sites=[module.Site(isotope=line.nucleus, quadrupolar={"Cq": c * 1e6, "eta": float(e)})],
            abundance=float(w),
        )
        for c, e, w in zip(cq[kept].tolist(), eta[kept], weights[kept], strict=True)
    ]
    width_Hz, n_bins = _choose_window(line, float(cq[kept].max()))
    # mrsimulator's gyromagnetic ratios are not IUPAC's, so its field is what makes the frequency
    field_T = line.frequency_MHz / abs(Isotope(symbol=line.nucleus).gyromagnetic_ratio)
    method = BlochDecayCTSpectrum(
        channels=[line.nucleus],
        magnetic_flux_density=field_T,
        rotor_frequency=min(line.mas_Hz, _ENDLESS_Hz),
        spectral_dimensions=[SpectralDimension(count=n_bins, spectral_width=width_Hz)],
    )
    simulator = module.Simulator(spin_systems=systems, methods=[method])
    if 0 < line.mas_Hz < _ENDLESS_Hz:
        n_sidebands = 1 << math.ceil(math.log2(width_Hz / line.mas_Hz + 8))
        simulator.config.number_of_sidebands = n_sidebands
    return simulator


def _choose_window(line: QuadrupolarLine, cq_MHz: float) -> tuple[float, int]:
    """Width in Hz that holds all of a pattern, and bins that are narrower than the line.

    At rest no part is further out than (16/9) (1 + eta) (nu_Q^2 / 16 nu) [I(I + 1) - 3/4], with
    nu_Q = 3 Cq / [2I(2I - 1)] [1]_; spinning narrows it, and adds sidebands.
    """
    spin = isotope(line.nucleus).spin
    nu_q_Hz = 3e6 * cq_MHz / (2 * spin * (2 * spin - 1))
    second_Hz = nu_q_Hz**2 / (16e6 * line.frequency_MHz) * (spin * (spin + 1) - 0.75)
    reach_Hz = 4 * second_Hz
    if 0 < line.mas_Hz < _ENDLESS_Hz:
        reach_Hz += 4 * line.mas_Hz
    width_Hz = 2 * _ROOM * max(reach_Hz, line.width_ppm * line.frequency_MHz)
    n_bins = _PER_WIDTH * width_Hz / (line.width_ppm * line.frequency_MHz)
    n_bins = min(max(n_bins, _LEAST_BINS), _MOST_BINS)
    return width_Hz, 1 << math.ceil(math.log2(n_bins))
