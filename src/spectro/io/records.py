"""Labelled records, ``##LABEL= value``, in which JCAMP-DX and Bruker's parameter files are written.

References
----------
.. [1] A. N. Davies, P. Lampen, Appl. Spectrosc. 1993, 47, 1093, DOI 10.1366/0003702934067874.
"""

import re

_START = re.compile(r"^[ \t]*##", re.MULTILINE)
_COMMENT = re.compile(r"\$\$.*")
_RANGE = re.compile(r"^\(\s*\d+\s*\.\.\s*\d+\s*\)")


def parse_records(text: str) -> list[tuple[str, str]]:
    """Labels and values in their order; comments are left out, Bruker's brackets taken off."""
    found = []
    for record in _START.split(text)[1:]:
        label, is_there, value = record.partition("=")
        if is_there:
            found.append((normalise(label), _COMMENT.sub("", value).strip()))
    return found


def normalise(label: str) -> str:
    """Label without what does not count in it; those of a vendor keep "$" and their letters.

    Examples
    --------
    >>> normalise("Data Type"), normalise("$SW_h")
    ('DATATYPE', '$SW_h')
    """
    label = label.strip()
    return label if label.startswith("$") else re.sub(r"[\s\-_/]", "", label).upper()


def unwrap(value: str) -> str:
    """Text within the angle brackets that Bruker puts around it."""
    return value[1:-1].strip() if value.startswith("<") and value.endswith(">") else value


def to_numbers(value: str) -> list[float]:
    """Numbers of an array such as "(0..2) 0 1.5 3"; those up to the first that is none.

    Examples
    --------
    >>> to_numbers("(0..2) 0 1.5 3")
    [0.0, 1.5, 3.0]
    """
    numbers = []
    for word in _RANGE.sub("", value.strip()).split():
        try:
            numbers.append(float(word))
        except ValueError:
            break
    return numbers
