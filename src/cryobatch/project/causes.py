"""Causes: what many failures have in common, whatever names and numbers they mention."""

import re
from collections.abc import Collection
from functools import lru_cache
from hashlib import blake2b

NAME = "…"
"""Stands for a name or a path."""
NUMBER = "#"
"""Stands for a number."""
LONGEST = 400

_VARIABLE = re.compile(
    r"""
      (?P<quoted>  (?<!\w)(?:'[^'\n]{1,300}'|"[^"\n]{1,300}")(?!\w) )
    | (?P<path>    (?<![^\s'"(=:,\[])~?(?:/[^\s/:,;'"()\[\]]+)+/? )
    | (?P<number>  (?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w]|\.\d) )
    | (?P<name>    (?<![\w.])[\w-]*\d[\w-]*(?:[.-]\w+)* )
    """,
    re.VERBOSE,
)
_MANY_DIGITS = re.compile(r"\d{3,}")
_DIGIT = re.compile(r"[1-9]")
_LETTERS = re.compile(r"[^\W\d_]{2,}")


def generalise(text: str, names: Collection[str] = ()) -> str:
    """Return a failure's message without what is different from image to image.

    Args:
        text: The message.
        names: Names to leave out wherever they stand, such as the image's.

    >>> generalise("'/data/a_1.tiff': frame 7 of 32 is cut off", ["a_1"])
    '…: frame # of # is cut off'
    >>> generalise("a_1.tiff: used 2.31 GB, the limit is 2 GB", ["a_1"])
    '….tiff: used # GB, the limit is # GB'
    >>> generalise("CTFFIND4 was killed by signal 9 (SIGKILL)")
    'CTFFIND4 was killed by signal # (SIGKILL)'
    """
    for name in sorted(names, key=len, reverse=True):
        if name:
            text = text.replace(name, NAME)
    # Where no digit is left, it makes no difference which they were: most are looked at once.
    found = _generalise(_DIGIT.sub("0", _MANY_DIGITS.sub("000", text)))
    return _generalise(text) if "0" in found else found


@lru_cache(maxsize=4096)
def _generalise(text: str) -> str:
    return _VARIABLE.sub(_stand_in, " ".join(text.split())[:LONGEST])


def name_cause(script: str, pattern: str) -> str:
    """Return a short name of a cause, the same tomorrow and in another process."""
    return blake2b(f"{script}\0{pattern}".encode(), digest_size=5).hexdigest()


def find_words(pattern: str) -> str:
    """Return the longest piece of a generalised message that all its failures share.

    >>> find_words("….tiff: used # GB of memory, the limit is # GB")
    'GB of memory, the limit is'
    """
    pieces = (piece.strip() for piece in re.split(f"[{NAME}{NUMBER}]", pattern))
    return max(pieces, key=len, default="")


def _stand_in(found: re.Match[str]) -> str:
    if found.lastgroup == "number":
        return NUMBER
    text = found[0]
    if found.lastgroup == "quoted" and " " in text and not re.search(r"[/\d…]", text):
        return text  # words of advice, such as a command
    # A program's name that ends in its version says what has failed.
    plain = found.lastgroup == "name" and "_" not in text and len(re.findall(r"\d", text)) < 3
    return text if plain and _LETTERS.match(text) else NAME
