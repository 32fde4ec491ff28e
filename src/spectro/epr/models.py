"""Spin systems to start a fit from, by the name of the ion."""

from dataclasses import dataclass

from spectro.epr.cw import LineShape
from spectro.epr.spin_system import Nucleus, SpinSystem
from spectro.model import InputError


@dataclass(frozen=True, slots=True)
class CwModel:
    """Where a fit starts, and what it varies.

    Attributes
    ----------
    system : SpinSystem
        Spin, g, nuclei and their couplings as is usual for the ion.
    line : LineShape
        Widths.
    vary : tuple of str
        What is fitted if nothing else is said.
    about : str
        In words.
    """

    system: SpinSystem
    line: LineShape
    vary: tuple[str, ...]
    about: str


_MODELS = {
    "mn2+": CwModel(
        SpinSystem(2.5, 2.004, [Nucleus("55Mn", -200.0)]),
        LineShape(0.8),
        ("g", "a_MHz", "gaussian_mT"),
        "Mn(II), S = 5/2, six lines of 55Mn; -190 MHz in CdS, -245 MHz in oxides",
    ),
    "gd3+": CwModel(
        SpinSystem(3.5, 1.992, d_MHz=300.0, d_strain_MHz=200.0),
        LineShape(3.0),
        ("g", "d_MHz", "d_strain_MHz", "gaussian_mT"),
        "Gd(III), S = 7/2, without nuclei",
    ),
    "cu2+": CwModel(
        SpinSystem(0.5, (2.06, 2.3), [Nucleus("Cu", (50.0, 500.0))]),
        LineShape(2.0),
        ("g", "a_MHz", "gaussian_mT"),
        "Cu(II), S = 1/2, axial, 63Cu and 65Cu in their natural mixture",
    ),
    "radical": CwModel(
        SpinSystem(0.5, 2.0036),
        LineShape(0.3, 0.1),
        ("g", "gaussian_mT", "lorentzian_mT"),
        "S = 1/2 near the free electron's g, as radicals, trapped electrons and holes",
    ),
}


def list_models() -> dict[str, str]:
    """Names of the models, and what they are for."""
    return {name: model.about for name, model in _MODELS.items()}


def find_model(name: str) -> CwModel:
    """Model of a name, as "mn2+".

    Raises
    ------
    InputError
        If there is none.
    """
    model = _MODELS.get(name.strip().lower())
    if model is None:
        raise InputError(f"Expected one of the models {', '.join(_MODELS)}, got {name!r}.")
    return model
