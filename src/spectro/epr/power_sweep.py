"""Saturation curves from spectra: how high each line is at each microwave power."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spectro.epr.lines import Line, find_lines, peak_to_peak, require_derivative
from spectro.epr.noise import estimate_autocovariance, sum_error
from spectro.epr.receiver import compute_receiver_factors, tell_conditions
from spectro.model import InputError, Spectrum, read_only

Array = NDArray[np.float64]
Windows = Sequence[tuple[float, float]]

_METHODS = ("peak_to_peak", "fit")
_LEAST_POINTS = 8  # of a line
_MOST_COMMON = 3  # singular vectors that are no noise: a line, its change with power, a baseline
_ROUNDS = 3
_MISFIT = 0.05  # of the height, rms, beyond which a line has changed its shape
_ALIKE = {  # what amplitudes also depend on, its name, and by what part it may differ
    "modulation_amplitude_mT": ("modulation amplitudes", 0.01),
    "temperature_K": ("temperatures", 0.02),
    "q_factor": ("Q factors", 0.05),
}


@dataclass(frozen=True, slots=True, eq=False)
class SaturationCurve:
    """Height of each line at each power.

    Attributes
    ----------
    power_mW : (N,) array
        Ascending.
    amplitude : (K, N) array
        Peak to peak of the first derivative, of K lines, in the unit of the first spectrum.
    error : (K, N) array
        Standard errors from the noise, which is what no other spectrum shows; NaN for too few.
    window_mT : (K, 2) array
        Field from and to which each line reaches.
    method : str
        "peak_to_peak" or "fit".
    warnings : tuple of str
        What the amplitudes may suffer from, in sentences.
    """

    power_mW: Array
    amplitude: Array
    error: Array
    window_mT: Array
    method: str
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make the table read-only."""
        for name in ("power_mW", "amplitude", "error", "window_mT"):
            object.__setattr__(self, name, read_only(np.asarray(getattr(self, name), np.float64)))


@dataclass(frozen=True, slots=True, eq=False)
class _Sweep:
    """Spectra at ascending powers on one axis of field."""

    power_mW: Array  # (N,)
    x_mT: Array  # (M,)
    y: Array  # (N, M)
    warnings: tuple[str, ...] = ()


def saturation_curve(
    spectra: Spectrum | Sequence[Spectrum],
    *,
    method: str = "peak_to_peak",
    windows_mT: Windows | None = None,
    power_mW: ArrayLike | None = None,
    reference: Spectrum | None = None,
) -> SaturationCurve:
    """Heights of lines against microwave power.

    Parameters
    ----------
    spectra : Spectrum or sequence of Spectrum
        First derivatives: one plane of powers and field, or one spectrum per power.
    method : {"peak_to_peak", "fit"}, optional
        "fit" is the scale of a reference shape, in units of its height, with a straight baseline:
        less noise, and no bias by it, for lines that keep their shape. A homogeneous line
        broadens by sqrt(1 + s), so its height is to be taken from peak to peak.
    windows_mT : sequence of (float, float), optional
        Field from and to which each line reaches; by default lines are found.
    power_mW : (N,) array, optional
        Powers; by default those of the axis or the metadata.
    reference : Spectrum, optional
        Shape for "fit"; by default the one that all spectra have most in common.

    Returns
    -------
    SaturationCurve
        Intensities are divided by receiver gain, scans and conversion time where these differ, so
        the unit is that of the first spectrum.

    Raises
    ------
    InputError
        If there is no power, no line, or no way to compare the intensities.

    Notes
    -----
    Fields of single spectra are scaled to the first one's microwave frequency. The common shape is
    the first right singular vector of the spectra, each over its noise.
    """
    if method not in _METHODS:
        raise InputError(f"Expected {' or '.join(_METHODS)} as a method, got {method!r}.")
    if isinstance(spectra, Spectrum):
        sweep = _read_plane(spectra, power_mW)
    else:
        sweep = _stack(list(spectra), power_mW)
    lines = _choose_lines(sweep, windows_mT)
    noise = _estimate_noise(sweep)
    shape = (
        _find_shape(sweep.y / _find_sigma(noise)[:, None])
        if reference is None
        else _read_reference(sweep, reference)
    )
    rows, warnings = [], list(sweep.warnings)
    for line in lines:
        inside = (sweep.x_mT >= line.window_mT[0]) & (sweep.x_mT <= line.window_mT[1])
        n_width = round(line.width_mT / float(np.diff(sweep.x_mT[inside]).mean()))
        if method == "fit":
            height = peak_to_peak(shape[inside], n_width, np.zeros(0))[0]
            found, doubts = _fit_scales(sweep, inside, shape / height, noise)
            warnings += doubts
        else:
            found = [
                peak_to_peak(y[inside], n_width, one) for y, one in zip(sweep.y, noise, strict=True)
            ]
        rows.append(found)
    table = np.array(rows, float)
    windows = np.array([line.window_mT for line in lines])
    return SaturationCurve(
        sweep.power_mW, table[..., 0], table[..., 1], windows, method, tuple(warnings)
    )


def _read_plane(spectrum: Spectrum, power_mW: ArrayLike | None) -> _Sweep:
    if spectrum.y.ndim != 2:
        raise InputError(
            f"Expected a plane of powers and field, got {spectrum.title} with "
            f"{spectrum.y.ndim} axis; give a list of spectra."
        )
    require_derivative(spectrum)
    axis = spectrum.axes[0]
    if power_mW is None and axis.unit != "mW":
        raise InputError(
            f"Expected powers in mW along the first axis of {spectrum.title}, got "
            f"{axis.label or 'no name'}; give power_mW."
        )
    power = axis.values if power_mW is None else np.asarray(power_mW, float)
    return _sort(power, spectrum.x, np.asarray(spectrum.y))


def _sort(power: Array, x: Array, y: Array, warnings: Sequence[str] = ()) -> _Sweep:
    if power.shape != y.shape[:1] or len(power) < 2 or not (power > 0).all():
        raise InputError(
            f"Expected a power above 0 mW for each of two spectra or more, got {power.tolist()} "
            f"for {len(y)}; give power_mW."
        )
    order = np.argsort(power, kind="stable")
    return _Sweep(power[order], x, y[order], tuple(warnings))


def _stack(spectra: list[Spectrum], power_mW: ArrayLike | None) -> _Sweep:
    """Spectra on the axis of the first one, as if its receiver had seen them all."""
    if len(spectra) < 2 or any(one.y.ndim != 1 for one in spectra):
        raise InputError(
            "Expected two spectra of one axis or more, got others; give one per power."
        )
    for one in spectra:
        require_derivative(one)
    power = [one.require("power_mW", "microwave power") for one in spectra if power_mW is None]
    conditions = [tell_conditions(one) for one in spectra]
    factors, _ = compute_receiver_factors(conditions)
    axes = [_scale_field(one, spectra[0]) for one in spectra]
    low, high = max(x[0] for x in axes), min(x[-1] for x in axes)
    x = axes[0][(axes[0] >= low) & (axes[0] <= high)]
    if len(x) < _LEAST_POINTS:
        raise InputError(
            f"Expected spectra over the same range of field, got {len(x)} points in common."
        )
    y = [
        np.interp(x, at, one.y) / factor
        for at, one, factor in zip(axes, spectra, factors, strict=True)
    ]
    warnings = []
    for name, (words, part) in _ALIKE.items():
        known = [float(one[name]) for one in conditions if one.get(name) is not None]
        if known and max(known) - min(known) > part * max(known):
            warnings.append(
                f"The {words} ({name}) differ, {min(known):.4g} to {max(known):.4g}, and "
                f"amplitudes are not corrected for that; measure with the same."
            )
    given = np.asarray(power if power_mW is None else power_mW, float)
    return _sort(given, x, np.array(y), warnings)


def _scale_field(spectrum: Spectrum, first: Spectrum) -> Array:
    """Field at which the first one's frequency would find the same g."""
    wanted, measured = (one.metadata.get("frequency_GHz") for one in (first, spectrum))
    if wanted is None or measured is None:
        return spectrum.x
    return np.asarray(spectrum.x * float(wanted) / float(measured))


def _choose_lines(sweep: _Sweep, windows_mT: Windows | None) -> list[Line]:
    shape = _find_shape(sweep.y / np.maximum(np.linalg.norm(sweep.y, axis=1), 1e-300)[:, None])
    if windows_mT is None:
        found = list(find_lines(sweep.x_mT, shape))
        if not found:
            raise InputError("Expected a line in the spectra, got none; give windows_mT.")
    else:
        found = [_measure(sweep.x_mT, shape, low, high) for low, high in windows_mT]
    for line in found:
        low, high = line.window_mT
        n_points = int(((sweep.x_mT >= low) & (sweep.x_mT <= high)).sum())
        if n_points < _LEAST_POINTS:
            raise InputError(
                f"Expected {_LEAST_POINTS} points or more from {low:g} to {high:g} mT, got "
                f"{n_points}; give wider windows_mT within {sweep.x_mT[0]:g} to "
                f"{sweep.x_mT[-1]:g} mT."
            )
    return found


def _measure(x: Array, shape: Array, low: float, high: float) -> Line:
    """Line in a window that is given, as wide as its extremes are apart."""
    inside = (x >= low) & (x <= high)
    if not inside.any():
        return Line((low, high), 0.0)
    places = x[inside][[shape[inside].argmax(), shape[inside].argmin()]]
    return Line((low, high), float(abs(places[1] - places[0])))


def _estimate_noise(sweep: _Sweep) -> list[Array]:
    """Autocovariance of what is in each spectrum alone: noise, and no line that grows or widens.

    Of the spectra, each over its noise, a few singular vectors are what they have in common. The
    noise is not known before: the first time, it is taken to go with the intensity.
    """
    sigma = np.linalg.norm(sweep.y, axis=1)
    found = [np.zeros(0)] * len(sweep.y)
    for _ in range(_ROUNDS):
        if not sigma.all():
            break
        found = _estimate_rest(sweep.y, sigma)
        sigma = np.array(
            [math.sqrt(one[0]) if len(one) else s for one, s in zip(found, sigma, strict=True)]
        )
    return found


def _estimate_rest(y: Array, sigma: Array) -> list[Array]:
    left, values, right = np.linalg.svd(y / sigma[:, None], full_matrices=False)
    n_spectra, n_points = y.shape
    rank = min(_MOST_COMMON, max(n_spectra // 4, 1))
    rest = y - sigma[:, None] * ((left[:, :rank] * values[:rank]) @ right[:rank])
    n_taken = np.ceil(n_points * np.square(left[:, :rank]).sum(axis=1)).astype(int) + rank
    return [estimate_autocovariance([one], n) for one, n in zip(rest, n_taken, strict=True)]


def _find_sigma(noise: Sequence[Array]) -> Array:
    """Standard deviation of each spectrum's noise (N,); all alike where one is not known."""
    if all(len(one) and one[0] > 0 for one in noise):
        return np.sqrt([one[0] for one in noise])
    return np.ones(len(noise))


def _find_shape(weighted: Array) -> Array:
    """Shape (M,) that spectra (N, M) have most in common, upright as their sum is."""
    shape = np.linalg.svd(weighted, full_matrices=False)[2][0]
    return np.asarray(shape if shape @ weighted.sum(axis=0) >= 0 else -shape)


def _read_reference(sweep: _Sweep, reference: Spectrum) -> Array:
    require_derivative(reference)
    if reference.x[0] > sweep.x_mT[0] or reference.x[-1] < sweep.x_mT[-1]:
        raise InputError(
            f"Expected a reference from {sweep.x_mT[0]:g} to {sweep.x_mT[-1]:g} mT, got "
            f"{reference.x[0]:g} to {reference.x[-1]:g} mT."
        )
    return np.asarray(np.interp(sweep.x_mT, reference.x, reference.y))


def _fit_scales(
    sweep: _Sweep, inside: NDArray[np.bool_], shape: Array, noise: Sequence[Array]
) -> tuple[list[tuple[float, float]], list[str]]:
    """Scale of a shape in each spectrum and its error, and whether the shape fits."""
    x = sweep.x_mT[inside]
    design = np.array([shape[inside], np.ones(len(x)), (x - x.mean()) / np.ptp(x)])
    solve = np.linalg.pinv(design.T)
    scales, misfits = [], []
    for y, one in zip(sweep.y[:, inside], noise, strict=True):
        found = solve @ y
        scales.append((float(found[0]), sum_error(solve[0], one)))
        variance = float(np.square(y - found @ design).mean()) - (one[0] if len(one) else 0.0)
        misfits.append(np.sqrt(max(variance, 0.0)) / abs(found[0]))
    worst = max(misfits)
    if worst <= _MISFIT:
        return scales, []
    return scales, [
        f"The line at {x.mean():.5g} mT changes its shape: the reference misses it by "
        f"{100 * worst:.0f} % of its height at {sweep.power_mW[int(np.argmax(misfits))]:.3g} mW; "
        f"take it from peak to peak."
    ]
