"""The labels layer of a session: shows labels, and tells what others do to it."""

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Layer
from numpy.typing import NDArray
from psygnal import Signal

from napari_nanodope._napari.layers import labels_to_layer
from napari_nanodope.core.editing import Change
from napari_nanodope.model import FieldOfView

if TYPE_CHECKING:
    from napari.components import ViewerModel


class LabelsView:
    """A layer whose pixels follow the labels, and which may be painted, assigned to or removed."""

    changed = Signal()
    """Its pixels were changed by others, in whatever way."""
    painted = Signal()
    """A stroke has ended."""
    selected = Signal(int)
    """A label was chosen, as by a row of napari's table of features."""

    def __init__(self) -> None:
        self.layer: Labels | None = None
        self.is_dirty = False
        self._is_busy = False

    def attach(self, layer: Labels | None) -> None:
        """Use this layer from now on, or none."""
        self.layer, self.is_dirty = layer, False
        if layer is None:
            return
        for event in (layer.events.data, layer.events.set_data, layer.events.labels_update):
            event.connect(self._on_changed)
        layer.events.paint.connect(self._on_painted)
        layer.events.selected_label.connect(self._on_selected)

    def show(self, labels: NDArray[np.int32], field: FieldOfView, viewer: "ViewerModel") -> None:
        """Put labels (Y, X) into the layer, which is added where it is missing."""
        if self.layer is None or self.layer not in viewer.layers:
            self.attach(viewer.add_layer(Layer.create(*labels_to_layer(labels, field))))
            return
        self._is_busy = True
        try:
            self.layer.data = labels.copy()
        finally:
            self._is_busy = False

    def apply(self, change: Change) -> bool:
        """Follow a change of the labels; whether that could be done where the layer's data are."""
        if self.layer is None or not _is_ours(self.layer.data):
            return False
        if len(change.pixels):
            self._is_busy = True
            try:
                self.layer.data.reshape(-1)[change.pixels] = change.after
                self.layer.refresh()
            finally:
                self._is_busy = False
        return True

    def select(self, label: int) -> None:
        """Let napari's table show a particle."""
        if self.layer is not None:
            self._is_busy = True
            try:
                self.layer.selected_label = label
            finally:
                self._is_busy = False

    def _on_changed(self) -> None:
        if not self._is_busy and not self.is_dirty:
            self.is_dirty = True
            self.changed.emit()

    def _on_painted(self) -> None:
        self._on_changed()
        self.painted.emit()

    def _on_selected(self) -> None:
        if self.layer is not None and not self._is_busy:
            self.selected.emit(int(self.layer.selected_label))


def _is_ours(data: Any) -> bool:
    """Whether changes can be written into the data of a layer as they are."""
    is_plain = isinstance(data, np.ndarray) and data.dtype == np.int32
    return bool(is_plain and data.flags.c_contiguous and data.flags.writeable)
