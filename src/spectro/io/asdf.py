"""Numbers as JCAMP-DX packs them: plain, squeezed, as differences and repeated.

References
----------
.. [1] R. S. McDonald, P. A. Wilks, Appl. Spectrosc. 1988, 42, 151, DOI 10.1366/0003702884428734.
"""

import re

import numpy as np
from numpy.typing import NDArray

_SQUEEZED = dict(zip("@ABCDEFGHIabcdefghi", (*range(10), *range(-1, -10, -1)), strict=True))
_DIFFERENCE = dict(zip("%JKLMNOPQRjklmnopqr", (*range(10), *range(-1, -10, -1)), strict=True))
_REPEATED = dict(zip("STUVWXYZs", range(1, 10), strict=True))
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_WORD = re.compile(rf"([@A-Ia-i%J-Rj-rS-Zs])(\d*\.?\d*)|({_NUMBER}(?:[eE][+-]?\d+)?)")
_GAP = re.compile(r"[\s,;]*")
_FIRST = re.compile(rf"\s*{_NUMBER}(?:[eE](?:[+-]\d+|\d+(?=[\s,])))?")


class PackedNumbersError(ValueError):
    """Packed numbers are damaged; the message says where and how."""


def unpack(lines: list[str], n_most: int) -> NDArray[np.float64]:
    """Ordinates of lines that each start with an abscissa, (N,).

    A line that follows one which ended in a difference repeats its last number as a check.

    Parameters
    ----------
    lines : list of str
        Of a table (X++(Y..Y)).
    n_most : int
        Numbers above which the table is refused.

    Raises
    ------
    PackedNumbersError
        If there is anything else in a line, a check fails, or there are too many numbers.
    """
    numbers: list[float] = []
    is_checked = False
    for row, line in enumerate(lines, 1):
        start = _FIRST.match(line)
        if start is None:
            raise PackedNumbersError(f"line {row} starts with {line[:20]!r}")
        last = numbers[-1] if is_checked else None
        n_before = len(numbers)
        is_checked = _unpack_line(line, start.end(), numbers, n_most + 1)
        if last is not None and len(numbers) > n_before:
            if numbers[n_before] != last:
                raise PackedNumbersError(
                    f"line {row} starts with {numbers[n_before]:g} and not {last:g}"
                )
            del numbers[n_before]
    return np.array(numbers, np.float64)


def _unpack_line(line: str, start: int, numbers: list[float], n_most: int) -> bool:
    """Append the numbers of a line; return whether its last one was a difference."""
    position, end, step = _skip(line, start), len(line), 0.0
    is_difference = False
    while position < end:
        word = _WORD.match(line, position)
        if word is None:
            raise PackedNumbersError(f"{line[position : position + 20]!r} is no number")
        letter, digits = word[1], word[2]
        if letter is None:
            numbers.append(float(word[3]))
            step, is_difference = 0.0, False
        elif letter in _REPEATED:
            n_more = int(f"{_REPEATED[letter]}{digits.partition('.')[0]}"[:12]) - 1
            if not numbers or len(numbers) + n_more > n_most:
                raise PackedNumbersError(f"{word[0]!r} repeats what cannot be")
            numbers.extend(numbers[-1] + step * (1 + np.arange(n_more)))
        elif letter in _SQUEEZED:
            numbers.append(_join(_SQUEEZED[letter], letter in "abcdefghi", digits))
            step, is_difference = 0.0, False
        else:
            if not numbers:
                raise PackedNumbersError(f"{word[0]!r} is the difference to nothing")
            step = _join(_DIFFERENCE[letter], letter in "jklmnopqr", digits)
            numbers.append(numbers[-1] + step)
            is_difference = True
        if len(numbers) > n_most:
            raise PackedNumbersError(f"more than {n_most} numbers")
        position = _skip(line, word.end())
    return is_difference


def _join(digit: int, is_negative: bool, digits: str) -> float:
    magnitude = float(f"{abs(digit)}{digits}")
    return -magnitude if is_negative else magnitude


def _skip(line: str, position: int) -> int:
    gap = _GAP.match(line, position)
    return position if gap is None else gap.end()
