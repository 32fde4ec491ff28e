"""From the signals of files to a field of view: net maps, survey, calibration, warnings."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.core.elements import ElementProposal
from napari_nanodope.core.filtering import detect_box_mean, warn_of_smoothing
from napari_nanodope.core.xray import NetCounts, compute_noise_end_keV, plan_net_counts
from napari_nanodope.io.choice import Choice
from napari_nanodope.io.files import hash_files, telling_damage
from napari_nanodope.io.signals import Content, Signal, find_file
from napari_nanodope.io.spectrum import SeenSpectrum, check_finite
from napari_nanodope.io.survey import fit_survey
from napari_nanodope.model import FieldOfView, InputError, Source

if TYPE_CHECKING:
    from napari_nanodope.io import ReadOptions

_MAX_PROPOSED = 8


@dataclass(frozen=True, slots=True)
class _Mapped:
    """Maps of a field, however they came about."""

    maps: dict[str, NDArray[Any]]
    variances: dict[str, NDArray[Any]]
    total: NDArray[Any]
    settings: dict[str, Any]
    warnings: list[str]


def assemble_field(
    contents: Sequence[Content], choice: Choice, survey: Signal | None, options: "ReadOptions"
) -> FieldOfView:
    """Field of view from chosen signals.

    Parameters
    ----------
    contents : sequence of Content
        The files.
    choice : Choice
        What of them makes the field.
    survey : Signal, optional
        A survey that lies apart.
    options : ReadOptions
        What a person told.

    Raises
    ------
    InputError
        If an element is missing, or there is no calibration.
    """
    files = tuple(dict.fromkeys(file for content in contents for file in content.files))
    with ThreadPoolExecutor(1) as pool:  # bytes are hashed while they are read
        digest = pool.submit(hash_files, [*files, *([options.survey] if options.survey else [])])
        field = _assemble(contents, choice, survey, options, files)
        reader, settings = contents[0].reader, field.source.settings if field.source else {}
        path = files[0]
        if len(contents) > 1:
            path = path.parent
            settings = {**settings, "files": [_tell_file(c.files[0], path) for c in contents]}
        source = Source(str(path), digest.result(), reader, settings)
    return replace(field, source=source)


def _tell_file(file: Path, folder: Path) -> str:
    """Name of a file, or its path where it lies elsewhere than the first one."""
    return file.name if file.parent == folder else str(file)


def _assemble(
    contents: Sequence[Content],
    choice: Choice,
    survey: Signal | None,
    options: "ReadOptions",
    files: tuple[Path, ...],
) -> FieldOfView:
    if choice.cube is not None:
        mapped = _map_cube(choice.cube, find_file(choice.cube, contents), options)
    else:
        mapped = _take_maps(choice, contents, options)
    image = survey or choice.survey
    target = choice.cube or (choice.maps[0] if choice.maps else image)
    assert target is not None
    size = _choose_size([target, *choice.maps], image, files[0], options)
    kept: NDArray[Any] | None = None
    told: list[str] = []
    if image is not None:
        is_given = survey is not None or choice.is_survey_named
        with telling_damage(options.survey or find_file(image, contents)):
            kept, told = fit_survey(image, target, size, is_given=is_given)
    texts = dict(contents[0].texts) if len(contents) == 1 else {}
    if options.sample_id:
        texts["sample_id"] = options.sample_id
    if kept is None:
        texts["survey_kind"] = "counts"
    elif survey is not None:
        texts["survey_kind"] = "image"
    return FieldOfView(
        survey=mapped.total if kept is None else kept,
        maps=mapped.maps,
        variances=mapped.variances,
        pixel_size_nm=size,
        source=Source("", "", "", mapped.settings),
        warnings=(*choice.warnings, *mapped.warnings, *told),
        **({"field_id": _name(files, contents)} | texts),  # type: ignore[arg-type]
    )


def check_field(field: FieldOfView) -> FieldOfView:
    """The field, with warnings of maps that are empty or were smoothed."""
    told = []
    for symbol, counts in field.maps.items():
        if not counts.any():
            told.append(f"The {symbol} map holds no counts at all; check that it is the right one.")
        width = 1 if symbol in field.variances else detect_box_mean(counts)
        if width > 1:
            told.append(warn_of_smoothing(symbol, width))
    return replace(field, warnings=(*field.warnings, *told))


def _name(files: Sequence[Path], contents: Sequence[Content]) -> str:
    return files[0].stem if len(contents) == 1 else files[0].parent.name


def _choose_size(
    mapped: Sequence[Signal], survey: Signal | None, path: Path, options: "ReadOptions"
) -> tuple[float, float]:
    """Pixel size (dy, dx) in nm: the one given, else that of the maps, else of the survey."""
    if options.pixel_size_nm is not None:
        return options.pixel_size_nm
    stated = [s.pixel_size_nm for s in mapped if s.pixel_size_nm is not None]
    if not stated and survey is not None and survey.pixel_size_nm is not None:
        stated = [survey.pixel_size_nm] * (survey.image_shape == mapped[0].image_shape)
    if not stated:
        raise InputError(
            f"Expected a calibration in nm in {path}, got none; give "
            f"pixel_size_nm=0.7, say (--pixel-size-nm)."
        )
    if any(not np.allclose(stated[0], size, rtol=1e-3) for size in stated):
        raise InputError(
            f"Expected one calibration, got {', '.join(map(str, dict.fromkeys(stated)))} nm; give "
            f"pixel_size_nm to overrule them."
        )
    return stated[0]


def _take_maps(choice: Choice, contents: Sequence[Content], options: "ReadOptions") -> _Mapped:
    """Ready-made maps."""
    maps = {}
    for signal in choice.maps:
        assert signal.load_image is not None
        with telling_damage(find_file(signal, contents)):
            maps[signal.element] = signal.load_image()
    missing = [symbol for symbol in options.elements if symbol not in maps]
    if missing:
        held = [s.element or s.name for s in choice.signals if s.kind == "image"]
        raise InputError(
            f"Expected maps of {', '.join(missing)} in {contents[0].files[0]}, got "
            f"{', '.join(held) or 'no maps'}; add the files or choose other elements."
        )
    first = next(iter(maps.values()), np.zeros((0, 0)))
    same = [image for image in maps.values() if image.shape == first.shape]
    total = np.asarray(np.sum(same, axis=0, dtype=np.float64))
    return _Mapped(maps, {}, total, {"elements": list(maps)}, [])


def _map_cube(signal: Signal, path: Path, options: "ReadOptions") -> _Mapped:
    """Net maps of a spectrum image, in one pass over its counts."""
    if signal.energy is None or signal.cube is None:
        raise InputError(
            f"Expected energies in keV or eV along the spectra of {path}, got none; calibrate the "
            f"spectrum image, or export element maps as TIFF."
        )
    lines = dict(options.lines)
    elements = options.elements or tuple(lines) or signal.elements
    with telling_damage(path):
        spectrum = signal.cube.sample_spectrum()
        check_finite(signal.cube, spectrum, path)
    sampled = SeenSpectrum.of(signal, spectrum)
    told = [] if elements else [_tell_found(sampled.reading.elements[:_MAX_PROPOSED])]
    elements = elements or sampled.reading.elements[:_MAX_PROPOSED]
    asked = {*options.elements, *lines}
    windows = {}
    for symbol in elements:
        try:
            windows[symbol] = sampled.choose_windows(symbol, lines.get(symbol))
        except InputError as error:
            if symbol in asked:
                raise
            told.append(f"{symbol}, which the file names, is not mapped: {error}")
    plans = {symbol: plan_net_counts(one, signal.energy) for symbol, one in windows.items()}
    whole = signal.energy.to_range(compute_noise_end_keV(sampled.fwhm_mn_ka_eV), np.inf)
    total = NetCounts((whole if whole[0] < whole[1] else (0, signal.energy.n_channels),), (1.0,))
    with telling_damage(path):
        sums = signal.cube.sum_channels(*_weigh(total, list(plans.values())))
        check_finite(signal.cube, sums.spectrum, path)
    maps, variances = {}, {}
    for number, symbol in enumerate(plans):
        maps[symbol] = sums.pixels[..., 1 + 2 * number]
        variances[symbol] = sums.pixels[..., 2 + 2 * number]
    seen = SeenSpectrum.of(signal, sums.spectrum, sampled.reading)
    settings = {
        "lines": {symbol: one.model_dump(mode="json") for symbol, one in windows.items()},
        "fwhm_mn_ka_eV": seen.fwhm_mn_ka_eV,
        "elements_found": [_as_row(one) for one in seen.reading.proposals],
    }
    told += seen.warn(windows)
    return _Mapped(maps, variances, sums.pixels[..., 0], settings, told)


def _weigh(
    total: NetCounts, plans: Sequence[NetCounts]
) -> tuple[list[tuple[int, int]], NDArray[np.float64]]:
    """Ranges (K) of channels, and by what their sums count (1 + 2 N, K): total, nets, variances."""
    ranges = [window for plan in (total, *plans) for window in plan.ranges]
    weights = np.zeros((1 + 2 * len(plans), len(ranges)))
    weights[0, 0] = 1.0
    start = 1
    for number, plan in enumerate(plans):
        columns = slice(start, start + len(plan.ranges))
        weights[1 + 2 * number, columns] = plan.factors
        weights[2 + 2 * number, columns] = np.square(plan.factors)
        start = columns.stop
    return ranges, weights


def _tell_found(elements: Sequence[str]) -> str:
    shown = ", ".join(elements) or "none"
    return f"No element was named; mapped is what the sum spectrum shows: {shown}."


def _as_row(found: ElementProposal) -> dict[str, Any]:
    return {
        "element": found.line.element,
        "line": found.line.name,
        "energy_keV": found.line.energy_keV,
        "counts": round(found.counts, 1),
        "significance": round(found.significance, 1),
        "artefact": found.artefact,
        "alternatives": list(found.alternatives),
    }
