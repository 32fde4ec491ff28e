"""Host crystals and the conversions between numbers of dopants and concentrations.

"mM" is millimoles of dopant per litre of crystal everywhere; "at.%" is the percentage of the
host's sites that hold a dopant. Lattice constants hold at room temperature; each material names
their source.
"""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.model import InputError

AVOGADRO_PER_MOL = 6.02214076e23
"""Avogadro constant in 1/mol, exact since the SI of 2019."""

MM_PER_NM3 = 1e27 / AVOGADRO_PER_MOL
"""Concentration in mM of one atom per nm3: 1 mM is 1 mol/m3, and 1 m3 is 1e27 nm3."""

Array = NDArray[np.float64]
T = TypeVar("T", float, Array)


@dataclass(frozen=True, slots=True)
class Material:
    """A host crystal: what its unit cell holds, and how large it is.

    Attributes
    ----------
    name : str
        Formula and structure, e.g. ``"CdS (zinc blende)"``.
    sites_per_cell : Mapping of str to int
        Number of sites of each element in the unit cell; read-only.
    lattice_nm : tuple of float
        Edges a, b, c of the unit cell, in nm.
    source : str
        Where the lattice constants come from.
    angles_deg : tuple of float
        Angles alpha, beta, gamma of the unit cell, in degrees.

    Raises
    ------
    InputError
        If the cell holds no sites or has no volume.
    """

    name: str
    sites_per_cell: Mapping[str, int] = field(hash=False)
    lattice_nm: tuple[float, float, float]
    source: str
    angles_deg: tuple[float, float, float] = (90.0, 90.0, 90.0)

    def __post_init__(self) -> None:
        """Check the cell and make its table of sites read-only."""
        sites = MappingProxyType(dict(self.sites_per_cell))
        object.__setattr__(self, "sites_per_cell", sites)
        if not sites or min(sites.values()) < 1:
            raise InputError(
                f"Expected at least one site of each element in {self.name}, got {dict(sites)}; "
                "give a table such as {'Cd': 4, 'S': 4}."
            )
        edges_fit = all(0.0 < edge < math.inf for edge in self.lattice_nm)
        if not (edges_fit and self._squared_volume_fraction > 0.0):
            raise InputError(
                f"Expected edges and angles that span a cell for {self.name}, got "
                f"{self.lattice_nm} and {self.angles_deg}; give edges in nm, angles in degrees."
            )

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from a plain dict: a read-only view can be neither pickled nor copied."""
        sites = dict(self.sites_per_cell)
        return type(self), (self.name, sites, self.lattice_nm, self.source, self.angles_deg)

    @property
    def _squared_volume_fraction(self) -> float:
        """Square of the cell volume over that of the box with the same edges."""
        alpha, beta, gamma = (math.cos(math.radians(angle)) for angle in self.angles_deg)
        return 1.0 - alpha**2 - beta**2 - gamma**2 + 2.0 * alpha * beta * gamma

    @property
    def cell_volume_nm3(self) -> float:
        r"""Volume of the unit cell, in nm3.

        Notes
        -----
        :math:`V = abc \sqrt{1 - \cos^2\alpha - \cos^2\beta - \cos^2\gamma
        + 2 \cos\alpha \cos\beta \cos\gamma}`.
        """
        return math.prod(self.lattice_nm) * math.sqrt(self._squared_volume_fraction)

    def sites_per_nm3(self, element: str) -> float:
        """Density of the sites of an element, per nm3.

        Parameters
        ----------
        element : str
            Symbol of an element of the host, e.g. ``"Cd"``.

        Raises
        ------
        InputError
            If the host has no sites of that element.

        Examples
        --------
        >>> round(material_named("CdS (zinc blende)").sites_per_nm3("Cd"), 1)
        20.3
        """
        if element not in self.sites_per_cell:
            raise InputError(
                f"Expected one of {', '.join(self.sites_per_cell)}, the elements of {self.name}; "
                f"got {element}; name the host element whose sites the dopant takes."
            )
        return self.sites_per_cell[element] / self.cell_volume_nm3


def _cubic(name: str, sites: Mapping[str, int], a_nm: float, source: str) -> Material:
    return Material(name, sites, (a_nm, a_nm, a_nm), source)


def _wurtzite(
    name: str, sites: Mapping[str, int], ac_nm: tuple[float, float], source: str
) -> Material:
    return Material(name, sites, (ac_nm[0], *ac_nm), source, (90.0, 90.0, 120.0))


_MADELUNG = "Madelung, Semiconductors: Data Handbook (2004), DOI 10.1007/978-3-642-18865-7"
_WYCKOFF = "Wyckoff, Crystal Structures, 2nd ed., vol. 1 (1963)"
_SKINNER = "Skinner, Am. Mineral. 46, 1399 (1961)"
_NBS_1953 = "Swanson & Fuyat, NBS Circular 539, vol. 2 (1953), DOI 10.6028/NBS.CIRC.539v2"
_NBS_1955 = "Swanson et al., NBS Circular 539, vol. 4 (1955), DOI 10.6028/NBS.CIRC.539v4"
_NBS_1957 = "Swanson et al., NBS Circular 539, vol. 7 (1957), DOI 10.6028/NBS.CIRC.539v7"
_NBS_1964 = "Swanson et al., NBS Monograph 25, sec. 3 (1964)"
_SAMARTH = "Samarth et al., Appl. Phys. Lett. 54, 2680 (1989)"
_STOUMPOS = "Stoumpos et al., Cryst. Growth Des. 13, 2722 (2013), DOI 10.1021/cg400645t"
_MASLEN = "Maslen et al., Acta Cryst. B 52, 414 (1996), DOI 10.1107/S0108768195013371"
_NIST = "NIST, certificate of Standard Reference Material 674b"

# CdSe: zinc blende at 0.6077 nm is as dense as wurtzite; the 0.6052 nm that many tables give is
# 1.2 % denser. CsPbBr3: setting Pnma. CeO2: 0.5410 nm in Artini et al., Inorg. Chem. (2015),
# DOI 10.1021/acs.inorgchem.5b00395.
_SHIPPED = (
    _cubic("CdS (zinc blende)", {"Cd": 4, "S": 4}, 0.5818, _MADELUNG),
    _wurtzite("CdS (wurtzite)", {"Cd": 2, "S": 2}, (0.4136, 0.6713), _NBS_1955),
    _cubic("CdSe (zinc blende)", {"Cd": 4, "Se": 4}, 0.6077, _SAMARTH),
    _wurtzite("CdSe (wurtzite)", {"Cd": 2, "Se": 2}, (0.4299, 0.7010), _NBS_1957),
    _cubic("CdTe (zinc blende)", {"Cd": 4, "Te": 4}, 0.6481, _NBS_1964),
    _cubic("ZnS (zinc blende)", {"Zn": 4, "S": 4}, 0.54093, _SKINNER),
    _cubic("ZnSe (zinc blende)", {"Zn": 4, "Se": 4}, 0.56676, _WYCKOFF),
    _cubic("InP (zinc blende)", {"In": 4, "P": 4}, 0.58687, _MADELUNG),
    _cubic("PbS (rock salt)", {"Pb": 4, "S": 4}, 0.59362, _NBS_1953),
    _cubic("PbSe (rock salt)", {"Pb": 4, "Se": 4}, 0.61243, _WYCKOFF),
    Material(
        "CsPbBr3 (orthorhombic)",
        {"Cs": 4, "Pb": 4, "Br": 12},
        (0.82440, 1.17351, 0.81982),
        _STOUMPOS,
    ),
    _cubic("Y2O3 (bixbyite)", {"Y": 32, "O": 48}, 1.05981, _MASLEN),
    _cubic("CeO2 (fluorite)", {"Ce": 4, "O": 8}, 0.541165, _NIST),
)

MATERIALS: Mapping[str, Material] = MappingProxyType({m.name: m for m in _SHIPPED})
"""The host crystals that come with the package, by name."""


def material_named(name: str) -> Material:
    """Host crystal of a given name.

    Raises
    ------
    InputError
        If no material has that name; the message gives the nearest names.

    Examples
    --------
    >>> material_named("PbS (rock salt)").lattice_nm[0]
    0.59362
    """
    if name in MATERIALS:
        return MATERIALS[name]
    known = {known_name.lower(): known_name for known_name in MATERIALS}
    nearest = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.0)
    raise InputError(
        f"Expected the name of a known material, got {name!r}; the nearest are "
        f"{', '.join(repr(known[match]) for match in nearest)}. Others are added in the recipe."
    )


def sphere_volume_nm3(diameter_nm: T) -> T:
    r"""Volume of a sphere, in nm3.

    Parameters
    ----------
    diameter_nm : float or array
        Diameter, in nm, of any shape; NaN stays NaN.

    Notes
    -----
    :math:`V = \pi d^3 / 6`.

    Examples
    --------
    >>> round(sphere_volume_nm3(11.2))
    736
    """
    return math.pi / 6.0 * diameter_nm * diameter_nm * diameter_nm


@overload
def dopants_to_mM(dopants: float, volume_nm3: float) -> float: ...
@overload
def dopants_to_mM(dopants: NDArray[Any], volume_nm3: float | NDArray[Any]) -> Array: ...
@overload
def dopants_to_mM(dopants: float, volume_nm3: NDArray[Any]) -> Array: ...
def dopants_to_mM(dopants: Any, volume_nm3: Any) -> Any:
    r"""Concentration of a number of dopants in a crystal, in mM.

    Parameters
    ----------
    dopants : float or array
        Number of dopant atoms, of any shape; NaN stays NaN.
    volume_nm3 : float or array
        Volume of crystal, in nm3, not zero; broadcasts with `dopants`.

    Notes
    -----
    :math:`c = N / (N_\mathrm{A} V)`. The inverse is `mM_to_dopants`.

    Examples
    --------
    >>> round(dopants_to_mM(14.6, 735.6), 1)
    33.0
    """
    return dopants / volume_nm3 * MM_PER_NM3


@overload
def mM_to_dopants(mM: float, volume_nm3: float) -> float: ...
@overload
def mM_to_dopants(mM: NDArray[Any], volume_nm3: float | NDArray[Any]) -> Array: ...
@overload
def mM_to_dopants(mM: float, volume_nm3: NDArray[Any]) -> Array: ...
def mM_to_dopants(mM: Any, volume_nm3: Any) -> Any:
    r"""Mean number of dopants in a volume of crystal.

    Parameters
    ----------
    mM : float or array
        Concentration, in mmol of dopant per litre of crystal, of any shape; NaN stays NaN.
    volume_nm3 : float or array
        Volume of crystal, in nm3; broadcasts with `mM`.

    Notes
    -----
    :math:`N = c N_\mathrm{A} V`. The inverse is `dopants_to_mM`.

    Examples
    --------
    >>> round(mM_to_dopants(33.0, 735.6), 1)
    14.6
    """
    return mM * volume_nm3 / MM_PER_NM3


def mM_to_atomic_percent(mM: T, sites_per_nm3: float) -> T:
    r"""Percentage of the host's sites that hold a dopant.

    Parameters
    ----------
    mM : float or array
        Concentration, in mmol of dopant per litre of crystal, of any shape; NaN stays NaN.
    sites_per_nm3 : float
        Density of the sites the dopant can take, see `Material.sites_per_nm3`; for a mixed
        host, of all its kinds together.

    Notes
    -----
    :math:`x = 100 c N_\mathrm{A} / n`. The inverse is `atomic_percent_to_mM`.

    Examples
    --------
    >>> round(mM_to_atomic_percent(33.0, 20.3), 3)
    0.098
    """
    return mM * (100.0 / (sites_per_nm3 * MM_PER_NM3))


def atomic_percent_to_mM(atomic_percent: T, sites_per_nm3: float) -> T:
    r"""Concentration, in mM, of dopants on a percentage of the host's sites.

    Parameters
    ----------
    atomic_percent : float or array
        Percentage of the sites that hold a dopant, of any shape; NaN stays NaN.
    sites_per_nm3 : float
        Density of those sites, see `Material.sites_per_nm3`.

    Notes
    -----
    :math:`c = x n / (100 N_\mathrm{A})`. The inverse is `mM_to_atomic_percent`.

    Examples
    --------
    >>> round(atomic_percent_to_mM(100.0, 20.3) / 1000.0, 1)  # mol/L of sites
    33.7
    """
    return atomic_percent * (sites_per_nm3 * MM_PER_NM3 / 100.0)


def atomic_percent_to_ratio(atomic_percent: T) -> T:
    r"""Ratio of dopants to the host atoms that remain.

    Parameters
    ----------
    atomic_percent : float or array
        Percentage of the sites that hold a dopant, below 100, of any shape; NaN stays NaN.

    Notes
    -----
    :math:`r = x / (100 - x)`. The inverse is `ratio_to_atomic_percent`.

    Examples
    --------
    >>> atomic_percent_to_ratio(20.0)
    0.25
    """
    return atomic_percent / (100.0 - atomic_percent)


def ratio_to_atomic_percent(ratio: T) -> T:
    r"""Percentage of the host's sites that hold a dopant.

    Parameters
    ----------
    ratio : float or array
        Dopants per host atom that remains, of any shape; NaN stays NaN.

    Notes
    -----
    :math:`x = 100 r / (1 + r)`. The inverse is `atomic_percent_to_ratio`.

    Examples
    --------
    >>> ratio_to_atomic_percent(0.25)
    20.0
    """
    return 100.0 * ratio / (1.0 + ratio)
