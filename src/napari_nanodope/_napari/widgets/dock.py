"""One dock with every panel as a tab, in the order of the work."""

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QScrollArea, QTabWidget

from napari_nanodope._napari.widgets.count import CountPanel
from napari_nanodope._napari.widgets.curate import CuratePanel
from napari_nanodope._napari.widgets.segment import SegmentPanel

if TYPE_CHECKING:
    import napari

_PANELS = {"Segment": SegmentPanel, "Curate": CuratePanel, "Count": CountPanel}


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
