"""Reading files of microscopes in a process of its own, which a damaged file may take down.

Readers written in C or compiled from Python may crash, run for ever or ask for any amount of
memory when a file is damaged, and no ``except`` helps. `load_guarded` therefore starts this very
file as a script; it uses nothing of the package. Arrays come back as ``.npy`` files, mapped into
memory, and what the file says of them as JSON, so nothing is unpickled.
"""

import glob
import importlib
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_SECONDS, _BYTES_PER_SECOND = 18.0, 4e6
_BYTES, _BYTES_PER_BYTE = 1.5e9, 64.0
_LONGEST = 1000  # items of a list worth telling
_AXIS = ("name", "units", "scale", "offset", "size", "navigate", "index_in_array")


class GuardedReadingError(Exception):
    """The file could not be read; the message is the reason in a few words."""


def load_guarded(path: Path, plugin: str, **given: Any) -> list[dict[str, Any]]:
    """Signals of a file as a reader of RosettaSciIO gives them, read in a process of its own.

    Parameters
    ----------
    path : Path
        The file.
    plugin : str
        Module below ``rsciio``.
    **given
        Options of that reader, as JSON can hold them.

    Returns
    -------
    list of dict
        ``data``, ``axes``, ``metadata``, and of the original metadata what is needed; sparse data
        as a dictionary of ``coords`` (3, N), ``counts`` (N,) and ``shape``.

    Raises
    ------
    GuardedReadingError
        If reading fails, crashes, takes longer than 18 s and 1 s for every 4 MB, or more memory
        than 1.5 GB and 64 times the file.
    """
    n_bytes = sum(file.stat().st_size for file in path.parent.glob(f"{glob.escape(path.stem)}*"))
    limits = {
        "seconds": _SECONDS + n_bytes / _BYTES_PER_SECOND,
        "bytes": _BYTES + _BYTES_PER_BYTE * n_bytes,
    }
    order = {"path": str(path.resolve()), "plugin": plugin, "given": given, "limits": limits}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        order["folder"] = name
        _run(order)
        folder = Path(name)
        answer = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
        for number, signal in enumerate(answer):
            signal["data"] = _load_data(folder, number, signal.pop("sparse_shape"))
    return list(answer)


def _run(order: dict[str, Any]) -> None:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).resolve())],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            timeout=order["limits"]["seconds"],
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise GuardedReadingError(
            f"it is not read within {order['limits']['seconds']:.0f} s"
        ) from None
    if done.returncode == 0:
        return
    reason = Path(order["folder"]) / "error.txt"
    if not reason.is_file():
        raise GuardedReadingError("the reader crashed on it")
    raise GuardedReadingError(reason.read_text(encoding="utf-8"))


def _load_data(folder: Path, number: int, sparse_shape: list[int] | None) -> Any:
    if sparse_shape is None:
        return _load(folder / f"{number}.npy")
    coords, counts = (_load(folder / f"{number}-{name}.npy") for name in ("coords", "counts"))
    return {"coords": coords, "counts": counts, "shape": tuple(sparse_shape)}


def _load(file: Path) -> np.ndarray[Any, np.dtype[Any]]:
    """Array of a file that may be removed: mapped into memory where the system allows it."""
    if os.name == "nt" or file.stat().st_size < 1 << 20:
        return np.asarray(np.load(file, allow_pickle=False))
    return np.asarray(np.load(file, allow_pickle=False, mmap_mode="r"))


def main() -> int:
    """Carry out an order from standard input; return the exit code."""
    order = json.loads(sys.stdin.read())
    folder = Path(order["folder"])
    try:
        signals = _read(order)
        answer = [_save(signal, folder, number) for number, signal in enumerate(signals)]
        (folder / "answer.json").write_text(json.dumps(answer), encoding="utf-8")
    except MemoryError:
        reason = f"it asks for more than {order['limits']['bytes'] / 1e9:.1f} GB"
    except RecursionError:
        reason = "it is nested without end"
    except Exception as error:  # readers of damaged files fail in every way there is
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:300]
    else:
        return 0
    (folder / "error.txt").write_text(reason, encoding="utf-8")
    return 1


def _read(order: dict[str, Any]) -> list[dict[str, Any]]:
    warnings.simplefilter("ignore")  # on files that are odd but readable
    reader = importlib.import_module(f"rsciio.{order['plugin']}")
    _limit_memory(int(order["limits"]["bytes"]))
    signals: list[dict[str, Any]] = reader.file_reader(order["path"], **order["given"])
    return signals


def _limit_memory(n_bytes: int) -> None:
    """Forbid to ask for more than `n_bytes` on top of what is there, where the system can."""
    try:
        import resource  # noqa: PLC0415 - not on Windows

        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = n_bytes + pages * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ImportError, OSError, ValueError):
        return


def _save(signal: dict[str, Any], folder: Path, number: int) -> dict[str, Any]:
    data = _find_sparse(signal["data"])
    original = signal.get("original_metadata")
    answer = {
        "axes": [{key: axis[key] for key in _AXIS if key in axis} for axis in signal["axes"]],
        "metadata": _to_plain(signal.get("metadata", {})),
        "original_metadata": _to_plain(_pick(original)),
        "sparse_shape": None,
    }
    answer["axes"] = _to_plain(answer["axes"])
    if hasattr(data, "coords"):
        answer["sparse_shape"] = [int(n) for n in data.shape]
        np.save(folder / f"{number}-coords.npy", np.asarray(data.coords), allow_pickle=False)
        np.save(folder / f"{number}-counts.npy", np.asarray(data.data), allow_pickle=False)
    else:
        np.save(folder / f"{number}.npy", np.asarray(data), allow_pickle=False)
    return answer


def _pick(original: Any) -> dict[str, Any]:
    """Pixel sizes of Bruker's microscope, and the number of JEOL's frames."""
    picked = original
    for name in ("PTTD Data", "AnalyzableMap MeasData", "Doc"):
        picked = picked.get(name) if isinstance(picked, Mapping) else None
    return {
        "Microscope": original.get("Microscope") if isinstance(original, Mapping) else None,
        "Sweep": picked.get("Sweep") if isinstance(picked, Mapping) else None,
    }


def _find_sparse(data: Any) -> Any:
    """Sparse array behind a Dask array, where there is one; slices of it would be dense."""
    if not hasattr(data, "dask"):
        return data
    for node in dict(data.dask).values():
        value = getattr(node, "value", node)
        if hasattr(value, "coords") and getattr(value, "shape", None) == data.shape:
            return value
    return data


def _to_plain(value: Any, depth: int = 0) -> Any:
    """Value as JSON can hold it; what it cannot hold is left out."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str | int | float | bool):
        return value
    if depth > 20:
        return None
    if isinstance(value, Mapping):
        return {str(key): _to_plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple | np.ndarray) and len(value) <= _LONGEST:
        return [_to_plain(one, depth + 1) for one in value]
    return None


if __name__ == "__main__":
    sys.exit(main())
