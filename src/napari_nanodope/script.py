"""A result as the Python text that gives it again."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_nanodope.model import FieldOfView, InputError, as_pixel_size_nm
from napari_nanodope.phantom import PhantomParams
from napari_nanodope.recipe import LineWindows
from napari_nanodope.results import FieldResult
from napari_nanodope.segmentation import choose_image

_WIDTH = 100


def write_script(result: FieldResult, folder: str | Path | None = None) -> str:
    """Python text that reads the field of a result and measures it again, settings included.

    Parameters
    ----------
    result : FieldResult
        What is to be measured again.
    folder : path, optional
        Where `FieldResult.save` wrote it. Labels that a person gave or edited are taken from there,
        and the field where it came from no file, or from one that is gone.

    Returns
    -------
    str
        Runs by itself, and leaves in ``result`` the same tables.

    Raises
    ------
    InputError
        If the folder is needed and not given, or holds no result.

    Examples
    --------
    >>> import napari_nanodope as nd
    >>> from napari_nanodope.script import write_script
    >>> field, _ = nd.simulate_field(nd.PhantomParams(shape_px=(60, 60)), seed=1)
    >>> print(write_script(nd.analyze(field)))
    # napari-nanodope ...
    import napari_nanodope as nd
    <BLANKLINE>
    recipe = nd.Recipe.from_toml(r'''
    # What is in the picture.
    ...
    field, _ = nd.simulate_field(nd.PhantomParams(shape_px=(60, 60)), seed=1)
    result = nd.analyze(field, recipe)
    <BLANKLINE>
    """
    read, labels = _write_reading(result.field), "" if _is_repeatable(result) else _name(result)
    lines = [
        f"# napari-nanodope {result.provenance['version']}",
        "import napari_nanodope as nd",
        "",
        f"recipe = nd.Recipe.from_toml({_to_text(result.recipe.to_toml())})",
    ]
    if labels or not read:
        lines.append(f"saved = nd.FieldResult.load({_find_saved(result, folder)})")
    lines.append(read or "field = saved.field")
    options = [f"labels={labels}"] if labels else []
    if by_hand := result.provenance.get("exclusions"):
        reasons = {int(label): reason for label, reason in by_hand.items()}
        options.append(f"exclusions={_to_literal(reasons)}")
    lines.append(_to_call("result = nd.analyze", ["field", "recipe", *options]))
    return "\n".join(lines) + "\n"


def _is_repeatable(result: FieldResult) -> bool:
    """Whether the recipe, and nothing else, gives the labels.

    Not where they were given, or edited, or where the recipe was changed after segmentation. Which
    host map was segmented is not written down, so that may have changed, too.
    """
    about, stage = result.provenance["labels"], result.recipe.segment
    if about["origin"] != "segmented" or "n_edits" in about:
        return False
    given, (_, image) = stage.diameter_nm, choose_image(result.field, stage)
    is_estimated = about["diameter_is_estimated"]
    return (
        about["method"] == stage.method
        and about.get("model", stage.model) == stage.model
        and about["image"] == image == "survey"
        and is_estimated == (given == "auto")
        and (is_estimated or f"{about['diameter_nm']:.4g}" == f"{given:.4g}")
    )


def _name(result: FieldResult) -> str:
    """Labels as `saved` has them, with scores where there are any."""
    return "saved.labels" if result.outlines is None else "saved.outlines"


def _find_saved(result: FieldResult, folder: str | Path | None) -> str:
    """Literal of the folder of the saved result."""
    if folder is None:
        wanted = "labels that the recipe gives by itself, got others"
        if _is_repeatable(result):
            wanted = "a field whose file is still there, got one without"
        raise InputError(f"Expected {wanted}; save the result first, to be read from its folder.")
    if not (Path(folder) / "provenance.json").is_file():
        raise InputError(f"Expected a saved result in {folder}, got none; save the result again.")
    return _to_path(Path(folder))


# Fields


def _write_reading(field: FieldOfView) -> str:
    """Line that makes the field from where it came from; empty where that is not to be had."""
    source = field.source
    if source is None:
        return ""
    if source.reader == "simulate_field":
        return _write_simulation(field, source.settings)
    path = Path(source.path)
    files = [path / name for name in source.settings.get("files", [])] or [path]
    survey = source.settings.get("given", {}).get("survey", source.path)
    if not source.path or not all(file.exists() for file in (*files, Path(survey))):
        return ""
    is_one = "files" not in source.settings or _is_folder(field, path, files)
    given = _to_path(path) if is_one else f"[{', '.join(map(_to_path, files))}]"
    options = [f"elements={_to_literal(list(field.elements))}", *_write_options(field)]
    return _to_call("field = nd.read_field", [given, *options])


def _is_folder(field: FieldOfView, folder: Path, files: list[Path]) -> bool:
    """Whether to give the folder rather than its files.

    A survey of another area is passed over in a folder, and refused in a list; else it is the same.
    """
    is_left_out = field.survey_kind == "counts" and len({file.suffix for file in files}) == 1
    there = {file for file in folder.iterdir() if file.suffix == files[0].suffix}
    return is_left_out and there == set(files)


def _write_options(field: FieldOfView) -> list[str]:
    """What a person told the reader; and the calibration in any case, for it decides the most."""
    given: Mapping[str, Any] = field.source.settings.get("given", {}) if field.source else {}
    dy, dx = field.pixel_size_nm
    options = {
        "lines": _to_lines(given.get("lines", {}), field.elements),
        "survey": _to_path(Path(given["survey"])) if "survey" in given else "",
        "detectors": _to_literal(given["detectors"]) if "detectors" in given else "",
        "frames": _to_literal(tuple(given["frames"])) if "frames" in given else "",
        "pixel_size_nm": _to_literal(dy if dy == dx else (dy, dx)),
        "sample_id": _to_literal(field.sample_id) if field.sample_id else "",
    }
    return [f"{name}={value}" for name, value in options.items() if value]


def _to_lines(lines: Mapping[str, Any], elements: tuple[str, ...]) -> str:
    """Literal of the lines of the elements that are mapped; empty where none was told."""
    told = [f'"{s}": {_to_line(one)}' for s, one in lines.items() if s in elements]
    return f"{{{', '.join(told)}}}" if told else ""


def _to_line(told: Any) -> str:
    if isinstance(told, str):
        return _to_literal(told)
    windows = LineWindows.model_validate(told).model_dump(exclude_none=True)
    return f"nd.LineWindows({', '.join(f'{k}={_to_literal(v)}' for k, v in windows.items())})"


def _write_simulation(field: FieldOfView, settings: Mapping[str, Any]) -> str:
    if field.pixel_size_nm != as_pixel_size_nm(settings["pixel_size_nm"]):
        return ""  # calibrated anew
    params = []
    for one in dataclasses.fields(PhantomParams):
        value = settings.get(one.name, one.default)
        value = tuple(value) if isinstance(value, list) else value
        if value != one.default:
            params.append(f"{one.name}={_to_literal(value)}")
    call = _to_call("nd.PhantomParams", params)
    return _to_call("field, _ = nd.simulate_field", [call, f"seed={settings['seed']}"])


# Text


def _to_call(name: str, values: list[str]) -> str:
    """A call on one line, or with a line per value where that is too long."""
    line = f"{name}({', '.join(values)})"
    if len(line) <= _WIDTH and "\n" not in line:
        return line
    rows = [f"    {row}" for value in values for row in f"{value},".split("\n")]
    return "\n".join([f"{name}(", *rows, ")"])


def _to_text(toml: str) -> str:
    """Literal of several lines, in which a backslash is one, as in the file."""
    return repr(toml) if "'''" in toml else f"r'''\n{toml}'''"


def _to_path(path: Path) -> str:
    return _to_literal(path.absolute().as_posix())


def _to_literal(value: Any) -> str:
    """Python literal of what JSON may hold, and of tuples; texts in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_to_literal(k)}: {_to_literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        inside = ", ".join(map(_to_literal, value))
        return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' * (len(value) == 1)})"
    return repr(value)
