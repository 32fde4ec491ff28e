"""Drive napari through the tutorial and write the pictures that the pages show."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
from qtpy.QtWidgets import QApplication

from napari_nanodope._napari.session import session_of
from napari_nanodope._napari.widgets.dock import Dock
from napari_nanodope._napari.widgets.panel import Panel

FOLDER = Path(__file__).parent
PLUGIN = "napari-nanodope"
SIZE_PX = 1500, 950
PATIENCE_S = 120


def main() -> None:
    """Write one picture per panel beside this script."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NANODOPE_EDITS"] = folder
        viewer = napari.Viewer(show=True)
        viewer.window.resize(*SIZE_PX)
        viewer.open_sample(PLUGIN, "mixed")
        viewer.layers.remove("true particles")
        _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Nanodope")
        for name, act in STEPS.items():
            dock.setCurrentIndex(list(dock.panels).index(name))
            act(viewer, dock)
            settle()
            path = FOLDER / f"napari-{name.lower()}.png"
            viewer.window.screenshot(str(path), canvas_only=False, flash=False)
            print(path.name)
        viewer.close()


def settle(seconds: float = 0.5) -> None:
    """Let everything be drawn."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()


def finish(panel: Panel) -> None:
    """Wait for a panel's work."""
    end = time.monotonic() + PATIENCE_S
    while panel.job is not None:
        if time.monotonic() > end:
            raise TimeoutError(f"Still at work: {panel.message}")
        QApplication.processEvents()


def _segment(viewer: napari.Viewer, dock: Dock) -> None:
    panel = dock.panels["Segment"]
    panel.segment()
    finish(panel)


def _curate(viewer: napari.Viewer, dock: Dock) -> None:
    session = session_of(viewer)
    viewer.scene.camera.zoom *= 2
    middle = session.labels[180:220, 180:220]
    session.choose(sorted(set(middle[middle > 0].tolist()))[:3])
    session.set_recipe(session.recipe.replace(particles={"min_diameter_nm": 5.0}))


def _count(viewer: napari.Viewer, dock: Dock) -> None:
    viewer.scene.camera.zoom /= 2
    session = session_of(viewer)
    session.choose([])
    session.set_recipe(session.recipe.replace(particles={"min_diameter_nm": 2.0}))
    panel = dock.panels["Count"]
    panel.measure()
    finish(panel)


def _show(viewer: napari.Viewer, dock: Dock) -> None:
    """The panel is there already."""


STEPS: dict[str, Callable[[napari.Viewer, Dock], None]] = {
    "Segment": _segment,
    "Curate": _curate,
    "Count": _count,
    "Profiles": _show,
    "Occupancy": _show,
    "Export": _show,
}


if __name__ == "__main__":
    main()
