"""How quickly the panels answer, in a real viewer: 2048 x 2048 pixels, 5,000 particles.

Needs a display; without one, run it under `.ci/with-display`.
"""

import argparse
import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec

N_PX, N_PARTICLES, N_RUNS = 2048, 5000, 7
OPENING = """
import time
import napari
viewer = napari.Viewer(show=True)
viewer.open_sample("napari-nanodope", "mixed")
start = time.perf_counter()
viewer.window.add_plugin_dock_widget("napari-nanodope", "Nanodope")
from qtpy.QtWidgets import QApplication
QApplication.processEvents()
print(time.perf_counter() - start)
"""


def main() -> None:
    """Print milliseconds of every action until the viewer is drawn again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--window-px", type=int, nargs=2, default=(1400, 900), help="width and height"
    )
    window_px = parser.parse_args().window_px
    compileall.compile_dir(find_spec("napari_nanodope").submodule_search_locations[0], quiet=1)
    print(f"{'opening the dock, first time':42} {median(open_dock, 3) * 1e3:7.0f} ms")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NANODOPE_EDITS"] = folder
        print(f"{'':42}   until drawn   before drawing")
        for name, (whole, before) in time_actions(*window_px).items():
            print(f"{name:42} {whole * 1e3:10.0f} ms {before * 1e3:13.0f} ms")


def open_dock() -> float:
    """Seconds to open the dock in a fresh process, imports included."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OPENING], check=True, capture_output=True, text=True
    )
    return float(ended.stdout.split()[-1])


def median(measure: Callable[[], float], n_runs: int = N_RUNS) -> float:
    """Median of several runs."""
    return statistics.median(measure() for _ in range(n_runs))


def time_actions(*window_px: int) -> dict[str, tuple[float, float]]:
    """Seconds of every action, by name, until it is drawn and before that begins."""
    import napari
    from qtpy.QtCore import QEventLoop
    from qtpy.QtWidgets import QApplication

    import napari_nanodope as nd
    from napari_nanodope._napari.session import session_of

    field, truth = nd.simulate_field(
        nd.PhantomParams(shape_px=(N_PX, N_PX), n_particles=N_PARTICLES, shot_noise=True), seed=1
    )
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*window_px)
    _, dock = viewer.window.add_plugin_dock_widget("napari-nanodope", "Nanodope")
    session, count = session_of(viewer), dock.panels["Count"]
    session.show_field(field)
    session.set_labels(truth.labels)
    dock.setCurrentWidget(dock.panels.areas["Count"])

    def timed(act: Callable[[], object]) -> tuple[float, float]:
        start = time.perf_counter()
        act()
        acted = time.perf_counter()
        QApplication.processEvents()  # which draws
        return time.perf_counter() - start, acted - start

    def measure() -> None:
        loop = QEventLoop()  # sleeps between events, as napari does
        count.button.click()
        count.job.ended.connect(loop.quit)
        loop.exec()

    steps = iter(range(1, 10_000))

    def move_threshold() -> None:
        threshold = 0.5 + 0.25 * next(steps)
        count.form.set_stage(count.form.stage().model_copy(update={"threshold": threshold}))
        count.form.changed.emit()

    labels = iter(range(10, N_PARTICLES, 3))
    timed(measure), timed(move_threshold)  # the first of each compiles and adds layers
    actions: dict[str, Callable[[], object]] = {
        "drawing the survey again": viewer.layers[0].refresh,
        "threshold to overlay": move_threshold,
        "merge": lambda: session.merge([label := next(labels), label + 1]),
        "delete": lambda: session.delete([next(labels)]),
        "undo": session.undo,
        "choose a particle": lambda: session.choose([next(labels)]),
        "measure after an edit": measure,
    }
    times = {}
    for name, act in actions.items():
        runs = []
        for _ in range(N_RUNS):
            if act is measure:
                session.delete([next(labels)])
                QApplication.processEvents()
            runs.append(timed(act))
        times[name] = tuple(map(statistics.median, zip(*runs, strict=True)))
    alone = median(lambda: _time(lambda: nd.analyze(session.field, labels=session.labels)))
    viewer.close()
    return times | {"analyze alone, all particles": (alone, alone)}


def _time(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
