"""Repair outlines: merge, split, delete, exclude, filter; by mouse, by key or from the table."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QGridLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_nanodope._napari.overlays import Overlay, draw_outlines, hatch
from napari_nanodope._napari.widgets.form import StageForm
from napari_nanodope._napari.widgets.panel import Panel
from napari_nanodope._napari.widgets.splitting import Splitting
from napari_nanodope.core.editing import mark
from napari_nanodope.core.measuring import Shapes, measure_shapes
from napari_nanodope.model import InputError
from napari_nanodope.pipeline import find_left_out

if TYPE_CHECKING:
    import napari
    from napari.layers import Labels

REASONS = ("lies over another", "out of focus", "no nanocrystal", "doubtful outline")
_HINT = (
    "Click on a particle in the picture to choose it, with shift several; or on its row in the "
    "table. To split, press the button, mark the parts or draw across, and press it again. "
    "Painting and erasing belong to the same history."
)


class CuratePanel(Panel):
    """What can be done to the particles that are chosen; every button shows its key."""

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__(viewer)
        self._splitting = Splitting(self.session)
        self._chosen = Overlay(self.session, "chosen", "white")
        self._shown_chosen: Any = None
        self._shown_left_out: Any = None
        self._shapes: Shapes | None = None
        self._hatched = Overlay(self.session, "left out", "#ff9500")
        self._bound: Labels | None = None
        self.reason = QComboBox()
        self.reason.setEditable(True)
        self.reason.addItems(REASONS)
        self.about = QLabel()
        self.about.setWordWrap(True)
        hint = QLabel(_HINT)
        hint.setWordWrap(True)
        self.actions_by_key: dict[str, Callable[[], Any]] = {}
        self.form = StageForm("particles", leave_out=("volume",))
        self.form.changed.connect(self._on_form)
        self.left_out = QLabel()
        self.left_out.setWordWrap(True)
        reason = QLabel("Reason to exclude:")
        self.fill(
            hint, self.about, self._make_buttons(), reason, self.reason, self.form, self.left_out
        )
        self.follow(self.session.noticed, self.tell)
        self.follow(self.session.field_changed, self._drop_marks)
        self.follow(self.session.labels_changed, self._on_labels)
        self.follow(self.session.chosen_changed, self._show_chosen)
        self.follow(self.session.recipe_changed, self._show_recipe)
        self._bind_keys(self.session.viewer)
        self._show_recipe()
        self._on_labels()

    def _make_buttons(self) -> QWidget:
        session = self.session
        actions: list[tuple[str, str, Callable[[], Any]]] = [
            ("Merge", "J", lambda: session.merge(session.chosen)),
            ("Delete", "Delete", lambda: session.delete(session.chosen)),
            ("Split by points", "K", partial(self._split, by_line=False)),
            ("Split by a line", "L", partial(self._split, by_line=True)),
            ("Exclude", "X", lambda: session.exclude(session.chosen, self.reason.currentText())),
            ("Include", "I", lambda: session.include(session.chosen)),
            ("Undo", "Control-Z", session.undo),
            ("Redo", "Control-Shift-Z", session.redo),
            ("Next doubtful", "N", self._choose_doubtful),
            ("Table", "T", self._open_table),
        ]
        box = QWidget()
        box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        grid = QGridLayout(box)
        grid.setContentsMargins(0, 0, 0, 0)
        for number, (text, key, act) in enumerate(actions):
            button = QPushButton(f"{text}  [{key.replace('Control', 'Ctrl')}]")
            button.setObjectName(text)
            button.clicked.connect(partial(self._press, act))
            grid.addWidget(button, number // 2, number % 2)
            self.actions_by_key[key] = act
        return box

    def _bind_keys(self, target: Any, keys: Iterable[str] | None = None) -> None:
        """Let keys do what buttons do, in the viewer or in a layer with other uses for them."""
        for key in keys or self.actions_by_key:
            act = self.actions_by_key[key]
            target.bind_key(key, partial(self._press, act), overwrite=True)

    def _press(self, act: Callable[[], Any], *_: Any) -> None:
        if isalive(self):  # type: ignore[no-untyped-call]  # keys outlive the panel
            self.tell("")
            self.attempt(act)

    # Picture and table

    def _on_labels(self) -> None:
        """Listen to the layer of particles, which may be another one now."""
        layer = self.session.layer
        if layer is not None and layer is not self._bound:
            others = [act for act in layer.mouse_drag_callbacks if not _is_ours(act)]
            layer.mouse_drag_callbacks[:] = [*others, self._on_mouse]
            self._bind_keys(layer)
        self._bound = layer
        self._show_chosen()
        self._show_left_out()

    def _on_mouse(self, layer: Any, event: Any) -> Iterator[None]:
        """Choose the particle that is clicked on; dragging moves the picture as ever."""
        is_alive = isalive(self)  # type: ignore[no-untyped-call]
        if layer.mode != "pan_zoom" or not is_alive or layer != self.session.layer:
            return
        start = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if np.abs(np.array(event.pos) - start).max() > 3:
            return
        label = layer.get_value(event.position, world=True)
        self.session.choose([int(label or 0)], add="Shift" in event.modifiers)

    def _show_chosen(self) -> None:
        """Outline the chosen particles in white, and tell which they are."""
        session, chosen = self.session, self.session.chosen
        names = ", ".join(map(str, chosen[:8])) + (", ..." if len(chosen) > 8 else "")
        self.about.setText(f"Chosen: {names}" if chosen else "No particle is chosen.")
        labels, state = session.labels, (chosen, session.version)
        if labels is None:
            self._chosen.hide()
        elif state != self._shown_chosen and chosen:
            self._chosen.show(draw_outlines(labels, chosen))
        elif state != self._shown_chosen:
            self._chosen.clear()
        self._shown_chosen = state

    def _choose_doubtful(self) -> None:
        """Choose the next of the particles that segmentation was least sure of, and go there."""
        session = self.session
        outlines = session.outlines
        doubtful = outlines.doubtful if outlines is not None else []
        if outlines is None or session.field is None or not doubtful:
            raise InputError(
                "Expected particles with scores, got none; segment with method 'cellpose'."
            )
        last = session.chosen[-1] if session.chosen else 0
        after = (doubtful.index(last) + 1 if last in doubtful else 0) % len(doubtful)
        chosen = doubtful[after]
        session.choose([chosen])
        middle = np.argwhere(outlines.labels == chosen).mean(axis=0)
        session.viewer.scene.camera.center = tuple(middle * session.field.pixel_size_nm)
        score = outlines.scores.set_index("label").loc[chosen]
        self.tell(
            f"{after + 1} of {len(doubtful)}: probability "
            f"{score['probability']:.2f}, flow error {score['flow_error']:.2f}."
        )

    # What the statistics leave out

    def _on_form(self) -> None:
        self.attempt(self._take_values)

    def _take_values(self) -> None:
        session = self.session
        session.set_recipe(session.recipe.model_copy(update={"particles": self.form.stage()}))

    def _show_recipe(self) -> None:
        self.form.set_stage(self.session.recipe.particles)
        self._show_left_out()

    def _show_left_out(self) -> None:
        """Hatch the particles that the statistics leave out, and tell why."""
        session = self.session
        labels, field = session.labels, session.field
        state = session.recipe.particles, session.version
        is_known, self._shown_left_out = state == self._shown_left_out, state
        if labels is None or field is None:
            self.left_out.setText("")
            self._hatched.hide()
            return
        if is_known:
            return
        self._shapes = measure_shapes(labels, field.pixel_size_nm, self._shapes)
        reasons = find_left_out(self._shapes, session.recipe, session.excluded)
        self._hatched.show(hatch(mark(labels, list(reasons))))
        told = [f"{n} {why}" for why, n in Counter(reasons.values()).most_common()]
        self.left_out.setText(f"Left out, hatched: {'; '.join(told) or 'none'}.")

    # Table

    def _open_table(self) -> None:
        """Open napari's table of features, in which rows choose particles too."""
        if self.session.layer is None:
            raise InputError("Expected labels to tabulate, got none; segment the field first.")
        self.session.viewer.layers.selection.active = self.session.layer
        window = getattr(self.session.viewer, "window", None)
        if window is not None:
            table, _ = window.add_plugin_dock_widget("napari", "Features table widget")
            table.parent().addDockWidget(Qt.DockWidgetArea.BottomDockWidgetArea, table)

    def _drop_marks(self) -> None:
        self._splitting.drop()

    def _split(self, *, by_line: bool) -> None:
        """Begin to mark where to split, or split where it is marked."""
        if self._splitting.marks is not None:
            self.tell(self._splitting.end())
            return
        self.tell(self._splitting.begin(by_line=by_line))
        marks: Any = self._splitting.marks
        self._bind_keys(marks, ("K", "L"))  # Delete is for its points
        marks.bind_key("Control-Z", lambda _: self._splitting.undo(), overwrite=True)


def _is_ours(callback: Any) -> bool:
    return getattr(callback, "__func__", None) is CuratePanel._on_mouse
