"""Even axes: their steps, and whether they hold times or frequencies."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectro.model import Axis, InputError, Spectrum

_UNEVEN = 1e-3  # of a step, which is what the digits of a text file leave
_TIME, _FREQUENCY = "s", ("ppm", "Hz")
DELAY = "group_delay_points"


def find_step(axis: Axis) -> float:
    """Distance from one value of an axis to the next, signed.

    Raises
    ------
    InputError
        If the values are not evenly spaced, or fewer than two.
    """
    steps = np.diff(axis.values)
    step = float(steps.mean()) if len(steps) else 0.0
    if step == 0 or np.abs(steps - step).max() > _UNEVEN * abs(step):
        raise InputError(
            f"Expected an evenly spaced axis ({axis.label or 'unnamed'}), got one that is not; "
            f"interpolate it first."
        )
    return step


def require_time(spectrum: Spectrum, what: str) -> None:
    """Refuse what is no signal over time.

    Raises
    ------
    InputError
        If the last axis is not in s.
    """
    if spectrum.axes[-1].unit != _TIME:
        raise InputError(
            f"Expected a signal over time to {what}, got an axis in "
            f"{spectrum.axes[-1].unit or 'no unit'}; do it before the transform."
        )


def require_frequency(spectrum: Spectrum, what: str) -> None:
    """Refuse what is no spectrum over ppm or Hz.

    Raises
    ------
    InputError
        If the last axis is in another unit.
    """
    if spectrum.axes[-1].unit not in _FREQUENCY:
        raise InputError(
            f"Expected a spectrum over ppm or Hz to {what}, got an axis in "
            f"{spectrum.axes[-1].unit or 'no unit'}; transform it first."
        )


def require_complex(spectrum: Spectrum, what: str) -> None:
    """Refuse a spectrum without its imaginary part.

    Raises
    ------
    InputError
        If it is real.
    """
    if not np.iscomplexobj(spectrum.y):
        raise InputError(
            f"Expected a complex spectrum to {what}, got a real one; start from the FID."
        )


def find_width_Hz(spectrum: Spectrum) -> float:
    """Spectral width: points times the step of the last axis."""
    axis = spectrum.axes[-1]
    step = abs(find_step(axis))
    if axis.unit == "ppm":
        step *= spectrum.require("reference_frequency_MHz", "frequency at 0 ppm")
    return step * len(axis)


def find_offsets_Hz(spectrum: Spectrum) -> NDArray[np.float64]:
    """Frequencies of a spectrum less that in its middle, where the carrier is, (N,)."""
    n = len(spectrum.x)
    sign = np.sign(find_step(spectrum.axes[-1]))
    return np.asarray(sign * (np.arange(n) - n // 2) * find_width_Hz(spectrum) / n)


def pick(metadata: Mapping[str, Any], name: str) -> float | None:
    """Number of the metadata, or None."""
    value = metadata.get(name)
    return None if value is None else float(value)


def find_points(axis: Axis, region: tuple[float, float]) -> NDArray[np.bool_]:
    """Which points of an axis lie in a range, given either way round, (N,)."""
    low, high = min(region), max(region)
    return np.asarray((axis.values >= low) & (axis.values <= high))
