"""A pursuit: one watched folder is followed in a thread of its own, whatever the others do."""

import threading
import time
import traceback
from collections.abc import Callable
from typing import Protocol

from cryobatch.daemon.follower import Follower
from cryobatch.errors import CryobatchError
from cryobatch.importing import Stopped

TROUBLE_PAUSE_S = 5.0

Begin = Callable[[Callable[[], None], Callable[[], bool]], Follower]
"""Makes a follower: what wakes it is given, and what tells it to leave a copy in its middle."""


class Complain(Protocol):
    """Takes note of what hinders the import."""

    def __call__(self, text: str, *, log: bool = True) -> None:
        """Keep it for a display; ``log``: write it into the log too."""


class Pursuit:
    """Follows one folder, in a thread or step by step, until it is stopped."""

    def __init__(
        self, begin: Begin, complain: Complain, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare.

        Args:
            begin: Makes the follower.
            complain: Is told what went wrong.
            clock: Gives seconds that only go forward.
        """
        self._complain = complain
        self._clock = clock
        self._paused_until = float("-inf")
        self._enough = threading.Event()
        self._awake = threading.Event()
        self._thread: threading.Thread | None = None
        self.follower = begin(self._awake.set, self._enough.is_set)

    def start(self) -> None:
        """Follow it in a thread from now on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="follower")
            self._thread.start()

    def stop(self) -> None:
        """End after the present step, or in the middle of a copy; returns at once."""
        self._enough.set()
        self._awake.set()

    def has_ended(self, *, wait: bool = False) -> bool:
        """Tell whether the thread has ended, where there is one."""
        if self._thread is None:
            return True
        if wait:
            self._thread.join()
        return not self._thread.is_alive()

    def scan(self) -> None:
        """Look through the whole folder at once."""
        self.follower.scan()
        self._awake.set()

    def is_settling(self) -> bool:
        """Tell whether anything may still happen with what has been seen."""
        return self._clock() < self._paused_until or self.follower.is_settling()

    def step(self) -> float:
        """Do what is due; returns after how many seconds to call again."""
        left_s = self._paused_until - self._clock()
        if left_s > 0:
            return left_s
        try:
            return self.follower.step()
        except CryobatchError as error:
            return self._pause(str(error))
        except OSError as error:
            return self._pause(f"{self.follower.watched.folder}: {error}")

    def _pause(self, text: str) -> float:
        self._paused_until = self._clock() + TROUBLE_PAUSE_S
        self._complain(text)
        return TROUBLE_PAUSE_S

    def _run(self) -> None:
        while not self._enough.is_set():
            self._awake.clear()
            sleep_s = TROUBLE_PAUSE_S
            try:
                sleep_s = self.step()
            except Stopped:
                continue
            except CryobatchError as error:  # such as a log that cannot be written either
                self._complain(str(error), log=False)
            except Exception as error:  # noqa: BLE001 - one step of a loop that must go on
                traceback.print_exception(error)
                text = f"the importer met {type(error).__name__}: {error}"
                self._complain(text, log=False)
            self._awake.wait(sleep_s)
