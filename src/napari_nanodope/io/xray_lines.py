"""Energies and weights of X-ray lines, as eXSpy tabulates them."""

import ast
import importlib.util
import warnings
from functools import cache
from pathlib import Path
from typing import Any

from napari_nanodope.core.xray import XrayLine
from napari_nanodope.model import is_element


def load_lines(element: str) -> tuple[XrayLine, ...]:
    """X-ray lines of an element, strongest of each family first; empty where none is known.

    Examples
    --------
    >>> [(line.name, round(line.energy_keV, 2)) for line in load_lines("Mn")][:2]
    [('Ka', 5.9), ('Kb', 6.49)]
    """
    return load_all_lines().get(element, ())


@cache
def load_all_lines() -> dict[str, tuple[XrayLine, ...]]:
    """X-ray lines by element symbol.

    Notes
    -----
    Energies are those of Chantler et al., weights those of the EPQ library, both as eXSpy lists
    them. Importing eXSpy imports HyperSpy: two seconds and 200 MB. Its table is one literal
    assigned to a name, so it is read as data here, and imported only where that fails.
    """
    table = _read_table() or _import_table()
    lines = {}
    for symbol, properties in table.items():
        if not is_element(symbol):
            continue
        known = properties.get("Atomic_properties", {}).get("Xray_lines", {})
        found = [
            XrayLine(symbol, name, float(line["energy (keV)"]), float(line["weight"]))
            for name, line in known.items()
        ]
        if found:
            lines[symbol] = tuple(sorted(found, key=lambda x: (x.name[0], -x.weight, x.name)))
    return lines


def _read_table() -> dict[str, Any]:
    spec = importlib.util.find_spec("exspy")
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder) / "_misc" / "elements.py"
        if not path.is_file():
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                try:
                    table: dict[str, Any] = ast.literal_eval(node.value)
                except ValueError:  # a later version may compute it
                    continue
                if "Cd" in table:
                    return table
    return {}


def _import_table() -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside a dependency, while it is imported
        from exspy.material import elements  # noqa: PLC0415 - takes seconds

    table: dict[str, Any] = elements.as_dictionary()
    return table
