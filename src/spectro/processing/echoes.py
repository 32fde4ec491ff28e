"""Trains of echoes (CPMG): added up in time, or transformed as a whole into spikelets.

References
----------
.. [1] F. H. Larsen, H. J. Jakobsen, P. D. Ellis, N. C. Nielsen, J. Phys. Chem. A 1997, 101, 8597,
   DOI 10.1021/jp971547b.
"""

import math

import numpy as np
from numpy.typing import NDArray

from spectro.model import Axis, InputError, Spectrum
from spectro.processing.grid import find_step, require_complex, require_time
from spectro.processing.transform import fourier_transform, without_filter

_ON_GRID = 1e-6  # of a step


def coadd_echoes(
    spectrum: Spectrum,
    *,
    period_s: float,
    n_echoes: int,
    first_s: float | None = None,
    decay_s: float | None = None,
) -> Spectrum:
    """Sum of the echoes of a train, whole, with time zero at their top.

    Parameters
    ----------
    spectrum : Spectrum
        A train of echoes over time.
    period_s : float
        From the top of one echo to that of the next.
    n_echoes : int
        How many to add.
    first_s : float, optional
        Top of the first one, on the axis of the train; by default half a period.
    decay_s : float, optional
        Time in which the echoes decay (T2'). Given, echo k has the weight
        exp(-k period / decay), which gives the best signal to noise; without it, 1.

    Raises
    ------
    InputError
        If the train is shorter than that, or a time is not positive.

    Notes
    -----
    Tops that lie between points are brought onto them by a Fourier shift, so no frequency is
    blurred.
    """
    require_time(spectrum, "add up its echoes")
    require_complex(spectrum, "add up its echoes")
    spectrum = without_filter(spectrum)
    first_s = period_s / 2 if first_s is None else first_s
    if decay_s is not None and not decay_s > 0:
        raise InputError(f"Expected a decay time above 0 s, got {decay_s:g}.")
    step_s, n_points = _check(spectrum, period_s, n_echoes, first_s)
    before = n_points // 2
    total = np.zeros((*spectrum.y.shape[:-1], n_points), np.complex128)
    for number in range(n_echoes):
        place = (first_s + number * period_s - spectrum.x[0]) / step_s
        start = round(place) - before
        echo = spectrum.y[..., start : start + n_points]
        weight = math.exp(-number * period_s / decay_s) if decay_s else 1.0
        total += weight * _shift(echo, place - round(place))
    axis = spectrum.axes[-1]
    values = np.arange(-before, n_points - before, dtype=np.float64) * step_s
    times_s = Axis(values, axis.name, axis.unit)
    settings = {
        "period_s": float(period_s),
        "n_echoes": int(n_echoes),
        "first_s": float(first_s),
        "decay_s": decay_s,
    }
    axes = (*spectrum.axes[:-1], times_s)
    return spectrum.do("coadd_echoes", total, axes=axes, settings=settings)


def to_spikelets(
    spectrum: Spectrum, *, period_s: float, n_echoes: int, first_s: float | None = None
) -> Spectrum:
    """Spectrum of a train of echoes as a whole: lines 1 / period apart, under the true shape.

    Parameters
    ----------
    spectrum : Spectrum
        A train of echoes over time.
    period_s : float
        From the top of one echo to that of the next.
    n_echoes : int
        How many to transform.
    first_s : float, optional
        Top of the first one, on the axis of the train; by default half a period.

    Raises
    ------
    InputError
        If the train is shorter than that, or a time is not positive.
    """
    require_time(spectrum, "turn it into spikelets")
    spectrum = without_filter(spectrum)
    first_s = period_s / 2 if first_s is None else first_s
    step_s, _ = _check(spectrum, period_s, n_echoes, first_s)
    start = round((first_s - period_s / 2 - spectrum.x[0]) / step_s)
    stop = start + round(n_echoes * period_s / step_s)
    axis = spectrum.axes[-1]
    times_s = Axis(axis.values[start:stop] - first_s, axis.name, axis.unit)
    train = Spectrum(spectrum.y[..., start:stop], (*spectrum.axes[:-1], times_s), spectrum.metadata)
    done = fourier_transform(train, first_point=1.0)
    settings = {"period_s": float(period_s), "n_echoes": int(n_echoes), "first_s": float(first_s)}
    return spectrum.do("to_spikelets", done.y, axes=done.axes, settings=settings)


def _check(spectrum: Spectrum, period_s: float, n_echoes: int, first_s: float) -> tuple[float, int]:
    """Step of the axis and whole points in a period; refuse a train that is not there."""
    step_s = find_step(spectrum.axes[-1])
    n_points = math.floor(period_s / step_s + _ON_GRID) if period_s > 0 else 0
    if n_points < 2 or n_echoes < 1:
        raise InputError(
            f"Expected one echo or more with a period of two points or more, got {n_echoes} of "
            f"{period_s:g} s at a step of {step_s:g} s."
        )
    start = round((first_s - spectrum.x[0]) / step_s) - n_points // 2
    last = round((first_s + (n_echoes - 1) * period_s - spectrum.x[0]) / step_s)
    if start < 0 or last - n_points // 2 + n_points > len(spectrum.x):
        raise InputError(
            f"Expected {n_echoes} whole echoes from {first_s:g} s on, got a train from "
            f"{spectrum.x[0]:g} to {spectrum.x[-1]:g} s; give fewer, or another first_s."
        )
    return step_s, n_points


def _shift(echo: NDArray[np.complex128], points: float) -> NDArray[np.complex128]:
    """Echo whose top lies so many points late, brought forward by a Fourier shift."""
    if abs(points) < _ON_GRID:
        return echo
    turn = np.exp(2j * np.pi * np.fft.fftfreq(echo.shape[-1]) * points)
    return np.asarray(np.fft.ifft(np.fft.fft(echo, axis=-1) * turn, axis=-1))
