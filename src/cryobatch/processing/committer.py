"""The committer: commits results in a thread of its own, for a disk may be slow."""

import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue

from cryobatch.errors import ConflictError, CryobatchError
from cryobatch.processing.commit import Committed, commit_results
from cryobatch.processing.image_folder import WAITERS
from cryobatch.processing.journal import Journal
from cryobatch.processing.turn import Result

PATIENCE_S = 10.0
"""How long a result waits for an image that another program has locked."""
RETRY_S = 0.02

Outcome = Committed | CryobatchError | OSError
"""What came of a commit."""


class Committer:
    """Commits results while the dispatcher goes on; what has gathered meanwhile goes together.

    Claims, kills and commands do not wait for the disk, and the more results there are the fewer
    waits each of them costs.
    """

    def __init__(self, staging: Path) -> None:
        """Start the thread.

        Args:
            staging: Folder, on the images' file system, for what is on its way to them.
        """
        self._journal = Journal(staging)
        self._given: list[Result] = []
        self._todo: SimpleQueue[Result | None] = SimpleQueue()
        self._done: deque[tuple[Result, Outcome]] = deque()
        self._pending: set[int] = set()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._waiters = ThreadPoolExecutor(WAITERS, thread_name_prefix="disk")
        self._thread = threading.Thread(target=self._work, name="committer", daemon=True)
        self._thread.start()

    def fileno(self) -> int:
        """Return what becomes ready when something has been committed."""
        return self._reader

    def is_resting(self) -> bool:
        """Tell whether nothing is being committed, or committed and not yet taken."""
        return not self._pending

    def has(self, batch: int) -> bool:
        """Tell whether a result of a batch is being committed, or committed and not yet taken."""
        return batch in self._pending

    def put(self, results: Sequence[Result]) -> None:
        """Give it results, each of another image; a batch has one at a time."""
        self._pending |= {result.batch.id for result in results}
        self._given += results

    def begin(self) -> None:
        """Let it commit what it was given: best when nobody else is about to compute here."""
        for result in self._given:
            self._todo.put(result)
        self._given.clear()

    def take(self) -> list[tuple[Result, Outcome]]:
        """Return what has come of results, in the order in which they were given."""
        try:
            os.read(self._reader, 4096)
        except BlockingIOError:
            return []
        taken = []
        while self._done:
            taken.append(self._done.popleft())
        self._pending -= {result.batch.id for result, _ in taken}
        return taken

    def close(self) -> list[tuple[Result, Outcome]]:
        """End the thread when all is committed, and return what came of it."""
        self.begin()
        self._todo.put(None)
        self._thread.join()
        self._waiters.shutdown()
        self._journal.close()
        taken = self.take()
        os.close(self._reader)
        os.close(self._writer)
        return taken

    def _work(self) -> None:
        waiting: dict[int, tuple[Result, float]] = {}  # by batch: results, and until when
        ends = False
        while True:
            fresh, ended = self._gather(RETRY_S if waiting else None)
            ends = ends or ended
            deadline = time.monotonic() + PATIENCE_S
            waiting |= {result.batch.id: (result, deadline) for result in fresh}
            results = [result for result, _ in waiting.values()]
            done = []
            for result, outcome in zip(results, self._commit(results), strict=True):
                is_late = time.monotonic() > waiting[result.batch.id][1]
                if not isinstance(outcome, ConflictError) or is_late:
                    del waiting[result.batch.id]
                    done.append((result, outcome))
            if done:
                self._done.extend(done)
                os.write(self._writer, b"!")
            if ends:
                return  # what still waits for its image is committed by the next daemon

    def _gather(self, timeout_s: float | None) -> tuple[list[Result], bool]:
        """Wait for results, and take all that have come; True when there will be no more."""
        results: list[Result] = []
        try:
            while (result := self._todo.get(timeout=timeout_s)) is not None:
                results.append(result)
                timeout_s = 0.0
        except Empty:
            return results, False
        return results, True

    def _commit(self, results: Sequence[Result]) -> Sequence[Outcome]:
        try:
            staged = [(result.folder, result.staged) for result in results]
            return commit_results(staged, wait=False, waiters=self._waiters, journal=self._journal)
        except Exception as error:  # noqa: BLE001 - the daemon's loop goes on; its log tells
            return [CryobatchError(f"{type(error).__name__}: {error}")] * len(results)
