"""Every real file reads, with the calibration that its own header states, number by number."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

import napari_nanodope as nd
from napari_nanodope.io import UnreadableFileError

UM = 1000.0


class Stated(NamedTuple):
    """What a header states of a signal."""

    kind: str
    shape: tuple[int, ...]
    pixel_nm: tuple[float, float] | None = None
    offset_step_keV: tuple[float, float] | None = None


HARD, NANO, VENDOR = (
    f"imaging/{name}" for name in ("hard-cases", "nanoparticle-eds", "vendor-formats")
)
JEOL = f"{VENDOR}/jeol/Sample/00_View000/View000_00000"
# ScanSize 178 mm, Mag 40000, 512 pixels; CoefA 0.00999866 and CoefB less 96 channels of it
JEOL_NM = (178 / 40000 / 512 * 1e6,) * 2
JEOL_IMAGE = Stated("image", (512, 512), JEOL_NM)
JEOL_CUBE = Stated("spectrum image", (512, 512, 4096), JEOL_NM, (-0.96066132, 0.00999866))
# DX and DY of the XML header, in µm; CalibAbs and CalibLin, in keV
BCF_NM = (0.01180808099 * UM, 0.01273058731 * UM)
P45_NM, OVER_NM = (8.73678506197786 * UM,) * 2, (515.887176865564 * UM,) * 2
VELOX_NM = (3.599249255961469,) * 2  # PixelSize 3.5992492559614689e-09 m
VELOX_KEV = (-0.25, 0.01)  # OffsetEnergy -250 eV, Dispersion 10 eV
SIO2_NM = (0.008552446030080318 * UM,) * 2  # scale of the HDF5 axes
TIA = Stated("spectrum image", (5, 5, 4000), (4.258193731308558, 1.985914203270287), (0.0, 0.005))
FILES = {
    f"{HARD}/bcf_v2_50x50px.bcf": [
        Stated("image", (50, 50), BCF_NM),
        Stated("image", (825, 1100), BCF_NM),
        Stated("spectrum image", (50, 50, 2048), BCF_NM, (-0.47316066, 0.009996)),
    ],
    f"{HARD}/dmTest_float32_nonSquare_diffPixelSize.dm3": [
        Stated("image", (64, 128), (0.2, 1.0))  # 2.0 A, 1.0 nm
    ],
    f"{NANO}/JEOL HAADF Image.dm4": [
        Stated("image", (112, 112), (0.0012490135850384831 * UM,) * 2)
    ],
    f"{NANO}/SiO2 EDS Spectrum Image.hspy": [
        Stated("spectrum image", (128, 128, 2048), SIO2_NM, (0.0, 0.009999999776482582))
    ],
    f"{NANO}/SiO2 HAADF Image.hspy": [Stated("image", (128, 128), SIO2_NM)],
    f"{NANO}/core_shell.hspy": [Stated("spectrum image", (64, 64, 992), (0.5, 0.5), (0.16, 0.02))],
    f"{VENDOR}/P45_the_default_job.bcf": [
        Stated("image", (75, 100), P45_NM),
        Stated("image", (75, 100), P45_NM),
        Stated("spectrum image", (75, 100, 2048), P45_NM, (-0.472397235, 0.010001)),
    ],
    f"{VENDOR}/over16bit.bcf": [
        Stated("image", (3, 4), OVER_NM),
        Stated("spectrum image", (3, 4, 4096), OVER_NM, (-1.90077006, 0.020006)),
    ],
    f"{VENDOR}/Test SI 16x16 215 kx.emd": [
        *[Stated("image", (16, 16), VELOX_NM)] * 4,
        Stated("image", (2, 16, 16), VELOX_NM),  # HAADF, frame by frame
        *[Stated("spectrum", (4096,), None, VELOX_KEV)] * 4,
        Stated("spectrum image", (16, 16, 4096), VELOX_NM, VELOX_KEV),
    ],
    **{f"{JEOL}0{n}.{'map' if n else 'img'}": [JEOL_IMAGE] for n in range(6)},
    f"{JEOL}06.pts": [JEOL_CUBE],
    f"{VENDOR}/jeol/rawdata.ASW": [*[JEOL_IMAGE] * 6, JEOL_CUBE],
    f"{VENDOR}/tia/16x16-spectrum_image_5x5x4000-not_square.emi": [TIA],
    f"{VENDOR}/tia/16x16-spectrum_image_5x5x4000-not_square_1.ser": [TIA],
}
UNREADABLE = (f"{HARD}/Nope.bcf", f"{HARD}/181019-BN.ASW")


@pytest.mark.parametrize("name", FILES, ids=lambda name: Path(name).name)
def test_calibrations_are_those_of_the_header(name: str, real_data: Path) -> None:
    signals, stated = nd.list_signals(real_data / name), FILES[name]
    assert [(s.kind, s.shape) for s in signals] == [(one.kind, one.shape) for one in stated]
    for signal, one in zip(signals, stated, strict=True):
        assert signal.pixel_size_nm == (one.pixel_nm and pytest.approx(one.pixel_nm, rel=1e-8))
        energy = signal.energy and (signal.energy.offset_keV, signal.energy.step_keV)
        expected = one.offset_step_keV
        assert energy == (expected and pytest.approx(expected, rel=1e-6, abs=1e-9))


@pytest.mark.parametrize("name", FILES, ids=lambda name: Path(name).name)
def test_every_file_is_read_as_a_field(name: str, real_data: Path) -> None:
    field = nd.read_field(real_data / name)
    used = [one for one in FILES[name] if one.pixel_nm is not None][-1]
    assert field.shape == used.shape[:2]
    assert field.pixel_size_nm == pytest.approx(used.pixel_nm, rel=1e-8)
    assert np.isfinite(field.survey).all()


def test_the_table_names_every_file(real_data: Path) -> None:
    there = {f for f in (real_data / "imaging").rglob("*") if f.is_file() and f.suffix != ".png"}
    assert there == {real_data / name for name in (*FILES, *UNREADABLE)}


@pytest.mark.parametrize("name", UNREADABLE, ids=lambda name: Path(name).name)
def test_what_cannot_be_read_is_told_in_one_line(name: str, real_data: Path) -> None:
    for read in (nd.list_signals, nd.read_field):
        with pytest.raises(UnreadableFileError) as caught:
            read(real_data / name)
        message = str(caught.value)
        assert Path(name).name in message
        assert len(message.splitlines()) == 1


def test_micrographs_state_no_calibration(real_data: Path) -> None:
    for path in sorted((real_data / "imaging/masks/emps/images").glob("*.png"))[:3]:
        (signal,) = nd.list_signals(path)
        assert signal.pixel_size_nm is None
        with pytest.raises(nd.InputError, match="calibration in nm"):
            nd.read_field(path)
        assert nd.read_field(path, pixel_size_nm=2.0).shape == signal.image_shape


WINDOWS = nd.LineWindows(line="Ka", window_keV=(3.5, 3.9), above_keV=(4.0, 4.4))


def test_detectors_of_velox_add_up_to_the_count(real_data: Path) -> None:
    path = real_data / VENDOR / "Test SI 16x16 215 kx.emd"
    whole = nd.read_field(path, lines={"Ca": WINDOWS})
    apart = [nd.read_field(path, lines={"Ca": WINDOWS}, detectors=n) for n in range(4)]
    for part in ("maps", "variances"):
        total = sum(getattr(one, part)["Ca"].astype(np.float64) for one in apart)
        np.testing.assert_array_equal(getattr(whole, part)["Ca"], total)
    assert nd.read_field(path, lines={"Ca": WINDOWS}, detectors=[1, 3]).map_of("Ca").sum() == sum(
        apart[n].map_of("Ca").sum() for n in (1, 3)
    )
    with pytest.raises(nd.InputError, match="detectors from 0 to 3"):
        nd.read_field(path, ["Ca"], detectors=4)


def test_events_of_velox_are_those_in_the_file(real_data: Path) -> None:
    import h5py

    path = real_data / VENDOR / "Test SI 16x16 215 kx.emd"
    cubes = {}
    with h5py.File(path) as file:
        for name in sorted(file["Data/SpectrumStream"]):
            events = file["Data/SpectrumStream"][name]["Data"][:, 0]
            cube, pixel = np.zeros((256, 4096), int), 0
            for event in events.tolist():
                if event == 65535:
                    pixel += 1
                else:
                    cube[pixel % 256, event] += 1
            cubes[name] = cube.reshape(16, 16, 4096)
    first, end = 375, 416  # 3.50 to 3.90 keV
    total = sum(cubes.values())[..., first:end].sum(axis=2)
    raw = nd.LineWindows(line="Ka", window_keV=(3.5, 3.9))
    np.testing.assert_array_equal(nd.read_field(path, lines={"Ca": raw}).map_of("Ca"), total)


def test_frames_add_up(real_data: Path) -> None:
    path = real_data / VENDOR / "Test SI 16x16 215 kx.emd"
    whole = nd.read_field(path, lines={"Ca": WINDOWS}).map_of("Ca")
    parts = [nd.read_field(path, lines={"Ca": WINDOWS}, frames=(n, n + 1)) for n in (0, 1)]
    np.testing.assert_allclose(whole, sum(one.map_of("Ca") for one in parts), atol=1e-5)
    with pytest.raises(nd.InputError, match="frames from 0 to 2"):
        nd.read_field(path, ["Ca"], frames=(0, 3))


def test_the_survey_of_velox_is_the_mean_of_the_frames_chosen(real_data: Path) -> None:
    path = real_data / VENDOR / "Test SI 16x16 215 kx.emd"
    whole, *parts = (nd.read_field(path, ["Ca"], frames=f).survey for f in ("sum", (0, 1), (1, 2)))
    assert (parts[0] != parts[1]).any()
    np.testing.assert_array_equal(whole, (parts[0] + parts[1]) / 2)


def test_a_velox_scan_on_other_pixels_than_its_images_is_refused(
    real_data: Path, tmp_path: Path
) -> None:
    import h5py

    path = tmp_path / "fine.emd"
    path.write_bytes((real_data / VENDOR / "Test SI 16x16 215 kx.emd").read_bytes())
    with h5py.File(path, "a") as file:
        for number, group in enumerate(file["Data/Image"].values()):
            image = group["Data"][...]
            del group["Data"]
            group["Data"] = image.repeat(2, axis=0).repeat(2, axis=1)
            if number == 0:
                first = group
        with pytest.raises(UnreadableFileError, match="an image on the pixels of the spectrum"):
            nd.list_signals(path)
        del first["Data"]
        first["Data"] = image
    assert nd.list_signals(path)[-1].shape == (16, 16, 4096)


def test_frames_of_jeol_add_up(real_data: Path) -> None:
    path = real_data / f"{JEOL}06.pts"
    windows = {"Fe": nd.LineWindows(line="Ka", window_keV=(6.25, 6.55))}
    whole = nd.read_field(path, lines=windows).map_of("Fe")
    parts = [nd.read_field(path, lines=windows, frames=f).map_of("Fe") for f in ((0, 5), (5, 14))]
    np.testing.assert_array_equal(whole, parts[0] + parts[1])
    assert whole.sum() > 40_000


@pytest.mark.parametrize("frames", [(0, 100), (13, 15), (20, 100)])
def test_frames_that_jeol_did_not_record_are_refused(
    frames: tuple[int, int], real_data: Path
) -> None:
    with pytest.raises(nd.InputError, match="frames from 0 to 14 in"):
        nd.read_field(real_data / f"{JEOL}06.pts", ["Fe"], frames=frames)
    with pytest.raises(nd.InputError, match="keeps frames apart"):
        nd.read_field(real_data / f"{JEOL}01.map", frames=frames)


def test_the_background_of_platinum_is_right(real_data: Path) -> None:
    field = nd.read_field(real_data / NANO / "core_shell.hspy", ["Fe", "Pt"])
    watershed = nd.Recipe().replace(segment={"method": "watershed"})  # which takes faint rims in
    labels = nd.segment(field, watershed.segment, host="Fe")
    distance = distance_transform_edt(labels == 0)
    annulus = (distance > 2) & (distance <= 5)
    outside = field.map_of("Pt")[annulus]
    assert annulus.sum() > 500
    assert abs(outside.mean()) < 2 * outside.std() / np.sqrt(outside.size)
    poisson = np.sqrt(field.variances["Pt"][annulus].sum()) / outside.size
    assert outside.std() / np.sqrt(outside.size) == pytest.approx(poisson, rel=0.15)
    assert field.map_of("Pt")[labels > 0].mean() > 5
    assert field.map_of("Fe")[labels > 0].mean() > 10
