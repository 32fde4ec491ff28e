"""The labels layer of a session: shows labels, and tells what others do to it."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Layer
from numpy.typing import NDArray
from psygnal import Signal

from napari_nanodope._napari.layers import labels_to_layer
from napari_nanodope.core.editing import Change
from napari_nanodope.model import FieldOfView

if TYPE_CHECKING:
    from collections.abc import Callable

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
        self._own: Any = None

    def attach(self, layer: Labels | None) -> None:
        """Use this layer from now on, or none."""
        if self.layer is not None:
            for event, slot in self._listen_to(self.layer):
                event.disconnect(slot)
        self.layer, self.is_dirty, self._own = layer, False, None
        if layer is not None:
            for event, slot in self._listen_to(layer):
                event.connect(slot)

    def _listen_to(self, layer: Labels) -> "list[tuple[Any, Callable[[], None]]]":
        events = layer.events
        changes = (events.data, events.set_data, events.labels_update)
        return [
            *((event, self._on_changed) for event in changes),
            (events.paint, self._on_painted),
            (events.selected_label, self._on_selected),
        ]

    def show(self, labels: NDArray[np.int32], field: FieldOfView, viewer: "ViewerModel") -> None:
        """Put labels (Y, X) into the layer, which is added where it is missing."""
        if self.layer is None or self.layer not in viewer.layers:
            self.attach(viewer.add_layer(Layer.create(*labels_to_layer(labels, field))))
            self._own = self.layer.data if self.layer is not None else None
            return
        self._is_busy = True
        try:
            was_flat = self.layer.ndim == labels.ndim
            self.layer.data = self._own = labels.copy()
            if not was_flat:
                self.layer.scale, self.layer.axis_labels = field.pixel_size_nm, ("y", "x")
                self.layer.units = ("nm", "nm")
        finally:
            self._is_busy = False

    def look_again(self, labels: NDArray[np.int32]) -> None:
        """Notice what a script wrote into the layer's data without telling."""
        if self.layer is not None and not np.array_equal(self.layer.data, labels):
            self.is_dirty = True

    def forget_rows(self, labels: Collection[int] | None = None) -> None:
        """Take particles out of the table of features, which no longer tells of them; or all."""
        table = None if self.layer is None else self.layer.features
        if self.layer is None or table is None or "index" not in table or len(table) == 0:
            return
        stale = table["index"].isin(list(labels)) if labels is not None else table["index"] >= 0
        if stale.any():
            self._is_busy = True
            try:
                self.layer.features = table[~stale].reset_index(drop=True)
            finally:
                self._is_busy = False

    def apply(self, change: Change) -> bool:
        """Follow a change of the labels; whether that could be done where the layer's data are."""
        if self.layer is None or self.layer.data is not self._own:
            return False  # the array belongs to a script, or cannot be written to
        if len(change.pixels):
            self._is_busy = True
            try:
                write_pixels(self.layer, change.pixels, change.after)
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


def write_pixels(
    layer: Labels, pixels: NDArray[np.int64], values: NDArray[np.integer[Any]]
) -> None:
    """Give some pixels of a layer, by flat index, other values; only they are drawn again."""
    if len(pixels) == 0:
        return
    if layer.visible:
        layer.data_setitem(np.unravel_index(pixels, layer.data.shape), values)
    else:  # drawn when it is shown
        layer.data.reshape(-1)[pixels] = values
