"""A project folder with simulated files of every instrument, and the table of what is true."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_nanodope.io.files import check_folder_is_writable
from napari_nanodope.model import InputError
from napari_nanodope.recipe import Recipe
from napari_nanodope.simulated.fields import MATERIAL, SHELL_nm, draw_fields, write_fields
from napari_nanodope.simulated.nuclei import RECIPE, RECIPE_TEXT, write_nmr
from napari_nanodope.simulated.resonance import write_epr
from napari_nanodope.simulated.samples import SERIES, TrueSample
from napari_nanodope.simulated.truth import COLUMNS, list_truths, mean_diameter_nm

TRUTH_FILE = "truth.csv"
_ICP_ERROR = 0.03  # relative standard error of ICP-MS
_ICP_BLANK_mM = 0.02

Progress = Callable[[float, str], None]


def simulate_project(
    folder: str | Path,
    seed: int = 1,
    *,
    samples: Sequence[TrueSample] = SERIES,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Write a project of simulated samples; return what is true of them.

    Parameters
    ----------
    folder : path
        Made where it does not exist; to be empty where it does.
    seed : int, optional
        Of all random numbers: the same seed gives the same files, byte for byte.
    samples : sequence of TrueSample, optional
        Which ones; by default all. The files of one do not depend on the others.
    progress : callable, optional
        Called with the fraction done and the sample.

    Returns
    -------
    DataFrame
        The content of ``truth.csv``: sample_id, quantity, value, unit, and whether it is true
        of the "sample" or of what came out in its "fields".

    Raises
    ------
    InputError
        If there is something at that place already, or it cannot be written to.

    Notes
    -----
    The concentration of the dopant sets the counts of EDS, the value by ICP-MS, the width and the
    relaxation of EPR, and the enhancement and the build-up of NMR; the diameters that came out in
    the fields set the parts of the layers. `napari_nanodope.simulated.relations` has the equations.
    """
    folder = Path(folder).absolute()
    if seed < 0:
        raise InputError(f"Expected a seed of at least 0, got {seed}.")
    _check_empty(folder)
    check_folder_is_writable(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{folder.name}.", suffix=".partial", dir=folder.parent
    ) as outer:
        partial = Path(outer) / "project"
        partial.mkdir()
        table = _write(partial, seed, samples, progress or _say_nothing)
        if folder.exists():
            _check_empty(folder)
            folder.rmdir()
        shutil.move(partial, folder)
    return table


def _say_nothing(done: float, what: str) -> None:
    pass


def _check_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        return
    if folder.exists() or folder.is_symlink():
        what = "one with files in it" if folder.is_dir() else "a file"
        raise InputError(
            f"Expected an empty folder or none at {folder}, got {what}; name another, so that "
            f"nothing of yours is mixed with what is simulated."
        )


def _write(
    folder: Path, seed: int, samples: Sequence[TrueSample], progress: Progress
) -> pd.DataFrame:
    rows: list[tuple[Any, ...]] = []
    about: list[dict[str, Any]] = []
    measurements: list[dict[str, Any]] = []
    for number, sample in enumerate(samples):
        progress(number / len(samples), sample.id)
        drawn = draw_fields(sample, seed)
        measurements.append(write_fields(sample, drawn, folder, seed))
        measurements += write_epr(sample, folder, seed)
        measurements += write_nmr(sample, mean_diameter_nm(drawn), folder, seed)
        about.append(_describe(sample, seed))
        rows += list_truths(sample, drawn)
    _write_text(folder / RECIPE, RECIPE_TEXT)
    Recipe.from_dict({"profile": {"shell_nm": SHELL_nm}}).save(folder / "recipe.toml")
    table = pd.DataFrame(rows, columns=pd.Index(COLUMNS))
    _write_text(folder / TRUTH_FILE, table.to_csv(index=False, lineterminator="\n"))
    _write_text(folder / "project.toml", "\n".join(_list_lines(about, measurements, seed)))
    progress(1.0, "done")
    return table


def _write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode())


def _describe(sample: TrueSample, seed: int) -> dict[str, Any]:
    """Entry of a sample, with a concentration by ICP-MS that has its error of measurement."""
    rng = np.random.default_rng([seed, round(60 * sample.incubation_h), 300])
    error = float(np.hypot(_ICP_ERROR * sample.dopant_mM, _ICP_BLANK_mM))
    measured = max(sample.dopant_mM + error * float(rng.standard_normal()), 0.0)
    return {
        "id": sample.id,
        "incubation_h": sample.incubation_h,
        "feed": sample.feed,
        "icp_ms_mM": round(measured, 3),
        "metadata": {"icp_ms_error_mM": round(error, 3), "is_simulated": True},
    }


def _list_lines(
    samples: Sequence[Mapping[str, Any]], measurements: Sequence[Mapping[str, Any]], seed: int
) -> Iterator[str]:
    """Lines of the project file."""
    yield f"# Simulated: nanodope simulate --project DIR --seed {seed}. {TRUTH_FILE} has the truth."
    yield "[project]"
    yield 'name = "Simulated Mn:CdS"'
    yield "\n[defaults]"
    yield 'host = "Cd"'
    yield 'dopant = "Mn"'
    yield f"material = {json.dumps(MATERIAL)}"
    for name, entries in (("sample", samples), ("measurement", measurements)):
        for entry in entries:
            yield f"\n[[{name}]]"
            yield from (f"{key} = {_to_toml(value)}" for key, value in entry.items())
    yield ""


def _to_toml(value: Any) -> str:
    """Value in one line of TOML."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {_to_toml(one)}' for key, one in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_to_toml, value))}]"
    return json.dumps(value)
