"""What `make demo` promises."""

from pathlib import Path

import pandas as pd

from napari_nanodope.demo import format_comparison, run_demo


def test_demo_finds_the_truth_and_leaves_figures(tmp_path: Path) -> None:
    steps: list[float] = []
    table = run_demo(tmp_path / "demo", progress=lambda done, _: steps.append(done))
    assert list(table["location_found"]) == list(table["location_true"])
    assert steps == sorted(steps)
    assert steps[-1] == 1
    dilute = table[table["phantom"].isin(["core 1:1000", "surface 1:1000"])]
    assert (dilute["mM_found"] / dilute["mM_true"]).between(0.9, 1.1).all()
    dense = table[table["phantom"].isin(["core 1:50", "surface 1:50"])]
    assert (dense["mM_from_counts"] / dense["mM_true"]).between(0.9, 1.15).all()
    saved = pd.read_csv(tmp_path / "demo" / "truth-against-found.csv")
    assert list(saved["phantom"]) == list(table["phantom"])
    assert len(list((tmp_path / "demo").glob("*/figures/*.pdf"))) == 4 * len(table)
    text = format_comparison(table)
    assert all(name in text for name in table["phantom"])
