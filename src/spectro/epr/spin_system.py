"""One electron spin and the nuclei that it couples to."""

import itertools
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from spectro.isotopes import Isotope, isotope, isotopes_of
from spectro.model import InputError

BOHR_MHz_PER_mT = 13.99624493
"""Bohr magneton over the Planck constant (CODATA 2018)."""

_LARGEST_SPIN = 3.5
_LARGEST_DIMENSION = 512
_SMALL = 1e-9

Matrix = NDArray[np.complex128]
Tensor = NDArray[np.float64]
Principal = float | Sequence[float]


@dataclass(frozen=True, slots=True)
class Nucleus:
    """A nucleus and its hyperfine coupling.

    Attributes
    ----------
    name : str
        Isotope, as in "55Mn"; or an element, as in "Cd", for its natural mixture of isotopes, of
        which the most abundant one with a spin has the coupling that is given.
    a_MHz : float or sequence
        Isotropic coupling; perpendicular and parallel ones; or three principal values.
    frame_deg : (float, float, float)
        Euler angles (z, y', z'') from the frame of the molecule to the principal axes.
    """

    name: str
    a_MHz: float | tuple[float, ...] = 0.0
    frame_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        """Refuse what is no tensor."""
        principal_values(self.a_MHz, "a_MHz")

    @property
    def isotope(self) -> Isotope:
        """Isotope, or the most abundant one of an element."""
        if not any(c.isdigit() for c in self.name) and isotopes_of(self.name):
            return isotopes_of(self.name)[0]
        return isotope(self.name)

    @property
    def tensor_MHz(self) -> Tensor:
        """Hyperfine tensor (3, 3) in the frame of the molecule."""
        return _rotate(principal_values(self.a_MHz, "a_MHz"), self.frame_deg)


@dataclass(frozen=True, slots=True)
class SpinSystem:
    """An electron spin, its zero-field splitting, the nuclei it couples to, and strains.

    Attributes
    ----------
    s : float
        Electron spin, 1/2 to 7/2.
    g : float or sequence
        Isotropic; perpendicular and parallel; or three principal values.
    nuclei : sequence of Nucleus
        Those that are coupled.
    d_MHz, e_MHz : float
        Zero-field splitting D (Sz^2 - S(S+1)/3) + E (Sx^2 - Sy^2).
    d_strain_MHz, e_strain_MHz : float
        Full widths at half maximum of Gaussian distributions of D and E, which are independent.
    a_strain_MHz : float
        Likewise of the isotropic coupling of the first nucleus.
    g_frame_deg, d_frame_deg : (float, float, float)
        Euler angles (z, y', z'') from the frame of the molecule to the principal axes.
    weight : float
        Relative to other systems of the same spectrum.

    Notes
    -----
    H = mu_B B g S + S D S + sum over nuclei of S A I - g_n mu_n B I, all over the Planck constant.

    References
    ----------
    .. [1] A. Abragam, B. Bleaney, Electron Paramagnetic Resonance of Transition Ions, Oxford 1970.
    """

    s: float = 0.5
    g: float | tuple[float, ...] = 2.0023193
    nuclei: Sequence[Nucleus] = ()
    d_MHz: float = 0.0
    e_MHz: float = 0.0
    d_strain_MHz: float = 0.0
    e_strain_MHz: float = 0.0
    a_strain_MHz: float = 0.0
    g_frame_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    d_frame_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    weight: float = 1.0
    _isotopes: tuple[Isotope, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Refuse spins, tensors and sizes that cannot be."""
        if not (0.5 <= self.s <= _LARGEST_SPIN and float(2 * self.s).is_integer()):
            raise InputError(f"Expected an electron spin of 1/2, 1, ... 7/2, got {self.s}.")
        if np.min(np.abs(principal_values(self.g, "g"))) < _SMALL:
            raise InputError(f"Expected g values other than 0, got {self.g}.")
        numbers = (self.d_MHz, self.e_MHz, self.d_strain_MHz, self.e_strain_MHz, self.a_strain_MHz)
        if not all(map(math.isfinite, numbers)) or min(numbers[2:]) < 0 or not self.weight >= 0:
            raise InputError(
                f"Expected finite D and E, and strains and a weight of at least 0, got {numbers} "
                f"and {self.weight}."
            )
        object.__setattr__(self, "nuclei", tuple(self.nuclei))
        if not self._isotopes:
            object.__setattr__(self, "_isotopes", tuple(one.isotope for one in self.nuclei))
        if self.dimension > _LARGEST_DIMENSION:
            raise InputError(
                f"Expected at most {_LARGEST_DIMENSION} levels, got {self.dimension}; leave out "
                f"weakly coupled nuclei, which only broaden the lines."
            )

    @property
    def isotopes(self) -> tuple[Isotope, ...]:
        """Isotope of each nucleus."""
        return self._isotopes

    @property
    def dimension(self) -> int:
        """Number of levels."""
        spins = [self.s, *(one.spin for one in self._isotopes)]
        return math.prod(round(2 * spin + 1) for spin in spins)

    @property
    def g_tensor(self) -> Tensor:
        """G tensor (3, 3) in the frame of the molecule."""
        return _rotate(principal_values(self.g, "g"), self.g_frame_deg)

    @property
    def g_isotropic(self) -> float:
        """Mean of the principal values of g."""
        return float(principal_values(self.g, "g").sum()) / 3

    @property
    def zero_field_tensors(self) -> tuple[Tensor, Tensor]:
        """What D and E are multiplied by, (3, 3) each, in the frame of the molecule."""
        axial = np.array([-1.0, -1.0, 2.0]) / 3
        rhombic = np.array([1.0, -1.0, 0.0])
        return _rotate(axial, self.d_frame_deg), _rotate(rhombic, self.d_frame_deg)

    @property
    def is_isotropic(self) -> bool:
        """Whether the spectrum is the same in all directions."""
        values = [self.g, *(nucleus.a_MHz for nucleus in self.nuclei)]
        return not self._splits and all(map(_is_round, values))

    @property
    def is_axial(self) -> bool:
        """Whether all tensors are axial about the z axis of the molecule."""
        has_e = self.e_MHz != 0 or self.e_strain_MHz > 0
        axial, _ = self.zero_field_tensors
        tensors = [self.g_tensor, *self._hyperfine, *([axial] if self._splits else [])]
        return not (has_e and self._splits) and all(map(_is_axial, tensors))

    @property
    def _splits(self) -> bool:
        return self.s > 0.5 and any((self.d_MHz, self.e_MHz, self.d_strain_MHz, self.e_strain_MHz))

    @property
    def _hyperfine(self) -> list[Tensor]:
        return [nucleus.tensor_MHz for nucleus in self.nuclei]

    def align(self, frequency_MHz: float) -> Self:
        """The same system in the frame of its most anisotropic tensor; its spectrum is the same.

        Parameters
        ----------
        frequency_MHz : float
            Of the microwaves, which tells what an anisotropy of g is worth.
        """
        axial, rhombic = self.zero_field_tensors
        splitting = (2 * self.s - 1) * (self.d_MHz * axial + self.e_MHz * rhombic)
        tensors = [splitting, frequency_MHz / self.g_isotropic * self.g_tensor]
        tensors += [
            kind.spin * tensor for kind, tensor in zip(self.isotopes, self._hyperfine, strict=True)
        ]
        tensor = max(tensors, key=lambda one: float(np.ptp(np.linalg.eigvalsh(one))))
        off_diagonal = np.abs(tensor - np.diag(np.diag(tensor))).max()
        if off_diagonal <= _SMALL * max(np.abs(tensor).max(), 1e-300):
            return self
        values, axes = np.linalg.eigh(tensor)
        if values[1] > (values[0] + values[2]) / 2:  # the lowest one is the odd one
            axes = axes[:, [2, 1, 0]]
        axes[:, 0] *= np.sign(np.linalg.det(axes))

        def turn(angles_deg: Sequence[float]) -> tuple[float, float, float]:
            frame = Rotation.from_euler("ZYZ", angles_deg, degrees=True).as_matrix()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of angles that are not unique
                found = Rotation.from_matrix(axes.T @ frame).as_euler("ZYZ", degrees=True)
            return float(found[0]), float(found[1]), float(found[2])

        return replace(
            self,
            nuclei=[replace(one, frame_deg=turn(one.frame_deg)) for one in self.nuclei],
            g_frame_deg=turn(self.g_frame_deg),
            d_frame_deg=turn(self.d_frame_deg),
        )

    def split_isotopes(self) -> Iterator[Self]:
        """Systems of pure isotopes that make up this one, weighted by natural abundance.

        A coupling scales with the gyromagnetic ratio; isotopes without a spin leave a system with
        fewer nuclei.
        """
        if all(any(c.isdigit() for c in one.name) for one in self.nuclei):
            yield from [self] if self.weight > 0 else []
            return
        choices = [list(_list_isotopes(nucleus)) for nucleus in self.nuclei]
        for chosen in itertools.product(*choices):
            weight = self.weight * float(np.prod([share for _, share in chosen]))
            nuclei = tuple(nucleus for nucleus, _ in chosen if nucleus is not None)
            if weight > 0:
                yield replace(self, nuclei=nuclei, weight=weight, _isotopes=())


def _list_isotopes(nucleus: Nucleus) -> Iterator[tuple[Nucleus | None, float]]:
    if any(c.isdigit() for c in nucleus.name):
        yield nucleus, 1.0
        return
    first = nucleus.isotope
    values = np.asarray(nucleus.a_MHz, float)
    rest = 1.0
    for one in isotopes_of(nucleus.name):
        scaled = values * one.frequency_ratio / first.frequency_ratio
        a_MHz = float(scaled) if scaled.ndim == 0 else tuple(map(float, scaled))
        rest -= one.abundance
        yield replace(nucleus, name=one.name, a_MHz=a_MHz), one.abundance
    if rest > 1e-6:
        yield None, rest


def principal_values(value: Principal, name: str) -> Tensor:
    """Three principal values from one, two (perpendicular, parallel) or three numbers.

    Raises
    ------
    InputError
        If there are others.
    """
    if isinstance(value, float) and math.isfinite(value):
        return np.full(3, value)
    numbers = np.atleast_1d(np.asarray(value, float))
    if numbers.ndim != 1 or len(numbers) not in (1, 2, 3) or not np.isfinite(numbers).all():
        raise InputError(
            f"Expected one, two (perpendicular, parallel) or three finite numbers as {name}, got "
            f"{value}."
        )
    if len(numbers) == 1:
        return np.repeat(numbers, 3)
    return numbers[[0, 0, 1]] if len(numbers) == 2 else numbers


def _rotate(principal: Tensor, angles_deg: Sequence[float]) -> Tensor:
    """Tensor of some principal values whose axes are turned by Euler angles (z, y', z'')."""
    if not any(angles_deg):
        return np.diag(principal)
    turn = _turn(*map(float, angles_deg))
    tensor: Tensor = turn @ np.diag(principal) @ turn.T
    return tensor


@lru_cache(maxsize=64)
def _turn(a_deg: float, b_deg: float, c_deg: float) -> Tensor:
    a, b, c = np.deg2rad((a_deg, b_deg, c_deg))
    return np.asarray(_about_z(a) @ _about_y(b) @ _about_z(c))


def _about_z(angle: float) -> Tensor:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _about_y(angle: float) -> Tensor:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])


def _is_round(value: Principal) -> bool:
    if isinstance(value, float):
        return True
    numbers = principal_values(value, "tensor")
    return float(np.ptp(numbers)) <= _SMALL * float(np.abs(numbers).max())


def _is_axial(tensor: Tensor) -> bool:
    expected = np.diag([tensor[0, 0], tensor[0, 0], tensor[2, 2]])
    return bool(np.abs(tensor - expected).max() <= _SMALL * max(np.abs(tensor).max(), 1e-300))


def spin_matrices(spin: float) -> tuple[Matrix, Matrix, Matrix]:
    """Matrices (2S+1, 2S+1) of Sx, Sy and Sz, the highest projection first."""
    m = np.arange(spin, -spin - 1, -1)
    up = np.diag(np.sqrt(spin * (spin + 1) - m[1:] * (m[1:] + 1)), 1).astype(complex)
    x, y, z = (up + up.T) / 2, (up - up.T) / 2j, np.diag(m)
    return np.asarray(x, complex), np.asarray(y, complex), np.asarray(z, complex)


@dataclass(frozen=True, slots=True, eq=False)
class Operators:
    """Matrices of a system over the Planck constant, in MHz, in the frame of the molecule.

    Attributes
    ----------
    zero_field : (N, N) array
        What does not depend on the field.
    zeeman : (3, N, N) array
        Per mT of field along x, y and z.
    spin : (3, N, N) array
        Electron spin, weighted by g / 2: what the microwave field turns.
    projection : (N,) array or None
        Sums of all spins' projections on z, if they are kept in fields along z.
    is_planar : bool
        Whether all of it is real but the y components, which are those times i; otherwise all are
        complex.
    """

    zero_field: NDArray[Any]
    zeeman: NDArray[Any]
    spin: NDArray[Any]
    projection: Tensor | None
    is_planar: bool

    def to_complex(self) -> Self:
        """The same matrices as they are."""
        if not self.is_planar:
            return self
        factors = np.array([1.0, -1j, 1.0])[:, None, None]
        return replace(
            self,
            zero_field=self.zero_field + 0j,
            zeeman=factors * self.zeeman,
            spin=factors * self.spin,
            is_planar=False,
        )


def build_operators(system: SpinSystem) -> Operators:
    """Matrices of a system of pure isotopes."""
    spins = tuple(kind.spin for kind in system.isotopes)
    axial, rhombic = system.zero_field_tensors
    splitting = system.d_MHz * axial + system.e_MHz * rhombic
    g, couplings = system.g_tensor, [one.tensor_MHz for one in system.nuclei]
    is_planar = not any(_leaves_plane(one) for one in (g, splitting, *couplings))
    electron, products, *nuclei = (_build_plane if is_planar else _build_vectors)(system.s, spins)
    turned = contract(g, electron)
    zeeman: NDArray[Any] = BOHR_MHz_PER_mT * turned
    zero_field = contract(splitting, products) if splitting.any() else np.zeros_like(electron[0])
    for number, (coupling, kind) in enumerate(zip(couplings, system.isotopes, strict=True)):
        zero_field = zero_field + contract(coupling, nuclei[2 * number + 1])
        zeeman = zeeman - kind.gamma_MHz_per_T * 1e-3 * nuclei[2 * number]
    is_axial = system.is_isotropic or system.is_axial
    projection = _sum_projections(system.s, spins) if is_axial else None
    return Operators(zero_field, zeeman, turned / 2, projection, is_planar)


def _leaves_plane(tensor: Tensor) -> bool:
    """Whether a tensor mixes y with x or z."""
    (_, xy, _), (yx, _, yz), (_, zy, _) = tensor.tolist()
    return bool(xy or yx or yz or zy)


def differentiate(system: SpinSystem, name: str) -> Matrix:
    """Derivative (N, N) of the Hamiltonian by what is distributed.

    Parameters
    ----------
    system : SpinSystem
        Of pure isotopes.
    name : str
        "d", "e" or "a", which is the isotropic coupling of the first nucleus.
    """
    _, products, *nuclei = _build_vectors(system.s, tuple(k.spin for k in system.isotopes))
    if name == "a":
        return contract(np.eye(3), nuclei[1])
    axial, rhombic = system.zero_field_tensors
    return contract(axial if name == "d" else rhombic, products)


@lru_cache(maxsize=16)
def _sum_projections(s: float, spins: tuple[float, ...]) -> Tensor:
    total = np.zeros(1)
    for spin in (s, *spins):
        total = (total[:, None] + np.arange(spin, -spin - 1, -1)).ravel()
    return total


def contract(weights: Tensor, matrices: NDArray[Any]) -> NDArray[Any]:
    """Sums of matrices (3, N, N) by the rows of weights (3, 3); or one of matrices (3, 3, N, N)."""
    n = matrices.shape[-1]
    if matrices.ndim == 3:
        return np.asarray((weights @ matrices.reshape(3, n * n)).reshape(-1, n, n))
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = weights.tolist()
    if not (xy or xz or yx or yz or zx or zy):
        return np.asarray(xx * matrices[0, 0] + yy * matrices[1, 1] + zz * matrices[2, 2])
    return np.asarray((weights.ravel() @ matrices.reshape(-1, n * n)).reshape(n, n))


@lru_cache(maxsize=16)
def _build_plane(s: float, spins: tuple[float, ...]) -> tuple[Tensor, ...]:
    """Real matrices as of `_build_vectors`, those of y times i.

    Products of y and another component are not real, and not to be used.
    """
    electron, products, *nuclei = _build_vectors(s, spins)
    factors = np.array([1.0, 1j, 1.0])[:, None, None]
    vectors = [factors * one for one in (electron, *nuclei[::2])]
    found = [vectors[0], products]
    for vector, product in zip(vectors[1:], nuclei[1::2], strict=True):
        found += [vector, product]
    real = tuple(np.ascontiguousarray(one.real) for one in found)
    for one in real:
        one.flags.writeable = False
    return real


@lru_cache(maxsize=16)
def _build_vectors(s: float, spins: tuple[float, ...]) -> tuple[Matrix, ...]:
    """Spin vectors and products of their components, of the electron and then of each nucleus.

    Returns
    -------
    S : (3, N, N) array
    S S : (3, 3, N, N) array
    I, S I : like the two before, for each nucleus
    """
    sizes = [round(2 * spin + 1) for spin in (s, *spins)]

    def embed(place: int, small: Matrix) -> Matrix:
        before, after = int(np.prod(sizes[:place])), int(np.prod(sizes[place + 1 :]))
        return np.asarray(np.kron(np.kron(np.eye(before), small), np.eye(after)), complex)

    found: list[Matrix] = []
    for place, spin in enumerate((s, *spins)):
        vector = np.array([embed(place, one) for one in spin_matrices(spin)])
        electron = found[0] if found else vector
        found += [vector, np.array([[a @ b for b in vector] for a in electron])]
    for one in found:
        one.flags.writeable = False
    return tuple(found)
