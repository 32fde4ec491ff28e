"""Shifts: where 0 ppm is, by IUPAC's ratios, by a line that is known, or by named compounds."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectro.isotopes import isotope
from spectro.model import Axis, InputError, Spectrum
from spectro.processing.grid import pick, require_frequency

IUPAC = "IUPAC"
_SLOPE = "Hz_per_ppm"
_CADMIUM = {
    "Me2Cd": 0.0,
    "CdCl2": -435.0,
    "Cd(ClO4)2": -641.0,
    "Cd(NO3)2.4H2O": -741.0,
    "Cd(acac)2": -596.9,
    "CdS": 65.0,
}
SCALES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "1H": {"TMS": 0.0},
        "13C": {"TMS": 0.0},
        "15N": {"CH3NO2": 0.0, "NH3": -380.3},
        "19F": {"CCl3F": 0.0},
        "27Al": {"Al(NO3)3": 0.0},
        "29Si": {"TMS": 0.0},
        "31P": {"H3PO4": 0.0},
        "77Se": {"Me2Se": 0.0},
        "111Cd": _CADMIUM,
        "113Cd": _CADMIUM,
        "119Sn": {"Me4Sn": 0.0},
        "125Te": {"Me2Te": 0.0},
        "133Cs": {"CsNO3": 0.0},
        "207Pb": {"Me4Pb": 0.0},
    }
)
"""Shifts in ppm of named compounds, by nucleus, on IUPAC's scale, whose compound has 0.

Cadmium: Cd(acac)2 at 100 K; Cd(ClO4)2 both as its hexahydrate and in a 0.1 M solution; CdS powder.
"""


def reference(
    spectrum: Spectrum,
    scale: str,
    *,
    at_ppm: float | None = None,
    is_ppm: float | None = None,
    proton_MHz: float | None = None,
) -> Spectrum:
    """Spectrum on a named scale of shifts.

    Parameters
    ----------
    spectrum : Spectrum
        Over ppm.
    scale : str
        Compound whose shift is 0 on the scale, as in "Me2Cd", or "IUPAC"; any name where
        `at_ppm` and `is_ppm` are given.
    at_ppm, is_ppm : float, optional
        Where a line is seen, and its shift on the scale.
    proton_MHz : float, optional
        Frequency of the protons of TMS in the same field; 0 ppm is then at Xi times that [1]_.
        Without any of the three the spectrum has to be on a named scale already, and the
        difference of the two compounds is added.

    Raises
    ------
    InputError
        If the scale or the nucleus is not known, or the arguments do not fit together.

    References
    ----------
    .. [1] R. K. Harris, E. D. Becker, S. M. Cabral de Menezes, R. Goodfellow, P. Granger, Pure
       Appl. Chem. 2001, 73, 1795, DOI 10.1351/pac200173111795.
    """
    require_frequency(spectrum, "reference it")
    if spectrum.axes[-1].unit != "ppm":
        raise InputError("Expected a spectrum over ppm to reference it, got Hz; use to_ppm.")
    settings = {"scale": scale, "at_ppm": at_ppm, "is_ppm": is_ppm, "proton_MHz": proton_MHz}
    old_MHz = pick(spectrum.metadata, "reference_frequency_MHz")
    zero_MHz = 1.0 if old_MHz is None else old_MHz
    slope = _find_slope(spectrum, zero_MHz)
    if proton_MHz is not None and at_ppm is None and is_ppm is None:
        spectrum.require("reference_frequency_MHz", "frequency at 0 ppm")
        new_MHz = _find_zero_MHz(spectrum, scale, proton_MHz)
    elif at_ppm is not None and is_ppm is not None and proton_MHz is None:
        for ppm in (at_ppm, is_ppm):
            if not -1e6 < ppm < np.inf:
                raise InputError(f"Expected finite shifts above -1e6 ppm, got {ppm:g} ppm.")
        new_MHz = (zero_MHz + slope * at_ppm) / (1 + is_ppm * 1e-6)
    elif at_ppm is None and is_ppm is None:
        return _convert(spectrum, scale, settings)
    else:
        raise InputError("Expected both at_ppm and is_ppm, or proton_MHz alone, got a mixture.")
    values = ((zero_MHz + slope * spectrum.x) / new_MHz - 1) * 1e6
    changes: dict[str, Any] = {"scale": scale}
    if _SLOPE in spectrum.metadata:
        changes[_SLOPE] = None
    return _move(spectrum, values, settings, changes, None if old_MHz is None else new_MHz)


def _find_slope(spectrum: Spectrum, zero_MHz: float) -> float:
    """MHz that a ppm of the axis is: those of another compound where a difference was added."""
    slope_Hz = pick(spectrum.metadata, _SLOPE)
    return (zero_MHz if slope_Hz is None else slope_Hz) * 1e-6


def _convert(spectrum: Spectrum, scale: str, settings: Mapping[str, object]) -> Spectrum:
    """The difference of two compounds is added; ppm stay as wide as they are.

    The frequency at 0 ppm moves along, so a ppm is no longer a millionth of it; how many Hz it is
    goes into the metadata.
    """
    shifts = _find_scales(spectrum)
    old = str(spectrum.metadata.get("scale", "none"))
    for name in (old, scale):
        if name not in shifts:
            raise InputError(
                f"Expected a scale out of {', '.join(shifts)} for {spectrum.metadata['nucleus']}, "
                f"got {name!r}; give at_ppm and is_ppm, or proton_MHz."
            )
    added_ppm = shifts[old] - shifts[scale]
    changes: dict[str, Any] = {"scale": scale}
    zero_MHz = pick(spectrum.metadata, "reference_frequency_MHz")
    if zero_MHz is not None and added_ppm:
        slope = _find_slope(spectrum, zero_MHz)
        changes[_SLOPE] = slope * 1e6
        zero_MHz -= slope * added_ppm
    return _move(spectrum, spectrum.x + added_ppm, settings, changes, zero_MHz)


def _find_scales(spectrum: Spectrum) -> dict[str, float]:
    nucleus = str(spectrum.metadata.get("nucleus", ""))
    shifts = dict(SCALES.get(nucleus, {}))
    if not shifts:
        raise InputError(
            f"Expected a nucleus out of {', '.join(SCALES)}, got {nucleus or 'none'}; give at_ppm "
            f"and is_ppm."
        )
    return shifts | {IUPAC: 0.0}


def _find_zero_MHz(spectrum: Spectrum, scale: str, proton_MHz: float) -> float:
    """Frequency at 0 ppm on a scale, from that of the protons of TMS."""
    if not 0 < proton_MHz < np.inf:
        raise InputError(f"Expected the frequency of protons above 0 MHz, got {proton_MHz:g}.")
    ratio = abs(isotope(str(spectrum.metadata.get("nucleus", ""))).frequency_ratio)
    if scale == IUPAC:
        return ratio * proton_MHz
    shifts = _find_scales(spectrum)
    if scale not in shifts:
        raise InputError(f"Expected a scale out of {', '.join(shifts)}, got {scale!r}.")
    return ratio * proton_MHz * (1 + shifts[scale] * 1e-6)


def _move(
    spectrum: Spectrum,
    values: NDArray[np.float64],
    settings: Mapping[str, object],
    changes: dict[str, Any],
    zero_MHz: float | None,
) -> Spectrum:
    axis = spectrum.axes[-1]
    middle = len(axis) // 2
    if pick(spectrum.metadata, "carrier_ppm") is not None:
        was = spectrum.require("carrier_ppm", "shift of the carrier")
        moved = float(values[middle] - axis.values[middle])
        changes = {**changes, "carrier_ppm": was + moved}
    if zero_MHz is not None:
        changes = {**changes, "reference_frequency_MHz": zero_MHz}
    axes = (*spectrum.axes[:-1], Axis(values, axis.name, axis.unit))
    return spectrum.do("reference", spectrum.y, axes=axes, settings=settings, metadata=changes)


def to_hertz(spectrum: Spectrum) -> Spectrum:
    """Spectrum over Hz from 0 ppm.

    Raises
    ------
    InputError
        If the frequency at 0 ppm is not known.
    """
    require_frequency(spectrum, "show it in Hz")
    axis = spectrum.axes[-1]
    values = axis.values
    if axis.unit == "ppm":
        zero_MHz = spectrum.require("reference_frequency_MHz", "frequency at 0 ppm")
        values = values * (_find_slope(spectrum, zero_MHz) * 1e6)
    axes = (*spectrum.axes[:-1], Axis(values, "frequency", "Hz"))
    return spectrum.do("to_hertz", spectrum.y, axes=axes)


def to_ppm(
    spectrum: Spectrum, *, reference_frequency_MHz: float | None = None, zero_ppm: float = 0.0
) -> Spectrum:
    """Spectrum over ppm.

    Parameters
    ----------
    spectrum : Spectrum
        Over Hz, or over ppm already.
    reference_frequency_MHz : float, optional
        Frequency at 0 ppm; by default that of the metadata.
    zero_ppm : float, optional
        Shift at 0 Hz: that of the carrier where Hz count from it.

    Raises
    ------
    InputError
        If the frequency at 0 ppm is not known.
    """
    require_frequency(spectrum, "show it in ppm")
    axis = spectrum.axes[-1]
    changes: dict[str, float] = {}
    settings = {"reference_frequency_MHz": reference_frequency_MHz, "zero_ppm": float(zero_ppm)}
    values = axis.values
    if axis.unit == "Hz":
        zero_MHz = reference_frequency_MHz or spectrum.require(
            "reference_frequency_MHz", "frequency at 0 ppm"
        )
        is_stated = reference_frequency_MHz is not None
        slope_Hz = zero_MHz if is_stated else _find_slope(spectrum, zero_MHz) * 1e6
        values = zero_ppm + values / slope_Hz
        changes = {"reference_frequency_MHz": float(zero_MHz)}
    name = f"{spectrum.metadata.get('nucleus', '')} chemical shift".strip()
    axes = (*spectrum.axes[:-1], Axis(values, name, "ppm"))
    return spectrum.do("to_ppm", spectrum.y, axes=axes, settings=settings, metadata=changes)
