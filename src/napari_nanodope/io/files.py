"""Whole files or none: what every writer and reader of this package shares."""

import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_nanodope.model import InputError

_SMALL, _PACKED = 1 << 30, 20


class UnreadableFileError(InputError):
    """A file is missing, damaged or not what it says; the message names it and what to do."""


@contextmanager
def replacing(path: Path, *, is_listed: bool = False) -> Iterator[Path]:
    """Temporary path in the same folder, renamed to `path` on success and removed otherwise.

    In a folder that others list by suffix (`is_listed`), the temporary name goes without it.
    """
    suffix = ".partial" if is_listed else f".partial{path.suffix}"
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=suffix, dir=path.parent)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o666 & ~_umask())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path, *, last: str) -> Iterator[Path]:
    """Temporary folder beside `folder`; its files move there on success, the one named `last` last.

    Files of other names that `folder` already holds are kept.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(
        tempfile.mkdtemp(prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent)
    )
    try:
        yield partial
        partial.chmod(0o777 & ~_umask())
        if not folder.exists():
            partial.replace(folder)
            return
        for file in partial.iterdir():
            if (folder / file.name).is_dir():
                raise InputError(
                    f"Expected a file or nothing at {folder / file.name}, got a folder; move it."
                )
        (folder / last).unlink(missing_ok=True)
        for file in sorted(partial.iterdir(), key=lambda f: f.name == last):
            file.replace(folder / file.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_folder_is_writable(folder: Path) -> None:
    """Raise InputError unless files can be written into `folder`, which need not exist yet.

    Raises
    ------
    InputError
        If it is a file, or its nearest existing parent cannot be written to.
    """
    parent = folder
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir():
        raise InputError(f"Expected a folder to write to, got the file {parent}; name another.")
    try:
        with tempfile.TemporaryFile(dir=parent):
            pass
    except OSError as error:
        raise InputError(
            f"Expected a folder that can be written to, got {parent}: {error.strerror}; choose "
            f"another folder."
        ) from None


def check_size(n_bytes: int, path: Path) -> None:
    """Raise unless a file can hold as much as it promises, so that no damage asks for all memory.

    Raises
    ------
    UnreadableFileError
        If it would unpack to more than 1 GiB and more than 20 times its size.
    """
    if n_bytes > max(_SMALL, _PACKED * path.stat().st_size):
        raise UnreadableFileError(
            f"Expected data in {path} of a size that fits the file, got {n_bytes / 1e9:.3g} GB; "
            f"copy it again, or save it uncompressed."
        )


@contextmanager
def telling_damage(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong while pixels are read into one sentence about the file.

    Raises
    ------
    UnreadableFileError
        Instead of any error that is not an `InputError`.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # damaged files fail in every way there is
        reason = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
        raise UnreadableFileError(
            f"Expected whole data in {path}, got damaged ones ({reason}); copy it again."
        ) from None


def hash_files(paths: Iterable[Path]) -> str:
    """Digest in hexadecimal of the bytes of files, in the order given; folders are passed over."""
    digest = hashlib.sha256()
    for path in paths:
        if path.is_dir():
            continue
        with path.open("rb") as file:
            while chunk := file.read(1 << 22):
                digest.update(chunk)
    return digest.hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def list_companions(path: Path) -> tuple[Path, ...]:
    """The file and those beside it that are read with it."""
    suffix, folder = path.suffix.lower(), path.parent
    if suffix == ".zspy":
        return (path, *sorted(file for file in path.rglob("*") if file.is_file()))
    stem = glob.escape(path.stem)
    patterns = {
        ".rpl": (f"{stem}.raw",),
        ".emi": (f"{stem}_*.ser",),
        ".spd": (f"{stem}.spc", f"{stem}.ipr"),
        ".asw": ("*/*/*.img", "*/*/*.map", "*/*/*.pts"),
    }
    beside = [file for pattern in patterns.get(suffix, ()) for file in folder.glob(pattern)]
    return (path, *sorted(beside))
