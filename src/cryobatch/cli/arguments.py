"""What is typed, brought into the form that the parser of the command line takes."""

import re
from collections.abc import Sequence

_IDS = re.compile(r"\d[\d,-]*")
_ONLY_IMAGES_ARE_NAMED = ("submit", "queue")
"""Commands that take no other words than ids: a word after ``--images`` is an image's name."""


def normalise(arguments: Sequence[str]) -> list[str]:
    """Let ``--project DIR`` stand anywhere, and several ids follow one ``--images``.

    >>> normalise(["queue", "list", "--project", "p"])
    ['--project', 'p', 'queue', 'list']
    >>> normalise(["submit", "--images", "1", "2", "--top"])
    ['submit', '--images', '1', '--images', '2', '--top']
    >>> normalise(["queue", "top", "--images", "May08", "3"])
    ['queue', 'top', '--images', 'May08', '--images', '3']
    """
    ahead, rest = _bring_forward(list(arguments))
    return ahead + _spread_ids(rest)


def _bring_forward(arguments: list[str]) -> tuple[list[str], list[str]]:
    ahead: list[str] = []
    rest: list[str] = []
    while arguments:
        one = arguments.pop(0)
        if one == "--":
            rest += [one, *arguments]
            break
        if one == "--project" and arguments:
            ahead += [one, arguments.pop(0)]
        elif one.startswith("--project="):
            ahead.append(one)
        else:
            rest.append(one)
    return ahead, rest


def _spread_ids(arguments: list[str]) -> list[str]:
    spread: list[str] = []
    among_ids = False
    named = arguments[:1] != [] and arguments[0] in _ONLY_IMAGES_ARE_NAMED
    for place, one in enumerate(arguments):
        if place and arguments[place - 1] == "--images":
            among_ids = True
        elif among_ids and (_IDS.fullmatch(one) or (named and not one.startswith("-"))):
            spread.append("--images")
        else:
            among_ids = False
        spread.append(one)
    return spread
