"""What a file holds, what of it is to be mapped, and reading it anew; without a viewer."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_nanodope.core.xray import EnergyAxis, XrayLine
from napari_nanodope.io import list_signals, read_field, read_spectrum
from napari_nanodope.io.signals import Signal
from napari_nanodope.io.spectrum import SeenSpectrum, SumSpectrum
from napari_nanodope.io.xray_lines import load_lines
from napari_nanodope.model import FieldOfView, InputError, Source
from napari_nanodope.pipeline import AnalysisCancelledError
from napari_nanodope.recipe import LineWindows

_SOFTEST_KEV = 0.2
_LEAST_WEIGHT = 0.1  # of lines that are marked
_PARTS, _CALIBRATION = ("detectors", "frames"), ("survey", "pixel_size_nm")


@dataclass(frozen=True, slots=True)
class LineChoice:
    """An element that a spectrum may be mapped for, and by which line.

    Attributes
    ----------
    symbol : str
        The element.
    is_mapped : bool
        Whether it is to be mapped.
    line : str
        Name of its line, or nothing where reading chooses.
    windows : LineWindows, optional
        Set by hand.
    note : str
        What the spectrum says of it.
    used : str
        Line that reading chose, where it was left to it.
    """

    symbol: str
    is_mapped: bool
    line: str = ""
    windows: LineWindows | None = None
    note: str = ""
    used: str = ""

    @property
    def told(self) -> str | LineWindows | None:
        """What `read_field` is told of it, None where it is to choose."""
        return self.windows or self.line or None


@dataclass(frozen=True, slots=True)
class FileContent:
    """What a file holds.

    Attributes
    ----------
    signals : tuple of Signal
        As `list_signals` gives them.
    spectrum : SumSpectrum, optional
        Of its spectrum image, where it has one.
    seen : SeenSpectrum, optional
        What shows in that.
    problem : str
        Why there is no spectrum.
    """

    signals: tuple[Signal, ...]
    spectrum: SumSpectrum | None = None
    seen: SeenSpectrum | None = None
    problem: str = ""


def list_choices(field: FieldOfView) -> list[LineChoice]:
    """Elements mapped now, by the lines that were told, and then those that the spectrum shows."""
    settings: Mapping[str, Any] = field.source.settings if field.source else {}
    found = {one["element"]: _note(one) for one in settings.get("elements_found", ())}
    told = settings.get("given", {}).get("lines", {})
    used = {symbol: one["line"] for symbol, one in settings.get("lines", {}).items()}
    mapped = [
        _choose(LineChoice(symbol, True, note=found.get(symbol, "")), told, used)
        for symbol in field.elements
    ]
    others = (symbol for symbol in found if symbol not in field.elements)
    return mapped + [LineChoice(symbol, False, note=found[symbol]) for symbol in others]


def _choose(choice: LineChoice, told: Mapping[str, Any], used: Mapping[str, str]) -> LineChoice:
    one = told.get(choice.symbol)
    if one is None:
        return replace(choice, used=used.get(choice.symbol, ""))
    if isinstance(one, Mapping):
        return replace(choice, windows=LineWindows.model_validate(dict(one)))
    return replace(choice, line=str(one))


def _note(found: Mapping[str, Any]) -> str:
    also = " or ".join(found["alternatives"])
    parts = [f"{found['counts']:,.0f} counts", found["artefact"], also and f"or {also}"]
    return "; ".join(filter(None, parts))


def find_windows(choice: LineChoice, field: FieldOfView | None, seen: SeenSpectrum) -> LineWindows:
    """Windows by which an element is mapped, or would be.

    Raises
    ------
    InputError
        If the spectrum does not cover the line.
    """
    if choice.windows is not None:
        return choice.windows
    settings = field.source.settings if field is not None and field.source else {}
    used = settings.get("lines", {}).get(choice.symbol)
    told = settings.get("given", {}).get("lines", {}).get(choice.symbol)
    if used and (choice.line or None) == told:
        return LineWindows.model_validate(used)
    return seen.choose_windows(choice.symbol, choice.line or None)


def list_lines(symbol: str, axis: EnergyAxis) -> list[XrayLine]:
    """Lines of an element that a spectrum covers."""
    end = axis.end_keV
    return [line for line in load_lines(symbol) if _SOFTEST_KEV < line.energy_keV < end]


def to_lines(choices: Iterable[LineChoice]) -> dict[str, str | LineWindows]:
    """Lines and windows of the elements to map, as the recipe has them."""
    return {one.symbol: one.told for one in choices if one.is_mapped and one.told is not None}


def path_of(field: FieldOfView) -> Path:
    """File or folder that a field was read from.

    Raises
    ------
    InputError
        If it comes from none, or is not there any more.
    """
    source = field.source
    if source is None or not source.path:
        raise InputError("Expected a field that was read from a file, got one that was not.")
    path = Path(source.path)
    if not path.exists():
        raise InputError(
            f"Expected the file of this field at {path}, got none there; put it back, or open it "
            f"again from where it is now."
        )
    return path


def identify_file(field: FieldOfView | None) -> tuple[str, ...] | None:
    """What tells the file of a field, and the part of it that was read, from others."""
    if field is None:
        return None
    if field.source is None:
        return ()
    return field.source.path, field.source.sha256, repr(_told(field.source, _PARTS))


def describe_windows(field: FieldOfView) -> list[str]:
    """Line and window of every element that a field was mapped for."""
    used = field.source.settings.get("lines", {}) if field.source else {}
    return [
        f"{symbol} {one['line']} at {one['window_keV'][0]:.2f} to {one['window_keV'][1]:.2f} keV"
        for symbol, one in used.items()
    ]


def list_known(choices: Iterable[LineChoice], symbol: str) -> list[XrayLine]:
    """Lines to mark: of one element first, then of those to be mapped; the strong ones first."""
    symbols = dict.fromkeys([symbol, *(one.symbol for one in choices if one.is_mapped)])
    lines = [line for one in symbols for line in load_lines(one)]
    strong = [line for line in lines if line.weight >= _LEAST_WEIGHT]
    return sorted(strong, key=lambda line: (line.element != symbol, -line.weight))


def look_into(
    field: FieldOfView, report: Callable[[float, str], None], cancelled: Callable[[], bool]
) -> FileContent:
    """Signals and sum spectrum of the file of a field.

    Raises
    ------
    InputError
        If the file is missing or cannot be read.
    AnalysisCancelledError
        If that is asked for.
    """
    if field.source is None or not field.source.path:
        return FileContent((), problem="This field comes from no file, so there is no spectrum.")
    path = path_of(field)
    report(0.05, "signals")
    signals = list_signals(path)
    if not any(signal.use == "spectrum image" for signal in signals):
        return FileContent(
            signals, problem=f"There is no spectrum in {path.name}: its maps are ready-made."
        )
    if cancelled():
        raise AnalysisCancelledError
    report(0.2, "spectrum")
    try:
        spectrum = read_spectrum(path, **_told(field.source, _PARTS))
    except InputError as error:
        return FileContent(signals, problem=str(error))
    if cancelled():
        raise AnalysisCancelledError
    report(0.8, "elements")
    return FileContent(signals, spectrum, SeenSpectrum.of(spectrum, spectrum.counts))


def read_part(field: FieldOfView, mask: Any) -> SumSpectrum:
    """Sum spectrum of some pixels of the file of a field; see `read_spectrum` for the errors."""
    return read_spectrum(path_of(field), mask, **_told(field.source, _PARTS))


def read_anew(field: FieldOfView, choices: Iterable[LineChoice]) -> FieldOfView:
    """Field of the same file with other elements and lines.

    Raises
    ------
    InputError
        If no element is chosen, or a line is not in the spectrum.
    """
    choices = list(choices)
    elements = [one.symbol for one in choices if one.is_mapped]
    if not elements:
        raise InputError("Expected elements to map, got none; tick one in the table.")
    told = _told(field.source, (*_PARTS, *_CALIBRATION))
    read = read_field(
        path_of(field), elements, to_lines(choices), sample_id=field.sample_id, **told
    )
    if np.allclose(read.pixel_size_nm, field.pixel_size_nm):
        return read
    told["pixel_size_nm"] = field.pixel_size_nm  # as it was set in the viewer
    return read_field(
        path_of(field), elements, to_lines(choices), sample_id=field.sample_id, **told
    )


def _told(source: Source | None, names: Iterable[str]) -> dict[str, Any]:
    """What a person told when the field was read."""
    given: Mapping[str, Any] = source.settings.get("given", {}) if source else {}
    return {name: given[name] for name in names if name in given}
