"""Free induction decays as a digital receiver hands them over, its filter's delay included."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import firwin, upfirdn

from spectro.model import InputError
from spectro.phantoms.topspin import DECIMATION, Acquisition

_DECAYS = ("gaussian", "lorentzian")
_ATTENUATION = 8.0  # Kaiser's beta: what lies outside the spectral width is 80 dB down


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a spectrum.

    Attributes
    ----------
    shift_ppm, width_ppm : float
        Position, and full width at half maximum.
    amplitude : float
        Of its signal at time zero, to which its integral is proportional.
    shape : str
        "gaussian" or "lorentzian".

    Raises
    ------
    InputError
        If the width is not above 0, or the shape is another.
    """

    shift_ppm: float
    width_ppm: float
    amplitude: float = 1.0
    shape: str = "gaussian"

    def __post_init__(self) -> None:
        """Refuse what does not decay."""
        if not 0 < self.width_ppm < math.inf or self.shape not in _DECAYS:
            raise InputError(
                f"Expected a width above 0 ppm and a shape out of {', '.join(_DECAYS)}, got "
                f"{self.width_ppm} and {self.shape!r}."
            )


def record_fid(lines: Sequence[Line], acquisition: Acquisition) -> NDArray[np.complex128]:
    """Signal (N,) of some lines after the digital filter of a receiver, without noise.

    Parameters
    ----------
    lines : sequence of Line
        What rings from time zero on.
    acquisition : Acquisition
        Carrier, spectral width, points, phase, and the delay of the filter.

    Notes
    -----
    The receiver samples `DECIMATION` times as fast as it hands points over. A symmetric low-pass
    filter (a sinc under a Kaiser window) delays the signal by half its length, and rings before it:
    that is the group delay of the file. Its passband ends 2 % of the spectral width from either
    edge. A Gaussian line of width w decays as exp(-(pi w t)^2 / (4 ln 2)), a Lorentzian one as
    exp(-pi w t).
    """
    n_delay = round(acquisition.group_delay_points * DECIMATION)
    times_s = np.arange(acquisition.n_points * DECIMATION) / (DECIMATION * acquisition.width_Hz)
    signal = np.zeros(len(times_s), complex)
    for line in lines:
        offset_Hz = (line.shift_ppm - acquisition.carrier_ppm) * acquisition.reference_MHz
        decay = math.pi * line.width_ppm * acquisition.reference_MHz * times_s
        if line.shape == "gaussian":
            decay = decay**2 / (4 * math.log(2))
        signal += line.amplitude * np.exp(2j * np.pi * offset_Hz * times_s - decay)
    signal[0] *= 0.5  # the step at time zero, halfway
    signal *= np.exp(1j * math.radians(acquisition.phase_deg))
    taps = firwin(2 * n_delay + 1, 1 / DECIMATION, window=("kaiser", _ATTENUATION))
    return np.asarray(upfirdn(taps, signal, down=DECIMATION)[: acquisition.n_points])
