"""The disk guard: holds importing and processing before a disk is full, and lets them go on."""

import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from cryobatch.errors import CryobatchError
from cryobatch.model.event import Level
from cryobatch.model.settings import DiskSettings
from cryobatch.project import Project
from cryobatch.project.disk_limits import GIGABYTE, HOLD_BELOW, WARN_BELOW, limit_bytes

LOOK_INTERVAL_S = 1.0
GO_ON = 1.2
"""So much more than the limit must be free before work goes on: else it stops again at once."""

FULL_PAUSE_S = 10.0
"""So long all is held when a script found no room though the limits say that there is some."""

Usage = Callable[[Path], tuple[int, int]]
"""Returns all bytes and free bytes of a folder's disk."""


class DiskGuard:
    """Watches the disks that a project writes to.

    What it holds, only it lets go on: a person's pause of the queue is another thing.
    """

    def __init__(
        self,
        project: Project,
        *,
        usage: Usage | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare.

        Args:
            project: Its folders are watched, its log is told.
            usage: Tells how full a disk is.
            clock: Gives seconds.
        """
        self._project = project
        self._usage = usage or measure_usage
        self._clock = clock
        self._looked_at = float("-inf")
        self._held_until = float("-inf")
        self._full = ""
        self._warned = False
        self._noted: str | None = ""
        self.reason: str | None = None
        """Why everything is held, None while there is room."""

    def look(self) -> str | None:
        """Look at the disks where that is due; returns why everything is held."""
        now = self._clock()
        if now - self._looked_at >= LOOK_INTERVAL_S:
            self._looked_at = now
            self._decide(self._project.settings.disk)
        return self.reason

    def note_full(self, reason: str) -> None:
        """Hold everything for a while: a script's files did not fit on a disk."""
        self._full = reason
        self._held_until = self._clock() + FULL_PAUSE_S
        self._looked_at = float("-inf")

    def lacks_room(self, count: int) -> str | None:
        """Tell why so many bytes more should not be written into the project, None if they may."""
        folder = self._project.place.folder
        whole, free = self._usage(folder)
        limit = limit_bytes(self._project.settings.disk.hold_gb, HOLD_BELOW, whole)
        if free - count >= limit:
            return self.reason
        return (
            f"{folder}: {free / GIGABYTE:.2f} GB are free, too few for {count / GIGABYTE:.2f} GB "
            "more; make room, it goes on by itself"
        )

    def _decide(self, settings: DiskSettings) -> None:
        found = [(folder, *self._usage(folder)) for folder in self._folders()]
        more = 1.0 if self.reason is None else GO_ON
        warned, full = [], []
        for folder, whole, free in found:
            if free < limit_bytes(settings.warn_gb, WARN_BELOW, whole):
                warned.append((folder, free))
            if free < more * limit_bytes(settings.hold_gb, HOLD_BELOW, whole):
                full.append((folder, free))
        self._warn(warned)
        before, self.reason = self.reason, None
        if full:
            folder, free = full[0]
            self.reason = before or (
                f"the disk of {folder} is nearly full ({free / GIGABYTE:.2f} GB are free): "
                "importing and processing are held; make room, they go on by themselves"
            )
        elif self._clock() < self._held_until:
            self.reason = before or f"{self._full}: importing and processing are held for a while"
        if self.reason is not None and before is None:
            self._tell(self.reason, Level.ERROR)
        if self.reason is None and before is not None:
            self._tell("there is room on the disk again: importing and processing go on")
        if self.reason != self._noted:
            self._note()

    def _note(self) -> None:
        """Let commands know; on a disk that is quite full that is tried again."""
        with contextlib.suppress(CryobatchError):
            self._project.queue.note_held(self.reason)
            self._noted = self.reason

    def _warn(self, found: Sequence[tuple[Path, int]]) -> None:
        if found and not self._warned:
            folder, free = found[0]
            text = f"the disk of {folder} fills up: {free / GIGABYTE:.2f} GB are free"
            self._tell(text, Level.WARNING)
        self._warned = bool(found)

    def _folders(self) -> list[Path]:
        folders = {self._project.place.folder, self._project.place.state, self._project.scratch()}
        return sorted(folder for folder in folders if folder.is_dir())

    def _tell(self, text: str, level: Level = Level.INFO) -> None:
        with contextlib.suppress(CryobatchError):  # a disk that is quite full takes no line either
            self._project.log.write(text, level)


def measure_usage(folder: Path) -> tuple[int, int]:
    """Return all bytes of a folder's disk, and those that are free for us."""
    usage = shutil.disk_usage(folder)
    return usage.total, usage.free
