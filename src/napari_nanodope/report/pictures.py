"""Figures of a report, numbered in the order in which they come."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from napari_nanodope.report.content import Picture
from napari_nanodope.report.wording import tell_count, tell_number

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from napari_nanodope.pooled import SampleResult
    from napari_nanodope.results import FieldResult
    from spectro.model import Curve, FitResult

    Draw = Callable[[Figure], pd.DataFrame]


@dataclass(slots=True)
class Gallery:
    """Draws figures and numbers them.

    Attributes
    ----------
    tell : callable
        Called with the title of each before it is drawn.
    n : int
        Figures so far.
    """

    tell: Callable[[str], None]
    n: int = field(default=0)

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

        self.tell(title)
        number = self.n + 1
        drawn = draw_inline(Plan(f"figure{number}", title, draw, *size_in, kind))
        self.n = number
        caption = f"Figure {number}. {title}. {details}".strip()
        return Picture(drawn.markup, size_in[0], caption)

    def show_sample(self, result: "SampleResult", title: str) -> list[Picture]:
        """Dopants per particle, depth profile and sizes of the particles of a sample."""
        from napari_nanodope import figures  # noqa: PLC0415
        from napari_nanodope.figures.style import SINGLE_COLUMN_IN  # noqa: PLC0415

        shown = cast("FieldResult", result)
        dopant, size = result.dopant, (SINGLE_COLUMN_IN, 2.3)
        told = f"{len(result.included)} particles of {title}"
        found: list[tuple[str, Any, str]] = [
            (f"Number of {dopant} pixels per particle, {told}", figures.draw_dopants, _DOPANTS),
            (f"{dopant} against depth, {title}", figures.draw_radial, _RADIAL),
            (f"Diameters of the particles of {title}", figures.draw_sizes, ""),
        ]
        return [
            self.hang(name, _on_axes(draw, shown), size, details=details)
            for name, draw, details in found
        ]

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

    def show_fit(self, fit: "FitResult", kind: str, title: str) -> Picture:
        """Curves of a fit, what is left of the data, and numbers."""
        from spectro.figures import draw_kind  # noqa: PLC0415

        if kind not in _SPECTRA:
            return self.hang(title, lambda figure: draw_kind(figure, fit, kind), (3.33, 2.8))
        shown, told = focus(fit)
        return self.hang(
            title, lambda figure: draw_kind(figure, shown, kind), (5.0, 3.8), details=told
        )


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


_DOPANTS = "Lines: the mean, and what ICP-MS and the reference concentration of the recipe expect."
_RADIAL = (
    "Share of pixels that hold a dopant, with standard errors, in the size class with the most of "
    "them; lines: expected for dopants in the core and at the surface."
)


def _on_axes(draw: Any, shown: Any) -> "Draw":
    return lambda figure: draw(figure.subplots(), shown)


def show_joint(joint: "pd.DataFrame", gallery: Gallery) -> tuple[Picture, ...]:
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
    return tuple(found)


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
