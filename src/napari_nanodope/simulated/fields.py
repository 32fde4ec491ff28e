"""Fields of a simulated sample by electron microscopy, and what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_nanodope.io.streams import write_velox
from napari_nanodope.materials import material_named, mM_to_atomic_percent
from napari_nanodope.model import FieldOfView
from napari_nanodope.phantom import PhantomParams, PhantomTruth, simulate_field
from napari_nanodope.simulated import relations
from napari_nanodope.simulated.samples import TrueSample
from napari_nanodope.simulated.xrays import draw_events

MATERIAL = "CdS (zinc blende)"
N_FIELDS = 2
SHELL_nm = 0.7
"""Thickness of the shell in which the surface's dopants sit."""

_PIXEL_nm, _SHAPE_px, _PARTICLES = 0.28, (400, 400), 70
_SPREAD = 0.08  # standard deviation of the radius over its mean
_CUT = 2.5  # standard deviations at which radii are cut


@dataclass(frozen=True, slots=True)
class DrawnField:
    """A field and its truth.

    Attributes
    ----------
    field : FieldOfView
        Survey and maps.
    truth : PhantomTruth
        What it holds.
    """

    field: FieldOfView
    truth: PhantomTruth

    @property
    def whole(self) -> pd.DataFrame:
        """Particles that the border does not cut, which are those that an analysis includes."""
        labels = self.truth.labels
        edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        particles = self.truth.particles
        return particles[~particles["label"].isin(np.unique(edge))]


def phantom_of(sample: TrueSample) -> PhantomParams:
    """What is simulated of a sample.

    An atom of the dopant gives seven counts on average, six of them in the window of its line, so
    that next to none is missed (one in 350); pixels are small, so that few atoms share one.
    """
    sites = material_named(MATERIAL).sites_per_nm3("Cd")
    radius = relations.mean_diameter_nm(sample.incubation_h) / 2
    return PhantomParams(
        location=sample.location,
        doping=float(mM_to_atomic_percent(sample.dopant_mM, sites)) / 100,
        surface_fraction=sample.surface_fraction,
        shell_nm=SHELL_nm,
        shape_px=_SHAPE_px,
        pixel_size_nm=_PIXEL_nm,
        radius_nm=radius,
        radius_sd_nm=_SPREAD * radius,
        radius_range_nm=(radius * (1 - _CUT * _SPREAD), radius * (1 + _CUT * _SPREAD)),
        arrangement="random",
        gap_nm=1.0,
        n_particles=_PARTICLES,
        material=MATERIAL,
        host_counts_per_atom=0.5,
        dopant_counts_per_atom=7.0,
        shot_noise=True,
    )


def draw_fields(sample: TrueSample, seed: int) -> list[DrawnField]:
    """Fields of a sample; every one has random numbers of its own."""
    params = phantom_of(sample)
    drawn = []
    for number in range(N_FIELDS):
        state = np.random.SeedSequence([*_key(sample, seed), number]).generate_state(1)
        drawn.append(DrawnField(*simulate_field(params, seed=int(state[0]))))
    return drawn


def write_fields(
    sample: TrueSample, drawn: Sequence[DrawnField], folder: Path, seed: int
) -> dict[str, Any]:
    """Write spectrum images below ``eds``; return how the project file lists them.

    Parameters
    ----------
    sample : TrueSample
        What is in them.
    drawn : sequence of DrawnField
        Its fields.
    folder : Path
        Of the project.
    seed : int
        Of the energies of the X-rays.
    """
    place = folder / "eds" / sample.id
    place.mkdir(parents=True)
    rng = np.random.default_rng([*_key(sample, seed), 400])
    for number, one in enumerate(drawn, 1):
        survey = np.clip(one.field.survey, 0, np.iinfo(np.uint16).max).astype(np.uint16)
        events = draw_events(one.field, rng)
        write_velox(place / f"field{number}.emd", survey, events, _PIXEL_nm)
    return {"sample": sample.id, "technique": "eds", "files": f"eds/{sample.id}/*.emd"}


def _key(sample: TrueSample, seed: int) -> tuple[int, int]:
    """What the random numbers of a sample depend on."""
    return seed, round(60 * sample.incubation_h)
