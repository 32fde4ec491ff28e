"""Draw `overview.png`, the picture in the README, from a simulated field."""

from pathlib import Path

import napari_nanodope as nd
from napari_nanodope.figures.style import make_figure

PARAMS = nd.PhantomParams(
    location="surface",
    shape_px=(160, 160),
    radius_sd_nm=0.5,
    arrangement="random",
    gap_nm=0.2,
    shot_noise=True,
    background_counts=0.01,
    probe_sigma_nm=0.35,
)


def main() -> None:
    """Write the picture beside this script."""
    field, _ = nd.simulate_field(PARAMS, seed=3)
    recipe = nd.Recipe().replace(expect={"icp_ms_mM": 30.0})
    result = nd.analyze(field, recipe)
    print("\n".join(result.summary["statements"]))
    with nd.figures.journal_style():
        figure = make_figure(7.0, 4.0)
        above, below = figure.subfigures(2, 1, height_ratios=[1, 1])
        nd.figures.draw_maps(above, result)
        left, middle, right = below.subplots(1, 3)
        nd.figures.draw_radial(left, result)
        left.legend()
        nd.figures.draw_dopants(middle, result)
        middle.legend()
        nd.figures.draw_sizes(right, result)
        figure.savefig(Path(__file__).with_name("overview.png"), dpi=200)


if __name__ == "__main__":
    main()
