"""Drive napari through the tutorial and write the pictures that the pages show."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import napari
import numpy as np
from qtpy.QtWidgets import QApplication

import napari_nanodope as nd
from napari_nanodope._napari.session import session_of
from napari_nanodope._napari.widgets.dock import Dock
from napari_nanodope._napari.widgets.panel import Panel
from napari_nanodope.core.xray import compute_fwhm_keV
from napari_nanodope.io.xray_lines import load_lines

FOLDER = Path(__file__).parent
PLUGIN = "napari-nanodope"
SIZE_PX = 1500, 950
PATIENCE_S = 120
CHANNEL_KEV = 0.01
STRENGTHS = {"Cd": 0.6, "Mn": 18.0, "S": 0.5}  # of the strongest line, by the element's map


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
        show_spectrum(Path(folder))


def show_spectrum(folder: Path) -> None:
    """Picture of the Field tab, with a spectrum image that is simulated too."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*SIZE_PX)
    viewer.open(write_scan(folder / "scan.hspy"), plugin=PLUGIN)
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Nanodope")
    panel = dock.panels["Field"]
    settle()
    finish(panel)
    panel.view.table.select("Mn")
    settle()
    viewer.window.screenshot(str(FOLDER / "napari-field.png"), canvas_only=False, flash=False)
    print("napari-field.png")
    viewer.close()


def write_scan(path: Path) -> Path:
    """Spectrum image in HyperSpy's layout: lines of the maps of a phantom, and a background."""
    field, _ = nd.simulate_field(nd.PhantomParams(shape_px=(128, 128), doping=0.01), seed=2)
    energy_keV = np.arange(0, 10, CHANNEL_KEV)
    rate = np.tile(0.02 * np.exp(-energy_keV / 3), (*field.shape, 1))
    maps = dict(field.maps) | {"S": field.map_of("Cd")}
    for element, strength in STRENGTHS.items():
        where = (strength * maps[element] / maps["Cd"].max())[..., None]
        for line in load_lines(element):
            sigma = compute_fwhm_keV(line.energy_keV) / 2.3548
            rate += (
                where * line.weight * np.exp(-0.5 * ((energy_keV - line.energy_keV) / sigma) ** 2)
            )
    counts = np.random.default_rng(0).poisson(rate).astype(np.uint16)
    axes = [("y", 0.7, "nm"), ("x", 0.7, "nm"), ("Energy", CHANNEL_KEV, "keV")]
    with h5py.File(path, "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.3"})
        group = file.create_group("Experiments/scan")
        group.create_dataset("data", data=counts, chunks=(16, 16, len(energy_keV)))
        for index, (name, scale, units) in enumerate(axes):
            about = {"name": name, "scale": scale, "offset": 0.0, "units": units}
            about |= {"size": counts.shape[index], "navigate": index < 2}
            group.create_group(f"axis-{index}").attrs.update(about)
        metadata = group.create_group("metadata")
        metadata.create_group("General").attrs["title"] = "EDS"
        metadata.create_group("Signal").attrs["signal_type"] = "EDS_TEM"
        words = np.array(["Cd", "Mn"], dtype=h5py.string_dtype())
        metadata.create_group("Sample").create_dataset("elements", data=words)
        group.create_group("original_metadata")
    return path


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
