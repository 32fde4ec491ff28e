"""Figures as they stand in the text of an HTML page: SVG without outside names, or PNG."""

import base64
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Literal
from xml.etree import ElementTree as ET

import pandas as pd
from matplotlib.figure import Figure

from napari_nanodope.figures.style import journal_style, make_figure

_DPI = 180
_DROPPED = ("metadata", "style", "title")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_NOT_IN_AN_ID = re.compile(r"[^A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Plan:
    """How a figure is drawn and told.

    Attributes
    ----------
    name : str
        Names it within the page; its ids begin with it.
    alt : str
        What it shows, for those who do not see it.
    draw : callable
        Draws into an empty figure and returns the numbers drawn.
    width_in, height_in : float
        Of the figure in print.
    kind : {"svg", "png"}
        PNG where there are pictures or very many lines.
    """

    name: str
    alt: str
    draw: Callable[[Figure], pd.DataFrame]
    width_in: float
    height_in: float
    kind: Literal["svg", "png"] = "svg"


@dataclass(frozen=True, slots=True)
class InlineFigure:
    """A figure for an HTML page.

    Attributes
    ----------
    markup : str
        An ``svg`` or ``img`` element; names no address but ``data:`` and places in itself.
    width_in : float
        In print.
    numbers : DataFrame
        What is drawn.
    """

    markup: str
    width_in: float
    numbers: pd.DataFrame


def draw_inline(plan: Plan) -> InlineFigure:
    """Figure as an element of a page; the same drawing gives the same bytes."""
    with journal_style():
        figure = make_figure(plan.width_in, plan.height_in)
        numbers = plan.draw(figure)
        markup = _to_img(figure, plan) if plan.kind == "png" else to_svg(figure, plan)
    return InlineFigure(markup, plan.width_in, numbers)


def _to_img(figure: Figure, plan: Plan) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    width, height = (round(one * 96) for one in (plan.width_in, plan.height_in))
    data = base64.b64encode(buffer.getvalue()).decode()
    alt = escape(plan.alt, quote=True)
    return f'<img alt="{alt}" width="{width}" height="{height}" src="data:image/png;base64,{data}">'


def to_svg(figure: Figure, plan: Plan) -> str:
    """SVG element of a drawn figure, to stand in HTML beside others.

    Notes
    -----
    HTML knows the namespaces of SVG without their addresses, so these are left out. Ids that
    nothing refers to go; the others begin with the name of the figure, as all figures of a page
    share one space of ids.
    """
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    root = ET.fromstring(buffer.getvalue())
    for one in root.iter():
        one.tag = _strip(one.tag)
        for name in list(one.attrib):
            one.attrib[_strip(name)] = one.attrib.pop(name)
        for child in [child for child in one if _strip(child.tag) in _DROPPED]:
            one.remove(child)
    _rename_ids(root, _NOT_IN_AN_ID.sub("-", plan.name))
    for name in ("version", "width", "height"):
        root.attrib.pop(name, None)
    root.attrib |= {"role": "img", "aria-label": plan.alt}
    return ET.tostring(root, encoding="unicode", short_empty_elements=False).strip()


def _strip(name: str) -> str:
    return name.rpartition("}")[2]


def _rename_ids(root: ET.Element, prefix: str) -> None:
    """Number the ids that are referred to in the order in which they come; drop the others."""
    told = [value for one in root.iter() for value in one.attrib.values()]
    wanted = {found for value in told for found in _REFERENCE.findall(value)}
    wanted |= {one.attrib["href"][1:] for one in root.iter() if _refers(one)}
    names = [one.attrib["id"] for one in root.iter() if one.attrib.get("id") in wanted]
    new = {name: f"{prefix}-{number}" for number, name in enumerate(names, start=1)}
    for one in root.iter():
        for key, value in list(one.attrib.items()):
            if key == "id" and value not in new:
                del one.attrib[key]
            elif key == "id":
                one.attrib[key] = new[value]
            elif key == "href" and _refers(one):
                one.attrib[key] = f"#{new[value[1:]]}"
            else:
                one.attrib[key] = _REFERENCE.sub(lambda found: f"url(#{new[found[1]]})", value)


def _refers(one: ET.Element) -> bool:
    return one.attrib.get("href", "").startswith("#")
