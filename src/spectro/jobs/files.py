"""Results of fits on the disk: numbers as JSON, curves as CSV, and what they were made of."""

import csv
import io
import json
import math
import platform
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import spectro
from spectro.jobs.job import FitJob, hash_file
from spectro.model import (
    Axis,
    Curve,
    FitResult,
    InputError,
    Source,
    Spectrum,
    Uncertainty,
    write_whole,
)

_PACKAGES = ("numpy", "scipy", "numba", "nmrglue", "pybaselines")
_CHANGES = {
    "input": "The input has other bytes.",
    "settings": "The settings are others now; those of the results were used.",
}
_TOLD = ("title", "technique", "quantity", "nucleus", "harmonic")
_COLUMNS = ("data", "best_fit", "residual")
_COMPONENT = "component_"


def save_fit(
    job: FitJob, result: FitResult, parts: Mapping[str, str], seconds: float
) -> list[Path]:
    """Write numbers, curves and provenance; see `FitJob.save`."""
    try:
        job.provenance_path.unlink(missing_ok=True)  # nothing here goes with it from now on
    except OSError as error:
        raise InputError(
            f"Expected {job.provenance_path} to be replaced, got: {error.strerror}; close it."
        ) from None
    record = _to_record(job, result)
    provenance = _to_provenance(job, parts, seconds)
    return [
        write_whole(job.curves_path, tabulate_curves(result).rstrip("\n")),
        write_whole(job.path, json.dumps(record, indent=2, ensure_ascii=False)),
        write_whole(job.provenance_path, json.dumps(provenance, indent=2, ensure_ascii=False)),
    ]


def _to_record(job: FitJob, result: FitResult) -> dict[str, Any]:
    """Numbers and what tells them, without anything that changes from run to run."""
    about = {
        "sample_id": job.sample_id,
        "fit_id": job.fit_id,
        "technique": job.technique,
        "kind": job.kind,
        "files": [_to_relative(job.folder, str(path)) for path in job.files],
    }
    told = result.to_dict()
    for source in told["sources"]:
        source["path"] = _to_relative(job.folder, source["path"])
    curves = [
        {
            "n_points": len(one.data.x),
            "axis": one.data.axes[-1].name,
            "unit": one.data.axes[-1].unit,
            "components": list(one.components),
            "metadata": {key: one.data.metadata[key] for key in _TOLD if key in one.data.metadata},
        }
        for one in result.curves
    ]
    return about | told | {"curves": curves}


def _to_relative(folder: Path, path: str) -> str:
    if not path:
        return ""
    try:
        return Path(path).relative_to(folder).as_posix()
    except ValueError:
        return Path(path).name  # beside the project, wherever that is


def _to_provenance(job: FitJob, parts: Mapping[str, str], seconds: float) -> dict[str, Any]:
    inputs = [
        {"path": _to_relative(job.folder, str(path)), "sha256": hash_file(path)}
        for path in job.list_inputs()
    ]
    return {
        "sample_id": job.sample_id,
        "fit_id": job.fit_id,
        "technique": job.technique,
        "kind": job.kind,
        "parts": dict(parts),
        "files": [_to_relative(job.folder, str(path)) for path in job.files],
        "inputs": inputs,
        "settings": dict(job.settings),
        "seed": getattr(job.options, "seed", None),  # of the kinds that draw at random
        "version": spectro.__version__,
        "packages": _list_versions(),
        "machine": {"host": platform.node(), "system": platform.platform()},
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
    }


def _list_versions() -> dict[str, str]:
    told = {"python": platform.python_version(), "spectro": spectro.__version__}
    return told | {name: _find_version(name) for name in _PACKAGES}


_find_version = lru_cache(version)  # which reads a file each time


def tabulate_curves(result: FitResult) -> str:
    """CSV of the curves of a fit, with all digits; of complex ones the real part.

    Columns are ``curve`` (its title), the axis with its unit, ``data``, ``best_fit``, ``residual``
    and ``component_<name>`` for each part, empty where a curve has none of that name.
    """
    names = list(dict.fromkeys(name for one in result.curves for name in one.components))
    axis = result.curves[0].data.axes[-1].column if result.curves else "x"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["curve", axis, *_COLUMNS, *(f"{_COMPONENT}{name}" for name in names)])
    for one in result.curves:
        columns = [one.data.x, one.data.y, one.best_fit.y, one.residual]
        columns += [one.components.get(name, np.full(len(one.data.x), np.nan)) for name in names]
        for row in np.column_stack([np.real(column) for column in columns]).tolist():
            writer.writerow([one.data.title, *("" if math.isnan(n) else repr(n) for n in row)])
    return text.getvalue()


def reproduce_fit(job: FitJob) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What differs if a fit is done again as its provenance says, and what was changed since.

    Parameters
    ----------
    job : FitJob
        Whose results are there; nothing is written.

    Returns
    -------
    differences, changes : tuple of str
        A sentence each; no differences if numbers and curves are the same, to the last digit.

    Raises
    ------
    InputError
        If it has no results, or cannot be done any more.
    """
    before, told = load_fit(job.path), _load_provenance(job)
    again = replace(job, settings=told["settings"])
    now = again.run()
    differences = [
        f"{name} is {now.values.get(name)!r}, was {before.values.get(name)!r}."
        for name in dict.fromkeys((*before.values, *now.values))
        if repr(now.values.get(name)) != repr(before.values.get(name))
    ]
    if tabulate_curves(now) != job.curves_path.read_text(encoding="utf-8"):
        differences.append("The curves differ.")
    parts = job.find_parts(hash_file)
    changes = [text for name, text in _CHANGES.items() if parts[name] != told["parts"].get(name)]
    packages = _list_versions()
    changes += [
        f"{name} is {packages[name]}, was {told['packages'][name]}."
        for name in sorted(packages.keys() & told["packages"].keys())
        if packages[name] != told["packages"][name]
    ]
    return tuple(differences), tuple(changes)


def _load_provenance(job: FitJob) -> dict[str, Any]:
    try:
        told = json.loads(job.provenance_path.read_text(encoding="utf-8"))
        if {"settings", "parts", "packages"} <= told.keys():
            return dict(told)
    except (OSError, ValueError, AttributeError):
        pass
    raise InputError(
        f"Expected the provenance of {job.name} at {job.provenance_path}, got none or a damaged "
        f"one; fit again."
    )


def load_fit(path: str | Path) -> FitResult:
    """Result of a fit that was written, with its curves.

    Parameters
    ----------
    path : path
        File of the numbers, ``results/fits/sample_id=<id>/<fit_id>.json``.

    Raises
    ------
    InputError
        If there is none, or it is damaged.
    """
    path = Path(path)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        curves = path.with_name(f"{path.stem}.csv").read_text(encoding="utf-8")
        return _to_result(told, list(csv.reader(io.StringIO(curves))))
    except OSError as error:
        raise InputError(
            f"Expected a fit at {path}, got: {error.strerror}; run 'spectro fit' on the project."
        ) from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise InputError(
            f"Expected a fit at {path}, got something else; remove it, and fit again."
        ) from None


def _to_result(told: dict[str, Any], rows: list[list[str]]) -> FitResult:
    nan = float("nan")
    values = {name: _to_float(row["value"]) for name, row in told["values"].items()}
    known = {
        name: Uncertainty(
            _to_float(row["standard_error"]),
            _to_float(row["low"], -np.inf),
            _to_float(row["high"], np.inf),
            row["level"],
            row["method"],
        )
        for name, row in told["values"].items()
        if "level" in row
    }
    table = [[nan if one is None else one for one in row] for row in told["covariance"]]
    return FitResult(
        told["model"],
        values,
        {name: row["unit"] for name, row in told["values"].items()},
        known,
        np.array(table, float).reshape(len(table), len(table)),
        tuple(_to_curves(told, rows)),
        _to_float(told["noise"]),
        tuple(told["statements"]),
        tuple(told["warnings"]),
        bool(told["is_converged"]),
        told["settings"],
    )


def _to_float(value: float | None, otherwise: float = float("nan")) -> float:
    return otherwise if value is None else float(value)


def _to_curves(told: dict[str, Any], rows: list[list[str]]) -> Iterator[Curve]:
    names = [one.removeprefix(_COMPONENT) for one in rows[0][2 + len(_COLUMNS) :]]
    body, start = rows[1:], 0
    for about, source in zip(told["curves"], told["sources"], strict=True):
        some = body[start : start + about["n_points"]]
        start += about["n_points"]
        table = np.array([[float(cell or "nan") for cell in row[1:]] for row in some]).T
        axis = Axis(table[0], about["axis"], about["unit"])
        data = Spectrum(
            table[1], (axis,), about["metadata"], source=Source(source["path"], source["sha256"])
        )
        parts = dict(zip(names, table[1 + len(_COLUMNS) :], strict=True))
        components = {name: parts[name] for name in about["components"]}
        yield Curve(data, replace(data, y=table[2]), components)
