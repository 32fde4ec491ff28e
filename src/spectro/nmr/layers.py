"""Layers of a nanocrystal by the parts of a spectrum: how deep below the surface each begins."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.stats import norm

from spectro.model import InputError, Uncertainty

_NAMES = {1: ("core",), 2: ("core", "surface"), 3: ("core", "middle", "surface")}
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a sphere.

    Attributes
    ----------
    name : str
        As in "core".
    fraction : float
        Of the volume.
    outer_nm, inner_nm : float
        Depth of its ends below the surface; the same where the layer is absent. The inner end of
        the innermost layer is the centre.
    outer, inner : Uncertainty
        Of those.
    is_significant : bool
        Whether the fraction is above 0 by more than its error explains.
    """

    name: str
    fraction: float
    outer_nm: float
    inner_nm: float
    outer: Uncertainty
    inner: Uncertainty
    is_significant: bool

    @property
    def thickness_nm(self) -> float:
        """From end to end."""
        return self.inner_nm - self.outer_nm


@dataclass(frozen=True, slots=True)
class LayerModel:
    """A sphere in layers.

    Attributes
    ----------
    diameter_nm : float
        Of the sphere.
    layers : tuple of Layer
        From the centre outwards.
    statements : tuple of str
        What was found, in sentences.
    """

    diameter_nm: float
    layers: tuple[Layer, ...]
    statements: tuple[str, ...]

    def __getitem__(self, name: str) -> Layer:
        """Layer by its name."""
        for one in self.layers:
            if one.name == name:
                return one
        raise InputError(
            f"Expected a layer of {', '.join(one.name for one in self.layers)}, got {name!r}."
        )

    @property
    def depth_nm(self) -> dict[str, float]:
        """Depth below the surface at which each layer but the outermost begins, by name."""
        return {one.name: one.outer_nm for one in self.layers[:-1] if one.fraction > 0}


def layer_model(
    diameter_nm: float,
    fractions: Sequence[float] | Mapping[str, float],
    *,
    fraction_errors: Sequence[float] | Mapping[str, float] | None = None,
    diameter_error_nm: float = 0.0,
    exclude: Sequence[str] = ("bulk",),
) -> LayerModel:
    """Boundaries between concentric layers, as depths below the surface.

    Parameters
    ----------
    diameter_nm : float
        Of the nanocrystal, taken for a sphere.
    fractions : sequence or mapping of str to float
        Integrals of the sites in any unit, from the centre outwards: (core, middle, surface),
        (core, surface), or by name.
    fraction_errors : sequence or mapping of str to float, optional
        Standard errors of those, in the same unit and taken for independent.
    diameter_error_nm : float, optional
        Standard error of the diameter.
    exclude : sequence of str, optional
        Names of what is no part of the nanocrystal; by default "bulk"; capitals do
        not matter.

    Returns
    -------
    LayerModel
        Depths with their uncertainties.

    Raises
    ------
    InputError
        If a fraction is negative, all are 0, or names and numbers do not fit.

    Notes
    -----
    With the same number of nuclei per volume throughout, the layers up to the i-th from the centre,
    which hold the part c_i of all nuclei, end at the radius R c_i^(1/3), at the depth R (1 -
    c_i^(1/3)). Concentric cubes with the diameter for an edge give the same depths. The interval
    of a depth is that of c_i, to first order in the fractions, carried over; where c_i is 0 it
    runs from the largest core that the error of its fraction would hide to the centre.

    Examples
    --------
    >>> model = layer_model(10.0, (1, 7, 19))
    >>> {name: round(depth, 3) for name, depth in model.depth_nm.items()}
    {'core': 3.333, 'middle': 1.667}
    """
    if not (0 < diameter_nm < math.inf and 0 <= diameter_error_nm < math.inf):
        raise InputError(
            f"Expected a diameter above 0 nm and an error of at least 0, got {diameter_nm} and "
            f"{diameter_error_nm}."
        )
    parts = _name_parts(fractions)
    all_errors = _name_errors(fraction_errors, tuple(parts))
    left_out = {one.casefold() for one in ([exclude] if isinstance(exclude, str) else exclude)}
    _check_names(left_out - {"bulk"}, {name.casefold() for name in parts}, "exclude")
    names = [name for name in parts if name.casefold() not in left_out]
    amount = np.array([parts[name] for name in names])
    error = np.array([all_errors[name] for name in names])
    if not (np.isfinite(amount).all() and (amount >= 0).all() and amount.sum() > 0):
        raise InputError(f"Expected fractions of at least 0 and one above, got {parts}.")
    if not (np.isfinite(error).all() and (error >= 0).all()):
        raise InputError(f"Expected standard errors of at least 0, got {all_errors}.")
    total, radius = float(amount.sum()), _Radius(diameter_nm / 2, diameter_error_nm / 2)
    ends = [radius.depth_of(0.0, 0.0)]
    for i in range(len(names)):
        inside = float(amount[: i + 1].sum()) / total if i < len(names) - 1 else 1.0
        slopes = ((np.arange(len(names)) <= i) - inside) / total
        ends.append(radius.depth_of(inside, float(np.linalg.norm(slopes * error))))
    least = float(norm.ppf(_LEVEL)) * error
    layers = tuple(
        Layer(name, float(f) / total, outer[0], inner[0], outer[1], inner[1], bool(f > limit))
        for name, f, limit, (inner, outer) in zip(names, amount, least, pairwise(ends), strict=True)
    )
    return LayerModel(diameter_nm, layers, tuple(_describe(layers)))


@dataclass(frozen=True, slots=True)
class _Radius:
    value_nm: float
    error_nm: float

    def depth_of(self, inside: float, error: float) -> tuple[float, Uncertainty]:
        """Depth of the sphere around the centre that holds a part of the volume."""

        def compute(part: float) -> float:
            return self.value_nm * (1 - math.cbrt(min(max(part, 0.0), 1.0)))

        depth, wide = compute(inside), float(norm.ppf((1 + _LEVEL) / 2))
        by_radius = depth / self.value_nm * self.error_nm
        by_part = self.value_nm / 3 * inside ** (-2 / 3) * error if inside > 0 else math.inf
        shallow, deep = (abs(compute(inside + s * wide * error) - depth) for s in (1, -1))
        low = depth - math.hypot(shallow, wide * by_radius)
        high = depth + math.hypot(deep, wide * by_radius)
        known = math.hypot(by_part, by_radius) if error > 0 else by_radius
        return depth, Uncertainty(
            known if math.isfinite(known) else math.nan,
            max(low, 0.0),
            min(high, self.value_nm + wide * self.error_nm),
            _LEVEL,
        )


def _name_parts(fractions: Sequence[float] | Mapping[str, float]) -> dict[str, float]:
    if isinstance(fractions, Mapping):
        return {name: float(value) for name, value in fractions.items()}
    if len(fractions) not in _NAMES:
        raise InputError(
            f"Expected 1 to 3 fractions (core, middle, surface), got {len(fractions)}; give a "
            f"mapping of names to fractions, from the centre outwards."
        )
    return dict(zip(_NAMES[len(fractions)], map(float, fractions), strict=True))


def _name_errors(
    errors: Sequence[float] | Mapping[str, float] | None, names: tuple[str, ...]
) -> dict[str, float]:
    if errors is None:
        return dict.fromkeys(names, 0.0)
    if isinstance(errors, Mapping):
        _check_names(set(errors), set(names), "fraction_errors")
        return {name: float(errors.get(name, 0.0)) for name in names}
    if len(errors) != len(names):
        raise InputError(f"Expected an error for each of {len(names)} parts, got {len(errors)}.")
    return dict(zip(names, map(float, errors), strict=True))


def _check_names(given: set[str], known: set[str], where: str) -> None:
    if given - known:
        raise InputError(
            f"Expected names out of {', '.join(sorted(known))} in {where}, got "
            f"{', '.join(sorted(given - known))}."
        )


def _describe(layers: Sequence[Layer]) -> list[str]:
    found = []
    for one in layers:
        share = f"{100 * one.fraction:.0f} %"
        if one.fraction == 0:
            text = f"There is no {one.name}: none of the signal is from there."
            if one is layers[0] and one.outer.low < one.outer_nm:
                text += f" One from {one.outer.low:.2f} nm below the surface on is not excluded."
            found.append(text)
            continue
        if one is layers[-1]:
            text = f"The {one.name} ({share}) reaches {one.inner_nm:.2f} nm deep."
        else:
            text = f"The {one.name} ({share}) begins {one.outer_nm:.2f} nm below the surface"
            wide = one.outer.standard_error
            text += f" ({one.outer.low:.2f} to {one.outer.high:.2f}, 95 %)." if wide > 0 else "."
        if not one.is_significant:
            text += " Its share is not above 0 by more than its error."
        found.append(text)
    return found
