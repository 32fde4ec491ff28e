"""TOML with the line of every key: which `tomllib` does not tell.

Mistakes of the language are collected, too: a line that cannot be read is told and passed over.
"""

import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str | int, ...]

_MOST_MISTAKES = 50
_AT = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")
_HEADER = re.compile(r"\s*(\[\[?)([^\[\]]+)\]\]?\s*(?:#.*)?$")
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?(?:"""|\Z)'
    r"|'''[\s\S]*?(?:'''|\Z)"
    r'|"(?:\\.|[^"\\\n])*"?'
    r"|'[^'\n]*'?"
    r"|\#[^\n]*|[\[\]{}]",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Toml:
    """Content of a TOML file, and where what stands.

    Attributes
    ----------
    tables : dict
        What could be read.
    mistakes : tuple of (int, str)
        Line and what is wrong there with the language.
    lines : dict
        Line, counted from 1, by the path of a key or table.
    """

    tables: dict[str, Any]
    mistakes: tuple[tuple[int, str], ...] = ()
    lines: dict[Place, int] = field(default_factory=dict)

    def line_of(self, place: Place) -> int:
        """Line of a key, or of the nearest table that it stands in."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def is_damaged(self, place: Place) -> bool:
        """Whether a line was passed over between the head of a table and the next."""
        start = self.line_of(place)
        heads = [n for p, n in self.lines.items() if n > start and p[: len(place)] != place]
        end = min(heads, default=1 << 60)
        return any(start <= line < end for line, _ in self.mistakes)


def parse_toml(text: str) -> Toml:
    r"""Content of a TOML text, every mistake of the language, and the line of every key.

    Examples
    --------
    >>> toml = parse_toml("[[sample]]\nid = '24h'\nfeed = 0.1.2\n")
    >>> toml.tables, toml.mistakes[0][0], toml.line_of(("sample", 0, "id"))
    ({'sample': [{'id': '24h'}]}, 3, 2)
    """
    lines = text.splitlines()
    mistakes: list[tuple[int, str]] = []
    tables: dict[str, Any] = {}
    while len(mistakes) < _MOST_MISTAKES:
        try:
            tables = tomllib.loads("\n".join(lines) + "\n")
            break
        except tomllib.TOMLDecodeError as error:
            number, message = _read_error(str(error), len(lines))
            mistakes.append((number, message))
            if not lines or not lines[number - 1].strip() or _is_header(lines[number - 1]):
                break  # what follows would be read as part of something else
            lines[number - 1] = ""
    return Toml(tables, tuple(mistakes), _locate("\n".join(lines)))


def _read_error(text: str, n_lines: int) -> tuple[int, str]:
    found = _AT.search(text)
    number = int(found[1]) if found and found[1] else max(n_lines, 1)
    return min(number, max(n_lines, 1)), _to_sentence(_AT.sub("", text))


def _to_sentence(message: str) -> str:
    first = message.splitlines()[0]
    return first[:1].lower() + first[1:]


def _is_header(line: str) -> bool:
    return line.lstrip().startswith("[")


def _locate(text: str) -> dict[Place, int]:
    """Line of every key that stands outside of brackets, and of every header."""
    found: dict[Place, int] = {}
    counts: Counter[Place] = Counter()
    table: Place = ()
    for number, line in _list_starts(text):
        if header := _HEADER.match(line):
            table = _resolve(_split(header[2]), counts, is_list=header[1] == "[[")
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            parts = _split(key[1])
            for n in range(1, len(parts) + 1):
                found.setdefault((*table, *parts[:n]), number)
    return found


def _list_starts(text: str) -> list[tuple[int, str]]:
    """Lines that begin outside of strings and brackets, with their numbers."""
    inside: set[int] = set()
    depth, opened = 0, 0
    is_header = {m.start() for m in re.finditer(r"^[ \t]*\[", text, re.MULTILINE)}
    starts = [0, *(m.end() for m in re.finditer("\n", text))]
    for token in _TOKEN.finditer(text):
        word = token[0]
        first = text.count("\n", 0, token.start())
        if word in ("[", "{"):
            if depth == 0:
                opened = first
                if starts[first] in is_header and not text[starts[first] : token.start()].strip(
                    "[ \t"
                ):
                    continue  # the bracket of a header
            depth += 1
        elif word in ("]", "}"):
            if depth:
                depth -= 1
                if depth == 0:
                    inside.update(range(opened + 1, first + 1))
        elif "\n" in word:
            inside.update(range(first + 1, first + 1 + word.count("\n")))
    lines = text.split("\n")
    return [(i + 1, line) for i, line in enumerate(lines) if i not in inside]


def _split(key: str) -> Place:
    return tuple(part.strip("\"'") for part in _PART.findall(key))


def _resolve(parts: Place, counts: Counter[Place], *, is_list: bool) -> Place:
    """Path of a header, with the number of the entry where a part of it is a list."""
    path: Place = ()
    for n, part in enumerate(parts, 1):
        path = (*path, part)
        if n == len(parts) and is_list:
            counts[path] += 1
        if counts[path]:
            path = (*path, counts[path] - 1)
    return path
