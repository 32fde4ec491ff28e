"""Checks of Zarr folders that are made before a reader trusts them."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from napari_nanodope.io.files import UnreadableFileError

_CODECS = frozenset(
    "blosc zlib gzip bz2 lzma lz4 zstd shuffle delta vlen-utf8 vlen-bytes vlen-array json2".split()
)
"""Codecs that only unpack; others, such as "pickle", may run what a file says."""
_MAX_UNPACKED, _MAX_SMALL = 5000, 1 << 28


def check_zarr(folder: Path) -> list[str]:
    """Raise unless the arrays of a Zarr folder unpack with plain codecs to a sensible size.

    Returns
    -------
    list of str
        Warnings of signals of which chunks are missing.

    Raises
    ------
    UnreadableFileError
        If an array is packed with a codec that could execute what the file says, or promises far
        more than is stored.
    """
    small, told = 0, []
    for description in sorted(folder.rglob(".zarray")):
        try:
            small += _check_array(description)
            told += _tell_missing(description)
        except UnreadableFileError:
            raise
        except Exception as error:  # damaged descriptions fail in every way there is
            raise UnreadableFileError(
                f"Expected the description of a Zarr array at {description}, got a damaged one "
                f"({type(error).__name__}); copy the folder again."
            ) from None
    if small > _MAX_SMALL:
        raise UnreadableFileError(
            f"Expected a HyperSpy folder at {folder}, got {small / 1e6:.0f} MB of metadata; save "
            f"it again."
        )
    return told


def _tell_missing(description: Path) -> list[str]:
    """Tell how many chunks of a signal were lost, or left out because they were empty."""
    if description.parent.name != "data":
        return []
    about: dict[str, Any] = json.loads(description.read_text(encoding="utf-8"))
    n_chunks = math.prod(-(-n // k) for n, k in zip(about["shape"], about["chunks"], strict=True))
    files = description.parent.rglob("*")
    n_there = sum(1 for file in files if file.is_file() and not file.name.startswith("."))
    if n_there >= n_chunks:
        return []
    return [
        f"{n_chunks - n_there} of {n_chunks} chunks are missing in {description.parent} and count "
        f"as {about['fill_value'] or 0}; copy the folder again, unless empty chunks were left out."
    ]


def _check_array(description: Path) -> int:
    """Bytes of an array, 0 for those that hold a signal."""
    about: dict[str, Any] = json.loads(description.read_text(encoding="utf-8"))
    used = [about.get("compressor"), *(about.get("filters") or [])]
    foreign = [codec["id"] for codec in used if codec is not None and codec["id"] not in _CODECS]
    if foreign:
        raise UnreadableFileError(
            f"Expected an array packed with plain codecs at {description}, got "
            f"{', '.join(foreign)}; save it again with HyperSpy."
        )
    itemsize = 8 if about["dtype"] == "|O" else np.dtype(about["dtype"]).itemsize
    n_bytes = math.prod(about["shape"]) * itemsize
    stored = sum(file.stat().st_size for file in description.parent.rglob("*") if file.is_file())
    if n_bytes > _MAX_UNPACKED * stored or math.prod(about["chunks"]) * itemsize > 1 << 31:
        raise UnreadableFileError(
            f"Expected a whole array at {description.parent}, got {n_bytes / 1e9:.3g} GB promised "
            f"by {stored} bytes; copy the folder again."
        )
    return 0 if description.parent.name == "data" else n_bytes
