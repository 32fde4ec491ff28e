"""Spectra as Bruker BES3T: a descriptor (``.DSC``), data (``.DTA``), an uneven axis (``.YGF``)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spectro.model import Axis, InputError, Spectrum
from spectro.phantoms.files import write_files

_GAUSS_PER_mT = 10.0
_UNITS = {"mT": (_GAUSS_PER_mT, "G"), "mW": (1.0, "mW"), "s": (1e9, "ns"), "MHz": (1.0, "MHz")}
_STANDARD = (  # parameter of the standard layer, name in the metadata, factor
    ("OPER", "operator", None),
    ("MWFQ", "frequency_GHz", 1e9),
    ("MWPW", "power_mW", 1e-3),
    ("B0MA", "modulation_amplitude_mT", 1e-3),
    ("B0MF", "modulation_frequency_kHz", 1e3),
    ("RCAG", "receiver_gain_dB", 1.0),
    ("RCHM", "harmonic", None),
    ("RCTC", "time_constant_s", 1.0),
    ("SPTP", "conversion_time_s", 1.0),
    ("STMP", "temperature_K", 1.0),
    ("AVGS", "n_scans", None),
)


def save_bes3t(spectrum: Spectrum, path: str | Path) -> list[Path]:
    """Write a spectrum as Xepr does: real or complex, over one axis or two.

    Parameters
    ----------
    spectrum : Spectrum
        The last axis evenly spaced. Of the metadata, what `spectro.load` finds in such files.
    path : path
        Of the descriptor; its suffix becomes ``.DSC``.

    Returns
    -------
    list of Path
        The data, the axis of a series if there is one, and the descriptor.

    Raises
    ------
    InputError
        If there are more than two axes, the last one is uneven, or a file cannot be written.

    Notes
    -----
    Numbers are big-endian doubles, so intensities are read back bit for bit; fields are in G.
    """
    if spectrum.y.ndim > 2:
        raise InputError(f"Expected one axis or two, got {spectrum.y.ndim}; take a slice.")
    steps = np.diff(spectrum.x)
    if len(steps) == 0 or np.ptp(steps) > 1e-6 * abs(steps.mean()):
        raise InputError("Expected two points or more, evenly spaced, got others; interpolate.")
    path = Path(path)
    y = np.asarray(spectrum.y)
    if np.iscomplexobj(y):
        y = np.stack([y.real, y.imag], axis=-1)
    contents = {f"{path.stem}.DTA": y.astype(">f8").tobytes()}
    if spectrum.y.ndim == 2:
        slow = spectrum.axes[0]
        values = slow.values * _UNITS.get(slow.unit, (1.0, ""))[0]
        contents[f"{path.stem}.YGF"] = values.astype(">f8").tobytes()
    text = "\n".join(_describe(spectrum)) + "\n"
    contents[f"{path.stem}.DSC"] = text.encode("latin-1", "replace")
    return write_files(path.parent, contents)


def _describe(spectrum: Spectrum) -> Iterator[str]:
    """Lines of the descriptor."""
    yield "#DESC\t1.2 * DESCRIPTOR INFORMATION ***********************"
    yield "*"
    yield "DSRC\tEXP"
    yield "BSEQ\tBIG"
    yield f"IKKF\t{'CPLX' if np.iscomplexobj(spectrum.y) else 'REAL'}"
    yield "IRFMT\tD"
    yield "IIFMT\tD"
    yield "ZTYP\tNODATA"
    x = spectrum.axes[-1]
    yield from _describe_axis("X", x, "IDX")
    if spectrum.y.ndim == 2:
        yield from _describe_axis("Y", spectrum.axes[0], "IGD")
    else:
        yield "YTYP\tNODATA"
    yield f"TITL\t'{spectrum.title}'"
    yield f"IRNAM\t'{spectrum.metadata.get('quantity', 'Intensity')}'"
    yield "*"
    yield "#SPL\t1.2 * STANDARD PARAMETER LAYER"
    yield "*"
    yield "EXPT\tCW"
    yield from _list_parameters(spectrum.metadata)


def _describe_axis(letter: str, axis: Axis, kind: str) -> Iterator[str]:
    factor, unit = _UNITS.get(axis.unit, (1.0, axis.unit))
    name = {"magnetic field": "Field", "microwave power": "Microwave Power"}.get(axis.name)
    first, last = (float(axis.values[end]) * factor for end in (0, -1))
    yield f"{letter}TYP\t{kind}"
    yield f"{letter}PTS\t{len(axis)}"
    yield f"{letter}MIN\t{first!r}"
    yield f"{letter}WID\t{last - first!r}"
    yield f"{letter}NAM\t'{name or axis.name}'"
    yield f"{letter}UNI\t'{unit}'"


def _list_parameters(known: Mapping[str, Any]) -> Iterator[str]:
    for parameter, name, factor in _STANDARD:
        value = known.get(name)
        if value is not None:
            yield f"{parameter}\t{value if factor is None else repr(float(value) * factor)}"
