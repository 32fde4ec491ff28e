"""Checks of HDF5 files that are made before a reader trusts them."""

import contextlib
import importlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from napari_nanodope.io.files import UnreadableFileError

_SEARCHED = 1 << 26
_MAX_UNPACKED, _MAX_OBJECTS, _MAX_DEPTH = 1100, 100_000, 60  # deflate packs a thousandfold at most
_MAX_SMALL = 1 << 28  # bytes of everything but the signals' own data
_HEAP, _HEADER, _PIECE, _LONGEST_HEAP = b"GCOL", 16, 1 << 22, 1 << 24


def check_hdf5(path: Path) -> None:
    """Raise unless an HDF5 file is whole, lies in one piece and unpacks to a sensible size.

    Raises
    ------
    UnreadableFileError
        If its heap of texts is damaged, on which the HDF5 library may run for ever; if it points
        to other files; if a group can be reached twice; if its data are far larger than what is
        stored; or if they are packed with a filter that is not installed.
    """
    try:
        _check_heaps(path)
        with h5py.File(path) as file:
            _check_group(file, path)
    except UnreadableFileError:
        raise
    except Exception as error:  # damaged files fail in every way there is
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UnreadableFileError(
            f"Expected an HDF5 file at {path}, got a damaged one ({reason}); copy it again."
        ) from None


def _check_heaps(path: Path) -> None:
    """Walk the objects of every global heap, as the file format specification lays them out."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for start in list(_find_heaps(file)):
            file.seek(start)
            if not _is_sound(file.read(_LONGEST_HEAP), size - start):
                raise UnreadableFileError(
                    f"Expected an HDF5 file at {path}, got one whose texts are damaged; copy it "
                    f"again."
                )


def _find_heaps(file: BinaryIO) -> Iterator[int]:
    """Places of the signature, which lies on multiples of eight bytes."""
    for offset in range(0, _SEARCHED, _PIECE):
        file.seek(offset)
        piece = file.read(_PIECE)
        place = piece.find(_HEAP)
        while place >= 0:
            if place % 8 == 0:
                yield offset + place
            place = piece.find(_HEAP, place + 1)
        if len(piece) < _PIECE:
            return


def _is_sound(heap: bytes, n_left: int) -> bool:
    if len(heap) < _HEADER:
        return False
    version, length = struct.unpack_from("<B3xQ", heap, 4)
    if version != 1 or not _HEADER <= length <= n_left:
        return False
    place, end = _HEADER, min(length, len(heap))
    while place + _HEADER <= end:
        index, n = struct.unpack_from("<H6xQ", heap, place)
        if index == 0:  # the free space, which counts its own header and ends the heap
            return bool(place + n == length)
        place += _HEADER + (n + 7) // 8 * 8
        if place > length:
            return False
    return True


def _check_group(file: h5py.File, path: Path) -> None:
    seen: set[Any] = set()
    small = 0
    waiting: list[tuple[h5py.Group, int]] = [(file, 0)]
    while waiting:
        group, depth = waiting.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise _refuse(path, f"a link from {name!r} to another file")
            if isinstance(link, h5py.SoftLink):  # what it points to is looked at anyway
                continue
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen or len(seen) > _MAX_OBJECTS or depth > _MAX_DEPTH:
                raise _refuse(path, f"{name!r} in a knot of groups")
            seen.add(address)
            if isinstance(item, h5py.Group):
                waiting.append((item, depth + 1))
            elif isinstance(item, h5py.Dataset):
                small += _check_dataset(item, name, path)
    if small > _MAX_SMALL:
        raise _refuse(path, f"{small / 1e6:.0f} MB of metadata")


def _check_dataset(data: h5py.Dataset, name: str, path: Path) -> int:
    """Bytes of a data set, 0 for those that hold a signal; raise where they cannot be true."""
    if data.external or data.is_virtual:
        raise _refuse(path, f"data of {name!r} in other files")
    _check_filters(data, name, path)
    n_bytes = int(np.prod(data.shape or (0,), dtype=object)) * data.dtype.itemsize
    stored = data.id.get_storage_size()
    if n_bytes > _MAX_UNPACKED * stored + (1 << 20):
        raise _refuse(
            path, f"{n_bytes / 1e9:.3g} GB in {name!r}, of which {stored} bytes are there"
        )
    if data.chunks and n_bytes / (np.prod(data.chunks) * data.dtype.itemsize) > 1e6:
        raise _refuse(path, f"more than a million chunks in {name!r}")
    return 0 if name.lower() == "data" else n_bytes


def _check_filters(data: h5py.Dataset, name: str, path: Path) -> None:
    """Raise where data are packed with a filter that is not installed."""
    about = data.id.get_create_plist()
    used = [about.get_filter(i) for i in range(about.get_nfilters())]
    if not all(h5py.h5z.filter_avail(one[0]) for one in used):
        with contextlib.suppress(ImportError):
            importlib.import_module("hdf5plugin")  # makes its filters known
    for number, _, _, label in used:
        if not h5py.h5z.filter_avail(number):
            called = label.decode("utf-8", "replace").split(";")[0].strip() or f"number {number}"
            raise UnreadableFileError(
                f"Expected data packed with filters that are installed in {path}, got {name!r} "
                f"packed with {called}; try pip install hdf5plugin, or save it with gzip."
            )


def _refuse(path: Path, what: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"Expected a whole HDF5 file at {path}, got {what}; save it again in one file."
    )
