"""What tests of commands and projects share."""

from collections.abc import Callable, Iterator

import pytest
from distributed import LocalCluster

from napari_nanodope.cli import main


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command; gives its exit code and what it printed on either stream."""

    def call(*words: object) -> tuple[int, str, str]:
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = int(stop.code or 0)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Address of a cluster in this process, which starts at once."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # else one that others may have
    ) as cluster:
        yield cluster.scheduler_address
