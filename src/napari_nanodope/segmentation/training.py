"""Training the nanocrystal network: from scratch on simulated scenes, or further on curated ones.

Cellpose and torch are imported where they are needed, because that takes seconds.
"""

import json
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_nanodope.core.labels import compact_labels
from napari_nanodope.io.files import replacing
from napari_nanodope.model import InputError
from napari_nanodope.segmentation.card import write_card
from napari_nanodope.segmentation.cellpose import segment_by_network
from napari_nanodope.segmentation.contrast import standardise
from napari_nanodope.segmentation.evaluation import compare_labels
from napari_nanodope.segmentation.models import (
    BUNDLED,
    Network,
    load_network,
)
from napari_nanodope.segmentation.scaling import LEVELS, choose_level, rescale
from napari_nanodope.segmentation.scenes import DIAMETERS_PX, KINDS, render_scene
from napari_nanodope.segmentation.schedule import Schedule

Labels = NDArray[np.int32]
Image = NDArray[np.float32]
Sample = tuple[NDArray[np.float32], NDArray[np.float32]]
Report = Callable[[str], None]

_WEIGHTS, _STATE = f"{BUNDLED}.safetensors", "training.json"
_N_EPOCHS = 80  # of a round, as Cellpose counts
_FINE_EPOCHS = 100
_SCENE_PX = 224  # side of what the network sees of a scene, before a part is cut out
_SMALLEST_SCENE_PX, _SMALL = 48, 0.25  # least side, and the share of scenes below the full one
_LEAST_LEVEL = 1 / 4  # that scenes are shrunk by
_MIX = (*KINDS, "blank")  # in turn; most that can be taken for a particle is in blank ones
_OCTAVES_OFF = (0.6, 0.15, 0.1, 0.1, 0.05)  # chances of 0, 1, -1, 2, -2 from the best level
_LEAST_PARTICLES = 10  # on either side of the line between training and test


@dataclass(slots=True)
class _State:
    """What has been done, as it is written beside the weights."""

    schedule: dict[str, Any]
    n_done: int = 0
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)


def train_from_scratch(
    folder: str | Path,
    schedule: Schedule | None = None,
    *,
    report: Report = print,
    n_per_kind: int = 10,
) -> tuple[Path, Path]:
    """Train the network on simulated scenes; what is done is kept, and a second call goes on.

    Parameters
    ----------
    folder : path
        For the weights and the learning curve; made where it does not exist.
    schedule : Schedule, optional
        How long, and from which seed.
    report : callable, optional
        Called with a line after each round.
    n_per_kind : int, optional
        Held-out scenes of each kind to score it on.

    Returns
    -------
    weights, card : Path
        The weights, in half precision, and the model card.

    Raises
    ------
    InputError
        If the folder holds the training of another schedule.
    """
    schedule, folder = schedule or Schedule(), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = _resume(folder, schedule)
    net = _build_network(schedule.seed)
    if state.n_done:
        net.load_model(folder / _WEIGHTS, "cpu")
    device = _device_of(net)
    scenes: dict[int, Sample] = {}
    with multiprocessing.get_context("spawn").Pool(os.cpu_count() or 1) as pool:
        for number in range(state.n_done, schedule.rounds):
            start = time.monotonic()
            first = number * schedule.n_new
            wanted = range(first, first + schedule.n_scenes)
            missing = [i for i in wanted if i not in scenes]
            fresh = pool.imap(_render_sample, [(schedule.seed, i) for i in missing], chunksize=4)
            scenes |= dict(zip(missing, fresh, strict=True))
            scenes = {i: scenes[i] for i in wanted}
            per_epoch = schedule.n_batch * schedule.n_steps // _N_EPOCHS
            plan = _Plan(
                schedule.rate_of(number), _N_EPOCHS, per_epoch, schedule.n_batch, schedule.side_px
            )
            losses = _train(net, list(scenes.values()), plan)
            state.n_done, state.losses = number + 1, [*state.losses, float(losses[-20:].mean())]
            state.seconds += time.monotonic() - start
            save_weights(net, folder / _WEIGHTS)
            with replacing(folder / _STATE) as partial:
                partial.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
            report(
                f"round {number + 1} of {schedule.rounds}: loss {state.losses[-1]:.4f}, "
                f"{state.seconds / 60:.0f} min on {device}"
            )
    about = {
        "rounds": schedule.rounds,
        "seed": schedule.seed,
        "n_scenes": schedule.n_scenes + (schedule.rounds - 1) * schedule.n_new,
        "seconds": state.seconds,
        "device": device,
        "losses": state.losses,
    }
    return folder / _WEIGHTS, write_card(folder / _WEIGHTS, about, n_per_kind=n_per_kind)


def _resume(folder: Path, schedule: Schedule) -> _State:
    if not (folder / _STATE).is_file():
        return _State(asdict(schedule))
    state = _State(**json.loads((folder / _STATE).read_text(encoding="utf-8")))
    if state.schedule != asdict(schedule):
        raise InputError(
            f"Expected a folder of the same training, got one in {folder} that was begun with "
            f"{state.schedule}; choose another folder."
        )
    return state


def _build_network(seed: int) -> Any:
    import torch  # noqa: PLC0415

    from napari_nanodope.segmentation.models import choose_device  # noqa: PLC0415
    from napari_nanodope.segmentation.network import NanocrystalNet  # noqa: PLC0415

    torch.manual_seed(seed)
    return NanocrystalNet().to(choose_device(), memory_format=torch.channels_last)


def _device_of(net: Any) -> str:
    return str(next(net.parameters()).device.type)


def _render_sample(seeds: tuple[int, int]) -> Sample:
    """Standardised picture of a scene, and Cellpose's flows (4, Y, X) of its particles.

    Scenes are enlarged or shrunk as they are for segmentation, because that changes noise and
    edges; some of them more or less than would be best, as in the search for the best.
    """
    import torch  # noqa: PLC0415

    torch.set_num_threads(1)
    rng = np.random.default_rng((*seeds, 1))
    kind = _MIX[seeds[1] % len(_MIX)]
    diameter_px = float(np.exp(rng.uniform(*np.log(DIAMETERS_PX))))
    octaves = rng.choice((0, 1, -1, 2, -2), p=_OCTAVES_OFF)
    level = float(np.clip(choose_level(diameter_px) * 2.0**octaves, _LEAST_LEVEL, max(LEVELS)))
    if kind == "blank":  # all magnifications are tried on a picture without particles
        level = float(rng.choice([one for one in LEVELS if one >= _LEAST_LEVEL]))
    side = rng.integers(_SMALLEST_SCENE_PX, _SCENE_PX) if rng.random() < _SMALL else _SCENE_PX
    shape = (round(side / level), round(side / level))
    scene = render_scene(kind, seed=seeds, shape_px=shape, diameter_px=diameter_px)
    image = standardise(rescale(scene.image, level))
    return image, compute_flows(_rescale_labels(scene.labels, level))


def compute_flows(labels: Labels) -> NDArray[np.float32]:
    """Cellpose's target (4, Y, X) of labels: label, inside or not, flow along y and along x."""
    from cellpose import dynamics  # noqa: PLC0415

    if not labels.any():
        return np.zeros((4, *labels.shape), np.float32)
    return np.asarray(dynamics.labels_to_flows([labels.copy()])[0], np.float32)


@dataclass(frozen=True, slots=True)
class _Plan:
    """One call of Cellpose's training."""

    rate: float
    n_epochs: int
    n_per_epoch: int
    n_batch: int
    side_px: int


def _train(net: Any, samples: Sequence[Sample], plan: _Plan) -> NDArray[np.float64]:
    """Losses of each epoch of Cellpose's own training, which leaves no trace elsewhere."""
    from cellpose import train  # noqa: PLC0415

    with TemporaryDirectory() as folder, _keeping_random_numbers(), _quiet():
        _, losses, _ = train.train_seg(
            net,
            train_data=[image for image, _ in samples],
            train_labels=[flows for _, flows in samples],
            normalize={"normalize": False},
            learning_rate=plan.rate,
            weight_decay=1e-4,
            n_epochs=plan.n_epochs,
            nimg_per_epoch=plan.n_per_epoch,
            batch_size=plan.n_batch,
            bsize=plan.side_px,
            min_train_masks=0,
            save_path=folder,
            save_every=10**6,
            model_name="weights",
        )
    net.eval()
    return np.asarray(losses)


@contextmanager
def _keeping_random_numbers() -> Iterator[None]:
    """Put NumPy's global generator back, which Cellpose seeds in every epoch."""
    before = np.random.get_state()  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep torch and NumPy from warning of what does no harm.

    Cellpose asks for a precision that the network overrules, and for the diameter in blank scenes.
    """
    import warnings  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*autocast.*")
        warnings.filterwarnings("ignore", message="Mean of empty slice|invalid value")
        yield


@dataclass(frozen=True, slots=True)
class Curated:
    """A picture and the outlines that a person approved.

    Attributes
    ----------
    image : (Y, X) float32 array
        What was segmented.
    labels : (Y, X) int32 array
        Every particle in it; 0 is background.
    """

    image: Image
    labels: Labels


@dataclass(frozen=True, slots=True)
class FineTuned:
    """What training on curated pictures achieved.

    Attributes
    ----------
    network : Network
        The new network.
    before, after : dict
        Mean ``AP50, AP75, AP90`` and ``area_ratio`` on what was held out.
    n_trained, n_held_out : int
        Particles on either side.
    seconds : float
        How long the training took.
    losses : tuple of float
        Learning curve: loss of each epoch.
    path : Path, optional
        File of the new weights.
    """

    network: Network = field(repr=False)
    before: dict[str, float]
    after: dict[str, float]
    n_trained: int
    n_held_out: int
    seconds: float
    losses: tuple[float, ...] = field(repr=False)
    path: Path | None = None

    def __str__(self) -> str:
        """Sentence with the scores before and after."""
        names = ("AP50", "AP75", "AP90")
        before, after = (
            "/".join(f"{scores[name]:.2f}" for name in names)
            for scores in (self.before, self.after)
        )
        better = "better" if self.after["AP75"] > self.before["AP75"] else "not better"
        return (
            f"{better} on {self.n_held_out} particles held out: AP50/75/90 {before} before, "
            f"{after} after training on {self.n_trained} particles for {self.seconds:.0f} s."
        )


def fine_tune(
    curated: Sequence[Curated],
    path: str | Path,
    *,
    model: str = BUNDLED,
    seed: int = 0,
    is_wanted: Callable[[], bool] = lambda: True,
) -> FineTuned:
    """Train a network further on curated pictures, and test it on a part held out.

    Parameters
    ----------
    curated : sequence of Curated
        Pictures in which every particle is outlined. Of several, every fourth is held out; of a
        single one, the half that was not trained on.
    path : path
        ``.safetensors`` file to write, which must not exist.
    model : str, optional
        Network to start from.
    seed : int, optional
        Of torch's random numbers.
    is_wanted : callable, optional
        Asked before the file is written, for work that was given up meanwhile.

    Returns
    -------
    FineTuned
        The new file, and scores before and after.

    Raises
    ------
    InputError
        If the file exists, there are too few particles, or the model is one of Cellpose's own.
    """
    path = Path(path).with_suffix(".safetensors")
    if path.exists():
        raise InputError(f"Expected a new name for the model, got {path}; choose another.")
    network = load_network(model, is_trainable=True)
    if not network.is_small:
        raise InputError(
            f"Expected '{BUNDLED}' or a model trained from it, got {model!r}; Cellpose's own are "
            f"trained with Cellpose."
        )
    tuned = tune(network, *split(curated), seed=seed)
    if not is_wanted():
        return tuned
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(tuned.network.model.net, path)
    return replace(tuned, path=path)


def tune(
    network: Network, trained: Sequence[Curated], held_out: Sequence[Curated], *, seed: int = 0
) -> FineTuned:
    """Train a copy of a trainable network on some pictures, and score both on others."""
    import torch  # noqa: PLC0415

    before = _score(network, held_out)
    start = time.monotonic()
    tuned = _copy(network)
    torch.manual_seed(seed)
    losses = _tune(tuned.model.net, trained)
    seconds = time.monotonic() - start
    after = _score(tuned, held_out)
    counts = _count(trained), _count(held_out)
    return FineTuned(tuned, before, after, *counts, seconds, losses)


def split(curated: Sequence[Curated]) -> tuple[list[Curated], list[Curated]]:
    """Pictures to train on, and to test on."""
    if len(curated) == 1:
        one = curated[0]
        axis = int(np.argmax(one.image.shape))
        half = one.image.shape[axis] // 2
        first, second = (
            Curated(np.take(one.image, part, axis), np.take(one.labels, part, axis))
            for part in (range(half), range(half, one.image.shape[axis]))
        )
        trained, held_out = [first], [second]
    else:
        trained = [one for i, one in enumerate(curated) if i % 4 != 1]
        held_out = [one for i, one in enumerate(curated) if i % 4 == 1]
    counts = _count(trained), _count(held_out)
    if min(counts) < _LEAST_PARTICLES:
        raise InputError(
            f"Expected at least {_LEAST_PARTICLES} particles to train on and as many to test on, "
            f"got {counts[0]} and {counts[1]}; curate more fields first."
        )
    return trained, held_out


def _count(curated: Sequence[Curated]) -> int:
    return sum(len(np.unique(one.labels)) - 1 for one in curated)


def _copy(network: Network) -> Network:
    """The same network once more, so that training leaves the first as it is."""
    from copy import deepcopy  # noqa: PLC0415

    return replace(network, model=deepcopy(network.model), sha256="")


def _score(network: Network, curated: Sequence[Curated]) -> dict[str, float]:
    scores = [
        compare_labels(
            compact_labels(one.labels).image,
            segment_by_network(network, one.image, _diameter_of(one.labels)).labels,
        )
        for one in curated
    ]
    names = ("AP50", "AP75", "AP90", "area_ratio")
    return {name: float(np.nanmean([one[name] for one in scores])) for name in names}


def _tune(net: Any, curated: Sequence[Curated]) -> tuple[float, ...]:
    samples = []
    for one in curated:
        level = choose_level(_diameter_of(one.labels))
        image = standardise(rescale(one.image, level))
        samples.append((image, compute_flows(_rescale_labels(one.labels, level))))
    side = min(192, 16 * (min(min(image.shape) for image, _ in samples) // 16))
    net.keep_statistics = True
    try:
        losses = _train(net, samples, _Plan(4e-4, _FINE_EPOCHS, 8, 4, max(side, 64)))
    finally:
        net.keep_statistics = False
    return tuple(float(loss) for loss in losses)


def _diameter_of(labels: Labels) -> float:
    """Area-weighted median of the equivalent diameters, in pixels."""
    areas = np.sort(np.bincount(labels[labels > 0]))
    areas = areas[areas > 0]
    middle = np.searchsorted(np.cumsum(areas), areas.sum() / 2)
    return float(2 * np.sqrt(areas[middle] / np.pi))


def _rescale_labels(labels: Labels, level: float) -> Labels:
    """Labels at a level: those at the middle of each block."""
    if level >= 1:
        return np.repeat(np.repeat(labels, int(level), axis=0), int(level), axis=1)
    step = round(1 / level)
    padding = [(0, -n % step) for n in labels.shape]
    return np.ascontiguousarray(
        np.pad(labels, padding, mode="edge")[step // 2 :: step, step // 2 :: step]
    )


def save_weights(net: Any, path: Path) -> None:
    """Write a network in half precision as safetensors, whole or not at all."""
    import torch  # noqa: PLC0415
    from safetensors.torch import save_file  # noqa: PLC0415

    tensors = {
        name: (value.half() if value.is_floating_point() else value).detach().cpu().contiguous()
        for name, value in net.state_dict().items()
    }
    with replacing(path) as partial, torch.no_grad():
        save_file(tensors, partial)
