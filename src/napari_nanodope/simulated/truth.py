"""What is true of a simulated sample, by the names that a project has for what is measured."""

from collections.abc import Iterator, Sequence

import pandas as pd

from napari_nanodope.materials import mM_to_dopants
from napari_nanodope.simulated import nuclei, relations, resonance
from napari_nanodope.simulated.fields import DrawnField
from napari_nanodope.simulated.samples import TrueSample
from spectro.epr import Transition
from spectro.nmr import dipolar_coupling_Hz

Row = tuple[str, float | str, str, str]
"""Quantity, value, unit, and of what it is true."""

COLUMNS = ("sample_id", "quantity", "value", "unit", "of")
_SAMPLE, _FIELDS = "sample", "fields"


def list_truths(sample: TrueSample, drawn: Sequence[DrawnField]) -> list[tuple[str, *Row]]:
    """Rows of the table of truths, `COLUMNS`.

    Parameters
    ----------
    sample : TrueSample
        One of the series.
    drawn : sequence of DrawnField
        Its fields.

    Notes
    -----
    What is true of the sample is what random numbers were drawn around: the mean of dopants per
    particle is that which the concentration makes of the volumes. What is true of the fields is
    what came out in them: numbers of particles, of those without a dopant, and the mean diameter,
    from which the parts of the layers follow.
    """
    rows = [*_tell_sample(sample), *_tell_fields(sample, drawn)]
    if sample.is_doped:
        rows += _tell_epr(sample)
    rows += _tell_nmr(sample, mean_diameter_nm(drawn))
    return [(sample.id, *row) for row in rows]


def format_truths(table: pd.DataFrame) -> str:
    """The table as text: a row per quantity, a column per sample."""
    samples = list(dict.fromkeys(table["sample_id"]))
    found: dict[str, dict[str, str]] = {"": {one: one for one in samples}}
    columns = [table[name].tolist() for name in COLUMNS[:4]]
    for sample_id, quantity, value, unit in zip(*columns, strict=True):
        name = f"{quantity} ({unit})" if unit else f"{quantity}"
        text = value if isinstance(value, str) else f"{value:.4g}"
        found.setdefault(name, {})[sample_id] = text
    wide = max(map(len, found))
    return "\n".join(
        f"{name:{wide}}" + "".join(f"{cells.get(one, ''):>9}" for one in samples)
        for name, cells in found.items()
    )


def mean_diameter_nm(drawn: Sequence[DrawnField]) -> float:
    """Mean diameter of the whole particles of all fields."""
    return float(2 * pd.concat([one.whole["radius_nm"] for one in drawn]).mean())


def _tell_sample(sample: TrueSample) -> Iterator[Row]:
    yield "incubation_h", sample.incubation_h, "h", _SAMPLE
    yield "feed", sample.feed, "", _SAMPLE
    yield "icp_ms_mM", sample.dopant_mM, "mM", _SAMPLE


def _tell_fields(sample: TrueSample, drawn: Sequence[DrawnField]) -> Iterator[Row]:
    whole = pd.concat([one.whole for one in drawn])
    expected = mM_to_dopants(sample.dopant_mM, whole["volume_nm3"].to_numpy())
    yield "n_fields", float(len(drawn)), "", _FIELDS
    yield "n_particles", float(len(whole)), "", _FIELDS
    yield "diameter_nm", mean_diameter_nm(drawn), "nm", _FIELDS
    yield "dopants_per_particle", float(expected.mean()), "", _SAMPLE
    yield "dopant_mM", sample.dopant_mM, "mM", _SAMPLE
    yield "undoped_fraction", float((whole["dopants"] == 0).mean()), "", _FIELDS
    if sample.is_doped:
        yield "surface_fraction", sample.surface_fraction, "", _SAMPLE
        yield "location", sample.location, "", _SAMPLE


def _tell_epr(sample: TrueSample) -> Iterator[Row]:
    time_us = sample.relaxation_time_us
    rate = Transition().rate_per_mT * resonance.CONVERSION_mT_PER_SQRT_W * time_us
    yield "g", resonance.MN.g_isotropic, "", _SAMPLE
    yield "a_MHz", resonance.A_MHz, "MHz", _SAMPLE
    yield "gaussian_mT", resonance.GAUSSIAN_mT, "mT", _SAMPLE
    yield "lorentzian_mT", relations.lorentzian_mT(time_us), "mT", _SAMPLE
    yield "T_us", time_us, "us", _SAMPLE
    yield "P_half_mW", 1e3 / rate**2, "mW", _SAMPLE


def _tell_nmr(sample: TrueSample, diameter_nm: float) -> Iterator[Row]:
    for name, part in relations.layer_fractions(diameter_nm).items():
        yield f"fraction_{name}", part, "", _FIELDS
    for name, depth in relations.DEPTHS_nm.items():
        yield f"depth_{name}_nm", depth, "nm", _SAMPLE
    for name, (shift, width) in nuclei.SITES.items():
        yield f"{name}.shift_ppm", shift, "ppm", _SAMPLE
        yield f"{name}.width_ppm", width, "ppm", _SAMPLE
    yield "enhancement", relations.enhancement(sample.dopant_mM), "", _SAMPLE
    yield "time_s", relations.buildup_time_s(sample.dopant_mM), "s", _SAMPLE
    yield "beta", relations.buildup_beta(sample.dopant_mM), "", _SAMPLE
    coupling = dipolar_coupling_Hz(nuclei.OBSERVED, nuclei.SATURATED, nuclei.DISTANCE_nm)
    yield "coupling_Hz", coupling, "Hz", _SAMPLE
    yield "distance_nm", nuclei.DISTANCE_nm, "nm", _SAMPLE
    yield "fraction", nuclei.FRACTION, "", _SAMPLE
