"""How numbers and lists are put into words: the same in tables and in running text."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")
K = TypeVar("K")

MINUS = "\N{MINUS SIGN}"
_MOST_DECIMALS = 12
_ALL_ALIKE = 4  # names that are listed before they are only counted


def tell_number(value: float | None, digits: int = 4) -> str:
    """Number with as many significant digits, a true minus and no exponent where it can be helped.

    Examples
    --------
    >>> tell_number(0.0333333), tell_number(-12.0), tell_number(1.5e-7, 2), tell_number(None)
    ('0.03333', '−12', '1.5 × 10^−7', '–')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    text = f"{value:.{digits}g}"
    if "e" in text and 1e-4 <= abs(value) < 1e9:
        text = f"{value:.0f}"
    mantissa, _, exponent = text.partition("e")
    told = mantissa if not exponent else f"{mantissa} × 10^{int(exponent)}"
    return told.replace("-", MINUS)


def tell_interval(value: Any, low: Any, high: Any) -> tuple[str, str]:
    """Value and its interval in brackets, to two digits of the interval's half width.

    Examples
    --------
    >>> tell_interval(8.33333, 5.649, 11.017)
    ('8.3', '[5.6, 11.0]')
    >>> tell_interval(33.648, 29.094, 38.648), tell_interval(19.0, None, None)
    (('33.6', '[29.1, 38.6]'), ('19', ''))
    """
    ends = [one for one in (low, high) if one is not None and not _is_nan(one)]
    if value is None or _is_nan(value) or len(ends) < 2:
        return tell_number(value), ""
    finite = [float(one) for one in ends if math.isfinite(one)]
    half = max((abs(one - value) for one in finite), default=0.0)
    if half <= 0:
        return tell_number(value), f"[{tell_number(low)}, {tell_number(high)}]"
    n = 1 - math.floor(math.log10(half))
    largest = max(abs(one) for one in (*finite, value))
    if largest >= 1e6 or largest < 1e-3 or n > _MOST_DECIMALS:
        digits = max(math.ceil(math.log10(max(largest, half) / half)) + 1, 2)
        shown = [tell_number(float(one), digits) for one in (value, low, high)]
    else:
        shown = [_round(float(one), max(n, 0)) for one in (value, low, high)]
    return shown[0], f"[{shown[1]}, {shown[2]}]"


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _round(value: float, n: int) -> str:
    if math.isinf(value):
        return tell_number(value)
    text = f"{value:.{n}f}"
    return (text if float(text) else text.removeprefix("-")).replace("-", MINUS)


def tell_range(values: Iterable[float | None], unit: str = "", digits: int = 3) -> str:
    """Numbers as one, or from the least to the largest, with their unit.

    Examples
    --------
    >>> tell_range([0.7, 0.7], "nm"), tell_range([0.5, 1.5, 0.9]), tell_range([])
    ('0.7 nm', '0.5 to 1.5', '–')
    """
    known = [float(one) for one in values if one is not None and not _is_nan(one)]
    low, high = (tell_number(end(known, default=None), digits) for end in (min, max))
    return f"{low if low == high else f'{low} to {high}'} {unit}".strip()


def tell_list(words: Sequence[str], last: str = "and") -> str:
    """Words with commas, the last one after a conjunction.

    Examples
    --------
    >>> tell_list(["a"]), tell_list(["a", "b"]), tell_list(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def tell_count(n: int, one: str, several: str = "") -> str:
    """Number with what is counted.

    Examples
    --------
    >>> tell_count(1, "field"), tell_count(2, "analysis", "analyses")
    ('1 field', '2 analyses')
    """
    return f"{n:,} {one if n == 1 else several or f'{one}s'}".replace(",", "\N{NO-BREAK SPACE}")


def tell_moment(told: str) -> str:
    """Moment of a provenance, to the minute.

    Examples
    --------
    >>> tell_moment("2026-11-21T23:01:49+00:00")
    '2026-11-21 23:01 UTC'
    """
    try:
        moment = datetime.fromisoformat(told).astimezone(UTC)
    except ValueError:
        return told
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def tell_where(names: Sequence[str]) -> str:
    """Names, as many as can be read, and how many more there are."""
    shown = names if len(names) <= _ALL_ALIKE else names[: _ALL_ALIKE - 1]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def tell_differing(values: Mapping[str, str]) -> str:
    """What is the same for all names once, and else each with the names that it holds for.

    Examples
    --------
    >>> tell_differing({"24h": "0.5", "48h": "0.5"}), tell_differing({"24h": "0.5", "48h": "1"})
    ('0.5', '0.5 (24h) and 1 (48h)')
    """
    names: dict[str, list[str]] = {}
    for name, value in values.items():
        names.setdefault(value, []).append(name)
    if len(names) == 1:
        return next(iter(names))
    return tell_list([f"{value} ({tell_where(of)})" for value, of in names.items()])


def group(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    """Items by what they have in common, in the order in which it comes first."""
    found: dict[K, list[T]] = {}
    for one in items:
        found.setdefault(key(one), []).append(one)
    return found
