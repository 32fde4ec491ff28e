"""Saving what a labels layer shows: the labels, calibrated, or the table of its particles."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_nanodope._napari.layers import from_features, labels_from_layer, pixel_size_nm_of
from napari_nanodope.io.arrays import save_labels
from napari_nanodope.io.files import check_folder_is_writable, replacing
from napari_nanodope.io.tables import save_table
from napari_nanodope.model import InputError

_IMAGES, _TABLES = (".tif", ".tiff", ".npz"), (".parquet", ".csv")


def write_labels(path: str, data: Any, options: Mapping[str, Any]) -> list[str]:
    """Write a labels layer as ``.tif``, compressed and calibrated, or as ``.npz``.

    Parameters
    ----------
    path : str
        Where to; ``.tif`` is added to a name without suffix.
    data : (Y, X) array of integers
        0 for background.
    options : mapping
        Of the layer, as ``as_layer_data_tuple`` gives them.

    Returns
    -------
    list of str
        The file, which `read_labels` reads. An archive holds ``labels`` and ``pixel_size_nm``.

    Raises
    ------
    InputError
        If the layer has no length units or more than two dimensions, or the file cannot be written.
    """
    file = _check_path(path, _IMAGES)
    labels = labels_from_layer((data, dict(options), "labels"))
    pixel_size_nm = pixel_size_nm_of(options)
    if file.suffix.lower() == ".npz":
        with replacing(file) as partial, partial.open("wb") as archive:
            np.savez_compressed(archive, labels=labels, pixel_size_nm=pixel_size_nm)
    else:
        save_labels(labels, file, pixel_size_nm)
    return [str(file)]


def write_particles(path: str, data: Any, options: Mapping[str, Any]) -> list[str]:
    """Write the table of a labels layer as ``.parquet`` with definitions, or as ``.csv``.

    Parameters
    ----------
    path : str
        Where to; ``.parquet`` is added to a name without suffix.
    data : (Y, X) array of integers
        Not used; the table is that of the last measurement.
    options : mapping
        Of the layer, as ``as_layer_data_tuple`` gives them.

    Returns
    -------
    list of str
        The file: a row per particle, units in the names of the columns.

    Raises
    ------
    InputError
        If the layer has no table, or the file cannot be written.
    """
    file = _check_path(path, _TABLES)
    features = options.get("features")
    if features is None or not {"index", "label"} & set(features) or len(features) < 2:
        raise InputError(
            f"Expected a table of particles in {options.get('name')!r}, got none; measure first, "
            f"in the Count panel."
        )
    metadata = options.get("metadata") or {}
    table = from_features(pd.DataFrame(features), metadata)
    if file.suffix.lower() == ".csv":
        with replacing(file) as partial:
            table.to_csv(partial, index=False, lineterminator="\n")
    else:
        save_table(table, file, {"version": version("napari-nanodope")})
    return [str(file)]


def _check_path(path: str, suffixes: tuple[str, ...]) -> Path:
    """File to write, in a folder that is there, with the first suffix where it has none."""
    file = Path(path)
    if not file.suffix:
        file = file.with_name(f"{file.name}{suffixes[0]}")
    if file.suffix.lower() not in suffixes or file.is_dir():
        raise InputError(f"Expected a file name that ends in {' or '.join(suffixes)}, got {file}.")
    check_folder_is_writable(file.parent)
    file.parent.mkdir(parents=True, exist_ok=True)
    return file
