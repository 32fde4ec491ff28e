"""Every field and every fit of a project, on the processors of one computer or of many.

Workers are processes of Dask distributed. They write the results; a table is whole or not there,
so a batch that is cut off at any moment is finished by running it again.
"""

import json
import logging
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from napari_nanodope.acquisitions import PROVENANCE, TABLES, FieldState, ProjectField
from napari_nanodope.batch_worker import do_safely
from napari_nanodope.curation import LOCK_FILE
from napari_nanodope.io.files import check_folder_is_writable
from napari_nanodope.model import InputError
from napari_nanodope.project import Project
from napari_nanodope.results import save_json

if TYPE_CHECKING:
    from spectro.jobs import FitJob, FitState

    Task = ProjectField | FitJob
    State = FieldState | FitState

_LOCK, _HOLDER = ".batch.lock", ".batch.json"
_BEAT_S, _STALE_S = 5.0, 60.0
_PATIENCE_S = 60.0  # without any worker
_STARTS = 3
_PER_WORKER = 16  # given out for each, so that none waits
_PAUSE_S, _LAST_PAUSE_S = 1.0, 0.2  # to take in together what ends: less work beside the workers
_COUNT_S = 1.0  # to count workers again
_PARTIAL = re.compile(r"\..+\.partial(\.\w+)?")
_LIBRARIES = ("OMP", "MKL", "OPENBLAS", "NUMEXPR")
_ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in _LIBRARIES}
_LOST = (
    "Expected the scheduler to go on, got its connection lost; start it and run the batch again, "
    "what is finished is kept."
)


class BatchError(InputError):
    """A batch cannot begin."""


class BatchStoppedError(BatchError):
    """A batch cannot go on; what was finished is kept."""


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch is.

    Attributes
    ----------
    n_done, n_failed, n_total : int
        Fields measured and fits done, those that could not be, and all that were to be.
    seconds : float
        Since the first was given out.
    field : str
        The field or fit that ended last; "" at the beginning.
    """

    n_done: int
    n_failed: int
    n_total: int
    seconds: float
    field: str = ""

    @property
    def rate_per_s(self) -> float:
        """Fields and fits per second so far."""
        return (self.n_done + self.n_failed) / self.seconds if self.seconds > 0 else 0.0

    @property
    def left_s(self) -> float:
        """Seconds that the rest takes at this rate; infinite before the first has ended."""
        n_left = self.n_total - self.n_done - self.n_failed
        return n_left / self.rate_per_s if self.rate_per_s > 0 else float("inf")


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What a batch did.

    Attributes
    ----------
    done : tuple of str
        Fields that were measured, in the order of the project.
    n_current : int
        Fields whose results hold, and that were left alone.
    n_rejected : int
        Fields that a person rejected.
    failures : mapping of str to str
        Why a field, a fit, or a measurement of the project file could not be done.
    orphans : tuple of Path
        Files of fields and fits that the project no longer has.
    seconds : float
        All of it.
    was_cut_off : bool
        Whether the batch before ended without a farewell.
    fits : tuple of str
        Fits that were done, in the order of the project.
    n_current_fits : int
        Fits whose results hold, and that were left alone.
    """

    done: tuple[str, ...]
    n_current: int
    n_rejected: int
    failures: Mapping[str, str]
    orphans: tuple[Path, ...]
    seconds: float
    was_cut_off: bool
    fits: tuple[str, ...] = ()
    n_current_fits: int = 0


def run_batch(
    project: Project,
    *,
    workers: int = 2,
    scheduler: str | None = None,
    memory_limit: str | float = "auto",
    progress: Callable[[BatchProgress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> BatchReport:
    """Measure every field and do every fit of a project that is new, or of which anything changed.

    Parameters
    ----------
    project : Project
        Whose fields and fits; its folder must have the same path on every worker.
    workers : int, optional
        Processes of a local cluster, each with one thread and at its share of the memory.
    scheduler : str, optional
        Address of a Dask scheduler that runs already, as in ``tcp://node1:8786``; its workers are
        used instead, and should have one thread each.
    memory_limit : str or float, optional
        Of each local worker, as in "4 GB"; by default its share. A worker above it is replaced.
    progress : callable, optional
        Called as each field or fit ends.
    cancelled : callable, optional
        Asked about once a second; the batch stops when it returns True.

    Returns
    -------
    BatchReport
        What was measured, and what could not be.

    Raises
    ------
    BatchError
        If another batch is at work in the project, or the scheduler cannot be reached.
    BatchStoppedError
        If the scheduler is lost, or has had no worker for a minute.
    InputError
        If results cannot be written.

    Notes
    -----
    A script that calls this has to do so under ``if __name__ == "__main__":``, since every worker
    reads the script once, as with all of Python's processes.

    Tables and numbers of fits do not depend on the number of workers, nor on what was done before.
    """
    start = time.perf_counter()
    if workers < 1:
        raise BatchError(f"Expected at least one worker, got {workers}.")
    check_folder_is_writable(project.results)
    project.results.mkdir(parents=True, exist_ok=True)
    with hold_project(project.results) as (beat, was_cut_off):
        sweep(project.results)
        states = project.find_states()
        fit_states = project.find_fit_states()
        all_states: dict[str, State] = {**states, **fit_states}
        failures = _list_missing(project, all_states)
        tasks: list[Task] = [*project.fields, *project.fit_jobs]
        due = [one for one in tasks if all_states[one.name].is_due and one.name not in failures]
        _forget(due)
        run = _Run(due, all_states, beat, progress, cancelled)
        try:
            if due:
                with _connect(workers, scheduler, memory_limit) as client:
                    run.measure(client)
        finally:
            sweep(project.results)
            with suppress(OSError):
                project.save_failures(failures | run.failures)
    return BatchReport(
        done=tuple(one.name for one in project.fields if one.name in run.done),
        n_current=sum(s.is_current and s.status != "rejected" for s in states.values()),
        n_rejected=sum(state.status == "rejected" for state in states.values()),
        failures=failures | run.failures,
        orphans=tuple(project.find_orphans()),
        seconds=time.perf_counter() - start,
        was_cut_off=was_cut_off,
        fits=tuple(one.name for one in project.fit_jobs if one.name in run.done),
        n_current_fits=sum(state.is_current for state in fit_states.values()),
    )


def _list_missing(project: Project, states: "Mapping[str, State]") -> dict[str, str]:
    """Measurements without files, and what has input that cannot be read; earlier results stay."""
    missing = {f"project.toml, line {one.line}": one.message for one in project.missing}
    return missing | {name: state.problem for name, state in states.items() if state.problem}


def _forget(due: "list[Task]") -> None:
    """Remove results that no longer hold, so that none is read beside new ones if this fails."""
    for one in due:
        if not isinstance(one, ProjectField):
            one.forget()
            continue
        (one.folder / PROVENANCE).unlink(missing_ok=True)
        for name in TABLES:
            one.table(name).unlink(missing_ok=True)


class _Run:
    """Fields and fits given out to workers, and what came back."""

    def __init__(
        self,
        due: "list[Task]",
        states: "Mapping[str, State]",
        beat: Callable[[], None],
        progress: Callable[[BatchProgress], None] | None,
        cancelled: Callable[[], bool] | None,
    ) -> None:
        self.due, self.states, self.beat = due, states, beat
        self.progress, self.cancelled = progress, cancelled
        self.done: dict[str, Any] = {}
        self.failures: dict[str, str] = {}
        self.n_threads = 0
        self.start = self.last_seen = time.perf_counter()

    def measure(self, client: Any) -> None:
        """Give all out, a few at a time, and take in what comes back."""
        from distributed import CancelledError, wait  # noqa: PLC0415 - slow to import
        from distributed.comm.core import CommClosedError  # noqa: PLC0415

        self.start = self.last_seen = time.perf_counter()
        self._tell("")
        waiting, n_left = iter(self.due), len(self.due)
        running: dict[Any, Task] = {}
        try:
            while True:
                n_free = _PER_WORKER * max(1, self._count_threads(client)) - len(running)
                if given := list(islice(waiting, max(n_free, 0))):
                    n_left -= len(given)
                    parts = [dict(self.states[one.name].parts) for one in given]
                    futures = client.map(do_safely, given, parts, pure=False)
                    running.update(zip(futures, given, strict=True))
                if not running:
                    return
                with suppress(TimeoutError, CancelledError), client.as_current():
                    wait(list(running), timeout=1, return_when="FIRST_COMPLETED")
                time.sleep(_PAUSE_S if n_left else _LAST_PAUSE_S)
                for future, outcome in _gather(client, running):
                    self._take_in(outcome, running.pop(future))
                self.beat()
                if self.cancelled is not None and self.cancelled():
                    raise KeyboardInterrupt
        except CommClosedError:
            raise BatchStoppedError(_LOST) from None
        except BaseException:
            with suppress(Exception):
                client.cancel(list(running), force=True)
            raise

    def _count_threads(self, client: Any) -> int:
        """Threads of all workers; for a while there may be none."""
        now = time.perf_counter()
        if self.n_threads and now - self.last_seen < _COUNT_S:
            return self.n_threads
        self.n_threads = int(sum(client.nthreads().values()))
        if self.n_threads:
            self.last_seen = now
        elif now - self.last_seen > _PATIENCE_S:
            raise BatchStoppedError(
                f"Expected workers, got none for {_PATIENCE_S:.0f} s; start some, or give each "
                f"more memory, and run the batch again, what is finished is kept."
            )
        return self.n_threads

    def _take_in(self, outcome: Mapping[str, Any], one: "Task") -> None:
        if problem := outcome.get("problem"):
            self.failures[one.name] = problem
        else:
            self.done[one.name] = outcome
        self._tell(one.name)

    def _tell(self, name: str) -> None:
        if self.progress is not None:
            counts = len(self.done), len(self.failures), len(self.due)
            self.progress(BatchProgress(*counts, time.perf_counter() - self.start, name))


def _gather(client: Any, running: Iterable[Any]) -> "Iterator[tuple[Any, Mapping[str, Any]]]":
    """Those that have ended, and what came of each."""
    ended = [(one, one.status) for one in running if one.done()]
    finished = [one for one, status in ended if status == "finished"]
    outcomes = dict(zip(finished, client.gather(finished), strict=True)) if finished else {}
    for future, status in ended:
        if status not in ("finished", "error"):
            raise BatchStoppedError(_LOST)
        if status == "error":
            outcomes[future] = {"problem": _describe_death(future.exception())}
        future.release()
        yield future, outcomes[future]


def _describe_death(error: BaseException | None) -> str:
    if type(error).__name__ == "KilledWorker":
        return (
            "Expected a worker to do it, got several that died at it, out of memory most "
            "likely; give fewer workers, or more memory to each."
        )
    return f"Expected a worker to do it, got {type(error).__name__}: {error}; run it again."


# The cluster


@contextmanager
def _connect(workers: int, scheduler: str | None, memory_limit: str | float) -> Iterator[Any]:
    """Client of a scheduler that runs, or of a local cluster that ends with it."""
    import dask  # noqa: PLC0415 - slow to import
    from distributed import Client  # noqa: PLC0415

    settings = {
        "distributed.nanny.pre-spawn-environ": _ONE_THREAD,
        "distributed.admin.tick.interval": "1s",  # nobody watches the pulse of the scheduler
        "distributed.admin.tick.limit": "1h",
        "distributed.worker.memory.monitor-interval": "1s",
        "distributed.worker.profile.enabled": False,
        "distributed.scheduler.allowed-failures": 3,
    }
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        stack.enter_context(_keep_environment())
        try:
            if scheduler is None:
                cluster = stack.enter_context(_start_cluster(workers, memory_limit))
                client = stack.enter_context(Client(cluster, timeout=60, set_as_default=False))
            else:
                client = stack.enter_context(Client(scheduler, timeout=20, set_as_default=False))
        except (OSError, RuntimeError, TimeoutError) as error:
            where = f"a scheduler at {scheduler}" if scheduler else "workers that start"
            advice = "check that it runs" if scheduler else "run the batch again"
            raise BatchError(f"Expected {where}, got: {_trim(error)}; {advice}.") from None
        except ValueError as error:
            raise BatchError(f"Expected the address of a scheduler, got: {_trim(error)}.") from None
        yield client


@contextmanager
def _keep_environment() -> Iterator[None]:
    """Give this process its own environment back; Dask puts that of the workers there, too."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _start_cluster(workers: int, memory_limit: str | float) -> Any:
    """Local cluster; a worker that dies before it has begun is no reason to give up."""
    from distributed import LocalCluster  # noqa: PLC0415

    for attempt in range(_STARTS):
        try:
            return LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=memory_limit,
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
                silence_logs=logging.CRITICAL,
                preload=[do_safely.__module__],
            )
        except RuntimeError:
            if attempt == _STARTS - 1:
                raise
    raise AssertionError("the last attempt returns or raises")


def _trim(error: Exception) -> str:
    return str(error).rstrip(". ")


# The folder


@contextmanager
def hold_project(results: Path) -> Iterator[tuple[Callable[[], None], bool]]:
    """Keep other batches from a project; gives what shows others that this one lives.

    The lock goes with the process. Where a file system does not tell other computers of it, the
    file beside it does: its time of change is never old while a batch lives.

    Raises
    ------
    BatchError
        If another batch is at work.
    """
    lock, path = FileLock(results / _LOCK), results / _HOLDER
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise _tell_holder(path) from None
    try:
        was_cut_off = path.exists()
        if was_cut_off and _is_alive_elsewhere(path):
            raise _tell_holder(path)
        save_json({"pid": os.getpid(), "host": socket.gethostname(), "time": time.time()}, path)
        last = time.monotonic()

        def beat() -> None:
            nonlocal last
            if time.monotonic() - last > _BEAT_S:
                last = time.monotonic()
                with suppress(OSError):
                    os.utime(path)

        try:
            yield beat, was_cut_off
        finally:
            path.unlink(missing_ok=True)
    finally:
        lock.release()


def _read_holder(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _is_alive_elsewhere(path: Path) -> bool:
    """Whether a batch on another computer has shown itself within a minute."""
    told = _read_holder(path)
    is_elsewhere = told.get("host", socket.gethostname()) != socket.gethostname()
    return is_elsewhere and time.time() - path.stat().st_mtime < _STALE_S


def _tell_holder(path: Path) -> BatchError:
    told = _read_holder(path)
    since = datetime.fromtimestamp(told.get("time", 0)).astimezone()
    who = (
        f"process {told['pid']} on {told.get('host')} since {since:%d %B, %H:%M}"
        if "pid" in told
        else "one"
    )
    return BatchError(
        f"Expected no other batch at work in {path.parent.parent}, got {who}; wait for it, or stop "
        f"it."
    )


def sweep(results: Path) -> None:
    """Remove the files that a batch was cut off writing; those of open windows are left alone."""
    for folder, _, names in os.walk(results):
        for name in names:
            if _PARTIAL.fullmatch(name) and not _is_open(Path(folder)):
                with suppress(OSError):
                    (Path(folder) / name).unlink()


def _is_open(folder: Path) -> bool:
    if not (folder / LOCK_FILE).exists():
        return False
    try:
        with FileLock(folder / LOCK_FILE, timeout=0):
            return False
    except Timeout:
        return True
