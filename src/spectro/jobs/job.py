"""One fit of a project: its files, where its results are, and whether they still hold."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import spectro
from spectro.jobs.settings import FitSettings, read_settings
from spectro.model import InputError
from spectro.samples.book import RESULTS

if TYPE_CHECKING:
    from spectro.model import FitResult

Status = Literal["new", "current", "changed"]
Digest = Callable[[Path], str]

FITS, PROVENANCE = "fits", ".provenance.json"
PARTNERS = ((".dsc", ".dta", ".xgf", ".ygf", ".zgf"), (".par", ".spc"))
"""Suffixes of files that are read together; each is called after the first."""
_DEPTH = 3  # folders from TopSpin's processed data up to their experiment


@dataclass(frozen=True, slots=True)
class FitState:
    """What is there of a fit, and whether it is what a run would find.

    Attributes
    ----------
    status : {"new", "current", "changed"}
        "new" was never run; "changed" has other input, settings or version since.
    reason : str
        Why it is not current, in a few words.
    parts : mapping of str to str
        Digests of input and settings, and the version, of which a run is made.
    problem : str
        What is wrong with the input; empty where nothing is.
    """

    status: Status
    reason: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""

    @property
    def is_current(self) -> bool:
        """Whether a run would find the same."""
        return self.status == "current"

    @property
    def is_due(self) -> bool:
        """Whether a run has to do it."""
        return not self.is_current


@dataclass(frozen=True, slots=True)
class FitJob:
    """A fit that a project file asks for.

    Attributes
    ----------
    sample_id, fit_id : str
        What names it; the second is technique, kind and stem of the file, as in "epr-cw-24h".
    technique, kind : str
        As "epr" and "cw".
    folder : Path
        Of the project.
    files : tuple of Path
        What is fitted: one file or folder, or several that are fitted together.
    settings : mapping
        As they stand in the project file.
    """

    sample_id: str
    fit_id: str
    technique: str
    kind: str
    folder: Path
    files: tuple[Path, ...]
    settings: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Sample and fit, as in ``24h/epr-cw-24h``."""
        return f"{self.sample_id}/{self.fit_id}"

    @property
    def path(self) -> Path:
        """File of the numbers."""
        return locate_fit(self.folder, self.sample_id, self.fit_id)

    @property
    def curves_path(self) -> Path:
        """File of data, best fit and its parts, as CSV."""
        return self.path.with_name(f"{self.fit_id}.csv")

    @property
    def provenance_path(self) -> Path:
        """File of what the fit was made of."""
        return self.path.with_name(f"{self.fit_id}{PROVENANCE}")

    @property
    def options(self) -> FitSettings:
        """Settings, checked.

        Raises
        ------
        InputError
            If there are mistakes in them; all are told.
        """
        found, mistakes = read_settings(self.technique, self.settings)
        if found is None:
            told = "; ".join(text for _, text in mistakes) or "no kind of fit"
            raise InputError(f"Expected settings of a fit of {self.name}, got {told}.")
        return found

    def find_file(self, told: str) -> Path:
        """File that the settings name, below the folder of the project."""
        return self.folder / told

    def list_inputs(self) -> list[Path]:
        """Every file that is read, partners and recipes included; sorted."""
        options = self.options
        named = [getattr(options, key, None) for key in ("recipe", "off")]
        found: set[Path] = set()
        for path in (*self.files, *(self.find_file(one) for one in named if one)):
            found.update(list_partners(path))
        return sorted(found)

    def find_state(self, digest: Digest | None = None) -> FitState:
        """What is there of the fit.

        Parameters
        ----------
        digest : callable, optional
            SHA-256 of a file in hexadecimal, where they are remembered; by default it is read.
        """
        told = self._read_provenance()
        status: Status = "new" if told is None else "changed"
        try:
            parts = self.find_parts(digest or hash_file)
        except OSError as error:
            problem = f"Expected {error.filename} to be read, got: {error.strerror}."
            return FitState(status, "cannot be read", problem=problem)
        if told is None:
            return FitState("new", "never fitted", parts)
        before = told.get("parts")
        before = before if isinstance(before, dict) else {}
        changed = [name for name, value in parts.items() if before.get(name) != value]
        if not changed and not (has_numbers(_read(self.path)) and self.curves_path.is_file()):
            changed = ["results"]
        if changed:
            return FitState("changed", f"changed: {', '.join(changed)}", parts)
        return FitState("current", parts=parts)

    def find_parts(self, digest: Digest) -> dict[str, str]:
        """Digests of what a run is made of.

        Raises
        ------
        OSError
            If an input cannot be read.
        """
        settings = json.dumps(dict(self.settings), sort_keys=True, default=str)
        return {
            "input": _join(digest(path) for path in self.list_inputs()),
            "settings": hashlib.sha256(settings.encode()).hexdigest(),
            "version": spectro.__version__,
        }

    def _read_provenance(self) -> dict[str, Any] | None:
        told = _read(self.provenance_path)
        return told if isinstance(told, dict) else None

    def run(self) -> "FitResult":
        """Fit as the settings say; nothing is written.

        Raises
        ------
        InputError
            If files or settings cannot be used.
        """
        from spectro.jobs.run import run_fit  # noqa: PLC0415 - scipy and numba

        return run_fit(self)

    def save(
        self, result: "FitResult", parts: Mapping[str, str], seconds: float = 0.0
    ) -> list[Path]:
        """Write numbers, curves and provenance, each whole or not at all, the last one last.

        Parameters
        ----------
        result : FitResult
            As `run` gives it.
        parts : mapping of str to str
            What it is made of, from `find_state` before the run.
        seconds : float, optional
            That it took.

        Returns
        -------
        list of Path
            The files. Numbers and curves hold nothing that changes from run to run.

        Raises
        ------
        InputError
            If they cannot be written.
        """
        from spectro.jobs.files import save_fit  # noqa: PLC0415 - not needed to look at states

        return save_fit(self, result, parts, seconds)

    def load(self) -> "FitResult":
        """Result as it was written, with its curves.

        Raises
        ------
        InputError
            If there is none, or it is damaged.
        """
        from spectro.jobs.files import load_fit  # noqa: PLC0415 - not needed to look at states

        return load_fit(self.path)

    def forget(self) -> None:
        """Remove results that no longer hold."""
        for path in (self.provenance_path, self.path, self.curves_path):
            path.unlink(missing_ok=True)


def locate_fit(folder: Path, sample_id: str, fit_id: str) -> Path:
    """File of the numbers of a fit, where readers of hive partitions expect it."""
    return folder / RESULTS / FITS / f"sample_id={sample_id}" / f"{fit_id}.json"


def list_fits(folder: Path, sample_id: str | None = None) -> list[Path]:
    """Files of the numbers of all fits of a project that are there, or of one sample; sorted."""
    places = f"sample_id={sample_id or '*'}"
    return [
        path
        for path in sorted((folder / RESULTS / FITS).glob(f"{places}/*.json"))
        if not path.name.startswith(".") and not path.name.endswith(PROVENANCE)
    ]


def find_orphans(folder: Path, jobs: Iterable[FitJob]) -> list[Path]:
    """Files of fits that a project no longer asks for; what has no provenance is nobody's."""
    known = {one.provenance_path for one in jobs}
    found = []
    for path in sorted((folder / RESULTS / FITS).glob(f"sample_id=*/*{PROVENANCE}")):
        if path not in known and not path.name.startswith("."):
            stem = path.name.removesuffix(PROVENANCE)
            beside = [path.with_name(f"{stem}{suffix}") for suffix in (".csv", ".json")]
            found += [*(one for one in beside if one.is_file()), path]
    return found


def has_numbers(told: Any) -> bool:
    """Whether what is read of a file is what `spectro.model.FitResult.to_dict` gives.

    Examples
    --------
    >>> has_numbers({"values": {"g": {"value": 2.0}}}), has_numbers({"values": {"g": 2.0}})
    (True, False)
    """
    values = told.get("values") if isinstance(told, dict) else None
    return isinstance(values, dict) and all(map(_is_number, values.values()))


def _is_number(told: Any) -> bool:
    if not isinstance(told, dict) or ("level" in told and not {"low", "high"} <= told.keys()):
        return False
    optional = [told.get(name) for name in ("value", "low", "high", "standard_error")]
    known = [one for one in optional if one is not None] + [told.get("level", 0)]
    return all(isinstance(one, int | float) for one in known)


def _read(path: Path) -> Any:
    """Content of a JSON file; None where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def list_partners(path: Path) -> list[Path]:
    """A file and those that are read with it: of another suffix, or of TopSpin's experiment."""
    experiment = _find_experiment(path)
    if experiment is not None:
        return [one for one in experiment.rglob("*") if one.is_file() and one.name[0] != "."]
    for suffixes in PARTNERS:
        if path.suffix.lower() in suffixes:
            beside = [one for one in path.parent.glob("*") if one.suffix.lower() in suffixes]
            return sorted({path, *(one for one in beside if one.stem == path.stem)})
    if path.is_dir():
        return [one for one in path.rglob("*") if one.is_file() and one.name[0] != "."]
    return [path]


def _find_experiment(path: Path) -> Path | None:
    """Folder of TopSpin's experiment that a path is, or is in."""
    if path.is_file() and path.suffix:
        return None
    for one in [path, *path.parents][: _DEPTH + 1]:
        if (one / "acqus").is_file():
            return one
    return next((one for one in (path, path.parent) if (one / "procs").is_file()), None)


def hash_file(path: Path) -> str:
    """SHA-256 of a file in hexadecimal.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _join(digests: Iterable[str]) -> str:
    return hashlib.sha256("".join(digests).encode()).hexdigest()
