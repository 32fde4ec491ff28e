"""What a powder pattern is computed for."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Sweep:
    """Range of field, and the narrowest line shape to come.

    Attributes
    ----------
    frequency_GHz : float
        Microwave frequency.
    start_mT, step_mT : float
        Field of the first point, and from one to the next.
    n_points : int
        Number of points.
    width_mT : float
        Width (full, half maximum) of the line shape, which sets how well fields are to be known.
    sigma_mT, gamma_mT : float
        Standard deviation of its Gaussian, and half width at half maximum of its Lorentzian.
    tolerance : float
        Error of the spectrum that is aimed at, relative to its maximum.
    """

    frequency_GHz: float
    start_mT: float
    step_mT: float
    n_points: int
    width_mT: float
    sigma_mT: float
    gamma_mT: float
    tolerance: float = 5e-4

    @property
    def end_mT(self) -> float:
        """Field of the last point."""
        return self.start_mT + self.step_mT * (self.n_points - 1)

    def find_spacing_mT(self, exponent: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distance of points that add up to a smooth curve, but for exp(-exponent) of it.

        Points that are a distance d apart leave of a line shape what its transform,
        exp(-sigma^2 k^2 / 2 - gamma k), is at k = 2 pi / d.
        """
        sigma, gamma = self.sigma_mT, self.gamma_mT
        k = 2 * exponent / (gamma + np.sqrt(gamma**2 + 2 * sigma**2 * exponent))
        return np.asarray(2 * np.pi / k)
