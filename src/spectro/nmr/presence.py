"""Whether the lines of a deconvolution are there at all."""

import math

import numpy as np

from spectro.fitting import Minimum, Problem
from spectro.fitting.profiles import hold_amplitude
from spectro.fitting.projection import Projection, descend
from spectro.nmr.line_model import LineModel
from spectro.nmr.sites import INTEGRAL

_CERTAIN = 10.0  # errors of its integral, above which a line is there


def list_missing(model: LineModel, problem: Problem, found: Minimum) -> list[str]:
    """Sentences about sites that a spectrum has nothing of, or that may be nothing but noise.

    Parameters
    ----------
    model : LineModel
        Lines and spectra.
    problem : Problem
        That was fitted.
    found : Minimum
        Its best fit.

    Returns
    -------
    list of str
        Also for every line with a shape of its own that the data do not call for: its integral
        fixed at 0, the fit is worse by less than Schwarz's criterion asks for the line [1]_. A free
        width finds a bump of the noise more often than the error of the integral alone tells.

    References
    ----------
    .. [1] G. Schwarz, Ann. Stat. 1978, 6, 461, DOI 10.1214/aos/1176344136.
    """
    sentences = []
    for k, spectrum in enumerate(model.spectra):
        for site, place in model.curves.items():
            name = model.name(site, INTEGRAL, k)
            known = found.uncertainties[name]
            if found.values[name] == 0:
                sentences.append(
                    f"There is no {site} in {spectrum.title}: its integral is 0 (up to "
                    f"{known.high:.3g}), so its own shift and width tell nothing."
                )
            elif found.values[name] > 0 and not _is_certain(found, name):
                sentences += _doubt(model, problem, found, (site, place, k))
    return sentences


def _is_certain(found: Minimum, name: str) -> bool:
    return found.values[name] > _CERTAIN * found.uncertainties[name].standard_error


def _doubt(
    model: LineModel, problem: Problem, found: Minimum, line: tuple[str, int, int]
) -> list[str]:
    site, place, k = line
    one = next(each for each in model.sites if each.name == site)
    own = {model.name(site, quantity, k) for quantity in one.quantities}
    others = {
        model.name(site, quantity, j) for quantity in one.quantities for j in _others(model, k)
    }
    n_own = sum(each.name in own - others for each in problem.free)
    rise = _find_rise(problem, found, k, place)
    if n_own == 0 or rise >= (n_own + 1) * math.log(problem.n_points / len(model.spectra)):
        return []
    return [
        f"There may be no {site} in {model.spectra[k].title}: without it the fit is worse by no "
        f"more than {math.sqrt(max(rise, 0.0)):.1f} standard errors, which a free shape gains from "
        f"noise; fix its width, or leave it out."
    ]


def _others(model: LineModel, k: int) -> list[int]:
    return [j for j in range(len(model.spectra)) if j != k]


def _find_rise(problem: Problem, found: Minimum, k: int, place: int) -> float:
    """Rise of the sum of squares, in variances of the noise, without a line."""
    costs = []
    for each in (problem, hold_amplitude(problem, k, place, 0.0)):
        projection = Projection(each)
        start = np.array([found.values[one.name] for one in projection.free])
        costs.append(descend(projection, start).cost)
    return (costs[1] - costs[0]) / (costs[0] / found.n_free) if costs[0] > 0 else math.inf
