"""A project file is checked as a whole: every mistake, its line, and what was nearly meant."""

from pathlib import Path

import pytest

import spectro
from spectro.samples import BookError, Measurement, Sample, SampleBook

GOOD = """\
[project]
name = "Incubation"

[defaults]
host = "Cd"
dopant = "Mn"

[[sample]]
id = "24h"
icp_ms_mM = 19
metadata = { batch = 3, who = "A. B." }

[[sample]]
id = "48h"
dopant = "Co"

[sample.recipe.count]
threshold = 1.5

[[measurement]]
sample = "24h"
technique = "epr"
files = ["epr/24h.DSC", "epr/24h_*.DSC"]
"""

TEN_MISTAKES = """\
[project]
name = "Ten mistakes"

[[sample]]
id = "24h"
icp_ms = 19.0
feed = -0.1

[[sample]]
id = "24h"
incubation_h = "two days"

[[sample]]
host = "cadmium"

[[measurement]]
sample = "24hr"
technique = "eprr"
files = "epr/24h.DSC"

[[measurement]]
sample = "24h"
technique = "epr"
files = "epr/24h.DTC"

[[mesurement]]
sample = "24h"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "epr").mkdir()
    for name in ("24h.DSC", "24h_2.DSC", "24h_1.DSC", ".24h_hidden.DSC"):
        (tmp_path / "epr" / name).touch()
    return tmp_path


def write(folder: Path, text: str) -> Path:
    path = folder / "project.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_is_read(folder: Path) -> None:
    book = spectro.SampleBook.load(write(folder, GOOD))
    assert book.name == "Incubation"
    assert [(one.id, one.host, one.dopant) for one in book.samples] == [
        ("24h", "Cd", "Mn"),
        ("48h", "Cd", "Co"),
    ]
    assert book.sample("24h").icp_ms_mM == 19.0
    assert book.sample("24h").metadata == {"batch": 3, "who": "A. B."}
    assert book.sample("48h").recipe == {"count": {"threshold": 1.5}}
    (measurement,) = book.measurements_of("24h", "epr")
    assert book.measurements_of("24h", "nmr") == ()
    names = [path.name for path in measurement.find_files(folder)]
    assert names == ["24h.DSC", "24h_1.DSC", "24h_2.DSC"]  # each once, none hidden


def test_ten_mistakes_are_ten_lines(folder: Path) -> None:
    with pytest.raises(BookError) as caught:
        SampleBook.load(write(folder, TEN_MISTAKES))
    lines = str(caught.value).splitlines()
    assert "got 10 in" in lines[0]
    assert [line.strip() for line in lines[1:]] == [
        "line 6: sample '24h': icp_ms is no key (did you mean icp_ms_mM?).",
        "line 7: sample '24h': feed: expected at least 0, got -0.1.",
        "line 10: sample '24h': the ID is that of line 5; choose another.",
        "line 11: sample '24h': incubation_h: expected a number, got 'two days'.",
        "line 13: sample: id is missing.",
        "line 14: sample: host: expected an element symbol such as 'Cd', got 'cadmium'.",
        "line 17: measurement: no sample is called '24hr' (did you mean 24h?).",
        "line 18: measurement 'eprr' '24hr': technique 'eprr' is not known (did you mean epr?).",
        "line 24: measurement: no file matches 'epr/24h.DTC' (did you mean 24h.DSC in epr?).",
        "line 26: [mesurement] is no table (did you mean measurement?).",
    ]


def test_mistakes_of_the_language_do_not_hide_others() -> None:
    text = '[[sample]]\nid = "24h"\nfeed = 0.1.2\nhots = "Cd"\nid = "25h"\n[[sample]]\nfeed = 1\n'
    book, problems = SampleBook.from_toml(text)
    assert [(one.line, one.message.split(":")[0]) for one in problems] == [
        (3, "not TOML"),
        (4, "sample '24h'"),
        (5, "not TOML"),
        (6, "sample"),
    ]
    assert "hots is no key (did you mean host?)" in problems[1].message
    assert book.samples == ()


def test_a_line_that_cannot_be_read_is_not_told_as_missing() -> None:
    _, problems = SampleBook.from_toml('[[sample]]\nid = "24h\nfeed = 0.1\n')
    assert [one.line for one in problems] == [2]


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("", 1, "empty file"),
        ("[[sample]\nid = 1\n", 1, "not TOML"),
        ("[sample]\nid = 'a'\n", 1, "double brackets"),
        ("project = 3\n[[sample]]\nid = 'a'\n", 1, "a table \\[project\\]"),
        ("[[sample]]\nid = 24\n", 2, "text in quotes, got 24"),
        ("[[sample]]\nid = 'a/b'\n", 2, "names folders"),
        ("[[sample]]\nid = '..'\n", 2, "names folders"),
        ("[[sample]]\nid = 'a'\nfeed = nan\n", 3, "a finite number"),
        ("[[sample]]\nid = 'a'\n[sample.recipe]\ncount = 3\n", 4, "recipe.count: expected a table"),
        ("[defaults]\nid = 'a'\n[[sample]]\nid = 'a'\n", 2, "id is no key"),
        ("[[sample]]\nid = 'a'\n[[sample]]\nid = 'A'\n", 4, "that of line 2"),
        (
            "[[sample]]\nid = 'a'\n[[measurement]]\nsample='a'\ntechnique='nmr'\nfiles=[\n'/x']\n",
            6,
            "below the folder of the project",
        ),
    ],
)
def test_single_mistakes(text: str, line: int, told: str) -> None:
    _, problems = SampleBook.from_toml(text)
    assert [one.line for one in problems] == [line]
    with pytest.raises(BookError, match=told):
        raise BookError(Path("project.toml"), problems)


def test_lines_are_those_of_keys_after_texts_and_lists_of_several_lines() -> None:
    text = (
        '[[sample]]\nid = "a"\nmetadata.note = """\n[[sample]]\nfeed = "no"\n"""\n'
        'metadata.list = [ # feed = "no"\n  [1, 2],\n  ["]", 3],\n]\nfeed = "wrong"\n'
    )
    _, problems = SampleBook.from_toml(text)
    assert [one.line for one in problems] == [11]


def test_missing_files_leave_the_rest_of_the_book(folder: Path) -> None:
    text = GOOD.replace("epr/24h.DSC", "epr/25h.DSC")
    book, problems = SampleBook.read(write(folder, text))
    assert len(book.measurements) == 1
    assert [(one.line, one.is_missing_file) for one in problems] == [(23, True)]


def test_the_nearest_sample_is_named(folder: Path) -> None:
    book = SampleBook.load(write(folder, GOOD))
    with pytest.raises(spectro.InputError, match=r"'24hr' \(did you mean 24h\?\)"):
        book.sample("24hr")


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(spectro.InputError, match="No such file or directory; make one with"):
        SampleBook.load(tmp_path / "project.toml")
    (tmp_path / "project.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(spectro.InputError, match="not UTF-8"):
        SampleBook.load(tmp_path / "project.toml")


def test_samples_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Sample(id="a").feed = 1.0  # type: ignore[misc]


@pytest.mark.parametrize("pattern", ["x**.emd", "***/x.emd", ".", "./"])
def test_patterns_that_no_shell_takes_are_told(pattern: str) -> None:
    text = '[[sample]]\nid = "a"\n[[measurement]]\nsample = "a"\ntechnique = "eds"\nfiles = '
    _, problems = SampleBook.from_toml(f'{text}"{pattern}"\n')
    assert [one.line for one in problems] == [6]
    assert "files: expected" in problems[0].message


def test_the_folder_and_its_results_are_no_data(tmp_path: Path) -> None:
    (tmp_path / "results" / "fields").mkdir(parents=True)
    (tmp_path / "eds").mkdir()
    for name in ("results/fields/labels.tif", "eds/map.tif"):
        (tmp_path / name).touch()

    def find(pattern: str) -> list[str]:
        one = Measurement(sample="a", technique="eds", files=(pattern,))
        return [path.relative_to(tmp_path).as_posix() for path in one.find_files(tmp_path)]

    assert find("**/*.tif") == ["eds/map.tif"]
    assert find("**")[0] == "eds"
    assert find("results/**/*.tif") == ["results/fields/labels.tif"]
