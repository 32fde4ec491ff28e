"""Continuous-wave spectra: line shapes, field modulation, and what an experiment sees."""

import math
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import jv

from spectro.epr.powder import Pattern, compute_pattern
from spectro.epr.spin_system import BOHR_MHz_PER_mT, SpinSystem
from spectro.epr.strains import split_strain
from spectro.epr.sweep import Sweep
from spectro.model import Axis, InputError, Spectrum

Array = NDArray[np.float64]
Transform = NDArray[np.complex128]

_FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
_POINTS_PER_WIDTH = 20  # sharing out between four points leaves 1e-6
_LORENTZ_REACH, _GAUSS_REACH = 40.0, 5.0  # widths beyond the ends of the field
_MOST_POINTS = 1 << 22
_VANISHED = 37.0  # exponent at which nothing is left in double precision
_REFERENCE = 8 * BOHR_MHz_PER_mT * 2  # makes the integral of a spin 1/2 with g = 2 equal to 1


@dataclass(frozen=True, slots=True)
class CwExperiment:
    """Settings of a spectrometer that sweeps its field.

    Attributes
    ----------
    frequency_GHz : float
        Microwave frequency.
    field_mT : (float, float)
        First and last field.
    n_points : int
        Number of points, evenly spaced, the ends included.
    harmonic : int
        0 for absorption, 1 for its first derivative, 2 for its second.
    modulation_mT : float
        Amplitude of the field modulation, peak to peak; 0 for a true derivative.
    phase_deg : float
        Of the microwaves: 0 for absorption, 90 for dispersion.
    """

    frequency_GHz: float
    field_mT: tuple[float, float]
    n_points: int = 2048
    harmonic: int = 1
    modulation_mT: float = 0.0
    phase_deg: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be swept."""
        low, high = self.field_mT
        if not (self.frequency_GHz > 0 and math.isfinite(self.frequency_GHz)):
            raise InputError(f"Expected a frequency above 0 GHz, got {self.frequency_GHz}.")
        if not (0 <= low < high and math.isfinite(high)):
            raise InputError(
                f"Expected a field that ascends from 0 mT or more, got {low} to {high} mT."
            )
        if not 2 <= self.n_points <= _MOST_POINTS or self.harmonic not in (0, 1, 2):
            raise InputError(
                f"Expected 2 to {_MOST_POINTS} points and a harmonic of 0, 1 or 2, got "
                f"{self.n_points} and {self.harmonic}."
            )
        if not self.modulation_mT >= 0:
            raise InputError(f"Expected a modulation of at least 0 mT, got {self.modulation_mT}.")

    @property
    def field_axis_mT(self) -> Array:
        """Fields of the points."""
        return np.linspace(*self.field_mT, self.n_points)


@dataclass(frozen=True, slots=True)
class LineShape:
    """Widths of a line, peak to peak of its first derivative; with both, a Voigt profile.

    Attributes
    ----------
    gaussian_mT, lorentzian_mT : float
        At least 0, and one of them above.
    """

    gaussian_mT: float = 1.0
    lorentzian_mT: float = 0.0

    def __post_init__(self) -> None:
        """Refuse lines without a width."""
        widths = (self.gaussian_mT, self.lorentzian_mT)
        if not (np.isfinite(widths).all() and min(widths) >= 0 and max(widths) > 0):
            raise InputError(
                f"Expected widths of at least 0 mT, one of them above 0, got {widths}."
            )

    @property
    def sigma_mT(self) -> float:
        """Standard deviation of the Gaussian."""
        return self.gaussian_mT / 2

    @property
    def gamma_mT(self) -> float:
        """Half width at half maximum of the Lorentzian."""
        return self.lorentzian_mT * math.sqrt(3) / 2

    @property
    def fwhm_mT(self) -> float:
        """Full width at half maximum of the Voigt profile, to 0.02 %.

        References
        ----------
        .. [1] J. J. Olivero, R. L. Longbothum, J. Quant. Spectrosc. Radiat. Transf. 1977, 17, 233,
           DOI 10.1016/0022-4073(77)90161-3.
        """
        gauss, lorentz = _FWHM_PER_SIGMA * self.sigma_mT, 2 * self.gamma_mT
        return 0.5346 * lorentz + math.sqrt(0.2166 * lorentz**2 + gauss**2)


def simulate_cw(
    system: SpinSystem | Sequence[SpinSystem],
    experiment: CwExperiment,
    line: LineShape | None = None,
    *,
    tolerance: float = 5e-4,
) -> Spectrum:
    """Powder spectrum of one spin system, or of several with their weights.

    Parameters
    ----------
    system : SpinSystem or sequence of SpinSystem
        Elements among the nuclei stand for their natural mixtures.
    experiment : CwExperiment
        What is swept.
    line : LineShape, optional
        Widths; by default 1 mT, Gaussian.
    tolerance : float, optional
        Error aimed at, relative to the maximum of the spectrum.

    Returns
    -------
    Spectrum
        The integral of the absorption is 1 per unit of weight for a spin 1/2 with g = 2. The
        metadata hold the estimated ``error``, which is above the tolerance where that cannot be
        met, as where levels cross.

    Raises
    ------
    InputError
        If no line lies in the range of field, or lines are too narrow for it.

    Notes
    -----
    Levels are found by exact diagonalisation at a few fields and directions, followed from there
    by perturbation theory in the field and interpolated in direction; lines are weighted by their
    transition probability for microwaves across the field, and by dB/dnu, so that areas go with g
    [1]_; all levels are populated alike (high temperature).

    References
    ----------
    .. [1] R. Aasa, T. Vänngård, J. Magn. Reson. 1975, 19, 308.
    """
    line = LineShape() if line is None else line
    systems = [system] if isinstance(system, SpinSystem) else list(system)
    raster = plan_raster(experiment, line, tolerance)
    found = [transform_system(one, raster) for one in systems]
    error = max(error for _, error in found)
    y = apply_line(np.sum([total for total, _ in found], axis=0), raster, experiment, line)
    if not y.any():
        raise no_line(systems[0], experiment)
    metadata = {
        "technique": "EPR",
        "experiment": "CW",
        "frequency_GHz": experiment.frequency_GHz,
        "harmonic": experiment.harmonic,
        "modulation_amplitude_mT": experiment.modulation_mT,
        "error": error,
    }
    return Spectrum(y, (Axis(experiment.field_axis_mT, "magnetic field", "mT"),), metadata)


def no_line(system: SpinSystem, experiment: CwExperiment) -> InputError:
    """What is wrong where a range of field holds no line of a system."""
    low, high = experiment.field_mT
    centre = 1e3 * experiment.frequency_GHz / (BOHR_MHz_PER_mT * system.g_isotropic)
    return InputError(
        f"Expected a line between {low:g} and {high:g} mT at {experiment.frequency_GHz:g} GHz, got "
        f"none; it is expected about {centre:.0f} mT."
    )


@dataclass(frozen=True, slots=True)
class Raster:
    """Axis of field on which patterns are computed, wider and finer than a spectrum's.

    Attributes
    ----------
    sweep : Sweep
        Range, steps and accuracy.
    n_per_point : int
        Steps for one of the spectrum.
    length : int
        Points of the Fourier transform, so many that lines do not come in again at the other end.
    """

    sweep: Sweep
    n_per_point: int
    length: int

    @property
    def k_per_mT(self) -> Array:
        """Fourier space of the field, (K,)."""
        return np.asarray(2 * math.pi * np.fft.rfftfreq(self.length, self.sweep.step_mT), float)


def plan_raster(experiment: CwExperiment, line: LineShape, tolerance: float) -> Raster:
    """Raster for spectra with lines of some width or more.

    Raises
    ------
    InputError
        If the lines are too narrow for the range of field.
    """
    low, high = experiment.field_mT
    step = (high - low) / (experiment.n_points - 1)
    fine = max(1, math.ceil(step * _POINTS_PER_WIDTH / line.fwhm_mT))
    wings = _GAUSS_REACH * line.sigma_mT + _LORENTZ_REACH * line.gamma_mT
    reach = min(wings, 2 * (high - low)) + experiment.modulation_mT
    n_margin = math.ceil(reach / step)
    n_margin = min(n_margin, int(0.95 * low / step))
    n_points = (experiment.n_points - 1 + 2 * n_margin) * fine + 1
    if n_points > _MOST_POINTS:
        raise InputError(
            f"Expected lines of at least {(high - low) * _POINTS_PER_WIDTH / _MOST_POINTS:.2g} mT "
            f"for this range of field, got {line.fwhm_mT:.2g} mT; sweep less."
        )
    start, step = low - n_margin * step, step / fine
    length = next_fast_len(n_points + min(n_points, math.ceil(wings / step)), real=True)
    frequency_GHz = experiment.frequency_GHz
    widths = line.fwhm_mT, line.sigma_mT, line.gamma_mT
    sweep = Sweep(frequency_GHz, start, step, n_points, *widths, tolerance)
    return Raster(sweep, fine, length)


Known = MutableMapping[tuple[SpinSystem, Raster], tuple[Transform, float]]


def transform_system(
    system: SpinSystem,
    raster: Raster,
    known: Known | None = None,
) -> tuple[Transform, float]:
    """Fourier transform (K,) of the powder pattern of a system, strains included, and its error.

    Parameters
    ----------
    system : SpinSystem
        Elements among its nuclei stand for their isotopes.
    raster : Raster
        Where.
    known : mapping, optional
        Transforms of systems of pure isotopes, which are taken from there or put there.
    """
    total, error, weight = np.zeros(raster.length // 2 + 1, complex), 0.0, 0.0
    for pure in system.split_isotopes():
        parts = split_strain(pure, raster.sweep.frequency_GHz, raster.sweep.width_mT)
        most = max(part.weight for part in parts)
        for part in parts:
            found = _transform_known(part, _relax(raster, part.weight / most), known)
            total += part.weight * _REFERENCE / part.dimension * found[0]
            error += part.weight * found[1]
            weight += part.weight
    return total, error / max(weight, 1e-300)


def _relax(raster: Raster, share: float) -> Raster:
    """Raster with a larger tolerance, in steps of 4, for a part of a spectrum that is weak.

    It goes with the inverse root of the share, so that all parts add to the error alike.
    """
    steps = min(int(-0.5 * math.log(max(share, 1e-9), 4)), 2)
    if steps == 0:
        return raster
    return replace(raster, sweep=replace(raster.sweep, tolerance=4**steps * raster.sweep.tolerance))


def _transform_known(
    part: SpinSystem, raster: Raster, known: Known | None
) -> tuple[Transform, float]:
    if known is None:
        return _transform(compute_pattern(part, raster.sweep), raster)
    key = replace(part, weight=1.0), raster
    if key not in known:
        known[key] = _transform(compute_pattern(part, raster.sweep), raster)
    return known[key]


def _transform(pattern: Pattern, raster: Raster) -> tuple[Transform, float]:
    transformed = rfft(pattern.sticks, raster.length, axis=1)
    if len(transformed) > 1:
        k = raster.k_per_mT
        transformed = transformed * np.exp(-0.5 * pattern.variances_mT2[:, None] * k**2)
    return transformed.sum(axis=0), pattern.error


def apply_line(
    transformed: Transform,
    raster: Raster,
    experiment: CwExperiment,
    line: LineShape,
    offset_mT: float = 0.0,
) -> Array:
    """Spectrum (N,) of a pattern: broadened, modulated and phased, at the points of an experiment.

    The field at the sample may be higher by an offset than the axis says.

    Notes
    -----
    All of it is one product in the Fourier space of the field, where k is conjugate to it: the
    Voigt profile is exp(-sigma^2 k^2 / 2 - gamma |k|), a derivative i k, and modulation by the
    amplitude m, peak to peak, makes of the latter n! J_n(k m / 2) / (k m / 4)^n [1]_. What was
    shared out between four points each is divided by sinc^4.

    References
    ----------
    .. [1] J. S. Hyde et al., Appl. Magn. Reson. 1990, 1, 483, DOI 10.1007/BF03166028.
    """
    sweep, n = raster.sweep, raster.n_per_point
    per_step = 2 * math.pi / (raster.length * sweep.step_mT)
    n_terms = min(int(_find_last_k(line) / per_step) + 2, len(transformed))
    k = per_step * np.arange(n_terms, dtype=float)
    shared = np.sinc(np.arange(n_terms) / raster.length) ** 2
    total = transformed[:n_terms] * np.exp(-0.5 * (line.sigma_mT * k) ** 2 - line.gamma_mT * k)
    total *= _differentiate(k, experiment) / shared**2
    if offset_mT:
        total = total * np.exp(1j * k * offset_mT)
    if experiment.phase_deg:
        total = total * np.exp(1j * math.radians(experiment.phase_deg))
    low = round((experiment.field_mT[0] - sweep.start_mT) / sweep.step_mT)
    y = irfft(total, raster.length)[low : low + (experiment.n_points - 1) * n + 1 : n]
    return np.asarray(y / sweep.step_mT)


def _find_last_k(line: LineShape) -> float:
    """Where the transform of a line has vanished."""
    square, linear = 0.5 * line.sigma_mT**2, line.gamma_mT
    if square == 0:
        return _VANISHED / linear
    return (math.sqrt(linear**2 + 4 * square * _VANISHED) - linear) / (2 * square)


def _differentiate(k: Array, experiment: CwExperiment) -> Transform:
    n = experiment.harmonic
    factor = np.asarray(1j**n * (k**n if n > 1 else k if n else np.ones_like(k)))
    if n and experiment.modulation_mT:
        z = k * experiment.modulation_mT / 2
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = math.factorial(n) * jv(n, z) / (z / 2) ** n
        factor = factor * np.where(z > 1e-6, ratio, 1.0)
    return factor
