"""Which layers of a viewer belong to a field; fields in the place of others."""

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Layer

from napari_nanodope.model import FieldOfView, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from npe2.types import FullLayerData


def find_layers(viewer: "ViewerModel") -> list[Layer]:
    """Layers of the field that the active layer belongs to, or else of the only field.

    Where it was opened twice, the layers that were added last are taken.

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
    return [one for n, one in enumerate(chosen) if not _is_repeated(one, chosen[n + 1 :])]


def is_shown(viewer: "ViewerModel", field: FieldOfView) -> bool:
    """Whether a field is in a viewer already, with the same survey."""
    return any(
        layer.metadata.get("role") == "survey" and np.array_equal(layer.data, field.survey)
        for layer in viewer.layers
        if _is_layer_of(layer, field)
    )


def swap_layers(
    viewer: "ViewerModel",
    old: FieldOfView | None,
    field: FieldOfView,
    new: "Sequence[FullLayerData]",
) -> list[Layer]:
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

    Returns
    -------
    list of Layer
        Those that were added.
    """
    layers = viewer.layers
    ours = [one for one in layers if old is not None and _is_layer_of(one, old)]
    gone = {one.metadata["role"]: one for one in ours if one.metadata["role"] != "labels"}
    place = min(map(layers.index, gone.values()), default=len(layers))
    active = layers.selection.active
    for number, data in enumerate(new):
        layers.insert(place + number, Layer.create(*data))
    for layer in (one for one in ours if one.metadata["role"] != "labels"):
        layers.remove(layer)
    added: list[Layer] = list(layers[place : place + len(new)])
    for layer, (_, options, _) in zip(added, new, strict=True):
        role = options["metadata"]["role"]
        layer.name = options["name"]
        layer.visible = gone[role].visible if role in gone else layer.visible
    for layer in (one for one in ours if one in layers):
        layer.metadata = layer.metadata | new[0][1]["metadata"] | {"role": "labels"}
        layer.scale = field.pixel_size_nm
    layers.selection.active = active if active in layers else layers[place]
    return added


def is_same(one: FieldOfView, other: FieldOfView, *, is_seen: bool = False) -> bool:
    """Whether two fields share their arrays, so that one is the other seen again.

    Layers of another type than the field's are converted and share nothing; then `is_seen` tells
    that they are the layers that were there before.
    """
    is_alike = one.maps.keys() == other.maps.keys() and np.allclose(
        one.pixel_size_nm, other.pixel_size_nm
    )
    return is_alike and all(
        is_seen or np.shares_memory(a, b)
        for a, b in zip(
            (one.survey, *one.maps.values()), (other.survey, *other.maps.values()), strict=True
        )
    )


def _origin(layer: Layer) -> tuple[str, ...]:
    """What the layers of one field have in common."""
    names = ("sample_id", "field_id", "source")
    return tuple(str(layer.metadata.get(name)) for name in names)


def _is_repeated(layer: Layer, later: "Sequence[Layer]") -> bool:
    """Whether one of the later layers shows the same pixels in the same role."""
    return layer.metadata["role"] != "labels" and any(
        one.metadata["role"] == layer.metadata["role"] and np.array_equal(one.data, layer.data)
        for one in later
    )


def _is_layer_of(layer: Layer, field: FieldOfView) -> bool:
    """Whether a layer shows a field or its labels."""
    origin = tuple(map(str, (field.sample_id, field.field_id, field.source)))
    return "role" in layer.metadata and _origin(layer) == origin
