"""Sum spectra: what is in them is what is in the pixels, whatever these are stored as."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array as da
import h5py
import numpy as np
import pytest
import sparse

import napari_nanodope as nd
from napari_nanodope.core.channels import NEXT_PIXEL
from napari_nanodope.core.xray import EnergyAxis, plan_net_counts
from napari_nanodope.io import UnreadableFileError
from napari_nanodope.io.cubes import ArrayCube, Cube, Hdf5Cube, SparseCube
from napari_nanodope.io.spectrum import SumSpectrum
from napari_nanodope.io.velox import VeloxCube
from napari_nanodope.recipe import LineWindows

SHAPE = (9, 7, 600)
CUBE = np.random.default_rng(0).poisson(0.3, SHAPE).astype(np.uint16)
MASKS = {
    "some": np.random.default_rng(1).random(SHAPE[:2]) < 0.3,
    "one": np.eye(9, 7, 2, dtype=bool) & (np.arange(9)[:, None] == 3),
    "all": np.ones(SHAPE[:2], bool),
    "none": np.zeros(SHAPE[:2], bool),
}


def store(path: Path, **how: Any) -> Hdf5Cube:
    with h5py.File(path, "w") as file:
        file.create_dataset("data", data=CUBE, **how)
    return Hdf5Cube(path, "data")


def make_velox(path: Path) -> VeloxCube:
    """Two detectors and two frames, whose X-rays together are those of the cube."""
    rng = np.random.default_rng(2)
    part = rng.integers(0, 4, (int(CUBE.sum()),))
    place = np.repeat(np.arange(CUBE.size), CUBE.ravel())
    with h5py.File(path, "w") as file:
        for detector in range(2):
            stream: list[int] = []
            for frame in range(2):
                chosen = place[part == 2 * detector + frame]
                for pixel in range(SHAPE[0] * SHAPE[1]):
                    inside = chosen[chosen // SHAPE[2] == pixel] % SHAPE[2]
                    stream += [*inside.tolist(), NEXT_PIXEL]
            file[f"{detector}"] = np.array(stream, np.uint16)[:, None]
    return VeloxCube(path, ("0", "1"), SHAPE, (0, 2))


CUBES: dict[str, Callable[[Path], Cube]] = {
    "array": lambda _: ArrayCube(CUBE),
    "turned": lambda _: ArrayCube(np.moveaxis(CUBE, 2, 0), energy_axis=0),
    "frames": lambda _: ArrayCube(np.stack([CUBE, 0 * CUBE]), frame_axis=0),
    "dask": lambda _: ArrayCube(da.from_array(CUBE, chunks=(4, 3, 100))),
    "sparse": lambda _: SparseCube(*_to_coo(), SHAPE),
    "HDF5 in one piece": lambda folder: store(folder / "a.h5"),
    "HDF5, gzip": lambda folder: store(
        folder / "a.h5", chunks=(4, 3, 256), compression="gzip", shuffle=True
    ),
    "HDF5, lzf": lambda folder: store(folder / "a.h5", chunks=(4, 3, 256), compression="lzf"),
    "Velox": lambda folder: make_velox(folder / "a.emd"),
}


def _to_coo() -> tuple[np.ndarray, np.ndarray]:
    coo = sparse.COO.from_numpy(CUBE)
    return coo.coords, coo.data


@pytest.mark.parametrize("kind", CUBES)
def test_spectra_of_masks_are_those_of_the_array(kind: str, tmp_path: Path) -> None:
    cube = CUBES[kind](tmp_path)
    for mask in MASKS.values():
        np.testing.assert_array_equal(cube.sum_spectrum(mask), CUBE[mask].sum(axis=0))


@pytest.mark.parametrize("kind", CUBES)
def test_a_mask_and_the_rest_make_the_whole(kind: str, tmp_path: Path) -> None:
    cube, mask = CUBES[kind](tmp_path), MASKS["some"]
    parts = [np.asarray(cube.sum_spectrum(chosen), float) for chosen in (mask, ~mask)]
    np.testing.assert_array_equal(sum(parts), cube.sum_channels([]).spectrum)


def test_tiles_without_chosen_pixels_are_not_read() -> None:
    class Watched:
        shape, dtype, chunksize = SHAPE, CUBE.dtype, (3, 7, 600)
        read: list[int] = []  # noqa: RUF012 - of this test alone

        def __getitem__(self, index: Any) -> np.ndarray:
            self.read.append(index[0].start)
            return CUBE[index]

    cube = ArrayCube(Watched())
    cube._tiles = lambda: iter(  # type: ignore[method-assign]
        [(slice(y, y + 3), slice(0, 7), slice(None)) for y in (0, 3, 6)]
    )
    mask = MASKS["one"]
    np.testing.assert_array_equal(cube.sum_spectrum(mask), CUBE[mask].sum(axis=0))
    assert Watched.read == [3]


def write(path: Path, cube: np.ndarray, unit: str = "keV") -> Path:
    """File in HyperSpy's layout, written without its libraries."""
    axes = [("y", 0.5, "nm"), ("x", 0.5, "nm"), ("Energy", 0.01, unit)]
    with h5py.File(path, "w") as file:
        file.attrs.update({"file_format": "HyperSpy", "file_format_version": "3.3"})
        group = file.create_group("Experiments/made")
        group.create_dataset("data", data=cube)
        for index, (name, scale, units) in enumerate(axes[: cube.ndim]):
            about = {"name": name, "scale": scale, "offset": 0.1 * (index == 2), "units": units}
            about |= {"size": cube.shape[index], "navigate": index < 2}
            group.create_group(f"axis-{index}").attrs.update(about)
        metadata = group.create_group("metadata")
        metadata.create_group("General").attrs["title"] = "made"
        metadata.create_group("Signal").attrs["signal_type"] = "EDS_TEM"
        group.create_group("original_metadata")
    return path


def test_the_spectrum_of_a_file_has_its_energies_and_pixels(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", CUBE)
    whole, part = nd.read_spectrum(path), nd.read_spectrum(path, MASKS["some"])
    assert whole.counts.dtype == np.float64
    np.testing.assert_array_equal(whole.counts, CUBE.sum(axis=(0, 1)))
    np.testing.assert_array_equal(part.counts, CUBE[MASKS["some"]].sum(axis=0))
    np.testing.assert_allclose(whole.energy_keV, 0.1 + 0.01 * np.arange(600))
    assert (whole.n_pixels, part.n_pixels) == (63, MASKS["some"].sum())
    with pytest.raises(ValueError, match="read-only"):
        whole.counts[0] = 1


def test_counts_in_a_window_are_those_of_the_map(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", CUBE)
    alone = LineWindows(line="Ka", window_keV=(2.2, 2.4))
    beside = alone.model_copy(update={"below_keV": (1.8, 2.0), "above_keV": (2.6, 2.75)})
    for mask in MASKS.values():
        spectrum = nd.read_spectrum(path, mask)
        for windows in (alone, beside):
            counts = nd.read_field(path, lines={"S": windows}).map_of("S")
            plan = plan_net_counts(windows, spectrum.energy)
            sums = [spectrum.counts[first:end].sum() for first, end in plan.ranges]
            expected = float(np.dot(sums, plan.factors))
            assert counts[mask].sum(dtype=float) == pytest.approx(expected, abs=1e-3)


def test_frames_are_chosen(tmp_path: Path) -> None:
    stack = np.stack([CUBE, 2 * CUBE, 5 * CUBE])
    with h5py.File(write(tmp_path / "a.hspy", CUBE), "a") as file:
        group = file["Experiments/made"]
        del group["data"]
        group["data"] = stack
        for index in (2, 1, 0):
            group.move(f"axis-{index}", f"axis-{index + 1}")
        about = {"name": "time", "scale": 1.0, "offset": 0.0, "units": "s", "size": 3}
        group.create_group("axis-0").attrs.update(about | {"navigate": True})
    counts = nd.read_spectrum(tmp_path / "a.hspy", MASKS["some"], frames=(1, 3)).counts
    np.testing.assert_array_equal(counts, 7 * CUBE[MASKS["some"]].sum(axis=0))


@pytest.mark.parametrize(
    ("mask", "got"),
    [
        (np.ones((7, 9), bool), "bool of 7 x 9"),
        (np.ones((9, 7), np.int32), "int32 of 9 x 7"),
        (True, "bool of a single number"),
    ],
)
def test_masks_that_do_not_fit_are_refused(mask: Any, got: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", CUBE)
    with pytest.raises(nd.InputError, match=f"9 x 7 pixels, got {got}; give labels > 0"):
        nd.read_spectrum(path, mask)


def test_images_have_no_spectrum(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hspy", CUBE[..., 0])
    with pytest.raises(nd.InputError, match=r"a spectrum image in .*a\.hspy, got images only"):
        nd.read_spectrum(path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFileError, match="which does not exist"):
        nd.read_spectrum(tmp_path / "a.hspy")


def test_what_is_not_finite_matters_only_where_it_is_summed(tmp_path: Path) -> None:
    cube = CUBE.astype(np.float32)
    cube[3, 5, 100] = np.nan
    path = write(tmp_path / "a.hspy", cube)
    assert MASKS["one"][3, 5]
    with pytest.raises(nd.InputError, match="got 1 NaN or infinite sums"):
        nd.read_spectrum(path, MASKS["one"])
    np.testing.assert_array_equal(
        nd.read_spectrum(path, ~MASKS["one"]).counts, CUBE[~MASKS["one"]].sum(axis=0)
    )


def test_scaling_keeps_the_mean_of_a_pixel() -> None:
    spectrum = SumSpectrum(EnergyAxis(0.0, 0.01, 3), np.array([2.0, 0, 8]), n_pixels=4)
    assert spectrum.scale_to(10).counts.tolist() == [5, 0, 20]
    empty = SumSpectrum(EnergyAxis(0.0, 0.01, 3), np.zeros(3), n_pixels=0)
    assert not empty.scale_to(10).counts.any()
