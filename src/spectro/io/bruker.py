"""What Bruker's acquisition and processing parameters mean.

TopSpin's spectra rise in frequency from right to left, and their imaginary part has the sign of a
transform with exp(+2 pi i nu t). Here a transform has exp(-2 pi i nu t), so that imaginary part is
turned where a file is read.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectro.io.files import UnreadableFileError
from spectro.io.records import to_numbers, unwrap
from spectro.io.units import known, to_float
from spectro.isotopes import isotope
from spectro.model import Axis, InputError

_FURTHEST_REFERENCE = 0.03  # of the carrier; what lies further off was left by another nucleus
_DIGITAL = (1, 2, 3)  # DIGMOD: digital, homodecoupled digital, with a corrected baseline


def find_group_delay(parameters: Mapping[str, str]) -> float:
    """Points by which the digital filter delays the signal.

    ``GRPDLY`` where the instrument states it; before that (``GRPDLY`` < 0) the table of firmware
    (``DSPFVS``) and decimation (``DECIM``) [1]_, in the unrounded form of nmrglue.

    Raises
    ------
    UnreadableFileError
        If the filter is in no table.

    References
    ----------
    .. [1] W. M. Westler, F. Abildgaard, "DMX digital filters" (1996), NMRFAM, Madison.
    """

    def number(name: str) -> float:
        return to_float(parameters.get(name)) or 0.0

    stated = to_float(parameters.get("GRPDLY"))
    if stated is not None and stated >= 0:
        return stated
    firmware, decimation = int(number("DSPFVS")), number("DECIM")
    if int(number("DIGMOD")) not in _DIGITAL or decimation <= 1 or firmware == 0:
        return 0.0
    from nmrglue.fileio.bruker import bruker_dsp_table  # noqa: PLC0415 - slow to load

    delay = bruker_dsp_table.get(firmware, {}).get(decimation)
    if delay is None:
        raise UnreadableFileError(
            f"Expected a known digital filter, got DSPFVS {firmware} with DECIM {decimation:g}; "
            f"convert the FID with TopSpin's convdta."
        )
    return float(delay)


def tell(parameters: Mapping[str, str], processing: Mapping[str, str]) -> dict[str, Any]:
    """What the parameters of the direct dimension say, with units in the names."""

    def number(name: str) -> float | None:
        return to_float(parameters.get(name))

    delays = to_numbers(parameters.get("D", ""))
    nucleus = unwrap(parameters.get("NUC1", ""))
    carrier_MHz = number("SFO1")
    return known(
        {
            "technique": "NMR",
            "nucleus": nucleus if nucleus not in ("", "off") else None,
            "spectrometer_frequency_MHz": carrier_MHz,
            "field_T": find_field_T(nucleus, carrier_MHz),
            "spectral_width_Hz": number("SW_h"),
            "mas_Hz": number("MASR") or None,
            "recycle_delay_s": delays[1] if len(delays) > 1 else None,
            "n_scans": int(number("NS") or 0) or None,
            "receiver_gain": number("RG"),
            "temperature_K": number("TE") or None,
            "pulse_program": unwrap(parameters.get("PULPROG", "")),
            "solvent": unwrap(parameters.get("SOLVENT", "")),
            "probe": unwrap(parameters.get("PROBHD", "")),
            **tell_reference(parameters, processing),
            **_tell_phase(parameters, processing),
        }
    )


def _tell_phase(parameters: Mapping[str, str], processing: Mapping[str, str]) -> dict[str, float]:
    """Phase that `spectro.processing.phase` needs to give TopSpin's own spectrum.

    TopSpin turns both PHC1 and the delay of the filter about the left edge of the spectrum, and not
    about its middle, where the carrier is: PHC1 / 2, and half a turn for each point of the delay.
    """
    left_deg, slope_deg = (to_float(processing.get(name)) for name in ("PHC0", "PHC1"))
    if left_deg is None or slope_deg is None or not math.isfinite(left_deg + slope_deg):
        return {}
    try:
        middle_deg = left_deg + slope_deg / 2 + 180.0 * find_group_delay(parameters)
    except UnreadableFileError:
        return {}
    return {
        "topspin_phase_deg": (middle_deg + 180.0) % 360.0 - 180.0,
        "topspin_slope_deg": slope_deg,
    }


def find_field_T(nucleus: str, frequency_MHz: float | None) -> float | None:
    """Magnetic field at which a nucleus has a frequency; None where it is not known."""
    try:
        return abs(frequency_MHz / isotope(nucleus).gamma_MHz_per_T) if frequency_MHz else None
    except InputError:
        return None


def tell_reference(
    parameters: Mapping[str, str], processing: Mapping[str, str]
) -> dict[str, float | str]:
    """Frequency at 0 ppm, shift of the carrier and name of the scale.

    0 ppm is at ``SF``. Where there is none, or one more than 3 % from the carrier, which some other
    nucleus left there, it is at the basic frequency ``BF1``.
    """
    carrier, base, stated = (
        to_float(source.get(name))
        for source, name in ((parameters, "SFO1"), (parameters, "BF1"), (processing, "SF"))
    )
    if not carrier:
        return {}
    for name, zero in (("TopSpin SF", stated), ("TopSpin BF1", base)):
        if zero and abs(carrier / zero - 1) < _FURTHEST_REFERENCE:
            shift_ppm = (carrier - zero) / zero * 1e6
            return {"reference_frequency_MHz": zero, "carrier_ppm": shift_ppm, "scale": name}
    return {}


def make_time_axis(n: int, width_Hz: float) -> Axis:
    """Times of the points of a FID, from zero on; the digital filter is still in it."""
    return Axis(np.arange(n, dtype=np.float64) / width_Hz, "time", "s")


def make_shift_axis(n: int, left_ppm: float, step_ppm: float, nucleus: str) -> Axis:
    """Shifts of the points of a spectrum, falling from left to right."""
    return Axis(left_ppm - step_ppm * np.arange(n, dtype=np.float64), name_shift(nucleus), "ppm")


def name_shift(nucleus: str) -> str:
    """Name of an axis of shifts."""
    return f"{nucleus} chemical shift".strip()


def join_parts(real: NDArray[Any], imaginary: NDArray[Any]) -> NDArray[np.complex128]:
    """Spectrum from TopSpin's parts, with the sign of the imaginary one turned."""
    return np.asarray(real - 1j * imaginary, np.complex128)
