"""The samples of the simulated project, and what is true of each."""

from dataclasses import dataclass
from typing import Literal

from napari_nanodope.simulated import relations


@dataclass(frozen=True, slots=True)
class TrueSample:
    """A sample of a series, by what was done to it.

    Attributes
    ----------
    id : str
        What joins its measurements.
    incubation_h : float
        Time that the dopant was given; 0 for the reference, which has none.
    location : {"core", "mixed", "surface"}
        Where the dopant sits.
    surface_fraction : float
        Of the dopant, beyond what fills the volume.
    """

    id: str
    incubation_h: float
    location: Literal["core", "mixed", "surface"]
    surface_fraction: float

    @property
    def is_doped(self) -> bool:
        """Whether it holds any dopant."""
        return self.incubation_h > 0

    @property
    def feed(self) -> float:
        """Dopant per host atom in the synthesis."""
        return 0.01 if self.is_doped else 0.0

    @property
    def dopant_mM(self) -> float:
        """Concentration of the dopant, from which everything else follows."""
        return relations.concentration_mM(self.incubation_h)

    @property
    def relaxation_time_us(self) -> float:
        """T1 = T2 of its electrons."""
        return relations.relaxation_time_us(self.dopant_mM)


SERIES = (
    TrueSample("0h", 0.0, "core", 0.0),
    TrueSample("1h", 1.0, "surface", 1.0),
    TrueSample("3h", 3.0, "mixed", 0.75),
    TrueSample("6h", 6.0, "mixed", 0.5),
    TrueSample("12h", 12.0, "mixed", 0.25),
    TrueSample("24h", 24.0, "core", 0.0),
    TrueSample("48h", 48.0, "core", 0.0),
    TrueSample("72h", 72.0, "core", 0.0),
)
"""An undoped reference, and dopants that come in through the surface and go on to the core."""
