"""Every example runs as it stands."""

import runpy
from pathlib import Path

import matplotlib as mpl
import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path: Path) -> None:
    with mpl.rc_context({"backend": "agg"}):
        runpy.run_path(str(path), run_name="__main__")
