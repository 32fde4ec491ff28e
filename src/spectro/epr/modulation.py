"""Modulation of the stimulated echo by weakly coupled nuclei, in closed form."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectro.epr.directions import Symmetry, make_powder
from spectro.epr.spin_system import Nucleus, SpinSystem
from spectro.isotopes import isotopes_of
from spectro.model import Axis, InputError, Spectrum

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class EseemExperiment:
    """Three pulses: pi/2, tau, pi/2, T, pi/2, tau, echo; T is stepped.

    Attributes
    ----------
    field_mT : float
        Magnetic field.
    tau_ns : float
        Between the first two pulses.
    step_ns : float
        Of T.
    n_points : int
        Number of steps.
    start_ns : float
        First T.
    decay_us : float
        Time constant of the echo in T; infinite for none.
    """

    field_mT: float
    tau_ns: float
    step_ns: float = 8.0
    n_points: int = 512
    start_ns: float = 0.0
    decay_us: float = math.inf

    def __post_init__(self) -> None:
        """Refuse times and fields that cannot be."""
        positive = (self.field_mT, self.tau_ns, self.step_ns)
        finite = (*positive, self.start_ns)
        if not (np.isfinite(finite).all() and min(positive) > 0 and self.start_ns >= 0):
            raise InputError(
                f"Expected a field, tau and step above 0 and a start of at least 0, got {finite}."
            )
        if self.n_points < 2 or not self.decay_us > 0:
            raise InputError(
                f"Expected at least 2 points and a decay of more than 0 us, got {self.n_points} "
                f"and {self.decay_us}."
            )

    @property
    def time_us(self) -> Array:
        """T, (N,)."""
        return np.asarray(1e-3 * (self.start_ns + self.step_ns * np.arange(self.n_points)), float)


def simulate_three_pulse_eseem(
    nuclei: Sequence[Nucleus],
    experiment: EseemExperiment,
    *,
    direction: ArrayLike | None = None,
    n_polar: int = 64,
) -> Spectrum:
    """Stimulated echo of an electron spin 1/2 with some nuclei of spin 1/2, over T.

    Parameters
    ----------
    nuclei : sequence of Nucleus
        One for each nucleus, so the same one several times for several alike. An element stands for
        the natural mixture of its isotopes, those without a spin included.
    experiment : EseemExperiment
        Times and field.
    direction : (3,) array, optional
        Of the field in the frame of the molecule; by default a powder is averaged over.
    n_polar : int, optional
        Polar angles of the powder.

    Returns
    -------
    Spectrum
        1 where there is no modulation and no decay; its axis is T in us.

    Raises
    ------
    InputError
        If a nucleus has another spin than 1/2.

    Notes
    -----
    For ideal pulses and a field that quantises the electron spin [1]_ [2]_, each nucleus gives

        V(T) = 1 - k/4 {[1 - cos(a tau)] [1 - cos(b (T + tau))]
                        + [1 - cos(b tau)] [1 - cos(a (T + tau))]}

    with a, b = 2 pi sqrt((nu_I +/- A/2)^2 + (B/2)^2), k = (nu_I B / (nu_a nu_b))^2, A = n.T.n and
    ``A^2 + B^2 = |T n|^2`` for the hyperfine tensor T and the direction n of the field. Several
    nuclei multiply within each manifold of the electron spin, so the two parts are products of
    their own. A mixture of isotopes is averaged before the product.

    References
    ----------
    .. [1] W. B. Mims, Phys. Rev. B 1972, 5, 2409, DOI 10.1103/PhysRevB.5.2409.
    .. [2] A. Schweiger, G. Jeschke, Principles of Pulse Electron Paramagnetic Resonance, Oxford
       2001.
    """
    nuclei = list(nuclei)
    is_axial = all(SpinSystem(nuclei=[one]).is_axial for one in nuclei)
    symmetry = Symmetry.AXIAL if is_axial else Symmetry.NONE
    unit, weights = _choose_directions(direction, symmetry, n_polar)
    manifolds = np.ones((2, len(unit), experiment.n_points))
    for place, nucleus in enumerate(nuclei):
        if nucleus not in nuclei[:place]:
            one = _average_isotopes(nucleus, experiment, unit)
            manifolds *= one ** nuclei.count(nucleus)
    y = weights @ manifolds.mean(axis=0)
    y = y * np.exp(-experiment.time_us / experiment.decay_us)
    metadata = {
        "technique": "EPR",
        "experiment": "three-pulse ESEEM",
        "field_mT": experiment.field_mT,
        "tau_ns": experiment.tau_ns,
    }
    return Spectrum(y, (Axis(experiment.time_us, "time", "us"),), metadata)


def best_tau_ns(frequency_MHz: float) -> float:
    """Shortest tau at which the partner of a nuclear frequency is modulated most, in ns.

    Parameters
    ----------
    frequency_MHz : float
        Nuclear frequency in one manifold of the electron spin; for a weak coupling the Larmor
        frequency.

    Raises
    ------
    InputError
        If it is not above 0.

    Notes
    -----
    The factor 1 - cos(2 pi nu tau) is 2 at 1 / (2 nu) and its odd multiples; at multiples of 1 / nu
    it is 0, and the line blind.

    Examples
    --------
    >>> round(best_tau_ns(3.3), 1)
    151.5
    """
    if not (frequency_MHz > 0 and math.isfinite(frequency_MHz)):
        raise InputError(f"Expected a frequency above 0 MHz, got {frequency_MHz}.")
    return 1e3 / (2 * frequency_MHz)


def _choose_directions(
    direction: ArrayLike | None, symmetry: Symmetry, n_polar: int
) -> tuple[Array, Array]:
    """Unit vectors (K, 3) and their weights (K,), which add up to 1."""
    if direction is not None:
        vector = np.asarray(direction, float)
        length = float(np.linalg.norm(vector))
        if vector.shape != (3,) or not (length > 0 and math.isfinite(length)):
            raise InputError(f"Expected a direction of three numbers, got {direction}.")
        return vector[None] / length, np.ones(1)
    return make_powder(symmetry, n_polar)


def _average_isotopes(nucleus: Nucleus, experiment: EseemExperiment, unit: Array) -> Array:
    """Echo (2, K, N) in both manifolds of the electron spin, over the isotopes of a nucleus."""
    total, rest = np.zeros((2, len(unit), experiment.n_points)), 1.0
    for gamma_MHz_per_T, tensor_MHz, share in _list_isotopes(nucleus):
        larmor = gamma_MHz_per_T * 1e-3 * experiment.field_mT
        total += share * _modulate(larmor, unit @ tensor_MHz, unit, experiment)
        rest -= share
    return total + max(rest, 0.0)


def _list_isotopes(nucleus: Nucleus) -> Iterator[tuple[float, Array, float]]:
    """Gyromagnetic ratio, hyperfine tensor and share of each isotope with a spin."""
    first = nucleus.isotope
    is_pure = any(c.isdigit() for c in nucleus.name)
    for one in (first,) if is_pure else isotopes_of(nucleus.name):
        if one.spin != 0.5:
            raise InputError(
                f"Expected nuclei of spin 1/2, got {one.name} with {one.spin:g}; leave it out."
            )
        scaled = nucleus.tensor_MHz * (one.frequency_ratio / first.frequency_ratio)
        yield one.gamma_MHz_per_T, scaled, 1.0 if is_pure else one.abundance


def _modulate(larmor_MHz: float, pulled: Array, unit: Array, experiment: EseemExperiment) -> Array:
    """Echo (2, K, N) in each manifold; `pulled` (K, 3) is the hyperfine tensor by the direction."""
    a = np.einsum("ki,ki->k", pulled, unit)
    b2 = np.maximum(np.einsum("ki,ki->k", pulled, pulled) - a**2, 0.0)
    # the electron pulls with mS = +1/2 against the Zeeman term, whose sign is negative
    up, down = (np.sqrt((larmor_MHz - m * a) ** 2 + b2 / 4) for m in (0.5, -0.5))
    product = (up * down) ** 2
    depth = np.divide(larmor_MHz**2 * b2, product, out=np.zeros_like(b2), where=product > 0)
    tau_us = 1e-3 * experiment.tau_ns
    time_us = experiment.time_us + tau_us
    parts = []
    for here, there in ((up, down), (down, up)):
        blind = 1 - np.cos(2 * math.pi * there * tau_us)
        swing = 1 - np.cos(2 * math.pi * here[:, None] * time_us)
        parts.append(1 - 0.5 * (depth * blind)[:, None] * swing)
    return np.array(parts)
