"""What a file holds, in words and numbers: signals, field, elements, warnings."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_nanodope.core.filtering import detect_box_mean
from napari_nanodope.io.files import telling_damage

if TYPE_CHECKING:
    from napari_nanodope.io import Inspection
    from napari_nanodope.io.signals import Signal
    from napari_nanodope.model import FieldOfView


def describe(found: "Inspection") -> dict[str, Any]:
    """Everything that is known of a file, ready for JSON.

    Returns
    -------
    dict
        ``signals``, each with its shape, type, calibration, use and reason; ``field``, or None
        with the ``problem``.
    """
    return {
        "signals": [_describe_signal(signal) for signal in found.signals],
        "field": None if found.field is None else _describe_field(found.field),
        "problem": found.problem,
    }


def _describe_signal(signal: "Signal") -> dict[str, Any]:
    energy = signal.energy
    return {
        "name": signal.name,
        "kind": signal.kind,
        "shape": list(signal.shape),
        "dtype": signal.dtype,
        "pixel_size_nm": signal.pixel_size_nm and list(signal.pixel_size_nm),
        "energy_keV": energy and [energy.offset_keV, energy.end_keV],
        "elements": [signal.element] if signal.element else list(signal.elements),
        "smoothed_px": _measure_smoothing(signal),
        "use": signal.use,
        "reason": signal.reason,
    }


def _measure_smoothing(signal: "Signal") -> int:
    """Width of the box over which an element map is a mean, 1 for other images."""
    if not signal.element or signal.kind != "image" or signal.problem:
        return 1
    assert signal.load_image is not None
    with telling_damage(Path(signal.name)):
        return detect_box_mean(signal.load_image())


def _describe_field(field: "FieldOfView") -> dict[str, Any]:
    settings = field.source.settings if field.source else {}
    (rows, columns), (dy, dx) = field.shape, field.pixel_size_nm
    return {
        "reader": field.source.reader if field.source else "",
        "pixels": [rows, columns],
        "pixel_size_nm": [dy, dx],
        "extent_nm": [rows * dy, columns * dx],
        "survey": "image" if field.survey_kind == "image" else "none; sum of X-ray counts",
        "net_counts": {symbol: float(counts.sum()) for symbol, counts in field.maps.items()},
        "windows": settings.get("lines", {}),
        "elements_found": settings.get("elements_found", []),
        "warnings": list(field.warnings),
        "sha256": field.source.sha256 if field.source else "",
    }


def format_description(description: Mapping[str, Any]) -> str:
    """Text of what `describe` found."""
    lines = ["Signals"]
    for signal in description["signals"]:
        lines += _format_signal(signal)
    field = description["field"]
    if field is None:
        return "\n".join([*lines, "", f"No field: {description['problem']}"])
    lines += ["", *_format_field(field)]
    if field["elements_found"]:
        lines += ["", "Elements that the sum spectrum shows, by counts of their strongest line"]
        lines += [_format_element(found) for found in field["elements_found"]]
    return "\n".join([*lines, *(f"\nWarning: {warning}" for warning in field["warnings"])])


def _format_signal(signal: Mapping[str, Any]) -> list[str]:
    size, energy = signal["pixel_size_nm"], signal["energy_keV"]
    parts = [
        signal["kind"],
        " x ".join(map(str, signal["shape"])) + f" {signal['dtype']}",
        f"{size[0]:g} x {size[1]:g} nm" if size else "",
        f"{energy[0]:.2f} to {energy[1]:.2f} keV" if energy else "",
        ", ".join(signal["elements"]),
        f"smoothed: mean over {n} x {n} pixels" if (n := signal["smoothed_px"]) > 1 else "",
    ]
    use = f"used as {signal['use']}: " if signal["use"] else "not used: "
    return [f"  {signal['name']}: {'; '.join(filter(None, parts))}", f"    {use}{signal['reason']}"]


def _format_field(field: Mapping[str, Any]) -> list[str]:
    (rows, columns), (dy, dx), (height, width) = (
        field[name] for name in ("pixels", "pixel_size_nm", "extent_nm")
    )
    lines = [
        f"Field ({field['reader']})",
        f"  {rows} x {columns} pixels of {dy:g} x {dx:g} nm: {height:g} x {width:g} nm",
        f"  survey: {field['survey']}",
    ]
    for symbol, counts in field["net_counts"].items():
        windows = field["windows"].get(symbol, {})
        told = f", {windows['line']} at {_format_windows(windows)}" if windows else ""
        lines.append(f"  {symbol}: {counts:.6g} net counts{told}")
    return [*lines, f"  sha256 {field['sha256']}"]


def _format_windows(windows: Mapping[str, Any]) -> str:
    names = {"window_keV": "", "below_keV": "background ", "above_keV": ""}
    parts = [
        f"{name}{windows[key][0]:.2f}-{windows[key][1]:.2f}"
        for key, name in names.items()
        if windows.get(key)
    ]
    return ", ".join(parts) + " keV"


def _format_element(found: Mapping[str, Any]) -> str:
    notes = [f"may be {found['artefact']}"] if found["artefact"] else []
    notes += [f"or {' or '.join(found['alternatives'])}"] if found["alternatives"] else []
    label = f"{found['element']} {found['line']}"
    numbers = f"{found['energy_keV']:7.3f} keV {found['counts']:12.0f}"
    return f"  {label:6} {numbers}  {'; '.join(notes)}".rstrip()
