"""Lengths and energies as files write them."""

_NM = {
    "nm": 1.0,
    "nanometer": 1.0,
    "nanometre": 1.0,
    "um": 1e3,
    "µm": 1e3,  # micro sign
    "μm": 1e3,  # Greek mu
    "\\u00b5m": 1e3,  # as ImageJ escapes it
    "micron": 1e3,
    "microns": 1e3,
    "micrometer": 1e3,
    "micrometre": 1e3,
    "a": 0.1,
    "å": 0.1,
    "angstrom": 0.1,
    "pm": 1e-3,
    "mm": 1e6,
    "cm": 1e7,
    "m": 1e9,
    "meter": 1e9,
}
_KEV = {"kev": 1.0, "ev": 1e-3, "mev": 1e3}


def to_nm(unit: str) -> float | None:
    """Length of one `unit` in nm, or None where it is no length.

    Examples
    --------
    >>> to_nm("µm"), to_nm("A"), to_nm("pix")
    (1000.0, 0.1, None)
    """
    return _NM.get(unit.strip().lower())


def to_keV(unit: str) -> float | None:
    """Energy of one `unit` in keV, or None where it is no energy."""
    return _KEV.get(unit.strip().lower())
