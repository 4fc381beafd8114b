"""The queue as a person works with it: each operation is one transaction and wakes the daemon.

Only a retry is as many as it takes, because it may be of everything.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cryobatch.model.batch import BatchState
from cryobatch.project.doorbell import ring
from cryobatch.project.place import ProjectPlace
from cryobatch.store import queue
from cryobatch.store.database import Database, Transaction
from cryobatch.store.queue import Cancelled, Moved, QueueRow, Retried
from cryobatch.store.queue_search import Found, search
from cryobatch.store.settings import HELD, get_setting, put_setting

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Queue:
    """The batches of a project that wait and run.

    Args:
        database: The project's database.
        place: Where its daemon's doorbell is.
    """

    database: Database
    place: ProjectPlace

    def listing(
        self,
        states: Collection[BatchState] = (BatchState.RUNNING, BatchState.WAITING),
        limit: int | None = None,
        offset: int = 0,
    ) -> list[QueueRow]:
        """Return what runs, then what waits in queue order, then what has ended."""
        with self.database.reading() as r:
            return queue.listing(r, states=states, limit=limit, offset=offset)

    def search(
        self, text: str, states: Collection[BatchState], *, limit: int, offset: int = 0
    ) -> Found:
        """Return batches in whose image's name, group or scripts a text stands."""
        with self.database.reading() as r:
            return search(r, text, states=states, limit=limit, offset=offset)

    def counts(self) -> dict[BatchState, int]:
        """Return how many batches are in each state."""
        with self.database.reading() as r:
            return queue.counts(r)

    def unknown(self, ids: Sequence[int]) -> tuple[int, ...]:
        """Return the given ids that are no batches."""
        with self.database.reading() as r:
            return queue.unknown(r, ids)

    def is_paused(self) -> bool:
        """Tell whether no batches are given out."""
        with self.database.reading() as r:
            return queue.is_paused(r)

    def why_held(self) -> str | None:
        """Return why the daemon gives out no batches, though nobody has paused the queue."""
        with self.database.reading() as r:
            reason = get_setting(r, HELD)
            return None if reason is None else str(reason)

    def note_held(self, reason: str | None) -> None:
        """Say why no batches are given out; None: they are given out again."""
        with self.database.transaction() as t:
            put_setting(t, HELD, reason)

    def to_top(self, ids: Sequence[int]) -> Moved:
        """Put batches before all others; among themselves they keep their order."""
        return self._change(lambda t: queue.to_top(t, ids))

    def to_bottom(self, ids: Sequence[int]) -> Moved:
        """Put batches after all others; among themselves they keep their order."""
        return self._change(lambda t: queue.to_bottom(t, ids))

    def move_to(self, ids: Sequence[int], place: int) -> Moved:
        """Put batches so that the first of them is at a place counted from 1."""
        return self._change(lambda t: queue.move_to(t, ids, place))

    def move_beside(self, ids: Sequence[int], target: int, *, below: bool) -> Moved:
        """Put batches directly above or below another one that waits."""
        return self._change(lambda t: queue.move_beside(t, ids, target, below=below))

    def up(self, ids: Sequence[int]) -> Moved:
        """Move each batch one place up."""
        return self._change(lambda t: queue.up(t, ids))

    def down(self, ids: Sequence[int]) -> Moved:
        """Move each batch one place down."""
        return self._change(lambda t: queue.down(t, ids))

    def remove(self, ids: Sequence[int]) -> Cancelled:
        """Cancel batches that wait; those that run go on."""
        return self._change(lambda t: queue.remove(t, ids, time.time()))

    def kill(self, ids: Sequence[int]) -> Cancelled:
        """Cancel batches, also those that run: their processors are ended."""
        return self._change(lambda t: queue.request_cancel(t, ids, time.time()))

    def kill_all(self) -> Cancelled:
        """Cancel all batches that run."""
        with self.database.reading() as r:
            ids = [batch.id for batch in queue.running(r)]
        return self.kill(ids)

    def clear(self) -> int:
        """Cancel everything that waits and tell how many that were."""
        return self._change(lambda t: queue.clear(t, time.time()))

    def pause(self) -> None:
        """Give out no more batches; what runs goes on."""
        self._change(queue.pause)

    def resume(self) -> None:
        """Give out batches again."""
        self._change(queue.resume)

    def latest(self) -> int:
        """Return the highest number that a batch has."""
        with self.database.reading() as r:
            return queue.latest(r)

    def retry(
        self, ids: Sequence[int] | None = None, *, top: bool = False, since: int | None = None
    ) -> Retried:
        """Submit failed and cancelled batches anew, and nothing that another one submits anew.

        Args:
            ids: The batches; None: all failed ones.
            top: Whether they go on top.
            since: The latest batch there was when the ids were chosen; None: they are chosen now.
        """
        now = time.time()
        answer = queue.retry_all(self.database, ids, top=top, now=now, since=since)
        ring(self.place.doorbell)
        return answer

    def batches_of_images(self, image_ids: Collection[int]) -> list[int]:
        """Return the batches of images that wait or run, in queue order."""
        with self.database.reading() as r:
            return queue.batches_in_queue(r, image_ids)

    def _change(self, change: Callable[[Transaction], Answer]) -> Answer:
        with self.database.transaction() as t:
            answer = change(t)
        ring(self.place.doorbell)
        return answer
