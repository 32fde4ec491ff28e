"""Outlines of nanocrystals by a network with Cellpose's flows and dynamics."""

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from napari_nanodope.core.labels import compact_labels
from napari_nanodope.segmentation.contrast import standardise
from napari_nanodope.segmentation.models import (
    BUNDLED,
    INSIDE,
    LARGEST_FLOW_ERROR,
    Found,
    Network,
    load_network,
)
from napari_nanodope.segmentation.scaling import (
    BEST_DIAMETER_PX,
    LEVELS,
    bring_back,
    choose_level,
    cut,
    rescale,
)

FloatImage = NDArray[np.float32]

_CORE_PX, _MARGIN_PX = 704, 64  # at the magnification that the network sees
_SAMPLE_PX = 640  # of the middle of a picture, to find the magnification
_SMALLEST_PX = 24  # side of a picture, below which nothing is looked for
_COMFORT_PX = (10.0, 40.0)  # diameters that are outlined best
_SMALL_PX, _MANY_SMALL = 12.0, 0.3  # particles worth enlarging, and their share of the area
# What follows was chosen on simulated scenes so that the level found does as well as the one for
# the true diameter: powers of probability and of the area covered, and how near to the best.
_SURENESS, _COVERAGE, _NEARLY = 4, 0.3, 0.85
# Below these, on simulated scenes with particles and without, what was found were none.
_LEAST_SURE, _LEAST_WEIGHT = 0.3, 0.06
_LITTLE = 0.2  # weight below which a closer look is taken


@dataclass(frozen=True, slots=True)
class Segmentation:
    """Particles that a network found in a picture.

    Attributes
    ----------
    labels : (Y, X) int32 array
        0 for background, particles from 1.
    scores : DataFrame
        ``label, probability, flow_error``, a row per particle.
    diameter_px : float
        Diameter that set the scale.
    settings : dict
        Model, device and magnification.
    """

    labels: NDArray[np.int32]
    scores: pd.DataFrame
    diameter_px: float
    settings: dict[str, Any]


def segment_by_cellpose(
    image: FloatImage,
    diameter_px: float | None = None,
    *,
    model: str | Path = BUNDLED,
    watch: Callable[[int], None] | None = None,
) -> Segmentation:
    """Outlines of particles, by a network with Cellpose's flows.

    Parameters
    ----------
    image : (Y, X) float32 array
        Survey or host map; it is left as it is.
    diameter_px : float, optional
        Expected diameter; by default found by trying magnifications.
    model : str or path, optional
        "nanocrystal", which comes with this package, one of Cellpose's, or a file of weights.
    watch : callable, optional
        Called with the number of windows done before each; what it raises ends the work.

    Returns
    -------
    Segmentation
        Labels, scores, the diameter used, and what to write down.

    Raises
    ------
    InputError
        If the model is not known, or cannot be fetched or read.

    Notes
    -----
    Particles are segmented at a magnification of 2, 1, 1/2 ... 1/16 that brings their diameter
    near to 22 px. Without a diameter all magnifications are tried on the middle of the picture. At
    each, the share of the area found that lies in particles of 10 to 40 px is weighted by
    probability to the 4th power, by 1 - flow error / 0.4, and by the share of the picture covered
    to the power 0.3; the finest one within 85 % of the best is taken. Where, of the whole picture,
    that weight is below 0.06, or below 0.3 without the share covered, there is nothing in it; the
    latter also where the diameter is given.
    Pictures of more than 704 pixels a side (at that magnification) are cut into overlapping
    windows; a particle belongs to the window that its centre lies in. There is no random number in
    this, and no dependence on the number of threads.
    """
    network = load_network(str(model))
    found = segment_by_network(
        network if watch is None else _Watched(network, watch), image, diameter_px
    )
    return replace(found, settings={"model": str(model), **found.settings})


class _Evaluator(Protocol):
    """What segmentation asks of a network."""

    @property
    def sha256(self) -> str: ...

    @property
    def device(self) -> Any: ...

    @property
    def n_at_once(self) -> int: ...

    def evaluate(self, image: FloatImage) -> Found: ...


class _Watched:
    """A network that tells how many windows it has done."""

    def __init__(self, network: Network, watch: Callable[[int], None]) -> None:
        self._network, self._watch, self._n_done = network, watch, count()
        self.sha256, self.device = network.sha256, network.device
        self.n_at_once = network.n_at_once

    def evaluate(self, image: FloatImage) -> Found:
        self._watch(next(self._n_done))
        return self._network.evaluate(image)


def _evaluate_all(network: _Evaluator, images: Sequence[FloatImage]) -> Iterator[Found]:
    """Particles of one picture after the other, on as many threads as the network allows."""
    if network.n_at_once == 1 or len(images) == 1:
        yield from map(network.evaluate, images)
    else:
        with ThreadPoolExecutor(network.n_at_once) as pool:
            yield from pool.map(network.evaluate, images)


def segment_by_network(
    network: _Evaluator, image: FloatImage, diameter_px: float | None = None
) -> Segmentation:
    """Outlines of particles by a network that is already loaded; see `segment_by_cellpose`."""
    tries: dict[float, Found] = {}
    is_found = diameter_px is None
    if diameter_px is None:
        level, diameter_px = _find_level(network, image, tries)
    else:
        level = choose_level(diameter_px)
    found = tries.get(level)
    if found is None or found.logits.shape != _shape_at(image.shape, level):
        found = _segment(network, rescale(image, level))
    if not _is_convincing(found, is_found=is_found):
        found = replace(found, labels=np.zeros_like(found.labels))
    labels = bring_back(found.labels, found.logits, level, image.shape)
    compact = compact_labels(labels)  # shrinking may have lost some
    kept = compact.ids - 1
    scores = pd.DataFrame(
        {
            "label": np.arange(1, compact.n + 1),
            "probability": found.probability[kept],
            "flow_error": found.flow_error[kept],
        }
    )
    settings = {
        "model_sha256": network.sha256,
        "device": network.device.type,
        "magnification": level,
    }
    return Segmentation(compact.image, scores, diameter_px, settings)


@dataclass(frozen=True, slots=True)
class _Try:
    """A magnification, how well particles show at it, and their diameter in the picture."""

    level: float
    weight: float
    diameter_px: float
    share_small: float


def _find_level(
    network: _Evaluator, image: FloatImage, tries: dict[float, Found]
) -> tuple[float, float]:
    """Magnification at which particles show best, and their diameter in pixels of the picture.

    The finest counts of those that do nearly as well as the best.
    """
    usable = [f for f in LEVELS if f <= 1 and min(_shape_at(image.shape, f)) >= _SMALLEST_PX]
    tried = _try_levels(network, image, usable, tries)
    weights = [one.weight for one in tried]
    if tried and (tried[0].share_small > _MANY_SMALL or max(weights) < _LITTLE):
        tried = _try_levels(network, image, [2.0], tries) + tried
    best = max((one.weight for one in tried), default=0.0)
    if best == 0:
        return 1.0, BEST_DIAMETER_PX
    first = next(one for one in tried if one.weight >= _NEARLY * best)
    return first.level, first.diameter_px


def _try_levels(
    network: _Evaluator, image: FloatImage, levels: list[float], tries: dict[float, Found]
) -> list[_Try]:
    images = [
        standardise(rescale(_take_middle(image, _SAMPLE_PX / level), level)) for level in levels
    ]
    tries.update(zip(levels, _evaluate_all(network, images), strict=True))
    return [_try(level, tries[level]) for level in levels]


def _try(level: float, found: Found) -> _Try:
    areas, diameters = _measure(found)
    share_small = float(areas[diameters < _SMALL_PX].sum() / max(areas.sum(), 1))
    weight, _ = _weigh(found)
    if weight == 0:
        return _Try(level, 0.0, BEST_DIAMETER_PX / level, share_small)
    fits = (diameters >= _COMFORT_PX[0]) & (diameters <= _COMFORT_PX[1])
    order = np.argsort(diameters[fits])
    middle = np.searchsorted(np.cumsum(areas[fits][order]), areas[fits].sum() / 2)
    return _Try(level, weight, float(diameters[fits][order][middle] / level), share_small)


def _measure(found: Found) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Areas and equivalent diameters of particles, at the magnification of the network."""
    areas = np.bincount(found.labels.ravel())[1:].astype(float)
    return areas, 2 * np.sqrt(areas / np.pi)


def _weigh(found: Found) -> tuple[float, float]:
    """How well particles show, with and without the share of the picture that they cover."""
    areas, diameters = _measure(found)
    fits = (diameters >= _COMFORT_PX[0]) & (diameters <= _COMFORT_PX[1])
    if not fits.any():
        return 0.0, 0.0
    sureness = float(np.sum((areas * _rate(found))[fits]) / areas.sum())
    return float((areas[fits].sum() / found.labels.size) ** _COVERAGE * sureness), sureness


def _is_convincing(found: Found, *, is_found: bool) -> bool:
    """Whether there are particles; those of any size and number count where the size was told."""
    if is_found:
        weight, sureness = _weigh(found)
        return weight >= _LEAST_WEIGHT and sureness >= _LEAST_SURE
    areas, _ = _measure(found)
    return len(areas) > 0 and float(np.average(_rate(found), weights=areas)) >= _LEAST_SURE


def _rate(found: Found) -> NDArray[np.float64]:
    """How sure the network is of each particle, 0 to 1."""
    sure = found.probability**_SURENESS * (1 - found.flow_error / LARGEST_FLOW_ERROR)
    return np.asarray(sure, float)


def _take_middle(image: FloatImage, side: float) -> FloatImage:
    middle = tuple(slice(max(int(n / 2 - side / 2), 0), int(n / 2 + side / 2)) for n in image.shape)
    return image[middle]


def _shape_at(shape: tuple[int, ...], level: float) -> tuple[int, ...]:
    return tuple(math.ceil(n * level) for n in shape)


def _segment(network: _Evaluator, image: FloatImage) -> Found:
    """Window by window; each particle comes from the window that owns its centre."""
    image = standardise(image)
    windows = list(cut(image.shape, _CORE_PX, _MARGIN_PX))
    all_found = _evaluate_all(network, [image[window] for window, _ in windows])
    if len(windows) == 1:
        return next(all_found)
    labels = np.zeros(image.shape, np.int32)
    logits = np.empty(image.shape, np.float32)
    scores: list[NDArray[np.float64]] = []
    n_found = 0
    for (window, core), found in zip(windows, all_found, strict=True):
        offset = [part.start for part in window]
        inner = tuple(
            slice(own.start - first, own.stop - first)
            for own, first in zip(core, offset, strict=True)
        )
        logits[core] = found.logits[inner]
        own = _own(found.labels, inner)
        renumber = np.where(own, np.cumsum(own) + n_found, 0).astype(np.int32)
        target = labels[window]
        free = (target == 0) & (renumber[found.labels] > 0)
        target[free] = renumber[found.labels][free]
        scores.append(np.stack([found.probability, found.flow_error])[:, own[1:]])
        n_found += int(own.sum())
    probability, flow_error = np.concatenate(scores, axis=1)
    np.maximum(logits, INSIDE, out=logits, where=labels > 0)
    return Found(labels, logits, probability, flow_error)


def _own(labels: NDArray[np.int32], inner: tuple[slice, ...]) -> NDArray[np.bool_]:
    """Whether the centre of each label (0 ... n) lies in the inner part; 0 does not."""
    areas = np.maximum(np.bincount(labels.ravel()), 1)
    own = np.ones(len(areas), bool)
    for axis, part in enumerate(inner):
        at = np.arange(labels.shape[axis]).reshape((-1, 1) if axis == 0 else (1, -1))
        sums = np.bincount(labels.ravel(), weights=np.broadcast_to(at, labels.shape).ravel())
        centre = np.floor(sums / areas + 0.5)
        own &= (centre >= part.start) & (centre < part.stop)
    own[0] = False
    return own
