"""Turns: one watched folder at a time changes the project, while bytes are copied beside.

Each folder is followed in a thread of its own. What a thread does to the project is short but for
copies of movies: during these it gives its turn away, so that no folder waits for another's.
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cryobatch.importing import Recording

COPIES_AT_ONCE = 4
"""So many folders copy at the same time; more would only share the same disks."""


class Turns:
    """Says whose turn it is, and which recordings somebody is taking just now."""

    def __init__(self, copies_at_once: int = COPIES_AT_ONCE) -> None:
        """Begin with nobody."""
        self._turn = threading.Lock()
        self._copies = threading.Semaphore(copies_at_once)
        self._claims: list[Recording] = []

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for one's turn, and keep it."""
        with self._turn:
            yield

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Give the turn that one has to others for as long as this takes, such as a copy."""
        self._turn.release()
        try:
            with self._copies:
                yield
        finally:
            self._turn.acquire()

    @contextmanager
    def claiming(self, recordings: Sequence[Recording]) -> Iterator[list[bool]]:
        """Keep others from taking the same recordings, or images of the same name.

        Args:
            recordings: What one is about to take; it is one's turn.

        Yields:
            For each whether it may be taken; the others somebody else is taking just now.
        """
        free = [not any(_clash(one, other) for other in self._claims) for one in recordings]
        claimed = [one for one, is_free in zip(recordings, free, strict=True) if is_free]
        self._claims += claimed
        try:
            yield free
        finally:
            kept = {id(one) for one in claimed}
            self._claims = [one for one in self._claims if id(one) not in kept]


def _clash(one: Recording, other: Recording) -> bool:
    if one.source_id == other.source_id:
        return True
    if one.group != other.group:
        return False
    short, long = sorted((one.name, other.name), key=len)
    # The second of a name gets a number: ``a_2`` may be the name of another recording too.
    return short == long or (long.startswith(f"{short}_") and long[len(short) + 1 :].isdigit())
