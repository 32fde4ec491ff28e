"""Where the particles of a simulated scene lie, and what each of them covers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_nanodope.shapes import Shape, find_reach, project

Floats = NDArray[np.float64]

_LEAST_VISIBLE = 0.4  # share of its silhouette that a particle must show to be in the truth
_N_TRIES = 10  # for a place, before a particle is given up
_LEAST_WIDTH_PX = 4.5  # of long particles
_RESOLVED_PX = 20.0  # diameter from which overlaps can be told apart


class Draw:
    """Random numbers of a scene, remembered by name.

    Ranges go from easy to hard; `outside`, one number in five comes from as far as a quarter
    beyond hard (a tenth on logarithmic scales).
    """

    def __init__(self, rng: np.random.Generator, outside: bool) -> None:
        self.rng, self.outside = rng, outside
        self.settings: dict[str, float | str] = {}

    def chance(self, probability: float) -> bool:
        """Whether something happens."""
        return bool(self.rng.random() < probability)

    def choose(self, name: str, values: Sequence[Any]) -> Any:
        """One of several, equally likely."""
        value = values[int(self.rng.integers(len(values)))]
        self.settings[name] = str(value)
        return value

    def even(self, name: str, easy: float, hard: float) -> float:
        """Number on a linear scale, not below 0."""
        value = max(easy + self._share(0.25) * (hard - easy), 0.0)
        self.settings[name] = value
        return value

    def log(self, name: str, easy: float, hard: float) -> float:
        """Number on a logarithmic scale."""
        value = float(easy * (hard / easy) ** self._share(0.1))
        self.settings[name] = value
        return value

    def _share(self, beyond: float) -> float:
        share = float(self.rng.random())
        return 1 + beyond * share if self.outside and self.chance(1 / 5) else share


class Particles:
    """What covers each pixel, filled one particle after the other."""

    def __init__(self, shape_px: tuple[int, int]) -> None:
        self.labels = np.zeros(shape_px, np.int32)
        self.own = np.zeros(shape_px)  # thickness of the particle that the pixel belongs to
        self.matter = np.zeros(shape_px)  # thickness times density of all particles
        self.places: list[tuple[float, float, float]] = []  # row, column, radius
        self._areas: list[int] = [0]
        self.peaks: list[float] = [1.0]

    def add(self, body: "_Body", window: tuple[slice, slice], part: tuple[slice, slice]) -> None:
        """Lay the `part` of a body that is within the picture into its `window`."""
        thickness = body.thickness[part]
        self.places.append((body.y, body.x, body.radius))
        self._areas.append(int((body.thickness > 0).sum()))
        self.peaks.append(float(body.thickness.max()))
        self.matter[window] += body.matter[part]
        thickest = thickness > self.own[window]
        self.labels[window][thickest] = len(self.places)
        self.own[window][thickest] = thickness[thickest]

    @property
    def relative(self) -> Floats:
        """Matter (Y, X), 1 in the middle of a usual particle."""
        return self.matter / float(np.median(self.peaks[1:] or [1.0]))

    def visible(self) -> NDArray[np.int32]:
        """Labels without particles that the rest hides, numbered from 1."""
        areas = np.bincount(self.labels.ravel(), minlength=len(self._areas))
        kept = (areas > 0) & (areas >= _LEAST_VISIBLE * self._inside())
        kept[0] = False
        return (np.cumsum(kept) * kept).astype(np.int32)[self.labels]

    def _inside(self) -> Floats:
        """Area of each silhouette, as far as it lies within the picture; 0 where hardly any."""
        return np.array(self._areas, float) * self._share_inside()

    def _share_inside(self) -> Floats:
        n = np.array([[0.0, 0.0, 1.0], *self.places])
        height, width = self.labels.shape
        share = np.ones(len(n))
        for at, length in ((n[:, 0], height), (n[:, 1], width)):
            reach = np.minimum(at + n[:, 2], length) - np.maximum(at - n[:, 2], 0)
            share *= np.clip(reach / (2 * n[:, 2]), 0.05, 1)
        return share


@dataclass(slots=True)
class _Body:
    """One particle on a grid of its own, whose first pixel is at a whole row and column."""

    y: float
    x: float
    radius: float
    first: tuple[int, int]
    thickness: Floats
    matter: Floats
    widened: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Style:
    """What the particles of a scene have in common."""

    shapes: tuple[Shape, ...]
    aspect_ratio: float
    lie_flat: bool
    spread: float
    density_spread: float
    core: tuple[float, float]  # size and density of a core, relative to the particle
    gap_px: float


def place(particles: Particles, kind: str, diameter_px: float, draw: Draw) -> None:
    """Fill a scene, in place, with particles of shapes, sizes and density drawn for it."""
    shapes = draw.rng.choice(get_args(Shape), size=1 + int(draw.chance(0.3)), replace=False)
    draw.settings["shapes"] = ", ".join(shapes)
    longest = float(np.clip((diameter_px / _LEAST_WIDTH_PX) ** 3, 1.2, 4.0))
    core = (0.0, 0.0)
    if kind in ("HAADF", "bright field", "touching") and draw.chance(0.15):
        core = draw.even("core", 0.75, 0.45), float(draw.choose("core density", (-0.8, 1.5, 4.0)))
    style = _Style(
        shapes=tuple(shapes),
        aspect_ratio=draw.even("aspect ratio", 1.1, longest),
        lie_flat=draw.chance(0.4),
        spread=draw.even("spread of diameters", 0.02, 0.3),
        density_spread=draw.even("spread of brightness", 0.0, 0.3),
        core=core,
        gap_px=0.5 if kind in ("touching", "overlapping") else draw.even("gap", 4.0, 1.0),
    )
    coverage = draw.even("coverage", 0.05, 0.35)
    crowded = kind in ("touching", "overlapping") or draw.chance(0.4)
    if crowded:
        coverage += draw.even("crowding", 0.0, 0.25 if kind == "overlapping" else 0.4)
    most = 0.25 * min(diameter_px / _RESOLVED_PX, 1)
    allowed = draw.even("overlap", 0.0, most) if kind == "overlapping" else 0.0
    wanted = 1 + round(coverage * particles.labels.size / (np.pi / 4 * diameter_px**2))
    failed = 0
    while len(particles.places) < wanted and failed < 10:
        body = _shape_body(diameter_px, style, draw.rng)
        beside = crowded and particles.places and not draw.chance(0.1)
        found = (_find_beside if beside else _find_anywhere)(particles, body, allowed, draw.rng)
        failed = 0 if found else failed + 1


def _shape_body(diameter_px: float, style: _Style, rng: np.random.Generator) -> _Body:
    radius = 0.5 * diameter_px * float(np.clip(rng.normal(1, style.spread), 0.4, 1.8))
    shape = style.shapes[rng.integers(len(style.shapes))]
    turn = Rotation.from_euler("x", rng.uniform(0, 2 * np.pi)) if style.lie_flat else None
    # A point is (z, y, x) here, so that turning about the first axis turns within the picture.
    rotation = (turn or Rotation.random(rng=rng)).as_matrix()
    if style.lie_flat and shape in ("rod", "ellipsoid"):  # whose long axis is their first
        rotation = rotation @ np.roll(np.eye(3), 1, axis=0)
    k = style.aspect_ratio
    reach = int(np.ceil(radius * find_reach(shape, k) + style.gap_px)) + 1
    dy, dx = rng.uniform(-0.5, 0.5, 2)
    y, x = np.meshgrid(
        np.arange(-reach, reach + 1) - dy, np.arange(-reach, reach + 1) - dx, indexing="ij"
    )

    def thickness_of(r: float) -> Floats:
        low, high = project(shape, y / r, x / r, rotation, k)
        return (high - low) * r

    thickness = thickness_of(radius)
    matter = thickness
    size, density = style.core
    if size > 0:
        matter = thickness + density * thickness_of(size * radius)
        matter *= thickness.max() / max(matter.max(), 1e-9)
    matter = matter * np.exp(rng.normal(0, style.density_spread))
    widened = thickness_of(radius + style.gap_px) > 0
    return _Body(dy, dx, radius, (-reach, -reach), thickness, matter, widened)


def _move(body: _Body, row: int, column: int, particles: Particles, allowed: float) -> bool:
    """Add a body at a place, unless it covers more than the allowed share of others there."""
    first = np.array([row, column]) + body.first
    size, shape = body.thickness.shape, particles.labels.shape
    start, stop = np.clip(first, 0, shape), np.clip(first + size, 0, shape)
    if (stop <= start).any():
        return False
    window = slice(start[0], stop[0]), slice(start[1], stop[1])
    start, stop = start - first, stop - first
    part = slice(start[0], stop[0]), slice(start[1], stop[1])
    taken = particles.labels[window] > 0
    if np.count_nonzero(taken & body.widened[part]) > allowed * np.count_nonzero(body.widened):
        return False
    body.y, body.x = row + body.y, column + body.x
    particles.add(body, window, part)
    return True


def _find_anywhere(
    particles: Particles, body: _Body, allowed: float, rng: np.random.Generator
) -> bool:
    height, width = particles.labels.shape
    return any(
        _move(body, int(rng.integers(height)), int(rng.integers(width)), particles, allowed)
        for _ in range(_N_TRIES)
    )


def _find_beside(
    particles: Particles, body: _Body, allowed: float, rng: np.random.Generator
) -> bool:
    """Move away from another particle until there is room; that makes clusters."""
    for _ in range(_N_TRIES):
        y, x, radius = particles.places[rng.integers(len(particles.places))]
        angle = rng.uniform(0, 2 * np.pi)
        near, far = 0.6 * (radius + body.radius), 2.2 * (radius + body.radius)
        for distance in np.arange(near, far, max(1.0, body.radius / 10)):
            row, column = y + distance * np.sin(angle), x + distance * np.cos(angle)
            if not (0 <= row < particles.labels.shape[0] and 0 <= column < particles.own.shape[1]):
                break
            if _move(body, round(row), round(column), particles, allowed):
                return True
    return False
