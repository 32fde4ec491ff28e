"""A small project of spectra whose numbers are known, in the formats of spectrometers."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from spectro import epr, nmr

FREQUENCY_GHz, SEED = 9.5, 7
TRUE = SimpleNamespace(
    g=2.0045,
    a_MHz=-192.0,
    gaussian_mT=0.9,
    P_half_mW=8.0,
    percent={"core": 70.0, "surface": 30.0},
    time_s=12.0,
    beta=0.7,
    coupling_Hz=150.0,
    fraction=0.4,
    enhancement=32.0,
)
WIDTH_Hz, ZERO_MHz, N_POINTS = 20_000.0, 100.0, 1024

PROJECT = """\
[[sample]]
id = "24h"

[[sample]]
id = "48h"

[[measurement]]
sample = "24h"
technique = "epr"
files = "epr/24h.csv"
settings = { fit = "cw", model = "mn2+", starts = 1, frequency_GHz = 9.5 }

[[measurement]]
sample = "24h"
technique = "epr"
files = "epr/sweep.*"
settings = { fit = "saturation", model = "derivative", conversion_mT_per_sqrt_W = 0.1 }

[[measurement]]
sample = "48h"
technique = "epr"
files = "epr/power_*.csv"
settings = { fit = "saturation", model = "derivative", together = true, window_mT = [330, 350] }

[[measurement]]
sample = "24h"
technique = "nmr"
files = "nmr/1"

[measurement.settings]
fit = "deconvolution"
sites = [
    { name = "core", shift_ppm = 22.0, width_ppm = 6.0, shape = "lorentzian" },
    { name = "surface", shift_ppm = -18.0, width_ppm = 6.0, shape = "lorentzian" },
]

[[measurement]]
sample = "24h"
technique = "nmr"
files = ["nmr/table.csv"]
settings = { fit = "buildup", model = "stretched" }

[[measurement]]
sample = "24h"
technique = "nmr"
files = "nmr/2"
settings = { fit = "buildup", window_ppm = [26, 14], noise_ppm = [-95, 5] }

[[measurement]]
sample = "24h"
technique = "nmr"
files = "nmr/respdor.csv"
settings = { fit = "respdor", observed = "13C", saturated = "113Cd" }

[[measurement]]
sample = "48h"
technique = "nmr"
files = "nmr/3"
settings = { fit = "enhancement", off = "nmr/4", window_ppm = [14, 26] }
"""


def _write_text(path: Path, head: str, *columns: Sequence[float]) -> None:
    rows = [",".join(f"{one:.9g}" for one in row) for row in zip(*columns, strict=True)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


def _write_epr(folder: Path, rng: np.random.Generator) -> None:
    system = epr.SpinSystem(2.5, TRUE.g, [epr.Nucleus("55Mn", TRUE.a_MHz)])
    experiment = epr.CwExperiment(FREQUENCY_GHz, (305.0, 370.0), 600)
    spectrum = epr.simulate_cw(system, experiment, epr.LineShape(TRUE.gaussian_mT))
    y = spectrum.y / spectrum.y.max() + 0.02 * rng.normal(size=600)
    _write_text(folder / "24h.csv", "Field (mT),Intensity", spectrum.x, y)
    x, power = np.linspace(320.0, 360.0, 512), np.geomspace(0.05, 200.0, 12)
    s = power / TRUE.P_half_mW
    width = 2.0 * np.sqrt(1 + s)[:, None]  # of a homogeneous line, which saturation broadens
    u = (x - 340.0) / width
    rows = -16 * u / (3 + 4 * u**2) ** 2 * np.sqrt(power / (1 + s) ** 3)[:, None]
    rows = rows + 2e-4 * rng.normal(size=rows.shape)
    for letter, one, row in zip("abcdefghijkl", power.tolist(), rows, strict=True):
        head = f"# power_mW = {one!r}\nField (mT),Intensity"
        _write_text(folder / f"power_{letter}.csv", head, x, row)
    _write_sweep(folder / "sweep.DSC", x, power, rows)


def _write_sweep(path: Path, x: np.ndarray, power: np.ndarray, rows: np.ndarray) -> None:
    """A plane as BES3T has it, its powers in a file of their own."""
    lines = [
        "#DESC\t1.2 * DESCRIPTOR INFORMATION",
        *("DSRC\tEXP", "BSEQ\tBIG", "IKKF\tREAL", "IRFMT\tD"),
        *("XTYP\tIDX", f"XPTS\t{len(x)}", f"XMIN\t{10 * x[0]}", f"XWID\t{10 * np.ptp(x)}"),
        *("XNAM\t'Field'", "XUNI\t'G'"),
        *("YTYP\tIGD", f"YPTS\t{len(power)}", f"YMIN\t{power[0]}", f"YWID\t{np.ptp(power)}"),
        *("YFMT\tD", "YNAM\t'Microwave Power'", "YUNI\t'mW'"),
        *("#SPL\t1.2 * STANDARD PARAMETER LAYER", "MWFQ\t9.5e+09"),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="latin-1")
    path.with_suffix(".DTA").write_bytes(rows.astype(">f8").tobytes())
    path.with_suffix(".YGF").write_bytes(power.astype(">f8").tobytes())


def _write_topspin(folder: Path, rows: np.ndarray, n_scans: int = 1, delays_s=None) -> None:
    """An experiment with a FID, or a series of them over delays."""

    def write(path: Path, values: dict[str, object]) -> None:
        lines = ["##TITLE= Parameter file, TOPSPIN Version 3.6", "##JCAMPDX= 5.0"]
        lines += [f"##${name}= {value}" for name, value in values.items()]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([*lines, "##END=\n"]))

    acquired = {
        **{"AQ_mod": 3, "BYTORDA": 0, "DTYPA": 2, "TD": 2 * rows.shape[-1], "NC": 0},
        **{"SW_h": WIDTH_Hz, "SFO1": ZERO_MHz, "BF1": ZERO_MHz, "NUC1": "<113Cd>"},
        **{"GRPDLY": 0, "D": "(0..63)\n0 5 0", "NS": n_scans, "RG": 101},
    }
    write(folder / "acqus", acquired)
    write(folder / "pdata/1/procs", {"SF": ZERO_MHz, "PHC0": 0.0, "PHC1": 0.0})
    words = np.stack([rows.real, rows.imag], axis=-1).astype("<f8")
    if delays_s is not None:
        write(folder / "acqu2s", {"TD": len(delays_s)})
        (folder / "vdlist").write_text("\n".join(f"{one:.6g}" for one in delays_s) + "\n")
    (folder / ("fid" if delays_s is None else "ser")).write_bytes(words.tobytes())


def _make_fid(sites: dict[float, float], rng: np.random.Generator, noise: float) -> np.ndarray:
    """FID (N,) of Lorentzian lines of 5 ppm: amplitudes by their shifts, turned by 40 degrees."""
    t = np.arange(N_POINTS) / WIDTH_Hz
    rate = np.pi * 5.0 * ZERO_MHz
    y = sum(a * np.exp(2j * np.pi * ppm * ZERO_MHz * t - rate * t) for ppm, a in sites.items())
    y = np.asarray(y) * np.exp(1j * np.radians(40.0))

    return y + noise * (rng.normal(size=N_POINTS) + 1j * rng.normal(size=N_POINTS))


def _write_nmr(folder: Path, rng: np.random.Generator) -> None:
    both = {20.0: TRUE.percent["core"], -20.0: TRUE.percent["surface"]}
    _write_topspin(folder / "1", 100 * _make_fid(both, rng, 0.2))
    t = np.geomspace(0.2, 120.0, 14)
    recovered = 1 - np.exp(-t / TRUE.time_s)
    rows = np.array([_make_fid({20.0: 100 * one}, rng, 0.2) for one in recovered])
    _write_topspin(folder / "2", rows, delays_s=t)
    for name, amplitude, n_scans in (("3", TRUE.enhancement, 16), ("4", 1.0, 64)):
        fid = n_scans * _make_fid({20.0: amplitude}, rng, 0.02)
        _write_topspin(folder / name, fid, n_scans)
    m = 3.0 * (1 - np.exp(-((t / TRUE.time_s) ** TRUE.beta))) + 0.01 * rng.normal(size=len(t))
    _write_text(folder / "table.csv", "t_s,m,sigma", t, m, np.full(len(t), 0.01))
    tau = np.linspace(1e-3, 2.4e-2, 14)
    dephased = nmr.respdor_curve(tau, TRUE.coupling_Hz, "113Cd", TRUE.fraction)
    _write_text(
        folder / "respdor.csv", "tau_s,ds_s0", tau, dephased + 0.005 * rng.normal(size=len(tau))
    )


@pytest.fixture(scope="session")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, in which nothing has been fitted."""
    folder = tmp_path_factory.mktemp("fits") / "mine"
    rng = np.random.default_rng(SEED)
    _write_epr(folder / "epr", rng)
    _write_nmr(folder / "nmr", rng)
    (folder / "project.toml").write_text(PROJECT)
    return folder


@pytest.fixture
def folder(untouched: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(untouched, tmp_path / "mine"))


@pytest.fixture(scope="session")
def truth() -> SimpleNamespace:
    """What its spectra were made of."""
    return TRUE
