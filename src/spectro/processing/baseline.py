"""Baselines of spectra, offsets of FIDs, and noise."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import sici

from spectro.model import InputError, Spectrum
from spectro.processing.grid import find_points, find_step, require_time
from spectro.processing.transform import without_filter

METHODS = ("polynomial", "asls", "arpls", "offset")
_TAIL = 4  # the offset is the mean over the last quarter
_MAD = 0.6744897501960817  # median absolute deviation of a normal distribution of width 1
_WIDE = 3.0
_MOST_ROUNDS = 50


def subtract_baseline(
    spectrum: Spectrum,
    method: str = "polynomial",
    *,
    order: int = 3,
    regions: Sequence[tuple[float, float]] | None = None,
    smoothness: float = 1e7,
    asymmetry: float = 0.01,
) -> Spectrum:
    """Spectrum less its baseline, or a FID less its offset; the imaginary part stays as it is.

    Parameters
    ----------
    spectrum : Spectrum
        Of several rows each has a baseline of its own.
    method : str, optional
        "polynomial": least squares through the points in `regions`, or without them through those
        that an iteration takes for baseline [1]_. "asls": asymmetric least squares [2]_; "arpls":
        the same with weights from the noise [3]_; these are pybaselines'. "offset": of a FID, the
        mean over its last quarter, real and imaginary, as it rises through the digital filter.
    order : int, optional
        Of the polynomial.
    regions : sequence of pairs, optional
        Parts of the axis without lines, for a polynomial.
    smoothness : float, optional
        Weight of the curvature, for asymmetric least squares; larger is stiffer.
    asymmetry : float, optional
        Weight of points above the baseline, for "asls"; 0 to 1.

    Raises
    ------
    InputError
        If the method is not one of these, or the regions hold too few points.

    Notes
    -----
    An offset of the receiver begins with the signal and goes through the digital filter too, so
    about time zero it is no step but that of an ideal low pass, 1/2 + Si(pi t / dt) / pi. Of a FID
    without times before zero it is a constant. That is what TopSpin's ``BC_mod`` quad takes off.

    References
    ----------
    .. [1] J. Zhao, H. Lui, D. I. McLean, H. Zeng, Appl. Spectrosc. 2007, 61, 1225,
       DOI 10.1366/000370207782597003.
    .. [2] P. H. C. Eilers, Anal. Chem. 2003, 75, 3631, DOI 10.1021/ac034173t.
    .. [3] S.-J. Baek, A. Park, Y.-J. Ahn, J. Choo, Analyst 2015, 140, 250,
       DOI 10.1039/C4AN01061B.
    """
    if method not in METHODS:
        raise InputError(f"Expected a method out of {', '.join(METHODS)}, got {method!r}.")
    settings: dict[str, Any] = {"method": method}
    _check_data(spectrum, order)
    if method == "offset":
        return _subtract_offset(spectrum, settings)
    rows = spectrum.y.real.reshape(-1, len(spectrum.x))
    if method == "polynomial":
        settings |= {"order": order, "regions": _to_lists(regions)}
        found = _fit_polynomials(spectrum, rows, order, regions)
    else:
        settings |= {"smoothness": smoothness}
        settings |= {"asymmetry": asymmetry} if method == "asls" else {}
        found = _fit_least_squares(rows, method, smoothness, asymmetry)
    y = spectrum.y - found.reshape(spectrum.y.shape)
    return spectrum.do("subtract_baseline", y, settings=settings)


def _check_data(spectrum: Spectrum, order: int) -> None:
    if not np.isfinite(spectrum.y).all():
        raise InputError(f"Expected finite data in {spectrum.title}, got NaN; cut them out.")
    if order < 0 or len(spectrum.x) <= order + 1:
        raise InputError(
            f"Expected an order of at least 0 and more points than it takes, got order {order} "
            f"and {len(spectrum.x)} points."
        )


def _to_lists(regions: Sequence[tuple[float, float]] | None) -> list[list[float]] | None:
    return None if regions is None else [[float(low), float(high)] for low, high in regions]


def _subtract_offset(spectrum: Spectrum, settings: dict[str, Any]) -> Spectrum:
    """FID less the mean of its tail, which rises with the filter where there is one."""
    require_time(spectrum, "subtract its offset")
    spectrum = without_filter(spectrum)
    tail = spectrum.y[..., -(len(spectrum.x) // _TAIL or 1) :]
    offset = tail.mean(axis=-1, keepdims=True)
    y = spectrum.y - offset * _rise(spectrum)
    return spectrum.do("subtract_baseline", y, settings=settings)


def _rise(spectrum: Spectrum) -> NDArray[np.float64]:
    """Step at time zero through an ideal low pass (N,); 1 throughout without times before."""
    if spectrum.x[0] >= 0:
        return np.ones(len(spectrum.x))
    points = spectrum.x / find_step(spectrum.axes[-1])
    return np.asarray(0.5 + sici(np.pi * points)[0] / np.pi, float)


def _fit_polynomials(
    spectrum: Spectrum,
    rows: NDArray[np.float64],
    order: int,
    regions: Sequence[tuple[float, float]] | None,
) -> NDArray[np.float64]:
    n = rows.shape[1]
    if regions is None:
        from pybaselines import Baseline  # noqa: PLC0415 - slow to load

        fitter = Baseline(np.linspace(-1.0, 1.0, n))
        return np.array([fitter.imodpoly(row, poly_order=order)[0] for row in rows])
    keep = np.zeros(n, bool)
    for low, high in regions:
        keep |= find_points(spectrum.axes[-1], (low, high))
    if not 0 <= order < keep.sum():
        raise InputError(
            f"Expected more points in the regions than the order of the polynomial, got "
            f"{int(keep.sum())} for order {order}; widen the regions."
        )
    basis = np.polynomial.legendre.legvander(np.linspace(-1.0, 1.0, n), order)
    weights = np.linalg.lstsq(basis[keep], rows[:, keep].T, rcond=None)[0]
    return np.asarray((basis @ weights).T)


def _fit_least_squares(
    rows: NDArray[np.float64], method: str, smoothness: float, asymmetry: float
) -> NDArray[np.float64]:
    if not (0 < smoothness < np.inf and 0 < asymmetry < 1):
        raise InputError(
            f"Expected a smoothness above 0 and an asymmetry between 0 and 1, got "
            f"{smoothness:g} and {asymmetry:g}."
        )
    from pybaselines import Baseline  # noqa: PLC0415 - slow to load

    fitter = Baseline(np.linspace(-1.0, 1.0, rows.shape[1]))
    if method == "asls":
        return np.array([fitter.asls(row, lam=smoothness, p=asymmetry)[0] for row in rows])
    return np.array([fitter.arpls(row, lam=smoothness)[0] for row in rows])


def estimate_noise(spectrum: Spectrum, region: tuple[float, float] | None = None) -> float:
    """Standard deviation of the noise in the real part.

    Parameters
    ----------
    spectrum : Spectrum
        With noise that is the same everywhere.
    region : pair of float, optional
        Part of the axis without lines, where the deviation from a straight line counts. Without it,
        points further than 3 deviations from the median are left out until none is, which asks for
        lines on less than half of the axis and a flat baseline.

    Raises
    ------
    InputError
        If the region holds fewer than 8 points.
    """
    rows = np.atleast_2d(spectrum.y.real)
    if region is not None:
        keep = find_points(spectrum.axes[-1], region)
        n = int(keep.sum())
        if n < 8:
            raise InputError(f"Expected 8 or more points in the region, got {n}; widen it.")
        rows = rows.reshape(-1, rows.shape[-1])[:, keep]
        basis = np.vander(np.linspace(-1.0, 1.0, n), 2)
        rest = rows.T - basis @ np.linalg.lstsq(basis, rows.T, rcond=None)[0]
        return float(np.sqrt((rest**2).sum() / (rest.size - 2 * rest.shape[1])))
    values = rows.ravel()
    width = float(np.median(np.abs(values - np.median(values)))) / _MAD
    for _ in range(_MOST_ROUNDS):
        middle = float(np.median(values))
        kept = values[np.abs(values - middle) <= _WIDE * width]
        if len(kept) == len(values) or len(kept) < 8:
            break
        values = kept
        width = float(np.median(np.abs(values - np.median(values)))) / _MAD
    return width
