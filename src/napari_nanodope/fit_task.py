"""One fit of a project done and written: what a worker of a batch does besides fields."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectro.jobs import FitJob


def do_fit(job: "FitJob", parts: Mapping[str, str]) -> dict[str, Any]:
    """Fit and write everything about it; its provenance comes last.

    Parameters
    ----------
    job : FitJob
        What to fit, and where results go.
    parts : mapping of str to str
        What the run is made of, from `FitJob.find_state`.

    Returns
    -------
    dict
        ``is_converged`` and ``seconds``.

    Raises
    ------
    InputError
        Of `spectro`, if files or settings cannot be used, or results cannot be written.
    """
    from spectro.jobs.run import complete  # noqa: PLC0415 - scipy and numba, where there are fits

    start = time.perf_counter()
    result = complete(job, parts)
    return {"is_converged": result.is_converged, "seconds": time.perf_counter() - start}


def describe_fit_failure(error: BaseException) -> str:
    """Why a fit could not be done, on one line."""
    from spectro.jobs.run import describe_failure  # noqa: PLC0415 - as above

    return describe_failure(error)
