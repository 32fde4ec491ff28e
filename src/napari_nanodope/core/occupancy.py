"""How many dopants a nanocrystal holds, beside what other methods expect."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_nanodope.materials import mM_to_dopants


def histogram_dopants(
    dopant_pixels: NDArray[np.int64], size_class: NDArray[np.int64]
) -> pd.DataFrame:
    """Number of particles that hold 0, 1, 2, ... dopants, per size class.

    Parameters
    ----------
    dopant_pixels, size_class : (N,) int64 array
        Dopants counted in each particle, and its class.

    Returns
    -------
    DataFrame
        ``size_class, dopants, n_particles`` for every number from 0 to the greatest of the class,
        zeros kept.
    """
    tables = []
    for k in np.unique(size_class):
        counts = np.bincount(dopant_pixels[size_class == k])
        tables.append(
            pd.DataFrame(
                {"size_class": k, "dopants": np.arange(len(counts)), "n_particles": counts}
            )
        )
    columns = ["size_class", "dopants", "n_particles"]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def expect_dopants(
    volume_nm3: NDArray[np.float64],
    size_class: NDArray[np.int64],
    concentrations_mM: dict[str, float],
) -> pd.DataFrame:
    """Mean number of dopants expected in a particle of each size class.

    Parameters
    ----------
    volume_nm3, size_class : (N,) array
        Volume and class of each particle.
    concentrations_mM : dict of str to float
        What to expect, by the name of where it comes from: ``{"ICP-MS": 19.0}``.

    Returns
    -------
    DataFrame
        ``size_class, n_particles, mean_volume_nm3``, then a column per name.
    """
    classes, of_row, n = np.unique(size_class, return_inverse=True, return_counts=True)
    mean_volume = np.bincount(of_row, volume_nm3, minlength=len(classes)) / np.maximum(n, 1)
    table = pd.DataFrame({"size_class": classes, "n_particles": n, "mean_volume_nm3": mean_volume})
    for name, concentration in concentrations_mM.items():
        table[name] = mM_to_dopants(concentration, mean_volume)
    return table
