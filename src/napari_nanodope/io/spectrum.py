"""The sum spectrum of a file, and what is seen in it: elements, windows of lines, overlaps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_nanodope.core.elements import SpectrumReading, propose_elements
from napari_nanodope.core.xray import (
    EnergyAxis,
    Spectrometer,
    XrayLine,
    choose_line,
    compute_fwhm_keV,
    cut_windows,
    find_overlaps,
    place_windows,
)
from napari_nanodope.io.choice import choose_signals
from napari_nanodope.io.cubes import Cube
from napari_nanodope.io.files import telling_damage
from napari_nanodope.io.signals import find_file
from napari_nanodope.io.xray_lines import load_all_lines, load_lines
from napari_nanodope.model import InputError, read_only
from napari_nanodope.recipe import LineWindows

if TYPE_CHECKING:
    from napari_nanodope.io.choice import Request
    from napari_nanodope.io.signals import Content, Signal

_DISTURBING = 0.02  # share of a line's counts from which counts of others in it are told
_BIASING = 0.005  # and from which they matter in its background
_CLEAR, _SHIFT_KEV = 20.0, 0.03  # from where an error of the calibration is believed


@dataclass(frozen=True, slots=True)
class SumSpectrum:
    """Counts of every channel, summed over pixels of a spectrum image.

    Attributes
    ----------
    energy : EnergyAxis
        Energy of the channels.
    counts : (E,) float64 array
        Counts of each channel; read-only, no NaN.
    n_pixels : int
        Over how many pixels they were summed.
    fwhm_mn_ka_eV, beam_keV : float, optional
        Resolution of the detector at Mn Ka, and energy of the electrons, where the file has them.
    """

    energy: EnergyAxis
    counts: NDArray[np.float64] = field(compare=False, repr=False)
    n_pixels: int
    fwhm_mn_ka_eV: float | None = None
    beam_keV: float | None = None

    @property
    def energy_keV(self) -> NDArray[np.float64]:
        """Energy (E,) of every channel, in keV."""
        return self.energy.to_keV()

    def scale_to(self, n_pixels: int) -> "SumSpectrum":
        """Spectrum that as many pixels would give, each with the mean of those summed here."""
        factor = n_pixels / max(self.n_pixels, 1)
        return replace(self, counts=read_only(self.counts * factor), n_pixels=n_pixels)


def sum_spectrum(
    contents: "Sequence[Content]", request: "Request", mask: ArrayLike | None
) -> SumSpectrum:
    """Sum spectrum of the spectrum image among signals; see `read_spectrum` for the errors."""
    signal = choose_signals(contents, request).cube
    if signal is None or signal.cube is None:
        raise InputError(
            f"Expected a spectrum image in {contents[0].files[0]}, got images only; look at the "
            f"file of the scan itself."
        )
    path = find_file(signal, contents)
    if signal.energy is None:
        raise InputError(
            f"Expected energies in keV or eV along the spectra of {path}, got none; calibrate the "
            f"spectrum image."
        )
    cube, shape = signal.cube, signal.image_shape
    chosen = np.ones(shape, bool) if mask is None else _as_mask(mask, shape)
    with telling_damage(path):
        counts = cube.sum_channels([]).spectrum if mask is None else cube.sum_spectrum(chosen)
        check_finite(cube, counts, path)
    return SumSpectrum(
        energy=signal.energy,
        counts=read_only(np.asarray(counts, dtype=np.float64)),
        n_pixels=int(np.count_nonzero(chosen)),
        fwhm_mn_ka_eV=signal.fwhm_mn_ka_eV,
        beam_keV=signal.beam_keV,
    )


def _as_mask(mask: ArrayLike, shape: tuple[int, int]) -> NDArray[np.bool_]:
    array = np.asarray(mask)
    if array.shape != shape or array.dtype != np.bool_:
        size = " x ".join(map(str, array.shape)) or "a single number"
        raise InputError(
            f"Expected a mask of true and false on the spectrum image's {shape[0]} x {shape[1]} "
            f"pixels, got {array.dtype} of {size}; give labels > 0, say."
        )
    return array


def check_finite(cube: Cube, spectrum: NDArray[Any], path: Path) -> None:
    """Raise where the sum of spectra is not finite, and tell how many of them are not.

    Raises
    ------
    InputError
        If it is not finite.
    """
    if np.isfinite(spectrum).all():
        return
    sums = cube.sum_channels([(0, cube.shape[2])]).pixels
    raise InputError(
        f"Expected finite counts in the spectrum image of {path}, got {np.sum(~np.isfinite(sums))} "
        f"NaN or infinite sums of spectra; replace what is not finite there, with np.nan_to_num "
        f"say."
    )


@dataclass(frozen=True, slots=True)
class SeenSpectrum:
    """A sum spectrum and what was seen in it.

    Attributes
    ----------
    spectrum : (E,) array
        Counts.
    reading : SpectrumReading
        Elements and their lines.
    spectrometer : Spectrometer
        Calibration and resolution, corrected where the lines say so clearly.
    """

    spectrum: NDArray[np.generic]
    reading: SpectrumReading
    spectrometer: Spectrometer

    @classmethod
    def of(
        cls,
        about: "Signal | SumSpectrum",
        spectrum: NDArray[np.generic],
        calibrated: SpectrumReading | None = None,
    ) -> "SeenSpectrum":
        """Look for elements in a spectrum (E,) of a detector that is told.

        Parameters
        ----------
        about : Signal or SumSpectrum
            Its energies, resolution and electrons.
        spectrum : (E,) array
            Counts.
        calibrated : SpectrumReading, optional
            Reading of a part of the same counts, whose calibration is taken over.
        """
        assert about.energy is not None
        fwhm = about.fwhm_mn_ka_eV or 130.0
        reading = propose_elements(
            spectrum,
            about.energy,
            load_all_lines(),
            fwhm_mn_ka_eV=fwhm,
            beam_keV=about.beam_keV or 200.0,
            calibrated=calibrated,
        )
        is_clear = any(one.significance > _CLEAR for one in reading.proposals)
        moved = is_clear and abs(reading.shift_keV) >= _SHIFT_KEV
        return cls(
            spectrum,
            reading,
            Spectrometer(about.energy, fwhm, reading.shift_keV if moved else 0.0),
        )

    @property
    def fwhm_mn_ka_eV(self) -> float:
        """Resolution of the detector at Mn Ka."""
        return self.spectrometer.fwhm_mn_ka_eV

    def choose_windows(self, symbol: str, told: str | LineWindows | None) -> LineWindows:
        """Windows of an element: those told, else where other lines leave the background free.

        Parameters
        ----------
        symbol : str
            The element.
        told : str or LineWindows, optional
            Name of its line, or its windows, of which those of background are cut where the
            spectrum ends.

        Raises
        ------
        InputError
            If there is no such line, or the spectrum does not cover it.
        """
        if isinstance(told, LineWindows):
            return cut_windows(told, self.spectrometer.axis)
        line = choose_line(symbol, load_lines(symbol), told, self.spectrometer.axis)
        return place_windows(
            line, self._lines_beside(symbol), self._tolerance(line, _BIASING), self.spectrometer
        )

    def warn(self, windows: Mapping[str, LineWindows]) -> Iterator[str]:
        """Tell of lines that fall into each other's windows, and of a wrong calibration."""
        if self.spectrometer.shift_keV:
            yield (
                f"Lines lie {1000 * self.spectrometer.shift_keV:+.0f} eV from their energies, and "
                f"windows were moved with them; check the calibration of the spectrum."
            )
        for symbol, one in windows.items():
            found = {line.name: line for line in load_lines(symbol)}
            if one.line in found:
                yield from self._warn_of_overlap(found[one.line], one)

    def _lines_beside(self, symbol: str) -> list[tuple[XrayLine, float]]:
        """Lines seen; those of an element that was not seen count for next to nothing."""
        seen = list(self.reading.line_counts)
        if any(line.element == symbol for line, _ in seen):
            return seen
        return seen + [(line, line.weight) for line in load_lines(symbol)]

    def _tolerance(self, line: XrayLine, share: float) -> float:
        """Counts that do not matter: a share of the line's own, or their standard error."""
        fwhm = compute_fwhm_keV(line.energy_keV, self.fwhm_mn_ka_eV)
        centre = line.energy_keV + self.spectrometer.shift_keV
        first, end = self.spectrometer.axis.to_range(centre - fwhm, centre + fwhm)
        level = float(np.sum(self.spectrum[first:end], dtype=np.float64))
        own = [n for other, n in self.reading.line_counts if other == line]
        return float(max(share * sum(own), np.sqrt(max(level, 1.0))))

    def _warn_of_overlap(self, line: XrayLine, windows: LineWindows) -> Iterator[str]:
        """Name elements whose lines fall into the window of another, and a line that is free."""
        others = [pair for pair in self.reading.line_counts if pair[0].element != line.element]
        tolerance = self._tolerance(line, _DISTURBING)
        overlaps = find_overlaps(windows, others, tolerance, self.spectrometer)
        if not overlaps:
            return
        free = [
            other.name
            for other in load_lines(line.element)
            if other.name in ("Ka", "La", "Ma") and other != line and self._is_free(other, others)
        ]
        names = " and ".join(
            f"{other.label} ({other.energy_keV:.2f} keV)" for other, _ in overlaps[:2]
        )
        advice = f"map {line.element} {free[0]}" if free else "tell them apart by fitting spectra"
        yield (
            f"The window of {line.label} ({windows.window_keV[0]:.2f} to "
            f"{windows.window_keV[1]:.2f} keV) holds {names} as well, about "
            f"{sum(n for _, n in overlaps):.0f} counts in all, which its map counts too; {advice}."
        )

    def _is_free(self, line: XrayLine, others: Sequence[tuple[XrayLine, float]]) -> bool:
        tolerance = self._tolerance(line, _DISTURBING)
        try:
            windows = place_windows(line, others, tolerance, self.spectrometer)
        except InputError:  # not covered
            return False
        return not find_overlaps(windows, others, tolerance, self.spectrometer)
