"""Readers of spectrometers' files; each in a module of its own, loaded when it is needed."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from spectro.io.files import UnreadableFileError
from spectro.model import Spectrum

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Reader:
    """A kind of file.

    Attributes
    ----------
    name : str
        As it is written in a spectrum's source.
    suffixes : tuple of str
        Of its files, small letters.
    module : str
        Which reads it.
    names : tuple of str
        Of files that have no suffix.
    """

    name: str
    suffixes: tuple[str, ...]
    module: str
    names: tuple[str, ...] = ()

    def read(self, path: Path) -> list[Spectrum]:
        """Every spectrum of a file."""
        read: Callable[[Path], list[Spectrum]] = import_module(f"spectro.io.{self.module}").read
        return read(path)


READERS = (
    Reader("Bruker BES3T", (".dsc", ".dta"), "bes3t"),
    Reader("Bruker ESP, WinEPR", (".par", ".spc"), "esp"),
    Reader("Magnettech XML", (".xml",), "magnettech"),
    Reader("Bruker TopSpin", (), "topspin", ("fid", "ser", "1r", "2rr")),
    Reader("JCAMP-DX", (".dx", ".jdx", ".jcamp", ".jcm"), "jcamp"),
    Reader("SIMPSON", (".fid", ".spe", ".xreim"), "simpson"),
    Reader("CSDM", (".csdf", ".csdfe", ".csdm"), "csdm"),
    Reader("text", (".txt", ".csv", ".dat", ".asc", ".tsv"), "text"),
)

_TOPSPIN_PARAMETERS = ("acqus", "procs")


def load_all(path: str | Path) -> list[Spectrum]:
    """Every spectrum of a file, in the order in which it holds them.

    Parameters
    ----------
    path : str or path
        A file that a spectrometer wrote, or either of two that belong together, or a folder of
        TopSpin's.

    Raises
    ------
    UnreadableFileError
        If it is not there, of no known kind, or damaged.
    """
    path = Path(path)
    if path.is_dir() and any((path / name).is_file() for name in _TOPSPIN_PARAMETERS):
        return next(reader for reader in READERS if reader.module == "topspin").read(path)
    if not path.is_file():
        what = "a folder without acqus or procs" if path.is_dir() else "nothing"
        raise UnreadableFileError(f"Expected a file at {path}, got {what}; check the path.")
    for reader in READERS:
        if path.suffix.lower() in reader.suffixes or path.name in reader.names:
            return reader.read(path)
    known = ", ".join(suffix for reader in READERS for suffix in reader.suffixes)
    raise UnreadableFileError(
        f"Expected a file that ends in one of {known}, got {path.name}; export it as one of them."
    )


def load(path: str | Path, quantity: str | int = 0) -> Spectrum:
    """Spectrum of a file, with its axes, what is known of the experiment, and all parameters.

    Parameters
    ----------
    path : str or path
        A file that a spectrometer wrote, or either of two that belong together, or a folder of
        TopSpin's.
    quantity : str or int, optional
        Which one, by its name or number, where a file holds several; by default the first.

    Raises
    ------
    UnreadableFileError
        If it is not there, of no known kind, damaged, or holds no such quantity.
    """
    spectra = load_all(path)
    if isinstance(quantity, int):
        if -len(spectra) <= quantity < len(spectra):
            return spectra[quantity]
    else:
        named = [one for one in spectra if one.metadata.get("quantity") == quantity]
        if named:
            return named[0]
    names = ", ".join(
        f"{n} ({one.metadata.get('quantity', 'unnamed')})" for n, one in enumerate(spectra)
    )
    raise UnreadableFileError(f"Expected one of {names} of {path}, got {quantity!r}.")
