"""Damaged and hostile files against every reader: data or one clear refusal, nothing else.

Each case is drawn from the seed and its number, so ``--case 17`` repeats one alone. Exits with 0
only where no case failed. Needs Linux, to measure memory.
"""

import argparse
import faulthandler
import gc
import importlib.util
import multiprocessing
import os
import re
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
REAL = Path(os.environ.get("NANODOPE_REAL_DATA", ROOT.parent / "shared" / "data")) / "imaging"
LARGEST_SEED, HANG_S, ADDRESS_SPACE, MOST_MB = 3 << 20, 20.0, 8 << 30, 2048
RARE = dict.fromkeys((".asw", ".pts", ".png", ".npy", ".img", ".map", ".ser"), 0.3)  # slow or dull
BEGAN, GOOD = time.perf_counter(), ("data", "refused")
BIG = (0x7FFFFFFF, 0xFFFFFFFF, 1 << 16, 1 << 20, 1 << 33, 1 << 62, (1 << 64) - 1)
NUMBERS = (b"999999999", b"-1", b"0", b"1e400", b"nan", b"65536", b"9" * 5000, b"x")
NPY = b"\x93NUMPY\1\0v\0{'descr': %-5b, 'fortran_order': False, 'shape': (%-64b)}\n"
DAMAGE = "truncate flip flip overwrite delete duplicate inflate inflate renumber".split()
LAUGHS = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))


class Seed(NamedTuple):
    """A file or folder to read, `target` in `root`, and the files `parts` that it consists of."""

    root: Path
    target: str
    suffix: str
    parts: tuple[str, ...]


def gather_seeds(made: Path) -> list[Seed]:
    """Small real files with their companions, and those made here."""
    make_plain(made)
    make_signals(made)
    seeds, pngs = [], sorted(REAL.rglob("*.png"))[2:]
    for path in (*sorted(REAL.rglob("*")), *sorted(made.glob("*"))):
        suffix = path.suffix.lower()
        others = {".asw": "Sample/**/*", ".emi": f"{path.stem}_*.ser", ".rpl": f"{path.stem}.raw"}
        others[".zspy"] = f"{path.name}/**/*"
        near = [path, *sorted(path.parent.glob(others[suffix]))] if suffix in others else [path]
        files = [p for p in near if p.is_file() and p.stat().st_size <= LARGEST_SEED]
        if files and suffix not in ("", ".raw") and path not in pngs:
            parts = tuple(str(p.relative_to(path.parent)) for p in files)
            seeds.append(Seed(path.parent, path.name, suffix, parts))
    return seeds


def make_plain(folder: Path) -> None:
    """Archives, arrays and TIFF files, and an archive that promises more than it holds."""
    import tifffile  # noqa: PLC0415

    maps = np.random.default_rng(0).poisson(3, (3, 24, 32)).astype(np.float32)
    named: Any = {"survey": maps[0], "Cd": maps[1], "pixel_size_nm": [0.5, 0.5]}
    np.savez(folder / "plain.npz", **named)
    np.savez_compressed(folder / "packed.npz", **named, sample_id="a")
    np.save(folder / "labels.npy", maps[0].astype(np.int32))
    labels = {"Labels": ["HAADF", "Cd", "Mn"], "axes": "CYX", "unit": "nm"}
    tifffile.imwrite(folder / "ij.tif", maps, imagej=True, resolution=(2, 2), metadata=labels)
    told = {"axes": "CYX", "Channel": {"Name": ["HAADF", "Cd", "Mn"]}, "PhysicalSizeX": 0.5}
    tifffile.imwrite(folder / "ome_Cd.ome.tif", maps, metadata=told)
    tifffile.imwrite(folder / "plain_Cd.tif", maps[1], compression="zlib", tile=(16, 16))
    with tifffile.TiffWriter(folder / "pages.tif") as tiff:
        for name, page in zip(("HAADF", "Cd", "Mn"), maps, strict=True):
            tiff.write(page, description=name, metadata=None, contiguous=False)
    with zipfile.ZipFile(folder / "promise.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Cd.npy", NPY % (b"'<f8'", b"65536, 32768") + bytes(1000))


def make_signals(folder: Path) -> None:
    """One spectrum image in every format that RosettaSciIO writes, and one with a false size."""
    import h5py  # noqa: PLC0415

    cube = np.random.default_rng(0).poisson(0.5, (6, 8, 256)).astype(np.uint16)
    steps = ("y", 0.5, "nm", 6), ("x", 0.5, "nm", 8), ("E", 0.04, "keV", 256)
    axes = [
        {"name": name, "scale": scale, "units": units, "size": size, "navigate": units == "nm"}
        | {"offset": 0.0, "index_in_array": i, "_type": "UniformDataAxis", "is_binned": False}
        for i, (name, scale, units, size) in enumerate(steps)
    ]
    metadata = {"General": {"title": "a"}, "Signal": {"signal_type": ""}}
    signal: dict[str, Any] = {"data": cube, "axes": axes, "attributes": {"_lazy": False}}
    signal |= {"metadata": metadata | {"Sample": {"elements": ["Cd"]}}, "original_metadata": {}}
    signal |= {"package_info": {}, "tmp_parameters": {}, "models": {}, "learning_results": {}}
    modules = {"hspy": "hspy", "emd": "emd", "ripple": "rpl", "zspy": "zspy"}
    for module, suffix in list(modules.items())[: 4 if importlib.util.find_spec("zarr") else 3]:
        write = importlib.import_module(f"rsciio.{module}").file_writer
        write(str(folder / f"made.{suffix}"), signal)
    shutil.copy(folder / "made.hspy", folder / "promise.hspy")
    with h5py.File(folder / "promise.hspy", "a") as file:
        del file["Experiments/a/data"]
        file.create_dataset("Experiments/a/data", (20_000, 20_000, 4096), "u2", chunks=(1, 1, 4096))


def damage(data: bytearray, how: str, rng: np.random.Generator) -> None:
    """Change bytes in place: anywhere, in the first 4096 or in the first 512."""
    end = max(min(len(data), int(rng.choice([len(data), 4096, 512]))), 1)
    start = int(rng.integers(0, end))
    size = max(
        min(len(data) if how == "truncate" else int(2 ** rng.uniform(0, 13)), len(data) - start), 0
    )
    match how if data else "":
        case "flip":
            for at in rng.integers(0, end, int(rng.choice([1, 10, 100]))):
                data[at] ^= 1 << int(rng.integers(8))
        case "overwrite":
            kinds = bytes(size), b"\xff" * size, rng.bytes(size)
            data[start : start + size] = kinds[int(rng.integers(3))]
        case "delete" | "truncate":
            del data[start : start + size]
        case "duplicate":
            data[start:start] = data[start : start + size]
        case "inflate":
            at, value = start // 2 * 2, BIG[int(rng.integers(len(BIG)))]
            width = 8 if value >= 1 << 32 or rng.random() < 0.3 else 4
            data[at : at + width] = value.to_bytes(width, "little" if rng.random() < 0.7 else "big")
        case "renumber":
            if runs := list(re.finditer(rb"\d+", bytes(data[: 1 << 18]))):
                at, end = runs[int(rng.integers(len(runs)))].span()
                data[at:end] = NUMBERS[int(rng.integers(len(NUMBERS)))]


def foreign(rng: np.random.Generator, seeds: list[Seed], marker: Path) -> tuple[str, bytes]:
    """Name and content that belong to no format, or to another one."""
    pickled = f"cos\nmkdir\n(S'{marker}'\ntR.".encode()  # loading it would make a folder
    other = seeds[int(rng.integers(len(seeds)))]
    kinds = {
        "random bytes": rng.bytes(int(2 ** rng.uniform(0, 16))),
        "empty": b"",
        "text": b'{"width": 4,\n "height": [1, 2]}\n',
        "laughs": f"<!DOCTYPE a [<!ENTITY a0 'ha'>{LAUGHS}]><a>&a11;</a>".encode(),
        "pickle": pickled,
        "pickled array": NPY % (b"'|O'", b"1,") + pickled,
        "another format": (other.root / other.parts[0]).read_bytes(),
    }
    return list(kinds.items())[int(rng.integers(len(kinds)))]


def build(case: int, seed: int, seeds: list[Seed], folder: Path) -> tuple[Path, str]:
    """Write one case into an empty folder; what to read, and what was done to it."""
    rng = np.random.default_rng((seed, case))
    of_suffix = Counter(one.suffix for one in seeds)
    weights = np.array([RARE.get(one.suffix, 1.0) / of_suffix[one.suffix] for one in seeds])
    drawn = seeds[int(rng.choice(len(seeds), p=weights / weights.sum()))]
    chosen = seeds[case] if case < len(seeds) else drawn  # each of them once as it is
    for part in chosen.parts:
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(chosen.root / part, folder / part)
    part = chosen.parts[int(rng.integers(len(chosen.parts))) if rng.random() < 0.5 else 0]
    if case < len(seeds):
        done = "as it is"
    elif rng.random() < 0.08:
        done, content = foreign(rng, seeds, folder / "executed")
        (folder / part).write_bytes(content)
    else:
        data = bytearray((folder / part).read_bytes())
        for how in (hows := rng.choice(DAMAGE, 1 if rng.random() < 0.8 else 3).tolist()):
            damage(data, how, rng)
        (folder / part).write_bytes(data)
        done = ", ".join(hows)
    return folder / chosen.target, f"{part}: {done}"


def serve(pipe: Any, log: Path) -> None:
    """Answer every path that comes through the pipe with kind of outcome and detail."""
    for standard in (1, 2):
        os.dup2(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT), standard)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    faulthandler.enable()
    warnings.simplefilter("always")
    import napari_nanodope as nd  # noqa: PLC0415
    import napari_nanodope.io  # noqa: PLC0415

    while path := pipe.recv():
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # VmHWM starts anew
        faulthandler.dump_traceback_later(HANG_S - 1)
        kind, detail = attempt(nd, path)
        faulthandler.cancel_dump_traceback_later()
        own = Path("/proc/self/status").read_text(encoding="ascii").split("VmHWM:")[1].split()[0]
        memory = max(int(own), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
        if memory > MOST_MB << 10 and kind in GOOD:
            kind, detail = "memory", f"{memory} kB at most; {kind}: {detail}"
        pipe.send((kind, detail))


def attempt(nd: Any, path: Path) -> tuple[str, str]:
    """Kind of outcome, which is "data", "refused" or a failure, and its detail."""
    try:
        found = nd.io.inspect_file(path, pixel_size_nm=1.0)  # list_signals and read_field in one
    except nd.InputError as error:
        return judge(str(error))
    except BaseException as error:
        kind = "memory" if isinstance(error, MemoryError) else "exception"
        last = traceback.extract_tb(error.__traceback__)[-1]
        return kind, f"{type(error).__name__}: {error} at {last.filename}:{last.lineno}"
    return ("data", "") if found.field is not None else judge(found.problem)


def judge(message: str) -> tuple[str, str]:
    """Whether a refusal is one clear line."""
    if not message.strip() or len(message.splitlines()) > 1:
        return "message", repr(message)
    if "MemoryError" in message or "Unable to allocate" in message:
        return "memory", message
    return "refused", message


class Worker:
    """The process that reads, replaced whenever it dies or hangs."""

    def __init__(self, log: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.log, (self.pipe, theirs) = log, context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, log), daemon=True)
        self.process.start()
        theirs.close()

    def ask(self, path: Path | None, patience_s: float = HANG_S + 5) -> tuple[str, str, bool]:
        """Kind of outcome, detail, and whether anything was printed; None ends the process."""
        self.log.write_bytes(b"")
        self.pipe.send(path)
        try:
            kind, detail = self.pipe.recv() if self.pipe.poll(patience_s) else ("hang", "")
        except EOFError:
            self.process.join()
            kind, detail = "crash", f"exit code {self.process.exitcode} "
        said = self.log.read_text(encoding="utf-8", errors="replace")
        if kind in ("hang", "crash"):
            detail += " < ".join(re.findall(r'/(\w+/\w+\.py", line \d+ in \S+)', said)[:3])
            self.process.kill()
            if path:
                self.__init__(self.log)  # type: ignore[misc]
        return kind, detail, bool(said)


def run(options: argparse.Namespace, work: Path) -> tuple[Counter[tuple[str, str]], list[str]]:
    """Outcomes counted by suffix and kind, and one line for every failure."""
    (work / "made").mkdir()
    seeds = [s for s in gather_seeds(work / "made") if options.only in (None, s.suffix)]
    worker, folder = Worker(work / "log"), work / "case"
    worker.ask(work / "made" / "made.hspy", 300.0)  # imports and compiles what is slow
    counts, failures = Counter[tuple[str, str]](), []
    for case in range(options.n) if options.case is None else [options.case]:
        folder.mkdir()
        path, done = build(case, options.seed, seeds, folder)
        before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
        kind, detail, noisy = worker.ask(path)
        if before != {p: p.stat().st_mtime_ns for p in folder.rglob("*")}:
            kind, detail = "wrote", "to files beside the input, or executed what is in it"
        counts.update([(path.suffix.lower(), "files"), (path.suffix.lower(), kind)])
        counts[path.suffix.lower(), "noisy"] += noisy
        if kind not in GOOD:
            failures.append(f"--seed {options.seed} --case {case}  {kind}: {done}: {detail}")
            if options.keep:
                shutil.copytree(folder, options.keep / f"{case}-{kind}", dirs_exist_ok=True)
        shutil.rmtree(folder)
    worker.ask(None, 5.0)
    return counts, failures


def main() -> int:
    """Run the cases and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2000, help="number of files")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--case", type=int, help="this one only, as a failure names it")
    parser.add_argument("--keep", type=Path, help="folder for the files of failing cases")
    parser.add_argument("--only", metavar="SUFFIX", help="such as .emd")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nanodope-fuzz-") as work:
        counts, failures = run(options, Path(work))
    kinds = ["files", *GOOD, *sorted({kind for _, kind in counts} - {"files", *GOOD})]
    lines = ["".join(f"{kind:>10}" for kind in ("suffix", *kinds))]
    for suffix in sorted({suffix for suffix, _ in counts}):
        lines.append(f"{suffix:>10}" + "".join(f"{counts[suffix, kind]:>10}" for kind in kinds))
    lines += failures[:20]
    print("\n".join([*lines, f"{len(failures)} failed, {time.perf_counter() - BEGAN:.0f} s"]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
