"""Events: what the kernel reports of a watched folder, heard in a thread of its own."""

import threading
from collections.abc import Callable
from pathlib import Path

from watchfiles._rust_notify import RustNotify

STEP_MS = 50
DEBOUNCE_MS = 300
"""Changes are gathered for so long while more of them come."""
TIMEOUT_MS = 5000

Hear = Callable[[set[str]], None]
"""Takes the absolute paths of which something was reported."""


class Events:
    """Listens to a folder and all below it until it is closed."""

    def __init__(self, folder: Path, hear: Hear) -> None:
        """Begin; what changes from now on is heard.

        Args:
            folder: Must be there.
            hear: Is called from another thread.

        Raises:
            OSError: The system grants no further watches, or the folder is gone.
        """
        self._hear = hear
        self._enough = threading.Event()
        self.trouble: str | None = None
        """Why nothing is heard any more, None while all is well."""
        try:
            self._source = RustNotify([str(folder)], False, False, 0, True, True)
        except RuntimeError as error:  # WatchfilesRustInternalError, whatever the system said
            raise OSError(str(error)) from error
        self._thread = threading.Thread(target=self._listen, name="events", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._enough.set()
        self._thread.join()
        self._source.close()

    def _listen(self) -> None:
        try:
            while True:
                found = self._source.watch(DEBOUNCE_MS, STEP_MS, TIMEOUT_MS, self._enough)
                if isinstance(found, set):
                    self._hear({path for _, path in found})
                elif found == "stop":
                    return
        except (OSError, RuntimeError) as error:
            self.trouble = str(error)
            self._hear(set())
