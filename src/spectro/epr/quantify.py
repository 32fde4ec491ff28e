"""Numbers of spins, from double integrals against those of a standard."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from types import MappingProxyType
from typing import Any

from spectro.epr.integrals import DoubleIntegral, double_integral
from spectro.epr.receiver import (
    SETTINGS,
    compute_receiver_factors,
    is_normalised,
    require_alike,
    tell_conditions,
)
from spectro.model import InputError, Spectrum, Uncertainty

_AVOGADRO_PER_mol = 6.02214076e23
_SAME_BAND = 0.02  # of the frequency

_EFFECTS: dict[str, tuple[str, Callable[[float], float]]] = {
    "power_mW": ("microwave power", math.sqrt),
    "modulation_amplitude_mT": ("modulation amplitude", float),
    "q_factor": ("Q factor", float),
    "temperature_K": ("temperature", lambda kelvin: 1 / kelvin),
    "spin": ("electron spin", lambda s: s * (s + 1)),
    "g": ("g value", float),
    "observed_fraction": ("fraction of the intensity within the window", float),
}
_GIVEN = ("volume_uL", "mass_mg", "frequency_GHz", *SETTINGS, *_EFFECTS)


@dataclass(frozen=True, slots=True, eq=False)
class SpinCount:
    """How many spins a sample holds.

    Attributes
    ----------
    n_spins : float
        In what the resonator sees of the sample.
    uncertainty : Uncertainty
        From the noise of both spectra and the error of the standard.
    factors : mapping of str to float
        What the sample's intensity is higher by than the standard's, spin by spin, for each
        condition that differs; all of it was divided out.
    concentration_mM, spins_per_mg : float or None
        Where the volume or the mass of the sample is known.
    statements, warnings : tuple of str
        What was found, and what it rests on, in sentences.
    """

    n_spins: float
    uncertainty: Uncertainty
    factors: Mapping[str, float] = field(default_factory=dict)
    concentration_mM: float | None = None
    spins_per_mg: float | None = None
    statements: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make the factors read-only."""
        object.__setattr__(self, "factors", MappingProxyType(dict(self.factors)))


def count_spins(
    sample: Spectrum | DoubleIntegral,
    standard: Spectrum | DoubleIntegral,
    *,
    standard_spins: float,
    standard_error: float = 0.0,
    sample_conditions: Mapping[str, float] | None = None,
    standard_conditions: Mapping[str, float] | None = None,
) -> SpinCount:
    """Number of spins of a sample, by the double integral of a standard of known spins.

    Parameters
    ----------
    sample, standard : Spectrum or DoubleIntegral
        A spectrum is integrated with a straight baseline outside of its inner four fifths.
    standard_spins, standard_error : float
        Spins of the standard that the resonator sees, and the standard error of that number.
    sample_conditions, standard_conditions : mapping of str to float, optional
        What the metadata do not tell, or tell wrongly: ``receiver_gain_dB``, ``n_scans``,
        ``conversion_time_s``, ``power_mW``, ``modulation_amplitude_mT``, ``q_factor``,
        ``temperature_K``, ``frequency_GHz``; ``spin`` S, ``g``, ``observed_fraction`` (part of the
        spins' intensity that lies within the window, by default all, 9/35 for the central
        transition of S = 5/2), ``volume_uL``, ``mass_mg``.

    Returns
    -------
    SpinCount
        With a warning for all that is unknown of both and so taken to be alike.

    Raises
    ------
    InputError
        If a condition is known of one of the two only, they are of different bands, or the standard
        has no signal.

    Notes
    -----
    The double integral goes with gain, scans, conversion time, sqrt(P), modulation amplitude
    (exactly, even where it broadens the line), Q, 1/T (Curie), S(S+1) and, as the field is swept,
    g [1]_ [2]_. Filling and place in the resonator are taken to be alike, and no line to be
    saturated.

    References
    ----------
    .. [1] G. R. Eaton, S. S. Eaton, D. P. Barr, R. T. Weber, Quantitative EPR, Springer 2010,
       DOI 10.1007/978-3-211-92948-3.
    .. [2] R. Aasa, T. Vaenngard, J. Magn. Reson. 1975, 19, 308.
    """
    ours, theirs = (
        one if isinstance(one, DoubleIntegral) else double_integral(one)
        for one in (sample, standard)
    )
    if not (standard_spins > 0 and standard_error >= 0 and math.isfinite(standard_spins)):
        raise InputError(
            f"Expected a number of spins above 0 for the standard, got {standard_spins} with an "
            f"error of {standard_error}."
        )
    conditions = [
        tell_conditions(one.spectrum, _check_names(given))
        for one, given in ((ours, sample_conditions), (theirs, standard_conditions))
    ]
    _check_pair(ours, theirs, conditions)
    factors, unknown = _compare(conditions)
    count = standard_spins * ours.value / theirs.value / math.prod(factors.values())
    known = _find_uncertainty(count, (ours, theirs), standard_error / standard_spins)
    volume_uL, mass_mg = (conditions[0].get(name) for name in ("volume_uL", "mass_mg"))
    return SpinCount(
        count,
        known,
        factors,
        count / _AVOGADRO_PER_mol / volume_uL * 1e9 if volume_uL else None,
        count / mass_mg if mass_mg else None,
        (_say(count, known, factors),),
        (*_doubt(ours, unknown), *_quote("sample", ours), *_quote("standard", theirs)),
    )


def _check_names(given: Mapping[str, float] | None) -> Mapping[str, float]:
    for name, value in (given or {}).items():
        if name not in _GIVEN:
            raise InputError(f"Expected conditions out of {', '.join(_GIVEN)}, got {name!r}.")
        if not math.isfinite(value) or (value <= 0 and not name.endswith("_dB")):
            raise InputError(f"Expected {name} above 0, got {value}.")
    return given or {}


def _check_pair(
    ours: DoubleIntegral, theirs: DoubleIntegral, conditions: list[dict[str, Any]]
) -> None:
    if theirs.value <= 0 or theirs.uncertainty.low <= 0 < theirs.uncertainty.standard_error:
        low, high = theirs.uncertainty.low, theirs.uncertainty.high
        raise InputError(
            f"Expected a double integral of the standard above 0, got {theirs.value:.4g} "
            f"({low:.4g} to {high:.4g}); check its phase, its window and its baseline."
        )
    if ours.uncertainty.level != theirs.uncertainty.level:
        raise InputError("Expected double integrals with intervals of one level, got two.")
    frequencies = require_alike(conditions, "frequency_GHz", "microwave frequency")
    if frequencies is not None and abs(frequencies[0] / frequencies[1] - 1) > _SAME_BAND:
        raise InputError(
            f"Expected sample and standard in one band, got {frequencies[0]:g} and "
            f"{frequencies[1]:g} GHz; measure a standard in the same resonator."
        )


def _compare(conditions: list[dict[str, Any]]) -> tuple[dict[str, float], list[str]]:
    """What the sample's intensity is higher by, and what is known of neither."""
    parts = compute_receiver_factors(conditions)[1]
    factors = {name: float(ratio[0] / ratio[1]) for name, ratio in parts.items()}
    unknown = []
    if not is_normalised(conditions):
        unknown = [w for name, w in SETTINGS.items() if conditions[0].get(name) is None]
    for name, (words, effect) in _EFFECTS.items():
        if name == "observed_fraction":
            values = [float(one.get(name, 1.0)) for one in conditions]
        else:
            both = require_alike(conditions, name, words)
            if both is None:
                unknown.append(words)
                continue
            values = both.tolist()
        if min(values) <= 0:
            raise InputError(f"Expected a {words} ({name}) above 0, got {min(values):g}; give it.")
        if values[0] != values[1]:
            factors[name] = effect(values[0]) / effect(values[1])
    return factors, unknown


def _find_uncertainty(
    count: float, pair: tuple[DoubleIntegral, DoubleIntegral], standard_error: float
) -> Uncertainty:
    """Relative errors of both integrals and of the standard add up in squares."""
    level = pair[0].uncertainty.level
    errors = [one.uncertainty.standard_error / one.value for one in pair]
    reaches = [(one.uncertainty.high - one.value) / one.value for one in pair]
    factor = NormalDist().inv_cdf((1 + level) / 2)
    error = abs(count) * math.hypot(*errors, standard_error)
    reach = abs(count) * math.hypot(*reaches, factor * standard_error)
    return Uncertainty(error, count - reach, count + reach, level)


def _say(count: float, known: Uncertainty, factors: Mapping[str, float]) -> str:
    parts = ", ".join(f"{one:.4g} for {name}" for name, one in factors.items())
    return (
        f"{count:.4g} spins ({known.low:.4g} to {known.high:.4g}, {100 * known.level:g} %), "
        f"with {f'factors of {parts} divided out' if parts else 'all known conditions alike'}."
    )


def _doubt(ours: DoubleIntegral, unknown: list[str]) -> list[str]:
    found = []
    if unknown:
        found.append(
            f"Taken to be alike, as they are known of neither: {', '.join(unknown)}; give them if "
            f"they differ."
        )
    if ours.value < 0:
        found.append(
            "The double integral of the sample is below 0; check its phase, window and baseline."
        )
    return found


def _quote(who: str, one: DoubleIntegral) -> list[str]:
    return [f"Of the {who}: {warning}" for warning in one.warnings]
