"""Count dopant pixels above a threshold, and watch what the threshold does."""

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils import Colormap
from numpy.typing import NDArray
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QLabel, QPushButton

from napari_nanodope._napari.widgets.form import StageForm
from napari_nanodope._napari.widgets.panel import Panel
from napari_nanodope.core.counting import (
    Cover,
    count_false_positives,
    count_inside,
    find_cover,
)
from napari_nanodope.model import InputError
from napari_nanodope.pipeline import analyze
from napari_nanodope.recipe import ParticlesStage
from napari_nanodope.results import FieldResult

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

_OVERLAY = "dopant pixels"
_COLOUR = "#ffd500"
_MARK = "nanodope dopant pixels"
_STALE = "From before the last change:"
_STEP = 1e-3  # counts over which the overlay goes from clear to full


class CountPanel(Panel):
    """Which elements, which threshold; the overlay and the numbers below it follow at once."""

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__(viewer)
        self.elements = StageForm("field", leave_out=("sites_per_nm3",))
        self.form = StageForm("count")
        others = [name for name in ParticlesStage.model_fields if name != "volume"]
        self.volume = StageForm("particles", leave_out=others)
        self.live = QLabel()
        self.live.setWordWrap(True)
        self.button = QPushButton("Measure")
        self.button.clicked.connect(self.measure)
        self.always = QCheckBox("Measure again after every change")
        self._timer = QTimer(self)  # several changes in a row are one
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._measure_if_stale)
        self.always.toggled.connect(self._show_state)
        self.fill(self.elements, self.form, self.volume, self.live, self.button, self.always)
        self._overlay: Any = None
        self._cover: Cover | None = None
        self._is_covered = False
        self._told: FieldResult | None = None
        self._sentences: list[str] = []
        self.elements.changed.connect(self._on_changed)
        self.form.changed.connect(self._on_changed)
        self.volume.changed.connect(self._on_changed)
        self.follow(self.session.recipe_changed, self._show_recipe)
        self.follow(self.session.labels_changed, self._on_labels)
        self.follow(self.session.result_changed, self._show_state)
        self._show_recipe()
        self._show_state()

    def showEvent(self, event: Any) -> None:
        """Mark the dopant pixels as soon as somebody looks at the panel."""
        super().showEvent(event)
        self._show_threshold()

    def measure(self) -> None:
        """Measure every particle, as the batch does."""
        self.attempt(self._measure)

    def _measure(self) -> None:
        session = self.session
        field = session.find_field()
        labels = session.labels
        if labels is None:
            raise InputError("Expected labels to measure, got none; segment the field first.")
        self._take_values()
        recipe, given = session.recipe, session.outlines or labels
        exclusions, state, previous = dict(session.excluded), session.state(), session.result

        def work(
            report: "Callable[[float, str], None]", cancelled: "Callable[[], bool]"
        ) -> FieldResult:
            return analyze(
                field,
                recipe,
                labels=given,
                exclusions=exclusions,
                previous=previous,
                progress=report,
                cancelled=cancelled,
            )

        self.run(work, lambda result: self.session.set_result(result, state))

    def _on_changed(self) -> None:
        self.attempt(self._take_values)
        self._show_threshold()

    def _take_values(self) -> None:
        stages = {
            "field": self.elements.stage(),
            "count": self.form.stage(),
            "particles": self.volume.stage(),
        }
        self.session.set_recipe(self.session.recipe.model_copy(update=stages))

    def _on_labels(self) -> None:
        self._is_covered = False
        if self.isVisible() or self._overlay in self.session.viewer.layers:
            self._show_threshold()

    def _show_threshold(self) -> None:
        """Overlay and numbers for the threshold; nothing where it is chosen automatically."""
        field, threshold = self.session.field, self.session.recipe.count.threshold
        dopant = self.session.recipe.field.dopant
        is_shown = any(one.metadata.get("role") == dopant for one in self.session.viewer.layers)
        if field is None or dopant not in field.maps or threshold == "auto" or not is_shown:
            self.live.setText("")
            if self._overlay in self.session.viewer.layers:
                self._hide_overlay()
            return
        counts = field.map_of(dopant)
        self._draw_overlay(counts, threshold)
        labels = self.session.labels
        if labels is None:
            self.live.setText(f"{np.count_nonzero(counts > threshold)} pixels above {threshold:g}")
            return
        if self._cover is None or not self._is_covered:
            self._cover, self._is_covered = find_cover(labels, self._cover), True
        inside = count_inside(counts, self._cover.particles, threshold)
        false = count_false_positives(counts, self._cover.free, threshold)
        n_pixels = int(np.count_nonzero(self._cover.particles))
        self.live.setText(
            f"{inside} {dopant} pixels in particles, of which {false.per_pixel * n_pixels:.0f} are "
            f"expected to be false: {false.n_events} of {false.n_pixels} pixels far from particles "
            f"are above {threshold:g} too."
        )

    def _hide_overlay(self) -> None:
        """Remove the overlay; while other layers are being removed, only clear it."""
        if self.session.is_removing:
            self._overlay.data = np.zeros_like(self._overlay.data)
        else:
            self.session.viewer.layers.remove(self._overlay)

    def _draw_overlay(self, counts: NDArray[np.float32], threshold: float) -> None:
        """Pixels above the threshold, drawn by the limits of contrast, which takes no time."""
        viewer, field = self.session.viewer, self.session.field
        limits = (threshold, threshold + _STEP)
        if self._overlay is None:  # of a panel that was closed
            self._overlay = next((one for one in viewer.layers if _MARK in one.metadata), None)
        if self._overlay is None or self._overlay not in viewer.layers or field is None:
            colours = Colormap(["transparent", _COLOUR], name="dopants")
            selected = viewer.layers.selection.active
            self._overlay = viewer.add_image(
                counts,
                name=_OVERLAY,
                colormap=colours,
                scale=field.pixel_size_nm if field else (1, 1),
                units=("nm", "nm"),
                axis_labels=("y", "x"),
                contrast_limits=limits,
                metadata={_MARK: True},
            )
            viewer.layers.selection.active = selected
        elif self._overlay.data is not counts:  # of another field, or read anew
            self._overlay.data, self._overlay.scale = counts, field.pixel_size_nm
        self._overlay.contrast_limits = limits

    def _show_recipe(self) -> None:
        self.elements.set_stage(self.session.recipe.field)
        self.form.set_stage(self.session.recipe.count)
        self.volume.set_stage(self.session.recipe.particles)

    def _show_state(self) -> None:
        """Sentences of a new result, wherever it comes from, and whether one is stale."""
        result = self.session.result
        is_stale = result is not None and self.session.is_stale
        self.button.setText("Measure again" if is_stale else "Measure")
        if result is not self._told:
            about = {} if result is None else result.summary
            self._sentences = [*about.get("statements", ()), *about.get("warnings", ())]
            self.tell("\n".join(self._sentences))
        elif is_stale and self._sentences:
            self.tell("\n".join([_STALE, *self._sentences]))
        self._told = result
        if is_stale and self.always.isChecked():
            self._timer.start()

    def _measure_if_stale(self) -> None:
        if self.session.is_stale and self.job is None:
            self.measure()
