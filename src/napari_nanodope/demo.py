"""Simulated fields analysed and held against their truth: what `nanodope demo` shows."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from napari_nanodope.figures import save_figures
from napari_nanodope.io.arrays import save_labels
from napari_nanodope.io.files import check_folder_is_writable, replacing, replacing_folder
from napari_nanodope.io.tiff import write_tiff
from napari_nanodope.materials import dopants_to_mM
from napari_nanodope.model import FieldOfView
from napari_nanodope.phantom import PhantomParams, PhantomTruth, simulate_field
from napari_nanodope.pipeline import analyze
from napari_nanodope.recipe import Recipe
from napari_nanodope.results import FieldResult, save_json

SEED = 1
PHANTOMS = {
    "core 1:50": PhantomParams(location="core", doping=1 / 50),
    "surface 1:50": PhantomParams(location="surface", doping=1 / 50),
    "core 1:1000": PhantomParams(location="core", doping=1 / 1000),
    "surface 1:1000": PhantomParams(location="surface", doping=1 / 1000),
    "mixed 1:1000, noisy": PhantomParams(
        location="mixed",
        doping=1 / 1000,
        shot_noise=True,
        background_counts=0.01,
        probe_sigma_nm=0.35,
    ),
}


def run_demo(folder: str | Path, *, progress: Callable[[float, str], None]) -> pd.DataFrame:
    """Truth against found, one row per phantom, with results and figures on disk.

    Parameters
    ----------
    folder : path
        Gets a folder per phantom: the result, its figures, and the truth.
    progress : callable
        Called with the fraction done and the name of the phantom.

    Returns
    -------
    DataFrame
        Per phantom: location, number of particles, dopants per particle and concentration, true
        and found, and the log likelihood ratio of core over surface.

    Notes
    -----
    The fields are segmented, not given their true labels. One atom gives one count, so the
    concentration from summed counts stands beside the one from thresholded pixels.
    """
    folder = Path(folder)
    check_folder_is_writable(folder)
    recipe = Recipe.from_dict({"count": {"counts_per_dopant": 1.0}})
    rows = []
    for number, (name, params) in enumerate(PHANTOMS.items()):
        progress(number / len(PHANTOMS), name)
        field, truth = simulate_field(params, seed=SEED)
        result = analyze(field, recipe)
        place = folder / name.replace(":", "-").replace(", ", "-").replace(" ", "-")
        save_phantom(field, truth, place / "truth")
        result.save(place)
        save_figures(result, place / "figures")
        rows.append({"phantom": name} | _compare(params, truth, result))
    table = pd.DataFrame(rows)
    with replacing(folder / "truth-against-found.csv") as partial:
        table.to_csv(partial, index=False, lineterminator="\n")
    progress(1.0, "done")
    return table


def save_phantom(field: FieldOfView, truth: PhantomTruth, folder: Path) -> list[Path]:
    """Write a simulated field as an ImageJ TIFF with its truth beside it, all or nothing.

    Returns
    -------
    list of Path
        ``field.tif, labels.tif, particles.csv, dopants.csv, phantom.json``.
    """
    check_folder_is_writable(folder)
    with replacing_folder(folder, last="phantom.json") as partial:
        write_tiff(field, partial / "field.tif")
        save_labels(truth.labels, partial / "labels.tif", field.pixel_size_nm)
        truth.particles.to_csv(partial / "particles.csv", index=False, lineterminator="\n")
        truth.dopants.to_csv(partial / "dopants.csv", index=False, lineterminator="\n")
        save_json(dict(field.source.settings) if field.source else {}, partial / "phantom.json")
        names = [path.name for path in partial.iterdir()]
    return [folder / name for name in sorted(names)]


def _compare(params: PhantomParams, truth: PhantomTruth, result: FieldResult) -> dict[str, Any]:
    true_volume = float(truth.particles["volume_nm3"].sum())
    summary = result.summary
    volume = summary["volume_nm3"]
    return {
        "location_true": params.location,
        "location_found": summary["location"],
        "log_likelihood_ratio": summary["location_log_likelihood_ratio"],
        "particles_true": len(truth.particles),
        "particles_found": summary["n_included"],
        "dopants_per_particle_true": len(truth.dopants) / len(truth.particles),
        "dopants_per_particle_found": summary["dopants_per_particle_mean"],
        "mM_true": float(dopants_to_mM(len(truth.dopants), true_volume)),
        "mM_found": summary["dopant_mM"],
        "mM_found_low": summary["dopant_mM_low"],
        "mM_found_high": summary["dopant_mM_high"],
        "mM_from_counts": float(dopants_to_mM(summary["dopants_total_from_counts"], volume)),
    }


def format_comparison(table: pd.DataFrame) -> str:
    """The comparison as text, a line per phantom, with what to make of it."""
    lines = [
        f"{'':21}{'location':^20}{'':8}{'particles':^13}{'dopants per NC':^17}{'mM':^34}",
        f"{'phantom':21}{'true':>9} {'found':<10}{'ln(c/s)':>8}{'true':>7}{'found':>6}"
        f"{'true':>9}{'found':>8}{'true':>8}{'found (95 % interval)':>23}{'sum/s':>7}",
    ]
    for row in table.itertuples(index=False):
        interval = f"{row.mM_found:.1f} ({row.mM_found_low:.1f}-{row.mM_found_high:.1f})"
        lines.append(
            f"{row.phantom:21}{row.location_true:>9} {row.location_found:<10}"
            f"{row.log_likelihood_ratio:>8.0f}{row.particles_true:>7}{row.particles_found:>6}"
            f"{row.dopants_per_particle_true:>9.1f}{row.dopants_per_particle_found:>8.1f}"
            f"{row.mM_true:>8.1f}{interval:>23}{row.mM_from_counts:>7.0f}"
        )
    return "\n".join(
        [
            *lines,
            "",
            "found: pixels above the threshold, each taken as one dopant, less false positives;",
            "sum/s: their counts over the counts of one atom. At 1:50 several dopants share a",
            "pixel, so the first falls short and the second does not; in the noisy phantom an atom",
            "gives one count on average, and none too often. The smallest particles are faint and",
            "not segmented, which raises the mean per particle.",
        ]
    )
