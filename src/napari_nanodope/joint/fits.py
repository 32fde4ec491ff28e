"""Fits as rows of the joint table, and the layers that follow from lines and diameter."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_nanodope.joint.rows import ONE, Row, to_number
from napari_nanodope.project import Project, load_fit_numbers
from napari_nanodope.results import load_json

if TYPE_CHECKING:
    from spectro.nmr import LayerModel

# Of the apparatus rather than of the sample; they stay in the fits themselves.
_INSTRUMENT = frozenset(
    "amplitude integral noise durbin_watson initial m_inf m_short m_long s_max K_per_sqrt_mW "
    "field_offset_mT modulation_mT phase_deg phase0_deg phase1_deg signal_on signal_off".split()
)
_PERCENT = ".percent"
_BULK, _CORE, _SURFACE = "bulk", "core", "surface"
_HALF_95 = 1.959964


def list_fits_of(project: Project, sample_id: str) -> list[Path]:
    """Files of the numbers of a sample's fits: of those of the project, and of a person's own.

    A fit that the project no longer asks for is left out; one without provenance is a person's.
    """
    from spectro.jobs import list_fits  # noqa: PLC0415 - pydantic models

    known = {one.path for one in project.fit_jobs}
    found = list_fits(project.folder, sample_id)
    return [path for path in found if path in known or not _find_provenance(path).is_file()]


def _find_provenance(path: Path) -> Path:
    return path.with_name(f"{path.stem}.provenance.json")


def list_fit(sample_id: str, path: Path) -> Iterator[Row]:
    """Numbers of the sample that a fit found; fixed ones and those of the apparatus are not."""
    told = load_fit_numbers(path)
    common: dict[str, Any] = {
        "technique": str(told.get("technique") or path.stem.partition("-")[0]),
        "source": tell_source(path, told),
        "fit_id": path.stem,
        "text": "" if told.get("is_converged", True) else "not converged",
    }
    is_deconvolution = told.get("kind") == "deconvolution"
    for name, one in told["values"].items():
        value = to_number(one.get("value"))
        if "level" not in one or _is_of_apparatus(name) or math.isnan(value):
            continue
        ends: dict[str, Any] = {"low": to_number(one["low"]), "high": to_number(one["high"])}
        unit = str(one.get("unit") or ONE)
        quantity = name
        if is_deconvolution and name.endswith(_PERCENT):
            quantity, unit = f"fraction_{_drop_title(name.removesuffix(_PERCENT))}", ONE
            value, ends = value / 100, {end: at / 100 for end, at in ends.items()}
        about: dict[str, Any] = {"unit": unit, "level": float(one["level"])}
        yield Row(sample_id, quantity, value, **ends, **about, **common)


def _is_of_apparatus(name: str) -> bool:
    last = name.rpartition("/")[2].rpartition(".")[2]
    return last in _INSTRUMENT or last.startswith("baseline")


def _drop_title(name: str) -> str:
    return name.rpartition("/")[2]


def tell_source(path: Path, told: Mapping[str, Any]) -> str:
    """Name of a fit, and the files that it is of, from the folder of the project."""
    about = _find_provenance(path)
    files = load_json(about).get("files", []) if about.is_file() else []
    files = files or [one.get("path") for one in told.get("sources", ())]
    known = list(dict.fromkeys(str(one) for one in files if one))
    return f"{path.stem}: {', '.join(known)}" if known else path.stem


def build_layers(path: Path, diameter: Row | None) -> "LayerModel | None":
    """Layers from the integrals of lines and the diameter by microscopy; None where there are none.

    Parameters
    ----------
    path : Path
        File of a fit.
    diameter : Row or None
        Of the sample.

    Notes
    -----
    Lines are layers where the sites of the fit are listed from "core" to "surface", or the other
    way round; "bulk" is left out. Errors of integrals are taken for independent; without these
    there are no layers.
    """
    from spectro.nmr import layer_model  # noqa: PLC0415 - scipy

    told = load_fit_numbers(path)
    names = find_layers(told)
    integrals = {name: told["values"].get(f"{name}.integral", {}) for name in names}
    amounts = {name: to_number(one.get("value")) for name, one in integrals.items()}
    is_amount = bool(names) and min(amounts.values()) >= 0 and sum(amounts.values()) > 0
    if diameter is None or not is_amount or not diameter.value > 0:
        return None
    errors = {name: to_number(one.get("standard_error")) for name, one in integrals.items()}
    if not all(map(math.isfinite, errors.values())):
        return None
    half_nm = (diameter.high - diameter.low) / 2
    return layer_model(
        diameter.value,
        amounts,
        fraction_errors=errors,
        diameter_error_nm=half_nm / _HALF_95 if math.isfinite(half_nm) else 0.0,
    )


def list_depths(sample_id: str, path: Path, diameter: Row | None) -> Iterator[Row]:
    """Depths below the surface at which layers begin; see `build_layers`."""
    model = build_layers(path, diameter)
    if model is None or diameter is None:
        return
    told = load_fit_numbers(path)
    for name in model.depth_nm:
        known = model[name].outer
        is_known = known.standard_error > 0
        ends: dict[str, Any] = {"low": known.low, "high": known.high, "level": known.level}
        yield Row(
            sample_id,
            f"depth_{name}_nm",
            model[name].outer_nm,
            **(ends if is_known else {}),
            unit="nm",
            technique="nmr",
            source=f"{tell_source(path, told)}; diameter of {diameter.source}",
            fit_id=path.stem,
            text="" if told.get("is_converged", True) else "not converged",
        )


def find_layers(told: Mapping[str, Any]) -> tuple[str, ...]:
    """Sites of a deconvolution that are layers, from the centre outwards; none if they are not."""
    sites: Sequence[Any] = told.get("settings", {}).get("sites") or ()
    listed = [str(one["name"]) for one in sites if isinstance(one, Mapping) and "name" in one]
    names = [name for name in listed if name.casefold() != _BULK]
    if len(names) < 2 or told.get("kind") != "deconvolution":
        return ()
    ends = names[0].casefold(), names[-1].casefold()
    if ends == (_SURFACE, _CORE):
        return tuple(reversed(names))
    return tuple(names) if ends == (_CORE, _SURFACE) else ()
