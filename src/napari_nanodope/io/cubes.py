"""Spectrum images in bounded memory: one pass over the counts, whatever they are stored as."""

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice, product
from os import cpu_count
from pathlib import Path
from typing import Any, Protocol, TypeVar

import h5py
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from napari_nanodope.core.channels import ChannelSums, as_ranges, sum_block

_TILE_BYTES, _SAMPLED_BYTES, _BATCH_BYTES = 1 << 25, 1 << 26, 1 << 23
_HARMLESS_BYTES = 1 << 18
_DEFLATE, _SHUFFLE = 1, 2  # numbers of HDF5's own filters
_N_THREADS = min(4, cpu_count() or 1)
_T = TypeVar("_T")
Tile = tuple[slice, slice, slice]


class Cube(Protocol):
    """Counts (Y, X, E) that are summed in one pass.

    ``sum_channels`` takes whole spectra where no ranges are given; ``sample_spectrum`` looks at a
    part of a large file only.
    """

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns and channels."""

    def sum_channels(
        self, ranges: Iterable[tuple[int, int]], weights: NDArray[np.float64] | None = None
    ) -> ChannelSums:
        """Counts of every pixel in ranges of channels, or weighted sums, and the sum spectrum."""

    def sum_spectrum(self, mask: NDArray[np.bool_]) -> NDArray[np.generic]:
        """Spectrum (E,) summed over the pixels where `mask` (Y, X) is true."""

    def sample_spectrum(self) -> NDArray[np.generic]:
        """Spectrum (E,) summed over pixels here and there, evenly spread over the image."""


class ArrayCube:
    """Counts in a NumPy or Dask array, read tile by tile.

    Parameters
    ----------
    data : array
        Real numbers, with a ``shape``, a ``dtype`` and slices.
    energy_axis : int, optional
        Which axis is the spectrum; the other two are rows and columns.
    frame_axis : int, optional
        Axis along which all is summed first.
    """

    def __init__(self, data: Any, energy_axis: int = -1, frame_axis: int | None = None) -> None:
        self._data = data
        self._energy = energy_axis % len(data.shape)
        self._frame = None if frame_axis is None else frame_axis % len(data.shape)
        self._image = [i for i in range(len(data.shape)) if i not in (self._energy, self._frame)]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns and channels."""
        rows, columns, channels = (self._data.shape[i] for i in (*self._image, self._energy))
        return rows, columns, channels

    def sum_channels(
        self, ranges: Iterable[tuple[int, int]], weights: NDArray[np.float64] | None = None
    ) -> ChannelSums:
        """Counts of every pixel in ranges of channels, or weighted sums, and the sum spectrum."""
        limits = as_ranges(ranges, self.shape[2])

        def sum_tile(tile: Tile) -> tuple[NDArray[Any], NDArray[Any]]:
            return sum_block(self._load(tile), limits)

        return _collect(self.shape, weights, len(limits), self._tiles(), sum_tile)

    def sum_spectrum(self, mask: NDArray[np.bool_]) -> NDArray[np.generic]:
        """Spectrum (E,) summed over the pixels where `mask` (Y, X) is true."""
        return _collect_spectrum(self.shape[2], mask, self._tiles(), self._load)

    def sample_spectrum(self) -> NDArray[np.generic]:
        """Spectrum (E,) of tiles here and there, of some 64 MB together."""
        nothing = as_ranges([], self.shape[2])
        n_tiles = sum(1 for _ in self._tiles())
        tiles = _spread(self._tiles(), n_tiles, _SAMPLED_BYTES // _TILE_BYTES)
        return np.asarray(np.sum([sum_block(self._load(t), nothing)[1] for t in tiles], axis=0))

    def _tiles(self) -> Iterator[Tile]:
        """Tiles of whole spectra that end where the chunks of a Dask array end."""
        chunks = getattr(self._data, "chunksize", None) or (1,) * len(self._data.shape)
        rows, columns, channels = self.shape
        step_y, step_x = (
            min(chunks[i], n) for i, n in zip(self._image, (rows, columns), strict=True)
        )
        n_frames = 1 if self._frame is None else self._data.shape[self._frame]
        pixel = max(channels * n_frames * self._data.dtype.itemsize, 1)
        step_x *= max(1, min(columns, _TILE_BYTES // (pixel * step_y)) // step_x)
        step_y *= max(1, _TILE_BYTES // (pixel * step_y * min(step_x, columns)))
        for y, x in product(range(0, rows, step_y), range(0, columns, step_x)):
            yield slice(y, min(y + step_y, rows)), slice(x, min(x + step_x, columns)), slice(None)

    def _load(self, tile: Tile) -> NDArray[Any]:
        """Spectra (N, E) of a tile."""
        index: list[slice] = [slice(None)] * len(self._data.shape)
        index[self._image[0]], index[self._image[1]] = tile[0], tile[1]
        part = self._data[tuple(index)]
        if hasattr(part, "compute"):
            part = part.compute(scheduler="synchronous")
        block = np.asarray(part.todense() if hasattr(part, "todense") else part)
        block = np.moveaxis(block, self._energy, -1)
        if self._frame is not None:
            exact = block.dtype.kind in "uib"
            frame = self._frame - (self._energy < self._frame)
            block = block.sum(axis=frame, dtype=np.int64 if exact else np.float64)
        return block.reshape(-1, block.shape[-1])


class SparseCube:
    """Counts in a list of the channels that are not empty.

    Parameters
    ----------
    coords : (3, N) array of integers
        Row, column and channel.
    counts : (N,) array of integers
        Counts there; places may be listed more than once.
    shape : (int, int, int)
        Rows, columns and channels.
    """

    def __init__(
        self, coords: NDArray[Any], counts: NDArray[Any], shape: tuple[int, int, int]
    ) -> None:
        self._coords, self._counts, self._shape = coords, counts, shape

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns and channels."""
        return self._shape

    def sum_channels(
        self, ranges: Iterable[tuple[int, int]], weights: NDArray[np.float64] | None = None
    ) -> ChannelSums:
        """Counts of every pixel in ranges of channels, or weighted sums, and the sum spectrum."""
        rows, columns, n_channels = self._shape
        limits = as_ranges(ranges, n_channels)
        place, channel = self._coords[0].astype(np.int64), self._coords[2]
        place = place * columns + self._coords[1]
        pixels = np.zeros((rows * columns, len(limits)), np.int64)
        for k, (first, end) in enumerate(limits):
            inside = (channel >= first) & (channel < end)
            np.add.at(pixels[:, k], place[inside], self._counts[inside])
        spectrum = np.zeros(n_channels, np.int64)
        np.add.at(spectrum, channel, self._counts)
        return combine_all(ChannelSums(pixels.reshape(rows, columns, -1), spectrum), weights)

    def sum_spectrum(self, mask: NDArray[np.bool_]) -> NDArray[np.generic]:
        """Spectrum (E,) summed over the pixels where `mask` (Y, X) is true."""
        inside = mask[self._coords[0], self._coords[1]]
        spectrum = np.zeros(self._shape[2], np.int64)
        np.add.at(spectrum, self._coords[2][inside], self._counts[inside])
        return spectrum

    def sample_spectrum(self) -> NDArray[np.generic]:
        """Spectrum (E,) of all pixels; what is not empty is few enough to look at it all."""
        return self.sum_channels([]).spectrum


class Hdf5Cube:
    """Counts in a data set of an HDF5 file, chunk by chunk, unpacked on several threads.

    Parameters
    ----------
    path : Path
        The file, opened only while it is read.
    name : str
        The data set (Y, X, E).

    Notes
    -----
    The HDF5 library unpacks on one thread at a time; chunks packed with deflate and byte
    shuffling, or not at all, are therefore read as they are and unpacked here. Other chunks are
    read through the library.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        with h5py.File(path) as file:
            rows, columns, channels = file[name].shape
        self._shape = rows, columns, channels

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns and channels."""
        return self._shape

    def sum_channels(
        self, ranges: Iterable[tuple[int, int]], weights: NDArray[np.float64] | None = None
    ) -> ChannelSums:
        """Counts of every pixel in ranges of channels, or weighted sums, and the sum spectrum."""
        limits = as_ranges(ranges, self.shape[2])
        with h5py.File(self._path, rdcc_nbytes=0) as file:
            data = file[self._name]
            if not _is_plainly_packed(data):
                return ArrayCube(data).sum_channels(map(tuple, limits), weights)

            def sum_tile(tile: Tile) -> tuple[NDArray[Any], NDArray[Any]]:
                block = _read_chunk(data, tile)
                return sum_block(block.reshape(-1, block.shape[-1]), limits, tile[2].start)

            return _collect(
                self.shape,
                weights,
                len(limits),
                _iterate_chunks(data),
                sum_tile,
                math.prod(data.chunks) * data.dtype.itemsize,
            )

    def sum_spectrum(self, mask: NDArray[np.bool_]) -> NDArray[np.generic]:
        """Spectrum (E,) summed over the pixels where `mask` (Y, X) is true."""
        with h5py.File(self._path, rdcc_nbytes=0) as file:
            data = file[self._name]
            if not _is_plainly_packed(data):
                return ArrayCube(data).sum_spectrum(mask)

            def load(tile: Tile) -> NDArray[Any]:
                block = _read_chunk(data, tile)
                return block.reshape(-1, block.shape[-1])

            n_bytes = math.prod(data.chunks) * data.dtype.itemsize
            return _collect_spectrum(self.shape[2], mask, _iterate_chunks(data), load, n_bytes)

    def sample_spectrum(self) -> NDArray[np.generic]:
        """Spectrum (E,) of chunks here and there, of some 64 MB together."""
        nothing = as_ranges([], self.shape[2])
        with h5py.File(self._path, rdcc_nbytes=0) as file:
            data = file[self._name]
            if not _is_plainly_packed(data):
                return ArrayCube(data).sample_spectrum()
            n_y, n_x, n_deep = (-(-n // k) for n, k in zip(data.shape, data.chunks, strict=True))
            n_bytes = math.prod(data.chunks) * data.dtype.itemsize * n_deep
            columns = _take(_iterate_chunks(data), n_deep)  # all energies of some pixels
            spectrum = np.zeros(self.shape[2])
            for tile in chain(*_spread(columns, n_y * n_x, max(1, _SAMPLED_BYTES // n_bytes))):
                block = _read_chunk(data, tile)
                _, part = sum_block(block.reshape(-1, block.shape[2]), nothing)
                target = spectrum[tile[2]]
                target += np.asarray(part, dtype=np.float64)
        return spectrum


def _spread(items: Iterable[_T], n_items: int, n: int) -> Iterator[_T]:
    """At most `n` of `n_items` items, at even distances."""
    step = max(1, -(-n_items // n))
    return islice(items, (min(step, n_items) - 1) // 2, None, step)


def find_dataset(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> str | None:
    """Name of the only data set of an HDF5 file with this shape and type, or None."""
    found = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape == shape and item.dtype == dtype:
            found.append(name)

    with h5py.File(path) as file:
        file.visititems(visit)
    return found[0] if len(found) == 1 else None


def _collect(
    shape: tuple[int, int, int],
    weights: NDArray[np.float64] | None,
    n_ranges: int,
    tiles: Iterable[Tile],
    sum_tile: Callable[[Tile], tuple[NDArray[Any], NDArray[Any]]],
    tile_bytes: int = _TILE_BYTES,
) -> ChannelSums:
    """Put the sums of tiles together, in their order, so that the result does not vary."""
    n_planes = n_ranges if weights is None else len(weights)
    planes: NDArray[Any] | None = None
    spectrum: NDArray[Any] = np.zeros(shape[2], np.int64)

    def reduce_tile(tile: Tile) -> tuple[NDArray[Any], NDArray[Any]]:
        sums, part = sum_tile(tile)
        return sums.T if weights is None else combine(sums, weights), part

    reduced = _map_in_order(reduce_tile, tiles, max(1, _BATCH_BYTES // tile_bytes))
    for (rows, columns, channels), (values, part) in reduced:
        if planes is None:
            planes = np.zeros((n_planes, *shape[:2]), values.dtype)
            spectrum = spectrum.astype(part.dtype)
        target = planes[:, rows, columns]
        target += values.reshape(target.shape)
        target_spectrum = spectrum[channels]
        target_spectrum += part
    if planes is None:
        planes = np.zeros((n_planes, *shape[:2]), np.float32)
    return ChannelSums(np.moveaxis(planes, 0, -1), spectrum)


def _collect_spectrum(
    n_channels: int,
    mask: NDArray[np.bool_],
    tiles: Iterable[Tile],
    load: Callable[[Tile], NDArray[Any]],
    tile_bytes: int = _TILE_BYTES,
) -> NDArray[np.float64]:
    """Spectrum of the pixels of a mask; tiles that hold none of them are not read."""
    nothing = as_ranges([], n_channels)

    def sum_tile(tile: Tile) -> NDArray[Any]:
        return sum_block(load(tile)[mask[tile[:2]].ravel()], nothing)[1]

    wanted = (tile for tile in tiles if mask[tile[:2]].any())
    spectrum = np.zeros(n_channels)
    summed = _map_in_order(sum_tile, wanted, max(1, _BATCH_BYTES // tile_bytes))
    for (_, _, channels), part in summed:
        target = spectrum[channels]
        target += part
    return spectrum


def combine(sums: NDArray[np.generic], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    """Weighted sums (M, N), such as net counts, of the sums (N, K) of N pixels."""
    values = np.einsum("mk,nk->mn", weights, np.asarray(sums, dtype=np.float64))
    return np.asarray(values, dtype=np.float32)


def combine_all(sums: ChannelSums, weights: NDArray[np.float64] | None) -> ChannelSums:
    """Weighted sums of every pixel; the sums themselves where no weights are given."""
    if weights is None:
        return sums
    rows, columns, n_ranges = sums.pixels.shape
    planes = combine(sums.pixels.reshape(-1, n_ranges), weights).reshape(-1, rows, columns)
    return ChannelSums(np.moveaxis(planes, 0, -1), sums.spectrum)


def _map_in_order(
    function: Callable[[Tile], _T], tiles: Iterable[Tile], n_together: int
) -> Iterator[tuple[Tile, _T]]:
    """Apply a function on threads, with few tiles in flight, `n_together` at a time."""
    waiting: list[tuple[tuple[Tile, ...], Future[list[_T]]]] = []

    def call(batch: tuple[Tile, ...]) -> list[_T]:
        return [function(tile) for tile in batch]

    with ThreadPoolExecutor(_N_THREADS) as pool:
        for batch in _take(tiles, n_together):
            waiting.append((batch, pool.submit(call, batch)))
            if len(waiting) > _N_THREADS:
                first, future = waiting.pop(0)
                yield from zip(first, future.result(), strict=True)
        for first, future in waiting:
            yield from zip(first, future.result(), strict=True)


def _take(tiles: Iterable[Tile], n: int) -> Iterator[tuple[Tile, ...]]:
    iterator = iter(tiles)
    while batch := tuple(islice(iterator, n)):
        yield batch


def _is_plainly_packed(data: h5py.Dataset) -> bool:
    """Whether chunks may be unpacked here; h5py has no name for filters that it does not know."""
    about = data.id.get_create_plist()
    filters = [about.get_filter(i)[0] for i in range(about.get_nfilters())]
    return bool(
        filters in ([], [_DEFLATE], [_SHUFFLE], [_SHUFFLE, _DEFLATE])
        and data.chunks
        and data.dtype.kind in "uif"
        and np.prod(data.chunks) * data.dtype.itemsize <= 2 * _TILE_BYTES
    )


def _iterate_chunks(data: h5py.Dataset) -> Iterator[Tile]:
    """Chunks as slices; those at the end are cut where the data end."""
    starts = (range(0, n, step) for n, step in zip(data.shape, data.chunks, strict=True))
    for corner in product(*starts):
        ends = (min(a + k, n) for a, k, n in zip(corner, data.chunks, data.shape, strict=True))
        y, x, e = map(slice, corner, ends)
        yield y, x, e


def _read_chunk(data: h5py.Dataset, tile: Tile) -> NDArray[Any]:
    """Counts of one chunk, cut where the data end; zeros where the file was never written."""
    corner = tuple(part.start for part in tile)
    shape = tuple(part.stop - part.start for part in tile)
    if data.id.get_chunk_info_by_coord(corner).byte_offset is None:
        return np.full(shape, data.fillvalue)
    mask, packed = data.id.read_direct_chunk(corner)
    if mask:  # this chunk was written without some of its filters
        return np.asarray(data[tile])
    n_bytes = math.prod(data.chunks) * data.dtype.itemsize
    if data.compression is not None:
        packed = _inflate(packed, n_bytes)
    values = np.frombuffer(packed, np.uint8, n_bytes)
    if data.shuffle:
        block = _unshuffle(values.reshape(data.dtype.itemsize, -1), data.dtype)
    else:
        block = values.view(data.dtype)
    return block.reshape(data.chunks)[tuple(map(slice, shape))]


def _inflate(packed: bytes, n_bytes: int) -> bytes:
    """Unpack at most `n_bytes`, or little more than memory holds easily, whatever the file says.

    In one go this is four times faster than piece by piece, but gives all that there is; deflate
    packs by 1032 to 1 at most.
    """
    if len(packed) <= _HARMLESS_BYTES:
        return isal_zlib.decompress(packed, bufsize=n_bytes)
    return isal_zlib.decompressobj().decompress(packed, max_length=n_bytes)


def _unshuffle(planes: NDArray[np.uint8], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Numbers (N,) from their first bytes, second bytes and so on (K, N)."""
    if dtype.kind == "f":
        return np.ascontiguousarray(planes.T).view(dtype)[:, 0]
    if dtype.itemsize == 1:
        return np.asarray(planes[0].view(dtype))
    whole = np.dtype(f"u{dtype.itemsize}")
    lowest_first = planes[::-1] if dtype.byteorder == ">" else planes
    if not lowest_first[1:].any():  # small counts, which need no more
        return np.asarray(lowest_first[0])
    values = lowest_first[0].astype(whole)
    for number, plane in enumerate(lowest_first[1:], start=1):
        if plane.any():  # counts seldom need their higher bytes
            values |= plane.astype(whole) << np.array(8 * number, whole)
    return np.asarray(values.view(dtype.newbyteorder("=")))
