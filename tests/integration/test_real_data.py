"""Files from real microscopes; skipped where their folder is absent."""

from pathlib import Path

import numpy as np
import pytest

import napari_nanodope as nd
from napari_nanodope.io import UnreadableFileError


def test_platinum_sits_in_the_core_of_iron_oxide(real_data: Path) -> None:
    path = real_data / "imaging" / "nanoparticle-eds" / "core_shell.hspy"
    field = nd.read_field(path, ["Fe", "Pt"])
    assert field.pixel_size_nm == (0.5, 0.5)
    recipe = nd.Recipe().replace(field={"host": "Fe", "dopant": "Pt", "material": ""})
    summary = nd.analyze(field, recipe).summary
    assert summary["location"] == "core"
    assert summary["location_log_likelihood_ratio"] > 50
    assert summary["surface_fraction_high"] < 0.2


def test_silica_spheres_are_found_one_by_one(real_data: Path) -> None:
    folder = real_data / "imaging" / "nanoparticle-eds"
    field = nd.read_field(
        folder / "SiO2 EDS Spectrum Image.hspy",
        ["Si", "O"],
        survey=folder / "SiO2 HAADF Image.hspy",
    )
    assert field.pixel_size_nm == pytest.approx((8.552446, 8.552446), abs=1e-6)
    labels = nd.segment(field)
    assert labels.max() > 100
    inside = labels > 0
    assert field.map_of("Si")[inside].mean() > 5 * field.map_of("Si")[~inside].mean()


def test_vendor_files_read_or_say_why_not(real_data: Path) -> None:
    folder = real_data / "imaging" / "vendor-formats"
    files = [f for f in sorted(folder.rglob("*")) if f.suffix in {".emd", ".bcf", ".ASW", ".emi"}]
    assert files
    for file in files:
        try:
            field = nd.read_field(file, ["Si", "O"], pixel_size_nm=1.0)
        except nd.InputError as error:
            assert str(error).startswith("Expected")
        else:
            assert np.isfinite(field.map_of("Si")).all()


def test_a_file_that_is_not_what_it_says_is_unreadable(real_data: Path) -> None:
    with pytest.raises(UnreadableFileError, match=r"Nope\.bcf"):
        nd.read_field(real_data / "imaging" / "hard-cases" / "Nope.bcf", ["Si"])


def test_hard_cases_read_or_say_why_not(real_data: Path) -> None:
    files = [f for f in sorted((real_data / "imaging" / "hard-cases").iterdir()) if f.is_file()]
    assert len(files) >= 4
    for file in files:
        try:
            field = nd.read_field(file, ["Cu", "O"])
        except nd.InputError as error:
            assert file.name in str(error)
        else:
            assert field.elements == ("Cu", "O")


def test_images_alone_are_surveys_without_maps(real_data: Path) -> None:
    folder = real_data / "imaging" / "nanoparticle-eds"
    for name in ("JEOL HAADF Image.dm4", "SiO2 HAADF Image.hspy"):
        with pytest.raises(nd.InputError, match="maps of Si"):
            nd.read_field(folder / name, ["Si"])
        assert nd.read_field(folder / name).elements == ()
