"""Write epr.csv: powder spectra of Mn(II) by diagonalisation in every one of many directions.

Run as ``OMP_NUM_THREADS=1 python tests/golden/make_epr.py``; it takes about 13 minutes.
Nothing of spectro is used, and no value is interpolated from one direction to another. In each,
levels are diagonalised at some fields; between neighbouring ones each is a cubic with the exact
energies and slopes (Hellmann and Feynman) at both, whose crossings with the microwave frequency are
found. Strengths are cubics through four neighbours.

Each spectrum is computed twice: with some polar angles, azimuths and fields, and with 3/4 as many
of each. The column ``estimated_error`` is the largest difference of the two over the peak. It is
about the error of the latter, 7e-5 at most and below 1e-5 for all but D = 600 MHz at 9.46 GHz; that
of the former, which the file holds, is smaller. Sweeps hold all allowed transitions; the forbidden
ones at half the field, 4e-3 of the peak for D = 600 MHz at 9.46 GHz, begin below the first field.
"""

import csv
import itertools
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_legendre

Array = NDArray[np.float64]

HERE = Path(__file__).parent
MU_B_MHz_PER_mT = 13.996244936  # CODATA 2018
PROTON_MHz_PER_T = 42.57618
XI_55MN = 0.24789218  # IUPAC 2001
SPIN, NUCLEAR_SPIN, G, A_MHz = 2.5, 2.5, 2.007, -189.0
FREQUENCIES_GHz = (9.46, 34.0, 263.0)
RATIOS = (0.0, 0.2)  # E over D
GAUSSIAN_mT = 1.0  # peak to peak
HALF_RANGES_mT = {0.0: 40.0, 50.0: 40.0, 200.0: 60.0, 600.0: 130.0}  # by D in MHz
N_POINTS = 512
CHUNK = 128  # directions at a time
BINS_PER_SIGMA = 200
WEAKEST = 1e-9


@dataclass(frozen=True, slots=True)
class Case:
    """A spectrum to compute."""

    frequency_GHz: float
    d_MHz: float
    e_MHz: float

    @property
    def range_mT(self) -> tuple[float, float]:
        """First and last field, on whole mT."""
        centre = round(1e3 * self.frequency_GHz / (MU_B_MHz_PER_mT * G))
        half = HALF_RANGES_mT[self.d_MHz]
        return centre - half, centre + half


@dataclass(frozen=True, slots=True)
class Effort:
    """Numbers of polar angles, of azimuths at the equator, and of fields."""

    n_polar: int
    n_azimuths: int
    n_fields: int

    def reduce(self) -> "Effort":
        """Three quarters of each."""
        return Effort(
            max(1, self.n_polar * 3 // 4), max(1, self.n_azimuths * 3 // 4), self.n_fields * 3 // 4
        )


def list_cases() -> list[Case]:
    """All combinations; without D there is no E."""
    return [
        Case(frequency, d, ratio * d)
        for frequency, d, ratio in itertools.product(FREQUENCIES_GHz, HALF_RANGES_mT, RATIOS)
        if d > 0 or ratio == 0
    ]


def choose_effort(case: Case) -> Effort:
    """Enough for neighbouring directions to differ by about a standard deviation of the line."""
    low, high = case.range_mT
    step_mT = 16.0 if case.frequency_GHz < 20 else 40.0
    return Effort(
        n_polar=max(1, round(0.8 * (case.d_MHz + case.e_MHz))),
        n_azimuths=round(case.e_MHz) + 16 if case.e_MHz else 1,
        n_fields=max(6, round((high - low) / step_mT) + 2),
    )


def make_spin(spin: float) -> tuple[NDArray[Any], ...]:
    """Matrices of x, y and z."""
    m = spin - np.arange(round(2 * spin + 1))
    raising = np.diag(np.sqrt(spin * (spin + 1) - m[1:] * (m[1:] + 1)), 1)
    return (raising + raising.T) / 2, (raising - raising.T) / 2j, np.diag(m)


def build_matrices(case: Case) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Energy without a field (N, N), and per mT along x, y, z; the electron spin (both 3, N, N)."""
    n_electron, n_nucleus = round(2 * SPIN + 1), round(2 * NUCLEAR_SPIN + 1)
    electron = np.array([np.kron(one, np.eye(n_nucleus)) for one in make_spin(SPIN)])
    nucleus = np.array([np.kron(np.eye(n_electron), one) for one in make_spin(NUCLEAR_SPIN)])
    x, y, z = electron
    free = case.d_MHz * (z @ z - SPIN * (SPIN + 1) / 3 * np.eye(len(z)))
    free = free + case.e_MHz * (x @ x - y @ y)
    free = free + A_MHz * (electron @ nucleus).sum(axis=0)
    zeeman = MU_B_MHz_PER_mT * G * electron - XI_55MN * PROTON_MHz_PER_T * 1e-3 * nucleus
    return free, zeeman, electron


def make_directions(effort: Effort) -> tuple[Array, Array, Array]:
    """Polar angles, azimuths and weights: Gauss and Legendre's cosines, midpoints of azimuth."""
    cosines, weights = roots_legendre(2 * effort.n_polar)
    polar, azimuths, shares = [], [], []
    for cosine, weight in zip(cosines[effort.n_polar :], weights[effort.n_polar :], strict=True):
        angle = np.arccos(cosine)
        n = 1 if effort.n_azimuths == 1 else 8 + int(effort.n_azimuths * np.sin(angle))
        polar.append(np.full(n, angle))
        azimuths.append(np.zeros(1) if n == 1 else (np.arange(n) + 0.5) / n * np.pi / 2)
        shares.append(np.full(n, weight / n))
    return np.concatenate(polar), np.concatenate(azimuths), np.concatenate(shares)


def diagonalise(
    parts: tuple[NDArray[Any], NDArray[Any], NDArray[Any]],
    polar: Array,
    azimuth: Array,
    fields_mT: Array,
) -> tuple[Array, Array, Array]:
    """Levels and their slopes (K, F, N), and strengths of transitions (K, F, N, N)."""
    free, zeeman, spin = parts
    sin, cos = np.sin(polar), np.cos(polar)
    unit = np.array([sin * np.cos(azimuth), sin * np.sin(azimuth), cos])
    first = np.array([cos * np.cos(azimuth), cos * np.sin(azimuth), -sin])
    second = np.array([-np.sin(azimuth), np.cos(azimuth), 0 * azimuth])
    along = np.tensordot(unit.T, zeeman, 1)
    across = np.tensordot((first + 1j * second).T, spin, 1)  # raises the spin along the field
    if not azimuth.any():
        free, along, across = free.real, along.real, across.real
    levels, vectors = np.linalg.eigh(free + fields_mT[:, None, None] * along[:, None])
    slopes = (vectors.conj() * (along[:, None] @ vectors)).sum(axis=-2).real
    moments = np.abs(np.swapaxes(vectors.conj(), -1, -2) @ (across[:, None] @ vectors)) ** 2
    return levels, slopes, (G / 2) ** 2 * (moments + np.swapaxes(moments, -1, -2)) / 4


def find_lines(
    levels: Array, slopes: Array, strengths: Array, frequency_MHz: float, fields_mT: Array
) -> tuple[NDArray[np.intp], Array, Array]:
    """Direction, field and amplitude of every line: strength over the slope of its frequency."""
    low, high = np.triu_indices(levels.shape[-1], 1)
    gaps = levels[..., high] - levels[..., low] - frequency_MHz
    k, f, pair = np.nonzero(gaps[:, :-1] * gaps[:, 1:] < 0)
    low, high, step = low[pair], high[pair], fields_mT[1] - fields_mT[0]
    start, end = gaps[k, f, pair], gaps[k, f + 1, pair]
    rise, rise_end = (step * (slopes[k, one, high] - slopes[k, one, low]) for one in (f, f + 1))
    bend, twist = 3 * (end - start) - 2 * rise - rise_end, 2 * (start - end) + rise + rise_end
    t = start / (start - end)
    for _ in range(6):
        value = start + t * (rise + t * (bend + t * twist))
        t = np.clip(t - value / (rise + t * (2 * bend + 3 * t * twist)), 0, 1)
    slope = (rise + t * (2 * bend + 3 * t * twist)) / step
    first = np.clip(f - 1, 0, len(fields_mT) - 4)
    at, strength = f - first + t, np.zeros(len(t))
    for i in range(4):
        others = [j for j in range(4) if j != i]
        weight = np.prod([(at - j) / (i - j) for j in others], axis=0)
        strength += weight * strengths[k, first + i, low, high]
    kept = strength > WEAKEST
    return k[kept], fields_mT[f[kept]] + t[kept] * step, (strength / np.abs(slope))[kept]


def simulate(case: Case, effort: Effort) -> Array:
    """First derivative of the absorption at the points of a case."""
    low, high = case.range_mT
    sigma, step = GAUSSIAN_mT / 2, (high - low) / (N_POINTS - 1)
    n_fine = int(np.ceil(BINS_PER_SIGMA * step / sigma))
    n_margin = int(np.ceil(8 * sigma / step))
    start, width = low - n_margin * step, step / n_fine
    reach = high + n_margin * step - start
    fields = np.linspace(start, start + reach, effort.n_fields)
    bins = np.zeros((N_POINTS - 1 + 2 * n_margin) * n_fine + 2)
    parts, directions = build_matrices(case), make_directions(effort)
    for first in range(0, len(directions[0]), CHUNK):
        polar, azimuth, weights = (one[first : first + CHUNK] for one in directions)
        found = diagonalise(parts, polar, azimuth, fields)
        k, at, amplitude = find_lines(*found, 1e3 * case.frequency_GHz, fields)
        place, amplitude = (at - start) / width, amplitude * weights[k]
        left = place.astype(int)
        bins += np.bincount(left, amplitude * (left + 1 - place), len(bins))
        bins += np.bincount(left + 1, amplitude * (place - left), len(bins))
    wave = 2 * np.pi * np.fft.rfftfreq(len(bins), width)
    line = 1j * wave * np.exp(-0.5 * (sigma * wave) ** 2) / width
    y = np.fft.irfft(np.fft.rfft(bins) * line, len(bins))
    y *= 16 * MU_B_MHz_PER_mT / len(parts[0])  # the integral of a spin 1/2 with g = 2 is 1
    return y[n_margin * n_fine :: n_fine][:N_POINTS]


def compute_row(case: Case) -> list[str]:
    """Row of the file, with the error that another grid tells."""
    effort = choose_effort(case)
    y = simulate(case, effort)
    error = np.abs(y - simulate(case, effort.reduce())).max() / np.abs(y).max()
    numbers = [case.frequency_GHz, case.d_MHz, case.e_MHz, GAUSSIAN_mT, *case.range_mT]
    return [*(f"{one:g}" for one in numbers), f"{error:.1e}", *(f"{one:.7g}" for one in y)]


def main() -> None:
    """Write the file beside this script."""
    names = "frequency_GHz d_MHz e_MHz gaussian_mT low_mT high_mT estimated_error".split()
    with (HERE / "epr.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow([*names, *(f"y{k}" for k in range(N_POINTS))])
        for case in list_cases():
            start = time.perf_counter()
            row = compute_row(case)
            table.writerow(row)
            file.flush()
            print(*row[: len(names)], f"{time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
