"""The fields of a sample taken together: tables, and a summary with intervals."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_nanodope.acquisitions import PROVENANCE, SUMMARY, TABLES, ProjectField
from napari_nanodope.core.counting import FalsePositives, estimate_total
from napari_nanodope.core.pooling import (
    Pooled,
    PooledParticles,
    estimate_concentration_mM,
    estimate_mean_diameter_nm,
    estimate_mean_dopants,
    estimate_undoped,
    find_differing,
    join_backgrounds,
)
from napari_nanodope.core.profiles import RadialSums
from napari_nanodope.core.shells import (
    LocationTest,
    PooledCounts,
    compare_locations_of_fields,
    pool_counts,
)
from napari_nanodope.core.summary import state_location, state_occupancy
from napari_nanodope.io.files import UnreadableFileError
from napari_nanodope.io.tables import load_table
from napari_nanodope.model import InputError
from napari_nanodope.project import Project
from napari_nanodope.recipe import Recipe
from napari_nanodope.results import load_json

_ALIKE = 0.01  # relative difference of pixel sizes below which depth bins are of one size


@dataclass(frozen=True, slots=True)
class MeasuredField:
    """One field as it was measured: its tables, and what they were made with.

    Attributes
    ----------
    sample_id, field_id : str
        What names it.
    recipe : Recipe
        That was used.
    particles, radial : DataFrame
        Labels are those of the field.
    background : FalsePositives
        From particle-free pixels.
    pixel_size_nm : (float, float)
        The smaller side and the larger; which is the height does not matter here.
    """

    sample_id: str
    field_id: str
    recipe: Recipe
    particles: pd.DataFrame
    radial: pd.DataFrame
    background: FalsePositives
    pixel_size_nm: tuple[float, float]

    @classmethod
    def load(cls, one: ProjectField) -> "MeasuredField | None":
        """Read the results of a field; None where there are none, as of one that is rejected.

        Raises
        ------
        UnreadableFileError
            If they are damaged.
        """
        files = [*(one.table(name) for name in TABLES), one.folder / PROVENANCE]
        if not all(path.is_file() for path in files):
            return None
        particles, radial = (load_table(one.table(name)) for name in TABLES)
        summary, told = load_json(one.folder / SUMMARY), load_json(one.folder / PROVENANCE)
        try:
            recipe = Recipe.from_dict(told["recipe"], origin=str(one.folder / PROVENANCE))
            n_pixels = int(summary["background_pixels"])
            n_events = round(summary["false_positives_per_pixel"] * n_pixels)
            background = FalsePositives(n_events, n_pixels)
            size = _find_pixel_size(particles, radial)
        except (KeyError, TypeError) as error:
            raise UnreadableFileError(
                f"Expected {one.folder} to tell {error}, got results without; run the batch again."
            ) from None
        return cls(one.sample_id, one.field_id, recipe, particles, radial, background, size)

    @property
    def elements(self) -> tuple[str, str]:
        """Host and dopant."""
        return self.recipe.field.host, self.recipe.field.dopant

    def pool(self) -> PooledCounts:
        """Dopant pixels and templates of its included particles."""
        shell = self.recipe.profile.shell_nm
        included = self.particles.loc[self.particles["included"].astype(bool), "label"]
        rows = self.radial[self.radial["label"].isin(included)]
        _, particle = np.unique(rows["label"], return_inverse=True)
        depth = "mean_depth_nm" if "mean_depth_nm" in rows else "depth_nm"
        sums = RadialSums(
            particle=particle.astype(np.int64),
            depth_px=rows["depth_px"].to_numpy(np.int64),
            n_pixels=rows["n_pixels"].to_numpy(np.int64),
            mean_depth_nm=rows[depth].to_numpy(float),
            host_counts=rows["host_counts"].to_numpy(float),
            dopant_pixels=rows["dopant_pixels"].to_numpy(np.int64),
            dopant_counts=rows["dopant_counts"].to_numpy(float),
        )
        shell_nm = self.pixel_size_nm[0] if shell == "auto" else shell
        return pool_counts(sums, self.pixel_size_nm, shell_nm)


def _find_pixel_size(particles: pd.DataFrame, radial: pd.DataFrame) -> tuple[float, float]:
    """The smaller and the larger side of a pixel in nm, from depths and areas; NaN without any."""
    if radial.empty:
        return np.nan, np.nan
    first = radial.iloc[0]
    small = float(first["depth_nm"] / (first["depth_px"] + 0.5))
    n_pixels = radial.loc[radial["label"] == first["label"], "n_pixels"].sum()
    area_nm2 = particles.loc[particles["label"] == first["label"], "area_nm2"].iloc[0]
    return small, float(area_nm2 / n_pixels / small)


@dataclass(frozen=True, slots=True)
class SampleResult:
    """What the fields of a sample say together of one dopant; figures take it as a `FieldResult`.

    Attributes
    ----------
    sample_id : str
        Of which it is.
    fields : tuple of MeasuredField
        That were pooled.
    recipe : Recipe
        Of the first field.
    particles, radial : DataFrame
        All fields below each other; labels are numbered anew, so that those of different fields are
        different. ``field_label`` is the label within the field.
    profiles : DataFrame
        As of a field, added up.
    summary : mapping
        Numbers with 95 % intervals, ``statements`` and ``warnings``, as of a field.
    """

    sample_id: str
    fields: tuple[MeasuredField, ...] = field(repr=False)
    recipe: Recipe = field(repr=False)
    particles: pd.DataFrame = field(compare=False, repr=False)
    radial: pd.DataFrame = field(compare=False, repr=False)
    profiles: pd.DataFrame = field(compare=False, repr=False)
    summary: Mapping[str, Any]

    @classmethod
    def of(cls, fields: Iterable[MeasuredField]) -> "SampleResult":
        """Pool fields of one sample and one dopant, of which there must be one."""
        several = tuple(fields)
        particles, radial = _number_anew(several)
        test = compare_locations_of_fields([(one.pool(), one.background) for one in several])
        return cls(
            several[0].sample_id,
            several,
            several[0].recipe,
            particles,
            radial,
            test.expected,
            _summarize(several, particles, test),
        )

    @property
    def dopant(self) -> str:
        """Element of the dopant."""
        return self.recipe.field.dopant

    @property
    def included(self) -> pd.DataFrame:
        """Rows of `particles` that enter the statistics."""
        return self.particles[self.particles["included"]]

    @property
    def included_radial(self) -> pd.DataFrame:
        """Rows of `radial` of the included particles."""
        return self.radial[self.radial["label"].isin(self.included["label"])]

    def split_by_pixel_size(self) -> "list[SampleResult]":
        """Results of fields with pixels of one size each, those with the most particles first.

        Depth bins are one pixel wide, so radial curves and size classes of fields can be put
        together only where pixels are alike, within 1 %.
        """
        groups: list[list[MeasuredField]] = []
        for one in sorted(self.fields, key=lambda one: -len(one.particles)):
            near = [group for group in groups if _are_alike(group[0], one)]
            if near:
                near[0].append(one)
            else:
                groups.append([one])
        groups.sort(key=lambda group: -sum(len(one.particles) for one in group))
        if len(groups) == 1:
            return [self]
        order = {one.field_id: n for n, one in enumerate(self.fields)}
        return [SampleResult.of(sorted(g, key=lambda one: order[one.field_id])) for g in groups]


def _are_alike(one: MeasuredField, other: MeasuredField) -> bool:
    pairs = zip(one.pixel_size_nm, other.pixel_size_nm, strict=True)
    return all(not abs(a - b) > _ALIKE * a for a, b in pairs)  # also where there are no particles


def pool_sample(project: Project, sample_id: str) -> list[SampleResult]:
    """What the fields of a sample say together, one result for each dopant that was looked for.

    Parameters
    ----------
    project : Project
        With results.
    sample_id : str
        Of the sample.

    Returns
    -------
    list of SampleResult
        By dopant in the order of the fields; empty where nothing was measured, or all is rejected.

    Raises
    ------
    InputError
        If there is no such sample, or results are damaged.
    """
    from spectro import InputError as BookInputError  # noqa: PLC0415 - after the project

    try:
        project.book.sample(sample_id)
    except BookInputError as error:
        raise InputError(str(error)) from None
    chosen = [one for one in project.fields if one.sample_id == sample_id]
    groups: dict[tuple[str, str], list[MeasuredField]] = {}
    for one in map(MeasuredField.load, chosen):
        if one is not None:
            groups.setdefault(one.elements, []).append(one)
    return [SampleResult.of(group) for group in groups.values()]


def _number_anew(fields: tuple[MeasuredField, ...]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Particles and radial tables of all fields, with labels that no two fields share."""
    tables: dict[str, list[pd.DataFrame]] = {"particles": [], "radial": []}
    offset = 0
    for one in fields:
        for name, parts in tables.items():
            table: pd.DataFrame = getattr(one, name)
            label = table["label"]
            changed = table.assign(label=label + offset, field_label=label)
            parts.append(changed.assign(sample_id=one.sample_id, field_id=one.field_id))
        offset += int(one.particles["label"].max()) if len(one.particles) else 0
    return _stack(tables["particles"]), _stack(tables["radial"])


def _stack(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Tables below each other; those without rows only where all are."""
    return pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True)


def _gather(fields: tuple[MeasuredField, ...], particles: pd.DataFrame) -> PooledParticles:
    included = particles[particles["included"].astype(bool)]
    order = {one.field_id: n for n, one in enumerate(fields)}
    sizes = np.array([np.prod(one.pixel_size_nm) for one in fields], dtype=float)
    of_field = np.asarray(included["field_id"].map(order), np.int64)
    area_px = included["area_nm2"].to_numpy(float) / sizes[of_field]
    return PooledParticles(
        of_field,
        included["dopant_pixels"].to_numpy(np.int64),
        np.rint(area_px).astype(np.int64),
        included["volume_nm3"].to_numpy(float),
        included["equivalent_diameter_nm"].to_numpy(float),
        tuple(one.background for one in fields),
    )


def _summarize(
    fields: tuple[MeasuredField, ...], particles: pd.DataFrame, test: LocationTest
) -> dict[str, Any]:
    pooled = _gather(fields, particles)
    areas = pooled.sum_by_field(pooled.area_px)
    rate, _, n_pixels = join_backgrounds(pooled.backgrounds, areas)
    host, dopant = fields[0].elements
    numbers = {
        "host_element": host,
        "dopant_element": dopant,
        "n_fields": len(fields),
        "n_particles": len(particles),
        "n_included": len(pooled),
        "diameter_nm_sd": float(pooled.diameter_nm.std(ddof=1)) if len(pooled) > 1 else None,
        "false_positives_per_pixel": rate,
        "background_pixels": n_pixels,
        "dopant_pixels": int(pooled.dopant_pixels.sum()),
        "location": test.location,
        "location_log_likelihood_ratio": test.log_likelihood_ratio,
    }
    surface = Pooled(test.surface_fraction, test.surface_fraction_low, test.surface_fraction_high)
    for name, found in {
        "diameter_nm_mean": estimate_mean_diameter_nm(pooled),
        "dopants_per_particle_mean": estimate_mean_dopants(pooled),
        "dopants_total": _count_all(pooled, areas),
        "dopant_mM": estimate_concentration_mM(pooled),
        "undoped_fraction": estimate_undoped(pooled),
        "surface_fraction": surface,
    }.items():
        ends = {"": found.value, "_low": found.low, "_high": found.high}
        numbers |= {f"{name}{end}": _to_json(value) for end, value in ends.items()}
    statements = [*state_occupancy(numbers), *state_location(numbers)]
    return numbers | {"statements": statements, "warnings": list(_warn(fields, pooled))}


def _count_all(pooled: PooledParticles, areas: NDArray[np.float64]) -> Pooled:
    """Dopants in all particles that were seen, with an interval for these alone, as of a field."""
    n_events = pooled.sum_by_field(pooled.dopant_pixels).astype(np.int64)
    found = estimate_total(n_events, areas.astype(np.int64), pooled.backgrounds)
    return Pooled(float(found.value), float(found.low), float(found.high))


def _to_json(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _warn(fields: tuple[MeasuredField, ...], pooled: PooledParticles) -> Iterator[str]:
    if len(pooled) < 20:
        yield (
            f"Only {len(pooled)} particles are included; add fields of the same sample before "
            f"trusting averages."
        )
    differing = find_differing(pooled)
    if differing:
        yield (
            f"Fields differ in {' and '.join(differing)} by more than their particles explain "
            f"(F test, 5 %), so intervals are for {len(fields)} fields rather than for "
            f"{len(pooled)} particles; look for a field that is off, or add fields."
        )
    hashes = {one.recipe.sha256 for one in fields}
    if len(hashes) > 1:
        yield (
            f"The fields were measured with {len(hashes)} different recipes; run 'nanodope batch' "
            f"to measure them alike."
        )
