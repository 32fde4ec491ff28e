"""A report as one HTML page that needs nothing beside it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from napari_nanodope.io.files import check_folder_is_writable, replacing
from napari_nanodope.joint import join
from napari_nanodope.model import InputError
from napari_nanodope.project import Project
from napari_nanodope.report.citations import PACKAGES, Bibliography, Reference
from napari_nanodope.report.content import Entry, Picture, Section, Table
from napari_nanodope.report.contents import Contents, Remark, find_span, gather
from napari_nanodope.report.microscopy import describe_microscopy
from napari_nanodope.report.pictures import Gallery, show_joint
from napari_nanodope.report.samples import describe_samples
from napari_nanodope.report.spectroscopy import describe_spectroscopy
from napari_nanodope.report.tables import (
    tabulate_fields,
    tabulate_inputs,
    tabulate_numbers,
    tabulate_results,
    tabulate_versions,
    tell_machines,
)
from napari_nanodope.report.wording import tell_count, tell_list, tell_moment

REPORT_FILE = "report.html"
_MOST_PLACES = 12
_SUFFIXES = (".html", ".htm")
_ABOUT_RESULTS = (
    "Values with the ends of their 95 % intervals in brackets. Every value leads to its source. "
    "Numbers of several fits of one quantity stand below each other."
)


@dataclass(frozen=True, slots=True)
class Told:
    """A remark as it is shown: a sentence, and the places that it is about."""

    text: str
    where: tuple[Entry, ...]
    alike: tuple[Entry, ...]
    n_more: int


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that the template shows, in the order of the page."""

    title: str
    about: str
    failures: tuple[Told, ...]
    warnings: tuple[Told, ...]
    results: tuple[Table, ...]
    joint: tuple[Picture, ...]
    samples: tuple[Section, ...]
    fields: Table | None
    about_fields: str
    methods: tuple[str, ...]
    references: tuple[Reference, ...]
    made: str
    sources: tuple[Table, ...]
    about_results: str = _ABOUT_RESULTS

    @property
    def contents(self) -> list[tuple[str, str]]:
        """Anchors and titles of the sections that are there."""
        told = {
            ("attention", "What needs attention"): True,
            ("results", "Results by sample"): self.results,
            ("joint", "Methods side by side"): self.joint,
            ("samples", "Samples"): True,
            **{(one.anchor, f"Sample {one.title}"): True for one in self.samples},
            ("fields", "Fields"): self.fields,
            ("methods", "Methods"): self.methods,
            ("references", "References"): self.references,
            ("sources", "Where the numbers come from"): self.sources,
        }
        return [place for place, is_there in told.items() if is_there]


def write_report(
    project: Project,
    path: str | Path | None = None,
    *,
    progress: Callable[[float, str], None] | None = None,
) -> Path:
    """Write what a project holds as one HTML file, whole or not at all.

    Parameters
    ----------
    project : Project
        With results, which are taken as they are; `run_batch` brings them up to date.
    path : path, optional
        Where to, with the suffix ``.html``; by default ``report.html`` in the project's folder.
    progress : callable, optional
        Called with the fraction done, from 0 to 1, and what is drawn next.

    Returns
    -------
    Path
        The file. The same results give the same bytes on the same versions.

    Raises
    ------
    InputError
        If it cannot be written there, or results are damaged.

    Notes
    -----
    The page holds its figures, styles and everything else. Nothing is fetched when it is opened,
    and it runs no script.
    """
    path = choose_file(project, path)
    text = render(compose(gather(project), progress or (lambda share, what: None)))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")
    return path


def choose_file(project: Project, path: str | Path | None = None) -> Path:
    """File to write a report to; see `write_report` for the errors."""
    path = project.folder / REPORT_FILE if path is None else Path(path)
    if path.suffix.lower() not in _SUFFIXES or path.is_dir():
        raise InputError(f"Expected the name of a file that ends in .html, got {path}.")
    check_folder_is_writable(path.parent)
    return path


def compose(contents: Contents, tell: Callable[[float, str], None]) -> Page:
    """Page of all that was gathered, with its figures drawn."""
    joint = join(contents.project, contents.pooled)
    cited, gallery = Bibliography(), Gallery.for_all(contents, tell)
    methods = [*describe_microscopy(contents, cited), *describe_spectroscopy(contents, cited)]
    methods += _tell_software(contents, cited)
    fields, about_fields = tabulate_fields(contents)
    side_by_side = show_joint(contents, joint, gallery)
    numbers = tabulate_numbers(contents, joint) if len(joint) else None
    sources = (numbers, tabulate_inputs(contents), tabulate_versions(contents))
    return Page(
        title=contents.title,
        about=_tell_about(contents),
        failures=_link(contents, contents.failures),
        warnings=_link(contents, contents.warnings),
        results=tuple(tabulate_results(contents, joint)),
        joint=side_by_side,
        samples=describe_samples(contents, gallery),
        fields=fields,
        about_fields=about_fields,
        methods=tuple(methods),
        references=tuple(cited.entries),
        made=tell_machines(contents),
        sources=tuple(one for one in sources if one is not None),
    )


def render(page: Page) -> str:
    """HTML of a page; every text is escaped, and only figures go in as they are."""
    css = files("napari_nanodope.report").joinpath("page.css").read_text(encoding="utf-8")
    return _load_template().render(page=page, css=Markup(css), trust=Markup) + "\n"


@lru_cache(maxsize=1)
def _load_template() -> Template:
    text = files("napari_nanodope.report").joinpath("page.html").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    return environment.from_string(text)


def _link(contents: Contents, remarks: tuple[Remark, ...]) -> tuple[Told, ...]:
    """Remarks with links to the places that they are about, as many as can be read."""

    def link(names: tuple[str, ...]) -> tuple[Entry, ...]:
        return tuple(Entry(name, href=contents.find_anchor(name)) for name in names[:_MOST_PLACES])

    return tuple(
        Told(
            one.text,
            link(one.where),
            link(one.alike),
            sum(max(len(names) - _MOST_PLACES, 0) for names in (one.where, one.alike)),
        )
        for one in remarks
    )


def _tell_about(contents: Contents) -> str:
    counts = [tell_count(len(contents.project.samples), "sample")]
    if contents.fields:
        n = len(contents.measured)
        counts.append(f"{n} of {tell_count(len(contents.fields), 'field')} measured")
    if contents.fits:
        counts.append(tell_count(len(contents.fits), "fit"))
    span = find_span(contents, "time")
    when = (
        "" if span is None else f" Measured from {tell_moment(span[0])} to {tell_moment(span[1])}."
    )
    return f"{tell_list(counts)}.{when}"


def _tell_software(contents: Contents, cited: Bibliography) -> list[str]:
    """Paragraph with the packages that the provenance of the results names."""
    used = {name for one in contents.provenances for name in one.get("packages", {})}
    if not used:
        return []
    names = [name for name in PACKAGES if name in used | {"matplotlib"}]
    cite = [f"{PACKAGES[name].text.partition(':')[0]} {cited.cite(name)}" for name in names]
    versions = {str(one.provenance["version"]) for one in contents.fits if one.provenance}
    fitted = f"Spectra were fitted with spectro {tell_list(sorted(versions))}. " if versions else ""
    return [
        f"{fitted}Numbers and figures were made with {tell_list(cite)}; versions are listed below."
    ]
