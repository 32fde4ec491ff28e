"""Spectra and fits of a sample of a project: listed, read and drawn."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_nanodope.model import InputError
from napari_nanodope.project import Project
from spectro import InputError as SpectrumError
from spectro import Spectrum, load_all
from spectro.figures import (
    draw_buildup,
    draw_fit,
    draw_respdor,
    draw_saturation,
    draw_series,
    draw_spectrum,
)
from spectro.fitting.search import round_together
from spectro.jobs import FitJob, find_jobs, list_fits
from spectro.jobs.files import load_fit
from spectro.jobs.job import list_partners
from spectro.model import FitResult, Uncertainty

_DRAW: dict[str, Callable[[Axes, FitResult], Any]] = {
    "buildup": draw_buildup,
    "respdor": draw_respdor,
    "saturation": draw_saturation,
}
_N_ROWS = 8  # of a series that are drawn
_TWO_AXES = 2
_POWER = re.compile(r"\^(-?\d+)")
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class Entry:
    """A measurement or a fit of a sample, which is not read yet.

    Attributes
    ----------
    path : Path
        File of the spectra, or of the numbers of the fit.
    text : str
        What it is called in a list.
    kind : str
        Of a fit, as in "cw"; empty for a measurement.
    job : FitJob, optional
        What the project asks for; None for a measurement, and for a fit it asks for no longer.
    """

    path: Path
    text: str
    kind: str = ""
    job: FitJob | None = None


def list_entries(project: Project, sample_id: str) -> list[Entry]:
    """Fits of a sample, then its measurements but those of microscopy, then fits not yet run."""
    jobs, _ = find_jobs(project.book, project.folder)
    asked = {one.path: one for one in jobs if one.sample_id == sample_id}
    there = list_fits(project.folder, sample_id)
    done = [_name_fit(path, asked.get(path), is_there=True) for path in there]
    lacking = [_name_fit(path, one, is_there=False) for path, one in asked.items()]
    lacking = [one for one in lacking if one.path not in there]
    return [*done, *_list_measurements(project, sample_id), *lacking]


def _name_fit(path: Path, job: FitJob | None, *, is_there: bool) -> Entry:
    technique, kind, *rest = path.stem.split("-", 2)
    doubt = " (not run yet)" if not is_there else "" if job else " (no longer asked for)"
    return Entry(path, f"{_spell(technique)} fit, {kind}: {'-'.join(rest)}{doubt}", kind, job)


def _list_measurements(project: Project, sample_id: str) -> Iterator[Entry]:
    known: set[Path] = set()
    for one in project.book.measurements_of(sample_id):
        if one.technique == "eds":
            continue
        for path in one.find_files(project.folder):
            if path not in known:
                known.update([path, *list_partners(path)])
                name = path.relative_to(project.folder).as_posix()
                yield Entry(path, f"{_spell(one.technique)}: {name}")


def _spell(technique: str) -> str:
    return technique.upper().replace("VIS", "vis")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a measurement holds, or the result of a fit.

    Attributes
    ----------
    entry : Entry
        What was read.
    spectra : tuple of Spectrum
        Empty for a fit.
    fit : FitResult, optional
        Of a fit.
    doubt : str
        Why a run would not find the same fit any more; empty where it would.
    """

    entry: Entry
    spectra: tuple[Spectrum, ...] = ()
    fit: FitResult | None = None
    doubt: str = ""

    @property
    def parts(self) -> list[str]:
        """Names of the spectra of a file that holds several."""
        names = [str(one.metadata.get("quantity") or one.title) for one in self.spectra]
        return [f"{number}. {name}" for number, name in enumerate(names, 1)]


def load_entry(entry: Entry) -> Loaded:
    """Read a measurement or a fit.

    Raises
    ------
    InputError
        If it is missing or damaged.
    """
    with _telling():
        if entry.kind:
            state = None if entry.job is None else entry.job.find_state()
            doubt = "" if state is None else state.problem or state.reason
            return Loaded(entry, fit=load_fit(entry.path), doubt=doubt)
        return Loaded(entry, tuple(load_all(entry.path)))


def draw_loaded(figure: Figure, loaded: Loaded, part: int = 0) -> None:
    """Draw a spectrum, the rows of a series, or a fit with its components and residuals.

    Raises
    ------
    InputError
        If that cannot be drawn.
    """
    with _telling():
        if loaded.fit is None:
            _draw_spectrum(figure, loaded.spectra[part])
        elif loaded.entry.kind in _DRAW:
            _DRAW[loaded.entry.kind](figure.subplots(), loaded.fit)
        else:
            draw_fit(figure, loaded.fit, has_numbers=False)


def _draw_spectrum(figure: Figure, spectrum: Spectrum) -> None:
    if len(spectrum.axes) == 1:
        draw_spectrum(figure.subplots(), spectrum)
        return
    if len(spectrum.axes) > _TWO_AXES:
        raise InputError(
            f"Expected a spectrum or a series of them, got {len(spectrum.axes)} axes in "
            f"{spectrum.title}; open it with spectro."
        )
    axis = spectrum.axes[0]
    n = len(axis)
    rows = np.unique(np.linspace(0, n - 1, min(n, _N_ROWS)).round().astype(int)).tolist()
    names = [f"{axis.values[row]:.4g} {axis.unit}".strip() for row in rows]
    draw_series(figure.subplots(), [spectrum.take(row) for row in rows], names=names)


def describe(loaded: Loaded) -> list[str]:
    """What a fit says besides its numbers, or what is known of a measurement."""
    if loaded.fit is not None:
        fit, doubt = loaded.fit, loaded.doubt
        numbers = tuple(f"{name} = " for name in fit.values)
        said = [one for one in fit.statements if not one.startswith(numbers)]
        warned = [f"Warning: {one}" for one in fit.warnings]
        due = [f"To fit again ({doubt}): run 'nanodope batch'."] if doubt else []
        return [*due, f"Fit of {fit.model}.", *said, *warned]
    one = loaded.spectra[0]
    shape, axis = " x ".join(map(str, one.y.shape)), one.axes[-1]
    low, high = float(axis.values.min()), float(axis.values.max())
    where = f"{axis.name or 'axis'} {low:.6g} to {high:.6g} {axis.unit}".rstrip()
    known = [(key, value) for key, value in one.metadata.items() if isinstance(value, float)]
    return [
        f"{one.title}: {shape} points, {where}; {one.source.reader}.",
        ", ".join(f"{key} = {value:.6g}" for key, value in known),
    ]


@dataclass(frozen=True, slots=True)
class Number:
    """A row of the table of a fit: texts, rounded together."""

    name: str
    quantity: str
    value: str
    interval: str
    unit: str


def list_numbers(fit: FitResult) -> list[Number]:
    """Fitted and derived numbers with their intervals."""
    return [_to_number(fit, name, value) for name, value in fit.values.items()]


def _to_number(fit: FitResult, name: str, value: float) -> Number:
    unit, known = fit.units.get(name, ""), fit.uncertainties.get(name)
    quantity = name.removesuffix(f"_{unit}").replace("_", " ")
    unit = _POWER.sub(lambda found: found[1].translate(_RAISED), unit)
    if known is None:
        return Number(name, quantity, f"{value:.6g}", "fixed", unit)
    low, high, text = round_together(value, known)
    return Number(name, quantity, text, f"{low} to {high}{_tell_level(known)}", unit)


def _tell_level(known: Uncertainty) -> str:
    return "" if known.level == Uncertainty(0, 0, 0).level else f" ({100 * known.level:g} %)"


@contextmanager
def _telling() -> Iterator[None]:
    """Pass on what is wrong with a spectrum as what is wrong with any input."""
    try:
        yield
    except SpectrumError as error:
        raise InputError(str(error)) from None
    except OSError as error:
        raise InputError(
            f"Expected {error.filename or 'a file'} to be read, got: {error.strerror or error}."
        ) from None
