"""Which elements a sum spectrum shows: peaks, the lines that explain them, and artefacts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement, pairwise

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.core.xray import EnergyAxis, XrayLine, compute_fwhm_keV, compute_noise_end_keV

_MIN_SIGNIFICANCE = 5.0
_SHAPE_ERROR = 0.05  # of a peak's height: lines are no perfect Gaussians, nor calibrations exact
_MAX_ELEMENTS, _N_LEADING = 25, 4  # of the strongest the calibration is found
_ALIKE = 0.93  # explanations of a peak that cannot be told apart
_ESCAPE_KEV, _SILICON_EDGE_KEV = 1.7397, 1.84  # Si Ka, which a detector of silicon may lose
_SOFTEST_KEV, _HARDEST_KEV = 0.25, 17.0
_SHIFTS_KEV = tuple(np.linspace(-0.06, 0.06, 7))
_WIDENINGS_KEV = (0.0, 0.04, 0.08)
_UNUSUAL = frozenset("He Ne Kr Xe Rn Tc Pm Po At Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm".split())
ARTEFACTS: Mapping[str, str] = {
    "C": "film, embedding or contamination",
    "Si": "detector, or a silicon nitride film",
    "Cu": "grid or holder",
    "Ni": "grid",
    "Au": "grid",
    "Mo": "grid or clamp",
    "Al": "holder or grid",
    "Fe": "pole piece",
    "Co": "pole piece",
    "Be": "holder",
}
"""Elements that a microscope adds to a spectrum, and from where."""


@dataclass(frozen=True, slots=True)
class ElementProposal:
    """An element that a spectrum shows.

    Attributes
    ----------
    line : XrayLine
        Its strongest line there.
    counts : float
        Net counts of that line's family.
    significance : float
        Counts over their standard error.
    artefact : str
        Where it may come from if not from the sample; empty where nothing is known.
    alternatives : tuple of str
        Lines of other elements at the same energy, as in "Mo La".
    """

    line: XrayLine
    counts: float
    significance: float
    artefact: str = ""
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SpectrumReading:
    """What a sum spectrum shows.

    Attributes
    ----------
    proposals : tuple of ElementProposal
        Elements by falling counts.
    line_counts : tuple of (XrayLine, float)
        Every line of those elements, and its counts.
    shift_keV, widening_keV : float
        By how much the lines lie above their tabulated energies and, added in squares, how much
        wider they are than the detector's resolution.
    """

    proposals: tuple[ElementProposal, ...] = ()
    line_counts: tuple[tuple[XrayLine, float], ...] = ()
    shift_keV: float = 0.0
    widening_keV: float = 0.0

    @property
    def elements(self) -> tuple[str, ...]:
        """Elements that are no work of the detector, by falling counts."""
        return tuple(one.line.element for one in self.proposals if " peak of " not in one.artefact)


def propose_elements(
    spectrum: NDArray[np.generic],
    axis: EnergyAxis,
    lines: Mapping[str, Sequence[XrayLine]],
    *,
    fwhm_mn_ka_eV: float = 130.0,
    beam_keV: float = 200.0,
    calibrated: SpectrumReading | None = None,
) -> SpectrumReading:
    """Elements that explain the peaks of a sum spectrum.

    Parameters
    ----------
    spectrum : (E,) array
        Counts.
    axis : EnergyAxis
        Energy of the channels.
    lines : mapping of str to sequence of XrayLine
        Every line of every element that may be there.
    fwhm_mn_ka_eV : float, optional
        Resolution of the detector at Mn Ka.
    beam_keV : float, optional
        Energy of the electrons; a shell is expected to show up to 1 / 1.8 of it.
    calibrated : SpectrumReading, optional
        Reading of a part of the same counts, whose calibration is taken over.

    Returns
    -------
    SpectrumReading
        Elements whose hardest line up to 17 keV stands at least five standard errors above its
        background, and the error of the energy calibration.

    Notes
    -----
    A top-hat filter as wide as a line removes the slowly varying background [1]_. Element by
    element, the one whose hardest filtered line explains most of what is left joins a fit by
    least squares in which the K, L and M family of an element are free and none is negative.
    Errors are those of counting where there is background only, plus five per cent of the peaks
    found, because lines are no perfect Gaussians. All this is done for lines moved by up to 60 eV
    and widened by up to 80 eV, and what suits the four leading elements best is taken. Nothing is
    looked for below twice the width of the noise peak at 0 keV.

    References
    ----------
    .. [1] F. H. Schamber, in X-ray Fluorescence Analysis of Environmental Samples, ed. T. G.
       Dzubay, Ann Arbor Science, 1977, p. 241.
    """
    counts = np.nan_to_num(np.asarray(spectrum, dtype=np.float64))
    if counts.sum() <= 0:
        return SpectrumReading()
    usual = {symbol: found for symbol, found in lines.items() if symbol not in _UNUSUAL}
    tophat = _TopHat(axis, fwhm_mn_ka_eV)
    data = _Filtered(tophat.filter(counts), np.sqrt(tophat.null_variance(counts)))
    ceiling_keV = min(_HARDEST_KEV, beam_keV / 1.8)
    if not np.any(data.counts > 2 * data.sigma):
        return SpectrumReading()
    if calibrated is not None and calibrated.proposals:
        shift, widening = calibrated.shift_keV, calibrated.widening_keV
    else:
        shift, widening = _calibrate(
            data, lambda w: _list_families(usual, tophat, w, ceiling_keV), axis
        )
    families = _list_families(usual, tophat, widening, ceiling_keV)
    if not families:
        return SpectrumReading()
    fit = _fit(data, families, _move(families, shift, axis), _MAX_ELEMENTS)
    shift = round(shift / axis.step_keV) * axis.step_keV
    best: dict[str, ElementProposal] = {}
    for index in fit.chosen:
        if not families[index].is_primary or fit.significance[index] < _MIN_SIGNIFICANCE:
            continue
        symbol = families[index].strongest.element
        kin = [i for i in fit.chosen if families[i].strongest.element == symbol]
        strongest = max(kin, key=lambda i: fit.amplitude[i])
        best[symbol] = ElementProposal(
            line=families[strongest].strongest,
            counts=fit.amplitude[strongest],
            significance=fit.significance[index],
            artefact=ARTEFACTS.get(symbol, ""),
            alternatives=_list_alternatives(families[index].strongest, usual, fwhm_mn_ka_eV),
        )
    found = sorted(best.values(), key=lambda one: -one.counts)
    counts_of = [
        (line, fit.amplitude[i] * line.weight)
        for i in fit.chosen
        if families[i].strongest.element in best
        for line in families[i].members
    ]
    return SpectrumReading(
        proposals=tuple(_mark_ghosts(found, fwhm_mn_ka_eV)),
        line_counts=tuple(counts_of),
        shift_keV=shift if found else 0.0,
        widening_keV=widening if found else 0.0,
    )


@dataclass(frozen=True, slots=True)
class _Filtered:
    """Filtered counts (E,) and their errors where there is no line."""

    counts: NDArray[np.float64]
    sigma: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Family:
    """Lines of one shell of an element, and their filtered shape for one count of the strongest."""

    strongest: XrayLine
    members: tuple[XrayLine, ...]
    shape: NDArray[np.float32]
    is_primary: bool


@dataclass(frozen=True, slots=True)
class _Fit:
    """Chosen families, what each holds, and how badly all of them together fit."""

    chosen: list[int]
    amplitude: dict[int, float]
    significance: dict[int, float]
    cost: float


class _TopHat:
    """Filter whose width follows the detector's resolution; it sums to zero on straight lines."""

    def __init__(self, axis: EnergyAxis, fwhm_mn_ka_eV: float) -> None:
        self.axis, self.fwhm_mn_ka_eV = axis, fwhm_mn_ka_eV
        energy_keV = axis.to_keV()
        self.floor_keV = compute_noise_end_keV(fwhm_mn_ka_eV)
        fwhm = np.array([compute_fwhm_keV(e, fwhm_mn_ka_eV) for e in energy_keV])
        self.above_noise = energy_keV >= self.floor_keV
        self.half = np.maximum(np.round(0.5 * fwhm / axis.step_keV).astype(int), 1)
        self.wing = np.maximum(np.round(0.75 * fwhm / axis.step_keV).astype(int), 1)

    def _sums(self, counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        n = counts.shape[-1]
        total = np.zeros((*counts.shape[:-1], n + 1))
        np.cumsum(counts, axis=-1, out=total[..., 1:])
        i = np.arange(n)
        edges = [
            np.clip(edge, 0, n)
            for edge in (
                i - self.half - self.wing,
                i - self.half,
                i + self.half + 1,
                i + self.half + 1 + self.wing,
            )
        ]
        below, middle, above = (total[..., b] - total[..., a] for a, b in pairwise(edges))
        usable = self.above_noise & (edges[3] - edges[2] == self.wing)
        return below, middle, above, usable & (edges[1] - edges[0] == self.wing)

    def filter(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Counts (..., E) in the middle less the scaled wings; 0 where the spectrum ends."""
        below, middle, above, usable = self._sums(counts)
        scale = (2 * self.half + 1) / (2 * self.wing)
        return np.where(usable, middle - scale * (below + above), 0.0)

    def null_variance(self, counts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Variance (E,) that the filtered counts would have without a line.

        Neighbouring channels share their counts, so it is enlarged by their number: sums of
        squares over channels then count every X-ray about once.
        """
        below, _, above, _ = self._sums(np.maximum(counts, 0))
        width = 2 * self.half + 1
        scale = width / (2 * self.wing)
        return np.asarray((scale * (1 + scale) * (below + above) + 1) * width)


def _list_families(
    lines: Mapping[str, Sequence[XrayLine]],
    tophat: _TopHat,
    widening_keV: float,
    ceiling_keV: float,
) -> list[_Family]:
    """Families that the spectrum covers; an element is known by its hardest up to the ceiling."""
    found: list[tuple[XrayLine, tuple[XrayLine, ...], bool]] = []
    low, high = max(_SOFTEST_KEV, tophat.floor_keV), tophat.axis.end_keV
    for known in lines.values():
        alphas = [x for x in known if x.name in ("Ka", "La", "Ma") and low < x.energy_keV < high]
        soft = [x for x in alphas if x.energy_keV < ceiling_keV]
        primary = max(soft, key=lambda line: line.energy_keV, default=None)
        for alpha in soft:
            members = tuple(x for x in known if x.name[0] == alpha.name[0])
            found.append((alpha, members, alpha is primary))
    if not found:
        return []
    drawn = np.stack([_draw(members, tophat, widening_keV) for _, members, _ in found])
    shapes = tophat.filter(drawn).astype(np.float32)
    return [
        _Family(alpha, members, shape, is_primary)
        for (alpha, members, is_primary), shape in zip(found, shapes, strict=True)
    ]


def _calibrate(
    data: _Filtered, list_families: Callable[[float], list[_Family]], axis: EnergyAxis
) -> tuple[float, float]:
    """Shift and widening in keV that suit the leading elements best: first one, then the other."""

    def cost(families: list[_Family], shift: float) -> float:
        return _fit(data, families, _move(families, shift, axis), _N_LEADING).cost

    families = list_families(_WIDENINGS_KEV[1])
    if not families:
        return 0.0, 0.0
    shift = min(sorted(_SHIFTS_KEV, key=abs), key=lambda one: cost(families, one))
    widening = min(_WIDENINGS_KEV, key=lambda one: cost(list_families(one), shift))
    return shift, widening


def _move(families: Sequence[_Family], shift_keV: float, axis: EnergyAxis) -> NDArray[np.float32]:
    """Shapes (N, E) of families whose lines lie off their energies."""
    channels = round(shift_keV / axis.step_keV)
    return np.roll(np.array([family.shape for family in families]), channels, axis=1)


def _draw(lines: Sequence[XrayLine], tophat: _TopHat, widening_keV: float) -> NDArray[np.float64]:
    """Spectrum (E,) of lines by their weights and their escape peaks, for one count at weight 1."""
    axis = tophat.axis
    energy = axis.to_keV()
    drawn = np.zeros_like(energy)
    for at_keV, weight in _with_escape_peaks(lines):
        fwhm = np.hypot(compute_fwhm_keV(at_keV, tophat.fwhm_mn_ka_eV), widening_keV)
        near = slice(*axis.to_range(at_keV - 2 * fwhm, at_keV + 2 * fwhm))
        z = (energy[near] - at_keV) / fwhm
        drawn[near] += weight / fwhm * np.exp(-4 * np.log(2) * z * z)
    return np.asarray(drawn * axis.step_keV * np.sqrt(4 * np.log(2) / np.pi))


def _with_escape_peaks(lines: Sequence[XrayLine]) -> Iterator[tuple[float, float]]:
    """Energies and weights of lines, and of those that lose a Si K X-ray in the detector.

    The share that escapes falls about as 1 / E, from 2 % above silicon's edge.
    """
    for line in lines:
        yield line.energy_keV, line.weight
        if line.energy_keV > _SILICON_EDGE_KEV:
            yield line.energy_keV - _ESCAPE_KEV, line.weight * 0.036 / line.energy_keV


def _fit(
    data: _Filtered, families: Sequence[_Family], shapes: NDArray[np.float32], n_elements: int
) -> _Fit:
    """Families of at most `n_elements` whose `shapes` together explain the filtered counts."""
    primary = np.array([family.is_primary for family in families])
    chosen: list[int] = []
    residual, error = data.counts, data.sigma
    amplitudes = np.zeros(0)
    for _ in range(n_elements):
        weight = 1 / np.square(error)
        norm = np.sqrt(np.einsum("fe,fe,e->f", shapes, shapes, weight))
        gains = shapes @ (residual * weight) / np.maximum(norm, 1e-30)
        gains[~primary] = 0
        gains[chosen] = 0
        if gains.max(initial=0.0) < _MIN_SIGNIFICANCE:
            break
        alike = np.flatnonzero(gains > _ALIKE * gains.max()).tolist()
        # Of explanations that cannot be told apart, a K line is the likeliest.
        best = min(alike, key=lambda i: (families[i].strongest.name[0], -gains[i]))
        symbol = families[best].strongest.element
        chosen += [i for i, family in enumerate(families) if family.strongest.element == symbol]
        matrix = shapes[chosen].T.astype(np.float64)
        amplitudes = _solve(matrix / error[:, None], data.counts / error)
        heights = _widen(np.abs(matrix * amplitudes).sum(axis=1))
        error = np.hypot(data.sigma, _SHAPE_ERROR * heights)
        amplitudes = _solve(matrix / error[:, None], data.counts / error)
        residual = data.counts - matrix @ amplitudes
    spread = 1 / np.sqrt(np.square(shapes[chosen] / error).sum(axis=1))
    return _Fit(
        chosen=chosen,
        amplitude=dict(zip(chosen, map(float, amplitudes), strict=True)),
        significance=dict(zip(chosen, map(float, amplitudes / spread), strict=True)),
        cost=float(np.square(residual / data.sigma).sum()),
    )


def _solve(matrix: NDArray[np.float64], data: NDArray[np.float64]) -> NDArray[np.float64]:
    """Amplitudes (K,) by least squares; those that come out negative are left out, as zeros."""
    square, target = matrix.T @ matrix, matrix.T @ data
    square[np.diag_indices_from(square)] *= 1 + 1e-9  # lines that coincide share their counts
    kept = np.flatnonzero(square.diagonal() > 0)
    amplitudes = np.zeros(len(target))
    while kept.size:
        values = np.linalg.solve(square[np.ix_(kept, kept)], target[kept])
        if (values >= 0).all():
            amplitudes[kept] = values
            break
        kept = kept[values >= 0]
    return amplitudes


def _widen(height: NDArray[np.float64], n: int = 8) -> NDArray[np.float64]:
    """Greatest height within `n` channels."""
    padded = np.pad(height, n)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, 2 * n + 1).max(axis=1))


def _list_alternatives(
    line: XrayLine, lines: Mapping[str, Sequence[XrayLine]], fwhm_mn_ka_eV: float
) -> tuple[str, ...]:
    """Strong lines of other elements within a quarter of the resolution."""
    reach = 0.25 * compute_fwhm_keV(line.energy_keV, fwhm_mn_ka_eV)
    return tuple(
        other.label
        for symbol, known in lines.items()
        if symbol != line.element
        for other in known
        if other.weight > 0.5 and abs(other.energy_keV - line.energy_keV) < reach
    )


def _mark_ghosts(
    found: Sequence[ElementProposal], fwhm_mn_ka_eV: float
) -> Iterator[ElementProposal]:
    """Tell which weak lines lie where the detector makes peaks of stronger lines.

    A silicon detector may lose a Si Ka X-ray, or take two that come at once for one.
    """
    for one in found:
        energy, counts = one.line.energy_keV, one.counts
        reach = 0.5 * compute_fwhm_keV(energy, fwhm_mn_ka_eV)
        strong = [other.line for other in found if counts < 0.02 * other.counts]
        ghosts = [
            (abs(line.energy_keV - _ESCAPE_KEV - energy), f"escape peak of {line.label}")
            for line in strong
        ] + [
            (abs(a.energy_keV + b.energy_keV - energy), f"sum peak of {a.label} and {b.label}")
            for a, b in combinations_with_replacement(strong, 2)
        ]
        near = [ghost for ghost in ghosts if ghost[0] < reach]
        yield replace(one, artefact=min(near)[1]) if near else one
