"""Figures of a report, numbered in the order in which they come."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from napari_nanodope.report.content import Picture
from napari_nanodope.report.wording import tell_count

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from napari_nanodope.pooled import SampleResult
    from napari_nanodope.results import FieldResult
    from spectro.model import FitResult

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

        size = (4.8, 3.6) if kind in ("cw", "deconvolution") else (3.33, 2.8)
        return self.hang(title, lambda figure: draw_kind(figure, fit, kind), size)


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
