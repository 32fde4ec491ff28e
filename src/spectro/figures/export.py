"""A figure as PDF, SVG and PNG, with its numbers as CSV beside it."""

import tempfile
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from spectro.figures.style import journal_style
from spectro.model import InputError

_UNDATED: dict[str, dict[str, str | None]] = {
    ".pdf": {"CreationDate": None, "ModDate": None},
    ".svg": {"Date": None},
    ".png": {"Software": None},
}


def save_figure(figure: Figure, path: str | Path, numbers: pd.DataFrame) -> list[Path]:
    """Write a figure in every format, and its numbers, all or none.

    Parameters
    ----------
    figure : Figure
        What to write; drawn in `journal_style`, which it is written in, too.
    path : path
        Name of the files without their suffix; the folder is made where it does not exist.
    numbers : DataFrame
        What the function that drew the figure returned.

    Returns
    -------
    list of Path
        The files: PDF, SVG, PNG and CSV. The same drawing gives the same bytes.

    Raises
    ------
    InputError
        If they cannot be written there.
    """
    path = Path(path)
    files = [path.with_name(f"{path.name}{suffix}") for suffix in (*_UNDATED, ".csv")]
    for file in files:
        if file.is_dir():
            raise InputError(f"Expected a file or nothing at {file}, got a folder; move it.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{path.name}.", suffix=".partial", dir=path.parent
        ) as partial:
            written = [Path(partial) / file.name for file in files]
            _write(figure, written[:-1])
            numbers.to_csv(written[-1], index=False, lineterminator="\n")
            for one, file in zip(written, files, strict=True):
                one.replace(file)
    except OSError as error:
        raise InputError(
            f"Expected a folder that can be written to, got {path.parent}: {error.strerror}; "
            f"choose another folder."
        ) from None
    return files


def _write(figure: Figure, files: list[Path]) -> None:
    """Write a figure to files of several formats, laid out once."""
    engine = figure.get_layout_engine()
    with journal_style():
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    try:
        for file in files:
            with journal_style():  # each time anew, so that nobody else waits long for it
                figure.savefig(file, metadata=_UNDATED[file.suffix])
    finally:
        figure.set_layout_engine(engine)
