"""From images to labels: one way in, whatever the method."""

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.model import FieldOfView
from napari_nanodope.recipe import SegmentStage


def segment(
    field: FieldOfView, params: SegmentStage | None = None, *, host: str | None = None
) -> NDArray[np.int32]:
    """Label image of the nanocrystals in a field.

    Parameters
    ----------
    field : FieldOfView
        Survey and maps.
    params : SegmentStage, optional
        Method, image and expected diameter: ``recipe.segment``.
    host : str, optional
        Element whose map shows whole nanocrystals; the field's first one by default.

    Returns
    -------
    (Y, X) int32 array
        0 for background, particles from 1.

    Raises
    ------
    InputError
        If the host map is asked for and the field has none.

    Examples
    --------
    >>> import napari_nanodope as nd
    >>> field, truth = nd.simulate_field(nd.PhantomParams(shape_px=(120, 120)), seed=1)
    >>> labels = nd.segment(field)
    >>> labels.shape, int(labels.max()) > 20
    ((120, 120), True)
    """
    from napari_nanodope.segmentation.watershed import segment_by_watershed  # noqa: PLC0415

    params = params or SegmentStage()
    use_host = params.image == "host" or (params.image == "auto" and field.survey_kind == "counts")
    image = field.map_of(host or field.elements[0]) if use_host else field.survey
    diameter = params.diameter_nm
    pixel_nm = float(np.sqrt(field.pixel_size_nm[0] * field.pixel_size_nm[1]))
    return segment_by_watershed(image, None if diameter == "auto" else diameter / pixel_nm)
