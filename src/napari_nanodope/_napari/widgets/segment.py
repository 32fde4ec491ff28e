"""Outline the nanocrystals."""

from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtWidgets import QPushButton

from napari_nanodope._napari.widgets.form import StageForm
from napari_nanodope._napari.widgets.panel import Panel
from napari_nanodope.model import InputError
from napari_nanodope.segmentation import Outlines, outline

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

_MODELS = ("nanocrystal", "cpsam_v2", "cpdino")


class SegmentPanel(Panel):
    """Method, model and expected diameter; and labels that are there already."""

    def __init__(self, viewer: "napari.viewer.Viewer") -> None:
        super().__init__(viewer)
        self.form = StageForm("segment", choices={"model": _MODELS})
        self.button = QPushButton("Segment")
        self.button.clicked.connect(self.segment)
        self.take = QPushButton("Use the selected labels layer")
        self.take.setToolTip("Go on with labels from elsewhere: the labels layer that is selected")
        self.take.clicked.connect(lambda: self.attempt(self._take_layer))
        self.fill(self.form, self.button, self.take)
        self.session.recipe_changed.connect(self._show_recipe)
        self.session.noticed.connect(self.tell)
        self.tell(self.session.notice)
        self._show_recipe()

    def segment(self) -> None:
        """Segment the field in the viewer with the settings of the form."""
        self.attempt(self._segment)

    def _segment(self) -> None:
        before = self.session.field
        field = self.session.find_field()
        if field is not before and self.session.labels is not None:
            return  # edits have come back, of which a person has not read yet
        stage = self.form.stage()
        self.session.set_recipe(self.session.recipe.model_copy(update={"segment": stage}))
        recipe = self.session.recipe

        def work(report: "Callable[[float, str], None]", _: "Callable[[], bool]") -> Outlines:
            report(0.1, "segmentation")
            return outline(field, recipe.segment, host=recipe.field.host)

        self.run(work, self._show)

    def _show(self, found: Outlines) -> None:
        self.session.set_outlines(found)
        about = found.settings
        network = f"{about['model']} on {about['device']}" if "model" in about else "watershed"
        how = "found; type another to overrule it" if about["diameter_is_estimated"] else "given"
        self.tell(
            f"{len(found.scores)} particles by {network} in the {about['image']}, for a diameter "
            f"of {about['diameter_nm']:g} nm ({how})."
        )

    def _take_layer(self) -> None:
        layer = self.session.viewer.layers.selection.active
        self.session.find_field()
        if not isinstance(layer, Labels):
            raise InputError(
                "Expected a labels layer to be selected, got "
                f"{'none' if layer is None else repr(layer.name)}; click on one in the layer list."
            )
        self.session.set_labels(layer.data)
        self.tell(f"Labels of {layer.name!r} taken over, as a copy.")

    def _show_recipe(self) -> None:
        self.form.set_stage(self.session.recipe.segment)
