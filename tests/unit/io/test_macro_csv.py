"""The table of the published macro, as Fiji and spreadsheets leave it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_nanodope.io import UnreadableFileError
from napari_nanodope.io.macro import COLUMNS, read_macro_csv, write_macro_csv

HEADER = ",".join(COLUMNS)
NAMES = list(COLUMNS.values())


def read(path, text: str, encoding: str = "utf-8") -> pd.DataFrame:
    (path / "paritcal.csv").write_bytes(text.encode(encoding))
    return read_macro_csv(path / "paritcal.csv", pixel_size_nm=0.7)


def test_a_table_by_hand(tmp_path):
    table = read(tmp_path, f"{HEADER}\n3,0,8,41.5,1,2\n3,1,1,7,0,0\n3,2,0,0,0,0\n5,0,4,9,2,3.5\n")
    assert table[NAMES].to_numpy().tolist() == [
        [3, 0, 8, 41.5, 1, 2],
        [3, 1, 1, 7, 0, 0],
        [5, 0, 4, 9, 2, 3.5],
    ]
    np.testing.assert_allclose(table["depth_nm"], [0.35, 1.05, 0.35])
    whole = ["label", "depth_px", "n_pixels", "dopant_pixels"]
    assert (table[whole].dtypes == np.int64).all()
    assert (table[["host_counts", "dopant_counts"]].dtypes == np.float64).all()


def test_every_particle_is_written_at_every_depth(tmp_path):
    radial = pd.DataFrame([[2, 0, 8, 4.5, 1, 1.0], [2, 1, 1, 3.0, 0, 0.0], [7, 0, 4, 2, 1, 2]])
    write_macro_csv(radial.set_axis(NAMES, axis=1), tmp_path / "paritcal.csv")
    assert (tmp_path / "paritcal.csv").read_text() == (
        f"{HEADER}\n2,0,8,4.5,1,1.0\n2,1,1,3.0,0,0.0\n7,0,4,2.0,1,2.0\n7,1,0,0.0,0,0.0\n"
    )
    assert [file.name for file in tmp_path.iterdir()] == ["paritcal.csv"]


@st.composite
def radial_tables(draw):
    rows = []
    for label in sorted(draw(st.sets(st.integers(1, 10_000), max_size=5))):
        for depth in sorted(draw(st.sets(st.integers(0, 12), min_size=1, max_size=5))):
            n = draw(st.integers(1, 1000))
            counts = draw(st.floats(-1e6, 1e6)), draw(st.floats(0, 1e6))
            rows.append((label, depth, n, counts[0], draw(st.integers(0, n)), counts[1]))
    return pd.DataFrame(rows, columns=NAMES).astype({"host_counts": float, "dopant_counts": float})


@settings(max_examples=40)
@given(radial_tables())
def test_what_was_written_is_read(tmp_path_factory, radial):
    path = tmp_path_factory.mktemp("csv") / "paritcal.csv"
    write_macro_csv(radial, path)
    again = read_macro_csv(path, pixel_size_nm=1.0)
    pd.testing.assert_frame_equal(again[NAMES], radial, check_dtype=len(radial) > 0)


def test_the_row_numbers_of_fiji_are_ignored(tmp_path):
    table = read(tmp_path, f" ,{HEADER}\n1,9,0,8,41.5,1,2\n2,9,1,1,7,0,0\n")
    assert table["label"].tolist() == [9, 9]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_spaces_line_ends_and_marks_of_editors_do_not_matter(mark, end, tmp_path):
    header = HEADER.replace(",", " , ")
    table = read(tmp_path, f"{mark}{header}{end}1, 0, 8, 41.5, 1, 2{end}{end}")
    assert table[NAMES].to_numpy().tolist() == [[1, 0, 8, 41.5, 1, 2]]


def test_a_table_without_particles_is_empty(tmp_path):
    assert len(read(tmp_path, f"{HEADER}\n")) == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        "a,b\n1,2\n",
        f"{HEADER[:-1]}\n1,0,8,41.5,1,2\n",
        f"{HEADER.replace(',', ';')}\n1;0;8;41,5;1;2\n",
        f"{HEADER}\none,0,8,41.5,1,2\n",
        f"{HEADER}\n1,0,8\n",
        f"{HEADER}\n1,0,,41.5,1,2\n",
        f"{HEADER}\n1,0,8,inf,1,2\n",
        f"{HEADER}\n1,0,8,NaN,1,2\n",
        f"{HEADER}\n1,0,8,41.5,1,2\n1,2\n",
    ],
)
def test_what_is_no_table_of_the_macro_is_unreadable(text, tmp_path):
    with pytest.raises(UnreadableFileError, match=r"the macro's table .* at .*paritcal\.csv"):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "row",
    ["1.5,0,8,41.5,1,2", "1,0.5,8,41.5,1,2", "1,0,8,41.5,1.5,2", "1e30,0,8,41.5,1,2"],
)
def test_fractions_where_whole_numbers_belong_are_not_rounded_away(row, tmp_path):
    with pytest.raises(UnreadableFileError):
        read(tmp_path, f"{HEADER}\n{row}\n")


def test_other_bytes_are_unreadable(tmp_path):
    with pytest.raises(UnreadableFileError):
        read(tmp_path, f"{HEADER}\n1,0,8é,41.5,1,2\n", "latin-1")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 8)
    for path in (tmp_path / "binary.csv", tmp_path / "no.csv", tmp_path):
        with pytest.raises(UnreadableFileError, match="the macro's table"):
            read_macro_csv(path, pixel_size_nm=0.7)
