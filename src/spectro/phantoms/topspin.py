"""Signals as Bruker TopSpin: an experiment's folder with parameters and a ``fid`` or ``ser``."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spectro.model import InputError
from spectro.phantoms.files import write_files

DECIMATION = 50
"""Points that the receiver samples for each that it hands over."""

_BLOCK_BYTES = 1024  # rows of a ser file start at multiples of it
_FIRMWARE = 20


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How a signal was recorded.

    Attributes
    ----------
    nucleus : str
        As in "113Cd".
    reference_MHz : float
        Frequency at 0 ppm.
    carrier_ppm : float
        Middle of the spectrum.
    width_Hz : float
        Spectral width.
    n_points : int
        Complex points.
    n_scans : int
        That were added up.
    gain : float
        Of the receiver.
    recycle_s : float
        Delay between scans.
    mas_Hz : float
        Rate of spinning; 0 for none.
    temperature_K : float
        Of the sample.
    phase_deg : float
        Of the receiver.
    group_delay_points : float
        Of the digital filter; in steps of 1 / `DECIMATION`.
    pulse_program : str
        Its name.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    nucleus: str
    reference_MHz: float
    carrier_ppm: float = 0.0
    width_Hz: float = 1e5
    n_points: int = 1024
    n_scans: int = 1
    gain: float = 1.0
    recycle_s: float = 1.0
    mas_Hz: float = 0.0
    temperature_K: float = 298.0
    phase_deg: float = 0.0
    group_delay_points: float = 67.98
    pulse_program: str = "onepulse"

    def __post_init__(self) -> None:
        """Refuse what no receiver does."""
        numbers = (self.reference_MHz, self.width_Hz, self.gain, self.recycle_s)
        if not all(0 < one < math.inf for one in numbers):
            raise InputError(
                f"Expected a frequency, a width, a gain and a delay above 0, got {numbers}."
            )
        if not 0 <= self.group_delay_points < self.n_points or self.n_scans < 1:
            raise InputError(
                f"Expected a scan or more, and a group delay within {self.n_points} points, got "
                f"{self.n_scans} and {self.group_delay_points}."
            )

    @property
    def carrier_MHz(self) -> float:
        """Frequency in the middle of the spectrum."""
        return self.reference_MHz * (1 + self.carrier_ppm * 1e-6)


def save_topspin(
    y: NDArray[np.complex128],
    folder: str | Path,
    acquisition: Acquisition,
    *,
    title: str = "",
    delays_s: Sequence[float] | None = None,
) -> list[Path]:
    """Write a signal, or a series of them, as an experiment of TopSpin 4.

    Parameters
    ----------
    y : (N,) or (M, N) complex array
        One signal, or rows of a series.
    folder : path
        Of the experiment, named by a number as a rule.
    acquisition : Acquisition
        Its parameters.
    title : str, optional
        Of the experiment.
    delays_s : sequence of float, optional
        Of the rows; becomes ``vdlist``.

    Returns
    -------
    list of Path
        The data first, the parameters last.

    Raises
    ------
    InputError
        If signal, points and delays do not fit each other, or a file cannot be written.

    Notes
    -----
    Numbers are little-endian doubles (``DTYPA`` 2), so they are read back bit for bit.
    """
    y = np.asarray(y, np.complex128)
    n_rows = 1 if y.ndim == 1 else len(y)
    is_series = y.ndim == 2
    if y.ndim not in (1, 2) or y.shape[-1] != acquisition.n_points:
        raise InputError(f"Expected {acquisition.n_points} points of a signal, got {y.shape}.")
    if delays_s is not None and (not is_series or len(delays_s) != n_rows):
        raise InputError(f"Expected a delay for each of {n_rows} rows, got {len(delays_s)}.")
    words = np.stack([y.real, y.imag], axis=-1).reshape(n_rows, -1).astype("<f8")
    contents = {"fid": words.tobytes()}
    if is_series:
        contents = {"ser": b"".join(_pad(row.tobytes()) for row in words)}
        contents["acqu2s"] = _to_text(_list_indirect(n_rows))
        if delays_s is not None:
            contents["vdlist"] = "".join(f"{one!r}\n" for one in map(float, delays_s)).encode()
    contents["pdata/1/title"] = f"{title}\n".encode()
    contents["pdata/1/procs"] = _to_text(_list_processing(acquisition))
    contents["acqus"] = _to_text(_list_parameters(acquisition, is_series=is_series))
    return write_files(Path(folder), contents)


def _pad(row: bytes) -> bytes:
    return row + bytes(-len(row) % _BLOCK_BYTES)


def _to_text(lines: Iterator[tuple[str, str]]) -> bytes:
    """JCAMP-DX records, as TopSpin has them."""
    head = ["##TITLE= Parameter file, TopSpin 4", "##JCAMPDX= 5.0", "##DATATYPE= Parameter Values"]
    body = [f"##${name}= {value}" for name, value in lines]
    return "\n".join([*head, *body, "##END=", ""]).encode()


def _list_parameters(known: Acquisition, *, is_series: bool) -> Iterator[tuple[str, str]]:
    delays = [0.0] * 32
    delays[1] = known.recycle_s
    yield "AQ_mod", "3"
    yield "BF1", repr(known.reference_MHz)
    yield "BYTORDA", "0"
    yield "D", "(0..31)\n" + " ".join(f"{one:g}" for one in delays)
    yield "DECIM", str(DECIMATION)
    yield "DIGMOD", "1"
    yield "DSPFVS", str(_FIRMWARE)
    yield "DTYPA", "2"
    yield "GRPDLY", repr(known.group_delay_points)
    yield "MASR", f"{known.mas_Hz:g}"
    yield "NC", "0"
    yield "NS", str(known.n_scans)
    yield "NUC1", f"<{known.nucleus}>"
    yield "O1", repr((known.carrier_MHz - known.reference_MHz) * 1e6)
    yield "PARMODE", str(int(is_series))
    yield "PULPROG", f"<{known.pulse_program}>"
    yield "RG", repr(known.gain)
    yield "SFO1", repr(known.carrier_MHz)
    yield "SW", repr(known.width_Hz / known.carrier_MHz)
    yield "SW_h", repr(known.width_Hz)
    yield "TD", str(2 * known.n_points)
    yield "TE", repr(known.temperature_K)


def _list_indirect(n_rows: int) -> Iterator[tuple[str, str]]:
    yield "FnMODE", "1"
    yield "TD", str(n_rows)


def _list_processing(known: Acquisition) -> Iterator[tuple[str, str]]:
    yield "SF", repr(known.reference_MHz)
    yield "SI", str(known.n_points)
