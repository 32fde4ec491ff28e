"""What a nucleus may show in a spectrum of nuclear frequencies, and where."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from spectro.epr.endor import EndorLine, endor_lines
from spectro.epr.spin_system import Nucleus, SpinSystem, principal_values
from spectro.isotopes import Isotope, isotope

Couplings = Mapping[str, float | tuple[float, ...]]

HALVES = ("|nu_I - A/2|", "|nu_I + A/2|")
"""Kinds of the two lines of a pair, the lower one first."""

_OUTER = 0.3
"""Of manifolds other than mS = +/-1/2, which few spins are excited from."""

_REMOTE = 0.2
"""Of the Larmor frequency of a nucleus that is known to be coupled strongly."""

_PAIR = 0.6
"""Of two lines about a Larmor frequency, which chance also makes."""

_EXPLAINED = 0.1
"""Factor of a pair of which a line is a Larmor frequency, or a multiple of one that is seen."""

_HARMONICS = {2: ("double Larmor", 0.5, 0.2), 3: ("third harmonic", 0.5, 0.1)}
"""Name of a multiple, and its plausibility with and without a line at the Larmor frequency."""


@dataclass(frozen=True, slots=True)
class Expected:
    """A line that a nucleus may give.

    Attributes
    ----------
    isotope : str
        Of the nucleus.
    kind : str
        "Larmor", "|nu_I + A/2|", "|nu_I - A/2|", "sum", "double Larmor", "third harmonic",
        "ENDOR, mS = -1/2" and the like.
    low_MHz, high_MHz : float
        Range over directions; the same where there is none.
    plausibility : float
        0 to 1, from abundance and kind.
    is_single : bool
        Whether it can be only one of the lines.
    is_loose : bool
        Whether a distance within the tolerance tells nothing, as in a pair, whose middle
        anisotropy, second order and unresolved isotopes shift.
    """

    isotope: str
    kind: str
    low_MHz: float
    high_MHz: float
    plausibility: float
    is_single: bool = True
    is_loose: bool = False

    def nearest(self, frequency_MHz: float) -> float:
        """Frequency within the range that is nearest to another."""
        return min(max(frequency_MHz, self.low_MHz), self.high_MHz)


@dataclass(frozen=True, slots=True)
class Coupling:
    """A hyperfine coupling that follows from lines.

    Attributes
    ----------
    isotope : str
        Of the nucleus.
    a_MHz : float
        Isotropic or along the field; its sign is known only where the system's own was fitted.
    error_MHz : float
        Standard error; without errors of the lines, from the tolerance.
    lines_MHz : tuple of float
        Those that it follows from.
    misfit_MHz : float
        Of the middle of a weak pair, or of half the distance of a strong one, from the Larmor
        frequency; otherwise the largest distance of a line from where it is expected.
    way : str
        "weak pair" for ``|A| < 2 nu_I``, "strong pair" for ``|A| > 2 nu_I``, "diagonalisation".
    """

    isotope: str
    a_MHz: float
    error_MHz: float
    lines_MHz: tuple[float, ...]
    misfit_MHz: float
    way: str


@dataclass(frozen=True, slots=True)
class Sample:
    """What a spectrum may show.

    Attributes
    ----------
    field_mT : float
        Magnetic field.
    isotopes : tuple of Isotope
        Those looked for, the most expected first.
    abundances : tuple of float
        Of each, 0 to 1.
    couplings_MHz : mapping
        By isotope.
    system : SpinSystem or None
        Its nuclei are diagonalised exactly.
    """

    field_mT: float
    isotopes: tuple[Isotope, ...]
    abundances: tuple[float, ...]
    couplings_MHz: Couplings
    system: SpinSystem | None

    def larmor_MHz(self, name: str) -> float:
        """Larmor frequency of an isotope."""
        return isotope(name).larmor_MHz(1e-3 * self.field_mT)

    def share(self, name: str) -> float:
        """Abundance of an isotope; 1 of one that is only in the system."""
        names = [one.name for one in self.isotopes]
        return self.abundances[names.index(name)] if name in names else 1.0

    @property
    def places(self) -> tuple[int, ...]:
        """Of nuclei with a coupling in the system."""
        nuclei = self.system.nuclei if self.system is not None else ()
        return tuple(k for k, one in enumerate(nuclei) if any(principal_values(one.a_MHz, "a_MHz")))


def list_expected(
    sample: Sample, seen_MHz: Sequence[float], tolerance_MHz: float
) -> list[Expected]:
    """All lines that the nuclei of a sample may give.

    Parameters
    ----------
    sample : Sample
        Nuclei and field.
    seen_MHz : sequence of float
        Lines that were seen: a harmonic is more likely where the Larmor frequency is among them.
    tolerance_MHz : float
        Within which it is.
    """
    found = [
        Expected(line.isotope, f"ENDOR, {line.name}", *_ends(line), _weigh(line), False)
        for place in sample.places
        for line in endor_lines(_require(sample), sample.field_mT, nucleus=place)
    ]
    for kind, share in zip(sample.isotopes, sample.abundances, strict=True):
        larmor = sample.larmor_MHz(kind.name)
        is_seen = any(abs(one - larmor) <= tolerance_MHz for one in seen_MHz)
        strong = _is_strong(sample, kind.name, larmor)
        found.append(
            Expected(kind.name, "Larmor", larmor, larmor, share * (_REMOTE if strong else 1.0))
        )
        for times, (name, with_it, without) in _HARMONICS.items():
            likely = share * (with_it if is_seen else without)
            found.append(Expected(kind.name, name, times * larmor, times * larmor, likely))
        found += list(_expect_coupled(sample, kind, share, larmor))
    return found


def _require(sample: Sample) -> SpinSystem:
    return sample.system or SpinSystem()


def _ends(line: EndorLine) -> tuple[float, float]:
    return line.low_MHz, line.high_MHz


def _weigh(line: EndorLine) -> float:
    return 1.0 if abs(line.ms) < 1 else _OUTER


def _is_strong(sample: Sample, name: str, larmor_MHz: float) -> bool:
    values = [principal_values(sample.couplings_MHz.get(name, 0.0), "couplings_MHz")]
    if sample.system is not None:
        both = zip(sample.system.isotopes, sample.system.nuclei, strict=True)
        values += [principal_values(one.a_MHz, "a_MHz") for kind, one in both if kind.name == name]
    return max(float(abs(one).max()) for one in values) > 2 * larmor_MHz


def _expect_coupled(
    sample: Sample, kind: Isotope, share: float, larmor_MHz: float
) -> Iterator[Expected]:
    """Lines of a nucleus whose coupling was given, by exact diagonalisation."""
    coupling = sample.couplings_MHz.get(kind.name)
    if coupling is None:
        return
    value = float(coupling) if isinstance(coupling, int | float) else tuple(map(float, coupling))
    host = replace(_require(sample), nuclei=[Nucleus(kind.name, value)], _isotopes=())
    lines = endor_lines(host, sample.field_mT)
    for line in lines:
        likely = share * _weigh(line)
        label = _name_manifold(line, lines)
        yield Expected(kind.name, label, *_ends(line), likely, kind.spin == 0.5)
    inner = [line for line in lines if abs(line.ms) < 1]
    if len(inner) == 2 and _is_strong(sample, kind.name, larmor_MHz):
        low, high = (sum(_ends(line)[k] for line in inner) for k in (0, 1))
        yield Expected(kind.name, "sum", low, high, share * _OUTER)


def _name_manifold(line: EndorLine, lines: Sequence[EndorLine]) -> str:
    """As in "|nu_I + 3A/2|", where A is taken as positive."""
    others = [one.frequency_MHz for one in lines if one.ms == -line.ms]
    sign = "+" if not others or line.frequency_MHz > sum(others) / len(others) else "-"
    times = abs(Fraction(2 * line.ms))
    whole, half = divmod(times, 2)
    size = f"{'' if times == 1 else times}A/2" if half else f"{'' if whole == 1 else whole}A"
    return f"|nu_I {sign} {size}|" if times else "|nu_I|"


def find_pairs(
    seen_MHz: Sequence[float],
    errors_MHz: Sequence[float],
    sample: Sample,
    tolerance_MHz: float,
) -> list[tuple[Coupling, tuple[Expected, Expected]]]:
    """Pairs of lines that a coupling of one nucleus makes, and where it would have them.

    Notes
    -----
    For |A| < 2 nu_I lines are at nu_I -/+ A/2, otherwise at A/2 -/+ nu_I. Lines nearer to each
    other than twice the tolerance are not looked at as a pair: they may be one. A Larmor frequency
    and its third multiple look like a pair with A = 4 nu_I, so such pairs count for less.
    """
    explained = _list_multiples(sample, seen_MHz, tolerance_MHz)
    is_explained = [any(abs(line - one) <= tolerance_MHz for one in explained) for line in seen_MHz]
    order = sorted(range(len(seen_MHz)), key=lambda k: seen_MHz[k])
    found = []
    for j, k in itertools.combinations(order, 2):
        lines = seen_MHz[j], seen_MHz[k]
        if lines[1] - lines[0] <= 2 * tolerance_MHz:
            continue
        error = float((errors_MHz[j] ** 2 + errors_MHz[k] ** 2) ** 0.5)
        factor = _PAIR * (_EXPLAINED if is_explained[j] or is_explained[k] else 1.0)
        for kind, share in zip(sample.isotopes, sample.abundances, strict=True):
            larmor = sample.larmor_MHz(kind.name)
            for way, a, misfit in _read_pair(lines, larmor):
                if abs(misfit) <= tolerance_MHz:
                    coupling = Coupling(kind.name, a, error, lines, misfit, way)
                    found.append((coupling, _expect_pair(coupling, larmor, share * factor)))
    return found


def _list_multiples(sample: Sample, seen_MHz: Sequence[float], tolerance_MHz: float) -> list[float]:
    """Larmor frequencies, and multiples of those that were seen."""
    found = []
    for kind in sample.isotopes:
        larmor = sample.larmor_MHz(kind.name)
        is_seen = any(abs(one - larmor) <= tolerance_MHz for one in seen_MHz)
        found += [larmor, *(times * larmor for times in _HARMONICS if is_seen)]
    return found


def _read_pair(lines_MHz: tuple[float, float], larmor_MHz: float) -> list[tuple[str, float, float]]:
    """Way, coupling and misfit of two lines read as a weak and as a strong pair."""
    low, high = lines_MHz
    return [
        ("weak pair", high - low, (high + low) / 2 - larmor_MHz),
        ("strong pair", high + low, (high - low) / 2 - larmor_MHz),
    ]


def _expect_pair(
    coupling: Coupling, larmor_MHz: float, plausibility: float
) -> tuple[Expected, Expected]:
    low, high = abs(larmor_MHz - coupling.a_MHz / 2), larmor_MHz + coupling.a_MHz / 2
    return (
        Expected(coupling.isotope, HALVES[0], low, low, plausibility, False, True),
        Expected(coupling.isotope, HALVES[1], high, high, plausibility, False, True),
    )
