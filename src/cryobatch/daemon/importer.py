"""The importer: follows all watched folders, each in a thread beside the daemon's loop."""

import threading
import time
import traceback
from collections.abc import Callable, Collection

from cryobatch.daemon.follower import Follower
from cryobatch.daemon.pursuit import Pursuit
from cryobatch.daemon.turns import Turns
from cryobatch.errors import CryobatchError
from cryobatch.importing.watching.metadata import WatchedMetadata
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.watching import WatchedFolder
from cryobatch.store.text import storable

RELOAD_INTERVAL_S = 1.0
LONGEST_SLEEP_S = 1.0
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
        self._turns = Turns()
        self._pursuits: dict[int, Pursuit] = {}
        self._scans: dict[int, int] = {}
        self._reload_at = float("-inf")
        self._told: set[str] = set()
        self._trouble = ""
        self._trouble_until = float("-inf")
        self._enough = threading.Event()
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
        self._thread.join()

    def step(self) -> float:
        """Do what is due in all folders, one after another, in the caller's own thread.

        Returns:
            After how many seconds to call again.
        """
        self._reload_if_due()
        waits = [pursuit.step() for pursuit in list(self._pursuits.values())]
        return min([LONGEST_SLEEP_S, *waits])

    def is_settling(self) -> bool:
        """Tell whether anything may still happen with what has been seen."""
        return any(pursuit.is_settling() for pursuit in self._pursuits.values())

    def close(self) -> None:
        """Follow nothing any more."""
        for pursuit in self._pursuits.values():
            pursuit.stop()
        for pursuit in self._pursuits.values():
            pursuit.has_ended(wait=True)
            pursuit.follower.close()
        self._pursuits.clear()

    def _reload_if_due(self) -> None:
        if self._clock() >= self._reload_at:
            self._reload()
            self._reload_at = self._clock() + RELOAD_INTERVAL_S

    def _reload(self) -> None:
        """Follow the folders that are watched now, as their orders are now."""
        wanted = {
            item.id: item
            for item in self._project.watching.listing()
            if item.id in self._session or (item.active and not self._only)
        }
        for number, pursuit in list(self._pursuits.items()):
            now = wanted.get(number)
            if now is None or now.orders != pursuit.follower.watched.orders:
                pursuit.stop()
                if pursuit.has_ended():  # else at another time: it may have a copy to leave
                    self._pursuits.pop(number).follower.close()
        for number, watched in wanted.items():
            self._follow(number, watched)

    def _follow(self, number: int, watched: WatchedFolder) -> None:
        if number not in self._pursuits:
            self._pursuits[number] = Pursuit(
                lambda wake, is_stopped: self._make_follower(watched, wake, is_stopped),
                self._complain, self._clock,
            )  # fmt: skip
        elif self._scans[number] != watched.scans:
            self._pursuits[number].scan()
        self._scans[number] = watched.scans

    def _make_follower(
        self, watched: WatchedFolder, wake: Callable[[], None], is_stopped: Callable[[], bool]
    ) -> Follower:
        return Follower(
            self._project, watched, tell=self._tell, room=self._room, wake=wake,
            is_stopped=is_stopped, metadata=self._metadata, turns=self._turns,
            clock=self._clock, moment=self._moment,
        )  # fmt: skip

    def _complain(self, text: str, *, log: bool = True) -> None:
        if log:
            self._tell(text, Level.ERROR)
        else:
            self._trouble, self._trouble_until = storable(text), self._clock() + SHOWN_S

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
        """See to it that each folder is followed by a thread of its own."""
        while not self._enough.is_set():
            try:
                self._reload_if_due()
            except CryobatchError as error:  # such as a database that is busy or has no room
                self._complain(str(error), log=False)
            except Exception as error:  # noqa: BLE001 - one step of a loop that must go on
                traceback.print_exception(error)
                text = f"the importer met {type(error).__name__}: {error}"
                self._complain(text, log=False)
            for pursuit in self._pursuits.values():
                pursuit.start()
            self._enough.wait(LONGEST_SLEEP_S)
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
