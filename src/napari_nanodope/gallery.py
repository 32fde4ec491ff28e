"""Every figure of a project: of each sample, of each fit, and of all samples together."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from napari_nanodope.figures.dopants import draw_dopants_by_class
from napari_nanodope.figures.joint import COMPARISONS
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
from napari_nanodope.io.files import check_folder_is_writable, replacing
from napari_nanodope.joint.fits import build_layers, list_fits_of
from napari_nanodope.joint.rows import Row, list_microscopy
from napari_nanodope.joint.table import join
from napari_nanodope.model import InputError
from napari_nanodope.pooled import SampleResult, pool_sample
from napari_nanodope.project import Project, load_fit_numbers
from spectro.figures.export import save_figure
from spectro.model import InputError as SpectrumError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from spectro.jobs import FitJob
    from spectro.model import FitResult
    from spectro.nmr import LayerModel

FOLDER, CONTENTS = "figures", "contents.csv"
_SUFFIXES = (".pdf", ".svg", ".png", ".csv")
_DRAWN, _LEFT_OUT = "drawn", "left out"
_JOINT, _SAMPLES, _LAYERS = "joint", "samples", "layers"
_JOINT_IN, _FIT_IN, _CURVE_IN, _LAYERS_IN = 2.5, 2.4, 2.6, 2.4
_SHOWN, _BESIDE = 0.01, 0.4  # of the height of the lines, and of their width to either side
_LINE_IN, _MOST_LINES = 0.11, 12  # of the numbers above a fit

Draw = Callable[[Figure], pd.DataFrame]


@dataclass(frozen=True, slots=True)
class ProjectFigure:
    """One figure of a project, before it is drawn.

    Attributes
    ----------
    name : str
        Path of its files below the folder of figures, without suffix: ``joint/icp-ms-eds``.
    draw : callable, optional
        Draws into an empty figure and returns the numbers drawn; None where there is nothing to
        draw.
    reason : str
        Why there is nothing to draw, or what of the data is not in the figure; empty for neither.
    width_in, height_in : float
        In print.
    """

    name: str
    draw: Draw | None
    reason: str = ""
    width_in: float = SINGLE_COLUMN_IN
    height_in: float = _JOINT_IN

    @property
    def status(self) -> str:
        """Whether it is "drawn" or "left out"."""
        return _LEFT_OUT if self.draw is None else _DRAWN


@dataclass(frozen=True, slots=True)
class GalleryReport:
    """What was drawn of a project.

    Attributes
    ----------
    files : tuple of Path
        PDF, SVG, PNG and CSV of every figure, and ``contents.csv``.
    left_out : mapping of str to str
        Reason by figure of those that could not be drawn, or of what of the data is not in them.
    removed : tuple of Path
        Files of the time before, of figures that can no longer be drawn.
    """

    files: tuple[Path, ...]
    left_out: Mapping[str, str]
    removed: tuple[Path, ...] = ()


def save_gallery(
    project: Project,
    folder: str | Path | None = None,
    *,
    progress: Callable[[float, str], None] | None = None,
) -> GalleryReport:
    """Write every figure that the results of a project allow.

    Parameters
    ----------
    project : Project
        With results of fields and of fits.
    folder : path, optional
        By default ``figures`` in that of the project. Files of other names in it are kept; those of
        figures that were drawn before, and can no longer be, are removed.
    progress : callable, optional
        Called with the fraction done, from 0 to 1, and the figure that comes next.

    Returns
    -------
    GalleryReport
        ``samples/<sample_id>/`` has sizes, dopants and radial profiles of all its fields together,
        and its fits; ``joint/`` has what compares samples. Each is PDF, SVG and PNG with its
        numbers as CSV, all or none; ``contents.csv`` lists what was drawn and left out, and why.

    Raises
    ------
    InputError
        If results are damaged, or the folder cannot be written to.
    """
    folder = project.folder / FOLDER if folder is None else Path(folder)
    tell = progress or (lambda share, what: None)
    check_folder_is_writable(folder)
    tell(0.0, "tables")
    figures, files = list(plan_gallery(project)), []
    for number, one in enumerate(figures):
        tell((number + 0.5) / (len(figures) + 1), one.name)
        files += _save(one, folder)
    removed = _remove_old(folder, files)
    contents = _write_contents(figures, folder)
    tell(1.0, "done")
    left_out = {one.name: one.reason for one in figures if one.reason}
    return GalleryReport((*files, contents), left_out, tuple(removed))


def _save(one: ProjectFigure, folder: Path) -> list[Path]:
    if one.draw is None:
        return []
    with journal_style():
        figure = make_figure(one.width_in, one.height_in)
        numbers = one.draw(figure)
    try:
        return save_figure(figure, folder / one.name, numbers)
    except SpectrumError as error:
        raise InputError(str(error)) from None


def plan_gallery(project: Project) -> Iterator[ProjectFigure]:
    """Figures of a project with the functions that draw them, samples first.

    Raises
    ------
    InputError
        If results are damaged.
    """
    pooled = {one.id: pool_sample(project, one.id) for one in project.samples}
    for sample_id, results in pooled.items():
        for result in results:
            yield from _plan_sample(result, is_alone=len(results) == 1)
        if not results and any(one.sample_id == sample_id for one in project.fields):
            reason = "no field has results that are not rejected; run 'nanodope batch'"
            yield ProjectFigure(f"{_SAMPLES}/{sample_id}/sizes", None, reason)
        for path in list_fits_of(project, sample_id):
            yield _plan_fit(project, sample_id, path)
    yield from _plan_joint(join(project, pooled))
    yield _plan_layers(project, pooled)


def _plan_sample(result: SampleResult, *, is_alone: bool) -> Iterator[ProjectFigure]:
    begin, end = f"{_SAMPLES}/{result.sample_id}", "" if is_alone else f"-{result.dopant}"
    if result.included.empty:
        yield ProjectFigure(f"{begin}/sizes{end}", None, "no particle is included")
        return

    def draw(figure: Figure) -> pd.DataFrame:
        return draw_sizes(figure.subplots(), result)

    yield ProjectFigure(f"{begin}/sizes{end}", draw, height_in=2.2)
    alike, *others = result.split_by_pixel_size()
    apart = ", ".join(field.field_id for one in others for field in one.fields)
    reason = f"pixels of another size, so other depth bins and size classes: {apart}"
    rows = count_rows(max(len(choose_classes(alike, 6)), 1))
    yield ProjectFigure(
        f"{begin}/dopants{end}",
        partial(draw_dopants_by_class, result=alike),
        reason if apart else "",
        DOUBLE_COLUMN_IN,
        1.8 * rows,
    )
    rows = count_rows(len(choose_classes(alike, 5)) + 1)
    yield ProjectFigure(
        f"{begin}/radial{end}",
        partial(draw_radial_by_class, result=alike),
        reason if apart else "",
        DOUBLE_COLUMN_IN,
        1.9 * rows,
    )


def _plan_fit(project: Project, sample_id: str, path: Path) -> ProjectFigure:
    from spectro.jobs.files import load_fit  # noqa: PLC0415 - scipy and numba

    name = f"{_SAMPLES}/{sample_id}/fit-{path.stem}"
    kind = str(load_fit_numbers(path).get("kind", ""))
    job = next((one for one in project.fit_jobs if one.path == path), None)
    try:
        fit = load_fit(path)
    except SpectrumError as error:
        return ProjectFigure(name, None, str(error))
    n_lines = min(len(fit.uncertainties), _MOST_LINES)
    height = _CURVE_IN if kind in _CURVES else _FIT_IN + _LINE_IN * n_lines
    draw = partial(draw_project_fit, fit=fit, kind=kind, error=_find_errors(job, fit))
    return ProjectFigure(name, draw, height_in=height)


def _find_errors(job: "FitJob | None", fit: "FitResult") -> "NDArray[np.float64] | None":
    """Standard errors of the points of a fit, where the table that it is of tells them."""
    from spectro.jobs.tables import is_table, load_table  # noqa: PLC0415 - as above

    columns = None if job is None else _TABLES.get(job.kind)
    if job is None or columns is None or not is_table(job.files[0]):
        return None
    try:
        times, _, errors = load_table(job.files[0], columns)
    except SpectrumError:  # it was changed since
        return None
    return errors if np.array_equal(times, fit.curves[0].data.x) else None


def draw_project_fit(
    figure: Figure, fit: "FitResult", kind: str, error: "NDArray[np.float64] | None" = None
) -> pd.DataFrame:
    """Draw a fit of a project as suits its kind: curves of few points, or data with residuals.

    Parameters
    ----------
    figure : Figure
        Empty.
    fit : FitResult
        With its curves.
    kind : str
        As "cw" or "buildup".
    error : (N,) array, optional
        Standard errors of the points of a build-up or a dephasing.
    """
    from spectro import figures  # noqa: PLC0415

    if kind == "saturation":
        return figures.draw_saturation(figure.subplots(), fit)
    if kind == "buildup":
        return figures.draw_buildup(figure.subplots(), fit, error=error)
    if kind == "respdor":
        return figures.draw_respdor(figure.subplots(), fit, error=error)
    numbers = figures.draw_fit(figure, fit)
    if kind == "deconvolution":
        _show_lines(figure, fit)
    return numbers


def _show_lines(figure: Figure, fit: "FitResult") -> None:
    """Show the part of a wide spectrum where lines are; the numbers are those of all of it."""
    best = fit.curves[0].best_fit
    height = np.abs(np.real(best.y) - np.median(np.real(best.y)))
    at = best.x[height > _SHOWN * height.max()]
    whole, room = np.ptp(best.x), _BESIDE * np.ptp(at)
    low, high = float(at.min() - room), float(at.max() + room)
    if len(fit.curves) > 1 or not 0 < high - low < whole:
        return
    low, high = max(low, float(best.x.min())), min(high, float(best.x.max()))
    for ax in figure.axes:
        if ax.lines:
            left, right = ax.get_xlim()
            ax.set_xlim((high, low) if left > right else (low, high))


_CURVES = ("saturation", "buildup", "respdor")
_TABLES = {"buildup": ("t_s", "m"), "respdor": ("tau_s", "ds_s0")}


def _plan_joint(table: pd.DataFrame) -> Iterator[ProjectFigure]:
    for name, (comparison, draw) in COMPARISONS.items():
        if comparison.pair(table).empty:
            yield ProjectFigure(f"{_JOINT}/{name}", None, comparison.tell_missing(table))
        else:
            yield ProjectFigure(f"{_JOINT}/{name}", _fill(draw, table))


def _fill(draw: "Callable[[Axes, pd.DataFrame], pd.DataFrame]", table: pd.DataFrame) -> Draw:
    return lambda figure: draw(figure.subplots(), table)


def _plan_layers(project: Project, pooled: Mapping[str, Sequence[SampleResult]]) -> ProjectFigure:
    """Spheres with their layers, for each fit whose lines are layers."""
    from spectro.figures import draw_layers  # noqa: PLC0415

    models = dict(_find_layers(project, pooled))
    if not models:
        reason = (
            "no sample has both a diameter by microscopy and a deconvolution whose sites are "
            "listed from 'core' to 'surface'"
        )
        return ProjectFigure(f"{_JOINT}/{_LAYERS}", None, reason)
    width = SINGLE_COLUMN_IN if len(models) <= 3 else DOUBLE_COLUMN_IN
    return ProjectFigure(
        f"{_JOINT}/{_LAYERS}",
        lambda figure: draw_layers(figure.subplots(), models),
        width_in=width,
        height_in=_LAYERS_IN,
    )


def _find_layers(
    project: Project, pooled: Mapping[str, Sequence[SampleResult]]
) -> "Iterator[tuple[str, LayerModel]]":
    for sample_id, results in pooled.items():
        rows = list(list_microscopy(results))
        diameter: Row | None = next((row for row in rows if row.quantity == "diameter_nm"), None)
        models = {path: build_layers(path, diameter) for path in list_fits_of(project, sample_id)}
        found = {path: model for path, model in models.items() if model is not None}
        for path, model in found.items():
            yield sample_id if len(found) == 1 else f"{sample_id}, {path.stem}", model


# What is there, and what was there before


def _write_contents(figures: Sequence[ProjectFigure], folder: Path) -> Path:
    rows = [(one.name, one.status, one.reason) for one in figures]
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / CONTENTS) as partial_path:
        pd.DataFrame(rows, columns=["figure", "status", "reason"]).to_csv(partial_path, index=False)
    return folder / CONTENTS


def _remove_old(folder: Path, files: Sequence[Path]) -> list[Path]:
    """Remove files of figures that the list of the time before says were drawn, and are no more."""
    path = folder / CONTENTS
    if not path.is_file():
        return []
    try:
        told = pd.read_csv(path, dtype=str, keep_default_na=False)
        names = told.loc[told["status"] == _DRAWN, "figure"].tolist()
    except (ValueError, KeyError):
        raise InputError(
            f"Expected the list of figures in {path}, got something else; move it elsewhere."
        ) from None
    inside = [name for name in names if ".." not in Path(name).parts and name]
    old = [folder / f"{name}{suffix}" for name in inside for suffix in _SUFFIXES]
    removed = [file for file in old if file not in set(files) and file.is_file()]
    for file in removed:
        file.unlink()
    return removed
