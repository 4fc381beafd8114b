"""Events: what the kernel reports of a watched folder, heard in a thread of its own."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from watchfiles._rust_notify import RustNotify

STEP_MS = 50
DEBOUNCE_MS = 300
"""Changes are gathered for so long while more of them come."""
TIMEOUT_MS = 5000
SHORTEST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 64.0
"""A source that fails again and again is begun anew ever more seldom: each time costs a scan."""

Hear = Callable[[set[str]], None]
"""Takes the absolute paths of which something was reported."""


class Events:
    """Listens to a folder and all below it until it is closed.

    A name that is no text in UTF-8 ends the system's source of events, as more folders than may
    be watched do: then a new one is begun after a pause, and what was missed meanwhile is for
    the listener to find out.
    """

    def __init__(self, folder: Path, hear: Hear) -> None:
        """Begin; what changes from now on is heard.

        Args:
            folder: Must be there.
            hear: Is called from another thread.

        Raises:
            OSError: The system grants no further watches, or the folder is gone.
        """
        self._folder = folder
        self._hear = hear
        self._enough = threading.Event()
        self._pause_s = SHORTEST_PAUSE_S
        self._began = 0
        self.trouble: str | None = None
        """Why nothing is heard at the moment, None while all is well."""
        self._source = self._begin()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    @property
    def gaps(self) -> int:
        """Return after how many pauses it is heard again; what changed in these was missed."""
        return self._began - 1

    def close(self) -> None:
        """End."""
        self._enough.set()
        self._thread.join()
        self._source.close()

    def _begin(self) -> RustNotify:
        try:
            source = RustNotify([str(self._folder)], False, False, 0, True, True)
        except RuntimeError as error:  # WatchfilesRustInternalError, whatever the system said
            raise OSError(str(error)) from error
        self._began += 1
        self._since = time.monotonic()
        return source

    def _run(self) -> None:
        while not self._enough.is_set():
            try:
                self._listen()
            except (OSError, RuntimeError) as error:
                self.trouble = _explain(str(error))
                self._hear(set())
                self._begin_again()

    def _listen(self) -> None:
        while True:
            found = self._source.watch(DEBOUNCE_MS, STEP_MS, TIMEOUT_MS, self._enough)
            if isinstance(found, set):
                self._hear({path for _, path in found})
            elif found == "stop":
                return

    def _begin_again(self) -> None:
        """Begin a new source after a pause, longer than the last where that was not long ago."""
        if time.monotonic() - self._since > 2 * LONGEST_PAUSE_S:
            self._pause_s = SHORTEST_PAUSE_S
        while not self._enough.wait(self._pause_s):
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            try:
                source = self._begin()
            except OSError as error:
                self.trouble = _explain(str(error))
                continue
            self._source.close()
            self._source = source
            self.trouble = None
            self._hear(set())
            return


def _explain(text: str) -> str:
    return "a name in it is no text in UTF-8" if "decode path" in text else text
