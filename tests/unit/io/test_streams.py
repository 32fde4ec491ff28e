"""Spectrum images written as Velox does: every X-ray is where it was put."""

import numpy as np
import pytest

import napari_nanodope as nd
from napari_nanodope.core.xray import EnergyAxis
from napari_nanodope.io.streams import XrayEvents, write_velox
from napari_nanodope.io.velox import open_scan
from napari_nanodope.model import InputError

ENERGY = EnergyAxis(-0.2, 0.01, 700)
SHAPE = (6, 5)


def draw_events(n=400):
    rng = np.random.default_rng(4)
    pixel, channel = rng.integers(30, size=n), rng.integers(700, size=n)
    return XrayEvents(np.append(pixel, [0, 29, 29]), np.append(channel, [0, 699, 699]), ENERGY)


def test_every_event_is_read_back(tmp_path):
    events = draw_events()
    survey = np.arange(30, dtype=np.uint16).reshape(SHAPE)
    write_velox(tmp_path / "a.emd", survey, events, 0.28)
    scan = open_scan(tmp_path / "a.emd")
    assert (scan.n_frames, scan.cube.shape) == (1, (*SHAPE, 700))
    assert (scan.energy.offset_keV, scan.energy.step_keV) == pytest.approx((-0.2, 0.01))
    assert scan.pixel_size_nm == pytest.approx((0.28, 0.28))
    expected = np.zeros((30, 700), int)
    np.add.at(expected, (events.pixel, events.channel), 1)
    found = scan.cube.sum_channels([(n, n + 1) for n in range(700)])
    np.testing.assert_array_equal(found.spectrum, expected.sum(axis=0))
    np.testing.assert_array_equal(found.pixels.reshape(30, 700), expected)


def test_field_has_survey_maps_and_calibration(tmp_path):
    survey = np.arange(30, dtype=np.uint16).reshape(SHAPE)
    channel = np.rint((np.array([3.134, 5.899, 5.899]) + 0.2) / 0.01).astype(int)
    events = XrayEvents(np.array([7, 8, 8]), channel, ENERGY)
    write_velox(tmp_path / "a.emd", survey, events, 0.28)
    field = nd.read_field(tmp_path / "a.emd", elements=("Cd", "Mn"))
    np.testing.assert_array_equal(field.survey, survey)
    assert field.pixel_size_nm == pytest.approx((0.28, 0.28))
    assert np.flatnonzero(field.maps["Cd"]).tolist() == [7]
    assert field.maps["Mn"].ravel()[8] == 2


def test_bytes_do_not_depend_on_when_or_where(tmp_path):
    survey = np.ones(SHAPE, np.uint16)
    for name in ("a.emd", "b.emd"):
        write_velox(tmp_path / name, survey, draw_events(), 0.28)
    assert (tmp_path / "a.emd").read_bytes() == (tmp_path / "b.emd").read_bytes()


def test_events_from_elsewhere_are_refused(tmp_path):
    with pytest.raises(InputError, match="channel below 700"):
        XrayEvents(np.array([1]), np.array([700]), ENERGY)
    events = XrayEvents(np.array([30]), np.array([5]), ENERGY)
    with pytest.raises(InputError, match="from 30 pixels"):
        write_velox(tmp_path / "a.emd", np.ones(SHAPE, np.uint16), events, 0.28)
    assert not list(tmp_path.iterdir())
