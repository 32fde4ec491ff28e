"""Tests marked gui open napari: on CI they must run, elsewhere they need a display."""

import importlib.util
import os
import sys

import pytest

os.environ.setdefault("NAPARI_CONFIG", "")  # preferences are kept in memory, nobody's are read


def pytest_runtest_setup(item):
    if item.get_closest_marker("gui") is None:
        return
    missing = [name for name in ("napari", "PyQt6") if importlib.util.find_spec(name) is None]
    if missing:
        pytest.fail(
            f"Expected {' and '.join(missing)} to open a viewer, got none; install "
            f"napari-nanodope[gui].",
            pytrace=False,
        )
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        wanted = "Expected a display (DISPLAY or WAYLAND_DISPLAY), got none; run under xvfb-run."
        if os.environ.get("CI"):
            pytest.fail(wanted, pytrace=False)
        pytest.skip(wanted)
