"""The published Fiji macro in pure Python: slow, literal, and sharing nothing with the package.

Abutbul et al., ACS Nano 2025, 19, 17640, DOI 10.1021/acsnano.5c01257; items 3 to 5 of the workflow.
"""

from collections.abc import Sequence
from math import isqrt

COLUMNS = (
    "Particle Id",
    "Distance from Edge",
    "Pixel count",
    "Pixels sum intensities",
    "Mn count",
    "Mns sum intensities",
)

Image = Sequence[Sequence[float]]
Row = tuple[int, int, int, float, int, float]


def erode(labels: Image) -> list[list[bool]]:
    """Whether each pixel and all its 3 x 3 neighbours, the border replicated, share one label."""
    n_rows, n_columns = len(labels), len(labels[0])
    survives = [[False] * n_columns for _ in range(n_rows)]
    for y in range(n_rows):
        for x in range(n_columns):
            neighbours = set()
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    row = min(max(y + dy, 0), n_rows - 1)
                    column = min(max(x + dx, 0), n_columns - 1)
                    neighbours.add(labels[row][column])
            survives[y][x] = labels[y][x] != 0 and len(neighbours) == 1
    return survives


def measure_depth(labels: Image) -> list[list[int]]:
    """Distance of each surviving pixel to the nearest that is not, rounded up; 0 elsewhere."""
    survives = erode(labels)
    n_rows, n_columns = len(labels), len(labels[0])
    outside = [(y, x) for y in range(n_rows) for x in range(n_columns) if not survives[y][x]]
    depth = [[0] * n_columns for _ in range(n_rows)]
    for y in range(n_rows):
        for x in range(n_columns):
            if survives[y][x]:
                squared = min((y - row) ** 2 + (x - column) ** 2 for row, column in outside)
                floor = isqrt(squared)
                depth[y][x] = floor if floor * floor == squared else floor + 1
    return depth


def tabulate(labels: Image, host: Image, dopant: Image, threshold: float = 0.5) -> list[Row]:
    """Rows of the macro's table: every particle at every depth to the image's deepest."""
    depth = measure_depth(labels)
    particles = sorted({label for row in labels for label in row if label != 0})
    deepest = max(
        (
            depth[y][x]
            for y in range(len(labels))
            for x in range(len(labels[0]))
            if labels[y][x] != 0
        ),
        default=-1,
    )
    table: list[Row] = []
    for particle in particles:
        for k in range(deepest + 1):
            n_pixels = n_dopants = 0
            host_sum = dopant_sum = 0.0
            for y in range(len(labels)):
                for x in range(len(labels[0])):
                    if labels[y][x] == particle and depth[y][x] == k:
                        n_pixels += 1
                        host_sum += host[y][x]
                        if dopant[y][x] > threshold:
                            n_dopants += 1
                            dopant_sum += dopant[y][x]
            table.append((int(particle), k, n_pixels, host_sum, n_dopants, dopant_sum))
    return table


def to_csv(table: Sequence[Row]) -> str:
    """Text of the macro's file; sums of whole counts are written as whole numbers."""
    lines = [",".join(COLUMNS)]
    lines += [",".join(f"{value:.15g}" for value in row) for row in table]
    return "\n".join(lines) + "\n"
