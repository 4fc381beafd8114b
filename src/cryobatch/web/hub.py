"""The hub: one look at the database serves all browsers that listen for changes."""

import asyncio
import contextlib
import json
import secrets
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from cryobatch.errors import CryobatchError
from cryobatch.project.pulse import Change

LOOK_INTERVAL_S = 0.2
HEARTBEAT_S = 20.0
KEPT = 500
"""So many of the latest changes are sent again to who lost the connection for a while."""

Look = Callable[[], Change | None]


@dataclass(slots=True)
class Hub:
    """Numbers changes and hands them to all listeners.

    Args:
        look: Looks for a change; runs in a thread.
        interval_s: From one look to the next.
    """

    look: Look
    interval_s: float = LOOK_INTERVAL_S
    _epoch: str = field(default_factory=lambda: secrets.token_hex(4))
    _number: int = 0
    _numbering: threading.Lock = field(default_factory=threading.Lock)
    _kept: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=KEPT))
    _listeners: set[asyncio.Event] = field(default_factory=set)
    _task: asyncio.Task[None] | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _closers: list[Callable[[], None]] = field(default_factory=list)

    def number(self) -> int:
        """Return the number of the last event so far."""
        return self._number

    def event_id(self) -> str:
        """Return the id of the last event so far."""
        return f"{self._epoch}-{self._number}"

    async def listen(self, last_seen: str | None) -> AsyncIterator[str]:
        """Yield the event stream's text, from the change after one that was seen.

        Args:
            last_seen: The id that the browser saw last; None: it has just fetched everything.

        Yields:
            Events ``change``, and ``reset`` when changes were missed that are not kept any more.
        """
        news = asyncio.Event()
        self._listeners.add(news)
        self._start()
        try:
            number, greeting = self._greet(last_seen)
            yield greeting
            while True:
                with self._numbering:
                    missed = [item for item in self._kept if item[0] > number]
                for one, text in missed:
                    number = one
                    yield self._event("change", one, text)
                news.clear()
                if self._kept and self._kept[-1][0] > number:
                    continue
                try:
                    await asyncio.wait_for(news.wait(), HEARTBEAT_S)
                except TimeoutError:
                    yield ": still here\n\n"
        finally:
            self._listeners.discard(news)

    def _greet(self, last_seen: str | None) -> tuple[int, str]:
        epoch, _, text = (last_seen or "").partition("-")
        number = int(text) if epoch == self._epoch and text.isdecimal() else None
        oldest = self._kept[0][0] if self._kept else self._number + 1
        if number is not None and oldest - 1 <= number <= self._number:
            return number, ": welcome back\n\n"
        kind = "hello" if last_seen is None else "reset"
        return self._number, "retry: 1000\n" + self._event(kind, self._number, "{}")

    def _event(self, kind: str, number: int, data: str) -> str:
        return f"id: {self._epoch}-{number}\nevent: {kind}\ndata: {data}\n\n"

    def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        """Look while anybody listens."""
        while self._listeners:
            try:
                change = await asyncio.to_thread(self.look)
            except CryobatchError:
                change = None  # a disk that does not answer now may answer soon; requests tell
            if change is not None:
                self._publish(change)
            await asyncio.sleep(self.interval_s)

    def tell(self, topic: str) -> None:
        """Tell all listeners of something that is not in the database; from any thread."""
        change = Change(frozenset({topic}), (), 0)
        if self._loop is None:
            # Nobody has listened yet, but a page may know the number of before and listen soon.
            self._publish(change)
            return
        with contextlib.suppress(RuntimeError):  # the application has ended
            self._loop.call_soon_threadsafe(self._publish, change)

    def _publish(self, change: Change) -> None:
        data = {
            "topics": sorted(change.topics),
            "images": None if change.images is None else list(change.images),
            "log": change.log,
        }
        text = json.dumps(data, separators=(",", ":"))
        with self._numbering:
            self._number += 1
            self._kept.append((self._number, text))
        for listener in self._listeners:
            listener.set()

    def at_close(self, run: Callable[[], None]) -> None:
        """Run something when the application ends."""
        self._closers.append(run)

    def close(self) -> None:
        """Stop looking, and end what was started for the application."""
        if self._task is not None:
            self._task.cancel()
        for run in self._closers:
            run()
