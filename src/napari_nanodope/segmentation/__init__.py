"""From images to labels: one way in, whatever the method."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_nanodope.model import FieldOfView
from napari_nanodope.recipe import SegmentStage


@dataclass(frozen=True, slots=True)
class Outlines:
    """Particles as a method outlined them.

    Attributes
    ----------
    labels : (Y, X) int32 array
        0 for background, particles from 1.
    scores : DataFrame
        A row per particle: ``label``; ``probability``, the mean over its pixels, from 0 to 1; and
        ``flow_error``, the mean squared difference between the flows of the network and those of
        the outline. Low probabilities and high errors are doubtful. NaN for watershed.
    diameter_nm : float
        Diameter that set the scale, given or estimated.
    settings : dict
        Method, model, device and magnification, to write down.
    """

    labels: NDArray[np.int32]
    scores: pd.DataFrame
    diameter_nm: float
    settings: dict[str, Any]

    def edit(self, labels: NDArray[np.int32], touched: Collection[int], n_edits: int) -> "Outlines":
        """The same after edits by a person: particles that were touched have no scores."""
        scores = self.scores[~self.scores["label"].isin(touched)]
        told = {"n_edits": n_edits} if touched else {}
        return replace(self, labels=labels, scores=scores, settings=self.settings | told)

    def to_dict(self) -> dict[str, Any]:
        """All but the labels, ready for JSON; NaN is None."""
        scores = {
            name: [None if isinstance(v, float) and math.isnan(v) else v for v in column.tolist()]
            for name, column in self.scores.items()
        }
        return {"diameter_nm": self.diameter_nm, "settings": self.settings, "scores": scores}

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """What `to_dict` gave, without labels.

        Raises
        ------
        KeyError, TypeError or ValueError
            If it is something else.
        """
        scores = pd.DataFrame(told["scores"]).astype({"probability": float, "flow_error": float})
        nothing = np.zeros((0, 0), np.int32)
        return cls(nothing, scores, float(told["diameter_nm"]), dict(told["settings"]))

    @property
    def doubtful(self) -> list[int]:
        """Labels of scored particles, the most doubtful first: least probability x (1 - error)."""
        scored = self.scores.dropna(subset=["probability", "flow_error"])
        doubt = scored["probability"] * (1 - scored["flow_error"])
        return [int(label) for label in scored["label"].iloc[np.argsort(doubt, kind="stable")]]


def segment(
    field: FieldOfView, params: SegmentStage | None = None, *, host: str | None = None
) -> NDArray[np.int32]:
    """Label image of the nanocrystals in a field.

    Parameters
    ----------
    field : FieldOfView
        Survey and maps.
    params : SegmentStage, optional
        Method, model, image and expected diameter: ``recipe.segment``.
    host : str, optional
        Element whose map shows whole nanocrystals; the field's first one by default.

    Returns
    -------
    (Y, X) int32 array
        0 for background, particles from 1. A pixel is inside a particle if that covers its centre.

    Raises
    ------
    InputError
        If the host map is asked for and the field has none, or the model cannot be read.

    Examples
    --------
    >>> import napari_nanodope as nd
    >>> field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(120, 120)), seed=1)
    >>> labels = nd.segment(field)
    >>> labels.shape, int(labels.max()) > 20
    ((120, 120), True)
    """
    return outline(field, params, host=host).labels


def outline(
    field: FieldOfView,
    params: SegmentStage | None = None,
    *,
    host: str | None = None,
    watch: Callable[[int], None] | None = None,
) -> Outlines:
    """Label image with a score per particle, and what set the scale; see `segment`.

    `watch` is called with the number of windows done before a network sees the next one; what it
    raises ends the work.
    """
    params = params or SegmentStage()
    image, name = choose_image(field, params, host=host)
    pixel_nm = float(np.sqrt(field.pixel_size_nm[0] * field.pixel_size_nm[1]))
    given_px = None if params.diameter_nm == "auto" else params.diameter_nm / pixel_nm
    labels, scores, diameter_px, settings = outline_image(image, given_px, params, watch)
    about = {
        "method": params.method,
        "image": name,
        "diameter_nm": float(f"{diameter_px * pixel_nm:.4g}"),
        "diameter_is_estimated": given_px is None,
    }
    return Outlines(labels, scores, diameter_px * pixel_nm, about | settings)


def choose_image(
    field: FieldOfView, params: SegmentStage, *, host: str | None = None
) -> tuple[NDArray[np.float32], str]:
    """Image of a field that is segmented, and what it is called."""
    if params.image == "host" or (params.image == "auto" and field.survey_kind == "counts"):
        return field.map_of(host or field.elements[0]), "host map"
    return field.survey, "survey"


_Outlined = tuple[NDArray[np.int32], pd.DataFrame, float, dict[str, Any]]


def outline_image(
    image: NDArray[np.float32],
    diameter_px: float | None,
    params: SegmentStage,
    watch: Callable[[int], None] | None = None,
) -> _Outlined:
    """Labels of an image, scores, the diameter in pixels that set the scale, and settings."""
    if params.method == "watershed":
        return _outline_by_watershed(image, diameter_px)
    from napari_nanodope.segmentation.cellpose import segment_by_cellpose  # noqa: PLC0415

    found = segment_by_cellpose(image, diameter_px, model=params.model, watch=watch)
    return found.labels, found.scores, found.diameter_px, found.settings


def _outline_by_watershed(image: NDArray[np.float32], diameter_px: float | None) -> _Outlined:
    from napari_nanodope.segmentation.watershed import (  # noqa: PLC0415
        estimate_diameter_px,
        segment_by_watershed,
    )

    if diameter_px is None:
        diameter_px = estimate_diameter_px(image)
    labels = segment_by_watershed(image, diameter_px)
    ids = np.arange(1, labels.max(initial=0) + 1)
    unknown = np.full(len(ids), np.nan)
    scores = pd.DataFrame({"label": ids, "probability": unknown, "flow_error": unknown})
    return labels, scores, diameter_px, {}
