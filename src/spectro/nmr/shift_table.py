"""What a shift is compatible with, by a small table; never more than a suggestion.

References
----------
.. [1] Abutbul et al., ACS Nano 2025, 19, 17640.
.. [2] Piveteau et al., J. Am. Chem. Soc. 2015, 137, 13964.
.. [3] Hooper et al., 133Cs NMR of CsPbBr3 nanocrystals, eight samples.
"""

import math
from dataclasses import dataclass

from spectro.model import FitResult, InputError
from spectro.processing import SCALES

_CDS = "Abutbul et al., ACS Nano 2025, 19, 17640"
_CDSE = "Piveteau et al., J. Am. Chem. Soc. 2015, 137, 13964"
_CESIUM = "Hooper et al., 133Cs NMR of CsPbBr3 nanocrystals"
_FACTOR = 2.0  # standard errors
_SUFFIX = ".shift_ppm"


@dataclass(frozen=True, slots=True)
class KnownShift:
    """A line of the literature.

    Attributes
    ----------
    nucleus : str
        Isotope.
    shift_ppm : float
        On IUPAC's scale (Me2Cd for cadmium, CsNO3 for caesium).
    reach_ppm : float
        How far off a line may be and still be compatible: about what samples, temperatures and
        referencing differ by.
    what : str
        What it was ascribed to.
    source : str
        Where.
    """

    nucleus: str
    shift_ppm: float
    reach_ppm: float
    what: str
    source: str


KNOWN_SHIFTS: tuple[KnownShift, ...] = (
    KnownShift("113Cd", 67.0, 6.0, "Cd in zinc blende CdS nanocrystals", _CDS),
    KnownShift("113Cd", 41.0, 6.0, "Cd in wurtzite CdS nanocrystals", _CDS),
    KnownShift("113Cd", 6.0, 10.0, "the third Cd site of CdS nanocrystals", _CDS),
    *(
        KnownShift("113Cd", shift, 6.0, f"{name}, a reference compound", _CDSE)
        for name, shift in SCALES["113Cd"].items()
        if name != "CdS"
    ),
    KnownShift("133Cs", 163.0, 4.0, "the CsPbBr3 nanocrystals' line at 163 ppm", _CESIUM),
    KnownShift("133Cs", 116.0, 4.0, "the CsPbBr3 nanocrystals' line at 116 ppm", _CESIUM),
    KnownShift("133Cs", 109.0, 4.0, "the CsPbBr3 nanocrystals' line at 109 ppm", _CESIUM),
    KnownShift("133Cs", 95.0, 7.0, "the CsPbBr3 nanocrystals' line at 95 ppm", _CESIUM),
)
"""Lines that are looked up; the reaches are ours, the rest is that of the sources."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A known line that a measured one is compatible with.

    Attributes
    ----------
    known : KnownShift
        From the table.
    off_ppm : float
        Measured less known.
    statement : str
        In words.
    """

    known: KnownShift
    off_ppm: float
    statement: str


def suggest_assignments(
    nucleus: str, shift_ppm: float, error_ppm: float = 0.0
) -> tuple[Suggestion, ...]:
    """Known lines that a shift is compatible with, the nearest first; empty where there is none.

    Parameters
    ----------
    nucleus : str
        Isotope, as in "113Cd".
    shift_ppm, error_ppm : float
        Isotropic shift on IUPAC's scale, and its standard error.

    Raises
    ------
    InputError
        If a number is not finite, or the table has nothing on the nucleus.

    Notes
    -----
    A line is compatible within the reach of the known one plus twice its standard error. Many
    compounds are not in the table, so nothing is excluded, and nothing proven.

    Examples
    --------
    >>> suggest_assignments("113Cd", 65.8)[0].statement.split(" (")[0]
    'The line at 65.8 ppm is compatible with Cd in zinc blende CdS nanocrystals'
    """
    if not (math.isfinite(shift_ppm) and 0 <= error_ppm < math.inf):
        raise InputError(
            f"Expected a finite shift and an error of at least 0, got {shift_ppm} and {error_ppm}."
        )
    nuclei = sorted({one.nucleus for one in KNOWN_SHIFTS})
    if nucleus not in nuclei:
        raise InputError(
            f"Expected a nucleus that the table has lines of, {' or '.join(nuclei)}, got "
            f"{nucleus!r}."
        )
    found = [
        Suggestion(one, shift_ppm - one.shift_ppm, _say(one, shift_ppm))
        for one in KNOWN_SHIFTS
        if one.nucleus == nucleus
        and abs(shift_ppm - one.shift_ppm) <= one.reach_ppm + _FACTOR * error_ppm
    ]
    return tuple(sorted(found, key=lambda one: abs(one.off_ppm)))


def suggest_sites(fit: FitResult, nucleus: str) -> dict[str, tuple[Suggestion, ...]]:
    """Suggestions for each shift of a deconvolution, by its name.

    Parameters
    ----------
    fit : FitResult
        Of `deconvolve`.
    nucleus : str
        Isotope.

    Raises
    ------
    InputError
        If the table has nothing on the nucleus.
    """
    found = {}
    for name, value in fit.values.items():
        if name.endswith(_SUFFIX):
            known = fit.uncertainties.get(name)
            error = known.standard_error if known else 0.0
            site = name.removesuffix(_SUFFIX)
            found[site] = suggest_assignments(
                nucleus, value, error if math.isfinite(error) else 0.0
            )
    return found


def _say(known: KnownShift, shift_ppm: float) -> str:
    return (
        f"The line at {shift_ppm:.4g} ppm is compatible with {known.what} ({known.shift_ppm:g} "
        f"ppm, {known.source}); it may be something else."
    )
