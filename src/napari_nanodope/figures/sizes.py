"""Distribution of particle diameters."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from napari_nanodope.figures.style import GREY, SKY, Measured, draw_nothing


def draw_sizes(ax: Axes, result: Measured) -> pd.DataFrame:
    """Draw the histogram of equivalent diameters, included and left-out particles stacked.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    result : FieldResult or SampleResult
        What to draw.

    Returns
    -------
    DataFrame
        ``low_nm, high_nm, included, left_out``: bin edges and numbers of particles.
    """
    diameters = result.particles["equivalent_diameter_nm"].to_numpy()
    included = result.particles["included"].to_numpy(bool)
    if not len(diameters):
        draw_nothing(ax, "no particles")
        return pd.DataFrame(columns=["low_nm", "high_nm", "included", "left_out"])
    edges = find_size_edges(result)
    counts = [np.histogram(diameters[chosen], edges)[0] for chosen in (included, ~included)]
    style: dict[str, Any] = {
        "width": np.diff(edges),
        "align": "edge",
        "edgecolor": "white",
        "linewidth": 0.3,
    }
    ax.bar(edges[:-1], counts[0], color=SKY, label="included", **style)
    if counts[1].any():
        ax.bar(edges[:-1], counts[1], bottom=counts[0], color=GREY, label="left out", **style)
        ax.legend()
    if included.any():
        chosen = diameters[included]
        spread = f" ± {chosen.std(ddof=1):.1f}" if len(chosen) > 1 else ""
        ax.set_title(f"{len(chosen)} NCs, {chosen.mean():.1f}{spread} nm")
    ax.set(xlabel="equivalent diameter (nm)", ylabel="NCs")
    return pd.DataFrame(
        {"low_nm": edges[:-1], "high_nm": edges[1:], "included": counts[0], "left_out": counts[1]}
    )


def find_size_edges(result: Measured) -> NDArray[np.float64]:
    """Edges (B + 1,) in nm of the bars of `draw_sizes`; there must be particles."""
    diameters = result.particles["equivalent_diameter_nm"].to_numpy()
    n_bars = min(max(int(np.sqrt(len(diameters))), 5), 40)
    return np.asarray(np.histogram_bin_edges(diameters, bins=n_bars), np.float64)
