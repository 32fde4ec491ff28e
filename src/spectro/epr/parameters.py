"""Spin systems and line shapes as named numbers, and back."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from spectro.epr.cw import CwExperiment, LineShape
from spectro.epr.spin_system import BOHR_MHz_PER_mT, SpinSystem
from spectro.model import InputError, Parameter

Bounds = Mapping[str, tuple[float, float]]

INSTRUMENT = ("field_offset_mT", "phase_deg", "modulation_mT")
"""What all components of a spectrum share by nature."""

_LINE = ("gaussian_mT", "lorentzian_mT")
_SCALARS = ("d_MHz", "e_MHz", "d_strain_MHz", "e_strain_MHz", "a_strain_MHz")
_AXES = {1: ("",), 2: ("_perpendicular", "_parallel"), 3: ("_x", "_y", "_z")}
_STEP = 0.01  # of the line width, which a line moves by when a derivative is taken
_WIDEST, _NARROWEST = 0.25, 0.2  # of the range of field, and of the first width, for a line
_STRAY_mT = 2.0  # by which lines of further starts are moved at most
_TWO_LEVELS = 0.5


@dataclass(frozen=True, slots=True)
class Component:
    """One spin system of a spectrum, and its lines.

    Attributes
    ----------
    name : str
        "" for the only one.
    system : SpinSystem
        With the values that are not varied.
    line : LineShape
        Likewise.
    """

    name: str
    system: SpinSystem
    line: LineShape

    def values(self) -> dict[str, float]:
        """Every number that could be varied, by name."""
        found = {name: value for name, _, _, value in self._tensors()}
        found |= {name: float(getattr(self.system, name)) for name in _SCALARS}
        return found | {name: float(getattr(self.line, name)) for name in _LINE}

    def replace(self, values: Mapping[str, float]) -> tuple[SpinSystem, LineShape]:
        """System and line shape with some numbers replaced, by name."""
        strange = set(values) - set(self.values())
        if strange:
            raise InputError(
                f"Expected parameters of the system, got {', '.join(sorted(strange))}; there are "
                f"{', '.join(self.values())}."
            )
        tensors: dict[tuple[str, int], list[float]] = {}
        for name, what, number, value in self._tensors():
            tensors.setdefault((what, number), []).append(values.get(name, value))
        nuclei = list(self.system.nuclei)
        changes: dict[str, Any] = {n: values[n] for n in _SCALARS if n in values}
        for (what, number), numbers in tensors.items():
            tensor = numbers[0] if len(numbers) == 1 else tuple(numbers)
            if what == "g":
                changes["g"] = tensor
            else:
                nuclei[number] = replace(nuclei[number], a_MHz=tensor)
        widths = {name: values[name] for name in _LINE if name in values}
        line = replace(self.line, **widths)
        return replace(self.system, nuclei=tuple(nuclei), **changes), line

    def _tensors(self) -> Iterator[tuple[str, str, int, float]]:
        """Name of each principal value, "g" or "a", number of the nucleus, and value."""
        yield from _name_tensor(self.system.g, "g", "", ("g", 0))
        for number, nucleus in enumerate(self.system.nuclei):
            stem = "a" if number == 0 else f"a{number + 1}"
            yield from _name_tensor(nucleus.a_MHz, stem, "_MHz", ("a", number))


def _name_tensor(
    value: float | Sequence[float], stem: str, unit: str, about: tuple[str, int]
) -> Iterator[tuple[str, str, int, float]]:
    numbers = [float(value)] if isinstance(value, int | float) else [float(one) for one in value]
    for axis, number in zip(_AXES[len(numbers)], numbers, strict=True):
        yield f"{stem}{axis}{unit}", *about, number


def choose_varied(component: Component, vary: Sequence[str], instrument: bool = False) -> list[str]:
    """Names of a component's numbers that are meant: "g" means all principal values of g.

    Parameters
    ----------
    component : Component
        Whose numbers they are.
    vary : sequence of str
        As a person gives them; with the component's name and a point before them for it alone.
    instrument : bool
        Whether to give the numbers of the instrument that are meant instead.

    Raises
    ------
    InputError
        If a name is not known.
    """
    known = list(component.values())
    chosen, shared = [], []
    for one in vary:
        owner, _, name = one.rpartition(".")
        if name in INSTRUMENT and not owner:
            shared.append(name)
            continue
        if owner and owner != component.name:
            continue
        stem = name.removesuffix("_MHz")
        meant = [n for n in known if n == name or (n.startswith(f"{stem}_") and _is_part(n, stem))]
        if not meant:
            raise InputError(
                f"Expected names of parameters to vary, got {one!r}; there are "
                f"{', '.join((*known, *INSTRUMENT))}."
            )
        chosen += meant
    return list(dict.fromkeys(shared if instrument else chosen))


def _is_part(name: str, stem: str) -> bool:
    axis = name.removeprefix(stem).removesuffix("_MHz")
    return any(axis == one for axes in _AXES.values() for one in axes if one)


def describe(
    component: Component,
    name: str,
    experiment: CwExperiment,
    bounds: Mapping[str, tuple[float, float]],
) -> Parameter:
    """A number as a parameter: bounds, a step that moves lines by little, a spread for starts."""
    system, width = component.system, component.line.fwhm_mT
    low_mT, high_mT = experiment.field_mT
    value = component.values()[name]
    unit = next((u for u in ("MHz", "mT") if name.endswith(u)), "")
    if name in _LINE:
        least = max((high_mT - low_mT) / experiment.n_points, _NARROWEST * width)
        low = least if name == _LINE[0] or component.line.gaussian_mT == 0 else 0.0
        high = _WIDEST * (high_mT - low_mT)
        step, spread = _STEP * width, 0.5 * max(value, width)
    elif name.startswith("g"):
        per_mT = abs(value) / (0.5 * (low_mT + high_mT))
        low, high = 0.5 * value, 1.5 * value
        step, spread = _STEP * width * per_mT, _STRAY_mT * per_mT
    else:
        per_mT = 2 * BOHR_MHz_PER_mT / _count_shifts(system, name)
        step, high = _STEP * width * per_mT, max(2 * (high_mT - low_mT) * per_mT, 2 * abs(value))
        low = -high
        if "strain" in name:  # of its own order, or of that of what is distributed
            parent = abs(component.values().get(name.replace("_strain", ""), 0.0))
            low, high = 0.0, max(4 * value, parent, (high_mT - low_mT) * per_mT)
        spread = 0.5 * abs(value) or 50 * step
        if name.startswith("a") and "strain" not in name:
            spread = min(spread, _STRAY_mT / (_STEP * width) * step)
    given = bounds.get(f"{component.name}.{name}", bounds.get(name))
    low, high = given or (low, high)
    if given is None:
        value = min(max(value, low), high)
    full = f"{component.name}.{name}" if component.name else name
    return Parameter(full, value, low, high, unit, step, spread)


def _count_shifts(system: SpinSystem, name: str) -> float:
    """By how many times the number the outermost line moves, about."""
    if name.startswith("a"):
        digits = "".join(c for c in name.split("_", maxsplit=1)[0] if c.isdigit())
        return max(system.isotopes[int(digits or 1) - 1].spin, _TWO_LEVELS)
    return max(1.5 * (2 * system.s - 1), 1.0)


def describe_instrument(
    name: str, experiment: CwExperiment, width_mT: float, bounds: Bounds
) -> Parameter:
    """A number of the instrument as a parameter."""
    span = experiment.field_mT[1] - experiment.field_mT[0]
    value, low, high, step, unit = {
        "field_offset_mT": (0.0, -0.1 * span, 0.1 * span, _STEP * width_mT, "mT"),
        "phase_deg": (experiment.phase_deg, -180.0, 180.0, 0.5, "deg"),
        "modulation_mT": (experiment.modulation_mT, 0.0, 0.1 * span, _STEP * width_mT, "mT"),
    }[name]
    low, high = bounds.get(name, (low, high))
    spread = {"phase_deg": 20.0}.get(name, width_mT)
    return Parameter(name, min(max(value, low), high), low, high, unit, step, spread)
