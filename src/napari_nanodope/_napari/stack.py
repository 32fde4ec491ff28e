"""Which layers of a viewer belong to a field; fields in the place of others."""

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer

from napari_nanodope.model import FieldOfView, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from npe2.types import FullLayerData


def find_layers(viewer: "ViewerModel") -> list[Layer]:
    """Layers of the field that the active layer belongs to, or else of the only field.

    Raises
    ------
    InputError
        If there is none, or several and none of them is active.
    """
    groups: dict[tuple[str, ...], list[Layer]] = {}
    for layer in viewer.layers:
        if "role" in layer.metadata:
            groups.setdefault(_origin(layer), []).append(layer)
    active = viewer.layers.selection.active
    chosen = groups.get(_origin(active)) if active is not None else None
    if chosen is None and len(groups) == 1:
        chosen = next(iter(groups.values()))
    if chosen is None:
        what = f"{len(groups)} fields; click on a layer of one" if groups else "none; open one"
        raise InputError(f"Expected the layers of one field, got {what}.")
    return chosen


def swap_layers(
    viewer: "ViewerModel",
    old: FieldOfView | None,
    field: FieldOfView,
    new: "Sequence[FullLayerData]",
) -> None:
    """Put the layers of a field in the place of those of another one, whose labels stay.

    Parameters
    ----------
    viewer : ViewerModel
        With or without a window.
    old : FieldOfView, optional
        The field whose layers go.
    field : FieldOfView
        The one that takes their place, at least one layer.
    new : sequence of layer data
        Its layers.
    """
    layers = viewer.layers
    ours = [one for one in layers if old is not None and _is_layer_of(one, old)]
    gone = {one.metadata["role"]: one for one in ours if one.metadata["role"] != "labels"}
    place = min(map(layers.index, gone.values()), default=len(layers))
    active = layers.selection.active
    for number, data in enumerate(new):
        layers.insert(place + number, Layer.create(*data))
    for layer in gone.values():
        layers.remove(layer)
    for layer, (_, options, _) in zip(layers[place : place + len(new)], new, strict=True):
        role = options["metadata"]["role"]
        layer.name = options["name"]
        layer.visible = gone[role].visible if role in gone else layer.visible
    for layer in (one for one in ours if one in layers):
        layer.metadata = layer.metadata | new[0][1]["metadata"] | {"role": "labels"}
        layer.scale = field.pixel_size_nm
    layers.selection.active = active if active in layers else layers[place]


def is_same(one: FieldOfView, other: FieldOfView) -> bool:
    """Whether two fields share their arrays, so that one is the other seen again."""
    is_alike = one.maps.keys() == other.maps.keys() and np.allclose(
        one.pixel_size_nm, other.pixel_size_nm
    )
    return is_alike and all(
        np.shares_memory(a, b)
        for a, b in zip(
            (one.survey, *one.maps.values()), (other.survey, *other.maps.values()), strict=True
        )
    )


def _origin(layer: Layer) -> tuple[str, ...]:
    """What the layers of one field have in common."""
    names = ("sample_id", "field_id", "source")
    return tuple(str(layer.metadata.get(name)) for name in names)


def _is_layer_of(layer: Layer, field: FieldOfView) -> bool:
    """Whether a layer shows a field or its labels."""
    origin = tuple(map(str, (field.sample_id, field.field_id, field.source)))
    return "role" in layer.metadata and _origin(layer) == origin


def is_ours(data: Any) -> bool:
    """Whether changes can be written into the data of a layer as they are."""
    is_plain = isinstance(data, np.ndarray) and data.dtype == np.int32
    return bool(is_plain and data.flags.c_contiguous and data.flags.writeable)
