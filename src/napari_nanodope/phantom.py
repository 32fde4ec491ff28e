"""Simulated fields of view with known particles and known dopants."""

import hashlib
from dataclasses import asdict, dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_nanodope.materials import material_named
from napari_nanodope.model import FieldOfView, InputError, Source, as_pixel_size_nm, is_element
from napari_nanodope.shapes import Shape, find_reach, measure_depth


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomParams:
    """What to simulate; the defaults draw the spheres of the published phantom, without noise.

    Parameters
    ----------
    location : {"core", "surface", "mixed"}
        Dopants fill the volume, sit in the surface shell, or `surface_fraction` of them do.
    doping : float
        Dopants per host site: each site of the volume holds one with this probability; the surface
        gets as many as the volume would have.
    surface_fraction : float
        Share of dopants placed in the surface shell when `location` is "mixed".
    shell_nm : float, optional
        Thickness of the surface shell; one pixel by default, one voxel at least.
    shape_px : (int, int)
        Rows and columns.
    pixel_size_nm : float
        Side of the square pixels, and of the voxels that are summed along z.
    radius_nm, radius_sd_nm : float
        Mean and standard deviation of the radius of the sphere of the same volume.
    radius_range_nm : (float, float)
        Where radii are cut.
    particle_shape : str
        "sphere", "ellipsoid", "tetrahedron", "octahedron", "truncated octahedron", "cube", "plate"
        or "rod"; all but spheres are turned at random.
    aspect_ratio : float
        Length over width of ellipsoids and rods; width over thickness of plates.
    arrangement : {"rows", "random"}
        Close rows, as published, or random places.
    gap_nm : float
        Least gap between neighbours; 0 lets them touch, negative values let them overlap, by less
        than the smallest diameter.
    n_particles : int, optional
        At most so many; by default as many as fit.
    host, dopant, material : str
        Elements, and the lattice that sets the host sites per nm3.
    host_counts_per_atom, dopant_counts_per_atom : float
        Mean X-ray counts from one atom.
    background_counts : float
        Mean counts per pixel of either map from elsewhere; their mean is subtracted again.
    probe_sigma_nm : float
        Standard deviation of the Gaussian probe.
    shot_noise : bool
        Whether counts, and the survey, are Poisson distributed; otherwise they are their means.
    film_nm, film_roughness : float
        Thickness of a carbon film under the particles and its relative variation, in the survey.
    survey_counts_per_nm : float
        Mean survey signal of one nm of host.

    Raises
    ------
    InputError
        If a value is out of bounds.
    """

    location: Literal["core", "surface", "mixed"] = "core"
    doping: float = 1 / 1000
    surface_fraction: float = 0.5
    shell_nm: float | None = None
    shape_px: tuple[int, int] = (400, 400)
    pixel_size_nm: float = 0.7
    radius_nm: float = 4.2
    radius_sd_nm: float = 1.9
    radius_range_nm: tuple[float, float] = (1.4, 7.7)
    particle_shape: Shape = "sphere"
    aspect_ratio: float = 1.5
    arrangement: Literal["rows", "random"] = "rows"
    gap_nm: float = 0.7
    n_particles: int | None = None
    host: str = "Cd"
    dopant: str = "Mn"
    material: str = "CdS (zinc blende)"
    host_counts_per_atom: float = 1.0
    dopant_counts_per_atom: float = 1.0
    background_counts: float = 0.0
    probe_sigma_nm: float = 0.0
    shot_noise: bool = False
    film_nm: float = 5.0
    film_roughness: float = 0.1
    survey_counts_per_nm: float = 50.0

    def __post_init__(self) -> None:
        for name, allowed in (
            ("location", ("core", "surface", "mixed")),
            ("particle_shape", get_args(Shape)),
            ("arrangement", ("rows", "random")),
        ):
            if getattr(self, name) not in allowed:
                raise InputError(
                    f"Expected {name} to be one of {', '.join(allowed)}, got "
                    f"{getattr(self, name)!r}."
                )
        for name, low, high in _BOUNDS:
            value = getattr(self, name)
            if value is not None and not (low <= value <= high):
                raise InputError(f"Expected {name} from {low:g} to {high:g}, got {value!r}.")
        low, high = self.radius_range_nm
        if not 0 < low <= self.radius_nm <= high:
            raise InputError(
                f"Expected 0 < lowest <= mean <= highest radius, got {low}, {self.radius_nm} and "
                f"{high} nm; widen radius_range_nm."
            )
        if not -2 * low < self.gap_nm <= 1e6:
            raise InputError(
                f"Expected gap_nm above -{2 * low:g}, the smallest diameter, got {self.gap_nm!r}."
            )
        whole = [*self.shape_px, 0 if self.n_particles is None else self.n_particles]
        if len(whole) != 3 or min(whole[:2]) < 1 or any(n != int(n) for n in whole):
            raise InputError(
                f"Expected whole numbers as shape_px (rows, columns) and n_particles, got "
                f"{self.shape_px!r} and {self.n_particles!r}."
            )
        if not (is_element(self.host) and is_element(self.dopant)) or self.host == self.dopant:
            raise InputError(
                f"Expected two element symbols, got host {self.host!r} and dopant {self.dopant!r}."
            )


_BOUNDS = (
    ("doping", 0.0, 1.0),
    ("surface_fraction", 0.0, 1.0),
    ("shell_nm", 1e-3, 1e3),
    ("pixel_size_nm", 1e-3, 1e3),
    ("radius_sd_nm", 0.0, 1e3),
    ("aspect_ratio", 1.0, 20.0),
    ("n_particles", 0, 10**6),
    ("host_counts_per_atom", 0.0, 1e6),
    ("dopant_counts_per_atom", 0.0, 1e6),
    ("background_counts", 0.0, 1e6),
    ("probe_sigma_nm", 0.0, 1e3),
    ("film_nm", 0.0, 1e4),
    ("film_roughness", 0.0, 1.0),
    ("survey_counts_per_nm", 0.0, 1e6),
)


@dataclass(frozen=True, slots=True)
class PhantomTruth:
    """What a simulated field holds, exactly.

    Attributes
    ----------
    labels : (Y, X) int32 array
        0 for background; where particles overlap, the thicker one.
    particles : DataFrame
        ``label, centre_y_nm, centre_x_nm, radius_nm, volume_nm3, host_sites, dopants,
        surface_dopants``; the volume is that of the voxels, the dopants whole numbers.
    dopants : DataFrame
        One row per dopant atom: ``label, z_nm, y_nm, x_nm, is_surface``, z from the particle's
        centre and y, x from the centre of the first pixel. ``is_surface`` tells which were placed
        in the shell on purpose.
    """

    labels: NDArray[np.int32]
    particles: pd.DataFrame
    dopants: pd.DataFrame


def simulate_field(
    params: PhantomParams | None = None, *, seed: int
) -> tuple[FieldOfView, PhantomTruth]:
    """Field of view of simulated nanocrystals, with its truth.

    Parameters
    ----------
    params : PhantomParams, optional
        What to simulate.
    seed : int
        Every random number follows from it.

    Returns
    -------
    field : FieldOfView
        Survey, and net maps of host and dopant.
    truth : PhantomTruth
        Labels, particles, and the position of every dopant.

    Notes
    -----
    Particles are sets of voxels one pixel wide, as published [1]_, but the host sites per voxel are
    not rounded, sizes follow the parameters, and nothing is clipped to 8 bits. Dopants replace host
    atoms. Counts are Poisson with the mean of (atoms x counts per atom) blurred by the probe, plus
    background. The survey is thickness, with a film of smooth random thickness below.

    References
    ----------
    .. [1] Abutbul et al., ACS Nano 2025, 19, 17640, DOI 10.1021/acsnano.5c01257, supporting script.
    """
    params = params or PhantomParams()
    if seed < 0:
        raise InputError(f"Expected a seed of at least 0, got {seed}.")
    rng = np.random.default_rng(seed)
    radii, centres = _place_particles(params, rng)
    scene = _Scene(params)
    for radius, centre in zip(radii, centres, strict=True):
        scene.add_particle(radius, centre, rng)
    field = FieldOfView(
        survey=_render_survey(scene.thickness_nm, params, rng),
        maps={
            params.host: _render_counts(scene.host, params.host_counts_per_atom, params, rng),
            params.dopant: _render_counts(scene.dopant, params.dopant_counts_per_atom, params, rng),
        },
        pixel_size_nm=as_pixel_size_nm(params.pixel_size_nm),
        sample_id=f"phantom-{params.location}",
        field_id=f"{params.location}-seed{seed}",
        source=_describe_source(params, seed),
    )
    return field, scene.truth()


class _Scene:
    """Atoms and labels, filled one particle after the other."""

    def __init__(self, params: PhantomParams) -> None:
        self.params = params
        self.sites_per_nm3 = material_named(params.material).sites_per_nm3(params.host)
        self.labels = np.zeros(params.shape_px, np.int32)
        self.host = np.zeros(params.shape_px)
        self.dopant = np.zeros(params.shape_px)
        self.thickness_nm = np.zeros(params.shape_px)
        self._thickest = np.zeros(params.shape_px)
        self._particles: list[tuple[float, ...]] = []
        self._dopants: list[NDArray[np.float64]] = []

    def add_particle(
        self, radius_nm: float, centre_nm: NDArray[np.float64], rng: np.random.Generator
    ) -> None:
        px = self.params.pixel_size_nm
        depth, first = _voxelise(radius_nm, centre_nm / px, self.params, rng)
        window, part = _overlap(first[1:], depth.shape[1:], self.params.shape_px)
        inside = depth[:, *part] >= 0
        if not inside.any():
            return
        atoms, is_surface = self._draw_dopants(depth, rng)
        pixels = atoms[1:] + first[1:, None]
        seen = np.all((pixels >= 0) & (pixels < np.array([self.params.shape_px]).T), axis=0)
        atoms, is_surface = atoms[:, seen], is_surface[seen]
        label = len(self._particles) + 1
        column = np.zeros(depth.shape[1:])
        np.add.at(column, tuple(atoms[1:]), 1)
        column, thickness = column[part], inside.sum(axis=0) * px
        self.thickness_nm[window] += thickness
        sites = inside.sum() * px**3 * self.sites_per_nm3
        left = max(1 - atoms.shape[1] / sites, 0.0)  # of the host atoms, replaced anywhere
        self.host[window] += left * thickness * px**2 * self.sites_per_nm3
        self.dopant[window] += column
        is_thickest = thickness > self._thickest[window]
        self.labels[window][is_thickest] = label
        self._thickest[window][is_thickest] = thickness[is_thickest]
        position = (atoms + first[:, None] + rng.uniform(-0.5, 0.5, atoms.shape)) * px
        self._dopants.append(
            np.stack([np.full(atoms.shape[1], float(label)), *position, is_surface.astype(float)])
        )
        counts = (inside.sum() * px**3, sites, atoms.shape[1], float(is_surface.sum()))
        self._particles.append((label, *centre_nm, radius_nm, *counts))

    def _draw_dopants(
        self, depth_nm: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Voxels (3, n) of the dopants, and which of them were placed in the shell."""
        params = self.params
        fraction = {"core": 0.0, "surface": 1.0, "mixed": params.surface_fraction}[params.location]
        anywhere = np.argwhere(depth_nm >= 0).T
        sites = anywhere.shape[1] * params.pixel_size_nm**3 * self.sites_per_nm3
        n = int(rng.binomial(round(sites), params.doping))
        is_surface = rng.random(n) < fraction
        shell_nm = params.shell_nm or params.pixel_size_nm
        outermost = depth_nm[depth_nm >= 0].min(initial=np.inf)
        shell = np.argwhere((depth_nm >= 0) & (depth_nm < max(shell_nm, 1.001 * outermost))).T
        voxels = anywhere[:, rng.integers(anywhere.shape[1], size=n)]
        voxels[:, is_surface] = shell[:, rng.integers(shell.shape[1], size=int(is_surface.sum()))]
        return voxels, is_surface

    def truth(self) -> PhantomTruth:
        names = ["label", "centre_y_nm", "centre_x_nm", "radius_nm", "volume_nm3", "host_sites"]
        whole = ["label", "dopants", "surface_dopants"]
        columns = [*names, *whole[1:]]
        particles = pd.DataFrame(self._particles, columns=columns).astype(float)
        atoms = np.concatenate(self._dopants, axis=1) if self._dopants else np.zeros((5, 0))
        dopants = pd.DataFrame(atoms.T, columns=["label", "z_nm", "y_nm", "x_nm", "is_surface"])
        return PhantomTruth(
            labels=self.labels,
            particles=particles.astype(dict.fromkeys(whole, np.int64)),
            dopants=dopants.astype({"label": np.int64, "is_surface": bool}),
        )


def _place_particles(
    params: PhantomParams, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Radii (N,) and centres (N, 2) in nm."""
    place = {"rows": _place_rows, "random": _place_random}[params.arrangement]
    placed = place(params, rng)[: params.n_particles]
    table = np.array(placed).reshape(-1, 3)
    return table[:, 0], table[:, 1:]


def _draw_radius(params: PhantomParams, rng: np.random.Generator) -> float:
    return float(
        np.clip(rng.normal(params.radius_nm, params.radius_sd_nm), *params.radius_range_nm)
    )


def _place_rows(params: PhantomParams, rng: np.random.Generator) -> list[tuple[float, ...]]:
    """Particles side by side in rows, each row as high as its largest particle."""
    height, width = (n * params.pixel_size_nm for n in params.shape_px)
    reach = _reach(params)
    placed: list[tuple[float, ...]] = []
    top = params.gap_nm
    while True:
        row, left = [], params.gap_nm
        while True:
            radius = _draw_radius(params, rng)
            if left + 2 * radius * reach > width:
                break
            row.append((radius, left + radius * reach))
            left += 2 * radius * reach + params.gap_nm
        tallest = max((radius * reach for radius, _ in row), default=np.inf)
        if top + 2 * tallest > height:
            return placed
        placed += [(radius, top + tallest, x) for radius, x in row]
        top += 2 * tallest + params.gap_nm


def _place_random(params: PhantomParams, rng: np.random.Generator) -> list[tuple[float, ...]]:
    """Random sequential addition: a place too close to another is drawn again, up to 200 times."""
    size = np.array(params.shape_px) * params.pixel_size_nm
    reach = _reach(params)
    placed = np.empty((0, 3))
    wanted = 10**6 if params.n_particles is None else params.n_particles
    while len(placed) < wanted:
        radius = _draw_radius(params, rng)
        for _ in range(200):
            centre = rng.uniform(0, size)
            apart = np.hypot(*(placed[:, 1:] - centre).T) - (placed[:, 0] + radius) * reach
            if not len(placed) or apart.min() >= params.gap_nm:
                placed = np.vstack([placed, [radius, *centre]])
                break
        else:
            break
    return [tuple(row) for row in placed]


def _reach(params: PhantomParams) -> float:
    return find_reach(params.particle_shape, params.aspect_ratio)


def _voxelise(
    radius_nm: float,
    centre_px: NDArray[np.float64],
    params: PhantomParams,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Depth of voxel centres (Z, Y, X) in nm, negative outside, and the index of the first one."""
    centre = np.concatenate([[0.0], centre_px])
    reach = radius_nm * _reach(params) / params.pixel_size_nm
    first = np.floor(centre - reach).astype(np.int64)
    last = np.ceil(centre + reach).astype(np.int64)
    axes = [np.arange(a, b + 1) - c for a, b, c in zip(first, last, centre, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    if params.particle_shape != "sphere":
        points = points @ Rotation.random(rng=rng).as_matrix()
    points = points * params.pixel_size_nm / radius_nm
    return measure_depth(params.particle_shape, points, params.aspect_ratio) * radius_nm, first


def _overlap(
    first: NDArray[np.int64], size: tuple[int, ...], shape_px: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where a box of `size` pixels lies in the picture, and which part of the box that is."""
    start = np.clip(first, 0, shape_px)
    stop = np.clip(first + size, start, shape_px)
    window = slice(start[0], stop[0]), slice(start[1], stop[1])
    start, stop = start - first, stop - first
    return window, (slice(start[0], stop[0]), slice(start[1], stop[1]))


def _render_counts(
    atoms: NDArray[np.float64], per_atom: float, params: PhantomParams, rng: np.random.Generator
) -> NDArray[np.float32]:
    mean = _blur(atoms * per_atom, params) + params.background_counts
    counts = rng.poisson(mean).astype(float) if params.shot_noise else mean
    return (counts - params.background_counts).astype(np.float32)


def _render_survey(
    thickness_nm: NDArray[np.float64], params: PhantomParams, rng: np.random.Generator
) -> NDArray[np.float32]:
    # Amorphous carbon (2.0 g/cm3) scatters to the dark field 0.12 times as much as CdS of the same
    # thickness: atoms per nm3 x Z^1.7 are 2.1e3 and 1.7e4.
    film_contrast = 0.12
    texture = ndimage.gaussian_filter(rng.standard_normal(params.shape_px), 3, mode="reflect")
    texture /= texture.std() if texture.std() > 0 else 1
    film = params.film_nm * film_contrast * np.clip(1 + params.film_roughness * texture, 0, None)
    mean = (_blur(thickness_nm, params) + film) * params.survey_counts_per_nm
    survey = rng.poisson(mean) if params.shot_noise else mean
    return np.asarray(survey, dtype=np.float32)


def _blur(image: NDArray[np.float64], params: PhantomParams) -> NDArray[np.float64]:
    sigma_px = params.probe_sigma_nm / params.pixel_size_nm
    if sigma_px == 0:
        return image
    blurred: NDArray[np.float64] = ndimage.gaussian_filter(image, sigma_px, mode="constant")
    return np.clip(blurred, 0, None)


def _describe_source(params: PhantomParams, seed: int) -> Source:
    settings = asdict(params) | {"seed": seed}
    digest = hashlib.sha256(repr(sorted(settings.items())).encode()).hexdigest()
    return Source(path="", sha256=digest, reader="simulate_field", settings=settings)
