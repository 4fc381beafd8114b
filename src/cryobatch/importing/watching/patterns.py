"""Patterns: which files of a watched folder a person wants, and which not."""

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Patterns:
    """Names with ``*``, ``?`` and ``[...]``, case as it is written.

    One with a slash is compared with the path below the watched folder, any other with the name
    alone: ``ignore`` of a folder leaves out all that is in it.

    >>> patterns = Patterns(include=("*_fractions.tiff",), ignore=("GridSquare_7", "old/*"))
    >>> patterns.accepts("Data/a_fractions.tiff"), patterns.accepts("old/a_fractions.tiff")
    (True, False)
    >>> patterns.enters("Images-Disc1/GridSquare_7")
    False

    Args:
        include: Only files that fulfil one of these; nothing: all recordings.
        ignore: Files and folders that are left out.
    """

    include: Sequence[str] = ()
    ignore: Sequence[str] = ()
    _included: "_Set" = field(init=False)
    _ignored: "_Set" = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_included", _Set.of(self.include))
        object.__setattr__(self, "_ignored", _Set.of(self.ignore))

    def accepts(self, path: str) -> bool:
        """Tell whether a file, named below the watched folder, is wanted."""
        if self.include and not self._included.fits(path):
            return False
        return not (self.ignore and self._ignored.fits(path))

    def enters(self, path: str) -> bool:
        """Tell whether a folder, named below the watched folder, is looked into."""
        return not (self.ignore and self._ignored.fits(path))


@dataclass(frozen=True, slots=True)
class _Set:
    """Patterns for names and for paths, each as one expression; None where there are none."""

    names: re.Pattern[str] | None
    paths: re.Pattern[str] | None

    @classmethod
    def of(cls, patterns: Sequence[str]) -> "_Set":
        """Translate what a person wrote."""
        names = [item for item in patterns if "/" not in item.rstrip("/")]
        paths = [item.lstrip("/") for item in patterns if "/" in item.rstrip("/")]
        return cls(_join(names), _join(paths))

    def fits(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        if self.names is not None and self.names.match(name):
            return True
        return self.paths is not None and self.paths.match(path) is not None


def _join(patterns: Sequence[str]) -> re.Pattern[str] | None:
    if not patterns:
        return None
    return re.compile("|".join(fnmatch.translate(item.rstrip("/")) for item in patterns))
