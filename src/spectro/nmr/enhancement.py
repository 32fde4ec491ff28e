"""Enhancement by dynamic nuclear polarisation, and the time that it saves."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from spectro.model import InputError, Spectrum, Uncertainty
from spectro.processing.grid import find_step

_LEVEL = 0.95
_LEAST_WINDOWS = 8
_LEAST_POINTS = 2
_SAME_DELAY = 0.01
_AS_MEASURED = "at the same recycle delay"
_ENDLESS = (-math.inf, math.inf)


@dataclass(frozen=True, slots=True)
class Signal:
    """A measured signal and how it was measured.

    Attributes
    ----------
    value : float
        Integral or height, as it is in the data.
    error : float
        Its standard deviation, from the noise.
    n_scans : int
        That were added up.
    gain : float
        Of the receiver, as a factor and not in dB.
    recycle_s : float
        Delay between scans; NaN if it is not known.
    buildup_s : float
        Time constant with which the signal comes back; NaN if it is not known.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    value: float
    error: float
    n_scans: int = 1
    gain: float = 1.0
    recycle_s: float = math.nan
    buildup_s: float = math.nan

    def __post_init__(self) -> None:
        """Refuse what no spectrometer does."""
        if not (math.isfinite(self.value) and 0 <= self.error < math.inf):
            raise InputError(
                f"Expected a finite signal with an error of at least 0, got {self.value} and "
                f"{self.error}."
            )
        if not 1 <= self.n_scans < math.inf or not 0 < self.gain < math.inf:
            raise InputError(
                f"Expected at least one scan and a gain above 0, got {self.n_scans} and "
                f"{self.gain}."
            )
        if self.recycle_s <= 0 or self.buildup_s <= 0:
            raise InputError(
                f"Expected a recycle delay and a build-up time above 0 s, got {self.recycle_s} and "
                f"{self.buildup_s}."
            )

    @property
    def recovered(self) -> float:
        """Part of the equilibrium signal that a scan sees: 1 - exp(-recycle / build-up)."""
        return -math.expm1(-self.recycle_s / self.buildup_s)


@dataclass(frozen=True, slots=True)
class Enhancement:
    """Signal with microwaves by that without.

    Attributes
    ----------
    epsilon : float
        The ratio, normalised.
    uncertainty : Uncertainty
        Of it; the interval has no upper end where the signal without microwaves is not seen.
    time_saved : float
        How many times as long the same signal to noise takes without microwaves, each at its own
        recycle delay: the square of the ratio of signals per scan and root of the recycle delay.
    time_saved_interval : tuple of float
        Its lower and upper end.
    statements, warnings : tuple of str
        What was found, and what is doubtful, in sentences.
    """

    epsilon: float
    uncertainty: Uncertainty
    time_saved: float
    time_saved_interval: tuple[float, float]
    statements: tuple[str, ...]
    warnings: tuple[str, ...]


def measure_signal(
    spectrum: Spectrum, region: tuple[float, float], noise: tuple[float, float]
) -> tuple[float, float]:
    """Integral of a region of a spectrum and its standard error by the noise.

    Parameters
    ----------
    spectrum : Spectrum
        One dimension, phased, the baseline subtracted; of a complex one the real part.
    region, noise : (float, float)
        Ends on the axis, in either order: of the signal, and of where there is none.

    Raises
    ------
    InputError
        If there are too few points, or they are not evenly spaced.

    Notes
    -----
    The standard error is the root mean square of integrals over windows of the noise that are
    as wide as the region, so filters and zero filling, which make neighbours alike, are accounted
    for; so is what is left of a baseline. As there are few windows, it is multiplied by the factor
    of Student's distribution over that of the normal one, which `compute_enhancement` and
    `quantify` take, so that their intervals hold as often as they say.
    """
    if spectrum.y.ndim != 1:
        raise InputError(f"Expected one dimension, got {spectrum.y.ndim}; take a slice.")
    x, y = spectrum.x, np.real(spectrum.y)
    order = np.argsort(x)
    x, y = x[order], y[order]
    inside = y[(x >= min(region)) & (x <= max(region))]
    outside = y[(x >= min(noise)) & (x <= max(noise))]
    n = len(inside)
    if n < _LEAST_POINTS or len(outside) < _LEAST_WINDOWS * n:
        raise InputError(
            f"Expected at least {_LEAST_POINTS} points of signal and {_LEAST_WINDOWS} times as "
            f"many of noise, got {n} and {len(outside)}; take a wider range of noise."
        )
    step = abs(find_step(spectrum.axes[0]))
    windows = outside[: len(outside) // n * n].reshape(-1, n).sum(axis=1)
    tail = (1 + _LEVEL) / 2
    student = float(t.ppf(tail, len(windows)) / norm.ppf(tail))
    return float(inside.sum()) * step, student * float(np.sqrt(np.mean(windows**2))) * step


def compute_enhancement(on: Signal, off: Signal) -> Enhancement:
    """Enhancement epsilon of a signal with microwaves on over that with microwaves off.

    Parameters
    ----------
    on, off : Signal
        With their numbers of scans, gains and recycle delays.

    Raises
    ------
    InputError
        If recycle delays differ, or one is not known, and build-up times are not given.

    Notes
    -----
    Each signal is divided by its scans and its gain. Where recycle delays and build-up times are
    given, it is also divided by what of the equilibrium signal it sees,
    1 - exp(-recycle / build-up), whether the delays differ or not; epsilon is then that of the
    equilibrium. Without build-up times it is that at the recycle delay, which has to be the same
    within 1 %. The time saved is from what is measured, noise being alike in all scans. The
    interval is that of Fieller
    [1]_: the ratios at which on - ratio x off is not significantly different from 0.

    References
    ----------
    .. [1] E. C. Fieller, J. R. Stat. Soc. B 1954, 16, 175,
       DOI 10.1111/j.2517-6161.1954.tb00159.x.

    Examples
    --------
    >>> round(compute_enhancement(Signal(320.0, 2.0, 16), Signal(40.0, 2.0, 64)).epsilon, 3)
    32.0
    """
    kind, parts, warnings = _choose_kind(on, off)
    scale_on, scale_off = on.n_scans * on.gain, off.n_scans * off.gain
    a, a_error = on.value / scale_on, on.error / scale_on
    b, b_error = off.value / scale_off, off.error / scale_off
    if b == 0:
        raise InputError("Expected a signal without microwaves, got 0; measure it for longer.")
    low, high = _find_interval(a, a_error, b, b_error)
    seen = a / b
    error = abs(seen) * math.hypot(a_error / a, b_error / b) if a else a_error / abs(b)
    if not math.isfinite(high):
        warnings.append(
            "The signal without microwaves is not above its noise: epsilon has no upper end; "
            "measure it for longer."
        )
    factor = parts[1] / parts[0]
    known = Uncertainty(error * factor, low * factor, high * factor, _LEVEL, "Fieller")
    waits = off.recycle_s / on.recycle_s
    waits = waits if math.isfinite(waits) else 1.0
    least, most = sorted((low**2, high**2)) if low * high >= 0 else (0.0, max(low**2, high**2))
    saved = waits * least, waits * most
    text = (
        f"epsilon {kind} = {seen * factor:.3g} ({known.low:.3g} to {known.high:.3g}, 95 %); the "
        f"same signal to noise takes {waits * seen**2:.3g} times as long without microwaves "
        f"({saved[0]:.3g} to {saved[1]:.3g})."
    )
    return Enhancement(seen * factor, known, waits * seen**2, saved, (text,), tuple(warnings))


def _choose_kind(on: Signal, off: Signal) -> tuple[str, tuple[float, float], list[str]]:
    """Which epsilon it is, parts of the equilibrium that are seen, and doubts."""
    parts = on.recovered, off.recovered
    if all(map(math.isfinite, parts)):
        return "of the equilibrium", parts, []
    if math.isnan(on.recycle_s) and math.isnan(off.recycle_s):
        doubt = "The recycle delays are not known; they are taken to be the same."
        return _AS_MEASURED, (1.0, 1.0), [doubt]
    if math.isclose(on.recycle_s, off.recycle_s, rel_tol=_SAME_DELAY):
        return _AS_MEASURED, (1.0, 1.0), []
    raise InputError(
        f"Expected equal recycle delays or the build-up times with both, got delays of "
        f"{on.recycle_s:g} and {off.recycle_s:g} s; give buildup_s."
    )


def _find_interval(a: float, a_error: float, b: float, b_error: float) -> tuple[float, float]:
    """Ends of Fieller's interval of a / b; endless where b may be 0."""
    z2 = float(norm.ppf((1 + _LEVEL) / 2)) ** 2
    g = z2 * b_error**2 / b**2
    ratio = a / b
    if g >= 1:
        return (_find_least(a, a_error, b, b_error), math.inf) if ratio > 0 else _ENDLESS
    spread = math.sqrt(z2 * (a_error**2 + ratio**2 * b_error**2 - g * a_error**2)) / abs(b)
    return (ratio - spread) / (1 - g), (ratio + spread) / (1 - g)


def _find_least(a: float, a_error: float, b: float, b_error: float) -> float:
    """Smallest positive ratio r at which a - r b is within its error, where b may be 0."""
    z2 = float(norm.ppf((1 + _LEVEL) / 2)) ** 2
    inner = a**2 * b_error**2 + b**2 * a_error**2 - z2 * (a_error * b_error) ** 2
    curvature = z2 * b_error**2 - b**2
    if inner <= 0 or curvature <= 0 or a**2 <= z2 * a_error**2:
        return 0.0
    return (math.sqrt(z2 * inner) - a * b) / curvature
