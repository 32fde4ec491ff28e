"""Figures of a report, numbered in the order in which they come."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from napari_nanodope.report.content import Picture
from napari_nanodope.report.contents import Contents
from napari_nanodope.report.wording import tell_count, tell_list, tell_number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from napari_nanodope.pooled import SampleResult
    from napari_nanodope.results import FieldResult
    from spectro.model import Curve, FitResult
    from spectro.nmr import LayerModel

    Draw = Callable[[Figure], pd.DataFrame]


N_MAPS = 2
"""Fields of a sample whose maps are shown."""


@dataclass(slots=True)
class Gallery:
    """Draws figures and numbers them.

    Attributes
    ----------
    tell : callable
        Called with the fraction done, from 0 to 1, and the title of each before it is drawn.
    n_expected : int
        Figures that there will be at most.
    n : int
        Figures so far.
    """

    tell: Callable[[float, str], None]
    n_expected: int
    n: int = 0

    @classmethod
    def for_all(cls, contents: Contents, tell: Callable[[float, str], None]) -> Self:
        """Empty gallery for what a project holds."""
        n_samples = sum(len(results) for results in contents.pooled.values())
        n_joint = 10
        n_of_sample = 3 + N_MAPS
        return cls(tell, n_joint + n_of_sample * n_samples + len(contents.fits))

    def hang(
        self,
        title: str,
        draw: "Draw",
        size_in: tuple[float, float],
        *,
        details: str = "",
        kind: Literal["svg", "png"] = "svg",
    ) -> Picture:
        """Picture of a drawing; its title says to everyone, also to those who do not see it, what.

        Parameters
        ----------
        title : str
            What is drawn, of what; the text in place of the figure, too.
        draw : callable
            Draws into an empty figure and returns its numbers.
        size_in : (float, float)
            Width and height in print.
        details : str, optional
            What follows the title in the caption: sentences.
        kind : {"svg", "png"}, optional
            PNG for pictures.
        """
        from napari_nanodope.figures.inline import Plan, draw_inline  # noqa: PLC0415 - matplotlib

        self.tell(min(self.n / self.n_expected, 1.0), title)
        number = self.n + 1
        drawn = draw_inline(Plan(f"figure{number}", title, draw, *size_in, kind))
        self.n = number
        caption = f"Figure {number}. {title}. {details}".strip()
        return Picture(drawn.markup, size_in[0], caption, kind)

    def show_sample(self, result: "SampleResult", title: str) -> list[Picture]:
        """Dopants per particle, depth profile and sizes of the particles of a sample."""
        from napari_nanodope import figures  # noqa: PLC0415
        from napari_nanodope.figures.style import SINGLE_COLUMN_IN  # noqa: PLC0415

        dopant, size = result.dopant, (SINGLE_COLUMN_IN, 2.3)
        told = f"{len(result.included)} particles of {title}"
        found: list[tuple[str, Any, str]] = [
            (f"Number of {dopant} pixels per particle, {told}", figures.draw_dopants, _DOPANTS),
            (f"{dopant} against depth, {title}", figures.draw_radial, _RADIAL),
        ]
        pictures = [
            self.hang(name, _with_legend(draw, result), size, details=details)
            for name, draw, details in found
        ]
        name = f"Diameters of the particles of {title}"
        return [*pictures, self.hang(name, _on_axes(figures.draw_sizes, result), size)]

    def show_maps(self, result: "FieldResult", title: str) -> Picture:
        """Survey, maps and outlines of a field."""
        from napari_nanodope.figures.export import measure_maps_in  # noqa: PLC0415
        from napari_nanodope.figures.maps import draw_maps  # noqa: PLC0415

        host, dopant = (result.summary[f"{name}_element"] for name in ("host", "dopant"))
        threshold = f"{result.summary['threshold']:.3g}"
        return self.hang(
            f"Field {title}: (a) survey, (b) {host} map, (c) {dopant} map, (d) outlines",
            lambda figure: draw_maps(figure, result),
            measure_maps_in(result),
            details=(
                f"Particles that are included are outlined in orange, those left out in grey; "
                f"pixels of particles with more than {threshold} {dopant} counts in magenta."
            ),
            kind="png",
        )

    def show_layers(self, models: "dict[str, LayerModel]") -> Picture:
        """Spheres with their layers, to one scale."""
        return self.hang(
            f"Layers of the particles of {tell_list(list(models))}",
            lambda figure: _draw_layers(figure, models),
            (7.0, min(2.4, 7.0 / len(models) + 0.8)),
            details="Parts of the NMR lines laid into spheres of the mean diameter by microscopy.",
        )

    def show_fit(self, fit: "FitResult", kind: str, title: str) -> Picture:
        """Curves of a fit, what is left of the data, and numbers."""
        from spectro.figures import draw_kind  # noqa: PLC0415

        if kind not in _SPECTRA:
            return self.hang(title, lambda figure: draw_kind(figure, fit, kind), (3.33, 2.8))
        shown, told = focus(fit)
        return self.hang(
            title, lambda figure: draw_kind(figure, shown, kind), (5.0, 3.8), details=told
        )


def _draw_layers(figure: "Figure", models: "dict[str, LayerModel]") -> "pd.DataFrame":
    from spectro.figures import draw_layers  # noqa: PLC0415

    return draw_layers(figure.subplots(), models)


_SPECTRA = ("cw", "deconvolution", "enhancement")
_FAINT, _BESIDE, _MOST_SHOWN = 0.01, 0.75, 0.7


def focus(fit: "FitResult") -> tuple["FitResult", str]:
    """Fit whose curves reach only as far as its lines do, and what was left out.

    Parameters
    ----------
    fit : FitResult
        With curves over one axis.

    Returns
    -------
    fit : FitResult
        The same where lines fill 70 % of the axis already. Curves reach beyond the outermost
        points that are above a hundredth of the highest by 3/4 of the distance between these.
    told : str
        A sentence; empty where nothing was left out.
    """
    curves = [_cut(one) for one in fit.curves]
    if all(one is other for one, other in zip(curves, fit.curves, strict=True)):
        return fit, ""
    axis, whole = (one[0].data.axes[-1] for one in (curves, fit.curves))
    ends = [tell_number(float(end), 3) for end in (axis.values[0], axis.values[-1])]
    all_of = [tell_number(float(end), 3) for end in (whole.values[0], whole.values[-1])]
    unit = f" {axis.unit}".rstrip()
    told = f"Shown from {' to '.join(ends)}{unit}; fitted from {' to '.join(all_of)}{unit}."
    return replace(fit, curves=tuple(curves)), told


def _cut(curve: "Curve") -> "Curve":
    parts = [abs(y) for name, y in curve.components.items() if name != "baseline"]
    height = np.max([np.real(one) for one in parts], axis=0) if parts else np.zeros(0)
    above = np.flatnonzero(height > _FAINT * height.max(initial=0.0))
    if not len(above):
        return curve
    room = int(_BESIDE * (above[-1] - above[0] + 1))
    some = slice(max(int(above[0]) - room, 0), int(above[-1]) + room + 1)
    n = len(curve.data.x)
    if some.stop - some.start > _MOST_SHOWN * n:
        return curve
    axis = replace(curve.data.axes[-1], values=curve.data.axes[-1].values[some])
    data, best = (replace(one, y=one.y[some], axes=(axis,)) for one in (curve.data, curve.best_fit))
    return replace(
        curve,
        data=data,
        best_fit=best,
        components={name: y[some] for name, y in curve.components.items()},
    )


_DOPANTS = "Lines: the mean, and what is expected at the concentrations in the legend."
_RADIAL = (
    "Share of pixels that hold a dopant, with standard errors, in the size class with the most of "
    "them; lines: what is expected for dopants in the core and at the surface."
)


def _with_legend(draw: Any, shown: Any) -> "Draw":
    from napari_nanodope.figures.style import add_legend  # noqa: PLC0415

    def fill(figure: "Figure") -> "pd.DataFrame":
        ax = figure.subplots()
        numbers: pd.DataFrame = draw(ax, shown)
        add_legend(figure, ax)
        return numbers

    return fill


def _on_axes(draw: Any, shown: Any) -> "Draw":
    return lambda figure: draw(figure.subplots(), shown)


def show_joint(contents: Contents, joint: "pd.DataFrame", gallery: Gallery) -> tuple[Picture, ...]:
    """Figures in which what several techniques say of the samples stands side by side."""
    from napari_nanodope.figures.joint import COMPARISONS  # noqa: PLC0415
    from napari_nanodope.figures.style import SINGLE_COLUMN_IN  # noqa: PLC0415

    found = []
    for name, (comparison, draw) in COMPARISONS.items():
        pairs = comparison.pair(joint)
        if len(pairs):
            size = (SINGLE_COLUMN_IN, 2.7)
            n = tell_count(pairs["sample_id"].nunique(), "sample")
            title = f"{_JOINT.get(name, name.replace('-', ' against '))}, {n}"
            found.append(gallery.hang(title, _on_axes(draw, joint), size))
    layers = dict(_find_layers(contents))
    return (*found, gallery.show_layers(layers)) if layers else tuple(found)


def _find_layers(contents: Contents) -> "Iterator[tuple[str, LayerModel]]":
    """Layers by each fit whose lines are layers, under its name."""
    from napari_nanodope.joint.fits import build_layers  # noqa: PLC0415
    from napari_nanodope.joint.rows import list_microscopy  # noqa: PLC0415

    for sample in contents.project.samples:
        rows = list(list_microscopy(contents.pooled[sample.id]))
        diameter = next((row for row in rows if row.quantity == "diameter_nm"), None)
        models = [(one, build_layers(one.path, diameter)) for one in contents.fits_of(sample.id)]
        known = [(one.name, model) for one, model in models if model is not None]
        for name, model in known:
            yield (sample.id if len(known) == 1 else name), model


_JOINT = {
    "icp-ms-eds": "Dopant concentration by STEM-EDS against that by ICP-MS",
    "concentration-incubation": "Dopant concentration against incubation time",
    "relaxation-concentration": "Relaxation time by EPR against dopant concentration",
    "relaxation-incubation": "Relaxation time by EPR against incubation time",
    "enhancement-concentration": "DNP enhancement against dopant concentration",
    "enhancement-incubation": "DNP enhancement against incubation time",
    "buildup-concentration": "Build-up time against dopant concentration",
    "buildup-incubation": "Build-up time against incubation time",
    "surface-diameter": "Surface part of the NMR line against diameter by microscopy",
}
