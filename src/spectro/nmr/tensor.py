"""Chemical shift tensors in the conventions that are in use."""

import math
from dataclasses import dataclass
from typing import Self

from spectro.model import InputError


@dataclass(frozen=True, slots=True)
class ShiftTensor:
    """Chemical shift tensor by its isotropic shift, span and skew.

    Attributes
    ----------
    shift_ppm : float
        Isotropic shift, the mean of the principal components.
    span_ppm : float
        delta_11 - delta_33, at least 0.
    skew : float
        3 (delta_22 - shift) / span, from -1 to 1.

    Raises
    ------
    InputError
        If the numbers are not finite or out of range.

    Notes
    -----
    Principal components are shifts, not shieldings, with delta_11 >= delta_22 >= delta_33: the
    Herzfeld-Berger convention [1]_ as recommended by IUPAC [2]_. In that of Haeberlen, delta_zz is
    the component furthest from the isotropic shift and delta_yy the nearest; zeta = delta_zz -
    shift, eta = (delta_yy - delta_xx) / zeta. Programs that take a shielding want -zeta.

    References
    ----------
    .. [1] J. Herzfeld, A. E. Berger, J. Chem. Phys. 1980, 73, 6021, DOI 10.1063/1.440136.
    .. [2] R. K. Harris et al., Pure Appl. Chem. 2008, 80, 59, DOI 10.1351/pac200880010059.

    Examples
    --------
    >>> tensor = ShiftTensor(0.0, 300.0, 1.0)
    >>> tensor.principal_ppm, tensor.zeta_ppm, tensor.eta
    ((100.0, 100.0, -200.0), -200.0, 0.0)
    """

    shift_ppm: float
    span_ppm: float
    skew: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no tensor."""
        if not (math.isfinite(self.shift_ppm) and 0 <= self.span_ppm < math.inf):
            raise InputError(
                f"Expected a finite shift and a span of at least 0 ppm, got {self.shift_ppm} and "
                f"{self.span_ppm}."
            )
        if not -1 <= self.skew <= 1:
            raise InputError(f"Expected a skew between -1 and 1, got {self.skew}.")

    @classmethod
    def from_principal(cls, *components_ppm: float) -> Self:
        """Tensor of three principal components in any order."""
        if len(components_ppm) != 3:
            raise InputError(f"Expected 3 principal components, got {len(components_ppm)}.")
        low, middle, high = sorted(components_ppm)
        shift, span = (low + middle + high) / 3, high - low
        skew = 3 * (middle - shift) / span if span > 0 else 0.0
        return cls(shift, span, min(max(skew, -1.0), 1.0))

    @classmethod
    def from_haeberlen(cls, shift_ppm: float, zeta_ppm: float, eta: float) -> Self:
        """Tensor of an isotropic shift, a reduced anisotropy and an asymmetry from 0 to 1.

        Parameters
        ----------
        shift_ppm : float
            Isotropic shift.
        zeta_ppm : float
            delta_zz - shift; two thirds of the anisotropy delta_zz - (delta_xx + delta_yy) / 2.
        eta : float
            Asymmetry.
        """
        if not 0 <= eta <= 1:
            raise InputError(f"Expected an asymmetry between 0 and 1, got {eta}.")
        return cls.from_principal(
            shift_ppm - zeta_ppm * (1 + eta) / 2,
            shift_ppm - zeta_ppm * (1 - eta) / 2,
            shift_ppm + zeta_ppm,
        )

    @property
    def principal_ppm(self) -> tuple[float, float, float]:
        """Principal components, the largest shift first."""
        high = self.shift_ppm + self.span_ppm * (3 - self.skew) / 6
        middle = self.shift_ppm + self.span_ppm * self.skew / 3
        return high, middle, self.shift_ppm - self.span_ppm * (3 + self.skew) / 6

    @property
    def zeta_ppm(self) -> float:
        """Reduced anisotropy of Haeberlen; of the two signs at skew 0, minus."""
        sign = -1.0 if self.skew >= 0 else 1.0
        return sign * self.span_ppm * (3 + abs(self.skew)) / 6

    @property
    def eta(self) -> float:
        """Asymmetry of Haeberlen."""
        return 3 * (1 - abs(self.skew)) / (3 + abs(self.skew))
