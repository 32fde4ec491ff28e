"""Sums over channels: the loops in which the time of reading a spectrum image goes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from napari_nanodope.model import InputError

NEXT_PIXEL = 65535  # what a stream of events holds where the beam moves on


@dataclass(frozen=True, slots=True)
class ChannelSums:
    """What one pass over a spectrum image gives.

    Attributes
    ----------
    pixels : (Y, X, K) int64 or float64 array
        Counts of every pixel in each of K ranges of channels.
    spectrum : (E,) int64 or float64 array
        Counts of every channel, summed over all pixels.
    """

    pixels: NDArray[np.generic]
    spectrum: NDArray[np.generic]


def as_ranges(ranges: Iterable[tuple[int, int]], n_channels: int) -> NDArray[np.int64]:
    """Ranges of channels (K, 2), first and end, checked against the spectrum's length.

    Raises
    ------
    InputError
        If one is empty or leaves the spectrum.
    """
    array = np.array(list(ranges), dtype=np.int64).reshape(-1, 2)
    if np.any((array[:, 0] < 0) | (array[:, 0] >= array[:, 1]) | (array[:, 1] > n_channels)):
        raise InputError(
            f"Expected ranges of channels from 0 to {n_channels}, got {array.tolist()}; choose "
            f"windows within the spectrum."
        )
    return array


def sum_block(
    block: NDArray[np.generic], ranges: NDArray[np.int64], first_channel: int = 0
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Sums (N, K) of every pixel in each range, and the spectrum (E,) of the block.

    Parameters
    ----------
    block : (N, E) array
        Spectra of N pixels; real numbers.
    ranges : (K, 2) int64 array
        First channel and end of each range, counted in the whole spectrum.
    first_channel : int, optional
        Where the block begins in the whole spectrum.

    Notes
    -----
    Integers are summed in int64, so that counts of 8 or 16 bits cannot overflow.
    """
    exact = block.dtype.kind in "uib"
    local = np.clip(ranges - first_channel, 0, block.shape[1])
    sums = np.zeros((block.shape[0], len(ranges)), np.int64 if exact else np.float64)
    spectrum = np.zeros(block.shape[1], sums.dtype)
    native_type = block.dtype.newbyteorder("=")
    if native_type == np.float16:  # of which no loop can be made
        native_type = np.dtype(np.float32)
    native = np.ascontiguousarray(block, dtype=native_type)
    _sum_block(native, local, sums, spectrum)
    return sums, spectrum


@numba.njit(cache=True, nogil=True)
def _sum_block(
    block: NDArray[Any], ranges: NDArray[np.int64], sums: NDArray[Any], spectrum: NDArray[Any]
) -> None:
    n, n_channels = block.shape
    for p in range(n):
        row = block[p]
        for e in range(n_channels):
            spectrum[e] += row[e]
        for k in range(ranges.shape[0]):
            total = sums[p, k]
            for e in range(ranges[k, 0], ranges[k, 1]):
                total += row[e]
            sums[p, k] = total


class EventSums:
    """Sums of a stream of events, which may come in pieces.

    A stream lists the channel of every X-ray; `NEXT_PIXEL` moves on to the next pixel, row by row,
    frame after frame.

    Parameters
    ----------
    shape : (int, int, int)
        Rows and columns of the scan, and channels of a spectrum.
    ranges : (K, 2) int64 array
        First channel and end of each range.
    frames : (int, int)
        First frame that counts, and the end.
    mask : (Y, X) bool array, optional
        Pixels that enter the spectrum; all of them by default.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        ranges: NDArray[np.int64],
        frames: tuple[int, int],
        mask: NDArray[np.bool_] | None = None,
    ) -> None:
        self._frames = np.array(frames, np.int64)
        self._ranges = ranges
        self._position = 0
        self._pixels = np.zeros((shape[0] * shape[1], len(ranges)), np.int64)
        self._spectrum = np.zeros(shape[2], np.int64)
        self._shape = shape[:2]
        self._chosen = np.ones(shape[0] * shape[1], bool) if mask is None else mask.ravel()
        self.n_lost = 0
        """Events in channels that no spectrum has."""

    def add(self, events: NDArray[np.uint16]) -> None:
        """Count the next piece of the stream."""
        sums = self._pixels, self._spectrum, self._chosen
        self._position, n_lost = _sum_events(
            events, self._position, self._frames, self._ranges, sums
        )
        self.n_lost += n_lost

    def restart(self) -> None:
        """Begin with the first pixel again, for the stream of another detector."""
        self._position = 0

    def result(self) -> ChannelSums:
        """Sums of all that was added."""
        return ChannelSums(self._pixels.reshape(*self._shape, -1), self._spectrum)


@numba.njit(cache=True, nogil=True)
def _sum_events(
    events: NDArray[np.uint16],
    position: int,
    frames: NDArray[np.int64],
    ranges: NDArray[np.int64],
    sums: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]],
) -> tuple[int, int]:
    pixels, spectrum, chosen = sums
    n_pixels = pixels.shape[0]
    n_lost = 0
    for event in events:
        if event == NEXT_PIXEL:
            position += 1
            continue
        frame = position // n_pixels
        if frame < frames[0] or frame >= frames[1]:
            continue
        if event >= spectrum.shape[0]:
            n_lost += 1
            continue
        p = position % n_pixels
        if chosen[p]:
            spectrum[event] += 1
        for k in range(ranges.shape[0]):
            if ranges[k, 0] <= event < ranges[k, 1]:
                pixels[p, k] += 1
    return position, n_lost
