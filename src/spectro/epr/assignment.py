"""Lines with what they may be, and how to say it."""

from collections.abc import Sequence
from dataclasses import dataclass

from spectro.epr.candidates import Coupling, Sample
from spectro.isotopes import isotope

COMPARABLE = 0.5
"""Of the best score, above which a second candidate makes a line ambiguous."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a line may be.

    Attributes
    ----------
    isotope : str
        Nucleus.
    kind : str
        Transition, as in "Larmor" or ``"|nu_I + A/2|"``.
    predicted_MHz : float
        Where it is expected.
    distance_MHz : float
        Of the line from there, with its sign.
    score : float
        By which candidates are ranked; see `assign_lines`.
    """

    isotope: str
    kind: str
    predicted_MHz: float
    distance_MHz: float
    score: float

    @property
    def name(self) -> str:
        """As in "113Cd Larmor"."""
        return f"{self.isotope} {self.kind}"


@dataclass(frozen=True, slots=True)
class AssignedLine:
    """A line and what it may be.

    Attributes
    ----------
    frequency_MHz : float
        Where it was seen.
    candidates : tuple of Candidate
        The likeliest first; empty where nothing is expected within the tolerance.
    nearest : str
        What is expected nearest to a line without candidates, and how far from it.
    """

    frequency_MHz: float
    candidates: tuple[Candidate, ...]
    nearest: str = ""

    @property
    def comparable(self) -> tuple[Candidate, ...]:
        """Candidates that the line does not tell apart."""
        best = max((one.score for one in self.candidates), default=0.0)
        return tuple(one for one in self.candidates if one.score >= COMPARABLE * best)

    @property
    def is_ambiguous(self) -> bool:
        """Whether there is more than one of those."""
        return len(self.comparable) > 1

    @property
    def isotope(self) -> str:
        """Of the first candidate; "" where there is none."""
        return self.candidates[0].isotope if self.candidates else ""

    @property
    def kind(self) -> str:
        """Of the first candidate; "" where there is none."""
        return self.candidates[0].kind if self.candidates else ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Lines with their candidates, and couplings that follow.

    Attributes
    ----------
    field_mT : float
        At which they were recorded.
    tolerance_MHz : float
        Within which they were sought.
    lines : tuple of AssignedLine
        In the order in which they were given.
    couplings : tuple of Coupling
        Of pairs about a Larmor frequency, and of nuclei that were diagonalised; only those whose
        lines have no better assignment.
    statements : tuple of str
        A sentence for each line and each coupling.
    """

    field_mT: float
    tolerance_MHz: float
    lines: tuple[AssignedLine, ...]
    couplings: tuple[Coupling, ...]
    statements: tuple[str, ...]


def say_line(line: AssignedLine, tolerance_MHz: float) -> str:
    """What a line is, or may be."""
    start = f"{line.frequency_MHz:.2f} MHz:"
    if not line.candidates:
        return (
            f"{start} not assigned; nothing is expected within {tolerance_MHz:g} MHz, and nearest "
            f"to it is {line.nearest}."
        )
    names = [
        f"{one.name} (expected at {one.predicted_MHz:.2f} MHz, {one.distance_MHz:+.2f})"
        for one in line.comparable
    ]
    if not line.is_ambiguous:
        return f"{start} {names[0]}."
    return f"{start} ambiguous: {' or '.join(names)}."


def say_coupling(one: Coupling, couplings: Sequence[Coupling], sample: Sample) -> str:
    """What a coupling follows from."""
    lines = " and ".join(f"{frequency:.2f}" for frequency in one.lines_MHz)
    size = f"{abs(one.a_MHz):.2f} +/- {one.error_MHz:.2f} MHz"
    if one.way == "diagonalisation":
        return (
            f"{one.isotope}: by diagonalisation, A = {one.a_MHz:.1f} +/- {one.error_MHz:.1f} MHz "
            f"from {lines} MHz, with a misfit of at most {abs(one.misfit_MHz):.2f} MHz."
        )
    middle = "middle" if one.way == "weak pair" else "half distance"
    text = (
        f"{one.isotope}: the lines at {lines} MHz are a pair with |A| = {size}, "
        f"whose {middle} is {one.misfit_MHz:+.2f} MHz from the Larmor "
        f"frequency of {sample.larmor_MHz(one.isotope):.2f} MHz"
    )
    return f"{text}{_say_mixture(one, couplings, sample)}."


def _say_mixture(one: Coupling, couplings: Sequence[Coupling], sample: Sample) -> str:
    """What isotopes of one element would give together that share the lines."""
    element = isotope(one.isotope).element
    alike = [
        other.isotope
        for other in couplings
        if other.lines_MHz == one.lines_MHz and isotope(other.isotope).element == element
    ]
    total = sum(sample.share(name) for name in alike)
    if len(alike) < 2 or total <= 0:
        return ""
    mean = sum(sample.share(name) * sample.larmor_MHz(name) for name in alike) / total
    return f"; {' and '.join(alike)}, not resolved, would have it at {mean:.2f} MHz"
