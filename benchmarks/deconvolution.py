"""A shared fit of seven spectra against lmfit's composite models; needs lmfit."""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from spectro import Axis, Spectrum, nmr
from spectro.lineshapes import gaussian

LARMOR_MHz = 78.72
SHIFTS_ppm = (163.0, 116.0, 109.0, 95.0)
WIDTHS_ppm = np.array([0.3, 0.55, 0.8, 2.1]) / LARMOR_MHz * 1e3
NAMES = ("bulk", "core", "middle", "surface")
N_SPECTRA = 7
SIGMA_PER_WIDTH = 1 / np.sqrt(8 * np.log(2))


def make_spectra(n_points: int, seed: int) -> list[Spectrum]:
    """Seven mixtures of four lines at SNR 100; their parts and widths are invented."""
    rng = np.random.default_rng(seed)
    x = np.linspace(300.0, 0.0, n_points)
    spectra = []
    for k in range(N_SPECTRA):
        parts = rng.dirichlet([2.0, 6.0, 8.0, 8.0])
        widths = WIDTHS_ppm * rng.uniform(0.9, 1.1, len(NAMES))
        y = sum(a * gaussian(x, *one) for a, *one in zip(parts, SHIFTS_ppm, widths, strict=True))
        y = y / y.max() + rng.normal(0, 0.01, n_points)
        spectra.append(Spectrum(y, (Axis(x, "chemical shift", "ppm"),), {"title": f"NC{k}"}))
    return spectra


def fit_ours(spectra: list[Spectrum]) -> tuple[float, NDArray[np.float64]]:
    """Sum of squares, and the integrals (7, 4)."""
    sites = [
        nmr.Site(name, shift + 1, 1.2 * width)
        for name, shift, width in zip(NAMES, SHIFTS_ppm, WIDTHS_ppm, strict=True)
    ]
    fit = nmr.deconvolve(spectra, sites)
    square = sum(float(np.square(one.residual).sum()) for one in fit.curves)
    found = [[fit.values[f"{one.title}/{name}.integral"] for name in NAMES] for one in spectra]
    return square, np.array(found)


def make_theirs(spectra: list[Spectrum], method: str) -> Callable[[], tuple[float, object]]:
    """The same by lmfit: a composite of four Gaussians for each spectrum, positions shared."""
    import lmfit

    models, parameters = [], lmfit.Parameters()
    for k, one in enumerate(spectra):
        lines = [lmfit.models.GaussianModel(prefix=f"s{k}_{name}_") for name in NAMES]
        models.append(lines[0] + lines[1] + lines[2] + lines[3])
        height = float(np.max(one.y))
        for name, shift, width in zip(NAMES, SHIFTS_ppm, WIDTHS_ppm, strict=True):
            prefix = f"s{k}_{name}_"
            sigma = 1.2 * width * SIGMA_PER_WIDTH
            parameters.add(f"{prefix}amplitude", height * sigma, min=0)
            parameters.add(f"{prefix}sigma", sigma, min=0.01, max=300)
            if k:
                parameters.add(f"{prefix}center", expr=f"s0_{name}_center")
            else:
                parameters.add(f"{prefix}center", shift + 1, min=0, max=300)
    x, data = spectra[0].x, [np.real(one.y) for one in spectra]
    noise = [weight_of(one) for one in data]

    def residual(values: object) -> NDArray[np.float64]:
        parts = [
            (y - model.eval(values, x=x)) / s
            for model, y, s in zip(models, data, noise, strict=True)
        ]
        return np.concatenate(parts)

    def run() -> tuple[float, object]:
        found = lmfit.minimize(residual, parameters, method=method)
        values = [
            [found.params[f"s{k}_{name}_amplitude"].value for name in NAMES]
            for k in range(len(spectra))
        ]
        left = residual(found.params).reshape(len(spectra), -1) * np.array(noise)[:, None]
        return float(np.square(left).sum()), np.array(values)

    return run


def weight_of(y: NDArray[np.float64]) -> float:
    """Noise by second differences, as ours weighs the spectra."""
    from spectro.nmr.inputs import estimate_scatter

    return estimate_scatter(y)


def time_it(run: Callable[[], object], n: int) -> float:
    """Median wall time of `n` runs, in seconds."""
    times = []
    for _ in range(n):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Print seconds of both, the ratio, and how far the optima are apart."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="runs that the median is taken of")
    parser.add_argument("--points", type=int, default=1024, help="of each spectrum")
    args = parser.parse_args()
    spectra = make_spectra(args.points, seed=0)
    square, integrals = fit_ours(spectra)
    ours = time_it(lambda: fit_ours(spectra), args.repeat)
    print(f"spectro: {ours:.3f} s for 7 x {args.points} points, 4 lines each, positions shared")
    try:
        import lmfit
    except ImportError:
        print("lmfit is not installed, so there is nothing to compare to; pip install lmfit")
        return
    for method in ("leastsq", "least_squares"):
        run = make_theirs(spectra, method)
        their_square, their_integrals = run()
        theirs = time_it(run, args.repeat)
        apart = float(np.abs(integrals - their_integrals).max() / integrals.max())
        print(
            f"lmfit {lmfit.__version__} {method}: {theirs:.2f} s, {theirs / ours:.0f} times as "
            f"long; sum of squares {their_square / square - 1:+.1e} of ours, integrals apart by "
            f"{apart:.1e} of the largest"
        )


if __name__ == "__main__":
    main()
