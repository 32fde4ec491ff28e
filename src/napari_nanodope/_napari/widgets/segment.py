"""Outline the nanocrystals."""

from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Labels
from qtpy.QtWidgets import QFileDialog, QPushButton

from napari_nanodope._napari.widgets.form import StageForm
from napari_nanodope._napari.widgets.panel import Panel
from napari_nanodope.model import FieldOfView, InputError
from napari_nanodope.pipeline import AnalysisCancelledError
from napari_nanodope.segmentation import Outlines, choose_image, outline

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari

    from napari_nanodope.segmentation.training import FineTuned

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
        self.teach = QPushButton("Train on these outlines ...")
        self.teach.setToolTip(
            "Train the model further on this field, whose every particle is right"
        )
        self.teach.clicked.connect(self._choose_file)
        self.fill(self.form, self.button, self.take, self.teach)
        self.follow(self.session.recipe_changed, self._show_recipe)
        self.follow(self.session.noticed, self.tell)
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
        self._take_values()
        recipe = self.session.recipe

        def work(
            report: "Callable[[float, str], None]", cancelled: "Callable[[], bool]"
        ) -> Outlines:
            def watch(n_done: int) -> None:
                if cancelled():
                    raise AnalysisCancelledError(f"Stopped before window {n_done + 1}.")
                report(0.1, f"segmentation, window {n_done + 1}")

            report(0.1, "segmentation")
            return outline(field, recipe.segment, host=recipe.field.host, watch=watch)

        self.run(work, lambda found: self._show(found, field))

    def _show(self, found: Outlines, field: FieldOfView) -> None:
        if self.session.field is not field:
            raise InputError(
                "Expected the field that was segmented, got another one meanwhile; segment again."
            )
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
        if self.session.field is None:
            self.session.find_field()
        if not isinstance(layer, Labels):
            raise InputError(
                "Expected a labels layer to be selected, got "
                f"{'none' if layer is None else repr(layer.name)}; click on one in the layer list."
            )
        self.session.set_labels(layer.data)
        self.tell(f"Labels of {layer.name!r} taken over, as a copy.")

    def _take_values(self) -> None:
        stage = self.form.stage()
        self.session.set_recipe(self.session.recipe.model_copy(update={"segment": stage}))

    # Training

    def train(self, path: str | Path) -> None:
        """Train the model of the form further on the field, and use what comes out of it.

        Parameters
        ----------
        path : path
            New file of weights.
        """
        self.attempt(lambda: self._train(Path(path)))

    def _choose_file(self) -> None:
        kind, ask_no_more = "Weights (*.safetensors)", QFileDialog.Option.DontConfirmOverwrite
        path, _ = QFileDialog.getSaveFileName(self, "New model", "", kind, options=ask_no_more)
        if path:
            self.train(path)

    def _train(self, path: Path) -> None:
        session = self.session
        field, labels = session.find_field(), session.labels
        self._take_values()
        stage = session.recipe.segment
        if labels is None:
            raise InputError("Expected outlines to train on, got none; segment and curate first.")
        image, _ = choose_image(field, stage, host=session.recipe.field.host)
        curated = labels.copy()

        def work(
            report: "Callable[[float, str], None]", cancelled: "Callable[[], bool]"
        ) -> "FineTuned":
            from napari_nanodope.segmentation.training import Curated, fine_tune  # noqa: PLC0415

            report(0.1, "training on one half")
            return fine_tune(
                [Curated(image, curated)],
                path,
                model=stage.model,
                is_wanted=lambda: not cancelled(),
            )

        self.run(work, self._take_model)

    def _take_model(self, tuned: "FineTuned") -> None:
        recipe = self.session.recipe.replace(
            segment={"method": "cellpose", "model": str(tuned.path)}
        )
        self.session.set_recipe(recipe)
        self.tell(f"{tuned} Segment again to use it.")

    def _show_recipe(self) -> None:
        self.form.set_stage(self.session.recipe.segment)
