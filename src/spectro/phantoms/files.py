"""Files that belong together, each written whole, the one that describes the others last."""

import os
from collections.abc import Mapping
from pathlib import Path

from spectro.model import InputError


def write_files(folder: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write files of a folder in the order given; folders are made where they do not exist.

    Parameters
    ----------
    folder : Path
        Where.
    contents : mapping of str to bytes
        By path below the folder.

    Raises
    ------
    InputError
        If one cannot be written.
    """
    written = []
    for name, content in contents.items():
        path = folder / name
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content)
            partial.replace(path)
        except OSError as error:
            raise InputError(
                f"Expected a place to write {path} to, got {error.strerror}; choose another."
            ) from None
        finally:
            if partial.exists():
                partial.unlink()
        written.append(path)
    return written
