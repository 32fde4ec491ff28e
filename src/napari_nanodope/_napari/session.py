"""One object per viewer: the field, labels and result that its panels work on."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.layers import Labels
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from napari_nanodope._napari import stack
from napari_nanodope._napari.keeping import Keeping
from napari_nanodope._napari.labels_view import LabelsView
from napari_nanodope._napari.layers import (
    constants_of,
    field_to_layers,
    layers_to_field,
    tell_maps,
    to_features,
)
from napari_nanodope.core import editing
from napari_nanodope.core.editing import Change
from napari_nanodope.curation import Curation, Edit
from napari_nanodope.model import FieldOfView, InputError, as_labels
from napari_nanodope.recipe import Recipe
from napari_nanodope.results import FieldResult
from napari_nanodope.segmentation import Outlines

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from npe2.types import FullLayerData

_sessions: "WeakKeyDictionary[ViewerModel, Session]" = WeakKeyDictionary()


def session_of(viewer: "ViewerModel") -> "Session":
    """The session of a viewer, the same one every time."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # plugins are given a proxy
    if viewer not in _sessions:
        _sessions[viewer] = Session(viewer)
    return _sessions[viewer]


class Session:
    """Field, recipe, labels and result of a viewer, and whether the result is stale.

    Every way to change labels ends here: operations of the panels, painting, and data that a script
    assigns; all of them are in one history. Nothing is computed here that the batch computes.

    Parameters
    ----------
    viewer : ViewerModel
        With a window or without; the session does not keep it alive.
    """

    field_changed = Signal()
    recipe_changed = Signal()
    labels_changed = Signal()
    result_changed = Signal()
    chosen_changed = Signal()
    noticed = Signal(str)

    def __init__(self, viewer: "ViewerModel") -> None:
        self._viewer = ref(viewer)
        self.field: FieldOfView | None = None
        self.recipe = Recipe()
        self._view, self._keeping = LabelsView(), Keeping()
        self._curation: Curation | None = None
        self._lost: Labels | None = None
        self._result: FieldResult | None = None
        self._measured: tuple[Any, ...] = ()
        self._seen: tuple[Any, ...] = ()
        self._chosen: tuple[int, ...] = ()
        self.notice, self.is_removing = "", False  # layers, when nobody may remove others
        self._view.changed.connect(self.result_changed.emit)
        self._view.painted.connect(self._sync_or_tell)
        self._view.selected.connect(self._on_selected)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.layers.events.inserted.connect(self._on_inserted)

    @property
    def viewer(self) -> "ViewerModel":
        """The viewer of this session.

        Raises
        ------
        InputError
            If it has been closed.
        """
        viewer = self._viewer()
        if viewer is None:
            raise InputError("Expected an open viewer, got one that was closed; open another.")
        return viewer

    # What is worked on

    def find_field(self) -> FieldOfView:
        """Take the field of the active layer, or else the one worked on, or the only one.

        Raises
        ------
        InputError
            If there is none, or several and none of them is active or worked on.
        """
        chosen = stack.find_layers(self.viewer, self.field)
        if self.field is not None and self._seen == stack.tell(chosen):
            return self.field
        field = layers_to_field([layer.as_layer_data_tuple() for layer in chosen])
        is_known = self.field is not None and stack.is_same(field, self.field)
        saved = stack.find_saved(chosen, field)
        if saved and not (is_known and saved[-1][0] is self.layer):
            self._go_on(*saved[-1])
        elif not is_known:
            self._set_field(field)
            self.set_recipe(tell_maps(field, self.recipe))
        self._seen = stack.tell(chosen)
        return self.field or field

    def look_for_field(self) -> None:
        """Take the field among the layers, where it is clear which."""
        with suppress(InputError):
            self.find_field()

    def show_field(
        self, field: FieldOfView, *, home: Path | None = None, gone: FieldOfView | None = None
    ) -> None:
        """Add the layers of a field, in the place of the same one shown before; work on it.

        Its edits are kept at `home`, and it takes over the layers of a field that is `gone`.
        """
        new = self._to_layers(field)
        self._sync_or_tell()
        if home is not None:
            self._keeping.settle(field, home)
        if gone is not None:
            self.release()
            layers = stack.refill_layers(self.viewer, gone, field, new)
        else:
            old = field if stack.is_shown(self.viewer, field) else None
            layers = stack.swap_layers(self.viewer, old, field, new)
        self._set_field(field)
        self.viewer.layers.selection.active = layers[-1]

    def replace_field(self, field: FieldOfView) -> None:
        """Show a field in the place of the one worked on, read anew; the result is stale.

        Its layers take the place of the old ones, and labels stay where the shape is the same.
        """
        self.sync()
        old = self.field
        stack.swap_layers(self.viewer, old, field, self._to_layers(field))
        if old is None or old.shape != field.shape:
            self._set_field(field)
            return
        self.field = field
        self._view.forget_rows()
        self.field_changed.emit()
        self._tell_labels()

    def _to_layers(self, field: FieldOfView) -> "list[FullLayerData]":
        told = self.recipe.field
        return field_to_layers(field, host=told.host, dopant=told.dopant)

    def show_result(self, result: FieldResult) -> None:
        """Add the layers of a result and go on with it: recipe, labels and what was left out."""
        resumed = result.exclusions, result.outlines  # which may be damaged
        self.set_recipe(result.recipe)
        self.show_field(result.field)
        self._resume(result, *resumed)

    def _go_on(self, layer: Labels, result: FieldResult) -> None:
        """Work on the saved result that a layer shows."""
        painted, resumed = layer.data, (result.exclusions, result.outlines)
        self.set_recipe(result.recipe)
        self._set_field(result.field, layer)
        self._resume(result, *resumed)
        if not np.array_equal(painted, result.labels):
            layer.data = painted  # an edit like any other

    def _resume(
        self, result: FieldResult, by_hand: Mapping[int, str], outlines: Outlines | None
    ) -> None:
        """Take over labels with their scores, exclusions and numbers, as if just measured."""
        kept, was_excluded = self.labels, dict(self.excluded)
        is_other = kept is not None and not (
            np.array_equal(kept, result.labels) and was_excluded == by_hand
        )
        self._replace_labels(result.labels, outlines, "replace")
        for label, reason in by_hand.items():
            self.exclude([label], reason)
        self.set_result(result)
        if is_other:
            self._notice("These are the labels of the result; undo brings back those you left.")

    def set_recipe(self, recipe: Recipe) -> None:
        """Use other settings; the result is stale from then on if they differ."""
        if recipe != self.recipe:
            self.recipe = recipe
            self.recipe_changed.emit()
            self.result_changed.emit()

    # Labels

    @property
    def layer(self) -> "Labels | None":
        """The labels layer that shows the particles, or None where it is not there."""
        return self._view.layer

    @property
    def labels(self) -> NDArray[np.int32] | None:
        """Labels as they are now, read-only, or None before there are any."""
        self._sync_or_tell()
        return None if self._curation is None else self._curation.labels

    @property
    def version(self) -> tuple[int, ...]:
        """What changes with every operation on labels and with the field."""
        self._sync_or_tell()
        edits = () if self._curation is None else (id(self._curation), self._curation.n_operations)
        return id(self.field), *edits

    @property
    def excluded(self) -> Mapping[int, str]:
        """Reason by label of the particles that a person left out."""
        return {} if self._curation is None else self._curation.excluded

    @property
    def is_kept(self) -> bool:
        """Whether a folder holds the labels and all that is done to them."""
        return self._curation is not None and self._curation.is_kept

    @property
    def outlines(self) -> Outlines | None:
        """Labels with the scores of the particles that nobody has touched since."""
        self._sync_or_tell()
        first, curation = self._keeping.first, self._curation
        return None if curation is None else curation.find_outlines(first)

    def set_outlines(self, outlines: Outlines) -> None:
        """Take over what segmentation found; it can be undone where there were labels before."""
        self._replace_labels(outlines.labels, outlines, "segment")

    def set_labels(self, labels: ArrayLike) -> None:
        """Take over other labels that fit the field; it can be undone, as `set_outlines`."""
        self._replace_labels(labels, None, "replace")

    def _replace_labels(self, labels: ArrayLike, outlines: Outlines | None, name: str) -> None:
        field = self.field or self.find_field()
        array = as_labels(labels, field.shape)
        self.sync()
        if self._curation is None and not self._restore(field):  # another window may have begun
            self._begin(array, field, outlines)
        elif self._curation is not None:
            change = editing.compare(self._curation.labels, array)
            self._after(self._curation.do(name, change, origin=outlines or "given"))
        self.choose([])
        self._tell_labels()

    def keep_in(self, folder: str | Path) -> None:
        """Write edits into this folder from now on, or go on with those that it holds."""
        field, labels = self.field or self.find_field(), self.labels
        self._curation = self._keeping.move(self._curation, Path(folder))
        if self._curation is None and not self._restore(field):
            labels = np.zeros(field.shape, np.int32) if labels is None else labels
            self._begin(labels, field)
        self._tell_labels()

    def _begin(
        self, labels: NDArray[np.int32], field: FieldOfView, outlines: Outlines | None = None
    ) -> None:
        self._curation, notice = self._keeping.begin(labels, field, outlines)
        self._show_labels()
        self._notice(notice)

    def _restore(self, field: FieldOfView) -> bool:
        """Go on with the edits that were kept, if there are any."""
        curation, notice = self._keeping.restore(field)
        if curation is not None:
            self._curation = curation
            self._show_labels()
        self._notice(notice)
        return curation is not None

    def _notice(self, text: str) -> None:
        if text:
            self.notice = text
            self.noticed.emit(text)

    def release(self) -> None:
        """Give the edits back, so that others may go on with them, as when the window is gone."""
        self._sync_or_tell()
        curation, self._curation = self._curation, None
        self._keeping.leave(curation)

    def sync(self) -> None:
        """Take over what was painted or assigned in the viewer since the last time.

        Raises
        ------
        InputError
            If they cannot be labels of this field, or be kept; the last labels are put back.
        """
        layer = self._view.layer
        if not (self._view.is_dirty and layer is not None and self._curation is not None):
            return
        self._view.is_dirty = False
        before = self._curation.labels
        try:
            change = editing.compare(before, as_labels(layer.data, before.shape))
            edit = self._curation.do("paint", change)
        except InputError:
            self._show_labels()
            raise
        if edit is not None:
            self._tell(edit.change)

    def merge(self, chosen: Sequence[int]) -> None:
        """Make one particle of several, and choose it; see `editing.merge`."""
        kept = min((label for label in chosen if label > 0), default=0)
        self._edit("merge", lambda labels: editing.merge(labels, chosen), kept)

    def delete(self, chosen: Sequence[int]) -> None:
        """Turn particles into background."""
        self._edit("delete", lambda labels: editing.delete(labels, chosen))

    def split_by_seeds(self, label: int, seeds_yx: ArrayLike) -> None:
        """Split a particle by flooding from points in pixels."""
        self._edit("split", lambda labels: editing.split_by_seeds(labels, label, seeds_yx))

    def split_by_line(self, label: int, *lines_yx: ArrayLike) -> None:
        """Split a particle along lines in pixels."""
        self._edit("split", lambda labels: editing.split_by_line(labels, label, *lines_yx))

    def exclude(self, chosen: Sequence[int], reason: str) -> None:
        """Leave particles out of the statistics."""
        if not chosen:
            raise InputError("Expected particles to exclude, got none; click on one.")
        self._after(self._curated().exclude(chosen, reason))

    def include(self, chosen: Sequence[int]) -> None:
        """Take particles back that were left out by hand."""
        self._after(self._curated().include(chosen))

    def undo(self) -> None:
        """Take the last operation back, whether it was painted or done in a panel."""
        self._after(self._curated().undo())

    def redo(self) -> None:
        """Do again what was undone last."""
        self._after(self._curated().redo())

    # Particles chosen

    @property
    def chosen(self) -> tuple[int, ...]:
        """Labels of the particles that operations are about, in the order they were chosen."""
        return self._chosen

    def choose(self, labels: Sequence[int], *, add: bool = False) -> None:
        """Choose particles that are there, here and in napari's table of features.

        With `add` those chosen before stay, and one that is chosen again is let go.
        """
        there, asked = self.labels, list(dict.fromkeys(labels))
        wanted = [] if there is None else editing.find_present(there, asked)
        if add:
            kept = [label for label in self._chosen if label not in wanted]
            wanted = kept + [label for label in wanted if label not in self._chosen]
        if tuple(wanted) == self._chosen:
            return
        self._chosen = tuple(wanted)
        if wanted:
            self._view.select(wanted[-1])
        self.chosen_changed.emit()

    # Result

    @property
    def result(self) -> FieldResult | None:
        """The last result, which may be stale."""
        return self._result

    @property
    def is_stale(self) -> bool:
        """Whether field, recipe or labels have changed since the result; True without one."""
        return self._result is None or self._view.is_dirty or self._measured != self.state()

    def state(self) -> tuple[Any, ...]:
        """What a result depends on, to be compared with the same at another time."""
        return (
            self.recipe.sha256,
            self.layer is not None,
            stack.look_at(self.viewer, self.layer),
            *self.version,
        )

    def set_result(self, result: FieldResult, state: tuple[Any, ...] | None = None) -> None:
        """Show a result, whose table becomes the layer's features.

        It is of the `state` when it began, or else of now.

        Raises
        ------
        InputError
            If it is of another field.
        """
        if result.field is not self.field:
            raise InputError(
                "Expected a result of this field, got one of another; measure this one again."
            )
        self._result, self._measured = result, self.state() if state is None else state
        if self.layer is not None:
            self.layer.features = to_features(result.particles)
            self.layer.metadata = self.layer.metadata | constants_of(result.particles)
        self.result_changed.emit()

    # Inside

    def _set_field(self, field: FieldOfView | None, layer: Labels | None = None) -> None:
        """Work on another field, whose labels come back if there were any, or on none."""
        self._sync_or_tell()
        if self._curation is not None and self.layer in self.viewer.layers:
            self.viewer.layers.remove(self.layer)  # it comes back with its field
        self.release()
        self.field = field
        self._view.attach(None)
        self._result, self._chosen, self.notice = None, (), ""
        self._seen = ()
        if field is not None:
            self._keeping.enter(field)
            self._view.attach(layer)
            self._restore(field)
        self.field_changed.emit()
        self.chosen_changed.emit()
        self._tell_labels()

    def _curated(self) -> Curation:
        if self._curation is None:
            raise InputError("Expected labels to work on, got none; segment the field first.")
        self._view.look_again(self._curation.labels)
        self.sync()
        return self._curation

    def _edit(self, name: str, make: Callable[[NDArray[np.int32]], Change], *chosen: int) -> None:
        curation = self._curated()
        self._after(curation.do(name, make(curation.labels)), chosen)

    def _after(self, edit: Edit | None, chosen: Sequence[int] = ()) -> None:
        """Show an operation of the history in the layer, and tell of it."""
        if edit is not None:
            if not self._view.apply(edit.change):
                self._show_labels()
            self._tell(edit.change, chosen)

    def _tell(self, change: Change, chosen: Sequence[int] = ()) -> None:
        self._view.forget_rows(change.touched)
        self.choose(chosen or self._chosen)  # without those that are gone
        self._tell_labels()

    def _tell_labels(self) -> None:
        self.labels_changed.emit()
        self.result_changed.emit()

    def _show_labels(self) -> None:
        if self._curation is not None and self.field is not None:
            self._view.show(self._curation.labels, self.field, self.viewer)

    def _on_selected(self, label: int) -> None:
        self.choose([label])

    def _sync_or_tell(self) -> None:
        """Take over what was painted, as when a stroke ends, so that each is an operation."""
        try:
            self.sync()
        except InputError as error:
            self._notice(str(error))

    def _on_removed(self, event: Any) -> None:
        self.is_removing = True
        try:
            if event.value is self.layer:
                self._sync_or_tell()
                self._lost = self.layer
                self._view.attach(None)
                self._tell_labels()
            if self.field is not None and not stack.has_fields(self.viewer):
                self._set_field(None)  # as when the viewer closes: others may take the edits
        finally:
            self.is_removing = False

    def _on_inserted(self, event: Any) -> None:
        """Go on with the layer of particles that was removed and is put back."""
        if event.value is self._lost and self.layer is None and self._curation is not None:
            self._view.attach(event.value)
            self._show_labels()
            self._tell_labels()
