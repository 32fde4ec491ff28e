"""Names in the settings of fits that only the fits themselves know."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from spectro.jobs.settings import (
    CwSettings,
    DeconvolutionSettings,
    FitSettings,
    Mistake,
    RespdorSettings,
    SiteSettings,
)
from spectro.model import InputError
from spectro.samples.book import tell_nearest


def check_settings(options: FitSettings, folder: Path) -> list[Mistake]:
    """Mistakes in settings whose kinds of values are right.

    Parameters
    ----------
    options : FitSettings
        Of any kind.
    folder : Path
        Of the project, in which recipes are looked for.
    """
    found = list(_CHECKS[type(options)](options)) if type(options) in _CHECKS else []
    recipe = getattr(options, "recipe", None)
    if recipe is not None:
        found += _check_recipe(folder / recipe)
    return found


def _check_cw(options: CwSettings) -> Iterator[Mistake]:
    from spectro.epr.models import find_model, list_models  # noqa: PLC0415 - numba
    from spectro.epr.parameters import INSTRUMENT, Component, choose_varied  # noqa: PLC0415

    try:
        model = find_model(options.model)
    except InputError:
        yield (
            ("model",),
            f"model: {options.model!r} is none{tell_nearest(options.model, list_models())}",
        )
        return
    component = Component("", model.system, model.line)
    known = list(component.values())
    chosen: list[str] = []
    is_right = True
    for name in options.vary or model.vary:
        try:
            chosen += choose_varied(component, (name,)) or choose_varied(component, (name,), True)
        except InputError:
            is_right = False
            nearest = tell_nearest(name, (*known, *INSTRUMENT))
            yield ("vary",), f"vary: {name!r} is no parameter{nearest}"
    strange = [name for name in options.start if name not in known]
    for name in strange:
        yield ("start", name), f"start: {name!r} is no parameter{tell_nearest(name, known)}"
    for key in ("bounds", "profile"):
        for name in getattr(options, key) or ():
            if is_right and name not in chosen:
                text = f"{key}: {name!r} is not varied{tell_nearest(name, chosen)}"
                yield (key, name) if key == "bounds" else (key,), text
    if not strange:
        try:
            component.replace(options.start)
        except InputError as error:
            yield ("start",), f"start: {_trim(error)}"


def _check_deconvolution(options: DeconvolutionSettings) -> Iterator[Mistake]:
    from spectro.nmr.sites import follow_ties  # noqa: PLC0415 - scipy

    sites = []
    for number, told in enumerate(options.sites):
        try:
            sites.append(build_site(told))
        except InputError as error:
            yield ("sites", number), f"sites: {_trim(error)}"
    if len(sites) < len(options.sites):
        return
    for number, site in enumerate(sites):
        for quantity in site.tied:
            try:
                follow_ties(sites, site.name, quantity)
            except InputError as error:
                yield ("sites", number), f"sites: {_trim(error)}"


def build_site(told: SiteSettings) -> Any:
    """Site of a spectrum as `spectro.nmr.deconvolve` takes it.

    Raises
    ------
    InputError
        If its numbers do not fit together.
    """
    from spectro.nmr.sites import Site, Tie  # noqa: PLC0415 - scipy

    values = told.model_dump(exclude={"tied"})
    ties = {name: Tie(one.site, one.factor, one.offset) for name, one in told.tied.items()}
    return Site(**values, tied=ties)


def _check_respdor(options: RespdorSettings) -> Iterator[Mistake]:
    from spectro.isotopes import isotope  # noqa: PLC0415

    for key in ("observed", "saturated"):
        try:
            isotope(getattr(options, key))
        except InputError as error:
            yield (key,), f"{key}: {_trim(error)}"


def _check_recipe(path: Path) -> Iterator[Mistake]:
    from spectro.processing import load_recipe  # noqa: PLC0415 - scipy

    try:
        load_recipe(path)
    except InputError as error:
        yield ("recipe",), f"recipe: {_trim(error)}"


def _trim(error: InputError) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return text[:1].lower() + text[1:]


_CHECKS: Mapping[type[FitSettings], Callable[[Any], Iterator[Mistake]]] = {
    CwSettings: _check_cw,
    DeconvolutionSettings: _check_deconvolution,
    RespdorSettings: _check_respdor,
}
