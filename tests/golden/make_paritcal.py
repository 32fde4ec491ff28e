"""Write paritcal.csv, and the picture it belongs to, from the literal macro.

Run as ``python tests/golden/make_paritcal.py``; the same files come out every time.
"""

from pathlib import Path

import numpy as np
from macro_literal import tabulate, to_csv
from numpy.typing import NDArray

HERE = Path(__file__).parent


def draw_labels() -> NDArray[np.uint16]:
    """Particles that touch each other and the border, lie inside others, or are one pixel."""
    labels = np.zeros((40, 50), np.uint16)
    y, x = np.mgrid[:40, :50]

    def disc(row: float, column: float, radius: float) -> NDArray[np.bool_]:
        return (y - row) ** 2 + (x - column) ** 2 <= radius**2

    labels[disc(12, 13, 9.5)] = 7
    labels[disc(11, 14, 4.5)] = 0  # a hole, in which another particle lies free
    labels[disc(11, 14, 2.5)] = 3
    labels[disc(12, 29.5, 7.2)] = 40  # touches 7
    labels[10:15, 28:32] = 12  # fills a hole of 40 to its rim
    labels[disc(33, 20, 8.3)] = 5  # cut by the lower border
    labels[0:6, 42:50] = 21  # in a corner
    labels[6:12, 43:50] = 22  # touches it, and the border
    labels[38, 2] = 9  # one pixel
    labels[39, 49] = 900  # one pixel in a corner
    labels[24:26, 32:46] = 31  # too thin for any pixel to survive the erosion
    labels[29:37, 33:41] = 33
    labels[29:37, 41:44] = 34  # touches it along a side
    labels[28:31, 1:4] = 50  # two pieces of one particle, and of one more
    labels[32:37, 1:6] = 50
    return labels


def draw_counts(labels: NDArray[np.uint16]) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Whole counts of host and dopant, also outside the particles."""
    rng = np.random.default_rng(20251257)
    host = rng.poisson(np.where(labels > 0, 40.0, 0.8))
    dopant = rng.poisson(np.where(labels > 0, 0.6, 0.1))
    return host.astype(np.uint16), dopant.astype(np.uint16)


def main() -> None:
    """Write both files beside this script."""
    labels = draw_labels()
    host, dopant = draw_counts(labels)
    np.savez_compressed(HERE / "paritcal_input.npz", labels=labels, host=host, dopant=dopant)
    table = tabulate(labels.tolist(), host.tolist(), dopant.tolist())
    (HERE / "paritcal.csv").write_text(to_csv(table), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
