"""Spectra of doped nanocrystals: NMR, EPR, UV-vis and SAXS of the samples seen in microscopy.

This package is useful alone; a sample ID is all that it shares with `napari_nanodope`.
"""

__version__ = "0.1.0"
