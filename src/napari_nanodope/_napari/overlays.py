"""Marks above the particles: layers that no one selects and no result depends on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_nanodope._napari.session import Session

_STRIPE_PX, _LINE_PX = 4, 2  # from one line of a hatching to the next, and its width


class Overlay:
    """A labels layer in one colour, added when there is something to show.

    Parameters
    ----------
    session : Session
        Of the viewer that shows it; the layer has the calibration of the session's field.
    name, colour : str
        What the layer is called, and its colour.
    contour_px : int, optional
        Width of an outline to draw instead of areas.
    """

    def __init__(self, session: Session, name: str, colour: str, *, contour_px: int = 0) -> None:
        self._session, self._name = session, name
        self._colours, self._contour_px = {1: colour, None: "transparent"}, contour_px
        self.layer: Any = None

    def hide(self) -> None:
        """Remove the layer."""
        if self.layer is not None and self.layer in self._session.viewer.layers:
            self._session.viewer.layers.remove(self.layer)
        self.layer = None

    def show(self, mask: NDArray[np.bool_]) -> None:
        """Show where a mask (Y, X) is True; what the field's other layers show stays as it is."""
        viewer, shown = self._session.viewer, mask.view(np.uint8)
        if self.layer is not None and self.layer in viewer.layers:
            if self.layer.data.shape == shown.shape:
                self.layer.data = shown
                return
            self.hide()
        if mask.any():
            self.layer = add_quietly(
                self._session, "add_labels", shown, name=self._name, colormap=self._colours
            )
            self.layer.contour = self._contour_px


def add_quietly(session: Session, how: str, data: Any, **options: Any) -> Any:
    """Add a layer on the pixels of the field, by a method of the viewer, without selecting it."""
    viewer, field = session.viewer, session.field
    selected = viewer.layers.selection.active
    calibration = {"scale": field.pixel_size_nm if field else (1, 1), "units": ("nm", "nm")}
    layer = getattr(viewer, how)(data, axis_labels=("y", "x"), **calibration, **options)
    viewer.layers.selection.active = selected
    return layer


def hatch(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Diagonal lines where a mask (Y, X) is True."""
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    return np.asarray(mask & ((rows + columns) % _STRIPE_PX < _LINE_PX))
