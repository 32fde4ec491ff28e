"""Fields of a simulated sample by electron microscopy, and what they hold."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from napari_nanodope.materials import material_named, mM_to_atomic_percent
from napari_nanodope.model import FieldOfView
from napari_nanodope.phantom import PhantomParams, PhantomTruth, simulate_field
from napari_nanodope.simulated import relations
from napari_nanodope.simulated.samples import TrueSample

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

    An atom of the dopant gives five counts on average, so that next to none is missed (one in 150);
    pixels are small, so that few atoms share one.
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
        dopant_counts_per_atom=5.0,
        background_counts=5e-4,
        shot_noise=True,
    )


def draw_fields(sample: TrueSample, seed: int) -> list[DrawnField]:
    """Fields of a sample; every one has random numbers of its own."""
    params = phantom_of(sample)
    minutes = round(60 * sample.incubation_h)
    drawn = []
    for number in range(N_FIELDS):
        state = np.random.SeedSequence([seed, minutes, number]).generate_state(1)
        drawn.append(DrawnField(*simulate_field(params, seed=int(state[0]))))
    return drawn
