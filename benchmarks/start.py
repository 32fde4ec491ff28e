"""Time to import the packages and to print help, each in a fresh interpreter."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "python alone": [sys.executable, "-c", "pass"],
    "import napari_nanodope": [sys.executable, "-c", "import napari_nanodope"],
    "import spectro": [sys.executable, "-c", "import spectro"],
    "nanodope --help": [str(Path(sys.executable).with_name("nanodope")), "--help"],
}


def main() -> None:
    """Print the median of nine runs of each, after one that is not counted."""
    for name, command in COMMANDS.items():
        times = []
        for _ in range(10):
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times.append(time.perf_counter() - start)
        print(f"{name:24} {statistics.median(times[1:]):.3f} s")


if __name__ == "__main__":
    main()
