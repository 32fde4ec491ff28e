"""Every figure of a result as PDF, SVG and PNG, with its numbers as CSV beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from napari_nanodope.figures.dopants import draw_dopants_by_class
from napari_nanodope.figures.maps import choose_columns, draw_maps
from napari_nanodope.figures.radial import draw_radial_by_class
from napari_nanodope.figures.sizes import draw_sizes
from napari_nanodope.figures.style import (
    DOUBLE_COLUMN_IN,
    SINGLE_COLUMN_IN,
    choose_classes,
    count_rows,
    journal_style,
    make_figure,
)
from napari_nanodope.io.files import check_folder_is_writable, replacing_folder
from napari_nanodope.results import FieldResult
from spectro.figures.export import save_figure


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one figure is made."""

    width_in: float
    height_in: float
    draw: Callable[[Figure, FieldResult], pd.DataFrame]


def save_figures(
    result: FieldResult,
    folder: str | Path,
    *,
    progress: Callable[[float, str], None] | None = None,
) -> list[Path]:
    """Write every figure of a result, all or none.

    Parameters
    ----------
    result : FieldResult
        What to draw.
    folder : path
        Made where it does not exist; files of other names in it are kept.
    progress : callable, optional
        Called with the fraction done, from 0 to 1, and the figure that comes next; an error that it
        raises stops the writing, and nothing is left of it.

    Returns
    -------
    list of Path
        The files: ``maps, radial, dopants, sizes``, each as PDF, SVG, PNG and CSV. The same result
        gives the same bytes.

    Raises
    ------
    InputError
        If the folder cannot be written to.
    """
    folder = Path(folder)
    tell = progress or (lambda share, what: None)
    check_folder_is_writable(folder)
    plans, written = _plan(result), []
    with replacing_folder(folder, last=f"{list(plans)[-1]}.csv") as partial:
        for number, (name, plan) in enumerate(plans.items()):
            tell(number / len(plans), name)
            written += _draw_and_save(plan, result, partial / name)
        tell(1.0, "done")
    return [folder / path.name for path in written]


def _draw_and_save(plan: _Plan, result: FieldResult, path: Path) -> list[Path]:
    """Write one figure in every format, and its numbers; `path` lacks the suffix."""
    with journal_style():
        figure = make_figure(plan.width_in, plan.height_in)
        numbers = plan.draw(figure, result)
    return save_figure(figure, path, numbers)


def _plan(result: FieldResult) -> dict[str, _Plan]:
    radial_rows = count_rows(len(choose_classes(result, 5)) + 1)
    dopant_rows = count_rows(max(len(choose_classes(result, 6)), 1))
    return {
        "maps": _Plan(*measure_maps_in(result), draw_maps),
        "radial": _Plan(DOUBLE_COLUMN_IN, 1.9 * radial_rows, draw_radial_by_class),
        "dopants": _Plan(DOUBLE_COLUMN_IN, 1.8 * dopant_rows, draw_dopants_by_class),
        "sizes": _Plan(
            SINGLE_COLUMN_IN, 2.2, lambda figure, shown: draw_sizes(figure.subplots(), shown)
        ),
    }


def measure_maps_in(result: FieldResult) -> tuple[float, float]:
    """Width and height in inches in which `draw_maps` leaves little room empty."""
    n_rows, n_columns = result.field.shape
    dy, dx = result.field.pixel_size_nm
    columns = choose_columns(result)
    tall = min(max(n_rows * dy / (n_columns * dx), 0.3), 2.0)
    return DOUBLE_COLUMN_IN, (DOUBLE_COLUMN_IN / columns * tall + 0.2) * 4 / columns
