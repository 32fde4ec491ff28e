"""The numbers of a field in one dictionary, with intervals, statements and warnings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from napari_nanodope.core.counting import (
    FalsePositives,
    estimate_dopants,
    estimate_undoped_fraction,
)
from napari_nanodope.core.shells import LocationTest
from napari_nanodope.materials import dopants_to_mM, mM_to_atomic_percent
from napari_nanodope.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Findings:
    """What the steps of an analysis found, before it is put into words.

    Attributes
    ----------
    particles : DataFrame
        The particle table.
    n_pixels : (N,) int64 array
        Area of every particle in pixels.
    background : FalsePositives
        From particle-free pixels.
    threshold : float
        In counts.
    location : LocationTest
        Of the included particles.
    """

    particles: pd.DataFrame
    n_pixels: NDArray[np.int64]
    background: FalsePositives
    threshold: float
    location: LocationTest


def summarize(found: Findings, recipe: Recipe) -> dict[str, Any]:
    """Summary of one field, ready for JSON: numbers, intervals, ``statements`` and ``warnings``.

    Parameters
    ----------
    found : Findings
        From the steps of the analysis.
    recipe : Recipe
        The settings; ICP-MS and reference concentrations are compared with.

    Returns
    -------
    dict
        Intervals are 95 % and stand beside their value as ``..._low`` and ``..._high``; what
        cannot be known is None.
    """
    numbers = _count(found, recipe) | _locate(found.location)
    clean = {key: _to_json(value) for key, value in numbers.items()}
    return clean | {"statements": _state(clean), "warnings": _warn(found, clean)}


def _count(found: Findings, recipe: Recipe) -> dict[str, Any]:
    included = found.particles["included"].to_numpy(bool)
    table = found.particles[included]
    n, area = table["dopant_pixels"].to_numpy(), found.n_pixels[included]
    total = estimate_dopants(n.sum(), area.sum(), found.background)
    volume = float(table["volume_nm3"].sum())
    mean, mean_low, mean_high = _mean_with_interval(table["dopants"].to_numpy())
    if len(table) > 1 and mean_low == mean_high:  # all alike, as where nothing is found at all
        mean_low, mean_high = float(total.low) / len(table), float(total.high) / len(table)
    undoped = estimate_undoped_fraction(n, area, found.background)
    p0_low, p0_high = found.background.interval()
    diameters = table["equivalent_diameter_nm"]
    summary: dict[str, Any] = {
        "host_element": recipe.field.host,
        "dopant_element": recipe.field.dopant,
        "n_particles": len(included),
        "n_included": len(table),
        "excluded": found.particles.loc[~included, "exclusion_reason"].value_counts().to_dict(),
        "diameter_nm_mean": diameters.mean(),
        "diameter_nm_sd": diameters.std(),
        "volume_nm3": volume,
        "host_counts": table["host_counts"].sum(),
        "threshold": found.threshold,
        "false_positives_per_pixel": found.background.per_pixel,
        "false_positives_per_pixel_low": p0_low,
        "false_positives_per_pixel_high": p0_high,
        "background_pixels": found.background.n_pixels,
        "dopant_pixels": n.sum(),
        "dopant_counts": table["dopant_counts"].sum(),
        "dopants_total": total.value,
        "dopants_total_low": total.low,
        "dopants_total_high": total.high,
        "dopants_per_particle_mean": mean,
        "dopants_per_particle_mean_low": mean_low,
        "dopants_per_particle_mean_high": mean_high,
        "undoped_fraction": undoped[0],
        "undoped_fraction_low": undoped[1],
        "undoped_fraction_high": undoped[2],
        "dopants_compatible_with_zero": int((table["dopants_low"] <= 0).sum()),
    }
    if recipe.count.counts_per_dopant:
        summary |= _total_from_counts(
            found.background, summary["dopant_counts"], area.sum(), recipe
        )
    return summary | _concentrate(summary, volume, recipe)


def _total_from_counts(
    background: FalsePositives, counts: float, area_px: float, recipe: Recipe
) -> dict[str, float]:
    """Dopants from summed counts, less those of false positives, with Poisson's 95 % interval."""
    per_dopant = recipe.count.counts_per_dopant or 1.0
    scale = area_px / max(background.n_pixels, 1)
    value = (counts - scale * background.counts) / per_dopant
    half = 1.959964 * np.sqrt(max(counts + scale**2 * background.counts, 0.0)) / per_dopant
    return {
        "dopants_total_from_counts": value,
        "dopants_total_from_counts_low": max(value - half, 0.0),
        "dopants_total_from_counts_high": value + half,
    }


def _concentrate(summary: dict[str, Any], volume: float, recipe: Recipe) -> dict[str, Any]:
    sites = recipe.field.host_sites_per_nm3()
    numbers: dict[str, Any] = {}
    for end in ("", "_low", "_high"):
        mM = dopants_to_mM(float(summary[f"dopants_total{end}"]), volume) if volume > 0 else np.nan
        numbers[f"dopant_mM{end}"] = mM
        if sites is not None:
            numbers[f"dopant_atomic_percent{end}"] = mM_to_atomic_percent(mM, sites)
    numbers["icp_ms_mM"] = recipe.expect.icp_ms_mM
    numbers["reference_mM"] = recipe.expect.reference_mM
    if recipe.expect.icp_ms_mM:
        numbers["found_over_icp_ms"] = numbers["dopant_mM"] / recipe.expect.icp_ms_mM
    return numbers


def _locate(test: LocationTest) -> dict[str, Any]:
    return {
        "location": test.location,
        "location_log_likelihood_ratio": test.log_likelihood_ratio,
        "surface_fraction": test.surface_fraction,
        "surface_fraction_low": test.surface_fraction_low,
        "surface_fraction_high": test.surface_fraction_high,
        "dopants_sharing_a_pixel": _estimate_sharing(test.expected),
    }


def _estimate_sharing(pooled: pd.DataFrame) -> float:
    """Share of dopants hidden behind another in the same pixel, if they fall independently."""
    y, n = pooled["dopant_pixels"].to_numpy(float), pooled["n_pixels"].to_numpy(float)
    if y.sum() == 0:
        return 0.0
    behind = -n * np.log1p(-np.minimum(y, n - 0.5) / n)
    return float(1 - y.sum() / behind.sum())


def _mean_with_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """Mean over particles with Student's 95 % interval; NaN where there are too few."""
    n = len(values)
    if n == 0:
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    if n == 1:
        return mean, np.nan, np.nan
    half = float(stdtrit(n - 1, 0.975) * values.std(ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half


_PLACES = {
    "core": "{dopant} fills the core (the volume) rather than sitting at the surface",
    "surface": "{dopant} sits at the surface rather than filling the core (the volume)",
    "mixed": "{dopant} both fills the core (the volume) and enriches the surface",
    "undetermined": "whether {dopant} sits in the core or at the surface cannot be told",
}


def _state(s: dict[str, Any]) -> list[str]:
    statements = [f"{s['n_included']} of {s['n_particles']} particles are included" + _reasons(s)]
    if s["n_included"]:
        statements += [
            _say_place(s),
            _say_mean(s),
            f"the concentration is {_shown(s, 'dopant_mM')} mM",
        ]
    if s.get("found_over_icp_ms") is not None:
        statements.append(
            f"that is {s['found_over_icp_ms']:.3g} of the {s['icp_ms_mM']:g} mM by ICP-MS, which "
            f"would be the detection efficiency if nothing else differs"
        )
    if s["undoped_fraction"] is not None:
        statements.append(_say_undoped(s))
    return _to_sentences(statements)


def state_location(summary: Mapping[str, Any]) -> list[str]:
    """Sentences of a summary on where the dopant sits; none where no particle is included."""
    s = summary
    said = [_say_place(s)] if s["n_included"] else []
    if s["surface_fraction"] is not None:
        said.append(
            f"a fraction {_shown(s, 'surface_fraction')} of the {s['dopant_element']} sits in the "
            f"surface shell, beyond what fills the volume"
        )
    return _to_sentences(said)


def state_occupancy(summary: Mapping[str, Any]) -> list[str]:
    """Sentences of a summary on dopants per particle; none where no particle is included."""
    s = summary
    said = [_say_mean(s)] if s["n_included"] else []
    if s["undoped_fraction"] is not None:
        said.append(_say_undoped(s))
    return _to_sentences(said)


def _say_place(s: Mapping[str, Any]) -> str:
    place = _PLACES[s["location"]].format(dopant=s["dopant_element"])
    return f"{place}: ln(likelihood of core / surface) = {s['location_log_likelihood_ratio']:.4g}"


def _say_mean(s: Mapping[str, Any]) -> str:
    return (
        f"a particle holds {_shown(s, 'dopants_per_particle_mean')} {s['dopant_element']} on "
        f"average, all together {_shown(s, 'dopants_total')}"
    )


def _say_undoped(s: Mapping[str, Any]) -> str:
    return (
        f"a fraction {_shown(s, 'undoped_fraction')} of the particles holds no detected "
        f"{s['dopant_element']}"
    )


def _to_sentences(said: list[str]) -> list[str]:
    return [f"{text[0].upper()}{text[1:]}." for text in said]


def _reasons(s: dict[str, Any]) -> str:
    reasons = ", ".join(f"{reason}, {n}" for reason, n in s["excluded"].items())
    return f" (left out: {reasons})" if reasons else ""


def _shown(s: Mapping[str, Any], key: str) -> str:
    value, low, high = s[key], s[f"{key}_low"], s[f"{key}_high"]
    if low is None or high is None:
        return f"{value:.4g}"
    return f"{value:.4g} (95 % interval {low:.4g} to {high:.4g})"


def _warn(found: Findings, s: dict[str, Any]) -> list[str]:
    warnings = []
    if s["n_particles"] == 0:
        warnings.append(
            "No particles were found; check the image that was segmented, or give labels."
        )
    elif s["n_included"] == 0:
        warnings.append("Every particle was left out; loosen the [particles] settings.")
    elif s["n_included"] < 20:
        warnings.append(
            f"Only {s['n_included']} particles are included; add fields of the same sample before "
            f"trusting averages."
        )
    if found.background.n_pixels < 1000:
        warnings.append(
            f"Only {found.background.n_pixels} pixels lie clear of particles, so false positives "
            f"are poorly known; image a sparser area."
        )
    if s["false_positives_per_pixel"] > 0.05:
        warnings.append(
            f"{100 * s['false_positives_per_pixel']:.0f} % of the particle-free pixels count as "
            f"dopants, so many that corrected numbers fall short; raise the threshold, to auto say."
        )
    if s["dopants_sharing_a_pixel"] > 0.1:
        warnings.append(
            f"About {100 * s['dopants_sharing_a_pixel']:.0f} % of the dopants share a pixel with "
            f"another, so thresholded counting misses them; use smaller pixels, or calibrate "
            f"counts_per_dopant and read dopants_total_from_counts."
        )
    return warnings


def _to_json(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
