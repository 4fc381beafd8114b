"""Try a name pattern on real names, so that a person sees what it reads while writing it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryobatch.importing.layouts.pattern import NamePattern


@dataclass(frozen=True, slots=True)
class NameTrial:
    """A name pattern tried on real names.

    Args:
        names: Each text cut up into pieces with the names of their parts; one piece without a part
            where the pattern does not fit.
        groups: The group that each gives, None where the pattern says nothing of it.
        fitting: How many of all names it fits.
        count: How many names there are.
    """

    names: Sequence[Sequence[tuple[str, str | None]]]
    groups: Sequence[str | None]
    fitting: int
    count: int


def try_pattern(pattern: NamePattern, paths: Sequence[Path], shown: Sequence[Path]) -> NameTrial:
    """Try a name pattern.

    Args:
        pattern: The pattern.
        paths: All recordings.
        shown: Those of them that a person is shown.
    """
    cut = [pattern.split(path) for path in shown]
    named = [pattern.read(path) for path in shown]
    return NameTrial(
        names=[
            pieces or [(pattern.text_of(path), None)]
            for pieces, path in zip(cut, shown, strict=True)
        ],
        groups=[one.group if one is not None else None for one in named],
        fitting=sum(pattern.split(path) is not None for path in paths),
        count=len(paths),
    )
