"""Lines that a spectrum is made of, as a person states them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from types import MappingProxyType
from typing import Any, Self

from spectro.lineshapes import MIXED, SHAPES
from spectro.model import InputError
from spectro.nmr.patterns import Pattern

QUANTITIES = ("shift_ppm", "width_ppm", "mixing")
"""Of a site, that may be shared, fixed, bounded or tied."""

INTEGRAL = "integral"
"""What may be tied besides."""

BASELINE = "baseline"
"""Name of the part of a fit that is no site."""

_LIMITS = {
    "shift_ppm": (-math.inf, math.inf),
    "width_ppm": (0.0, math.inf),
    "mixing": (0.0, 1.0),
}


def _is_pair(ends: object) -> bool:
    return (
        isinstance(ends, Sequence) and len(ends) == 2 and all(isinstance(one, Real) for one in ends)
    )


@dataclass(frozen=True, slots=True)
class Tie:
    """A quantity of one site by the same quantity of another: factor times it, plus an offset.

    Attributes
    ----------
    site : str
        Name of the other.
    factor, offset : float
        Of integrals there is no offset.
    """

    site: str
    factor: float = 1.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what is no number."""
        if not (math.isfinite(self.factor) and math.isfinite(self.offset)) or self.factor == 0:
            raise InputError(
                f"Expected a factor other than 0 and a finite offset, got {self.factor} and "
                f"{self.offset}."
            )


@dataclass(frozen=True, slots=True)
class Site:
    """A line of a spectrum, with where its fit starts.

    Attributes
    ----------
    name : str
        As in "core".
    shift_ppm, width_ppm : float
        Position, and full width at half maximum. For a spectrum over another unit they are in that
        unit; `at` then reads better.
    shape : str
        One of `spectro.lineshapes.SHAPES`.
    mixing : float
        Lorentzian part, of "pseudo-voigt" and "voigt".
    fixed : tuple of str
        Quantities that stay: "shift_ppm", "width_ppm", "mixing".
    bounds : mapping of str to (float, float)
        Of quantities; by default a shift is on the axis, a width between half a point and the whole
        axis.
    tied : mapping of str to Tie
        Quantities, or "integral", that follow another site's.
    is_signed : bool
        Whether the integral may be below 0.
    pattern : Pattern, optional
        What the site is instead of one line: `Anisotropy`, `Quadrupole`. Its quantities may be
        fixed, bounded, tied and shared as the others.

    Raises
    ------
    InputError
        If a number or a name is not what it should be.
    """

    name: str
    shift_ppm: float
    width_ppm: float
    shape: str = "gaussian"
    mixing: float = 0.5
    fixed: tuple[str, ...] = ()
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    tied: Mapping[str, Tie] = field(default_factory=dict)
    is_signed: bool = False
    pattern: Pattern | None = None

    def __post_init__(self) -> None:
        """Check names and numbers; make the mappings read-only."""
        if not self.name or "/" in self.name or self.name == BASELINE:
            raise InputError(
                f"Expected a name without a slash, other than {BASELINE!r}, for a site, got "
                f"{self.name!r}."
            )
        if self.shape not in SHAPES:
            raise InputError(
                f"Expected a shape out of {', '.join(SHAPES)} for {self.name}, got {self.shape!r}."
            )
        if not (math.isfinite(self.shift_ppm) and 0 < self.width_ppm < math.inf):
            raise InputError(
                f"Expected a finite shift and a width above 0 for {self.name}, got "
                f"{self.shift_ppm} and {self.width_ppm}."
            )
        if not 0 <= self.mixing <= 1:
            raise InputError(f"Expected a mixing from 0 to 1 for {self.name}, got {self.mixing}.")
        if isinstance(self.fixed, str) or not isinstance(self.tied, Mapping):
            raise InputError(
                f"Expected a tuple as fixed and a mapping as tied for {self.name}, got "
                f"{self.fixed!r} and {self.tied!r}."
            )
        more = self.pattern.quantities if self.pattern else ()
        unknown = {*self.fixed, *self.bounds, *self.tied} - {*QUANTITIES, *more, INTEGRAL}
        unknown |= {INTEGRAL} & {*self.fixed, *self.bounds}
        if unknown:
            raise InputError(
                f"Expected quantities out of {', '.join((*QUANTITIES, *more))} for {self.name}, "
                f"got {', '.join(sorted(unknown))}."
            )
        self._check_freedom()
        for name in ("bounds", "tied"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def _check_freedom(self) -> None:
        """Refuse bounds that hold nothing, and what is tied and free at once."""
        for quantity, ends in self.bounds.items():
            least, most = self.limits[quantity]
            if not (_is_pair(ends) and least <= ends[0] <= ends[1] <= most):
                raise InputError(
                    f"Expected two bounds of {quantity} from {least:g} to {most:g} for "
                    f"{self.name}, the lower one first, got {ends!r}."
                )
        for quantity, tie in self.tied.items():
            if not isinstance(tie, Tie):
                raise InputError(
                    f"Expected a Tie for {quantity} of {self.name}, got {tie!r}; write Tie('core')."
                )
            if quantity in self.fixed or quantity in self.bounds:
                raise InputError(
                    f"Expected {quantity} of {self.name} tied, fixed or bounded, got two of these; "
                    f"fix or bound it at {tie.site}."
                )

    @classmethod
    def at(cls, name: str, position: float, width: float, **settings: Any) -> Self:
        """Site of a spectrum over another unit than ppm, as over eV.

        Parameters
        ----------
        name : str
            As in "C-C".
        position, width : float
            In the unit of the axis.
        **settings
            The other attributes.
        """
        return cls(name, position, width, **settings)

    @property
    def quantities(self) -> tuple[str, ...]:
        """Those that its shape has."""
        own = QUANTITIES if self.shape in MIXED else QUANTITIES[:2]
        return (*own, *(self.pattern.quantities if self.pattern else ()))

    @property
    def limits(self) -> Mapping[str, tuple[float, float]]:
        """Where each quantity makes sense."""
        return {**_LIMITS, **(self.pattern.limits if self.pattern else {})}

    def start(self, quantity: str) -> float:
        """Where the fit of a quantity starts."""
        return float(getattr(self if quantity in QUANTITIES else self.pattern, quantity))

    def describe(self) -> dict[str, Any]:
        """All attributes, ready for JSON."""
        ties = {q: [one.site, one.factor, one.offset] for q, one in self.tied.items()}
        return {
            "name": self.name,
            "shift_ppm": self.shift_ppm,
            "width_ppm": self.width_ppm,
            "shape": self.shape,
            "mixing": self.mixing,
            "fixed": list(self.fixed),
            "bounds": {q: list(one) for q, one in self.bounds.items()},
            "tied": ties,
            "is_signed": self.is_signed,
            "pattern": self.pattern.describe() if self.pattern else None,
        }


def follow_ties(sites: Sequence[Site], name: str, quantity: str) -> tuple[str, float, float]:
    """Site that a quantity of a site goes back to, with the factor and the offset.

    Parameters
    ----------
    sites : sequence of Site
        All of them.
    name, quantity : str
        Where to start; "integral" counts as a quantity.

    Raises
    ------
    InputError
        If ties lead in a circle, to no site, or to one whose shape has no such quantity.
    """
    known = {one.name: one for one in sites}
    factor, offset, seen = 1.0, 0.0, {name}
    while (tie := known[name].tied.get(quantity)) is not None:
        target = known.get(tie.site)
        if target is None or (quantity != INTEGRAL and quantity not in target.quantities):
            raise InputError(
                f"Expected a site with a {quantity} that {name} is tied to, got {tie.site!r}; "
                f"there are {', '.join(known)}."
            )
        if tie.site in seen:
            raise InputError(f"Expected ties that end, got a circle at {tie.site} ({quantity}).")
        if quantity == INTEGRAL and (tie.offset != 0 or tie.factor < 0):
            raise InputError(
                f"Expected a factor above 0 and no offset for the integral of {name}, got "
                f"{tie.factor:g} and {tie.offset:g}."
            )
        factor, offset = factor * tie.factor, offset + factor * tie.offset
        name = tie.site
        seen.add(name)
    return name, factor, offset
