"""Survey, element maps and outlines of one field."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar
from numpy.typing import NDArray

from napari_nanodope.figures.style import GREY, ORANGE, letter_panels
from napari_nanodope.results import FieldResult

_HOST_MAP = LinearSegmentedColormap.from_list("host", ["black", "#1b7fa8", "#b9ecff"])
_DOPANT_MAP = LinearSegmentedColormap.from_list("dopant", ["black", "#b0308f", "#ffd0f4"])
_ROUND_NM = np.array([m * 10.0**e for e in range(-2, 6) for m in (1, 2, 5)])
_TOO_MANY_LINES = 20000


def draw_maps(figure: Figure, result: FieldResult) -> pd.DataFrame:
    """Draw the survey, the host and dopant maps, and the outlines with the counted dopants.

    Parameters
    ----------
    figure : Figure
        Empty; it gets four panels.
    result : FieldResult
        What to draw.

    Returns
    -------
    DataFrame
        The particles outlined: ``label, centroid_y_nm, centroid_x_nm, equivalent_diameter_nm,
        dopant_pixels, included``.
    """
    field, summary = result.field, result.summary
    host, dopant = summary["host_element"], summary["dopant_element"]
    n_columns = choose_columns(result)
    panels = list(figure.subplots(4 // n_columns, n_columns).flat)
    name = "survey" if field.survey_kind == "image" else "X-ray counts"
    _show(panels[0], field.survey, "gray", name)
    _show(panels[1], field.map_of(host), _HOST_MAP, f"{host} counts")
    _show(panels[2], field.map_of(dopant), _DOPANT_MAP, f"{dopant} counts")
    _show(panels[3], field.survey, "gray", f"{dopant} > {summary['threshold']:.3g}")
    _outline(panels[3], result)
    for ax in panels:
        _add_scale_bar(ax, field.shape[1], field.pixel_size_nm)
    letter_panels(panels)
    columns = ["label", "centroid_y_nm", "centroid_x_nm", "equivalent_diameter_nm"]
    return result.particles[[*columns, "dopant_pixels", "included"]]


def choose_columns(result: FieldResult) -> int:
    """Panels side by side: four where the picture is small enough to be read at that size."""
    return 4 if result.field.shape[1] <= 160 else 2


def _show(
    ax: Axes, image: NDArray[np.float32], colours: str | LinearSegmentedColormap, title: str
) -> None:
    low, high = np.percentile(image, [0.5, 99.8])
    ax.imshow(
        image,
        cmap=colours,
        vmin=max(low, 0) if low < 0 else low,
        vmax=high if high > low else low + 1,
        interpolation="nearest",
        interpolation_stage="data",
    )
    ax.set_title(title)
    ax.set_axis_off()


def _outline(ax: Axes, result: FieldResult) -> None:
    dopant = result.field.map_of(result.summary["dopant_element"])
    hit = (dopant > result.summary["threshold"]) & (result.labels > 0)
    overlay = np.zeros((*hit.shape, 4), np.float32)
    overlay[hit] = (1.0, 0.3, 0.85, 0.9)
    ax.imshow(overlay, interpolation="nearest")
    included = np.isin(result.labels, result.included["label"].to_numpy())
    for chosen, colour in ((~included, GREY), (included, ORANGE)):
        lines = _find_edges(np.where(chosen, result.labels, 0))
        ax.add_collection(
            LineCollection(
                list(lines),
                colors=colour,
                linewidths=0.5 if len(lines) < 5000 else 0.3,
                rasterized=len(lines) > _TOO_MANY_LINES,
            )
        )


def _find_edges(labels: NDArray[np.int32]) -> NDArray[np.float64]:
    """Pixel edges (E, 2, 2) between different labels, as (x, y) of their ends."""
    padded = np.pad(labels, 1)
    y, x = np.nonzero(padded[1:, :] != padded[:-1, :])
    across = np.stack([np.stack([x - 1.5, y - 0.5], 1), np.stack([x - 0.5, y - 0.5], 1)], 1)
    y, x = np.nonzero(padded[:, 1:] != padded[:, :-1])
    down = np.stack([np.stack([x - 0.5, y - 1.5], 1), np.stack([x - 0.5, y - 0.5], 1)], 1)
    return np.concatenate([across, down])


def _add_scale_bar(ax: Axes, n_columns: int, pixel_size_nm: tuple[float, float]) -> None:
    dy, dx = pixel_size_nm
    ax.set_aspect(dy / dx)
    length_nm = _ROUND_NM[n_columns * dx / 4 >= _ROUND_NM].max(initial=_ROUND_NM[0])
    text = f"{length_nm / 1000:g} µm" if length_nm >= 1000 else f"{length_nm:g} nm"
    bar = AnchoredSizeBar(
        ax.transData,
        length_nm / dx,
        text,
        "lower left",
        pad=0.3,
        borderpad=0.3,
        sep=1.5,
        color="white",
        size_vertical=ax.get_ylim()[0] / 80,
        fontproperties=FontProperties(size=6),
    )
    bar.patch.set(facecolor="black", alpha=0.55, edgecolor="none")
    ax.add_artist(bar)
