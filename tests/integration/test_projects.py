"""A project folder as a lab uses it: measured, cut off, curated, exported, read by others."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import psutil
import pytest
from distributed import LocalCluster
from filelock import FileLock

import napari_nanodope as nd
from napari_nanodope import batch, field_task
from napari_nanodope.acquisitions import MADE_BY
from napari_nanodope.batch import (
    BatchError,
    BatchProgress,
    BatchReport,
    BatchStoppedError,
    run_batch,
)
from napari_nanodope.batch_worker import do_safely
from napari_nanodope.core.editing import merge
from napari_nanodope.curation import Curation
from napari_nanodope.io.arrays import read_labels, save_field, save_labels
from napari_nanodope.project import ProjectError

PROJECT = """\
[project]
name = "Incubation"

[[sample]]
id = "24h"
icp_ms_mM = 19.0
metadata = { batch = 3 }

[[sample]]
id = "48h"

[sample.recipe.count]
threshold = 0.4

[[measurement]]
sample = "24h"
technique = "eds"
files = "eds/24h/*.npz"

[[measurement]]
sample = "48h"
technique = "eds"
files = "eds/48h/*.npz"
"""
# For root, who may read everything otherwise.
RESPECTFUL = (
    ("setpriv", "--inh-caps=-all", "--bounding-set=-dac_override,-dac_read_search")
    if os.geteuid() == 0
    else ()
)
MOUNT = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
CAN_MOUNT = bool(shutil.which("unshare")) and not subprocess.call(MOUNT, stderr=subprocess.DEVNULL)
NAMES = ["24h/scan0", "24h/scan2", "24h/scan4", "48h/scan1", "48h/scan3"]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project") / "mine"
    folder.mkdir()
    (folder / "project.toml").write_text(PROJECT)
    nd.Recipe().replace(segment={"method": "watershed"}).save(folder / "recipe.toml")
    for number in range(5):
        place = folder / "eds" / ("24h", "48h")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        field, _ = nd.simulate_field(nd.PhantomParams(shape_px=(90, 90)), seed=number)
        save_field(field, place / f"scan{number}.npz")
    for file in folder.rglob("*.npz"):
        os.utime(file, (1.7e9, 1.7e9))  # long ago, so that digests are remembered
    return folder


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """Commands may change it for the process that they are, which here is that of all tests."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def measured(untouched: Path, scheduler: str) -> Path:
    folder = copy(untouched, untouched.with_name("measured"))
    report = run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert (list(report.done), report.failures) == (NAMES, {})
    return folder


@pytest.fixture
def folder(measured: Path, tmp_path: Path) -> Path:
    return copy(measured, tmp_path / "mine")


def run_command(folder: Path, *before: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "napari_nanodope.cli", "batch", str(folder), "--workers", "1"]
    return subprocess.run([*before, *command], capture_output=True, text=True, check=False)


def copy(source: Path, target: Path) -> Path:
    shutil.copytree(source, target)
    return target


def digest_tables(folder: Path, results: str = "results") -> dict[str, str]:
    files = sorted((folder / results).glob("*/sample_id=*/*.parquet"))
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }


def list_leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob(".*") if "partial" in path.name]


def find_changed(folder: Path) -> list[str]:
    table = nd.Project.open(folder).statuses()
    rows = table[~table["is_current"]]
    return [f"{row.sample_id}/{row.field_id}: {row.reason}" for row in rows.itertuples()]


# Measured


def test_tables_do_not_depend_on_the_workers(
    measured: Path, untouched: Path, tmp_path: Path
) -> None:
    tables = digest_tables(measured)
    assert len(tables) == 2 * len(NAMES)
    for workers in (1, 2):
        folder = copy(untouched, tmp_path / str(workers))
        told: list[BatchProgress] = []
        report = run_batch(nd.Project.open(folder), workers=workers, progress=told.append)
        assert (list(report.done), report.failures) == (NAMES, {})
        assert digest_tables(folder) == tables
        assert [one.n_done for one in told] == [0, 1, 2, 3, 4, 5]
        assert told[0].left_s == float("inf")
        assert told[-1].left_s == 0
        assert told[-1].rate_per_s > 0
    assert list_leftovers(tmp_path) == []


def test_tables_are_those_of_analyze(measured: Path) -> None:
    project = nd.Project.open(measured)
    field = nd.read_field(measured / "eds/48h/scan1.npz", ["Cd", "Mn"], sample_id="48h")
    recipe = nd.Recipe.load(measured / "recipe.toml").replace(count={"threshold": 0.4})
    direct = nd.analyze(field, recipe)
    particles = project.particles()
    mine = particles[particles["field_id"] == "scan1"].reset_index(drop=True)
    assert list(mine["sample_id"].unique()) == ["48h"]
    shared = [name for name in direct.particles if name not in ("sample_id", "field_id")]
    expected = direct.particles[shared].astype(mine[shared].dtypes.to_dict())
    pd.testing.assert_frame_equal(mine[shared], expected)
    assert len(project.radial()) > len(particles)
    assert project.field("24h/scan0").recipe.expect.icp_ms_mM == 19.0


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # Dask 2026.8 with pandas 3.1
def test_others_read_the_tables_as_they_are(folder: Path) -> None:
    import duckdb
    from dask import dataframe

    expected = nd.Project.open(folder).particles().groupby("sample_id")["dopants"].sum()
    place = folder / "results" / "particles"
    query = f"select sample_id, sum(dopants) from '{place}/*/*.parquet' group by 1 order by 1"
    assert duckdb.sql(query).fetchall() == [
        (name, pytest.approx(total)) for name, total in expected.items()
    ]
    (place / "sample_id=24h" / ".scan0.abc.partial").touch()  # as while a batch is at work
    assert len(duckdb.sql(query).fetchall()) == 2
    lazy = dataframe.read_parquet(place).groupby("sample_id", observed=True)["dopants"].sum()
    assert lazy.compute(scheduler="sync").to_dict() == pytest.approx(expected.to_dict())
    plain = pd.read_parquet(place)
    assert plain.groupby("sample_id", observed=True)["dopants"].sum().to_dict() == pytest.approx(
        expected.to_dict()
    )


def test_no_half_table_has_the_name_of_a_table(
    folder: Path, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def replace(self: Path, target: Path) -> Path:
        seen.append(self.name)
        os.replace(self, target)
        return target

    monkeypatch.setattr(Path, "replace", replace)
    (folder / "results/fields/24h/scan0/provenance.json").unlink()
    run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert any(name.startswith(".scan0.") for name in seen)
    assert [name for name in seen if name.endswith(".parquet")] == []


def test_provenance_tells_everything(measured: Path) -> None:
    told = json.loads((measured / "results/fields/24h/scan0/provenance.json").read_text())
    assert told["files"] == ["eds/24h/scan0.npz"]
    assert told["recipe"]["expect"]["icp_ms_mM"] == 19.0
    assert told["version"] == nd.__version__
    assert {"numpy", "pyarrow", "distributed"} <= told["packages"].keys()
    assert set(told["parts"]) == {"input", "recipe", "settings", "version", "edits"}
    assert told["seconds"] > 0
    assert told["machine"]["host"]


# Run again


def test_a_second_run_does_nothing(folder: Path) -> None:
    times = {path: path.stat().st_mtime_ns for path in (folder / "results").rglob("*.parquet")}
    report = run_batch(nd.Project.open(folder))
    assert (report.done, report.n_current, report.was_cut_off) == ((), 5, False)
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_only_what_changed_is_measured_again(folder: Path, scheduler: str) -> None:
    text = (folder / "project.toml").read_text()
    (folder / "project.toml").write_text(text.replace("threshold = 0.4", "threshold = 1.5"))
    shutil.copy(folder / "eds/24h/scan0.npz", folder / "eds/24h/scan2.npz")
    shutil.copy(folder / "eds/24h/scan0.npz", folder / "eds/24h/scan6.npz")
    (folder / "results/radial/sample_id=24h/scan4.parquet").unlink()
    assert find_changed(folder) == [
        "24h/scan2: changed: input",
        "24h/scan4: changed: tables",
        "24h/scan6: never measured",
        "48h/scan1: changed: recipe",
        "48h/scan3: changed: recipe",
    ]
    report = run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert len(report.done) == 5
    assert report.n_current == 1
    assert find_changed(folder) == []


def test_inputs_are_those_that_are_read(tmp_path: Path) -> None:
    names = "scan1.emd scan10.emd a.emi a_1.ser ab_1.ser m.spd m.spc m.ipr r.rpl r.raw r1.raw"
    for name in names.split():
        (tmp_path / name).touch()
    about = '[[measurement]]\nsample = "a"\ntechnique = "eds"\nfiles = '
    files = ["scan*.emd", "*.emi", "*.spd", "*.rpl"]
    (tmp_path / "project.toml").write_text(f'[[sample]]\nid = "a"\n{about}{files}\n')
    told = {
        one.field_id: {path.name for path in one.list_inputs()}
        for one in nd.Project.open(tmp_path).fields
    }
    assert told == {
        "a": {"a.emi", "a_1.ser"},
        "m": {"m.spd", "m.spc", "m.ipr"},
        "r": {"r.rpl", "r.raw"},
        "scan1": {"scan1.emd"},
        "scan10": {"scan10.emd"},
    }


def test_tables_of_fields_that_are_gone_are_told_and_removed_when_asked(
    folder: Path, run: Run
) -> None:
    (folder / "eds/24h/scan2.npz").unlink()
    code, out, _ = run("batch", folder)
    assert code == 0
    assert "2 table(s) of fields or fits that the project no longer has" in out
    assert len(nd.Project.open(folder).find_orphans()) == 2
    assert run("batch", folder, "--prune")[0] == 0
    assert nd.Project.open(folder).find_orphans() == []
    assert (folder / "results/fields/24h/scan2/labels.tif").exists()


# Curated


def edit(folder: Path) -> int:
    """Merge two particles of a field, exclude a third; how many are left."""
    curation = Curation.open(folder)
    labels = curation.labels
    ids = [int(label) for label in np.unique(labels) if label]
    curation.do("merge", merge(labels, ids[:2]))
    curation.exclude([ids[3]], "blurred")
    curation.close()
    return len(ids) - 1


def test_curated_labels_are_kept_and_measured_again(folder: Path, scheduler: str) -> None:
    place = folder / "results/fields/24h/scan0"
    n_left = edit(place)
    kept = (place / "labels.tif").read_bytes(), (place / "edits.jsonl").read_bytes()
    assert find_changed(folder) == ["24h/scan0: changed: edits"]
    recipe = nd.Recipe.load(folder / "recipe.toml")
    recipe.replace(segment={"diameter_nm": 30.0}).save(folder / "recipe.toml")
    report = run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert len(report.done) == 5
    assert ((place / "labels.tif").read_bytes(), (place / "edits.jsonl").read_bytes()) == kept
    project = nd.Project.open(folder)
    assert project.statuses()["status"].tolist() == ["curated", *["automatic"] * 4]
    particles = project.particles()
    mine = particles[(particles["sample_id"] == "24h") & (particles["field_id"] == "scan0")]
    assert len(mine) == n_left
    assert (mine["exclusion_reason"] == "blurred").sum() == 1
    assert find_changed(folder) == []


def test_labels_that_a_person_put_there_are_kept(folder: Path, scheduler: str) -> None:
    place = folder / "results/fields/48h/scan1"
    own = np.zeros((90, 90), np.int32)
    own[20:40, 20:40] = 7
    save_labels(own, place / "labels.tif", (0.7, 0.7))
    report = run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert report.done == ("48h/scan1",)
    np.testing.assert_array_equal(read_labels(place / "labels.tif"), own)
    project = nd.Project.open(folder)
    particles = project.particles()
    assert particles[particles["field_id"] == "scan1"]["label"].tolist() == [7]
    assert project.statuses().loc[3, "status"] == "curated"


def test_labels_of_a_batch_that_was_cut_off_are_no_persons(folder: Path, scheduler: str) -> None:
    place = folder / "results/fields/48h/scan1"
    save_labels(np.zeros((90, 90), np.int32), place / "labels.tif", (0.7, 0.7), note=MADE_BY)
    (place / "provenance.json").unlink()
    tables = digest_tables(folder)
    run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert digest_tables(folder) == tables
    assert read_labels(place / "labels.tif").max() > 1


def test_a_field_that_is_open_in_a_window_is_left_alone(folder: Path, scheduler: str) -> None:
    place = folder / "results/fields/24h/scan0"
    shutil.copy(folder / "eds/24h/scan2.npz", folder / "eds/24h/scan0.npz")
    curation = Curation.open(place)
    before = (place / "labels.tif").read_bytes()
    report = run_batch(nd.Project.open(folder), scheduler=scheduler)
    curation.close()
    assert list(report.failures) == ["24h/scan0"]
    assert "open in a window" in report.failures["24h/scan0"]
    assert (place / "labels.tif").read_bytes() == before
    assert run_batch(nd.Project.open(folder), scheduler=scheduler).done == ("24h/scan0",)


def test_reviews(folder: Path, scheduler: str) -> None:
    project = nd.Project.open(folder)
    field = project.field("24h/scan2")
    with pytest.raises(nd.InputError, match="Expected a reason to reject"):
        field.review("rejected")
    field.review("rejected", "drifted")
    assert "scan2" not in set(project.particles()["field_id"])
    report = run_batch(project, scheduler=scheduler)
    assert (report.done, report.n_rejected, report.n_current) == ((), 1, 4)
    field.review("")
    assert run_batch(project, scheduler=scheduler).done == ("24h/scan2",)
    before = project.particles()
    field.review("curated")
    assert run_batch(project, scheduler=scheduler).done == ("24h/scan2",)
    assert project.statuses().loc[1, "status"] == "curated"
    pd.testing.assert_frame_equal(project.particles(), before)


@pytest.mark.parametrize("verdict", ["curated", "rejected"])
def test_what_is_said_of_a_field_while_it_is_measured_holds(
    folder: Path, verdict: Literal["curated", "rejected"], monkeypatch: pytest.MonkeyPatch
) -> None:
    nd.Recipe().replace(segment={"method": "watershed", "diameter_nm": 4.0}).save(
        folder / "recipe.toml"
    )
    project = nd.Project.open(folder)
    one = project.field("24h/scan0")
    one.table("particles").unlink()
    before = (one.folder / "labels.tif").read_bytes()

    def review_it(*args: Any, **options: Any) -> nd.FieldResult:
        result = nd.analyze(*args, **options)
        one.review(verdict, "drifted")
        return result

    monkeypatch.setattr(field_task, "analyze", review_it)
    outcome = do_safely(one, one.find_state(project.open_digests()).parts)
    assert (one.folder / "labels.tif").read_bytes() == before
    if verdict == "rejected":
        assert "rejected while it was measured" in outcome["problem"]
        assert not one.table("particles").exists()
    else:
        assert field_task.reproduce(one).differences == ()


# What goes wrong


def test_damaged_notes_of_a_batch_are_done_again(folder: Path, scheduler: str, run: Run) -> None:
    (folder / "results/failures.json").write_text("{bad")
    (folder / "results/fields/24h/scan2/provenance.json").write_text('{"parts": [1]}')
    (folder / "results/fields/48h/scan1/provenance.json").write_text('{"parts": null}')
    code, out, _ = run("status", folder)
    assert code == 0
    assert out.count("1 to measure") == 2
    report = run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert (report.done, report.failures) == (("24h/scan2", "48h/scan1"), {})


def test_a_review_that_cannot_be_read_is_the_problem_of_its_field(
    folder: Path, scheduler: str, run: Run
) -> None:
    project = nd.Project.open(folder)
    one = project.field("24h/scan2")
    path = one.folder / "review.json"
    before = digest_tables(folder)
    (folder / "results/fields/48h/scan1/provenance.json").unlink()
    for text in ("{bad", "[]", '{"status": "perhaps"}'):
        path.write_text(text)
        table = project.statuses().set_index("field_id")
        assert "Expected 'curated', 'rejected' or '' as status" in table.loc["scan2", "problem"]
        assert list(table.index[table["problem"] != ""]) == ["scan2"]
    assert run("status", folder)[0] == 0
    report = run_batch(project, scheduler=scheduler)
    assert (report.done, list(report.failures)) == (("48h/scan1",), ["24h/scan2"])
    assert digest_tables(folder) == before
    one.review("curated")
    assert run_batch(project, scheduler=scheduler).done == ("24h/scan2",)


def test_corrupt_inputs_are_told_and_the_rest_completes(
    untouched: Path, tmp_path: Path, run: Run
) -> None:
    folder = copy(untouched, tmp_path / "mine")
    (folder / "eds/24h/scan2.npz").write_bytes(b"PK no archive")
    (folder / "eds/24h/scan4.npz").unlink()
    (folder / "eds/24h/scan4.npz").symlink_to(folder / "nowhere.npz")
    text = (folder / "project.toml").read_text()
    (folder / "project.toml").write_text(text.replace("eds/48h/*", "eds/49h/*"))
    code, out, err = run("batch", folder, "--workers", 1)
    assert code == 1
    assert "1 field(s) measured" in out
    assert "3 failed" in out
    told = {line.split(": ")[1] for line in err.splitlines()}
    assert told == {"24h/scan2", "24h/scan4", "project.toml, line 23"}
    assert "no file matches 'eds/49h/*.npz' (did you mean 48h in eds?)" in err
    status = run("status", folder)
    assert status[0] == 0
    assert "Expected a NumPy archive" in status[1]
    assert "No such file or directory" in status[1]


def test_a_review_that_is_damaged_leaves_the_rest(folder: Path, scheduler: str) -> None:
    place = nd.Project.open(folder).field("24h/scan0").folder
    labels = (place / "labels.tif").read_bytes()
    (place / "review.json").write_text("{")
    report = run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert (report.n_current, list(report.failures)) == (4, ["24h/scan0"])
    assert "remove the file, and review the field again" in report.failures["24h/scan0"]
    assert (place / "labels.tif").read_bytes() == labels


def test_results_that_are_damaged_are_made_again(folder: Path, scheduler: str) -> None:
    before = digest_tables(folder)
    project = nd.Project.open(folder)
    places = {one.name: one.folder for one in project.fields}
    project.field(NAMES[0]).table("particles").write_bytes(b"PAR1, cut off")
    (places[NAMES[1]] / "summary.json").write_text("[]")
    (places[NAMES[2]] / "labels.tif").unlink()
    (places[NAMES[3]] / "provenance.json").write_text('{"parts": 3}')
    reasons = {name: one.reason for name, one in project.find_states().items()}
    assert list(reasons.values())[:3] == [f"changed: {w}" for w in ("tables", "summary", "labels")]
    assert run_batch(project, scheduler=scheduler).done == tuple(NAMES[:4])
    assert digest_tables(folder) == before


def test_an_unreadable_folder_leaves_the_rest(folder: Path) -> None:
    (folder / "eds/48h").chmod(0)
    try:
        done = run_command(folder, *RESPECTFUL)
    finally:
        (folder / "eds/48h").chmod(0o755)
    assert done.returncode == 1
    assert "3 were up to date" in done.stdout
    assert done.stderr.count("Permission denied") == len(done.stderr.splitlines())


FULL_DISK = 'mount -t tmpfs -o size=130k tmpfs "$0/results" && "$@"; code=$?; cp -r "$0/results" '


@pytest.mark.skipif(not CAN_MOUNT, reason="no small disk can be mounted here")
def test_a_full_disk_keeps_what_is_whole(measured: Path, untouched: Path, tmp_path: Path) -> None:
    folder, seen = copy(untouched, tmp_path / "mine"), tmp_path / "seen"
    (folder / "results").mkdir()
    script = f"{FULL_DISK} {seen}; exit $code"
    done = run_command(folder, "unshare", "-rm", "sh", "-c", script, str(folder))
    assert done.returncode == 1
    assert 0 < done.stderr.count("No space left on device") == len(done.stderr.splitlines()) < 5
    tables = digest_tables(seen.parent, "seen")
    assert 0 < len(tables) < 2 * len(NAMES)
    assert (
        tables.items()
        <= {
            name.replace("results", "seen"): one for name, one in digest_tables(measured).items()
        }.items()
    )
    assert list_leftovers(seen) == []


def test_a_field_that_fails_loses_the_tables_that_no_longer_hold(
    folder: Path, scheduler: str
) -> None:
    (folder / "eds/24h/scan2.npz").write_bytes(b"PK no archive")
    report = run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert list(report.failures) == ["24h/scan2"]
    assert "scan2" not in set(nd.Project.open(folder).particles()["field_id"])


def test_inputs_that_are_away_keep_their_results(folder: Path, scheduler: str) -> None:
    (folder / "eds").rename(folder / "away")
    report = run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert len(report.failures) == 2
    (folder / "away").rename(folder / "eds")
    assert find_changed(folder) == []


def test_two_batches_do_not_share_a_project(folder: Path, run: Run) -> None:
    holder = folder / "results/.batch.json"
    with FileLock(folder / "results/.batch.lock"):
        holder.write_text(json.dumps({"pid": 4711, "host": "here", "time": 1.7e9}))
        code, _, err = run("batch", folder)
    assert code == 2
    assert "Expected no other batch at work" in err
    assert "process 4711 on here since" in err
    with pytest.raises(BatchError, match="process 4711 on here"):  # another computer, just now
        run_batch(nd.Project.open(folder))
    os.utime(holder, (1.7e9, 1.7e9))  # and one that has not been heard of since
    assert run_batch(nd.Project.open(folder)).was_cut_off
    assert not holder.exists()


def test_what_cannot_begin_says_so(folder: Path, untouched: Path) -> None:
    with pytest.raises(BatchError, match="at least one worker"):
        run_batch(nd.Project.open(untouched), workers=0)
    with pytest.raises(BatchError, match="address of a scheduler"):
        shutil.rmtree(folder / "results")
        run_batch(nd.Project.open(folder), scheduler="nonsense://x")


def test_a_batch_that_is_killed_is_finished_by_the_next(
    untouched: Path, measured: Path, tmp_path: Path
) -> None:
    folder = copy(untouched, tmp_path / "mine")
    command = [sys.executable, "-m", "napari_nanodope.cli", "batch", str(folder), "--workers", "1"]
    batch = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(folder.glob("results/fields/*/*/provenance.json")):
        assert batch.poll() is None
        time.sleep(0.005)
    batch.send_signal(signal.SIGKILL)
    batch.wait()
    (folder / "results/fields/24h/.labels.abc.partial.tif").touch()  # if it was not just then
    report = run_batch(nd.Project.open(folder), workers=1)
    assert report.was_cut_off
    assert len(report.done) < 5
    assert digest_tables(folder) == digest_tables(measured)
    assert list_leftovers(folder) == []


def test_a_worker_that_is_killed_is_replaced(
    untouched: Path, measured: Path, tmp_path: Path
) -> None:
    folder = copy(untouched, tmp_path / "mine")
    killed: list[int] = []

    def kill(how_far: BatchProgress) -> None:
        if how_far.n_done == 1 and not killed:
            for child in psutil.Process().children(recursive=True):
                if "spawn_main" in " ".join(child.cmdline()):
                    killed.append(child.pid)
                    child.kill()

    report = run_batch(nd.Project.open(folder), workers=1, progress=kill)
    assert killed
    assert (list(report.done), report.failures) == (NAMES, {})
    assert digest_tables(folder) == digest_tables(measured)
    assert list_leftovers(folder) == []


def test_a_scheduler_that_runs_apart(untouched: Path, measured: Path, tmp_path: Path) -> None:
    folder, told = copy(untouched, tmp_path / "mine"), tmp_path / "scheduler.json"
    place = ["--scheduler-file", str(told), "--no-dashboard"]
    commands = [["scheduler", "--port", "0", *place], *2 * [["worker", "--nthreads", "1", *place]]]
    apart = [
        subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{name}", *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=tmp_path,
        )
        for name, *words in commands
    ]
    try:
        while not told.exists():
            assert apart[0].poll() is None
            time.sleep(0.02)
        address = json.loads(told.read_text())["address"]
        report = run_batch(nd.Project.open(folder), scheduler=address)
        assert (list(report.done), report.failures) == (NAMES, {})
        assert digest_tables(folder) == digest_tables(measured)
        shutil.rmtree(folder / "results")

        def kill(how_far: BatchProgress) -> None:
            if how_far.n_done == 1:
                apart[0].kill()

        with pytest.raises(BatchStoppedError, match="start it and run the batch again"):
            run_batch(nd.Project.open(folder), scheduler=address, progress=kill)
    finally:
        for one in apart:
            one.kill()
            one.wait()
    assert digest_tables(folder).items() <= digest_tables(measured).items()
    assert list_leftovers(folder) == []


def test_a_scheduler_without_workers_is_not_waited_for(
    untouched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copy(untouched, tmp_path / "mine")
    monkeypatch.setattr(batch, "_PATIENCE_S", 0.1)
    nobody = {"dashboard_address": "127.0.0.1:0"}
    with (
        LocalCluster(
            n_workers=0, processes=False, dashboard_address=None, scheduler_kwargs=nobody
        ) as cluster,
        pytest.raises(BatchStoppedError, match="Expected workers, got none for"),
    ):
        run_batch(nd.Project.open(folder), scheduler=cluster.scheduler_address)
    assert list_leftovers(folder) == []


def test_a_batch_that_is_stopped_ends_cleanly(
    untouched: Path, scheduler: str, tmp_path: Path
) -> None:
    folder = copy(untouched, tmp_path / "mine")
    done: list[str] = []

    def tell(how_far: BatchProgress) -> None:
        done.append(how_far.field)

    with pytest.raises(KeyboardInterrupt):
        run_batch(
            nd.Project.open(folder),
            scheduler=scheduler,
            progress=tell,
            cancelled=lambda: len(done) > 1,
        )
    assert list_leftovers(folder) == []
    rest: BatchReport = run_batch(nd.Project.open(folder), scheduler=scheduler)
    assert not rest.was_cut_off
    assert rest.failures == {}
    assert nd.Project.open(folder).statuses()["is_current"].all()


# Mistakes


def test_ten_mistakes_are_told_at_once(folder: Path, run: Run) -> None:
    (folder / "project.toml").write_text(
        PROJECT.replace("icp_ms_mM = 19.0", "icp_ms = 19.0\nfeed = -1")
        .replace('id = "48h"', 'id = "48h"\nhost = "cadmium"\n')
        .replace("threshold = 0.4", "thresold = 0.4")
        .replace('files = "eds/24h/*.npz"', 'files = "eds/24h/*.emd"\nsettings.pixel_nm = 0.7')
        .replace('sample = "48h"\ntechnique = "eds"', 'sample = "49h"\ntechnique = "edx"')
        + "\n[defautls]\n[[sample]]\nid = 24\n[[sample]]\nid = '72h'\nrecipe.cuont.threshold = 1\n"
    )
    code, out, err = run("status", folder)
    lines = err.splitlines()
    assert (code, out) == (2, "")
    found = [line.split(":")[0].strip() for line in lines[1:]]
    assert len(found) == int(lines[0].split(", got ")[1].split()[0])
    assert found == sorted(found, key=lambda one: int(one.split()[1]))
    for told in (
        "line 6: sample '24h': icp_ms is no key (did you mean icp_ms_mM?).",
        "line 7: sample '24h': feed: expected at least 0, got -1.",
        "line 12: sample '48h': host: expected an element symbol such as 'Cd', got 'cadmium'.",
        "line 21: measurement: no file matches 'eds/24h/*.emd' (there is scan0.npz, scan2.npz, "
        "scan4.npz in eds/24h).",
        "line 25: measurement: no sample is called '49h' (did you mean 48h?).",
        "line 26: measurement 'edx' '49h': technique 'edx' is not known (did you mean eds?).",
        "line 29: [defautls] is no table (did you mean defaults?).",
        "line 31: sample: id: expected text in quotes, got 24.",
        "line 34: sample '72h': recipe: [cuont] is no setting (did you mean count?).",
    ):
        assert f"  {told}" in lines


def test_settings_and_recipes_are_checked_too(folder: Path) -> None:
    (folder / "project.toml").write_text(
        PROJECT.replace("threshold = 0.4", "thresold = 0.4").replace(
            'files = "eds/24h/*.npz"', 'files = "eds/24h/*.npz"\nsettings.pixel_nm = 0.7'
        )
    )
    (folder / "recipe.toml").write_text("[count]\nthreshold = -1\n")
    with pytest.raises(ProjectError) as caught:
        nd.Project.open(folder)
    told = [str(one) for one in caught.value.problems]
    assert "[count] threshold: expected at least 0 or 'auto', got -1" in told[0]
    assert told[1:] == [
        "line 13: sample '48h': recipe: [count] thresold is no setting (did you mean threshold?).",
        "line 18: measurement: settings.pixel_nm is no setting of 'eds' (did you mean "
        "pixel_size_nm?).",
    ]


def test_two_inputs_of_one_name_are_told(folder: Path) -> None:
    shutil.copy(folder / "eds/24h/scan0.npz", folder / "eds/24h/scan0.copy.npz")
    (folder / "eds/24h/scan0.tif").touch()
    text = (folder / "project.toml").read_text()
    (folder / "project.toml").write_text(text.replace("eds/24h/*.npz", "eds/24h/*.*"))
    with pytest.raises(ProjectError, match="would both be field 24h/scan0; rename one"):
        nd.Project.open(folder)
    (folder / "eds/24h/scan0.tif").unlink()
    (folder / "project.toml").write_text(text.replace("eds/24h/*.npz", "eds/**/*.npz"))
    names = [one.field_id for one in nd.Project.open(folder).fields if one.sample_id == "24h"]
    assert {"24h_scan0", "48h_scan1"} <= set(names)


def test_one_input_with_two_settings_is_told(folder: Path) -> None:
    text = (folder / "project.toml").read_text()
    again = '[[measurement]]\nsample = "24h"\ntechnique = "eds"\nfiles = "eds/24h/scan0.npz"\n'
    (folder / "project.toml").write_text(f"{text}\n{again}")
    assert len(nd.Project.open(folder).fields) == len(NAMES)
    (folder / "project.toml").write_text(f"{text}\n{again}settings.pixel_size_nm = 0.5\n")
    with pytest.raises(ProjectError, match="scan0.npz is told of twice in sample '24h', with oth"):
        nd.Project.open(folder)


def test_a_sample_that_is_no_table_is_told(folder: Path) -> None:
    (folder / "project.toml").write_text("sample = 3\nmeasurement = 4\n")
    with pytest.raises(ProjectError, match=r"expected \[\[sample\]\] in double brackets"):
        nd.Project.open(folder)


# Commands


def test_a_project_from_nothing(tmp_path: Path, run: Run) -> None:
    code, out, _ = run("init", tmp_path / "new")
    assert code == 0
    assert "Edit" in out
    assert run("status", tmp_path / "new")[:2] == (
        0,
        f"{tmp_path / 'new'}: 1 sample(s), 0 field(s)\n",
    )
    assert run("batch", tmp_path / "new")[0] == 0
    assert run("init", tmp_path / "new")[0] == 2
    sheet = tmp_path / "samples.csv"
    sheet.write_text("id,dopant,icp_ms_mM,ligand\n24h,Mn,19.5,oleate\n48h,Mn,21,oleate\n")
    assert run("init", tmp_path / "more", "--sheet", sheet, "--json")[0] == 0
    samples = nd.Project.open(tmp_path / "more").samples
    assert [(one.id, one.icp_ms_mM) for one in samples] == [("24h", 19.5), ("48h", 21.0)]


@pytest.mark.parametrize("kind", ["csv", "parquet", "excel"])
def test_exports(measured: Path, tmp_path: Path, run: Run, kind: str) -> None:
    assert run("export", measured, "--out", tmp_path / "out", "--format", kind)[0] == 0
    project = nd.Project.open(measured)
    if kind == "excel":
        sheets = pd.read_excel(tmp_path / "out/measured.xlsx", sheet_name=None)
    else:
        read = pd.read_csv if kind == "csv" else pd.read_parquet
        sheets = {path.stem: read(path) for path in (tmp_path / "out").iterdir()}
    assert set(sheets) == set("samples fields summaries particles radial joint joint_wide".split())
    assert len(sheets["particles"]) == len(project.particles())
    assert sheets["particles"]["dopants"].sum() == pytest.approx(
        project.particles()["dopants"].sum()
    )
    assert sheets["samples"]["metadata.batch"].tolist()[0] == 3


def test_reproduce_compares(folder: Path, run: Run) -> None:
    assert run("reproduce", "24h/scan0", "--project", folder)[:2] == (
        0,
        "24h/scan0 measured again equals what was written.\n",
    )
    shutil.copy(folder / "eds/24h/scan2.npz", folder / "eds/24h/scan0.npz")
    code, out, _ = run("reproduce", "24h/scan0", "--project", folder)
    assert code == 1
    assert "The input has other bytes." in out
    code, _, err = run("reproduce", "24h/scan", "--project", folder)
    assert code == 2
    assert "did you mean 24h/scan" in err


def test_fits_of_a_project(folder: Path) -> None:
    place = folder / "results/fits/sample_id=24h"
    place.mkdir(parents=True)
    row = {"value": 2.0, "unit": "mT", "low": 1.9, "high": 2.1}
    (place / "epr_1.json").write_text(json.dumps({"model": "line", "values": {"width_mT": row}}))
    assert nd.Project.open(folder).fits().to_dict("records") == [
        {"sample_id": "24h", "fit_id": "epr_1", "name": "width_mT", "value": 2.0, "low": 1.9}
        | {"high": 2.1, "unit": "mT", "model": "line"}
    ]
