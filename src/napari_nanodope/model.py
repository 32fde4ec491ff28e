"""What one acquisition is: a survey image, net element maps and their calibration."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SYMBOLS = frozenset(
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb "
    "Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm "
    "Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og".split()
)


class InputError(ValueError):
    """What a person gave cannot be used; the message is one sentence: expected, got, try."""


def is_element(symbol: str) -> bool:
    """Whether `symbol` is the symbol of a chemical element, spelled as in ``"Cd"``."""
    return symbol in _SYMBOLS


@dataclass(frozen=True, slots=True)
class Source:
    """Where a field of view came from.

    Attributes
    ----------
    path : str
        The file or folder as it was given.
    sha256 : str
        Digest of the input bytes, in hexadecimal.
    reader : str
        The name of the reader, or of the simulation.
    settings : mapping
        What the reader was told and what it chose, as JSON has it: tuples become lists.
    """

    path: str
    sha256: str
    reader: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", json.loads(json.dumps(dict(self.settings))))


@dataclass(frozen=True, slots=True)
class FieldOfView:
    """One picture of nanocrystals: a survey image and net element maps on the same pixels.

    Parameters
    ----------
    survey : (Y, X) array
        HAADF or another image in which the nanocrystals show; kept as float32. No NaN.
    maps : mapping of str to (Y, X) array
        Net counts per pixel by element symbol; kept as float32, negative values allowed, no NaN.
        Empty where there is a survey only.
    pixel_size_nm : (float, float)
        Height and width of a pixel (dy, dx) in nm.
    sample_id, field_id : str, optional
        What joins this field to its sample and to its results.
    source : Source, optional
        The file that it came from.
    survey_kind : {"image", "counts"}, optional
        "counts" when the file held no image and the survey is a sum of X-ray counts, which shows
        heavy elements rather than outlines; segmentation then prefers the host map.
    variances : mapping of str to (Y, X) array, optional
        Variance of the net counts by element symbol, where it is known; kept as float32.
    warnings : tuple of str, optional
        Sentences on what is doubtful about the data.

    Raises
    ------
    InputError
        If shapes differ, values are not finite, an element is unknown or a pixel has no size.

    Notes
    -----
    Arrays are read-only views: an array that is already contiguous float32 is not copied.
    """

    survey: NDArray[np.float32] = field(compare=False, repr=False)
    maps: Mapping[str, NDArray[np.float32]] = field(compare=False, repr=False)
    pixel_size_nm: tuple[float, float]
    sample_id: str = ""
    field_id: str = ""
    source: Source | None = None
    survey_kind: Literal["image", "counts"] = "image"
    variances: Mapping[str, NDArray[np.float32]] = field(
        default_factory=dict, compare=False, repr=False
    )
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.survey_kind not in ("image", "counts"):
            raise InputError(
                f"Expected survey_kind 'image' or 'counts', got {self.survey_kind!r}; leave it out "
                f"for an image."
            )
        survey = _as_image(self.survey, "survey")
        maps = {symbol: _as_map(symbol, values) for symbol, values in self.maps.items()}
        variances = {s: _as_map(s, values) for s, values in self.variances.items()}
        if not variances.keys() <= maps.keys():
            raise InputError(
                f"Expected variances of mapped elements ({', '.join(maps)}), got "
                f"{', '.join(variances)}; give both or leave variances out."
            )
        for symbol, values in (*maps.items(), *variances.items()):
            if values.shape != survey.shape:
                raise InputError(
                    f"Expected the {symbol} map on the survey's {_size(survey)} pixels, got "
                    f"{_size(values)}; export both from the same scan or resample one."
                )
        object.__setattr__(self, "survey", survey)
        object.__setattr__(self, "maps", MappingProxyType(maps))
        object.__setattr__(self, "variances", MappingProxyType(variances))
        object.__setattr__(self, "warnings", tuple(self.warnings))
        object.__setattr__(self, "pixel_size_nm", as_pixel_size_nm(self.pixel_size_nm))

    def __reduce__(self) -> tuple[Any, ...]:
        """Rebuild from plain values: a read-only view can be neither pickled nor copied."""
        values = {name: getattr(self, name) for name in self.__slots__}
        plain = values | {name: dict(values[name]) for name in ("maps", "variances")}
        return type(self), tuple(plain.values())

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns (Y, X) of every image of this field."""
        return self.survey.shape[0], self.survey.shape[1]

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the mapped elements, in the order given."""
        return tuple(self.maps)

    def map_of(self, element: str) -> NDArray[np.float32]:
        """Net counts (Y, X) of one element.

        Raises
        ------
        InputError
            If this field has no map of that element.
        """
        if element not in self.maps:
            raise InputError(
                f"Expected an element mapped in this field ({', '.join(self.maps)}), got "
                f"{element!r}; name another host or dopant, or read the file with "
                f"elements=[...] that include it."
            )
        return self.maps[element]


def as_pixel_size_nm(value: Any) -> tuple[float, float]:
    """Pixel size (dy, dx) in nm from a number or a pair.

    Raises
    ------
    InputError
        If a size is not between 0.0001 and 1,000,000 nm.
    """
    try:
        sizes = np.atleast_1d(np.asarray(value, dtype=float))
    except (TypeError, ValueError):
        sizes = np.array([])
    if sizes.shape not in {(1,), (2,)} or not np.all((sizes >= 1e-4) & (sizes <= 1e6)):
        raise InputError(
            f"Expected a pixel size of one or two positive numbers in nm (dy, dx), from 0.0001 to "
            f"1000000, got {value!r}; give pixel_size_nm=0.7, say."
        )
    return float(sizes[0]), float(sizes[-1])


def as_labels(labels: ArrayLike, shape: tuple[int, int]) -> NDArray[np.int32]:
    """Label image (Y, X) as int32, 0 for background.

    Parameters
    ----------
    labels : (Y, X) array of integers
        One positive integer per particle; they need not be consecutive.
    shape : (int, int)
        The shape of the field that the labels belong to.

    Raises
    ------
    InputError
        If the shape differs, or a value is negative, fractional or beyond int32.
    """
    array = np.asarray(labels)
    if array.ndim != 2 or array.shape != tuple(shape):
        raise InputError(
            f"Expected labels of the field's {shape[0]} x {shape[1]} pixels, got "
            f"{_size(array)}; segment this field, or resample its labels without interpolation."
        )
    if array.dtype.kind in "biuf":
        whole = array
        if array.dtype.kind == "f" and not np.array_equal(array, np.floor(array)):
            raise InputError(
                "Expected whole numbers as labels, got fractions or NaN; a label image holds one "
                "integer per particle."
            )
    else:
        raise InputError(f"Expected whole numbers as labels, got {array.dtype}; save as int32.")
    if whole.size and (whole.min() < 0 or whole.max() > np.iinfo(np.int32).max):
        raise InputError(
            f"Expected labels from 0 to {np.iinfo(np.int32).max}, got {whole.min()} to "
            f"{whole.max()}; number the particles from 1 with 0 as background."
        )
    return np.ascontiguousarray(whole, dtype=np.int32)


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """View of `array` that cannot be written through."""
    view = array.view()
    view.flags.writeable = False
    return view


def _as_map(symbol: str, values: ArrayLike) -> NDArray[np.float32]:
    if not is_element(symbol):
        raise InputError(
            f"Expected an element symbol such as 'Cd' or 'Mn', got {symbol!r}; rename the map."
        )
    return _as_image(values, f"{symbol} map")


def _as_image(values: ArrayLike, what: str) -> NDArray[np.float32]:
    array = np.asarray(values)
    if array.ndim != 2 or array.dtype.kind not in "buif":
        raise InputError(
            f"Expected the {what} as a 2-D array of real numbers (Y, X), got {array.dtype} of "
            f"shape {array.shape}; give one grey-value image."
        )
    if array.size == 0:
        raise InputError(f"Expected a {what} with pixels, got an empty {_size(array)} image.")
    with np.errstate(over="ignore"):  # beyond float32 is infinite, and told below
        image = np.ascontiguousarray(array, dtype=np.float32)
    if not (np.isfinite(image.min()) and np.isfinite(image.max())):
        n_bad = int(np.count_nonzero(~np.isfinite(image)))
        raise InputError(
            f"Expected finite numbers in the {what}, got {n_bad} NaN or infinite (beyond float32); "
            f"crop them away or replace them, with np.nan_to_num say."
        )
    return read_only(image)


def _size(array: NDArray[Any]) -> str:
    return " x ".join(str(n) for n in array.shape) or "a single number"
