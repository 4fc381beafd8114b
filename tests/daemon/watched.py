"""A watched folder to test with, and a clock that goes when it is told."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cryobatch.daemon.importer import Importer, has_room
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.submission import Choice
from cryobatch.project.watching import Orders, WatchedFolder, WatchReport
from tests.recording_files import write_mrc

PICK = Choice(scripts=("pick_particles",))


class Clock:
    """A clock that goes only when it is told; 1,000,000 s after the epoch at the beginning."""

    def __init__(self) -> None:
        """Begin."""
        self.now = 1_000_000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@dataclass
class Session:
    """A project that watches a folder.

    Args:
        project: The project.
        folder: The folder.
        watched: What is known of it.
        clock: The importer's.
        importer: Follows the folder.
    """

    project: Project
    folder: Path
    watched: WatchedFolder
    clock: Clock
    importer: Importer

    @classmethod
    def begin(
        cls,
        project: Project,
        folder: Path,
        orders: Orders | None = None,
        room: Callable[[int], str | None] = has_room,
    ) -> "Session":
        """Watch a folder; by default particles are picked, which needs no other script."""
        watched = project.watching.add(folder, orders or Orders(choice=PICK))
        clock = Clock()
        importer = Importer(project, room=room, clock=clock, moment=clock)
        return cls(project, folder, watched, clock, importer)

    def again(self) -> "Session":
        """Return the same session after a restart of the daemon."""
        self.importer.close()
        importer = Importer(self.project, clock=self.clock, moment=self.clock)
        return replace(self, importer=importer)

    def pass_time(self, seconds: float, steps: int = 4) -> None:
        """Let time go by; the importer scans whatever it was told by events."""
        for _ in range(steps):
            self.project.watching.scan(self.watched)
            self.importer.step()
            self.clock.now += seconds / steps
        self.importer.step()

    def names(self) -> list[str]:
        """Return the names of all images."""
        return sorted(str(row["name"]) for row in self.project.images.rows())

    def report(self) -> WatchReport:
        """Return how the folder gets on."""
        return self.project.watching.report(self.watched)

    def told(self, level: Level) -> list[str]:
        """Return the log's lines of a level."""
        return [row.text for row in self.project.log.page(limit=1000) if row.level is level]


def write_micrograph(path: Path, seed: int = 1) -> Path:
    """Write a micrograph whose bytes differ from those of other seeds."""
    frame = np.random.default_rng(seed).integers(1, 100, (1, 16, 16)).astype(np.int16)
    return write_mrc(path, frame)
