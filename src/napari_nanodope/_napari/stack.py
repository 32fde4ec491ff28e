"""Which layers of a viewer belong to a field; fields in the place of others."""

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Layer

from napari_nanodope._napari.layers import key_of
from napari_nanodope.model import FieldOfView, InputError
from napari_nanodope.results import FieldResult

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.components import ViewerModel
    from npe2.types import FullLayerData


def find_layers(viewer: "ViewerModel", known: FieldOfView | None = None) -> list[Layer]:
    """Layers of the field that the active layer belongs to, or else of the known or only one.

    Where it was opened twice, those that the known field has are taken, or else the last ones.

    Parameters
    ----------
    viewer : ViewerModel
        With or without a window.
    known : FieldOfView, optional
        The one that is worked on.

    Raises
    ------
    InputError
        If there is none, or several and none of them is active or known.
    """
    groups: dict[str, list[Layer]] = {}
    for layer in viewer.layers:
        if "role" in layer.metadata:
            groups.setdefault(str(layer.metadata.get("key")), []).append(layer)
    active = viewer.layers.selection.active
    chosen = groups.get(str(active.metadata.get("key"))) if active is not None else None
    if chosen is None and known is not None:
        chosen = groups.get(key_of(known))
    if chosen is None and len(groups) == 1:
        chosen = next(iter(groups.values()))
    if chosen is None:
        what = f"{len(groups)} fields; click on a layer of one" if groups else "none; open one"
        raise InputError(f"Expected the layers of one field, got {what}.")
    return _choose_once(chosen, known)


def _choose_once(layers: "Sequence[Layer]", known: FieldOfView | None) -> list[Layer]:
    """One layer of each role but labels, and only those that were read like the survey."""
    images: dict[str, Layer] = {}
    for layer in layers:
        role = str(layer.metadata["role"])
        if role != "labels" and not (role in images and _shows(images[role], known)):
            images[role] = layer
    source = images["survey"].metadata.get("source") if "survey" in images else None
    return [
        layer
        for layer in layers
        if layer.metadata["role"] == "labels"
        or (layer in images.values() and layer.metadata.get("source") == source)
    ]


def _shows(layer: Layer, field: FieldOfView | None) -> bool:
    """Whether a layer has the very array of a field."""
    role = str(layer.metadata["role"])
    array = None if field is None else field.survey if role == "survey" else field.maps.get(role)
    return array is not None and np.shares_memory(layer.data, array)


def has_fields(viewer: "ViewerModel") -> bool:
    """Whether a layer of a field is left."""
    return any("role" in layer.metadata for layer in viewer.layers)


def look_at(viewer: "ViewerModel", particles: Labels | None) -> tuple[tuple[Any, ...], ...]:
    """What the images that particles belong to look like, as far as that is quickly seen."""
    key = None if particles is None else particles.metadata.get("key")
    ours = (one for one in viewer.layers if one.metadata.get("key") == key)
    return tuple((_Very(one.data), *one.scale) for one in ours if one is not particles)


def tell(layers: "Sequence[Layer]") -> tuple[Any, ...]:
    """What a field that is made of layers depends on, to be compared at another time."""
    return tuple(
        (_Very(one), _Very(one.data), _Very(one.metadata), *one.scale, *one.units) for one in layers
    )


class _Very:
    """The very object, which it keeps, since the number of one that is gone may be given again."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Very) and self._value is other._value

    def __hash__(self) -> int:
        return id(self._value)


def is_shown(viewer: "ViewerModel", field: FieldOfView) -> bool:
    """Whether a field, known by its survey and its names, is in a viewer already."""
    key = key_of(field)
    return any(
        layer.metadata.get("role") == "survey" and layer.metadata.get("key") == key
        for layer in viewer.layers
    )


def refill_layers(
    viewer: "ViewerModel",
    old: FieldOfView,
    field: FieldOfView,
    new: "Sequence[FullLayerData]",
) -> list[Layer]:
    """Show a field in the layers of another one, whose labels go; what they look like stays.

    Each layer that a viewer removes costs it much time.

    Parameters
    ----------
    viewer : ViewerModel
        With or without a window.
    old : FieldOfView
        The field that is shown no longer.
    field : FieldOfView
        The one that takes its place.
    new : sequence of layer data
        Its layers.

    Returns
    -------
    list of Layer
        Those of the field.
    """
    layers, key = viewer.layers, key_of(old)
    ours = [one for one in layers if "role" in one.metadata and one.metadata.get("key") == key]
    shown: list[Layer] = []
    for data, options, kind in new:
        role = options["metadata"]["role"]
        layer = next((one for one in ours if one.metadata["role"] == role), None)
        if layer is None:
            layer = Layer.create(data, options, kind)
            layers.insert(layers.index(shown[-1]) + 1 if shown else len(layers), layer)
        else:
            ours.remove(layer)
            layer.data, layer.scale = data, field.pixel_size_nm
            layer.metadata = options["metadata"]
            layer.contrast_limits = options["contrast_limits"]
        shown.append(layer)
    for layer in ours:
        layers.remove(layer)
    return shown


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
    key = None if old is None else key_of(old)
    ours = [one for one in layers if "role" in one.metadata and one.metadata.get("key") == key]
    ours = [] if key is None else ours
    gone = [one for one in ours if one.metadata["role"] != "labels"]
    was_visible = {one.metadata["role"]: one.visible for one in gone}
    place = min(map(layers.index, gone), default=len(layers))
    active = layers.selection.active
    added = [Layer.create(*data) for data in new]
    for number, layer in enumerate(added):
        layers.insert(place + number, layer)
    for layer in gone:
        layers.remove(layer)
    for layer, (_, options, _) in zip(added, new, strict=True):
        layer.name = options["name"]
        layer.visible = was_visible.get(options["metadata"]["role"], layer.visible)
    for layer in (one for one in ours if one in layers):
        layer.metadata = layer.metadata | new[0][1]["metadata"] | {"role": "labels"}
        layer.scale = field.pixel_size_nm
    layers.selection.active = active if active in layers else added[0]
    return added


def find_saved(layers: "Sequence[Layer]", field: FieldOfView) -> "list[tuple[Labels, FieldResult]]":
    """Layers that show the saved result of a field, as one of them does that was just opened."""
    found = ((one, one.metadata.get("result")) for one in layers if isinstance(one, Labels))
    return [
        (layer, result)
        for layer, result in found
        if isinstance(result, FieldResult) and is_same(result.field, field)
    ]


def is_same(one: FieldOfView, other: FieldOfView) -> bool:
    """Whether two fields have the same numbers, so that one is the other seen again."""
    is_alike = (
        one.maps.keys() == other.maps.keys()
        and np.allclose(one.pixel_size_nm, other.pixel_size_nm)
        and (one.sample_id, one.field_id) == (other.sample_id, other.field_id)
    )
    pairs = [(one.survey, other.survey)] if is_alike else []
    pairs += [(one.maps[name], other.maps[name]) for name in one.maps] if is_alike else []
    return is_alike and all(
        a.shape == b.shape and (np.shares_memory(a, b) or np.array_equal(a, b)) for a, b in pairs
    )
