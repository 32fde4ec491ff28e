"""Tables as Parquet with units, definitions and the recipe's hash in their metadata."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from napari_nanodope.io.files import UnreadableFileError, replacing

DEFINITIONS = {
    "label": "number of the particle in the label image",
    "centroid_y_nm": "mean row of the particle's pixel centres, from the centre of the first pixel",
    "centroid_x_nm": "mean column of the particle's pixel centres, likewise",
    "area_nm2": "projected area: pixels times pixel area",
    "equivalent_diameter_nm": "diameter of the circle of the same area",
    "inradius_nm": "greatest distance of a pixel of the particle from its edge",
    "eccentricity": "of the ellipse of the same second moments; 0 for a circle",
    "solidity": "area over the area of the convex hull of the pixel corners",
    "contact_fraction": "share of the outline that borders other particles",
    "touches_border": "whether the particle reaches the border of the picture",
    "included": "whether the particle enters the statistics",
    "exclusion_reason": "why it does not; empty where it does",
    "host_counts": "net counts of the host, summed over the pixels",
    "dopant_pixels": "pixels whose net dopant counts lie strictly above the threshold",
    "dopant_counts": "net counts of the dopant, summed over the dopant pixels",
    "dopants": "dopant pixels less the false positives expected; unbiased, may be negative",
    "dopants_low": "lower end of the 95 % interval of the expected dopants",
    "dopants_high": "upper end of the 95 % interval of the expected dopants",
    "volume_nm3": "volume of the particle as the recipe's particles.volume takes it",
    "dopant_mM": "dopants over volume, in millimoles per litre of crystal",
    "probability": "mean over the pixels of how sure the network is, from 0 to 1",
    "flow_error": "squared difference between the network's flows and the outline's; 0 is perfect",
    "depth_px": "depth bin, one pixel wide; 0 at the edge",
    "depth_nm": "depth of the middle of the bin below the edge of the particle",
    "n_pixels": "pixels",
    "mean_depth_nm": "mean over the pixels of the bin of the exact distance from the edge",
    "size_class": "number of depth bins of the particle",
    "core": "dopant pixels expected if the dopants fill the volume",
    "surface": "dopant pixels expected if the dopants sit in the surface shell",
    "sample_id": "what joins the measurements of one sample",
    "field_id": "the acquisition",
    "host_element": "element of the host",
    "dopant_element": "element of the dopant",
}


def save_table(table: pd.DataFrame, path: Path, metadata: dict[str, Any]) -> None:
    """Write a table as Parquet, whole or not at all.

    Parameters
    ----------
    table : DataFrame
        Columns named as in `DEFINITIONS`; units are in the names.
    path : Path
        Where to.
    metadata : dict
        What the whole table shares, ready for JSON; kept under the key ``nanodope``.
    """
    import pyarrow as pa  # noqa: PLC0415 - a slow import that only writing needs
    import pyarrow.parquet as pq  # noqa: PLC0415

    arrow = pa.Table.from_pandas(table, preserve_index=False, nthreads=1)
    fields = [
        column.with_metadata({"description": DEFINITIONS.get(column.name, "")})
        for column in arrow.schema
    ]
    schema = pa.schema(
        fields, {**(arrow.schema.metadata or {}), b"nanodope": json.dumps(metadata).encode()}
    )
    with replacing(path, is_listed=True) as partial:  # DuckDB and Dask read hidden files, too
        pq.write_table(arrow.cast(schema), partial, compression="zstd")


def load_table(path: Path) -> pd.DataFrame:
    """Read a table that `save_table` wrote.

    Raises
    ------
    UnreadableFileError
        If it is missing or no Parquet.
    """
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        table: pd.DataFrame = pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise UnreadableFileError(
            f"Expected a Parquet table at {path}, got: {str(error).splitlines()[0]}; run the "
            f"analysis again."
        ) from None
    return table


PARTITION = "sample_id"
"""Column that the folders of a partitioned table tell, and its files therefore do not hold."""


def to_partition(table: pd.DataFrame) -> pd.DataFrame:
    """Table as a file of a hive-partitioned folder holds it: plain texts, no `PARTITION`."""
    plain = table.drop(columns=PARTITION)
    for name, kind in plain.dtypes.items():
        if isinstance(kind, pd.CategoricalDtype):  # a third of the time that `astype` takes
            plain[name] = kind.categories.astype("str").take(plain[name].cat.codes.to_numpy())
    return plain


def load_partitions(paths: Sequence[Path], folder: Path) -> pd.DataFrame:
    """Rows of several files of a hive-partitioned folder, in the order of the files.

    Parameters
    ----------
    paths : sequence of Path
        As in ``folder/sample_id=24h/scan1.parquet``.
    folder : Path
        Folder of the partitions.

    Raises
    ------
    UnreadableFileError
        If a file is no Parquet.
    """
    if not paths:
        return pd.DataFrame(columns=pd.Index([PARTITION, "field_id"]), dtype="str")
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.dataset as ds  # noqa: PLC0415

    schema = pa.schema([(PARTITION, pa.string())])
    try:
        found = ds.dataset(
            [str(path) for path in paths],
            format="parquet",
            partitioning=ds.partitioning(schema, flavor="hive"),
            partition_base_dir=str(folder),
        )
        table: pd.DataFrame = found.to_table().to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise UnreadableFileError(
            f"Expected Parquet tables in {folder}, got: {str(error).splitlines()[0]}; remove the "
            f"file, and run the batch again."
        ) from None
    names = [name for name in table.columns if name != PARTITION]
    names.insert(names.index("field_id") if "field_id" in names else 0, PARTITION)
    return table[names]
