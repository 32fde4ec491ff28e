"""From an echo over time to nuclear frequencies: background, window, zero filling, transform."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectro.fitting import Minimum, Problem, minimise
from spectro.model import Axis, InputError, Parameter, Spectrum

Array = NDArray[np.float64]

_MICROSECONDS = {"s": 1e6, "ms": 1e3, "us": 1.0, "\u00b5s": 1.0, "\u03bcs": 1.0, "ns": 1e-3}
_MODELS = ("exponential", "stretched", "polynomial", "none")
_WINDOWS = ("none", "hamming", "hann", "kaiser")
_PARTS = ("magnitude", "real", "complex")
_UNEVEN = 1e-3  # of a step
_LEAST = 0.1  # of its maximum, below which a background is not divided by
_MOST_POINTS = 1 << 26


@dataclass(frozen=True, slots=True)
class Background:
    """What an echo decays to and how.

    Attributes
    ----------
    model : str
        "exponential": a exp(-t/T) + c; "stretched": a exp(-(t/T)^b) + c; "polynomial"; "none".
    order : int
        Of the polynomial.
    is_divided : bool
        Whether the echo is divided by it, less 1, so that what is left is the depth of modulation;
        otherwise it is subtracted.

    Raises
    ------
    InputError
        If there is no such model, or the order is not 0 to 12.
    """

    model: str = "exponential"
    order: int = 3
    is_divided: bool = False

    def __post_init__(self) -> None:
        """Refuse models that are not there."""
        if self.model not in _MODELS:
            raise InputError(f"Expected one of {', '.join(_MODELS)}, got {self.model!r}.")
        if not 0 <= self.order <= 12:
            raise InputError(f"Expected an order of 0 to 12, got {self.order}.")


def process_eseem(
    spectrum: Spectrum,
    *,
    background: str | Background = "exponential",
    window: str | tuple[str, float] = "hamming",
    zero_fill: int = 4,
    part: str = "magnitude",
) -> Spectrum:
    """Spectrum of nuclear frequencies of an echo that was recorded over one time or two.

    Parameters
    ----------
    spectrum : Spectrum
        Echo over times in s, ms, us or ns, evenly spaced; if complex, its phase is set first.
    background : str or Background, optional
        What is removed.
    window : str or (str, float), optional
        "hamming", "hann", "none", or "kaiser" with its beta (6 by default); the half that falls.
    zero_fill : int, optional
        Length with zeros over length without; 1 for none.
    part : str, optional
        "magnitude"; "real" for the cosine part; or "complex".

    Returns
    -------
    Spectrum
        Over frequency in MHz; of two times, the first frequency has both signs. A cosine of unit
        amplitude has the height 1, whatever the window and the filling. Every step is in its
        history; ``metadata["resolution_MHz"]`` says over which distance the noise goes together.

    Raises
    ------
    InputError
        If times are uneven or in no unit of time, values are not finite, or a background that is
        to be divided by comes near 0.

    Notes
    -----
    Y(f) = 2 / sum(w) * sum over t of w(t) y(t) exp(-2 pi i f t), with 1 for 2 at zero and at the
    Nyquist frequency; phases refer to the zero of the time axis. What was not recorded before the
    first point (dead time) is not reconstructed: broad lines lose height, and phases of the real
    part are those of the axis. A background in two dimensions is removed along the last time, then
    along the first; its decay is that of the mean trace as it was recorded, its amplitudes are
    those of each trace.
    """
    background = Background(background) if isinstance(background, str) else background
    if part not in _PARTS:
        raise InputError(f"Expected one of {', '.join(_PARTS)} as part, got {part!r}.")
    if zero_fill < 1 or math.prod(zero_fill * n for n in spectrum.y.shape) > _MOST_POINTS:
        raise InputError(
            f"Expected zero filling by 1 or more and at most {_MOST_POINTS} points, got "
            f"{zero_fill} for {spectrum.y.shape}; fill less."
        )
    times = [_read_time(axis) for axis in spectrum.axes]
    if not np.isfinite(spectrum.y).all():
        raise InputError("Expected a finite echo, got NaN or infinity; cut them out.")
    found = _remove_background(_set_phase(spectrum), times, background)
    windows = [make_window(window, len(time)) for time in times]
    found = _apply_windows(found, windows, window)
    return _transform(found, times, windows, zero_fill, part)


def make_window(window: str | tuple[str, float], n: int) -> Array:
    """Falling half (N,) of a window, 1 at its first point.

    Raises
    ------
    InputError
        If there is no such window.
    """
    name, beta = (window, 6.0) if isinstance(window, str) else window
    if name not in _WINDOWS:
        raise InputError(f"Expected one of {', '.join(_WINDOWS)} as window, got {name!r}.")
    if name == "kaiser":
        return np.asarray(np.kaiser(2 * n - 1, beta)[n - 1 :], np.float64)
    mean = {"none": 1.0, "hamming": 0.54, "hann": 0.5}[name]
    turn = np.pi * np.arange(n) / max(n - 1, 1)
    return np.asarray(mean + (1 - mean) * np.cos(turn), np.float64)


def _read_time(axis: Axis) -> Array:
    """Times in us."""
    if axis.unit not in _MICROSECONDS:
        raise InputError(
            f"Expected times in {', '.join(_MICROSECONDS)}, got {axis.name or 'an axis'} in "
            f"{axis.unit or 'no unit'}; name the unit of the axis."
        )
    time = axis.values * _MICROSECONDS[axis.unit]
    steps = np.diff(time)
    if len(time) < 8 or not steps.min() > 0 or np.ptp(steps) > _UNEVEN * steps.mean():
        raise InputError(
            f"Expected at least 8 times in even steps, got {len(time)} in steps of "
            f"{steps.min(initial=np.inf):.4g} to {steps.max(initial=-np.inf):.4g} us; interpolate."
        )
    return np.asarray(time, float)


def _set_phase(spectrum: Spectrum) -> Spectrum:
    """Real echo: turned so that as much as can be is real, and positive on the whole."""
    if not np.iscomplexobj(spectrum.y):
        return spectrum
    angle = 0.5 * float(np.angle((spectrum.y**2).sum()))
    turned = (spectrum.y * np.exp(-1j * angle)).real
    if turned.sum() < 0:
        turned, angle = -turned, angle + math.pi
    return spectrum.do("set_phase", turned, settings={"phase_deg": math.degrees(angle)})


def _remove_background(spectrum: Spectrum, times: list[Array], background: Background) -> Spectrum:
    """Echo without its background, along the last time first."""
    if background.model == "none":
        return spectrum
    if background.is_divided and len(times) > 1:
        raise InputError("Expected one time to divide by a background, got several; subtract it.")
    recorded, found = np.asarray(spectrum.y, float), spectrum
    for place in reversed(range(len(times))):
        mean = np.moveaxis(recorded, place, -1).reshape(-1, len(times[place])).mean(axis=0)
        shapes, fitted = _fit_shapes(mean, times[place], background)
        q, _ = np.linalg.qr(shapes.T)
        y = np.moveaxis(np.asarray(found.y, float), place, -1)
        fit = (y @ q) @ q.T
        left = _divide(y, fit) if background.is_divided else y - fit
        settings = {"model": background.model, **fitted, "axis": place}
        settings["is_divided"] = background.is_divided
        found = found.do("remove_background", np.moveaxis(left, -1, place), settings=settings)
    return found


def _divide(y: Array, fit: Array) -> Array:
    if not fit.min() > _LEAST * fit.max():
        raise InputError(
            f"Expected a background of more than {_LEAST:g} of its maximum throughout, got "
            f"{fit.min():.4g} of {fit.max():.4g}; subtract it."
        )
    return y / fit - 1


def _fit_shapes(
    mean: Array, time_us: Array, background: Background
) -> tuple[Array, dict[str, Any]]:
    """Curves (K, N) of which a background is the sum, and what was fitted to find them."""
    since = time_us - time_us[0]
    length = float(since[-1])
    if background.model == "polynomial":
        t = 2 * since / length - 1
        shapes = np.polynomial.legendre.legvander(t, background.order).T
        return np.asarray(shapes, float), {"order": background.order}
    is_stretched = background.model == "stretched"

    def decay(decay_us: float, stretch: float) -> Array:
        return np.array([np.exp(-((since / decay_us) ** stretch)), np.ones_like(since)])

    problem = Problem(
        (mean,),
        lambda v: (decay(v["decay_us"], v["stretch"]),),
        (
            Parameter("decay_us", length / 2, length / 20, 20 * length, "us"),
            Parameter("stretch", 1.0, 0.4 if is_stretched else 1.0, 2.0 if is_stretched else 1.0),
        ),
        ((Parameter("amplitude", 1.0), Parameter("offset", 0.0)),),
    )
    found: Minimum = minimise(problem)
    values = {name: found.values[name] for name in ("decay_us", "stretch")}
    settings = values | {"is_converged": found.is_converged}
    return decay(values["decay_us"], values["stretch"]), settings


def _apply_windows(
    spectrum: Spectrum, windows: list[Array], name: str | tuple[str, float]
) -> Spectrum:
    y = np.asarray(spectrum.y, float)
    for place, one in enumerate(windows):
        y = y * one.reshape([-1 if k == place else 1 for k in range(y.ndim)])
    return spectrum.do("apodise", y, settings={"window": name})


def _transform(
    spectrum: Spectrum, times: list[Array], windows: list[Array], zero_fill: int, part: str
) -> Spectrum:
    shape = [zero_fill * n for n in spectrum.y.shape]
    filled = np.zeros(shape)
    filled[tuple(slice(n) for n in spectrum.y.shape)] = spectrum.y
    y = np.fft.fftshift(np.fft.rfftn(filled), axes=range(len(shape) - 1))
    axes = []
    for place, (time, window, n) in enumerate(zip(times, windows, shape, strict=True)):
        step = float(time[-1] - time[0]) / (len(time) - 1)
        is_last = place == len(shape) - 1
        frequency = (
            np.fft.rfftfreq(n, step) if is_last else np.fft.fftshift(np.fft.fftfreq(n, step))
        )
        is_edge = np.isclose(np.abs(frequency), 0.5 / step) | (frequency == 0)
        factor = np.where(is_edge, 1.0, 2.0) / window.sum()
        turned = factor * np.exp(-2j * math.pi * frequency * time[0])
        y = y * turned.reshape([-1 if k == place else 1 for k in range(y.ndim)])
        axes.append(Axis(np.asarray(frequency, float), "frequency", "MHz"))
    taken = y if part == "complex" else y.real if part == "real" else np.abs(y)
    start_us = [float(time[0]) for time in times]
    filled_by = {"zero_fill": zero_fill, "n_points": shape}
    settings = {"part": part, "start_us": start_us, "dead_time": "not reconstructed"}
    resolution = _find_resolution(times[-1], windows[-1])
    return spectrum.do("fill_zeros", spectrum.y, settings=filled_by).do(
        "transform",
        taken,
        axes=axes,
        settings=settings,
        metadata={"part": part, "resolution_MHz": resolution},
    )


def _find_resolution(time_us: Array, window: Array) -> float:
    """Distance in MHz over which noise goes together: 1 / duration without a window."""
    weights = window**2 / (window**2).sum()
    mean = float(weights @ time_us)
    return 1 / math.sqrt(12 * float(weights @ (time_us - mean) ** 2))
