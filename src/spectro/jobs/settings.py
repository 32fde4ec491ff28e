"""What a person says about a fit in a project file: one class for each kind, checked as a whole."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)

from spectro.samples.book import tell_nearest
from spectro.samples.places import Place

Mistake = tuple[Place, str]
"""Where in the settings something is wrong, and what, without a full stop."""


def _read_pair(value: Any) -> tuple[float, float]:
    is_pair = isinstance(value, list | tuple) and len(value) == 2
    if not is_pair or not all(_is_number(one) for one in value) or value[0] == value[1]:
        raise ValueError(f"expected two different numbers, as in [300, 380], got {value!r}")
    low, high = sorted(float(one) for one in value)
    return low, high


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _one_of(*names: str, or_number: bool = False) -> Callable[[Any], Any]:
    """Check that a value is one of some words, or a number where that may be."""

    def check(value: Any) -> Any:
        if value in names or (or_number and _is_number(value)):
            return value
        raise ValueError(f"{value!r} is not known{tell_nearest(str(value), names)}")

    return check


def _as_list(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _check_unique(sites: "tuple[SiteSettings, ...]") -> "tuple[SiteSettings, ...]":
    names = [one.name for one in sites]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"expected every name once, got {', '.join(twice)} again")
    return sites


Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[float, Field(strict=True, allow_inf_nan=False, gt=0)]
Whole = Annotated[int, Field(strict=True, ge=0)]
Count = Annotated[int, Field(strict=True, ge=1)]
Flag = Annotated[bool, Field(strict=True)]
Pair = Annotated[tuple[float, float], BeforeValidator(_read_pair)]
Names = Annotated[tuple[str, ...], BeforeValidator(_as_list), Field(min_length=1)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class FitSettings(_Table):
    """What all fits have in common."""

    fit: str
    """Kind of fit."""
    name: str = ""
    """What tells it from other fits of the same kind to the same file."""


class CwSettings(FitSettings):
    """Continuous-wave EPR by simulated powder spectra; see `spectro.epr.fit_cw`."""

    model: str
    """Ion: "mn2+", "gd3+", "cu2+" or "radical"."""
    vary: Names | None = None
    """What is fitted, as "g"; by default as is usual for the ion."""
    start: dict[str, Number] = Field(default_factory=dict)
    """Where numbers start, or stay if they are not varied."""
    bounds: dict[str, Pair] = Field(default_factory=dict)
    """Least and most of numbers that are varied."""
    window_mT: Pair | None = None
    """Part of the field that is fitted."""
    baseline: Annotated[int, Field(strict=True, ge=-1, le=10)] = 1
    """Degree of the baseline; -1 for none."""
    frequency_GHz: Positive | None = None
    """Microwave frequency, where the file has none."""
    harmonic: Annotated[int, Field(strict=True, ge=0, le=2)] | None = None
    """Of the field modulation, where the file has none."""
    modulation_mT: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] | None = None
    """Amplitude of it, peak to peak."""
    phase_deg: Number | None = None
    """Phase of the microwave."""
    starts: Count = 3
    """Starts of the search."""
    seed: Whole = 0
    """Of the starts."""
    profile: Names | None = None
    """Numbers whose intervals are followed to where the fit gets significantly worse."""
    slice: Whole | None = None
    """Of a series, counted from 0."""


class SaturationSettings(FitSettings):
    """Microwave saturation; see `spectro.epr.saturation_curve` and `fit_saturation`."""

    model: Annotated[
        str | float,
        BeforeValidator(
            _one_of("empirical", "inhomogeneous", "absorption", "derivative", or_number=True)
        ),
    ] = "empirical"
    """Exponent of the saturation, or what is known of it."""
    conversion_mT_per_sqrt_W: Positive | None = None
    """B1 by the root of the power; without it there is no relaxation time."""
    nutation: Positive = 1.0
    """Nutation frequency over that of a spin 1/2."""
    g: Positive = 2.0023193
    """Of the line."""
    method: Annotated[
        Literal["peak_to_peak", "fit"], BeforeValidator(_one_of("peak_to_peak", "fit"))
    ] = "peak_to_peak"
    """How the height of the line is measured."""
    window_mT: Pair | None = None
    """From where to where the line reaches; by default the highest line is found."""
    power_mW: Annotated[tuple[Positive, ...], Field(min_length=3)] | None = None
    """Powers, where the files do not tell."""
    together: Flag = False
    """Whether all files that match are one sweep, a spectrum for each power."""


class TieSettings(_Table):
    """A quantity by the same one of another site; see `spectro.nmr.Tie`."""

    site: str
    """Name of the other."""
    factor: Number = 1.0
    """Times which it is taken."""
    offset: Number = 0.0
    """Added to that."""


def _as_tie(value: Any) -> Any:
    return {"site": value} if isinstance(value, str) else value


class SiteSettings(_Table):
    """A line of a spectrum; see `spectro.nmr.Site`."""

    name: Annotated[str, Field(min_length=1)]
    """As in "core"."""
    shift_ppm: Number
    """Position at the start."""
    width_ppm: Positive
    """Full width at half maximum at the start."""
    shape: str = "gaussian"
    """Of the line."""
    mixing: Number = 0.5
    """Lorentzian part of a mixed shape."""
    fixed: Names = ()
    """Quantities that stay."""
    bounds: dict[str, Pair] = Field(default_factory=dict)
    """Least and most of quantities."""
    tied: dict[str, Annotated[TieSettings, BeforeValidator(_as_tie)]] = Field(default_factory=dict)
    """Quantities that follow another site's."""
    is_signed: Flag = False
    """Whether the integral may be below 0."""


class _Processed(FitSettings):
    recipe: str | None = None
    """File of a processing recipe, as `spectro process --suggest` writes it."""


class DeconvolutionSettings(_Processed):
    """Lines of a spectrum and their percentages; see `spectro.nmr.deconvolve`."""

    sites: Annotated[tuple[SiteSettings, ...], Field(min_length=1), AfterValidator(_check_unique)]
    """Lines."""
    window_ppm: Pair | None = None
    """Part of the spectrum that is fitted."""
    baseline: Annotated[int, Field(strict=True, ge=-1, le=10)] = -1
    """Degree of the baseline; -1 for none."""
    phase: Annotated[Literal["zero", "first"], BeforeValidator(_one_of("zero", "first"))] | None = (
        None
    )
    """Order up to which the phase is fitted along."""
    starts: Count = 1
    """Starts of the search."""
    seed: Whole = 0
    """Of the starts and of the bootstrap."""
    bootstrap: Whole = 0
    """Fits to shuffled residuals that intervals are taken from; 0 for none."""
    profile: Names | None = None
    """Numbers whose intervals are followed to where the fit gets significantly worse."""
    slice: Whole | None = None
    """Of a series, counted from 0."""


class BuildupSettings(_Processed):
    """Magnetisation that builds up or recovers; see `spectro.nmr.fit_buildup`."""

    model: Annotated[
        Literal["mono", "stretched", "bi"], BeforeValidator(_one_of("mono", "stretched", "bi"))
    ] = "mono"
    """How many time constants, or how they are distributed."""
    initial: Annotated[str | float, BeforeValidator(_one_of("fit", or_number=True))] = 0.0
    """Magnetisation at the start by that at the end, or "fit"."""
    window_ppm: Pair | None = None
    """Region of the signal; of spectra, which a table of numbers has not."""
    noise_ppm: Pair | None = None
    """Region without any, which tells the errors."""
    delay_s: Annotated[tuple[Number, ...], Field(min_length=3)] | None = None
    """Delays, where the files do not tell."""


class RespdorSettings(FitSettings):
    """Distance to a quadrupolar nucleus; see `spectro.nmr.fit_respdor`."""

    observed: str
    """Isotope, as in "13C"."""
    saturated: str
    """Isotope, as in "27Al"."""
    fraction: Positive | None = None
    """Of coupled nuclei, if it is known."""


class EnhancementSettings(_Processed):
    """Signal with microwaves by that without; see `spectro.nmr.compute_enhancement`."""

    off: str
    """File or folder of the spectrum without microwaves."""
    window_ppm: Pair
    """Region of the signal."""
    noise_ppm: Pair | None = None
    """Region without any; by default the outer quarter, or more, on the wider side."""
    buildup_on_s: Positive | None = None
    """Build-up time with microwaves, for the enhancement of the equilibrium."""
    buildup_off_s: Positive | None = None
    """That without."""


KINDS: Mapping[str, Mapping[str, type[FitSettings]]] = {
    "epr": {"cw": CwSettings, "saturation": SaturationSettings},
    "nmr": {
        "deconvolution": DeconvolutionSettings,
        "buildup": BuildupSettings,
        "respdor": RespdorSettings,
        "enhancement": EnhancementSettings,
    },
}
"""Settings of each kind of fit, by technique."""

_SHOWN = {"epr": ("slice", "frequency_GHz"), "nmr": ("slice", "recipe")}
_EXPECTED = {
    "float_type": "a number",
    "finite_number": "a finite number",
    "int_type": "a whole number",
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "dict_type": "a table",
    "model_type": "a table",
    "tuple_type": "a list",
    "too_short": "at least {min_length}",
    "string_too_short": "at least one letter",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:g}",
}


def read_settings(
    technique: str, settings: Mapping[str, Any]
) -> tuple[FitSettings | None, list[Mistake]]:
    """Settings of a measurement as those of its fit, and every mistake in them.

    Parameters
    ----------
    technique : str
        "epr" or "nmr".
    settings : mapping
        As they stand in a project file.

    Returns
    -------
    settings : FitSettings or None
        None where nothing is to be fitted, or there are mistakes.
    mistakes : list of (place, str)
        Where within the settings, and what.
    """
    kinds = KINDS[technique]
    if "fit" not in settings:
        known = (*_SHOWN[technique], "fit")
        return None, [
            (
                (key,),
                f"{key} is no setting of {technique!r} without a fit{tell_nearest(key, known)}",
            )
            for key in settings
            if key not in known
        ]
    kind = kinds.get(str(settings["fit"]))
    if kind is None:
        return None, [
            (
                ("fit",),
                f"fit {settings['fit']!r} is none of {technique!r}"
                f"{tell_nearest(str(settings['fit']), kinds)}",
            )
        ]
    try:
        return kind.model_validate(dict(settings)), []
    except ValidationError as error:
        return None, _list_mistakes(error, kind, settings)


def _list_mistakes(
    error: ValidationError, kind: type[FitSettings], settings: Mapping[str, Any]
) -> list[Mistake]:
    told = error.errors(include_url=False)
    places = [tuple(one["loc"]) for one in told]
    found = []
    for one, place in zip(told, places, strict=True):
        what, got = one["type"], one["input"]
        name = _name_place(settings, place)
        if what == "too_short" and any(other[:-1] and place == other[:1] for other in places):
            continue  # what is in it is wrong, and told
        if what == "missing":
            message = f"{name} is missing"
        elif what == "extra_forbidden":
            nearest = tell_nearest(str(place[-1]), _find_keys(kind, place))
            message = f"{name} is no setting of {settings['fit']!r}{nearest}"
        elif what in _EXPECTED:
            wanted = _EXPECTED[what].format(**one.get("ctx", {}))
            message = f"{name}: expected {wanted}, got {got!r}"
        else:
            message = f"{name}: {one['msg'].removeprefix('Value error, ')}"
        found.append((place, message))
    return found


def _name_place(settings: Mapping[str, Any], place: Place) -> str:
    """Keys with points between them; entries of lists by their names, or counted from 1."""
    here: Any = settings
    words = []
    for key in place:
        try:
            here = here[key]
        except (KeyError, IndexError, TypeError):
            here = None
        name = here.get("name") if isinstance(here, dict) and isinstance(key, int) else None
        words.append(str(name or (key + 1 if isinstance(key, int) else key)))
    return ".".join(words)


def _find_keys(kind: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """Keys of the table that a place is in."""
    tables: dict[Any, type[BaseModel]] = {"sites": SiteSettings, "tied": TieSettings}
    inner = [tables[one] for one in place[:-1] if one in tables]
    return list((inner[-1] if inner else kind).model_fields)
