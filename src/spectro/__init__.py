"""Spectra of doped nanocrystals: NMR, EPR, UV-vis and SAXS of the samples seen in microscopy.

This package is useful alone; a sample ID is all that it shares with `napari_nanodope`. Public names
are loaded when they are first used.
"""

from typing import TYPE_CHECKING

from lazy_loader import attach

if TYPE_CHECKING:
    from spectro.io import load as load
    from spectro.io import load_all as load_all
    from spectro.model import Axis as Axis
    from spectro.model import InputError as InputError
    from spectro.model import Source as Source
    from spectro.model import Spectrum as Spectrum
    from spectro.samples import SampleBook as SampleBook

__version__ = "0.1.0"

__getattr__, __dir__, _names = attach(
    __name__,
    submod_attrs={
        "io": ["load", "load_all"],
        "model": ["Axis", "InputError", "Source", "Spectrum"],
        "samples": ["SampleBook"],
    },
)
__all__ = ["__version__", *_names]  # noqa: PLE0604 - the names above, each once
