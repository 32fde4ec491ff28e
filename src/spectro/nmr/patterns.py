"""What a site may be instead of one line: sidebands of an anisotropy, a quadrupolar powder."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from spectro.lineshapes import compute_line, differentiate_line
from spectro.model import InputError
from spectro.nmr.quadrupolar import QuadrupolarLine, find_offsets
from spectro.nmr.sideband_fit import Spinning
from spectro.nmr.sidebands import LARGEST_RATIO, compute_sidebands
from spectro.nmr.tensor import ShiftTensor

Array = NDArray[Any]
Real = NDArray[np.float64]

_LEAST = 1e-7  # intensity below which a line is left out
_TOLERANCE = 1e-7


class Pattern(Protocol):
    """Lines of one site: how far they are from its shift, and their parts of its integral.

    Attributes
    ----------
    quantities : tuple of str
        What it depends on, beside shift and width.
    units : mapping of str to str
        Of these.
    """

    quantities: ClassVar[tuple[str, ...]]
    units: ClassVar[Mapping[str, str]]

    @property
    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Of each quantity."""

    @property
    def steps(self) -> Mapping[str, float]:
        """Change of each quantity over which the pattern is as good as linear."""

    def find_lines(self, values: tuple[float, ...]) -> tuple[Real, Real]:
        """Offsets in ppm and parts, adding up to 1, for some values of the quantities."""

    def describe(self) -> dict[str, Any]:
        """All attributes, ready for JSON."""


@dataclass(frozen=True, slots=True)
class Anisotropy:
    """Spinning sidebands of a chemical shift anisotropy, as the pattern of a `Site`.

    Attributes
    ----------
    spinning : Spinning
        Rate and frequency.
    span_ppm, skew : float
        Where the fit starts; see `ShiftTensor`.

    Notes
    -----
    The site's shift is the isotropic one, its width that of each sideband, its integral that of the
    isotropic line and all sidebands, on the axis or beyond. Intensities are `compute_sidebands`'s.
    """

    spinning: Spinning
    span_ppm: float
    skew: float = 0.0

    quantities: ClassVar[tuple[str, ...]] = ("span_ppm", "skew")
    units: ClassVar[Mapping[str, str]] = {"span_ppm": "ppm", "skew": ""}

    def __post_init__(self) -> None:
        """Refuse what is no tensor."""
        ShiftTensor(0.0, self.span_ppm, self.skew)

    @property
    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Up to where a pattern is as good as static."""
        return {"span_ppm": (0.0, LARGEST_RATIO * self.spinning.step_ppm), "skew": (-1.0, 1.0)}

    @property
    def steps(self) -> Mapping[str, float]:
        """Small parts of a rate of spinning, and of the range of skews."""
        return {"span_ppm": 1e-2 * self.spinning.step_ppm, "skew": 1e-2}

    def find_lines(self, values: tuple[float, ...]) -> tuple[Real, Real]:
        """Sidebands that have an intensity."""
        step_ppm = self.spinning.step_ppm
        order, intensity = compute_sidebands(values[0] / step_ppm, values[1], _TOLERANCE)
        seen = intensity > _LEAST
        return np.asarray(order[seen] * step_ppm, np.float64), intensity[seen]

    def describe(self) -> dict[str, Any]:
        """All attributes, ready for JSON."""
        return {"kind": "anisotropy", **asdict(self)}


@dataclass(frozen=True, slots=True)
class Quadrupole:
    """Central transition of a quadrupolar nucleus in a powder, as the pattern of a `Site`.

    Attributes
    ----------
    nucleus : str
        Isotope, of a spin of 3/2 and up by halves.
    frequency_MHz : float
        Larmor frequency: that of the spectrometer.
    cq_MHz, eta : float
        Where the fit starts.
    mas_Hz : float
        Rate of spinning; 0 at rest, infinite for no sidebands.
    resolution_ppm : float
        Of the pattern; the site's width should be well above.

    Notes
    -----
    By mrsimulator; see `simulate_quadrupolar`. The site's shift is the isotropic chemical shift,
    without what the quadrupole adds.
    """

    nucleus: str
    frequency_MHz: float
    cq_MHz: float
    eta: float = 0.0
    mas_Hz: float = math.inf
    resolution_ppm: float = 0.5

    quantities: ClassVar[tuple[str, ...]] = ("cq_MHz", "eta")
    units: ClassVar[Mapping[str, str]] = {"cq_MHz": "MHz", "eta": ""}

    def __post_init__(self) -> None:
        """Refuse what has no such line."""
        self._tell()
        if not (0 < self.cq_MHz < math.inf and 0 <= self.eta <= 1):
            raise InputError(
                f"Expected a coupling above 0 and an asymmetry from 0 to 1, got {self.cq_MHz} MHz "
                f"and {self.eta}."
            )

    @property
    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Within a factor of ten of the start."""
        return {"cq_MHz": (0.1 * self.cq_MHz, 10 * self.cq_MHz), "eta": (0.0, 1.0)}

    @property
    def steps(self) -> Mapping[str, float]:
        """Small parts of the coupling and of the range of asymmetries."""
        return {"cq_MHz": 5e-3 * self.cq_MHz, "eta": 1e-2}

    def _tell(self) -> QuadrupolarLine:
        return QuadrupolarLine(
            self.nucleus, self.frequency_MHz, 0.0, self.resolution_ppm, self.mas_Hz
        )

    def find_lines(self, values: tuple[float, ...]) -> tuple[Real, Real]:
        """Bins of the powder pattern."""
        return find_offsets(self._tell(), values[0], values[1])

    def describe(self) -> dict[str, Any]:
        """All attributes, ready for JSON."""
        return {"kind": "quadrupole", **asdict(self)}


@dataclass(frozen=True, slots=True)
class PatternLine:
    """A pattern of lines of one shape over an axis.

    Attributes
    ----------
    x : (N,) array
        Axis in ppm.
    pattern : Pattern
        Of the site.
    shape : str
        Of each line; see `compute_line`.
    is_complex : bool
        Whether with the dispersion.
    """

    x: Real
    pattern: Pattern
    shape: str
    is_complex: bool

    def compute(self, settings: tuple[float, ...]) -> Array:
        """Sum of all lines (N,), by shift, width, mixing and what the pattern depends on."""
        offsets, parts = self.pattern.find_lines(settings[3:])
        return self._add(offsets, parts, settings)

    def _add(self, offsets: Real, parts: Real, settings: tuple[float, ...]) -> Array:
        at, width, mixing = settings[:3]
        each = compute_line(
            self.x[:, None] - offsets, at, width, mixing, self.shape, self.is_complex
        )
        return np.asarray(each @ parts)

    def differentiate(self, settings: tuple[float, ...]) -> list[Array]:
        """Derivatives by shift, width and mixing, and by what the pattern depends on, (N,) each."""
        offsets, parts = self.pattern.find_lines(settings[3:])
        at, width, mixing = settings[:3]
        slopes = differentiate_line(
            self.x[:, None] - offsets, at, width, mixing, self.shape, self.is_complex
        )
        found = [np.asarray(one @ parts) for one in slopes]
        for place, name in enumerate(self.pattern.quantities, 3):
            low, high = self.pattern.limits[name]
            step = self.pattern.steps[name]
            ends = [min(max(settings[place] + s * step, low), high) for s in (1, -1)]
            up, down = (
                self.compute((*settings[:place], end, *settings[place + 1 :])) for end in ends
            )
            found.append((up - down) / (ends[0] - ends[1]))
        return found
