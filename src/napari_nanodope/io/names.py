"""What the names of files, pages and signals tell: an element, its line, or a survey."""

import re

from napari_nanodope.model import InputError, is_element

_SURVEY_WORDS = {
    "HAADF", "ADF", "ABF", "BF", "DF", "STEM", "SURVEY", "IMAGE", "SE", "BSE", "IMG",
}  # fmt: skip
NEITHER = "names neither"
"""What is wrong with an image whose name tells neither an element nor a survey."""
_LINE_WORDS = {"K", "L", "M", "Ka", "La", "Ma", "Kb", "Lb", "Mb", "Kα", "Lα", "Mα"}


def element_in_name(name: str) -> str | None:
    """Element that a name tells, as in ``scan3_Cd-net``, ``Mn K`` or ``FeKa``.

    Raises
    ------
    InputError
        If it tells more than one.

    Examples
    --------
    >>> element_in_name("24h_scan3_Cd-net"), element_in_name("Fe K"), element_in_name("HAADF")
    ('Cd', 'Fe', None)
    """
    found = [element for element, _ in _elements_in(name)]
    if len(set(found)) > 1:
        raise InputError(
            f"Expected one element in the name {name!r}, got {' and '.join(dict.fromkeys(found))}; "
            f"rename it to <sample>_<element>.tif."
        )
    return found[0] if found else None


def line_in_name(name: str) -> str | None:
    """Line family "K", "L" or "M" that follows the element in a name, if one does.

    Examples
    --------
    >>> line_in_name("Fe K"), line_in_name("scan_CdLa"), line_in_name("Cd-net")
    ('K', 'L', None)
    """
    lines = {line[0] for _, line in _elements_in(name) if line}
    return lines.pop() if len(lines) == 1 else None


def is_survey_name(name: str) -> bool:
    """Whether a name is that of a survey image, as in ``24h_HAADF``."""
    return bool({re.sub(r"\d", "", word).upper() for word in _words(name)} & _SURVEY_WORDS)


def read_role(name: str) -> tuple[str, str]:
    """Element of an image by its name, or "", and why its name tells neither, or "".

    Examples
    --------
    >>> read_role("24h_Cd"), read_role("24h_HAADF"), read_role("24h")
    (('Cd', ''), ('', ''), ('', 'names neither'))
    """
    found = list(dict.fromkeys(element for element, _ in _elements_in(name)))
    if len(found) > 1:
        return "", f"names {' and '.join(found)}"
    if found or is_survey_name(name):
        return "".join(found), ""
    return "", NEITHER


def _words(name: str) -> list[str]:
    return re.findall(r"[A-Za-zα]+\d*", name)


def _elements_in(name: str) -> list[tuple[str, str]]:
    words = re.findall(r"[A-Za-zα]+", name)
    found = []
    for i, word in enumerate(words):
        after_element = i > 0 and is_element(words[i - 1])
        if is_element(word) and not (word in _LINE_WORDS and after_element):
            follows = words[i + 1] if i + 1 < len(words) else ""
            found.append((word, follows if follows in _LINE_WORDS else ""))
        elif (match := re.fullmatch(r"([A-Z][a-z]?)([KLM][a-zα]?)", word)) and is_element(match[1]):
            found.append((match[1], match[2]))
    return found
