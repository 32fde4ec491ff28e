"""Series of spectra over a delay: how each component recovers."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectro.fitting import Search, say_number
from spectro.model import FitResult, InputError, Spectrum, Uncertainty
from spectro.nmr.deconvolution import deconvolve
from spectro.nmr.intervals import clip_interval
from spectro.nmr.relaxation import Model, fit_buildup
from spectro.nmr.sites import BASELINE, INTEGRAL, QUANTITIES, Site, follow_ties

Array = NDArray[np.float64]

_LEAST_SPREAD = 1e-4  # of the largest variance, below which a direction is left out
_LIMITS = {"beta": (0.0, 1.0), "long_fraction": (0.0, 1.0), "initial": (-1.0, 1.0)}


@dataclass(frozen=True, slots=True)
class SeriesFit:
    """What a series of spectra tells of each component.

    Attributes
    ----------
    deconvolution : FitResult
        Of all spectra at once.
    integrals, errors : mapping of str to (N,) array
        Of each component in each spectrum, and their standard errors.
    spreads : mapping of str to (N, N) array
        Covariance of the integrals of each component that comes from what all spectra share; the
        rest of an error is each spectrum's own.
    curves : mapping of str to FitResult
        What was fitted to the integrals of each component, as `fit_buildup` gives it.
    """

    deconvolution: FitResult
    integrals: Mapping[str, Array]
    errors: Mapping[str, Array]
    curves: Mapping[str, FitResult]
    spreads: Mapping[str, Array] = field(default_factory=dict)

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
    0 after saturation. What of their errors is each spectrum's own weighs the points of the
    recovery. An error that all spectra share, as of a width, moves all integrals of a component
    together: recoveries are fitted to integrals that are moved so, and how far their numbers go is
    added to the standard errors in squares, and to the intervals in the same proportion.
    """
    rows = split_rows(spectra) if isinstance(spectra, Spectrum) else tuple(spectra)
    times_s = _find_delays(spectra, delay_s)
    if len(times_s) != len(rows):
        raise InputError(
            f"Expected a delay for each of the {len(rows)} spectra, got {len(times_s)}."
        )
    found = fit_rows(rows, sites, baseline_degree=baseline_degree)
    curves = {}
    for name, integrals in found.integrals.items():
        spread = found.spreads[name]
        own = np.sqrt(np.maximum(found.errors[name] ** 2 - np.diag(spread), 0.0))
        sigma = own if (own > 0).all() else found.errors[name]

        def fit(m: Array, sigma: Array = sigma) -> FitResult:
            return fit_buildup(times_s, m, model, sigma, initial)

        curves[name] = _widen(fit(integrals), _find_moves(fit, integrals, spread))
    return replace(found, curves=curves)


def _find_moves(
    fit: Callable[[Array], FitResult], integrals: Array, spread: Array
) -> Mapping[str, float]:
    """Standard deviation of each number of a recovery by that of its integrals together."""
    sizes, directions = np.linalg.eigh(spread)
    moves: dict[str, float] = {}
    for size, direction in zip(sizes.tolist(), directions.T, strict=True):
        if size > _LEAST_SPREAD * sizes[-1]:
            up, down = (fit(integrals + s * math.sqrt(size) * direction) for s in (1, -1))
            for name, value in up.values.items():
                change = (value - down.values[name]) / 2
                moves[name] = math.hypot(moves.get(name, 0.0), change)
    return moves


def _widen(fit: FitResult, moves: Mapping[str, float]) -> FitResult:
    """Recovery with intervals as much wider as further errors make its standard errors."""
    known = dict(fit.uncertainties)
    for name, one in known.items():
        if not (one.standard_error > 0 and math.isfinite(moves.get(name, 0.0))):
            continue
        error = math.hypot(one.standard_error, moves.get(name, 0.0))
        value, part = fit.values[name], error / one.standard_error
        wider = Uncertainty(
            error,
            value - part * (value - one.low),
            value + part * (one.high - value),
            one.level,
            one.method,
        )
        known[name] = clip_interval(wider, *_LIMITS.get(name, (0.0, math.inf)))
    said = tuple(
        say_number(name, fit.values[name], fit.units[name], one) for name, one in known.items()
    )
    return replace(fit, uncertainties=known, statements=said)


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
        numbered,
        signed,
        shared=(*QUANTITIES, *sorted({q for one in sites for q in one.quantities} - {*QUANTITIES})),
        baseline_degree=baseline_degree,
        search=search or Search(is_refined=False),
    )
    integrals, errors, spreads = {}, {}, {}
    for site in sites:
        names = [f"{one.title}/{site.name}.integral" for one in numbered]
        integrals[site.name] = np.array([fit.values[name] for name in names])
        errors[site.name] = np.array([fit.uncertainties[name].standard_error for name in names])
        root, factor, _ = follow_ties(signed, site.name, INTEGRAL)
        names = [f"{one.title}/{root}.integral" for one in numbered]
        spreads[site.name] = factor**2 * _find_spread(fit, names)
    return SeriesFit(fit, integrals, errors, {}, spreads)


def _find_spread(fit: FitResult, names: Sequence[str]) -> Array:
    """Covariance of some integrals that parameters of the shapes bring about, (N, N).

    With V the covariance of these parameters, and C that of the integrals with them, C V^-1 C^T.
    """
    order = list(fit.uncertainties)[: len(fit.covariance)]
    is_known = np.isfinite(np.diag(fit.covariance))
    rows = [order.index(name) for name in names]
    columns = [
        k
        for k, name in enumerate(order)
        if is_known[k] and name.rpartition(".")[2] != INTEGRAL and BASELINE not in name
    ]
    together = fit.covariance[np.ix_(rows, columns)]
    shapes = fit.covariance[np.ix_(columns, columns)]
    if not columns or not np.isfinite(together).all():
        return np.zeros((len(rows), len(rows)))
    return np.asarray(together @ np.linalg.pinv(shapes, hermitian=True) @ together.T)


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
