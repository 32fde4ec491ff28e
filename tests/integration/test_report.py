"""A project as one page: what is on it, and how it stands in a browser."""

import base64
import fcntl
import json
import os
import re
import select
import shutil
import subprocess
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import napari_nanodope as nd
from napari_nanodope.cli import main
from napari_nanodope.io.arrays import save_field

NASTY = "<script>alert(\"1\")</script> & 'so on'"
PROJECT = f"""\
[project]
name = '''{NASTY}'''

[[sample]]
id = "24 h"
incubation_h = 24
icp_ms_mM = 19.0
metadata = {{ "<i>batch" = '''{NASTY}''' }}

[[sample]]
id = "48h"
incubation_h = 48
icp_ms_mM = 30.0

[sample.recipe.count]
threshold = 0.4

[[sample]]
id = "empty"

[[measurement]]
sample = "24 h"
technique = "eds"
files = "eds/24h/*.npz"

[[measurement]]
sample = "48h"
technique = "eds"
files = "eds/48h/*.npz"

[[measurement]]
sample = "48h"
technique = "nmr"
files = "nmr/*.csv"
settings = {{ fit = "buildup", model = "stretched" }}
"""
WIDTHS = (1280, 400)
NO_NET = "MAP * ~NOTFOUND"
PATIENCE_S = 120
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "mine"
    for name in ("eds/24h", "eds/48h", "nmr"):
        (folder / name).mkdir(parents=True)
    (folder / "project.toml").write_text(PROJECT, encoding="utf-8")
    nd.Recipe().replace(segment={"method": "watershed"}).save(folder / "recipe.toml")
    for number, name in enumerate(("24h/a <b> & 'c'", "24h/two", "24h/three", "48h/one")):
        field, _ = nd.simulate_field(nd.PhantomParams(shape_px=(90, 90)), seed=number)
        save_field(field, folder / "eds" / f"{name}.npz")
    (folder / "eds" / "48h" / "broken.npz").write_bytes(b"no archive")
    t_s = np.geomspace(1, 200, 12)
    m = 1 - np.exp(-((t_s / 30) ** 0.8)) + 0.002 * np.cos(np.arange(12))
    rows = "\n".join(f"{a},{b}" for a, b in zip(t_s, m, strict=True))
    (folder / "nmr" / "x & <y>.csv").write_text(f"t_s,m\n{rows}\n")
    return folder


@pytest.fixture(scope="module")
def measured(untouched: Path, scheduler: str) -> Path:
    folder = untouched.with_name("measured")
    shutil.copytree(untouched, folder)
    assert main(["report", str(folder), "--scheduler", scheduler]) == 1
    return folder


@pytest.fixture(scope="module")
def text(measured: Path) -> str:
    return (measured / "report.html").read_text(encoding="utf-8")


class Elements(HTMLParser):
    """Elements of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]

    def values(self, name: str) -> list[str]:
        return [str(one[name]) for _, one in self.found if one.get(name)]


@pytest.fixture(scope="module")
def page(text: str) -> Elements:
    return Elements(text)


# What is on it


def test_what_is_typed_by_a_person_is_text_only(page: Elements, text: str) -> None:
    assert page.all("script") == []
    assert "<script" not in text
    assert NASTY in page.text
    assert "eds/24h/a <b> & 'c'.npz" in page.text
    assert "nmr/x & <y>.csv" in page.text
    assert "<i>batch" in page.text
    assert page.all("i") == []


def test_nothing_is_fetched(page: Elements) -> None:
    hrefs = [one["href"] or "" for one in page.all("a")]
    outside = [one for one in hrefs if not one.startswith("#")]
    assert outside
    assert all(one.startswith("https://doi.org/10.") for one in outside)
    assert all(one.startswith("data:image/png;base64,") for one in page.values("src"))
    others = [one for tag, one in page.found if tag != "a" and one.get("href")]
    assert all((one["href"] or "").startswith(("#", "data:,")) for one in others)
    assert [tag for tag, _ in page.found if tag in ("iframe", "object", "embed", "base")] == []
    assert "@import" not in page.text
    assert "url(http" not in page.text
    assert page.values("xmlns") == []


def test_ids_are_unique_and_every_link_leads_somewhere(page: Elements, text: str) -> None:
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    inside = {one[1:] for name in ("href",) for one in page.values(name) if one[0] == "#"}
    inside |= set(re.findall(r"url\(#([^)]+)\)", text))
    assert inside <= set(ids)


def test_those_who_do_not_see_it_are_told(page: Elements) -> None:
    assert page.all("html") == [{"lang": "en"}]
    drawn = [one["aria-label"] for one in page.all("svg")]
    pictures = [one["alt"] for one in page.all("img")]
    assert len(drawn) == 3 * 2 + 1 + 2  # of two samples, a fit, ICP-MS and incubation
    assert len(pictures) == 2 + 1  # two of three fields of the one, the only one of the other
    assert all(len(str(one)) > 20 for one in (*drawn, *pictures))
    assert len(page.all("figure")) == len(drawn) + len(pictures) == len(page.all("figcaption"))
    assert len(page.all("table")) == len(page.all("caption"))
    assert {one.get("scope") for one in page.all("th")} == {"col", "row"}
    levels = [int(tag[1]) for tag, _ in page.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))


def test_numbers_are_those_of_the_project(page: Elements, measured: Path) -> None:
    project = nd.Project.open(measured)
    pooled = nd.pool_sample(project, "24 h")[0].summary
    words = " ".join(page.text.split())
    assert f"{pooled['n_included']} particles of 24 h" in words
    for statement in pooled["statements"]:
        assert " ".join(statement.split()) in words
    fits = project.fits().set_index("name")
    assert (
        f"{fits.loc['beta', 'value']:.4f}" in words or f"{fits.loc['beta', 'value']:.3f}" in words
    )
    assert "project.toml, line 6" in words


def test_every_number_leads_to_its_source(measured: Path, text: str) -> None:
    joint = nd.join(nd.Project.open(measured))
    for number, row in enumerate(joint.itertuples(), start=1):
        place = re.search(rf'<tr id="number{number}">.*?</tr>', text, re.DOTALL)
        assert place is not None
        assert row.source.split(":")[0].replace("&", "&amp;")[:8] in place[0]
        assert text.count(f'href="#number{number}"') == 1


def test_methods_are_those_that_were_used(page: Elements) -> None:
    words = " ".join(page.text.split())
    assert "4 fields of view of 2 samples, with pixels of 0.7 nm," in words
    assert "by Otsu's threshold" in words
    assert "counts of Mn above 0.5 (24 h) and 0.4 (48h) was counted" in words
    assert "M(t) = M∞ [1 − exp(−(t / T)^β)]" in words
    assert "10.1021/acsnano.5c01257" in words
    assert "10.1109/TSMC.1979.4310076" in words
    assert "10.1038/s41592-020-01018-x" not in words  # Cellpose was not used
    assert "10.1103/PhysRev.73.679" not in words  # nor was there a power sweep


def test_failures_are_told(page: Elements, measured: Path) -> None:
    words = " ".join(page.text.split())
    assert "48h/broken: Expected a NumPy archive file at eds/48h/broken.npz, got" in words
    assert str(measured) not in words
    assert "Nothing measured yet" in words  # of the third sample


# How it is written


def test_the_same_results_give_the_same_bytes(measured: Path, tmp_path: Path) -> None:
    project = nd.Project.open(measured)
    told: list[float] = []
    again = nd.write_report(project, tmp_path / "x.html", progress=lambda s, _: told.append(s))
    assert again.read_bytes() == (measured / "report.html").read_bytes()
    assert told == sorted(told)
    assert 0 <= told[0] <= told[-1] <= 1


def test_a_report_is_whole_or_as_it_was(
    measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_nanodope.report import page

    path = tmp_path / "report.html"
    path.write_text("before")
    monkeypatch.setattr(page, "compose", lambda contents, tell: None)
    monkeypatch.setattr(page, "render", lambda page: "a\ud800")  # cannot be written
    with pytest.raises(UnicodeEncodeError):
        nd.write_report(nd.Project.open(measured), path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_only_html_is_written(measured: Path, run: Run) -> None:
    code, _, err = run("report", measured, "--no-measure", "--out", measured / "project.toml")
    assert code == 2
    assert "ends in .html" in err
    assert nd.Project.open(measured).book.name == NASTY


def test_results_are_left_as_they_are_where_that_is_asked_for(
    measured: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_nanodope.figures import inline

    drawn = inline.InlineFigure("<svg></svg>", 1.0, pd.DataFrame())
    monkeypatch.setattr(inline, "draw_inline", lambda plan: drawn)  # to be quick
    folder = tmp_path / "mine"
    shutil.copytree(measured, folder)
    project = (folder / "project.toml").read_text(encoding="utf-8")
    (folder / "project.toml").write_text(project.replace("threshold = 0.4", "threshold = 0.3"))
    code, out, _ = run("report", folder, "--no-measure", "--json", "--out", tmp_path / "x.html")
    told = json.loads(out)
    assert (code, told["report"]) == (1, str(tmp_path / "x.html"))
    assert list(told["failures"]) == ["48h/broken"]
    words = Elements((tmp_path / "x.html").read_text(encoding="utf-8")).text
    assert "The results are not of what is there now (changed: recipe)" in words
    assert "above 0.5 (24 h) and 0.4 (48h) was counted" in " ".join(words.split())


def test_an_empty_project_has_a_report(tmp_path: Path, run: Run) -> None:
    assert run("init", tmp_path / "new")[0] == 0
    code, out, _ = run("report", tmp_path / "new", "--no-measure")
    assert (code, out) == (0, f"The report is in {tmp_path / 'new' / 'report.html'}.\n")
    words = Elements((tmp_path / "new" / "report.html").read_text(encoding="utf-8")).text
    assert "Nothing failed, and there are no warnings." in words


# How it stands in a browser


class Browser:
    """Chromium without a window, spoken to over its pipe."""

    def __init__(self, program: str, folder: Path) -> None:
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        ends = [fcntl.fcntl(one, fcntl.F_DUPFD, 20) for one in (theirs_in, theirs_out)]
        command = f'exec "$0" "$@" 3<&{ends[0]} 4>&{ends[1]}'
        flags = "--headless --no-sandbox --disable-gpu --hide-scrollbars --remote-debugging-pipe"
        shell = ("bash", "-c", command, program)
        places = (f"--user-data-dir={folder}", f"--host-resolver-rules={NO_NET}")
        self._process = subprocess.Popen(
            [*shell, *flags.split(), *places, "about:blank"],
            pass_fds=ends,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for one in (theirs_in, theirs_out, *ends):
            os.close(one)
        self._rest, self._n, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        targets = self.ask("Target.getTargets")["targetInfos"]
        target = next(one["targetId"] for one in targets if one["type"] == "page")
        told = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self._session = told["sessionId"]
        for name in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{name}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._n += 1
        message = {"id": self._n, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._n:
            self.events.append(answer)
        assert "error" not in answer, answer
        return dict(answer["result"])

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], PATIENCE_S)
            more = os.read(self._in, 1 << 16) if ready else b""
            assert more, "the browser ended, or says nothing any more"
            self._rest += more
        first, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(first))

    def open(self, path: Path) -> None:
        self.ask("Page.navigate", url=path.as_uri())
        while not any(one["method"] == "Page.loadEventFired" for one in self.events):
            self.events.append(self._read())

    def evaluate(self, code: str) -> Any:
        told = self.ask("Runtime.evaluate", expression=code, awaitPromise=True, returnByValue=True)
        return told["result"].get("value")

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        os.close(self._in)
        os.close(self._out)


@pytest.fixture(scope="module")
def browser(measured: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no browser can be had")
    found = Browser(program, tmp_path_factory.mktemp("browser"))
    try:
        found.open(measured / "report.html")
        yield found
    finally:
        found.close()


def test_a_browser_asks_for_nothing_and_complains_of_nothing(browser: Browser) -> None:
    asked = [
        one["params"]["request"]["url"]
        for one in browser.events
        if one["method"] == "Network.requestWillBeSent"
    ]
    assert [one for one in asked if not one.startswith("data:")] == [
        browser.evaluate("location.href")
    ]
    said = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    assert [one for one in browser.events if one["method"] in said] == []


def test_every_picture_is_decoded_and_drawn(browser: Browser) -> None:
    decoded = browser.evaluate(
        "Promise.all([...document.images].map(one => one.decode().then(() => one.naturalWidth)))"
    )
    assert len(decoded) == 3
    assert min(decoded) > 1000
    empty = browser.evaluate(
        "[...document.querySelectorAll('svg')].filter(one => one.getBBox().width < 100).length"
    )
    assert empty == 0
    lost = browser.evaluate(
        "[...document.querySelectorAll('svg use')].filter(one => one.getBBox().width == 0 &&"
        " one.getBBox().height == 0).length"
    )
    assert lost == 0


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_is_as_wide_as_the_window(browser: Browser, width: int, tmp_path: Path) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.ask("Emulation.setDeviceMetricsOverride", **size)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    wide = "[...document.querySelectorAll('main *:not(svg *)')].filter(one =>"
    wide += f" !one.closest('.wide') && one.getBoundingClientRect().right > {width}).length"
    assert browser.evaluate(wide) == 0
    picture = browser.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"]
    _keep(f"report-{width}.png", picture)


def test_text_stands_out_from_what_is_behind_it(browser: Browser) -> None:
    code = """
    (() => {
      const numbers = text => text.match(/[0-9.]+/g).map(Number);
      const channel = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
      const light = ([r, g, b]) =>
        0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
      const behind = one => {
        for (; one; one = one.parentElement) {
          const colour = numbers(getComputedStyle(one).backgroundColor);
          if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
      };
      const all = [...document.querySelectorAll('body *:not(svg *)')].filter(one =>
        [...one.childNodes].some(node => node.nodeType == 3 && node.data.trim()));
      return Math.min(...all.map(one => {
        const [a, b] = [light(numbers(getComputedStyle(one).color)), light(behind(one))];
        return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      }));
    })()
    """
    assert browser.evaluate(code) >= 4.5  # WCAG 2.2, level AA


def test_it_prints_without_cut_figures(browser: Browser) -> None:
    printed = browser.ask("Page.printToPDF", preferCSSPageSize=True)["data"]
    _keep("report.pdf", printed)
    pdf = base64.b64decode(printed)
    assert pdf.startswith(b"%PDF")
    browser.ask("Emulation.setEmulatedMedia", media="print")
    size = {"width": 695, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    browser.ask("Emulation.setDeviceMetricsOverride", **size)  # A4 less its margins, at 96 dpi
    assert browser.evaluate("document.documentElement.scrollWidth") <= 695
    tallest = "Math.max(...[...document.querySelectorAll('figure')].map(one =>"
    assert browser.evaluate(f"{tallest} one.getBoundingClientRect().height))") < 1000
    wide = "Math.max(...[...document.querySelectorAll('table')].map(one =>"
    assert browser.evaluate(f"{wide} one.getBoundingClientRect().right))") <= 696
    browser.ask("Emulation.setEmulatedMedia", media="")


def _keep(name: str, data: str) -> None:
    """Write what the browser made where a person wants to look at it."""
    folder = os.environ.get("NANODOPE_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / name).write_bytes(base64.b64decode(data))
