"""The sentry: has the session's guard look at what has come, seldom enough to cost nothing."""

import threading
import traceback
from contextlib import suppress

from cryobatch.errors import CryobatchError
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.guards import SessionGuard

INTERVAL_S = 2.0
STOPPING_S = 10.0


class Sentry:
    """Looks every few seconds, in a thread beside the loop.

    It waits for locks of images, and reads gain references from disks that may not answer.
    """

    def __init__(self, project: Project) -> None:
        """Prepare."""
        self._project = project
        self._guard = SessionGuard(project.images)
        self._trouble: str | None = None
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sentry", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after a last look, unless that takes too long."""
        self._enough.set()
        self._thread.join(STOPPING_S)

    def _run(self) -> None:
        enough = False
        while not enough:
            enough = self._enough.wait(INTERVAL_S)
            with suppress(CryobatchError):  # a log that cannot be written now: at the next look
                self._look()

    def _look(self) -> None:
        try:
            self._guard.look()
        except CryobatchError as error:
            self._tell(str(error))
        except Exception as error:  # noqa: BLE001 - one step of a loop that must go on
            traceback.print_exception(error)
            self._tell(f"{type(error).__name__}: {error}")

    def _tell(self, text: str) -> None:
        """Write what hinders the guard into the log, once; the work goes on without it."""
        if text != self._trouble:
            self._project.log.write(f"the session cannot be looked at: {text}", Level.WARNING)
            self._trouble = text
