"""Tables of a few numbers: magnetisation over a delay, dephasing over a recoupling time."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectro.io import READERS, load_all
from spectro.io.files import UnreadableFileError, read_text

Array = NDArray[np.float64]

_TEXT = next(one for one in READERS if one.name == "text").suffixes
_SIGMA = "sigma"


def is_table(path: Path) -> bool:
    """Whether a file is a text of columns."""
    return path.is_file() and path.suffix.lower() in _TEXT


def load_table(path: Path, names: tuple[str, str]) -> tuple[Array, Array, Array | None]:
    """Columns of a table: times in s, values, and standard deviations if there are any.

    Parameters
    ----------
    path : Path
        Text of two or three columns. A header, if there is one, names them.
    names : (str, str)
        Of times and values, as ("t_s", "m"); the third is "sigma". Times may have their unit in
        brackets instead, as "t (ms)".

    Raises
    ------
    UnreadableFileError
        If there are other columns.
    """
    columns = load_all(path)
    axis, told = columns[0].axes[0], [str(one.metadata.get("quantity", "")) for one in columns]
    expected = [names[1], _SIGMA][: len(columns)]
    if not axis.name and not any(told) and _has_words(path):
        raise UnreadableFileError(
            f"Expected columns {names[0]}, {names[1]} and perhaps {_SIGMA} in {path}, got a header "
            f"without as many names; name them so in the line above the numbers."
        )
    is_timed = axis.unit == "s" or (axis.name in ("", names[0]) and not axis.unit)
    if not is_timed or (any(told) and told != expected) or len(columns) > 2:
        label = axis.name if not axis.unit else f"{axis.name} ({axis.unit})"
        raise UnreadableFileError(
            f"Expected columns {names[0]}, {names[1]} and perhaps {_SIGMA} in {path}, got "
            f"{', '.join([label or 'unnamed', *(one or 'unnamed' for one in told)])}; name them so "
            f"in the line above the numbers."
        )
    sigma = columns[1].y if len(columns) > 1 else None
    return axis.values, np.asarray(columns[0].y), None if sigma is None else np.asarray(sigma)


def _has_words(path: Path) -> bool:
    """Whether a text begins with something else than numbers."""
    first = next((line for line in read_text(path).splitlines() if line.strip()), "")
    return any(one.isalpha() and one not in "eEdD" for one in first)
