"""One dock with every panel as a tab, in the order of the work."""

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSize, QTimer
from qtpy.QtWidgets import QScrollArea, QTabWidget

from napari_nanodope._napari.session import session_of
from napari_nanodope._napari.widgets.count import CountPanel
from napari_nanodope._napari.widgets.curate import CuratePanel
from napari_nanodope._napari.widgets.export import ExportPanel
from napari_nanodope._napari.widgets.field import FieldPanel
from napari_nanodope._napari.widgets.occupancy import OccupancyPanel
from napari_nanodope._napari.widgets.profiles import ProfilesPanel
from napari_nanodope._napari.widgets.project import ProjectPanel
from napari_nanodope._napari.widgets.segment import SegmentPanel
from napari_nanodope._napari.widgets.spectra import SpectraPanel

if TYPE_CHECKING:
    from pathlib import Path

    import napari

_PATIENCE_MS = 100
_FIRST = "Field"
_PANELS = {
    "Project": ProjectPanel,
    "Field": FieldPanel,
    "Segment": SegmentPanel,
    "Curate": CuratePanel,
    "Count": CountPanel,
    "Profiles": ProfilesPanel,
    "Occupancy": OccupancyPanel,
    "Spectra": SpectraPanel,
    "Export": ExportPanel,
}


class Dock(QTabWidget):
    """The panels of one viewer, each of which scrolls where it is higher than the window."""

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__()
        self.panels = {name: make(viewer) for name, make in _PANELS.items()}
        for name, panel in self.panels.items():
            area = QScrollArea()
            area.setWidgetResizable(True)
            area.setFrameShape(QScrollArea.Shape.NoFrame)
            area.setWidget(panel)
            self.addTab(area, name)
        self.setCurrentIndex(list(_PANELS).index(_FIRST))
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
        panel = self.panels["Project"]
        assert isinstance(panel, ProjectPanel)
        self.setCurrentIndex(list(self.panels).index("Project"))
        panel.open(folder)

    def _on_inserted(self, event: Any) -> None:
        if "role" in event.value.metadata:
            self._timer.start()
