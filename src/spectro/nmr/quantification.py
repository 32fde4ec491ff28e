"""Amounts of nuclei, by the signal of a standard of known amount."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from spectro.model import InputError, Uncertainty
from spectro.nmr.enhancement import Signal

_AVOGADRO_PER_mol = 6.02214076e23
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Amount:
    """Amount of a nucleus in a sample.

    Attributes
    ----------
    amount_umol : float
        In what the coil sees.
    uncertainty : Uncertainty
        From the noise of both and the error of the standard.
    n_nuclei : float
        The same as a number.
    statements, warnings : tuple of str
        What was found, and what it rests on, in sentences.
    """

    amount_umol: float
    uncertainty: Uncertainty
    n_nuclei: float
    statements: tuple[str, ...]
    warnings: tuple[str, ...]


def quantify(
    sample: Signal, standard: Signal, *, standard_umol: float, standard_error_umol: float = 0.0
) -> Amount:
    """Amount of a nucleus, by its integral and that of a standard.

    Parameters
    ----------
    sample, standard : Signal
        Integrals of the same nucleus in the same probe, with scans, gains, recycle delays and T1 as
        ``buildup_s``.
    standard_umol, standard_error_umol : float
        Of the nucleus in the standard, at the same isotopic abundance, and its standard error.

    Raises
    ------
    InputError
        If the standard has no amount or no signal, or its integral is not significant.

    Notes
    -----
    n = n_standard (S / S_standard) with each signal divided by its scans, its gain, and what of the
    equilibrium a scan sees, 1 - exp(-recycle / T1). Sidebands belong to the integral. Relative
    errors add up in squares.

    Examples
    --------
    >>> found = quantify(Signal(30.0, 0.3, 4), Signal(10.0, 0.1, 1), standard_umol=20.0)
    >>> round(found.amount_umol, 9), round(found.uncertainty.standard_error, 2)
    (15.0, 0.21)
    """
    if not (0 < standard_umol < math.inf and 0 <= standard_error_umol < math.inf):
        raise InputError(
            f"Expected an amount of the standard above 0, got {standard_umol} with an error of "
            f"{standard_error_umol}."
        )
    factor = NormalDist().inv_cdf((1 + _LEVEL) / 2)
    if standard.value <= factor * standard.error:
        raise InputError(
            f"Expected a signal of the standard well above its noise, got {standard.value:g} with "
            f"an error of {standard.error:g}; measure it for longer."
        )
    scales, is_recovered = [], []
    for one in (sample, standard):
        is_recovered.append(math.isfinite(one.recovered))
        recovered = one.recovered if is_recovered[-1] else 1.0
        scales.append(one.n_scans * one.gain * recovered)
    scale = standard_umol / standard.value * scales[1] / scales[0]
    amount, relative = sample.value * scale, standard.error / standard.value
    error = math.hypot(
        sample.error * scale, amount * relative, amount * standard_error_umol / standard_umol
    )
    known = Uncertainty(error, amount - factor * error, amount + factor * error, _LEVEL)
    low, high = max(known.low, 0.0), max(known.high, 0.0)
    known = Uncertainty(error, low, high, _LEVEL)
    text = f"{amount:.4g} umol ({low:.4g} to {high:.4g}, {100 * _LEVEL:g} %) by the standard."
    return Amount(
        amount, known, amount * 1e-6 * _AVOGADRO_PER_mol, (text,), _doubt(sample, is_recovered)
    )


def _doubt(sample: Signal, is_recovered: list[bool]) -> tuple[str, ...]:
    found = []
    if not all(is_recovered):
        names = [
            n for n, known in zip(("sample", "standard"), is_recovered, strict=True) if not known
        ]
        found.append(
            f"The {' and the '.join(names)} taken to be fully relaxed, as a recycle delay or T1 is "
            f"not known; give both."
        )
    reach = NormalDist().inv_cdf((1 + _LEVEL) / 2) * sample.error
    if sample.value < -reach:
        found.append(
            f"The signal of the sample is negative ({sample.value:g}), which no amount is; phase "
            f"it and subtract its baseline."
        )
    elif sample.value <= reach:
        found.append(
            "The signal of the sample is not above its noise; only the upper end tells something."
        )
    return tuple(found)
