"""What the names of files, pages and signals tell: an element, its line, or a survey."""

import re

from napari_nanodope.model import InputError, is_element

_CLEAR_WORDS = {"HAADF", "ADF", "ABF", "BF", "DF", "SE", "BSE", "SURVEY"}
_SURVEY_WORDS = _CLEAR_WORDS | {"STEM", "IMAGE", "IMG"}
_ENGLISH = {"In", "No", "As", "At", "He", "Be", "Am", "Os"}
_SURVEY = "a survey"
NEITHER = "names neither"
"""What is wrong with an image whose name tells neither an element nor a survey."""
_LINE_WORDS = {"K", "L", "M", "Ka", "La", "Ma", "Kb", "Lb", "Mb", "Kα", "Lα", "Mα"}


def element_in_name(name: str) -> str | None:
    """Element that a name tells, as in ``scan3_Cd-net``, ``Mn K`` or ``FeKa``.

    Raises
    ------
    InputError
        If it tells more than one, or one and a survey.

    Notes
    -----
    HAADF, ADF, ABF, BF, DF, SE, BSE or "survey" makes an image the survey, whatever letters count
    the areas: ``C2_HAADF``, ``In_HAADF``. Only an element of two letters that is no English word
    is asked about there, as in ``Cd_HAADF``.

    Examples
    --------
    >>> element_in_name("24h_scan3_Cd-net"), element_in_name("Fe K"), element_in_name("HAADF")
    ('Cd', 'Fe', None)
    """
    found = _told_by(name)
    if len(found) > 1:
        raise InputError(
            f"Expected one element in the name {name!r}, got {' and '.join(found)}; rename it to "
            f"<sample>_<element>.tif."
        )
    return found[0] if found and found[0] != _SURVEY else None


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
    return bool({word.upper() for word in _survey_words(name)} & _SURVEY_WORDS)


def is_telling_name(name: str) -> bool:
    """Whether a name tells an element, several, or by a word of its own a survey.

    Examples
    --------
    >>> is_telling_name("Cd-net"), is_telling_name("C2_HAADF"), is_telling_name("image 3")
    (True, True, False)
    """
    return bool(_told_by(name))


def read_role(name: str) -> tuple[str, str]:
    """Element of an image by its name, or "", and why its name tells neither, or "".

    Examples
    --------
    >>> read_role("24h_Cd"), read_role("24h_HAADF"), read_role("24h")
    (('Cd', ''), ('', ''), ('', 'names neither'))
    """
    found = _told_by(name)
    if len(found) > 1:
        return "", f"names {' and '.join(found)}"
    if found and found[0] != _SURVEY:
        return found[0], ""
    return "", "" if found or is_survey_name(name) else NEITHER


def _told_by(name: str) -> list[str]:
    """Elements, and "a survey" where a word tells it clearly, without letters beside it."""
    elements = list(dict.fromkeys(element for element, _ in _elements_in(name)))
    clear = {word for word in _survey_words(name) if not is_element(word)}
    if not {word.upper() for word in clear} & _CLEAR_WORDS:
        return elements
    return [one for one in elements if len(one) == 2 and one not in _ENGLISH] + [_SURVEY]


def _survey_words(name: str) -> set[str]:
    return set(re.findall(r"[A-Za-zα]+", name))


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
