"""The sentry: has the session's guard look at what has come, seldom enough to cost nothing."""

import time
from collections.abc import Callable

from cryobatch.errors import CryobatchError
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.guards import SessionGuard

INTERVAL_S = 2.0


class Sentry:
    """Looks every few seconds, in the daemon's loop."""

    def __init__(self, project: Project, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Prepare.

        Args:
            project: The project.
            clock: Gives seconds that only go forward.
        """
        self._project = project
        self._guard = SessionGuard(project.images)
        self._clock = clock
        self._looked_at = float("-inf")
        self._trouble: str | None = None

    def look(self, *, at_once: bool = False) -> None:
        """Look if that is due."""
        now = self._clock()
        if not at_once and now - self._looked_at < INTERVAL_S:
            return
        self._looked_at = now
        try:
            self._guard.look()
        except CryobatchError as error:
            self._tell(str(error))

    def _tell(self, text: str) -> None:
        """Write what hinders the guard into the log, once; the work goes on without it."""
        if text != self._trouble:
            self._trouble = text
            self._project.log.write(f"the session cannot be looked at: {text}", Level.WARNING)
