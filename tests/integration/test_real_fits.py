"""Real files fitted by a project: the numbers are those of the functions, called by hand."""

import os
import shutil
from pathlib import Path

import pytest

import spectro
from spectro import epr
from spectro.jobs import open_jobs, run_jobs

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("NANODOPE_REAL_DATA", ROOT.parent / "shared" / "data")) / "spectra"
PROJECT = """\
[[sample]]
id = "real"

[[measurement]]
sample = "real"
technique = "epr"
files = "EMX_2Dpowersweep.*"
settings = { fit = "saturation", conversion_mT_per_sqrt_W = 0.1, nutation = 3.0 }

[[measurement]]
sample = "real"
technique = "epr"
files = "*PowerSweep*.xml"
settings = { fit = "saturation", together = true, model = "inhomogeneous" }

[[measurement]]
sample = "real"
technique = "nmr"
files = "topspin-1d"
settings.fit = "deconvolution"

[[measurement.settings.sites]]
name = "line"
shift_ppm = 0.0
width_ppm = 10.0
shape = "lorentzian"

[[measurement]]
sample = "real"
technique = "nmr"
files = "topspin-series"
settings = { fit = "buildup", window_ppm = [60, 130] }
"""

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no spectra in {DATA}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    (folder / "project.toml").write_text(PROJECT)
    files = [*DATA.glob("epr/EMX_2D*"), *DATA.glob("epr/magnettech/*PowerSweep*.xml")]
    for path in files:
        shutil.copy(path, folder / path.name)
    for name in ("topspin-1d", "topspin-series"):
        shutil.copytree(DATA / "nmr" / name, folder / name)
    return folder


def test_real_files_are_fitted_as_by_hand(folder: Path) -> None:
    report = run_jobs(open_jobs(folder))
    assert list(report.done) == [
        "real/epr-saturation-20220819_15",
        "real/epr-saturation-EMX_2Dpowersweep",
        "real/nmr-deconvolution-topspin-1d",
    ]
    ((name, reason),) = report.failures.items()
    assert name == "real/nmr-buildup-topspin-series"
    assert "Expected delays in s for topspin-series, got none" in reason
    found = {job.fit_id: job.load() for job in open_jobs(folder).jobs if job.path.is_file()}

    sweep = found["epr-saturation-EMX_2Dpowersweep"]
    curve = epr.saturation_curve(
        spectro.load(DATA / "epr" / "EMX_2Dpowersweep.par"),
        windows_mT=[sweep.settings["window_mT"]],
    )
    by_hand = epr.fit_saturation(
        curve.power_mW,
        curve.amplitude[0],
        error=curve.error[0],
        conversion_mT_per_sqrt_W=0.1,
        transition=epr.Transition.of_spin(2.5),
    )
    assert sweep.values == pytest.approx(dict(by_hand.values))
    assert 25 < sweep.values["P_half_mW"] < 50

    several = found["epr-saturation-20220819_15"]
    assert list(several.curves[0].data.x) == pytest.approx([0.001, 0.01, 0.1, 1.0, 10.0])
    assert any("give window_mT for another" in one for one in several.warnings)

    line = found["nmr-deconvolution-topspin-1d"]
    assert line.values["line.shift_ppm"] == pytest.approx(0.0, abs=1.0)
    assert 2 < line.values["line.width_ppm"] < 30
