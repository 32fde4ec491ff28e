"""Nuclear frequencies within the manifolds of the electron spin, by exact diagonalisation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from spectro.epr.directions import Symmetry, make_powder
from spectro.epr.spin_system import SpinSystem, build_operators, spin_matrices
from spectro.model import InputError

Array = NDArray[np.float64]

_MIXED = 0.4  # of <S> along the field from its label, beyond which the label says nothing


@dataclass(frozen=True, slots=True)
class EndorLine:
    """A transition of a nucleus that leaves the electron spin as it is.

    Attributes
    ----------
    isotope : str
        Of the nucleus.
    ms : float
        Projection of the electron spin on the field.
    mi : (float, float)
        Projections of the nuclear spin in the lower and the upper level, by their order in energy.
    frequency_MHz : float
        Mean over all directions, weighted by intensity.
    low_MHz, high_MHz : float
        Least and greatest over all directions.
    intensity : float
        ``|<Ix>|^2`` with the hyperfine enhancement, averaged over directions.
    """

    isotope: str
    ms: float
    mi: tuple[float, float]
    frequency_MHz: float
    low_MHz: float
    high_MHz: float
    intensity: float

    @property
    def name(self) -> str:
        """As in "mS = -1/2"."""
        return f"mS = {say_half(self.ms)}"

    def distance_MHz(self, frequency_MHz: float) -> float:
        """How far a frequency is from the range of this line."""
        return max(self.low_MHz - frequency_MHz, frequency_MHz - self.high_MHz, 0.0)


def endor_lines(
    system: SpinSystem,
    field_mT: float,
    *,
    nucleus: str | int = 0,
    weakest: float = 1e-3,
    n_polar: int = 33,
) -> tuple[EndorLine, ...]:
    """Nuclear transitions of one nucleus within each manifold of the electron spin.

    Parameters
    ----------
    system : SpinSystem
        Of which strains play no part.
    field_mT : float
        Magnetic field.
    nucleus : str or int, optional
        Name or number of one of its nuclei; by default the first.
    weakest : float, optional
        Lines below this part of the strongest are left out.
    n_polar : int, optional
        Polar angles of the powder, where directions differ.

    Returns
    -------
    tuple of EndorLine
        By mS, then by frequency.

    Raises
    ------
    InputError
        If there is no such nucleus, or the field is too low for mS to tell levels apart.

    Notes
    -----
    Other nuclei are left out: they shift the lines by no more than about A1 A2 / nu_e. The radio
    frequency field is across the static one, turns the electron spin as well as the nuclear one,
    and its matrix elements are divided by the nuclear gyromagnetic ratio: that is the hyperfine
    enhancement, nu(mS) / nu_I to first order [1]_. Quadrupole couplings are not included.

    References
    ----------
    .. [1] A. Schweiger, G. Jeschke, Principles of Pulse Electron Paramagnetic Resonance, Oxford
       2001.

    Examples
    --------
    >>> from spectro.epr import Nucleus, SpinSystem
    >>> weak = SpinSystem(0.5, 2.0, [Nucleus("113Cd", 8.2)])
    >>> [(line.name, round(line.frequency_MHz, 2)) for line in endor_lines(weak, 1220.0)]
    [('mS = -1/2', 7.43), ('mS = +1/2', 15.63)]
    """
    system = _keep(system, nucleus)
    if not (field_mT > 0 and np.isfinite(field_mT)):
        raise InputError(f"Expected a field above 0 mT, got {field_mT}.")
    unit, weights = _choose_directions(system, n_polar)
    energies, strengths = _diagonalise(system, field_mT, unit)
    lines = []
    n_levels = energies.shape[-1]
    for place, blocks in enumerate(zip(energies.swapaxes(0, 1), strengths, strict=True)):
        levels, strength = blocks
        for low, high in zip(*np.triu_indices(n_levels, 1), strict=True):
            each = levels[:, high] - levels[:, low]
            intensity = strength[:, low, high] * weights
            total = float(intensity.sum())
            if total > 0:
                mean = float(each @ intensity) / total
                ends = (float(each.min()), float(each.max()))
                lines.append(_Found(place, int(low), int(high), mean, ends, total))
    strongest = max(one.intensity for one in lines)
    kept = [_label(one, system, field_mT) for one in lines if one.intensity >= weakest * strongest]
    return tuple(sorted(kept, key=lambda one: (one.ms, one.frequency_MHz)))


def say_half(value: float) -> str:
    """Multiple of 1/2 with its sign, as in "-3/2"."""
    return f"{'-' if value < 0 else '+'}{abs(Fraction(value))}"


@dataclass(frozen=True, slots=True)
class _Found:
    place: int  # of the manifold, the highest mS first
    low: int
    high: int
    mean_MHz: float
    ends_MHz: tuple[float, float]
    intensity: float


def _label(found: _Found, system: SpinSystem, field_mT: float) -> EndorLine:
    kind = system.isotopes[0]
    ms = system.s - found.place
    mean_MHz = float(np.trace(system.nuclei[0].tensor_MHz)) / 3
    slope = ms * mean_MHz - kind.gamma_MHz_per_T * 1e-3 * field_mT  # of the energy, by mI
    sign = 1 if slope > 0 else -1
    mi = tuple(sign * (level - kind.spin) for level in (found.low, found.high))
    return EndorLine(
        kind.name, ms, (mi[0], mi[1]), found.mean_MHz, *found.ends_MHz, found.intensity
    )


def _keep(system: SpinSystem, nucleus: str | int) -> SpinSystem:
    """System with one of its nuclei."""
    for place, (one, kind) in enumerate(zip(system.nuclei, system.isotopes, strict=True)):
        if nucleus in (place, one.name, kind.name):
            return replace(system, nuclei=[replace(one, name=kind.name)], _isotopes=())
    names = ", ".join(one.name for one in system.nuclei) or "none"
    raise InputError(f"Expected one of the nuclei of the system ({names}), got {nucleus}.")


def _choose_directions(system: SpinSystem, n_polar: int) -> tuple[Array, Array]:
    if system.is_isotropic:
        return make_powder(Symmetry.ISOTROPIC, n_polar)
    return make_powder(Symmetry.AXIAL if system.is_axial else Symmetry.NONE, n_polar)


def _diagonalise(system: SpinSystem, field_mT: float, unit: Array) -> tuple[Array, Sequence[Array]]:
    """Energies and intensities within each manifold, the highest mS first.

    Returns
    -------
    energies : (K, M, N) array
        In K directions and M manifolds, ascending within each.
    strengths : M arrays (K, N, N)
        |<Ix>|^2 with enhancement.
    """
    operators, kind = build_operators(system).to_complex(), system.isotopes[0]
    along = np.tensordot(unit, operators.zeeman, 1)
    levels, vectors = np.linalg.eigh(operators.zero_field + field_mT * along)
    n_manifolds, n_levels = round(2 * system.s + 1), round(2 * kind.spin + 1)
    order, labels = _sort(system, unit, vectors)
    expected = np.repeat(system.s - np.arange(n_manifolds), n_levels)
    if np.abs(labels - expected).max() > _MIXED:
        raise InputError(
            f"Expected a field at which the Zeeman splitting is more than the zero-field and "
            f"hyperfine ones, got {field_mT:g} mT; give a higher one."
        )
    levels = np.take_along_axis(levels, order, 1).reshape(-1, n_manifolds, n_levels)
    vectors = np.take_along_axis(vectors, order[:, None, :], 2)
    within = np.argsort(levels, axis=2)
    across = _perpendicular(unit)
    turn = np.tensordot(across, operators.zeeman, 1) / (1e-3 * kind.gamma_MHz_per_T)
    strengths = []
    for place in range(n_manifolds):
        block = vectors[:, :, place * n_levels : (place + 1) * n_levels]
        block = np.take_along_axis(block, within[:, None, place, :], 2)
        element = block.conj().swapaxes(1, 2)[None] @ turn @ block[None]
        strengths.append(np.asarray((np.abs(element) ** 2).mean(axis=0), float))
    return np.take_along_axis(levels, within, 2), strengths


def _sort(
    system: SpinSystem, unit: Array, vectors: NDArray[np.complex128]
) -> tuple[NDArray[np.int64], Array]:
    """Order (K, N) of the levels by the projection of the electron spin, and that projection."""
    n_levels = round(2 * system.isotopes[0].spin + 1)
    axis = unit @ system.g_tensor
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    small = np.array(spin_matrices(system.s))
    spin = np.tensordot(axis, np.array([np.kron(one, np.eye(n_levels)) for one in small]), 1)
    mean = np.einsum("kia,kij,kja->ka", vectors.conj(), spin, vectors, optimize=True).real
    order = np.argsort(-mean, axis=1)
    return order, np.take_along_axis(mean, order, 1)


def _perpendicular(unit: Array) -> Array:
    """Two unit vectors (2, K, 3) across each direction."""
    helper = np.where(np.abs(unit[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    first = np.cross(unit, helper)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return np.array([first, np.cross(unit, first)])
