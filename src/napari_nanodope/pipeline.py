"""One field of view through every step: labels, depths, counts, statistics."""

import hashlib
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from napari_nanodope.core.distance import (
    compute_erode_ceil_depth_px,
    deepest,
    measure_depth_nm,
)
from napari_nanodope.core.filtering import detect_box_mean, warn_of_smoothing
from napari_nanodope.core.labels import (
    CompactLabels,
    Morphology,
    compact_labels,
    measure_morphology,
)
from napari_nanodope.core.profiles import DepthBins, RadialSums, sum_radially
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


def analyze(
    field: FieldOfView,
    recipe: Recipe | None = None,
    *,
    labels: ArrayLike | Outlines | None = None,
    exclusions: Mapping[int, str] | None = None,
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
    step(0.4, "morphology")
    compact = compact_labels(outlined)
    _check_exclusions(exclusions, compact.ids)
    shapes = measure_morphology(compact, field.pixel_size_nm)
    step(0.5, "distance from the edge")
    bins, inradius_nm = _measure_depth(compact, field.pixel_size_nm, recipe)
    step(0.7, "counting")
    threshold, background = _count_background(outlined, dopant, recipe)
    sums = sum_radially(compact, bins, host, dopant, threshold)
    step(0.9, "statistics")
    table = _tabulate_particles(
        _Measured(compact, shapes, inradius_nm, sums, background), field.pixel_size_nm, recipe
    )
    _exclude_by_hand(table, exclusions)
    _add_scores(table, found)
    location = _locate(sums, table["included"].to_numpy(bool), background, field, recipe)
    summary = summarize(Findings(table, shapes.n_pixels, background, threshold, location), recipe)
    summary["warnings"] = [*_warn_of_data(field, recipe), *summary["warnings"]]
    result = FieldResult(
        field=field,
        recipe=recipe,
        labels=read_only(outlined),
        particles=_identify(table, field, recipe),
        radial=_identify(_tabulate_radial(sums, compact, field.pixel_size_nm), field, recipe),
        profiles=_identify(location.expected, field, recipe),
        summary=summary,
        provenance=_trace(field, recipe, outlined, found) | _trace_exclusions(exclusions),
    )
    step(1.0, "done")
    return result


def _tell_window(step: Progress, n_done: int) -> None:
    step(0.0, f"segmentation, window {n_done + 1}")


def find_left_out(
    labels: NDArray[np.int32],
    pixel_size_nm: tuple[float, float],
    recipe: Recipe,
    exclusions: Mapping[int, str] | None = None,
) -> dict[int, str]:
    """Particles that the statistics leave out, and why, as `analyze` decides it.

    Parameters
    ----------
    labels : (Y, X) int32 array
        One positive number per particle, 0 for background.
    pixel_size_nm : (float, float)
        Height and width of a pixel (dy, dx) in nm.
    recipe : Recipe
        Its stage ``particles`` decides.
    exclusions : mapping, optional
        Particles that a person leaves out, and why.
    """
    compact = compact_labels(labels)
    shapes = measure_morphology(compact, pixel_size_nm)
    reasons = _exclude(shapes, _equivalent_diameter_nm(shapes, pixel_size_nm), recipe)
    found = {int(k): str(why) for k, why in zip(compact.ids, reasons, strict=True) if why}
    return found | dict(exclusions or {})


def _equivalent_diameter_nm(
    shapes: Morphology, pixel_size_nm: tuple[float, float]
) -> NDArray[np.float64]:
    """Diameter of the circle of the same area."""
    area_nm2 = shapes.n_pixels * pixel_size_nm[0] * pixel_size_nm[1]
    return np.asarray(2 * np.sqrt(area_nm2 / np.pi))


@dataclass(frozen=True, slots=True)
class _Measured:
    """What was measured of every particle."""

    labels: CompactLabels
    shapes: Morphology
    inradius_nm: NDArray[np.float64]
    sums: RadialSums
    background: FalsePositives


def _measure_depth(
    labels: CompactLabels, pixel_size_nm: tuple[float, float], recipe: Recipe
) -> tuple[DepthBins, NDArray[np.float64]]:
    """Depth bins, and the exact greatest depth (N,) of every particle in nm."""
    width = min(pixel_size_nm)
    depth_nm, inradius_nm = measure_depth_nm(labels, pixel_size_nm)
    if recipe.profile.distance == "euclidean":
        return DepthBins(depth_nm, inradius_nm, width=width), inradius_nm.astype(float)
    del depth_nm
    # Half a pixel puts a pixel in the middle of its bin, which is where its centre is.
    depth_px = compute_erode_ceil_depth_px(labels.image) + np.float32(0.5)
    return DepthBins(depth_px, deepest(labels, depth_px), nm=width), inradius_nm.astype(float)


def _count_background(
    labels: NDArray[np.int32], dopant: NDArray[np.float32], recipe: Recipe
) -> tuple[float, FalsePositives]:
    free = find_particle_free(labels)
    threshold = recipe.count.threshold
    if threshold == "auto":
        threshold = choose_threshold(tabulate_thresholds(dopant, labels, free))
    return threshold, count_false_positives(dopant, free, threshold)


def _tabulate_particles(
    measured: _Measured, pixel_size_nm: tuple[float, float], recipe: Recipe
) -> pd.DataFrame:
    shapes, sums, n = measured.shapes, measured.sums, measured.labels.n
    area_nm2 = shapes.n_pixels * pixel_size_nm[0] * pixel_size_nm[1]
    diameter_nm = _equivalent_diameter_nm(shapes, pixel_size_nm)
    host_counts = sums.per_particle("host_counts", n)
    dopant_pixels = sums.per_particle("dopant_pixels", n).astype(np.int64)
    dopants = estimate_dopants(dopant_pixels, shapes.n_pixels, measured.background)
    volume_nm3 = sphere_volume_nm3(diameter_nm)
    if recipe.particles.volume == "inradius":
        volume_nm3 = sphere_volume_nm3(2 * measured.inradius_nm)
    elif recipe.particles.volume == "host":
        volume_nm3 = _share_volume(volume_nm3, host_counts)
    reasons = _exclude(shapes, diameter_nm, recipe)
    return pd.DataFrame(
        {
            "label": measured.labels.ids,
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
    )


def _add_scores(table: pd.DataFrame, found: Outlines | None) -> None:
    """Add to the particle table how sure the segmentation was; NaN where that is not known."""
    for name in ("probability", "flow_error"):
        scores = pd.Series(dtype=float) if found is None else found.scores.set_index("label")[name]
        table[name] = table["label"].map(scores).astype(float)


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


def _exclude_by_hand(table: pd.DataFrame, exclusions: Mapping[int, str]) -> None:
    """Leave particles out, in place, for the reason that a person gave."""
    chosen = table["label"].isin(list(exclusions))
    table.loc[chosen, "exclusion_reason"] = table.loc[chosen, "label"].map(exclusions)
    table.loc[chosen, "included"] = False


def _trace_exclusions(exclusions: Mapping[int, str]) -> dict[str, Any]:
    by_hand = {str(label): exclusions[label] for label in sorted(exclusions)}
    return {"exclusions": by_hand} if by_hand else {}


def _locate(
    sums: RadialSums,
    included: NDArray[np.bool_],
    background: FalsePositives,
    field: FieldOfView,
    recipe: Recipe,
) -> LocationTest:
    shell = recipe.profile.shell_nm
    shell_nm = min(field.pixel_size_nm) if shell == "auto" else shell
    pooled = pool_counts(sums.of(included), field.pixel_size_nm, shell_nm)
    return compare_locations(pooled, background)


def _tabulate_radial(
    sums: RadialSums, labels: CompactLabels, pixel_size_nm: tuple[float, float]
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "label": labels.ids[sums.particle],
            "depth_px": sums.depth_px,
            "depth_nm": (sums.depth_px + 0.5) * min(pixel_size_nm),
            "n_pixels": sums.n_pixels,
            "host_counts": sums.host_counts,
            "dopant_pixels": sums.dopant_pixels,
            "dopant_counts": sums.dopant_counts,
            "mean_depth_nm": sums.mean_depth_nm,
        }
    )


def _identify(table: pd.DataFrame, field: FieldOfView, recipe: Recipe) -> pd.DataFrame:
    """Add what tells this field's rows from others' when tables are put together."""
    names = {
        "sample_id": field.sample_id,
        "field_id": field.field_id,
        "host_element": recipe.field.host,
        "dopant_element": recipe.field.dopant,
    }
    for name, value in names.items():
        codes = np.zeros(len(table), np.int8)
        table[name] = pd.Categorical.from_codes(codes, categories=pd.Index([value], dtype="str"))
    return table


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
