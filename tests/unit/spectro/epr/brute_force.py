"""Powder spectra the long way: every direction, every level, diagonalised where it is in resonance.

Nothing is shared with the package but physical constants, typed in again.
"""

import numpy as np
from scipy.special import roots_legendre

MU_B_MHz_PER_mT = 13.996244936  # CODATA 2018
PROTON_MHz_PER_T = 42.57618


def spin_operators(spin):
    m = spin - np.arange(round(2 * spin + 1))
    raising = np.zeros((len(m), len(m)))
    for row in range(len(m) - 1):
        raising[row, row + 1] = np.sqrt(spin * (spin + 1) - m[row + 1] * (m[row + 1] + 1))
    return 0.5 * (raising + raising.T), -0.5j * (raising - raising.T), np.diag(m)


def build(s, g, d, e=0.0, nucleus=None):
    """Field-free part, Zeeman part per mT along x, y, z, and electron spin along x, y, z."""
    i, a, ratio = nucleus or (0.0, 0.0, 0.0)
    electron = [np.kron(one, np.eye(round(2 * i + 1))) for one in spin_operators(s)]
    nuclear = [np.kron(np.eye(round(2 * s + 1)), one) for one in spin_operators(i)]
    x, y, z = electron
    size = len(z)
    free = d * (z @ z - s * (s + 1) / 3 * np.eye(size)) + e * (x @ x - y @ y)
    a = np.broadcast_to(a, 3)
    free = free + sum(ak * p @ q for ak, p, q in zip(a, electron, nuclear, strict=True))
    g = np.broadcast_to(g, 3)
    zeeman = [
        MU_B_MHz_PER_mT * gk * p - ratio * PROTON_MHz_PER_T * 1e-3 * q
        for gk, p, q in zip(g, electron, nuclear, strict=True)
    ]
    return free, zeeman, [gk / 2 * p for gk, p in zip(g, electron, strict=True)]


def find_lines(free, zeeman, spin, unit, frequency_MHz, fields_mT):
    """Fields and weights of the lines for one direction; `fields_mT` bracket each root once."""
    along = sum(n * one for n, one in zip(unit, zeeman, strict=True))
    matrices = free + fields_mT[:, None, None] * along
    energies = np.linalg.eigvalsh(matrices)
    low, high = np.triu_indices(len(free), 1)
    gap = energies[:, high] - energies[:, low] - frequency_MHz
    at, pair = np.nonzero(gap[:-1] * gap[1:] < 0)
    left, right = fields_mT[at], fields_mT[at + 1]
    value_left, value_right = gap[at, pair], gap[at + 1, pair]
    for _ in range(4):  # regula falsi with exact levels
        middle = left - value_left * (right - left) / (value_right - value_left)
        levels, vectors = np.linalg.eigh(free + middle[:, None, None] * along)
        rows = np.arange(len(at))
        value = levels[rows, high[pair]] - levels[rows, low[pair]] - frequency_MHz
        is_left = value * value_left > 0
        left, value_left = np.where(is_left, middle, left), np.where(is_left, value, value_left)
        right, value_right = np.where(is_left, right, middle), np.where(is_left, value_right, value)
        if np.abs(value).max(initial=0.0) < 1e-7:
            break
    bra, ket = vectors[rows, :, high[pair]].conj(), vectors[rows, :, low[pair]]
    moments = np.array([np.einsum("na,ab,nb->n", bra, one, ket) for one in spin])
    along_field = np.einsum("k,kn->n", unit, moments)
    strength = ((np.abs(moments) ** 2).sum(axis=0) - np.abs(along_field) ** 2) / 2
    slope = np.einsum("na,ab,nb->n", bra, along, bra.conj()).real
    slope -= np.einsum("na,ab,nb->n", ket.conj(), along, ket).real
    return middle, strength / np.abs(slope)


def simulate(parts, frequency_GHz, axis_mT, gaussian_mT, **grid):
    """First derivative of the absorption, on an axis that ascends; Gaussian, peak to peak.

    The grid is of `n_polar` cosines (Gauss and Legendre's), `n_azimuths` over a quarter of a turn,
    and `n_fields` between which each pair of levels is in resonance once at most.
    """
    n_polar, n_azimuths, n_fields = (
        grid.get(name, default)
        for name, default in (("n_polar", 200), ("n_azimuths", 1), ("n_fields", 5))
    )
    cosines, weights = roots_legendre(n_polar)
    upper = cosines > 0
    if n_azimuths == 1:
        azimuths = np.zeros(1)
    else:
        azimuths = (np.arange(n_azimuths) + 0.5) / n_azimuths * np.pi / 2
    sigma, y = gaussian_mT / 2, np.zeros(len(axis_mT))
    fields = np.linspace(axis_mT[0] - 6 * sigma, axis_mT[-1] + 6 * sigma, n_fields)
    for cosine, weight in zip(cosines[upper], weights[upper], strict=True):
        sine = np.sqrt(1 - cosine**2)
        for azimuth in azimuths:
            unit = np.array([sine * np.cos(azimuth), sine * np.sin(azimuth), cosine])
            at, amplitude = find_lines(*parts, unit, 1e3 * frequency_GHz, fields)
            kept = amplitude > 1e-9 * amplitude.max(initial=0.0)
            x = (axis_mT[:, None] - at[kept]) / sigma
            shape = -x * np.exp(-0.5 * x**2) / (sigma**2 * np.sqrt(2 * np.pi))
            y += shape @ (amplitude[kept] * weight / n_azimuths)
    return y * 16 * MU_B_MHz_PER_mT / len(parts[0])
