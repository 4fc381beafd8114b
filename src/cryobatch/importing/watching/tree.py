"""The tree of a watched folder: what lies in it, and what has changed since it was looked at."""

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryobatch.importing.watching.patterns import Patterns
from cryobatch.importing.watching.settle import Look

RECORDINGS = (".mrc", ".mrcs", ".mrc.gz", ".mrcs.gz", ".mrc.bz2", ".mrcs.bz2", ".tif", ".tiff",
              ".eer")  # fmt: skip
METADATA = (".xml", ".mdoc")
SETTINGS_FILE = "project.toml"
OWN_FOLDER = "images"
_LARGEST = (1 << 63) - 1


class Sink(Protocol):
    """Who is told what lies in a folder; paths are below it, with slashes."""

    def see(self, path: str, look: Look) -> None:
        """Take note of a file that has a recording's name."""

    def see_metadata(self, path: str) -> None:
        """Take note of a file that has a metadata file's name."""


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder as it was when it was listed last.

    Args:
        identity: Device and inode.
        changed_ns: Its modification time, which changes with the names in it.
    """

    identity: tuple[int, int]
    changed_ns: int


class Tree:
    """Walks a folder with all below it; links are followed, and each folder is entered once.

    Nothing is opened. A walk over 100,000 files costs about half a second; between walks only
    folders whose own times have changed are listed again.
    """

    def __init__(
        self,
        root: Path,
        patterns: Patterns,
        sink: Sink,
        *,
        inodes: bool = True,
        is_enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """Prepare.

        Args:
            root: The folder, absolute.
            patterns: What is wanted.
            sink: Is told of every file that may matter.
            inodes: Whether a file keeps its inode; on some network mounts it does not.
            is_enough: Tells, between two files, whether a walk shall end before it is whole.
        """
        self._root = os.fspath(root)
        self._patterns = patterns
        self._sink = sink
        self._inodes = inodes
        self._is_enough = is_enough
        self._folders: dict[str, _Folder] = {}
        self._unsteady: set[str] = set()
        self.troubles: dict[str, str] = {}
        """Folders that cannot be read, with the reason."""

    def identity(self) -> tuple[int, int] | None:
        """Return device and inode of the folder itself, None while it is not there."""
        try:
            status = _stat(self._root)
        except OSError:
            return None
        return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None

    def walk(self) -> None:
        """Look at everything."""
        self._folders.clear()
        self._unsteady.clear()
        self.troubles.clear()
        self._enter("", set())

    def poll(self) -> None:
        """List those folders again in which names have come or gone.

        A folder that has just changed is listed once more the next time: two changes within one
        tick of the file system's clock look like one.
        """
        for path, known in list(self._folders.items()):
            try:
                status = _stat(self._place(path))
            except OSError:
                self._drop(path)
                continue
            changed = status.st_mtime_ns != known.changed_ns
            if changed or path in self._unsteady:
                self._relist(path)
                (self._unsteady.add if changed else self._unsteady.discard)(path)

    def visit(self, paths: Iterable[str]) -> None:
        """Look at files and folders that something was reported of, named absolutely."""
        folders = set()
        for place in paths:
            path = self._below(place)
            if path is None or any(part.startswith(".") for part in path.split("/")):
                continue
            try:
                status = _stat(place)
            except (OSError, ValueError):
                # It is gone, or its name is no text and came to us mangled.
                folders.add(path.rpartition("/")[0])
                continue
            if stat.S_ISDIR(status.st_mode):
                folders.add(path)
            elif path.rpartition("/")[0] in self._folders:
                self._see(path, path.rpartition("/")[2], status)
            else:
                folders.add(path.rpartition("/")[0])
        for path in sorted(folders):
            self._relist(path)

    def _relist(self, path: str) -> None:
        """List a folder again; those in it that are known are left alone."""
        if path and not self._is_wanted(path):
            return
        seen = {known.identity for other, known in self._folders.items() if other != path}
        self._enter(path, seen)

    def _is_wanted(self, path: str) -> bool:
        parts = path.split("/")
        return all(self._patterns.enters("/".join(parts[: n + 1])) for n in range(len(parts)))

    def _enter(self, path: str, seen: set[tuple[int, int]]) -> None:
        """List a folder, and those below it that have not been seen."""
        waiting = [path]
        while waiting and not self._is_enough():
            here = waiting.pop()
            try:
                waiting += reversed(self._list(here, seen))
                self.troubles.pop(here, None)
            except FileNotFoundError:
                self._drop(here)
            except OSError as error:
                self._drop(here)
                self.troubles[here] = error.strerror or str(error)

    def _list(self, path: str, seen: set[tuple[int, int]]) -> list[str]:
        """Tell of the files in one folder; returns the folders in it."""
        place = self._place(path)
        status = _stat(place)
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            return []
        seen.add(identity)
        self._folders[path] = _Folder(identity, status.st_mtime_ns)
        prefix = f"{path}/" if path else ""
        inner: list[str] = []
        own = False
        with os.scandir(place) as entries:
            for entry in entries:
                if self._is_enough():
                    break
                name = entry.name
                if name.startswith("."):
                    continue
                if _is_folder(entry):
                    inner.append(name)
                elif name == SETTINGS_FILE:
                    own = True
                elif name.lower().endswith(RECORDINGS):
                    found = _status(entry)
                    if found is not None:
                        self._see(prefix + name, name, found)
                elif name.lower().endswith(METADATA):
                    self._sink.see_metadata(prefix + name)
        return [
            prefix + name
            for name in sorted(inner)
            # What a project has made of recordings are no recordings.
            if not (own and name == OWN_FOLDER) and self._patterns.enters(prefix + name)
        ]

    def _see(self, path: str, name: str, status: os.stat_result) -> None:
        lower = name.lower()
        if lower.endswith(METADATA):
            self._sink.see_metadata(path)
        elif lower.endswith(RECORDINGS) and stat.S_ISREG(status.st_mode):
            inode = status.st_ino & _LARGEST if self._inodes else 0
            self._sink.see(path, (status.st_size, status.st_mtime_ns & _LARGEST, inode))

    def _place(self, path: str) -> str:
        return f"{self._root}/{path}" if path else self._root

    def _below(self, place: str) -> str | None:
        """Return an absolute path as one below the folder, None where it is not."""
        if place == self._root:
            return ""
        start = self._root.rstrip("/") + "/"
        return place.removeprefix(start) if place.startswith(start) else None

    def _drop(self, path: str) -> None:
        for other in [path, *(item for item in self._folders if item.startswith(f"{path}/"))]:
            self._folders.pop(other, None)
            self._unsteady.discard(other)


def _stat(place: str) -> os.stat_result:
    return os.stat(place)  # noqa: PTH116 - texts: a Path for each of 100,000 files costs a second


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # a link that leads in circles


def _status(entry: os.DirEntry[str]) -> os.stat_result | None:
    try:
        return entry.stat()
    except OSError:
        return None  # gone meanwhile, or a link to nothing
