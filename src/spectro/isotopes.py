"""Spins, frequencies and abundances of nuclei.

Larmor frequencies come from the IUPAC frequency ratios Xi [1]_, of reference compounds, so they are
shielded: magnetic moments of bare nuclei give frequencies that are higher by up to 1 %. Quadrupole
moments are those of [2]_.

References
----------
.. [1] R. K. Harris, E. D. Becker, S. M. Cabral de Menezes, R. Goodfellow, P. Granger, Pure Appl.
   Chem. 2001, 73, 1795, DOI 10.1351/pac200173111795.
.. [2] P. Pyykkoe, Mol. Phys. 2008, 106, 1965, DOI 10.1080/00268970802018367.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from math import pi

from spectro.model import InputError

_PROTON_MHz_PER_T = 42.57618
"""Of protons in tetramethylsilane: those in water, 42.576385 (CODATA 2018), less 4.8 ppm."""

# isotope: spin, sign of the gyromagnetic ratio, Xi in %, natural abundance in %, moment in fm2
_TABLE = """
1H 1/2 + 100.000000 99.9885 0
2H 1 + 15.350609 0.0115 0.286
6Li 1 + 14.716086 7.59 -0.0808
7Li 3/2 + 38.863797 92.41 -4.01
10B 3 + 10.743658 19.9 8.459
11B 3/2 + 32.083974 80.1 4.059
13C 1/2 + 25.145020 1.07 0
14N 1 + 7.226317 99.632 2.044
15N 1/2 - 10.136767 0.368 0
17O 5/2 - 13.556457 0.038 -2.558
19F 1/2 + 94.094011 100 0
23Na 3/2 + 26.451900 100 10.4
25Mg 5/2 - 6.121635 10.00 19.94
27Al 5/2 + 26.056859 100 14.66
29Si 1/2 - 19.867187 4.6832 0
31P 1/2 + 40.480742 100 0
33S 3/2 + 7.676000 0.76 -6.78
35Cl 3/2 + 9.797909 75.78 -8.165
37Cl 3/2 + 8.155725 24.22 -6.435
39K 3/2 + 4.666373 93.2581 5.85
43Ca 7/2 - 6.730029 0.135 -4.08
45Sc 7/2 + 24.291747 100 -22.0
47Ti 5/2 - 5.637534 7.44 30.2
49Ti 7/2 - 5.639037 5.41 24.7
51V 7/2 + 26.302948 99.750 -5.2
53Cr 3/2 - 5.652496 9.501 -15.0
55Mn 5/2 + 24.789218 100 33.0
57Fe 1/2 + 3.237778 2.119 0
59Co 7/2 + 23.727074 100 42.0
61Ni 3/2 - 8.936051 1.1399 16.2
63Cu 3/2 + 26.515473 69.17 -22.0
65Cu 3/2 + 28.403693 30.83 -20.4
67Zn 5/2 + 6.256803 4.10 15.0
69Ga 3/2 + 24.001354 60.108 17.1
71Ga 3/2 + 30.496704 39.892 10.7
75As 3/2 + 17.122614 100 31.4
77Se 1/2 + 19.071513 7.63 0
79Br 3/2 + 25.053980 50.69 31.3
81Br 3/2 + 27.006518 49.31 26.2
85Rb 5/2 + 9.654943 72.17 27.6
87Rb 3/2 + 32.720454 27.83 13.35
89Y 1/2 - 4.900198 100 0
107Ag 1/2 - 4.047819 51.839 0
109Ag 1/2 - 4.653533 48.161 0
111Cd 1/2 - 21.215480 12.80 0
113Cd 1/2 - 22.193175 12.22 0
113In 9/2 + 21.865755 4.29 75.9
115In 9/2 + 21.912629 95.71 77.0
117Sn 1/2 - 35.632259 7.68 0
119Sn 1/2 - 37.290632 8.59 0
121Sb 5/2 + 23.930577 57.21 -54.3
123Sb 7/2 + 12.959217 42.79 -69.2
123Te 1/2 - 26.169742 0.89 0
125Te 1/2 - 31.549769 7.07 0
127I 5/2 + 20.007486 100 -69.6
133Cs 7/2 + 13.116142 100 -0.343
195Pt 1/2 + 21.496784 33.832 0
199Hg 1/2 + 17.910822 16.87 0
207Pb 1/2 + 20.920599 22.1 0
209Bi 9/2 + 16.069288 100 -51.6
"""


@dataclass(frozen=True, slots=True)
class Isotope:
    """A nucleus with a spin.

    Attributes
    ----------
    name : str
        Mass number and element, as in "113Cd".
    spin : float
        Multiple of 1/2.
    frequency_ratio : float
        Larmor frequency over that of the protons of tetramethylsilane (Xi), with the sign of the
        gyromagnetic ratio.
    abundance : float
        Natural, 0 to 1.
    quadrupole_fm2 : float
        Electric quadrupole moment; 0 for spin 1/2.
    """

    name: str
    spin: float
    frequency_ratio: float
    abundance: float
    quadrupole_fm2: float

    @property
    def element(self) -> str:
        """Symbol."""
        return self.name.lstrip("0123456789")

    @property
    def gamma_MHz_per_T(self) -> float:
        """Larmor frequency per field, signed: the gyromagnetic ratio over 2 pi."""
        return self.frequency_ratio * _PROTON_MHz_PER_T

    @property
    def gamma_rad_per_s_T(self) -> float:
        """Gyromagnetic ratio."""
        return 2e6 * pi * self.gamma_MHz_per_T

    def larmor_MHz(self, field_T: float) -> float:
        """Larmor frequency in a field, not signed."""
        return abs(self.gamma_MHz_per_T) * field_T


def isotope(name: str) -> Isotope:
    """Isotope by its name, as in "113Cd" or "Cd113".

    Raises
    ------
    InputError
        If it has no spin or is not in the table.

    Examples
    --------
    >>> round(isotope("1H").larmor_MHz(9.4), 1)
    400.2
    """
    match = re.fullmatch(r"\s*(?:(\d+)\s*-?([A-Za-z]+)|([A-Za-z]+)-?(\d+))\s*", name)
    mass, symbol = (match[1] or match[4], match[2] or match[3]) if match else ("", name)
    key = f"{mass}{symbol.capitalize()}"
    if key not in _read_table():
        near = [one for one in _read_table() if one.lstrip("0123456789") == symbol.capitalize()]
        known = ", ".join(near) or "1H, 13C, 55Mn, 113Cd and so on"
        raise InputError(f"Expected an isotope with a spin ({known}), got {name!r}.")
    return _read_table()[key]


def isotopes_of(element: str) -> tuple[Isotope, ...]:
    """Isotopes with a spin of an element, the most abundant first; empty where there is none.

    Examples
    --------
    >>> [one.name for one in isotopes_of("Cd")]
    ['111Cd', '113Cd']
    """
    found = [one for one in _read_table().values() if one.element == element.capitalize()]
    return tuple(sorted(found, key=lambda one: -one.abundance))


@lru_cache(maxsize=1)
def _read_table() -> dict[str, Isotope]:
    table = {}
    for line in _TABLE.split("\n"):
        if not line:
            continue
        name, spin, sign, ratio, abundance, moment = line.split()
        top, _, bottom = spin.partition("/")
        table[name] = Isotope(
            name,
            int(top) / int(bottom or 1),
            float(f"{sign}{ratio}") / 100,
            float(abundance) / 100,
            float(moment),
        )
    return table
