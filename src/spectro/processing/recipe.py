"""Recipes: steps of processing in a text, checked before any is done, and suggested for a FID.

A recipe is TOML. Each step is a table with the function's name as ``do`` and its arguments::

    [[step]]
    do = "apodise"
    window = "exponential"
    width_Hz = 50.0

Values are data: nothing in a recipe is evaluated.
"""

import inspect
import json
import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
from pydantic import TypeAdapter, ValidationError

from spectro.model import InputError, Spectrum, Step
from spectro.processing.grid import DELAY, pick
from spectro.processing.history import STEPS, replay
from spectro.processing.phasing import find_phase

_DO, _STEP = "do", "step"
_LARGEST = 1 << 20  # characters
_TAIL = 4  # noise is that of the last quarter
_DECAYED = 1 - math.exp(-1)


def load_recipe(path: str | Path) -> tuple[Step, ...]:
    """Steps of a recipe file, checked; see `parse_recipe`.

    Raises
    ------
    InputError
        If it cannot be read, or is no recipe.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "what is no text"
        raise InputError(f"Expected a recipe in {path}, got {reason}; check the path.") from None
    return parse_recipe(text, str(path))


def parse_recipe(text: str, name: str = "recipe") -> tuple[Step, ...]:
    r"""Steps of a recipe, each checked against the signature of its function.

    Parameters
    ----------
    text : str
        TOML, as above.
    name : str, optional
        Of the recipe, for what is told.

    Returns
    -------
    tuple of Step
        As `replay` takes them.

    Raises
    ------
    InputError
        If it is no TOML, a step or an argument is not known, lacks or has a value of another kind.

    Examples
    --------
    >>> steps = parse_recipe('[[step]]\ndo = "zero_fill"\nn_points = 4096')
    >>> steps[0].name, dict(steps[0].settings)
    ('zero_fill', {'n_points': 4096})
    """
    if len(text) > _LARGEST:
        raise InputError(f"Expected a recipe of less than 1 MB in {name}, got {len(text)} letters.")
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(f"Expected TOML in {name}, got what is none: {error}.") from None
    steps = content.get(_STEP)
    others = [key for key in content if key != _STEP]
    is_list = isinstance(steps, list) and all(isinstance(one, dict) for one in steps)
    if not is_list or not steps or others:
        found = ", ".join(map(repr, others or content)) or "nothing"
        raise InputError(f"Expected tables [[{_STEP}]] and nothing else in {name}, got {found}.")
    return tuple(_read_step(one, f"step {k} of {name}") for k, one in enumerate(steps, 1))


def _read_step(table: Mapping[str, Any], where: str) -> Step:
    do = table.get(_DO)
    if not isinstance(do, str):
        raise InputError(f'Expected {_DO} = "<name>" in {where}, got {", ".join(table) or "none"}.')
    if do not in STEPS:
        raise InputError(f"Expected a known step as {where}, got {do!r}; {_suggest(do, STEPS)}.")
    function = STEPS[do]
    known = list(inspect.signature(function).parameters.values())[1:]
    hints, names = get_type_hints(function), [one.name for one in known]
    settings = {key: value for key, value in table.items() if key != _DO}
    for key in settings:
        if key not in names:
            raise InputError(
                f"Expected arguments of {do} in {where}, got {key!r}; {_suggest(key, names)}."
            )
    missing = [one.name for one in known if one.default is one.empty and one.name not in settings]
    if missing:
        raise InputError(f"Expected {', '.join(missing)} for {do} in {where}, got none; add it.")
    return Step(
        do, {key: _check(value, hints[key], f"{key} in {where}") for key, value in settings.items()}
    )


def _check(value: Any, hint: Any, where: str) -> Any:
    """The value as the annotation of its argument has it; arrays become tuples."""
    try:
        return TypeAdapter(hint).validate_json(json.dumps(value, default=repr), strict=True)
    except ValidationError as error:
        reason = error.errors()[0]["msg"].removeprefix("Input should be ")
        raise InputError(f"Expected {reason} as {where}, got {value!r}.") from None


def _suggest(name: str, known: Iterable[str]) -> str:
    known = list(known)
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    if near:
        return f"the nearest is {near[0]!r}"
    return f"there are {', '.join(known)}" if known else "it takes none"


def format_recipe(steps: Iterable[Step], comment: str = "") -> str:
    """Recipe (TOML) of some steps, as of the `history` of a spectrum.

    Parameters
    ----------
    steps : iterable of Step
        That `replay` could do; arguments that are None are left out.
    comment : str, optional
        For its first line.

    Examples
    --------
    >>> print(format_recipe([Step("zero_fill", {"n_points": 4096})]), end="")
    [[step]]
    do = "zero_fill"
    n_points = 4096
    """
    blocks = [f"# {' '.join(comment.split())}"] if comment else []
    for step in steps:
        values = {_DO: step.name, **step.settings}
        lines = [f"{key} = {_format(one)}" for key, one in values.items() if one is not None]
        blocks.append("\n".join([f"[[{_STEP}]]", *lines]))
    return "\n\n".join(blocks) + "\n"


def _format(value: Any) -> str:
    """Value in TOML: as in JSON, but for numbers that are not finite."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_format, value))}]"
    if isinstance(value, float | np.floating):
        return repr(float(value))
    if isinstance(value, int | np.integer) and not isinstance(value, bool):
        return str(int(value))
    return json.dumps(value, ensure_ascii=False)


def suggest_recipe(spectrum: Spectrum) -> tuple[Step, ...]:
    """Steps from a FID to a phased spectrum with a flat baseline; of a spectrum, the last ones.

    Parameters
    ----------
    spectrum : Spectrum
        Complex, over time, ppm or Hz. Of several rows the phase is that of the strongest one.

    Raises
    ------
    InputError
        If it is real, or over something else.

    Notes
    -----
    The digital filter is removed, the FID multiplied by an exponential that falls as it does
    itself, which is best for the signal-to-noise ratio and doubles the width of a Lorentzian [1]_,
    filled with zeros and transformed. The phase that `find_phase` finds is stated in degrees, so
    that the recipe does the same to any other file. It is found without apodisation, whose broad
    flanks would turn it. Of a FID it is the zeroth order: the transform takes the times as they
    are, so only a dead time that they do not count leaves a first one, and one that is found
    without need tilts broad lines that overlap. The baseline is a cubic polynomial through what is
    taken for baseline. All of it is to be looked at, and edited.

    References
    ----------
    .. [1] R. R. Ernst, W. A. Anderson, Rev. Sci. Instrum. 1966, 37, 93, DOI 10.1063/1.1719961.
    """
    if not np.iscomplexobj(spectrum.y) or spectrum.axes[-1].unit not in ("s", "ppm", "Hz"):
        kind = "complex" if np.iscomplexobj(spectrum.y) else "real"
        raise InputError(
            f"Expected a complex FID or spectrum to suggest steps for, got a {kind} one over "
            f"{spectrum.axes[-1].label or 'nothing'}; load the FID."
        )
    strongest = _take_strongest(spectrum)
    steps: list[Step] = []
    is_fid = spectrum.axes[-1].unit == "s"
    if is_fid:
        if pick(spectrum.metadata, DELAY):
            steps.append(Step("remove_digital_filter"))
        strongest = replay(strongest, steps)
        width_Hz = _find_width_Hz(strongest)
        if width_Hz > 0:
            steps.append(Step("apodise", {"window": "exponential", "width_Hz": width_Hz}))
        transform = [Step("zero_fill"), Step("fourier_transform")]
        steps += transform
        strongest = replay(strongest, transform)
    zero_deg, first_deg = find_phase(strongest, is_first_order=not is_fid)
    found = {"zero_deg": round(zero_deg, 2), "first_deg": round(first_deg, 2)}
    return (*steps, Step("phase", found), Step("subtract_baseline", {"method": "polynomial"}))


def _take_strongest(spectrum: Spectrum) -> Spectrum:
    if spectrum.y.ndim == 1:
        return spectrum
    rows = spectrum.y.reshape(-1, spectrum.y.shape[-1])
    best = rows[int(np.linalg.norm(rows, axis=1).argmax())]
    return replace(spectrum, y=best, axes=spectrum.axes[-1:])


def _find_width_Hz(fid: Spectrum) -> float:
    """Width of the Lorentzian whose FID decays as fast, 1 / (pi T), with three digits.

    By T / 2 the part 1 - 1/e of the energy of exp(-t / T) has come in; that of the noise, as in
    the last quarter, is taken off. 0 where nothing is left.
    """
    after = fid.x >= 0
    energy, times_s = np.abs(fid.y[after]) ** 2, fid.x[after]
    energy = energy - energy[-max(len(energy) // _TAIL, 1) :].mean()
    gained = np.cumsum(energy)
    if not gained[-1] > 0:
        return 0.0
    half_s = float(times_s[int(np.argmax(gained >= _DECAYED * gained[-1]))])
    return float(f"{1 / (2 * math.pi * half_s):.3g}") if half_s > 0 else 0.0
