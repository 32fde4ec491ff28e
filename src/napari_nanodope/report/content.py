"""Parts that a page is put together from: tables and figures, still to be laid out."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a cell.

    Attributes
    ----------
    text : str
        Number or words.
    interval : str
        Below it; empty for none.
    href : str
        Place in the page that tells where it comes from; empty for none.
    """

    text: str
    interval: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table.

    Attributes
    ----------
    entries : tuple of Entry
        Below each other.
    is_long : bool
        Whether it holds text that may be broken anywhere.
    """

    entries: tuple[Entry, ...] = ()
    is_long: bool = False

    @classmethod
    def of(cls, text: object, href: str = "") -> "Cell":
        """Cell of one text."""
        return cls((Entry(str(text), href=href),))

    @classmethod
    def of_long(cls, text: object) -> "Cell":
        """Cell of a text that may be long."""
        return cls((Entry(str(text)),), is_long=True)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table; the first cell heads it.

    Attributes
    ----------
    cells : tuple of Cell
        As many as the table has columns.
    anchor : str
        By which other places name it; empty for none.
    """

    cells: tuple[Cell, ...]
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes
    ----------
    caption : str
        What is in it.
    head : tuple of str
        Of the columns, with units.
    rows : tuple of Row
        In order.
    is_tall : bool
        Whether it has many rows and room, so that intervals stand beside their values.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    is_tall: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure with its caption.

    Attributes
    ----------
    markup : str
        Element of the page, trusted.
    width_in : float
        In print.
    caption : str
        Below it.
    kind : str
        "svg", or "png" for pictures, which may be made smaller.
    """

    markup: str
    width_in: float
    caption: str
    kind: str = "svg"


@dataclass(frozen=True, slots=True)
class Part:
    """Part of a section: what one technique tells of a sample.

    Attributes
    ----------
    title : str
        Of the part.
    anchor : str
        By which other places name it.
    statements, warnings, notes : tuple of str
        What was found; what is doubtful; what to know about it.
    tables : tuple of Table
        Numbers.
    figures : tuple of Picture
        Pictures.
    """

    title: str
    anchor: str = ""
    statements: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Picture, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """All about one sample.

    Attributes
    ----------
    title, anchor, about : str
        Its ID, by what it is named, and what the project file tells.
    parts : tuple of Part
        By technique.
    """

    title: str
    anchor: str
    about: str
    parts: tuple[Part, ...] = field(default=())
