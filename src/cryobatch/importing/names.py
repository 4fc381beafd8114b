"""Make names that every file system and program takes."""

import hashlib
import re
import unicodedata
from collections.abc import Collection

MOST_CHARACTERS = 120
MARK_CHARACTERS = 6
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def make_safe(text: str, otherwise: str = "image") -> str:
    """Return a text as a file name: ASCII letters, digits, ``.``, ``_``, ``-``; not hidden.

    Letters lose their accents; where letters or digits are changed or lost, a mark of the whole
    text stands behind the name, so that no other text has the same.

    >>> make_safe("May 08 (03.05.02)")
    'May_08_03.05.02'
    >>> make_safe("Prüfung"), make_safe("Prufung")
    ('Prufung-ffdca2', 'Prufung')

    Args:
        text: Anything.
        otherwise: The name when nothing is left of the text.
    """
    whole = unicodedata.normalize("NFC", text)
    plain = "".join(one for one in unicodedata.normalize("NFKD", text) if one.isascii()
                    or not unicodedata.combining(one))  # fmt: skip
    safe = _UNSAFE.sub("_", plain).lstrip("._-")
    if len(safe) <= MOST_CHARACTERS and not _loses(whole):
        return safe.rstrip("._") or otherwise
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()
    start = safe[: MOST_CHARACTERS - MARK_CHARACTERS - 1].rstrip("._") or otherwise
    return f"{start}-{digest[:MARK_CHARACTERS]}"


def _loses(text: str) -> bool:
    """Tell whether letters, digits or accents of a text are not ASCII's."""
    return any(not one.isascii() and unicodedata.category(one)[0] in "LNMC" for one in text)


def make_unique(name: str, taken: Collection[str]) -> str:
    """Return a name that is not taken: the name itself, else with ``_2``, ``_3`` ... behind it.

    >>> make_unique("a", {"a", "a_2"})
    'a_3'
    """
    number, unique = 1, name
    while unique in taken:
        number += 1
        unique = f"{name}_{number}"
    return unique
