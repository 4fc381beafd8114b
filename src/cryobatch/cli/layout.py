"""The layout of a listing on a terminal: which columns give way when not all has room."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from os.path import commonprefix

GAP = "  "
"""Between columns."""
LEAST = 12
"""No column gives way to fewer letters."""
READABLE = 30
"""A text in its own column has at least so many letters in a line, or a line of its own."""
INDENT = 4


@dataclass(frozen=True, slots=True)
class Layout:
    """How wide columns are.

    Args:
        widths: Letters of each column.
        below: Whether the last column stands below each row, on lines of its own.
    """

    widths: Sequence[int]
    below: bool = False


def lay_out(
    widths: Sequence[int], room: int, *, whole: Collection[int] = (), last_is_text: bool = False
) -> Layout:
    """Fit columns into a line.

    Args:
        widths: Letters that each column needs.
        room: Letters of a line.
        whole: Columns that say nothing when shortened, such as times.
        last_is_text: Whether the last column may be broken into several lines.
    """
    if not last_is_text:
        return Layout(_shrink(widths, room, whole))
    *others, text = widths
    beside = _shrink(others, room - len(GAP) - min(text, READABLE), whole)
    left = room - _total(beside) - len(GAP)
    if left >= min(text, READABLE):
        return Layout([*beside, min(text, left)])
    return Layout([*_shrink(others, room, whole), max(room - INDENT, READABLE)], below=True)


def _shrink(widths: Sequence[int], room: int, whole: Collection[int]) -> list[int]:
    """Take letters from the widest columns until they fit, or none can give any more."""
    fitted = list(widths)
    able = [place for place in range(len(fitted)) if place not in whole]
    while _total(fitted) > room and able:
        widest = max(able, key=fitted.__getitem__)
        if fitted[widest] <= LEAST:
            break
        fitted[widest] -= 1
    return fitted


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


def shorten(text: str, width: int) -> str:
    """Return a text of at most so many letters, its middle left out where it is longer.

    >>> shorten("FoilHole_29355766_Data", 11)
    'FoilH…_Data'
    """
    if len(text) <= width:
        return text
    left = max(width - 1, 0)
    return text[: left // 2] + "…" + text[len(text) - (left - left // 2) :]


def shorten_alike(texts: Sequence[str], width: int) -> list[str]:
    """Return texts of at most so many letters, with what tells them apart wherever that has room.

    >>> shorten_alike(["Grid_2_0017_Fractions", "Grid_2_0018_Fractions"], 8)
    ['…0017_F…', '…0018_F…']
    """
    start = _count_common(texts)
    end = _count_common([text[start:][::-1] for text in texts])
    core = max((len(text) for text in texts), default=0) - start - end
    more = width - 2 - core
    if more < 0 or len(set(texts)) < 2 or all(len(text) <= width for text in texts):
        return [shorten(text, width) for text in texts]
    end = max(end - more // 2, 0)
    start = max(start - (width - 2 - core - more // 2), 0)
    return [_cut(text, start, len(text) - end, width) for text in texts]


def _count_common(texts: Sequence[str]) -> int:
    """Return with how many letters all texts begin."""
    return len(commonprefix(texts))  # noqa: RUF071 - letters are meant, no paths


def _cut(text: str, start: int, end: int, width: int) -> str:
    """Return a part of a text, with a mark wherever something is left out."""
    if len(text) <= width:
        return text
    return ("…" if start else "") + text[start:end] + ("…" if end < len(text) else "")
