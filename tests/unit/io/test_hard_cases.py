"""What real files do, on files made here whose answer is known."""

from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
import pytest
import sparse
import tifffile

import napari_nanodope as nd
from napari_nanodope.io import UnreadableFileError
from napari_nanodope.io.cubes import ArrayCube, Hdf5Cube, SparseCube

RNG = np.random.default_rng(0)
CUBE = RNG.poisson(1.0, (6, 8, 600)).astype(np.uint16)
HAADF = RNG.normal(100, 5, (6, 8)).astype(np.float32)
WINDOWS = nd.LineWindows(line="La", window_keV=(3.0, 3.3), above_keV=(3.5, 3.7))
AXES = {"y": (0.5, "nm"), "x": (0.7, "nm"), "Energy": (0.02, "keV")}
RANGES = [(0, 600), (150, 166), (175, 186), (3, 4)]


def add(
    file: h5py.File, title: str, data: np.ndarray, axes: dict[str, tuple[float, str]], **more: Any
) -> None:
    """Add a signal in HyperSpy's layout; the axes are in the order of the data."""
    group = file.create_group(
        f"Experiments/{len(file['Experiments']) if 'Experiments' in file else 0}"
    )
    group.create_dataset("data", data=data, **more)
    for index, (name, (scale, unit)) in enumerate(axes.items()):
        about = {"name": name, "scale": scale, "offset": 0.0, "units": unit}
        about |= {"size": data.shape[index], "navigate": name != "Energy"}
        group.create_group(f"axis-{index}").attrs.update(about)
    metadata = group.create_group("metadata")
    metadata.create_group("General").attrs["title"] = title
    kind = "EDS_TEM" if "Energy" in axes else ""
    metadata.create_group("Signal").attrs["signal_type"] = kind
    group.create_group("original_metadata")


def write(path: Path, *signals: tuple[Any, ...], **more: Any) -> Path:
    with h5py.File(path, "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.3"})
        for signal in signals:
            add(file, *signal, **more)
    return path


def image(title: str, data: np.ndarray, dy: float = 0.5, dx: float = 0.7, unit: str = "nm") -> Any:
    return title, data, {"y": (dy, unit), "x": (dx, unit)}


@pytest.mark.parametrize(
    ("unit", "nm"), [("nm", 1.0), ("um", 1e3), ("µm", 1e3), ("pm", 1e-3), ("m", 1e9), ("A", 0.1)]
)
def test_units_of_length_and_sizes_that_differ(unit: str, nm: float, tmp_path: Path) -> None:
    axes = {"y": (-2.0 / nm, unit), "x": (0.5 / nm, unit), "Energy": (0.02, "keV")}
    path = write(tmp_path / "a.hspy", ("EDS", CUBE, axes))
    assert nd.read_field(path, ["Cd"]).pixel_size_nm == pytest.approx((2.0, 0.5))


def test_axes_may_have_units_of_their_own(tmp_path: Path) -> None:
    axes = {"y": (2.0, "A"), "x": (0.0005, "um"), "Energy": (20.0, "eV")}
    path = write(tmp_path / "a.hspy", ("EDS", CUBE, axes))
    assert nd.read_field(path, ["Cd"]).pixel_size_nm == pytest.approx((0.2, 0.5))


@pytest.mark.parametrize("unit", ["", "pix", "px", "<undefined>", "counts"])
def test_what_is_no_length_is_asked_for(unit: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", ("EDS", CUBE, AXES | {"y": (1.0, unit), "x": (1.0, unit)}))
    with pytest.raises(nd.InputError, match="calibration in nm"):
        nd.read_field(path, ["Cd"])
    assert nd.read_field(path, ["Cd"], pixel_size_nm=0.7).pixel_size_nm == (0.7, 0.7)


def test_signals_are_chosen_by_dimension_and_not_by_title(tmp_path: Path) -> None:
    spectrum = ("spectrum image of everything", CUBE.sum(axis=(0, 1)), {"Energy": (0.02, "keV")})
    signals = (spectrum, image("EDS map", HAADF), ("HAADF", CUBE, AXES), spectrum)
    path = write(tmp_path / "a.hspy", *signals)
    assert [s.use for s in nd.list_signals(path)] == ["", "survey", "spectrum image", ""]
    field = nd.read_field(path, ["Cd"])
    np.testing.assert_array_equal(field.survey, HAADF)
    assert field.survey_kind == "image"


def test_maps_known_by_title_only_make_a_field(tmp_path: Path) -> None:
    maps = {"Fe K": RNG.poisson(3, (6, 8)), "PtLa": RNG.poisson(1, (6, 8))}
    signals = [image(title, counts.astype(np.uint8)) for title, counts in maps.items()]
    field = nd.read_field(write(tmp_path / "a.hspy", *signals, image("HAADF", HAADF)))
    assert field.elements == ("Fe", "Pt")
    np.testing.assert_array_equal(field.map_of("Pt"), maps["PtLa"])
    np.testing.assert_array_equal(field.survey, HAADF)


@pytest.mark.parametrize("factor", [(2, 2), (3, 1), (1, 4)])
def test_a_survey_of_the_same_area_is_resampled(factor: tuple[int, int], tmp_path: Path) -> None:
    fine = np.kron(HAADF, np.ones(factor, np.float32))
    fine += RNG.normal(0, 1, fine.shape).astype(np.float32)
    survey = image("HAADF", fine, 0.5 / factor[0] * 1.005, 0.7 / factor[1])
    field = nd.read_field(write(tmp_path / "a.hspy", ("EDS", CUBE, AXES), survey), ["Cd"])
    means = fine.reshape(6, factor[0], 8, factor[1]).mean(axis=(1, 3))
    np.testing.assert_allclose(field.survey, means, rtol=1e-5)
    assert any("was resampled onto the maps' 6 x 8" in warning for warning in field.warnings)


def test_a_survey_on_other_pixels_that_do_not_divide_keeps_its_mean(tmp_path: Path) -> None:
    odd = RNG.normal(50, 5, (5, 13)).astype(np.float32)
    survey = image("HAADF", odd, 6 * 0.5 / 5, 8 * 0.7 / 13)
    field = nd.read_field(write(tmp_path / "a.hspy", ("EDS", CUBE, AXES), survey), ["Cd"])
    assert field.survey.mean() == pytest.approx(odd.mean(), rel=1e-5)


def test_a_survey_of_another_area_is_refused_or_left_out(tmp_path: Path) -> None:
    overview = image("HAADF", np.ones((12, 16), np.float32))
    path = write(tmp_path / "a.hspy", ("EDS", CUBE, AXES), overview)
    field = nd.read_field(path, ["Cd"])
    assert field.survey_kind == "counts"
    (told,) = (warning for warning in field.warnings if "survey" in warning)
    assert "3 x 5.6 nm" in told
    assert "6 x 11.2 nm" in told
    apart = write(tmp_path / "b.hspy", overview)
    with pytest.raises(nd.InputError, match=r"3 x 5\.6 nm.*6 x 11\.2 nm"):
        nd.read_field(write(tmp_path / "c.hspy", ("EDS", CUBE, AXES)), ["Cd"], survey=apart)


def test_counts_of_eight_bits_are_summed_without_overflow(tmp_path: Path) -> None:
    full = np.full((6, 8, 600), 255, np.uint8)
    field = nd.read_field(write(tmp_path / "a.hspy", ("EDS", full, AXES)), lines={"Cd": WINDOWS})
    np.testing.assert_array_equal(field.survey, 255 * 595)
    np.testing.assert_allclose(field.map_of("Cd"), 0, atol=1e-3)
    np.testing.assert_allclose(field.variances["Cd"], 255 * (16 + 16**2 / 11))


def test_the_noise_peak_at_zero_counts_nowhere(tmp_path: Path) -> None:
    noisy = CUBE.copy()
    noisy[..., :5] += RNG.poisson(50_000, (6, 8, 5)).astype(np.uint16)
    plain, loud = (
        nd.read_field(write(tmp_path / f"{name}.hspy", ("EDS", cube, AXES)), ["Cd", "C"])
        for name, cube in (("plain", CUBE), ("loud", noisy))
    )
    np.testing.assert_array_equal(plain.survey, loud.survey)
    for symbol in ("Cd", "C"):
        np.testing.assert_array_equal(plain.map_of(symbol), loud.map_of(symbol))


def test_empty_maps_and_saturated_surveys_are_told(tmp_path: Path) -> None:
    bright = np.full((6, 8), 30_000, np.uint16)
    bright[0, :6] = 65535
    signals = image("Cd", CUBE[..., 0]), image("Mn", np.zeros((6, 8), np.uint8))
    warnings = nd.read_field(write(tmp_path / "a.hspy", *signals, image("HAADF", bright))).warnings
    assert any("Mn map holds no counts" in warning for warning in warnings)
    assert any("12.5 % of the survey's pixels are saturated at 65535" in w for w in warnings)


def test_colours_are_refused_with_a_reason(tmp_path: Path) -> None:
    rgb = np.zeros((6, 8), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    path = write(tmp_path / "a.hspy", image("HAADF", rgb))
    (signal,) = nd.list_signals(path)
    assert "colours (RGB)" in signal.reason
    with pytest.raises(UnreadableFileError, match=r"colours \(RGB\)"):
        nd.read_field(path)


def test_losses_of_energy_are_no_x_rays(tmp_path: Path) -> None:
    axes = {"y": (0.5, "nm"), "x": (0.7, "nm"), "Energy loss": (0.5, "eV")}
    path = write(tmp_path / "a.hspy", ("EELS", CUBE, axes))
    with pytest.raises(UnreadableFileError, match="energy loss"):
        nd.read_field(path, ["Cd"])


@pytest.mark.parametrize(
    "order", [("Energy", "y", "x"), ("y", "Energy", "x"), ("y", "x", "Energy")]
)
def test_the_spectrum_may_be_any_axis(order: tuple[str, ...], tmp_path: Path) -> None:
    cube = np.transpose(CUBE, [("y", "x", "Energy").index(name) for name in order])
    path = write(tmp_path / "a.hspy", ("EDS", cube, {name: AXES[name] for name in order}))
    field = nd.read_field(path, lines={"Cd": WINDOWS})
    np.testing.assert_array_equal(field.survey, CUBE[..., 5:].sum(axis=2))
    assert field.pixel_size_nm == (0.5, 0.7)


def test_frames_are_added_up_or_chosen(tmp_path: Path) -> None:
    frames = RNG.poisson(0.3, (5, 6, 8, 600)).astype(np.uint8)
    path = write(tmp_path / "a.hspy", ("EDS", frames, {"Time": (1.0, "s")} | AXES))
    whole = nd.read_field(path, lines={"Cd": WINDOWS})
    np.testing.assert_array_equal(whole.survey, frames[..., 5:].sum(axis=(0, 3)))
    part = nd.read_field(path, lines={"Cd": WINDOWS}, frames=(1, 3))
    np.testing.assert_array_equal(part.survey, frames[1:3, ..., 5:].sum(axis=(0, 3)))
    with pytest.raises(nd.InputError, match="frames from 0 to 5"):
        nd.read_field(path, ["Cd"], frames=(4, 6))


def test_frames_of_a_file_without_any_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", ("EDS", CUBE, AXES))
    with pytest.raises(nd.InputError, match="keeps frames apart"):
        nd.read_field(path, ["Cd"], frames=(0, 1))


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"chunks": (4, 3, 600)},
        {"chunks": (4, 3, 256), "compression": "gzip"},
        {"chunks": (5, 8, 100), "compression": "gzip", "shuffle": True},
        {"chunks": (6, 8, 600), "compression": "lzf"},
        {"chunks": (1, 8, 600), "compression": "gzip", "fletcher32": True},
    ],
    ids=["one piece", "chunks", "gzip", "gzip and shuffle", "lzf", "checksums"],
)
@pytest.mark.parametrize("dtype", ["<u2", ">u2", "u1", ">u4", ">f2", "f4", ">f8"])
def test_layouts_of_hdf5_do_not_matter(more: dict[str, Any], dtype: str, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("data", data=CUBE.astype(dtype), **more)
    found = Hdf5Cube(tmp_path / "a.h5", "data").sum_channels(RANGES)
    for k, (first, end) in enumerate(RANGES):
        np.testing.assert_array_equal(found.pixels[..., k], CUBE[..., first:end].sum(axis=2))
    np.testing.assert_array_equal(found.spectrum, CUBE.sum(axis=(0, 1)))


def test_cubes_of_every_kind_sum_alike() -> None:
    coo = sparse.COO.from_numpy(CUBE)
    cubes = [
        ArrayCube(CUBE),
        ArrayCube(np.moveaxis(CUBE, 2, 0), energy_axis=0),
        ArrayCube(da.from_array(CUBE, chunks=(4, 3, 100))),
        ArrayCube(coo),
        SparseCube(coo.coords, coo.data, CUBE.shape),
    ]
    weights = np.array([[1.0, 0, 0, 0], [0, 1, -0.5, 0]])
    expected = [CUBE[..., a:b].sum(axis=2) for a, b in RANGES]
    for cube in cubes:
        assert cube.shape == CUBE.shape
        for k, sums in enumerate(expected):
            np.testing.assert_array_equal(cube.sum_channels(RANGES).pixels[..., k], sums)
        net = cube.sum_channels(RANGES, weights).pixels[..., 1]
        np.testing.assert_allclose(net, expected[1] - 0.5 * expected[2], rtol=1e-6)
        np.testing.assert_array_equal(cube.sample_spectrum(), CUBE.sum(axis=(0, 1)))


def test_strays_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    for name in ("s_Cd-net.tif", "Mn K.tif", "s_HAADF.tif", "notes.tif"):
        tifffile.imwrite(tmp_path / name, CUBE[..., len(name)].astype(np.float32))
    (tmp_path / "Thumbs.db").write_bytes(b"thumbs")
    (tmp_path / "._s_Cd-net.tif").write_bytes(b"forks")
    (tmp_path / "readme.txt").write_text("hello", encoding="utf-8")
    tifffile.imwrite(tmp_path / "screen.tif", np.zeros((9, 9, 3), np.uint8), photometric="rgb")
    field = nd.read_field(tmp_path, pixel_size_nm=0.7)
    assert set(field.elements) == {"Cd", "Mn"}
    assert any("notes.tif is passed over" in warning for warning in field.warnings)


def test_two_maps_of_one_element_are_asked_about(tmp_path: Path) -> None:
    for number, name in enumerate(("Cd K.tif", "Cd L.tif", "Mn K.tif")):
        tifffile.imwrite(tmp_path / name, CUBE[..., number].astype(np.float32))
    with pytest.raises(nd.InputError, match=r"one Cd image, got a second one .*lines="):
        nd.read_field(tmp_path, pixel_size_nm=0.7)
    field = nd.read_field(tmp_path, lines={"Cd": "La"}, pixel_size_nm=0.7)
    np.testing.assert_array_equal(field.map_of("Cd"), CUBE[..., 1])


@pytest.mark.parametrize(
    "suffix",
    [
        ".emd",
        ".bcf",
        ".dm3",
        ".dm4",
        ".asw",
        ".pts",
        ".map",
        ".img",
        ".emi",
        ".ser",
        ".rpl",
        ".spd",
    ],
)
@pytest.mark.parametrize("content", [b"", b"foreign content", bytes(3000)])
def test_foreign_files_are_unreadable(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"scan{suffix}"
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError) as caught:
        nd.read_field(path)
    assert path.name in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("n_deep", [1, 4])
def test_a_sample_of_a_large_cube_holds_every_energy(
    n_deep: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cube = np.ones((64, 64, 64), np.uint8)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("data", data=cube, chunks=(8, 8, 64 // n_deep))
    monkeypatch.setattr("napari_nanodope.io.cubes._SAMPLED_BYTES", 16 * 8 * 8 * 64)
    sample = Hdf5Cube(tmp_path / "a.h5", "data").sample_spectrum()
    np.testing.assert_array_equal(sample, 16 * 8 * 8)


@pytest.mark.parametrize("dtype", ["i1", "<i2", ">i4", "f2"])
def test_negative_values_survive_shuffling(dtype: str, tmp_path: Path) -> None:
    cube = (CUBE.astype(int) - 2).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("data", data=cube, chunks=(3, 4, 200), compression=1, shuffle=True)
    found = Hdf5Cube(tmp_path / "a.h5", "data").sum_channels([(0, 600)])
    np.testing.assert_array_equal(found.pixels[..., 0], cube.astype(int).sum(axis=2))


def test_a_filter_that_is_not_installed_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", ("EDS", CUBE, AXES))
    with h5py.File(path, "a") as file:
        group = file["Experiments/0"]
        del group["data"]
        unknown = {"compression": 32999, "allow_unknown_filter": True}
        group.create_dataset("data", CUBE.shape, CUBE.dtype, chunks=CUBE.shape, **unknown)
        group["data"].id.write_direct_chunk((0, 0, 0), CUBE.tobytes())
    with pytest.raises(UnreadableFileError, match=r"number 32999; try pip install hdf5plugin"):
        nd.read_field(path, ["Cd"])


@pytest.mark.parametrize("rows", [20, 7])
def test_maps_of_ncem_are_not_turned(rows: int, tmp_path: Path) -> None:
    cube = RNG.poisson(2.0, (rows, 5, 20)).astype(np.uint32)
    with h5py.File(tmp_path / "a.emd", "w") as file:
        file.attrs.update({"version_major": 0, "version_minor": 2})
        group = file.create_group("experiments/eds")
        group.attrs["emd_group_type"] = 1
        group.create_dataset("data", data=cube.T, chunks=(4, 3, 7))
        steps = (("Energy", "keV", 0.25, 20), ("x", "nm", 0.5, 5), ("y", "nm", 0.7, rows))
        for number, (name, unit, step, n) in enumerate(steps, start=1):
            dimension = group.create_dataset(f"dim{number}", data=np.arange(n) * step)
            dimension.attrs.update({"name": name, "units": unit})
    windows = nd.LineWindows(line="Ka", window_keV=(2.0, 3.0))
    field = nd.read_field(tmp_path / "a.emd", lines={"Ca": windows})
    np.testing.assert_array_equal(field.map_of("Ca"), cube[..., 8:13].sum(axis=2))
    assert field.pixel_size_nm == pytest.approx((0.7, 0.5))


def list_values(path: Path, number: int, values: np.ndarray) -> Path:
    """Let an axis list its values, as HyperSpy's DataAxis does."""
    with h5py.File(path, "a") as file:
        axis = file[f"Experiments/0/axis-{number}"]
        for name in ("scale", "offset", "size"):
            del axis.attrs[name]
        axis.create_dataset("axis", data=values)
    return path


def test_axes_that_list_their_values_are_read_where_even(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", ("EDS", CUBE, AXES))
    list_values(list_values(path, 0, 0.7 * np.arange(6)), 2, 0.05 + 0.02 * np.arange(600))
    (signal,) = nd.list_signals(path)
    assert signal.pixel_size_nm == pytest.approx((0.7, 0.7))
    assert signal.energy is not None
    assert (signal.energy.offset_keV, signal.energy.step_keV) == pytest.approx((0.05, 0.02))


@pytest.mark.parametrize("axis", [0, 2])
def test_axes_of_uneven_steps_are_refused(axis: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", ("EDS", CUBE, AXES))
    list_values(path, axis, np.geomspace(1, 10, CUBE.shape[axis]))
    with pytest.raises(UnreadableFileError, match="unevenly spaced values along (y|Energy)"):
        nd.read_field(path, ["Cd"])


@pytest.mark.parametrize("scale", [1.0, 1e-5])
def test_channels_without_calibration_are_no_energies(scale: float, tmp_path: Path) -> None:
    cube = np.ones((2, 3, 2048), np.uint8)
    path = write(tmp_path / "a.hspy", ("EDS", cube, AXES | {"Energy": (scale, "")}))
    with pytest.raises(UnreadableFileError, match="states no energies along its spectra"):
        nd.read_field(path, ["Cd"])
    guessed = write(tmp_path / "b.hspy", ("EDS", cube, AXES | {"Energy": (10.0, "")}))
    assert nd.list_signals(guessed)[0].energy.step_keV == 0.01


def test_the_digest_counts_companions_of_any_name(tmp_path: Path) -> None:
    path = tmp_path / "scan[1].rpl"
    about = {"width": 3, "height": 2, "depth": 300, "offset": 0, "data-length": 1}
    about |= {"data-type": "unsigned", "byte-order": "dont-care", "record-by": "vector"}
    about |= {"depth-scale": 0.02, "depth-units": "keV", "depth-name": "Energy"}
    lines = ["key\tvalue", *(f"{key}\t{value}" for key, value in about.items())]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
    digests = set()
    for level in (1, 2):
        path.with_suffix(".raw").write_bytes(bytes([level]) * 1800)
        field = nd.read_field(path, lines={"Cd": WINDOWS}, pixel_size_nm=1)
        assert field.source is not None
        digests.add(field.source.sha256)
    assert len(digests) == 2


def test_the_survey_is_the_mean_of_the_frames_chosen(tmp_path: Path) -> None:
    stack = RNG.integers(0, 255, (4, 6, 8)).astype(np.uint8)
    stack[:, :2] = 255
    frames = {"Time": (1.0, "s")}
    survey = ("HAADF", stack, frames | {name: AXES[name] for name in "yx"})
    counts = ("EDS", RNG.poisson(0.3, (4, 6, 8, 600)).astype(np.uint8), frames | AXES)
    path = write(tmp_path / "a.hspy", survey, counts)
    field = nd.read_field(path, ["Cd"], frames=(1, 3))
    np.testing.assert_allclose(field.survey, stack[1:3].mean(axis=0))
    assert any("33.3 % of the survey's pixels are saturated at 255" in w for w in field.warnings)
