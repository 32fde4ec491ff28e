"""Bytes and texts of files, and what is wrong with them in one sentence."""

import hashlib
from pathlib import Path

from spectro.model import InputError, Source

_ENCODINGS = ("utf-8-sig", "latin-1")  # the second reads everything
_LARGEST = 1 << 31  # bytes of one file


class UnreadableFileError(InputError):
    """A file is missing, damaged or not what it says; the message names it and what to do."""


def read_bytes(path: Path) -> bytes:
    """Content of a file.

    Raises
    ------
    UnreadableFileError
        If it is not there, too large or may not be read.
    """
    try:
        if path.stat().st_size > _LARGEST:
            raise UnreadableFileError(
                f"Expected a spectrum of less than 2 GB at {path}, got "
                f"{path.stat().st_size / 1e9:.1f} GB; split it."
            )
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFileError(
            f"Expected a file to read at {path}, got: {error.strerror or error}; check the path."
        ) from None


def read_text(path: Path) -> str:
    """Text of a file, in UTF-8 or else Latin-1; lines end as they will."""
    content = read_bytes(path)
    for encoding in _ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise AssertionError("Latin-1 reads every byte")


def find_partner(path: Path, suffix: str) -> Path:
    """File of the same name with another suffix, in capitals or not.

    Raises
    ------
    UnreadableFileError
        If there is none.
    """
    choices = [path.with_suffix(one) for one in (suffix.lower(), suffix.upper())]
    if path.suffix.isupper():
        choices.reverse()
    for one in choices:
        if one.is_file():
            return one
    raise UnreadableFileError(
        f"Expected {choices[0].name} beside {path}, which holds the other half, got none; put it "
        f"there."
    )


def tell_source(reader: str, path: Path, *others: Path) -> Source:
    """Record of what was read."""
    digest = hashlib.sha256()
    for one in (path, *others):
        digest.update(read_bytes(one))
    return Source(str(path), digest.hexdigest(), reader)
