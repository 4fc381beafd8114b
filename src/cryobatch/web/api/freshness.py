"""Freshness: settings and scripts as they are in their files now."""

import threading
from dataclasses import dataclass, field

from cryobatch.project import Project


@dataclass(slots=True)
class Fresh:
    """Reads a project's settings and scripts again when their files have changed.

    Args:
        project: The project.
    """

    project: Project
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stamp: tuple[object, ...] = ()

    def __post_init__(self) -> None:
        self._stamp = self.project.stamp()

    def __call__(self) -> None:
        """See whether somebody has changed anything."""
        with self._lock:
            stamp = self.project.stamp()
            if stamp != self._stamp:
                self.project.reload()
                self._stamp = stamp
