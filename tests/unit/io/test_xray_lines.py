"""The table of lines is eXSpy's, however it is read."""

import warnings

import pytest

from napari_nanodope.io import xray_lines
from napari_nanodope.io.xray_lines import load_all_lines, load_lines
from napari_nanodope.model import is_element


def test_every_line_is_that_of_exspy() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecations inside a dependency, while it is imported
        from exspy.material import elements

    n_lines = 0
    for symbol, properties in elements.as_dictionary().items():
        if not is_element(symbol):
            continue
        known = properties.get("Atomic_properties", {}).get("Xray_lines", {})
        found = {line.name: line for line in load_lines(symbol)}
        assert set(found) == set(known)
        for name, line in known.items():
            n_lines += 1
            assert found[name].energy_keV == line["energy (keV)"]
            assert found[name].weight == line["weight"]
    assert n_lines > 800


def test_both_ways_to_the_table_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    read = load_all_lines()
    monkeypatch.setattr(xray_lines, "_read_table", dict)
    load_all_lines.cache_clear()
    try:
        assert load_all_lines() == read
    finally:
        load_all_lines.cache_clear()


def test_the_strongest_of_a_family_comes_first() -> None:
    names = [line.name for line in load_lines("Cd")]
    assert names[0] == "Ka"
    assert names.index("La") < names.index("Lb1")
    assert load_lines("Xx") == ()
