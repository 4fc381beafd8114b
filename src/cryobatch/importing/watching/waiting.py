"""What waits in a watched folder: files that were seen and are not taken yet."""

import heapq
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from cryobatch.importing.layouts.layout import choose_recordings
from cryobatch.importing.watching.keys import epu_key, is_sum, movie_key, natural_order, shared_key
from cryobatch.importing.watching.metadata import WatchedMetadata
from cryobatch.importing.watching.patterns import Patterns
from cryobatch.importing.watching.settle import Candidate, Doubt, Look, Patience, look_at, pause_s

SUM_PATIENCE_S = 600.0
"""EPU writes its sum of an exposure before the movie: where movies are kept it waits for it."""


class Waiting:
    """Remembers how each file looked when it was taken, and observes those that were not."""

    def __init__(
        self,
        root: Path,
        patterns: Patterns,
        patience: Patience,
        *,
        metadata: WatchedMetadata | None = None,
        clock: Callable[[], float] = time.monotonic,
        moment: Callable[[], float] = time.time,
    ) -> None:
        """Begin empty.

        Args:
            root: The watched folder.
            patterns: Which files are wanted.
            patience: How long a file must have been unchanged.
            metadata: Those of all watched folders; None: only those of this one.
            clock: Gives seconds that only go forward.
            moment: Gives seconds since the epoch.
        """
        self.metadata = metadata if metadata is not None else WatchedMetadata()
        self.candidates: dict[str, Candidate] = {}
        self.arriving = False
        """Whether what is seen for the first time is new; what was there before us is not."""
        self._root = root
        self._patterns = patterns
        self._patience = patience
        self._clock = clock
        self._moment = moment
        self._known: dict[str, Look] = {}
        self._taken: dict[Look, str] = {}
        self._listed: set[str] = set()
        self._due: list[tuple[float, str]] = []
        self._ready: list[tuple[int, list[str | int], float, str]] = []
        self._by_key: dict[str, set[str]] = {}
        self._movies: set[str] = set()
        self._in_vain = False

    def remember(self, path: str, look: Look) -> None:
        """Take note of a file that is done with as it looks."""
        self._keep(path, look)
        self._add_movie(path)

    def remember_listed(self, path: str) -> None:
        """Take note of a file of which a person knows that it lacks something."""
        self._listed.add(path)

    def was_taken(self, path: str) -> bool:
        """Tell whether something of this name was done with before, or is listed."""
        return path in self._known or path in self._listed

    def see(self, path: str, look: Look) -> None:
        """Take note of a recording as it looks now."""
        if self._known.get(path) == look:
            return
        now = self._clock()
        candidate = self.candidates.get(path)
        if candidate is not None:
            changed = candidate.observe(look, now, self._moment())
            if changed and candidate.due_at > now + self._patience.fast_s:
                self.postpone(path, self._patience.fast_s)
        elif self._is_wanted(path):
            written_at = self._moment() if self.arriving else None
            listed = path in self._listed
            self.candidates[path] = Candidate(look, now, written_at, listed=listed)
            self.postpone(path, self._patience.fast_s)
            self._add_movie(path)
            self._enter(path)
        else:
            self._known[path] = look

    def see_metadata(self, path: str) -> None:
        """Take note of a metadata file: a recording may have waited for it."""
        if self.metadata.add(f"{self._root}/{path}") and self.candidates:
            self._wake(shared_key(path))

    def has_movie(self, path: str) -> bool:
        """Tell whether a candidate is EPU's sum of an exposure whose movie is there."""
        return is_sum(path) and shared_key(path) in self._movies

    def postpone(self, path: str, seconds: float) -> None:
        """Look at a candidate again after some time."""
        due_at = self._clock() + seconds
        self.candidates[path].due_at = due_at
        heapq.heappush(self._due, (due_at, path))

    def hasten(self, path: str) -> None:
        """Look at a candidate as soon as it has been unchanged long enough."""
        candidate = self.candidates[path]
        candidate.attempts = 0
        self.postpone(path, max(0.0, candidate.changed_at + self._patience.fast_s - self._clock()))

    def hasten_all(self) -> None:
        """Look at all candidates: something else has changed that they may have waited for."""
        for path in self.candidates:
            self.hasten(path)

    def take_due(self, limit: int) -> list[str]:
        """Return candidates whose time has come, those first that were written first.

        What lay in a folder before it was watched comes in the order of its recording so, by the
        one clock of whoever wrote it. Each must be concluded or postponed.
        """
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            due_at, path = heapq.heappop(self._due)
            candidate = self.candidates.get(path)
            if candidate is not None and candidate.due_at == due_at:
                order = (candidate.look[1], natural_order(path))
                heapq.heappush(self._ready, (*order, due_at, path))
        found: list[str] = []
        while self._ready and len(found) < limit:
            *_, due_at, path = heapq.heappop(self._ready)
            candidate = self.candidates.get(path)
            if candidate is not None and candidate.due_at == due_at and path not in found:
                found.append(path)
        return found

    def put_off(self, paths: Iterable[str], *, alone: bool) -> None:
        """Look again at candidates that were due, after something went wrong with them.

        Args:
            paths: The candidates.
            alone: Whether it was one alone, whose fault it may be: it waits ever longer.
        """
        for path in paths:
            candidate = self.candidates.get(path)
            if candidate is None or candidate.due_at > self._clock():
                continue
            if alone:
                self.postpone(path, pause_s(candidate.attempts, self._patience))
                candidate.attempts += 1
            else:
                self.postpone(path, self._patience.fast_s)

    def is_gone(self, path: str) -> bool:
        """Tell whether a candidate is there no more."""
        return path in self.candidates and look_at(self._root / path) is None

    def next_due_s(self) -> float | None:
        """Return after how long somebody should look, None where nothing waits."""
        if self._ready:
            return 0.0
        return max(0.0, self._due[0][0] - self._clock()) if self._due else None

    def conclude(self, path: str, look: Look | None) -> None:
        """Wait for a file no more: it is done with as it looks, or gone (None)."""
        self.candidates.pop(path, None)
        self._listed.discard(path)
        key = shared_key(path)
        if key in self._by_key:
            self._by_key[key].discard(path)
            if not self._by_key[key]:
                del self._by_key[key]
        if look is not None:
            self._keep(path, look)

    def find_renamed(self, path: str, look: Look) -> str | None:
        """Return what a file was called that is done with and was renamed, None where none was.

        Inode, size and time are the same, and the old name is there no more.
        """
        old = self._taken.get(look)
        if old is None or old == path or look_at(self._root / old) is not None:
            return None
        return old

    def forget(self, path: str) -> None:
        """Know nothing of a file any more, as it is called otherwise now."""
        self._known.pop(path, None)

    def _keep(self, path: str, look: Look) -> None:
        self._known[path] = look
        if look[2]:  # where inodes are unknown, many files may look alike
            self._taken[look] = path

    def list_missing(self, path: str) -> None:
        """Take note that a person has been told what a candidate lacks."""
        self.candidates[path].listed = True
        self._listed.add(path)

    def find_gone(self, paths: Iterable[str]) -> list[str]:
        """Return those of some files that are there no more."""
        return [path for path in paths if look_at(self._root / path) is None]

    def doubts(self, path: str, lacks: str) -> tuple[Doubt, ...]:
        """Return why a candidate that proves complete should still wait.

        Args:
            path: The candidate.
            lacks: Which metadata should be there and are not.
        """
        patient_s = self._patience.patient_s
        found = []
        if is_sum(path):
            sum_s = max(SUM_PATIENCE_S, patient_s) if self._movies else patient_s
            found.append(Doubt("it is EPU's sum of an exposure, whose movie may come", sum_s))
        if not lacks and self._may_get_xml(path):
            lacks = "its XML is not there"
        if lacks:
            found.append(Doubt(lacks, patient_s))
        return tuple(found)

    def _may_get_xml(self, path: str) -> bool:
        """Tell whether to wait for a session's first XML: one without any is found out once."""
        if self._in_vain or epu_key(path) is None or self.metadata.has_xml():
            return False
        quiet_s = self._clock() - self.candidates[path].changed_at
        self._in_vain = quiet_s >= self._patience.patient_s
        return True

    def _enter(self, path: str) -> None:
        self._by_key.setdefault(shared_key(path), set()).add(path)

    def _add_movie(self, path: str) -> None:
        key = movie_key(path)
        if key is not None:
            self._movies.add(key)
            self._wake(key)

    def _wake(self, key: str) -> None:
        """Look again at what belongs to an exposure of which another file has come."""
        for path in self._by_key.get(key, ()):
            self.hasten(path)

    def _is_wanted(self, path: str) -> bool:
        if not self._patterns.accepts(path):
            return False
        return bool(choose_recordings([self._root / path]))
