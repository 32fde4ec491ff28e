"""CSDM, the core scientific dataset model: JSON with its data inside or in a file beside it.

csdmpy checks and decodes. What it would fetch from elsewhere is looked up here first, in the folder
of the file and nowhere else; and since it evaluates the number of a quantity as an expression, each
quantity has to be a plain number and a unit.

References
----------
.. [1] D. J. Srivastava, T. Vosegaard, D. Massiot, P. J. Grandinetti, PLoS ONE 2020, 15, e0225953,
   DOI 10.1371/journal.pone.0225953.
"""

import base64
import binascii
import json
import math
import re
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from spectro.io.bruker import name_shift
from spectro.io.files import UnreadableFileError, read_bytes, read_text, tell_source
from spectro.io.units import convert, known
from spectro.model import Axis, Source, Spectrum

_MOST_POINTS = 1 << 26
_LARGEST_TEXT = 1 << 28  # characters of JSON, before it is parsed
_SYMBOL = r"[A-Za-z\u00b5\u03bc\u00c5\u03a9\u00b0%'\"]+(?:\^\(?-?\d{1,2}\)?)?"
_UNIT = re.compile(rf"\(?\s*{_SYMBOL}(?:\s*[*/. ]\s*{_SYMBOL})*\s*\)?")
_NUMBER = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?\s*")
_QUANTITIES = ("increment", "coordinates_offset", "origin_offset", "period")
_KINDS = ("linear", "monotonic", "labeled")


def read(path: Path) -> list[Spectrum]:
    """Spectra of a file, one for each component of each dependent variable.

    Raises
    ------
    UnreadableFileError
        If it is no such file, is damaged or too large, or names data that are not beside it.
    """
    content, others = _prepare(_parse(path), path)
    dataset = _decode(content, path)
    axes = tuple(_make_axis(one) for one in reversed(dataset.dimensions))
    shape = tuple(map(len, axes))
    source = tell_source("CSDM", path, *others)
    spectra = []
    for variable in dataset.dependent_variables:
        for number, y in enumerate(variable.components):
            about = _tell(dataset, variable, number, path)
            spectra.append(_make_spectrum(y, shape, axes, about, source))
    if not spectra:
        raise _refuse(path, "a dependent variable", "none")
    return spectra


def _make_spectrum(
    y: NDArray[Any],
    shape: tuple[int, ...],
    axes: tuple[Axis, ...],
    about: dict[str, Any],
    source: Source,
) -> Spectrum:
    return Spectrum(np.asarray(y).reshape(shape), axes, about, {}, source)


def _refuse(path: Path, expected: str, got: str) -> UnreadableFileError:
    return UnreadableFileError(
        f"Expected {expected} in {path}, got {got}; repair the file, or save it again."
    )


def _parse(path: Path) -> dict[str, Any]:
    """Content of the file, a mapping with a mapping "csdm" in it."""
    text = read_text(path)
    if len(text) > _LARGEST_TEXT:
        raise _refuse(path, "less than 256 MB of JSON", f"{len(text) / 1e6:.0f} MB")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refuse(path, "JSON", f"text that is none ({error})") from None
    if not isinstance(content, dict) or not isinstance(content.get("csdm"), dict):
        names = ", ".join(map(repr, content)) if isinstance(content, dict) else "no mapping"
        raise _refuse(path, 'a dataset under the key "csdm"', names[:80] or "nothing")
    return content


def _prepare(content: dict[str, Any], path: Path) -> tuple[dict[str, Any], list[Path]]:
    """The content with sane sizes and all data inside, and the files that were read for it."""
    dataset = content["csdm"]
    dimensions, variables = (
        _list_mappings(dataset, name, path) for name in ("dimensions", "dependent_variables")
    )
    if not dimensions or not variables:
        raise _refuse(path, "dimensions and dependent variables", "none")
    for one in (*dimensions, *variables):
        _check_quantities(one, path)
    n_points = math.prod(_count(one, path) for one in dimensions)
    if n_points > _MOST_POINTS:
        raise _refuse(path, f"{_MOST_POINTS} points at most", f"{n_points:.3g}")
    prepared, others = [], []
    for one in variables:
        if "sparse_sampling" in one:
            raise _refuse(path, "data at every point", "sparse sampling")
        inside = one
        if one.get("type") == "external":
            beside, inside = _fetch(one, path)
            others.append(beside)
        _check_base64(inside, path)
        prepared.append(inside)
    clean = {**dataset, "dependent_variables": prepared}
    return {**content, "csdm": {k: v for k, v in clean.items() if k != "filename"}}, others


def _list_mappings(dataset: dict[str, Any], name: str, path: Path) -> list[dict[str, Any]]:
    found = dataset.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise _refuse(path, f"a list of mappings as {name}", type(found).__name__)
    return found


def _check_quantities(mapping: dict[str, Any], path: Path) -> None:
    """Refuse quantities that are anything but a number and a unit; csdmpy would evaluate them."""
    coordinates = mapping.get("coordinates")
    stated = [mapping[name] for name in _QUANTITIES if name in mapping]
    stated += coordinates if isinstance(coordinates, list) else []
    stated += [f"1 {mapping['unit']}"] if "unit" in mapping else []
    for text in stated:
        number = _NUMBER.match(text) if isinstance(text, str) else None
        unit = "" if number is None else text[number.end() :].strip()
        if number is None or (unit and (len(unit) > 60 or not _UNIT.fullmatch(unit))):
            raise _refuse(path, "a number and a unit as quantity", repr(text)[:60])
    if isinstance(mapping.get("reciprocal"), dict):
        _check_quantities(mapping["reciprocal"], path)


def _count(dimension: dict[str, Any], path: Path) -> int:
    """Points along a dimension; 1 where csdmpy will say what is missing."""
    for name in ("coordinates", "labels"):
        if isinstance(dimension.get(name), list):
            return max(len(dimension[name]), 1)
    count = dimension.get("count", 1)
    if isinstance(count, bool) or not isinstance(count, int):
        raise _refuse(path, "a whole number as count of a dimension", repr(count)[:40])
    if not 1 <= count <= _MOST_POINTS:
        raise _refuse(path, f"1 to {_MOST_POINTS} as count of a dimension", f"{count:.3g}")
    return count


def _fetch(variable: dict[str, Any], path: Path) -> tuple[Path, dict[str, Any]]:
    """File beside this one that holds a variable's numbers, and the variable with them inside."""
    url = variable.get("components_url")
    if not isinstance(url, str):
        raise _refuse(path, "the name of a file as components_url", repr(url)[:40])
    parts = urlsplit(url)
    name = unquote(parts.path)
    if parts.scheme not in ("", "file") or parts.netloc or not name or "\0" in name:
        raise _refuse(path, "data in a file beside it", f"{url[:80]!r}, which is not fetched")
    folder = path.parent.resolve()
    beside = (folder / name).resolve()
    if not beside.is_relative_to(folder):
        raise _refuse(path, "data in a file beside it", f"{url[:80]!r}, which is elsewhere")
    if "encoding" in variable and variable["encoding"] != "raw":
        raise _refuse(path, "external data as raw numbers", repr(variable["encoding"])[:40])
    if "numeric_type" not in variable or "quantity_type" not in variable:
        raise _refuse(path, "numeric_type and quantity_type of external data", "one or none")
    content = read_bytes(beside)
    n = _count_components(variable, path)
    if len(content) % n:
        raise _refuse(beside, f"{n} components of equal length", f"{len(content)} bytes")
    size = len(content) // n
    pieces = [content[start : start + size] for start in range(0, len(content), size or 1)][:n]
    inside = {key: value for key, value in variable.items() if key != "components_url"}
    inside |= {
        "type": "internal",
        "encoding": "base64",
        "components": [base64.b64encode(piece).decode() for piece in pieces],
    }
    return beside, inside


def _count_components(variable: dict[str, Any], path: Path) -> int:
    from csdmpy.utils import QuantityType  # noqa: PLC0415 - slow to load

    try:
        return int(QuantityType(variable["quantity_type"]).p)
    except Exception as error:  # csdmpy raises whatever comes
        raise _refuse(path, "a known quantity_type", _to_sentence(error)) from None


def _check_base64(variable: dict[str, Any], path: Path) -> None:
    """Refuse characters that are no base64, which Python would leave out."""
    if variable.get("encoding") != "base64" or not isinstance(variable.get("components"), list):
        return
    for one in variable["components"]:
        try:
            base64.b64decode(one, validate=True)
        except (binascii.Error, ValueError, TypeError) as error:
            raise _refuse(path, "base64 as components", f"other text ({error})") from None


def _decode(content: dict[str, Any], path: Path) -> Any:
    """Dataset as csdmpy reads it; whatever it complains of becomes one sentence."""
    import csdmpy  # noqa: PLC0415 - slow to load

    n_points = math.prod(_count(one, path) for one in content["csdm"]["dimensions"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = csdmpy.parse_dict(content)
            for one in dataset.dependent_variables:
                if one.components[0].size != n_points:
                    raise ValueError(f"{one.components[0].size} numbers for {n_points} points")
                if not np.isfinite(one.components).all():
                    raise ValueError("numbers that are not finite")
            for dimension in dataset.dimensions:
                if dimension.type not in _KINDS:
                    raise ValueError(f"a dimension of type {dimension.type}")
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # csdmpy raises even that
        raise _refuse(
            path, "a valid dataset", f"one that csdmpy refuses: {_to_sentence(error)}"
        ) from None
    return dataset


def _to_sentence(error: BaseException) -> str:
    """What a library complains of, on one line and without a full stop."""
    text = str(error.args[0]) if error.args else type(error).__name__
    return " ".join(text.split())[:300].rstrip(".").replace(". ", "; ")


def _make_axis(dimension: Any) -> Axis:
    """Axis of a dimension, in ppm where its origin offset says how."""
    if dimension.type == "labeled":
        return Axis(np.arange(len(dimension.labels), dtype=np.float64), dimension.label, "")
    values = dimension.coordinates
    name = str(dimension.label or dimension.quantity_name or "")
    unit = str(values.unit)
    origin = dimension.origin_offset
    if unit in ("Hz", "kHz", "MHz") and origin is not None and origin.to("Hz").value != 0:
        shifts = values.to("Hz").value / abs(origin.to("Hz").value) * 1e6
        return Axis(shifts, name if dimension.label else name_shift(""), "ppm")
    if unit == "Hz":  # of an NMR spectrum, where MHz would hide it
        return Axis(np.asarray(values.value, np.float64), name, unit)
    numbers, unit = convert(np.asarray(values.value, np.float64), unit)
    return Axis(numbers, name, unit)


def _tell(dataset: Any, variable: Any, number: int, path: Path) -> dict[str, Any]:
    labels = variable.component_labels
    label = str(labels[number]) if number < len(labels) else ""
    origin = getattr(dataset.dimensions[0], "origin_offset", None)
    carrier_MHz = None
    if origin is not None and origin.unit.is_equivalent("Hz") and origin.value != 0:
        carrier_MHz = float(abs(origin.to("MHz").value))
    n = len(variable.components)
    return known(
        {
            "title": path.stem,
            "description": str(dataset.description or ""),
            "date": str(dataset.timestamp or ""),
            "quantity": " ".join(filter(None, (variable.name, label if n > 1 else "")))
            or f"component {number}",
            "unit": str(variable.unit),
            "spectrometer_frequency_MHz": carrier_MHz,
            "reference_frequency_MHz": carrier_MHz,
            "scale": "CSDM origin offset" if carrier_MHz else None,
        }
    )
