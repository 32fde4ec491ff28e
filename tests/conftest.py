"""What all tests share: seeded property tests, and the folder of real data."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("seeded", derandomize=True, deadline=None, database=None)
settings.load_profile("seeded")

PROJECT = Path(__file__).parents[1]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where processes share tests, a file is one's, and so are all viewers, for their screen."""
    for item in items:
        is_viewer = item.get_closest_marker("gui") is not None
        item.add_marker(pytest.mark.xdist_group("gui" if is_viewer else str(item.path)))


@pytest.fixture(autouse=True)
def _edits_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NANODOPE_EDITS", str(tmp_path / "kept edits"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of microscope files that nobody here made; tests that need it skip without it."""
    folder = PROJECT / os.environ.get("NANODOPE_REAL_DATA", "../shared/data")
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set NANODOPE_REAL_DATA")
    return folder.resolve()
