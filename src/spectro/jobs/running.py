"""All fits of a project that are due, one after the other."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from spectro.jobs.finding import Jobs
from spectro.jobs.job import FITS
from spectro.model import InputError, write_whole
from spectro.samples.book import RESULTS

FAILURES_FILE = "failures.json"
_LOCK = ".batch.lock"  # which a batch of fields and fits holds, too


@dataclass(frozen=True, slots=True)
class FitProgress:
    """A fit that has ended, and how many have.

    Attributes
    ----------
    name : str
        Sample and fit; "" at the beginning.
    summary : str
        What it found, on one line; empty if it failed.
    problem : str
        Why it failed.
    n_ended, n_total : int
        Fits that have ended, and that were to be done.
    """

    name: str
    summary: str
    problem: str
    n_ended: int
    n_total: int


@dataclass(frozen=True, slots=True)
class FitReport:
    """What became of the fits of a project.

    Attributes
    ----------
    done : mapping of str to str
        What each found that was done, on one line.
    n_current : int
        Fits whose results hold, and that were left alone.
    failures : mapping of str to str
        Why a fit, or a measurement of the project file, could not be done.
    seconds : float
        All of it.
    """

    done: Mapping[str, str] = field(default_factory=dict)
    n_current: int = 0
    failures: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        return {
            "done": dict(self.done),
            "n_current": self.n_current,
            "failures": dict(self.failures),
            "seconds": round(self.seconds, 3),
        }


def run_jobs(project: Jobs, tell: Callable[[FitProgress], None] | None = None) -> FitReport:
    """Do every fit of a project that is new, or of which anything has changed.

    Parameters
    ----------
    project : Jobs
        As `open_jobs` gives it.
    tell : callable, optional
        Called as each fit ends.

    Raises
    ------
    InputError
        If a batch is at work in the project, or results cannot be written.

    Notes
    -----
    Numbers and curves are the same to the last digit wherever sums are done on one thread, as
    `spectro fit` and batches do them: set ``OMP_NUM_THREADS=1`` before numpy is imported.
    """
    from spectro.jobs.run import complete, describe_failure, summarise  # noqa: PLC0415 - scipy

    start = time.perf_counter()
    done: dict[str, str] = {}
    failures = {f"project.toml, line {one.line}": one.message for one in project.missing}
    with _hold(project.folder / RESULTS):
        states = {job.name: job.find_state() for job in project.jobs}
        failures |= {name: state.problem for name, state in states.items() if state.problem}
        due = [job for job in project.jobs if states[job.name].is_due and job.name not in failures]
        try:
            for number, job in enumerate(due, 1):
                job.forget()
                try:
                    done[job.name] = summarise(complete(job, states[job.name].parts), job.kind)
                except Exception as error:  # told in the report, with the fit that it belongs to
                    failures[job.name] = describe_failure(error)
                if tell is not None:
                    found = done.get(job.name, ""), failures.get(job.name, "")
                    tell(FitProgress(job.name, *found, number, len(due)))
        finally:
            save_failures(project.folder, failures)
    n_current = sum(state.is_current for state in states.values())
    return FitReport(done, n_current, failures, time.perf_counter() - start)


def save_failures(folder: Path, failures: Mapping[str, str]) -> None:
    """Write why fits of a project could not be done; a disk that is full costs that only."""
    text = json.dumps(dict(failures), indent=2, ensure_ascii=False)
    with suppress(InputError):
        write_whole(folder / RESULTS / FITS / FAILURES_FILE, text)


def read_failures(folder: Path) -> dict[str, str]:
    """Reason by name of those that could not be done the last time."""
    with suppress(OSError, ValueError, AttributeError):
        told = json.loads((folder / RESULTS / FITS / FAILURES_FILE).read_text(encoding="utf-8"))
        return {str(name): str(reason) for name, reason in told.items()}
    return {}


def _hold(results: Path) -> Any:
    """Lock that keeps batches from a project.

    Raises
    ------
    InputError
        If one is at work, or results cannot be written.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        return FileLock(results / _LOCK).acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"Expected no batch at work in {results.parent}, got one; wait for it, or stop it."
        ) from None
    except OSError as error:
        raise InputError(
            f"Expected a folder that can be written to, got {results}: {error.strerror}; choose "
            f"another folder."
        ) from None
