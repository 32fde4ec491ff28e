"""Tests marked gui open napari: on CI they must run, elsewhere they need a display.

Each must leave nothing behind: no thread of ours at work, no panel without its viewer.
"""

import gc
import importlib.util
import os
import sys
import threading

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


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    at_work = [one.name for one in threading.enumerate() if one.name == "nanodope"]
    assert not at_work, "a job outlived its test"
    panel = sys.modules.get("napari_nanodope._napari.widgets.panel")
    if panel is None:
        return
    from qtpy.compat import isalive
    from qtpy.QtWidgets import QApplication

    QApplication.sendPostedEvents(None, 52)  # DeferredDelete
    gc.collect()
    ours = [one for one in gc.get_objects() if issubclass(type(one), panel.Panel)]
    alive = [one for one in ours if isalive(one)]
    assert not alive, f"panels outlived their viewer: {alive}"
