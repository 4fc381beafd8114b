"""Settling: telling from what was seen twice which files are written no more."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Look = tuple[int, int, int]
"""Size in bytes, modification time in ns and inode of a file."""


def look_at(path: Path) -> Look | None:
    """Return what a file looks like now, None when it is gone."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino


@dataclass(slots=True)
class Settling:
    """Files of watched folders, and how they looked at the last scan.

    A file's age says nothing: the clocks of microscopes' computers are wrong. One that looks the
    same at two scans has settled.

    Args:
        look: Returns what a file looks like.
    """

    look: Callable[[Path], Look | None] = look_at
    _seen: dict[Path, Look] = field(default_factory=dict)
    _taken: dict[Path, Look] = field(default_factory=dict)

    def is_unready(self, path: Path) -> bool:
        """Look at a file, and tell whether it is still written or was taken already."""
        now = self.look(path)
        if now is None:
            self._seen.pop(path, None)
            return True
        before = self._seen.get(path)
        self._seen[path] = now
        return before != now or self._taken.get(path) == now

    def take(self, path: Path) -> None:
        """Note that a file as it looks now needs no second look."""
        if path in self._seen:
            self._taken[path] = self._seen[path]
