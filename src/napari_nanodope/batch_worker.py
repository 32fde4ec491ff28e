"""What happens in each process of a batch."""

import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_nanodope.acquisitions import ProjectField
from napari_nanodope.field_task import describe_failure, measure_field
from napari_nanodope.fit_task import describe_fit_failure, do_fit

if TYPE_CHECKING:
    from spectro.jobs import FitJob


def dask_setup(worker: Any) -> None:
    """Leave ctrl-C, which a terminal sends to all processes, to the one that gives out the work.

    Dask calls it in every worker of a local cluster as it starts.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def do_safely(one: "ProjectField | FitJob", parts: Mapping[str, str]) -> dict[str, Any]:
    """Measure a field or do a fit; what goes wrong is in ``problem``, since it must not end all."""
    if isinstance(one, ProjectField):
        try:
            return measure_field(one, parts)
        except Exception as error:  # told in the report, with the field that it belongs to
            return {"problem": describe_failure(one, error)}
    try:
        return do_fit(one, parts)
    except Exception as error:  # as above
        return {"problem": describe_fit_failure(error)}
