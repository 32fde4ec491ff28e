"""The table of the published Fiji macro, ``paritcal.csv``, read and written."""

from pathlib import Path

import numpy as np
import pandas as pd

from napari_nanodope.io.files import UnreadableFileError, replacing
from napari_nanodope.model import as_pixel_size_nm

COLUMNS = {
    "Particle Id": "label",
    "Distance from Edge": "depth_px",
    "Pixel count": "n_pixels",
    "Pixels sum intensities": "host_counts",
    "Mn count": "dopant_pixels",
    "Mns sum intensities": "dopant_counts",
}
_WHOLE = ["label", "depth_px", "n_pixels", "dopant_pixels"]


def write_macro_csv(radial: pd.DataFrame, path: str | Path) -> None:
    """Write a radial table as the macro does: every particle at every depth, zeros kept.

    Parameters
    ----------
    radial : DataFrame
        With the columns ``label, depth_px, n_pixels, host_counts, dopant_pixels, dopant_counts``;
        equal to the macro's for ``profile.distance = "erode-ceil"``.
    path : path
        By the macro's custom, ``paritcal.csv``.
    """
    labels = np.unique(radial["label"])
    depths = np.arange(int(radial["depth_px"].max()) + 1 if len(radial) else 0)
    grid = pd.MultiIndex.from_product([labels, depths], names=["label", "depth_px"])
    values = [name for name in COLUMNS.values() if name not in grid.names]
    full = radial.set_index(["label", "depth_px"])[values].reindex(grid, fill_value=0)
    table = full.reset_index().rename(columns={ours: theirs for theirs, ours in COLUMNS.items()})
    with replacing(Path(path)) as partial:
        table[list(COLUMNS)].to_csv(partial, index=False, lineterminator="\n")


def read_macro_csv(path: str | Path, *, pixel_size_nm: float) -> pd.DataFrame:
    """Radial table from a macro's file, depths without pixels left out.

    Parameters
    ----------
    path : path
        As the macro saved it.
    pixel_size_nm : float
        Side of a pixel, which the macro does not save.

    Returns
    -------
    DataFrame
        ``label, depth_px, depth_nm, n_pixels, host_counts, dopant_pixels, dopant_counts``.

    Raises
    ------
    UnreadableFileError
        If the file is missing, lacks a column or holds something other than numbers.
    """
    try:
        table = pd.read_csv(path, skipinitialspace=True)
        table = table.rename(columns=str.strip)
        missing = [name for name in COLUMNS if name not in table]
        if missing:
            raise ValueError(f"no column {', '.join(missing)}")
        numbers = table[list(COLUMNS)].apply(pd.to_numeric)
        if not np.isfinite(numbers.to_numpy(float)).all():
            raise ValueError("empty or infinite cells")
        whole = numbers[[theirs for theirs, ours in COLUMNS.items() if ours in _WHOLE]].to_numpy()
        if (whole != np.floor(whole)).any() or (np.abs(whole) > 2**53).any():
            raise ValueError("fractions where whole numbers belong")
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise UnreadableFileError(
            f"Expected the macro's table (columns {', '.join(COLUMNS)}) at {path}, got: "
            f"{str(error).splitlines()[0]}; save it again from Fiji as CSV."
        ) from None
    radial = numbers.rename(columns=COLUMNS).astype(dict.fromkeys(_WHOLE, np.int64))
    radial = radial.astype({"host_counts": float, "dopant_counts": float})
    depth_nm = (radial["depth_px"] + 0.5) * as_pixel_size_nm(pixel_size_nm)[0]
    radial.insert(2, "depth_nm", depth_nm)
    kept: pd.DataFrame = radial[radial["n_pixels"] > 0].reset_index(drop=True)
    return kept
