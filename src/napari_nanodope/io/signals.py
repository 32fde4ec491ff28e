"""What a file holds: its images, spectra and spectrum images, each with its calibration."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from numpy.typing import NDArray

from napari_nanodope.core.xray import EnergyAxis
from napari_nanodope.io.cubes import Cube


@dataclass(frozen=True, slots=True)
class Signal:
    """One image, spectrum or spectrum image of a file.

    Attributes
    ----------
    name : str
        What the file calls it.
    kind : {"spectrum image", "image", "spectrum", "other"}
        What its dimensions and type make of it, whatever it is called.
    shape : tuple of int
        Length of each axis, as it is stored.
    dtype : str
        Type of its values.
    pixel_size_nm : (float, float), optional
        Height and width of a pixel (dy, dx), where the file states them.
    energy : EnergyAxis, optional
        Energy of the channels, where it has any.
    element : str
        Element that an image maps; empty for other images.
    elements : tuple of str
        Elements that the file names for a spectrum image.
    fwhm_mn_ka_eV, beam_keV : float, optional
        Resolution of the detector at Mn Ka, and energy of the electrons.
    problem : str
        Why it cannot be used; empty where it can.
    use, reason : str
        As what `read_field` uses it, and why; empty where it does not.
    """

    name: str
    kind: Literal["spectrum image", "image", "spectrum", "other"]
    shape: tuple[int, ...]
    dtype: str
    pixel_size_nm: tuple[float, float] | None = None
    energy: EnergyAxis | None = None
    element: str = ""
    elements: tuple[str, ...] = ()
    fwhm_mn_ka_eV: float | None = None
    beam_keV: float | None = None
    problem: str = ""
    use: str = ""
    reason: str = ""
    load_image: Callable[[], NDArray[Any]] | None = field(default=None, repr=False, compare=False)
    cube: Cube | None = field(default=None, repr=False, compare=False)

    @property
    def image_shape(self) -> tuple[int, int]:
        """Rows and columns of an image or spectrum image."""
        shape = self.cube.shape if self.cube is not None else self.shape[-2:]
        return shape[0], shape[1]


@dataclass(frozen=True, slots=True)
class Content:
    """Everything in one file.

    Attributes
    ----------
    signals : tuple of Signal
        In the order of the file.
    files : tuple of Path
        The file and those that belong to it.
    reader : str
        Kind of file.
    texts : mapping of str to str
        What it says of the field: ``sample_id``, ``field_id``, ``survey_kind``.
    is_named_by_person : bool
        Whether a person named and chose its images, so that each must be of use.
    warnings : tuple of str
        What is doubtful about the file.
    needs_no_name : bool
        Whether its image is the survey where it is all that is read and its name tells nothing.
    """

    signals: tuple[Signal, ...]
    files: tuple[Path, ...]
    reader: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)
    is_named_by_person: bool = False
    needs_no_name: bool = False
    warnings: tuple[str, ...] = ()


def find_file(signal: Signal, contents: Sequence[Content]) -> Path:
    """File that holds a signal."""
    found = (c.files[0] for c in contents if any(one is signal for one in c.signals))
    return next(found, contents[0].files[0])
