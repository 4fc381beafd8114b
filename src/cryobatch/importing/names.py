"""Make names that every file system and program takes."""

import re
from collections.abc import Collection

MOST_CHARACTERS = 120
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def make_safe(text: str, otherwise: str = "image") -> str:
    """Return a text as a file name: ASCII letters, digits, ``.``, ``_``, ``-``; not hidden.

    >>> make_safe("May 08 (03.05.02)")
    'May_08_03.05.02'

    Args:
        text: Anything.
        otherwise: The name when nothing is left of the text.
    """
    safe = _UNSAFE.sub("_", text).lstrip("._-")
    return safe[:MOST_CHARACTERS].rstrip("._") or otherwise


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
