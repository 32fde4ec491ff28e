"""What an analysis of one field found, and its folder on disk."""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_nanodope.io.arrays import load_field, read_labels, save_field, save_labels
from napari_nanodope.io.files import (
    UnreadableFileError,
    check_folder_is_writable,
    replacing,
    replacing_folder,
)
from napari_nanodope.io.tables import load_table, save_table
from napari_nanodope.model import FieldOfView, InputError, Source, as_labels, read_only
from napari_nanodope.recipe import Recipe
from napari_nanodope.segmentation import Outlines

if TYPE_CHECKING:
    from napari_nanodope.core.measuring import Measurements

_TABLES = ("particles", "radial", "profiles")
_LAST = "provenance.json"


@dataclass(frozen=True, slots=True)
class FieldResult:
    """What an analysis of one field found.

    Attributes
    ----------
    field : FieldOfView
        What was analysed.
    recipe : Recipe
        Every setting.
    labels : (Y, X) int32 array
        The particles; 0 for background.
    particles : DataFrame
        One row per particle: shape, counts, dopants with interval, and whether it is included.
    radial : DataFrame
        One row per particle and depth bin.
    profiles : DataFrame
        Included particles summed by size class and depth: dopant pixels counted, and expected if
        the dopants fill the core or sit at the surface.
    summary : dict
        The numbers of the field, with intervals, ``statements`` and ``warnings``.
    provenance : dict
        Input, labels and recipe by digest, and the versions that made this.
    measured : Measurements, optional
        What `analyze` goes on with when some labels are edited; not saved, so None of results that
        were loaded.
    """

    field: FieldOfView
    recipe: Recipe
    labels: NDArray[np.int32] = dataclasses.field(compare=False, repr=False)
    particles: pd.DataFrame = dataclasses.field(compare=False, repr=False)
    radial: pd.DataFrame = dataclasses.field(compare=False, repr=False)
    profiles: pd.DataFrame = dataclasses.field(compare=False, repr=False)
    summary: Mapping[str, Any]
    provenance: Mapping[str, Any] = dataclasses.field(repr=False)
    measured: "Measurements | None" = dataclasses.field(default=None, compare=False, repr=False)

    @property
    def included(self) -> pd.DataFrame:
        """Rows of `particles` that enter the statistics."""
        return self.particles[self.particles["included"]]

    @property
    def included_radial(self) -> pd.DataFrame:
        """Rows of `radial` of the included particles."""
        return self.radial[self.radial["label"].isin(self.included["label"])]

    @property
    def outlines(self) -> Outlines | None:
        """Labels with the scores of their particles, where they were segmented; None if given.

        What `analyze` takes as labels to give the same tables again, scores included.

        Raises
        ------
        InputError
            If the provenance does not tell.
        """
        try:
            about = dict(self.provenance["labels"])
            origin, _ = about.pop("origin"), about.pop("sha256")
            if origin != "segmented":
                return None
            diameter_nm = float(about["diameter_nm"])
        except (KeyError, TypeError, ValueError):
            raise _tell_provenance("where the labels come from ('labels')") from None
        scores = self.particles[["label", "probability", "flow_error"]]
        return Outlines(self.labels, scores, diameter_nm, about)

    @property
    def exclusions(self) -> dict[int, str]:
        """Reason by label of the particles that a person left out.

        Raises
        ------
        InputError
            If the provenance names others than those of the result.
        """
        told = self.provenance.get("exclusions", {})
        try:
            found = {int(label): str(why).strip() or "left out" for label, why in told.items()}
        except (AttributeError, ValueError):
            raise _tell_provenance("reasons by label ('exclusions')") from None
        if not set(found) <= set(self.particles["label"]):
            raise _tell_provenance("particles of the result ('exclusions')")
        return found

    def save(
        self, folder: str | Path, *, progress: Callable[[float, str], None] | None = None
    ) -> Path:
        """Write field, labels, tables, summary and recipe into a folder, all or nothing.

        Parameters
        ----------
        folder : path
            Made where it does not exist; other files in it are kept.
        progress : callable, optional
            Called with the fraction done, from 0 to 1, and what comes next; an error that it raises
            stops the writing, and nothing is left of it.

        Returns
        -------
        Path
            The folder. ``provenance.json`` is written last: a folder with it is complete.

        Raises
        ------
        InputError
            If the folder cannot be written to.
        """
        folder = Path(folder)
        tell = progress or (lambda share, what: None)
        check_folder_is_writable(folder)
        metadata = {
            "recipe_sha256": self.recipe.sha256,
            "input_sha256": self.provenance["input"]["sha256"],
            "version": self.provenance["version"],
            "interval": 0.95,
        }
        with replacing_folder(folder, last=_LAST) as partial:
            tell(0.0, "field")
            save_field(self.field, partial / "field.npz")
            tell(0.7, "labels")
            save_labels(self.labels, partial / "labels.tif", self.field.pixel_size_nm)
            tell(0.8, "tables")
            for name in _TABLES:
                save_table(getattr(self, name), partial / f"{name}.parquet", metadata)
            self.recipe.save(partial / "recipe.toml")
            save_json(dict(self.summary), partial / "summary.json")
            save_json(dict(self.provenance), partial / _LAST)
            tell(1.0, "done")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read a folder that `save` wrote.

        Raises
        ------
        UnreadableFileError
            If it is not the folder of a finished result.
        """
        folder = Path(folder)
        if not (folder / _LAST).is_file():
            raise UnreadableFileError(
                f"Expected the folder of a finished result (with {_LAST}), got {folder}; give the "
                f"--out folder of 'nanodope analyze'."
            )
        provenance = load_json(folder / _LAST)
        try:
            entry = provenance["input"]
            source = Source(entry["path"], entry["sha256"], entry["reader"], entry["settings"])
        except (KeyError, TypeError):
            raise UnreadableFileError(
                f"Expected {folder / _LAST} to name its input, got something else; run the "
                f"analysis again."
            ) from None
        origin = None if entry["reader"] == "arrays" else source
        seen = load_field(folder / "field.npz", source=origin)
        particles, radial, profiles = (load_table(folder / f"{name}.parquet") for name in _TABLES)
        return cls(
            field=seen,
            recipe=Recipe.load(folder / "recipe.toml"),
            labels=read_only(as_labels(read_labels(folder / "labels.tif"), seen.shape)),
            particles=particles,
            radial=radial,
            profiles=profiles,
            summary=load_json(folder / "summary.json"),
            provenance=provenance,
        )


def _tell_provenance(what: str) -> InputError:
    return InputError(
        f"Expected a provenance that tells {what}, got another; measure the field again."
    )


def to_folder_name(field: FieldOfView) -> str:
    """Name of the folder of a field's result; what cannot stand in a file name does not."""
    return re.sub(r'[\\/:*?"<>|\x00-\x1f]', "_", field.field_id).strip(". ") or "field"


def find_results(folder: Path) -> list[Path]:
    """Folders of finished results in and below `folder`, sorted.

    Raises
    ------
    InputError
        If there are none.
    """
    found = sorted(path.parent for path in folder.rglob(_LAST)) if folder.is_dir() else []
    if not found:
        raise InputError(
            f"Expected a folder with results in or below it, got {folder}; give the --out folder "
            f"of 'nanodope analyze'."
        )
    return found


def save_json(value: dict[str, Any], path: Path) -> None:
    """Write JSON, whole or not at all."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def load_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    UnreadableFileError
        If it is missing or no JSON object.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UnreadableFileError(
            f"Expected JSON at {path}, got: {error}; run the analysis again."
        ) from None
    if not isinstance(value, dict):
        raise UnreadableFileError(
            f"Expected a JSON object at {path}, got {type(value).__name__}; run the analysis again."
        )
    return value
