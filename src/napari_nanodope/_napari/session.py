"""One object per viewer: the field, labels and result that its panels work on."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.layers import Labels, Layer
from numpy.typing import ArrayLike, NDArray
from psygnal import Signal

from napari_nanodope._napari.keeping import begin_edits, choose_edits_folder, restore_edits
from napari_nanodope._napari.labels_view import LabelsView
from napari_nanodope._napari.layers import (
    constants_of,
    field_to_layers,
    layers_to_field,
    to_features,
)
from napari_nanodope._napari.stack import find_layers, is_same, is_shown, swap_layers
from napari_nanodope.core import editing
from napari_nanodope.core.editing import NOTHING, Change
from napari_nanodope.curation import Curation, Edit
from napari_nanodope.model import FieldOfView, InputError, as_labels
from napari_nanodope.recipe import Recipe
from napari_nanodope.results import FieldResult
from napari_nanodope.segmentation import Outlines

if TYPE_CHECKING:
    from napari.components import ViewerModel

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
        self._shown: tuple[Any, ...] = ()
        self._view = LabelsView()
        self._curation: Curation | None = None
        self._folder: Path | None = None
        self._place: Path | None = None
        self._unkept: dict[Path, Curation] = {}
        self._outlines: Outlines | None = None
        self._touched: set[int] = set()
        self._result: FieldResult | None = None
        self._measured: tuple[Any, ...] = ()
        self._chosen: tuple[int, ...] = ()
        self.notice = ""
        self._view.changed.connect(self.result_changed.emit)
        self._view.painted.connect(self._on_painted)
        self._view.selected.connect(self._on_selected)
        viewer.layers.events.removed.connect(self._on_removed)

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
        """Take the field of the active layer, or else the only one among the layers.

        Raises
        ------
        InputError
            If there is none, or several and none of them is active.
        """
        chosen = find_layers(self.viewer)
        field = layers_to_field([layer.as_layer_data_tuple() for layer in chosen])
        shown = tuple(layer.data for layer in chosen if not isinstance(layer, Labels))
        is_seen = list(map(id, shown)) == list(map(id, self._shown))
        if self.field is None or not is_same(field, self.field, is_seen=is_seen):
            self._take(field, chosen)
        self._shown = shown
        return self.field or field

    def look_for_field(self) -> None:
        """Take the field among the layers, where it is clear which."""
        with suppress(InputError):
            self.find_field()

    def show_field(self, field: FieldOfView) -> None:
        """Add the layers of a field, in the place of the same one shown before; work on it."""
        chosen = self.recipe.field
        new = field_to_layers(field, host=chosen.host, dopant=chosen.dopant)
        with suppress(InputError):  # which is told at once
            self.sync()
        old = field if is_shown(self.viewer, field) else None
        layers = swap_layers(self.viewer, old, field, new)
        self._set_field(field)
        self.viewer.layers.selection.active = layers[-1]

    def replace_field(self, field: FieldOfView) -> None:
        """Show a field in the place of the one worked on, read anew.

        Its layers take the place of the old ones. Labels and their history stay where the shape is
        the same; the result is stale.
        """
        self.sync()
        old, chosen = self.field, self.recipe.field
        new = field_to_layers(field, host=chosen.host, dopant=chosen.dopant)
        swap_layers(self.viewer, old, field, new)
        if old is None or old.shape != field.shape:
            self._set_field(field)
            return
        self.field = field
        self.field_changed.emit()
        self.labels_changed.emit()
        self.result_changed.emit()

    def show_result(self, result: FieldResult) -> None:
        """Add the layers of a result and go on with it: recipe, labels and what was left out."""
        self.set_recipe(result.recipe)
        self.show_field(result.field)
        self._resume(result)

    def _take(self, field: FieldOfView, layers: Iterable[Layer]) -> None:
        """Work on the field of some layers, or go on with the saved result that they show."""
        results = {one: one.metadata.get("result") for one in layers}
        for layer, result in results.items():
            if isinstance(result, FieldResult) and is_same(result.field, field):
                painted = layer.data
                self.set_recipe(result.recipe)
                self._set_field(result.field, layer)
                self._resume(result)
                if not np.array_equal(painted, result.labels):
                    layer.data = painted  # an edit like any other
                return
        self._set_field(field)

    def _resume(self, result: FieldResult) -> None:
        """Take over labels with their scores, exclusions and numbers, as if just measured."""
        kept = self.labels
        is_other = kept is not None and not np.array_equal(kept, result.labels)
        self._replace_labels(result.labels, result.outlines, "replace")
        told = result.provenance.get("exclusions", {})
        by_hand = {int(label): why.strip() or "left out" for label, why in told.items()}
        self.include(sorted(set(self.excluded) - set(by_hand)))
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
        self.sync()
        return None if self._curation is None else self._curation.labels

    @property
    def version(self) -> tuple[int, ...]:
        """What changes with every operation on labels and with the field."""
        self.sync()
        edits = () if self._curation is None else (id(self._curation), self._curation.n_operations)
        return id(self.field), *edits

    @property
    def excluded(self) -> Mapping[int, str]:
        """Reason by label of the particles that a person left out."""
        return {} if self._curation is None else self._curation.excluded

    @property
    def outlines(self) -> Outlines | None:
        """Labels with the scores of the particles that nobody has touched since."""
        labels, outlines = self.labels, self._outlines
        if labels is None or outlines is None or self._curation is None:
            return None
        return outlines.edit(labels, self._touched, self._curation.n_operations)

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
        if self._curation is None:
            self._curation = self._begin(array, field)
            self._show_labels()
        else:
            change = editing.compare(self._curation.labels, array)
            self._push(self._curation.do(name, change, forget=True))
        self.choose([])
        self._outlines, self._touched = outlines, set()
        self.labels_changed.emit()
        self.result_changed.emit()

    def keep_in(self, folder: str | Path) -> None:
        """Write edits into this folder from now on, or go on with those that it holds."""
        field, labels = self.field or self.find_field(), self.labels
        self._close()
        self._folder = Path(folder)
        if not self._restore(field):
            labels = np.zeros(field.shape, np.int32) if labels is None else labels
            self._curation = self._begin(labels, field)
            self._show_labels()
        self.labels_changed.emit()
        self.result_changed.emit()

    def _begin(self, labels: NDArray[np.int32], field: FieldOfView) -> Curation:
        curation, notice = begin_edits(labels, field, self._folder)
        self._notice(notice)
        return curation

    def _restore(self, field: FieldOfView) -> bool:
        """Go on with the edits in the folder, or with those that no folder holds, if any."""
        curation = self._unkept.pop(self._folder, None) if self._folder is not None else None
        notice = ""
        if curation is not None:
            self._folder, notice = None, "Edits of this field are not kept when napari is closed."
        else:
            curation, notice = restore_edits(field, self._folder)
        if curation is not None:
            self._curation = curation
            self._show_labels()
        elif notice:
            self._folder = None
        self._notice(notice)
        return curation is not None

    def _notice(self, text: str) -> None:
        if text:
            self.notice = text
            self.noticed.emit(text)

    def _close(self) -> None:
        """Give the folder of edits back; those that no folder holds stay here for their field."""
        self._on_painted()
        curation, self._curation = self._curation, None
        if curation is not None and curation.is_kept:
            curation.close()
        elif curation is not None and self._place is not None:
            self._unkept[self._place] = curation

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
        self._edit("merge", lambda labels: editing.merge(labels, chosen))
        self.choose([min(chosen)])

    def delete(self, chosen: Sequence[int]) -> None:
        """Turn particles into background."""
        self._edit("delete", lambda labels: editing.delete(labels, chosen))

    def split_by_seeds(self, label: int, seeds_yx: ArrayLike) -> None:
        """Split a particle by flooding from points in pixels."""
        self._edit("split", lambda labels: editing.split_by_seeds(labels, label, seeds_yx))

    def split_by_line(self, label: int, line_yx: ArrayLike) -> None:
        """Split a particle along a line in pixels."""
        self._edit("split", lambda labels: editing.split_by_line(labels, label, line_yx))

    def exclude(self, chosen: Sequence[int], reason: str) -> None:
        """Leave particles out of the statistics."""
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
        there = None if self._curation is None else self._curation.labels
        wanted = [] if there is None else editing.find_present(there, labels)
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
        return self.recipe.sha256, self.layer is not None, *self.version

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
        self._on_painted()
        if self._curation is not None and self.layer in self.viewer.layers:
            self.viewer.layers.remove(self.layer)  # it comes back with its field
        self._close()
        self.field = field
        self._view.attach(None)
        self._outlines = self._result = None
        self._touched, self._chosen, self._shown = set(), (), ()
        self.notice = ""
        if field is not None:
            self._folder = self._place = choose_edits_folder(field)
            self._view.attach(layer)
            self._restore(field)
        self.field_changed.emit()
        self.chosen_changed.emit()
        self.labels_changed.emit()
        self.result_changed.emit()

    def _curated(self) -> Curation:
        self.sync()
        if self._curation is None:
            raise InputError("Expected labels to work on, got none; segment the field first.")
        return self._curation

    def _edit(self, name: str, make: Callable[[NDArray[np.int32]], Change]) -> None:
        curation = self._curated()
        self._after(curation.do(name, make(curation.labels)))

    def _after(self, edit: Edit | None) -> None:
        """Show an operation of the history in the layer, and tell of it."""
        if edit is not None:
            self._push(edit)
            self._tell(edit.change)

    def _push(self, edit: Edit | None) -> None:
        if not self._view.apply(NOTHING if edit is None else edit.change):
            self._show_labels()

    def _tell(self, change: Change) -> None:
        self._touched |= set(change.touched.tolist())
        self.choose(self._chosen)  # without those that are gone
        self.labels_changed.emit()
        self.result_changed.emit()

    def _show_labels(self) -> None:
        if self._curation is not None and self.field is not None:
            self._view.show(self._curation.labels, self.field, self.viewer)

    def _on_selected(self, label: int) -> None:
        self.choose([label])

    def _on_painted(self) -> None:
        """Take over a stroke when it ends, so that each is an operation, and kept."""
        try:
            self.sync()
        except InputError as error:
            self._notice(str(error))

    def _on_removed(self, event: Any) -> None:
        if event.value is self.layer:
            self._on_painted()
            self._view.attach(None)
            self.labels_changed.emit()
            self.result_changed.emit()
        if len(self.viewer.layers) == 0 and self.field is not None:
            self._set_field(None)  # as when the viewer closes: others may go on with the edits
