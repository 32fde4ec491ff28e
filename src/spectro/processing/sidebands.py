"""Spinning sidebands apart by order: two-dimensional PASS.

References
----------
.. [1] O. N. Antzutkin, S. C. Shekar, M. H. Levitt, J. Magn. Reson. A 1995, 115, 7,
   DOI 10.1006/jmra.1995.1142.
"""

import numpy as np

from spectro.model import Axis, InputError, Spectrum
from spectro.processing.grid import find_step, find_width_Hz, require_complex, require_frequency

_ORDER = "sideband order"


def shear_pass(spectrum: Spectrum, *, mas_Hz: float | None = None, sign: int = 1) -> Spectrum:
    """Sidebands by order, each brought to the shift of its centreband.

    Parameters
    ----------
    spectrum : Spectrum
        Rows with pitches 2 pi k / n, k = 0 to n - 1, complex and over frequency.
    mas_Hz : float, optional
        Spinning rate; by default that of the metadata.
    sign : int, optional
        -1 where the pitch runs the other way, which leaves sidebands at twice their distance.

    Notes
    -----
    Sideband N of row k carries the phase N 2 pi k / n. A transform over the rows puts it into slice
    N, from -(n // 2) on, which is then moved by -N times the spinning rate, as a phase of its
    inverse transform: nothing is interpolated, and what leaves at one end comes in at the other.
    Orders beyond those that the rows can tell apart fold back, so their number has to exceed that
    of the sidebands.

    Raises
    ------
    InputError
        If there are fewer than two rows, or no spinning rate is known.
    """
    require_frequency(spectrum, "shear it")
    require_complex(spectrum, "shear it")
    if spectrum.y.ndim != 2 or len(spectrum.y) < 2 or sign not in (-1, 1):
        raise InputError(
            f"Expected two rows or more and a sign of 1 or -1, got shape {spectrum.y.shape} and "
            f"{sign}; load the whole series."
        )
    if mas_Hz is None:
        mas_Hz = spectrum.require("mas_Hz", "spinning rate")
    n_rows, n = spectrum.y.shape
    orders = np.arange(n_rows) - n_rows // 2
    slices = np.fft.fft(spectrum.y, axis=0)[(sign * orders) % n_rows] / n_rows
    points = orders * mas_Hz * n / find_width_Hz(spectrum) * np.sign(find_step(spectrum.axes[-1]))
    turn = np.exp(2j * np.pi * points[:, None] * np.fft.fftfreq(n)[None, :])
    sheared = np.fft.ifft(np.fft.fft(slices, axis=1) * turn, axis=1)
    axes = (Axis(orders.astype(np.float64), _ORDER, ""), spectrum.axes[1])
    settings = {"mas_Hz": float(mas_Hz), "sign": sign}
    return spectrum.do("shear_pass", sheared, axes=axes, settings=settings)


def sum_isotropic(spectrum: Spectrum) -> Spectrum:
    """Isotropic spectrum: the sum over all orders of sidebands.

    Parameters
    ----------
    spectrum : Spectrum
        As `shear_pass` leaves it.

    Raises
    ------
    InputError
        If its first axis holds no orders of sidebands.
    """
    if spectrum.y.ndim != 2 or spectrum.axes[0].name != _ORDER:
        raise InputError(
            f"Expected sidebands by order, got {spectrum.y.ndim} dimensions over "
            f"{spectrum.axes[0].name or 'an unnamed axis'}; use shear_pass first."
        )
    return spectrum.do("sum_isotropic", spectrum.y.sum(axis=0), axes=spectrum.axes[1:])
