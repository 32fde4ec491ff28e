"""Every setting of an analysis, one frozen class per stage; read from TOML and written to it."""

import hashlib
import json
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_nanodope.materials import Material, material_named
from napari_nanodope.model import InputError, is_element

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
NotNegativeInt = Annotated[int, Field(ge=0)]


class Stage(BaseModel):
    """A table of the recipe: frozen, with no unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True
    )


class FieldStage(Stage):
    """What is in the picture."""

    host: str = "Cd"
    """Element of the host lattice that the dopant replaces."""
    dopant: str = "Mn"
    """Element whose atoms are counted."""
    material: str = "CdS (zinc blende)"
    """Host lattice; one of the shipped names, any name with sites_per_nm3 given, or "" for none."""
    sites_per_nm3: Positive | None = None
    """Host sites per nm3, for a lattice that is not shipped or for a mixed host."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        for role in ("host", "dopant"):
            if not is_element(getattr(self, role)):
                raise ValueError(
                    f"expected an element symbol such as 'Cd' as {role}, got "
                    f"{getattr(self, role)!r}"
                )
        if self.host == self.dopant:
            raise ValueError(f"expected two different elements, got {self.host} as host and dopant")
        lattice = self.lattice()
        if lattice is not None:
            lattice.sites_per_nm3(self.host)
        return self

    def lattice(self) -> Material | None:
        """Return the shipped lattice, or None where the recipe gives its own density or none."""
        if not self.material or self.sites_per_nm3 is not None:
            return None
        return material_named(self.material)

    def host_sites_per_nm3(self) -> float | None:
        """Sites of the host element per nm3, or None where they are not known."""
        lattice = self.lattice()
        return self.sites_per_nm3 if lattice is None else lattice.sites_per_nm3(self.host)


class LineWindows(Stage):
    """Energies in keV over which the net counts of one X-ray line are taken."""

    line: str
    """Name of the line, as in "Ka"."""
    window_keV: tuple[float, float]
    """From and to, around the line."""
    below_keV: tuple[float, float] | None = None
    """Background at lower energy."""
    above_keV: tuple[float, float] | None = None
    """Background at higher energy; with neither, nothing is subtracted."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        ends = [end for window in self.in_order() for end in window]
        if ends != sorted(ends) or not all(-1e3 < end < 1e3 for end in ends):
            raise ValueError(
                f"expected energies in keV that ascend from below_keV over window_keV to "
                f"above_keV, got {ends}"
            )
        return self

    def in_order(self) -> list[tuple[float, float]]:
        """Windows that are there, by ascending energy."""
        windows = (self.below_keV, self.window_keV, self.above_keV)
        return [window for window in windows if window is not None]


class MapsStage(Stage):
    """From a spectrum image to net maps; ignored for ready-made maps."""

    lines: dict[str, str | LineWindows] = Field(default_factory=dict)
    """X-ray line by element, as in { Mn = "Ka" }, or its windows in keV; else the hardest one."""
    detectors: Literal["sum"] | list[NotNegativeInt] = "sum"
    """Detectors to add up, where a file keeps them apart; counted from 0."""
    frames: Literal["sum"] | tuple[NotNegativeInt, NotNegativeInt] = "sum"
    """Frames to add up: first and end, counted from 0, the end left out."""


class SegmentStage(Stage):
    """From images to labels."""

    method: Literal["cellpose", "watershed"] = "cellpose"
    """How nanocrystals are outlined."""
    model: str = "nanocrystal"
    """Network of "cellpose": the bundled one, "cpsam_v2", "cpdino", or a file of weights."""
    image: Literal["auto", "survey", "host"] = "auto"
    """Image to segment; "auto" is the survey, or the host map where the file holds no image."""
    diameter_nm: Positive | Literal["auto"] = "auto"
    """Expected diameter of a nanocrystal in nm; "auto" estimates it."""


class ParticlesStage(Stage):
    """Which particles enter the statistics, and how their volume is taken."""

    exclude_border: bool = True
    """Leave out particles that touch the border of the picture."""
    min_diameter_nm: NotNegative = 2.0
    """Leave out particles of smaller equivalent diameter, in nm."""
    max_diameter_nm: Positive | None = None
    """Leave out particles of larger equivalent diameter, in nm."""
    min_solidity: Share = 0.0
    """Leave out particles of smaller solidity, 1 for convex ones; 0 keeps all."""
    max_contact_fraction: Share = 1.0
    """Leave out particles of whose outline a larger share borders others; 1 keeps all."""
    volume: Literal["area", "inradius", "host"] = "area"
    """Sphere of the same area, sphere of the inradius, or shared out by host counts."""


class CountStage(Stage):
    """From the dopant map to dopants."""

    threshold: NotNegative | Literal["auto"] = 0.5
    """Counts; a pixel strictly above holds a dopant. "auto" minimises the error of the total."""
    counts_per_dopant: Positive | None = None
    """Counts that one dopant atom gives, where calibrated: adds the estimate sum / counts."""


class ProfileStage(Stage):
    """Depth below the particle edge."""

    distance: Literal["euclidean", "erode-ceil"] = "euclidean"
    """Exact distance, or the published macro's erosion and rounding up."""
    shell_nm: Positive | Literal["auto"] = "auto"
    """Thickness of the surface shell in nm; "auto" is one pixel."""


class ExpectStage(Stage):
    """What other methods say, drawn beside the counts."""

    icp_ms_mM: NotNegative | None = None
    """Dopant concentration of the sample by ICP-MS, in mM of crystal."""
    reference_mM: NotNegative = 33.0
    """A concentration to compare with, in mM; 33 mM was found best for DNP; 0 for none."""


class Recipe(Stage):
    """Every setting of one analysis.

    Examples
    --------
    >>> recipe = Recipe.from_dict({"count": {"threshold": 1.5}})
    >>> recipe.count.threshold, recipe.field.dopant
    (1.5, 'Mn')
    """

    field: FieldStage = FieldStage()
    maps: MapsStage = MapsStage()
    segment: SegmentStage = SegmentStage()
    particles: ParticlesStage = ParticlesStage()
    count: CountStage = CountStage()
    profile: ProfileStage = ProfileStage()
    expect: ExpectStage = ExpectStage()

    @classmethod
    def from_dict(cls, tables: dict[str, Any], *, origin: str = "recipe") -> Self:
        """Return a recipe from nested tables.

        Raises
        ------
        InputError
            If a key is unknown or a value out of bounds; every problem is named.
        """
        try:
            return cls.model_validate(tables)
        except ValidationError as error:
            told = [sentence for _, sentence in _problems(error)]
            raise InputError(f"{origin}: {'; '.join(told)}.") from None

    @classmethod
    def find_problems(cls, tables: dict[str, Any]) -> list[tuple[tuple[str, ...], str]]:
        """Everything that is wrong in nested tables: the table and key, and what; empty if good."""
        try:
            cls.model_validate(tables)
        except ValidationError as error:
            return _problems(error)
        return []

    @classmethod
    def from_toml(cls, text: str, *, origin: str = "recipe") -> Self:
        """Return a recipe from TOML text; see `from_dict` for the errors."""
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"{origin}: expected TOML, got a mistake: {error}.") from None
        return cls.from_dict(tables, origin=origin)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a recipe from a TOML file; see `from_dict` for the errors."""
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            raise InputError(
                f"Expected a recipe to read at {path}, got: {reason}; write one with "
                f"'nanodope recipe'."
            ) from None
        return cls.from_toml(text, origin=str(path))

    def to_toml(self) -> str:
        """TOML text of every setting, each with what it means as a comment."""
        return "\n".join(
            _table_to_toml(name, getattr(self, name)) for name in type(self).model_fields
        )

    def save(self, path: str | Path) -> None:
        """Write the recipe as TOML; the file appears whole or not at all."""
        path = Path(path)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(self.to_toml(), encoding="utf-8")
        partial.replace(path)

    def replace(self, **stages: dict[str, Any]) -> Self:
        """Return a copy with some values changed, as in ``replace(count={"threshold": 1.5})``."""
        tables = self.model_dump()
        for name, values in stages.items():
            if name not in tables:
                raise InputError(f"Expected a table of {', '.join(tables)}, got {name!r}.")
            tables[name] |= values
        return type(self).from_dict(tables)

    @property
    def sha256(self) -> str:
        """Digest of every setting, in hexadecimal; the same for the same settings."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _table_to_toml(name: str, stage: Stage) -> str:
    lines = [f"# {(type(stage).__doc__ or '').strip()}", f"[{name}]"]
    for key, info in type(stage).model_fields.items():
        value = getattr(stage, key)
        lines.append(f"# {info.description}")
        lines.append(f"# {key} =" if value is None else f"{key} = {_value_to_toml(value)}")
    return "\n".join(lines) + "\n"


def _value_to_toml(value: Any) -> str:
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_none=True)
    if isinstance(value, dict):  # on one line, so that the keys after it stay in their table
        pairs = ", ".join(f"{k} = {_value_to_toml(v)}" for k, v in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return tomli_w.dumps({"value": value}).removeprefix("value = ").strip()


_EXPECTED = {
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "dict_type": "a table",
    "model_type": "a table",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "literal_error": "{expected}",
}


def _problems(error: ValidationError) -> list[tuple[tuple[str, ...], str]]:
    """Place and sentence of each; what a setting may be is put together from all alternatives."""
    expected: dict[tuple[str, ...], list[str]] = {}
    got: dict[tuple[str, ...], str] = {}
    told: list[tuple[tuple[str, ...], str]] = []
    for problem in error.errors(include_url=False):
        place = tuple(str(part) for part in problem["loc"][:2])
        where, kind, context = _name_place(place), problem["type"], problem.get("ctx", {})
        if kind == "extra_forbidden":
            told.append((place, f"{where} is no setting{_nearest(place)}"))
        elif kind in _EXPECTED:
            expected.setdefault(place, []).append(_EXPECTED[kind].format(**context))
            got[place] = repr(problem["input"])
        else:
            message = problem["msg"].removeprefix("Value error, ").rstrip(".")
            told.append((place, f"{where}: {message}"))
    numbers = []
    for place, alternatives in expected.items():
        wanted = " or ".join(dict.fromkeys(alternatives))
        numbers.append((place, f"{_name_place(place)}: expected {wanted}, got {got[place]}"))
    return numbers + told


def _name_place(place: tuple[str, ...]) -> str:
    return f"[{place[0]}] {place[1]}" if len(place) > 1 else f"[{''.join(place)}]"


def _nearest(place: tuple[str, ...]) -> str:
    stages = {name: info.annotation for name, info in Recipe.model_fields.items()}
    if len(place) == 1:
        known = list(stages)
    else:
        stage = stages.get(place[0])
        known = list(getattr(stage, "model_fields", {}))
    close = get_close_matches(place[-1], known, n=1)
    return f" (did you mean {close[0]}?)" if close else f" (known: {', '.join(known)})"
