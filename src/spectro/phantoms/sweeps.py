"""Spectra at rising microwave power."""

from collections.abc import Sequence

import numpy as np

from spectro.epr.saturation import Transition
from spectro.model import Axis, InputError, Spectrum


def simulate_power_sweep(
    spectrum: Spectrum,
    power_mW: Sequence[float],
    *,
    time_us: float,
    conversion_mT_per_sqrt_W: float,
    transition: Transition | None = None,
) -> Spectrum:
    """Plane of an inhomogeneously broadened spectrum at several powers, without noise.

    Parameters
    ----------
    spectrum : Spectrum
        At 1 mW without saturation.
    power_mW : sequence of float
        Above 0.
    time_us : float
        sqrt(T1 T2) of the spin packets.
    conversion_mT_per_sqrt_W : float
        B1 = conversion sqrt(P).
    transition : Transition, optional
        Its nutation and g; by default those of a free electron.

    Raises
    ------
    InputError
        If a number is not above 0, or the spectrum has more than one axis.

    Notes
    -----
    Spin packets that are much narrower than the line saturate each for itself, so the whole line
    keeps its shape and grows as sqrt(P) / (1 + s)^(1/2), s = gamma^2 B1^2 T1 T2 [1]_.

    References
    ----------
    .. [1] A. M. Portis, Phys. Rev. 1953, 91, 1071, DOI 10.1103/PhysRev.91.1071.
    """
    power = np.asarray(power_mW, float)
    if spectrum.y.ndim != 1 or power.ndim != 1 or not (power > 0).all():
        raise InputError(
            f"Expected one spectrum and powers above 0 mW, got {spectrum.y.ndim} axes and "
            f"{power.tolist()}."
        )
    if not (time_us > 0 and conversion_mT_per_sqrt_W > 0):
        raise InputError(
            f"Expected a time and a conversion above 0, got {time_us} us and "
            f"{conversion_mT_per_sqrt_W} mT per root of a watt."
        )
    rate = (transition or Transition()).rate_per_mT * conversion_mT_per_sqrt_W * time_us
    s = rate**2 * power * 1e-3
    growth = np.sqrt(power / (1 + s))
    axes = (Axis(power, "microwave power", "mW"), spectrum.axes[0])
    known = {name: one for name, one in spectrum.metadata.items() if name != "power_mW"}
    return Spectrum(growth[:, None] * spectrum.y, axes, known)
