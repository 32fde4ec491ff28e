"""Which nuclei the lines of ESEEM and ENDOR spectra belong to, and what they say of couplings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import exp

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectro.epr.assignment import (
    AssignedLine,
    Assignment,
    Candidate,
    say_coupling,
    say_line,
)
from spectro.epr.candidates import (
    HALVES,
    Coupling,
    Couplings,
    Expected,
    Sample,
    find_pairs,
    list_expected,
)
from spectro.epr.endor import EndorLine, endor_lines
from spectro.epr.peaks import Peaks
from spectro.epr.spin_system import SpinSystem, principal_values
from spectro.isotopes import isotope
from spectro.model import InputError

Array = NDArray[np.float64]

_ALIKE = 0.9
"""Of the best score, above which candidates stand in the order in which nuclei were given."""

_CLAIMED = 0.5
"""Of a line that is expected once and fits another of the lines better."""

_N_REFINEMENTS = 3
_STEP = 1e-3  # of a coupling


def assign_lines(
    frequency_MHz: ArrayLike | Peaks,
    *,
    field_mT: float,
    nuclei: Sequence[str] | Mapping[str, float] = ("113Cd", "111Cd", "1H", "55Mn"),
    couplings_MHz: Couplings | None = None,
    tolerance_MHz: float = 0.3,
    system: SpinSystem | None = None,
) -> Assignment:
    """Nuclei and transitions that lines may belong to, ranked.

    Parameters
    ----------
    frequency_MHz : (N,) array or Peaks
        Lines; the errors of peaks go into those of couplings. A frequency that is given again is
        the same line, with the least of its errors.
    field_mT : float
        Magnetic field.
    nuclei : sequence of str, or mapping of str to float, optional
        Isotopes looked for, the most expected first: candidates that are as good as equal stand in
        this order. A mapping gives the abundance of each, 0 to 1, where it is not the natural one.
    couplings_MHz : mapping, optional
        Hyperfine couplings by isotope: one number; or perpendicular and parallel ones. Other
        isotopes of the same element among the nuclei have theirs in the ratio of their moments.
    tolerance_MHz : float, optional
        Farthest that a line is from where it is expected.
    system : SpinSystem, optional
        Its nuclei are diagonalised exactly, as those that are coupled strongly must be; its
        electron spin is that of all nuclei. Without, the electron spin is 1/2.

    Raises
    ------
    InputError
        If frequencies, field or tolerance are not above 0, or a nucleus is not known.

    Notes
    -----
    A candidate's score is exp(-(d/tolerance)^2) times the abundance and a plausibility: 1 for
    Larmor frequencies and known couplings in the manifolds mS = +/-1/2, 0.6 for pairs about a
    Larmor frequency with no coupling given, 0.5 for multiples of a Larmor frequency that is seen
    itself and 0.1 to 0.2 otherwise, 0.3 for other manifolds and for sums. It is halved where
    another line is nearer to what is expected once. The distance does not count for pairs found
    without a coupling: anisotropy, second order and unresolved isotopes shift their middle.
    Candidates with half of the best score or more make a line ambiguous; those with 0.9 of it or
    more are as good as equal. These weights rank; they are no probabilities.
    """
    seen, errors = _read_lines(frequency_MHz, tolerance_MHz)
    sample = _describe(field_mT, nuclei, couplings_MHz or {}, system)
    expected = list_expected(sample, seen, tolerance_MHz)
    pairs = find_pairs(seen, errors, sample, tolerance_MHz)
    order = [one.name for one in sample.isotopes]
    lines = []
    for frequency in seen:
        own = [one for coupling, both in pairs for one in _pick(frequency, coupling, both)]
        candidates = _rank(frequency, [*expected, *own], seen, tolerance_MHz)
        lines.append(_arrange(frequency, candidates, order, expected))
    couplings = [coupling for coupling, _ in pairs if _is_kept(coupling, lines)]
    couplings += _refine(lines, dict(zip(seen, errors, strict=True)), sample)
    statements = [say_line(line, tolerance_MHz) for line in lines]
    statements += [say_coupling(one, couplings, sample) for one in couplings]
    return Assignment(field_mT, tolerance_MHz, tuple(lines), tuple(couplings), tuple(statements))


def _read_lines(
    frequency_MHz: ArrayLike | Peaks, tolerance_MHz: float
) -> tuple[list[float], list[float]]:
    peaks = frequency_MHz if isinstance(frequency_MHz, Peaks) else None
    values = frequency_MHz if peaks is None else peaks.frequency_MHz
    seen = np.atleast_1d(np.asarray(values, float))
    if seen.ndim != 1 or not (np.isfinite(seen).all() and (seen > 0).all()):
        raise InputError(f"Expected frequencies above 0 MHz, got {values}.")
    if not (tolerance_MHz > 0 and np.isfinite(tolerance_MHz)):
        raise InputError(f"Expected a tolerance above 0 MHz, got {tolerance_MHz}.")
    errors = np.full(len(seen), tolerance_MHz) if peaks is None else peaks.error_MHz
    least: dict[float, float] = {}
    for one, error in zip(seen.tolist(), errors.tolist(), strict=True):
        least[one] = min(error, least.get(one, error))
    return list(least), list(least.values())


def _describe(
    field_mT: float,
    nuclei: Sequence[str] | Mapping[str, float],
    couplings_MHz: Couplings,
    system: SpinSystem | None,
) -> Sample:
    if not (field_mT > 0 and np.isfinite(field_mT)):
        raise InputError(f"Expected a field above 0 mT, got {field_mT}.")
    isotopes = tuple(isotope(name) for name in nuclei)
    shares = tuple(nuclei.values()) if isinstance(nuclei, Mapping) else None
    abundances = shares or tuple(one.abundance for one in isotopes)
    if not all(0 <= one <= 1 for one in abundances):
        raise InputError(f"Expected abundances of 0 to 1, got {abundances}.")
    given = {isotope(name).name: value for name, value in couplings_MHz.items()}
    for name, value in tuple(given.items()):
        for one in isotopes:
            if one.element == isotope(name).element and one.name not in given:
                scale = one.frequency_ratio / isotope(name).frequency_ratio
                given[one.name] = tuple(scale * principal_values(value, "couplings_MHz"))
    missing = [isotope(name) for name in given if name not in [one.name for one in isotopes]]
    return Sample(
        field_mT,
        (*isotopes, *missing),
        (*abundances, *(one.abundance for one in missing)),
        given,
        system,
    )


def _pick(
    frequency_MHz: float, coupling: Coupling, both: tuple[Expected, Expected]
) -> list[Expected]:
    """Line of a pair that a frequency is, if it is one."""
    lines = coupling.lines_MHz
    return [one for one, line in zip(both, lines, strict=True) if line == frequency_MHz]


def _rank(
    frequency_MHz: float,
    expected: Sequence[Expected],
    seen_MHz: Sequence[float],
    tolerance_MHz: float,
) -> list[Candidate]:
    """Candidates within the tolerance, each isotope and kind once, the highest score first."""
    best: dict[tuple[str, str], Candidate] = {}
    for one in expected:
        nearest = one.nearest(frequency_MHz)
        distance = frequency_MHz - nearest
        if abs(distance) > tolerance_MHz:
            continue
        score = one.plausibility
        if not one.is_loose:
            score *= exp(-((distance / tolerance_MHz) ** 2))
        if one.is_single and any(abs(k - one.nearest(k)) < abs(distance) for k in seen_MHz):
            score *= _CLAIMED
        key = (one.isotope, one.kind)
        if key not in best or score > best[key].score:
            best[key] = Candidate(one.isotope, one.kind, nearest, distance, score)
    return sorted(best.values(), key=lambda one: -one.score)


def _arrange(
    frequency_MHz: float,
    candidates: list[Candidate],
    order: Sequence[str],
    expected: Sequence[Expected],
) -> AssignedLine:
    """Line with its candidates, those as good as equal in the order of the nuclei."""
    if not candidates:
        near = min(expected, key=lambda one: abs(frequency_MHz - one.nearest(frequency_MHz)))
        at = near.nearest(frequency_MHz)
        text = f"{near.isotope} {near.kind} at {at:.2f} MHz, {abs(frequency_MHz - at):.2f} MHz away"
        return AssignedLine(frequency_MHz, (), text)
    limit = _ALIKE * candidates[0].score
    rank = {name: place for place, name in enumerate(order)}
    alike = [one for one in candidates if one.score >= limit]
    alike.sort(key=lambda one: (rank.get(one.isotope, len(rank)), -one.score))
    return AssignedLine(frequency_MHz, (*alike, *candidates[len(alike) :]))


def _is_kept(coupling: Coupling, lines: Sequence[AssignedLine]) -> bool:
    """Whether both lines of a pair may well be lines of its nucleus."""
    return all(
        any(one.isotope == coupling.isotope and one.kind == half for one in line.comparable)
        for half, frequency in zip(HALVES, coupling.lines_MHz, strict=True)
        for line in lines
        if line.frequency_MHz == frequency
    )


def _refine(
    lines: Sequence[AssignedLine], errors_MHz: Mapping[float, float], sample: Sample
) -> list[Coupling]:
    """Couplings with which the nuclei of the system fit the lines that were assigned to them."""
    if sample.system is None:
        return []
    names = [kind.name for kind in sample.system.isotopes]
    found = []
    for place in sample.places:
        mine = [
            (line.frequency_MHz, line.kind.removeprefix("ENDOR, "))
            for line in lines
            if line.isotope == names[place] and line.kind.startswith("ENDOR, ")
        ]
        if mine and names.count(names[place]) == 1:
            found.append(_fit_coupling(sample.system, place, mine, errors_MHz, sample.field_mT))
    return found


def _fit_coupling(
    system: SpinSystem,
    place: int,
    lines: Sequence[tuple[float, str]],
    errors_MHz: Mapping[float, float],
    field_mT: float,
) -> Coupling:
    """Coupling by which the mean line of each manifold is where it was seen (Gauss and Newton)."""
    nucleus, name = system.nuclei[place], system.isotopes[place].name
    start = principal_values(nucleus.a_MHz, "a_MHz")
    frequencies = tuple(frequency for frequency, _ in lines)
    seen = np.array(frequencies)
    weights = np.array([max(errors_MHz[one], 1e-9) ** -2 for one in frequencies])

    def predict(factor: float) -> Array:
        scaled = replace(nucleus, name=name, a_MHz=tuple(factor * start))
        alone = replace(system, nuclei=[scaled], _isotopes=())
        means = _average_manifolds(endor_lines(alone, field_mT, weakest=0.0))
        return np.array([means[manifold] for _, manifold in lines])

    factor = 1.0
    for _ in range(_N_REFINEMENTS):
        here = predict(factor)
        slope = (predict(factor + _STEP) - here) / _STEP
        precision = float((weights * slope) @ slope)
        factor += float((weights * slope) @ (seen - here)) / precision
    misfit = seen - predict(factor)
    worst = float(misfit[np.abs(misfit).argmax()])
    a_MHz = float(start.mean())
    error = abs(a_MHz) * precision**-0.5
    return Coupling(name, factor * a_MHz, error, frequencies, worst, "diagonalisation")


def _average_manifolds(lines: Sequence[EndorLine]) -> dict[str, float]:
    """Mean frequency of each manifold, weighted by intensity."""
    means = {}
    for manifold in dict.fromkeys(line.name for line in lines):
        own = [line for line in lines if line.name == manifold]
        total = sum(line.intensity for line in own)
        means[manifold] = sum(line.intensity * line.frequency_MHz for line in own) / total
    return means
