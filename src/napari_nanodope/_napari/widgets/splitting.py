"""Splitting a particle: where a person marked points in it, or drew a line across it."""

from typing import Any

import numpy as np
from napari.layers import Layer, Points

from napari_nanodope._napari.overlays import add_quietly
from napari_nanodope._napari.session import Session
from napari_nanodope.model import InputError

_YELLOW = "#ffd500"


class Splitting:
    """A layer to mark in, from the first press of a button to the second one.

    Parameters
    ----------
    session : Session
        Whose only chosen particle is split.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._marks: Layer | None = None

    @property
    def marks(self) -> Layer | None:
        """The layer that is marked in, or None before and after."""
        if self._marks is not None and self._marks not in self._session.viewer.layers:
            self._marks = None  # removed by hand
        return self._marks

    def begin(self, *, by_line: bool) -> str:
        """Add a layer to mark in, and return what to do there.

        Raises
        ------
        InputError
            If not just one particle is chosen.
        """
        if len(self._session.chosen) != 1:
            raise InputError(
                f"Expected one particle to split, got {len(self._session.chosen)}; click on one."
            )
        look: dict[str, Any]
        if by_line:
            look, how, mode = {"edge_color": _YELLOW, "edge_width": 0.5}, "add_shapes", "add_line"
            name, hint = "line to split by", "Draw a line across the particle"
        else:
            look, how, mode = {"face_color": _YELLOW}, "add_points", "add"
            name, hint = "seeds to split by", "Click once in each part"
        self._marks = add_quietly(self._session, how, None, ndim=2, name=name, **look)
        self._marks.mode = mode
        self._session.viewer.layers.selection.active = self._marks
        return f"{hint}, then press Split again."

    def undo(self) -> None:
        """Take the last mark back."""
        if self.marks is not None and len(self.marks.data):
            self.marks.data = self.marks.data[:-1]

    def drop(self) -> None:
        """Remove the marks, as those of another field."""
        if self.marks is not None:
            self._session.viewer.layers.remove(self.marks)

    def end(self) -> str:
        """Split where it is marked and remove the marks; return what to tell, if anything.

        Raises
        ------
        InputError
            If the particle is gone or the marks do not split it; they stay, to be mended.
        """
        marks, session = self.marks, self._session
        if marks is None:
            return ""
        points = [np.atleast_2d(one) for one in marks.data]
        if points and not session.chosen:
            raise InputError("Expected a particle to split, got none; click on one.")
        if points and isinstance(marks, Points):
            session.split_by_seeds(session.chosen[0], np.concatenate(points))
        elif points:
            session.split_by_line(session.chosen[0], *points)
        session.viewer.layers.remove(marks)
        session.viewer.layers.selection.active = session.layer
        self._marks = None
        return "" if points else "Nothing was marked, so nothing is split."
