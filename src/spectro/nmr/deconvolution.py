"""Deconvolution: spectra as sums of lines, and how much of the intensity each line has."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from numbers import Integral
from typing import Any, Literal

import numpy as np

from spectro.fitting import Minimum, Problem, Search, minimise, propagate, to_result
from spectro.model import Curve, FitResult, InputError, Spectrum, Uncertainty
from spectro.nmr.intervals import clip_interval
from spectro.nmr.line_intervals import Refinement
from spectro.nmr.line_model import LineModel
from spectro.nmr.presence import list_missing
from spectro.nmr.sites import BASELINE, INTEGRAL, QUANTITIES, Site

PhaseOrder = Literal["zero", "first"]

_PHASE_ORDERS = (None, "zero", "first")
_MOST_DEGREE = 10
_PHASED_ALONE = (
    "The phase is fitted without a baseline of degree 1 or more: of a transformed FID, tails of "
    "the dispersion are folded back, and phase and widths make up for them; give "
    "baseline_degree=1 or 2."
)
_LEAST_POINTS = 4
_Derived = dict[str, tuple[float, Uncertainty | None, str]]


def deconvolve(
    spectra: Spectrum | Sequence[Spectrum],
    sites: Sequence[Site],
    *,
    shared: Sequence[str] = ("shift_ppm",),
    baseline_degree: int | None = None,
    phase: PhaseOrder | None = None,
    search: Search | None = None,
) -> FitResult:
    """Positions, widths, integrals and percentages of the lines of one or several spectra.

    Parameters
    ----------
    spectra : Spectrum or sequence of Spectrum
        One dimension each, phased unless the phase is fitted; of complex ones the real part.
    sites : sequence of Site
        Lines, the same for all spectra.
    shared : sequence of str, optional
        What all spectra have in common: quantities ("shift_ppm", "width_ppm", "mixing"), or those
        of one site ("core.width_ppm").
    baseline_degree : int, optional
        Degree of a polynomial that is fitted along; by default none.
    phase : {"zero", "first"}, optional
        Order up to which the phase of each spectrum, complex then, is fitted along, as
        ``phase0_deg`` and ``phase1_deg``: `spectro.processing.phase` with these takes it out.
    search : Search, optional
        Starts, and how intervals are found.

    Returns
    -------
    FitResult
        For each site ``<site>.shift_ppm``, ``<site>.width_ppm``, ``<site>.mixing`` where its shape
        has one, ``<site>.integral`` (unit of the data times that of the axis) and
        ``<site>.percent`` of all integrals; over another unit ``<site>.position_eV`` and so on.
        Of several spectra, what is not shared begins with the title and a slash, as in
        "NC6.4/core.percent". Also ``noise`` and ``durbin_watson`` of the residuals: about 2 where
        these are noise, towards 0 where the model misses something. One `Curve` per spectrum,
        with the line of each site.

    Raises
    ------
    InputError
        If spectra and sites do not fit each other.

    Notes
    -----
    Integrals are solved for at every step, at least 0 unless a site says otherwise [1]_; only the
    rest is searched for, by analytic derivatives. Integrals are those of whole lines, beyond the
    ends of the axis too. Where lines overlap so much that intervals by covariance do not hold,
    those of positions, widths, integrals and percentages are followed to where the fit gets
    significantly worse (method "profile"). Several spectra are weighed by their noise, so the
    `noise` of the result is in units of it. Percentages carry all errors and correlations.

    References
    ----------
    .. [1] G. H. Golub, V. Pereyra, SIAM J. Numer. Anal. 1973, 10, 413, DOI 10.1137/0710036.
    """
    several = (spectra,) if isinstance(spectra, Spectrum) else tuple(spectra)
    _check_spectra(several, phase)
    _check_sites(sites, shared)
    if several[0].axes[0].unit != "ppm" and any(one.pattern for one in sites):
        raise InputError(
            f"Expected an axis in ppm for sites with a pattern, got "
            f"{several[0].axes[0].unit or 'none'}; use spectro.processing.to_ppm."
        )
    if baseline_degree is not None and (
        not isinstance(baseline_degree, Integral) or not 0 <= baseline_degree <= _MOST_DEGREE
    ):
        raise InputError(
            f"Expected a whole degree from 0 to {_MOST_DEGREE}, got {baseline_degree}."
        )
    labels = ("",) if isinstance(spectra, Spectrum) else _make_labels(several)
    model = LineModel(
        several,
        labels,
        tuple(sites),
        tuple(shared) if len(labels) > 1 else QUANTITIES,
        baseline_degree,
        _PHASE_ORDERS.index(phase),
    )
    search = search or Search()
    problem = model.start_phases(model.build())
    found = minimise(problem, search)
    refinement = _choose_refinement(model, problem, found, search)
    if refinement is not None:
        found = refinement.refine_numbers()
    result = to_result(
        found,
        f"{len(sites)} lines in {len(several)} {'spectrum' if len(several) == 1 else 'spectra'}",
        _make_curves(model, found),
        derived=_derive(model, found, search.level, refinement),
        settings={
            "sites": [one.describe() for one in sites],
            "shared": list(shared),
            "baseline_degree": baseline_degree,
            "phase": phase,
            "n_starts": search.n_starts,
            "seed": search.seed,
            "n_bootstrap": search.n_bootstrap,
            "is_refined": search.is_refined,
        },
    )
    doubts = list_missing(model, problem, found)
    doubts += _list_sums(model, result.values)
    if phase is not None and not baseline_degree:
        doubts.append(_PHASED_ALONE)
    return replace(result, warnings=(*result.warnings, *doubts))


def _choose_refinement(
    model: LineModel, problem: Problem, found: Minimum, search: Search
) -> Refinement | None:
    """What follows profiles, where intervals by covariance do not hold; a bootstrap has none."""
    if found.replicates or not (found.is_converged and search.is_refined):
        return None
    refinement = Refinement(model, problem, found, search.level)
    return refinement if refinement.is_needed() else None


def _check_spectra(spectra: Sequence[Spectrum], phase: str | None) -> None:
    if phase not in _PHASE_ORDERS:
        raise InputError(f"Expected a phase of 'zero' or 'first' order or None, got {phase!r}.")
    if not spectra:
        raise InputError("Expected at least one spectrum, got none.")
    for one in spectra:
        if one.y.ndim != 1 or one.y.shape[0] < _LEAST_POINTS:
            raise InputError(
                f"Expected one dimension and at least {_LEAST_POINTS} points in {one.title}, got "
                f"shape {one.y.shape}; take it row by row, as nmr.split_rows does."
            )
        steps = np.diff(one.x)
        if not ((steps > 0).all() or (steps < 0).all()):
            raise InputError(f"Expected an axis that rises or falls throughout in {one.title}.")
        if phase is not None and not np.iscomplexobj(one.y):
            raise InputError(
                f"Expected a complex spectrum to phase, got {one.title}, which is real; leave the "
                f"phase as it is."
            )
    units = {one.axes[0].unit for one in spectra}
    if len(units) > 1:
        raise InputError(f"Expected spectra over one unit, got {', '.join(sorted(units))}.")


def _check_sites(sites: Sequence[Site], shared: Sequence[str]) -> None:
    names = [one.name for one in sites]
    if not names or len(set(names)) < len(names):
        raise InputError(f"Expected sites with a name each, got {', '.join(names) or 'none'}.")
    known = {*QUANTITIES, *(q for one in sites for q in one.quantities)}
    known |= {f"{one.name}.{q}" for one in sites for q in one.quantities}
    unknown = [one for one in shared if one not in known]
    if unknown:
        raise InputError(
            f"Expected {', '.join(QUANTITIES)}, or one of a site as in {names[0]}.width_ppm, to be "
            f"shared, got {', '.join(unknown)}."
        )
    for one in sites:
        for quantity, tie in one.tied.items():
            if f"{one.name}.{quantity}" in shared:
                raise InputError(
                    f"Expected a quantity that is not tied to be shared, got "
                    f"{one.name}.{quantity}; share {tie.site}.{quantity}."
                )


def _make_labels(spectra: Sequence[Spectrum]) -> tuple[str, ...]:
    """Title of each and a slash, numbered where a title comes again."""
    titles = [one.title.replace("/", "_") for one in spectra]
    found: list[str] = []
    for title in titles:
        is_alone = titles.count(title) == 1
        numbers = (f"{title} {k}" for k in count(1))
        found.append(title if is_alone else next(n for n in numbers if n not in {*titles, *found}))
    return tuple(f"{one}/" for one in found)


def _make_curves(model: LineModel, found: Minimum) -> list[Curve]:
    """Data, best fit and the line of each site, complex where the phase was fitted."""
    curves = []
    for k, (spectrum, fitted) in enumerate(zip(model.spectra, found.curves, strict=True)):
        total, parts = _join(model, fitted.sum(axis=0)), {}
        for name, line in model.compute_sites(found.values, k).items():
            root = model.roots[name][INTEGRAL][0]
            parts[name] = found.values[model.name(root, INTEGRAL, k)] * line
        if model.baseline_degree is not None:
            parts[BASELINE] = _join(model, fitted[len(model.curves) :].sum(axis=0))
        y = spectrum.y if model.n_phases else np.real(spectrum.y)
        curves.append(Curve(replace(spectrum, y=y), replace(spectrum, y=total), parts))
    return curves


def _join(model: LineModel, stacked: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not model.n_phases:
        return stacked
    real, imaginary = np.split(stacked, 2)
    return np.asarray(real + 1j * imaginary)


def _derive(
    model: LineModel, found: Minimum, level: float, refinement: Refinement | None
) -> _Derived:
    """Numbers that are tied, percentages, and what is left of each spectrum."""
    derived: _Derived = {}
    for k, label in enumerate(model.labels):
        for site in model.sites:
            for quantity in site.tied:
                root, factor, offset = model.roots[site.name][quantity]
                of = model.name(root, quantity, k)
                value = factor * found.values[of] + offset
                known = _scale(found.uncertainties.get(of), factor, offset)
                derived[model.name(site.name, quantity, k)] = value, known, found.units[of]
        derived |= _find_percentages(model, found, k, level)
        data = model.to_data(model.spectra[k].y)
        left = data - found.curves[k].sum(axis=0)
        square = float(left @ left)
        watson = float(np.square(np.diff(left)).sum()) / square if square > 0 else math.nan
        derived[f"{label}noise"] = math.sqrt(square / len(left)), None, ""
        derived[f"{label}durbin_watson"] = watson, None, ""
    if refinement is not None:
        stated = {name: one for name, (_, one, _) in derived.items() if one is not None}
        for name, refined in refinement.refine_percentages(stated).items():
            derived[name] = derived[name][0], refined, "%"
    return derived


def _scale(known: Uncertainty | None, factor: float, offset: float) -> Uncertainty | None:
    if known is None:
        return None
    low, high = sorted(factor * end + offset for end in (known.low, known.high))
    return replace(known, standard_error=abs(factor) * known.standard_error, low=low, high=high)


def _find_percentages(model: LineModel, found: Minimum, k: int, level: float) -> _Derived:
    """Each integral by the sum of all, which add up to 100."""
    names = {one: model.name(one, INTEGRAL, k) for one in model.curves}
    weights = dict.fromkeys(model.curves, 0.0)
    for site in model.sites:
        root, factor, _ = model.roots[site.name][INTEGRAL]
        weights[root] += factor
    only = _restrict(found, tuple(names.values()))
    is_signed = any(one.is_signed for one in model.sites)
    is_seen = not is_signed or _has_sum(only, {names[one]: w for one, w in weights.items()}, level)
    derived: _Derived = {}
    for site in model.sites:
        root, factor, _ = model.roots[site.name][INTEGRAL]

        def percent(
            values: Mapping[str, float], name: str = names[root], factor: float = factor
        ) -> float:
            total = sum(w * values[names[one]] for one, w in weights.items())
            return 100 * factor * values[name] / total if total and is_seen else math.nan

        value, known = propagate(only, percent, level)
        low, high = (-math.inf, math.inf) if is_signed else (0.0, 100.0)
        if not (math.isfinite(value) and math.isfinite(known.standard_error)):
            known = replace(known, standard_error=math.nan, low=low, high=high)
        name = f"{model.labels[k]}{site.name}.percent"
        derived[name] = value, clip_interval(known, low, high), "%"
    return derived


def _has_sum(found: Minimum, weights: Mapping[str, float], level: float) -> bool:
    """Whether integrals of either sign add up to more than the error of their sum."""
    total, known = propagate(
        found, lambda values: sum(w * values[one] for one, w in weights.items()), level
    )
    error = known.standard_error
    return total > 0 and not (math.isfinite(error) and min(known.low, known.high) <= 0)


def _restrict(found: Minimum, names: Sequence[str]) -> Minimum:
    """Minimum of some of its numbers, the others following."""
    places = [found.names.index(name) for name in names]
    covariance = found.covariance[np.ix_(places, places)]
    return replace(found, names=tuple(names), covariance=covariance)


def _list_sums(model: LineModel, values: Mapping[str, float]) -> list[str]:
    """Sentences about spectra that have no percentages."""
    if not any(one.is_signed for one in model.sites):
        return []
    return [
        f"The integrals of {spectrum.title} have both signs and add up to no more than the error "
        f"of their sum, so there are no percentages."
        for label, spectrum in zip(model.labels, model.spectra, strict=True)
        if all(math.isnan(values[f"{label}{one.name}.percent"]) for one in model.sites)
    ]
