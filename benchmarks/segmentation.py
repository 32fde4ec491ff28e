"""Outlines of nanocrystals beside other methods: average precision, area bias, seconds.

Simulated scenes that no training has seen, and real micrographs with outlines by hand where the
folder of real data is there (EMPS: B. Yildirim, J. M. Cole, J. Chem. Inf. Model. 2021, 61, 1136).
The classical methods are told the true median diameter and whether particles are bright or dark
(whichever scores better); the network is told nothing.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.io import imread
from skimage.segmentation import find_boundaries, watershed

from napari_nanodope.core.labels import compact_labels
from napari_nanodope.segmentation.cellpose import segment_by_cellpose, segment_by_network
from napari_nanodope.segmentation.evaluation import (
    Example,
    compare_labels,
    render_held_out,
    summarise,
)
from napari_nanodope.segmentation.models import choose_device, load_network
from napari_nanodope.segmentation.scenes import render_scene
from napari_nanodope.segmentation.training import Curated, split, tune
from napari_nanodope.segmentation.watershed import segment_by_watershed

DATA = Path(os.environ.get("NANODOPE_REAL_DATA", "../shared/data")) / "imaging/masks/emps"
Method = Callable[[Example], np.ndarray]


def main() -> None:
    """Print the tables that were asked for; all of them by default."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=10, help="simulated scenes of each kind")
    parser.add_argument("--model", default="nanocrystal")
    parser.add_argument("--only", choices=["scenes", "emps", "fine-tune", "speed"])
    parser.add_argument("--sheet", type=Path, help="PNG to draw the outlines of EMPS into")
    args = parser.parse_args()
    if args.only in (None, "scenes"):
        compare("Simulated scenes", list(render_held_out(args.n)), args.model)
    if DATA.is_dir() and args.only in (None, "emps"):
        examples = list(read_emps())
        compare("EMPS, real micrographs", examples, args.model)
        if args.sheet:
            draw_sheet(examples, args.model, args.sheet)
    if DATA.is_dir() and args.only in (None, "fine-tune"):
        fine_tune_halves(args.model)
    if args.only in (None, "speed"):
        measure_speed(args.model)


def read_emps() -> Iterable[Example]:
    """Micrographs with their outlines."""
    for path in sorted((DATA / "images").glob("*.png")):
        image = imread(path)[..., :3].mean(axis=-1).astype(np.float32)
        labels = imread(DATA / "segmaps" / path.name).astype(np.int32)
        yield Example(path.stem, "EMPS", image, compact_labels(labels).image)


def compare(title: str, examples: list[Example], model: str) -> None:
    """Print the scores of every method by kind, and the overall ones side by side."""
    methods: dict[str, Method] = {
        "Otsu + watershed": lambda one: best_polarity(one, segment_by_otsu),
        "tuned watershed": lambda one: best_polarity(one, segment_by_watershed),
        model: lambda one: segment_by_cellpose(one.image, model=model).labels,
    }
    overall = {}
    for name, method in methods.items():
        rows = []
        start = time.perf_counter()
        for one in examples:
            scores = compare_labels(one.labels, method(one))
            rows.append({"name": one.name, "kind": one.kind, **scores})
        seconds = (time.perf_counter() - start) / len(examples)
        table = summarise(pd.DataFrame(rows))
        overall[name] = table.iloc[-1][["AP50", "AP75", "AP90", "area_bias", "count_error"]]
        print(f"\n{title}: {name}, {seconds:.2f} s a picture")
        print(table.to_string(index=False, float_format="{:.3f}".format, na_rep=""))
    print(f"\n{title}, all methods")
    print(pd.DataFrame(overall).T.to_string(float_format="{:.3f}".format))


def best_polarity(one: Example, method: Callable[[np.ndarray, float], np.ndarray]) -> np.ndarray:
    """Labels of the picture or of its negative, whichever fit better."""
    areas = np.bincount(one.labels.ravel())[1:]
    diameter = float(np.median(2 * np.sqrt(areas / np.pi))) if len(areas) else 20.0
    found = [method(sign * one.image, diameter) for sign in (1, -1)]
    return max(found, key=lambda labels: compare_labels(one.labels, labels)["AP50"])


def segment_by_otsu(image: np.ndarray, diameter_px: float) -> np.ndarray:
    """Otsu's threshold and a watershed on the distance map, as in textbooks."""
    smooth = ndimage.gaussian_filter(image, 1)
    bodies = smooth > threshold_otsu(smooth)
    depth = ndimage.distance_transform_edt(bodies)
    seeds = peak_local_max(depth, min_distance=max(int(diameter_px / 3), 1), labels=bodies * 1)
    markers = np.zeros(image.shape, np.int32)
    markers[tuple(seeds.T)] = np.arange(1, len(seeds) + 1)
    return compact_labels(watershed(-depth, markers, mask=bodies).astype(np.int32)).image


def fine_tune_halves(model: str) -> None:
    """Train on one half of each micrograph with 40 particles or more, test on the other."""
    print("\nFine-tuning on one half of a micrograph, scores on the other")
    print(f"{'':12}{'particles':>10}{'AP50':>16}{'AP75':>16}{'seconds':>9}")
    n_good = n_all = 0
    for one in read_emps():
        if one.labels.max() < 40:
            continue
        trained, held_out = split([Curated(one.image, one.labels)])
        result = tune(load_network(model, is_trainable=True), trained, held_out)
        before, after = result.before, result.after
        n_all += 1
        n_good += after["AP75"] > 0.8 or after["AP75"] - before["AP75"] >= 0.1
        print(
            f"{one.name:12}{one.labels.max():>10}{before['AP50']:>8.2f}{after['AP50']:>8.2f}"
            f"{before['AP75']:>8.2f}{after['AP75']:>8.2f}{result.seconds:>9.0f}"
        )
    print(f"AP75 better by 0.1, or above 0.8: {n_good} of {n_all}")


def measure_speed(model: str) -> None:
    """Seconds after loading, and memory; Cellpose's transformer with random weights beside."""
    small = render_scene("HAADF", seed=1, shape_px=(512, 512), diameter_px=20.0).image
    large = np.tile(small, (4, 4))
    network = load_network(model)
    segment_by_network(network, small)
    times = {}
    for name, image in (("512 x 512", small), ("2048 x 2048", large)):
        for told, diameter in (("diameter given", 20.0), ("diameter found", None)):
            start = time.perf_counter()
            found = segment_by_network(network, image, diameter)
            times[name, told] = time.perf_counter() - start
            print(f"{name}, {told}: {times[name, told]:.2f} s, {found.labels.max()} particles")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory at most {peak:.0f} MB")
    other = build_transformer()
    start = time.perf_counter()
    other.eval(small.copy(), normalize={"normalize": True}, diameter=None)
    seconds = time.perf_counter() - start
    ratio = seconds / times["512 x 512", "diameter given"]
    print(f"CPSAM with random weights, 512 x 512: {seconds:.1f} s, {ratio:.0f} times slower")


def build_transformer() -> object:
    """Cellpose's CPSAM without its weights, which have no part in how long it takes."""
    import torch
    from cellpose import models, vit

    model = models.CellposeModel.__new__(models.CellposeModel)
    model.device = choose_device()
    model.gpu = model.device.type != "cpu"
    model.backbone = "sam_vitl"
    model.pretrained_model = ""
    model.net = vit.CPSAM(dtype=torch.bfloat16).to(model.device, torch.bfloat16)
    return model


def draw_sheet(examples: list[Example], model: str, path: Path) -> None:
    """Contact sheet: outlines by hand in green, found ones in red."""
    from skimage.io import imsave
    from skimage.transform import resize

    tiles = []
    for one in examples:
        found = segment_by_cellpose(one.image, model=model).labels
        low, high = np.percentile(one.image, [0.5, 99.5])
        picture = np.clip((one.image - low) / max(high - low, 1e-9), 0, 1)
        picture = resize(picture, (256, 256), anti_aliasing=True)
        tile = np.stack([picture] * 3, axis=-1)
        for labels, colour in ((one.labels, (0.1, 0.9, 0.1)), (found, (1.0, 0.15, 0.1))):
            small = resize(labels, (256, 256), order=0, preserve_range=True, anti_aliasing=False)
            tile[find_boundaries(small.astype(int), mode="inner")] = colour
        tiles.append(np.pad(tile, ((2, 2), (2, 2), (0, 0))))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 8)
    rows = [np.hstack(tiles[i : i + 8]) for i in range(0, len(tiles), 8)]
    imsave(path, (255 * np.vstack(rows)).astype(np.uint8))


if __name__ == "__main__":
    main()
