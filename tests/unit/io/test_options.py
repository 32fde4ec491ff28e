"""What a person may tell a reader, and what is refused in one sentence."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_nanodope.io import read_field
from napari_nanodope.io.options import as_detectors, as_elements, as_frames, as_lines
from napari_nanodope.model import InputError
from napari_nanodope.recipe import LineWindows

WINDOWS = {"line": "Ka", "window_keV": (3.5, 3.9)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    np.save(tmp_path / "Ca.npy", np.ones((3, 4)))
    return tmp_path / "Ca.npy"


@pytest.mark.parametrize(
    ("given", "taken"), [("sum", "sum"), (np.int64(0), (0,)), ([0, np.uint8(2)], (0, 2))]
)
def test_detectors_are_whole_numbers(given: Any, taken: Any) -> None:
    assert as_detectors(given) == taken


def test_frames_elements_and_lines_come_in_several_forms() -> None:
    assert as_frames([np.int64(0), 5]) == (0, 5)
    assert as_elements("Ca") == ("Ca",)
    assert as_lines({"Ca": WINDOWS}) == {"Ca": LineWindows.model_validate(WINDOWS)}


@pytest.mark.parametrize(
    "told",
    [
        *({"detectors": one} for one in ("all", 1.5, [0.5], [0, 0], True, [True], None, -1, [])),
        *({"frames": one} for one in (5, "all", (0, None), (0.5, 2), (3, 3), None, (0, 1, 2))),
        *({"elements": one} for one in (5, [1], [None], "Cadmium")),
        *({"lines": {"Ca": one}} for one in (None, ["Ka"], {"line": "Ka"}, 5)),
        *({"lines": one} for one in (["Ka"], "Ka", {"calcium": "Ka"})),
        {"elements": ["Ca"], "lines": {"K": "Ka"}},
        {"pixel_size_nm": (1, 2, 3)},
        {"survey": ["HAADF.tif"]},
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_in_one_sentence(told: dict[str, Any], path: Path) -> None:
    with pytest.raises(InputError, match=r"^Expected .*, got .*; .*\.$"):
        read_field(path, **({"pixel_size_nm": 1} | told))


@pytest.mark.parametrize("given", [None, 5, [None], [5]])
def test_what_is_no_path_is_refused(given: Any) -> None:
    with pytest.raises(InputError, match="^Expected the path of a file or folder, got"):
        read_field(given)
