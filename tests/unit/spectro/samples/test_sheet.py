"""Sheets of samples come in as they were kept, and what is doubtful in them is told by row."""

from pathlib import Path

import pytest

import spectro
from spectro.samples import BookError, SampleBook, read_sheet
from spectro.samples.sheet import to_toml

HEAD = "ID,Host,Dopant,ICP-MS (mM),Incubation (h),EPR,Ligand\n"


def test_a_csv_sheet_becomes_a_book(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv"
    path.write_text(HEAD + "24h,Cd,Mn,19.5,24,a.DSC; b.DSC,oleate\n,,,,,,\n48h,Cd,,,48,,\n")
    book = read_sheet(path)
    first, second = book.samples
    assert (first.id, first.dopant, first.icp_ms_mM, first.incubation_h) == ("24h", "Mn", 19.5, 24)
    assert first.metadata == {"Ligand": "oleate"}
    assert (second.dopant, second.icp_ms_mM, second.metadata) == (None, None, {})
    assert [(one.sample, one.technique, one.files) for one in book.measurements] == [
        ("24h", "epr", ("a.DSC", "b.DSC"))
    ]
    again, problems = SampleBook.from_toml(to_toml(book))
    assert problems == ()
    assert (again.samples, again.measurements) == (book.samples, book.measurements)


def test_books_are_written_as_they_are_read() -> None:
    text = (
        '[project]\nname = "A"\n\n[[sample]]\nid = "24h"\nfeed = 0.01\n'
        'recipe.count.threshold = 1.5\nmetadata."by whom?" = "A. B."\n\n[[sample]]\nid = "48h"\n'
    )
    book, problems = SampleBook.from_toml(text)
    assert problems == ()
    assert to_toml(book) == text


def test_semicolons_come_with_decimal_commas(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv"
    path.write_text("id;feed;note\n24h;0,01;a, b\n", encoding="utf-8-sig")
    (sample,) = read_sheet(path).samples
    assert (sample.feed, sample.metadata) == (0.01, {"note": "a, b"})


def test_an_excel_sheet_is_the_same(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row in (
        ["ID", "ICP-MS / mM", "batch"],
        [24, 19.5, 3],
        [None, None, None],
        ["48h", None, 4],
    ):
        book.active.append(row)
    book.save(tmp_path / "samples.xlsx")
    first, second = read_sheet(tmp_path / "samples.xlsx").samples
    assert (first.id, first.icp_ms_mM, first.metadata) == ("24", 19.5, {"batch": 3})
    assert (second.id, second.icp_ms_mM) == ("48h", None)


def test_every_mistake_of_a_sheet_is_told(tmp_path: Path) -> None:
    path = tmp_path / "samples.csv"
    path.write_text(
        "id,icp_ms,feed,dopant\na,1,x,Mn\na,1,-1,Mn\nb,1,,manganese\nA/,,,\na,,,\nA,,,\n"
    )
    with pytest.raises(BookError) as caught:
        read_sheet(path)
    assert [str(one) for one in caught.value.problems] == [
        "line 1: column 'icp_ms' is not known (did you mean icp_ms_mM?).",
        "line 2: feed: expected a number, got 'x'.",
        "line 3: feed: input should be greater than or equal to 0, got -1.0.",
        "line 4: dopant: expected an element symbol such as 'Cd', got 'manganese'.",
        "line 5: id: expected letters, digits, spaces and . _ + - only, as it names folders, got "
        "'A/'.",
        "line 7: the ID 'A' is that of line 6.",
    ]


@pytest.mark.parametrize("content", [b"", b"id\n", b"\xff\xfe", b"name\nx\n"])
def test_sheets_without_samples_say_so(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "samples.csv"
    path.write_bytes(content)
    with pytest.raises(spectro.InputError, match="Expected"):
        read_sheet(path)


def test_a_damaged_workbook_says_so(tmp_path: Path) -> None:
    (tmp_path / "samples.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    with pytest.raises(spectro.InputError, match="Expected an Excel sheet"):
        read_sheet(tmp_path / "samples.xlsx")
