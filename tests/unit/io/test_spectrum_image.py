"""Spectrum images: made ones with known counts, and what is wrong with odd ones."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import napari_nanodope as nd
from napari_nanodope.io import UnreadableFileError
from napari_nanodope.recipe import LineWindows

MN_KA, CD_LA = 5.8987, 3.1338
SHAPE = (6, 5)


def make_cube(seed: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Counts per channel: a flat background, and Gaussian lines of known area in each pixel."""
    rng = np.random.default_rng(seed)
    energy = np.arange(1000) * 0.01
    areas = {"Mn": rng.uniform(0, 4000, SHAPE), "Cd": rng.uniform(0, 9000, SHAPE)}
    cube = np.full((*SHAPE, 1000), 7.0)
    for line, area in ((MN_KA, areas["Mn"]), (CD_LA, areas["Cd"])):
        sigma = np.sqrt(0.130**2 + 2.5e-3 * (line - MN_KA)) / 2.3548
        peak = (
            np.exp(-((energy - line) ** 2) / (2 * sigma**2)) * 0.01 / (sigma * np.sqrt(2 * np.pi))
        )
        cube += area[..., None] * peak
    return cube, areas


def write(
    path: Path,
    cube: np.ndarray,
    units: tuple[str, str] = ("nm", "keV"),
    order: tuple[str, ...] = ("y", "x", "Energy"),
    size: float = 0.5,
    **more: Any,
) -> Path:
    """File in HyperSpy's layout, written without its libraries."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.3"})
        group = file.create_group("Experiments/made")
        group.create_dataset("data", data=cube)
        step = 0.01 if units[1] == "keV" else 10.0
        for index, name in enumerate(order):
            scale, unit = (step, units[1]) if name == "Energy" else (size, units[0])
            about = {"name": name, "scale": scale, "offset": 0.0, "units": unit}
            about |= {"size": cube.shape[index], "navigate": name != "Energy"}
            group.create_group(f"axis-{index}").attrs.update(about)
        metadata = group.create_group("metadata")
        metadata.create_group("General").attrs["title"] = "made"
        metadata.create_group("Signal").attrs["signal_type"] = "EDS_TEM"
        for name, values in more.items():
            for key, value in values.items():
                words = np.array(value, dtype=h5py.string_dtype())
                metadata.require_group(name).create_dataset(key, data=words)
        group.create_group("original_metadata")
    return path


def test_net_maps_are_the_known_counts(tmp_path: Path) -> None:
    cube, areas = make_cube()
    field = nd.read_field(write(tmp_path / "a.hspy", cube), ["Cd", "Mn"])
    for element, area in areas.items():
        # One FWHM to each side holds 98.15 % of a Gaussian.
        np.testing.assert_allclose(field.map_of(element), 0.9815 * area, rtol=0.02, atol=25)
    assert field.pixel_size_nm == (0.5, 0.5)
    assert field.survey_kind == "counts"
    np.testing.assert_allclose(field.survey, cube[..., 10:].sum(axis=2), rtol=1e-6)  # no noise peak


def test_background_without_a_line_is_zero_on_average(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noise = rng.poisson(3, (40, 40, 1000)).astype(np.uint16)
    field = nd.read_field(write(tmp_path / "a.hspy", noise), ["Fe"])
    net = field.map_of("Fe")
    assert abs(net.mean()) < 3 * net.std() / np.sqrt(net.size)
    assert (net < 0).any()


def test_narrow_integers_do_not_overflow(tmp_path: Path) -> None:
    cube = np.full((4, 4, 1000), 250, np.uint8)
    field = nd.read_field(write(tmp_path / "a.hspy", cube), ["Mn"])
    np.testing.assert_allclose(field.survey, 250 * 990)
    np.testing.assert_allclose(field.map_of("Mn"), 0, atol=1e-3)


@pytest.mark.parametrize(
    ("unit", "nm"), [("nm", 0.5), ("µm", 500.0), ("um", 500.0), ("pm", 5e-4), ("A", 0.05)]
)
def test_units_of_length_are_read(unit: str, nm: float, tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", make_cube()[0], (unit, "keV"))
    assert nd.read_field(path, ["Cd"]).pixel_size_nm == pytest.approx((nm, nm))


def test_energies_in_electronvolts_are_read(tmp_path: Path) -> None:
    cube, areas = make_cube()
    field = nd.read_field(write(tmp_path / "a.hspy", cube, ("nm", "eV")), ["Mn"])
    np.testing.assert_allclose(field.map_of("Mn"), 0.9815 * areas["Mn"], rtol=0.02, atol=25)


@pytest.mark.parametrize("unit", ["", "pix"])
def test_no_calibration_is_told_and_can_be_given(unit: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", make_cube()[0], (unit, "keV"))
    with pytest.raises(nd.InputError, match="pixel_size_nm"):
        nd.read_field(path, ["Cd"])
    assert nd.read_field(path, ["Cd"], pixel_size_nm=0.7).pixel_size_nm == (0.7, 0.7)


def test_elements_are_those_of_the_file_unless_named(tmp_path: Path) -> None:
    cube, _ = make_cube()
    named = write(tmp_path / "a.hspy", cube, Sample={"elements": ["Cd", "Mn"]})
    assert nd.read_field(named).elements == ("Cd", "Mn")
    shown = nd.read_field(write(tmp_path / "b.hspy", cube))
    assert set(shown.elements[:2]) == {"Cd", "Mn"}  # without their other lines, which others fill
    assert "No element was named" in shown.warnings[0]


def test_a_survey_of_other_shape_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", make_cube()[0])
    np.save(tmp_path / "s.npy", np.ones((6, 6)))
    with pytest.raises(nd.InputError, match="6 x 5 pixels"):
        nd.read_field(path, ["Cd"], survey=tmp_path / "s.npy")
    np.save(tmp_path / "s.npy", np.ones(SHAPE))
    assert nd.read_field(path, ["Cd"], survey=tmp_path / "s.npy").survey_kind == "image"


@pytest.mark.parametrize("keep", [0, 100, 3000])
def test_damaged_files_are_unreadable(keep: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", make_cube()[0])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UnreadableFileError, match="a.hspy"):
        nd.read_field(path, ["Cd"])


def test_the_line_given_is_taken_and_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", make_cube()[0])
    field = nd.read_field(path, ["Mn", "Cd"], {"Mn": "La"})
    told = field.source.settings["lines"]
    assert told["Mn"]["line"] == "La"
    assert np.mean(told["Mn"]["window_keV"]) == pytest.approx(0.6332, abs=0.001)
    assert np.mean(told["Cd"]["window_keV"]) == pytest.approx(3.1338, abs=0.001)
    with pytest.raises(nd.InputError, match=r"line of Cd \(Ka, Kb, La, .*\), got 'Ma'"):
        nd.read_field(path, ["Cd"], {"Cd": "Ma"})
    with pytest.raises(nd.InputError, match="spectrum that covers"):
        nd.read_field(path, ["Cd"], {"Cd": "Ka"})  # 23.2 keV; the spectrum ends at 10


@pytest.mark.parametrize("units", [("nm", "keV"), ("", "keV"), ("", "")])
def test_images_along_energy_are_not_taken_for_spectra(
    units: tuple[str, str], tmp_path: Path
) -> None:
    images = np.moveaxis(np.tile(make_cube()[0], (1, 60, 1)), 2, 0)  # 1000 of 6 x 300 pixels
    path = write(tmp_path / "a.hspy", images, units, order=("Energy", "y", "x"), size=0.05)
    try:
        field = nd.read_field(path, ["Cd"], pixel_size_nm=0.5)
    except nd.InputError:
        return
    assert field.shape == (6, 300)


def test_a_stack_of_frames_is_no_spectrum_image(tmp_path: Path) -> None:
    frames = np.ones((20, 64, 300))
    path = write(tmp_path / "a.hspy", frames, ("", ""), order=("frame", "y", "x"), size=0.05)
    with pytest.raises(nd.InputError):
        nd.read_field(path, ["Si"], pixel_size_nm=0.5)


def test_an_image_alone_is_no_spectrum_image(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", np.ones((20, 30)), order=("y", "x"))
    with pytest.raises(nd.InputError, match="maps of Cd"):
        nd.read_field(path, ["Cd"])


def test_a_spectrum_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    cube, _ = make_cube()
    cube[2, 3, 313] = np.nan
    cube[4, 4, :2] = np.inf
    cube[0, 0, 2] = np.nan
    with pytest.raises(nd.InputError, match=r"spectrum image of .*a\.hspy, got 3 NaN or infinite"):
        nd.read_field(write(tmp_path / "a.hspy", cube), ["Cd"])


def test_a_survey_of_its_own_file_counts_in_the_digest(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", make_cube()[0])
    survey = write(tmp_path / "haadf.hspy", np.full(SHAPE, 5.0), order=("y", "x"))
    alone, both = nd.read_field(path, ["Cd"]), nd.read_field(path, ["Cd"], survey=survey)
    np.testing.assert_array_equal(both.survey, np.full(SHAPE, 5.0))
    assert both.source.sha256 != alone.source.sha256


def test_a_file_cut_anywhere_is_unreadable(tmp_path: Path) -> None:
    raw = write(tmp_path / "a.hspy", make_cube()[0]).read_bytes()
    path = tmp_path / "cut.hspy"
    for keep in np.linspace(0, len(raw) - 1, 12).astype(int):
        path.write_bytes(raw[:keep])
        with pytest.raises(UnreadableFileError, match=r"cut\.hspy"):
            nd.read_field(path, ["Cd"])


def test_windows_given_by_hand_are_taken(tmp_path: Path) -> None:
    cube = np.zeros((2, 2, 1000), np.uint16)
    cube[..., 300:320] = 5  # 3.00 to 3.19 keV
    cube[..., 200:210] = 2
    windows = LineWindows(line="La", window_keV=(3.0, 3.19), below_keV=(2.0, 2.09))
    path = write(tmp_path / "a.hspy", cube)
    field = nd.read_field(path, ["Cd"], {"Cd": windows})
    np.testing.assert_array_equal(field.map_of("Cd"), 20 * 5 - 20 * 2)
    np.testing.assert_allclose(field.variances["Cd"], 20 * 5 + 2**2 * 10 * 2)
    told = field.source.settings
    assert told["lines"]["Cd"]["window_keV"] == [3.0, 3.19]
    assert told["given"]["lines"]["Cd"]["below_keV"] == [2.0, 2.09]


def test_elements_that_only_the_file_names_may_have_no_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", make_cube()[0], Sample={"elements": ["Mn", "H"]})
    field = nd.read_field(path)
    assert field.elements == ("Mn",)
    assert any(warning.startswith("H, which the file names") for warning in field.warnings)
    with pytest.raises(nd.InputError, match="line of H"):
        nd.read_field(path, ["Mn", "H"])


def test_windows_beyond_the_spectrum_are_cut_and_told_or_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", make_cube()[0])  # to 9.99 keV
    windows = LineWindows(line="La", window_keV=(3.0, 3.3), above_keV=(9.0, 11.0))
    told = nd.read_field(path, lines={"Cd": windows}).source.settings["lines"]["Cd"]
    assert told["above_keV"] == [9.0, pytest.approx(9.99)]
    with pytest.raises(nd.InputError, match="window of La within the spectrum"):
        nd.read_field(path, lines={"Cd": LineWindows(line="La", window_keV=(9.0, 11.0))})


def test_damage_is_told_of_the_file_that_is_damaged(tmp_path: Path) -> None:
    cube = write(tmp_path / "cube.hspy", make_cube()[0])
    with h5py.File(cube, "a") as file:
        group = file["Experiments/made"]
        values = group["data"][...]
        del group["data"]
        group.create_dataset("data", data=values, chunks=(3, 5, 1000), compression="gzip")
        group["data"].id.write_direct_chunk((3, 0, 0), b"no deflate at all")
    image = write(tmp_path / "a_HAADF.hspy", np.ones(SHAPE), order=("y", "x"))
    with pytest.raises(UnreadableFileError, match=r"whole data in .*cube\.hspy, got damaged"):
        nd.read_field([image, cube], ["Cd"])


def test_images_have_no_detectors_to_choose(tmp_path: Path) -> None:
    image = write(tmp_path / "a.hspy", np.ones(SHAPE), order=("y", "x"))
    with pytest.raises(nd.InputError, match="a spectrum image in .* to choose detectors, got none"):
        nd.read_field(image, detectors=0)
    cube = write(tmp_path / "b.hspy", make_cube()[0])
    assert nd.read_field([cube, image], ["Cd"], detectors=0).survey_kind == "image"
