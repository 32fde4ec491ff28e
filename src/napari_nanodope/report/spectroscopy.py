"""How spectra were fitted, as a paper's experimental section tells it."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from napari_nanodope.io.files import hash_files
from napari_nanodope.report.citations import Bibliography
from napari_nanodope.report.contents import Contents, FitEntry
from napari_nanodope.report.wording import (
    group,
    tell_count,
    tell_differing,
    tell_list,
    tell_number,
    tell_range,
)

_BUILDUPS = {
    "mono": "M(t) = M∞ [1 − exp(−t / T)]",
    "stretched": "M(t) = M∞ [1 − exp(−(t / T)^β)]",
    "bi": "the sum of two exponential build-ups",
}
_EXPONENTS = {"inhomogeneous": 1, "absorption": 2, "derivative": 3}
_INTERVALS = {
    "covariance": "the covariance of the fit",
    "profile": "the profile of the likelihood",
    "bootstrap": "bootstrap",
    "Fieller": "Fieller's theorem",
    "noise": "the noise",
}


def describe_spectroscopy(contents: Contents, cited: Bibliography) -> list[str]:
    """A paragraph for each kind of fit; none without fits."""
    told = []
    for kind, fits in group(contents.fits, lambda one: one.kind).items():
        if kind in _KINDS:
            told.append(f"{_KINDS[kind](fits, cited)} {_tell_level(fits)}")
    return told


def _by_fit(fits: Sequence[FitEntry], tell: Callable[[FitEntry], str]) -> str:
    """What is told of every fit: once, or by sample, or by fit where those of a sample differ."""
    by_sample = {one.sample_id: tell(one) for one in fits}
    if all(tell(one) == by_sample[one.sample_id] for one in fits):
        return tell_differing(by_sample)
    return tell_differing({one.name: tell(one) for one in fits})


def _count(fits: Sequence[FitEntry], what: str) -> str:
    n = len({one.sample_id for one in fits})
    return f"{tell_count(len(fits), what)} of {tell_count(n, 'sample')}"


def _settings(fit: FitEntry) -> Mapping[str, Any]:
    return dict(fit.told.get("settings", {}))


def _asked(fit: FitEntry) -> Mapping[str, Any]:
    """Settings of the project file."""
    return dict(fit.provenance.get("settings", {}))


def _tell_level(fits: Sequence[FitEntry]) -> str:
    rows = [row for one in fits for row in one.told.get("values", {}).values() if "level" in row]
    methods = list(dict.fromkeys(str(row["method"]) for row in rows))
    levels = tell_range([100 * row["level"] for row in rows])
    how = tell_list([_INTERVALS.get(one, one) for one in methods], "or")
    return f"Intervals are of {levels} %, by {how}." if rows else ""


def _tell_baseline(degree: Any) -> str:
    if degree is None or int(degree) < 0:
        return "no baseline"
    return "a constant baseline" if not int(degree) else f"a baseline of degree {int(degree)}"


def _tell_starts(n: int, seed: Any) -> str:
    return tell_count(n, "start") + (f" (seed {seed})" if n > 1 else "")


# EPR


def _tell_cw(fits: Sequence[FitEntry], cited: Bibliography) -> str:
    frequency = tell_range(
        [_settings(one)["experiment"].get("frequency_GHz") for one in fits], "GHz", digits=6
    )
    systems = _by_fit(fits, lambda one: _tell_systems(_settings(one)["components"]))
    vary = _by_fit(fits, lambda one: tell_list(list(map(str, _settings(one)["vary"]))))
    windows = _by_fit(fits, lambda one: _tell_window(_settings(one)["options"].get("window_mT")))
    base = _by_fit(fits, lambda one: _tell_baseline(_settings(one)["options"]["baseline_degree"]))
    starts = _by_fit(fits, lambda one: _tell_search(_settings(one)["search"]))
    modulated = any(_settings(one)["experiment"].get("modulation_mT") for one in fits)
    source = f", with field modulation {cited.cite('modulation')}" if modulated else ""
    return (
        f"EPR: {_count(fits, 'continuous-wave spectrum').replace('spectrums', 'spectra')} at "
        f"{frequency} were fitted {windows} by least squares with powder spectra from the "
        f"diagonalised spin Hamiltonian of {systems}{source}. Varied were {vary}; amplitude and "
        f"{base} are linear and solved for at every step {cited.cite('projection')}; the search "
        f"had {starts}."
    )


def _tell_search(search: Mapping[str, Any]) -> str:
    return _tell_starts(search["n_starts"], search["seed"])


def _tell_window(window: Sequence[float] | None, unit: str = "mT") -> str:
    if window is None:
        return "over the whole axis"
    return f"from {tell_number(window[0])} to {tell_number(window[1])} {unit}"


def _tell_systems(components: Mapping[str, Any]) -> str:
    told = []
    for one in components.values():
        system = one["system"]
        nuclei = [str(nucleus["name"]) for nucleus in system.get("nuclei") or ()]
        coupled = f" with {tell_list(nuclei)}" if nuclei else ""
        told.append(f"S = {Fraction(system['s'])}{coupled}")
    return tell_list(told)


def _tell_saturation(fits: Sequence[FitEntry], cited: Bibliography) -> str:
    powers = [power for one in fits for power in _settings(one)["power_mW"]]
    model = _by_fit(fits, lambda one: _tell_exponent(_settings(one)["model"]))
    n = _by_fit(fits, lambda one: tell_number(_settings(one)["nutation"]))
    known = [one for one in fits if _settings(one).get("conversion_mT_per_sqrt_W")]
    time = ""
    if known:
        factor = _by_fit(known, lambda one: tell_number(_settings(one)["conversion_mT_per_sqrt_W"]))
        time = (
            f" With B1 = {factor} mT W^−1/2 × P^1/2 and a nutation {n} times that of a spin 1/2, "
            f"T = 1 / (γ B1) at P½ is (T1 T2)^1/2."
        )
    sources = cited.cite("bloembergen", "castner")
    return (
        f"Microwave saturation: heights of a line in {_count(fits, 'power sweep')} from "
        f"{tell_number(min(powers), 3)} to {tell_number(max(powers), 3)} mW were fitted by "
        f"K P^1/2 / (1 + P / P½)^(b/2) {sources} with {model}.{time}"
    )


def _tell_exponent(model: Any) -> str:
    if model in _EXPONENTS:
        return f"b = {_EXPONENTS[model]} ({model})"
    return "b fitted between 1 and 3" if model == "empirical" else f"b = {tell_number(model)}"


# NMR


def _tell_deconvolution(fits: Sequence[FitEntry], cited: Bibliography) -> str:
    sites = _by_fit(fits, lambda one: _tell_sites(_settings(one)["sites"]))
    base = _by_fit(fits, lambda one: _tell_baseline(_settings(one)["baseline_degree"]))
    windows = _by_fit(fits, lambda one: _tell_window(_asked(one).get("window_ppm"), "ppm"))
    starts = _by_fit(
        fits, lambda one: _tell_starts(_settings(one)["n_starts"], _settings(one)["seed"])
    )
    phases = {str(_settings(one)["phase"]) for one in fits if _settings(one).get("phase")}
    phase = f" The phase was fitted along ({tell_list(sorted(phases))} order)." if phases else ""
    count = _count(fits, "spectrum").replace("spectrums", "spectra")
    return (
        f"NMR: {count}{_tell_recipe(fits)} were fitted {windows} by {sites} and {base}; integrals "
        f"are solved for at every step {cited.cite('projection')}, {starts}. Fractions are those "
        f"of whole lines.{phase}"
    )


def _tell_sites(sites: Sequence[Mapping[str, Any]]) -> str:
    shapes = group(sites, lambda one: str(one["shape"]))
    told = [f"{tell_list([one['name'] for one in of])} ({shape})" for shape, of in shapes.items()]
    return f"{tell_count(len(sites), 'line')}, {', '.join(told)},"


def _tell_recipe(fits: Sequence[FitEntry]) -> str:
    """How spectra were processed, step by step where the recipe still is what it was."""
    with_recipe = [one for one in fits if _asked(one).get("recipe")]
    if not with_recipe:
        return ""
    return f" (processed by {_by_fit(with_recipe, _tell_steps)})"


def _tell_steps(fit: FitEntry) -> str:
    from spectro import InputError as RecipeError  # noqa: PLC0415 - as the next
    from spectro.processing import load_recipe  # noqa: PLC0415

    name = str(_asked(fit)["recipe"])
    path = fit.project / name
    if not path.is_file() or (name, hash_files([path])) not in fit.inputs:
        return f"{name}, which was changed since"
    try:
        steps = load_recipe(path)
    except RecipeError:
        return name
    told = [f"{step.name.replace('_', ' ')}{_tell_step(step.settings)}" for step in steps]
    return f"{name}: {', '.join(told)}"


def _tell_step(settings: Mapping[str, Any]) -> str:
    values = {k: tell_number(v) if isinstance(v, float) else v for k, v in settings.items()}
    return f" with {', '.join(f'{k} = {v}' for k, v in values.items())}" if values else ""


def _tell_buildup(fits: Sequence[FitEntry], cited: Bibliography) -> str:
    model = _by_fit(
        fits, lambda one: _BUILDUPS.get(_settings(one)["model"], str(_settings(one)["model"]))
    )
    return (
        f"Build-up of magnetisation: {_count(fits, 'curve')}{_tell_recipe(fits)} were fitted by "
        f"{model} {cited.cite('projection')}."
    )


def _tell_respdor(fits: Sequence[FitEntry], cited: Bibliography) -> str:
    pairs = _by_fit(
        fits,
        lambda one: f"{_settings(one)['observed']} with {_settings(one)['saturated']} saturated",
    )
    return (
        f"RESPDOR: dephasing in {_count(fits, 'curve')} of {pairs} was fitted by the analytical "
        f"curve for a pair of spins {cited.cite('gan', 'chen')}; distances follow from the dipolar "
        f"coupling."
    )


def _tell_enhancement(fits: Sequence[FitEntry], cited: Bibliography) -> str:
    windows = _by_fit(fits, lambda one: _tell_window(_asked(one).get("window_ppm"), "ppm"))
    return (
        f"Enhancement: integrals {windows} of {_count(fits, 'spectrum')} with microwaves were "
        f"divided by those without, per scan and gain{_tell_recipe(fits)}; errors are from the "
        f"noise {cited.cite('fieller')}."
    ).replace("spectrums", "spectra")


_KINDS: dict[str, Callable[[Sequence[FitEntry], Bibliography], str]] = {
    "cw": _tell_cw,
    "saturation": _tell_saturation,
    "deconvolution": _tell_deconvolution,
    "buildup": _tell_buildup,
    "respdor": _tell_respdor,
    "enhancement": _tell_enhancement,
}
