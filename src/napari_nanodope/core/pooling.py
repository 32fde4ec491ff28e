"""Averages over the particles of several fields of one sample, with honest intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc, ndtri, stdtrit

from napari_nanodope.core.counting import (
    FalsePositives,
    estimate_total,
    estimate_undoped_of_fields,
)
from napari_nanodope.materials import dopants_to_mM

Array = NDArray[np.float64]

_SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class PooledParticles:
    """Particles of several fields that enter the statistics; those of two fields are never one.

    Attributes
    ----------
    of_field : (N,) int64 array
        Number of the field of each particle, from 0.
    dopant_pixels, area_px : (N,) int64 array
        Dopant pixels and area.
    volume_nm3, diameter_nm : (N,) float64 array
        Volume, and diameter of the circle of the same area.
    backgrounds : tuple of FalsePositives
        Of each field.
    """

    of_field: NDArray[np.int64]
    dopant_pixels: NDArray[np.int64]
    area_px: NDArray[np.int64]
    volume_nm3: Array
    diameter_nm: Array
    backgrounds: tuple[FalsePositives, ...]

    def __len__(self) -> int:
        return len(self.of_field)

    @property
    def dopants(self) -> Array:
        """Dopants (N,) of each particle, less the false positives expected in its field."""
        rate = np.array([one.per_pixel for one in self.backgrounds], dtype=float)
        return np.asarray(self.dopant_pixels - rate[self.of_field] * self.area_px)

    def sum_by_field(self, values: NDArray[np.int64] | Array) -> Array:
        """Sums (F,) of values (N,) over the particles of each field."""
        n_fields = len(self.backgrounds)
        return np.asarray(np.bincount(self.of_field, values, minlength=n_fields), dtype=float)


@dataclass(frozen=True, slots=True)
class Pooled:
    """A number of a sample.

    Attributes
    ----------
    value : float
        NaN where it is not known.
    low, high : float
        Interval; NaN where it is not known.
    """

    value: float
    low: float = np.nan
    high: float = np.nan


@dataclass(frozen=True, slots=True)
class Scatter:
    """How much a sum over the particles of a sample would vary from sampling to sampling.

    Attributes
    ----------
    variance : float
        Of the sum; NaN where one particle alone does not tell.
    degrees : float
        Of freedom of that estimate.
    n_particles_variance : float
        What it were if particles had been drawn one by one.
    fields_differ : bool
        Whether fields differ by more than their particles explain.
    """

    variance: float
    degrees: float
    n_particles_variance: float
    fields_differ: bool

    @property
    def half_width(self) -> float:
        """Half the 95 % interval of the sum, by Student."""
        return float(stdtrit(self.degrees, 0.975) * np.sqrt(self.variance))

    @property
    def excess(self) -> float:
        """Variance over that of particles drawn one by one, Student's width included."""
        if not self.n_particles_variance > 0:
            return 1.0
        ratio = self.variance / self.n_particles_variance
        return ratio * self._widen() if self.fields_differ else ratio

    def dispersion(self, n_events: float) -> float:
        """Variance over that of a Poisson number, Student's width included; at least 1."""
        if n_events <= 0 or not np.isfinite(self.variance):
            return 1.0
        return max(self.variance * self._widen() / n_events, 1.0)

    def _widen(self) -> float:
        return float((stdtrit(self.degrees, 0.975) / ndtri(0.975)) ** 2)


def measure_scatter(residuals: Array, of_field: NDArray[np.int64]) -> Scatter:
    """How much the sum of `residuals` varies, by the spread of particles and of fields.

    Parameters
    ----------
    residuals : (N,) float64 array
        Of every particle, adding up to 0: its value less the mean, or less its part of a ratio.
    of_field : (N,) int64 array
        Number of the field of each.

    Notes
    -----
    Particles are a sample of fields, which are a sample of the grid: residual = field + particle,
    with the variances of both by analysis of variance [1]_. The sum over n_f particles of F fields
    varies by n s2 + t2 sum(n_f^2), s2 within fields and t2 between them; where t2 comes out below
    0, by n times the variance over all particles. Fields count as different where the F test says
    so at 5 %; degrees of freedom are then those of Satterthwaite [2]_, about as many as there are
    fields less one, else those of the particles.

    References
    ----------
    .. [1] S. R. Searle, G. Casella, C. E. McCulloch, Variance Components, 1992, chapter 3,
       DOI 10.1002/9780470316856.
    .. [2] F. E. Satterthwaite, Biometrics Bulletin 1946, 2, 110, DOI 10.2307/3002019.
    """
    n, (_, row, sizes) = len(residuals), np.unique(of_field, False, True, True)
    n_fields = len(sizes)
    alone = n * float(residuals.var(ddof=1)) if n > 1 else np.nan
    plain = Scatter(alone, max(n - 1.0, 1.0), alone, fields_differ=False)
    if n_fields < 2 or n - n_fields < 1:
        return plain
    sums = np.bincount(row, residuals)
    between = float((sums**2 / sizes).sum() - residuals.sum() ** 2 / n) / (n_fields - 1)
    within = float(((residuals - (sums / sizes)[row]) ** 2).sum()) / (n - n_fields)
    if between <= within:
        return plain
    per_field = (n - (sizes**2).sum() / n) / (n_fields - 1)
    share = float((sizes**2).sum()) / per_field
    parts = share * between, (n - share) * within
    variance = max(sum(parts), alone)
    chance = fdtrc(n_fields - 1, n - n_fields, between / within) if within > 0 else 0.0
    if chance >= _SIGNIFICANT:
        return Scatter(variance, n - 1.0, alone, fields_differ=False)
    degrees = sum(parts) ** 2 / (parts[0] ** 2 / (n_fields - 1) + parts[1] ** 2 / (n - n_fields))
    return Scatter(variance, float(np.clip(degrees, 1, n - 1)), alone, fields_differ=True)


def estimate_mean_dopants(particles: PooledParticles) -> Pooled:
    """Mean dopants per particle, with a 95 % interval.

    Notes
    -----
    The interval is that of the total, for counts as dispersed as the particles and fields are, or
    as Poisson where these are less; see `measure_scatter` and `counting.estimate_total`.
    """
    n = len(particles)
    if n == 0:
        return Pooled(np.nan)
    dopants = particles.dopants
    total = _estimate_total(particles, dopants - dopants.mean())
    return Pooled(total.value / n, total.low / n, total.high / n)


def estimate_concentration_mM(particles: PooledParticles) -> Pooled:
    """All dopants over all volume in mM, with a 95 % interval as of `estimate_mean_dopants`.

    Volumes are taken as exact.
    """
    volume = float(particles.volume_nm3.sum())
    if not volume > 0:
        return Pooled(np.nan)
    dopants = particles.dopants
    total = _estimate_total(particles, dopants - dopants.sum() / volume * particles.volume_nm3)
    return Pooled(*(dopants_to_mM(one, volume) for one in (total.value, total.low, total.high)))


def estimate_mean_diameter_nm(particles: PooledParticles) -> Pooled:
    """Mean diameter over particles, with Student's 95 % interval; see `measure_scatter`."""
    n, diameter = len(particles), particles.diameter_nm
    if n == 0:
        return Pooled(np.nan)
    mean = float(diameter.mean())
    half = measure_scatter(diameter - mean, particles.of_field).half_width / n
    return Pooled(mean, max(mean - half, 0.0), mean + half) if n > 1 else Pooled(mean)


def estimate_undoped(particles: PooledParticles) -> Pooled:
    """Fraction of the particles without a detected dopant, with a 95 % interval."""
    about = particles.dopant_pixels, particles.area_px, particles.of_field
    shows_none = (particles.dopant_pixels == 0).astype(float)
    excess = 1.0
    if len(particles):
        excess = measure_scatter(shows_none - shows_none.mean(), particles.of_field).excess
    return Pooled(*estimate_undoped_of_fields(*about, particles.backgrounds, excess=excess))


def find_differing(particles: PooledParticles) -> list[str]:
    """What differs from field to field by more than the particles explain, in words."""
    if len(particles) == 0:
        return []
    dopants, diameter = particles.dopants, particles.diameter_nm
    told = {"dopants per particle": dopants, "diameters": diameter}
    return [
        name
        for name, values in told.items()
        if measure_scatter(values - values.mean(), particles.of_field).fields_differ
    ]


def _estimate_total(particles: PooledParticles, residuals: Array) -> Pooled:
    scatter = measure_scatter(residuals, particles.of_field)
    n_events = particles.sum_by_field(particles.dopant_pixels)
    found = estimate_total(
        n_events.astype(np.int64),
        particles.sum_by_field(particles.area_px).astype(np.int64),
        particles.backgrounds,
        dispersion=scatter.dispersion(float(n_events.sum())),
    )
    return Pooled(float(found.value), float(found.low), float(found.high))


def join_backgrounds(
    backgrounds: Sequence[FalsePositives], area_px: Array
) -> tuple[float, int, int]:
    """False positives per pixel of particles, then events and pixels outside them, of all fields.

    Parameters
    ----------
    backgrounds : sequence of FalsePositives
        Of each field.
    area_px : (F,) array
        Pixels of particles in each, by which the rates are weighed.
    """
    rate = np.array([one.per_pixel for one in backgrounds], dtype=float)
    weights = area_px if area_px.sum() > 0 else np.ones(len(rate))
    mean = float((rate * weights).sum() / weights.sum()) if len(rate) else 0.0
    return mean, sum(one.n_events for one in backgrounds), sum(one.n_pixels for one in backgrounds)
