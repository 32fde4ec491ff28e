"""Fits of EPR as a project file asks for them."""

from dataclasses import replace

import numpy as np

from spectro.epr import (
    CwFit,
    Transition,
    fit_cw,
    fit_saturation,
    saturation_curve,
)
from spectro.epr.models import find_model
from spectro.epr.parameters import Component
from spectro.fitting import Search
from spectro.io import load
from spectro.jobs.job import FitJob
from spectro.jobs.run import take
from spectro.jobs.settings import CwSettings, SaturationSettings
from spectro.model import FitResult

_EXPERIMENT = ("frequency_GHz", "harmonic", "modulation_mT", "phase_deg")


def fit_spectrum(job: FitJob, options: CwSettings) -> FitResult:
    """Fit of a continuous-wave spectrum; see `spectro.epr.fit_cw`."""
    model = find_model(options.model)
    system, line = Component("", model.system, model.line).replace(options.start)
    told = {key: getattr(options, key) for key in _EXPERIMENT}
    return fit_cw(
        take(load(job.files[0]), options.slice),
        system,
        line,
        vary=options.vary or model.vary,
        options=CwFit(
            options.baseline,
            bounds=options.bounds,
            window_mT=options.window_mT,
            experiment={key: value for key, value in told.items() if value is not None},
        ),
        search=Search(options.starts, options.seed, profile=options.profile or ()),
    )


def fit_sweep(job: FitJob, options: SaturationSettings) -> FitResult:
    """Fit of the saturation of the highest line of a power sweep."""
    spectra = [load(path) for path in job.files]
    curve = saturation_curve(
        spectra if options.together else spectra[0],
        method=options.method,
        windows_mT=None if options.window_mT is None else [options.window_mT],
        power_mW=options.power_mW,
    )
    line = int(curve.amplitude.mean(axis=1).argmax())
    error, window = curve.error[line], curve.window_mT[line].tolist()
    result = fit_saturation(
        curve.power_mW,
        curve.amplitude[line],
        error=error if (np.isfinite(error) & (error > 0)).all() else None,
        model=options.model,
        conversion_mT_per_sqrt_W=options.conversion_mT_per_sqrt_W,
        transition=Transition(options.nutation, options.g),
    )
    doubts = list(curve.warnings)
    if len(curve.amplitude) > 1:
        doubts.append(
            f"There are {len(curve.amplitude)} lines; the highest one is fitted, from "
            f"{window[0]:.5g} to {window[1]:.5g} mT: give window_mT for another."
        )
    return replace(
        result,
        warnings=(*result.warnings, *doubts),
        settings={**result.settings, "method": curve.method, "window_mT": window},
    )
