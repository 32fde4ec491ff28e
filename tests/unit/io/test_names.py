"""What names of images tell, and what is done with those that tell nothing."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

import napari_nanodope as nd
from napari_nanodope.io import UnreadableFileError
from napari_nanodope.io.names import read_role

RNG = np.random.default_rng(0)
CD, MN, SURVEY = (RNG.poisson(n, (12, 17)).astype(np.float32) for n in (5, 2, 200))


@pytest.mark.parametrize(
    "name",
    "C2_HAADF B1_HAADF CM200_HAADF In_HAADF HAADF_I S1_HAADF OK_HAADF No_3_HAADF P_survey "
    "At1_BF K_SE As-made_BSE he_Am_adf".split(),
)
def test_letters_that_count_areas_hide_no_survey(name: str) -> None:
    assert read_role(name) == ("", "")


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Cd_HAADF", ("", "names Cd and a survey")),
        ("survey_CdLa", ("", "names Cd and a survey")),
        ("Se", ("Se", "")),
        ("Se K", ("Se", "")),
        ("EDS-STEM_Cd", ("Cd", "")),
        ("image of K", ("K", "")),
        ("STEM 1", ("", "")),
        ("In", ("In", "")),
    ],
)
def test_an_element_beside_a_survey_is_asked_about(name: str, role: tuple[str, str]) -> None:
    assert read_role(name) == role


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_a_stray_in_a_folder_is_never_the_survey(suffix: str, tmp_path: Path) -> None:
    for name, array in (("a_Cd", CD), ("a_Mn", MN), ("a_labels", SURVEY)):
        path = tmp_path / f"{name}{suffix}"
        np.save(path, array) if suffix == ".npy" else tifffile.imwrite(path, array)
    field = nd.read_field(tmp_path, pixel_size_nm=1)
    assert field.survey_kind == "counts"
    assert any(f"a_labels{suffix} is passed over" in warning for warning in field.warnings)
    with pytest.raises(nd.InputError, match="element or HAADF in the name 'a_labels'"):
        nd.read_field(sorted(tmp_path.iterdir()), pixel_size_nm=1)


def test_an_array_alone_needs_no_name(tmp_path: Path) -> None:
    np.save(tmp_path / "labels.npy", SURVEY)
    field = nd.read_field(tmp_path / "labels.npy", pixel_size_nm=1)
    np.testing.assert_array_equal(field.survey, SURVEY)


@pytest.mark.parametrize("name", ["a_HAADF.tif", "screen.tif"])
@pytest.mark.parametrize("kind", ["damaged", "colours"])
def test_what_cannot_be_read_in_a_folder_is_told(name: str, kind: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a_Cd.tif", CD)
    if kind == "damaged":
        (tmp_path / name).write_bytes(b"II*\0junkjunkjunk")
    else:
        tifffile.imwrite(tmp_path / name, np.zeros((12, 17, 3), np.uint8), photometric="rgb")
    (told,) = nd.read_field(tmp_path, pixel_size_nm=1).warnings
    assert told.startswith(f"{name} is passed over")
    assert "Expected " in told
    assert ("survey" in told) == ("HAADF" in name)


def test_a_line_that_no_file_names_is_told_with_the_files(tmp_path: Path) -> None:
    for name in ("Cd K", "Cd L", "Mn"):
        tifffile.imwrite(tmp_path / f"{name}.tif", CD)
    with pytest.raises(nd.InputError, match=r"map of Cd Ma, got Cd K\.tif, Cd L\.tif"):
        nd.read_field(tmp_path, lines={"Cd": "Ma"}, pixel_size_nm=1)


def write_signal(path: Path, data: np.ndarray, title: str = "") -> Path:
    with h5py.File(path, "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.3"})
        group = file.create_group("Experiments/made")
        group.create_dataset("data", data=data)
        for number, name in enumerate(("y", "x", "Energy")[: data.ndim]):
            scale, unit = (0.02, "keV") if name == "Energy" else (0.5, "nm")
            about = {"name": name, "scale": scale, "offset": 0.0, "units": unit}
            about |= {"size": data.shape[number], "navigate": name != "Energy"}
            group.create_group(f"axis-{number}").attrs.update(about)
        group.create_group("metadata/General").attrs["title"] = title
        group.create_group("original_metadata")
    return path


@pytest.mark.parametrize("title", ["", "image 3", "area 51"])
def test_images_without_titles_are_known_by_their_files(title: str, tmp_path: Path) -> None:
    images = {"s_Cd": CD, "s_Mn": MN, "s_HAADF": SURVEY}
    paths = [write_signal(tmp_path / f"{n}.hspy", image, title) for n, image in images.items()]
    field = nd.read_field(paths)
    assert field.elements == ("Cd", "Mn")
    np.testing.assert_array_equal(field.survey, SURVEY)
    titled = write_signal(tmp_path / "s_Cd.hspy", CD, "Mn K")
    assert nd.read_field(titled).elements == ("Mn",)


CUBE = RNG.poisson(1.0, (12, 17, 600)).astype(np.uint16)


def test_an_image_listed_beside_a_cube_is_its_survey(tmp_path: Path) -> None:
    cube = write_signal(tmp_path / "a.hspy", CUBE)
    tifffile.imwrite(tmp_path / "overview.tif", SURVEY)
    field = nd.read_field([cube, tmp_path / "overview.tif"], ["Ca"])
    np.testing.assert_array_equal(field.survey, SURVEY)


@pytest.mark.parametrize("name", ["Ca_and_K", "Cd", "overview"])
def test_other_images_listed_beside_a_cube_are_told(name: str, tmp_path: Path) -> None:
    cube = write_signal(tmp_path / "a.hspy", CUBE)
    tifffile.imwrite(tmp_path / f"{name}.tif", SURVEY[:6] if name == "overview" else SURVEY)
    field = nd.read_field([cube, tmp_path / f"{name}.tif"], ["Ca"])
    assert field.survey_kind == "counts"
    assert any(warning.startswith(f"{name}.tif is not used: ") for warning in field.warnings)


@pytest.mark.parametrize("told", [{"detectors": 3}, {"frames": (5, 9)}], ids=str)
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".tif"])
def test_images_keep_no_detectors_and_frames_apart(
    told: dict[str, int], suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"Cd{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, CD)
    else:
        np.save(path, CD) if suffix == ".npy" else np.savez(path, Cd=CD)
    with pytest.raises(nd.InputError, match="choose detectors|keeps frames apart"):
        nd.read_field(path, pixel_size_nm=1, **told)


@pytest.mark.parametrize("how", ["apart", "folder"])
def test_the_calibration_of_a_survey_on_the_same_pixels_counts(how: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a_Cd.tif", CD)
    size = {"resolution": (1e7 / 0.7, 1e7 / 0.5), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(tmp_path / "HAADF.tif", SURVEY, **size)
    told = {"survey": tmp_path / "HAADF.tif"} if how == "apart" else {}
    path = tmp_path / "a_Cd.tif" if how == "apart" else tmp_path
    assert nd.read_field(path, **told).pixel_size_nm == (0.5, 0.7)
    if how == "apart":
        tifffile.imwrite(tmp_path / "HAADF.tif", SURVEY[:6], **size)
        with pytest.raises(nd.InputError, match="calibration in nm"):
            nd.read_field(path, **told)


def test_a_damaged_map_in_a_folder_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a_Cd.tif", CD)
    (tmp_path / "a_Mn.tif").write_bytes(b"II*\0junk")
    with pytest.raises(UnreadableFileError, match=r"a_Mn\.tif"):
        nd.read_field(tmp_path, pixel_size_nm=1)
