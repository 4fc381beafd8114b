"""Results that all browsers share for a while: so many pages cost no more than one."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

REST = 20.0
LONGEST_REST_S = 5.0
"""A result is kept 20 times as long as it took to find, up to 5 s: so it costs little of a core."""

Result = dict[str, object]


@dataclass(slots=True)
class Kept:
    """A result that all browsers share for a while.

    Args:
        find: Finds it.
        event: Tells the number of the last change.
        least_s: Keep it at least so long.
        longest_s: Keep it no longer than this.
    """

    find: Callable[[], Result]
    event: Callable[[], int]
    least_s: float = 1.0
    longest_s: float = LONGEST_REST_S
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _result: Result | None = None
    _until: float = 0.0

    def get(self) -> Result:
        """Return the result, found anew when it is too old.

        ``event`` in it is the last change that it knows of, ``renewed_in_s`` when to ask again.
        """
        with self._lock:
            began = time.monotonic()
            if self._result is None or began >= self._until:
                event = self.event()
                self._result = {**self.find(), "event": event}
                ended = time.monotonic()
                rest = min(REST * (ended - began), self.longest_s)
                self._until = ended + max(self.least_s, rest)
            left = max(self._until - time.monotonic(), 0.0)
            return {**self._result, "renewed_in_s": left}

    def forget(self) -> None:
        """Find it anew when it is asked for next: somebody here has changed it."""
        with self._lock:
            self._until = 0.0
