"""How often the 95 % intervals of a simulated project hold what is true of its samples.

For each seed the project is simulated anew, every fit that it asks for is run, and every field is
measured, with its true labels or, with --segment, with those of the bundled network.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binom

import napari_nanodope as nd
from napari_nanodope.simulated import SERIES, simulate_project
from napari_nanodope.simulated.fields import draw_fields
from napari_nanodope.simulated.nuclei import SITES
from spectro.jobs import find_jobs
from spectro.model import FitResult
from spectro.nmr import layer_model

Row = tuple[str, float, float, float, float]
"""Quantity, truth, value and interval."""

EDS = ("dopant_mM", "surface_fraction", "undoped_fraction", "dopants_per_particle")


def compare_fit(result: FitResult, truth: pd.Series) -> Iterator[Row]:
    """Each number of a fit of which the truth is known."""
    for name, known in result.uncertainties.items():
        site = name.removesuffix(".percent")
        quantity, scale = (f"fraction_{site}", 100.0) if site != name else (name, 1.0)
        if quantity in truth:
            true = scale * float(truth[quantity])
            yield quantity, true, result.values[name], known.low, known.high
    if f"{next(iter(SITES))}.integral" in result.values:
        parts = {name: result.values[f"{name}.integral"] for name in SITES}
        errors = {name: result.uncertainties[f"{name}.integral"].standard_error for name in SITES}
        model = layer_model(float(truth["diameter_nm"]), parts, fraction_errors=errors)
        for one in model.layers[:-1]:
            true = float(truth[f"depth_{one.name}_nm"])
            yield f"depth_{one.name}_nm", true, one.outer_nm, one.outer.low, one.outer.high


def compare_fields(
    project: nd.Project, sample_id: str, truth: pd.Series, seed: int, *, is_segmented: bool
) -> Iterator[Row]:
    """Each field's numbers, and the ratio of its mean diameter to the true one."""
    sample = next(one for one in SERIES if one.id == sample_id)
    for number, drawn in enumerate(draw_fields(sample, seed), 1):
        place = project.field(f"{sample_id}/field{number}")
        labels = None if is_segmented else drawn.truth.labels
        field = nd.read_field(place.files[0], elements=("Cd", "Mn"))
        summary = nd.analyze(field, place.recipe, labels=labels).summary
        for name in EDS:
            key = "dopants_per_particle_mean" if name == "dopants_per_particle" else name
            if name in truth and summary[key] is not None:
                ends = (summary[f"{key}_low"], summary[f"{key}_high"])
                yield name, float(truth[name]), summary[key], *ends
        true = float(2 * drawn.whole["radius_nm"].mean())
        reach = 1.96 * summary["diameter_nm_sd"] / np.sqrt(summary["n_included"])
        mean = summary["diameter_nm_mean"]
        yield "diameter_nm", true, mean, mean - reach, mean + reach


def measure(seed: int, *, is_segmented: bool, has_fields: bool) -> Iterator[tuple[str, Row]]:
    """Sample and numbers of one project."""
    with tempfile.TemporaryDirectory() as outer:
        folder = Path(outer) / "project"
        table = simulate_project(folder, seed).set_index(["sample_id", "quantity"])["value"]
        project = nd.Project.open(folder)
        for job in find_jobs(project.book, folder)[0]:
            for row in compare_fit(job.run(), table[job.sample_id]):
                yield job.sample_id, row
        for sample in project.samples if has_fields else ():
            truth = table[sample.id]
            for row in compare_fields(project, sample.id, truth, seed, is_segmented=is_segmented):
                yield sample.id, row


def summarize(rows: list[tuple[str, Row]]) -> pd.DataFrame:
    """A row per quantity: how often its interval holds the truth, and how often it may miss."""
    names = ["true", "value", "low", "high"]
    table = pd.DataFrame([(s, *row) for s, row in rows], columns=["sample", "quantity", *names])
    table["is_held"] = table["low"].le(table["true"]) & table["true"].le(table["high"])
    width = (table["high"] - table["low"]).where(np.isfinite)
    table["off"] = (table["value"] - table["true"]) / (width / 3.92)
    groups = table.groupby("quantity", sort=False)
    found = groups.agg(n=("is_held", "size"), held=("is_held", "mean"), off=("off", "mean"))
    found["least"] = binom.ppf(0.005, found["n"], 0.95) / found["n"]
    found["is_short"] = found["held"] < found["least"]
    return found


def main() -> None:
    """Simulate, measure, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="projects to simulate")
    parser.add_argument("--first", type=int, default=1, help="seed of the first")
    parser.add_argument("--segment", action="store_true", help="do not give the true labels")
    parser.add_argument("--no-fields", action="store_true", help="fits alone")
    args = parser.parse_args()
    rows: list[tuple[str, Row]] = []
    for seed in range(args.first, args.first + args.seeds):
        rows += measure(seed, is_segmented=args.segment, has_fields=not args.no_fields)
    found = summarize(rows)
    print(found.to_string(float_format="%.3f"))
    print(
        f"\nheld: part of the 95 % intervals that hold the truth, {len(rows)} in all; least: what "
        f"95 % may come down\nto by chance, once in 200; off: mean error, in standard errors.\n"
        f"{int(found['is_short'].sum())} quantities fall short."
    )


if __name__ == "__main__":
    main()
