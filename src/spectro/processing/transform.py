"""From the FID to the spectrum: digital filter, apodisation, zero filling, Fourier transform.

A spectrum is S(nu) = sum_k y(t_k) exp(-2 pi i nu t_k), with the true time of every point, so that
nothing has to be guessed of its phase. It falls in frequency from left to right, as shifts are
drawn.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectro.model import Axis, InputError, Spectrum
from spectro.processing.grid import (
    DELAY,
    find_offsets_Hz,
    find_step,
    find_width_Hz,
    pick,
    require_complex,
    require_time,
)

_MOST_POINTS = 1 << 28
_ON_GRID = 1e-6  # of a step: a FID that starts at zero
WINDOWS = ("exponential", "gaussian", "cosine", "cosine squared")


def remove_digital_filter(spectrum: Spectrum, points: float | None = None) -> Spectrum:
    """FID, or its transform, without the delay of the digital filter.

    The filter delays the signal by a number of points that is not whole. Of a FID only the axis
    changes: its zero moves to where the signal starts, and the points before it, in which the
    filter builds up, keep their negative times. A transform, which takes the times as they are, is
    then exact for any zero filling; nothing is cut or interpolated. A spectrum is multiplied by
    exp(2 pi i nu tau), which is the same.

    Parameters
    ----------
    spectrum : Spectrum
        A FID, or a spectrum with the carrier in its middle.
    points : float, optional
        Delay in points of the FID; by default what the metadata say (``group_delay_points``).

    Raises
    ------
    InputError
        If no delay is known.
    """
    delay = pick(spectrum.metadata, DELAY) if points is None else float(points)
    if delay is None or not math.isfinite(delay):
        raise InputError(
            f"Expected the delay of the digital filter of {spectrum.title}, got none in its file; "
            f"give it in points, or 0."
        )
    settings, left = {"points": delay}, {DELAY: 0.0}
    name = "remove_digital_filter"
    axis = spectrum.axes[-1]
    if axis.unit == "s":
        moved = Axis(axis.values - delay * find_step(axis), axis.name, axis.unit)
        axes = (*spectrum.axes[:-1], moved)
        return spectrum.do(name, spectrum.y, axes=axes, settings=settings, metadata=left)
    require_complex(spectrum, "remove the digital filter")
    tau_s = delay / find_width_Hz(spectrum)
    turned = spectrum.y * np.exp(2j * np.pi * find_offsets_Hz(spectrum) * tau_s)
    return spectrum.do(name, turned, settings=settings, metadata=left)


def without_filter(spectrum: Spectrum) -> Spectrum:
    """The same, with a digital filter that is still in it removed."""
    return remove_digital_filter(spectrum) if pick(spectrum.metadata, DELAY) else spectrum


def apodise(
    spectrum: Spectrum, window: str = "exponential", *, width_Hz: float = 0.0, centre_s: float = 0.0
) -> Spectrum:
    """FID times a window.

    Parameters
    ----------
    spectrum : Spectrum
        Over time.
    window : str, optional
        "exponential", exp(-pi w t), which broadens lines by a Lorentzian of width w; "gaussian",
        exp(-(pi w t)^2 / (4 ln 2)), by a Gaussian of that width; "cosine", cos(pi t / 2T), which
        falls to zero at the end T; "cosine squared".
    width_Hz : float, optional
        Full width at half maximum that the first two add.
    centre_s : float, optional
        Time of its maximum: 0 for a FID, the top of an echo.

    Raises
    ------
    InputError
        If the window is not one of these, or the width is negative or not finite.
    """
    require_time(spectrum, "apodise")
    if window not in WINDOWS or not 0 <= width_Hz < math.inf:
        raise InputError(
            f"Expected a window out of {', '.join(WINDOWS)} of a width of 0 Hz or more, got "
            f"{window!r} of {width_Hz:g} Hz."
        )
    spectrum = without_filter(spectrum)
    times_s = spectrum.x - centre_s
    if centre_s > 0:  # an echo decays to both sides; a FID is taken on to its few negative times
        times_s = np.abs(times_s)
    settings = {"window": window, "width_Hz": width_Hz, "centre_s": centre_s}
    return spectrum.do("apodise", spectrum.y * _draw(window, times_s, width_Hz), settings=settings)


def _draw(window: str, times_s: NDArray[np.float64], width_Hz: float) -> NDArray[np.float64]:
    if window == "exponential":
        return np.asarray(np.exp(-np.pi * width_Hz * times_s))
    if window == "gaussian":
        return np.asarray(np.exp(-((np.pi * width_Hz * times_s) ** 2) / (4 * np.log(2))))
    quarter = np.cos(0.5 * np.pi * times_s / (times_s.max() or 1.0))
    return np.asarray(quarter if window == "cosine" else quarter**2)


def zero_fill(spectrum: Spectrum, n_points: int | None = None) -> Spectrum:
    """FID with zeros after it.

    Parameters
    ----------
    spectrum : Spectrum
        Over time.
    n_points : int, optional
        Points in all; by default twice as many as there are, up to a power of 2, beyond which
        zeros interpolate and add nothing.

    Raises
    ------
    InputError
        If there are more points than that already, or it is too many.
    """
    require_time(spectrum, "fill with zeros")
    n = len(spectrum.x)
    n_all = 1 << (2 * n - 1).bit_length() if n_points is None else int(n_points)
    if not n <= n_all <= _MOST_POINTS:
        raise InputError(
            f"Expected {n} to {_MOST_POINTS} points in all, got {n_all}; the FID has {n}."
        )
    axis = spectrum.axes[-1]
    times_s = axis.values[0] + find_step(axis) * np.arange(n_all)
    times_s[:n] = axis.values
    filled = np.zeros((*spectrum.y.shape[:-1], n_all), spectrum.y.dtype)
    filled[..., :n] = spectrum.y
    axes = (*spectrum.axes[:-1], Axis(times_s, axis.name, axis.unit))
    return spectrum.do("zero_fill", filled, axes=axes, settings={"n_points": n_all})


def fourier_transform(spectrum: Spectrum, *, first_point: float | None = None) -> Spectrum:
    """Spectrum of a FID, complex, over ppm where its reference is known and over Hz where not.

    A digital filter that is still in the FID is removed first, as a step of its own.

    Parameters
    ----------
    spectrum : Spectrum
        Over time; of several dimensions the last one is transformed.
    first_point : float, optional
        Factor for the first point. By default 1/2 for a FID that starts at time zero, where the sum
        would count it twice and lift the baseline [1]_, and 1 for one with times before zero.

    Notes
    -----
    S(nu_j) = sum_k y(t_k) exp(-2 pi i nu_j t_k), with nu_j = (N // 2 - j) / (N dt). The sum of
    squares of S is N times that of y, and the mean of S is the signal at time zero.

    References
    ----------
    .. [1] G. Otting, H. Widmer, G. Wagner, K. Wuthrich, J. Magn. Reson. 1986, 66, 187.
    """
    require_time(spectrum, "transform it")
    spectrum = without_filter(spectrum)
    times_s = spectrum.axes[-1]
    step_s = find_step(times_s)
    n, start_s = len(times_s), float(times_s.values[0])
    if first_point is None:
        first_point = 0.5 if abs(start_s) < _ON_GRID * step_s else 1.0
    y = np.array(spectrum.y, np.complex128)
    y[..., 0] *= first_point
    order = n // 2 - np.arange(n)
    offsets_Hz = order / (n * step_s)
    turned = np.fft.fft(y, axis=-1)[..., order % n] * np.exp(-2j * np.pi * offsets_Hz * start_s)
    axes = (*spectrum.axes[:-1], _make_axis(spectrum, np.asarray(offsets_Hz)))
    settings = {"first_point": first_point}
    return spectrum.do("fourier_transform", turned, axes=axes, settings=settings)


def _make_axis(spectrum: Spectrum, offsets_Hz: NDArray[np.float64]) -> Axis:
    known: Any = spectrum.metadata
    zero_MHz, carrier_ppm = pick(known, "reference_frequency_MHz"), pick(known, "carrier_ppm")
    if zero_MHz is None or carrier_ppm is None:
        return Axis(offsets_Hz, "frequency", "Hz")
    name = f"{known.get('nucleus', '')} chemical shift".strip()
    return Axis(carrier_ppm + offsets_Hz / zero_MHz, name, "ppm")
