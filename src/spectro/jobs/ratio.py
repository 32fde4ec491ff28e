"""Enhancement as the result of a fit: the spectrum without microwaves, scaled to that with them."""

import math
from dataclasses import replace

import numpy as np

from spectro.jobs.settings import EnhancementSettings
from spectro.model import Curve, FitResult, InputError, Spectrum, Uncertainty
from spectro.nmr import Signal, compute_enhancement, measure_signal

_OUTER = 4  # the noise is taken from the last quarter of the axis, or from more
_WINDOWS = 9  # as wide as the region, that it takes at least
_CLEAR = 0.5  # widths of the region that are left between it and the noise
_LEVEL = 0.95
_REACH = 1.959964  # of that level, in standard deviations
_SHOWN = 1.0  # widths of the region to either side of it that go into the curve

Pair = tuple[float, float]


def fit_enhancement(on: Spectrum, off: Spectrum, options: EnhancementSettings) -> FitResult:
    """Enhancement of a region of two spectra.

    Parameters
    ----------
    on, off : Spectrum
        With microwaves and without, over ppm, processed alike.
    options : EnhancementSettings
        Regions and build-up times.

    Returns
    -------
    FitResult
        ``signal_on`` and ``signal_off``, per scan and gain, ``enhancement`` and ``time_saved``; see
        `spectro.nmr.compute_enhancement`. The curve is the spectrum with microwaves, and as its
        best fit that without, times the ratio of the signals.

    Raises
    ------
    InputError
        If scans, gains or recycle delays are not told, or a region has too few points.
    """
    noise = options.noise_ppm or _find_noise(on, options.window_ppm)
    scales, doubts = _find_scales(on, off)
    signals = [
        _measure(one, options.window_ppm, noise, scale)
        for one, scale in zip((on, off), scales, strict=True)
    ]
    times = (options.buildup_on_s, options.buildup_off_s)
    found = compute_enhancement(
        *(
            replace(one, buildup_s=math.nan if time is None else time)
            for one, time in zip(signals, times, strict=True)
        )
    )
    curve = _overlay(on, off, scales, options.window_ppm)
    values, known = {}, {}
    for name, one in zip(("signal_on", "signal_off"), signals, strict=True):
        reach = _REACH * one.error
        values[name] = one.value
        known[name] = Uncertainty(one.error, one.value - reach, one.value + reach, _LEVEL, "noise")
    values |= {"enhancement": found.epsilon, "time_saved": found.time_saved}
    known["enhancement"] = found.uncertainty
    known["time_saved"] = Uncertainty(math.nan, *found.time_saved_interval, _LEVEL, "Fieller")
    settings = {
        "window_ppm": list(options.window_ppm),
        "noise_ppm": list(noise),
        "buildup_s": list(times),
        "recycle_s": [one.recycle_s for one in signals],
        "n_scans_times_gain": list(scales),
    }
    unit = f"intensity {on.axes[-1].unit}".strip()
    return FitResult(
        "enhancement by DNP",
        values,
        {"signal_on": unit, "signal_off": unit, "enhancement": "", "time_saved": ""},
        known,
        np.diag([one.error**2 for one in signals]),
        (curve,),
        float(np.std(curve.residual)),
        found.statements,
        (*doubts, *found.warnings),
        settings=settings,
    )


def _find_noise(spectrum: Spectrum, window: Pair) -> Pair:
    """Outer quarter of the axis, or more, on the side that is further away from the signal."""
    low, high = float(spectrum.x.min()), float(spectrum.x.max())
    width = max((high - low) / _OUTER, _WINDOWS * (window[1] - window[0]))
    clear = _CLEAR * (window[1] - window[0])
    if window[0] - low > high - window[1]:
        return low, min(low + width, window[0] - clear)
    return max(high - width, window[1] + clear), high


def _find_scales(on: Spectrum, off: Spectrum) -> tuple[Pair, list[str]]:
    """Number of scans times gain of each, and what is not known of either."""
    scales, doubts = [1.0, 1.0], []
    for key, what in (("n_scans", "number of scans"), ("receiver_gain", "receiver gain")):
        told = [one.metadata.get(key) for one in (on, off)]
        if None not in told:
            scales = [a * float(b) for a, b in zip(scales, told, strict=True) if b is not None]
        elif told == [None, None]:
            doubts.append(f"The {what} ({key}) is not told; it is taken to be the same.")
        else:
            lacking = (on, off)[told.index(None)]
            raise InputError(
                f"Expected the {what} ({key}) of both spectra, got none for {lacking.title}; use "
                f"files of the same kind."
            )
    return (scales[0], scales[1]), doubts


def _measure(spectrum: Spectrum, window: Pair, noise: Pair, scale: float) -> Signal:
    value, error = measure_signal(spectrum, window, noise)
    recycle_s = spectrum.metadata.get("recycle_delay_s")
    return Signal(
        value / scale, error / scale, recycle_s=math.nan if not recycle_s else float(recycle_s)
    )


def _overlay(on: Spectrum, off: Spectrum, scales: Pair, window: Pair) -> Curve:
    """Spectrum with microwaves about the region, and that without times the ratio of signals."""
    margin = _SHOWN * (window[1] - window[0])
    kept = (on.x >= window[0] - margin) & (on.x <= window[1] + margin)
    axis = replace(on.axes[-1], values=on.x[kept])
    order = np.argsort(off.x)
    below = np.interp(axis.values, off.x[order], np.real(off.y)[order]) / scales[1]
    above = np.real(on.y)[kept] / scales[0]
    inside = (axis.values >= window[0]) & (axis.values <= window[1])
    total = float(below[inside].sum())
    ratio = float(above[inside].sum()) / total if total else math.nan
    data = on.do("scale", above, axes=[axis], settings={"factor": 1 / scales[0]})
    best = off.do("scale", ratio * below, axes=[axis], settings={"factor": ratio / scales[1]})
    return Curve(data, best)
