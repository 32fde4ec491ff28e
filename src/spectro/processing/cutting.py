"""Parts of spectra."""

from spectro.model import Axis, InputError, Spectrum
from spectro.processing.grid import find_points, require_frequency

_LEAST_POINTS = 4


def cut(spectrum: Spectrum, region: tuple[float, float]) -> Spectrum:
    """Part of a spectrum between two places of its last axis.

    Parameters
    ----------
    spectrum : Spectrum
        Over ppm or Hz; of several dimensions the last one is cut. Its middle is no longer where the
        carrier was, so ``carrier_ppm`` is dropped: transform and shear before.
    region : (float, float)
        Ends, in the unit of the axis and in either order.

    Raises
    ------
    InputError
        If fewer than 4 points are in it.
    """
    require_frequency(spectrum, "cut it")
    axis = spectrum.axes[-1]
    kept = find_points(axis, region)
    if kept.sum() < _LEAST_POINTS:
        raise InputError(
            f"Expected at least {_LEAST_POINTS} points between {min(region):g} and "
            f"{max(region):g} {axis.unit}, got {int(kept.sum())}; the axis goes from "
            f"{axis.values.min():g} to {axis.values.max():g}."
        )
    axes = (*spectrum.axes[:-1], Axis(axis.values[kept], axis.name, axis.unit))
    settings = {"region": [float(region[0]), float(region[1])]}
    dropped = {"carrier_ppm": None} if "carrier_ppm" in spectrum.metadata else {}
    return spectrum.do("cut", spectrum.y[..., kept], axes=axes, settings=settings, metadata=dropped)
