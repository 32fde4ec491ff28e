"""Spectra of doped nanocrystals: NMR, EPR, UV-vis and SAXS of the samples seen in microscopy.

This package is useful alone; a sample ID is all that it shares with `napari_nanodope`. Public names
are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spectro.io import load as load
    from spectro.io import load_all as load_all
    from spectro.model import Axis as Axis
    from spectro.model import InputError as InputError
    from spectro.model import Source as Source
    from spectro.model import Spectrum as Spectrum
    from spectro.samples import SampleBook as SampleBook

__version__ = "0.1.0"

_HOMES = {
    "Axis": "model",
    "InputError": "model",
    "SampleBook": "samples",
    "Source": "model",
    "Spectrum": "model",
    "load": "io",
    "load_all": "io",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the names above, each once


def __getattr__(name: str) -> Any:
    """Load a public name from its module on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
