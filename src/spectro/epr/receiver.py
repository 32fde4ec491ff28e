"""What a receiver multiplies a signal by: its gain, the scans it adds up, the time it counts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectro.model import InputError, Spectrum

SETTINGS = {
    "receiver_gain_dB": "receiver gain",
    "n_scans": "number of scans",
    "conversion_time_s": "conversion time",
}
"""What multiplies the signal, by its name in the metadata."""

_UNTOLD = "Magnettech"  # files of which it is not known whether scans are added up or averaged


def tell_conditions(spectrum: Spectrum, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What is known of a measurement: what is given, else what its file says."""
    return {"reader": spectrum.source.reader, **spectrum.metadata, **(given or {})}


def compute_receiver_factors(
    conditions: Sequence[Mapping[str, Any]],
) -> tuple[NDArray[np.float64], dict[str, NDArray[np.float64]]]:
    """What the receiver multiplied each signal by, relative to the first.

    Parameters
    ----------
    conditions : sequence of mapping
        Of each measurement; see `tell_conditions`.

    Returns
    -------
    (N,) array
        To divide the intensities by.
    dict of str to (N,) array
        The part of each setting that differs.

    Raises
    ------
    InputError
        If a setting is known of some of them only, or it is not known what it does.

    Notes
    -----
    Intensities of Bruker's files are sums over scans, proportional to the conversion time and to
    10^(gain / 20 dB), unless Xepr normalised them, which it tells.
    """
    if is_normalised(conditions):
        return np.ones(len(conditions)), {}
    parts = {}
    for name, words in SETTINGS.items():
        values = require_alike(conditions, name, words)
        if values is None or (values == values[0]).all():
            continue
        readers = [str(one.get("reader", "")) for one in conditions]
        if name == "n_scans" and any(one.startswith(_UNTOLD) for one in readers):
            raise InputError(
                f"Expected the same number of scans, as files of {_UNTOLD} do not tell whether "
                f"they are added up or averaged, got {_list(values)}; divide the intensities "
                f"yourself and give n_scans of 1."
            )
        if name != "receiver_gain_dB" and (values <= 0).any():
            raise InputError(f"Expected a {words} above 0, got {_list(values)}; give it.")
        ratio = 10 ** ((values - values[0]) / 20) if name.endswith("_dB") else values / values[0]
        parts[name] = ratio
    factors = np.prod([np.ones(len(conditions)), *parts.values()], axis=0)
    return np.asarray(factors), parts


def is_normalised(conditions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the spectrometer took the receiver's part out already.

    Raises
    ------
    InputError
        If it did so in some of them only.
    """
    told = [bool(one.get("is_normalised")) for one in conditions]
    if any(told) and not all(told):
        raise InputError(
            "Expected intensities that the spectrometer normalised, or raw ones, got both; export "
            "them alike."
        )
    return all(told)


def require_alike(
    conditions: Sequence[Mapping[str, Any]], name: str, words: str
) -> NDArray[np.float64] | None:
    """Values of a condition; None where it is known of no measurement.

    Raises
    ------
    InputError
        If it is known of some of them only.
    """
    values = [one.get(name) for one in conditions]
    if all(one is None for one in values):
        return None
    if any(one is None for one in values):
        raise InputError(
            f"Expected the {words} ({name}) of all measurements or of none, got "
            f"{', '.join('none' if one is None else f'{one:g}' for one in values)}; give the "
            f"missing ones."
        )
    return np.array(values, float)


def _list(values: NDArray[np.float64]) -> str:
    return ", ".join(f"{one:g}" for one in values)
