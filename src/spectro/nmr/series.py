"""Series of spectra over a delay: how each component recovers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectro.fitting import Search
from spectro.model import FitResult, InputError, Spectrum
from spectro.nmr.deconvolution import deconvolve
from spectro.nmr.relaxation import Model, fit_buildup
from spectro.nmr.sites import QUANTITIES, Site

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SeriesFit:
    """What a series of spectra tells of each component.

    Attributes
    ----------
    deconvolution : FitResult
        Of all spectra at once.
    integrals, errors : mapping of str to (N,) array
        Of each component in each spectrum, and their standard errors.
    curves : mapping of str to FitResult
        What was fitted to the integrals of each component, as `fit_buildup` gives it.
    """

    deconvolution: FitResult
    integrals: Mapping[str, Array]
    errors: Mapping[str, Array]
    curves: Mapping[str, FitResult]

    @property
    def statements(self) -> tuple[str, ...]:
        """What was found of each component, in sentences."""
        return tuple(
            f"{name}: {text}" for name, one in self.curves.items() for text in one.statements
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is doubtful, in sentences."""
        doubts = [f"{name}: {text}" for name, one in self.curves.items() for text in one.warnings]
        return (*self.deconvolution.warnings, *doubts)


def fit_series(
    spectra: Spectrum | Sequence[Spectrum],
    sites: Sequence[Site],
    *,
    delay_s: ArrayLike | None = None,
    model: Model = "mono",
    initial: float | None = 0.0,
    baseline_degree: int | None = None,
) -> SeriesFit:
    """Time constant of each component of a series, as T1 by saturation recovery.

    Parameters
    ----------
    spectra : Spectrum or sequence of Spectrum
        One for each delay, or all in one, a row for each delay; phased.
    sites : sequence of Site
        Components; positions, widths and shapes are shared by all spectra.
    delay_s : (N,) array, optional
        Delays; by default the first axis of a spectrum that holds all, where it is in s.
    model, initial : optional
        Of the recovery; see `fit_buildup`.
    baseline_degree : int, optional
        See `deconvolve`.

    Returns
    -------
    SeriesFit
        With ``curves["core"].values["time_s"]`` and so on.

    Raises
    ------
    InputError
        If the delays are not known, or are not as many as the spectra.

    Notes
    -----
    Integrals are solved for without a sign, as they are below 0 after an inversion and noise about
    0 after saturation; their standard errors weigh the points of the recovery. An error that all
    spectra share, as of a width, moves all integrals of a component alike: it leaves times as they
    are, but ``m_inf`` is known a little less well than its interval says.
    """
    rows = split_rows(spectra) if isinstance(spectra, Spectrum) else tuple(spectra)
    times_s = _find_delays(spectra, delay_s)
    if len(times_s) != len(rows):
        raise InputError(
            f"Expected a delay for each of the {len(rows)} spectra, got {len(times_s)}."
        )
    found = fit_rows(rows, sites, baseline_degree=baseline_degree)
    curves = {
        one.name: fit_buildup(
            times_s, found.integrals[one.name], model, found.errors[one.name], initial
        )
        for one in sites
    }
    return replace(found, curves=curves)


def fit_rows(
    rows: Sequence[Spectrum],
    sites: Sequence[Site],
    *,
    baseline_degree: int | None = None,
    search: Search | None = None,
) -> SeriesFit:
    """Integrals, of either sign, of lines at the same places and as wide in all spectra.

    Parameters
    ----------
    rows : sequence of Spectrum
        At least two, of one dimension.
    sites : sequence of Site
        Lines.
    baseline_degree, search : optional
        See `deconvolve`.

    Raises
    ------
    InputError
        If spectra and sites do not fit each other.
    """
    if len(rows) < 2:
        raise InputError(f"Expected a series of at least two spectra, got {len(rows)}.")
    numbered = [
        replace(one, metadata={**one.metadata, "title": f"{k + 1}"}) for k, one in enumerate(rows)
    ]
    signed = [replace(one, is_signed=True) for one in sites]
    fit = deconvolve(
        numbered, signed, shared=QUANTITIES, baseline_degree=baseline_degree, search=search
    )
    integrals, errors = {}, {}
    for site in sites:
        names = [f"{one.title}/{site.name}.integral" for one in numbered]
        integrals[site.name] = np.array([fit.values[name] for name in names])
        errors[site.name] = np.array([fit.uncertainties[name].standard_error for name in names])
    return SeriesFit(fit, integrals, errors, {})


def split_rows(spectrum: Spectrum) -> tuple[Spectrum, ...]:
    """Rows of a spectrum of two dimensions, each with its place on the first axis as a title.

    Parameters
    ----------
    spectrum : Spectrum
        Of two dimensions; metadata are those of all.

    Raises
    ------
    InputError
        If it has not two.
    """
    if spectrum.y.ndim != 2:
        raise InputError(
            f"Expected a spectrum of two dimensions, got {spectrum.y.ndim}; give a list of spectra."
        )
    first, unit = spectrum.axes[0].values, spectrum.axes[0].unit
    return tuple(
        replace(
            spectrum.do(
                "take_row", row, axes=spectrum.axes[1:], settings={"axis": 0, "at": float(at)}
            ),
            metadata={**spectrum.metadata, "title": f"{at:g} {unit}".strip()},
        )
        for at, row in zip(first, spectrum.y, strict=True)
    )


def _find_delays(spectra: Spectrum | Sequence[Spectrum], delay_s: ArrayLike | None) -> Array:
    if delay_s is not None:
        return np.atleast_1d(np.asarray(delay_s, float))
    if isinstance(spectra, Spectrum) and spectra.axes[0].unit == "s":
        return spectra.axes[0].values
    raise InputError("Expected delays in s, as the file tells none; give delay_s.")
