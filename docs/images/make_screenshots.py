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
from napari_nanodope.field_task import measure_field
from napari_nanodope.io.arrays import save_field
from napari_nanodope.io.xray_lines import load_lines
from spectro import Spectrum, epr
from spectro.io.text import save
from spectro.jobs import find_jobs

FOLDER = Path(__file__).parent
PLUGIN = "napari-nanodope"
SIZE_PX = 1500, 950
PATIENCE_S = 120
CHANNEL_KEV = 0.01
SAMPLES = {"1h": "core", "24h": "mixed", "72h": "surface"}  # and where the dopant sits
N_FIELDS = 4
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
        show_project(make_project(Path(folder) / "incubation"))


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


def make_project(folder: Path) -> Path:
    """Project of three samples, whose fields but one are measured, with a fit of each one's EPR."""
    folder.mkdir()
    nd.Recipe().replace(segment={"method": "watershed"}).save(folder / "recipe.toml")
    text = ['[project]\nname = "Incubation"']
    for number, (sample_id, location) in enumerate(SAMPLES.items()):
        text += [
            f'[[sample]]\nid = "{sample_id}"',
            f'[[measurement]]\nsample = "{sample_id}"\ntechnique = "eds"\n'
            f'files = "eds/{sample_id}/*.npz"',
            f'[[measurement]]\nsample = "{sample_id}"\ntechnique = "epr"\n'
            f'files = "epr/{sample_id}.csv"\nsettings = {{ fit = "cw", model = "mn2+", '
            f'vary = ["g", "a_MHz", "gaussian_mT"], frequency_GHz = 9.46 }}',
        ]
        for field_number in range(N_FIELDS):
            params = nd.PhantomParams(
                location=location, shape_px=(320, 320), shot_noise=True, background_counts=0.01
            )
            field, _ = nd.simulate_field(params, seed=10 * number + field_number)
            path = folder / "eds" / sample_id / f"scan{field_number + 1}.npz"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_field(field, path)
        (folder / "epr").mkdir(exist_ok=True)
        save(
            simulate_epr(width_mT=0.8 + 0.3 * number, seed=number), folder / f"epr/{sample_id}.csv"
        )
    (folder / "project.toml").write_text("\n\n".join(text))
    project = nd.Project.open(folder)
    for one in project.fields[:-1]:
        measure_field(one, one.find_state(project.open_digests()).parts)
    for job in find_jobs(project.book, folder)[0]:
        job.save(job.run(), job.find_state().parts, 0.0)
    return folder


def simulate_epr(width_mT: float, seed: int) -> Spectrum:
    """Six lines of manganese, with noise."""
    system = epr.SpinSystem(s=5 / 2, g=2.007, nuclei=[epr.Nucleus("55Mn", a_MHz=-189.0)])
    experiment = epr.CwExperiment(frequency_GHz=9.46, field_mT=(305.0, 370.0), n_points=1024)
    spectrum = epr.simulate_cw(system, experiment, epr.LineShape(gaussian_mT=width_mT))
    noise = np.random.default_rng(seed).normal(size=len(spectrum.x))
    return spectrum.do("add noise", spectrum.y + 0.02 * np.abs(spectrum.y).max() * noise)


def show_project(folder: Path) -> None:
    """Pictures of the Project and the Spectra tab, half way through a review."""
    for name in ("1h/scan1", "1h/scan2", "1h/scan4"):
        nd.Project.open(folder).field(name).review("curated")
    nd.Project.open(folder).field("1h/scan3").review("rejected", "drifted")
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*SIZE_PX)
    _, dock = viewer.window.add_plugin_dock_widget(PLUGIN, "Nanodope")
    dock.open_project(folder)
    panel, session = dock.panels["Project"], session_of(viewer)
    finish(panel)
    settle()
    finish(panel)
    session.exclude([3, 40, 60], "doubtful outline")
    panel.folder.setText(folder.name)  # where it lies is this run's own affair
    for name in ("Project", "Spectra"):
        dock.setCurrentIndex(list(dock.panels).index(name))
        settle()
        finish(dock.panels[name])
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
