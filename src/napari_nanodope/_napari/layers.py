"""Fields, labels and results as napari layer data, and back; napari itself is not imported.

Layer data are tuples of array, options and layer type: what plugins return, and what
``layer.as_layer_data_tuple()`` gives. Every layer is calibrated in nm. Its metadata say what it
shows (``role``: "survey", an element symbol or "labels") and of which field (``key``), so names may
change.
"""

from collections.abc import Iterable, Mapping
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_nanodope.io.units import to_nm
from napari_nanodope.materials import MATERIALS
from napari_nanodope.model import FieldOfView, InputError, as_labels
from napari_nanodope.pipeline import hash_arrays
from napari_nanodope.recipe import MapsStage, Recipe
from napari_nanodope.results import FieldResult

if TYPE_CHECKING:
    from npe2.types import FullLayerData

# Maps and survey add up, so all but the sparse dopant's are dim: their sum stays below white.
_HOST_COLOUR, _DOPANT_COLOUR = "#0d6085", "#ff30c8"
_OTHER_COLOURS = (
    "#8a7400", "#1f7a3d", "#9c4a14", "#5d4bb0", "#a02c2c", "#2f7f86", "#6b7a1a", "#7a3f6b",
    "#4a6fa5", "#8c5a2b",
)  # fmt: skip
_N_SHOWN = 4  # maps; of more, only host and dopant are visible at first
_SURVEY_OPACITY, _LABELS_OPACITY = 0.35, 0.2
_SHARED = ("sample_id", "field_id", "survey_kind", "source", "warnings")
_WHOLE_COLUMNS = {"label": np.int32, "dopant_pixels": np.int64, "surface_dopants": np.int64}
_CONSTANT_COLUMNS = ("sample_id", "field_id", "host_element", "dopant_element")


def field_to_layers(
    field: FieldOfView, *, host: str | None = None, dopant: str | None = None
) -> "list[FullLayerData]":
    """Image layers of a field: the survey, and above it one map per element.

    Parameters
    ----------
    field : FieldOfView
        What to show.
    host, dopant : str, optional
        Elements drawn in blue and in magenta. By default the first one that is a cation of a
        shipped material, or the first one, and then the first one that is in no such material.

    Returns
    -------
    list of layer data
        Survey in grey, maps additive with a colour each; arrays are shared, not copied.
    """
    colours = _choose_colours(field.elements, host, dopant)
    key = key_of(field)
    survey = _options("survey", "survey", field, key) | {
        "colormap": "gray",
        "opacity": _SURVEY_OPACITY,
        "contrast_limits": _limits(field.survey, float(np.percentile(field.survey, 0.5))),
    }
    layers: list[FullLayerData] = [(field.survey, survey, "image")]
    for element, counts in field.maps.items():
        options = _options(element, element, field, key) | {
            "colormap": colours[element],
            "blending": "additive",
            "contrast_limits": _limits(counts, 0.0),
            "visible": len(colours) <= _N_SHOWN
            or colours[element] in (_HOST_COLOUR, _DOPANT_COLOUR),
        }
        if element in field.variances:
            options["metadata"]["variance"] = field.variances[element]
        layers.append((counts, options, "image"))
    return layers


def layers_to_field(layers: "Iterable[FullLayerData]") -> FieldOfView:
    """Field that `field_to_layers` showed; layers of other origin are passed over.

    Parameters
    ----------
    layers : iterable of layer data
        Elements come out in the order of their layers.

    Raises
    ------
    InputError
        If there is no survey, an image is there twice, fields are mixed, or a layer has no length
        unit.
    """
    images: dict[str, NDArray[Any]] = {}
    variances: dict[str, NDArray[Any]] = {}
    shared: dict[str, Any] = {}
    for data, options, kind in layers:
        metadata = options.get("metadata") or {}
        if kind != "image" or metadata.get("role", "labels") == "labels":
            continue
        role = str(metadata["role"])
        if np.ndim(data) != 2:
            raise InputError(
                f"Expected an image of two dimensions in {options.get('name')!r}, got "
                f"{np.ndim(data)}; split the stack, or open the field again."
            )
        origin = {name: metadata[name] for name in _SHARED if name in metadata}
        origin["pixel_size_nm"] = pixel_size_nm_of(options)
        if role in images or (shared and origin != shared):
            raise InputError(
                f"Expected the layers of one field, got a second {role} image or another "
                f"calibration in {options.get('name')!r}; choose the layers of one field."
            )
        images[role], shared = np.asarray(data), origin
        if "variance" in metadata:
            variances[role] = metadata["variance"]
    if "survey" not in images:
        raise InputError(
            f"Expected a survey among the layers, got {', '.join(images) or 'no image'}; open the "
            f"field again with this plugin."
        )
    return FieldOfView(survey=images.pop("survey"), maps=images, variances=variances, **shared)


def labels_to_layer(
    labels: NDArray[np.integer[Any]],
    field: FieldOfView,
    particles: pd.DataFrame | None = None,
    *,
    name: str = "particles",
) -> "FullLayerData":
    """Labels layer of a field's particles, see-through so that the dopants show.

    Parameters
    ----------
    labels : (Y, X) array of integers
        0 for background; copied, so that painting in the viewer changes no result.
    field : FieldOfView
        What the labels belong to.
    particles : DataFrame, optional
        One row per particle with its ``label``; becomes the layer's features.
    name : str, optional
        What the layer is called.

    Raises
    ------
    InputError
        If the labels do not fit the field.
    """
    options = _options(name, "labels", field, key_of(field)) | {"opacity": _LABELS_OPACITY}
    if particles is not None:
        options["features"] = to_features(particles)
        options["metadata"] |= constants_of(particles)
    return as_labels(labels, field.shape).copy(), options, "labels"


def labels_from_layer(layer: "FullLayerData") -> NDArray[np.int32]:
    """Labels (Y, X) of a labels layer, 0 for background; a copy, which painting does not change.

    Raises
    ------
    InputError
        If the layer is of another type or not two-dimensional.
    """
    data, options, kind = layer
    labels = np.asarray(data)
    if kind != "labels" or labels.ndim != 2:
        raise InputError(
            f"Expected a labels layer of two dimensions, got {options.get('name')!r}, an {kind} "
            f"layer of {labels.ndim}; choose the layer with the particles' outlines."
        )
    return as_labels(labels, labels.shape).copy()


def result_to_layers(result: FieldResult) -> "list[FullLayerData]":
    """Layers of the analysed field, and on top its particles with their table as features.

    The particles' metadata hold the ``result``, for the session of the viewer to go on with.
    """
    chosen = result.recipe.field
    layers = field_to_layers(result.field, host=chosen.host, dopant=chosen.dopant)
    particles = labels_to_layer(result.labels, result.field, result.particles)
    particles[1]["metadata"]["result"] = result
    return [*layers, particles]


def tell_maps(field: FieldOfView, recipe: Recipe) -> Recipe:
    """Recipe that says how the maps of a field were read, whoever read them."""
    if field.source is None:
        return recipe
    given = field.source.settings.get("given", {})
    told = {name: given[name] for name in MapsStage.model_fields if name in given}
    return recipe.model_copy(update={"maps": MapsStage(**told)})


def key_of(field: FieldOfView) -> str:
    """What tells the layers of a field from those of others: the pixels of its survey, its names.

    The file may lie elsewhere, and elements and calibration may change.
    """
    digest = hash_arrays(field.survey)[:20]
    return f"{digest} {field.sample_id} {field.field_id}"


def _options(name: str, role: str, field: FieldOfView, key: str) -> dict[str, Any]:
    shared = {attribute: getattr(field, attribute) for attribute in _SHARED}
    return {
        "name": name,
        "scale": field.pixel_size_nm,
        "units": ("nm", "nm"),
        "axis_labels": ("y", "x"),
        "metadata": {"role": role, "key": key} | shared,
    }


def pixel_size_nm_of(options: Mapping[str, Any]) -> tuple[float, float]:
    """Pixel size (dy, dx) in nm of a layer, whose units are texts or pint's.

    Raises
    ------
    InputError
        If it has no length units.
    """
    units = [str(unit) for unit in options.get("units") or ("pixel", "pixel")]
    dy, dx = (
        size * (to_nm(unit) or np.nan) for size, unit in zip(options["scale"], units, strict=True)
    )
    if not np.isfinite(dy * dx):
        raise InputError(
            f"Expected layer {options.get('name')!r} calibrated in nm, got the units "
            f"{' and '.join(units)}; set its scale and units."
        )
    return float(dy), float(dx)


def _limits(image: NDArray[np.float32], low: float) -> tuple[float, float]:
    """Contrast limits up to the brightest 0.2 %, or to the maximum of a nearly empty image."""
    for high in (float(np.percentile(image, 99.8)), float(image.max())):
        if high > low:
            return low, high
    return low, low + max(1.0, 1e-6 * abs(low))


def _choose_colours(
    elements: tuple[str, ...], host: str | None, dopant: str | None
) -> dict[str, str]:
    cations = {next(iter(material.sites_per_cell)) for material in MATERIALS.values()}
    native = {symbol for material in MATERIALS.values() for symbol in material.sites_per_cell}
    if host is None:
        candidates = [e for e in elements if e != dopant]
        host = next((e for e in candidates if e in cations), candidates[0] if candidates else None)
    if dopant is None:
        dopant = next((e for e in elements if e not in native and e != host), None)
    others = cycle(_OTHER_COLOURS)
    chosen = {host: _HOST_COLOUR, dopant: _DOPANT_COLOUR}
    return {e: chosen[e] if e in chosen else next(others) for e in elements}


def to_features(particles: pd.DataFrame) -> pd.DataFrame:
    """Rows by label value, the background's first; napari looks them up by the column ``index``."""
    table = particles.drop(columns=[c for c in _CONSTANT_COLUMNS if c in particles])
    table = table.set_index("label").replace("", None)  # napari shows empty texts, not None
    return table.reindex([0, *table.index]).rename_axis("index").reset_index()


def constants_of(particles: pd.DataFrame) -> dict[str, str]:
    """What is the same for all particles and in no row of `to_features`, for the metadata."""
    columns = [name for name in _CONSTANT_COLUMNS if name in particles and len(particles)]
    return {name: str(particles[name].iloc[0]) for name in columns}


def from_features(features: pd.DataFrame, metadata: Mapping[str, Any]) -> pd.DataFrame:
    """Particle table of a layer: what `to_features` showed, one row per particle.

    Parameters
    ----------
    features : DataFrame
        Of a labels layer; napari's column ``index`` becomes ``label``, the background's row goes.
    metadata : mapping
        Of the layer; sample, field and the elements of host and dopant are taken from there.
    """
    table = features.rename(columns={"index": "label"})
    table = table[table["label"] != 0].reset_index(drop=True).infer_objects()
    for name, kind in _WHOLE_COLUMNS.items():
        if name in table and table[name].notna().all():
            table[name] = table[name].astype(kind)
    if "exclusion_reason" in table:
        table["exclusion_reason"] = table["exclusion_reason"].fillna("").astype("str")
    for name in _CONSTANT_COLUMNS:
        if name in metadata:
            table[name] = pd.Series(str(metadata[name]), table.index, dtype="str")
    return table
