"""What the particles of a simulated scene look like in each kind of picture."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_nanodope.segmentation.placing import Draw, Particles

Floats = NDArray[np.float64]

_SECONDARY_CONTRAST = 0.35  # of particles against the ground, as a rule
_SIGNAL_TO_NOISE = 12.0  # of a small particle as a whole, at least


def _texture(shape: tuple[int, ...], sigma_px: float, rng: np.random.Generator) -> Floats:
    """Smooth random picture of mean 0 and standard deviation 1."""
    step = max(int(sigma_px / 2), 1)  # coarse pictures are enlarged, which is faster
    coarse = tuple(n // step + 3 for n in shape)
    noise = ndimage.gaussian_filter(rng.standard_normal(coarse), sigma_px / step, mode="wrap")
    if step > 1:
        noise = ndimage.zoom(noise, step, order=1)
    noise = noise[: shape[0], : shape[1]]
    return np.asarray((noise - noise.mean()) / max(noise.std(), 1e-12))


def _draw_support(shape: tuple[int, ...], look: str, diameter_px: float, draw: Draw) -> Floats:
    """Signal of what lies below the particles; 1 is that of a particle."""
    level = draw.even("support", 0.02, 0.5)
    roughness = draw.even("roughness", 0.0, 0.15)
    scale_px = draw.log("texture", 1.5, 20.0)
    support = level * (1 + roughness * _texture(shape, scale_px, draw.rng))
    gradient = draw.even("gradient", 0.0, 0.4)
    angle = draw.rng.uniform(0, 2 * np.pi)
    y, x = np.meshgrid(*(np.linspace(-0.5, 0.5, n) for n in shape), indexing="ij")
    support += gradient * (y * np.sin(angle) + x * np.cos(angle))
    if look == "lumpy support":
        lumps = _texture(shape, draw.log("lumps in diameters", 3.0, 1.5) * diameter_px, draw.rng)
        support += draw.even("lump height", 0.2, 1.0) * lumps
    is_blank = "look" in draw.settings
    if look != "bright field" and draw.chance(0.4 if is_blank else 0.1):  # a film that ends
        edge = _texture(shape, 0.25 * min(shape), draw.rng) > draw.rng.normal()
        support += draw.even("film", 0.05, 0.6) * ndimage.gaussian_filter(edge * 1.0, 1.0)
    return np.asarray(support - min(support.min(), 0.0))


def _blur(image: Floats, diameter_px: float, draw: Draw) -> Floats:
    sigma = draw.even("blur", 0.0, min(1.3, 0.5 + diameter_px / 30))
    return np.asarray(ndimage.gaussian_filter(image, sigma)) if sigma > 0.1 else image


def _scan(image: Floats, draw: Draw) -> Floats:
    """Rows displaced and of uneven gain, as in scanned pictures."""
    if draw.chance(0.5):
        return image
    height, width = image.shape
    shifts = draw.rng.normal(0, draw.even("row jitter", 0.0, 0.5), (height, 1))
    rows = np.arange(height)[:, None] * np.ones(width)
    columns = np.arange(width) + shifts
    gain = 1 + draw.rng.normal(0, draw.even("row gain", 0.0, 0.03), (height, 1))
    at = np.stack([rows, columns])
    return np.asarray(ndimage.map_coordinates(image, at, order=1, mode="nearest") * gain)


def _count(image: Floats, peak: float, draw: Draw) -> Floats:
    return draw.rng.poisson(np.clip(image, 0, 1e6 / peak) * peak) / peak


def _find_faintest(contrast: float, diameter_px: float, draw: Draw) -> float:
    """Counts per pixel from which particles show that are smaller than most of the scene."""
    small = diameter_px * (1 - 1.5 * float(draw.settings.get("spread of diameters", 0.0)))
    return _SIGNAL_TO_NOISE**2 / (np.pi / 4 * (contrast * small) ** 2)


def render_haadf(particles: Particles, look: str, diameter_px: float, draw: Draw) -> Floats:
    """Matter above a support, blurred, scanned, counted and with grain."""
    shape = particles.labels.shape
    support = _draw_support(shape, look, diameter_px, draw)
    image = particles.relative + support
    for _ in range(draw.rng.integers(4) if draw.chance(0.15) else 0):  # bright outliers
        at = tuple(draw.rng.integers(0, n) for n in shape)
        image[at] += draw.even("outlier", 2.0, 20.0) * draw.rng.uniform(0.5, 1)
    image = _scan(_blur(image, diameter_px, draw), draw)
    faintest = max(1.0, (1 + float(support.mean())) * _find_faintest(1.0, diameter_px, draw))
    if look == "low dose":
        image = _count(image, draw.log("counts at the peak", 10 * faintest, faintest), draw)
    else:
        image = _count(image, draw.log("counts at the peak", 2000.0, max(30.0, faintest)), draw)
    grain = draw.even("grain", 0.0, 0.08)
    grain_px = draw.rng.uniform(0.6, 1.5)
    return np.asarray(image + grain * _texture(shape, grain_px, draw.rng))


def render_eds(particles: Particles, _: str, diameter_px: float, draw: Draw) -> Floats:
    """Net counts of an element that the particles hold."""
    peak = draw.log("counts at the peak", 50.0, max(0.5, 90 / diameter_px**2))
    shape = particles.labels.shape
    background = np.full(shape, draw.even("background", 0.0, 0.1) * peak)
    if draw.chance(0.3):  # a film that holds the element too, or stray X-rays
        background *= 1 + 0.3 * _texture(shape, 20, draw.rng)
    image = particles.relative
    if draw.chance(0.3):
        image = ndimage.gaussian_filter(image, draw.even("probe", 0.2, 1.0))
    mean = np.clip(image * peak + background, 0, None)
    counts = draw.rng.poisson(mean).astype(float)
    if draw.chance(0.15):
        counts = ndimage.uniform_filter(counts, 3)
    return np.asarray(counts - np.mean(background))


def render_bright_field(particles: Particles, look: str, diameter_px: float, draw: Draw) -> Floats:
    """Transmitted counts, with fringes of defocus and the grain of carbon."""
    shape = particles.labels.shape
    absorbed = draw.log("absorption", 2.5, 0.35) * particles.relative
    film = 0.3 * _draw_support(shape, look, diameter_px, draw)
    image = np.exp(-absorbed - film)
    fringe = draw.even("fringe", 0.0, 0.6)
    width = draw.log("fringe width", 0.8, 2.5)
    sharp, soft = (ndimage.gaussian_filter(image, k * width) for k in (1.0, 2.0))
    image = image + (fringe if draw.chance(0.5) else -fringe) * (sharp - soft)
    # Carbon films show their phase as a grain of a certain size.
    grain_px = draw.log("grain size", 0.6, 2.5)
    grain = _texture(shape, grain_px, draw.rng) - 0.7 * _texture(shape, 2 * grain_px, draw.rng)
    image = image * (1 + draw.even("grain", 0.0, 0.1) * grain)
    image = _blur(image, diameter_px, draw)
    contrast = 1 - np.exp(-float(np.median(absorbed[absorbed > 0])) if absorbed.any() else -1.0)
    faintest = max(20.0, _find_faintest(contrast, diameter_px, draw))
    return _count(np.clip(image, 0, None), draw.log("counts", 2000.0, faintest), draw)


def render_secondary(particles: Particles, _: str, diameter_px: float, draw: Draw) -> Floats:
    """Opaque bodies, brighter where their surface is steep."""
    shape, labels = particles.labels.shape, particles.labels
    inside = labels > 0
    height = particles.own / np.array(particles.peaks)[labels]
    steep = (1 - np.clip(height, 0, 1)) ** 2
    angle = draw.rng.uniform(0, 2 * np.pi)
    slope = ndimage.gaussian_gradient_magnitude(particles.own, 1) > 1  # of faces
    lit = ndimage.sobel(particles.own, 0) * np.sin(angle) + ndimage.sobel(
        particles.own, 1
    ) * np.cos(angle)
    body = 0.6 + draw.even("bright edge", 0.8, 0.1) * steep
    body += draw.even("one-sided light", 0.0, 0.25) * np.tanh(lit / 8) - 0.05 * slope
    tone = np.exp(draw.rng.normal(0, draw.even("tone", 0.0, 0.25), len(particles.peaks)))
    roughness = draw.even("surface roughness", 0.0, 0.12)
    body = body * tone[labels] + roughness * _texture(shape, max(diameter_px / 15, 0.7), draw.rng)
    ground_px = draw.log("ground texture", 1.0, 8.0)
    ground = draw.even("ground", 0.1, 0.45) * (
        1 + draw.even("ground roughness", 0.0, 0.25) * _texture(shape, ground_px, draw.rng)
    )
    shadow = ndimage.gaussian_filter(inside * 1.0, max(diameter_px / 8, 0.7))
    ground = ground * (1 - draw.even("shadow", 0.0, 0.7) * np.clip(shadow, 0, 1))
    image = _scan(_blur(np.where(inside, body, ground), diameter_px, draw), draw)
    faintest = max(15.0, _find_faintest(_SECONDARY_CONTRAST, diameter_px, draw))
    return _count(np.clip(image, 0, None), draw.log("counts", 500.0, faintest), draw)


def annotate(image: Floats, particles: Particles, draw: Draw) -> None:
    """Burn a scale bar and letters into a corner, in place; nothing below them is a particle."""
    height, width = image.shape
    high = int(draw.rng.integers(max(height // 16, 6), max(height // 7, 8)))
    wide = min(int(high * draw.rng.uniform(1.5, 5)), width)
    top = 0 if draw.chance(0.4) else height - high
    left = 0 if draw.chance(0.5) else width - wide
    box = image[top : top + high, left : left + wide]
    low, top_value = float(image.min()), float(image.max())
    paper, ink = (low, top_value) if draw.chance(0.5) else (top_value, low)
    if draw.chance(0.6):
        box[:] = paper
        particles.labels[top : top + high, left : left + wide] = 0
    stroke = max(high // 8, 1)
    if draw.chance(0.6):  # a bar
        at = int(draw.rng.integers(high // 2, high - stroke))
        box[at : at + stroke, wide // 8 : -max(wide // 8, 1)] = ink
    x = wide // 8
    while x < wide - high // 2 and draw.chance(0.85):  # letters, of strokes
        letter = box[high // 6 : high // 2, x : x + high // 4]
        for _ in range(3):
            if letter.size == 0:
                break
            if draw.chance(0.5):
                letter[draw.rng.integers(letter.shape[0]), :] = ink
            else:
                letter[:, draw.rng.integers(letter.shape[1])] = ink
        x += high // 3 + 1
