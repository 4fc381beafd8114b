"""The importer: follows all watched folders in a thread beside the daemon's loop."""

import threading
import time
import traceback
from collections.abc import Callable, Collection

from cryobatch.daemon.follower import Follower
from cryobatch.errors import CryobatchError
from cryobatch.importing import Stopped
from cryobatch.importing.watching.metadata import WatchedMetadata
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.watching import WatchedFolder
from cryobatch.store.text import storable

RELOAD_INTERVAL_S = 1.0
LONGEST_SLEEP_S = 1.0
TROUBLE_PAUSE_S = 5.0
SHOWN_S = 60.0
"""A trouble is shown for so long after it was met last."""
MOST_TOLD = 10_000


def has_room(_: int) -> str | None:
    """Stand in where nobody guards the disk."""
    return None


class Importer:
    """Follows the folders that somebody wants to be watched; the dispatcher waits for no disk."""

    def __init__(
        self,
        project: Project,
        session: Collection[int] = (),
        *,
        only: bool = False,
        room: Callable[[int], str | None] = has_room,
        clock: Callable[[], float] = time.monotonic,
        moment: Callable[[], float] = time.time,
    ) -> None:
        """Prepare.

        Args:
            project: Takes the images, and knows the watched folders.
            session: Folders that are followed though they are stopped: as long as we are.
            only: Whether no others are followed.
            room: Says why so many bytes more should not be written, None where they may.
            clock: Gives seconds that only go forward.
            moment: Gives seconds since the epoch.
        """
        self._project = project
        self._session = frozenset(session)
        self._only = only
        self._room = room
        self._clock = clock
        self._moment = moment
        self._metadata = WatchedMetadata()
        self._followers: dict[int, Follower] = {}
        self._paused_until: dict[int, float] = {}
        self._scans: dict[int, int] = {}
        self._reload_at = float("-inf")
        self._told: set[str] = set()
        self._trouble = ""
        self._trouble_until = float("-inf")
        self._enough = threading.Event()
        self._awake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="importer")

    @property
    def trouble(self) -> str | None:
        """Return what hinders the import, None when nothing does."""
        return self._trouble if self._clock() < self._trouble_until else None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the present step."""
        self._enough.set()
        self._awake.set()
        self._thread.join()

    def step(self) -> float:
        """Do what is due in all folders; returns after how many seconds to call again."""
        if self._clock() >= self._reload_at:
            self._reload()
            self._reload_at = self._clock() + RELOAD_INTERVAL_S
        waits = [LONGEST_SLEEP_S]
        for number, follower in list(self._followers.items()):
            if self._clock() < self._paused_until.get(number, 0.0):
                continue
            try:
                waits.append(follower.step())
            except CryobatchError as error:
                self._pause(number, str(error))
            except OSError as error:
                self._pause(number, f"{follower.watched.folder}: {error}")
        return min(waits)

    def is_settling(self) -> bool:
        """Tell whether anything may still happen with what has been seen."""
        if self._clock() < max(self._paused_until.values(), default=0.0):
            return True
        return any(follower.is_settling() for follower in self._followers.values())

    def close(self) -> None:
        """Follow nothing any more."""
        for follower in self._followers.values():
            follower.close()
        self._followers.clear()

    def _reload(self) -> None:
        """Follow the folders that are watched now, as their orders are now."""
        wanted = {
            item.id: item
            for item in self._project.watching.listing()
            if item.id in self._session or (item.active and not self._only)
        }
        for number, follower in list(self._followers.items()):
            now = wanted.get(number)
            if now is None or now.orders != follower.watched.orders:
                self._followers.pop(number).close()
        for number, watched in wanted.items():
            self._follow(number, watched)

    def _follow(self, number: int, watched: WatchedFolder) -> None:
        if number not in self._followers:
            self._followers[number] = Follower(
                self._project, watched, tell=self._tell, room=self._room, wake=self._awake.set,
                is_stopped=self._enough.is_set, metadata=self._metadata,
                clock=self._clock, moment=self._moment,
            )  # fmt: skip
        elif self._scans[number] != watched.scans:
            self._followers[number].scan()
        self._scans[number] = watched.scans

    def _pause(self, number: int, text: str) -> None:
        self._paused_until[number] = self._clock() + TROUBLE_PAUSE_S
        self._tell(text, Level.ERROR)

    def _tell(self, text: str, level: Level, *, once: bool = True) -> None:
        """Write a line into the log; what hinders the import is kept for a display."""
        text = storable(text)  # a name that is no text would end whoever prints it
        if level is Level.ERROR:
            self._trouble, self._trouble_until = text, self._clock() + SHOWN_S
        if once and text in self._told:
            return
        if len(self._told) >= MOST_TOLD:
            self._told.clear()
        self._told.add(text)
        self._project.log.write(text, level)

    def _run(self) -> None:
        while not self._enough.is_set():
            self._awake.clear()
            sleep_s = TROUBLE_PAUSE_S
            try:
                sleep_s = self.step()
            except Stopped:
                continue
            except CryobatchError as error:  # such as a database that is busy or has no room
                self._trouble, self._trouble_until = str(error), self._clock() + SHOWN_S
            except Exception as error:  # noqa: BLE001 - one step of a loop that must go on
                traceback.print_exception(error)
                text = f"the importer met {type(error).__name__}: {error}"
                self._trouble, self._trouble_until = text, self._clock() + SHOWN_S
            self._awake.wait(sleep_s)
        self.close()


def scan_once(project: Project, watches: Collection[int]) -> None:
    """Look through watched folders, and take in what settles: where no daemon does it.

    Args:
        project: Takes the images.
        watches: Numbers of the folders, also of stopped ones.
    """
    importer = Importer(project, watches, only=True)
    try:
        wait_s = importer.step()
        while importer.is_settling():
            time.sleep(wait_s)
            wait_s = importer.step()
    finally:
        importer.close()
