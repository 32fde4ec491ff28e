"""The text of the methods says what was used, and nothing else."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

import napari_nanodope as nd
from napari_nanodope.acquisitions import FieldState, ProjectField
from napari_nanodope.io.files import hash_files
from napari_nanodope.report.citations import METHODS, PACKAGES, Bibliography
from napari_nanodope.report.contents import Contents, FieldEntry, FitEntry
from napari_nanodope.report.microscopy import describe_microscopy
from napari_nanodope.report.pictures import focus
from napari_nanodope.report.spectroscopy import describe_spectroscopy
from spectro.model import Axis, Curve, FitResult, Spectrum

NETWORK = {
    "origin": "segmented",
    "method": "cellpose",
    "image": "survey",
    "diameter_nm": 8.0,
    "diameter_is_estimated": True,
    "model": "nanocrystal",
}
LINES = {
    "Mn": {"line": "Ka", "window_keV": [5.8, 6.0], "below_keV": [5, 5.2], "above_keV": [6.8, 7]},
    "Cd": {"line": "La", "window_keV": [3.0, 3.3], "below_keV": None, "above_keV": None},
}


def enter(
    name: str, recipe: nd.Recipe | None = None, status: str = "automatic", **told: Any
) -> FieldEntry:
    recipe = recipe or nd.Recipe()
    sample_id, field_id = name.split("/")
    field = ProjectField(Path("/p"), sample_id, field_id, (Path("/p/x.tif"),), {}, recipe)
    summary = {
        "host_element": "Cd",
        "dopant_element": "Mn",
        "n_particles": 10,
        "n_included": 8,
        "threshold": 0.5 if recipe.count.threshold == "auto" else recipe.count.threshold,
        "false_positives_per_pixel": 0.001,
    }
    provenance = {
        "version": "0.1.0",
        "recipe": recipe.model_dump(mode="json"),
        "input": {"settings": {}},
        "labels": NETWORK,
        "pixel_size_nm": [0.7, 0.7],
        "n_edits": 0,
    }
    state = FieldState(cast("Any", status), is_current=True)
    if status == "rejected":
        return FieldEntry(field, state, {}, {}, "")
    return FieldEntry(field, state, summary, provenance | told, "")


def describe(*fields: FieldEntry) -> tuple[str, list[str]]:
    contents = Contents(cast("Any", None), fields, (), {}, (), ())
    cited = Bibliography()
    told = " ".join(describe_microscopy(contents, cited))
    return told, [one.doi for one in cited.entries]


def test_what_all_fields_share_is_said_once() -> None:
    told, dois = describe(enter("a/1"), enter("a/2"), enter("b/1"))
    assert "3 fields of view of 2 samples, with pixels of 0.7 nm," in told
    assert "16 of 20" not in told
    assert "24 of 30 particles were included" in told
    assert "by the network 'nanocrystal' of napari-nanodope, with the flows and" in told
    assert "for an expected diameter of 8 nm (estimated from the picture)" in told
    assert "net counts of Mn above 0.5 was counted" in told
    assert "the Cd sites of CdS (zinc blende), 20.3 per nm³" in told
    assert METHODS["cellpose"].doi in dois
    assert METHODS["otsu"].doi not in dois
    assert METHODS["cellpose-sam"].doi not in dois


def test_what_differs_is_said_by_sample_or_by_field() -> None:
    low, high = (nd.Recipe().replace(count={"threshold": one}) for one in (0.4, 1.5))
    told, _ = describe(enter("a/1", low), enter("a/2", low), enter("b/1", high))
    assert "above 0.4 (a) and 1.5 (b) was counted" in told
    told, _ = describe(enter("a/1", low), enter("a/2", high))
    assert "above 0.4 (a/1) and 1.5 (a/2) was counted" in told


def test_every_setting_that_was_used_is_told() -> None:
    recipe = nd.Recipe().replace(
        particles={
            "exclude_border": False,
            "max_diameter_nm": 20.0,
            "min_solidity": 0.9,
            "max_contact_fraction": 0.25,
            "volume": "host",
        },
        count={"threshold": "auto"},
        profile={"distance": "erode-ceil", "shell_nm": 1.2},
        field={"material": "", "sites_per_nm3": 18.5},
    )
    told, dois = describe(enter("a/1", recipe, input={"settings": {"lines": LINES}}))
    assert "Net counts of Mn are those of Ka from 5.8 to 6 keV, less a background" in told
    assert "linearly from windows on both sides" in told
    assert "Net counts of Cd are those of La from 3 to 3.3 keV, with no background" in told
    assert "touch the border" not in told
    assert "have an equivalent diameter below 2 nm, have one above 20 nm, have a solidity" in told
    assert "share more than 25 % of their outline with others were left out" in told
    assert "its share by Cd counts of the total volume" in told
    assert "above 0.5, at which the standard error of the total is least, was counted" in told
    assert "18.5 Cd sites per nm³" in told
    assert "distance after an erosion by a pixel, rounded up" in told
    assert "a shell 1.2 nm thick" in told
    assert METHODS["distance"].doi not in dois


def test_rules_that_differ_make_one_sentence() -> None:
    plain, other = nd.Recipe(), nd.Recipe().replace(particles={"min_diameter_nm": 3.0})
    told, _ = describe(enter("a/1", plain), enter("b/1", other))
    assert "below 2 nm were left out (a) and particles that touch" in told
    alone = nd.Recipe().replace(particles={"min_diameter_nm": 0.0, "max_diameter_nm": 9.0})
    told, _ = describe(enter("a/1", alone))
    assert (
        "Particles that touch the border of the picture or have an equivalent diameter abo" in told
    )


def test_the_work_of_a_person_is_told() -> None:
    given = enter("a/1", labels={"origin": "given"}, n_edits=3, exclusions={"4": "blurred"})
    other = enter("a/2", labels=NETWORK | {"model": "cpsam_v2", "diameter_is_estimated": False})
    told, dois = describe(given, other, enter("a/3", status="rejected"))
    assert "1 further field was rejected by a person." in told
    assert "Outlines of a/1 were given by a person." in told
    assert "Outlines of a/1 were corrected by hand (3 edits)." in told
    assert "A person left out 1 particle." in told
    assert (
        "Nanocrystals of a/2 were outlined in the survey with Cellpose [2, 3] (model cpsam_v2)"
        in told
    )
    assert "(given)" in told
    assert METHODS["cellpose-sam"].doi in dois


def test_without_fields_nothing_is_said() -> None:
    assert describe() == ("", [])


def fit(kind: str, settings: dict[str, Any], folder: Path = Path("/p"), **asked: Any) -> FitEntry:
    row = {"value": 1.0, "unit": "", "low": 0.5, "high": 1.5, "level": 0.95, "method": "profile"}
    told = {"kind": kind, "settings": settings, "values": {"g": row}}
    recipe = folder / str(asked.get("recipe", "none"))
    inputs = [{"path": recipe.name, "sha256": hash_files([recipe])}] if recipe.is_file() else []
    provenance = {"settings": asked, "version": "0.1.0", "inputs": inputs}
    return FitEntry("a", kind, told, provenance, Path("x.json"), folder)


def tell_fits(*fits: FitEntry) -> str:
    contents = Contents(cast("Any", None), (), fits, {}, (), ())
    return " ".join(describe_spectroscopy(contents, Bibliography()))


@pytest.mark.parametrize(
    ("model", "exponent"),
    [
        ("inhomogeneous", "b = 1 (inhomogeneous)"),
        ("derivative", "b = 3 (derivative)"),
        ("empirical", "b fitted between 1 and 3"),
        (1.5, "b = 1.5"),
    ],
)
def test_the_exponent_of_saturation_is_told(model: str | float, exponent: str) -> None:
    settings = {"power_mW": [0.1, 20.0], "model": model, "nutation": 3.0}
    told = tell_fits(fit("saturation", settings | {"conversion_mT_per_sqrt_W": 0.2}))
    assert (
        f"from 0.1 to 20 mW were fitted by K P^1/2 / (1 + P / P½)^(b/2) [1, 2] with {exponent}."
        in told
    )
    assert "B1 = 0.2 mT W^−1/2 × P^1/2 and a nutation 3 times" in told
    assert told.endswith("Intervals are of 95 %, by the profile of the likelihood.")
    assert "B1" not in tell_fits(fit("saturation", settings))


def test_steps_of_processing_are_told_as_long_as_they_are_those(tmp_path: Path) -> None:
    recipe = tmp_path / "process.toml"
    transform = '[[step]]\ndo = "fourier_transform"\n'
    recipe.write_text(f'{transform}[[step]]\ndo = "phase"\nzero_deg = 35.0\n')
    site = {"name": "core", "shape": "gaussian"}
    settings = {"sites": [site, site | {"name": "edge"}], "baseline_degree": 1, "phase": "zero"}
    one = fit(
        "deconvolution",
        settings | {"n_starts": 3, "seed": 7},
        tmp_path,
        recipe="process.toml",
        window_ppm=[-20.0, 80.0],
    )
    told = tell_fits(one)
    assert "process.toml: fourier transform, phase with zero_deg = 35" in told
    assert "from −20 to 80 ppm by 2 lines, core and edge (gaussian), and a baseline of" in told
    assert "3 starts (seed 7)" in told
    recipe.write_text(transform)
    assert "process.toml, which was changed since" in tell_fits(one)


def test_dois_are_written_as_dois() -> None:
    for one in (*METHODS.values(), *PACKAGES.values()):
        assert one.doi.startswith("10.")
        assert " " not in one.doi


def make_fit(width: float) -> FitResult:
    x = np.linspace(1000, -1000, 2001)
    line = np.exp(-((x / width) ** 2))
    data = Spectrum(line, (Axis(x, "shift", "ppm"),))
    curve = Curve(data, data, {"core": line, "baseline": np.ones(2001)})
    return FitResult("m", {}, {}, {}, np.zeros((0, 0)), (curve,), 0.0)


def test_a_figure_shows_the_lines_rather_than_the_whole_axis() -> None:
    shown, told = focus(make_fit(20.0))
    x = shown.curves[0].data.x
    assert x[0] == -x[-1] == pytest.approx(20 * np.sqrt(np.log(100)) * 2.5, abs=3)
    assert {len(one) for one in (*shown.curves[0].components.values(), shown.best_fit.y)} == {
        len(x)
    }
    assert told == f"Shown from {x[0]:.0f} to −{x[0]:.0f} ppm; fitted from 1000 to −1000 ppm."
    wide = make_fit(400.0)
    assert focus(wide) == (wide, "")
