"""FIDs whose spectra are known by hand."""

import numpy as np

from spectro import Axis, Spectrum

WIDTH_HZ = 10_000.0
ZERO_MHZ, CARRIER_PPM = 88.7, 20.0


def make_fid(lines, n=4096, *, start=0.0, known=True, **metadata):
    """Sum of a exp(2 pi i nu t - pi w t) over (a, nu_Hz, w_Hz); `start` in points."""
    times_s = (np.arange(n) + start) / WIDTH_HZ
    y = sum(a * np.exp((2j * np.pi * nu - np.pi * w) * times_s) for a, nu, w in lines)
    about = {"nucleus": "113Cd", **metadata}
    if known:
        about |= {"reference_frequency_MHz": ZERO_MHZ, "carrier_ppm": CARRIER_PPM}
    return Spectrum(np.asarray(y, complex), (Axis(times_s, "time", "s"),), about)


def to_shift_ppm(nu_Hz):
    return CARRIER_PPM + nu_Hz / ZERO_MHZ
