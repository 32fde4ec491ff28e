"""Element maps as TIFF files, as microscopes and ImageJ leave them."""

import numpy as np
import pytest
import tifffile

from napari_nanodope.io import UnreadableFileError, read_field, read_labels
from napari_nanodope.io.names import element_in_name
from napari_nanodope.io.tiff import read_pages, write_tiff
from napari_nanodope.model import _SYMBOLS, FieldOfView, InputError

RNG = np.random.default_rng(0)
HAADF, CD, MN = (RNG.normal(9, 3, (12, 17)).astype(np.float32) for _ in range(3))
SIZE = {"resolution": (1e7 / 0.7, 1e7 / 0.5), "resolutionunit": "CENTIMETER"}  # dx, dy


def write_maps(folder, names, **options):
    for name, image in names.items():
        tifffile.imwrite(folder / name, image, **(SIZE | options))
    return folder


@pytest.fixture
def folder(tmp_path):
    names = {"scan3_Cd-net.tif": CD, "scan3 Mn K.tif": MN, "scan3_HAADF.tif": HAADF}
    return write_maps(tmp_path, names)


def test_a_folder_of_single_maps_is_a_field(folder):
    field = read_field(folder)
    np.testing.assert_array_equal(field.survey, HAADF)
    np.testing.assert_array_equal(field.map_of("Cd"), CD)
    np.testing.assert_array_equal(field.map_of("Mn"), MN)
    assert field.pixel_size_nm == (0.5, 0.7)
    assert field.survey_kind == "image"
    assert field.field_id == folder.name
    assert field.source.path == str(folder)


def test_a_list_of_files_is_the_same_field(folder):
    names = ["scan3 Mn K.tif", "scan3_HAADF.tif", "scan3_Cd-net.tif"]
    field = read_field([folder / name for name in names])
    assert field.elements == ("Mn", "Cd")
    np.testing.assert_array_equal(field.map_of("Cd"), CD)


def test_files_that_are_no_tiff_are_left_alone(folder):
    (folder / "notes.txt").write_text("Cd Mn")
    (folder / "Fe.png").write_bytes(b"png")
    assert set(read_field(folder).elements) == {"Cd", "Mn"}


def test_without_a_survey_the_counts_are_the_survey(folder):
    (folder / "scan3_HAADF.tif").unlink()
    field = read_field(folder)
    np.testing.assert_allclose(field.survey, CD + MN, rtol=1e-6)
    assert field.survey_kind == "counts"


def test_a_survey_given_apart_wins(folder):
    tifffile.imwrite(folder.parent / "other.tif", HAADF + 1)
    field = read_field(folder, survey=folder.parent / "other.tif")
    np.testing.assert_array_equal(field.survey, HAADF + 1)


@pytest.mark.parametrize(
    ("name", "element"),
    [
        ("scan3_Cd-net", "Cd"),
        ("Mn K", "Mn"),
        ("Mn Ka", "Mn"),
        ("MnKa", "Mn"),
        ("CdL", "Cd"),
        ("CdLa", "Cd"),
        ("Pb M", "Pb"),
        ("K K", "K"),
        ("K", "K"),
        ("S", "S"),
        ("Fe_Fe K", "Fe"),
        ("Spectrum image 12", None),
        ("net-counts", None),
        ("cd", None),
        ("", None),
        ("1234", None),
    ],
)
def test_the_element_in_a_name(name, element):
    assert element_in_name(name) == element


@pytest.mark.parametrize("name", ["Cd Mn", "Mn_in_CdS_Cd_S", "CdLa MnKa", "Fe K Pt L"])
def test_a_name_with_two_elements_is_ambiguous(name):
    with pytest.raises(InputError, match="one element in the name"):
        element_in_name(name)


@pytest.mark.parametrize("family", ["K", "L", "M", "Ka", "La", "Ma"])
@pytest.mark.parametrize("gap", [" ", "_", ""])
def test_the_line_behind_an_element_is_not_another_element(family, gap):
    assert element_in_name(f"Cd{gap}{family}") == "Cd"


@pytest.mark.parametrize("symbol", sorted(_SYMBOLS))
def test_a_map_of_any_element_is_read_as_that_element(symbol, tmp_path):
    other = "Cd" if symbol != "Cd" else "Mn"
    write_maps(tmp_path, {f"{symbol}.tif": CD, f"{other}.tif": MN, "HAADF.tif": HAADF})
    field = read_field(tmp_path)
    np.testing.assert_array_equal(field.map_of(symbol), CD)
    np.testing.assert_array_equal(field.survey, HAADF)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["Cd.tif", "b_Cd.tif"], "one Cd image, got a second one"),
        (["ADF.tif", "BF.tif", "Cd.tif"], "one survey image, got a second one"),
        (["a_HAADF.tif", "b_HAADF.tif", "Cd.tif"], "one survey image, got a second one"),
        (["Cd.tif", "map.tif"], "element or HAADF in the name 'map' .* got neither"),
        (["CdMn Cd Mn.tif"], "element or HAADF in the name 'CdMn Cd Mn' .* got Cd and Mn"),
    ],
)
def test_names_that_do_not_tell_one_element_are_refused(names, message, tmp_path):
    write_maps(tmp_path, dict.fromkeys(names, CD))
    with pytest.raises(InputError, match=message):
        read_field([tmp_path / name for name in names])


def test_haadf_is_the_survey_among_several(tmp_path):
    write_maps(tmp_path, {"BF.tif": CD, "HAADF.tif": HAADF, "Cd.tif": CD})
    np.testing.assert_array_equal(read_field(tmp_path).survey, HAADF)


def test_what_says_nothing_in_a_folder_is_passed_over_and_told(tmp_path):
    write_maps(tmp_path, {"Cd.tif": CD, "screenshot.tif": HAADF})
    field = read_field(tmp_path)
    assert field.elements == ("Cd",)
    assert any("screenshot.tif is passed over" in warning for warning in field.warnings)


def test_a_survey_alone_is_a_field_without_maps(tmp_path):
    write_maps(tmp_path, {"HAADF.tif": HAADF})
    field = read_field(tmp_path / "HAADF.tif")
    np.testing.assert_array_equal(field.survey, HAADF)
    assert field.elements == ()
    with pytest.raises(InputError, match="maps of Cd"):
        read_field(tmp_path / "HAADF.tif", ["Cd"])


def test_a_map_is_never_taken_for_the_survey(tmp_path):
    write_maps(tmp_path, {"EDS-STEM_Cd.tif": CD, "Mn.tif": MN})
    try:
        field = read_field(tmp_path)
    except InputError as error:
        assert "EDS-STEM_Cd" in str(error)
    else:
        np.testing.assert_array_equal(field.map_of("Cd"), CD)


def test_maps_on_other_pixels_are_refused(tmp_path):
    write_maps(tmp_path, {"Cd.tif": CD, "Mn.tif": MN[:5], "HAADF.tif": HAADF})
    with pytest.raises(InputError, match="Mn map on the survey's 12 x 17 pixels, got 5 x 17"):
        read_field(tmp_path)


def test_maps_on_other_pixels_are_refused_without_a_survey_too(tmp_path):
    write_maps(tmp_path, {"Cd.tif": CD, "Mn.tif": MN[:5]})
    with pytest.raises(InputError, match="12 x 17"):
        read_field(tmp_path)


def test_a_map_in_colours_is_refused(tmp_path):
    colours = np.zeros((12, 17, 3), np.uint8)
    tifffile.imwrite(tmp_path / "Cd.tif", colours, photometric="rgb")
    with pytest.raises(UnreadableFileError, match=r"grey values in .*Cd\.tif, got colours"):
        read_field(tmp_path / "Cd.tif")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_map_with_nan_is_refused(bad, tmp_path):
    image = CD.copy()
    image[3, 4] = bad
    write_maps(tmp_path, {"Cd.tif": image})
    with pytest.raises(InputError, match="1 NaN or infinite"):
        read_field(tmp_path)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float64"])
def test_maps_of_every_dtype_are_counts(dtype, tmp_path):
    counts = np.arange(12 * 17).reshape(12, 17).astype(dtype)
    write_maps(tmp_path, {"Cd.tif": counts})
    np.testing.assert_array_equal(read_field(tmp_path).map_of("Cd"), counts)


@pytest.mark.parametrize(
    "options", [{"compression": "zlib"}, {"bigtiff": True}, {"tile": (16,) * 2}]
)
def test_maps_of_every_layout_are_read(options, tmp_path):
    write_maps(tmp_path, {"Cd.tif": CD}, **options)
    np.testing.assert_array_equal(read_field(tmp_path).map_of("Cd"), CD)


@pytest.mark.parametrize(
    ("unit", "per_unit", "size_nm"),
    [
        ("nm", 2.0, 0.5),
        ("um", 2000.0, 0.5),
        ("micron", 1250.0, 0.8),
        ("\\u00B5m", 1250.0, 0.8),
        ("A", 0.2, 0.5),
        ("pm", 0.002, 0.5),
        ("mm", 2e6, 0.5),
    ],
)
def test_the_unit_of_imagej_is_read(unit, per_unit, size_nm, tmp_path):
    tifffile.imwrite(
        tmp_path / "Cd.tif",
        CD,
        imagej=True,
        resolution=(per_unit, per_unit / 2),
        metadata={"unit": unit},
    )
    expected = (2 * size_nm, size_nm)
    assert read_field(tmp_path / "Cd.tif").pixel_size_nm == pytest.approx(expected, rel=1e-5)


def test_a_micrometre_outside_ascii_is_read(tmp_path):
    header = "ImageJ=1.53t\nunit=µm\n".encode("latin-1")  # as some exporters write it
    path = tmp_path / "Cd.tif"
    tifffile.imwrite(path, CD, description=header, resolution=(2000.0, 2000.0), metadata=None)
    assert read_field(path).pixel_size_nm == pytest.approx((0.5, 0.5), rel=1e-5)


@pytest.mark.parametrize(("unit", "per_unit"), [("CENTIMETER", 1e7 / 0.7), ("INCH", 2.54e7 / 0.7)])
def test_resolution_tags_are_read(unit, per_unit, tmp_path):
    resolution = {"resolution": (per_unit, per_unit), "resolutionunit": unit}
    write_maps(tmp_path, {"Cd.tif": CD}, **resolution)
    assert read_field(tmp_path).pixel_size_nm == pytest.approx((0.7, 0.7), rel=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"resolution": (72, 72), "resolutionunit": "INCH"},  # for a printer
        {"resolution": (300, 300), "resolutionunit": "INCH"},
        {"resolution": (2.0, 2.0), "resolutionunit": "NONE"},
        {"imagej": True, "resolution": (2.0, 2.0), "metadata": {"unit": "pixel"}},
    ],
    ids=["none", "72 dpi", "300 dpi", "no unit", "pixels"],
)
def test_a_missing_calibration_is_asked_for(options, tmp_path):
    tifffile.imwrite(tmp_path / "Cd.tif", CD, **options)
    with pytest.raises(InputError, match=r"calibration in nm in .*; give pixel_size_nm=0\.7"):
        read_field(tmp_path / "Cd.tif")
    assert read_field(tmp_path / "Cd.tif", pixel_size_nm=0.7).pixel_size_nm == (0.7, 0.7)


def test_one_calibrated_file_is_enough(tmp_path):
    write_maps(tmp_path, {"Mn.tif": MN})
    tifffile.imwrite(tmp_path / "Cd.tif", CD)
    assert read_field(tmp_path).pixel_size_nm == (0.5, 0.7)


def test_calibrations_that_differ_are_refused_unless_one_is_given(tmp_path):
    write_maps(tmp_path, {"Cd.tif": CD})
    write_maps(tmp_path, {"Mn.tif": MN}, resolution=(1e7 / 0.8, 1e7 / 0.5))
    with pytest.raises(InputError, match=r"one calibration, got \(0\.5, 0\.7\), \(0\.5, 0\.8\) nm"):
        read_field(tmp_path)
    assert read_field(tmp_path, pixel_size_nm=0.7).pixel_size_nm == (0.7, 0.7)


@pytest.mark.parametrize(
    "shape", [(12, 17), (3, 9), (9, 3), (4, 4), (1, 9)], ids="{0[0]} x {0[1]}".format
)
@pytest.mark.parametrize("elements", [["Cd"], ["Cd", "Mn"], ["Cd", "Mn", "S", "Te"]], ids="-".join)
def test_what_was_written_is_read(shape, elements, tmp_path):
    survey, *maps = RNG.normal(0, 5, (1 + len(elements), *shape))
    field = FieldOfView(survey, dict(zip(elements, maps, strict=True)), (0.5, 0.7))
    write_tiff(field, tmp_path / "field.tif")
    again = read_field(tmp_path / "field.tif")
    np.testing.assert_array_equal(again.survey, field.survey)
    assert again.elements == field.elements
    for element in elements:
        np.testing.assert_array_equal(again.map_of(element), field.map_of(element))
    assert again.pixel_size_nm == pytest.approx((0.5, 0.7), rel=1e-6)
    assert [file.name for file in tmp_path.iterdir()] == ["field.tif"]


def test_every_element_is_written_and_read(tmp_path):
    for symbol in sorted(_SYMBOLS - {"Cd"}):
        write_tiff(FieldOfView(HAADF, {"Cd": CD, symbol: MN}, 0.7), tmp_path / "field.tif")
        np.testing.assert_array_equal(read_field(tmp_path / "field.tif").map_of(symbol), MN)


def test_what_was_written_opens_in_imagej(tmp_path):
    write_tiff(FieldOfView(HAADF, {"Cd": CD}, 0.7), tmp_path / "field.tif")
    with tifffile.TiffFile(tmp_path / "field.tif") as tiff:
        assert tiff.is_imagej
        assert tiff.series[0].axes == "CYX"
        assert tiff.imagej_metadata["unit"] == "nm"
        assert tiff.imagej_metadata["Labels"] == ["survey", "Cd"]


def test_pages_are_named_by_their_descriptions(tmp_path):
    with tifffile.TiffWriter(tmp_path / "pages.tif") as tiff:
        for name, image in (("HAADF", HAADF), ("Cd L", CD), ("Mn K", MN)):
            tiff.write(image, description=name, metadata=None, **SIZE)
    pages = read_pages(tmp_path / "pages.tif")
    assert [name for name in pages.names if name] in (["HAADF", "Cd L", "Mn K"], ["HAADF"])
    assert pages.sizes_nm == [(0.5, 0.7)] * 3


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"imagej": True}], ids=str)
@pytest.mark.parametrize("share", [0.0, 0.005, 0.05, 0.3, 0.6, 0.99])
def test_a_map_cut_short_is_unreadable(options, share, tmp_path):
    path = tmp_path / "Cd.tif"
    tifffile.imwrite(path, CD, **options)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(UnreadableFileError, match=r"TIFF image at .*Cd\.tif"):
        read_field(path, pixel_size_nm=0.7)


@pytest.mark.parametrize("share", [0.4, 0.7, 0.9])
def test_a_stack_cut_short_is_not_taken_for_one_of_its_maps(share, tmp_path):
    path = tmp_path / "Cd.tif"
    images = np.ones((3, 40, 50))
    write_tiff(FieldOfView(images[0], {"Cd": images[1], "Mn": images[2]}, 0.7), path)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(UnreadableFileError):
        read_field(path)


@pytest.mark.parametrize("content", [b"", b"II", b"not an image at all", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_tiff_is_unreadable(content, tmp_path):
    (tmp_path / "Cd.tif").write_bytes(content)
    with pytest.raises(UnreadableFileError, match=r"TIFF image at .*Cd\.tif"):
        read_field(tmp_path)


def test_more_than_one_stack_axis_is_refused(tmp_path):
    stack = np.zeros((2, 3, 12, 17), np.float32)
    tifffile.imwrite(tmp_path / "Cd.tif", stack, imagej=True, metadata={"axes": "TCYX"})
    with pytest.raises(InputError):
        read_field(tmp_path / "Cd.tif", pixel_size_nm=0.7)


OME = {
    "axes": "CYX",
    "Channel": {"Name": ["HAADF", "Cd K", "Mn"]},
    "PhysicalSizeX": 0.5,
    "PhysicalSizeXUnit": "nm",
    "PhysicalSizeY": 0.7,
    "PhysicalSizeYUnit": "nm",
}


def test_channels_and_calibration_of_ome_are_read(tmp_path):
    path = tmp_path / "scan.ome.tif"
    tifffile.imwrite(path, np.stack([HAADF, CD, MN]), metadata=OME)
    field = read_field(path)
    assert field.elements == ("Cd", "Mn")
    assert field.pixel_size_nm == (0.7, 0.5)
    np.testing.assert_array_equal(field.survey, HAADF)
    np.testing.assert_array_equal(field.map_of("Mn"), MN)


def test_ome_sizes_are_micrometres_unless_told(tmp_path):
    path = tmp_path / "Cd.ome.tif"
    told = {"axes": "YX", "PhysicalSizeX": 0.002, "PhysicalSizeY": 0.001}
    tifffile.imwrite(path, CD, metadata=told)
    assert read_field(path).pixel_size_nm == pytest.approx((1.0, 2.0))


def test_entities_in_xml_are_never_expanded(tmp_path):
    laughs = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
    xml = (
        f'<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a0 "ha">{laughs}]>'
        f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">&a11;</OME>'
    )
    path = tmp_path / "Cd.ome.tif"
    tifffile.imwrite(path, CD, description=xml, metadata=None)
    with pytest.raises(UnreadableFileError, match="document type"):
        read_field(path, pixel_size_nm=1)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2)])
@pytest.mark.parametrize("kind", ["type", "shape"])
def test_pages_of_several_kinds_are_all_read(order, kind, tmp_path):
    survey = HAADF.astype(np.float64) if kind == "type" else np.kron(HAADF, np.ones((2, 2)))
    images = [("HAADF", survey), ("Cd", CD), ("Mn", MN)]
    factor = len(survey) / len(CD)
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        for name, image in (images[i] for i in order):
            scale = factor if name == "HAADF" else 1
            size = SIZE | {"resolution": tuple(scale * n for n in SIZE["resolution"])}
            tiff.write(image, description=name, metadata=None, **size)
    field = read_field(tmp_path / "a.tif")
    np.testing.assert_allclose(field.survey, HAADF, rtol=1e-6)
    np.testing.assert_array_equal(field.map_of("Cd"), CD)
    np.testing.assert_array_equal(field.map_of("Mn"), MN)


def test_smaller_copies_are_no_further_images(tmp_path):
    with tifffile.TiffWriter(tmp_path / "Cd.tif") as tiff:
        tiff.write(CD, subifds=1, **SIZE)
        tiff.write(CD[::2, ::2], subfiletype=1)
        tiff.write(CD[::4, ::4], subfiletype=1)
    np.testing.assert_array_equal(read_field(tmp_path / "Cd.tif").map_of("Cd"), CD)


@pytest.mark.parametrize("told", ["Channel", "Image"])
def test_ome_with_an_image_per_channel_is_read(told, tmp_path):
    size = {name: OME[name] for name in OME if name.startswith("Physical")}
    with tifffile.TiffWriter(tmp_path / "scan.ome.tif", ome=True) as tiff:
        for name, image in zip(("HAADF", "Cd K", "Mn"), (HAADF, CD, MN), strict=True):
            named = {"Name": name} if told == "Image" else {"Channel": {"Name": name}}
            tiff.write(image, metadata={"axes": "YX"} | size | named)
    field = read_field(tmp_path / "scan.ome.tif")
    assert field.pixel_size_nm == (0.7, 0.5)
    np.testing.assert_array_equal(field.survey, HAADF)
    np.testing.assert_array_equal(field.map_of("Cd"), CD)
    np.testing.assert_array_equal(field.map_of("Mn"), MN)


RAMP = np.tile(257 * np.arange(256, dtype=np.uint16), (3, 1))


@pytest.mark.parametrize(("table", "is_grey"), [(RAMP, True), (RAMP[:, ::-1], False)])
def test_numbers_before_a_colour_table_are_no_counts(table, is_grey, tmp_path):
    path, indices = tmp_path / "Cd.tif", np.abs(CD).astype(np.uint8)
    tifffile.imwrite(path, indices, photometric="palette", colormap=table, **SIZE)
    np.testing.assert_array_equal(read_labels(path), indices)
    if is_grey:
        np.testing.assert_array_equal(read_field(path).map_of("Cd"), indices)
    else:
        with pytest.raises(UnreadableFileError, match="got a colour table"):
            read_field(path)


OTHER = {"resolution": (1e7 / 1.4, 1e7 / 1.0)}  # twice as coarse as SIZE
REFUSAL = r"area \(12 x 17 pixels, 6 x 11\.9 nm\), got '\w*HAADF' \(12 x 17 pixels, 12 x 23\.8 nm"


@pytest.mark.parametrize("how", ["apart", "listed"])
def test_a_survey_named_for_another_area_of_as_many_pixels_is_refused(how, folder):
    write_maps(folder, {"scan3_HAADF.tif": HAADF}, **OTHER)
    paths = sorted(folder.iterdir())
    maps, survey = [p for p in paths if "HAADF" not in p.name], folder / "scan3_HAADF.tif"
    with pytest.raises(InputError, match=REFUSAL):
        read_field(maps, survey=survey) if how == "apart" else read_field(paths)


@pytest.mark.parametrize("shape", [(12, 17), (6, 9)])
def test_a_survey_of_another_area_in_the_folder_is_left_out(shape, folder):
    survey = HAADF[: shape[0], : shape[1]]
    write_maps(folder, {"scan3_HAADF.tif": survey}, **OTHER)
    field = read_field(folder)
    assert field.survey_kind == "counts"
    assert any("the survey is left out" in warning for warning in field.warnings)


def test_a_calibration_given_is_compared_with_the_survey(folder):
    write_maps(folder, {"scan3_HAADF.tif": HAADF}, **OTHER)
    assert read_field(folder, pixel_size_nm=(1.0, 1.4)).survey_kind == "image"
    write_maps(folder, {"scan3_HAADF.tif": HAADF})  # wrong like those of the maps
    assert read_field(folder, pixel_size_nm=(1.0, 1.4)).survey_kind == "image"


def test_saturation_is_told_of_the_survey_as_stored(folder):
    bright = np.full((24, 34), 65535, np.uint16)
    bright[::2] = 7
    fine = {"resolution": (1e7 / 0.35, 1e7 / 0.25)}
    write_maps(folder, {"scan3_HAADF.tif": bright}, **fine)
    warnings = read_field(folder).warnings
    assert any("50.0 % of the survey's pixels are saturated at 65535" in w for w in warnings)


def test_a_survey_that_is_not_finite_is_told_before_it_is_resampled(folder):
    fine = np.kron(HAADF, np.ones((2, 2), np.float32))
    fine[3, 4] = np.nan
    write_maps(folder, {"scan3_HAADF.tif": fine}, resolution=(1e7 / 0.35, 1e7 / 0.25))
    with pytest.raises(InputError, match="survey 'scan3_HAADF', got 1 NaN or infinite"):
        read_field(folder)
