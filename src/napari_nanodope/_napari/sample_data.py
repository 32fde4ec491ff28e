"""Simulated fields for napari's sample menu, one per place where dopants may sit."""

from typing import TYPE_CHECKING, Literal

from napari_nanodope._napari.layers import field_to_layers, labels_to_layer
from napari_nanodope.phantom import PhantomParams, simulate_field

if TYPE_CHECKING:
    from npe2.types import FullLayerData


def make_core_doped() -> "list[FullLayerData]":
    """Layers of particles with dopants throughout their volume, and their true labels."""
    return _make_sample("core")


def make_surface_doped() -> "list[FullLayerData]":
    """Layers of particles with dopants in their outermost shell, and their true labels."""
    return _make_sample("surface")


def make_mixed_doped() -> "list[FullLayerData]":
    """Layers of particles with half of the dopants in the shell, and their true labels."""
    return _make_sample("mixed")


def _make_sample(location: Literal["core", "surface", "mixed"]) -> "list[FullLayerData]":
    params = PhantomParams(
        location=location, shot_noise=True, background_counts=0.01, probe_sigma_nm=0.35
    )
    field, truth = simulate_field(params, seed=1)
    layers = field_to_layers(field, host=params.host, dopant=params.dopant)
    true_labels = labels_to_layer(truth.labels, field, truth.particles, name="true particles")
    return [*layers, true_labels]
