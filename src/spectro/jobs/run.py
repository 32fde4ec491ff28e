"""Fits done as their settings say: one function for each kind."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, cast

from spectro.jobs.job import FitJob
from spectro.model import Curve, FitResult, InputError, Source, Spectrum

_RUNS = {
    "cw": ("epr_fits", "fit_spectrum"),
    "saturation": ("epr_fits", "fit_sweep"),
    "deconvolution": ("nmr_fits", "fit_lines"),
    "buildup": ("nmr_fits", "fit_recovery"),
    "respdor": ("nmr_fits", "fit_dephasing"),
    "enhancement": ("nmr_fits", "fit_ratio"),
}
"""Module and function of each kind."""


def run_fit(job: FitJob) -> FitResult:
    """Result of a fit; nothing is written.

    Raises
    ------
    InputError
        If files or settings cannot be used.
    """
    module, name = _RUNS[job.kind]
    run = cast(
        "Callable[[FitJob, Any], FitResult]",
        getattr(import_module(f"spectro.jobs.{module}"), name),
    )
    result = run(job, job.options)
    about = _find_source(job, result)
    return replace(result, curves=tuple(_name(one, job, about) for one in result.curves))


def complete(job: FitJob, parts: Mapping[str, str]) -> FitResult:
    """Result of a fit, which is written.

    Parameters
    ----------
    job : FitJob
        What to fit.
    parts : mapping of str to str
        What it is made of, from `FitJob.find_state`.

    Raises
    ------
    InputError
        If files or settings cannot be used, or results cannot be written.
    """
    start = time.perf_counter()
    result = job.run()
    job.save(result, parts, time.perf_counter() - start)
    return result


def _find_source(job: FitJob, result: FitResult) -> Source:
    """File that a fit to a table of numbers is of, which says nothing of it itself."""
    if all(one.data.source.path for one in result.curves):
        return Source()
    from spectro.io.files import tell_source  # noqa: PLC0415 - only then

    files = [path for path in job.files if path.is_file()]
    return tell_source("", *files) if files else Source(str(job.files[0]))


def _name(curve: Curve, job: FitJob, source: Source) -> Curve:
    """Curve with its file, and named after it where it has no name."""
    if curve.data.source.path:
        return curve
    title = {"title": job.files[0].stem} | dict(curve.data.metadata)
    data = replace(curve.data, metadata=title, source=source)
    return replace(curve, data=data)


def describe_failure(error: BaseException) -> str:
    """Why a fit could not be done, on one line."""
    if isinstance(error, OSError) and error.strerror:
        return f"Expected {error.filename} to be read or written, got: {error.strerror}."
    text = " ".join(str(error).split()) or "no reason given"
    return text if isinstance(error, InputError) else f"{type(error).__name__}: {text}"


def take(spectrum: Spectrum, number: int | None) -> Spectrum:
    """Slice of a series, where one is asked for."""
    return spectrum if number is None else spectrum.take(number)


_TOLD = {
    "saturation": ("P_half_mW", "T_us", "b"),
    "buildup": ("time_s", "time_short_s", "time_long_s", "beta", "mean_time_s"),
    "respdor": ("distance_nm", "coupling_Hz", "fraction"),
    "enhancement": ("enhancement", "time_saved"),
}
_UNTOLD = ("amplitude", "baseline", "integral")
_MOST_TOLD = 8


def summarise(result: FitResult, kind: str) -> str:
    """The main numbers of a fit with their intervals, on one line."""
    from spectro.fitting.search import round_together  # noqa: PLC0415 - scipy

    names = [name for name in _TOLD.get(kind, result.uncertainties) if name in result.values]
    parts = [name for name in names if name.endswith(".percent")]
    if kind == "deconvolution" and len(parts) > 1:
        names = parts
    names = [name for name in names if name not in parts or len(parts) > 1]
    words = []
    for name in names:
        known = result.uncertainties.get(name)
        if known is None or any(one in name for one in _UNTOLD):
            continue
        low, high, value = round_together(result.values[name], known)
        words.append(f"{name} = {value} ({low} to {high})")
    if len(words) > _MOST_TOLD:
        words[_MOST_TOLD:] = [f"and {len(words) - _MOST_TOLD} more"]
    doubts = [] if result.is_converged else ["it did not converge"]
    n = len(result.warnings)
    doubts += [f"{n} warning{'s' if n > 1 else ''}"] if n else []
    return ", ".join(words) + (f"; {', '.join(doubts)}" if doubts else "")
