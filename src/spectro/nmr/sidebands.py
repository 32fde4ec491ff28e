"""Spinning sidebands of a chemical shift anisotropy."""

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft, fftshift, next_fast_len

from spectro.isotopes import isotope
from spectro.model import Axis, InputError, Spectrum
from spectro.nmr.tensor import ShiftTensor

Array = NDArray[np.float64]

LARGEST_RATIO = 400.0
"""Of span to rate of spinning; above, a pattern is as good as static."""

_BLOCK = 1 << 15  # numbers that are worked on at a time, so they stay in the cache
_LOOSEST, _TIGHTEST = 1e-4, 1e-11
_FEW = 1000  # numbers, up to which NumPy's own sine is as fast
_SINE = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(7, -1, -1))
_EVEN = 2
_QUARTER = 4


def simulate_sidebands(
    shift_ppm: float,
    span_ppm: float,
    skew: float,
    nucleus: str = "113Cd",
    field_T: float = 9.4,
    mas_Hz: float = 8000.0,
) -> Spectrum:
    """Intensities of the spinning sidebands of one site in a powder.

    Parameters
    ----------
    shift_ppm : float
        Isotropic shift.
    span_ppm, skew : float
        Anisotropy; see `ShiftTensor` for the convention and for others.
    nucleus : str, optional
        Isotope.
    field_T : float, optional
        Magnetic field. A "400 MHz" magnet has not quite 9.4 T: `find_field_T` gives the field
        from the frequency of the spectrometer.
    mas_Hz : float, optional
        Rate of spinning at the magic angle.

    Returns
    -------
    Spectrum
        Intensity of each sideband, all adding up to 1, over its shift in ppm. The orders run from
        -n to n, where ``metadata["highest_order"]`` is n; the isotropic line is in the middle.

    Raises
    ------
    InputError
        If spinning is so slow that there are no sidebands to speak of, or a number is out of range.

    Notes
    -----
    As many orders are computed as there is intensity in, down to 1e-8 of the whole, so nothing is
    folded back and nothing is left out.

    Examples
    --------
    >>> manifold = simulate_sidebands(250.0, 416.0, 0.3, mas_Hz=8000)
    >>> round(float(manifold.y.sum()), 6)
    1.0
    """
    tensor = ShiftTensor(shift_ppm, span_ppm, skew)
    larmor_MHz = isotope(nucleus).larmor_MHz(field_T)
    if not (0 < larmor_MHz < math.inf and 0 < mas_Hz < math.inf):
        raise InputError(
            f"Expected a field and a rate of spinning above 0, got {field_T} T and {mas_Hz} Hz."
        )
    order, intensity = compute_sidebands(span_ppm * larmor_MHz / mas_Hz, tensor.skew)
    positions = np.asarray(shift_ppm + order * mas_Hz / larmor_MHz, float)
    axis = Axis(positions, "chemical shift", "ppm")
    metadata = {
        "technique": "NMR",
        "nucleus": nucleus,
        "frequency_MHz": larmor_MHz,
        "mas_Hz": mas_Hz,
        "shift_ppm": shift_ppm,
        "span_ppm": span_ppm,
        "skew": skew,
        "highest_order": int(order[-1]),
    }
    return Spectrum(intensity, (axis,), metadata)


def find_field_T(nucleus: str, frequency_MHz: float) -> float:
    """Field in which a nucleus has a Larmor frequency.

    Examples
    --------
    >>> round(find_field_T("113Cd", 88.72), 3)
    9.389
    """
    if not 0 < frequency_MHz < math.inf:
        raise InputError(f"Expected a frequency above 0 MHz, got {frequency_MHz}.")
    return frequency_MHz / abs(isotope(nucleus).gamma_MHz_per_T)


def compute_sidebands(
    ratio: float, skew: float, tolerance: float = 1e-8
) -> tuple[NDArray[np.int64], Array]:
    """Orders and intensities of sidebands.

    Parameters
    ----------
    ratio : float
        Span over rate of spinning, both in Hz.
    skew : float
        -1 to 1.
    tolerance : float, optional
        Largest error of an intensity, the sum of all being 1.

    Returns
    -------
    order : (K,) int array
        From -n to n, n as large as the tolerance wants.
    intensity : (K,) array
        At least 0.

    Raises
    ------
    InputError
        If the ratio or the tolerance is out of range.

    Notes
    -----
    Herzfeld and Berger [1]_: ::

        I_N = < |(1/2 pi) int exp(i Phi(gamma) - i N gamma) d gamma|^2 >

    over directions alpha, beta of the rotor in the frame of the tensor, Phi being the phase that
    the anisotropy adds in the course of a turn of the rotor. An origin of gamma at which Phi = a
    sin gamma + b sin(2 gamma + c) leaves I_N as it is; then half a turn is enough, as the first
    term changes its sign and the second does not, and even and odd orders come apart.

    The average over alpha is an even sum over a quarter of a turn, that over cos beta is Gauss and
    Legendre's; both converge faster than any power once there are half as many directions as the
    ratio of the anisotropy to the rate of spinning. How many more it takes was measured.

    References
    ----------
    .. [1] J. Herzfeld, A. E. Berger, J. Chem. Phys. 1980, 73, 6021, DOI 10.1063/1.440136.
    """
    if not 0 <= ratio <= LARGEST_RATIO:
        raise InputError(
            f"Expected a span of at most {LARGEST_RATIO:g} times the rate of spinning, got "
            f"{ratio:g}; take it for a static pattern."
        )
    if not _TIGHTEST <= tolerance <= _LOOSEST:
        raise InputError(f"Expected a tolerance of 1e-11 to 1e-4, got {tolerance:g}.")
    if not -1 <= skew <= 1:
        raise InputError(f"Expected a skew between -1 and 1, got {skew}.")
    n_alpha, n_beta, n_gamma = _choose_grid(ratio, skew, -math.log10(tolerance))
    first, second, angle, weight = _find_phases(ratio, skew, n_alpha, n_beta)
    intensity = np.zeros(n_gamma)
    n_rows = max(_BLOCK // n_gamma, 1)
    for start in range(0, len(weight), n_rows):
        rows = slice(start, start + n_rows)
        intensity += _transform(first[rows], second[rows], angle[rows], weight[rows], n_gamma)
    highest = n_gamma // 2 - 1
    return np.arange(-highest, highest + 1), fftshift(intensity)[1:]


def _choose_grid(ratio: float, skew: float, digits: float) -> tuple[int, int, int]:
    """Numbers of directions alpha and beta and of angles gamma, by errors as measured."""
    around = ratio * (1 - abs(skew)) / 2  # delta_xx - delta_yy
    reach = ratio * (3 + abs(skew)) / 3
    more = 0.3 * (digits - 3.6)
    n_alpha = 0.5 * around + digits / 3 + 0.5 + more * around ** (1 / 3)
    n_beta = 0.5 * ratio + digits / 3 + 1.3 + more * ratio ** (1 / 3)
    n_gamma = reach + digits / 3 + 4 + 0.97 * (digits - 2.3) * ratio ** (1 / 3)
    n_quarter = next_fast_len(math.ceil(n_gamma / _QUARTER))
    return math.ceil(n_alpha), math.ceil(n_beta), _QUARTER * n_quarter


def _find_phases(
    ratio: float, skew: float, n_alpha: int, n_beta: int
) -> tuple[Array, Array, Array, Array]:
    """Amplitudes a, b and angle c of the phase in each direction, and weights; (K,) each."""
    tensor = ShiftTensor(0.0, ratio, skew)
    along, across = tensor.zeta_ppm, tensor.zeta_ppm * tensor.eta
    alpha = (np.arange(n_alpha) + 0.5)[:, None] * math.pi / (2 * n_alpha)
    cos_beta, weight = _place_gauss(n_beta)
    sin_beta = np.sqrt(1 - cos_beta**2)
    cos_2alpha, sin_2alpha = np.cos(2 * alpha), np.sin(2 * alpha)
    root = math.sqrt(2) / 3
    cos_1 = -root * sin_beta * cos_beta * (3 * along - across * cos_2alpha)
    sin_1 = -root * sin_beta * across * sin_2alpha
    cos_2 = 0.5 * along * sin_beta**2 + across * (1 + cos_beta**2) * cos_2alpha / 6
    sin_2 = -across * cos_beta * sin_2alpha / 3
    first, second = np.hypot(cos_1, sin_1), 0.5 * np.hypot(cos_2, sin_2)
    angle = 2 * np.arctan2(sin_1, cos_1) - np.arctan2(sin_2, cos_2)
    weights = np.broadcast_to(weight / n_alpha, first.shape)
    return first.ravel(), second.ravel(), angle.ravel(), weights.ravel()


@lru_cache(maxsize=64)
def _place_gauss(n: int) -> tuple[Array, Array]:
    """Nodes and weights of Gauss and Legendre from 0 to 1, for even functions."""
    nodes, weights = np.polynomial.legendre.leggauss(_EVEN * n)
    return nodes[n:], weights[n:]


def _transform(first: Array, second: Array, angle: Array, weight: Array, n: int) -> Array:
    """Weighted sum of intensities of the orders 0 to n - 1, modulo n, over some directions."""
    half, quarter = n // 2, n // 4
    gamma = np.arange(half) * (2 * math.pi / n)
    waves = np.zeros((3, half + 1))
    waves[0, : quarter + 1] = np.sin(gamma[: quarter + 1])
    waves[1:, quarter + 1 :] = np.sin(2 * gamma[:quarter]), np.cos(2 * gamma[:quarter])
    amplitudes = np.stack([first, second * np.cos(angle), second * np.sin(angle)], axis=1)
    cosine, sine = _find_cos_sin(amplitudes @ waves)
    turning = np.empty((len(first), half), np.complex128)
    turning.real[:, :quarter] = cosine[:, quarter + 1 :]
    turning.imag[:, :quarter] = sine[:, quarter + 1 :]
    np.conjugate(turning[:, :quarter], out=turning[:, quarter:])
    there_and_back = np.r_[: quarter + 1, quarter - 1 : 0 : -1]
    even = turning * cosine[:, there_and_back]
    turning *= np.exp(-1j * gamma)
    turning *= sine[:, there_and_back]
    intensity = np.empty(n)
    for parity, part in enumerate((even, turning)):
        found = fft(part, axis=1, overwrite_x=True).view(np.float64)
        found *= found
        intensity[parity::2] = (weight @ found).reshape(half, 2).sum(axis=1)
    return intensity / half**2


def _find_cos_sin(x: Array) -> tuple[Array, Array]:
    """Cosine and sine of numbers up to some hundreds, to 1e-13.

    NumPy takes these one number at a time, which would be most of the work; a polynomial for the
    sine of a quarter of the angle, from the nearest whole turn on, goes through vector units.
    """
    if x.size < _FEW:
        return np.cos(x), np.sin(x)
    quarter = x * (0.5 / math.pi)
    quarter -= np.rint(quarter)
    quarter *= 0.5 * math.pi
    square = quarter * quarter
    sine = np.full_like(square, _SINE[0])
    for one in _SINE[1:]:
        sine *= square
        sine += one
    sine *= quarter
    np.multiply(sine, sine, out=square)
    cosine = np.sqrt(np.subtract(1.0, square, out=square), out=square)
    for _ in range(2):
        doubled = sine * cosine
        doubled *= 2.0
        sine *= sine
        sine *= -2.0
        sine += 1.0
        sine, cosine = doubled, sine
    return cosine, sine
