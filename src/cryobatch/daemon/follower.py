"""A follower: follows one watched folder, however it comes and goes."""

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

from cryobatch.daemon.examiner import Tell
from cryobatch.daemon.taker import Room, Taker
from cryobatch.daemon.turns import Turns
from cryobatch.errors import CryobatchError
from cryobatch.importing.watching.events import Events
from cryobatch.importing.watching.metadata import WatchedMetadata
from cryobatch.importing.watching.tree import Tree
from cryobatch.importing.watching.waiting import Waiting
from cryobatch.model.event import Level
from cryobatch.project import Project
from cryobatch.project.place import lacks_events
from cryobatch.project.watching import WatchedFolder
from cryobatch.store import watching as store
from cryobatch.store.text import storable
from cryobatch.store.watching import FileState

PRESENCE_INTERVAL_S = 1.0
POLL_INTERVAL_S = 1.0
SCAN_INTERVAL_S = 30.0
"""With events a full scan finds only what these have missed."""
POLLED_SCAN_INTERVAL_S = 10.0
EVENTS_INTERVAL_S = 300.0
"""After so long a system that had granted no watches is asked again."""
SCAN_SHARE = 0.01
"""Scans take this share of a core at most; polling where there are no events, twice as much."""
STATUS_INTERVAL_S = 1.0
SHOWN_FILES = 5
"""So many of the files that settle are told by name."""
TAKING_S = 0.5
"""After so long it is looked whether something else has changed."""


class Follower:
    """Sees what appears in a watched folder, and has it taken when it has settled.

    Each ``step`` does what is due, and returns after how long to call again.
    """

    def __init__(
        self,
        project: Project,
        watched: WatchedFolder,
        *,
        tell: Tell,
        room: Room,
        wake: Callable[[], None],
        is_stopped: Callable[[], bool],
        metadata: WatchedMetadata,
        turns: Turns,
        clock: Callable[[], float] = time.monotonic,
        moment: Callable[[], float] = time.time,
    ) -> None:
        """Remember what was taken earlier.

        Args:
            project: Takes the images.
            watched: The folder, and what shall be done.
            tell: Writes a line into the log, each only once.
            room: Says whether there is room for copies.
            wake: Is called, from another thread, when something was reported.
            is_stopped: Tells whether a copy shall be left in its middle.
            metadata: The metadata files of all watched folders: a recording's may be in another.
            turns: Says when it is this folder's turn to change the project.
            clock: Gives seconds that only go forward.
            moment: Gives seconds since the epoch.
        """
        self.watched = watched
        self._project = project
        self._tell = tell
        self._wake = wake
        self._clock = clock
        self._moment = moment
        orders = watched.orders
        self._polled = lacks_events(watched.folder)
        self._waiting = Waiting(
            watched.folder, orders.patterns, orders.patience, metadata=metadata,
            clock=clock, moment=moment,
        )  # fmt: skip
        self._tree = Tree(watched.folder, orders.patterns, self._waiting, inodes=not self._polled)
        self._turns = turns
        self._taker = Taker(
            project, watched, self._waiting, tell=tell, room=room, is_stopped=is_stopped,
            local=not self._polled, turns=turns, clock=clock, moment=moment,
        )  # fmt: skip
        self._events: Events | None = None
        self._gaps = 0
        self._no_events = "its file system reports no events" if self._polled else ""
        self._events_at = float("-inf")
        self._heard: set[str] = set()
        self._hearing = threading.Lock()
        self._identity: tuple[int, int] | None = None
        self._present_at = self._scan_at = self._poll_at = self._shown_at = float("-inf")
        self._looked = False
        self._scan_s = 0.0
        self._scanned_at: float | None = None
        self._settings = project.settings
        self._shown: dict[str, object] = {}
        self._remember()

    def step(self) -> float:
        """Do what is due; returns after how many seconds to call again."""
        now = self._clock()
        if now >= self._present_at:
            self._look_for_folder()
            self._present_at = now + PRESENCE_INTERVAL_S
        if self._identity is None:
            self._show()
            return PRESENCE_INTERVAL_S
        has_scanned = self._look()
        with self._turns.held():
            if has_scanned:
                self._taker.forget_gone()
                self._taker.renew()
            if self._project.settings is not self._settings:
                self._settings = self._project.settings
                self._waiting.hasten_all()
            self._take()
        self._show()
        waits = [moment - self._clock() for moment in (self._present_at, self._scan_at)]
        due_s = self._waiting.next_due_s()
        return max(0.0, min([*waits, *([] if due_s is None else [due_s])]))

    def scan(self) -> None:
        """Look through the whole folder at the next step."""
        self._scan_at = self._present_at = float("-inf")

    def is_settling(self) -> bool:
        """Tell whether files wait of which nobody has been told that they lack something."""
        return bool(self._settling())

    def _settling(self) -> list[str]:
        """Return such files; of a folder that is not there nobody knows anything."""
        if self._identity is None:
            return []
        candidates = self._waiting.candidates
        return [path for path, candidate in candidates.items() if not candidate.listed]

    def _explain(self, settling: Sequence[str]) -> str:
        """Say why nothing is taken, or why the folder is polled."""
        if self._identity is None:
            return ""
        return (self._taker.hindrance if settling else "") or self._no_events

    def close(self) -> None:
        """End."""
        self._close_events()
        with contextlib.suppress(CryobatchError), self._project.database.transaction() as t:
            store.set_status(t, self.watched.id, {})

    def _remember(self) -> None:
        with self._project.database.reading() as r:
            for path, look, state in store.looks(r, self.watched.id):
                if state in {FileState.IMPORTED, FileState.REWRITTEN}:
                    self._waiting.remember(path, look if not self._polled else (*look[:2], 0))
                else:
                    self._waiting.remember_listed(path)

    def _look_for_folder(self) -> None:
        """See whether the folder is there, and is the same as before."""
        identity = self._tree.identity()
        folder, before = self.watched.folder, self._identity
        if identity is None and not self._looked:
            self._tell(f"{folder} is not there: waiting for it", Level.WARNING)
        self._looked = True
        if identity == before:
            return
        self._close_events()
        self._identity = identity
        if identity is None:
            self._tell(f"{folder} is gone: waiting for it", Level.WARNING, once=False)
            return
        if self._scanned_at is not None:
            self._tell(f"{folder} is there again", Level.INFO, once=False)
        self._open_events()
        self._scan_at = float("-inf")
        self._waiting.arriving = False

    def _open_events(self) -> None:
        if self._polled:
            return
        self._gaps = 0
        try:
            self._events = Events(self.watched.folder, self._hear)
        except OSError as error:
            self._events_at = self._clock() + EVENTS_INTERVAL_S
            self._tell_polled(str(error))
        else:
            self._no_events = ""

    def _close_events(self) -> None:
        if self._events is not None:
            self._events.close()
            self._events = None

    def _hear(self, paths: set[str]) -> None:
        with self._hearing:
            self._heard |= paths
        self._wake()

    def _tell_polled(self, reason: str) -> None:
        self._no_events = storable(reason)
        text = f"{self.watched.folder}: no events ({reason}); it is looked through instead"
        self._tell(text, Level.WARNING)

    def _listen(self) -> None:
        """See that events are heard; after a gap in them look through the whole folder."""
        events = self._events
        if events is None:
            if not self._polled and self._clock() >= self._events_at:
                self._open_events()
                self._scan_at = float("-inf")
            return
        trouble, gaps = events.trouble, events.gaps
        if trouble is not None and trouble != self._no_events:
            self._tell_polled(trouble)
        if trouble is None and gaps != self._gaps:
            self._gaps, self._no_events = gaps, ""
            self._scan_at = float("-inf")

    def _look(self) -> bool:
        """Look at what was reported, or at everything where that is due; tells whether it was."""
        self._listen()
        with self._hearing:
            heard, self._heard = self._heard, set()
        if self._clock() >= self._scan_at:
            self._scan()
            return True
        if heard:
            self._tree.visit(sorted(heard))
        if self._no_events and self._clock() >= self._poll_at:
            cost_s = self._measure(self._tree.poll)
            self._poll_at = self._clock() + max(POLL_INTERVAL_S, cost_s / SCAN_SHARE)
        return False

    def _scan(self) -> None:
        self._scan_s = self._measure(self._tree.walk)
        interval_s = POLLED_SCAN_INTERVAL_S if self._no_events else SCAN_INTERVAL_S
        self._scan_at = self._clock() + max(interval_s, self._scan_s / SCAN_SHARE)
        self._poll_at = self._clock() + POLL_INTERVAL_S
        self._waiting.arriving = True
        self._scanned_at = self._moment()
        for path, reason in self._tree.troubles.items():
            place = self.watched.folder / path
            self._tell(f"{place}: the folder cannot be read: {reason}", Level.ERROR)

    def _measure(self, look: Callable[[], None]) -> float:
        """Look, and return what that has cost, in seconds."""
        start = time.thread_time()
        look()
        return time.thread_time() - start

    def _take(self) -> None:
        """Take what is due, but not longer than others may wait to be seen."""
        start = self._clock()
        while self._taker.take_some():
            if self._clock() - start >= TAKING_S:
                return

    def _show(self) -> None:
        """Tell the database how it goes, where that has changed."""
        now = self._clock()
        settling = self._settling()
        state = "polling" if self._no_events else "watching"
        status: dict[str, object] = {
            "state": "absent" if self._identity is None else state,
            "reason": self._explain(settling),
            "settling": len(settling),
            "settling_files": [storable(path) for path in settling[:SHOWN_FILES]],
            "scanned_at": self._scanned_at,
            "scan_s": round(self._scan_s, 3),
        }
        if status == self._shown or now < self._shown_at + STATUS_INTERVAL_S:
            return
        self._shown, self._shown_at = status, now
        with self._project.database.transaction() as t:
            store.set_status(t, self.watched.id, status)
