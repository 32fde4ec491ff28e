"""Checks of HDF5 files that are made before a reader trusts them."""

import mmap
import struct
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from napari_nanodope.io.files import UnreadableFileError

_SEARCHED = 1 << 28
_MAX_UNPACKED, _MAX_OBJECTS, _MAX_DEPTH = 1100, 100_000, 60  # deflate packs a thousandfold at most
_MAX_SMALL = 1 << 28  # bytes of everything but the signals' own data
_HEAP, _HEAP_HEADER = b"GCOL", 16


def check_hdf5(path: Path) -> None:
    """Raise unless an HDF5 file is whole, lies in one piece and unpacks to a sensible size.

    Raises
    ------
    UnreadableFileError
        If its heap of texts is damaged, on which the HDF5 library may run for ever; if it points
        to other files; if a group can be reached twice; or if its data are far larger than what
        is stored.
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
    if size == 0:
        raise UnreadableFileError(f"Expected an HDF5 file at {path}, got an empty one.")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
        start = raw.find(_HEAP, 0, _SEARCHED)
        while start >= 0:
            _walk_heap(raw, start, path)
            start = raw.find(_HEAP, start + 1, _SEARCHED)


def _walk_heap(raw: mmap.mmap, start: int, path: Path) -> None:
    if start % 8 or start + _HEAP_HEADER > len(raw):  # these four letters in other data
        return
    version, length = struct.unpack_from("<B3xQ", raw, start + 4)
    place, end = start + _HEAP_HEADER, start + length
    is_sound = version == 1 and length >= _HEAP_HEADER and end <= len(raw)
    while is_sound and place + _HEAP_HEADER <= end:
        index, n = struct.unpack_from("<H6xQ", raw, place)
        if index == 0:  # the free space, which counts its own header
            is_sound = place + n <= end
            break
        step = _HEAP_HEADER + (n + 7) // 8 * 8
        is_sound = place + step <= end
        place += step
    if not is_sound:
        raise UnreadableFileError(
            f"Expected an HDF5 file at {path}, got one whose texts are damaged; copy it again."
        )


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
    n_bytes = int(np.prod(data.shape or (0,), dtype=object)) * data.dtype.itemsize
    stored = data.id.get_storage_size()
    if n_bytes > _MAX_UNPACKED * stored + (1 << 20):
        raise _refuse(
            path, f"{n_bytes / 1e9:.3g} GB in {name!r}, of which {stored} bytes are there"
        )
    if data.chunks and n_bytes / (np.prod(data.chunks) * data.dtype.itemsize) > 1e6:
        raise _refuse(path, f"more than a million chunks in {name!r}")
    return 0 if name.lower() == "data" else n_bytes


def _refuse(path: Path, what: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"Expected a whole HDF5 file at {path}, got {what}; save it again in one file."
    )
