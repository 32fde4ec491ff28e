"""Spectra, their axes and where they come from: frozen, validated, with a unit on every number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """View of an array that nobody can write to."""
    view = array.view()
    view.flags.writeable = False
    return view
