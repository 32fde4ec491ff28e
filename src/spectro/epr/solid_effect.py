"""Solid-effect dynamic nuclear polarisation: where in the field, or in frequency, it is best.

Microwaves at the sum or the difference of the electron's and the nucleus' frequency turn both spins
at once. What the two do to a nucleus is opposite, so the enhancement follows the absorption of the
electrons, shifted by the nuclear frequency to one side, less the same shifted to the other [1]_.

References
----------
.. [1] B. Corzilius, A. A. Smith, R. G. Griffin, J. Chem. Phys. 2012, 137, 054201,
   DOI 10.1063/1.4738761.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.signal import find_peaks

from spectro.epr.cw import CwExperiment, LineShape, simulate_cw
from spectro.epr.powder import expect_reach
from spectro.epr.spin_system import BOHR_MHz_PER_mT, SpinSystem
from spectro.isotopes import Isotope, isotope
from spectro.model import Axis, InputError, Spectrum

Array = NDArray[np.float64]

_POINTS_PER_WIDTH = 30  # where a cubic spline of a Gaussian is good to 1e-6
_LEAST_POINTS = 1024
_STRAINS = 1.5  # full widths at half maximum of a strain, beyond which little is left
_WIDTHS = 4.0  # of a line, shown beyond the outermost one
_RIVAL = 0.95  # of the highest enhancement, for another maximum to be told of


@dataclass(frozen=True, slots=True)
class Extremum:
    """Where the enhancement is highest or lowest.

    Attributes
    ----------
    field_mT, frequency_GHz : float
        Field and microwave frequency there; one of them is that of the whole sweep.
    offset_mT : float
        Field less the one that is on resonance with the microwaves.
    offset_MHz : float
        Microwave frequency less the one that is on resonance in the field.
    height : float
        Enhancement in units of the maximum of the absorption: 1 or -1 for a line that no other
        cancels.
    """

    field_mT: float
    frequency_GHz: float
    offset_mT: float
    offset_MHz: float
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class SolidEffect:
    """Enhancement of a nucleus by the solid effect, over the field or the microwave frequency.

    Attributes
    ----------
    nucleus : str
        Isotope.
    absorption : Spectrum
        Of the electron spins, 1 at its maximum, over the field in mT or the frequency in GHz.
    profile : Spectrum
        Enhancement on the same axis, in units of the maximum of the absorption; positive where it
        adds to the thermal polarisation.
    centre_mT, centre_GHz : float
        Field and microwave frequency that are on resonance for the mean g: h nu = g mu_B B.
    mean_mT : float
        Mean field of the absorption less the centre: anisotropy and shifts of second order.
    larmor_MHz : float
        Of the nucleus at the centre, not signed.
    shift_mT : float
        The same as a field: d = h nu_n / (g mu_B).
    positive, negative : Extremum
        Where the enhancement is highest and lowest.
    statements : tuple of str
        What was found, in sentences.
    """

    nucleus: str
    absorption: Spectrum
    profile: Spectrum
    centre_mT: float
    centre_GHz: float
    mean_mT: float
    larmor_MHz: float
    shift_mT: float
    positive: Extremum
    negative: Extremum
    statements: tuple[str, ...]

    @property
    def polarisation(self) -> Spectrum:
        """Change of the mean nuclear spin <Iz>: the enhancement times the sign of gamma."""
        sign = math.copysign(1, isotope(self.nucleus).gamma_MHz_per_T)
        about = {"quantity": "change of <Iz>"}
        return self.profile.do("to_polarisation", sign * self.profile.y, metadata=about)


def solid_effect_profile(
    system: SpinSystem | Sequence[SpinSystem],
    *,
    nucleus: str = "113Cd",
    frequency_GHz: float = 263.0,
    line: LineShape | None = None,
    field_mT: tuple[float, float] | None = None,
    exact: bool = False,
) -> SolidEffect:
    r"""Enhancement over the field at a fixed microwave frequency.

    Parameters
    ----------
    system : SpinSystem or sequence of SpinSystem
        The electron spins; parameters may come from a fit at another frequency.
    nucleus : str, optional
        Isotope that is polarised; it is weakly coupled and need not be in the system.
    frequency_GHz : float, optional
        Microwave frequency.
    line : LineShape, optional
        Widths at this frequency; by default 1 mT, Gaussian.
    field_mT : (float, float), optional
        First and last field; by default all where there is absorption.
    exact : bool, optional
        Take the Larmor frequency of the nucleus at each field, instead of the one at the centre.

    Raises
    ------
    InputError
        If the isotope is not known, or no line lies in the range of field.

    Notes
    -----
    With the absorption g and the shift d = h nu_n / (g mu_B) at the centre [1]_ [2]_,

    .. math:: \epsilon(B) \propto g(B - d) - g(B + d).

    Positive is the side of high field of a line, whatever the signs of g and gamma_n. There the
    microwaves have the frequency nu_e - nu_n, which is that of the transition from (electron in its
    lower level, nucleus in its upper one) to (upper, lower). As electrons are mostly in the lower
    level, nuclei are driven into theirs, where most of them are at equilibrium, too. What depends
    on the sign of gamma_n is the sign of <Iz> (see `SolidEffect.polarisation`), and which
    transition it is: for gamma_n > 0 positive enhancement is by the double-quantum transition, for
    gamma_n < 0 by the zero-quantum one.

    The centre is h nu / (g mu_B), g the mean of the principal values, and of several systems by
    their weights; shifts of second order are in the absorption and not in the centre.

    Both forbidden transitions of a line are as strong as each other, and relaxation and saturation
    are those of the other lines: heights are no prediction, fields are.

    With `exact`, the forbidden transitions of a line at B_r are at B_r / (1 - k) and B_r / (1 + k)
    with k = d / B_c, B_c the centre: both are higher by d^2 / B_c, and a line that is off the
    centre has them further apart by d (B_r - B_c) / B_c to each side, or closer.

    References
    ----------
    .. [1] K.-N. Hu, G. T. Debelouchina, A. A. Smith, R. G. Griffin, J. Chem. Phys. 2011, 134,
       125105, DOI 10.1063/1.3564920.
    .. [2] B. Corzilius, A. A. Smith, R. G. Griffin, J. Chem. Phys. 2012, 137, 054201,
       DOI 10.1063/1.4738761.
    """
    _check_positive(frequency_GHz, "a microwave frequency", "GHz")
    plan = _plan(system, nucleus, line, exact)
    if field_mT is not None and not 0 <= field_mT[0] < field_mT[1] < math.inf:
        raise InputError(
            f"Expected a range of field that ascends from 0 mT or more, got {field_mT[0]:g} to "
            f"{field_mT[1]:g} mT."
        )
    curves = _compute(plan, 1e3 * frequency_GHz / plan.slope_MHz_per_mT, field_mT)
    axis = Axis(curves.fields_mT, "magnetic field", "mT")
    return _conclude(plan, curves, axis)


def solid_effect_frequency_profile(
    system: SpinSystem | Sequence[SpinSystem],
    *,
    nucleus: str = "113Cd",
    field_mT: float = 9400.0,
    line: LineShape | None = None,
    frequency_GHz: tuple[float, float] | None = None,
) -> SolidEffect:
    """Enhancement over the microwave frequency at a fixed field.

    Parameters
    ----------
    system : SpinSystem or sequence of SpinSystem
        The electron spins.
    nucleus : str, optional
        Isotope that is polarised.
    field_mT : float, optional
        Of the magnet.
    line : LineShape, optional
        Widths, as they are in a sweep of the field; by default 1 mT, Gaussian.
    frequency_GHz : (float, float), optional
        First and last frequency; by default all where there is absorption.

    Raises
    ------
    InputError
        If the isotope is not known, or no line lies in the range of frequency.

    Notes
    -----
    As in `solid_effect_profile`, with positive and negative sides exchanged: lower frequency is the
    same as higher field. Lines are found in a sweep of the field at the frequency of the centre,
    and a line at B_r is moved to nu_c + (g mu_B / h)(B_c - B_r), with the mean g. This neglects
    delta g / g of an offset, and the change of second-order shifts along the sweep.
    """
    _check_positive(field_mT, "a field", "mT")
    plan = _plan(system, nucleus, line, False)
    mirrored = frequency_GHz and (
        2 * field_mT - 1e3 * frequency_GHz[1] / plan.slope_MHz_per_mT,
        2 * field_mT - 1e3 * frequency_GHz[0] / plan.slope_MHz_per_mT,
    )
    curves = _compute(plan, field_mT, mirrored)
    values = 1e-3 * plan.slope_MHz_per_mT * (2 * field_mT - curves.fields_mT)
    return _conclude(plan, curves, Axis(values[::-1], "microwave frequency", "GHz"))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is polarised by what."""

    systems: tuple[SpinSystem, ...]
    nucleus: Isotope
    line: LineShape
    exact: bool

    @property
    def slope_MHz_per_mT(self) -> float:
        """Electron frequency per field, of the mean g."""
        weights = [one.weight for one in self.systems]
        g = np.average([abs(one.g_isotropic) for one in self.systems], weights=weights)
        return BOHR_MHz_PER_mT * float(g)

    @property
    def ratio(self) -> float:
        """Nuclear frequency over that of the electron; d over the centre."""
        return 1e-3 * abs(self.nucleus.gamma_MHz_per_T) / self.slope_MHz_per_mT

    def expect_range(self, centre_mT: float) -> tuple[float, float]:
        """Fields in mT between which there is enhancement."""
        frequency_GHz = 1e-3 * self.slope_MHz_per_mT * centre_mT
        ends = [expect_reach(_widen(one), frequency_GHz) for one in self.systems]
        margin = _WIDTHS * self.line.fwhm_mT + self.ratio * centre_mT
        return min(low for low, _ in ends) - margin, max(high for _, high in ends) + margin


@dataclass(frozen=True, slots=True, eq=False)
class _Curves:
    """Absorption and enhancement over the field; extrema are offsets and heights."""

    centre_mT: float
    fields_mT: Array
    absorption: Array
    profile: Array
    mean_mT: float
    extrema: tuple[tuple[float, float], tuple[float, float]]


def _plan(
    system: SpinSystem | Sequence[SpinSystem], nucleus: str, line: LineShape | None, exact: bool
) -> _Plan:
    systems = (system,) if isinstance(system, SpinSystem) else tuple(system)
    if not any(one.weight > 0 for one in systems):
        raise InputError("Expected a spin system with a weight above 0, got none; give one.")
    return _Plan(systems, isotope(nucleus), line or LineShape(), exact)


def _check_positive(value: float, what: str, unit: str) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise InputError(f"Expected {what} above 0 {unit}, got {value}.")


def _widen(system: SpinSystem) -> SpinSystem:
    """System with D and E as large as their strains make them."""
    return replace(
        system,
        d_MHz=abs(system.d_MHz) + _STRAINS * system.d_strain_MHz,
        e_MHz=abs(system.e_MHz) + _STRAINS * system.e_strain_MHz,
    )


def _compute(plan: _Plan, centre_mT: float, range_mT: tuple[float, float] | None) -> _Curves:
    """Curves in a range of field; absorption is simulated as far beyond it as it is shifted."""
    low, high = range_mT or plan.expect_range(centre_mT)
    step = plan.line.fwhm_mT / _POINTS_PER_WIDTH
    n_points = max(math.ceil((high - low) / step) + 1, _LEAST_POINTS)
    n_beyond = math.ceil(1.01 * plan.ratio * high / (high - low) * (n_points - 1))
    beyond = n_beyond * (high - low) / (n_points - 1)
    wide = CwExperiment(
        1e-3 * plan.slope_MHz_per_mT * centre_mT,
        (low - beyond, high + beyond),
        n_points + 2 * n_beyond,
        harmonic=0,
    )
    spectrum = simulate_cw(plan.systems, wide, plan.line)
    fields, absorption = spectrum.x, spectrum.y / spectrum.y.max()
    mean_mT = float(np.average(fields, weights=absorption)) - centre_mT
    inside = slice(n_beyond, n_beyond + n_points)
    enhance = _Enhancement(CubicSpline(fields, absorption), plan.ratio, centre_mT, plan.exact)
    profile = enhance(fields[inside])
    extrema = (
        enhance.refine(fields[inside], int(profile.argmax())),
        enhance.refine(fields[inside], int(profile.argmin())),
    )
    return _Curves(centre_mT, fields[inside], absorption[inside], profile, mean_mT, extrema)


@dataclass(frozen=True, slots=True)
class _Enhancement:
    """Enhancement at any field, from the absorption."""

    absorption: CubicSpline
    ratio: float
    centre_mT: float
    exact: bool

    def __call__(self, field_mT: Array, order: int = 0) -> Array:
        """Enhancement, or its derivative of an order."""
        if self.exact:
            upper, lower = 1 - self.ratio, 1 + self.ratio
            n = order + 1  # what is stretched keeps its area
            return np.asarray(
                upper**n * self.absorption(upper * field_mT, order)
                - lower**n * self.absorption(lower * field_mT, order)
            )
        d = self.ratio * self.centre_mT
        return np.asarray(
            self.absorption(field_mT - d, order) - self.absorption(field_mT + d, order)
        )

    def refine(self, fields_mT: Array, i: int) -> tuple[float, float]:
        """Offset and height of the extremum next to a point; the point itself at an end."""
        place = float(fields_mT[i])
        if 0 < i < len(fields_mT) - 1:
            ends = float(fields_mT[i - 1]), float(fields_mT[i + 1])
            slopes = [float(self(np.array(end), 1)) for end in ends]
            if slopes[0] * slopes[1] < 0:
                place = brentq(lambda field: float(self(np.array(field), 1)), *ends)
        return place - self.centre_mT, float(self(np.array(place)))


def _conclude(plan: _Plan, curves: _Curves, axis: Axis) -> SolidEffect:
    """Curves as spectra over an axis of field or of frequency, and what they show."""
    over_field = axis.unit == "mT"
    order = slice(None) if over_field else slice(None, None, -1)
    centre_mT, centre_GHz = curves.centre_mT, 1e-3 * plan.slope_MHz_per_mT * curves.centre_mT
    about: dict[str, Any] = {"nucleus": plan.nucleus.name}
    about |= {"frequency_GHz": centre_GHz} if over_field else {"field_mT": centre_mT}
    absorption, profile = (
        Spectrum(y[order], (axis,), {"technique": technique, "quantity": quantity, **about})
        for technique, quantity, y in (
            ("EPR", "EPR absorption", curves.absorption),
            ("DNP", "solid effect", curves.profile),
        )
    )
    positive, negative = (
        Extremum(
            centre_mT + offset if over_field else centre_mT,
            centre_GHz if over_field else centre_GHz - 1e-3 * plan.slope_MHz_per_mT * offset,
            offset,
            -plan.slope_MHz_per_mT * offset,
            height,
        )
        for offset, height in curves.extrema
    )
    return SolidEffect(
        plan.nucleus.name,
        absorption,
        profile,
        centre_mT,
        centre_GHz,
        curves.mean_mT,
        abs(plan.nucleus.gamma_MHz_per_T) * 1e-3 * centre_mT,
        plan.ratio * centre_mT,
        positive,
        negative,
        tuple(_list_statements(plan, curves, axis)),
    )


def _list_statements(plan: _Plan, curves: _Curves, axis: Axis) -> Iterator[str]:
    centre, d = curves.centre_mT, plan.ratio * curves.centre_mT
    slope, name = plan.slope_MHz_per_mT, plan.nucleus.name
    yield (
        f"The centre, h nu / (g mu_B) with g = {slope / BOHR_MHz_PER_mT:.5g}, is {centre:.2f} mT "
        f"at {1e-3 * slope * centre:.4f} GHz; the mean field of the absorption is "
        f"{curves.mean_mT:+.3f} mT from it."
    )
    yield (
        f"{name} has {d * slope:.2f} MHz there, which shifts the absorption by d = {d:.3f} mT to "
        f"each side."
    )
    for what, side, (offset, _) in zip(
        ("highest positive", "highest negative"), (1, -1), curves.extrema, strict=True
    ):
        place = f"{centre + offset:.2f} mT ({offset:+.2f} mT from the centre)"
        if axis.unit == "GHz":
            moved = -slope * offset
            place = f"{1e-3 * (slope * centre + moved):.4f} GHz ({moved:+.1f} MHz from the centre)"
        yield (
            f"The {what} enhancement is at {place}, by the absorption at {offset - side * d:+.2f} "
            f"mT."
        )
    for what, offsets in zip(("positive", "negative"), _list_rivals(curves), strict=True):
        if offsets:
            yield (
                f"The {what} enhancement is nearly as high (at least {100 * _RIVAL:.0f} %) at "
                f"{', '.join(f'{one:+.2f}' for one in offsets)} mT from the centre."
            )
    ends = curves.fields_mT[[0, -1]] - centre
    if any(offset in ends for offset, _ in curves.extrema):
        yield "The enhancement is still rising at an end of the range; sweep further."
    transition = "double-quantum" if plan.nucleus.gamma_MHz_per_T > 0 else "zero-quantum"
    sign = "positive" if plan.nucleus.gamma_MHz_per_T > 0 else "negative"
    yield (
        f"As gamma of {name} is {sign}, positive enhancement is by the {transition} transition "
        f"and has a {sign} <Iz>."
    )


def _list_rivals(curves: _Curves) -> tuple[list[float], list[float]]:
    """Offsets of further maxima, and of further minima, that are nearly as high."""
    offsets = curves.fields_mT - curves.centre_mT
    found = []
    for sign, (offset, height) in zip((1, -1), curves.extrema, strict=True):
        peaks, _ = find_peaks(sign * curves.profile, height=_RIVAL * abs(height))
        best = int(np.argmin(np.abs(offsets - offset)))
        found.append([float(offsets[i]) for i in peaks if abs(i - best) > 1])
    return found[0], found[1]
