"""From spectrum images to net element maps."""

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.model import InputError

_MN_KA_KEV = 5.8987


def compute_fwhm_keV(energy_keV: float, fwhm_mn_ka_eV: float = 130.0) -> float:
    """Width at half maximum of an X-ray line in an energy-dispersive detector, in keV.

    Notes
    -----
    FWHM^2 = FWHM(Mn Ka)^2 + 2.5 eV (E - E(Mn Ka)): electronic noise plus the Fano statistics of
    silicon [1]_.

    References
    ----------
    .. [1] C. E. Fiori, D. E. Newbury, Scanning Electron Microscopy 1978, 1, 401.

    Examples
    --------
    >>> round(compute_fwhm_keV(5.8987), 3), round(compute_fwhm_keV(9.44), 3)
    (0.13, 0.16)
    """
    variance_eV2 = fwhm_mn_ka_eV**2 + 2500.0 * (energy_keV - _MN_KA_KEV)
    return float(np.sqrt(max(variance_eV2, 30.0**2))) / 1000


def extract_net_map(
    cube: NDArray[np.generic],
    energy_keV: NDArray[np.float64],
    line_keV: float,
    *,
    fwhm_mn_ka_eV: float = 130.0,
) -> NDArray[np.float32]:
    """Net counts of one X-ray line in every pixel: its window less a linear background.

    Parameters
    ----------
    cube : (Y, X, E) array
        Counts.
    energy_keV : (E,) float64 array
        Energy of each channel, ascending.
    line_keV : float
        Energy of the line.
    fwhm_mn_ka_eV : float, optional
        Resolution of the detector at Mn Ka.

    Returns
    -------
    (Y, X) float32 array
        Sum over one FWHM to each side of the line, less the mean of the two windows from 2 to 3
        FWHM below and above, scaled by the number of channels. Negative values are kept.

    Raises
    ------
    InputError
        If the windows do not lie within the spectrum.
    """
    fwhm = compute_fwhm_keV(line_keV, fwhm_mn_ka_eV)
    windows = [
        np.flatnonzero((energy_keV >= line_keV + a * fwhm) & (energy_keV <= line_keV + b * fwhm))
        for a, b in ((-1, 1), (-3, -2), (2, 3))
    ]
    ends = line_keV - 3 * fwhm, line_keV + 3 * fwhm
    step = energy_keV[1] - energy_keV[0] if len(energy_keV) > 1 else 0.0
    covered = energy_keV[0] <= ends[0] + step and ends[1] - step <= energy_keV[-1]
    if not covered or min(map(len, windows)) == 0:
        raise InputError(
            f"Expected a spectrum that covers {ends[0]:.2f} to {ends[1]:.2f} keV around the line, "
            f"got {energy_keV[0]:.2f} to {energy_keV[-1]:.2f} keV; choose another line with "
            f"lines={{...}}."
        )
    line, below, above = (
        cube[:, :, w[0] : w[-1] + 1].sum(axis=2, dtype=np.float64) for w in windows
    )
    background = (below / len(windows[1]) + above / len(windows[2])) / 2 * len(windows[0])
    return np.asarray(line - background, dtype=np.float32)
