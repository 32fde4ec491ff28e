"""Networks by name: the bundled one, Cellpose's own and the user's; where they come from.

Cellpose and torch are imported where they are needed, because that takes seconds.
"""

import hashlib
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.core.labels import compact_labels
from napari_nanodope.model import InputError

BUNDLED = "nanocrystal"
FETCHED = ("cpsam_v2", "cpdino")
"""Models of Cellpose whose weights are fetched once."""

LARGEST_FLOW_ERROR = 0.4
"""Particles whose flows fit worse are dropped; Cellpose's own default."""

INSIDE = np.float32(1e-3)
"""Least logit of a pixel that the dynamics, or the filling of holes, put into a particle."""

_LARGEST_SHARE = 0.5  # of the picture: what covers more is no particle in it
_SMALLEST_PX = 4  # side of a picture in which anything is looked for
_MOST_AT_ONCE = 2  # pictures, for their memory
_N_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """Particles of a picture at the scale that the network saw.

    Attributes
    ----------
    labels : (Y, X) int32 array
        From 1; 0 is background.
    logits : (Y, X) float32 array
        Positive inside particles.
    probability, flow_error : (N,) float64 array
        Mean of each particle.
    """

    labels: NDArray[np.int32]
    logits: NDArray[np.float32]
    probability: NDArray[np.float64]
    flow_error: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Network:
    """A network ready to run.

    Attributes
    ----------
    model : cellpose.models.CellposeModel
        Cellpose's own driver, with the network inside.
    is_small : bool
        Whether it is of the bundled kind, which sees a picture at once and as it is standardised.
    sha256 : str
        Digest of the file of weights.
    """

    model: Any
    is_small: bool
    sha256: str

    @property
    def device(self) -> Any:
        """Where it runs, as a torch device."""
        return self.model.device

    @property
    def n_at_once(self) -> int:
        """Pictures to evaluate at a time, each on a thread of its own."""
        import torch  # noqa: PLC0415

        return min(torch.get_num_threads(), _MOST_AT_ONCE) if self._is_divided else 1

    def evaluate(self, image: NDArray[np.float32]) -> Found:
        """Particles of a standardised picture, which is left as it is."""
        import torch  # noqa: PLC0415
        from cellpose import dynamics  # noqa: PLC0415

        if min(image.shape) < _SMALLEST_PX:
            blank = np.zeros(image.shape, np.float32)
            return Found(blank.astype(np.int32), blank, np.zeros(0), np.zeros(0))
        given = image.copy()  # which Cellpose overwrites
        if not self.is_small:  # Cellpose's own were trained on percentiles
            low, high = np.percentile(given, [1, 99])
            if high <= low:
                low, high = given.min(), max(given.max(), given.min() + 1)
            given = (given - low) / (high - low)
        with torch.sparse.check_sparse_tensor_invariants(False), self._keep_order_of_sums():
            masks, flows, _ = self.model.eval(
                given,
                batch_size=1 if self.device.type == "cpu" else 8,
                normalize={"normalize": False},  # a bool would stay for later calls
                bsize=_choose_block(image.shape) if self.is_small else None,
                flow_threshold=0,
                min_size=-1,
                max_size_fraction=_LARGEST_SHARE,
            )
        # Where one particle fills a hole in another, Cellpose leaves a gap in the numbers.
        labels = compact_labels(np.asarray(masks, np.int32).reshape(image.shape)).image
        logits = np.asarray(flows[2], np.float32).reshape(image.shape)
        if not labels.any():
            return Found(labels, logits, np.zeros(0), np.zeros(0))
        with self._keep_order_of_sums():
            errors, _ = dynamics.flow_error(labels.copy(), flows[1], device=self.device)
        kept = np.concatenate([[False], errors <= LARGEST_FLOW_ERROR])
        areas = np.bincount(labels.ravel())
        sums = np.bincount(labels.ravel(), weights=(1 / (1 + np.exp(-logits))).ravel())
        labels = (np.cumsum(kept) * kept).astype(np.int32)[labels]
        logits = np.maximum(logits, INSIDE, out=logits.copy(), where=labels > 0)
        return Found(labels, logits, (sums / areas)[kept], np.asarray(errors, float)[kept[1:]])

    @property
    def _is_divided(self) -> bool:
        """Whether pictures, and not the sums within one, are divided among threads."""
        return self.is_small and self.device.type == "cpu"

    @contextmanager
    def _keep_order_of_sums(self) -> Iterator[None]:
        """One thread for a picture: sums that several threads share differ in their last bits."""
        import torch  # noqa: PLC0415

        n_threads = torch.get_num_threads()
        if self._is_divided:
            torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(n_threads)


def _choose_block(shape: tuple[int, ...]) -> int:
    """Side of the square that holds the picture with Cellpose's padding, so that it is one tile."""
    return 16 * math.ceil((max(shape) + 16) / 16)


def load_network(name: str, *, is_trainable: bool = False) -> Network:
    """Network by name or file, on the fastest device there is.

    Parameters
    ----------
    name : str
        "nanocrystal", a model of Cellpose, or the path of a file of weights: one that this package
        trained (``.safetensors``), or one of Cellpose 4.
    is_trainable : bool, optional
        Whether it is to be trained on; what cannot be is quicker and takes less memory.

    Raises
    ------
    InputError
        If there is no such model, its file is damaged, or it cannot be fetched.
    """
    with _without_triton():
        import cellpose.models  # noqa: F401, PLC0415
    if name == BUNDLED:
        with as_file(files("napari_nanodope.segmentation") / f"weights/{BUNDLED}.safetensors") as f:
            return _load(f, f.stat().st_mtime_ns, is_trainable)
    path = _find_fetched(name) if name in FETCHED else Path(name)
    with suppress(RuntimeError):  # of a person who is not known here, so the file is neither
        path = path.expanduser()
    if not path.is_file():
        raise InputError(
            f"Expected a model of {BUNDLED}, {', '.join(FETCHED)} or a file of weights, got "
            f"{name!r}; check the name or the path."
        )
    return _load(path, path.stat().st_mtime_ns, is_trainable)


@contextmanager
def _without_triton() -> Iterator[None]:
    """Keep torch from loading Triton where there are windows; nothing here compiles with it.

    Triton brings an LLVM of its own, and a process that has Mesa's, for OpenGL, crashes on it; as
    others do whose libraries meet Mesa's [1]_.

    References
    ----------
    .. [1] https://github.com/pytorch/pytorch/issues/96060
    """
    is_hidden = "qtpy" in sys.modules and "triton" not in sys.modules
    if is_hidden:
        sys.modules["triton"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if is_hidden:
            sys.modules.pop("triton", None)


@lru_cache(maxsize=2)
def _load(path: Path, _: int, is_trainable: bool) -> Network:
    """Network of a file, kept until the file changes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_N_BYTES):
            digest.update(block)
    is_small = path.suffix == ".safetensors"
    model = _load_small(path, is_trainable) if is_small else _load_cellpose(path)
    return Network(model, is_small, digest.hexdigest())


def _load_small(path: Path, is_trainable: bool) -> Any:
    from safetensors import SafetensorError  # noqa: PLC0415

    from napari_nanodope.segmentation.network import (  # noqa: PLC0415
        NanocrystalModel,
        NanocrystalNet,
    )

    net = NanocrystalNet()
    try:
        net.load_model(path, "cpu")
    except (SafetensorError, RuntimeError, OSError) as error:
        raise InputError(
            f"Expected weights of the nanocrystal network in {path}, got another or a damaged "
            f"file ({str(error).splitlines()[0]}); train them again with 'nanodope train'."
        ) from None
    return NanocrystalModel(net if is_trainable else net.fuse(), choose_device())


def _load_cellpose(path: Path) -> Any:
    """Model of a file of Cellpose 4: tensors only, whatever else the file may hold."""
    import torch  # noqa: PLC0415
    from cellpose import models  # noqa: PLC0415

    try:
        tensors = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
        is_known = isinstance(tensors, dict) and "W2" in tensors
    except Exception:  # damaged files fail in every way there is; the sentence below tells of it
        is_known = False
    if not is_known:
        raise InputError(
            f"Expected weights of Cellpose 4 in {path}, got another or a damaged file; models of "
            f"Cellpose 3 and before cannot be used, fetch or train a new one."
        )
    if "encoder.cls_token" in tensors and not hasattr(models, "CPDINO"):
        raise InputError(
            f"Expected the dinov3 package for {path.name}, got none; install it as Cellpose's "
            f"documentation says, or choose another model."
        )
    device = choose_device()
    return models.CellposeModel(pretrained_model=str(path), device=device, gpu=device.type != "cpu")


def choose_device() -> Any:
    """Torch's device: a graphics card where there is one that works, else the processor."""
    from cellpose.core import assign_device  # noqa: PLC0415

    return assign_device(gpu=True)[0]


_URL = "https://huggingface.co/mouseland/cellpose-sam/resolve/main/"


def _find_fetched(name: str) -> Path:
    """File of one of Cellpose's own models, fetched the first time."""
    from cellpose.models import MODEL_DIR  # noqa: PLC0415

    path = Path(MODEL_DIR) / name
    if not path.is_file():
        _fetch(_URL + name, path)
    return path


def _fetch(url: str, path: Path) -> None:
    """Fetch a file whole or not at all, and show how far it is."""
    from tqdm import tqdm  # noqa: PLC0415

    partial = path.with_name(f".{path.name}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with urlopen(url, timeout=20) as source, partial.open("wb") as target:
            size = int(source.headers.get("Content-Length") or 0)
            with tqdm(total=size, unit="B", unit_scale=True, desc=f"{path.name} to {path}") as bar:
                while block := source.read(_N_BYTES):
                    bar.update(target.write(block))
        if size and partial.stat().st_size != size:
            raise URLError(f"{partial.stat().st_size} of {size} bytes came")
        partial.replace(path)
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", None) or error
        raise InputError(
            f"Expected to fetch {url} (about 1 GB), got: {reason}; put the file at {path} by "
            f"hand, or use model 'nanocrystal', which needs no network."
        ) from None
    finally:
        partial.unlink(missing_ok=True)
