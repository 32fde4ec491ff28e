"""Figures within a page: no outside names, ids of their own, the same bytes each time."""

import base64
import io
import re
from typing import Literal

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from napari_nanodope.figures.inline import InlineFigure, Plan, draw_inline


def draw(name: str = "one", kind: Literal["svg", "png"] = "svg") -> InlineFigure:
    def fill(figure: Figure) -> pd.DataFrame:
        ax = figure.subplots()
        ax.plot([0, 1], [1, 0], "o-", label="<a> & b")
        ax.imshow(np.eye(4), extent=(0, 0.5, 0, 0.5))
        ax.fill_between([0, 1], [0, 0], [1, 1], hatch="//")
        ax.set_title("<script>alert('x')</script>")
        ax.legend()
        return pd.DataFrame({"x": [0, 1]})

    return draw_inline(Plan(name, 'what "it" <shows>', fill, 3.0, 2.0, kind))


def test_an_svg_names_nothing_outside_itself() -> None:
    markup = draw().markup
    assert markup.startswith("<svg ")
    assert "http" not in markup
    assert "<style" not in markup
    assert "<metadata" not in markup
    assert "<script" not in markup
    assert "&lt;script&gt;" in markup
    assert 'role="img" aria-label="what &quot;it&quot; &lt;shows&gt;"' in markup
    assert 'href="data:image/png;base64,' in markup


def test_ids_are_those_of_the_figure_and_only_what_is_referred_to_has_one() -> None:
    markup = draw("field 1/<a>").markup
    ids = re.findall(r'\sid="([^"]+)"', markup)
    referred = re.findall(r"url\(#([^)]+)\)", markup)
    referred += re.findall(r'href="#([^"]+)"', markup)
    assert len(ids) == len(set(ids)) > 2
    assert set(ids) == set(referred)
    assert all(re.fullmatch(r"field-1-a--\d+", one) for one in ids)


def test_the_same_figure_is_the_same_bytes_but_for_its_ids() -> None:
    assert draw().markup == draw().markup
    assert draw("two").markup.replace("two-", "one-") == draw().markup


def test_a_picture_is_a_png_with_an_alternative() -> None:
    drawn = draw(kind="png")
    assert drawn.markup == draw(kind="png").markup
    assert 'alt="what &quot;it&quot; &lt;shows&gt;" width="288" height="192"' in drawn.markup
    found = re.search(r'src="data:image/png;base64,([^"]+)"', drawn.markup)
    assert found is not None
    with Image.open(io.BytesIO(base64.b64decode(found[1]))) as image:
        assert image.size == (540, 360)
    assert drawn.numbers["x"].tolist() == [0, 1]


def test_a_mistake_in_drawing_is_not_hidden() -> None:
    def fail(figure: Figure) -> pd.DataFrame:
        raise ValueError("no numbers")

    with pytest.raises(ValueError, match="no numbers"):
        draw_inline(Plan("x", "", fail, 1.0, 1.0))
