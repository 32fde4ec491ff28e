"""Fits of NMR as a project file asks for them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spectro.fitting import Search
from spectro.io import load
from spectro.jobs.checks import build_site
from spectro.jobs.job import FitJob
from spectro.jobs.ratio import fit_enhancement
from spectro.jobs.run import take
from spectro.jobs.settings import (
    BuildupSettings,
    DeconvolutionSettings,
    EnhancementSettings,
    RespdorSettings,
)
from spectro.jobs.tables import is_table, load_table
from spectro.model import FitResult, InputError, Spectrum, Step
from spectro.nmr import deconvolve, fit_buildup, fit_respdor, measure_signal, split_rows
from spectro.processing import cut, load_recipe, replay, subtract_baseline, suggest_recipe
from spectro.processing.grid import find_step

Array = NDArray[np.float64]

_FIT = "fit"


def fit_lines(job: FitJob, options: DeconvolutionSettings) -> FitResult:
    """Lines of a spectrum and their percentages; see `spectro.nmr.deconvolve`.

    No baseline is subtracted from a FID before, unless a recipe says so: it takes the feet of broad
    lines along. It is fitted with them instead where the settings ask for one.
    """
    spectrum = load(job.files[0])
    steps = choose_steps(job, spectrum, options.recipe)
    if options.recipe is None:
        steps = [one for one in steps if one.name != subtract_baseline.__name__]
    spectrum = take(_do(spectrum, steps), options.slice)
    if options.window_ppm is not None:
        spectrum = cut(spectrum, options.window_ppm)
    search = Search(
        options.starts,
        options.seed,
        n_bootstrap=options.bootstrap,
        profile=options.profile or (),
    )
    return deconvolve(
        spectrum,
        [build_site(one) for one in options.sites],
        baseline_degree=None if options.baseline < 0 else options.baseline,
        phase=options.phase,
        search=search,
    )


def _do(spectrum: Spectrum, steps: Sequence[Step]) -> Spectrum:
    """Spectrum after some steps, which is no longer a FID for what is drawn upwards."""
    done = replay(spectrum, steps)
    return replace(done, metadata={**done.metadata, "quantity": "intensity"}) if steps else done


def choose_steps(job: FitJob, spectrum: Spectrum, recipe: str | None) -> Sequence[Step]:
    """Steps of a recipe file, or those suggested for a FID; none for a spectrum."""
    if recipe is not None:
        return load_recipe(job.find_file(recipe))
    return suggest_recipe(spectrum) if spectrum.axes[-1].unit == "s" else ()


def fit_recovery(job: FitJob, options: BuildupSettings) -> FitResult:
    """Times of a build-up, from a table of numbers or a series of spectra."""
    path = job.files[0]
    if is_table(path):
        t_s, m, sigma = load_table(path, ("t_s", "m"))
        source = None
    else:
        source = load(path)
        t_s, m, sigma = _integrate(job, source, options)
    initial = None if options.initial == _FIT else float(options.initial)
    result = fit_buildup(t_s, m, options.model, sigma, initial)
    return result if source is None else _tell_source(result, source)


def _integrate(
    job: FitJob, series: Spectrum, options: BuildupSettings
) -> tuple[Array, Array, Array | None]:
    """Delays, integrals of a region of each spectrum, and their errors if noise is shown."""
    if series.y.ndim != 2 or options.window_ppm is None:
        what = f"{series.y.ndim} dimension(s)" if series.y.ndim != 2 else "no window_ppm"
        raise InputError(
            f"Expected a table of t_s and m, or a series of spectra with window_ppm, got {what} "
            f"in {job.files[0].name}."
        )
    delays_s = _find_delays(job, series, options)
    rows = split_rows(_do(series, choose_steps(job, series, options.recipe)))
    window, noise = options.window_ppm, options.noise_ppm
    if noise is not None:
        pairs = np.array([measure_signal(one, window, noise) for one in rows])
        return delays_s, pairs[:, 0], pairs[:, 1]
    parts = [cut(one, window) for one in rows]
    step = abs(find_step(parts[0].axes[-1]))
    return delays_s, np.array([np.real(one.y).sum() * step for one in parts]), None


def _find_delays(job: FitJob, series: Spectrum, options: BuildupSettings) -> Array:
    n_rows, name = len(series.axes[0]), job.files[0].name
    if options.delay_s is not None:
        if len(options.delay_s) != n_rows:
            raise InputError(f"Expected {n_rows} delays for {name}, got {len(options.delay_s)}.")
        return np.array(options.delay_s)
    if series.axes[0].name != "delay" or series.axes[0].unit != "s":
        doubt = series.metadata.get("warning", "no vdlist in its folder")
        raise InputError(f"Expected delays in s for {name}, got none ({doubt}); give delay_s.")
    return series.axes[0].values


def _tell_source(result: FitResult, series: Spectrum) -> FitResult:
    curves = [
        replace(
            one,
            data=replace(one.data, metadata={"title": series.title}, source=series.source),
        )
        for one in result.curves
    ]
    return replace(result, curves=tuple(curves))


def fit_dephasing(job: FitJob, options: RespdorSettings) -> FitResult:
    """Distance from a table of dephasing; see `spectro.nmr.fit_respdor`."""
    tau_s, ds_s0, sigma = load_table(job.files[0], ("tau_s", "ds_s0"))
    return fit_respdor(tau_s, ds_s0, options.observed, options.saturated, sigma, options.fraction)


def fit_ratio(job: FitJob, options: EnhancementSettings) -> FitResult:
    """Enhancement from spectra with and without microwaves, processed alike."""
    on, off = load(job.files[0]), load(job.find_file(options.off))
    steps = choose_steps(job, on, options.recipe)
    return fit_enhancement(_do(on, steps), _do(off, steps), options)
