"""Spectra and fits of a sample of a project: listed, read and drawn."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
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
from spectro.jobs import list_fits
from spectro.jobs.files import load_fit
from spectro.jobs.job import list_partners
from spectro.model import FitResult, Uncertainty

_DRAW = {"buildup": draw_buildup, "respdor": draw_respdor, "saturation": draw_saturation}
_N_ROWS = 8  # of a series that are drawn
_TWO_AXES = 2


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
    """

    path: Path
    text: str
    kind: str = ""


def list_entries(project: Project, sample_id: str) -> list[Entry]:
    """Fits of a sample, and then its measurements by other techniques than microscopy."""
    entries = []
    for path in list_fits(project.folder, sample_id):
        technique, kind, *rest = path.stem.split("-", 2)
        entries.append(Entry(path, f"fit: {technique}, {kind}, {'-'.join(rest)}", kind))
    known: set[Path] = set()
    for one in project.book.measurements_of(sample_id):
        if one.technique == "eds":
            continue
        for path in one.find_files(project.folder):
            if path not in known:
                known.update([path, *list_partners(path)])
                name = path.relative_to(project.folder).as_posix()
                entries.append(Entry(path, f"{one.technique}: {name}"))
    return entries


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
    """

    entry: Entry
    spectra: tuple[Spectrum, ...] = ()
    fit: FitResult | None = None

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
            return Loaded(entry, fit=load_fit(entry.path))
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
    """What was found by a fit, or what is known of a measurement; sentences and lines."""
    if loaded.fit is not None:
        fit = loaded.fit
        return [f"Fit of {fit.model}.", *fit.statements, *(f"Warning: {w}" for w in fit.warnings)]
    one = loaded.spectra[0]
    shape = " x ".join(map(str, one.y.shape))
    told = [f"{key} {value:.6g}" for key, value in one.metadata.items() if isinstance(value, float)]
    return [f"{one.title}: {shape} points over {one.axes[-1].label}, by {one.source.reader}.", *told]


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
