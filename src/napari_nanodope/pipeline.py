"""One field of view through every step: labels, depths, counts, statistics."""

import hashlib
import platform
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from napari_nanodope.core.counting import (
    FalsePositives,
    choose_threshold,
    count_false_positives,
    estimate_dopants,
    find_particle_free,
    tabulate_thresholds,
)
from napari_nanodope.core.filtering import detect_box_mean, warn_of_smoothing
from napari_nanodope.core.labels import Morphology
from napari_nanodope.core.measuring import Measurements, Scene, Shapes, measure, measure_again
from napari_nanodope.core.shells import LocationTest, compare_locations, pool_counts
from napari_nanodope.core.summary import Findings, summarize
from napari_nanodope.materials import dopants_to_mM, sphere_volume_nm3
from napari_nanodope.model import FieldOfView, InputError, as_labels, read_only
from napari_nanodope.recipe import Recipe
from napari_nanodope.results import FieldResult
from napari_nanodope.segmentation import Outlines, outline

Progress = Callable[[float, str], None]


class AnalysisCancelledError(Exception):
    """The caller asked an analysis to stop."""


def analyze(  # noqa: PLR0913 - what a person may want, by name
    field: FieldOfView,
    recipe: Recipe | None = None,
    *,
    labels: ArrayLike | Outlines | None = None,
    exclusions: Mapping[int, str] | None = None,
    previous: FieldResult | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> FieldResult:
    """Dopants of every nanocrystal of a field, at every depth, and what they say together.

    Parameters
    ----------
    field : FieldOfView
        Survey and net maps; it must hold the recipe's host and dopant.
    recipe : Recipe, optional
        Every setting.
    labels : (Y, X) array of integers, or Outlines, optional
        One positive number per particle, 0 for background; without it the field is segmented.
        Outlines bring the scores of their particles, by label.
    exclusions : mapping, optional
        Particles of `labels` that a person leaves out of the statistics, and why.
    previous : FieldResult, optional
        Of this very field, before some labels were edited: only the particles that were touched are
        measured again. The result is the same without it.
    progress : callable, optional
        Called with the fraction done, from 0 to 1, and the name of the step that starts.
    cancelled : callable, optional
        Asked before each step; the analysis stops when it returns True.

    Returns
    -------
    FieldResult
        Labels, tables, summary and provenance.

    Raises
    ------
    InputError
        If an element is not mapped, the labels do not fit the field, or a particle to exclude is
        not among them.
    AnalysisCancelledError
        If `cancelled` returned True.

    Examples
    --------
    >>> import napari_nanodope as nd
    >>> field, truth = nd.simulate_field(nd.PhantomParams(location="surface"), seed=3)
    >>> nd.analyze(field, labels=truth.labels).summary["location"]
    'surface'
    """
    recipe, exclusions = recipe or Recipe(), dict(exclusions or {})

    def step(done: float, what: str) -> None:
        if cancelled is not None and cancelled():
            raise AnalysisCancelledError(f"Stopped before {what}.")
        if progress is not None:
            progress(done, what)

    host, dopant = field.map_of(recipe.field.host), field.map_of(recipe.field.dopant)
    step(0.0, "segmentation")
    found: Outlines | None = None
    if labels is None:
        watch = partial(_tell_window, step)
        found = outline(field, recipe.segment, host=recipe.field.host, watch=watch)
        outlined = found.labels
    elif isinstance(labels, Outlines):
        found = labels
        outlined = as_labels(found.labels, field.shape).copy()
    else:
        outlined = as_labels(labels, field.shape).copy()
    step(0.4, "the background")
    threshold, background = _count_background(outlined, dopant, recipe)
    scene = Scene(host, dopant, field.pixel_size_nm, threshold, recipe.profile.distance)
    known = None if previous is None else previous.measured
    measured = None if known is None else measure_again(known, outlined, scene)
    if measured is None:
        measured = measure(outlined, scene, step=partial(_tell_step, step))
    _check_exclusions(exclusions, measured.ids)
    step(0.9, "statistics")
    named = _name(field, recipe)
    columns = _describe_particles(measured, background, recipe, exclusions)
    table = _tabulate(columns | _find_scores(measured.ids, found), named)
    location = _locate(measured, columns["included"], background, recipe)
    n_pixels = measured.shapes.n_pixels
    summary = summarize(Findings(table, n_pixels, background, threshold, location), recipe)
    summary["warnings"] = [*_warn_of_data(field, recipe), *summary["warnings"]]
    result = FieldResult(
        field=field,
        recipe=recipe,
        labels=read_only(outlined),
        particles=table,
        radial=_tabulate(_describe_depths(measured), named),
        profiles=_tabulate({str(k): v for k, v in location.expected.items()}, named),
        summary=summary,
        provenance=_trace(field, recipe, outlined, found) | _trace_exclusions(exclusions),
        measured=measured,
    )
    step(1.0, "done")
    return result


def _tell_window(step: Progress, n_done: int) -> None:
    step(0.0, f"segmentation, window {n_done + 1}")


_SHARES = {"morphology": 0.5, "distance from the edge": 0.6, "counting": 0.8}


def _tell_step(step: Progress, what: str) -> None:
    step(_SHARES[what], what)


def find_left_out(
    shapes: Shapes, recipe: Recipe, exclusions: Mapping[int, str] | None = None
) -> dict[int, str]:
    """Particles that the statistics leave out, and why, as `analyze` decides it.

    Parameters
    ----------
    shapes : Shapes
        From `napari_nanodope.core.measuring.measure_shapes`.
    recipe : Recipe
        Its stage ``particles`` decides.
    exclusions : mapping, optional
        Particles that a person leaves out, and why.
    """
    morphology = shapes.morphology
    reasons = _exclude(
        morphology, _equivalent_diameter_nm(morphology, shapes.pixel_size_nm), recipe
    )
    found = {int(k): str(why) for k, why in zip(shapes.ids, reasons, strict=True) if why}
    return found | dict(exclusions or {})


def _equivalent_diameter_nm(
    shapes: Morphology, pixel_size_nm: tuple[float, float]
) -> NDArray[np.float64]:
    """Diameter of the circle of the same area."""
    area_nm2 = shapes.n_pixels * pixel_size_nm[0] * pixel_size_nm[1]
    return np.asarray(2 * np.sqrt(area_nm2 / np.pi))


def _count_background(
    labels: NDArray[np.int32], dopant: NDArray[np.float32], recipe: Recipe
) -> tuple[float, FalsePositives]:
    free = find_particle_free(labels)
    threshold = recipe.count.threshold
    if threshold == "auto":
        threshold = choose_threshold(tabulate_thresholds(dopant, labels, free))
    return threshold, count_false_positives(dopant, free, threshold)


def _describe_particles(
    measured: Measurements,
    background: FalsePositives,
    recipe: Recipe,
    exclusions: Mapping[int, str],
) -> dict[str, Any]:
    """Columns of the particle table."""
    shapes, sums, n = measured.shapes, measured.sums, len(measured.ids)
    pixel_size_nm = measured.scene.pixel_size_nm
    area_nm2 = shapes.n_pixels * pixel_size_nm[0] * pixel_size_nm[1]
    diameter_nm = _equivalent_diameter_nm(shapes, pixel_size_nm)
    host_counts = sums.per_particle("host_counts", n)
    dopant_pixels = sums.per_particle("dopant_pixels", n).astype(np.int64)
    dopants = estimate_dopants(dopant_pixels, shapes.n_pixels, background)
    volume_nm3 = sphere_volume_nm3(diameter_nm)
    if recipe.particles.volume == "inradius":
        volume_nm3 = sphere_volume_nm3(2 * measured.inradius_nm)
    elif recipe.particles.volume == "host":
        volume_nm3 = _share_volume(volume_nm3, host_counts)
    reasons = _exclude(shapes, diameter_nm, recipe)
    for label, why in exclusions.items():
        reasons[np.searchsorted(measured.ids, label)] = why
    return {
        "label": measured.ids,
        "centroid_y_nm": shapes.centroid_nm[:, 0],
        "centroid_x_nm": shapes.centroid_nm[:, 1],
        "area_nm2": area_nm2,
        "equivalent_diameter_nm": diameter_nm,
        "inradius_nm": measured.inradius_nm,
        "eccentricity": shapes.eccentricity,
        "solidity": shapes.solidity,
        "contact_fraction": shapes.contact_fraction,
        "touches_border": shapes.touches_border,
        "included": reasons == "",
        "exclusion_reason": pd.Series(reasons, dtype="str"),
        "host_counts": host_counts,
        "dopant_pixels": dopant_pixels,
        "dopant_counts": sums.per_particle("dopant_counts", n),
        "dopants": dopants.value,
        "dopants_low": dopants.low,
        "dopants_high": dopants.high,
        "volume_nm3": volume_nm3,
        "dopant_mM": dopants_to_mM(dopants.value, np.where(volume_nm3 > 0, volume_nm3, np.nan)),
    }


def _find_scores(ids: NDArray[np.int32], found: Outlines | None) -> dict[str, NDArray[np.float64]]:
    """How sure the segmentation was of every particle; NaN where that is not known."""
    names = "probability", "flow_error"
    if found is None:
        return {name: np.full(len(ids), np.nan) for name in names}
    scores = found.scores.set_index("label").reindex(ids)
    return {name: scores[name].to_numpy(float) for name in names}


def _share_volume(
    volume_nm3: NDArray[np.float64], host_counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share the total volume of the spheres out in proportion to host counts."""
    positive = np.clip(host_counts, 0, None)
    total = positive.sum()
    return np.asarray(positive * (volume_nm3.sum() / total if total > 0 else np.nan))


def _exclude(
    shapes: Morphology, diameter_nm: NDArray[np.float64], recipe: Recipe
) -> NDArray[np.object_]:
    """Why each particle is left out of the statistics; empty where it is not."""
    reasons = np.full(len(diameter_nm), "", dtype=object)
    chosen = recipe.particles
    reasons[shapes.contact_fraction > chosen.max_contact_fraction] = "above max_contact_fraction"
    reasons[shapes.solidity < chosen.min_solidity] = "below min_solidity"
    if chosen.max_diameter_nm is not None:
        reasons[diameter_nm > chosen.max_diameter_nm] = "larger than max_diameter_nm"
    reasons[diameter_nm < chosen.min_diameter_nm] = "smaller than min_diameter_nm"
    if chosen.exclude_border:
        reasons[shapes.touches_border] = "touches the border"
    return reasons


def _check_exclusions(exclusions: Mapping[int, str], ids: NDArray[np.int32]) -> None:
    missing = sorted(set(exclusions) - set(ids.tolist()))
    if missing:
        raise InputError(
            f"Expected to exclude particles of the labels, got {missing[0]}, which is not there; "
            f"give labels and exclusions of the same curation."
        )


def _trace_exclusions(exclusions: Mapping[int, str]) -> dict[str, Any]:
    by_hand = {str(label): exclusions[label] for label in sorted(exclusions)}
    return {"exclusions": by_hand} if by_hand else {}


def _locate(
    measured: Measurements,
    included: NDArray[np.bool_],
    background: FalsePositives,
    recipe: Recipe,
) -> LocationTest:
    shell, pixel_size_nm = recipe.profile.shell_nm, measured.scene.pixel_size_nm
    shell_nm = min(pixel_size_nm) if shell == "auto" else shell
    pooled = pool_counts(measured.sums.of(included), pixel_size_nm, shell_nm)
    return compare_locations(pooled, background)


def _describe_depths(measured: Measurements) -> dict[str, Any]:
    """Columns of the radial table."""
    sums = measured.sums
    return {
        "label": measured.ids[sums.particle],
        "depth_px": sums.depth_px,
        "depth_nm": (sums.depth_px + 0.5) * min(measured.scene.pixel_size_nm),
        "n_pixels": sums.n_pixels,
        "host_counts": sums.host_counts,
        "dopant_pixels": sums.dopant_pixels,
        "dopant_counts": sums.dopant_counts,
        "mean_depth_nm": sums.mean_depth_nm,
    }


def _name(field: FieldOfView, recipe: Recipe) -> dict[str, pd.CategoricalDtype]:
    """What tells this field's rows from others' when tables are put together, each a constant."""
    names = {
        "sample_id": field.sample_id,
        "field_id": field.field_id,
        "host_element": recipe.field.host,
        "dopant_element": recipe.field.dopant,
    }
    return {
        name: pd.CategoricalDtype(pd.Index([value], dtype="str")) for name, value in names.items()
    }


def _tabulate(columns: Mapping[str, Any], named: Mapping[str, Any]) -> pd.DataFrame:
    """Table of these columns and of the constants."""
    codes = np.zeros(len(next(iter(columns.values()))), np.int8)
    constants = {
        name: pd.Categorical.from_codes(codes, dtype=kind, validate=False)
        for name, kind in named.items()
    }
    return pd.DataFrame({**columns, **constants})


def _warn_of_data(field: FieldOfView, recipe: Recipe) -> list[str]:
    """What reading the files told, and whether maps from elsewhere were smoothed."""
    told = list(field.warnings)
    for symbol in (recipe.field.host, recipe.field.dopant):
        width = 1 if symbol in field.variances else detect_box_mean(field.map_of(symbol))
        if width > 1:
            told.append(warn_of_smoothing(symbol, width))
    return list(dict.fromkeys(told))


def _trace(
    field: FieldOfView, recipe: Recipe, labels: NDArray[np.int32], found: Outlines | None
) -> dict[str, Any]:
    source = field.source
    packages = ("numpy", "scipy", "pandas", "numba", "edt", "scikit-image", "cellpose", "torch")
    about = {"origin": "given"} if found is None else {"origin": "segmented", **found.settings}
    return {
        "package": "napari-nanodope",
        "version": _find_version("napari-nanodope"),
        "python": platform.python_version(),
        "packages": {name: _find_version(name) for name in packages},
        "recipe_sha256": recipe.sha256,
        "input": {
            "path": source.path if source else "",
            "sha256": source.sha256 if source else hash_arrays(field.survey, *field.maps.values()),
            "reader": source.reader if source else "arrays",
            "settings": dict(source.settings) if source else {},
        },
        "labels": {**about, "sha256": hash_arrays(labels)},
    }


_find_version = lru_cache(version)  # which reads a file each time


def hash_arrays(*arrays: NDArray[Any]) -> str:
    """Digest in hexadecimal of the shapes, types and bytes of arrays."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype.str}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
