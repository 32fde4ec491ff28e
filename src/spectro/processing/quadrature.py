"""Second dimensions that were recorded with quadrature: States and States-TPPI."""

from spectro.model import Axis, InputError, Spectrum
from spectro.processing.grid import require_complex, require_frequency

QUADRATURES = ("States", "States-TPPI")

_INDIRECT = "indirect_"
_OF_ONE_AXIS = (
    "nucleus",
    "reference_frequency_MHz",
    "carrier_ppm",
    "scale",
    "spectrometer_frequency_MHz",
    "spectral_width_Hz",
    "group_delay_points",
)


def join_quadrature(
    spectrum: Spectrum, quadrature: str | None = None, *, sign: int = 1
) -> Spectrum:
    """Complex signal over the second time from pairs of rows, each transformed and phased.

    Parameters
    ----------
    spectrum : Spectrum
        Complex, over frequency on the last axis, its absorption in the real part; rows in pairs,
        the cosine of the second dimension before its sine.
    quadrature : str, optional
        "States" [1]_ or "States-TPPI" [2]_; by default what the file says.
    sign : int, optional
        -1 where the second dimension runs the other way.

    Returns
    -------
    Spectrum
        With half as many rows. `swap_axes` brings the second time to where `apodise`,
        `zero_fill`, `fourier_transform` and `phase` act.

    Raises
    ------
    InputError
        If there are no pairs of rows, or the quadrature is another.

    Notes
    -----
    The dispersion of the first transform is dropped, so that lines of the plane are absorption in
    both directions: Re S_cos + i Re S_sin for each pair. With States-TPPI every other pair has the
    opposite sign, which is undone; what does not evolve is at the edge then, and not in the middle.

    References
    ----------
    .. [1] D. J. States, R. A. Haberkorn, D. J. Ruben, J. Magn. Reson. 1982, 48, 286,
       DOI 10.1016/0022-2364(82)90279-7.
    .. [2] D. Marion, M. Ikura, R. Tschudin, A. Bax, J. Magn. Reson. 1989, 85, 393,
       DOI 10.1016/0022-2364(89)90152-2.
    """
    require_frequency(spectrum, "join its pairs of rows")
    require_complex(spectrum, "join its pairs of rows")
    kind = quadrature or spectrum.metadata.get("quadrature")
    if kind not in QUADRATURES or sign not in (-1, 1):
        raise InputError(
            f"Expected a quadrature of {' or '.join(QUADRATURES)} and a sign of 1 or -1, got "
            f"{kind} and {sign}; convert other kinds in TopSpin."
        )
    if spectrum.y.ndim != 2 or len(spectrum.y) < 4 or len(spectrum.y) % 2:
        raise InputError(
            f"Expected pairs of rows, at least two of them, got shape {spectrum.y.shape}; cut the "
            f"last one off."
        )
    y = spectrum.y.real[::2] + sign * 1j * spectrum.y.real[1::2]
    if kind == "States-TPPI":
        y[1::2] *= -1
    slow = spectrum.axes[0]
    axes = (Axis(slow.values[::2], slow.name, slow.unit), spectrum.axes[1])
    return spectrum.do(
        "join_quadrature",
        y,
        axes=axes,
        settings={"quadrature": kind, "sign": sign},
        metadata={"quadrature": None},
    )


def swap_axes(spectrum: Spectrum) -> Spectrum:
    """Spectrum of two dimensions with its axes, and what is known of each, the other way round.

    Raises
    ------
    InputError
        If it has not two dimensions.
    """
    if spectrum.y.ndim != 2:
        raise InputError(f"Expected a spectrum of two dimensions, got {spectrum.y.ndim}.")
    known = spectrum.metadata
    swapped = {}
    for name in _OF_ONE_AXIS:
        swapped[name], swapped[_INDIRECT + name] = known.get(_INDIRECT + name), known.get(name)
    return spectrum.do("swap_axes", spectrum.y.T, axes=spectrum.axes[::-1], metadata=swapped)
