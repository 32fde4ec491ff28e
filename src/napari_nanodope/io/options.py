"""What a person tells a reader, checked before a file is opened."""

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from napari_nanodope.model import InputError, is_element
from napari_nanodope.recipe import LineWindows


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a person tells a reader.

    Attributes
    ----------
    elements : tuple of str
        Elements to map; every one that the file names where empty.
    lines : mapping of str to str or LineWindows
        X-ray line by element, or the windows of one, for spectrum images.
    survey : Path, optional
        File of the survey image, where it lies apart.
    pixel_size_nm : (float, float), optional
        Calibration to use instead of the file's.
    sample_id : str
        Sample that the field belongs to.
    detectors : "sum" or tuple of int
        Detectors to add up, counted from 0.
    frames : "sum" or (int, int)
        First frame to add up and end, counted from 0.
    """

    elements: tuple[str, ...] = ()
    lines: Mapping[str, str | LineWindows] = field(default_factory=dict)
    survey: Path | None = None
    pixel_size_nm: tuple[float, float] | None = None
    sample_id: str = ""
    detectors: Literal["sum"] | tuple[int, ...] = "sum"
    frames: Literal["sum"] | tuple[int, int] = "sum"


def as_elements(value: Any) -> tuple[str, ...]:
    """Element symbols, each once; one symbol may come alone.

    Raises
    ------
    InputError
        If something else is given.
    """
    if isinstance(value, str):
        value = (value,)
    if value is not None and not isinstance(value, Iterable):
        raise InputError(f"Expected a list of element symbols, got {value!r}; give ['Cd'], say.")
    symbols = tuple(dict.fromkeys(value or ()))
    for symbol in symbols:
        _check_element(symbol)
    return symbols


def as_lines(value: Any) -> dict[str, str | LineWindows]:
    """X-ray line, or its windows, by element.

    Raises
    ------
    InputError
        If something else is given.
    """
    if value is not None and not isinstance(value, Mapping):
        raise InputError(
            f"Expected X-ray lines by element, got {value!r}; give {{'Cd': 'La'}}, say."
        )
    return {symbol: _as_line(symbol, one) for symbol, one in (value or {}).items()}


def _as_line(symbol: Any, value: Any) -> str | LineWindows:
    _check_element(symbol)
    if isinstance(value, str | LineWindows):
        return value
    try:
        return LineWindows.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InputError(
            f"Expected the name of a line of {symbol}, or its LineWindows, got {value!r} "
            f"({place}{': ' * bool(place)}{first['msg']}); give {{{symbol!r}: 'Ka'}}, say."
        ) from None


def as_detectors(value: Any) -> Literal["sum"] | tuple[int, ...]:
    """Detectors to add up, counted from 0.

    Raises
    ------
    InputError
        If they are no whole numbers from 0, or one is named twice.
    """
    if isinstance(value, str) and value == "sum":
        return "sum"
    given = value if isinstance(value, Iterable) and not isinstance(value, str) else (value,)
    found = _as_indices(given)
    if not found or min(found) < 0 or len(set(found)) < len(found):
        raise InputError(
            f"Expected detectors counted from 0, each once, got {value!r}; give 'sum', 0 or "
            f"[0, 2], say."
        )
    return found


def as_frames(value: Any) -> Literal["sum"] | tuple[int, int]:
    """First frame to add up and end, counted from 0.

    Raises
    ------
    InputError
        If they are not two ascending whole numbers from 0.
    """
    if isinstance(value, str) and value == "sum":
        return "sum"
    found = _as_indices(value if isinstance(value, Iterable) else ())
    if len(found) != 2 or not 0 <= found[0] < found[1]:
        raise InputError(
            f"Expected the first frame and the end, counted from 0, got {value!r}; give 'sum' or "
            f"(0, 50), say."
        )
    return found[0], found[1]


def _as_indices(values: Iterable[Any]) -> tuple[int, ...]:
    """Whole numbers, or nothing where one is none."""
    listed = list(values)
    try:
        return () if bool in map(type, listed) else tuple(map(operator.index, listed))
    except TypeError:
        return ()


def _check_element(symbol: Any) -> None:
    if not isinstance(symbol, str) or not is_element(symbol):
        raise InputError(
            f"Expected element symbols such as 'Cd' or 'Mn', got {symbol!r}; check it."
        )
