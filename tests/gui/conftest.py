"""Tests marked gui open napari: on CI they must run, elsewhere they need a display.

Each must leave nothing behind: no thread of ours at work, no panel without its viewer.
"""

import gc
import importlib.util
import os
import shutil
import sys
import threading

import pytest

import napari_nanodope as nd
from napari_nanodope.field_task import measure_field
from napari_nanodope.io.arrays import save_field

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


PROJECT = """\
[[sample]]
id = "24h"

[[sample]]
id = "48h"

[[measurement]]
sample = "24h"
technique = "eds"
files = "eds/24h/*.npz"

[[measurement]]
sample = "48h"
technique = "eds"
files = "eds/48h/*.npz"

[[measurement]]
sample = "24h"
technique = "nmr"
files = "nmr/24h.csv"
settings = { fit = "buildup", model = "mono" }

[[measurement]]
sample = "48h"
technique = "uv-vis"
files = "uv/48h.csv"
"""


@pytest.fixture(scope="session")
def _measured_project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project") / "mine"
    for name in ("nmr", "uv"):
        (folder / name).mkdir(parents=True)
    (folder / "project.toml").write_text(PROJECT)
    times = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
    rows = [f"{t},{1 - 2.718 ** (-t / 3) + 0.01 * (-1) ** n}" for n, t in enumerate(times)]
    (folder / "nmr" / "24h.csv").write_text("\n".join(["t_s,m", *rows]))
    rows = [f"{x},{1 / (1 + 1.02 ** (x - 430))}" for x in range(300, 700, 10)]
    (folder / "uv" / "48h.csv").write_text("\n".join(["wavelength (nm),absorbance", *rows]))
    nd.Recipe().replace(segment={"method": "watershed"}).save(folder / "recipe.toml")
    for number in range(4):
        place = folder / "eds" / ("24h", "48h")[number // 3]
        place.mkdir(parents=True, exist_ok=True)
        field, _ = nd.simulate_field(nd.PhantomParams(shape_px=(72, 84)), seed=number)
        save_field(field, place / f"scan{number}.npz")
    project = nd.Project.open(folder)
    for one in project.fields[:3]:
        measure_field(one, one.find_state(project.open_digests()).parts)
    return folder


@pytest.fixture
def project_folder(_measured_project, tmp_path):
    """Project of four fields, of which the last one was never measured."""
    folder = tmp_path / "mine"
    shutil.copytree(_measured_project, folder)
    return folder
