"""Spectra, their axes and where they come from: frozen, validated, with a unit on every number."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray


class InputError(ValueError):
    """Something cannot be used; the message says what was expected, what came and what to try."""


@dataclass(frozen=True, slots=True)
class Source:
    """File that a spectrum was read from.

    Attributes
    ----------
    path : str
        As it was given; "" for a spectrum that is in no file.
    sha256 : str
        Digest of its bytes, and of those of its partner where there are two.
    reader : str
        What read it.
    """

    path: str = ""
    sha256: str = ""
    reader: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """Values along one dimension of a spectrum.

    Attributes
    ----------
    values : (N,) float64 array
        Finite; read-only.
    name : str
        Quantity, as in "magnetic field".
    unit : str
        As in "mT"; "" for none.
    """

    values: NDArray[np.float64]
    name: str = ""
    unit: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no row of finite numbers."""
        values = np.asarray(self.values, np.float64)
        if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
            raise InputError(
                f"Expected a row of finite numbers as {self.name or 'axis'}, got shape "
                f"{values.shape} with {int((~np.isfinite(values)).sum())} that are not finite."
            )
        object.__setattr__(self, "values", read_only(values))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def label(self) -> str:
        """Text for an axis of a figure."""
        name = self.name[:1].upper() + self.name[1:]
        return f"{name} ({self.unit})" if self.unit else name

    @property
    def column(self) -> str:
        """Name of a column of a table, with the unit as a suffix."""
        words = [*self.name.split(), self.unit] if self.unit else self.name.split()
        return "_".join(words) or "x"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of processing, as it was done.

    Attributes
    ----------
    name : str
        Function, as in "subtract_baseline".
    settings : mapping
        Its arguments.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Intensity over one or more axes.

    Attributes
    ----------
    y : array of float64 or complex128
        One dimension per axis, the fastest last; NaN where nothing was measured; read-only.
    axes : tuple of Axis
        In the order of the dimensions.
    metadata : mapping
        What is known of the experiment, with units in the names: ``frequency_GHz``, ``power_mW``,
        ``modulation_amplitude_mT``, ``temperature_K`` and the like.
    parameters : mapping
        Everything that the file says, as it says it.
    source : Source
        Where it was read from.
    history : tuple of Step
        What was done to it since.

    Raises
    ------
    InputError
        If the axes do not fit the intensity, or there is none.
    """

    y: NDArray[Any]
    axes: tuple[Axis, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    source: Source = Source()
    history: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        """Check the shape; make everything read-only."""
        kind = np.complex128 if np.iscomplexobj(self.y) else np.float64
        y = np.asarray(self.y, kind)
        expected = tuple(map(len, self.axes))
        if y.shape != expected or not expected:
            raise InputError(
                f"Expected an intensity of shape {expected} for the axes, got {y.shape}."
            )
        object.__setattr__(self, "y", read_only(y))
        object.__setattr__(self, "axes", tuple(self.axes))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))
        object.__setattr__(self, "parameters", MappingProxyType(dict(self.parameters)))

    @property
    def x(self) -> NDArray[np.float64]:
        """Values of the last axis, (N,)."""
        return self.axes[-1].values

    @property
    def title(self) -> str:
        """What the spectrum is called."""
        return str(self.metadata.get("title") or self.source.path.rsplit("/", 1)[-1] or "spectrum")

    def do(
        self,
        name: str,
        y: ArrayLike,
        *,
        axes: Sequence[Axis] | None = None,
        settings: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> Self:
        """Spectrum after a step of processing, which goes into its history.

        Parameters
        ----------
        name : str
            Of the step.
        y : array
            New intensity.
        axes : sequence of Axis, optional
            New axes; by default those of this spectrum.
        settings : mapping, optional
            Arguments of the step.
        metadata : mapping, optional
            What changes in the metadata.
        """
        return replace(
            self,
            y=np.asarray(y),
            axes=self.axes if axes is None else tuple(axes),
            metadata={**self.metadata, **(metadata or {})},
            history=(*self.history, Step(name, dict(settings or {}))),
        )

    def take(self, number: int) -> Self:
        """One slice of a series, over the last axis.

        Parameters
        ----------
        number : int
            Of the slice, counted from 0; its place on the other axis goes into the metadata.

        Raises
        ------
        InputError
            If this is no series of as many.
        """
        if len(self.axes) != 2 or not 0 <= number < len(self.axes[0]):
            raise InputError(
                f"Expected a series of at least {number + 1} spectra, got shape {self.y.shape}."
            )
        axis = self.axes[0]
        place = {f"{axis.name or 'slice'} ({axis.unit})": float(axis.values[number])}
        if axis.name.endswith("power") and axis.unit == "mW":
            place = {"power_mW": float(axis.values[number])}
        return self.do(
            "take",
            self.y[number],
            axes=self.axes[1:],
            settings={"number": number},
            metadata=place,
        )

    def require(self, name: str, what: str) -> float:
        """Number that is stated in the metadata.

        Parameters
        ----------
        name : str
            Key, as in "frequency_GHz".
        what : str
            How to say it, as in "microwave frequency".

        Raises
        ------
        InputError
            If it is not there.
        """
        value = self.metadata.get(name)
        if value is None:
            raise InputError(
                f"Expected the {what} of {self.title} ({name}), got none in its file; give it."
            )
        return float(value)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that a fit may change.

    Attributes
    ----------
    name : str
        With its unit as a suffix, as in "a_MHz".
    value : float
        Where a fit starts.
    low, high : float
        Bounds; where they are equal, the parameter is fixed.
    unit : str
        For tables; "" for none.
    step : float
        Change over which the model is as good as linear; 0 to take one from the value.
    spread : float
        How far to either side of the value further starts are drawn; 0 to draw them between the
        bounds.

    Raises
    ------
    InputError
        If the value is not finite, or not between the bounds.
    """

    name: str
    value: float
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    step: float = 0.0
    spread: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a start that no fit could have."""
        if not (math.isfinite(self.value) and self.low <= self.value <= self.high):
            raise InputError(
                f"Expected {self.name} between {self.low:g} and {self.high:g}, got {self.value:g}."
            )


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """How well a fitted number is known.

    Attributes
    ----------
    standard_error : float
        NaN where the data do not tell.
    low, high : float
        Interval; a bound or infinity on a side where the data do not tell.
    level : float
        Probability that an interval found in this way holds the true value.
    method : str
        "covariance", "profile" or "bootstrap".
    """

    standard_error: float
    low: float
    high: float
    level: float = 0.95
    method: str = "covariance"


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What was fitted, and the fit.

    Attributes
    ----------
    data : Spectrum
        As it went into the fit.
    best_fit : Spectrum
        On the same axis.
    components : mapping of str to array
        Parts of the best fit, (N,) each, by name; they add up to it.
    """

    data: Spectrum
    best_fit: Spectrum
    components: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def residual(self) -> NDArray[Any]:
        """Data less the best fit, (N,)."""
        return np.asarray(self.data.y - self.best_fit.y)


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """Fitted numbers, how well they are known, and what to make of them.

    Attributes
    ----------
    model : str
        What was fitted, in words.
    values : mapping of str to float
        Fitted and derived numbers, by names that end in their units.
    units : mapping of str to str
        Unit of each; "" for none.
    uncertainties : mapping of str to Uncertainty
        Of each that was fitted or derived; those that were fixed have none.
    covariance : (P, P) array
        Of the fitted numbers, in the order of `uncertainties` without the derived ones.
    curves : tuple of Curve
        One per spectrum.
    noise : float
        Standard deviation of the residuals, in the unit of the data (or of their given errors).
    statements : tuple of str
        What was found, in sentences.
    warnings : tuple of str
        What is doubtful, in sentences: no convergence, what is undetermined, other minima.
    is_converged : bool
        Whether the fit ended at a minimum.
    settings : mapping
        Everything that it takes to do the fit again.
    """

    model: str
    values: Mapping[str, float]
    units: Mapping[str, str]
    uncertainties: Mapping[str, Uncertainty]
    covariance: NDArray[np.float64]
    curves: tuple[Curve, ...]
    noise: float
    statements: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    is_converged: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Lower and upper end of the interval of each number that has one."""
        return {name: (one.low, one.high) for name, one in self.uncertainties.items()}

    @property
    def best_fit(self) -> Spectrum:
        """Best fit of the spectrum, or of the first one of several; see `curves`."""
        return self.curves[0].best_fit

    @property
    def correlation(self) -> NDArray[np.float64]:
        """Correlation matrix (P, P) of the fitted numbers; NaN where one is not determined."""
        error = np.sqrt(np.diag(self.covariance))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.covariance / np.outer(error, error))

    def save(self, path: str | Path) -> Path:
        """Write `to_dict` as JSON, whole or not at all.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        return write_whole(path, json.dumps(self.to_dict(), indent=2, ensure_ascii=False))

    def to_dict(self) -> dict[str, Any]:
        """Everything but the curves, ready for JSON; what is not finite is None."""
        table = {}
        for name, value in self.values.items():
            known = self.uncertainties.get(name)
            row: dict[str, Any] = {"value": _finite(value), "unit": self.units.get(name, "")}
            if known is not None:
                row |= {
                    "standard_error": _finite(known.standard_error),
                    "low": _finite(known.low),
                    "high": _finite(known.high),
                    "level": known.level,
                    "method": known.method,
                }
            table[name] = row
        return {
            "model": self.model,
            "values": table,
            "covariance": [[_finite(one) for one in row] for row in self.covariance.tolist()],
            "noise": _finite(self.noise),
            "is_converged": self.is_converged,
            "statements": list(self.statements),
            "warnings": list(self.warnings),
            "settings": _to_plain(self.settings),
            "sources": [
                {"path": one.data.source.path, "sha256": one.data.source.sha256}
                for one in self.curves
            ],
        }


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _to_plain(value: Any) -> Any:
    """Value in JSON's types: no numpy, and None for what is not finite."""
    if isinstance(value, Mapping):
        return {str(name): _to_plain(one) for name, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _to_plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_to_plain(one) for one in value]
    return _finite(value) if isinstance(value, float) else value


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """View of an array that nobody can write to."""
    view = array.view()
    view.flags.writeable = False
    return view


def write_whole(path: str | Path, text: str) -> Path:
    """Write a text file, whole or not at all; folders are made where they do not exist.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(f"{text}\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise InputError(
            f"Expected a place to write {path} to, got {error.strerror}; choose another."
        ) from None
    finally:
        if partial.exists():  # there may be no such folder
            partial.unlink()
    return path
