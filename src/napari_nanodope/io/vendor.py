"""Files of microscopes through RosettaSciIO: what each signal is, from dimensions and units."""

import importlib
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rsciio
from numpy.typing import NDArray

from napari_nanodope.core.xray import EnergyAxis
from napari_nanodope.io.cubes import ArrayCube, Cube, Hdf5Cube, SparseCube, find_dataset
from napari_nanodope.io.files import UnreadableFileError, check_size, list_companions
from napari_nanodope.io.guarded import GuardedReadingError, load_guarded
from napari_nanodope.io.hdf5 import check_hdf5
from napari_nanodope.io.names import element_in_name, is_telling_name
from napari_nanodope.io.signals import Content, Signal
from napari_nanodope.io.units import to_keV, to_nm
from napari_nanodope.io.velox import has_streams, open_scan
from napari_nanodope.io.zarr_store import check_zarr
from napari_nanodope.model import InputError, is_element

if TYPE_CHECKING:
    from napari_nanodope.io import ReadOptions

_PLUGINS = {
    ".hspy": "hspy",
    ".zspy": "zspy",
    ".emd": "emd",
    ".bcf": "bruker",
    ".dm3": "digitalmicrograph",
    ".dm4": "digitalmicrograph",
    ".asw": "jeol",
    ".pts": "jeol",
    ".map": "jeol",
    ".img": "jeol",
    ".emi": "tia",
    ".ser": "tia",
    ".rpl": "ripple",
    ".spd": "edax",
}
_HDF5 = {"hspy", "emd"}
_FRAME_NAMES = {"time", "frame", "frames", "scan", "scans", "stack"}
_ENERGY_NAMES = {"energy", "x-ray energy", "x-ray"}
_MAX_FRAMES = 1 << 16
_EVEN = 1e-3  # by how much steps may differ along an axis that lists its values


def open_vendor(path: Path, options: "ReadOptions") -> Content:
    """Signals of a microscope's file; pixels are read later, where the format allows it.

    Raises
    ------
    UnreadableFileError
        If it is damaged or not what its suffix says.
    InputError
        If it has no such detector or frame.
    """
    plugin = _PLUGINS[path.suffix.lower()]
    if plugin in _HDF5:
        check_hdf5(path)
    told = check_zarr(path) if plugin == "zspy" else []
    try:
        if plugin == "emd" and has_streams(path):
            signals = _open_velox(path, options)
        else:
            signals = _open_others(path, plugin, options)
    except InputError:
        raise
    except Exception as error:  # readers of damaged files fail in every way there is
        kind = "" if isinstance(error, GuardedReadingError) else f"{type(error).__name__}: "
        reason = f"{kind}{error}".splitlines()[0].rstrip(".")
        raise UnreadableFileError(
            f"Expected a microscope file at {path}, got one that cannot be read ({reason}); copy "
            f"it again with all that belongs to it, or export element maps as TIFF."
        ) from None
    return Content(tuple(signals), list_companions(path), warnings=tuple(told))


def _open_velox(path: Path, options: "ReadOptions") -> list[Signal]:
    scan = open_scan(path, options.detectors, options.frames)
    others = [
        *_load(path, "emd", select_type="images", load_SI_image_stack=True),
        *_load(path, "emd", select_type="single_spectrum"),
    ]
    whole = replace(options, frames="sum")
    signals = [
        _describe(one, path, "emd", options if _count_frames(one) == scan.n_frames else whole)
        for one in others
    ]
    n_detectors = len(scan.cube.detectors)
    cube = Signal(
        name=f"EDS, {n_detectors} detector{'s' * (n_detectors > 1)}, {scan.n_frames} frames",
        kind="spectrum image",
        shape=scan.cube.shape,
        dtype="X-ray events",
        pixel_size_nm=scan.pixel_size_nm,
        energy=scan.energy,
        elements=tuple(s.element for s in signals if s.element),
        beam_keV=next((s.beam_keV for s in signals if s.beam_keV), None),
        cube=scan.cube,
    )
    return [*signals, cube]


def _open_others(path: Path, plugin: str, options: "ReadOptions") -> list[Signal]:
    given: dict[str, Any] = {}
    if plugin == "jeol" and path.suffix.lower() in (".asw", ".pts"):
        given["lazy"] = True  # sparse: a spectrum image of JEOL is mostly empty
    if plugin == "jeol" and options.frames != "sum":
        loaded = _load_jeol_frames(path, options.frames, given)
    else:
        loaded = _load(path, plugin, **given)
    if not loaded:
        raise UnreadableFileError(f"Expected images or spectra in {path}, got none; check it.")
    signals = _share_elements([_describe(one, path, plugin, options) for one in loaded])
    if [signal.kind for signal in signals] == ["image"]:
        named = loaded[0] | {"metadata": _name_by_file(loaded[0]["metadata"], path)}
        signals = [_describe(named, path, plugin, options)]
    cubes = [signal for signal in signals if signal.kind == "spectrum image"]
    if options.detectors != "sum" and cubes:
        if len(cubes) <= max(options.detectors, default=0):
            raise InputError(
                f"Expected detectors from 0 to {len(cubes) - 1} in {path}, got "
                f"{', '.join(map(str, options.detectors))}; choose others."
            )
        kept = [cubes[i] for i in options.detectors]
        signals = [s for s in signals if s.kind != "spectrum image"] + kept
    if options.frames != "sum" and cubes and not any(_has_frames(s) for s in loaded):
        raise InputError(
            f"Expected a file that keeps frames apart, got {path}; leave frames='sum'."
        )
    return signals


def _load_jeol_frames(
    path: Path, frames: tuple[int, int], given: dict[str, Any]
) -> list[dict[str, Any]]:
    """Signals of a JEOL file with some of its frames added up; those beyond it would be ignored."""

    def check(signals: list[dict[str, Any]]) -> list[dict[str, Any]]:
        stated = [_number(_get(s, "original_metadata", "Sweep")) for s in signals]
        n_frames = max((int(n) for n in stated if n), default=0)
        if n_frames and frames[1] > n_frames:
            raise InputError(
                f"Expected frames from 0 to {n_frames} in {path}, got {frames[0]} to {frames[1]}; "
                f"choose others."
            )
        return signals

    if not given:  # images keep none apart
        return _load(path, "jeol")
    wanted = list(range(frames[0], min(frames[1], _MAX_FRAMES)))
    try:
        return check(_load(path, "jeol", frame_list=wanted, **given))
    except GuardedReadingError:
        check(_load(path, "jeol", frame_list=[0], **given))
        raise


def _name_by_file(metadata: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """Metadata with the file's name for a title where only that tells element or survey."""
    title = _text(_get(metadata, "General", "title") or "")
    if is_telling_name(title) or not is_telling_name(path.stem):
        return metadata
    return {**metadata, "General": {**(_get(metadata, "General") or {}), "title": path.stem}}


def _share_elements(signals: list[Signal]) -> list[Signal]:
    """Name the elements of the maps in a file for its spectrum image, where it names none."""
    mapped = tuple(dict.fromkeys(s.element for s in signals if s.element))
    return [
        replace(s, elements=mapped) if s.kind == "spectrum image" and not s.elements else s
        for s in signals
    ]


def _load(path: Path, plugin: str, **given: Any) -> list[dict[str, Any]]:
    """Signals, lazily where the format has been checked, else from a process of its own."""
    if plugin not in (*_HDF5, "zspy"):
        return load_guarded(path, plugin, **given)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on files that are odd but readable
        reader = importlib.import_module(f"rsciio.{plugin}")
        try:
            signals: list[dict[str, Any]] = reader.file_reader(str(path), lazy=True, **given)
        except ValueError as error:
            if "chunks" not in str(error):
                raise
            signals = reader.file_reader(str(path), **given)  # HDF5 in one piece is not read lazily
    return signals


@dataclass(frozen=True, slots=True)
class _Axis:
    """One axis of a signal; lengths in nm and energies in keV, or None where it is neither."""

    name: str
    size: int
    step_nm: float | None
    energy: EnergyAxis | None
    is_loss: bool
    problem: str


def _read_axis(axis: Mapping[str, Any], size: int, is_energy: bool) -> _Axis:
    name = str(axis.get("name") or "").strip()
    unit = str(axis.get("units") or "")
    (offset, scale), problem = _read_scale(axis, name)
    keV, nm = to_keV(unit), to_nm(unit)
    if keV is None and nm is None and (is_energy or name.lower() in _ENERGY_NAMES):
        end = offset + scale * size
        keV = 1.0 if 1 <= end <= 100 else 1e-3 if 1e3 <= end <= 1e5 else None
        if scale == 1.0:  # what is written where nobody calibrated
            keV = None
        if keV is None:
            problem = "states no energies along its spectra (calibrate them in keV)"
    return _Axis(
        name=name,
        size=size,
        step_nm=abs(scale) * nm if nm and scale else None,
        energy=EnergyAxis(offset * keV, scale * keV, size) if keV else None,
        is_loss="loss" in name.lower(),
        problem=problem,
    )


def _read_scale(axis: Mapping[str, Any], name: str) -> tuple[tuple[float, float], str]:
    """Offset and scale of an axis, and what is wrong where it has none."""
    if "axis" in axis:
        values = np.asarray(axis["axis"], dtype=np.float64)
        steps = np.diff(values)
        if len(steps) and np.allclose(steps, steps.mean(), rtol=_EVEN, atol=0):
            return (float(values[0]), float(steps.mean())), ""
    elif "expression" not in axis:
        return (float(axis.get("offset", 0.0)), float(axis.get("scale", 1.0))), ""
    return (0.0, 1.0), f"has unevenly spaced values along {name or 'an axis'} (resample it)"


def _ordered(signal: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    axes: list[Mapping[str, Any]] = signal["axes"]
    if all("index_in_array" in axis for axis in axes):
        return sorted(axes, key=lambda axis: int(axis["index_in_array"]))
    return axes


def _has_frames(signal: Mapping[str, Any]) -> bool:
    is_jeol = bool(_get(signal, "original_metadata", "Sweep"))
    return is_jeol or _count_frames(signal) > 0


def _count_frames(signal: Mapping[str, Any]) -> int:
    """Frames that a signal keeps apart; 0 where it keeps none."""
    pairs = zip(_ordered(signal), signal["data"].shape, strict=False)
    found = [n for axis, n in pairs if str(axis.get("name")).lower() in _FRAME_NAMES]
    return int(found[0]) if found else 0


def _describe(signal: dict[str, Any], path: Path, plugin: str, options: "ReadOptions") -> Signal:
    """What a signal is by its dimensions, its type and the units of its axes."""
    data, about = signal["data"], _About.of(signal["metadata"])
    if isinstance(data, dict):
        data = _Sparse(**data)
    shape = tuple(int(n) for n in data.shape)
    base = partial(Signal, name=about.title or path.stem, shape=shape, dtype=str(data.dtype))
    problem = _check_values(data, signal["axes"])
    if problem:
        return base(kind="other", problem=problem)
    axes = _read_axes(signal, shape, about.is_xray)
    roles = _Roles.of(axes)
    problem = next((axis.problem for axis in axes if axis.problem), "")
    if about.is_loss or any(axis.is_loss for axis in axes):
        problem = "is a spectrum of energy loss, not of X-rays"
    if problem:
        return base(kind="other", problem=problem)
    if roles.energy is not None and len(shape) == 1:
        return base(kind="spectrum", energy=axes[0].energy)
    if len(roles.image) != 2:
        names = " x ".join(axis.name or "unnamed" for axis in axes)
        return base(kind="other", problem=f"has axes {names}: no image, no spectrum image")
    size = _pixel_size([axes[i].step_nm for i in roles.image], signal, plugin)
    base = partial(base, pixel_size_nm=size, beam_keV=about.beam_keV)
    if roles.energy is None:
        check_size(math.prod(shape) * data.dtype.itemsize, path)
        element = _element_of(about.title)
        load = partial(_load_image, data, roles.frame, options, is_map=bool(element))
        return base(kind="image", element=element, load_image=load)
    return base(
        kind="spectrum image",
        energy=axes[roles.energy].energy,
        elements=about.elements,
        fwhm_mn_ka_eV=about.fwhm_mn_ka_eV,
        cube=_make_cube(path, plugin, data, roles, options),
    )


def _check_values(data: Any, axes: Sequence[Any]) -> str:
    """Why values cannot be used; empty where they can."""
    if data.dtype.names or data.dtype.kind not in "uif":
        what = "colours (RGB)" if set("RGB") <= set(data.dtype.names or ()) else str(data.dtype)
        return f"holds {what} rather than grey values or counts"
    if len(axes) != len(data.shape) or 0 in data.shape:
        return f"has {len(axes)} calibrated axes for shape {data.shape}"
    return ""


def _read_axes(signal: Mapping[str, Any], shape: tuple[int, ...], is_xray: bool) -> list[_Axis]:
    """Axes in the order of the data; the only spectral axis of an X-ray signal is its energy."""
    raw = _ordered(signal)
    spectral = [not axis.get("navigate", False) for axis in raw]
    alone = is_xray and sum(spectral) == 1
    return [
        _read_axis(axis, n, alone and is_spectral)
        for axis, n, is_spectral in zip(raw, shape, spectral, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Sparse:
    """Counts by place, which look like an array to those who only ask for its shape and type."""

    coords: NDArray[Any]
    counts: NDArray[Any]
    shape: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.counts.dtype


@dataclass(frozen=True, slots=True)
class _Roles:
    """Which axis is the spectrum and which the frames; the others make the image."""

    energy: int | None
    frame: int | None
    image: tuple[int, ...]

    @classmethod
    def of(cls, axes: Sequence[_Axis]) -> "_Roles":
        energies = [i for i, axis in enumerate(axes) if axis.energy is not None]
        frames = [i for i, axis in enumerate(axes) if axis.name.lower() in _FRAME_NAMES]
        energy, frame = (found[0] if len(found) == 1 else None for found in (energies, frames))
        rest = tuple(i for i in range(len(axes)) if i not in (energy, frame))
        return cls(energy, frame, rest)


def _make_cube(
    path: Path,
    plugin: str,
    data: Any,
    roles: _Roles,
    options: "ReadOptions",
) -> Cube:
    if isinstance(data, _Sparse):
        rows, columns, channels = data.shape
        return SparseCube(data.coords, data.counts, (rows, columns, channels))
    if plugin == "hspy" and data.ndim == 3 and roles.energy == 2:  # others store axes reversed
        name = find_dataset(path, data.shape, data.dtype)
        if name is not None:
            return Hdf5Cube(path, name)
    return ArrayCube(_cut_frames(data, roles.frame, options), roles.energy or 0, roles.frame)


def _cut_frames(data: Any, frame: int | None, options: "ReadOptions") -> Any:
    if frame is None or options.frames == "sum":
        return data
    first, end = options.frames
    if not 0 <= first < end <= data.shape[frame]:
        raise InputError(
            f"Expected frames from 0 to {data.shape[frame]}, got {first} to {end}; choose others."
        )
    return data[(slice(None),) * frame + (slice(first, end),)]


def _load_image(
    data: Any, frame: int | None, options: "ReadOptions", *, is_map: bool
) -> NDArray[Any]:
    """Image (Y, X): of frames the sum where they hold counts, else the mean."""
    part = _cut_frames(data, frame, options)
    if frame is None:
        return np.asarray(part)
    total = np.asarray(part.sum(axis=frame, dtype=np.float64))
    return total if is_map else total / part.shape[frame]


@dataclass(frozen=True, slots=True)
class _About:
    """What the metadata say."""

    title: str
    elements: tuple[str, ...]
    is_xray: bool
    is_loss: bool
    fwhm_mn_ka_eV: float | None
    beam_keV: float | None

    @classmethod
    def of(cls, metadata: Mapping[str, Any]) -> "_About":
        kind = str(_get(metadata, "Signal", "signal_type") or "")
        named = _get(metadata, "Sample", "elements")
        symbols = [_text(s) for s in named] if _is_list(named) else []
        numbers: dict[str, float | None] = {"fwhm": None, "beam": None}
        for microscope in ("TEM", "SEM"):
            about = (metadata, "Acquisition_instrument", microscope)
            fwhm = _number(_get(*about, "Detector", "EDS", "energy_resolution_MnKa"))
            beam = _number(_get(*about, "beam_energy"))
            numbers["fwhm"] = fwhm if fwhm and 50 < fwhm < 500 else numbers["fwhm"]
            numbers["beam"] = beam if beam and 0.5 < beam < 2000 else numbers["beam"]
        return cls(
            title=_text(_get(metadata, "General", "title") or ""),
            elements=tuple(symbol for symbol in symbols if is_element(symbol)),
            is_xray=kind.startswith("EDS"),
            is_loss=kind.startswith("EELS"),
            fwhm_mn_ka_eV=numbers["fwhm"],
            beam_keV=numbers["beam"],
        )


def _get(tree: Any, *names: str) -> Any:
    for name in names:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _element_of(title: str) -> str:
    try:
        return element_in_name(title) or ""
    except InputError:  # names two; told when it is to be used
        return ""


def _pixel_size(
    steps_nm: Sequence[float | None], signal: Mapping[str, Any], plugin: str
) -> tuple[float, float] | None:
    dy, dx = steps_nm
    if plugin == "bruker" and dy is not None:
        # RosettaSciIO up to 0.15 takes the height of a map's pixels for their width as well.
        stated = _get(signal.get("original_metadata"), "Microscope")
        ratio = _number(_get(stated, "DX")), _number(_get(stated, "DY"))
        if ratio[0] and ratio[1]:
            dx = dy * ratio[0] / ratio[1]
    if dy is None or dx is None:
        return None
    return float(f"{dy:.9g}"), float(f"{dx:.9g}")


def list_suffixes() -> tuple[str, ...]:
    """Suffixes of the files that this module opens."""
    known = {suffix.lower() for plugin in rsciio.IO_PLUGINS for suffix in plugin["file_extensions"]}
    return tuple(suffix for suffix in _PLUGINS if suffix[1:] in known)
