"""Which signals of which files make a field: spectrum image or maps, and a survey; and why."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from napari_nanodope.io.files import UnreadableFileError
from napari_nanodope.io.names import NEITHER, is_survey_name, line_in_name
from napari_nanodope.io.signals import Content, Signal
from napari_nanodope.model import InputError


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of the files.

    Attributes
    ----------
    elements : tuple of str
        Elements to map; every one that the files name where empty.
    lines : dict of str to str
        Line by element, where given.
    has_survey : bool
        Whether a survey is given apart.
    is_folder : bool
        Whether the files are all those of a folder: then those that say nothing are passed over.
    passed : tuple of str
        Files of the folder that cannot be read, and why.
    """

    elements: tuple[str, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()
    has_survey: bool = False
    is_folder: bool = False
    passed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """Signals that make a field.

    Attributes
    ----------
    cube : Signal, optional
        The spectrum image.
    maps : tuple of Signal
        Ready-made maps, where there is no spectrum image.
    survey : Signal, optional
        The survey image.
    is_survey_named : bool
        Whether a person chose it: listed its file, or called it "survey".
    signals : tuple of Signal
        All signals, each with its use and the reason.
    warnings : tuple of str
        What was passed over.
    """

    cube: Signal | None
    maps: tuple[Signal, ...]
    survey: Signal | None
    is_survey_named: bool
    signals: tuple[Signal, ...]
    warnings: tuple[str, ...]


def choose_signals(contents: Sequence[Content], request: Request) -> Choice:
    """Spectrum image or element maps, and a survey, by their dimensions and not by their titles.

    Raises
    ------
    InputError
        If names are ambiguous or there are several spectrum images.
    UnreadableFileError
        If nothing in the files can be used.
    """
    signals = _list_signals(contents, request)
    by_name = {content.files[0] for content in contents if content.is_named_by_person}
    usable = [pair for pair in signals if not pair[1].problem]
    cube = _choose_cube(usable)
    maps = () if cube else tuple(_choose_maps(usable, request))
    if cube is None:
        _check_rest([pair for pair in signals if pair[0] in by_name], maps, request)
    elif not request.is_folder:  # what a person listed beside it needs no name
        usable += [pair for pair in signals if _is_unnamed(pair[1], cube)]
    survey = None if request.has_survey else _choose_survey(usable, cube, maps)
    if cube is None and not maps and survey is None and not request.has_survey:
        raise UnreadableFileError(_nothing_in(signals))
    marked = tuple(_mark(signal, cube, maps, survey) for _, signal in signals)
    used = [(path, signal) for (path, _), signal in zip(signals, marked, strict=True)]
    doubts = [warning for content in contents for warning in content.warnings]
    passed = (*request.passed, *doubts, *_tell_passed(used, request))
    is_listed = len(contents) > 1 and not request.is_folder
    is_named = survey is not None and (is_listed or survey.name == "survey")
    return Choice(cube, maps, survey, is_named, marked, passed)


def _list_signals(contents: Sequence[Content], request: Request) -> list[tuple[Path, Signal]]:
    """Signals and their files; an image that is all there is may do without a name."""
    found = [(content.files[0], signal) for content in contents for signal in content.signals]
    if len(contents) == 1 and contents[0].needs_no_name and not request.is_folder:
        return [(path, replace(s, problem=s.problem.removeprefix(NEITHER))) for path, s in found]
    return found


def _is_unnamed(signal: Signal, cube: Signal) -> bool:
    """Whether an image says neither element nor survey, and has the pixels of the cube."""
    alike = signal.kind == "image" and signal.image_shape == cube.image_shape
    return alike and signal.problem == NEITHER


def _tell_passed(signals: Sequence[tuple[Path, Signal]], request: Request) -> Iterator[str]:
    """Tell of signals in a folder, or of files beside a spectrum image, that serve nothing."""
    beside = {path for path, signal in signals if signal.kind == "spectrum image" and signal.use}
    for path, signal in signals:
        if request.is_folder and signal.problem:
            yield f"{path.name} is passed over: {signal.name!r} {signal.problem}."
        elif beside and path not in beside and not signal.use:
            yield f"{path.name} is not used: {signal.name!r} {signal.reason}."


def _choose_cube(signals: Iterable[tuple[Path, Signal]]) -> Signal | None:
    cubes = [(path, signal) for path, signal in signals if signal.kind == "spectrum image"]
    if len(cubes) > 1:
        listed = "; ".join(f"{signal.name!r} {_size(signal)}" for _, signal in cubes)
        raise InputError(
            f"Expected one spectrum image in {cubes[0][0]}, got {len(cubes)} ({listed}); choose "
            f"with detectors=0, say, or save one apart."
        )
    return cubes[0][1] if cubes else None


def _choose_maps(signals: Iterable[tuple[Path, Signal]], request: Request) -> Iterator[Signal]:
    found: dict[str, list[tuple[Path, Signal]]] = {}
    for path, signal in signals:
        if signal.kind == "image" and signal.element:
            found.setdefault(signal.element, []).append((path, signal))
    lines = dict(request.lines)
    for element in request.elements or tuple(found):
        candidates = found.get(element, [])
        if len(candidates) > 1 and element in lines:
            family = lines[element][:1]
            named = [pair for pair in candidates if line_in_name(pair[1].name) == family]
            if not named:
                files = ", ".join(dict.fromkeys(path.name for path, _ in candidates))
                raise InputError(
                    f"Expected a map of {element} {lines[element]}, got {files}, of which none "
                    f"names that line; rename one, or choose another line."
                )
            candidates = named
        if len(candidates) > 1:
            raise InputError(
                f"Expected one {element} image, got a second one in {candidates[1][0]} "
                f"({candidates[0][1].name!r} and {candidates[1][1].name!r}); list the files to "
                f"use, or give lines={{{element!r}: 'Ka'}}, say."
            )
        if candidates:
            yield candidates[0][1]


def _check_rest(
    signals: Iterable[tuple[Path, Signal]], maps: Sequence[Signal], request: Request
) -> None:
    """Raise where a name that should tell the element or the survey does not."""
    mapped = {signal.element for signal in maps}
    if request.elements and mapped >= set(request.elements):
        return
    for path, signal in signals:
        if not signal.problem or (request.is_folder and signal.problem == NEITHER):
            continue
        if signal.problem.startswith("names"):
            raise InputError(
                f"Expected an element or HAADF in the name {signal.name!r} of {path}, got "
                f"{signal.problem.removeprefix('names ')}; rename it to <sample>_Cd or "
                f"<sample>_HAADF, say."
            )
        if signal.element or is_survey_name(signal.name):
            raise InputError(
                f"Expected grey values or counts in {signal.name!r} of {path}, which "
                f"{signal.problem}; export an image (Y, X)."
            )


def _choose_survey(
    signals: Iterable[tuple[Path, Signal]], cube: Signal | None, maps: Sequence[Signal]
) -> Signal | None:
    """Image that maps no element: on the same pixels first, then one that is called a survey."""
    target = cube.image_shape if cube else maps[0].image_shape if maps else None
    images = [(path, s) for path, s in signals if s.kind == "image" and not s.element]

    def rank(pair: tuple[Path, Signal]) -> tuple[bool, bool, bool]:
        _, s = pair
        return s.image_shape != target, "HAADF" not in s.name.upper(), not is_survey_name(s.name)

    ranked = sorted(images, key=rank)
    alike = [pair for pair in ranked if rank(pair) == rank(ranked[0])]
    if len({path for path, _ in alike}) > 1:
        raise InputError(
            f"Expected one survey image, got a second one in {alike[1][0]} ({alike[0][1].name!r} "
            f"and {alike[1][1].name!r}); list the files to use."
        )
    return ranked[0][1] if ranked else None


def _mark(
    signal: Signal, cube: Signal | None, maps: Sequence[Signal], survey: Signal | None
) -> Signal:
    """Tell of a signal what it is used for, and why."""
    use = ""
    if signal is cube:
        use, reason = "spectrum image", "counts along two axes and energy"
    elif any(signal is one for one in maps):
        use, reason = f"{signal.element} map", "its name tells the element"
    elif signal is survey:
        target = cube or (maps[0] if maps else None)
        alike = target is not None and target.image_shape == signal.image_shape
        use, reason = "survey", "maps no element" + ", on the same pixels" * alike
    elif signal.problem:
        reason = signal.problem
    elif signal.element and cube is not None:
        reason = "maps what the spectrum image gives as net counts, with their variance"
    else:
        reason = "has no pixels" if signal.kind == "spectrum" else "is second to another image"
    return replace(signal, use=use, reason=reason)


def _nothing_in(signals: Sequence[tuple[Path, Signal]]) -> str:
    path = signals[0][0] if signals else "the files"
    listed = "; ".join(
        f"{signal.name!r} of shape {signal.shape}"
        + (f", which {signal.problem}" if signal.problem else "")
        for _, signal in signals
    )
    return (
        f"Expected a spectrum image (Y, X, energy), element maps or an image in {path}, got "
        f"{listed or 'nothing'}; export element maps as TIFF instead."
    )


def _size(signal: Signal) -> str:
    return " x ".join(str(n) for n in signal.shape)
