"""Marks above the particles: layers that no one selects and no result depends on."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_nanodope._napari.labels_view import write_pixels
from napari_nanodope._napari.session import Session
from napari_nanodope.core.editing import mark

_MARK = "nanodope overlay"
_STRIPE_PX, _LINE_PX = 4, 2  # from one line of a hatching to the next, and its width


class Overlay:
    """A labels layer in one colour, added when there is something to show.

    Parameters
    ----------
    session : Session
        Of the viewer that shows it; the layer has the calibration of the session's field.
    name, colour : str
        What the layer is called, and its colour.
    """

    def __init__(self, session: Session, name: str, colour: str) -> None:
        self._session, self._name = session, name
        self._colours = {1: colour, None: "transparent"}
        self.layer: Any = None

    def hide(self) -> None:
        """Remove the layer; while others are being removed, only clear it."""
        if self.layer is not None and self._session.is_removing:
            self.layer.data = np.zeros_like(self.layer.data)
            return
        if self.layer is not None and self.layer in self._session.viewer.layers:
            self._session.viewer.layers.remove(self.layer)
        self.layer = None

    def clear(self) -> None:
        """Show nothing, in the layer that there is."""
        if self.layer is not None and self.layer in self._session.viewer.layers:
            pixels = np.flatnonzero(self.layer.data)
            write_pixels(self.layer, pixels, np.zeros(len(pixels), np.uint8))

    def show(self, mask: NDArray[np.bool_]) -> None:
        """Show where a mask (Y, X) is True; what the field's other layers show stays as it is."""
        viewer, shown = self._session.viewer, mask.view(np.uint8)
        if self.layer is None:  # of a panel that was closed
            marks = [one for one in viewer.layers if one.metadata.get(_MARK) == self._name]
            self.layer = marks[0] if marks else None
        if self.layer is not None and self.layer in viewer.layers:
            field = self._session.field
            if field is not None and not np.array_equal(self.layer.scale, field.pixel_size_nm):
                self.layer.scale = field.pixel_size_nm  # which draws the layer again
            if self.layer.data.shape == shown.shape:
                changed = np.flatnonzero(self.layer.data != shown)
                write_pixels(self.layer, changed, shown.reshape(-1)[changed])
                return
            self.hide()
        if mask.any():
            self.layer = add_quietly(
                self._session, "add_labels", shown.copy(), name=self._name, colormap=self._colours
            )
            self.layer.metadata[_MARK] = self._name


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
    return np.asarray(mask & _draw_stripes(mask.shape))


@lru_cache(maxsize=2)
def _draw_stripes(shape: tuple[int, ...]) -> NDArray[np.bool_]:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((rows + columns) % _STRIPE_PX < _LINE_PX)


def draw_outlines(labels: NDArray[np.int32], chosen: Sequence[int]) -> NDArray[np.bool_]:
    """Pixels of some particles that touch other pixels, by a side or a corner.

    Only what surrounds the particles is looked at, so it is quick in large images.
    """
    drawn = mark(labels, chosen)
    if not drawn.any():
        return drawn
    rows, columns = (np.flatnonzero(drawn.any(axis=axis)) for axis in (1, 0))
    window = tuple(slice(int(at[0]), int(at[-1]) + 1) for at in (rows, columns))
    part = np.pad(np.where(drawn[window], labels[window], 0), 1)
    middle = part[1:-1, 1:-1]
    inner = np.ones(middle.shape, bool)
    for y, x in np.ndindex(3, 3):
        inner &= part[y : y + middle.shape[0], x : x + middle.shape[1]] == middle
    drawn[window] &= ~inner
    return drawn
