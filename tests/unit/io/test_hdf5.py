"""HDF5 files are looked at before a reader trusts them."""

import struct
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_nanodope.io import UnreadableFileError
from napari_nanodope.io.hdf5 import check_hdf5


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "sound.hspy"
    with h5py.File(path, "w") as file:
        file.create_dataset("Experiments/a/data", data=np.arange(600).reshape(10, 60), chunks=True)
        file["Experiments/a"].attrs["title"] = "texts of variable length lie in a heap"
        words = np.array(["Cd", "Mn"], dtype=h5py.string_dtype())
        file.create_dataset("Experiments/a/elements", data=words)
    return path


def test_a_sound_file_passes(sound: Path) -> None:
    check_hdf5(sound)


def heaps(raw: bytes) -> list[int]:
    found, place = [], raw.find(b"GCOL")
    while place >= 0:
        found.append(place)
        place = raw.find(b"GCOL", place + 1)
    return found


@pytest.mark.parametrize("damage", ["version", "length", "object", "free"])
def test_a_damaged_heap_of_texts_is_told(damage: str, sound: Path) -> None:
    raw = bytearray(sound.read_bytes())
    start = heaps(bytes(raw))[0]
    length = struct.unpack_from("<Q", raw, start + 8)[0]
    place = start + 16
    while struct.unpack_from("<H", raw, place)[0]:
        place += 16 + (struct.unpack_from("<Q", raw, place + 8)[0] + 7) // 8 * 8
    match damage:
        case "version":
            raw[start + 4] = 7
        case "length":
            struct.pack_into("<Q", raw, start + 8, 1 << 40)
        case "object":
            struct.pack_into("<Q", raw, start + 24, length)
        case "free":
            struct.pack_into("<Q", raw, place + 8, 0)  # on this the library runs for ever
    sound.write_bytes(raw)
    with pytest.raises(UnreadableFileError, match=r"sound\.hspy, got one whose texts are damaged"):
        check_hdf5(sound)


def test_the_letters_of_a_heap_in_other_data_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "letters.hspy"
    with h5py.File(path, "w") as file:
        file["data"] = np.frombuffer(b"xGCOLyyz" * 40, np.uint8)
    check_hdf5(path)


def test_data_that_are_not_there_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "promise.hspy"
    with h5py.File(path, "w") as file:
        file.create_dataset("data", (20_000, 20_000, 2048), "u2", chunks=(1, 1, 2048))
    with pytest.raises(UnreadableFileError, match="1.64e\\+03 GB in 'data', of which 0 bytes"):
        check_hdf5(path)


def test_metadata_without_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.hspy"
    with h5py.File(path, "w") as file:
        file.create_dataset("notes", (1 << 29,), "u1", chunks=(1 << 24,), compression="gzip")
        for start in range(0, 1 << 29, 1 << 24):
            file["notes"][start : start + (1 << 24)] = 0
    with pytest.raises(UnreadableFileError, match="537 MB of metadata"):
        check_hdf5(path)


@pytest.mark.parametrize("kind", ["external link", "external data", "virtual", "twice"])
def test_what_lies_elsewhere_is_never_followed(kind: str, sound: Path) -> None:
    other = sound.with_name("other.h5")
    with h5py.File(other, "w") as file:
        file["data"] = np.ones((4, 4))
    with h5py.File(sound, "a") as file:
        group = file["Experiments/a"]
        match kind:
            case "external link":
                group["elsewhere"] = h5py.ExternalLink(str(other), "/data")
            case "external data":
                group.create_dataset("raw", (10,), "u1", external=[("/etc/hostname", 0, 10)])
            case "virtual":
                layout = h5py.VirtualLayout((4, 4), "f8")
                layout[:] = h5py.VirtualSource(str(other), "data", (4, 4))
                group.create_virtual_dataset("composed", layout)
            case "twice":
                group["knot"] = file["Experiments"]
    with pytest.raises(UnreadableFileError, match=r"another file|other files|knot of groups"):
        check_hdf5(sound)


@pytest.mark.parametrize("raw", [b"", b"\x89HDF\r\n\x1a\n", b"no HDF5 at all" * 100])
def test_what_is_no_hdf5_is_refused(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "none.hspy"
    path.write_bytes(raw)
    with pytest.raises(UnreadableFileError, match=r"none\.hspy"):
        check_hdf5(path)
