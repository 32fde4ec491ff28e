"""One dock with every panel as a tab, in the order of the work."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, QTimer
from qtpy.QtWidgets import QScrollArea, QTabWidget

from napari_nanodope._napari.session import session_of

if TYPE_CHECKING:
    from pathlib import Path

    import napari

    from napari_nanodope._napari.widgets.panel import Panel

_PATIENCE_MS = 100
_FIRST = "Field"
_AT_ONCE = (_FIRST, "Segment", "Curate", "Count")  # they tell what comes back, and bind keys
_PANELS = {
    "Project": "project.ProjectPanel",
    "Field": "field.FieldPanel",
    "Segment": "segment.SegmentPanel",
    "Curate": "curate.CuratePanel",
    "Count": "count.CountPanel",
    "Profiles": "profiles.ProfilesPanel",
    "Occupancy": "occupancy.OccupancyPanel",
    "Spectra": "spectra.SpectraPanel",
    "Export": "export.ExportPanel",
}


class Panels(Mapping[str, "Panel"]):
    """Panels by name; each is made, and its module imported, when it is first asked for."""

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        self._viewer = viewer
        self._made: dict[str, Panel] = {}
        self.areas = {name: _make_area() for name in _PANELS}

    def __getitem__(self, name: str) -> "Panel":
        """Panel of a tab, in its scroll area."""
        if name not in self._made:
            module, kind = _PANELS[name].split(".")
            package = __name__.rpartition(".")[0]
            panel: Panel = getattr(import_module(f"{package}.{module}"), kind)(self._viewer)
            self._made[name] = panel
            self.areas[name].setWidget(panel)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        """Names in the order of the tabs."""
        return iter(_PANELS)

    def __len__(self) -> int:
        """Tabs."""
        return len(_PANELS)


class Dock(QTabWidget):
    """The panels of one viewer, each of which scrolls where it is higher than the window."""

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__()
        self.panels = Panels(viewer)
        for name in _AT_ONCE:
            self.panels[name]
        for name, area in self.panels.areas.items():
            self.addTab(area, name)
        self.setCurrentIndex(list(_PANELS).index(_FIRST))
        self.currentChanged.connect(self._make_current)
        self._session = session_of(viewer)
        self._timer = QTimer(self)  # a file comes as several layers, one after the other
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PATIENCE_MS)
        self._timer.timeout.connect(self._session.look_for_field)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.canvas.overlays.scale_bar.visible = True
        self._session.look_for_field()

    def sizeHint(self) -> QSize:
        """Wide enough for every tab to be seen, where the window is."""
        hint, bar = super().sizeHint(), self.tabBar()
        return hint if bar is None else hint.expandedTo(QSize(bar.sizeHint().width(), 0))

    def open_project(self, folder: "str | Path") -> None:
        """Turn to the Project panel, and open a project in it."""
        self.setCurrentIndex(list(self.panels).index("Project"))
        panel: Any = self.panels["Project"]
        panel.open(folder)

    def _make_current(self, number: int) -> None:
        self.panels[self.tabText(number)]

    def _on_inserted(self, event: Any) -> None:
        if "role" in event.value.metadata:
            self._timer.start()


def _make_area() -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    return area
